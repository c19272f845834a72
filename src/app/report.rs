//! The result of a run as data: what was looked at, what was decided, what went wrong.
//!
//! Everything is in document order, files by path, so that the order of what is printed depends on the input alone. This file renders
//! nothing; `cli::render` does.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::engine::code::{Code, CodeKind};
pub use crate::engine::hold::Hold;
use crate::engine::image::{Digest, ImageRef};
use crate::engine::plan::Unclaimed;
pub use crate::engine::plan::{Choice, LeftOut, Outcome};
pub use crate::engine::site::Role;
use crate::engine::source_link::SourceLink;

/// Where the objects of a run are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// In files.
    Files,
    /// In standard input, which is read as one file and never written.
    Stdin,
    /// In a cluster.
    Cluster,
}

impl Mode {
    /// What the run calls one object: in a cluster only those are taken that run pods.
    pub fn object(self) -> &'static str {
        match self {
            Self::Files | Self::Stdin => "object",
            Self::Cluster => "workload",
        }
    }
}

/// What a run was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Say what would change; write nothing.
    Report,
    /// As `Report`, and something outdated is a failure.
    Check,
    /// Pin every image to its tag's digest.
    Update,
    /// Put back the images that the annotation records.
    Restore,
    /// Make the pods be replaced that are not on their tag's digest. In a cluster only.
    Restart,
}

/// How standard input is named in a report, as compilers and ripgrep do.
pub const STDIN: &str = "<stdin>";

/// One run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where its objects are.
    pub mode: Mode,
    /// What was asked.
    pub action: Action,
    /// Whether an action was carried out up to, and without, its last step.
    pub dry_run: bool,
    /// Whether a check fails on what is held, too.
    pub strict: bool,
    /// Whether the check only asked that each image has a digest.
    pub pinned: bool,
    /// Whether no image was checked, and that is a failure (`--fail-on-empty`). Nothing was carried out then.
    pub failed_empty: bool,
    /// Every object that was taken, in order.
    pub objects: Vec<Box<ObjectReport>>,
    /// How many files were read.
    pub files_seen: usize,
    /// Those that hold no object with images, as named to the user, without templates and files that have a problem.
    pub files_without_objects: Vec<String>,
    /// The files that were changed (or would be, where nothing is written), as named to the user.
    pub files_changed: Vec<String>,
    /// Whether globs narrowed down which files were read.
    pub narrowed: bool,
    /// What was seen and passed over on purpose.
    pub skipped: Vec<Skipped>,
    /// Kinds with images that this program does not edit, with how many were seen: `HelmRelease`, …
    pub unhandled: BTreeMap<String, usize>,
    /// The kinds of several groups that one name of a run fits, one sentence each.
    pub kinds: Vec<String>,
    /// Objects that `-n` did not take because they name no namespace.
    pub without_namespace: usize,
    /// Objects that kinds, namespaces or selectors left out for another reason.
    pub not_selected: usize,
    /// Everything that went wrong with one file, object or image.
    pub problems: Vec<Problem>,
    /// Who answered by choice of the repository's settings and not of the images, one sentence each. Every form says them first, and
    /// cuts them last.
    pub detours: Vec<String>,
    /// What a person should know although it went on, one sentence each: ``the registry's digest for `web:1` is not that of its bytes``.
    pub warnings: Vec<String>,
    /// What a person may not expect and nothing has to be done about, one sentence each: `1 fixed image of … follows its tag in …`.
    pub notes: Vec<String>,
    /// How each answer was found, by what was asked: who was asked, with whose credentials, and what came back. No step holds a secret.
    pub ways: BTreeMap<String, Vec<String>>,
    /// The changes as one unified diff, where it was asked for.
    pub diff: Option<String>,
    /// What was committed, where it was asked for.
    pub git: Option<Committed>,
    /// The requests of the run, where it was asked for any.
    pub proposed: Vec<Proposed>,
    /// Entries of the lock that a check found to be outdated.
    pub lock: Vec<LockedEntry>,
    /// More images would change than `--max-changes` allows, so nothing was carried out: the limit.
    pub stopped_at: Option<usize>,
}

impl Report {
    /// The report of a run that has looked at nothing yet.
    pub fn new(mode: Mode, action: Action) -> Self {
        Self {
            mode,
            action,
            dry_run: false,
            strict: false,
            pinned: false,
            failed_empty: false,
            objects: Vec::new(),
            files_seen: 0,
            files_without_objects: Vec::new(),
            files_changed: Vec::new(),
            narrowed: false,
            skipped: Vec::new(),
            unhandled: BTreeMap::new(),
            kinds: Vec::new(),
            without_namespace: 0,
            not_selected: 0,
            problems: Vec::new(),
            detours: Vec::new(),
            warnings: Vec::new(),
            notes: Vec::new(),
            ways: BTreeMap::new(),
            diff: None,
            git: None,
            proposed: Vec::new(),
            lock: Vec::new(),
            stopped_at: None,
        }
    }

    /// A report of the same run without anything that was found.
    pub fn part_of(whole: &Self) -> Self {
        Self {
            dry_run: whole.dry_run,
            ..Self::new(whole.mode, whole.action)
        }
    }

    /// How far the plan was carried out.
    pub fn reach(&self) -> Reach {
        match self.action {
            Action::Report | Action::Check => Reach::Looked,
            Action::Update | Action::Restore | Action::Restart => match self.stopped_at {
                Some(_) => Reach::Looked,
                None if self.failed_empty => Reach::Looked,
                None if self.git.as_ref().is_some_and(|git| git.already) => Reach::Looked,
                None if self.dry_run => Reach::Rehearsed,
                None => Reach::Done,
            },
        }
    }

    /// Every image that was taken.
    pub fn images(&self) -> impl Iterator<Item = &ImageReport> {
        self.objects.iter().flat_map(|object| &object.images)
    }

    /// How many fixed images name their tag beside the digest: `--track tag` would follow these.
    pub fn fixed_with_tag(&self) -> usize {
        let fixed = self
            .images()
            .filter(|image| matches!(image.outcome, Outcome::Fixed));
        fixed
            .filter(|image| ImageRef::parse(&image.image).is_ok_and(|image| image.tag().is_some()))
            .count()
    }

    /// The images by what was decided.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for image in self.images() {
            counts.images += 1;
            *match image.outcome {
                Outcome::Ok => &mut counts.ok,
                Outcome::Fixed => &mut counts.fixed,
                Outcome::Outdated(_) => &mut counts.outdated,
                Outcome::Unpinned { .. } => &mut counts.unpinned,
                Outcome::Restored(_) => &mut counts.restored,
                Outcome::Stale { .. } => &mut counts.stale,
                Outcome::Unchecked(_) => &mut counts.unchecked,
                Outcome::Kept(_) => &mut counts.kept,
                Outcome::Ignored(_) => &mut counts.ignored,
                Outcome::Variable => &mut counts.variable,
                Outcome::Held(_) => &mut counts.held,
                Outcome::Failed(_) => &mut counts.failed,
            } += 1;
        }
        counts
    }
}

/// What became of a run in Git.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The name of the commit that was made or pushed, in full; `None` where there was none.
    pub commit: Option<String>,
    /// The branch that it is on; `None` on a detached HEAD.
    pub branch: Option<String>,
    /// The remote, where it was to be pushed.
    pub remote: Option<String>,
    /// Whether this run has pushed.
    pub pushed: bool,
    /// Whether that was what earlier runs had committed, and nothing else.
    pub waited: bool,
    /// Whether the branch had this commit already, so that this run has changed nothing.
    pub already: bool,
    /// Whether the branch has commits of an earlier run, and this run found nothing to change.
    pub stale: bool,
    /// The remote's commit that the branch and the files here were brought to, in full.
    pub followed: Option<String>,
}

/// A pull or merge request of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposed {
    /// The branch with the changes.
    pub branch: String,
    /// The branch that they go into.
    pub base: String,
    /// The folder or the image that it is for, where the run is split.
    pub group: Option<String>,
    /// What the forge calls it: `pull request`.
    pub noun: &'static str,
    /// What was done.
    pub state: ProposedState,
    /// How people refer to it: `#12`, or `!12`. `None`: there is none.
    pub reference: Option<String>,
    /// Its number.
    pub number: Option<u64>,
    /// Its address for people.
    pub url: Option<String>,
    /// The commit that its branch is on, where it is ours.
    pub commit: Option<String>,
}

/// What was done with a request, or in a rehearsal would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposedState {
    /// There is nothing to propose, and no request.
    Nothing,
    /// It was opened.
    Opened,
    /// Its branch or its text was brought up to date.
    Updated,
    /// It has this plan already.
    Unchanged,
    /// It was closed: nothing is left of it.
    Closed,
    /// A person has closed it, so it stays closed until the plan is another.
    StaysClosed,
    /// Its branch has a person's commits, so nothing was changed.
    Foreign,
    /// The branch was pushed, and the forge could not be asked for its request.
    Pushed,
    /// It stays as it is, because the run has problems.
    Waits,
    /// It was not opened, because enough requests are open.
    OverLimit,
    /// The forge has refused it.
    Failed,
}

impl ProposedState {
    /// The word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Closed => "closed",
            Self::StaysClosed => "stays-closed",
            Self::Foreign => "foreign-commits",
            Self::Pushed => "pushed",
            Self::Waits => "waits",
            Self::OverLimit => "over-limit",
            Self::Failed => "failed",
        }
    }

    /// Whether the request is open at the forge: `Some(false)` where it is closed, `None` where it is not known or there is none.
    pub fn is_open(self) -> Option<bool> {
        match self {
            Self::Opened | Self::Updated | Self::Unchanged | Self::Foreign => Some(true),
            Self::Closed | Self::StaysClosed => Some(false),
            Self::Nothing | Self::Pushed | Self::Waits | Self::OverLimit | Self::Failed => None,
        }
    }
}

/// An entry of the lock that is not its tag's digest now, nor what its images are held on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedEntry {
    /// The lock.
    pub place: Place,
    /// The image, with its tag.
    pub image: String,
    /// The digest that the lock has.
    pub locked: String,
    /// The digest that the tag has now.
    pub digest: String,
}

impl LockedEntry {
    /// Whether it is the choice of a policy, with tags instead of digests. They are empty where no tag fits.
    pub fn is_choice(&self) -> bool {
        Digest::parse(&self.digest).is_err()
    }

    /// What is on the new digest, or takes the new tag.
    pub fn taker(&self) -> &'static str {
        match self.is_choice() {
            true => "the policy takes",
            false => "its tag is on",
        }
    }
}

/// How far a plan was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing was to be written, the plan was stopped (`Report::stopped_at`), or its branch had it already (`Committed::already`).
    Looked,
    /// All but the last step.
    Rehearsed,
    /// Written, where nothing failed.
    Done,
}

/// Images by what was decided; the fields are those of [`Outcome`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "the fields are the variants of `Outcome`, which are documented"
)]
pub struct Counts {
    pub images: usize,
    pub ok: usize,
    pub fixed: usize,
    pub outdated: usize,
    pub unpinned: usize,
    pub restored: usize,
    pub stale: usize,
    pub unchecked: usize,
    pub kept: usize,
    pub ignored: usize,
    pub variable: usize,
    pub held: usize,
    pub failed: usize,
}

/// One object and its images.
#[derive(Clone, Debug)]
pub struct ObjectReport {
    /// Where it stands.
    pub place: Place,
    /// The name of the shape that found its images: `Deployment`.
    pub shape: String,
    /// Its `kind`.
    pub kind: String,
    /// `metadata.namespace`, where it is set.
    pub namespace: Option<String>,
    /// `metadata.name`.
    pub name: String,
    /// Its images, list by list as its shape names them.
    pub images: Vec<ImageReport>,
    /// Whether it was (or, where nothing is written, would be) changed: its file, or its object in the cluster.
    pub changed: bool,
    /// Where its record and its images differ.
    pub unclaimed: Unclaimed,
}

impl ObjectReport {
    /// Whether any of its images was checked.
    pub fn is_checked(&self) -> bool {
        self.images.iter().any(ImageReport::is_checked)
    }
}

/// One image.
#[derive(Clone, Debug)]
pub struct ImageReport {
    /// Its site.
    pub site: SiteName,
    /// The line of the image in its file, from 1.
    pub line: Option<u32>,
    /// The image as written.
    pub image: String,
    /// What was decided.
    pub outcome: Outcome,
    /// What a policy has chosen, where one does. Boxed, as the site of a place is: few have one, and a report has many images.
    pub choice: Option<Box<Choice>>,
    /// Where the source of the new image is, where that was read and the image says it.
    pub source: Option<Arc<SourceLink>>,
}

impl ImageReport {
    /// The choice of a policy that moves the tag, where it does.
    pub fn moved(&self) -> Option<&Choice> {
        let choice = self.choice.as_deref()?;
        let is_moved = choice.from != choice.to && self.outcome.new_image().is_some();
        is_moved.then_some(choice)
    }
}

impl ImageReport {
    /// Whether its tag was looked up, or its record was compared: what is fixed, held, left out or a placeholder was not.
    pub fn is_checked(&self) -> bool {
        match &self.outcome {
            Outcome::Fixed | Outcome::Ignored(_) | Outcome::Variable => false,
            Outcome::Held(hold) => hold.digest.is_some(),
            Outcome::Ok
            | Outcome::Outdated(_)
            | Outcome::Unpinned { .. }
            | Outcome::Restored(_)
            | Outcome::Kept(_)
            | Outcome::Stale { .. }
            | Outcome::Unchecked(_)
            | Outcome::Failed(_) => true,
        }
    }

    /// The code of what was decided, where it has one.
    pub fn code(&self) -> Option<Code> {
        self.outcome.code()
    }
}

/// Where something stands, as far as is known. Places are in the order in which a run reads files: folder by folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, as named to the user.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// `Deployment/web`; in a cluster with its namespace, `default/Deployment/web`.
    pub object: Option<String>,
    /// The site in the object.
    pub site: Option<Box<SiteName>>,
}

/// Which of an object's images is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SiteName {
    /// What the image is for.
    pub role: Role,
    /// The name by which people know it: a container's, or the path of its mapping.
    pub name: String,
    /// Where it is written, from the root of its object: `spec.template.spec.containers[0].image`.
    pub path: String,
}

impl fmt::Display for SiteName {
    /// ``container `app` ``
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Container | Role::InitContainer => write!(f, "container `{}`", self.name),
            Role::Volume => write!(f, "volume `{}`", self.name),
            Role::Other => write!(f, "`{}`", self.name),
        }
    }
}

impl Place {
    /// By the file, component by component of its path, and then by the line; what stands in no file comes first.
    pub fn cmp_in_files(&self, other: &Self) -> Ordering {
        fn path(place: &Place) -> impl Iterator<Item = &str> {
            place.file.iter().flat_map(|file| file.split('/'))
        }
        path(self).cmp(path(other)).then(self.line.cmp(&other.line))
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        self.cmp_in_files(other)
            .then_with(|| (&self.object, &self.site).cmp(&(&other.object, &other.site)))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Something that was passed over on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// A stable word for programs: `template`, `variable`, `ignored`, …
    pub code: Code,
    /// What was passed over.
    pub place: Place,
    /// Why, in a sentence without a full stop.
    pub message: String,
}

impl Skipped {
    /// Whether it is held: somebody has to look, and a strict check fails.
    pub fn is_held(&self) -> bool {
        self.code.kind() == CodeKind::Held
    }
}

/// Something that went wrong with one file, object or image, and did not stop the rest. As an error it stops the run, and still has its
/// cause and its hint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Problem {
    /// A stable word for programs: `yaml-syntax`, `shared-anchor`, `unauthorized`, …
    pub code: Code,
    /// What failed: ``cannot resolve `registry.example.test/web:1.4` ``.
    pub what: String,
    /// Where.
    pub place: Place,
    /// Why: `the registry answered 401 Unauthorized`.
    pub cause: String,
    /// One thing to do: ``run `docker login registry.example.test` ``.
    pub hint: Option<String>,
}

#[cfg(test)]
impl SiteName {
    /// The first container.
    pub(crate) fn container(name: &str) -> Self {
        Self {
            role: Role::Container,
            name: name.to_owned(),
            path: "spec.template.spec.containers[0].image".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_in_the_order_in_which_files_are_read() {
        let place = |file: Option<&str>, line| Place {
            file: file.map(str::to_owned),
            line,
            ..Place::default()
        };
        let places = [
            place(None, None),
            place(Some("b/a.yaml"), None),
            place(Some("b/a.yaml"), Some(9)),
            place(Some("b/a.yaml"), Some(10)),
            place(Some("b/c/a.yaml"), Some(1)),
            place(Some("b-c/a.yaml"), Some(1)),
            place(Some("b.d/a.yaml"), Some(1)),
        ];
        assert!(places.is_sorted());
    }
}
