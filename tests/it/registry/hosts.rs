//! Credentials stay with their host, whatever redirects and `registry-map` say.

use imago::app::gate::PlatformLoss;
use imago::app::resolve::Wanted;
use imago::io::registry::{Registry, Settings};

use super::{ask, ask_all, digest_of, docker_config, lookup, settings};
use crate::support::registry::http::Response;
use crate::support::registry::{Access, TestRegistry, basic};

#[test]
fn credentials_go_to_their_own_host_alone() {
    let other = TestRegistry::start();
    other.push_index("shop/web", "1", &["linux/amd64"], "first");
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let registry = TestRegistry::with(access, None);
    let elsewhere = other.host();
    registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    registry.push_index("shop/moved", "1", &["linux/amd64"], "first");
    registry.fault("shop/web", move |request, _, fine| match fine.status {
        200 => Response::new(307).header("location", format!("http://{elsewhere}{}", request.path)),
        _ => fine,
    });
    registry.fault("shop/moved", |_, _, fine| match fine.status {
        200 => Response::new(307).header("location", "/v2/shop/here/manifests/1"),
        _ => fine,
    });
    let here = registry.push_index("shop/here", "1", &["linux/amd64"], "second");
    let (_folder, path) = docker_config(&format!(
        r#"{{"auths":{{"{}":{{"username":"user","password":"hunter2"}}}}}}"#,
        registry.host()
    ));
    let settings = || Settings {
        docker_config: Some(path.clone()),
        ..settings()
    };
    assert!(ask(settings(), &format!("{}/shop/web:1", registry.host())).is_ok());
    assert_eq!(other.requests().len(), 1);
    assert_eq!(other.requests()[0].header("authorization"), None);
    // A redirect within the host keeps them.
    assert_eq!(
        digest_of(ask(
            settings(),
            &format!("{}/shop/moved:1", registry.host())
        )),
        here
    );
    // A redirect's target that asks for credentials gets none, even if there are some for it.
    other.fault("shop/web", |_, _, _| {
        Response::new(401).header("www-authenticate", r#"Basic realm="x""#)
    });
    let json = format!(
        r#"{{"auths":{{"{}":{{"username":"user","password":"hunter2"}},"{}":{{"username":"user","password":"other"}}}}}}"#,
        registry.host(),
        other.host()
    );
    let (_folder, path) = docker_config(&json);
    let refusal = ask(
        Settings {
            docker_config: Some(path),
            ..settings()
        },
        &format!("{}/shop/web:1", registry.host()),
    )
    .unwrap_err();
    assert_eq!(refusal.code.as_str(), "redirect");
    assert!(
        other
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}

#[test]
fn a_map_asks_another_host_with_its_own_credentials() {
    let access = Access::Basic {
        user: "mirror".to_owned(),
        password: "hunter2".to_owned(),
    };
    let mirror = TestRegistry::with(access, None);
    let digest = mirror.push_index("hub/library/nginx", "1.25", &["linux/amd64"], "first");
    let json = format!(
        r#"{{"auths":{{"https://index.docker.io/v1/":{{"username":"hub","password":"other"}},"{}":{{"username":"mirror","password":"hunter2"}}}}}}"#,
        mirror.host()
    );
    let (_folder, path) = docker_config(&json);
    let maps =
        vec![imago::io::registry::Map::parse(&format!("docker.io={}/hub", mirror.host())).unwrap()];
    let (answers, registry) = ask_all(
        Settings {
            docker_config: Some(path),
            maps,
            ..settings()
        },
        &["nginx:1.25"],
    );
    assert_eq!(digest_of(answers[&lookup("nginx:1.25")].clone()), digest);
    assert_eq!(
        mirror.requests().last().unwrap().header("authorization"),
        Some(basic("mirror", "hunter2").as_str())
    );
    let way: Vec<String> = registry.trace()[&lookup("nginx:1.25")]
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        way[0],
        format!("mapped to {}/hub/library/nginx", mirror.host())
    );
    assert_eq!(
        way[1],
        format!("HEAD manifests/1.25 at {}: 401", mirror.host())
    );
    assert!(
        way[2].starts_with("with the credentials from `") && way[2].ends_with("config.json`"),
        "{way:?}"
    );
    assert_eq!(
        way[3],
        format!("HEAD manifests/1.25 at {}: 200", mirror.host())
    );
}

#[test]
fn a_map_that_leaves_nothing_of_a_name_is_refused_for_that_image() {
    let mirror = TestRegistry::start();
    let digest = mirror.push_index("alpine", "3", &["linux/amd64"], "first");
    let maps = ["docker.io/library/nginx", "docker.io/library"]
        .map(|from| format!("{from}={}", mirror.host()));
    let maps = maps
        .iter()
        .map(|text| imago::io::registry::Map::parse(text).unwrap())
        .collect();
    let (answers, _) = ask_all(Settings { maps, ..settings() }, &["alpine:3", "nginx:1.25"]);
    assert_eq!(digest_of(answers[&lookup("alpine:3")].clone()), digest);
    let refusal = answers[&lookup("nginx:1.25")].clone().unwrap_err();
    let host = mirror.host();
    assert_eq!(
        refusal.cause,
        format!("a registry map leaves nothing of the image's name to ask `{host}` for")
    );
    assert_eq!(
        (refusal.code.as_str(), refusal.hint),
        (
            "settings",
            Some(format!("map it to a whole name, such as `{host}/nginx`"))
        )
    );
    assert_eq!(mirror.asked(), ["HEAD /v2/alpine/manifests/3"]);
}

#[test]
fn a_configuration_is_fetched_from_where_a_redirect_leads_without_credentials() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let (registry, store) = (TestRegistry::with(access, None), TestRegistry::start());
    let old = registry.push_image("shop/web", "1", "linux/arm64", "first");
    let new = registry.push_image("shop/web", "1", "linux/amd64", "second");
    store.push_image("shop/web", "1", "linux/arm64", "first");
    store.push_image("shop/web", "1", "linux/amd64", "second");
    let elsewhere = store.host();
    registry.fault("shop/web", move |request, _, fine| {
        match fine.status == 200 && request.path.contains("/blobs/") {
            true => Response::new(307).header(
                "location",
                format!("http://{elsewhere}{}?signature=1", request.path),
            ),
            false => fine,
        }
    });
    let json = format!(
        r#"{{"auths":{{"{}":{{"username":"user","password":"hunter2"}}}}}}"#,
        registry.host()
    );
    let (_folder, path) = docker_config(&json);
    let lookup = lookup(&format!("{}/shop/web:1", registry.host()));
    let wanted = Wanted::from([(
        lookup.clone(),
        [imago::engine::image::Digest::parse(&old).unwrap()].into(),
    )]);
    let resolver = std::sync::Arc::new(
        Registry::new(Settings {
            docker_config: Some(path),
            ..settings()
        })
        .unwrap(),
    );
    let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {});
    let answer = answers[&lookup].clone().unwrap();
    assert_eq!(answer.digest.as_str(), new);
    assert_eq!(
        answer
            .held
            .values()
            .map(|hold| hold.reason.as_str())
            .collect::<Vec<_>>(),
        ["it lacks linux/arm64, which the recorded digest has"]
    );
    assert_eq!(store.requests().len(), 2);
    assert!(
        store
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
}
