//! Runs in a bare repository, whose files are those of the commit that HEAD names, and in linked work trees of one.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{Tree, image};
use crate::support::binary::{Finished, Run};
use crate::support::registry::TestRegistry;
use crate::support::remote::{Door, HttpRemote};

const ONE: &str = "Update 2 images in 2 objects";

/// A working tree, and a bare clone of it.
struct Bare {
    tree: Tree,
    folder: PathBuf,
}

impl Bare {
    fn new() -> Option<Self> {
        Self::of(Tree::new()?, "--bare")
    }

    /// A clone made with these flags.
    fn of(tree: Tree, flags: &str) -> Option<Self> {
        let folder = tree.place.beside("bare.git");
        let source = tree.place.path();
        tree.git(&format!(
            "clone --quiet {flags} file://{} {}",
            source.display(),
            folder.display()
        ));
        let bare = Self { tree, folder };
        bare.identify();
        Some(bare)
    }

    fn identify(&self) {
        self.git("config user.name Ada");
        self.git("config user.email ada@example.test");
    }

    fn git(&self, line: &str) -> String {
        let at = ["-C", self.folder.to_str().unwrap()];
        let line = at.into_iter().chain(line.split(' '));
        self.tree.place.program("git", line).finish_with(0).stdout
    }

    fn run(&self, line: &str) -> Run {
        self.tree.run(line).folder(&self.folder)
    }

    fn imago(&self, line: &str, code: i32) -> Finished {
        self.run(line).finish_with(code)
    }

    fn images(&self, line: &str) -> Run {
        let line = ["images"].into_iter().chain(line.split(' '));
        self.tree.place.imago(line).folder(&self.folder)
    }

    fn log(&self, branch: &str) -> Vec<String> {
        let log = self.git(&format!("log --format=%s {branch}"));
        log.lines().map(str::to_owned).collect()
    }

    /// What is in the repository's folder.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(found.insert(path.clone(), std::fs::read(path).unwrap())),
                }
            }
        }
        found
    }

    fn assert_whole(&self) {
        assert_eq!(self.git("fsck --strict --no-dangling"), "");
        // Git makes none in a bare repository, and one would hide what is committed.
        assert!(!self.folder.join("index").exists());
    }

    /// Commits files in the working tree, and pushes them to the bare repository.
    fn commit(&self, files: &[(&str, &str)]) {
        for (name, text) in files {
            self.tree.write(name, text);
        }
        self.tree.git("add .");
        self.tree.git("commit --quiet --message more");
        self.tree
            .git(&format!("push --quiet {} HEAD", self.folder.display()));
    }
}

fn image_in(text: &str) -> &str {
    let line = text.lines().find(|line| line.contains("image: ")).unwrap();
    line.trim().strip_prefix("image: ").unwrap()
}

fn script(path: &Path, lines: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_bare_repository_is_read_at_the_commit_that_head_names() {
    let Some(bare) = Bare::new() else { return };
    let before = bare.content();
    let files = |finished: Finished| {
        let json = finished.json();
        let objects = json["objects"].as_array().unwrap().iter();
        let names = objects.map(|object| object["file"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let all = ["deploy/api.yaml", "deploy/web.yaml"];
    assert_eq!(files(bare.imago("--output json", 0)), all);
    assert_eq!(files(bare.imago("--output json --check", 1)), all);
    assert_eq!(
        files(bare.imago("--output json deploy/web.yaml", 0)),
        all[1..]
    );
    assert_eq!(
        files(bare.imago("--output json --exclude **/api.yaml", 0)),
        all[1..]
    );
    // Paths begin at the root of the commit, wherever in the repository the run begins.
    let below = bare
        .run("--output json deploy")
        .folder(&bare.folder.join("refs"));
    assert_eq!(files(below.finish_with(0)), all);
    let said = bare.imago("--check nowhere", 2).stderr;
    assert!(
        said.contains("there is no file or folder `nowhere`"),
        "{said}"
    );
    assert!(
        said.contains("hint: check the spelling; paths start at the root of the commit"),
        "{said}"
    );
    let diff = bare.imago("--diff", 0).stdout;
    bare.tree.place.write("bare.diff", diff);
    bare.tree.git("apply --check bare.diff");
    let listed = bare
        .images("--output csv deploy/web.yaml")
        .finish_with(0)
        .stdout;
    assert_eq!(listed.lines().count(), 2, "{listed}");
    for flags in ["--update", "--update --dry-run", "--restore"] {
        let said = bare.imago(flags, 2).stderr;
        assert!(said.starts_with("error: cannot write files in `"), "{said}");
        assert!(
            said.contains("hint: add `--commit` to commit to the branch that HEAD names"),
            "{said}"
        );
        assert!(said.contains("codes.md#git-bare"), "{said}");
    }
    bare.imago("--update --commit --dry-run", 0);
    assert!(bare.content() == before);
}

#[test]
fn a_commit_goes_to_the_branch_that_head_names() {
    let Some(bare) = Bare::new() else { return };
    bare.git("branch other");
    let said = bare.imago("--update --commit", 0).stdout;
    assert!(said.contains(" on main\n"), "{said}");
    assert_eq!(bare.log("main"), [ONE, "first"]);
    assert_eq!(bare.log("other"), ["first"]);
    let web = bare.git("show main:deploy/web.yaml");
    assert_eq!(image_in(&web), format!("{}   # keep me", image("1")));
    assert_eq!(bare.git("show main:note.txt"), "a note\n");
    let said = bare.imago("--update --commit", 0).stdout;
    assert!(said.contains("nothing to commit on main\n"), "{said}");
    bare.imago("--check", 0);
    bare.imago("--restore --commit deploy/web.yaml", 0);
    assert_eq!(bare.git("show main:deploy/web.yaml"), super::WEB);
    assert_eq!(bare.log("main").len(), 3);
    bare.assert_whole();
}

#[test]
fn a_branch_of_its_own_is_replaced_and_a_persons_is_not() {
    let Some(bare) = Bare::new() else { return };
    bare.imago("--update --branch imago/update", 0);
    bare.tree.moved("2");
    bare.imago("--update --branch imago/update", 0);
    assert_eq!(bare.log("imago/update"), [ONE, "first"]);
    let web = bare.git("show imago/update:deploy/web.yaml");
    assert!(image_in(&web).starts_with(&image("2")), "{web}");
    assert_eq!(bare.log("main"), ["first"]);
    let said = bare.imago("--update --branch imago/update", 0).stdout;
    assert!(said.contains(" is on imago/update already\n"), "{said}");
    bare.git("branch theirs main");
    let said = bare.imago("--update --branch theirs", 2).stderr;
    assert!(
        said.contains("cannot replace the branch `theirs`"),
        "{said}"
    );
    // The branch that HEAD names goes on.
    bare.imago("--update --branch main", 0);
    assert_eq!(bare.log("main"), [ONE, "first"]);
    bare.assert_whole();
}

#[test]
fn no_lock_is_made_in_the_place_of_a_submodule() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let Some(bare) = Bare::new() else { return };
    let first = bare.git("rev-parse main");
    std::fs::create_dir(bare.tree.place.path().join("shop")).unwrap();
    let link = format!("160000,{},shop", first.trim());
    let add = format!("update-index --add --cacheinfo {link}");
    bare.tree.git(&add);
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: {}/shop/web:1.4\n",
        registry.host()
    );
    bare.commit(&[
        (".imago.yaml", "lock: shop/imago.lock\n"),
        ("web.yaml", &pod),
    ]);
    let line = "files --output json --update --commit web.yaml";
    let run = bare.tree.place.imago(line.split(' '));
    let json = run.folder(&bare.folder).finish_with(3).json();
    assert_eq!(json["problems"][0]["code"], "git-elsewhere", "{json}");
    assert!(bare.git("ls-tree main shop").contains("commit"));
}

#[test]
fn settings_lock_evidence_and_attributes_are_those_of_the_commit() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let Some(bare) = Bare::new() else { return };
    let host = registry.host();
    let pod = |tag: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: {host}/shop/web:{tag}\n"
        )
    };
    let overlay = format!(
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources: [../base]\nimages:\n- name: {host}/shop/web\n  newTag: \"1.4\"\n"
    );
    bare.commit(&[
        (
            ".imago.yaml",
            "exclude: [deploy]\nlock: locks/imago.lock\nmessage: \"ours: {summary}\"\n",
        ),
        ("locks/imago.lock", "{\"version\":1,\"images\":{\n}}\n"),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("base/web.yaml", &pod("1.3")),
        ("prod/kustomization.yaml", &overlay),
        ("kept/web.yaml", &pod("1.4")),
        (".gitattributes", "kept/* filter=lfs\n"),
    ]);
    let online = |line: &str, code| {
        let line = ["files", "--output", "json"]
            .into_iter()
            .chain(line.split(' '));
        let run = bare.tree.place.imago(line).folder(&bare.folder);
        run.finish_with(code).json()
    };
    let base = online("base", 0);
    assert_eq!(
        base["objects"][0]["images"][0]["code"], "decided-by",
        "{base}"
    );
    let json = online("--update --commit", 3);
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["prod/kustomization.yaml"])
    );
    assert_eq!(json["problems"][0]["code"], "git-filter", "{json}");
    assert!(bare.git("show main:locks/imago.lock").contains(&digest));
    assert!(
        bare.git("show main:prod/kustomization.yaml")
            .contains(&digest)
    );
    assert!(
        bare.log("main")[0].starts_with("ours: Update "),
        "{:?}",
        bare.log("main")
    );
    // The lock answers, and a lock that is wrong is noticed.
    let line = ["files", "--check", "--offline", "prod"];
    bare.tree
        .place
        .imago(line)
        .folder(&bare.folder)
        .finish_with(0);
    let image = format!("{host}/shop/web:1.4");
    let line = ["digest", "--offline", &image];
    let said = bare
        .tree
        .place
        .imago(line)
        .folder(&bare.folder)
        .finish_with(0)
        .stdout;
    assert_eq!(said, format!("{digest}\n"));
    let wrong = bare
        .git("show main:locks/imago.lock")
        .replace(&digest, &format!("sha256:{}", "9".repeat(64)));
    bare.tree
        .git(&format!("pull --quiet {} main", bare.folder.display()));
    bare.commit(&[("locks/imago.lock", &wrong)]);
    let json = online("--check prod", 3);
    assert_eq!(json["lock"][0]["file"], "locks/imago.lock", "{json}");
    bare.commit(&[(".imago.yaml", "exclude: [deploy]\nlok: x\n")]);
    let said = bare.imago("--check", 2).stderr;
    assert!(said.contains("HEAD:.imago.yaml:2:1"), "{said}");
    bare.imago("--no-config deploy", 0);
    bare.assert_whole();
}

#[test]
fn where_others_push_to_it_meanwhile_the_plan_is_made_again() {
    let Some(bare) = Bare::new() else { return };
    // The program that signs pushes what another person has made.
    let place = &bare.tree.place;
    let (signer, note) = (place.beside("signer"), place.beside("note"));
    bare.tree
        .write("deploy/web.yaml", super::deployment("other"));
    bare.tree.git("commit --quiet --all --message theirs");
    let push = |times: &str| {
        std::fs::write(&note, "").unwrap();
        script(
            &signer,
            &format!(
                "cat >/dev/null\nif [ $(wc -c <{note}) -lt {times} ]; then\nprintf x >>{note}\ncd {tree}\n\
                 git push --quiet {bare} HEAD:main\ngit commit --quiet --allow-empty --message race\nfi\n\
                 printf '\\n[GNUPG:] SIG_CREATED D\\n' >&2\n\
                 printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nx\\n-----END PGP SIGNATURE-----\\n'",
                note = note.display(),
                tree = place.path().display(),
                bare = bare.folder.display(),
            ),
        );
    };
    push("1");
    bare.git("config commit.gpgSign true");
    bare.git(&format!("config gpg.program {}", signer.display()));
    bare.imago("--update --commit", 0);
    assert_eq!(bare.log("main"), [ONE, "theirs", "first"]);
    let web = bare.git("show main:deploy/web.yaml");
    assert!(
        web.contains("name: other") && web.contains(&image("1")),
        "{web}"
    );
    bare.tree.moved("2");
    push("100");
    bare.tree.git(&format!(
        "pull --quiet --rebase {} main",
        bare.folder.display()
    ));
    bare.tree.git("commit --quiet --allow-empty --message race");
    let said = bare.imago("--update --commit", 2).stderr;
    assert!(
        said.contains("error: cannot commit\n  cause: others kept pushing"),
        "{said}"
    );
    assert_eq!(bare.log("main")[0], "race");
    bare.assert_whole();
}

#[test]
fn a_mirror_pushes_over_http_and_keeps_what_else_the_remote_has() {
    let Some(tree) = Tree::new() else { return };
    let upstream = tree.place.beside("upstream.git");
    tree.git(&format!("clone --quiet --bare . {}", upstream.display()));
    let door = Door::Account("x-access-token", "hunter2hunter2");
    let remote = HttpRemote::start(upstream.parent().unwrap(), door);
    let Some(bare) = Bare::of(tree, "--mirror") else {
        return;
    };
    let url = remote.url("upstream.git");
    bare.git(&format!("remote set-url origin {url}"));
    let push = |line: &str| {
        let run = bare.run(&format!("--update --push {line}"));
        run.env("IMAGO_GIT_TOKEN", "hunter2hunter2")
            .finish_with(0)
            .stdout
    };
    let upstream_git = |line: &str| {
        let at = ["-C", upstream.to_str().unwrap()]
            .into_iter()
            .chain(line.split(' '));
        bare.tree.place.program("git", at).finish_with(0).stdout
    };
    // A push of a mirror as a whole would delete this one.
    upstream_git("branch theirs main");
    push("--branch imago/update");
    assert_eq!(
        upstream_git("log --format=%s imago/update"),
        format!("{ONE}\nfirst\n")
    );
    assert_eq!(upstream_git("log --format=%s main"), "first\n");
    assert_eq!(upstream_git("log --format=%s theirs"), "first\n");
    bare.tree.moved("2");
    push("--branch imago/update");
    assert_eq!(
        upstream_git("log --format=%s imago/update"),
        format!("{ONE}\nfirst\n")
    );
    // The remote's branch has moved, which the mirror does not know.
    bare.tree
        .write("deploy/web.yaml", super::deployment("other"));
    bare.tree.git("commit --quiet --all --message theirs");
    bare.tree
        .git(&format!("push --quiet {} HEAD:main", upstream.display()));
    let said = push("");
    assert!(said.contains(" on main, pushed to origin\n"), "{said}");
    let wanted = format!("{ONE}\ntheirs\nfirst\n");
    assert_eq!(upstream_git("log --format=%s main"), wanted);
    assert_eq!(bare.git("log --format=%s main"), wanted);
    let said = push("");
    assert!(said.contains("nothing to commit on main\n"), "{said}");
    bare.assert_whole();
}

#[test]
fn a_push_carries_no_commit_of_a_person_and_the_branch_follows() {
    let Some(tree) = Tree::new() else { return };
    let upstream = tree.place.beside("upstream.git");
    tree.git(&format!("clone --quiet --bare . {}", upstream.display()));
    let Some(bare) = Bare::of(tree, "--bare") else {
        return;
    };
    bare.git(&format!("remote set-url origin {}", upstream.display()));
    bare.commit(&[("note.txt", "mine\n")]);
    let said = bare.imago("--update --push", 2).stderr;
    assert!(
        said.contains("cannot push `main`\n  cause: its commit "),
        "{said}"
    );
    let said = bare
        .imago("--update --push --branch imago/update", 2)
        .stderr;
    assert!(
        said.contains("hint: push that first, or fetch what `origin` has"),
        "{said}"
    );
    bare.git("push --quiet origin main");
    // A commit of ours that waits goes with the next one.
    bare.imago("--update --commit", 0);
    bare.tree.moved("2");
    let (theirs, hook) = (bare.tree.place.path(), bare.folder.join("hooks/pre-push"));
    bare.tree.git("commit --quiet --allow-empty --message race");
    script(
        &hook,
        &format!(
            "unset GIT_DIR\ncd {}\ngit push --quiet {} HEAD:main 2>/dev/null\nexit 0",
            theirs.display(),
            upstream.display()
        ),
    );
    bare.imago("--update --push", 0);
    let wanted = [ONE, ONE, "race", "more", "first"];
    assert_eq!(bare.log("main"), wanted);
    let of_upstream = ["-C", upstream.to_str().unwrap(), "rev-parse", "main"];
    let tip = bare
        .tree
        .place
        .program("git", of_upstream)
        .finish_with(0)
        .stdout;
    assert_eq!(bare.git("rev-parse main"), tip);
    // Where the remote alone has moved, the branch here follows it.
    std::fs::remove_file(hook).unwrap();
    let upstream = upstream.display();
    bare.tree
        .git(&format!("pull --quiet --rebase {upstream} main"));
    bare.tree
        .git("commit --quiet --allow-empty --message later");
    bare.tree.git(&format!("push --quiet {upstream} HEAD:main"));
    bare.imago("--update --push --dry-run", 0);
    assert_eq!(bare.log("main")[0], ONE);
    let said = bare.imago("--update --push", 0).stdout;
    assert!(
        said.contains("nothing to commit; main was behind, and is now on "),
        "{said}"
    );
    assert_eq!(bare.log("main")[0], "later");
    bare.assert_whole();
}

#[test]
fn a_work_tree_of_a_bare_repository_is_one_like_others() {
    // Beside it, inside it, and with a `.git` file that names the repository.
    for layout in ["beside", "inside", "file"] {
        let Some(bare) = Bare::new() else { return };
        let project = bare.tree.place.beside("project");
        let (root, main) = match layout {
            "beside" => (bare.folder.clone(), bare.tree.place.beside("main")),
            "inside" => (bare.folder.clone(), bare.folder.join("main")),
            _ => {
                std::fs::create_dir(&project).unwrap();
                std::fs::rename(&bare.folder, project.join(".bare")).unwrap();
                std::fs::write(project.join(".git"), "gitdir: ./.bare\n").unwrap();
                (project.clone(), project.join("main"))
            }
        };
        let bare = Bare {
            folder: root,
            ..bare
        };
        bare.git(&format!("worktree add --quiet {} main", main.display()));
        let in_main = |line: &str, code| bare.tree.run(line).folder(&main).finish_with(code);
        let git = |line: &str| {
            let at = ["-C", main.to_str().unwrap()]
                .into_iter()
                .chain(line.split(' '));
            bare.tree.place.program("git", at).finish_with(0).stdout
        };
        let said = bare.imago("--update --commit", 2).stderr;
        assert!(
            said.contains("the branch `main` is checked out in another working tree"),
            "{layout}: {said}"
        );
        // Its files may be named from the repository, and are then read from the disk.
        let path = main.join("deploy");
        std::fs::write(path.join("api.yaml"), "").unwrap();
        let json = bare
            .imago(&format!("--output json {}", path.display()), 0)
            .json();
        assert_eq!(
            json["objects"].as_array().unwrap().len(),
            1,
            "{layout}: {json}"
        );
        git("checkout --quiet .");
        let said = bare
            .imago(&format!("--check deploy {}", path.display()), 2)
            .stderr;
        assert!(
            said.contains("of a commit and of a folder in one run"),
            "{layout}: {said}"
        );
        let json = bare.imago("--output json deploy", 0).json();
        assert_eq!(
            json["objects"].as_array().unwrap().len(),
            2,
            "{layout}: {json}"
        );
        in_main("--update --commit --report json=report.json", 0);
        assert_eq!(git("status --porcelain"), "?? report.json\n", "{layout}");
        assert_eq!(
            git("log --format=%s"),
            format!("{ONE}\nfirst\n"),
            "{layout}"
        );
        // HEAD of the bare repository names `main` too, and checks nothing out.
        git("checkout --quiet -b feature");
        bare.tree.moved("2");
        in_main("--update --branch imago/update", 0);
        in_main("--update --push --branch main", 2);
        bare.imago("--update --commit", 0);
        assert_eq!(bare.log("main"), [ONE, ONE, "first"], "{layout}");
        assert_eq!(git("status --porcelain"), "?? report.json\n", "{layout}");
    }
}

#[test]
fn a_head_without_a_commit_or_a_branch_is_said() {
    let Some(bare) = Bare::new() else { return };
    bare.git("update-ref --no-deref HEAD main");
    bare.imago("--check", 1);
    let said = bare.imago("--update --push", 2).stderr;
    assert!(said.contains("cause: HEAD is detached: it names no branch\n  hint: name a branch of its own with `--branch NAME`\n"), "{said}");
    bare.imago("--update --branch imago/update", 0);
    bare.imago("--update --commit", 0);
    assert_eq!((bare.log("HEAD").len(), bare.log("main").len()), (2, 1));
    bare.git("symbolic-ref HEAD refs/heads/master");
    let before = bare.content();
    for line in [
        "--check",
        "--update --commit",
        "--update --branch main",
        "--update --push",
    ] {
        let said = bare.imago(line, 2).stderr;
        assert!(
            said.contains("cause: HEAD names the branch `master`, which has no commit"),
            "{said}"
        );
        assert!(
            said.contains("`git symbolic-ref HEAD refs/heads/NAME`"),
            "{said}"
        );
    }
    assert!(bare.content() == before);
    let empty = bare.tree.place.beside("empty.git");
    bare.tree.git(&format!(
        "init --quiet --bare --initial-branch=main {}",
        empty.display()
    ));
    let bare = Bare {
        folder: empty,
        ..bare
    };
    let said = bare.imago("--check", 2).stderr;
    assert!(
        said.contains("HEAD names the branch `main`, which has no commit"),
        "{said}"
    );
    assert!(said.contains("codes.md#git-no-commit"), "{said}");
    bare.images("deploy").finish_with(2);
}

#[test]
fn a_clone_without_contents_and_a_forbidden_repository_are_said() {
    let Some(tree) = Tree::new() else { return };
    tree.git("config uploadpack.allowFilter true");
    tree.git("config uploadpack.allowAnySHA1InWant true");
    let Some(bare) = Bare::of(tree, "--bare --filter=blob:none") else {
        return;
    };
    let said = bare.imago("--check", 2).stderr;
    assert!(
        said.contains("the clone was made with a filter, and a look fetches nothing"),
        "{said}"
    );
    bare.imago("--update --commit", 0);
    assert_eq!(bare.log("main"), [ONE, "first"]);

    let Some(bare) = Bare::new() else { return };
    // The repository's own configuration is a stranger's.
    bare.git("config safe.bareRepository explicit");
    bare.imago("--check", 1);
    bare.git("config --global safe.bareRepository explicit");
    for line in ["--check", "--update --commit"] {
        let said = bare.imago(line, 2).stderr;
        assert!(
            said.contains("cause: Git's configuration has `safe.bareRepository = explicit`"),
            "{said}"
        );
    }
    // The folder of a linked work tree is no bare repository.
    let Some(tree) = Tree::new() else { return };
    tree.git("worktree add --quiet beside -b other");
    let folder = tree.place.path().join(".git/worktrees/beside");
    let said = tree.run("--check").folder(&folder).finish_with(2).stderr;
    assert!(said.contains("hint: run in the work tree\n"), "{said}");
}
