//! Runs the whole engine on one text, in process: read, find, plan, splice. Uses no file and no network.

use imago::engine::answer::{Answer, Answers, Refusal};
use imago::engine::change::Change;
use imago::engine::code::Code;
use imago::engine::image::{Digest, ImageRef};
use imago::engine::object::Object;
use imago::engine::plan::{self, Plan, Rules, TagChoice};
use imago::engine::policy::{TagForm, Track};
use imago::engine::selector::ImageFilter;
use imago::engine::shape;
use imago::engine::splice::{DocumentChanges, draft, is_certain as is_certain_in, splice};
use imago::engine::yaml::CommentedFile;

/// The result for a text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It stays, because nothing is to change.
    Same,
    /// It becomes this.
    Changed(String),
    /// It is left alone, with this code and message.
    Refused(&'static str, String),
}

impl Way {
    /// The text after the run; the old one if it stays.
    pub(crate) fn text<'a>(&'a self, old: &'a str) -> &'a str {
        match self {
            Self::Changed(new) => new,
            Self::Same | Self::Refused(..) => old,
        }
    }
}

/// What to do with each workload.
#[derive(Clone, Copy)]
pub(crate) enum Action<'a> {
    /// Its images go to the digests of their tags.
    Update(&'a Answers),
    /// Its images go back to what the record says.
    Restore,
}

/// The rules of a run without flags.
pub(crate) fn plain_rules() -> Rules {
    Rules {
        tags: TagChoice::ByPolicy,
        track: Track::Annotation,
        form: TagForm::Keep,
        images: ImageFilter::new(&[], &[]).unwrap(),
    }
}

/// The answers from a lock. Everything else is an error.
pub(crate) fn answers<'a>(digests: impl IntoIterator<Item = (&'a str, &'a str)>) -> Answers {
    digests
        .into_iter()
        .map(|(image, digest)| {
            (
                ImageRef::parse(image).unwrap().lookup(),
                Ok(Answer::new(Digest::parse(digest).unwrap())),
            )
        })
        .collect()
}

/// Carries out an action on all workloads of a text.
pub(crate) fn carry_out(text: &str, rules: &Rules, action: Action<'_>) -> Way {
    carry_out_in("", text, rules, action)
}

/// The same in a file of this name.
pub(crate) fn carry_out_in(file_name: &str, text: &str, rules: &Rules, action: Action<'_>) -> Way {
    let file = match CommentedFile::parse(text) {
        Ok(file) => file,
        Err(error) => return Way::Refused(error.fault.code().as_str(), error.to_string()),
    };
    let mut wanted = Vec::new();
    let mut is_encrypted = false;
    let mut is_certain = matches!(action, Action::Update(_));
    for document in 0..file.len() {
        let root = file.document(document);
        let workloads = shape::find_in(file_name, root, &shape::Kinds::default()).objects;
        let changes: Vec<Change> = workloads
            .iter()
            .filter_map(|workload| plan(workload, rules, action).ok())
            .flat_map(|plan| plan.changes)
            .collect();
        if changes.is_empty() {
            continue;
        }
        if shape::is_encrypted(root) {
            is_encrypted = true;
        } else {
            let certain = |workload| is_certain_in(&file, document, workload);
            is_certain &= workloads.iter().all(certain);
            wanted.push(DocumentChanges { document, changes });
        }
    }
    if wanted.is_empty() {
        return match is_encrypted {
            true => Way::Refused("encrypted", String::new()),
            false => Way::Same,
        };
    }
    match splice(file, wanted.clone()) {
        Ok(new) => Way::Changed(new),
        Err(refused) => {
            // A report believes it without a draft.
            let drafted = || draft(CommentedFile::parse(text).unwrap(), wanted);
            assert!(!is_certain || drafted().is_ok(), "{refused}\n{text}");
            Way::Refused(refused.code.as_str(), refused.message)
        }
    }
}

/// Plans one workload. An image without an answer fails.
pub(crate) fn plan(workload: &Object, rules: &Rules, action: Action<'_>) -> Result<Plan, Refusal> {
    match action {
        Action::Restore => plan::restore(workload, rules),
        Action::Update(answers) => {
            let mut answers = answers.clone();
            for lookup in plan::wanted([workload], rules).into_keys() {
                answers.entry(lookup).or_insert_with(|| {
                    Err(Refusal {
                        code: Code::NotInLock,
                        cause: "the lock does not have it".to_owned(),
                        hint: None,
                    })
                });
            }
            plan::update(workload, rules, &answers)
        }
    }
}
