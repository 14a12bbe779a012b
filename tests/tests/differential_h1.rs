//! The reader of heads against `httparse`, over a table, a grammar and seeded mutations of both.
//!
//! What we accept, `httparse` accepts with the same parts and the same length; what it accepts and
//! we refuse is refused for a reason that [`REFUSED`] lists. The few things that only we accept
//! are in [`OURS_ALONE`]. Anything else fails.

mod differential_h1_meant;

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use differential_h1_meant::{OURS_ALONE, REFUSED, Refusal, Side, has_fold, higher_minor};
use h1_proto::{
    BodyLength, ChunkedDecoder, ClientConnection, Config, Decoded, ErrorKind, Event, Head,
    ServerConnection, Version,
};
use tests::endpoint::Endpoint;
use tests::rng::Rng;

/// Inputs of each kind that are made up.
const MADE_UP: usize = 30_000;

/// The parts of a head that both readers tell.
#[derive(Clone, PartialEq, Eq, Default)]
struct Parts {
    /// Octets, empty lines before the head included.
    octets: usize,
    method: Vec<u8>,
    target: Vec<u8>,
    minor: u8,
    status: u16,
    reason: Vec<u8>,
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} octets: \"{}\" \"{}\" 1.{} {} \"{}\"",
            self.octets,
            self.method.escape_ascii(),
            self.target.escape_ascii(),
            self.minor,
            self.status,
            self.reason.escape_ascii()
        )?;
        for (name, value) in &self.fields {
            write!(f, "\n  \"{}\": \"{}\"", name.escape_ascii(), value.escape_ascii())?;
        }
        Ok(())
    }
}

/// What a reader makes of the beginning of an input.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Read<E> {
    Head(Parts),
    NeedsMore,
    Refused(E),
}

// ---- the two readers ----

/// Tight limits, so that they are met, too.
fn limits() -> Config {
    let mut config = Config::default();
    (config.start_line_bytes_max, config.method_bytes_max) = (100, 16);
    (config.head_bytes_max, config.field_bytes_max) = (300, 80);
    (config.fields_max, config.empty_lines_max) = (8, 2);
    config.body_bytes_max = 1000;
    config
}

/// Ours; the input in two pieces.
fn ours(side: Side, config: &Arc<Config>, input: &[u8], cut: usize) -> Read<(ErrorKind, usize)> {
    let config = Arc::clone(config);
    match side {
        Side::Request => read(&mut ServerConnection::new(config, Duration::ZERO), input, cut),
        Side::Response => {
            let mut conn = ClientConnection::new(config, Duration::ZERO);
            let mut out = Vec::new();
            conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut out).unwrap();
            conn.wrote(out.len());
            read(&mut conn, input, cut)
        }
    }
}

fn read<C: Endpoint>(conn: &mut C, input: &[u8], cut: usize) -> Read<(ErrorKind, usize)> {
    let mut head = Head::new();
    let (first, second) = input.split_at(cut);
    for mut piece in [first, second] {
        match conn.next_event(&mut piece, &mut head) {
            Ok(None) => {}
            Ok(Some(Event::Head { head, .. } | Event::Informational(head))) => {
                let octets = usize::try_from(conn.received()).unwrap();
                return Read::Head(parts(head, octets));
            }
            Ok(Some(event)) => panic!("{event}, and no head"),
            Err(error) => {
                return Read::Refused((error.kind(), usize::try_from(error.offset()).unwrap()));
            }
        }
    }
    Read::NeedsMore
}

fn parts(head: &Head, octets: usize) -> Parts {
    Parts {
        octets,
        method: head.method().to_vec(),
        target: head.target().to_vec(),
        minor: match head.version() {
            Version::Http10 => 0,
            Version::Http11 => 1,
        },
        status: head.status(),
        reason: head.reason().to_vec(),
        fields: head.fields().map(|field| (field.name.to_vec(), field.value.to_vec())).collect(),
    }
}

fn theirs(side: Side, input: &[u8], folds: bool) -> Read<httparse::Error> {
    let mut lines = [httparse::EMPTY_HEADER; 100];
    let mut found = Parts::default();
    let status = match side {
        Side::Request => {
            let mut request = httparse::Request::new(&mut lines);
            let status = request.parse(input);
            found.method = request.method.unwrap_or_default().into();
            found.target = request.path.unwrap_or_default().into();
            found.minor = request.version.unwrap_or_default();
            found.fields = fields(request.headers);
            status
        }
        Side::Response => {
            let mut response = httparse::Response::new(&mut lines);
            let status = httparse::ParserConfig::default()
                .allow_obsolete_multiline_headers_in_responses(folds)
                .parse_response(&mut response, input);
            found.minor = response.version.unwrap_or_default();
            found.status = response.code.unwrap_or_default();
            found.reason = response.reason.unwrap_or_default().into();
            found.fields = fields(response.headers);
            status
        }
    };
    match status {
        Ok(httparse::Status::Complete(octets)) => {
            found.octets = octets;
            Read::Head(found)
        }
        Ok(httparse::Status::Partial) => Read::NeedsMore,
        Err(error) => Read::Refused(error),
    }
}

fn fields(lines: &[httparse::Header<'_>]) -> Vec<(Vec<u8>, Vec<u8>)> {
    lines
        .iter()
        .map(|line| (line.name.into(), h1_proto::grammar::trim_ows(line.value).into()))
        .collect()
}

// ---- comparing ----

/// How often each case came.
#[derive(Default, Debug)]
struct Tally {
    both: usize,
    neither: usize,
    ours_alone: usize,
    refused: BTreeMap<(Side, String), usize>,
}

fn compare(side: Side, config: &Arc<Config>, input: &[u8], cut: usize, tally: &mut Tally) {
    let (we, they) = (ours(side, config, input, cut), theirs(side, input, false));
    let say = || format!("{side:?} \"{}\"\nours: {we:?}\ntheirs: {they:?}", input.escape_ascii());
    match (&we, &they) {
        (Read::Head(our), Read::Head(their)) => {
            assert!(same(our, their), "{}", say());
            tally.both += 1;
        }
        (Read::Head(our), _) => {
            let head = &input[..our.octets];
            let known = OURS_ALONE.iter().any(|(on, _, is, _)| *on == side && is(head));
            assert!(known, "only we accept it: {}", say());
            if has_fold(head) && !higher_minor(head) {
                let Read::Head(mut their) = theirs(side, input, true) else {
                    panic!("a fold that the flag does not explain: {}", say());
                };
                for (_, value) in &mut their.fields {
                    unfold(value);
                }
                assert!(same(our, &their), "{}\nwith folds: {their:?}", say());
            }
            tally.ours_alone += 1;
        }
        (&Read::Refused((kind, at)), Read::Head(_)) => {
            let listed = REFUSED.iter().any(|refusal| {
                refusal.side == side && refusal.kind == kind && (refusal.is)(input, at)
            });
            assert!(listed, "an unlisted reason to refuse: {}", say());
            *tally.refused.entry((side, format!("{kind:?}"))).or_default() += 1;
        }
        (Read::NeedsMore, Read::Head(_)) => panic!("only we wait: {}", say()),
        (Read::NeedsMore | Read::Refused(_), _) => tally.neither += 1,
    }
}

/// The same head, but that `httparse` tells no reason phrase with octets above 0x7F.
fn same(our: &Parts, their: &Parts) -> bool {
    let mut our = our.clone();
    if !our.reason.is_ascii() && their.reason.is_empty() {
        our.reason.clear();
    }
    our == *their
}

fn unfold(value: &mut Vec<u8>) {
    for octet in value.iter_mut().filter(|octet| matches!(octet, b'\r' | b'\n')) {
        *octet = b' ';
    }
    *value = h1_proto::grammar::trim_ows(value).to_vec();
}

// ---- inputs ----

const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
    "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "GET http://a/b?c HTTP/1.1\r\nHost: a\r\nX:\t y \t\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "\r\n\r\nGET /a%20b?c=d&e HTTP/1.1\r\nHost: a:80\r\nAccept: */*\r\n: \r\n\r\n",
    "M-SEARCH /{}|\\^`[] HTTP/1.1\r\nhOsT: [::1]:1\r\n!#$%&'*+-.^_`|~: \u{e9}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
    "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "GET /\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "GET / http/1.1\r\nHost: a\r\n\r\n",
    "G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nX: \x7f\r\n\r\n",
    "GET / HTTP/1.1\r\r\n\r\n",
];

const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200\r\n\r\n",
    "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.0 404 Not  Found \t\r\nA: b\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n",
    "HTTP/1.1 999 \u{e9}\r\nx: \u{e9}\r\n\r\n",
    "\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\tc\r\ny:\r\n \r\n z\r\n\r\n",
    "HTTP/1.1  200 OK\r\n\r\n",
    "HTTP/1.1 20 OK\r\n\r\n",
    "HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/1.1 200\tOK\r\n\r\n",
    "HTTP/2 200 OK\r\n\r\n",
    "ICY 200 OK\r\n\r\n",
    "HTTP/1.1 200 O\0K\r\n\r\n",
    "HTTP/1.1 200 O\rK\r\n\r\n",
    "HTTP/1.1 200 OK\r\n a: b\r\n\r\n",
    "HTTP/1.1 200 OK\r\na : b\r\n\r\n",
];

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from[rng.below(from.len())]
}

/// One of the good ones, seldom one of the odd ones.
fn part<'a>(rng: &mut Rng, good: &[&'a str], odd: &[&'a str]) -> &'a str {
    if rng.once_in(16) { pick(rng, odd) } else { pick(rng, good) }
}

/// Mostly by the grammar, sometimes a little beside it.
fn made_up(side: Side, rng: &mut Rng) -> Vec<u8> {
    let mut head = String::new();
    let end = |rng: &mut Rng| if rng.once_in(100) { "\n" } else { "\r\n" };
    if rng.once_in(10) {
        (0..rng.below(4)).for_each(|_| head.push_str(end(rng)));
    }
    let version = |rng: &mut Rng| {
        let odd = ["HTTP/1.2", "HTTP/1.9", "HTTP/2.0", "HTTP/0.9", "HTTP/1.10", "http/1.1", ""];
        part(rng, &["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"], &odd)
    };
    match side {
        Side::Request => {
            let methods = ["GET", "POST", "HEAD", "OPTIONS", "a", "!#$%&'*", "M-SEARCH"];
            head.push_str(part(rng, &methods, &["CONNECT", "P@ST", "", "G\u{e9}T"]));
            head.push_str(part(rng, &[" "], &["  ", "\t", ""]));
            head.push_str(part(
                rng,
                &["/", "/a/b?c=d", "http://a/", "/%zz", "/{|}\\^`[]", "https://[::1]:8080?x"],
                &["*", "a:1", "http://u@a/", "http:/a", "/#", "/\u{e9}", "/\"", "a", ""],
            ));
            head.push(' ');
            head.push_str(version(rng));
        }
        Side::Response => {
            head.push_str(version(rng));
            head.push_str(part(rng, &[" "], &["  ", "\t", ""]));
            let statuses = ["200", "204", "304", "404", "100", "103", "999"];
            head.push_str(part(rng, &statuses, &["101", "099", "20", "2000", ""]));
            let reasons = [" OK", " ", "", " Not Found", " \u{e9}", " a\tb "];
            head.push_str(part(rng, &reasons, &["\tX", " \x7f", " \0"]));
        }
    }
    head.push_str(end(rng));
    if side == Side::Request && !rng.once_in(16) {
        head.push_str("Host: a");
        head.push_str(end(rng));
    }
    for _ in 0..rng.below(6) {
        let framing = ["Content-Length", "content-length", "Transfer-Encoding", "Host", "x y"];
        let names = ["x", "Accept", "Connection", "Expect", "x-a_b~c", "Upgrade", "a-long-name"];
        head.push_str(part(rng, &names, &framing));
        head.push_str(part(rng, &[":", ": ", ":\t "], &[" : ", "", "::"]));
        head.push_str(part(
            rng,
            &[
                "y",
                "",
                "close",
                "a, b",
                "a\tb",
                "\u{e9}",
                "a  b",
                "100-continue",
                "a value of more than a few octets: blocks are read at once",
            ],
            &["a\r\n b", "\r\n b", "a\x7f", "a\0", "x\rz", "\x01"],
        ));
        head.push_str(pick(rng, &["", "", "", " ", "\t \t"]));
        head.push_str(end(rng));
    }
    if rng.once_in(6) {
        let lengths = ["5", "5, 5", "5, 6", "+5", "1001", "0", "18446744073709551616", ""];
        head.push_str("Content-Length: ");
        head.push_str(part(rng, &["5"], &lengths));
        head.push_str(end(rng));
    }
    if rng.once_in(6) {
        let codings = ["chunked, chunked", "gzip", "gzip, chunked", "", "chunked;a=b", "xchunked"];
        head.push_str("Transfer-Encoding: ");
        head.push_str(part(rng, &["chunked"], &codings));
        head.push_str(end(rng));
    }
    head.push_str(end(rng));
    if rng.once_in(3) {
        head.push_str("hello\r\n\r\n");
    }
    head.into_bytes()
}

/// Changes a few octets, or moves some.
fn mutate(input: &mut Vec<u8>, rng: &mut Rng) {
    const ODD: &[u8] = b"\r\n \t:,/;=\"#%\0\x01\x0b\x0c\x1f\x7f\x80\xa0\xff0159AGHTPaz@[]{}\\";
    for _ in 0..1 + rng.below(2) {
        let at = rng.below(input.len() + 1);
        let other = rng.below(input.len() + 1);
        let odd = ODD[rng.below(ODD.len())];
        match rng.below(9) {
            0 if at < input.len() => input[at] = odd,
            1 if at < input.len() => input[at] = rng.bits().to_le_bytes()[0],
            2 if at < input.len() => drop(input.remove(at)),
            3 => input.insert(at, odd),
            4 if rng.once_in(3) => input.truncate(at),
            5 | 6 => {
                // A piece of up to 20 octets comes again.
                let piece = input[at..(at + 20).min(input.len())].to_vec();
                input.splice(other..other, piece);
            }
            _ => {
                let long = vec![odd; if rng.once_in(4) { rng.below(200) } else { 2 }];
                input.splice(at..at, long);
            }
        }
    }
}

// ---- the tests ----

#[test]
fn every_listed_refusal_has_an_example_that_httparse_accepts() {
    let config = Arc::new(limits());
    for refusal in REFUSED {
        let Refusal { side, kind, example, is, why } = refusal;
        let text = example.escape_ascii();
        assert!(matches!(theirs(*side, example, false), Read::Head(_)), "\"{text}\": {why}");
        for cut in 0..=example.len() {
            let found = ours(*side, &config, example, cut);
            let Read::Refused((our, at)) = found else { panic!("\"{text}\": {found:?}") };
            assert_eq!(our, *kind, "\"{text}\": {why}");
            assert!(is(example, at), "\"{text}\": not at {at}");
        }
    }
}

#[test]
fn what_only_we_accept_has_an_example() {
    let config = Arc::new(limits());
    for &(side, example, is, why) in OURS_ALONE {
        assert!(is(example), "{why}");
        assert!(matches!(ours(side, &config, example, 0), Read::Head(_)), "{why}");
        assert!(matches!(theirs(side, example, false), Read::Refused(_)), "{why}");
        compare(side, &config, example, 0, &mut Tally::default());
    }
}

#[test]
fn a_table_of_heads_in_every_cut() {
    let config = Arc::new(limits());
    let mut tally = Tally::default();
    for (side, heads) in [(Side::Request, REQUESTS), (Side::Response, RESPONSES)] {
        for head in heads {
            for cut in 0..=head.len() {
                compare(side, &config, head.as_bytes(), cut, &mut tally);
            }
            // The beginning of a head is no head for either.
            for len in 0..head.len() {
                compare(side, &config, &head.as_bytes()[..len], len / 2, &mut tally);
            }
        }
    }
    assert!(tally.both > 500 && tally.neither > 500, "{tally:?}");
}

#[track_caller]
fn made_up_heads(side: Side, mutations: bool) -> Tally {
    let config = Arc::new(limits());
    let mut tally = Tally::default();
    let table = if side == Side::Request { REQUESTS } else { RESPONSES };
    let mut rng = Rng::new(side as u64 * 2 + u64::from(mutations));
    for _ in 0..MADE_UP {
        let mut input = made_up(side, &mut rng);
        if mutations {
            if rng.once_in(3) {
                input = pick(&mut rng, table).as_bytes().to_vec();
            }
            mutate(&mut input, &mut rng);
        }
        let cut = rng.below(input.len() + 1);
        compare(side, &config, &input, cut, &mut tally);
    }
    println!("{side:?}, mutations: {mutations}: {tally:?}");
    // It says something only if all cases come, and many of each.
    assert!(tally.both > MADE_UP / 16 && tally.neither > MADE_UP / 16, "{tally:?}");
    assert!(tally.ours_alone > MADE_UP / 1000, "{tally:?}");
    let listed = |kind: &str| {
        REFUSED.iter().any(|refusal| refusal.side == side && format!("{:?}", refusal.kind) == kind)
    };
    assert!(tally.refused.keys().all(|(_, kind)| listed(kind)));
    assert!(tally.refused.len() >= 8, "{tally:?}");
    tally
}

#[test]
fn requests_by_the_grammar() {
    made_up_heads(Side::Request, false);
}

#[test]
fn responses_by_the_grammar() {
    made_up_heads(Side::Response, false);
}

#[test]
fn requests_with_mutations() {
    made_up_heads(Side::Request, true);
}

#[test]
fn responses_with_mutations() {
    made_up_heads(Side::Response, true);
}

/// A chunk-size line: the size and the length of the line, or whether it is refused.
fn our_chunk_size(config: &Arc<Config>, line: &[u8]) -> Option<(usize, u64)> {
    // As much content as the line may announce, so that its length shows the size.
    let content = vec![b'x'; 1000];
    let mut decoder = ChunkedDecoder::new(Arc::clone(config));
    let mut input = line;
    let read = decoder.decode(&mut input, &mut Head::new());
    match read {
        Ok(Decoded::NeedInput) if input.is_empty() => {}
        Ok(Decoded::Data(data)) => panic!("content {:?} from a line", data.escape_ascii()),
        Ok(_) => return None,
        Err(_) => return None,
    }
    let mut more = content.as_slice();
    match decoder.decode(&mut more, &mut Head::new()) {
        Ok(Decoded::Data(data)) => Some((line.len(), data.len() as u64)),
        // The last chunk: the content does not fit into a trailer section.
        _ => Some((line.len(), 0)),
    }
}

#[test]
fn chunk_size_lines() {
    let mut config = limits();
    (config.chunk_line_bytes_max, config.chunk_extension_bytes_max) = (100, 100);
    let config = Arc::new(config);
    let mut rng = Rng::new(5);
    let mut both = 0;
    for _ in 0..MADE_UP {
        let mut line = String::new();
        for _ in 0..1 + rng.below(3) {
            line.push_str(pick(&mut rng, &["0", "1", "a", "F", "00", "3e7", "g", " ", "x", "-"]));
        }
        for _ in 0..rng.below(4) {
            line.push_str(pick(
                &mut rng,
                &[
                    ";a",
                    ";a=b",
                    ";a=\"b\"",
                    " ;a",
                    "; a",
                    ";a = b",
                    ";",
                    " ",
                    "\t",
                    ";a=\"\\\"\"",
                    "\"",
                    "=",
                ],
            ));
        }
        line.push_str("\r\n");
        let they = httparse::parse_chunk_size(line.as_bytes());
        if let Some((octets, size)) = our_chunk_size(&config, line.as_bytes()) {
            let same = Ok(httparse::Status::Complete((octets, size)));
            assert_eq!(they, same, "{line:?}");
            both += 1;
        }
    }
    assert!(both > MADE_UP / 50, "{both}");
}
