//! A large repository by its address: only what is needed travels, and it needs little memory.
//!
//! `IMAGO_SCALE=10 tests/run git::large` takes 100 000 files and 2 GiB of history.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use super::{Tree, image};
use crate::support::remote::{Door, HttpRemote};
use crate::support::seeds::scale;

const MIB: usize = 1024 * 1024;
/// Of this many files one is a manifest.
const OTHERS: usize = 5;

/// Bytes that cannot be compressed.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut next = || {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()
        };
        let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| next()).collect();
        bytes.truncate(count);
        bytes
    }
}

/// What `git fast-import` makes a repository of: a history of assets, and files of which a part are manifests.
fn stream(files: usize, history: usize) -> File {
    let (mut stream, mut noise) = (BufWriter::new(tempfile::tempfile().unwrap()), Noise(1));
    let commit = |stream: &mut BufWriter<File>, number: usize| {
        let who = format!(
            "committer Ada <ada@example.test> {} +0000",
            1_700_000_000 + number
        );
        write!(stream, "commit refs/heads/main\n{who}\ndata 4\nmore\n").unwrap();
    };
    let file = |stream: &mut BufWriter<File>, path: &str, content: &[u8]| {
        write!(stream, "M 100644 inline {path}\ndata {}\n", content.len()).unwrap();
        stream.write_all(content).unwrap();
        stream.write_all(b"\n").unwrap();
    };
    for number in 0..history {
        commit(&mut stream, number);
        file(&mut stream, "assets/picture.bin", &noise.bytes(MIB));
    }
    commit(&mut stream, history);
    for number in 0..files {
        let folder = number / 100;
        match number % OTHERS {
            0 => {
                let text = super::deployment(&format!("web-{number}"));
                let path = format!("apps/{folder}/{number}.yaml");
                file(&mut stream, &path, text.as_bytes());
            }
            _ => {
                let path = format!("apps/{folder}/{number}.bin");
                file(&mut stream, &path, &noise.bytes(2048));
            }
        }
    }
    stream.into_inner().unwrap()
}

#[test]
fn only_what_is_needed_of_a_large_repository_travels() {
    let Some(tree) = Tree::new() else { return };
    let scale = scale();
    let files = 10_000 * scale;
    let history = if scale == 1 { 50 } else { 205 * scale };
    let bare = tree.place.beside("large.git");
    let at = ["-C", bare.to_str().unwrap()];
    let git = |line: &str| {
        let line = at.into_iter().chain(line.split(' '));
        tree.place.program("git", line)
    };
    tree.git(&format!(
        "init --quiet --bare --initial-branch=main {}",
        bare.display()
    ));
    git("-c core.compression=0 fast-import --quiet")
        .input_of(stream(files, history))
        .finish_with(0);
    for setting in [
        "uploadpack.allowFilter",
        "uploadpack.allowAnySHA1InWant",
        "http.receivepack",
    ] {
        git(&format!("config {setting} true")).finish_with(0);
    }
    let door = Door::Account("x-access-token", "hunter2hunter2");
    let remote = HttpRemote::start(bare.parent().unwrap(), door);
    let cache = tree.place.beside("cache");
    let run = |line: &str| {
        let url = remote.url("large.git");
        let line = format!(
            "--repository {url} --cache {} --quiet {line}",
            cache.display()
        );
        let finished = tree
            .run(&line)
            .env("IMAGO_GIT_TOKEN", "hunter2hunter2")
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.test")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.test")
            .finish_with(0);
        let most = 256 * 1024;
        assert!(finished.peak < most, "{line}: {} KiB", finished.peak);
        remote.taken()
    };
    // Names and trees of all files, and the contents of the manifests.
    let sent = run("--update --push --branch imago/update");
    assert!(sent < 250 * files, "{sent} bytes for {files} files");
    let changed = git("diff --name-only main imago/update")
        .finish_with(0)
        .stdout;
    assert_eq!(changed.lines().count(), files / OTHERS);
    assert!(changed.lines().all(|path| path.ends_with(".yaml")));
    let last = (files - OTHERS) / OTHERS * OTHERS;
    let path = format!("imago/update:apps/{}/{last}.yaml", last / 100);
    let text = git(&format!("show {path}")).finish_with(0).stdout;
    assert!(text.contains(&image("1")), "{text}");
    // Then next to nothing.
    let sent = run("");
    assert!(sent < 20_000, "{sent} bytes for a repository that is here");
}
