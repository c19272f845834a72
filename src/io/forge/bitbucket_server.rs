//! Bitbucket Data Center, REST API 1.0: <https://developer.atlassian.com/server/bitbucket/rest/>. Experimental.
//!
//! There are no labels and no assignees. A change names the version that it changes, and the reviewers, who would be removed otherwise.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::error::ForgeError;
use super::location::Location;
use super::{Api, Draft, Posted, Request, State, Wanted};

/// How a branch is written.
const HEADS: &str = "refs/heads/";

/// One repository.
pub(super) struct BitbucketServer {
    key: String,
    name: String,
}

#[derive(Deserialize)]
struct Pull {
    id: u64,
    version: u64,
    title: String,
    description: Option<String>,
    state: String,
    #[serde(default)]
    draft: bool,
    #[serde(rename = "fromRef")]
    from: End,
    #[serde(rename = "toRef")]
    to: End,
    #[serde(default)]
    reviewers: Vec<Reviewer>,
    #[serde(default)]
    links: Value,
}

#[derive(Deserialize)]
struct End {
    id: String,
    #[serde(rename = "latestCommit")]
    commit: Option<String>,
    repository: Repository,
}

#[derive(Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Deserialize)]
struct Reviewer {
    user: User,
}

#[derive(Deserialize)]
struct User {
    name: String,
}

#[derive(Deserialize)]
struct Activity {
    comment: Option<Comment>,
}

#[derive(Deserialize)]
struct Comment {
    #[serde(default)]
    text: String,
}

impl BitbucketServer {
    pub(super) fn new(location: &Location) -> Self {
        let (key, name) = location
            .project
            .split_once('/')
            .unwrap_or((&location.project, ""));
        Self {
            key: key.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A request about pull requests; `act` goes before the repository's name.
    fn call(&self, client: &Client, method: Method, act: &str, rest: &[&str]) -> Call {
        let act = format!("{act} `{}/{}`", self.key, self.name);
        let path = ["projects", &self.key, "repos", &self.name, "pull-requests"];
        client.call(method, act, [&path, rest].concat())
    }

    fn one(&self, client: &Client, method: Method, act: &str, number: u64, rest: &[&str]) -> Call {
        let act = format!("{act} pull request #{number} of");
        let number = number.to_string();
        self.call(client, method, &act, &[&[&*number], rest].concat())
    }

    fn read(&self, client: &Client, pull: Pull) -> Request {
        let branch = |end: &End| end.id.strip_prefix(HEADS).unwrap_or(&end.id).to_owned();
        let page = pull.links["self"][0]["href"].as_str().unwrap_or_default();
        Request {
            number: pull.id,
            url: client.shown(page),
            head: branch(&pull.from),
            base: branch(&pull.to),
            head_commit: pull.from.commit,
            state: match pull.state.as_str() {
                "OPEN" => State::Open,
                "MERGED" => State::Merged,
                _ => State::Closed,
            },
            is_draft: pull.draft,
            is_own: pull.from.repository.id == pull.to.repository.id,
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            prefix: String::new(),
        }
    }

    /// Changes what is there now, and again where somebody else changed it in between.
    async fn change(
        &self,
        client: &Client,
        act: &str,
        number: u64,
        change: impl Fn(&Pull) -> Call,
    ) -> Result<(), ForgeError> {
        let mut made = 0;
        loop {
            made += 1;
            let found: Pull = client
                .ask(&self.one(client, Method::GET, act, number, &[]))
                .await?;
            let call = change(&found);
            let reply = client.send(&call).await?;
            match reply.status {
                200 | 204 => return Ok(()),
                409 if made < client.tries() => client.pause(made).await,
                _ => return Err(client.refused(&call, &reply)),
            }
        }
    }
}

impl Api for BitbucketServer {
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError> {
        let (direction, branch, state, pages) = match wanted {
            Wanted::OpenFrom(head) => ("OUTGOING", head, "OPEN", usize::MAX),
            Wanted::OpenInto(base) => ("INCOMING", base, "OPEN", usize::MAX),
            Wanted::Closed(head, _) => ("OUTGOING", head, "DECLINED", 2),
        };
        let call = self
            .call(client, Method::GET, "look for pull requests in", &[])
            .query(&[
                ("direction", direction),
                ("at", &format!("{HEADS}{branch}")),
                ("state", state),
                ("order", "NEWEST"),
                ("limit", "50"),
            ]);
        let pulls: Vec<Pull> = client.values(&call, pages).await?;
        Ok(pulls.into_iter().map(|it| self.read(client, it)).collect())
    }

    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError> {
        let end = |branch: &str| {
            json!({
                "id": format!("{HEADS}{branch}"),
                "repository": { "slug": self.name, "project": { "key": self.key } },
            })
        };
        let mut sent = json!({
            "title": draft.title,
            "description": draft.body,
            "fromRef": end(draft.head),
            "toRef": end(draft.base),
        });
        if draft.is_draft {
            // Versions without drafts refuse a key that they do not know.
            sent["draft"] = json!(true);
        }
        let call = self
            .call(client, Method::POST, "open a pull request in", &[])
            .json(&sent);
        let reply = client.send(&call).await?;
        if reply.status == 409 {
            let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let name = body["errors"][0]["exceptionName"]
                .as_str()
                .unwrap_or_default();
            if name.ends_with("DuplicatePullRequestException") {
                return Ok(Posted::Exists);
            }
            if name.ends_with("EmptyPullRequestException") {
                return Ok(Posted::NothingBetween);
            }
        }
        let made = client.read(&call, &reply)?;
        Ok(Posted::Made(self.read(client, made)))
    }

    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String> {
        let mut warnings = super::without(
            &[("labels", draft.labels), ("assignees", draft.assignees)],
            client,
        );
        for name in draft.reviewers {
            let act = format!("set the reviewer `{name}` of");
            let call = self
                .one(
                    client,
                    Method::POST,
                    &act,
                    request.number,
                    &["participants"],
                )
                .json(&json!({ "user": { "name": name }, "role": "REVIEWER" }));
            if let Err(error) = client.tell(&call).await {
                warnings.push(error.warning());
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
        let act = "change";
        let number = request.number;
        self.change(client, act, number, |found| {
            let reviewers = found.reviewers.iter();
            let reviewers: Vec<Value> = reviewers
                .map(|it| json!({ "user": { "name": it.user.name } }))
                .collect();
            self.one(client, Method::PUT, act, number, &[])
                .json(&json!({
                    "version": found.version,
                    "title": title.unwrap_or(&found.title),
                    "description": body,
                    "reviewers": reviewers,
                }))
        })
        .await
    }

    async fn comments(
        &self,
        client: &Client,
        request: &Request,
    ) -> Result<Vec<String>, ForgeError> {
        let act = "read the comments on";
        let call = self
            .one(client, Method::GET, act, request.number, &["activities"])
            .query(&[("limit", "100")]);
        let activities: Vec<Activity> = client.values(&call, usize::MAX).await?;
        let comments = activities.into_iter().filter_map(|it| it.comment);
        Ok(comments.map(|comment| comment.text).collect())
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
            .json(&json!({ "text": text }));
        client.tell(&call).await
    }

    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError> {
        let act = "close";
        let number = request.number;
        self.change(client, act, number, |found| {
            self.one(client, Method::POST, act, number, &["decline"])
                .query(&[("version", &found.version.to_string())])
                .json(&json!({}))
        })
        .await
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
