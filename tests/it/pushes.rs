//! The policy `newest` at Docker Hub and Quay, which say when a tag was pushed: who is asked for it, and when the images are read instead.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace};
use crate::support::registry::http::{Body, Request, Response, Server};
use crate::support::registry::{Access, TestRegistry};
use crate::support::tls::{Authority, Valid};
use crate::support::tunnel::Tunnel;

/// The registries, by their names in images.
const HOSTS: [&str; 2] = ["docker.io", "quay.io"];
/// Where Docker Hub's redirects lead in these tests.
const ELSEWHERE: &str = "elsewhere.example.test";

/// Each tag with the time in its configuration, and when it was pushed: the last build is not the last push.
const TAGS: [(&str, &str, &str); 3] = [
    ("main-9f3c", "2026-01-07T10:00:00Z", "2026-01-05T10:00:00Z"),
    (
        "main-0a1b",
        "2026-01-06T10:00:00Z",
        "2026-01-08T10:00:00.123456Z",
    ),
    ("main-5d5e", "2026-01-09T10:00:00Z", "2026-01-06T10:00:00Z"),
];
const NOW: &str = "main-9f3c";
const LAST_PUSHED: &str = "main-0a1b";
const LAST_BUILT: &str = "main-5d5e";
/// A report in JSON names the source of the tag that is taken, so its manifest and its configuration are read.
const OF_THE_SOURCE: usize = 2;

type Answer = dyn Fn(&Request, Response) -> Response + Send + Sync;

/// A registry with an API, both behind a proxy, and a folder with a manifest.
struct Scene {
    host: &'static str,
    registry: TestRegistry,
    tunnel: Tunnel,
    place: Workplace,
    /// What was asked of the API.
    asked: Arc<Mutex<Vec<Request>>>,
    answer: Arc<Mutex<Box<Answer>>>,
    _api: Server,
}

impl Scene {
    fn new(host: &'static str) -> Self {
        let place = Workplace::new();
        let authority = Authority::new(&place.beside("home"));
        let names = [
            "registry-1.docker.io",
            "hub.docker.com",
            "quay.io",
            "mirror.example.test",
            ELSEWHERE,
        ];
        let identity = authority.identity(&names, Valid::Now);
        let access = Access::Basic {
            user: "ada".to_owned(),
            password: "hunter2hunter2".to_owned(),
        };
        let registry = TestRegistry::with(access, Some(Arc::clone(&identity.config)));
        for (tag, created, _) in TAGS {
            let config = json!({"author": tag, "created": created});
            registry.push_image_with("shop/web", tag, "linux/amd64", config, json!({}));
        }
        let asked: Arc<Mutex<Vec<Request>>> = Arc::default();
        let answer: Arc<Mutex<Box<Answer>>> =
            Arc::new(Mutex::new(Box::new(|_: &Request, fine: Response| fine)));
        let api = {
            let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
            move |request: &Request| {
                asked.lock().unwrap().push(request.clone());
                answer.lock().unwrap()(request, right(request))
            }
        };
        let of_quay = api.clone();
        registry.fault("token", move |request, _, _| of_quay(request));
        let api = Server::start(Some(identity.config), api);
        let tunnel = Tunnel::start();
        for name in ["registry-1.docker.io", "quay.io", "mirror.example.test"] {
            tunnel.lead(name, registry.address);
        }
        for name in ["hub.docker.com", ELSEWHERE] {
            tunnel.lead(name, api.address);
        }
        let account = json!({"username": "ada", "password": "hunter2hunter2"});
        let config = json!({"auths": {"https://index.docker.io/v1/": account, "quay.io": account, "hub.docker.com": account, "mirror.example.test": account}});
        let folder = place.beside("home/.docker");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        let scene = Self {
            host,
            registry,
            tunnel,
            place,
            asked,
            answer,
            _api: api,
        };
        scene.write(&[NOW]);
        scene
    }

    fn answer(&self, answer: impl Fn(&Request, Response) -> Response + Send + Sync + 'static) {
        *self.answer.lock().unwrap() = Box::new(answer);
    }

    fn write(&self, tags: &[&str]) {
        let containers = tags.iter().enumerate().map(|(at, tag)| {
            format!(
                "  - name: c{at}\n    image: {}/shop/web:{tag} # imago: newest\n",
                self.host
            )
        });
        self.place.write(
            "web.yaml",
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n{}",
                containers.collect::<String>()
            ),
        );
    }

    fn run(&self, flags: &[&str], code: i32) -> Finished {
        let authority = self.place.beside("home/authority.pem");
        let flags = ["files", "--registry-ca", authority.to_str().unwrap()]
            .into_iter()
            .chain(flags.iter().copied());
        let run = self.place.imago(flags);
        run.env("HTTPS_PROXY", format!("http://{}", self.tunnel.address))
            .finish_with(code)
    }

    /// The tags that the images go to.
    fn chosen(&self) -> Vec<String> {
        let report = self.run(&["--output", "json"], 0).json();
        let images = report["objects"][0]["images"].as_array().unwrap();
        let tags = images.iter().map(|image| image["policy"]["to"].as_str());
        tags.map(|tag| tag.unwrap().to_owned()).collect()
    }

    /// The problem of the image.
    fn problem(&self) -> Value {
        let report = self.run(&["--output", "json"], 3).json();
        report["problems"][0].clone()
    }

    /// What was asked of the API, and how many manifests and configurations were read.
    fn counted(&self) -> (Vec<String>, usize) {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        for request in &asked {
            assert_eq!(request.header("authorization"), None, "{request:?}");
            assert_eq!(request.header("host").unwrap(), self.api());
        }
        let asked = asked.iter().map(|request| match &*request.query {
            "" => request.path.clone(),
            query => format!("{}?{query}", request.path),
        });
        let read = self.registry.asked().into_iter().filter(|asked| {
            asked.contains("/blobs/") || asked.starts_with("GET /v2/shop/web/manifests")
        });
        (asked.collect(), read.count())
    }

    fn api(&self) -> &'static str {
        match self.host {
            "docker.io" => "hub.docker.com",
            host => host,
        }
    }

    fn page(&self) -> String {
        match self.host {
            "docker.io" => "/v2/namespaces/shop/repositories/web/tags?page_size=100".to_owned(),
            _ => "/api/v1/repository/shop/web/tag/?onlyActiveTags=true&limit=100".to_owned(),
        }
    }

    fn one(&self, tag: &str) -> String {
        match self.host {
            "docker.io" => format!("/v2/namespaces/shop/repositories/web/tags/{tag}"),
            _ => format!("/api/v1/repository/shop/web/tag/?onlyActiveTags=true&specificTag={tag}"),
        }
    }
}

/// What the API says of a tag.
fn of_tag(request: &Request, tag: &str, pushed: &str) -> Value {
    match request.path.starts_with("/v2/") {
        true => json!({
            "creator": 7, "id": 12345, "images": [{"architecture": "amd64", "os": "linux", "last_pushed": "2020-01-01T00:00:00Z", "variant": null}],
            "last_updated": pushed, "name": tag, "repository": 5678, "full_size": 123, "v2": true,
            "tag_status": "active", "tag_last_pulled": null, "tag_last_pushed": pushed,
        }),
        false => {
            let time: jiff::Timestamp = pushed.parse().unwrap();
            json!({"name": tag, "reversion": false, "start_ts": time.as_second(), "manifest_digest": "sha256:0", "is_manifest_list": false, "size": 123, "last_modified": "Thu, 08 Jan 2026 10:00:00 -0000"})
        }
    }
}

fn page(request: &Request, tags: Vec<Value>) -> Response {
    let page = match request.path.starts_with("/v2/") {
        true => json!({"count": tags.len(), "next": null, "previous": null, "results": tags}),
        false => json!({"tags": tags, "page": 1, "has_additional": false}),
    };
    Response::new(200)
        .header("content-type", "application/json")
        .body(page.to_string())
}

/// The right answer to a question for a page, or for one tag.
fn right(request: &Request) -> Response {
    let named = request
        .path
        .strip_prefix("/v2/namespaces/shop/repositories/web/tags/");
    let named = named.or_else(|| request.query.split_once("specificTag=").map(|(_, tag)| tag));
    let of = |(tag, _, pushed): &(&str, &str, &str)| of_tag(request, tag, pushed);
    let found = TAGS
        .iter()
        .filter(|(tag, ..)| named.is_none_or(|named| *tag == named));
    let found: Vec<Value> = found.map(of).collect();
    match (named, request.path.starts_with("/v2/"), &*found) {
        (Some(_), true, [tag]) => Response::new(200).body(tag.to_string()),
        (Some(_), true, _) => Response::new(404).body(r#"{"message":"object not found"}"#),
        _ => page(request, found),
    }
}

#[test]
fn the_last_push_wins_and_one_question_tells_it() {
    for host in HOSTS {
        let scene = Scene::new(host);
        scene.write(&[NOW, LAST_BUILT, LAST_PUSHED]);
        assert_eq!(scene.chosen(), [LAST_PUSHED; 3], "{host}");
        assert_eq!(
            scene.counted(),
            (vec![scene.page()], OF_THE_SOURCE),
            "{host}"
        );
        scene.run(&["--update", "--lock", "imago.lock"], 0);
        scene.run(&["--check"], 0);
        scene.counted();
        // The lock holds what was chosen, so nobody is asked offline.
        scene.write(&[NOW]);
        scene.run(&["--update", "--offline"], 0);
        let text = String::from_utf8(scene.place.files()["web.yaml"].clone()).unwrap();
        assert!(
            text.contains(&format!("web:{LAST_PUSHED}@sha256:")),
            "{text}"
        );
        assert_eq!(scene.counted().0, Vec::<String>::new());
    }
}

#[test]
fn a_tag_that_the_page_lacks_is_asked_for_alone() {
    for host in HOSTS {
        let scene = Scene::new(host);
        let (whole, lacking) = (scene.page(), [NOW, LAST_PUSHED]);
        scene.answer(move |request, fine| match whole.ends_with(&request.query) {
            true if !request.query.is_empty() => {
                let (tag, _, pushed) = TAGS[2];
                page(request, vec![of_tag(request, tag, pushed)])
            }
            _ => fine,
        });
        // Two images that lack the same tags: each is asked for once.
        scene.write(&[NOW, LAST_BUILT]);
        assert_eq!(scene.chosen(), [LAST_PUSHED; 2], "{host}");
        let (mut asked, read) = scene.counted();
        asked.sort_unstable();
        let mut expected = vec![scene.page()];
        expected.extend(lacking.map(|tag| scene.one(tag)));
        expected.sort_unstable();
        assert_eq!((asked, read), (expected, OF_THE_SOURCE), "{host}");
    }
}

#[test]
fn an_api_that_says_nothing_leaves_it_to_the_images() {
    let forms = [
        "<html>Sign in</html>",
        "{}",
        "null",
        r#"{"results":[],"tags":{}}"#,
        r#"{"results":[{"name":7}]}"#,
    ];
    for host in HOSTS {
        let scene = Scene::new(host);
        for status in [401, 403, 404, 410] {
            scene.answer(move |_, _| Response::new(status).body(r#"{"message":"no"}"#));
            assert_eq!(scene.chosen(), [LAST_BUILT], "{host} {status}");
            // A private repository costs one question.
            assert_eq!(scene.counted().0, [scene.page()], "{host} {status}");
        }
        for form in forms {
            scene.answer(move |_, _| Response::new(200).body(form));
            assert_eq!(scene.chosen(), [LAST_BUILT], "{host} {form}");
            scene.counted();
        }
    }
}

#[test]
fn one_time_that_cannot_be_believed_leaves_it_to_the_images() {
    for host in HOSTS {
        let scene = Scene::new(host);
        for time in [
            "1970-01-01T00:00:00Z",
            "1980-01-01T00:00:00Z",
            "2199-01-01T00:00:00Z",
        ] {
            scene.answer(move |request, _| {
                let tags = TAGS.iter().map(|(tag, _, pushed)| {
                    let pushed = if *tag == LAST_PUSHED { time } else { pushed };
                    of_tag(request, tag, pushed)
                });
                match &*tags.collect::<Vec<_>>() {
                    [.., tag] if request.path.contains("/tags/") => {
                        Response::new(200).body(tag.to_string())
                    }
                    tags => page(request, tags.to_vec()),
                }
            });
            assert_eq!(scene.chosen(), [LAST_BUILT], "{host} {time}");
            scene.counted();
        }
    }
}

#[test]
fn an_api_that_fails_is_a_problem_and_no_other_clock_decides() {
    for host in HOSTS {
        let later = |status| Response::new(status).header("retry-after", "3600");
        for (answer, code) in [
            (later(429), "rate-limited"),
            (later(503), "server-error"),
            (Response::new(200).sent(|_| Body::Endless), "too-large"),
            (
                Response::new(302).header("location", format!("https://{ELSEWHERE}/v2/tags")),
                "redirect",
            ),
        ] {
            let scene = Scene::new(host);
            scene.answer(move |_, _| answer.clone());
            let told = scene.problem();
            assert_eq!(told["code"], code, "{host} {told}");
            let (cause, hint) = (&told["cause"], told["hint"].as_str().unwrap());
            let cause = cause.as_str().unwrap();
            assert!(
                cause.contains(&format!("`{}`", scene.api()))
                    && cause.ends_with("; it was asked when tags were pushed"),
                "{cause}"
            );
            assert!(
                hint.ends_with("or use another policy than `newest`"),
                "{hint}"
            );
            let read = scene.registry.asked();
            assert!(
                !read.iter().any(|asked| asked.contains("/blobs/")),
                "{read:?}"
            );
        }
    }
    // A proxy that lets nobody through to it.
    let scene = Scene::new("docker.io");
    let nowhere = Tunnel::start();
    nowhere.lead("registry-1.docker.io", scene.registry.address);
    let scene = Scene {
        tunnel: nowhere,
        ..scene
    };
    let told = scene.problem();
    assert_eq!(told["code"], "proxy", "{told}");
    assert_eq!(
        told["hint"],
        "let imago reach `hub.docker.com`, or use another policy than `newest`"
    );
}

#[test]
fn a_mirror_is_not_asked_when_tags_were_pushed() {
    for host in HOSTS {
        let scene = Scene::new(host);
        let map = format!("--registry-map={host}=mirror.example.test");
        let report = scene.run(&["--output", "json", &map], 0).json();
        let image = &report["objects"][0]["images"][0];
        assert_eq!(image["policy"]["to"], LAST_BUILT, "{host}");
        assert_eq!(scene.counted().0, Vec::<String>::new());
    }
    // A name that leads to Docker Hub by a map is Docker Hub.
    let scene = Scene::new("docker.io");
    let text = String::from_utf8(scene.place.files()["web.yaml"].clone()).unwrap();
    scene
        .place
        .write("web.yaml", text.replace("docker.io", "cache.example.test"));
    let map = "--registry-map=cache.example.test=docker.io";
    let report = scene.run(&["--output", "json", map], 0).json();
    let image = &report["objects"][0]["images"][0];
    assert_eq!(image["policy"]["to"], LAST_PUSHED);
}
