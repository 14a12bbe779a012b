//! Deadlines: armed, re-armed and expired by `advance`, never by a clock.
//!
//! Times are nanoseconds since an epoch of the caller's choice, [`NEVER`] for none.

use core::time::Duration;

use crate::config::Config;
use crate::error::Deadline;

pub(crate) const NEVER: u64 = u64::MAX;

/// What the peer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Nothing, or it is not the peer's fault.
    No,
    /// The head of a message; also its first octet if it is the first message.
    Head { first: bool, begun: bool },
    /// Another exchange.
    Idle,
    /// Content.
    Body,
    /// Content that is thrown away.
    Unread,
}

/// The clock and the deadlines of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// Also when the input that is pulled now arrived.
    now: u64,
    /// When the message that is read began.
    began: u64,
    receive: u64,
    send: u64,
    /// When the drain ends or, once the connection lingers, the linger: never both.
    end: u64,
    /// Octets received when `receive` was armed, and written when `send` was. The low 32 bits are
    /// enough: a connection is kept small, and no wake brings 4 GiB.
    receive_mark: u32,
    send_mark: u32,
    waiting: Waiting,
    lingers: bool,
}

impl Deadlines {
    pub(crate) fn new(now: Duration, config: &Config) -> Self {
        let now = nanos(now);
        Self {
            now,
            began: now,
            receive: now.saturating_add(nanos(config.head_timeout)),
            send: NEVER,
            end: NEVER,
            receive_mark: 0,
            send_mark: 0,
            waiting: Waiting::Head { first: true, begun: false },
            lingers: false,
        }
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// Time that goes backwards is no time.
    pub(crate) fn arrived(&mut self, now: Duration) {
        self.now = self.now.max(nanos(now));
    }

    pub(crate) fn message_begins(&mut self) {
        self.began = self.now;
    }

    /// What was waited for has come: waiting for the same again has its own time.
    pub(crate) fn message_begun(&mut self) {
        self.waiting = Waiting::No;
    }

    pub(crate) fn began(&self) -> Duration {
        Duration::from_nanos(self.began)
    }

    pub(crate) fn begin_drain(&mut self, config: &Config) {
        if self.end == NEVER {
            self.end = self.now.saturating_add(nanos(config.drain_timeout));
        }
    }

    pub(crate) fn begin_linger(&mut self, config: &Config) {
        if !self.lingers {
            self.lingers = true;
            self.end = self.now.saturating_add(nanos(config.linger_timeout));
        }
    }

    pub(crate) fn linger_until(&self, config: &Config) -> Duration {
        if self.lingers {
            Duration::from_nanos(self.end)
        } else {
            Duration::from_nanos(self.now).saturating_add(config.linger_timeout)
        }
    }

    /// Nothing is waited for any more.
    pub(crate) fn disarm(&mut self) {
        (self.receive, self.send) = (NEVER, NEVER);
        if !self.lingers {
            self.end = NEVER;
        }
        self.waiting = Waiting::No;
    }

    /// Nothing is read any more.
    pub(crate) fn disarm_receive(&mut self) {
        self.receive = NEVER;
        self.waiting = Waiting::No;
    }

    /// The next time at which `advance` has something to do.
    pub(crate) fn next(&self) -> Option<Duration> {
        let next = self.receive.min(self.send).min(self.drain());
        (next != NEVER).then(|| Duration::from_nanos(next))
    }

    fn drain(&self) -> u64 {
        if self.lingers { NEVER } else { self.end }
    }

    /// Moves the clock, arms what is waited for now and says what expired.
    pub(crate) fn advance(
        &mut self,
        now: Duration,
        waiting: Waiting,
        received: u64,
        written: u64,
        unsent: u64,
        config: &Config,
    ) -> Option<Deadline> {
        self.arrived(now);
        self.arm_receive(waiting, received, config);
        self.arm_send(written, unsent, config);
        if self.now >= self.receive {
            return match self.waiting {
                Waiting::Head { first: true, begun: false } => Some(Deadline::FirstOctet),
                Waiting::Head { .. } => Some(Deadline::Head),
                Waiting::Idle => Some(Deadline::KeepAlive),
                Waiting::Body => Some(Deadline::Body),
                Waiting::Unread => Some(Deadline::UnreadBody),
                Waiting::No => None,
            };
        }
        if self.now >= self.send {
            return Some(Deadline::Send);
        }
        (self.now >= self.drain()).then_some(Deadline::Drain)
    }

    fn arm_receive(&mut self, waiting: Waiting, received: u64, config: &Config) {
        let timeout = match waiting {
            Waiting::No => {
                self.receive = NEVER;
                self.waiting = waiting;
                return;
            }
            Waiting::Head { .. } => config.head_timeout,
            Waiting::Idle => config.keep_alive_timeout,
            Waiting::Body => config.body_timeout,
            Waiting::Unread => config.unread_body_timeout,
        };
        let same = match (self.waiting, waiting) {
            // The first head has its time from the start of the connection.
            (Waiting::Head { .. }, Waiting::Head { .. }) => true,
            (before, now) => before == now,
        };
        let progress = waiting == Waiting::Body
            && since(self.receive_mark, received) >= config.body_progress_bytes_min.max(1);
        if !same || progress {
            self.receive = self.now.saturating_add(nanos(timeout));
            self.receive_mark = low(received);
        }
        self.waiting = waiting;
    }

    /// The transport took everything: what comes now has its own time.
    pub(crate) const fn all_sent(&mut self) {
        self.send = NEVER;
    }

    fn arm_send(&mut self, written: u64, unsent: u64, config: &Config) {
        if unsent == 0 {
            self.send = NEVER;
            return;
        }
        let progress = since(self.send_mark, written) >= config.send_progress_bytes_min.max(1);
        if self.send == NEVER || progress {
            self.send = self.now.saturating_add(nanos(config.send_timeout));
            self.send_mark = low(written);
        }
    }
}

/// The low bits of a count of octets.
#[allow(clippy::cast_possible_truncation, reason = "they are what is asked for")]
const fn low(octets: u64) -> u32 {
    octets as u32
}

/// Octets since a mark was set.
fn since(mark: u32, octets: u64) -> u64 {
    u64::from(low(octets).wrapping_sub(mark))
}

/// 2^64 ns are 584 years; what is longer is that.
fn nanos(time: Duration) -> u64 {
    time.as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::from(time.subsec_nanos()))
        .min(NEVER - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> (Deadlines, Config) {
        let config = Config::default();
        (Deadlines::new(SECOND, &config), config)
    }

    #[test]
    fn the_first_head_is_bounded_from_the_start() {
        let (mut deadlines, config) = start();
        assert_eq!(deadlines.next(), Some(SECOND * 6));
        let waiting = Waiting::Head { first: true, begun: false };
        assert_eq!(deadlines.advance(SECOND * 5, waiting, 0, 0, 0, &config), None);
        let waiting = Waiting::Head { first: true, begun: true };
        assert_eq!(deadlines.advance(SECOND * 5, waiting, 9, 0, 0, &config), None);
        let expired = deadlines.advance(SECOND * 6, waiting, 9, 0, 0, &config);
        assert_eq!(expired, Some(Deadline::Head));
    }

    #[test]
    fn a_drip_is_no_progress() {
        let (mut deadlines, config) = start();
        let mut received = 0;
        let mut expired = None;
        let mut seconds = 0;
        while expired.is_none() {
            seconds += 1;
            received += 9;
            let now = SECOND * (1 + seconds);
            expired = deadlines.advance(now, Waiting::Body, received, 0, 0, &config);
        }
        assert_eq!((expired, seconds), (Some(Deadline::Body), 31));
    }

    #[test]
    fn time_that_goes_backwards_is_no_time() {
        let (mut deadlines, config) = start();
        deadlines.advance(SECOND * 3, Waiting::No, 0, 0, 0, &config);
        deadlines.advance(SECOND, Waiting::No, 0, 0, 0, &config);
        assert_eq!(deadlines.now(), nanos(SECOND * 3));
    }

    #[test]
    fn taking_all_of_the_output_ends_the_send_deadline() {
        let (mut deadlines, config) = start();
        deadlines.advance(SECOND, Waiting::No, 0, 0, 10, &config);
        assert_eq!(deadlines.next(), Some(SECOND * 31));
        deadlines.advance(SECOND * 2, Waiting::No, 0, 10, 0, &config);
        assert_eq!(deadlines.next(), None);
    }
}
