//! What goes together on the command line, what does not, and what is meant where nothing is said.

use std::path::PathBuf;

use super::*;
use crate::app::report::Action;
use crate::app::source::LockUse;
use crate::engine::selector::Selection;
use crate::io::registry::Map;

fn settings(line: &str) -> Result<Settings, UsageError> {
    settings_in(line, &[])
}

fn settings_in(line: &str, environment: &[(&str, &str)]) -> Result<Settings, UsageError> {
    let environment = environment
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    check(
        args::parse(line.split(' ').map(OsString::from)).unwrap(),
        &Outside {
            environment,
            seed: 1,
            now: 0,
        },
    )
}

fn request(line: &str) -> FilesRequest {
    match settings(line) {
        Ok(Settings::Files { request, .. }) => *request,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_clock_that_is_far_off_still_gives_a_time() {
    let typed = || {
        args::parse(
            "imago cluster --restart --kubeconfig a"
                .split(' ')
                .map(OsString::from),
        )
        .unwrap()
    };
    for (now, time) in [
        (0, "1970-01-01T00:00:00Z"),
        (4_102_444_800, "2100-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (i64::MAX, "1970-01-01T00:00:00Z"),
        (i64::MIN, "1970-01-01T00:00:00Z"),
    ] {
        let outside = Outside {
            environment: BTreeMap::new(),
            seed: 1,
            now,
        };
        let Ok(Settings::Cluster { request, .. }) = check(typed(), &outside) else {
            panic!("{now}")
        };
        assert_eq!(request.now, time);
    }
}

#[test]
fn what_does_not_go_together_is_refused_with_a_hint() {
    for (line, what) in [
        (
            "files --update --restore",
            "`--update` and `--restore` exclude each other",
        ),
        (
            "files --check --update",
            "`--check` and `--update` exclude each other",
        ),
        (
            "files --check --restore",
            "`--check` and `--restore` exclude each other",
        ),
        (
            "files --check --update --restore",
            "`--update` and `--restore` exclude each other",
        ),
        ("files --dry-run", "`--dry-run` needs an action"),
        ("files --dry-run --check", "`--dry-run` needs an action"),
        ("files --dry-run --diff", "`--dry-run` needs an action"),
        (
            "files --track tag --drop-tag",
            "`--track tag` and `--drop-tag` exclude each other: the tag is what is tracked",
        ),
        (
            "files --track tag --restore",
            "`--track tag` and `--restore` exclude each other: only the annotation records what to restore",
        ),
        (
            "files -n a -A",
            "`--namespace` and `--all-namespaces` exclude each other",
        ),
        (
            "files -n a -x b",
            "`--namespace` and `--exclude-namespace` exclude each other",
        ),
        ("files -n a,b", "`a,b` cannot be the name of a namespace"),
        ("files -x Shop", "`Shop` cannot be the name of a namespace"),
        ("files --namespace=", "`` cannot be the name of a namespace"),
        (
            "files -l app=web,=x",
            "`--selector app=web,=x` cannot be read: found `=` at character 9, expected a label's key",
        ),
        (
            "files -f spec.x=1",
            "`--field-selector spec.x=1` cannot be read: `spec.x` at character 1 is not a field to select by; use `metadata.name` or `metadata.namespace`",
        ),
        (
            "files --exclude-image web:1.4",
            "the pattern `web:1.4` has a tag or a digest, but patterns match names only",
        ),
        (
            "files --lock-prune",
            "`--lock-prune` needs `--update`, which writes the lock",
        ),
        (
            "files --lock-prune --restore",
            "`--lock-prune` needs `--update`, which writes the lock",
        ),
        (
            "files --lock-prune --update --offline",
            "`--lock-prune` and `--offline` exclude each other: `--offline` does not write the lock",
        ),
        (
            "files --strict",
            "`--strict` needs `--check`, whose exit code it decides",
        ),
        (
            "files --strict --update",
            "`--strict` needs `--check`, whose exit code it decides",
        ),
        (
            "cluster --strict",
            "`--strict` needs `--check`, whose exit code it decides",
        ),
        ("files --commit", "`--commit` needs an action"),
        ("files --commit --check", "`--commit` needs an action"),
        ("files --push", "`--push` needs an action"),
        ("files --branch x --check", "`--branch` needs an action"),
        (
            "files --update --commit --remote x",
            "`--remote` needs a push",
        ),
        (
            "files --update --branch x --push-option x",
            "`--push-option` needs a push",
        ),
        (
            "files --update --branch a..b",
            "`a..b` cannot be the name of a branch",
        ),
        (
            "files --update --branch=-x",
            "`-x` cannot be the name of a branch",
        ),
        ("files --update --message x", "`--message` needs a commit"),
        ("files --update --author x", "`--author` needs a commit"),
        ("files --signoff", "`--signoff` needs a commit"),
        (
            "files --update --commit --message {nope}",
            "`--message` cannot be used: there is no field `{nope}`",
        ),
        (
            "files --update --commit --author Ada",
            "`--author Ada` is not NAME <MAIL>",
        ),
        (
            "files -q -v",
            "`--quiet` and `--verbose` exclude each other",
        ),
        (
            "files --registry-map docker.io",
            "`--registry-map docker.io` cannot be used: `docker.io` is not FROM=TO",
        ),
        (
            "files --registry-map docker.io=",
            "`--registry-map docker.io=` cannot be used: `` is not a registry with an optional path, such as `docker.io` or `registry.example.test:5000/hub`",
        ),
        (
            "files --registry-map a=https://b",
            "`--registry-map a=https://b` is not FROM=TO",
        ),
        (
            "files --registry-map a=b --registry-map a=c",
            "`a` is mapped to `b` and to `c`",
        ),
        (
            "files --insecure-registry http://a:5000",
            "`--insecure-registry http://a:5000` names no host",
        ),
        (
            "files --insecure-registry a:5000/b",
            "`--insecure-registry a:5000/b` names no host",
        ),
        (
            "digest Web",
            "`Web` is not an image: the name is not a repository name (lower-case letters, digits and single separators)",
        ),
    ] {
        let error = settings(&format!("imago {line}")).expect_err(line);
        assert_eq!(error.what, what, "{line}");
        assert!(!error.hint.is_empty(), "{line}");
    }
}

#[test]
fn what_goes_together_is_taken() {
    for line in [
        "files --update --diff",
        "files --check --diff",
        "files --check --strict",
        "cluster --check --strict",
        "files --restore --diff --dry-run",
        "files --update --dry-run",
        "files --update --offline",
        "files --update --commit --signoff --message {summary} --author a<b>",
        "files --restore --commit --dry-run",
        "files --update --push --remote upstream --push-option ci.skip",
        "files --update --branch imago/update --push",
        "files --update --branch imago/update --message x",
        "files --update --lock-prune",
        "files --update --track tag",
        "files --update --track annotation --drop-tag",
        "files --restore --track annotation",
        "files -A -x b",
        "files -x a -x b",
        "files --include-image a* --exclude-image ab*",
        "files --max-changes 0",
        "digest nginx nginx:1.25",
    ] {
        assert!(settings(&format!("imago {line}")).is_ok(), "{line}");
    }
}

#[test]
fn an_action_is_what_its_flag_says() {
    for (line, action) in [
        ("imago files", Action::Report),
        ("imago files --check", Action::Check),
        ("imago files --update", Action::Update),
        ("imago files --restore", Action::Restore),
    ] {
        assert_eq!(request(line).action, action, "{line}");
    }
}

#[test]
fn defaults_are_the_current_folder_and_its_lock() {
    let request = request("imago files");
    assert_eq!(request.paths, [PathBuf::from(".")]);
    assert_eq!(
        request.lock,
        LockUse {
            path: "imago.lock".into(),
            named: false,
            offline: false,
            prune: false,
            given: None
        }
    );
    assert_eq!(
        (request.registries.concurrency, request.registries.per_host),
        (32, 16)
    );
    assert_eq!(request.selection, Selection::default());
}

#[test]
fn one_host_never_gets_more_than_all_hosts_together() {
    let registries = request("imago files --concurrency 4").registries;
    assert_eq!((registries.concurrency, registries.per_host), (4, 4));
}

#[test]
fn a_map_may_be_said_twice() {
    let maps = request(
        "imago files --registry-map docker.io=mirror.example.test/hub/ --registry-map a.test=b.test --registry-map a.test=b.test",
    );
    assert_eq!(
        maps.registries.maps[1],
        Map::parse("a.test=b.test").unwrap()
    );
}

#[test]
fn a_digest_without_a_tag_has_nothing_to_look_up() {
    let error = settings(&format!("imago digest nginx@sha256:{}", "a".repeat(64))).unwrap_err();
    assert_eq!(error.hint, "name a tag: `nginx:latest`");
    assert!(settings(&format!("imago digest nginx:1@sha256:{}", "a".repeat(64))).is_ok());
}

#[test]
fn colour_follows_the_flag_before_the_environment() {
    for (line, environment, colour) in [
        ("imago files", &[][..], Colour::OnTerminals),
        ("imago files", &[("NO_COLOR", "1")][..], Colour::Never),
        ("imago files", &[("NO_COLOR", "")][..], Colour::OnTerminals),
        ("imago files", &[("TERM", "dumb")][..], Colour::Never),
        (
            "imago files --color always",
            &[("NO_COLOR", "1")][..],
            Colour::Always,
        ),
        ("imago files --color never", &[][..], Colour::Never),
        (
            "imago --color auto files",
            &[("NO_COLOR", "1")][..],
            Colour::Never,
        ),
    ] {
        match settings_in(line, environment).unwrap() {
            Settings::Files { verbosity, .. } => {
                assert_eq!(verbosity.colour, colour, "{line} {environment:?}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_time_limit_is_whole_seconds() {
    let update = |value: &str| {
        settings_in(
            "imago files --update --push",
            &[("IMAGO_GIT_TIMEOUT", value)],
        )
    };
    for value in ["", "1", " 300 "] {
        assert!(update(value).is_ok(), "{value}");
    }
    for value in ["0", "-1", "ten", "1.5", "5m"] {
        assert_eq!(
            update(value).unwrap_err().what,
            format!("`IMAGO_GIT_TIMEOUT={value}` is not a time limit")
        );
    }
}

#[test]
fn no_command_asks_for_help() {
    assert!(matches!(settings("imago -v"), Ok(Settings::Cluster { .. })));
}
