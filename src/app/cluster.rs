//! Cluster mode, top to bottom.
//!
//! Workloads are listed, and their pods where they are asked; digests are resolved; each workload is planned by itself, and changed by one
//! patch that holds only on what was planned on. What fails for one kind, namespace or workload is told, and the others go on.

mod carry;
mod found;
mod resolved;

use self::carry::Carrier;
use self::found::{Found, PodTable};
use self::resolved::{Answered, Resolved};
use super::copies;
use super::edits::{self, Reported};
use super::globs;
use super::nothing;
use super::observer::{Event, Observer};
use super::report::{Action, Mode, Place, Problem, Reach, Report, Skipped};
use super::resolve::PlatformLoss;
use super::workspace::Workspace;
use crate::engine::code::Code;
use crate::engine::live::Live;
use crate::engine::plan::{self, Outcome, Plan, Rules};
use crate::engine::policy::{TagForm, Track};
use crate::engine::running::Pods;
use crate::engine::selector::{ImageFilter, Namespaces};
use crate::io::cluster::{self, Cluster, ClusterError};
use crate::io::registry;

/// What `imago cluster` is asked, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which cluster, and how it is asked.
    pub cluster: cluster::Settings,
    /// What to do.
    pub action: Action,
    /// Have the server rehearse the changes, and keep none.
    pub dry_run: bool,
    /// Whether a check fails on what is held, too.
    pub strict: bool,
    /// Whether a run that checks no image fails, and changes nothing.
    pub fail_on_empty: bool,
    /// Whether an image is changed only where a running pod is on another digest. A restart always asks them.
    pub pods: PodCheck,
    /// What happens to workloads that something else writes.
    pub managed: Managed,
    /// Where a digest's tag is known from.
    pub track: Track,
    /// Whether the tag stays beside the digest.
    pub form: TagForm,
    /// Which images are taken, by name as written.
    pub images: ImageFilter,
    /// Which namespaces; `None` is the one of the kubeconfig's context, or of the service account.
    pub namespaces: Option<Namespaces>,
    /// Labels and fields of the workloads, as the API server takes them.
    pub query: cluster::Query,
    /// More changes than these are not carried out.
    pub max_changes: Option<usize>,
    /// How registries are asked.
    pub registries: registry::Settings,
    /// Whether the pull secrets of workloads are used.
    pub pull_secrets: PullSecrets,
    /// What happens to a new digest that lacks a platform.
    pub platform_loss: PlatformLoss,
    /// The time of the run, in RFC 3339: what a restart writes.
    pub now: String,
}

/// Whether pods are asked what they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PodCheck {
    /// They are not.
    Skip,
    /// They are, and nothing is changed that none of them is behind on.
    Ask,
}

/// What happens to workloads that something else writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// They are passed over: what is written there would be undone.
    PassOver,
    /// They are taken as all others.
    Take,
}

/// Whether the pull secrets that workloads and their service accounts name are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullSecrets {
    /// They are not read.
    Ignore,
    /// They are, for the images of these workloads alone.
    Use,
}

/// How many requests to the API server are under way at once.
const AT_ONCE: usize = 4;

/// Runs cluster mode, on the runtime that it is called in. `Err`: it could not run, and nothing was changed.
///
/// Of the workspace it knows the current folder alone, for the files that settings name.
pub async fn run(
    request: &Request,
    at: &Workspace,
    observer: &dyn Observer,
) -> anyhow::Result<Report> {
    let request = &Request {
        registries: request.registries.reached(|path| at.reach(path)),
        cluster: request.cluster.reached(|path| at.reach(path)),
        ..request.clone()
    };
    let cluster = Cluster::connect(&request.cluster)
        .await
        .map_err(|error| refused(&error))?;
    let mut report = Report {
        dry_run: request.dry_run,
        strict: request.strict,
        ..Report::new(Mode::Cluster, request.action)
    };
    if !matches!(request.action, Action::Report | Action::Check) {
        observer.note(Event::Connected {
            to: format!("{}, {}", cluster.name(), found::named(&cluster, request)),
        });
    }
    let Found {
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
    let rules = Rules {
        track: request.track,
        form: request.form,
        images: request.images.clone(),
    };
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
    report.warnings.extend(nothing::checked(&report));
    report.notes = copies::notes(&report);
    report.warnings.extend(copies::unclaimed(&report));
    Ok(report)
}

/// All that a workload is planned with.
struct Run<'r> {
    request: &'r Request,
    cluster: &'r Cluster,
    rules: Rules,
    pods: Option<PodTable>,
    resolved: Resolved,
}

/// A workload and what shall become of it.
struct Planned {
    live: Live,
    plan: Plan,
    reported: Reported,
    warnings: Vec<String>,
}

impl Run<'_> {
    /// Plans by the run's answers, or by later ones.
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

/// Whether the pods that were read are those of the workload as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PodsAre {
    /// They are.
    Known,
    /// It has another template since.
    Outdated,
}

impl Planned {
    /// How many images change, or pods are behind.
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
            let message = format!(
                "{manager} writes it; change it where it comes from, or take it with `--managed`"
            );
            self.skipped.push(Skipped {
                code: Code::Managed,
                place: place(live),
                message,
            });
            false
        });
    }
}

/// How many workloads a sentence names.
const NAMED: usize = 3;

/// Helm writes nothing by itself, but its next upgrade compares with the chart.
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
    let workloads = if changed.len() == 1 {
        "1 workload".to_owned()
    } else {
        format!("{} workloads", changed.len())
    };
    Some(format!(
        "{workloads} {come}; set the digests in the releases' values too: {}{more}",
        named.join(", ")
    ))
}

fn place(live: &Live) -> Place {
    Place {
        object: Some(live.name()),
        ..Place::default()
    }
}

/// What the API server's refusal is to the report.
fn refused(error: &ClusterError) -> Problem {
    Problem {
        code: error.code(),
        what: error.to_string(),
        place: Place::default(),
        cause: error.cause(),
        hint: error.hint(),
    }
}
