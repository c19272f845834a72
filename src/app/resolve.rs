//! Resolves each lookup of a run once, many at a time. A failure stops no other lookup.
//!
//! A new digest passes the gates of `gate.rs` before it is an answer. All lookups are passed to the resolver at once; it limits how many requests are under way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::JoinSet;

use super::choose;
use super::gate::{self, Reading};
use super::observer::Event;
use crate::engine::answer::{Answer, Answers, Index, Manifest, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::engine::source_link::SourceLink;
use crate::io::resolver::Resolver;

/// The lookups of a run, each with its recorded digests.
pub type Wanted = BTreeMap<Lookup, BTreeSet<Digest>>;

/// Resolves all lookups on the current runtime. Without lookups it sends no event.
pub async fn resolve<R: Resolver>(
    resolver: &Arc<R>,
    wanted: &Wanted,
    reading: impl Into<Reading>,
    mut on_event: impl FnMut(Event),
) -> Answers {
    let reading = reading.into();
    if wanted.is_empty() {
        return Answers::new();
    }
    let total = wanted.len();
    on_event(Event::Started { total });
    let mut tasks = JoinSet::new();
    let mut lookups = BTreeMap::new();
    for (lookup, recorded) in wanted {
        let (resolver, asked, recorded) = (Arc::clone(resolver), lookup.clone(), recorded.clone());
        // The future is large, and without a box it would be moved several times.
        let task = tasks.spawn(Box::pin(async move {
            answer(&*resolver, &asked, &recorded, reading).await
        }));
        lookups.insert(task.id(), lookup);
    }
    let mut answers = Answers::new();
    while let Some(finished) = tasks.join_next_with_id().await {
        let (id, outcome) = match finished {
            Ok((id, outcome)) => (id, outcome),
            // A panic is a bug of this program. The other images are resolved all the same.
            Err(failed) => (failed.id(), Err(broken())),
        };
        let Some(lookup) = lookups.remove(&id) else {
            continue;
        };
        answers.insert(lookup.clone(), outcome.clone());
        on_event(Event::Answered {
            lookup: lookup.clone(),
            answer: outcome,
            done: answers.len(),
            total,
        });
    }
    answers
}

/// The manifests of each index; a pod on one of them is on the index, too. Anything but an index has none. A `Refusal` means that
/// they are unknown.
pub async fn manifests<R: Resolver>(
    resolver: &R,
    asked: &BTreeMap<Lookup, Digest>,
) -> BTreeMap<Lookup, Result<Index, Refusal>> {
    let questions = asked.iter().map(async |(lookup, digest)| {
        let known = match resolver.manifest(lookup, digest).await {
            Ok(Some(Manifest::Index(index))) => Ok(index),
            Ok(Some(Manifest::Image(_) | Manifest::Other(_))) => Ok(Index {
                manifests: BTreeMap::new(),
                whole: true,
            }),
            Ok(None) => Err(gate::unknown(digest)),
            Err(refusal) => Err(refusal),
        };
        (lookup.clone(), known)
    });
    join_all(questions).await.into_iter().collect()
}

fn broken() -> Refusal {
    let hint = Some("report this fault with the image's name".to_owned());
    Refusal {
        code: Code::Internal,
        cause: "the resolver crashed".to_owned(),
        hint,
    }
}

async fn answer<R: Resolver>(
    resolver: &R,
    lookup: &Lookup,
    recorded: &BTreeSet<Digest>,
    reading: Reading,
) -> Result<Answer, Refusal> {
    let answer = choose::answer(resolver, lookup).await?;
    let digest = &answer.digest;
    let held = gate::judge(resolver, lookup, digest, recorded, reading.platform_loss).await?;
    let has_new_tag = (answer.chosen.as_ref()).is_some_and(|chosen| chosen.tag != lookup.tag());
    let is_update = has_new_tag || recorded.iter().any(|recorded| recorded != digest);
    // What Flux has chosen is written without a word of its source.
    let source = match reading.sources && is_update && !lookup.is_of_flux() {
        // That it is not to be had changes nothing else.
        true => (resolver
            .details(lookup, digest, |details| details.source.is_some())
            .await)
            .ok()
            .flatten(),
        false => None,
    };
    Ok(Answer {
        held,
        source: source.and_then(|details| {
            let link = SourceLink::of(details.source.as_deref()?, details.revision.as_deref());
            link.map(Arc::new)
        }),
        ..answer
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::app::gate::PlatformLoss;
    use crate::engine::answer::{Details, Manifest, Platform};
    use crate::engine::hold::Hold;
    use crate::engine::image::ImageRef;
    use crate::engine::version::TagList;

    /// Tags and manifests in tables; anything else is an error.
    #[derive(Default)]
    struct Table {
        tags: BTreeMap<String, Digest>,
        manifests: BTreeMap<Digest, Option<Manifest>>,
        asked: Mutex<Vec<String>>,
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(work)
    }

    fn refusal(code: Code) -> Refusal {
        Refusal {
            code,
            cause: "the table has no such line".to_owned(),
            hint: None,
        }
    }

    impl Resolver for Table {
        async fn resolve(&self, lookup: &Lookup) -> Result<Digest, Refusal> {
            assert_ne!(lookup.tag(), "panic");
            self.asked.lock().unwrap().push(lookup.to_string());
            self.tags
                .get(&lookup.to_string())
                .cloned()
                .ok_or_else(|| refusal(Code::NotFound))
        }

        async fn tags(&self, _: &Lookup) -> Result<Arc<TagList>, Refusal> {
            Ok(Arc::default())
        }

        async fn details(
            &self,
            _: &Lookup,
            _: &Digest,
            _: fn(&Details) -> bool,
        ) -> Result<Option<Details>, Refusal> {
            Ok(None)
        }

        async fn manifest(&self, _: &Lookup, digest: &Digest) -> Result<Option<Manifest>, Refusal> {
            self.asked.lock().unwrap().push(digest.to_string());
            self.manifests
                .get(digest)
                .cloned()
                .ok_or_else(|| refusal(Code::Forbidden))
        }
    }

    fn digest(number: usize) -> Digest {
        Digest::parse(&format!("sha256:{number:064x}")).unwrap()
    }

    fn lookup(image: &str) -> Lookup {
        ImageRef::parse(image).unwrap().lookup()
    }

    fn image(platforms: &[&str]) -> Option<Manifest> {
        let platforms = platforms
            .iter()
            .enumerate()
            .map(|(at, name)| (digest(900 + at), Platform((*name).to_owned())));
        Some(Manifest::Index(Index {
            manifests: platforms.collect(),
            whole: true,
        }))
    }

    fn table(manifests: &[(usize, Option<Manifest>)]) -> Arc<Table> {
        let tags = BTreeMap::from([("reg.test/web:1".to_owned(), digest(2))]);
        let manifests = manifests
            .iter()
            .map(|(number, manifest)| (digest(*number), manifest.clone()))
            .collect();
        Arc::new(Table {
            tags,
            manifests,
            asked: Mutex::default(),
        })
    }

    fn run(
        table: &Arc<Table>,
        recorded: &[usize],
        platform_loss: PlatformLoss,
    ) -> Result<Answer, Refusal> {
        let wanted = Wanted::from([(
            lookup("reg.test/web:1"),
            recorded.iter().map(|number| digest(*number)).collect(),
        )]);
        block_on(resolve(table, &wanted, platform_loss, |_| {}))
            .remove(&lookup("reg.test/web:1"))
            .unwrap()
    }

    #[test]
    fn where_nothing_moved_no_manifest_is_read() {
        for recorded in [&[][..], &[2]] {
            let table = table(&[]);
            assert_eq!(
                run(&table, recorded, PlatformLoss::HoldBack),
                Ok(Answer::new(digest(2)))
            );
            assert_eq!(*table.asked.lock().unwrap(), ["reg.test/web:1"]);
        }
    }

    #[test]
    fn a_digest_that_loses_a_platform_is_held_back_from_the_one_that_has_it() {
        let manifests = [
            (1, image(&["linux/amd64", "linux/arm64"])),
            (2, image(&["linux/amd64"])),
            (3, image(&["linux/amd64"])),
            (4, None),
        ];
        let answer = run(&table(&manifests), &[1, 3, 4], PlatformLoss::HoldBack).unwrap();
        assert_eq!(answer.digest, digest(2));
        assert_eq!(
            answer.held,
            BTreeMap::from([(
                digest(1),
                Hold::platform_lost(
                    &digest(2),
                    "it lacks linux/arm64, which the recorded digest has"
                )
            )])
        );
        let allowed = table(&manifests);
        assert!(
            run(&allowed, &[1, 3, 4], PlatformLoss::Allow)
                .unwrap()
                .held
                .is_empty()
        );
        assert_eq!(allowed.asked.lock().unwrap().len(), 1);
    }

    #[test]
    fn manifests_that_cannot_be_read_are_a_problem_and_no_loss() {
        assert_eq!(
            run(
                &table(&[(2, image(&["linux/amd64"]))]),
                &[1],
                PlatformLoss::HoldBack
            )
            .unwrap_err()
            .code
            .as_str(),
            "forbidden"
        );
        assert_eq!(
            run(&table(&[(2, None)]), &[1], PlatformLoss::HoldBack)
                .unwrap_err()
                .code
                .as_str(),
            "digest-unknown"
        );
    }

    #[test]
    fn a_failed_lookup_stops_no_other_and_each_has_its_event() {
        let table = table(&[]);
        let wanted: Wanted = ["reg.test/gone:1", "reg.test/panic:panic", "reg.test/web:1"]
            .iter()
            .map(|image| (lookup(image), BTreeSet::new()))
            .collect();
        let mut events = Vec::new();
        let answers = block_on(resolve(&table, &wanted, PlatformLoss::HoldBack, |event| {
            events.push(event)
        }));
        let codes: Vec<_> = answers
            .values()
            .map(|answer| {
                answer
                    .as_ref()
                    .map_or_else(|refusal| refusal.code.as_str(), |_| "ok")
            })
            .collect();
        assert_eq!(codes, ["not-found", "internal", "ok"]);
        assert_eq!(events[0], Event::Started { total: 3 });
        let done: Vec<_> = events[1..]
            .iter()
            .map(|event| matches!(event, Event::Answered { total: 3, .. }))
            .collect();
        assert_eq!(done, [true, true, true]);
    }

    #[test]
    fn without_lookups_no_event_is_sent() {
        let mut events = 0;
        let (table, wanted) = (table(&[]), Wanted::new());
        let asked = resolve(&table, &wanted, PlatformLoss::HoldBack, |_| events += 1);
        assert!(block_on(asked).is_empty());
        assert_eq!(events, 0);
    }
}
