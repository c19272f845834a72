//! `imago files --repository`: a repository by its address, without a checkout.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Tree, deployment, image};
use crate::support::binary::Run;
use crate::support::programs;
use crate::support::registry::http::{Response, Server};
use crate::support::remote::{Door, HttpRemote, SshRemote};
use crate::support::tls::{Authority, Valid};

const ONE: &str = "Update 2 images in 2 objects";
const SECRET: &str = "hunter2hunter2";

/// A bare repository, and a place without one in which imago runs.
struct Away {
    tree: Tree,
    /// The folder of the bare repository.
    bare: PathBuf,
    /// Where imago runs.
    elsewhere: PathBuf,
    /// Where scratch folders are made.
    scratch: PathBuf,
}

impl Away {
    fn new() -> Option<Self> {
        Self::of(Tree::new()?)
    }

    fn of(tree: Tree) -> Option<Self> {
        let at = |name: &str| tree.place.beside(name);
        let (bare, elsewhere, scratch) = (at("deploy.git"), at("elsewhere"), at("scratch"));
        tree.git(&format!("clone --quiet --bare . {}", bare.display()));
        for folder in [&elsewhere, &scratch] {
            std::fs::create_dir(folder).unwrap();
        }
        let away = Self {
            tree,
            bare,
            elsewhere,
            scratch,
        };
        away.git("config uploadpack.allowFilter true");
        away.git("config uploadpack.allowAnySHA1InWant true");
        Some(away)
    }

    fn git(&self, line: &str) -> String {
        let at = ["-C", self.bare.to_str().unwrap()];
        let line = at.into_iter().chain(line.split(' '));
        self.tree.place.program("git", line).finish_with(0).stdout
    }

    /// Runs `imago files` elsewhere, with the digests that the tests' lock has.
    fn run(&self, address: &str, line: &str) -> Run {
        let run = self.tree.run(&format!("--repository {address} {line}"));
        run.folder(&self.elsewhere)
            .env("TMPDIR", &self.scratch)
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.test")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.test")
    }

    fn address(&self) -> String {
        self.bare.display().to_string()
    }

    fn log(&self, branch: &str) -> Vec<String> {
        let log = self.git(&format!("log --format=%s {branch}"));
        log.lines().map(str::to_owned).collect()
    }

    /// Commits a file in the working tree and pushes it.
    fn commit(&self, name: &str, text: &str) {
        self.tree.write(name, text);
        self.tree.git("add .");
        self.tree.git("commit --quiet --message more");
        let bare = self.bare.display();
        self.tree.git(&format!("push --quiet {bare} HEAD"));
    }

    /// Checks that nothing is left of a run.
    fn assert_clean(&self) {
        for folder in [&self.elsewhere, &self.scratch] {
            let left: Vec<_> = std::fs::read_dir(folder).unwrap().collect();
            assert!(left.is_empty(), "{left:?}");
        }
        assert_eq!(self.git("fsck --strict --no-dangling"), "");
    }
}

#[test]
fn a_repository_is_read_by_its_address() {
    let Some(away) = Away::new() else { return };
    let path = away.address();
    for address in [
        path.clone(),
        format!("file://{path}"),
        "../deploy.git".into(),
    ] {
        let json = away.run(&address, "--output json").finish_with(0).json();
        let objects = json["objects"].as_array().unwrap();
        let names: Vec<_> = objects.iter().map(|one| one["file"].as_str()).collect();
        assert_eq!(names, [Some("deploy/api.yaml"), Some("deploy/web.yaml")]);
        away.run(&address, "--check").finish_with(1);
    }
    let json = away.run(&path, "--output json deploy/web.yaml");
    let json = json.finish_with(0).json();
    assert_eq!(json["objects"].as_array().unwrap().len(), 1, "{json}");
    let diff = away.run(&path, "--diff").finish_with(0).stdout;
    away.tree.place.write("address.diff", diff);
    away.tree.git("apply --check address.diff");
    let sarif = away.run(&path, "--check --output sarif").finish_with(1);
    assert!(
        sarif.stdout.contains("\"uri\": \"deploy/web.yaml\""),
        "{}",
        sarif.stdout
    );
    // A report goes to a file of this machine.
    away.run(&path, "--report json=report.json").finish_with(0);
    std::fs::remove_file(away.elsewhere.join("report.json")).unwrap();
    away.assert_clean();
    assert_eq!(away.log("main"), ["first"]);
}

#[test]
fn a_branch_is_made_and_replaced_and_a_persons_is_not() {
    let Some(away) = Away::new() else { return };
    let path = away.address();
    let update = "--update --push --branch imago/update";
    let said = away.run(&path, update).finish_with(0).stdout;
    assert!(
        said.contains(" on imago/update, pushed to origin"),
        "{said}"
    );
    assert_eq!(away.log("imago/update"), [ONE, "first"]);
    let said = away.run(&path, update).finish_with(0).stdout;
    assert!(
        said.contains(" is on imago/update at origin already\n"),
        "{said}"
    );
    away.tree.moved("2");
    away.commit("note.txt", "another\n");
    away.run(&path, update).finish_with(0);
    assert_eq!(away.log("imago/update"), [ONE, "more", "first"]);
    let web = away.git("show imago/update:deploy/web.yaml");
    assert!(
        web.contains(&image("2")) && web.contains("# keep me"),
        "{web}"
    );
    assert_eq!(away.git("show imago/update:note.txt"), "another\n");
    away.git("branch theirs main");
    let said = away.run(&path, "--update --push --branch theirs");
    let said = said.finish_with(2).stderr;
    assert!(
        said.contains("cannot replace the branch `theirs`"),
        "{said}"
    );
    // Without a branch of its own, the branch itself goes on.
    away.run(&path, "--update --push --dry-run").finish_with(0);
    assert_eq!(away.log("main"), ["more", "first"]);
    away.run(&path, "--update --push").finish_with(0);
    assert_eq!(away.log("main"), [ONE, "more", "first"]);
    away.run(&path, "--restore --push deploy/web.yaml")
        .finish_with(0);
    assert_eq!(away.git("show main:deploy/web.yaml"), super::WEB);
    away.assert_clean();
}

#[test]
fn another_branch_is_named_by_ref() {
    let Some(away) = Away::new() else { return };
    let path = away.address();
    away.git("branch release main");
    away.commit("deploy/new.yaml", &deployment("new"));
    let count = |line: &str| {
        let json = away.run(&path, &format!("--output json {line}"));
        json.finish_with(0).json()["objects"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((count(""), count("--ref release")), (3, 2));
    assert_eq!(count("--ref refs/heads/release"), 2);
    let update = "--ref release --update --push --branch imago/release";
    away.run(&path, update).finish_with(0);
    assert_eq!(away.log("imago/release"), [ONE, "first"]);
    away.run(&path, "--ref release --update --push")
        .finish_with(0);
    assert_eq!(away.log("release"), [ONE, "first"]);
    assert_eq!(away.log("main"), ["more", "first"]);
    away.assert_clean();
}

#[test]
fn a_remote_with_many_references_is_asked_for_those_that_matter_alone() {
    let Some(away) = Away::new() else { return };
    away.git("branch release main");
    away.commit("deploy/new.yaml", &deployment("new"));
    let tip = away.git("rev-parse main");
    let many: String = (0..20_000)
        .map(|number| format!("{} refs/heads/topic-{number}\n", tip.trim()))
        .collect();
    let packed = away.bare.join("packed-refs");
    let before = std::fs::read_to_string(&packed).unwrap_or_default();
    let before = before.lines().filter(|line| !line.starts_with('#'));
    let before: String = before.map(|line| format!("{line}\n")).collect();
    std::fs::write(&packed, before + &many).unwrap();
    let (path, log) = away.tree.noted_git();
    let update = "--ref release --update --push --branch b";
    let run = away.run(&away.address(), update).env("PATH", &path);
    run.finish_with(0);
    let calls = std::fs::read_to_string(log).unwrap();
    let asked: Vec<&str> = calls
        .lines()
        .filter(|line| line.contains("ls-remote"))
        .collect();
    assert!(
        asked.iter().all(|line| line.contains(" HEAD refs/heads/")),
        "{calls}"
    );
    assert!(!calls.contains("--negotiate-only"), "{calls}");
    assert_eq!(away.log("b"), [ONE, "first"]);
}

#[test]
fn settings_lock_and_attributes_are_those_of_the_tree() {
    let Some(away) = Away::new() else { return };
    away.commit("deploy/kept.yaml", &deployment("kept"));
    away.commit(".gitattributes", "deploy/kept.yaml filter=lfs\n");
    let settings = "exclude: [deploy/api.yaml]\nmessage: \"ours: {summary}\"\n";
    away.commit(".imago.yaml", settings);
    away.commit("imago.lock", &super::lock("3"));
    let path = away.address();
    // The lock of the tree answers, and a mistake of the place where the run begins says nothing.
    std::fs::write(away.elsewhere.join(".imago.yaml"), "no: settings\n").unwrap();
    let line = [
        "files",
        "--offline",
        "--repository",
        &path,
        "--output",
        "json",
    ];
    let run = |line: &[&str]| {
        let run = away.tree.place.imago(line).folder(&away.elsewhere);
        run.env("TMPDIR", &away.scratch)
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.test")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.test")
    };
    let update = [&line[..], &["--update", "--push", "--branch", "b"]].concat();
    let json = run(&update).finish_with(3).json();
    assert_eq!(json["problems"][0]["code"], "git-filter", "{json}");
    let changed = serde_json::json!(["deploy/web.yaml"]);
    assert_eq!(json["files_changed"], changed, "{json}");
    assert!(away.log("b")[0].starts_with("ours: Update "));
    assert!(away.git("show b:deploy/web.yaml").contains(&image("3")));
    // A file of this machine may stand in for the tree's; its globs begin at the root of the tree.
    let own = away.tree.place.beside("own.yaml");
    std::fs::write(&own, "include: [deploy/web.yaml]\n").unwrap();
    let named = [&line[..], &["--config", own.to_str().unwrap()]].concat();
    let json = run(&named).finish_with(0).json();
    assert_eq!(json["objects"].as_array().unwrap().len(), 1, "{json}");
    // As a pod mounts it: by a link.
    let mounted = away.tree.place.beside("mounted");
    std::fs::create_dir(&mounted).unwrap();
    let link = mounted.join("own.yaml");
    std::os::unix::fs::symlink(&own, &link).unwrap();
    let named = [&line[..], &["--config", link.to_str().unwrap()]].concat();
    let json = run(&named).finish_with(0).json();
    assert_eq!(json["objects"].as_array().unwrap().len(), 1, "{json}");
    let json = run(&[&line[..], &["--no-config"]].concat()).finish_with(0);
    assert_eq!(json.json()["objects"].as_array().unwrap().len(), 3);
    away.commit(".imago.yaml", "exclude: [x]\nlok: x\n");
    let said = run(&line).finish_with(2).stderr;
    assert!(said.contains(".imago.yaml:2:1"), "{said}");
    std::fs::remove_file(away.elsewhere.join(".imago.yaml")).unwrap();
    away.assert_clean();
}

#[test]
fn an_address_that_starts_a_program_or_holds_a_password_is_refused_before_anything_runs() {
    let Some(away) = Away::new() else { return };
    let (path, log) = away.tree.noted_git();
    let touched = away.tree.place.beside("touched");
    let hostile = [
        format!("ext::touch%20{}", touched.display()),
        "fd::3".to_owned(),
        "ssh://-oProxyCommand=touch/x".to_owned(),
        "git@-oProxyCommand=touch:x".to_owned(),
        "git://git.example.test/x".to_owned(),
        "ftp://git.example.test/x".to_owned(),
        format!("https://ada:{SECRET}@git.example.test/x"),
        format!("ada:{SECRET}@git.example.test/x"),
        format!("https://{SECRET}{SECRET}@git.example.test/x"),
        format!("https://git.example.test/x?token={SECRET}"),
    ];
    for address in &hostile {
        let said = away.run(address, "").env("PATH", &path).finish_with(2);
        let said = said.stdout + &said.stderr;
        assert!(
            said.starts_with("error: the address cannot be used: "),
            "{said}"
        );
        assert!(said.contains("\n  hint: "), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
    let line = ["files", "--repository=--upload-pack=touch"];
    let said = away.tree.place.imago(line).env("PATH", &path);
    let said = said.finish_with(2).stderr;
    assert!(said.contains("a part of it begins with `-`"), "{said}");
    for (line, wanted) in [
        (
            "--update",
            "`--update` of a repository by its address needs `--push`",
        ),
        ("--update --commit", "by its address needs `--push`"),
        ("--update --push --remote up", "`--remote` does not go with"),
        ("-", "`-` is standard input"),
        ("--strict", "`--strict` needs `--check`"),
        ("--ref a..b", "`a..b` cannot be the name of a branch"),
    ] {
        let said = away.run("/x.git", line).env("PATH", &path).finish_with(2);
        assert!(said.stderr.contains(wanted), "{line}: {}", said.stderr);
    }
    for flag in ["--ref", "--cache"] {
        let said = away.tree.run(&format!("{flag} x")).finish_with(2).stderr;
        let wanted = format!("error: `{flag}` needs `--repository`");
        assert!(said.starts_with(&wanted), "{said}");
    }
    assert_eq!(std::fs::read_to_string(log).unwrap(), "");
    // What the configuration makes of a harmless address is held to the same.
    let key = format!("url.ext::touch {} #.insteadOf", touched.display());
    let line = ["config", "--global", &key, "https://git.example.test/"];
    away.tree.git_with(&line, 0);
    let said = away.run("https://git.example.test/x", "").finish_with(2);
    assert!(
        said.stderr.contains("transport 'ext' not allowed"),
        "{}",
        said.stderr
    );
    assert!(!touched.exists());
    away.assert_clean();
}

#[test]
fn what_is_not_there_is_said() {
    let Some(away) = Away::new() else { return };
    let path = away.address();
    let said = |address: &str, line: &str| away.run(address, line).finish_with(2).stderr;
    let text = said(&path, "--ref nowhere");
    assert!(
        text.contains(&format!("error: cannot clone `{path}`\n")),
        "{text}"
    );
    assert!(
        text.contains("cause: it has no branch `nowhere`; its default branch is `main`"),
        "{text}"
    );
    let text = said(&path, "nowhere");
    assert!(
        text.contains("there is no file or folder `nowhere`"),
        "{text}"
    );
    assert!(
        text.contains("paths start at the root of the commit"),
        "{text}"
    );
    for outside in ["/etc/passwd", "../deploy.git", "deploy/../../x"] {
        let text = said(&path, outside);
        assert!(text.contains("there is no file or folder"), "{text}");
    }
    let text = said("/nowhere.git", "");
    assert!(
        text.contains("cause: the remote cannot be reached: "),
        "{text}"
    );
    assert!(text.contains("codes.md#git-unreachable"), "{text}");
    let empty = away.tree.place.beside("empty.git");
    let init = format!("init --quiet --bare {}", empty.display());
    away.tree.git(&init);
    for line in ["", "--ref main"] {
        let text = said(&empty.display().to_string(), line);
        assert!(text.contains("cause: the repository is empty"), "{text}");
    }
    // A person who trusts no bare repository means those of others.
    away.tree
        .git("config --global safe.bareRepository explicit");
    away.run(&path, "--update --push --branch b").finish_with(0);
    away.tree.git("config --global --unset safe.bareRepository");
    away.assert_clean();
}

#[test]
fn a_server_that_filters_nothing_or_gives_nothing_by_its_name_is_cloned_all_the_same() {
    let versions: [&[(&str, &str)]; 2] = [
        &[],
        // As over ssh, where the server does not take `GIT_PROTOCOL`.
        &[
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "protocol.version"),
            ("GIT_CONFIG_VALUE_0", "0"),
        ],
    ];
    for (filters, by_name) in [(true, true), (true, false), (false, true), (false, false)] {
        for version in versions {
            let Some(away) = Away::new() else { return };
            away.git(&format!("config uploadpack.allowFilter {filters}"));
            away.git(&format!("config uploadpack.allowAnySHA1InWant {by_name}"));
            let address = format!("file://{}", away.address());
            let cache = away.tree.place.beside("cache");
            let line = format!("--update --push --branch b --cache {}", cache.display());
            for digit in ["1", "2"] {
                away.tree.moved(digit);
                away.commit(&format!("deploy/{digit}.yaml"), &deployment("more"));
                let run = away.run(&address, &line);
                let run = version
                    .iter()
                    .fold(run, |run, (name, value)| run.env(name, value));
                run.finish_with(0);
                assert!(away.git("show b:deploy/web.yaml").contains(&image(digit)));
            }
            away.assert_clean();
        }
    }
}

#[test]
fn a_head_without_a_branch_and_names_of_another_format_are_said_as_what_they_are() {
    let Some(away) = Away::new() else { return };
    let path = away.address();
    let said = |address: &str, line: &str| away.run(address, line).finish_with(2).stderr;
    let tip = away.git("rev-parse main");
    for head in [
        "symbolic-ref HEAD refs/heads/unborn",
        "update-ref --no-deref HEAD",
    ] {
        let head = match head.starts_with("update") {
            true => format!("{head} {}", tip.trim()),
            false => head.to_owned(),
        };
        away.git("symbolic-ref HEAD refs/heads/main");
        away.git(&head);
        let text = said(&path, "");
        assert!(
            text.contains("it names no default branch"),
            "{head}: {text}"
        );
        assert!(text.contains("with `--ref BRANCH`"), "{text}");
        away.run(&path, "--ref main --update --push --branch b")
            .finish_with(0);
    }
    let other = away.tree.place.beside("other.git");
    let made = away.tree.place.program(
        "git",
        [
            "init",
            "--quiet",
            "--bare",
            "--object-format=sha256",
            "--initial-branch=main",
            other.to_str().unwrap(),
        ],
    );
    made.finish_with(0);
    let import = "commit refs/heads/main\ncommitter Ada <ada@example.test> 1 +0000\ndata 4\nmore\n";
    let git = away.tree.place.program(
        "git",
        ["-C", other.to_str().unwrap(), "fast-import", "--quiet"],
    );
    git.input(import).finish_with(0);
    for line in ["", "--ref main", "--cache cache"] {
        let text = said(other.to_str().unwrap(), line);
        assert!(
            text.contains("its commits have SHA-256 names"),
            "{line}: {text}"
        );
        assert!(text.contains("codes.md#git-unsupported"), "{text}");
    }
    std::fs::remove_dir_all(away.elsewhere.join("cache")).unwrap();
    away.git("symbolic-ref HEAD refs/heads/main");
    away.assert_clean();
}

#[test]
fn every_kind_of_entry_of_a_tree_stays_what_it_is() {
    use std::os::unix::ffi::OsStrExt as _;
    let Some(away) = Away::new() else { return };
    let tip = away.git("rev-parse main");
    let entry = format!("160000,{},sub", tip.trim());
    away.tree
        .git(&format!("update-index --add --cacheinfo {entry}"));
    let touched = away.tree.place.beside("touched");
    let module = format!(
        "[submodule \"sub\"]\n\tpath = sub\n\turl = ext::touch {}\n",
        touched.display()
    );
    away.tree.write(".gitmodules", &module);
    let root = away.tree.place.path();
    for (link, to) in [
        ("link.yaml", "deploy/web.yaml"),
        ("passwd.yaml", "/etc/passwd"),
    ] {
        std::os::unix::fs::symlink(to, root.join(link)).unwrap();
    }
    let names: [&[u8]; 5] = [
        b"deploy/Web.yaml",
        b"n\xff.yaml",
        b"a \"quoted\".yaml",
        b"line\nbreak.yaml",
        "d/\u{fc}.yaml".as_bytes(),
    ];
    std::fs::create_dir(root.join("d")).unwrap();
    for name in names {
        let path = root.join(std::ffi::OsStr::from_bytes(name));
        std::fs::write(path, deployment("more")).unwrap();
    }
    // What LFS keeps elsewhere is no manifest.
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
    away.tree.write("large.yaml", pointer);
    away.commit(
        ".gitattributes",
        "large.yaml filter=lfs diff=lfs merge=lfs -text\n",
    );
    let json = away.run(&away.address(), "--update --push --branch b --output json");
    let json = json.finish_with(0).json();
    assert_eq!(
        json["files_changed"].as_array().unwrap().len(),
        2 + names.len(),
        "{json:#}"
    );
    let changed = away.git("diff --raw -z main b");
    let records: Vec<&str> = changed
        .split('\0')
        .step_by(2)
        .filter(|it| !it.is_empty())
        .collect();
    assert_eq!(records.len(), 2 + names.len(), "{changed}");
    assert!(
        records
            .iter()
            .all(|it| it.starts_with(":100644 100644 ") && it.ends_with(" M")),
        "{changed}"
    );
    assert!(!touched.exists());
    away.assert_clean();
}

#[test]
fn a_push_that_is_refused_says_why_and_one_that_comes_second_is_made_again() {
    let Some(away) = Away::new() else { return };
    let path = away.address();
    let hook = |folder: &Path, name: &str, text: &str| {
        std::fs::create_dir_all(folder).unwrap();
        let file = folder.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        file
    };
    let refuses = hook(
        &away.bare.join("hooks"),
        "pre-receive",
        "echo 'main is protected' >&2\nexit 1",
    );
    for line in ["--update --push", "--update --push --branch b"] {
        let said = away.run(&path, line).finish_with(2).stderr;
        assert!(
            said.contains("main is protected") && said.contains("codes.md#git-refused"),
            "{said}"
        );
    }
    std::fs::remove_file(refuses).unwrap();
    // Somebody pushes to the branch after it was cloned, and before imago pushes.
    let (hooks, once) = (
        away.tree.place.beside("hooks"),
        away.tree.place.beside("once"),
    );
    let root = away.tree.place.path();
    let text = format!(
        "test -e {once} && exit 0\ntouch {once}\nunset $(git rev-parse --local-env-vars)\ncd {root} || exit 1\ngit commit --quiet --allow-empty --message theirs\ngit -c core.hooksPath=/dev/null push --quiet {bare} HEAD:main",
        once = once.display(),
        root = root.display(),
        bare = away.bare.display(),
    );
    hook(&hooks, "pre-push", &text);
    let key = format!("config --global core.hooksPath {}", hooks.display());
    away.tree.git(&key);
    away.run(&path, "--update --push").finish_with(0);
    assert_eq!(away.log("main"), [ONE, "theirs", "first"]);
    away.tree.git("config --global --unset core.hooksPath");
    away.assert_clean();
}

#[test]
fn over_http_a_token_is_used_and_goes_into_no_argument() {
    let Some(away) = Away::new() else { return };
    let door = Door::Account("x-access-token", SECRET);
    let remote = HttpRemote::start(away.bare.parent().unwrap(), door);
    let address = remote.url("deploy.git");
    let said = away.run(&address, "").finish_with(2).stderr;
    assert!(said.contains("the remote asks for credentials"), "{said}");
    away.git("config http.receivepack true");
    let (path, log) = away.tree.noted_git();
    for line in [
        "--output json",
        "--update --push --branch b",
        "--update --push --branch b",
    ] {
        let run = away.run(&address, line).env("IMAGO_GIT_TOKEN", SECRET);
        let said = run.env("PATH", &path).finish_with(0);
        assert!(!(said.stdout + &said.stderr).contains(SECRET));
    }
    assert_eq!(away.log("b"), [ONE, "first"]);
    let calls = std::fs::read_to_string(log).unwrap();
    assert!(
        calls.contains("fetch") && !calls.contains(SECRET),
        "{calls}"
    );
    let wrong = away.run(&address, "").env("IMAGO_GIT_TOKEN", "wrongwrong");
    let said = wrong.finish_with(2).stderr;
    assert!(
        said.contains("the remote refuses the credentials"),
        "{said}"
    );
    away.assert_clean();
}

#[test]
fn over_ssh_a_known_host_is_cloned_and_pushed_to() {
    let Some(away) = Away::new() else { return };
    let (Some(sshd), Some(_), Some(_)) = (
        programs::find("sshd"),
        programs::find("ssh"),
        programs::find("ssh-keygen"),
    ) else {
        return;
    };
    let Some(remote) = SshRemote::new(&away.tree.place.beside("ssh"), &sshd) else {
        return;
    };
    let command = format!("ssh -F {}", remote.client.display());
    std::fs::write(&remote.known_hosts, "").unwrap();
    let bare = away.bare.display();
    for address in [
        format!("ssh://git.example.test{bare}"),
        format!("git.example.test:{bare}"),
    ] {
        std::fs::write(&remote.known_hosts, "").unwrap();
        let run = |line: &str| away.run(&address, line).env("GIT_SSH_COMMAND", &command);
        let said = run("").finish_with(2).stderr;
        assert!(said.contains("the host's key is not known"), "{said}");
        std::fs::write(&remote.known_hosts, &remote.right_host).unwrap();
        run("--update --push --branch b").finish_with(0);
        assert_eq!(away.log("b"), [ONE, "first"]);
    }
    away.assert_clean();
}

#[test]
fn a_cache_fetches_what_is_new_and_is_made_anew_when_it_is_broken() {
    let Some(away) = Away::new() else { return };
    let cache = away.tree.place.beside("cache");
    let (path, log) = away.tree.noted_git();
    let address = format!("file://{}", away.address());
    let run = |line: &str| {
        let run = away.run(&address, &format!("--cache {} {line}", cache.display()));
        run.env("PATH", &path)
    };
    let fetches = || {
        let calls = std::fs::read_to_string(&log).unwrap();
        std::fs::write(&log, "").unwrap();
        let is_fetch = |line: &&str| line.split(' ').any(|word| word == "fetch");
        calls.lines().filter(is_fetch).count()
    };
    run("--check").finish_with(1);
    // The commit, and the contents in one go.
    assert_eq!(fetches(), 2);
    run("--check").finish_with(1);
    assert_eq!(fetches(), 0);
    away.commit("deploy/new.yaml", &deployment("new"));
    let json = run("--output json").finish_with(0).json();
    assert_eq!(json["objects"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!(fetches(), 2);
    run("--update --push --branch b").finish_with(0);
    assert_eq!(
        away.log("b"),
        ["Update 3 images in 3 objects", "more", "first"]
    );
    let clone = kept_clone(&cache);
    // A run was killed: Git's locks and half of a pack are left, or everything but a name.
    type Break = fn(&Path);
    let breaks: [Break; 6] = [
        |clone| std::fs::write(clone.join("shallow.lock"), "").unwrap(),
        |clone| std::fs::write(clone.join("refs/heads/main.lock"), "").unwrap(),
        |clone| std::fs::write(clone.join("config"), "[core").unwrap(),
        |clone| std::fs::write(clone.join("refs/heads/main"), "").unwrap(),
        |clone| {
            std::fs::remove_dir_all(clone.join("objects")).unwrap();
            std::fs::create_dir(clone.join("objects")).unwrap();
        },
        |clone| {
            std::fs::remove_dir_all(clone).unwrap();
            std::fs::create_dir(clone).unwrap();
            std::fs::create_dir(clone.with_file_name("new.git")).unwrap();
        },
    ];
    for (number, damage) in breaks.iter().enumerate() {
        damage(&clone);
        away.commit(&format!("deploy/{number}.yaml"), &deployment("more"));
        let json = run("--output json").finish_with(0).json();
        let objects = json["objects"].as_array().unwrap().len();
        assert_eq!(objects, 4 + number, "damage {number}");
        run("--update --push --branch b").finish_with(0);
    }
    // A remote that is gone takes no clone with it.
    let gone = away.tree.place.beside("gone.git");
    std::fs::rename(&away.bare, &gone).unwrap();
    fetches();
    run("--check").finish_with(2);
    // It is asked once: a new clone would fail in the same way.
    let calls = std::fs::read_to_string(&log).unwrap();
    let asked = calls.lines().filter(|line| line.contains("ls-remote"));
    assert_eq!(asked.count(), 1, "{calls}");
    std::fs::rename(&gone, &away.bare).unwrap();
    fetches();
    run("--check").finish_with(1);
    assert_eq!(fetches(), 0);
    away.assert_clean();
}

/// The one clone of a cache.
fn kept_clone(cache: &Path) -> PathBuf {
    let mut kept = std::fs::read_dir(cache).unwrap();
    kept.next().unwrap().unwrap().path().join("clone.git")
}

#[test]
fn what_somebody_else_could_write_into_a_cache_starts_nothing_and_leads_nowhere() {
    let Some(away) = Away::new() else { return };
    let (cache, touched) = (
        away.tree.place.beside("cache"),
        away.tree.place.beside("touched"),
    );
    let address = format!("file://{}", away.address());
    let update = format!("--cache {} --update --push --branch b", cache.display());
    away.run(&address, &update).finish_with(0);
    let clone = kept_clone(&cache);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(clone.parent().unwrap()), 0o700);
    // Settings that lead to another repository and start programs are not read.
    let elsewhere = away.tree.place.beside("elsewhere.git");
    away.tree
        .git(&format!("init --quiet --bare {}", elsewhere.display()));
    let touch = format!("touch {}", touched.display());
    let settings = format!(
        "[core]\n\tbare = true\n\tsshCommand = {touch}\n\tfsmonitor = {touch}\n\thooksPath = {0}/hooks\n[remote \"origin\"]\n\turl = file://{0}\n\tuploadpack = {touch}\n\treceivepack = {touch}\n",
        elsewhere.display()
    );
    std::fs::write(clone.join("config"), settings).unwrap();
    away.tree.moved("2");
    away.run(&address, &update).finish_with(0);
    assert!(away.git("show b:deploy/web.yaml").contains(&image("2")));
    // Nor do hooks run that came with the folder, and nothing in it says that settings or objects are elsewhere.
    let open = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let hook = clone.join("hooks/pre-push");
    let put_hook = || {
        std::fs::create_dir_all(clone.join("hooks")).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\n{touch}\n")).unwrap();
        open(&hook, 0o755);
    };
    for (digit, name) in [
        ("4", "commondir"),
        ("5", "config.worktree"),
        ("6", "info/attributes"),
        ("7", "objects/info/alternates"),
    ] {
        put_hook();
        let file = clone.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, format!("{}\n", elsewhere.display())).unwrap();
        away.tree.moved(digit);
        away.run(&address, &update).finish_with(0);
        let pushed = away.git("show b:deploy/web.yaml");
        assert!(pushed.contains(&image(digit)), "{name}: {pushed}");
        assert!(
            !hook.exists() && !file.exists() && !touched.exists(),
            "{name}"
        );
    }
    for (number, name) in ["objects", "objects/pack", "refs/heads"].iter().enumerate() {
        let moved = away.tree.place.beside(&format!("moved-{number}"));
        let path = clone.join(name);
        std::fs::rename(&path, &moved).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        away.run(&address, &update).finish_with(0);
        assert!(!path.is_symlink(), "{name}");
    }
    // Nobody waits for a pipe.
    std::fs::remove_file(clone.join("packed-refs")).unwrap_or_default();
    let pipe = clone.join("packed-refs");
    let made = away.tree.place.program("mkfifo", [&pipe]);
    made.finish_with(0);
    away.run(&address, &update).finish_with(0);
    assert!(!pipe.exists() || pipe.is_file());
    // Nor is the clone itself a link into another repository.
    let other = away.tree.place.beside("other");
    std::fs::rename(&clone, &other).unwrap();
    std::fs::write(other.join("description"), "somebody's").unwrap();
    std::os::unix::fs::symlink(&other, &clone).unwrap();
    std::fs::write(clone.with_file_name("new.git"), "").unwrap();
    away.run(&address, &update).finish_with(0);
    assert!(!clone.is_symlink() && other.join("config").exists());
    let description = std::fs::read_to_string(other.join("description"));
    assert_eq!(description.unwrap(), "somebody's");
    std::fs::remove_dir_all(&other).unwrap();
    // Nor is what is nested deeper than files may be open a reason to stop.
    for name in ["deep", "objects/deep", "refs/deep", "../new.git/deep"] {
        let deep = "/a".repeat(1_500);
        std::fs::create_dir_all(format!("{}/{name}{deep}", clone.display())).unwrap();
        let line = format!(
            "ulimit -n 512; exec \"$0\" files --offline --lock $1 --repository {address} --cache $2"
        );
        let lock = away.tree.place.beside("digests.lock");
        let words = [
            "-c",
            &line,
            env!("CARGO_BIN_EXE_imago"),
            lock.to_str().unwrap(),
            cache.to_str().unwrap(),
        ];
        let told = away.tree.place.program("sh", words).finish();
        assert_eq!(told.code, 0, "{name}: {told:?}");
    }
    // A folder that was open to all is not used, whatever is in it now.
    put_hook();
    open(clone.parent().unwrap(), 0o777);
    away.tree.moved("3");
    away.run(&address, &update).finish_with(0);
    assert!(away.git("show b:deploy/web.yaml").contains(&image("3")));
    assert_eq!(mode(clone.parent().unwrap()), 0o700);
    assert!(!hook.exists() && !touched.exists());
    // Nor is one that a link leads to.
    let (folder, other) = (clone.parent().unwrap(), away.tree.place.beside("other"));
    std::fs::rename(folder, &other).unwrap();
    std::os::unix::fs::symlink(&other, folder).unwrap();
    let said = away.run(&address, &update).finish_with(2).stderr;
    assert!(said.contains("is not a folder of this user"), "{said}");
    assert!(
        said.contains("hint: name a folder with `--cache`"),
        "{said}"
    );
    away.assert_clean();
}

#[test]
fn a_cache_is_not_kept_in_the_folder_of_git_nor_behind_a_link_of_a_work_tree() {
    let Some(away) = Away::new() else { return };
    let address = format!("file://{}", away.address());
    let elsewhere = away.tree.place.beside("other");
    std::fs::create_dir(&elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, away.tree.place.path().join("cache")).unwrap();
    for (cache, cause) in [(".git/cache", "Git's own folder"), ("cache", "a link")] {
        let line = format!("--repository {address} --cache {cache}");
        let said = away.tree.run(&line).finish_with(2).stderr;
        assert!(said.contains(cause), "{cache}: {said}");
        assert!(!away.tree.place.path().join(".git/cache").exists());
    }
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn plain_http_leads_to_no_other_machine_and_through_no_proxy() {
    let Some(away) = Away::new() else { return };
    let served = || {
        let door = Door::Account("x-access-token", SECRET);
        HttpRemote::start(away.bare.parent().unwrap(), door)
    };
    let said = away.run("http://git.example.test/x", "").finish_with(2);
    assert!(
        said.stderr
            .contains("plain `http://` leads to another machine"),
        "{}",
        said.stderr
    );
    // Neither a redirect nor the configuration makes plain http of https.
    let (remote, folder) = (served(), away.tree.place.beside("tls"));
    std::fs::create_dir(&folder).unwrap();
    let authority = Authority::new(&folder);
    let identity = authority.identity(&["127.0.0.1"], Valid::Now);
    let target = remote.url("");
    let server = Server::start(Some(identity.config), move |request| {
        let query = &request.query;
        let to = format!("{}{}?{query}", target.trim_end_matches('/'), request.path);
        Response::new(302).header("location", to)
    });
    let address = format!("https://{}/deploy.git", server.address);
    let run = || {
        let run = away.run(&address, "").env("IMAGO_GIT_TOKEN", SECRET);
        run.env("GIT_SSL_CAINFO", &authority.file).finish_with(2)
    };
    let said = run().stderr;
    assert!(said.contains("cause: "), "{said}");
    let key = format!("url.{}.insteadOf", remote.url(""));
    let instead = format!("https://{}/", server.address);
    away.tree
        .git_with(&["config", "--global", &key, &instead], 0);
    let said = run().stderr;
    assert!(said.contains("transport 'http' not allowed"), "{said}");
    assert_eq!(remote.taken(), 0);
    // What is for this machine goes through no proxy, which would read it.
    let proxy = served();
    let run = away.run(&remote.url("deploy.git"), "");
    let run = run.env("http_proxy", format!("http://{}", proxy.host));
    run.env("IMAGO_GIT_TOKEN", SECRET).finish_with(0);
    assert_eq!(proxy.taken(), 0);
    away.assert_clean();
}

#[test]
fn runs_that_share_a_cache_take_turns() {
    let Some(away) = Away::new() else { return };
    let cache = away.tree.place.beside("cache");
    let address = away.address();
    let line = format!("--cache {} --output json", cache.display());
    for round in 0..3 {
        away.commit(&format!("deploy/{round}.yaml"), &deployment("more"));
        std::thread::scope(|scope| {
            let run = || away.run(&address, &line).finish_with(0).json();
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            for run in runs {
                let json = run.join().unwrap();
                assert_eq!(json["objects"].as_array().unwrap().len(), 3 + round);
            }
        });
    }
    away.assert_clean();
}

#[test]
fn a_signal_removes_the_clone() {
    let Some(away) = Away::new() else { return };
    // The run hangs in Git, or in asking a registry that does not answer.
    let slow = away.tree.place.beside("slow");
    std::fs::create_dir(&slow).unwrap();
    let git = programs::find("git").unwrap();
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *' fetch '*) touch {}; exec sleep 60;; esac\nexec {} \"$@\"\n",
        away.tree.place.beside("hangs").display(),
        git.display()
    );
    std::fs::write(slow.join("git"), text).unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(slow.join("git"), mode).unwrap();
    let path = format!("{}:{}", slow.display(), std::env::var("PATH").unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap();
    let asks = deployment("web").replace("registry.example.test", &host.to_string());
    away.commit("deploy/web.yaml", &asks);
    let address = away.address();
    let after = Duration::from_millis(1500);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = away.run(&address, "").env("PATH", &path);
        let finished = run.signalled_after(signal, after);
        assert_eq!(finished.code, code, "{}", finished.stderr);
        away.assert_clean();
        let line = ["files", "--repository", &address];
        let run = away.tree.place.imago(line).folder(&away.elsewhere);
        let run = run.env("TMPDIR", &away.scratch);
        let finished = run.signalled_after(signal, after);
        assert_eq!(finished.code, code, "{}", finished.stderr);
        away.assert_clean();
    }
    assert!(away.tree.place.beside("hangs").exists());
}
