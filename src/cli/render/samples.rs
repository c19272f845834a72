//! Reports made by hand for the tests of every form.

use crate::app::report::{Action, ContainerReport, Mode, Outcome, Place, Report, Skipped, WorkloadReport};
use crate::engine::answer::Refusal;

/// One workload of 214 files, of which one image of two was updated; three templates.
pub(in crate::cli) fn updated() -> Report {
    let outdated = Outcome::Outdated(format!("registry.example.test/web:1.4@sha256:{}", "6".repeat(64)));
    Report {
        workloads: vec![WorkloadReport {
            place: Place {
                file: Some("deploy/web.yaml".into()),
                line: Some(4),
                workload: Some("Deployment/web".into()),
                container: None,
            },
            kind: "Deployment",
            namespace: Some("shop".into()),
            name: "web".into(),
            containers: vec![
                container("app", "registry.example.test/web:1.4", outdated),
                container("proxy", "registry.example.test/proxy:2", Outcome::Ok),
            ],
            changed: true,
        }],
        files_seen: 214,
        files_changed: vec!["deploy/web.yaml".into()],
        skipped: (0..3).map(template).collect(),
        ..Report::new(Mode::Files, Action::Update)
    }
}

/// A container on line 21.
pub(in crate::cli) fn container(name: &str, image: &str, outcome: Outcome) -> ContainerReport {
    ContainerReport { init: false, name: name.into(), line: Some(21), image: image.into(), outcome }
}

fn template(number: usize) -> Skipped {
    Skipped {
        code: "template",
        place: Place { file: Some(format!("chart/templates/{number}.yaml")), line: Some(3), ..Place::default() },
        message: "a Helm template".into(),
    }
}

/// An image whose registry refused.
pub(in crate::cli) fn failed() -> Outcome {
    Outcome::Failed(Refusal { code: "unauthorized", cause: "the registry answered 401 Unauthorized".into(), hint: None })
}
