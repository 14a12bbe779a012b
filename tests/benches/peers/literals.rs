//! The strings of compressed blocks that are in Huffman code: what such a code meets in life.

/// Adds the coded strings of a good block to `codes`, without a table: indices are skipped.
pub(crate) fn collect(block: &[u8], codes: &mut Vec<Vec<u8>>) {
    let mut rest = block;
    while let Some(&first) = rest.first() {
        match first {
            // A field that a table holds; a change of the table's size.
            0x80.. => _ = integer(&mut rest, 7),
            0x20..0x40 => _ = integer(&mut rest, 5),
            // A literal: the name, if no table holds that, and the value.
            _ => {
                let bits = if first & 0x40 != 0 { 6 } else { 4 };
                if integer(&mut rest, bits) == 0 {
                    string(&mut rest, codes);
                }
                string(&mut rest, codes);
            }
        }
    }
}

fn string(rest: &mut &[u8], codes: &mut Vec<Vec<u8>>) {
    let coded = rest[0] & 0x80 != 0;
    let octets = integer(rest, 7);
    let (string, behind) = rest.split_at(octets);
    *rest = behind;
    if coded {
        codes.push(string.to_vec());
    }
}

/// An integer whose first octet has so many bits of it (RFC 7541 §5.1).
fn integer(rest: &mut &[u8], bits: u32) -> usize {
    let mut next = || {
        let (first, behind) = rest.split_first().expect("a good block");
        *rest = behind;
        usize::from(*first)
    };
    let prefix = (1 << bits) - 1;
    let mut value = next() & prefix;
    if value == prefix {
        for shift in (0..).step_by(7) {
            let octet = next();
            value += (octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                break;
            }
        }
    }
    value
}
