//! `--include` and `--exclude`: globs on the paths of files, read as `.gitignore` reads them.
//!
//! A glob without a slash matches a name at any depth. A glob with a slash matches the path from the current folder or from the
//! named folder. A glob that matches a folder matches everything below it. `*` and `?` do not cross a slash; `**` does.

use std::iter;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;

use super::{Globs, IdleGlob, ScanError};
use crate::engine::selector::Watched;
use crate::engine::selector::image::MAX_PATTERN;

/// Decides by path which files a scan takes.
pub(super) struct PathFilter {
    include: Option<Patterns>,
    exclude: Option<Patterns>,
    /// The globs of another folder, and that folder.
    other: Option<(Box<PathFilter>, PathBuf)>,
}

impl PathFilter {
    pub(super) fn new(
        include: &[String],
        exclude: &[String],
        other: Option<&Globs>,
    ) -> Result<Self, ScanError> {
        let other = other.map(|globs| {
            Ok((
                Box::new(Self::new(&globs.include, &globs.exclude, None)?),
                globs.base.clone(),
            ))
        });
        Ok(Self {
            include: Patterns::new(include)?,
            exclude: Patterns::new(exclude)?,
            other: other.transpose()?,
        })
    }

    /// Whether there are any globs.
    pub(super) fn narrows(&self) -> bool {
        self.include.is_some()
            || self.exclude.is_some()
            || self
                .other
                .as_ref()
                .is_some_and(|(other, _)| other.narrows())
    }

    /// Whether the globs take a file. `paths` are its paths as seen from each folder where globs start; a glob may match any of
    /// them. `real` is absolute and without links.
    pub(super) fn takes(&self, paths: &[impl AsRef<Path>], real: &Path) -> bool {
        if self
            .other(real)
            .is_some_and(|(other, path)| !other.takes(&[path], real))
        {
            return false;
        }
        let matches = |patterns: &Patterns| {
            patterns.any(paths.iter().map(|path| patterns.match_file(path.as_ref())))
        };
        !self.exclude.as_ref().is_some_and(matches) && self.include.as_ref().is_none_or(matches)
    }

    /// Whether everything below a folder is left out, so that it need not be read.
    pub(super) fn leaves_out_folder(&self, paths: &[impl AsRef<Path>], real: &Path) -> bool {
        if self
            .other(real)
            .is_some_and(|(other, path)| other.leaves_out_folder(&[path], real))
        {
            return true;
        }
        let matches = |patterns: &Patterns| {
            patterns.any(
                paths
                    .iter()
                    .map(|path| patterns.match_folder(path.as_ref())),
            )
        };
        self.exclude.as_ref().is_some_and(matches)
    }

    /// Whether the folder of an `exclude` glob is itself left out by another glob. Then the walk never went below it, and this
    /// glob had nothing to match.
    fn is_below_what_is_left_out(&self, glob: &str) -> bool {
        let plain = glob.trim_start_matches("./").trim_matches('/');
        let folder = Path::new(plain)
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        self.exclude
            .as_ref()
            .zip(folder)
            .is_some_and(|(patterns, folder)| patterns.match_folder(folder))
    }

    /// The globs that have matched nothing so far. An `include` glob that matched only left-out files is among them.
    pub(super) fn idle(&self) -> Vec<IdleGlob> {
        let lists = [("include", &self.include), ("exclude", &self.exclude)];
        let own = lists
            .into_iter()
            .flat_map(|(list, patterns)| patterns.iter().map(move |patterns| (list, patterns)));
        let own = own.flat_map(|(list, patterns)| patterns.idle().map(move |glob| (list, glob)));
        let own = own.map(|(list, glob)| IdleGlob {
            list,
            glob: glob.to_owned(),
            of_other: false,
        });
        let mut own: Vec<_> = own.collect();
        own.retain(|idle| idle.list == "include" || !self.is_below_what_is_left_out(&idle.glob));
        let other = self.other.iter().flat_map(|(other, _)| other.idle());
        own.into_iter()
            .chain(other.map(|idle| IdleGlob {
                of_other: true,
                ..idle
            }))
            .collect()
    }
}

impl PathFilter {
    /// The globs of the other folder, and the path relative to that folder. `None` outside of it, where those globs do not apply.
    fn other<'p>(&self, real: &'p Path) -> Option<(&Self, &'p Path)> {
        let (filter, base) = self.other.as_ref()?;
        Some((filter, real.strip_prefix(base).ok()?))
    }
}

/// Globs, by what they match: a name or a path, and anything or only folders (`charts/`).
struct Patterns {
    names: Watched,
    folder_names: Watched,
    paths: Watched,
    folder_paths: Watched,
}

impl Patterns {
    /// `None` when there are no globs.
    fn new(patterns: &[String]) -> Result<Option<Self>, ScanError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let mut sorted = [(); 4].map(|()| Vec::new());
        for pattern in patterns {
            let refused = |reason: String| ScanError::Glob {
                pattern: pattern.clone(),
                reason,
            };
            let rest = pattern.strip_prefix("./").unwrap_or(pattern);
            let (rest, for_folders) = match rest.strip_suffix('/') {
                Some(rest) => (rest, true),
                None => (rest, false),
            };
            // A leading slash anchors a name to the folder where paths start. Nothing else about the glob changes.
            let for_paths = rest.contains('/');
            let rest = rest.strip_prefix('/').unwrap_or(rest);
            if rest.is_empty() || rest == "." {
                return Err(refused("it names nothing".to_owned()));
            }
            if rest.len() > MAX_PATTERN {
                return Err(refused(format!(
                    "it has {} bytes, more than the {MAX_PATTERN} that are read",
                    rest.len()
                )));
            }
            let glob = GlobBuilder::new(rest).literal_separator(true).build();
            let glob = glob.map_err(|error| refused(error.kind().to_string()))?;
            sorted[usize::from(for_paths) * 2 + usize::from(for_folders)]
                .push((glob, pattern.clone()));
        }
        let refused = |error: globset::Error| ScanError::Glob {
            pattern: patterns.join(" "),
            reason: error.kind().to_string(),
        };
        let [names, folder_names, paths, folder_paths] =
            sorted.map(|globs| Watched::new(globs).map_err(refused));
        Ok(Some(Self {
            names: names?,
            folder_names: folder_names?,
            paths: paths?,
            folder_paths: folder_paths?,
        }))
    }

    fn match_file(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default();
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let by_name = iter::once_with(|| self.names.is_match(name));
        let by_path = iter::once_with(|| self.paths.is_match(path));
        self.any(
            by_name
                .chain(by_path)
                .chain(folder.into_iter().map(|folder| self.match_folder(folder))),
        )
    }

    fn match_folder(&self, path: &Path) -> bool {
        let folders = path
            .ancestors()
            .take_while(|folder| !folder.as_os_str().is_empty());
        self.any(folders.flat_map(|folder| {
            let name = folder.file_name().unwrap_or_default();
            let names = [&self.names, &self.folder_names]
                .into_iter()
                .map(move |globs| globs.is_match(name));
            names.chain(
                [&self.paths, &self.folder_paths]
                    .into_iter()
                    .map(move |globs| globs.is_match(folder)),
            )
        }))
    }

    /// Whether any match is true. Tries them all while a glob is still without a match, so that every match is noted.
    fn any(&self, mut matches: impl Iterator<Item = bool>) -> bool {
        let sets = [
            &self.names,
            &self.folder_names,
            &self.paths,
            &self.folder_paths,
        ];
        match sets.into_iter().all(Watched::is_settled) {
            true => matches.any(|is_match| is_match),
            false => matches.fold(false, |any, is_match| any | is_match),
        }
    }

    fn idle(&self) -> impl Iterator<Item = &str> {
        [
            &self.names,
            &self.folder_names,
            &self.paths,
            &self.folder_paths,
        ]
        .into_iter()
        .flat_map(Watched::idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(include: &[&str], exclude: &[&str], path: &str) -> bool {
        let owned = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|&pattern| pattern.to_owned())
                .collect::<Vec<_>>()
        };
        PathFilter::new(&owned(include), &owned(exclude), None)
            .unwrap()
            .takes(&[Path::new(path)], Path::new("/"))
    }

    #[test]
    fn a_glob_without_a_slash_matches_a_name_at_any_depth() {
        assert!(!takes(&[], &["*.gen.yaml"], "deploy/web.gen.yaml"));
        assert!(!takes(&[], &["charts"], "deploy/charts/web/values.yaml"));
        assert!(takes(&[], &["chart"], "deploy/charts/web/values.yaml"));
        assert!(takes(&["web.yaml"], &[], "deploy/web.yaml"));
        assert!(!takes(&["web.yaml"], &[], "deploy/web.yaml.yaml"));
    }

    #[test]
    fn a_glob_with_a_slash_matches_from_the_begin_of_the_path() {
        for pattern in [
            "deploy/web.yaml",
            "/deploy/web.yaml",
            "./deploy/web.yaml",
            "deploy",
            "/deploy",
            "deploy/",
            "*/web.yaml",
            "**/web.yaml",
            "deploy/**",
        ] {
            assert!(!takes(&[], &[pattern], "deploy/web.yaml"), "{pattern}");
            assert!(takes(&[pattern], &[], "deploy/web.yaml"), "{pattern}");
        }
        for pattern in [
            "deploy/*",
            "/web.yaml",
            "deploy/base/web.yaml/",
            "web.yaml/",
            "base/web.yaml",
        ] {
            assert_eq!(
                takes(&[], &[pattern], "deploy/base/web.yaml"),
                pattern != "deploy/*",
                "{pattern}"
            );
        }
    }

    #[test]
    fn a_star_stays_within_one_name() {
        assert!(takes(&["apps/*/web.yaml"], &[], "apps/shop/web.yaml"));
        assert!(!takes(&["apps/*/web.yaml"], &[], "apps/shop/prod/web.yaml"));
        assert!(takes(&["apps/**/web.yaml"], &[], "apps/shop/prod/web.yaml"));
        assert!(takes(
            &["apps/{shop,pay}/**"],
            &[],
            "apps/pay/prod/web.yaml"
        ));
    }

    #[test]
    fn an_exclusion_wins() {
        assert!(!takes(&["deploy"], &["deploy/old"], "deploy/old/web.yaml"));
        assert!(takes(&["deploy"], &["deploy/old"], "deploy/new/web.yaml"));
    }

    #[test]
    fn any_of_the_paths_may_match() {
        let filter = PathFilter::new(&["base/*.yaml".to_owned()], &[], None).unwrap();
        assert!(filter.takes(
            &[
                Path::new("deploy/base/web.yaml"),
                Path::new("base/web.yaml")
            ],
            Path::new("/")
        ));
        assert!(!filter.takes(&[Path::new("deploy/base/web.yaml")], Path::new("/")));
    }

    #[test]
    fn globs_of_another_folder_begin_there_and_hold_beside_the_others() {
        let globs = Globs {
            include: vec!["deploy".into()],
            exclude: vec!["deploy/old".into()],
            base: "/shop".into(),
        };
        let filter = PathFilter::new(&["*.yaml".to_owned()], &[], Some(&globs)).unwrap();
        for (path, real, taken) in [
            ("web.yaml", "/shop/deploy/web.yaml", true),
            ("web.yml", "/shop/deploy/web.yml", false),
            ("old/web.yaml", "/shop/deploy/old/web.yaml", false),
            ("web.yaml", "/shop/base/web.yaml", false),
            ("deploy/old/web.yaml", "/other/deploy/old/web.yaml", true),
        ] {
            assert_eq!(
                filter.takes(&[Path::new(path)], Path::new(real)),
                taken,
                "{real}"
            );
        }
        assert!(filter.leaves_out_folder(&[Path::new("old")], Path::new("/shop/deploy/old")));
        assert!(!filter.leaves_out_folder(&[Path::new("old")], Path::new("/shop/old")));
    }

    #[test]
    fn a_glob_is_idle_until_it_matches_a_file_or_a_folder() {
        let owned = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|&pattern| pattern.to_owned())
                .collect::<Vec<_>>()
        };
        let other = Globs {
            include: Vec::new(),
            exclude: owned(&["shop/x.yaml", "pay"]),
            base: "/r".into(),
        };
        let exclude = owned(&[
            "old/",
            "./charts/**",
            "web.yaml",
            "deploy/web.yaml",
            "nope",
            "pruned",
            "pruned/**",
            "./pruned/a/b.yaml",
        ]);
        let filter =
            PathFilter::new(&owned(&["*.yaml", "*.json"]), &exclude, Some(&other)).unwrap();
        assert!(filter.leaves_out_folder(&[Path::new("pruned")], Path::new("/r/pruned")));
        for path in [
            "deploy/web.yaml",
            "deploy/api.yaml",
            "a/old/b/c.yaml",
            "shop/x.yaml",
        ] {
            filter.takes(&[Path::new(path)], &Path::new("/r").join(path));
        }
        filter.takes(
            &[Path::new("x/charts/a.yaml"), Path::new("charts/a.yaml")],
            Path::new("/r/x/charts/a.yaml"),
        );
        let idle = filter
            .idle()
            .into_iter()
            .map(|idle| (idle.list, idle.glob, idle.of_other))
            .collect::<Vec<_>>();
        let expected = [
            ("include", "*.json", false),
            ("exclude", "nope", false),
            ("exclude", "pay", true),
        ];
        assert_eq!(
            idle,
            expected.map(|(list, glob, of_other)| (list, glob.to_owned(), of_other))
        );
    }

    #[test]
    fn broken_globs_are_refused_with_their_reason() {
        for pattern in ["", "/", "./", "a[", "{a"] {
            let error = PathFilter::new(&[], &[pattern.to_owned()], None)
                .err()
                .unwrap();
            assert!(
                matches!(error, ScanError::Glob { pattern: ref refused, .. } if refused == pattern),
                "{error}"
            );
        }
    }
}
