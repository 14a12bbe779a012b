//! The table of limits in ARCHITECTURE.md, and what goes over one of them.
#![allow(dead_code, reason = "each test uses some of it")]

use core::time::Duration;

use h1_proto::{
    BodyLength, ClientConnection, Config, ConnectionError, ErrorKind, ServerConnection,
};
use tests::desk::Desk;

pub(crate) const ARCHITECTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");
pub(crate) const TICK: Duration = Duration::from_nanos(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// ARCHITECTURE.md without the tables of the other crates.
pub(crate) fn architecture() -> String {
    let text = std::fs::read_to_string(ARCHITECTURE).expect("ARCHITECTURE.md is there");
    let others = text.split_once("\nFields of `h2_proto::Config`:");
    let (before, rest) = others.expect("the other tables follow");
    let (_, behind) = rest.split_once("\n## ").expect("a section follows");
    format!("{before}\n## {behind}")
}

/// The names of the fields of a value, those of its structs included, with their depth.
pub(crate) fn field_names(value: &impl core::fmt::Debug) -> Vec<(usize, String)> {
    let lines = format!("{value:#?}");
    let fields = lines.lines().filter_map(|line| {
        let depth = (line.len() - line.trim_start().len()) / 4;
        let (name, _) = line.trim_start().split_once(": ")?;
        Some((depth, name.to_owned()))
    });
    fields.collect()
}

/// The cells of the row that begins with this name.
#[track_caller]
pub(crate) fn row(name: &str) -> Vec<String> {
    let table = architecture();
    let start = format!("| `{name}` |");
    let mut rows = table.lines().filter(|line| line.starts_with(&start));
    let row = rows.next().unwrap_or_else(|| panic!("`{name}` has no row in ARCHITECTURE.md"));
    assert_eq!(rows.next(), None, "`{name}` has more than one row");
    row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

pub(crate) fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

/// This limit refused it, with this status, and the table says so.
#[track_caller]
pub(crate) fn over(error: &ConnectionError, limit: &str, kind: ErrorKind, status: Option<u16>) {
    assert_eq!((error.kind(), error.rule(), error.status()), (kind, limit, status), "{error:?}");
    let row = row(limit);
    let name = match kind {
        ErrorKind::Deadline(deadline) => format!("`Deadline::{deadline:?}`"),
        kind => format!("`{kind:?}`"),
    };
    assert!(row[2].contains(&name), "{row:?} tells another error than {name}");
    if let Some(status) = status {
        assert_eq!(row[3], status.to_string(), "{row:?}");
    }
}

pub(crate) const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) fn get(conn: &mut ClientConnection, out: &mut Vec<u8>) {
    conn.send_request(("GET", "/"), [("host", "a")], BodyLength::None, out).unwrap();
}

/// A server that owes an answer to this request, of which all is read.
pub(crate) fn asked(config: Config, request: &str) -> Desk<ServerConnection> {
    let mut desk = Desk::server(config);
    desk.feed(request);
    assert!(desk.conn.owes_answer() && desk.input.is_empty() && desk.error.is_none());
    desk
}
