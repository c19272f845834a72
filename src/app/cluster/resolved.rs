//! The answers of registries, for each group of workloads with the same pull secrets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;

use super::found::{self, PodTable};
use super::{ClusterRequest, PullSecrets, Run};
use crate::app::observer::{Event, Observer};
use crate::app::report::{Action, Problem, Report};
use crate::app::resolve::{self, Wanted};
use crate::app::source::{self, Sourced};
use crate::engine::answer::{Answers, Index};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::engine::live::Live;
use crate::engine::plan::{self, Rules};
use crate::engine::running::Pods;
use crate::io::cluster::Cluster;
use crate::io::registry::{self, Registry};

/// Changes the hint of a missing login if the workload has pull secrets: use those.
pub(super) fn name_pull_secrets(used: PullSecrets, live: &Live, problems: &mut [Problem]) {
    if used == PullSecrets::Use || live.pull_secrets.is_empty() {
        return;
    }
    let names: Vec<String> = live
        .pull_secrets
        .iter()
        .map(|name| format!("`{}/{name}`", live.namespace))
        .collect();
    let hint = format!(
        "add `--image-pull-secrets`, which uses the workload's own: {}",
        names.join(", ")
    );
    for problem in problems
        .iter_mut()
        .filter(|problem| lacks_credentials(problem))
    {
        problem.hint = Some(hint.clone());
    }
}

fn lacks_credentials(problem: &Problem) -> bool {
    // Credentials that were accepted but may not pull have another hint.
    matches!(
        problem.code,
        Code::Unauthorized | Code::Forbidden | Code::CredentialsRefused
    ) && problem
        .hint
        .as_ref()
        .is_some_and(|hint| hint.contains("docker login"))
}

/// The answers of registries, for each group of workloads with the same pull secrets.
#[derive(Default)]
pub(super) struct Resolved {
    groups: Vec<Answered>,
    /// The group of each workload, by uid. A missing one is in the first group.
    of: BTreeMap<String, usize>,
}

/// The queries of one group of workloads, and their answers.
#[derive(Clone, Default)]
pub(super) struct Answered {
    registry: Option<Arc<Registry>>,
    asked: Wanted,
    pub(super) answers: Answers,
    /// The manifests of the indexes that were read.
    pub(super) manifests: BTreeMap<Digest, Index>,
}

impl Resolved {
    /// Asks everything that an action needs. A restore and a check of pins need nothing.
    pub(super) async fn ask(
        cluster: &Cluster,
        request: &ClusterRequest,
        lives: &[Live],
        rules: &Rules,
        pods: Option<&PodTable>,
        report: &mut Report,
        observer: &dyn Observer,
    ) -> anyhow::Result<Self> {
        if request.action == Action::Restore || request.pinned {
            return Ok(Self {
                groups: vec![Answered::default()],
                of: BTreeMap::new(),
            });
        }
        let groups = match request.pull_secrets {
            PullSecrets::Ignore => vec![(Vec::new(), lives.iter().collect())],
            PullSecrets::Use => found::by_pull_secrets(cluster, lives, &mut report.warnings).await,
        };
        let first = source::registries(&request.registries)?;
        let mut open = Vec::new();
        for (secrets, lives) in groups {
            let settings = registry::Settings {
                pull_secrets: secrets,
                ..request.registries.clone()
            };
            let registry = source::registries_beside(&first, settings)?;
            let mut asked = plan::wanted(lives.iter().map(|live| &live.workload), rules);
            if let (Action::Restart, Some(pods)) = (request.action, pods) {
                // The new digest must not lack a platform of what runs now, either.
                lives
                    .iter()
                    .for_each(|live| add_running(&mut asked, live, rules, pods));
            }
            open.push((registry, lives, asked));
        }
        let progress = Together::start(open.iter().map(|(.., asked)| asked.len()).sum(), observer);
        // All groups at once, because a registry that hangs would delay one group after the other.
        let answered = open.into_iter().map(async |(registry, lives, asked)| {
            let answers = resolve::resolve(&registry, &asked, request.reading, |event| {
                progress.pass(event)
            })
            .await;
            let mut answered = Answered {
                registry: Some(registry),
                asked,
                answers,
                manifests: BTreeMap::new(),
            };
            if let Some(pods) = pods {
                answered.look_into_indexes(&lives, rules, pods).await;
            }
            (answered, lives)
        });
        let mut resolved = Self::default();
        for (answered, lives) in join_all(answered).await {
            if let Some(registry) = &answered.registry {
                let Sourced { warnings, ways, .. } = Sourced::by(registry, Answers::new());
                report.warnings.extend(warnings);
                report.ways.extend(ways);
            }
            resolved.of.extend(
                lives
                    .iter()
                    .map(|live| (live.uid.clone(), resolved.groups.len())),
            );
            resolved.groups.push(answered);
        }
        Ok(resolved)
    }

    /// The answers for a workload.
    pub(super) fn of(&self, live: &Live) -> &Answered {
        &self.groups[self.of.get(&live.uid).copied().unwrap_or_default()]
    }
}

/// Shows the progress of several concurrent groups as one.
struct Together<'a> {
    total: usize,
    done: AtomicUsize,
    observer: &'a dyn Observer,
}

impl<'a> Together<'a> {
    fn start(total: usize, observer: &'a dyn Observer) -> Self {
        observer.note(Event::Started { total });
        Self {
            total,
            done: AtomicUsize::new(0),
            observer,
        }
    }

    fn pass(&self, event: Event) {
        if let Event::Answered { lookup, answer, .. } = event {
            self.observer.note(Event::Answered {
                lookup,
                answer,
                done: self.done.fetch_add(1, Ordering::Relaxed) + 1,
                total: self.total,
            });
        }
    }
}

impl Answered {
    /// Reads the index behind each tag of which a pod runs another digest, because that may be a manifest in the index. If it
    /// cannot be read, the image gets a problem: whether the pod is behind is unknown.
    async fn look_into_indexes(&mut self, lives: &[&Live], rules: &Rules, pods: &PodTable) {
        let none = BTreeMap::new();
        let mut asked: BTreeMap<Lookup, Digest> = BTreeMap::new();
        for live in lives {
            let pods = Pods {
                live,
                pods: pods.of(live),
                manifests: &none,
            };
            for (container, lookup) in plan::follows(&live.workload, rules) {
                let Some(Ok(answer)) = self.answers.get(&lookup) else {
                    continue;
                };
                if pods
                    .running(container)
                    .any(|running| *running != answer.digest)
                {
                    asked.insert(lookup, answer.digest.clone());
                }
            }
        }
        let Some(registry) = &self.registry else {
            return;
        };
        for (lookup, manifests) in resolve::manifests(&**registry, &asked).await {
            match manifests {
                Ok(manifests) => {
                    self.manifests.insert(asked[&lookup].clone(), manifests);
                }
                Err(refusal) => {
                    self.answers.insert(lookup, Err(refusal));
                }
            }
        }
    }
}

/// Adds the digests that pods run to the recorded ones, which a new digest is compared with.
fn add_running(asked: &mut Wanted, live: &Live, rules: &Rules, pods: &PodTable) {
    let none = BTreeMap::new();
    let pods = Pods {
        live,
        pods: pods.of(live),
        manifests: &none,
    };
    for (container, lookup) in plan::follows(&live.workload, rules) {
        asked
            .entry(lookup)
            .or_default()
            .extend(pods.running(container).cloned());
    }
}

impl Run<'_> {
    /// Asks again for a workload that has changed since the first queries. `None` if it needs no new answer.
    pub(super) async fn ask_again(&self, live: &Live) -> Option<Answered> {
        let mut answered = self.resolved.of(live).clone();
        let registry = answered.registry.clone()?;
        let mut wanted = plan::wanted([&live.workload], &self.rules);
        wanted.retain(|lookup, digests| {
            answered
                .asked
                .get(lookup)
                .is_none_or(|asked| !digests.is_subset(asked))
        });
        if wanted.is_empty() {
            return None;
        }
        answered
            .answers
            .extend(resolve::resolve(&registry, &wanted, self.request.reading, |_| ()).await);
        if let Some(pods) = &self.pods {
            answered.look_into_indexes(&[live], &self.rules, pods).await;
        }
        Some(answered)
    }
}
