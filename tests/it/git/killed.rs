//! A run that is killed at any point leaves an intact repository and complete files, and the next run works.

use std::time::{Duration, Instant};

use super::push::Two;
use super::{Tree, deployment, image};
use crate::faults::{rounds, seed};
use crate::laws::random::Random;

const FILES: usize = 40;
const REQUESTS: u32 = 8;

/// The commands, and at how many points an ordinary run of the tests kills each.
const LINES: [(&str, u32); 3] = [
    ("--update", 8),
    ("--update --commit", 8),
    ("--update --push", 16),
];

#[test]
fn a_run_that_is_killed_anywhere_is_made_good_by_the_next() {
    for (line, points) in LINES {
        let Some(two) = Two::new() else { return };
        for number in 0..FILES {
            two.ours.write(
                &format!("deploy/{number}.yaml"),
                deployment(&format!("web-{number}")),
            );
        }
        two.ours.git("add deploy");
        two.ours.git("commit --quiet --message many");
        two.ours.git("push --quiet origin main");
        let begin = Instant::now();
        two.ours.imago(line, 0);
        let whole = begin.elapsed();
        let (points, seed) = (rounds(points), seed());
        let mut random = Random::new(seed);
        let mut interrupted = 0;
        for point in 0..points {
            let place =
                format!("{line}, point {point} of IMAGO_FAULTS={points} IMAGO_FAULTS_SEED={seed}");
            let digit = format!("{:x}", point % 13 + 2);
            two.ours.moved(&digit);
            let after = whole * u32::try_from(random.below(1000)).unwrap() / 1000;
            interrupted += u32::from(two.ours.run(line).killed_after(after));
            // A program that the killed run started, such as a push, ends by itself.
            std::thread::sleep(Duration::from_millis(150));
            assert_eq!(two.ours.git("fsck --strict --no-dangling"), "", "{place}");
            assert!(comes_to_be_whole(&two), "{place}");
            let is_half = |name: &str, text: &[u8]| {
                name.ends_with(".yaml")
                    && !(text.starts_with(b"# the front door\n") && text.ends_with(b"# keep me\n"))
            };
            let halves = two
                .ours
                .place
                .files()
                .into_iter()
                .filter(|(name, text)| is_half(name, text));
            assert_eq!(
                halves.map(|(name, _)| name).collect::<Vec<_>>(),
                [""; 0],
                "{place}"
            );
            remove_lock_of_the_dead(&two, line);
            two.ours.imago(line, 0);
            assert!(
                (0..FILES).all(|number| two
                    .ours
                    .read(&format!("deploy/{number}.yaml"))
                    .contains(&image(&digit))),
                "{place}"
            );
            if line != "--update" {
                assert_eq!(
                    two.ours.git("status --porcelain --untracked-files=no"),
                    "",
                    "{place}"
                );
            }
            if line.contains("--push") {
                assert_eq!(
                    two.ours.git("rev-parse HEAD"),
                    two.ours.git("rev-parse origin/main"),
                    "{place}"
                );
            }
        }
        assert_eq!(two.ours.git("log --merges --format=%s"), "");
        let (trees, subjects) = (two.ours.git("log --format=%T"), two.ours.log());
        let trees: Vec<&str> = trees.lines().collect();
        assert!(
            trees.windows(2).all(|pair| pair[0] != pair[1]),
            "an empty commit"
        );
        assert!(
            subjects.ends_with(&["many".to_owned(), "first".to_owned()]),
            "{subjects:?}"
        );
        eprintln!("{line}: {interrupted} of {points} runs were killed before their end");
        // How many depends on the load of the machine.
        assert!(interrupted > 0, "{line}: {interrupted} of {points}");
    }
}

#[test]
fn a_run_that_was_killed_between_index_and_branch_is_made_good_at_once() {
    let Some(two) = Two::new() else { return };
    for digit in ["1", "2"] {
        two.ours.moved("1");
        two.ours.imago("--update --push", 0);
        two.ours.git("reset --quiet --soft HEAD~1");
        for name in ["web", "api"] {
            two.ours.write(
                &format!("deploy/{name}.yaml"),
                two.ours.git(&format!("show HEAD:deploy/{name}.yaml")),
            );
        }
        two.ours.moved(digit);
        two.ours.imago("--update --push", 0);
        assert_eq!(
            two.ours.git("rev-parse HEAD"),
            two.ours.git("rev-parse origin/main"),
            "{digit}"
        );
        assert_eq!(two.ours.status(), "", "{digit}");
        assert!(
            ["web", "api"].iter().all(|name| two
                .ours
                .read(&format!("deploy/{name}.yaml"))
                .contains(&image(digit))),
            "{digit}"
        );
        two.ours.imago("--restore --push", 0);
    }
}

#[test]
fn a_run_that_is_asked_to_end_does_so_and_leaves_nothing_behind() {
    for (line, signal, asked) in [
        ("--update", "INT", 130),
        ("--update", "TERM", 143),
        ("--update --commit", "TERM", 143),
    ] {
        let Some(tree) = Tree::new() else { return };
        for number in 0..FILES * 3 {
            tree.write(
                &format!("deploy/{number}.yaml"),
                deployment(&format!("web-{number}")),
            );
        }
        tree.git("add deploy");
        tree.git("commit --quiet --message many");
        let begin = Instant::now();
        tree.imago(line, 0);
        let whole = begin.elapsed();
        let mut codes = Vec::new();
        for point in 0..REQUESTS {
            let digit = format!("{:x}", point % 13 + 2);
            tree.moved(&digit);
            let ended = tree
                .run(line)
                .signalled_after(signal, whole * point / REQUESTS);
            tree.assert_whole();
            let manifests = tree
                .place
                .files()
                .into_iter()
                .filter(|(name, _)| name.ends_with(".yaml"));
            let (done, rest): (Vec<_>, Vec<_>) = manifests
                .partition(|(_, text)| String::from_utf8_lossy(text).contains(&image(&digit)));
            assert!(
                rest.iter().all(|(_, text)| text.ends_with(b"# keep me\n")),
                "{point}"
            );
            // If it commits, branch, index and files change together.
            if line.contains("--commit") {
                assert_eq!(tree.status(), "", "{point}");
                assert!(
                    done.is_empty() || rest.is_empty(),
                    "{point}: {} {}",
                    done.len(),
                    rest.len()
                );
            }
            // -1: the signal came before the program had installed its handler.
            assert!(
                [asked, 0, -1].contains(&ended.code),
                "{point}: {} {}",
                ended.code,
                ended.stderr
            );
            if ended.code == 0 {
                assert!(rest.is_empty(), "{point}");
            }
            codes.push(ended.code);
            tree.imago(line, 0);
        }
        assert!(codes.contains(&asked), "{codes:?}");
    }
}

/// Whether the remote is intact, at once or after a push that outlives its caller has sent all its objects. On a busy machine
/// that takes seconds.
fn comes_to_be_whole(two: &Two) -> bool {
    let bare = two.ours.place.beside("bare.git");
    let is_whole = || {
        two.ours
            .place
            .program("git", ["-C", bare.to_str().unwrap(), "fsck", "--strict"])
            .finish()
            .code
            == 0
    };
    (0..40).any(|_| {
        let whole = is_whole();
        if !whole {
            std::thread::sleep(Duration::from_millis(250));
        }
        whole
    })
}

/// Removes the lock files that a killed Git leaves. Git says that a person has to do so.
fn remove_lock_of_the_dead(two: &Two, line: &str) {
    let git = two.ours.place.path().join(".git");
    for name in ["index.lock", "refs/heads/main.lock", "HEAD.lock"] {
        if git.join(name).exists() {
            let said = two.ours.imago(line, 2).stderr;
            assert!(said.contains("another Git process is at work"), "{said}");
            std::fs::remove_file(git.join(name)).unwrap();
        }
    }
}
