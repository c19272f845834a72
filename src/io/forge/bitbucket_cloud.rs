//! Bitbucket Cloud, REST API 2.0: <https://developer.atlassian.com/cloud/bitbucket/rest/api-group-pullrequests/>. Experimental.
//!
//! There are no labels, no assignees and no auto-merge. Reviewers are `{UUID}` or an Atlassian account id. A change of a request that leaves
//! its reviewers out would remove them.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::error::ForgeError;
use super::location::Location;
use super::{Api, Draft, Posted, Request, State, Wanted};

/// One repository.
pub(super) struct BitbucketCloud {
    workspace: String,
    name: String,
}

#[derive(Deserialize)]
struct Pull {
    id: u64,
    title: String,
    description: Option<String>,
    state: String,
    #[serde(default)]
    draft: bool,
    source: End,
    destination: End,
    #[serde(default)]
    reviewers: Vec<Value>,
    #[serde(default)]
    links: Value,
}

#[derive(Deserialize)]
struct End {
    branch: Branch,
    /// `None`: the fork is gone.
    repository: Option<Repository>,
    commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Branch {
    name: String,
}

#[derive(Deserialize)]
struct Repository {
    uuid: String,
}

#[derive(Deserialize)]
struct Commit {
    hash: String,
}

#[derive(Deserialize)]
struct Comment {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    #[serde(default)]
    raw: String,
}

impl BitbucketCloud {
    pub(super) fn new(location: &Location) -> Self {
        let (workspace, name) = location
            .project
            .split_once('/')
            .unwrap_or((&location.project, ""));
        Self {
            workspace: workspace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A request about pull requests; `act` goes before the repository's name.
    fn call(&self, client: &Client, method: Method, act: &str, rest: &[&str]) -> Call {
        let act = format!("{act} `{}/{}`", self.workspace, self.name);
        let path = ["repositories", &self.workspace, &self.name, "pullrequests"];
        client.call(method, act, [&path, rest].concat())
    }

    fn one(&self, client: &Client, method: Method, act: &str, number: u64, rest: &[&str]) -> Call {
        let act = format!("{act} pull request #{number} of");
        let number = number.to_string();
        self.call(client, method, &act, &[&[&*number], rest].concat())
    }

    fn read(&self, client: &Client, pull: Pull) -> Request {
        let uuid = |end: &End| end.repository.as_ref().map(|it| it.uuid.clone());
        let own = uuid(&pull.destination);
        Request {
            number: pull.id,
            url: client.shown(pull.links["html"]["href"].as_str().unwrap_or_default()),
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            is_own: own.is_some() && own == uuid(&pull.source),
            head: pull.source.branch.name,
            base: pull.destination.branch.name,
            // Cut short there, so that it compares with no whole one.
            head_commit: pull.source.commit.map(|commit| commit.hash),
            state: match pull.state.as_str() {
                "OPEN" => State::Open,
                "MERGED" => State::Merged,
                _ => State::Closed,
            },
            is_draft: pull.draft,
            prefix: String::new(),
        }
    }
}

impl Api for BitbucketCloud {
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError> {
        let quoted = |name: &str| format!("\"{}\"", name.replace('\\', r"\\").replace('"', "\\\""));
        let from = |head: &str| format!("source.branch.name = {}", quoted(head));
        let into = |base: &str| format!("destination.branch.name = {}", quoted(base));
        let (filter, pages) = match wanted {
            Wanted::OpenFrom(head) => (format!("{} AND state = \"OPEN\"", from(head)), usize::MAX),
            Wanted::OpenInto(base) => (format!("{} AND state = \"OPEN\"", into(base)), usize::MAX),
            Wanted::Closed(head, base) => (
                format!(
                    "{} AND {} AND (state = \"DECLINED\" OR state = \"SUPERSEDED\")",
                    from(head),
                    into(base)
                ),
                2,
            ),
        };
        let call = self
            .call(client, Method::GET, "look for pull requests in", &[])
            .query(&[("q", &*filter), ("sort", "-updated_on"), ("pagelen", "50")]);
        let pulls: Vec<Pull> = client.values(&call, pages).await?;
        Ok(pulls.into_iter().map(|it| self.read(client, it)).collect())
    }

    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError> {
        let call = self
            .call(client, Method::POST, "open a pull request in", &[])
            .json(&json!({
                "title": draft.title,
                "description": draft.body,
                "source": { "branch": { "name": draft.head } },
                "destination": { "branch": { "name": draft.base } },
                "close_source_branch": true,
                "draft": draft.is_draft,
            }));
        let reply = client.send(&call).await?;
        let said = client.said(&reply).unwrap_or_default();
        if reply.status == 400 && said.contains("no changes to be pulled") {
            return Ok(Posted::NothingBetween);
        }
        let made = client.read(&call, &reply)?;
        Ok(Posted::Made(self.read(client, made)))
    }

    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String> {
        let mut warnings = super::without(
            &[("labels", draft.labels), ("assignees", draft.assignees)],
            client,
        );
        let reviewers = |names: &[&String]| {
            let act = format!("set reviewers {} of", super::listed(names));
            let named = names.iter().map(|name| match name.starts_with('{') {
                true => json!({ "uuid": name }),
                false => json!({ "account_id": name }),
            });
            self.one(client, Method::PUT, &act, request.number, &[])
                .json(&json!({
                    "title": draft.title,
                    "description": draft.body,
                    "reviewers": named.collect::<Vec<_>>(),
                }))
        };
        client.set(draft.reviewers, reviewers, &mut warnings).await;
        warnings
    }

    async fn put(
        &self,
        client: &Client,
        request: &Request,
        title: Option<&str>,
        body: &str,
    ) -> Result<(), ForgeError> {
        let found: Pull = client
            .ask(&self.one(client, Method::GET, "change", request.number, &[]))
            .await?;
        let reviewers: Vec<Value> = found
            .reviewers
            .iter()
            .map(|user| json!({ "uuid": user["uuid"] }))
            .collect();
        let call = self
            .one(client, Method::PUT, "change", request.number, &[])
            .json(&json!({
                "title": title.unwrap_or(&found.title),
                "description": body,
                "reviewers": reviewers,
            }));
        client.tell(&call).await
    }

    async fn comments(
        &self,
        client: &Client,
        request: &Request,
    ) -> Result<Vec<String>, ForgeError> {
        let act = "read the comments on";
        let call = self
            .one(client, Method::GET, act, request.number, &["comments"])
            .query(&[("pagelen", "100")]);
        let comments: Vec<Comment> = client.values(&call, usize::MAX).await?;
        Ok(comments.into_iter().map(|it| it.content.raw).collect())
    }

    async fn comment(
        &self,
        client: &Client,
        request: &Request,
        text: &str,
    ) -> Result<(), ForgeError> {
        let call = self
            .one(
                client,
                Method::POST,
                "comment on",
                request.number,
                &["comments"],
            )
            .json(&json!({ "content": { "raw": text } }));
        client.tell(&call).await
    }

    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError> {
        let call = self.one(client, Method::POST, "close", request.number, &["decline"]);
        client.tell(&call).await
    }

    async fn merge_when_ready(
        &self,
        client: &Client,
        request: &Request,
        _head_commit: &str,
    ) -> Result<(), ForgeError> {
        Err(super::no_auto_merge(client, request))
    }
}
