//! What must not be lost, replaced or shown: commits that wait here when the remote moves, a person's changes, and other people's
//! branches.

use super::push::Two;
use super::{Tree, deployment, image};

const TWO: &str = "Update 2 images in 2 objects";
const ONE: &str = "Update registry.example.test/web:1.4 to sha256:111111111111";

#[test]
fn a_commit_that_waits_is_not_lost_where_the_remote_has_moved() {
    // This run is about other files, about files that are not due, and about those that wait.
    for (paths, log) in [
        (
            "deploy/api.yaml",
            vec![ONE, ONE, "theirs-note.txt", "first"],
        ),
        ("note.txt", vec![ONE, "theirs-note.txt", "first"]),
    ] {
        let Some(two) = Two::new() else { return };
        two.ours.imago("--update --commit deploy/web.yaml", 0);
        two.they_push("note.txt", "theirs\n");
        let json = two
            .ours
            .imago(&format!("--update --push --output json {paths}"), 0)
            .json();
        assert_eq!(json["git"]["pushed"], true);
        assert_eq!(
            (two.remote_log("main"), two.ours.log()),
            (
                log.iter().map(|it| it.to_string()).collect(),
                two.remote_log("main")
            )
        );
        assert!(two.ours.read("deploy/web.yaml").contains(&image("1")));
        assert_eq!(
            two.ours.git("status --porcelain --branch"),
            "## main...origin/main\n"
        );
        assert_eq!(json["git"]["commit"], two.ours.git("rev-parse HEAD").trim());
        two.ours.assert_whole();
    }
}

#[test]
fn a_commit_that_waits_and_is_there_already_leaves_the_branch_where_the_remote_is() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --commit deploy/web.yaml", 0);
    let pinned = two.ours.read("deploy/web.yaml");
    two.they_push("deploy/web.yaml", &pinned);
    let said = two.ours.imago("--update --push deploy/web.yaml", 0).stdout;
    assert!(
        said.starts_with("nothing to commit; main was behind, and is now on "),
        "{said}"
    );
    assert_eq!(
        two.ours.git("status --porcelain --branch"),
        "## main...origin/main\n"
    );
    // If the remote changed the same lines, its lines stay, and the plan starts from them.
    two.ours.moved("2");
    two.ours.imago("--update --commit deploy/web.yaml", 0);
    two.they_push(
        "deploy/web.yaml",
        &pinned.replace(&"1".repeat(64), &"3".repeat(64)),
    );
    two.ours.imago("--update --push deploy/web.yaml", 0);
    assert!(two.ours.read("deploy/web.yaml").contains(&image("2")));
    assert_eq!(
        two.ours.git("status --porcelain --branch"),
        "## main...origin/main\n"
    );
    assert_eq!(
        (two.remote_log("main").len(), two.ours.log()),
        (4, two.remote_log("main"))
    );
    two.ours.assert_whole();
}

#[test]
fn a_file_that_is_changed_here_alone_is_a_problem_and_the_rest_goes_on_where_the_remote_has_moved()
{
    let Some(two) = Two::new() else { return };
    two.they_push("note.txt", "theirs\n");
    let mine = deployment("api") + "# mine\n";
    two.ours.write("deploy/api.yaml", &mine);
    let said = two.ours.imago("--update --push", 3).stderr;
    assert!(
        said.contains("cannot commit `deploy/api.yaml`")
            && said.contains("it has changes that are not committed"),
        "{said}"
    );
    assert_eq!(two.remote_log("main"), [ONE, "theirs-note.txt", "first"]);
    assert_eq!(
        (two.ours.log(), two.ours.read("deploy/api.yaml")),
        (two.remote_log("main"), mine)
    );
    assert_eq!(two.ours.status(), " M deploy/api.yaml\n");
    two.ours.assert_whole();
}

#[test]
fn a_digest_that_a_person_has_changed_is_not_taken_for_a_run_that_was_killed() {
    for staged in [false, true] {
        let Some(tree) = Tree::new() else { return };
        tree.imago("--update --commit", 0);
        let mine = tree
            .read("deploy/web.yaml")
            .replace(&"1".repeat(64), &"3".repeat(64));
        tree.write("deploy/web.yaml", &mine);
        if staged {
            tree.git("add deploy/web.yaml");
        }
        tree.moved("2");
        let said = tree.imago("--update --commit", 3).stderr;
        assert!(said.contains("cannot commit `deploy/web.yaml`"), "{said}");
        assert_eq!(tree.read("deploy/web.yaml"), mine);
        assert!(tree.read("deploy/api.yaml").contains(&image("2")));
        // As a killed run leaves it: the commit is ahead of the file.
        tree.git("checkout --quiet HEAD -- deploy/web.yaml");
        tree.imago("--update --commit", 0);
        tree.git("restore --source HEAD~1 deploy/web.yaml");
        tree.moved("4");
        tree.imago("--update --commit", 0);
        assert!(tree.read("deploy/web.yaml").contains(&image("4")));
        assert_eq!(tree.status(), "");
        tree.assert_whole();
    }
}

#[test]
fn following_other_runs_of_this_program_costs_no_tries() {
    let Some(two) = Two::new() else { return };
    for number in 0..4 {
        two.they_push(
            &format!("deploy/w{number}.yaml"),
            &deployment(&format!("w{number}")),
        );
    }
    two.ours.git("pull --quiet --rebase origin main");
    let (lock, count) = (
        two.ours.place.beside("digests.lock"),
        two.ours.place.beside("count"),
    );
    std::fs::write(&count, "").unwrap();
    let (lock, count, binary, theirs) = (
        lock.display(),
        count.display(),
        env!("CARGO_BIN_EXE_imago"),
        &two.theirs,
    );
    two.ours.hook(
        "pre-push",
        &format!(
            "n=$(wc -c <{count})\n[ $n -ge 3 ] && exit 0\nprintf x >>{count}\nunset GIT_DIR\ncd {theirs}\ngit pull --quiet --rebase origin main && \
             {binary} files --offline --lock {lock} --update --push deploy/w$n.yaml >/dev/null"
        ),
    );
    two.ours.imago("--update --push deploy/web.yaml", 0);
    assert_eq!(
        two.remote_log("main")
            .iter()
            .filter(|subject| *subject == ONE)
            .count(),
        4,
        "{:?}",
        two.remote_log("main")
    );
    assert_eq!(
        (two.ours.log(), two.ours.status()),
        (two.remote_log("main"), String::new())
    );
    two.ours.assert_whole();
}

#[test]
fn attributes_are_those_of_the_commit_that_is_planned_on() {
    let Some(two) = Two::new() else { return };
    two.they_push(".gitattributes", "deploy/web.yaml filter=lfs\n");
    for line in ["--update --push", "--update --push --branch imago/update"] {
        if line.contains("--branch") {
            two.they_push("deploy/.gitattributes", "api.yaml filter=lfs\n");
            two.ours.git("fetch --quiet");
            two.ours.git("checkout --quiet --detach origin/main");
            // What is checked out and changed does not matter to the commit.
            two.ours.write(".gitattributes", "");
            two.ours.write("deploy/.gitattributes", "");
            two.ours.moved("2");
        }
        let said = two.ours.imago(line, 3).stderr;
        assert!(
            said.contains("cannot commit `deploy/web.yaml`")
                && said.contains("its attribute `filter`"),
            "{line}: {said}"
        );
    }
    assert_eq!(
        two.remote_log("main"),
        [
            "theirs-deploy-.gitattributes",
            ONE,
            "theirs-.gitattributes",
            "first"
        ]
    );
}

#[test]
fn a_line_in_a_message_that_ends_mails_does_not_hide_whose_commit_it_is() {
    let Some(two) = Two::new() else { return };
    let message = "--message=images\n\n---\nthe\nrest";
    let run = |more: &[&str]| {
        let lock = two.ours.place.beside("digests.lock");
        let line = [
            "files",
            "--offline",
            "--lock",
            lock.to_str().unwrap(),
            "--update",
            message,
        ];
        two.ours.place.imago(line.iter().chain(more)).finish_with(0)
    };
    run(&["--commit"]);
    two.ours.moved("2");
    run(&["--push"]);
    assert_eq!(two.remote_log("main"), ["images", "images", "first"]);
    run(&["--push", "--branch", "imago/update"]);
    two.ours.moved("3");
    run(&["--push", "--branch", "imago/update"]);
    two.ours.moved("4");
    run(&["--push", "--branch", "imago/update"]);
    assert_eq!(two.remote_log("imago/update").len(), 4);
}

#[test]
fn a_branch_that_the_remote_has_no_more_is_not_put_there_again_with_commits_of_people() {
    let Some(two) = Two::new() else { return };
    two.ours.git("checkout --quiet -b topic");
    two.ours.git("commit --quiet --allow-empty --message mine");
    two.ours.git("push --quiet --set-upstream origin topic");
    two.they("push --quiet origin --delete topic");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.contains("no branch or tag of `origin` has the commit "),
        "{said}"
    );
}

#[test]
fn what_somebody_has_taken_off_the_remote_is_not_pushed_again() {
    // All combinations: this clone has pushed it or fetched it, has fetched since or not, and others have built on it or not.
    for (pushed_it, has_looked, gone_on) in [
        (true, false, false),
        (true, true, true),
        (false, false, true),
        (false, true, false),
    ] {
        let Some(two) = Two::new() else { return };
        two.ours.imago("--update --push", 0);
        two.they("pull --quiet --rebase origin main");
        if !pushed_it {
            two.ours
                .git("update-ref --no-deref -d refs/remotes/origin/main");
            two.ours.git("fetch --quiet");
        }
        two.they("push --quiet --force origin HEAD~1:main");
        if gone_on {
            two.they("reset --quiet --hard HEAD~1");
            two.they_push("note.txt", "theirs\n");
        }
        if has_looked {
            two.ours.git("fetch --quiet");
        }
        let before = two.ours.git("ls-remote origin");
        for digit in ["1", "2"] {
            two.ours.moved(digit);
            let said = two.ours.imago("--update --push", 2).stderr;
            assert!(
                said.starts_with("error: cannot push `main`\n  cause: `origin` had its commit ")
                    && said.contains(", and somebody has taken it off\n  hint: run `git status`, then `git reset --keep "),
                "{said}"
            );
            assert_eq!(two.ours.git("ls-remote origin"), before);
        }
        // The commands that the hint names.
        let said = two.ours.imago("--update --push", 2).stderr;
        for command in said.split('`').filter_map(|part| part.strip_prefix("git ")) {
            two.ours.git(command);
        }
        two.ours.imago("--update --push", 0);
    }
}

#[test]
fn our_commit_that_somebody_has_made_anew_at_the_remote_is_followed() {
    for gone_on in [false, true] {
        let Some(two) = Two::new() else { return };
        two.ours.imago("--update --push", 0);
        two.they("pull --quiet --rebase origin main");
        two.they("commit --quiet --amend --message anew");
        two.they("push --quiet --force origin HEAD:main");
        if gone_on {
            two.they_push("note.txt", "theirs\n");
        }
        two.ours.moved("2");
        two.ours.imago("--update --push", 0);
        assert_eq!(two.remote_log("main").len(), 3 + usize::from(gone_on));
        assert_eq!(two.ours.log(), two.remote_log("main"));
        assert_eq!(two.ours.status(), "");
    }
}

#[test]
fn a_branch_that_was_deleted_at_the_remote_does_not_come_back_with_our_commit() {
    let Some(two) = Two::new() else { return };
    two.ours.git("checkout --quiet -b topic");
    two.ours.git("push --quiet --set-upstream origin topic");
    two.ours.imago("--update --push", 0);
    two.they("push --quiet origin --delete topic");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(said.contains("somebody has taken it off"), "{said}");
    assert_eq!(two.ours.git("ls-remote --heads origin topic"), "");
}

#[test]
fn each_of_several_places_gets_what_it_has_missed() {
    for line in ["--update --push", "--update --push --branch imago/update"] {
        let branch = if line.contains("branch") {
            "imago/update"
        } else {
            "main"
        };
        for (broken, is_new) in [(0, false), (1, false), (1, true)] {
            let Some(two) = Two::new() else { return };
            let places = [
                two.ours.place.beside("bare.git"),
                two.ours.place.beside("mirror.git"),
            ];
            two.ours.git(&format!(
                "clone --quiet --bare {} {}",
                places[0].display(),
                places[1].display()
            ));
            for place in &places {
                two.ours.git(&format!(
                    "remote set-url --add --push origin {}",
                    place.display()
                ));
            }
            if is_new {
                two.ours.imago(line, 0);
                two.ours.moved("2");
            }
            let hook = places[broken].join("hooks/pre-receive");
            std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
            std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755))
                .unwrap();
            let tips = || {
                places.each_ref().map(|place| {
                    two.ours.git(&format!(
                        "ls-remote {} refs/heads/{branch}",
                        place.display()
                    ))
                })
            };
            let before = tips();
            two.ours.imago(line, 2);
            let after = tips();
            assert_eq!(before[broken], after[broken]);
            assert_ne!(before[1 - broken], after[1 - broken], "{line} {broken}");
            two.ours.imago(line, 2);
            std::fs::remove_file(&hook).unwrap();
            two.ours.imago(line, 0);
            let [one, two_] = tips();
            assert_eq!(one, two_);
            assert_ne!(one, before[broken]);
            let json = two.ours.imago(&format!("{line} --output json"), 0).json();
            assert_eq!(json["git"]["pushed"], false, "{line} {broken}");
            assert_eq!(tips(), [one, two_]);
        }
    }
}

#[test]
fn a_place_with_another_history_is_told_before_anything_is_pushed() {
    let Some(two) = Two::new() else { return };
    let places = [
        two.ours.place.beside("bare.git"),
        two.ours.place.beside("mirror.git"),
    ];
    two.ours.git(&format!(
        "clone --quiet --bare {} {}",
        places[0].display(),
        places[1].display()
    ));
    for place in &places {
        two.ours.git(&format!(
            "remote set-url --add --push origin {}",
            place.display()
        ));
    }
    two.they("commit --quiet --allow-empty --message elsewhere");
    two.they(&format!("push --quiet {} HEAD:main", places[1].display()));
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.starts_with("error: cannot push `main` to all places of `origin`\n  cause: one of its `pushurl`s has the commit "),
        "{said}"
    );
    assert_eq!(two.remote_log("main"), ["first"]);
    assert_eq!(two.ours.log(), ["first"]);
}

#[test]
fn the_default_branch_here_goes_on_and_is_not_replaced() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --push", 0);
    two.ours.git("remote set-head origin main");
    two.ours.git("checkout --quiet -b feature HEAD~1");
    two.ours.git("commit --quiet --allow-empty --message mine");
    two.ours.moved("2");
    let said = two.ours.imago("--update --branch main", 0).stdout;
    assert!(said.contains(" on main\n"), "{said}");
    assert_eq!(
        two.ours.git("log --format=%s main"),
        format!("{TWO}\n{TWO}\nfirst\n")
    );
    assert_eq!(two.ours.git("log --format=%s HEAD"), "mine\nfirst\n");
    two.ours.assert_whole();
}

#[test]
fn a_branch_of_its_own_is_looked_for_where_it_is_pushed_to() {
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
    two.ours
        .git(&format!("remote set-url --push origin {}", fork.display()));
    for digit in ["1", "2"] {
        two.ours.moved(digit);
        let json = two
            .ours
            .imago("--update --branch imago/update --push --output json", 0)
            .json();
        assert_eq!(json["git"]["pushed"], true);
    }
    let log = |bare: &std::path::Path| {
        let arguments = [
            "-C",
            bare.to_str().unwrap(),
            "for-each-ref",
            "--format=%(refname)",
            "refs/heads",
        ];
        two.ours
            .place
            .program("git", arguments)
            .finish_with(0)
            .stdout
    };
    assert_eq!(
        (log(&fork).as_str(), log(&bare).as_str()),
        (
            "refs/heads/imago/update\nrefs/heads/main\n",
            "refs/heads/main\n"
        )
    );
    // A branch that everybody uses is not replaced, either.
    two.ours
        .git(&format!("-C {} branch -m main trunk", fork.display()));
    let said = two.ours.imago("--update --branch trunk --push", 2).stderr;
    assert!(
        said.contains("cannot replace the branch `trunk`")
            && said.contains("it is the default branch"),
        "{said}"
    );
}

#[test]
fn a_lasting_failure_is_not_taken_for_a_race() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --branch imago --push", 0);
    let said = two
        .ours
        .imago("--update --branch imago/update --push", 2)
        .stderr;
    assert!(
        said.contains("cannot push to `origin`")
            && said.contains("the branch `imago` is in the way"),
        "{said}"
    );
}

#[test]
fn a_hook_that_refuses_is_heard_and_other_hooks_do_not_run() {
    let Some(two) = Two::new() else { return };
    two.they_push("note.txt", "theirs\n");
    let ran = two.ours.place.beside("ran");
    for hook in [
        "reference-transaction",
        "post-index-change",
        "post-checkout",
        "pre-commit",
        "commit-msg",
    ] {
        two.ours.hook(
            hook,
            &format!("[ \"$1\" = committed ] || echo {hook} >>{}", ran.display()),
        );
    }
    two.ours.hook(
        "pre-push",
        "echo 'git-lfs was not found on your path' >&2\nexit 1",
    );
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.contains(
            "cause: the pre-push hook refuses it: git-lfs was not found on your path\n  hint: "
        ),
        "{said}"
    );
    assert_eq!(std::fs::read_to_string(&ran).unwrap_or_default(), "");
    assert_eq!(
        (two.ours.log(), two.ours.status()),
        (vec!["first".to_owned()], String::new())
    );
}

#[test]
fn nothing_is_committed_here_while_the_environment_names_another_repository() {
    let Some(tree) = Tree::new() else { return };
    tree.git("init --quiet other");
    let run = |line: &str, name: &str, value: &str| tree.run(line).env(name, value).finish();
    for (name, value) in [
        ("GIT_DIR", "other/.git"),
        ("GIT_DIR", "none"),
        ("GIT_WORK_TREE", "other"),
    ] {
        let told = run("--update --commit", name, value);
        let cause = format!("cause: `{name}={value}` names another repository or work tree");
        assert!(told.code == 2 && told.stderr.contains(&cause), "{told:?}");
        assert_eq!(tree.log(), ["first"]);
    }
    // A hook of Git has these.
    for (name, value) in [("GIT_DIR", ".git"), ("GIT_WORK_TREE", ".")] {
        let told = run("--update --commit --dry-run", name, value);
        assert_eq!(told.code, 0, "{told:?}");
    }
}

#[test]
fn no_token_in_an_address_is_shown_in_any_form() {
    let Some(tree) = Tree::new() else { return };
    // Nothing listens there.
    for address in [
        "http://a-token-in-place-of-a-name@127.0.0.1:9/deploy.git",
        "http://127.0.0.1:9/deploy.git?private_token=a-token",
        "http://127.0.0.1:9/deploy.git#a-token",
    ] {
        tree.git(&format!("config remote.origin.url {address}"));
        for form in ["text -vv", "json", "sarif", "markdown", "github"] {
            let told = tree.imago(&format!("--update --push -o {form}"), 2);
            let said = told.stdout + &told.stderr;
            assert!(said.contains("127.0.0.1"), "{form}: {said}");
            assert!(!said.contains("a-token"), "{form}: {said}");
        }
    }
}

#[test]
fn line_ends_that_git_refuses_are_a_problem_of_that_file() {
    let Some(tree) = Tree::new() else { return };
    tree.git("config core.autocrlf input");
    tree.git("config core.safecrlf true");
    tree.write("deploy/web.yaml", deployment("web").replace('\n', "\r\n"));
    let said = tree.imago("--update --commit", 3).stderr;
    assert!(
        said.contains("cannot commit `deploy/web.yaml`") && said.contains("core.safecrlf"),
        "{said}"
    );
    assert_eq!(tree.log(), [ONE, "first"]);
}

#[test]
fn files_of_a_repository_in_this_one_are_not_its_own() {
    let Some(tree) = Tree::new() else { return };
    tree.git("init --quiet vendor/other");
    tree.write("vendor/other/web.yaml", deployment("other"));
    let said = tree.imago("--update --commit", 3).stderr;
    assert!(
        said.contains("cannot commit `vendor/other/web.yaml`")
            && said.contains("run in that file's own repository"),
        "{said}"
    );
    assert_eq!(tree.log(), [TWO, "first"]);
}
