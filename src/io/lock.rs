//! `imago.lock`: the digests of earlier runs, so that a run without network says the same.
//!
//! The file is JSON with one image a line, sorted, so that Git merges it line by line. It is read strictly, because what is not
//! understood would be lost when it is written, and it is written only when an image in it changed. Runs beside each other lose
//! nothing: a merge locks the file, reads it again, and replaces it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::files::{self, FileError};
use crate::engine::image::{Digest, ImageRef, Lookup};

/// The only version of the format that there is.
const VERSION: u64 = 1;
/// How often a merge begins again when other programs keep replacing the file.
const ATTEMPTS: usize = 100;

/// The content of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    images: BTreeMap<Lookup, Digest>,
}

/// What a merge does with images that the run did not meet.
#[derive(Clone, Copy, Debug)]
pub enum Prune<'a> {
    /// They stay: another folder may need them.
    Keep,
    /// They go, except those in this set, which the run used.
    Unused(&'a BTreeSet<Lookup>),
}

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Whether the file was written.
    pub changed: bool,
}

/// Why a lock file was not read or written. The text is the cause alone.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file itself refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no lock file, or a broken one.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It has a version that this program does not know.
    #[error("it has version {0}, and this program knows version {VERSION}")]
    Version(String),
    /// Other programs replaced it again and again while it was merged.
    #[error("other programs keep changing it")]
    Busy,
}

impl LockError {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::Malformed { .. } => "lock-syntax",
            Self::Version(_) => "lock-version",
            Self::Busy => "changed-meanwhile",
        }
    }

    /// One thing to do about it, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            // The hints of `FileError` speak of manifests.
            Self::File(FileError::TooLarge(_) | FileError::NotRegular(_)) => Some("name another file with `--lock`"),
            Self::File(error) => error.hint(),
            Self::Malformed { .. } => {
                Some("take it from Git again, with any merge conflict solved, or delete it and run with `--update`")
            }
            Self::Version(_) => Some("use the version of imago that wrote it"),
            Self::Busy => Some("run again when they are done"),
        }
    }
}

impl Lock {
    /// Reads a lock file; `None` when there is none. A link is followed.
    pub fn read(path: &Path) -> Result<Option<Self>, LockError> {
        match target(path)? {
            Some(path) => Ok(Some(Self::parse(&files::read(&path)?)?)),
            None => Ok(None),
        }
    }

    /// The digest that is recorded for a tag.
    pub fn get(&self, lookup: &Lookup) -> Option<&Digest> {
        self.images.get(lookup)
    }

    /// How many images it has.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether it has no image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        let content: Content = serde_json::from_slice(bytes).map_err(|error| {
            // What a later version has in it must not be called an error of this one.
            match serde_json::from_slice(bytes) {
                Ok(Header { version: Some(version) }) if version.as_u64() != Some(VERSION) => {
                    LockError::Version(version.to_string())
                }
                _ => malformed(&error),
            }
        })?;
        match content.version {
            VERSION => Ok(Self { images: content.images.0 }),
            other => Err(LockError::Version(other.to_string())),
        }
    }
}

/// As it stands in the file: one image a line, with a last newline.
impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{\"version\":{VERSION},\"images\":{{")?;
        for (index, (lookup, digest)) in self.images.iter().enumerate() {
            // Neither the grammar of references nor that of digests has a character that JSON escapes.
            write!(formatter, "{}\n  \"{lookup}\":\"{digest}\"", if index > 0 { "," } else { "" })?;
        }
        formatter.write_str(if self.images.is_empty() { "}}\n" } else { "\n}}\n" })
    }
}

/// Adds a run's digests to the lock file, making it where there is none, and writes it when that changes an image of it.
///
/// Runs beside this one wait for each other; foreign programs that write the file meanwhile are noticed.
pub fn merge(path: &Path, digests: &BTreeMap<Lookup, Digest>, prune: Prune<'_>) -> Result<Merged, LockError> {
    for _ in 0..ATTEMPTS {
        let outcome = match target(path)? {
            Some(path) => merge_existing(&path, digests, prune),
            None if digests.is_empty() => Ok(Merged { changed: false }),
            None => make(path, digests),
        };
        match outcome {
            Err(LockError::File(FileError::Changed | FileError::Vanished)) => {}
            outcome => return outcome,
        }
    }
    Err(LockError::Busy)
}

fn make(path: &Path, digests: &BTreeMap<Lookup, Digest>) -> Result<Merged, LockError> {
    let lock = Lock { images: digests.clone() };
    files::create(path, lock.to_string().as_bytes())?;
    Ok(Merged { changed: true })
}

fn merge_existing(path: &Path, digests: &BTreeMap<Lookup, Digest>, prune: Prune<'_>) -> Result<Merged, LockError> {
    let _held = hold(path)?;
    let old = files::read(path)?;
    let before = Lock::parse(&old)?;
    let mut after = before.clone();
    if let Prune::Unused(used) = prune {
        after.images.retain(|lookup, _| used.contains(lookup));
    }
    after.images.extend(digests.iter().map(|(lookup, digest)| (lookup.clone(), digest.clone())));
    let changed = after != before;
    if changed {
        files::replace(path, &old, after.to_string().as_bytes())?;
    }
    Ok(Merged { changed })
}

/// Waits for the lock on the very file that the path names now; it lasts as long as the value. `Vanished` asks to begin again.
///
/// The lock is on the file itself and no other, so nothing stays behind, and a folder that somebody holds blocks nobody.
fn hold(path: &Path) -> Result<File, FileError> {
    // Some network file systems lock only what is open for writing.
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    match file.lock() {
        // Where locks do not exist, what is left is the comparison right before the file is replaced.
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        outcome => outcome?,
    }
    let (ours, now) = (file.metadata()?, path.metadata()?);
    if (ours.dev(), ours.ino()) == (now.dev(), now.ino()) { Ok(file) } else { Err(FileError::Vanished) }
}

/// The file that the path leads to over links; `None` when nothing is there.
fn target(path: &Path) -> Result<Option<PathBuf>, FileError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.file_type().is_symlink() => Ok(Some(path.canonicalize()?)),
        Ok(metadata) if metadata.is_file() => Ok(Some(path.to_owned())),
        // Reading says what it is instead.
        Ok(_) => files::read(path).map(|_| None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The parser's own words without the place, which `LockError` tells.
fn malformed(error: &serde_json::Error) -> LockError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    LockError::Malformed { line: error.line().max(1), reason: text.strip_suffix(&place).unwrap_or(&text).to_owned() }
}

/// As much as every version has.
#[derive(Deserialize)]
struct Header {
    version: Option<serde_json::Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u64,
    images: Images,
}

/// Read entry by entry, so that a wrong one is told with its own line, and none hides another.
struct Images(BTreeMap<Lookup, Digest>);

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ImagesVisitor)
    }
}

struct ImagesVisitor;

impl<'de> Visitor<'de> for ImagesVisitor {
    type Value = Images;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of images to digests")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Images, A::Error> {
        let mut images = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Entry { key, images: &mut images })?;
        }
        Ok(Images(images))
    }
}

/// The value of an entry. All its checks are made while the parser stands there, so that their errors have its line.
struct Entry<'a> {
    key: String,
    images: &'a mut BTreeMap<Lookup, Digest>,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Entry<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a digest")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let Self { key, images } = self;
        let image = ImageRef::parse(&key).map_err(|error| E::custom(format_args!("`{key}` is not an image: {error}")))?;
        if image.digest().is_some() {
            return Err(E::custom(format_args!("`{key}` has a digest, but a lock records what a tag points to")));
        }
        let digest = Digest::parse(value).map_err(|error| E::custom(format_args!("`{value}` is not a digest: {error}")))?;
        match images.insert(image.lookup(), digest.clone()) {
            Some(other) if other != digest => Err(E::custom(format_args!("`{key}` is there a second time, with another digest"))),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(digit: char) -> Digest {
        Digest::parse(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap()
    }

    fn lookup(image: &str) -> Lookup {
        ImageRef::parse(image).unwrap().lookup()
    }

    fn digests(images: &[(&str, char)]) -> BTreeMap<Lookup, Digest> {
        images.iter().map(|&(image, digit)| (lookup(image), digest(digit))).collect()
    }

    fn text(images: &[(&str, char)]) -> String {
        let lines: Vec<_> = images.iter().map(|(image, digit)| format!("  \"{image}\":\"{}\"", digest(*digit))).collect();
        format!("{{\"version\":1,\"images\":{{\n{}\n}}}}\n", lines.join(",\n"))
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn parse(text: &str) -> Result<Lock, LockError> {
        Lock::parse(text.as_bytes())
    }

    #[test]
    fn a_first_merge_makes_the_file_sorted_with_one_image_a_line() {
        let folder = folder();
        let path = folder.path().join("imago.lock");
        assert!(Lock::read(&path).unwrap().is_none());
        let run = digests(&[("registry.example.test/shop/web:1.4", 'b'), ("nginx", 'a')]);
        assert_eq!(merge(&path, &run, Prune::Keep).unwrap(), Merged { changed: true });
        let expected = text(&[("docker.io/library/nginx:latest", 'a'), ("registry.example.test/shop/web:1.4", 'b')]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        let lock = Lock::read(&path).unwrap().unwrap();
        assert_eq!(lock.get(&lookup("docker.io/nginx:latest")), Some(&digest('a')));
        assert_eq!(lock.get(&lookup("nginx:1.25")), None);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_run_without_images_makes_no_file() {
        let folder = folder();
        let path = folder.path().join("imago.lock");
        assert_eq!(merge(&path, &BTreeMap::new(), Prune::Keep).unwrap(), Merged { changed: false });
        assert!(!path.exists());
    }

    #[test]
    fn any_spelling_of_an_image_is_understood() {
        for key in ["nginx", "nginx:latest", "docker.io/nginx", "docker.io/library/nginx:latest", "index.docker.io/library/nginx"]
        {
            let lock = parse(&text(&[(key, 'a')])).unwrap();
            assert_eq!(lock.get(&lookup("nginx")), Some(&digest('a')), "{key}");
        }
        assert_eq!(parse(&text(&[("nginx", 'a'), ("docker.io/nginx", 'a')])).unwrap().len(), 1);
    }

    #[test]
    fn what_changes_nothing_does_not_write_the_file() {
        let folder = folder();
        let path = folder.path().join("imago.lock");
        let handmade = format!("{{ \"images\": {{\"nginx\": \"{}\"}},\r\n\"version\": 1}}", digest('a'));
        std::fs::write(&path, &handmade).unwrap();
        let run = digests(&[("nginx:latest", 'a')]);
        let used = run.keys().cloned().collect();
        for prune in [Prune::Keep, Prune::Unused(&used)] {
            assert_eq!(merge(&path, &run, prune).unwrap(), Merged { changed: false });
            assert_eq!(std::fs::read_to_string(&path).unwrap(), handmade);
        }
    }

    #[test]
    fn a_merge_keeps_what_the_run_did_not_meet_and_a_prune_drops_it() {
        let folder = folder();
        let path = folder.path().join("imago.lock");
        std::fs::write(&path, text(&[("docker.io/library/nginx:1", 'a'), ("docker.io/library/redis:7", 'b')])).unwrap();
        let run = digests(&[("nginx:1", 'c')]);
        merge(&path, &run, Prune::Keep).unwrap();
        let lock = Lock::read(&path).unwrap().unwrap();
        assert_eq!((lock.get(&lookup("nginx:1")), lock.get(&lookup("redis:7"))), (Some(&digest('c')), Some(&digest('b'))));
        assert_eq!(merge(&path, &run, Prune::Unused(&BTreeSet::from([lookup("nginx:1")]))).unwrap(), Merged { changed: true });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text(&[("docker.io/library/nginx:1", 'c')]));
        merge(&path, &BTreeMap::new(), Prune::Unused(&BTreeSet::new())).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"version\":1,\"images\":{}}\n");
        assert!(Lock::read(&path).unwrap().unwrap().is_empty());
    }

    #[test]
    fn a_malformed_lock_is_refused_with_line_and_reason_and_never_written() {
        let good = digest('a');
        for (content, message) in [
            (String::new(), "line 1: EOF while parsing a value"),
            ("<<<<<<< HEAD\n".to_owned(), "line 1: expected value"),
            ("{\"version\":1,\n\"images\":[]}".to_owned(), "line 2: invalid type: sequence, expected a map of images to digests"),
            ("{\"version\":1}".to_owned(), "line 1: missing field `images`"),
            ("{\"version\":\"1\",\"images\":{}}".to_owned(), "line 1: invalid type: string \"1\", expected u64"),
            ("{\"version\":2,\"images\":[],\"more\":1}".to_owned(), "it has version 2, and this program knows version 1"),
            (
                "{\"version\":1,\"images\":{},\n\"more\":1}".to_owned(),
                "line 2: unknown field `more`, expected `version` or `images`",
            ),
            (
                format!("{{\"version\":1,\"images\":{{\n\"a\":\"{good}\",\n\"Nginx\":\"{good}\"}}}}"),
                "line 3: `Nginx` is not an image: the name is not a repository name (lower-case letters, digits and single separators)",
            ),
            (
                "{\"version\":1,\"images\":{\n\"a\":\"sha256:1\"}}".to_owned(),
                "line 2: `sha256:1` is not a digest: the digest is not `sha256:` with 64 or `sha512:` with 128 lower-case hex digits",
            ),
            (
                format!("{{\"version\":1,\"images\":{{\n\"a@{good}\":\"{good}\"}}}}"),
                &format!("line 2: `a@{good}` has a digest, but a lock records what a tag points to"),
            ),
            (
                text(&[("nginx", 'a'), ("docker.io/nginx", 'b')]),
                "line 3: `docker.io/nginx` is there a second time, with another digest",
            ),
        ] {
            let folder = folder();
            let path = folder.path().join("imago.lock");
            std::fs::write(&path, &content).unwrap();
            let read = Lock::read(&path).unwrap_err();
            assert_eq!(read.to_string(), message, "{content}");
            assert!(read.hint().is_some());
            assert_eq!(merge(&path, &digests(&[("nginx", 'c')]), Prune::Keep).unwrap_err().to_string(), message);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn what_is_no_file_or_has_no_folder_is_refused_at_once() {
        let folder = folder();
        let run = digests(&[("nginx", 'a')]);
        assert_eq!(Lock::read(folder.path()).unwrap_err().code(), "not-a-file");
        assert_eq!(merge(folder.path(), &run, Prune::Keep).unwrap_err().code(), "not-a-file");
        assert_eq!(merge(&folder.path().join("missing/imago.lock"), &run, Prune::Keep).unwrap_err().code(), "folder-missing");
    }

    #[test]
    fn a_link_to_a_lock_stays_a_link() {
        let folder = folder();
        let (path, link) = (folder.path().join("imago.lock"), folder.path().join("link.lock"));
        merge(&path, &digests(&[("nginx", 'a')]), Prune::Keep).unwrap();
        std::os::unix::fs::symlink("imago.lock", &link).unwrap();
        merge(&link, &digests(&[("redis", 'b')]), Prune::Keep).unwrap();
        assert_eq!(Lock::read(&path).unwrap().unwrap().len(), 2);
        assert!(link.symlink_metadata().unwrap().file_type().is_symlink());
        assert_eq!(Lock::read(&link).unwrap(), Lock::read(&path).unwrap());
    }

    #[test]
    fn runs_beside_each_other_lose_nothing() {
        let folder = folder();
        let path = folder.path().join("imago.lock");
        std::thread::scope(|scope| {
            for run in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    for image in 0..8 {
                        let run = digests(&[(&format!("shop/web-{run}:{image}"), 'a')]);
                        assert!(merge(path, &run, Prune::Keep).unwrap().changed);
                    }
                });
            }
        });
        assert_eq!(Lock::read(&path).unwrap().unwrap().len(), 64);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_the_same_lock(
            images in prop::collection::btree_map("([a-z]{1,3}\\.test(:[0-9]{2})?/)?[a-z]{1,5}(/[a-z0-9]{1,3})?(:[A-Za-z0-9._]{1,4})?", "[0-9a-f]{64}", 0..6),
        ) {
            let images = images.into_iter().filter_map(|(image, hex)| {
                Some((ImageRef::parse(&image).ok()?.lookup(), Digest::parse(&format!("sha256:{hex}")).unwrap()))
            });
            let lock = Lock { images: images.collect() };
            prop_assert_eq!(parse(&lock.to_string()).unwrap(), lock);
        }
    }
}
