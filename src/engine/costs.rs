//! What grows with a file grows no faster than the file: each shape is read, planned, edited and proven at one size and at twice that size.
//!
//! Counted are the steps that every reading and every edit is made of: visits of nodes, and bytes scanned for line ends.

use super::answer::{Answer, Answers};
use super::flux_policies::FluxPolicies;
use super::image::Digest;
use super::misplaced;
use super::plan::{self, Rules, TagChoice};
use super::policy::{TagForm, Track};
use super::selector::ImageFilter;
use super::shape;
use super::splice::{DocumentChanges, splice};
use super::yaml::{CommentedFile, File, steps};

const SIZE: usize = 400;

/// All images of a text updated, or put back.
fn edit(text: &str, restore: bool) -> String {
    let rules = Rules {
        tags: TagChoice::ByPolicy,
        track: Track::Annotation,
        form: TagForm::Keep,
        images: ImageFilter::default(),
    };
    let digest = Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap();
    let file = CommentedFile::parse(text).unwrap();
    let wanted = (0..file.len()).filter_map(|document| {
        let workloads = shape::find(file.document(document)).objects;
        let questions = plan::wanted(&workloads, &rules).into_keys();
        let answers: Answers = questions
            .map(|lookup| (lookup, Ok(Answer::new(digest.clone()))))
            .collect();
        let plan = |workload| match restore {
            true => plan::restore(workload, &rules).unwrap(),
            false => plan::update(workload, &rules, &answers).unwrap(),
        };
        let changes: Vec<_> = workloads
            .iter()
            .flat_map(|workload| plan(workload).changes)
            .collect();
        (!changes.is_empty()).then_some(DocumentChanges { document, changes })
    });
    let wanted: Vec<_> = wanted.collect();
    assert!(!wanted.is_empty(), "nothing changes");
    splice(file, wanted).unwrap()
}

/// The steps of some work.
fn counted(work: impl FnOnce()) -> u64 {
    let before = steps::count();
    work();
    steps::count() - before
}

fn grows_with_its_input(name: &str, shape: impl Fn(usize) -> String) {
    grows(name, |count| {
        let text = shape(count);
        counted(|| drop(edit(&edit(&text, false), true)))
    });
}

fn grows(name: &str, cost: impl Fn(usize) -> u64) {
    let (once, twice) = (cost(SIZE), cost(2 * SIZE));
    assert!(once > SIZE as u64, "{name}: only {once} steps are counted");
    assert!(
        2 * twice <= 5 * once,
        "{name}: {once} steps become {twice} when the input doubles"
    );
}

fn deployment(name: usize, containers: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web-{name}\nspec:\n  template:\n    spec:\n      containers:\n{containers}"
    )
}

fn container(name: usize, image: &str) -> String {
    format!("      - name: app-{name}\n        image: {image}\n")
}

fn one() -> String {
    container(0, "registry.example.test/web:1.4")
}

fn list(item: impl Fn(usize) -> String, count: usize) -> String {
    let items =
        (0..count).map(|number| format!("- {}\n", item(number).trim_end().replace('\n', "\n  ")));
    format!(
        "apiVersion: v1\nkind: List\nitems:\n{}",
        items.collect::<String>()
    )
}

fn json(count: usize) -> String {
    let item = |number: usize| {
        serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("web-{number}")},
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "registry.example.test/web:1.4"}]}}}})
    };
    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": (0..count).map(item).collect::<Vec<_>>()}).to_string()
}

#[test]
fn workloads_of_one_list() {
    grows_with_its_input("block", |count| {
        list(|number| deployment(number, &one()), count)
    });
    grows_with_its_input("lines that end in CRLF", |count| {
        list(|number| deployment(number, &one()), count).replace('\n', "\r\n")
    });
    grows_with_its_input("JSON on one line", json);
    grows_with_its_input("JSON on one line behind blanks", |count| {
        format!("{}{}", " ".repeat(64 * count), json(count))
    });
    grows_with_its_input("braces on a line for each", |count| {
        json(count).replace(",{", ",\n{")
    });
    grows_with_its_input("beside an alias", |count| {
        format!(
            "{}x: &x y\nz: *x\n",
            list(|number| deployment(number, &one()), count)
        )
    });
}

#[test]
fn containers_of_one_pod() {
    let many = |image: &str, count| {
        (1..=count)
            .map(|number| container(number, image))
            .collect::<String>()
    };
    grows_with_its_input("block", |count| {
        deployment(0, &many("registry.example.test/web:1.4", count))
    });
    grows_with_its_input("quoted", |count| {
        deployment(0, &many("\"registry.example.test\\u002fweb:1.4\"", count))
    });
    grows_with_its_input("aliases of one image", |count| {
        deployment(
            0,
            &(container(0, "&image registry.example.test/web:1.4") + &many("*image", count)),
        )
    });
    grows_with_its_input("an alias for each image", |count| {
        let pair = |number| {
            container(number, &format!("&i{number} a:{number}"))
                + &container(count + number, &format!("*i{number}"))
        };
        deployment(0, &(0..count).map(pair).collect::<String>())
    });
    grows_with_its_input("images that differ", |count| {
        deployment(
            0,
            &(0..count)
                .map(|number| container(number, &format!("a:{number}")))
                .collect::<String>(),
        )
    });
    grows_with_its_input("as many names to ignore", |count| {
        let names: Vec<_> = (0..count).map(|number| format!("other-{number}")).collect();
        let annotation = format!(
            "metadata:\n  annotations:\n    imago/ignore: {}\n",
            names.join(",")
        );
        deployment(0, &many("a:1", count)).replace("metadata:\n", &annotation)
    });
    grows_with_its_input("beside as many keys", |count| {
        let keys = (0..count)
            .map(|number| format!("      key-{number}: value\n"))
            .collect::<String>();
        deployment(0, &many("a:1", count))
            .replace("      containers:\n", &(keys + "      containers:\n"))
    });
}

#[test]
fn documents_of_one_file() {
    let documents = |document: &dyn Fn(usize) -> String, count| {
        (0..count).map(document).collect::<Vec<_>>().join("---\n")
    };
    grows_with_its_input("plain", |count| {
        documents(&|number| deployment(number, &one()), count)
    });
    grows_with_its_input("with an alias in each", |count| {
        documents(
            &|number| deployment(number, &one()) + "x: &x y\nz: *x\n",
            count,
        )
    });
    grows_with_its_input("in braces", |count| documents(&|_| json(1) + "\n", count));
}

#[test]
fn what_stands_beside_a_workload() {
    let beside = |line: &str, count| deployment(0, &one()) + "x:\n" + &line.repeat(count);
    grows_with_its_input("line breaks of one version of YAML, in quotes", |count| {
        beside("- \"a\u{2028}b\"\n", count)
    });
    grows_with_its_input("lone carriage returns in quotes", |count| {
        beside("- 'a\rb'\n", count)
    });
    grows_with_its_input("aliases", |count| {
        beside("- *x\n", count).replacen("x:\n- *x\n", "x:\n- &x {a: b}\n", 1)
    });
    grows_with_its_input("a merge key over many entries", |count| {
        let entries = (0..count)
            .map(|number| format!("  key-{number}: value\n"))
            .collect::<String>();
        let labels = "metadata:\n  labels:\n    <<: *labels\n";
        format!(
            "labels: &labels\n{entries}{}",
            deployment(0, &one()).replace("metadata:\n", labels)
        )
    });
    // A chain may be no longer than nesting is deep. Its last mapping is the largest.
    let chain = |depth: usize| {
        let keys: String = (0..SIZE).map(|key| format!("k{key}: v, ")).collect();
        let link = |at| format!("  a{at}: &a{at} {{o{at}: v, <<: *a{}}}\n", at - 1);
        format!(
            "x:\n  a0: &a0 {{{keys}}}\n{}",
            (1..depth).map(link).collect::<String>()
        )
    };
    grows_with_its_input("a chain of merge keys", |count| {
        deployment(0, &one()) + &chain(count / 8)
    });
    grows_with_its_input("annotations", |count| {
        let entries = (0..count)
            .map(|number| format!("    key-{number}: value\n"))
            .collect::<String>();
        deployment(0, &one()).replace(
            "metadata:\n",
            &format!("metadata:\n  annotations:\n{entries}"),
        )
    });
    grows_with_its_input("comments", |count| {
        beside("- a\n# a comment about imago:\n", count)
    });
}

/// Values in a HelmRelease, `count` of them.
fn release(count: usize, value: impl Fn(usize) -> String) -> String {
    let values: String = (0..count).map(value).collect();
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: web\nspec:\n  values:\n{values}"
    )
}

/// A mapping with an empty digest.
fn parts(number: usize) -> String {
    format!(
        "      repository: registry.example.test/shop/web-{number}\n      tag: \"1.4\"\n      digest: \"\"\n"
    )
}

fn image_below_a_key(number: usize) -> String {
    format!("    key-{number}:\n     image:\n{}", parts(number))
}

fn json_release(count: usize) -> String {
    let image = |number: usize| serde_json::json!({"image": {"repository": format!("registry.example.test/shop/web-{number}"), "tag": "1.4", "digest": ""}});
    let values: serde_json::Map<_, _> = (0..count)
        .map(|number| (format!("key-{number}"), image(number)))
        .collect();
    serde_json::json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "web"},
        "spec": {"values": values}})
    .to_string()
}

#[test]
fn images_in_the_values_of_a_chart() {
    // Values have no record, so nothing can be put back.
    let updated = |text: &str| counted(|| drop(edit(text, false)));
    grows("a key for each", |count| {
        updated(&release(count, image_below_a_key))
    });
    grows("JSON on one line", |count| updated(&json_release(count)));
}

#[test]
fn markers_of_flux_and_as_many_image_policies() {
    let repository = "apiVersion: image.toolkit.fluxcd.io/v1\nkind: ImageRepository\nmetadata: {name: web, namespace: shop}\nspec: {image: registry.example.test/web}\n";
    let policy = |number: usize| {
        format!(
            "---\napiVersion: image.toolkit.fluxcd.io/v1\nkind: ImagePolicy\nmetadata: {{name: p{number}, namespace: shop}}\n\
             spec: {{imageRepositoryRef: {{name: web}}, policy: {{semver: {{range: ^1.{number}}}}}}}\n"
        )
    };
    let rules = Rules {
        tags: TagChoice::ByPolicy,
        track: Track::Annotation,
        form: TagForm::Keep,
        images: ImageFilter::default(),
    };
    let carried_out = |count: usize, documents: bool| {
        let policies: String = (0..count).map(policy).collect();
        let marked = |number: usize| {
            // Each policy is named twice, far from each other.
            let policy = (2 * number) % count;
            let between = if documents { "---\n" } else { "" };
            format!(
                "{between}web-{number}: registry.example.test/web:1.0.0 # {{\"$imagepolicy\": \"shop:p{policy}\"}}\n"
            )
        };
        let marked: String = (0..count).map(marked).collect();
        counted(|| {
            let mut read = FluxPolicies::default();
            let policies = repository.to_owned() + &policies;
            let file = File::parse(&policies).unwrap();
            (0..file.len()).for_each(|index| read.read(file.document(index), "images.yaml"));
            let file = File::parse(&marked).unwrap();
            let mut objects = Vec::new();
            for index in 0..file.len() {
                let mut here = Vec::new();
                shape::apply_markers(file.document(index), &read, &mut here);
                objects.append(&mut here);
            }
            let sites: usize = objects.iter().map(|object| object.sites.len()).sum();
            assert_eq!(sites, count);
            assert_eq!(plan::wanted(&objects, &rules).len(), count.div_ceil(2));
        })
    };
    grows("in one document", |count| carried_out(count, false));
    grows("a document each", |count| carried_out(count, true));
}

#[test]
fn names_of_triggers_that_are_looked_for_at_images() {
    let containers = |count: usize| -> String {
        (0..count)
            .map(|number| container(number, "registry.example.test/web:1.4"))
            .collect()
    };
    let name = |number: usize| format!("app-{number}, ");
    let trigger = |names: String| {
        format!("  - type: ImageChange\n    imageChangeParams: {{containerNames: [{names}]}}\n")
    };
    let looked_for = |count: usize, triggers: String| {
        let config = deployment(0, &containers(count));
        let config = config.replace("apps/v1\nkind: Deployment", "v1\nkind: DeploymentConfig");
        let text = format!("{config}  triggers:\n{triggers}");
        let file = File::parse(&text).unwrap();
        counted(|| {
            let sites = &shape::find(file.document(0)).objects[0].sites;
            assert!(sites.len() == count && sites.iter().all(|site| site.hold.is_some()));
        })
    };
    grows("in one trigger", |count| {
        looked_for(count, trigger((0..count).map(name).collect()))
    });
    grows("in a trigger each", |count| {
        looked_for(
            count,
            (0..count).map(|number| trigger(name(number))).collect(),
        )
    });
}

#[test]
fn comments_that_are_looked_for_at_images() {
    let looked_for = |count: usize, value: fn(usize) -> String| {
        let text = release(count, value).replace("name: web\n", "name: web # imago: ignore\n");
        let file = File::parse(&text).unwrap();
        counted(|| {
            let objects = shape::find(file.document(0)).objects;
            assert_eq!(objects[0].sites.len(), count);
            let objects: Vec<_> = objects.into_iter().map(|object| (0, object)).collect();
            assert_eq!(misplaced::lines(&file, &objects), [4]);
        })
    };
    grows("below keys", |count| looked_for(count, image_below_a_key));
    grows("in a list", |count| {
        looked_for(count, |number| {
            let list = if number == 0 { "    list:\n" } else { "" };
            format!(
                "{list}    - image:\n{}",
                parts(number).replace("      ", "        ")
            )
        })
    });
    let below_image = |count: usize, value: String, comment: &str| {
        let merged: String = (0..count)
            .map(|number| format!("- {{<<: *c, name: c{number}}}\n"))
            .collect();
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}} {comment}\nspec:\n  containers:\n  - &c\n    name: c\n    image:{value}\n{}",
            merged.replace("- {", "  - {")
        );
        let file = File::parse(&text).unwrap();
        counted(|| {
            let objects = shape::find(file.document(0)).objects;
            assert_eq!(objects[0].sites.len(), count + 1);
        })
    };
    for comment in [
        "# imago: ignore",
        "# imago: minor",
        "# renovate: datasource=docker depName=r.test/b",
    ] {
        let comments = format!("\n      {comment}");
        grows("above an inherited value", |count| {
            below_image(count, comments.repeat(count) + "\n      r.test/a:1", "")
        });
    }
    grows("a long comment at an inherited value", |count| {
        below_image(
            16 * count,
            format!(" r.test/a:1 # {}", "prose ".repeat(64 * count)),
            "# imago: ignore",
        )
    });
    let elsewhere = "# imago: ignore";
    grows("over the empty lines above an inherited value", |count| {
        below_image(count, "\n".repeat(count) + "      r.test/a:1", elsewhere)
    });
    grows("over an inherited value of many lines", |count| {
        let value = format!(" \"r.test/\\\n{}      a:1\"", "      \\\n".repeat(count));
        below_image(count, value, elsewhere)
    });
    let image = |name: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: a, image: a:1}}]}}\n"
        )
    };
    let outside = |count: usize, before: &str, between: &str| {
        let comments = "# imago: ignore\n".repeat(count);
        let text = [before, &comments, between, &image("last")].concat();
        let file = File::parse(&text).unwrap();
        counted(|| {
            let of = |index| {
                shape::find(file.document(index))
                    .objects
                    .into_iter()
                    .map(move |object| (index, object))
            };
            let objects: Vec<_> = (0..file.len()).flat_map(of).collect();
            assert_eq!(misplaced::lines(&file, &objects).len(), count);
        })
    };
    grows("before a document", |count| outside(count, "", ""));
    grows("at the end of a document", |count| {
        outside(count, &image("first"), "---\n")
    });
    grows("below the marker of a document", |count| {
        outside(count, &(image("first") + "---\n"), "")
    });
}
