//! `--flux-policies` where the files are those of a commit: a branch, a bare repository, an address. The ImagePolicies of the same commit
//! decide, wherever in it they stand.

use std::path::PathBuf;

use crate::support::binary::{Finished, Workplace};
use crate::support::programs;
use crate::support::registry::TestRegistry;

const MARKER: &str = "# {\"$imagepolicy\": \"flux-system:web\"}";

/// A registry, a repository of Flux's with one Deployment, and a bare clone of it.
struct Scene {
    registry: TestRegistry,
    place: Workplace,
    bare: PathBuf,
}

impl Scene {
    fn new() -> Option<Self> {
        programs::find("git")?;
        let place = Workplace::new();
        let scene = Self {
            registry: TestRegistry::start(),
            bare: place.beside("deploy.git"),
            place,
        };
        for tag in ["1.4.2", "1.5.0", "2.0.0"] {
            (scene.registry).push_image("shop/web", tag, "linux/amd64", tag);
        }
        scene.git("init --quiet --initial-branch=main");
        scene.git("config user.name Ada");
        scene.git("config user.email ada@example.test");
        scene.range("1.x");
        scene.place.write("apps/web.yaml", scene.web("1.4.2"));
        scene.commit();
        let bare = scene.bare.display().to_string();
        scene.git(&format!("clone --quiet --bare . {bare}"));
        for line in [
            "config user.name Ada",
            "config user.email ada@example.test",
            "config uploadpack.allowFilter true",
            "config uploadpack.allowAnySHA1InWant true",
        ] {
            scene.git(&format!("-C {bare} {line}"));
        }
        Some(scene)
    }

    /// Writes the ImagePolicy, in another folder than that of the Deployment.
    fn range(&self, range: &str) {
        let name = format!("{}/shop/web", self.registry.host());
        self.place.write(
            "clusters/images.yaml",
            format!(
                "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web, namespace: flux-system}}
spec: {{image: '{name}', interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web, namespace: flux-system}}
spec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: {range}}}}}}}
"
            ),
        );
    }

    fn web(&self, tag: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: {}/shop/web:{tag} {MARKER}\n",
            self.registry.host()
        )
    }

    fn git(&self, line: &str) -> String {
        let line = line.split(' ');
        self.place.program("git", line).finish_with(0).stdout
    }

    fn of_bare(&self, line: &str) -> String {
        self.git(&format!("-C {} {line}", self.bare.display()))
    }

    fn commit(&self) {
        self.git("add .");
        self.git("commit --quiet --message more");
    }

    fn run(&self, line: &str, code: i32) -> Finished {
        let line = ["files"].into_iter().chain(line.split(' '));
        self.place.imago(line).finish_with(code)
    }

    fn in_bare(&self, line: &str, code: i32) -> Finished {
        let line = ["files"].into_iter().chain(line.split(' '));
        self.place.imago(line).folder(&self.bare).finish_with(code)
    }
}

#[test]
fn a_commit_has_what_the_policies_of_the_work_tree_come_to() {
    let Some(scene) = Scene::new() else { return };
    let said = scene
        .run("apps --update --flux-policies --commit", 0)
        .stdout;
    assert!(said.contains(" on main\n"), "{said}");
    assert_eq!(scene.git("show HEAD:apps/web.yaml"), scene.web("1.5.0"));
    let message = scene.git("log -1 --format=%B");
    assert!(message.contains("shop/web:1.4.2 -> "), "{message}");
    assert_eq!(scene.git("diff --name-only HEAD~1 HEAD"), "apps/web.yaml\n");
    let said = scene
        .run("apps --update --flux-policies --commit", 0)
        .stdout;
    assert!(said.contains("nothing to commit on main\n"), "{said}");
    // Without it the image is left to Flux.
    scene.range("2.x");
    scene.commit();
    let said = scene.run("apps --update --commit", 0).stdout;
    assert!(said.contains("nothing to commit on main\n"), "{said}");
}

#[test]
fn a_branch_has_what_the_policies_of_its_base_come_to() {
    let Some(scene) = Scene::new() else { return };
    // What is not committed decides nothing.
    scene.range("2.x");
    scene
        .place
        .write("apps/web.yaml", scene.web("1.4.2") + "# mine\n");
    let before = scene.place.files();
    let line = "apps --update --flux-policies --branch imago/update";
    scene.run(line, 0);
    assert_eq!(scene.place.files(), before);
    let of_branch = |file: &str| scene.git(&format!("show imago/update:{file}"));
    assert_eq!(of_branch("apps/web.yaml"), scene.web("1.5.0"));
    assert_eq!(scene.git("show main:apps/web.yaml"), scene.web("1.4.2"));
    let said = scene.run(line, 0).stdout;
    assert!(said.contains(" is on imago/update already\n"), "{said}");
    // The base moves, and with it the policy.
    scene.place.write("apps/web.yaml", scene.web("1.4.2"));
    scene.commit();
    scene.run(line, 0);
    assert_eq!(of_branch("apps/web.yaml"), scene.web("2.0.0"));
    assert!(of_branch("clusters/images.yaml").contains("2.x"));
}

#[test]
fn a_bare_repository_has_its_policies_carried_out() {
    let Some(scene) = Scene::new() else { return };
    let report = scene
        .in_bare("apps --flux-policies --output json", 0)
        .json();
    let image = &report["objects"][0]["images"][0];
    assert_eq!(
        (&image["policy"]["policy"], &image["policy"]["to"]),
        (&"flux-system:web".into(), &"1.5.0".into())
    );
    scene.in_bare("apps --flux-policies --check", 1);
    // Without it the image is left to Flux.
    let left = scene.in_bare("apps --output json", 0).json();
    assert_eq!(left["objects"][0]["images"][0]["code"], "flux-marker");
    let line = "apps --update --flux-policies --branch imago/update";
    scene.in_bare(line, 0);
    let of = |branch: &str| scene.of_bare(&format!("show {branch}:apps/web.yaml"));
    assert_eq!(of("imago/update"), scene.web("1.5.0"));
    assert_eq!(of("main"), scene.web("1.4.2"));
    scene.in_bare("apps --update --flux-policies --commit", 0);
    assert_eq!(of("main"), scene.web("1.5.0"));
    scene.in_bare("apps --flux-policies --check", 0);
    assert_eq!(scene.of_bare("fsck --strict --no-dangling"), "");
}

#[test]
fn a_repository_by_its_address_has_its_policies_carried_out() {
    let Some(scene) = Scene::new() else { return };
    // The setting says it as the flag does.
    scene.place.write(".imago.yaml", "flux-policies: true\n");
    scene.commit();
    scene.git(&format!("push --quiet {} main", scene.bare.display()));
    let elsewhere = scene.place.beside("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let run = |line: &str, code: i32| {
        let address = format!("file://{}", scene.bare.display());
        let begin = ["files", "--repository", &address];
        let run = (scene.place)
            .imago(begin.into_iter().chain(line.split(' ')))
            .folder(&elsewhere);
        run.env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.test")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.test")
            .finish_with(code)
    };
    run("--check", 1);
    run("--update --branch imago/update --push", 0);
    let of = |branch: &str| scene.of_bare(&format!("show {branch}:apps/web.yaml"));
    assert_eq!(of("imago/update"), scene.web("1.5.0"));
    run("apps --update --push", 0);
    assert_eq!(of("main"), scene.web("1.5.0"));
    run("--check", 0);
}
