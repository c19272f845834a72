//! Two runs on one folder at once. The second one finds the work done, or says what it did not do.

use std::thread;

use super::{Tag, codes, deployment, is_whole, left_behind, manifests, rounds, said_to_be_changed};
use crate::support::binary::{Finished, Workplace};
use crate::support::programs;

const FILES: usize = 30;

fn scene(tag: &Tag) -> Workplace {
    let place = Workplace::new();
    for number in 0..FILES {
        place.write(
            &format!("deploy/{number}.yaml"),
            deployment(&format!("web-{number}"), &tag.image()),
        );
    }
    place
}

fn both(place: &Workplace, line: &str) -> [Finished; 2] {
    let runs = [place.imago(line.split(' ')), place.imago(line.split(' '))];
    thread::scope(|scope| {
        runs.map(|run| scope.spawn(|| run.finish()))
            .map(|run| run.join().unwrap())
    })
}

#[test]
fn two_runs_at_once_lose_nothing_and_both_tell_the_truth() {
    let tag = Tag::new();
    let place = scene(&tag);
    let line = "files --update --lock imago.lock --output json";
    for round in 0..rounds(5) {
        let digest = tag.move_on();
        let ended = both(&place, line);
        for one in &ended {
            let report = one.json();
            assert!(
                codes(&report)
                    .iter()
                    .all(|code| matches!(*code, "changed-meanwhile" | "vanished")),
                "{round}: {one:?}"
            );
            assert_eq!(
                one.code,
                if codes(&report).is_empty() { 0 } else { 3 },
                "{round}: {one:?}"
            );
        }
        let changed = ended.map(|one| said_to_be_changed(&one.json()));
        for (name, text) in manifests(&place) {
            assert!(is_whole(&text), "{round}: {name}: {text}");
            let said = changed.iter().any(|changed| changed.contains(&name));
            assert_eq!(text.contains(&digest), said, "{round}: {name}");
        }
        place.imago(line.split(' ')).finish_with(0);
        assert!(
            manifests(&place)
                .iter()
                .all(|(_, text)| text.contains(&digest)),
            "{round}"
        );
        assert_eq!(left_behind(&place), [""; 0], "{round}");
        let lock = String::from_utf8(place.files()["imago.lock"].clone()).unwrap();
        assert!(lock.contains(&digest), "{round}: {lock}");
    }
}

#[test]
fn two_runs_that_commit_at_once_make_no_empty_commit_and_lose_none() {
    if programs::find("git").is_none() {
        return;
    }
    let tag = Tag::new();
    let place = scene(&tag);
    let git = |line: &str| place.program("git", line.split(' ')).finish_with(0).stdout;
    git("init --quiet --initial-branch=main");
    git("config user.name Ada");
    git("config user.email ada@example.test");
    git("add .");
    git("commit --quiet --message first");
    let line = "files --update --commit --output json";
    for round in 0..rounds(5) {
        let digest = tag.move_on();
        let commits = |place: &str| git(place).lines().map(str::to_owned).collect::<Vec<_>>();
        let before = commits("log --format=%H");
        let ended = both(&place, line);
        assert_eq!(git("fsck --strict --no-dangling"), "", "{round}");
        for one in &ended {
            assert!([0, 2, 3].contains(&one.code), "{round}: {one:?}");
            if one.code != 2 {
                let report = one.json();
                let commit = report["git"]["commit"].as_str();
                // The commit that it reports is in the history.
                assert!(
                    commit.is_none_or(|commit| commits("log --format=%H")
                        .iter()
                        .any(|id| id == commit)),
                    "{round}: {one:?}"
                );
                assert!(
                    commit.is_some() || said_to_be_changed(&report).is_empty(),
                    "{round}: {one:?}"
                );
            }
        }
        place.imago(line.split(' ')).finish_with(0);
        assert!(
            commits("log --format=%H").ends_with(&before),
            "{round}: a commit is lost"
        );
        let trees = commits("log --format=%T");
        assert!(
            trees.windows(2).all(|pair| pair[0] != pair[1]),
            "{round}: an empty commit"
        );
        assert_eq!(git("status --porcelain"), "", "{round}");
        assert!(
            manifests(&place)
                .iter()
                .all(|(_, text)| is_whole(text) && text.contains(&digest)),
            "{round}"
        );
    }
}
