//! What the parser refuses, in this program's own form: what is wrong, and one thing to do.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::spelling::Line;
use crate::cli::refused::UsageError;

/// The parser's error on this line.
pub(super) fn mistake(error: &clap::Error, line: &Line) -> UsageError {
    let command = match line.command() {
        Some(name) if !line.implied && super::is_command(name) => format!("imago {name}"),
        _ => "imago".to_owned(),
    };
    let has_all = format!("`{command} --help` has all of its flags");
    let with = |kind| text(error, kind);
    let argument = with(ContextKind::InvalidArg).unwrap_or_default();
    let instead = |kind| match with(kind) {
        Some(suggested) => format!("did you mean `{suggested}`? {has_all}"),
        None => has_all.clone(),
    };
    let (what, hint) = match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => (
            format!("`{argument}` is not a flag of `{command}`"),
            instead(ContextKind::SuggestedArg),
        ),
        ErrorKind::UnknownArgument => (format!("`{command}` does not take `{argument}`"), has_all),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = with(ContextKind::InvalidValue).unwrap_or_default();
            let what = match value.is_empty() {
                true => format!("`{argument}` needs a value"),
                false => format!("`{argument}` cannot be `{value}`"),
            };
            let takes = error.source().map(ToString::to_string);
            let takes = takes.or_else(|| values(error));
            let hint = match (with(ContextKind::SuggestedValue), takes) {
                (Some(suggested), Some(takes)) => format!("did you mean `{suggested}`? {takes}"),
                (_, takes) => takes.unwrap_or(has_all),
            };
            (what, hint)
        }
        ErrorKind::MissingRequiredArgument => (format!("`{command}` needs `{argument}`"), has_all),
        ErrorKind::ArgumentConflict => {
            let prior = with(ContextKind::PriorArg).unwrap_or_default();
            match prior == argument {
                true => (
                    format!("`{argument}` is given twice"),
                    "give it once".to_owned(),
                ),
                false => (
                    format!("`{argument}` and `{prior}` exclude each other"),
                    "leave one of them out".to_owned(),
                ),
            }
        }
        ErrorKind::TooManyValues => (
            format!("`{argument}` takes no value"),
            format!("write `{argument}` alone"),
        ),
        // The parser's own words, in one line and without its name for what they are.
        _ => {
            let said = error.render().to_string();
            let first = said.split("\n\n").next().unwrap_or_default();
            let words: Vec<&str> = first.split_whitespace().collect();
            let said = words.join(" ").replace('\'', "`");
            let said = said.strip_prefix("error: ").unwrap_or(&said);
            (said.to_owned(), has_all)
        }
    };
    UsageError { what, hint }
}

/// The values that there are, where they have names.
fn values(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(values) if !values.is_empty() => {
            Some(format!("it is one of `{}`", values.join("`, `")))
        }
        _ => None,
    }
}

/// What the parser says of one thing; of several, they stand beside each other.
fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) if !texts.is_empty() => Some(texts.join("`, `")),
        _ => None,
    }
}
