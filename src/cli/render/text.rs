//! A report for people: each workload with its containers, what was done, and a last line that says what it comes to.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Printable, Styles, counted, steers};
use crate::app::digest::Found;
use crate::app::report::{Action, Committed, ContainerReport, Mode, Outcome, Place, Problem, Reach, Report, WorkloadReport};
use crate::cli::settings::Detail;

/// Why a string takes what is written to it.
const TAKES_ALL: &str = "a string takes all";

/// How many digits of a commit's name tell it apart for a person.
const SHORT_COMMIT: usize = 7;

/// The workloads and what became of them.
pub fn body(report: &Report, detail: Detail, styles: &Styles) -> String {
    let mut text = String::new();
    for workload in &report.workloads {
        write_workload(&mut text, workload, report, styles);
    }
    if detail >= Detail::More {
        for file in &report.files_without_workload {
            writeln!(text, "{} holds no workload", Printable(file)).expect(TAKES_ALL);
        }
        for skipped in report.skipped.iter().filter(|skipped| skipped.place.container.is_none()) {
            writeln!(text, "passed over {}: {}", Printable(&named(&skipped.place)), Printable(&skipped.message))
                .expect(TAKES_ALL);
        }
    }
    text
}

/// The last line: what was done or has to be done, and what was left out.
pub fn summary(report: &Report, styles: &Styles) -> String {
    let strong = styles.strong;
    let committed = report.git.as_ref().map(|git| committed(git, report.reach())).unwrap_or_default();
    let mut parts = vec![format!("{strong}{}{strong:#}", verdict(report))];
    let counts = report.counts();
    for (count, noun, what) in [
        (counts.held, "image", "held back"),
        (counts.kept, "image", "left as written"),
        (counts.unchecked, "image", "not checked by a pod"),
        (counts.ignored, "image", "ignored"),
        (counts.variable, "variable", "passed over"),
        (code_count(report, "template"), "Helm template", "passed over"),
        (code_count(report, "managed"), "workload", "managed by something else"),
    ] {
        if count > 0 {
            parts.push(format!("{} {what}", counted(count, noun)));
        }
    }
    if !report.unhandled.is_empty() {
        let kinds: Vec<String> =
            report.unhandled.iter().map(|(kind, count)| counted(*count, &Printable(kind).to_string())).collect();
        parts.push(format!("{} not handled", kinds.join(", ")));
    }
    if report.without_namespace > 0 {
        parts.push(format!("{} without a namespace not taken by `-n`", counted(report.without_namespace, "workload")));
    }
    if report.not_selected > 0 {
        parts.push(format!("{} not selected", counted(report.not_selected, "workload")));
    }
    if !report.problems.is_empty() {
        let bad = styles.bad;
        parts.push(format!("{bad}{}{bad:#}", counted(report.problems.len(), "problem")));
    }
    committed + &parts.join("; ") + "\n"
}

/// The line about the commit.
fn committed(git: &Committed, reach: Reach) -> String {
    let branch = git.branch.as_ref().map_or_else(|| "a detached HEAD".to_owned(), |branch| Printable(branch).to_string());
    let remote = git.remote.as_ref().map(|remote| Printable(remote).to_string()).unwrap_or_default();
    let short = |commit: &String| commit.chars().take(SHORT_COMMIT).collect::<String>();
    match (&git.commit, reach) {
        (_, Reach::Looked | Reach::Rehearsed) => String::new(),
        (Some(commit), _) if git.pushed => format!("committed {} on {branch}, pushed to {remote}\n", short(commit)),
        (Some(commit), _) if git.remote.is_some() => format!("{} is on {branch} at {remote} already\n", short(commit)),
        (Some(commit), _) => format!("committed {} on {branch}\n", short(commit)),
        (None, _) if git.pushed => format!("nothing to commit; pushed what waited on {branch} to {remote}\n"),
        (None, _) => format!("nothing to commit on {branch}\n"),
    }
}

/// A unified diff for a person's eyes: coloured as the styles say, with nothing in it that steers the terminal. It does not apply.
pub fn diff_to_look_at(diff: &str, styles: &Styles) -> String {
    let mut text = String::with_capacity(diff.len());
    for line in diff.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
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
                _ if steers(character) => write!(text, "{}", character.escape_default()).expect(TAKES_ALL),
                _ => text.push(character),
            }
        }
        write!(text, "{style:#}{end}").expect(TAKES_ALL);
    }
    text
}

/// The digests that were found, one a line, in the order of the images.
pub fn digests(found: &[Found]) -> String {
    found.iter().filter_map(|found| found.digest.as_ref().ok()).map(|digest| format!("{digest}\n")).collect()
}

/// How each answer was found, for a person who wants to know why.
pub fn ways<'a>(ways: impl IntoIterator<Item = (&'a str, &'a [String])>, styles: &Styles) -> String {
    let Styles { strong, faint, .. } = styles;
    let mut text = String::new();
    for (asked, steps) in ways {
        writeln!(text, "{strong}asking for {}:{strong:#}", Printable(asked)).expect(TAKES_ALL);
        for step in steps {
            writeln!(text, "  {faint}{}{faint:#}", Printable(step)).expect(TAKES_ALL);
        }
    }
    text
}

/// Why the other images have none.
pub fn digest_problems(found: &[Found]) -> Vec<Problem> {
    let problem = |found: &Found| {
        let refusal = found.digest.as_ref().err()?.clone();
        let what = format!("cannot resolve `{}`", found.image);
        Some(Problem { code: refusal.code, what, place: Place::default(), cause: refusal.cause, hint: refusal.hint })
    };
    found.iter().filter_map(problem).collect()
}

fn write_workload(text: &mut String, workload: &WorkloadReport, report: &Report, styles: &Styles) {
    let strong = styles.strong;
    let name = named(&workload.place);
    writeln!(text, "{strong}checking {}:{strong:#}", Printable(&name)).expect(TAKES_ALL);
    for container in &workload.containers {
        writeln!(text, "  {} {}", Printable(&container.name), decision(container, styles)).expect(TAKES_ALL);
    }
    if !workload.changed {
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

fn decision(container: &ContainerReport, styles: &Styles) -> String {
    let Styles { change, good, bad, faint, .. } = styles;
    let image = Printable(&container.image);
    match &container.outcome {
        Outcome::Ok => format!("{good}ok{good:#}"),
        Outcome::Fixed => format!("{good}ok{good:#} (fixed digest)"),
        Outcome::Outdated(new) => format!("{change}has to be updated{change:#} from {image} to {}", Printable(new)),
        Outcome::Restored(old) => format!("{change}goes back{change:#} from {image} to {}", Printable(old)),
        Outcome::Stale { running, digest, back } => {
            let back = back.as_ref().map(|back| format!(", and goes back to {}", Printable(back))).unwrap_or_default();
            format!("{change}has to be restarted{change:#}: a pod runs {running}, and its tag is on {digest} now{back}")
        }
        Outcome::Unchecked(reason) => format!("{faint}stays as it is{faint:#} on {image}: {}", Printable(reason)),
        Outcome::Kept(reason) => format!("stays on {image}: {}", Printable(reason)),
        Outcome::Ignored(way) => format!("{faint}ignored{faint:#} ({})", Printable(way)),
        Outcome::Variable => format!("{faint}passed over{faint:#}: {image} is a variable"),
        Outcome::Held { digest, reason } => {
            format!("{change}held back{change:#} on {image}, though its tag is on {digest} now: {}", Printable(reason))
        }
        Outcome::Failed(_) => format!("{bad}has a problem{bad:#}"),
    }
}

/// `deploy/web.yaml Deployment/web`, or `deploy/web.yaml:3` where no workload is meant.
fn named(place: &Place) -> String {
    match (&place.file, &place.workload, place.line) {
        (Some(file), Some(workload), _) => format!("{file} {workload}"),
        (Some(file), None, Some(line)) => format!("{file}:{line}"),
        (Some(file), None, None) => file.clone(),
        (None, Some(workload), _) => workload.clone(),
        (None, None, _) => "something".to_owned(),
    }
}

fn verdict(report: &Report) -> String {
    let counts = report.counts();
    let due = counts.outdated + counts.restored + counts.stale;
    if let Some(limit) = report.stopped_at {
        return format!("nothing was written: {} would change, and `--max-changes` allows {limit}", counted(due, "image"));
    }
    let verb = match (report.reach(), report.action) {
        (Reach::Looked, _) | (_, Action::Report | Action::Check) => return outlook(report),
        (Reach::Rehearsed, Action::Update) => "would update",
        (Reach::Rehearsed, Action::Restore) => "would restore",
        (Reach::Rehearsed, Action::Restart) => "would restart",
        (Reach::Done, Action::Update) => "updated",
        (Reach::Done, Action::Restore) => "restored",
        (Reach::Done, Action::Restart) => "restarted",
    };
    let changed: Vec<&WorkloadReport> = report.workloads.iter().filter(|workload| workload.changed).collect();
    let containers = changed.iter().flat_map(|workload| &workload.containers);
    let images = containers.filter(|container| is_due(&container.outcome)).count();
    let places = match report.mode {
        Mode::Files => report.files_changed.len(),
        Mode::Cluster => changed.len(),
    };
    match (images, places) {
        (0, 0) if due > 0 => format!("{verb} no image in {}", everything(report)),
        (0, 0) => nothing_to_do(report),
        (0, _) => format!("{verb} no image, and the record goes from {places} of {}", everything(report)),
        _ => format!("{verb} {} in {places} of {}", counted(images, "image"), everything(report)),
    }
}

/// What was looked at: files, or the workloads of a cluster.
fn everything(report: &Report) -> String {
    match report.mode {
        Mode::Files => counted(report.files_seen, "file"),
        Mode::Cluster => counted(report.workloads.len(), "workload"),
    }
}

fn is_due(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Outdated(_) | Outcome::Restored(_) | Outcome::Stale { .. })
}

/// What there is to do, where nothing was to be written.
fn outlook(report: &Report) -> String {
    let due = |workload: &&WorkloadReport| workload.containers.iter().any(|container| is_due(&container.outcome));
    let due = report.workloads.iter().filter(due);
    let places = match report.mode {
        Mode::Files => due.map(|workload| &workload.place.file).collect::<BTreeSet<_>>().len(),
        Mode::Cluster => due.count(),
    };
    let place = format!("in {places} of {}", everything(report));
    match report.counts().outdated {
        0 => nothing_to_do(report),
        1 => format!("1 image {place} has to be updated"),
        images => format!("{images} images {place} have to be updated"),
    }
}

/// Why nothing is to be done.
fn nothing_to_do(report: &Report) -> String {
    let counts = report.counts();
    let places = everything(report);
    let up_to_date = counts.ok + counts.fixed;
    match (report.workloads.len(), up_to_date) {
        (0, _) if report.mode == Mode::Cluster => "no workload was found".to_owned(),
        (0, _) if report.files_seen == 0 && report.narrowed => {
            "no manifest found that `include` and `exclude` take (*.yaml, *.yml, *.json)".to_owned()
        }
        (0, _) if report.files_seen == 0 => "no manifest found (*.yaml, *.yml, *.json)".to_owned(),
        (0, _) if report.not_selected + report.without_namespace > 0 => format!("no workload of {places} is selected"),
        (0, _) => format!("no workload in {places}"),
        _ if report.action == Action::Restore => format!("nothing to restore in {places}"),
        (_, 0) if counts.failed > 0 => format!("no image of {places} could be checked"),
        (_, 0) => format!("nothing to do in {places}"),
        (_, 1) if counts.images == 1 => format!("the image in {places} is up to date"),
        (_, _) if counts.images == up_to_date => format!("all {up_to_date} images in {places} are up to date"),
        (_, 1) => format!("1 of {} images in {places} is up to date", counts.images),
        (_, _) => format!("{up_to_date} of {} images in {places} are up to date", counts.images),
    }
}

fn code_count(report: &Report, code: &str) -> usize {
    report.skipped.iter().filter(|skipped| skipped.code == code).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::Skipped;
    use crate::cli::render::samples;
    use crate::engine::image::Digest;

    fn text(report: &Report, detail: Detail) -> String {
        body(report, detail, &Styles::plain()) + &summary(report, &Styles::plain())
    }

    #[test]
    fn an_update_says_what_was_checked_and_what_was_done() {
        assert_eq!(
            text(&samples::updated(), Detail::Normal),
            format!(
                "\
checking deploy/web.yaml Deployment/web:
  app has to be updated from registry.example.test/web:1.4 to registry.example.test/web:1.4@sha256:{}
  proxy ok
update deploy/web.yaml Deployment/web
updated 1 image in 1 of 214 files; 3 Helm templates passed over
",
                "6".repeat(64)
            )
        );
    }

    #[test]
    fn without_an_action_the_last_line_says_what_has_to_be_done() {
        let report = samples::updated();
        for (report, last) in [
            (Report { action: Action::Report, ..report.clone() }, "1 image in 1 of 214 files has to be updated"),
            (Report { action: Action::Check, ..report.clone() }, "1 image in 1 of 214 files has to be updated"),
            (Report { dry_run: true, ..report.clone() }, "would update 1 image in 1 of 214 files"),
            (
                Report { stopped_at: Some(0), ..report.clone() },
                "nothing was written: 1 image would change, and `--max-changes` allows 0",
            ),
        ] {
            let text = text(&report, Detail::Normal);
            assert_eq!(text.lines().last().unwrap(), format!("{last}; 3 Helm templates passed over"));
            assert!(!text.contains("\nupdate "), "{text}");
            assert_eq!(text.contains("\nwould update deploy/web.yaml Deployment/web\n"), report.dry_run);
        }
    }

    #[test]
    fn every_outcome_has_its_words() {
        let new = format!("sha256:{}", "6".repeat(64));
        for (outcome, words) in [
            (Outcome::Ok, "ok".to_owned()),
            (Outcome::Fixed, "ok (fixed digest)".to_owned()),
            (Outcome::Restored("web:1".into()), "goes back from web:1.4 to web:1".to_owned()),
            (Outcome::Kept("its tag was changed".into()), "stays on web:1.4: its tag was changed".to_owned()),
            (Outcome::Ignored("annotation `imago/ignore`".into()), "ignored (annotation `imago/ignore`)".to_owned()),
            (Outcome::Variable, "passed over: web:1.4 is a variable".to_owned()),
            (
                Outcome::Held { digest: Digest::parse(&new).unwrap(), reason: "it lacks linux/arm64".into() },
                format!("held back on web:1.4, though its tag is on {new} now: it lacks linux/arm64"),
            ),
            (samples::failed(), "has a problem".to_owned()),
        ] {
            assert_eq!(decision(&samples::container("app", "web:1.4", outcome), &Styles::plain()), words);
        }
    }

    #[test]
    fn an_empty_result_says_why() {
        let nothing = Report { workloads: Vec::new(), files_changed: Vec::new(), skipped: Vec::new(), ..samples::updated() };
        let with = |outcomes: &[Outcome]| {
            let mut report = samples::updated();
            report.workloads[0].containers =
                outcomes.iter().map(|outcome| samples::container("app", "web:1.4", outcome.clone())).collect();
            report.workloads[0].changed = false;
            Report { files_changed: Vec::new(), skipped: Vec::new(), ..report }
        };
        let ignored = Outcome::Ignored("`--exclude-image`".into());
        for (report, line) in [
            (Report { files_seen: 0, ..nothing.clone() }, "no manifest found (*.yaml, *.yml, *.json)"),
            (
                Report { files_seen: 0, narrowed: true, ..nothing.clone() },
                "no manifest found that `include` and `exclude` take (*.yaml, *.yml, *.json)",
            ),
            (Report { files_seen: 1, ..nothing.clone() }, "no workload in 1 file"),
            (
                Report { files_seen: 2, skipped: samples::updated().skipped, ..nothing.clone() },
                "no workload in 2 files; 3 Helm templates passed over",
            ),
            (
                Report { unhandled: [("Kustomization".into(), 2), ("Rollout".into(), 1)].into(), ..nothing.clone() },
                "no workload in 214 files; 2 Kustomizations, 1 Rollout not handled",
            ),
            (
                Report { without_namespace: 3, not_selected: 1, ..nothing.clone() },
                "no workload of 214 files is selected; 3 workloads without a namespace not taken by `-n`; 1 workload not selected",
            ),
            (with(&[Outcome::Ok]), "the image in 214 files is up to date"),
            (with(&[Outcome::Ok, Outcome::Fixed]), "all 2 images in 214 files are up to date"),
            (with(&[Outcome::Ok, ignored.clone()]), "1 of 2 images in 214 files is up to date; 1 image ignored"),
            (with(&[ignored, Outcome::Variable]), "nothing to do in 214 files; 1 image ignored; 1 variable passed over"),
            (with(&[samples::failed()]), "no image of 214 files could be checked"),
            (with(&[Outcome::Outdated("web:1.4@x".into())]), "updated no image in 214 files"),
            (Report { action: Action::Restore, ..with(&[Outcome::Ok]) }, "nothing to restore in 214 files"),
        ] {
            assert_eq!(summary(&report, &Styles::plain()), format!("{line}\n"));
        }
    }

    #[test]
    fn a_restore_that_only_drops_the_record_is_no_silence() {
        let mut report = Report { action: Action::Restore, skipped: Vec::new(), ..samples::updated() };
        report.workloads[0].containers = vec![samples::container("app", "web:2", Outcome::Kept("its tag was changed".into()))];
        assert_eq!(
            text(&report, Detail::Normal),
            "\
checking deploy/web.yaml Deployment/web:
  app stays on web:2: its tag was changed
restore deploy/web.yaml Deployment/web
restored no image, and the record goes from 1 of 214 files; 1 image left as written
"
        );
    }

    #[test]
    fn more_detail_names_what_was_passed_over() {
        let mut report = samples::updated();
        report.workloads.clear();
        report.files_without_workload = vec!["deploy/names.yaml".into()];
        report.skipped.truncate(1);
        assert!(
            text(&report, Detail::More)
                .starts_with("deploy/names.yaml holds no workload\npassed over chart/templates/0.yaml:3: a Helm template\n")
        );
        assert!(!text(&report, Detail::Normal).contains("names.yaml"));
    }

    #[test]
    fn problems_are_counted_in_the_last_line() {
        let problem =
            Problem { code: "io", what: "cannot read `a`".into(), place: Place::default(), cause: String::new(), hint: None };
        let report = Report { problems: vec![problem], ..samples::updated() };
        assert!(summary(&report, &Styles::plain()).ends_with("passed over; 1 problem\n"));
    }

    #[test]
    fn names_and_images_cannot_steer_the_terminal() {
        let mut report = samples::updated();
        report.workloads[0].place.file = Some("a\u{1b}]0;x\u{7}.yaml".into());
        report.workloads[0].containers[0].name = "app\u{1b}[2K".into();
        report.workloads[0].containers[0].image = "web\r:1".into();
        report.skipped.push(Skipped { code: "x", place: Place::default(), message: "\u{9b}1m".into() });
        report.unhandled.insert("Kind\u{1b}".into(), 1);
        let text = text(&report, Detail::More);
        assert!(!text.chars().any(|character| character != '\n' && steers(character)), "{text:?}");
    }

    #[test]
    fn plain_and_coloured_text_say_the_same() {
        let report = samples::updated();
        let coloured = body(&report, Detail::More, &Styles::coloured()) + &summary(&report, &Styles::coloured());
        assert_ne!(coloured, text(&report, Detail::More));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), text(&report, Detail::More));
    }

    #[test]
    fn a_diff_to_look_at_shows_what_the_terminal_would_do() {
        let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\timage: a\r\n+\timage: b\u{1b}[2J";
        assert_eq!(
            diff_to_look_at(diff, &Styles::plain()),
            "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\timage: a\\r\n+\timage: b\\u{1b}[2J"
        );
    }
}
