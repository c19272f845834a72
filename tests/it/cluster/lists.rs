//! Lists: pages, states that expire, large answers, and servers that fail.

use std::time::Duration;

use imago::io::cluster::{Limits, Query, Resource, Settings};
use serde_json::{Value, json};

use super::{DEPLOYMENTS, deployments, list, settings};
use crate::support::apiserver::access::Account;
use crate::support::apiserver::{ApiServer, status, workload};
use crate::support::registry::http::{Body, Response};

const READER: &str = "token-of-the-reader";

fn five() -> ApiServer {
    let web = |name: &str| {
        workload(
            "Deployment",
            "shop",
            name,
            &[("web", "registry.example.test/shop/web:1.4")],
        )
    };
    ApiServer::start().with(&[web("a"), web("b"), web("c"), web("d"), web("e")])
}

fn in_pages_of(page: u32, server: &ApiServer) -> Settings {
    let settings = settings(server);
    Settings {
        limits: Limits {
            page,
            ..settings.limits
        },
        ..settings
    }
}

#[test]
fn a_list_is_read_by_pages() {
    let server = five();
    let items = list(&in_pages_of(2, &server), DEPLOYMENTS, &Query::default()).unwrap();
    assert_eq!(items.iter().map(super::name).collect::<String>(), "abcde");
    assert_eq!(
        (&items[4]["kind"], &items[4]["apiVersion"]),
        (&json!("Deployment"), &json!("apps/v1"))
    );
    assert!(
        items
            .iter()
            .all(|item| item["metadata"].get("managedFields").is_none())
    );
    assert_eq!(
        items[0]["spec"],
        server.object("deployments", "shop", "a")["spec"]
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(
        asked[0],
        "GET /apis/apps/v1/namespaces/shop/deployments?limit=2"
    );
    assert!(
        asked[1].starts_with("GET /apis/apps/v1/namespaces/shop/deployments?limit=2&continue="),
        "{}",
        asked[1]
    );
}

#[test]
fn selectors_are_the_servers_to_apply() {
    let server = five();
    let labels = Query {
        labels: "app in (a,c),app!=c".to_owned(),
        fields: String::new(),
    };
    assert_eq!(
        list(&settings(&server), DEPLOYMENTS, &labels)
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        list(&settings(&server), DEPLOYMENTS, &Query::named("d"))
            .unwrap()
            .len(),
        1
    );
    let refused = Query {
        labels: String::new(),
        fields: "spec.replicas=1".to_owned(),
    };
    let error = list(&settings(&server), DEPLOYMENTS, &refused).unwrap_err();
    assert_eq!(
        (error.code().as_str(), error.to_string().as_str()),
        (
            "invalid",
            "cannot list `deployments` in the namespace `shop`"
        )
    );
    assert!(
        error
            .cause()
            .contains("\"spec.replicas\" is not a known field selector"),
        "{}",
        error.cause()
    );
}

#[test]
fn a_list_that_expires_is_begun_anew_and_nothing_of_it_is_kept_twice() {
    let server = five();
    server.fault("deployments", |_, number, fine| {
        if number == 2 { status::expired() } else { fine }
    });
    assert_eq!(
        deployments(&in_pages_of(2, &server)).unwrap().concat(),
        "abcde"
    );
    assert_eq!(server.count("GET"), 5);
    server.fault("deployments", |request, _, fine| {
        if request.query.contains("continue") {
            status::expired()
        } else {
            fine
        }
    });
    let error = deployments(&in_pages_of(2, &server)).unwrap_err();
    assert_eq!(
        (error.code().as_str(), server.count("GET")),
        ("list-expired", 5 + 6)
    );
}

#[test]
fn owners_are_asked_for_their_metadata_alone() {
    let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web-1", "namespace": "shop"}, "spec": {}});
    let server = ApiServer::start().with(&[set]);
    let items = list(&settings(&server), Resource::ReplicaSets, &Query::default()).unwrap();
    assert_eq!(
        (&items[0]["kind"], items[0].get("spec")),
        (&json!("ReplicaSet"), None)
    );
    assert_eq!(
        items[0]["metadata"]["uid"],
        server.object("replicasets", "shop", "web-1")["metadata"]["uid"]
    );
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let server = five();
    let page = server.object("deployments", "shop", "a").to_string().len();
    let settings = settings(&server);
    let limits = |body| Settings {
        limits: Limits {
            body,
            ..settings.limits
        },
        ..settings.clone()
    };
    assert_eq!(deployments(&limits(page * 3)).unwrap().concat(), "abcde");
    assert_eq!(
        deployments(&limits(page / 3)).unwrap_err().code().as_str(),
        "too-large"
    );
}

#[test]
fn passing_failures_are_retried() {
    let failures: [fn(Response) -> Response; 5] = [
        |_| Response::new(500),
        |_| Response::new(503).body("no upstream"),
        |_| {
            status::failure(429, "TooManyRequests", "wait", &Value::Null).header("Retry-After", "0")
        },
        |fine| fine.sent(Body::Cut),
        |fine| fine.sent(|_| Body::Nothing),
    ];
    for (index, failure) in failures.into_iter().enumerate() {
        let server = five();
        server.fault("deployments", move |_, number, fine| {
            if number <= 3 { failure(fine) } else { fine }
        });
        assert_eq!(
            deployments(&settings(&server)).unwrap().concat(),
            "abcde",
            "{index}"
        );
        assert_eq!(server.count("GET"), 4, "{index}");
    }
}

#[test]
fn lasting_failures_end_after_a_few_tries() {
    for (code, tries, failure) in [
        ("server-error", 4, Response::new(502)),
        ("rate-limited", 4, Response::new(429)),
        (
            "rate-limited",
            1,
            Response::new(429).header("Retry-After", "3600"),
        ),
        (
            "connection-lost",
            4,
            Response::new(200).sent(|_| Body::Nothing),
        ),
        (
            "not-an-api-server",
            1,
            Response::new(200).body("<html>sign in</html>"),
        ),
        (
            "not-an-api-server",
            1,
            Response::new(302).header("Location", "https://elsewhere.example.test/"),
        ),
        ("too-large", 9, Response::new(200).sent(|_| Body::Endless)),
    ] {
        let server = five();
        let answer = failure.clone();
        server.fault("deployments", move |_, _, _| answer.clone());
        let settings = settings(&server);
        let settings = Settings {
            limits: Limits {
                body: 100_000,
                ..settings.limits
            },
            ..settings
        };
        let error = deployments(&settings).unwrap_err();
        assert_eq!(
            (error.code().as_str(), server.count("GET")),
            (code, tries),
            "{failure:?}: {}",
            error.cause()
        );
        assert!(error.hint().is_some());
    }
}

#[test]
fn an_answer_that_does_not_come_in_time_is_not_waited_for() {
    let server = five();
    server.fault("deployments", |_, _, fine| {
        fine.sent(|bytes| Body::Drip(bytes, Duration::from_millis(50)))
    });
    let settings = settings(&server);
    let limits = Limits {
        answer: Duration::from_millis(200),
        ..settings.limits
    };
    let error = deployments(&Settings { limits, ..settings }).unwrap_err();
    assert_eq!(error.code().as_str(), "timeout");
    assert!(
        error
            .cause()
            .ends_with("gave no complete answer within 0.2 s"),
        "{}",
        error.cause()
    );
    assert_eq!(error.hint().as_deref(), Some("try again later"));
    // Each try took as long as the limit of an answer.
    assert_eq!(server.count("GET"), 2);
}

#[test]
fn a_page_that_leads_to_itself_ends_the_list() {
    let server = five();
    let page = json!({"metadata": {"continue": "again"}, "items": []});
    server.fault("deployments", move |_, _, _| status::answer(200, &page));
    assert_eq!(
        deployments(&settings(&server)).unwrap_err().code().as_str(),
        "not-an-api-server"
    );
    assert_eq!(server.count("GET"), 2);
}

#[test]
fn a_list_without_an_end_is_given_up() {
    let server = five();
    server.fault("deployments", |_, number, _| {
        let next = format!("token-{number}");
        status::answer(200, &json!({"metadata": {"continue": next}, "items": []}))
    });
    let settings = settings(&server);
    assert_eq!((settings.limits.page, settings.limits.pages), (500, 2000));
    let limits = Limits {
        pages: 7,
        ..settings.limits
    };
    let error = deployments(&Settings { limits, ..settings }).unwrap_err();
    assert_eq!(
        (error.code().as_str(), error.cause().as_str()),
        (
            "too-large",
            "the list has more than 7 pages, or more objects than these may have"
        )
    );
    assert!(error.hint().unwrap().starts_with("narrow the run"));
    assert_eq!(server.count("GET"), 7);
}

#[test]
fn a_server_that_sends_more_than_it_is_asked_for_is_given_up_in_time() {
    for (pages, is_refused) in [(2, true), (5, false)] {
        let server = five();
        let five: Vec<Value> = ["a", "b", "c", "d", "e"]
            .map(|name| server.object("deployments", "shop", name))
            .into();
        let page = json!({"metadata": {}, "items": five});
        server.fault("deployments", move |_, _, _| status::answer(200, &page));
        let mut settings = in_pages_of(1, &server);
        settings.limits.pages = pages;
        let listed = deployments(&settings);
        assert_eq!(listed.is_err(), is_refused, "{pages}");
    }
}

#[test]
fn a_token_that_no_url_can_hold_is_the_servers_fault() {
    let server = five();
    let page = json!({"metadata": {"continue": "x".repeat(100_000)}, "items": []});
    server.fault("deployments", move |_, _, _| status::answer(200, &page));
    let error = deployments(&settings(&server)).unwrap_err();
    assert_eq!(error.code().as_str(), "not-an-api-server");
    assert!(
        error.cause().ends_with("is too long for a URL"),
        "{}",
        error.cause()
    );
    assert_eq!(server.count("GET"), 1);
}

#[test]
fn what_a_role_lacks_is_named_with_the_file_that_grants_it() {
    let reader =
        Account::new("system:serviceaccount:shop:reader").may("list", "pods", Some("shop"));
    let server = five().account(READER, reader);
    let settings = Settings {
        kubeconfig: Some(server.kubeconfig_file_of(READER, None).into()),
        ..settings(&server)
    };
    assert!(
        list(&settings, Resource::Pods, &Query::default())
            .unwrap()
            .is_empty()
    );
    let error = list(
        &settings,
        Resource::Workloads(imago::engine::shape::PodKind::named("CronJob").unwrap()),
        &Query::default(),
    )
    .unwrap_err();
    assert_eq!(error.code().as_str(), "forbidden");
    assert_eq!(
        error.cause(),
        "the API server answered 403 Forbidden: `system:serviceaccount:shop:reader` may not list `cronjobs.batch` in the namespace `shop`"
    );
    let hint = error.hint().unwrap();
    assert_eq!(
        hint,
        "grant the verb `list` on `cronjobs` of the API group `batch` in the namespace `shop`, as `deploy/one-namespace/role.yaml` does"
    );
    let everywhere = super::run(async {
        let cluster = imago::io::cluster::Cluster::connect(&settings)
            .await
            .unwrap();
        cluster
            .list(Resource::Pods, None, &Query::default(), Some)
            .await
            .unwrap_err()
    });
    let hint = everywhere.hint().unwrap();
    assert_eq!(
        hint,
        "grant the verb `list` on `pods` of the core API group in all namespaces, as `deploy/clusterrole.yaml` does"
    );
}

#[test]
fn a_secret_that_a_server_echoes_is_not_repeated() {
    let server = five().account("hunter2-hunter2", Account::admin());
    server.fault("deployments", |request, _, _| {
        let echo = request.header("authorization").unwrap().to_owned();
        status::failure(400, "BadRequest", &format!("what is {echo}?"), &Value::Null)
    });
    let settings = Settings {
        kubeconfig: Some(server.kubeconfig_file_of("hunter2-hunter2", None).into()),
        ..settings(&server)
    };
    let error = deployments(&settings).unwrap_err();
    assert_eq!(
        error.cause(),
        "the API server refuses it: 400: (hidden: it repeats a secret)"
    );
    assert!(!format!("{error:?}").contains("hunter2"));
}
