//! Clones with shortened history or without contents, and rewritten bases. The owner of a branch is found out all the same.

use super::deployment;
use super::owner::{RUN, TWO, read, with_branch, write};
use super::publish::clone;
use super::push::Two;

/// Adds this many empty commits of a person to the checked-out branch.
fn commits(two: &Two, count: usize) {
    let line = format!(
        "cd {} && for i in $(seq {count}); do git commit --quiet --allow-empty --message c$i; done",
        two.theirs
    );
    two.ours.place.program("sh", ["-c", &line]).finish_with(0);
}

fn tip(two: &Two) -> String {
    two.ours.git("ls-remote origin imago/update")
}

#[test]
fn a_persons_commit_below_ours_is_seen_in_a_shallow_clone() {
    // Our commit's base is the checked-out commit or an older one. The person's work is near or far below.
    for (flags, cases) in [
        (" --depth 1", &[(0, 1), (3, 1), (0, 30), (120, 2)][..]),
        (" --depth 2", &[(3, 1)]),
        ("", &[(3, 1)]),
    ] {
        for &(since, below) in cases {
            let Some(two) = with_branch() else { return };
            two.they("checkout --quiet -b other main");
            write(&two, "fix.txt", "a fix\n");
            two.they("add fix.txt");
            two.they("commit --quiet --message fix");
            commits(&two, below - 1);
            two.they("cherry-pick --allow-empty imago/update");
            two.they("push --quiet --force origin HEAD:imago/update");
            two.they("checkout --quiet main");
            commits(&two, since);
            two.they("push --quiet origin main");
            let two = clone(two, flags);
            two.ours.moved("2");
            let before = tip(&two);
            let said = two.ours.imago(RUN, 2).stderr;
            assert!(
                said.contains("is not imago's: it does not bear `Imago-Branch: imago/update`"),
                "{since} {below} {flags}: {said}"
            );
            assert_eq!(tip(&two), before);
        }
    }
}

#[test]
fn a_persons_commit_below_one_that_was_made_on_our_branch_itself_is_seen() {
    for flags in ["", " --depth 1"] {
        for at_once in [true, false] {
            let Some(two) = with_branch() else { return };
            write(&two, "fix.txt", "a fix\n");
            two.they("add fix.txt");
            two.they("commit --quiet --message fix");
            two.they("push --quiet origin HEAD");
            // Somebody runs imago with the branch checked out.
            two.ours.git("fetch --quiet");
            two.ours.git("checkout --quiet imago/update");
            two.ours.moved("2");
            if at_once {
                two.ours.imago("--update --push", 0);
            } else {
                two.ours.imago("--update --commit", 0);
                two.ours.git("push --quiet origin HEAD");
            }
            two.ours.git("checkout --quiet main");
            let before = tip(&two);
            let two = clone(two, flags);
            two.ours.moved("3");
            let said = two.ours.imago(RUN, 2).stderr;
            assert!(
                said.contains("it does not bear `Imago-Branch: imago/update`"),
                "{said}"
            );
            assert_eq!(tip(&two), before);
        }
    }
}

#[test]
fn a_branch_that_stands_where_it_was_made_needs_no_history() {
    let Some(two) = with_branch() else { return };
    two.they("checkout --quiet main");
    commits(&two, 20);
    two.they("push --quiet origin main");
    let two = clone(two, " --depth 1");
    two.ours.moved("2");
    two.ours.imago(RUN, 0);
    let known = two.ours.git("rev-list --all").lines().count();
    assert!(known <= 4, "{known} commits are here");
    assert_eq!(two.remote_log("imago/update").len(), 22);
}

#[test]
fn a_button_that_merges_the_base_into_our_branch_stops_no_later_run() {
    // Both sides change the same file, so that the merge has to read contents.
    for (flags, since) in [
        (" --depth 1", 120),
        (" --filter=blob:none --no-checkout", 3),
        (" --filter=blob:none --depth 1 --no-checkout", 12),
        ("", 3),
    ] {
        let Some(two) = with_branch() else { return };
        for round in ["one", "two"] {
            two.they("checkout --quiet main");
            let text = format!("# {round}\n{}", deployment("web"));
            two.they_push("deploy/web.yaml", &text);
            two.they("checkout --quiet imago/update");
            two.they("merge --quiet --no-edit --no-ff main");
        }
        two.they("push --quiet origin HEAD");
        two.they("checkout --quiet main");
        commits(&two, since);
        two.they("push --quiet origin main");
        let bare = two.ours.place.beside("bare.git");
        two.ours.git(&format!(
            "-C {} config uploadpack.allowFilter true",
            bare.display()
        ));
        let two = clone(two, flags);
        if flags.contains("no-checkout") {
            two.ours.git("sparse-checkout set --no-cone /note.txt");
            two.ours.git("checkout --quiet main");
        }
        two.ours.moved("2");
        two.ours.imago(RUN, 0);
        assert_eq!(two.remote_log("imago/update").len(), since + 4, "{flags}");
        // Again, with a person's change in the merge.
        two.they("fetch --quiet");
        two.they("checkout --quiet -B imago/update origin/imago/update");
        two.they("checkout --quiet main");
        let text = format!("# three\n{}", deployment("web"));
        two.they_push("deploy/web.yaml", &text);
        two.they("checkout --quiet imago/update");
        two.they("merge --quiet --no-edit --no-ff main");
        write(
            &two,
            "deploy/web.yaml",
            &(read(&two, "deploy/web.yaml") + "# fixed\n"),
        );
        two.they("commit --quiet --amend --all --no-edit");
        two.they("push --quiet --force origin HEAD");
        two.ours.moved("3");
        let said = two.ours.imago(RUN, 2).stderr;
        assert!(
            said.contains("it is a merge with changes of its own"),
            "{flags}: {said}"
        );
    }
}

#[test]
fn a_base_that_was_rewritten_stops_no_later_run() {
    for flags in ["", " --depth 1"] {
        let Some(two) = with_branch() else { return };
        two.they("checkout --quiet main");
        two.they("commit --quiet --amend --message rewritten");
        two.they("push --quiet --force origin main");
        let two = clone(two, flags);
        two.ours.moved("2");
        two.ours.imago(RUN, 0);
        assert_eq!(two.remote_log("imago/update"), [TWO, "rewritten"]);
    }
}

#[test]
fn a_clone_without_trees_says_what_it_needs() {
    let Some(two) = with_branch() else { return };
    let bare = two.ours.place.beside("bare.git");
    two.ours.git(&format!(
        "-C {} config uploadpack.allowFilter true",
        bare.display()
    ));
    two.they("checkout --quiet main");
    two.they_push(
        "deploy/web.yaml",
        &format!("# on top\n{}", deployment("web")),
    );
    let two = clone(two, " --filter=tree:0");
    two.ours.moved("2");
    let before = tip(&two);
    let said = two.ours.imago(RUN, 2).stderr;
    assert!(
        said.contains("\n  hint: clone it without a filter, or with `--filter=blob:none`"),
        "{said}"
    );
    assert_eq!(tip(&two), before);
    // As the hint says.
    two.ours.git("fetch --quiet --refetch --filter=blob:none");
    two.ours.imago(RUN, 0);
}

#[test]
fn a_merged_branch_that_was_not_deleted_stops_no_later_run() {
    for (flags, way) in [
        ("", "--ff-only"),
        (" --depth 1", "--ff-only"),
        ("", "--no-ff"),
        (" --depth 1", "--no-ff"),
    ] {
        let Some(two) = with_branch() else { return };
        for round in ["one", "two"] {
            two.they("checkout --quiet main");
            two.they_push("note.txt", round);
            two.they("checkout --quiet imago/update");
            two.they("merge --quiet --no-edit --no-ff main");
        }
        two.they("push --quiet origin HEAD");
        two.they("checkout --quiet main");
        two.they(&format!("merge --quiet --no-edit {way} imago/update"));
        commits(&two, 20);
        two.they("push --quiet origin main");
        let two = clone(two, flags);
        two.ours.moved("2");
        two.ours.imago(RUN, 0);
        assert_eq!(two.remote_log("imago/update")[0], TWO);
    }
}

#[test]
fn a_branch_of_somebody_that_stands_on_a_merge_is_not_moved() {
    for flags in ["", " --depth 1"] {
        let Some(two) = with_branch() else { return };
        two.they("checkout --quiet -b topic main");
        commits(&two, 1);
        two.they("checkout --quiet main");
        two.they("merge --quiet --no-edit --no-ff topic");
        two.they("push --quiet origin main main:staging");
        commits(&two, 2);
        two.they("push --quiet origin main");
        let two = clone(two, flags);
        let said = two.ours.imago("--update --branch staging --push", 2).stderr;
        assert!(
            said.contains("it does not bear `Imago-Branch: staging`"),
            "{said}"
        );
    }
}
