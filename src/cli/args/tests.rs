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
            "`--ofline` is no flag of `imago cluster`",
        ),
        (
            "imago digest --check",
            "`--check` is no flag of `imago digest`",
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

#[test]
fn help_fits_a_screen() {
    for (line, most, width) in [
        ("imago --help", 24, 80),
        ("imago files --help", 75, 100),
        ("imago cluster --help", 67, 100),
        ("imago images --help", 46, 100),
        ("imago digest --help", 34, 100),
    ] {
        let Refused::Asked(text) = refused(line) else {
            panic!("{line}")
        };
        let text = text.to_string();
        assert!(
            text.lines().count() <= most,
            "{line}: {} lines\n{text}",
            text.lines().count()
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= width),
            "{line}\n{text}"
        );
    }
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
