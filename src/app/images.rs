//! The images of files or of a cluster, as they are written. No registry is asked, and nothing is written.

use super::cluster::ClusterRequest;
use super::commit::BareHead;
use super::report::{Action, Mode, Place, Report};
use super::request::{FilesRequest, Input};
use super::workspace::{Workspace, WorkspaceKind};
use super::{cluster, edits, files, globs, nothing, survey};
use crate::engine::code::Code;
use crate::engine::object::Object;
use crate::engine::plan::{self, Outcome, Rules, State};

/// Every image that was found.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The images: files by path and line, or a cluster by namespace.
    pub images: Vec<Listed>,
    /// What else there is to say: what was passed over, problems, warnings. It has no objects.
    pub report: Report,
}

/// One image.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Where it stands, down to its site.
    pub place: Place,
    /// The name of the shape that found it: `Deployment`.
    pub shape: String,
    /// The `kind` of its object.
    pub kind: String,
    /// `metadata.namespace` of its object, where it is set.
    pub namespace: Option<String>,
    /// The image as written.
    pub image: String,
    /// What it is.
    pub state: State,
    /// What else writes the object in the cluster, so that imago passes it over.
    pub managed: Option<String>,
}

impl Listed {
    /// Why imago would not follow its tag, where there is a code for that.
    pub fn code(&self) -> Option<Code> {
        match &self.state {
            _ if self.managed.is_some() => Some(Code::Managed),
            State::Unpinned | State::Pinned => None,
            State::Decided(outcome) => outcome.code(),
        }
    }

    /// The same in words.
    pub fn reason(&self) -> Option<&str> {
        let managed = self.managed.as_deref();
        managed.or(match &self.state {
            State::Decided(Outcome::Ignored(left_out)) => Some(left_out.by.as_str()),
            State::Decided(Outcome::Held(hold)) => Some(hold.reason.as_str()),
            State::Decided(Outcome::Failed(refusal)) => Some(refusal.cause.as_str()),
            State::Decided(_) | State::Unpinned | State::Pinned => None,
        })
    }
}

/// Lists the images of files. `Err`: nothing could be looked at.
pub fn in_files(request: &FilesRequest, at: &Workspace) -> anyhow::Result<Inventory> {
    let at = &at.of_paths(&request.paths).map_err(|problem| *problem)?;
    let scope = request.scope(at);
    let unasked = |_: &[_]| Vec::new();
    let mut found = match (request.input, at.kind) {
        (Input::Stdin, _) => survey::survey_stdin(&request.kinds, unasked, |_, _| {}),
        (Input::Paths, WorkspaceKind::WorkingTree) => {
            survey::survey(scope, request.sought(), unasked, |_, _| {})
                .map_err(|error| survey::wrong_paths(&error))?
        }
        (Input::Paths, WorkspaceKind::Bare) => {
            let head = BareHead::open(at)?;
            let lock = &request.lock.path;
            (head.committed()).survey(scope, lock, request.sought(), unasked)?
        }
    };
    let mut inventory = Inventory::new(request.input.mode());
    let report = &mut inventory.report;
    report.narrowed = request.narrows();
    report.select(&mut found, request, &at.current);
    report.warnings = std::mem::take(&mut found.warnings);
    report.warnings.extend(files::idle_annotations(&found));
    report.take_survey(&mut found);
    let idle_globs = std::mem::take(&mut found.idle_globs);
    let idle = globs::idle(request, report, idle_globs, &at.current);
    report.warnings.extend(idle);
    let rules = request.rules();
    for manifest in &found.manifests {
        for (_, object) in &manifest.objects {
            inventory.list(edits::place(manifest, object), object, None, &rules);
        }
    }
    inventory
        .images
        .sort_by(|left, right| left.place.cmp_in_files(&right.place));
    let problems = &mut inventory.report.problems;
    problems.sort_by(|left, right| left.place.cmp(&right.place));
    Ok(inventory.finished())
}

/// Lists the images of a cluster's workloads, those that something else writes among them. `Err`: it could not be asked.
pub async fn in_cluster(request: &ClusterRequest, at: &Workspace) -> anyhow::Result<Inventory> {
    let mut inventory = Inventory::new(Mode::Cluster);
    let found = cluster::find(request, at).await?;
    inventory.report.problems = found.problems;
    inventory.report.warnings = found.empty;
    let rules = request.rules();
    for live in &found.lives {
        let managed = live
            .managed
            .as_ref()
            .map(|writer| format!("{writer} writes it"));
        let idle = edits::idle_annotations(&live.workload, &live.name());
        inventory.report.warnings.extend(idle);
        inventory.list(cluster::place(live), &live.workload, managed, &rules);
    }
    Ok(inventory.finished())
}

impl Inventory {
    fn new(mode: Mode) -> Self {
        Self {
            images: Vec::new(),
            report: Report::new(mode, Action::Report),
        }
    }

    /// Adds the images of an object.
    fn list(&mut self, place: Place, object: &Object, managed: Option<String>, rules: &Rules) {
        let states = plan::states(object, rules).unwrap_or_else(|refusal| {
            let problem = edits::unreadable_record(&place, object, refusal.clone());
            self.report.problems.push(problem);
            let failed = || State::Decided(Outcome::Failed(refusal.clone()));
            let states = object.sites.iter();
            states
                .map(|site| site.image.text().map(|_| failed()))
                .collect()
        });
        for (site, state) in object.sites.iter().zip(states) {
            let Some(state) = state else { continue };
            let image = site.image.text().unwrap_or_default().to_owned();
            let place = Place {
                line: site.line.map(u32::from),
                site: Some(Box::new(edits::site_name(object, site))),
                ..place.clone()
            };
            if let State::Decided(Outcome::Failed(refusal)) = &state
                && refusal.code == Code::InvalidImage
            {
                let problem = edits::failed(place.clone(), &image, refusal);
                self.report.problems.push(problem);
            }
            self.images.push(Listed {
                place,
                shape: object.kind.clone(),
                kind: object.kind.clone(),
                namespace: object.namespace.clone(),
                image,
                state,
                managed: managed.clone(),
            });
        }
    }

    fn finished(mut self) -> Self {
        if self.images.is_empty() {
            self.report.warnings.extend(nothing::found(&self.report));
        }
        self
    }
}
