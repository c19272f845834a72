//! Holds the lock against the registries: whoever can change the lock decides what `--offline` writes.
//!
//! An entry that the run uses is outdated where it is neither its tag's digest now nor what all images of the tag are held on. Of such a
//! digest the registry is asked whether it has it at all.

use futures_util::future::join_all;

use super::report::{LockedEntry, Place, Problem, Report};
use super::request::FilesRequest;
use super::source::Registries;
use crate::engine::answer::{Answers, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::io::lock::Lock;
use crate::io::registry::Settings;
use crate::io::resolver::Resolver;

/// An entry that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
struct Stale {
    lookup: Lookup,
    locked: Digest,
    now: Digest,
}

/// Compares the lock, where there is one, and adds what is wrong with it to the report. `expected` is what an update would note.
/// `Err` is always a [`Problem`].
pub(super) async fn check(
    lock: Option<&Lock>,
    request: &FilesRequest,
    registries: &Registries,
    answers: &Answers,
    expected: &Lock,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = &request.lock.path;
    let Some(lock) = lock else {
        return Ok(());
    };
    let stale = stale(lock, answers, expected);
    let place = Place {
        file: Some(name.display().to_string()),
        ..Place::default()
    };
    let tags = expected.tags.iter();
    report.lock.extend(tags.filter_map(|(key, tag)| {
        let locked = lock.tags.get(key).filter(|locked| *locked != tag)?;
        Some(LockedEntry {
            place: place.clone(),
            image: key.clone(),
            locked: locked.clone(),
            digest: tag.clone(),
        })
    }));
    if stale.is_empty() {
        return Ok(());
    }
    let answers = ask(&stale, &request.registries, registries).await?;
    for (
        Stale {
            lookup,
            locked,
            now,
        },
        known,
    ) in stale.iter().zip(answers)
    {
        report.lock.push(LockedEntry {
            place: place.clone(),
            image: lookup.to_string(),
            locked: locked.to_string(),
            digest: now.to_string(),
        });
        if let Err(Refusal { code, cause, hint }) = known {
            let what = format!("cannot confirm `{lookup}` of the lock");
            report.problems.push(Problem {
                code,
                what,
                place: place.clone(),
                cause,
                hint,
            });
        }
    }
    Ok(())
}

fn stale(lock: &Lock, answers: &Answers, expected: &Lock) -> Vec<Stale> {
    let answered = answers
        .iter()
        .filter_map(|(lookup, answer)| Some((lookup, answer.as_ref().ok()?)));
    let stale = answered.filter_map(|(lookup, answer)| {
        let lookup = match &answer.chosen {
            Some(chosen) => lookup.at(&chosen.tag),
            None => lookup.clone(),
        };
        let (locked, now) = (lock.get(&lookup)?, &answer.digest);
        let fits = locked == now || expected.get(&lookup) == Some(locked);
        (!fits).then(|| Stale {
            locked: locked.clone(),
            now: now.clone(),
            lookup,
        })
    });
    stale.collect()
}

/// Whether the registry has each of the digests.
async fn ask(
    stale: &[Stale],
    settings: &Settings,
    registries: &Registries,
) -> anyhow::Result<Vec<Result<(), Refusal>>> {
    let registry = registries.of(settings)?;
    let questions = stale.iter().map(async |Stale { lookup, locked, .. }| {
        match registry.manifest(lookup, locked).await? {
            Some(_) => Ok(()),
            None => Err(Refusal {
                code: Code::DigestUnknown,
                cause: format!("the registry does not have {locked}, which the lock names"),
                hint: Some(
                    "run `imago files --update`, which notes the tag's digest of today: registries delete digests that no tag has any more"
                        .to_owned(),
                ),
            }),
        }
    });
    Ok(join_all(questions).await)
}
