//! Runs the binary on every case of `fixtures/rewrite`: bytes, codes, and the laws that users rely on.

mod variants;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::thread;

use serde::Deserialize as _;
use serde_json::Value;

use crate::support::binary::{Finished, Run, Workplace};
use crate::support::cases::{Action, Case, Mark, Restore};
use crate::support::programs;

#[test]
fn every_case_gives_its_files_and_its_codes() {
    for_each_case(|case| {
        let place = place(case);
        let finished = carry_out(case, &place);
        same_files(&place.files(), &case.after())?;
        codes(&finished, "problems", &case.terms.problems)?;
        codes(&finished, "skipped", &case.terms.skipped)?;
        ends_as_its_problems_say(case, &finished)
    });
}

#[test]
fn a_second_run_changes_nothing() {
    for_each_case(|case| {
        let place = place(case);
        carry_out(case, &place);
        let first = place.files();
        let again = carry_out(case, &place);
        same_files(&place.files(), &first)?;
        let changed = &again.json()["files_changed"];
        if changed.as_array().is_none_or(|files| !files.is_empty()) {
            return Err(format!("files_changed is {changed}"));
        }
        Ok(())
    });
}

#[test]
fn without_an_action_nothing_is_written() {
    for_each_case(|case| {
        let place = place(case);
        let before = place.files();
        let arguments = ["files", "--offline", "--output", "json"];
        run(case, &place, arguments.into_iter().chain(flags(case))).finish();
        same_files(&place.files(), &before)?;
        let dry = [
            "files",
            "--offline",
            "--output",
            "json",
            "--dry-run",
            action(case),
        ];
        let finished = run(case, &place, dry.into_iter().chain(flags(case))).finish();
        same_files(&place.files(), &before)?;
        codes(&finished, "problems", &case.terms.problems)
    });
}

#[test]
fn a_restore_gives_the_first_state_back() {
    for_each_case(|case| {
        if case.terms.action == Action::Restore || case.terms.restore == Restore::Off {
            return Ok(());
        }
        let place = place(case);
        let before = place.files();
        carry_out(case, &place);
        // `--drop-tag` means nothing to a restore.
        let flags = flags(case).into_iter().filter(|flag| *flag != "--drop-tag");
        run(
            case,
            &place,
            ["files", "--restore", "--offline", "--output", "json"]
                .into_iter()
                .chain(flags),
        )
        .finish();
        match case.terms.restore {
            Restore::Bytes => same_files(&place.files(), &before),
            Restore::Object | Restore::Off => same_objects(&place.files(), &before),
        }
    });
}

#[test]
fn git_apply_takes_the_diff() {
    let Some(git) = programs::find("git") else {
        return;
    };
    for_each_case(|case| {
        let place = place(case);
        let before = place.files();
        let arguments = match case.terms.action {
            Action::Update => vec!["files", "--diff", "--offline"],
            Action::Restore => vec!["files", "--diff", "--offline", "--restore", "--dry-run"],
        };
        let finished = run(case, &place, arguments.into_iter().chain(flags(case))).finish();
        same_files(&place.files(), &before)?;
        let changes = case.after() != before;
        if finished.stdout.is_empty() == changes {
            return Err(format!(
                "the diff is {:?}\n{}",
                finished.stdout, finished.stderr
            ));
        }
        if changes {
            fs::write(place.beside("diff"), &finished.stdout).unwrap();
            let arguments = [
                "apply".as_ref(),
                "--whitespace=nowarn".as_ref(),
                place.beside("diff").into_os_string().as_os_str(),
            ]
            .map(std::ffi::OsStr::to_owned);
            let applied = place.program(&git, arguments).finish();
            if applied.code != 0 {
                return Err(format!(
                    "git apply: {}\n{}",
                    applied.stderr, finished.stdout
                ));
            }
        }
        same_files(&place.files(), &case.after())
    });
}

/// Runs a check on all cases, on two threads, and panics with all failures.
fn for_each_case(check: impl Fn(&Case) -> Result<(), String> + Sync) {
    let cases = Case::all();
    let only = std::env::var("IMAGO_CASE").ok();
    let queue = Mutex::new(
        cases
            .iter()
            .filter(|case| only.as_ref().is_none_or(|only| *only == case.name)),
    );
    let faults = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().unwrap().next() else {
                        return;
                    };
                    if let Err(fault) = check(case) {
                        faults.lock().unwrap().insert(
                            &case.name,
                            format!("{}\n    why: {}\n{fault}", case.name, case.terms.why),
                        );
                    }
                }
            });
        }
    });
    let faults: Vec<String> = faults.into_inner().unwrap().into_values().collect();
    assert!(
        faults.is_empty(),
        "{} cases do not hold:\n\n{}\n",
        faults.len(),
        faults.join("\n\n")
    );
}

fn place(case: &Case) -> Workplace {
    let place = Workplace::with_files_of(&case.before());
    fs::write(place.beside("imago.lock"), case.lock()).unwrap();
    place
}

fn action(case: &Case) -> &'static str {
    match case.terms.action {
        Action::Update => "--update",
        Action::Restore => "--restore",
    }
}

fn flags(case: &Case) -> Vec<&str> {
    case.terms.flags.iter().map(String::as_str).collect()
}

fn carry_out(case: &Case, place: &Workplace) -> Finished {
    let arguments = ["files", action(case), "--offline", "--output", "json"];
    run(case, place, arguments.into_iter().chain(flags(case))).finish()
}

fn run<'a>(_: &Case, place: &Workplace, arguments: impl IntoIterator<Item = &'a str>) -> Run {
    let lock = place.beside("imago.lock");
    let arguments = arguments.into_iter().map(str::to_owned).chain([
        "--lock".to_owned(),
        lock.to_str().unwrap().to_owned(),
        ".".to_owned(),
    ]);
    place.imago(arguments)
}

fn same_files(
    found: &BTreeMap<String, Vec<u8>>,
    expected: &BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    if !found.keys().eq(expected.keys()) {
        return Err(format!(
            "other files: {:?}, expected {:?}",
            found.keys(),
            expected.keys()
        ));
    }
    match found
        .iter()
        .zip(expected.values())
        .find(|((_, found), expected)| found != expected)
    {
        None => Ok(()),
        Some(((name, found), expected)) => {
            Err(format!("{name}: {}", first_difference(found, expected)))
        }
    }
}

fn first_difference(found: &[u8], expected: &[u8]) -> String {
    let lines = |bytes: &[u8]| {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(|line| line.escape_ascii().to_string())
            .collect::<Vec<_>>()
    };
    let (found, expected) = (lines(found), lines(expected));
    let at = found
        .iter()
        .zip(&expected)
        .position(|(a, b)| a != b)
        .unwrap_or(found.len().min(expected.len()));
    let line = |lines: &[String]| {
        lines
            .get(at)
            .cloned()
            .unwrap_or_else(|| "(the end)".to_owned())
    };
    format!(
        "line {}\n    found    {}\n    expected {}",
        at + 1,
        line(&found),
        line(&expected)
    )
}

/// Whether the objects are the same, if empty annotations and metadata count as absent.
fn same_objects(
    found: &BTreeMap<String, Vec<u8>>,
    expected: &BTreeMap<String, Vec<u8>>,
) -> Result<(), String> {
    for (name, bytes) in expected {
        let (now, then) = (objects(&found[name]), objects(bytes));
        if now != then {
            return Err(format!(
                "{name}: other objects than before\n    found    {now:?}\n    expected {then:?}"
            ));
        }
    }
    Ok(())
}

fn objects(bytes: &[u8]) -> Vec<serde_yaml::Value> {
    let text = std::str::from_utf8(bytes).unwrap();
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            let mut value = serde_yaml::Value::deserialize(document).unwrap();
            value.apply_merge().unwrap();
            without_what_is_empty(&mut value);
            value
        })
        .collect()
}

fn without_what_is_empty(value: &mut serde_yaml::Value) {
    match value {
        serde_yaml::Value::Mapping(mapping) => {
            mapping
                .iter_mut()
                .for_each(|(_, value)| without_what_is_empty(value));
            for key in ["annotations", "metadata"] {
                if mapping.get(key).is_some_and(|value| {
                    value.is_null() || value.as_mapping().is_some_and(|inner| inner.is_empty())
                }) {
                    mapping.remove(key);
                }
            }
        }
        serde_yaml::Value::Sequence(items) => items.iter_mut().for_each(without_what_is_empty),
        _ => {}
    }
}

fn codes(finished: &Finished, list: &str, expected: &[Mark]) -> Result<(), String> {
    let report = finished.json();
    let found: Vec<&Value> = report[list]
        .as_array()
        .map(|found| found.iter().collect())
        .unwrap_or_default();
    let mut found_codes: Vec<&str> = found
        .iter()
        .map(|mark| mark["code"].as_str().unwrap_or("(no code)"))
        .collect();
    let mut expected_codes: Vec<&str> = expected.iter().map(|mark| mark.code.as_str()).collect();
    found_codes.sort_unstable();
    expected_codes.sort_unstable();
    if found_codes != expected_codes {
        return Err(format!(
            "{list}: {found_codes:?}, expected {expected_codes:?}\n    {}",
            report[list]
        ));
    }
    for mark in expected {
        if let Some(line) = mark.line
            && !found
                .iter()
                .any(|found| found["code"] == mark.code.as_str() && found["line"] == line)
        {
            return Err(format!(
                "{list}: no `{}` at line {line}: {}",
                mark.code, report[list]
            ));
        }
    }
    match found
        .iter()
        .find(|mark| !mark["message"].is_string() || !mark["file"].is_string())
    {
        None => Ok(()),
        Some(mark) => Err(format!("{list}: without a file or a message: {mark}")),
    }
}

fn ends_as_its_problems_say(case: &Case, finished: &Finished) -> Result<(), String> {
    let expected = if case.terms.problems.is_empty() { 0 } else { 3 };
    if finished.code == expected {
        Ok(())
    } else {
        Err(format!(
            "exit code {}, expected {expected}\n{}",
            finished.code, finished.stderr
        ))
    }
}
