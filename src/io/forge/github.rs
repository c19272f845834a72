//! GitHub and GitHub Enterprise.
//!
//! REST API, version 2022-11-28: <https://docs.github.com/rest/pulls/pulls>. Auto-merge has GraphQL alone:
//! <https://docs.github.com/graphql/reference/mutations#enablepullrequestautomerge>.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::error::ForgeError;
use super::location::Location;
use super::{Api, Draft, Posted, Request, State, Wanted};
use crate::engine::code::Code;

/// One repository.
pub(super) struct GitHub {
    owner: String,
    name: String,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    #[serde(default)]
    html_url: String,
    title: String,
    body: Option<String>,
    state: String,
    merged_at: Option<String>,
    #[serde(default)]
    draft: bool,
    head: End,
    base: End,
}

#[derive(Deserialize)]
struct End {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
    /// `None`: the fork is gone.
    repo: Option<Repository>,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Deserialize)]
struct Comment {
    body: Option<String>,
}

#[derive(Deserialize)]
struct Account {
    login: String,
}

#[derive(Deserialize)]
struct Assigned {
    #[serde(default)]
    assignees: Vec<Account>,
}

impl GitHub {
    pub(super) fn new(location: &Location) -> Self {
        let (owner, name) = location
            .project
            .split_once('/')
            .unwrap_or((&location.project, ""));
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A request about the repository; `act` goes before its name.
    fn call(&self, client: &Client, method: Method, act: &str, rest: &[&str]) -> Call {
        let act = format!("{act} `{}/{}`", self.owner, self.name);
        let path = [&["repos", &self.owner, &self.name], rest].concat();
        client.call(method, act, path)
    }

    fn read(&self, client: &Client, pull: Pull) -> Request {
        let own = pull.base.repo.as_ref().map(|repository| repository.id);
        let of = pull.head.repo.as_ref().map(|repository| repository.id);
        Request {
            number: pull.number,
            url: client.shown(&pull.html_url),
            title: pull.title,
            body: pull.body.unwrap_or_default(),
            head: pull.head.name,
            base: pull.base.name,
            head_commit: Some(pull.head.sha),
            state: match (pull.state.as_str(), pull.merged_at) {
                ("open", _) => State::Open,
                (_, Some(_)) => State::Merged,
                (_, None) => State::Closed,
            },
            is_draft: pull.draft,
            // A renamed repository has the same number.
            is_own: own.is_some() && own == of,
            prefix: String::new(),
        }
    }

    async fn graphql(
        &self,
        client: &Client,
        query: &str,
        variables: Value,
    ) -> Result<Value, ForgeError> {
        // `https://api.github.com/graphql`, and `https://HOST/api/graphql` beside `https://HOST/api/v3`.
        let path = match client.api_path().strip_suffix("/v3") {
            Some(before) => format!("{before}/graphql"),
            None => format!("{}/graphql", client.api_path()),
        };
        let act = format!("turn on auto-merge in `{}/{}`", self.owner, self.name);
        let mut call = client
            .call_at(Method::POST, act, &path)
            .json(&json!({ "query": query, "variables": variables }));
        if query.starts_with("query") {
            call = call.repeatable();
        }
        let answer: Value = client.ask(&call).await?;
        let first = answer["errors"]
            .as_array()
            .and_then(|errors| errors.first());
        let Some(error) = first else {
            return Ok(answer);
        };
        let said = client.hide(error["message"].as_str().unwrap_or_default());
        let (code, hint) = of_graphql(error["type"].as_str().unwrap_or_default(), &said);
        let cause = format!("`{}` says: {said}", client.location.host);
        Err(ForgeError::new(code, call.act(), cause, hint))
    }
}

impl Api for GitHub {
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError> {
        let call = self
            .call(client, Method::GET, "look for pull requests in", &["pulls"])
            .query(&[("per_page", "50")]);
        // Without the owner, `head` is ignored.
        let of = |head: &str| format!("{}:{head}", self.owner);
        let (call, pages) = match wanted {
            Wanted::OpenFrom(head) => (call.query(&[("state", "open"), ("head", &of(head))]), 1),
            Wanted::OpenInto(base) => {
                (call.query(&[("state", "open"), ("base", base)]), usize::MAX)
            }
            Wanted::Closed(head, base) => {
                let query = [("state", "closed"), ("head", &of(head))];
                let newest = [("base", base), ("sort", "updated"), ("direction", "desc")];
                (
                    call.query(&query.map(|(name, value)| (name, value as &str)))
                        .query(&newest),
                    2,
                )
            }
        };
        let pulls: Vec<Pull> = client.list(&call, pages).await?;
        Ok(pulls
            .into_iter()
            .map(|pull| self.read(client, pull))
            .collect())
    }

    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError> {
        let call = self
            .call(client, Method::POST, "open a pull request in", &["pulls"])
            .json(&json!({
                "title": draft.title,
                "body": draft.body,
                "head": draft.head,
                "base": draft.base,
                "draft": draft.is_draft,
            }));
        let reply = client.send(&call).await?;
        if reply.status == 422 {
            let said = client.said(&reply).unwrap_or_default();
            if said.contains("A pull request already exists") {
                return Ok(Posted::Exists);
            }
            if said.contains("No commits between") {
                return Ok(Posted::NothingBetween);
            }
        }
        Ok(Posted::Made(self.read(client, client.read(&call, &reply)?)))
    }

    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String> {
        let number = request.number.to_string();
        let mut warnings = Vec::new();
        let set = |what: &str, names: &[&String], path: &[&str], body: Value| {
            let act = format!("set {what} {} in", super::listed(names));
            self.call(client, Method::POST, &act, path).json(&body)
        };
        let labels = |names: &[&String]| {
            let path = ["issues", &*number, "labels"];
            set("labels", names, &path, json!({ "labels": names }))
        };
        client.set(draft.labels, labels, &mut warnings).await;
        let reviewers = |names: &[&String]| {
            let path = ["pulls", &*number, "requested_reviewers"];
            let (teams, people) = super::teams(names);
            let body = json!({ "reviewers": people, "team_reviewers": teams });
            set("reviewers", names, &path, body)
        };
        let begin = warnings.len();
        client.set(draft.reviewers, reviewers, &mut warnings).await;
        for warning in &mut warnings[begin..] {
            if draft.reviewers.iter().any(|name| name.contains('/')) {
                warning.push_str(
                    "; a team needs a token that may read the members of its organization",
                );
            }
        }
        let assignees = |names: &[&String]| {
            let path = ["issues", &*number, "assignees"];
            set("assignees", names, &path, json!({ "assignees": names }))
        };
        let reply = client.set(draft.assignees, assignees, &mut warnings).await;
        let assigned = reply.and_then(|it| serde_json::from_slice::<Assigned>(&it.body).ok());
        // Who cannot be assigned is left out without a word.
        if let Some(assigned) = assigned {
            for name in draft.assignees {
                let is_set = |account: &Account| account.login.eq_ignore_ascii_case(name);
                if !assigned.assignees.iter().any(is_set) {
                    warnings.push(format!(
                        "cannot set assignees `{name}` in `{}/{}`: the account may not be assigned there",
                        self.owner, self.name
                    ));
                }
            }
        }
        warnings
    }

    async fn put(
        &self,
        client: &Client,
        request: &Request,
        title: Option<&str>,
        body: &str,
    ) -> Result<(), ForgeError> {
        let number = request.number.to_string();
        let act = format!("change pull request #{number} of");
        let call = self
            .call(client, Method::PATCH, &act, &["pulls", &number])
            .json(&super::change(title, "body", body));
        client.tell(&call).await
    }

    async fn comments(
        &self,
        client: &Client,
        request: &Request,
    ) -> Result<Vec<String>, ForgeError> {
        let number = request.number.to_string();
        let act = format!("read the comments on pull request #{number} of");
        let call = self
            .call(client, Method::GET, &act, &["issues", &number, "comments"])
            .query(&[("per_page", "100")]);
        let comments: Vec<Comment> = client.list(&call, usize::MAX).await?;
        Ok(comments.into_iter().filter_map(|it| it.body).collect())
    }

    async fn comment(
        &self,
        client: &Client,
        request: &Request,
        text: &str,
    ) -> Result<(), ForgeError> {
        let number = request.number.to_string();
        let act = format!("comment on pull request #{number} of");
        let call = self
            .call(client, Method::POST, &act, &["issues", &number, "comments"])
            .json(&json!({ "body": text }));
        client.tell(&call).await
    }

    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError> {
        let number = request.number.to_string();
        let act = format!("close pull request #{number} of");
        let call = self
            .call(client, Method::PATCH, &act, &["pulls", &number])
            .json(&json!({ "state": "closed" }));
        client.tell(&call).await
    }

    async fn merge_when_ready(
        &self,
        client: &Client,
        request: &Request,
        head_commit: &str,
    ) -> Result<(), ForgeError> {
        const FIND: &str = "query($owner: String!, $name: String!, $number: Int!) { \
            repository(owner: $owner, name: $name) { viewerDefaultMergeMethod \
            pullRequest(number: $number) { id autoMergeRequest { enabledAt } } } }";
        const TURN_ON: &str = "mutation($id: ID!, $method: PullRequestMergeMethod, $head: GitObjectID) { \
            enablePullRequestAutoMerge(input: {pullRequestId: $id, mergeMethod: $method, expectedHeadOid: $head}) \
            { clientMutationId } }";
        let variables = json!({ "owner": self.owner, "name": self.name, "number": request.number });
        let found = self.graphql(client, FIND, variables).await?;
        let repository = &found["data"]["repository"];
        let pull = &repository["pullRequest"];
        if !pull["autoMergeRequest"].is_null() {
            return Ok(());
        }
        let variables = json!({
            "id": pull["id"],
            "method": repository["viewerDefaultMergeMethod"],
            "head": head_commit,
        });
        self.graphql(client, TURN_ON, variables).await.map(drop)
    }
}

/// What an error of GraphQL means: its status is 200.
fn of_graphql(kind: &str, said: &str) -> (Code, &'static str) {
    let says = |text: &str| said.to_ascii_lowercase().contains(text);
    match kind {
        _ if says("not allowed for this repository") => (
            Code::ForgeAutoMerge,
            "in the repository's settings, turn on `Allow auto-merge`",
        ),
        // It could be merged now, so that there is nothing to wait for. That is left to people.
        _ if says("clean status") || says("unstable status") || says("protected branch rules") => (
            Code::ForgeAutoMerge,
            "require a check or a review for the base branch: GitHub merges automatically only what has to wait for one",
        ),
        "FORBIDDEN" | "INSUFFICIENT_SCOPES" => (
            Code::ForgeRight,
            "give the token the permissions `contents: write` and `pull_requests: write`",
        ),
        "NOT_FOUND" => (
            Code::ForgeAbsent,
            "check that the token may read the repository",
        ),
        _ => (Code::ForgeAutoMerge, "merge it by hand, or run again"),
    }
}
