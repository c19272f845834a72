//! A note of the commits that imago has seen at remotes, in Git's own folder. Git keeps its record of a remote's branch in no bare repository
//! and for no branch that it does not fetch, and drops it with the branch.

use std::fs;
use std::io::{self, Write as _};

use git2::Oid;

use super::{CommitId, Repository};

/// The note's name in the folder that all working trees of a repository share: a line for each commit, and the remote's name behind it.
const NOTE: &str = "imago-pushed";

/// How many commits are noted; the oldest go.
const MOST: usize = 1000;

impl Repository {
    /// Notes that a remote has a commit. In a clone of our own nothing waits to be pushed.
    pub fn note_pushed(&self, remote: &str, commit: CommitId) -> io::Result<()> {
        if self.is_own() {
            return Ok(());
        }
        let path = self.inner.commondir().join(NOTE);
        let (noted, line) = (self.noted(), format!("{commit} {remote}"));
        let mut lines: Vec<&str> = noted.lines().filter(|noted| *noted != line).collect();
        lines.push(&line);
        let kept = &lines[lines.len().saturating_sub(MOST)..];
        // Another run may write its own. In a container, a killed run had the same number.
        let new = path.with_extension(std::process::id().to_string());
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::File::create_new(&new)?;
        file.write_all((kept.join("\n") + "\n").as_bytes())?;
        fs::rename(new, path)
    }

    /// The commits that a remote had, by the note.
    pub fn noted_pushed(&self, remote: &str) -> Vec<CommitId> {
        let noted = self.noted();
        let of_remote = noted.lines().filter_map(|line| {
            let (commit, name) = line.split_once(' ')?;
            (name == remote).then(|| Oid::from_str(commit).ok().map(CommitId))?
        });
        of_remote.collect()
    }

    fn noted(&self) -> String {
        fs::read_to_string(self.inner.commondir().join(NOTE)).unwrap_or_default()
    }
}
