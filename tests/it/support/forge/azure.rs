//! Azure DevOps's API, 7.1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Pull, PullState, State, body, json as respond, query};
use crate::support::registry::http::{Request, Response};

pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    let basic = |token: &String| format!("Basic {}", STANDARD.encode(format!(":{token}")));
    let expected = state.token.as_ref().map(basic);
    if expected.is_some() && expected.as_deref() != request.header("authorization") {
        // The page to sign in.
        return Response::new(203).body("<html>Sign in</html>");
    }
    let (project, name) = state.project.split_once('/').unwrap();
    let prefix = format!("/{project}/_apis/git/repositories/{name}/pullrequests");
    let Some(rest) = request.path.strip_prefix(&prefix) else {
        return refused(404, "TF401019: The Git repository does not exist.");
    };
    if query(request, "api-version").as_deref() != Some("7.1") {
        return refused(400, "No api-version was supplied");
    }
    let parts: Vec<&str> = rest.trim_start_matches('/').split('/').collect();
    let method = request.method.as_str();
    if parts == [""] {
        return match method {
            "GET" => list(state, request),
            _ => create(state, &body(request)),
        };
    }
    let number = parts[0].parse::<u64>().ok();
    let Some(at) = state.pulls.iter().position(|it| Some(it.number) == number) else {
        return refused(404, "TF401180: The requested pull request was not found.");
    };
    let sent = body(request);
    match (method, &parts[1..]) {
        ("GET", []) => respond(200, &shown(state, at, usize::MAX)),
        ("PATCH", []) => {
            let pull = &mut state.pulls[at];
            for (key, place) in [("title", &mut pull.title), ("description", &mut pull.body)] {
                if let Some(text) = sent[key].as_str() {
                    text.clone_into(place);
                }
            }
            if sent["status"] == "abandoned" {
                pull.state = PullState::Closed;
            }
            respond(200, &shown(state, at, usize::MAX))
        }
        ("PUT", ["reviewers", name]) if state.is_member(name) => {
            state.pulls[at].reviewers.push((*name).to_owned());
            respond(200, &json!({ "id": name, "vote": 0 }))
        }
        ("PUT", ["reviewers", _]) => refused(400, "The identity is not known."),
        ("GET", ["threads"]) => {
            let threads = state.pulls[at].comments.iter();
            let threads: Vec<Value> = threads
                .map(|text| json!({ "id": 1, "comments": [{ "id": 1, "content": text }, { "id": 2 }] }))
                .collect();
            respond(200, &json!({ "value": threads, "count": threads.len() }))
        }
        ("POST", ["threads"]) => {
            let text = sent["comments"][0]["content"].as_str().unwrap_or_default();
            state.pulls[at].comments.push(text.to_owned());
            respond(200, &json!({ "id": 1 }))
        }
        _ => refused(404, "Not found"),
    }
}

fn list(state: &State, request: &Request) -> Response {
    let criterion = |name: &str| query(request, &format!("searchCriteria.{name}"));
    let number = |name: &str| query(request, name).and_then(|text| text.parse::<usize>().ok());
    let (source, target) = (criterion("sourceRefName"), criterion("targetRefName"));
    let wanted = criterion("status").unwrap_or_else(|| "active".to_owned());
    let top = number("$top").or_else(|| number("%24top")).unwrap_or(101);
    let skip = number("$skip").or_else(|| number("%24skip")).unwrap_or(0);
    let of = |branch: &str| format!("refs/heads/{branch}");
    let items: Vec<Value> = (0..state.pulls.len())
        .rev()
        .filter(|at| {
            let pull = &state.pulls[*at];
            wanted == name(pull.state)
                && source
                    .as_ref()
                    .is_none_or(|source| *source == of(&pull.head))
                && target
                    .as_ref()
                    .is_none_or(|target| *target == of(&pull.base))
        })
        .skip(skip)
        .take(top)
        .map(|at| shown(state, at, 400))
        .collect();
    respond(200, &json!({ "value": items, "count": items.len() }))
}

fn create(state: &mut State, sent: &Value) -> Response {
    let text = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
    let branch = |key: &str| text(key).replace("refs/heads/", "");
    let (head, base) = (branch("sourceRefName"), branch("targetRefName"));
    if text("description").chars().count() > 4_000 {
        return refused(400, "A description may have 4000 characters.");
    }
    let Some(commit) = state.commit_of(&head) else {
        return refused(404, "TF401398: The source branch does not exist.");
    };
    if state.duplicate_of(&head, &base).is_some() {
        let said =
            "TF401179: An active pull request for the source and target branch already exists.";
        return refused(409, said);
    }
    let labels = sent["labels"].as_array().into_iter().flatten();
    let labels = labels.filter_map(|it| it["name"].as_str().map(str::to_owned));
    state.add(Pull {
        title: text("title"),
        body: text("description"),
        head,
        base,
        head_commit: commit,
        is_draft: sent["isDraft"] == true,
        labels: labels.collect(),
        ..Pull::default()
    });
    respond(201, &shown(state, state.pulls.len() - 1, usize::MAX))
}

fn name(state: PullState) -> &'static str {
    match state {
        PullState::Open => "active",
        PullState::Closed => "abandoned",
        PullState::Merged => "completed",
    }
}

fn shown(state: &State, at: usize, most: usize) -> Value {
    let pull = &state.pulls[at];
    let mut shown = json!({
        "pullRequestId": pull.number,
        "title": pull.title,
        "description": pull.body.chars().take(most).collect::<String>(),
        "status": name(pull.state),
        "isDraft": pull.is_draft,
        "sourceRefName": format!("refs/heads/{}", state.shown_head(pull)),
        "targetRefName": format!("refs/heads/{}", pull.base),
        "lastMergeSourceCommit": { "commitId": pull.head_commit },
        "url": "https://dev.azure.com/shop/_apis/git",
    });
    if pull.is_of_fork {
        shown["forkSource"] = json!({ "name": "refs/heads/imago" });
    }
    shown
}

fn refused(status: u16, message: &str) -> Response {
    respond(
        status,
        &json!({ "message": message, "typeKey": "GitException", "errorCode": 0 }),
    )
}
