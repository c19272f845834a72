//! The people of a commit: author, committer, message and signature.

use super::Tree;
use crate::support::programs;

#[test]
fn message_author_and_signoff_are_as_asked() {
    let Some(tree) = Tree::new() else { return };
    let lock = tree.place.beside("digests.lock");
    let begin = [
        "files",
        "--offline",
        "--lock",
        lock.to_str().unwrap(),
        "--update",
        "--commit",
        "--signoff",
        "deploy/web.yaml",
    ];
    let more = [
        "--message",
        "deps: {images} image\n\n{changes}",
        "--author",
        "Bot <bot@example.test>",
    ];
    tree.place
        .imago(begin.into_iter().chain(more))
        .env("GIT_COMMITTER_NAME", "Grace")
        .finish_with(0);
    let message = "deps: 1 image\n\n- deploy/web.yaml Deployment/web app: registry.example.test/web:1.4 -> sha256:111111111111\n\n\
                   Imago-Branch: main\nSigned-off-by: Grace <ada@example.test>\n\n";
    let written = tree.git("log -1 --format=%B");
    let change = written
        .lines()
        .find(|line| line.starts_with("Imago-Change: "))
        .unwrap();
    assert_eq!(written.replace(&format!("{change}\n"), ""), message);
    assert_eq!(
        tree.git("log -1 --format=%an|%ae|%cn|%ce"),
        "Bot|bot@example.test|Grace|ada@example.test\n"
    );
}

#[test]
fn people_and_keys_are_those_that_git_would_take() {
    let Some(tree) = Tree::new() else { return };
    tree.git("config author.email bot@example.test");
    tree.git("config committer.name Robot");
    tree.imago("--update --commit", 0);
    assert_eq!(
        tree.git("log -1 --format=%an|%ae|%cn|%ce"),
        "Ada|bot@example.test|Robot|ada@example.test\n"
    );
    tree.moved("2");
    tree.run("--update --commit")
        .env("GIT_AUTHOR_EMAIL", "typed@example.test")
        .finish_with(0);
    assert_eq!(
        tree.git("log -1 --format=%ae|%ce"),
        "typed@example.test|ada@example.test\n"
    );
    if programs::find("ssh-keygen").is_none() {
        return;
    }
    let key = tree.place.path().join("key");
    tree.place
        .program(
            "ssh-keygen",
            ["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()],
        )
        .finish_with(0);
    for line in [
        "config commit.gpgSign true",
        "config gpg.format ssh",
        "config user.signingKey key",
    ] {
        tree.git(line);
    }
    tree.moved("3");
    tree.run("--update --commit")
        .folder(&tree.place.path().join("deploy"))
        .finish_with(0);
    assert!(
        tree.git("cat-file commit HEAD")
            .contains("BEGIN SSH SIGNATURE")
    );
}

#[test]
fn a_commit_is_signed_where_git_is_told_to() {
    let Some(tree) = Tree::new() else { return };
    if programs::find("ssh-keygen").is_none() {
        return;
    }
    let key = tree.place.beside("key");
    let key = key.to_str().unwrap();
    tree.place
        .program("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
        .finish_with(0);
    let public = std::fs::read_to_string(format!("{key}.pub")).unwrap();
    let allowed = tree.place.beside("allowed");
    std::fs::write(&allowed, format!("ada@example.test {public}")).unwrap();
    tree.git("config commit.gpgSign true");
    tree.git("config gpg.format ssh");
    tree.git(&format!(
        "config gpg.ssh.allowedSignersFile {}",
        allowed.display()
    ));
    assert!(
        tree.imago("--update --commit", 2)
            .stderr
            .contains("`user.signingKey` is not set")
    );
    tree.git(&format!("config user.signingKey {key}.nowhere"));
    assert!(
        tree.imago("--update --commit", 2)
            .stderr
            .contains("cannot be signed: `ssh-keygen` says: ")
    );
    assert_eq!((tree.status(), tree.log().len()), (String::new(), 1));
    tree.git(&format!("config user.signingKey {key}"));
    tree.imago("--update --commit", 0);
    tree.git("verify-commit HEAD");
    if programs::find("gpg").is_none() {
        return;
    }
    let parameters = "Key-Type: eddsa\nKey-Curve: ed25519\nName-Real: Ada\nName-Email: ada@example.test\n%no-protection\n%commit\n";
    let file = tree.place.beside("parameters");
    std::fs::write(&file, parameters).unwrap();
    tree.place
        .program(
            "gpg",
            [
                "--batch",
                "--quiet",
                "--generate-key",
                file.to_str().unwrap(),
            ],
        )
        .finish_with(0);
    tree.git("config gpg.format openpgp");
    tree.git("config --unset user.signingKey");
    tree.moved("2");
    tree.imago("--update --commit", 0);
    tree.git("verify-commit HEAD");
}
