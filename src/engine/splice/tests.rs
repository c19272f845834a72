//! The three operations, on places that are no images: YAML before and after.

use super::*;

/// A place: keys, and numbers of items.
fn at(place: &str) -> Path {
    let step = |step: &str| match step.parse::<usize>() {
        Ok(index) => Step::Index(index),
        Err(_) => Step::Key(step.to_owned().into()),
    };
    place.split('|').map(step).collect()
}

/// Makes changes of the first document: the place, what stands there, and what shall.
fn change(text: &str, changes: &[(&str, Option<&str>, Option<&str>)]) -> Result<String, Refused> {
    let change = |(place, from, to): &(&str, Option<&str>, Option<&str>)| Change {
        at: at(place),
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    let file = File::parse_with_comments(text).unwrap();
    let changes = DocumentChanges {
        document: 0,
        changes: changes.iter().map(change).collect(),
    };
    splice(&file, &[changes])
}

#[test]
fn a_text_takes_the_place_of_another_in_its_style() {
    for (before, from, to, after) in [
        ("a: {b: [x, y]} # c\n", "y", "z", "a: {b: [x, z]} # c\n"),
        (
            "a:\n  b:\n  - x\n  - 'y'\n",
            "y",
            "it's",
            "a:\n  b:\n  - x\n  - 'it''s'\n",
        ),
        ("a: {b: [x, \"y\"]}\n", "y", "1", "a: {b: [x, \"1\"]}\n"),
        ("a: {b: [x, y]}\n", "y", "1.5", "a: {b: [x, '1.5']}\n"),
        ("a: {b: [x, 1.4]}\n", "1.4", "1.5", "a: {b: [x, '1.5']}\n"),
        ("a: {b: [x, 1.4]}\n", "1.4", "1.5.0", "a: {b: [x, 1.5.0]}\n"),
        ("a: {b: [x, yes]}\n", "yes", "no", "a: {b: [x, 'no']}\n"),
        (
            "a: {b: [x, y]}\n",
            "y",
            "2026-11-28",
            "a: {b: [x, '2026-11-28']}\n",
        ),
        (
            "a: {b: [x, y]}\n",
            "y",
            "12:30:45",
            "a: {b: [x, '12:30:45']}\n",
        ),
        ("a: {b: [x, y]}\n", "y", "", "a: {b: [x, '']}\n"),
        ("a: {b: [x, y]}\n", "y", "1\n2", "a: {b: [x, \"1\\n2\"]}\n"),
        (
            "a: {b: [x, 'y']}\n",
            "y",
            "1\n2",
            "a: {b: [x, \"1\\n2\"]}\n",
        ),
        (
            "a: {b: [x, !!str 1]}\n",
            "1",
            "2",
            "a: {b: [x, !!str '2']}\n",
        ),
        (
            "a:\n  b:\n  - x\n  - |\n    y\n",
            "y\n",
            "z",
            "a:\n  b:\n  - x\n  - |\n    z\n",
        ),
    ] {
        let new = change(before, &[("a|b|1", Some(from), Some(to))]);
        assert_eq!(new.as_deref(), Ok(after), "{before}");
    }
}

#[test]
fn an_entry_comes_behind_the_last_of_its_mapping() {
    for (before, place, to, after) in [
        (
            "images:\n- name: web\n  newTag: '1.5' # c\n- name: db\n",
            "images|0|digest",
            "sha256:1a",
            "images:\n- name: web\n  newTag: '1.5' # c\n  digest: sha256:1a\n- name: db\n",
        ),
        (
            "images: [{name: web, newTag: '1.5'}]\n",
            "images|0|digest",
            "sha256:1a",
            "images: [{name: web, newTag: '1.5', digest: sha256:1a}]\n",
        ),
        (
            "{\"images\": [{\"name\": \"web\"}]}\n",
            "images|0|digest",
            "sha256:1a",
            "{\"images\": [{\"name\": \"web\", \"digest\": \"sha256:1a\"}]}\n",
        ),
        (
            "a: b\r\n",
            "c|d|e",
            "1",
            "a: b\r\nc:\r\n  d:\r\n    e: '1'\r\n",
        ),
        ("a: b", "on", "x: y", "a: b\n'on': 'x: y'"),
        ("a: {}\n", "a|b: c|d", "e", "a: {'b: c': {d: e}}\n"),
        ("a:\nb: c\n", "a|d", "e", "a:\n  d: e\nb: c\n"),
        ("a: ~\n", "a|d", "e", "a: {d: e}\n"),
    ] {
        let new = change(before, &[(place, None, Some(to))]);
        assert_eq!(new.as_deref(), Ok(after), "{before}");
        let new = new.unwrap();
        let back = change(&new, &[(place, Some(to), None)]).unwrap();
        // A written null cannot be told from the braces that took its place.
        assert_eq!(back, before.replace('~', "{}"), "{new}");
    }
}

#[test]
fn an_entry_goes_and_takes_along_what_it_leaves_empty() {
    for (before, place, from, after) in [
        (
            "a:\n  b: c\n  d: e # f\n  g: h\n",
            "a|d",
            "e",
            "a:\n  b: c\n  # f\n  g: h\n",
        ),
        ("a: {b: c, d: 'e'}\n", "a|b", "c", "a: {d: 'e'}\n"),
        ("x: y\na:\n  b:\n    c: d\n", "a|b|c", "d", "x: y\n"),
        ("a:\n  b:\n    c: d\nx: y\n", "a|b|c", "d", "a:\nx: y\n"),
        ("a: [{b: 7}]\n", "a|0|b", "7", "a: [{}]\n"),
    ] {
        let new = change(before, &[(place, Some(from), None)]);
        assert_eq!(new.as_deref(), Ok(after), "{before}");
    }
}

#[test]
fn several_changes_may_stand_in_one_mapping() {
    let before = "images:\n- name: web\n  newTag: 1.4\n  old: x\n";
    let after = "images:\n- name: web\n  newTag: '1.5'\n  digest: sha256:1a\n  from: imago\n";
    let changes = [
        ("images|0|newTag", Some("1.4"), Some("1.5")),
        ("images|0|digest", None, Some("sha256:1a")),
        ("images|0|from", None, Some("imago")),
        ("images|0|old", Some("x"), None),
    ];
    assert_eq!(change(before, &changes).as_deref(), Ok(after));
    let both = [("a|b", Some("c"), None), ("a|d", Some("e"), None)];
    assert_eq!(
        change("a:\n  b: c\n  d: e\nf: g\n", &both).as_deref(),
        Ok("a:\nf: g\n")
    );
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (text, place, from, to) in [
        ("a: b\n", "a", Some("c"), Some("d")),
        ("a: b\n", "a|b", None, Some("d")),
        ("a: [b]\n", "a|1", None, Some("d")),
        ("a: [b]\n", "a|0", Some("b"), None),
        ("a: !own b\n", "a", Some("b"), Some("c")),
        ("a: |\n  b\n", "a", Some("b\n"), Some("c\nd")),
        ("a: &a b\nc: *a\n", "a", Some("b"), Some("d")),
        ("a: &a {b: c}\nd: *a\n", "a|e", None, Some("f")),
        ("a: {<<: {b: c}}\n", "a|b", Some("c"), None),
        ("- a: |\n\n    b\n", "0|a", Some("\nb\n"), Some("c")),
    ] {
        let new = change(text, &[(place, from, to)]);
        assert!(new.is_err(), "{text} becomes {new:?}");
    }
}
