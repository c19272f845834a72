//! A report as GitHub's workflow commands, which the runner turns into annotations beside the lines of a pull request.
//!
//! The runner takes ten of each kind from a step and drops the rest without a word: where there are more, the tenth says how many.
//! It cuts long messages off, too. Who answered by the repository's choice is told in as few annotations as hold it, before all others.

use std::fmt::Write;

use super::basis::Basis;
use super::finding::{Finding, Level, findings_by_cause};
use super::{counted, escape, steers};
use crate::app::report::Report;

/// How many annotations of each kind the runner takes from a step.
const MOST: usize = 10;

/// How much of a message the runner shows, in bytes, with some room.
const LONGEST: usize = 4_000;

/// The annotations: errors, warnings, notices.
pub fn report(report: &Report, basis: &Basis) -> String {
    let findings = findings_by_cause(report);
    let of = |levels: &[Level]| {
        findings
            .iter()
            .filter(|finding| levels.contains(&finding.level))
            .map(|finding| annotation(finding, basis))
            .collect()
    };
    let warnings = gathered(&report.detours)
        .into_iter()
        .chain(report.warnings.iter().cloned())
        .map(|message| Annotation {
            title: "imago".to_owned(),
            message,
            place: None,
        });
    let mut text = String::new();
    write_some(&mut text, "error", of(&[Level::Error]));
    write_some(
        &mut text,
        "warning",
        warnings.chain(of(&[Level::Warning])).collect(),
    );
    let notes = report.notes.iter().map(|note| Annotation {
        title: "imago".to_owned(),
        message: note.clone(),
        place: None,
    });
    write_some(
        &mut text,
        "notice",
        notes.chain(of(&[Level::Note, Level::Done])).collect(),
    );
    text
}

/// Sentences as few messages, one a line.
fn gathered(sentences: &[String]) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for sentence in sentences {
        match messages.last_mut() {
            Some(last) if last.len() + sentence.len() < LONGEST => {
                last.push('\n');
                last.push_str(sentence);
            }
            _ => messages.push(sentence.clone()),
        }
    }
    messages
}

struct Annotation {
    title: String,
    message: String,
    place: Option<(String, Option<u32>)>,
}

fn annotation(finding: &Finding, basis: &Basis) -> Annotation {
    let place = finding.place.file.as_ref().map(|file| {
        let path = basis.path_of(file).unwrap_or_else(|| file.clone());
        (path, finding.place.line)
    });
    Annotation {
        title: finding.title.clone(),
        message: finding.message.clone(),
        place,
    }
}

fn write_some(text: &mut String, command: &str, annotations: Vec<Annotation>) {
    let shown = if annotations.len() > MOST {
        MOST - 1
    } else {
        annotations.len()
    };
    for Annotation {
        title,
        message,
        place,
    } in &annotations[..shown]
    {
        let mut properties = Vec::new();
        if let Some((file, line)) = place {
            properties.push(format!("file={}", property(file)));
            properties.extend(line.map(|line| format!("line={line}")));
        }
        properties.push(format!("title={}", property(title)));
        writeln!(
            text,
            "::{command} {}::{}",
            properties.join(","),
            data(message)
        )
        .expect("a string takes all");
    }
    if shown < annotations.len() {
        let more = counted(annotations.len() - shown, &format!("more {command}"));
        writeln!(
            text,
            "::{command} title=imago::{more}: the step's log and `--report` have them all"
        )
        .expect("a string takes all");
    }
}

/// A message, in which line ends and the sign of escapes are escaped, and what steers a terminal: a runner shows it in the step's log.
fn data(text: &str) -> String {
    let escaped = |character| match character {
        '%' => "%25".to_owned(),
        '\r' => "%0D".to_owned(),
        '\n' => "%0A".to_owned(),
        other if steers(other) => escape(other),
        other => other.to_string(),
    };
    text.chars().map(escaped).collect()
}

/// A property, which colons and commas end.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::Action;
    use crate::cli::render::samples;
    use crate::engine::code::Code;

    #[test]
    fn every_finding_stands_on_its_line_and_cannot_begin_another() {
        let basis = Basis {
            current: "/shop/apps".into(),
            root: "/shop".into(),
        };
        let check = Report {
            action: Action::Check,
            ..samples::with_problems()
        };
        assert_eq!(
            report(&check, &basis),
            "\
::error title=cannot read the lock::it is empty
::error file=apps/a%2Cb%3A100%25.yaml,line=3,title=cannot read `a%2Cb%3A100%25.yaml`::a tab%0A::error::forged%0Ahint: correct it
::error file=apps/deploy/web.yaml,line=21,title=Outdated image::Deployment/web, container `app`: `registry.example.test/web:1.4` has to be updated to `sha256:666666666666`
::error file=apps/deploy/web.yaml,line=24,title=cannot resolve `registry.example.test/side%3A1`::Deployment/web, container `side`: the registry answered 401 Unauthorized%0Ahint: run `docker login registry.example.test`
::warning title=imago::the lock is not pruned
"
        );
        let looked = Report {
            action: Action::Report,
            ..samples::updated()
        };
        assert!(
            report(&looked, &basis)
                .starts_with("::warning file=apps/deploy/web.yaml,line=21,title=Outdated image::")
        );
        assert!(
            report(&samples::updated(), &basis)
                .starts_with("::notice file=apps/deploy/web.yaml,line=21,title=Updated image::")
        );
    }

    #[test]
    fn more_than_the_runner_takes_are_counted() {
        let with = |count: usize| {
            let mut problem = samples::with_problems().problems.remove(0);
            problem.code = Code::Io;
            let problems = vec![problem; count];
            report(
                &Report {
                    problems,
                    objects: Vec::new(),
                    ..samples::updated()
                },
                &Basis::default(),
            )
        };
        assert_eq!(with(10).lines().count(), 10);
        assert!(!with(10).contains("more error"));
        assert_eq!(with(12).lines().count(), 10);
        assert_eq!(
            with(12).lines().last(),
            Some("::error title=imago::3 more errors: the step's log and `--report` have them all")
        );
    }
}
