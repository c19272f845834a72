//! Compares the codes with the page that documents them and with the sources that use them.

use std::fs;
use std::path::Path;

use imago::engine::code::Code;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md")).unwrap()
}

#[test]
fn the_page_of_codes_has_a_row_for_each_code_and_no_other() {
    let page = page();
    let (_, table) = page
        .split_once("| what frees it |\n|---|---|---|---|---|\n")
        .unwrap();
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            format!(
                "| `{code}` | {} | {} | {} | {} |\n",
                code.kind().as_str(),
                code.kind().exit_code(),
                code.meaning(),
                code.remedy(),
            )
        })
        .collect();
    assert!(
        table == rows,
        "the table of docs/codes.md has to be:\n{rows}"
    );
}

#[test]
fn each_code_is_given_somewhere() {
    let mut text = String::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut text,
    );
    let idle: Vec<_> = Code::ALL
        .iter()
        .filter(|code| {
            let name = format!("Code::{code:?}");
            !text.match_indices(&name).any(|(at, _)| {
                !text[at + name.len()..].starts_with(|next: char| next.is_alphanumeric())
            })
        })
        .collect();
    assert!(idle.is_empty(), "no source gives {idle:?}");
}

/// The sources, without the table itself and without tests.
fn read(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, text);
        } else if !path.ends_with("engine/code.rs") && !path.ends_with("tests.rs") {
            let source = fs::read_to_string(&path).unwrap();
            text.push_str(source.split("\nmod tests {").next().unwrap());
        }
    }
}
