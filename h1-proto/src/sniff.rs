//! Which protocol begins here: HTTP/1 or the preface of HTTP/2 with prior knowledge.

/// The client connection preface (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What the first octets of a connection say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "one, the other, or not yet known")]
pub enum Sniff {
    /// Not the preface of HTTP/2: hand all of the octets to an HTTP/1 connection.
    H1,
    /// The whole preface of HTTP/2, which belongs to that connection.
    H2,
    /// The beginning of the preface, or nothing yet.
    More,
}

/// Tells HTTP/2 with prior knowledge from HTTP/1 by the first octets of a connection. Nothing is
/// consumed: whatever the answer, the octets go to the connection that is made of it.
///
/// ```
/// use h1_proto::{Sniff, sniff};
/// assert_eq!(sniff(b"PRI * HT"), Sniff::More);
/// assert_eq!(sniff(b"PRIVATE / HTTP/1.1\r\n"), Sniff::H1);
/// ```
#[must_use]
pub fn sniff(octets: &[u8]) -> Sniff {
    if octets.starts_with(PREFACE) {
        Sniff::H2
    } else if PREFACE.starts_with(octets) {
        Sniff::More
    } else {
        Sniff::H1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_3_4_every_cut_of_the_preface() {
        for cut in 0..PREFACE.len() {
            assert_eq!(sniff(&PREFACE[..cut]), Sniff::More);
            let mut wrong = PREFACE[..cut].to_vec();
            wrong.push(b'x');
            assert_eq!(sniff(&wrong), Sniff::H1);
        }
        assert_eq!(sniff(PREFACE), Sniff::H2);
        assert_eq!(sniff(&[PREFACE, b"\0\0\0"].concat()), Sniff::H2);
    }
}
