//! No word of the project is misspelt. `typos.toml` lists what is none.

use std::path::Path;

use crate::support::binary::Workplace;
use crate::support::programs;

#[test]
fn no_word_is_misspelt() {
    let Some(typos) = programs::find("typos") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = Workplace::new();
    let checked = place
        .program(typos, ["--format", "brief"])
        .folder(root)
        .finish();
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
}
