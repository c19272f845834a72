//! Arbitrary bytes as a manifest: `cargo +nightly fuzz run edit fuzz/corpus/edit fixtures/rewrite`.
#![no_main]

#[path = "../../tests/it/support/edit_anything.rs"]
mod edit_anything;

libfuzzer_sys::fuzz_target!(
    init: {
        // The second YAML parser panics on some texts. That is caught, and no finding.
        let abort = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|place| place.file().contains("/libyaml-safer-")) {
                abort(info);
            }
        }));
    },
    |bytes: &[u8]| {
        edit_anything::edit_anything(bytes);
    }
);
