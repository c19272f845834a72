//! The whole program by its command line: exit codes, and what is printed where nothing runs.

use super::*;
use crate::app::report::Outcome;
use crate::engine::code::{Code, CodeKind};
use printer::kept::Kept;
use render::samples;

fn typed(line: &str) -> (u8, String, String) {
    let (stdout, stderr) = (Kept::default(), Kept::default());
    let mut printer = Printer::to_writers(stdout.clone(), stderr.clone());
    let code = run(
        line.split(' ').map(OsString::from),
        &Outside::default(),
        &mut printer,
    );
    (code, stdout.text(), stderr.text())
}

#[test]
fn without_a_command_and_without_a_cluster_the_hint_names_both_modes() {
    let (code, stdout, stderr) = typed("imago");
    assert_eq!((code, stdout.as_str()), (COULD_NOT_RUN, ""));
    assert!(
        stderr.contains("--kubeconfig FILE") && stderr.contains("imago files"),
        "{stderr}"
    );
}

#[test]
fn help_and_version_are_a_result() {
    let (code, stdout, stderr) = typed("imago --version");
    assert_eq!(
        (code, stdout, stderr),
        (
            DONE,
            format!("imago {}\n", env!("CARGO_PKG_VERSION")),
            String::new()
        )
    );
    let (code, stdout, stderr) = typed("imago files --help");
    assert_eq!((code, stderr.as_str()), (DONE, ""));
    assert!(
        stdout.contains("--lock-prune") && stdout.ends_with('\n'),
        "{stdout}"
    );
}

#[test]
fn a_mistake_is_told_on_stderr_and_nothing_runs() {
    for (line, first) in [
        ("imago deploy/", "error: `deploy/` is not a command\n"),
        (
            "imago files --dry-run",
            "error: `--dry-run` needs an action\n",
        ),
        (
            "imago files --updat",
            "error: `--updat` is not a flag of `imago files`\n  hint: did you mean `--update`? `imago files --help` has",
        ),
        (
            "imago digest",
            "error: `imago digest` needs `<IMAGE>...`\n  hint: `imago digest --help` has",
        ),
        (
            "imago files \u{1b}[2J --x",
            "error: `--x` is not a flag of `imago files`\n  hint: ",
        ),
    ] {
        let (code, stdout, stderr) = typed(line);
        assert_eq!((code, stdout.as_str()), (COULD_NOT_RUN, ""), "{line}");
        assert!(stderr.starts_with(first), "{line}: {stderr}");
    }
    assert!(!typed("imago files --\u{1b}[2J").2.contains('\u{1b}'));
}

#[test]
fn exit_codes_are_2_before_3_before_1() {
    let updated = samples::updated();
    let mut fine = updated.clone();
    fine.objects[0].images[0].outcome = Outcome::Ok;
    let check = |report: &Report| Report {
        action: Action::Check,
        ..report.clone()
    };
    let held = |strict| {
        let mut report = Report {
            strict,
            ..check(&fine)
        };
        report
            .skipped
            .iter_mut()
            .for_each(|skipped| skipped.code = Code::PlatformLost);
        report
    };
    for (report, code) in [
        (updated.clone(), DONE),
        (check(&updated), OUTDATED),
        (check(&fine), DONE),
        (check(&samples::with_a_problem()), PROBLEMS),
        (samples::with_a_problem(), PROBLEMS),
        (
            Report {
                stopped_at: Some(0),
                ..samples::with_a_problem()
            },
            COULD_NOT_RUN,
        ),
        (
            Report {
                failed_empty: true,
                ..samples::with_a_problem()
            },
            COULD_NOT_RUN,
        ),
        (
            Report {
                failed_empty: true,
                ..check(&fine)
            },
            COULD_NOT_RUN,
        ),
        (held(false), DONE),
        (
            Report {
                lock: samples::locked(),
                ..check(&fine)
            },
            OUTDATED,
        ),
        (held(true), OUTDATED),
        (
            Report {
                problems: samples::with_a_problem().problems,
                ..held(true)
            },
            PROBLEMS,
        ),
    ] {
        assert_eq!(exit_code(&report), code, "{report:?}");
    }
}

/// The table of exit codes, code by code: what a run, a check and a strict check end with.
#[test]
fn every_code_ends_a_run_as_its_kind_does() {
    for code in Code::ALL.iter().copied() {
        let is_problem = code.kind() == CodeKind::Problem;
        let outcome = match code {
            Code::Outdated => Outcome::Outdated("web:1".to_owned()),
            Code::Unpinned => Outcome::Unpinned { decided_by: None },
            _ => Outcome::Ok,
        };
        let found = |action, strict| {
            let mut report = samples::updated();
            report.action = action;
            report.strict = strict;
            report.objects[0].images[0].outcome = outcome.clone();
            report.skipped.iter_mut().for_each(|it| it.code = code);
            if is_problem {
                report.problems = samples::with_a_problem().problems;
            }
            if code == Code::LockOutdated && action == Action::Check {
                report.lock = samples::locked();
            }
            exit_code(&report)
        };
        let found = [
            found(Action::Update, false),
            found(Action::Check, false),
            found(Action::Check, true),
        ];
        let expected = match code.kind() {
            CodeKind::Outdated => [DONE, OUTDATED, OUTDATED],
            CodeKind::Held => [DONE, DONE, OUTDATED],
            CodeKind::Skipped => [DONE, DONE, DONE],
            CodeKind::Problem => [PROBLEMS, PROBLEMS, PROBLEMS],
            // No check gives the one, and no report has the other.
            CodeKind::Change | CodeKind::Fatal => continue,
        };
        assert_eq!(found, expected, "{code}");
    }
}

#[test]
fn what_stops_the_run_has_its_causes_and_its_hint() {
    let told = |error: anyhow::Error| {
        let stderr = Kept::default();
        let code = fail(
            &error,
            &mut Printer::to_writers(Kept::default(), stderr.clone()),
        );
        (code, stderr.text())
    };
    let error = anyhow::anyhow!("it is a folder")
        .context("cannot read it")
        .context("cannot use `imago.lock`");
    let text = "error: cannot use `imago.lock`\n  cause: cannot read it: it is a folder\n";
    assert_eq!(told(error), (COULD_NOT_RUN, text.to_owned()));
    let problem = Problem {
        hint: Some("run it".into()),
        ..samples::with_a_problem().problems.remove(0)
    };
    let text = format!(
        "error: cannot read `a.yaml`\n  cause: it is a folder\n  hint: run it\ndocs: {}\n",
        crate::cli::render::docs::code(problem.code)
    );
    assert_eq!(
        told(problem.clone().into()),
        (COULD_NOT_RUN, text.to_owned())
    );
    assert_eq!(
        told(Box::new(problem).into()),
        (COULD_NOT_RUN, text.to_owned())
    );
}
