//! The laws on generated objects of every shape: pods anywhere, workflows, tasks, entries of kustomizations, fields of operators, and places
//! that settings name.
//!
//! The model builds each object twice, as it is written and as it shall be, so that what is expected is known without asking the program.

use imago::engine::answer::Answers;
use imago::engine::change::Change;
use imago::engine::path::Path;
use imago::engine::shape::{self, Kinds, Shape, Split};
use imago::engine::site::Memory;
use imago::engine::splice::{DocumentChanges, splice};
use imago::engine::yaml::{CommentedFile, File};
use serde_json::{Value, json};

use super::random::Random;
use crate::support::engine::{Action, answers, plain_rules, plan};
use crate::support::seeds;

/// How many objects an ordinary run tries.
const COUNT: u64 = 4_000;

/// An image as the model has it: a repository and a tag.
type Image = (&'static str, &'static str);

const REPOSITORIES: [&str; 4] = [
    "registry.example.com/shop/web",
    "registry.example.com/shop/api",
    "proxy",
    "registry.example.com:5000/db",
];
const TAGS: [&str; 2] = ["1.4", "v2"];

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn digests(digit: char) -> Answers {
    let all = REPOSITORIES.iter();
    let images = all.flat_map(|name| TAGS.iter().map(move |tag| format!("{name}:{tag}")));
    let images: Vec<(String, String)> = images.map(|image| (image, digest(digit))).collect();
    answers(
        images
            .iter()
            .map(|(image, digest)| (image.as_str(), digest.as_str())),
    )
}

/// How the model writes images: with a digest, or with the tag alone.
#[derive(Clone, Copy)]
struct Writer(Option<char>);

impl Writer {
    fn whole(self, (name, tag): Image) -> Value {
        let digest = self.0.map(|digit| format!("@{}", digest(digit)));
        format!("{name}:{tag}{}", digest.unwrap_or_default()).into()
    }

    fn tag(self, (_, tag): Image) -> Value {
        let digest = self.0.map(|digit| format!("@{}", digest(digit)));
        format!("{tag}{}", digest.unwrap_or_default()).into()
    }

    /// A mapping of parts, with the digest in its own key.
    fn parts(self, image: Image, name: &str, tag: &str) -> Value {
        let mut parts = json!({name: image.0, tag: image.1});
        if let Some(digit) = self.0 {
            parts["digest"] = digest(digit).into();
        }
        parts
    }

    /// A mapping of parts as charts have them, with a key for the digest that is empty without one.
    fn with_key(self, (name, tag): Image, key: &str, before: &str) -> Value {
        let digits = self.0.map(|digit| digest(digit).replace("sha256:", before));
        json!({"repository": name, "tag": tag, key: digits.unwrap_or_default()})
    }

    fn containers(self, images: &[Image]) -> Value {
        let named = images.iter().enumerate();
        named
            .map(|(number, image)| json!({"name": format!("c{number}"), "image": self.whole(*image)}))
            .collect()
    }
}

/// A shape of the model: its version, its kind, and what stands in its object beside these.
type Model = (&'static str, &'static str, fn(Writer, &[Image]) -> Value);

const MODELS: [Model; 23] = [
    (
        "v1",
        "Pod",
        |writer, images| json!({"spec": {"containers": writer.containers(images)}}),
    ),
    (
        "argoproj.io/v1alpha1",
        "Rollout",
        |writer, images| json!({"spec": {"template": {"spec": {"initContainers": writer.containers(images)}}}}),
    ),
    (
        "serving.knative.dev/v1",
        "Service",
        |writer, images| json!({"spec": {"template": {"spec": {"containers": writer.containers(images)}}}}),
    ),
    (
        "keda.sh/v1alpha1",
        "ScaledJob",
        |writer, images| json!({"spec": {"jobTargetRef": {"template": {"spec": {"containers": writer.containers(images)}}}}}),
    ),
    (
        "apps.kruise.io/v1alpha1",
        "SidecarSet",
        |writer, images| json!({"spec": {"containers": writer.containers(images)}}),
    ),
    (
        "leaderworkerset.x-k8s.io/v1",
        "LeaderWorkerSet",
        |writer, images| {
            let template = json!({"spec": {"containers": writer.containers(images)}});
            json!({"spec": {"leaderWorkerTemplate": {"leaderTemplate": template.clone(), "workerTemplate": template}}})
        },
    ),
    ("ray.io/v1", "RayCluster", |writer, images| {
        let groups = images.iter().map(
            |image| json!({"template": {"spec": {"containers": writer.containers(&[*image])}}}),
        );
        json!({"spec": {"workerGroupSpecs": groups.collect::<Value>()}})
    }),
    ("apps/v1", "Deployment", |writer, images| {
        let volumes = images.iter().enumerate();
        let volumes = volumes.map(|(number, image)| json!({"name": format!("v{number}"), "image": {"reference": writer.whole(*image)}}));
        json!({"spec": {"template": {"spec": {"containers": [], "volumes": volumes.collect::<Value>()}}}})
    }),
    (
        "argoproj.io/v1alpha1",
        "WorkflowTemplate",
        |writer, images| {
            let templates = images.iter().enumerate().map(|(number, image)| match number % 3 {
            0 => json!({"name": "a", "container": {"image": writer.whole(*image)}}),
            1 => json!({"name": "b", "script": {"image": writer.whole(*image), "source": "true"}}),
            _ => json!({"name": "c", "sidecars": [{"name": "d", "image": writer.whole(*image)}]}),
        });
            json!({"spec": {"templates": templates.collect::<Value>()}})
        },
    ),
    ("tekton.dev/v1", "Task", |writer, images| {
        let (template, steps) = images.split_first().unwrap();
        let steps = steps
            .iter()
            .map(|image| json!({"image": writer.whole(*image), "script": "true"}));
        json!({"spec": {"stepTemplate": {"image": writer.whole(*template)}, "steps": steps.collect::<Value>()}})
    }),
    ("tekton.dev/v1", "Pipeline", |writer, images| {
        let tasks = images.iter().map(|image| json!({"name": "t", "taskSpec": {"steps": [{"name": "s", "image": writer.whole(*image)}]}}));
        json!({"spec": {"tasks": tasks.collect::<Value>()}})
    }),
    (
        "kustomize.config.k8s.io/v1beta1",
        "Kustomization",
        |writer, images| {
            let entries = images.iter().enumerate();
            let entries = entries.map(|(number, image)| json!({"name": format!("n{number}"), "newName": image.0, "newTag": writer.tag(*image)}));
            json!({"images": entries.collect::<Value>()})
        },
    ),
    ("postgresql.cnpg.io/v1", "ImageCatalog", |writer, images| {
        let images = images
            .iter()
            .map(|image| json!({"major": 16, "image": writer.whole(*image)}));
        json!({"spec": {"images": images.collect::<Value>()}})
    }),
    (
        "monitoring.coreos.com/v1",
        "Prometheus",
        |writer, images| json!({"spec": {"version": "v3", "image": writer.whole(images[0])}}),
    ),
    (
        "source.toolkit.fluxcd.io/v1",
        "OCIRepository",
        |writer, images| {
            let mut reference = writer.parts(images[0], "name", "tag");
            reference.as_object_mut().unwrap().remove("name");
            json!({"spec": {"url": format!("oci://{}", images[0].0), "ref": reference}})
        },
    ),
    ("shop.example.com/v1", "Shop", |writer, images| {
        let zones = images
            .iter()
            .enumerate()
            .map(|(number, image)| (format!("z{number}"), json!({"image": writer.whole(*image)})));
        json!({"spec": {"zones": zones.collect::<serde_json::Map<_, _>>()}})
    }),
    (
        "shop.example.com/v1",
        "Cache",
        |writer, images| json!({"spec": {"nodes": images.iter().map(|image| writer.parts(*image, "repository", "version")).collect::<Value>()}}),
    ),
    (
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        |writer, images| {
            let parts = |image: &Image| json!({"repository": image.0, "tag": writer.tag(*image)});
            let chart = json!({"spec": {"chart": "app-template"}});
            json!({"spec": {"chart": chart, "values": {"controllers": numbered(images, |image| json!({"image": parts(image)}))}}})
        },
    ),
    (
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        |writer, images| {
            let values = numbered(
                images,
                |image| json!({"image": writer.with_key(*image, "digest", "sha256:")}),
            );
            json!({"spec": {"chartRef": {"kind": "OCIRepository", "name": "web"}, "values": values}})
        },
    ),
    (
        "helm.toolkit.fluxcd.io/v2",
        "HelmRelease",
        |writer, images| {
            let image = writer.with_key(images[0], "sha", "");
            let chart = json!({"spec": {"chart": "kube-prometheus-stack", "version": "80.0.0"}});
            json!({"spec": {"chart": chart, "values": {"prometheusOperator": {"thanosImage": image}}}})
        },
    ),
    ("argoproj.io/v1alpha1", "Application", |writer, images| {
        let sidecars = images
            .iter()
            .map(|image| json!({"name": "s", "image": writer.whole(*image)}));
        json!({"spec": {"source": {"helm": {"valuesObject": {"sidecars": sidecars.collect::<Value>()}}}}})
    }),
    ("argoproj.io/v1alpha1", TEXTS, |writer, images| {
        let values = numbered(
            images,
            |image| json!({"image": writer.with_key(*image, "digest", "sha256:")}),
        );
        // The quotes of an empty digest stay around one that is put in.
        let text = serde_yaml::to_string(&values).unwrap();
        let lines = text.lines().map(|line| match line.split_once("sha256:") {
            Some((before, digits)) => format!("{before}'sha256:{digits}'\n"),
            None => format!("{line}\n"),
        });
        let text: String = lines.collect();
        json!({"spec": {"template": {"spec": {"sources": [{"helm": {"values": text}}]}}}})
    }),
    ("argoproj.io/v1alpha1", "Application", |writer, images| {
        let parameters = images.iter().enumerate().flat_map(|(number, image)| {
            let parts = writer.with_key(*image, "digest", "sha256:");
            ["repository", "tag", "digest"]
                .map(|key| json!({"name": format!("c{number}.image.{key}"), "value": parts[key]}))
        });
        json!({"spec": {"source": {"helm": {"parameters": parameters.collect::<Value>()}}}})
    }),
];

/// The kind of the model whose values are a text. A text in JSON has escapes, and is held.
const TEXTS: &str = "ApplicationSet";

/// A mapping with a value for each image.
fn numbered(images: &[Image], value: impl Fn(&Image) -> Value) -> Value {
    let values = images.iter().enumerate();
    let values = values.map(|(number, image)| (format!("c{number}"), value(image)));
    Value::Object(values.collect())
}

fn kinds() -> Kinds {
    let key = |key: &'static str| vec![key.into()];
    Kinds {
        added: ["ImageCatalog", "Prometheus", "OCIRepository"]
            .map(|kind| kind.parse().unwrap())
            .into(),
        declared: vec![
            Shape {
                group: Some("shop.example.com".into()),
                kind: "Shop".into(),
                paths: vec!["spec/zones/*/image".parse().unwrap()],
                split: None,
            },
            Shape {
                group: None,
                kind: "Cache".into(),
                paths: vec!["spec/nodes[]".parse().unwrap()],
                split: Some(Split {
                    name: key("repository"),
                    tag: key("version"),
                    digest: Some(key("digest")),
                }),
            },
        ],
        ..Kinds::default()
    }
}

fn build((version, kind, body): &Model, writer: Writer, images: &[Image]) -> Value {
    let mut object = body(writer, images);
    object["apiVersion"] = (*version).into();
    object["kind"] = (*kind).into();
    object["metadata"] = json!({"name": "web", "labels": {"app": "web"}});
    object
}

/// An action on the whole text. Whatever cannot be done is a fault.
fn carry_out(text: &str, kinds: &Kinds, action: Action<'_>) -> String {
    let file = CommentedFile::parse(text).unwrap();
    let objects = shape::find_in("", file.document(0), kinds).objects;
    let plans = objects
        .iter()
        .map(|object| plan(object, &plain_rules(), action).unwrap());
    let changes: Vec<Change> = plans.flat_map(|plan| plan.changes).collect();
    match changes.is_empty() {
        true => text.to_owned(),
        false => splice(
            file,
            vec![DocumentChanges {
                document: 0,
                changes,
            }],
        )
        .unwrap(),
    }
}

fn without_record(mut object: Value) -> Value {
    object["metadata"]
        .as_object_mut()
        .unwrap()
        .remove("annotations");
    object
}

/// Shuffles each list, and gives each container another name.
fn moved(value: &mut Value, random: &mut Random) {
    match value {
        Value::Array(items) => {
            random.shuffle(items);
            items.iter_mut().for_each(|item| moved(item, random));
        }
        Value::Object(entries) => {
            if entries.contains_key("image") && entries.contains_key("name") {
                entries["name"] = format!("new{}", random.below(1000)).into();
            }
            entries.values_mut().for_each(|value| moved(value, random));
        }
        _ => {}
    }
}

#[test]
fn objects_of_every_shape_keep_the_laws() {
    let count = std::env::var("IMAGO_LAWS").map_or(COUNT, |count| count.parse().unwrap());
    let kinds = kinds();
    seeds::each(count, |seed| {
        let mut random = Random::new(seed);
        let model = random.pick(&MODELS);
        let mut repositories = REPOSITORIES;
        random.shuffle(&mut repositories);
        let images: Vec<Image> = repositories[..1 + random.below(REPOSITORIES.len())]
            .iter()
            .map(|name| (*name, *random.pick(&TAGS)))
            .collect();
        let is_json = random.percent(30) && model.1 != TEXTS;
        let written = |object: &Value| match is_json {
            true => serde_json::to_string_pretty(object).unwrap(),
            false => serde_yaml::to_string(object).unwrap(),
        };
        let read = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
        let (old, new) = (
            build(model, Writer(None), &images),
            build(model, Writer(Some('1')), &images),
        );
        let text = written(&old);
        let (first, second) = (digests('1'), digests('2'));
        let why = || format!("seed {seed}, {}:\n{text}", model.1);

        // Law 1, and law 3 below: nothing to do is no byte.
        assert_eq!(
            carry_out(&text, &kinds, Action::Update(&Answers::new())),
            text,
            "law 1, {}",
            why()
        );
        let updated = carry_out(&text, &kinds, Action::Update(&first));
        assert_eq!(
            without_record(read(&updated)),
            without_record(new.clone()),
            "law 4, {}",
            why()
        );
        assert_eq!(
            carry_out(&updated, &kinds, Action::Update(&first)),
            updated,
            "law 3, {}",
            why()
        );

        // Law 5: as YAML and as JSON.
        let file = File::parse(&text).unwrap();
        let plans = |objects: Vec<imago::engine::object::Object>| -> Vec<_> {
            let plans = objects
                .iter()
                .map(|object| plan(object, &plain_rules(), Action::Update(&first)).unwrap());
            plans.map(|plan| (plan.changes, plan.outcomes)).collect()
        };
        let objects = shape::find_in("", file.document(0), &kinds).objects;
        let of_json = shape::find_in("", &old, &kinds).objects;
        let is_in_place = objects[0]
            .sites
            .iter()
            .all(|site| site.memory == Memory::InPlace);

        // Law 7: what is read and written again changes nothing, and what is written is read.
        for object in &objects {
            for site in &object.sites {
                let image = site.image.text().unwrap();
                assert!(
                    site.write(image)
                        .iter()
                        .all(|change| change.from == change.to),
                    "law 7, {}",
                    why()
                );
                assert!(site.at.steps().starts_with(Path::root().steps()));
            }
        }
        let pinned = shape::find_in("", &new, &kinds).objects;
        let pins = pinned.iter().flat_map(|object| &object.sites);
        assert!(
            pins.clone().count() > 0
                && pins
                    .clone()
                    .all(|site| site.image.text().unwrap().ends_with(&digest('1'))
                        && site.hold.is_none()),
            "law 7, {}",
            why()
        );
        assert_eq!(plans(objects), plans(of_json), "law 5, {}", why());

        // Law 6: of annotation memory.
        let restored = carry_out(&updated, &kinds, Action::Restore);
        assert_eq!(
            restored,
            if is_in_place { &updated } else { &text }.as_str(),
            "law 6, {}",
            why()
        );

        // Law 8: what is moved and renamed follows as before.
        let mut other = read(&updated);
        moved(&mut other, &mut random);
        let followed = carry_out(&written(&other), &kinds, Action::Update(&second));
        let body = without_record(read(&followed)).to_string();
        let digits = |digit: char| digit.to_string().repeat(64);
        let expected = without_record(new)
            .to_string()
            .matches(&digits('1'))
            .count();
        assert!(!body.contains(&digits('1')), "law 8, {}\n{followed}", why());
        assert_eq!(
            body.matches(&digits('2')).count(),
            expected,
            "law 8, {}",
            why()
        );
    });
}
