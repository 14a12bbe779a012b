//! What encoders insert into their tables when nobody says otherwise, seen in what they send; and
//! that another policy has the last word.

use std::cell::RefCell;

use hpack::{Encoder, Field, Indexing, Sighting};

/// How a field went out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Indexed,
    Incremental,
    Without,
    Never,
}

fn send(encoder: &mut Encoder, name: &str, value: &str) -> Sent {
    let mut block = Vec::new();
    encoder.begin(&mut block);
    block.clear();
    encoder.encode((name, value), &mut block);
    match block[0] {
        0x80.. => Sent::Indexed,
        0x40.. => Sent::Incremental,
        0x10.. => Sent::Never,
        _ => Sent::Without,
    }
}

#[test]
fn secrets_are_never_indexed() {
    let mut encoder = Encoder::new(4096);
    for name in ["authorization", "proxy-authorization", "set-cookie"] {
        for value in ["x", "a value that is too long to be guessed octet by octet"] {
            assert_eq!(send(&mut encoder, name, value), Sent::Never);
        }
    }
    // Cookies are secret while they are short enough to be guessed, and worth a place when not.
    assert_eq!(send(&mut encoder, "cookie", "id=3456789012345678"), Sent::Never);
    assert_eq!(send(&mut encoder, "cookie", "id=34567890123456789"), Sent::Incremental);
    assert_eq!(send(&mut encoder, "cookie", "id=34567890123456789"), Sent::Indexed);
}

#[test]
fn what_comes_again_is_inserted() {
    for name in ["user-agent", "x-own", "accept-language", ":authority"] {
        let mut encoder = Encoder::new(4096);
        assert_eq!(send(&mut encoder, name, "the same"), Sent::Incremental);
        assert_eq!(send(&mut encoder, name, "the same"), Sent::Indexed);
    }
}

/// What would push most of the rest out of the table is not inserted.
#[test]
fn what_takes_more_than_three_quarters_of_the_table_is_not_inserted() {
    for table in [100, 400, 4096] {
        let value = "v".repeat(table / 4 * 3 - 32 - 1);
        let mut encoder = Encoder::new(table);
        assert_eq!(send(&mut encoder, "n", &format!("{value}v")), Sent::Without);
        assert_eq!(send(&mut encoder, "n", &value), Sent::Incremental);
    }
    assert_eq!(send(&mut Encoder::new(0), "n", ""), Sent::Without);
}

/// Values that never come again stop being inserted after a few; one that does is, all the same.
#[test]
fn names_whose_values_change_are_learnt() {
    for name in ["x-request-id", ":path", "etag", "date"] {
        let mut encoder = Encoder::new(4096);
        let sent: Vec<_> =
            (0..100).map(|number| send(&mut encoder, name, &format!("id-{number}"))).collect();
        let inserted = sent.iter().filter(|&&sent| sent == Sent::Incremental).count();
        assert!(inserted <= 10, "{name}: {inserted} of 100");
        assert!(sent[20..].iter().all(|&sent| sent == Sent::Without), "{name}: {sent:?}");
        assert_eq!(send(&mut encoder, name, "once"), Sent::Without);
        assert_eq!(send(&mut encoder, name, "once"), Sent::Incremental);
        assert_eq!(send(&mut encoder, name, "once"), Sent::Indexed);
    }
}

thread_local! {
    static ASKED: RefCell<Vec<(String, usize, bool)>> = const { RefCell::new(Vec::new()) };
}

/// Asked about what no table has, and about nothing else, with the table's bound and whether the
/// field was there before.
#[test]
fn another_policy_is_asked_about_what_no_table_has() {
    fn policy(field: Field<'_>, sighting: &Sighting) -> Indexing {
        let name = String::from_utf8_lossy(field.name).into_owned();
        ASKED.with_borrow_mut(|it| it.push((name, sighting.table_bytes_max, sighting.again)));
        if field.value == b"insert" { Indexing::Incremental } else { Indexing::Without }
    }
    let mut encoder = Encoder::new(1000).with_policy(policy);
    let mut block = Vec::new();
    encoder.encode_block(
        [
            Field::new(b":method", b"GET"),
            Field::sensitive(b"secret", b"insert"),
            Field::new(b"authorization", b"insert"),
            Field::new(b"authorization", b"insert"),
            Field::new(b"a", b"1"),
            Field::new(b"a", b"1"),
        ],
        &mut block,
    );
    let asked = ASKED.take();
    let asked: Vec<_> = asked.iter().map(|(name, size, again)| (&**name, *size, *again)).collect();
    assert_eq!(asked, [("authorization", 1000, false), ("a", 1000, false), ("a", 1000, true)]);
    assert_eq!(encoder.table().len(), 1);
}
