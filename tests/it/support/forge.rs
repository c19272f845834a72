//! A forge in this process: one repository with its pull requests, in the API of GitHub and of others.
//!
//! A test reads and changes its [`State`], as people and other runs would, and makes it fail by route. It logs every request whole, so that a
//! test can look for secrets. With a bare repository it looks at the branches there: which exist, and which have no commit of their own.

#![allow(
    dead_code,
    reason = "each of those who use this file uses a part of it"
)]

mod azure;
mod bitbucket_cloud;
mod bitbucket_server;
mod gitea;
mod github;
mod gitlab;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard};

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::registry::http::{Request, Response, Server};

/// The API that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    GitHub,
    GitLab,
    Gitea,
    BitbucketCloud,
    BitbucketServer,
    Azure,
}

/// What has become of a pull request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PullState {
    Open,
    Closed,
    Merged,
}

/// A pull request.
#[derive(Clone, Debug)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) head: String,
    pub(crate) base: String,
    pub(crate) head_commit: String,
    /// Whether its head is in a fork.
    pub(crate) is_of_fork: bool,
    pub(crate) state: PullState,
    pub(crate) is_draft: bool,
    pub(crate) labels: Vec<String>,
    pub(crate) reviewers: Vec<String>,
    pub(crate) assignees: Vec<String>,
    pub(crate) comments: Vec<String>,
    /// How often it was changed.
    pub(crate) version: u64,
    /// The commit that is to be merged once all is ready.
    pub(crate) auto_merge: Option<String>,
}

impl Default for Pull {
    fn default() -> Self {
        Self {
            number: 0,
            title: "Update image digests".to_owned(),
            body: String::new(),
            head: "imago".to_owned(),
            base: "main".to_owned(),
            head_commit: "c".repeat(40),
            is_of_fork: false,
            state: PullState::Open,
            is_draft: false,
            labels: Vec::new(),
            reviewers: Vec::new(),
            assignees: Vec::new(),
            comments: Vec::new(),
            version: 0,
            auto_merge: None,
        }
    }
}

impl Pull {
    /// The title as a forge shows it that marks drafts there.
    fn shown_title(&self, draft: &str) -> String {
        match self.is_draft {
            true => format!("{draft}{}", self.title),
            false => self.title.clone(),
        }
    }

    fn set_title(&mut self, title: &str, draft: &str) {
        let rest = title.strip_prefix(draft);
        self.is_draft = rest.is_some();
        rest.unwrap_or(title).clone_into(&mut self.title);
    }
}

type Hook = Box<dyn FnOnce(&mut State) + Send>;

/// Which requests something happens to.
struct Route {
    method: &'static str,
    /// A part of the path.
    path: String,
}

impl Route {
    fn is_of(&self, request: &Request) -> bool {
        self.method == request.method && request.path.contains(&self.path)
    }
}

/// What the forge does instead of its work, or after it.
struct Fault {
    route: Route,
    left: usize,
    response: Response,
    /// It does its work, and then answers so.
    works: bool,
}

/// What the forge knows.
pub(crate) struct State {
    /// `shop/deploy`
    pub(crate) project: String,
    /// In the order of their numbers.
    pub(crate) pulls: Vec<Pull>,
    /// The token that it takes; any, where there is none.
    pub(crate) token: Option<String>,
    /// Accounts that may review or be assigned; all, where there are none.
    pub(crate) members: Vec<String>,
    /// Labels that there are, of forges that make none by themselves, and those of the organization.
    pub(crate) labels: Vec<String>,
    pub(crate) shared_labels: Vec<String>,
    /// The repository with the branches.
    pub(crate) repository: Option<PathBuf>,
    /// Heads that have no commit that their base lacks, where there is no repository to look at.
    pub(crate) empty: Vec<String>,
    /// Whether requests may be merged automatically.
    pub(crate) allows_auto_merge: bool,
    /// Whether a request waits for nothing, so that it could be merged at once.
    pub(crate) is_ready: bool,
    /// How many tries it takes until the forge knows whether a request can be merged.
    pub(crate) unready_tries: usize,
    /// How many tries it takes until the forge has seen a push.
    pub(crate) late_tries: usize,
    /// The most that a page of a list has.
    pub(crate) page: usize,
    /// What a GitHub App is called, and its installation here.
    pub(crate) app: Option<App>,
    /// Where people are sent to see a request, instead of here.
    pub(crate) shown_address: Option<String>,
    /// The address that next pages are said to be at, instead of this one.
    pub(crate) links_to: Option<String>,
    /// The branch that every answer is about, whatever was asked for.
    pub(crate) answers_for: Option<String>,
    log: Vec<Request>,
    faults: Vec<Fault>,
    hooks: Vec<(Route, Hook)>,
    address: String,
}

/// A GitHub App.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) id: String,
    /// Its public key: the RSA key in DER.
    pub(crate) public_key: Vec<u8>,
    pub(crate) is_installed: bool,
    /// What it may do where it is installed: `contents`, `pull_requests`.
    pub(crate) permissions: Vec<String>,
}

impl State {
    /// Adds a pull request, and returns its number.
    pub(crate) fn add(&mut self, pull: Pull) -> u64 {
        let number = self.pulls.last().map_or(1, |pull| pull.number + 1);
        self.pulls.push(Pull { number, ..pull });
        number
    }

    /// The pull request with this number.
    pub(crate) fn pull(&mut self, number: u64) -> &mut Pull {
        let found = self.pulls.iter_mut().find(|pull| pull.number == number);
        found.expect("there is such a pull request")
    }

    /// The open ones.
    pub(crate) fn open(&self) -> Vec<&Pull> {
        let open = |pull: &&Pull| pull.state == PullState::Open;
        self.pulls.iter().filter(open).collect()
    }

    fn commit_of(&self, branch: &str) -> Option<String> {
        match &self.repository {
            Some(folder) => git(
                folder,
                &[
                    "rev-parse",
                    "-q",
                    "--verify",
                    &format!("refs/heads/{branch}"),
                ],
            ),
            None => Some("c".repeat(40)),
        }
    }

    fn has_nothing(&self, head: &str, base: &str) -> bool {
        match &self.repository {
            Some(folder) => {
                let range = format!("refs/heads/{base}..refs/heads/{head}");
                git(folder, &["rev-list", "--count", &range]).as_deref() == Some("0")
            }
            None => self.empty.iter().any(|name| name == head),
        }
    }

    /// Requests whose branch is gone are closed, and those whose commits the base has are merged; the others follow their branch.
    fn follow_branches(&mut self) {
        if self.repository.is_none() {
            return;
        }
        for index in 0..self.pulls.len() {
            let pull = self.pulls[index].clone();
            if pull.state != PullState::Open || pull.is_of_fork {
                continue;
            }
            let (state, commit) = match self.commit_of(&pull.head) {
                None => (PullState::Closed, pull.head_commit),
                Some(commit) if self.has_nothing(&pull.head, &pull.base) => {
                    (PullState::Merged, commit)
                }
                Some(commit) => (PullState::Open, commit),
            };
            self.pulls[index].state = state;
            self.pulls[index].head_commit = commit;
        }
    }

    fn is_member(&self, name: &str) -> bool {
        self.members.is_empty() || self.members.iter().any(|member| member == name)
    }

    /// The address of a page for people.
    fn page_of(&self, path: &str) -> String {
        let address = self.shown_address.as_ref().unwrap_or(&self.address);
        format!("{address}/{}/{path}", self.project)
    }

    fn link_address(&self) -> &str {
        self.links_to.as_deref().unwrap_or(&self.address)
    }

    /// The branch that is said to have the changes of a request.
    fn shown_head<'a>(&'a self, pull: &'a Pull) -> &'a str {
        self.answers_for.as_deref().unwrap_or(&pull.head)
    }

    /// The number of an account, and its name: its place among the members.
    fn account(&self, name: &str) -> Option<(u64, String)> {
        let at = self.members.iter().position(|member| member == name)?;
        Some((40 + at as u64, name.to_owned()))
    }

    fn account_of(&self, id: u64) -> String {
        let at = usize::try_from(id - 40).unwrap();
        self.members[at].clone()
    }

    /// One open request from a branch to its base.
    fn duplicate_of(&self, head: &str, base: &str) -> Option<u64> {
        let open = self.pulls.iter().find(|pull| {
            pull.state == PullState::Open
                && !pull.is_of_fork
                && pull.head == head
                && pull.base == base
        });
        open.map(|pull| pull.number)
    }
}

/// A running forge.
pub(crate) struct Forge {
    flavour: Flavour,
    server: Server,
    state: Arc<Mutex<State>>,
}

impl Forge {
    /// A forge with one repository, `shop/deploy`.
    pub(crate) fn start(flavour: Flavour) -> Self {
        Self::serve(flavour, None)
    }

    /// The same, over TLS.
    pub(crate) fn with_tls(flavour: Flavour, tls: Arc<rustls::ServerConfig>) -> Self {
        Self::serve(flavour, Some(tls))
    }

    fn serve(flavour: Flavour, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let state = Arc::new(Mutex::new(State {
            project: "shop/deploy".to_owned(),
            pulls: Vec::new(),
            token: None,
            members: Vec::new(),
            labels: Vec::new(),
            shared_labels: Vec::new(),
            repository: None,
            empty: Vec::new(),
            allows_auto_merge: true,
            is_ready: false,
            unready_tries: 0,
            late_tries: 0,
            page: 100,
            app: None,
            shown_address: None,
            links_to: None,
            answers_for: None,
            log: Vec::new(),
            faults: Vec::new(),
            hooks: Vec::new(),
            address: String::new(),
        }));
        let shared = Arc::clone(&state);
        let server = Server::start(tls, move |request| {
            answer(flavour, &mut shared.lock().unwrap(), request)
        });
        state.lock().unwrap().address = format!("{scheme}://{}", server.address);
        Self {
            flavour,
            server,
            state,
        }
    }

    /// The same, which looks at the branches of a bare repository.
    pub(crate) fn of_repository(flavour: Flavour, folder: &Path) -> Self {
        let forge = Self::start(flavour);
        forge.state().repository = Some(folder.to_owned());
        forge
    }

    /// For `--forge`.
    pub(crate) fn kind(&self) -> &'static str {
        match self.flavour {
            Flavour::GitHub => "github",
            Flavour::GitLab => "gitlab",
            Flavour::Gitea => "gitea",
            Flavour::BitbucketCloud => "bitbucket",
            Flavour::BitbucketServer => "bitbucket-server",
            Flavour::Azure => "azure",
        }
    }

    /// For `--forge-url`.
    pub(crate) fn url(&self) -> String {
        self.state().address.clone()
    }

    /// What it knows. It answers nobody while this is held.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Answers so many requests of a route with this, instead of doing what they ask.
    pub(crate) fn fail(&self, method: &'static str, path: &str, times: usize, response: Response) {
        self.add_fault(method, path, times, response, false);
    }

    /// Does what is asked, and then answers with this, so many times.
    pub(crate) fn fail_after(
        &self,
        method: &'static str,
        path: &str,
        times: usize,
        response: Response,
    ) {
        self.add_fault(method, path, times, response, true);
    }

    fn add_fault(
        &self,
        method: &'static str,
        path: &str,
        left: usize,
        response: Response,
        works: bool,
    ) {
        let path = path.to_owned();
        self.state().faults.push(Fault {
            route: Route { method, path },
            left,
            response,
            works,
        });
    }

    /// Lets something happen right before the next request of a route: somebody else is quicker.
    pub(crate) fn before(
        &self,
        method: &'static str,
        path: &str,
        hook: impl FnOnce(&mut State) + Send + 'static,
    ) {
        let path = path.to_owned();
        self.state()
            .hooks
            .push((Route { method, path }, Box::new(hook)));
    }

    /// Every request so far.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.state().log.clone()
    }

    /// Every request so far, as `METHOD /path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let line = |request: &Request| format!("{} {}", request.method, request.path);
        self.state().log.iter().map(line).collect()
    }
}

fn answer(flavour: Flavour, state: &mut State, request: &Request) -> Response {
    state.log.push(request.clone());
    if let Some(at) = state
        .hooks
        .iter()
        .position(|(route, _)| route.is_of(request))
    {
        let (_, hook) = state.hooks.remove(at);
        hook(state);
    }
    let fault = state
        .faults
        .iter_mut()
        .find(|fault| fault.left > 0 && fault.route.is_of(request));
    let failing = fault.map(|fault| {
        fault.left -= 1;
        (fault.response.clone(), fault.works)
    });
    if let Some((response, false)) = failing {
        return response;
    }
    state.follow_branches();
    let response = match flavour {
        Flavour::GitHub => github::answer(state, request),
        Flavour::GitLab => gitlab::answer(state, request),
        Flavour::Gitea => gitea::answer(state, request),
        Flavour::BitbucketCloud => bitbucket_cloud::answer(state, request),
        Flavour::BitbucketServer => bitbucket_server::answer(state, request),
        Flavour::Azure => azure::answer(state, request),
    };
    failing.map_or(response, |(failure, _)| failure)
}

/// The value of a name behind the `?`, decoded.
fn query(request: &Request, name: &str) -> Option<String> {
    request.query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.replace('+', " ");
        (key == name).then(|| percent_decode_str(&value).decode_utf8_lossy().into_owned())
    })
}

fn body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap_or_default()
}

/// A list of names in a body.
fn names(value: &Value) -> Vec<String> {
    let names = value.as_array().into_iter().flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn json(status: u16, body: &Value) -> Response {
    Response::new(status)
        .header("content-type", "application/json; charset=utf-8")
        .body(body.to_string())
}

/// One page of a list, with a `Link` to the next.
fn paged(state: &State, request: &Request, items: &[Value], size: &str) -> Response {
    let number = |name: &str| query(request, name).and_then(|text| text.parse::<usize>().ok());
    let size = number(size).unwrap_or(30).min(state.page);
    let page = number("page").unwrap_or(1);
    let shown: Vec<Value> = items
        .iter()
        .skip((page - 1) * size)
        .take(size)
        .cloned()
        .collect();
    let response = json(200, &Value::Array(shown));
    if page * size >= items.len() {
        return response;
    }
    let kept: Vec<&str> = request
        .query
        .split('&')
        .filter(|pair| !pair.starts_with("page="))
        .collect();
    let next = format!(
        "<{}{}?{}&page={}>; rel=\"next\"",
        state.link_address(),
        request.path,
        kept.join("&"),
        page + 1
    );
    response.header("link", next)
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("--git-dir")
        .arg(folder)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}
