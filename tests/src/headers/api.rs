//! Programs that call an API which talks JSON: a phone's app, a backend, a tool that lists things.

use super::clock::{MORNING, date};
use super::fill::{fill, pick};
use super::{Connection, Exchange, Fields, Kind, split};
use crate::rng::Rng;

pub(super) fn connections() -> Vec<Connection> {
    let mut all = Vec::new();
    for (name, exchanges) in
        [("banking app", app()), ("payments", payments()), ("inventory tool", inventory())]
    {
        let (requests, responses) = split(name, (Kind::Api, Kind::Api), exchanges);
        all.extend([requests, responses]);
    }
    all
}

/// A phone's app with a signed token that is renewed after a while.
fn app() -> Vec<Exchange> {
    const CALLS: &[(&str, &str, &str)] = &[
        ("GET", "/mobile/v3/accounts?include=balances", "200"),
        ("GET", "/mobile/v3/accounts/{u}/transactions?limit=50&before={d13}", "200"),
        ("GET", "/mobile/v3/cards/{u}", "200"),
        ("GET", "/mobile/v3/feature-flags", "304"),
        ("POST", "/mobile/v3/events/batch", "204"),
        ("GET", "/mobile/v3/payees?query={w1}", "200"),
        ("PATCH", "/mobile/v3/cards/{u}/limits", "200"),
        ("GET", "/mobile/v3/accounts/{u}/transactions?limit=50&before={d13}", "200"),
        ("POST", "/mobile/v3/transfers", "201"),
        ("DELETE", "/mobile/v3/drafts/{u}", "204"),
    ];
    let rng = &mut Rng::new(101);
    let mut now = MORNING + 4000;
    let device = fill("{u}", rng);
    let flags = fill("\"{x40}\"", rng);
    let mut token = String::new();
    let mut exchanges = Vec::new();
    for number in 0..60 {
        if number % 30 == 0 {
            // Header and claims of a signed token say the same each time, its end does not.
            token = fill(
                "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjIwMjYtMTEifQ.{b310}.{b342}",
                rng,
            );
        }
        let (method, path, status) = CALLS[number % CALLS.len()];
        let mut out = Fields::default();
        out.add(":method", method)
            .add(":path", fill(path, rng))
            .add(":authority", "api.meridianbank.example")
            .add(":scheme", "https")
            .add("authorization", &token)
            .add("accept", "application/json")
            .add("accept-language", "de-DE")
            .add("x-app-version", "8.41.2 (20261109)")
            .add("x-platform", "android/16")
            .add("x-device-id", &device)
            .add("x-request-id", fill("{u}", rng));
        if ["POST", "PATCH"].contains(&method) {
            out.add("idempotency-key", fill("{u}", rng))
                .add("content-type", "application/json; charset=UTF-8")
                .add("content-length", (60 + rng.below(900)).to_string());
        }
        out.add_some("if-none-match", (status == "304").then_some(&flags))
            .add("accept-encoding", "gzip")
            .add("user-agent", "okhttp/5.1.0");
        let request = out.end();

        now += rng.below(7) as u64;
        out.add(":status", status).add("date", date(now));
        if ["200", "201"].contains(&status) {
            out.add("content-type", "application/json")
                .add("vary", "Accept-Encoding")
                .add("content-encoding", "gzip");
        }
        out.add_some("etag", path.ends_with("flags").then_some(&flags))
            .add("cache-control", "no-store")
            .add("x-request-id", request_id(&request))
            .add("x-envoy-upstream-service-time", (3 + rng.below(90)).to_string())
            .add("strict-transport-security", "max-age=31536000; includeSubDomains")
            .add("x-content-type-options", "nosniff")
            .add("server", "istio-envoy");
        exchanges.push(Exchange { request, answer: vec![out.end()] });
    }
    exchanges
}

/// What the request calls itself.
fn request_id(request: &super::Block) -> Vec<u8> {
    let mut fields = request.iter();
    fields.find(|field| field.0 == b"x-request-id").map(|field| field.1.clone()).unwrap_or_default()
}

/// One backend to another: a short secret, traces, keys against doing it twice.
fn payments() -> Vec<Exchange> {
    const CALLS: &[(&str, &str)] = &[
        ("POST", "/v1/payment_intents"),
        ("POST", "/v1/payment_intents/pi_3S{b22}/confirm"),
        ("GET", "/v1/payment_intents/pi_3S{b22}?expand[]=latest_charge"),
        ("GET", "/v1/customers/cus_T{b13}"),
        ("POST", "/v1/refunds"),
    ];
    let rng = &mut Rng::new(102);
    let mut now = MORNING + 9000;
    let mut exchanges = Vec::new();
    for number in 0..70 {
        let (method, path) = CALLS[(number + rng.below(2)) % CALLS.len()];
        let post = method == "POST";
        let key = fill("{u}", rng);
        let mut out = Fields::default();
        out.add(":method", method)
            .add(":scheme", "https")
            .add(":authority", "api.paywright.example")
            .add(":path", fill(path, rng))
            .add("user-agent", "Paywright/v1 PythonBindings/13.0.1")
            .add("authorization", "Bearer sk_live_51Hx9QzKq3VdT8mWc0RfLbYpE7uNs2AgJ4")
            .add("paywright-version", "2026-10-29.acacia")
            .add("accept", "*/*")
            .add("accept-encoding", "gzip, deflate, br");
        if post {
            out.add("idempotency-key", &key)
                .add("content-type", "application/x-www-form-urlencoded")
                .add("content-length", (80 + rng.below(400)).to_string());
        }
        out.add("traceparent", fill("00-{x32}-{x16}-01", rng))
            .add("tracestate", fill("shop@vendor=p:{x16};r:0", rng));
        let request = out.end();

        now += rng.below(4) as u64;
        let limited = number % 23 == 22;
        out.add(":status", if limited { "429" } else { "200" })
            .add("server", "nginx")
            .add("date", date(now))
            .add("content-type", "application/json")
            .add("content-length", (300 + rng.below(4000)).to_string())
            .add("access-control-allow-credentials", "true")
            .add("access-control-allow-methods", "GET, HEAD, PUT, PATCH, POST, DELETE")
            .add("access-control-allow-origin", "*")
            .add("access-control-expose-headers", "Request-Id, Paywright-Should-Retry")
            .add("access-control-max-age", "300")
            .add("cache-control", "no-cache, no-store")
            .add(
                "content-security-policy",
                "base-uri 'none'; default-src 'none'; form-action 'none'; frame-ancestors 'none'; \
                 img-src 'self'; script-src 'self'; style-src 'self'; report-uri /csp-violation",
            )
            .add_some("idempotency-key", post.then_some(&key))
            .add_some("original-request", post.then(|| fill("req_{b14}", rng)))
            .add("request-id", fill("req_{b14}", rng))
            .add_some("retry-after", limited.then_some("2"))
            .add("paywright-version", "2026-10-29.acacia")
            .add("vary", "Origin")
            .add("x-wc", "ABGHIJ")
            .add("strict-transport-security", "max-age=63072000; includeSubDomains; preload");
        exchanges.push(Exchange { request, answer: vec![out.end()] });
    }
    exchanges
}

/// A tool that goes through all pages of a list, and looks at some of what it finds.
fn inventory() -> Vec<Exchange> {
    let rng = &mut Rng::new(103);
    let mut now = MORNING + 15_000;
    let mut left = 5000;
    let mut exchanges = Vec::new();
    let mut cursor = String::new();
    for number in 0..60 {
        let path = if number % 4 == 0 {
            let path = format!("/orgs/northmoor/machines?per_page=100&sort=created{cursor}");
            cursor = fill("&after=Y3Vyc29yOnYyOpK5MjAyNi{b24}%3D", rng);
            path
        } else {
            fill("/orgs/northmoor/machines/{d8}/volumes", rng)
        };
        let mut out = Fields::default();
        out.add(":authority", "api.stackyard.example")
            .add(":method", "GET")
            .add(":path", &path)
            .add(":scheme", "https")
            .add("accept", "application/vnd.stackyard+json")
            .add("authorization", "Bearer sy_pat_11AB2K9Q0s7vXy3mN5pR8tUw")
            .add("x-stackyard-api-version", "2026-06-01")
            .add("accept-encoding", "gzip")
            .add("user-agent", "go-stackyard/v74.0.0");
        let request = out.end();

        now += 1;
        left -= 1;
        let listing = number % 4 == 0;
        let next = format!(
            "<https://api.stackyard.example/orgs/northmoor/machines?per_page=100&\
             sort=created{cursor}>; rel=\"next\""
        );
        out.add(":status", if number % 19 == 18 { "404" } else { "200" })
            .add("date", date(now))
            .add("content-type", "application/json; charset=utf-8")
            .add("cache-control", "private, max-age=60, s-maxage=60")
            .add(
                "vary",
                "Accept, Authorization, Cookie, X-Stackyard-OTP,Accept-Encoding, Accept, \
             X-Requested-With",
            )
            .add("etag", fill("W/\"{x64}\"", rng))
            .add("x-oauth-scopes", "read:org, read:machines")
            .add("x-accepted-oauth-scopes", "")
            .add("x-stackyard-media-type", "stackyard.v3; format=json")
            .add_some("link", listing.then_some(next))
            .add("x-ratelimit-limit", "5000")
            .add("x-ratelimit-remaining", left.to_string())
            .add("x-ratelimit-reset", (MORNING + 18_000).to_string())
            .add("x-ratelimit-used", (5000 - left).to_string())
            .add("x-ratelimit-resource", "core")
            .add(
                "access-control-expose-headers",
                "ETag, Link, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, \
             X-RateLimit-Used, X-RateLimit-Resource, X-RateLimit-Reset, X-OAuth-Scopes, \
             X-Accepted-OAuth-Scopes, Deprecation, Sunset",
            )
            .add("access-control-allow-origin", "*")
            .add("strict-transport-security", "max-age=31536000; includeSubdomains; preload")
            .add("x-frame-options", "deny")
            .add("x-content-type-options", "nosniff")
            .add("x-xss-protection", "0")
            .add("referrer-policy", "origin-when-cross-origin, strict-origin-when-cross-origin")
            .add("content-encoding", "gzip")
            .add("x-stackyard-request-id", fill("{x4}:{x6}:{x7}:{x7}:{x8}", rng))
            .add("server", pick(&["stackyard.example", "stackyard.example"], rng));
        exchanges.push(Exchange { request, answer: vec![out.end()] });
    }
    exchanges
}
