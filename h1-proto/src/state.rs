//! Every transition of a connection, and nothing else. To be read beside RFC 9112.
//!
//! A connection is two machines, one for each direction, and a rule that joins them when a
//! message is complete in both. The machines do not know which role they play: a server receives
//! requests and sends responses, a client the other way round; only the joints differ.
//!
//! ```text
//!  Receiving (RFC 9112 §2, §6, §7)                 Sending
//!
//!   ┌──────────▶ Idle                                ┌────────▶ Idle
//!   │             │ first octet                      │           │ request surfaced (server)
//!   │            Head ──── 1xx (client) ──▶ Idle     │          Owed ── 1xx ──▶ Owed
//!   │             │ head complete                    │           │ final head, or request head
//!   │     ┌───────┴──────┐                           │          Body
//!   │   Body ─abandon─▶ Discard                      │           │ finished
//!   │     │ content over │                           │           │
//!   │    End             │                           └── joint ─ Done
//!   │     │ End surfaced │
//!   └─ joint ── Done ◀───┘
//!
//!   Both: joint with a switch ──▶ Tunnel (RFC 9110 §7.8, §9.3.6)
//!         error, end of input, or the joint without keep-alive ──▶ Closed (RFC 9112 §9.6)
//! ```
//!
//! The joints (RFC 9112 §9.3): a *server* reads the next request only when both are `Done`, so
//! answers keep the order of the requests and at most one is held (§9.3.2). A *client* may send
//! the next request as soon as the one before is `Done`; it reads answers in that order.

use crate::event::KeepAlive;

/// The receiving machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recv {
    /// Between messages.
    Idle,
    /// Some octets of a head are there.
    Head,
    /// The head is surfaced, content may come.
    Body,
    /// Content comes that nobody wants.
    Discard,
    /// The content is over; that is still to be said.
    End,
    /// The message is complete; input waits.
    Done,
    /// The input belongs to another protocol.
    Tunnel,
    /// Nothing is parsed any more.
    Closed,
}

/// What happens to the receiving machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecvInput {
    FirstOctet,
    /// A final head, with content or without.
    Head {
        content: bool,
    },
    /// A head that another one of the same exchange follows (1xx).
    InterimHead,
    ContentOver,
    EndSurfaced,
    Abandon,
    Switch,
    Close,
}

impl Recv {
    /// The state behind an input; `None` where the input does not fit.
    #[inline]
    pub(crate) fn on(self, input: RecvInput) -> Option<Self> {
        use RecvInput as I;
        Some(match (self, input) {
            (Self::Idle, I::FirstOctet) => Self::Head,
            (Self::Idle | Self::Head, I::Head { content: true }) => Self::Body,
            (Self::Idle | Self::Head, I::Head { content: false }) => Self::End,
            (Self::Idle | Self::Head, I::InterimHead) => Self::Idle,
            (Self::Body, I::ContentOver) => Self::End,
            (Self::Discard, I::ContentOver) => Self::Done,
            (Self::End, I::EndSurfaced) => Self::Done,
            (Self::Body, I::Abandon) => Self::Discard,
            (Self::Done, I::Switch) => Self::Tunnel,
            (Self::Tunnel, I::Close) => return None,
            (_, I::Close) => Self::Closed,
            _ => return None,
        })
    }
}

/// The sending machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    /// A server owes nothing; a client may send a request.
    Idle,
    /// A server owes an answer that it has not begun.
    Owed,
    /// The head is sent, content may go.
    Body,
    /// The message is complete.
    Done,
    /// The message is complete and changes the protocol once the other direction is complete.
    Switching,
    /// The output belongs to another protocol.
    Tunnel,
    /// Nothing is sent any more.
    Closed,
}

/// What happens to the sending machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SendInput {
    /// A server surfaced a request.
    Request,
    /// A client began a request.
    RequestHead,
    /// A server began its final response.
    FinalHead,
    Finish,
    /// A server finished a response that changes the protocol.
    FinishSwitch,
    Switch,
    Close,
}

impl Send {
    /// The state behind an input; `None` where the input does not fit.
    #[inline]
    pub(crate) fn on(self, input: SendInput) -> Option<Self> {
        use SendInput as I;
        Some(match (self, input) {
            (Self::Idle, I::Request) => Self::Owed,
            (Self::Idle, I::RequestHead) | (Self::Owed, I::FinalHead) => Self::Body,
            (Self::Body, I::Finish) => Self::Done,
            (Self::Body, I::FinishSwitch) => Self::Switching,
            (Self::Switching | Self::Done | Self::Idle, I::Switch) => Self::Tunnel,
            (Self::Tunnel, I::Close) => return None,
            (_, I::Close) => Self::Closed,
            _ => return None,
        })
    }
}

/// The joint of a server: what follows once a state has changed (RFC 9112 §9.3, §9.6).
#[inline]
pub(crate) fn join_server(recv: Recv, send: Send, keep_alive: KeepAlive) -> (Recv, Send) {
    match (recv, send, keep_alive) {
        // The tunnel begins where the request ends; that is said by an event first, so the
        // receiving machine switches when the event is pulled.
        (Recv::Done, Send::Done, KeepAlive::Continue) => (Recv::Idle, Send::Idle),
        (_, Send::Done, KeepAlive::Close) => (Recv::Closed, Send::Closed),
        // Answered before the request was complete: the rest is read, but not surfaced.
        (Recv::Body, Send::Done, KeepAlive::Continue) => (Recv::Discard, Send::Done),
        unchanged => (unchanged.0, unchanged.1),
    }
}

/// The joint of a client: the next request may go when one is sent, the next answer may come
/// when one is complete.
#[inline]
pub(crate) fn join_client(recv: Recv, send: Send, keep_alive: KeepAlive) -> (Recv, Send) {
    match (recv, send, keep_alive) {
        (Recv::Done, _, KeepAlive::Close) => (Recv::Closed, Send::Closed),
        (Recv::Done, Send::Done, KeepAlive::Continue) => (Recv::Idle, Send::Idle),
        (Recv::Done, _, KeepAlive::Continue) => (Recv::Idle, send),
        (_, Send::Done, KeepAlive::Continue) => (recv, Send::Idle),
        unchanged => (unchanged.0, unchanged.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECV: [Recv; 8] = [
        Recv::Idle,
        Recv::Head,
        Recv::Body,
        Recv::Discard,
        Recv::End,
        Recv::Done,
        Recv::Tunnel,
        Recv::Closed,
    ];

    const SEND: [Send; 7] = [
        Send::Idle,
        Send::Owed,
        Send::Body,
        Send::Done,
        Send::Switching,
        Send::Tunnel,
        Send::Closed,
    ];

    #[test]
    fn rfc9112_9_6_closed_is_final_and_reachable_from_all_but_a_tunnel() {
        for state in RECV {
            let closed = (state != Recv::Tunnel).then_some(Recv::Closed);
            assert_eq!(state.on(RecvInput::Close), closed);
        }
        for state in SEND {
            let closed = (state != Send::Tunnel).then_some(Send::Closed);
            assert_eq!(state.on(SendInput::Close), closed);
        }
        for input in [RecvInput::FirstOctet, RecvInput::InterimHead, RecvInput::Switch] {
            assert_eq!(Recv::Closed.on(input), None);
        }
    }

    #[test]
    fn rfc9112_9_3_2_a_server_takes_the_next_request_only_when_both_sides_are_done() {
        for recv in RECV {
            for send in SEND {
                let (next, _) = join_server(recv, send, KeepAlive::Continue);
                let both = recv == Recv::Done && send == Send::Done;
                assert_eq!(next == Recv::Idle && recv != Recv::Idle, both, "{recv:?} {send:?}");
            }
        }
    }

    #[test]
    fn rfc9112_9_6_an_answer_that_says_close_ends_both_directions() {
        for recv in RECV {
            let closed = (Recv::Closed, Send::Closed);
            assert_eq!(join_server(recv, Send::Done, KeepAlive::Close), closed);
        }
    }

    #[test]
    fn rfc9110_7_8_input_is_a_tunnel_only_behind_a_complete_message() {
        for state in RECV {
            let tunnel = (state == Recv::Done).then_some(Recv::Tunnel);
            assert_eq!(state.on(RecvInput::Switch), tunnel);
        }
    }

    #[test]
    fn a_client_sends_the_next_request_before_the_answer() {
        let after = join_client(Recv::Idle, Send::Done, KeepAlive::Continue);
        assert_eq!(after, (Recv::Idle, Send::Idle));
        let early = join_client(Recv::Done, Send::Body, KeepAlive::Continue);
        assert_eq!(early, (Recv::Idle, Send::Body), "an early answer leaves the request to finish");
    }
}
