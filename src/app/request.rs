//! What `imago files` is asked, checked.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::edits::Wanted;
use super::gate::Reading;
use super::kind_names::KindLists;
use super::manifest::Texts;
use super::message::Template;
use super::report::{Action, Mode, Report};
use super::source::LockUse;
use super::survey::Sought;
use super::workspace::Workspace;
use crate::engine::object::Object;
use crate::engine::plan::{self, Question, Rules, TagChoice};
use crate::engine::policy::{TagForm, Track};
use crate::engine::propose::GroupBy;
use crate::engine::selector::{ImageFilter, Selection, Verdict};
use crate::engine::shape::Kinds;
use crate::io::forge::{self, ForgeKind};
use crate::io::git::identity::Person;
use crate::io::registry;
use crate::io::scan;

/// What `imago files` is asked, checked.
#[derive(Clone, Debug)]
pub struct FilesRequest {
    /// Where the manifests come from.
    pub input: Input,
    /// Folders and files, `.` where none was named. None for standard input.
    pub paths: Vec<PathBuf>,
    /// Globs that a found file has to match, where there are any.
    pub include: Vec<String>,
    /// Globs that a found file must not match.
    pub exclude: Vec<String>,
    /// The same, from the repository's own settings.
    pub of_repository: Option<scan::Globs>,
    /// What to do.
    pub action: Action,
    /// Do all but write.
    pub dry_run: bool,
    /// Whether a check fails on what is held, too.
    pub strict: bool,
    /// Whether a check only asks that each image has a digest, and no registry whether it is the tag's.
    pub pinned: bool,
    /// Whether a run that checks no image fails, and writes nothing.
    pub fail_on_empty: bool,
    /// Which kinds of objects are taken.
    pub kinds: Kinds,
    /// Which files are values of Helm charts, as far as nothing else says so.
    pub values: scan::Globs,
    /// Which of their lists come from the repository's own settings.
    pub kinds_of_repository: KindLists,
    /// Fill `Report::diff`.
    pub diff: bool,
    /// Where a digest's tag is known from.
    pub track: Track,
    /// Whether the tag stays beside the digest.
    pub form: TagForm,
    /// Who chooses the tags.
    pub tags: TagChoice,
    /// Whether Flux's image policies are carried out.
    pub flux_policies: bool,
    /// Which images are taken, by name as written.
    pub images: ImageFilter,
    /// Which of their globs come from the repository's own settings.
    pub images_of_repository: ImageGlobs,
    /// Which objects are selected.
    pub selection: Selection,
    /// More changes than these are not carried out.
    pub max_changes: Option<usize>,
    /// The lock file.
    pub lock: LockUse,
    /// How registries are asked.
    pub registries: registry::Settings,
    /// What is read of images beside their digests.
    pub reading: Reading,
    /// What is committed, where anything is.
    pub git: Option<CommitRequest>,
    /// The files that the report goes to: none of them may be a manifest or the lock.
    pub reports: Vec<PathBuf>,
}

/// Where manifests come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// Folders and files.
    #[default]
    Paths,
    /// Standard input: one stream, which is never written.
    Stdin,
}

impl Input {
    /// Where a report says that its objects are.
    pub(super) fn mode(self) -> Mode {
        match self {
            Self::Paths => Mode::Files,
            Self::Stdin => Mode::Stdin,
        }
    }
}

/// The two lists of globs for images: what is true of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageGlobs {
    /// Of `--include-image`.
    pub include: bool,
    /// Of `--exclude-image`.
    pub exclude: bool,
}

/// What shall be committed, checked.
#[derive(Clone)]
pub struct CommitRequest {
    /// A branch of its own; `None` is the checked-out one.
    pub branch: Option<String>,
    /// Where it is pushed to, where it is.
    pub push: Option<Push>,
    /// The requests that are opened for what is pushed, where any are.
    pub propose: Option<ProposeRequest>,
    /// The author, where it is not the one that Git knows.
    pub author: Option<Person>,
    /// Whether the message bears `Signed-off-by`.
    pub signoff: bool,
    /// The message.
    pub message: Template,
    /// The environment of the `git` program. It may hold secrets, and is never printed.
    pub environment: BTreeMap<OsString, OsString>,
}

impl std::fmt::Debug for CommitRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            branch,
            push,
            propose,
            author,
            signoff,
            message,
            environment: _,
        } = self;
        let mut shown = formatter.debug_struct("CommitRequest");
        shown
            .field("branch", branch)
            .field("push", push)
            .field("propose", propose)
            .field("author", author);
        shown
            .field("signoff", signoff)
            .field("message", message)
            .finish_non_exhaustive()
    }
}

/// How the text of a request is written: the report of what it proposes, its scope, and how many bytes there is room for.
pub type Text = fn(&Report, Option<&str>, usize) -> String;

/// What `--pull-request` asks for, checked.
#[derive(Clone, Debug)]
pub struct ProposeRequest {
    /// The forge's kind, where the remote's address does not tell.
    pub kind: Option<ForgeKind>,
    /// The address of its API, likewise.
    pub api: Option<String>,
    /// The repository there, likewise.
    pub project: Option<String>,
    /// How it is asked.
    pub settings: forge::Settings,
    /// The id of the GitHub App that signs in, and the file with its key.
    pub app: Option<(String, PathBuf)>,
    /// The title of a new request.
    pub title: Option<String>,
    /// The labels of a new request.
    pub labels: Vec<String>,
    /// Who is asked to review a new request.
    pub reviewers: Vec<String>,
    /// Who a new request is assigned to.
    pub assignees: Vec<String>,
    /// Whether a new request is a draft.
    pub is_draft: bool,
    /// Whether the forge merges it once its conditions are met.
    pub merges: bool,
    /// How the changes are split into requests.
    pub group_by: Option<GroupBy>,
    /// How many requests of groups are open at once.
    pub limit: usize,
    /// What the run looks at, for its scope.
    pub scope: Vec<String>,
    /// How a request's text is written.
    pub text: Text,
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The remote's name.
    pub remote: String,
    /// What the remote is told beside.
    pub options: Vec<String>,
}

impl FilesRequest {
    /// Which objects and files are looked for.
    pub(super) fn sought(&self) -> Sought<'_> {
        Sought {
            kinds: &self.kinds,
            values: &self.values,
            texts: match self.wanted() {
                Wanted::Told => Texts::Doubtful,
                _ => Texts::All,
            },
        }
    }

    pub(super) fn scope<'r>(&'r self, at: &'r Workspace) -> scan::Scope<'r> {
        scan::Scope {
            paths: &self.paths,
            include: &self.include,
            exclude: &self.exclude,
            other: self.of_repository.as_ref(),
            current: &at.current,
            opens_relative: at.is_of_the_process(),
            root: &at.root,
        }
    }

    pub(super) fn narrows(&self) -> bool {
        let of_repository =
            |globs: &scan::Globs| !globs.include.is_empty() || !globs.exclude.is_empty();
        !self.include.is_empty()
            || !self.exclude.is_empty()
            || self.of_repository.as_ref().is_some_and(of_repository)
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            tags: self.tags,
            track: self.track,
            form: self.form,
            images: self.images.clone(),
        }
    }

    /// Whether a registry may be asked.
    pub fn asks_registries(&self) -> bool {
        self.asks() && !self.lock.offline
    }

    /// Whether a forge is asked.
    pub fn opens_requests(&self) -> bool {
        self.git.as_ref().is_some_and(|git| git.propose.is_some())
    }

    pub(super) fn asks(&self) -> bool {
        match self.action {
            Action::Restore | Action::Restart => false,
            Action::Check if self.pinned => false,
            Action::Report | Action::Check | Action::Update => true,
        }
    }

    /// Whether an object is taken, by its kind and by what is selected.
    pub(super) fn takes(&self, object: &Object) -> Verdict {
        if !self.kinds.take(object) {
            return Verdict::NotSelected;
        }
        let namespace = object.namespace.as_deref();
        self.selection
            .takes(namespace, &object.name, &object.labels)
    }

    /// What has to be asked for those objects of a file that are selected.
    pub(super) fn questions(&self, objects: &[(usize, Object)], rules: &Rules) -> Vec<Question> {
        let taken = objects.iter().map(|(_, object)| object);
        let taken = taken.filter(|object| self.asks() && self.takes(object) == Verdict::Taken);
        plan::questions(taken, rules)
    }
}
