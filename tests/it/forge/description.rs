//! Requests and answers, held against the descriptions of their APIs that GitHub and Forgejo publish. GitLab's is in no package.
//!
//! `prism` serves a description: it refuses a request that breaks it, and answers with the description's own examples, or made-up values,
//! which have to be read. GraphQL is held against the published schema. `tests/run` gets them from npm into `target/node`, and from
//! crates.io into `target/forgejo`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use imago::io::forge::{Created, Draft, Forge as Client, ForgeKind, GitHubApp, Location, Settings};
use serde_json::{Map, Value};

use super::client::{draft, pair, settings};
use crate::support::block_on;
use crate::support::forge::{Flavour, Pull};
use crate::support::programs;

/// What is asked of GitHub: the whole description takes a server minutes to read.
const GITHUB: [&str; 8] = [
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{pull_number}",
    "/repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
    "/repos/{owner}/{repo}/issues/{issue_number}/labels",
    "/repos/{owner}/{repo}/issues/{issue_number}/assignees",
    "/repos/{owner}/{repo}/issues/{issue_number}/comments",
    "/repos/{owner}/{repo}/installation",
    "/app/installations/{installation_id}/access_tokens",
];

/// What is asked of Forgejo, and of Gitea.
const FORGEJO: [&str; 9] = [
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/labels",
    "/orgs/{org}/labels",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{index}",
    "/repos/{owner}/{repo}/pulls/{index}/requested_reviewers",
    "/repos/{owner}/{repo}/pulls/{index}/merge",
    "/repos/{owner}/{repo}/issues/{index}/labels",
    "/repos/{owner}/{repo}/issues/{index}/comments",
];

/// A server of a description. Dropping it ends it.
struct Prism {
    child: Child,
    host: String,
    /// With the description, which prism watches as long as it runs.
    _folder: tempfile::TempDir,
}

impl Prism {
    fn start(program: &Path, description: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("description.json");
        std::fs::write(&file, description.to_string()).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let mut child = Command::new(program)
            .args(["mock", "--host", "127.0.0.1", "--port", &port.to_string()])
            .arg(&file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("Prism is listening") {
            line.clear();
            let read = output.read_line(&mut line).unwrap();
            assert!(read > 0, "prism ended before it listened");
        }
        // What it says further has to go somewhere.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Self {
            child,
            host: format!("127.0.0.1:{port}"),
            _folder: folder,
        }
    }
}

impl Drop for Prism {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The folder with what npm has installed beside prism.
fn modules(prism: &Path) -> PathBuf {
    let real = prism.canonicalize().unwrap();
    let folder = real
        .ancestors()
        .find(|folder| folder.ends_with("node_modules"));
    folder.unwrap().to_owned()
}

/// The description with these paths alone, and what they refer to.
fn cut(whole: &Value, paths: &[&str]) -> Value {
    let mut kept = whole.clone();
    let parts = ["components", "definitions", "responses", "parameters"];
    for part in parts.iter().chain(&["x-webhooks"]) {
        kept.as_object_mut().unwrap().remove(*part);
    }
    let of = |path: &&str| ((*path).to_owned(), whole["paths"][*path].clone());
    kept["paths"] = Value::Object(Map::from_iter(paths.iter().map(of)));
    let mut waiting = vec![kept["paths"].clone()];
    while let Some(value) = waiting.pop() {
        if let Some(name) = value["$ref"].as_str() {
            let pointer = name.strip_prefix('#').unwrap();
            if kept.pointer(pointer).is_none_or(Value::is_null) {
                let found = whole.pointer(pointer).unwrap().clone();
                let names: Vec<&str> = pointer.split('/').skip(1).collect();
                let place = names.iter().fold(&mut kept, |at, name| &mut at[*name]);
                place.clone_from(&found);
                waiting.push(found);
            }
        }
        match value {
            Value::Array(values) => waiting.extend(values),
            Value::Object(map) => waiting.extend(map.into_iter().map(|(_, value)| value)),
            _ => {}
        }
    }
    kept
}

fn read(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn githubs_own_description_takes_every_request_and_its_examples_are_read() {
    let Some(program) = programs::find("prism") else {
        return;
    };
    let file = modules(&program).join("@octokit/openapi/generated/api.github.com.json");
    let mut description = cut(&read(&file), &GITHUB);
    // Its example leads to a next page at another host.
    description["components"]["headers"]["link"]["example"] = "</>; rel=\"last\"".into();
    let prism = Prism::start(&program, &description);
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/forge/app.pem");
    let mut settings = Settings {
        app: Some(GitHubApp::read("12", &key).unwrap()),
        ..settings(&[])
    };
    settings.limits.answer = Duration::from_secs(60);
    let location = Location {
        kind: ForgeKind::GitHub,
        api: format!("http://{}", prism.host),
        project: "octocat/Hello-World".to_owned(),
        host: "github.com".to_owned(),
    };
    let client = Client::open(location, &settings).unwrap();
    // The request of the examples, and the people in it.
    let (head, base) = ("new-topic", "master");
    let people = ["octocat".to_owned(), "octocat/justice-league".to_owned()];
    block_on(async {
        let draft = Draft {
            base,
            labels: &["images".to_owned()],
            reviewers: &people,
            assignees: &people[..1],
            is_draft: true,
            ..draft(head)
        };
        let created = client.create(&draft).await.unwrap();
        let Created::Made { request, warnings } = created else {
            panic!("{created:?}")
        };
        assert_eq!(warnings, [""; 0]);
        assert_eq!(request.number, 1347);
        assert!(
            request.url.starts_with("https://github.com/"),
            "{}",
            request.url
        );
        let found = client.open_requests(head, base).await.unwrap().unwrap();
        assert_eq!((found.number, found.head_commit.is_some()), (1347, true));
        assert_eq!(client.open_below("new-", base).await.unwrap().len(), 1);
        assert_eq!(client.closed_requests(head, base).await.unwrap(), []);
        client.update(&found, "Update 2", "text").await.unwrap();
        assert!(
            client
                .comment_once(&found, "<!-- imago -->", "text")
                .await
                .unwrap()
        );
        client.close(&found).await.unwrap();
    });
}

#[test]
fn forgejos_own_description_takes_every_request_and_its_answers_are_read() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/forgejo/swagger.v1.json");
    let Some(program) = programs::find("prism").filter(|_| file.is_file()) else {
        eprintln!("LEFT OUT: Forgejo's description is not in `target/forgejo`");
        return;
    };
    let mut description = cut(&read(&file), &FORGEJO);
    // What is made up is the least number, and `true`.
    let pull = &mut description["definitions"]["PullRequest"]["properties"];
    pull["number"]["example"] = 12.into();
    pull["merged"]["example"] = false.into();
    let prism = Prism::start(&program, &description);
    let mut settings = settings(&[("IMAGO_FORGE_TOKEN", "planted")]);
    settings.limits.answer = Duration::from_secs(60);
    let location = Location {
        kind: ForgeKind::Gitea,
        // It serves the paths without what they begin with.
        api: format!("http://{}", prism.host),
        project: "shop/deploy".to_owned(),
        host: "codeberg.org".to_owned(),
    };
    let client = Client::open(location, &settings).unwrap();
    // What prism makes up is called so.
    let (name, names) = ("string", ["string".to_owned()]);
    block_on(async {
        let draft = Draft {
            base: name,
            labels: &names,
            reviewers: &names,
            assignees: &names,
            is_draft: true,
            ..draft(name)
        };
        let created = client.create(&draft).await.unwrap();
        let Created::Made { request, warnings } = created else {
            panic!("{created:?}")
        };
        assert_eq!(warnings, [""; 0]);
        let found = client.open_requests(name, name).await.unwrap().unwrap();
        assert_eq!((found.number, &*found.head), (12, name));
        client.closed_requests(name, name).await.unwrap();
        client.update(&request, "Update 2", "text").await.unwrap();
        assert!(
            client
                .comment_once(&request, "<!-- imago -->", "text")
                .await
                .unwrap()
        );
        client
            .merge_when_ready(&request, &"c".repeat(40))
            .await
            .unwrap();
        client.close(&request).await.unwrap();
    });
}

#[test]
fn githubs_own_schema_takes_what_turns_on_auto_merge() {
    let Some(program) = programs::find("prism") else {
        return;
    };
    let (forge, client) = pair(Flavour::GitHub);
    forge.state().add(Pull::default());
    let request = block_on(client.open_requests("imago", "main"))
        .unwrap()
        .unwrap();
    let commit = request.head_commit.clone().unwrap();
    block_on(client.merge_when_ready(&request, &commit)).unwrap();
    let asked: Vec<Value> = forge
        .log()
        .iter()
        .filter(|it| it.path.ends_with("/graphql"))
        .map(|it| serde_json::from_str::<Value>(&it.body).unwrap()["query"].clone())
        .collect();
    assert_eq!(asked.len(), 2);
    let script = format!(
        "import('@octokit/graphql-schema').then(({{ validate }}) => {{ \
         for (const query of {}) for (const error of validate(query)) console.log(error.message); }});",
        Value::Array(asked)
    );
    let output = Command::new("node")
        .args(["--eval", &script])
        .current_dir(modules(&program).parent().unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
}
