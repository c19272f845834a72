//! Lists of tags, from registries that behave and registries that do not: whole, or not at all.

use std::sync::Arc;
use std::time::Duration;

use imago::engine::answer::Refusal;
use imago::engine::version::TagList;
use imago::io::registry::{Limits, Registry, Settings};
use imago::io::resolver::Resolver;

use super::faults::impatient;
use super::{lookup, settings};
use crate::support::block_on;
use crate::support::distribution::{Distribution, is_installed};
use crate::support::registry::http::{Body, Request, Response};
use crate::support::registry::{Access, TestRegistry, Tokens};

fn tags(settings: Settings, image: &str) -> Result<Arc<TagList>, Refusal> {
    let registry = Registry::new(settings).unwrap();
    block_on(async { registry.tags(&lookup(image)).await })
}

fn numbered(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("1.{number:06}"))
}

/// A registry with 25 tags of `shop/web`, ten in a page.
fn in_pages() -> (TestRegistry, String) {
    let registry = TestRegistry::start();
    registry.list("shop/web", numbered(25));
    registry.page(10);
    let image = format!("{}/shop/web:1", registry.host());
    (registry, image)
}

type Fault = fn(&Request, u32, Response) -> Response;

fn link(response: &Response) -> Option<&str> {
    let mut headers = response.headers.iter();
    headers
        .find(|(name, _)| name == "link")
        .map(|(_, value)| value.as_str())
}

/// Writes the link to the next page anew, where there is one.
fn relinked(response: Response, write: impl Fn(&str) -> String) -> Response {
    match link(&response).map(write) {
        Some(link) => response.header("link", link),
        None => response,
    }
}

fn body(response: &Response) -> String {
    match &response.body {
        Body::Whole(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        _ => String::new(),
    }
}

/// What is no fault for a list of 25 tags in three pages, and how many questions it costs.
const WHOLE: &[(&str, usize, Fault)] = &[
    ("links as they should be", 3, |_, _, fine| fine),
    ("absolute links", 3, |request, _, fine| {
        let host = request.header("host").unwrap().to_owned();
        relinked(fine, |link| {
            link.replace("</v2", &format!("<http://{host}/v2"))
        })
    }),
    ("links to the query alone", 3, |_, _, fine| {
        relinked(fine, |link| link.replace("/v2/shop/web/tags/list", ""))
    }),
    (
        "links to the name that the registry has behind its proxy",
        3,
        |_, _, fine| {
            relinked(fine, |link| {
                link.replace("</v2", "<https://internal.example.test:8443/v2")
            })
        },
    ),
    ("links that lack a part of the name", 3, |_, _, fine| {
        relinked(fine, |link| link.replace("/shop/web/", "/web/"))
    }),
    ("links to another repository", 3, |_, _, fine| {
        relinked(fine, |link| link.replace("/shop/web/", "/shop/other/"))
    }),
    (
        "links to another repository of another host",
        3,
        |_, _, fine| {
            relinked(fine, |link| {
                link.replace("</v2/shop", "<http://elsewhere.example.test/v2/other")
            })
        },
    ),
    ("links without a query", 3, |_, _, fine| {
        relinked(fine, |_| "</v2/shop/web/tags/list>; rel=next".to_owned())
    }),
    ("links without brackets", 3, |_, _, fine| {
        relinked(fine, |link| link.replace(['<', '>'], ""))
    }),
    (
        "a full page, and no word of the next",
        3,
        |request, _, fine| {
            // The registry cuts at 100, and has 225.
            let start = request
                .query
                .split("last=")
                .nth(1)
                .map_or(0, |last| last.parse::<usize>().unwrap() + 1);
            let page: Vec<String> = (start..225)
                .take(100)
                .map(|number| number.to_string())
                .collect();
            fine.without("link")
                .body(serde_json::json!({ "tags": page }).to_string())
        },
    ),
    (
        "a registry without pages, with as many tags as a full page",
        3,
        |_, _, fine| {
            let all: Vec<String> = numbered(100).collect();
            fine.without("link")
                .body(serde_json::json!({ "tags": all }).to_string())
        },
    ),
    (
        "a full page, and an error behind it",
        3,
        |request, _, fine| {
            if request.query.contains("last=") {
                return Response::new(404);
            }
            let all: Vec<String> = numbered(1000).collect();
            fine.without("link")
                .body(serde_json::json!({ "tags": all }).to_string())
        },
    ),
    ("an empty page between", 4, |_, before, fine| match before {
        1 => fine
            .header("link", r#"<?last=1.000009&n=10&token=x>; rel="next""#)
            .body(r#"{"tags":[]}"#),
        _ => fine,
    }),
    ("405 for so many at once", 4, |request, _, fine| {
        if request.query.contains("n=1000") {
            Response::new(405)
        } else {
            fine
        }
    }),
    ("400 for so many at once", 4, |request, _, fine| {
        if request.query.contains("n=1000") {
            Response::new(400)
        } else {
            fine
        }
    }),
    ("429 on the way", 4, |_, before, fine| match before {
        1 => Response::new(429).header("retry-after", "0"),
        _ => fine,
    }),
    ("500 on the way", 4, |_, before, fine| match before {
        2 => Response::new(500),
        _ => fine,
    }),
    (
        "a connection that breaks once",
        4,
        |_, before, fine| match before {
            1 => fine.sent(Body::Cut),
            _ => fine,
        },
    ),
    ("names that a proxy has shortened", 3, |_, _, fine| {
        let body = body(&fine).replace("shop/web", "web");
        fine.body(body)
    }),
    ("no name", 3, |_, _, fine| {
        let body = body(&fine).replace("\"name\"", "\"other\"");
        fine.body(body)
    }),
    ("a tag twice, and what is no tag", 3, |_, _, fine| {
        let body = body(&fine).replace("\"tags\":[", r#""tags":["1.000003","","a b","-x","é","#);
        fine.body(body)
    }),
];

#[test]
fn a_list_comes_whole_however_its_pages_are_linked() {
    for (name, questions, fault) in WHOLE {
        let (registry, image) = in_pages();
        registry.fault("shop/web", fault);
        let got = tags(impatient(), &image);
        let count = got.as_ref().map(|tags| tags.len());
        let expected = match *name {
            "a full page, and no word of the next" => 225,
            "a registry without pages, with as many tags as a full page" => 100,
            "a full page, and an error behind it" => 1000,
            _ => 25,
        };
        assert_eq!(count, Ok(expected), "{name}: {got:?}");
        let asked = registry.requests();
        assert_eq!(asked.len(), *questions, "{name}: {asked:?}");
        assert!(
            asked
                .iter()
                .all(|request| request.path == "/v2/shop/web/tags/list"),
            "{name}"
        );
        let tags = got.unwrap();
        assert!(tags.is_sorted() && tags[0] != tags[1], "{name}: {tags:?}");
    }
}

/// Faults for which there is no list, the code that says so, and how many questions they may cost.
const REFUSED: &[(&str, &str, usize, Fault)] = &[
    (
        "a page that is cut off",
        "connection-lost",
        6,
        |_, before, fine| match before {
            0 => fine,
            _ => fine.sent(Body::Cut),
        },
    ),
    (
        "a page that drips",
        "timeout",
        3,
        |_, before, fine| match before {
            0 => fine,
            _ => fine.sent(|bytes| Body::Drip(bytes, Duration::from_millis(20))),
        },
    ),
    (
        "500 for ever",
        "server-error",
        6,
        |_, before, fine| match before {
            0 => fine,
            _ => Response::new(500),
        },
    ),
    (
        "429 for long",
        "rate-limited",
        3,
        |_, before, fine| match before {
            0 | 1 => fine,
            _ => Response::new(429).header("retry-after", "600"),
        },
    ),
    (
        "401 on the way",
        "unauthorized",
        3,
        |_, before, fine| match before {
            0 => fine,
            _ => Response::new(401).header("www-authenticate", "Basic realm=x"),
        },
    ),
    (
        "403 on the way",
        "forbidden",
        4,
        |_, before, fine| match before {
            0 => fine,
            _ => Response::new(403),
        },
    ),
    (
        "404 on the way",
        "name-unknown",
        2,
        |_, before, fine| match before {
            0 => fine,
            _ => Response::new(404),
        },
    ),
    ("404", "name-unknown", 1, |_, _, _| Response::new(404)),
    ("405 to everything", "tag-list", 2, |_, _, _| {
        Response::new(405)
    }),
    ("a sign-in page", "not-a-registry", 1, |_, _, fine| {
        fine.body("<html>")
    }),
    (
        "an answer without tags",
        "not-a-registry",
        1,
        |_, _, fine| fine.body(r#"{"name":"shop/web"}"#),
    ),
    ("an error with 200", "not-a-registry", 1, |_, _, fine| {
        fine.body(r#"{"errors":[{"code":"DENIED"}]}"#)
    }),
    (
        "tags that are no texts",
        "not-a-registry",
        1,
        |_, _, fine| fine.body(r#"{"tags":["1.0",2]}"#),
    ),
    (
        "half a text that says it is whole",
        "tag-list",
        2,
        |_, before, fine| match before {
            0 => fine,
            _ => fine.body(r#"{"name":"shop/web","tags":["1.000010","1.00"#),
        },
    ),
    (
        "the first page again",
        "tag-list",
        2,
        |_, before, fine| match before {
            0 => fine,
            _ => {
                fine.body(serde_json::json!({"tags": numbered(10).collect::<Vec<_>>()}).to_string())
            }
        },
    ),
    (
        "a link to the page itself",
        "tag-list",
        1,
        |request, _, fine| {
            let query = request.query.clone();
            relinked(fine, |_| format!("<?{query}>; rel=next"))
        },
    ),
    (
        "empty pages in a circle",
        "tag-list",
        3,
        |_, before, fine| {
            fine.body(r#"{"tags":[]}"#)
                .header("link", format!("<?token={}>; rel=next", before % 2))
        },
    ),
    (
        "a next page of an empty one, in words that cannot be read",
        "tag-list",
        1,
        |_, _, fine| fine.body(r#"{"tags":[]}"#).header("link", "next"),
    ),
    (
        "the tags of another repository",
        "tag-list",
        1,
        |_, _, fine| {
            let body = body(&fine).replace("shop/web", "shop/api");
            fine.body(body)
        },
    ),
    (
        "a later page of another repository",
        "tag-list",
        2,
        |_, before, fine| {
            let body = body(&fine);
            match before {
                0 => fine,
                _ => fine.body(body.replace("shop/web", "other/web")),
            }
        },
    ),
    (
        "more than may be read at once",
        "too-large",
        1,
        |_, _, fine| {
            let all: Vec<String> = numbered(10_000).collect();
            fine.body(serde_json::json!({ "tags": all }).to_string())
        },
    ),
    ("an answer without end", "too-large", 1, |_, _, fine| {
        fine.sent(|_| Body::Endless)
    }),
];

#[test]
fn a_list_that_breaks_off_is_no_list() {
    let settings = || Settings {
        limits: Limits {
            tags: 64 * 1024,
            ..impatient().limits
        },
        ..impatient()
    };
    for (name, code, questions, fault) in REFUSED {
        let (registry, image) = in_pages();
        registry.fault("shop/web", fault);
        let refusal = tags(settings(), &image).expect_err(name);
        assert_eq!(refusal.code.as_str(), *code, "{name}: {refusal:?}");
        let asked = registry.asked();
        assert!(asked.len() <= *questions, "{name}: {asked:?}");
        if asked.iter().filter(|asked| asked.ends_with("list")).count() > 1
            && !name.contains("everything")
        {
            assert!(
                refusal.cause.contains("of the list of tags"),
                "{name}: {refusal:?}"
            );
        }
    }
}

#[test]
fn a_list_has_limits() {
    // Each page has new tags, and there is always another.
    let registry = TestRegistry::start();
    registry.list("shop/web", numbered(1));
    registry.fault("shop/web", |_, before, fine| {
        let tags = [format!("1.{before}")];
        fine.header("link", format!("<?token={before}>; rel=next"))
            .body(serde_json::json!({ "tags": tags }).to_string())
    });
    let image = format!("{}/shop/web:1", registry.host());
    let refusal = tags(settings(), &image).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), registry.asked().len()),
        ("tag-list", 1000)
    );
    assert!(
        refusal.cause.contains("more than 1000 pages"),
        "{refusal:?}"
    );
    // Each page is small enough, and all together are not.
    let (registry, image) = in_pages();
    let limits = Limits {
        tags: 190,
        ..settings().limits
    };
    let few = Settings {
        limits,
        ..settings()
    };
    let refusal = tags(few, &image).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), registry.asked().len()),
        ("tag-list", 3)
    );
}

#[test]
fn all_lists_of_a_run_have_a_limit() {
    let server = TestRegistry::start();
    server.list("shop/web", numbered(25));
    server.list("shop/api", numbered(25));
    let limits = Limits {
        all_tags: 2500,
        ..settings().limits
    };
    let registry = Registry::new(Settings {
        limits,
        ..settings()
    });
    let registry = registry.unwrap();
    let ask = |name: &str| {
        let image = format!("{}/shop/{name}:1", server.host());
        block_on(async { registry.tags(&lookup(&image)).await })
    };
    assert_eq!(ask("web").unwrap().len(), 25);
    let refusal = ask("api").unwrap_err();
    assert_eq!(refusal.code.as_str(), "tag-list");
    assert!(
        refusal.cause.contains("more than 2500 bytes"),
        "{refusal:?}"
    );
    // What is there is there.
    assert_eq!(ask("web").unwrap().len(), 25);
}

#[test]
fn an_empty_list_is_a_list() {
    for body in [
        r#"{"name":"shop/web","tags":null}"#,
        r#"{"name":"shop/web","tags":[]}"#,
    ] {
        let (registry, image) = in_pages();
        registry.fault("shop/web", move |_, _, fine| {
            fine.without("link").body(body)
        });
        assert_eq!(tags(settings(), &image).map(|tags| tags.len()), Ok(0));
        assert_eq!(registry.asked().len(), 1);
    }
}

#[test]
fn many_tags_come_in_as_few_pages_as_may_be() {
    for (count, questions) in [(999, 1), (1001, 2), (10_000, 11), (100_050, 101)] {
        let registry = TestRegistry::start();
        registry.list("shop/web", numbered(count));
        let image = format!("{}/shop/web:1", registry.host());
        let got = tags(settings(), &image).unwrap();
        assert_eq!((got.len(), registry.asked().len()), (count, questions));
        assert!(got.iter().eq(numbered(count).collect::<Vec<_>>().iter()));
    }
}

#[test]
fn one_list_of_a_repository_is_read_however_many_ask() {
    let (registry, image) = in_pages();
    registry.list("shop/api", numbered(3));
    let other = image.replace("web:1", "web:2");
    let third = image.replace("web:1", "api:2");
    let resolver = Registry::new(settings()).unwrap();
    let counts = block_on(async {
        let (image, other, third) = (lookup(&image), lookup(&other), lookup(&third));
        let asked = [&image, &other, &third].map(|lookup| resolver.tags(lookup));
        let mut lists = futures_util::future::join_all(asked).await;
        lists.push(resolver.tags(&image).await);
        lists
            .into_iter()
            .map(|list| list.unwrap().len())
            .collect::<Vec<_>>()
    });
    assert_eq!(counts, [25, 25, 3, 25]);
    assert_eq!(registry.asked().len(), 4);
}

#[test]
fn a_token_that_runs_out_between_pages_is_got_again() {
    let once = Tokens {
        once: true,
        ..Tokens::default()
    };
    let registry = TestRegistry::with(Access::Token(once), None);
    registry.list("shop/web", numbered(55));
    registry.page(10);
    let image = format!("{}/shop/web:1", registry.host());
    assert_eq!(tags(settings(), &image).map(|tags| tags.len()), Ok(55));
    // Six pages, each of which got a token of its own; all but the first were refused the one before.
    let asked = registry.asked();
    let count = |what: &str| asked.iter().filter(|asked| asked.ends_with(what)).count();
    assert_eq!((count("/token"), count("/list")), (6, 12));
}

#[test]
fn a_token_that_never_suffices_is_got_twice() {
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    registry.list("shop/web", numbered(25));
    registry.page(10);
    registry.fault("shop/web", |request, _, fine| {
        if request.query.contains("last=") {
            Response::new(401)
        } else {
            fine
        }
    });
    let image = format!("{}/shop/web:1", registry.host());
    let refusal = tags(settings(), &image).unwrap_err();
    assert_eq!(refusal.code.as_str(), "unauthorized");
    assert!(registry.asked().len() <= 6, "{:?}", registry.asked());
}

/// Gives a repository of the registry with this storage another tag on what it has pushed.
fn tag(storage: &std::path::Path, tag: &str, digest: &str) {
    let folder = storage
        .join("docker/registry/v2/repositories/shop/web/_manifests/tags")
        .join(tag)
        .join("current");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("link"), digest).unwrap();
}

#[test]
fn the_distribution_projects_registry_lists_its_tags() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let registry = Distribution::start(&storage, "", "");
    let digest = registry.push("shop/web", "1.4", &["linux/amd64"], "first");
    let image = format!("{}/shop/web:1.4", registry.address);
    let got = tags(settings(), &image).unwrap();
    assert_eq!(got[..], ["1.4".to_owned(), "1.4-amd64".to_owned()]);
    // As many as in a full page: this registry has no pages, and must not be taken for one that cuts.
    numbered(998).for_each(|name| tag(&storage, &name, &digest));
    assert_eq!(tags(settings(), &image).map(|tags| tags.len()), Ok(1000));
    numbered(2500).for_each(|name| tag(&storage, &name, &digest));
    assert_eq!(tags(settings(), &image).map(|tags| tags.len()), Ok(2502));
    let gone = format!("{}/shop/gone:1", registry.address);
    assert_eq!(
        tags(settings(), &gone).unwrap_err().code.as_str(),
        "name-unknown"
    );
}

/// Azure's registries ask for `metadata_read` where tags are listed, and tokens for `pull` alone are refused there.
#[test]
fn a_registry_that_wants_another_scope_for_lists_gets_it_there_alone() {
    let registry = Arc::new(TestRegistry::with(Access::Token(Tokens::default()), None));
    registry.push_image("shop/web", "1.4.2", "linux/amd64", "web");
    let realm = format!(
        "http://{}/token",
        registry
            .token_host()
            .unwrap()
            .replace("127.0.0.1", "localhost")
    );
    registry.fault("shop/web", move |request, _, fine| {
        let may_list =
            (request.header("authorization")).is_some_and(|it| it.contains("secret-listing"));
        match request.path.ends_with("/tags/list") && !may_list {
            true => {
                let scope = "repository:shop/web:metadata_read";
                Response::new(401).header(
                    "www-authenticate",
                    format!("Bearer realm=\"{realm}\",service=\"test\",scope=\"{scope}\""),
                )
            }
            false => fine,
        }
    });
    let scopes = || -> Vec<String> {
        let asked = registry
            .requests()
            .into_iter()
            .filter(|asked| asked.path == "/token");
        let scopes = asked.map(|asked| {
            asked
                .query
                .split("scope=")
                .nth(1)
                .unwrap_or_default()
                .to_owned()
        });
        scopes.collect()
    };
    let image = format!("{}/shop/web:1.4.2", registry.host());
    let pull = "repository%3Ashop%2Fweb%3Apull";
    // A token for images is there first, or none is.
    let first = Registry::new(settings()).unwrap();
    block_on(async {
        first.resolve(&lookup(&image)).await.unwrap();
        assert_eq!(
            first.tags(&lookup(&image)).await.unwrap()[..],
            ["1.4.2".to_owned()]
        );
    });
    assert_eq!(
        scopes(),
        [pull.to_owned(), format!("{pull}%2Cmetadata_read")]
    );
    let second = Registry::new(settings()).unwrap();
    block_on(async {
        assert_eq!(second.tags(&lookup(&image)).await.unwrap().len(), 1);
        second.resolve(&lookup(&image)).await.unwrap();
    });
    assert_eq!(scopes()[2..], [format!("{pull}%2Cmetadata_read")]);
    // Others are asked for what they were before.
    let other = format!("{}/shop/side:1", registry.host());
    registry.push_image("shop/side", "1", "linux/amd64", "side");
    block_on(async { second.resolve(&lookup(&other)).await.unwrap() });
    assert_eq!(
        scopes()[3..],
        ["repository%3Ashop%2Fside%3Apull".to_owned()]
    );
}
