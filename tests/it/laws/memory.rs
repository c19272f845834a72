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

/// Three edits may leave open which image is which. A person's pin stays all the same, and what follows a tag goes on, or is told, or nothing
/// of the object changes. One edit leaves nothing open.
#[test]
fn no_three_edits_overwrite_a_pin_or_freeze_an_image_without_a_word() {
    let (decided, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    seeds::each(COUNT, |seed| {
        let mut random = Random::new(seed);
        let rules = any_form(&mut random);
        // The groups of some objects have containers of one name.
        let are_namesakes = random.percent(20);
        let mut containers: Vec<Value> = (0..1 + random.below(4))
            .map(|number| {
                let repository = format!("registry.example.com/{}", random.pick(&["web", "db"]));
                // Without its tag, an image must be found in the record by its repository alone.
                let tags = if rules.form == TagForm::Drop { &["1"][..] } else { &["1", "2"] };
                let image = format!("{repository}:{}", random.pick(tags));
                let (image, follows) = match random.percent(30) {
                    true => (format!("{image}@sha256:{}{}", pin(), random.below(2)), false),
                    false => (image, true),
                };
                let list = LISTS[usize::from(random.percent(20))];
                let name = match are_namesakes {
                    true => "c".to_owned(),
                    false => format!("c{number}"),
                };
                json!({"name": name, "was": format!("{list}/c{number}"), "image": image, "follows": follows, "list": list})
            })
            .collect();
        let mut object = with_containers(&containers, json!({}));
        carry_out(&mut object, &rules, Action::Update(&digests('1')));
        for list in LISTS {
            let written = object["spec"]["template"]["spec"][list].as_array().unwrap();
            let containers = containers.iter_mut().filter(|it| it["list"] == list);
            for (container, written) in containers.zip(written) {
                container["image"] = written["image"].clone();
            }
        }
        let mut gone = Vec::new();
        let edits: Vec<&str> = (0..1 + random.below(3))
            .map(|number| edit(&mut containers, &mut gone, number, &mut random))
            .filter(|edit| *edit != "nothing")
            .collect();
        let object = with_containers(&containers, object["metadata"]["annotations"].clone());
        let workload = shape::find(&object).objects.remove(0);
        let Ok(plan) = plan(&workload, &rules, Action::Update(&digests('2'))) else {
            assert!(edits.len() > 1, "seed {seed}, {edits:?}: {object:#}");
            refused.fetch_add(1, Ordering::Relaxed);
            return;
        };
        for (site, outcome) in workload.sites.iter().zip(&plan.outcomes) {
            let container = object.pointer(&site.at.pointer()).unwrap();
            let changes = outcome.as_ref().unwrap().new_image().is_some();
            let is_told =
                !plan.unclaimed.entries.is_empty() && plan.unclaimed.pins.contains(&site.name);
            let is_right = match container["follows"] == true {
                true => changes || is_told,
                false => !changes,
            };
            assert!(
                is_right,
                "seed {seed}, {edits:?}: {} {outcome:?}\n{object:#}",
                site.name
            );
        }
        decided.fetch_add(1, Ordering::Relaxed);
    });
    assert!(decided.into_inner() > COUNT / 2 && refused.into_inner() > COUNT / 50);
}

/// A workload of containers, each of which names its list.
fn with_containers(containers: &[Value], annotations: Value) -> Value {
    let of = |list: &str| -> Value {
        containers
            .iter()
            .filter(|it| it["list"] == list)
            .cloned()
            .collect()
    };
    let pod = json!({LISTS[0]: of(LISTS[0]), LISTS[1]: of(LISTS[1])});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": annotations},
        "spec": {"template": {"spec": pod}},
    })
}

/// One edit of a person. `gone` has the images of removed containers, with their names.
fn edit(
    list: &mut Vec<Value>,
    gone: &mut Vec<(Option<String>, String)>,
    number: usize,
    random: &mut Random,
) -> &'static str {
    let without_digest = |container: &Value| {
        let image = container["image"].as_str().unwrap();
        image.split('@').next().unwrap().to_owned()
    };
    let fresh = format!("new{number}");
    // What is new has no entry, and only its key says so: it is not edited a second time.
    let is_new = |container: &Value| container["is new"] == true;
    let old: Vec<usize> = (0..list.len()).filter(|at| !is_new(&list[*at])).collect();
    // What is removed and comes under another name cannot be told from what was renamed.
    let last_part = |image: &str| image.split(['/', ':', '@']).nth(1).unwrap().to_owned();
    // A pin under another's name cannot be told from that one where its digest is new, or stands on a copy of it, too.
    let is_copied_pin = |it: &Value| it["follows"] == false && it["is copied"] == true;
    let is_at_home = |it: &Value| {
        let [list, name] = ["list", "name"].map(|key| it[key].as_str().unwrap());
        it["was"] == format!("{list}/{name}")
    };
    if old.is_empty() {
        return "nothing";
    }
    let at = *random.pick(&old);
    let image = list[at]["image"].as_str().unwrap().to_owned();
    let (bare, digest) = image
        .split_once('@')
        .map_or((&*image, None), |(bare, digest)| (bare, Some(digest)));
    let (bare, digest) = (bare.to_owned(), digest.map(str::to_owned));
    let is_tagged = bare.ends_with(":1") || bare.ends_with(":2");
    let follows = list[at]["follows"] == true;
    let a_pin = |random: &mut Random| format!("sha256:{}{}", pin(), 5 + random.below(2));
    match (random.below(13), follows) {
        (0, _) => {
            let is_kin =
                |it: &Value| is_new(it) && last_part(&without_digest(it)) == last_part(&image);
            if list.iter().any(is_kin) {
                return "nothing";
            }
            let container = list.remove(at);
            gone.push((container["name"].as_str().map(str::to_owned), image));
            "remove"
        }
        (1, _) => {
            list[at]["name"] = fresh.into();
            "rename"
        }
        (2, _) if !is_copied_pin(&list[at]) => {
            let Some(name) = gone.iter_mut().find_map(|(name, _)| name.take()) else {
                return "nothing";
            };
            list[at]["name"] = name.into();
            "take a name"
        }
        (3, _) => {
            let other = *random.pick(&old);
            if [at, other].iter().any(|it| is_copied_pin(&list[*it])) {
                return "nothing";
            }
            let (one, two) = (list[at]["name"].clone(), list[other]["name"].clone());
            list[at]["name"] = two;
            list[other]["name"] = one;
            "swap names"
        }
        (4, _) => {
            let moved = LISTS[usize::from(list[at]["list"] == LISTS[0])];
            list[at]["list"] = moved.into();
            "move"
        }
        (5, _) => {
            random.shuffle(list);
            "reorder"
        }
        (6, _) if follows || is_at_home(&list[at]) => {
            let mut copy = list[at].clone();
            copy["name"] = fresh.into();
            list[at]["is copied"] = true.into();
            list[at]["is new"] = list[at]["is changed"].clone();
            copy["is new"] = true.into();
            list.insert(random.below(list.len() + 1), copy);
            "copy"
        }
        (7, _) => {
            if gone
                .iter()
                .any(|(_, gone)| last_part(gone) == last_part(&image))
            {
                return "nothing";
            }
            let image = format!("{bare}@{}", a_pin(random));
            let pin =
                json!({"name": fresh, "image": image, "is new": true, "list": list[at]["list"]});
            list.insert(random.below(list.len() + 1), pin);
            "add a pin"
        }
        (8, false) if is_at_home(&list[at]) && !is_copied_pin(&list[at]) => {
            list[at]["is new"] = true.into();
            list[at]["image"] = format!("{bare}@{}", a_pin(random)).into();
            "another digest"
        }
        (9, true) if is_tagged => {
            let tag = if bare.ends_with('1') { "2" } else { "1" };
            let other = format!("{}{tag}", &bare[..bare.len() - 1]);
            list[at]["is changed"] = true.into();
            list[at]["image"] = digest
                .map_or(other.clone(), |digest| format!("{other}@{digest}"))
                .into();
            "another tag"
        }
        (10, true) if is_tagged && digest.is_some() => {
            list[at]["is changed"] = true.into();
            list[at]["image"] = bare.into();
            "no digest"
        }
        (11, _) if is_tagged && let Some(digest) = digest => {
            list[at]["is changed"] = true.into();
            list[at]["image"] = format!("{}@{digest}", &bare[..bare.len() - 2]).into();
            "no tag"
        }
        (12, _) => {
            list[at]["is changed"] = true.into();
            list[at]["image"] = image.replace("registry.", "mirror.").into();
            "another host"
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
    let names = ["registry", "mirror"].map(|host| ["web", "db", "proxy"].map(|name| (host, name)));
    let images = names
        .as_flattened()
        .iter()
        .flat_map(|(host, name)| ["1", "2"].map(|tag| format!("{host}.example.com/{name}:{tag}")));
    let images: Vec<(String, String)> = images
        .enumerate()
        .map(|(number, image)| {
            (
                image,
                format!("sha256:{}{number:02}", digit.to_string().repeat(62)),
            )
        })
        .collect();
    answers(images.iter().map(|(image, digest)| (&**image, &**digest)))
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
