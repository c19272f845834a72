//! What other tools say about the tags of images, as policies of imago.
//!
//! [`Importer`] reads one document after the other: ImagePolicies of Flux, annotations and ImageUpdaters of Argo CD Image Updater,
//! annotations of Keel, Warehouses of Kargo, and the rules of Renovate. What has no counterpart is a [`Remark`] with its place, so that nothing is lost
//! unseen.

mod argocd;
pub(super) mod flux;
mod json5;
mod kargo;
mod keel;
mod pattern;
mod renovate;

use std::collections::{BTreeMap, BTreeSet};

use super::image::ImageRef;
use super::steering::steers;
use super::tree::Tree;
use super::version::{Policy, Terms};

pub use json5::to_json;

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, as named to the user.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// What says it: `ImagePolicy shop/web`, `packageRules[2]`.
    pub what: String,
}

/// An entry of `policies`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A glob on the whole name.
    pub image: String,
    /// A glob on files; `None` for all.
    pub files: Option<String>,
    /// The words.
    pub policy: String,
    /// A regular expression for the whole tag.
    pub allow: Option<String>,
    /// Globs of tags that are left out.
    pub ignore: Vec<String>,
    /// Who says so.
    pub source: Source,
    /// The folder that alone has such images, beside the file that says so, if it is in this repository.
    folder: Option<String>,
}

/// Something that is not among the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where it is said.
    pub source: Source,
    /// What is not brought over, and why or what to do.
    pub text: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The rules, in the order in which they belong into the settings: the first that matches an image counts.
    pub rules: Vec<Rule>,
    /// What could not be brought over, by its place.
    pub remarks: Vec<Remark>,
    /// What else is to be done, one sentence each.
    pub notes: Vec<String>,
}

/// Reads documents, and says at the end what they come to.
#[derive(Debug, Default)]
pub struct Importer {
    flux: flux::Found,
    /// The files whose lines name an ImagePolicy, by the policy's `namespace:name`.
    markers: BTreeMap<String, BTreeSet<String>>,
    /// The folders with manifests, by their paths with `/`.
    folders: BTreeSet<String>,
    rules: Vec<Rule>,
    renovate: renovate::Found,
    /// Whether Renovate writes digests beside tags.
    pins: bool,
    /// What happens to images that no rule is for.
    default: Option<Rule>,
    remarks: Vec<Remark>,
}

impl Importer {
    /// Reads a document of a file.
    pub fn read<'a, T: Tree<'a>>(&mut self, document: T, file: &str) {
        let items = document.get("items").map(T::items).unwrap_or_default();
        for item in items {
            self.read(item, file);
        }
        flux::read(document, file, &mut self.flux);
        argocd::read(document, file, self);
        keel::read(document, file, self);
        kargo::read(document, file, self);
    }

    /// Notes that a file is there, whatever it says.
    pub fn see(&mut self, file: &str) {
        let folders = file.match_indices('/').map(|(at, _)| &file[..at]);
        for folder in folders {
            if !self.folders.contains(folder) {
                self.folders.insert(folder.to_owned());
            }
        }
    }

    /// Reads the settings of Renovate.
    pub fn read_renovate<'a, T: Tree<'a>>(&mut self, settings: T, file: &str) {
        renovate::read(settings, file, self);
    }

    /// Notes which ImagePolicies the lines of a file name: `# {"$imagepolicy": "shop:web:tag"}`.
    pub fn read_markers(&mut self, text: &str, file: &str) {
        for line in text.lines() {
            let Some((_, rest)) = line.split_once("\"$imagepolicy\"") else {
                continue;
            };
            let name = rest.split('"').nth(1).unwrap_or_default();
            let mut parts = name.split(':');
            if let (Some(namespace), Some(name)) = (parts.next(), parts.next()) {
                let files = self
                    .markers
                    .entry(format!("{namespace}:{name}"))
                    .or_default();
                files.insert(file.to_owned());
            }
        }
    }

    fn remark(&mut self, source: &Source, text: &str) {
        self.remarks.push(Remark {
            source: source.clone(),
            text: text.to_owned(),
        });
    }

    /// The rules and the remarks.
    pub fn finish(mut self) -> Imported {
        let flux = std::mem::take(&mut self.flux);
        let markers = std::mem::take(&mut self.markers);
        let mut rules = flux::rules(flux, &markers, &mut self.remarks);
        let marked: BTreeSet<&String> = markers.values().flatten().collect();
        let notes = (!rules.is_empty() && !marked.is_empty()).then(|| {
            let files = match marked.len() {
                1 => "1 file has markers".to_owned(),
                count => format!("{count} files have markers"),
            };
            format!(
                "{files} of Flux, whose images imago holds (`flux-marker`). Remove the markers, or keep them and run `imago files --update --flux-policies` without these policies"
            )
        });
        for mut rule in std::mem::take(&mut self.rules) {
            let folder = rule
                .folder
                .take()
                .filter(|path| self.folders.contains(path));
            let below = folder.map(|folder| Rule {
                files: Some(format!("{}/**", only(&folder))),
                ..rule.clone()
            });
            if below.is_some() {
                rule.files = Some(file_alone(&rule.source.file));
            }
            rules.extend(below);
            rules.push(rule);
        }
        // The first one that matches counts, so what is for some files alone comes before what is for all.
        rules.sort_by_key(|rule| rule.files.is_none());
        rules.append(&mut renovate::rules(&self.renovate, &mut self.remarks));
        let pins = self.pins.then(|| {
            "Renovate pins images here as NAME:TAG@DIGEST. With `track: tag` in the settings, imago goes on so, without an annotation"
                .to_owned()
        });
        let mut imported = Imported {
            rules: Vec::new(),
            remarks: self.remarks,
            notes: notes.into_iter().chain(pins).collect(),
        };
        let mut places = BTreeMap::new();
        for rule in rules {
            imported.add(rule, &mut places);
        }
        let is_for_all = |rule: &Rule| rule.image == renovate::ALL && rule.files.is_none();
        if let Some(default) = self.default
            && !imported.rules.iter().any(is_for_all)
        {
            imported.rules.push(default);
            imported.notes.push(renovate::DEFAULT.to_owned());
        }
        imported
            .remarks
            .sort_by(|left, right| left.source.cmp(&right.source));
        imported.remarks.dedup();
        imported
    }
}

impl Rule {
    fn is_printable(&self) -> bool {
        let texts = [Some(&self.image), self.files.as_ref(), self.allow.as_ref()];
        let mut texts = texts.into_iter().flatten().chain(&self.ignore);
        texts.all(|text| !text.chars().any(steers))
    }
}

impl Imported {
    /// Adds a rule, unless it is no policy, or never counts because one before it is for the same images.
    fn add(&mut self, rule: Rule, places: &mut BTreeMap<Place, usize>) {
        let policy = Policy::new(Terms {
            words: &rule.policy,
            allow: rule.allow.as_deref(),
            ignore: &rule.ignore,
            ..Terms::default()
        });
        let problem = match policy {
            Err(error) => Some(error.reason),
            Ok(_) if !rule.is_printable() => Some("it has control characters".to_owned()),
            Ok(_) => None,
        };
        if let Some(reason) = problem {
            let text = format!(
                "the policy `{}` for `{}`: {reason}",
                rule.policy, rule.image
            );
            let source = rule.source;
            self.remarks.push(Remark { source, text });
            return;
        }
        let place = (rule.image.clone(), rule.files.clone());
        let Some(index) = places.get(&place) else {
            places.insert(place, self.rules.len());
            return self.rules.push(rule);
        };
        let other = &mut self.rules[*index];
        if (&other.policy, &other.allow, &other.ignore) != (&rule.policy, &rule.allow, &rule.ignore)
        {
            let text = format!(
                "the policy `{}` for `{}`: {} has another one for the same images, so they follow their tags (`digest`); say with `files`, or with `imago/policy` at the objects, what each is for",
                rule.policy, rule.image, other.source.what
            );
            other.policy = "digest".to_owned();
            other.allow = None;
            other.ignore = Vec::new();
            let source = rule.source;
            self.remarks.push(Remark { source, text });
        }
    }
}

/// The images and the files that a rule is for.
type Place = (String, Option<String>);

/// The name of an image as policies match it, without its tag: `docker.io/library/nginx`.
fn name_of(image: &str) -> Option<String> {
    let image = ImageRef::parse(image).ok()?;
    Some(image.lookup().name().to_owned())
}

/// A file as a glob of policies that matches it alone: without a `/`, one would match the name in any folder.
fn file_alone(file: &str) -> String {
    let glob = only(file);
    match glob.contains('/') {
        true => glob,
        false => format!("/{glob}"),
    }
}

/// A text as a glob that matches it alone.
fn only(file: &str) -> String {
    let mut glob = String::with_capacity(file.len());
    for letter in file.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            glob.push('\\');
        }
        glob.push(letter);
    }
    glob
}

/// The text at a path of keys.
fn text_at<'a, T: Tree<'a>>(node: T, path: &[&str]) -> Option<&'a str> {
    at(node, path)?.scalar().text()
}

fn at<'a, T: Tree<'a>>(node: T, path: &[&str]) -> Option<T> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// `Application argocd/shop`, or without a namespace `Application shop`.
fn label<'a, T: Tree<'a>>(object: T) -> String {
    let kind = text_at(object, &["kind"]).unwrap_or("object");
    let name = text_at(object, &["metadata", "name"]).unwrap_or_default();
    match text_at(object, &["metadata", "namespace"]) {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// The group of an object's `apiVersion`.
fn group<'a, T: Tree<'a>>(object: T) -> &'a str {
    let version = text_at(object, &["apiVersion"]).unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
pub(in crate::engine::import) mod tests {
    use super::*;
    use crate::engine::yaml::File;

    /// The rules on a line each, and the remarks.
    pub(in crate::engine::import) fn import(
        documents: &[(&str, &str)],
    ) -> (Vec<String>, Vec<String>) {
        let mut importer = Importer::default();
        for (name, text) in documents {
            let file = File::parse(text).unwrap();
            for index in 0..file.len() {
                match name.ends_with("renovate.json") {
                    true => importer.read_renovate(file.document(index), name),
                    false => importer.read(file.document(index), name),
                }
            }
            importer.read_markers(text, name);
            importer.see(name);
        }
        let Imported { rules, remarks, .. } = importer.finish();
        let rule = |rule: &Rule| {
            let mut text = format!("{}: {}", rule.image, rule.policy);
            for (key, value) in [("allow", &rule.allow), ("files", &rule.files)] {
                if let Some(value) = value {
                    text += &format!("; {key} {value}");
                }
            }
            if !rule.ignore.is_empty() {
                text += &format!("; ignore {}", rule.ignore.join(" "));
            }
            text
        };
        let remark = |Remark { source, text }: &Remark| {
            format!(
                "{}:{} {}: {text}",
                source.file,
                source.line.unwrap_or(0),
                source.what
            )
        };
        (
            rules.iter().map(rule).collect(),
            remarks.iter().map(remark).collect(),
        )
    }

    #[test]
    fn policies_of_flux_come_with_the_image_of_their_repository() {
        let repository = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: shop}\nspec:\n  image: nginx\n  exclusionList: ['^.*\\.sig$', 'rc']\n---\n";
        let policy = |spec: &str| {
            format!(
                "{repository}apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: web, namespace: shop}}\nspec:\n  imageRepositoryRef: {{name: web}}\n{spec}"
            )
        };
        for (spec, expected) in [
            ("  policy: {semver: {range: ~1.4}}\n", "semver ~1.4"),
            (
                "  policy: {alphabetical: {order: desc}}\n",
                "alphabetical:desc",
            ),
            ("  policy: {numerical: {}}\n", "numerical"),
            (
                "  filterTags: {pattern: '^main-[a-f0-9]+-(?P<ts>[0-9]+)', extract: '$ts'}\n  policy: {numerical: {order: asc}}\n",
                "numerical; allow main-[a-f0-9]+-(?<number>[0-9]+).*",
            ),
            (
                "  filterTags: {pattern: '(.*)-alpine$', extract: $1}\n  policy: {semver: {range: '*'}}\n",
                "semver *; allow .*?(?<version>.*)-alpine",
            ),
            (
                "  filterTags: {pattern: '^v\\d+$|^w'}\n  policy: {alphabetical: {order: asc}}\n",
                "alphabetical; allow .*?(?:^v\\d+$|^w).*",
            ),
        ] {
            let (rules, remarks) = import(&[("flux.yaml", &policy(spec))]);
            let expected = format!("docker.io/library/nginx: {expected}; ignore *.sig *rc*");
            assert_eq!((rules, remarks), (vec![expected], vec![]), "{spec}");
        }
        let joined = "  filterTags: {pattern: '(?P<a>.)-(?P<b>.)', extract: '$a$b'}\n  policy: {numerical: {order: asc}}\n";
        let (rules, remarks) = import(&[("flux.yaml", &policy(joined))]);
        assert!(
            rules.is_empty() && remarks[0].contains(":8 ImagePolicy shop/web: "),
            "{remarks:?}"
        );
        assert!(remarks[0].contains("`extract: $a$b`"), "{remarks:?}");
    }

    #[test]
    fn two_policies_for_one_image_are_for_the_files_that_name_them() {
        let policies = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: shop}\nspec: {image: r.test/web}\n---\n\
            apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: dev, namespace: shop}\nspec: {imageRepositoryRef: {name: web}, policy: {semver: {range: '*-0'}}}\n---\n\
            apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {name: prod, namespace: shop}\nspec: {imageRepositoryRef: {name: web}, policy: {semver: {range: '1.x'}}}\n";
        let marked = |policy: &str| {
            format!("image: r.test/web:1 # {{\"$imagepolicy\": \"shop:{policy}:tag\"}}\n")
        };
        let (dev, prod) = (marked("dev"), marked("prod"));
        let (rules, remarks) = import(&[
            ("flux.yaml", policies),
            ("dev/web.yaml", &dev),
            ("prod/web.yaml", &prod),
        ]);
        assert_eq!(
            (rules, remarks),
            (
                vec![
                    "r.test/web: semver *-0; files dev/web.yaml".to_owned(),
                    "r.test/web: semver 1.x; files prod/web.yaml".to_owned(),
                ],
                vec![]
            )
        );
        let (rules, remarks) = import(&[("flux.yaml", policies)]);
        assert_eq!(rules.len(), 1);
        assert!(remarks[0].contains("say with `files`"), "{remarks:?}");
    }

    #[test]
    fn annotations_of_argo_cd_image_updater() {
        let text = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: web=r.test/shop/web:~1.4, r.test:5000/api, old=nginx:main, b=r.test/b\n    \
            argocd-image-updater.argoproj.io/web.ignore-tags: '*-rc*, nightly'\n    argocd-image-updater.argoproj.io/web.allow-tags: regexp:^v[0-9.]+$\n    \
            argocd-image-updater.argoproj.io/old.update-strategy: digest\n    argocd-image-updater.argoproj.io/b.update-strategy: newest-build\n    \
            argocd-image-updater.argoproj.io/web.platforms: linux/arm64\n    argocd-image-updater.argoproj.io/web.helm.image-name: image.name\n";
        let (rules, remarks) = import(&[("app.yaml", text)]);
        assert_eq!(
            rules,
            [
                "r.test/shop/web: semver ~1.4; allow v[0-9.]+; ignore *-rc* nightly",
                "r.test:5000/api: semver *",
                "docker.io/library/nginx: digest",
                "r.test/b: newest",
            ]
        );
        assert_eq!(remarks.len(), 1, "{remarks:?}");
        assert!(remarks[0].contains("web.platforms"), "{remarks:?}");
    }

    #[test]
    fn image_updaters_inherit_their_settings() {
        let text = "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\nkind: ImageUpdater\nmetadata: {name: shop}\nspec:\n  commonUpdateSettings: {ignoreTags: [nightly]}\n  applicationRefs:\n  - namePattern: '*'\n    \
            commonUpdateSettings: {updateStrategy: alphabetical}\n    images:\n    - {alias: web, imageName: r.test/web:1.x, commonUpdateSettings: {updateStrategy: semver}}\n    - {alias: api, imageName: r.test/api}\n";
        let (rules, remarks) = import(&[("updater.yaml", text)]);
        assert_eq!(
            (rules, remarks),
            (
                vec![
                    "r.test/web: semver 1.x; ignore nightly".to_owned(),
                    "r.test/api: alphabetical; ignore nightly".to_owned(),
                ],
                vec![]
            )
        );
    }

    #[test]
    fn annotations_of_keel_are_for_the_images_of_their_file() {
        let object = |annotations: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations: {{{annotations}}}\nspec:\n  template:\n    spec:\n      containers:\n      - {{name: web, image: 'r.test/web:1.4'}}\n      - {{name: side, image: 'nginx:1.25'}}\n"
            )
        };
        let both = |policy: &str| {
            ["r.test/web", "docker.io/library/nginx"]
                .map(|name| format!("{name}: {policy}; files /keel.yaml"))
                .to_vec()
        };
        for (annotations, expected) in [
            ("keel.sh/policy: minor", "minor"),
            ("keel.sh/policy: all, keel.sh/trigger: poll", "major"),
            ("keel.sh/policy: never", "ignore"),
            ("keel.sh/policy: force, keel.sh/match-tag: 'true'", "digest"),
            (
                "keel.sh/policy: 'glob:build-*'",
                "alphabetical; allow build-.*",
            ),
            (
                "keel.sh/policy: 'regexp:^rel-(?P<compare>.*)$'",
                "alphabetical; allow rel-(?<text>.*)",
            ),
        ] {
            let (rules, remarks) = import(&[("keel.yaml", &object(annotations))]);
            let (expected, rules) = (both(expected), rules);
            assert_eq!((rules, remarks), (expected, vec![]), "{annotations}");
        }
        let one = object(
            "keel.sh/policy: minor, keel.sh/monitorContainers: ^web$, keel.sh/approvals: '2'",
        );
        let (rules, remarks) = import(&[("keel.yaml", &one)]);
        assert_eq!(rules, ["r.test/web: minor; files /keel.yaml"]);
        assert!(
            remarks.len() == 1 && remarks[0].contains("keel.sh/approvals"),
            "{remarks:?}"
        );
        let (rules, remarks) = import(&[("keel.yaml", &object("keel.sh/policy: force"))]);
        assert!(
            rules.is_empty() && remarks[0].contains("`force`"),
            "{remarks:?}"
        );
        let (rules, _) = import(&[("k[1].yaml", &object("keel.sh/policy: patch"))]);
        assert!(rules[0].ends_with("; files /k\\[1\\].yaml"), "{rules:?}");
        let values = "keel: {policy: patch, images: [{repository: image.repository, tag: image.tag}]}\nimage: {repository: r.test/web, tag: '1.4.2'}\n";
        let (rules, _) = import(&[("values.yaml", values)]);
        assert_eq!(rules, ["r.test/web: patch; files /values.yaml"]);
    }

    #[test]
    fn keel_takes_init_containers_where_they_are_named_and_annotations_before_labels() {
        let object = |annotations: &str| {
            format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: {{keel.sh/policy: major}}\n  annotations: {{{annotations}}}\nspec:\n  initContainers: [{{name: migrate, image: 'r.test/migrate:1'}}]\n  containers: [{{name: web, image: 'r.test/web:1.4'}}]\n"
            )
        };
        let web = |policy: &str| format!("r.test/web: {policy}; files pods/web.yaml");
        let migrate = "r.test/migrate: minor; files pods/web.yaml".to_owned();
        for (annotations, expected, remarks) in [
            ("a: b", vec![web("major")], 0),
            ("keel.sh/policy: minor", vec![web("minor")], 0),
            (
                "keel.sh/policy: minor, keel.sh/initContainers: 'true'",
                vec![migrate, web("minor")],
                0,
            ),
            (
                "keel.sh/policy: minor, keel.sh/monitorContainers: '(?!web)'",
                Vec::new(),
                1,
            ),
        ] {
            let (rules, left) = import(&[("pods/web.yaml", &object(annotations))]);
            assert_eq!(
                (rules, left.len()),
                (expected, remarks),
                "{annotations} {left:?}"
            );
        }
    }

    #[test]
    fn two_policies_for_the_same_images_leave_them_on_their_tags() {
        let warehouse = |name: &str, constraint: &str| {
            format!(
                "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {{name: {name}}}\nspec: {{subscriptions: [{{image: {{repoURL: r.test/web, constraint: {constraint}}}}}]}}\n"
            )
        };
        let (one, two) = (warehouse("one", "^1"), warehouse("two", "^2"));
        let (rules, remarks) = import(&[("a.yaml", &one), ("b.yaml", &two)]);
        assert_eq!(rules, ["r.test/web: digest"]);
        assert!(
            remarks.len() == 1 && remarks[0].contains("Warehouse one has another one"),
            "{remarks:?}"
        );
    }

    #[test]
    fn what_flux_suspends_is_no_policy_and_a_namespace_may_come_from_a_kustomization() {
        let policy = |name: &str, more: &str, range: &str| {
            format!(
                "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\nspec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: {range}}}}}{more}}}\n---\n"
            )
        };
        let repository = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web}\nspec: {image: r.test/web}\n---\n";
        let marked = |name: &str| {
            format!("image: r.test/web:1 # {{\"$imagepolicy\": \"flux-system:{name}\"}}\n")
        };
        let flux = [
            repository,
            &policy("dev", "", "'*-0'"),
            &policy("prod", "", "1.x"),
            &policy("old", ", suspend: true", "0.x"),
        ]
        .concat();
        let (rules, remarks) = import(&[
            ("flux.yaml", &flux),
            ("dev/web.yaml", &marked("dev")),
            ("web.yaml", &marked("prod")),
        ]);
        assert_eq!(
            rules,
            [
                "r.test/web: semver *-0; files dev/web.yaml",
                "r.test/web: semver 1.x; files /web.yaml"
            ]
        );
        assert!(
            remarks.len() == 1 && remarks[0].contains("suspended"),
            "{remarks:?}"
        );
    }

    #[test]
    fn subscriptions_of_kargo() {
        let warehouse = |image: &str| {
            format!(
                "apiVersion: kargo.akuity.io/v1alpha1\nkind: Warehouse\nmetadata: {{name: web, namespace: shop}}\nspec:\n  subscriptions:\n  - git: {{repoURL: 'https://git.test/a'}}\n  - image:\n      repoURL: r.test/web\n{image}"
            )
        };
        for (image, expected, left) in [
            ("", "semver *-0", ""),
            ("      constraint: ^1.2\n", "semver ^1.2", ""),
            (
                "      semverConstraint: ^1.2\n      discoveryLimit: 5\n",
                "semver ^1.2",
                "",
            ),
            (
                "      imageSelectionStrategy: Lexical\n      allowTags: ^main-\n",
                "alphabetical; allow main-.*",
                "",
            ),
            (
                "      imageSelectionStrategy: NewestBuild\n      allowTagsRegexes: ['^a$', '^b-']\n      ignoreTags: [latest, 'x*']\n      ignoreTagsRegexes: ['-rc', '^[a-c]']\n",
                "newest; allow .*?(?:^a$|^b-).*; ignore latest x\\* *-rc*",
                "`^[a-c]` of `ignoreTagsRegexes`",
            ),
            (
                "      imageSelectionStrategy: Digest\n      constraint: main\n",
                "digest",
                "",
            ),
            (
                "      strictSemvers: false\n",
                "semver *-0",
                "`strictSemvers: false`",
            ),
            (
                "      imageSelectionStrategy: Best\n",
                "",
                "the strategy `Best`",
            ),
        ] {
            let (rules, remarks) = import(&[("kargo.yaml", &warehouse(image))]);
            let expected: Vec<String> = match expected {
                "" => Vec::new(),
                _ => vec![format!("r.test/web: {expected}")],
            };
            assert_eq!(rules, expected, "{image}");
            match left {
                "" => assert_eq!(remarks, [""; 0], "{image}"),
                _ => assert!(
                    remarks.len() == 1
                        && remarks[0].starts_with("kargo.yaml:8 Warehouse shop/web: ")
                        && remarks[0].contains(left),
                    "{remarks:?}"
                ),
            }
        }
    }

    #[test]
    fn what_is_for_some_files_comes_before_what_is_for_all() {
        let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    argocd-image-updater.argoproj.io/image-list: r.test/web:~1.4\nspec: {source: {path: ./apps/shop/}}\n";
        let keel = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, annotations: {keel.sh/policy: patch}}\nspec: {containers: [{name: web, image: 'r.test/web:1.4'}]}\n";
        let files = [("clusters/app.yaml", application), ("keel/web.yaml", keel)];
        let (rules, _) = import(&files);
        assert_eq!(
            rules,
            [
                "r.test/web: patch; files keel/web.yaml",
                "r.test/web: semver ~1.4"
            ]
        );
        // The folder of the Application is in this repository.
        let (rules, _) = import(&[&files[..], &[("apps/shop/base/web.yaml", "a: b\n")]].concat());
        assert_eq!(
            rules,
            [
                "r.test/web: semver ~1.4; files apps/shop/**",
                "r.test/web: semver ~1.4; files clusters/app.yaml",
                "r.test/web: patch; files keel/web.yaml",
            ]
        );
    }
}
