//! Invents manifests: what they hold, what an update has to make of them, and their text.
//!
//! What is expected is worked out here, from the rules that people read, and not asked of the program.

use std::collections::BTreeMap;
use std::ops::Range;

use super::json::JsonWriter;
use super::random::Random;
use super::tree::{Kind, Mark, Node, Text};
use super::writer::Writer;

/// A text, and what an update has to make of it.
pub(super) struct Manifest {
    pub(super) text: String,
    pub(super) json: bool,
    /// The tokens that change, in the order of the text.
    pub(super) edits: Vec<(Range<usize>, String)>,
    pub(super) workloads: Vec<Expected>,
    /// What each tag's digest is.
    pub(super) digests: BTreeMap<String, String>,
    /// Whether a restore gives the first bytes back.
    pub(super) restorable: bool,
    /// Whether there is a record already, so that a restore has another first state than this.
    pub(super) has_record: bool,
    /// The file has to be left alone, with this code.
    pub(super) refused: Option<&'static str>,
    /// A comment leaves an image out, which another form of the object does not show.
    pub(super) has_ignore_comment: bool,
}

/// A workload as an update leaves it.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Which document, from 0.
    pub(super) document: usize,
    /// The indexes of its item in the lists around it, from outside.
    pub(super) items: Vec<usize>,
    pub(super) pod: &'static [&'static str],
    /// Its images: list, place in it, and the image as it shall be.
    pub(super) images: Vec<(&'static str, usize, String)>,
    /// The record, where it is written.
    pub(super) record: Option<String>,
}

/// A container's image, and what happens to it.
#[derive(Clone, Debug, Default)]
struct Image {
    /// `None`: no key; the empty string may be null as well.
    written: Option<String>,
    new: Option<String>,
    /// What the record in the file says of it.
    recorded: Option<String>,
    /// What a new record says of it.
    original: Option<String>,
    ignored: bool,
}

#[derive(Clone, Debug)]
struct Container {
    list: &'static str,
    index: usize,
    name: String,
    image: Image,
    /// Its image comes by a merge key from the first of its list.
    merged: bool,
    /// Its image is an alias of an annotation.
    noted: bool,
}

const HOSTS: [&str; 8] =
    ["", "", "shop/", "docker.io/", "docker.io/shop/", "registry.example.test/", "reg:5000/", "localhost/a/b/"];
const REPOSITORIES: [&str; 6] = ["web", "db", "a-b", "x_y.z", "gone", "web2"];
const TAGS: [&str; 5] = ["1.4", "1.5", "latest", "v2-rc.1", "7"];
const NAMES: [&str; 14] =
    ["web", "side", "a", "true", "1", "null", "it's", "say \"x\"", "käse", "日本-🚀", "a: b", "- x", "#x", "back\\slash"];
const NOTES: [&str; 16] = [
    "shop",
    "true",
    "",
    "a: b # c",
    "{{ $labels.pod }}",
    "it's \"so\"",
    "one\ntwo",
    "one\n\n  two\n",
    "kept\n\n\n",
    "käse 日本 🚀",
    "apiVersion: apps/v1\nkind: Deployment\nimage: registry.example.test/web:1.4\n",
    "registry.example.test/web:1.4",
    "  led by spaces",
    "*star",
    "[list",
    "tab\there",
];

/// The manifest of a seed.
pub(super) fn generate(seed: u64) -> Manifest {
    let mut random = Random::new(seed);
    let json = random.percent(15);
    let mut inventor =
        Inventor { random: &mut random, json, digests: BTreeMap::new(), workloads: Vec::new(), state: State::default() };
    let count = if json { 1 } else { 1 + inventor.random.below(3) };
    let documents: Vec<Option<Node>> = (0..count).map(|index| inventor.document(index)).collect();
    let Inventor { digests, workloads, state, .. } = inventor;
    let (mut text, mut edits, restorable) = if json {
        let mut writer = JsonWriter::new(&mut random);
        writer.document(documents[0].as_ref().expect("a JSON file has a document"));
        (writer.out, writer.edits, writer.restorable)
    } else {
        stream(&mut random, &documents)
    };
    if random.percent(5) {
        text.insert(0, '\u{feff}');
        edits.iter_mut().for_each(|(range, _)| *range = range.start + 3..range.end + 3);
    }
    Manifest {
        text,
        json,
        edits,
        workloads,
        digests,
        restorable: restorable && state.restorable && !state.has_record,
        has_record: state.has_record,
        refused: state.refused,
        has_ignore_comment: state.has_ignore_comment,
    }
}

/// Documents with their markers; `None` is one with nothing in it.
fn stream(random: &mut Random, documents: &[Option<Node>]) -> (String, Vec<(Range<usize>, String)>, bool) {
    let mut writer = Writer::new(random);
    for (index, document) in documents.iter().enumerate() {
        if index > 0 && writer.random.percent(10) {
            writer.line("...");
        }
        if index > 0 || document.is_none() || writer.random.percent(40) {
            let marker = *writer.random.pick(&["---", "---", "--- # next", "---  "]);
            writer.line(marker);
        }
        match document {
            Some(root) => writer.document(root),
            None if writer.random.percent(50) => writer.line("# kind: Deployment"),
            None => {}
        }
    }
    if writer.random.percent(5) {
        writer.line("...");
    }
    let (mut text, edits, restorable) = (writer.out, writer.edits, writer.restorable);
    let bare = text.trim_end_matches(['\r', '\n']).len();
    if random.percent(10) && edits.iter().all(|(range, _)| range.end <= bare) {
        text.truncate(bare);
    }
    (text, edits, restorable)
}

#[derive(Default)]
struct State {
    restorable: bool,
    has_record: bool,
    refused: Option<&'static str>,
    has_ignore_comment: bool,
}

struct Inventor<'r> {
    random: &'r mut Random,
    json: bool,
    digests: BTreeMap<String, String>,
    workloads: Vec<Expected>,
    state: State,
}

impl Inventor<'_> {
    fn document(&mut self, index: usize) -> Option<Node> {
        if index == 0 {
            self.state.restorable = true;
        }
        let first_workload = self.workloads.len();
        let mut root = match self.random.below(20) {
            0 if !self.json => return None,
            1 | 2 => self.foreign(),
            3..=5 => self.list(index, &mut Vec::new(), 0),
            6 => self.typed_list(index),
            _ => self.workload(index, &[], true),
        };
        if !self.json && self.random.percent(12) {
            self.share(&mut root, first_workload);
        }
        Some(root)
    }

    fn list(&mut self, document: usize, items: &mut Vec<usize>, depth: usize) -> Node {
        let count = self.random.below(4);
        let nodes = (0..count)
            .map(|index| {
                items.push(index);
                let node = match self.random.below(6) {
                    0 => self.foreign(),
                    1 if depth == 0 => self.list(document, items, 1),
                    _ => self.workload(document, items, true),
                };
                items.pop();
                node
            })
            .collect();
        Node::map([("apiVersion", Node::text("v1")), ("kind", Node::text("List")), ("items", Node::list(nodes))])
    }

    fn typed_list(&mut self, document: usize) -> Node {
        let count = 1 + self.random.below(2);
        let nodes = (0..count).map(|index| self.workload(document, &[index], false)).collect();
        Node::map([("apiVersion", Node::text("apps/v1")), ("kind", Node::text("DeploymentList")), ("items", Node::list(nodes))])
    }

    fn foreign(&mut self) -> Node {
        let image = || Node::text("registry.example.test/web:1.4");
        let containers =
            || Node::map([("containers", Node::list(vec![Node::map([("name", Node::text("web")), ("image", image())])]))]);
        match self.random.below(3) {
            0 => Node::map([
                ("apiVersion", Node::text("v1")),
                ("kind", Node::text("ConfigMap")),
                ("metadata", Node::map([("name", Node::text("seed"))])),
                ("data", Node::map([("web.yaml", self.note()), ("other", self.note())])),
            ]),
            1 => Node::map([("apiVersion", Node::text("v1")), ("kind", Node::text("Pod")), ("spec", containers())]),
            _ => Node::map([
                ("apiVersion", Node::text("shop.example.test/v1")),
                ("kind", Node::text("Deployment")),
                ("spec", Node::map([("template", Node::map([("spec", containers())]))])),
            ]),
        }
    }

    fn note(&mut self) -> Node {
        Node::text(*self.random.pick(&NOTES))
    }

    fn workload(&mut self, document: usize, items: &[usize], says_its_kind: bool) -> Node {
        let kinds: [(&str, &str, &[&str]); 5] = [
            ("apps/v1", "Deployment", &["spec", "template", "spec"]),
            ("apps/v1", "DaemonSet", &["spec", "template", "spec"]),
            ("apps/v1", "StatefulSet", &["spec", "template", "spec"]),
            ("batch/v1", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
            ("batch/v1beta1", "CronJob", &["spec", "jobTemplate", "spec", "template", "spec"]),
        ];
        let (version, kind, pod) = if says_its_kind { *self.random.pick(&kinds) } else { kinds[0] };
        let recorded = self.random.percent(30);
        let left_out = self.random.percent(4);
        let mut containers = self.containers(recorded);
        let names: Vec<&str> = containers
            .iter()
            .filter(|container| !container.merged && !container.name.contains(',') && container.name.trim() == container.name)
            .map(|container| container.name.as_str())
            .collect();
        let ignored_name = (names.len() > 1 && self.random.percent(8)).then(|| (*self.random.pick(&names)).to_owned());
        // The word that leaves out everything, and the one that leaves out nothing.
        let ignored_name = ignored_name.filter(|name| name != "true" && name != "false");
        for container in &mut containers {
            let by_name = ignored_name.as_ref() == Some(&container.name);
            let image = &mut container.image;
            if (left_out || by_name || image.ignored) && image.original.is_some() {
                image.new = None;
                image.original = image.recorded.clone().or(image.written.clone());
            }
        }
        // What is merged shares its image with the first of its list, which must then be on its way as well.
        for at in 0..containers.len() {
            let first = containers[at].list;
            let base = containers.iter().find(|other| other.list == first && other.index == 0).map(|base| base.image.clone());
            if containers[at].merged
                && let Some(base) = base
                && (base.new != containers[at].image.new || base.ignored)
            {
                containers[at].merged = false;
            }
        }
        let old_record = recorded.then(|| record(&containers, |image| image.recorded.as_ref()));
        let gone = recorded && self.random.percent(10);
        let changed = containers.iter().any(|container| container.image.new.is_some());
        let new_record = record(&containers, |image| image.original.as_ref());
        let new_record = (changed && (gone || old_record.as_ref() != Some(&new_record))).then_some(new_record);
        self.state.has_record |= recorded;
        self.state.has_ignore_comment |= containers.iter().any(|container| container.image.ignored);

        let old_text = old_record.map(|text| self.record_text(&text, gone));
        let noted = containers.iter().find(|container| container.noted).and_then(|container| container.image.written.clone());
        let metadata =
            self.metadata(old_text, new_record.as_deref(), left_out, ignored_name.as_deref(), noted.as_deref(), changed);
        self.workloads.push(Expected {
            document,
            items: items.to_vec(),
            pod,
            images: containers
                .iter()
                .filter_map(|container| {
                    let image = &container.image;
                    let text = image.new.clone().or_else(|| image.written.clone().filter(|text| !text.is_empty()))?;
                    Some((container.list, container.index, text))
                })
                .collect(),
            record: new_record,
        });
        self.object(version, kind, says_its_kind, metadata, pod, &containers, noted.is_some())
    }

    fn object(
        &mut self,
        version: &'static str,
        kind: &'static str,
        says_its_kind: bool,
        metadata: Node,
        pod: &[&'static str],
        containers: &[Container],
        in_order: bool,
    ) -> Node {
        let mut lists: Vec<(&'static str, Node)> = Vec::new();
        for list in ["initContainers", "containers"] {
            let of_list: Vec<&Container> = containers.iter().filter(|container| container.list == list).collect();
            if !of_list.is_empty() || list == "containers" && self.random.percent(80) {
                let anchor =
                    of_list.iter().any(|container| container.merged).then(|| format!("base{}{list}", self.workloads.len()));
                let nodes = of_list.iter().map(|container| self.container(container, anchor.as_deref())).collect();
                lists.push((list, Node::list(nodes)));
            }
        }
        if self.random.percent(20) {
            lists.push(("volumes", Node::list(vec![Node::map([("name", Node::text("image"))])])));
        }
        self.random.shuffle(&mut lists);
        let mut spec = Node::map(lists);
        for (depth, key) in pod.iter().enumerate().rev() {
            let mut entries = vec![(*key, spec)];
            if *key == "spec" && self.random.percent(30) {
                let labels = Node::map([("app", self.note())]);
                let annotations = Node::map([("imago-config-spec", Node::text("of the pod")), ("scrape", Node::text("true"))]);
                let inner = Node::map([("labels", labels), ("annotations", annotations)]);
                if depth > 0 {
                    entries.push(("metadata", inner));
                }
            }
            self.random.shuffle(&mut entries);
            if depth == 0 {
                let mut top = vec![("metadata", metadata.clone()), entries.swap_remove(0)];
                if says_its_kind {
                    top.push(("apiVersion", Node::text(version)));
                    top.push(("kind", Node::text(kind)));
                }
                if self.random.percent(30) {
                    self.random.shuffle(&mut top);
                } else {
                    top.rotate_left(2);
                }
                if in_order {
                    top.sort_by_key(|(key, _)| *key == "spec");
                }
                return Node::map(top);
            }
            spec = Node::map(entries);
        }
        spec
    }

    fn container(&mut self, container: &Container, base: Option<&str>) -> Node {
        let name = ("name", Node::text(container.name.clone()));
        if let (true, Some(base)) = (container.merged, base) {
            return Node::map([("<<", Kind::Alias(base.to_owned(), None).into()), name]);
        }
        let mut entries = vec![name];
        let image = &container.image;
        let mark = Mark { new: image.new.clone(), ignored: image.ignored, image: true };
        match &image.written {
            None => {}
            Some(text) if text.is_empty() => {
                entries.push(("image", if self.random.percent(50) { Kind::Null.into() } else { Node::text("") }));
            }
            Some(_) if container.noted => entries.push(("image", Kind::Alias("note".to_owned(), Some(mark)).into())),
            Some(text) => entries.push(("image", Node::marked(text.clone(), mark))),
        }
        if self.random.percent(15) {
            entries.push(("args", Node::list(vec![self.note(), Node::text("--image=registry.example.test/web:1.4")])));
        }
        if self.random.percent(10) {
            entries.push(("ports", Node::list(vec![Node::map([("containerPort", Kind::Bare("80").into())])])));
        }
        self.random.shuffle(&mut entries);
        let mut node = Node::map(entries);
        if container.index == 0 {
            node.anchor = base.map(str::to_owned);
        }
        node
    }

    fn metadata(
        &mut self,
        old_record: Option<String>,
        new_record: Option<&str>,
        left_out: bool,
        ignored_name: Option<&str>,
        noted: Option<&str>,
        changed: bool,
    ) -> Node {
        let mut annotations: Vec<(&'static str, Node)> = Vec::new();
        for key in ["team", "owner.example.test/name", "9"] {
            if self.random.percent(20) {
                annotations.push((key, self.note()));
            }
        }
        if let Some(text) = &old_record {
            let mark = Mark { new: new_record.map(str::to_owned), ..Mark::default() };
            annotations.push(("imago-config-spec", Node::marked(text.clone(), mark)));
        }
        if left_out {
            annotations.push(("imago/ignore", Node::text("true")));
        } else if let Some(name) = ignored_name {
            annotations.push(("imago/ignore", Node::text(format!("other, {name}"))));
        }
        if let Some(image) = noted {
            let mut note = Node::text(image);
            note.anchor = Some("note".to_owned());
            annotations.push(("image", note));
        }
        self.random.shuffle(&mut annotations);
        let mut entries = vec![("name", Node::text("web"))];
        if !annotations.is_empty() {
            entries.push(("annotations", Node::map(annotations)));
        } else if self.random.percent(8) {
            self.state.restorable &= !changed;
            let null = if changed { Kind::NullToFill } else { Kind::Null };
            entries.push(("annotations", if self.random.percent(50) { null.into() } else { Node::map([]) }));
        }
        if self.random.percent(30) {
            entries.push(("labels", Node::map([("app", self.note()), ("tier", self.note())])));
        }
        if self.random.percent(20) {
            entries.push(("namespace", Node::text("shop")));
        }
        self.random.shuffle(&mut entries);
        Node::map(entries)
    }

    /// A record as people and older versions write it: the same as JSON.
    fn record_text(&mut self, text: &str, gone: bool) -> String {
        let text = if gone {
            text.replacen("[", "[{\"name\":\"gone\",\"image\":\"db:9\"},", 1).replace(",]", "]")
        } else {
            text.to_owned()
        };
        match self.random.below(4) {
            0 => serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON"))
                .expect("so is this"),
            1 => format!(" {text} "),
            _ => text,
        }
    }

    fn containers(&mut self, recorded: bool) -> Vec<Container> {
        let mut containers: Vec<Container> = Vec::new();
        for list in ["containers", "initContainers"] {
            let count = if list == "containers" { self.random.below(4) } else { self.random.below(4) / 2 };
            for index in 0..count {
                let mut name = (*self.random.pick(&NAMES)).to_owned();
                while containers.iter().any(|other| other.name == name && other.list == list) {
                    name.push('2');
                }
                let image = self.image(recorded);
                containers.push(Container { list, index, name, image, merged: false, noted: false });
            }
        }
        if self.json {
            return containers;
        }
        let fresh = |container: &Container| container.image.new.is_some() && !container.image.ignored;
        if containers.len() > 1 && containers[0].list == containers[1].list && fresh(&containers[0]) && self.random.percent(10) {
            containers[1].image = containers[0].image.clone();
            containers[1].merged = true;
        } else if self.workloads.is_empty() && containers.first().is_some_and(fresh) && self.random.percent(4) {
            containers[0].noted = true;
        }
        containers
    }

    fn image(&mut self, recorded: bool) -> Image {
        let name = format!("{}{}", self.random.pick(&HOSTS), self.random.pick(&REPOSITORIES));
        let tag = self.random.percent(80).then(|| *self.random.pick(&TAGS));
        let base = tag.map_or(name.clone(), |tag| format!("{name}:{tag}"));
        let old = digest_of(&format!("old {base}"));
        let digest = self.ask(&name, tag.unwrap_or("latest"));
        let on = |base: &str, digest: &str| format!("{base}@{digest}");
        let follow = |written: String, base: &str, recorded: Option<String>, original: &str, digest: &Option<String>| {
            let new = digest.as_ref().map(|digest| on(base, digest)).filter(|new| *new != written);
            Image { written: Some(written), new, recorded, original: Some(original.to_owned()), ignored: false }
        };
        let mut image = match (recorded, self.random.below(20)) {
            (_, 0) => Image::default(),
            (_, 1) => Image { written: Some(String::new()), ..Image::default() },
            (_, 2) => {
                let written =
                    *self.random.pick(&["${TAG}", "registry.example.test/web:${TAG}", "{{ .Values.image }}", "$(IMAGE)"]);
                Image { written: Some(written.to_owned()), ..Image::default() }
            }
            (false, 3 | 4) | (true, 3) => {
                Image { written: Some(on(&base, &old)), original: Some(on(&base, &old)), ..Image::default() }
            }
            // A record that is a pin itself.
            (true, 4) => Image {
                written: Some(on(&base, &old)),
                recorded: Some(on(&base, &digest_of("another"))),
                original: Some(on(&base, &old)),
                ..Image::default()
            },
            // Up to date, where the tag can be asked for.
            (true, 5..=8) => follow(on(&base, digest.as_ref().unwrap_or(&old)), &base, Some(base.clone()), &base, &digest),
            (true, 9..=11) => follow(on(&base, &old), &base, Some(base.clone()), &base, &digest),
            // The tag went on.
            (true, 12) if tag.is_some() => follow(on(&base, &old), &base, Some(format!("{name}:other")), &base, &digest),
            // The digest alone, as older versions wrote it.
            (true, 13) => {
                let asked = self.ask(&name, "1.4");
                follow(on(&name, &old), &name, Some(format!("{name}:1.4")), &format!("{name}:1.4"), &asked)
            }
            // Another name and no tag: a pin.
            (true, 14) => Image {
                written: Some(on(&name, &old)),
                recorded: Some("elsewhere.example.test/other:1".to_owned()),
                original: Some(on(&name, &old)),
                ..Image::default()
            },
            (true, 15) => follow(base.clone(), &base, Some("elsewhere.example.test/other:1".to_owned()), &base, &digest),
            _ => follow(base.clone(), &base, None, &base, &digest),
        };
        image.ignored = !self.json && image.original.is_some() && self.random.percent(2);
        image
    }

    /// The digest that a tag has, if the lock has it.
    fn ask(&mut self, name: &str, tag: &str) -> Option<String> {
        let lookup = format!("{}:{tag}", normalised(name));
        (!name.ends_with("gone")).then(|| self.digests.entry(lookup.clone()).or_insert_with(|| digest_of(&lookup)).clone())
    }

    /// Lets two equal images of a document share one text, or a variable share it with an image.
    fn share(&mut self, root: &mut Node, first_workload: usize) {
        let mut found: Vec<(String, Mark)> = Vec::new();
        root.images(&mut |node| {
            if let Kind::Text(Text { value, mark: Some(mark) }) = &node.kind {
                found.push((value.clone(), mark.clone()));
            }
        });
        let pair = (0..found.len()).find_map(|second| {
            let first = (0..second).find(|first| found[*first] == found[second] && !found[second].1.ignored)?;
            Some((first, second))
        });
        let mut at = 0;
        if let Some((first, second)) = pair {
            root.images(&mut |node| {
                if at == first {
                    node.anchor = Some("image".to_owned());
                } else if at == second {
                    node.kind = Kind::Alias("image".to_owned(), None);
                }
                at += 1;
            });
        } else if let (Some((_, mark)), Kind::Map(entries)) = (found.first(), &mut root.kind)
            && self.workloads.len() > first_workload
        {
            if mark.new.is_some() {
                self.state.refused = Some("shared-anchor");
            }
            root_alias(entries);
            root.images(&mut |node| {
                if at == 0 {
                    node.anchor = Some("image".to_owned());
                }
                at += 1;
            });
        }
    }
}

/// A field of nobody's, at the end of the document, that shows the anchored image.
fn root_alias(entries: &mut Vec<(String, Node)>) {
    entries.push(("x-image".to_owned(), Kind::Alias("image".to_owned(), None).into()));
}

fn record(containers: &[Container], entry: impl Fn(&Image) -> Option<&String>) -> String {
    let list = |name: &str| {
        let entries = containers.iter().filter(|container| container.list == name).filter_map(|container| {
            let image = entry(&container.image)?;
            Some(format!("{{\"name\":{},\"image\":{}}}", serde_json::json!(container.name), serde_json::json!(image)))
        });
        entries.collect::<Vec<_>>().join(",")
    };
    format!("{{\"containers\":[{}],\"initContainers\":[{}]}}", list("containers"), list("initContainers"))
}

/// The name with its registry, and `library/` where Docker Hub has it so.
fn normalised(name: &str) -> String {
    match name.split_once('/') {
        None => format!("docker.io/library/{name}"),
        Some(("docker.io", path)) if !path.contains('/') => format!("docker.io/library/{path}"),
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
    }
}

/// A digest that follows from a text; now and then a long one.
fn digest_of(text: &str) -> String {
    // FNV-1a.
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let hex = format!("{hash:016x}");
    if hash % 11 == 0 { format!("sha512:{}", hex.repeat(8)) } else { format!("sha256:{}", hex.repeat(4)) }
}
