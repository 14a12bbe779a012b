//! Rows H1: heads and chunks of HTTP/1.1.
//!
//! *Ours* is the whole machine. A batch is one message on each of 64 warm connections, which are
//! copied from one that has served requests before, outside the time; so no message finds a
//! connection that is hot from the message before. Of a request it pulls the head (with Host,
//! framing, persistence, Expect and limits decided, and the octets copied to the caller's buffer)
//! and the end; of a response the head, the content, which lies there, and the end. Nothing is
//! left out but the answer, which parsers do not give either; the lines `H1 cycle` have it in.
//!
//! Messages take turns with a twin whose field names begin in the other case and whose start line is another
//! one, so that no line is one that the buffer for heads has just read. *Ours, again* is what it takes where all of them are.
//!
//! The peers parse heads only. *httparse+http* is what hyper makes of one: method, target, and a
//! header map of values that share the input, which is kept from message to message.

use std::hint::black_box;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h1_proto::{BodyLength, ClientConnection, Config, Event, Head, ServerConnection};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use picohttpparser_sys::{
    phr_chunked_decoder, phr_decode_chunked, phr_header, phr_parse_request, phr_parse_response,
};

use crate::harness::{Contender, Limit, Options, Row, timed};
use crate::inputs;

const CONNECTIONS: usize = 64;
const FIELDS_MAX: usize = 100;

/// All rows of the family. Whether every bar held.
pub(crate) fn rows(options: &Options) -> bool {
    let mut held = true;
    for (id, input, bar, goal) in [
        ("H1a", inputs::REQUEST_27, 0.8, 1.2),
        ("H1b", inputs::REQUEST_170, 0.6, 1.2),
        ("H1c", inputs::REQUEST_703, 0.5, 1.1),
        ("H1d", inputs::REQUEST_1084, 0.5, 1.0),
    ] {
        held &= request(options, id, input, bar, goal);
    }
    held &= response(options, inputs::RESPONSE_102, 13);
    held &= response(options, inputs::RESPONSE_773, 5120);
    held &= chunk(options, 64, 64, 13.5 / 4.6, 10.0);
    held &= chunk(options, 16 << 10, 4, 22.0 / 7.7, 12.0);
    for input in
        [inputs::REQUEST_27, inputs::REQUEST_170, inputs::REQUEST_703, inputs::REQUEST_1084]
    {
        cycle(options, input);
    }
    held
}

fn request(options: &Options, id: &'static str, input: &[u8], bar: f64, goal: f64) -> bool {
    let inputs = twins(input);
    let inputs = black_box(inputs.each_ref().map(Vec::as_slice));
    let shared = inputs.map(Bytes::copy_from_slice);
    let (mut head, mut again, mut map) = (Head::new(), Head::new(), HeaderMap::new());
    let warm = warm_server(&mut head);
    options.run(Row {
        id,
        what: format!("request {} B", input.len()),
        operations: CONNECTIONS,
        octets: None,
        contenders: vec![
            Contender::new("ours", || {
                let mut servers = vec![warm.clone(); CONNECTIONS];
                timed(|| {
                    let turns = servers.iter_mut().zip(inputs.iter().cycle());
                    turns.for_each(|(server, input)| receive(server, input, &mut head));
                })
            }),
            Contender::new("ours, again", || {
                let mut servers = vec![warm.clone(); CONNECTIONS];
                timed(|| servers.iter_mut().for_each(|it| receive(it, inputs[0], &mut again)))
            }),
            Contender::new("httparse", || times(|turn| httparse_request(inputs[turn % 2]))),
            Contender::new("httparse+http", || {
                times(|turn| http_request(&shared[turn % 2], &mut map))
            }),
            Contender::new("picohttpparser", || times(|turn| pico_request(inputs[turn % 2]))),
        ],
        bar: Some(Limit::Times(bar, "httparse+http")),
        goal: Some(Limit::Times(goal, "httparse")),
    })
}

fn response(options: &Options, response: &[u8], content: usize) -> bool {
    let heads = twins(response);
    let heads = black_box(heads.each_ref().map(Vec::as_slice));
    let inputs = heads.map(|head| [head, &vec![b'x'; content]].concat());
    let inputs = black_box(inputs.each_ref().map(Vec::as_slice));
    let mut head = Head::new();
    let warm = warm_client(&mut head);
    options.run(Row {
        id: "H1e",
        what: format!("response {} B", response.len()),
        operations: CONNECTIONS,
        octets: None,
        contenders: vec![
            Contender::new("ours", || {
                let mut clients = vec![warm.clone(); CONNECTIONS];
                timed(|| {
                    for (client, input) in clients.iter_mut().zip(inputs.iter().cycle()) {
                        let mut rest = black_box(*input);
                        for _ in 0..3 {
                            let event = client.next_event(&mut rest, &mut head);
                            assert!(matches!(black_box(&event), Ok(Some(_))));
                        }
                    }
                })
            }),
            Contender::new("httparse", || times(|turn| httparse_response(heads[turn % 2]))),
            Contender::new("picohttpparser", || times(|turn| pico_response(heads[turn % 2]))),
        ],
        bar: Some(Limit::Times(2.0, "httparse")),
        goal: Some(Limit::Times(1.2, "httparse")),
    })
}

/// Chunks of a body that goes on, on one connection. The bar is llhttp's time, which was measured
/// beside httparse's once; there is no crate of llhttp that builds with a C compiler alone.
fn chunk(options: &Options, octets: usize, count: usize, llhttp: f64, goal: f64) -> bool {
    const REPEATED: usize = 16;
    let input = inputs::chunks(count, octets);
    let input = black_box(input.as_slice());
    let mut head = Head::new();
    let mut server = chunked_server(&mut head);
    let mut sizes = Vec::new();
    for position in (0..count).map(|index| index * (input.len() / count)) {
        sizes.push(&input[position..]);
    }
    let mut copies = vec![input.to_vec(); REPEATED];
    options.run(Row {
        id: "H1f",
        what: format!("chunk {octets} B"),
        operations: count * REPEATED,
        octets: None,
        contenders: vec![
            Contender::new("ours", || {
                timed(|| {
                    for _ in 0..REPEATED {
                        let mut rest = black_box(input);
                        while let Some(Event::Data(data)) =
                            server.next_event(&mut rest, &mut head).expect("good chunks")
                        {
                            black_box(data);
                        }
                    }
                })
            }),
            Contender::new("httparse", || {
                timed(|| {
                    for _ in 0..REPEATED {
                        for size in &sizes {
                            assert!(black_box(httparse::parse_chunk_size(black_box(size))).is_ok());
                        }
                    }
                })
            }),
            // It moves the content in place, so it needs a body of its own each time.
            Contender::new("picohttpparser (copies)", || {
                copies.iter_mut().for_each(|copy| copy.copy_from_slice(input));
                timed(|| copies.iter_mut().for_each(|copy| pico_chunks(copy)))
            }),
        ],
        bar: Some(Limit::Through { times: llhttp, name: "httparse", absent: "llhttp" }),
        goal: Some(Limit::Nanoseconds(goal)),
    })
}

/// A request and the answer to it, on one connection for ever.
fn cycle(options: &Options, input: &[u8]) {
    let inputs = twins(input);
    let inputs = black_box(inputs.each_ref().map(Vec::as_slice));
    let (mut head, mut out) = (Head::new(), Vec::new());
    let mut server = warm_server(&mut head);
    options.run(Row {
        id: "H1 cycle",
        what: format!("request {} B, answer 13 B", input.len()),
        operations: CONNECTIONS,
        octets: None,
        contenders: vec![
            Contender::new("ours", || {
                times(|turn| {
                    receive(&mut server, inputs[turn % 2], &mut head);
                    answer(&mut server, &mut out);
                })
            }),
            Contender::new("httparse", || times(|turn| httparse_request(inputs[turn % 2]))),
        ],
        bar: None,
        goal: None,
    });
}

/// A batch of the same operation, which is told its turn.
fn times(operation: impl FnMut(usize)) -> Duration {
    timed(|| (0..CONNECTIONS).for_each(operation))
}

/// A head, and one of the same size with another method or reason, and field names that begin in the other case.
fn twins(head: &[u8]) -> [Vec<u8>; 2] {
    let mut twin = head.to_vec();
    if head.starts_with(b"GET ") {
        twin[..3].copy_from_slice(b"PUT");
    } else {
        assert!(head.starts_with(b"HTTP/1.1 200 O"), "a start line that has no twin");
        twin[b"HTTP/1.1 200 ".len()] ^= 0x20;
    }
    // Behind the last line comes the empty one.
    for line in (0..head.len() - 4).filter(|&at| head[at..].starts_with(b"\r\n")) {
        twin[line + 2] ^= 0x20;
    }
    [head.to_vec(), twin]
}

// ---- ours ----

/// A connection that has served requests before.
fn warm_server(head: &mut Head) -> ServerConnection {
    let mut server = ServerConnection::new(Config::default(), Duration::ZERO);
    for _ in 0..4 {
        receive(&mut server, inputs::REQUEST_1084, head);
        answer(&mut server, &mut Vec::new());
    }
    server
}

/// A connection that has had answers before and waits for one.
fn warm_client(head: &mut Head) -> ClientConnection {
    let mut client = ClientConnection::new(Config::default(), Duration::ZERO);
    let mut out = Vec::new();
    for _ in 0..4 {
        client.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut out).unwrap();
        client.wrote(out.len());
        out.clear();
        let mut rest: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        while client.next_event(&mut rest, head).unwrap().is_some() {}
    }
    client.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut out).unwrap();
    client.wrote(out.len());
    client
}

/// A connection in the middle of a chunked body without end.
fn chunked_server(head: &mut Head) -> ServerConnection {
    let mut config = Config::default();
    config.body_bytes_max = u64::MAX;
    let mut server = ServerConnection::new(Arc::new(config), Duration::ZERO);
    let mut rest: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let event = server.next_event(&mut rest, head).unwrap();
    assert!(matches!(event, Some(Event::Head { body: BodyLength::Chunked, .. })));
    server
}

/// Head and end.
#[inline]
fn receive(server: &mut ServerConnection, input: &[u8], head: &mut Head) {
    let mut rest = black_box(input);
    let event = server.next_event(&mut rest, head).expect("a good request");
    assert!(matches!(black_box(&event), Some(Event::Head { .. })));
    let event = server.next_event(&mut rest, head).expect("a good request");
    assert!(matches!(black_box(&event), Some(Event::End { .. })));
}

#[inline]
fn answer(server: &mut ServerConnection, out: &mut Vec<u8>) {
    let fields = [
        ("server", "bench"),
        ("content-type", "text/plain"),
        ("date", "Sat, 21 Nov 2026 08:12:31 GMT"),
    ];
    server.respond(200, &fields, b"Hello, World!", out).expect("an answer is owed");
    server.wrote(out.len());
    black_box(&out);
    out.clear();
}

// ---- the peers ----

fn httparse_request(input: &[u8]) {
    let input = black_box(input);
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(input, &mut fields).expect("a good request");
    assert!(status.is_complete());
    black_box(&request);
}

fn httparse_response(input: &[u8]) {
    let input = black_box(input);
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, input, &mut fields)
        .expect("a good response");
    assert!(status.is_complete());
    black_box(&response);
}

fn http_request(shared: &Bytes, map: &mut HeaderMap) {
    let input = black_box(shared);
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let status = request.parse_with_uninit_headers(input, &mut fields).expect("a good request");
    assert!(status.is_complete());
    let method = Method::from_bytes(request.method.unwrap().as_bytes()).expect("a method");
    let target = input.slice_ref(request.path.unwrap().as_bytes());
    let target = Uri::from_maybe_shared(target).expect("a target");
    map.clear();
    map.reserve(request.headers.len());
    for field in request.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).expect("a name");
        // SAFETY: httparse has let pass only octets that a value may hold.
        let value =
            unsafe { HeaderValue::from_maybe_shared_unchecked(input.slice_ref(field.value)) };
        map.append(name, value);
    }
    black_box((&method, &target, &map));
}

fn pico_request(input: &[u8]) {
    let input = black_box(input);
    let mut fields = [const { MaybeUninit::<phr_header>::uninit() }; FIELDS_MAX];
    let (mut method, mut path) = ((ptr::null(), 0), (ptr::null(), 0));
    let (mut minor, mut count) = (0, FIELDS_MAX);
    // SAFETY: input and fields are as long as told, and fields are only written.
    let octets = unsafe {
        phr_parse_request(
            input.as_ptr().cast(),
            input.len(),
            &mut method.0,
            &mut method.1,
            &mut path.0,
            &mut path.1,
            &mut minor,
            fields.as_mut_ptr().cast(),
            &mut count,
            0,
        )
    };
    assert!(octets > 0);
    black_box((method, path, minor, count, &fields));
}

fn pico_response(input: &[u8]) {
    let input = black_box(input);
    let mut fields = [const { MaybeUninit::<phr_header>::uninit() }; FIELDS_MAX];
    let (mut minor, mut status, mut reason, mut count) = (0, 0, (ptr::null(), 0), FIELDS_MAX);
    // SAFETY: input and fields are as long as told, and fields are only written.
    let octets = unsafe {
        phr_parse_response(
            input.as_ptr().cast(),
            input.len(),
            &mut minor,
            &mut status,
            &mut reason.0,
            &mut reason.1,
            fields.as_mut_ptr().cast(),
            &mut count,
            0,
        )
    };
    assert!(octets > 0);
    black_box((minor, status, reason, count, &fields));
}

fn pico_chunks(body: &mut [u8]) {
    // SAFETY: all zeros is how it asks to be begun, and the body is as long as told.
    let left = unsafe {
        let mut decoder: phr_chunked_decoder = MaybeUninit::zeroed().assume_init();
        let mut octets = body.len();
        phr_decode_chunked(&mut decoder, body.as_mut_ptr().cast(), &mut octets)
    };
    assert_eq!(black_box(left), -2, "the body goes on");
}
