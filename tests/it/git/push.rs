//! `--push` of the checked-out branch to a bare repository by path, alone and against others.

use std::os::unix::fs::PermissionsExt;

use super::{Tree, deployment, image};
use crate::support::programs;

/// A clone of a bare repository, and another person's clone.
pub(super) struct Two {
    pub(super) ours: Tree,
    pub(super) theirs: String,
}

impl Two {
    pub(super) fn new() -> Option<Self> {
        let ours = Tree::new()?;
        let (bare, theirs) = (ours.place.beside("bare.git"), ours.place.beside("theirs"));
        let (bare, theirs) = (
            bare.to_str().unwrap().to_owned(),
            theirs.to_str().unwrap().to_owned(),
        );
        ours.git(&format!("init --quiet --bare --initial-branch=main {bare}"));
        ours.git(&format!("remote add origin {bare}"));
        ours.git("push --quiet --set-upstream origin main");
        ours.git(&format!("clone --quiet {bare} {theirs}"));
        let two = Self { ours, theirs };
        two.they("config user.name Grace");
        two.they("config user.email grace@example.test");
        Some(two)
    }

    pub(super) fn they(&self, line: &str) -> String {
        let arguments = ["-C", &self.theirs].into_iter().chain(line.split(' '));
        self.ours
            .place
            .program("git", arguments)
            .finish_with(0)
            .stdout
    }

    /// The other person commits this and pushes it.
    pub(super) fn they_push(&self, file: &str, text: &str) {
        self.they("pull --quiet --rebase origin main");
        std::fs::write(format!("{}/{file}", self.theirs), text).unwrap();
        self.they("add .");
        self.they(&format!(
            "commit --quiet --message theirs-{}",
            file.replace('/', "-")
        ));
        self.they("push --quiet origin HEAD:main");
    }

    /// The subjects of the commits on the remote's branch, and the lines that its last commit changes.
    pub(super) fn remote_log(&self, branch: &str) -> Vec<String> {
        let bare = self.ours.place.beside("bare.git");
        let arguments = ["-C", bare.to_str().unwrap(), "log", "--format=%s", branch];
        self.ours
            .place
            .program("git", arguments)
            .finish_with(0)
            .stdout
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// Adds a client hook that lets the other person push first, this many times.
    fn forestalled(&self, times: usize) {
        let hook = self.ours.place.path().join(".git/hooks/pre-push");
        let (theirs, count) = (&self.theirs, self.ours.place.beside("count"));
        std::fs::write(&count, "").unwrap();
        let count = count.display();
        let script = format!(
            "#!/bin/sh\n[ $(wc -c <{count}) -ge {times} ] && exit 0\nprintf x >>{count}\nunset GIT_DIR\ncd {theirs}\n\
             git pull --quiet --rebase origin main && cp {count} race.txt && git add . && git commit --quiet --message race \
             && git push --quiet origin HEAD:main\n"
        );
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn assert_linear_and_whole(&self) {
        assert_eq!(self.ours.git("log --merges --format=%s origin/main"), "");
        self.ours.assert_whole();
    }
}

const TWO: &str = "Update 2 images in 2 objects";

#[test]
fn a_commit_is_pushed_and_a_second_run_pushes_nothing() {
    let Some(two) = Two::new() else { return };
    let said = two.ours.imago("--update --push", 0).stdout;
    let commit = two.ours.git("rev-parse HEAD");
    assert!(
        said.contains(&format!(
            "committed {} on main, pushed to origin\n",
            &commit[..7]
        )),
        "{said}"
    );
    assert_eq!(two.remote_log("main"), [TWO, "first"]);
    assert_eq!(
        two.ours.git("status --porcelain --branch"),
        "## main...origin/main\n"
    );
    let json = two.ours.imago("--update --push --output json", 0).json();
    assert_eq!(
        json["git"],
        serde_json::json!({"commit": null, "branch": "main", "remote": "origin", "pushed": false})
    );
    two.assert_linear_and_whole();
}

#[test]
fn own_commits_that_wait_are_pushed_and_those_of_people_are_not() {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --commit", 0);
    let said = two.ours.imago("--update --push", 0).stdout;
    assert!(
        said.contains("nothing to commit; pushed earlier commits on main to origin\n"),
        "{said}"
    );
    assert_eq!(two.remote_log("main"), [TWO, "first"]);
    two.ours.moved("2");
    two.ours.write("mine.txt", "mine\n");
    two.ours.git("add mine.txt");
    two.ours.git("commit --quiet --message mine");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.starts_with("error: cannot push `main`\n  cause: its commit ")
            && said.contains("is not imago's\n  hint: "),
        "{said}"
    );
    assert_eq!(
        (
            two.remote_log("main").len(),
            two.ours.log().len(),
            two.ours.status()
        ),
        (2, 3, String::new())
    );
}

#[test]
fn where_the_remote_has_moved_the_plan_is_made_again_on_its_content() {
    let Some(two) = Two::new() else { return };
    // The others change one file, add another and remove a third.
    two.they_push(
        "deploy/web.yaml",
        &deployment("web").replace("name: app", "name: app # theirs"),
    );
    two.they("rm --quiet deploy/api.yaml");
    two.they("commit --quiet --message removed");
    two.they_push("deploy/new.yaml", &deployment("new"));
    two.ours.write("note.txt", "a note, edited\n");
    two.ours.write("staged.txt", "staged\n");
    two.ours.git("add staged.txt");
    let json = two.ours.imago("--update --push --output json", 0).json();
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["deploy/new.yaml", "deploy/web.yaml"])
    );
    assert_eq!(
        two.remote_log("main"),
        [
            TWO,
            "theirs-deploy-new.yaml",
            "removed",
            "theirs-deploy-web.yaml",
            "first"
        ]
    );
    assert_eq!(two.ours.log(), two.remote_log("main"));
    assert_eq!(two.ours.status(), " M note.txt\nA  staged.txt\n");
    assert!(two.ours.read("deploy/web.yaml").contains("# theirs"));
    assert!(two.ours.read("deploy/new.yaml").contains(&image("1")));
    assert_eq!(two.ours.changed_lines("HEAD").len(), 2 * 4);
    two.assert_linear_and_whole();
}

#[test]
fn a_push_that_others_beat_is_retried_and_given_up_at_last() {
    for (times, code) in [(1, 0), (3, 0), (4, 2)] {
        let Some(two) = Two::new() else { return };
        two.forestalled(times);
        let said = two.ours.imago("--update --push", code);
        let log = two.remote_log("main");
        assert_eq!(
            log.iter().filter(|subject| *subject == "race").count(),
            times,
            "{log:?}"
        );
        if code == 0 {
            assert_eq!(log[0], TWO);
            assert_eq!(two.ours.log(), log);
        } else {
            assert!(
                said.stderr.contains("others kept pushing"),
                "{}",
                said.stderr
            );
            assert_eq!(two.ours.log(), ["first"]);
        }
        assert_eq!(two.ours.status(), "");
        two.assert_linear_and_whole();
    }
}

#[test]
fn own_commits_that_the_remote_has_overtaken_go_on_top_and_are_planned_again_where_they_meet_others()
 {
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --commit", 0);
    two.they_push("deploy/web.yaml", &(deployment("web") + "# theirs\n"));
    two.ours.imago("--update --push", 0);
    // Their line is beside the image. In the first of the two commits that file is theirs; the second one pins it.
    let one = "Update registry.example.test/web:1.4 to sha256:111111111111";
    assert_eq!(
        two.remote_log("main"),
        [one, TWO, "theirs-deploy-web.yaml", "first"]
    );
    assert_eq!(
        two.ours.git("show --format= --name-only HEAD"),
        "deploy/web.yaml\n"
    );
    assert!(two.ours.read("deploy/web.yaml").ends_with("# theirs\n"));
    assert_eq!(
        (two.ours.log(), two.ours.status()),
        (two.remote_log("main"), String::new())
    );
    two.assert_linear_and_whole();
}

#[test]
fn a_branch_that_missed_what_was_pushed_for_it_follows_and_others_do_not() {
    // As a run leaves it that was killed between the push and the move of the local branch.
    let Some(two) = Two::new() else { return };
    two.ours.imago("--update --push", 0);
    two.ours.git("reset --quiet --hard HEAD~1");
    two.ours.write("note.txt", "a note, edited\n");
    two.ours.imago("--update --push", 0);
    assert_eq!(
        (two.ours.log(), two.ours.status()),
        (two.remote_log("main"), " M note.txt\n".to_owned())
    );
    assert!(two.ours.read("deploy/web.yaml").contains(&image("1")));
    // A file in the way: the error says what this run did, and what to do.
    two.ours.git("reset --quiet --hard HEAD~1");
    two.ours
        .write("deploy/web.yaml", deployment("web") + "# mine\n");
    let said = two.ours.imago("--update --push", 2).stderr;
    let commit = two.ours.git("rev-parse origin/main");
    let what = format!(
        "nothing was pushed: the branch here did not follow {}, which `origin` has from an earlier run\n",
        commit.trim()
    );
    assert!(
        said.contains(&format!("{what}  cause: ")) && said.contains("git pull --ff-only"),
        "{said}"
    );
    assert!(two.ours.read("deploy/web.yaml").ends_with("# mine\n"));
    two.ours.git("checkout --quiet deploy/web.yaml");
    // With a commit of somebody else among them, the message about the remote's files is true here as well.
    two.they_push("note.txt", "theirs\n");
    two.ours.write("loose.txt", "mine\n");
    let said = two.ours.imago("--update --push", 0).stdout;
    assert!(
        said.starts_with("nothing to commit; main was behind, and is now on "),
        "{said}"
    );
    assert_eq!(
        (two.ours.log(), two.ours.status()),
        (two.remote_log("main"), "?? loose.txt\n".to_owned())
    );
    assert_eq!(
        (two.ours.log().len(), two.ours.read("note.txt")),
        (3, "theirs\n".to_owned())
    );
    // The same with a file in the way.
    two.they_push("note.txt", "again\n");
    two.ours.write("note.txt", "mine\n");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.contains("a file is changed here and there") && said.contains("note.txt"),
        "{said}"
    );
    assert_eq!(
        (two.ours.log().len(), two.ours.read("note.txt")),
        (3, "mine\n".to_owned())
    );
    two.assert_linear_and_whole();
}

#[test]
fn what_is_dirty_here_and_changed_there_stops_the_run_and_nothing_moves() {
    for theirs in ["note.txt", "deploy/web.yaml", "loose.txt"] {
        let Some(two) = Two::new() else { return };
        two.they_push(theirs, &(deployment("web") + "# theirs\n"));
        two.ours.write(theirs, "mine\n");
        let (status, files) = (two.ours.status(), two.ours.place.files());
        let said = two.ours.imago("--update --push", 2).stderr;
        assert!(
            said.starts_with(
                "error: cannot push to `origin`; nothing was changed here\n  cause: a file is changed here and there: "
            ),
            "{said}"
        );
        assert!(said.contains(theirs), "{said}");
        assert_eq!(
            (two.ours.status(), two.ours.place.files(), two.ours.log()),
            (status, files, vec!["first".to_owned()])
        );
        assert_eq!(two.remote_log("main").len(), 2);
    }
}

#[test]
fn a_push_that_cannot_work_is_told_before_anything_is_written() {
    type Act = fn(&Two);
    let cases: [(&str, Act, &str, &str); 6] = [
        (
            "locked",
            |two| two.ours.write(".git/index.lock", ""),
            "another Git process",
            "run again",
        ),
        (
            "no remote",
            |two| drop(two.ours.git("remote remove origin")),
            "there is no remote `origin`",
            "`git remote` lists",
        ),
        (
            "detached",
            |two| drop(two.ours.git("checkout --quiet --detach")),
            "HEAD is detached",
            "--branch NAME",
        ),
        (
            "gone",
            |two| std::fs::remove_dir_all(two.ours.place.beside("bare.git")).unwrap(),
            "cannot be reached",
            "git remote -v",
        ),
        (
            "never pushed",
            |two| {
                two.ours.git("checkout --quiet -b other");
                two.ours.git("commit --quiet --allow-empty --message mine");
            },
            "no branch or tag of `origin` has the commit ",
            "push that yourself first",
        ),
        (
            "refused",
            |two| {
                let hook = two.ours.place.beside("bare.git/hooks/pre-receive");
                std::fs::write(&hook, "#!/bin/sh\necho 'only by request' >&2\nexit 1\n").unwrap();
                std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
            },
            "[remote rejected] (pre-receive hook declined); remote: only by request",
            "--branch NAME",
        ),
    ];
    for (name, act, cause, hint) in cases {
        let Some(two) = Two::new() else { return };
        act(&two);
        let (files, head) = (two.ours.place.files(), two.ours.git("rev-parse HEAD"));
        let said = two.ours.imago("--update --push", 2);
        assert!(
            said.stderr.contains(cause)
                && said.stderr.contains("\n  hint: ")
                && said.stderr.contains(hint),
            "{name}: {}",
            said.stderr
        );
        assert_eq!(said.stdout, "", "{name}");
        assert_eq!(
            (
                two.ours.place.files(),
                two.ours.git("rev-parse HEAD"),
                two.ours.status()
            ),
            (files, head, String::new()),
            "{name}"
        );
    }
    let Some(two) = Two::new() else { return };
    let binary = env!("CARGO_BIN_EXE_imago");
    let said = two
        .ours
        .place
        .program(binary, ["files", "--update", "--push"])
        .env("PATH", "/nowhere")
        .finish_with(2)
        .stderr;
    assert!(
        said.contains("there is no `git` program") && said.contains("hint: install git"),
        "{said}"
    );
}

#[test]
fn two_writers_lose_nothing_in_twenty_rounds() {
    let Some(two) = Two::new() else { return };
    if programs::find("sh").is_none() {
        return;
    }
    let mut pushed = 0;
    for round in 0..20 {
        two.ours.moved(&format!("{:x}", round % 9 + 1));
        let text = format!("{round}\n");
        let retry = "for try in 1 2 3 4 5 6 7 8 9; do git pull --quiet --rebase origin main && git push --quiet origin HEAD:main && exit 0; done; exit 1";
        std::fs::write(format!("{}/note.txt", two.theirs), text).unwrap();
        two.they("add .");
        two.they(&format!("commit --quiet --message round-{round}"));
        std::thread::scope(|scope| {
            let theirs = scope.spawn(|| {
                two.ours
                    .place
                    .program("sh", ["-c", &format!("cd {} && {retry}", two.theirs)])
                    .finish_with(0)
            });
            let ours = two.ours.run("--update --push").finish();
            assert!([0, 2].contains(&ours.code), "{}", ours.stderr);
            pushed += usize::from(ours.code == 0);
            theirs.join().unwrap();
        });
    }
    let log = two.remote_log("main");
    assert_eq!(
        log.iter()
            .filter(|subject| subject.starts_with("round-"))
            .count(),
        20
    );
    assert_eq!(log.iter().filter(|subject| *subject == TWO).count(), pushed);
    assert!(pushed >= 15, "{pushed}");
    two.ours.git("fetch --quiet");
    let empty = two.ours.git("log --format=%T|%P origin/main");
    let trees: Vec<&str> = empty
        .lines()
        .map(|line| line.split('|').next().unwrap())
        .collect();
    assert!(trees.windows(2).all(|pair| pair[0] != pair[1]), "{empty}");
    two.assert_linear_and_whole();
}
