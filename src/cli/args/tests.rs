//! What is answered to what is typed wrong, and that help fits a screen.

use super::*;

fn refused(line: &str) -> Refused {
    parse(line.split(' ').map(OsString::from)).unwrap_err()
}

#[test]
fn the_flags_are_well_defined() {
    Typed::command().debug_assert();
}

#[test]
fn a_flag_may_be_given_often_and_not_without_end() {
    for flag in ["include", "exclude-image", "kind", "registry-map"] {
        let given = |count: usize| {
            let values = (0..count).map(|_| format!("--{flag}=a").into());
            parse(
                ["imago", "files"]
                    .map(OsString::from)
                    .into_iter()
                    .chain(values),
            )
            .map(drop)
        };
        assert!(given(1024).is_ok(), "{flag}");
        let Err(Refused::Usage(UsageError { what, .. })) = given(1025) else {
            panic!("{flag}");
        };
        assert_eq!(what, format!("`--{flag}` is given more than 1024 times"));
    }
    let files = (0..5_000).map(|number| format!("{number}.yaml").into());
    let line = ["imago", "files"].map(OsString::from).into_iter();
    assert!(parse(line.chain(files)).is_ok());
}

#[test]
fn what_another_command_takes_hints_at_that_one() {
    for (line, hint) in [
        (
            "imago deploy/",
            "run `imago files deploy/` for the manifests of a file or folder",
        ),
        (
            "imago ./digest",
            "run `imago files ./digest` for the manifests of a file or folder",
        ),
        (
            "imago manifests --update",
            "run `imago files manifests` for the manifests of a file or folder",
        ),
        (
            "imago --update --commit",
            "run `imago files --commit` for manifests in files",
        ),
        (
            "imago -q --offline",
            "run `imago files --offline` for manifests in files",
        ),
        (
            "imago -n shop --include=a",
            "run `imago files --include` for manifests in files",
        ),
        (
            "imago --update deploy/",
            "run `imago files deploy/` for manifests in files",
        ),
        (
            "imago update deploy/",
            "run `imago files --update deploy/` for manifests in files",
        ),
        (
            "imago -q check -v deploy/ apps/",
            "run `imago files --check deploy/` for manifests in files",
        ),
        (
            "imago diff",
            "run `imago files --diff` for manifests in files",
        ),
        (
            "imago restore",
            "run `imago files --restore` for manifests in files, `imago cluster --restore` for the workloads of a cluster",
        ),
        (
            "imago restart -n shop",
            "run `imago cluster --restart` for the workloads of a cluster",
        ),
        (
            concat!("imago che", "k"),
            "run `imago files --check` for manifests in files, `imago cluster --check` for the workloads of a cluster",
        ),
        (
            concat!("imago udp", "ate deploy/"),
            "run `imago files --update deploy/` for manifests in files",
        ),
        (
            "imago list",
            "`imago images` lists every image, `imago files` what is outdated",
        ),
        (
            "imago undo",
            "`imago files --restore` takes the digests off again",
        ),
        (
            "imago renovate",
            "run `imago files renovate` for the manifests of a file or folder",
        ),
        (
            "imago digests",
            "did you mean `digest`? `imago --help` has all commands",
        ),
        ("imago  ", "`imago --help` has all commands"),
        ("imago files -update", "did you mean `--update`?"),
        (
            "imago cluster nc-web",
            "take one workload with `-f metadata.name=nc-web`",
        ),
        (
            "imago cluster --update deployment/web",
            "take one workload with `-f metadata.name=web`",
        ),
        (
            "imago cluster --update StatefulSet/web",
            "take one workload with `-f metadata.name=web`",
        ),
        (
            "imago --update web",
            "take one workload with `-f metadata.name=web`, or run `imago files web` for manifests in files",
        ),
        (
            "imago cluster web.yaml",
            "run `imago files web.yaml` for manifests in files",
        ),
        (
            "imago --update deploy/web",
            "run `imago files deploy/web` for manifests in files",
        ),
        (
            "imago cluster apps/web",
            "run `imago files apps/web` for manifests in files",
        ),
        (
            "imago cluster --offline",
            "run `imago files --offline` for manifests in files",
        ),
        (
            "imago -q cluster --update deploy/",
            "run `imago files deploy/` for manifests in files",
        ),
        // Not `--restore`, which is spelled alike.
        (
            "imago files --restart deploy/",
            "run `imago cluster --restart` for the workloads of a cluster",
        ),
        (
            "imago --color never files --check-pods",
            "run `imago cluster --check-pods` for the workloads of a cluster",
        ),
        (
            "imago files -c",
            "run `imago cluster -c` for the workloads of a cluster",
        ),
    ] {
        match refused(line) {
            Refused::Usage(usage) => assert_eq!(usage.hint, hint, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn a_slip_of_the_finger_is_answered_with_the_right_word() {
    for (line, right) in [
        ("imago flies", "`files`"),
        ("imago files --upadte", "`--update`"),
        ("imago files --output jsn", "`json`"),
        ("imago files --track tags", "`tag`"),
        ("imago files --color allways", "`always`"),
        ("imago --updat", "`--update`"),
        (
            "imago cluster --ofline",
            "`--ofline` is not a flag of `imago cluster`",
        ),
        (
            "imago digest --check",
            "`--check` is not a flag of `imago digest`",
        ),
    ] {
        match refused(line) {
            Refused::Usage(UsageError { what, hint }) => assert!(
                hint.contains(right) || what == right,
                "{line}: {what} {hint}"
            ),
            other => panic!("{line}: {other:?}"),
        }
    }
}

#[test]
fn a_number_that_a_flag_cannot_have_is_answered_with_what_it_takes() {
    for flags in [
        "files --max-changes",
        "cluster --max-changes",
        "fleet f --max-changes",
        "files --pr-limit",
        "fleet f --jobs",
        "resolve f --lock l --jobs",
        "files --concurrency",
        "digest web --concurrency",
    ] {
        for value in ["x", "-1", "1.5", "1e3", "99999999999999999999999", ""] {
            for between in [" ", "="] {
                match refused(&format!("imago {flags}{between}{value}")) {
                    Refused::Usage(UsageError { what, hint }) => {
                        let expected = match value {
                            "" => "` needs a value".to_owned(),
                            _ => format!("` cannot be `{value}`"),
                        };
                        assert!(what.ends_with(&expected), "{flags} {value}: {what}");
                        let takes = "it takes a whole number from ";
                        assert!(hint.starts_with(takes), "{flags} {value}: {hint}");
                    }
                    other => panic!("{flags} {value}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn help_and_version_are_results() {
    for line in [
        "imago --help",
        "imago -h",
        "imago help",
        "imago help files",
        "imago --version",
        "imago files --help",
        "imago digest --help",
    ] {
        assert!(matches!(refused(line), Refused::Asked(_)), "{line}");
    }
}

/// The help of a line.
fn help(line: &str) -> String {
    match refused(line) {
        Refused::Asked(text) => text.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

const COMMANDS: [&str; 10] = [
    "", " init", " import", " files", " fleet", " resolve", " cluster", " images", " digest",
    " tags",
];

#[test]
fn help_fits_a_screen_and_has_one_layout() {
    assert!(help("imago --help").lines().count() <= 24);
    for command in COMMANDS {
        for flag in ["-h", "--help"] {
            let text = help(&format!("imago{command} {flag}"));
            for line in text.lines() {
                assert!(line.chars().count() <= 80, "{command} {flag}: {line}");
                // A flag whose text is on the next line, or that takes two lines, is of another layout.
                let words = line.trim_start();
                let is_flag = words.starts_with('-') && line.starts_with("  ");
                assert!(!is_flag || words.contains("  "), "{command} {flag}: {line}");
                let is_continued = line.starts_with("             ") && !words.contains("  ");
                assert!(!is_continued, "{command} {flag}: {line}");
            }
        }
    }
}

#[test]
fn short_help_has_the_common_flags_and_long_help_has_all() {
    let flags = |text: &str| {
        let lines = text.lines().map(str::trim_start);
        lines.filter(|line| line.starts_with("-")).count()
    };
    for command in &COMMANDS[3..] {
        let (short, long) = (
            help(&format!("imago{command} -h")),
            help(&format!("imago{command} --help")),
        );
        assert!(flags(&short) <= 12, "{short}");
        assert!(flags(&short) < flags(&long), "{short}");
        assert!(
            short.contains(&format!("`imago{command} --help` has all flags.")),
            "{short}"
        );
        assert!(short.lines().count() <= 42, "{short}");
        assert!(!long.contains("has all flags"), "{long}");
        let other = help(&format!("imago -v{command} -h"));
        assert_eq!(other, short);
    }
    assert_eq!(help("imago help files"), help("imago files --help"));
    assert_eq!(help("imago -h"), help("imago --help"));
}

#[test]
fn flags_of_the_voice_stand_before_or_after_the_command() {
    for line in ["imago -v files", "imago files -v"] {
        assert_eq!(
            parse(line.split(' ').map(OsString::from))
                .unwrap()
                .verbosity
                .verbose,
            1,
            "{line}"
        );
    }
}
