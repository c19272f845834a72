//! Which kinds are taken, checked.

use super::{UsageError, usage};
use crate::cli::args;
use crate::engine::shape::{KindName, Kinds};

/// Reads `--kind`, `--exclude-kind` and `--add-kind`.
pub(super) fn kinds(flags: &args::Kinds) -> Result<Kinds, UsageError> {
    let names = |list: &[String]| -> Result<Vec<KindName>, UsageError> {
        list.iter().map(|text| name(text)).collect()
    };
    Ok(Kinds {
        only: names(&flags.kind)?,
        excluded: names(&flags.exclude_kind)?,
        ignored: names(&flags.ignored)?,
        added: names(&flags.add_kind)?,
        declared: flags.declared.clone(),
        entry_digests: flags.entry_digests,
        helm: flags.helm.clone(),
        policies: flags.policies.clone(),
        flux: None,
    })
}

/// Reads the name of a kind.
pub(in crate::cli) fn name(text: &str) -> Result<KindName, UsageError> {
    text.parse().map_err(|error| {
        let hint = match text.split_once('/') {
            Some((_, kind)) if !kind.is_empty() => {
                format!("write `{kind}` or `{kind}.GROUP`, without a version")
            }
            _ if text.contains(',') => "repeat the flag for each kind".to_owned(),
            _ => "write it like `Rollout` or `Rollout.argoproj.io`".to_owned(),
        };
        usage(format!("`{text}` is not a kind: {error}"), hint)
    })
}
