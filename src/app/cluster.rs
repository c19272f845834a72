//! Cluster mode, from top to bottom.
//!
//! It lists workloads, and their pods if those are checked, and resolves digests. Each workload is planned by itself and changed
//! by one patch, which fails if the state that it was planned on has changed. A failure for one kind, namespace or workload is
//! reported, and the others go on.

mod carry;
mod found;
mod kinds;
mod resolved;

use self::carry::Carrier;
use self::found::{PodTable, Workloads};
use self::resolved::{Answered, Resolved};
use super::comments;
use super::copies;
use super::edits::{self, Reported};
use super::gate::Reading;
use super::globs;
use super::nothing;
use super::observer::{Event, Observer};
use super::report::{Action, Mode, Place, Problem, Reach, Report, Skipped};
use super::short::counted;
use super::workspace::Workspace;
use crate::engine::code::Code;
use crate::engine::live::Live;
use crate::engine::plan::{self, Outcome, Plan, Rules, TagChoice};
use crate::engine::policy::{TagForm, Track};
use crate::engine::running::Pods;
use crate::engine::selector::{ImageFilter, Namespaces};
use crate::engine::shape::Kinds;
use crate::io::cluster::{self, Cluster, ClusterError};
use crate::io::registry;

/// The checked options of `imago cluster`.
#[derive(Clone, Debug)]
pub struct ClusterRequest {
    /// Which cluster, and how to ask it.
    pub cluster: cluster::Settings,
    /// What to do with the images.
    pub action: Action,
    /// Let the server rehearse the changes (`dryRun=All`) and keep none.
    pub dry_run: bool,
    /// Whether a check also fails on held images.
    pub strict: bool,
    /// Whether a check only asks that each image has a digest.
    pub pinned: bool,
    /// Whether a run that checks no image fails and changes nothing.
    pub fail_on_empty: bool,
    /// Whether to change an image only if a running pod is on another digest. A restart always checks the pods.
    pub pods: PodCheck,
    /// What to do with workloads that something else writes.
    pub managed: Managed,
    /// Where the tag of a digest is recorded.
    pub track: Track,
    /// Whether the tag stays beside the digest.
    pub form: TagForm,
    /// Who chooses the tags.
    pub tags: TagChoice,
    /// Which images to take, by their name as written.
    pub images: ImageFilter,
    /// Which namespaces to take. `None` means that of the kubeconfig's context or of the service account.
    pub namespaces: Option<Namespaces>,
    /// Which kinds of workloads are taken, beside the four that every server has.
    pub kinds: Kinds,
    /// Label and field selectors of the workloads, in the API server's syntax.
    pub query: cluster::Query,
    /// If there are more changes than this, none is carried out.
    pub max_changes: Option<usize>,
    /// How to ask registries.
    pub registries: registry::Settings,
    /// Whether to use the pull secrets of workloads.
    pub pull_secrets: PullSecrets,
    /// What is read of images beside their digests.
    pub reading: Reading,
    /// The time of the run, in RFC 3339. A restart writes it.
    pub now: String,
}

/// Whether to check what the pods run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodCheck {
    /// Do not check.
    Skip,
    /// Check, and change nothing unless a pod is behind.
    Ask,
}

/// What to do with workloads that something else writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// Skip them: the other writer would undo a change.
    PassOver,
    /// Take them like all others.
    Take,
}

/// Whether to use the pull secrets of workloads and their service accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullSecrets {
    /// Do not read them.
    Ignore,
    /// Read them, and use each only for the images of its workloads.
    Use,
}

/// How many requests to the API server run at once.
const AT_ONCE: usize = 4;

/// Runs cluster mode, on the current runtime. An `Err` means that it could not run and changed nothing.
///
/// It uses only the current folder of the workspace, for the files that settings name.
pub async fn run(
    request: &ClusterRequest,
    at: &Workspace,
    observer: &dyn Observer,
) -> anyhow::Result<Report> {
    let request = &request.reached(at);
    let cluster = request.connect().await?;
    let mut report = Report {
        dry_run: request.dry_run,
        strict: request.strict,
        pinned: request.pinned,
        ..Report::new(Mode::Cluster, request.action)
    };
    if !matches!(request.action, Action::Report | Action::Check) {
        observer.note(Event::Connected {
            to: format!("{}, {}", cluster.name(), found::named(&cluster, request)),
        });
    }
    let Workloads {
        mut lives,
        problems,
        empty,
    } = found::workloads(&cluster, request).await?;
    report.problems.extend(problems);
    report.warnings.extend(empty);
    report.pass_over_managed(&mut lives, request.managed);
    let asks_pods = request.pods == PodCheck::Ask || request.action == Action::Restart;
    let pods = match asks_pods {
        true => Some(found::pods(&cluster, request, &lives).await),
        false => None,
    };
    report
        .problems
        .extend(pods.iter().flat_map(|pods| &pods.problems).cloned());
    let rules = request.rules();
    let resolved = Resolved::ask(
        &cluster,
        request,
        &lives,
        &rules,
        pods.as_ref(),
        &mut report,
        observer,
    )
    .await?;
    let run = Run {
        request,
        cluster: &cluster,
        rules,
        pods,
        resolved,
    };
    let planned: Vec<Planned> = lives
        .into_iter()
        .map(|live| run.plan(live, None, PodsAre::Known))
        .collect();
    let due: usize = planned.iter().map(Planned::due).sum();
    report.stopped_at = request.max_changes.filter(|most| due > *most);
    report.failed_empty = request.fail_on_empty
        && !planned
            .iter()
            .any(|planned| planned.reported.object.is_checked());
    let carried = match report.reach() {
        Reach::Looked => planned,
        Reach::Rehearsed | Reach::Done => Carrier { run: &run }.carry_out(planned).await,
    };
    report
        .warnings
        .extend(put_back_by_helm(&carried, report.reach()));
    for planned in carried {
        report.warnings.extend(planned.warnings);
        report.skipped.extend(planned.reported.skipped);
        report.problems.extend(planned.reported.problems);
        report.objects.push(planned.reported.object);
    }
    report
        .warnings
        .extend(globs::idle_for_images(&request.images, &report));
    report.warnings.extend(globs::leaving_nothing(&report));
    report.warnings.extend(comments::not_understood(&report));
    report.warnings.extend(nothing::checked(&report));
    report.notes = copies::notes(&report);
    report.warnings.extend(copies::unclaimed(&report));
    Ok(report)
}

/// Lists the workloads that are meant, whatever writes them.
pub(super) async fn find(request: &ClusterRequest, at: &Workspace) -> anyhow::Result<Workloads> {
    let request = &request.reached(at);
    let cluster = request.connect().await?;
    found::workloads(&cluster, request).await
}

impl ClusterRequest {
    /// The same, with paths that can be opened.
    fn reached(&self, at: &Workspace) -> Self {
        Self {
            registries: self.registries.reached(|path| at.reach(path)),
            cluster: self.cluster.reached(|path| at.reach(path)),
            ..self.clone()
        }
    }

    async fn connect(&self) -> anyhow::Result<Cluster> {
        let connected = Cluster::connect(&self.cluster).await;
        Ok(connected.map_err(|error| refused(&error))?)
    }

    pub(super) fn rules(&self) -> Rules {
        Rules {
            // A restart pulls what the tags are now, and changes none.
            tags: match self.action {
                Action::Restart => TagChoice::Kept,
                _ => self.tags,
            },
            track: self.track,
            form: self.form,
            images: self.images.clone(),
        }
    }
}

/// Everything that the plan of a workload needs.
struct Run<'r> {
    request: &'r ClusterRequest,
    cluster: &'r Cluster,
    rules: Rules,
    pods: Option<PodTable>,
    resolved: Resolved,
}

/// A workload and its plan.
struct Planned {
    live: Live,
    plan: Plan,
    reported: Reported,
    warnings: Vec<String>,
}

impl Run<'_> {
    /// Plans with the run's answers, or with `later` ones.
    fn plan(&self, live: Live, later: Option<&Answered>, pods_are: PodsAre) -> Planned {
        let request = self.request;
        let Answered {
            answers, manifests, ..
        } = later.unwrap_or_else(|| self.resolved.of(&live));
        let pods = self.pods.as_ref().map(|table| {
            let pods = match pods_are {
                PodsAre::Known => table.of(&live),
                PodsAre::Outdated => Err("it was changed since its pods were read"),
            };
            Pods {
                live: &live,
                pods,
                manifests,
            }
        });
        let plan = match (request.action, &pods) {
            (Action::Restore, _) => plan::restore(&live.workload, &self.rules),
            (Action::Restart, Some(pods)) => {
                plan::restart(pods, &self.rules, answers, &request.now)
            }
            (Action::Check, _) if request.pinned => plan::pins(&live.workload, &self.rules),
            (_, Some(pods)) => plan::update_running(pods, &self.rules, answers),
            (_, None) => plan::update(&live.workload, &self.rules, answers),
        };
        let place = place(&live);
        let (plan, refusal) = match plan {
            Ok(plan) => (plan, None),
            Err(refusal) => (Plan::default(), Some(refusal)),
        };
        let mut reported = edits::report(place.clone(), &live.workload, &plan);
        reported.problems.extend(
            refusal.map(|refusal| edits::unreadable_record(&place, &live.workload, refusal)),
        );
        resolved::name_pull_secrets(request.pull_secrets, &live, &mut reported.problems);
        reported.object.changed = !plan.changes.is_empty();
        let warnings = edits::idle_annotations(&live.workload, &live.name());
        Planned {
            live,
            plan,
            reported,
            warnings,
        }
    }
}

/// Whether the pods that were read belong to the workload's current template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PodsAre {
    Known,
    /// Its template has changed since.
    Outdated,
}

impl Planned {
    /// How many images are to change, or have pods that are behind.
    fn due(&self) -> usize {
        let due = |outcome: &Outcome| {
            matches!(
                outcome,
                Outcome::Outdated(_) | Outcome::Restored(_) | Outcome::Stale { .. }
            )
        };
        self.reported
            .object
            .images
            .iter()
            .filter(|container| due(&container.outcome))
            .count()
    }
}

impl Report {
    fn pass_over_managed(&mut self, lives: &mut Vec<Live>, managed: Managed) {
        if managed == Managed::Take {
            return;
        }
        lives.retain(|live| {
            let Some(manager) = &live.managed else {
                return true;
            };
            let message =
                format!("{manager} writes it; change it at its source, or run with `--managed`");
            self.skipped.push(Skipped {
                code: Code::Managed,
                place: place(live),
                message,
            });
            false
        });
    }
}

/// The most workloads that a sentence names.
const NAMED: usize = 3;

/// A warning: Helm itself writes nothing now, but its next upgrade compares with the chart.
fn put_back_by_helm(carried: &[Planned], reach: Reach) -> Option<String> {
    let changed: Vec<(&Live, &str)> = carried
        .iter()
        .filter(|planned| planned.reported.object.changed)
        .filter_map(|planned| Some((&planned.live, planned.live.helm_release.as_deref()?)))
        .collect();
    let named: Vec<String> = changed
        .iter()
        .take(NAMED)
        .map(|(live, release)| format!("{} (release `{release}`)", live.name()))
        .collect();
    let more = match changed.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let come = match (changed.len(), reach) {
        (0, _) => return None,
        (1, Reach::Done) => {
            "that was changed came with a Helm release, whose next upgrade may put its images back"
        }
        (1, _) => {
            "that would change came with a Helm release, whose next upgrade may put its images back"
        }
        (_, Reach::Done) => {
            "that were changed came with Helm releases, whose next upgrades may put their images back"
        }
        (..) => {
            "that would change came with Helm releases, whose next upgrades may put their images back"
        }
    };
    let workloads = counted(changed.len(), "workload");
    Some(format!(
        "{workloads} {come}; set the digests in the releases' values too: {}{more}",
        named.join(", ")
    ))
}

pub(super) fn place(live: &Live) -> Place {
    Place {
        object: Some(live.name()),
        ..Place::default()
    }
}

/// The report's problem for an error of the API server.
fn refused(error: &ClusterError) -> Problem {
    Problem {
        code: error.code(),
        what: error.to_string(),
        place: Place::default(),
        cause: error.cause(),
        hint: error.hint(),
    }
}
