//! Makes the choice of a scan among the files of a commit. It reads no file, and no folder need exist.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::filter::PathFilter;
use super::walk::{SETTINGS, is_manifest};
use super::{IdleGlob, ScanError, Scope, by_component};
use crate::io::git::names::composed;

/// A file that a scan would take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its index in `listed`.
    pub index: usize,
    /// The path as the user would write it.
    pub shown: String,
    /// Whether it is a template of a Helm chart.
    pub is_template: bool,
}

/// Chooses from `listed` (paths relative to the request's root) the files that a scan of the same request would take, in the
/// order of their names. Also returns the globs that matched nothing.
pub fn choose(
    request: Scope<'_>,
    listed: &[impl AsRef<Path>],
) -> Result<(Vec<Chosen>, Vec<IdleGlob>), ScanError> {
    let filter = PathFilter::new(request.include, request.exclude, request.other)?;
    let real_root = request
        .root
        .canonicalize()
        .unwrap_or_else(|_| request.root.to_owned());
    let all: BTreeSet<&Path> = listed.iter().map(AsRef::as_ref).collect();
    let here = [PathBuf::from(".")];
    let mut named = HashMap::new();
    for typed in if request.paths.is_empty() {
        &here
    } else {
        request.paths
    } {
        let missing = || ScanError::Missing {
            path: typed.display().to_string(),
            near: None,
        };
        let shown: PathBuf = typed
            .components()
            .filter(|component| *component != Component::CurDir)
            .collect();
        let inner = within(request.root, &request.current.join(&shown)).ok_or_else(missing)?;
        let inner = as_listed(inner, &all);
        let is_file = all.contains(inner.as_path());
        let is_there = is_file
            || inner.as_os_str().is_empty()
            || all
                .range(inner.as_path()..)
                .next()
                .is_some_and(|path| path.starts_with(&inner));
        if !is_there {
            return Err(missing());
        }
        named.insert(inner, (shown, is_file));
    }
    let mut chosen = Vec::new();
    for (index, path) in listed.iter().map(AsRef::as_ref).enumerate() {
        // A file is shown under the nearest path that was typed.
        let above = path.ancestors();
        let mut above = above.filter_map(|inner| Some((inner, named.get(inner)?)));
        let Some((inner, (shown, is_file))) = above.next() else {
            continue;
        };
        let rest = path.strip_prefix(inner).expect("the path starts with it");
        let shown = match is_file {
            true => shown.clone(),
            false if is_manifest(path) => shown.join(rest),
            false => continue,
        };
        let in_current = if shown.is_absolute() {
            shown.strip_prefix(request.current).ok()
        } else {
            Some(shown.as_path())
        };
        let name = path.file_name().map(Path::new).filter(|_| *is_file);
        let own = (!is_file).then_some(inner);
        let folders = own.into_iter().chain(above.map(|(inner, _)| inner));
        let folders = folders.filter_map(|inner| path.strip_prefix(inner).ok());
        let places: Vec<&Path> = in_current.into_iter().chain(name).chain(folders).collect();
        if !is_file && path.file_name() == Some(OsStr::new(SETTINGS)) {
            continue;
        }
        if filter.takes(&places, &real_root.join(path)) {
            let is_template = is_template(path, &all);
            let name = shown.to_string_lossy().into_owned();
            chosen.push((
                shown,
                Chosen {
                    index,
                    shown: name,
                    is_template,
                },
            ));
        }
    }
    chosen.sort_by(|(left, _), (right, _)| by_component(left, right));
    Ok((
        chosen.into_iter().map(|(_, chosen)| chosen).collect(),
        filter.idle(),
    ))
}

/// The spelling of a path in the commit, where macOS spells its accents differently. Returns the path itself if it is there as it
/// is, or not at all.
fn as_listed(inner: PathBuf, all: &BTreeSet<&Path>) -> PathBuf {
    let Some(text) = inner.to_str().filter(|text| !text.is_ascii()) else {
        return inner;
    };
    let first = all.range(inner.as_path()..).next();
    if first.is_some_and(|path| path.starts_with(&inner)) {
        return inner;
    }
    let (composed, depth) = (composed(text), inner.components().count());
    let mut spelled = all
        .iter()
        .map(|path| path.components().take(depth).collect::<PathBuf>());
    let same = spelled.find(|path| {
        path.to_str()
            .is_some_and(|path| self::composed(path) == composed)
    });
    same.unwrap_or(inner)
}

/// The path relative to `root`, with links resolved as far as they exist; `None` outside of it.
fn within(root: &Path, path: &Path) -> Option<PathBuf> {
    let real_root = root.canonicalize().ok()?;
    // A link that leads out is no folder of the commit; below a bare repository it says nothing of the commit's folders.
    let real = path.canonicalize().ok();
    if let Some(below) = real.and_then(|real| Some(real.strip_prefix(&real_root).ok()?.to_owned()))
    {
        return Some(below);
    }
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    Some(plain.strip_prefix(root).ok()?.to_owned())
}

fn is_template(path: &Path, all: &BTreeSet<&Path>) -> bool {
    let folders = path
        .ancestors()
        .skip(1)
        .filter(|folder| folder.file_name() == Some(OsStr::new("templates")));
    folders
        .filter_map(Path::parent)
        .any(|chart| all.contains(chart.join("Chart.yaml").as_path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(paths: &[&str], exclude: &[&str], listed: &[&str]) -> Result<Vec<String>, ScanError> {
        let root = tempfile::tempdir().unwrap();
        let current = root.path().join("sub");
        std::fs::create_dir(&current).unwrap();
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let exclude: Vec<String> = exclude.iter().map(|&glob| glob.to_owned()).collect();
        let listed: Vec<PathBuf> = listed.iter().map(PathBuf::from).collect();
        let request = Scope {
            paths: &paths,
            include: &[],
            exclude: &exclude,
            other: None,
            current: &current,
            opens_relative: false,
            root: root.path(),
        };
        let (chosen, _) = choose(request, &listed)?;
        Ok(chosen
            .into_iter()
            .map(|chosen| {
                format!(
                    "{}{}",
                    chosen.shown,
                    if chosen.is_template { " T" } else { "" }
                )
            })
            .collect())
    }

    #[test]
    fn files_of_a_commit_are_chosen_as_files_of_a_folder_are() {
        let listed = [
            "other/x.yaml",
            "sub/Chart.yaml",
            "sub/a.txt",
            "sub/a.yaml",
            "sub/b/c.json",
            "sub/b-c.yml",
            "sub/templates/t.yaml",
        ];
        let all = [
            "Chart.yaml",
            "a.yaml",
            "b/c.json",
            "b-c.yml",
            "templates/t.yaml T",
        ];
        assert_eq!(chosen(&["."], &[], &listed).unwrap(), all);
        assert_eq!(
            chosen(&[".", "b"], &["templates"], &listed).unwrap(),
            ["Chart.yaml", "a.yaml", "b/c.json", "b-c.yml"]
        );
        assert_eq!(
            chosen(&["a.txt", "../other"], &[], &listed).unwrap(),
            ["../other/x.yaml", "a.txt"]
        );
        assert_eq!(chosen(&["b"], &[], &listed).unwrap(), ["b/c.json"]);
        let spelled = ["sub/caf\u{e9}/a.yaml", "sub/ze\u{301}.yaml"];
        assert_eq!(
            chosen(&["cafe\u{301}", "z\u{e9}.yaml"], &[], &spelled).unwrap(),
            ["cafe\u{301}/a.yaml", "z\u{e9}.yaml"]
        );
        assert!(matches!(
            chosen(&["c"], &[], &listed),
            Err(ScanError::Missing { .. })
        ));
        assert!(matches!(
            chosen(&["/"], &[], &listed),
            Err(ScanError::Missing { .. })
        ));
    }
}
