//! `--pull-request`: what becomes of a branch and its request at a forge, over a real remote.

mod groups;
mod trouble;

use std::path::PathBuf;

use serde_json::Value;

use super::push::Two;
use super::{Tree, deployment};
use crate::support::binary::Finished;
use crate::support::forge::{Flavour, Forge, Pull, PullState};
use crate::support::registry::TestRegistry;

/// Every forge whose API the forge in this process speaks.
const FLAVOURS: [Flavour; 3] = [Flavour::GitHub, Flavour::GitLab, Flavour::Gitea];

const TOKEN: &str = "forge-token-of-the-tests";

/// A repository with its remote, the forge for it, and a registry.
struct Desk {
    two: Two,
    forge: Forge,
    registry: TestRegistry,
}

impl Desk {
    /// `None` if there is no `git`.
    fn new(flavour: Flavour) -> Option<Self> {
        let two = Two::new()?;
        let forge = Forge::of_repository(flavour, &two.ours.place.beside("bare.git"));
        forge.state().token = Some(TOKEN.to_owned());
        let desk = Self {
            two,
            forge,
            registry: TestRegistry::start(),
        };
        desk.tag("web", "one");
        Some(desk)
    }

    /// Moves the tag of `registry.example.test/NAME:1.4` to another digest.
    fn tag(&self, name: &str, content: &str) -> String {
        self.registry
            .push_image(name, "1.4", "linux/amd64", content)
    }

    fn ours(&self) -> &Tree {
        &self.two.ours
    }

    fn run(&self, line: &str, code: i32) -> Finished {
        self.command(&format!(
            "--push --branch imago/update --pull-request {line}"
        ))
        .finish_with(code)
    }

    fn command(&self, line: &str) -> crate::support::binary::Run {
        let map = format!(
            "--registry-map=registry.example.test={}",
            self.registry.host()
        );
        let (kind, url) = (self.forge.kind(), self.forge.url());
        let about = match line.contains("--pull-request") {
            true => vec![
                "--forge",
                kind,
                "--forge-url",
                &url,
                "--forge-project",
                "shop/deploy",
            ],
            false => Vec::new(),
        };
        let begin = ["files", "--update", &map].into_iter().chain(about);
        let words = line.split(' ').filter(|word| !word.is_empty());
        self.ours()
            .place
            .imago(begin.chain(words))
            .env("IMAGO_FORGE_TOKEN", TOKEN)
            .folder(&self.ours().place.path())
    }

    /// The requests of a run, as JSON.
    fn requests(&self, line: &str, code: i32) -> Vec<Value> {
        let json = self.run(&format!("{line} --output json"), code).json();
        json["requests"].as_array().unwrap().clone()
    }

    /// The action of the only request of a run, and its number.
    fn propose(&self, code: i32) -> (String, Option<u64>) {
        let requests = self.requests("", code);
        assert_eq!(requests.len(), 1, "{requests:?}");
        told(&requests[0])
    }

    /// Where a branch of the remote is; empty where there is none.
    fn tip(&self, branch: &str) -> String {
        let line = self
            .two
            .they(&format!("ls-remote origin refs/heads/{branch}"));
        line.split('\t').next().unwrap_or_default().to_owned()
    }

    /// Brings what the remote's base has here.
    fn pull(&self) {
        self.ours().git("pull --quiet --rebase origin main");
    }

    /// A clone of the base's newest commit alone.
    fn shallow(&self) -> PathBuf {
        let shallow = self.ours().place.beside("shallow");
        let bare = self.ours().place.beside("bare.git");
        self.two.they(&format!(
            "clone --quiet --depth 1 file://{} {}",
            bare.display(),
            shallow.display()
        ));
        shallow
    }

    /// The other person checks the branch out.
    fn they_check_out(&self, branch: &str) {
        self.two.they("fetch --quiet");
        self.two
            .they(&format!("checkout --quiet -B {branch} origin/{branch}"));
    }

    /// What was changed at the forge since, as `METHOD /path`.
    fn changes(&self, since: usize) -> Vec<String> {
        let asked = self.forge.asked().split_off(since);
        asked
            .into_iter()
            .filter(|line| !line.starts_with("GET "))
            .collect()
    }
}

fn told(request: &Value) -> (String, Option<u64>) {
    (
        request["action"].as_str().unwrap().to_owned(),
        request["number"].as_u64(),
    )
}

fn did(action: &str, number: u64) -> (String, Option<u64>) {
    (action.to_owned(), Some(number))
}

#[test]
fn a_request_is_opened_and_a_second_run_changes_nothing() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.forge.state().members = vec!["ada".to_owned(), "grace".to_owned()];
        desk.forge.state().labels = vec!["deps".to_owned()];
        let said = desk
            .run("--pr-label deps --pr-reviewer ada --pr-assignee grace", 0)
            .stdout;
        let mut last = said.lines().rev();
        let docs = last.next().unwrap();
        assert!(
            docs.starts_with("docs: https://") && docs.ends_with("/docs/requests.md"),
            "{said}"
        );
        let opened = last.next().unwrap();
        assert!(
            opened.starts_with("opened ") && opened.contains("1: http"),
            "{said}"
        );
        let pull = desk.forge.state().pull(1).clone();
        assert_eq!(
            (&*pull.title, &*pull.head, &*pull.base),
            ("Update images", "imago/update", "main")
        );
        assert_eq!(
            (pull.labels, pull.reviewers, pull.assignees),
            (
                vec!["deps".to_owned()],
                vec!["ada".to_owned()],
                vec!["grace".to_owned()]
            )
        );
        assert!(
            pull.body.starts_with("<!-- imago:v1 plan=sha256:"),
            "{}",
            pull.body
        );
        assert!(
            pull.body.contains("imago changes 2 images.\n"),
            "{}",
            pull.body
        );
        assert!(!pull.is_draft);
        let (tip, asked) = (desk.tip("imago/update"), desk.forge.asked().len());
        let requests = desk.requests("", 0);
        assert_eq!(told(&requests[0]), did("unchanged", 1));
        assert_eq!(
            (
                &requests[0]["state"],
                &requests[0]["branch"],
                &requests[0]["base"],
                &requests[0]["commit"]
            ),
            (
                &"open".into(),
                &"imago/update".into(),
                &"main".into(),
                &tip.clone().into()
            )
        );
        assert!(
            requests[0]["url"].as_str().unwrap().starts_with("http"),
            "{requests:?}"
        );
        assert_eq!(desk.changes(asked), [""; 0]);
        assert_eq!(desk.tip("imago/update"), tip);
    }
}

#[test]
fn another_plan_brings_the_request_up_to_date_and_what_people_wrote_stays() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        let tip = desk.tip("imago/update");
        {
            let mut state = desk.forge.state();
            let pull = state.pull(1);
            pull.title = "Mine".to_owned();
            pull.labels.push("mine".to_owned());
            pull.body = format!("Please look.\r\n\r\n{}", pull.body.replace('\n', "\r\n"));
        }
        let digest = desk.tag("web", "two");
        assert_eq!(desk.propose(0), did("updated", 1));
        assert_ne!(desk.tip("imago/update"), tip);
        let pull = desk.forge.state().pull(1).clone();
        assert_eq!(
            (&*pull.title, &*pull.labels),
            ("Mine", &["mine".to_owned()][..])
        );
        assert!(
            pull.body.starts_with("Please look.\n\n<!-- imago:v1 plan="),
            "{}",
            pull.body
        );
        assert_eq!(pull.body.matches("imago:v1").count(), 1);
        assert!(pull.body.contains(&digest[..19]), "{}", pull.body);
        // A person has thrown our part away: it is made again, and the commit stays.
        desk.forge.state().pull(1).body = "All mine.".to_owned();
        let tip = desk.tip("imago/update");
        assert_eq!(desk.propose(0), did("updated", 1));
        let body = desk.forge.state().pull(1).body.clone();
        assert!(
            body.starts_with("All mine.\n\n<!-- imago:v1 plan="),
            "{body}"
        );
        assert_eq!(desk.tip("imago/update"), tip);
        assert_eq!(desk.propose(0), did("unchanged", 1));
    }
}

#[test]
fn approvals_stay_while_the_base_moves_elsewhere() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        let tip = desk.tip("imago/update");
        desk.two.they_push("note.txt", "theirs\n");
        desk.pull();
        assert_eq!(desk.propose(0), did("unchanged", 1));
        assert_eq!(desk.tip("imago/update"), tip);
        // A shallow clone sees the same.
        let shallow = desk.shallow();
        let said = desk
            .command("--push --branch imago/update --pull-request --author ada<ada@example.test>")
            .folder(&shallow)
            .finish_with(0);
        assert!(said.stdout.contains(" is up to date"), "{}", said.stdout);
        assert_eq!(desk.tip("imago/update"), tip);
        // A planned file changes: the request would conflict.
        desk.two
            .they_push("deploy/web.yaml", &(deployment("web") + "# theirs\n"));
        desk.pull();
        assert_eq!(desk.propose(0), did("updated", 1));
        assert_eq!(desk.two.remote_log("imago/update").len(), 4);
        let tip = desk.tip("imago/update");
        // The forge's button: the branch on the newest base.
        desk.two.they_push("note.txt", "theirs again\n");
        desk.they_check_out("imago/update");
        desk.two.they("rebase --quiet origin/main");
        desk.two.they("push --quiet --force origin imago/update");
        desk.two.they("checkout --quiet main");
        let rebased = desk.tip("imago/update");
        assert_ne!(rebased, tip);
        desk.pull();
        assert_eq!(desk.propose(0), did("unchanged", 1));
        assert_eq!(desk.tip("imago/update"), rebased);
        // And its other button: the base is merged into the branch.
        desk.two.they_push("note.txt", "theirs once more\n");
        desk.they_check_out("imago/update");
        desk.two.they("merge --quiet --no-edit origin/main");
        desk.two.they("push --quiet origin imago/update");
        desk.two.they("checkout --quiet main");
        let merged = desk.tip("imago/update");
        desk.pull();
        assert_eq!(desk.propose(0), did("unchanged", 1));
        assert_eq!(desk.tip("imago/update"), merged);
    }
}

#[test]
fn what_a_person_closed_stays_closed_until_the_plan_is_another() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        desk.forge.state().pull(1).state = PullState::Closed;
        let asked = desk.forge.asked().len();
        let said = desk.run("", 0).stdout;
        assert!(
            said.contains(" stays closed: a person closed it with these changes"),
            "{said}"
        );
        // The base moves, and the branch is deleted: it is still the same plan.
        desk.two.they_push("note.txt", "theirs\n");
        desk.pull();
        desk.two.they("push --quiet origin :imago/update");
        assert_eq!(desk.propose(0), did("stays-closed", 1));
        assert_eq!(desk.tip("imago/update"), "");
        assert_eq!(desk.changes(asked), [""; 0]);
        desk.tag("web", "two");
        assert_eq!(desk.propose(0), did("opened", 2));
        // One that was merged, and then reverted, is proposed again.
        desk.forge.state().pull(2).state = PullState::Merged;
        assert_eq!(desk.propose(0), did("opened", 3));
        assert_eq!(desk.forge.state().open().len(), 1);
    }
}

#[test]
fn a_branch_with_a_persons_commits_is_left_to_them() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        desk.they_check_out("imago/update");
        std::fs::write(format!("{}/note.txt", desk.two.theirs), "a fix\n").unwrap();
        desk.two.they("commit --quiet --all --message fix");
        desk.two.they("push --quiet origin imago/update");
        let tip = desk.tip("imago/update");
        desk.tag("web", "two");
        let said = desk.run("", 0).stdout;
        assert!(
            said.contains(" stays as it is: its branch has commits that are not imago's"),
            "{said}"
        );
        assert_eq!(desk.propose(0), did("foreign-commits", 1));
        let pull = desk.forge.state().pull(1).clone();
        assert_eq!(pull.comments.len(), 1, "{:?}", pull.comments);
        assert!(pull.comments[0].contains("<!-- imago:paused -->"));
        assert_eq!(pull.state, PullState::Open);
        assert_eq!(desk.tip("imago/update"), tip);
        // Without a request it is an error, as it always was.
        desk.command("--push --branch imago/update").finish_with(2);
        desk.forge.state().pull(1).state = PullState::Merged;
        let said = desk.run("", 2).stderr;
        assert!(
            said.starts_with("error: cannot replace the branch `imago/update` at `origin`\n"),
            "{said}"
        );
        assert_eq!(desk.tip("imago/update"), tip);
    }
}

#[test]
fn a_request_of_which_nothing_is_left_is_closed_and_its_branch_goes() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        // A person does it by hand.
        desk.they_check_out("imago/update");
        desk.two.they("checkout --quiet main");
        desk.two.they("checkout origin/imago/update -- deploy");
        desk.two.they("commit --quiet --message by-hand");
        desk.two.they("push --quiet origin main");
        desk.pull();
        let requests = desk.requests("--dry-run", 0);
        assert_eq!(told(&requests[0]), did("closed", 1));
        assert_eq!(desk.forge.state().pull(1).state, PullState::Open);
        let said = desk.run("", 0).stdout;
        assert!(
            said.contains("closed ") && said.contains("1: nothing is left of it"),
            "{said}"
        );
        let pull = desk.forge.state().pull(1).clone();
        assert_eq!(pull.state, PullState::Closed);
        assert!(
            pull.comments[0].starts_with("Nothing is left to change"),
            "{:?}",
            pull.comments
        );
        assert_eq!(desk.tip("imago/update"), "");
        let asked = desk.forge.asked().len();
        assert_eq!(desk.propose(0), ("nothing".to_owned(), None));
        assert_eq!(desk.changes(asked), [""; 0]);
    }
}

#[test]
fn a_merged_requests_branch_is_tidied_up() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        desk.two.they("fetch --quiet");
        desk.two.they("merge --quiet --squash origin/imago/update");
        desk.two.they("commit --quiet --message squashed");
        desk.two.they("push --quiet origin HEAD:main");
        desk.forge.state().pull(1).state = PullState::Merged;
        desk.pull();
        assert_eq!(desk.propose(0), ("nothing".to_owned(), None));
        assert_eq!(desk.tip("imago/update"), "");
        desk.tag("web", "two");
        assert_eq!(desk.propose(0), did("opened", 2));
    }
}

#[test]
fn a_merged_change_that_was_reverted_is_proposed_on_a_new_commit() {
    for flavour in FLAVOURS {
        for is_shallow in [false, true] {
            let Some(desk) = Desk::new(flavour) else {
                return;
            };
            assert_eq!(desk.propose(0), did("opened", 1));
            let tip = desk.tip("imago/update");
            desk.two.they("fetch --quiet");
            desk.two.they("merge --quiet --ff-only origin/imago/update");
            desk.two.they("revert --no-edit HEAD");
            desk.two.they("push --quiet origin HEAD:main");
            desk.forge.state().pull(1).state = PullState::Merged;
            desk.pull();
            if is_shallow {
                let shallow = desk.shallow();
                let line =
                    "--push --branch imago/update --pull-request --author ada<ada@example.test>";
                let said = desk.command(line).folder(&shallow).finish_with(0);
                assert!(said.stdout.contains("opened"), "{}", said.stdout);
            } else {
                assert_eq!(desk.propose(0), did("opened", 2));
            }
            assert_ne!(desk.tip("imago/update"), tip);
            assert_eq!(desk.propose(0), did("unchanged", 2));
        }
    }
}

#[test]
fn a_branch_that_a_rebase_left_empty_is_still_imagos() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        // Somebody makes the same change, and the forge's button leaves nothing of the branch: its request counts as merged.
        let made_by_hand = |note: &str| {
            desk.they_check_out("imago/update");
            desk.two.they("checkout --quiet -B main origin/main");
            desk.two.they("cherry-pick --no-commit imago/update");
            desk.two.they("commit --quiet --message hand");
            desk.two.they("push --quiet origin main");
            desk.two
                .they("push --quiet --force origin main:imago/update");
            desk.two.they_push("note.txt", note);
            desk.pull();
        };
        made_by_hand("one\n");
        desk.tag("web", "two");
        assert_eq!(desk.propose(0), did("opened", 2));
        made_by_hand("two\n");
        assert_eq!(desk.propose(0), ("nothing".to_owned(), None));
        assert_eq!(desk.tip("imago/update"), "");
    }
}

#[test]
fn a_forks_request_with_a_copied_marker_counts_for_nothing() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        let body = {
            let mut state = desk.forge.state();
            let body = state.pull(1).body.clone();
            state.pulls.clear();
            for state_of in [PullState::Closed, PullState::Open] {
                state.add(Pull {
                    head: "imago/update".to_owned(),
                    body: body.clone(),
                    is_of_fork: true,
                    state: state_of,
                    ..Pull::default()
                });
            }
            body
        };
        assert_eq!(desk.propose(0), did("opened", 3));
        let state = desk.forge.state();
        assert!(
            state.pulls[..2]
                .iter()
                .all(|pull| pull.body == body && pull.comments.is_empty())
        );
    }
}

#[test]
fn a_draft_and_a_title_are_set_when_it_is_opened() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        let title = ["--pr-title", "Pin the images", "--pr-draft"];
        let map = format!(
            "--registry-map=registry.example.test={}",
            desk.registry.host()
        );
        let url = desk.forge.url();
        let line = [
            "files",
            "--update",
            "--push",
            "--branch",
            "imago/update",
            "--pull-request",
            &map,
            "--forge",
            desk.forge.kind(),
            "--forge-url",
            &url,
            "--forge-project",
            "shop/deploy",
        ];
        let run = desk
            .ours()
            .place
            .imago(line.iter().chain(&title))
            .env("IMAGO_FORGE_TOKEN", TOKEN);
        run.finish_with(0);
        let pull = desk.forge.state().pull(1).clone();
        assert!(pull.is_draft);
        assert!(pull.title.ends_with("Pin the images"), "{}", pull.title);
    }
}

#[test]
fn a_request_needs_a_branch_of_its_own() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    for (line, code, said) in [
        (
            "--pull-request",
            2,
            "`--pull-request` needs `--push` and `--branch`",
        ),
        (
            "--pull-request --push",
            2,
            "`--pull-request` needs `--push` and `--branch`",
        ),
        (
            "--push --branch b --pr-draft",
            2,
            "`--pr-draft` needs a pull request",
        ),
        (
            "--push --branch b --pull-request --pr-limit 3",
            2,
            "`--pr-limit` needs `--group-by`",
        ),
        (
            "--push --branch b --pull-request --group-by folder --pr-limit 0",
            2,
            "`--pr-limit <N>` cannot be `0`",
        ),
        (
            "--push --branch b --pull-request --pr-draft --pr-auto-merge",
            2,
            "`--pr-draft` and `--pr-auto-merge` exclude each other",
        ),
        (
            "--push --branch main --pull-request",
            2,
            "cannot open a pull request from `main`",
        ),
    ] {
        let finished = desk.command(line).finish_with(code);
        assert!(
            finished.stderr.contains(said),
            "{line}: {}",
            finished.stderr
        );
    }
    assert_eq!(desk.forge.asked(), [""; 0]);
    let none = desk
        .command("--push --branch b --pull-request")
        .env("IMAGO_FORGE_TOKEN", "");
    let said = none.finish_with(2).stderr;
    assert!(
        said.contains("there is no token for GitHub") && said.contains("IMAGO_FORGE_TOKEN"),
        "{said}"
    );
    assert_eq!(desk.tip("b"), "");
}

#[test]
fn what_imago_closed_itself_is_proposed_again() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        desk.two.they("fetch --quiet");
        desk.two.they("checkout origin/imago/update -- deploy");
        desk.two.they("commit --quiet --message by-hand");
        desk.two.they("push --quiet origin main");
        desk.pull();
        assert_eq!(desk.propose(0), did("closed", 1));
        let body = desk.forge.state().pull(1).body.clone();
        assert!(body.contains("Nothing is left to change"), "{body}");
        desk.two.they("revert --no-edit HEAD");
        desk.two.they("push --quiet origin main");
        desk.pull();
        assert_eq!(desk.propose(0), did("opened", 2));
    }
}

#[test]
fn a_request_into_another_base_is_seen() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        desk.two.they("push --quiet origin main:release");
        desk.forge.state().pull(1).base = "release".to_owned();
        let (tip, asked) = (desk.tip("imago/update"), desk.forge.asked().len());
        desk.tag("web", "two");
        let finished = desk.run("", 3);
        let said = finished.stderr;
        assert!(
            said.contains("error: cannot propose `imago/update` into `main`\n")
                && said.contains("1 proposes it into `release`"),
            "{said}"
        );
        // Also where nothing is left: its branch is not deleted.
        desk.ours().git("fetch --quiet");
        desk.ours().git("merge --quiet origin/imago/update");
        desk.ours().git("push --quiet origin main");
        desk.tag("web", "one");
        desk.run("", 3);
        assert_eq!(desk.changes(asked), [""; 0]);
        assert_eq!(desk.tip("imago/update"), tip);
    }
}

#[test]
fn a_job_says_which_branch_a_detached_head_is_on() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    desk.two.they("push --quiet origin main:release");
    desk.ours().git("checkout --quiet --detach");
    let line = "--push --branch imago/update --pull-request --dry-run --output json";
    let base = |variables: &[(&str, &str)]| {
        let run = variables
            .iter()
            .fold(desk.command(line), |run, (name, value)| {
                run.env(name, value)
            });
        run.finish_with(0).json()["requests"][0]["base"].clone()
    };
    assert_eq!(base(&[]), "main");
    assert_eq!(base(&[("CI_COMMIT_BRANCH", "release")]), "release");
    let github = |kind, name| [("GITHUB_REF_TYPE", kind), ("GITHUB_REF_NAME", name)];
    assert_eq!(base(&github("branch", "release")), "release");
    assert_eq!(base(&github("tag", "release")), "main");
    assert_eq!(base(&[("CI_COMMIT_BRANCH", "gone")]), "main");
    // The default branch has moved on, and still has the commit.
    desk.two.they("push --quiet origin :release");
    desk.two.they_push("note.txt", "theirs\n");
    assert_eq!(base(&[]), "main");
    // Two branches have moved on, and only one of them has it.
    desk.ours().git("checkout --quiet -b side");
    desk.ours()
        .git("commit --quiet --allow-empty --message side");
    desk.ours().git("push --quiet origin side");
    desk.ours().git("push --quiet origin side:other");
    desk.ours().git("checkout --quiet --detach");
    let said = desk.command(line).finish_with(2).stderr;
    assert!(
        said.contains("nothing says which branch of the remote it is on"),
        "{said}"
    );
}

#[test]
fn a_request_is_let_merge_once_and_then_it_is_a_persons() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        // Something is wrong in the first run: the request waits for the next one.
        desk.ours().write(
            "deploy/other.yaml",
            deployment("other").replace("/web:", "/none:"),
        );
        desk.ours().git("add .");
        desk.ours().git("commit --quiet --message other");
        desk.ours().git("push --quiet origin main");
        desk.run("--pr-auto-merge", 3);
        assert_eq!(desk.forge.state().pull(1).auto_merge, None);
        desk.ours().git("rm --quiet deploy/other.yaml");
        desk.ours().git("commit --quiet --message mended");
        desk.ours().git("push --quiet origin main");
        let tip = desk.tip("imago/update");
        desk.run("--pr-auto-merge", 0);
        assert_ne!(desk.forge.state().pull(1).auto_merge, None);
        assert_eq!(desk.tip("imago/update"), tip);
        let asked = desk.forge.asked().len();
        desk.run("--pr-auto-merge", 0);
        assert_eq!(desk.changes(asked), [""; 0]);
        // A person turns it off.
        desk.forge.state().pull(1).auto_merge = None;
        desk.tag("web", "two");
        desk.run("--pr-auto-merge", 0);
        assert_eq!(desk.forge.state().pull(1).auto_merge, None);
        // A forge that refuses is a problem, and is asked again.
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        desk.forge.state().allows_auto_merge = false;
        desk.run("--pr-auto-merge", 3);
        desk.forge.state().allows_auto_merge = true;
        desk.run("--pr-auto-merge", 0);
        assert_ne!(desk.forge.state().pull(1).auto_merge, None);
    }
}

#[test]
fn a_lock_beside_the_repository_is_written() {
    let Some(desk) = Desk::new(Flavour::GitHub) else {
        return;
    };
    let lock = desk.ours().place.beside("new.lock");
    for group in ["", "--group-by image"] {
        drop(std::fs::remove_file(&lock));
        desk.run(&format!("--lock {} {group}", lock.display()), 0);
        let text = std::fs::read_to_string(&lock).unwrap();
        assert!(text.contains("registry.example.test/web:1.4"), "{text}");
    }
}

#[test]
fn a_text_with_two_markers_is_written_anew_once() {
    for flavour in FLAVOURS {
        let Some(desk) = Desk::new(flavour) else {
            return;
        };
        assert_eq!(desk.propose(0), did("opened", 1));
        let body = desk.forge.state().pull(1).body.clone();
        desk.forge.state().pull(1).body = format!("{body}\n{body}");
        let tip = desk.tip("imago/update");
        assert_eq!(desk.propose(0), did("updated", 1));
        assert_eq!(desk.propose(0), did("unchanged", 1));
        assert_eq!(desk.tip("imago/update"), tip);
    }
}
