//! A report for people: what changes or was decided, and a last line that says what it comes to.

mod change;
mod counts;
mod digest;
mod images;
mod import;
mod object;
mod tags;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt::Write;

use super::{Printable, Styles, counted, docs, steers};
use crate::app::report::{
    Action, Committed, LockedEntry, Mode, Place, Proposed, ProposedState, Reach, Report, Skipped,
};
use crate::cli::verbosity::Detail;

pub use digest::{digest_problems, digests, ways};
pub use images::{images, images_summary};
pub use import::{notes, policies, remarks};
pub use tags::{tags, tags_problems, tags_summary};

/// Why a string takes what is written to it.
const TAKES_ALL: &str = "a string takes all";

/// How many digits of a commit's name tell it apart for a person.
const SHORT_COMMIT: usize = 7;

/// The changes, in a cluster and with `-v` each object with all that was decided for it.
pub fn body(report: &Report, detail: Detail, styles: &Styles) -> String {
    let mut text = String::new();
    if report.mode != Mode::Cluster && detail < Detail::More {
        change::write(&mut text, report, styles);
        // What fails a strict check has to be seen.
        let held = report.skipped.iter().filter(|skipped| skipped.is_held());
        change::write_held(&mut text, held.filter(|_| report.strict), styles);
        return text;
    }
    for object in &report.objects {
        object::write(&mut text, object, report, styles);
    }
    for entry in &report.lock {
        let LockedEntry {
            place,
            image,
            locked,
            digest,
        } = entry;
        let (lock, image, taker) = (named(place), Printable(image), entry.taker());
        let change = styles.change;
        writeln!(
            text,
            "{} has {image} on {locked}, {change}and {taker}{change:#} {digest} now",
            Printable(&lock)
        )
        .expect(TAKES_ALL);
    }
    if detail >= Detail::More {
        text + &aside(report, styles)
    } else {
        change::write_held(&mut text, of_no_image(report, Skipped::is_held), styles);
        text
    }
}

/// What was held or passed over and has no line among the images, and the kinds that a bare name fits.
pub fn aside(report: &Report, styles: &Styles) -> String {
    let mut text = String::new();
    change::write_held(&mut text, of_no_image(report, Skipped::is_held), styles);
    for several in &report.kinds {
        writeln!(text, "{}", Printable(several)).expect(TAKES_ALL);
    }
    for file in &report.files_without_objects {
        writeln!(text, "{} holds no object with images", Printable(file)).expect(TAKES_ALL);
    }
    for skipped in of_no_image(report, |skipped| !skipped.is_held()) {
        writeln!(
            text,
            "passed over {} ({}): {}",
            Printable(&named(&skipped.place)),
            skipped.code,
            Printable(&skipped.message)
        )
        .expect(TAKES_ALL);
    }
    text
}

fn of_no_image(report: &Report, is_meant: fn(&Skipped) -> bool) -> impl Iterator<Item = &Skipped> {
    let skipped = report.skipped.iter();
    skipped.filter(move |skipped| skipped.place.site.is_none() && is_meant(skipped))
}

/// What a run comes to, in one clause.
pub(super) fn verdict(report: &Report) -> String {
    verdict::verdict(report)
}

/// The last lines: what was committed, what a person may not expect, and what was done or has to be done, with what was left out.
pub fn summary(report: &Report, detail: Detail, styles: &Styles) -> String {
    let strong = styles.strong;
    let committed = report
        .git
        .as_ref()
        .map(|git| committed(git, report))
        .unwrap_or_default();
    let notes: String = report
        .notes
        .iter()
        .map(|note| format!("note: {}\n", Printable(note)))
        .collect();
    let mut parts = vec![format!("{strong}{}{strong:#}", verdict::verdict(report))];
    let counts = report.counts();
    // To a restore they are the same: once the record is gone, nothing tells them apart.
    let (fixed, kept, left) = match report.action {
        Action::Restore => (0, counts.fixed + counts.kept, "left with a digest"),
        _ => (counts.fixed, counts.kept, "left as written"),
    };
    if fixed > 0 {
        if !verdict::is_of_fixed_images(report) {
            parts.push(format!("{} with a fixed digest", counted(fixed, "image")));
        }
        parts.extend(with_track_tag(report, fixed).map(str::to_owned));
    }
    let why = match detail {
        Detail::Quiet | Detail::Normal => " (`-v` says why)",
        Detail::More | Detail::Most => "",
    };
    for (count, what) in [
        (kept, format!("{left}{why}")),
        (counts.unchecked, "not checked by a pod".to_owned()),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", counted(count, "image")));
        }
    }
    if !report.lock.is_empty() {
        parts.push(format!(
            "{} of the lock outdated",
            counted_entries(report.lock.len())
        ));
    }
    parts.extend(left_aside(report, detail, styles));
    let requests: String = report
        .proposed
        .iter()
        .map(|request| requested(request, report.dry_run))
        .collect();
    let over_limit = report.proposed.iter();
    let over_limit = over_limit.filter(|it| it.state == ProposedState::OverLimit);
    let over_limit = match over_limit.clone().next() {
        Some(first) => {
            let more = counted(over_limit.count(), &format!("more {}", first.noun));
            format!("{more} would be opened: as many are open as `--pr-limit` allows\n")
        }
        None => String::new(),
    };
    let charts = counts::unproven_charts(report).unwrap_or_default();
    committed + &notes + &charts + &parts.join("; ") + "\n" + &over_limit + &requests
}

/// Where it is explained what happens to requests, if something happened to one that a person may wonder at.
pub fn docs_of_requests(report: &Report) -> String {
    let is_plain = |request: &Proposed| {
        use ProposedState::{Closed, Nothing, OverLimit, Unchanged, Updated};
        matches!(
            request.state,
            Nothing | Unchanged | Updated | Closed | OverLimit
        )
    };
    match report.proposed.iter().all(is_plain) {
        true => String::new(),
        false => format!("docs: {}\n", docs::page("requests.md")),
    }
}

/// The line about a request.
fn requested(request: &Proposed, dry_run: bool) -> String {
    let noun = request.noun;
    let reference = request.reference.as_deref().unwrap_or_default();
    let name = match reference {
        "" => format!("the {noun}"),
        reference => format!("{noun} {reference}"),
    };
    let would = |verb: &str, past: &str| match dry_run {
        true => format!("would {verb}"),
        false => past.to_owned(),
    };
    let done = match request.state {
        ProposedState::Nothing => return String::new(),
        ProposedState::Opened if reference.is_empty() => {
            format!("{} a {noun}", would("open", "opened"))
        }
        ProposedState::Opened => format!("opened {name}"),
        ProposedState::Updated => format!("{} {name}", would("update", "updated")),
        ProposedState::Unchanged => format!("{name} is up to date"),
        ProposedState::Closed => {
            format!("{} {name}: nothing is left of it", would("close", "closed"))
        }
        ProposedState::StaysClosed => {
            format!("{name} stays closed: a person closed it with these changes")
        }
        ProposedState::Foreign => {
            format!("{name} stays as it is: its branch has commits that are not imago's")
        }
        ProposedState::Pushed => {
            format!(
                "{} {}; the forge could not be asked for its {noun}",
                would("push", "pushed"),
                request.branch
            )
        }
        ProposedState::Waits if reference.is_empty() => {
            format!("no {noun} was opened: the run has problems")
        }
        ProposedState::Waits => format!("{name} stays as it is: the run has problems"),
        ProposedState::OverLimit => return String::new(),
        ProposedState::Failed if reference.is_empty() => format!("no {noun} was opened"),
        ProposedState::Failed => format!("{name} was not changed"),
    };
    let group = request.group.as_deref().map_or_else(String::new, |group| {
        format!(" ({})", if group.is_empty() { "." } else { group })
    });
    let url = request
        .url
        .as_deref()
        .map_or_else(String::new, |url| format!(": {url}"));
    let line = match done.contains(": ") {
        true => format!("{done}{group}{}", url.replacen(": ", "; ", 1)),
        false => format!("{done}{group}{url}"),
    };
    format!("{}\n", Printable(&line))
}

/// What was held back, passed over, not taken, or went wrong.
fn left_aside(report: &Report, detail: Detail, styles: &Styles) -> Vec<String> {
    let mut parts: Vec<String> = counts::held(report, detail).into_iter().collect();
    parts.extend(counts::passed_over(report));
    if !report.unhandled.is_empty() {
        let kinds: Vec<String> = report
            .unhandled
            .iter()
            .map(|(kind, count)| counted(*count, &Printable(kind).to_string()))
            .collect();
        parts.push(format!("{} not handled", kinds.join(", ")));
    }
    let object = report.mode.object();
    if report.without_namespace > 0 {
        parts.push(format!(
            "{} without a namespace not taken by `-n`",
            counted(report.without_namespace, object)
        ));
    }
    if report.not_selected > 0 {
        parts.push(format!(
            "{} not selected",
            counted(report.not_selected, object)
        ));
    }
    if !report.problems.is_empty() {
        let bad = styles.bad;
        parts.push(format!(
            "{bad}{}{bad:#}",
            counted(report.problems.len(), "problem")
        ));
    }
    parts
}

fn counted_entries(count: usize) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

/// What `--track tag` would do with the fixed images, where it would do it with all of them.
fn with_track_tag(report: &Report, fixed: usize) -> Option<&'static str> {
    let tags_matter = matches!(
        report.action,
        Action::Report | Action::Check | Action::Update
    );
    match (tags_matter && report.fixed_with_tag() == fixed, fixed) {
        (false, _) => None,
        (true, 1) => Some("`--track tag` would follow its tag"),
        (true, _) => Some("`--track tag` would follow their tags"),
    }
}

/// The line about the commit.
fn committed(git: &Committed, report: &Report) -> String {
    let reach = report.reach();
    let branch = git.branch.as_ref().map_or_else(
        || "a detached HEAD".to_owned(),
        |branch| Printable(branch).to_string(),
    );
    let remote = git
        .remote
        .as_ref()
        .map(|remote| Printable(remote).to_string())
        .unwrap_or_default();
    let short = |commit: &String| commit.chars().take(SHORT_COMMIT).collect::<String>();
    match (&git.commit, reach) {
        (Some(commit), _) if git.already && git.remote.is_some() => {
            format!("{} is on {branch} at {remote} already\n", short(commit))
        }
        (Some(commit), _) if git.already => format!("{} is on {branch} already\n", short(commit)),
        (_, Reach::Rehearsed) if git.branch.is_some() && !report.files_changed.is_empty() => {
            match git.remote.is_some() {
                true => format!("would commit on {branch} and push to {remote}\n"),
                false => format!("would commit on {branch}\n"),
            }
        }
        (_, Reach::Rehearsed) if git.waited => {
            format!("would push earlier commits on {branch} to {remote}\n")
        }
        (_, Reach::Looked | Reach::Rehearsed) => String::new(),
        // Each request has a branch of its own: only then there is a remote and no branch.
        (None, _) if git.branch.is_none() && git.remote.is_some() => match git.pushed {
            true => String::new(),
            false => "nothing to commit\n".to_owned(),
        },
        (Some(_), _) if git.waited => {
            format!("nothing to commit; pushed earlier commits on {branch} to {remote}\n")
        }
        (Some(commit), _) if git.pushed => format!(
            "committed {} on {branch}, pushed to {remote}\n",
            short(commit)
        ),
        (Some(commit), _) => format!("committed {} on {branch}\n", short(commit)),
        (None, _) => match &git.followed {
            Some(commit) => format!(
                "nothing to commit; {branch} was behind, and is now on {} of {remote}\n",
                short(commit)
            ),
            None => format!("nothing to commit on {branch}\n"),
        },
    }
}

/// A unified diff for a person's eyes: coloured as the styles say, with nothing in it that steers the terminal. It does not apply.
pub fn diff_to_look_at(diff: &str, styles: &Styles) -> String {
    let mut text = String::with_capacity(diff.len());
    for line in diff.split_inclusive('\n') {
        let (line, end) = line
            .strip_suffix('\n')
            .map_or((line, ""), |line| (line, "\n"));
        let style = match line.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] | [b'd', ..] => styles.strong,
            [b'@', ..] => styles.hint,
            [b'+', ..] => styles.good,
            [b'-', ..] => styles.bad,
            _ => styles.faint,
        };
        write!(text, "{style}").expect(TAKES_ALL);
        for character in line.chars() {
            match character {
                '\t' => text.push('\t'),
                _ if steers(character) => {
                    write!(text, "{}", character.escape_default()).expect(TAKES_ALL)
                }
                _ => text.push(character),
            }
        }
        write!(text, "{style:#}{end}").expect(TAKES_ALL);
    }
    text
}

/// `deploy/web.yaml Deployment/web`, or `deploy/web.yaml:3` where no object is meant.
fn named(place: &Place) -> String {
    match (&place.file, &place.object, place.line) {
        (Some(file), Some(object), _) => format!("{file} {object}"),
        (Some(file), None, Some(line)) => format!("{file}:{line}"),
        (Some(file), None, None) => file.clone(),
        (None, Some(object), _) => object.clone(),
        (None, None, _) => "something".to_owned(),
    }
}

/// `deploy/web.yaml:21`
fn at(place: &Place, line: Option<u32>) -> String {
    let file = place.file.as_deref().unwrap_or_default();
    line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
}
