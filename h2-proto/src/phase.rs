//! The phases of a connection: one transition table, and the property that they only go forward.

use core::fmt;

/// Where a connection stands. It never goes back. The numbers are stable.
///
/// ```text
///            preface            SETTINGS          final GOAWAY       last stream done,
///            of the peer        of the peer       sent, or one       or drain deadline
///                               and our ACK       received
///  Preface -----------> Settings --------> Open ----------> Goaway --------------> Closed
///     |                    |                 |                 |                     ^
///     +--------------------+-----------------+-----------------+---------------------+
///                     an error of the connection, or the end of input
/// ```
///
/// The first GOAWAY of a graceful shutdown (last stream 2^31-1) is no transition: new streams still
/// come in until the peer has seen it. A server has no preface but its SETTINGS, so a client goes from
/// `Preface` to `Open`. A connection that goes away before it is open does so from where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(clippy::exhaustive_enums, reason = "the phases are the protocol's")]
pub enum Phase {
    /// The connection preface of the peer is awaited.
    Preface = 0,
    /// The preface is there; the first SETTINGS of the peer are awaited.
    Settings = 1,
    /// Streams are opened.
    Open = 2,
    /// No stream is opened any more; those that are open end.
    Goaway = 3,
    /// Nothing is received or sent any more.
    Closed = 4,
}

/// What moves a connection from one phase to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The octets of the preface are complete. A server has none: its SETTINGS are.
    PrefaceSeen,
    /// The first SETTINGS of the peer are applied and acknowledged.
    SettingsApplied,
    /// A final GOAWAY was sent, or one was received.
    GoingAway,
    /// The last stream is done, the drain is over, or the connection broke.
    Over,
}

impl Phase {
    /// The phase after `transition`. One that comes late, or twice, changes nothing.
    #[must_use]
    pub(crate) const fn after(self, transition: Transition) -> Self {
        match (self, transition) {
            (Self::Preface, Transition::PrefaceSeen) => Self::Settings,
            (Self::Settings, Transition::SettingsApplied) => Self::Open,
            (Self::Open | Self::Settings | Self::Preface, Transition::GoingAway) => Self::Goaway,
            (_, Transition::Over) => Self::Closed,
            _ => self,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_phase_and_transition() {
        use Phase::{Closed, Goaway, Open, Preface, Settings};
        let table = [
            // PrefaceSeen, SettingsApplied, GoingAway, Over
            (Preface, [Settings, Preface, Goaway, Closed]),
            (Settings, [Settings, Open, Goaway, Closed]),
            (Open, [Open, Open, Goaway, Closed]),
            (Goaway, [Goaway, Goaway, Goaway, Closed]),
            (Closed, [Closed; 4]),
        ];
        let transitions = [
            Transition::PrefaceSeen,
            Transition::SettingsApplied,
            Transition::GoingAway,
            Transition::Over,
        ];
        for (phase, row) in table {
            for (transition, expected) in transitions.into_iter().zip(row) {
                assert_eq!(phase.after(transition), expected, "{phase} {transition:?}");
                assert!(expected >= phase);
            }
        }
        assert_eq!([Preface, Settings, Open, Goaway, Closed].map(|it| it as u8), [0, 1, 2, 3, 4]);
    }
}
