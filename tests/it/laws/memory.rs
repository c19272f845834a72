//! Law 8: what people do to containers between two runs changes no decision.
//!
//! An object is updated. Then its containers are renamed, moved between the lists, reordered and copied, and every tag moves.
//! Each image must become what it becomes in the unchanged object.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use imago::engine::answer::Answers;
use imago::engine::object::Object;
use imago::engine::plan::{Outcome, Plan, Rules, TagChoice};
use imago::engine::policy::TagForm;
use imago::engine::shape;
use serde_json::{Value, json};

use super::random::Random;
use crate::support::engine::{Action, answers, plain_rules, plan};
use crate::support::seeds;

const COUNT: u64 = 5_000;
const LISTS: [&str; 2] = ["containers", "initContainers"];
const NAMES: [&str; 5] = ["app", "side", "proxy", "init", "app2"];

#[test]
fn what_people_do_to_containers_changes_no_decision() {
    seeds::each(COUNT, |seed| {
        let mut random = Random::new(seed);
        let rules = any_form(&mut random);
        let mut object = deployment(&mut random, rules.form);
        carry_out(&mut object, &rules, Action::Update(&digests('1')));
        let before = object.clone();
        let what = touch(&mut object, &mut random);
        for action in [Action::Update(&digests('2')), Action::Restore] {
            let (expected, found) = (
                decisions(&before, &rules, action),
                decisions(&object, &rules, action),
            );
            for (image, decided) in &found {
                let unchanged = Some(decided) == expected.get(image);
                assert!(
                    unchanged,
                    "seed {seed}, {what:?}: {image}: {decided:?} instead of {:?}\n{object:#}",
                    expected.get(image)
                );
            }
        }
        // The new record has the new names: a third run follows it as well, and a restore leads back to the tags.
        carry_out(&mut object, &rules, Action::Update(&digests('2')));
        let third = decisions(&object, &rules, Action::Update(&digests('3')));
        assert!(
            third
                .iter()
                .all(|(image, new)| new.is_some() != image.contains(&pin())),
            "seed {seed}: {third:?}\n{object:#}"
        );
    });
}

/// Two tags of one repository, written without them: only the record knows which image has which.
#[test]
fn an_image_without_its_tag_is_decided_as_before_or_not_at_all() {
    let rules = Rules {
        tags: TagChoice::ByPolicy,
        form: TagForm::Drop,
        ..plain_rules()
    };
    let (decided, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    seeds::each(COUNT, |seed| {
        let mut random = Random::new(seed);
        let container = |number: usize, random: &mut Random| {
            let image = format!(
                "registry.example.com/{}:{}",
                random.pick(&["web", "db"]),
                random.pick(&["1", "2"])
            );
            json!({"name": format!("c{number}"), "image": image})
        };
        let containers: Vec<Value> = (0..2 + random.below(3))
            .map(|number| container(number, &mut random))
            .collect();
        let mut object = deployment(&mut random, rules.form);
        object["spec"]["template"]["spec"] = json!({"containers": containers});
        carry_out(&mut object, &rules, Action::Update(&digests('1')));
        let expected = decisions(&object, &rules, Action::Update(&digests('2')));
        let mut list = object["spec"]["template"]["spec"]["containers"]
            .as_array()
            .cloned()
            .unwrap();
        if random.percent(40) {
            list.remove(random.below(list.len()));
        }
        for (number, container) in list.iter_mut().enumerate() {
            if random.percent(50) {
                container["name"] = format!("new{number}").into();
            }
        }
        random.shuffle(&mut list);
        object["spec"]["template"]["spec"]["containers"] = list.into();
        let workload = shape::find(&object).objects.remove(0);
        match plan(&workload, &rules, Action::Update(&digests('2'))) {
            Err(refusal) => {
                assert_eq!(refusal.code.as_str(), "ambiguous-record", "seed {seed}");
                refused.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => {
                let found = decisions(&object, &rules, Action::Update(&digests('2')));
                for (image, new) in &found {
                    assert_eq!(
                        Some(new),
                        expected.get(image),
                        "seed {seed}: {image}\n{object:#}"
                    );
                }
                decided.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    // Both answers occur often, so neither is the easy way out.
    assert!(decided.into_inner() > COUNT / 5 && refused.into_inner() > COUNT / 20);
}

/// What was renamed and changed at once is not in the record as it is. It follows a tag, or every run tells of it.
#[test]
fn an_image_that_was_renamed_and_changed_at_once_never_stays_without_a_word() {
    let told = AtomicU64::new(0);
    seeds::each(COUNT, |seed| {
        let mut random = Random::new(seed);
        let rules = any_form(&mut random);
        let mut object = deployment(&mut random, rules.form);
        carry_out(&mut object, &rules, Action::Update(&digests('1')));
        rename_and_change(&mut object, &mut random);
        for digit in ['2', '3', '4'] {
            let answers = digests(digit);
            for action in [Action::Restore, Action::Update(&answers)] {
                let workload = shape::find(&object).objects.remove(0);
                let Ok(plan) = plan(&workload, &rules, action) else {
                    return;
                };
                for (container, outcome) in workload.sites.iter().zip(&plan.outcomes) {
                    let image = container.image.text().unwrap();
                    let stays = matches!(outcome, Some(Outcome::Fixed | Outcome::Kept(_)));
                    if !stays || image.contains(&pin()) {
                        continue;
                    }
                    let is_told = !plan.unclaimed.entries.is_empty()
                        && plan.unclaimed.pins.contains(&container.name);
                    assert!(is_told, "seed {seed}: {image} in run {digit}\n{object:#}");
                    let record_goes = plan.changes.iter().any(|change| change.to.is_none());
                    assert!(!record_goes, "seed {seed}: {object:#}");
                    told.fetch_add(1, Ordering::Relaxed);
                }
            }
            carry_out(&mut object, &rules, Action::Update(&answers));
        }
    });
    assert!(told.into_inner() > COUNT);
}

/// Two edits may leave open which image is which. A person's pin stays all the same, and what follows a tag goes on, or is told, or nothing of
/// the object changes.
#[test]
fn no_two_edits_overwrite_a_pin_or_freeze_an_image_without_a_word() {
    let (decided, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    seeds::each(COUNT, |seed| {
        let mut random = Random::new(seed);
        let rules = any_form(&mut random);
        let containers: Vec<Value> = (0..1 + random.below(4))
            .map(|number| {
                let image = format!(
                    "registry.example.com/{}:{}",
                    random.pick(&["web", "db"]),
                    random.pick(&["1", "2"])
                );
                let pin = format!("@sha256:{}{}", pin(), random.below(2));
                let (kind, image) = match random.percent(30) {
                    true => ("pin", image + &pin),
                    false => ("follows", image),
                };
                json!({"name": format!("c{number}"), "image": image, "kind": kind})
            })
            .collect();
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {}},
            "spec": {"template": {"spec": {"containers": containers}}},
        });
        carry_out(&mut object, &rules, Action::Update(&digests('1')));
        let list = object.pointer_mut("/spec/template/spec/containers");
        let list = list.and_then(Value::as_array_mut).unwrap();
        let mut gone = Vec::new();
        let mut what = Vec::new();
        for number in 0..2 {
            what.push(edit(list, &mut gone, number, &mut random));
        }
        let workload = shape::find(&object).objects.remove(0);
        let Ok(plan) = plan(&workload, &rules, Action::Update(&digests('2'))) else {
            refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        for (site, outcome) in workload.sites.iter().zip(&plan.outcomes) {
            let container = object.pointer(&site.at.pointer()).unwrap();
            let changes = outcome.as_ref().unwrap().new_image().is_some();
            let is_told =
                !plan.unclaimed.entries.is_empty() && plan.unclaimed.pins.contains(&site.name);
            match container["kind"].as_str().unwrap() {
                "pin" => assert!(!changes, "seed {seed}, {what:?}: {}\n{object:#}", site.name),
                _ => assert!(
                    changes || is_told,
                    "seed {seed}, {what:?}: {}\n{object:#}",
                    site.name
                ),
            }
        }
        decided.fetch_add(1, Ordering::Relaxed);
    });
    assert!(decided.into_inner() > COUNT / 2 && refused.into_inner() > COUNT / 50);
}

/// One edit of a person. `gone` has the images of removed containers, with their names.
fn edit(
    list: &mut Vec<Value>,
    gone: &mut Vec<(String, String)>,
    number: usize,
    random: &mut Random,
) -> &'static str {
    let name_and_tag = |container: &Value| {
        let image = container["image"].as_str().unwrap();
        image.split('@').next().unwrap().to_owned()
    };
    let fresh = format!("new{number}");
    // What is new has no entry, and only its key says so: it is not edited a second time.
    let is_new = |container: &Value| container["name"].as_str().unwrap().starts_with("new");
    let old: Vec<usize> = (0..list.len()).filter(|at| !is_new(&list[*at])).collect();
    // What is removed and comes under another name cannot be told from what was renamed.
    let is_kin = |one: &str, other: &str| one.split(':').next() == other.split(':').next();
    if old.is_empty() {
        return "nothing";
    }
    let at = *random.pick(&old);
    let follows = list[at]["kind"] == "follows";
    match random.below(8) {
        0 => {
            let image = name_and_tag(&list[at]);
            if list
                .iter()
                .any(|it| is_new(it) && is_kin(&name_and_tag(it), &image))
            {
                return "nothing";
            }
            let container = list.remove(at);
            gone.push((container["name"].as_str().unwrap().to_owned(), image));
            "remove"
        }
        1 => {
            list[at]["name"] = fresh.into();
            "rename"
        }
        2 => {
            let Some((name, _)) = gone.pop() else {
                return "nothing";
            };
            list[at]["name"] = name.into();
            "take a name"
        }
        3 => {
            let other = *random.pick(&old);
            let (one, two) = (list[at]["name"].clone(), list[other]["name"].clone());
            list[at]["name"] = two;
            list[other]["name"] = one;
            "swap names"
        }
        4 => {
            let image = name_and_tag(&list[at]);
            if gone.iter().any(|(_, gone)| is_kin(gone, &image)) {
                return "nothing";
            }
            let image = format!("{image}@sha256:{}{}", pin(), 5 + random.below(2));
            let container = json!({"name": fresh, "image": image, "kind": "pin"});
            list.insert(random.below(list.len() + 1), container);
            "add a pin"
        }
        5 if follows => {
            let image = list[at]["image"].as_str().unwrap().replace(":1@", ":2@");
            list[at]["image"] = image.into();
            "another tag"
        }
        6 if follows => {
            let image = name_and_tag(&list[at]);
            if image.ends_with(":1") || image.ends_with(":2") {
                list[at]["image"] = image.into();
            }
            "no digest"
        }
        7 => {
            let mut copy = list[at].clone();
            copy["name"] = fresh.into();
            list.insert(random.below(list.len() + 1), copy);
            "copy"
        }
        _ => "nothing",
    }
}

/// A pin that has nothing to do with what is gone is recorded as a pin, and the entry of what is gone goes.
#[test]
fn a_pin_of_another_image_leaves_no_entry_behind() {
    let rules = Rules {
        tags: TagChoice::ByPolicy,
        ..plain_rules()
    };
    let object = |image: &str, name: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": [
                {"name": "app", "image": "registry.example.com/web:1"},
                {"name": name, "image": image},
            ]}}},
        })
    };
    for (image, is_kept) in [
        ("tool:3", false),
        ("mirror.example.com/db:2", true),
        ("mirror.example.com/shop-db", true),
    ] {
        let mut first = object("registry.example.com/db:1", "side");
        carry_out(&mut first, &rules, Action::Update(&digests('1')));
        let mut second = object(&format!("{image}@sha256:{}0", pin()), "new");
        second["metadata"]["annotations"] = first["metadata"]["annotations"].clone();
        let record = |object: &Value| object["metadata"]["annotations"].to_string();
        carry_out(&mut second, &rules, Action::Update(&digests('2')));
        let said = record(&second);
        assert_eq!(said.contains("db:1"), is_kept, "{said}");
        assert_eq!(said.contains(&pin()), !is_kept, "{said}");
    }
}

/// A workload with images that follow their tags, and some that a person fixed.
fn deployment(random: &mut Random, form: TagForm) -> Value {
    let mut pod = json!({});
    for list in LISTS {
        let containers: Vec<Value> = (0..random.below(4))
            .map(|number| {
                let fixed = random.percent(20);
                // Without its tag, an image must be found in the record by its repository alone.
                let tag = if form == TagForm::Drop {
                    "1"
                } else {
                    *random.pick(&["1", "2"])
                };
                let image = format!(
                    "registry.example.com/{}:{tag}",
                    random.pick(&["web", "db", "proxy"])
                );
                let image = if fixed {
                    format!("{image}@sha256:{}{}", pin(), random.below(9))
                } else {
                    image
                };
                json!({"name": format!("{}{number}", random.pick(&NAMES)), "image": image})
            })
            .collect();
        pod[list] = containers.into();
    }
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {}},
        "spec": {"template": {"spec": pod}},
    })
}

/// The first digits of a person's digests.
fn pin() -> String {
    "9".repeat(63)
}

fn digests(digit: char) -> Answers {
    let images = ["web", "db", "proxy"]
        .map(|name| ["1", "2"].map(|tag| format!("registry.example.com/{name}:{tag}")));
    let digests: Vec<String> = (0..images.len() * 2)
        .map(|number| format!("sha256:{}{number:02}", digit.to_string().repeat(62)))
        .collect();
    answers(
        images
            .iter()
            .flatten()
            .map(String::as_str)
            .zip(digests.iter().map(String::as_str)),
    )
}

/// Renames, moves, reorders and copies containers. Returns what it did.
fn touch(object: &mut Value, random: &mut Random) -> Vec<&'static str> {
    let mut what = Vec::new();
    let mut lists = LISTS.map(|list| {
        object["spec"]["template"]["spec"][list]
            .as_array()
            .cloned()
            .unwrap_or_default()
    });
    if random.percent(50) {
        what.push("rename");
        for container in lists.iter_mut().flatten() {
            if random.percent(50) {
                // It may reuse names: two containers swap theirs, or share one.
                container["name"] = format!("{}{}", random.pick(&NAMES), random.below(4)).into();
            }
        }
    }
    if random.percent(40) {
        what.push("move");
        let [one, other] = &mut lists;
        let (from, to) = if random.percent(50) {
            (one, other)
        } else {
            (other, one)
        };
        if !from.is_empty() {
            let moved = from.remove(random.below(from.len()));
            to.insert(random.below(to.len() + 1), moved);
        }
    }
    if random.percent(40) {
        what.push("copy");
        let all: Vec<Value> = lists.iter().flatten().cloned().collect();
        if !all.is_empty() {
            let mut copy = random.pick(&all).clone();
            copy["name"] = "copy".into();
            let list = &mut lists[random.below(2)];
            list.insert(random.below(list.len() + 1), copy);
        }
    }
    if random.percent(40) {
        what.push("reorder");
        lists.iter_mut().for_each(|list| random.shuffle(list));
    }
    for (list, containers) in LISTS.iter().zip(lists) {
        object["spec"]["template"]["spec"][list] = containers.into();
    }
    what
}

/// Renames and reorders containers. Those with new names have another tag or host, too, and the digest that they had.
fn rename_and_change(object: &mut Value, random: &mut Random) {
    for list in LISTS {
        let Some(containers) = object["spec"]["template"]["spec"][list].as_array_mut() else {
            continue;
        };
        for (number, container) in containers.iter_mut().enumerate() {
            let image = container["image"].as_str().unwrap().to_owned();
            // A pin that comes to the name of such a container might have its entry.
            if image.contains(&pin()) {
                continue;
            }
            if random.percent(50) {
                if random.percent(40) {
                    container["name"] =
                        format!("{}{}", random.pick(&NAMES), random.below(4)).into();
                }
                continue;
            }
            // What was changed in place follows the tag that is written there.
            let has_tag = [":1@", ":2@"].iter().any(|tag| image.contains(tag));
            if has_tag || random.percent(50) {
                container["name"] = format!("new-{list}-{number}").into();
            }
            let changed = match (image.contains(":1@"), random.below(3)) {
                (true, 0) => image.replace(":1@", ":2@"),
                // Some mirrors make one part of a name that has several.
                (_, 1) => image.replace("registry.example.com/", "mirror.example.com/shop-"),
                _ => image.replace("registry.", "mirror."),
            };
            container["image"] = changed.into();
        }
        random.shuffle(containers);
    }
}

/// The rules of a run that drops tags, or of one that does not.
fn any_form(random: &mut Random) -> Rules {
    Rules {
        tags: TagChoice::ByPolicy,
        form: match random.percent(20) {
            true => TagForm::Drop,
            false => TagForm::Keep,
        },
        ..plain_rules()
    }
}

fn planned(object: &Value, rules: &Rules, action: Action<'_>) -> (Object, Plan) {
    let workload = shape::find(object).objects.remove(0);
    let plan = plan(&workload, rules, action).unwrap();
    (workload, plan)
}

/// What each image becomes; `None` means that it stays. Equal images must become the same.
fn decisions(
    object: &Value,
    rules: &Rules,
    action: Action<'_>,
) -> BTreeMap<String, Option<String>> {
    let (workload, plan) = planned(object, rules, action);
    let mut decisions = BTreeMap::new();
    for (container, outcome) in workload.sites.iter().zip(&plan.outcomes) {
        let image = container.image.text().unwrap().to_owned();
        let new = outcome.as_ref().unwrap().new_image().map(str::to_owned);
        let other = decisions.insert(image.clone(), new.clone());
        assert!(
            other.is_none() || other == Some(new),
            "{image} is decided in two ways\n{object}"
        );
    }
    decisions
}

fn carry_out(object: &mut Value, rules: &Rules, action: Action<'_>) {
    for change in planned(object, rules, action).1.changes {
        let pointer = change.at.pointer();
        match object.pointer_mut(&pointer) {
            Some(place) => *place = change.to.into(),
            None => object["metadata"]["annotations"]["imago-config-spec"] = change.to.into(),
        }
    }
}
