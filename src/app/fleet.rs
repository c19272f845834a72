//! Many repositories in one run: several at once, each image asked once, and one that fails stops no other.
//!
//! A repository's files are given up when its report is made: what grows with the fleet is what the caller keeps of the reports.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::{self, Either};
use futures_util::stream::{self, StreamExt as _};

use super::files::{self, Facts};
use super::remote::{RemoteClone, RemoteRequest};
use super::report::{Place, Problem, Report};
use super::request::FilesRequest;
use super::source::Registries;
use super::threads::aside;
use crate::engine::code::Code;
use crate::io::interrupt;
use crate::io::lock::Lock;

/// Makes the request for a repository of the fleet, by its number, once its clone and so its settings are there.
pub type Prepare = dyn Fn(usize, &RemoteClone) -> Result<FilesRequest, Box<Problem>> + Send + Sync;

/// Many repositories.
pub struct FleetRequest {
    /// The repositories.
    pub remotes: Vec<RemoteRequest>,
    /// How many are worked on at once.
    pub jobs: usize,
    /// Makes the request for each.
    pub prepare: Arc<Prepare>,
}

/// Runs file mode in each repository. `note` gets each report, by the repository's number, as soon as it is made.
pub async fn run(
    request: &FleetRequest,
    current: &Path,
    mut note: impl FnMut(usize, Result<Report, Box<Problem>>),
) {
    let registries = Arc::new(Registries::default());
    let one = async |number: usize| {
        let (clone, files) = request.open(number, current).await?;
        let at = clone.workspace();
        let report = files::run_beside(&files, at, &registries, &|_| {}).await;
        close(clone).await;
        report.map_err(problem)
    };
    each(request, one, &mut note).await;
}

/// Asks for every image of the fleet once, and returns what a lock of all of them holds. `note` gets each repository's report.
pub async fn resolve(
    request: &FleetRequest,
    current: &Path,
    mut note: impl FnMut(usize, Result<Report, Box<Problem>>),
) -> Lock {
    let registries = Arc::new(Registries::default());
    let one = async |number: usize| {
        let (clone, files) = request.open(number, current).await?;
        let at = clone.workspace();
        let resolved = files::resolve(&files, at, &registries).await;
        close(clone).await;
        resolved.map_err(problem)
    };
    let mut found = BTreeMap::new();
    each(request, one, |number, outcome| {
        let outcome = outcome.map(|(report, facts)| {
            found.insert(number, facts);
            report
        });
        note(number, outcome);
    })
    .await;
    agreed(found.into_values())
}

impl FleetRequest {
    async fn open(
        &self,
        number: usize,
        current: &Path,
    ) -> Result<(RemoteClone, FilesRequest), Box<Problem>> {
        let (remote, current) = (self.remotes[number].clone(), current.to_owned());
        let prepare = Arc::clone(&self.prepare);
        aside(move || {
            let clone = RemoteClone::open(&remote, &current)?;
            let files = prepare(number, &clone)?;
            Ok((clone, files))
        })
        .await
    }
}

/// Does the work for each repository, some at once. After a signal no further one is begun, and one that is not over soon is left.
async fn each<T>(
    request: &FleetRequest,
    one: impl AsyncFn(usize) -> Result<T, Box<Problem>>,
    mut note: impl FnMut(usize, Result<T, Box<Problem>>),
) {
    let guarded = async |number: usize| {
        if let Some(signal) = interrupt::noted() {
            let what = format!("ended by {signal}; the repository was not looked at");
            return (number, Err(ended(what)));
        }
        // A panic is a bug of this program. The other repositories are worked on all the same.
        let work = std::pin::pin!(AssertUnwindSafe(one(number)).catch_unwind());
        let outcome = match future::select(work, std::pin::pin!(interrupt::ending())).await {
            Either::Left((outcome, _)) => outcome.unwrap_or_else(|_| Err(crashed())),
            Either::Right(_) => Err(crashed()),
        };
        // After a signal, that is why something failed.
        let outcome = outcome.map_err(|problem| match interrupt::noted() {
            Some(signal) => ended(format!(
                "ended by {signal}; what was pushed to the repository stays"
            )),
            None => problem,
        });
        (number, outcome)
    };
    let numbers = stream::iter(0..request.remotes.len());
    let mut outcomes = std::pin::pin!(numbers.map(guarded).buffer_unordered(request.jobs.max(1)));
    while let Some((number, outcome)) = outcomes.next().await {
        note(number, outcome);
    }
}

/// Removing a clone may block.
async fn close(clone: RemoteClone) {
    aside(move || drop(clone)).await;
}

/// What the repositories note of each tag. Where they differ because one of them holds an old digest, it is the registry's answer.
fn agreed(found: impl Iterator<Item = Facts>) -> Lock {
    let (mut all, mut asked) = (Lock::default(), Lock::default());
    let mut differing = Lock::default();
    for facts in found {
        for (image, digest) in facts.noted.images {
            let known = all
                .images
                .entry(image.clone())
                .or_insert_with(|| digest.clone());
            if *known != digest {
                differing.images.insert(image, digest);
            }
        }
        for (choice, tag) in facts.noted.tags {
            let known = all
                .tags
                .entry(choice.clone())
                .or_insert_with(|| tag.clone());
            if *known != tag {
                differing.tags.insert(choice, tag);
            }
        }
        for (image, digest) in facts.answered.images {
            asked.images.entry(image).or_insert(digest);
        }
        for (choice, tag) in facts.answered.tags {
            asked.tags.entry(choice).or_insert(tag);
        }
    }
    for image in differing.images.into_keys() {
        if let Some(digest) = asked.images.get(&image) {
            all.images.insert(image, digest.clone());
        }
    }
    for choice in differing.tags.into_keys() {
        if let Some(tag) = asked.tags.get(&choice) {
            all.tags.insert(choice, tag.clone());
        }
    }
    all
}

fn problem(error: anyhow::Error) -> Box<Problem> {
    match error.downcast::<Problem>() {
        Ok(problem) => Box::new(problem),
        Err(error) => Box::new(Problem {
            code: Code::Internal,
            what: "cannot work on the repository".to_owned(),
            place: Place::default(),
            cause: format!("{error:#}"),
            hint: None,
        }),
    }
}

fn ended(what: String) -> Box<Problem> {
    Box::new(Problem {
        code: Code::Interrupted,
        what,
        place: Place::default(),
        cause: String::new(),
        hint: None,
    })
}

fn crashed() -> Box<Problem> {
    Box::new(Problem {
        code: Code::Internal,
        what: "cannot work on the repository".to_owned(),
        place: Place::default(),
        cause: "imago crashed".to_owned(),
        hint: Some("report this fault, with what is in the repository".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::image::{Digest, ImageRef};

    fn lock(entries: &[(&str, usize)]) -> Lock {
        let mut lock = Lock::default();
        for (image, number) in entries {
            let digest = Digest::parse(&format!("sha256:{number:064x}")).unwrap();
            let lookup = ImageRef::parse(image).unwrap().lookup();
            lock.images.insert(lookup, digest);
        }
        lock
    }

    #[test]
    fn where_one_holds_an_old_digest_the_answer_counts_in_any_order() {
        let facts = |noted: &[(&str, usize)]| Facts {
            noted: lock(noted),
            answered: lock(&[("reg.test/web:1", 2)]),
        };
        let (held, moved) = ([("reg.test/web:1", 1)], [("reg.test/web:1", 2)]);
        let other = [("reg.test/web:1", 0)];
        for (cases, wanted) in [
            (&[&held, &held][..], &held),
            (&[&held, &moved], &moved),
            (&[&moved, &held], &moved),
            (&[&held, &other], &moved),
            (&[&held, &other, &held], &moved),
        ] {
            let found = cases.iter().map(|noted| facts(*noted));
            assert_eq!(agreed(found), lock(wanted));
        }
    }
}
