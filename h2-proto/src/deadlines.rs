//! Deadlines: armed, re-armed and expired by `advance`, never by a clock.
//!
//! Times are nanoseconds since an epoch of the caller's choice, [`NEVER`] for none.

use core::time::Duration;

use crate::config::Config;
use crate::error::Deadline;

pub(crate) const NEVER: u64 = u64::MAX;

pub(crate) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(NEVER)
}

/// What the deadlines depend on, as `advance` finds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The preface and the first SETTINGS of the peer are still to come.
    pub(crate) greeting: bool,
    /// A field block has begun.
    pub(crate) in_block: bool,
    pub(crate) unacknowledged: bool,
    pub(crate) streams: bool,
    /// Octets that the transport has not taken, and all that it took.
    pub(crate) unsent: bool,
    pub(crate) written: u64,
    /// The last pull ended for want of input.
    pub(crate) starving: bool,
    pub(crate) draining: bool,
}

/// The clock and the deadlines of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines {
    /// Also when the input that is pulled now arrived.
    now: u64,
    started: u64,
    greeting: u64,
    block: u64,
    settings: u64,
    idle: u64,
    send: u64,
    send_mark: u64,
    drain: u64,
    /// When the next keep-alive PING goes, or, if one is out, when its answer must be there.
    ping: u64,
    pub(crate) ping_out: bool,
    /// When something was last received.
    heard: u64,
    /// When a closed connection has waited long enough for its last octets to be written.
    closing: u64,
    age: u64,
    /// When content of ours last made progress, in milliseconds, and the octets that went since.
    content_at: u32,
    content_since: u16,
}

impl Deadlines {
    pub(crate) fn new(now: Duration, config: &Config) -> Self {
        let now = nanos(now);
        Self {
            now,
            started: now,
            greeting: now.saturating_add(nanos(config.preface_timeout)),
            block: NEVER,
            settings: NEVER,
            idle: NEVER,
            send: NEVER,
            send_mark: 0,
            drain: NEVER,
            ping: config.ping_interval.map_or(NEVER, |it| now.saturating_add(nanos(it))),
            ping_out: false,
            heard: now,
            closing: NEVER,
            age: config.age_max.map_or(NEVER, |it| now.saturating_add(nanos(it))),
            content_at: 0,
            content_since: 0,
        }
    }

    pub(crate) const fn now(&self) -> u64 {
        self.now
    }

    /// Milliseconds since the connection began; small enough for each stream to keep some.
    pub(crate) const fn millis(&self) -> u32 {
        ((self.now - self.started) / 1_000_000) as u32
    }

    /// The time at which these milliseconds are over, after `timeout`.
    pub(crate) fn at(&self, millis: u32, timeout: Duration) -> u64 {
        // The difference, because milliseconds begin again after seven weeks.
        let whole = self.now - (self.now - self.started) % 1_000_000;
        let since = u64::from(self.millis().wrapping_sub(millis)) * 1_000_000;
        whole.saturating_sub(since).saturating_add(nanos(timeout))
    }

    /// Time that goes backwards is no time.
    pub(crate) fn arrived(&mut self, now: Duration) {
        self.now = self.now.max(nanos(now));
    }

    /// A stream began or ended: the connection is not idle, or is from now on.
    pub(crate) const fn used(&mut self) {
        self.idle = NEVER;
    }

    /// The connection is closed.
    pub(crate) fn close_within(&mut self, time: Duration) {
        if self.closing == NEVER {
            self.closing = self.now.saturating_add(nanos(time));
        }
    }

    pub(crate) const fn closing(&self) -> Duration {
        Duration::from_nanos(self.closing)
    }

    pub(crate) const fn is_closing_over(&self) -> bool {
        self.now >= self.closing
    }

    /// The transport took everything: what comes now has its own time.
    pub(crate) const fn all_sent(&mut self) {
        self.send = NEVER;
    }

    /// Content went out: enough of it is progress of the connection.
    pub(crate) fn sent_content(&mut self, octets: usize, config: &Config) {
        self.content_since = self.content_since.saturating_add(octets.min(0xffff) as u16);
        if u32::from(self.content_since) >= config.send_progress_bytes_min.min(0xffff) {
            self.content_since = 0;
            self.content_at = self.millis();
        }
    }

    /// Since when the connection has made no progress with content, if that is later.
    pub(crate) const fn later(&self, millis: u32) -> u32 {
        let now = self.millis();
        if now.wrapping_sub(self.content_at) < now.wrapping_sub(millis) {
            self.content_at
        } else {
            millis
        }
    }

    /// Something was received.
    pub(crate) const fn heard(&mut self) {
        self.heard = self.now;
    }

    pub(crate) const fn block_begins(&mut self) {
        if self.block == NEVER {
            self.block = self.now;
        }
    }

    /// When the frame or block that is read began.
    pub(crate) const fn block_began(&self) -> u64 {
        if self.block == NEVER { self.now } else { self.block }
    }

    pub(crate) const fn block_ends(&mut self) {
        self.block = NEVER;
    }

    /// SETTINGS were sent, or acknowledged and others are still out.
    pub(crate) fn await_settings(&mut self, config: &Config) {
        self.settings = self.now.saturating_add(nanos(config.settings_timeout));
    }

    pub(crate) fn begin_drain(&mut self, config: &Config) {
        if self.drain == NEVER {
            self.drain = self.now.saturating_add(nanos(config.drain_timeout));
        }
        self.age = NEVER;
    }

    /// Whether the connection is as old as it may get; once. Before both sides have greeted nobody could be
    /// told.
    pub(crate) const fn is_aged(&mut self) -> bool {
        if self.now < self.age || self.greeting != NEVER {
            return false;
        }
        self.age = NEVER;
        true
    }

    /// Whether a keep-alive PING is to be sent now.
    pub(crate) fn wants_ping(&mut self, config: &Config) -> bool {
        let Some(interval) = config.ping_interval else { return false };
        if self.ping_out {
            return false;
        }
        let due = self.heard.saturating_add(nanos(interval));
        if self.now < due {
            self.ping = due;
            return false;
        }
        self.ping_out = true;
        self.ping = self.now.saturating_add(nanos(config.ping_timeout));
        true
    }

    /// The answer to the keep-alive PING came.
    pub(crate) fn ponged(&mut self, config: &Config) {
        self.ping_out = false;
        self.ping = config.ping_interval.map_or(NEVER, |it| self.now.saturating_add(nanos(it)));
    }

    /// Arms what is to be armed; the deadline that passed, if one did.
    pub(crate) fn advance(&mut self, facts: Facts, config: &Config) -> Option<Deadline> {
        if !facts.greeting {
            self.greeting = NEVER;
        }
        if !facts.unacknowledged {
            self.settings = NEVER;
        }
        // A connection that goes because of its age does so even if the peer says nothing more.
        let drain_timeout = facts.draining.then_some(config.drain_timeout);
        let idle_timeout = config.idle_timeout.or(drain_timeout);
        if facts.streams || self.drain != NEVER {
            self.idle = NEVER;
        } else if self.idle == NEVER
            && let Some(timeout) = idle_timeout
        {
            self.idle = self.now.saturating_add(nanos(timeout));
        }
        if !facts.unsent {
            self.send = NEVER;
        } else if self.send == NEVER
            || facts.written.wrapping_sub(self.send_mark)
                >= u64::from(config.send_progress_bytes_min)
        {
            self.send = self.now.saturating_add(nanos(config.send_timeout));
            self.send_mark = facts.written;
        }
        // What accuses the peer of silence only while it could be heard.
        let silence = |at: u64| if facts.starving { at } else { NEVER };
        let block = self.block_deadline(config);
        let ping = if self.ping_out { silence(self.ping) } else { NEVER };
        let all = [
            (silence(self.greeting), Deadline::Preface),
            (silence(block), Deadline::HeaderBlock),
            (silence(self.settings), Deadline::SettingsAck),
            (ping, Deadline::KeepAlive),
            (self.send, Deadline::Send),
            (self.drain, Deadline::Drain),
            (silence(self.idle), Deadline::Idle),
        ];
        all.into_iter().find(|&(at, _)| at <= self.now).map(|(_, deadline)| deadline)
    }

    fn block_deadline(&self, config: &Config) -> u64 {
        if self.block == NEVER {
            return NEVER;
        }
        self.block.saturating_add(nanos(config.header_block_timeout))
    }

    /// The next time at which `advance` has something to do. `starving`: the last pull ended for want
    /// of input.
    pub(crate) fn next(&self, config: &Config, starving: bool) -> u64 {
        let silence = |at: u64| if starving { at } else { NEVER };
        let ping = if self.ping_out { silence(self.ping) } else { self.ping };
        [
            silence(self.greeting),
            silence(self.block_deadline(config)),
            silence(self.settings),
            silence(self.idle),
            self.send,
            self.drain,
            ping,
            if self.greeting == NEVER { self.age } else { NEVER },
        ]
        .into_iter()
        .min()
        .unwrap_or(NEVER)
    }

    /// Nothing is waited for any more.
    pub(crate) const fn disarm(&mut self) {
        self.greeting = NEVER;
        self.block = NEVER;
        self.settings = NEVER;
        self.idle = NEVER;
        self.send = NEVER;
        self.drain = NEVER;
        self.ping = NEVER;
        self.age = NEVER;
    }
}
