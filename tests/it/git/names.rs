//! The names of branches and files: in `--branch`, and in messages.

use super::Tree;
use super::push::Two;

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
