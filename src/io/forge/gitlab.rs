//! GitLab, REST API v4: <https://docs.gitlab.com/api/merge_requests/>.
//!
//! A draft has `Draft:` before its title. Reviewers and assignees are numbers there, so accounts are looked up by their names first. A
//! request without changes is made all the same.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Client};
use super::error::ForgeError;
use super::location::Location;
use super::{Api, Draft, Posted, Request, State, Wanted, split_prefix};
use crate::engine::code::Code;

/// What may stand before the title of a draft.
const DRAFT: [&str; 6] = ["Draft:", "[Draft]", "(Draft)", "WIP:", "[WIP]", "Draft -"];

/// One project.
pub(super) struct GitLab {
    project: String,
}

#[derive(Deserialize)]
struct MergeRequest {
    iid: u64,
    #[serde(default)]
    web_url: String,
    title: String,
    description: Option<String>,
    state: String,
    source_branch: String,
    target_branch: String,
    /// `None`: the fork is gone.
    source_project_id: Option<u64>,
    target_project_id: u64,
    sha: Option<String>,
    #[serde(default)]
    reviewers: Vec<User>,
    #[serde(default)]
    assignees: Vec<User>,
}

#[derive(Deserialize)]
struct User {
    id: u64,
    username: String,
}

#[derive(Deserialize)]
struct Note {
    body: String,
}

impl GitLab {
    pub(super) fn new(location: &Location) -> Self {
        Self {
            project: location.project.clone(),
        }
    }

    /// A request about the project; `act` goes before its name.
    fn call(&self, client: &Client, method: Method, act: &str, rest: &[&str]) -> Call {
        let act = format!("{act} `{}`", self.project);
        // The whole name is one segment: `shop%2Fapps%2Fdeploy`.
        let path = [&["projects", &self.project], rest].concat();
        client.call(method, act, path)
    }

    fn one(&self, client: &Client, method: Method, act: &str, number: u64, rest: &[&str]) -> Call {
        let act = format!("{act} merge request !{number} of");
        let number = number.to_string();
        let path = [&["merge_requests", &*number], rest].concat();
        self.call(client, method, &act, &path)
    }

    fn read(&self, client: &Client, found: MergeRequest) -> Request {
        let (prefix, title) = split_prefix(&found.title, &DRAFT);
        Request {
            number: found.iid,
            url: client.shown(&found.web_url),
            body: found.description.unwrap_or_default(),
            head: found.source_branch,
            base: found.target_branch,
            head_commit: found.sha,
            state: match found.state.as_str() {
                "opened" => State::Open,
                "merged" => State::Merged,
                // One that is being merged is locked.
                "locked" => State::Merged,
                _ => State::Closed,
            },
            is_draft: !prefix.is_empty(),
            is_own: found.source_project_id == Some(found.target_project_id),
            title,
            prefix,
        }
    }

    /// The number of an account.
    async fn user(&self, client: &Client, name: &str) -> Result<u64, ForgeError> {
        let act = format!("look for the account `{name}`");
        let call = client
            .call(Method::GET, act, ["users"])
            .query(&[("username", name)]);
        let users: Vec<User> = client.ask(&call).await?;
        let found = users
            .iter()
            .find(|user| user.username.eq_ignore_ascii_case(name));
        found.map(|user| user.id).ok_or_else(|| {
            let cause = format!("`{}` shows none of this name", client.location.host);
            ForgeError::new(Code::ForgeRefused, call.act(), cause, "correct the name")
        })
    }
}

impl Api for GitLab {
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError> {
        let act = "look for merge requests in";
        let call = self
            .call(client, Method::GET, act, &["merge_requests"])
            .query(&[("per_page", "50"), ("scope", "all")]);
        let (call, pages) = match wanted {
            Wanted::OpenFrom(head) => (
                call.query(&[("state", "opened"), ("source_branch", head)]),
                usize::MAX,
            ),
            Wanted::OpenInto(base) => (
                call.query(&[("state", "opened"), ("target_branch", base)]),
                usize::MAX,
            ),
            Wanted::Closed(head, base) => {
                let ends = [("source_branch", head), ("target_branch", base)];
                let newest = [("state", "closed"), ("order_by", "updated_at")];
                (call.query(&ends).query(&newest), 2)
            }
        };
        let found: Vec<MergeRequest> = client.list(&call, pages).await?;
        Ok(found.into_iter().map(|it| self.read(client, it)).collect())
    }

    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError> {
        let prefix = if draft.is_draft { "Draft: " } else { "" };
        let call = self
            .call(
                client,
                Method::POST,
                "open a merge request in",
                &["merge_requests"],
            )
            .json(&json!({
                "title": format!("{prefix}{}", draft.title),
                "description": draft.body,
                "source_branch": draft.head,
                "target_branch": draft.base,
                "labels": draft.labels.join(","),
                "remove_source_branch": true,
            }));
        let reply = client.send(&call).await?;
        let said = client.said(&reply).unwrap_or_default();
        if reply.status == 409 && said.contains("already exists") {
            return Ok(Posted::Exists);
        }
        let made = client.read(&call, &reply)?;
        Ok(Posted::Made(self.read(client, made)))
    }

    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (names, key) in [
            (draft.reviewers, "reviewer_ids"),
            (draft.assignees, "assignee_ids"),
        ] {
            let mut known = Vec::new();
            for name in names {
                match self.user(client, name).await {
                    Ok(id) => known.push((id, name)),
                    Err(error) => warnings.push(error.warning()),
                }
            }
            if known.is_empty() {
                continue;
            }
            let ids: Vec<u64> = known.iter().map(|(id, _)| *id).collect();
            let what = key.trim_end_matches("_ids");
            let act = format!("set the {what} of");
            let call = self
                .one(client, Method::PUT, &act, request.number, &[])
                .json(&json!({ key: ids }));
            match client.ask::<MergeRequest>(&call).await {
                Ok(changed) => {
                    let set = match key {
                        "reviewer_ids" => changed.reviewers,
                        _ => changed.assignees,
                    };
                    // Who may not, or is one too many for the plan, is left out without a word.
                    let absent = known
                        .iter()
                        .filter(|(id, _)| !set.iter().any(|user| user.id == *id));
                    warnings.extend(absent.map(|(_, name)| {
                        format!(
                            "cannot {}: `{}` leaves `{name}` out",
                            call.act(),
                            client.location.host
                        )
                    }));
                }
                Err(error) => warnings.push(error.warning()),
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
            .one(client, Method::PUT, "change", request.number, &[])
            .json(&super::change(title, "description", body));
        client.tell(&call).await
    }

    async fn comments(
        &self,
        client: &Client,
        request: &Request,
    ) -> Result<Vec<String>, ForgeError> {
        let act = "read the comments on";
        let call = self
            .one(client, Method::GET, act, request.number, &["notes"])
            .query(&[("per_page", "100")]);
        let notes: Vec<Note> = client.list(&call, usize::MAX).await?;
        Ok(notes.into_iter().map(|note| note.body).collect())
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
                &["notes"],
            )
            .json(&json!({ "body": text }));
        client.tell(&call).await
    }

    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError> {
        let call = self
            .one(client, Method::PUT, "close", request.number, &[])
            .json(&json!({ "state_event": "close" }));
        client.tell(&call).await
    }

    async fn merge_when_ready(
        &self,
        client: &Client,
        request: &Request,
        head_commit: &str,
    ) -> Result<(), ForgeError> {
        let act = "turn on auto-merge of";
        let call = self
            .one(client, Method::PUT, act, request.number, &["merge"])
            // The second name is that of GitLab 17.11 and later.
            .json(&json!({
                "sha": head_commit,
                "merge_when_pipeline_succeeds": true,
                "auto_merge": true,
            }));
        let mut made = 0;
        loop {
            made += 1;
            let reply = client.send(&call).await?;
            match reply.status {
                200 => return Ok(()),
                // Whether it can be merged is found out some seconds after it was made, and so is its pipeline. Its commit (409) may be
                // the one before a push.
                405 | 406 | 409 | 422 if made <= client.tries() => client.pause(made).await,
                401 => {
                    return Err(ForgeError::new(
                        Code::ForgeRight,
                        call.act(),
                        format!("the token may not merge into `{}`", request.base),
                        "let its account merge into the branch, in the settings of protected branches",
                    ));
                }
                405 | 406 | 422 => {
                    let said = client.said(&reply).unwrap_or_default();
                    return Err(ForgeError::new(
                        Code::ForgeAutoMerge,
                        call.act(),
                        format!(
                            "`{}` answered {} {said}",
                            client.location.host, reply.status
                        )
                        .trim_end()
                        .to_owned(),
                        "look at what the merge request waits for: GitLab merges automatically after a pipeline, so there has to be one",
                    ));
                }
                _ => return Err(client.refused(&call, &reply)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_draft_is_no_part_of_the_title() {
        for (title, prefix, rest) in [
            ("Draft: Update 2", "Draft: ", "Update 2"),
            ("draft:Update 2", "draft:", "Update 2"),
            ("[WIP] Update 2", "[WIP] ", "Update 2"),
            ("Drafts: 2", "", "Drafts: 2"),
            ("Dr\u{e4}ft", "", "Dr\u{e4}ft"),
        ] {
            let expected = (prefix.to_owned(), rest.to_owned());
            assert_eq!(split_prefix(title, &DRAFT), expected, "{title}");
        }
    }
}
