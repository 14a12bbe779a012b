//! What a handler sees of a request of HTTP/2.

use std::mem;
use std::task::{Context, Poll};
use std::time::Duration;

use h1_proto::grammar;
use h2_proto::{FieldBuf, PseudoFields, RequestHead, StreamId};

use super::handle::{Handle, set};
use super::shared::State;
use crate::error::Gone;
use crate::head::BodyLength;
use crate::info::ConnectionInfo;
use crate::upgrade::OnUpgrade;

/// What the driving loop knows of a request when it arrives.
pub(crate) struct Arrival {
    pub(crate) stream: StreamId,
    pub(crate) fields: FieldBuf,
    pub(crate) pseudo: PseudoFields,
    pub(crate) end_stream: bool,
    pub(crate) began: Duration,
}

/// A request on its stream.
pub(crate) struct Asked {
    handle: Handle,
    fields: FieldBuf,
    pseudo: PseudoFields,
    trailers: FieldBuf,
    length: BodyLength,
    began: Duration,
    /// The content that `poll_data` took last.
    piece: Vec<u8>,
    expects_continue: bool,
}

impl Asked {
    pub(crate) fn new(handle: Handle, arrival: Arrival) -> Self {
        let Arrival { fields, pseudo, end_stream, began, .. } = arrival;
        let (mut length, mut expects_continue) = (BodyLength::None, false);
        if !end_stream {
            let head = pseudo.head(&fields);
            let octets = head.field("content-length").and_then(|it| grammar::decimal(it).ok());
            length = octets.map_or(BodyLength::Unknown, BodyLength::Known);
            expects_continue =
                head.field("expect").is_some_and(|it| it.eq_ignore_ascii_case(b"100-continue"));
        }
        let (trailers, piece) = (FieldBuf::new(), Vec::new());
        Self { handle, fields, pseudo, trailers, length, began, piece, expects_continue }
    }

    pub(crate) fn head(&self) -> RequestHead<'_> {
        self.pseudo.head(&self.fields)
    }

    pub(crate) fn body_length(&self) -> BodyLength {
        self.length
    }

    pub(crate) fn connection(&self) -> &ConnectionInfo {
        &self.handle.shared.info
    }

    /// What a tower service may know.
    #[cfg(feature = "tower")]
    pub(crate) fn info(&self) -> crate::tower::RequestInfo {
        let shared = &self.handle.shared;
        let began = shared.epoch + self.began;
        crate::tower::RequestInfo::h2(shared.info.clone(), began, self.handle.clone())
    }

    pub(crate) fn on_upgrade(&self) -> OnUpgrade {
        self.handle.on_upgrade()
    }

    pub(crate) fn began(&self) -> Duration {
        self.began
    }

    pub(crate) fn waited(&self) -> Duration {
        self.handle.shared.epoch.elapsed().saturating_sub(self.began)
    }

    /// Takes content into `piece`; `false` at its end.
    pub(crate) fn poll_data(&mut self, cx: &Context<'_>) -> Poll<Result<bool, Gone>> {
        if self.length == BodyLength::None {
            return Poll::Ready(Ok(false));
        }
        self.piece.clear();
        let expects_continue = mem::take(&mut self.expects_continue);
        self.handle.poll_take(cx, &mut self.piece, &mut self.trailers, expects_continue)
    }

    /// What `poll_data` took last.
    pub(crate) fn piece(&self) -> &[u8] {
        &self.piece
    }

    pub(crate) fn trailers(&self) -> &FieldBuf {
        &self.trailers
    }

    /// Its content, to be read elsewhere.
    #[cfg(feature = "tower")]
    pub(crate) fn take_body(&mut self) -> super::HeldBody {
        let expects_continue = mem::take(&mut self.expects_continue);
        super::HeldBody::new(self.handle.clone(), expects_continue)
    }

    /// Nothing needs to be skipped for the sake of the connection.
    pub(crate) fn skip_ready(&self) -> bool {
        self.handle.shared.with(|State { exchanges, .. }| {
            exchanges.find(self.handle.stream).is_none_or(|exchange| exchange.end == Some(Ok(())))
        })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let fields = mem::take(&mut self.fields);
        self.handle.shared.with(|state| state.exchanges.put_fields_back(fields));
    }
}

impl Handle {
    /// Takes all content that came into the empty `piece`, and at the end the trailers; `false` at
    /// the end. What is taken the client may send again.
    pub(crate) fn poll_take(
        &self,
        cx: &Context<'_>,
        piece: &mut Vec<u8>,
        trailers: &mut FieldBuf,
        expects_continue: bool,
    ) -> Poll<Result<bool, Gone>> {
        self.shared.with(|State { conn, out, exchanges, after, .. }| {
            let Some(exchange) = exchanges.find(self.stream) else {
                return Poll::Ready(Err(Gone::Closed));
            };
            if exchange.is_tunnel() {
                // What comes now is the tunnel's.
                return Poll::Ready(Err(Gone::Answered));
            }
            if !exchange.received.is_empty() {
                mem::swap(&mut exchange.received, piece);
                // A window holds less than 2^31 octets.
                let before = out.len();
                let _ = conn.release(self.stream, piece.len() as u32, out);
                if out.len() > before {
                    after.notify();
                }
                return Poll::Ready(Ok(true));
            }
            match &exchange.end {
                Some(Ok(())) => {
                    if !exchange.trailers.is_empty() {
                        mem::swap(trailers, &mut exchange.trailers);
                    }
                    return Poll::Ready(Ok(false));
                }
                Some(Err(gone)) => return Poll::Ready(Err(gone.clone())),
                None => {}
            }
            if expects_continue && !exchange.begun {
                let none: [(&str, &str); 0] = [];
                let _ = conn.send_informational(self.stream, 100, none, out);
                after.notify();
            }
            set(&mut exchange.reader, cx, after);
            Poll::Pending
        })
    }
}
