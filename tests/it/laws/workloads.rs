//! Generates workloads: containers, records of every age, what the user leaves out, and what an update has to make of them.

use super::images::Image;
use super::model::{Expected, Inventor};
use super::tree::{Kind, Mark, Node};

/// apiVersion, kind, and the keys down to the pod's specification.
type KindOf = (&'static str, &'static str, &'static [&'static str]);

#[derive(Clone, Debug)]
struct Container {
    list: &'static str,
    index: usize,
    name: String,
    image: Image,
    /// A merge key takes its image from the first container of its list.
    merged: bool,
    /// Its image is an alias of an annotation.
    noted: bool,
}

const NAMES: [&str; 14] = [
    "web",
    "side",
    "a",
    "true",
    "1",
    "null",
    "it's",
    "say \"x\"",
    "käse",
    "日本-🚀",
    "a: b",
    "- x",
    "#x",
    "back\\slash",
];

impl Inventor<'_> {
    pub(super) fn workload(
        &mut self,
        document: usize,
        items: &[usize],
        says_its_kind: bool,
    ) -> Node {
        let kinds: [KindOf; 5] = [
            ("apps/v1", "Deployment", &["spec", "template", "spec"]),
            ("apps/v1", "DaemonSet", &["spec", "template", "spec"]),
            ("apps/v1", "StatefulSet", &["spec", "template", "spec"]),
            (
                "batch/v1",
                "CronJob",
                &["spec", "jobTemplate", "spec", "template", "spec"],
            ),
            (
                "batch/v1beta1",
                "CronJob",
                &["spec", "jobTemplate", "spec", "template", "spec"],
            ),
        ];
        let kind = if says_its_kind {
            *self.random.pick(&kinds)
        } else {
            kinds[0]
        };
        let recorded = self.random.percent(30);
        let left_out = self.random.percent(4);
        let mut containers = self.containers(recorded);
        let names: Vec<&str> = containers
            .iter()
            .filter(|container| {
                !container.merged
                    && !container.name.contains(',')
                    && container.name.trim() == container.name
            })
            .map(|container| container.name.as_str())
            .collect();
        let ignored_name = (names.len() > 1 && self.random.percent(8))
            .then(|| (*self.random.pick(&names)).to_owned());
        // Not the words that ignore everything and nothing.
        let ignored_name = ignored_name.filter(|name| name != "true" && name != "false");
        for container in &mut containers {
            let by_name = ignored_name.as_ref() == Some(&container.name);
            let image = &mut container.image;
            if (left_out || by_name || image.ignored) && image.original.is_some() {
                image.new = None;
                image.original = image.recorded.clone().or(image.written.clone());
            }
        }
        // A merged container shares its image with the first of its list, which must then be updated as well.
        for at in 0..containers.len() {
            let first = containers[at].list;
            let base = containers
                .iter()
                .find(|other| other.list == first && other.index == 0)
                .map(|base| base.image.clone());
            if containers[at].merged
                && let Some(base) = base
                && (base.new != containers[at].image.new || base.ignored)
            {
                containers[at].merged = false;
            }
        }
        let old_record = recorded.then(|| record(&containers, |image| image.recorded.as_ref()));
        // While a new pin may be the container that is gone, the record is another one (`laws::memory`).
        let is_new_pin = |image: &Image| {
            let original = image.original.as_ref();
            image.recorded.is_none() && original.is_some_and(|original| original.contains('@'))
        };
        let gone = recorded && self.random.percent(10);
        let gone = gone && !containers.iter().any(|it| is_new_pin(&it.image));
        let changed = containers
            .iter()
            .any(|container| container.image.new.is_some());
        let new_record = record(&containers, |image| image.original.as_ref());
        let new_record =
            (changed && (gone || old_record.as_ref() != Some(&new_record))).then_some(new_record);
        self.state.has_record |= recorded;
        self.state.has_ignore_comment |= containers.iter().any(|container| container.image.ignored);

        let old_text = old_record.map(|text| self.record_text(&text, gone));
        let noted = containers
            .iter()
            .find(|container| container.noted)
            .and_then(|container| container.image.written.clone());
        let metadata = self.metadata(
            old_text,
            new_record.as_deref(),
            left_out,
            ignored_name.as_deref(),
            noted.as_deref(),
            changed,
        );
        self.workloads.push(Expected {
            document,
            items: items.to_vec(),
            pod: kind.2,
            images: containers
                .iter()
                .filter_map(|container| {
                    let image = &container.image;
                    let text = image
                        .new
                        .clone()
                        .or_else(|| image.written.clone().filter(|text| !text.is_empty()))?;
                    Some((container.list, container.index, text))
                })
                .collect(),
            record: new_record,
        });
        self.object(kind, says_its_kind, metadata, &containers, noted.is_some())
    }

    fn object(
        &mut self,
        (version, kind, pod): KindOf,
        says_its_kind: bool,
        metadata: Node,
        containers: &[Container],
        in_order: bool,
    ) -> Node {
        let mut lists: Vec<(&'static str, Node)> = Vec::new();
        for list in ["initContainers", "containers"] {
            let of_list: Vec<&Container> = containers
                .iter()
                .filter(|container| container.list == list)
                .collect();
            if !of_list.is_empty() || list == "containers" && self.random.percent(80) {
                let anchor = of_list
                    .iter()
                    .any(|container| container.merged)
                    .then(|| format!("base{}{list}", self.workloads.len()));
                let nodes = of_list
                    .iter()
                    .map(|container| self.container(container, anchor.as_deref()))
                    .collect();
                lists.push((list, Node::list(nodes)));
            }
        }
        if self.random.percent(20) {
            lists.push((
                "volumes",
                Node::list(vec![Node::map([("name", Node::text("image"))])]),
            ));
        }
        self.random.shuffle(&mut lists);
        let mut spec = Node::map(lists);
        for (depth, key) in pod.iter().enumerate().rev() {
            let mut entries = vec![(*key, spec)];
            if *key == "spec" && self.random.percent(30) {
                let labels = Node::map([("app", self.note())]);
                let annotations = Node::map([
                    ("imago-config-spec", Node::text("of the pod")),
                    ("scrape", Node::text("true")),
                ]);
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
        let mark = Mark {
            new: image.new.clone(),
            ignored: image.ignored,
            image: true,
        };
        match &image.written {
            None => {}
            Some(text) if text.is_empty() => {
                entries.push((
                    "image",
                    if self.random.percent(50) {
                        Kind::Null.into()
                    } else {
                        Node::text("")
                    },
                ));
            }
            Some(_) if container.noted => {
                entries.push(("image", Kind::Alias("note".to_owned(), Some(mark)).into()))
            }
            Some(text) => entries.push(("image", Node::marked(text.clone(), mark))),
        }
        if self.random.percent(15) {
            entries.push((
                "args",
                Node::list(vec![
                    self.note(),
                    Node::text("--image=registry.example.test/web:1.4"),
                ]),
            ));
        }
        if self.random.percent(10) {
            entries.push((
                "ports",
                Node::list(vec![Node::map([(
                    "containerPort",
                    Kind::Bare("80").into(),
                )])]),
            ));
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
            let mark = Mark {
                new: new_record.map(str::to_owned),
                ..Mark::default()
            };
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
            let null = if changed {
                Kind::NullToFill
            } else {
                Kind::Null
            };
            entries.push((
                "annotations",
                if self.random.percent(50) {
                    null.into()
                } else {
                    Node::map([])
                },
            ));
        }
        if self.random.percent(30) {
            entries.push((
                "labels",
                Node::map([("app", self.note()), ("tier", self.note())]),
            ));
        }
        if self.random.percent(20) {
            entries.push(("namespace", Node::text("shop")));
        }
        self.random.shuffle(&mut entries);
        Node::map(entries)
    }

    /// A record as people and older versions write it: equal as JSON.
    fn record_text(&mut self, text: &str, gone: bool) -> String {
        let text = if gone {
            text.replacen("[", "[{\"name\":\"gone\",\"image\":\"gone/db:9\"},", 1)
                .replace(",]", "]")
        } else {
            text.to_owned()
        };
        match self.random.below(4) {
            0 => serde_json::to_string_pretty(
                &serde_json::from_str::<serde_json::Value>(&text).expect("it is JSON"),
            )
            .expect("so is this"),
            1 => format!(" {text} "),
            _ => text,
        }
    }

    fn containers(&mut self, recorded: bool) -> Vec<Container> {
        let mut containers: Vec<Container> = Vec::new();
        let mut used = Vec::new();
        for list in ["containers", "initContainers"] {
            let count = if list == "containers" {
                self.random.below(4)
            } else {
                self.random.below(4) / 2
            };
            for index in 0..count {
                let mut name = (*self.random.pick(&NAMES)).to_owned();
                while containers
                    .iter()
                    .any(|other| other.name == name && other.list == list)
                {
                    name.push('2');
                }
                let image = self.image(recorded, &mut used);
                containers.push(Container {
                    list,
                    index,
                    name,
                    image,
                    merged: false,
                    noted: false,
                });
            }
        }
        if self.json {
            return containers;
        }
        let fresh =
            |container: &Container| container.image.new.is_some() && !container.image.ignored;
        if containers.len() > 1
            && containers[0].list == containers[1].list
            && fresh(&containers[0])
            && self.random.percent(10)
        {
            containers[1].image = containers[0].image.clone();
            containers[1].merged = true;
        } else if self.workloads.is_empty()
            && containers.first().is_some_and(fresh)
            && self.random.percent(4)
        {
            containers[0].noted = true;
        }
        containers
    }
}

fn record(containers: &[Container], entry: impl Fn(&Image) -> Option<&String>) -> String {
    let list = |name: &str| {
        let entries = containers
            .iter()
            .filter(|container| container.list == name)
            .filter_map(|container| {
                let image = entry(&container.image)?;
                Some(format!(
                    "{{\"name\":{},\"image\":{}}}",
                    serde_json::json!(container.name),
                    serde_json::json!(image)
                ))
            });
        entries.collect::<Vec<_>>().join(",")
    };
    format!(
        "{{\"containers\":[{}],\"initContainers\":[{}]}}",
        list("containers"),
        list("initContainers")
    )
}
