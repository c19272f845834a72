//! Bitbucket Data Center's API, 1.0.

use serde_json::{Value, json};

use super::{Pull, PullState, State, body, json as respond, query};
use crate::support::registry::http::{Request, Response};

pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    let expected = state.token.as_ref().map(|token| format!("Bearer {token}"));
    if expected.is_some() && expected.as_deref() != request.header("authorization") {
        return refused(401, "Authentication failed.", "AuthenticationException");
    }
    let (key, slug) = state.project.split_once('/').unwrap();
    let prefix = format!("/rest/api/1.0/projects/{key}/repos/{slug}/pull-requests");
    let Some(rest) = request.path.strip_prefix(&prefix) else {
        return refused(
            404,
            "Repository does not exist.",
            "NoSuchRepositoryException",
        );
    };
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
        return refused(
            404,
            "Pull request does not exist.",
            "NoSuchPullRequestException",
        );
    };
    let sent = body(request);
    let version = sent["version"]
        .as_u64()
        .or_else(|| query(request, "version")?.parse().ok());
    let is_stale = version != Some(state.pulls[at].version);
    let stale = || {
        let said = "You are attempting to modify a pull request based on out-of-date information.";
        refused(
            409,
            said,
            "com.atlassian.bitbucket.pull.PullRequestOutOfDateException",
        )
    };
    match (method, &parts[1..]) {
        ("GET", []) => respond(200, &shown(state, at)),
        ("PUT", []) if is_stale => stale(),
        ("PUT", []) => {
            let pull = &mut state.pulls[at];
            let reviewers = sent["reviewers"].as_array().into_iter().flatten();
            // Those that are not named are removed.
            pull.reviewers = reviewers
                .filter_map(|it| it["user"]["name"].as_str().map(str::to_owned))
                .collect();
            for (key, place) in [("title", &mut pull.title), ("description", &mut pull.body)] {
                sent[key].as_str().unwrap_or_default().clone_into(place);
            }
            pull.version += 1;
            respond(200, &shown(state, at))
        }
        ("POST", ["participants"]) => {
            let name = sent["user"]["name"].as_str().unwrap_or_default().to_owned();
            if !state.is_member(&name) {
                return refused(
                    409,
                    "No user with this name.",
                    "InvalidPullRequestReviewersException",
                );
            }
            state.pulls[at].reviewers.push(name);
            respond(200, &json!({ "role": "REVIEWER" }))
        }
        ("GET", ["activities"]) => {
            let comments = state.pulls[at].comments.iter();
            let mut activities = vec![json!({ "id": 1, "action": "OPENED" })];
            activities.extend(comments.map(|text| {
                json!({ "id": 2, "action": "COMMENTED", "comment": { "id": 3, "text": text } })
            }));
            paged(state, request, &activities)
        }
        ("POST", ["comments"]) => {
            let text = sent["text"].as_str().unwrap_or_default().to_owned();
            state.pulls[at].comments.push(text.clone());
            respond(201, &json!({ "id": 3, "text": text }))
        }
        ("POST", ["decline"]) if is_stale => stale(),
        ("POST", ["decline"]) => {
            let pull = &mut state.pulls[at];
            (pull.state, pull.version) = (PullState::Closed, pull.version + 1);
            respond(200, &shown(state, at))
        }
        _ => refused(404, "Not found.", "NotFoundException"),
    }
}

fn list(state: &State, request: &Request) -> Response {
    let wanted = query(request, "state").unwrap_or_else(|| "OPEN".to_owned());
    let branch = query(request, "at").unwrap_or_default();
    let is_outgoing = query(request, "direction").as_deref() == Some("OUTGOING");
    let items: Vec<Value> = (0..state.pulls.len())
        .rev()
        .filter(|at| {
            let pull = &state.pulls[*at];
            let end = if is_outgoing { &pull.head } else { &pull.base };
            wanted == name(pull.state) && branch == format!("refs/heads/{end}")
        })
        .map(|at| shown(state, at))
        .collect();
    paged(state, request, &items)
}

fn paged(state: &State, request: &Request, items: &[Value]) -> Response {
    let number = |name: &str| query(request, name).and_then(|text| text.parse::<usize>().ok());
    let size = number("limit").unwrap_or(25).min(state.page);
    let start = number("start").unwrap_or(0);
    let shown: Vec<&Value> = items.iter().skip(start).take(size).collect();
    let next = start + shown.len();
    let is_last = next >= items.len();
    respond(
        200,
        &json!({
            "values": shown,
            "isLastPage": is_last,
            "nextPageStart": (!is_last).then_some(next),
        }),
    )
}

fn create(state: &mut State, sent: &Value) -> Response {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let branch = |key: &str| text(&sent[key]["id"]).replace("refs/heads/", "");
    let (head, base) = (branch("fromRef"), branch("toRef"));
    let Some(commit) = state.commit_of(&head) else {
        return refused(404, "The branch does not exist.", "NoSuchBranchException");
    };
    if state.duplicate_of(&head, &base).is_some() {
        return refused(
            409,
            "Only one pull request may be open for a given source and target branch",
            "com.atlassian.bitbucket.pull.DuplicatePullRequestException",
        );
    }
    if state.has_nothing(&head, &base) {
        return refused(
            409,
            "The branch is already up-to-date.",
            "com.atlassian.bitbucket.pull.EmptyPullRequestException",
        );
    }
    state.add(Pull {
        title: text(&sent["title"]),
        body: text(&sent["description"]),
        head,
        base,
        head_commit: commit,
        is_draft: sent["draft"] == true,
        ..Pull::default()
    });
    respond(201, &shown(state, state.pulls.len() - 1))
}

fn name(state: PullState) -> &'static str {
    match state {
        PullState::Open => "OPEN",
        PullState::Closed => "DECLINED",
        PullState::Merged => "MERGED",
    }
}

fn shown(state: &State, at: usize) -> Value {
    let pull = &state.pulls[at];
    let end = |branch: &str, commit: &str, id: u64| {
        json!({
            "id": format!("refs/heads/{branch}"),
            "displayId": branch,
            "latestCommit": commit,
            "repository": { "id": id, "slug": "deploy" },
        })
    };
    let from = if pull.is_of_fork { 8 } else { 7 };
    let reviewers = pull.reviewers.iter();
    let reviewers: Vec<Value> = reviewers
        .map(|name| json!({ "user": { "name": name }, "role": "REVIEWER" }))
        .collect();
    json!({
        "id": pull.number,
        "version": pull.version,
        "title": pull.title,
        "description": pull.body,
        "state": name(pull.state),
        "draft": pull.is_draft,
        "fromRef": end(state.shown_head(pull), &pull.head_commit, from),
        "toRef": end(&pull.base, &"b".repeat(40), 7),
        "reviewers": reviewers,
        "links": { "self": [{ "href": state.page_of(&format!("pull-requests/{}", pull.number)) }] },
    })
}

fn refused(status: u16, message: &str, exception: &str) -> Response {
    let error = json!({ "context": null, "message": message, "exceptionName": exception });
    respond(status, &json!({ "errors": [error] }))
}
