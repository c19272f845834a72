//! `--group-by`: a branch and a request for each folder, or each image.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use super::{Desk, FLAVOURS, did, told};
use crate::git::deployment;
use crate::support::forge::{Flavour, Pull, PullState};
use crate::support::registry::http::Response;

const PREFIX: &str = "imago/update-";

impl Desk {
    /// Adds a file to the base.
    fn add(&self, name: &str, text: &str) {
        self.ours().write(name, text);
        self.ours().git("add .");
        self.ours().git("commit --quiet --message more");
        self.ours().git("push --quiet origin main");
    }

    /// The requests of a run, by group.
    fn grouped(&self, line: &str, code: i32) -> BTreeMap<String, (String, Option<u64>)> {
        let requests = self.requests(line, code);
        let group = |it: &Value| it["group"].as_str().unwrap_or_default().to_owned();
        requests.iter().map(|it| (group(it), told(it))).collect()
    }

    /// The files that a branch changes.
    fn files_of(&self, branch: &str) -> Vec<String> {
        self.two.they("fetch --quiet");
        let diff = self
            .two
            .they(&format!("diff --name-only origin/main origin/{branch}"));
        diff.lines().map(str::to_owned).collect()
    }
}

fn expected(groups: &[(&str, &str, u64)]) -> BTreeMap<String, (String, Option<u64>)> {
    groups
        .iter()
        .map(|(group, action, number)| ((*group).to_owned(), did(action, *number)))
        .collect()
}

#[test]
fn each_folder_has_a_request_of_its_own() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.add("shop/pay/web.yaml", &deployment("pay"));
        let first = desk.grouped("--group-by folder", 0);
        assert_eq!(
            first,
            expected(&[("deploy", "opened", 1), ("shop/pay", "opened", 2)])
        );
        let heads: Vec<String> = desk
            .forge
            .state()
            .pulls
            .iter()
            .map(|it| it.head.clone())
            .collect();
        assert!(
            heads[0].starts_with("imago/update-deploy-")
                && heads[1].starts_with("imago/update-shop-pay-"),
            "{heads:?}"
        );
        assert_eq!(
            desk.files_of(&heads[0]),
            ["deploy/api.yaml", "deploy/web.yaml"]
        );
        assert_eq!(desk.files_of(&heads[1]), ["shop/pay/web.yaml"]);
        let pulls = desk.forge.state().pulls.clone();
        assert_eq!(pulls[1].title, "Update images in `shop/pay`");
        assert!(
            pulls[1]
                .body
                .contains("imago changes 1 image of `shop/pay`.\n"),
            "{}",
            pulls[1].body
        );
        assert!(!pulls[1].body.contains("deploy/api.yaml"));
        // Each image is asked for once.
        assert_eq!(
            desk.registry.asked().len(),
            1,
            "{:?}",
            desk.registry.asked()
        );
        let (asked, tips) = (
            desk.forge.asked().len(),
            [desk.tip(&heads[0]), desk.tip(&heads[1])],
        );
        let again = desk.grouped("--group-by folder", 0);
        assert_eq!(
            again,
            expected(&[("deploy", "unchanged", 1), ("shop/pay", "unchanged", 2)])
        );
        assert_eq!(desk.changes(asked), [""; 0]);
        assert_eq!([desk.tip(&heads[0]), desk.tip(&heads[1])], tips);
        // A person closes one: the memory is the group's.
        desk.forge.state().pull(1).state = PullState::Closed;
        let closed = desk.grouped("--group-by folder", 0);
        assert_eq!(
            closed,
            expected(&[("deploy", "stays-closed", 1), ("shop/pay", "unchanged", 2)])
        );
        assert_eq!(desk.tip("imago/update"), "");
    }
}

#[test]
fn a_run_closes_groups_of_its_own_scope_alone() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.add("shop/web.yaml", &deployment("shop"));
        desk.grouped("--group-by folder", 0);
        let heads: Vec<String> = desk
            .forge
            .state()
            .pulls
            .iter()
            .map(|it| it.head.clone())
            .collect();
        // A branch that a person named alike, and one of a fork with the marker.
        let body = desk.forge.state().pull(2).body.clone();
        desk.two.they("push --quiet origin main:imago/update-mine");
        desk.forge.state().add(Pull {
            head: format!("{PREFIX}mine"),
            body: "Mine.".to_owned(),
            is_of_fork: false,
            ..Pull::default()
        });
        desk.forge.state().add(Pull {
            head: heads[1].clone(),
            body: body.clone(),
            is_of_fork: true,
            ..Pull::default()
        });
        // A run of one folder says nothing of the other.
        let part = desk.grouped("--group-by folder deploy", 0);
        assert_eq!(part.len(), 1, "{part:?}");
        assert_eq!(desk.forge.state().pull(2).state, PullState::Open);
        // The file goes, and the request with it; but not while the run has problems.
        desk.ours().git("rm --quiet shop/web.yaml");
        desk.ours()
        .write("bad.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - image: web:1\n   name: x\n");
        desk.ours().git("add .");
        desk.ours().git("commit --quiet --message gone");
        desk.ours().git("push --quiet origin main");
        let waits = desk.grouped("--group-by folder", 3);
        assert_eq!(waits[""], did("waits", 2));
        desk.ours().git("rm --quiet bad.yaml");
        desk.ours().git("commit --quiet --message mended");
        desk.ours().git("push --quiet origin main");
        let closed = desk.grouped("--group-by folder", 0);
        assert_eq!(
            closed,
            expected(&[("", "closed", 2), ("deploy", "unchanged", 1)])
        );
        let state = desk.forge.state();
        let states: Vec<PullState> = state.pulls.iter().map(|it| it.state).collect();
        assert_eq!(states[1], PullState::Closed);
        assert_eq!(states[3], PullState::Open);
        assert!(state.pulls[2].comments.is_empty());
        drop(state);
        assert_eq!(desk.tip(&heads[1]), "");
    }
}

#[test]
fn no_more_than_the_limit_are_open() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        for name in ["a", "b", "c"] {
            desk.add(&format!("{name}/web.yaml"), &deployment(name));
        }
        let said = desk.run("--group-by folder --pr-limit 2", 0).stdout;
        assert!(
            said.contains("\n2 more ")
                && said.contains(" would be opened: as many are open as `--pr-limit` allows\n"),
            "{said}"
        );
        assert_eq!(desk.forge.state().open().len(), 2);
        let first = desk.grouped("--group-by folder --pr-limit 2", 0);
        let over: Vec<&str> = first
            .iter()
            .filter(|(_, it)| it.0 == "over-limit")
            .map(|(group, _)| group.as_str())
            .collect();
        assert_eq!(over, ["c", "deploy"]);
        let branches = desk.two.they("ls-remote origin refs/heads/imago/*");
        assert_eq!(branches.lines().count(), 2, "{branches}");
        // Those that are open still move on, and what a person closes makes room.
        desk.tag("web", "two");
        let second = desk.grouped("--group-by folder --pr-limit 2", 0);
        assert_eq!(
            (&second["a"], &second["b"]),
            (&did("updated", 1), &did("updated", 2))
        );
        desk.forge.state().pull(1).state = PullState::Closed;
        let third = desk.grouped("--group-by folder --pr-limit 2", 0);
        assert_eq!(third["a"], did("stays-closed", 1));
        assert_eq!(third["c"], did("opened", 3));
    }
}

#[test]
fn each_image_has_a_request_of_its_own() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let (web, side) = (desk.tag("web", "one"), desk.tag("side", "another"));
        let two = deployment("web").replace(
        "      - name: app\n",
        "      - name: side\n        image: registry.example.test/side:1.4\n      - name: app\n",
    );
        desk.add("deploy/web.yaml", &two);
        let first = desk.grouped("--group-by image", 0);
        let (of_side, of_web) = ("registry.example.test/side", "registry.example.test/web");
        assert_eq!(
            first,
            expected(&[(of_side, "opened", 1), (of_web, "opened", 2)])
        );
        let heads: Vec<String> = desk
            .forge
            .state()
            .pulls
            .iter()
            .map(|it| it.head.clone())
            .collect();
        assert_eq!(desk.files_of(&heads[0]), ["deploy/web.yaml"]);
        assert_eq!(
            desk.files_of(&heads[1]),
            ["deploy/api.yaml", "deploy/web.yaml"]
        );
        let show = |branch: &str| {
            desk.two
                .they(&format!("show origin/{branch}:deploy/web.yaml"))
        };
        let (ours, theirs) = (show(&heads[0]), show(&heads[1]));
        assert!(ours.contains(&side) && !ours.contains(&web), "{ours}");
        assert!(theirs.contains(&web) && !theirs.contains(&side), "{theirs}");
        let bodies: Vec<String> = desk
            .forge
            .state()
            .pulls
            .iter()
            .map(|it| it.body.clone())
            .collect();
        assert!(
            bodies[0].contains("/side:1.4") && !bodies[0].contains("/web:1.4"),
            "{}",
            bodies[0]
        );
        let again = desk.grouped("--group-by image", 0);
        assert_eq!(
            again,
            expected(&[(of_side, "unchanged", 1), (of_web, "unchanged", 2)])
        );
        // One is merged: the other one's file is another now, and its request follows.
        desk.two.they("fetch --quiet");
        desk.two.they("checkout --quiet main");
        desk.two.they("pull --quiet origin main");
        desk.two
            .they(&format!("merge --quiet --no-edit origin/{}", heads[0]));
        desk.two.they("push --quiet origin HEAD:main");
        desk.pull();
        let third = desk.grouped("--group-by image", 0);
        assert_eq!(third, expected(&[(of_web, "updated", 2)]));
        let merged = desk.two.they("fetch --quiet") + &show(&heads[1]);
        assert!(merged.contains(&side) && merged.contains(&web), "{merged}");
    }
}

#[test]
fn a_forge_that_cannot_be_asked_gets_no_new_branches() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.add("shop/web.yaml", &deployment("shop"));
        let path = match desk.forge.kind() {
            "gitlab" => "/merge_requests",
            _ => "/pulls",
        };
        let refusal = Response::new(403).body("{\"message\":\"no right\"}");
        desk.forge.fail("GET", path, 1, refusal.clone());
        let groups = desk.grouped("--group-by folder", 3);
        assert!(groups.values().all(|it| it.0 == "waits"), "{groups:?}");
        assert_eq!(desk.two.they("ls-remote origin refs/heads/imago/*"), "");
        // One that is open goes on.
        assert_eq!(desk.grouped("--group-by folder", 0)["deploy"].0, "opened");
        let branch = desk.forge.state().pull(1).head.clone();
        let tip = desk.tip(&branch);
        desk.tag("web", "two");
        desk.forge.fail("GET", path, 1, refusal);
        let groups = desk.grouped("--group-by folder", 3);
        assert!(groups.values().all(|it| it.0 == "pushed"), "{groups:?}");
        assert_ne!(desk.tip(&branch), tip);
    }
}

#[test]
fn a_branch_that_the_remote_refuses_stops_no_other() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    desk.add("shop/web.yaml", &deployment("shop"));
    let hook = desk.ours().place.beside("bare.git/hooks/update");
    std::fs::write(
        &hook,
        "#!/bin/sh\ncase $1 in *shop*) echo no; exit 1;; esac\n",
    )
    .unwrap();
    std::fs::set_permissions(hook, std::fs::Permissions::from_mode(0o755)).unwrap();
    let finished = desk.run("--group-by folder --output json", 3);
    assert!(
        finished.stderr.contains("error: cannot push to `origin`"),
        "{}",
        finished.stderr
    );
    let requests = finished.json()["requests"].clone();
    assert_eq!(told(&requests[0]), did("opened", 1));
    assert_eq!(requests[1]["action"], "waits");
}

#[test]
fn a_group_says_what_is_wrong_in_it_and_is_not_merged() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.add(
            "deploy/other.yaml",
            &deployment("other").replace("/web:", "/none:"),
        );
        desk.add("shop/web.yaml", &deployment("shop"));
        desk.run("--group-by folder --pr-auto-merge", 3);
        let pulls = desk.forge.state().pulls.clone();
        let wrong = "error: cannot resolve `registry.example.test/none:1.4`";
        assert!(pulls[0].body.contains(wrong), "{}", pulls[0].body);
        assert!(!pulls[1].body.contains(wrong), "{}", pulls[1].body);
        assert!(pulls.iter().all(|pull| pull.auto_merge.is_none()));
    }
}

#[test]
fn another_scope_is_written_into_the_text_and_approvals_stay() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let first = desk.grouped("--group-by folder", 0);
        assert_eq!(first, expected(&[("deploy", "opened", 1)]));
        let branch = desk.forge.state().pull(1).head.clone();
        let tip = desk.tip(&branch);
        let line = "--group-by folder --exclude old/**";
        assert_eq!(desk.grouped(line, 0), expected(&[("deploy", "updated", 1)]));
        assert_eq!(desk.tip(&branch), tip);
        assert_eq!(
            desk.grouped(line, 0),
            expected(&[("deploy", "unchanged", 1)])
        );
        desk.ours().git("rm --quiet -r deploy");
        desk.ours().git("commit --quiet --message gone");
        desk.ours().git("push --quiet origin main");
        assert_eq!(desk.grouped(line, 0), expected(&[("", "closed", 1)]));
        let said = desk.run(line, 0).stdout;
        assert!(!said.contains("detached"), "{said}");
    }
}
