//! Changes workloads in the cluster. Each gets one patch, which fails if the state that it was planned on has changed. Then the
//! workload is read and planned again.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use super::{AT_ONCE, Managed, Planned, PodsAre, Run, place, refused};
use crate::app::report::Problem;
use crate::engine::change::Change;
use crate::engine::code::Code;
use crate::engine::live::Live;
use crate::engine::patch::{Basis, ValidFor, patch};
use crate::io::cluster::{Query, Resource, Send};
use crate::io::interrupt;

/// How often a workload is patched while others keep changing it.
const TRIES: u32 = 5;
/// For the first three tries the resourceVersion must match. After that, only the texts must, because something writes the status
/// all the time.
const EXACT_TRIES: u32 = 3;
/// The pause before the workload is read again. It doubles for each further try, because controllers write their status in
/// bursts.
const PAUSE: Duration = Duration::from_millis(50);

/// Carries out plans.
pub(super) struct Carrier<'r> {
    pub(super) run: &'r Run<'r>,
}

impl Carrier<'_> {
    /// Patches each workload whose plan has changes, a few at a time. Keeps the order.
    pub(super) async fn carry_out(&self, planned: Vec<Planned>) -> Vec<Planned> {
        // From here on a signal waits for the patches under way, so that the report says what was changed.
        let _held = interrupt::hold();
        stream::iter(planned.into_iter().map(|planned| self.one(planned)))
            .buffered(AT_ONCE)
            .collect()
            .await
    }

    async fn one(&self, mut planned: Planned) -> Planned {
        if let (false, Some(signal)) = (planned.plan.changes.is_empty(), interrupt::noted()) {
            let problem = Problem {
                code: Code::Interrupted,
                what: format!("{} was not changed", planned.live.name()),
                place: place(&planned.live),
                cause: format!("{signal} ended the run before its turn"),
                hint: Some("run it again".to_owned()),
            };
            return failed(planned, problem);
        }
        let send = if self.run.request.dry_run {
            Send::DryRun
        } else {
            Send::ForReal
        };
        for attempt in 0..TRIES {
            let live = &planned.live;
            if planned.plan.changes.is_empty() {
                return planned;
            }
            let ground = if self.run.pods.is_some() {
                Basis::Pods
            } else {
                Basis::Texts
            };
            let hold = if attempt < EXACT_TRIES {
                ValidFor::Version
            } else {
                ValidFor::Texts
            };
            let patch = patch(live, &planned.plan.changes, ground, hold);
            let sent = self
                .run
                .cluster
                .patch(
                    &live.kind,
                    &live.namespace,
                    &live.workload.name,
                    &patch,
                    send,
                )
                .await;
            match sent {
                Ok(kept) => {
                    let differences = differences(live, &planned.plan.changes, &kept);
                    planned.warnings.extend(differences);
                    return planned;
                }
                Err(error) if error.is_conflict() && attempt + 1 == TRIES => break,
                Err(error) if error.is_conflict() => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
                    planned = match self.again(&planned).await {
                        Ok(planned) => planned,
                        Err(problem) => return failed(planned, *problem),
                    };
                }
                Err(error) => {
                    let problem = Problem {
                        place: place(live),
                        ..refused(&error)
                    };
                    return failed(planned, problem);
                }
            }
        }
        let problem = Problem {
            code: Code::Conflict,
            what: format!("cannot change {}", planned.live.name()),
            place: place(&planned.live),
            cause: format!("something else changed it each of the {TRIES} times that imago tried"),
            hint: Some("run again; something else may write this workload all the time".to_owned()),
        };
        failed(planned, problem)
    }

    /// Reads a workload again and plans it again.
    async fn again(&self, before: &Planned) -> Result<Planned, Box<Problem>> {
        let live = &before.live;
        let (kind, name) = (&*live.kind, &live.workload.name);
        let query = Query {
            fields: Query::named(name).fields,
            labels: self.run.request.query.labels.clone(),
        };
        let listed = self
            .run
            .cluster
            .list(
                Resource::Workloads(kind),
                Some(&live.namespace),
                &query,
                |object| Live::read_as(&object, kind),
            )
            .await;
        let listed = listed.map_err(|error| {
            Box::new(Problem {
                place: place(live),
                ..refused(&error)
            })
        })?;
        let gone = |cause: &str, hint: &str| {
            Box::new(Problem {
                code: Code::ChangedMeanwhile,
                what: format!("cannot change {}", live.name()),
                place: place(live),
                cause: cause.to_owned(),
                hint: Some(hint.to_owned()),
            })
        };
        let Some(found) = listed.into_iter().next() else {
            return Err(gone(
                "it was deleted, or its labels were changed, since it was read",
                "run it again",
            ));
        };
        if found.uid != live.uid {
            return Err(gone(
                "it was deleted and created again since it was read",
                "run it again",
            ));
        }
        if let (Some(manager), Managed::PassOver) = (&found.managed, self.run.request.managed) {
            return Err(gone(
                &format!("{manager} took it over since it was read"),
                "change it where it comes from",
            ));
        }
        // The pods were read for the template of that time.
        let pods = if found.generation == live.generation {
            PodsAre::Known
        } else {
            PodsAre::Outdated
        };
        let later = self.run.ask_again(&found).await;
        let mut planned = self.run.plan(found, later.as_ref(), pods);
        if self.run.request.max_changes.is_some() && planned.due() > before.due() {
            return Err(gone(
                "it was changed, and now has more changes than `--max-changes` was checked with",
                "run it again",
            ));
        }
        if stands(&planned.live, &before.plan.changes) {
            planned.warnings.push(format!(
                "{} already had the wanted images when it was read again: something else changed it meanwhile, or the server made a \
                 change that it refused",
                live.name()
            ));
        }
        Ok(planned)
    }
}

/// Whether there are changes of images and the workload already has all of them.
fn stands(live: &Live, changes: &[Change]) -> bool {
    let images = live
        .workload
        .sites
        .iter()
        .map(|site| (site.written_at(), site.image.text()));
    let mut known = images
        .filter_map(|(path, image)| Some((changes.iter().find(|change| change.at == path)?, image)))
        .peekable();
    known.peek().is_some() && known.all(|(change, image)| change.to.as_deref() == image)
}

fn failed(mut planned: Planned, problem: Problem) -> Planned {
    planned.reported.object.changed = false;
    planned.reported.problems.push(problem);
    planned
}

/// Warnings about texts that the server did not keep as sent. An admission webhook may rewrite images.
fn differences(live: &Live, changes: &[Change], kept: &Value) -> Vec<String> {
    let differs = |change: &&Change| {
        change.to.is_some()
            && kept.pointer(&change.at.pointer()).and_then(Value::as_str) != change.to.as_deref()
    };
    let said = |change: &Change| {
        let kept = kept
            .pointer(&change.at.pointer())
            .and_then(Value::as_str)
            .unwrap_or("nothing");
        format!(
            "the server kept `{kept}` at `{}` of {} instead of the text that was sent: something in the cluster rewrites it",
            change.at,
            live.name()
        )
    };
    changes.iter().filter(differs).map(said).collect()
}
