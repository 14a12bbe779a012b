//! HPACK of the Python package `hpack` with ours, in both directions, over the connections of life
//! and some that nobody has: secrets, and tables that change their size.
//!
//! Each direction is one process, which gets all steps in a file and prints what came of them.
#![cfg(unix)]

use std::process::Command;
use std::sync::OnceLock;

use hpack::{Field, FieldBuf};
use tests::hpack_script::{Coder as _, OurDecoder, OurEncoder, Step, scripts};

#[path = "../peers/mod.rs"]
mod peers;

use peers::Directory;

/// Whether Python and the package are there; says once if not.
fn hpack_is_there() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    *THERE.get_or_init(|| {
        // A directory of that name would be a module, too, but without this in it.
        let import = "from hpack import NeverIndexedHeaderTuple";
        let there = peers::succeeds(peers::python(), &["-c", import]);
        if !there {
            let how = "`pip install -r tests/peers/requirements.txt` in a virtual environment, \
                       then set PYTHON to its interpreter";
            peers::missing("Python with hpack", how);
        }
        there
    })
}

/// What the script makes of the connections.
fn python<A: Words, B: Words>(role: &str, connections: &[Vec<Step<A>>]) -> Vec<Vec<Step<B>>> {
    let directory = Directory::new(&format!("hpack-{role}"));
    let lines: String = connections.iter().flat_map(|steps| lines(steps)).collect();
    let file = directory.file("steps", lines.as_bytes());
    let mut command = Command::new(peers::python());
    // Without files of its own beside the script.
    command.arg("-B").arg(peers::script("hpack_coder.py")).arg(role).arg(file);
    let output = peers::run(&mut command).succeeded();
    connections_of(&String::from_utf8(output.stdout).expect("text"))
}

// ---- the lines of the script ----

/// A block as words of a line.
trait Words {
    fn to_line(&self) -> String;
    fn of(line: &str) -> Self;
}

impl Words for FieldBuf {
    fn to_line(&self) -> String {
        let word = |field: Field<'_>| {
            let mark = if field.sensitive { "!" } else { "" };
            format!(" {}:{}{mark}", hex(field.name), hex(field.value))
        };
        "fields".to_owned() + &self.iter().map(word).collect::<String>()
    }

    fn of(line: &str) -> Self {
        let words = line.strip_prefix("fields").expect("a block as fields");
        let mut fields = Self::new();
        for word in words.split_whitespace() {
            let (name, value) = word.trim_end_matches('!').split_once(':').expect("a field");
            let (name, value) = (octets(name), octets(value));
            fields.push(Field { name: &name, value: &value, sensitive: word.ends_with('!') });
        }
        fields
    }
}

impl Words for Vec<u8> {
    fn to_line(&self) -> String {
        format!("block {}", hex(self))
    }

    fn of(line: &str) -> Self {
        octets(line.strip_prefix("block").expect("a block as octets").trim())
    }
}

fn lines<B: Words>(steps: &[Step<B>]) -> Vec<String> {
    let line = |step: &Step<B>| match step {
        Step::Size(size) => format!("size {size}\n"),
        Step::Block(block) => block.to_line() + "\n",
    };
    core::iter::once("connection\n".to_owned()).chain(steps.iter().map(line)).collect()
}

fn connections_of<B: Words>(lines: &str) -> Vec<Vec<Step<B>>> {
    let mut connections = Vec::new();
    for line in lines.lines() {
        if line == "connection" {
            connections.push(Vec::new());
            continue;
        }
        let step = match line.strip_prefix("size ") {
            Some(size) => Step::Size(size.parse().expect("a number")),
            None => Step::Block(B::of(line)),
        };
        connections.last_mut().expect("a connection").push(step);
    }
    connections
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(hex: &str) -> Vec<u8> {
    let octet = |digits: &[u8]| {
        let digits = core::str::from_utf8(digits).expect("digits");
        u8::from_str_radix(digits, 16).expect("hexadecimal digits")
    };
    hex.as_bytes().chunks(2).map(octet).collect()
}

// ---- the tests ----

#[test]
fn it_understands_us() {
    if !hpack_is_there() {
        return;
    }
    let scripts = scripts();
    let ours: Vec<_> = scripts.iter().map(|script| OurEncoder::default().run(script)).collect();
    let decoded = python("decode", &ours);
    assert_eq!(decoded.len(), scripts.len());
    for (decoded, script) in decoded.iter().zip(&scripts) {
        assert_eq!(decoded, script);
    }
}

#[test]
fn it_is_understood() {
    if !hpack_is_there() {
        return;
    }
    let scripts = scripts();
    let theirs = python("encode", &scripts);
    assert_eq!(theirs.len(), scripts.len());
    for (theirs, script) in theirs.iter().zip(&scripts) {
        assert_eq!(&OurDecoder::default().run(theirs), script);
    }
}
