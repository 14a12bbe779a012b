//! h2 in connections in memory: h2 at the one end; at the other, frames made by hand around our
//! field blocks. Sections pass in both directions, in both roles, while both tables change size.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;
use hpack::{Decoder, Encoder, FieldBuf, FieldLimits, Fragments, Indexing};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use tests::frames::{Frame, HEADER_TABLE_SIZE, PREFACE, flag, kind};
use tests::headers::{Block, api_and_grpc, browsing_requests, browsing_responses};
use tests::hpack_script::with_secrets;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);
/// What our encoder uses at most of the table that the peer offers.
const CAP: usize = 16 << 10;
const SECTION_BYTES: u32 = 1 << 20;
/// What a frame may hold (RFC 9113 §6.5.2).
const FRAME_BYTES: usize = 16 << 10;
/// The default of HTTP/2, and the most that the encoder of h2 ever uses.
const TABLE_BYTES: usize = 4096;

/// The end of a connection that is made by hand.
struct Wire {
    transport: DuplexStream,
    input: Vec<u8>,
    encoder: Encoder,
    decoder: Decoder,
    /// Sizes of our table that the peer has not acknowledged.
    announced: VecDeque<usize>,
    acknowledged: usize,
    /// CONTINUATION frames that came.
    continuations: usize,
}

impl Wire {
    /// A connection, and its other end.
    fn new() -> (Self, DuplexStream) {
        let (transport, other) = duplex(1 << 20);
        let wire = Self {
            transport,
            input: Vec::new(),
            // So that tables fill.
            encoder: Encoder::new(CAP).with_policy(|_, _| Indexing::Incremental),
            decoder: Decoder::new(TABLE_BYTES),
            announced: VecDeque::new(),
            acknowledged: 0,
            continuations: 0,
        };
        (wire, other)
    }

    async fn read(&mut self) {
        let octets = self.transport.read_buf(&mut self.input).await.expect("a pipe in memory");
        assert_ne!(octets, 0, "h2 has closed the connection");
    }

    async fn write(&mut self, frames: &[Frame]) {
        let mut out = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut out));
        self.transport.write_all(&out).await.expect("a pipe in memory");
    }

    async fn preface(&mut self) {
        while self.input.len() < PREFACE.len() {
            self.read().await;
        }
        assert!(self.input.starts_with(PREFACE));
        self.input.drain(..PREFACE.len());
    }

    /// From now on, or rather from when h2 acknowledges it, our table has this size.
    async fn set_table_bytes_max(&mut self, size: usize) {
        self.announced.push_back(size);
        let value = u32::try_from(size).expect("a small table");
        self.write(&[Frame::settings([(HEADER_TABLE_SIZE, value)])]).await;
    }

    async fn frame(&mut self) -> Frame {
        loop {
            if let Some(frame) = Frame::take(&mut self.input) {
                return frame;
            }
            self.read().await;
        }
    }

    /// The next field section and its stream. What comes before it is dealt with.
    async fn section(&mut self) -> (u32, FieldBuf) {
        loop {
            let frame = self.frame().await;
            match frame.kind {
                kind::HEADERS => return (frame.stream, self.decode(frame).await),
                kind::SETTINGS if frame.has(flag::ACK) => {
                    let size = self.announced.pop_front().expect("an acknowledgement of something");
                    self.decoder.set_table_bytes_max(size);
                    self.acknowledged += 1;
                }
                kind::SETTINGS => {
                    for (_, size) in frame.entries().filter(|it| it.0 == HEADER_TABLE_SIZE) {
                        self.encoder.set_peer_table_bytes_max(size as usize);
                    }
                    self.write(&[Frame::settings_ack()]).await;
                }
                kind::DATA | kind::RST_STREAM | kind::WINDOW_UPDATE => {}
                _ => panic!("{frame:?}"),
            }
        }
    }

    async fn decode(&mut self, mut frame: Frame) -> FieldBuf {
        let mut fragments = Fragments::new();
        loop {
            let fragment = frame.fragment().expect("a fragment");
            fragments.push(fragment, SECTION_BYTES as usize).expect("a short block");
            if frame.has(flag::END_HEADERS) {
                break;
            }
            frame = self.frame().await;
            assert_eq!(frame.kind, kind::CONTINUATION);
            self.continuations += 1;
        }
        let limits = FieldLimits { section_bytes_max: SECTION_BYTES as usize, fields_max: 1000 };
        let mut fields = FieldBuf::new();
        self.decoder.decode(fragments.block(), &limits, &mut fields).expect("a good block");
        fields
    }

    /// Sends a field section in as many pieces as there are cuts and one more, if frames may be as
    /// long; content would follow.
    async fn send_section(&mut self, stream: u32, fields: &FieldBuf, cuts: usize) {
        let mut block = Vec::new();
        self.encoder.encode_block(fields, &mut block);
        let piece = (block.len() / (cuts + 1) + 1).min(FRAME_BYTES);
        let mut frames: Vec<_> = block
            .chunks(piece)
            .map(|piece| Frame::new(kind::CONTINUATION, 0, stream, piece))
            .collect();
        frames.first_mut().expect("a field").kind = kind::HEADERS;
        frames.last_mut().expect("a field").flags |= flag::END_HEADERS;
        self.write(&frames).await;
    }
}

/// Fields in an order that does not depend on how `HeaderMap` keeps them.
fn sorted(fields: &FieldBuf) -> Vec<(&[u8], &[u8], bool)> {
    let mut all: Vec<_> =
        fields.iter().map(|field| (field.name, field.value, field.sensitive)).collect();
    all.sort_unstable();
    all
}

/// The same, as h2 shows them to its application: which are sensitive, it does not say.
fn sorted_plain(fields: &FieldBuf) -> Vec<(&[u8], &[u8])> {
    sorted(fields).into_iter().map(|(name, value, _)| (name, value)).collect()
}

fn text(fields: &FieldBuf, name: &str) -> String {
    let value = fields.value(name).unwrap_or_else(|| panic!("no {name}"));
    String::from_utf8(value.to_vec()).expect("text")
}

/// The fields without pseudo-header fields, in the form of `http`.
fn header_map(fields: &FieldBuf) -> HeaderMap {
    let mut map = HeaderMap::new();
    for field in fields.iter().filter(|field| !field.name.starts_with(b":")) {
        let mut value = HeaderValue::from_bytes(field.value).expect("a value");
        value.set_sensitive(field.sensitive);
        map.append(HeaderName::from_bytes(field.name).expect("a name"), value);
    }
    map
}

fn request(fields: &FieldBuf) -> Request<()> {
    let [scheme, authority, path] = [":scheme", ":authority", ":path"].map(|it| text(fields, it));
    let mut request = Request::new(());
    *request.method_mut() = text(fields, ":method").parse().expect("a method");
    *request.uri_mut() = Uri::builder()
        .scheme(scheme.as_str())
        .authority(authority)
        .path_and_query(path)
        .build()
        .expect("a URI");
    *request.version_mut() = http::Version::HTTP_2;
    *request.headers_mut() = header_map(fields);
    request
}

fn response(fields: &FieldBuf) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = text(fields, ":status").parse::<StatusCode>().expect("a status");
    *response.headers_mut() = header_map(fields);
    response
}

/// What h2 made of a section.
fn seen(pseudo: &[(&str, &str)], map: &HeaderMap) -> FieldBuf {
    let mut fields: FieldBuf = pseudo.iter().collect();
    map.iter().for_each(|(name, value)| fields.push((name.as_str(), value)));
    fields
}

/// A section that no frame holds.
fn large(block: &Block, number: usize) -> Block {
    let value = (0..50_000).map(|at| b'!' + (at * (number + 7) % 90) as u8).collect();
    [block.as_slice(), &[(b"x-large".to_vec(), value)]].concat()
}

/// Requests and responses of a site, each with its secrets, one of them large.
fn exchanges(site: usize) -> Vec<(FieldBuf, FieldBuf)> {
    let (requests, responses) = if site < BROWSED {
        (browsing_requests().swap_remove(site), browsing_responses().swap_remove(site))
    } else {
        let mut calls = api_and_grpc();
        let responses = calls.swap_remove(2 * (site - BROWSED) + 1);
        (calls.swap_remove(2 * (site - BROWSED)), responses)
    };
    // The trailers of a call are no answer of their own here.
    let heads = responses.blocks.into_iter().filter(|block| block[0].0 == b":status");
    let mut blocks: Vec<_> = requests.blocks.into_iter().zip(heads).collect();
    let middle = blocks.len() / 2;
    blocks[middle] = (large(&blocks[middle].0, 1), large(&blocks[middle].1, 2));
    let sections =
        |(request, response): &(Block, Block)| (with_secrets(request), with_secrets(response));
    blocks.iter().map(sections).collect()
}

/// Sites that browsers ask; the numbers behind are those of APIs and gRPC services.
const BROWSED: usize = 10;
const SITES: usize = 16;

/// What our table becomes, again and again; two changes at a time sometimes.
const SIZES: [&[usize]; 7] = [&[100], &[0, TABLE_BYTES], &[], &[1000, 500], &[64 << 10], &[0], &[]];

/// h2's table, in the order of the sites.
const THEIR_SIZES: [Option<u32>; 5] = [None, Some(0), Some(100), Some(8 << 10), Some(64 << 10)];

/// A client of h2 against us.
async fn h2_asks(site: usize, their_size: Option<u32>) {
    let (mut wire, other) = Wire::new();
    let mut builder = h2::client::Builder::new();
    builder.max_header_list_size(SECTION_BYTES);
    if let Some(size) = their_size {
        builder.header_table_size(size);
    }
    let (sender, connection) =
        builder.handshake::<_, Bytes>(other).await.expect("a pipe in memory");
    let connection = tokio::spawn(connection);
    wire.set_table_bytes_max(TABLE_BYTES).await;
    wire.preface().await;

    let mut table_bytes = 0;
    for (number, (asked, answered)) in exchanges(site).iter().enumerate() {
        for &size in SIZES[number % SIZES.len()] {
            wire.set_table_bytes_max(size).await;
        }
        let mut sender = sender.clone().ready().await.expect("a connection");
        let (answer, _) = sender.send_request(request(asked), true).expect("a request");
        let (stream, fields) = wire.section().await;
        assert_eq!(sorted(&fields), sorted(asked), "request {number} of site {site}");

        wire.send_section(stream, answered, number % 4).await;
        let answer = answer.await.expect("a response");
        let seen = seen(&[(":status", answer.status().as_str())], answer.headers());
        assert_eq!(sorted_plain(&seen), sorted_plain(answered), "response {number}");
        table_bytes = table_bytes.max(wire.encoder.table().size());
    }
    assert!(wire.continuations > 0, "no section was longer than a frame");
    check_sizes(&wire, their_size, table_bytes);
    connection.abort();
}

/// A server of h2 against us.
async fn h2_answers(site: usize, their_size: Option<u32>) {
    let (mut wire, other) = Wire::new();
    let mut builder = h2::server::Builder::new();
    builder.max_header_list_size(SECTION_BYTES);
    if let Some(size) = their_size {
        builder.header_table_size(size);
    }
    wire.transport.write_all(PREFACE).await.expect("a pipe in memory");
    wire.set_table_bytes_max(TABLE_BYTES).await;
    let mut server = builder.handshake::<_, Bytes>(other).await.expect("a pipe in memory");

    let exchanges = exchanges(site);
    let answers: Vec<_> = exchanges.iter().map(|(_, answered)| response(answered)).collect();
    // h2 keeps to the connection as long as somebody accepts its requests.
    let application = tokio::spawn(async move {
        let (mut answers, mut asked) = (answers.into_iter(), Vec::new());
        while let Some(request) = server.accept().await {
            let (request, mut stream) = request.expect("a request");
            let answer = answers.next().expect("an answer for each");
            stream.send_response(answer, true).expect("a stream");
            asked.push(request.into_parts().0);
        }
        asked
    });

    let mut table_bytes = 0;
    for (number, (asked, answered)) in exchanges.iter().enumerate() {
        for &size in SIZES[number % SIZES.len()] {
            wire.set_table_bytes_max(size).await;
        }
        let stream = u32::try_from(2 * number + 1).expect("a few streams");
        wire.send_section(stream, asked, number % 4).await;
        let (answered_stream, fields) = wire.section().await;
        assert_eq!(answered_stream, stream);
        assert_eq!(sorted(&fields), sorted(answered), "response {number} of site {site}");
        table_bytes = table_bytes.max(wire.encoder.table().size());
    }
    assert!(wire.continuations > 0, "no section was longer than a frame");
    check_sizes(&wire, their_size, table_bytes);

    drop(wire);
    let seen_by_h2 = application.await.expect("it ends with the connection");
    assert_eq!(seen_by_h2.len(), exchanges.len());
    for (request, (asked, _)) in seen_by_h2.iter().zip(&exchanges) {
        let part = |part: Option<&str>| part.expect("a part of the URI").to_owned();
        let [scheme, authority, path] = [
            part(request.uri.scheme_str()),
            part(request.uri.authority().map(|authority| authority.as_str())),
            part(request.uri.path_and_query().map(|path| path.as_str())),
        ];
        let pseudo = [
            (":method", request.method.as_str()),
            (":scheme", &scheme),
            (":authority", &authority),
            (":path", &path),
        ];
        assert_eq!(sorted_plain(&seen(&pseudo, &request.headers)), sorted_plain(asked));
    }
}

/// Both have used what the other allowed.
fn check_sizes(wire: &Wire, their_size: Option<u32>, table_bytes: usize) {
    let allowed = their_size.map_or(TABLE_BYTES, |size| size as usize).min(CAP);
    assert_eq!(wire.encoder.table().size_max(), allowed);
    let most = allowed.min(2 * TABLE_BYTES) / 2;
    assert!(table_bytes > most || allowed == 0, "{table_bytes} of {allowed} used");
    assert!(wire.acknowledged > 10, "our sizes were not taken note of");
}

#[tokio::test]
async fn a_client_of_h2_understands_us_and_is_understood() {
    for (site, their_size) in (0..SITES).step_by(2).zip(THEIR_SIZES.into_iter().cycle()) {
        timeout(LIMIT, h2_asks(site, their_size)).await.expect("it ends");
    }
}

#[tokio::test]
async fn a_server_of_h2_understands_us_and_is_understood() {
    for (site, their_size) in (1..SITES).step_by(2).zip(THEIR_SIZES.into_iter().cycle()) {
        timeout(LIMIT, h2_answers(site, their_size)).await.expect("it ends");
    }
}
