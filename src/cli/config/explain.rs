//! Mistakes in the settings, in the settings' own words: what is wrong, and what to write.

use clap::CommandFactory;
use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};

use crate::cli::args::Typed;
use crate::cli::refused::{UsageError, usage};

/// The most requests at once, as of the flag.
pub(super) const MOST_REQUESTS: u16 = 1024;
/// The most aliases in a file: each may repeat a long text.
pub(super) const MOST_ALIASES: usize = 64;

/// Says what the reader found in the words of these settings.
pub(super) fn explain(error: &Error) -> UsageError {
    match error {
        Error::AliasError { error, .. } => explain(error),
        Error::SerdeUnknownField {
            field, expected, ..
        } => unknown(field, expected),
        Error::SerdeMissingField { field, .. } => {
            usage(format!("`{field}` is missing"), format!("add `{field}`"))
        }
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => usage(
            format!("`{variant}` is not a value of this setting"),
            format!("write one of {}", expected.join(", ")),
        ),
        Error::DuplicateMappingKey { key, .. } => usage(
            format!("`{}` is set twice", key.as_deref().unwrap_or_default()),
            "leave one of them out",
        ),
        Error::MultipleDocuments { .. } => usage(
            "there is a second document",
            "keep all settings in one, without `---` between them",
        ),
        Error::Unexpected { expected, .. } if *expected == "mapping start" => usage(
            "settings are expected here",
            "write each on a line of its own, as `KEY: VALUE`",
        ),
        // The reader offers the bytes of a `!!binary` as a list of numbers.
        Error::SerdeInvalidType { .. } => list(),
        Error::Unexpected { expected, .. } if *expected == "sequence start" => list(),
        Error::InvalidScalar { ty, .. } if *ty == "boolean" => {
            usage("`true` or `false` is expected here", "write `true`")
        }
        // No other setting has this type.
        Error::InvalidScalar { ty, .. } if *ty == "u16" => requests(),
        Error::InvalidScalar { .. } => usage(
            "a whole number is expected here",
            "write it like `20`, without a sign, and with at most 19 digits",
        ),
        Error::Unexpected { .. } | Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            usage(
                "one value is expected here, no list and no mapping",
                "if it is a text with brackets or braces, put it in quotes",
            )
        }
        Error::QuotingRequired { .. }
        | Error::NullIntoString { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::InvalidBinaryBase64 { .. }
        | Error::BinaryNotUtf8 { .. } => usage("text is expected here", "put the text in quotes"),
        Error::UnsupportedTag { tag, .. } => usage(
            format!("the tag `{tag}` has no meaning here"),
            "leave it out, or put the text in quotes",
        ),
        Error::Budget { .. } => usage(
            format!("the settings nest too deep, or have more than {MOST_ALIASES} aliases"),
            "write the values out",
        ),
        Error::UnknownAnchor { .. } => usage(
            "a value that begins with `*` is an alias to YAML",
            "put the value in quotes, as in \"**/*.yaml\"",
        ),
        other => usage(
            UserMessageFormatter.format_message(other),
            "correct it; a value with braces or a colon needs quotes",
        ),
    }
}

fn list() -> UsageError {
    usage(
        "a list is expected here",
        "write it like `[\"…\"]`, or with `- ` in front of each entry",
    )
}

/// What is said of a number of requests that is none.
pub(super) fn requests() -> UsageError {
    usage(
        format!("`concurrency` takes a whole number from 1 to {MOST_REQUESTS}"),
        "write it like `concurrency: 8`",
    )
}

fn unknown(name: &str, expected: &[&'static str]) -> UsageError {
    let flags = Typed::command();
    let is_flag = flags
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .any(|flag| flag.get_long() == Some(name));
    if is_flag {
        return usage(
            format!(
                "`{name}` is not a setting: it is for whoever runs imago to say, not for the repository"
            ),
            format!("give `--{name}` on the command line"),
        );
    }
    let hint = match nearest(name, expected) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("the settings are {}", expected.join(", ")),
    };
    usage(format!("`{name}` is not a setting"), hint)
}

/// The name that is few slips of the finger away.
pub(in crate::cli) fn nearest<'e>(name: &str, expected: &[&'e str]) -> Option<&'e str> {
    // Measuring takes as long as the name is, and no slip makes one this long.
    if name.len() > 64 {
        return None;
    }
    let name = name.replace('_', "-").to_lowercase();
    let near = expected
        .iter()
        .map(|key| (strsim::damerau_levenshtein(key, &name), *key))
        .min()?;
    (near.0 <= near.1.len() / 3).then_some(near.1)
}
