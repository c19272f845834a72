//! The names of branches and files: in `--branch`, and in messages.

use super::push::Two;
use super::{Tree, deployment};

#[test]
fn a_branch_that_is_named_in_full_is_the_branch() {
    let Some(two) = Two::new() else { return };
    two.ours
        .imago("--update --branch refs/heads/imago/update --push", 0);
    two.ours.imago("--update --branch refs/heads/imago/here", 0);
    let heads = two.ours.git("ls-remote --heads origin");
    assert!(
        heads.contains("\trefs/heads/imago/update\n") && !heads.contains("refs/heads/refs"),
        "{heads}"
    );
    assert_eq!(
        two.ours.git("for-each-ref refs/heads --format=%(refname)"),
        "refs/heads/imago/here\nrefs/heads/main\n"
    );
    // The full name of the checked-out branch is still the checked-out branch.
    let said = two
        .ours
        .imago("--update --branch refs/heads/main --push", 0)
        .stdout;
    assert!(said.contains(" on main, pushed to origin\n"), "{said}");
    assert_eq!(two.ours.status(), "");
}

#[test]
fn a_name_that_is_no_branch_is_refused_before_anything_happens() {
    let Some(two) = Two::new() else { return };
    for name in [
        "origin/imago",
        "refs/remotes/origin/imago",
        "remotes/origin/imago",
        "refs/heads/origin/imago",
    ] {
        let said = two
            .ours
            .imago(&format!("--update --push --branch {name}"), 2)
            .stderr;
        assert!(
            said.contains("names the remote as well")
                && said.contains("hint: write `--branch imago`"),
            "{name}: {said}"
        );
    }
    for name in [
        "HEAD",
        "a..b",
        "x.lock",
        "refs/heads/HEAD",
        "refs/heads/",
        "refs/tags/v1",
        "refs/heads/refs/heads/x",
        "@",
        "heads/x",
    ] {
        let said = two
            .ours
            .imago(&format!("--update --push --branch {name}"), 2)
            .stderr;
        assert!(
            said.contains("cannot be the name of a branch"),
            "{name}: {said}"
        );
    }
    let lock = two.ours.place.beside("digests.lock");
    let begin = [
        "files",
        "--offline",
        "--lock",
        lock.to_str().unwrap(),
        "--update",
        "--push",
    ];
    for name in ["--branch=-x", "--branch=a b", "--branch=", "--branch= x"] {
        let said = two
            .ours
            .place
            .imago(begin.iter().chain([&name]))
            .finish_with(2)
            .stderr;
        assert!(
            said.contains("cannot be the name of a branch"),
            "{name}: {said}"
        );
    }
    assert_eq!(two.ours.git("ls-remote --heads origin").lines().count(), 1);
}

#[test]
fn a_message_names_files_from_the_root_wherever_the_run_began() {
    let Some(tree) = Tree::new() else { return };
    let folder = tree.place.path().join("deploy");
    tree.run("--update --commit web.yaml")
        .folder(&folder)
        .finish_with(0);
    let message = tree.git("log -1 --format=%B");
    assert!(
        message.contains("\n- deploy/web.yaml Deployment/web app: "),
        "{message}"
    );
    tree.run("--update --branch imago/update ../deploy")
        .folder(&folder)
        .finish_with(0);
    let message = tree.git("log -1 --format=%B imago/update");
    assert!(
        message.contains("\n- deploy/api.yaml Deployment/api app: "),
        "{message}"
    );
    let absolute = tree.place.path().join("deploy/api.yaml");
    tree.run(&format!("--update --commit {}", absolute.display()))
        .folder(&folder)
        .finish_with(0);
    let message = tree.git("log -1 --format=%B");
    assert!(
        message.contains("\n- deploy/api.yaml Deployment/api app: "),
        "{message}"
    );
}

#[test]
fn names_that_differ_in_case_alone_are_refused_where_it_does_not_count() {
    for (one, other) in [
        ("deploy/A.yaml", "deploy/a.yaml"),
        ("Case/web.yaml", "case/web.yaml"),
    ] {
        for is_due in [false, true] {
            let Some(tree) = Tree::new() else { return };
            tree.write(one, deployment("web"));
            tree.write(
                other,
                if is_due {
                    deployment("web")
                } else {
                    "note: 1\n".to_owned()
                },
            );
            tree.git("add .");
            tree.git("commit --quiet --message two");
            let files = tree.git("ls-files --stage");
            tree.git("config core.ignoreCase true");
            let json = tree.imago("--update --commit --output json", 3).json();
            let problems = json["problems"].as_array().unwrap();
            assert_eq!(problems.len(), 1 + usize::from(is_due), "{json}");
            for problem in problems {
                assert_eq!(problem["code"], "git-case", "{json}");
            }
            // The other files are committed, and both entries stay.
            assert_eq!(json["summary"]["files_changed"], 2, "{json}");
            let now = tree.git("ls-files --stage");
            for name in [one, other] {
                let entry = |files: &str| {
                    let line = files.lines().find(|line| line.ends_with(name));
                    line.map(str::to_owned)
                };
                assert!(
                    entry(&now).is_some() && entry(&now) == entry(&files),
                    "{now}"
                );
            }
            tree.git("fsck --strict");
        }
    }
}
