//! `--branch` reads what is checked out in place of the commit's objects, where the two are the same.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::push::Two;
use super::{Tree, deployment};
use crate::laws::random::Random;

/// How many states of the working tree are tried.
const STATES: u64 = 24;

/// Each of these folders has files `0.yaml`, `1.yaml` and `2.yaml`.
const FOLDERS: [&str; 4] = ["", "deploy/", "deploy/eu/", "other/"];

/// A repository with files in several folders, and a bare clone of it beside it.
fn tree_and_bare() -> Option<(Tree, PathBuf)> {
    let tree = Tree::new()?;
    for folder in FOLDERS {
        for number in 0..3 {
            let name = format!("web-{number}");
            tree.write(&format!("{folder}{number}.yaml"), deployment(&name));
        }
    }
    let lines = deployment("lines").replace('\n', "\r\n");
    tree.write("other/lines.yaml", lines);
    tree.write(
        "other/kustomization.yaml",
        "resources:\n- 0.yaml\n- 1.yaml\n",
    );
    tree.write(".gitattributes", "other/2.yaml filter=lfs\n");
    tree.git("add .");
    tree.git("commit --quiet --message second");
    let (bare, source) = (tree.place.beside("bare.git"), tree.place.path());
    tree.git(&format!(
        "clone --quiet --bare {} {}",
        source.display(),
        bare.display()
    ));
    for setting in ["user.name Ada", "user.email ada@example.test"] {
        tree.git(&format!("--git-dir {} config {setting}", bare.display()));
    }
    Some((tree, bare))
}

/// What a branch of its own in this repository comes to: its tree and its message, and what the run said. The branch is removed again.
fn branch_in(tree: &Tree, folder: &Path, line: &str) -> (String, Value) {
    let finished = tree
        .run(&format!(
            "--update --branch imago/update --output json {line}"
        ))
        .folder(folder)
        .finish();
    let mut said = finished.json();
    said["git"]["commit"] = Value::Null;
    let git = |line: &str| {
        let at = ["-C", folder.to_str().unwrap()];
        let run = tree
            .place
            .program("git", at.into_iter().chain(line.split(' ')));
        run.finish().stdout
    };
    let made = git("log -1 --format=%T%n%B imago/update --");
    git("update-ref -d refs/heads/imago/update");
    (made, said)
}

/// Puts something else in the place of a file.
fn displace(tree: &Tree, name: &str, random: &mut Random) -> &'static str {
    let path = tree.place.path().join(name);
    let text = fs::read_to_string(&path).unwrap();
    let outside = tree.place.beside("outside.yaml");
    fs::remove_file(&path).unwrap();
    let write = |text: &str| fs::write(&path, text).unwrap();
    match random.below(11) {
        0 => {
            write(&format!("{text}# mine\n"));
            "edited"
        }
        1 => {
            write(&text.replace("web:1.4", "api:2.0"));
            "another image"
        }
        2 => {
            write("");
            "emptied"
        }
        3 => {
            write(&text.replace('\n', "\r\n"));
            "other line ends"
        }
        4 => {
            write(&deployment("web"));
            "the content of another file"
        }
        5 => {
            fs::File::create(&path).unwrap().set_len(20 << 20).unwrap();
            "too large"
        }
        6 => "deleted",
        7 => {
            fs::write(&outside, &text).unwrap();
            symlink(&outside, &path).unwrap();
            "a link to the same content"
        }
        8 => {
            symlink("nowhere", &path).unwrap();
            "a link to nothing"
        }
        9 => {
            fs::create_dir(&path).unwrap();
            "a folder"
        }
        _ => {
            pipe(&path);
            "a pipe"
        }
    }
}

fn pipe(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

/// Puts something else in the place of a folder.
fn displace_folder(tree: &Tree, name: &str, random: &mut Random) -> &'static str {
    let path = tree.place.path().join(name);
    let outside = tree.place.beside("outside");
    fs::remove_dir_all(&outside).unwrap_or_default();
    fs::rename(&path, &outside).unwrap();
    match random.below(4) {
        0 => "deleted",
        1 => {
            fs::write(&path, "a file\n").unwrap();
            "a file"
        }
        2 => {
            symlink(&outside, &path).unwrap();
            "a link out of the repository"
        }
        _ => {
            symlink(tree.place.beside("nowhere"), &path).unwrap();
            "a link to nothing"
        }
    }
}

/// The working tree as it was checked out.
fn check_out(tree: &Tree) {
    for entry in fs::read_dir(tree.place.path()).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        match entry.file_type().unwrap().is_dir() {
            true if entry.file_name() == ".git" => {}
            true => fs::remove_dir_all(path).unwrap(),
            false => fs::remove_file(path).unwrap(),
        }
    }
    tree.git("checkout --quiet --force HEAD -- .");
}

#[test]
fn whatever_stands_in_the_working_tree_the_branch_is_the_one_that_a_bare_clone_makes() {
    let Some((tree, bare)) = tree_and_bare() else {
        return;
    };
    let expected = ["", "deploy other/0.yaml"].map(|line| branch_in(&tree, &bare, line));
    assert!(
        expected[0].0.contains("Imago-Change: "),
        "{}",
        expected[0].0
    );
    let names = tree.place.files().into_keys();
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".yaml")).collect();
    for seed in 0..STATES {
        let mut random = Random::new(seed);
        let mut state = Vec::new();
        let ends = *random.pick(&["false", "false", "true"]);
        tree.git(&format!("config core.autocrlf {ends}"));
        state.push(format!("core.autocrlf={ends}"));
        check_out(&tree);
        random.shuffle(&mut names);
        for name in &names[..random.below(names.len())] {
            state.push(format!("{name}: {}", displace(&tree, name, &mut random)));
        }
        if random.percent(40) {
            let name = *random.pick(&["deploy/eu", "deploy", "other"]);
            state.push(format!(
                "{name}: {}",
                displace_folder(&tree, name, &mut random)
            ));
        }
        if random.percent(20) {
            let attributes = tree.place.path().join(".gitattributes");
            fs::remove_file(&attributes).unwrap();
            pipe(&attributes);
            state.push(".gitattributes: a pipe".to_owned());
        }
        for (line, expected) in ["", "deploy other/0.yaml"].iter().zip(&expected) {
            let found = branch_in(&tree, &tree.place.path(), line);
            assert_eq!(found, *expected, "seed {seed}, `{line}`: {state:#?}");
        }
    }
    check_out(&tree);
    tree.assert_whole();
}

#[test]
fn what_is_checked_out_is_not_read_from_the_objects() {
    let Some(tree) = Tree::new() else { return };
    let id = tree.git("rev-parse HEAD:deploy/web.yaml");
    let (folder, name) = id.trim().split_at(2);
    let object = tree
        .place
        .path()
        .join(format!(".git/objects/{folder}/{name}"));
    let kept = fs::read(&object).unwrap();
    fs::remove_file(&object).unwrap();
    let json = tree
        .imago("--update --branch imago/update --output json", 0)
        .json();
    assert_eq!(
        json["files_changed"],
        serde_json::json!(["deploy/api.yaml", "deploy/web.yaml"])
    );
    fs::write(object, kept).unwrap();
    tree.assert_whole();
}

#[test]
fn what_a_clone_without_blobs_has_checked_out_is_not_fetched() {
    let Some(two) = Two::new() else { return };
    two.ours.git("config remote.origin.promisor true");
    let id = two.ours.git("rev-parse HEAD:deploy/web.yaml");
    let (folder, name) = id.trim().split_at(2);
    let objects = two.ours.place.path().join(".git/objects");
    fs::remove_file(objects.join(folder).join(name)).unwrap();
    // Nothing can be fetched from there.
    let bare = two.ours.place.beside("bare.git");
    fs::rename(&bare, two.ours.place.beside("moved.git")).unwrap();
    two.ours.imago("--update --branch imago/update", 0);
    assert!(!objects.join(folder).join(name).exists());
    fs::write(two.ours.place.path().join("deploy/web.yaml"), "mine\n").unwrap();
    two.ours.git("branch -D imago/update");
    two.ours.imago("--update --branch imago/update", 2);
}
