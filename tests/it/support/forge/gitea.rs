//! Gitea's API, v1, which Forgejo has too.

use serde_json::{Value, json};

use super::{Pull, PullState, State, body, json as respond, names, paged, query};
use crate::support::registry::http::{Request, Response};

pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    let expected = state.token.as_ref().map(|token| format!("token {token}"));
    if expected.is_some() && expected.as_deref() != request.header("authorization") {
        return refused(401, "token is required");
    }
    let owner = state.project.split('/').next().unwrap_or_default();
    if request.path == format!("/api/v1/orgs/{owner}/labels") {
        return labels(state, request, 100, &state.shared_labels);
    }
    let Some(rest) = request
        .path
        .strip_prefix(&format!("/api/v1/repos/{}", state.project))
    else {
        return refused(404, "The target couldn't be found.");
    };
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    let number = parts.get(1).and_then(|text| text.parse::<u64>().ok());
    match (request.method.as_str(), &parts[..]) {
        ("GET", [""]) => respond(200, &json!({ "id": 7, "default_merge_style": "squash" })),
        ("GET", ["labels"]) => labels(state, request, 0, &state.labels),
        ("GET", ["pulls"]) => list(state, request),
        ("POST", ["pulls"]) => create(state, &body(request)),
        (method, [_, _, ..]) => {
            let Some(at) = state.pulls.iter().position(|it| Some(it.number) == number) else {
                return refused(404, "The target couldn't be found.");
            };
            one(state, request, method, &parts, at)
        }
        _ => refused(404, "The target couldn't be found."),
    }
}

fn one(state: &mut State, request: &Request, method: &str, parts: &[&str], at: usize) -> Response {
    let sent = body(request);
    match (method, parts) {
        ("GET", ["pulls", _]) => respond(200, &shown(state, at)),
        ("PATCH", ["pulls", _]) => {
            let people = names(&sent["assignees"]);
            if !people.iter().all(|name| state.is_member(name)) {
                return refused(422, "Assignee does not exist");
            }
            let pull = &mut state.pulls[at];
            if sent["assignees"].is_array() {
                pull.assignees = people;
            }
            if let Some(title) = sent["title"].as_str() {
                pull.set_title(title, "WIP: ");
            }
            if let Some(text) = sent["body"].as_str() {
                text.clone_into(&mut pull.body);
            }
            if sent["state"] == "closed" {
                pull.state = PullState::Closed;
            }
            respond(201, &shown(state, at))
        }
        ("POST", ["issues", _, "labels"]) => {
            let ids = sent["labels"].as_array().cloned().unwrap_or_default();
            let known = ids.iter().filter_map(|id| {
                let id = usize::try_from(id.as_u64()?).ok()?;
                match id {
                    0..100 => state.labels.get(id),
                    _ => state.shared_labels.get(id - 100),
                }
            });
            let known: Vec<String> = known.cloned().collect();
            state.pulls[at].labels.extend(known);
            respond(200, &json!([]))
        }
        ("POST", ["pulls", _, "requested_reviewers"]) => {
            let people = names(&sent["reviewers"]);
            if !people.iter().all(|name| state.is_member(name)) {
                return refused(404, "UserNotExist");
            }
            for name in people {
                if !state.pulls[at].reviewers.contains(&name) {
                    state.pulls[at].reviewers.push(name);
                }
            }
            respond(201, &json!([]))
        }
        ("GET", ["issues", _, "comments"]) => {
            let comments = state.pulls[at].comments.iter();
            let comments: Vec<Value> = comments.map(|text| json!({ "body": text })).collect();
            respond(200, &json!(comments))
        }
        ("POST", ["issues", _, "comments"]) => {
            let text = sent["body"].as_str().unwrap_or_default().to_owned();
            state.pulls[at].comments.push(text.clone());
            respond(201, &json!({ "id": 1, "body": text }))
        }
        ("POST", ["pulls", _, "merge"]) => merge(state, at, &sent),
        _ => refused(404, "The target couldn't be found."),
    }
}

fn merge(state: &mut State, at: usize, sent: &Value) -> Response {
    if state.unready_tries > 0 {
        state.unready_tries -= 1;
        return refused(405, "Please try again later");
    }
    if !state.allows_auto_merge {
        return refused(405, "User not allowed to merge PR");
    }
    let pull = &mut state.pulls[at];
    if pull.auto_merge.is_some() {
        return refused(409, "pull request is already scheduled to auto merge");
    }
    if sent["head_commit_id"] != pull.head_commit.as_str() {
        return refused(409, "head out of date");
    }
    if sent["merge_when_checks_succeed"] == true {
        pull.auto_merge = Some(pull.head_commit.clone());
        return Response::new(201);
    }
    pull.state = PullState::Merged;
    Response::new(200)
}

fn labels(state: &State, request: &Request, first: usize, names: &[String]) -> Response {
    let items = names.iter().enumerate();
    let items: Vec<Value> = items
        .map(|(at, name)| json!({ "id": first + at, "name": name }))
        .collect();
    paged(state, request, &items, "limit")
}

/// There is no asking for those of one head.
fn list(state: &State, request: &Request) -> Response {
    let wanted = query(request, "state").unwrap_or_else(|| "open".to_owned());
    let base = query(request, "base_branch");
    let items: Vec<Value> = (0..state.pulls.len())
        .rev()
        .filter(|at| {
            let pull = &state.pulls[*at];
            (wanted == "all" || (pull.state == PullState::Open) == (wanted == "open"))
                && base.as_ref().is_none_or(|base| *base == pull.base)
        })
        .map(|at| shown(state, at))
        .collect();
    paged(state, request, &items, "limit")
}

/// A request without changes is made all the same.
fn create(state: &mut State, sent: &Value) -> Response {
    let text = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let Some(commit) = state.commit_of(&head) else {
        return refused(404, "The target couldn't be found.");
    };
    if state.duplicate_of(&head, &base).is_some() {
        return refused(
            409,
            "pull request already exists for these targets [id: 1, issue_id: 1]",
        );
    }
    let mut pull = Pull {
        body: text("body"),
        head,
        base,
        head_commit: commit,
        ..Pull::default()
    };
    pull.set_title(&text("title"), "WIP: ");
    state.add(pull);
    respond(201, &shown(state, state.pulls.len() - 1))
}

fn shown(state: &State, at: usize) -> Value {
    let pull = &state.pulls[at];
    let name = match pull.state {
        PullState::Open => pull.head.clone(),
        // The branch is deleted with the request.
        _ => format!("refs/pull/{}/head", pull.number),
    };
    json!({
        "id": 1000 + pull.number,
        "number": pull.number,
        "html_url": state.page_of(&format!("pulls/{}", pull.number)),
        "title": pull.shown_title("WIP: "),
        "body": pull.body,
        "state": if pull.state == PullState::Open { "open" } else { "closed" },
        "merged": pull.state == PullState::Merged,
        "head": {
            "label": state.shown_head(pull),
            "ref": name,
            "sha": pull.head_commit,
            "repo_id": if pull.is_of_fork { 8 } else { 7 },
        },
        "base": { "label": pull.base, "ref": pull.base, "sha": "b".repeat(40), "repo_id": 7 },
    })
}

fn refused(status: u16, message: &str) -> Response {
    respond(
        status,
        &json!({ "message": message, "url": "https://forge.example.com/api/swagger" }),
    )
}
