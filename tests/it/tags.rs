//! `imago tags`: what a repository has, what a policy takes of it, and why not the others.

use crate::support::binary::{Finished, Workplace};
use crate::support::distribution::{Distribution, is_installed};
use crate::support::registry::TestRegistry;
use crate::support::schema::{faults, schema};

fn imago(line: &str, code: i32) -> Finished {
    Workplace::new().imago(line.split(' ')).finish_with(code)
}

/// A repository with versions, what is none, and a tag whose image is gone.
fn shop() -> (TestRegistry, String) {
    let registry = TestRegistry::start();
    for tag in [
        "1.4.2",
        "1.4.10",
        "1.5.0",
        "1.5.1-rc.1",
        "2.0.0",
        "1.5.0-alpine",
        "latest",
    ] {
        registry.push_image("shop/web", tag, "linux/amd64", tag);
    }
    let signature = format!("sha256-{}.sig", "1".repeat(64));
    registry.list("shop/web", ["1.6.0".to_owned(), signature]);
    let name = format!("{}/shop/web", registry.host());
    (registry, name)
}

#[test]
fn without_a_policy_the_tags_stand_one_a_line() {
    let (registry, name) = shop();
    let finished = imago(&format!("tags {name}"), 0);
    let tags: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(tags[..3], ["1.4.10", "1.4.2", "1.5.0"]);
    assert_eq!((tags.len(), finished.stderr.as_str()), (9, "9 tags\n"));
    assert_eq!(registry.asked(), ["GET /v2/shop/web/tags/list"]);
    assert_eq!(imago(&format!("tags -q {name}"), 0).stderr, "");
}

#[test]
fn a_policy_takes_the_best_tag_that_is_there_and_each_other_has_its_reason() {
    let (registry, name) = shop();
    let digest = crate::support::registry::digest(&registry.manifest("shop/web", "1.5.0"));
    let finished = imago(&format!("tags {name}:1.4.2 --policy minor"), 0);
    let (first, others) = finished
        .stdout
        .split_at(finished.stdout.find("1.4.2 ").unwrap());
    assert_eq!(
        first,
        "1.6.0         candidate, but the registry has no such image\n\
         1.5.0         wins\n\
         1.4.10        candidate\n",
    );
    assert!(
        others.starts_with("1.4.2         candidate, the tag now\n"),
        "{others}"
    );
    for line in [
        "\n1.5.1-rc.1    no: it is a pre-release\n",
        "\n2.0.0         no: it is out of the policy's range\n",
        "\nlatest        no: ",
        ".sig  no: it stands for a digest, not for a version\n",
    ] {
        assert!(others.contains(line), "{line}\n{others}");
    }
    assert_eq!(
        finished.stderr,
        format!("9 tags, 8 allowed, 7 understood; `minor` goes from 1.4.2 to 1.5.0 ({digest})\n")
    );
    assert_eq!(
        registry.asked(),
        [
            "GET /v2/shop/web/tags/list",
            "HEAD /v2/shop/web/manifests/1.6.0",
            "GET /v2/shop/web/manifests/1.6.0",
            "HEAD /v2/shop/web/manifests/1.5.0",
        ]
    );
    let stays = imago(&format!("tags {name}:2.0.0 --policy major"), 0);
    assert!(
        stays
            .stdout
            .starts_with("2.0.0         stays, the tag now\n"),
        "{}",
        stays.stdout
    );
    assert!(
        stays.stderr.contains("; `major` stays on 2.0.0 (sha256:"),
        "{}",
        stays.stderr
    );
}

#[test]
fn what_keeps_an_image_on_its_tag_is_said() {
    let (_registry, name) = shop();
    let finished = imago(&format!("tags {name} --policy minor"), 2);
    let hint = format!("\n  hint: add it, as in `{name}:1.4.2`\n");
    assert!(
        finished
            .stderr
            .starts_with("error: `minor` needs the tag that the image is on now\n")
            && finished.stderr.contains(&hint),
        "{}",
        finished.stderr
    );
    let finished = imago(&format!("tags {name}:latest --policy minor"), 0);
    assert!(
        finished.stderr.contains("cannot compare the tag `latest`"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stdout.contains("wins"), "{}", finished.stdout);
    let line = format!("tags {name}:1.5.0 -o json --policy semver~1.4");
    let words: Vec<&str> = line.split(' ').collect();
    let finished = Workplace::new()
        .imago(words.into_iter().map(|word| match word {
            "semver~1.4" => "semver ~1.4",
            word => word,
        }))
        .finish_with(0);
    let json = finished.json();
    assert_eq!(json["choice"]["code"], "newer-than-policy");
    assert_eq!(
        (&json["choice"]["tag"], finished.stderr.as_str()),
        (&"1.5.0".into(), "")
    );
}

#[test]
fn the_json_is_as_its_schema_describes_it() {
    let (_registry, name) = shop();
    let schema = schema("tags.schema.json");
    for (line, code) in [
        (format!("tags {name} -o json"), 0),
        (
            format!("tags {name}:1.4.2 -o json --policy minor --ignore 1.5.* --ignore 1.6.*"),
            0,
        ),
        (format!("tags {name}:latest -o json --policy patch"), 0),
        (format!("tags {name}-gone:1 -o json --policy patch"), 3),
    ] {
        let json = imago(&line, code).json();
        assert_eq!(faults(&schema, &json), Vec::<String>::new(), "{line}");
        assert_eq!(json["problems"].as_array().unwrap().is_empty(), code == 0);
        if line.contains("--ignore") {
            assert_eq!(json["choice"]["tag"], "1.4.10");
            let ignored = json["tags"].as_array().unwrap().iter();
            let ignored =
                ignored.filter(|tag| tag["reason"] == "`ignore` leaves it out, by `1.5.*`");
            assert_eq!(ignored.count(), 3);
        }
    }
}

#[test]
fn what_of_a_policy_matches_no_tag_is_told() {
    let (_registry, name) = shop();
    let line =
        format!("tags {name}:1.4.2 --policy minor --allow ^1\\. --ignore *-rc* --ignore *-beta*");
    let finished = imago(&line, 0);
    let told = [
        "warning: `allow` matches none of the tags, but a part of `1.4.10`; it is compared with the whole tag, so write `.*` for the rest\n",
        "warning: `*-beta*` of `ignore` matches none of the tags; a glob is compared with the whole tag\n",
    ];
    for sentence in told {
        assert!(finished.stderr.contains(sentence), "{}", finished.stderr);
    }
    assert_eq!(finished.stderr.matches("warning: ").count(), 2);
    let json = imago(&format!("{line} -o json"), 0).json();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 2);
    let fine = imago(
        &format!("tags {name}:1.4.2 --policy minor --allow 1\\..*"),
        0,
    );
    assert!(!fine.stderr.contains("warning: "), "{}", fine.stderr);
}

#[test]
fn a_list_that_cannot_be_read_is_a_problem() {
    let (registry, name) = shop();
    let gone = imago(&format!("tags {name}-gone:1 --policy minor"), 3);
    assert!(
        gone.stderr.starts_with(&format!(
            "error: cannot list the tags of `{name}-gone:1`\n  cause: "
        )),
        "{}",
        gone.stderr
    );
    assert!(
        gone.stderr.contains("name-unknown") && gone.stdout.is_empty(),
        "{}",
        gone.stderr
    );
    // The list is there, and the best of it is not to be had: nothing is said to win.
    registry.fault("shop/web", |request, _, fine| {
        match request.path.contains("/manifests/1.6.0") {
            true => crate::support::registry::http::Response::new(403),
            false => fine,
        }
    });
    let refused = imago(&format!("tags {name}:1.4.2 --policy minor"), 3);
    assert!(
        refused
            .stderr
            .contains("error: cannot resolve what the policy takes for "),
        "{}",
        refused.stderr
    );
    assert!(!refused.stdout.contains("wins"), "{}", refused.stdout);
}

#[test]
fn a_mistake_in_a_policy_is_told_before_anything_is_asked() {
    for (line, what) in [
        ("tags", "error: `imago tags` needs `<IMAGE>`\n"),
        ("tags web:1 --policy minro", "error: "),
        (
            "tags web:1 --allow ^1",
            "error: `--allow` is a part of a policy, and there is no `--policy`\n  hint: add ",
        ),
        (
            "tags web:1 --ignore 1*",
            "error: `--ignore` is a part of a policy",
        ),
        ("tags web:1 --policy semver --allow (", "error: "),
        (
            "tags web:1 --policy minor --allow-downgrade",
            "error: `allow-downgrade` has no meaning with `minor`\n",
        ),
        (
            "tags web:1 --policy digest",
            "error: `digest` keeps the tag, and compares it with no other\n",
        ),
        ("tags Web:1", "error: `Web:1` is not an image"),
    ] {
        let finished = imago(line, 2);
        assert!(
            finished.stderr.starts_with(what),
            "{line}: {}",
            finished.stderr
        );
        assert!(
            finished.stderr.contains("\n  hint: "),
            "{line}: {}",
            finished.stderr
        );
    }
}

#[test]
fn a_hundred_thousand_tags_fit_into_64_mib() {
    let registry = TestRegistry::start();
    registry.list(
        "shop/web",
        (0..100_000).map(|number| format!("1.{}.{}-build.20260102", number / 100, number % 100)),
    );
    registry.push_image("shop/web", "1.999.99", "linux/amd64", "best");
    let name = format!("{}/shop/web:1.0.0", registry.host());
    let finished = imago(&format!("tags {name} --policy major --allow ^1.*$"), 0);
    assert_eq!(finished.stdout.lines().count(), 100_001);
    assert!(
        finished.stderr.contains("goes from 1.0.0 to 1.999.99"),
        "{}",
        finished.stderr
    );
    assert!(finished.peak < 64 * 1024, "{} KiB", finished.peak);
}

#[test]
fn the_distribution_projects_registry_has_its_tags_listed() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(&folder.path().join("storage"), "", "");
    let digests: Vec<String> = ["1.4", "1.5", "2.0"]
        .iter()
        .map(|tag| registry.push("shop/web", tag, &["linux/amd64"], tag))
        .collect();
    let name = format!("{}/shop/web:1.4", registry.address);
    let finished = imago(&format!("tags {name} --policy minor"), 0);
    assert!(
        finished.stderr.ends_with(&format!(
            "; `minor` goes from 1.4 to 1.5 ({})\n",
            digests[1]
        )),
        "{}",
        finished.stderr
    );
    assert!(finished.stdout.contains("1.5-amd64"), "{}", finished.stdout);
}

#[test]
fn the_policy_of_the_settings_is_taken_where_none_is_typed() {
    let (registry, name) = shop();
    let place = Workplace::new();
    let settings = format!(
        "policies:\n- {{image: '{}/shop/*', policy: patch}}\n",
        registry.host()
    );
    place.write(".imago.yaml", settings);
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        place.imago(words).finish_with(0)
    };
    let of_settings = line(&format!("tags {name}:1.4.2"));
    assert!(
        of_settings.stdout.starts_with("1.4.10        wins\n"),
        "{}",
        of_settings.stdout
    );
    assert!(
        of_settings
            .stderr
            .contains("; by the settings, `patch` goes from 1.4.2 to 1.4.10"),
        "{}",
        of_settings.stderr
    );
    let typed = line(&format!("tags {name}:1.4.2 --policy major"));
    assert!(
        typed.stderr.contains("; `major` goes from 1.4.2 to 2.0.0"),
        "{}",
        typed.stderr
    );
    let none = line(&format!("tags {name}:1.4.2 --no-policy"));
    assert!(
        none.stdout.starts_with("1.4.10\n1.4.2\n") && none.stderr == "9 tags\n",
        "{}",
        none.stdout
    );
    let other = line(&format!("tags {name}-gone:1 -o json --no-policy").replace("-gone", ""));
    assert_eq!(other.json()["choice"], serde_json::Value::Null);
}
