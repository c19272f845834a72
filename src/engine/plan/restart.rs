//! Plans to have an object's pods replaced, so that they pull what their tags point to now.
//!
//! It changes no image but those that were put on a digest before, which go back to their tags. Where a pull would not happen, nothing is
//! changed: pods would be replaced for nothing, or would go back to an image that a node still has.

use super::{
    Change, Considered, Eligibility, Left, Outcome, Plan, Rules, consider, followed, invalid,
    not_text, recorded, without_record,
};
use crate::engine::annotation::Original;
use crate::engine::answer::{Answers, Refusal};
use crate::engine::image::{DEFAULT_TAG, ImageRef};
use crate::engine::policy::{self, Follow, Intent, Return};
use crate::engine::running::{PodVerdict, Pods, Purpose};
use crate::engine::site::{Image, PullPolicy, Site};

/// Plans the restart of an object with pods that are not on their tag's digest. `now` is in RFC 3339. `Err`: its record cannot be
/// relied on, and all of it is left as it is.
pub fn restart(
    pods: &Pods<'_>,
    rules: &Rules,
    answers: &Answers,
    now: &str,
) -> Result<Plan, Refusal> {
    let object = &pods.live.workload;
    let ledger = recorded(object, rules)?;
    let considered = consider(object, ledger.as_ref(), rules)?;
    let left = Left::of(ledger.as_ref(), &considered);
    let unclaimed = left.told();
    let decided: Vec<SiteRestart> = considered
        .into_iter()
        .map(|considered| decide(considered, answers, pods))
        .collect();
    if !decided.iter().any(SiteRestart::is_stale) {
        return Ok(Plan {
            outcomes: outcomes(decided).collect(),
            unclaimed,
            ..Plan::default()
        });
    }
    let plan = match obstacle(&decided, pods) {
        Some(why) => Plan {
            outcomes: outcomes(decided)
                .map(|it| it.map(|outcome| behind(outcome, &why)))
                .collect(),
            ..Plan::default()
        },
        None => {
            let may_go = ledger.is_some() && !left.is_kept();
            carry_out(decided, pods, may_go, now)
        }
    };
    Ok(Plan { unclaimed, ..plan })
}

/// A site, and what a restart makes of it.
struct SiteRestart<'w> {
    site: &'w Site,
    outcome: Option<Outcome>,
    /// The image that the site goes back to, so that new pods pull its tag.
    back: Option<String>,
    /// Whether the record has an image for the site that this restart does not put back.
    needs_record: bool,
}

impl SiteRestart<'_> {
    fn is_stale(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Stale { .. }))
    }
}

fn outcomes(decided: Vec<SiteRestart<'_>>) -> impl Iterator<Item = Option<Outcome>> {
    decided.into_iter().map(|decided| decided.outcome)
}

/// What a restart would make of one site, if nothing keeps the object's pods.
fn decide<'w>(
    considered: Considered<'w, '_>,
    answers: &Answers,
    pods: &Pods<'_>,
) -> SiteRestart<'w> {
    let Considered {
        site,
        eligibility,
        entry,
    } = considered;
    let Image::Text(image) = &site.image else {
        return SiteRestart {
            site,
            outcome: not_text(&site.image, eligibility),
            back: None,
            needs_record: false,
        };
    };
    let original = match policy::restore(image, entry.map(Original::image)) {
        Return::To(original) => Some(original),
        Return::There | Return::Stays(_) => None,
    };
    let outcome = match eligibility {
        Eligibility::LeftOut(why) => Outcome::Ignored(why),
        Eligibility::Taken(Intent::Variable) => Outcome::Variable,
        Eligibility::Taken(Intent::Fixed) => Outcome::Fixed,
        Eligibility::Taken(Intent::Invalid(error)) => Outcome::Failed(invalid(error)),
        Eligibility::Taken(Intent::Follow(follow)) => {
            match seen(image, site, &follow, answers, pods) {
                outcome @ Outcome::Stale { .. }
                    if follow.digest.is_some() && original.is_none() =>
                {
                    let why = "its image has a digest and nothing to go back to; `--update` follows its tag";
                    behind(outcome, why)
                }
                outcome => outcome,
            }
        }
    };
    let taken = matches!(
        outcome,
        Outcome::Ok | Outcome::Stale { .. } | Outcome::Unchecked(_)
    );
    SiteRestart {
        site,
        outcome: Some(outcome),
        needs_record: original.is_some() && !taken,
        back: original.filter(|_| taken),
    }
}

/// Why a restart would not bring the new images, where something stands against it.
fn obstacle(decided: &[SiteRestart<'_>], pods: &Pods<'_>) -> Option<String> {
    let kind = &pods.live.workload.kind;
    let replaces_pods = pods.live.kind.template.replaces_pods();
    if let Some(why) = pods.live.pods_stay {
        return Some(format!("a restart would replace no pod: {why}"));
    }
    let is_unknown =
        |it: &&SiteRestart| matches!(it.outcome, Some(Outcome::Failed(_) | Outcome::Held(_)));
    if let Some(unknown) = decided.iter().find(is_unknown) {
        let name = &unknown.site.name;
        return Some(format!("its new pods might not get the image of `{name}`"));
    }
    let touched = decided
        .iter()
        .filter(|it| it.is_stale() || it.back.is_some());
    let mut pulls = touched.map(|it| (it.site, pull_policy(it.site, it.back.as_deref())));
    if let Some((site, policy)) = pulls.find(|(_, policy)| *policy != PullPolicy::Always) {
        let why = format!("the pull policy of `{}` is {}", site.name, policy.name());
        return Some(match replaces_pods {
            true => format!("a restart would not pull: {why}"),
            false => format!("a {kind} is not restarted, and its next run may not pull: {why}"),
        });
    }
    let changes_nothing = !replaces_pods && decided.iter().all(|it| it.back.is_none());
    changes_nothing.then(|| format!("a {kind} is not restarted: its next run pulls by itself"))
}

/// The changes: images that go back to their tags, the record where it may go and no image needs it any more, and the time that replaces
/// the pods.
fn carry_out(
    decided: Vec<SiteRestart<'_>>,
    pods: &Pods<'_>,
    record_may_go: bool,
    now: &str,
) -> Plan {
    let object = &pods.live.workload;
    let mut plan = Plan::default();
    let mut needs_record = !record_may_go;
    for SiteRestart {
        site,
        outcome,
        back: original,
        needs_record: needed,
    } in decided
    {
        plan.changes
            .extend(original.iter().flat_map(|original| site.write(original)));
        let outcome = match (outcome, original) {
            (
                Some(Outcome::Stale {
                    running, digest, ..
                }),
                back,
            ) => Some(Outcome::Stale {
                running,
                digest,
                back,
            }),
            (Some(_), Some(original)) => Some(Outcome::Restored(original)),
            (outcome, _) => outcome,
        };
        // The record stays as long as an image follows its tag by it.
        needs_record |= needed || follows_by_record(site, outcome.as_ref());
        plan.outcomes.push(outcome);
    }
    if !needs_record {
        plan.changes.push(without_record(object));
    }
    if pods.live.kind.template.replaces_pods() {
        plan.changes.push(Change {
            at: pods.live.restarted_path(),
            from: pods.live.restarted_at().map(str::to_owned),
            to: Some(now.to_owned()),
        });
    }
    plan
}

fn follows_by_record(site: &Site, outcome: Option<&Outcome>) -> bool {
    let image = site
        .image
        .text()
        .and_then(|image| ImageRef::parse(image).ok());
    let stays = matches!(
        outcome,
        Some(Outcome::Ok | Outcome::Kept(_) | Outcome::Unchecked(_))
    );
    stays && image.is_some_and(|image| image.has_digest())
}

/// What the pods say of a site that follows a tag.
fn seen(
    image: &str,
    site: &Site,
    follow: &Follow<'_>,
    answers: &Answers,
    pods: &Pods<'_>,
) -> Outcome {
    match (
        followed(image, follow, answers),
        answers.get(&follow.lookup),
    ) {
        (Outcome::Ok | Outcome::Outdated(_), Some(Ok(answer))) => {
            match pods.say(site, &answer.digest, Purpose::Restart) {
                PodVerdict::Agrees => Outcome::Ok,
                PodVerdict::Differs(running) if answer.held.contains_key(&running) => {
                    Outcome::Held(answer.held[&running].clone())
                }
                PodVerdict::Differs(running) => Outcome::Stale {
                    running,
                    digest: answer.digest.clone(),
                    back: None,
                },
                PodVerdict::Nothing(reason) => Outcome::Unchecked(reason.to_owned()),
            }
        }
        (outcome, _) => outcome,
    }
}

/// When a node pulls the image that the site will have. Without a word, the API server's default: `Always` for `latest` alone.
fn pull_policy(site: &Site, back: Option<&str>) -> PullPolicy {
    site.pull_policy.unwrap_or_else(|| {
        let image = back
            .or(site.image.text())
            .and_then(|image| ImageRef::parse(image).ok());
        match image {
            Some(image) if !image.has_digest() && image.asked_tag() == DEFAULT_TAG => {
                PullPolicy::Always
            }
            _ => PullPolicy::IfNotPresent,
        }
    })
}

/// A stale image that stays as it is. All other outcomes are unchanged.
fn behind(outcome: Outcome, why: &str) -> Outcome {
    match outcome {
        Outcome::Stale {
            running, digest, ..
        } => Outcome::Kept(format!(
            "a pod runs {running}, and its tag is on {digest}, but {why}"
        )),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::engine::answer::Answer;
    use crate::engine::image::Digest;
    use crate::engine::live::Live;
    use crate::engine::plan::TagChoice;
    use crate::engine::policy::{TagForm, Track};
    use crate::engine::running::Pod;
    use crate::engine::selector::ImageFilter;
    use serde_json::{Value, json};

    fn digest(letter: char) -> Digest {
        Digest::parse(&format!("sha256:{}", letter.to_string().repeat(64))).unwrap()
    }

    /// One site each: name, image, pull policy, and the digest that a pod runs.
    type Given<'g> = &'g [(&'g str, &'g str, &'g str, char)];

    fn live(kind: &str, containers: Given<'_>, record: Option<&str>) -> Live {
        let containers: Vec<Value> = containers
            .iter()
            .map(|(name, image, policy, _)| match *policy {
                "" => json!({"name": name, "image": image}),
                _ => json!({"name": name, "image": image, "imagePullPolicy": policy}),
            })
            .collect();
        let template = json!({"spec": {"containers": containers}});
        let (version, spec) = match kind {
            "CronJob" => (
                "batch/v1",
                json!({"jobTemplate": {"spec": {"template": template}}}),
            ),
            _ => ("apps/v1", json!({"template": template})),
        };
        let annotations = record.map_or(json!({}), |record| json!({"imago-config-spec": record}));
        let metadata = json!({"name": "web", "namespace": "shop", "annotations": annotations});
        Live::read(
            &json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}),
        )
        .unwrap()
    }

    fn planned(
        kind: &str,
        containers: Given<'_>,
        record: Option<&str>,
    ) -> (Vec<String>, Vec<String>) {
        let live = live(kind, containers, record);
        let statuses: Vec<Value> = containers
            .iter()
            .map(|(name, _, _, running)| json!({"name": name, "imageID": format!("r@{}", digest(*running)), "state": {"running": {}}}))
            .collect();
        let pod = Pod::read(
            &json!({"metadata": {"ownerReferences": [{"uid": "1", "controller": true}]}, "spec": {},
            "status": {"phase": "Running", "containerStatuses": statuses}}),
        );
        let pods: Vec<Pod> = pod.into_iter().collect();
        let answers: Answers = ["r.test/a:1", "r.test/b:latest"]
            .map(|image| {
                (
                    ImageRef::parse(image).unwrap().lookup(),
                    Ok(Answer::new(digest('a'))),
                )
            })
            .into();
        let rules = Rules {
            tags: TagChoice::ByPolicy,
            track: Track::Annotation,
            form: TagForm::Keep,
            images: ImageFilter::default(),
        };
        let manifests = BTreeMap::new();
        let pods = Pods {
            live: &live,
            pods: Ok(&pods),
            manifests: &manifests,
        };
        let plan = restart(&pods, &rules, &answers, "2026-01-02T03:04:05Z").unwrap();
        let outcome = |outcome: &Option<Outcome>| match outcome.as_ref().unwrap() {
            Outcome::Ok => "ok".to_owned(),
            Outcome::Stale { back, .. } => format!("stale {}", back.as_deref().unwrap_or("-")),
            Outcome::Restored(image) => format!("restored {image}"),
            Outcome::Kept(reason) => format!("kept {}", reason.rsplit_once("but ").unwrap().1),
            other => format!("{other:?}"),
        };
        let changes = plan.changes.iter().map(|change| {
            format!(
                "{} = {}",
                change.at,
                change.to.as_deref().unwrap_or("nothing")
            )
        });
        (
            plan.outcomes.iter().map(outcome).collect(),
            changes.collect(),
        )
    }

    const RESTARTED: &str =
        "spec.template.metadata.annotations.imago/restartedAt = 2026-01-02T03:04:05Z";

    #[test]
    fn a_workload_is_restarted_where_a_pod_is_behind_and_a_pull_would_happen() {
        let one =
            |policy, running| planned("Deployment", &[("a", "r.test/a:1", policy, running)], None);
        assert_eq!(one("Always", 'a'), (vec!["ok".into()], vec![]));
        assert_eq!(
            one("Always", 'c'),
            (vec!["stale -".into()], vec![RESTARTED.into()])
        );
        let kept = "kept a restart would not pull: the pull policy of `a` is IfNotPresent";
        assert_eq!(one("IfNotPresent", 'c'), (vec![kept.into()], vec![]));
        assert_eq!(
            one("", 'c'),
            (vec![kept.into()], vec![]),
            "the default for a tag"
        );
        assert_eq!(one("Never", 'c').1, [""; 0]);
        let latest = planned("Deployment", &[("b", "r.test/b", "", 'c')], None);
        assert_eq!(
            latest,
            (vec!["stale -".into()], vec![RESTARTED.into()]),
            "the default for `latest`"
        );
    }

    #[test]
    fn images_go_back_to_their_tags_and_the_record_goes() {
        let record = r#"{"containers":[{"name":"a","image":"r.test/a:1"},{"name":"b","image":"r.test/b"}],"initContainers":[]}"#;
        let (a, b) = (
            format!("r.test/a:1@{}", digest('c')),
            format!("r.test/b@{}", digest('a')),
        );
        let both = planned(
            "Deployment",
            &[("a", &a, "Always", 'c'), ("b", &b, "Always", 'a')],
            Some(record),
        );
        assert_eq!(both.0, ["stale r.test/a:1", "restored r.test/b"]);
        let image =
            |index, image| format!("spec.template.spec.containers[{index}].image = {image}");
        let record_goes = "metadata.annotations.imago-config-spec = nothing".to_owned();
        assert_eq!(
            both.1,
            [
                image(0, "r.test/a:1"),
                image(1, "r.test/b"),
                record_goes,
                RESTARTED.to_owned()
            ]
        );
        // One that would not be pulled keeps all of the object as it is.
        let mixed = planned(
            "Deployment",
            &[("a", &a, "Always", 'c'), ("b", &b, "IfNotPresent", 'a')],
            Some(record),
        );
        assert_eq!(
            mixed.0,
            [
                "kept a restart would not pull: the pull policy of `b` is IfNotPresent",
                "ok"
            ]
        );
        assert_eq!(mixed.1, [""; 0]);
        // Nothing is behind: nothing goes back.
        let current = planned(
            "Deployment",
            &[("a", &a, "Always", 'a'), ("b", &b, "Always", 'a')],
            Some(record),
        );
        assert_eq!(current, (vec!["ok".into(), "ok".into()], vec![]));
    }

    #[test]
    fn a_digest_with_nothing_to_go_back_to_is_no_reason_and_keeps_the_record() {
        let record = r#"{"containers":[{"name":"a","image":"r.test/a:0"},{"name":"b","image":"r.test/b"}],"initContainers":[]}"#;
        let pinned = format!("r.test/a:1@{}", digest('c'));
        let kept =
            "kept its image has a digest and nothing to go back to; `--update` follows its tag";
        let alone = planned("Deployment", &[("a", &pinned, "Always", 'c')], Some(record));
        assert_eq!(alone, (vec![kept.into()], vec![]));
        let beside = planned(
            "Deployment",
            &[
                ("a", &pinned, "Always", 'c'),
                ("b", "r.test/b", "Always", 'c'),
            ],
            Some(record),
        );
        assert_eq!(
            beside,
            (vec![kept.into(), "stale -".into()], vec![RESTARTED.into()]),
            "its record stays"
        );
    }

    #[test]
    fn the_record_stays_where_a_pin_may_be_the_image_of_an_entry() {
        let record = r#"{"containers":[{"name":"a","image":"r.test/a:1"},{"name":"gone","image":"r.test/x:1"}],"initContainers":[]}"#;
        let (a, x) = (
            format!("r.test/a:1@{}", digest('c')),
            format!("r.test/x:2@{}", digest('c')),
        );
        let given = [("a", &*a, "Always", 'c'), ("new", &x, "Always", 'c')];
        let (outcomes, changes) = planned("Deployment", &given, Some(record));
        assert_eq!(outcomes[0], "stale r.test/a:1");
        assert!(
            changes.iter().all(|change| !change.ends_with("= nothing")),
            "{changes:?}"
        );
    }

    #[test]
    fn new_pods_that_might_lack_an_image_are_not_made() {
        let beside = planned(
            "Deployment",
            &[
                ("a", "r.test/a:1", "Always", 'c'),
                ("x", "r.test/unknown:1", "Always", 'c'),
            ],
            None,
        );
        assert_eq!(
            beside.0[0],
            "kept its new pods might not get the image of `x`"
        );
        assert_eq!(beside.1, [""; 0]);
    }

    #[test]
    fn a_cron_job_is_never_restarted() {
        let job = |image, policy, record| planned("CronJob", &[("a", image, policy, 'c')], record);
        let by_itself = "kept a CronJob is not restarted: its next run pulls by itself";
        assert_eq!(
            job("r.test/a:1", "Always", None),
            (vec![by_itself.into()], vec![])
        );
        let not = "kept a CronJob is not restarted, and its next run may not pull: the pull policy of `a` is IfNotPresent";
        assert_eq!(
            job("r.test/a:1", "IfNotPresent", None),
            (vec![not.into()], vec![])
        );
        let record = r#"{"containers":[{"name":"a","image":"r.test/a:1"}],"initContainers":[]}"#;
        let pinned = format!("r.test/a:1@{}", digest('c'));
        let (outcomes, changes) = job(&pinned, "Always", Some(record));
        assert_eq!(outcomes, ["stale r.test/a:1"]);
        assert_eq!(
            changes,
            [
                "spec.jobTemplate.spec.template.spec.containers[0].image = r.test/a:1",
                "metadata.annotations.imago-config-spec = nothing"
            ]
        );
    }
}
