//! Gitea and Forgejo, API v1: <https://docs.gitea.com/api/>.
//!
//! A draft has `WIP:` before its title. Labels are numbers there, so they are looked up by their names first. A request without changes is
//! made all the same. `GET pulls/{base}/{head}` is not used: of several requests it may answer with any, such as the first one that was ever merged.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::client::{Call, Client};
use super::error::ForgeError;
use super::location::Location;
use super::{Api, Draft, Posted, Request, State, Wanted, split_prefix};
use crate::engine::code::Code;

/// What may stand before the title of a draft, as installations have it by default.
const DRAFT: [&str; 3] = ["WIP:", "[WIP]", "Draft:"];
/// How many pages of closed requests are read: they are those of all branches.
const CLOSED_PAGES: usize = 10;

/// One repository.
pub(super) struct Gitea {
    owner: String,
    name: String,
    /// The closed requests into a branch, once they were listed.
    closed: Mutex<Option<(String, Vec<Request>)>>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
    #[serde(default)]
    html_url: String,
    title: String,
    #[serde(default)]
    body: String,
    state: String,
    #[serde(default)]
    merged: bool,
    head: End,
    base: End,
}

#[derive(Deserialize)]
struct End {
    /// The branch. `ref` is `refs/pull/12/head` where the branch is gone.
    label: String,
    #[serde(rename = "ref")]
    name: String,
    #[serde(default)]
    sha: String,
    repo_id: i64,
}

#[derive(Deserialize)]
struct Label {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct Comment {
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
struct Repository {
    default_merge_style: Option<String>,
}

impl Gitea {
    pub(super) fn new(location: &Location) -> Self {
        let (owner, name) = location
            .project
            .split_once('/')
            .unwrap_or((&location.project, ""));
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            closed: Mutex::default(),
        }
    }

    /// A request about the repository; `act` goes before its name.
    fn call(&self, client: &Client, method: Method, act: &str, rest: &[&str]) -> Call {
        let act = format!("{act} `{}/{}`", self.owner, self.name);
        let path = [&["repos", &self.owner, &self.name], rest].concat();
        client.call(method, act, path)
    }

    fn one(&self, client: &Client, method: Method, act: &str, number: u64, rest: &[&str]) -> Call {
        let act = format!("{act} pull request #{number} of");
        let number = number.to_string();
        let (first, rest) = rest.split_first().unwrap_or((&"pulls", &[]));
        let path = [&[*first, &*number], rest].concat();
        self.call(client, method, &act, &path)
    }

    fn read(&self, client: &Client, pull: Pull) -> Request {
        let (prefix, title) = split_prefix(&pull.title, &DRAFT);
        let branch = |end: &End| match end.label.is_empty() {
            true => end.name.clone(),
            false => end.label.clone(),
        };
        Request {
            number: pull.number,
            url: client.shown(&pull.html_url),
            body: pull.body,
            head: branch(&pull.head),
            base: branch(&pull.base),
            head_commit: Some(pull.head.sha).filter(|sha| !sha.is_empty()),
            state: match (pull.merged, pull.state.as_str()) {
                (true, _) => State::Merged,
                (false, "open") => State::Open,
                (false, _) => State::Closed,
            },
            is_draft: !prefix.is_empty(),
            is_own: pull.head.repo_id == pull.base.repo_id,
            title,
            prefix,
        }
    }

    async fn read_all(
        &self,
        client: &Client,
        call: &Call,
        pages: usize,
    ) -> Result<Vec<Request>, ForgeError> {
        let pulls: Vec<Pull> = client.list(call, pages).await?;
        Ok(pulls.into_iter().map(|it| self.read(client, it)).collect())
    }

    /// The numbers of labels, those of the organization among them.
    async fn labels(
        &self,
        client: &Client,
        names: &[String],
        warnings: &mut Vec<String>,
    ) -> Vec<i64> {
        let act = "look for labels in";
        let size = [("limit", "50")];
        let own = self
            .call(client, Method::GET, act, &["labels"])
            .query(&size);
        let mut labels = match client.list::<Label>(&own, usize::MAX).await {
            Ok(labels) => labels,
            Err(error) => {
                warnings.push(error.warning());
                return Vec::new();
            }
        };
        let is_there =
            |labels: &[Label], name: &String| labels.iter().any(|label| label.name == *name);
        if !names.iter().all(|name| is_there(&labels, name)) {
            let path = ["orgs", &self.owner, "labels"];
            let shared = client.call(Method::GET, act, path).query(&size);
            // An account that is no organization has none.
            labels.extend(client.list(&shared, usize::MAX).await.unwrap_or_default());
        }
        let absent = names.iter().filter(|name| !is_there(&labels, name));
        warnings.extend(absent.map(|name| {
            format!(
                "cannot set the label `{name}` in `{}/{}`: there is no such label",
                self.owner, self.name
            )
        }));
        let wanted = labels
            .into_iter()
            .filter(|label| names.contains(&label.name));
        wanted.map(|label| label.id).collect()
    }
}

impl Api for Gitea {
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError> {
        let act = "look for pull requests in";
        let all = |base: Option<&str>, state: &[(&str, &str)]| {
            // Older versions pass the base over, and list them all.
            let base = base.map(|base| ("base_branch", base));
            let base: Vec<(&str, &str)> = base.into_iter().collect();
            self.call(client, Method::GET, act, &["pulls"])
                .query(&[("limit", "50")])
                .query(state)
                .query(&base)
        };
        let open = [("state", "open")];
        let closed = [("state", "closed"), ("sort", "recentupdate")];
        let (call, pages) = match wanted {
            Wanted::OpenFrom(_) => (all(None, &open), usize::MAX),
            Wanted::OpenInto(base) => (all(Some(base), &open), usize::MAX),
            Wanted::Closed(_, base) => (all(Some(base), &closed), CLOSED_PAGES),
        };
        let Wanted::Closed(_, base) = wanted else {
            return self.read_all(client, &call, pages).await;
        };
        // There is no asking for those of one branch, so the same list is for all branches of a run.
        let mut kept = self.closed.lock().await;
        if let Some((of, found)) = kept.as_ref()
            && of == base
        {
            return Ok(found.clone());
        }
        let found = self.read_all(client, &call, pages).await?;
        *kept = Some((base.to_owned(), found.clone()));
        Ok(found)
    }

    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError> {
        let prefix = if draft.is_draft { "WIP: " } else { "" };
        let call = self
            .call(client, Method::POST, "open a pull request in", &["pulls"])
            .json(&json!({
                "title": format!("{prefix}{}", draft.title),
                "body": draft.body,
                "head": draft.head,
                "base": draft.base,
            }));
        let reply = client.send(&call).await?;
        let said = client.said(&reply).unwrap_or_default();
        if reply.status == 409 && said.contains("already exists") {
            return Ok(Posted::Exists);
        }
        if reply.status == 422 && said.contains("no changes between") {
            return Ok(Posted::NothingBetween);
        }
        let made = client.read(&call, &reply)?;
        Ok(Posted::Made(self.read(client, made)))
    }

    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String> {
        let mut warnings = Vec::new();
        let number = request.number;
        if !draft.labels.is_empty() {
            let ids = self.labels(client, draft.labels, &mut warnings).await;
            let call = self
                .one(
                    client,
                    Method::POST,
                    "set the labels of",
                    number,
                    &["issues", "labels"],
                )
                .json(&json!({ "labels": ids }));
            if !ids.is_empty()
                && let Err(error) = client.tell(&call).await
            {
                warnings.push(error.warning());
            }
        }
        let reviewers = |names: &[&String]| {
            let act = format!("set reviewers {} of", super::listed(names));
            let (teams, people) = super::teams(names);
            let path = ["pulls", "requested_reviewers"];
            self.one(client, Method::POST, &act, number, &path)
                .json(&json!({ "reviewers": people, "team_reviewers": teams }))
        };
        client.set(draft.reviewers, reviewers, &mut warnings).await;
        let assignees = |names: &[&String]| {
            let act = format!("set assignees {} of", super::listed(names));
            self.one(client, Method::PATCH, &act, number, &[])
                .json(&json!({ "assignees": names }))
        };
        client.set(draft.assignees, assignees, &mut warnings).await;
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
            .json(&super::change(title, "body", body));
        client.tell(&call).await
    }

    async fn comments(
        &self,
        client: &Client,
        request: &Request,
    ) -> Result<Vec<String>, ForgeError> {
        let act = "read the comments on";
        let path = ["issues", "comments"];
        let call = self.one(client, Method::GET, act, request.number, &path);
        let comments: Vec<Comment> = client.list(&call, usize::MAX).await?;
        Ok(comments.into_iter().map(|it| it.body).collect())
    }

    async fn comment(
        &self,
        client: &Client,
        request: &Request,
        text: &str,
    ) -> Result<(), ForgeError> {
        let path = ["issues", "comments"];
        let call = self
            .one(client, Method::POST, "comment on", request.number, &path)
            .json(&json!({ "body": text }));
        client.tell(&call).await
    }

    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError> {
        let call = self
            .one(client, Method::PATCH, "close", request.number, &[])
            .json(&json!({ "state": "closed" }));
        client.tell(&call).await
    }

    async fn merge_when_ready(
        &self,
        client: &Client,
        request: &Request,
        head_commit: &str,
    ) -> Result<(), ForgeError> {
        let act = "turn on auto-merge of";
        let found: Repository = client
            .ask(&self.call(client, Method::GET, "read", &[]))
            .await?;
        let style = found
            .default_merge_style
            .filter(|style| !style.is_empty())
            .unwrap_or_else(|| "merge".to_owned());
        let call = self
            .one(
                client,
                Method::POST,
                act,
                request.number,
                &["pulls", "merge"],
            )
            .json(&json!({
                "Do": style,
                "head_commit_id": head_commit,
                "merge_when_checks_succeed": true,
                "delete_branch_after_merge": true,
            }));
        let mut made = 0;
        loop {
            made += 1;
            let reply = client.send(&call).await?;
            let said = client.said(&reply).unwrap_or_default();
            match reply.status {
                200 | 201 => return Ok(()),
                409 if said.contains("already scheduled") => return Ok(()),
                // Whether it can be merged is found out some seconds after it was made.
                405 if said.contains("try again later") && made <= client.tries() => {
                    client.pause(made).await;
                }
                405 | 409 => {
                    return Err(ForgeError::new(
                        Code::ForgeAutoMerge,
                        call.act(),
                        format!(
                            "`{}` answered {} {said}",
                            client.location.host, reply.status
                        )
                        .trim_end()
                        .to_owned(),
                        "let the token's account merge into the branch, and look at what the pull request waits for",
                    ));
                }
                _ => return Err(client.refused(&call, &reply)),
            }
        }
    }
}
