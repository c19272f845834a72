//! Plans a file's changes and puts them into its text. Nothing is written here.

use std::collections::HashSet;

use super::report::{Action, ImageReport, ObjectReport, Place, Problem, SiteName, Skipped};
use super::survey::Manifest;
use crate::engine::answer::{Answers, Refusal};
use crate::engine::code::Code;
use crate::engine::hold::Hold;
use crate::engine::object::{IGNORE, Ignore, Object, RECORD};
use crate::engine::path::Path;
use crate::engine::plan::{self, Outcome, Plan, Rules};
use crate::engine::site::Site;
use crate::engine::splice::{self, DocumentChanges, Refused};
use crate::engine::yaml::File;

/// What shall happen to a file.
#[derive(Debug, Default)]
pub struct Edited {
    /// Its text with all changes in it. `None`: nothing changes, or nothing may.
    pub new_text: Option<String>,
    /// How many of its images change in `new_text`.
    pub images: usize,
    /// Its workloads, and what was decided for their images.
    pub workloads: Vec<ObjectReport>,
    /// What was passed over in it.
    pub skipped: Vec<Skipped>,
    /// What went wrong with it, or with something in it.
    pub problems: Vec<Problem>,
}

/// Plans what the action asks for, and edits a copy of the text.
pub fn edit(manifest: &Manifest, action: Action, rules: &Rules, answers: &Answers) -> Edited {
    let mut edited = Edited::default();
    let mut changes: Vec<DocumentChanges> = Vec::new();
    let mut changed = Vec::new();
    for (document, workload) in &manifest.workloads {
        let place = place(manifest, workload);
        let plan = match action {
            Action::Restore => plan::restore(workload, rules),
            Action::Report | Action::Check | Action::Update | Action::Restart => {
                plan::update(workload, rules, answers)
            }
        };
        let plan = plan.unwrap_or_else(|refusal| {
            edited
                .problems
                .push(unreadable_record(&place, workload, refusal));
            Plan::default()
        });
        edited.images += plan.image_changes();
        let told = tell(place, workload, &plan);
        edited.workloads.push(told.workload);
        edited.skipped.extend(told.skipped);
        edited.problems.extend(told.problems);
        if !plan.changes.is_empty() {
            changed.push(edited.workloads.len() - 1);
            match changes.last_mut() {
                Some(last) if last.document == *document => last.changes.extend(plan.changes),
                _ => changes.push(DocumentChanges {
                    document: *document,
                    changes: plan.changes,
                }),
            }
        }
    }
    if changes.is_empty() {
        return edited;
    }
    match new_text(manifest, &changes) {
        Ok(new_text) => {
            edited.new_text = Some(new_text);
            for index in changed {
                edited.workloads[index].changed = true;
            }
        }
        Err(refused) => {
            edited.images = 0;
            edited.problems.push(uneditable(manifest, refused));
        }
    }
    edited
}

/// Annotations that say nothing: `imago/ignore` with a misspelt name or without a string, and `imago/…` that is not known.
pub(super) fn idle_annotations(workload: &Object, name: &str) -> Vec<String> {
    let unknown = workload.unknown_annotations.iter();
    let mut warnings: Vec<String> = unknown
        .map(|unknown| {
            format!("the annotation `{unknown}` of {name} is not known; did you mean `{IGNORE}`?")
        })
        .collect();
    warnings.extend(idle_ignores(workload, name));
    warnings
}

fn idle_ignores(workload: &Object, name: &str) -> Vec<String> {
    match &workload.ignore {
        Ignore::Nothing | Ignore::All => Vec::new(),
        Ignore::NoText => {
            vec![format!(
                "`{IGNORE}` of {name} is not a string and ignores nothing; write \"true\", or names as \"a,b\""
            )]
        }
        Ignore::Containers(ignored) => {
            let names: HashSet<&str> = workload
                .sites
                .iter()
                .map(|container| container.name.as_str())
                .collect();
            let idle = ignored
                .iter()
                .filter(|ignored| !names.contains(ignored.as_str()));
            let warning = |idle| {
                format!(
                    "`{IGNORE}: {idle}` of {name} names none of its containers; write \"true\" to ignore all"
                )
            };
            idle.map(warning).collect()
        }
    }
}

fn new_text(manifest: &Manifest, changes: &[DocumentChanges]) -> Result<String, Refused> {
    let file = File::parse_with_comments(&manifest.text).map_err(|error| Refused {
        code: error.fault.code(),
        line: Some(error.line),
        message: error.to_string(),
    })?;
    splice::splice(&file, changes)
}

/// What was decided for a workload, in the report's terms.
pub(super) struct Told {
    /// The workload and its containers; nothing is said to have changed yet.
    pub(super) workload: ObjectReport,
    /// What was passed over in it.
    pub(super) skipped: Vec<Skipped>,
    /// What went wrong with its images.
    pub(super) problems: Vec<Problem>,
}

/// Puts a plan into the report's terms.
pub(super) fn tell(place: Place, workload: &Object, plan: &Plan) -> Told {
    let (mut images, mut skipped, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (container, outcome) in workload.sites.iter().zip(&plan.outcomes) {
        let Some(outcome) = outcome else { continue };
        let image = container.image.text().unwrap_or_default().to_owned();
        let site = site_name(workload, container);
        let at = || Place {
            line: container.line,
            site: Some(site.clone()),
            ..place.clone()
        };
        let mut skip = |code, message| {
            skipped.push(Skipped {
                code,
                place: at(),
                message,
            })
        };
        match outcome {
            Outcome::Failed(refusal) => problems.push(failed(at(), &image, refusal)),
            Outcome::Variable => skip(
                Code::Variable,
                format!("`{image}` is not an image before something fills it in"),
            ),
            Outcome::Ignored(how) if image.is_empty() => {
                skip(Code::Ignored, format!("the image is left out by {how}"))
            }
            Outcome::Ignored(how) => {
                let code = match container.decided_by {
                    Some(_) if !container.ignored => Code::DecidedBy,
                    _ => Code::Ignored,
                };
                skip(code, format!("`{image}` is left out by {how}"))
            }
            Outcome::Held(Hold {
                code,
                digest,
                reason,
            }) => {
                let what = if digest.is_some() {
                    "the new digest of `"
                } else {
                    "`"
                };
                let verb = if digest.is_some() {
                    "is not taken"
                } else {
                    "is held"
                };
                skip(*code, format!("{what}{image}` {verb}: {reason}"));
            }
            _ => {}
        }
        images.push(ImageReport {
            site,
            line: container.line,
            image,
            outcome: outcome.clone(),
        });
    }
    let workload = ObjectReport {
        place,
        shape: workload.kind.to_string(),
        kind: workload.kind.to_string(),
        namespace: workload.namespace.clone(),
        name: workload.name.clone(),
        images,
        changed: false,
        unclaimed: plan.unclaimed.clone(),
    };
    Told {
        workload,
        skipped,
        problems,
    }
}

fn site_name(object: &Object, site: &Site) -> SiteName {
    let path = site.written_at();
    let from_object = path.steps().iter().skip(object.at.steps().len());
    SiteName {
        role: site.role,
        name: site.name.clone(),
        path: from_object.cloned().collect::<Path>().to_string(),
    }
}

fn place(manifest: &Manifest, workload: &Object) -> Place {
    Place {
        file: Some(manifest.name.clone()),
        line: workload.line,
        object: Some(workload.label()),
        site: None,
    }
}

fn failed(place: Place, image: &str, refusal: &Refusal) -> Problem {
    let Refusal { code, cause, hint } = refusal.clone();
    let what = match code {
        Code::InvalidImage if image.is_empty() => "cannot use the image".to_owned(),
        Code::InvalidImage => format!("cannot use `{image}` as an image"),
        _ => format!("cannot resolve `{image}`"),
    };
    Problem {
        code,
        what,
        place,
        cause,
        hint,
    }
}

/// What a record that cannot be relied on is to the report: a problem of the workload, where the annotation stands.
pub(super) fn unreadable_record(place: &Place, workload: &Object, refusal: Refusal) -> Problem {
    let Refusal { code, cause, hint } = refusal;
    let what = format!(
        "cannot read the annotation `{}` of `{}`",
        RECORD, workload.name
    );
    let place = Place {
        line: workload.record_line.or(place.line),
        ..place.clone()
    };
    Problem {
        code,
        what,
        place,
        cause,
        hint,
    }
}

fn uneditable(manifest: &Manifest, refused: Refused) -> Problem {
    let hint = match refused.code {
        Code::SharedAnchor => "write the shared value out where it stands twice",
        _ => "edit the file by hand, or leave it out with `--exclude`",
    };
    Problem {
        code: refused.code,
        what: format!("cannot edit `{}`", manifest.name),
        place: Place {
            file: Some(manifest.name.clone()),
            line: refused.line,
            ..Place::default()
        },
        cause: refused.message,
        hint: Some(hint.to_owned()),
    }
}
