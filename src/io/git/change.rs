//! What a commit changes, as a value that a rebase keeps and an amended file does not.
//!
//! `git patch-id --stable` has the idea: line numbers do not count. This one is stricter: white space counts, and so do paths, modes and the
//! author. One line of context counts on each side of a change. A rebase that succeeds keeps it, because Git merges no two changes that
//! touch each other. Where the files begin as they did when the commit was made, they also have to end as they did.
//!
//! Beside it stands, for a branch of imago's own, the commit that it was made on. A commit that still stands on that one has nothing of
//! anybody between them.
//!
//! It proves no identity: whoever can write a commit can compute it.

use std::fmt::{self, Write as _};
use std::path::PathBuf;

use git2::{DiffOptions, Oid, Patch, Signature};
use sha2::{Digest as _, Sha256};

/// How many bytes of a hash are kept.
const KEPT: usize = 16;

type Hash = [u8; KEPT];

/// A file's new content for a commit.
#[derive(Clone, Debug)]
pub struct Staged {
    pub(super) path: PathBuf,
    pub(super) blob: Oid,
    pub(super) mode: u32,
    /// The content and the mode that the commit's parent has; `None` for a new file.
    pub(super) old: Option<(Oid, u32)>,
    /// The lines that change, as [`lines`] tells them.
    pub(super) lines: [u8; 32],
}

/// What a commit changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The author, and each file's path, modes and lines.
    lines: Hash,
    /// What the files held before.
    from: Hash,
    /// What they hold after.
    to: Hash,
    made: Made,
}

/// Which branch a commit was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Made {
    /// One that others may write.
    Onward,
    /// One of imago's own.
    Apart,
    /// One of imago's own, on a commit that the remote had.
    ApartOn(Oid),
}

/// What stands behind the change of a branch of imago's own.
const APART: &str = " apart";

/// What stands between a change and the commit that it was made on.
const ON: &str = " on ";

impl Change {
    /// The change that these files make together, by this author. The order of the files does not count.
    pub(super) fn of(author: &Signature<'_>, files: &[Staged]) -> Self {
        let mut files: Vec<&Staged> = files
            .iter()
            .filter(|file| file.old != Some((file.blob, file.mode)))
            .collect();
        files.sort_by(|left, right| left.path.cmp(&right.path));
        let [mut lines, mut from, mut to] = [Sha256::new(), Sha256::new(), Sha256::new()];
        add(&mut lines, author.name_bytes());
        add(&mut lines, author.email_bytes());
        for file in files {
            let path = file.path.as_os_str().as_encoded_bytes();
            let (old, old_kind) = file
                .old
                .map_or((Oid::ZERO_SHA1, 0), |(old, mode)| (old, kind(mode)));
            for hash in [&mut lines, &mut from, &mut to] {
                add(hash, path);
            }
            lines.update([old_kind, kind(file.mode)]);
            lines.update(file.lines);
            from.update(old.as_bytes());
            to.update(file.blob.as_bytes());
        }
        Self {
            lines: kept(lines),
            from: kept(from),
            to: kept(to),
            made: Made::Onward,
        }
    }

    /// The same, made for such a branch.
    pub(super) fn made_for(self, made: Made) -> Self {
        Self { made, ..self }
    }

    /// For which branch it was made.
    pub(super) fn made(&self) -> Made {
        self.made
    }

    /// Reads what `Display` has written.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, made) = match (text.split_once(ON), text.strip_suffix(APART)) {
            (Some((text, on)), _) => (text, Made::ApartOn(Oid::from_str(on).ok()?)),
            (None, Some(text)) => (text, Made::Apart),
            (None, None) => (text, Made::Onward),
        };
        let text = text.as_bytes();
        let digit = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|value| u8::try_from(value).ok())
        };
        let part = |number: usize| -> Option<Hash> {
            let mut hash = Hash::default();
            for (index, byte) in hash.iter_mut().enumerate() {
                let at = (number * KEPT + index) * 2;
                *byte = digit(text[at])? << 4 | digit(text[at + 1])?;
            }
            Some(hash)
        };
        (text.len() == 3 * 2 * KEPT).then(|| {
            Some(Self {
                lines: part(0)?,
                from: part(1)?,
                to: part(2)?,
                made,
            })
        })?
    }

    /// Whether this is still the change that was noted, here or on other content.
    pub(super) fn is_still(&self, noted: &Self) -> bool {
        self.lines == noted.lines && (self.from != noted.from || self.to == noted.to)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(3 * 2 * KEPT);
        for byte in [self.lines, self.from, self.to].iter().flatten() {
            write!(text, "{byte:02x}")?;
        }
        formatter.write_str(&text)?;
        match self.made {
            Made::Onward => Ok(()),
            Made::Apart => formatter.write_str(APART),
            Made::ApartOn(on) => write!(formatter, "{ON}{on}"),
        }
    }
}

/// The lines that go out of a file and come into it, with one line of context on each side.
pub(super) fn lines(old: &[u8], new: &[u8]) -> Result<[u8; 32], git2::Error> {
    // Neither configuration nor attributes have a say in it: the value must be the same on every machine.
    let mut options = DiffOptions::new();
    options.context_lines(1).interhunk_lines(0).force_text(true);
    let patch = Patch::from_buffers(old, None, new, None, Some(&mut options))?;
    let mut hash = Sha256::new();
    for hunk in 0..patch.num_hunks() {
        for line in 0..patch.num_lines_in_hunk(hunk)? {
            let line = patch.line_in_hunk(hunk, line)?;
            hash.update(u32::from(line.origin()).to_be_bytes());
            add(&mut hash, line.content());
        }
    }
    Ok(hash.finalize().into())
}

/// Git knows two kinds of regular files; old commits have more modes than that.
fn kind(mode: u32) -> u8 {
    if mode & 0o100 == 0 { 1 } else { 2 }
}

/// With its length, so that no two lists of texts make the same bytes.
fn add(hash: &mut Sha256, text: &[u8]) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn kept(hash: Sha256) -> Hash {
    let whole = hash.finalize();
    std::array::from_fn(|index| whole[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "a\nb\nimage: web:1\nc\nd\n";

    fn change_of(old: &str, new: &str) -> Change {
        let id = |text: &str| Oid::hash_object(git2::ObjectType::Blob, text.as_bytes()).unwrap();
        let file = Staged {
            path: "web.yaml".into(),
            blob: id(new),
            mode: 0o100_644,
            old: Some((id(old), 0o100_644)),
            lines: lines(old.as_bytes(), new.as_bytes()).unwrap(),
        };
        Change::of(&Signature::now("Ada", "ada@example.com").unwrap(), &[file])
    }

    #[test]
    fn a_change_stays_itself_on_other_content() {
        let made = change_of(OLD, &OLD.replace("web:1", "web:2"));
        assert_eq!(Change::parse(&made.to_string()), Some(made));
        let on = Oid::hash_object(git2::ObjectType::Blob, b"parent").unwrap();
        for branch in [Made::Apart, Made::ApartOn(on)] {
            let noted = made.made_for(branch);
            assert_eq!(Change::parse(&noted.to_string()), Some(noted));
        }
        let moved = format!("new\n{}x\n", OLD.replace("a\n", ""));
        assert!(change_of(&moved, &moved.replace("web:1", "web:2")).is_still(&made));
    }

    #[test]
    fn what_was_amended_is_another_change() {
        let made = change_of(OLD, &OLD.replace("web:1", "web:2"));
        for amended in ["web:2 ", "web:3", "web:2\nmore: 1", "web:2\r"] {
            assert!(
                !change_of(OLD, &OLD.replace("web:1", amended)).is_still(&made),
                "{amended:?}"
            );
        }
        // The same lines at another place of the same file.
        let twice = OLD.repeat(2);
        let made = change_of(&twice, &twice.replacen("web:1", "web:2", 1));
        let other = format!("{OLD}{}", OLD.replace("web:1", "web:2"));
        assert!(!change_of(&twice, &other).is_still(&made));
    }

    #[test]
    fn what_is_no_change_is_not_read() {
        let change = "0".repeat(96);
        for text in [
            "",
            "00",
            &"0".repeat(95),
            &"g".repeat(96),
            &"é".repeat(48),
            &format!("{change} on "),
            &format!("{change} on main"),
        ] {
            assert_eq!(Change::parse(text), None, "{text}");
        }
    }
}
