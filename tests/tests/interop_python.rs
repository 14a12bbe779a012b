//! Python peers in both roles: `http.client` and h11 against the example server; our client, with
//! blocking sockets, against `http.server` and h11.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use h1_proto::{
    BodyLength, ClientConnection, Config, ConnectionError, ErrorKind, Head, NextStep, OwnedEvent,
    RequestId, RequestLine, SendError, Verdict, Version,
};

#[path = "../peers/mod.rs"]
mod peers;

use peers::{Daemon, Directory, LIMIT, noise, serve};

/// Whether Python is there; says once if it is not.
fn python_is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let there = peers::succeeds(peers::python(), &["-c", "import http.server, http.client"]);
        if !there {
            peers::missing("Python 3", "install python3, or set PYTHON to an interpreter");
        }
        there
    })
}

/// Whether h11 is there, too.
fn h11_is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let there = peers::succeeds(peers::python(), &["-c", "import h11"]);
        if !there {
            let how = "`pip install -r tests/peers/requirements.txt` in a virtual environment, \
                       then set PYTHON to its interpreter";
            peers::missing("Python with h11", how);
        }
        there
    })
}

fn python(script: &str) -> Command {
    let mut command = Command::new(peers::python());
    // Unbuffered, and without files of its own beside the scripts.
    command.args(["-u", "-B"]).arg(peers::script(script));
    command
}

// ---- our server ----

/// A test for each case of a script, and one that none is forgotten.
macro_rules! cases {
    ($script:literal, $there:ident: $($case:ident),+ $(,)?) => {
        $(
            #[test]
            fn $case() {
                if super::$there() {
                    super::run_case($script, stringify!($case));
                }
            }
        )+

        #[test]
        fn every_case_of_the_script_is_run() {
            if super::$there() {
                let output = super::peers::run(super::python($script).arg("--list")).succeeded();
                let listed = String::from_utf8(output.stdout).expect("text");
                assert_eq!(listed.lines().collect::<Vec<_>>(), [$(stringify!($case)),+]);
            }
        }
    };
}

fn run_case(script: &str, case: &str) {
    let server = serve();
    let mut command = python(script);
    let output = peers::run(command.arg(server.address.to_string()).arg(case)).succeeded();
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("passed {case}\n"));
}

mod http_client_against_us {
    cases!("http_client.py", python_is_there:
        get, head, post_known, post_chunked, post_without_content, trailers, keep_alive, close,
        continues, refused, large,
    );
}

mod h11_client_against_us {
    cases!("h11_client.py", h11_is_there:
        get, head, post_known, post_chunked_with_trailers, trailers, keep_alive, pipelined,
        continues, content_makes_100_superfluous, early_hints, close, refused,
    );
}

// ---- our client ----

/// The client connection over a blocking socket: the loop of every driver.
struct Client {
    stream: TcpStream,
    conn: ClientConnection,
    head: Head,
    input: Vec<u8>,
    out: Vec<u8>,
    start: Instant,
}

/// A response, and what came before it.
#[derive(Debug, Default)]
struct Answer {
    informational: Vec<Head>,
    head: Head,
    body: BodyLength,
    content: Vec<u8>,
    trailers: Head,
}

const HOST: [(&str, &str); 1] = [("host", "peer")];

impl Client {
    fn connect(server: &Daemon) -> Self {
        Self::configured(server, Config::client())
    }

    fn configured(server: &Daemon, config: Config) -> Self {
        let stream = TcpStream::connect_timeout(&server.address, LIMIT).expect("it listens");
        stream.set_write_timeout(Some(LIMIT)).expect("a timeout can be set");
        let conn = ClientConnection::new(config, Duration::ZERO);
        let (input, out) = (Vec::new(), Vec::new());
        Self { stream, conn, head: Head::new(), input, out, start: Instant::now() }
    }

    /// A request without content.
    fn request(&mut self, method: &str, target: &str) -> RequestId {
        let request =
            self.conn.send_request((method, target), &HOST, BodyLength::None, &mut self.out);
        request.expect("the request is valid")
    }

    fn begin(&mut self, target: &str, fields: &[(&str, &str)], body: BodyLength) {
        let fields = [&HOST, fields].concat();
        let begun = self.conn.send_request(("POST", target), &fields, body, &mut self.out);
        begun.expect("the request is valid");
    }

    /// Sends content, written whenever the connection takes no more.
    fn content(&mut self, mut content: &[u8]) {
        while !content.is_empty() {
            let accepted = self.conn.send_data(content, &mut self.out).expect("it may be sent");
            content = &content[accepted..];
            self.write();
        }
    }

    fn write(&mut self) {
        self.stream.write_all(&self.out).expect("the peer reads");
        self.conn.wrote(self.out.len());
        self.out.clear();
    }

    /// The next event out of what was read; without one, time passes and the output is written.
    fn pull(&mut self) -> Result<Option<OwnedEvent>, ConnectionError> {
        let mut rest = self.input.as_slice();
        let event = self.conn.next_event(&mut rest, &mut self.head);
        let event = event.map(|event| event.map(|event| event.to_owned()));
        let used = self.input.len() - rest.len();
        self.input.drain(..used);
        if let Some(event) = event? {
            return Ok(Some(event));
        }
        self.conn.advance(self.start.elapsed())?;
        self.write();
        Ok(None)
    }

    /// Reads once, no longer than the connection's next deadline.
    fn read(&mut self) {
        let deadline = self.conn.next_deadline().unwrap_or(LIMIT);
        let left = deadline.saturating_sub(self.start.elapsed()).max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(left.min(LIMIT))).expect("a timeout can be set");
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.conn.eof(),
            Ok(octets) => {
                self.conn.arrived(self.start.elapsed());
                self.input.extend_from_slice(&buffer[..octets]);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                assert!(self.start.elapsed() < LIMIT, "the peer is silent");
            }
            Err(error) => panic!("reading: {error}"),
        }
    }

    /// The next event; `None` when the connection is over.
    fn event(&mut self) -> Result<Option<OwnedEvent>, ConnectionError> {
        loop {
            if let Some(event) = self.pull()? {
                return Ok(Some(event));
            }
            match self.conn.next_step() {
                NextStep::Read => self.read(),
                NextStep::Close => return Ok(None),
                step => panic!("{step:?} is no step of this client"),
            }
        }
    }

    /// The next response, to its end.
    fn answer(&mut self) -> Result<Answer, ConnectionError> {
        let mut answer = Answer::default();
        loop {
            match self.event()?.expect("a response comes") {
                OwnedEvent::Informational(head) => answer.informational.push(head),
                OwnedEvent::Head { head, body, .. } => (answer.head, answer.body) = (head, body),
                OwnedEvent::Data(data) => answer.content.extend_from_slice(&data),
                OwnedEvent::End { trailers } => {
                    answer.trailers = trailers;
                    return Ok(answer);
                }
                event => panic!("unexpected: {event}"),
            }
        }
    }

    fn ask(&mut self, method: &str, target: &str) -> Answer {
        self.request(method, target);
        self.answer().expect("a response comes")
    }

    /// Waits as long as the content should wait; the interim responses that came meanwhile.
    fn wait_for_continue(&mut self) -> Vec<u16> {
        let mut interim = Vec::new();
        loop {
            match self.pull().expect("nothing is broken") {
                Some(OwnedEvent::Informational(head)) => interim.push(head.status()),
                Some(event) => panic!("unexpected: {event}"),
                None if !self.conn.awaits_continue() => return interim,
                None => self.read(),
            }
        }
    }

    /// What the requests of which nothing more comes are told.
    fn verdicts(&self) -> Vec<(u64, Verdict)> {
        self.conn.unfinished().map(|(id, verdict)| (id.0, verdict)).collect()
    }
}

fn text<'h>(head: &'h Head, name: &str) -> Option<&'h str> {
    head.field(name).map(|value| std::str::from_utf8(value).expect("text"))
}

/// The rules that every server has to keep for us, whoever made it.
fn speaks_with(server: &Daemon) {
    let mut client = Client::connect(server);
    let answer = client.ask("GET", "/known");
    assert_eq!((answer.head.status(), answer.body), (200, BodyLength::Known(13)));
    assert_eq!(answer.content, b"known content");
    let answer = client.ask("HEAD", "/known");
    assert_eq!((answer.head.status(), answer.body), (200, BodyLength::None));
    assert_eq!(text(&answer.head, "content-length"), Some("13"));
    assert_eq!(answer.content, b"");
    for status in [204, 304, 404] {
        let answer = client.ask("GET", &format!("/{status}"));
        assert_eq!(answer.head.status(), status);
        assert_eq!(answer.body == BodyLength::None, status != 404, "{:?}", answer.body);
        if status == 404 && !client.conn.is_idle() {
            // http.server closes after an error.
            assert_eq!(client.event(), Ok(None));
            client = Client::connect(server);
        }
    }
    assert_eq!(client.ask("GET", "/known").content, b"known content");
    assert!(client.conn.is_idle() && client.verdicts().is_empty());

    let answer = client.ask("GET", "/last");
    assert_eq!(answer.content, b"the last");
    assert_eq!(client.event(), Ok(None), "the server has said close");
    let refused = client.conn.send_request(("GET", "/"), &HOST, BodyLength::None, &mut client.out);
    assert_eq!(refused, Err(SendError::Closed));
}

/// Many requests in one write, answered in their order, on one connection.
fn pipelines_with(server: &Daemon) {
    let mut client = Client::connect(server);
    let targets = ["/known", "/204", "/known", "/304", "/known"];
    let methods = ["GET", "GET", "HEAD", "GET", "GET"];
    for round in 0..4 {
        for (method, target) in methods.iter().zip(targets) {
            client.request(method, target);
        }
        assert_eq!(client.conn.in_flight(), 5);
        for (index, status) in [200, 204, 200, 304, 200].into_iter().enumerate() {
            let answer = client.answer().expect("a response comes");
            assert_eq!(answer.head.status(), status, "round {round}, {index}");
            let full = index == 0 || index == 4;
            assert_eq!(answer.content, if full { b"known content".as_slice() } else { b"" });
        }
    }
    assert!(client.conn.is_idle());
}

/// An upload that waits for its 100 (Continue), longer than it would wait without one.
fn is_told_to_continue_by(server: &Daemon, target: &str) {
    let mut config = Config::client();
    config.continue_timeout = LIMIT * 2;
    let mut client = Client::configured(server, config);
    let content = noise(300_000, 5);
    client.begin(target, &[("expect", "100-continue")], BodyLength::Known(300_000));
    assert!(client.conn.awaits_continue());
    assert_eq!(client.wait_for_continue(), [100]);
    client.content(&content);
    client.conn.finish(&mut client.out).expect("it is complete");
    let answer = client.answer().expect("a response comes");
    assert!(answer.content == content && answer.informational.is_empty());
    assert!(client.conn.is_idle());
}

/// An upload larger than what may be unsent at a time.
fn echoes(server: &Daemon, target: &str) {
    let mut client = Client::connect(server);
    let content = noise(3_000_000, 6);
    client.begin(target, &[], BodyLength::Known(3_000_000));
    client.content(&content);
    client.conn.finish(&mut client.out).expect("it is complete");
    let answer = client.answer().expect("a response comes");
    assert_eq!(answer.body, BodyLength::Known(3_000_000));
    assert!(answer.content == content, "{} octets", answer.content.len());
}

mod us_against_http_server {
    use super::*;

    fn server() -> Option<Daemon> {
        python_is_there().then(|| Daemon::start(&mut python("http_server.py")))
    }

    #[test]
    fn speaks() {
        let Some(server) = server() else { return };
        speaks_with(&server);
    }

    #[test]
    fn pipelines() {
        let Some(server) = server() else { return };
        pipelines_with(&server);
    }

    #[test]
    fn continues() {
        let Some(server) = server() else { return };
        is_told_to_continue_by(&server, "/");
    }

    #[test]
    fn uploads() {
        let Some(server) = server() else { return };
        echoes(&server, "/");
    }

    #[test]
    fn one_connection_carries_many_exchanges() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        let port = client.stream.local_addr().expect("it is connected").port().to_string();
        for _ in 0..50 {
            let answer = client.ask("GET", "/known");
            assert_eq!(text(&answer.head, "x-port"), Some(port.as_str()));
        }
    }

    #[test]
    fn content_until_close() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        let answer = client.ask("GET", "/until-close");
        assert_eq!(answer.body, BodyLength::UntilClose);
        assert!(answer.content == [b'z'; 100_000], "{} octets", answer.content.len());
        assert_eq!(client.event(), Ok(None));
        assert!(client.verdicts().is_empty());
    }

    /// The ready-made server of `python3 -m http.server`: HTTP/1.0, a connection for each file.
    #[test]
    fn a_file_from_the_ready_made_server() {
        if !python_is_there() {
            return;
        }
        let directory = Directory::new("python-files");
        let content = noise(1_000_000, 8);
        directory.file("file", &content);
        let mut command = Command::new(peers::python());
        command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]);
        let server = Daemon::start(command.arg(directory.path()));
        let mut client = Client::connect(&server);
        let answer = client.ask("GET", "/file");
        assert_eq!((answer.head.status(), answer.head.version()), (200, Version::Http10));
        assert_eq!(answer.body, BodyLength::Known(1_000_000));
        assert!(answer.content == content);
        assert_eq!(client.event(), Ok(None), "HTTP/1.0 closes");
        let answer = Client::connect(&server).ask("GET", "/nothing");
        assert_eq!(answer.head.status(), 404);
    }
}

mod us_against_h11 {
    use super::*;

    fn server() -> Option<Daemon> {
        h11_is_there().then(|| Daemon::start(&mut python("h11_server.py")))
    }

    #[test]
    fn speaks() {
        let Some(server) = server() else { return };
        speaks_with(&server);
    }

    #[test]
    fn pipelines() {
        let Some(server) = server() else { return };
        pipelines_with(&server);
    }

    #[test]
    fn continues() {
        let Some(server) = server() else { return };
        is_told_to_continue_by(&server, "/echo");
    }

    #[test]
    fn uploads() {
        let Some(server) = server() else { return };
        echoes(&server, "/echo");
    }

    #[test]
    fn chunked_with_trailers() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        for requests in ["1", "2"] {
            let answer = client.ask("GET", "/chunked");
            assert_eq!(answer.body, BodyLength::Chunked);
            let content = [b"one, two, ".as_slice(), &[b'c'; 70_000], b" and the end"].concat();
            assert!(answer.content == content, "{} octets", answer.content.len());
            assert_eq!(text(&answer.trailers, "x-check"), Some("42"));
            assert_eq!(answer.trailers.fields().len(), 1);
            assert_eq!(text(&answer.head, "x-check"), None, "a trailer is no field of the head");
            assert_eq!(text(&answer.head, "x-requests"), Some(requests), "the same connection");
        }
    }

    #[test]
    fn uploads_chunked_with_trailers() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        let content = noise(1_000_000, 9);
        client.begin("/echo", &[("trailer", "x-sum")], BodyLength::Chunked);
        for piece in content.chunks(33_333) {
            client.content(piece);
        }
        client.conn.send_trailers(&[("x-sum", "17")], &mut client.out).expect("it is chunked");
        let answer = client.answer().expect("a response comes");
        assert!(answer.content == content, "{} octets", answer.content.len());
        assert_eq!(text(&answer.head, "x-seen-x-sum"), Some("17"));
        assert!(client.conn.is_idle());
    }

    /// To an HTTP/1.0 client h11 sends neither chunks nor a length.
    #[test]
    fn content_until_close_for_http_1_0() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        let line = RequestLine { method: b"GET", target: b"/chunked", version: Version::Http10 };
        let sent = client.conn.send_request(line, &HOST, BodyLength::None, &mut client.out);
        sent.expect("the request is valid");
        let answer = client.answer().expect("a response comes");
        assert_eq!(answer.body, BodyLength::UntilClose);
        assert_eq!(answer.content.len(), 70_022);
        assert_eq!(answer.trailers.fields().len(), 0);
        assert_eq!(client.event(), Ok(None));
    }

    #[test]
    fn early_hints() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        let answer = client.ask("GET", "/hints");
        let links: Vec<_> = answer.informational.iter().map(|head| text(head, "link")).collect();
        let link = |number| format!("</{number}.css>; rel=preload");
        assert_eq!(links, [0, 1, 2].map(link).each_ref().map(|link| Some(link.as_str())));
        assert!(answer.informational.iter().all(|head| head.status() == 103));
        assert_eq!(answer.content, b"after the hints");
        assert!(client.conn.is_idle());
    }

    /// A server that does not know of Expect: the content goes when the time is over.
    #[test]
    fn no_100_comes() {
        let Some(server) = server() else { return };
        let mut config = Config::client();
        config.continue_timeout = Duration::from_millis(20);
        let mut client = Client::configured(&server, config);
        client.begin("/never-100", &[("expect", "100-continue")], BodyLength::Known(4));
        assert_eq!(client.wait_for_continue(), []);
        client.content(b"sent");
        client.conn.finish(&mut client.out).expect("it is complete");
        let answer = client.answer().expect("a response comes");
        assert_eq!(answer.content, b"sent");
        assert!(answer.informational.is_empty());
    }

    /// The final response comes instead of the 100: no content goes at all.
    #[test]
    fn the_100_is_refused() {
        let Some(server) = server() else { return };
        let mut config = Config::client();
        config.continue_timeout = LIMIT * 2;
        let mut client = Client::configured(&server, config);
        client.begin("/refuses-100", &[("expect", "100-continue")], BodyLength::Known(4));
        let head = client.event().expect("nothing is broken");
        assert!(matches!(&head, Some(OwnedEvent::Head { head, .. }) if head.status() == 417));
        assert!(!client.conn.awaits_continue());
        client.conn.abandon_request();
        assert_eq!(client.answer().expect("the rest of it comes").content, b"no");
        assert_eq!(client.event(), Ok(None));
    }

    #[test]
    fn an_early_answer_ends_an_upload() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        client.begin("/early", &[], BodyLength::Known(100 << 20));
        client.content(&noise(50_000, 3));
        let head = client.event().expect("nothing is broken");
        assert!(matches!(&head, Some(OwnedEvent::Head { head, .. }) if head.status() == 413));
        client.conn.abandon_request();
        assert_eq!(client.answer().expect("the rest of it comes").content, b"too much");
        assert_eq!(client.event(), Ok(None), "what was begun cannot be taken back");
        assert!(client.verdicts().is_empty());
    }

    #[test]
    fn an_early_answer_while_the_upload_goes_on() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        client.begin("/early-but-reads", &[], BodyLength::Known(100_000));
        client.content(&[b'a'; 50_000]);
        let answer = client.answer().expect("a response comes");
        assert_eq!(answer.content, b"I know enough");
        assert!(!client.conn.is_idle(), "the request is not complete");
        client.content(&[b'a'; 50_000]);
        client.conn.finish(&mut client.out).expect("it is complete");
        let answer = client.ask("GET", "/known");
        assert_eq!(text(&answer.head, "x-requests"), Some("2"), "the connection went on");
    }

    #[test]
    fn requests_behind_the_last_answer_are_unprocessed() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        for target in ["/known", "/last", "/known", "/known"] {
            client.request("GET", target);
        }
        assert_eq!(client.answer().expect("a response comes").content, b"known content");
        assert_eq!(client.answer().expect("a response comes").content, b"the last");
        assert_eq!(client.event(), Ok(None));
        let unprocessed = Verdict::Unprocessed;
        assert_eq!(client.verdicts(), [(2, unprocessed), (3, unprocessed)]);
    }

    /// The answer is cut in its content, so the server began to answer; of the request behind it
    /// nobody knows.
    #[test]
    fn a_cut_in_the_content() {
        let Some(server) = server() else { return };
        for (target, body) in
            [("/cut-known", BodyLength::Known(1000)), ("/cut-chunked", BodyLength::Chunked)]
        {
            let mut client = Client::connect(&server);
            client.request("GET", "/known");
            client.request("GET", target);
            client.request("GET", "/known");
            client.answer().expect("a response comes");
            let head = client.event().expect("nothing is broken");
            assert!(matches!(head, Some(OwnedEvent::Head { body: got, .. }) if got == body));
            let error = client.answer().expect_err("it is cut");
            assert_eq!(error.kind(), ErrorKind::Incomplete, "{target}");
            assert_eq!(client.verdicts(), [(1, Verdict::Processed), (2, Verdict::Unknown)]);
        }
    }

    /// Nothing, or not all of a head, came: nobody knows what the server did.
    #[test]
    fn a_cut_before_the_answer() {
        let Some(server) = server() else { return };
        for target in ["/cut-head", "/drop"] {
            let mut client = Client::connect(&server);
            client.request("POST", target);
            let error = client.answer().expect_err("it is cut");
            assert_eq!(error.kind(), ErrorKind::Incomplete, "{target}");
            assert_eq!(client.verdicts(), [(0, Verdict::Unknown)], "{target}");
        }
    }

    /// A request of which no octet was written when the server closed is safe to send again.
    #[test]
    fn a_cut_before_a_request_was_written() {
        let Some(server) = server() else { return };
        let mut client = Client::connect(&server);
        client.request("POST", "/drop");
        client.write();
        client.request("POST", "/known");
        client.read();
        let mut input: &[u8] = &[];
        let cut = client.conn.next_event(&mut input, &mut client.head);
        assert_eq!(
            cut.map(|event| event.is_some()).map_err(|e| e.kind()),
            Err(ErrorKind::Incomplete)
        );
        assert_eq!(client.verdicts(), [(0, Verdict::Unknown), (1, Verdict::Unprocessed)]);
    }
}
