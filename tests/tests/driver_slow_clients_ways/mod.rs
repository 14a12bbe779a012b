//! Clients that waste a server's time, each in its own way, and how the server is to end them.

use std::time::Duration;

use driver_tokio::{BodyLength, Handler, HandlerError, Outcome, ProtocolError, Request, Response};
use h2_proto::testing::{Frame, bytes, client_bytes, flag, setting};
use h2_proto::{ErrorKind, PREFACE};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const TEXT: (&str, &str) = ("content-type", "text/plain");

/// What the clients ask for.
pub(crate) struct Routes;

impl Handler for Routes {
    async fn handle(
        &self,
        request: &mut Request<'_>,
        response: &mut Response<'_>,
    ) -> Result<(), HandlerError> {
        match request.head().path_and_query() {
            b"/forever" => std::future::pending().await,
            b"/sends" => {
                response.send_response(200, [TEXT], BodyLength::Unknown)?;
                loop {
                    response.send_data(&[b'x'; 10_000]).await?;
                }
            }
            _ => {
                while request.data().await?.is_some() {}
                Ok(response.respond(200, [TEXT], b"ok")?)
            }
        }
    }
}

/// How a connection ended: the deadline that passed, or the outcome's label.
pub(crate) fn end(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Deadline(ProtocolError::H1(error)) => match error.kind() {
            h1_proto::ErrorKind::Deadline(deadline) => format!("{deadline:?}"),
            other => format!("{other:?}"),
        },
        Outcome::Deadline(ProtocolError::H2(error)) => match error.kind() {
            ErrorKind::Deadline(deadline) => format!("{deadline:?}"),
            other => format!("{other:?}"),
        },
        other => other.label().to_owned(),
    }
}

/// A way to waste time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// What it says at once.
    first: fn() -> Vec<u8>,
    /// What it says then, a piece a tick, again and again.
    drip: fn() -> Vec<Vec<u8>>,
    reads: Reads,
    /// See [`end`].
    pub(crate) end: &'static str,
    /// Seconds that the defaults give it, the least and the most. HTTP/2 has a table of its own in
    /// `driver_h2_time`.
    pub(crate) seconds: (u64, u64),
    /// What it hears before its end.
    pub(crate) hears: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reads {
    Never,
    /// 10 octets a tick.
    Slowly,
    All,
}

/// So many octets, one by one.
fn one_by_one(octets: &[u8]) -> Vec<Vec<u8>> {
    octets.iter().map(|&octet| vec![octet]).collect()
}

fn nothing() -> Vec<Vec<u8>> {
    Vec::new()
}

const WAY: Way = Way {
    name: "",
    first: Vec::new,
    drip: nothing,
    reads: Reads::All,
    end: "",
    seconds: (5, 5),
    hears: "",
};

/// Those of HTTP/1.1.
pub(crate) const HTTP1: [Way; 8] = [
    Way { name: "a silent connection", end: "FirstOctet", ..WAY },
    Way {
        name: "a slow-loris: a field line a tick",
        first: || b"GET / HTTP/1.1\r\nhost: a\r\n".to_vec(),
        drip: || vec![b"x-more: and more\r\n".to_vec()],
        end: "Head",
        hears: "HTTP/1.1 408 ",
        ..WAY
    },
    Way {
        name: "a header dripper: an octet a tick",
        drip: || one_by_one(b"GET /a-path-that-does-not-end"),
        end: "Head",
        hears: "HTTP/1.1 408 ",
        ..WAY
    },
    Way {
        name: "half a preface of HTTP/2",
        first: || PREFACE[..10].to_vec(),
        end: "Head",
        seconds: (5, 10),
        hears: "HTTP/1.1 408 ",
        ..WAY
    },
    Way {
        name: "content an octet a tick",
        first: || b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n".to_vec(),
        drip: || vec![b"x".to_vec()],
        end: "Body",
        seconds: (30, 32),
        hears: "HTTP/1.1 408 ",
        ..WAY
    },
    Way {
        name: "silent after an answer",
        first: || b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        end: "closed",
        hears: "HTTP/1.1 200 ",
        ..WAY
    },
    Way {
        name: "never reads",
        first: || b"GET /sends HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        reads: Reads::Never,
        end: "Send",
        seconds: (30, 36),
        ..WAY
    },
    Way {
        name: "reads slowly",
        first: || b"GET /sends HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        reads: Reads::Slowly,
        end: "Send",
        seconds: (30, 36),
        hears: "HTTP/1.1 200 ",
        ..WAY
    },
];

/// What a client of HTTP/2 says first, with windows for all that may come.
fn greeting(behind: &[Frame]) -> Vec<u8> {
    let mut octets = client_bytes([
        Frame::settings([(setting::INITIAL_WINDOW_SIZE, 1 << 30)]),
        Frame::settings_ack(),
        Frame::window_update(0, 1 << 30),
    ]);
    octets.extend(bytes(behind));
    octets
}

/// Those of HTTP/2.
pub(crate) const HTTP2: [Way; 9] = [
    Way { name: "a silent connection", end: "FirstOctet", ..WAY },
    Way { name: "a preface and nothing behind", first: || PREFACE.to_vec(), end: "Preface", ..WAY },
    Way {
        name: "SETTINGS are not acknowledged",
        first: || client_bytes([Frame::settings([]), Frame::get(1, "/forever")]),
        end: "SettingsAck",
        ..WAY
    },
    Way {
        name: "a header dripper: a frame, an octet a tick",
        first: || greeting(&[]),
        drip: || one_by_one(&Frame::get(1, &"/long".repeat(1000)).to_bytes()),
        end: "HeaderBlock",
        ..WAY
    },
    Way {
        name: "a slow-loris: a block without its end",
        first: || greeting(&[Frame::get(1, "/").without(flag::END_HEADERS)]),
        end: "HeaderBlock",
        ..WAY
    },
    Way {
        name: "content that does not come",
        first: || greeting(&[Frame::request(1, "POST", "/"), Frame::data(1, "some")]),
        // Its stream is reset, and the connection has nothing to do then.
        end: "closed",
        ..WAY
    },
    Way {
        name: "a window that stays shut",
        first: || {
            let settings = [Frame::settings([]), Frame::settings_ack(), Frame::get(1, "/sends")];
            client_bytes(settings)
        },
        // The same.
        end: "closed",
        ..WAY
    },
    Way {
        name: "never reads",
        first: || greeting(&[Frame::get(1, "/sends")]),
        reads: Reads::Never,
        end: "Send",
        ..WAY
    },
    Way {
        name: "reads slowly",
        first: || greeting(&[Frame::get(1, "/sends")]),
        reads: Reads::Slowly,
        end: "Send",
        ..WAY
    },
];

impl Way {
    /// Wastes time until the other side ends it, as far as this can see; what it heard.
    pub(crate) async fn waste<I>(self, mut io: I, tick: Duration) -> Vec<u8>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let mut heard = Vec::new();
        let mut drip = (self.drip)().into_iter().cycle();
        if io.write_all(&(self.first)()).await.is_err() {
            return heard;
        }
        loop {
            let until = tokio::time::Instant::now() + tick;
            let ended = match self.reads {
                Reads::Never => false,
                Reads::Slowly => {
                    let mut some = [0; 10];
                    let read = tokio::time::timeout_at(until, io.read(&mut some)).await;
                    let octets = read.unwrap_or(Ok(1)).unwrap_or(0);
                    heard.extend_from_slice(&some[..octets]);
                    octets == 0
                }
                Reads::All => {
                    let reading = async { while let Ok(1..) = io.read_buf(&mut heard).await {} };
                    tokio::time::timeout_at(until, reading).await.is_ok()
                }
            };
            if ended {
                return heard;
            }
            tokio::time::sleep_until(until).await;
            if let Some(piece) = drip.next()
                && io.write_all(&piece).await.is_err()
            {
                return heard;
            }
        }
    }
}
