//! Forges: opening, changing and closing a pull request where a branch was pushed to.
//!
//! Follows the APIs that the vendors publish, without an SDK:
//!
//! - GitHub and GitHub Enterprise: REST, version 2022-11-28 (<https://docs.github.com/rest/pulls>), and GraphQL for auto-merge.
//! - GitLab: REST, v4 (<https://docs.gitlab.com/api/merge_requests/>).
//! - Gitea and Forgejo: v1 (<https://docs.gitea.com/api/>).
//! - Experimental, and without auto-merge: Bitbucket Cloud (2.0), Bitbucket Data Center (1.0), Azure DevOps (7.1).
//!
//! A request counts only where its head is in the repository itself: a fork may have a branch of the same name. What a person changed
//! stays: labels, reviewers and assignees are set once, when the request is made.
//!
//! The parts: `location` says where the API is, `token` with what to sign in, `client` sends one request and tries again, `error` says
//! what went wrong, and each forge has a file of its own.

mod app;
mod azure;
mod bitbucket_cloud;
mod bitbucket_server;
mod client;
mod error;
mod gitea;
mod github;
mod gitlab;
mod location;
mod source;
mod token;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use azure::Azure;
use bitbucket_cloud::BitbucketCloud;
use bitbucket_server::BitbucketServer;
use client::Client;
use gitea::Gitea;
use github::GitHub;
use gitlab::GitLab;
use serde_json::{Value, json};

pub use super::registry::Limits;
pub use app::GitHubApp;
pub use error::ForgeError;
pub use location::{ForgeKind, LocateError, Location, locate};

use super::registry;
use crate::engine::code::Code;

/// The longest title that every forge takes: 255, with what marks a draft before it.
const LONGEST_TITLE: usize = 240;
/// What begins a reference in a title.
const REFERENCES: [char; 4] = ['@', '!', '#', '&'];
/// How many closed requests are told.
const CLOSED: usize = 20;

/// How a forge is asked.
#[derive(Clone)]
pub struct Settings {
    /// The process's environment: tokens and proxies.
    pub environment: BTreeMap<OsString, OsString>,
    /// The GitHub App that signs in, instead of a token of the environment.
    pub app: Option<GitHubApp>,
    /// Files of PEM certificates that are trusted beside the system's.
    pub certificate_authorities: Vec<PathBuf>,
    /// Hosts (`host` or `host:port`) that the user lets be asked over plain http. Loopback needs no entry.
    pub insecure: Vec<String>,
    /// Times, sizes and counts.
    pub limits: Limits,
    /// Where the random part of pauses begins.
    pub seed: u64,
    /// Names whose addresses are known, and not asked of the DNS.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
}

impl Settings {
    /// As registries are asked, with more patience: who changes something is told to wait for longer.
    pub fn like(registries: &registry::Settings) -> Self {
        Self {
            environment: registries.environment.clone(),
            app: None,
            certificate_authorities: registries.certificate_authorities.clone(),
            insecure: registries.insecure.clone(),
            limits: Limits {
                run: Duration::from_secs(600),
                first_pause: Duration::from_secs(1),
                longest_pause: Duration::from_secs(90),
                ..registries.limits
            },
            seed: registries.seed,
            addresses: registries.addresses.clone(),
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the environment, which holds secrets of all sorts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("app", &self.app)
            .field("certificate_authorities", &self.certificate_authorities)
            .field("insecure", &self.insecure)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The number that people know it by.
    pub number: u64,
    /// Its address for people; empty where it would lead to another host.
    pub url: String,
    /// The title, without what marks a draft.
    pub title: String,
    /// The text.
    pub body: String,
    /// The branch with the changes.
    pub head: String,
    /// The branch that they go into.
    pub base: String,
    /// The commit at the head, where the forge tells.
    pub head_commit: Option<String>,
    /// What has become of it.
    pub state: State,
    /// Whether it is a draft.
    pub is_draft: bool,
    /// Whether its head is in this repository, and not in a fork.
    is_own: bool,
    /// What stands before the title where that makes a draft.
    prefix: String,
}

/// What has become of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits.
    Open,
    /// It was closed, and not merged.
    Closed,
    /// It was merged.
    Merged,
}

/// A request that is to be made.
#[derive(Clone, Debug)]
pub struct Draft<'a> {
    /// The branch with the changes.
    pub head: &'a str,
    /// The branch that they go into.
    pub base: &'a str,
    /// The title. A long one is cut.
    pub title: &'a str,
    /// The text, no longer than [`Forge::text_limit`].
    pub body: &'a str,
    /// Names of labels.
    pub labels: &'a [String],
    /// Names of accounts; of GitHub also `ORG/TEAM`.
    pub reviewers: &'a [String],
    /// Names of accounts.
    pub assignees: &'a [String],
    /// Whether it is not to be merged yet.
    pub is_draft: bool,
}

/// What came of making a request.
#[derive(Clone, Debug)]
pub enum Created {
    /// It was made.
    Made {
        /// As the forge has it.
        request: Request,
        /// What could not be set, one sentence each: a label, a reviewer, an assignee.
        warnings: Vec<String>,
    },
    /// There was one already: somebody else was quicker.
    Exists(Request),
    /// The base has all commits of the head.
    NothingBetween,
}

/// A forge's own answer to a new request.
enum Posted {
    Made(Request),
    Exists,
    NothingBetween,
}

/// Which requests are listed.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    /// Open ones from this branch, into any other.
    OpenFrom(&'a str),
    /// All open ones into this branch.
    OpenInto(&'a str),
    /// Closed ones from the first branch into the second, the newest first. Merged ones may be among them.
    Closed(&'a str, &'a str),
}

/// What each forge does in its own way.
trait Api {
    /// Requests. More than are wanted may be among them.
    async fn list(&self, client: &Client, wanted: Wanted<'_>) -> Result<Vec<Request>, ForgeError>;

    /// Makes a request. Where the forge takes labels and people with it, they are sent along.
    async fn post(&self, client: &Client, draft: &Draft<'_>) -> Result<Posted, ForgeError>;

    /// Sets labels, reviewers and assignees of a new request, as far as [`Api::post`] did not. Returns what failed.
    async fn decorate(&self, client: &Client, request: &Request, draft: &Draft<'_>) -> Vec<String>;

    /// Changes the text, and the title where there is another, and nothing else.
    async fn put(
        &self,
        client: &Client,
        request: &Request,
        title: Option<&str>,
        body: &str,
    ) -> Result<(), ForgeError>;

    /// The texts of its comments.
    async fn comments(&self, client: &Client, request: &Request)
    -> Result<Vec<String>, ForgeError>;

    /// Adds a comment.
    async fn comment(
        &self,
        client: &Client,
        request: &Request,
        text: &str,
    ) -> Result<(), ForgeError>;

    /// Closes it, unmerged.
    async fn close(&self, client: &Client, request: &Request) -> Result<(), ForgeError>;

    /// Lets the forge merge this commit once all that the branch requires is there.
    async fn merge_when_ready(
        &self,
        client: &Client,
        request: &Request,
        head_commit: &str,
    ) -> Result<(), ForgeError>;
}

/// One repository of a forge.
pub struct Forge {
    client: Client,
    kind: Kind,
}

enum Kind {
    GitHub(GitHub),
    GitLab(GitLab),
    Gitea(Gitea),
    BitbucketCloud(BitbucketCloud),
    BitbucketServer(BitbucketServer),
    Azure(Azure),
}

/// Calls the API of the forge's own kind.
macro_rules! of_kind {
    ($forge:expr, $api:ident => $call:expr) => {
        match &$forge.kind {
            Kind::GitHub($api) => $call,
            Kind::GitLab($api) => $call,
            Kind::Gitea($api) => $call,
            Kind::BitbucketCloud($api) => $call,
            Kind::BitbucketServer($api) => $call,
            Kind::Azure($api) => $call,
        }
    };
}

impl Forge {
    /// Checks the settings, and that there is a token. Nothing is asked yet.
    pub fn open(location: Location, settings: &Settings) -> Result<Self, ForgeError> {
        let kind = match location.kind {
            ForgeKind::GitHub => Kind::GitHub(GitHub::new(&location)),
            ForgeKind::GitLab => Kind::GitLab(GitLab::new(&location)),
            ForgeKind::Gitea => Kind::Gitea(Gitea::new(&location)),
            ForgeKind::BitbucketCloud => Kind::BitbucketCloud(BitbucketCloud::new(&location)),
            ForgeKind::BitbucketServer => Kind::BitbucketServer(BitbucketServer::new(&location)),
            ForgeKind::Azure => Kind::Azure(Azure::new(&location)),
        };
        let client = Client::new(location, settings)?;
        Ok(Self { client, kind })
    }

    /// Where it is.
    pub fn location(&self) -> &Location {
        &self.client.location
    }

    /// The environment for `git` to push to `remote` with: where a GitHub App signs in, it has the app's token as IMAGO_GIT_TOKEN, unless
    /// there is one, or the remote is at another host than the forge.
    pub async fn push_environment(
        &self,
        remote: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<BTreeMap<OsString, OsString>, ForgeError> {
        let mut environment = environment.clone();
        let is_set = |name: &str| {
            environment
                .get(OsStr::new(name))
                .is_some_and(|it| !it.is_empty())
        };
        let is_here = locate(remote, Some(ForgeKind::GitHub), None, None)
            .is_ok_and(|it| it.host == self.client.location.host);
        if is_here
            && !is_set("IMAGO_GIT_TOKEN")
            && let Some(token) = self.client.push_token().await?
        {
            environment.insert("IMAGO_GIT_TOKEN".into(), token.expose().into());
            environment.remove(OsStr::new("IMAGO_GIT_USERNAME"));
        }
        Ok(environment)
    }

    /// How many characters a request's text may have.
    pub fn text_limit(&self) -> usize {
        match self.client.location.kind {
            ForgeKind::GitHub | ForgeKind::Gitea => 65_536,
            ForgeKind::GitLab => 1_000_000,
            ForgeKind::BitbucketCloud | ForgeKind::BitbucketServer => 32_768,
            ForgeKind::Azure => 4_000,
        }
    }

    /// The open requests from a branch of this repository, whatever branch they go into.
    pub async fn open_from(&self, head: &str) -> Result<Vec<Request>, ForgeError> {
        let wanted = Wanted::OpenFrom(head);
        let found = of_kind!(self, api => api.list(&self.client, wanted).await)?;
        let ours = |it: &Request| it.is_own && it.state == State::Open && it.head == head;
        Ok(found.into_iter().filter(ours).collect())
    }

    /// The open request from a branch of this repository into `base`.
    pub async fn open_requests(
        &self,
        head: &str,
        base: &str,
    ) -> Result<Option<Request>, ForgeError> {
        let found = self.open_from(head).await?;
        Ok(found.into_iter().find(|it| it.base == base))
    }

    /// The open requests from all branches of this repository whose names begin with `prefix`.
    pub async fn open_below(&self, prefix: &str, base: &str) -> Result<Vec<Request>, ForgeError> {
        let wanted = Wanted::OpenInto(base);
        let found = of_kind!(self, api => api.list(&self.client, wanted).await)?;
        let ours = |it: &Request| it.is_of(base, State::Open) && it.head.starts_with(prefix);
        Ok(found.into_iter().filter(ours).collect())
    }

    /// The newest requests from a branch of this repository that were closed unmerged, twenty at most.
    pub async fn closed_requests(
        &self,
        head: &str,
        base: &str,
    ) -> Result<Vec<Request>, ForgeError> {
        let wanted = Wanted::Closed(head, base);
        let found = of_kind!(self, api => api.list(&self.client, wanted).await)?;
        let ours = |it: &Request| it.is_of(base, State::Closed) && it.head == head;
        Ok(found.into_iter().filter(ours).take(CLOSED).collect())
    }

    /// Makes a request. Where it is not known whether the forge has made it, it is looked for before it is made again.
    pub async fn create(&self, draft: &Draft<'_>) -> Result<Created, ForgeError> {
        let title = self.title(draft.title);
        let draft = &Draft {
            title: &title,
            ..draft.clone()
        };
        let mut made = 0;
        loop {
            made += 1;
            match of_kind!(self, api => api.post(&self.client, draft).await) {
                Ok(Posted::Made(request)) => return self.finish(request, draft).await,
                Ok(Posted::NothingBetween) => return Ok(Created::NothingBetween),
                Ok(Posted::Exists) => {
                    if let Some(found) = self.open_requests(draft.head, draft.base).await? {
                        return Ok(Created::Exists(found));
                    }
                    if made >= self.client.tries() {
                        return Err(self.exists_unseen(draft));
                    }
                }
                Err(error) if error.is_uncertain => {
                    if let Ok(Some(found)) = self.open_requests(draft.head, draft.base).await {
                        return self.finish(found, draft).await;
                    }
                    if made >= self.client.tries().min(2) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
            self.client.pause(made).await;
        }
    }

    async fn finish(&self, request: Request, draft: &Draft<'_>) -> Result<Created, ForgeError> {
        if request.head != draft.head || request.base != draft.base {
            let location = &self.client.location;
            return Err(ForgeError::new(
                Code::ForgeAnswer,
                &format!("open a {} in `{}`", location.kind.noun(), location.project),
                format!("`{}` answered with another branch's", location.host),
                "check `--forge` and `--forge-url`",
            ));
        }
        let warnings = of_kind!(self, api => api.decorate(&self.client, &request, draft).await);
        Ok(Created::Made { request, warnings })
    }

    fn exists_unseen(&self, draft: &Draft<'_>) -> ForgeError {
        let location = &self.client.location;
        ForgeError::new(
            Code::ForgeRefused,
            &format!("open a {} in `{}`", location.kind.noun(), location.project),
            format!(
                "`{}` says that there is one from `{}`, and lists none",
                location.host, draft.head
            ),
            "run again later",
        )
    }

    /// Changes a request's text, and its title where `title` is another than `request` has. All else stays as people have it.
    pub async fn update(
        &self,
        request: &Request,
        title: &str,
        body: &str,
    ) -> Result<(), ForgeError> {
        let title =
            (title != request.title).then(|| format!("{}{}", request.prefix, self.title(title)));
        of_kind!(self, api => api.put(&self.client, request, title.as_deref(), body).await)
    }

    /// A title that is not too long, and refers to nobody and nothing: GitLab and Gitea read `@name` and `#1` in titles, also between
    /// backticks, and names of folders may have them.
    fn title(&self, title: &str) -> String {
        let kind = self.client.location.kind;
        let mut plain = String::new();
        for character in title.chars() {
            plain.push(character);
            if REFERENCES.contains(&character)
                && matches!(kind, ForgeKind::GitLab | ForgeKind::Gitea)
            {
                // A space without width: what follows is no name any more.
                plain.push('\u{200b}');
            }
        }
        cut(&plain, LONGEST_TITLE)
    }

    /// Comments on a request, unless it has a comment with this marker. Returns whether it did.
    pub async fn comment_once(
        &self,
        request: &Request,
        marker: &str,
        text: &str,
    ) -> Result<bool, ForgeError> {
        let comments = of_kind!(self, api => api.comments(&self.client, request).await)?;
        if comments.iter().any(|comment| comment.contains(marker)) {
            return Ok(false);
        }
        let text = match text.contains(marker) {
            true => text.to_owned(),
            false => format!("{text}\n\n{marker}"),
        };
        of_kind!(self, api => api.comment(&self.client, request, &text).await)?;
        Ok(true)
    }

    /// Closes a request, unmerged.
    pub async fn close(&self, request: &Request) -> Result<(), ForgeError> {
        of_kind!(self, api => api.close(&self.client, request).await)
    }

    /// Lets the forge merge a request once all that its branch requires is there. GitHub refuses where the branch requires nothing, and
    /// GitLab where there is no pipeline; Gitea merges at once there.
    pub async fn merge_when_ready(
        &self,
        request: &Request,
        head_commit: &str,
    ) -> Result<(), ForgeError> {
        of_kind!(self, api => api.merge_when_ready(&self.client, request, head_commit).await)
    }
}

impl fmt::Debug for Forge {
    /// Without the token.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Forge")
            .field("location", &self.client.location)
            .finish_non_exhaustive()
    }
}

impl Request {
    fn is_of(&self, base: &str, state: State) -> bool {
        self.is_own && self.base == base && self.state == state
    }
}

/// What makes a title one of a draft, with the spaces behind it, and the rest.
fn split_prefix(title: &str, prefixes: &[&str]) -> (String, String) {
    let is_prefix = |prefix: &&&str| {
        title
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    let length = prefixes.iter().find(is_prefix).map_or(0, |it| it.len());
    let rest = title[length..].trim_start();
    match length {
        0 => (String::new(), title.to_owned()),
        _ => (
            title[..title.len() - rest.len()].to_owned(),
            rest.to_owned(),
        ),
    }
}

/// Names of accounts, and of teams (`ORG/TEAM`) apart from them.
fn teams<'a>(names: &[&'a String]) -> (Vec<&'a str>, Vec<&'a str>) {
    let team = |name: &&'a String| Some(name.split_once('/')?.1);
    let people = names.iter().filter(|name| !name.contains('/'));
    (
        names.iter().filter_map(team).collect(),
        people.map(|name| name.as_str()).collect(),
    )
}

/// The body of a change: the text, and the title where it changes.
fn change(title: Option<&str>, key: &str, body: &str) -> Value {
    match title {
        Some(title) => json!({ "title": title, key: body }),
        None => json!({ key: body }),
    }
}

/// What is said of things that a forge does not have.
fn without(things: &[(&str, &[String])], client: &Client) -> Vec<String> {
    let name = client.location.kind.name();
    let wanted = things.iter().filter(|(_, names)| !names.is_empty());
    wanted
        .map(|(thing, _)| format!("cannot set {thing}: {name} has none"))
        .collect()
}

fn no_auto_merge(client: &Client, request: &Request) -> ForgeError {
    let Location { kind, project, .. } = &client.location;
    ForgeError::new(
        Code::ForgeAutoMerge,
        &format!(
            "turn on auto-merge of {} {} of `{project}`",
            kind.noun(),
            kind.reference(request.number)
        ),
        format!("imago does not do that at {}", kind.name()),
        "leave out `--pr-auto-merge`",
    )
}

/// Names for a message.
fn listed(names: &[&String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// So many characters of a text, the last of which says that some are left out.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most - 1).chain(['…']).collect()
}
