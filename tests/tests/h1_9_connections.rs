//! RFC 9112 §8 and §9: incomplete messages, persistence, pipelining, tear-down.

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ErrorKind, Event, Head, NextStep, RequestId, SendError,
    ServerConnection, Verdict,
};
use tests::desk::Desk;
use tests::split::{self, Log, Then, ok_at_end, ok_at_head};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx";

fn get(conn: &mut ClientConnection, target: &str, out: &mut Vec<u8>) -> RequestId {
    conn.send_request(("GET", target), [("host", "a")], BodyLength::None, out).unwrap()
}

fn asked(times: usize, input: &str, then: Then) -> Log {
    let ask = |conn: &mut ClientConnection, out: &mut Vec<u8>| {
        for _ in 0..times {
            get(conn, "/", out);
        }
    };
    split::client(ask, input, then)
}

fn lingers(step: NextStep) -> bool {
    matches!(step, NextStep::Linger { .. })
}

// ---- §8 ----

// R9112-092
#[test]
fn an_incomplete_request_is_answered_before_the_connection_closes() {
    for cut in 1..GET.len() {
        let log = split::server_with(Config::default(), Then::Eof, &GET[..cut], ok_at_end);
        assert_eq!((log.kind(), log.failure().offset()), (ErrorKind::Incomplete, cut as u64));
        assert_eq!((log.statuses(), log.next_step), (vec![400], NextStep::Close));
    }
    let log = split::server_with(Config::default(), Then::Eof, "", ok_at_end);
    log.assert_fine();
    assert_eq!((log.output.len(), log.next_step), (0, NextStep::Close));
    let log = split::server_with(Config::default(), Then::Eof, format!("{GET}\r\n"), ok_at_end);
    log.assert_fine();
    assert_eq!((log.statuses(), log.next_step), (vec![200], NextStep::Close));
}

// R9112-093
#[test]
fn an_incomplete_response_is_told_apart_from_a_complete_one() {
    for (input, verdict) in [
        ("", Verdict::Unknown),
        ("HTTP/1.1 200 OK\r\nContent-Le", Verdict::Unknown),
        ("HTTP/1.1 103 E\r\n\r\n", Verdict::Unknown),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Verdict::Processed),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", Verdict::Processed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n", Verdict::Processed),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", Verdict::Processed),
    ] {
        let log = asked(1, input, Then::Eof);
        assert_eq!(
            (log.kind(), log.failure().offset()),
            (ErrorKind::Incomplete, input.len() as u64)
        );
        assert_eq!((log.unfinished.clone(), log.ends().len()), (vec![verdict], 0), "{input}");
    }
    let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy";
    let log = asked(1, broken, Then::Open);
    assert_eq!((log.kind(), log.unfinished), (ErrorKind::ChunkEnd, vec![Verdict::Processed]));
}

// ---- §9.2 ----

// R9112-094
#[test]
fn answers_belong_to_the_requests_in_order() {
    let mut desk = Desk::client(Config::client());
    let ids = ["HEAD", "GET", "HEAD"].map(|method| {
        let line = (method, "/");
        desk.conn.send_request(line, [("host", "a")], BodyLength::None, &mut desk.out).unwrap()
    });
    assert_eq!(ids, [RequestId(0), RequestId(1), RequestId(2)]);
    assert_eq!(desk.conn.in_flight(), 3);
    desk.take();
    // Only the second may have content: the list of requests frames the answers.
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n";
    let events = desk.feed(format!("HTTP/1.1 103 E\r\n\r\n{answer}{answer}x{answer}"));
    let kinds: Vec<_> =
        events.iter().map(|event| event.to_string().split(' ').next().map(str::to_owned)).collect();
    let kinds: Vec<_> = kinds.iter().flatten().map(String::as_str).collect();
    assert_eq!(kinds, ["informational", "head", "end", "head", "data", "end", "head", "end"]);
    assert_eq!((desk.conn.in_flight(), desk.conn.is_idle()), (0, true));
}

// R9112-095
#[test]
fn octets_without_a_request_are_no_response() {
    let log = asked(0, OK, Then::Open);
    assert_eq!((log.kind(), log.heads().len()), (ErrorKind::Unsolicited, 0));
    assert_eq!(log.next_step, NextStep::Close);
    let log = asked(0, "\r\n\r\n", Then::Open);
    log.assert_fine();
    assert_eq!(log.next_step, NextStep::Read);
    let log = asked(1, &format!("{OK}\r\n"), Then::Open);
    log.assert_fine();
    let log = asked(1, &format!("{OK}\r\n{OK}"), Then::Open);
    assert_eq!((log.kind(), log.ends().len()), (ErrorKind::Unsolicited, 1));
}

// ---- §9.3 ----

// R9112-096
#[test]
fn connections_persist_by_the_version_and_the_options() {
    for (version, option, persists) in [
        ("1.1", "", true),
        ("1.1", "Connection: keep-alive\r\n", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "cOnnection: x, CLOSE ,y\r\n", false),
        ("1.1", "Connection: x\r\nConnection: close\r\n", false),
        ("1.1", "Connection: closed\r\n", true),
        ("1.1", "Connection: keep-alive, close\r\n", false),
        ("1.2", "", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
        ("1.0", "Keep-Alive: 5\r\n", false),
    ] {
        let log = split::server(
            format!("GET / HTTP/{version}\r\nHost: a\r\n{option}\r\n{GET}"),
            ok_at_end,
        );
        log.assert_fine();
        let expected = if persists { 2 } else { 1 };
        assert_eq!(log.heads().len(), expected, "server: {version} {option}");
        let said = log.output_text();
        assert_eq!(said.contains("connection: close\r\n"), !persists, "{said}");
        let old = version == "1.0";
        assert_eq!(said.contains("connection: keep-alive\r\n"), old && persists, "{said}");

        let input = format!("HTTP/{version} 200 OK\r\n{option}Content-Length: 1\r\n\r\nx");
        let log = asked(1, &input, Then::Open);
        log.assert_fine();
        let expected = if persists { NextStep::Read } else { NextStep::Close };
        assert_eq!(log.next_step, expected, "client: {version} {option}");
    }
}

// R9112-097
#[test]
fn a_client_that_does_not_persist_says_close() {
    let mut config = Config::client();
    config.keep_alive = false;
    let mut desk = Desk::client(config);
    get(&mut desk.conn, "/", &mut desk.out);
    assert!(!desk.conn.can_send_request());
    assert_eq!(desk.take(), "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    desk.feed(OK);
    assert_eq!(desk.conn.next_step(), NextStep::Close);
}

// R9112-098
#[test]
fn a_server_that_does_not_persist_says_close_in_every_final_response() {
    let mut config = Config::default();
    config.keep_alive = false;
    let log = split::server_with(config, Then::Open, format!("{GET}{GET}"), |event, conn, out| {
        if let Event::End { .. } = event {
            conn.send_informational(103, [("link", "x")], out).unwrap();
            conn.respond(200, [("x", "y")], b"ok", out).unwrap();
        }
    });
    log.assert_fine();
    assert_eq!(
        log.output_text(),
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n\
         HTTP/1.1 200 OK\r\nx: y\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"
    );
}

#[test]
fn the_last_request_of_the_cap_is_answered_with_close() {
    let mut config = Config::default();
    config.requests_max = Some(3);
    let log = split::server_with(config, Then::Open, GET.repeat(5), ok_at_end);
    log.assert_fine();
    assert_eq!(log.statuses(), [200; 3]);
    assert_eq!(log.output_text().matches("connection: close").count(), 1);
    assert!(log.output_text().rfind("connection: close") > log.output_text().rfind("HTTP/1.1"));
    assert!(lingers(log.next_step), "the client may be sending more");
    assert_eq!(log.left, GET.repeat(2).as_bytes());
}

// R9112-099
#[test]
fn a_client_sends_no_request_behind_the_last() {
    for last in ["Connection: close\r\n", "Connection: x, close\r\n"] {
        let mut desk = Desk::client(Config::client());
        get(&mut desk.conn, "/", &mut desk.out);
        desk.take();
        desk.feed(format!("HTTP/1.1 200 OK\r\n{last}Content-Length: 5\r\n\r\nhe"));
        assert!(!desk.conn.can_send_request(), "from the head on");
        let sent =
            desk.conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out);
        assert_eq!(sent, Err(SendError::Closed));
        desk.feed("llo");
        assert_eq!(desk.conn.next_step(), NextStep::Close);
    }
}

// R9112-100
#[test]
fn content_is_read_to_its_end_or_the_connection_closes() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
    let log = split::server(format!("{post}hello{GET}"), ok_at_end);
    assert_eq!((log.statuses(), log.next_step), (vec![200, 200], NextStep::Read));
    let log = split::server(format!("{post}hello{GET}"), ok_at_head);
    assert!(lingers(log.next_step) && log.heads().len() == 1, "{log:?}");
}

// R9112-101
#[test]
fn a_client_reuses_only_what_was_read_to_its_end() {
    let mut desk = Desk::client(Config::client());
    get(&mut desk.conn, "/", &mut desk.out);
    desk.take();
    desk.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx");
    assert!(!desk.conn.is_idle());
    desk.feed("x");
    assert!(desk.conn.is_idle());
}

// ---- §9.3.2 ----

// R9112-103
#[test]
fn a_client_pipelines_up_to_its_limit() {
    let mut config = Config::client();
    config.pipeline_max = 3;
    let mut desk = Desk::client(config);
    for _ in 0..3 {
        get(&mut desk.conn, "/", &mut desk.out);
    }
    let sent =
        desk.conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, &mut desk.out);
    assert_eq!(sent, Err(SendError::PipelineFull));
    assert_eq!(desk.take(), "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(3));
    desk.feed(OK);
    assert!(desk.conn.can_send_request());
}

// R9112-104
#[test]
fn a_server_answers_in_the_order_of_the_requests() {
    let input: String = (0..20).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    let log = split::server(input, |event, conn, out| {
        if let Event::Head { head, .. } = event {
            conn.respond(200, [("n", head.target())], head.target(), out).unwrap();
        }
    });
    log.assert_fine();
    let text = log.output_text();
    let order: Vec<_> = text.split("n: /").skip(1).filter_map(|s| s.split('\r').next()).collect();
    assert_eq!(order, (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn the_next_request_waits_for_the_answer_to_the_one_before() {
    let mut desk = Desk::server(Config::default());
    assert_eq!(desk.feed(GET.repeat(3)).len(), 2);
    assert_eq!((desk.conn.is_paused(), desk.conn.next_step()), (true, NextStep::Write));
    desk.conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut desk.out).unwrap();
    assert_eq!(desk.pull(), [], "begun is not finished");
    desk.conn.finish(&mut desk.out).unwrap();
    assert!(!desk.conn.is_paused());
    assert_eq!(desk.pull().len(), 2);
    assert_eq!(desk.conn.requests(), 2);
}

// R9112-105, R9112-123
#[test]
fn what_may_be_sent_again_is_told_for_each_request() {
    let three = |input: &str| asked(3, input, Then::Eof).unfinished;
    use Verdict::{Processed, Unknown, Unprocessed};
    assert_eq!(three(""), [Unknown; 3]);
    assert_eq!(three(OK), [Unknown; 2]);
    assert_eq!(
        three("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx"),
        [Processed, Unknown, Unknown]
    );
    // What the server said `close` with is the last that it processed.
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    assert_eq!(three(close), [Unprocessed; 2]);

    // What never left is unprocessed, whatever the method.
    let mut desk = Desk::client(Config::client());
    get(&mut desk.conn, "/", &mut desk.out);
    let first = desk.out.len();
    get(&mut desk.conn, "/", &mut desk.out);
    get(&mut desk.conn, "/", &mut desk.out);
    desk.conn.wrote(first + 1);
    desk.eof();
    let verdicts: Vec<_> = desk.conn.unfinished().collect();
    let expected = [Unknown, Unknown, Unprocessed];
    assert_eq!(verdicts, [0, 1, 2].map(|id| (RequestId(id), expected[id as usize])));
}

// ---- §9.5 ----

// R9112-110
#[test]
fn a_server_that_times_out_says_so_and_lingers() {
    let mut desk = Desk::server(Config::default());
    desk.feed("GET / HT");
    desk.wait();
    assert!(desk.take().starts_with("HTTP/1.1 408 "));
    assert!(lingers(desk.conn.next_step()));
    let mut desk = Desk::server(Config::default());
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    desk.take();
    desk.tick(Duration::ZERO);
    desk.wait();
    assert_eq!(desk.now, Duration::from_secs(5));
    assert_eq!((desk.take(), desk.conn.next_step()), (String::new(), NextStep::Close));
}

// R9112-111
#[test]
fn the_end_of_the_input_is_acted_on() {
    let mut desk = Desk::server(Config::default());
    desk.feed(GET);
    desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
    desk.take();
    desk.eof();
    assert_eq!(desk.conn.next_step(), NextStep::Close);
    let mut desk = Desk::client(Config::client());
    desk.eof();
    assert_eq!((desk.error.is_none(), desk.conn.next_step()), (true, NextStep::Close));
}

#[test]
fn a_half_closed_client_gets_its_answer() {
    let mut desk = Desk::server(Config::default());
    desk.feed(GET);
    desk.eof();
    assert_eq!(desk.error, None);
    assert_eq!(desk.conn.next_step(), NextStep::Write);
    assert_eq!(desk.conn.next_deadline(), None, "the application may take its time");
    desk.conn.respond(200, [("x", "y")], b"ok", &mut desk.out).unwrap();
    desk.pull();
    assert_eq!(desk.conn.next_step(), NextStep::Write);
    assert!(desk.take().ends_with("ok"));
    assert_eq!(desk.conn.next_step(), NextStep::Close, "there is nothing to linger for");
}

#[test]
fn a_half_closed_client_gets_the_answers_to_its_whole_pipeline() {
    let log = split::server_with(Config::default(), Then::Eof, GET.repeat(3), ok_at_end);
    log.assert_fine();
    assert_eq!((log.statuses(), log.next_step), (vec![200; 3], NextStep::Close));

    // Also when the answers come only after the end of the input.
    let mut desk = Desk::server(Config::default());
    desk.feed(GET.repeat(3));
    desk.eof();
    for _ in 0..3 {
        assert_ne!(desk.conn.next_step(), NextStep::Close);
        desk.conn.respond(200, [("x", "y")], b"", &mut desk.out).unwrap();
        desk.pull();
    }
    assert_eq!(split::statuses(desk.take().as_bytes()), [200; 3]);
    assert_eq!((&desk.error, desk.conn.next_step()), (&None, NextStep::Close));
}

// R9112-114, R9112-115
#[test]
fn an_early_response_while_the_content_goes() {
    let mut desk = Desk::client(Config::client());
    let fields = [("host", "a")];
    desk.conn.send_request(("POST", "/"), &fields, BodyLength::Known(10), &mut desk.out).unwrap();
    desk.conn.send_data(b"12345", &mut desk.out).unwrap();
    desk.take();
    assert_eq!(desk.conn.next_step(), NextStep::Read, "it reads while it sends");
    let events = desk.feed("HTTP/1.1 413 C\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(events.len(), 3);
    desk.conn.abandon_request();
    assert_eq!(desk.conn.send_data(b"67890", &mut desk.out), Err(SendError::Closed));
    assert_eq!((desk.out.len(), desk.conn.next_step()), (0, NextStep::Close));
    assert_eq!(desk.conn.unfinished().count(), 0, "it has its answer");
}

// ---- §9.6 ----

// R9112-116, R9112-119, R9112-121
#[test]
fn a_server_that_closes_says_close() {
    let log = split::server(GET.repeat(2), |event, conn, out| {
        if let Event::End { .. } = event {
            conn.respond(200, [("Connection", "Close")], b"", out).unwrap();
        }
    });
    assert_eq!(log.heads().len(), 1, "the application's own `close` counts");
    assert_eq!(log.output_text().to_lowercase().matches("connection: close").count(), 1);
    assert!(lingers(log.next_step));
}

// R9112-116: also where it closes because more content is still to come than it would throw away.
#[test]
fn a_server_that_will_not_read_the_rest_says_close() {
    let max = Config::default().unread_body_bytes_max;
    for (left, closes) in [(max, false), (max + 1, true)] {
        for whole in [true, false] {
            let mut desk = Desk::server(Config::default());
            desk.feed(format!(
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\nx",
                left + 1
            ));
            let (fields, out) = ([("x", "y")], &mut desk.out);
            if whole {
                desk.conn.respond(200, fields, b"ok", out).unwrap();
            } else {
                desk.conn.send_response(200, fields, BodyLength::None, out).unwrap();
            }
            assert_eq!(desk.take().contains("connection: close\r\n"), closes, "{left} {whole}");
            assert_eq!(lingers(desk.conn.next_step()), closes, "{left} {whole}");
        }
        // An answer that goes on may be made of the content.
        let mut desk = Desk::server(Config::default());
        desk.feed(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\nx", left + 1));
        desk.conn.send_response(200, [("x", "y")], BodyLength::Chunked, &mut desk.out).unwrap();
        assert!(!desk.take().contains("connection: close\r\n"), "{left}");
    }
}

// R9112-117
#[test]
fn a_client_that_says_close_sends_no_more_and_closes_after_the_answer() {
    let mut desk = Desk::client(Config::client());
    get(&mut desk.conn, "/1", &mut desk.out);
    let fields = [("host", "a"), ("connection", "x, close")];
    desk.conn.send_request(("GET", "/2"), &fields, BodyLength::None, &mut desk.out).unwrap();
    let sent =
        desk.conn.send_request(("GET", "/3"), [("host", "a")], BodyLength::None, &mut desk.out);
    assert_eq!(sent, Err(SendError::Closed));
    desk.take();
    desk.feed(OK);
    assert_eq!(desk.conn.next_step(), NextStep::Read, "its own answer is still to come");
    desk.feed(OK);
    assert_eq!((&desk.error, desk.conn.next_step()), (&None, NextStep::Close));
}

// R9112-118, R9112-120, R9112-122
#[test]
fn a_server_asked_to_close_does_and_processes_nothing_more() {
    let log = split::server(
        format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n{GET}"),
        ok_at_end,
    );
    log.assert_fine();
    assert_eq!((log.heads().len(), log.left), (1, GET.as_bytes().to_vec()));
    assert!(log.output.windows(19).any(|octets| octets == b"connection: close\r\n"));
    assert_eq!(log.next_step, NextStep::Close, "the client said itself that nothing follows");
}

// R9112-123
#[test]
fn a_client_told_to_close_does_after_the_response() {
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx";
    let log = asked(3, &format!("{close}{OK}"), Then::Open);
    log.assert_fine();
    assert_eq!((log.heads().len(), log.next_step), (1, NextStep::Close));
    assert_eq!(log.unfinished, [Verdict::Unprocessed; 2]);
}

#[test]
fn lingering_is_an_instruction_with_bounds() {
    let mut desk = Desk::server(Config::default());
    desk.now = Duration::from_secs(3);
    desk.feed("nonsense\r\n");
    assert_eq!(desk.conn.next_step(), NextStep::Write, "first the answer goes");
    desk.tick(Duration::from_secs(4));
    desk.take();
    let until = Duration::from_secs(12);
    assert_eq!(desk.conn.next_step(), NextStep::Linger { octets_max: 1 << 20, until });
    desk.tick(Duration::from_secs(2));
    assert_eq!(desk.conn.next_step(), NextStep::Linger { octets_max: 1 << 20, until });
    desk.eof();
    assert_eq!(desk.conn.next_step(), NextStep::Close, "the peer has seen it");
}

/// The caller's own wish to end (§9.6): the answer that is owed says so.
#[test]
fn close_after_makes_the_exchange_under_way_the_last() {
    let two = GET.repeat(2);
    let (mut head, mut out) = (Head::default(), Vec::new());
    // Between two exchanges there is none; then before the head of the answer, and behind it.
    for moment in ["between", "before", "behind"] {
        let mut conn = ServerConnection::new(Config::default(), Duration::ZERO);
        let mut input = two.as_bytes();
        out.clear();
        if moment == "between" {
            conn.close_after();
        }
        assert!(matches!(conn.next_event(&mut input, &mut head), Ok(Some(Event::Head { .. }))));
        if moment == "before" {
            conn.close_after();
        }
        conn.send_response(200, [("x", "y")], BodyLength::Known(1), &mut out).unwrap();
        if moment == "behind" {
            conn.close_after();
        }
        conn.send_data(b"z", &mut out).unwrap();
        conn.finish(&mut out).unwrap();
        conn.wrote(out.len());
        let text = str::from_utf8(&out).unwrap();
        assert!(text.ends_with("\r\n\r\nz"), "{text}");
        assert_eq!(text.contains("connection: close\r\n"), moment == "before", "{text}");
        assert!(!conn.is_draining() && conn.next_deadline().is_none_or(|it| it > Duration::ZERO));
        let mut surfaced = 0;
        while let Some(event) = conn.next_event(&mut input, &mut head).unwrap() {
            surfaced += usize::from(matches!(event, Event::Head { .. }));
        }
        let goes_on = moment == "between";
        assert_eq!((surfaced, input.is_empty()), (usize::from(goes_on), goes_on), "{moment}");
        assert_eq!(lingers(conn.next_step()), !goes_on, "{moment}");
    }
}
