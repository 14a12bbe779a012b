//! httpx of Python and `http2` of Node against the example server, in the clear and over TLS.
#![cfg(unix)]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "tests have std")]

use std::process::Command;

#[path = "../peers/mod.rs"]
mod peers;

use peers::{Daemon, serve, serve_tls};

fn httpx() -> Option<Command> {
    let mut command = Command::new(peers::python());
    command.args(["-u", "-B"]).arg(peers::script("httpx_client.py"));
    let there = peers::succeeds(peers::python(), &["-c", "import httpx, h2"]);
    let how = "`pip install -r tests/peers/requirements.txt` in a virtual environment, then set \
               PYTHON to its interpreter";
    found(there, command, "Python with httpx and h2", how)
}

fn node() -> Option<Command> {
    let mut command = Command::new("node");
    command.arg(peers::script("http2_client.js"));
    let there = peers::succeeds("node", &["--version"]);
    found(there, command, "Node", "install the package nodejs")
}

fn found(there: bool, command: Command, peer: &str, how: &str) -> Option<Command> {
    if !there {
        peers::missing(peer, how);
    }
    there.then_some(command)
}

/// Runs every case that the script has, in one process: at least so many.
fn passes(script: fn() -> Option<Command>, server: fn() -> Daemon, least: usize) {
    let (Some(mut list), Some(mut command)) = (script(), script()) else { return };
    let listed = peers::run(list.arg("--list")).succeeded();
    let listed = String::from_utf8(listed.stdout).expect("text");
    let cases: Vec<&str> = listed.lines().collect();
    assert!(cases.len() >= least, "{listed}");
    let server = server();
    let output = peers::run(command.arg(server.url("")).args(&cases)).succeeded();
    let expected: String = cases.iter().map(|case| format!("passed {case}\n")).collect();
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{}", output.stderr);
    server.interrupt();
    assert!(server.end().success());
}

#[test]
fn httpx_in_the_clear() {
    passes(httpx, serve, 6);
}

#[test]
fn httpx_over_tls() {
    passes(httpx, serve_tls, 6);
}

#[test]
fn node_in_the_clear() {
    passes(node, serve, 10);
}

#[test]
fn node_over_tls() {
    passes(node, serve_tls, 10);
}
