//! One account of what the peer causes and what it brings, instead of a counter for every flood.
//!
//! Causes charge it, useful progress refunds what its kind was charged, time repays slowly, and it is
//! never in the plus. A peer
//! that overdraws it is told ENHANCE_YOUR_CALM, and which cause cost most. A unit is about 100 ns of
//! work or 64 octets of output.

use core::fmt;

use crate::config::Config;

/// What costs without bringing anything by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Cause {
    /// HEADERS that open a stream, also one that is refused.
    Streams,
    /// RST_STREAM received, and resets that the peer provoked.
    Resets,
    /// CONTINUATION, and DATA that brings nothing.
    EmptyFrames,
    /// DATA.
    Data,
    /// WINDOW_UPDATE, and DATA that is small only because of the window.
    Windows,
    /// PING, PRIORITY, PRIORITY_UPDATE and unknown frames.
    Control,
    /// SETTINGS, by their entries and the streams that they change.
    Settings,
    /// Fields that take far more room decoded than on the wire.
    Expansion,
}

const CAUSES: usize = 8;

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Streams => "streams",
            Self::Resets => "resets",
            Self::EmptyFrames => "frames without content",
            Self::Data => "small pieces of content",
            Self::Windows => "window updates",
            Self::Control => "control frames",
            Self::Settings => "settings",
            Self::Expansion => "compressed fields",
        })
    }
}

/// Charges, in units.
pub(crate) mod charge {
    pub(crate) const STREAM: u32 = 10;
    pub(crate) const RESET_RECEIVED: u32 = 2;
    pub(crate) const RESET_PROVOKED: u32 = 10;
    pub(crate) const EMPTY_FRAME: u32 = 5;
    pub(crate) const DATA: u32 = 1;
    pub(crate) const WINDOW_UPDATE: u32 = 1;
    pub(crate) const SMALL_DATA_SENT: u32 = 4;
    pub(crate) const CONTROL: u32 = 2;
    pub(crate) const SETTINGS: u32 = 4;
    /// For each 64 octets of fields beyond 8 times the block.
    pub(crate) const EXPANSION: u32 = 1;
}

/// Refunds, in units.
pub(crate) mod refund {
    pub(crate) const RESPONSE_ENDED: u32 = 16;
    pub(crate) const RESET_AFTER_WORK: u32 = 10;
    pub(crate) const DATA_ENDED: u32 = 1;
    /// For WINDOW_UPDATE: DATA that we send and that no window cut short of 256 octets. As much for PING,
    /// by which a peer measures what it downloads.
    pub(crate) const DATA_SENT: u32 = 2;
    /// For PING: DATA delivered.
    pub(crate) const DATA_DELIVERED: u32 = 8;
}

/// The account of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    /// What each cause charged and nothing repaid.
    debts: [u32; CAUSES],
    /// When time last repaid, in nanoseconds.
    repaid_at: u64,
}

impl Ledger {
    pub(crate) const fn new(now: u64) -> Self {
        Self { debts: [0; CAUSES], repaid_at: now }
    }

    pub(crate) fn debt(&self) -> u32 {
        self.debts.iter().fold(0, |sum, debt| sum.saturating_add(*debt))
    }

    pub(crate) const fn charge(&mut self, cause: Cause, units: u32) {
        let debt = &mut self.debts[cause as usize];
        *debt = debt.saturating_add(units);
    }

    /// Repays what this cause charged, and no other: good work of one kind buys no attack of another.
    pub(crate) const fn refund(&mut self, cause: Cause, units: u32) {
        let debt = &mut self.debts[cause as usize];
        *debt = debt.saturating_sub(units);
    }

    /// Repays what this cause charged, then any other.
    pub(crate) fn refund_any(&mut self, cause: Cause, mut units: u32) {
        let first = core::iter::once(cause as usize);
        for index in first.chain(0..CAUSES) {
            let paid = units.min(self.debts[index]);
            self.debts[index] -= paid;
            units -= paid;
        }
    }

    /// Repays the largest debt first: none grows while another is paid twice.
    fn repay_largest(&mut self, mut units: u32) {
        while units > 0
            && let Some(largest) = self.debts.iter_mut().max().filter(|debt| **debt > 0)
        {
            let paid = units.min(*largest);
            *largest -= paid;
            units -= paid;
        }
    }

    /// The cause that cost most, if the account is overdrawn.
    pub(crate) fn overdrawn(&self, config: &Config) -> Option<Cause> {
        if self.debt() <= config.ledger_units_max {
            return None;
        }
        const BY_INDEX: [Cause; CAUSES] = [
            Cause::Streams,
            Cause::Resets,
            Cause::EmptyFrames,
            Cause::Data,
            Cause::Windows,
            Cause::Control,
            Cause::Settings,
            Cause::Expansion,
        ];
        let worst = (0..CAUSES).max_by_key(|&index| self.debts[index])?;
        Some(BY_INDEX[worst])
    }

    /// Time repays, in whole units; what is left over of a unit counts the next time.
    pub(crate) fn repay(&mut self, now: u64, config: &Config) {
        const SECOND: u64 = 1_000_000_000;
        let elapsed = now.saturating_sub(self.repaid_at);
        let rate = u64::from(config.ledger_repayment_units_per_second);
        if self.debt() == 0 || rate == 0 {
            self.repaid_at = self.repaid_at.max(now);
            return;
        }
        let units = (u128::from(elapsed) * u128::from(rate) / u128::from(SECOND)) as u64;
        if units == 0 {
            return;
        }
        self.repay_largest(u32::try_from(units).unwrap_or(u32::MAX));
        self.repaid_at =
            if self.debt() == 0 { now } else { self.repaid_at + units * SECOND / rate };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_in_the_plus_and_the_worst_is_named() {
        let config = Config { ledger_units_max: 100, ..Config::default() };
        let mut ledger = Ledger::new(0);
        ledger.refund(Cause::Control, 1000);
        ledger.charge(Cause::Windows, 40);
        ledger.charge(Cause::Control, 60);
        assert_eq!((ledger.debt(), ledger.overdrawn(&config)), (100, None));
        ledger.charge(Cause::Windows, 1);
        assert_eq!(ledger.overdrawn(&config), Some(Cause::Control));
        ledger.refund(Cause::Data, 1);
        assert!(ledger.overdrawn(&config).is_some());
        ledger.refund_any(Cause::Data, 1);
        assert_eq!(ledger.overdrawn(&config), None);
        for _ in 0..10 {
            ledger.charge(Cause::Settings, u32::MAX);
        }
        assert_eq!(ledger.overdrawn(&config), Some(Cause::Settings));
    }

    #[test]
    fn time_repays_the_same_however_often_it_is_told() {
        let config = Config::default();
        let (mut often, mut once) = (Ledger::new(0), Ledger::new(0));
        for ledger in [&mut often, &mut once] {
            ledger.charge(Cause::Control, 5_000);
        }
        for tick in 1..=1_000_u64 {
            often.repay(tick * 3_700_000, &config);
        }
        once.repay(3_700_000_000, &config);
        assert_eq!(often.debt(), once.debt());
        assert_eq!(once.debt(), 5_000 - 370);
        // Back in time is no time.
        once.repay(0, &config);
        assert_eq!(once.debt(), 5_000 - 370);
        once.repay(u64::MAX, &config);
        assert_eq!(once.debt(), 0);
    }
}
