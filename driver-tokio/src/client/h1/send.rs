//! The sending half of a client's connection of HTTP/1.1: requests and their content.

use std::mem;
use std::task::{Context, Poll};

use bytes::Buf;
use http::Method;

use super::Driver;
use super::exchange::{Exchange, Sent};
use crate::client::call::{Failed, H1Trailers};
use crate::client::content::Next;
use crate::client::error::{Error, ErrorKind};
use crate::outcome::Outcome;
use crate::protocol::Protocol;

/// Octets of a request that may be unsent when more of its content is fetched.
const HELD_BYTES_MAX: u64 = 64 << 10;

impl Driver {
    /// Takes up the next request. Whether there was one.
    pub(super) fn take_call(&mut self, cx: &mut Context<'_>) -> bool {
        if self.exchange.is_some() || self.wire.dead || !self.conn.is_idle() {
            return false;
        }
        match self.calls.poll_recv(cx) {
            Poll::Pending => return false,
            // Nobody can send any more.
            Poll::Ready(None) => self.conn.drain(),
            Poll::Ready(Some(sent)) => self.begin(sent),
        }
        true
    }

    fn begin(&mut self, sent: Sent) {
        let Sent { call, reply, give_back } = sent;
        if self.wire.out.capacity() == 0
            && let Some(buffers) = &mut self.buffers
        {
            self.wire.out = mem::take(&mut buffers.out);
        }
        let tunnel = call.parts.method == Method::CONNECT;
        let length = call.length();
        let result = if reply.is_closed() {
            Err(Error::closed())
        } else if tunnel && !call.content.is_over() {
            Err(Error::request("in HTTP/1 CONNECT has no content"))
        } else if call.parts.extensions.get::<Protocol>().is_some() {
            Err(Error::request("an extended CONNECT needs HTTP/2"))
        } else {
            let line = (call.parts.method.as_str(), call.target());
            self.conn
                .send_request(line, call.h1_fields(), length, &mut self.wire.out)
                .map_err(|error| Error::refused(error.into()))
        };
        if let Err(error) = result {
            let failed = if error.is_retryable() {
                Failed::unprocessed(error, call)
            } else {
                Failed::new(error)
            };
            let _ = reply.send(Err(failed));
            if let Some(give_back) = give_back {
                give_back();
            }
            return;
        }
        let expecting = self.conn.awaits_continue();
        self.exchange = Some(Exchange::new(Sent { call, reply, give_back }, length, expecting));
    }

    /// Sends content as far as the transport takes it. Whether anything changed.
    pub(super) fn send(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while !self.wire.dead
            && let Some(exchange) = self.exchange.as_mut().filter(|exchange| exchange.sending)
        {
            if self.conn.awaits_continue() {
                break;
            }
            exchange.expecting = false;
            if self.conn.unsent() >= HELD_BYTES_MAX && self.flush(cx).is_pending() {
                self.held_back = true;
                break;
            }
            let Some(exchange) = &mut self.exchange else { break };
            let out = &mut self.wire.out;
            let next = match exchange.call.content.poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(Err(error)) => {
                    self.fail(Error::new(ErrorKind::Body, error));
                    self.wire.die(Outcome::Cancelled);
                    return true;
                }
                Poll::Ready(Ok(next)) => next,
            };
            any = true;
            let result = match next {
                Next::Piece => {
                    let piece = &mut exchange.call.content.piece;
                    self.conn.send_data(piece, out).map(|accepted| piece.advance(accepted))
                }
                Next::Trailers(fields) if exchange.chunked => {
                    exchange.sending = false;
                    self.conn.send_trailers(H1Trailers(&fields), out)
                }
                // Content of a known length has no place for trailers (RFC 9112 §7.1.2).
                Next::Trailers(_) | Next::End => {
                    exchange.sending = false;
                    self.conn.finish(out)
                }
            };
            match result {
                Ok(()) => {}
                // The server closed with its answer and does not read on.
                Err(h1_proto::SendError::Closed) => exchange.sending = false,
                Err(error) => {
                    self.fail(Error::new(ErrorKind::Body, error));
                    self.wire.die(Outcome::Cancelled);
                }
            }
            self.settle();
        }
        any
    }
}
