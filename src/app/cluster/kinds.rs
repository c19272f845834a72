//! Which kinds of the cluster a run lists: the four that every server has, and those that it adds by discovery.

use super::{ClusterRequest, refused};
use crate::app::report::{Place, Problem};
use crate::engine::code::Code;
use crate::engine::shape::pods::KINDS;
use crate::engine::shape::{KindName, PodKind, is_job};
use crate::io::cluster::Cluster;

/// The kinds, in the order of reports, and a warning if a bare name may fit more of them: a group of the server did not answer. A name that
/// fits none, and a kind that cannot be taken, ends the run.
pub(super) async fn of_run(
    cluster: &Cluster,
    request: &ClusterRequest,
) -> anyhow::Result<(Vec<PodKind>, Option<String>)> {
    let mut kinds = KINDS.to_vec();
    let mut incomplete = None;
    let fits = |name: &KindName, kind: &PodKind| name.fits_kind(kind.group(), &kind.kind);
    let is_new = |name: &&KindName| !KINDS.iter().any(|kind| fits(name, kind));
    let added: Vec<&KindName> = request.kinds.added.iter().filter(is_new).collect();
    if !added.is_empty() {
        let wants = |group: &str| {
            added
                .iter()
                .any(|name| name.group().is_none_or(|own| own == group))
        };
        let (served, unknown) = cluster
            .served(wants)
            .await
            .map_err(|error| refused(&error))?;
        if let Some(error) = unknown.as_ref()
            && added.iter().any(|name| name.group().is_none())
        {
            incomplete = Some(format!(
                "{error}: {}; kinds of that group may be missing, `--add-kind KIND.GROUP` asks one group",
                error.cause()
            ));
        }
        for name in added {
            let found = served
                .iter()
                .map(|one| PodKind::served(&one.kind, &one.version, &one.plural));
            let found: Vec<PodKind> = found.filter(|kind| fits(name, kind)).collect();
            if found.is_empty() {
                if let Some(error) = &unknown {
                    return Err(refused(error).into());
                }
                return Err(usage(
                    format!("`--add-kind {name}` fits no kind of {}", cluster.name()),
                    "look it up with `kubectl api-resources`; it is written as in manifests",
                ));
            }
            for kind in &found {
                refuse(name, kind)?;
            }
            kinds.extend(
                found
                    .into_iter()
                    .filter(|kind| !kinds.contains(kind))
                    .collect::<Vec<_>>(),
            );
        }
    }
    for (flag, names) in [
        ("--kind", &request.kinds.only),
        ("--exclude-kind", &request.kinds.excluded),
    ] {
        if let Some(name) = names
            .iter()
            .find(|name| !kinds.iter().any(|kind| fits(name, kind)))
        {
            return Err(usage(
                format!("`{flag} {name}` fits no kind of this run"),
                "check its spelling, or take the kind with `--add-kind`",
            ));
        }
    }
    kinds.retain(|kind| request.kinds.take_kind(kind));
    Ok((kinds, incomplete))
}

/// Refuses a kind whose objects have no pod template that may change.
fn refuse(name: &KindName, kind: &PodKind) -> anyhow::Result<()> {
    let why = match (kind.group(), &*kind.kind) {
        (group, own) if is_job(group, own) => "the server lets nobody change its pod template",
        ("", "Pod") => "it has no pod template: change what made it",
        _ => return Ok(()),
    };
    Err(usage(
        format!("`--add-kind {name}` cannot be taken in a cluster: {why}"),
        "leave it out",
    ))
}

fn usage(what: String, hint: &str) -> anyhow::Error {
    Problem {
        code: Code::Usage,
        what,
        place: Place::default(),
        cause: String::new(),
        hint: Some(hint.to_owned()),
    }
    .into()
}
