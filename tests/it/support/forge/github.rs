//! GitHub's API, and that of GitHub Enterprise: `/api/v3` and `/api/graphql`.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{App, Pull, PullState, State, body, json as respond, names, paged, query};
use crate::support::registry::http::{Request, Response};

pub(super) fn answer(state: &mut State, request: &Request) -> Response {
    if let Some(app) = state.app.clone()
        && let Some(response) = of_app(state, request, &app)
    {
        return response;
    }
    let expected = state.token.as_ref().map(|token| format!("Bearer {token}"));
    if expected.is_some() && expected.as_deref() != request.header("authorization") {
        return refused(401, "Bad credentials");
    }
    if request.path == "/api/graphql" {
        return graphql(state, &body(request));
    }
    let prefix = format!("/api/v3/repos/{}/", state.project);
    let Some(rest) = request.path.strip_prefix(&prefix) else {
        return refused(404, "Not Found");
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let number = parts.get(1).and_then(|text| text.parse::<u64>().ok());
    match (request.method.as_str(), &parts[..]) {
        ("GET", ["pulls"]) => list(state, request),
        ("POST", ["pulls"]) => create(state, &body(request)),
        (method, [_, _, ..]) => {
            let Some(at) = state.pulls.iter().position(|it| Some(it.number) == number) else {
                return refused(404, "Not Found");
            };
            one(state, request, method, &parts, at)
        }
        _ => refused(404, "Not Found"),
    }
}

fn one(state: &mut State, request: &Request, method: &str, parts: &[&str], at: usize) -> Response {
    let sent = body(request);
    let members = state.members.clone();
    let is_member = |name: &String| members.is_empty() || members.contains(name);
    let pull = &mut state.pulls[at];
    match (method, parts) {
        ("GET", ["pulls", _]) => respond(200, &shown(state, at)),
        ("PATCH", ["pulls", _]) => {
            for (key, place) in [("title", &mut pull.title), ("body", &mut pull.body)] {
                if let Some(text) = sent[key].as_str() {
                    text.clone_into(place);
                }
            }
            if sent["state"] == "closed" {
                pull.state = PullState::Closed;
            }
            respond(200, &shown(state, at))
        }
        ("POST", ["issues", _, "labels"]) => {
            add(&mut pull.labels, names(&sent["labels"]));
            respond(
                200,
                &json!(
                    pull.labels
                        .iter()
                        .map(|name| json!({ "name": name }))
                        .collect::<Vec<_>>()
                ),
            )
        }
        ("POST", ["issues", _, "assignees"]) => {
            let known = names(&sent["assignees"]).into_iter().filter(is_member);
            add(&mut pull.assignees, known.collect());
            let shown: Vec<Value> = pull
                .assignees
                .iter()
                .map(|name| json!({ "login": name }))
                .collect();
            respond(201, &json!({ "number": pull.number, "assignees": shown }))
        }
        ("POST", ["pulls", _, "requested_reviewers"]) => {
            let people = names(&sent["reviewers"]);
            if !people.iter().all(is_member) {
                return refused(
                    422,
                    "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a collaborator of the shop/deploy repository.",
                );
            }
            let teams = names(&sent["team_reviewers"]);
            add(&mut pull.reviewers, people);
            let teams = teams.iter().map(|team| format!("team {team}"));
            add(&mut pull.reviewers, teams.collect());
            respond(201, &shown(state, at))
        }
        ("GET", ["issues", _, "comments"]) => {
            let comments: Vec<Value> = pull
                .comments
                .iter()
                .map(|text| json!({ "body": text }))
                .collect();
            paged(state, request, &comments, "per_page")
        }
        ("POST", ["issues", _, "comments"]) => {
            let text = sent["body"].as_str().unwrap_or_default().to_owned();
            pull.comments.push(text.clone());
            respond(201, &json!({ "body": text }))
        }
        _ => refused(404, "Not Found"),
    }
}

/// Who is there already is not there twice.
fn add(to: &mut Vec<String>, names: Vec<String>) {
    for name in names {
        if !to.contains(&name) {
            to.push(name);
        }
    }
}

fn list(state: &State, request: &Request) -> Response {
    let wanted = query(request, "state").unwrap_or_else(|| "open".to_owned());
    // Without an owner the name of the branch is passed over, and all are listed.
    let head = query(request, "head").filter(|head| head.contains(':'));
    let base = query(request, "base");
    let items: Vec<Value> = (0..state.pulls.len())
        .rev()
        .filter(|at| {
            let pull = &state.pulls[*at];
            let owner = if pull.is_of_fork {
                "fork"
            } else {
                owner(state)
            };
            let is_open = pull.state == PullState::Open;
            (wanted == "all" || is_open == (wanted == "open"))
                && head
                    .as_ref()
                    .is_none_or(|head| *head == format!("{owner}:{}", pull.head))
                && base.as_ref().is_none_or(|base| *base == pull.base)
        })
        .map(|at| shown(state, at))
        .collect();
    paged(state, request, &items, "per_page")
}

fn create(state: &mut State, sent: &Value) -> Response {
    let text = |key: &str| sent[key].as_str().unwrap_or_default().to_owned();
    let (head, base) = (text("head"), text("base"));
    let invalid = |errors: Value| {
        let body = json!({ "message": "Validation Failed", "errors": errors, "status": "422" });
        respond(422, &body)
    };
    let custom = |message: String| {
        invalid(json!([{ "resource": "PullRequest", "code": "custom", "message": message }]))
    };
    if text("body").chars().count() > 65_536 {
        return custom("body is too long (maximum is 65536 characters)".to_owned());
    }
    let (Some(commit), Some(_)) = (state.commit_of(&head), state.commit_of(&base)) else {
        return invalid(json!([{ "resource": "PullRequest", "field": "head", "code": "invalid" }]));
    };
    if state.duplicate_of(&head, &base).is_some() {
        let owner = owner(state);
        return custom(format!("A pull request already exists for {owner}:{head}."));
    }
    if state.has_nothing(&head, &base) {
        return custom(format!("No commits between {base} and {head}"));
    }
    state.add(Pull {
        title: text("title"),
        body: text("body"),
        head,
        base,
        head_commit: commit,
        is_draft: sent["draft"] == true,
        ..Pull::default()
    });
    respond(201, &shown(state, state.pulls.len() - 1))
}

fn owner(state: &State) -> &str {
    state.project.split('/').next().unwrap_or_default()
}

fn shown(state: &State, at: usize) -> Value {
    let pull = &state.pulls[at];
    let of = |id: u64, owner: &str| json!({ "id": id, "full_name": format!("{owner}/deploy") });
    let head = match pull.is_of_fork {
        true => of(8, "fork"),
        false => of(7, owner(state)),
    };
    json!({
        "number": pull.number,
        "node_id": format!("PR_{}", pull.number),
        "html_url": state.page_of(&format!("pull/{}", pull.number)),
        "title": pull.title,
        "body": pull.body,
        "state": if pull.state == PullState::Open { "open" } else { "closed" },
        "merged_at": (pull.state == PullState::Merged).then_some("2026-01-02T03:04:05Z"),
        "draft": pull.is_draft,
        "head": { "ref": state.shown_head(pull), "sha": pull.head_commit, "repo": head },
        "base": { "ref": pull.base, "sha": "b".repeat(40), "repo": of(7, owner(state)) },
    })
}

fn graphql(state: &mut State, sent: &Value) -> Response {
    let asked = sent["query"].as_str().unwrap_or_default();
    let variables = &sent["variables"];
    let failed = |kind: &str, message: &str| {
        let errors = json!([{ "type": kind, "message": message }]);
        respond(200, &json!({ "data": null, "errors": errors }))
    };
    if !asked.contains("enablePullRequestAutoMerge") {
        let number = variables["number"].as_u64();
        let Some(pull) = state.pulls.iter().find(|it| Some(it.number) == number) else {
            return failed("NOT_FOUND", "Could not resolve to a PullRequest");
        };
        let on = pull
            .auto_merge
            .as_ref()
            .map(|_| json!({ "enabledAt": "2026-01-02T03:04:05Z" }));
        let found = json!({ "id": format!("PR_{}", pull.number), "autoMergeRequest": on });
        let repository = json!({ "viewerDefaultMergeMethod": "SQUASH", "pullRequest": found });
        return respond(200, &json!({ "data": { "repository": repository } }));
    }
    if !state.allows_auto_merge {
        return failed(
            "UNPROCESSABLE",
            "Pull request Auto merge is not allowed for this repository",
        );
    }
    if state.is_ready {
        return failed(
            "UNPROCESSABLE",
            "Pull request Pull request is in clean status",
        );
    }
    let id = variables["id"].as_str().unwrap_or_default();
    let Some(pull) = state
        .pulls
        .iter_mut()
        .find(|it| format!("PR_{}", it.number) == id)
    else {
        return failed("NOT_FOUND", "Could not resolve to a node");
    };
    if variables["head"] != pull.head_commit.as_str() {
        return failed("UNPROCESSABLE", "Head sha didn't match expected sha");
    }
    pull.auto_merge = Some(pull.head_commit.clone());
    let done = json!({ "enablePullRequestAutoMerge": { "clientMutationId": null } });
    respond(200, &json!({ "data": done }))
}

/// What an app asks for before it has a token.
fn of_app(state: &mut State, request: &Request, app: &App) -> Option<Response> {
    let repository = format!("/api/v3/repos/{}/installation", state.project);
    let tokens = "/api/v3/app/installations/9/access_tokens";
    if request.path != repository && request.path != tokens {
        return None;
    }
    let claims = request
        .header("authorization")
        .and_then(|header| header.strip_prefix("Bearer "))
        .and_then(|proof| claims(proof, &app.public_key));
    let Some(claims) = claims else {
        return Some(refused(401, "A JSON web token could not be decoded"));
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let (now, life) = (now.unwrap().as_secs(), 600);
    let (from, until) = (claims["iat"].as_u64()?, claims["exp"].as_u64()?);
    if until > now + life || until < now || from > now {
        return Some(refused(
            401,
            "'Expiration time' claim ('exp') is too far in the future",
        ));
    }
    if claims["iss"].to_string().trim_matches('"') != app.id {
        return Some(refused(404, "Integration not found"));
    }
    if !app.is_installed {
        return Some(refused(404, "Not Found"));
    }
    if request.path == repository {
        return Some(respond(200, &json!({ "id": 9, "app_id": 12 })));
    }
    let sent = body(request);
    let wanted = sent["permissions"].as_object().cloned().unwrap_or_default();
    if !wanted.keys().all(|name| app.permissions.contains(name)) {
        return Some(refused(
            422,
            "The permissions requested are not granted to this installation.",
        ));
    }
    assert_eq!(sent["repositories"], json!(["deploy"]));
    let token = "planted-token-of-the-app";
    state.token = Some(token.to_owned());
    let made = json!({ "token": token, "expires_at": "2099-01-01T00:00:00Z" });
    Some(respond(201, &made))
}

/// What a JSON web token says, where the key has signed it with RS256.
fn claims(proof: &str, public_key: &[u8]) -> Option<Value> {
    let (signed, signature) = proof.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let header: Value = serde_json::from_slice(&decoded(header)?).ok()?;
    let provider = rustls::crypto::ring::default_provider();
    let algorithms = provider.signature_verification_algorithms.mapping;
    let (_, rsa) = algorithms
        .iter()
        .find(|(scheme, _)| *scheme == rustls::SignatureScheme::RSA_PKCS1_SHA256)?;
    rsa.first()?
        .verify_signature(public_key, signed.as_bytes(), &decoded(signature)?)
        .ok()?;
    (header["alg"] == "RS256").then(|| serde_json::from_slice(&decoded(claims)?).ok())?
}

fn refused(status: u16, message: &str) -> Response {
    let body = json!({ "message": message, "documentation_url": "https://docs.example.com" });
    respond(status, &body)
}
