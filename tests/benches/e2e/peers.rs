//! Servers that the system brings, where it does: nginx, h2o, nghttpd.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::Protocol;
use crate::servers::CONTENT;

const NAMES: [&str; 3] = ["nginx", "h2o", "nghttpd"];

/// Whether the server of this name is none of this binary.
pub(crate) fn is_one(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Where it is installed.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/sbin", "/usr/bin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(usual);
    places.find_map(|place| Some(place.join(name)).filter(|it| it.is_file()))
}

/// The command that serves in one process of so many threads, and where it will be; nginx has a process for
/// each worker and one above them if there are several. `directory` is for its files.
pub(crate) fn command(
    name: &str,
    protocol: Protocol,
    workers: usize,
    directory: &Path,
) -> io::Result<(Vec<String>, SocketAddr)> {
    let program = find(name).ok_or_else(|| io::Error::other("not installed"))?;
    let content = directory.join("content");
    fs::create_dir_all(&content)?;
    fs::write(content.join("plaintext"), CONTENT)?;
    // Nobody else takes it so soon after.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let (port, here) = (address.port(), directory.display());
    let written = |config: String| {
        let path = directory.join(name);
        fs::write(&path, config).map(|()| path.display().to_string())
    };
    let arguments = match name {
        "nginx" => vec!["-p".to_owned(), here.to_string(), "-c".to_owned(), {
            let version = if protocol == Protocol::H2 { " http2" } else { "" };
            let (master, shares) = if workers > 1 { ("on", " reuseport") } else { ("off", "") };
            // Workers of root would be somebody else's.
            let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
            let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
            let temporary = kinds.map(|kind| format!("{kind}_temp_path {here}/{kind};")).concat();
            written(format!(
                "daemon off; master_process {master}; worker_processes {workers}; {user}
                 pid {here}/pid; error_log stderr crit;
                 events {{ worker_connections 16384; }}
                 http {{ {temporary} access_log off; default_type text/plain;
                   keepalive_requests 1000000000; keepalive_timeout 60s;
                   http2_max_concurrent_streams 128;
                   server {{ listen {address}{version}{shares};
                     location / {{ return 200 \"{CONTENT}\"; }} }} }}"
            ))?
        }],
        "h2o" => vec!["-m".to_owned(), "worker".to_owned(), "-c".to_owned(), {
            let content = content.display();
            // It would give up what callgrind still has to write with.
            let user = if rustix::process::geteuid().is_root() { "user: root\n" } else { "" };
            written(format!(
                "{user}num-threads: {workers}\nmax-connections: 16384\nhttp1-request-timeout: 60\n\
                 http2-idle-timeout: 60\nlisten:\n  host: 127.0.0.1\n  port: {port}\n\
                 hosts:\n  default:\n    paths:\n      /:\n        file.dir: {content}\n"
            ))?
        }],
        _ => {
            let (workers, content) = (workers.to_string(), content.display().to_string());
            ["--no-tls", "-a", "127.0.0.1", "-m", "128", "-n", &workers, "-d", &content]
                .map(str::to_owned)
                .into_iter()
                .chain([port.to_string()])
                .collect()
        }
    };
    let program = program.display().to_string();
    Ok(([program].into_iter().chain(arguments).collect(), address))
}

/// Until it takes connections.
pub(crate) fn wait(address: SocketAddr) -> io::Result<()> {
    // Under valgrind a start takes seconds.
    const LIMIT: Duration = Duration::from_secs(30);
    let start = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > LIMIT => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}
