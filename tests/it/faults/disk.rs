//! A full disk, a read-only folder, and a file without permission.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::{Tag, assert_true, codes, deployment, left_behind, manifests, rounds};
use crate::support::binary::{Run, Workplace, files};
use crate::support::programs;

const FILES: usize = 12;
const PAGE: usize = 4096;
/// How many pages stay free. The long form of the test tries every number up to the last.
const ROOMS: [usize; 7] = [0, 1, 2, 5, 14, 20, 60];

fn rooms() -> Vec<usize> {
    match rounds(0) {
        0 => ROOMS.to_vec(),
        most => (0..most as usize).collect(),
    }
}

/// A small file system that is mounted in its own namespace.
struct Volume {
    holder: Child,
    place: Workplace,
}

impl Volume {
    /// `None` if this user may not mount one.
    fn new(size: &str) -> Option<Self> {
        let place = Workplace::new();
        let script = "mount -t tmpfs -o size=$0 none \"$1\" && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                script,
                size,
            ])
            .arg(place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take()?)
            .read_line(&mut line)
            .ok()?;
        let volume = Self { holder, place };
        if line != "ready\n" {
            eprintln!("left out: a full disk (this user may not mount one)");
            return None;
        }
        Some(volume)
    }

    /// Its path, as seen from outside of the namespace.
    fn path(&self) -> PathBuf {
        let inside = self.place.path();
        PathBuf::from(format!("/proc/{}/root", self.holder.id()))
            .join(inside.strip_prefix("/").unwrap())
    }

    fn run(&self, program: &str, line: &str) -> Run {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        let here = self.place.path();
        let begin = [
            &namespace,
            "sh",
            "-c",
            "cd \"$0\" && exec \"$@\"",
            here.to_str().unwrap(),
            program,
        ];
        self.place
            .program("nsenter", begin.into_iter().chain(line.split(' ')))
    }

    fn imago(&self, line: &str) -> Run {
        self.run(env!("CARGO_BIN_EXE_imago"), line)
    }

    fn git(&self, line: &str) -> String {
        self.run("git", line).finish_with(0).stdout
    }

    fn make_repository(&self) {
        self.git("init --quiet --initial-branch=main --template=");
        self.git("config user.name Ada");
        self.git("config user.email ada@example.test");
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn manifests(&self) -> Vec<(String, String)> {
        let files = files(&self.path())
            .into_iter()
            .filter(|(name, _)| name.ends_with(".yaml"));
        files
            .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
            .collect()
    }

    /// Fills it except for this many pages.
    fn fill(&self, room: usize) {
        let path = self.path().join("fill");
        let written = fs::write(&path, vec![0; 8 << 20]);
        assert_eq!(written.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let full = file.metadata().unwrap().len();
        file.set_len(full - (room * PAGE) as u64).unwrap();
    }

    fn empty(&self) {
        fs::remove_file(self.path().join("fill")).unwrap();
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        drop(self.holder.wait());
    }
}

#[test]
fn a_full_disk_leaves_whole_files_and_a_true_report() {
    let Some(volume) = Volume::new("1m") else {
        return;
    };
    let tag = Tag::new();
    let line = "files --update --lock imago.lock --output json --report markdown=report.md";
    for room in rooms() {
        for number in 0..FILES {
            volume.write(
                &format!("deploy/{number}.yaml"),
                &deployment(&format!("web-{number}"), &tag.image()),
            );
        }
        for name in ["imago.lock", "report.md"] {
            drop(fs::remove_file(volume.path().join(name)));
        }
        let digest = tag.move_on();
        volume.fill(room);
        let ended = volume.imago(line).finish();
        let place = format!("{room} pages free: {ended:?}");
        let report = ended.json();
        assert_true(&report, &volume.manifests(), &digest, &place);
        let left: Vec<String> = files(&volume.path())
            .into_keys()
            .filter(|name| name.contains(".imago-"))
            .collect();
        assert_eq!(left, [""; 0], "{place}");
        let (has_lock, has_report) = (
            volume.path().join("imago.lock").exists(),
            volume.path().join("report.md").exists(),
        );
        let whole = super::said_to_be_changed(&report).len() == FILES && has_lock;
        assert_eq!(
            codes(&report),
            if whole {
                [].into()
            } else {
                ["disk-full"].into()
            },
            "{place}"
        );
        assert_eq!(
            ended.code,
            if has_report {
                if whole { 0 } else { 3 }
            } else {
                2
            },
            "{place}"
        );
        if has_report {
            let text = fs::read_to_string(volume.path().join("report.md")).unwrap();
            assert!(
                text.starts_with("**imago**") && text.ends_with('\n'),
                "{place}: {text}"
            );
        }
        volume.empty();
        volume.imago(line).finish_with(0);
        assert!(
            volume
                .manifests()
                .iter()
                .all(|(_, text)| text.contains(&digest)),
            "{place}"
        );
        let lock = fs::read_to_string(volume.path().join("imago.lock")).unwrap();
        assert!(lock.contains(&digest), "{lock}");
    }
}

#[test]
fn a_full_disk_leaves_no_commit_of_what_was_not_written() {
    if programs::find("git").is_none() {
        return;
    }
    let Some(volume) = Volume::new("4m") else {
        return;
    };
    let tag = Tag::new();
    volume.make_repository();
    fs::create_dir(volume.path().join(".git/info")).unwrap();
    volume.write(".git/info/exclude", "fill\n");
    for number in 0..FILES {
        volume.write(
            &format!("deploy/{number}.yaml"),
            &deployment(&format!("web-{number}"), &tag.image()),
        );
    }
    volume.git("add .");
    volume.git("commit --quiet --message first");
    let line = "files --update --commit --output json";
    let mut ends = BTreeSet::new();
    for (round, room) in rooms().into_iter().enumerate() {
        volume.git("reset --quiet --hard");
        // The volume is too small for the loose objects of many rounds.
        if round % 8 == 7 {
            volume.git("gc --quiet --prune=now");
        }
        let digest = tag.move_on();
        let before = volume.git("rev-parse HEAD");
        volume.fill(room);
        let ended = volume.imago(line).finish();
        let place = format!("{room} pages free: {ended:?}");
        volume.empty();
        assert_eq!(volume.git("fsck --strict --no-dangling"), "", "{place}");
        assert_eq!(volume.git("status --porcelain"), "", "{place}");
        let changed = volume.git(&format!("diff --name-only {} HEAD", before.trim()));
        ends.insert(ended.code);
        match ended.code {
            2 => assert_eq!(changed, "", "{place}"),
            code => {
                let report = ended.json();
                assert_true(&report, &volume.manifests(), &digest, &place);
                let changed: Vec<String> = changed.lines().map(str::to_owned).collect();
                assert_eq!(
                    super::said_to_be_changed(&report),
                    changed.iter().cloned().collect(),
                    "{place}"
                );
                assert_eq!(code, if changed.len() == FILES { 0 } else { 3 }, "{place}");
            }
        }
        volume.imago(line).finish_with(0);
        assert!(
            volume
                .manifests()
                .iter()
                .all(|(_, text)| text.contains(&digest)),
            "{place}"
        );
        assert_eq!(volume.git("status --porcelain"), "", "{place}");
    }
    assert!(ends.contains(&0) && ends.contains(&2), "{ends:?}");
}

#[test]
fn a_lock_without_room_is_not_in_the_commit_either() {
    if programs::find("git").is_none() {
        return;
    }
    let Some(volume) = Volume::new("4m") else {
        return;
    };
    let tag = Tag::new();
    volume.make_repository();
    volume.write("web.yaml", &deployment("web", &tag.image()));
    volume.git("add .");
    volume.git("commit --quiet --message first");
    // The lock's folder is its own disk, with one page, which is in use.
    fs::create_dir(volume.path().join("full")).unwrap();
    volume
        .run("mount", "-t tmpfs -o size=4k none full")
        .finish_with(0);
    volume.write("full/page", "x");
    let digest = tag.move_on();
    let ended = volume
        .imago("files web.yaml --update --commit --lock full/imago.lock --output json")
        .finish_with(3);
    assert_eq!(codes(&ended.json()), ["disk-full"].into());
    assert_eq!(volume.git("show --format= --name-only HEAD"), "web.yaml\n");
    assert_eq!(volume.git("status --porcelain --untracked-files=no"), "");
    assert!(volume.git("show HEAD:web.yaml").contains(&digest));
    assert_eq!(
        files(&volume.path().join("full"))
            .into_keys()
            .collect::<Vec<_>>(),
        ["page"]
    );
    fs::remove_file(volume.path().join("full/page")).unwrap();
    volume
        .imago("files web.yaml --update --commit --lock full/imago.lock")
        .finish_with(0);
    assert_eq!(
        volume.git("show --format= --name-only HEAD"),
        "full/imago.lock\n"
    );
    assert_eq!(volume.git("status --porcelain --untracked-files=no"), "");
}

/// Runs the binary as a user without special rights. `None` if that is not possible.
fn as_somebody(place: &Workplace, line: &str) -> Option<Run> {
    let binary = env!("CARGO_BIN_EXE_imago");
    if fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() != 0) {
        return Some(place.imago(line.split(' ')));
    }
    // Root may do everything; 65534 is nobody.
    let begin = ["--reuid=65534", "--regid=65534", "--clear-groups", binary];
    let can = place
        .program("setpriv", begin.into_iter().chain(["--version"]))
        .finish();
    if can.code != 0 {
        eprintln!("left out: what the system denies ({})", can.stderr);
        return None;
    }
    Some(place.program("setpriv", begin.into_iter().chain(line.split(' '))))
}

#[test]
fn what_the_system_denies_is_a_problem_of_that_file_alone() {
    let place = Workplace::new();
    let tag = Tag::new();
    let mode = |name: &str, mode| {
        fs::set_permissions(place.path().join(name), Permissions::from_mode(mode)).unwrap()
    };
    for name in ["open/a", "open/read-only", "open/secret", "closed/b"] {
        place.write(&format!("{name}.yaml"), deployment("web", &tag.image()));
    }
    fs::set_permissions(place.beside(""), Permissions::from_mode(0o755)).unwrap();
    let every = [
        "open",
        "closed",
        "open/a.yaml",
        "closed/b.yaml",
        "open/read-only.yaml",
        "open/secret.yaml",
    ];
    for name in every {
        mode(
            name,
            if name.ends_with(".yaml") {
                0o666
            } else {
                0o777
            },
        );
    }
    mode("open/read-only.yaml", 0o444);
    mode("open/secret.yaml", 0o000);
    mode("closed", 0o555);
    let digest = tag.move_on();
    let Some(run) = as_somebody(&place, "files --update --output json") else {
        return;
    };
    let ended = run.finish_with(3);
    let report = ended.json();
    assert_true(&report, &manifests(&place), &digest, "as somebody");
    assert_eq!(
        super::said_to_be_changed(&report),
        ["open/a.yaml".to_owned()].into()
    );
    assert_eq!(
        codes(&report),
        ["permission", "read-only"].into(),
        "{report:#}"
    );
    assert_eq!(report["problems"].as_array().unwrap().len(), 3);
    assert_eq!(left_behind(&place), [""; 0]);
    for name in every {
        mode(
            name,
            if name.ends_with(".yaml") {
                0o666
            } else {
                0o777
            },
        );
    }
    as_somebody(&place, "files --update --output json")
        .unwrap()
        .finish_with(0);
    assert!(
        manifests(&place)
            .iter()
            .all(|(_, text)| text.contains(&digest))
    );
}
