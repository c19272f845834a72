//! What Git allows and hardly anybody has: names that are not seen, branches that are on no commit, trees out of order, and hooks that edit.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;

use super::Tree;
use super::push::Two;

/// Characters that a message of a commit does not keep, or that are not read back from its end.
const UNSEEN: [char; 8] = [
    '\u{200e}', '\u{200f}', '\u{61c}', '\u{feff}', '\u{2028}', '\u{85}', '\u{a0}', '\u{3000}',
];

/// An entry of a tree: mode, name and object.
type Entry<'a> = (&'a str, &'a str, &'a str);

#[test]
fn a_branch_that_no_message_can_name_is_refused_at_once() {
    let Some(two) = Two::new() else { return };
    let ours = &two.ours;
    for unseen in UNSEEN {
        let name = format!("imago/a{unseen}");
        let refused = |line: &str| {
            let said = ours.imago(line, 2).stderr;
            assert!(
                said.contains("the name of the branch `imago/a")
                    && said.contains("hint: rename it with `git branch --move`"),
                "{line:?}: {said}"
            );
        };
        refused(&format!("--update --push --branch {name}"));
        refused(&format!("--update --commit --branch {name}"));
        refused(&format!("--update --push --branch {name} --dry-run"));
        ours.git(&format!("checkout --quiet -b {name}"));
        refused("--update --commit");
        refused("--update --push");
        // A report does not commit, and another branch may be named.
        ours.imago("", 0);
        ours.imago("--update --push --branch imago/update", 0);
        ours.git("checkout --quiet main");
    }
    assert_eq!(
        (ours.log(), ours.status()),
        (vec!["first".to_owned()], String::new())
    );
    let heads = ours.git("ls-remote --heads origin");
    assert_eq!(heads.lines().count(), 2, "{heads}");
    // What is seen is kept, in any script, and wherever it stands.
    for name in ["imago/é", "imago/更新", "imago/a\u{a0}b"] {
        for digit in ["1", "2"] {
            ours.moved(digit);
            ours.imago(&format!("--update --push --branch {name}"), 0);
        }
    }
}

#[test]
fn a_branch_whose_name_is_not_utf8_is_named_with_a_way_out() {
    let Some(tree) = Tree::new() else { return };
    let git = tree.place.path().join(".git");
    let name = OsStr::from_bytes(b"w\xe9");
    // Not every file system takes it.
    if fs::copy(
        git.join("refs/heads/main"),
        git.join("refs/heads").join(name),
    )
    .is_err()
    {
        return;
    }
    fs::write(git.join("HEAD"), b"ref: refs/heads/w\xe9\n").unwrap();
    for line in ["--update --commit", "--update --branch imago/update"] {
        let said = tree.imago(line, 2).stderr;
        assert!(
            said.contains("the name of the branch `w\u{fffd}`") && said.contains("\n  hint: "),
            "{said}"
        );
    }
}

#[test]
fn an_identity_and_a_signature_that_cannot_be_used_are_named_with_a_way_out() {
    let Some(tree) = Tree::new() else { return };
    let refused = |what: &str| {
        let said = tree.imago("--update --commit", 2).stderr;
        assert!(said.contains(what) && said.contains("\n  hint: "), "{said}");
        assert_eq!(
            (tree.log(), tree.status()),
            (vec!["first".to_owned()], String::new())
        );
    };
    tree.git_with(&["config", "user.name", "Ada <ada>"], 0);
    refused("a name or mail address for a commit cannot be used: ");
    tree.git("config user.name Ada");
    for role in ["author", "committer"] {
        tree.git_with(&["config", &format!("{role}.name"), "<>"], 0);
        refused("a name or mail address for a commit cannot be used: ");
        tree.git(&format!("config --unset {role}.name"));
    }
    let config = tree.place.path().join(".git/config");
    let text = fs::read(&config).unwrap();
    fs::write(&config, [&text, &b"[user]\nname = Ren\xe9\n"[..]].concat()).unwrap();
    refused("a name or mail address for a commit cannot be used: ");
    fs::write(&config, text).unwrap();
    let signer = tree.place.beside("signer");
    fs::write(
        &signer,
        "#!/bin/sh\ncat >/dev/null\nprintf -- '-----BEGIN PGP SIGNATURE-----\\n\\0\\n'\n",
    )
    .unwrap();
    fs::set_permissions(&signer, fs::Permissions::from_mode(0o755)).unwrap();
    tree.git("config commit.gpgSign true");
    tree.git(&format!("config gpg.program {}", signer.display()));
    refused("the commit cannot be signed: ");
}

#[test]
fn a_branch_of_the_remote_that_is_on_no_commit_is_named() {
    for kind in ["tag", "tree", "blob"] {
        let Some(two) = Two::new() else { return };
        let ours = &two.ours;
        let bare = ours.place.beside("bare.git");
        ours.git("tag --annotate --message x v1");
        ours.git("push --quiet origin v1");
        let object = match kind {
            "tag" => "v1",
            "tree" => "HEAD^{tree}",
            _ => "HEAD:note.txt",
        };
        let id = ours.git(&format!("rev-parse {object}"));
        for name in ["imago/update", "main"] {
            let branch = bare.join("refs/heads").join(name);
            fs::create_dir_all(branch.parent().unwrap()).unwrap();
            fs::write(branch, &id).unwrap();
            let said = ours
                .imago(&format!("--update --push --branch {name}"), 2)
                .stderr;
            let cause = format!("the remote's branch `{name}` is on a {kind}, and on no commit");
            assert!(said.contains(&cause), "{kind}: {said}");
            assert!(said.contains("hint: delete that branch there"), "{said}");
        }
        assert_eq!(
            (ours.log(), ours.status()),
            (vec!["first".to_owned()], String::new())
        );
    }
}

#[test]
fn where_one_of_several_places_refuses_it_is_said_that_others_have_the_commit() {
    let Some(two) = Two::new() else { return };
    let ours = &two.ours;
    let places = ["bare.git", "mirror.git"].map(|name| ours.place.beside(name));
    let [bare, mirror] = places.each_ref().map(|place| place.display());
    ours.git(&format!("clone --quiet --bare {bare} {mirror}"));
    for place in [&bare, &mirror] {
        ours.git(&format!("remote set-url --add --push origin {place}"));
    }
    let hook = places[1].join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    for (line, name) in [
        ("--update --push --branch imago/update", "imago/update"),
        ("--update --push", "main"),
    ] {
        // The second time it has it from before.
        for _ in 0..2 {
            let said = ours.imago(line, 2).stderr;
            let has = ours.git(&format!("ls-remote {bare} refs/heads/{name}"));
            let has = has.split('\t').next().unwrap().to_owned();
            let what = format!(
                "error: cannot push to all places of `origin`: 1 of 2 has {has}; nothing was changed here\n"
            );
            assert!(said.contains(&what), "{said}");
        }
    }
    // Where none has it, nothing changed anywhere.
    fs::create_dir_all(places[0].join("hooks")).unwrap();
    fs::copy(&hook, places[0].join("hooks/pre-receive")).unwrap();
    ours.git("checkout --quiet --detach HEAD~1");
    let said = ours.imago("--update --push --branch imago/other", 2).stderr;
    assert!(
        said.contains("error: cannot push to `origin`; nothing was changed here\n"),
        "{said}"
    );
}

#[test]
fn a_tree_that_has_a_name_twice_is_refused_wherever_the_two_stand() {
    let Some(tree) = Tree::new() else { return };
    let head = tree.git("rev-parse HEAD:deploy/web.yaml");
    let blob = head.trim();
    let folder = tree.git("rev-parse HEAD:deploy");
    let folder = folder.trim();
    let cases: [(&str, &[Entry<'_>]); 2] = [
        (
            "the entry `D.yaml` out of order",
            &[
                ("100644", "d.yaml", blob),
                ("100644", "D.yaml", blob),
                ("100644", "d.yaml", blob),
            ],
        ),
        (
            "the entry `d` twice",
            &[
                ("100644", "d", blob),
                ("100644", "d.yaml", blob),
                ("40000", "d", folder),
            ],
        ),
    ];
    for (number, (what, entries)) in cases.into_iter().enumerate() {
        let mut content = Vec::new();
        for (mode, name, id) in entries {
            content.extend(format!("{mode} {name}\0").as_bytes());
            content.extend((0..20).map(|at| u8::from_str_radix(&id[at * 2..][..2], 16).unwrap()));
        }
        let file = tree.place.beside("object");
        fs::write(&file, content).unwrap();
        let made = tree.git(&format!(
            "hash-object -t tree -w --literally {}",
            file.display()
        ));
        let commit = tree.git(&format!("commit-tree -m odd {}", made.trim()));
        tree.git(&format!("update-ref refs/heads/odd {}", commit.trim()));
        let bare = tree.place.beside(&format!("odd-{number}.git"));
        tree.git(&format!(
            "clone --quiet --bare --branch odd . {}",
            bare.display()
        ));
        for setting in ["user.name Ada", "user.email ada@example.test"] {
            tree.git(&format!("--git-dir {} config {setting}", bare.display()));
        }
        for line in [
            "--check",
            "--update --commit",
            "--update --branch imago/update",
        ] {
            let said = tree.run(line).folder(&bare).finish_with(2).stderr;
            assert!(
                said.contains(what) && said.contains("\n  hint: "),
                "{line}: {said}"
            );
        }
    }
}

#[test]
fn what_a_hook_edits_while_it_is_pushed_is_committed_and_said_to_be_not_written() {
    let Some(two) = Two::new() else { return };
    let ours = &two.ours;
    ours.hook("pre-push", "echo '# f' >>deploy/web.yaml");
    let said = ours.imago("--update --push", 3);
    assert!(
        said.stderr
            .contains("error: cannot write `deploy/web.yaml`; the commit has its change\n"),
        "{}",
        said.stderr
    );
    assert!(
        said.stdout.contains("updated 2 images") && !said.stdout.contains("not changed"),
        "{}",
        said.stdout
    );
    assert_eq!(ours.changed_lines("HEAD").len(), 2 * 4);
    assert!(ours.read("deploy/web.yaml").ends_with("# f\n"));
}
