//! What of this repository moves when a run fetches, pushes and follows the remote's branch, and what a rehearsal says of it.

use super::Tree;
use super::push::Two;

const TWO: &str = "Update 2 images in 2 objects";

#[test]
fn where_git_would_note_the_remotes_branches_as_those_here_no_branch_of_a_person_moves() {
    for refspec in [
        "+refs/heads/*:refs/heads/*",
        "+refs/*:refs/*",
        "+refs/heads/work:refs/heads/work",
    ] {
        let Some(two) = Two::new() else { return };
        let ours = &two.ours;
        ours.git(&format!("config remote.origin.fetch {refspec}"));
        ours.git("push --quiet origin main:work");
        ours.git("checkout --quiet -B work");
        ours.git("commit --quiet --allow-empty --message mine");
        ours.git("checkout --quiet main");
        two.they("fetch --quiet origin work");
        two.they("checkout --quiet -B work FETCH_HEAD");
        two.they("commit --quiet --allow-empty --message theirs");
        two.they("push --quiet origin work");
        let said = ours.imago("--update --push --branch work", 2).stderr;
        assert!(said.contains("is not imago's"), "{refspec}: {said}");
        assert_eq!(
            ours.git("log -1 --format=%s work"),
            "mine\n",
            "{refspec}: fetched"
        );
        // A push notes where the remote's branch is now, too.
        ours.git("branch imago/update work");
        ours.imago("--update --push --branch imago/update", 0);
        assert_eq!(two.remote_log("imago/update")[0], TWO);
        assert_eq!(
            ours.git("log -1 --format=%s imago/update"),
            "mine\n",
            "{refspec}: pushed"
        );
        // What is checked out moves with its files.
        ours.imago("--update --push", 0);
        assert_eq!(two.remote_log("main"), ours.log(), "{refspec}");
        two.they("checkout --quiet main");
        two.they_push("note.txt", "theirs\n");
        ours.imago("--update --push", 0);
        assert_eq!(two.remote_log("main"), ours.log(), "{refspec}");
        assert_eq!(
            (ours.status(), ours.read("note.txt")),
            (String::new(), "theirs\n".to_owned()),
            "{refspec}"
        );
        ours.assert_whole();
    }
}

#[test]
fn what_is_ignored_here_is_not_overwritten_by_what_the_remote_has_there() {
    /// What is here, what the remote gets, and what is named as in the way: nothing, where none of it is lost.
    const CASES: [(&str, &str, &str); 8] = [
        ("local.env", "local.env", "local.env"),
        ("build/x", "build", "build/x"),
        ("build/deep/x", "build", "build/deep/x"),
        ("build/x", "build/x", "build/x"),
        ("local.env", "local.env/x", "local.env"),
        ("deploy/local.env", "deploy/local.env", "deploy/local.env"),
        ("build/x", "build/y", ""),
        ("deploy/local.env", "deploy/other.env", ""),
    ];
    for (here, there, in_the_way) in CASES {
        let Some(two) = Two::new() else { return };
        two.they_push(".gitignore", "local.env\nbuild\n");
        two.ours.git("pull --quiet --rebase origin main");
        let theirs = std::path::Path::new(&two.theirs).join(there);
        std::fs::create_dir_all(theirs.parent().unwrap()).unwrap();
        std::fs::write(theirs, "theirs\n").unwrap();
        two.they(&format!("add --force {there}"));
        two.they("commit --quiet --message forced");
        two.they("push --quiet origin main");
        two.ours.write(here, "mine\n");
        let code = if in_the_way.is_empty() { 0 } else { 2 };
        let log = two.ours.log();
        for line in ["--update --push --dry-run", "--update --push"] {
            let said = two.ours.imago(line, code).stderr;
            assert_eq!(two.ours.read(here), "mine\n", "{here}, {there}");
            let what = format!("`{in_the_way}` is not tracked here\n");
            if code != 0 {
                assert!(
                    said.contains("a file is changed here and there") && said.contains(&what),
                    "{here}, {there}: {said}"
                );
                assert_eq!(
                    (two.ours.log(), two.remote_log("main").len()),
                    (log.clone(), 3)
                );
            }
        }
        if code == 0 {
            assert_eq!(two.ours.read(there), "theirs\n", "{here}, {there}");
        }
        assert_eq!(two.ours.status(), "");
    }
}

#[test]
fn a_folder_that_became_a_file_there_takes_nothing_ignored_with_it() {
    let Some(two) = Two::new() else { return };
    two.they_push(".gitignore", "*.log\n");
    std::fs::create_dir(format!("{}/logs", two.theirs)).unwrap();
    two.they_push("logs/keep", "x\n");
    two.ours.git("pull --quiet --rebase origin main");
    two.they("rm --quiet -r logs");
    two.they("commit --quiet --message removed");
    two.they_push("logs", "now a file\n");
    two.ours.write("logs/mine.log", "mine\n");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.contains("`logs/mine.log` is not tracked here"),
        "{said}"
    );
    assert_eq!(two.ours.read("logs/mine.log"), "mine\n");
    std::fs::remove_file(two.ours.place.path().join("logs/mine.log")).unwrap();
    two.ours.imago("--update --push", 0);
    assert_eq!(two.ours.read("logs"), "now a file\n");
}

#[test]
fn nor_is_it_overwritten_by_what_a_killed_run_has_pushed() {
    let Some(two) = Two::new() else { return };
    // The lock is new in the commit, and ignored before.
    two.they_push(".gitignore", "imago.lock\n");
    two.ours.git("pull --quiet --rebase origin main");
    let line = "--update --push deploy/web.yaml";
    two.ours.imago(line, 0);
    two.ours.write("imago.lock", "theirs\n");
    two.ours.git("add --force imago.lock");
    let message = two.ours.git("log -1 --format=%B");
    two.ours.git("commit --quiet --amend --no-edit");
    assert!(message.contains("Imago-Change"), "{message}");
    two.ours.git("push --quiet --force origin main");
    two.ours.git("reset --quiet --hard HEAD~1");
    two.ours.write("imago.lock", "mine\n");
    let said = two.ours.imago(line, 2).stderr;
    assert!(said.contains("`imago.lock` is not tracked here"), "{said}");
    assert_eq!(two.ours.read("imago.lock"), "mine\n");
    assert_eq!(two.ours.log().len(), 2);
}

#[test]
fn a_rehearsal_says_that_what_is_here_is_behind() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --push", 0);
    let tip = two.ours.git("rev-parse HEAD");
    let tip = tip.trim();
    two.ours.git("reset --quiet --hard HEAD~1");
    let warning = format!(
        "`main` here is behind `origin`: the report is about the commit {tip} there, which a run without `--dry-run` brings here"
    );
    let said = two.ours.imago("--update --push --dry-run", 0).stderr;
    assert!(said.contains(&warning), "{said}");
    let json = two
        .ours
        .imago("--update --push --dry-run --output json", 0)
        .json();
    assert_eq!(json["warnings"], serde_json::json!([warning]));
    assert_eq!(two.ours.log(), ["first"]);
    // The files were brought there.
    let said = two.ours.imago("--update --push", 0);
    assert_eq!((said.stderr.as_str(), two.ours.log().len()), ("", 2));
    let said = two.ours.imago("--update --push --dry-run", 0);
    assert_eq!(said.stderr, "");
}

#[test]
fn a_rehearsal_says_what_waits_what_is_there_already_and_what_is_stale() {
    let Some(two) = Two::new() else { return };
    let ours: &Tree = &two.ours;
    let said = |line: &str| {
        let told = ours.imago(line, 0);
        told.stdout + &told.stderr
    };
    let branch = "--update --push --branch imago/update";
    said(branch);
    let (rehearsed, run) = (said(&format!("{branch} --dry-run")), said(branch));
    for told in [rehearsed, run] {
        assert!(
            told.contains(" is on imago/update at origin already\n"),
            "{told}"
        );
    }
    ours.imago("--update --commit", 0);
    let told = said("--update --push --dry-run");
    assert!(
        told.contains("would push earlier commits on main to origin\n"),
        "{told}"
    );
    assert_eq!(two.remote_log("main"), ["first"]);
    let told = said("--update --push");
    assert!(
        told.contains("; pushed earlier commits on main to origin\n"),
        "{told}"
    );
    let (rehearsed, run) = (said(&format!("{branch} --dry-run")), said(branch));
    for told in [rehearsed, run] {
        assert!(
            told.contains("the branch `imago/update` at `origin` is stale"),
            "{told}"
        );
    }
}
