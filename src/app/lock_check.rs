//! Holds the lock against the registries: whoever can change the lock decides what `--offline` writes.
//!
//! An entry that the run uses is outdated where it is neither its tag's digest now nor what all images of the tag are held on. Of such a
//! digest the registry is asked whether it has it at all.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::report::{LockedEntry, Place, Problem, Report};
use super::request::FilesRequest;
use super::source;
use crate::engine::answer::{Answers, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::io::lock::Lock;
use crate::io::registry::Settings;
use crate::io::resolver::Resolver;

/// An entry that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
struct Stale<'a> {
    lookup: &'a Lookup,
    locked: &'a Digest,
    now: &'a Digest,
}

/// Compares the lock, where there is one, and adds what is wrong with it to the report. `expected` has the digest that an update
/// would note for each tag. `Err` is always a [`Problem`].
pub(super) async fn check(
    lock: Option<&Lock>,
    request: &FilesRequest,
    answers: &Answers,
    expected: &BTreeMap<Lookup, Digest>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let name = &request.lock.path;
    let Some(lock) = lock else {
        return Ok(());
    };
    let stale = stale(lock, answers, expected);
    if stale.is_empty() {
        return Ok(());
    }
    let place = Place {
        file: Some(name.display().to_string()),
        ..Place::default()
    };
    let answers = ask(&stale, &request.registries).await?;
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

fn stale<'a>(
    lock: &'a Lock,
    answers: &'a Answers,
    expected: &'a BTreeMap<Lookup, Digest>,
) -> Vec<Stale<'a>> {
    let answered = answers
        .iter()
        .filter_map(|(lookup, answer)| Some((lookup, &answer.as_ref().ok()?.digest)));
    let stale = answered.filter_map(|(lookup, now)| {
        let locked = lock.get(lookup)?;
        let fits = locked == now || expected.get(lookup) == Some(locked);
        (!fits).then_some(Stale {
            lookup,
            locked,
            now,
        })
    });
    stale.collect()
}

/// Whether the registry has each of the digests.
async fn ask(
    stale: &[Stale<'_>],
    registries: &Settings,
) -> anyhow::Result<Vec<Result<(), Refusal>>> {
    let registry = source::registries(registries)?;
    let questions = stale.iter().map(async |Stale { lookup, locked, .. }| {
        match registry.manifest(lookup, locked).await? {
            Some(_) => Ok(()),
            None => Err(Refusal {
                code: Code::DigestUnknown,
                cause: format!("the registry does not have {locked}, which the lock names"),
                hint: Some(
                    "find out who wrote it; `imago files --update` notes the tag's own digest"
                        .to_owned(),
                ),
            }),
        }
    });
    Ok(join_all(questions).await)
}
