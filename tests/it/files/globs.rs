//! The warning for globs that match nothing, and when there is none.

use std::fs;

use super::{LOCK, deployment};
use crate::support::binary::Workplace;

/// A repository with a workload in each of three folders.
fn place(settings: &str) -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    place.write("imago.lock", LOCK);
    place.write(".imago.yaml", format!("lock: imago.lock\n{settings}"));
    for file in [
        "api.yaml",
        "deploy/api.yaml",
        "deploy/web.yaml",
        "old/web.yaml",
    ] {
        place.write(file, deployment("registry.example.test/web:1.4"));
    }
    place
}

/// The warnings of a run, as text and as JSON alike.
fn warnings(place: &Workplace, folder: &str, line: &str) -> Vec<String> {
    let run = |more: &str| {
        let line = format!("files --offline {line} {more}");
        place
            .imago(line.split_whitespace())
            .folder(&place.path().join(folder))
            .finish_with(0)
    };
    let text = run("");
    // Notes stand with what was found.
    let notes = text
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("note: "));
    let notes: String = notes.map(|note| format!("warning: {note}\n")).collect();
    let stderr = text.stderr + &notes;
    let json = run("--output json").json();
    let json: Vec<String> = json["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| text.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        stderr,
        json.iter()
            .map(|warning| format!("warning: {warning}\n"))
            .collect::<String>(),
        "{line}"
    );
    let (markdown, github) = (
        run("--output markdown").stdout.replace("&#96;", "`"),
        run("--output github").stdout,
    );
    for warning in &json {
        assert!(
            markdown.contains(warning) && github.contains(warning),
            "{line}: {markdown}\n{github}"
        );
    }
    json
}

#[test]
fn a_flag_with_a_glob_that_matches_nothing_is_told() {
    let place = place("");
    for (line, said) in [
        (
            "--exclude nope/**",
            "`--exclude nope/**` matches nothing here",
        ),
        (
            "--exclude old --exclude ./nope.yaml",
            "`--exclude ./nope.yaml` matches nothing here",
        ),
        (
            "--include deploy --include nope/",
            "`--include nope/` matches no manifest",
        ),
        (
            "--include old --include deploy --exclude old",
            "`--include old` matches no manifest",
        ),
        (
            "--exclude-image team-0",
            "`--exclude-image team-0` matches no image, because no image has this whole name; write `*team-0*`",
        ),
        (
            "--exclude-image web",
            "`--exclude-image web` matches no image",
        ),
        (
            "--exclude-image registry.example.com/*",
            "`--exclude-image registry.example.com/*` matches no image; a glob is compared",
        ),
        (
            "--include-image *web --include-image team-0/*",
            "`--include-image team-0/*` matches no image",
        ),
        (
            "--restore --exclude-image team-0",
            "`--exclude-image team-0` matches no image",
        ),
        (
            "--exclude old,deploy",
            "`--exclude old,deploy` matches nothing: a comma is a part of the glob; give `--exclude` once for each",
        ),
        (
            "--exclude nope deploy/web.yaml",
            "`--exclude nope` matches nothing here",
        ),
    ] {
        let warnings = warnings(&place, ".", line);
        assert!(
            warnings.len() == 1 && warnings[0].starts_with(said),
            "{line}: {warnings:?}"
        );
    }
    let both = warnings(&place, ".", "--include nope");
    assert!(
        both[0].starts_with("`--include nope` matches no manifest")
            && both[1].starts_with("no image was checked"),
        "{both:?}"
    );
}

#[test]
fn a_glob_that_matches_is_not_told() {
    let place = place("");
    for line in [
        "--exclude old",
        "--exclude old/ --exclude old --exclude /old --exclude old/web.yaml",
        "--exclude **/web.yaml --exclude deploy/web.yaml --exclude web.yaml",
        "--include *.yaml --include deploy --include deploy/** --include deploy/web.yaml",
        "--include deploy --exclude old",
        "--include api.yaml deploy",
        "--include-image *web --include-image registry.example.test/web --include-image registry.example.test/*",
    ] {
        assert_eq!(warnings(&place, ".", line), [""; 0], "{line}");
    }
    place.write(
        "b.yaml",
        deployment("registry.example.test/b:1 # imago: ignore"),
    );
    assert_eq!(
        warnings(&place, ".", "--exclude-image *test/b"),
        [""; 0],
        "a mark leaves it out before the glob does"
    );
}

#[test]
fn globs_of_the_settings_are_told_where_the_whole_repository_was_looked_at() {
    let idle =
        place("exclude: [old, nope/**]\ninclude: ['*.yaml', '*.yml']\nexclude-image: [team-0]\n");
    for (folder, line) in [(".", ""), ("deploy", ".."), (".", "deploy .")] {
        let warnings = warnings(&idle, folder, line);
        let said = [
            "`include: *.yml` of the settings matches no manifest",
            "`exclude: nope/**` of the settings matches nothing here",
            "`exclude-image: team-0` of the settings matches no image",
        ];
        assert_eq!(warnings.len(), said.len(), "{folder} {line}: {warnings:?}");
        assert!(
            warnings
                .iter()
                .zip(said)
                .all(|(warning, said)| warning.starts_with(said)),
            "{folder} {line}: {warnings:?}"
        );
    }
    for (folder, line) in [
        (".", "deploy/web.yaml"),
        (".", "deploy"),
        ("deploy", ""),
        ("deploy", "web.yaml api.yaml"),
        (".", "api.yaml deploy"),
    ] {
        assert_eq!(warnings(&idle, folder, line), [""; 0], "{folder} {line}");
    }
    let used =
        place("exclude: [old/, deploy/api.yaml]\ninclude: ['*.yaml']\ninclude-image: ['*/web']\n");
    assert_eq!(warnings(&used, ".", ""), [""; 0]);
    let selected = place("exclude-image: [team-0]\n");
    for line in ["-x pay", "--exclude old"] {
        assert_eq!(
            warnings(&selected, ".", line),
            [""; 0],
            "the images of a part say nothing of the rest: {line}"
        );
    }
}

#[test]
fn a_pattern_that_a_shell_has_expanded_is_told() {
    let place = place("");
    for (line, pattern) in [
        (
            "--include deploy/api.yaml deploy/web.yaml",
            "`--include 'deploy/**'`",
        ),
        (
            "--exclude deploy/api.yaml ./deploy/web.yaml old",
            "`--exclude 'deploy/**'`",
        ),
        (
            "--include-image api.yaml imago.lock deploy/web.yaml",
            "`--include-image '**'`",
        ),
    ] {
        let warnings = warnings(&place, ".", line);
        let said = "is followed by files beside it, as if a shell had expanded a pattern; put the pattern in quotes, such as ";
        assert!(
            warnings[0].ends_with(&format!("{said}{pattern}")),
            "{line}: {warnings:?}"
        );
        assert!(
            warnings[1..]
                .iter()
                .all(|warning| warning.starts_with("no image was checked")
                    || *warning == "no object with images is in `imago.lock`"),
            "{line}: {warnings:?}"
        );
    }
}

#[test]
fn globs_over_the_files_of_a_commit_are_told_alike() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    place.write(
        "deploy/web.yaml",
        deployment("registry.example.test/web:1.4"),
    );
    let git = |line: &str| place.program("git", line.split_whitespace()).finish_with(0);
    git("init -q");
    git("add .");
    git("-c user.name=Ada -c user.email=ada@example.test commit -qm first");
    let line = "files --update --offline --branch imago/update --author Ada<ada@example.test> --exclude nope --exclude";
    let said = place
        .imago(line.split(' ').chain(["old.yaml"]))
        .finish()
        .stderr;
    for glob in ["nope", "old.yaml"] {
        assert_eq!(
            said.matches(&format!("`--exclude {glob}` matches nothing here"))
                .count(),
            1,
            "{said}"
        );
    }
}
