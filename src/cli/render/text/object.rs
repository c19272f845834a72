//! An object with its images, and what was done to it.

use std::fmt::Write;

use super::{TAKES_ALL, at, named};
use crate::app::report::{Action, ImageReport, LeftOut, ObjectReport, Outcome, Reach, Report};
use crate::cli::render::{Printable, Styles};

/// Its name, a line for each image, and where it was changed, what was done.
pub(super) fn write(text: &mut String, object: &ObjectReport, report: &Report, styles: &Styles) {
    let strong = styles.strong;
    let name = named(&object.place);
    writeln!(text, "{strong}checking {}:{strong:#}", Printable(&name)).expect(TAKES_ALL);
    for image in &object.images {
        // A person goes there next.
        let place = match (&image.outcome, &object.place.file) {
            (Outcome::Held(_), Some(_)) => format!(" ({})", at(&object.place, image.line)),
            _ => String::new(),
        };
        writeln!(
            text,
            "  {} {}{}",
            Printable(&image.site.name),
            decision(image, styles),
            Printable(&place)
        )
        .expect(TAKES_ALL);
    }
    if !object.changed {
        return;
    }
    let act = match (report.reach(), report.action) {
        (Reach::Looked, _) | (_, Action::Report | Action::Check) => return,
        (Reach::Rehearsed, Action::Update) => "would update",
        (Reach::Rehearsed, Action::Restore) => "would restore",
        (Reach::Rehearsed, Action::Restart) => "would restart",
        (Reach::Done, Action::Update) => "update",
        (Reach::Done, Action::Restore) => "restore",
        (Reach::Done, Action::Restart) => "restart",
    };
    let change = styles.change;
    writeln!(text, "{change}{act}{change:#} {}", Printable(&name)).expect(TAKES_ALL);
}

/// `, decided by …`, where something else decides an image.
pub(super) fn decider(decided_by: Option<&str>) -> String {
    let said = decided_by.map(|by| format!(", decided by {}", Printable(by)));
    said.unwrap_or_default()
}

/// What was decided for an image.
pub(super) fn decision(reported: &ImageReport, styles: &Styles) -> String {
    let Styles {
        change,
        good,
        bad,
        faint,
        ..
    } = styles;
    let image = Printable(&reported.image);
    match &reported.outcome {
        Outcome::Ok => format!("{good}ok{good:#}"),
        Outcome::Fixed => format!("{good}ok{good:#} (fixed digest)"),
        Outcome::Outdated(new) => {
            let by = reported
                .moved()
                .map(|choice| format!(", {}", Printable(&choice.told())));
            let source = (reported.source.as_ref())
                .map(|source| format!(", source {}", Printable(&source.told())));
            format!(
                "{change}has to be updated{change:#} from {image} to {}{}{}",
                Printable(new),
                by.unwrap_or_default(),
                source.unwrap_or_default()
            )
        }
        Outcome::Unpinned { decided_by } => format!(
            "{change}has no digest{change:#}: {image}{}",
            decider(decided_by.as_deref())
        ),
        Outcome::Restored(old) => format!(
            "{change}goes back{change:#} from {image} to {}",
            Printable(old)
        ),
        Outcome::Stale {
            running,
            digest,
            back,
        } => {
            let back = back
                .as_ref()
                .map(|back| format!(", and goes back to {}", Printable(back)))
                .unwrap_or_default();
            format!(
                "{change}has to be restarted{change:#}: a pod runs {running}, and its tag is on {digest} now{back}"
            )
        }
        Outcome::Unchecked(reason) => format!(
            "{faint}stays as it is{faint:#} on {image}: {}",
            Printable(reason)
        ),
        Outcome::Kept(reason) => format!("stays on {image}: {}", Printable(reason)),
        Outcome::Ignored(LeftOut { code, by }) => {
            format!("{faint}{code}{faint:#} ({})", Printable(by))
        }
        Outcome::Variable => format!("{faint}variable{faint:#}: {image} is not an image yet"),
        Outcome::Held(hold) => {
            let (code, reason) = (hold.code, Printable(&hold.reason));
            let now = hold.digest.as_ref();
            let now = now.map(|digest| format!(", though its tag is on {digest} now"));
            let now = now.unwrap_or_default();
            format!("{change}held back{change:#} ({code}) on {image}{now}: {reason}")
        }
        Outcome::Failed(_) => format!("{bad}has a problem{bad:#}"),
    }
}
