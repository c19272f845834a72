//! GitLab's API, v4, with the whole name of the project as one segment.

use serde_json::{Value, json};

use super::{Pull, PullState, State, body, json as respond, paged, query};
use crate::support::registry::http::{Request, Response};

pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    let expected = state.token.as_ref().map(|token| format!("Bearer {token}"));
    if expected.is_some() && expected.as_deref() != request.header("authorization") {
        return refused(401, json!("401 Unauthorized"));
    }
    if request.path == "/api/v4/users" {
        let name = query(request, "username").unwrap_or_default();
        let found: Vec<Value> = state.account(&name).into_iter().map(user).collect();
        return respond(200, &json!(found));
    }
    let prefix = format!("/api/v4/projects/{}/", state.project.replace('/', "%2F"));
    let Some(rest) = request.path.strip_prefix(&prefix) else {
        return refused(404, json!("404 Project Not Found"));
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let method = request.method.as_str();
    if parts == ["merge_requests"] {
        return match method {
            "GET" => list(state, request),
            "POST" => create(state, &body(request)),
            _ => refused(405, json!("405 Method Not Allowed")),
        };
    }
    let number = parts.get(1).and_then(|text| text.parse::<u64>().ok());
    let Some(at) = state.pulls.iter().position(|it| Some(it.number) == number) else {
        return refused(404, json!("404 Not found"));
    };
    let sent = body(request);
    match (method, &parts[2..]) {
        ("GET", []) => respond(200, &shown(state, at)),
        ("PUT", []) => {
            let numbers = |key: &str| {
                let ids = sent[key].as_array()?;
                let ids: Vec<u64> = ids.iter().filter_map(Value::as_u64).collect();
                Some(
                    ids.into_iter()
                        .map(|id| state.account_of(id))
                        .collect::<Vec<_>>(),
                )
            };
            let (reviewers, assignees) = (numbers("reviewer_ids"), numbers("assignee_ids"));
            let pull = &mut state.pulls[at];
            if let Some(title) = sent["title"].as_str() {
                pull.set_title(title, "Draft: ");
            }
            if let Some(text) = sent["description"].as_str() {
                text.clone_into(&mut pull.body);
            }
            if sent["state_event"] == "close" {
                pull.state = PullState::Closed;
            }
            pull.reviewers = reviewers.unwrap_or_else(|| pull.reviewers.clone());
            pull.assignees = assignees.unwrap_or_else(|| pull.assignees.clone());
            respond(200, &shown(state, at))
        }
        ("GET", ["notes"]) => {
            let notes = state.pulls[at].comments.iter();
            let notes: Vec<Value> = notes.map(|text| json!({ "body": text })).collect();
            paged(state, request, &notes, "per_page")
        }
        ("POST", ["notes"]) => {
            let text = sent["body"].as_str().unwrap_or_default().to_owned();
            state.pulls[at].comments.push(text.clone());
            respond(201, &json!({ "id": 1, "body": text }))
        }
        ("PUT", ["merge"]) => merge(state, at, &sent),
        _ => refused(404, json!("404 Not Found")),
    }
}

fn merge(state: &mut State, at: usize, sent: &Value) -> Response {
    if state.unready_tries > 0 {
        state.unready_tries -= 1;
        return refused(405, json!("405 Method Not Allowed"));
    }
    if !state.allows_auto_merge {
        return refused(405, json!("405 Method Not Allowed"));
    }
    let pull = &mut state.pulls[at];
    if state.late_tries > 0 || sent["sha"] != pull.head_commit.as_str() {
        state.late_tries = state.late_tries.saturating_sub(1);
        return refused(409, json!("SHA does not match HEAD of source branch"));
    }
    if sent["auto_merge"] == true || sent["merge_when_pipeline_succeeds"] == true {
        pull.auto_merge = Some(pull.head_commit.clone());
    } else {
        pull.state = PullState::Merged;
    }
    respond(200, &shown(state, at))
}

fn list(state: &State, request: &Request) -> Response {
    let wanted = query(request, "state").unwrap_or_else(|| "all".to_owned());
    let (source, target) = (
        query(request, "source_branch"),
        query(request, "target_branch"),
    );
    let items: Vec<Value> = (0..state.pulls.len())
        .rev()
        .filter(|at| {
            let pull = &state.pulls[*at];
            (wanted == "all" || wanted == name(pull.state))
                && source.as_ref().is_none_or(|source| *source == pull.head)
                && target.as_ref().is_none_or(|target| *target == pull.base)
        })
        .map(|at| shown(state, at))
        .collect();
    paged(state, request, &items, "per_page")
}

/// A request without changes is made all the same.
fn create(state: &mut State, sent: &Value) -> Response {
    let text = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("source_branch"), text("target_branch"));
    if let Some(number) = state.duplicate_of(&head, &base) {
        let said = "Another open merge request already exists for this source branch";
        return refused(409, json!([format!("{said}: !{number}")]));
    }
    let Some(commit) = state.commit_of(&head) else {
        return refused(400, json!({ "base": ["Source branch does not exist"] }));
    };
    let labels = text("labels");
    let labels = labels.split(',').filter(|label| !label.is_empty());
    let mut pull = Pull {
        body: text("description"),
        head,
        base,
        head_commit: commit,
        labels: labels.map(str::to_owned).collect(),
        ..Pull::default()
    };
    pull.set_title(&text("title"), "Draft: ");
    state.add(pull);
    respond(201, &shown(state, state.pulls.len() - 1))
}

fn name(state: PullState) -> &'static str {
    match state {
        PullState::Open => "opened",
        PullState::Closed => "closed",
        PullState::Merged => "merged",
    }
}

fn user((id, name): (u64, String)) -> Value {
    json!({ "id": id, "username": name })
}

fn shown(state: &State, at: usize) -> Value {
    let pull = &state.pulls[at];
    let users = |names: &[String]| -> Vec<Value> {
        let known = names.iter().filter_map(|name| state.account(name));
        known.map(user).collect()
    };
    json!({
        "id": 1000 + pull.number,
        "iid": pull.number,
        "web_url": state.page_of(&format!("-/merge_requests/{}", pull.number)),
        "title": pull.shown_title("Draft: "),
        "description": pull.body,
        "state": name(pull.state),
        "draft": pull.is_draft,
        "source_branch": state.shown_head(pull),
        "target_branch": pull.base,
        "source_project_id": if pull.is_of_fork { 8 } else { 7 },
        "target_project_id": 7,
        "sha": pull.head_commit,
        "reviewers": users(&pull.reviewers),
        "assignees": users(&pull.assignees),
        "labels": pull.labels,
    })
}

fn refused(status: u16, message: Value) -> Response {
    respond(status, &json!({ "message": message }))
}
