//! Instructions in user space that a server takes for a request, by callgrind.

use std::fs;
use std::io;
use std::path::Path;

use crate::cores::Cores;
use crate::load::{Load, Shape};
use crate::peers;
use crate::process::Server;

/// Requests of the two runs; what a start and connections take is in both.
const FEW: usize = 4_000;
const MANY: usize = 24_000;

/// Whether valgrind is here; a line if not.
pub(crate) fn available() -> bool {
    let found = peers::find("valgrind").is_some();
    if !found {
        println!("valgrind is not installed: no instructions");
    }
    found
}

/// Instructions for one request. What callgrind wrote stays in `keep`, if there is one.
pub(crate) fn measure(
    id: &str,
    name: &str,
    shape: Shape,
    load: Load,
    cores: Cores,
    keep: Option<&Path>,
) -> io::Result<f64> {
    let directory = keep.map_or_else(std::env::temp_dir, Path::to_path_buf);
    fs::create_dir_all(&directory)?;
    let mut counts = Vec::new();
    for requests in [FEW, MANY] {
        let protocol = shape.protocol;
        let file = directory.join(format!("callgrind.{id}.{name}.{protocol}.{requests}"));
        counts.push(run(name, shape, load, cores, requests, &file)?);
        if keep.is_none() {
            let _ = fs::remove_file(&file);
        }
    }
    Ok((counts[1] - counts[0]) / (MANY - FEW) as f64)
}

fn run(
    name: &str,
    shape: Shape,
    load: Load,
    cores: Cores,
    requests: usize,
    file: &Path,
) -> io::Result<f64> {
    // By process: some servers start others, which write as well.
    let out = format!("--callgrind-out-file={}.%p", file.display());
    let wrapper = ["valgrind", "-q", "--tool=callgrind", &out].map(str::to_owned);
    let server = Server::start(name, shape.protocol, cores, &wrapper)?;
    load.run(shape, server.address, requests)?;
    let written = format!("{}.{}", file.display(), server.id());
    // Ended, it has written.
    drop(server);
    fs::rename(written, file)?;
    let others = format!("{}.", file.display());
    for entry in fs::read_dir(file.parent().expect("a directory"))?.flatten() {
        if entry.path().display().to_string().starts_with(&others) {
            let _ = fs::remove_file(entry.path());
        }
    }
    let text = fs::read_to_string(file)?;
    let sum = text
        .lines()
        .find_map(|it| it.strip_prefix("totals: "))
        .and_then(|it| it.split(' ').next()?.parse().ok());
    sum.ok_or_else(|| io::Error::other("callgrind wrote no sum"))
}
