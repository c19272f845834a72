//! A clone of our own: bare, shallow, and without the contents of files until they are asked for.
//!
//! It holds one branch. `git` is asked for one commit and its trees (`--depth=1 --filter=blob:none`), and for contents all at once. A
//! server that knows no filters sends the contents of that one commit.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::DirEntry;
use std::path::Path;
use std::sync::Arc;

use git2::{Repository as Inner, RepositoryInitOptions};

use super::address::{self, Address};
use super::repository::{Listed, Repository};
use super::transport::{Contents, Side, Transport, TransportError};
use super::{GitError, is_branch_name};
use crate::io::removal::remove_folder;

/// The remote's name in a clone of ours.
pub const REMOTE: &str = "origin";

/// Why there is no clone. The text is the cause alone.
#[derive(Debug, thiserror::Error)]
pub enum CloneError {
    /// The remote did not give it.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The clone itself cannot be made or read.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The remote has no commit at all.
    #[error("the repository is empty: it has no commit yet")]
    Empty,
    /// The remote has no branch of the name that was asked for.
    #[error("it has no branch `{name}`{}", default.as_ref().map(|name| format!("; its default branch is `{name}`")).unwrap_or_default())]
    NoBranch {
        /// The name.
        name: String,
        /// The branch that the remote names as its default.
        default: Option<String>,
    },
    /// The remote names no default branch.
    #[error("it names no default branch")]
    NoDefault,
}

/// The environment of runs on addresses: what `git` may reach, and that a bare repository of ours is trusted. It may hold secrets, and
/// is never printed.
pub struct Environments {
    usual: Arc<BTreeMap<OsString, OsString>>,
    /// For a repository that this machine serves over http.
    here: Arc<BTreeMap<OsString, OsString>>,
}

impl Environments {
    /// Those that the process's own environment comes to.
    pub fn of(outer: &BTreeMap<OsString, OsString>) -> Self {
        Self {
            usual: Arc::new(environment(outer, address::ALLOWED)),
            here: Arc::new(environment(outer, address::ALLOWED_HERE)),
        }
    }

    /// That of a run on this address.
    pub fn of_address(&self, address: &Address) -> Arc<BTreeMap<OsString, OsString>> {
        Arc::clone(match address.is_http() {
            true => &self.here,
            false => &self.usual,
        })
    }
}

fn environment(
    outer: &BTreeMap<OsString, OsString>,
    ways: &[&str],
) -> BTreeMap<OsString, OsString> {
    let mut inner = outer.clone();
    let text = |name: &str| outer.get(OsStr::new(name)).and_then(|value| value.to_str());
    let allowed: Vec<&str> = match text("GIT_ALLOW_PROTOCOL") {
        Some(given) => given.split(':').filter(|way| ways.contains(way)).collect(),
        None => ways.to_vec(),
    };
    inner.insert("GIT_ALLOW_PROTOCOL".into(), allowed.join(":").into());
    // A person's `safe.bareRepository = explicit` is about repositories that somebody else has put somewhere.
    let count = text("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok());
    let first: usize = count.unwrap_or(0);
    inner.insert("GIT_CONFIG_COUNT".into(), (first + 1).to_string().into());
    inner.insert(
        format!("GIT_CONFIG_KEY_{first}").into(),
        "safe.bareRepository".into(),
    );
    inner.insert(format!("GIT_CONFIG_VALUE_{first}").into(), "all".into());
    inner
}

/// What a clone keeps. All else is ours, or comes from somebody who has put the folder there: settings, hooks, attributes, and the
/// `commondir` by which Git reads these elsewhere.
const KEPT: [&str; 5] = ["HEAD", "objects", "packed-refs", "refs", "shallow"];

/// Removes what a clone does not keep, and everything in it that is neither a file nor a folder: a link leads elsewhere, a pipe nowhere.
fn clear(folder: &Path) -> std::io::Result<()> {
    keep(folder, |entry| {
        KEPT.iter().any(|kept| entry.file_name() == *kept)
    })?;
    // `info` says where more objects are.
    let objects = folder.join("objects");
    match objects.is_dir() {
        true => keep(&objects, |entry| entry.file_name() != "info"),
        false => Ok(()),
    }
}

fn keep(folder: &Path, is_kept: impl Fn(&DirEntry) -> bool) -> std::io::Result<()> {
    // One folder is open at a time, however deep they are.
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(&at)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            match at != folder || is_kept(&entry) {
                true if kind.is_dir() => waiting.push(path),
                true if kind.is_file() => {}
                _ if kind.is_dir() => remove_folder(&path)?,
                _ => std::fs::remove_file(path)?,
            }
        }
    }
    Ok(())
}

/// Makes an empty clone in a folder that is there or can be made in one that is there. A clone that is there keeps its branches and
/// objects, and gets our settings in place of its own.
pub fn init(folder: &Path, address: &Address) -> Result<(), GitError> {
    // A link leads into another repository, which is not ours to clear.
    if folder.is_symlink() {
        let what = format!("`{}` is a link", folder.display());
        return Err(GitError::Other(what));
    }
    if folder.is_dir() {
        clear(folder).map_err(|error| GitError::Other(error.to_string()))?;
    }
    let mut options = RepositoryInitOptions::new();
    // A template of the machine would bring hooks. With `mkpath`, a run that ends could make a scratch folder that is gone anew.
    options.bare(true).mkdir(true).external_template(false);
    let repository = Inner::init_opts(folder, &options)?;
    let mut config = repository.config()?.open_level(git2::ConfigLevel::Local)?;
    config.set_str(&format!("remote.{REMOTE}.url"), address.as_str())?;
    config.set_bool(&format!("remote.{REMOTE}.promisor"), true)?;
    config.set_str(&format!("remote.{REMOTE}.partialclonefilter"), "blob:none")?;
    // What is larger than any manifest is not held in memory.
    config.set_str("core.bigFileThreshold", "16m")?;
    // Nothing shall go on in it when a run is over.
    config.set_bool("gc.autoDetach", false)?;
    config.set_bool("maintenance.autoDetach", false)?;
    Ok(())
}

/// Brings a clone's branch to what the remote has, with the contents of those files that are `wanted`, and lets HEAD name it.
pub fn update(
    folder: &Path,
    branch: Option<&str>,
    environment: &BTreeMap<OsString, OsString>,
    wanted: impl Fn(&Path) -> bool,
) -> Result<(), CloneError> {
    let transport = Transport::open(folder, REMOTE, environment)?;
    let heads = transport.look(branch.unwrap_or("HEAD"), Side::Fetched)?;
    let name = match (branch, &heads.default) {
        (Some(name), default) if heads.tip.is_none() => {
            return Err(match transport.references()?.is_empty() {
                true => CloneError::Empty,
                false => CloneError::NoBranch {
                    name: name.to_owned(),
                    default: default.clone(),
                },
            });
        }
        (Some(name), _) => name,
        (None, Some(default)) if heads.default_tip.is_some() && is_branch_name(default) => default,
        (None, _) => {
            return Err(match transport.references()?.is_empty() {
                true => CloneError::Empty,
                false => CloneError::NoDefault,
            });
        }
    };
    let repository = Repository::open_own(folder)?;
    let tip = heads.tip.or(heads.default_tip);
    let is_here = repository.branch(name)?.is_some_and(|at| Some(at) == tip);
    if !is_here {
        transport.fetch_branch(name, Contents::Later)?;
    }
    repository.point_head_at(name)?;
    let repository = repository.again()?;
    let (listed, _) = repository.files(repository.head()?.commit)?;
    let files = listed.iter().filter(|file: &&Listed| wanted(&file.path));
    let absent = repository.absent(files)?;
    if !absent.is_empty()
        && let Err(error) = transport.fetch_contents(&absent)
    {
        // By version 0 of Git's protocol a server filters, and gives no contents by their names unless it is told to.
        let is_unsure = matches!(error, TransportError::Other { .. });
        if !is_unsure || transport.fetch_branch(name, Contents::Now).is_err() {
            return Err(error.into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_narrows_what_git_may_reach_and_keeps_other_settings() {
        let outer: BTreeMap<OsString, OsString> = [
            ("GIT_ALLOW_PROTOCOL", "ssh:ext:https"),
            ("GIT_CONFIG_COUNT", "1"),
            ("GIT_CONFIG_KEY_0", "user.name"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .into();
        let inner = environment(&outer, address::ALLOWED);
        let text = |name: &str| inner[OsStr::new(name)].to_str().unwrap();
        assert_eq!(text("GIT_ALLOW_PROTOCOL"), "ssh:https");
        assert_eq!(text("GIT_CONFIG_COUNT"), "2");
        assert_eq!(text("GIT_CONFIG_KEY_0"), "user.name");
        assert_eq!(text("GIT_CONFIG_KEY_1"), "safe.bareRepository");
    }

    #[test]
    fn plain_http_is_for_an_address_of_this_machine_alone() {
        let environments = Environments::of(&BTreeMap::new());
        for (text, ways) in [
            ("https://git.example.com/x", "file:https:ssh"),
            ("git@git.example.com:x", "file:https:ssh"),
            ("http://127.0.0.1:3000/x", "file:http:https:ssh"),
        ] {
            let address = Address::parse(text, Path::new("/")).unwrap();
            let inner = environments.of_address(&address);
            assert_eq!(inner[OsStr::new("GIT_ALLOW_PROTOCOL")], ways, "{text}");
        }
    }
}
