//! The fields of a request as HTTP/2 has them.

use http::Method;
use http::header::HeaderMap;

use crate::client::call::Call;
use crate::convert;
use crate::head::Field;

/// Fields, walked as often as the machine likes.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    map: &'a HeaderMap,
    /// The length of the content, if the map does not say it.
    length: Option<&'a [u8]>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(call: &'a Call, tunnel: bool, digits: &'a mut [u8; 20]) -> Self {
        let wants_length = matches!(call.parts.method, Method::POST | Method::PUT | Method::PATCH);
        let length = match (call.content.exact(), call.announced()) {
            // A tunnel has no length (RFC 9110 §9.3.6).
            _ if tunnel => None,
            (Some(0), None) if !wants_length => None,
            (Some(octets), None) => Some(decimal(octets, digits)),
            _ => None,
        };
        Self { map: &call.parts.headers, length }
    }

    /// Trailers.
    pub(crate) fn of(map: &'a HeaderMap) -> Self {
        Self { map, length: None }
    }
}

impl<'a> IntoIterator for Fields<'a> {
    type Item = Field<'a>;
    type IntoIter = std::iter::Chain<convert::Entries<'a>, std::option::IntoIter<Field<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let fields = convert::Fields { map: self.map, length: true, h2: true };
        let length = self.length.map(|digits| Field::new(b"content-length", digits));
        fields.into_iter().chain(length)
    }
}

/// A number in decimal digits.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}
