//! What properties of HTTP/1.1 are tried on. The generator is seeded: a failure comes again.
#![allow(dead_code, reason = "each test uses some of it")]

use core::fmt;

use h1_proto::grammar;
use quickcheck::{Arbitrary, Gen, QuickCheck, Testable};
use tests::endpoint::Endpoint;

pub(crate) fn check(cases: u64, size: usize, property: impl Testable) {
    let generator = Gen::from_size_and_seed(size, 0x6831);
    QuickCheck::new().rng(generator).tests(cases).max_tests(cases).quickcheck(property);
}

pub(crate) fn below(g: &mut Gen, end: usize) -> usize {
    usize::arbitrary(g) % end
}

/// Octets of a class, fewer than `end`.
pub(crate) fn octets(g: &mut Gen, end: usize, class: impl Fn(u8) -> bool) -> Vec<u8> {
    let len = below(g, end);
    let mut found = Vec::new();
    while found.len() < len {
        let octet = u8::arbitrary(g);
        if class(octet) {
            found.push(octet);
        }
    }
    found
}

pub(crate) fn token(g: &mut Gen) -> Vec<u8> {
    let mut name = octets(g, 12, |octet| grammar::TCHAR[usize::from(octet)]);
    name.push(b'x');
    name
}

pub(crate) fn content(octet: u8) -> bool {
    octet == b'\t' || !grammar::is_control(octet)
}

/// Without the names that mean something to the connection.
pub(crate) fn field(g: &mut Gen) -> (Vec<u8>, Vec<u8>) {
    let mut name = token(g);
    while grammar::is_hop_by_hop(&name) || grammar::is_forbidden_trailer(&name) {
        name.push(b'-');
    }
    let value = grammar::trim_ows(&octets(g, 40, content)).to_vec();
    (name, value)
}

pub(crate) type Lines = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn fields(g: &mut Gen) -> Lines {
    (0..below(g, 6)).map(|_| field(g)).collect()
}

/// Octets that may be a message, a piece of one, or nothing.
#[derive(Clone)]
pub(crate) struct Mess(pub(crate) Vec<u8>);

impl Arbitrary for Mess {
    fn arbitrary(g: &mut Gen) -> Self {
        const WORDS: &[&str] = &[
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            "HEAD / HTTP/1.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 103 X\r\nlink: y\r\n\r\n",
            "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "5\r\nhello\r\n",
            "3;a=\"b\"\r\nabc\r\n",
            "0\r\nx: y\r\n\r\n",
            "0\r\n\r\n",
            "\r\n",
            "x: y\r\n",
            " folded\r\n",
            "Connection: close\r\n",
            "Content-Length: 7\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
        ];
        let mut octets = Vec::new();
        for _ in 0..below(g, 8) {
            match below(g, 8) {
                0 => octets.extend_from_slice(&Vec::<u8>::arbitrary(g)),
                1 => octets.push(*g.choose(b"\r\n\t :;,=0\0\x7f\xff").unwrap()),
                _ => octets.extend_from_slice(g.choose(WORDS).unwrap().as_bytes()),
            }
        }
        if below(g, 3) == 0 && !octets.is_empty() {
            let at = below(g, octets.len());
            octets[at] = u8::arbitrary(g);
        }
        Self(octets)
    }

    fn shrink(&self) -> Box<dyn Iterator<Item = Self>> {
        Box::new(self.0.shrink().map(Self))
    }
}

impl fmt::Debug for Mess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// The octets looked at are a small multiple of those that came.
pub(crate) fn assert_bounded(conn: &impl Endpoint, fed: usize) {
    assert!(conn.received() <= fed as u64);
    assert!(conn.work() <= 4 * fed as u64 + 64, "{} for {fed} octets", conn.work());
}
