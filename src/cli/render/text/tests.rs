//! What a person reads of a report, to the letter.

use super::object::decision;
use super::*;
use crate::app::report::{Action, Hold, LeftOut, Outcome, Problem, SiteName, Skipped};
use crate::cli::render::samples;
use crate::engine::code::{Code, CodeKind};
use crate::engine::image::Digest;

fn text(report: &Report, detail: Detail) -> String {
    body(report, detail, &Styles::plain()) + &summary(report, detail, &Styles::plain())
}

#[test]
fn an_update_says_what_was_checked_and_what_was_done() {
    assert_eq!(
        text(&samples::updated(), Detail::Normal),
        "\
deploy/web.yaml:21  app  registry.example.test/web:1.4 -> sha256:666666666666
updated 1 image in 1 of 214 files; 3 Helm templates passed over
"
    );
    assert_eq!(
        body(&samples::updated(), Detail::More, &Styles::plain()),
        format!(
            "\
checking deploy/web.yaml Deployment/web:
  app has to be updated from registry.example.test/web:1.4 to registry.example.test/web:1.4@sha256:{}
  proxy ok
update deploy/web.yaml Deployment/web
passed over chart/templates/0.yaml:3 (template): a Helm template
passed over chart/templates/1.yaml:3 (template): a Helm template
passed over chart/templates/2.yaml:3 (template): a Helm template
",
            "6".repeat(64)
        )
    );
}

#[test]
fn a_cluster_has_no_lines_and_says_all_of_each_workload() {
    let mut report = samples::updated();
    report.mode = Mode::Cluster;
    report.objects[0].place.file = None;
    let text = text(&report, Detail::Normal);
    assert!(
        text.starts_with("checking Deployment/web:\n  app has to be updated from ")
            && text
                .ends_with("\nupdated 1 image in 1 of 1 workload; 3 Helm templates passed over\n"),
        "{text}"
    );
}

#[test]
fn many_changes_are_told_by_image() {
    let mut report = samples::updated();
    let image = report.objects[0].images[0].clone();
    report.objects[0].images = vec![image; 50];
    assert_eq!(
        body(&report, Detail::Normal, &Styles::plain())
            .lines()
            .count(),
        50
    );
    let other = samples::container("db", "db:1", Outcome::Outdated("db:2".into()));
    report.objects[0].images.push(other);
    assert_eq!(
        body(&report, Detail::Normal, &Styles::plain()),
        "\
registry.example.test/web:1.4 -> sha256:666666666666  in 50 places, first deploy/web.yaml:21
deploy/web.yaml:21  db  db:1 -> db:2
"
    );
    let summary = summary(&report, Detail::Normal, &Styles::plain());
    assert!(
        summary.starts_with("updated 51 images (2 different) in 1 of 214 files; "),
        "{summary}"
    );
}

#[test]
fn a_rehearsal_that_the_forge_does_not_answer_has_pushed_nothing() {
    let request = Proposed {
        branch: "imago/update".into(),
        base: "main".into(),
        group: None,
        noun: "pull request",
        state: ProposedState::Pushed,
        reference: None,
        number: None,
        url: None,
        commit: None,
    };
    for (dry_run, begin) in [(false, "pushed"), (true, "would push")] {
        let report = Report {
            dry_run,
            proposed: vec![request.clone()],
            ..samples::updated()
        };
        let text = summary(&report, Detail::Normal, &Styles::plain());
        let wanted =
            format!("\n{begin} imago/update; the forge could not be asked for its pull request\n");
        assert!(text.ends_with(&wanted), "{text}");
    }
}

#[test]
fn a_change_that_was_refused_is_marked() {
    let mut report = samples::updated();
    report.objects[0].changed = false;
    for (dry_run, end) in [
        (false, "6 (not changed)\n"),
        (true, "6 (would not be changed)\n"),
    ] {
        let report = Report {
            dry_run,
            ..report.clone()
        };
        let text = body(&report, Detail::Normal, &Styles::plain());
        assert!(text.ends_with(end), "{text}");
    }
}

#[test]
fn what_is_held_is_counted_by_code_and_named_where_it_matters() {
    let mut report = samples::updated();
    let held = |code, site: Option<&str>| Skipped {
        code,
        place: Place {
            file: Some("deploy/web.yaml".into()),
            line: Some(7),
            object: site.map(|_| "Deployment/web".into()),
            site: site.map(|site| Box::new(SiteName::container(site))),
        },
        message: "a reason".into(),
    };
    report.skipped.extend([
        held(Code::BadComment, None),
        held(Code::RenamedBy, Some("app")),
        held(Code::RenamedBy, Some("proxy")),
        held(Code::DecidedBy, Some("db")),
    ]);
    let said = text(&report, Detail::Normal);
    assert!(
        said.ends_with(
            "; held back: 2 renamed-by, 1 bad-comment (`-v` names them); 3 Helm templates passed over; 1 image decided by a kustomization\n"
        ) && !said.contains("a reason"),
        "{said}"
    );
    report.strict = true;
    let said = text(&report, Detail::Normal);
    assert!(
        said.contains("\ndeploy/web.yaml:7  held back (bad-comment): a reason\n")
            && said.contains("\ndeploy/web.yaml:7  proxy  held back (renamed-by): a reason\n")
            && !said.contains("(`-v` names them)"),
        "{said}"
    );
}

#[test]
fn a_chart_that_is_not_known_has_a_line_of_its_own_and_a_held_image_its_place() {
    let mut report = samples::updated();
    let held = samples::container("app", "web:1.4", Outcome::Held(Hold::duplicate_name()));
    let place = Place {
        line: Some(21),
        ..report.objects[0].place.clone()
    };
    report.skipped.push(Skipped {
        code: Code::ChartUnproven,
        place,
        message: "a reason".into(),
    });
    report.objects[0].images = vec![held];
    let summary = |detail| summary(&report, detail, &Styles::plain());
    let hint = "hint: if the chart takes a digest behind the tag at deploy/web.yaml:21, write ";
    let lines = "set `helm: {digest-in-tag: [...]}`\nupdated no image";
    for (detail, last) in [
        (
            Detail::Normal,
            "held back: 1 chart-unproven (`-v` names them)",
        ),
        (Detail::More, "held back: 1 chart-unproven"),
    ] {
        let said = summary(detail);
        assert!(said.starts_with(hint), "{said}");
        assert!(said.contains(lines) && said.contains(last), "{said}");
        assert_eq!(said.contains("`-v`"), detail == Detail::Normal, "{said}");
    }
    let body = body(&report, Detail::More, &Styles::plain());
    assert!(body.contains(" (deploy/web.yaml:21)\n"), "{body}");
}

#[test]
fn without_an_action_the_last_line_says_what_has_to_be_done() {
    let report = samples::updated();
    for (report, last) in [
        (
            Report {
                action: Action::Report,
                ..report.clone()
            },
            "1 image in 1 of 214 files has to be updated",
        ),
        (
            Report {
                action: Action::Check,
                ..report.clone()
            },
            "1 image in 1 of 214 files has to be updated",
        ),
        (
            Report {
                dry_run: true,
                ..report.clone()
            },
            "would update 1 image in 1 of 214 files",
        ),
        (
            Report {
                stopped_at: Some(0),
                ..report.clone()
            },
            "nothing was written: 1 image would change, and `--max-changes` allows 0",
        ),
    ] {
        let text = text(&report, Detail::Normal);
        assert_eq!(
            text.lines().last().unwrap(),
            format!("{last}; 3 Helm templates passed over")
        );
    }
}

#[test]
fn every_outcome_has_its_words() {
    let new = format!("sha256:{}", "6".repeat(64));
    for (outcome, words) in [
        (Outcome::Ok, "ok".to_owned()),
        (Outcome::Fixed, "ok (fixed digest)".to_owned()),
        (
            Outcome::Restored("web:1".into()),
            "goes back from web:1.4 to web:1".to_owned(),
        ),
        (
            Outcome::Kept("its tag was changed".into()),
            "stays on web:1.4: its tag was changed".to_owned(),
        ),
        (
            Outcome::Ignored(samples::left_out("annotation `imago/ignore`")),
            "ignored (annotation `imago/ignore`)".to_owned(),
        ),
        (
            Outcome::Ignored(LeftOut {
                code: Code::DecidedBy,
                by: "`top/kustomization.yaml`".into(),
            }),
            "decided-by (`top/kustomization.yaml`)".to_owned(),
        ),
        (
            Outcome::Variable,
            "variable: web:1.4 is not an image yet".to_owned(),
        ),
        (
            Outcome::Held(Hold::platform_lost(
                &Digest::parse(&new).unwrap(),
                "it lacks linux/arm64",
            )),
            format!(
                "held back (platform-lost) on web:1.4, though its tag is on {new} now: it lacks linux/arm64"
            ),
        ),
        (samples::failed(), "has a problem".to_owned()),
    ] {
        assert_eq!(
            decision(
                &samples::container("app", "web:1.4", outcome),
                &Styles::plain()
            ),
            words
        );
    }
}

#[test]
fn an_empty_result_says_why() {
    let nothing = Report {
        objects: Vec::new(),
        files_changed: Vec::new(),
        skipped: Vec::new(),
        ..samples::updated()
    };
    let with = |outcomes: &[Outcome]| {
        let mut report = samples::updated();
        report.objects[0].images = outcomes
            .iter()
            .map(|outcome| samples::container("app", "web:1.4", outcome.clone()))
            .collect();
        report.objects[0].changed = false;
        let skipped = report.images().filter_map(|image| {
            let code = image
                .code()
                .filter(|code| code.kind() == CodeKind::Skipped)?;
            Some(Skipped {
                code,
                place: Place::default(),
                message: String::new(),
            })
        });
        Report {
            files_changed: Vec::new(),
            skipped: skipped.collect(),
            ..report
        }
    };
    let ignored = Outcome::Ignored(samples::left_out("`--exclude-image`"));
    for (report, line) in [
        (
            Report {
                files_seen: 0,
                ..nothing.clone()
            },
            "no manifest found (*.yaml, *.yml, *.json)",
        ),
        (
            Report {
                files_seen: 0,
                narrowed: true,
                ..nothing.clone()
            },
            "no manifest passes `include` and `exclude` (*.yaml, *.yml, *.json)",
        ),
        (
            Report {
                files_seen: 1,
                ..nothing.clone()
            },
            "no image in 1 file",
        ),
        (
            Report {
                files_seen: 2,
                skipped: samples::updated().skipped,
                ..nothing.clone()
            },
            "no image in 2 files; 3 Helm templates passed over",
        ),
        (
            Report {
                unhandled: [
                    ("HelmRelease".into(), 2),
                    ("misspelt container list".into(), 1),
                ]
                .into(),
                ..nothing.clone()
            },
            "no image in 214 files; 2 HelmReleases, 1 misspelt container list not handled",
        ),
        (
            Report {
                without_namespace: 3,
                not_selected: 1,
                ..nothing.clone()
            },
            "no object in 214 files is selected; 3 objects without a namespace not taken by `-n`; 1 object not selected",
        ),
        (with(&[Outcome::Ok]), "the image in 214 files is up to date"),
        (
            with(&[Outcome::Ok, Outcome::Ok]),
            "all 2 images in 214 files are up to date",
        ),
        (
            with(&[Outcome::Ok, Outcome::Fixed]),
            "1 of 2 images in 214 files is up to date; 1 image with a fixed digest; `--track tag` would follow its tag",
        ),
        (
            with(&[Outcome::Fixed, Outcome::Fixed]),
            "2 images with a fixed digest in 214 files; `--track tag` would follow their tags",
        ),
        (
            with(&[Outcome::Fixed, ignored.clone()]),
            "nothing to do in 214 files; 1 image with a fixed digest; `--track tag` would follow its tag; 1 image ignored",
        ),
        (
            Report {
                action: Action::Restore,
                ..with(&[Outcome::Fixed])
            },
            "nothing to restore in 214 files; 1 image left with a digest (`-v` says why)",
        ),
        (
            with(&[Outcome::Fixed, samples::failed()]),
            "no image in 214 files could be checked; 1 image with a fixed digest; `--track tag` would follow its tag",
        ),
        (
            with(&[Outcome::Ok, ignored.clone()]),
            "1 of 2 images in 214 files is up to date; 1 image ignored",
        ),
        (
            with(&[ignored, Outcome::Variable]),
            "nothing to do in 214 files; 1 placeholder passed over; 1 image ignored",
        ),
        (
            with(&[samples::failed()]),
            "no image in 214 files could be checked",
        ),
        (
            with(&[Outcome::Outdated("web:1.4@x".into())]),
            "updated no image in 214 files",
        ),
        (
            Report {
                action: Action::Restore,
                ..with(&[Outcome::Ok])
            },
            "nothing to restore in 214 files",
        ),
    ] {
        assert_eq!(
            summary(&report, Detail::Normal, &Styles::plain()),
            format!("{line}\n")
        );
    }
}

#[test]
fn what_track_tag_would_do_is_said_where_it_would_do_it_for_all() {
    let mut report = Report {
        action: Action::Report,
        skipped: Vec::new(),
        ..samples::updated()
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    let pins = [format!("web:1@{digest}"), format!("db@{digest}")];
    report.objects[0].images = pins
        .iter()
        .map(|image| samples::container("app", image, Outcome::Fixed))
        .collect();
    assert_eq!(
        summary(&report, Detail::Normal, &Styles::plain()),
        "2 images with a fixed digest in 214 files\n"
    );
    report.objects[0].images.truncate(1);
    let hinted = "1 image with a fixed digest in 214 files; `--track tag` would follow its tag\n";
    assert_eq!(summary(&report, Detail::Normal, &Styles::plain()), hinted);
    report
        .notes
        .push("1 fixed image of a\u{1b} follows its tag in b".into());
    let noted = summary(&report, Detail::Normal, &Styles::plain());
    assert_eq!(
        noted,
        format!("note: 1 fixed image of a\\u{{1b}} follows its tag in b\n{hinted}")
    );
}

#[test]
fn a_restore_that_only_drops_the_record_is_no_silence() {
    let mut report = Report {
        action: Action::Restore,
        skipped: Vec::new(),
        ..samples::updated()
    };
    report.objects[0].images = vec![samples::container(
        "app",
        "web:2",
        Outcome::Kept("its tag was changed".into()),
    )];
    assert_eq!(
        text(&report, Detail::Normal),
        "\
deploy/web.yaml:4  Deployment/web  the annotation `imago-config-spec` is removed
restored no image, and removed the record in 1 of 214 files; 1 image left with a digest (`-v` says why)
"
    );
}

#[test]
fn more_detail_names_what_was_passed_over() {
    let mut report = samples::updated();
    report.objects.clear();
    report.files_without_objects = vec!["deploy/names.yaml".into()];
    report.skipped.truncate(1);
    assert!(
        text(&report, Detail::More)
            .starts_with("deploy/names.yaml holds no object with images\npassed over chart/templates/0.yaml:3 (template): a Helm template\n")
    );
    assert!(!text(&report, Detail::Normal).contains("names.yaml"));
}

#[test]
fn problems_are_counted_in_the_last_line() {
    let problem = Problem {
        code: Code::Io,
        what: "cannot read `a`".into(),
        place: Place::default(),
        cause: String::new(),
        hint: None,
    };
    let report = Report {
        problems: vec![problem],
        ..samples::updated()
    };
    assert!(
        summary(&report, Detail::Normal, &Styles::plain()).ends_with("passed over; 1 problem\n")
    );
}

#[test]
fn names_and_images_cannot_steer_the_terminal() {
    let mut report = samples::updated();
    report.objects[0].place.file = Some("a\u{1b}]0;x\u{7}.yaml".into());
    report.objects[0].images[0].site.name = "app\u{1b}[2K".into();
    report.objects[0].images[0].image = "web\r:1".into();
    report.skipped.push(Skipped {
        code: Code::Io,
        place: Place::default(),
        message: "\u{9b}1m".into(),
    });
    report.unhandled.insert("Kind\u{1b}".into(), 1);
    report.lock = samples::locked();
    report.lock[0].image = "web\u{9b}:1".into();
    for detail in [Detail::Normal, Detail::More] {
        for strict in [false, true] {
            let text = text(
                &Report {
                    strict,
                    ..report.clone()
                },
                detail,
            );
            assert!(
                !text
                    .chars()
                    .any(|character| character != '\n' && steers(character)),
                "{text:?}"
            );
        }
    }
}

#[test]
fn plain_and_coloured_text_say_the_same() {
    let report = samples::updated();
    let coloured = body(&report, Detail::More, &Styles::coloured())
        + &summary(&report, Detail::More, &Styles::coloured());
    assert_ne!(coloured, text(&report, Detail::More));
    assert_eq!(
        anstream::adapter::strip_str(&coloured).to_string(),
        text(&report, Detail::More)
    );
}

#[test]
fn a_diff_to_look_at_shows_what_the_terminal_would_do() {
    let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\timage: a\r\n+\timage: b\u{1b}[2J";
    assert_eq!(
        diff_to_look_at(diff, &Styles::plain()),
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-\timage: a\\r\n+\timage: b\\u{1b}[2J"
    );
}
