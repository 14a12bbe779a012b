//! A buffer for heads that knows lines gives what a new one gives, whatever it has read before.

use core::time::Duration;

use h1_proto::{
    ClientConnection, Config, ConnectionError, Event, Head, OwnedEvent, RequestLine,
    ServerConnection,
};
use tests::rng::Rng;

type Read = Result<Option<OwnedEvent>, ConnectionError>;

/// What a server makes of this input, octet for octet, and how many octets it has used.
fn request(config: &Config, input: &[u8], head: &mut Head) -> (Read, u64) {
    let mut conn = ServerConnection::new(config.clone(), Duration::ZERO);
    let read = conn.next_event(&mut &*input, head).map(|event| event.map(|it| it.to_owned()));
    (read, conn.received())
}

/// What a client makes of it.
fn response(config: &Config, input: &[u8], head: &mut Head) -> (Read, u64) {
    let mut conn = ClientConnection::new(config.clone(), Duration::ZERO);
    let line = RequestLine { method: b"GET", target: b"/", version: h1_proto::Version::Http11 };
    conn.send_request(line, [("host", "a")], h1_proto::BodyLength::None, &mut Vec::new())
        .expect("a request");
    let read = conn.next_event(&mut &*input, head).map(|event| event.map(|it| it.to_owned()));
    (read, conn.received())
}

/// Lines of all kinds, most of them good.
const LINES: &[&[u8]] = &[
    b"Host: a.example\r\n",
    b"host: b.example:80\r\n",
    b"Host: a b\r\n",
    b"Accept: text/html\r\n",
    b"Accept: text/html \r\n",
    b"accept: text/html\r\n",
    b"Accept:text/html\r\n",
    b"Cookie: a=b\r\n",
    b"Cookie: a=b\n",
    b"X-Empty:\r\n",
    b"X-Long: 0123456789012345678901234567890123456789\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\n",
    b"Upgrade: echo\r\n",
    b"Expect: 100-continue\r\n",
    b" folded\r\n",
    b"X Y: z\r\n",
    b"X-Control: a\x01b\r\n",
];

fn start_line(rng: &mut Rng, requests: bool) -> &'static [u8] {
    let lines: [&[u8]; 7] = if requests {
        [
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\n",
            b"CONNECT a:443 HTTP/1.1\r\n",
            b"GET /longer HTTP/1.1\r\n",
            b"POST /x?y HTTP/1.0\r\n",
            b"OPTIONS * HTTP/1.1\r\n",
            b"GET  HTTP/1.1\r\n",
        ]
    } else {
        [
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\n",
            b"HTTP/1.1 200\r\n",
            b"HTTP/1.1 404 Not Found\r\n",
            b"HTTP/1.0 200 \r\n",
            b"HTTP/1.1 103 Early Hints\r\n",
            b"HTTP/2.0 200 OK\r\n",
        ]
    };
    // The last one is wrong; the first one comes often.
    let index = if rng.once_in(3) { 0 } else { rng.below(6) };
    lines[if rng.once_in(20) { 6 } else { index }]
}

fn config(rng: &mut Rng, requests: bool) -> Config {
    let mut config = if requests { Config::default() } else { Config::client() };
    config.leniency.bare_lf = rng.once_in(3);
    config.leniency.folded_response_fields = rng.once_in(2);
    if rng.once_in(4) {
        config.fields_max = rng.below(6);
    }
    if rng.once_in(4) {
        config.field_bytes_max = 16 + rng.below(60);
    }
    if rng.once_in(6) {
        config.start_line_bytes_max = 12 + rng.below(16);
    }
    if requests && rng.once_in(8) {
        config.method_bytes_max = 2 + rng.below(4);
    }
    if rng.once_in(4) {
        config.head_bytes_max = 40 + rng.below(120);
    }
    config
}

/// The lines of the section before with some changes, so that much of it comes again.
fn next_lines(rng: &mut Rng, before: &[&'static [u8]]) -> Vec<&'static [u8]> {
    // The first ones are good.
    let any = |rng: &mut Rng| {
        let count = if rng.once_in(3) { LINES.len() } else { 8 };
        LINES[rng.below(count)]
    };
    let mut lines = before.to_vec();
    for _ in 0..rng.below(3) {
        match rng.below(3) {
            0 if !lines.is_empty() => {
                let at = rng.below(lines.len());
                lines[at] = any(rng);
            }
            1 if !lines.is_empty() => {
                lines.remove(rng.below(lines.len()));
            }
            _ => lines.insert(rng.below(lines.len() + 1), any(rng)),
        }
    }
    if lines.len() > 7 || rng.once_in(8) { vec![LINES[0]] } else { lines }
}

#[test]
fn what_is_read_does_not_depend_on_what_the_buffer_has_read_before() {
    let mut rng = Rng::new(7);
    let (mut head, mut lines) = (Head::new(), Vec::new());
    let (mut read_again, mut started_again, mut complete) = (0, 0, 0);
    let mut start_before = None;
    for round in 0..60_000 {
        let requests = !rng.once_in(3);
        let config = config(&mut rng, requests);
        lines = next_lines(&mut rng, &lines);
        let mut input = start_line(&mut rng, requests).to_vec();
        lines.iter().for_each(|line| input.extend_from_slice(line));
        input.extend_from_slice(b"\r\n");
        if rng.once_in(5) {
            input.truncate(1 + rng.below(input.len()));
        }
        let read = if requests { request } else { response };
        let edition = head.fields_edition();
        let known = read(&config, &input, &mut head);
        let mut new = Head::new();
        let expected = read(&config, &input, &mut new);
        assert_eq!(known, expected, "round {round}: {:?}", input.escape_ascii().to_string());
        assert_eq!(head.raw(), new.raw());
        assert!(head.fields().eq(new.fields()));
        let start = |head: &Head| {
            let (method, target) = (head.method().to_vec(), head.target().to_vec());
            (
                method,
                target,
                head.target_form(),
                head.version(),
                head.status(),
                head.reason().to_vec(),
            )
        };
        assert_eq!((start(&head), head.authority()), (start(&new), new.authority()));
        let shown = (head.start_line_edition(), start(&head));
        if let Some((edition, start)) = &start_before
            && *edition == shown.0
        {
            assert_eq!(*start, shown.1);
            started_again += 1;
        }
        start_before = (!head.raw().is_empty()).then_some(shown);
        complete += usize::from(!head.raw().is_empty());
        read_again += usize::from(!head.raw().is_empty() && head.fields_edition() == edition);
    }
    // Enough of both kinds for this to mean something.
    assert!(read_again > 2_000 && complete > 3 * read_again, "{read_again} of {complete}");
    assert!(started_again > 500, "{started_again} of {complete}");
}

/// Name and value.
type Line = (Vec<u8>, Vec<u8>);

#[test]
fn lines_that_changed_are_all_that_are_others_in_their_places() {
    let mut rng = Rng::new(11);
    let (mut head, mut lines) = (Head::new(), Vec::new());
    let mut before: Option<(u64, Vec<Line>)> = None;
    let (mut told, mut none) = (0, 0);
    for _ in 0..60_000 {
        let config = config(&mut rng, false);
        lines = next_lines(&mut rng, &lines);
        let mut input = start_line(&mut rng, false).to_vec();
        lines.iter().for_each(|line| input.extend_from_slice(line));
        input.extend_from_slice(b"\r\n");
        if !matches!(response(&config, &input, &mut head).0, Ok(Some(_))) {
            continue;
        }
        let now: Vec<Line> =
            head.fields().map(|it| (it.name.to_vec(), it.value.to_vec())).collect();
        if let Some((edition, fields)) = before {
            let changed = head.changed_since(edition).map(|it| {
                let len = it.len();
                let changed: Vec<_> =
                    it.map(|(index, it)| (index, (it.name.to_vec(), it.value.to_vec()))).collect();
                assert_eq!(changed.len(), len);
                changed
            });
            match changed {
                Some(changed) => {
                    told += usize::from(!changed.is_empty());
                    assert_eq!(fields.len(), now.len());
                    let mut patched = fields;
                    changed.into_iter().for_each(|(index, it)| patched[index] = it);
                    assert_eq!(patched, now);
                }
                None => none += 1,
            }
        }
        before = Some((head.fields_edition(), now));
    }
    assert!(told > 2_000 && none > 5_000, "{told} and {none}");
}

const SECTION: &str = "Host: a\r\nX-Two: 0123456789\r\n\r\n";

/// A buffer that knows the field lines of [`SECTION`].
fn knowing() -> Head {
    let mut head = Head::new();
    let input = format!("GET / HTTP/1.1\r\n{SECTION}");
    let (read, _) = request(&Config::default(), input.as_bytes(), &mut head);
    assert!(matches!(read, Ok(Some(_))));
    head
}

/// Sets a limit.
type Limit = fn(&mut Config, usize);

#[test]
fn limits_hold_for_lines_that_come_again() {
    let input = format!("GET / HTTP/1.1\r\n{SECTION}");
    let longest = "X-Two: 0123456789\r\n".len();
    let limits: [(&str, usize, Limit); 5] = [
        ("start line", "GET / HTTP/1.1\r\n".len(), |config, max| config.start_line_bytes_max = max),
        ("method", "GET".len(), |config, max| config.method_bytes_max = max),
        ("head", input.len(), |config, max| config.head_bytes_max = max),
        ("field", longest, |config, max| config.field_bytes_max = max),
        ("fields", 2, |config, max| config.fields_max = max),
    ];
    for (name, fits, set) in limits {
        for (max, holds) in [(fits, true), (fits - 1, false)] {
            let mut config = Config::default();
            set(&mut config, max);
            let (read, _) = request(&config, input.as_bytes(), &mut knowing());
            assert_eq!(read.is_ok(), holds, "{name} {max}: {read:?}");
            assert_eq!(read, request(&config, input.as_bytes(), &mut Head::new()).0);
        }
    }
}

#[test]
fn rfc9112_2_2_what_was_read_leniently_is_read_again_where_that_is_forbidden() {
    let mut lenient = Config::default();
    lenient.leniency.bare_lf = true;
    for (input, line_end) in
        [(&b"GET / HTTP/1.1\r\nHost: a\n\r\n"[..], 23), (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 14)]
    {
        let mut head = Head::new();
        assert!(matches!(request(&lenient, input, &mut head).0, Ok(Some(_))));
        let strict = request(&Config::default(), input, &mut head).0;
        assert_eq!(strict.map_err(|error| error.offset()), Err(line_end));
    }
}

#[test]
fn a_buffer_that_was_cleared_shows_nothing_of_what_it_knows() {
    let mut head = knowing();
    let edition = head.fields_edition();
    assert_ne!(edition, 0);
    head.clear();
    assert_eq!(head, Head::new());
    assert_eq!((head.fields_edition(), head.changed_since(edition).is_none()), (0, true));
    assert_eq!((head.start_line_edition(), head.version()), (0, Head::new().version()));
    assert_eq!((head.raw(), head.fields().count(), head.field("host")), (&b""[..], 0, None));
    assert_eq!((head.method(), head.target(), head.authority()), (&b""[..], &b""[..], None));
    assert_eq!(head.to_string(), Head::new().to_string());
    let copy = head.clone();
    assert_eq!(copy, Head::new());
    // An answer that ends in the middle of its head shows nothing either.
    let mut head = knowing();
    let (read, _) = request(&Config::default(), b"GET /other HTTP/1.1\r\nHost: a\r", &mut head);
    assert_eq!((read, head.raw(), head.target()), (Ok(None), &b""[..], &b""[..]));
}

#[test]
fn a_start_line_of_another_length_moves_the_lines() {
    let mut head = knowing();
    for target in ["/a/longer/target", "/", "/x"] {
        let edition = head.fields_edition();
        let input = format!("GET {target} HTTP/1.1\r\n{SECTION}");
        let (read, octets) = request(&Config::default(), input.as_bytes(), &mut head);
        assert!(matches!(read, Ok(Some(OwnedEvent::Head { .. }))));
        assert_eq!((octets, head.fields_edition()), (input.len() as u64, edition));
        assert_eq!((head.raw(), head.target()), (input.as_bytes(), target.as_bytes()));
        assert_eq!(head.field("x-two"), Some(&b"0123456789"[..]));
        assert_eq!(head.changed_since(edition).map(|it| it.len()), Some(0));
    }
}

#[test]
fn a_start_line_that_comes_again_has_its_edition_again_whatever_lines_follow() {
    let mut head = knowing();
    let edition = head.start_line_edition();
    assert_ne!(edition, 0);
    for (target, same) in [("/", true), ("/", true), ("/other", false), ("/", false)] {
        let before = head.start_line_edition();
        let input = format!("GET {target} HTTP/1.1\r\nHost: {before}\r\n\r\n");
        let (read, octets) = request(&Config::default(), input.as_bytes(), &mut head);
        assert!(matches!(read, Ok(Some(OwnedEvent::Head { .. }))));
        assert_eq!((octets, head.raw()), (input.len() as u64, input.as_bytes()));
        assert_eq!(head.start_line_edition() == before, same, "{target}");
        assert_eq!((head.method(), head.target()), (&b"GET"[..], target.as_bytes()));
    }
    // What is the start line of a request is none of a response, and a trailer section has none.
    let line = b"HTTP / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(matches!(request(&Config::default(), line, &mut head).0, Ok(Some(_))));
    let read = response(&Config::client(), line, &mut head);
    assert!(read.0.is_err());
    assert_eq!(read, response(&Config::client(), line, &mut Head::new()));
    let chunked =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n";
    let (mut conn, mut input) =
        (ServerConnection::new(Config::default(), Duration::ZERO), &chunked[..]);
    let mut editions = Vec::new();
    while let Ok(Some(_)) = conn.next_event(&mut input, &mut head) {
        editions.push((
            head.start_line_edition() != 0,
            head.fields_edition() != 0,
            head.method().len(),
        ));
    }
    assert_eq!(editions, [(true, true, 4), (false, true, 0)]);
}

#[test]
fn of_so_many_lines_as_can_be_marked_all_are_told_and_of_more_none() {
    for (count, told) in [(1, true), (63, true), (64, true), (65, false)] {
        let mut head = Head::new();
        let mut read = |value: &str| {
            let others = "X-Same: 1\r\n".repeat(count - 1);
            let input = format!("GET / HTTP/1.1\r\n{others}Host: {value}\r\n\r\n");
            let (read, _) = request(&Config::default(), input.as_bytes(), &mut head);
            assert!(matches!(read, Ok(Some(_))), "{read:?}");
            head.fields_edition()
        };
        let first = read("a");
        assert_ne!(read("b"), first);
        let changed = head.changed_since(first).map(|it| it.map(|it| it.0).collect::<Vec<_>>());
        assert_eq!(changed, told.then(|| vec![count - 1]), "{count}");
        assert_eq!(head.changed_since(head.fields_edition()).map(|it| it.count()), Some(0));
    }
}

#[test]
fn the_same_head_costs_no_more_work_than_a_new_one() {
    let input = format!("GET / HTTP/1.1\r\n{SECTION}");
    let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
    let event =
        conn.next_event(&mut input.as_bytes(), &mut knowing()).unwrap().map(|it| match it {
            Event::Head { head, .. } => head.raw().len(),
            _ => 0,
        });
    assert_eq!((event, conn.work()), (Some(input.len()), input.len() as u64));
}
