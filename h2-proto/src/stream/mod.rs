//! A stream: what is remembered of it, in 64 octets.

pub(crate) mod closed;
pub(crate) mod map;
pub(crate) mod state;

use crate::priority::Priority;
use crate::window::Window;
use state::State;

/// Yes or no, of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// The application knows of it: it was surfaced, or the application opened it.
    pub(crate) const SURFACED: Self = Self(1);
    /// The application is done with it.
    pub(crate) const DONE: Self = Self(1 << 1);
    /// The final head was received.
    pub(crate) const HEAD_RECEIVED: Self = Self(1 << 2);
    /// The final head was sent.
    pub(crate) const HEAD_SENT: Self = Self(1 << 3);
    /// What is received has no content (RFC 9110 §6.4.1).
    pub(crate) const NO_CONTENT_IN: Self = Self(1 << 4);
    /// What is sent has no content.
    pub(crate) const NO_CONTENT_OUT: Self = Self(1 << 5);
    /// The request is HEAD.
    pub(crate) const HEAD_REQUEST: Self = Self(1 << 6);
    /// The message that is received announced its length.
    pub(crate) const LENGTH_IN: Self = Self(1 << 7);
    /// The message that is sent announced its length.
    pub(crate) const LENGTH_OUT: Self = Self(1 << 8);
    /// The application has content to send.
    pub(crate) const WANTS_SEND: Self = Self(1 << 9);
    /// It stands in the schedule.
    pub(crate) const SCHEDULED: Self = Self(1 << 10);
    /// The request waits until the server allows another stream.
    pub(crate) const PENDING: Self = Self(1 << 11);
    /// It counts as open, in the direction that it was opened from.
    pub(crate) const COUNTED: Self = Self(1 << 12);
    /// CONNECT: content is a tunnel's.
    pub(crate) const TUNNEL: Self = Self(1 << 13);

    #[inline]
    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    #[inline]
    pub(crate) const fn set(&mut self, flag: Self) {
        self.0 |= flag.0;
    }

    #[inline]
    pub(crate) const fn clear(&mut self, flag: Self) {
        self.0 &= !flag.0;
    }
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    pub(crate) id: u32,
    pub(crate) state: State,
    pub(crate) priority: Priority,
    /// Interim responses received.
    pub(crate) informational: u8,
    pub(crate) flags: Flags,
    /// Octets of content that were sent since it was stalled, and received since it was heard.
    pub(crate) sent_since: u16,
    pub(crate) heard_since: u16,
    /// What the peer may still send.
    pub(crate) receive: Window,
    /// What we may still send.
    pub(crate) send: Window,
    /// Octets that were handed out and not released.
    pub(crate) unreleased: u32,
    /// Octets that were released and not yet announced by WINDOW_UPDATE.
    pub(crate) credit: u32,
    /// When it was surfaced, in milliseconds since the connection began.
    pub(crate) surfaced_at: u32,
    /// When content began to wait for a window, likewise; `u32::MAX` if it does not.
    pub(crate) stalled_at: u32,
    /// When the peer's content last made progress, likewise.
    pub(crate) heard_at: u32,
    /// The turn in the schedule that it was given last.
    pub(crate) turn: u32,
    /// Octets of content that are still to come, or that may come if no length was announced.
    pub(crate) content_left: u64,
    /// Octets of content that are still to be sent, if a length was announced.
    pub(crate) send_left: u64,
}

const _: () = assert!(size_of::<Stream>() <= 64);

impl Stream {
    pub(crate) fn new(id: u32, state: State, receive: u32, send: u32) -> Self {
        Self {
            id,
            state,
            priority: Priority::default(),
            informational: 0,
            flags: Flags::default(),
            sent_since: 0,
            heard_since: 0,
            receive: Window::new(receive as i32),
            send: Window::new(send as i32),
            unreleased: 0,
            credit: 0,
            surfaced_at: 0,
            stalled_at: u32::MAX,
            heard_at: 0,
            turn: 0,
            content_left: u64::MAX,
            send_left: 0,
        }
    }
}
