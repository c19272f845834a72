//! The files of a commit, as what a run plans on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{fault, fetch_contents, refused};
use crate::app::examine::Questions;
use crate::app::report::Problem;
use crate::app::survey::{self, Sought, Survey};
use crate::engine::code::Code;
use crate::io::files::FileError;
use crate::io::git::GitError;
use crate::io::git::repository::{CommitId, Listed, Repository};
use crate::io::git::transport::Transport;
use crate::io::scan;

/// The environment in which `git` fetches, and the remote that is open already.
type Fetch<'r> = (&'r BTreeMap<OsString, OsString>, Option<&'r Transport>);

/// A commit, and how contents are fetched that a partial clone has left at its remote.
#[derive(Clone, Copy)]
pub(in crate::app) struct Committed<'r> {
    pub(super) repository: &'r Repository,
    pub(super) commit: CommitId,
    /// `None`: nothing is fetched.
    pub(super) fetch: Option<Fetch<'r>>,
}

impl Committed<'_> {
    /// Finds, reads and parses the commit's manifests.
    pub(in crate::app) fn survey(
        &self,
        request: scan::Scope<'_>,
        lock: &Path,
        sought: Sought<'_>,
        questions: impl Questions,
    ) -> anyhow::Result<Survey> {
        // What a commit has is tracked, whatever `.gitignore` says.
        let (listed, links) =
            (self.repository.files(self.commit)).map_err(|error| refused(&error))?;
        let paths: Vec<PathBuf> = listed.iter().map(|file| file.path.clone()).collect();
        let request = scan::Scope {
            root: self.repository.root(),
            ..request
        };
        // Attributes of a file that is not here would say nothing.
        let beside = |file: &&Listed| {
            request.current.join(lock).ends_with(&file.path)
                || file
                    .path
                    .file_name()
                    .is_some_and(|name| name == ".gitattributes")
        };
        let beside = listed.iter().filter(beside);
        let read = |chosen: &[usize]| -> Result<Vec<Result<Vec<u8>, FileError>>, Box<Problem>> {
            let files: Vec<&Listed> = chosen.iter().map(|index| &listed[*index]).collect();
            self.bring(files.iter().copied().chain(beside.clone()))?;
            let content = |file| match self.repository.read(file) {
                Err(GitError::TooLarge(size)) => Ok(Err(FileError::TooLarge(size))),
                read => read.map(Ok).map_err(|error| Box::new(refused(&error))),
            };
            files.into_iter().map(content).collect()
        };
        let links: BTreeMap<&Path, &Listed> =
            links.iter().map(|link| (&*link.path, link)).collect();
        let link = |place: &str| -> Result<Option<String>, Box<Problem>> {
            let Some(link) = links.get(Path::new(place)) else {
                return Ok(None);
            };
            self.bring([*link].into_iter())?;
            match self.repository.read(link) {
                Ok(target) => Ok(String::from_utf8(target).ok()),
                Err(GitError::TooLarge(_)) => Ok(None),
                Err(error) => Err(Box::new(refused(&error))),
            }
        };
        let survey = survey::survey_commit(request, &paths, read, link, sought, questions)
            .map_err(|error| self.wrong_paths(&error))?;
        Ok(survey.map_err(|problem| *problem)?)
    }

    /// All files that may be manifests, by their paths from the root.
    pub(in crate::app) fn manifests(&self) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
        let (listed, _) = (self.repository.files(self.commit)).map_err(|error| refused(&error))?;
        let listed: Vec<&Listed> = (listed.iter())
            .filter(|file| scan::is_manifest(&file.path))
            .collect();
        self.bring(listed.iter().copied())
            .map_err(|problem| *problem)?;
        let read = |file: &Listed| {
            let bytes = self
                .repository
                .read(file)
                .map_err(|error| refused(&error))?;
            Ok((file.path.clone(), bytes))
        };
        listed.into_iter().map(read).collect()
    }

    fn wrong_paths(&self, error: &scan::ScanError) -> Problem {
        let problem = survey::wrong_paths(error);
        match error {
            scan::ScanError::Missing { .. } if self.repository.is_bare() => Problem {
                hint: Some("check the spelling; paths start at the root of the commit".to_owned()),
                ..problem
            },
            _ => problem,
        }
    }

    /// A file of the commit, by its path from the root.
    pub(in crate::app) fn file(&self, path: &Path) -> Result<Option<Vec<u8>>, Box<Problem>> {
        let failed = |error: GitError| Box::new(refused(&error));
        let Some(file) = (self.repository.file(self.commit, path)).map_err(failed)? else {
            return Ok(None);
        };
        self.bring([&file].into_iter())?;
        self.repository.read(&file).map(Some).map_err(failed)
    }

    /// Fetches the contents that a partial clone has left at its remote, all at once.
    fn bring<'f>(&self, files: impl Iterator<Item = &'f Listed>) -> Result<(), Box<Problem>> {
        let failed = |error: GitError| Box::new(refused(&error));
        if self.repository.promisor().map_err(failed)?.is_none() {
            return Ok(());
        }
        let absent = self.repository.absent(files).map_err(failed)?;
        match self.fetch {
            Some((environment, transport)) => {
                fetch_contents(environment, self.repository, transport, &absent)
            }
            None if absent.is_empty() => Ok(()),
            None => Err(fault(
                Code::GitAbsent,
                "cannot read the files of a commit".to_owned(),
                "the clone was made with a filter, and a look fetches nothing".to_owned(),
                "clone it without a filter, or run with `--update --commit`, which fetches them",
            )),
        }
    }
}
