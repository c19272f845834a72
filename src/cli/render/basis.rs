//! From the names of files as a person sees them, which begin at the current folder, to paths from the repository's root, by which
//! services know them.

use std::path::{Component, Path, PathBuf};

/// Where the run stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Basis {
    /// The current folder, absolute.
    pub current: PathBuf,
    /// The root of its repository, absolute; the current folder where there is none.
    pub root: PathBuf,
}

impl Basis {
    /// A file's path from the root, by its spelling alone; `None` where it is outside.
    pub(super) fn path_of(&self, name: &str) -> Option<String> {
        let path = plain(&self.current.join(name));
        Some(
            path.strip_prefix(plain(&self.root))
                .ok()?
                .to_string_lossy()
                .into_owned(),
        )
    }

    /// A file's path from the root of the file system, by its spelling alone.
    pub(super) fn absolute(&self, name: &str) -> String {
        plain(&self.current.join(name))
            .to_string_lossy()
            .into_owned()
    }
}

/// `.` and `..` taken out.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_at_the_current_folder_and_paths_at_the_root() {
        let basis = Basis {
            current: "/shop/deploy".into(),
            root: "/shop".into(),
        };
        for (name, path) in [
            ("web.yaml", Some("deploy/web.yaml")),
            ("../base/./web.yaml", Some("base/web.yaml")),
            ("/shop/a.yaml", Some("a.yaml")),
            ("../../a.yaml", None),
            ("/shopping/a.yaml", None),
        ] {
            assert_eq!(basis.path_of(name).as_deref(), path, "{name}");
        }
        let nowhere = Basis::default();
        assert_eq!(
            nowhere.path_of("deploy/web.yaml").as_deref(),
            Some("deploy/web.yaml")
        );
    }
}
