//! `imago import`: what other tools say of tags, as settings that imago reads.

use crate::support::binary::Workplace;

const FLUX: &str = "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {name: web, namespace: shop}
spec: {image: registry.example.com/shop/web}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {name: web, namespace: shop}
spec:
  imageRepositoryRef: {name: web}
  filterTags: {pattern: \"^it's-(?P<ts>[0-9]+)\", extract: $ts}
  policy: {numerical: {order: asc}}
";

const APPLICATION: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: shop
  annotations:
    argocd-image-updater.argoproj.io/image-list: api=registry.example.com/shop/api:>=1.2
    argocd-image-updater.argoproj.io/api.ignore-tags: '*-rc*'
    argocd-image-updater.argoproj.io/api.platforms: linux/arm64
    argocd-image-updater.argoproj.io/api.tag-sort: name
";

/// A repository with the settings of four tools.
fn shop() -> Workplace {
    let place = Workplace::new();
    place.write("clusters/flux.yaml", FLUX);
    place.write("clusters/app.yaml", APPLICATION);
    place.write(
        "keel/web.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: {keel.sh/policy: patch}\nspec: {containers: [{name: web, image: 'registry.example.com/shop/side:1.4.2'}]}\n",
    );
    place.write(
        ".github/renovate.json",
        "{\n\t\"packageRules\": [\n\t\t{\"matchUpdateTypes\": [\"major\"], \"enabled\": false}\n\t]\n}\n",
    );
    place
}

#[test]
fn the_policies_of_other_tools_are_settings() {
    let place = shop();
    let finished = place.imago(["import"]).finish_with(0);
    assert_eq!(
        finished.stdout,
        "\
policies:
# keel/web.yaml:5, Pod web
- image: registry.example.com/shop/side
  files: keel/web.yaml
  policy: patch
# clusters/flux.yaml:6, ImagePolicy shop/web
- image: registry.example.com/shop/web
  policy: numerical
  allow: 'it''s-(?<number>[0-9]+).*'
# clusters/app.yaml:6, Application shop
- image: registry.example.com/shop/api
  policy: 'semver >=1.2'
  ignore: ['*-rc*']
# .github/renovate.json:3, packageRules[0]
- image: '**'
  files: '**/{kustomization.yaml,kustomization.yml,values.yaml,values.yml}'
  policy: minor
"
    );
    assert_eq!(
        finished.stderr,
        "not brought over: clusters/app.yaml:9, Application shop: `api.tag-sort` has no counterpart\n\
         note: clusters/app.yaml:8, Application shop: `api.platforms`: a tag without a platform that the image has now is held\n\
         note: Renovate's policies are for the files that it reads. Leave `files` out of an entry that is to be for all manifests\n\
         4 policies from 4 files; 1 not brought over\n"
    );
    place.write(".imago.yaml", &finished.stdout);
    place.write("imago.lock", "{\"version\":1,\"images\":{}}\n");
    place
        .imago(["files", "clusters", "--offline"])
        .finish_with(0);
    // Nothing is written by itself.
    assert_eq!(
        place.imago(["import", "-q", "keel"]).finish_with(0).stderr,
        ""
    );
}

#[test]
fn markers_json5_and_policies_that_are_there_already_are_told() {
    let place = Workplace::new();
    place.write("clusters/flux.yaml", FLUX);
    place.write(
        "apps/web.yaml",
        "image: registry.example.com/shop/web:it's-1 # {\"$imagepolicy\": \"shop:web\"}\n",
    );
    place.write(
        ".github/renovate.json5",
        "// ours\n{\n  packageRules: [\n    {matchUpdateTypes: ['major'], enabled: false,}, // no majors\n  ],\n}\n",
    );
    let flux = place.imago(["import"]).finish_with(0);
    assert!(
        (flux.stdout).ends_with(
            "# .github/renovate.json5:4, packageRules[0]\n- image: '**'\n  files: '**/{kustomization.yaml,kustomization.yml,values.yaml,values.yml}'\n  policy: minor\n"
        ),
        "{}",
        flux.stdout
    );
    let note = "note: 1 file has markers of Flux, whose images imago holds (`flux-marker`). Remove the markers, or keep them and run `imago files --update --flux-policies` without these policies\n";
    assert!(flux.stderr.contains(note), "{}", flux.stderr);
    assert_eq!(flux.stderr.matches("note: ").count(), 2);
    place.write(".imago.yaml", &flux.stdout);
    let again = place.imago(["import"]).finish_with(0);
    let note = "note: the settings have `policies` already; add these to that list, without the line `policies:`\n";
    assert!(again.stderr.contains(note), "{}", again.stderr);
}

/// What each tool says of an image that follows one moving tag, and how the policy for it is given.
const MOVING: [(&str, &str); 3] = [
    (
        "keel.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations: {keel.sh/policy: force, keel.sh/match-tag: 'true'}\nspec: {containers: [{name: web, image: IMAGE}]}\n",
    ),
    (
        "updater.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: web=NAME:main\n    argocd-image-updater.argoproj.io/web.update-strategy: digest\n",
    ),
    (
        "kargo.yaml",
        "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {name: web}\nspec: {subscriptions: [{image: {repoURL: NAME, imageSelectionStrategy: Digest, constraint: main}}]}\n",
    ),
];

#[test]
fn an_image_that_followed_a_moving_tag_goes_on_following_it() {
    let name = "registry.example.test/shop/web";
    let (old, new) = ("1".repeat(64), "2".repeat(64));
    for (file, text) in MOVING {
        for image in [format!("{name}:main"), format!("{name}:main@sha256:{old}")] {
            let place = Workplace::new();
            place.write(file, text.replace("IMAGE", &image).replace("NAME", name));
            if file != "keel.yaml" {
                place.write("web.yaml", format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: web, image: {image}}}]}}\n"));
            }
            place.write(
                "imago.lock",
                format!("{{\"version\":1,\"images\":{{\"{name}:main\":\"sha256:{new}\"}}}}\n"),
            );
            let imported = place.imago(["import"]).finish_with(0).stdout;
            assert!(imported.contains("policy: digest\n"), "{file}: {imported}");
            place.write(".imago.yaml", imported);
            let finished = place.imago(["files", "--offline", "--diff"]).finish_with(0);
            let line = format!("image: {name}:main@sha256:{new}");
            assert!(
                finished.stdout.contains(&line),
                "{file} {image}: {finished:?}"
            );
        }
    }
}

#[test]
fn where_nothing_is_said_there_is_no_policy() {
    let place = Workplace::new();
    place.write(
        "web.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n",
    );
    let finished = place.imago(["import"]).finish_with(0);
    assert_eq!(
        (finished.stdout.as_str(), finished.stderr.as_str()),
        (
            "",
            "no policy: no file has an ImagePolicy of Flux, annotations of Argo CD Image Updater or Keel, a Warehouse of Kargo, or settings of Renovate\n"
        )
    );
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_and_the_others_are_read() {
    let place = shop();
    place.write("clusters/broken.yaml", "# image.toolkit.fluxcd.io\na: [\n");
    let finished = place.imago(["import"]).finish_with(3);
    assert!(finished.stdout.contains("shop/web"), "{}", finished.stdout);
    assert!(
        finished
            .stderr
            .contains("error: cannot read `clusters/broken.yaml`"),
        "{}",
        finished.stderr
    );
    place.write("renovate.json5", "{ // all of it\n  packageRules: [ }\n");
    let json5 = place.imago(["import"]).finish_with(3);
    assert!(
        json5.stderr.contains("error: cannot read `renovate.json5`")
            && json5.stderr.contains("as JSON5"),
        "{}",
        json5.stderr
    );
    let missing = place.imago(["import", "gone"]).finish_with(2);
    assert!(
        missing.stderr.contains("there is no file or folder `gone`"),
        "{}",
        missing.stderr
    );
}

#[test]
fn texts_of_files_cannot_steer_a_terminal_or_add_settings() {
    let place = Workplace::new();
    place.write(
        "app.yaml",
        APPLICATION
            .replace("name: shop", "name: \"shop\\n- image: '**'\\u001b[2J\"")
            .replace("'*-rc*'", "\"a\\nb, c'd\""),
    );
    let finished = place.imago(["import"]).finish_with(0);
    let both = finished.stdout + &finished.stderr;
    assert!(
        !both.contains('\u{1b}') && !both.contains("\n- image: '**'"),
        "{both}"
    );
    assert!(both.contains("control characters"), "{both}");
}
