//! Refused credentials: tried rarely enough to lock no account, and without stopping other credentials.

use imago::io::registry::Settings;

use super::{ask_all, digest_of, docker_config, lookup, settings};
use crate::support::registry::http::Response;
use crate::support::registry::{Access, MANIFEST, TestRegistry, Tokens, basic};

/// Registries for `user` with `hunter2`: one with Basic authentication, one with tokens.
fn registries() -> [TestRegistry; 2] {
    let (user, password) = ("user".to_owned(), "hunter2".to_owned());
    let tokens = Tokens {
        account: Some((user.clone(), password.clone())),
        ..Tokens::default()
    };
    [Access::Basic { user, password }, Access::Token(tokens)]
        .map(|access| TestRegistry::with(access, None))
}

#[test]
fn wrong_credentials_are_not_tried_often_enough_to_lock_an_account() {
    for registry in registries() {
        let public = registry.push_image("shop/a-public", "1", "linux/amd64", "first");
        registry.fault("shop/a-public", {
            let public = public.clone();
            move |_, _, _| {
                Response::new(200)
                    .header("content-type", MANIFEST)
                    .header("docker-content-digest", public.clone())
            }
        });
        let open = format!("{}/shop/a-public:1", registry.host());
        let images: Vec<String> = (0..100)
            .map(|number| format!("{}/shop/web-{number}:1", registry.host()))
            .chain([open.clone()])
            .collect();
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let json = format!(
            r#"{{"auths":{{"{}":{{"username":"user","password":"wrong"}}}}}}"#,
            registry.host()
        );
        let (_folder, path) = docker_config(&json);
        let (mut answers, _) = ask_all(
            Settings {
                docker_config: Some(path),
                ..settings()
            },
            &images,
        );
        assert_eq!(digest_of(answers.remove(&lookup(&open)).unwrap()), public);
        assert!(
            answers
                .values()
                .all(|answer| answer.as_ref().unwrap_err().code.as_str() == "credentials-refused")
        );
        let tries = registry
            .requests()
            .iter()
            .filter(|request| request.header("authorization").is_some())
            .count();
        assert_eq!(tries, 3);
    }
}

#[test]
fn forbidden_repositories_do_not_stop_the_others_of_their_host() {
    // With the right password everyone gets a token, but none is enough for `acme`.
    let [_, registry] = registries();
    let digest = registry.push_image("shop/web", "1", "linux/amd64", "first");
    let mut names: Vec<String> = (0..9).map(|number| format!("acme/a{number}")).collect();
    for name in &names {
        registry.fault(name, |request, _, fine| {
            match request.header("authorization") {
                Some(_) => Response::new(401)
                    .header("www-authenticate", r#"Bearer error="insufficient_scope""#),
                None => fine,
            }
        });
    }
    names.push("shop/web".to_owned());
    let images: Vec<String> = names
        .iter()
        .map(|name| format!("{}/{name}:1", registry.host()))
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let json = format!(
        r#"{{"auths":{{"{}":{{"username":"user","password":"hunter2"}}}}}}"#,
        registry.host()
    );
    let (_folder, path) = docker_config(&json);
    let (mut answers, _) = ask_all(
        Settings {
            docker_config: Some(path),
            ..settings()
        },
        &images,
    );
    assert_eq!(
        digest_of(answers.remove(&lookup(images[9])).unwrap()),
        digest
    );
    for answer in answers.values() {
        let refusal = answer.as_ref().unwrap_err();
        assert_eq!(refusal.code.as_str(), "credentials-refused");
        assert!(
            refusal
                .cause
                .contains("answered 401 Unauthorized to a token for the credentials from"),
            "{}",
            refusal.cause
        );
        assert_eq!(
            refusal.hint.as_deref(),
            Some("ask for the right to pull, or check the name")
        );
    }
    assert!(names.iter().all(|name| {
        registry
            .asked()
            .iter()
            .any(|asked| asked.contains(&format!("/{name}/")))
    }));
}

#[test]
fn repositories_that_are_refused_to_a_right_password_stop_no_other() {
    let (user, password) = ("user".to_owned(), "hunter2".to_owned());
    let tokens = Tokens {
        account: Some((user.clone(), password.clone())),
        forbidden: Some("acme/"),
        ..Tokens::default()
    };
    for access in [Access::Basic { user, password }, Access::Token(tokens)] {
        let is_basic = matches!(access, Access::Basic { .. });
        let registry = TestRegistry::with(access, None);
        let digest = registry.push_image("shop/web", "1", "linux/amd64", "first");
        let mut names: Vec<String> = (0..9).map(|number| format!("acme/a{number}")).collect();
        for name in names.iter().filter(|_| is_basic) {
            registry.fault(name, |_, _, _| {
                Response::new(401).header("www-authenticate", r#"Basic realm="test""#)
            });
        }
        names.push("shop/web".to_owned());
        let host = registry.host();
        let images: Vec<String> = names
            .iter()
            .map(|name| format!("{host}/{name}:1"))
            .collect();
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let json =
            format!(r#"{{"auths":{{"{host}":{{"username":"user","password":"hunter2"}}}}}}"#);
        let (_folder, path) = docker_config(&json);
        let (mut answers, _) = ask_all(
            Settings {
                docker_config: Some(path),
                ..settings()
            },
            &images,
        );
        let answer = answers.remove(&lookup(images[9])).unwrap();
        assert_eq!(digest_of(answer), digest);
        for answer in answers.values() {
            let refusal = answer.as_ref().unwrap_err();
            assert_eq!(refusal.code.as_str(), "credentials-refused");
            assert!(
                !refusal.cause.contains("not tried again"),
                "{}",
                refusal.cause
            );
        }
    }
}

#[test]
fn wrong_credentials_of_one_namespace_do_not_stop_the_others() {
    for registry in registries() {
        let host = registry.host();
        let (mut entries, mut images) = (Vec::new(), Vec::new());
        for (namespace, password) in [
            ("a", "old-1"),
            ("b", "old-2"),
            ("c", "old-3"),
            ("d", "hunter2"),
            ("e", "old-4"),
        ] {
            entries.push(format!(
                r#""{host}/{namespace}":{{"username":"user","password":"{password}"}}"#
            ));
            for number in 0..5 {
                registry.push_image(
                    &format!("{namespace}/web-{number}"),
                    "1",
                    "linux/amd64",
                    namespace,
                );
                images.push(format!("{host}/{namespace}/web-{number}:1"));
            }
        }
        let (_folder, path) = docker_config(&format!(r#"{{"auths":{{{}}}}}"#, entries.join(",")));
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        let (answers, _) = ask_all(
            Settings {
                docker_config: Some(path),
                ..settings()
            },
            &images,
        );
        let before = format!("were refused 3 times for `{host}`, and are not tried again");
        let mut not_tried = 0;
        for (lookup, answer) in answers {
            assert_eq!(
                answer.is_ok(),
                lookup.repository().starts_with("d/"),
                "{lookup}: {answer:?}"
            );
            let Err(refusal) = answer else { continue };
            assert_eq!(refusal.code.as_str(), "credentials-refused");
            not_tried += usize::from(refusal.cause.ends_with(&before));
        }
        assert_eq!(not_tried, 8);
        for password in ["old-1", "old-2", "old-3", "old-4"] {
            let sent = basic("user", password);
            let tries = registry
                .requests()
                .iter()
                .filter(|request| request.header("authorization") == Some(&sent))
                .count();
            assert_eq!(tries, 3, "{password}");
        }
    }
}
