//! The Huffman code of string literals (RFC 7541 §5.2 and Appendix B), useful without the rest.
//!
//! Codes are packed from the most significant bit of the first octet on; the last octet is filled
//! with ones, the beginning of the code for EOS, which itself never occurs:
//!
//! ```text
//!  '0' 00000   'w' 1111000   fill 1111      "0w" = 00000111 10001111 = 07 8F
//! ```
//!
//! The tables (`table.rs`) are generated from Appendix B. Decoding looks 11 bits up at once, in a table of
//! 8 KiB, a quarter of a first cache of 32: 1.3 symbols a look on the strings of real connections. 10 bits
//! would take half the table and be a sixth slower; 12 would be a fifth faster alone, and take half of
//! that cache from the connection that it decodes for. Encoding uses 1.25 KiB.

mod table;

use alloc::vec::Vec;

use table::{CODES, LENGTHS, LONG, LONG_SYMBOLS, LOOKUP, LOOKUP_BITS};

const EOS: u16 = 256;

/// The fewest octets that `octets` of a valid code can stand for: none is longer than 30 bits, and
/// at most 7 are padding.
pub(crate) const fn decoded_len_min(octets: usize) -> usize {
    octets / 15 * 4 + (octets % 15 * 8).saturating_sub(7) / 30
}

/// What is wrong with a Huffman-coded string (RFC 7541 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HuffmanError {
    /// The rule that is broken.
    pub kind: HuffmanErrorKind,
    /// The octet of the coded string in which the offending code or padding begins, from 0.
    pub offset: usize,
}

/// See [`HuffmanError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HuffmanErrorKind {
    /// The code of EOS occurs.
    #[error("EOS in a Huffman-coded string")]
    Eos,
    /// More than 7 bits of padding, or other bits than ones.
    #[error("wrong padding of a Huffman-coded string")]
    Padding,
}

impl core::fmt::Display for HuffmanError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} at octet {} (RFC 7541 §5.2)", self.kind, self.offset)
    }
}

impl core::error::Error for HuffmanError {}

/// The octets that [`encode`] would append.
#[must_use]
pub fn encoded_len(text: &[u8]) -> usize {
    let bits: u64 = text.iter().map(|&octet| u64::from(LENGTHS[usize::from(octet)])).sum();
    usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX)
}

/// Appends the Huffman code of `text`, padded to whole octets.
///
/// ```
/// let (mut code, mut text) = (Vec::new(), Vec::new());
/// hpack::huffman::encode(b"no-cache", &mut code);
/// assert_eq!(code, [0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]);
/// hpack::huffman::decode(&code, &mut text)?;
/// assert_eq!(text, b"no-cache");
/// # Ok::<_, hpack::huffman::HuffmanError>(())
/// ```
pub fn encode(text: &[u8], out: &mut Vec<u8>) {
    encode_within(text, out, usize::MAX);
}

/// [`encode`], but only if the code takes at most `octets_max`; if not, `out` is as before. Stops
/// where the code gets too long.
pub(crate) fn encode_within(text: &[u8], out: &mut Vec<u8>, octets_max: usize) -> bool {
    let start = out.len();
    let end_max = start.saturating_add(octets_max);
    let mut writer = BitWriter { out, pending: 0, bits: 0 };
    let fits = writer.encode(text, end_max);
    if !fits || out.len() > end_max {
        out.truncate(start);
        return false;
    }
    true
}

/// Bits on their way into octets.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    /// Aligned to the most significant bit, with zeros behind.
    pending: u64,
    /// Fewer than 8 between calls.
    bits: u32,
}

impl BitWriter<'_> {
    /// The whole text and the padding. Whether the end was not passed before that.
    #[inline]
    fn encode(&mut self, text: &[u8], end_max: usize) -> bool {
        let code = |octet: u8| {
            (u64::from(CODES[usize::from(octet)]), u32::from(LENGTHS[usize::from(octet)]))
        };
        let (fours, rest) = text.as_chunks::<4>();
        for &[a, b, c, d] in fours {
            let ((a, a_bits), (b, b_bits)) = (code(a), code(b));
            let ((c, c_bits), (d, d_bits)) = (code(c), code(d));
            // Joined in pairs first, so that each four is one step in the chain through `pending`.
            let (ab, ab_bits) = (a << b_bits | b, a_bits + b_bits);
            let (cd, cd_bits) = (c << d_bits | d, c_bits + d_bits);
            if ab_bits + cd_bits <= 56 {
                self.put(ab << cd_bits | cd, ab_bits + cd_bits);
            } else {
                self.put(a, a_bits);
                self.put(b, b_bits);
                self.put(c, c_bits);
                self.put(d, d_bits);
            }
            if self.out.len() > end_max {
                return false;
            }
        }
        for &octet in rest {
            let (code, bits) = code(octet);
            self.put(code, bits);
        }
        if self.bits > 0 {
            self.out.push((self.pending >> 56) as u8 | 0xFF >> self.bits);
        }
        true
    }

    /// At most 56 bits: as a whole word, cut to the octets that are complete.
    #[inline]
    fn put(&mut self, code: u64, bits: u32) {
        self.bits += bits;
        self.pending |= code << (64 - self.bits);
        let len = self.out.len() + self.bits as usize / 8;
        self.out.extend_from_slice(&self.pending.to_be_bytes());
        self.out.truncate(len);
        self.pending <<= self.bits & !7;
        self.bits &= 7;
    }
}

/// Appends the text that `code` stands for: at most 8/5 of its length.
///
/// # Errors
/// EOS, or padding that is too long or not all ones; `out` is as before then.
pub fn decode(code: &[u8], out: &mut Vec<u8>) -> Result<(), HuffmanError> {
    decode_within(code, out, usize::MAX).map(|_| ())
}

/// [`decode`], but only if the text takes at most `octets_max`; if not, `out` is as before and the
/// result is `false`. Stops where the text gets too long.
pub(crate) fn decode_within(
    code: &[u8],
    out: &mut Vec<u8>,
    octets_max: usize,
) -> Result<bool, HuffmanError> {
    let start = out.len();
    let end_max = start.saturating_add(octets_max);
    let result = BitReader::new(code).decode(out, end_max);
    let whole = matches!(result, Ok(true)) && out.len() <= end_max;
    if !whole {
        out.truncate(start);
    }
    result.map(|_| whole)
}

/// Fewer than eight octets as the first of a word.
#[inline]
fn short_word(octets: &[u8]) -> u64 {
    let len = octets.len();
    if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        // They overlap where both say the same.
        let (first, last) = (u32::from_be_bytes(*first), u32::from_be_bytes(*last));
        u64::from(first) << 32 | u64::from(last) << (64 - 8 * len)
    } else {
        let octet = |at| u64::from(octets.get(at).copied().unwrap_or(0));
        octet(0) << 56 | octet(1) << 48 | octet(2) << 40
    }
}

/// The bits of a code, from the most significant on.
struct BitReader<'a> {
    code: &'a [u8],
    /// Where the octets begin that `window` does not count yet.
    at: usize,
    /// The next `bits` bits, aligned to the most significant. Below them there may already be bits
    /// of the octets at `at`, which are added again when they are counted.
    window: u64,
    bits: u32,
}

impl<'a> BitReader<'a> {
    const fn new(code: &'a [u8]) -> Self {
        Self { code, at: 0, window: 0, bits: 0 }
    }

    /// At least 56 bits, or all that are left and ones behind them.
    #[inline]
    fn refill(&mut self) {
        if let Some(word) = self.code.get(self.at..).and_then(|rest| rest.first_chunk()) {
            self.window |= u64::from_be_bytes(*word) >> self.bits;
            self.at += (63 - self.bits as usize) / 8;
            self.bits |= 56;
        } else {
            self.refill_from_the_end();
        }
    }

    /// The same where fewer than eight octets are left.
    fn refill_from_the_end(&mut self) {
        let rest = self.code.get(self.at..).unwrap_or_default();
        self.window |= short_word(rest) >> self.bits;
        let octets = rest.len().min((63 - self.bits as usize) / 8);
        self.at += octets;
        self.bits += 8 * octets as u32;
        if self.at == self.code.len() {
            self.window |= u64::MAX >> self.bits;
        }
    }

    #[inline]
    const fn skip(&mut self, bits: u32) {
        self.window <<= bits;
        self.bits -= bits;
    }

    const fn error(&self, kind: HuffmanErrorKind) -> HuffmanError {
        HuffmanError { kind, offset: self.at - (self.bits as usize).div_ceil(8) }
    }

    /// Appends the text. Whether the end was not passed before that.
    fn decode(&mut self, out: &mut Vec<u8>, end_max: usize) -> Result<bool, HuffmanError> {
        /// So many that their bits are always there after a refill, and their symbols fill a word.
        const LOOKUPS: u32 = 4;
        loop {
            self.refill();
            let mut window = self.window;
            let (mut bits, mut word, mut text_bits, mut found) = (0, 0_u64, 0, 0);
            for _ in 0..LOOKUPS {
                // Where a longer code or the padding begins the lookups stand still.
                found = LOOKUP[(window >> (64 - LOOKUP_BITS)) as usize];
                window <<= found & 0x3F;
                bits += found & 0x3F;
                word |= u64::from(found >> 8 & 0xFFFF) << text_bits;
                text_bits += found >> 24;
            }
            if bits > self.bits {
                return Err(self.wrong_padding());
            }
            self.window = window;
            self.bits -= bits;
            // The whole word, cut to the symbols that were found.
            let len = out.len() + text_bits as usize / 8;
            out.extend_from_slice(&word.to_le_bytes());
            out.truncate(len);
            if found == 0 {
                self.refill();
                if self.bits < 8 && self.window == u64::MAX {
                    return Ok(true);
                }
                out.push(self.long_symbol()?);
            }
            if out.len() > end_max {
                return Ok(false);
            }
        }
    }

    /// A symbol whose code is longer than the lookup, after a refill.
    #[cold]
    fn long_symbol(&mut self) -> Result<u8, HuffmanError> {
        let next = (self.window >> 32) as u32;
        let row = LONG.iter().find(|row| next <= row.0);
        let &(_, length, base, first) = row.expect("the last row takes all");
        let length = u32::from(length);
        if length > self.bits {
            // No code is left, and more than 7 bits are.
            return Err(self.error(HuffmanErrorKind::Padding));
        }
        let symbol = LONG_SYMBOLS[usize::from(first) + ((next >> (32 - length)) - base) as usize];
        if symbol == EOS {
            return Err(self.error(HuffmanErrorKind::Eos));
        }
        self.skip(length);
        Ok(symbol as u8)
    }

    /// The last bits make a symbol only together with the ones behind them: where they begin.
    #[cold]
    fn wrong_padding(&mut self) -> HuffmanError {
        loop {
            let found = LOOKUP[(self.window >> (64 - LOOKUP_BITS)) as usize];
            let length = u32::from(LENGTHS[(found >> 8) as usize & 0xFF]);
            if length > self.bits {
                return self.error(HuffmanErrorKind::Padding);
            }
            self.skip(length);
            self.refill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(text, &mut out);
        out
    }

    fn text(code: &[u8]) -> Result<Vec<u8>, HuffmanError> {
        let mut out = Vec::new();
        decode(code, &mut out).map(|()| out)
    }

    #[test]
    fn every_octet_alone_and_beside_every_other() {
        for a in 0..=255 {
            assert_eq!(text(&coded(&[a])).unwrap(), [a]);
            for b in 0..=255 {
                for around in [&[][..], b"texttext"] {
                    let both = [around, &[a, b], around].concat();
                    let code = coded(&both);
                    assert_eq!(code.len(), encoded_len(&both));
                    assert_eq!(text(&code).unwrap(), both);
                }
            }
        }
    }

    #[test]
    fn appendix_c_4_1() {
        let code = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(coded(b"www.example.com"), code);
        assert_eq!(text(&code).unwrap(), b"www.example.com");
    }

    #[test]
    fn rfc7541_5_2_padding_and_eos() {
        let error = |kind, offset| Err(HuffmanError { kind, offset });
        assert_eq!(text(&[]), Ok(Vec::new()));
        assert_eq!(text(&[0x07]), Ok(b"0".to_vec()));
        // 8 bits, 11 bits, and none but not of ones.
        assert_eq!(text(&[0xFF]), error(HuffmanErrorKind::Padding, 0));
        assert_eq!(text(&[0x07, 0xFF]), error(HuffmanErrorKind::Padding, 0));
        assert_eq!(text(&[0x1F, 0xFF]), error(HuffmanErrorKind::Padding, 0));
        assert_eq!(text(&[0x18]), error(HuffmanErrorKind::Padding, 0));
        assert_eq!(text(&[0xFF; 3]), error(HuffmanErrorKind::Padding, 0));
        assert_eq!(text(&[0xFF; 4]), error(HuffmanErrorKind::Eos, 0));
        assert_eq!(text(&[0x1F, 0xFF, 0xFF, 0xFF, 0xFF]), error(HuffmanErrorKind::Eos, 0));
        let mut late = coded(b"0123456789");
        let offset = late.len();
        late.extend([0xFF; 4]);
        assert!(
            matches!(text(&late), Err(it) if it.kind == HuffmanErrorKind::Eos && it.offset + 1 >= offset)
        );
    }

    #[test]
    fn within_a_bound() {
        let long = b"no more than so many octets, please, and not one of them more than that";
        let code = coded(long);
        let mut out = b"before".to_vec();
        for octets_max in 0..long.len() {
            assert_eq!(decode_within(&code, &mut out, octets_max), Ok(false));
            assert_eq!(out, b"before");
        }
        assert_eq!(decode_within(&code, &mut out, long.len()), Ok(true));
        assert_eq!(&out[6..], long);
        out.truncate(6);
        for octets_max in 0..code.len() {
            assert!(!encode_within(long, &mut out, octets_max));
            assert_eq!(out, b"before");
        }
        assert!(encode_within(long, &mut out, code.len()));
        assert_eq!(&out[6..], code);
    }

    #[test]
    fn bounds_of_length_hold() {
        for octet in 0..=255_u8 {
            for count in 0..40 {
                let code = encoded_len(&alloc::vec![octet; count]);
                assert!(decoded_len_min(code) <= count && count <= code * 8 / 5);
            }
        }
    }
}
