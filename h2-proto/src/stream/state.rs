//! The states of a stream (RFC 9113 §5.1): every transition and nothing else.
//!
//! ```text
//!                              +--------+
//!                      send PP |        | recv PP
//!                     ,--------+  idle  +--------.
//!                    /         |        |         \
//!                   v          +--------+          v
//!            +----------+          |           +----------+
//!            |          |          | send H /  |          |
//!     ,------+ reserved |          | recv H    | reserved +------.
//!     |      | (local)  |          |           | (remote) |      |
//!     |      +---+------+          v           +------+---+      |
//!     |          |             +--------+             |          |
//!     |          |     recv ES |        | send ES     |          |
//!     |   send H |     ,-------+  open  +-------.     | recv H   |
//!     |          |    /        |        |        \    |          |
//!     |          v   v         +---+----+         v   v          |
//!     |      +----------+          |           +----------+      |
//!     |      |   half-  |          |           |   half-  |      |
//!     |      |  closed  |          | send R /  |  closed  |      |
//!     |      | (remote) |          | recv R    | (local)  |      |
//!     |      +----+-----+          |           +-----+----+      |
//!     |           | send ES /      |       recv ES / |           |
//!     |           |  send R /      v        send R / |           |
//!     |           |  recv R    +--------+   recv R   |           |
//!     |           '----------->|        |<-----------'           |
//!     |       send R / recv R  | closed |  send R / recv R       |
//!     '----------------------->|        |<-----------------------'
//!                              +--------+
//!
//!     H: HEADERS    PP: PUSH_PROMISE    ES: END_STREAM    R: RST_STREAM
//! ```
//!
//! *Closed* is five states here, because what may still come depends on how it came to that.

use crate::error::{ErrorKind, Fault};

/// See the diagram above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    ReservedRemote,
    Open,
    HalfClosedLocal,
    HalfClosedRemote,
    /// Both sides ended it.
    Ended,
    /// We reset it: whatever was under way is still to come, and means nothing.
    ResetByUs,
    ResetByPeer,
    /// Closed, and so long ago that nobody knows how.
    Forgotten,
    /// Closed without ever having been open, because a higher one was opened.
    Skipped,
}

/// What is received or sent on a stream. CONTINUATION belongs to its HEADERS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Headers {
        end: bool,
    },
    Data {
        end: bool,
    },
    Priority,
    Reset,
    WindowUpdate,
    /// A PUSH_PROMISE that is sent on this stream.
    PushPromise,
}

/// What comes of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It means something, and the stream is in this state now.
    Next(State),
    /// It means nothing, but field blocks are decoded and windows are counted.
    Ignore,
    Error(Fault),
}

impl State {
    #[cfg(test)]
    pub(crate) const ALL: [Self; 10] = [
        Self::Idle,
        Self::ReservedRemote,
        Self::Open,
        Self::HalfClosedLocal,
        Self::HalfClosedRemote,
        Self::Ended,
        Self::ResetByUs,
        Self::ResetByPeer,
        Self::Forgotten,
        Self::Skipped,
    ];

    /// A frame arrives. That a HEADERS frame may open an idle stream is decided before: here it
    /// may.
    pub(crate) const fn receive(self, frame: Frame) -> Outcome {
        use ErrorKind::{PushForbidden, StreamClosed, StreamId, StreamIdle};
        use Fault::{Connection, Stream};
        use Outcome::{Error, Ignore, Next};
        match (self, frame) {
            // §5.3: in every state, and without effect.
            (_, Frame::Priority) => Ignore,

            (Self::Idle, Frame::Headers { end: false }) => Next(Self::Open),
            (Self::Idle, Frame::Headers { end: true }) => Next(Self::HalfClosedRemote),
            (Self::Idle, _) => Error(Connection(StreamIdle)),

            (Self::ReservedRemote, Frame::Headers { end: false }) => Next(Self::HalfClosedLocal),
            (Self::ReservedRemote, Frame::Headers { end: true }) => Next(Self::Ended),
            (Self::ReservedRemote, Frame::Reset) => Next(Self::ResetByPeer),
            (Self::ReservedRemote, _) => Error(Connection(StreamIdle)),

            (Self::Open, Frame::Headers { end } | Frame::Data { end }) => {
                Next(if end { Self::HalfClosedRemote } else { Self::Open })
            }
            (Self::HalfClosedLocal, Frame::Headers { end } | Frame::Data { end }) => {
                Next(if end { Self::Ended } else { Self::HalfClosedLocal })
            }
            (Self::Open | Self::HalfClosedLocal, Frame::PushPromise | Frame::WindowUpdate) => {
                Next(self)
            }
            (Self::Open | Self::HalfClosedLocal | Self::HalfClosedRemote, Frame::Reset) => {
                Next(Self::ResetByPeer)
            }

            (Self::HalfClosedRemote, Frame::WindowUpdate) => Next(self),
            (Self::HalfClosedRemote, Frame::Headers { .. } | Frame::Data { .. }) => {
                Error(Stream(StreamClosed))
            }
            (Self::HalfClosedRemote, Frame::PushPromise) => Error(Connection(PushForbidden)),

            // What the peer sent before it saw the end.
            (Self::Ended | Self::Forgotten, Frame::WindowUpdate | Frame::Reset) => Ignore,
            (Self::Ended, Frame::Headers { .. } | Frame::Data { .. }) => {
                Error(Connection(StreamClosed))
            }
            (Self::Forgotten, Frame::Headers { .. } | Frame::Data { .. }) => {
                Error(Stream(StreamClosed))
            }
            // §6.6: not on a stream that is closed, unless by us.
            (Self::Ended | Self::Forgotten | Self::ResetByPeer, Frame::PushPromise) => {
                Error(Connection(PushForbidden))
            }

            (Self::ResetByUs, _) => Ignore,

            // §5.1.1: it can be opened no more, and there is nothing else on it.
            (Self::Skipped, Frame::Headers { .. }) => Error(Connection(StreamId)),
            (Self::Skipped, _) => Error(Connection(StreamIdle)),

            // §5.1: after RST_STREAM its sender sends nothing more.
            (Self::ResetByPeer, Frame::Reset | Frame::WindowUpdate) => Ignore,
            (Self::ResetByPeer, _) => Error(Stream(StreamClosed)),
        }
    }

    /// A frame is sent: the state afterwards, `None` if it must not be.
    pub(crate) const fn send(self, frame: Frame) -> Option<Self> {
        match (self, frame) {
            (Self::Idle, Frame::Headers { end: false }) => Some(Self::Open),
            (Self::Idle, Frame::Headers { end: true }) => Some(Self::HalfClosedLocal),
            (Self::Open, Frame::Headers { end } | Frame::Data { end }) => {
                Some(if end { Self::HalfClosedLocal } else { Self::Open })
            }
            (Self::HalfClosedRemote, Frame::Headers { end } | Frame::Data { end }) => {
                Some(if end { Self::Ended } else { Self::HalfClosedRemote })
            }
            (
                Self::ReservedRemote | Self::Open | Self::HalfClosedLocal | Self::HalfClosedRemote,
                Frame::Reset,
            ) => Some(Self::ResetByUs),
            // Late frames on what is closed are answered by RST_STREAM.
            (Self::Forgotten | Self::ResetByPeer, Frame::Reset) => Some(self),
            (Self::Open | Self::HalfClosedLocal, Frame::WindowUpdate) => Some(self),
            _ => None,
        }
    }

    /// Whether the peer may still send content or trailers.
    pub(crate) const fn receives(self) -> bool {
        matches!(self, Self::ReservedRemote | Self::Open | Self::HalfClosedLocal)
    }

    /// Whether we may still send content or trailers.
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::Idle | Self::Open | Self::HalfClosedRemote)
    }

    pub(crate) const fn is_closed(self) -> bool {
        matches!(
            self,
            Self::Ended | Self::ResetByUs | Self::ResetByPeer | Self::Forgotten | Self::Skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMES: [Frame; 8] = [
        Frame::Headers { end: false },
        Frame::Headers { end: true },
        Frame::Data { end: false },
        Frame::Data { end: true },
        Frame::Priority,
        Frame::Reset,
        Frame::WindowUpdate,
        Frame::PushPromise,
    ];

    /// One letter an outcome: the state that follows, `.` ignored, `s` an error of the stream, `c`
    /// one of the connection.
    fn letter(outcome: Outcome) -> char {
        match outcome {
            Outcome::Next(state) => name(state),
            Outcome::Ignore => '.',
            Outcome::Error(Fault::Stream(_)) => 's',
            Outcome::Error(Fault::Connection(_)) => 'c',
        }
    }

    fn name(state: State) -> char {
        match state {
            State::Idle => 'I',
            State::ReservedRemote => 'V',
            State::Open => 'O',
            State::HalfClosedLocal => 'L',
            State::HalfClosedRemote => 'R',
            State::Ended => 'E',
            State::ResetByUs => 'U',
            State::ResetByPeer => 'P',
            State::Forgotten => 'F',
            State::Skipped => 'S',
        }
    }

    #[test]
    fn rfc9113_5_1_every_state_and_frame_received() {
        //                  H  H+ES D  D+ES PRI RST WU PP
        let expected = [
            (State::Idle, "ORcc.ccc"),
            (State::ReservedRemote, "LEcc.Pcc"),
            (State::Open, "OROR.POO"),
            (State::HalfClosedLocal, "LELE.PLL"),
            (State::HalfClosedRemote, "ssss.PRc"),
            (State::Ended, "cccc...c"),
            (State::ResetByUs, "........"),
            (State::ResetByPeer, "ssss...c"),
            (State::Forgotten, "ssss...c"),
            (State::Skipped, "cccc.ccc"),
        ];
        for ((state, row), all) in expected.into_iter().zip(State::ALL) {
            assert_eq!(state, all);
            for (frame, outcome) in FRAMES.into_iter().zip(row.chars()) {
                assert_eq!(letter(state.receive(frame)), outcome, "{state:?} {frame:?}");
            }
        }
    }

    #[test]
    fn rfc9113_5_1_every_state_and_frame_sent() {
        //                  H  H+ES D  D+ES PRI RST WU PP; `-`: must not be
        let expected = [
            (State::Idle, "OL------"),
            (State::ReservedRemote, "-----U--"),
            (State::Open, "OLOL-UO-"),
            (State::HalfClosedLocal, "-----UL-"),
            (State::HalfClosedRemote, "RERE-U--"),
            (State::Ended, "--------"),
            (State::ResetByUs, "--------"),
            (State::ResetByPeer, "-----P--"),
            (State::Forgotten, "-----F--"),
            (State::Skipped, "--------"),
        ];
        for ((state, row), all) in expected.into_iter().zip(State::ALL) {
            assert_eq!(state, all);
            for (frame, outcome) in FRAMES.into_iter().zip(row.chars()) {
                assert_eq!(state.send(frame).map_or('-', name), outcome, "{state:?} {frame:?}");
            }
        }
    }

    /// What the errors of the table say: the code that the RFC names.
    #[test]
    fn rfc9113_5_1_codes() {
        use crate::error::ErrorCode;
        let code = |state: State, frame| match state.receive(frame) {
            Outcome::Error(Fault::Stream(kind) | Fault::Connection(kind)) => Some(kind.code()),
            _ => None,
        };
        let data = Frame::Data { end: false };
        assert_eq!(code(State::Idle, data), Some(ErrorCode::PROTOCOL_ERROR));
        assert_eq!(code(State::Idle, Frame::Reset), Some(ErrorCode::PROTOCOL_ERROR));
        for closed in [State::HalfClosedRemote, State::Ended, State::ResetByPeer, State::Forgotten]
        {
            assert_eq!(code(closed, data), Some(ErrorCode::STREAM_CLOSED));
        }
        assert_eq!(code(State::ResetByUs, data), None);
    }
}
