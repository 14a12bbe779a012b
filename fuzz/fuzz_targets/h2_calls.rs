//! Under cargo-fuzz: `fuzz::h2_calls` as a target. Else: a program that replays files.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::h2_calls::check(input));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay(fuzz::h2_calls::check);
}
