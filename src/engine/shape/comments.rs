//! In every notation, each line of an image takes comments, and no other line does.

use super::fields::{Shape, Split};
use super::{Kinds, find_in, find_values};
use crate::engine::code::Code;
use crate::engine::misplaced;
use crate::engine::site::{IgnoreMark, Site};
use crate::engine::yaml::File;

/// A name that makes a document the values of a chart.
const VALUES: &str = "values.yaml";

/// A file's name, and its text with one image. `#+` stands on each of its lines that takes a comment, `#-` on others.
const NOTATIONS: [(&str, &str); 31] = [
    (
        "kustomization.yaml",
        "images: #-\n- name: r.test/a #+\n  newName: r.test/b #+\n  newTag: \"1\" #+\n  digest: DIGEST #+\n",
    ),
    (
        "kustomization.yaml",
        "images: #-\n- r.test/a=r.test/b:1 #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization #-\nspec: #-\n  images:\n  - digest: DIGEST #+\n    newTag: \"1\" #+\n    name: r.test/a #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  postRenderers:\n  - kustomize: #-\n      images:\n      - name: r.test/a #+\n        newTag: \"1\" #+\n        digest: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nspec: #+\n  interval: 1m #-\n  url: oci://r.test/a #+\n  ref: #+\n    tag: \"1\" #+\n    digest: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: example.com/v1\nkind: Shop\nspec: #-\n  image: #+\n    pullPolicy: Always #-\n    repo: r.test/a #+\n    tag: \"1\" #+\n    digest: DIGEST #+\n",
    ),
    (
        VALUES,
        "image: #+\n  pullPolicy: Always #-\n  registry: r.test #+\n  repository: a #+\n  tag: \"1\" #+\n  digest: DIGEST #+\n",
    ),
    (
        VALUES,
        "image: #+\n  repository: r.test #+\n  image: a #+\n  tag: \"1@DIGEST\" #+\n",
    ),
    (
        VALUES,
        "web: #+\n  replicas: 1 #-\n  image: r.test/a:1 #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec:\n  values: #-\n    image: #+\n      repository: r.test/a #+\n      tag: \"1\" #+\n      digest: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n      valuesObject:\n        image: #+\n          registry: r.test #+\n          repository: a #+\n          tag: \"1\" #+\n          digest: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n      values: | #-\n        web: 1 #-\n        image: #+\n          repository: r.test/a #+\n          pullPolicy: Always #-\n          tag: \"1\" #+\n          digest: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nspec:\n  valuesContent: |-\n\n    web: #-\n      image: #+\n        repository: r.test/a #+\n        tag: \"1\" #+\n",
    ),
    (
        "kustomization.yaml",
        "patches:\n- patch: |- #-\n    - op: add #-\n      path: /spec/template/spec/containers/0 #-\n      value: #+\n        name: a #-\n        image: r.test/a:1 #+\n",
    ),
    (
        "kustomization.yaml",
        "patchesStrategicMerge: #-\n- |\n  apiVersion: v1\n  kind: ConfigMap\n  --- #-\n  apiVersion: v1\n  kind: Pod #-\n  spec:\n    containers: #-\n    - name: a #-\n      image: r.test/a:1 #+\n",
    ),
    (
        "kustomization.yaml",
        "patches:\n- patch: |\n    apiVersion: argoproj.io/v1alpha1\n    kind: Application #-\n    spec:\n      source:\n        helm:\n          values: |\n            web: 1 #-\n            image: #+\n              repository: r.test/a #+\n              tag: \"1\" #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a #-\n    image: \"r.test/\\\n      a:1\" #+\n    ports: [] #-\n",
    ),
    (
        "a.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a #-\n    image: #+\n      !!str #+\n      'r.test/a:1' #+\n    ports: [] #-\n",
    ),
    (
        "a.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a #-\n    image: #+\n      >- #+\n      r.test/a:1\n    ports: [] #-\n",
    ),
    (
        "kustomization.yaml",
        "images: #-\n- | #+\n\n  r.test/a=r.test/b:1\n",
    ),
    (
        VALUES,
        "image: #+\n  repository: r.test/a #+\n  tag: |- #+\n    1\n  digest: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm:\n      parameters: #-\n      - name: image.repository #+\n        value: r.test/a #+\n      - name: other #-\n        value: x #-\n      - name: image.tag #+\n        value: \"1\" #+\n      - name: image.digest #+\n        value: DIGEST #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      volumes: #-\n      - name: v #-\n        image: #+\n          pullPolicy: Always #-\n          reference: r.test/a:1 #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers: #-\n      - name: a #-\n        image: #+\n          r.test/a:1 #+\n        ports: [] #-\n",
    ),
    (
        "a.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nspec: #-\n  templates:\n  - name: a #-\n    container: #+\n      image: r.test/a:1 #+\n",
    ),
    (
        "kustomization.yaml",
        "patches: #-\n- target: {} #-\n  patch: '[{op: add, path: /spec/containers/0/image, value: \"r.test/a:1\"}]' #+\n",
    ),
    (
        "kustomization.yaml",
        "patches: #-\n- patch: #+\n    '[{op: add,\n     path: /spec/containers/0/image, value: \"r.test/a:1\"}]' #+\n",
    ),
    (
        "kustomization.yaml",
        "patchesStrategicMerge: #-\n- \"{apiVersion: v1, kind: Pod, spec: {containers: [{name: a,\\n image: r.test/a:1}]}}\" #+\n",
    ),
    (
        "kustomization.yaml",
        "x: &x #-\n  |-\n  - {op: add, path: /spec/containers/0/image, value: r.test/a:1}\npatches:\n- patch: *x #+\n",
    ),
    (
        "a.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nspec:\n  source:\n    helm: #-\n      values: '{image: {repository: r.test/a, tag: \"1\"}}' #+\n",
    ),
    (
        "patch.yaml",
        "- op: add #-\n  path: /spec/template/spec/containers/0 #-\n  value: #+\n    name: a #-\n    image: r.test/a:1 #+\n",
    ),
];

/// The image in a file, and the lines of the comments that no image takes.
fn read(file: &str, text: &str) -> (Site, Vec<u32>) {
    let shop = Shape {
        group: None,
        kind: "Shop".to_owned().into(),
        paths: vec!["spec/image".parse().unwrap()],
        split: Some(Split {
            name: vec!["repo".into()],
            tag: vec!["tag".into()],
            digest: Some(vec!["digest".into()]),
        }),
    };
    let kinds = Kinds {
        declared: vec![shop],
        added: vec!["OCIRepository".parse().unwrap()],
        ..Kinds::default()
    };
    let read = File::parse(text).unwrap();
    let found = match file {
        VALUES => find_values(read.document(0), None, &kinds),
        _ => find_in(file, read.document(0), &kinds),
    };
    let objects: Vec<_> = found.objects.into_iter().map(|it| (0, it)).collect();
    let mut misplaced = misplaced::lines(&read, &objects);
    misplaced.extend(found.misplaced);
    let mut sites = objects.into_iter().flat_map(|(_, object)| object.sites);
    let site = sites.next().unwrap_or_else(|| panic!("none in {text}"));
    assert_eq!(sites.next(), None, "{text}");
    (site, misplaced)
}

#[test]
fn each_line_of_an_image_takes_comments_and_no_other_does() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (file, notation) in NOTATIONS {
        let notation = notation.replace("DIGEST", &digest);
        let lines: Vec<&str> = notation.lines().collect();
        for (at, line) in lines.iter().enumerate() {
            let takes = line.ends_with("#+");
            if !takes && !line.ends_with("#-") {
                continue;
            }
            for word in ["ignore", "ingore", "minor"] {
                let text = lines.iter().enumerate().map(|(index, line)| {
                    let bare = line.trim_end_matches(['+', '-']).trim_end_matches('#');
                    match index == at {
                        true => format!("{bare}# imago: {word}\n"),
                        false => format!("{}\n", bare.trim_end()),
                    }
                });
                let text: String = text.collect();
                let (site, misplaced) = read(file, &text);
                let is_bad = site.hold.is_some_and(|hold| hold.code == Code::BadComment);
                let said = (
                    site.ignored == Some(IgnoreMark::Comment),
                    is_bad,
                    site.policy.is_some(),
                );
                let expected = (
                    takes && word == "ignore",
                    takes && word == "ingore",
                    takes && word == "minor",
                );
                assert_eq!(said, expected, "{text}");
                let idle = u32::try_from(at + 1).ok().filter(|_| !takes);
                assert_eq!(misplaced, Vec::from_iter(idle), "{text}");
            }
        }
    }
}

#[test]
fn a_word_for_values_is_a_mistake_in_every_other_notation() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (file, notation) in NOTATIONS {
        let is_of_values =
            file == VALUES || notation.contains("values") || notation.contains("parameters");
        let lines = notation.lines().filter(|line| line.ends_with("#+"));
        for (at, _) in lines.enumerate().take(8) {
            for word in ["image=r.test/other", "digest-in-tag"] {
                let mut taken = 0;
                let text = notation.lines().map(|line| {
                    let bare = line.trim_end_matches(['+', '-']).trim_end_matches('#');
                    taken += usize::from(line.ends_with("#+"));
                    match line.ends_with("#+") && taken == at + 1 {
                        true => format!("{bare}# imago: {word}\n"),
                        false => format!("{}\n", bare.trim_end()),
                    }
                });
                let text: String = text.collect();
                let (site, _) = read(file, &text.replace("DIGEST", &digest));
                let is_bad = site.hold.is_some_and(|hold| hold.code == Code::BadComment);
                assert!(is_bad || is_of_values, "{text}");
                assert!(
                    !is_bad || !is_of_values || word != "digest-in-tag",
                    "{text}"
                );
            }
        }
    }
}
