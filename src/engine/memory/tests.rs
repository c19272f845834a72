//! Records, and the containers that claim their entries after people have changed both.

use std::borrow::Cow;

use super::*;
use crate::engine::path::Path;
use crate::engine::site::Slots;

const OLD: char = '0';
const NEW: char = '1';

fn on(image: &str, digit: char) -> String {
    format!("{image}@sha256:{}", digit.to_string().repeat(64))
}

/// Containers as `name image`. A name of `initContainers` starts with `init:`.
fn containers(written: &[(&str, String)]) -> Vec<Site> {
    let container = |(index, (name, image)): (usize, &(&str, String))| {
        let (role, name) = match name.strip_prefix("init:") {
            Some(name) => (Role::InitContainer, name),
            None => (Role::Container, *name),
        };
        let (name, image) = (name.to_owned(), Image::Text(image.clone()));
        Site {
            role,
            at: Path::root().join(role.list()).join(index),
            slots: Slots::Whole(Cow::Borrowed(&[])),
            memory: Memory::Annotation,
            name,
            image,
            pull_policy: None,
            line: None,
            commented: None,
            ignored: None,
            decided_by: None,
            hold: None,
            policy: None,
            marker: None,
        }
    };
    written.iter().enumerate().map(container).collect()
}

fn record(entries: &[(&str, String)]) -> String {
    let mut originals = Originals::default();
    for (name, image) in entries {
        match name.strip_prefix("init:") {
            Some(name) => originals.push(Role::InitContainer, name, image.into()),
            None => originals.push(Role::Container, name, image.into()),
        }
    }
    originals.to_text()
}

/// What each container claims; `-` means nothing.
fn claimed(entries: &[(&str, String)], written: &[(&str, String)]) -> Vec<String> {
    let text = record(entries);
    let ledger = Ledger::parse(&text).unwrap();
    let claims = ledger.claim(&containers(written)).unwrap();
    claims
        .into_iter()
        .map(|claim| claim.map_or("-".to_owned(), |original| original.image().to_owned()))
        .collect()
}

fn app() -> (&'static str, String) {
    ("app", "web:1".to_owned())
}

fn side() -> (&'static str, String) {
    ("side", "proxy:2".to_owned())
}

#[test]
fn a_container_that_was_renamed_or_moved_keeps_its_entry() {
    for (written, expected) in [
        (
            vec![("app", on("web:1", OLD)), ("side", on("proxy:2", OLD))],
            ["web:1", "proxy:2"],
        ),
        (
            vec![("front", on("web:1", OLD)), ("side", on("proxy:2", OLD))],
            ["web:1", "proxy:2"],
        ),
        (
            vec![
                ("front", on("docker.io/library/web:1", OLD)),
                ("other", on("proxy", OLD)),
            ],
            ["web:1", "proxy:2"],
        ),
        (
            vec![("app", on("web:1", OLD)), ("init:side", on("proxy:2", OLD))],
            ["web:1", "proxy:2"],
        ),
        (
            vec![("side", on("proxy:2", OLD)), ("app", on("web:1", OLD))],
            ["proxy:2", "web:1"],
        ),
        // The names were swapped.
        (
            vec![("side", on("web:1", OLD)), ("app", on("proxy:2", OLD))],
            ["web:1", "proxy:2"],
        ),
        // A new container took the name of one that was renamed.
        (
            vec![("front", on("web:1", OLD)), ("app", on("cache:3", OLD))],
            ["web:1", "-"],
        ),
        (
            vec![("front", on("web:1", OLD)), ("app", "cache:3".to_owned())],
            ["web:1", "-"],
        ),
    ] {
        assert_eq!(claimed(&[app(), side()], &written), expected, "{written:?}");
    }
}

#[test]
fn an_image_that_was_changed_in_place_still_meets_the_entry_of_its_key() {
    let entries = [app(), side()];
    for image in [
        on("web:2", OLD),
        on("other:1", OLD),
        "web:2".to_owned(),
        "${IMAGE}".to_owned(),
    ] {
        assert_eq!(
            claimed(
                &entries,
                &[("app", image.clone()), ("side", on("proxy:2", OLD))]
            ),
            ["web:1", "proxy:2"],
            "{image}"
        );
    }
    // It may be the same image at another host, and no tag says which it follows there. Another pin is a person's own.
    for (image, claim) in [
        ("mirror.example/web", "-"),
        ("mirror.example/shop-web", "-"),
        ("mirror.example/web:1", "web:1"),
        ("mirror.example/db", "web:1"),
        ("docker.io/library/web", "web:1"),
    ] {
        let written = [("app", on(image, OLD)), ("side", on("proxy:2", OLD))];
        assert_eq!(claimed(&entries, &written), [claim, "proxy:2"], "{image}");
    }
    // A pin that a person moved stays one, also where it is on the digest of another image now.
    let pin = [app(), ("pin", on("web:1", NEW))];
    let moved = [("app", on("web:1", OLD)), ("pin", on("web:1", OLD))];
    assert_eq!(
        claimed(&pin, &moved),
        ["web:1".to_owned(), on("web:1", NEW)]
    );
    // The tag is on the digest of the pin. Neither changes for a third image, nor where the pin is renamed.
    let both = [("app", on("web:1", NEW)), ("pin", on("web:1", NEW))];
    let expected = ["web:1".to_owned(), on("web:1", NEW)];
    assert_eq!(claimed(&pin, &both), expected);
    let third = [&both[..], &[("new", on("web:1", OLD))]].concat();
    assert_eq!(claimed(&pin, &third)[..2], expected);
    assert_eq!(claimed(&pin, &third)[2], "-");
    let renamed = [both[0].clone(), ("new", both[1].1.clone())];
    for entries in [
        [pin[0].clone(), pin[1].clone()],
        [pin[1].clone(), pin[0].clone()],
    ] {
        assert_eq!(claimed(&entries, &renamed), expected);
    }
    // What was copied follows, and what was changed after it does, too. An entry without a container of its own is claimed first.
    assert_eq!(
        claimed(
            &[app()],
            &[("app", on("web:2", OLD)), ("copy", on("web:1", OLD))]
        ),
        ["web:1", "web:1"]
    );
    let two = [("app", "web:1".to_owned()), ("other", "web:1".to_owned())];
    assert_eq!(
        claimed(
            &two,
            &[("app", on("web:2", OLD)), ("third", on("web:1", NEW))]
        ),
        ["web:1", "web:1"]
    );
    // Another container claims this entry by its image.
    assert_eq!(
        claimed(
            &entries,
            &[("app", "${IMAGE}".into()), ("front", on("web:1", OLD))]
        ),
        ["-", "web:1"]
    );
}

#[test]
fn a_copy_in_the_same_object_follows_what_it_was_copied_from() {
    let written = |digit| {
        [
            ("app", on("web:1", OLD)),
            ("copy", on("web:1", digit)),
            ("init:copy", on("web:1", OLD)),
        ]
    };
    assert_eq!(
        claimed(&[app()], &written(OLD)),
        ["web:1", "web:1", "web:1"]
    );
    assert_eq!(
        claimed(&[app()], &written(NEW)),
        ["web:1", "-", "web:1"],
        "another digest is a person's"
    );
}

#[test]
fn containers_of_one_name_are_told_apart_by_their_images() {
    let entries = [("app", "web:1".to_owned()), ("app", "proxy:2".to_owned())];
    assert_eq!(
        claimed(
            &entries,
            &[("app", on("proxy:2", OLD)), ("app", on("web:1", OLD))]
        ),
        ["proxy:2", "web:1"]
    );
    assert_eq!(
        claimed(
            &entries,
            &[("app", "${IMAGE}".into()), ("app", on("proxy:2", OLD))]
        ),
        ["web:1", "proxy:2"]
    );
}

#[test]
fn a_pin_and_an_image_that_follows_stay_what_they_are_under_new_names() {
    let (pin, follows) = (("pin", on("web:1", OLD)), app());
    for entries in [
        [pin.clone(), follows.clone()],
        [follows.clone(), pin.clone()],
    ] {
        let written = |entry: &(&str, String), name| match entry.0 {
            "pin" => (name, on("web:1", OLD)),
            _ => (name, on("web:1", NEW)),
        };
        let recorded = entries.each_ref().map(|(_, image)| image.clone());
        assert_eq!(
            claimed(
                &entries,
                &[written(&entries[0], "a"), written(&entries[1], "b")]
            ),
            recorded
        );
        let turned = [written(&entries[1], "a"), written(&entries[0], "b")];
        assert_eq!(
            claimed(&entries, &turned),
            [recorded[1].clone(), recorded[0].clone()]
        );
    }
}

#[test]
fn a_pin_that_swaps_names_with_an_image_that_follows_stays_a_pin() {
    let entries = [("app", "web:1".to_owned()), ("pin", on("web:1", OLD))];
    let swapped = [("app", on("web:1", OLD)), ("pin", on("web:1", NEW))];
    assert_eq!(
        claimed(&entries, &swapped),
        [on("web:1", OLD), "web:1".to_owned()]
    );
}

#[test]
fn an_image_with_its_tag_claims_before_one_without() {
    let entries = [("a", "web:1".to_owned()), ("b", "web:2".to_owned())];
    assert_eq!(
        claimed(&entries, &[("x", on("web", OLD)), ("y", on("web:1", OLD))]),
        ["web:2", "web:1"]
    );
}

#[test]
fn what_fits_in_more_than_one_way_is_not_guessed() {
    let entries = [("a", "web:1".to_owned()), ("b", "web:2".to_owned())];
    let refused = |entries: &[(&str, String)], written: &[(&str, String)]| {
        let text = record(entries);
        Ledger::parse(&text)
            .unwrap()
            .claim(&containers(written))
            .is_err()
    };
    // The pin is gone and the tag moved to its digest, or the other is gone and the pin has its name.
    let pin = [("app", "web:1".to_owned()), ("pin", on("web:1", OLD))];
    assert!(refused(&pin, &[("app", on("web:1", OLD))]));
    assert!(!refused(&pin, &[("app", on("web:1", NEW))]));
    // Both were renamed and the tag is on the pin's digest, or the pin was renamed and copied, and the other is gone.
    let same = [("a", on("web:1", OLD)), ("b", on("web:1", OLD))];
    assert!(refused(&pin, &same));
    let pin = [("app", "web:1".to_owned()), ("pin", on("web", OLD))];
    assert!(refused(&pin, &[("app", on("web", OLD))]));
    // A pin was put beside the image, or the image was renamed and another one has its name now.
    for (there, is_refused) in [
        ("web:1".to_owned(), true),
        (on("web:2", OLD), true),
        (on("web:2", NEW), false),
        (on("web:1", OLD), false),
        (on("web", OLD), false),
        ("web:2".to_owned(), true),
        ("cache:3".to_owned(), false),
        (on("cache:3", OLD), false),
    ] {
        let written = [("app", there.clone()), ("new", on("web:1", NEW))];
        assert_eq!(refused(&[app()], &written), is_refused, "{there}");
    }
    // The digest was taken off, and the container has another name. Or both have names of each other.
    let bare = ("x", "web:1".to_owned());
    assert!(refused(
        &[app()],
        &[bare.clone(), ("new", on("web:1", NEW))]
    ));
    assert!(!refused(&[app()], &[bare, ("new", on("web:2", NEW))]));
    let digest_off = [("app", on("web:1", OLD)), ("pin", "web:1".to_owned())];
    let pin = [("app", "web:1".to_owned()), ("pin", on("web:1", OLD))];
    assert!(refused(&pin, &digest_off));
    // An image was brought to another host, and beside it is a pin, or a copy from before.
    for (digit, is_refused) in [(NEW, true), (OLD, false)] {
        let there = ("app", on("mirror.example/web:1", OLD));
        let written = [there, ("new", on("web:1", digit))];
        assert_eq!(refused(&[app()], &written), is_refused);
    }
    // A pin before others of its name.
    let two = [("ray", "web:1".to_owned()), ("ray", "web:1".to_owned())];
    let (old, new) = (("ray", on("web:1", OLD)), ("ray", on("web:1", NEW)));
    assert!(refused(&two, &[new, old.clone(), old.clone()]));
    assert!(!refused(&two, &[old.clone(), old.clone(), old]));
    // Names without tags: one of two of a name is gone, or a new one stands before them.
    let (one, two) = (on("web", OLD), on("web", NEW));
    let both = [("ray", "web:1".to_owned()), ("ray", "web:2".to_owned())];
    let same = [("ray", "web:1".to_owned()), ("ray", "web:1".to_owned())];
    for (entries, written, is_refused) in [
        (&both[..], vec![&two], true),
        (&both, vec![&one, &two], false),
        (&both, vec![&"web:3".to_owned(), &one, &two], true),
        (&same, vec![&one], false),
        (&same[1..], vec![&one, &one], false),
        (&same[1..], vec![&two, &one], true),
    ] {
        let written: Vec<_> = written.into_iter().map(|it| ("ray", it.clone())).collect();
        assert_eq!(refused(entries, &written), is_refused, "{written:?}");
    }
    // An image without a tag is that of an entry without one, where its own image is gone or has the other's name.
    let bare = [("p", "web:1".to_owned()), ("q", "web".to_owned())];
    for (written, is_refused) in [
        (vec![("p", one.clone()), ("q", two.clone())], false),
        (vec![("p", one.clone())], true),
        (vec![("p", two.clone()), ("q", on("web:1", OLD))], true),
        (vec![("p", one.clone()), ("q", "web:2".to_owned())], false),
        (vec![("p", on("web:1", OLD)), ("r", two.clone())], false),
        (vec![("q", two.clone())], false),
    ] {
        assert_eq!(refused(&bare, &written), is_refused, "{written:?}");
    }
    // Either one of two was removed and the other renamed, or both were renamed. Without its tag, an image does not show
    // which.
    assert!(refused(&entries, &[("x", on("web", OLD))]));
    assert!(refused(
        &entries,
        &[("x", on("web", NEW)), ("y", on("web", OLD))]
    ));
    assert!(!refused(
        &entries,
        &[("a", on("web", NEW)), ("y", on("web", OLD))]
    ));
    assert!(!refused(
        &[app(), side()],
        &[("x", on("proxy", OLD)), ("y", on("web", OLD))]
    ));
    // A pin beside a renamed container, on another digest of the tag, before or after it.
    let (renamed, pin) = (("x", on("web:1", OLD)), ("new", on("web:1", NEW)));
    assert!(refused(&[app()], &[pin.clone(), renamed.clone()]));
    assert!(refused(&[app()], &[renamed.clone(), pin.clone()]));
    assert!(!refused(&[app()], &[("app", on("web:1", OLD)), pin]));
    assert!(!refused(&[app()], &[renamed.clone(), ("copy", renamed.1)]));
}

#[test]
fn twice_the_containers_are_at_most_two_and_a_half_times_the_steps() {
    let steps = |count: usize, name: &dyn Fn(usize) -> String, moved: bool| {
        let names: Vec<String> = (0..count).map(name).collect();
        let images: Vec<String> = (0..count)
            .map(|number| format!("web:{}", number % 7))
            .collect();
        let entries: Vec<(&str, String)> = names
            .iter()
            .map(String::as_str)
            .zip(images.iter().cloned())
            .collect();
        let mut written: Vec<(&str, String)> = names
            .iter()
            .map(String::as_str)
            .zip(images.iter().map(|image| on(image, OLD)))
            .collect();
        if moved {
            written.rotate_left(1);
            written[0].0 = "new";
        }
        let text = record(&entries);
        let ledger = Ledger::parse(&text).unwrap();
        let containers = containers(&written);
        work::STEPS.set(0);
        assert!(
            ledger
                .claim(&containers)
                .unwrap()
                .iter()
                .all(Option::is_some)
        );
        work::STEPS.get()
    };
    for moved in [false, true] {
        let distinct = |number: usize| format!("c{number}");
        let equal = |_: usize| "c".to_owned();
        for name in [&distinct as &dyn Fn(usize) -> String, &equal] {
            let (one, two) = (steps(2_000, name, moved), steps(4_000, name, moved));
            assert!(one >= 2_000 && 2 * two <= 5 * one, "{one} {two}");
        }
    }
}

#[test]
fn equal_entries_and_many_digests_cost_no_square() {
    let steps = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("r{number}")).collect();
        let entries: Vec<(&str, String)> =
            names.iter().map(|_| ("c", "web:1".to_owned())).collect();
        let on_digest = |number: usize| format!("web:1@sha256:{number:064x}");
        let written: Vec<(&str, String)> = names
            .iter()
            .enumerate()
            .map(|(number, name)| (name.as_str(), on_digest(number)))
            .collect();
        let text = record(&entries);
        let ledger = Ledger::parse(&text).unwrap();
        let containers = containers(&written);
        work::STEPS.set(0);
        let claims = ledger.claim(&containers).unwrap();
        assert!(claims.iter().all(Option::is_some));
        work::STEPS.get()
    };
    let (one, two) = (steps(1_000), steps(2_000));
    assert!(one >= 1_000 && 2 * two <= 5 * one, "{one} {two}");
}
