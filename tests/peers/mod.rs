//! What the interop tests share: child processes that are limited in time and killed at the end,
//! the `serve` example, a plain HTTP reader, and what to do when a peer is not installed.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// No single step of a test takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

// ---- peers that may be missing ----

/// A peer that is not installed: an error with `FOREIGN_PEERS=required`, else one line.
pub(crate) fn missing(peer: &str, how: &str) {
    assert!(
        env::var_os("FOREIGN_PEERS").is_none_or(|value| value != "required"),
        "{peer} is required by FOREIGN_PEERS and not there: {how}"
    );
    // Past the capture of the test harness, so that it is seen.
    let line = format!("skipped, because there is no {peer}: {how}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}

/// Whether a command can be started and succeeds.
pub(crate) fn succeeds<S: AsRef<OsStr>>(program: S, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

// ---- child processes ----

/// What a process that ran to its end left.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Output {
    /// With what it printed if it did not succeed.
    pub(crate) fn succeeded(self) -> Self {
        let stdout = String::from_utf8_lossy(self.stdout.get(..2000).unwrap_or(&self.stdout));
        assert!(self.status.success(), "{}\n{stdout}\n{}", self.status, self.stderr);
        self
    }
}

/// Runs a command to its end, within the limit.
pub(crate) fn run(command: &mut Command) -> Output {
    let until = Instant::now() + LIMIT;
    let mut child = Killed::spawn(command);
    let (stdout, stderr) = (collect(child.0.stdout.take()), collect(child.0.stderr.take()));
    let left = || until.saturating_duration_since(Instant::now());
    let (Ok(stdout), Ok(stderr)) = (stdout.recv_timeout(left()), stderr.recv_timeout(left()))
    else {
        panic!("{command:?} did not end in time");
    };
    let status = child.wait(until);
    Output { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let mut pipe = pipe.expect("a piped stream");
    thread::spawn(move || {
        let mut octets = Vec::new();
        let _ = pipe.read_to_end(&mut octets);
        let _ = sender.send(octets);
    });
    receiver
}

/// A child that does not outlive this value.
struct Killed(process::Child);

impl Killed {
    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")))
    }

    fn wait(&mut self, until: Instant) -> ExitStatus {
        loop {
            if let Some(status) = self.0.try_wait().expect("a child can be waited for") {
                return status;
            }
            assert!(Instant::now() < until, "the process did not end in time");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server in a process of its own, killed when dropped.
pub(crate) struct Daemon {
    child: Killed,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    scheme: &'static str,
}

impl Daemon {
    /// Starts a server and waits until it has printed where it listens: a line that holds
    /// `http://ADDRESS:PORT`.
    pub(crate) fn start(command: &mut Command) -> Self {
        Self::start_with(command, "http")
    }

    fn start_with(command: &mut Command, scheme: &'static str) -> Self {
        let mut child = Killed::spawn(command);
        let (sender, lines) = mpsc::channel();
        let stdout = child.0.stdout.take().expect("a piped stream");
        // It reads to the end, so that the server never waits for a reader.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let (stderr, kept) = (child.0.stderr.take(), Arc::clone(&errors));
        thread::spawn(move || {
            for line in BufReader::new(stderr.expect("piped")).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut daemon = Self { child, lines, errors, address: nowhere, scheme };
        let line = daemon.line(&format!("{scheme}://"));
        let (_, address) = line.split_once("://").expect("the line has an address");
        let end = address.find(|symbol: char| !(symbol.is_ascii_digit() || ".:".contains(symbol)));
        let address = &address[..end.unwrap_or(address.len())];
        daemon.address = address.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        daemon
    }

    /// Waits for a line of its output that holds this text.
    pub(crate) fn line(&self, text: &str) -> String {
        let until = Instant::now() + LIMIT;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => panic!("no line with {text:?} came"),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without {text:?}"),
            }
        }
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        let process = self.child.0.id().to_string();
        assert!(succeeds("sh", &["-c", "kill -INT \"$0\"", &process]));
    }

    /// Waits until it ends by itself.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.child.wait(Instant::now() + LIMIT)
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.address)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if thread::panicking() {
            let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            eprintln!("the server's own words: {errors}");
        }
    }
}

/// The example `serve` of the driver, on a port of its own.
pub(crate) fn serve() -> Daemon {
    Daemon::start(Command::new(serve_binary()).args(["--addr", "127.0.0.1:0"]))
}

/// The same over TLS, with a certificate that nobody knows.
pub(crate) fn serve_tls() -> Daemon {
    let mut command = Command::new(serve_binary());
    Daemon::start_with(command.args(["--addr", "127.0.0.1:0", "--tls"]), "https")
}

/// The same with so many file descriptors at most.
pub(crate) fn serve_with_descriptors(max: usize) -> Daemon {
    let script = "ulimit -n \"$1\" && exec \"$0\" --addr 127.0.0.1:0";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(serve_binary()).arg(max.to_string());
    Daemon::start(&mut command)
}

/// Two workers with so many file descriptors: whether they start; what the process left, if not.
pub(crate) fn two_workers_start_with(descriptors: usize) -> Result<(), Output> {
    let script = "ulimit -n \"$1\" && exec \"$0\" --addr 127.0.0.1:0 --workers 2";
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(serve_binary()).arg(descriptors.to_string());
    let mut child = Killed::spawn(&mut command);
    let stderr = collect(child.0.stderr.take());
    let mut stdout = Vec::new();
    for line in BufReader::new(child.0.stdout.take().expect("piped")).lines() {
        let line = line.expect("text");
        if line.starts_with("listening on") {
            return Ok(());
        }
        stdout.extend_from_slice(line.as_bytes());
    }
    let status = child.wait(Instant::now() + LIMIT);
    let stderr = stderr.recv_timeout(LIMIT).expect("it has ended");
    Err(Output { status, stdout, stderr: String::from_utf8_lossy(&stderr).into_owned() })
}

fn serve_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(build_serve)
}

/// Builds it beside this test, with the same profile, so that it is never an old one.
fn build_serve() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/test");
    let target = profile.parent().expect("target/PROFILE");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.args(["build", "-p", "driver-tokio", "--example", "serve", "--target-dir"]);
    command.arg(target).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.file_name() != Some(OsStr::new("debug")) {
        command.arg("--profile").arg(profile.file_name().expect("a profile"));
    }
    // What cargo has told this test of itself; with it some packages would be built anew, and again the next
    // time without it.
    for (name, _) in env::vars_os() {
        let of_this_test = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if of_this_test.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    profile.join("examples").join(format!("serve{}", env::consts::EXE_SUFFIX))
}

// ---- files ----

/// A directory that is gone after the test.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let path = path.join(format!("{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes a file in it.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file can be written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// So many octets without a pattern (xorshift), the same for the same seed.
pub(crate) fn noise(octets: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut noise = Vec::with_capacity(octets + 8);
    while noise.len() < octets {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(octets);
    noise
}

// ---- HTTP as plainly as it can be read, without the code under test ----

/// A TCP connection that waits for no more than the limit.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    input: Vec<u8>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The names in lower case.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(field, _)| field == name);
        let (_, value) = found.next()?;
        assert!(found.next().is_none(), "{name} comes twice");
        Some(value)
    }

    /// Whether it says that it is the last one.
    pub(crate) fn closes(&self) -> bool {
        self.field("connection") == Some("close")
    }
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, LIMIT).expect("it listens");
        stream.set_read_timeout(Some(LIMIT)).expect("a timeout can be set");
        stream.set_write_timeout(Some(LIMIT)).expect("a timeout can be set");
        Self { stream, input: Vec::new() }
    }

    pub(crate) fn send(&mut self, octets: impl AsRef<[u8]>) {
        self.stream.write_all(octets.as_ref()).expect("the peer reads");
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 4096];
        let octets = self.stream.read(&mut buffer).expect("the peer answers in time");
        self.input.extend_from_slice(&buffer[..octets]);
        octets > 0
    }

    fn take(&mut self, octets: usize) -> Vec<u8> {
        while self.input.len() < octets {
            assert!(self.fill(), "the peer closed in the middle");
        }
        self.input.drain(..octets).collect()
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.input.windows(2).position(|octets| octets == b"\r\n") {
                let line = self.take(end + 2);
                return String::from_utf8(line[..end].to_vec()).expect("text");
            }
            assert!(self.fill(), "the peer closed in a line: {}", self.input.escape_ascii());
        }
    }

    fn fields(&mut self) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return fields;
            }
            let (name, value) = line.split_once(':').expect("a colon");
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    /// The next response, an interim one too. That to HEAD has no content.
    pub(crate) fn answer(&mut self, to_head: bool) -> Answer {
        let line = self.line();
        let rest = line.strip_prefix("HTTP/1.1 ").unwrap_or_else(|| panic!("no status: {line}"));
        let status: u16 = rest.get(..3).and_then(|code| code.parse().ok()).expect("a status");
        let mut answer = Answer { status, fields: self.fields(), body: Vec::new() };
        if to_head || status < 200 || status == 204 || status == 304 {
            return answer;
        }
        if answer.field("transfer-encoding") == Some("chunked") {
            loop {
                let size = usize::from_str_radix(&self.line(), 16).expect("a chunk size");
                if size == 0 {
                    break;
                }
                answer.body.extend(self.take(size));
                assert_eq!(self.line(), "", "data is followed by a line end");
            }
            answer.fields.extend(self.fields());
        } else {
            let length = answer.field("content-length").expect("a length");
            answer.body = self.take(length.parse().expect("a number"));
        }
        answer
    }

    /// What comes until the peer closes.
    pub(crate) fn rest(mut self) -> Vec<u8> {
        while self.fill() {}
        self.input
    }

    /// Whether nothing has come that was not taken.
    pub(crate) fn silent(&self) -> bool {
        self.stream.set_nonblocking(true).expect("it can be set");
        let come = self.stream.peek(&mut [0]);
        self.stream.set_nonblocking(false).expect("it can be set");
        self.input.is_empty() && come.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

// ---- Python ----

/// The interpreter: `PYTHON`, or the one in the path.
pub(crate) fn python() -> OsString {
    env::var_os("PYTHON").unwrap_or_else(|| "python3".into())
}

/// One of the scripts beside this file.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}
