//! Clients of both protocols over TLS against the example server: curl, nghttp, h2load.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]

use std::process::Command;

#[path = "../peers/mod.rs"]
mod peers;

use peers::{Daemon, Directory, Output, noise, serve_tls};

const CURL: (&str, &str) = ("curl", "install the package curl");
const NGHTTP2: &str = "install the package nghttp2-client";

/// A server for a client; `None` if that is not there.
fn server_for(client: &str, how: &str) -> Option<Daemon> {
    if peers::succeeds(client, &["--version"]) {
        return Some(serve_tls());
    }
    peers::missing(client, how);
    None
}

/// What curl is told for each protocol, and what it calls that.
const PROTOCOLS: [(&str, &str); 2] = [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2")];

fn curl(protocol: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["-q", "-sS", "-v", "-k", "--noproxy", "*", "--max-time", "50", protocol]);
    peers::run(command.args(arguments)).succeeded()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    peers::run(Command::new(program).args(arguments)).succeeded()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// One handshake for all of them, and the protocol that ALPN agreed on.
#[test]
fn curl_requests_share_a_connection() {
    let Some(server) = server_for(CURL.0, CURL.1) else { return };
    let url = server.url("/plaintext");
    for (protocol, name) in PROTOCOLS {
        let output = curl(protocol, &[&url, &url, &url]);
        assert_eq!(text(&output), "Hello, World!".repeat(3));
        let answers = output.stderr.matches(&format!("< {name} 200")).count();
        assert_eq!(answers, 3, "{}", output.stderr);
        let handshakes = output.stderr.matches("SSL connection using").count();
        assert_eq!(handshakes, 1, "{}", output.stderr);
    }
}

#[test]
fn curl_content_comes_back() {
    let Some(server) = server_for(CURL.0, CURL.1) else { return };
    let directory = Directory::new("tls-upload");
    let content = noise(3 << 20, 8446);
    let file = directory.file("content", &content);
    let data = format!("@{}", file.display());
    for (protocol, name) in PROTOCOLS {
        let output = curl(protocol, &["--data-binary", &data, &server.url("/")]);
        assert!(output.stdout == content, "{name}: {} octets", output.stdout.len());
    }
}

#[test]
fn curl_sees_hints_a_100_and_trailers() {
    let Some(server) = server_for(CURL.0, CURL.1) else { return };
    for (protocol, name) in PROTOCOLS {
        let output = curl(protocol, &[&server.url("/early-hints")]);
        let at = |status| output.stderr.find(&format!("< {name} {status}"));
        assert!(at(103).is_some() && at(103) < at(200), "{}", output.stderr);
        let output = curl(protocol, &["-H", "expect: 100-continue", "-d", "x", &server.url("/")]);
        assert!(output.stderr.contains(&format!("< {name} 100")), "{}", output.stderr);
        let output = text(&curl(protocol, &["-i", &server.url("/trailers")]));
        let (content, count) =
            (output.find("the trailers come last\n"), output.find("x-count: 23"));
        assert!(content.is_some() && count.is_some(), "{output}");
    }
}

#[test]
fn nghttp_many_requests_on_one_connection() {
    let Some(server) = server_for("nghttp", NGHTTP2) else { return };
    let url = server.url("/bytes/100000");
    let text = text(&run("nghttp", &["-n", "-v", "-m", "20", &url]));
    assert_eq!(text.matches(":status: 200").count(), 20, "{text}");
    assert!(text.contains("The negotiated protocol: h2"), "{text}");
}

#[test]
fn h2load_every_request_succeeds() {
    let Some(server) = server_for("h2load", NGHTTP2) else { return };
    for (protocol, path, requests, connections, streams) in [
        ("h2", "/plaintext", "5000", "4", "100"),
        ("h2", "/bytes/100000", "200", "5", "10"),
        ("http/1.1", "/plaintext", "2000", "4", "1"),
    ] {
        let (alpn, url) = (format!("--npn-list={protocol}"), server.url(path));
        let output =
            run("h2load", &["-n", requests, "-c", connections, "-m", streams, &alpn, &url]);
        let text = text(&output);
        let wanted = format!("{requests} succeeded, 0 failed, 0 errored, 0 timeout");
        assert!(text.contains(&wanted), "{text}");
        assert!(text.contains(&format!("Application protocol: {protocol}")), "{text}");
    }
}

/// Ctrl-C lets a request that has begun end, over TLS too.
#[test]
fn a_drain_lets_requests_end() {
    let Some(server) = server_for(CURL.0, CURL.1) else { return };
    let url = server.url("/delay/600");
    let asking = std::thread::spawn(move || text(&curl("--http2", &[&url])));
    std::thread::sleep(std::time::Duration::from_millis(300));
    server.interrupt();
    assert_eq!(asking.join().unwrap(), "here it is\n");
    assert!(server.end().success());
}
