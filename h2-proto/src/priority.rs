//! Priorities (RFC 9218): urgency and increments, as a `priority` field says them.

use h1_proto::grammar;

/// How a response is to be scheduled (RFC 9218 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "these are its parameters")]
pub struct Priority {
    /// From 0, the most urgent, to 7.
    pub urgency: u8,
    /// Whether parts of it are of use before the whole is there: such responses share, others go
    /// one after the other.
    pub incremental: bool,
}

impl Default for Priority {
    /// Urgency 3, not incremental.
    fn default() -> Self {
        Self { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// The value of a `priority` field or a PRIORITY_UPDATE frame. What it does not say, or says
    /// wrongly, is as by default (RFC 9218 §4.1, §4.2: never an error).
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let mut priority = Self::default();
        for member in value.split(|&octet| octet == b',') {
            // Parameters of a member mean nothing here.
            let member = member.split(|&octet| octet == b';').next().unwrap_or_default();
            match grammar::trim_ows(member) {
                [b'u', b'=', digit @ b'0'..=b'7'] => priority.urgency = digit - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }

    /// The value that says it.
    #[must_use]
    pub const fn value(self) -> &'static [u8] {
        const PLAIN: [&[u8]; 8] = [b"u=0", b"u=1", b"u=2", b"u=3", b"u=4", b"u=5", b"u=6", b"u=7"];
        const INCREMENTAL: [&[u8]; 8] = [
            b"u=0, i", b"u=1, i", b"u=2, i", b"u=3, i", b"u=4, i", b"u=5, i", b"u=6, i", b"u=7, i",
        ];
        let row = if self.incremental { &INCREMENTAL } else { &PLAIN };
        row[(self.urgency & 7) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9218_4_parameters() {
        let priority = |urgency, incremental| Priority { urgency, incremental };
        for (value, expected) in [
            ("", priority(3, false)),
            ("u=0", priority(0, false)),
            ("u=7, i", priority(7, true)),
            ("i", priority(3, true)),
            ("i=?0, u=5;x=1", priority(5, false)),
            ("u=8", priority(3, false)),
            ("u=-1, i=1", priority(3, false)),
            ("u=1, u=2", priority(2, false)),
            ("foo=\"a\", u=6", priority(6, false)),
        ] {
            assert_eq!(Priority::parse(value.as_bytes()), expected, "{value}");
        }
        for urgency in 0..8 {
            for incremental in [false, true] {
                let it = priority(urgency, incremental);
                assert_eq!(Priority::parse(it.value()), it);
            }
        }
    }
}
