//! A GitHub App signs in by its key, for this repository alone.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use imago::io::forge::{Forge as Client, ForgeError, ForgeKind, GitHubApp, Settings, locate};
use serde_json::Value;

use super::client::{draft, settings};
use crate::support::block_on;
use crate::support::forge::{App, Flavour, Forge};

/// A key of nobody, made for these tests.
fn key() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/forge/app.pem")
}

fn forge() -> Forge {
    let forge = Forge::start(Flavour::GitHub);
    forge.state().token = Some("another".to_owned());
    forge.state().app = Some(App {
        id: "12".to_owned(),
        public_key: include_bytes!("app.der").to_vec(),
        is_installed: true,
        permissions: vec!["contents".to_owned(), "pull_requests".to_owned()],
    });
    forge
}

fn settings_of_app(id: &str) -> Settings {
    Settings {
        app: Some(GitHubApp::read(id, &key()).unwrap()),
        ..settings(&[])
    }
}

fn client(forge: &Forge, id: &str) -> Client {
    let kind = Some(ForgeKind::GitHub);
    let remote = format!("{}/shop/deploy.git", forge.url());
    let location = locate(&remote, kind, Some(&forge.url()), None).unwrap();
    Client::open(location, &settings_of_app(id)).unwrap()
}

#[test]
fn an_app_gets_a_token_for_this_repository_once_and_opens_the_request_with_it() {
    let forge = forge();
    let client = client(&forge, "12");
    block_on(client.create(&draft("imago"))).unwrap();
    block_on(client.open_requests("imago", "main"))
        .unwrap()
        .unwrap();
    let log = forge.log();
    let asked: Vec<&str> = log.iter().map(|it| &*it.path).collect();
    assert_eq!(
        asked,
        [
            "/api/v3/repos/shop/deploy/installation",
            "/api/v3/app/installations/9/access_tokens",
            "/api/v3/repos/shop/deploy/pulls",
            "/api/v3/repos/shop/deploy/pulls",
        ]
    );
    let wanted: Value = serde_json::from_str(&log[1].body).unwrap();
    assert_eq!(wanted["repositories"][0], "deploy");
    assert_eq!(wanted["permissions"].as_object().unwrap().len(), 2);
}

#[test]
fn a_push_to_the_same_host_has_the_apps_token_and_to_another_has_none() {
    let forge = forge();
    let client = client(&forge, "12");
    let token = |remote: &str, environment: &[(&str, &str)]| {
        let environment: BTreeMap<_, _> = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let made = block_on(client.push_environment(remote, &environment)).unwrap();
        made.get(OsStr::new("IMAGO_GIT_TOKEN"))
            .map(|it| it.to_str().unwrap().to_owned())
    };
    let own = format!("{}/shop/deploy.git", forge.url());
    assert_eq!(
        token(&own, &[]).as_deref(),
        Some("planted-token-of-the-app")
    );
    assert_eq!(
        token(&own, &[("IMAGO_GIT_TOKEN", "mine")]).as_deref(),
        Some("mine")
    );
    for other in [
        "https://git.example.com/shop/deploy.git",
        "/srv/deploy.git",
        "git@git.example.com:shop/deploy",
    ] {
        assert_eq!(token(other, &[]), None, "{other}");
    }
}

#[test]
fn an_app_that_cannot_sign_in_says_why() {
    type Change = fn(&mut App);
    let cases: [(&str, Change, &str, &str); 4] = [
        ("13", |_| {}, "forge-sign-in", "correct the app's id"),
        (
            "12",
            |app| app.public_key[40] ^= 1,
            "forge-sign-in",
            "check the app's id and its key",
        ),
        (
            "12",
            |app| app.is_installed = false,
            "forge-absent",
            "install the app on `shop/deploy`",
        ),
        (
            "12",
            |app| app.permissions.clear(),
            "forge-right",
            "`pull_requests: write`",
        ),
    ];
    for (id, change, code, hint) in cases {
        let forge = forge();
        change(forge.state().app.as_mut().unwrap());
        let error: ForgeError = block_on(client(&forge, id).create(&draft("imago"))).unwrap_err();
        assert_eq!(error.code().as_str(), code, "{error}");
        assert!(error.hint().contains(hint), "{error}: {}", error.hint());
        assert_eq!(forge.state().pulls.len(), 0);
    }
    // No other forge has such apps.
    let location = locate("https://gitlab.com/shop/deploy", None, None, None).unwrap();
    let error = Client::open(location, &settings_of_app("12")).unwrap_err();
    assert_eq!(error.code().as_str(), "forge-token");
}
