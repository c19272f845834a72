//! What may be committed: files are held against a commit and the index by their content, and what is fit becomes a blob.
//!
//! Times and sizes are not trusted, and a difference that the very change makes good is none.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git2::{AttrCheckFlags, ErrorClass, ErrorCode, FileMode, Index, IndexEntry, ObjectType, Oid};

use super::GitError;
use super::attributes::{self, Checked};
use super::change::{self, Staged};
use super::last_folders::LastFolders;
use super::names::Names;
use super::repository::{CommitId, Objects, Opener, Repository, index_entry};
use crate::engine::code::Code;
use crate::io::files::{self, FileError};

/// The attributes that let another program decide what is committed: git-crypt, LFS, UTF-16 in the working tree.
const CONVERTED_BY: [&str; 2] = ["filter", "working-tree-encoding"];

/// So many commits may be ahead of a file that a killed run has left: each run after it would have brought the file forward.
const MOST_BEHIND: usize = 16;

/// Why a file is not committed, and for that reason not written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not one of the repository's own files.
    #[error("it is not in the repository that is committed to")]
    Elsewhere,
    /// Git does not track it.
    #[error("Git does not track it")]
    Untracked,
    /// It differs from what is committed, staged or not.
    #[error("it has changes that are not committed")]
    Uncommitted,
    /// Git has another spelling of its name too, and takes the two for one.
    #[error("Git has `{0}` too, and takes the two for one, as `core.ignoreCase` says")]
    OtherCase(String),
    /// `core.safecrlf` forbids to convert its line ends.
    #[error("Git refuses its line ends, as `core.safecrlf` says")]
    LineEnds,
    /// Another program decides what of it is committed, as this attribute says.
    #[error("its attribute `{0}` lets another program convert it")]
    Converted(&'static str),
    /// A `.gitattributes` that applies to it is not read.
    #[error("its attributes in `{file}` are not read: {why}")]
    Attributes {
        /// Its path from the root.
        file: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Unfit {
    /// A stable word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::Elsewhere => Code::GitElsewhere,
            Self::Untracked => Code::GitUntracked,
            Self::Uncommitted => Code::GitUncommitted,
            Self::OtherCase(_) => Code::GitCase,
            Self::LineEnds => Code::GitLineEnds,
            Self::Converted(_) => Code::GitFilter,
            Self::Attributes { .. } => Code::GitAttributes,
        }
    }

    /// One thing to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Elsewhere => {
                "run in that file's own repository, or leave it out with `--exclude`"
            }
            Self::Untracked => {
                "add it with `git add` and commit it first, or leave a manifest out with `--exclude`"
            }
            Self::Uncommitted => "commit it or stash it first",
            Self::OtherCase(_) => {
                "rename one of the two, as with `git mv` in a clone where case counts"
            }
            Self::LineEnds => {
                "give it the line ends that `git add` takes, or leave it out with `--exclude`"
            }
            Self::Converted(_) => "leave it out with `--exclude`, or run without `--commit`",
            Self::Attributes { .. } => {
                "make it a regular file of at most 64 KiB, with short lines and macros, and few stars in its patterns"
            }
        }
    }
}

impl Staged {
    /// Its path from the root.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The index's entry for it.
    pub(super) fn entry(&self, old: Option<IndexEntry>) -> IndexEntry {
        let path = self.path.as_os_str().as_bytes().to_vec();
        let (flags, flags_extended) = old.map_or((0, 0), |old| (old.flags, old.flags_extended));
        IndexEntry {
            flags,
            flags_extended,
            ..index_entry(path, self.mode, self.blob)
        }
    }
}

/// The side on which the files of a commit are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In the working tree. Its `.gitattributes` hold; where a file of them is not checked out, the index's.
    WorkingTree,
    /// In the commit alone, whose own `.gitattributes` hold. Then a working tree may follow that is on another commit.
    Commit {
        /// That other commit.
        followed: Option<CommitId>,
    },
}

/// A commit that files are held against, as each thread needs it.
pub struct Basis {
    place: Opener,
    base: CommitId,
    side: Side,
    /// The commit's `.gitattributes`, where they hold.
    attributes: Vec<IndexEntry>,
}

impl Basis {
    /// What commits on this one start from.
    pub fn new(
        repository: &Repository,
        objects: Objects,
        base: CommitId,
        side: Side,
    ) -> Result<Self, GitError> {
        let attributes = match side {
            Side::WorkingTree => Vec::new(),
            Side::Commit { .. } => repository.attributes(base)?,
        };
        Ok(Self {
            place: repository.place(objects),
            base,
            side,
            attributes,
        })
    }
}

/// A commit's tree and the index, which files are held against before they are written. It has its own handle on the repository, so that
/// threads can have one each.
pub struct Staging {
    repository: Repository,
    base: Oid,
    tree: Oid,
    /// Empty where no working tree has a part in it.
    index: Index,
    side: Side,
    /// Whether the executable bit of the working tree means something.
    modes: bool,
    names: Names,
    /// The names of the index that are not plain ASCII, by what they are compared by.
    spelled: OnceCell<BTreeMap<Vec<u8>, PathBuf>>,
    /// Where case does not count: the names of the index that Git takes for one, by what they are compared by.
    cases: OnceCell<BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>>>,
    /// Folders, and where they are below the root with links followed.
    folders: BTreeMap<PathBuf, Option<PathBuf>>,
    listed: RefCell<LastFolders>,
    /// Commits that were asked about for one file, and what was found: other files ask about them too.
    as_made: RefCell<BTreeMap<Oid, bool>>,
    /// The index that has the `.gitattributes` of the side.
    attributes: Index,
    attributes_on_disk: Checked,
    attributes_in_index: Checked,
    /// The files of attributes outside of the work tree.
    attributes_of_machine: Vec<PathBuf>,
}

impl Staging {
    /// Opens the repository, to hold many files against a commit.
    pub fn open(basis: &Basis) -> Result<Self, GitError> {
        let place = &basis.place;
        let (repository, index) = match basis.side {
            Side::Commit { followed: None } => (place.open_without_files()?, Index::new()?),
            Side::WorkingTree | Side::Commit { .. } => {
                let repository = place.open()?;
                let index = repository.inner.index()?;
                (repository, index)
            }
        };
        if let Side::Commit { .. } = basis.side {
            let mut attributes = Index::new()?;
            for file in &basis.attributes {
                attributes.add(file)?;
            }
            repository.inner.set_index(&mut attributes)?;
        }
        let attributes = repository.inner.index()?;
        let tree = repository.inner.find_commit(basis.base.0)?.tree_id();
        let config = repository.inner.config()?;
        let modes = config.get_bool("core.filemode").unwrap_or(true);
        let names = Names::of(&config);
        let attributes_of_machine = attributes::of_machine(&repository.inner);
        Ok(Self {
            repository,
            base: basis.base.0,
            tree,
            index,
            side: basis.side,
            modes,
            names,
            spelled: OnceCell::new(),
            cases: OnceCell::new(),
            folders: BTreeMap::new(),
            listed: RefCell::default(),
            as_made: RefCell::default(),
            attributes,
            attributes_on_disk: Checked::default(),
            attributes_in_index: Checked::default(),
            attributes_of_machine,
        })
    }

    /// Takes a file's new content, where its old content is what is committed and staged.
    ///
    /// A file that a killed run has left as it was before is taken too: the commits that are ahead of it still change what their `trailer`
    /// says. `again` makes the new content out of another old one, for what such a run has staged and not committed.
    pub fn stage(
        &mut self,
        path: &Path,
        old: &[u8],
        new: &[u8],
        trailer: &str,
        again: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Result<Staged, Unfit>, GitError> {
        let Some(on_disk) = self.within(path) else {
            return Ok(Err(Unfit::Elsewhere));
        };
        if let Some(unfit) = self.refused_on_disk(&on_disk) {
            return Ok(Err(unfit));
        }
        if let Some(other) = self.other_case(&on_disk) {
            return Ok(Err(Unfit::OtherCase(other)));
        }
        // The index may have it under another spelling, and Git knows it by that.
        let staged = self.in_index(&on_disk);
        let path = staged.as_ref().map_or_else(
            || on_disk.clone(),
            |staged| OsStr::from_bytes(&staged.path).into(),
        );
        if let Some(unfit) = self.converted(&path)? {
            return Ok(Err(unfit));
        }
        let Some((committed, mode)) = self.committed(&path)? else {
            return Ok(Err(if staged.is_some() {
                Unfit::Uncommitted
            } else {
                Unfit::Untracked
            }));
        };
        let Some(staged) =
            staged.filter(|staged| staged.mode == mode && self.has_mode(&on_disk, mode))
        else {
            return Ok(Err(Unfit::Uncommitted));
        };
        let raw = Oid::hash_object(ObjectType::Blob, old)? == committed;
        let write = |content: &[u8]| {
            if raw {
                self.write_raw(content)
            } else {
                self.write_as_git_adds(&path, content)
            }
        };
        let made =
            write(new).and_then(|blob| Ok((blob, if raw { committed } else { write(old)? })));
        let (blob, as_is) = match made {
            Ok(made) => made,
            Err(error) if error.class() == ErrorClass::Filter => return Ok(Err(Unfit::LineEnds)),
            Err(error) => return Err(error.into()),
        };
        let settles = |id: Oid| -> Result<bool, GitError> {
            let content = match self.repository.inner.find_blob(id) {
                Ok(content) => content,
                // A partial clone has it at its remote alone, so no run has left the file as it is.
                Err(error) if error.code() == ErrorCode::NotFound => return Ok(false),
                Err(error) => return Err(error.into()),
            };
            let made = again(content.content())
                .map(|made| Oid::hash_object(ObjectType::Blob, &made))
                .transpose()?;
            Ok(id == blob || made == Some(blob))
        };
        let as_committed = as_is == committed || self.is_left_behind(&path, as_is, trailer)?;
        if !as_committed || !(staged.id == committed || settles(staged.id)?) {
            return Ok(Err(Unfit::Uncommitted));
        }
        let lines = if raw {
            change::lines(old, new)?
        } else {
            self.changed_lines(committed, blob)?
        };
        Ok(Ok(Staged {
            path,
            blob,
            mode,
            old: Some((committed, mode)),
            lines,
        }))
    }

    /// The lines that differ between two contents of this repository.
    fn changed_lines(&self, old: Oid, new: Oid) -> Result<[u8; 32], GitError> {
        let (old, new) = (
            self.repository.inner.find_blob(old)?,
            self.repository.inner.find_blob(new)?,
        );
        Ok(change::lines(old.content(), new.content())?)
    }

    /// Whether a file holds what it held before the last commits, which all still change what their trailer of this name says.
    fn is_left_behind(&self, path: &Path, content: Oid, trailer: &str) -> Result<bool, GitError> {
        let mut commit = self.repository.inner.find_commit(self.base)?;
        for _ in 0..MOST_BEHIND {
            let known = self.as_made.borrow().get(&commit.id()).copied();
            let as_made = match known {
                Some(as_made) => as_made,
                None => self.repository.is_as_made(CommitId(commit.id()), trailer)?,
            };
            self.as_made.borrow_mut().insert(commit.id(), as_made);
            if !as_made {
                break;
            }
            // Where the history was cut off, nobody knows.
            let Ok(parent) = commit.parent(0) else { break };
            if parent
                .tree()?
                .get_path(path)
                .is_ok_and(|entry| entry.id() == content)
            {
                return Ok(true);
            }
            commit = parent;
        }
        Ok(false)
    }

    /// Whether a file is, staged and in the working tree that follows, what it is in the commit that is checked out there. One that either
    /// has not is nobody's change.
    pub fn is_untouched(&self, path: &Path) -> Result<bool, GitError> {
        let Side::Commit {
            followed: Some(commit),
        } = self.side
        else {
            return Ok(true);
        };
        let tree = self.repository.inner.find_commit(commit.0)?.tree_id();
        let Some((known, _)) = self.file_of(tree, path)? else {
            return Ok(true);
        };
        if self
            .index
            .get_path(path, 0)
            .is_none_or(|staged| staged.id != known)
        {
            return Ok(false);
        }
        if self.refused_on_disk(path).is_some() {
            return Ok(false);
        }
        if self.refused_in_index(path).is_some() {
            // `stage_in_commit` says why it does not take it.
            return Ok(true);
        }
        match files::read(&self.repository.root().join(path)) {
            Ok(content) => {
                let is_raw = Oid::hash_object(ObjectType::Blob, &content)? == known;
                // A content that Git would not take as it is was not checked out so.
                Ok(is_raw
                    || self
                        .write_as_git_adds(path, &content)
                        .is_ok_and(|blob| blob == known))
            }
            // A sparse checkout leaves it out; Git itself tells a file that was deleted.
            Err(FileError::Vanished) => Ok(true),
            Err(_) => Ok(false),
        }
    }

    /// Takes a new content for a file of the commit itself, by its path from the root, which has the `old` one there; or a new file.
    pub fn stage_in_commit(
        &self,
        path: &Path,
        old: &[u8],
        new: &[u8],
    ) -> Result<Result<Staged, Unfit>, GitError> {
        if let Some(unfit) = self.converted(path)? {
            return Ok(Err(unfit));
        }
        let committed = self.committed(path)?;
        if committed.is_none() {
            let tree = self.repository.inner.find_tree(self.tree)?;
            let mut folders = path.ancestors().skip(1);
            // A submodule, or a file in the place of a folder.
            if folders.any(|folder| {
                let entry = tree.get_path(folder);
                entry.is_ok_and(|entry| entry.kind() != Some(ObjectType::Tree))
            }) {
                return Ok(Err(Unfit::Elsewhere));
            }
        }
        Ok(Ok(Staged {
            path: path.to_owned(),
            blob: self.write_raw(new)?,
            mode: committed.map_or(FileMode::Blob.into(), |(_, mode)| mode),
            old: committed,
            lines: change::lines(old, new)?,
        }))
    }

    /// Takes a file that is not there yet.
    pub fn stage_new(
        &mut self,
        path: &Path,
        new: &[u8],
    ) -> Result<Result<Staged, Unfit>, GitError> {
        let Some(path) = self.within(path) else {
            return Ok(Err(Unfit::Elsewhere));
        };
        if let Some(unfit) = self.refused_on_disk(&path) {
            return Ok(Err(unfit));
        }
        if let Some(unfit) = self.converted(&path)? {
            return Ok(Err(unfit));
        }
        if self.in_index(&path).is_some() || self.committed(&path)?.is_some() {
            return Ok(Err(Unfit::Uncommitted));
        }
        let blob = self.write_as_git_adds(&path, new)?;
        let lines = change::lines(&[], self.repository.inner.find_blob(blob)?.content())?;
        Ok(Ok(Staged {
            path,
            blob,
            mode: FileMode::Blob.into(),
            old: None,
            lines,
        }))
    }

    /// The content of a file of the commit, by its path from the root.
    pub fn content(&self, path: &Path) -> Result<Option<Vec<u8>>, GitError> {
        let Some((id, _)) = self.committed(path)? else {
            return Ok(None);
        };
        Ok(Some(
            self.repository.inner.find_blob(id)?.content().to_vec(),
        ))
    }

    /// The index's entry for a file of the working tree. Where `core.ignoreCase` is set, the index finds it in another case by itself.
    fn in_index(&self, on_disk: &Path) -> Option<IndexEntry> {
        let exact = self.index.get_path(on_disk, 0);
        let bytes = on_disk.as_os_str().as_bytes();
        if exact.is_some() || bytes.is_ascii() {
            return exact;
        }
        let spelled = self.spelled.get_or_init(|| {
            let others = self.index.iter().filter(|entry| !entry.path.is_ascii());
            others
                .map(|entry| {
                    let compared = self.names.compared(&entry.path).into_owned();
                    (compared, OsStr::from_bytes(&entry.path).into())
                })
                .collect()
        });
        let name = spelled.get(&*self.names.compared(bytes))?;
        self.index.get_path(name, 0)
    }

    /// Another name of the index that Git takes for this one, where it has more than one such name: an entry written for one replaces the
    /// other's.
    fn other_case(&self, on_disk: &Path) -> Option<String> {
        if !self.names.ignores_case() {
            return None;
        }
        let cases = self.cases.get_or_init(|| {
            let mut cases: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
            for entry in self.index.iter() {
                let compared = self.names.compared(&entry.path).into_owned();
                cases.entry(compared).or_default().insert(entry.path);
            }
            cases.retain(|_, names| names.len() > 1);
            cases
        });
        let name = on_disk.as_os_str().as_bytes();
        let others = cases.get(&*self.names.compared(name))?;
        let other = others.iter().find(|other| *other != name)?;
        Some(String::from_utf8_lossy(other).into_owned())
    }

    /// The path from the root, where the file is below it. Links on the way lead where they lead.
    pub fn within(&mut self, path: &Path) -> Option<PathBuf> {
        if self.repository.is_bare() {
            // No folder of a commit is on the disk.
            return path.is_relative().then(|| path.to_owned());
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        if !self.folders.contains_key(folder) {
            let root = self.repository.root();
            let real = folder.canonicalize().ok().filter(|real| {
                // A repository of its own in this one, such as a submodule.
                real.ancestors()
                    .take_while(|above| *above != root)
                    .all(|above| !above.join(".git").exists())
            });
            let below = real.and_then(|real| Some(real.strip_prefix(root).ok()?.to_owned()));
            self.folders.insert(folder.to_owned(), below);
        }
        Some(self.folders.get(folder)?.as_ref()?.join(path.file_name()?))
    }

    /// The `.gitattributes` of a file in the working tree that is not read.
    fn refused_on_disk(&self, path: &Path) -> Option<Unfit> {
        let read = |file: &Path| attributes::of_file(&self.repository.root().join(file));
        let refused = self
            .attributes_on_disk
            .refused(path, attributes::beside(path), read);
        refused.map(|(file, why)| Unfit::Attributes { file, why })
    }

    /// The same in the index, which libgit2 reads beside the working tree, and outside of both.
    fn refused_in_index(&self, path: &Path) -> Option<Unfit> {
        let read = |file: &Path| {
            if file.is_absolute() {
                return attributes::of_file(file);
            }
            let entry = self.attributes.get_path(file, 0);
            entry.map_or_else(
                || Ok(Vec::new()),
                |entry| attributes::of_blob(&self.repository.inner, entry.id),
            )
        };
        let of_machine = self.attributes_of_machine.iter().cloned();
        let files = of_machine.chain(attributes::beside(path));
        let refused = self.attributes_in_index.refused(path, files, read);
        refused.map(|(file, why)| Unfit::Attributes { file, why })
    }

    /// Whether its attributes in the index are not read, or let another program convert it.
    fn converted(&self, path: &Path) -> Result<Option<Unfit>, GitError> {
        if let Some(unfit) = self.refused_in_index(path) {
            return Ok(Some(unfit));
        }
        for name in CONVERTED_BY {
            let from = match self.side {
                Side::WorkingTree => AttrCheckFlags::FILE_THEN_INDEX,
                Side::Commit { .. } => AttrCheckFlags::INDEX_ONLY,
            };
            let value = self.repository.inner.get_attr_bytes(path, name, from)?;
            if matches!(
                git2::AttrValue::from_bytes(value),
                git2::AttrValue::String(_) | git2::AttrValue::Bytes(_)
            ) {
                return Ok(Some(Unfit::Converted(name)));
            }
        }
        Ok(None)
    }

    /// A regular file of the base, with its mode.
    fn committed(&self, path: &Path) -> Result<Option<(Oid, u32)>, GitError> {
        self.file_of(self.tree, path)
    }

    /// A regular file of a tree, with its mode.
    fn file_of(&self, tree: Oid, path: &Path) -> Result<Option<(Oid, u32)>, GitError> {
        (self.listed.borrow_mut()).file(&self.repository.inner, tree, path)
    }

    fn has_mode(&self, path: &Path, mode: u32) -> bool {
        let metadata = self.repository.root().join(path).symlink_metadata();
        !self.modes || metadata.is_ok_and(|found| (found.permissions().mode() ^ mode) & 0o100 == 0)
    }

    /// Writes a blob as it is.
    fn write_raw(&self, content: &[u8]) -> Result<Oid, git2::Error> {
        // Unlike `Repository::blob`, it makes no file for an object that is there.
        self.repository
            .inner
            .odb()?
            .write(ObjectType::Blob, content)
    }

    /// Writes a blob as `git add` would: line ends by `core.autocrlf` and the attributes.
    fn write_as_git_adds(&self, path: &Path, content: &[u8]) -> Result<Oid, git2::Error> {
        let mut writer = self.repository.inner.blob_writer(Some(path))?;
        std::io::Write::write_all(&mut writer, content)
            .map_err(|error| git2::Error::from_str(&error.to_string()))?;
        writer.commit()
    }
}
