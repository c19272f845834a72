//! The programs that work for a run: each has a time limit, and none gets a secret that is not its own.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use super::push::Two;
use super::{Tree, deployment};
use crate::support::programs;
use crate::support::remote::{Door, HttpRemote};

const SECRET: &str = "hunter2hunter2";

/// A port that accepts connections and never answers.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || listener.incoming().collect::<Vec<_>>());
    host
}

fn script(tree: &Tree, name: &str, lines: &str) -> String {
    let path = tree.place.beside(name);
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A script that hangs, after it wrote its process id and that of its own child.
fn hanging(note: &Path) -> String {
    format!("sleep 300 &\necho $$ $! >{}\nwait", note.display())
}

/// Checks that the processes with these ids are gone.
fn assert_gone(note: &Path) {
    let numbers = std::fs::read_to_string(note).unwrap();
    assert_eq!(numbers.split_whitespace().count(), 2, "{numbers}");
    let is_there = |number: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        // A zombie has ended.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    for _ in 0..100 {
        if !numbers.split_whitespace().any(is_there) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("still there: {numbers}");
}

#[test]
fn a_remote_that_never_answers_is_given_up() {
    for scheme in ["http", "git"] {
        let Some(two) = Two::new() else { return };
        two.ours.git(&format!(
            "remote set-url origin {scheme}://{}/deploy.git",
            silent()
        ));
        let said = two
            .ours
            .run("--update --push")
            .env("IMAGO_GIT_TIMEOUT", "1")
            .finish_with(2)
            .stderr;
        let begin = "error: cannot push to `origin`; nothing was changed here\n  cause: `git ls-remote` did not end within 1 s\n";
        assert!(
            said.starts_with(begin) && said.contains("hint: check the network"),
            "{scheme}: {said}"
        );
        assert_eq!(
            (two.ours.status(), two.ours.log().len()),
            (String::new(), 1)
        );
    }
}

#[test]
fn what_hangs_is_ended_with_all_that_it_started() {
    // ssh, a hook, and a program that signs.
    let Some(two) = Two::new() else { return };
    let note = two.ours.place.beside("note");
    let ssh = script(&two.ours, "ssh", &hanging(&note));
    two.ours.git(&format!("config core.sshCommand {ssh}"));
    two.ours
        .git("remote set-url origin ssh://git.example.test/deploy.git");
    let run = |line: &str| {
        two.ours
            .run(line)
            .env("IMAGO_GIT_TIMEOUT", "2")
            .finish_with(2)
            .stderr
    };
    let said = run("--update --push");
    assert!(
        said.contains("cause: `git ls-remote` did not end within 2 s"),
        "{said}"
    );
    assert_gone(&note);
    two.ours.git(&format!(
        "remote set-url origin {}",
        two.ours.place.beside("bare.git").display()
    ));
    two.ours.hook("pre-push", &hanging(&note));
    let said = run("--update --push");
    assert!(
        said.contains(
            "cause: `git push` did not end within 2 s, and the remote may have taken the commit"
        ),
        "{said}"
    );
    assert_gone(&note);
    let gpg = script(&two.ours, "gpg", &hanging(&note));
    two.ours.git(&format!("config gpg.program {gpg}"));
    two.ours.git("config commit.gpgSign true");
    let said = run("--update --commit");
    assert!(
        said.contains("the commit cannot be signed: ")
            && said.contains("it did not end within 2 s"),
        "{said}"
    );
    assert_gone(&note);
    assert_eq!(
        (
            two.ours.status(),
            two.ours.log().len(),
            two.remote_log("main").len()
        ),
        (String::new(), 1, 1)
    );
}

#[test]
fn a_hook_that_prints_without_end_is_ended_and_named_by_what_ran_it() {
    let Some(two) = Two::new() else { return };
    two.ours.hook("pre-push", "yes 'a long line of a hook' >&2");
    let said = two.ours.imago("--update --push", 2).stderr;
    assert!(
        said.contains(
            "cause: `git push` printed more than 67108864 bytes and was ended, and the remote may have taken the commit\n"
        ) && said.contains("hint: have the hooks, or those of the remote, print less"),
        "{said}"
    );
    assert_eq!(two.remote_log("main").len(), 1);
}

#[test]
fn no_program_sees_a_secret_that_is_not_its_own() {
    let Some(two) = Two::new() else { return };
    let remote = HttpRemote::start(
        two.ours.place.beside("bare.git").parent().unwrap(),
        Door::Account("x-access-token", SECRET),
    );
    let dumps = two.ours.place.beside("dumps");
    std::fs::create_dir(&dumps).unwrap();
    let dump = |name: &str| {
        format!(
            "env >{}/{name}; cat /proc/self/cmdline /proc/$PPID/cmdline >>{}/{name}",
            dumps.display(),
            dumps.display()
        )
    };
    let signs = programs::find("ssh-keygen").is_some();
    if signs {
        let key = two.ours.place.beside("key");
        two.ours
            .place
            .program(
                "ssh-keygen",
                ["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()],
            )
            .finish_with(0);
        let program = script(
            &two.ours,
            "keygen",
            &format!("{}\nexec ssh-keygen \"$@\"", dump("signing")),
        );
        two.ours
            .git(&format!("config user.signingKey {}", key.display()));
        for line in [
            "commit.gpgSign true",
            "gpg.format ssh",
            &format!("gpg.ssh.program {program}"),
        ] {
            two.ours.git(&format!("config {line}"));
        }
    }
    two.ours.hook("pre-push", &dump("pre-push"));
    two.ours.hook("reference-transaction", &dump("reference"));
    let helper = format!("!f() {{ {}; }}; f", dump("helper"));
    two.ours
        .git_with(&["config", "credential.helper", &helper], 0);
    two.ours
        .git(&format!("remote set-url origin {}", remote.url("bare.git")));
    let server = format!("http://{}", remote.host);
    let ours: &[(&str, &str)] = &[
        ("IMAGO_GIT_TOKEN", SECRET),
        ("GITHUB_TOKEN", "ghs-other-secret"),
        ("TEAMCITY_TOKEN", "ghs-other-secret"),
        ("bamboo_deployPassword", "ghs-other-secret"),
    ];
    // Credentials of a runner are the last resort: the configured helper is asked first.
    let runners: &[(&str, &str)] = &[
        ("GITHUB_TOKEN", SECRET),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", &server),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (digit, environment) in [("1", ours), ("2", runners)] {
        two.ours.moved(digit);
        let run = environment
            .iter()
            .fold(two.ours.run("--update --push"), |run, (name, value)| {
                run.env(name, value)
            });
        run.finish_with(0);
        for entry in std::fs::read_dir(&dumps).unwrap() {
            let path = entry.unwrap().path();
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            assert!(
                text.contains("PATH=")
                    && !text.contains(SECRET)
                    && !text.contains("ghs-other-secret"),
                "{path:?}: {text}"
            );
            seen.insert(path.file_name().unwrap().to_str().unwrap().to_owned());
        }
    }
    let expected = ["helper", "pre-push", "reference", "signing"];
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        expected[..if signs { 4 } else { 3 }]
    );
    assert_eq!(two.remote_log("main").len(), 3);
}

#[test]
fn a_password_in_an_address_is_no_argument() {
    const PASSWORD: &str = "p%61ssword-of-an-address";
    let Some(two) = Two::new() else { return };
    let door = Door::Account("ada", "password-of-an-address");
    let remote = HttpRemote::start(two.ours.place.beside("bare.git").parent().unwrap(), door);
    let url = remote
        .url("bare.git")
        .replace("http://", &format!("http://ada:{PASSWORD}@"));
    let bare = two.ours.place.beside("bare.git");
    let seen = two.ours.place.beside("seen");
    // While the hook runs, so does the program that talks to the remote.
    two.ours.hook(
        "pre-push",
        &format!(
            "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>{}\nenv >>{}",
            seen.display(),
            seen.display()
        ),
    );
    let bare = bare.display().to_string();
    let (plain, account) = (remote.url(""), url.strip_suffix("bare.git").unwrap());
    let rewritten = |key: &str, from: &str| format!("config url.{account}.{key} {from}");
    for (set, branch) in [
        (vec![format!("remote set-url origin {url}")], ""),
        (
            vec![
                format!("remote set-url origin {bare}"),
                format!("remote set-url --push origin {url}"),
            ],
            " --branch imago/update",
        ),
        (
            vec![
                "config --unset-all remote.origin.pushurl".to_owned(),
                format!("remote set-url origin {plain}bare.git"),
                rewritten("insteadOf", &plain),
            ],
            "",
        ),
        (
            vec![
                format!("config url.{account}.insteadOf forge:"),
                "remote set-url origin forge:bare.git".to_owned(),
            ],
            " --branch imago/update",
        ),
        (
            vec![
                format!("config --remove-section url.{account}"),
                rewritten("pushInsteadOf", "forge:"),
                format!(
                    "config url.{}/.insteadOf forge:",
                    bare.strip_suffix("/bare.git").unwrap()
                ),
            ],
            "",
        ),
        (
            vec![
                format!("remote set-url --add --push origin {url}"),
                format!("remote set-url --add --push origin {bare}"),
            ],
            " --branch imago/update",
        ),
    ] {
        set.iter().for_each(|line| drop(two.ours.git(line)));
        for digit in ["1", "2"] {
            two.ours.moved(digit);
            two.ours.imago(&format!("--update --push{branch}"), 0);
        }
        let text = std::fs::read_to_string(&seen).unwrap();
        assert!(
            text.contains("remote-http") && !text.contains("ssword-of-an-address"),
            "{text}"
        );
    }
    assert_eq!(
        (
            two.remote_log("main").len(),
            two.remote_log("imago/update").len()
        ),
        (7, 8)
    );
    assert_eq!(
        two.ours.git("status --porcelain --branch"),
        "## main...origin/main\n"
    );
    assert_eq!(two.ours.git("remote"), "origin\n");
}

#[test]
fn no_program_that_speaks_to_a_remote_is_given_an_account() {
    const PASSWORD: &str = "password-of-an-address";
    for (flags, rewritten) in [
        ("", false),
        ("", true),
        (" --depth 1", true),
        (" --filter=blob:none", false),
        (" --filter=blob:none", true),
    ] {
        let Some(two) = Two::new() else { return };
        let bare = two.ours.place.beside("bare.git");
        two.ours.git(&format!(
            "-C {} config uploadpack.allowFilter true",
            bare.display()
        ));
        let remote = HttpRemote::start(bare.parent().unwrap(), Door::Account("ada", PASSWORD));
        let plain = remote.url("");
        let account = plain.replace("http://", &format!("http://ada:{PASSWORD}@"));
        two.ours
            .git(&format!("clone --quiet{flags} {account}bare.git clone"));
        let ours = Tree {
            place: two.ours.place,
            folder: "clone".to_owned(),
        };
        ours.identify();
        if rewritten {
            ours.git(&format!("remote set-url origin {plain}bare.git"));
            ours.git(&format!("config url.{account}.insteadOf {plain}"));
        }
        let two = Two {
            ours,
            theirs: two.theirs,
        };
        // A folder of Git's programs, in which the one for HTTP records what it gets.
        let (programs, noted) = (
            two.ours.place.beside("programs"),
            two.ours.place.beside("noted"),
        );
        std::fs::create_dir(&programs).unwrap();
        let from = two.ours.git("--exec-path");
        for program in std::fs::read_dir(from.trim_end()).unwrap() {
            let program = program.unwrap();
            if program.file_name() != "git-remote-http" {
                std::os::unix::fs::symlink(program.path(), programs.join(program.file_name()))
                    .unwrap();
            }
        }
        let speaks = programs.join("git-remote-http");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >>{}\nexec {}/git-remote-http \"$@\"\n",
            noted.display(),
            from.trim_end()
        );
        std::fs::write(&speaks, script).unwrap();
        std::fs::set_permissions(&speaks, std::fs::Permissions::from_mode(0o755)).unwrap();
        let run = |line: &str| {
            two.ours
                .run(line)
                .env("GIT_EXEC_PATH", &programs)
                .finish_with(0);
        };
        for digit in ["1", "2"] {
            two.ours.moved(digit);
            // Run after others have pushed, and when the branch is replaced.
            two.they_push("note.txt", digit);
            two.they_push("deploy/other.yaml", &deployment(&format!("other-{digit}")));
            run("--update --push");
            two.they("pull --quiet --rebase origin main");
            run("--update --push");
            run("--restore --branch imago/restore --push");
        }
        let noted = std::fs::read_to_string(&noted).unwrap();
        assert!(noted.lines().count() > 6, "{noted}");
        assert!(
            !noted.contains("ada") && !noted.contains(PASSWORD),
            "{flags} {rewritten}: {noted}"
        );
    }
}

#[test]
fn a_token_in_the_place_of_a_name_is_no_argument_and_signs_in() {
    const TOKEN: &str = "token-in-the-place-of-a-name";
    let Some(two) = Two::new() else { return };
    let door = Door::Account(TOKEN, "x-oauth-basic");
    let remote = HttpRemote::start(two.ours.place.beside("bare.git").parent().unwrap(), door);
    let url = remote
        .url("bare.git")
        .replace("http://", &format!("http://{TOKEN}@"));
    two.ours.git(&format!("remote set-url origin {url}"));
    let seen = two.ours.place.beside("seen");
    two.ours.hook(
        "pre-push",
        &format!(
            "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >>{}\nenv >>{}",
            seen.display(),
            seen.display()
        ),
    );
    // Nobody has the password.
    let said = two.ours.imago("--update --push", 2);
    assert!(said.stderr.contains("credentials"), "{}", said.stderr);
    assert!(!said.stderr.contains(TOKEN), "{}", said.stderr);
    // Git asks the helpers for the password of that name.
    let helper = "!f() { while read line; do test -n \"$line\" || break; case $line in username=*) test $1 = get && \
                  echo $line && echo password=x-oauth-basic;; esac; done; }; f";
    two.ours
        .git_with(&["config", "credential.helper", helper], 0);
    two.ours.imago("--update --push", 0);
    assert_eq!(two.remote_log("main").len(), 2);
    let text = std::fs::read_to_string(&seen).unwrap();
    assert!(
        text.contains("remote-http") && !text.contains(TOKEN),
        "{text}"
    );
}

#[test]
fn what_ssh_says_is_told() {
    let Some(two) = Two::new() else { return };
    for (line, cause) in [
        (
            "ssh: connect to host git.example.test port 22: Connection refused",
            "the remote cannot be reached: ssh: connect to host",
        ),
        (
            "kex_exchange_identification: Connection closed by remote host",
            "kex_exchange_identification: Connection closed",
        ),
        (
            "git@git.example.test: Permission denied (publickey).",
            "the remote refuses the credentials: git@git.example.test: Permission",
        ),
    ] {
        let ssh = script(&two.ours, "ssh", &format!("echo '{line}' >&2\nexit 255"));
        two.ours.git(&format!("config core.sshCommand {ssh}"));
        two.ours
            .git("remote set-url origin ssh://git.example.test/deploy.git");
        let said = two.ours.imago("--update --push", 2).stderr;
        assert!(said.contains(cause), "{said}");
    }
}
