//! Runs in a Git repository, checked with the `git` program.

mod address;
mod attributes;
mod bare;
mod branch;
mod careful;
mod checked_out;
mod children;
mod commit;
mod cut;
mod flux;
mod follow;
mod killed;
mod large;
mod names;
mod odd;
mod owner;
mod page;
mod people;
mod publish;
mod push;
mod remotes;
mod requests;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::binary::{Finished, Workplace};
use crate::support::programs;

const WEB: &str = "\
# the front door
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      - name: app
        image: registry.example.test/web:1.4   # keep me
";

/// One Deployment as text.
fn deployment(name: &str) -> String {
    WEB.replace("name: web", &format!("name: {name}"))
}

/// The lock with the tag's digest.
fn lock(digit: &str) -> String {
    format!(
        "{{\"version\":1,\"images\":{{\n\"registry.example.test/web:1.4\":\"sha256:{}\"\n}}}}\n",
        digit.repeat(64)
    )
}

/// A working tree with an identity.
struct Tree {
    place: Workplace,
    /// The folder below the workplace; empty if it is the workplace itself.
    folder: String,
}

impl Tree {
    /// A repository with two manifests and a note, committed on `main`. `None` if there is no `git`.
    fn new() -> Option<Self> {
        programs::find("git")?;
        let tree = Self {
            place: Workplace::new(),
            folder: String::new(),
        };
        tree.git("init --quiet --initial-branch=main");
        tree.identify();
        tree.write("deploy/web.yaml", deployment("web"));
        tree.write("deploy/api.yaml", deployment("api"));
        tree.write("note.txt", "a note\n");
        tree.git("add .");
        tree.git("commit --quiet --message first");
        tree.moved("1");
        Some(tree)
    }

    fn identify(&self) {
        self.git("config user.name Ada");
        self.git("config user.email ada@example.test");
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.place.write(&self.name(name), text);
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(self.place.files()[&self.name(name)].clone()).unwrap()
    }

    fn name(&self, name: &str) -> String {
        if self.folder.is_empty() {
            name.to_owned()
        } else {
            format!("{}/{name}", self.folder)
        }
    }

    /// Moves the tag to the digest of this digit.
    fn moved(&self, digit: &str) {
        std::fs::write(self.place.beside("digests.lock"), lock(digit)).unwrap();
    }

    fn git(&self, line: &str) -> String {
        self.git_with(&line.split(' ').collect::<Vec<_>>(), 0)
    }

    fn git_with(&self, arguments: &[&str], code: i32) -> String {
        let folder = self.place.path().join(&self.folder);
        let at = ["-C", folder.to_str().unwrap()];
        self.place
            .program("git", at.iter().chain(arguments))
            .finish_with(code)
            .stdout
    }

    /// Adds a client hook of this name: a shell script with these lines.
    fn hook(&self, name: &str, lines: &str) {
        let hook = self
            .place
            .path()
            .join(&self.folder)
            .join(".git/hooks")
            .join(name);
        std::fs::write(&hook, format!("#!/bin/sh\n{lines}\n")).unwrap();
        std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A `git` that notes its arguments before it runs, and the `PATH` that finds it.
    fn noted_git(&self) -> (String, PathBuf) {
        let (bin, log) = (self.place.beside("bin"), self.place.beside("calls"));
        std::fs::create_dir(&bin).unwrap();
        let git = programs::find("git").unwrap();
        let text = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >>{}\nexec {} \"$@\"\n",
            log.display(),
            git.display()
        );
        std::fs::write(bin.join("git"), text).unwrap();
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(bin.join("git"), mode).unwrap();
        std::fs::write(&log, "").unwrap();
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
        (path, log)
    }

    /// Runs `imago files --offline` in the tree, with the lock beside it.
    fn imago(&self, line: &str, code: i32) -> Finished {
        self.run(line).finish_with(code)
    }

    fn run(&self, line: &str) -> crate::support::binary::Run {
        let lock = self.place.beside("digests.lock");
        let begin = ["files", "--offline", "--lock", lock.to_str().unwrap()];
        let folder = self.place.path().join(&self.folder);
        self.place
            .imago(
                begin
                    .into_iter()
                    .chain(line.split(' ').filter(|word| !word.is_empty())),
            )
            .folder(&folder)
    }

    fn log(&self) -> Vec<String> {
        self.git("log --format=%s")
            .lines()
            .map(str::to_owned)
            .collect()
    }

    fn status(&self) -> String {
        self.git("status --porcelain")
    }

    /// The lines that a commit removes and adds, without the files' names.
    fn changed_lines(&self, commit: &str) -> Vec<String> {
        let diff = self.git(&format!("show --format= --unified=0 {commit}"));
        let is_change = |line: &&str| {
            line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
        };
        diff.lines().filter(is_change).map(str::to_owned).collect()
    }

    /// Checks that the repository is intact, and that no temporary file is left.
    fn assert_whole(&self) {
        let said = self.git("fsck --strict --no-dangling");
        assert_eq!(said, "");
        let left: Vec<String> = self
            .place
            .files()
            .into_keys()
            .filter(|name| name.contains(".imago-"))
            .collect();
        assert_eq!(left, [""; 0]);
    }
}

fn image(digit: &str) -> String {
    format!("registry.example.test/web:1.4@sha256:{}", digit.repeat(64))
}
