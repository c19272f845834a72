//! Reports made by hand for the tests of every form.

use crate::app::report::{
    Action, ImageReport, LeftOut, LockedEntry, Mode, ObjectReport, Outcome, Place, Problem, Report,
    SiteName, Skipped,
};
use crate::engine::answer::Refusal;
use crate::engine::code::Code;

/// One object of 214 files, of which one image of two was updated; three templates.
pub(in crate::cli) fn updated() -> Report {
    let outdated = Outcome::Outdated(format!(
        "registry.example.test/web:1.4@sha256:{}",
        "6".repeat(64)
    ));
    Report {
        objects: vec![Box::new(ObjectReport {
            place: Place {
                file: Some("deploy/web.yaml".into()),
                line: Some(4),
                object: Some("Deployment/web".into()),
                site: None,
            },
            shape: "Deployment".into(),
            kind: "Deployment".into(),
            namespace: Some("shop".into()),
            name: "web".into(),
            images: vec![
                container("app", "registry.example.test/web:1.4", outdated),
                container("proxy", "registry.example.test/proxy:2", Outcome::Ok),
            ],
            changed: true,
            unclaimed: Default::default(),
        })],
        files_seen: 214,
        files_changed: vec!["deploy/web.yaml".into()],
        skipped: (0..3).map(template).collect(),
        ..Report::new(Mode::Files, Action::Update)
    }
}

/// The same run with a file that cannot be read.
pub(in crate::cli) fn with_a_problem() -> Report {
    Report {
        problems: vec![Problem {
            code: Code::Io,
            what: "cannot read `a.yaml`".into(),
            place: Place::default(),
            cause: "it is a folder".into(),
            hint: None,
        }],
        ..updated()
    }
}

/// An entry of the lock that a check found to be outdated.
pub(in crate::cli) fn locked() -> Vec<LockedEntry> {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    vec![LockedEntry {
        place: Place {
            file: Some("imago.lock".into()),
            ..Place::default()
        },
        image: "registry.example.test/web:1.4".into(),
        locked: digest("1"),
        digest: digest("2"),
    }]
}

/// A person's choice to leave an image out.
pub(in crate::cli) fn left_out(by: &str) -> LeftOut {
    LeftOut {
        code: Code::Ignored,
        by: by.to_owned(),
    }
}

/// A container on line 21.
pub(in crate::cli) fn container(name: &str, image: &str, outcome: Outcome) -> ImageReport {
    ImageReport {
        choice: None,
        source: None,
        site: SiteName::container(name),
        line: Some(21),
        image: image.into(),
        outcome,
    }
}

fn template(number: usize) -> Skipped {
    Skipped {
        code: Code::Template,
        place: Place {
            file: Some(format!("chart/templates/{number}.yaml")),
            line: Some(3),
            ..Place::default()
        },
        message: "a Helm template".into(),
    }
}

/// An image whose registry refused.
pub(in crate::cli) fn failed() -> Outcome {
    Outcome::Failed(Refusal {
        code: Code::Unauthorized,
        cause: "the registry answered 401 Unauthorized".into(),
        hint: None,
    })
}

/// The same run with a file that does not parse, an image that does not resolve, and a lock that cannot be read; all names hostile.
pub(in crate::cli) fn with_problems() -> Report {
    let problem = |code, what: &str, place, cause: &str, hint: Option<&str>| Problem {
        code,
        what: what.to_owned(),
        place,
        cause: cause.to_owned(),
        hint: hint.map(str::to_owned),
    };
    let at = |file: &str, line| Place {
        file: Some(file.to_owned()),
        line,
        ..Place::default()
    };
    let side = Place {
        object: Some("Deployment/web".into()),
        site: Some(Box::new(SiteName::container("side"))),
        ..at("deploy/web.yaml", Some(24))
    };
    let problems = vec![
        problem(
            Code::LockSyntax,
            "cannot read the lock",
            Place::default(),
            "it is empty",
            None,
        ),
        problem(
            Code::YamlSyntax,
            "cannot read `a,b:100%.yaml`",
            at("a,b:100%.yaml", Some(3)),
            "a tab\n::error::forged",
            Some("correct it"),
        ),
        problem(
            Code::Unauthorized,
            "cannot resolve `registry.example.test/side:1`",
            side,
            "the registry answered 401 Unauthorized",
            Some("run `docker login registry.example.test`"),
        ),
    ];
    Report {
        problems,
        warnings: vec!["the lock is not pruned".into()],
        ..updated()
    }
}
