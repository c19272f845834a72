//! `--branch`: a separate branch, made from Git objects without a checkout.

use super::push::Two;
use super::{Tree, deployment, image};

fn trees(two: &Two) -> (String, String, String) {
    (
        two.ours.status(),
        two.ours.git("rev-parse HEAD"),
        two.ours.git("for-each-ref refs/heads"),
    )
}

#[test]
fn one_commit_on_head_is_pushed_and_nothing_here_is_touched() {
    let Some(two) = Two::new() else { return };
    two.ours
        .write("deploy/web.yaml", deployment("web") + "# mine\n");
    two.ours.write("staged.txt", "staged\n");
    two.ours.git("add staged.txt");
    let (before, files) = (trees(&two), two.ours.place.files());
    let said = two
        .ours
        .imago("--update --branch imago/update --push", 0)
        .stdout;
    assert!(
        said.contains(" on imago/update, pushed to origin\n"),
        "{said}"
    );
    assert_eq!((trees(&two), two.ours.place.files()), (before, files));
    assert_eq!(
        two.remote_log("imago/update"),
        ["Update 2 images in 2 objects", "first"]
    );
    assert_eq!(two.remote_log("main"), ["first"]);
    two.ours.git("fetch --quiet");
    let trailers = two
        .ours
        .git("log -1 --format=%(trailers:only) origin/imago/update");
    assert!(
        trailers.starts_with("Imago-Branch: imago/update\nImago-Change: "),
        "{trailers}"
    );
    assert_eq!(trailers.lines().count(), 3, "{trailers}");
    assert_eq!(two.ours.changed_lines("origin/imago/update").len(), 2 * 4);
    assert!(
        !two.ours
            .git("show origin/imago/update:deploy/web.yaml")
            .contains("# mine")
    );
    two.ours.assert_whole();
}

#[test]
fn the_branch_is_replaced_when_it_is_ours_and_left_when_it_is_the_same() {
    let Some(two) = Two::new() else { return };
    let run = |code| {
        two.ours
            .imago("--update --branch imago/update --push --output json", code)
    };
    let first = run(0).json();
    let again = run(0).json();
    assert_eq!(
        (&again["git"]["pushed"], &again["git"]["commit"]),
        (&false.into(), &first["git"]["commit"])
    );
    let said = two
        .ours
        .imago("--update --branch imago/update --push", 0)
        .stdout;
    assert!(
        said.contains(" is on imago/update at origin already\n"),
        "{said}"
    );
    two.ours.moved("2");
    assert_eq!(run(0).json()["git"]["pushed"], true);
    assert_eq!(two.remote_log("imago/update").len(), 2);
    // The base moves.
    two.they_push("note.txt", "theirs\n");
    two.ours.git("pull --quiet --rebase origin main");
    assert_eq!(run(0).json()["git"]["pushed"], true);
    assert_eq!(
        two.remote_log("imago/update"),
        ["Update 2 images in 2 objects", "theirs-note.txt", "first"]
    );
    // Merged and not deleted: by a fast-forward, and by a squash.
    two.they("pull --quiet --rebase origin main");
    two.they("pull --quiet origin imago/update");
    two.they("push --quiet origin HEAD:main");
    two.ours.git("pull --quiet --rebase origin main");
    assert_eq!(run(0).json()["git"]["commit"], serde_json::Value::Null);
    two.ours.moved("3");
    assert_eq!(run(0).json()["git"]["pushed"], true);
    two.they("fetch --quiet");
    two.they("merge --quiet --squash origin/imago/update");
    two.they("commit --quiet --message squashed");
    two.they("push --quiet origin HEAD:main");
    two.ours.git("pull --quiet --rebase origin main");
    two.ours.moved("4");
    assert_eq!(run(0).json()["git"]["pushed"], true);
    assert_eq!(two.remote_log("imago/update").len(), 5);
}

#[test]
fn somebody_elses_branch_is_never_replaced() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --branch imago/update --push", 0);
    two.they("fetch --quiet");
    two.they("checkout --quiet imago/update");
    std::fs::write(format!("{}/note.txt", two.theirs), "a fix\n").unwrap();
    two.they("commit --quiet --all --message fix");
    two.they("push --quiet origin HEAD");
    two.ours.moved("2");
    let said = two
        .ours
        .imago("--update --branch imago/update --push", 2)
        .stderr;
    assert!(
        said.starts_with(
            "error: cannot replace the branch `imago/update` at `origin`\n  cause: its commit "
        ),
        "{said}"
    );
    assert_eq!(two.remote_log("imago/update")[0], "fix");
}

#[test]
fn the_default_branch_and_the_checked_out_one_are_never_forced() {
    let Some(two) = Two::new() else { return };
    two.they_push("note.txt", "theirs\n");
    // A detached HEAD that is behind: the commit is made on top of the remote's branch.
    two.ours.git("checkout --quiet --detach");
    let before = two.ours.git("rev-parse HEAD");
    two.ours.imago("--update --branch main --push", 0);
    assert_eq!(
        two.remote_log("main"),
        ["Update 2 images in 2 objects", "theirs-note.txt", "first"]
    );
    assert_eq!(
        (two.ours.status(), two.ours.git("rev-parse HEAD")),
        (String::new(), before)
    );
    two.ours.git("checkout --quiet -b feature");
    two.ours.git("push --quiet origin feature");
    two.ours.git("commit --quiet --allow-empty --message mine");
    let said = two.ours.imago("--update --branch feature --push", 2).stderr;
    assert!(said.contains("is not imago's"), "{said}");
    assert_eq!(two.remote_log("feature"), ["first"]);
}

#[test]
fn a_shallow_clone_on_a_detached_head_is_enough() {
    let Some(two) = Two::new() else { return };
    two.they_push("note.txt", "one\n");
    two.they_push("note.txt", "two\n");
    let (bare, shallow) = (
        two.ours.place.beside("bare.git"),
        two.ours.place.path().join("shallow"),
    );
    two.ours.git(&format!(
        "clone --quiet --depth 1 file://{} {}",
        bare.display(),
        shallow.display()
    ));
    let shallow = Tree {
        place: two.ours.place,
        folder: "shallow".to_owned(),
    };
    shallow.identify();
    shallow.git("checkout --quiet --detach");
    let two = Two {
        ours: shallow,
        theirs: two.theirs,
    };
    for (digit, pushed) in [("1", true), ("1", false), ("2", true)] {
        two.ours.moved(digit);
        let json = two
            .ours
            .imago("--update --branch imago/update --push --output json", 0)
            .json();
        assert_eq!(json["git"]["pushed"], pushed, "{digit}");
        assert_eq!(two.remote_log("imago/update").len(), 4);
    }
    // Another shallow clone, made later, on a later base.
    two.they_push("note.txt", "three\n");
    let later = two.ours.place.path().join("later");
    two.ours.git(&format!(
        "clone --quiet --depth 1 file://{} {}",
        bare.display(),
        later.display()
    ));
    let later = Tree {
        place: two.ours.place,
        folder: "later".to_owned(),
    };
    later.identify();
    let two = Two {
        ours: later,
        theirs: two.theirs,
    };
    two.ours.imago("--update --branch imago/update --push", 0);
    assert_eq!(two.remote_log("imago/update").len(), 5);
    // Also onto the checked-out branch, which has moved meanwhile.
    two.they_push("note.txt", "four\n");
    two.ours.imago("--update --push", 0);
    assert_eq!(two.remote_log("main").len(), 6);
    assert_eq!(two.ours.status(), "");
    assert!(two.ours.read("deploy/web.yaml").contains(&image("2")));
}

#[test]
fn without_a_push_the_branch_is_made_here() {
    let Some(tree) = Tree::new() else { return };
    let run = |name: &str, code| tree.imago(&format!("--update --branch {name}"), code);
    let said = run("imago/update", 0).stdout;
    assert!(said.contains(" on imago/update\n"), "{said}");
    tree.moved("2");
    run("imago/update", 0);
    assert_eq!(
        tree.git("log --format=%s imago/update"),
        "Update 2 images in 2 objects\nfirst\n"
    );
    assert_eq!(
        (tree.log(), tree.status()),
        (vec!["first".to_owned()], String::new())
    );
    tree.git("branch somebodys");
    assert!(
        run("somebodys", 2)
            .stderr
            .contains("cannot replace the branch `somebodys`\n")
    );
    tree.git("worktree add --quiet beside imago/update");
    tree.moved("3");
    assert!(
        run("imago/update", 2)
            .stderr
            .contains("is checked out in another working tree")
    );
    tree.assert_whole();
}

#[test]
fn files_outside_a_sparse_checkout_are_updated_too() {
    let Some(two) = Two::new() else { return };
    two.they_push("other.yaml", &deployment("other"));
    two.ours.git("pull --quiet --rebase origin main");
    two.ours
        .git("sparse-checkout set --no-cone /deploy/web.yaml");
    assert_eq!(
        two.ours.place.files().keys().collect::<Vec<_>>(),
        ["deploy/web.yaml"]
    );
    let json = two.ours.imago("--update --commit --output json", 0).json();
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["deploy/web.yaml"])
    );
    assert_eq!(two.ours.status(), "");
    two.ours.git("reset --quiet --hard HEAD~1");
    let json = two
        .ours
        .imago("--update --branch imago/update --push --output json", 0)
        .json();
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["deploy/api.yaml", "deploy/web.yaml", "other.yaml"])
    );
    two.ours.git("fetch --quiet");
    assert_eq!(
        two.ours.git("diff --name-only HEAD origin/imago/update"),
        "deploy/api.yaml\ndeploy/web.yaml\nother.yaml\n"
    );
    two.they_push("note.txt", "theirs\n");
    two.ours.imago("--update --push", 0);
    assert_eq!(
        two.ours.place.files().keys().collect::<Vec<_>>(),
        ["deploy/web.yaml"]
    );
    assert_eq!(two.ours.status(), "");
}

/// A clone without blobs, of which one file is checked out.
fn partial() -> Option<Two> {
    let two = Two::new()?;
    let bare = two.ours.place.beside("bare.git");
    two.ours.git(&format!(
        "-C {} config uploadpack.allowFilter true",
        bare.display()
    ));
    two.ours.git(&format!(
        "clone --quiet --filter=blob:none --no-checkout file://{} partial",
        bare.display()
    ));
    let two = Two {
        ours: Tree {
            place: two.ours.place,
            folder: "partial".to_owned(),
        },
        theirs: two.theirs,
    };
    two.ours.identify();
    two.ours
        .git("sparse-checkout set --no-cone /deploy/web.yaml");
    two.ours.git("checkout --quiet main");
    Some(two)
}

/// How many objects the clone lacks.
fn absent(tree: &Tree) -> usize {
    tree.git("rev-list --objects --missing=print HEAD")
        .lines()
        .filter(|line| line.starts_with('?'))
        .count()
}

#[test]
fn in_a_clone_without_blobs_only_what_is_planned_on_is_fetched() {
    let Some(two) = partial() else { return };
    let json = two.ours.imago("--update --push --output json", 0).json();
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["deploy/web.yaml"])
    );
    assert_eq!(
        (
            two.remote_log("main").len(),
            two.ours.status(),
            absent(&two.ours)
        ),
        (2, String::new(), 2)
    );
    // A separate branch has all files. The move of the remote fetches the others.
    two.ours.imago("--update --push --branch imago/update", 0);
    two.ours.git("fetch --quiet");
    assert_eq!(
        two.ours.git("diff --name-only HEAD origin/imago/update"),
        "deploy/api.yaml\n"
    );
    assert_eq!(absent(&two.ours), 1, "the note is no manifest");
    two.they_push("deploy/new.yaml", &deployment("new"));
    two.ours.moved("2");
    two.ours.imago("--update --push", 0);
    assert_eq!(two.remote_log("main")[0], "Update 3 images in 3 objects");
    assert_eq!(
        (two.ours.log(), two.ours.status()),
        (two.remote_log("main"), String::new())
    );
    assert!(two.ours.read("deploy/web.yaml").contains(&image("2")));
    two.ours.assert_whole();
}

#[test]
fn what_a_clone_without_blobs_lacks_and_cannot_fetch_is_told_before_anything_is_written() {
    let Some(two) = partial() else { return };
    std::fs::rename(
        two.ours.place.beside("bare.git"),
        two.ours.place.beside("gone.git"),
    )
    .unwrap();
    let said = two.ours.imago("--update --branch imago/update", 2).stderr;
    let begin = "error: cannot fetch from `origin` what this partial clone left there; nothing was changed\n  cause: the remote cannot";
    assert!(said.starts_with(begin), "{said}");
    assert_eq!(
        two.ours.git("for-each-ref refs/heads --format=%(refname)"),
        "refs/heads/main\n"
    );
}

#[test]
fn a_partial_clone_of_the_old_form_says_how_it_becomes_one_of_the_new() {
    let Some(two) = partial() else { return };
    two.ours.git("config --unset remote.origin.promisor");
    two.ours.git("config extensions.partialClone origin");
    let said = two.ours.imago("--update --branch imago/update", 2).stderr;
    let hint = said
        .split("  hint: say the same in today's way: ")
        .nth(1)
        .unwrap();
    let folder = two.ours.place.path().join(&two.ours.folder);
    for command in hint.split('`').skip(1).step_by(2) {
        two.ours
            .place
            .program("sh", ["-c", command])
            .folder(&folder)
            .finish_with(0);
    }
    two.ours.imago("--update --branch imago/update", 0);
}

#[test]
fn a_branch_whose_name_is_in_the_way_is_named() {
    let Some(two) = Two::new() else { return };
    let says = |flags: &str, other: &str| {
        let said = two.ours.imago(flags, 2).stderr;
        let cause = format!(
            "cause: the branch `{other}` is in the way: no branch's name goes on where another's ends\n  hint: delete that branch"
        );
        assert!(said.contains(&cause), "{said}");
    };
    two.ours.git("branch imago");
    says("--update --branch imago/update", "imago");
    two.ours.git("push --quiet origin imago");
    two.ours.git("branch -D imago");
    says("--update --branch imago/update --push", "imago");
    two.ours.git("push --quiet origin :imago");
    two.ours.git("branch imago/mine/old");
    says("--update --branch imago", "imago/mine/old");
    two.ours.assert_whole();
}

#[test]
fn a_branch_that_another_process_has_locked_is_said_in_whole_words() {
    let Some(tree) = Tree::new() else { return };
    let folder = tree.place.path().join(".git/refs/heads/imago");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("update.lock"), "").unwrap();
    let said = tree.imago("--update --branch imago/update", 2).stderr;
    assert!(said.contains("another Git process is at work"), "{said}");
    assert!(!said.contains(": \n"), "{said}");
}

#[test]
fn a_shared_branch_on_which_a_run_has_committed_is_not_replaced() {
    type Act = fn(&Two) -> (&'static str, &'static str);
    let on_dev = |two: &Two| {
        two.ours.git("checkout --quiet -b dev HEAD~");
        two.ours.git("commit --quiet --allow-empty --message dev");
    };
    let cases: [(&str, Act); 4] = [
        ("the remote names no default branch", |two| {
            two.ours.imago("--update --push", 0);
            let bare = two.ours.place.beside("bare.git");
            let bare = bare.display();
            two.ours.git(&format!(
                "--git-dir={bare} symbolic-ref HEAD refs/heads/master"
            ));
            ("main", "--push")
        }),
        ("the remote's HEAD is detached", |two| {
            two.ours.imago("--update --push", 0);
            let bare = two.ours.place.beside("bare.git");
            let bare = bare.display();
            two.ours
                .git(&format!("--git-dir={bare} update-ref --no-deref HEAD main"));
            ("main", "--push")
        }),
        ("a branch is kept behind on purpose", |two| {
            two.ours.git("checkout --quiet -b prod");
            two.ours.imago("--update --push", 0);
            ("prod", "--push")
        }),
        ("there is no remote", |two| {
            two.ours.git("remote remove origin");
            two.ours.imago("--update --commit", 0);
            ("main", "")
        }),
    ];
    for (what, act) in cases {
        let Some(two) = Two::new() else { return };
        let (shared, push) = act(&two);
        on_dev(&two);
        if !push.is_empty() {
            two.ours.git("push --quiet origin dev");
        }
        two.ours.moved("2");
        let place = match push {
            "" => String::new(),
            _ => two.ours.place.beside("bare.git").display().to_string(),
        };
        let at = |line: &str| match &*place {
            "" => two.ours.git(line),
            _ => two.ours.git(&format!("--git-dir={place} {line}")),
        };
        let before = at(&format!("rev-parse {shared}"));
        for dry_run in [" --dry-run", ""] {
            let line = format!("--update --branch {shared} {push}{dry_run}");
            let said = two.ours.imago(line.trim_end(), 2).stderr;
            assert!(
                said.contains("does not make it imago's own: a run without `--branch` made it"),
                "{what}: {said}"
            );
        }
        assert_eq!(at(&format!("rev-parse {shared}")), before, "{what}");
    }
}

#[test]
fn a_branch_of_our_own_of_any_name_is_replaced_whatever_a_run_adds_to_it() {
    for push in ["--push", "--commit"] {
        let Some(two) = Two::new() else { return };
        let run = |digit: &str, more: &str| {
            two.ours.moved(digit);
            two.ours
                .imago(&format!("--update --branch updates {push}{more}"), 0);
        };
        run("1", "");
        run("2", "");
        // Somebody runs imago with the branch checked out.
        if push == "--push" {
            two.ours.git("fetch --quiet");
        }
        two.ours.git("checkout --quiet updates");
        two.ours.moved("3");
        two.ours.imago(&format!("--update {push}"), 0);
        two.ours.git("checkout --quiet main");
        run("4", "");
        // It is merged, and stays.
        if push == "--push" {
            two.ours.git("pull --quiet origin updates");
            two.ours.git("push --quiet origin main");
            run("5", "");
            assert_eq!(two.remote_log("updates").len(), 3);
        } else {
            assert_eq!(two.ours.git("rev-list --count updates"), "2\n");
        }
    }
}
