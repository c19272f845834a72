//! Who owns a commit: an amended commit is a person's; a rebased one, or the merge of a forge's button, is not.

use std::os::unix::fs::PermissionsExt as _;

use super::push::Two;
use super::{Tree, WEB, deployment};

pub(super) const TWO: &str = "Update 2 images in 2 objects";
pub(super) const RUN: &str = "--update --branch imago/update --push";

/// Two clones, and our branch at the remote, which the other person has checked out.
pub(super) fn with_branch() -> Option<Two> {
    let two = Two::new()?;
    two.ours.imago(RUN, 0);
    two.they("fetch --quiet");
    two.they("checkout --quiet imago/update");
    Some(two)
}

pub(super) fn write(two: &Two, file: &str, text: &str) {
    std::fs::write(format!("{}/{file}", two.theirs), text).unwrap();
}

pub(super) fn read(two: &Two, file: &str) -> String {
    std::fs::read_to_string(format!("{}/{file}", two.theirs)).unwrap()
}

#[test]
fn an_amended_commit_is_a_persons() {
    type Act = fn(&Two);
    let amend = "commit --quiet --amend --all --no-edit";
    let cases: [(&str, Act); 9] = [
        ("a line more", |two| {
            write(
                two,
                "deploy/web.yaml",
                &(read(two, "deploy/web.yaml") + "# fixed\n"),
            )
        }),
        ("another digest", |two| {
            write(
                two,
                "deploy/web.yaml",
                &read(two, "deploy/web.yaml").replace(&"1".repeat(64), &"3".repeat(64)),
            );
        }),
        ("white space", |two| {
            write(
                two,
                "deploy/web.yaml",
                &read(two, "deploy/web.yaml").replace("   # keep me", " # keep me"),
            );
        }),
        ("line ends", |two| {
            write(
                two,
                "deploy/web.yaml",
                &read(two, "deploy/web.yaml").replace('\n', "\r\n"),
            )
        }),
        ("another file", |two| {
            write(two, "fix.txt", "a fix\n");
            two.they("add fix.txt");
        }),
        ("a file less", |two| drop(two.they("rm --quiet note.txt"))),
        ("another name", |two| {
            drop(two.they("mv note.txt notes.txt"))
        }),
        ("a mode", |two| {
            let file = format!("{}/deploy/web.yaml", two.theirs);
            std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("half of it", |two| {
            drop(two.they("checkout --quiet HEAD~1 -- deploy/web.yaml"))
        }),
    ];
    for (name, act) in cases {
        let Some(two) = with_branch() else { return };
        act(&two);
        two.they(amend);
        two.they("push --quiet --force origin HEAD");
        let tip = two.they("rev-parse HEAD");
        two.ours.moved("2");
        let said = two.ours.imago(RUN, 2).stderr;
        assert!(
            said.starts_with("error: cannot replace the branch `imago/update` at `origin`\n  cause: its commit ")
                && said.contains(
                    "is not imago's: it was changed after imago had made it\n  hint: merge its request, delete the branch"
                ),
            "{name}: {said}"
        );
        assert!(
            two.ours
                .git("ls-remote origin imago/update")
                .starts_with(tip.trim()),
            "{name}"
        );
    }
}

#[test]
fn a_trailer_that_a_person_writes_makes_no_commit_ours() {
    type Act = fn(&Two, &str);
    let cases: [(&str, Act); 4] = [
        ("on other work", |two, message| {
            write(two, "fix.txt", "a fix\n");
            two.they("add fix.txt");
            std::fs::write(format!("{}/../message", two.theirs), message).unwrap();
            two.they("commit --quiet --file ../message");
        }),
        ("on nothing", |two, message| {
            std::fs::write(format!("{}/../message", two.theirs), message).unwrap();
            two.they("commit --quiet --allow-empty --file ../message");
        }),
        ("by another author", |two, _| {
            drop(two.they("commit --quiet --amend --no-edit --reset-author"))
        }),
        ("of the first form", |two, message| {
            let message: String = message
                .lines()
                .filter(|line| !line.starts_with("Imago-Change"))
                .map(|line| format!("{line}\n"))
                .collect();
            std::fs::write(format!("{}/../message", two.theirs), message).unwrap();
            two.they("commit --quiet --amend --file ../message");
        }),
    ];
    for (name, act) in cases {
        let Some(two) = with_branch() else { return };
        let message = two.they("log -1 --format=%B");
        act(&two, &message);
        two.they("push --quiet --force origin HEAD");
        two.ours.moved("2");
        let said = two.ours.imago(RUN, 2).stderr;
        assert!(
            said.contains("is not imago's: it was changed"),
            "{name}: {said}"
        );
        // The same in a clone that has only its last commit.
        let bare = two.ours.place.beside("bare.git");
        two.ours.git(&format!(
            "clone --quiet --depth 1 file://{} shallow",
            bare.display()
        ));
        let shallow = Tree {
            place: two.ours.place,
            folder: "shallow".to_owned(),
        };
        shallow.identify();
        assert!(
            shallow
                .imago(RUN, 2)
                .stderr
                .contains("is not imago's: it was changed"),
            "{name}"
        );
    }
}

#[test]
fn a_rebased_commit_is_still_ours() {
    // The base moves in another file, and in the same files above and below the change.
    let Some(two) = with_branch() else { return };
    two.they("checkout --quiet main");
    two.they_push("note.txt", "theirs\n");
    two.they_push(
        "deploy/web.yaml",
        &format!(
            "# on top\n# of it\n{}",
            WEB.replace("the front door", "the door")
        ),
    );
    two.they_push(
        "deploy/api.yaml",
        &deployment("api").replace("# the front door", "# one\n# two"),
    );
    two.they("checkout --quiet imago/update");
    two.they("rebase --quiet main");
    two.they("push --quiet --force origin HEAD");
    let tip = two.they("rev-parse HEAD");
    two.ours.moved("2");
    // The base here is still the old one; then it is the new one.
    assert!(two.ours.imago(RUN, 2).stderr.contains("it does not bear"));
    two.ours.git("pull --quiet --rebase origin main");
    two.ours.imago(RUN, 0);
    assert_eq!(two.remote_log("imago/update").len(), 5);
    assert!(
        !two.ours
            .git("ls-remote origin imago/update")
            .starts_with(tip.trim())
    );
    // Amended after the rebase.
    two.they("fetch --quiet");
    two.they("reset --quiet --hard origin/imago/update");
    two.they("checkout --quiet main");
    two.they_push("note.txt", "more\n");
    two.they("checkout --quiet imago/update");
    two.they("rebase --quiet main");
    write(
        &two,
        "deploy/web.yaml",
        &(read(&two, "deploy/web.yaml") + "# fixed\n"),
    );
    two.they("commit --quiet --amend --all --no-edit");
    two.they("push --quiet --force origin HEAD");
    two.ours.git("pull --quiet --rebase origin main");
    two.ours.imago(RUN, 2);
}

#[test]
fn the_merge_that_a_button_makes_is_nobodys_and_one_with_changes_is_a_persons() {
    for shallow in [false, true] {
        for evil in [false, true] {
            let Some(two) = with_branch() else { return };
            for round in ["one", "two"] {
                two.they("checkout --quiet main");
                two.they_push("note.txt", round);
                two.they("checkout --quiet imago/update");
                two.they("merge --quiet --no-edit --no-ff main");
            }
            if evil {
                write(
                    &two,
                    "deploy/web.yaml",
                    &(read(&two, "deploy/web.yaml") + "# fixed\n"),
                );
                two.they("commit --quiet --amend --all --no-edit");
            }
            two.they("push --quiet origin HEAD");
            // The base moves on, so that neither side of a merge is what is checked out.
            two.they("checkout --quiet main");
            two.they_push("note.txt", "three\n");
            two.ours.git("pull --quiet --rebase origin main");
            let two = if shallow {
                let bare = two.ours.place.beside("bare.git");
                two.ours.git(&format!(
                    "clone --quiet --depth 1 file://{} shallow",
                    bare.display()
                ));
                Two {
                    ours: Tree {
                        place: two.ours.place,
                        folder: "shallow".to_owned(),
                    },
                    theirs: two.theirs,
                }
            } else {
                two
            };
            two.ours.identify();
            two.ours.moved("2");
            let said = two.ours.imago(RUN, if evil { 2 } else { 0 }).stderr;
            if evil {
                assert!(
                    said.contains("is not imago's: it is a merge with changes of its own"),
                    "{shallow}: {said}"
                );
                assert!(
                    said.contains(
                        "hint: merge its request, delete the branch, or name another one"
                    ),
                    "{said}"
                );
            } else {
                let log = two.remote_log("imago/update");
                assert_eq!(
                    log,
                    [
                        TWO,
                        "theirs-note.txt",
                        "theirs-note.txt",
                        "theirs-note.txt",
                        "first"
                    ],
                    "{shallow}"
                );
            }
            two.ours.assert_whole();
        }
    }
}

#[test]
fn a_persons_branch_that_is_merged_into_ours_is_not_lost() {
    for shallow in [false, true] {
        let Some(two) = with_branch() else { return };
        two.they("checkout --quiet -b fix main");
        write(&two, "fix.txt", "a fix\n");
        two.they("add fix.txt");
        two.they("commit --quiet --message fix");
        two.they("checkout --quiet imago/update");
        two.they("merge --quiet --no-edit --no-ff fix");
        two.they("push --quiet origin HEAD");
        let two = if shallow {
            let bare = two.ours.place.beside("bare.git");
            two.ours.git(&format!(
                "clone --quiet --depth 1 file://{} shallow",
                bare.display()
            ));
            Two {
                ours: Tree {
                    place: two.ours.place,
                    folder: "shallow".to_owned(),
                },
                theirs: two.theirs,
            }
        } else {
            two
        };
        two.ours.identify();
        two.ours.moved("2");
        let said = two.ours.imago(RUN, 2).stderr;
        assert!(
            said.contains("is not imago's: it does not bear `Imago-Branch: imago/update`"),
            "{shallow}: {said}"
        );
    }
}

#[test]
fn an_amended_commit_that_waits_here_is_not_published() {
    for moved in [false, true] {
        let Some(two) = Two::new() else { return };
        two.ours.imago("--update --commit", 0);
        two.ours.write("mine.txt", "not yet\n");
        two.ours.git("add mine.txt");
        two.ours.git("commit --quiet --amend --no-edit");
        if moved {
            two.they_push("note.txt", "theirs\n");
        }
        let said = two.ours.imago("--update --push", 2).stderr;
        assert!(
            said.contains(
                "is not at `origin`, and is not imago's: it was changed after imago had made it"
            ),
            "{said}"
        );
        assert_eq!(two.remote_log("main").len(), 1 + usize::from(moved));
    }
}

#[test]
fn a_commit_that_waited_and_was_put_on_others_is_still_ours() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --commit", 0);
    two.they_push("deploy/web.yaml", &(deployment("web") + "# theirs\n"));
    // The remote loses the replayed commit, so that it waits here again.
    two.ours.imago("--update --push", 0);
    two.ours.git("push --quiet --force origin HEAD~2:main");
    two.ours.git("update-ref refs/remotes/origin/main HEAD~2");
    for file in ["logs/refs/remotes/origin/main", "imago-pushed"] {
        std::fs::remove_file(two.ours.place.path().join(".git").join(file)).unwrap();
    }
    let said = two.ours.imago("--update --push", 0).stdout;
    assert!(
        said.contains("pushed earlier commits on main to origin"),
        "{said}"
    );
}

#[test]
fn a_file_behind_an_amended_commit_is_a_persons_change() {
    let Some(tree) = Tree::new() else { return };
    tree.imago("--update --commit", 0);
    tree.write("mine.txt", "mine\n");
    tree.git("add mine.txt");
    tree.git("commit --quiet --amend --no-edit");
    tree.git("restore --source HEAD~1 deploy/web.yaml");
    tree.moved("2");
    let said = tree.imago("--update --commit", 3).stderr;
    assert!(said.contains("cannot commit `deploy/web.yaml`"), "{said}");
    assert_eq!(tree.read("deploy/web.yaml"), deployment("web"));
}

#[test]
fn a_branch_here_that_stands_on_a_merge_is_not_taken_for_ours() {
    let Some(two) = Two::new() else { return };
    two.they_push("note.txt", "theirs\n");
    two.ours.git("checkout --quiet -b side");
    two.ours.git("commit --quiet --allow-empty --message mine");
    two.ours.git("fetch --quiet");
    two.ours.git("merge --quiet --no-edit origin/main");
    two.ours.git("branch somebodys");
    two.ours.imago("--update --branch somebodys", 2);
}

#[test]
fn in_a_clone_without_blobs_what_a_branch_changes_is_fetched() {
    let Some(two) = with_branch() else { return };
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
    two.ours.git("sparse-checkout set --no-cone /note.txt");
    two.ours.git("checkout --quiet main");
    two.ours.moved("2");
    two.ours.imago(RUN, 0);
    assert_eq!(two.remote_log("imago/update"), [TWO, "first"]);
}

/// Writes an object at the other person's place, as it is.
fn object(two: &Two, kind: &str, content: &[u8]) -> String {
    let file = two.ours.place.beside("object");
    std::fs::write(&file, content).unwrap();
    let line = format!("hash-object -t {kind} -w --literally {}", file.display());
    two.they(&line).trim().to_owned()
}

/// A tree with these entries: mode, name and object.
fn tree(two: &Two, entries: &[(&str, &str, &str)]) -> String {
    let mut tree = Vec::new();
    for (mode, name, id) in entries {
        tree.extend(format!("{mode} {name}\0").as_bytes());
        tree.extend((0..20).map(|at| u8::from_str_radix(&id[at * 2..][..2], 16).unwrap()));
    }
    object(two, "tree", &tree)
}

/// Makes a commit of the other person, on what is checked out there, whose few small trees name each other so often that no memory holds the
/// paths.
fn commit_vast(two: &Two, message: &str) -> String {
    let mut id = object(two, "blob", b"kind: Pod\n");
    let mut mode = "100644";
    for _ in 0..12 {
        let names = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
        (id, mode) = (tree(two, &names.map(|name| (mode, name, &*id))), "40000");
    }
    let file = two.ours.place.beside("message");
    std::fs::write(&file, message).unwrap();
    let line = format!("commit-tree -p HEAD -F {} {id}", file.display());
    two.they(&line).trim().to_owned()
}

#[test]
fn a_vast_tree_in_a_forged_commit_is_a_persons_and_costs_no_memory() {
    for (merges, below) in [(false, false), (true, false), (false, true)] {
        let Some(two) = with_branch() else { return };
        let trailers = format!(
            "forged\n\nImago-Branch: imago/update\nImago-Change: {}\n",
            "0".repeat(96)
        );
        let vast = commit_vast(&two, &trailers);
        if merges {
            let tree = two.they("rev-parse HEAD^{tree}");
            let line = format!("commit-tree -p HEAD -p {vast} -m merge {}", tree.trim());
            let merge = two.they(&line);
            two.they(&format!("reset --quiet --soft {}", merge.trim()));
        } else {
            two.they(&format!("update-ref HEAD {vast}"));
        }
        if below {
            // The commit on it has the same trees, and changes one file.
            let pod = object(&two, "blob", b"kind: Pod\n");
            let vast = two.they("rev-parse HEAD^{tree}");
            let entries = [
                ("100644", "pod.yaml", &*pod),
                ("40000", "vast", vast.trim()),
            ];
            let file = two.ours.place.beside("message");
            for entries in [&entries[1..], &entries] {
                let line = format!(
                    "commit-tree -p HEAD -F {} {}",
                    file.display(),
                    tree(&two, entries)
                );
                let commit = two.they(&line);
                two.they(&format!("update-ref HEAD {}", commit.trim()));
            }
        }
        two.they("push --quiet --force origin HEAD:imago/update");
        two.ours.moved("2");
        let told = two.ours.imago(RUN, 2);
        assert!(
            told.stderr.contains("is not imago's"),
            "{merges}: {}",
            told.stderr
        );
        assert!(told.peak < 512 * 1024, "{merges}: {} KiB", told.peak);
    }
}

#[test]
fn a_path_that_git_refuses_is_called_that() {
    let Some(two) = Two::new() else { return };
    let blob = object(&two, "blob", b"[core]\n");
    let folder = tree(&two, &[("100644", "config", &blob)]);
    let deploy = two.they("rev-parse HEAD:deploy");
    let entries = [
        ("40000", "deploy", deploy.trim()),
        ("40000", "git~1", &*folder),
    ];
    let line = format!("commit-tree -p HEAD -m bad {}", tree(&two, &entries));
    let bad = two.they(&line);
    two.they(&format!("push --quiet origin {}:main", bad.trim()));
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.contains("Git refuses a path of the remote's commit")
            && said.contains("take that path off"),
        "{said}"
    );
}

#[test]
fn a_persons_commit_on_our_branch_is_not_taken_for_the_base() {
    let Some(two) = with_branch() else { return };
    two.they("commit --quiet --allow-empty --message theirs");
    two.they("push --quiet origin HEAD:imago/update");
    let before = two.remote_log("imago/update");
    // As a job of a CI system does that runs for every branch.
    two.ours.git("fetch --quiet");
    for checked_out in [
        "--detach origin/imago/update",
        "--no-track -b fix origin/imago/update",
    ] {
        two.ours.git(&format!("checkout --quiet {checked_out}"));
        two.ours.moved("2");
        let said = two.ours.imago(RUN, 2).stderr;
        assert!(said.contains("is not imago's"), "{said}");
        assert_eq!(two.remote_log("imago/update"), before);
    }
}

#[test]
fn a_merge_of_long_files_is_a_persons_and_costs_no_memory() {
    let Some(two) = with_branch() else { return };
    let lines = "\n".repeat(5_000_000);
    let side = |name: &str, end: &str| {
        two.they(&format!("checkout --quiet -B {name} origin/main"));
        write(&two, "long", &lines);
        two.they("add long");
        two.they("commit --quiet --message long");
        write(&two, "long", &format!("{lines}{end}"));
        two.they("commit --quiet --all --message end");
    };
    side("one", "1\n");
    two.they("checkout --quiet -B two one~1");
    write(&two, "long", &format!("2\n{lines}"));
    two.they("commit --quiet --all --message start");
    two.they("checkout --quiet imago/update");
    two.they("merge --quiet --no-edit one");
    two.they("merge --quiet --no-edit two");
    two.they("push --quiet origin imago/update");
    two.ours.moved("2");
    let told = two.ours.imago(RUN, 2);
    assert!(told.stderr.contains("is not imago's"), "{}", told.stderr);
    assert!(told.peak < 512 * 1024, "{} KiB", told.peak);
}

#[test]
fn a_branch_with_more_merges_than_are_looked_at_says_so() {
    for (merges, code) in [(100, 0), (101, 2)] {
        let Some(two) = with_branch() else { return };
        // As the button for the update of a branch makes them, each for a new commit of the base.
        let script = format!(
            "cd {}\nbase=$(git rev-parse main) tip=$(git rev-parse HEAD)\n\
             for number in $(seq {merges}); do\n\
             base=$(git commit-tree -p $base -m base main^{{tree}})\n\
             tip=$(git commit-tree -p $tip -p $base -m merge HEAD^{{tree}})\ndone\n\
             git push --quiet origin $base:main $tip:imago/update\n",
            two.theirs
        );
        let shell = two.ours.place.program("sh", ["-c", &script]);
        shell.finish_with(0);
        two.ours.git("pull --quiet origin main");
        two.ours.moved("2");
        let said = two.ours.imago(RUN, code).stderr;
        assert_eq!(
            said.contains("is not known as imago's: more than 100 merges follow it\n"),
            code == 2,
            "{said}"
        );
    }
}
