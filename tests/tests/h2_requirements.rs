//! Every MUST of RFC 9113 has a test that holds it, or a reason why none does.
//!
//! The list is `h2_requirements.tsv`: the number of each sentence with MUST or MUST NOT among the
//! sentences with a keyword of RFC 2119, in the order of the RFC, what it asks, and `file::test`.
//! Instead of tests there may be `out of scope:` for what binds another party, or `absent:` for
//! what is not built, each with the reason. Tests within `h2-proto` count: they stand as
//! `h2-proto/src/file::test`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const LIST: &str = include_str!("h2_requirements.tsv");
/// Sentences with a keyword, and those of them with MUST.
const SENTENCES: usize = 281;
const REQUIREMENTS: usize = 210;
const OUT_OF_SCOPE: &str = "out of scope: ";
const ABSENT: &str = "absent: ";

struct Row {
    number: usize,
    summary: &'static str,
    holders: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [id, summary, holders] = columns[..] else { panic!("three columns: {line}") };
        let number = id.strip_prefix("R9113-").and_then(|digits| digits.parse().ok());
        Row { number: number.unwrap_or_else(|| panic!("{id} is no number")), summary, holders }
    };
    LIST.lines().skip(1).map(row).collect()
}

fn source(file: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = if file.contains('/') { here.join("..") } else { here.join("tests") };
    let path = folder.join(format!("{file}.rs"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names of the tests in a file.
fn tests(source: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    for piece in source.split("#[test]").skip(1) {
        let name = piece.split_once("fn ").and_then(|(_, rest)| rest.split_once("() {"));
        names.extend(name.map(|(name, _)| name));
    }
    names
}

#[test]
fn every_requirement_is_listed_once() {
    let rows = rows();
    assert_eq!(rows.len(), REQUIREMENTS);
    assert!(rows.is_sorted_by(|a, b| a.number < b.number), "in order, and each once");
    assert!(rows.iter().all(|row| (1..=SENTENCES).contains(&row.number)));
    assert!(rows.iter().all(|row| !row.summary.is_empty()));
}

#[test]
fn every_requirement_has_a_test_that_exists_or_a_reason() {
    for Row { number, holders, .. } in rows() {
        let reason = holders.strip_prefix(OUT_OF_SCOPE).or_else(|| holders.strip_prefix(ABSENT));
        if let Some(reason) = reason {
            assert!(reason.len() > 8, "{number} has no reason");
            continue;
        }
        for holder in holders.split(", ") {
            let Some((file, test)) = holder.split_once("::") else { panic!("{number}: {holder}") };
            assert!(tests(&source(file)).contains(test), "{number}: there is no test {holder}");
        }
    }
}

#[test]
fn most_requirements_have_tests() {
    let reasons = |prefix| rows().iter().filter(|row| row.holders.starts_with(prefix)).count();
    let (others, absent) = (reasons(OUT_OF_SCOPE), reasons(ABSENT));
    assert!(REQUIREMENTS - others - absent >= 165, "{others} {absent}");
}

/// Those that hold a SHOULD or a MAY alone.
const OTHERS: [&str; 3] = [
    "h2_3_starting::rfc9113_3_4_requests_may_follow_at_once",
    "h2_3_starting::rfc9113_3_4_a_client_may_send_before_it_hears_the_server",
    "h2_6_frames::rfc9113_6_9_1_an_empty_frame_ends_a_stream_without_a_window",
];

#[test]
fn every_test_of_a_section_is_in_the_list() {
    let listed: BTreeSet<_> = rows().iter().flat_map(|row| row.holders.split(", ")).collect();
    let mut missing = Vec::new();
    for file in ["h2_3_starting", "h2_4_frames", "h2_5_streams", "h2_6_frames", "h2_8_messages"] {
        for test in tests(&source(file)) {
            assert!(test.starts_with("rfc9113_"), "{test} does not name its rule");
            let place = format!("{file}::{test}");
            if !listed.contains(&place[..]) && !OTHERS.contains(&&place[..]) {
                missing.push(place);
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
