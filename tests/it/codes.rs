//! Compares the codes with the page that documents them and with the sources that use them.

use std::fs;
use std::path::Path;

use imago::cli::render::docs;
use imago::engine::code::Code;

use crate::support::binary::Workplace;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md")).unwrap()
}

/// With `IMAGO_WRITE_PAGES=1` the page is written instead.
#[test]
fn the_page_of_codes_has_a_row_for_each_code_and_no_other() {
    let page = page();
    let head = "| what frees it |\n|---|---|---|---|---|\n";
    let (before, table) = page.split_once(head).unwrap();
    let rows: String = Code::ALL
        .iter()
        .map(|code| {
            format!(
                "| <a id=\"{code}\"></a>`{code}` | {} | {} | {} | {} |\n",
                code.kind().as_str(),
                code.kind().exit_code(),
                code.meaning(),
                code.remedy(),
            )
        })
        .collect();
    if std::env::var_os("IMAGO_WRITE_PAGES").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md");
        fs::write(path, [before, head, &rows].concat()).unwrap();
        return;
    }
    let hint = "IMAGO_WRITE_PAGES=1 cargo test --test it the_page_of_codes";
    assert!(table == rows, "write it with: {hint}");
}

/// The page that a link of a run leads to, and its anchor. The address is that of Cargo.toml, at the tag of its version.
fn assert_leads_to_a_row(link: &str, code: &str) {
    let address = concat!(
        env!("CARGO_PKG_REPOSITORY"),
        "/blob/v",
        env!("CARGO_PKG_VERSION"),
        "/"
    );
    let (path, anchor) = link
        .strip_prefix(address)
        .unwrap_or_else(|| panic!("{link}"))
        .split_once('#')
        .unwrap();
    assert_eq!(anchor, code);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches(&format!("<a id=\"{anchor}\"></a>")).count(), 1);
}

#[test]
fn every_error_leads_to_the_page_that_explains_it() {
    let place = Workplace::new();
    place.write("web.yaml", "apiVersion: apps/v1\nkind: Deployment\n\tx\n");
    let text = place.imago(["files"]).finish_with(3).stderr;
    let links: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("docs: "))
        .collect();
    let [link] = links[..] else { panic!("{text}") };
    // The line of a place is said once.
    assert!(
        text.contains("web.yaml:2\n") && !text.contains("line 2"),
        "{text}"
    );
    assert_leads_to_a_row(link, "yaml-syntax");
    assert!(
        !place
            .imago(["files", "-q"])
            .finish_with(3)
            .stderr
            .contains("docs: ")
    );
    let report = place.imago(["files", "-o", "json"]).finish_with(3).json();
    assert_leads_to_a_row(
        report["problems"][0]["docs"].as_str().unwrap(),
        "yaml-syntax",
    );
    let sarif = place.imago(["files", "-o", "sarif"]).finish_with(3).stdout;
    let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    let rule = &sarif["runs"][0]["tool"]["driver"]["rules"][0];
    assert_leads_to_a_row(rule["helpUri"].as_str().unwrap(), "yaml-syntax");
    // A run that cannot go on.
    let fatal = place.imago(["files", "--offline"]).finish_with(2).stderr;
    let link = fatal
        .lines()
        .last()
        .unwrap()
        .strip_prefix("docs: ")
        .unwrap();
    assert_leads_to_a_row(link, "no-lock");
    // The hint names the lock that is not there.
    let other = place.imago(["files", "--offline", "--lock", "other.lock"]);
    let other = other.finish_with(2).stderr;
    assert!(other.contains("--update --lock other.lock`"), "{other}");
    let limit = place.imago(["files", "--fail-on-empty"]);
    assert!(
        limit
            .finish_with(2)
            .stderr
            .ends_with(" on yaml-syntax, empty\n")
    );
    place.write(".imago.yaml", "exclued: []\n");
    let setting = place.imago(["files"]).finish_with(2).stderr;
    assert!(setting.ends_with("/docs/settings.md\n"), "{setting}");
    for code in Code::ALL {
        assert_leads_to_a_row(&docs::code(*code), code.as_str());
    }
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
