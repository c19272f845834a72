//! Pushing over HTTP with a password and over ssh, and where secrets go.

use super::push::Two;
use crate::support::programs;
use crate::support::remote::{Door, HttpRemote, SshRemote, basic};

const SECRET: &str = "hunter2hunter2";

/// A clone whose remote is reached over http.
fn over_http() -> Option<(Two, HttpRemote)> {
    let two = Two::new()?;
    let remote = HttpRemote::start(
        two.ours.place.beside("bare.git").parent().unwrap(),
        Door::Account("x-access-token", SECRET),
    );
    two.ours
        .git(&format!("remote set-url origin {}", remote.url("bare.git")));
    Some((two, remote))
}

/// As `actions/checkout` leaves it, in its older form.
fn header_in_config(two: &Two, remote: &HttpRemote, password: &str) {
    let value = format!(
        "AUTHORIZATION: {}",
        basic("x-access-token", password).replacen("Basic", "basic", 1)
    );
    let key = format!("http.{}.extraheader", remote.url(""));
    two.ours.git_with(&["config", "--local", &key, &value], 0);
}

/// As `actions/checkout` leaves it, in its newer form: a separate file that is included for this repository.
fn header_in_included_file(two: &Two, remote: &HttpRemote, password: &str) {
    header_in_config(two, remote, password);
    let config = two.ours.place.path().join(".git/config");
    let included = two.ours.place.beside("credentials.config");
    let key = format!("http.{}.extraheader", remote.url(""));
    let value = two.ours.git_with(&["config", "--local", &key], 0);
    two.ours
        .git_with(&["config", "--local", "--unset", &key], 0);
    two.ours.git_with(
        &[
            "config",
            "--file",
            included.to_str().unwrap(),
            &key,
            value.trim_end(),
        ],
        0,
    );
    let condition = format!(
        "includeIf.gitdir:{}.path",
        config.parent().unwrap().display()
    );
    two.ours.git_with(
        &["config", "--local", &condition, included.to_str().unwrap()],
        0,
    );
}

#[test]
fn every_way_to_sign_in_pushes() {
    type Act = fn(&Two, &HttpRemote);
    type Case = (&'static str, Act, &'static [(&'static str, &'static str)]);
    let cases: [Case; 7] = [
        ("token", |_, _| {}, &[("IMAGO_GIT_TOKEN", SECRET)]),
        (
            "token over a stale header",
            |two, remote| header_in_config(two, remote, "stale"),
            &[("IMAGO_GIT_TOKEN", SECRET)],
        ),
        (
            "token over a stale included header",
            |two, remote| header_in_included_file(two, remote, "stale"),
            &[("IMAGO_GIT_TOKEN", SECRET)],
        ),
        (
            "header",
            |two, remote| header_in_config(two, remote, SECRET),
            &[],
        ),
        (
            "included header",
            |two, remote| header_in_included_file(two, remote, SECRET),
            &[("GITHUB_TOKEN", "other"), ("GITHUB_ACTIONS", "true")],
        ),
        (
            "credential helper",
            |two, _| {
                let helper =
                    format!("!f() {{ echo username=x-access-token; echo password={SECRET}; }}; f");
                two.ours
                    .git_with(&["config", "credential.helper", &helper], 0);
            },
            &[],
        ),
        (
            "token over a stale helper",
            |two, _| {
                two.ours.git_with(
                    &[
                        "config",
                        "credential.helper",
                        "!f() { echo username=a; echo password=stale; }; f",
                    ],
                    0,
                );
            },
            &[("IMAGO_GIT_TOKEN", SECRET)],
        ),
    ];
    for (name, act, environment) in cases {
        let Some((two, remote)) = over_http() else {
            return;
        };
        act(&two, &remote);
        let run = environment
            .iter()
            .fold(two.ours.run("--update --push"), |run, (name, value)| {
                run.env(name, value)
            });
        let said = run.finish();
        assert_eq!(said.code, 0, "{name}: {}", said.stderr);
        assert_eq!(two.remote_log("main").len(), 2, "{name}");
        let right = basic("x-access-token", SECRET);
        assert!(
            remote
                .authorizations()
                .iter()
                .all(|sent| sent.eq_ignore_ascii_case(&right)),
            "{name}: {:?}",
            remote.authorizations()
        );
        assert_eq!(two.ours.status(), "");
    }
    let Some((two, remote)) = over_http() else {
        return;
    };
    let server = format!("http://{}", remote.host);
    let run = two
        .ours
        .run("--update --push")
        .env("GITHUB_TOKEN", SECRET)
        .env("GITHUB_SERVER_URL", &server);
    assert!(
        run.finish_with(2)
            .stderr
            .contains("the remote asks for credentials, and there are none")
    );
    let run = two
        .ours
        .run("--update --push")
        .env("GITHUB_TOKEN", SECRET)
        .env("GITHUB_SERVER_URL", &server);
    run.env("GITHUB_ACTIONS", "true").finish_with(0);
}

#[test]
fn a_wrong_token_is_told_without_being_shown() {
    let Some((two, _)) = over_http() else { return };
    for (token, cause) in [
        ("wrongwrong", "the remote refuses the credentials: "),
        ("", "the remote asks for credentials, and there are none: "),
    ] {
        let said = two
            .ours
            .run("--update --push -vv")
            .env("IMAGO_GIT_TOKEN", token)
            .finish_with(2);
        assert!(
            said.stderr.contains(&format!("cause: {cause}"))
                && said.stderr.contains("hint: give a token"),
            "{}",
            said.stderr
        );
        assert!(!(said.stdout + &said.stderr).contains("wrongwrong"));
    }
    assert_eq!(
        (two.ours.status(), two.ours.log().len()),
        (String::new(), 1)
    );
    // The same for a password in the remote's address.
    let url = two
        .ours
        .git("remote get-url origin")
        .replace("http://", "http://ada:wrongwrong@");
    two.ours
        .git(&format!("remote set-url origin {}", url.trim()));
    let said = two.ours.imago("--update --push", 2);
    assert!(!(said.stdout + &said.stderr).contains("wrongwrong"));
}

#[test]
fn a_token_goes_to_no_other_host_and_into_no_argument() {
    let Some((two, remote)) = over_http() else {
        return;
    };
    let log = two.ours.place.beside("arguments");
    let bin = two.ours.place.beside("bin");
    std::fs::create_dir(&bin).unwrap();
    let git = programs::find("git").unwrap();
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >>{}\nexec {} \"$@\"\n",
        log.display(),
        git.display()
    );
    std::fs::write(bin.join("git"), script).unwrap();
    std::fs::set_permissions(
        bin.join("git"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    two.ours
        .run("--update --push")
        .env("IMAGO_GIT_TOKEN", SECRET)
        .env("PATH", &path)
        .finish_with(0);
    let arguments = std::fs::read_to_string(log).unwrap();
    assert!(
        arguments.contains("push --porcelain") && !arguments.contains(SECRET),
        "{arguments}"
    );
    // Now the server redirects to another one, which would take the token.
    let sender = HttpRemote::start(
        &two.ours.place.beside(""),
        Door::Elsewhere(format!("http://{}", remote.host)),
    );
    let before = remote.authorizations().len();
    two.ours
        .git(&format!("remote set-url origin {}", sender.url("bare.git")));
    two.ours.moved("2");
    two.ours
        .run("--update --push")
        .env("IMAGO_GIT_TOKEN", SECRET)
        .finish_with(2);
    assert_eq!(remote.authorizations().len(), before);
}

#[test]
fn over_ssh_a_known_host_is_pushed_to_and_an_unknown_one_is_refused() {
    let Some(two) = Two::new() else { return };
    let (Some(sshd), Some(_), Some(_)) = (
        programs::find("sshd"),
        programs::find("ssh"),
        programs::find("ssh-keygen"),
    ) else {
        return;
    };
    let Some(remote) = SshRemote::new(&two.ours.place.beside("ssh"), &sshd) else {
        return;
    };
    let bare = two.ours.place.beside("bare.git");
    two.ours.git(&format!(
        "remote set-url origin ssh://git.example.test{}",
        bare.display()
    ));
    two.ours.git_with(
        &[
            "config",
            "core.sshCommand",
            &format!("ssh -F {}", remote.client.display()),
        ],
        0,
    );
    for known in [
        "",
        "git.example.test ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFxoZW4gaXQgaXMgbm90IHRoZSByaWdodCBvbmUhISE=\n",
    ] {
        std::fs::write(&remote.known_hosts, known).unwrap();
        let said = two.ours.imago("--update --push", 2).stderr;
        assert!(
            said.contains("cause: the host's key is not known, or is another")
                && said.contains("hint: add the host's key"),
            "{said}"
        );
        assert_eq!(
            (two.ours.status(), two.ours.log().len()),
            (String::new(), 1)
        );
    }
    std::fs::write(&remote.known_hosts, &remote.right_host).unwrap();
    let said = two.ours.imago("--update --push", 0).stdout;
    assert!(said.contains("pushed to origin"), "{said}");
    two.they_push("note.txt", "theirs\n");
    two.ours.moved("2");
    two.ours.imago("--update --push", 0);
    assert_eq!(two.remote_log("main").len(), 4);
    assert_eq!(two.ours.status(), "");
}
