//! A report for programs: version 1 of a format that does not change.
//!
//! A field that is here stays, with its meaning and its place; new ones may be added at the end of their object. What cannot be said so
//! becomes version 2 beside this one. The types are their own, so that a change of the report cannot change the format unseen.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::steers;
use crate::app::report::{
    Action, Committed, ContainerReport, Mode, Outcome, Place, Problem, Reach, Report, Skipped, WorkloadReport,
};

/// The report as one JSON object, indented, with a newline at its end. Characters that steer terminals are escaped, which JSON allows.
pub fn report(report: &Report) -> String {
    escaped(&serde_json::to_string_pretty(&ReportV1::of(report)).expect("plain structures with string keys always serialize"))
}

/// JSON with a newline at its end, in which characters that steer terminals are escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character != '\n' && steers(character) {
            // Every such character is in the basic plane, and stands inside a string.
            write!(safe, "\\u{:04x}", u32::from(character)).expect("a string takes all");
        } else {
            safe.push(character);
        }
    }
    safe.push('\n');
    safe
}

/// One run.
#[derive(Debug, Serialize)]
struct ReportV1<'a> {
    /// The version of this format: 1.
    version: u8,
    /// Where the workloads are: `files` or `cluster`.
    mode: &'static str,
    /// What was asked: `report`, `check`, `update`, `restore` or `restart`.
    action: &'static str,
    /// Whether the action was rehearsed: everything was done but the writing.
    dry_run: bool,
    /// Counts of the whole run.
    summary: SummaryV1<'a>,
    /// Every workload that was taken: files by path, then as they stand in the file.
    workloads: Vec<WorkloadV1<'a>>,
    /// The files that were changed (where nothing was written: would be), by path.
    files_changed: &'a [String],
    /// What was committed and pushed; null where nothing was to be committed.
    git: Option<GitV1<'a>>,
    /// What was passed over on purpose.
    skipped: Vec<SkippedV1<'a>>,
    /// What went wrong with one file, workload or image, and did not stop the rest.
    problems: Vec<ProblemV1<'a>>,
    /// What a person should know although it went on, one sentence each.
    warnings: &'a [String],
}

/// Counts of the whole run.
#[derive(Debug, Serialize)]
struct SummaryV1<'a> {
    /// Files that were read.
    files: usize,
    /// Files that were changed (where nothing was written: would be).
    files_changed: usize,
    /// Files that hold no workload and have no problem; templates are not among them.
    files_without_workload: usize,
    /// Workloads that were taken.
    workloads: usize,
    /// Images of these workloads, by container.
    images: usize,
    /// Images with the outcome `ok`.
    ok: usize,
    /// Images with the outcome `fixed`.
    fixed: usize,
    /// Images with the outcome `outdated`.
    outdated: usize,
    /// Images with the outcome `restored`.
    restored: usize,
    /// Images with the outcome `stale`.
    stale: usize,
    /// Images with the outcome `unchecked`.
    unchecked: usize,
    /// Images with the outcome `kept`.
    kept: usize,
    /// Images with the outcome `ignored`.
    ignored: usize,
    /// Images with the outcome `variable`.
    variable: usize,
    /// Images with the outcome `held`.
    held: usize,
    /// Images with the outcome `failed`.
    failed: usize,
    /// Entries of `skipped`.
    skipped: usize,
    /// Objects with images that this program does not edit, by kind.
    unhandled: &'a BTreeMap<String, usize>,
    /// Workloads that were not taken because namespaces were named and they are in none.
    without_namespace: usize,
    /// Workloads that namespaces or selectors left out for another reason.
    not_selected: usize,
    /// Entries of `problems`.
    problems: usize,
    /// Whether the action's changes were written, where nothing failed: false for a report, a check, a rehearsal and a stopped run.
    written: bool,
    /// The limit of changes that the plan exceeded, for which reason nothing was written; null where it did not.
    stopped_at: Option<usize>,
}

/// One workload.
#[derive(Debug, Serialize)]
struct WorkloadV1<'a> {
    /// Its file.
    file: Option<&'a str>,
    /// The line at which it begins, from 1.
    line: Option<u32>,
    /// `Deployment`, `DaemonSet`, `StatefulSet` or `CronJob`.
    kind: &'a str,
    /// Its `metadata.namespace`; null where it has none.
    namespace: Option<&'a str>,
    /// Its `metadata.name`.
    name: &'a str,
    /// Whether it was (where nothing was written: would be) changed.
    changed: bool,
    /// Its containers that have an image: those of `containers`, then those of `initContainers`.
    containers: Vec<ContainerV1<'a>>,
}

/// One container.
#[derive(Debug, Serialize)]
struct ContainerV1<'a> {
    /// Its name.
    name: &'a str,
    /// Whether it is one of `initContainers`.
    init: bool,
    /// The image as it was written before this run.
    image: &'a str,
    /// The image that was (where nothing was written: would be) put in its place, with the outcomes `outdated` and `restored`,
    /// and for some with `stale`; else null.
    new_image: Option<&'a str>,
    /// `ok`: on its tag's digest. `fixed`: a digest that a person chose. `outdated`: to be updated to `new_image`. `restored`: goes back to
    /// `new_image`. `kept`: not restored, for `reason`. `ignored`: left out by the user, as `reason` says. `variable`: not an image yet.
    /// `held`: its tag is on `tag_digest`, which is not taken for `reason`. `stale`: a pod runs `running_digest` and its tag is on
    /// `tag_digest`, so it is restarted, and goes back to `new_image` where that is not null. `unchecked`: left as it is, because its
    /// pods do not say that it has to change, for `reason`. `failed`: see `problems`.
    outcome: &'static str,
    /// Why, with the outcomes `kept`, `ignored`, `held` and `unchecked`; else null.
    reason: Option<&'a str>,
    /// The digest that the tag has now, with the outcomes `held` and `stale`; else null.
    tag_digest: Option<&'a str>,
    /// The digest that a pod runs, with the outcome `stale`; else null.
    running_digest: Option<&'a str>,
    /// The line of the image in its file, from 1.
    line: Option<u32>,
}

/// What became of the run in Git.
#[derive(Debug, Serialize)]
struct GitV1<'a> {
    /// The commit's name in full; null where there was nothing to commit.
    commit: Option<&'a str>,
    /// The branch that it is on; null on a detached HEAD.
    branch: Option<&'a str>,
    /// The remote that it was to be pushed to; null where it was to stay here.
    remote: Option<&'a str>,
    /// Whether this run has pushed.
    pushed: bool,
}

/// Something that was passed over on purpose.
#[derive(Debug, Serialize)]
struct SkippedV1<'a> {
    /// A stable word: `template`, `variable`, …
    code: &'static str,
    /// The file.
    file: Option<&'a str>,
    /// The line, from 1.
    line: Option<u32>,
    /// The workload: `Deployment/web`, in a cluster `default/Deployment/web`.
    workload: Option<&'a str>,
    /// The container's name.
    container: Option<&'a str>,
    /// Why, for a person.
    message: &'a str,
}

/// Something that went wrong.
#[derive(Debug, Serialize)]
struct ProblemV1<'a> {
    /// A stable word: `yaml-syntax`, `unauthorized`, …
    code: &'static str,
    /// The file.
    file: Option<&'a str>,
    /// The line, from 1.
    line: Option<u32>,
    /// The workload: `Deployment/web`.
    workload: Option<&'a str>,
    /// The container's name.
    container: Option<&'a str>,
    /// What failed, for a person.
    message: &'a str,
    /// Why, for a person.
    cause: &'a str,
    /// One thing to do; null where nothing is known to help.
    hint: Option<&'a str>,
}

impl<'a> ReportV1<'a> {
    fn of(report: &'a Report) -> Self {
        Self {
            version: 1,
            mode: match report.mode {
                Mode::Files => "files",
                Mode::Cluster => "cluster",
            },
            action: match report.action {
                Action::Report => "report",
                Action::Check => "check",
                Action::Update => "update",
                Action::Restore => "restore",
                Action::Restart => "restart",
            },
            dry_run: report.dry_run,
            summary: SummaryV1::of(report),
            workloads: report.workloads.iter().map(WorkloadV1::of).collect(),
            files_changed: &report.files_changed,
            git: report.git.as_ref().map(GitV1::of),
            skipped: report.skipped.iter().map(SkippedV1::of).collect(),
            problems: report.problems.iter().map(ProblemV1::of).collect(),
            warnings: &report.warnings,
        }
    }
}

impl<'a> SummaryV1<'a> {
    fn of(report: &'a Report) -> Self {
        let counts = report.counts();
        Self {
            files: report.files_seen,
            files_changed: report.files_changed.len(),
            files_without_workload: report.files_without_workload.len(),
            workloads: report.workloads.len(),
            images: counts.images,
            ok: counts.ok,
            fixed: counts.fixed,
            outdated: counts.outdated,
            restored: counts.restored,
            stale: counts.stale,
            unchecked: counts.unchecked,
            kept: counts.kept,
            ignored: counts.ignored,
            variable: counts.variable,
            held: counts.held,
            failed: counts.failed,
            skipped: report.skipped.len(),
            unhandled: &report.unhandled,
            without_namespace: report.without_namespace,
            not_selected: report.not_selected,
            problems: report.problems.len(),
            written: report.reach() == Reach::Done,
            stopped_at: report.stopped_at,
        }
    }
}

impl<'a> WorkloadV1<'a> {
    fn of(workload: &'a WorkloadReport) -> Self {
        Self {
            file: workload.place.file.as_deref(),
            line: workload.place.line,
            kind: workload.kind,
            namespace: workload.namespace.as_deref(),
            name: &workload.name,
            changed: workload.changed,
            containers: workload.containers.iter().map(ContainerV1::of).collect(),
        }
    }
}

impl<'a> ContainerV1<'a> {
    fn of(container: &'a ContainerReport) -> Self {
        let (outcome, reason) = match &container.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Fixed => ("fixed", None),
            Outcome::Outdated(_) => ("outdated", None),
            Outcome::Restored(_) => ("restored", None),
            Outcome::Kept(reason) => ("kept", Some(reason)),
            Outcome::Ignored(way) => ("ignored", Some(way)),
            Outcome::Variable => ("variable", None),
            Outcome::Held { reason, .. } => ("held", Some(reason)),
            Outcome::Stale { .. } => ("stale", None),
            Outcome::Unchecked(reason) => ("unchecked", Some(reason)),
            Outcome::Failed(_) => ("failed", None),
        };
        let (tag_digest, running_digest) = match &container.outcome {
            Outcome::Held { digest, .. } => (Some(digest.as_str()), None),
            Outcome::Stale { running, digest, .. } => (Some(digest.as_str()), Some(running.as_str())),
            _ => (None, None),
        };
        Self {
            name: &container.name,
            init: container.init,
            image: &container.image,
            new_image: container.outcome.new_image(),
            outcome,
            reason: reason.map(String::as_str),
            tag_digest,
            running_digest,
            line: container.line,
        }
    }
}

impl<'a> GitV1<'a> {
    fn of(Committed { commit, branch, remote, pushed }: &'a Committed) -> Self {
        Self { commit: commit.as_deref(), branch: branch.as_deref(), remote: remote.as_deref(), pushed: *pushed }
    }
}

impl<'a> SkippedV1<'a> {
    fn of(Skipped { code, place, message }: &'a Skipped) -> Self {
        let Place { file, line, workload, container } = place;
        Self { code, file: file.as_deref(), line: *line, workload: workload.as_deref(), container: container.as_deref(), message }
    }
}

impl<'a> ProblemV1<'a> {
    fn of(Problem { code, what, place, cause, hint }: &'a Problem) -> Self {
        let Place { file, line, workload, container } = place;
        Self {
            code,
            file: file.as_deref(),
            line: *line,
            workload: workload.as_deref(),
            container: container.as_deref(),
            message: what,
            cause,
            hint: hint.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;
    use crate::engine::image::Digest;

    #[test]
    fn version_1_has_these_fields_in_this_order() {
        let mut sample = samples::updated();
        sample.files_seen = 2;
        sample.skipped.truncate(1);
        sample.unhandled.insert("Rollout".into(), 1);
        sample.warnings.push("look at this".into());
        sample.problems.push(Problem {
            code: "unauthorized",
            what: "cannot resolve `registry.example.test/x:1`".into(),
            place: Place { container: Some("x".into()), ..sample.workloads[0].place.clone() },
            cause: "the registry answered 401 Unauthorized".into(),
            hint: None,
        });
        let expected = r#"{
  "version": 1,
  "mode": "files",
  "action": "update",
  "dry_run": false,
  "summary": {
    "files": 2,
    "files_changed": 1,
    "files_without_workload": 0,
    "workloads": 1,
    "images": 2,
    "ok": 1,
    "fixed": 0,
    "outdated": 1,
    "restored": 0,
    "stale": 0,
    "unchecked": 0,
    "kept": 0,
    "ignored": 0,
    "variable": 0,
    "held": 0,
    "failed": 0,
    "skipped": 1,
    "unhandled": {
      "Rollout": 1
    },
    "without_namespace": 0,
    "not_selected": 0,
    "problems": 1,
    "written": true,
    "stopped_at": null
  },
  "workloads": [
    {
      "file": "deploy/web.yaml",
      "line": 4,
      "kind": "Deployment",
      "namespace": "shop",
      "name": "web",
      "changed": true,
      "containers": [
        {
          "name": "app",
          "init": false,
          "image": "registry.example.test/web:1.4",
          "new_image": "registry.example.test/web:1.4@sha256:6666666666666666666666666666666666666666666666666666666666666666",
          "outcome": "outdated",
          "reason": null,
          "tag_digest": null,
          "running_digest": null,
          "line": 21
        },
        {
          "name": "proxy",
          "init": false,
          "image": "registry.example.test/proxy:2",
          "new_image": null,
          "outcome": "ok",
          "reason": null,
          "tag_digest": null,
          "running_digest": null,
          "line": 21
        }
      ]
    }
  ],
  "files_changed": [
    "deploy/web.yaml"
  ],
  "git": null,
  "skipped": [
    {
      "code": "template",
      "file": "chart/templates/0.yaml",
      "line": 3,
      "workload": null,
      "container": null,
      "message": "a Helm template"
    }
  ],
  "problems": [
    {
      "code": "unauthorized",
      "file": "deploy/web.yaml",
      "line": 4,
      "workload": "Deployment/web",
      "container": "x",
      "message": "cannot resolve `registry.example.test/x:1`",
      "cause": "the registry answered 401 Unauthorized",
      "hint": null
    }
  ],
  "warnings": [
    "look at this"
  ]
}
"#;
        assert_eq!(report(&sample), expected);
    }

    #[test]
    fn every_outcome_has_its_word() {
        let digest = Digest::parse(&format!("sha256:{}", "6".repeat(64))).unwrap();
        let other = Digest::parse(&format!("sha256:{}", "7".repeat(64))).unwrap();
        for (outcome, expected) in [
            (Outcome::Ok, ["ok", "", "", ""]),
            (Outcome::Fixed, ["fixed", "", "", ""]),
            (Outcome::Outdated("a".into()), ["outdated", "a", "", ""]),
            (Outcome::Restored("a".into()), ["restored", "a", "", ""]),
            (Outcome::Kept("b".into()), ["kept", "", "b", ""]),
            (Outcome::Ignored("b".into()), ["ignored", "", "b", ""]),
            (Outcome::Variable, ["variable", "", "", ""]),
            (Outcome::Held { digest: digest.clone(), reason: "b".into() }, ["held", "", "b", digest.as_str()]),
            (Outcome::Unchecked("b".into()), ["unchecked", "", "b", ""]),
            (
                Outcome::Stale { running: other, digest: digest.clone(), back: Some("a".into()) },
                ["stale", "a", "", digest.as_str()],
            ),
            (samples::failed(), ["failed", "", "", ""]),
        ] {
            let mut sample = samples::updated();
            sample.workloads[0].containers = vec![samples::container("app", "web", outcome)];
            let value: serde_json::Value = serde_json::from_str(&report(&sample)).unwrap();
            let container = &value["workloads"][0]["containers"][0];
            let word = |key: &str| container[key].as_str().unwrap_or_default();
            assert_eq!([word("outcome"), word("new_image"), word("reason"), word("tag_digest")], expected);
        }
    }

    #[test]
    fn characters_that_steer_are_escaped_and_come_back_the_same() {
        let mut sample = samples::updated();
        let hostile = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}\n\tö";
        sample.workloads[0].name = hostile.into();
        let text = report(&sample);
        assert!(!text.chars().any(|character| character != '\n' && steers(character)), "{text}");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["workloads"][0]["name"], hostile);
    }
}
