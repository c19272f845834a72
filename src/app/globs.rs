//! What is said of globs that match nothing: most often they are misspelt, or a shell has taken them for itself.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::report::{Outcome, Report};
use super::request::FilesRequest;
use crate::engine::selector::{ImageFilter, Selection};
use crate::io::scan::IdleGlob;

/// The characters that make a glob more than a name.
const WILD: [char; 4] = ['*', '?', '[', '{'];

/// One sentence for each glob of a run over files that matched nothing. Globs of the repository's settings are told only where all of its
/// files were looked at: a run over single files says nothing of them.
pub(super) fn idle(
    request: &FilesRequest,
    report: &Report,
    paths: Vec<IdleGlob>,
    current: &Path,
) -> Vec<String> {
    let (expanded, sentences) = expanded(request, current);
    let whole = || whole(request, current);
    // Where nothing was found, a glob that leaves things out cannot be judged.
    let can_be_judged = |idle: &IdleGlob| report.files_seen > 0 || idle.list == "include";
    let paths = paths
        .into_iter()
        .filter(|idle| can_be_judged(idle) && !expanded.contains(&idle.glob.as_str()));
    let paths = paths.filter(|idle| !idle.of_other || whole()).map(|idle| {
        let name = named(idle.list, &idle.glob, idle.of_other);
        match idle.list {
            list if idle.glob.contains(',') && !idle.glob.contains('{') && !idle.of_other => format!(
                "{name} matches nothing: a comma is a part of the glob; give `--{list}` once for each"
            ),
            "include" => {
                format!("{name} matches no manifest; check its spelling, and the folder that it starts from")
            }
            _ => format!(
                "{name} matches nothing here; check its spelling, and the folder that it starts from"
            ),
        }
    });
    let judges_all = || {
        let unnarrowed = request.include.is_empty()
            && request.exclude.is_empty()
            && request.selection == Selection::default()
            && request.kinds.only.is_empty()
            && request.kinds.excluded.is_empty();
        unnarrowed && report.problems.is_empty() && whole()
    };
    let of_repository = |include: bool| match include {
        true => request.images_of_repository.include,
        false => request.images_of_repository.exclude,
    };
    let images =
        idle_images(&request.images, report).filter(|(_, pattern)| !expanded.contains(pattern));
    let images = images.filter(|(include, _)| !of_repository(*include) || judges_all());
    let images =
        images.map(|(include, pattern)| of_image(include, pattern, of_repository(include)));
    let policies = request.kinds.policies.idle().map(|glob| {
        format!(
            "the policy for `{glob}` in the settings chooses for no image; check its `image` and `files`, and the policies before it"
        )
    });
    let policies = policies.filter(|_| report.images().next().is_some() && judges_all());
    sentences
        .into_iter()
        .chain(paths)
        .chain(images)
        .chain(policies)
        .chain(leaving_nothing(report))
        .collect()
}

/// One sentence for each policy whose `allow` and `ignore` leave no tag of any list that was read for it: its images stay on their tags
/// without a word. One that is held says so itself.
pub(super) fn leaving_nothing(report: &Report) -> Vec<String> {
    let mut images: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for image in report.images() {
        let Some((choice, counts)) = (image.choice.as_deref())
            .and_then(|choice| Some((choice, choice.counts.filter(|counts| counts.seen > 0)?)))
            .filter(|_| !matches!(image.outcome, Outcome::Held(_)))
        else {
            continue;
        };
        let first = images.entry(&choice.policy).or_insert(Some(&image.image));
        *first = first.filter(|_| counts.allowed == 0);
    }
    let nothing = images.into_iter().filter_map(|(policy, image)| {
        Some(format!(
            "the policy `{policy}` leaves none of the tags of `{}`; `imago tags` says why",
            image?
        ))
    });
    nothing.collect()
}

/// Whether a run looks at all files of the repository whose settings it has.
pub(super) fn whole(request: &FilesRequest, current: &Path) -> bool {
    request
        .of_repository
        .as_ref()
        .is_some_and(|globs| is_below_one_of(&globs.base, &request.paths, current))
}

/// The same for the images of a cluster.
pub(super) fn idle_for_images(images: &ImageFilter, report: &Report) -> Vec<String> {
    idle_images(images, report)
        .map(|(include, pattern)| of_image(include, pattern, false))
        .collect()
}

/// Where no image was found, no glob for images can be judged.
fn idle_images<'f>(
    images: &'f ImageFilter,
    report: &Report,
) -> impl Iterator<Item = (bool, &'f str)> {
    let found = report.images().next().is_some();
    images.idle().filter(move |_| found)
}

fn of_image(include: bool, pattern: &str, of_repository: bool) -> String {
    let name = named(
        if include {
            "include-image"
        } else {
            "exclude-image"
        },
        pattern,
        of_repository,
    );
    match pattern.contains(WILD) {
        true => format!(
            "{name} matches no image; a glob is compared with the whole name, without tag and digest"
        ),
        false => format!(
            "{name} matches no image, because no image has this whole name; write `*{pattern}*` for a part of one"
        ),
    }
}

/// A glob as it was given.
fn named(list: &str, glob: &str, of_repository: bool) -> String {
    match of_repository {
        true => format!("`{list}: {glob}` of the settings"),
        false => format!("`--{list} {glob}`"),
    }
}

/// The values of flags that seem to be what a shell made of an unquoted glob, and a sentence for each: `--include deploy/**` comes as
/// `--include deploy/api.yaml deploy/web.yaml`.
fn expanded<'r>(request: &'r FilesRequest, current: &Path) -> (Vec<&'r str>, Vec<String>) {
    let of_repository = request.images_of_repository;
    let images = request.images.idle().filter(|(include, _)| match include {
        true => !of_repository.include,
        false => !of_repository.exclude,
    });
    let images = images.map(|(include, pattern)| {
        (
            if include {
                "--include-image"
            } else {
                "--exclude-image"
            },
            pattern,
        )
    });
    let given = |flag: &'static str, globs: &'r [String]| {
        globs.iter().map(move |glob| (flag, glob.as_str()))
    };
    let paths = given("--include", &request.include).chain(given("--exclude", &request.exclude));
    let is_file = |path: &Path| current.join(path).is_file();
    let is_beside =
        |glob: &Path, path: &Path| path != glob && path.parent() == glob.parent() && is_file(path);
    let found = paths.chain(images).filter_map(|(flag, glob)| {
        let path = plain(Path::new(glob));
        let is_one = !glob.contains(WILD) && is_file(&path) && request.paths.iter().any(|named| is_beside(&path, &plain(named)));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let pattern = folder.map_or_else(|| "**".to_owned(), |folder| format!("{}/**", folder.display()));
        is_one.then(|| {
            let quote = format!("put the pattern in quotes, such as `{flag} '{pattern}'`");
            (glob, format!("`{flag} {glob}` is followed by files beside it, as if a shell had expanded a pattern; {quote}"))
        })
    });
    found.unzip()
}

fn plain(path: &Path) -> PathBuf {
    path.components()
        .filter(|component| *component != Component::CurDir)
        .collect()
}

/// Whether a folder without links is, or is below, one of those that were named.
fn is_below_one_of(folder: &Path, named: &[PathBuf], current: &Path) -> bool {
    named.iter().any(|named| {
        current
            .join(named)
            .canonicalize()
            .is_ok_and(|named| folder.starts_with(named))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_for_images_says_how_to_write_a_part_of_a_name() {
        let part = "`--exclude-image team-0` matches no image, because no image has this whole name; write `*team-0*` for a part of one";
        assert_eq!(of_image(false, "team-0", false), part);
        let whole = "`include-image: team-0/*` of the settings matches no image; a glob is compared with the whole name, without tag and digest";
        assert_eq!(of_image(true, "team-0/*", true), whole);
    }

    #[test]
    fn a_folder_is_scanned_by_itself_and_by_those_above() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("a")).unwrap();
        for (named, whole) in [
            (".", true),
            ("a", false),
            ("a/..", true),
            ("..", true),
            ("nope", false),
        ] {
            assert_eq!(
                is_below_one_of(&root, &[PathBuf::from(named)], &root),
                whole,
                "{named}"
            );
        }
    }
}
