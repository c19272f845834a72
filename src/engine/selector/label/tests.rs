use proptest::prelude::*;

use super::*;

fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
    let labels: Vec<(String, String)> = labels
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    LabelSelector::parse(selector).unwrap().matches(&labels)
}

#[test]
fn every_operator_means_what_kubernetes_means() {
    let labels = [
        ("app", "web"),
        ("tier", ""),
        ("age", "7"),
        ("example.test/team", "shop"),
    ];
    for selector in [
        "",
        " ",
        "app",
        "app=web",
        "app==web",
        "app = web , tier",
        "app!=api",
        "missing!=api",
        "app in (api,web)",
        "app in(api, web)",
        "app notin (api)",
        "missing notin (api)",
        "!missing",
        "! missing",
        "tier=",
        "tier in ()",
        "tier in (,x)",
        "tier in (x,)",
        "age>6",
        "age<8",
        "example.test/team=shop",
        "\tapp=web\n",
    ] {
        assert!(matches(selector, &labels), "{selector}");
    }
    for selector in [
        "missing",
        "app=we",
        "missing=",
        "app!=web",
        "app in (api)",
        "app notin (web,api)",
        "missing in (web)",
        "!app",
        "app=",
        "age>7",
        "age<7",
        "app>1",
        "missing<1",
        "app=web,tier=x",
    ] {
        assert!(!matches(selector, &labels), "{selector}");
    }
}

#[test]
fn the_words_of_the_grammar_are_keys_and_values_too() {
    assert!(matches("in", &[("in", "x")]));
    assert!(matches("in in (in,notin)", &[("in", "notin")]));
    assert!(matches("notin=in", &[("notin", "in")]));
}

#[test]
fn what_breaks_the_grammar_is_refused_where_it_stands() {
    for (text, at, found, expected) in [
        ("a=b,", 5, "the end", "a label's key"),
        (",", 1, "`,`", "a label's key"),
        ("=a", 1, "`=`", "a label's key"),
        ("!", 2, "the end", "a label's key"),
        ("!a=b", 3, "`=`", "`,` or the end"),
        ("a===b", 4, "`=`", "a value"),
        ("a=!b", 3, "`!`", "a value"),
        (
            "x y",
            3,
            "`y`",
            "`=`, `==`, `!=`, `in`, `notin`, `>`, `<`, `,` or the end",
        ),
        ("a in b", 6, "`b`", "`(`"),
        ("a in (b c)", 9, "`c`", "`,` or `)`"),
        ("a in (b", 8, "the end", "`,` or `)`"),
        ("a in (", 7, "the end", "a value, `,` or `)`"),
        ("a in (b,,)", 10, "`)`", "a value or `,`"),
        ("a=b c", 5, "`c`", "`,` or the end"),
    ] {
        let found = found.to_owned();
        assert_eq!(
            LabelSelector::parse(text),
            Err(LabelError::Unexpected {
                at,
                found,
                expected
            }),
            "{text}"
        );
    }
}

#[test]
fn keys_and_values_that_no_label_has_are_refused() {
    let long = "a".repeat(64);
    for key in [
        "-a",
        "a-",
        "a/b/c",
        "A.b/c",
        "/a",
        "a/",
        "a..b/c",
        "ä",
        &long,
        &format!("{}/a", "a.".repeat(127)),
    ] {
        let error = LabelSelector::parse(&format!("x,{key}")).unwrap_err();
        assert!(
            matches!(error, LabelError::Key { at: 3, .. }),
            "{key}: {error}"
        );
    }
    for value in ["-b", "b.", "b/c", "ä", &long] {
        let error = LabelSelector::parse(&format!("x in (y,{value})")).unwrap_err();
        assert_eq!(
            error,
            LabelError::Value {
                at: 9,
                value: value.to_owned()
            }
        );
    }
    assert_eq!(
        LabelSelector::parse("a>b"),
        Err(LabelError::Integer {
            at: 3,
            value: "b".to_owned()
        })
    );
    assert_eq!(
        LabelSelector::parse("a<"),
        Err(LabelError::Integer {
            at: 3,
            value: String::new()
        })
    );
    assert!(LabelSelector::parse(&"a".repeat(63)).is_ok());
}

#[test]
fn positions_count_characters() {
    let error = LabelSelector::parse("a in (ä)").unwrap_err();
    assert_eq!(
        error,
        LabelError::Value {
            at: 7,
            value: "ä".to_owned()
        }
    );
    assert_eq!(
        error.to_string().split(':').next(),
        Some("`ä` at character 7 is not a label's value")
    );
}

fn requirement() -> impl Strategy<Value = Requirement> {
    let key = "([a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,5}[A-Za-z0-9])?|in|notin";
    let values =
        prop::collection::btree_set("([A-Za-z0-9]([-_.A-Za-z0-9]{0,5}[A-Za-z0-9])?)?|in", 1..4);
    let test = prop_oneof![
        Just(Test::Exists),
        Just(Test::Missing),
        values.clone().prop_map(Test::In),
        values.prop_map(Test::NotIn),
        (0..i64::MAX).prop_map(Test::Above),
        (0..i64::MAX).prop_map(Test::Below),
    ];
    (key, test).prop_map(|(key, test)| Requirement { key, test })
}

proptest! {
    #[test]
    fn what_is_printed_reads_as_the_same_selector(requirements in prop::collection::vec(requirement(), 0..4)) {
        let selector = LabelSelector(requirements);
        prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(in|notin|[ab/=!(),>< \t1ä-])*") {
        if let Ok(selector) = LabelSelector::parse(&text) {
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
        }
    }
}
