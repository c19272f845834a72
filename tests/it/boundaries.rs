//! Checks the sources: which ring may import which, and which file may use which crate.
//!
//! It fails on an import against the rings, and on a crate, a part of the standard library or a print outside its files. It reads
//! text, so that one broken file cannot hide another. The samples below show what it can read.

mod text;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use text::{Named, paths};

/// The rings, from the inside out. Each may import itself and those before it.
const RINGS: [&str; 4] = ["engine", "io", "app", "cli"];

/// Crates that only some places may use. Their paths below `src` start with one of these.
const CRATES: [(&str, &[&str]); 33] = [
    ("granit_parser", &["engine/yaml"]),
    (
        "regex",
        &[
            "engine/helm/schema.rs",
            "engine/import/keel.rs",
            "engine/kustomize",
            "engine/version",
        ],
    ),
    ("libyaml_safer", &["engine/splice/proof/libyaml.rs"]),
    ("serde_saphyr", &["cli/config"]),
    ("annotate_snippets", &["cli/render/problem.rs"]),
    ("signal_hook", &["io/interrupt.rs"]),
    ("similar", &["engine/diff.rs"]),
    (
        "strsim",
        &["cli/config", "engine/marks.rs", "engine/version", "io/scan"],
    ),
    ("git2", &["io/git"]),
    ("fastrand", &["io/forge", "io/registry"]),
    ("ipnet", &["io/no_proxy.rs", "io/registry"]),
    ("percent_encoding", &["io/"]),
    ("rustls_pki_types", &["io/cluster"]),
    ("reqwest", &["io/forge", "io/registry"]),
    ("rustls", &["io/forge/app.rs", "io/registry", "main.rs"]),
    (
        "tokio",
        &[
            "io/",
            "app/ahead.rs",
            "app/resolve.rs",
            "app/threads.rs",
            "app/cluster",
            "cli/runtime.rs",
        ],
    ),
    ("rayon", &["app/threads.rs", "io/scan.rs"]),
    ("tempfile", &["io/"]),
    ("ignore", &["io/scan"]),
    ("icu_normalizer", &["io/git"]),
    ("walkdir", &["io/scan"]),
    ("clap", &["cli/"]),
    ("futures_util", &["app/", "io/"]),
    ("jiff", &["cli/", "engine/version/newest", "io/cluster"]),
    ("clap_complete", &["cli/"]),
    ("clap_mangen", &["cli/"]),
    ("kube", &["io/cluster"]),
    ("k8s_openapi", &["io/cluster"]),
    ("http", &["io/cluster"]),
    ("http_body_util", &["io/cluster"]),
    ("indicatif", &["cli/printer.rs"]),
    ("anstream", &["cli/printer.rs"]),
    ("anyhow", &["app/", "cli/", "main.rs"]),
];

/// The only place that starts programs. It gives every child its environment and its limits.
const CHILDREN: &str = "io/child.rs";

/// The types that start a program.
const STARTERS: [&[&str]; 2] = [&["std", "process", "Command"], &["tokio", "process"]];

/// Only the edge asks for the current folder; everything else gets it as an argument.
const CURRENT_FOLDER: [&str; 2] = ["env", "current_dir"];
/// Leaks memory. Only the edge may do so, because it ends with the process.
const LEAK: [&str; 2] = ["mem", "forget"];

/// Starts a runtime. Callers of `app` bring their own.
const RUNTIMES: [&[&str]; 2] = [
    &["tokio", "runtime", "Builder"],
    &["tokio", "runtime", "Runtime"],
];
const RUNTIME: &str = "cli/runtime.rs";

/// What the pure ring may not use.
const IMPURE: [&[&str]; 12] = [
    &["std", "env"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "os"],
    &["std", "process"],
    &["std", "thread"],
    &["std", "io", "stdin"],
    &["std", "io", "stdout"],
    &["std", "io", "stderr"],
    &["std", "time", "Instant"],
    &["std", "time", "SystemTime"],
    &["std", "path", "absolute"],
];

/// IP addresses are plain values. Parsing one reaches nothing.
const PURE: [&[&str]; 3] = [
    &["std", "net", "IpAddr"],
    &["std", "net", "Ipv4Addr"],
    &["std", "net", "Ipv6Addr"],
];

const PRINTS: [&str; 5] = ["print!", "println!", "eprint!", "eprintln!", "dbg!"];
const PRINTER: &str = "cli/printer.rs";

/// Every rule that a file breaks, one line each. `file` is its path below `src`, with `/`.
fn faults(file: &str, text: &str) -> Vec<String> {
    let module: Vec<&str> = file
        .trim_end_matches(".rs")
        .split('/')
        .filter(|part| !matches!(*part, "mod" | "lib" | "main"))
        .collect();
    let test_file = module.contains(&"tests");
    paths(text, &module)
        .into_iter()
        .filter_map(|named| {
            let fault = against_the_rings(&module, &named).or_else(|| {
                let tests = named.in_tests || test_file;
                (!tests)
                    .then(|| out_of_place(file, &module, &named))
                    .flatten()
            })?;
            Some(format!(
                "src/{file}:{}: `{}`: {fault}",
                named.line,
                named.path.join("::")
            ))
        })
        .collect()
}

fn against_the_rings(module: &[&str], named: &Named) -> Option<String> {
    let ring = |name: &str| RINGS.iter().position(|ring| *ring == name);
    let target = match named.path.first().map(String::as_str) {
        Some("crate" | "imago") => named.path.get(1)?,
        _ => return None,
    };
    let here = module.first().copied()?;
    match (ring(here), ring(target)) {
        (Some(from), Some(to)) if to > from => Some(format!("`{here}` may not know `{target}`")),
        (Some(_), None) if target != here => {
            Some("rings name rings, never the crate's root".to_owned())
        }
        _ => None,
    }
}

fn out_of_place(file: &str, module: &[&str], named: &Named) -> Option<String> {
    let first = named.path.first()?;
    if named
        .path
        .last()
        .is_some_and(|last| PRINTS.contains(&last.as_str()))
        && file != PRINTER
    {
        return Some(format!("only src/{PRINTER} prints"));
    }
    if let Some((_, places)) = CRATES.iter().find(|(name, _)| name == first)
        && !places.iter().any(|place| file.starts_with(place))
    {
        return Some(format!(
            "this crate belongs to src/{}",
            places.join(" and src/")
        ));
    }
    let is_in = |list: &[&[&str]]| {
        list.iter().any(|rule| {
            named.path.len() >= rule.len() && named.path.iter().zip(*rule).all(|(a, b)| a == b)
        })
    };
    if is_in(&STARTERS) && file != CHILDREN {
        return Some(format!("only src/{CHILDREN} starts a program"));
    }
    let ends_in = |names: [&str; 2]| named.path.ends_with(&names.map(str::to_owned));
    if module.first() != Some(&"cli") && (ends_in(CURRENT_FOLDER) || ends_in(LEAK)) {
        return Some("only `cli` ends with the process, and knows where it stands".to_owned());
    }
    if is_in(&RUNTIMES) && file != RUNTIME {
        return Some(format!("only src/{RUNTIME} starts a runtime"));
    }
    if module.first() == Some(&"engine") && is_in(&IMPURE) && !is_in(&PURE) {
        return Some("`engine` is pure".to_owned());
    }
    None
}

fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    found
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

#[test]
fn the_sources_keep_to_the_rings_and_each_crate_to_its_file() {
    let sources = sources();
    assert!(
        sources.contains_key("engine/image.rs") && sources.contains_key("cli/mod.rs"),
        "the sources were not found"
    );
    let faults: Vec<String> = sources
        .iter()
        .flat_map(|(file, text)| faults(file, text))
        .collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_map_of_the_crate_names_files_that_there_are() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let named: Vec<&str> = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.contains('/') && !name.contains(' '))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        let is_there = ["src", ""]
            .iter()
            .any(|at| root.join(at).join(name).exists());
        // Nothing opens a request yet.
        assert!(is_there || name == "io/forge/", "{name}");
    }
}

/// The file that a path refers to. An import between a file and a file below it does not count.
fn imported<'s>(
    from: &str,
    named: &Named,
    sources: &'s BTreeMap<String, String>,
) -> Option<&'s str> {
    let within = named.path.strip_prefix(&["crate".to_owned()])?;
    let (to, _) = (1..=within.len()).rev().find_map(|length| {
        let path = within[..length].join("/");
        let file = sources.get_key_value(&format!("{path}.rs"));
        file.or_else(|| sources.get_key_value(&format!("{path}/mod.rs")))
    })?;
    let folder = |file: &str| {
        let file = file.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        format!("{file}/")
    };
    let kin = folder(from).starts_with(&folder(to)) || folder(to).starts_with(&folder(from));
    (!kin).then_some(to.as_str())
}

/// The files that reach themselves through imports.
fn in_circles(sources: &BTreeMap<String, String>) -> Vec<&str> {
    let imports: BTreeMap<&str, Vec<&str>> = sources
        .iter()
        .map(|(file, text)| {
            let module: Vec<&str> = file
                .trim_end_matches(".rs")
                .split('/')
                .filter(|part| *part != "mod")
                .collect();
            let named = paths(text, &module);
            let named = named.iter().filter(|named| !named.in_tests);
            let imported = named.filter_map(|named| imported(file, named, sources));
            (file.as_str(), imported.collect())
        })
        .collect();
    let comes_back = |start: &&str| {
        let (mut met, mut waiting) = (std::collections::BTreeSet::new(), vec![*start]);
        while let Some(file) = waiting.pop() {
            for next in &imports[file] {
                if next == start {
                    return true;
                }
                if met.insert(*next) {
                    waiting.push(next);
                }
            }
        }
        false
    };
    imports.keys().copied().filter(comes_back).collect()
}

#[test]
fn no_files_import_each_other_in_circles() {
    assert_eq!(in_circles(&sources()), [""; 0]);
}

#[test]
fn a_circle_of_imports_is_seen() {
    let tree = |texts: &[(&str, &str)]| {
        let named = |(file, text): &(&str, &str)| ((*file).to_owned(), (*text).to_owned());
        texts.iter().map(named).collect::<BTreeMap<_, _>>()
    };
    let circle = tree(&[
        ("app/a.rs", "use super::b::B;"),
        ("app/b.rs", "use crate::app::c::{C, D};"),
        ("app/c/mod.rs", "fn f() { super::a::g() }"),
        ("app/d.rs", "use super::a::A;"),
    ]);
    assert_eq!(
        in_circles(&circle),
        ["app/a.rs", "app/b.rs", "app/c/mod.rs"]
    );
    let none = tree(&[
        (
            "app/a.rs",
            "mod inner; use self::inner::I; use super::b::B;",
        ),
        ("app/a/inner.rs", "use super::A;"),
        (
            "app/b.rs",
            "#[cfg(test)]\nmod tests { use super::super::a::A; }",
        ),
    ]);
    assert_eq!(in_circles(&none), [""; 0]);
}

#[test]
fn every_crate_with_a_place_is_a_dependency() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let dependencies: Vec<String> = manifest["dependencies"]
        .as_table()
        .unwrap()
        .keys()
        .map(|name| name.replace('-', "_"))
        .collect();
    for (name, _) in CRATES {
        // A place that is kept for a crate which `ignore` brings in, and which may become a dependency of its own.
        assert!(
            name == "walkdir" || dependencies.iter().any(|dependency| dependency == name),
            "{name} is no dependency: drop its rule"
        );
    }
}

#[test]
fn an_import_against_the_rings_is_seen_however_it_is_written() {
    for (file, text) in [
        ("engine/plan.rs", "use crate::io::scan::walk;"),
        (
            "engine/plan.rs",
            "use crate::{engine::image::ImageRef, app::report::{self as data}};",
        ),
        (
            "engine/plan.rs",
            "fn f() { let report = crate::app::report::Report::new(); }",
        ),
        ("engine/plan.rs", "use super::super::io::scan;"),
        (
            "engine/plan.rs",
            "use super::{image::ImageRef, super::cli};",
        ),
        ("engine/yaml/nodes.rs", "use super::super::super::app;"),
        (
            "engine/plan.rs",
            "mod inner { use super::super::super::io; }",
        ),
        (
            "engine/plan.rs",
            "#[cfg(test)]\nmod tests { use crate::cli::args; }",
        ),
        ("engine/mod.rs", "use super::cli;"),
        ("engine/plan.rs", "use crate::Report;"),
        ("engine/plan.rs", "pub use crate::io as outside;"),
        ("engine/plan.rs", "type A<'a> = Vec<&'a crate::cli::Args>;"),
        (
            "engine/plan.rs",
            "const QUOTE: char = '\"'; use crate::io; const OTHER: char = '\"';",
        ),
        ("io/lock.rs", "use crate::\n    app::\n    resolve;"),
        ("io/lock.rs", "impl From<crate::cli::Args> for Lock {}"),
        ("app/files.rs", "use imago::cli;"),
        ("app/files.rs", "use crate::{self as package, cli::{self}};"),
    ] {
        assert_eq!(
            faults(file, text).len(),
            1,
            "{file}: {text}: {:?}",
            paths(text, &["engine", "plan"])
        );
    }
}

#[test]
fn an_import_along_the_rings_is_no_fault() {
    for (file, text) in [
        (
            "engine/plan.rs",
            "use super::image::{Digest, ImageRef};\nuse crate::engine::{path::Path, workload};",
        ),
        (
            "io/lock.rs",
            "use crate::engine::image::Lookup;\nuse super::resolver::Resolver;",
        ),
        (
            "app/files.rs",
            "use crate::{engine::plan, io::scan};\nuse crate::app::report::Report;",
        ),
        (
            "cli/mod.rs",
            "use crate::{app, engine, io};\nuse self::printer::Printer;",
        ),
        ("main.rs", "fn main() -> ExitCode { imago::cli::run() }"),
        ("lib.rs", "pub mod app;\npub mod cli;"),
        (
            "engine/plan.rs",
            "//! See [`crate::app::report`].\n/// use crate::io;\n/* use crate::cli; /* nested */ */ fn f() {}",
        ),
        (
            "engine/plan.rs",
            "const TEXT: &str = \"use crate::cli; \\\" crate::io::x\"; const RAW: &str = r#\"crate::io::\"x\"#;",
        ),
        (
            "engine/plan.rs",
            "#[cfg(test)]\nmod tests { use super::*; use super::super::image::ImageRef; }",
        ),
        (
            "engine/yaml/mod.rs",
            "mod nodes { fn f() { super::g(super::super::image::x()) } }",
        ),
    ] {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_crate_outside_its_file_is_seen() {
    for (file, text) in [
        ("engine/workload.rs", "use granit_parser::Event;"),
        (
            "engine/yaml.rs",
            "let parser: libyaml_safer::Parser<&[u8]> = todo();",
        ),
        ("engine/plan.rs", "use {similar::TextDiff};"),
        ("io/credentials.rs", "use reqwest::Client;"),
        ("app/files.rs", "#[derive(clap::ValueEnum)] enum A {}"),
        ("app/files.rs", "use tokio;"),
        ("app/files.rs", "fn f() { ::tokio::spawn(x) }"),
        ("cli/mod.rs", "use tempfile::NamedTempFile as Temporary;"),
        ("cli/render/text.rs", "anstream::println!(\"x\");"),
        ("io/files.rs", "use ignore::gitignore::Gitignore;"),
        (
            "io/credentials/helper.rs",
            "use std::process::{Command, Stdio};",
        ),
        (
            "io/cluster/plugin.rs",
            "let mut command = tokio::process::Command::new(path);",
        ),
        (
            "app/commit.rs",
            "let output = std::process::Command::new(\"git\").output();",
        ),
        (
            "engine/plan.rs",
            "extern crate similar as other; use similar::TextDiff;",
        ),
    ] {
        assert!(!faults(file, text).is_empty(), "{file}: {text}");
    }
}

#[test]
fn the_current_folder_and_runtimes_are_brought_by_the_command_line() {
    for (file, text) in [
        ("app/files.rs", "let current = std::env::current_dir();"),
        (
            "io/scan/plan.rs",
            "use std::env; fn f() { env::current_dir() }",
        ),
        ("app/files.rs", "std::mem::forget(pass);"),
        ("app/threads.rs", "use tokio::runtime::Builder;"),
        (
            "app/resolve.rs",
            "let runtime = tokio::runtime::Runtime::new();",
        ),
    ] {
        assert_eq!(faults(file, text).len(), 1, "{file}: {text}");
    }
    for (file, text) in [
        ("cli/mod.rs", "let current = std::env::current_dir();"),
        ("app/ahead.rs", "use tokio::runtime::Handle;"),
        ("cli/runtime.rs", "use tokio::runtime::{Builder, Runtime};"),
    ] {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}

#[test]
fn a_crate_in_its_file_or_in_tests_is_no_fault() {
    for (file, text) in [
        ("engine/yaml.rs", "use granit_parser::{Event, Parser};"),
        ("engine/yaml/events.rs", "use granit_parser::Event;"),
        (
            "engine/splice/proof/libyaml.rs",
            "use libyaml_safer::Parser;",
        ),
        ("io/registry/transport.rs", "use reqwest::Client;"),
        ("app/resolve.rs", "use tokio::task::JoinSet;"),
        (
            "io/child.rs",
            "use std::process::{Child as Process, Command, ExitStatus, Stdio};",
        ),
        ("main.rs", "use std::process::ExitCode;"),
        ("cli/args.rs", "use clap::Parser;"),
        (
            "app/files.rs",
            "#[cfg(test)] mod tests { use tempfile::TempDir; }",
        ),
        ("app/files/tests.rs", "use tempfile::TempDir;"),
        (
            "engine/policy.rs",
            "let ignore = 1; let similar = a - ignore; if ignore != 2 {}",
        ),
    ] {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{text}");
    }
    let after_tests = "#[cfg(test)]\nmod tests { fn f() {} }\nuse tempfile::TempDir;";
    assert_eq!(
        faults("app/files.rs", after_tests),
        ["src/app/files.rs:3: `tempfile::TempDir`: this crate belongs to src/io/"]
    );
}

#[test]
fn the_pure_ring_touches_nothing_and_only_the_printer_prints() {
    for (file, text) in [
        ("engine/plan.rs", "use std::fs;"),
        ("engine/plan.rs", "use std::{collections::BTreeMap, env};"),
        ("engine/plan.rs", "let now = std::time::SystemTime::now();"),
        ("engine/plan.rs", "use std::net::TcpStream;"),
        ("engine/plan.rs", "println!(\"x\");"),
        ("io/scan.rs", "eprintln!(\"x\");"),
        ("cli/mod.rs", "std::println!(\"x\");"),
        ("cli/render/text.rs", "dbg!(x);"),
    ] {
        assert_eq!(faults(file, text).len(), 1, "{file}: {text}");
    }
    for (file, text) in [
        (
            "engine/image.rs",
            "address.parse::<std::net::Ipv6Addr>().is_ok()",
        ),
        ("io/scan.rs", "use std::fs;"),
        (
            "cli/printer.rs",
            "println!(\"x\"); anstream::eprintln!(\"x\");",
        ),
        (
            "engine/plan.rs",
            "write!(formatter, \"println!\"); if print != eprint {}",
        ),
    ] {
        assert_eq!(faults(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}
