//! A repository by its address: a clone of our own, in which a run works as in any bare repository.
//!
//! The clone is bare and shallow, and has the contents of manifests alone. It is in a scratch folder, or in a cache that keeps it: there
//! one run at a time works in it, and a clone that is broken is made anew.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::report::{Place, Problem};
use super::workspace::{Origin, Workspace};
use crate::engine::code::Code;
use crate::io::git::address::Address;
use crate::io::git::clone::{self, CloneError};
use crate::io::links;
use crate::io::scan;
use crate::io::scratch::{Kept, Scratch};

/// Which repository is worked in.
#[derive(Clone, PartialEq, Eq)]
pub struct RemoteRequest {
    /// Where it is.
    pub address: Address,
    /// Its branch; `None`: the default one.
    pub branch: Option<String>,
    /// The folder that keeps clones; `None`: nothing is kept.
    pub cache: Option<PathBuf>,
    /// The environment of the `git` program, from [`clone::Environments`]. It may hold secrets, and is never printed.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
}

impl std::fmt::Debug for RemoteRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("RemoteRequest");
        shown.field("address", &self.address);
        shown.field("branch", &self.branch);
        shown.field("cache", &self.cache).finish_non_exhaustive()
    }
}

/// A clone that a run works in. Dropping it removes it, unless a cache keeps it.
#[derive(Debug)]
pub struct RemoteClone {
    at: Workspace,
    _folder: Folder,
}

#[derive(Debug)]
#[expect(
    dead_code,
    reason = "a folder is held for as long as a run works in it"
)]
enum Folder {
    Scratch(Scratch),
    Kept(Kept),
}

impl RemoteClone {
    /// Clones the repository, or brings the clone of the cache to what the remote has. Relative paths of the machine begin at `current`.
    pub fn open(request: &RemoteRequest, current: &Path) -> Result<Self, Box<Problem>> {
        let problem = |error: &CloneError| Box::new(request.problem(error));
        let (folder, path) = match &request.cache {
            None => {
                let scratch = Scratch::new().map_err(|error| request.no_folder(&error, None))?;
                let path = scratch.path().join("clone.git");
                request.clone_into(&path).map_err(|error| problem(&error))?;
                (Folder::Scratch(scratch), path)
            }
            Some(cache) => {
                let cache = links::destination(current, &current.join(cache)).map_err(|error| {
                    request.no_folder(&std::io::Error::other(error), Some(cache))
                })?;
                let failed = |error: std::io::Error| request.no_folder(&error, Some(&cache));
                let kept = Kept::wait(&cache, &request.folder_name()).map_err(failed)?;
                request.refresh(&kept).map_err(|error| match error {
                    Refresh::Clone(error) => problem(&error),
                    Refresh::Folder(error) => failed(error),
                })?;
                let path = kept.path().to_owned();
                (Folder::Kept(kept), path)
            }
        };
        let path = path.canonicalize().unwrap_or(path);
        let origin = Origin {
            environment: Arc::clone(&request.environment),
        };
        Ok(Self {
            at: Workspace::of_clone(path, current.to_owned(), origin),
            _folder: folder,
        })
    }

    /// Where the run works.
    pub fn workspace(&self) -> &Workspace {
        &self.at
    }
}

/// Why a clone of the cache is not as the remote.
enum Refresh {
    Clone(CloneError),
    Folder(std::io::Error),
}

impl RemoteRequest {
    fn clone_into(&self, folder: &Path) -> Result<(), CloneError> {
        clone::init(folder, &self.address)?;
        self.update(folder)
    }

    fn update(&self, folder: &Path) -> Result<(), CloneError> {
        clone::update(folder, self.branch.as_deref(), &self.environment, is_read)
    }

    /// Brings the clone of the cache to what the remote has. One that does not get there is broken, or the remote is: a new clone tells.
    fn refresh(&self, kept: &Kept) -> Result<(), Refresh> {
        if kept.path().join("HEAD").exists() {
            // Its own settings may be those of another address, or anybody's.
            match self.clone_into(kept.path()) {
                Ok(()) => return Ok(()),
                // A new clone would fail in the same way, and take as long once more.
                Err(error) if is_of_remote(&error) => return Err(Refresh::Clone(error)),
                Err(_) => {}
            }
        }
        let new = kept.draft().map_err(Refresh::Folder)?;
        if let Err(error) = self.clone_into(&new) {
            // Half a clone takes room, and is of no use.
            drop(kept.draft());
            return Err(Refresh::Clone(error));
        }
        kept.put(&new).map_err(Refresh::Folder)
    }

    /// The clone's name in a cache: one for each address and branch.
    fn folder_name(&self) -> String {
        let key = format!("{}\n{}", self.address, self.branch.as_deref().unwrap_or(""));
        let hash = Sha256::digest(key.as_bytes());
        let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{digits}", self.address.name())
    }

    fn problem(&self, error: &CloneError) -> Problem {
        const FULL: [&str; 2] = ["No space left on device", "Out of diskspace"];
        let said = error.to_string();
        let (code, hint) = match error {
            _ if FULL.iter().any(|text| said.contains(text)) => {
                let variable = if self.cache.is_some() {
                    "`--cache`"
                } else {
                    "TMPDIR"
                };
                (
                    Code::DiskFull,
                    Some(format!(
                        "make room, or name a folder that has room with {variable}"
                    )),
                )
            }
            CloneError::Transport(error) => {
                let code = error.code();
                let hint = match code {
                    Code::GitUnreachable => Some("check the address and the network"),
                    Code::GitProgram => Some("install git: it fetches and pushes"),
                    _ => error.hint(),
                };
                (code, hint.map(str::to_owned))
            }
            CloneError::Git(error) => (error.code(), error.hint()),
            CloneError::Empty => (Code::GitNoCommit, Some("push a commit to it".to_owned())),
            CloneError::NoBranch { .. } | CloneError::NoDefault => (
                Code::GitNoCommit,
                Some("name a branch of it with `--ref BRANCH`".to_owned()),
            ),
        };
        Problem {
            code,
            what: format!("cannot clone `{}`", self.address),
            place: Place::default(),
            cause: said,
            hint,
        }
    }

    fn no_folder(&self, error: &std::io::Error, cache: Option<&Path>) -> Box<Problem> {
        let (place, hint) = match cache {
            Some(cache) => (
                format!("`{}`", cache.display()),
                "name a folder with `--cache` that can be written",
            ),
            None => (
                "a scratch folder".to_owned(),
                "name a folder with TMPDIR that can be written and has room",
            ),
        };
        Box::new(Problem {
            code: Code::Io,
            what: format!("cannot clone `{}` into {place}", self.address),
            place: Place::default(),
            cause: error.to_string(),
            hint: Some(hint.to_owned()),
        })
    }
}

/// Whether the remote is why there is no clone, and not what is here.
fn is_of_remote(error: &CloneError) -> bool {
    match error {
        CloneError::Transport(error) => matches!(
            error.code(),
            Code::GitUnreachable
                | Code::GitTimeout
                | Code::GitSignIn
                | Code::GitHostKey
                | Code::GitProgram
                | Code::GitUnsupported
        ),
        CloneError::Git(_) => false,
        CloneError::Empty | CloneError::NoBranch { .. } | CloneError::NoDefault => true,
    }
}

/// Whether a run reads a file of the tree whatever else it finds: manifests and evidence, the settings, attributes and the lock.
fn is_read(path: &Path) -> bool {
    const OTHERS: [&str; 4] = [".imago.yaml", ".imago.yml", ".gitattributes", "imago.lock"];
    let is_other = |name: &std::ffi::OsStr| OTHERS.iter().any(|other| name == *other);
    scan::is_manifest(path) || path.file_name().is_some_and(is_other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::git::GitError;

    #[test]
    fn a_full_disk_is_said_as_what_it_is() {
        let address = Address::parse("https://git.example.com/shop/deploy", Path::new("/"));
        let request = |cache| RemoteRequest {
            address: address.clone().unwrap(),
            branch: None,
            cache,
            environment: Arc::default(),
        };
        let said = GitError::Other("cannot write: No space left on device".to_owned());
        for (cache, folder) in [(None, "TMPDIR"), (Some("cache".into()), "`--cache`")] {
            let problem = request(cache).problem(&CloneError::Git(said.clone()));
            assert_eq!(problem.code, Code::DiskFull);
            assert!(problem.hint.unwrap().ends_with(folder));
        }
    }
}
