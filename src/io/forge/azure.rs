//! Azure DevOps, REST API 7.1: <https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests>. Experimental.
//!
//! There are no assignees. Reviewers are the ids of accounts. A text has 4 000 characters at most, of which lists show 400.

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Client};
use super::error::ForgeError;
use super::location::Location;
use super::{Api, Draft, Posted, Request, State, Wanted};

/// How a branch is written.
const HEADS: &str = "refs/heads/";
/// How much of a text a list shows.
const SHOWN: usize = 400;

/// One repository.
pub(super) struct Azure {
    project: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pull {
    pull_request_id: u64,
    title: String,
    description: Option<String>,
    status: String,
    #[serde(default)]
    is_draft: bool,
    source_ref_name: String,
    target_ref_name: String,
    /// It is there where the branch is in a fork.
    fork_source: Option<Value>,
    last_merge_source_commit: Option<Commit>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Commit {
    commit_id: String,
}

#[derive(Deserialize)]
struct Thread {
    #[serde(default)]
    comments: Vec<Comment>,
}

#[derive(Deserialize)]
struct Comment {
    content: Option<String>,
}

impl Azure {
    pub(super) fn new(location: &Location) -> Self {
        let (project, name) = location
            .project
            .split_once('/')
            .unwrap_or((&location.project, ""));
        Self {
            project: project.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A request about pull requests; `act` goes before the repository's name.
    fn call(&self, client: &Client, method: Method, act: &str, rest: &[&str]) -> Call {
        let act = format!("{act} `{}/{}`", self.project, self.name);
        let path = [
            &*self.project,
            "_apis",
            "git",
            "repositories",
            &self.name,
            "pullrequests",
        ];
        client
            .call(method, act, [&path, rest].concat())
            .query(&[("api-version", "7.1")])
    }

    fn one(&self, client: &Client, method: Method, act: &str, number: u64, rest: &[&str]) -> Call {
        let act = format!("{act} pull request !{number} of");
        let number = number.to_string();
        self.call(client, method, &act, &[&[&*number], rest].concat())
    }

    fn read(&self, client: &Client, pull: Pull) -> Request {
        let branch = |name: &str| name.strip_prefix(HEADS).unwrap_or(name).to_owned();
        let number = pull.pull_request_id.to_string();
        // An answer has the address of the API alone.
        let page = [&*self.project, "_git", &self.name, "pullrequest", &number];
        Request {
            number: pull.pull_request_id,
            url: client.page(page),
            head: branch(&pull.source_ref_name),
            base: branch(&pull.target_ref_name),
            head_commit: pull.last_merge_source_commit.map(|it| it.commit_id),
            state: match pull.status.as_str() {
                "active" => State::Open,
                "completed" => State::Merged,
                _ => State::Closed,
            },
            is_draft: pull.is_draft,
            is_own: pull.fork_source.is_none(),
            title: pull.title,
            body: pull.description.unwrap_or_default(),
            prefix: String::new(),
        }
    }
}

impl Api for Azure {
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError> {
        let act = "look for pull requests in";
        let (from, into, status, pages) = match wanted {
            Wanted::OpenFrom(head) => (Some(head), None, "active", usize::MAX),
            Wanted::OpenInto(base) => (None, Some(base), "active", usize::MAX),
            Wanted::Closed(head, base) => (Some(head), Some(base), "abandoned", 1),
        };
        let mut call = self
            .call(client, Method::GET, act, &[])
            .query(&[("searchCriteria.status", status)]);
        for (name, branch) in [("sourceRefName", from), ("targetRefName", into)] {
            if let Some(branch) = branch {
                let (name, branch) = (format!("searchCriteria.{name}"), format!("{HEADS}{branch}"));
                call = call.query(&[(&*name, &*branch)]);
            }
        }
        let mut found = Vec::new();
        for pull in client.skipped::<Pull>(&call, 50, pages).await? {
            let is_cut = pull
                .description
                .as_ref()
                .is_some_and(|text| text.chars().count() >= SHOWN);
            found.push(match is_cut {
                true => {
                    let number = pull.pull_request_id;
                    client
                        .ask(&self.one(client, Method::GET, "read", number, &[]))
                        .await?
                }
                false => pull,
            });
        }
        Ok(found.into_iter().map(|it| self.read(client, it)).collect())
    }

    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError> {
        let labels: Vec<Value> = draft
            .labels
            .iter()
            .map(|name| json!({ "name": name }))
            .collect();
        let call = self
            .call(client, Method::POST, "open a pull request in", &[])
            .json(&json!({
                "title": draft.title,
                "description": draft.body,
                "sourceRefName": format!("{HEADS}{}", draft.head),
                "targetRefName": format!("{HEADS}{}", draft.base),
                "isDraft": draft.is_draft,
                "labels": labels,
            }));
        let reply = client.send(&call).await?;
        let said = client.said(&reply).unwrap_or_default();
        if reply.status == 409 && said.contains("TF401179") {
            return Ok(Posted::Exists);
        }
        let made = client.read(&call, &reply)?;
        Ok(Posted::Made(self.read(client, made)))
    }

    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String> {
        let mut warnings = super::without(&[("assignees", draft.assignees)], client);
        for name in draft.reviewers {
            let act = format!("set the reviewer `{name}` of");
            let path = ["reviewers", name];
            let call = self
                .one(client, Method::PUT, &act, request.number, &path)
                .json(&json!({ "vote": 0 }));
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
        let call = self
            .one(client, Method::PATCH, "change", request.number, &[])
            .json(&super::change(title, "description", body));
        client.tell(&call).await
    }

    async fn comments(
        &self,
        client: &Client,
        request: &Request,
    ) -> Result<Vec<String>, ForgeError> {
        let act = "read the comments on";
        let call = self.one(client, Method::GET, act, request.number, &["threads"]);
        let threads: Vec<Thread> = client.value(&call).await?;
        let comments = threads.into_iter().flat_map(|thread| thread.comments);
        Ok(comments.filter_map(|comment| comment.content).collect())
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
                &["threads"],
            )
            .json(&json!({
                "comments": [{ "parentCommentId": 0, "content": text, "commentType": "text" }],
                "status": "active",
            }));
        client.tell(&call).await
    }

    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError> {
        let call = self
            .one(client, Method::PATCH, "close", request.number, &[])
            .json(&json!({ "status": "abandoned" }));
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
