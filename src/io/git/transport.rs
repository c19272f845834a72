//! Fetching and pushing by the `git` program, which knows ssh, credential helpers, proxies and everything else that people have set up.
//!
//! Secrets reach it by its environment alone. It is never asked to force anything but with a lease on a commit that is named, it asks no
//! person anything, and what it says is printed without secrets.

mod failure;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use super::credentials::{Credentials, without_account};
use super::limits::{Act, Limits};
use super::repository::{CommitId, ContentId};
use crate::io::child::{Child, ChildError, Finished as Output, without_secrets};
use crate::io::credentials::Known;
use failure::is_moved;

pub use failure::TransportError;

/// What would lead the program to another repository than the one at hand, or make it print more than it is asked for.
const NOT_PASSED_ON: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// Hooks are for what people do. A push alone asks pre-push.
const NO_HOOKS: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

/// What a remote has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The branch that it names as its default, where it names one.
    pub default: Option<String>,
    /// The commit of that branch.
    pub default_tip: Option<CommitId>,
    /// The commit of the branch that was asked for.
    pub tip: Option<CommitId>,
}

/// A reference of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it is.
    pub side: Side,
    /// Its name in full.
    pub name: String,
    /// What it is on.
    pub commit: CommitId,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The remote has it.
    Done,
    /// Somebody else was faster; the remote is as they left it.
    Moved,
}

/// Whether a push may replace what the remote has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// Only by what follows it.
    Never,
    /// Where it is this very commit, or where there is none.
    Exactly(Option<CommitId>),
}

/// How much of a branch is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// All that is not here.
    Whole,
    /// Its last commit: what suffices in a shallow clone.
    Tip,
}

/// Which of a remote's addresses is meant, where `remote.NAME.pushurl` is another, or several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Where it is fetched from.
    Fetched,
    /// One of the places that it is pushed to, by its number.
    Pushed(usize),
}

/// A place that a remote is pushed to, by its names for `git`.
struct PushTarget {
    /// To look at it and to fetch from it.
    asked: String,
    /// To push to it alone.
    pushed: String,
}

/// One remote of a repository.
pub struct Transport {
    root: PathBuf,
    remote: String,
    /// The remote's name for `git`: another one for this run, where its address holds an account.
    name: String,
    /// Where it is pushed to.
    places: Vec<PushTarget>,
    environment: BTreeMap<OsString, OsString>,
    credentials: Credentials,
    limits: Limits,
    known: Known,
}

impl Transport {
    /// Checks that there is a program and a remote. Nothing is asked yet.
    pub fn open(
        root: &Path,
        remote: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, TransportError> {
        let passed_on = |name: &OsStr| {
            let name = name.to_string_lossy();
            !NOT_PASSED_ON.contains(&&*name)
                && !name.starts_with("GIT_TRACE")
                && name != "GIT_CURL_VERBOSE"
        };
        let kept: BTreeMap<OsString, OsString> = environment
            .iter()
            .filter(|(name, _)| passed_on(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut transport = Self {
            root: root.to_owned(),
            remote: remote.to_owned(),
            name: remote.to_owned(),
            places: Vec::new(),
            environment: kept,
            credentials: Credentials::default(),
            limits: Limits::of_environment(environment),
            known: Known::default(),
        };
        let remotes = transport.run(&["remote"])?;
        if !transport
            .succeeded("remote", remotes)?
            .lines()
            .any(|name| name == remote)
        {
            return Err(TransportError::NoRemote(remote.to_owned()));
        }
        let mut urls = Vec::new();
        for arguments in [
            &["remote", "get-url", "--", remote][..],
            &["remote", "get-url", "--push", "--all", "--", remote],
        ] {
            let output = transport.run(arguments)?;
            urls.push(
                transport
                    .succeeded("remote", output)?
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            );
        }
        let [fetched, pushed] = &urls[..] else {
            unreachable!("both sides were asked for")
        };
        let fetched = fetched.first().cloned().unwrap_or_default();
        let mut places: Vec<&String> = Vec::new();
        for url in pushed {
            if !places.contains(&url) {
                places.push(url);
            }
        }
        let all: Vec<String> = BTreeSet::from_iter([&fetched].into_iter().chain(pushed))
            .into_iter()
            .cloned()
            .collect();
        let mut settings = Vec::new();
        let has_account = all.iter().any(|url| without_account(url).is_some());
        if has_account {
            transport.name = format!("imago-{remote}");
            let name = transport.name.clone();
            settings.extend(transport.alias(&name, &fetched, &places)?);
        }
        match places[..] {
            [] => {}
            [url] if *url == fetched => transport.places.push(PushTarget {
                asked: transport.name.clone(),
                pushed: transport.name.clone(),
            }),
            [url] => {
                let asked = format!("imago-{remote}-push");
                settings.extend(transport.alias(&asked, url, &[])?);
                transport.places.push(PushTarget {
                    asked,
                    pushed: transport.name.clone(),
                });
            }
            _ => {
                for (number, url) in places.iter().enumerate() {
                    let name = format!("imago-{remote}-push-{number}");
                    settings.extend(transport.alias(&name, url, &[])?);
                    transport.places.push(PushTarget {
                        asked: if **url == fetched {
                            transport.name.clone()
                        } else {
                            name.clone()
                        },
                        pushed: name,
                    });
                }
            }
        }
        let start = |error| {
            TransportError::NoProgram(format!("the credentials cannot be handed to it: {error}"))
        };
        transport.credentials = Credentials::of(&all, settings, environment).map_err(start)?;
        transport
            .credentials
            .secrets
            .iter()
            .for_each(|secret| transport.known.add(secret));
        Ok(transport)
    }

    /// A remote that is this one in all but its name and the accounts of its addresses, as configuration for this run.
    ///
    /// Its addresses are already what `url.….insteadOf` makes of them, which might put an account into them again. So each stands behind a
    /// word that no such rule has: Git rewrites an address once.
    fn alias(
        &self,
        name: &str,
        fetched: &str,
        pushed: &[&String],
    ) -> Result<Vec<(String, String)>, TransportError> {
        let key = |key: &str| format!("remote.{name}.{key}");
        let mut settings = Vec::new();
        let urls = [("url", fetched)]
            .into_iter()
            .chain(pushed.iter().map(|url| ("pushurl", url.as_str())));
        for (number, (which, url)) in urls.enumerate() {
            let word = format!("{name}-{number}:");
            let url = without_account(url).unwrap_or_else(|| url.to_owned());
            settings.push((format!("url.{url}.insteadOf"), word.clone()));
            settings.push((key(which), word));
        }
        for name in ["fetch", "promisor", "partialclonefilter"] {
            // It fails where there is none.
            let output = self.run(&[
                "config",
                "--get-all",
                &format!("remote.{}.{name}", self.remote),
            ])?;
            settings.extend(
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .map(|value| (key(name), value.to_owned())),
            );
        }
        Ok(settings)
    }

    /// The remote's name.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// Whether an address of it has an account, which `git` by itself would hand on as an argument.
    pub fn has_account(&self) -> bool {
        self.name != self.remote
    }

    /// How many places it is pushed to.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether it is pushed to another place than it is fetched from.
    pub fn has_two_sides(&self) -> bool {
        self.sides().len() > 1
    }

    /// Where it is fetched from, and the other places.
    fn sides(&self) -> Vec<Side> {
        let places = self.places.iter().enumerate();
        let others = places.filter(|(_, place)| place.asked != self.name);
        [Side::Fetched]
            .into_iter()
            .chain(others.map(|(number, _)| Side::Pushed(number)))
            .collect()
    }

    /// How `git` is told a side.
    fn address(&self, side: Side) -> &str {
        match side {
            Side::Pushed(number) => self.places.get(number).map_or(&self.name, |it| &it.asked),
            Side::Fetched => &self.name,
        }
    }

    /// Asks the remote where a branch is.
    pub fn look(&self, branch: &str, side: Side) -> Result<Heads, TransportError> {
        let reference = format!("refs/heads/{branch}");
        let output = self.run(&[
            "ls-remote",
            "--symref",
            "--",
            self.address(side),
            "HEAD",
            &reference,
        ])?;
        let said = self.succeeded("ls-remote", output)?;
        let mut heads = Heads {
            default: None,
            default_tip: None,
            tip: None,
        };
        for (value, name) in said.lines().filter_map(|line| line.split_once('\t')) {
            if let (Some(target), "HEAD") = (value.strip_prefix("ref: refs/heads/"), name) {
                heads.default = Some(target.to_owned());
            } else if name == "HEAD" {
                heads.default_tip = git2::Oid::from_str(value).ok().map(CommitId);
            } else if name == reference {
                heads.tip = git2::Oid::from_str(value).ok().map(CommitId);
            }
        }
        Ok(heads)
    }

    /// Brings a branch's commits here. No branch of this repository moves but the one that follows the remote's.
    pub fn fetch(&self, branch: &str, depth: Depth, side: Side) -> Result<(), TransportError> {
        let reference = format!("refs/heads/{branch}");
        let mut arguments = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
        ];
        if depth == Depth::Tip {
            arguments.push("--depth=1");
        }
        arguments.extend(["--", self.address(side), &reference]);
        let output = self.run(&arguments)?;
        self.succeeded("fetch", output).map(drop)
    }

    /// Makes a shallow clone reach further back from a reference or a commit of the remote. Nothing that is here goes.
    pub fn deepen(&self, wanted: &str, by: usize, side: Side) -> Result<(), TransportError> {
        let depth = format!("--deepen={by}");
        let output = self.run(&[
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            &depth,
            "--",
            self.address(side),
            wanted,
        ])?;
        self.succeeded("fetch", output).map(drop)
    }

    /// Whether the remote may have a commit, wherever it is fetched from or pushed to. It may also have one that nobody sees there any more,
    /// or that is a fork's alone.
    pub fn may_have(&self, commit: CommitId) -> Result<bool, TransportError> {
        for side in self.sides() {
            let (tip, address) = (format!("--negotiation-tip={commit}"), self.address(side));
            let output = self.run(&[
                "fetch",
                "--negotiate-only",
                "--no-recurse-submodules",
                &tip,
                "--",
                address,
            ])?;
            let said = String::from_utf8_lossy(&output.stdout);
            // Git before 2.32, here or there, cannot be asked that way.
            if !output.status.success() || said.lines().any(|line| line == commit.to_string()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All references of the remote, wherever it is fetched from or pushed to: branches, tags, and those of requests.
    pub fn references(&self) -> Result<Vec<Listed>, TransportError> {
        let mut references = Vec::new();
        for side in self.sides() {
            let output = self.run(&["ls-remote", "--", self.address(side)])?;
            let said = self.succeeded("ls-remote", output)?;
            references.extend(said.lines().filter_map(|line| {
                let (commit, name) = line.split_once('\t')?;
                Some(Listed {
                    side,
                    // A tag's commit comes as `refs/tags/v1^{}`.
                    name: name.trim_end_matches("^{}").to_owned(),
                    commit: CommitId(git2::Oid::from_str(commit).ok()?),
                })
            }));
        }
        Ok(references)
    }

    /// Brings the contents of files here that a partial clone has left at the remote, in one request.
    pub fn fetch_contents(&self, contents: &BTreeSet<ContentId>) -> Result<(), TransportError> {
        // As Git itself asks for what is absent: nothing that is here tells the remote anything of it.
        let mut arguments = vec![
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
        ];
        arguments.extend([
            "--no-recurse-submodules",
            "--filter=blob:none",
            "--stdin",
            "--",
            &self.name,
        ]);
        let names: String = contents
            .iter()
            .map(|content| format!("{}\n", content.0))
            .collect();
        let output = self.run_with(&arguments, names)?;
        self.succeeded("fetch", output).map(drop)
    }

    /// Gives a commit to a branch at one of the places that the remote is pushed to.
    pub fn push(
        &self,
        place: usize,
        commit: CommitId,
        branch: &str,
        replace: Replace,
        options: &[String],
    ) -> Result<Pushed, TransportError> {
        let mut arguments = vec![
            "push".to_owned(),
            "--porcelain".to_owned(),
            "--no-follow-tags".to_owned(),
        ];
        arguments.push("--recurse-submodules=no".to_owned());
        if let Replace::Exactly(tip) = replace {
            let tip = tip.map(|tip| tip.to_string()).unwrap_or_default();
            arguments.push(format!("--force-with-lease=refs/heads/{branch}:{tip}"));
        }
        arguments.extend(
            options
                .iter()
                .map(|option| format!("--push-option={option}")),
        );
        arguments.extend([
            "--".to_owned(),
            self.places
                .get(place)
                .map_or_else(|| self.name.clone(), |place| place.pushed.clone()),
            format!("{commit}:refs/heads/{branch}"),
        ]);
        let output = self.run_with_hooks(&arguments)?;
        if output.status.success() {
            return Ok(Pushed::Done);
        }
        if output.status.signal().is_some() {
            return Err(TransportError::CutOff);
        }
        let lines = String::from_utf8_lossy(&output.stdout).into_owned();
        let verdict = lines
            .lines()
            .find(|line| line.starts_with("!\t"))
            .and_then(|line| line.rsplit('\t').next());
        match verdict {
            Some(verdict) if is_moved(verdict, &String::from_utf8_lossy(&output.stderr)) => {
                Ok(Pushed::Moved)
            }
            Some(verdict) if verdict.starts_with("[remote") => {
                let said = self.said(&output, |line| line.starts_with("remote:"));
                let verdict = self.hide(verdict);
                Err(TransportError::Refused(if said.is_empty() {
                    verdict
                } else {
                    format!("{verdict}; {said}")
                }))
            }
            Some(_) => Err(self.failure("push", &output)),
            None => Err(self
                .of_hook(&output)?
                .unwrap_or_else(|| self.failure("push", &output))),
        }
    }

    /// The words of the client's pre-push hook, where it is that which ended a push: Git itself then says nothing but that it failed.
    fn of_hook(&self, output: &Output) -> Result<Option<TransportError>, TransportError> {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let by_git = ["fatal:", "remote:", "ERROR:", "error: RPC failed"];
        if stderr
            .lines()
            .any(|line| by_git.iter().any(|begin| line.starts_with(begin)))
        {
            return Ok(None);
        }
        let hook = self.run_with_hooks(&["rev-parse", "--git-path", "hooks/pre-push"])?;
        let hook = self
            .root
            .join(String::from_utf8_lossy(&hook.stdout).trim_end());
        let said = self.said(output, |line| {
            !line.starts_with("error: failed to push some refs")
        });
        Ok(hook.exists().then_some(TransportError::Hook(said)))
    }

    /// Whether [`Transport::follow`] would find its way.
    pub fn can_follow(&self, from: CommitId, to: CommitId) -> Result<(), TransportError> {
        self.read_tree(&["--dry-run"], from, to)
    }

    /// Brings index and working tree from one commit to another, as `git merge --ff-only` does: what differs from `from` here stays, and
    /// where it is in the way, nothing moves.
    pub fn follow(&self, from: CommitId, to: CommitId) -> Result<(), TransportError> {
        self.read_tree(&[], from, to)
    }

    fn read_tree(
        &self,
        flags: &[&str],
        from: CommitId,
        to: CommitId,
    ) -> Result<(), TransportError> {
        // Times in the index that are out of date would be taken for changes. It fails where there are changes, which are told below.
        self.run(&["update-index", "-q", "--refresh"])?;
        let (from, to) = (from.to_string(), to.to_string());
        let mut arguments = vec!["read-tree", "-m", "-u"];
        arguments.extend(flags);
        arguments.extend([from.as_str(), to.as_str()]);
        let output = self.run(&arguments)?;
        if output.status.success() {
            return Ok(());
        }
        Err(TransportError::InTheWay(
            self.said(&output, |line| line.starts_with("error:")),
        ))
    }

    fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output, TransportError> {
        self.call(self.child(&NO_HOOKS, arguments), arguments)
    }

    fn run_with_hooks<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output, TransportError> {
        self.call(self.child(&[], arguments), arguments)
    }

    /// The same, with a text on stdin.
    fn run_with(&self, arguments: &[&str], text: String) -> Result<Output, TransportError> {
        self.call(self.alone(&NO_HOOKS, arguments).input(text), arguments)
    }

    fn child<S: AsRef<OsStr>>(&self, settings: &[&str], arguments: &[S]) -> Child {
        let child = self.alone(settings, arguments);
        // An ssh key's passphrase is asked for at the terminal, where there is one.
        if std::io::stdin().is_terminal() {
            child.may_ask()
        } else {
            child
        }
    }

    /// A `git` that can ask nobody.
    fn alone<S: AsRef<OsStr>>(&self, settings: &[&str], arguments: &[S]) -> Child {
        let act = if ["fetch", "push"].contains(&&*subcommand(arguments)) {
            Act::Carry
        } else {
            Act::Ask
        };
        Child::new(
            "git",
            without_secrets(&self.environment),
            self.limits.of(act),
        )
        .args([OsStr::new("-C"), self.root.as_os_str()])
        .args(settings)
        .args(arguments)
        .envs(&self.credentials.environment)
        .envs([("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0")])
    }

    fn call<S: AsRef<OsStr>>(
        &self,
        child: Child,
        arguments: &[S],
    ) -> Result<Output, TransportError> {
        child.run().map_err(|error| match error {
            ChildError::Start(error) => TransportError::NoProgram(error.to_string()),
            ChildError::Slow(limit) => TransportError::Slow {
                act: subcommand(arguments),
                seconds: limit.as_secs(),
            },
            ChildError::Interrupted => TransportError::CutOff,
            error @ ChildError::TooMuch(_) => TransportError::Other {
                act: "output".to_owned(),
                said: error.to_string(),
            },
        })
    }

    fn succeeded(&self, act: &str, output: Output) -> Result<String, TransportError> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failure(act, &output))
    }
}

/// What `git` is called for: the first word that belongs to no setting before it.
fn subcommand<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let mut words = arguments.iter().map(|word| word.as_ref().to_string_lossy());
    while let Some(word) = words.next() {
        match &*word {
            "-c" => drop(words.next()),
            _ => return word.into_owned(),
        }
    }
    String::new()
}
