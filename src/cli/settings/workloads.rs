//! Which workloads are taken, checked.

use super::{UsageError, usage};
use crate::cli::args;
use crate::engine::selector::{FieldSelector, LabelSelector, Namespaces, Selection};

/// The longest name of a namespace, in bytes (RFC 1123 label).
const MAX_NAMESPACE: usize = 63;

/// What file mode selects by.
pub(super) fn selection(flags: &args::Selecting) -> Result<Selection, UsageError> {
    Ok(Selection {
        namespaces: namespaces(flags)?,
        labels: labels(flags)?,
        fields: fields(flags)?,
    })
}

/// Reads `-n`, `-A` and `-x`.
pub(super) fn namespaces(flags: &args::Selecting) -> Result<Namespaces, UsageError> {
    let only = !flags.namespaces.is_empty();
    let except = !flags.exclude_namespaces.is_empty();
    for name in flags.namespaces.iter().chain(&flags.exclude_namespaces) {
        check_namespace(name)?;
    }
    match (only, flags.all_namespaces, except) {
        (true, true, _) => Err(usage(
            "`--namespace` and `--all-namespaces` exclude each other",
            "leave one of them out",
        )),
        (true, false, true) => Err(usage(
            "`--namespace` and `--exclude-namespace` exclude each other",
            "name the namespaces to take, or those to leave out",
        )),
        (true, false, false) => Ok(Namespaces::Only(flags.namespaces.iter().cloned().collect())),
        (false, _, true) => Ok(Namespaces::AllBut(
            flags.exclude_namespaces.iter().cloned().collect(),
        )),
        (false, _, false) => Ok(Namespaces::All),
    }
}

/// Reads `--selector`.
pub(super) fn labels(flags: &args::Selecting) -> Result<LabelSelector, UsageError> {
    flags
        .selector
        .as_ref()
        .map_or(Ok(LabelSelector::default()), |text| {
            LabelSelector::parse(text).map_err(|error| {
                usage(
                    format!("`--selector {text}` cannot be read: {error}"),
                    "write it as kubectl has it: `app=web,tier in (front,back),!canary`",
                )
            })
        })
}

/// Reads `--field-selector`.
pub(super) fn fields(flags: &args::Selecting) -> Result<FieldSelector, UsageError> {
    flags.field_selector.as_ref().map_or(Ok(FieldSelector::default()), |text| {
        FieldSelector::parse(text).map_err(|error| {
            // kubectl's `-f` names a file.
            let hint = match text.contains('=') {
                true => "write it as kubectl has it: `metadata.name!=web`".to_owned(),
                false => format!("paths need no flag: run `imago files {text}`; a field is `metadata.name=web`"),
            };
            usage(format!("`--field-selector {text}` cannot be read: {error}"), hint)
        })
    })
}

/// A name that no namespace can have would silently select nothing.
fn check_namespace(name: &str) -> Result<(), UsageError> {
    let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.is_empty()
        && name.len() <= MAX_NAMESPACE
        && name.bytes().all(label)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    let hint = if name.contains([',', ' ']) {
        "repeat the flag for each namespace"
    } else {
        "a namespace is made of up to 63 lower-case letters, digits and `-`"
    };
    Err(usage(
        format!("`{name}` cannot be the name of a namespace"),
        hint,
    ))
}
