//! The law of Helm values, on generated values of the charts in `fixtures/charts`.
//!
//! 10. What `helm` renders before and after an update differs in the intended digests of images alone.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use super::charts::{Break, Chart, digest, old_digest, parse};
use super::generated::{COUNT, number};
use super::random::Random;
use crate::support::seeds;

/// The tags, all of them versions, since one chart compares them.
const TAGS: [&str; 3] = ["1.4.0", "v2.1.3", "3.0.0-rc.1"];
/// What charts put behind a tag.
const SUFFIXES: [&str; 3] = ["", "-distroless", "-slim"];
const NAMES: [&str; 7] = [
    "edge",
    "edge-chroot",
    "metrics",
    "node",
    "state",
    "web",
    "worker",
];
const COMMENT: &str = " # imago: digest-in-tag";

/// The charts, each with the name of one in real life that does the same, of which facts are known.
const CHARTS: [(&str, Option<&str>); 14] = [
    ("chrooted", Some("ingress-nginx")),
    ("controllers", Some("app-template")),
    ("digest-first", None),
    ("flavours", Some("external-secrets")),
    ("labelled", None),
    ("operator", Some("kube-prometheus-stack")),
    ("parts", None),
    ("plain", Some("metrics-server")),
    ("shared", None),
    ("stack", Some("kube-prometheus-stack")),
    ("switched", Some("cilium")),
    ("variants", Some("prometheus-node-exporter")),
    ("whole", None),
    ("whole-sha", Some("kube-state-metrics")),
];
/// Those whose images have no place for a digest.
const HELD: [&str; 3] = ["labelled", "parts", "shared"];

/// Where values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// Beside the chart.
    File,
    /// In a file that an Application names.
    Named,
    Release,
    /// As a mapping of an Application.
    Object,
    /// As a text of an Application.
    Text,
    Parameters,
    /// As a text in the second source of an ApplicationSet.
    Sources,
    /// As a mapping of a kustomization.
    Inline,
    /// As a text of k3s.
    Content,
}

const FORMS: [Form; 9] = [
    Form::File,
    Form::Named,
    Form::Release,
    Form::Object,
    Form::Text,
    Form::Parameters,
    Form::Sources,
    Form::Inline,
    Form::Content,
];
/// How a text of several lines begins.
const BLOCKS: [&str; 3] = ["|", "|-", "|+"];

/// A value with its keys, as it is written.
struct Entry {
    keys: Vec<String>,
    text: String,
    comment: &'static str,
}

/// Values that a user has for a chart.
struct Values<'r> {
    random: &'r mut Random,
    entries: Vec<Entry>,
}

impl Values<'_> {
    fn add(&mut self, keys: &str, text: impl Into<String>) {
        self.entries.push(Entry {
            keys: keys.split('.').map(str::to_owned).collect(),
            text: text.into(),
            comment: "",
        });
    }

    /// A text in one of its styles.
    fn text(&mut self, keys: &str, text: &str) {
        let text = match self.random.below(3) {
            0 => text.to_owned(),
            1 => format!("\"{text}\""),
            _ => format!("'{text}'"),
        };
        self.add(keys, text);
    }

    fn maybe(&mut self, chance: usize, keys: &str, texts: &[&str]) {
        if self.random.percent(chance) {
            let text = *self.random.pick(texts);
            self.add(keys, text);
        }
    }

    /// A repository; with its host beside it, if the chart wants that.
    fn repository(&mut self, at: &str, key: &str, name: &str, has_registry: bool) {
        if has_registry {
            self.add(&format!("{at}.registry"), "registry.example.com");
            self.text(&format!("{at}.{key}"), &format!("shop/{name}"));
        } else {
            self.text(
                &format!("{at}.{key}"),
                &format!("registry.example.com/shop/{name}"),
            );
        }
    }

    /// A tag, and the image that it makes.
    fn tag(&mut self, at: &str, name: &str) -> String {
        let tag = *self.random.pick(&TAGS);
        self.text(&format!("{at}.tag"), tag);
        format!("registry.example.com/shop/{name}:{tag}")
    }

    /// A tag that may have a digest, or a comment that allows one.
    fn tag_with_digest(&mut self, at: &str, name: &str) -> String {
        let tag = *self.random.pick(&TAGS);
        let image = format!("registry.example.com/shop/{name}:{tag}");
        let text = match self.random.below(4) {
            0 => format!("{tag}@{}", old_digest(&image)),
            1 => format!("{tag}@{}", digest(&image)),
            _ => tag.to_owned(),
        };
        self.text(&format!("{at}.tag"), &text);
        if self.random.percent(50) {
            self.entries.last_mut().unwrap().comment = COMMENT;
        }
        image
    }

    /// A digest that is missing, empty, old or current.
    fn digest(&mut self, keys: &str, image: &str, algorithm: &str) {
        let written = |digest: &str| format!("{algorithm}{}", digest.trim_start_matches("sha256:"));
        match self.random.below(6) {
            0 => {}
            1 => self.add(keys, ""),
            2 | 3 => self.add(keys, "\"\""),
            4 => self.text(keys, &written(&old_digest(image))),
            _ => self.text(keys, &written(&digest(image))),
        }
    }

    fn of(&mut self, chart: &str) {
        match chart {
            "plain" => {
                self.repository("image", "repository", "web", false);
                self.tag_with_digest("image", "web");
            }
            "labelled" | "parts" => {
                self.repository("image", "repository", "web", false);
                self.tag("image", "web");
            }
            "digest-first" => {
                self.maybe(
                    30,
                    "global.imageRegistry",
                    &["\"\"", "registry.example.com"],
                );
                for (at, name) in [("image", "web"), ("metrics.image", "metrics")] {
                    self.repository(at, "repository", name, true);
                    let image = match self.random.percent(20) {
                        true => self.tag_with_digest(at, name),
                        false => self.tag(at, name),
                    };
                    self.digest(&format!("{at}.digest"), &image, "sha256:");
                }
            }
            "operator" => self.operator(),
            "whole-sha" => self.whole_sha(""),
            "variants" => self.variants(""),
            "stack" => {
                self.operator();
                self.whole_sha("kube-state-metrics.");
                self.variants("prometheus-node-exporter.");
            }
            "chrooted" => {
                let at = "controller.image";
                self.maybe(40, &format!("{at}.chroot"), &["true", "false"]);
                self.repository(at, "image", "edge", true);
                let image = self.tag(at, "edge");
                self.digest(&format!("{at}.digest"), &image, "sha256:");
                let image = image.replace("edge:", "edge-chroot:");
                self.digest(&format!("{at}.digestChroot"), &image, "sha256:");
            }
            "controllers" => {
                for (list, container) in [("initContainers", "wait"), ("containers", "app")] {
                    let at = format!("controllers.web.{list}.{container}.image");
                    let name = *self.random.pick(&NAMES);
                    self.repository(&at, "repository", name, false);
                    self.tag_with_digest(&at, name);
                }
            }
            "whole" => {
                for (keys, name) in [
                    ("image", "web"),
                    ("sidecar.image", "metrics"),
                    ("initImage", "state"),
                ] {
                    let image = format!(
                        "registry.example.com/shop/{name}:{}",
                        self.random.pick(&TAGS)
                    );
                    let text = match self.random.below(4) {
                        0 => format!("{image}@{}", old_digest(&image)),
                        1 => format!("{image}@{}", digest(&image)),
                        _ => image,
                    };
                    self.text(keys, &text);
                }
            }
            "flavours" => {
                self.repository("image", "repository", "web", false);
                match self.random.percent(50) {
                    true => {
                        self.tag("image", "web");
                        self.maybe(90, "image.flavour", &["slim", "\"slim\""]);
                    }
                    false => {
                        self.tag_with_digest("image", "web");
                        self.maybe(30, "image.flavour", &["\"\""]);
                    }
                }
            }
            "switched" => {
                self.repository("image", "repository", "edge", false);
                let image = self.tag("image", "edge");
                let known = match self.random.percent(50) {
                    true => old_digest(&image),
                    false => digest(&image),
                };
                self.text("image.digest", &known);
                self.maybe(30, "image.useDigest", &["true", "false"]);
            }
            "shared" => {
                let tag = *self.random.pick(&TAGS);
                match self.random.below(3) {
                    0 => self.add("global.tag", format!("\"{tag}\"")),
                    1 => {
                        self.repository("web.image", "repository", "web", false);
                        self.add("web.image.tag", format!("&tag {tag}"));
                        self.entries.last_mut().unwrap().comment = COMMENT;
                        self.add("labels.version", "*tag");
                    }
                    _ => {
                        self.repository("web.image", "repository", "web", false);
                        self.add("web.image.tag", format!("&tag \"{tag}\""));
                        self.entries.last_mut().unwrap().comment = COMMENT;
                        self.repository("worker.image", "repository", "worker", false);
                        self.add("worker.image.tag", "*tag");
                    }
                }
            }
            other => panic!("{other}"),
        }
    }

    fn operator(&mut self) {
        let at = "prometheus.prometheusSpec.image";
        self.repository(at, "repository", "metrics", true);
        let image = self.tag(at, "metrics");
        self.digest(&format!("{at}.sha"), &image, "");
    }

    fn whole_sha(&mut self, below: &str) {
        let at = format!("{below}image");
        self.repository(&at, "repository", "state", true);
        let image = self.tag(&at, "state");
        self.digest(&format!("{at}.sha"), &image, "sha256:");
    }

    fn variants(&mut self, below: &str) {
        let at = format!("{below}image");
        self.repository(&at, "repository", "node", true);
        let image = self.tag(&at, "node");
        self.maybe(50, &format!("{at}.distroless"), &["true", "false"]);
        self.digest(&format!("{at}.digest"), &image, "sha256:");
    }

    /// The values as YAML.
    fn yaml(&self, indent: usize) -> String {
        let mut text = String::new();
        let mut above: &[String] = &[];
        for Entry {
            keys,
            text: value,
            comment,
        } in &self.entries
        {
            let common = above
                .iter()
                .zip(keys)
                .take_while(|(above, key)| above == key);
            let common = common.count();
            for (depth, key) in keys.iter().enumerate().skip(common) {
                let indent = " ".repeat(indent + 2 * depth);
                text.push_str(&format!("{indent}{key}:"));
                if depth + 1 == keys.len() {
                    let space = if value.is_empty() { "" } else { " " };
                    text.push_str(&format!("{space}{value}{comment}"));
                }
                text.push('\n');
            }
            above = keys;
        }
        text
    }

    /// The values as parameters of an Application.
    fn parameters(&self) -> String {
        let written = self.entries.iter().filter(|entry| !entry.text.is_empty());
        let parameters = written.map(|entry| {
            format!(
                "      - name: {}\n        value: {}{}\n",
                entry.keys.join("."),
                match entry.text.as_str() {
                    "true" | "false" => format!("\"{}\"", entry.text),
                    text => text.to_owned(),
                },
                entry.comment
            )
        });
        parameters.collect()
    }
}

impl Form {
    /// The file that has the values, and its text.
    fn file(self, values: &mut Values, chart: &str) -> (&'static str, String) {
        let block = *values.random.pick(&BLOCKS);
        let application = |lines: String| {
            format!(
                "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\nspec:\n  source:\n    chart: {chart}\n    targetRevision: 99.0.0\n    helm:\n{lines}"
            )
        };
        match self {
            Self::File => ("chart/values-prod.yaml", values.yaml(0)),
            Self::Named => ("config/web.yaml", values.yaml(0)),
            Self::Release => (
                "release.yaml",
                format!(
                    "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: shop\nspec:\n  chart:\n    spec:\n      chart: {chart}\n      version: 99.0.0\n  values:\n{}",
                    values.yaml(4)
                ),
            ),
            Self::Object => (
                "application.yaml",
                application(format!("      valuesObject:\n{}", values.yaml(8))),
            ),
            Self::Text => (
                "application.yaml",
                application(format!("      values: {block}\n{}", values.yaml(8))),
            ),
            Self::Parameters => (
                "application.yaml",
                application(format!("      parameters:\n{}", values.parameters())),
            ),
            Self::Sources => (
                "applications.yaml",
                format!(
                    "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata:\n  name: shop\nspec:\n  generators:\n  - list: {{elements: [{{name: shop}}]}}\n  template:\n    metadata:\n      name: '{{{{name}}}}'\n    spec:\n      sources:\n      - {{path: ., ref: config}}\n      - chart: {chart}\n        targetRevision: 99.0.0\n        helm:\n          values: {block}\n{}",
                    values.yaml(12)
                ),
            ),
            Self::Inline => (
                "kustomization.yaml",
                format!(
                    "helmCharts:\n- name: {chart}\n  version: 99.0.0\n  valuesInline:\n{}",
                    values.yaml(4)
                ),
            ),
            Self::Content => (
                "charts.yaml",
                format!(
                    "apiVersion: helm.cattle.io/v1\nkind: HelmChart\nmetadata:\n  name: shop\nspec:\n  chart: {chart}\n  version: 99.0.0\n  valuesContent: {block}\n{}",
                    values.yaml(4)
                ),
            ),
        }
    }

    /// What names the file of values.
    fn evidence(self, chart: &str) -> Option<(&'static str, String)> {
        let text = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: shop\nspec:\n  sources:\n  - {{path: ., ref: config}}\n  - chart: {chart}\n    targetRevision: 99.0.0\n    helm:\n      valueFiles: [$config/config/web.yaml]\n"
        );
        (self == Self::Named).then_some(("applications/shop.yaml", text))
    }

    /// The values in a file of this form.
    fn values(self, text: &str) -> Value {
        let file = parse(text);
        let helm = &file["spec"]["source"]["helm"];
        let inner = |text: &Value| parse(text.as_str().unwrap());
        match self {
            Self::File | Self::Named => file,
            Self::Release => file["spec"]["values"].clone(),
            Self::Object => helm["valuesObject"].clone(),
            Self::Text => inner(&helm["values"]),
            Self::Parameters => {
                let mut values = json!({});
                for parameter in helm["parameters"].as_array().unwrap() {
                    let value = match parameter["value"].as_str().unwrap() {
                        "true" => json!(true),
                        "false" => json!(false),
                        text => json!(text),
                    };
                    let keys = parameter["name"].as_str().unwrap().split('.');
                    let place = keys.fold(&mut values, |node, key| &mut node[key]);
                    *place = value;
                }
                values
            }
            Self::Sources => {
                inner(&file["spec"]["template"]["spec"]["sources"][1]["helm"]["values"])
            }
            Self::Inline => file["helmCharts"][0]["valuesInline"].clone(),
            Self::Content => inner(&file["spec"]["valuesContent"]),
        }
    }
}

/// The digest of every image that a chart may run.
fn lock() -> String {
    let images = NAMES.iter().flat_map(|name| {
        let tags = TAGS
            .iter()
            .flat_map(|tag| SUFFIXES.map(|suffix| format!("{tag}{suffix}")));
        tags.map(move |tag| {
            let image = format!("registry.example.com/shop/{name}:{tag}");
            let digest = digest(&image);
            (image, json!(digest))
        })
    });
    json!({"version": 1, "images": images.collect::<Map<_, _>>()}).to_string()
}

#[test]
fn what_helm_renders_differs_in_the_intended_digests_alone() {
    let count = number("IMAGO_LAWS").unwrap_or(COUNT) / 2000 + 20;
    let written = Mutex::new(BTreeSet::new());
    let is_left_out = Mutex::new(false);
    seeds::each(count, |seed| {
        let mut random = Random::new(seed);
        let (kind, real) = CHARTS[usize::try_from(seed).unwrap() % CHARTS.len()];
        let form = *random.pick(&FORMS);
        let Some(chart) = Chart::of(kind) else {
            *is_left_out.lock().unwrap() = true;
            return;
        };
        let name = match real.filter(|_| kind == "stack" || random.percent(70)) {
            Some(real) => {
                chart.rename(real);
                real
            }
            None => kind,
        };
        let mut values = Values {
            random: &mut random,
            entries: Vec::new(),
        };
        values.of(kind);
        let (file, mut text) = form.file(&mut values, name);
        if random.percent(10) {
            text = text.replace('\n', "\r\n");
        }
        let place = &chart.place;
        fs::create_dir(place.path().join(".git")).unwrap();
        place.write("imago.lock", lock());
        place.write(file, &text);
        if let Some((file, text)) = form.evidence(name) {
            place.write(file, text);
        }
        let run = place
            .imago(["files", "--update", "--offline", file])
            .finish();
        let after = fs::read_to_string(place.path().join(file)).unwrap();
        let broken = match text == after {
            true => Some(Break::Nothing),
            false => chart.broken(&form.values(&text), &form.values(&after)),
        };
        let why = || {
            format!(
                "seed {seed}: {kind} as {name}, {form:?}: {broken:?}\n{text}----\n{after}----\n{}{}",
                run.stdout, run.stderr
            )
        };
        match broken {
            None => {
                assert!(!HELD.contains(&kind), "{}", why());
                written.lock().unwrap().insert(kind);
            }
            // A switch in the values may turn a digest off.
            Some(Break::Nothing) => {
                assert!(
                    text == after || ["chrooted", "switched"].contains(&kind),
                    "{}",
                    why()
                );
            }
            Some(_) => panic!("{}", why()),
        }
    });
    let written = written.into_inner().unwrap();
    let expected: BTreeSet<_> = CHARTS.map(|(kind, _)| kind).into_iter().collect();
    let expected = &expected - &BTreeSet::from(HELD);
    assert!(
        is_left_out.into_inner().unwrap() || count < 70 || written == expected,
        "{written:?}"
    );
}

/// A setting is what a person says: it frees what is held, and here it is wrong. What is known of a chart goes before it.
#[test]
fn a_setting_that_frees_all_charts_breaks_those_that_are_held_without_it() {
    for (kind, real, expected) in [
        ("plain", None, None),
        ("labelled", None, Some(Break::Label)),
        ("parts", None, Some(Break::Elsewhere)),
        ("operator", None, Some(Break::Elsewhere)),
        ("operator", Some("kube-prometheus-stack"), None),
        ("variants", None, None),
        ("variants", Some("prometheus-node-exporter"), None),
        ("chrooted", None, None),
        ("chrooted", Some("ingress-nginx"), None),
        ("switched", None, None),
        ("switched", Some("cilium"), None),
    ] {
        let Some(chart) = Chart::of(kind) else {
            return;
        };
        if let Some(real) = real {
            chart.rename(real);
        }
        let (at, key, name) = match kind {
            "chrooted" => ("controller.image", "image", "edge"),
            "operator" => ("prometheus.prometheusSpec.image", "repository", "metrics"),
            "switched" => ("image", "repository", "edge"),
            "variants" => ("image", "repository", "node"),
            _ => ("image", "repository", "web"),
        };
        let mut values = Values {
            random: &mut Random::new(0),
            entries: Vec::new(),
        };
        let has_registry = ["chrooted", "operator", "variants"].contains(&kind);
        values.repository(at, key, name, has_registry);
        values.tag(at, name);
        let (file, before) = Form::File.file(&mut values, kind);
        let place = &chart.place;
        place.write("imago.lock", lock());
        place.write(file, &before);
        let update = |line: &[&str]| {
            let update = ["files", "--update", "--offline", file];
            place.imago(update.iter().chain(line)).finish();
            let after = fs::read_to_string(place.path().join(file)).unwrap();
            place.write(file, &before);
            chart.broken(&parse(&before), &parse(&after))
        };
        // The chart's own values show a key for the digest.
        let has_key = ["chrooted", "switched", "variants"].contains(&kind);
        let held = (real.is_none() && !has_key).then_some(Break::Nothing);
        assert_eq!(update(&[]), held, "{kind} as {real:?}");
        place.write("settings.yaml", "helm: {digest-in-tag: [\"**\"]}\n");
        let settings = ["--config", "settings.yaml"];
        assert_eq!(update(&settings), expected, "{kind} as {real:?}");
    }
}
