//! The settings of both sides (RFC 9113 §6.5): what they mean, their ranges, and which are in force.

use alloc::vec::Vec;

use crate::error::{ErrorKind, Fault};
use crate::frame::settings::{self as wire, id};

/// The settings of one side (RFC 9113 §6.5.2, RFC 8441 §3, RFC 9218 §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// SETTINGS_HEADER_TABLE_SIZE, in octets. Initially 4,096.
    pub header_table_bytes: u32,
    /// SETTINGS_ENABLE_PUSH: whether a client takes pushes. Initially allowed.
    pub push: bool,
    /// SETTINGS_MAX_CONCURRENT_STREAMS. Initially without limit, `u32::MAX`.
    pub streams_max: u32,
    /// SETTINGS_INITIAL_WINDOW_SIZE, in octets, at most 2^31-1. Initially 65,535.
    pub window_bytes: u32,
    /// SETTINGS_MAX_FRAME_SIZE, in octets, from 16,384 to 2^24-1. Initially 16,384.
    pub frame_bytes_max: u32,
    /// SETTINGS_MAX_HEADER_LIST_SIZE, in octets with 32 more a field. Initially without limit,
    /// `u32::MAX`.
    pub section_bytes_max: u32,
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL. Initially off.
    pub connect_protocol: bool,
    /// SETTINGS_NO_RFC7540_PRIORITIES. Initially off.
    pub no_rfc7540_priorities: bool,
}

impl Settings {
    /// Before anything was said.
    pub const INITIAL: Self = Self {
        header_table_bytes: 4096,
        push: true,
        streams_max: u32::MAX,
        window_bytes: 65_535,
        frame_bytes_max: 16_384,
        section_bytes_max: u32::MAX,
        connect_protocol: false,
        no_rfc7540_priorities: false,
    };

    /// Takes an entry of a peer over, if its value is in range.
    pub(crate) fn apply(&mut self, entry: (u16, u32), from_server: bool) -> Result<(), Fault> {
        let fault = |kind| Err(Fault::Connection(kind));
        let (id, value) = entry;
        match id {
            id::HEADER_TABLE_SIZE => self.header_table_bytes = value,
            id::ENABLE_PUSH if value > 1 || from_server && value == 1 => {
                return fault(ErrorKind::SettingPush);
            }
            id::ENABLE_PUSH => self.push = value == 1,
            id::MAX_CONCURRENT_STREAMS => self.streams_max = value,
            id::INITIAL_WINDOW_SIZE if value > i32::MAX as u32 => {
                return fault(ErrorKind::SettingWindow);
            }
            id::INITIAL_WINDOW_SIZE => self.window_bytes = value,
            id::MAX_FRAME_SIZE if !(16_384..1 << 24).contains(&value) => {
                return fault(ErrorKind::SettingValue);
            }
            id::MAX_FRAME_SIZE => self.frame_bytes_max = value,
            id::MAX_HEADER_LIST_SIZE => self.section_bytes_max = value,
            id::ENABLE_CONNECT_PROTOCOL | id::NO_RFC7540_PRIORITIES if value > 1 => {
                return fault(ErrorKind::SettingValue);
            }
            id::ENABLE_CONNECT_PROTOCOL if self.connect_protocol && value == 0 => {
                return fault(ErrorKind::SettingTakenBack);
            }
            id::ENABLE_CONNECT_PROTOCOL => self.connect_protocol = value == 1,
            id::NO_RFC7540_PRIORITIES => self.no_rfc7540_priorities = value == 1,
            // §6.5.2: unknown ones are ignored.
            _ => {}
        }
        Ok(())
    }

    /// Whether we could announce this after `before`.
    pub(crate) const fn is_valid(&self, before: &Self, is_client: bool) -> bool {
        self.window_bytes <= i32::MAX as u32
            && self.header_table_bytes <= 1 << 30
            && self.frame_bytes_max >= 16_384
            && self.frame_bytes_max < 1 << 24
            && (is_client || !self.push || before.push)
            && (self.connect_protocol || !before.connect_protocol)
            && !(is_client && self.connect_protocol)
            && self.no_rfc7540_priorities == before.no_rfc7540_priorities
    }

    /// The entries that differ from `before`.
    fn entries(&self, before: &Self) -> Vec<(u16, u32)> {
        let all = [
            (id::HEADER_TABLE_SIZE, self.header_table_bytes, before.header_table_bytes),
            (id::ENABLE_PUSH, self.push.into(), before.push.into()),
            (id::MAX_CONCURRENT_STREAMS, self.streams_max, before.streams_max),
            (id::INITIAL_WINDOW_SIZE, self.window_bytes, before.window_bytes),
            (id::MAX_FRAME_SIZE, self.frame_bytes_max, before.frame_bytes_max),
            (id::MAX_HEADER_LIST_SIZE, self.section_bytes_max, before.section_bytes_max),
            (
                id::ENABLE_CONNECT_PROTOCOL,
                self.connect_protocol.into(),
                before.connect_protocol.into(),
            ),
            (
                id::NO_RFC7540_PRIORITIES,
                self.no_rfc7540_priorities.into(),
                before.no_rfc7540_priorities.into(),
            ),
        ];
        let differ = all.into_iter().filter(|&(_, value, before)| value != before);
        differ.map(|(id, value, _)| (id, value)).collect()
    }
}

/// Our own settings: what was announced, and what the peer has acknowledged, in order.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    /// What the peer acknowledged: what it has to keep to.
    pub(crate) in_force: Settings,
    /// Announced and not acknowledged, in order.
    unacknowledged: Vec<Settings>,
}

impl Local {
    pub(crate) const fn new() -> Self {
        Self { in_force: Settings::INITIAL, unacknowledged: Vec::new() }
    }

    /// What was announced last.
    pub(crate) fn announced(&self) -> &Settings {
        self.unacknowledged.last().unwrap_or(&self.in_force)
    }

    /// How many SETTINGS frames are not acknowledged.
    pub(crate) fn unacknowledged(&self) -> usize {
        self.unacknowledged.len()
    }

    /// Sends what differs from what was announced.
    pub(crate) fn announce(&mut self, settings: Settings, from_server: bool, out: &mut Vec<u8>) {
        let mut entries = settings.entries(self.announced());
        if from_server {
            // A server does not speak of pushes: its own value is always off.
            entries.retain(|&(id, _)| id != id::ENABLE_PUSH);
        }
        wire::write(entries.into_iter(), out);
        // One is enough for connections that never change theirs.
        self.unacknowledged.reserve_exact(1);
        self.unacknowledged.push(settings);
    }

    /// The peer acknowledged the oldest: what was in force before.
    pub(crate) fn acknowledged(&mut self) -> Result<Settings, Fault> {
        if self.unacknowledged.is_empty() {
            return Err(Fault::Connection(ErrorKind::SettingsAck));
        }
        // A few at most.
        let settings = self.unacknowledged.remove(0);
        if self.unacknowledged.is_empty() {
            self.unacknowledged = Vec::new();
        }
        Ok(core::mem::replace(&mut self.in_force, settings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_5_2_ranges() {
        use ErrorKind::{SettingPush, SettingTakenBack, SettingValue, SettingWindow};
        let bad = [
            ((id::ENABLE_PUSH, 2), false, SettingPush),
            ((id::ENABLE_PUSH, 1), true, SettingPush),
            ((id::INITIAL_WINDOW_SIZE, 1 << 31), false, SettingWindow),
            ((id::MAX_FRAME_SIZE, 0), false, SettingValue),
            ((id::MAX_FRAME_SIZE, 16_383), false, SettingValue),
            ((id::MAX_FRAME_SIZE, 1 << 24), false, SettingValue),
            ((id::ENABLE_CONNECT_PROTOCOL, 2), false, SettingValue),
            ((id::NO_RFC7540_PRIORITIES, 2), false, SettingValue),
        ];
        for (entry, from_server, kind) in bad {
            let mut settings = Settings::INITIAL;
            let result = settings.apply(entry, from_server);
            assert_eq!(result, Err(Fault::Connection(kind)), "{entry:?}");
            assert_eq!(settings, Settings::INITIAL);
        }
        let mut settings = Settings::INITIAL;
        for entry in
            [(1, 0), (2, 0), (3, 7), (4, 0x7FFF_FFFF), (5, 0xFF_FFFF), (6, 1), (8, 1), (9, 1)]
        {
            assert_eq!(settings.apply(entry, false), Ok(()));
        }
        let expected = Settings {
            header_table_bytes: 0,
            push: false,
            streams_max: 7,
            window_bytes: 0x7FFF_FFFF,
            frame_bytes_max: 0xFF_FFFF,
            section_bytes_max: 1,
            connect_protocol: true,
            no_rfc7540_priorities: true,
        };
        assert_eq!(settings, expected);
        assert_eq!(settings.apply((0xBEEF, 1), false), Ok(()));
        // RFC 8441 §3.
        assert_eq!(settings.apply((8, 0), false), Err(Fault::Connection(SettingTakenBack)));
        assert_eq!(settings, expected);
    }

    #[test]
    fn rfc9113_6_5_3_acknowledged_in_order() {
        let mut local = Local::new();
        let mut out = Vec::new();
        let first = Settings { streams_max: 100, ..Settings::INITIAL };
        let second = Settings { streams_max: 10, window_bytes: 1, ..first };
        local.announce(first, false, &mut out);
        local.announce(second, false, &mut out);
        assert_eq!(
            out,
            b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64\
              \0\0\x0c\x04\0\0\0\0\0\0\x03\0\0\0\x0a\0\x04\0\0\0\x01"
        );
        assert_eq!(local.in_force, Settings::INITIAL);
        assert_eq!(local.acknowledged(), Ok(Settings::INITIAL));
        assert_eq!((local.in_force, *local.announced()), (first, second));
        assert_eq!(local.acknowledged(), Ok(first));
        assert_eq!(local.in_force, second);
        assert_eq!(local.acknowledged(), Err(Fault::Connection(ErrorKind::SettingsAck)));
    }
}
