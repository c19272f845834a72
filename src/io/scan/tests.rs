mod ignored;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{CWD, Mode, OFlags};

use super::*;

/// A temporary folder with files.
struct World(tempfile::TempDir);

impl World {
    fn new(files: &[&str]) -> Self {
        let world = Self(tempfile::tempdir().unwrap());
        for file in files {
            world.write(file, "");
        }
        world
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.at(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn try_scan(
        &self,
        paths: &[&str],
        include: &[&str],
        exclude: &[&str],
    ) -> Result<Vec<String>, ScanError> {
        let owned = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|&pattern| pattern.to_owned())
                .collect::<Vec<_>>()
        };
        let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
        let current = self.at("");
        let request = Scope {
            paths: &paths,
            include: &owned(include),
            exclude: &owned(exclude),
            other: None,
            current: &current,
            opens_relative: false,
            root: &current,
        };
        scan(request, |found| {
            Some(match found.what {
                What::File(_) => found.shown,
                What::Template => format!("{} (template)", found.shown),
                What::Unknown(_) => format!("{} (unknown)", found.shown),
                What::Problem(error) | What::Folder(error) | What::Rules(error) => {
                    format!("{}: {}", found.shown, error.code().as_str())
                }
            })
        })
        .map(|(found, _)| found)
    }

    fn scan(&self, paths: &[&str]) -> Vec<String> {
        self.try_scan(paths, &[], &[]).unwrap()
    }
}

#[test]
fn manifests_are_found_at_every_depth_and_in_hidden_folders() {
    let world = World::new(&[
        "web.yaml",
        "deploy/web.yml",
        "deploy/web.json",
        "deploy/.hidden.yaml",
        ".github/workflows/ci.yaml",
        "README.md",
        "deploy/web.YAML",
        "deploy/web.yaml.bak",
        "yaml",
    ]);
    let expected = [
        ".github/workflows/ci.yaml",
        "deploy/.hidden.yaml",
        "deploy/web.json",
        "deploy/web.yml",
        "web.yaml",
    ];
    assert_eq!(world.scan(&[]), expected);
    assert_eq!(world.scan(&["."]), expected);
    assert_eq!(
        world.scan(&["./deploy//"]),
        ["deploy/.hidden.yaml", "deploy/web.json", "deploy/web.yml"]
    );
}

#[test]
fn a_file_in_a_repository_of_any_name_is_refused_as_if_it_were_named() {
    let world = World::new(&[
        "store/HEAD",
        "store/objects/x",
        "store/refs/heads/web.yaml",
        "store/web.yaml",
        "store/tree/.git/HEAD",
        "store/tree/web.yaml",
        "plain/HEAD",
        "plain/objects/web.yaml",
        "linked/HEAD",
        "linked/commondir",
        "linked/web.yaml",
    ]);
    let scanned = [
        "linked/web.yaml: inside-git",
        "plain/objects/web.yaml",
        "store/refs/heads/web.yaml: inside-git",
        "store/tree/web.yaml",
        "store/web.yaml: inside-git",
    ];
    assert_eq!(world.scan(&[]), scanned);
    for file in scanned {
        let (name, _) = file.split_once(':').unwrap_or((file, ""));
        assert_eq!(world.scan(&[name]), [file]);
    }
    for folder in ["store", "store/refs"] {
        assert_eq!(world.scan(&[folder]), [format!("{folder}: inside-git")]);
    }
    assert_eq!(world.scan(&["store/tree"]), ["store/tree/web.yaml"]);
}

#[test]
fn a_file_comes_with_its_bytes_and_the_path_to_open_it() {
    let world = World::new(&[]);
    world.write("deploy/web.yaml", "kind: Deployment\n");
    let current = world.at("");
    let request = Scope {
        paths: &[],
        include: &[],
        exclude: &[],
        other: None,
        current: &current,
        opens_relative: false,
        root: &current,
    };
    let found = scan(request, |found| match found.what {
        What::File(bytes) => Some((found.path.canonicalize().unwrap(), std::mem::take(bytes))),
        _ => None,
    });
    assert_eq!(
        found.unwrap().0,
        [(world.at("deploy/web.yaml"), b"kind: Deployment\n".to_vec())]
    );
}

#[test]
fn paths_are_shown_as_they_were_typed() {
    let world = World::new(&["deploy/web.yaml"]);
    let absolute = world.at("deploy/web.yaml").to_str().unwrap().to_owned();
    assert_eq!(
        world.scan(&[world.at("deploy").to_str().unwrap()]),
        std::slice::from_ref(&absolute)
    );
    assert_eq!(world.scan(&[&absolute]), [absolute]);
    assert_eq!(world.scan(&["./deploy/web.yaml"]), ["deploy/web.yaml"]);
    assert_eq!(
        world.scan(&["deploy/../deploy"]),
        ["deploy/../deploy/web.yaml"]
    );
}

#[test]
fn a_named_file_is_read_whatever_its_extension_or_gitignore_says() {
    let world = World::new(&["web.tmpl", "gen/web.yaml", "web.yaml"]);
    world.write(".gitignore", "gen\n");
    assert_eq!(
        world.scan(&["web.tmpl", "gen/web.yaml"]),
        ["gen/web.yaml", "web.tmpl"]
    );
    assert_eq!(world.scan(&["gen"]), ["gen/web.yaml"]);
}

#[test]
fn what_is_named_twice_is_read_once() {
    let world = World::new(&["deploy/base/web.yaml", "deploy/web.yaml", "gen/web.yaml"]);
    world.write(".gitignore", "gen\n");
    symlink("base/web.yaml", world.at("deploy/link.yaml")).unwrap();
    assert_eq!(
        world.scan(&[
            "deploy/web.yaml",
            "deploy/web.yaml",
            "./deploy/../deploy/web.yaml"
        ]),
        ["deploy/web.yaml"]
    );
    assert_eq!(
        world.scan(&[".", "deploy", "deploy/web.yaml"]),
        ["deploy/base/web.yaml", "deploy/web.yaml"]
    );
    assert_eq!(
        world.scan(&["deploy", "."]),
        ["deploy/base/web.yaml", "deploy/web.yaml"]
    );
    assert_eq!(
        world.scan(&[".", "gen", "gen"]),
        ["deploy/base/web.yaml", "deploy/web.yaml", "gen/web.yaml"]
    );
    assert_eq!(
        world.scan(&["deploy/link.yaml", "."]),
        ["deploy/link.yaml", "deploy/web.yaml"]
    );
}

#[test]
fn globs_narrow_folders_and_named_files() {
    let world = World::new(&[
        "apps/shop/web.yaml",
        "apps/shop/web.gen.yaml",
        "apps/vendor/web.yaml",
        "infra/web.yaml",
    ]);
    let scan = |paths: &[&str], include: &[&str], exclude: &[&str]| {
        world.try_scan(paths, include, exclude).unwrap()
    };
    assert_eq!(
        scan(&[], &[], &["*.gen.yaml", "vendor"]),
        ["apps/shop/web.yaml", "infra/web.yaml"]
    );
    assert_eq!(
        scan(&[], &["apps/**"], &["vendor/", "*.gen.*"]),
        ["apps/shop/web.yaml"]
    );
    assert_eq!(
        scan(&["apps"], &["shop/*"], &["apps/shop/web.gen.yaml"]),
        ["apps/shop/web.yaml"]
    );
    assert_eq!(
        scan(&["apps/shop/web.yaml", "infra/web.yaml"], &["apps"], &[]),
        ["apps/shop/web.yaml"]
    );
    assert_eq!(scan(&["infra/web.yaml"], &[], &["web.yaml"]), [""; 0]);
    assert_eq!(
        scan(
            &["apps", "apps/shop/web.yaml"],
            &["shop/web.*"],
            &["*.gen.*"]
        ),
        ["apps/shop/web.yaml"]
    );
    assert_eq!(
        scan(&["apps", "apps/shop"], &["shop/web.*"], &["*.gen.*"]),
        ["apps/shop/web.yaml"]
    );
    let absolute = world.at("apps").to_str().unwrap().to_owned();
    assert_eq!(
        scan(&[&absolute], &["apps/shop/web.yaml"], &[]),
        [format!("{absolute}/shop/web.yaml")]
    );
}

#[test]
fn a_path_that_is_not_there_ends_the_run_before_anything_is_read() {
    let world = World::new(&["web.yaml"]);
    symlink("nowhere", world.at("dangling.yaml")).unwrap();
    symlink("gone", world.at("folder")).unwrap();
    let no_path = |path: &str| format!("there is no file or folder `{path}`");
    let no_target = |link: &str, target: &str| {
        format!("the link `{link}` leads to `{target}`, where nothing is")
    };
    for (missing, said) in [
        ("deploy", no_path("deploy")),
        ("web.yaml/x", no_path("web.yaml/x")),
        ("", no_path("")),
        ("dangling.yaml", no_target("dangling.yaml", "nowhere")),
        ("folder/web.yaml", no_target("folder", "gone")),
    ] {
        let paths = [PathBuf::from("web.yaml"), PathBuf::from(missing)];
        let current = world.at("");
        let request = Scope {
            paths: &paths,
            include: &[],
            exclude: &[],
            other: None,
            current: &current,
            opens_relative: false,
            root: &current,
        };
        let visited = AtomicUsize::new(0);
        let error = scan(request, |_| Some(visited.fetch_add(1, Ordering::Relaxed))).unwrap_err();
        assert_eq!(error.to_string(), said);
        assert_eq!(visited.into_inner(), 0);
    }
}

#[test]
fn links_are_read_when_they_are_named_and_lead_nowhere_else() {
    let (world, outside) = (World::new(&["base/web.yaml"]), World::new(&["other.yaml"]));
    symlink("base/web.yaml", world.at("link.yaml")).unwrap();
    symlink("base", world.at("folder")).unwrap();
    symlink(".", world.at("base/circle")).unwrap();
    symlink(outside.at("other.yaml"), world.at("outside.yaml")).unwrap();
    symlink(outside.at(""), world.at("outside")).unwrap();
    assert_eq!(world.scan(&[]), ["base/web.yaml"]);
    assert_eq!(world.scan(&["link.yaml"]), ["link.yaml"]);
    assert_eq!(world.scan(&["folder"]), ["folder/web.yaml"]);
    let outside = ["outside.yaml", "outside", "outside/other.yaml", "base"];
    assert_eq!(
        world.scan(&outside),
        [
            "base/web.yaml",
            "outside: link-outside",
            "outside/other.yaml: link-outside",
            "outside.yaml: link-outside"
        ]
    );
}

#[test]
fn templates_of_a_chart_are_told_and_not_read() {
    let world = World::new(&[
        "chart/Chart.yaml",
        "chart/values.yaml",
        "chart/crds/x.yaml",
        "chart/templates/web.yaml",
        "chart/templates/tests/web.yaml",
        "chart/templates/_helpers.tpl",
        "chart/charts/sub/templates/web.yaml",
        "chart/charts/sub/Chart.yaml",
        "plain/templates/web.yaml",
    ]);
    let expected = [
        "chart/Chart.yaml",
        "chart/charts/sub/Chart.yaml",
        "chart/charts/sub/templates/web.yaml (template)",
        "chart/crds/x.yaml",
        "chart/templates/tests/web.yaml (template)",
        "chart/templates/web.yaml (template)",
        "chart/values.yaml",
        "plain/templates/web.yaml",
    ];
    assert_eq!(world.scan(&[]), expected);
    assert_eq!(
        world.scan(&["chart/templates/tests"]),
        ["chart/templates/tests/web.yaml (template)"]
    );
    assert_eq!(
        world.scan(&["chart/templates/_helpers.tpl", "chart/templates/web.yaml"]),
        [
            "chart/templates/_helpers.tpl (template)",
            "chart/templates/web.yaml (template)"
        ]
    );
    assert_eq!(
        world
            .try_scan(&["chart"], &[], &["templates"])
            .unwrap()
            .iter()
            .filter(|line| line.contains('('))
            .count(),
        0
    );
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_goes_on() {
    let world = World::new(&["web.yaml", "folder.yaml/inner.yaml"]);
    rustix::fs::mknodat(
        CWD,
        world.at("pipe.yaml"),
        rustix::fs::FileType::Fifo,
        Mode::RWXU,
        0,
    )
    .unwrap();
    std::fs::File::create(world.at("large.yaml"))
        .unwrap()
        .set_len(200 << 20)
        .unwrap();
    assert_eq!(
        world.scan(&[]),
        [
            "folder.yaml/inner.yaml",
            "large.yaml: too-large",
            "web.yaml"
        ]
    );
    assert_eq!(
        world.scan(&["pipe.yaml", "web.yaml"]),
        ["pipe.yaml: not-a-file", "web.yaml"]
    );
}

#[test]
fn a_folder_that_cannot_be_read_is_a_problem_and_the_rest_goes_on() {
    let world = World::new(&["web.yaml"]);
    // Root may read every folder, but no one can open a folder whose path exceeds the system's limit.
    let mut folder = rustix::fs::open(world.at(""), OFlags::DIRECTORY, Mode::empty()).unwrap();
    let name = "f".repeat(250);
    for _ in 0..20 {
        rustix::fs::mkdirat(&folder, &name, Mode::RWXU).unwrap();
        folder = rustix::fs::openat(&folder, &name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let found = world.scan(&[]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("fff") && found[0].ends_with("f: io"),
        "{found:?}"
    );
    assert_eq!(found[1], "web.yaml");
}

#[test]
fn names_that_are_not_utf8_are_read_and_shown_as_near_as_text_comes() {
    let world = World::new(&[]);
    let name = Path::new(OsStr::from_bytes(b"w\xffb.yaml"));
    std::fs::write(world.at("").join(name), "x").unwrap();
    let current = world.at("");
    let paths = [name.to_owned()];
    for paths in [&[][..], &paths] {
        let request = Scope {
            paths,
            include: &[],
            exclude: &[],
            other: None,
            current: &current,
            opens_relative: false,
            root: &current,
        };
        let found = scan(request, |found| match found.what {
            What::File(bytes) => Some((found.shown, std::mem::take(bytes))),
            _ => None,
        });
        assert_eq!(
            found.unwrap().0,
            [("w\u{fffd}b.yaml".to_owned(), b"x".to_vec())]
        );
    }
}

#[test]
fn what_is_found_has_the_same_number_whatever_the_threads_did() {
    let files: Vec<String> = (0..500)
        .map(|index| format!("f{}/g.{}/{index}.yaml", index % 7, index % 13))
        .collect();
    let world = World::new(&files.iter().map(String::as_str).collect::<Vec<_>>());
    world.write("f3/web.json", "");
    symlink("/", world.at("outside")).unwrap();
    let current = world.at("");
    let paths = ["outside", "f5/g.5/5.yaml", "f3", "."].map(PathBuf::from);
    let request = Scope {
        paths: &paths,
        include: &[],
        exclude: &[],
        other: None,
        current: &current,
        opens_relative: false,
        root: &current,
    };
    let numbered = || {
        let (mut found, _) = scan(request, |found| Some((found.number, found.shown))).unwrap();
        found.sort_unstable();
        found
    };
    let first = numbered();
    assert_eq!(
        first.iter().map(|(number, _)| *number).collect::<Vec<_>>(),
        (0..502).collect::<Vec<_>>()
    );
    assert_eq!(
        (
            first[0].1.as_str(),
            first[1].1.as_str(),
            first[2].1.as_str()
        ),
        ("outside", "f5/g.5/5.yaml", "f0/g.0/0.yaml")
    );
    for _ in 0..5 {
        assert_eq!(numbered(), first);
    }
}

#[test]
fn results_are_sorted_whatever_the_threads_did() {
    let files: Vec<String> = (0..500)
        .map(|index| format!("f{}/g{}/{index}.yaml", index % 7, index % 13))
        .collect();
    let world = World::new(&files.iter().map(String::as_str).collect::<Vec<_>>());
    let mut expected: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    expected.sort();
    let expected: Vec<_> = expected.iter().map(|path| path.to_str().unwrap()).collect();
    for _ in 0..5 {
        assert_eq!(world.scan(&[]), expected);
        assert_eq!(
            world.scan(&files.iter().map(String::as_str).collect::<Vec<_>>()),
            expected
        );
    }
}
