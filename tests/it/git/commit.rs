//! `--commit` on the checked-out branch.

use std::os::unix::fs::PermissionsExt;

use super::{Tree, deployment, image};

#[test]
fn a_commit_holds_the_changed_files_and_nothing_else() {
    let Some(tree) = Tree::new() else { return };
    tree.write("note.txt", "a note, edited\n");
    tree.write("staged.txt", "staged\n");
    tree.git("add staged.txt");
    tree.write("loose.txt", "untracked\n");
    let said = tree.imago("--update --commit deploy/web.yaml", 0).stdout;
    let commit = tree.git("rev-parse HEAD");
    let end = format!(
        "committed {} on main\nupdated 1 image in 1 of 1 file\n",
        &commit[..7]
    );
    assert!(said.ends_with(&end), "{said}");
    assert_eq!(
        tree.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\n"
    );
    assert_eq!(tree.status(), " M note.txt\nA  staged.txt\n?? loose.txt\n");
    assert!(tree.read("deploy/web.yaml").contains(&image("1")));
    let changed = tree.changed_lines("HEAD");
    assert!(changed.iter().all(|line| line.contains("image:")
        || line.contains("annotations:")
        || line.contains("imago-config-spec")));
    assert_eq!(
        tree.git("log -1 --format=%an|%ae|%cn|%s|%(trailers:key=Imago-Branch)"),
        "Ada|ada@example.test|Ada|Update registry.example.test/web:1.4 to sha256:111111111111|Imago-Branch: main\n\n"
    );
    tree.assert_whole();
}

#[test]
fn a_second_run_has_nothing_to_commit_and_says_so() {
    let Some(tree) = Tree::new() else { return };
    tree.imago("--update --commit", 0);
    let json = tree.imago("--update --commit --output json", 0).json();
    assert_eq!(
        json["git"],
        serde_json::json!({"commit": null, "branch": "main", "remote": null, "pushed": false})
    );
    let said = tree.imago("--update --commit", 0).stdout;
    assert!(
        said.ends_with("nothing to commit on main\nall 2 images in 2 files are up to date\n"),
        "{said}"
    );
    assert_eq!(tree.log(), ["Update 2 images in 2 objects", "first"]);
    assert_eq!(tree.status(), "");
    tree.imago("--restore --commit", 0);
    assert_eq!(tree.git("diff HEAD~2"), "");
}

#[test]
fn files_with_uncommitted_changes_are_problems_and_the_rest_goes_on() {
    for (act, code) in [
        ("dirty", "git-uncommitted"),
        ("staged", "git-uncommitted"),
        ("untracked", "git-untracked"),
        ("mode", "git-uncommitted"),
    ] {
        let Some(tree) = Tree::new() else { return };
        match act {
            "untracked" => {
                tree.git("rm --quiet --cached deploy/web.yaml");
                tree.git("commit --quiet --message gone");
            }
            "mode" => {
                let path = tree.place.path().join("deploy/web.yaml");
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
            }
            _ => tree.write("deploy/web.yaml", deployment("web") + "# mine\n"),
        }
        if act == "staged" {
            tree.git("add deploy/web.yaml");
            tree.write("deploy/web.yaml", deployment("web"));
        }
        let (before, status) = (tree.read("deploy/web.yaml"), tree.status());
        let json = tree.imago("--update --commit --output json", 3).json();
        assert_eq!(json["problems"][0]["code"], code, "{act}");
        assert_eq!(
            json["files_changed"],
            serde_json::json!(["deploy/api.yaml"]),
            "{act}"
        );
        assert_eq!(
            json["git"]["commit"].as_str().unwrap(),
            tree.git("rev-parse HEAD").trim()
        );
        assert_eq!(
            tree.git("show --format= --name-only HEAD"),
            "deploy/api.yaml\n",
            "{act}"
        );
        assert_eq!(
            (tree.read("deploy/web.yaml"), tree.status()),
            (before, status),
            "{act}"
        );
    }
}

#[test]
fn what_a_killed_run_left_is_finished_by_the_next() {
    let Some(tree) = Tree::new() else { return };
    // Index and branch have moved, but not the files.
    tree.imago("--update --commit", 0);
    tree.write("deploy/web.yaml", deployment("web"));
    let said = tree.imago("--update --commit", 0).stdout;
    assert!(said.contains("nothing to commit on main\n"), "{said}");
    assert_eq!(tree.status(), "");
    // Only the index has moved.
    tree.git("reset --quiet --soft HEAD~1");
    tree.write("deploy/web.yaml", deployment("web"));
    tree.write("deploy/api.yaml", deployment("api"));
    tree.imago("--update --commit", 0);
    assert_eq!((tree.status(), tree.log().len()), (String::new(), 2));
    // The branch has moved, and the tag moved on.
    tree.write("deploy/web.yaml", deployment("web"));
    tree.moved("2");
    tree.imago("--update --commit", 0);
    assert_eq!((tree.status(), tree.log().len()), (String::new(), 3));
    assert!(tree.read("deploy/web.yaml").contains(&image("2")));
    tree.assert_whole();
}

#[test]
fn paths_that_another_program_converts_are_problems() {
    for attribute in ["filter=lfs", "working-tree-encoding=UTF-16LE"] {
        let Some(tree) = Tree::new() else { return };
        tree.write(".gitattributes", format!("deploy/web.yaml {attribute}\n"));
        let json = tree.imago("--update --commit --output json", 3).json();
        assert_eq!(json["problems"][0]["code"], "git-filter");
        assert_eq!(json["problems"][0]["file"], "deploy/web.yaml");
        assert_eq!(tree.read("deploy/web.yaml"), deployment("web"));
        assert_eq!(
            tree.git("show --format= --name-only HEAD"),
            "deploy/api.yaml\n"
        );
    }
}

#[test]
fn a_file_whose_name_is_put_together_otherwise_is_committed_under_the_name_that_git_has() {
    let (composed, apart) = ("caf\u{e9}", "cafe\u{301}");
    for (on_disk, in_index) in [(apart, composed), (composed, apart)] {
        for composes in [true, false] {
            let Some(tree) = Tree::new() else { return };
            tree.git("config core.quotePath false");
            tree.write(&format!("{in_index}/{in_index}.yaml"), deployment("cafe"));
            tree.git("add .");
            tree.git("commit --quiet --message cafe");
            tree.git(&format!("config core.precomposeUnicode {composes}"));
            let at = |name: &str| tree.place.path().join(name);
            std::fs::rename(at(in_index), at(on_disk)).unwrap();
            std::fs::rename(
                at(&format!("{on_disk}/{in_index}.yaml")),
                at(&format!("{on_disk}/{on_disk}.yaml")),
            )
            .unwrap();
            let line = format!("--update --commit {on_disk}");
            let said = tree.imago(&line, if composes { 0 } else { 3 }).stderr;
            assert_eq!(said.contains("Git does not track it"), !composes, "{said}");
            let name = format!("{in_index}/{in_index}.yaml\n");
            if composes {
                assert_eq!(tree.git("show --format= --name-only HEAD"), name);
                assert!(
                    tree.read(&format!("{on_disk}/{on_disk}.yaml"))
                        .contains(&image("1"))
                );
                tree.imago(&line, 0);
            }
            assert_eq!(tree.log().len(), if composes { 3 } else { 2 });
            assert_eq!(tree.git(&format!("ls-files {in_index}")), name);
        }
    }
}

#[test]
fn a_file_whose_name_differs_in_case_is_committed_under_the_name_that_git_has() {
    for (name, ignores_case) in [
        ("deploy/Web.yaml", true),
        ("deploy/WEB.yaml", true),
        ("deploy/Web.yaml", false),
    ] {
        let Some(tree) = Tree::new() else { return };
        tree.git(&format!("config core.ignorecase {ignores_case}"));
        std::fs::rename(
            tree.place.path().join("deploy/web.yaml"),
            tree.place.path().join(name),
        )
        .unwrap();
        let said = tree
            .imago("--update --commit", if ignores_case { 0 } else { 3 })
            .stderr;
        assert_eq!(
            said.contains("Git does not track it"),
            !ignores_case,
            "{said}"
        );
        let committed = if ignores_case {
            "deploy/api.yaml\ndeploy/web.yaml\n"
        } else {
            "deploy/api.yaml\n"
        };
        assert_eq!(tree.git("show --format= --name-only HEAD"), committed);
        assert_eq!(
            tree.git("ls-files deploy"),
            "deploy/api.yaml\ndeploy/web.yaml\n"
        );
    }
}

#[test]
fn line_ends_and_modes_are_committed_as_git_would() {
    for (attributes, autocrlf) in [
        ("*.yaml text eol=crlf\n", "false"),
        ("* text=auto\n", "true"),
        ("", "true"),
        ("", "false"),
    ] {
        let Some(tree) = Tree::new() else { return };
        tree.write(".gitattributes", attributes);
        tree.git(&format!("config core.autocrlf {autocrlf}"));
        let path = tree.place.path().join("deploy/web.yaml");
        tree.write("deploy/web.yaml", deployment("web").replace('\n', "\r\n"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        tree.git("add .");
        tree.git("commit --quiet --message crlf");
        assert_eq!(tree.status(), "");
        let said = tree.imago("--update --commit", 0).stdout;
        assert!(said.contains("committed "), "{said}");
        assert!(
            !tree
                .read("deploy/web.yaml")
                .replace("\r\n", "")
                .contains('\n')
        );
        assert_eq!(tree.status(), "", "{attributes} {autocrlf}");
        assert_eq!(
            tree.changed_lines("HEAD").len(),
            8,
            "{attributes} {autocrlf}"
        );
        assert!(
            tree.git("ls-tree HEAD deploy/web.yaml")
                .starts_with("100755 blob")
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    }
}

#[test]
fn a_link_is_followed_to_the_file_that_is_committed() {
    let Some(tree) = Tree::new() else { return };
    std::os::unix::fs::symlink("deploy/web.yaml", tree.place.path().join("link.yaml")).unwrap();
    tree.git("add link.yaml");
    tree.git("commit --quiet --message link");
    tree.imago("--update --commit link.yaml", 0);
    assert_eq!(
        tree.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\n"
    );
    assert_eq!(tree.status(), "");
}

#[test]
fn the_lock_of_digests_is_committed_with_the_files() {
    let Some(tree) = Tree::new() else { return };
    let registry = crate::support::registry::TestRegistry::start();
    registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    tree.write(
        "deploy/web.yaml",
        deployment("web").replace(
            "registry.example.test/web:1.4",
            &format!("{}/shop/web:1", registry.host()),
        ),
    );
    tree.git("commit --quiet --all --message registry");
    let line = [
        "files",
        "--update",
        "--commit",
        "--lock",
        "imago.lock",
        "deploy/web.yaml",
    ];
    tree.place.imago(line).finish_with(0);
    assert_eq!(
        tree.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\nimago.lock\n"
    );
    assert_eq!(tree.status(), "");
    registry.push_index("shop/web", "1", &["linux/amd64"], "second");
    tree.place.imago(line).finish_with(0);
    assert_eq!(
        tree.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\nimago.lock\n"
    );
    tree.write("imago.lock", tree.read("imago.lock") + "\n");
    registry.push_index("shop/web", "1", &["linux/amd64"], "third");
    let said = tree.place.imago(line).finish_with(3);
    assert!(
        said.stderr
            .starts_with("error: cannot commit `imago.lock`, so it was not written\n"),
        "{}",
        said.stderr
    );
    assert_eq!(
        tree.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\n"
    );
}

#[test]
fn what_stands_in_the_way_is_exit_2_with_a_hint_before_anything_is_written() {
    type Act = fn(&Tree);
    let cases: [(&str, Act, &str, &str); 7] = [
        (
            "no repository",
            |tree| std::fs::remove_dir_all(tree.place.path().join(".git")).unwrap(),
            "there is no Git repository",
            "leave out `--commit`",
        ),
        (
            "no identity",
            |tree| {
                tree.git("config --unset user.name");
            },
            "Git knows no name",
            "--author",
        ),
        (
            "merging",
            |tree| {
                tree.write(".git/MERGE_HEAD", tree.git("rev-parse HEAD"));
            },
            "a merge is under way",
            "git status",
        ),
        (
            "sha256",
            |tree| {
                std::fs::remove_dir_all(tree.place.path().join(".git")).unwrap();
                tree.git("init --quiet --object-format=sha256");
            },
            "not supported",
            "--commit",
        ),
        (
            "broken index",
            |tree| tree.write(".git/index", "broken"),
            "its index, is broken",
            "--commit",
        ),
        (
            "unborn",
            |tree| {
                tree.git("checkout --quiet --orphan other");
            },
            "has no commit yet",
            "first commit",
        ),
        (
            "locked",
            |tree| tree.write(".git/index.lock", ""),
            "another Git process",
            "run again",
        ),
    ];
    for (name, act, cause, hint) in cases {
        let Some(tree) = Tree::new() else { return };
        act(&tree);
        let files = tree.place.files();
        let said = tree.imago("--update --commit", 2).stderr;
        assert!(
            said.contains(cause) && said.contains("\n  hint: ") && said.contains(hint),
            "{name}: {said}"
        );
        assert_eq!(tree.place.files(), files, "{name}");
    }
    let Some(tree) = Tree::new() else { return };
    tree.git("config --unset user.name");
    tree.git("config --unset user.email");
    assert!(
        tree.imago("--update --commit", 2)
            .stderr
            .contains("Git knows no name")
    );
    tree.run("--update --commit --author Ada<a@example.test>")
        .finish_with(0);
}

#[test]
fn a_rehearsal_finds_the_problems_and_leaves_no_trace() {
    let Some(tree) = Tree::new() else { return };
    tree.write("deploy/web.yaml", deployment("web") + "# mine\n");
    let objects = tree.git("count-objects");
    let said = tree.imago("--update --commit --dry-run", 3);
    assert!(
        said.stderr
            .contains("it has changes that are not committed"),
        "{}",
        said.stderr
    );
    assert_eq!(tree.log(), ["first"]);
    assert_eq!(
        (tree.git("count-objects"), tree.status()),
        (objects, " M deploy/web.yaml\n".to_owned())
    );
}

#[test]
fn a_worktree_and_a_submodule_are_committed_to_on_their_own() {
    let Some(tree) = Tree::new() else { return };
    tree.git("branch other");
    tree.git("worktree add --quiet beside other");
    let beside = Tree {
        place: tree.place,
        folder: "beside".to_owned(),
    };
    beside.imago("--update --commit", 0);
    assert_eq!(beside.log(), ["Update 2 images in 2 objects", "first"]);
    assert_eq!(beside.status(), "");
    let tree = Tree {
        place: beside.place,
        folder: String::new(),
    };
    assert_eq!(tree.log(), ["first"]);
    let json = tree
        .imago(
            "--update --commit --output json beside/deploy/web.yaml deploy",
            0,
        )
        .json();
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["deploy/api.yaml", "deploy/web.yaml"])
    );
    tree.moved("2");
    let json = tree
        .imago("--update --commit --output json beside/deploy/web.yaml", 3)
        .json();
    assert_eq!(json["problems"][0]["code"], "git-elsewhere");

    let Some(tree) = Tree::new() else { return };
    let origin = tree.place.beside("origin.git");
    tree.git(&format!("clone --quiet --bare . {}", origin.display()));
    tree.git(&format!(
        "-c protocol.file.allow=always submodule --quiet add {} sub",
        origin.display()
    ));
    tree.git("commit --quiet --message sub");
    let json = tree
        .imago(
            "--update --commit --output json sub/deploy/web.yaml deploy/web.yaml",
            3,
        )
        .json();
    assert_eq!(json["problems"][0]["file"], "sub/deploy/web.yaml");
    assert_eq!(
        tree.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\n"
    );
    let sub = Tree {
        place: tree.place,
        folder: "sub".to_owned(),
    };
    sub.identify();
    sub.imago("--update --commit", 0);
    assert_eq!(
        (sub.log(), sub.status()),
        (
            vec![
                "Update 2 images in 2 objects".to_owned(),
                "first".to_owned()
            ],
            String::new()
        )
    );
}
