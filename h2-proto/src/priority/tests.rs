//! What RFC 9218 makes of a Dictionary, and what is one.

use alloc::vec::Vec;

use super::dictionary::parse;
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
#[test]
fn rfc9218_4_parameters_of_another_type_or_range_are_as_by_default() {
    for value in [
        "u=-1, i=1",
        "u=8",
        "u=1.0",
        "u=\"1\"",
        "u=a",
        "u=:AQ==:",
        "u=?1",
        "u",
        "u=(1)",
        "u=@1",
        "uu=1, ii",
        "i=yes",
        "i=\"?1\"",
        "i=(?1)",
        "u=999999999999999",
    ] {
        assert_eq!(Priority::parse(value.as_bytes()), Priority::default(), "{value}");
    }
}

#[test]
fn rfc8941_3_2_the_last_member_of_a_key_wins() {
    let priority = |value: &str| Priority::parse(value.as_bytes());
    assert_eq!(priority("u=1, i, u=5, i=?0"), Priority { urgency: 5, incremental: false });
    assert_eq!(priority("u=1, i, u=9, i=1"), Priority::default());
}

#[test]
fn rfc8941_4_2_lines_are_one_dictionary() {
    let of = |lines: &[&str]| Priority::of_lines(lines.iter().map(|line| line.as_bytes()));
    assert_eq!(of(&["u=1", "i"]), Priority { urgency: 1, incremental: true });
    assert_eq!(of(&["u=1", "u=6", "x"]), Priority { urgency: 6, incremental: false });
    assert_eq!(of(&["u=1", "="]), Priority::default());
    assert_eq!(of(&["u=1", ""]), Priority::default());
    assert_eq!(of(&["x=\"a", "b\", u=2"]), Priority { urgency: 2, incremental: false });
    assert_eq!(of(&[]), Priority::default());
}

fn members(value: &str) -> Option<Vec<(Key, Value)>> {
    let mut members = Vec::new();
    parse([value.as_bytes()], |key, value| members.push((key, value))).map(|()| members)
}

#[track_caller]
fn check(valid: &[&str], invalid: &[&str]) {
    for item in valid {
        let value = alloc::format!("x={item}, u=1");
        let last = members(&value).and_then(|it| it.last().copied());
        assert_eq!(last, Some((Key::U, Value::Integer(1))), "{item}");
    }
    for item in invalid {
        assert_eq!(members(&alloc::format!("x={item}, u=1")), None, "{item}");
    }
}

#[test]
fn rfc9651_4_2_2_dictionaries() {
    let (u, i, other) = (Key::U, Key::I, Key::Other);
    for (value, expected) in [
        ("", Some(&[][..])),
        ("   ", Some(&[])),
        ("u", Some(&[(u, Value::Boolean(true))])),
        ("  u=-3 \t,\t i=?0 ", Some(&[(u, Value::Integer(-3)), (i, Value::Boolean(false))])),
        (
            "uu=1,i2=2,*=3",
            Some(&[
                (other, Value::Integer(1)),
                (other, Value::Integer(2)),
                (other, Value::Integer(3)),
            ]),
        ),
        ("u;a=2", Some(&[(u, Value::Boolean(true))])),
        ("i=(1 2);a", Some(&[(i, Value::Other)])),
        (",", None),
        ("u=1,", None),
        ("u=1, ", None),
        ("u=1,,i", None),
        ("u=1 i", None),
        ("u=1\t", Some(&[(u, Value::Integer(1))])),
        ("\tu=1", None),
        ("u =1", None),
        ("u= 1", None),
        ("u=", None),
        ("=1", None),
        ("U=1", None),
        ("1u=1", None),
        ("u=1, =, \x7f", None),
        ("\u{e9}", None),
    ] {
        assert_eq!(members(value).as_deref(), expected, "{value:?}");
    }
}

#[test]
fn rfc9651_4_2_4_numbers() {
    check(
        &[
            "0",
            "-0",
            "007",
            "999999999999999",
            "-999999999999999",
            "1.5",
            "-1.123",
            "123456789012.123",
        ],
        &[
            "-",
            "--1",
            "1.",
            ".1",
            "1.1234",
            "1234567890123.1",
            "1000000000000000",
            "1.1.1",
            "1e3",
            "+1",
        ],
    );
    assert_eq!(members("u=-015").unwrap(), [(Key::U, Value::Integer(-15))]);
    assert_eq!(members("u=1.0").unwrap(), [(Key::U, Value::Other)]);
}

#[test]
fn rfc9651_4_2_5_strings() {
    check(
        &[r#""""#, r#""a, u=0, b""#, r#""\"\\""#, "\"~ \""],
        &["\"", r#""\a""#, r#""\"#, "\"\t\"", "\"\x7f\"", "\"\u{e9}\""],
    );
}

#[test]
fn rfc9651_4_2_6_tokens() {
    check(&["a", "*", "A:/b", "a!#$%&'*+-.^_`|~9"], &["a(", "a\"", "a@", "{"]);
}

#[test]
fn rfc9651_4_2_7_byte_sequences() {
    check(
        &["::", ":YQ==:", ":YQ:", ":YQ=:", ":YWI=:", ":YWJj:", ":+/+/:"],
        &[":", ":YQ", ":Y:", ":YQ===:", ":YWJj=:", ":Y=Q=:", ":YQ-_:", ":Y Q:", ":=:"],
    );
}

#[test]
fn rfc9651_4_2_8_booleans() {
    check(&["?0", "?1"], &["?", "?2", "?t", "?10"]);
}

#[test]
fn rfc9651_4_2_9_dates() {
    check(&["@0", "@-1659578233"], &["@", "@1.5", "@a"]);
}

#[test]
fn rfc9651_4_2_10_display_strings() {
    check(
        &[r#"%"""#, r#"%"a, %22b""#, r#"%"%c3%bc""#, r#"%"%f0%9f%92%a9.""#, r#"%"\""#],
        &[
            "%",
            "%a",
            r#"%""#,
            r#"%"%C3%BC""#,
            r#"%"%c3""#,
            r#"%"%c3a""#,
            r#"%"%ff""#,
            r#"%"%4""#,
            r#"%"%ed%a0%80""#,
            "%\"\u{e9}\"",
        ],
    );
}

#[test]
fn rfc9651_4_2_1_2_inner_lists() {
    check(
        &["()", "( )", "(1)", "( 1  \"a)\" )", "(1;a=2 ?1;b);c=:YQ:"],
        &["(", "(1", "(1,2)", "(1\t2)", "((1))", "(1\"a\")", "(=)", "(1 "],
    );
}

#[test]
fn rfc9651_4_2_3_2_parameters() {
    check(
        &["1;a", "1;  a=1;b=\"x;y\";*c", "1;a;a=2", "a;b=c"],
        &["1;", "1;A", "1; =2", "1 ;a", "1;a=", "1;a=(1)", "1;\ta"],
    );
}
