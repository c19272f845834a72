//! Which images are taken, where their tags are kept, and how they are written, checked.

use super::{UsageError, usage};
use crate::app::gate::{PlatformLoss, Reading};
use crate::app::report::Action;
use crate::cli::args;
use crate::engine::plan::TagChoice;
use crate::engine::policy::{TagForm, Track};
use crate::engine::selector::{GlobError, ImageFilter};

/// Reads `--track`, which decides what an action can do.
pub(super) fn track(flags: &args::Images, action: Action) -> Result<Track, UsageError> {
    match flags.track {
        None | Some(args::Track::Annotation) => Ok(Track::Annotation),
        Some(args::Track::Tag) if flags.drop_tag => Err(usage(
            "`--track tag` and `--drop-tag` exclude each other: the tag is what is tracked",
            "leave out `--drop-tag`, or track by the annotation",
        )),
        Some(args::Track::Tag) if action == Action::Restore => Err(usage(
            "`--track tag` and `--restore` exclude each other: only the annotation records what to restore",
            "leave out `--track tag`",
        )),
        Some(args::Track::Tag) if action == Action::Restart => Err(usage(
            "`--track tag` and `--restart` exclude each other: an image with a digest is not pulled anew",
            "leave out `--track tag`, or run `--update`",
        )),
        Some(args::Track::Tag) => Ok(Track::Tag),
    }
}

/// Reads `--drop-tag`.
pub(super) fn form(flags: &args::Images) -> TagForm {
    if flags.drop_tag {
        TagForm::Drop
    } else {
        TagForm::Keep
    }
}

/// Reads `--digests-only`.
pub(super) fn tags(flags: &args::Images) -> TagChoice {
    match flags.digests_only {
        true => TagChoice::Kept,
        false => TagChoice::ByPolicy,
    }
}

/// Reads `--allow-platform-loss`. Which form a report has, and so whether it names sources, is said elsewhere.
pub(super) fn reading(flags: &args::Images) -> Reading {
    Reading::from(match flags.allow_platform_loss {
        true => PlatformLoss::Allow,
        false => PlatformLoss::HoldBack,
    })
}

/// Reads `--include-image` and `--exclude-image`.
pub(in crate::cli) fn filter(
    include: &[String],
    exclude: &[String],
) -> Result<ImageFilter, UsageError> {
    ImageFilter::new(include, exclude).map_err(|error| {
        let hint = match error {
            GlobError::Syntax { .. } => {
                "`*` and `?` stand for any text and any character: `registry.example.com/*`"
            }
            GlobError::Tagged { .. } => "leave out the tag: images are taken by name",
            GlobError::TooLong { .. } => "shorten it: one `*` stands for any text",
        };
        usage(error.to_string(), hint)
    })
}
