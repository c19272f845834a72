//! Fetching and pushing by the `git` program, which knows ssh, credential helpers, proxies and everything else that people have set up.
//!
//! Secrets reach it by its environment alone. It is never asked to force anything but with a lease on a commit that is named, it asks no
//! person anything, and what it says is printed without secrets.

mod failure;
mod program;
mod remote;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;

use super::credentials::Credentials;
use super::limits::Limits;
use super::repository::{CommitId, ContentId};
use crate::io::child::Finished as Output;
use crate::io::credentials::Known;
use failure::{branch_in_the_way, is_moved};

pub use failure::TransportError;

/// What a mirror notes of the remote's branches are branches of its own.
const NO_BRANCH_MOVES: &str = "--refmap=";

/// How many digits the name of a SHA-256 commit has.
const LONG_NAME: usize = 64;

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

/// When the contents of a commit's files are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// By their names, once it is known which are wanted.
    Later,
    /// With the commit, which may be here already.
    Now,
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
    /// Whether `root` is a bare repository.
    is_bare: bool,
    remote: String,
    /// The remote's name for `git`: another one for this run, where its address holds an account.
    name: String,
    /// Where it is pushed to.
    places: Vec<PushTarget>,
    /// The address of the first of these places, without an account.
    address: String,
    environment: BTreeMap<OsString, OsString>,
    credentials: Credentials,
    limits: Limits,
    known: Known,
}

impl Transport {
    /// The remote's name.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    /// Whether an address of it has an account, which `git` by itself would hand on as an argument.
    pub fn has_account(&self) -> bool {
        self.name != self.remote
    }

    /// The address that it is pushed to, as Git's configuration makes it, without an account. The first, where there are several.
    pub fn push_address(&self) -> &str {
        &self.address
    }

    /// How many places it is pushed to.
    pub fn places(&self) -> usize {
        self.places.len()
    }

    /// Whether it is pushed to another place than it is fetched from.
    pub fn has_two_sides(&self) -> bool {
        self.sides().len() > 1
    }

    /// Where it is pushed to, one for each place.
    pub fn targets(&self) -> Vec<Side> {
        let places = self.places.iter().enumerate();
        let sides = places.map(|(number, place)| match place.asked == self.name {
            true => Side::Fetched,
            false => Side::Pushed(number),
        });
        match self.places.is_empty() {
            true => vec![Side::Fetched],
            false => sides.collect(),
        }
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
            if value.len() == LONG_NAME {
                return Err(TransportError::ObjectFormat);
            }
            if let (Some(target), "HEAD") = (value.strip_prefix("ref: refs/heads/"), name) {
                heads.default = Some(target.to_owned());
            } else if name == "HEAD" {
                heads.default_tip = git2::Oid::from_str(value).ok().map(CommitId);
            } else if name == reference {
                heads.tip = git2::Oid::from_str(value).ok().map(CommitId);
            }
        }
        // A HEAD that is detached there is no branch.
        heads.default_tip = heads.default_tip.filter(|_| heads.default.is_some());
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
        if self.is_bare {
            arguments.push(NO_BRANCH_MOVES);
        }
        arguments.extend(["--", self.address(side), &reference]);
        let output = self.run(&arguments)?;
        self.succeeded("fetch", output).map(drop)
    }

    /// Brings the last commit of a branch and its trees here, and moves the branch of the same name of this bare clone to it.
    pub(super) fn fetch_branch(
        &self,
        branch: &str,
        contents: Contents,
    ) -> Result<(), TransportError> {
        let reference = format!("+refs/heads/{branch}:refs/heads/{branch}");
        let mut arguments = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            "--depth=1",
        ];
        match contents {
            Contents::Later => arguments.push("--filter=blob:none"),
            Contents::Now => arguments.extend(["--no-filter", "--refetch"]),
        }
        arguments.extend([
            NO_BRANCH_MOVES,
            "--",
            self.address(Side::Fetched),
            &reference,
        ]);
        let output = self.run(&arguments)?;
        self.succeeded("fetch", output).map(drop)
    }

    /// Makes a shallow clone reach further back from a reference or a commit of the remote. Nothing that is here goes.
    pub fn deepen(&self, wanted: &str, by: usize, side: Side) -> Result<(), TransportError> {
        let depth = format!("--deepen={by}");
        let mut arguments = vec![
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-recurse-submodules",
            &depth,
        ];
        if self.is_bare {
            arguments.push(NO_BRANCH_MOVES);
        }
        arguments.extend(["--", self.address(side), wanted]);
        let output = self.run(&arguments)?;
        self.succeeded("fetch", output).map(drop)
    }

    /// Whether a place may have a commit. It may also have one that nobody sees there any more, or that is a fork's alone.
    pub fn may_have(&self, commit: CommitId, side: Side) -> Result<bool, TransportError> {
        let tip = format!("--negotiation-tip={commit}");
        let output = self.run(&[
            "fetch",
            "--negotiate-only",
            "--no-recurse-submodules",
            &tip,
            "--",
            self.address(side),
        ])?;
        let said = String::from_utf8_lossy(&output.stdout);
        // Git before 2.32, here or there, cannot be asked that way.
        Ok(!output.status.success() || said.lines().any(|line| line == commit.to_string()))
    }

    /// All references of the remote, wherever it is fetched from or pushed to: branches, tags, and those of requests.
    pub fn references(&self) -> Result<Vec<Listed>, TransportError> {
        let mut references = Vec::new();
        for side in self.sides() {
            references.append(&mut self.references_of(side)?);
        }
        Ok(references)
    }

    /// The references of one side.
    pub fn references_of(&self, side: Side) -> Result<Vec<Listed>, TransportError> {
        let output = self.run(&["ls-remote", "--", self.address(side)])?;
        let said = self.succeeded("ls-remote", output)?;
        let listed = said.lines().filter_map(|line| {
            let (commit, name) = line.split_once('\t')?;
            Some(Listed {
                // A tag's commit comes as `refs/tags/v1^{}`.
                name: name.trim_end_matches("^{}").to_owned(),
                commit: CommitId(git2::Oid::from_str(commit).ok()?),
            })
        });
        Ok(listed.collect())
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
        let what = format!("{commit}:refs/heads/{branch}");
        self.send(place, what, branch, replace, options)
    }

    /// Deletes a branch at one of the places that the remote is pushed to, where it is still on this commit.
    pub fn delete(
        &self,
        place: usize,
        branch: &str,
        tip: CommitId,
    ) -> Result<Pushed, TransportError> {
        let what = format!(":refs/heads/{branch}");
        self.send(place, what, branch, Replace::Exactly(Some(tip)), &[])
    }

    fn send(
        &self,
        place: usize,
        what: String,
        branch: &str,
        replace: Replace,
        options: &[String],
    ) -> Result<Pushed, TransportError> {
        let place = (self.places.get(place)).map_or(&*self.name, |place| &*place.pushed);
        let mut arguments = [
            // `git clone --mirror` sets it: each push would then replace all branches of the remote.
            "-c",
            &format!("remote.{place}.mirror=false"),
            "push",
            "--porcelain",
            "--no-follow-tags",
            "--recurse-submodules=no",
        ]
        .map(str::to_owned)
        .to_vec();
        if let Replace::Exactly(tip) = replace {
            let tip = tip.map(|tip| tip.to_string()).unwrap_or_default();
            arguments.push(format!("--force-with-lease=refs/heads/{branch}:{tip}"));
        }
        arguments.extend(
            options
                .iter()
                .map(|option| format!("--push-option={option}")),
        );
        arguments.extend(["--".to_owned(), place.to_owned(), what]);
        let output = self.run_with_hooks(&arguments)?;
        if output.status.success() {
            return Ok(Pushed::Done);
        }
        if output.status.signal().is_some() {
            return Err(TransportError::CutOff {
                act: "push".to_owned(),
            });
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
                let stderr = String::from_utf8_lossy(&output.stderr);
                if let Some(branch) = branch_in_the_way(verdict).or(branch_in_the_way(&stderr)) {
                    return Err(TransportError::BranchInTheWay(branch.to_owned()));
                }
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
        let said = self.said(&output, |line| line.starts_with("error:"));
        Err(match said.contains("error: invalid path") {
            true => TransportError::InvalidPath(said),
            false => TransportError::InTheWay(said),
        })
    }
}
