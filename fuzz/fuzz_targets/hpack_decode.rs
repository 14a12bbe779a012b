//! Under cargo-fuzz: `fuzz::hpack_decode` as a target. Else: a program that replays files.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::hpack_decode::check(input));

#[cfg(not(fuzzing))]
fn main() {
    fuzz::replay(fuzz::hpack_decode::check);
}
