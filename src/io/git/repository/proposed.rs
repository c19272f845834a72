//! What a branch of ours proposes, compared with what a new commit would.

use std::collections::HashMap;

use super::{CommitId, Repository};
use crate::io::git::GitError;
use crate::io::git::change::Staged;

impl Repository {
    /// The commit that a branch of ours was made on, or that a forge's button has merged into it last.
    pub fn made_on(&self, tip: CommitId) -> Result<Option<CommitId>, GitError> {
        Ok(self.parents(tip)?.last().copied())
    }

    /// Whether a commit stands on this base and changes just these files, and to just this.
    pub fn is_same(
        &self,
        commit: CommitId,
        base: CommitId,
        files: &[Staged],
    ) -> Result<bool, GitError> {
        Ok(self.parents(commit)? == [base] && self.holds(commit, base, files)?)
    }

    /// Whether these files are in a commit what they are in the base that they were staged on.
    pub fn has_same_base(&self, commit: CommitId, files: &[Staged]) -> Result<bool, GitError> {
        let tree = self.inner.find_commit(commit.0)?.tree()?;
        for file in files {
            let there = match tree.get_path(&file.path) {
                Ok(entry) => Some(entry.id()),
                Err(error) if error.code() == git2::ErrorCode::NotFound => None,
                Err(error) => return Err(error.into()),
            };
            if there != file.old.map(|(blob, _)| blob) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the branch at `tip`, which was made on `from`, changes just these files, and to just this.
    pub fn holds(&self, tip: CommitId, from: CommitId, files: &[Staged]) -> Result<bool, GitError> {
        let tree = |commit: CommitId| self.inner.find_commit(commit.0)?.tree();
        let changed = self.changed_files(&tree(from)?, &tree(tip)?)?;
        let Some(changed) = changed else {
            return Ok(false);
        };
        let there: HashMap<_, _> = changed.iter().map(|it| (&it.path, it.blob)).collect();
        let all_here = files.iter().all(|it| there.get(&it.path) == Some(&it.blob));
        Ok(there.len() == files.len() && all_here)
    }

    /// Whether a commit of these files on `base` would bring back a line that the branch at `tip`, which was made on `from`, takes out.
    /// What cannot be read here counts as such a line.
    pub fn brings_back(
        &self,
        tip: CommitId,
        from: CommitId,
        base: CommitId,
        files: &[Staged],
    ) -> Result<bool, GitError> {
        let tree = |commit: CommitId| self.inner.find_commit(commit.0)?.tree();
        let (base, changed) = (tree(base)?, self.changed_files(&tree(from)?, &tree(tip)?)?);
        let Some(changed) = changed else {
            return Ok(true);
        };
        let new: HashMap<_, _> = files.iter().map(|it| (&it.path, it.blob)).collect();
        for file in &changed {
            let then = match (new.get(&file.path), base.get_path(&file.path)) {
                (Some(blob), _) => *blob,
                (None, Ok(entry)) => entry.id(),
                // A person has deleted it.
                (None, Err(error)) if error.code() == git2::ErrorCode::NotFound => continue,
                (None, Err(error)) => return Err(error.into()),
            };
            if then == file.blob {
                continue;
            }
            let Some((before, _)) = file.old else {
                return Ok(true);
            };
            let (Some(before), Some(now), Some(then)) = (
                self.small_file(before)?,
                self.small_file(file.blob)?,
                self.small_file(then)?,
            ) else {
                return Ok(true);
            };
            if has_again(&before, &now, &then) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a line that is in the first text more often than in the second is in the third more often than in the second, too.
fn has_again(before: &[u8], now: &[u8], then: &[u8]) -> bool {
    let (before, now, then) = (counted(before), counted(now), counted(then));
    let count = |lines: &HashMap<&[u8], usize>, line| lines.get(line).copied().unwrap_or(0);
    before
        .iter()
        .any(|(line, often)| *often > count(&now, line) && count(&then, line) > count(&now, line))
}

fn counted(text: &[u8]) -> HashMap<&[u8], usize> {
    let mut lines = HashMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        *lines.entry(line).or_default() += 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_taken_out_is_seen_when_it_is_back() {
        let before: &[u8] = b"a\nweb:1\nb\napi:1\n";
        let now: &[u8] = b"a\nweb:1@2\nb\napi:1@2\n";
        for (then, is_back) in [
            // The same, another digest, and one image more.
            (now, false),
            (b"a\nweb:1@3\nb\napi:1@3\n", false),
            (b"a\nweb:1@2\nb\napi:1@2\nside:1@2\n", false),
            // One of two is lost, whatever else is new.
            (b"a\nweb:1@2\nb\napi:1\n", true),
            (b"a\nweb:1\nb\napi:1@3\nside:1@2\n", true),
            // A person has brought in one of the two, or has removed it.
            (b"a\nweb:1@9\nb\napi:1@2\n", false),
            (b"a\nb\napi:1@2\n", false),
        ] {
            assert_eq!(
                has_again(before, now, then),
                is_back,
                "{}",
                String::from_utf8_lossy(then)
            );
        }
    }
}
