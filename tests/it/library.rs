//! A run as a library call: awaited on any runtime, in any folder, as often as wanted, and concurrently.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Mutex;

use futures_util::future::join;
use imago::app::observer::Event;
use imago::app::report::Report;
use imago::app::request::FilesRequest;
use imago::app::workspace::Workspace;
use imago::app::{digest, files};
use imago::cli::args;
use imago::cli::settings::{Outside, Settings, check};

use crate::support::binary::Workplace;
use crate::support::block_on;
use crate::support::registry::{INDEX, TestRegistry};

fn settings(line: &str) -> Settings {
    let typed = args::parse(line.split(' ').map(OsString::from)).unwrap();
    check(typed, &Outside::default()).unwrap()
}

fn request(line: &str) -> FilesRequest {
    match settings(line) {
        Settings::Files { request, .. } => *request,
        other => panic!("{other:?}"),
    }
}

fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: {image}\n"
    )
}

fn shop(registry: &TestRegistry, name: &str, files: usize) -> Workplace {
    let place = Workplace::new();
    for number in 0..files {
        place.write(
            &format!("deploy/{name}-{number}.yaml"),
            deployment(name, &format!("{}/shop/{name}:1.4", registry.host())),
        );
    }
    place
}

fn at(place: &Workplace) -> Workspace {
    Workspace::at(place.path().canonicalize().unwrap())
}

fn read(place: &Workplace, path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(place.path().join(path)).unwrap()
}

fn assert_updated(report: &Report, place: &Workplace, digest: &str, files: usize) {
    assert!(report.problems.is_empty(), "{report:?}");
    assert_eq!(report.files_changed.len(), files, "{report:?}");
    for name in &report.files_changed {
        let text = read(place, name);
        assert!(text.contains(&format!("@{digest}")), "{text}");
    }
    let lock = read(place, "imago.lock");
    assert_eq!(lock.matches(digest).count(), 1, "{lock}");
    assert_eq!(lock.lines().count(), 3, "{lock}");
}

#[test]
fn file_mode_runs_twice_in_one_process_and_follows_the_tag() {
    let registry = TestRegistry::start();
    let place = shop(&registry, "web", 40);
    let request = request("imago files deploy --update --lock imago.lock");
    block_on(async {
        for content in ["first", "second"] {
            let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], content);
            let answered = Mutex::new(0);
            let observer = |event: Event| {
                if let Event::Answered { .. } = event {
                    *answered.lock().unwrap() += 1;
                }
            };
            let report = files::run(&request, &at(&place), &observer).await.unwrap();
            assert_updated(&report, &place, &digest, 40);
            assert_eq!(*answered.lock().unwrap(), 1);
        }
        let report = files::run(&request, &at(&place), &|_| ()).await.unwrap();
        assert!(report.files_changed.is_empty(), "{report:?}");
    });
}

#[test]
fn two_runs_at_once_in_two_folders_do_not_meet() {
    let registry = TestRegistry::start();
    let digests = ["web", "api"]
        .map(|name| registry.push_index(&format!("shop/{name}"), "1.4", &["linux/amd64"], name));
    let (web, api) = (shop(&registry, "web", 40), shop(&registry, "api", 3));
    let request = request("imago files --update --lock imago.lock");
    let (in_web, in_api) = (at(&web), at(&api));
    let observer = |_: Event| ();
    let (of_web, of_api) = block_on(async {
        join(
            files::run(&request, &in_web, &observer),
            files::run(&request, &in_api, &observer),
        )
        .await
    });
    assert_updated(&of_web.unwrap(), &web, &digests[0], 40);
    assert_updated(&of_api.unwrap(), &api, &digests[1], 3);
    let asked = registry.requests();
    let of = |name: &str| {
        let path = format!("/v2/shop/{name}/manifests/1.4");
        asked.iter().filter(|one| one.path == path).count()
    };
    assert_eq!((of("web"), of("api")), (1, 1), "{INDEX}: {asked:?}");
}

#[test]
fn runs_over_files_and_images_may_wander_between_the_threads_of_a_runtime() {
    fn wanders<T: Send>(_: &T) {}
    let place = Workplace::new();
    let at = at(&place);
    let observer = |_: Event| ();
    match settings("imago digest registry.example.com/shop/web:1.4") {
        Settings::Digest { request, .. } => wanders(&digest::run(&request, &at, &observer)),
        other => panic!("{other:?}"),
    }
    wanders(&files::run(&request("imago files"), &at, &observer));
}

#[test]
fn files_outside_of_a_bare_repository_may_be_named_from_it_as_hooks_do() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let place = shop(&registry, "web", 3);
    for folder in ["objects", "refs/heads"] {
        std::fs::create_dir_all(place.path().join("web.git").join(folder)).unwrap();
    }
    place.write("web.git/HEAD", "ref: refs/heads/main\n");
    place.write("web.git/config", "[core]\n\tbare = true\n");
    let inside = place.path().join("web.git");
    for folder in [inside.clone(), inside.join("refs")] {
        let said = place.imago(["files"]).folder(&folder).finish_with(2).stderr;
        assert!(
            said.contains("HEAD names the branch `main`, which has no commit"),
            "{said}"
        );
    }
    let named = place.path().join("deploy");
    let lock = format!("--lock={}", place.path().join("imago.lock").display());
    let line = [
        "files".as_ref(),
        "--output=json".as_ref(),
        lock.as_ref(),
        named.as_os_str(),
    ];
    let said = place.imago(line).folder(&inside).finish_with(0).stdout;
    assert!(said.contains(&digest), "{said}");
}
