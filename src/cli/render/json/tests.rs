//! Version 1, held to the letter.

use super::*;
use crate::app::report::{Hold, Outcome, Place, Problem, Proposed, ProposedState, SiteName};
use crate::cli::render::samples;
use crate::engine::code::Code;
use crate::engine::image::Digest;

#[test]
fn version_1_has_these_fields_in_this_order() {
    let mut sample = samples::updated();
    sample.files_seen = 2;
    sample.skipped.truncate(1);
    sample.unhandled.insert("Rollout".into(), 1);
    sample.warnings.push("look at this".into());
    sample.notes.push("and at this".into());
    sample.proposed.push(Proposed {
        branch: "imago/update".to_owned(),
        base: "main".to_owned(),
        group: None,
        noun: "pull request",
        state: ProposedState::Updated,
        reference: Some("#12".to_owned()),
        number: Some(12),
        url: Some("https://git.example.test/shop/deploy/pulls/12".to_owned()),
        commit: None,
    });
    sample.problems.push(Problem {
        code: Code::Unauthorized,
        what: "cannot resolve `registry.example.test/x:1`".into(),
        place: Place {
            site: Some(Box::new(SiteName::container("x"))),
            ..sample.objects[0].place.clone()
        },
        cause: "the registry answered 401 Unauthorized".into(),
        hint: None,
    });
    let expected = r#"{
  "version": 1,
  "mode": "files",
  "action": "update",
  "dry_run": false,
  "summary": {
    "files": 2,
    "files_changed": 1,
    "files_without_objects": 0,
    "objects": 1,
    "images": 2,
    "ok": 1,
    "fixed": 0,
    "outdated": 1,
    "restored": 0,
    "stale": 0,
    "unchecked": 0,
    "kept": 0,
    "ignored": 0,
    "variable": 0,
    "held": 0,
    "failed": 0,
    "skipped": 1,
    "unhandled": {
      "Rollout": 1
    },
    "without_namespace": 0,
    "not_selected": 0,
    "problems": 1,
    "written": true,
    "stopped_at": null,
    "fixed_with_tag": 0,
    "unpinned": 0
  },
  "objects": [
    {
      "file": "deploy/web.yaml",
      "line": 4,
      "shape": "Deployment",
      "kind": "Deployment",
      "namespace": "shop",
      "name": "web",
      "changed": true,
      "images": [
        {
          "path": "spec.template.spec.containers[0].image",
          "name": "app",
          "line": 21,
          "image": "registry.example.test/web:1.4",
          "new_image": "registry.example.test/web:1.4@sha256:6666666666666666666666666666666666666666666666666666666666666666",
          "tag": "1.4",
          "new_tag": "1.4",
          "outcome": "outdated",
          "code": "outdated",
          "reason": null,
          "until": null,
          "tag_digest": null,
          "running_digest": null,
          "policy": null,
          "source": null
        },
        {
          "path": "spec.template.spec.containers[0].image",
          "name": "proxy",
          "line": 21,
          "image": "registry.example.test/proxy:2",
          "new_image": null,
          "tag": "2",
          "new_tag": null,
          "outcome": "ok",
          "code": null,
          "reason": null,
          "until": null,
          "tag_digest": null,
          "running_digest": null,
          "policy": null,
          "source": null
        }
      ]
    }
  ],
  "files_changed": [
    "deploy/web.yaml"
  ],
  "git": null,
  "lock": [],
  "skipped": [
    {
      "code": "template",
      "file": "chart/templates/0.yaml",
      "line": 3,
      "object": null,
      "path": null,
      "name": null,
      "message": "a Helm template",
      "held": false
    }
  ],
  "problems": [
    {
      "code": "unauthorized",
      "file": "deploy/web.yaml",
      "line": 4,
      "object": "Deployment/web",
      "path": "spec.template.spec.containers[0].image",
      "name": "x",
      "message": "cannot resolve `registry.example.test/x:1`",
      "cause": "the registry answered 401 Unauthorized",
      "hint": null,
      "docs": "https://github.com/OWNER/imago/blob/v0.1.0/docs/codes.md#unauthorized"
    }
  ],
  "warnings": [
    "look at this",
    "and at this"
  ],
  "requests": [
    {
      "url": "https://git.example.test/shop/deploy/pulls/12",
      "number": 12,
      "state": "open",
      "action": "updated",
      "branch": "imago/update",
      "base": "main",
      "group": null,
      "commit": null
    }
  ]
}
"#;
    assert_eq!(report(&sample), expected);
}

#[test]
fn every_outcome_has_its_word() {
    let digest = Digest::parse(&format!("sha256:{}", "6".repeat(64))).unwrap();
    let other = Digest::parse(&format!("sha256:{}", "7".repeat(64))).unwrap();
    for (outcome, expected) in [
        (Outcome::Ok, ["ok", "", "", ""]),
        (Outcome::Fixed, ["fixed", "", "", ""]),
        (Outcome::Outdated("a".into()), ["outdated", "a", "", ""]),
        (Outcome::Restored("a".into()), ["restored", "a", "", ""]),
        (Outcome::Kept("b".into()), ["kept", "", "b", ""]),
        (
            Outcome::Ignored(samples::left_out("b")),
            ["ignored", "", "b", ""],
        ),
        (Outcome::Variable, ["variable", "", "", ""]),
        (
            Outcome::Held(Hold::platform_lost(&digest, "b")),
            ["held", "", "b", digest.as_str()],
        ),
        (Outcome::Unchecked("b".into()), ["unchecked", "", "b", ""]),
        (
            Outcome::Stale {
                running: other,
                digest: digest.clone(),
                back: Some("a".into()),
            },
            ["stale", "a", "", digest.as_str()],
        ),
        (samples::failed(), ["failed", "", "", ""]),
    ] {
        let mut sample = samples::updated();
        sample.objects[0].images = vec![samples::container("app", "web", outcome)];
        let value: serde_json::Value = serde_json::from_str(&report(&sample)).unwrap();
        let image = &value["objects"][0]["images"][0];
        let word = |key: &str| image[key].as_str().unwrap_or_default();
        assert_eq!(
            [
                word("outcome"),
                word("new_image"),
                word("reason"),
                word("tag_digest")
            ],
            expected
        );
    }
}

#[test]
fn characters_that_steer_are_escaped_and_come_back_the_same() {
    let mut sample = samples::updated();
    let hostile = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{2028}\n\tö";
    sample.objects[0].name = hostile.into();
    let text = report(&sample);
    assert!(
        !text
            .chars()
            .any(|character| character != '\n' && steers(character)),
        "{text}"
    );
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["objects"][0]["name"], hostile);
}
