//! curl against the example server.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]

use std::process::Command;
use std::sync::OnceLock;

#[path = "../peers/mod.rs"]
mod peers;

use peers::{Daemon, Directory, Output, noise, serve};

/// Whether curl is there; says once if it is not.
fn curl_is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        let there = peers::succeeds("curl", &["--version"]);
        if !there {
            peers::missing("curl", "install the package curl");
        }
        there
    })
}

/// Runs curl, which must succeed.
fn curl<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    let mut command = Command::new("curl");
    // -q: no configuration of the user's.
    command.args(["-q", "-sS", "-v", "--http1.1", "--noproxy", "*", "--max-time", "50"]);
    peers::run(command.args(arguments)).succeeded()
}

/// curl and a server for it; `None` if there is no curl.
fn server() -> Option<Daemon> {
    curl_is_there().then(serve)
}

/// The lines of the response heads that curl has seen, in lower case.
fn heads(output: &Output) -> Vec<String> {
    let lines = output.stderr.lines().filter_map(|line| line.strip_prefix("< "));
    lines.map(|line| line.trim_end().to_ascii_lowercase()).filter(|line| !line.is_empty()).collect()
}

fn has(output: &Output, line: &str) -> bool {
    heads(output).iter().any(|head| head == line)
}

/// How many connections curl has opened.
fn connections(output: &Output) -> usize {
    output.stderr.matches("* Connected to ").count()
}

#[test]
fn get() {
    let Some(server) = server() else { return };
    let output = curl(&[server.url("/plaintext")]);
    assert_eq!(output.stdout, b"Hello, World!");
    let heads = heads(&output);
    assert_eq!(heads[0], "http/1.1 200 ok");
    assert!(has(&output, "content-type: text/plain") && has(&output, "content-length: 13"));
    assert!(heads.iter().any(|line| line.starts_with("date: ") && line.ends_with(" gmt")));
    assert!(!has(&output, "connection: close"));
}

#[test]
fn head() {
    let Some(server) = server() else { return };
    let output = curl(&["--head".to_owned(), server.url("/bytes/12345"), server.url("/plaintext")]);
    assert!(has(&output, "content-length: 12345") && has(&output, "content-length: 13"));
    assert_eq!(connections(&output), 1, "no content came, and the connection persists");
}

#[test]
fn post() {
    let Some(server) = server() else { return };
    let output = curl(&["--data-binary", "some content", &server.url("/")]);
    assert_eq!(output.stdout, b"some content");
    assert!(has(&output, "content-length: 12"), "{}", output.stderr);
}

#[test]
fn post_without_content() {
    let Some(server) = server() else { return };
    let output = curl(&["--data", "", &server.url("/")]);
    assert_eq!(output.stdout, b"nothing to echo\n");
}

#[test]
fn a_connection_is_used_again() {
    let Some(server) = server() else { return };
    let urls = ["/plaintext", "/trailers", "/bytes/70000", "/early-hints", "/plaintext"];
    let output = curl(&urls.map(|path| server.url(path)));
    assert_eq!(connections(&output), 1, "{}", output.stderr);
    assert_eq!(output.stderr.matches("* Re-using existing connection").count(), 4);
    assert!(output.stdout.starts_with(b"Hello, World!the trailers come last\nxxx"));
    assert!(output.stdout.ends_with(b"xthe hints came first\nHello, World!"));
}

#[test]
fn the_client_closes() {
    let Some(server) = server() else { return };
    let output = curl(&["-H", "Connection: close", &server.url("/plaintext")]);
    assert_eq!(output.stdout, b"Hello, World!");
    assert!(has(&output, "connection: close"));
}

#[test]
fn http_1_0() {
    let Some(server) = server() else { return };
    let output = curl(&["--http1.0", &server.url("/plaintext")]);
    assert_eq!(output.stdout, b"Hello, World!");
    assert!(has(&output, "connection: close"), "{}", output.stderr);
    // No chunked coding for an old client: the content lasts until the connection closes.
    let output = curl(&["--http1.0", "--raw", &server.url("/trailers")]);
    assert_eq!(output.stdout, b"the trailers come last\n");
    assert!(!output.stderr.to_ascii_lowercase().contains("< transfer-encoding"));
}

#[test]
fn http_1_0_that_asks_for_persistence() {
    let Some(server) = server() else { return };
    let (first, second) = (server.url("/plaintext"), server.url("/bytes/4"));
    let output = curl(&["--http1.0", "-H", "Connection: keep-alive", &first, &second]);
    assert_eq!(output.stdout, b"Hello, World!xxxx");
    assert_eq!(connections(&output), 1, "{}", output.stderr);
    assert!(has(&output, "connection: keep-alive"));
}

#[test]
fn early_hints() {
    let Some(server) = server() else { return };
    let output = curl(&[server.url("/early-hints")]);
    assert_eq!(output.stdout, b"the hints came first\n");
    let heads = heads(&output);
    assert_eq!(heads[0], "http/1.1 103 early hints");
    assert_eq!(heads[1], "link: </style.css>; rel=preload; as=style");
    assert_eq!(heads[2], "http/1.1 200 ok");
}

#[test]
fn trailers() {
    let Some(server) = server() else { return };
    let output = curl(&["--raw", &server.url("/trailers")]);
    let raw = b"17\r\nthe trailers come last\n\r\n0\r\nx-count: 23\r\n\r\n";
    assert_eq!(output.stdout.escape_ascii().to_string(), raw.escape_ascii().to_string());
    assert!(has(&output, "transfer-encoding: chunked") && has(&output, "trailer: x-count"));
}

/// curl waits a minute for the 100: it would run into its time limit if none came.
#[test]
fn a_large_upload_waits_for_100() {
    let Some(server) = server() else { return };
    let directory = Directory::new("curl-continue");
    let content = noise(3 << 20, 1);
    let file = directory.file("content", &content);
    let data = format!("@{}", file.display());
    let url = server.url("/");
    let wait = ["--expect100-timeout", "60", "-H", "Expect: 100-continue", "--data-binary"];
    let output = curl(&[wait.as_slice(), &[&data, &url]].concat());
    assert_eq!(heads(&output)[..2], ["http/1.1 100 continue", "http/1.1 200 ok"]);
    assert!(output.stdout == content, "{} octets", output.stdout.len());
}

#[test]
fn uploads_come_back_as_they_went() {
    let Some(server) = server() else { return };
    let directory = Directory::new("curl-upload");
    let content = noise(3_000_000, 2);
    let file = directory.file("content", &content);
    let data = format!("@{}", file.display());
    let url = server.url("/");
    let known = curl(&["-H", "Expect:", "--data-binary", &data, &url]);
    assert!(has(&known, "content-length: 3000000"), "{}", known.stderr);
    assert!(known.stdout == content, "{} octets", known.stdout.len());
    let chunked = ["-H", "Expect:", "-H", "Transfer-Encoding: chunked", "--data-binary"];
    let chunked = curl(&[chunked.as_slice(), &[&data, &url]].concat());
    assert!(has(&chunked, "transfer-encoding: chunked"), "{}", chunked.stderr);
    assert!(chunked.stdout == content, "{} octets", chunked.stdout.len());
    // PUT from a pipe of unknown length, with 100 (Continue).
    let file = format!("file={}", file.display());
    let put = curl(&["--form", &file.replacen('=', "=@", 1), &url]);
    let found = put.stdout.windows(64).any(|window| window == &content[..64]);
    assert!(found && put.stdout.len() > content.len(), "a form holds the file");
}

#[test]
fn a_hundred_megabytes_come_down_intact() {
    let Some(server) = server() else { return };
    let output = curl(&[server.url("/bytes/100000000")]);
    assert_eq!(output.stdout.len(), 100_000_000);
    let block = [b'x'; 4096];
    assert!(output.stdout.chunks(block.len()).all(|chunk| chunk == &block[..chunk.len()]));
}

#[test]
fn an_offer_of_another_protocol_is_passed_over() {
    let Some(server) = server() else { return };
    let offer = ["-H", "Connection: Upgrade, HTTP2-Settings", "-H", "Upgrade: h2c"];
    let output = curl(&[offer.as_slice(), &[&server.url("/plaintext")]].concat());
    assert_eq!(output.stdout, b"Hello, World!");
    assert_eq!(heads(&output)[0], "http/1.1 200 ok");
}

#[test]
fn many_at_once() {
    let Some(server) = server() else { return };
    let urls: Vec<String> = (0..40).map(|index| server.url(&format!("/bytes/{index}"))).collect();
    let arguments = ["--parallel", "--parallel-immediate", "--parallel-max", "20"];
    let arguments = arguments.map(str::to_owned);
    let output = curl(&[arguments.as_slice(), &urls].concat());
    assert_eq!(output.stdout.len(), (0..40).sum::<usize>());
    assert_eq!(heads(&output).iter().filter(|line| *line == "http/1.1 200 ok").count(), 40);
}

#[test]
fn what_is_refused_is_told() {
    let Some(server) = server() else { return };
    let url = server.url("/");
    let long = format!("X-Long: {}", "a".repeat(20_000));
    let cases: [(&str, &[&str]); 5] = [
        ("400", &["-H", "Host: a b"]),
        ("413", &["-H", "Content-Length: 5368709120", "-H", "Expect: 100-continue", "-d", "x"]),
        ("431", &["-H", &long]),
        ("501", &["-H", "Transfer-Encoding: brotli, chunked", "-d", "x"]),
        ("501", &["-X", "A-METHOD-THAT-IS-LONGER-THAN-ANY-THAT-IS-SERVED"]),
    ];
    for (status, arguments) in cases {
        let write = ["-o", "/dev/null", "-w", "%{http_code}"];
        let output = curl(&[arguments, write.as_slice(), &[&url]].concat());
        assert_eq!(String::from_utf8_lossy(&output.stdout), status, "{arguments:?}");
        assert!(has(&output, "connection: close"), "{arguments:?}: {}", output.stderr);
    }
}
