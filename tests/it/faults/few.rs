//! A low limit of open files: the run works, or reports a problem, and never leaves half a file.

use super::{Tag, assert_true, codes, deployment, left_behind, manifests, rounds};
use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::{Finished, Workplace};
use crate::support::programs;

/// A process starts with three, and needs one more to start a program. The long form of the test tries every number from there.
const QUOTAS: [u32; 14] = [4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 20, 32];
/// From here on the limit is high enough for everything.
const ENOUGH: u32 = 32;

fn quotas() -> Vec<u32> {
    if rounds(0) == 0 {
        QUOTAS.to_vec()
    } else {
        (4..=40).collect()
    }
}

fn run(place: &Workplace, quota: u32, line: &str) -> Finished {
    let script = format!("ulimit -n {quota} && exec \"$0\" {line}");
    let ended = place
        .program("sh", ["-c", &script, env!("CARGO_BIN_EXE_imago")])
        .finish();
    assert!(
        [0, 2, 3].contains(&ended.code) && (quota < ENOUGH || ended.code == 0),
        "{quota}: {ended:?}"
    );
    assert!(!ended.stderr.contains("panicked"), "{quota}: {ended:?}");
    if ended.code == 2 {
        assert!(ended.stderr.contains("oo many"), "{quota}: {ended:?}");
        assert!(
            ended
                .stderr
                .contains("\n  hint: raise the limit of open files"),
            "{quota}: {ended:?}"
        );
    }
    ended
}

fn written(tag: &Tag) -> Workplace {
    let place = Workplace::new();
    for number in 0..20 {
        place.write(
            &format!("deploy/{number}.yaml"),
            deployment(&format!("web-{number}"), &tag.image()),
        );
    }
    place
}

/// What must be true after each run, however it ended.
fn assert_whole(place: &Workplace, ended: &Finished, digest: &str, quota: u32) {
    let said = format!("{quota}: {ended:?}");
    if ended.code == 2 {
        assert!(
            manifests(place)
                .iter()
                .all(|(_, text)| !text.contains("@sha256")),
            "{said}"
        );
    } else {
        let report = ended.json();
        assert_true(&report, &manifests(place), digest, &said);
        assert!(
            codes(&report).iter().all(|code| *code == "open-files"),
            "{said}"
        );
    }
    assert_eq!(left_behind(place), [""; 0], "{said}");
}

#[test]
fn few_files_that_may_be_open_are_enough_to_ask_a_registry_or_a_problem() {
    let tag = Tag::new();
    let digest = tag.move_on();
    for quota in quotas() {
        let place = written(&tag);
        let ended = run(
            &place,
            quota,
            "files --update --lock imago.lock --output json",
        );
        assert_whole(&place, &ended, &digest, quota);
    }
}

#[test]
fn few_files_that_may_be_open_are_enough_offline_and_for_a_commit_or_a_problem() {
    let tag = Tag::new();
    let digest = tag.move_on();
    let lines = [
        "files --update --offline --output json",
        "files --update --offline --commit --output json",
    ];
    for line in lines
        .into_iter()
        .filter(|line| !line.contains("--commit") || programs::find("git").is_some())
    {
        for quota in quotas() {
            let place = written(&tag);
            place.write(
                "imago.lock",
                format!(
                    "{{\"version\":1,\"images\":{{\n\"{}\":\"{digest}\"\n}}}}\n",
                    tag.image()
                ),
            );
            let git = |line: &str| place.program("git", line.split(' ')).finish_with(0).stdout;
            if line.contains("--commit") {
                for line in [
                    "init --quiet",
                    "config user.name Ada",
                    "config user.email ada@example.test",
                    "add .",
                ] {
                    git(line);
                }
                git("commit --quiet --message first");
            }
            let ended = run(&place, quota, line);
            assert_whole(&place, &ended, &digest, quota);
            if line.contains("--commit") {
                assert_eq!(git("status --porcelain"), "", "{quota}: {ended:?}");
            }
        }
    }
}

#[test]
fn few_files_that_may_be_open_are_enough_for_a_cluster_or_a_problem() {
    let (tag, server, place) = (Tag::new(), ApiServer::start(), Workplace::new());
    server.add(&workload(
        "Deployment",
        "shop",
        "web",
        &[("app", &tag.image())],
    ));
    let config = server.kubeconfig_file();
    for quota in quotas() {
        run(
            &place,
            quota,
            &format!("cluster --output json --kubeconfig {}", config.display()),
        );
    }
}
