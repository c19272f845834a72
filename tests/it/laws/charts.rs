//! What `helm` makes of values, on the charts in `fixtures/charts`: each does with its images what a family of charts does.
//!
//! The tests here write digests by hand into values where the program holds them, and show that each of these breaks a chart.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use imago::engine::helm::FACTS;
use imago::engine::image::ImageRef;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::support::binary::Workplace;
use crate::support::{programs, seeds};

/// What is wrong with what a chart makes of edited values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Break {
    /// The chart does not render.
    Fails,
    /// A label is none.
    Label,
    /// Something else than an image differs.
    Elsewhere,
    /// An image is no reference.
    Reference,
    /// An image has the digest of another one, or is another one.
    OtherImage,
    /// Nothing differs: the chart does not look there.
    Nothing,
}

/// A chart in a workplace.
pub(super) struct Chart {
    helm: PathBuf,
    pub(super) place: Workplace,
    /// Its values, without those of a user.
    defaults: Value,
}

/// What a chart renders: each scalar by its path, which begins with the kind and the name of its object.
type Rendered = BTreeMap<Vec<String>, String>;

impl Chart {
    /// The folder of the chart.
    const FOLDER: &'static str = "chart";

    /// A chart of `fixtures/charts`, or the stack of several; `None` if there is no `helm`.
    pub(super) fn of(name: &str) -> Option<Self> {
        let helm = programs::find("helm")?;
        let place = Workplace::new();
        match name {
            "stack" => stack(&place, Self::FOLDER),
            name => copy(&place, name, Self::FOLDER),
        }
        let text = place.files().remove("chart/values.yaml").unwrap();
        Some(Self {
            helm,
            place,
            defaults: parse(&String::from_utf8(text).unwrap()),
        })
    }

    /// Gives it the name of another chart, in a version that is later than all of them.
    pub(super) fn rename(&self, name: &str) {
        rename(&self.place, Self::FOLDER, name);
    }

    /// What is wrong with the chart if these values become those. Every digest that is written must be that of what the chart runs
    /// without any digest.
    pub(super) fn broken(&self, before: &Value, after: &Value) -> Option<Break> {
        let mut bare = self.defaults.clone();
        merge(&mut bare, before);
        without_digests(&mut bare);
        let bare = self.render(&bare).expect("a chart renders without digests");
        let old = self.render(before).expect("a chart renders before an edit");
        let Some(new) = self.render(after) else {
            return Some(Break::Fails);
        };
        if !new.iter().all(|(path, text)| is_label(path, text)) {
            return Some(Break::Label);
        }
        let others = |of: &Rendered| -> Rendered {
            let of = of.iter().filter(|(path, _)| !is_image(path));
            of.map(|(path, text)| (path.clone(), text.clone()))
                .collect()
        };
        if others(&old) != others(&new) || !old.keys().eq(new.keys()) || !old.keys().eq(bare.keys())
        {
            return Some(Break::Elsewhere);
        }
        let changed = new.iter().filter(|(path, text)| old[*path] != **text);
        let faults = changed.map(|(path, text)| {
            let Ok(image) = ImageRef::parse(text) else {
                return Some(Break::Reference);
            };
            let meant = ImageRef::parse(&bare[path]).unwrap();
            let is_meant = image.name() == meant.name()
                && image.tag().is_none_or(|tag| Some(tag) == meant.tag())
                && image.digest().map(|digest| digest.to_string()) == Some(digest(&bare[path]));
            (!is_meant).then_some(Break::OtherImage)
        });
        let faults: Vec<_> = faults.collect();
        match faults.is_empty() {
            true => Some(Break::Nothing),
            false => faults.into_iter().flatten().min(),
        }
    }

    fn render(&self, values: &Value) -> Option<Rendered> {
        let file = self.place.beside("values.json");
        fs::write(&file, values.to_string()).unwrap();
        let line = ["template", "shop", Self::FOLDER, "--values"].map(Path::new);
        let line = line.into_iter().chain([&*file]).map(Path::as_os_str);
        let rendered = self.place.program(&self.helm, line).finish();
        if rendered.code != 0 {
            return None;
        }
        let mut scalars = Rendered::new();
        for document in serde_yaml::Deserializer::from_str(&rendered.stdout) {
            let object = Value::deserialize(document).unwrap();
            let of = [&object["kind"], &object["metadata"]["name"]];
            let mut path = of.map(|text| text.as_str().unwrap().to_owned()).to_vec();
            add(&object, &mut path, &mut scalars);
        }
        assert!(!scalars.is_empty());
        Some(scalars)
    }
}

/// Copies a chart of `fixtures/charts`.
fn copy(place: &Workplace, name: &str, to: &str) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/charts");
    for (path, bytes) in crate::support::binary::files(&from.join(name)) {
        place.write(&format!("{to}/{path}"), bytes);
    }
}

/// A chart that brings two others, and switches a variant of one of them on.
fn stack(place: &Workplace, to: &str) {
    copy(place, "operator", to);
    let parts = [
        ("whole-sha", "kube-state-metrics"),
        ("variants", "prometheus-node-exporter"),
    ];
    let mut more = String::from("dependencies:\n");
    for (chart, name) in parts {
        let folder = format!("{to}/charts/{name}");
        copy(place, chart, &folder);
        rename(place, &folder, name);
        more.push_str(&format!("- name: {name}\n  version: 99.0.0\n"));
    }
    let append = |file: &str, more: &str| {
        let path = place.path().join(to).join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text + more).unwrap();
    };
    append("Chart.yaml", &more);
    append(
        "values.yaml",
        "prometheus-node-exporter:\n  image:\n    distroless: true\n",
    );
}

/// Gives a chart another name and a late version.
fn rename(place: &Workplace, folder: &str, name: &str) {
    let file = place.path().join(folder).join("Chart.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| match line.split_once(": ") {
        Some(("name", _)) => format!("name: {name}\n"),
        Some(("version", _)) => "version: 99.0.0\n".to_owned(),
        _ => format!("{line}\n"),
    });
    let mut text: String = lines.collect();
    if let Some(fact) = FACTS.iter().find(|fact| fact.chart == name) {
        text.push_str(&format!("sources: ['{}']\n", fact.source));
    }
    fs::write(&file, text).unwrap();
}

pub(super) fn parse(text: &str) -> Value {
    Value::deserialize(serde_yaml::Deserializer::from_str(text))
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The digest that the registry has for a tag.
pub(super) fn digest(image: &str) -> String {
    let mut hex = String::from("sha256:");
    for round in 0..4_u64 {
        let mut hash = 0xCBF2_9CE4_8422_2325_u64 ^ round;
        for byte in image.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        hex.push_str(&format!("{hash:016x}"));
    }
    hex
}

/// A digest that a tag had once.
pub(super) fn old_digest(image: &str) -> String {
    digest(&format!("{image} of old"))
}

fn add(node: &Value, path: &mut Vec<String>, to: &mut Rendered) {
    let children: Vec<(String, &Value)> = match node {
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (key.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        Value::String(text) => {
            to.insert(path.clone(), text.clone());
            return;
        }
        other => {
            to.insert(path.clone(), other.to_string());
            return;
        }
    };
    for (key, value) in children {
        path.push(key);
        add(value, path, to);
        path.pop();
    }
}

fn is_image(path: &[String]) -> bool {
    path.last().is_some_and(|key| key == "image")
}

/// Whether a label is one; so is all that is no label.
fn is_label(path: &[String], text: &str) -> bool {
    let is_end = |letter: Option<char>| letter.is_none_or(|letter| letter.is_ascii_alphanumeric());
    let mut letters = text.chars();
    !path
        .iter()
        .any(|key| key == "labels" || key == "matchLabels")
        || text.len() <= 63
            && letters.all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
            && is_end(text.chars().next())
            && is_end(text.chars().last())
}

/// As `helm` does with the values of a user.
fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// Takes every digest out of values.
fn without_digests(node: &mut Value) {
    match node {
        Value::Object(entries) => {
            for (key, value) in entries {
                match key.as_str() {
                    "digest" | "digestChroot" | "sha" => *value = json!(""),
                    "useDigest" => *value = json!(false),
                    _ => without_digests(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_digests),
        Value::String(text) => text.truncate(text.find('@').unwrap_or(text.len())),
        _ => {}
    }
}

/// A digest that somebody writes into values.
struct Forced {
    chart: &'static str,
    before: Value,
    /// Where it is written, as a JSON pointer.
    at: &'static str,
    text: String,
    breaks: Option<Break>,
}

fn forced() -> Vec<Forced> {
    let name = |name: &str| format!("registry.example.com/shop/{name}");
    let web = digest(&format!("{}:1.4.0", name("web")));
    let in_tag = format!("1.4.0@{web}");
    let node = digest(&format!("{}:1.8.0", name("node")));
    let edge = digest(&format!("{}:v1.4.0", name("edge")));
    let metrics = digest(&format!("{}:v3.1.0", name("metrics")));
    let state = digest(&format!("{}:v2.1.0", name("state")));
    let digits = |digest: &str| digest.trim_start_matches("sha256:").to_owned();
    let tag = || json!({"image": {"tag": "1.4.0"}});
    let row = |chart, before: Value, at, text: &str, breaks| Forced {
        chart,
        before,
        at,
        text: text.to_owned(),
        breaks,
    };
    let containers = json!({"controllers": {"web": {"containers": {"app": {"image":
        {"repository": name("web"), "tag": "1.4.0", "digest": ""}}}}}});
    let stale = old_digest(&format!("{}:1.4.0", name("web")));
    vec![
        // Where a digest may stand.
        row("plain", tag(), "/image/tag", &in_tag, None),
        row("flavours", tag(), "/image/tag", &in_tag, None),
        row("digest-first", json!({}), "/image/digest", &web, None),
        row("digest-first", json!({}), "/image/tag", &in_tag, None),
        row(
            "digest-first",
            json!({"image": {"digest": stale}}),
            "/image/digest",
            &web,
            None,
        ),
        row(
            "operator",
            json!({}),
            "/prometheus/prometheusSpec/image/sha",
            &digits(&metrics),
            None,
        ),
        row("whole-sha", json!({}), "/image/sha", &state, None),
        row("variants", json!({}), "/image/digest", &node, None),
        row(
            "chrooted",
            json!({}),
            "/controller/image/digest",
            &edge,
            None,
        ),
        row("switched", json!({}), "/image/digest", &edge, None),
        row(
            "whole",
            json!({}),
            "/image",
            &format!("{}:{in_tag}", name("web")),
            None,
        ),
        row(
            "controllers",
            containers.clone(),
            "/controllers/web/containers/app/image/tag",
            &in_tag,
            None,
        ),
        // In the tag of an unknown chart.
        row("labelled", tag(), "/image/tag", &in_tag, Some(Break::Label)),
        row(
            "parts",
            tag(),
            "/image/tag",
            &in_tag,
            Some(Break::Elsewhere),
        ),
        row(
            "variants",
            json!({}),
            "/image/tag",
            &format!("1.8.0@{node}"),
            Some(Break::Fails),
        ),
        row(
            "operator",
            json!({}),
            "/prometheus/prometheusSpec/image/tag",
            &format!("v3.1.0@{metrics}"),
            Some(Break::Elsewhere),
        ),
        // In a key that the values do not have.
        row("plain", tag(), "/image/digest", &web, Some(Break::Nothing)),
        row(
            "controllers",
            containers,
            "/controllers/web/containers/app/image/digest",
            &web,
            Some(Break::Nothing),
        ),
        // `sha` in the other form.
        row(
            "operator",
            json!({}),
            "/prometheus/prometheusSpec/image/sha",
            &metrics,
            Some(Break::Reference),
        ),
        row(
            "whole-sha",
            json!({}),
            "/image/sha",
            &digits(&state),
            Some(Break::Reference),
        ),
        row(
            "variants",
            json!({}),
            "/image/sha",
            &node,
            Some(Break::Fails),
        ),
        // Two digests: one counts, or both stand in the image.
        row(
            "digest-first",
            json!({"image": {"digest": stale}}),
            "/image/tag",
            &in_tag,
            Some(Break::Nothing),
        ),
        row(
            "chrooted",
            json!({}),
            "/controller/image/tag",
            &format!("v1.4.0@{edge}"),
            Some(Break::Reference),
        ),
        row(
            "whole-sha",
            json!({"image": {"sha": state}}),
            "/image/tag",
            &format!("v2.1.0@{state}"),
            Some(Break::Reference),
        ),
        // A variant: the chart runs another tag or another name.
        row(
            "variants",
            json!({"image": {"distroless": true}}),
            "/image/digest",
            &node,
            Some(Break::OtherImage),
        ),
        row(
            "flavours",
            json!({"image": {"tag": "1.4.0", "flavour": "slim"}}),
            "/image/tag",
            &in_tag,
            Some(Break::Reference),
        ),
        row(
            "chrooted",
            json!({"controller": {"image": {"chroot": true}}}),
            "/controller/image/digestChroot",
            &edge,
            Some(Break::OtherImage),
        ),
        row(
            "chrooted",
            json!({"controller": {"image": {"chroot": true}}}),
            "/controller/image/digest",
            &edge,
            Some(Break::Nothing),
        ),
        row(
            "switched",
            json!({"image": {"useDigest": false}}),
            "/image/digest",
            &edge,
            Some(Break::Nothing),
        ),
        row(
            "switched",
            json!({"image": {"digest": ""}}),
            "/image/tag",
            &format!("v1.4.0@{edge}"),
            Some(Break::Reference),
        ),
        // A tag for two images has one digest, and a tag with an alias is a label as well.
        row(
            "shared",
            json!({"global": {"tag": "1.4.0"}}),
            "/global/tag",
            &in_tag,
            Some(Break::OtherImage),
        ),
        row(
            "shared",
            json!({"web": {"image": {"tag": "1.4.0"}}, "labels": {"version": "1.4.0"}}),
            "/labels/version",
            &in_tag,
            Some(Break::Label),
        ),
    ]
}

#[test]
fn digests_that_are_held_would_break_charts() {
    let rows = forced();
    seeds::each(rows.len() as u64, |number| {
        let row = &rows[usize::try_from(number).unwrap()];
        let Some(chart) = Chart::of(row.chart) else {
            return;
        };
        let mut after = row.before.clone();
        put(&mut after, row.at, &row.text);
        let breaks = chart.broken(&row.before, &after);
        assert_eq!(breaks, row.breaks, "{}: {} {}", row.chart, row.at, row.text);
    });
}

/// Writes a text into values, with the mappings on the way to it.
fn put(values: &mut Value, pointer: &str, text: &str) {
    let mut node = values;
    for key in pointer.split('/').skip(1) {
        if !node.is_object() {
            *node = json!({});
        }
        node = &mut node[key];
    }
    *node = json!(text);
}
