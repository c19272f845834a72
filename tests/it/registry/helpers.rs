//! Docker's credential helpers: good ones, and ones that misbehave.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use imago::io::registry::Settings;

use super::{ask, digest_of, settings};
use crate::support::registry::{Access, TestRegistry, Tokens};

#[test]
fn ecr_takes_the_user_aws_and_leaves_the_digest_out() {
    let access = Access::Basic {
        user: "AWS".to_owned(),
        password: "hunter2".to_owned(),
    };
    let registry = TestRegistry::with(access, None);
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    registry.fault("shop/web", |_, _, fine| {
        fine.without("docker-content-digest")
    });
    let folder = tempfile::tempdir().unwrap();
    let json = format!(r#"{{"credHelpers":{{"{}":"ecr"}}}}"#, registry.host());
    let settings = with_helper(
        folder.path(),
        "ecr",
        r#"echo '{"Username":"AWS","Secret":"hunter2"}'"#,
        &json,
    );
    assert_eq!(
        digest_of(ask(settings, &format!("{}/shop/web:1", registry.host()))),
        digest
    );
}

/// Settings with a docker config and one credential helper: a script that gets the server's name in `$server`.
fn with_helper(folder: &Path, name: &str, script: &str, json: &str) -> Settings {
    let program = folder.join(format!("docker-credential-{name}"));
    std::fs::write(
        &program,
        format!(
            "#!/bin/sh\nread -r server || :\necho \"$server\" >> {}/asked\n{script}\n",
            folder.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(folder.join("config.json"), json).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let environment = BTreeMap::from([
        ("DOCKER_CONFIG".into(), folder.into()),
        ("PATH".into(), path.into()),
    ]);
    Settings {
        environment,
        ..settings()
    }
}

#[test]
fn a_helper_answers_in_each_of_its_ways() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let registry = TestRegistry::with(access, None);
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let host = registry.host();
    for (name, script, outcome) in [
        (
            "credentials",
            r#"echo '{"ServerURL":"x","Username":"user","Secret":"hunter2"}'"#,
            Ok(()),
        ),
        (
            "not found",
            "echo 'credentials not found in native keychain'; exit 1",
            Err("unauthorized"),
        ),
        (
            "nothing in it",
            r#"echo '{"Username":"","Secret":""}'"#,
            Err("unauthorized"),
        ),
        (
            "failure",
            "echo 'hunter2 is wrong'; exit 3",
            Err("credential-helper"),
        ),
        ("garbage", "echo 'hunter2'", Err("credential-helper")),
        ("nothing", "", Err("credential-helper")),
        (
            "flood",
            "while :; do echo hunter2hunter2hunter2hunter2hunter2hunter2; done",
            Err("credential-helper"),
        ),
        ("hang", "sleep 60", Err("credential-helper")),
        (
            "wrong",
            r#"echo '{"Username":"user","Secret":"other"}'"#,
            Err("credentials-refused"),
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = with_helper(folder.path(), "shop", script, r#"{"credsStore":"shop"}"#);
        settings.limits.helper =
            std::time::Duration::from_millis(if name == "hang" { 200 } else { 10_000 });
        match (ask(settings, &format!("{host}/shop/web:1")), outcome) {
            (Ok(answer), Ok(())) => assert_eq!(answer.digest.as_str(), digest, "{name}"),
            (Err(refusal), Err(code)) => {
                assert_eq!(refusal.code.as_str(), code, "{name}: {refusal:?}");
                assert!(
                    !format!("{refusal:?}").contains("hunter2"),
                    "{name}: {refusal:?}"
                );
            }
            (answer, _) => panic!("{name}: {answer:?}"),
        }
        let asked = std::fs::read_to_string(folder.path().join("asked")).unwrap();
        let times = if name == "wrong" { 2 } else { 1 };
        assert_eq!(asked, format!("{host}\n").repeat(times), "{name}");
    }
    let folder = tempfile::tempdir().unwrap();
    let settings = with_helper(folder.path(), "shop", "", r#"{"credsStore":"gone"}"#);
    assert_eq!(
        ask(settings, &format!("{host}/shop/web:1"))
            .unwrap_err()
            .code
            .as_str(),
        "credential-helper"
    );
}

#[test]
fn a_helpers_user_token_means_an_identity_token() {
    let tokens = Tokens {
        identity: Some("refresh-hunter2".to_owned()),
        ..Tokens::default()
    };
    let registry = TestRegistry::with(Access::Token(tokens), None);
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let folder = tempfile::tempdir().unwrap();
    let script = r#"echo '{"Username":"<token>","Secret":"refresh-hunter2"}'"#;
    let settings = with_helper(folder.path(), "acr", script, r#"{"credsStore":"acr"}"#);
    assert_eq!(
        digest_of(ask(settings, &format!("{}/shop/web:1", registry.host()))),
        digest
    );
}

#[test]
fn a_helper_gets_no_secret_that_is_ours_or_the_jobs() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let registry = TestRegistry::with(access, None);
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "env > {}/env; echo '{{\"Username\":\"user\",\"Secret\":\"hunter2\"}}'",
        folder.path().display()
    );
    let mut settings = with_helper(folder.path(), "shop", &script, r#"{"credsStore":"shop"}"#);
    let secrets = [
        "IMAGO_GIT_TOKEN",
        "IMAGO_FORGE_TOKEN",
        "GITHUB_TOKEN",
        "GH_TOKEN",
        "CI_JOB_TOKEN",
        "ACTIONS_RUNTIME_TOKEN",
        "VELA_NETRC_PASSWORD",
        "CF_API_KEY",
    ];
    let needed = [
        "HOME",
        "AWS_SECRET_ACCESS_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "AZURE_CLIENT_SECRET",
        "HTTPS_PROXY",
    ];
    settings
        .environment
        .extend(secrets.iter().map(|name| (name.into(), "hunter3".into())));
    settings.environment.extend(
        needed
            .iter()
            .map(|name| (name.into(), "127.0.0.1:1".into())),
    );
    assert_eq!(
        digest_of(ask(settings, &format!("{}/shop/web:1", registry.host()))),
        digest
    );
    let seen = std::fs::read_to_string(folder.path().join("env")).unwrap();
    assert!(!seen.contains("hunter3"), "{seen}");
    for name in needed {
        assert!(
            seen.contains(&format!("{name}=127.0.0.1:1")),
            "{name}: {seen}"
        );
    }
}

#[test]
fn a_helper_that_is_too_slow_is_ended_with_what_it_started() {
    let registry = TestRegistry::with(
        Access::Basic {
            user: "user".to_owned(),
            password: "hunter2".to_owned(),
        },
        None,
    );
    registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(
        std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let script = format!("(sleep 20; echo late) > {} & sleep 20", pipe.display());
    let mut settings = with_helper(folder.path(), "shop", &script, r#"{"credsStore":"shop"}"#);
    settings.limits.helper = std::time::Duration::from_millis(300);
    let reader = std::thread::spawn(move || std::fs::read_to_string(pipe).unwrap());
    assert_eq!(
        ask(settings, &format!("{}/shop/web:1", registry.host()))
            .unwrap_err()
            .code
            .as_str(),
        "credential-helper"
    );
    assert_eq!(
        reader.join().unwrap(),
        "",
        "what the helper had started was left behind"
    );
}

#[test]
fn a_docker_config_that_is_a_file_instead_of_a_folder_is_told() {
    let registry = TestRegistry::with(
        Access::Basic {
            user: "user".to_owned(),
            password: "hunter2".to_owned(),
        },
        None,
    );
    registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let folder = tempfile::tempdir().unwrap();
    let mut settings = with_helper(folder.path(), "shop", "", "{}");
    let file = folder.path().join("config.json");
    settings
        .environment
        .insert("DOCKER_CONFIG".into(), file.clone().into());
    let refusal = ask(settings.clone(), &format!("{}/shop/web:1", registry.host())).unwrap_err();
    assert_eq!(refusal.code.as_str(), "docker-config");
    assert!(
        refusal
            .cause
            .contains(&format!("`DOCKER_CONFIG` is the file `{}`", file.display())),
        "{refusal:?}"
    );
    // A file that a flag names takes precedence over the variable.
    settings.docker_config = Some(file);
    assert_eq!(
        ask(settings, &format!("{}/shop/web:1", registry.host()))
            .unwrap_err()
            .code
            .as_str(),
        "unauthorized"
    );
}
