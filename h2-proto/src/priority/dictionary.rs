//! Dictionaries of structured fields (RFC 9651 §4.2.2, which obsoletes RFC 8941): all of their syntax
//! is checked, in one pass and without memory; what is kept of it is what RFC 9218 asks for.

use core::iter::Peekable;

use h1_proto::grammar;

/// The keys that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    U,
    I,
    Other,
}

/// The value of a member, its parameters left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Integer(i64),
    Boolean(bool),
    Other,
}

/// Reads the lines of a field as one Dictionary, as if they were joined with commas (§4.2), and hands
/// out its members in their order. `None` if it is none: what was handed out is then void.
pub(super) fn parse<'a>(
    lines: impl IntoIterator<Item = &'a [u8]>,
    mut member: impl FnMut(Key, Value),
) -> Option<()> {
    let octets = lines.into_iter().enumerate().flat_map(|(index, line)| {
        let comma: &[u8] = if index > 0 { b", " } else { b"" };
        comma.iter().chain(line).copied()
    });
    let mut parser = Parser(octets.peekable());
    parser.skip(|octet| octet == b' ');
    while parser.0.peek().is_some() {
        let key = parser.key()?;
        let value = if !parser.takes(b'=') {
            Value::Boolean(true)
        } else if parser.takes(b'(') {
            parser.inner_list()?
        } else {
            parser.bare_item()?
        };
        parser.parameters()?;
        member(key, value);
        let is_ows = |octet| matches!(octet, b' ' | b'\t');
        parser.skip(is_ows);
        if parser.0.peek().is_none() {
            break;
        }
        parser.expect(b',')?;
        parser.skip(is_ows);
        // No comma at the end.
        parser.0.peek()?;
    }
    Some(())
}

struct Parser<I: Iterator<Item = u8>>(Peekable<I>);

impl<I: Iterator<Item = u8>> Parser<I> {
    fn next_if(&mut self, fits: impl FnOnce(u8) -> bool) -> Option<u8> {
        self.0.next_if(|&octet| fits(octet))
    }

    fn takes(&mut self, octet: u8) -> bool {
        self.0.next_if_eq(&octet).is_some()
    }

    fn expect(&mut self, octet: u8) -> Option<()> {
        self.takes(octet).then_some(())
    }

    fn skip(&mut self, fits: impl Fn(u8) -> bool) {
        while self.next_if(&fits).is_some() {}
    }

    /// §4.2.3.3
    fn key(&mut self) -> Option<Key> {
        let first = self.next_if(|octet| matches!(octet, b'a'..=b'z' | b'*'))?;
        let mut key = match first {
            b'u' => Key::U,
            b'i' => Key::I,
            _ => Key::Other,
        };
        let inner = |octet| matches!(octet, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*');
        while self.next_if(inner).is_some() {
            key = Key::Other;
        }
        Some(key)
    }

    /// §4.2.1.2, behind its parenthesis.
    fn inner_list(&mut self) -> Option<Value> {
        loop {
            self.skip(|octet| octet == b' ');
            if self.takes(b')') {
                return Some(Value::Other);
            }
            self.bare_item()?;
            self.parameters()?;
            if !matches!(self.0.peek()?, b' ' | b')') {
                return None;
            }
        }
    }

    /// §4.2.3.2
    fn parameters(&mut self) -> Option<()> {
        while self.takes(b';') {
            self.skip(|octet| octet == b' ');
            self.key()?;
            if self.takes(b'=') {
                self.bare_item()?;
            }
        }
        Some(())
    }

    /// §4.2.3.1
    fn bare_item(&mut self) -> Option<Value> {
        match *self.0.peek()? {
            b'-' | b'0'..=b'9' => return self.number(),
            b'A'..=b'Z' | b'a'..=b'z' | b'*' => {
                self.skip(|octet| grammar::is_token(&[octet]) || matches!(octet, b':' | b'/'));
                return Some(Value::Other);
            }
            _ => {}
        }
        match self.0.next()? {
            b'?' => match self.0.next()? {
                b'0' => return Some(Value::Boolean(false)),
                b'1' => return Some(Value::Boolean(true)),
                _ => return None,
            },
            b'"' => self.string()?,
            b':' => self.byte_sequence()?,
            b'%' => self.display_string()?,
            b'@' => {
                let Value::Integer(_) = self.number()? else { return None };
            }
            _ => return None,
        }
        Some(Value::Other)
    }

    /// §4.2.4: an Integer has up to 15 digits, a Decimal up to 12 and a fraction of up to 3.
    fn number(&mut self) -> Option<Value> {
        let sign = if self.takes(b'-') { -1 } else { 1 };
        let (digits, integer) = self.digits(15)?;
        if !self.takes(b'.') {
            return Some(Value::Integer(sign * integer));
        }
        self.digits(3)?;
        (digits <= 12).then_some(Value::Other)
    }

    /// At least one digit and at most so many: how many, and their number.
    fn digits(&mut self, max: u32) -> Option<(u32, i64)> {
        let (mut digits, mut number) = (0, 0);
        while let Some(digit) = self.next_if(|octet| octet.is_ascii_digit()) {
            digits += 1;
            if digits > max {
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
        }
        (digits > 0).then_some((digits, number))
    }

    /// §4.2.5, behind its quote.
    fn string(&mut self) -> Option<()> {
        loop {
            match self.0.next()? {
                b'"' => return Some(()),
                b'\\' => {
                    self.next_if(|octet| matches!(octet, b'"' | b'\\'))?;
                }
                b' '..=b'~' => {}
                _ => return None,
            }
        }
    }

    /// §4.2.7, behind its colon: base64, whose padding may be left out.
    fn byte_sequence(&mut self) -> Option<()> {
        let (mut digits, mut padding) = (0_u32, 0);
        while let Some(octet) = self.next_if(|octet| octet != b':') {
            match octet {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => {
                    digits = (digits + 1) % 4;
                }
                b'=' => padding += 1,
                _ => return None,
            }
            if padding > 2 {
                return None;
            }
        }
        self.expect(b':')?;
        let whole = match digits {
            0 => padding == 0,
            2 | 3 => padding <= 4 - digits,
            _ => false,
        };
        whole.then_some(())
    }

    /// §4.2.10, behind its percent sign: UTF-8, of which what is not printable is escaped.
    fn display_string(&mut self) -> Option<()> {
        self.expect(b'"')?;
        let (mut character, mut length) = ([0; 4], 0);
        loop {
            let octet = match self.0.next()? {
                b'"' => return (length == 0).then_some(()),
                b'%' => self.lower_hex()? << 4 | self.lower_hex()?,
                octet @ b' '..=b'~' => octet,
                _ => return None,
            };
            *character.get_mut(length)? = octet;
            length += 1;
            match core::str::from_utf8(character.get(..length)?) {
                Ok(_) => length = 0,
                // More of it may come.
                Err(error) if error.error_len().is_none() => {}
                Err(_) => return None,
            }
        }
    }

    fn lower_hex(&mut self) -> Option<u8> {
        match self.0.next()? {
            digit @ b'0'..=b'9' => Some(digit - b'0'),
            digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        }
    }
}
