//! What `--push --branch` may send to the remote, and the message if there is nothing to send.

use super::push::Two;
use super::{Tree, deployment};

pub(super) fn clone(two: Two, flags: &str) -> Two {
    let bare = two.ours.place.beside("bare.git");
    two.ours.git(&format!(
        "clone --quiet{flags} file://{} clone",
        bare.display()
    ));
    let ours = Tree {
        place: two.ours.place,
        folder: "clone".to_owned(),
    };
    ours.identify();
    Two {
        ours,
        theirs: two.theirs,
    }
}

#[test]
fn commits_that_nobody_has_pushed_are_not_carried_along() {
    for detached in [false, true] {
        let Some(two) = Two::new() else { return };
        two.ours.git("commit --quiet --allow-empty --message WIP");
        if detached {
            two.ours.git("checkout --quiet --detach");
        }
        let before = (two.ours.place.files(), two.ours.git("for-each-ref"));
        let said = two
            .ours
            .imago("--update --branch imago/update --push", 2)
            .stderr;
        assert!(
            said.starts_with(
                "error: cannot push `imago/update`\n  cause: no branch or tag of `origin` has the commit "
            ),
            "{said}"
        );
        assert!(
            said.contains("hint: push that first, or check out what `origin` has: `git checkout --detach origin/main`"),
            "{said}"
        );
        assert_eq!(
            (two.ours.place.files(), two.ours.git("for-each-ref")),
            before
        );
        assert_eq!(two.ours.git("ls-remote --heads origin imago/update"), "");
        // Both commands that the hint names.
        if detached {
            two.ours.git("checkout --quiet --detach origin/main");
        } else {
            two.ours.git("push --quiet origin main");
        }
        two.ours.imago("--update --branch imago/update --push", 0);
        assert_eq!(
            two.remote_log("imago/update").len(),
            3 - usize::from(detached)
        );
    }
}

#[test]
fn our_own_commits_that_wait_here_are_not_carried_along_either() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --commit deploy/web.yaml", 0);
    two.ours.imago("--update --branch imago/update --push", 2);
    assert_eq!(two.ours.git("ls-remote --heads origin imago/update"), "");
}

#[test]
fn a_commit_that_the_remote_has_is_known_however_it_was_checked_out() {
    // By its name alone, as `actions/checkout` does with a `ref`; an old commit; and that of a pull request.
    for (flags, reference) in [
        (" --depth 1", "main"),
        (" --depth 1", "refs/pull/1/merge"),
        ("", "main"),
        ("", "HEAD~1"),
    ] {
        let Some(two) = Two::new() else { return };
        two.they_push("note.txt", "one\n");
        two.they("push --quiet origin HEAD:refs/pull/1/merge");
        two.they_push("note.txt", "two\n");
        let two = clone(two, flags);
        if !reference.contains('~') {
            two.ours
                .git(&format!("fetch --quiet{flags} origin {reference}"));
            two.ours.git("checkout --quiet --detach FETCH_HEAD");
        } else {
            two.ours.git("checkout --quiet --detach HEAD~1");
        }
        // The clone knows no branch of the remote.
        for line in two
            .ours
            .git("for-each-ref --format=%(refname) refs/remotes")
            .lines()
        {
            two.ours.git(&format!("update-ref --no-deref -d {line}"));
        }
        two.ours.imago("--update --branch imago/update --push", 0);
        assert!(
            two.remote_log("imago/update").len() >= 3,
            "{flags} {reference}"
        );
        // The same with a server that does not support Git's protocol version 2: it lists only the tips of branches and requests.
        if !reference.contains('~') {
            two.ours.moved("2");
            two.ours
                .git("update-ref --no-deref -d refs/remotes/origin/imago/update");
            two.ours.git("config protocol.version 0");
            two.ours.imago("--update --branch imago/update --push", 0);
        }
    }
}

#[test]
fn a_commit_of_another_remote_is_not_one_of_this() {
    let Some(two) = Two::new() else { return };
    let private = two.ours.place.beside("private.git");
    two.ours
        .git(&format!("init --quiet --bare {}", private.display()));
    two.ours
        .git(&format!("remote add private {}", private.display()));
    two.ours
        .git("commit --quiet --allow-empty --message secret");
    two.ours.git("push --quiet private main");
    two.ours.imago("--update --branch imago/update --push", 2);
    two.ours
        .imago("--update --branch imago/update --push --remote private", 0);
}

#[test]
fn each_place_that_is_pushed_to_must_have_what_is_built_on() {
    let both = ["bare.git", "mirror.git"];
    let branch = "--update --push --branch imago/update";
    for (line, pushed, at, name) in [
        (branch, &both[..], "mirror.git", "topic"),
        (branch, &both[..], "bare.git", "topic"),
        (branch, &both[1..], "bare.git", "topic"),
        (branch, &both[1..], "bare.git", "main"),
        ("--update --push", &both[1..], "bare.git", "main"),
        ("--update --push", &both[..], "bare.git", "main"),
        ("--update --push", &both[..], "mirror.git", "main"),
    ] {
        let Some(two) = Two::new() else { return };
        let place = |name: &str| two.ours.place.beside(name).display().to_string();
        let [bare, mirror] = both.map(place);
        two.ours
            .git(&format!("clone --quiet --bare {bare} {mirror}"));
        for name in pushed {
            let line = format!("remote set-url --add --push origin {}", place(name));
            two.ours.git(&line);
        }
        two.ours
            .git("commit --quiet --allow-empty --message theirs");
        let give = |at: &str| {
            two.ours.git(&format!(
                "push --quiet {} HEAD:refs/heads/{name}",
                place(at)
            ))
        };
        give(at);
        let refs = || [&bare, &mirror].map(|place| two.ours.git(&format!("ls-remote {place}")));
        let before = refs();
        let said = two.ours.imago(line, 2).stderr;
        assert!(said.starts_with("error: cannot push `"), "{said}");
        assert_eq!(refs(), before, "{line} {pushed:?} {at} {name}");
        both.into_iter().for_each(|at| drop(give(at)));
        two.ours.imago(line, 0);
        assert_ne!(refs(), before, "{line} {pushed:?} {at} {name}");
    }
}

#[test]
fn a_commit_of_ours_that_waits_on_a_new_branch_goes_to_each_place() {
    let Some(two) = Two::new() else { return };
    let places = ["bare.git", "mirror.git"].map(|name| two.ours.place.beside(name));
    let [bare, mirror] = places.each_ref().map(|place| place.display());
    two.ours
        .git(&format!("clone --quiet --bare {bare} {mirror}"));
    for place in [&bare, &mirror] {
        two.ours
            .git(&format!("remote set-url --add --push origin {place}"));
    }
    two.ours.git("checkout --quiet -b topic");
    two.ours.imago("--update --commit", 0);
    two.ours.imago("--update --push", 0);
    let tip = two.ours.git("rev-parse HEAD");
    for place in [&bare, &mirror] {
        let there = two.ours.git(&format!("ls-remote {place} refs/heads/topic"));
        assert_eq!(there, format!("{}\trefs/heads/topic\n", tip.trim()));
    }
    // What is below a person's commit is that person's to push.
    two.ours.git("checkout --quiet -b other");
    two.ours.moved("2");
    two.ours.imago("--update --commit", 0);
    two.ours
        .git("commit --quiet --allow-empty --message theirs");
    two.ours.imago("--update --push", 2);
}

#[test]
fn a_second_run_of_an_unchanged_branch_has_changed_nothing() {
    let Some(two) = Two::new() else { return };
    for flags in ["--push", ""] {
        let line = format!(
            "--update --branch imago/{} {flags}",
            if flags.is_empty() { "here" } else { "there" }
        );
        let first = two.ours.imago(&format!("{line} --output json"), 0).json();
        assert_eq!(first["summary"]["written"], true);
        let again = two.ours.imago(&format!("{line} --output json"), 0).json();
        assert_eq!(
            (&again["summary"]["written"], &again["git"]["commit"]),
            (&false.into(), &first["git"]["commit"])
        );
        let said = two.ours.imago(&line, 0).stdout;
        assert!(
            said.contains(" already\n2 images in 2 of 2 files wait on "),
            "{said}"
        );
        assert!(
            !said.contains("updated 2 images") && !said.contains("\nupdate "),
            "{said}"
        );
    }
}

#[test]
fn a_branch_for_which_nothing_is_left_is_named() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --branch imago/update --push", 0);
    two.ours.git("fetch --quiet");
    // Somebody pins the same by hand, so the branch is no longer needed.
    let pinned = two.ours.git("show origin/imago/update:deploy/web.yaml");
    two.they_push("deploy/web.yaml", &pinned);
    let pinned = two.ours.git("show origin/imago/update:deploy/api.yaml");
    two.they_push("deploy/api.yaml", &pinned);
    two.ours.git("pull --quiet --rebase origin main");
    let said = two.ours.imago("--update --branch imago/update --push", 0);
    assert!(
        said.stdout.contains("nothing to commit on imago/update\n"),
        "{}",
        said.stdout
    );
    let stale = "the branch `imago/update` at `origin` is stale: nothing is left to change; close its request and delete it";
    assert!(said.stderr.contains(stale), "{}", said.stderr);
    assert_eq!(two.remote_log("imago/update").len(), 2);
    // A run that could not read everything does not know what is left.
    two.they_push(
        "deploy/bad.yaml",
        &deployment("bad").replace("  name", "\tname"),
    );
    two.ours.git("pull --quiet --rebase origin main");
    assert!(
        !two.ours
            .imago("--update --branch imago/update --push", 3)
            .stderr
            .contains("stale")
    );
    // A merged branch is not stale, and a deleted one is not there.
    two.they("pull --quiet --no-rebase --no-edit origin imago/update");
    two.they("push --quiet origin HEAD:main");
    two.ours.git("pull --quiet --rebase origin main");
    assert!(
        !two.ours
            .imago("--update --branch imago/update --push deploy/web.yaml", 0)
            .stderr
            .contains("stale")
    );
}

#[test]
fn what_somebody_has_taken_off_the_remote_does_not_come_back() {
    // For a while a forge keeps commits that no branch has any more.
    for is_kept in [false, true] {
        let Some(two) = Two::new() else { return };
        two.ours
            .git("commit --quiet --allow-empty --message secret");
        two.ours.git("push --quiet origin main");
        // Somebody removes it there, and this clone has not fetched since.
        two.they("fetch --quiet");
        two.they("push --quiet --force origin origin/main~1:refs/heads/main");
        let bare = two.ours.place.beside("bare.git");
        if !is_kept {
            two.ours.git(&format!(
                "--git-dir={} reflog expire --expire=now --all",
                bare.display()
            ));
            two.ours.git(&format!(
                "--git-dir={} gc --quiet --prune=now",
                bare.display()
            ));
        }
        assert_eq!(two.ours.git("log -1 --format=%s origin/main"), "secret\n");
        let said = two
            .ours
            .imago("--update --branch imago/update --push", 2)
            .stderr;
        assert!(
            said.contains("no branch or tag of `origin` has the commit "),
            "{said}"
        );
        assert_eq!(two.ours.git("ls-remote --heads origin imago/update"), "");
    }
}

#[test]
fn what_a_fork_alone_has_is_not_at_the_remote() {
    for detached in [false, true] {
        let Some(two) = Two::new() else { return };
        let (bare, fork) = (
            two.ours.place.beside("bare.git"),
            two.ours.place.beside("fork.git"),
        );
        two.ours.git(&format!(
            "clone --quiet --bare {} {}",
            bare.display(),
            fork.display()
        ));
        // As forges do it: one object store for both.
        std::fs::write(
            bare.join("objects/info/alternates"),
            format!("{}/objects\n", fork.display()),
        )
        .unwrap();
        two.ours.git("checkout --quiet -b topic");
        two.ours
            .git("commit --quiet --allow-empty --message theirs");
        two.ours
            .git(&format!("push --quiet {} topic", fork.display()));
        if detached {
            two.ours.git("checkout --quiet --detach");
        }
        let said = two
            .ours
            .imago("--update --branch imago/update --push", 2)
            .stderr;
        assert!(
            said.contains("no branch or tag of `origin` has the commit "),
            "{said}"
        );
        assert_eq!(two.ours.git("ls-remote --heads origin imago/update"), "");
    }
}

#[test]
fn what_any_branch_or_tag_of_the_remote_has_is_at_the_remote() {
    // The default branch, another branch and a tag; at its tip, and at an older commit.
    for flags in ["", " --depth 1"] {
        for (reference, on) in [
            ("refs/heads/main", true),
            ("refs/heads/release", false),
            ("refs/heads/release", true),
            ("refs/tags/v1", false),
        ] {
            let Some(two) = Two::new() else { return };
            two.they("commit --quiet --allow-empty --message one");
            two.they(&format!("push --quiet origin HEAD:{reference}"));
            let two = clone(two, flags);
            two.ours.git(&format!(
                "fetch --quiet{flags} origin +{reference}:refs/remotes/origin/release"
            ));
            two.ours
                .git("checkout --quiet --detach refs/remotes/origin/release");
            if on {
                two.they("commit --quiet --allow-empty --message two");
                two.they(&format!("push --quiet origin HEAD:{reference}"));
            }
            let said = two
                .ours
                .imago("--update --branch imago/update --push", 0)
                .stderr;
            assert!(
                !said.contains("HEAD is `"),
                "{reference} {on}{flags}: {said}"
            );
            let log = two.remote_log("imago/update");
            assert_eq!(log[1..], ["one", "first"], "{reference} {on}{flags}");
        }
    }
}

#[test]
fn what_a_forge_has_merged_for_a_request_is_said_to_go_along_and_a_forks_commits_do_not() {
    for (flags, reference) in [
        (" --depth 1", "refs/pull/7/merge"),
        ("", "refs/pull/7/merge"),
        (" --depth 1", "refs/pull/7/head"),
        ("", "refs/merge-requests/7/head"),
        ("", "refs/pipelines/77"),
        (" --depth 1", "refs/changes/01/1/1"),
    ] {
        for (is_fork, has_moved) in [(true, false), (true, true), (false, false), (false, true)] {
            let Some(two) = Two::new() else { return };
            two.they("checkout --quiet -b topic");
            two.they("commit --quiet --allow-empty --message topic");
            if !is_fork || has_moved && !reference.ends_with("/merge") {
                // Also what a fork merges may be on a branch.
                two.they("push --quiet origin topic");
            }
            if reference.ends_with("/merge") || is_fork && has_moved {
                two.they("checkout --quiet --detach origin/main");
                two.they("merge --quiet --no-edit --no-ff topic");
            }
            two.they(&format!("push --quiet origin HEAD:{reference}"));
            two.they("checkout --quiet main");
            if has_moved {
                two.they_push("note.txt", "theirs\n");
            }
            let two = clone(two, flags);
            two.ours
                .git(&format!("fetch --quiet{flags} origin {reference}"));
            two.ours.git("checkout --quiet --detach FETCH_HEAD");
            let code = if is_fork { 2 } else { 0 };
            let said = two
                .ours
                .imago("--update --branch imago/update --push", code)
                .stderr;
            let warning = format!(
                "warning: HEAD is `{reference}` of `origin`: the branch `imago/update` contains the commits of that request"
            );
            let is_said = !is_fork && reference.ends_with("/merge");
            assert_eq!(said.contains(&warning), is_said, "{said}");
            assert_eq!(said.contains("no branch or tag of"), is_fork, "{said}");
        }
    }
}

#[test]
fn a_branch_of_somebody_that_is_only_behind_is_not_moved() {
    let Some(two) = Two::new() else { return };
    two.ours.git("push --quiet origin main:staging");
    two.ours.git("commit --quiet --allow-empty --message next");
    two.ours.git("push --quiet origin main");
    for name in ["staging", "main-copy"] {
        two.ours.git(&format!(
            "push --quiet --force origin {}:refs/heads/{name}",
            if name == "staging" { "main~1" } else { "main" }
        ));
        let before = two.remote_log(name);
        let said = two
            .ours
            .imago(&format!("--update --branch {name} --push"), 2)
            .stderr;
        assert!(
            said.contains(&format!("it does not bear `Imago-Branch: {name}`")),
            "{said}"
        );
        assert_eq!(two.remote_log(name), before);
    }
    // But what has imago's name was made empty by a rebase, also as far as a shallow clone shows.
    two.ours
        .git("push --quiet origin main~1:refs/heads/imago/update");
    two.ours.imago("--update --branch imago/update --push", 0);
    two.ours
        .git("push --quiet --force origin main~1:refs/heads/imago/update");
    let shallow = two.ours.place.beside("shallow");
    let bare = two.ours.place.beside("bare.git");
    two.they(&format!(
        "clone --quiet --depth 1 file://{} {}",
        bare.display(),
        shallow.display()
    ));
    two.ours
        .run("--update --branch imago/update --push --author ada<ada@example.test>")
        .folder(&shallow)
        .finish_with(0);
    assert_eq!(
        two.remote_log("imago/update"),
        ["Update 2 images in 2 objects", "next", "first"]
    );
    // A merged branch of imago is no obstacle.
    two.ours.imago("--update --branch imago/update --push", 0);
    two.ours.git("pull --quiet origin imago/update");
    two.ours.git("push --quiet origin main");
    two.ours.moved("2");
    two.ours.imago("--update --branch imago/update --push", 0);
}

#[test]
fn a_new_branch_publishes_nothing_that_no_branch_of_the_remote_has() {
    type Act = fn(&Two);
    let secret = |two: &Two| {
        two.ours
            .git("commit --quiet --allow-empty --message secret");
    };
    let place = |two: &Two, name: &str| two.ours.place.beside(name).display().to_string();
    // What this clone knows of the remote is out of date, or is not of branches, or not of this remote.
    let cases: [(&str, Act); 6] = [
        ("taken off", |two| {
            two.ours.git("push --quiet origin main");
            two.they("fetch --quiet");
            two.they("push --quiet --force origin origin/main~1:refs/heads/main");
        }),
        ("deleted", |two| {
            two.ours.git("push --quiet origin main:oops");
            two.they("push --quiet origin --delete oops");
        }),
        ("of a request", |two| {
            two.ours.git("push --quiet origin main:refs/pull/12/head");
            let all = "+refs/pull/*/head:refs/remotes/origin/pr/*";
            two.ours
                .git(&format!("config --add remote.origin.fetch {all}"));
            two.ours.git("fetch --quiet");
            two.ours.git("rev-parse --verify origin/pr/12");
        }),
        ("of a remote named alike", |two| {
            let private = two.ours.place.beside("private.git");
            let private = private.display();
            two.ours.git(&format!("init --quiet --bare {private}"));
            two.ours
                .git(&format!("config remote.origin/private.url {private}"));
            let all = "+refs/heads/*:refs/remotes/origin/private/*";
            two.ours
                .git(&format!("config remote.origin/private.fetch {all}"));
            two.ours.git("push --quiet origin/private main");
            two.ours.git("fetch --quiet origin/private");
        }),
        ("of an earlier address", |two| {
            let [bare, private] = ["bare.git", "private.git"].map(|it| two.ours.place.beside(it));
            let (bare, private) = (bare.display(), private.display());
            two.ours.git(&format!("init --quiet --bare {private}"));
            two.ours.git(&format!("remote set-url origin {private}"));
            two.ours.git("push --quiet origin main");
            two.ours.git(&format!("remote set-url origin {bare}"));
        }),
        ("of a detached HEAD", |two| {
            two.ours.git("push --quiet origin main");
            let bare = two.ours.place.beside("bare.git");
            let bare = format!("--git-dir={}", bare.display());
            two.ours
                .git(&format!("{bare} update-ref --no-deref HEAD main"));
            two.ours
                .git(&format!("{bare} update-ref refs/heads/main main~"));
        }),
    ];
    for (what, act) in cases {
        for line in ["--push", "--push --branch imago/update"] {
            let Some(two) = Two::new() else { return };
            secret(&two);
            act(&two);
            two.ours.git("checkout --quiet -b topic");
            let bare = place(&two, "bare.git");
            let before = two.ours.git(&format!("ls-remote {bare}"));
            let said = two.ours.imago(&format!("--update {line}"), 2).stderr;
            assert!(
                said.contains("no branch or tag of `origin` has the commit "),
                "{what} {line}: {said}"
            );
            let after = two.ours.git(&format!("ls-remote {bare}"));
            assert_eq!(after, before, "{what} {line}");
        }
    }
}

#[test]
fn a_new_branch_of_a_bare_clone_publishes_nothing_that_the_remote_has_no_more() {
    let Some(two) = Two::new() else { return };
    two.ours
        .git("commit --quiet --allow-empty --message secret");
    two.ours.git("push --quiet origin main");
    let [bare, clone] = ["bare.git", "clone.git"].map(|name| two.ours.place.beside(name));
    two.ours.git(&format!(
        "clone --quiet --bare file://{} {}",
        bare.display(),
        clone.display()
    ));
    let at = format!("--git-dir={}", clone.display());
    for line in [
        "config remote.origin.fetch +refs/heads/*:refs/remotes/origin/*",
        "fetch --quiet",
        "branch topic",
        "symbolic-ref HEAD refs/heads/topic",
    ] {
        two.ours.git(&format!("{at} {line}"));
    }
    let run = |code| {
        let line = "--update --push --author ada<ada@example.test>";
        two.ours.run(line).folder(&clone).finish_with(code)
    };
    two.they("push --quiet --force origin HEAD:main");
    let said = run(2).stderr;
    assert!(said.contains("hint: push that yourself first"), "{said}");
    assert_eq!(two.ours.git("ls-remote --heads origin topic"), "");
    two.ours.git("push --quiet origin main");
    run(0);
    assert_eq!(two.remote_log("topic").len(), 3);
}

#[test]
fn a_new_branch_on_what_the_remote_has_is_pushed_from_any_clone() {
    for flags in ["", " --depth 1", " --single-branch"] {
        for (on, is_behind) in [
            ("main", false),
            ("main", true),
            ("release", false),
            ("release", true),
        ] {
            let Some(two) = Two::new() else { return };
            two.they("commit --quiet --allow-empty --message one");
            two.they(&format!("push --quiet origin HEAD:refs/heads/{on}"));
            let flags = format!("{flags} --branch {on}");
            let two = clone(two, &flags);
            if is_behind {
                two.they("commit --quiet --allow-empty --message two");
                two.they(&format!("push --quiet origin HEAD:refs/heads/{on}"));
            }
            two.ours.git("branch topic");
            two.ours.git("symbolic-ref HEAD refs/heads/topic");
            let (path, log) = two.ours.noted_git();
            let folder = two.ours.place.path().join("clone");
            let run = two.ours.run("--update --push").folder(&folder);
            run.env("PATH", &path).finish_with(0);
            let log = std::fs::read_to_string(log).unwrap();
            let asked = log.matches("ls-remote ").count();
            let known = on == "main" && !is_behind;
            assert_eq!(asked, 2 - usize::from(known), "{flags} {on}: {log}");
            assert_eq!(two.remote_log("topic")[1..], ["one", "first"], "{flags}");
        }
    }
}

#[test]
fn our_commits_of_a_branch_that_was_merged_and_deleted_do_not_wait() {
    let Some(two) = Two::new() else { return };
    two.ours.git("checkout --quiet -b topic");
    two.ours.imago("--update --push", 0);
    two.they("fetch --quiet");
    two.they("push --quiet origin origin/topic:main :topic");
    two.ours.git("fetch --quiet");
    let said = two.ours.imago("--update --push", 0).stdout;
    assert!(!said.contains("pushed earlier commits"), "{said}");
    assert_eq!(two.ours.git("ls-remote --heads origin topic"), "");
    // Where nobody has them, they do not come back.
    two.they("push --quiet --force origin HEAD:main");
    two.ours.moved("2");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(said.contains("somebody has taken it off"), "{said}");
}

#[test]
fn our_commit_that_was_taken_off_the_remote_stays_off_where_git_keeps_no_record_of_it() {
    for (flags, branch) in [
        (" --bare", "main"),
        (" --mirror", "main"),
        (" --single-branch", "topic"),
        (" --depth 1", "topic"),
        ("", "topic"),
    ] {
        let Some(two) = Two::new() else { return };
        two.ours.git("push --quiet origin main:topic");
        let [bare, clone] = ["bare.git", "clone"].map(|name| two.ours.place.beside(name));
        let from = bare.display();
        two.ours.git(&format!(
            "clone --quiet{flags} file://{from} {}",
            clone.display()
        ));
        let at = |line: &str| two.ours.git(&format!("-C {} {line}", clone.display()));
        if branch == "topic" {
            at("checkout --quiet -b topic origin/main");
        }
        let run = |code| {
            let line = "--update --push --author ada<ada@example.test>";
            two.ours.run(line).folder(&clone).finish_with(code)
        };
        run(0);
        // Where Git fetches all branches, it drops its record of one that is deleted.
        let gone = match flags {
            "" => "update-ref -d refs/heads/topic".to_owned(),
            _ => format!("update-ref refs/heads/{branch} {branch}~"),
        };
        two.ours.git(&format!("--git-dir={from} {gone}"));
        if flags.is_empty() {
            at("fetch --quiet --prune");
        }
        let refs = || two.ours.git(&format!("ls-remote {from}"));
        let before = refs();
        for digit in ["1", "2"] {
            two.ours.moved(digit);
            let said = run(2).stderr;
            assert!(
                said.contains(", and somebody has taken it off\n"),
                "{flags}: {said}"
            );
            assert_eq!(refs(), before, "{flags}");
        }
    }
}
