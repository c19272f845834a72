//! Runs with problems, forges that fail, others who are quicker, hostile names and secrets.

use super::{Desk, FLAVOURS, TOKEN, did};
use crate::git::deployment;
use crate::support::forge::{App, Flavour, Pull, PullState};
use crate::support::registry::http::Response;

#[test]
fn a_run_with_problems_closes_and_shrinks_nothing() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.two.they_push(
            "deploy/api.yaml",
            &deployment("api").replace("/web:", "/api:"),
        );
        desk.pull();
        desk.tag("api", "one");
        assert_eq!(desk.propose(0), did("opened", 1));
        let (tip, body) = (
            desk.tip("imago/update"),
            desk.forge.state().pull(1).body.clone(),
        );
        // One image cannot be asked for, and the other one moves: the branch would lose the first one's digest.
        desk.registry.remove("api", "1.4");
        desk.tag("web", "two");
        let said = desk.run("", 3).stdout;
        assert!(
            said.contains(" stays as it is: the run has problems"),
            "{said}"
        );
        assert_eq!(desk.tip("imago/update"), tip);
        // Both are gone.
        desk.registry.remove("web", "1.4");
        assert_eq!(desk.propose(3), did("waits", 1));
        assert_eq!(desk.tip("imago/update"), tip);
        assert_eq!(desk.forge.state().pull(1).body, body);
        assert_eq!(desk.forge.state().pull(1).state, PullState::Open);
        // Another file has a problem, and nothing is lost: the branch goes on.
        desk.tag("api", "one");
        desk.tag("web", "two");
        desk.two.they_push(
            "deploy/bad.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers:\n  - image: web:1\n   name: x\n",
        );
        desk.pull();
        assert_eq!(desk.propose(3), did("updated", 1));
        assert_ne!(desk.tip("imago/update"), tip);
    }
}

#[test]
fn an_outage_does_not_close_what_the_day_before_opened() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        let tip = desk.tip("imago/update");
        let asked = desk.forge.asked().len();
        desk.registry.fault("web", |_, _, _| Response::new(503));
        assert_eq!(desk.propose(3), did("waits", 1));
        // Too many changes, and no registry at all.
        desk.run("--max-changes 1", 3);
        let lock = desk.ours().place.beside("empty.lock");
        std::fs::write(&lock, "{\"version\":1,\"images\":{}}\n").unwrap();
        desk.run(&format!("--offline --lock {}", lock.display()), 3);
        assert_eq!(desk.changes(asked), [""; 0]);
        assert_eq!(desk.tip("imago/update"), tip);
    }
}

#[test]
fn too_many_changes_are_not_proposed() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    let said = desk.run("--max-changes 1", 2);
    assert_eq!(desk.tip("imago/update"), "");
    assert_eq!(desk.forge.asked(), [""; 0], "{}", said.stderr);
}

#[test]
fn offline_runs_open_requests_and_close_none() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let lock = desk
            .ours()
            .place
            .beside("digests.lock")
            .display()
            .to_string();
        let line = format!("--offline --lock {lock}");
        let requests = desk.requests(&line, 0);
        assert_eq!(super::told(&requests[0]), did("opened", 1));
        desk.two.they("fetch --quiet");
        desk.two.they("checkout origin/imago/update -- deploy");
        desk.two.they("commit --quiet --message by-hand");
        desk.two.they("push --quiet origin main");
        desk.pull();
        let requests = desk.requests(&line, 0);
        assert_eq!(super::told(&requests[0]), did("waits", 1));
        assert_eq!(desk.forge.state().pull(1).state, PullState::Open);
    }
}

#[test]
fn a_forge_that_fails_is_a_problem_and_what_was_pushed_stays() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let path = if desk.forge.kind() == "gitlab" {
            "/merge_requests"
        } else {
            "/pulls"
        };
        // It cannot be asked, and it refuses.
        desk.forge.fail(
            "GET",
            path,
            1,
            Response::new(403).body("{\"message\":\"no right\"}"),
        );
        let finished = desk.run("", 3);
        assert!(
            finished.stderr.contains("error: cannot ") && finished.stderr.contains("  hint: "),
            "{}",
            finished.stderr
        );
        let tip = desk.tip("imago/update");
        assert_ne!(tip, "");
        desk.forge.fail(
            "POST",
            path,
            1,
            Response::new(403).body("{\"message\":\"no right\"}"),
        );
        let said = desk.run("", 3).stdout;
        assert!(said.contains("request was opened"), "{said}");
        assert_eq!(desk.tip("imago/update"), tip);
        assert_eq!(desk.propose(0), did("opened", 1));
        assert_eq!(desk.tip("imago/update"), tip);
        // The push goes through, the text does not: the next run brings it up to date.
        desk.tag("web", "two");
        let method = if desk.forge.kind() == "gitlab" {
            "PUT"
        } else {
            "PATCH"
        };
        desk.forge.fail(
            method,
            path,
            1,
            Response::new(403).body("{\"message\":\"no right\"}"),
        );
        desk.run("", 3);
        let second = desk.tip("imago/update");
        assert_ne!(second, tip);
        // Meanwhile the tag went back: the text names the plan, and the branch does not have it.
        desk.tag("web", "one");
        assert_eq!(desk.propose(0), did("updated", 1));
        assert_ne!(desk.tip("imago/update"), second);
        assert_eq!(desk.propose(0), did("unchanged", 1));
    }
}

#[test]
fn two_runs_at_once_make_one_request() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let path = if desk.forge.kind() == "gitlab" {
            "/merge_requests"
        } else {
            "/pulls"
        };
        desk.forge.before("POST", path, |state| {
            state.add(Pull {
                head: "imago/update".to_owned(),
                ..Pull::default()
            });
        });
        assert_eq!(desk.propose(0), did("updated", 1));
        let body = desk.forge.state().pull(1).body.clone();
        assert!(body.contains("<!-- imago:v1 plan="), "{body}");
        assert_eq!(desk.propose(0), did("unchanged", 1));
    }
    // The other run is quicker with the push.
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    let other = desk.ours().place.beside("other");
    let bare = desk.ours().place.beside("bare.git");
    desk.two.they(&format!(
        "clone --quiet {} {}",
        bare.display(),
        other.display()
    ));
    let runs: Vec<_> = [desk.ours().place.path(), other]
        .into_iter()
        .map(|folder| {
            let run = desk
                .command(
                    "--push --branch imago/update --pull-request --author ada<ada@example.test>",
                )
                .env("GIT_COMMITTER_NAME", "Ada")
                .env("GIT_COMMITTER_EMAIL", "ada@example.test")
                .folder(&folder);
            std::thread::spawn(move || run.finish())
        })
        .collect();
    for run in runs {
        let finished = run.join().unwrap();
        assert_eq!(finished.code, 0, "{}{}", finished.stdout, finished.stderr);
    }
    assert_eq!(desk.forge.state().pulls.len(), 1);
    assert_eq!(desk.propose(0), did("unchanged", 1));
}

#[test]
fn hostile_names_stay_names() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let name = "deploy/@shop|team #1 <img src=x> `x` [a](http:) --> <!-- imago:v1 plan=.yaml";
        let image = "registry.example.test/web:1.4";
        desk.ours().write(
            name,
            deployment("web").replace("name: app", "name: '@all |`<b>*#7'"),
        );
        desk.ours().git_with(&["add", "."], 0);
        desk.ours().git("commit --quiet --message hostile");
        desk.ours().git("push --quiet origin main");
        desk.run("", 0);
        let body = desk.forge.state().pull(1).body.clone();
        assert!(
            body.contains("&#64;shop&#124;team &#35;1 &#60;img src&#61;x&#62;"),
            "{body}"
        );
        assert!(
            !body.contains("@shop") && !body.contains("<img") && !body.contains("@all"),
            "{body}"
        );
        assert!(body.contains(image), "{body}");
        assert_eq!(desk.propose(0), did("unchanged", 1));
    }
}

#[test]
fn a_token_goes_to_the_forge_alone() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    let secrets = [
        TOKEN,
        "git-secret-of-the-tests",
        "runner-secret-of-the-tests",
    ];
    // A hook notes its environment, and the arguments of the `git` that pushes.
    let note = desk.ours().place.beside("seen");
    desk.ours().hook(
        "pre-push",
        &format!("{{ env; cat /proc/$PPID/cmdline; }} >>{}", note.display()),
    );
    for round in 0..3 {
        // Opened, unchanged, refused.
        if round == 2 {
            desk.forge.state().token = Some("another".to_owned());
        }
        let finished = desk
            .command("--push --branch imago/update --pull-request --output json -vv")
            .env("IMAGO_GIT_TOKEN", secrets[1])
            .env("GITHUB_TOKEN", secrets[2])
            .finish();
        assert_eq!(
            finished.code,
            if round == 2 { 3 } else { 0 },
            "{}",
            finished.stderr
        );
        for secret in secrets {
            assert!(
                !finished.stdout.contains(secret) && !finished.stderr.contains(secret),
                "{round}"
            );
        }
    }
    let seen = String::from_utf8_lossy(&std::fs::read(note).unwrap()).into_owned();
    assert!(seen.contains("push"), "{seen}");
    assert!(!secrets.iter().any(|secret| seen.contains(secret)));
    desk.two.they("fetch --quiet");
    let shown = desk.two.they("log --all --format=%B%an%ae -p");
    let bodies: String = desk
        .forge
        .log()
        .iter()
        .map(|it| format!("{}{}", it.path, it.body))
        .collect();
    for secret in secrets {
        assert!(!shown.contains(secret) && !bodies.contains(secret));
        let sent = desk.registry.requests();
        assert!(
            sent.iter()
                .all(|it| it.headers.iter().all(|(_, value)| !value.contains(secret)))
        );
    }
    let log = desk.forge.log();
    assert!(
        log.iter()
            .all(|it| it.header("authorization") == Some(&format!("Bearer {TOKEN}")))
    );
}

#[test]
fn a_github_app_opens_requests_with_a_token_of_its_own() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/forge/app.pem");
    desk.forge.state().app = Some(App {
        id: "12345".to_owned(),
        public_key: include_bytes!("../../forge/app.der").to_vec(),
        is_installed: true,
        permissions: vec!["contents".to_owned(), "pull_requests".to_owned()],
    });
    desk.forge.state().token = None;
    let line = format!(
        "--push --branch imago/update --pull-request --github-app-id 12345 --github-app-key {key}"
    );
    let said = desk
        .command(&line)
        .env("IMAGO_FORGE_TOKEN", "")
        .finish_with(0);
    assert!(
        said.stdout.contains("opened pull request #1"),
        "{}",
        said.stdout
    );
    let asked = desk.forge.asked().join("\n");
    assert!(asked.contains("/access_tokens"), "{asked}");
    let lacking = desk.command("--push --branch imago/update --pull-request --github-app-id 12345");
    let said = lacking.finish_with(2).stderr;
    assert!(
        said.contains("`--github-app-id` needs `--github-app-key`"),
        "{said}"
    );
}

#[test]
fn an_outage_brings_nothing_back_that_a_person_closed() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.two.they_push(
            "deploy/api.yaml",
            &deployment("api").replace("/web:", "/api:"),
        );
        desk.pull();
        desk.tag("api", "one");
        assert_eq!(desk.propose(0), did("opened", 1));
        desk.forge.state().pull(1).state = PullState::Closed;
        desk.two.they("push --quiet origin :imago/update");
        let asked = desk.forge.asked().len();
        // A half of the plan is another plan.
        desk.registry.remove("api", "1.4");
        assert_eq!(desk.propose(3), ("waits".to_owned(), None));
        desk.tag("api", "one");
        assert_eq!(desk.propose(0), did("stays-closed", 1));
        assert_eq!(desk.changes(asked), [""; 0]);
        assert_eq!(desk.tip("imago/update"), "");
    }
}
