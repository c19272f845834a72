//! Which attributes libgit2 may read.
//!
//! libgit2 waits for a pipe and follows a link, its time grows with the square of a line's attributes, and it tries a pattern with many stars
//! in more ways than can be counted. Git follows no link in a work tree, and ignores long lines. A file that the two read differently, or
//! that would take libgit2 long, is refused.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use crate::io::files::{self, FileError, MAX_RULES};

/// The name of a file of attributes.
pub(super) const FILE: &str = ".gitattributes";

/// Git ignores a line of so many bytes (`ATTR_MAX_LINE_LENGTH` in `attr.h`). Macros may have so many together: each use of one costs all
/// that it stands for.
const MAX_LINE: usize = 2048;

/// So many steps may all patterns together take for one path: some milliseconds.
const MOST_STEPS: u64 = 1 << 20;

const TOO_LARGE: &str = "it has more than 64 KiB";
const TOO_SLOW: &str = "its patterns may take too long";

/// The patterns of a file, one a line, or what is wrong with it.
pub(super) type Patterns = Result<Vec<u8>, &'static str>;

/// The files that were read.
#[derive(Default)]
pub(super) struct Checked(RefCell<BTreeMap<PathBuf, Patterns>>);

impl Checked {
    /// The first of these files that has a fault, or whose patterns take too long for a path beside those of the files before it.
    pub(super) fn refused(
        &self,
        path: &Path,
        files: impl Iterator<Item = PathBuf>,
        read: impl Fn(&Path) -> Patterns,
    ) -> Option<(String, &'static str)> {
        let mut checked = self.0.borrow_mut();
        let path = path.as_os_str().as_encoded_bytes();
        let mut taken = 0;
        for file in files {
            let shown = file.display().to_string();
            let patterns = checked.entry(file).or_insert_with_key(|file| read(file));
            match patterns {
                Err(why) => return Some((shown, *why)),
                Ok(patterns) => {
                    for pattern in lines(patterns).filter(|pattern| !pattern.is_empty()) {
                        taken = steps(pattern, path).saturating_add(taken);
                        if taken > MOST_STEPS {
                            return Some((shown, TOO_SLOW));
                        }
                    }
                }
            }
        }
        None
    }
}

/// The files of attributes that may stand beside a path and in the folders above it, by their paths from the root.
pub(super) fn beside(path: &Path) -> impl Iterator<Item = PathBuf> {
    path.ancestors().skip(1).map(|folder| folder.join(FILE))
}

/// The files outside of the work tree that libgit2 reads for every path: the repository's own, the user's and the system's. Git follows links to
/// them.
pub(super) fn of_machine(repository: &Repository) -> Vec<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = |name: &str| set(name).map(PathBuf::from);
    let users = repository.config().ok().and_then(|config| {
        let named = config.get_path("core.attributesfile").ok();
        named.or_else(|| {
            let config =
                folder("XDG_CONFIG_HOME").or_else(|| Some(folder("HOME")?.join(".config")));
            Some(config?.join("git/attributes"))
        })
    });
    [repository.commondir().join("info/attributes")]
        .into_iter()
        .chain(users)
        .chain([PathBuf::from("/etc/gitattributes")])
        .map(|file| file.canonicalize().unwrap_or(file))
        .collect()
}

/// Reads a file on the disk.
pub(super) fn of_file(path: &Path) -> Patterns {
    // People name it where no file shall be read.
    if path == Path::new("/dev/null") {
        return Ok(Vec::new());
    }
    match files::read_rules(path) {
        Ok(content) => patterns(&content),
        Err(FileError::TooManyRules(_)) => Err(TOO_LARGE),
        // Git and libgit2 both ignore a folder.
        Err(FileError::NotRegular(_)) if !path.is_dir() || path.is_symlink() => {
            Err("it is not a regular file")
        }
        Err(_) => Ok(Vec::new()),
    }
}

/// Reads a content of the repository. One that is not here is not read by libgit2 either.
pub(super) fn of_blob(repository: &Repository, blob: Oid) -> Patterns {
    let size = repository.odb().and_then(|odb| odb.read_header(blob));
    match size {
        Ok((size, _)) if size as u64 > MAX_RULES => Err(TOO_LARGE),
        Ok(_) => repository
            .find_blob(blob)
            .map_or_else(|_| Ok(Vec::new()), |blob| patterns(blob.content())),
        Err(_) => Ok(Vec::new()),
    }
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content.split(|byte| *byte == b'\n')
}

/// What libgit2 takes for white space.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

fn patterns(content: &[u8]) -> Patterns {
    let (mut patterns, mut of_macros) = (Vec::new(), 0);
    for line in lines(content) {
        if line.len() >= MAX_LINE {
            return Err("it has a line of 2048 bytes or more, which Git ignores");
        }
        let begin = line.iter().take_while(|byte| is_space(**byte)).count();
        let line = &line[begin..];
        if line.starts_with(b"[attr]") {
            of_macros += line.len();
            continue;
        }
        // An escaped space is part of the pattern.
        let is_end = |at: &usize| is_space(line[*at]) && !line[..*at].ends_with(b"\\");
        let pattern = &line[..(0..line.len()).find(is_end).unwrap_or(line.len())];
        match pattern {
            [] | [b'#', ..] => {}
            [.., b'\\'] if pattern.len() == line.len() => {
                return Err(
                    "it has a pattern that ends with `\\`, to which libgit2 adds the next line",
                );
            }
            _ => patterns.extend([pattern, b"\n"].concat()),
        }
    }
    match of_macros {
        0..MAX_LINE => Ok(patterns),
        _ => Err("its macros have 2048 bytes or more"),
    }
}

/// The most steps that libgit2 takes to match a pattern with a path. What stands behind a star is tried wherever it may begin, and all of it
/// again for each place where what stands before that star fits (`wildmatch.c`).
fn steps(pattern: &[u8], path: &[u8]) -> u64 {
    let name = path.rsplit(|byte| *byte == b'/').next();
    let text = if pattern.contains(&b'/') {
        path
    } else {
        name.unwrap_or(path)
    };
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    // Before the pattern it compares the folder of the file.
    let (mut steps, mut tries) = ((path.len() + first.len()) as u64, 1_u64);
    // A star may stand in a class, whose end is not looked for: whatever follows may fit everywhere.
    let mut may_be_class = first.contains(&b'[');
    for part in parts.filter(|part| !part.is_empty()) {
        let signs = part.iter();
        let signs = signs.take_while(|byte| !may_be_class && !b"?[\\".contains(byte));
        let plain = signs.count();
        may_be_class |= part.contains(&b'[');
        // `**/` may also stand for nothing.
        let (mut each, mut fits) = (part.len(), usize::from(part[0] == b'/'));
        for at in 0..=text.len() {
            let both = part[..plain].iter().zip(&text[at..]);
            let same = both
                .take_while(|(left, right)| left.eq_ignore_ascii_case(right))
                .count();
            each += 1 + same;
            if same == plain {
                fits += 1;
                each += part.len();
            }
        }
        steps = steps.saturating_add(tries.saturating_mul(each as u64));
        tries = tries.saturating_mul(fits as u64);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_and_long_macros_are_refused() {
        let many = |line: &str| line.repeat(100);
        assert_eq!(patterns(b""), Ok(Vec::new()));
        assert!(patterns(&[b'a'; MAX_LINE - 1]).is_ok());
        assert!(patterns(&[b'a'; MAX_LINE]).is_err());
        assert!(patterns(many("deploy/web.yaml text eol=lf\n").as_bytes()).is_ok());
        for space in [" ", "\x0b"] {
            let macros = many(&format!("{space}[attr]shop text eol=lf\n"));
            assert!(patterns(macros.as_bytes()).is_err());
        }
    }

    #[test]
    fn a_pattern_ends_where_libgit2_ends_it() {
        let content = b"# x\n\n\t*.yaml text\r\na\\ b -text\n!web\n[attr]shop text\n[a]*\tx\n";
        assert_eq!(patterns(content).unwrap(), b"*.yaml\na\\ b\n!web\n[a]*\n");
        assert!(patterns(b"*a*a\\\n*b x\n").is_err());
    }

    #[test]
    fn patterns_that_libgit2_tries_in_many_ways_are_refused() {
        let refused = |line: &str, count: usize, path: &str| {
            let content = patterns(line.repeat(count).as_bytes());
            let files = std::iter::once(PathBuf::from(FILE));
            Checked::default()
                .refused(Path::new(path), files, |_| content.clone())
                .is_some()
        };
        let path = "clusters/prod-eu-west-1/shop/overlays/blue/web-frontend.deployment.yaml";
        for line in [
            "*.yaml text eol=lf\n",
            "**/*.yaml text eol=lf\n",
            "clusters/**/overlays/**/*.yaml text\n",
            "*.min.*.yaml -text\n",
            "**/web-*-*.[yY]*ml diff\n",
            "clusters/prod-eu-west-1/shop/web.yaml text\n",
        ] {
            assert!(!refused(line, 200, path), "{line}");
        }
        let (name, folders) = ("a".repeat(200), "a/".repeat(100));
        for (line, count, path) in [
            ("*a*a*a*a*a*a*a*a*a*a*a*a*b a=b\n", 1, &name),
            ("*A*A*A*A*A*A*A*A*A*A*A*A*b a=b\n", 1, &name),
            ("*[a]*[a]*[a]*[a]*b a=b\n", 1, &name),
            ("[*a]*a*a*a*a*a*a*a*a*b a=b\n", 1, &name),
            ("*[*a]*[*a]*[*a]*[*a]*b a=b\n", 1, &name),
            ("*\\a*\\a*\\a*\\a*b a=b\n", 1, &name),
            ("**/**/**/**/**/**/b a=b\n", 1, &folders),
            ("*a*a*b a=b\n", 100, &name),
            ("q*z a=b\n", 6_000, &name),
        ] {
            assert!(refused(line, count, path), "{line}");
        }
    }
}
