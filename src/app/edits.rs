//! Plans a file's changes and puts them into its text. Nothing is written here.

use std::collections::HashSet;

use super::manifest::ManifestFile;
use super::report::{ImageReport, LeftOut, ObjectReport, Place, Problem, SiteName, Skipped};
use crate::engine::answer::{Answers, Refusal};
use crate::engine::code::Code;
use crate::engine::object::{IGNORE, Ignore, Object, POLICY, RECORD};
use crate::engine::path::dotted;
use crate::engine::plan::{self, Outcome, Plan, Rules};
use crate::engine::site::Site;
use crate::engine::splice::{self, DocumentChanges, Refused};
use crate::engine::yaml::CommentedFile;
use crate::io::files::MAX_FILE;

/// What shall happen to a file.
#[derive(Debug, Default)]
pub struct Edited {
    /// Whether it changes.
    pub changes: bool,
    /// Its text with all changes in it, where these are proven.
    pub new_text: Option<String>,
    /// How many of its images change.
    pub images: usize,
    /// Its objects, and what was decided for their images. A report takes those of many files, and would hold each of them twice meanwhile.
    pub objects: Vec<Box<ObjectReport>>,
    /// What was passed over in it.
    pub skipped: Vec<Skipped>,
    /// What went wrong with it, or with something in it.
    pub problems: Vec<Problem>,
}

/// What the plan of a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Every image on its tag's digest, in the file's text.
    Updated,
    /// The same, to be told only. A proof that nobody relies on is not made.
    Told,
    /// The same, to be looked at only.
    Compared,
    /// What the records say, in the file's text.
    Restored,
    /// A digest for every image, whichever it is.
    Pinned,
}

/// Plans what is wanted, and edits a copy of the text where it can be written.
pub(super) fn edit(
    manifest: &ManifestFile,
    wanted: Wanted,
    rules: &Rules,
    answers: &Answers,
) -> Edited {
    plan(manifest, wanted, rules, answers).written(manifest)
}

/// What was planned for a file, before its text is edited.
pub(super) struct Planned {
    edited: Edited,
    wanted: Wanted,
    changes: Vec<DocumentChanges>,
    /// The objects that change.
    changed: Vec<usize>,
}

/// Plans what is wanted.
pub(super) fn plan(
    manifest: &ManifestFile,
    wanted: Wanted,
    rules: &Rules,
    answers: &Answers,
) -> Planned {
    let mut edited = Edited::default();
    // Most files have one object, and a tree has many files.
    edited.objects.reserve_exact(manifest.objects.len());
    let mut changes: Vec<DocumentChanges> = Vec::new();
    let mut changed = Vec::new();
    for (document, object) in &manifest.objects {
        let place = place(manifest, object);
        let plan = match wanted {
            Wanted::Restored => plan::restore(object, rules),
            Wanted::Updated | Wanted::Told | Wanted::Compared => {
                plan::update(object, rules, answers)
            }
            Wanted::Pinned => plan::pins(object, rules),
        };
        let plan = plan.unwrap_or_else(|refusal| {
            edited
                .problems
                .push(unreadable_record(&place, object, refusal));
            Plan::default()
        });
        edited.images += plan.image_changes();
        let reported = report(place, object, &plan);
        edited.objects.push(reported.object);
        edited.skipped.extend(reported.skipped);
        edited.problems.extend(reported.problems);
        if !plan.changes.is_empty() {
            changed.push(edited.objects.len() - 1);
            match changes.last_mut() {
                Some(last) if last.document == *document => last.changes.extend(plan.changes),
                _ => changes.push(DocumentChanges {
                    document: *document,
                    changes: plan.changes,
                }),
            }
        }
    }
    Planned {
        edited,
        wanted,
        changes,
        changed,
    }
}

impl Planned {
    /// Edits a copy of the file's text, where it can be written.
    pub(super) fn written(self, manifest: &ManifestFile) -> Edited {
        let Self {
            mut edited,
            wanted,
            changes,
            changed,
        } = self;
        if changes.is_empty() || wanted == Wanted::Compared {
            return edited;
        }
        let made = match manifest.is_certain && wanted == Wanted::Told {
            true => Ok(None),
            false => new_text(manifest, changes, wanted),
        };
        match made {
            Ok(new_text) => {
                edited.changes = true;
                edited.new_text = new_text;
                for index in changed {
                    edited.objects[index].changed = true;
                }
            }
            Err(refused) => {
                edited.images = 0;
                edited.problems.push(uneditable(manifest, refused));
            }
        }
        edited
    }
}

/// Annotations that say nothing: `imago/ignore` with a misspelt name or without a string, and `imago/…` that is not known.
pub(super) fn idle_annotations(object: &Object, name: &str) -> Vec<String> {
    let unknown = object.unknown_annotations.iter();
    let mut warnings: Vec<String> = unknown
        .map(|unknown| {
            format!("the annotation `{unknown}` of {name} is not known; did you mean `{IGNORE}` or `{POLICY}`?")
        })
        .collect();
    warnings.extend(idle_ignores(object, name));
    warnings.extend(object.idle_policies.iter().map(|idle| {
        format!("`{POLICY}: {idle}=…` of {name} names none of its images; write the name of a container, or one policy for all")
    }));
    warnings
}

fn idle_ignores(object: &Object, name: &str) -> Vec<String> {
    match &object.ignore {
        Ignore::Nothing | Ignore::All => Vec::new(),
        Ignore::NoText => {
            vec![format!(
                "`{IGNORE}` of {name} is not a string and ignores nothing; write \"true\", or names as \"a,b\""
            )]
        }
        Ignore::Containers(ignored) => {
            let names: HashSet<&str> = object.sites.iter().map(|site| site.name.as_str()).collect();
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

fn new_text(
    manifest: &ManifestFile,
    changes: Vec<DocumentChanges>,
    wanted: Wanted,
) -> Result<Option<String>, Refused> {
    let file = CommentedFile::parse(&manifest.text).map_err(|error| Refused {
        code: error.fault.code(),
        line: Some(error.line),
        message: error.to_string(),
    })?;
    match wanted {
        Wanted::Told => splice::draft(file, changes).map(|_| None),
        _ => splice::splice(file, changes)
            .and_then(still_readable)
            .map(Some),
    }
}

/// A text that the next run reads, so that it can put back what this one changes.
fn still_readable(text: String) -> Result<String, Refused> {
    match text.len() as u64 <= MAX_FILE {
        true => Ok(text),
        false => Err(Refused {
            code: Code::TooLarge,
            line: None,
            message: format!(
                "it would have {} bytes, more than the {MAX_FILE} that are read",
                text.len()
            ),
        }),
    }
}

/// What was decided for an object, in the report's terms.
pub(super) struct Reported {
    /// The object and its images. Nothing is marked as changed yet.
    pub(super) object: Box<ObjectReport>,
    /// What was passed over in it.
    pub(super) skipped: Vec<Skipped>,
    /// What went wrong with its images.
    pub(super) problems: Vec<Problem>,
}

/// Puts a plan into the report's terms.
pub(super) fn report(place: Place, object: &Object, plan: &Plan) -> Reported {
    let mut images = Vec::with_capacity(object.sites.len());
    let (mut skipped, mut problems) = (Vec::new(), Vec::new());
    for (index, (site, outcome)) in object.sites.iter().zip(&plan.outcomes).enumerate() {
        let Some(outcome) = outcome else { continue };
        let image = site.image.text().unwrap_or_default().to_owned();
        let name = site_name(object, site);
        let at = || Place {
            line: site.line.map(u32::from),
            site: Some(Box::new(name.clone())),
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
                format!("`{image}` is a placeholder, and not an image yet"),
            ),
            Outcome::Ignored(LeftOut { code, by }) => {
                let what = match image.as_str() {
                    "" => "the image".to_owned(),
                    image => format!("`{image}`"),
                };
                let verb = match code {
                    Code::DecidedBy => "is decided by",
                    _ => "is left out by",
                };
                skip(*code, format!("{what} {verb} {by}"));
            }
            Outcome::Held(hold) => {
                let what = if hold.digest.is_some() {
                    "the new digest of `"
                } else {
                    "`"
                };
                let verb = if hold.digest.is_some() {
                    "is not taken"
                } else {
                    "stays as written"
                };
                let reason = &hold.reason;
                skip(hold.code, format!("{what}{image}` {verb}: {reason}"));
            }
            _ => {}
        }
        images.push(ImageReport {
            site: name,
            line: site.line.map(u32::from),
            image,
            outcome: outcome.clone(),
            choice: plan.choices.get(&index).cloned().map(Box::new),
            source: plan.sources.get(&index).cloned(),
        });
    }
    let object = ObjectReport {
        place,
        shape: object.kind.clone(),
        kind: object.kind.clone(),
        namespace: object.namespace.clone(),
        name: object.name.clone(),
        images,
        changed: false,
        unclaimed: plan.unclaimed.clone(),
    };
    Reported {
        object: Box::new(object),
        skipped,
        problems,
    }
}

pub(super) fn site_name(object: &Object, site: &Site) -> SiteName {
    let path = site.written_at();
    SiteName {
        role: site.role,
        name: site.name.clone(),
        path: dotted(
            path.steps()
                .get(object.at.steps().len()..)
                .unwrap_or_default(),
        ),
    }
}

pub(super) fn place(manifest: &ManifestFile, object: &Object) -> Place {
    Place {
        file: Some(manifest.name.clone()),
        line: object.line,
        object: Some(object.label()),
        site: None,
    }
}

pub(super) fn failed(place: Place, image: &str, refusal: &Refusal) -> Problem {
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

/// A record that cannot be relied on, as a problem of its object, where the annotation stands.
pub(super) fn unreadable_record(place: &Place, object: &Object, refusal: Refusal) -> Problem {
    let Refusal { code, cause, hint } = refusal;
    let does = match code {
        Code::AmbiguousRecord => "cannot tell which images are meant by",
        _ => "cannot read",
    };
    let what = format!("{does} the annotation `{RECORD}` of `{}`", object.name);
    let place = Place {
        line: object.record_line.or(place.line),
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

fn uneditable(manifest: &ManifestFile, refused: Refused) -> Problem {
    let hint = match refused.code {
        Code::SharedAnchor => "write the shared value out in both places",
        Code::TooLarge => "split it, or leave it out with `--exclude`",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::code::CodeKind;
    use crate::engine::hold::Hold;
    use crate::engine::shape;

    /// The exit code of a run goes by these.
    #[test]
    fn what_is_held_and_what_has_a_problem_is_told_with_its_code() {
        let pod = serde_json::json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "app", "image": "web:1"}]}});
        let object = shape::find(&pod).objects.remove(0);
        for code in Code::ALL.iter().copied() {
            let mut hold = Hold::unfollowed("somebody has to look");
            hold.code = code;
            let refusal = Refusal {
                code,
                cause: "it says so".to_owned(),
                hint: None,
            };
            let outcome = match code.kind() {
                CodeKind::Held => Outcome::Held(hold),
                CodeKind::Problem => Outcome::Failed(refusal),
                _ => continue,
            };
            let plan = Plan {
                outcomes: vec![Some(outcome)],
                ..Plan::default()
            };
            let told = report(Place::default(), &object, &plan);
            let held = told.skipped.iter().map(|one| (one.code, one.is_held()));
            let problems = told.problems.iter().map(|one| (one.code, false));
            let is_held = code.kind() == CodeKind::Held;
            assert_eq!(Vec::from_iter(held.chain(problems)), [(code, is_held)]);
        }
    }
}
