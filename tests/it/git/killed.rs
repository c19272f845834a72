//! A run that is killed anywhere leaves a whole repository, whole files, and a next run that ends well.

use std::time::{Duration, Instant};

use super::push::Two;
use super::{Tree, deployment, image};

const FILES: usize = 40;
const POINTS: u32 = 20;
const REQUESTS: u32 = 8;

#[test]
fn a_run_that_is_killed_anywhere_is_made_good_by_the_next() {
    let Some(two) = Two::new() else { return };
    for number in 0..FILES {
        two.ours.write(&format!("deploy/{number}.yaml"), deployment(&format!("web-{number}")));
    }
    two.ours.git("add deploy");
    two.ours.git("commit --quiet --message many");
    two.ours.git("push --quiet origin main");
    let begin = Instant::now();
    two.ours.imago("--update --push", 0);
    let whole = begin.elapsed();
    let mut interrupted = 0;
    for point in 0..POINTS {
        let digit = format!("{:x}", point % 13 + 2);
        two.ours.moved(&digit);
        let after = whole * point / POINTS;
        interrupted += usize::from(two.ours.run("--update --push").killed_after(after));
        // What the killed run has called, such as a push, comes to its end by itself.
        std::thread::sleep(Duration::from_millis(150));
        assert_eq!(two.ours.git("fsck --strict --no-dangling"), "", "{point}");
        two.ours
            .place
            .program("git", ["-C", two.ours.place.beside("bare.git").to_str().unwrap(), "fsck", "--strict"])
            .finish_with(0);
        let halves =
            two.ours.place.files().into_iter().filter(|(name, text)| name.ends_with(".yaml") && !text.ends_with(b"# keep me\n"));
        assert_eq!(halves.map(|(name, _)| name).collect::<Vec<_>>(), [""; 0], "{point}");
        remove_lock_of_the_dead(&two);
        two.ours.imago("--update --push", 0);
        assert_eq!(two.ours.git("rev-parse HEAD"), two.ours.git("rev-parse origin/main"), "{point}");
        let status = two.ours.git("status --porcelain --untracked-files=no");
        assert_eq!(status, "", "{point}");
        assert!((0..FILES).all(|number| two.ours.read(&format!("deploy/{number}.yaml")).contains(&image(&digit))), "{point}");
    }
    assert_eq!(two.ours.git("log --merges --format=%s"), "");
    let trees = two.ours.git("log --format=%T");
    let trees: Vec<&str> = trees.lines().collect();
    assert!(trees.windows(2).all(|pair| pair[0] != pair[1]), "an empty commit");
    // How many depends on what else the machine does meanwhile.
    assert!(interrupted >= POINTS as usize / 5, "{interrupted}");
}

#[test]
fn a_run_that_is_asked_to_end_does_so_and_leaves_nothing_behind() {
    for (line, signal, asked) in [("--update", "INT", 130), ("--update", "TERM", 143), ("--update --commit", "TERM", 143)] {
        let Some(tree) = Tree::new() else { return };
        for number in 0..FILES * 3 {
            tree.write(&format!("deploy/{number}.yaml"), deployment(&format!("web-{number}")));
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
            let ended = tree.run(line).signalled_after(signal, whole * point / REQUESTS);
            tree.assert_whole();
            let manifests = tree.place.files().into_iter().filter(|(name, _)| name.ends_with(".yaml"));
            let (done, rest): (Vec<_>, Vec<_>) =
                manifests.partition(|(_, text)| String::from_utf8_lossy(text).contains(&image(&digit)));
            assert!(rest.iter().all(|(_, text)| text.ends_with(b"# keep me\n")), "{point}");
            // Where it commits, the branch, the index and the files go together.
            if line.contains("--commit") {
                assert_eq!(tree.status(), "", "{point}");
                assert!(done.is_empty() || rest.is_empty(), "{point}: {} {}", done.len(), rest.len());
            }
            // -1: before the program was there to meet the signal.
            assert!([asked, 0, -1].contains(&ended.code), "{point}: {} {}", ended.code, ended.stderr);
            if ended.code == 0 {
                assert!(rest.is_empty(), "{point}");
            }
            codes.push(ended.code);
            tree.imago(line, 0);
        }
        assert!(codes.contains(&asked), "{codes:?}");
    }
}

/// Git itself leaves its lock files when it is killed, and says that a person has to remove them.
fn remove_lock_of_the_dead(two: &Two) {
    let git = two.ours.place.path().join(".git");
    for name in ["index.lock", "refs/heads/main.lock", "HEAD.lock"] {
        if git.join(name).exists() {
            let said = two.ours.imago("--update --push", 2).stderr;
            assert!(said.contains("another Git process is at work"), "{said}");
            std::fs::remove_file(git.join(name)).unwrap();
        }
    }
}
