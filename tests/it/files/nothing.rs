//! The messages for a run that checks no image, and `--fail-on-empty`.

use super::{LOCK, deployment};
use crate::support::binary::{Finished, Workplace};

const IMAGE: &str = "registry.example.test/web:1.4";

fn place(files: &[(&str, &str)]) -> Workplace {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    for (name, text) in files {
        place.write(name, text);
    }
    place
}

fn imago(place: &Workplace, line: &str, code: i32) -> Finished {
    place
        .imago(format!("files --offline {line}").split_whitespace())
        .finish_with(code)
}

/// A way to check nothing: the files, the flags, and the expected warnings.
type Way = (Vec<(&'static str, String)>, &'static str, Vec<&'static str>);

fn ways() -> Vec<Way> {
    let web = || deployment(IMAGE);
    let ignored = web().replace(
        "  name: web",
        "  name: web\n  annotations: {imago/ignore: \"true\"}",
    );
    let chart = || {
        vec![
            ("web/Chart.yaml", "name: web\n".to_owned()),
            ("web/templates/web.yaml", "kind: {{ .x }}\n".to_owned()),
        ]
    };
    let lower = "kind: deployment\napiVersion: apps/v1\nspec: {}\n".to_owned();
    let listed =
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: batch/v1, kind: Cronjob}\n".to_owned();
    let singular = web().replace("containers:", "container:");
    vec![
        (
            vec![],
            "",
            vec!["no manifest was found (*.yaml, *.yml, *.json)"],
        ),
        (
            vec![("a.txt", "x".to_owned())],
            ".",
            vec!["no manifest was found (*.yaml, *.yml, *.json)"],
        ),
        (
            vec![("web.yaml", web())],
            "--exclude *.yaml",
            vec!["passes `include` and `exclude`"],
        ),
        (
            vec![("web.yaml", web())],
            "--include web.yaml --exclude web.yaml",
            vec!["passes `include` and `exclude`"],
        ),
        (
            vec![("web.yaml", web())],
            "-n nope",
            vec!["1 object is without a namespace, which `-n` does not take"],
        ),
        (
            vec![("web.yaml", web())],
            "-l app=nope",
            vec!["`-f` and the kinds take none of 1 object"],
        ),
        (
            vec![("web.yaml", web())],
            "-f metadata.name=nope",
            vec!["`-f` and the kinds take none of 1 object"],
        ),
        (
            vec![("web.yaml", web())],
            "--exclude-image *",
            vec!["1 image in 1 object is left out"],
        ),
        (
            vec![("web.yaml", ignored)],
            "",
            vec!["1 image in 1 object is left out"],
        ),
        (
            vec![("web.yaml", deployment("${IMAGE}"))],
            "",
            vec!["1 image in 1 object is not an image yet"],
        ),
        (
            vec![(
                "web.yaml",
                deployment(&format!("web:1@sha256:{}", "0".repeat(64))),
            )],
            "",
            vec!["1 image in 1 object is on a fixed digest; `--track tag` follows"],
        ),
        (chart(), "web/templates", vec!["every file is a template"]),
        (
            vec![(
                "release.yaml",
                "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: {image: web}\n"
                    .to_owned(),
            )],
            "",
            vec!["imago edits none of what is in 1 file: 1 Prometheus"],
        ),
        (
            vec![("pod.yaml", "apiVersion: v1\nkind: Pod\n".to_owned())],
            "",
            vec!["no object with images is in 1 file"],
        ),
        (
            vec![
                (".git/config", String::new()),
                ("base/web.yaml", web()),
                (
                    "base/kustomization.yaml",
                    "resources: [web.yaml]\n".to_owned(),
                ),
                (
                    "prod/kustomization.yaml",
                    format!(
                        "resources: [../base]\nimages:\n- {{name: {}, newTag: \"2\"}}\n",
                        IMAGE.rsplit_once(':').unwrap().0
                    ),
                ),
            ],
            "base",
            vec!["1 image in 1 object is decided by a kustomization; name its folder, too"],
        ),
        (
            vec![("values.yaml", "image: web\n".to_owned())],
            "",
            vec!["no object with images is in 1 file"],
        ),
        (
            vec![("web.yaml", lower)],
            "",
            vec![
                "`web.yaml` has a Deployment whose kind is in other letters",
                "no image was checked",
            ],
        ),
        (
            vec![("l.yaml", listed)],
            "",
            vec![
                "`l.yaml` has a CronJob whose kind is in other letters",
                "no image was checked",
            ],
        ),
        (
            vec![("web.yaml", singular)],
            "",
            vec![
                "`web.yaml` has a pod template with `containers` misspelt",
                "no image is in 1 object",
            ],
        ),
    ]
}

#[test]
fn each_way_to_check_nothing_is_told_in_every_form() {
    for (files, flags, said) in ways() {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let place = place(&files);
        let text = imago(&place, flags, 0).stderr;
        assert_eq!(
            text.matches("no image was checked: ").count(),
            1,
            "{flags}: {text}"
        );
        let json =
            imago(&place, &format!("{flags} --output json"), 0).json()["warnings"].to_string();
        let markdown = imago(&place, &format!("{flags} --output markdown"), 0).stdout;
        let github = imago(&place, &format!("{flags} --output github"), 0).stdout;
        for said in said {
            let lines = text
                .lines()
                .filter(|line| line.starts_with("warning: ") && line.contains(said))
                .count();
            assert_eq!(lines, 1, "{flags}: {text}");
            assert!(
                json.contains(said) && markdown.contains(said),
                "{flags}: {json}\n{markdown}"
            );
            assert!(
                github.contains("::warning ") && github.contains(said),
                "{flags}: {github}"
            );
        }
    }
}

#[test]
fn a_run_that_has_to_check_something_and_does_not_could_not_run() {
    for (files, flags, _) in ways() {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let place = place(&files);
        let before = place.files();
        for action in ["", "--check", "--update", "--restore"] {
            let flags = format!("{flags} --fail-on-empty {action}");
            let said = imago(&place, &flags, 2).stderr;
            assert!(
                said.contains(
                    "error: no image was checked, which `--fail-on-empty` does not allow\n  hint: "
                ),
                "{said}"
            );
        }
        let marked = imago(
            &place,
            &format!("{flags} --fail-on-empty --output github"),
            2,
        )
        .stdout;
        assert!(
            marked.starts_with("::error ") && marked.contains("no image was checked"),
            "{marked}"
        );
        assert_eq!(place.files(), before, "{flags}");
    }
}

#[test]
fn a_run_that_checks_an_image_says_nothing_and_is_not_failed() {
    let web = deployment(IMAGE);
    let place = place(&[
        ("web.yaml", &web),
        ("pod.yaml", "apiVersion: v1\nkind: Pod\n"),
        ("other.yaml", "kind: deployment\n"),
    ]);
    let next = "next: `imago files --update --offline";
    for (flags, code, said) in [
        ("", 0, String::new()),
        ("--fail-on-empty", 0, String::new()),
        ("--fail-on-empty --check", 1, format!("{next}`\n")),
        (
            "--fail-on-empty --check web.yaml",
            1,
            format!("{next} web.yaml`\n"),
        ),
    ] {
        assert_eq!(imago(&place, flags, code).stderr, said, "{flags}");
    }
    // The correct objects beside the mistake are checked, and so is one that has it. The mistake is reported.
    place.write("slip.yaml", web.replace("apps/v1", "v1"));
    let told = imago(&place, "--check slip.yaml", 1).stderr;
    assert!(
        told.starts_with("warning: `slip.yaml` has a Deployment of an unknown version"),
        "{told}"
    );
    place.write(
        "slip.yaml",
        "apiVersion: apps/v1\nkind: daemonset\n---\n".to_owned() + &web,
    );
    let said = imago(&place, "--fail-on-empty", 0).stderr;
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.starts_with("warning: `slip.yaml` has a DaemonSet whose kind is in other letters"),
        "{said}"
    );
}

#[test]
fn exit_code_2_of_an_empty_run_comes_before_3() {
    let place = place(&[("web.yaml", "apiVersion: apps/v1\nkind: Deployment\na: [\n")]);
    assert!(!imago(&place, "", 3).stderr.contains("no image was checked"));
    assert!(
        imago(&place, "--fail-on-empty", 2)
            .stderr
            .contains("error: no image was checked")
    );
}

#[test]
fn a_patch_without_containers_is_no_slip() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {nodeSelector: {a: b}}}}\n";
    let place = place(&[("patch.yaml", patch), ("web.yaml", &deployment(IMAGE))]);
    assert_eq!(imago(&place, "", 0).stderr, "");
}

#[test]
fn a_lock_is_not_emptied_by_a_run_that_finds_nothing() {
    let place = place(&[("values.yaml", "image: web\n")]);
    let before = place.files();
    place
        .imago(["files", "--update", "--lock-prune", "--fail-on-empty"])
        .finish_with(2);
    assert_eq!(place.files(), before);
    place
        .imago(["files", "--update", "--lock-prune"])
        .finish_with(0);
    assert_ne!(place.files(), before, "without the flag the lock is pruned");
}

#[test]
fn a_file_that_was_named_says_why_nothing_is_checked_in_it() {
    let web = deployment(IMAGE);
    let place = place(&[
        ("web.yaml", &web),
        ("apps/web.yaml", &web),
        ("apps/broken.yaml", "foo: [1\n"),
        ("apps/other.yaml", "foo: 1\n"),
        ("apps/more.yaml", "foo: 2\n"),
    ]);
    let broken = "warning: nothing was checked in `apps/broken.yaml`, which is not YAML: line 1: ";
    let note = "note: no object with images is in `apps/other.yaml`";
    for (paths, warned, noted) in [
        ("apps/broken.yaml", true, ""),
        ("./apps//broken.yaml web.yaml", true, ""),
        ("apps apps/broken.yaml", true, ""),
        ("web.yaml apps/other.yaml", false, note),
        (
            "web.yaml apps/more.yaml apps/other.yaml",
            false,
            "note: no object with images is in `apps/more.yaml` and 1 more of the named files\n",
        ),
        ("apps/other.yaml", false, ""),
        ("apps", false, ""),
        ("", false, ""),
    ] {
        let Finished { stdout, stderr, .. } = imago(&place, paths, 0);
        assert_eq!(stderr.contains(broken), warned, "{paths}: {stderr}");
        assert_eq!(
            stdout.contains("note: "),
            !noted.is_empty(),
            "{paths}: {stdout}"
        );
        assert!(stdout.contains(noted), "{paths}: {stdout}");
    }
}
