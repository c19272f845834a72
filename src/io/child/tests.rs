use std::path::Path;

use super::*;

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

fn shell(script: &str, limit: Duration) -> Child {
    let environment = BTreeMap::from([("PATH".into(), "/usr/bin:/bin".into())]);
    Child::new("sh", environment, limit).args(["-c", script])
}

/// Runs `run` with a named pipe, and returns what is written into it until no process has it open. It is empty if a child left no
/// process behind.
fn written_by_who_is_left(run: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| std::fs::read_to_string(&pipe).unwrap());
        run(&pipe);
        reader.join().unwrap()
    })
}

#[test]
fn what_a_child_prints_and_how_it_ends_is_told() {
    let finished = shell("cat; echo wrong >&2; exit 3", LONG)
        .input("text")
        .run()
        .unwrap();
    assert_eq!(
        (finished.stdout, finished.stderr),
        (b"text".to_vec(), b"wrong\n".to_vec())
    );
    assert_eq!(finished.status.code(), Some(3));
    // Large input and output at once do not deadlock.
    let big = "x".repeat(1 << 20);
    assert_eq!(
        shell("cat", LONG).input(big.clone()).run().unwrap().stdout,
        big.into_bytes()
    );
    assert!(
        shell("exit 0", LONG)
            .input("nobody reads this".repeat(100_000))
            .run()
            .unwrap()
            .status
            .success()
    );
}

#[test]
fn a_limit_ends_a_child_and_everything_that_it_started() {
    for script in [
        "(sleep 20; echo late) > PIPE & sleep 20",
        "exec > PIPE; trap '' TERM; (trap '' TERM; sleep 20; echo late) & while :; do sleep 1; done",
        "(sh -c 'sleep 20; echo late' & wait) > PIPE; sleep 20",
    ] {
        let left = written_by_who_is_left(|pipe| {
            let script = script.replace("PIPE", &pipe.display().to_string());
            let error = shell(&script, SHORT).run().unwrap_err();
            assert!(
                matches!(error, ChildError::Slow(limit) if limit == SHORT),
                "{script}: {error}"
            );
        });
        assert_eq!(left, "", "{script}");
    }
}

#[test]
fn what_a_child_started_has_ended_when_its_end_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("group");
    let busy = "(trap '' TERM; while :; do :; done) & ".repeat(16);
    let script = format!("echo $$ > {}; {busy} wait", file.display());
    shell(&script, SHORT).run().unwrap_err();
    let group = std::fs::read_to_string(&file).unwrap();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let about = processes.filter_map(|it| std::fs::read_to_string(it.path().join("stat")).ok());
    // Behind the name: state, parent, group. What nobody has taken note of is `Z`.
    let runs = |about: &String| {
        let fields: Vec<&str> = about.rsplit(')').next().unwrap().split(' ').collect();
        fields[3] == group.trim() && fields[1] != "Z"
    };
    assert_eq!(about.filter(runs).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_child_that_ends_by_itself_is_not_waited_for_because_of_whom_it_left() {
    // ssh leaves a master connection behind that keeps stderr open.
    let finished = shell("sleep 20 & echo done", LONG).run().unwrap();
    assert_eq!(finished.stdout, b"done\n");
}

#[test]
fn a_flood_is_ended() {
    for script in [
        "while :; do echo flood; done",
        "while :; do echo flood >&2; done",
    ] {
        let error = shell(script, LONG).most(1000).run().unwrap_err();
        assert!(matches!(error, ChildError::TooMuch(1000)), "{error}");
    }
    assert_eq!(
        shell("echo 1234567", LONG)
            .most(8)
            .run()
            .unwrap()
            .stdout
            .len(),
        8
    );
    assert!(shell("echo 12345678", LONG).most(8).run().is_err());
}

#[test]
fn a_child_has_the_given_environment_alone() {
    let environment = BTreeMap::from([
        ("PATH".into(), "/usr/bin:/bin".into()),
        ("GIVEN".into(), "1".into()),
    ]);
    let finished = Child::new("env", environment, LONG)
        .envs([("ADDED", "2")])
        .run()
        .unwrap();
    let text = String::from_utf8(finished.stdout).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["ADDED=2", "GIVEN=1", "PATH=/usr/bin:/bin"]);
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let error = Child::new("no-such-program", BTreeMap::new(), LONG)
        .run()
        .unwrap_err();
    assert!(
        matches!(&error, ChildError::Start(error) if error.kind() == io::ErrorKind::NotFound),
        "{error}"
    );
}

#[test]
fn a_child_that_nobody_waits_for_is_ended() {
    let left = written_by_who_is_left(|pipe| {
        let script = format!("(sleep 20; echo late) > {} & sleep 20", pipe.display());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            assert!(
                tokio::time::timeout(SHORT, shell(&script, LONG).finish())
                    .await
                    .is_err()
            );
        });
    });
    assert_eq!(left, "");
}
