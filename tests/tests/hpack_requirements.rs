//! Every requirement of RFC 7541 has a test that holds it.
//!
//! The list is `hpack_requirements.tsv`: the number of each sentence with a keyword of RFC 2119 in
//! the order of the RFC, what it asks, and `file::test`.

use std::fs;
use std::path::Path;

const LIST: &str = include_str!("hpack_requirements.tsv");
const REQUIREMENTS: usize = 20;
/// Classes of attacks on HPACK; their tests carry the number in their names.
const ATTACKS: usize = 20;

/// The columns of each row.
fn rows() -> Vec<[&'static str; 3]> {
    let row = |line: &'static str| {
        let columns: Vec<_> = line.split('\t').collect();
        let [id, summary, holders] = columns[..] else { panic!("three columns: {line}") };
        assert!(!summary.is_empty(), "{id} says nothing");
        [id, summary, holders]
    };
    LIST.lines().skip(1).map(row).collect()
}

/// A file of tests, here or in the crate itself.
fn source(file: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests"), root.join("../hpack/tests")];
    let found = folders.iter().find_map(|it| fs::read_to_string(it.join(file)).ok());
    found.unwrap_or_else(|| panic!("there is no {file}"))
}

#[test]
fn every_requirement_is_listed_once() {
    let ids: Vec<_> = rows().iter().map(|[id, ..]| *id).collect();
    let expected: Vec<_> = (1..=REQUIREMENTS).map(|number| format!("R7541-{number:03}")).collect();
    assert_eq!(ids, expected);
}

#[test]
fn every_requirement_has_a_test_that_exists() {
    for [id, _, holders] in rows() {
        for holder in holders.split(", ") {
            let Some((file, test)) = holder.split_once("::") else { panic!("{id}: {holder}") };
            let function = format!("#[test]\nfn {test}() {{");
            let source = source(&format!("{file}.rs"));
            assert!(source.contains(&function), "{id}: there is no test {holder}");
        }
    }
}

#[test]
fn every_attack_has_its_test() {
    let files = ["attacks_hpack.rs", "attacks_hpack_collisions.rs", "attacks_hpack_memory.rs"];
    let sources: String = files.iter().map(|file| source(file)).collect();
    for number in 1..=ATTACKS {
        let begin = format!("#[test]\nfn c{number:02}_");
        assert!(sources.contains(&begin), "C{number:02} has no test");
    }
}

#[test]
fn a_test_that_names_a_requirement_is_in_the_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut named = 0;
    for entry in fs::read_dir(folder).expect("the folder of this file") {
        let name = entry.expect("an entry").file_name().into_string().expect("a plain name");
        let Some(file) = name.strip_suffix(".rs").filter(|file| *file != "hpack_requirements")
        else {
            continue;
        };
        let source = source(&name);
        for (at, _) in source.match_indices("R7541-") {
            let id = &source[at..at + "R7541-000".len()];
            let rows = rows();
            let row = rows.iter().find(|row| row[0] == id);
            let [_, _, holders] = row.unwrap_or_else(|| panic!("{id} in {file}"));
            assert!(holders.contains(&format!("{file}::")), "{id} is held in {file}, too");
            named += 1;
        }
    }
    assert!(named >= 5, "the tests name what they hold");
}
