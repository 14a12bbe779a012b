//! Date (RFC 9110 §6.6.1), made once a second and thread: its value, and its line in HTTP/1.1.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use h1_proto::FieldLines;
use tokio::time::Instant;

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub(crate) type Value = [u8; 29];

/// A date, and from when until when it holds.
struct Made {
    from: Instant,
    until: Instant,
    value: Value,
    line: Rc<FieldLines>,
}

thread_local! {
    static CACHE: RefCell<Option<Made>> = const { RefCell::new(None) };
}

/// The date at this instant, which is now to the caller.
pub(crate) fn at(now: Instant) -> Value {
    with(now, |made| made.value)
}

/// Its line.
pub(crate) fn line_at(now: Instant) -> Rc<FieldLines> {
    with(now, |made| Rc::clone(&made.line))
}

#[inline]
fn with<T>(now: Instant, use_it: impl FnOnce(&Made) -> T) -> T {
    CACHE.with_borrow_mut(|made| match made {
        // Virtual time may go backwards, from one test to the next.
        Some(made) if made.from <= now && now < made.until => use_it(made),
        _ => use_it(made.insert(make(now))),
    })
}

#[cold]
fn make(now: Instant) -> Made {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(time.as_secs()));
    let rest = Duration::from_nanos(1_000_000_000 - u64::from(time.subsec_nanos()));
    let line = FieldLines::new([("date", &text)]).unwrap_or_default();
    let value = text.as_bytes().try_into().unwrap_or([b' '; 29]);
    Made { from: now, until: now + rest, value, line: Rc::new(line) }
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
