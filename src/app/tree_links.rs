//! Links to folders of a tree: kustomize follows those in the paths of a kustomization.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::kustomize::BoxedKustomization;

/// No path leads through more links. It is the kernel's limit.
const MAX_LINKS: usize = 40;

/// No path is longer. It is the kernel's limit.
const MAX_PATH: usize = 4096;

/// Puts the real place of a file or folder into kustomizations whose path to it leads through a link. `target` reads the link at a path
/// from the tree's root; `None`: there is none. What leads out of the tree stays as it is.
pub(super) fn follow<E>(
    kustomizations: &mut [BoxedKustomization],
    mut target: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<(), E> {
    let folders = kustomizations.iter().map(|one| one.folder());
    let known: BTreeSet<String> = folders.map(str::to_owned).collect();
    let mut moved: BTreeMap<String, Option<String>> = BTreeMap::new();
    for kustomization in kustomizations {
        // The folder of a kustomization was found without links, so most paths need no look.
        kustomization.move_paths(|path| {
            if known.contains(path) {
                return Ok(None);
            }
            let is_file = [".yaml", ".yml", ".json"]
                .iter()
                .any(|end| path.ends_with(end));
            let (folder, name) = match path.rsplit_once('/') {
                Some((folder, _)) if is_file => path.split_at(folder.len()),
                None if is_file => ("", path),
                _ => (path, ""),
            };
            if known.contains(folder) || folder.is_empty() {
                return Ok(None);
            }
            if !moved.contains_key(folder) {
                let real = without_links(folder, &mut target)?;
                moved.insert(folder.to_owned(), real.filter(|real| real != folder));
            }
            let real = moved.get(folder).and_then(Option::as_ref);
            Ok(real.map(|real| [real, name].concat()))
        })?;
    }
    Ok(())
}

/// A path from the root of a tree, without links. `None`: it leads out of the tree or in a circle, or is too long.
fn without_links<E>(
    path: &str,
    mut target: impl FnMut(&str) -> Result<Option<String>, E>,
) -> Result<Option<String>, E> {
    let pieces = |path: &str| -> Vec<String> { path.rsplit('/').map(str::to_owned).collect() };
    if path.len() > MAX_PATH {
        return Ok(None);
    }
    let mut rest = pieces(path);
    let (mut real, mut links) = (String::new(), 0);
    while let Some(piece) = rest.pop() {
        match &*piece {
            "" | "." => continue,
            ".." if real.is_empty() => return Ok(None),
            ".." => {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let above = real.len();
        if above > 0 {
            real.push('/');
        }
        real.push_str(&piece);
        if real.len() > MAX_PATH {
            return Ok(None);
        }
        let Some(to) = target(&real)? else { continue };
        links += 1;
        if links > MAX_LINKS || to.len() > MAX_PATH || to.starts_with('/') {
            return Ok(None);
        }
        real.truncate(above);
        rest.extend(pieces(&to));
    }
    Ok(Some(real))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn a_path_is_followed_within_the_tree_and_not_in_circles() {
        let links = BTreeMap::from([
            ("link", "base"),
            ("a/up", "../base/"),
            ("a/twice", "up/./inner"),
            ("out", "../other"),
            ("a/out", "../../a"),
            ("absolute", "/base"),
            ("circle", "a/circle"),
            ("a/circle", "../circle"),
        ]);
        let real = |path: &str| {
            let target = |at: &str| Ok::<_, Infallible>(links.get(at).map(|to| (*to).to_owned()));
            without_links(path, target).unwrap().unwrap_or_default()
        };
        for (path, expected) in [
            ("base", "base"),
            ("link", "base"),
            ("link/inner", "base/inner"),
            ("a/up", "base"),
            ("a/twice/x", "base/inner/x"),
            ("out", ""),
            ("a/out", ""),
            ("absolute", ""),
            ("circle", ""),
        ] {
            assert_eq!(real(path), expected, "{path}");
        }
    }

    #[test]
    fn a_path_that_no_kernel_follows_is_not_looked_up() {
        let looked_up = |path: &str, link: &str| {
            let mut count = 0;
            let target = |at: &str| {
                count += 1;
                Ok::<_, Infallible>((at == "link").then(|| link.to_owned()))
            };
            let real = without_links(path, target).unwrap();
            (real.is_some(), count)
        };
        let long = "a/".repeat(MAX_PATH);
        assert_eq!(looked_up(&long, ""), (false, 0));
        assert_eq!(looked_up("link", &long), (false, 1));
        let half = "a/".repeat(MAX_PATH / 4 + 1);
        let (is_some, count) = looked_up(&format!("link/{half}"), &half);
        assert!(!is_some && count < MAX_PATH, "{count}");
        assert_eq!(looked_up(&half, ""), (true, MAX_PATH / 4 + 1));
    }
}
