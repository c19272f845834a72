//! Bitbucket Cloud's API, 2.0.

use serde_json::{Value, json};

use super::{Pull, PullState, State, body, json as respond, query};
use crate::support::registry::http::{Request, Response};

pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    let expected = state.token.as_ref().map(|token| format!("Bearer {token}"));
    if expected.is_some() && expected.as_deref() != request.header("authorization") {
        return refused(
            401,
            "Token is invalid, expired, or not supported for this endpoint.",
        );
    }
    let prefix = format!("/2.0/repositories/{}/pullrequests", state.project);
    let Some(rest) = request.path.strip_prefix(&prefix) else {
        return refused(404, "Repository not found");
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
        return refused(404, "Pull request not found");
    };
    let sent = body(request);
    match (method, &parts[1..]) {
        ("GET", []) => respond(200, &shown(state, at)),
        ("PUT", []) => {
            let reviewers = sent["reviewers"].as_array().into_iter().flatten();
            let reviewers: Vec<String> = reviewers
                .filter_map(|it| it["uuid"].as_str().or(it["account_id"].as_str()))
                .map(str::to_owned)
                .collect();
            if !reviewers.iter().all(|name| state.is_member(name)) {
                return refused(400, "reviewers: Malformed reviewers list");
            }
            let pull = &mut state.pulls[at];
            // Those that are not named are removed.
            pull.reviewers = reviewers;
            if let Some(title) = sent["title"].as_str() {
                title.clone_into(&mut pull.title);
            }
            // So is a text.
            let text = sent["description"].as_str().unwrap_or_default();
            text.clone_into(&mut pull.body);
            respond(200, &shown(state, at))
        }
        ("GET", ["comments"]) => {
            let comments = state.pulls[at].comments.iter();
            let comments: Vec<Value> = comments
                .map(|text| json!({ "content": { "raw": text } }))
                .collect();
            paged(state, request, &comments)
        }
        ("POST", ["comments"]) => {
            let text = sent["content"]["raw"].as_str().unwrap_or_default();
            state.pulls[at].comments.push(text.to_owned());
            respond(201, &json!({ "content": { "raw": text } }))
        }
        ("POST", ["decline"]) => {
            state.pulls[at].state = PullState::Closed;
            respond(200, &shown(state, at))
        }
        _ => refused(404, "Not found"),
    }
}

fn list(state: &State, request: &Request) -> Response {
    let asked = query(request, "q").unwrap_or_default();
    let says = |field: &str, value: &str| asked.contains(&format!("{field} = \"{value}\""));
    let items: Vec<Value> = (0..state.pulls.len())
        .rev()
        .filter(|at| {
            let pull = &state.pulls[*at];
            says("state", name(pull.state))
                && (!asked.contains("destination.") || says("destination.branch.name", &pull.base))
                && (!asked.contains("source.") || says("source.branch.name", &pull.head))
        })
        .map(|at| shown(state, at))
        .collect();
    paged(state, request, &items)
}

fn paged(state: &State, request: &Request, items: &[Value]) -> Response {
    let number = |name: &str| query(request, name).and_then(|text| text.parse::<usize>().ok());
    let size = number("pagelen").unwrap_or(10).min(state.page);
    let page = number("page").unwrap_or(1);
    let shown: Vec<&Value> = items.iter().skip((page - 1) * size).take(size).collect();
    let mut body = json!({ "pagelen": size, "page": page, "values": shown });
    if page * size < items.len() {
        let kept: Vec<&str> = request
            .query
            .split('&')
            .filter(|pair| !pair.starts_with("page="))
            .collect();
        body["next"] = json!(format!(
            "{}{}?{}&page={}",
            state.link_address(),
            request.path,
            kept.join("&"),
            page + 1
        ));
    }
    respond(200, &body)
}

fn create(state: &mut State, sent: &Value) -> Response {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let branch = |key: &str| text(&sent[key]["branch"]["name"]);
    let (head, base) = (branch("source"), branch("destination"));
    let Some(commit) = state.commit_of(&head) else {
        return refused(400, "source: branch not found");
    };
    if state.has_nothing(&head, &base) {
        return refused(400, "There are no changes to be pulled");
    }
    let pull = Pull {
        title: text(&sent["title"]),
        body: text(&sent["description"]),
        head,
        base,
        head_commit: commit,
        is_draft: sent["draft"] == true,
        ..Pull::default()
    };
    // One that is there already is changed.
    let at = match state.duplicate_of(&pull.head, &pull.base) {
        Some(number) => {
            let at = state.pulls.iter().position(|it| it.number == number);
            at.unwrap()
        }
        None => {
            state.add(pull);
            state.pulls.len() - 1
        }
    };
    respond(201, &shown(state, at))
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
    let end = |branch: &str, commit: &str, uuid: &str| {
        json!({
            "branch": { "name": branch },
            "commit": { "hash": &commit[..12] },
            "repository": { "uuid": uuid },
        })
    };
    let from = if pull.is_of_fork { "{8}" } else { "{7}" };
    let reviewers = pull.reviewers.iter();
    json!({
        "id": pull.number,
        "title": pull.title,
        "description": pull.body,
        "state": name(pull.state),
        "draft": pull.is_draft,
        "source": end(state.shown_head(pull), &pull.head_commit, from),
        "destination": end(&pull.base, &"b".repeat(40), "{7}"),
        "reviewers": reviewers.map(|name| json!({ "uuid": name })).collect::<Vec<_>>(),
        "links": { "html": { "href": state.page_of(&format!("pull-requests/{}", pull.number)) } },
    })
}

fn refused(status: u16, message: &str) -> Response {
    respond(
        status,
        &json!({ "type": "error", "error": { "message": message } }),
    )
}
