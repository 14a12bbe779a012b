//! Every field of the configuration has its row in the table of limits.

#[test]
fn every_limit_has_its_row() {
    let architecture = include_str!("../../ARCHITECTURE.md");
    let (_, table) = architecture.split_once("Fields of `h2_proto::Config`:").unwrap();
    let (table, _) = table.split_once("HPACK has no configuration").unwrap();
    let config = include_str!("../src/config.rs");
    let (_, fields) = config.split_once("pub struct Config {").unwrap();
    let (fields, _) = fields.split_once("\n}").unwrap();
    let names = fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':'));
    let mut count = 0;
    for (name, _) in names {
        assert_eq!(table.matches(&format!("\n| `{name}` |")).count(), 1, "{name}");
        count += 1;
    }
    assert_eq!(table.matches("\n| `").count(), count, "rows without a field");
}
