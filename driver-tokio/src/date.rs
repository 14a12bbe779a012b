//! The value of Date (RFC 9110 §6.6.1), made once a second and thread.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) type Value = [u8; 29];

thread_local! {
    static CACHE: RefCell<(u64, Value)> = const { RefCell::new((u64::MAX, [b' '; 29])) };
}

/// The date now.
pub(crate) fn now() -> Value {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    CACHE.with_borrow_mut(|(made, value)| {
        if *made != seconds {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds));
            if let Ok(octets) = text.as_bytes().try_into() {
                (*made, *value) = (seconds, octets);
            }
        }
        *value
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_a_date_of_this_century() {
        let date = super::now();
        let text = std::str::from_utf8(&date).unwrap();
        assert!(text.ends_with(" GMT") && text.contains(" 20"), "{text}");
        assert!(httpdate::parse_http_date(text).is_ok());
    }
}
