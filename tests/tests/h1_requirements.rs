//! Every requirement of RFC 9112 has a test that holds it, or a reason why none does.
//!
//! The list is `h1_requirements.tsv`: the number of each sentence with a keyword of RFC 2119 in
//! the order of the RFC, what it asks, and `file::test`, or `out of scope:` with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const LIST: &str = include_str!("h1_requirements.tsv");
const REQUIREMENTS: usize = 132;
/// Classes of attacks on HTTP/1.1; their tests carry the number in their names.
const ATTACKS: usize = 55;
const OUT_OF_SCOPE: &str = "out of scope: ";

struct Row {
    id: &'static str,
    holders: &'static str,
}

fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [id, summary, holders] = columns[..] else { panic!("three columns: {line}") };
        assert!(!summary.is_empty(), "{id} says nothing");
        Row { id, holders }
    };
    LIST.lines().skip(1).map(row).collect()
}

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(format!("{file}.rs"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_requirement_is_listed_once() {
    let ids: Vec<_> = rows().iter().map(|row| row.id).collect();
    let expected: Vec<_> = (1..=REQUIREMENTS).map(|number| format!("R9112-{number:03}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn every_requirement_has_a_test_that_exists_or_a_reason() {
    for Row { id, holders } in rows() {
        if let Some(reason) = holders.strip_prefix(OUT_OF_SCOPE) {
            assert!(reason.len() > 8, "{id} has no reason");
            continue;
        }
        for holder in holders.split(", ") {
            let Some((file, test)) = holder.split_once("::") else { panic!("{id}: {holder}") };
            let function = format!("#[test]\nfn {test}() {{");
            assert!(source(file).contains(&function), "{id}: there is no test {holder}");
        }
    }
}

#[test]
fn every_attack_has_its_test() {
    let files = ["chunked", "client", "framing", "head", "reuse", "time"];
    let sources: String = files.iter().map(|file| source(&format!("attacks_h1_{file}"))).collect();
    for number in 1..=ATTACKS {
        let begin = format!("#[test]\nfn a{number:02}_");
        assert!(sources.contains(&begin), "A{number:02} has no test");
    }
}

#[test]
fn a_test_that_names_a_requirement_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut named = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the folder of this file") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        let Some(file) = name.strip_suffix(".rs").filter(|file| *file != "h1_requirements") else {
            continue;
        };
        let source = source(file);
        for (at, _) in source.match_indices("R9112-") {
            named.insert((source[at..at + 9].to_owned(), file.to_owned()));
        }
    }
    assert!(named.len() > 50, "the tests name what they hold");
    let rows = rows();
    for (id, file) in named {
        let row = rows.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("{id} in {file}"));
        assert!(row.holders.contains(&format!("{file}::")), "{id} is held in {file}, too");
    }
}
