//! Flow-control windows (RFC 9113 §5.2 and §6.9): signed, because a change of settings can make
//! one negative, and never above 2^31-1.

use crate::error::ErrorKind;

pub(crate) const WINDOW_MAX: i32 = i32::MAX;
/// Of a connection at its beginning, and of streams unless settings say otherwise.
pub(crate) const WINDOW_DEFAULT: i32 = 65_535;

/// Octets that may still be sent, or received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window(i32);

impl Window {
    pub(crate) const fn new(octets: i32) -> Self {
        Self(octets)
    }

    /// What may be sent now.
    pub(crate) const fn available(self) -> u32 {
        if self.0 > 0 { self.0 as u32 } else { 0 }
    }

    pub(crate) const fn get(self) -> i32 {
        self.0
    }

    /// Octets are taken off. Whether the window had them.
    #[must_use]
    pub(crate) const fn take(&mut self, octets: u32) -> bool {
        // Nothing needs no window, also where that is negative (§6.9).
        if octets > 0 && octets as i64 > self.0 as i64 {
            return false;
        }
        self.0 -= octets as i32;
        true
    }

    /// Octets are added (§6.9.1: not above 2^31-1).
    pub(crate) const fn add(&mut self, octets: u32) -> Result<(), ErrorKind> {
        let sum = self.0 as i64 + octets as i64;
        if sum > WINDOW_MAX as i64 {
            return Err(ErrorKind::WindowTooLarge);
        }
        self.0 = sum as i32;
        Ok(())
    }

    /// SETTINGS_INITIAL_WINDOW_SIZE changed by so much (§6.9.2); the window may become negative.
    pub(crate) const fn shift(&mut self, by: i64) -> Result<(), ErrorKind> {
        let sum = self.0 as i64 + by;
        if sum > WINDOW_MAX as i64 {
            return Err(ErrorKind::WindowTooLarge);
        }
        // The lowest is 0 - (2^31-1).
        self.0 = sum as i32;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9113_6_9_1_the_largest_window() {
        let mut window = Window::new(WINDOW_MAX - 1);
        assert_eq!(window.add(1), Ok(()));
        assert_eq!(window.add(1), Err(ErrorKind::WindowTooLarge));
        assert_eq!(window.get(), WINDOW_MAX);
        let mut window = Window::new(0);
        assert_eq!(window.add(WINDOW_MAX as u32), Ok(()));
    }

    #[test]
    fn rfc9113_6_9_2_negative_windows() {
        let mut window = Window::new(65_535);
        assert!(window.take(60_000));
        assert_eq!(window.shift(-65_535), Ok(()));
        assert_eq!((window.get(), window.available()), (-60_000, 0));
        assert!(!window.take(1) && window.take(0));
        assert_eq!(window.add(60_001), Ok(()));
        assert_eq!(window.available(), 1);
        assert!(!window.take(2) && window.take(1));
        assert_eq!(window.shift(i64::from(WINDOW_MAX)), Ok(()));
        assert_eq!(window.shift(1), Err(ErrorKind::WindowTooLarge));
    }
}
