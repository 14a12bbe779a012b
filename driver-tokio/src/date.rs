//! The value of Date (RFC 9110 §6.6.1), made once a second and thread.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) type Value = [u8; 29];

/// A value and until when it holds.
type Made = Option<(Instant, Value)>;

thread_local! {
    static CACHE: RefCell<Made> = const { RefCell::new(None) };
}

/// The date at this instant, which is now to the caller.
pub(crate) fn at(now: Instant) -> Value {
    CACHE.with_borrow_mut(|made| match made {
        // Virtual time may go backwards, from one test to the next.
        Some((until, value)) if now < *until && *until - now <= SECOND => *value,
        _ => made.insert(make(now)).1,
    })
}

const SECOND: Duration = Duration::from_secs(1);

#[cold]
fn make(now: Instant) -> (Instant, Value) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    let rest = SECOND.saturating_sub(Duration::from_nanos(time.subsec_nanos().into()));
    (now + rest, text.as_bytes().try_into().unwrap_or([b' '; 29]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_a_date_of_this_century() {
        let date = super::at(tokio::time::Instant::now());
        let text = std::str::from_utf8(&date).unwrap();
        assert!(text.ends_with(" GMT") && text.contains(" 20"), "{text}");
        assert!(httpdate::parse_http_date(text).is_ok());
    }
}
