//! The files of a commit, as what a run plans on.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{fault, fetch_contents, refused};
use crate::app::examine::Questions;
use crate::app::report::Problem;
use crate::app::survey::{self, Contents, Sought, Survey};
use crate::app::threads;
use crate::engine::code::Code;
use crate::io::files::FileError;
use crate::io::git::GitError;
use crate::io::git::repository::{CheckedOut, CommitId, Listed, Objects, Repository};
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
            (self.repository.files(self.commit)).map_err(|error| unread(&error))?;
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
        let files = Files {
            committed: self,
            beside: listed.iter().filter(beside).collect(),
            links: links.iter().map(|link| (&*link.path, link)).collect(),
            listed: &listed,
        };
        let survey = survey::survey_commit(request, &listed, &files, sought, questions)
            .map_err(|error| self.wrong_paths(&error))?;
        Ok(survey.map_err(|problem| *problem)?)
    }

    /// All files that may be manifests and whose content is `wanted`, by their paths from the root.
    pub(in crate::app) fn manifests(
        &self,
        wanted: fn(&[u8]) -> bool,
    ) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
        let (listed, _) = (self.repository.files(self.commit)).map_err(|error| unread(&error))?;
        let listed: Vec<&Listed> = (listed.iter())
            .filter(|file| scan::is_manifest(&file.path))
            .collect();
        let content = |_, content: Result<&[u8], FileError>| {
            content
                .ok()
                .filter(|content| wanted(content))
                .map(<[u8]>::to_vec)
        };
        let contents = self.contents(&listed, &[], content);
        let contents = contents.map_err(|problem| *problem)?.into_iter();
        let files = listed.into_iter().zip(contents);
        let files = files.filter_map(|(file, content)| Some((file.path.clone(), content?)));
        Ok(files.collect())
    }

    /// Calls `visit` with the place in the list and the content of each of these files, on several threads. What a partial clone lacks
    /// of them, and of those `beside` them, is fetched before, all at once.
    fn contents<R: Send>(
        &self,
        files: &[&Listed],
        beside: &[&Listed],
        visit: impl Fn(usize, Result<&[u8], FileError>) -> R + Sync,
    ) -> Result<Vec<R>, Box<Problem>> {
        let failed = |error: GitError| Box::new(unread(&error));
        let place = self.repository.place(Objects::Written);
        let numbered: Vec<(usize, &Listed)> = files.iter().copied().enumerate().collect();
        let mut visited = threads::map_with(
            &numbered,
            || CheckedOut::of(&place),
            |checked_out, (number, file)| {
                let content = checked_out.as_mut()?.read(file)?;
                Some(visit(*number, Ok(content)))
            },
        );
        let others = numbered
            .iter()
            .filter(|(number, _)| visited[*number].is_none());
        let others: Vec<(usize, &Listed)> = others.copied().collect();
        self.bring((others.iter().map(|(_, file)| *file)).chain(beside.iter().copied()))?;
        let read = threads::map_with(
            &others,
            || place.open(),
            |repository, (number, file)| {
                let repository = repository.as_ref().map_err(Clone::clone)?;
                repository.visit(file, |content| visit(*number, content))
            },
        );
        for ((number, _), read) in others.iter().zip(read) {
            visited[*number] = Some(read.map_err(failed)?);
        }
        Ok(visited.into_iter().flatten().collect())
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
        let failed = |error: GitError| Box::new(unread(&error));
        let Some(file) = (self.repository.file(self.commit, path)).map_err(failed)? else {
            return Ok(None);
        };
        self.bring([&file].into_iter())?;
        self.repository.read(&file).map(Some).map_err(failed)
    }

    /// Fetches the contents that a partial clone has left at its remote, all at once.
    fn bring<'f>(&self, files: impl Iterator<Item = &'f Listed>) -> Result<(), Box<Problem>> {
        let failed = |error: GitError| Box::new(unread(&error));
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

/// Git's refusal of a look, which may come before any commit or without one.
fn unread(error: &GitError) -> Problem {
    Problem {
        what: "cannot read the files of a commit".to_owned(),
        ..refused(error)
    }
}

/// The files of a commit, for a survey.
struct Files<'f> {
    committed: &'f Committed<'f>,
    listed: &'f [Listed],
    links: BTreeMap<&'f Path, &'f Listed>,
    /// What else is needed of the commit when it is planned on.
    beside: Vec<&'f Listed>,
}

impl Contents<Box<Problem>> for Files<'_> {
    fn visit<R: Send>(
        &self,
        chosen: &[usize],
        visit: impl Fn(usize, Result<&[u8], FileError>) -> R + Sync,
    ) -> Result<Vec<R>, Box<Problem>> {
        let files: Vec<&Listed> = chosen.iter().map(|index| &self.listed[*index]).collect();
        self.committed.contents(&files, &self.beside, visit)
    }

    fn link(&self, place: &str) -> Result<Option<String>, Box<Problem>> {
        let Some(link) = self.links.get(Path::new(place)) else {
            return Ok(None);
        };
        let Committed { repository, .. } = self.committed;
        self.committed.bring([*link].into_iter())?;
        match repository.read(link) {
            Ok(target) => Ok(String::from_utf8(target).ok()),
            Err(GitError::TooLarge(_)) => Ok(None),
            Err(error) => Err(Box::new(unread(&error))),
        }
    }
}
