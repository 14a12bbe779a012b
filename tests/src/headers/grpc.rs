//! Programs that call each other over gRPC: requests, and responses of a head and trailers.

use super::clock::{MORNING, date};
use super::fill::fill;
use super::{Block, Connection, Exchange, Fields, Kind, split};
use crate::rng::Rng;

pub(super) fn connections() -> Vec<Connection> {
    let mut all = Vec::new();
    for (name, exchanges) in
        [("checkout service", mesh()), ("key-value store", store()), ("cloud API", cloud())]
    {
        let (requests, responses) = split(name, (Kind::Grpc, Kind::Grpc), exchanges);
        all.extend([requests, responses]);
    }
    all
}

fn call(authority: &str, scheme: &str, path: &str, user_agent: &str) -> Fields {
    let mut out = Fields::default();
    out.add(":method", "POST")
        .add(":scheme", scheme)
        .add(":path", path)
        .add(":authority", authority)
        .add("content-type", "application/grpc")
        .add("user-agent", user_agent)
        .add("te", "trailers");
    out
}

/// Trailers of a call that went well.
fn good() -> Block {
    Fields::default().add("grpc-status", "0").add("grpc-message", "").end()
}

/// Services of one system, each call with what is left of the deadline and with its trace.
fn mesh() -> Vec<Exchange> {
    const METHODS: &[&str] = &[
        "/boutique.CartService/GetCart",
        "/boutique.ProductCatalogService/GetProduct",
        "/boutique.ProductCatalogService/GetProduct",
        "/boutique.CurrencyService/Convert",
        "/boutique.ShippingService/GetQuote",
        "/boutique.PaymentService/Charge",
        "/boutique.CartService/EmptyCart",
    ];
    let rng = &mut Rng::new(201);
    (0..70)
        .map(|number| {
            let path = METHODS[number % METHODS.len()];
            let mut out = call("checkout-backend:7070", "http", path, "grpc-go/1.76.0");
            out.add("grpc-timeout", format!("{}u", 900_000 + rng.below(99_000)))
                .add("traceparent", fill("00-{x32}-{x16}-01", rng))
                .add("baggage", fill("session.id={u},synthetic_request=false", rng));
            let request = out.end();
            out.add(":status", "200").add("content-type", "application/grpc");
            let head = out.end();
            let answer = match number % 29 {
                // Nothing but trailers.
                17 => vec![
                    out.add(":status", "200")
                        .add("content-type", "application/grpc")
                        .add("grpc-status", "5")
                        .add("grpc-message", fill("no product with ID {b10}", rng))
                        .add(
                            "grpc-status-details-bin",
                            fill("CAUSJ25vIHByb2R1Y3Qgd2l0aCBJRCA{b40}", rng),
                        )
                        .end(),
                ],
                _ => vec![head, good()],
            };
            Exchange { request, answer }
        })
        .collect()
}

/// A store that is asked the same few things for ever.
fn store() -> Vec<Exchange> {
    let rng = &mut Rng::new(202);
    let token = fill("{b16}.{d6}", rng);
    (0..70)
        .map(|number| {
            let path = match number % 5 {
                0 => "/etcdserverpb.KV/Txn",
                3 => "/etcdserverpb.Lease/LeaseKeepAlive",
                _ => "/etcdserverpb.KV/Range",
            };
            let mut out = call("10.42.0.17:2379", "https", path, "grpc-go/1.71.1");
            out.add("token", &token).add("hasleader", "true").add("client-version", "3.6.4");
            if number % 3 == 0 {
                out.add("grpc-timeout", "4999998u");
            }
            let request = out.end();
            let head = out.add(":status", "200").add("content-type", "application/grpc").end();
            Exchange { request, answer: vec![head, good()] }
        })
        .collect()
}

/// A cloud's API from a library in another language: a signed token, binary metadata, routing.
fn cloud() -> Vec<Exchange> {
    const METHODS: &[(&str, &str)] = &[
        ("/nimbus.pubsub.v1.Subscriber/Pull", "subscription"),
        ("/nimbus.pubsub.v1.Subscriber/Acknowledge", "subscription"),
        ("/nimbus.pubsub.v1.Publisher/Publish", "topic"),
    ];
    let rng = &mut Rng::new(203);
    let token = fill("Bearer ya29.c.c0AYnqXl{b200}", rng);
    let mut now = MORNING + 20_000;
    (0..70)
        .map(|number| {
            let (path, resource) = METHODS[number % METHODS.len()];
            let agent = "grpc-java-netty/1.76.0";
            let mut out = call("pubsub.nimbuscloud.example", "https", path, agent);
            out.add("x-nimbus-api-client", "gl-java/21.0.8 gapic/1.143.0 gax/2.71.0 grpc/1.76.0")
                .add(
                    "x-nimbus-request-params",
                    format!("{resource}=projects/harbour-prod/{resource}s/orders-{}", number % 4),
                )
                .add("authorization", &token)
                .add("grpc-accept-encoding", "gzip")
                .add("grpc-trace-bin", fill("AAA{b35}", rng))
                .add("grpc-tags-bin", "AAAMY2xpZW50X2NsYXNzBmJhdGNoMQ")
                .add("grpc-timeout", format!("{}m", 59_000 + rng.below(1000)));
            let request = out.end();
            now += rng.below(3) as u64;
            out.add(":status", "200")
                .add("content-type", "application/grpc")
                .add("grpc-encoding", "identity")
                .add("grpc-accept-encoding", "identity, deflate, gzip")
                .add("date", date(now))
                .add("alt-svc", "h3=\":443\"; ma=2592000");
            let head = out.end();
            let tail = Fields::default()
                .add("grpc-status", "0")
                .add("content-disposition", "attachment")
                .add("grpc-server-stats-bin", fill("AAD{b11}", rng))
                .end();
            Exchange { request, answer: vec![head, tail] }
        })
        .collect()
}
