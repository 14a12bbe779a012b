//! Harness functions.
