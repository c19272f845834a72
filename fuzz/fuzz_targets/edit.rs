//! Arbitrary bytes as a manifest: `cargo +nightly fuzz run edit fuzz/corpus/edit fixtures/rewrite`.
#![no_main]

#[path = "../../tests/it/support/edit_anything.rs"]
mod edit_anything;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    edit_anything::edit_anything(bytes);
});
