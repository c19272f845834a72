//! `imago files -` and `imago images -`: what another program prints is looked at as a file is, and never written.

use serde_json::json;

use crate::support::binary::{Finished, Workplace};
use crate::support::programs;

const OLD: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";
const NEW: &str = "sha256:2222222222222222222222222222222222222222222222222222222222222222";

/// A folder with a lock that knows one tag.
fn shop() -> Workplace {
    let place = Workplace::new();
    let entry = format!("\"registry.example.test/web:1.4\":\"{NEW}\"");
    place.write(
        "imago.lock",
        format!("{{\"version\":1,\"images\":{{\n{entry}\n}}}}\n"),
    );
    place
}

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
    )
}

/// What `kustomize build` may print: an object without images, and one with them.
fn stream(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings}}\ndata:\n  text: |\n    {{{{ .Values.notHelm }}}}\n---\n{}",
        deployment(image)
    )
}

fn web(digest: &str) -> String {
    stream(&format!("registry.example.test/web:1.4{digest}"))
}

fn imago(place: &Workplace, line: &str, input: impl AsRef<[u8]>, code: i32) -> Finished {
    place.imago(line.split(' ')).input(input).finish_with(code)
}

#[test]
fn a_stream_is_reported_and_checked_with_its_own_lines() {
    let place = shop();
    let before = place.files();
    let line = "<stdin>:17  app  registry.example.test/web:1.4 -> sha256:222222222222\n1 image in standard input has to be updated\n";
    assert_eq!(imago(&place, "files - --offline", web(""), 0).stdout, line);
    let check = "files --check --offline -";
    assert_eq!(imago(&place, check, web(""), 1).stdout, line);
    let pinned = format!("@{NEW}");
    let track = "files - --check --offline --track tag";
    let finished = imago(&place, track, web(&pinned), 0);
    assert_eq!(
        finished.stdout,
        "the image in standard input is up to date\n"
    );
    assert_eq!(finished.stderr, "");
    let old = format!("@{OLD}");
    imago(&place, track, web(&old), 1);
    assert_eq!(place.files(), before);
}

#[test]
fn every_form_of_the_report_takes_a_stream() {
    let place = shop();
    let report = imago(&place, "files - --check --offline -o json", web(""), 1).json();
    assert_eq!(report["mode"], "files");
    assert_eq!(report["objects"][0]["file"], "<stdin>");
    assert_eq!(report["objects"][0]["images"][0]["line"], 17);
    assert_eq!(report["files_changed"], json!([]));
    // A service that marks lines has no such file.
    let annotations = imago(&place, "files - --check --offline -o github", web(""), 1).stdout;
    let expected = "::error title=Outdated image::Deployment/web, container `app`: `registry.example.test/web:1.4` has to be updated to `sha256:222222222222`%0Aline 17 of standard input\n";
    assert_eq!(annotations, expected);
    let sarif = imago(&place, "files - --check --offline -o sarif", web(""), 1).stdout;
    let sarif: serde_json::Value = serde_json::from_str(&sarif).unwrap();
    let location = &sarif["runs"][0]["results"][0]["locations"][0];
    assert_eq!(
        location,
        &json!({"logicalLocations": [{"fullyQualifiedName": "Deployment/web/app"}]})
    );
    let markdown = imago(&place, "files - --offline -o markdown", web(""), 0).stdout;
    assert!(
        markdown.contains("| <code>&#60;stdin&#62;&#58;17</code> `Deployment/web` | `app` |"),
        "{markdown}"
    );
    let list = imago(&place, "images - -o csv", web(""), 0).stdout;
    assert!(list.contains("\r\n<stdin>,17,"), "{list}");
    let table = imago(&place, "images -", web(""), 0);
    assert!(
        table.stdout.contains("\n<stdin>:17  Deployment/web  app "),
        "{table:?}"
    );
    assert_eq!(table.stderr, "1 image in standard input: 1 unpinned\n");
}

#[test]
fn what_writes_or_chooses_files_does_not_go_with_a_stream() {
    let place = shop();
    for (line, what) in [
        ("files --update -", "`--update` changes files"),
        ("files - --restore", "`--restore` changes files"),
        ("files - --diff", "`--diff` changes files"),
        ("files - --update --dry-run", "`--update` changes files"),
        ("files - --update --commit", "`--update` changes files"),
        ("files - --commit", "`--commit` changes files"),
        ("files - --branch x", "`--branch` changes files"),
        ("files - --push", "`--push` changes files"),
        ("files - --include *.yaml", "`--include` chooses files"),
        ("images - --exclude x", "`--exclude` chooses files"),
        ("files - deploy", "`-` is standard input, and no other path"),
        ("files - -", "`-` is standard input, and no other path"),
        (
            "images -A -",
            "`--all-namespaces` names a cluster, and the path `-` is for files",
        ),
    ] {
        let finished = imago(&place, line, web(""), 2);
        assert!(
            finished.stderr.starts_with(&format!("error: {what}")),
            "{line}: {}",
            finished.stderr
        );
        assert!(finished.stderr.contains("\n  hint: "), "{line}");
    }
    let implied = imago(&place, "--check -", web(""), 2);
    assert!(
        implied.stderr.contains("hint: run `imago files -`"),
        "{implied:?}"
    );
    place.write("-", deployment("registry.example.test/web:1.4"));
    let named = imago(&place, "files ./- --offline", "", 0);
    assert!(named.stdout.starts_with("-:10  app "), "{named:?}");
}

#[test]
fn what_is_no_stream_of_manifests_says_so() {
    let place = shop();
    let empty = imago(&place, "files - --check --offline", "", 0);
    assert_eq!(empty.stdout, "no image in standard input\n");
    let warning = "warning: no image was checked: no object with images is in standard input; look at what the program before the pipe prints\n";
    assert_eq!(empty.stderr, warning);
    imago(&place, "files - --check --offline --fail-on-empty", "", 2);
    for (input, first) in [
        (
            &b"Error: chart: not found: {\n"[..],
            "error: cannot read standard input\n  in <stdin>:",
        ),
        (
            b"apiVersion: apps/v1\nkind: Deployment\nspec: {{ .Values.spec }}: x\n",
            "error: cannot read standard input\n  in <stdin>:3\n",
        ),
        (
            b"a\xff\n",
            "error: cannot read standard input\n  in <stdin>:1\n  cause: the byte 0xFF",
        ),
        (
            b"\x00\x01",
            "error: cannot read standard input\n  in <stdin>\n  cause: it is UTF-16",
        ),
    ] {
        let finished = imago(&place, "files - --check --offline", input, 3);
        assert!(finished.stderr.starts_with(first), "{}", finished.stderr);
        assert!(
            !finished.stderr.contains("--exclude"),
            "{}",
            finished.stderr
        );
    }
    let huge = vec![b'#'; 16 * 1024 * 1024 + 1];
    let finished = imago(&place, "images -", huge, 3);
    assert_eq!(
        finished.stderr,
        "error: cannot read standard input\n  in <stdin>\n  cause: it has more than the 16777216 bytes that are read\n  hint: write it to several files, and name their folder\ndocs: https://github.com/OWNER/imago/blob/v0.1.0/docs/codes.md#too-large\nno image in standard input; 1 problem\n"
    );
}

#[test]
fn a_stream_is_only_looked_at_so_what_cannot_be_edited_is_no_problem() {
    let place = shop();
    let text = deployment("&image registry.example.test/web:1.4\n        args: [*image]");
    place.write("web.yaml", &text);
    let file = imago(&place, "files --check --offline web.yaml", "", 3);
    assert!(file.stderr.contains("cannot edit"), "{file:?}");
    imago(&place, "files --check --offline -", &text, 1);
}

#[test]
fn a_closed_pipe_and_a_folder_are_told_like_any_other_end() {
    let Some(bash) = programs::find("bash") else {
        return;
    };
    let place = shop();
    let run = |script: &str| {
        let script = format!("{} {script}", env!("CARGO_BIN_EXE_imago"));
        place.program(&bash, ["-c", &script]).finish()
    };
    let closed = run("files - --offline <&-");
    assert_eq!(
        (closed.code, closed.stdout.as_str()),
        (0, "no image in standard input\n")
    );
    let folder = run("files - --offline <.");
    assert_eq!(folder.code, 3);
    assert!(
        folder.stderr.contains("cause: it is a folder"),
        "{folder:?}"
    );
    // More than a pipe holds, so that the end of the reader is seen.
    place.write("web.yaml", format!("{}---\n", web("")).repeat(1000));
    let broken = run("images - <web.yaml | true; exit ${PIPESTATUS[0]}");
    assert_eq!(broken.code, 0, "{broken:?}");
    assert_eq!(
        broken.stderr,
        "1000 images in standard input: 1000 unpinned\n"
    );
}

#[test]
fn the_settings_of_the_current_folder_hold_for_a_stream() {
    let place = shop();
    place.write(
        ".imago.yaml",
        "exclude: [gen/**]\nexclude-image: ['*/web']\n",
    );
    let finished = imago(&place, "files - --check --offline", web(""), 0);
    assert!(finished.stdout.contains("1 image ignored"), "{finished:?}");
}

#[test]
fn no_kustomization_reaches_what_is_built() {
    let place = shop();
    std::fs::create_dir(place.path().join(".git")).unwrap();
    place.write(
        "kustomization.yaml",
        "resources: [web.yaml]\nimages: [{name: registry.example.test/web, newTag: '2'}]\n",
    );
    place.write("web.yaml", deployment("registry.example.test/web:1.4"));
    let file = imago(&place, "images web.yaml", "", 0);
    assert!(file.stdout.contains("decided-by"), "{file:?}");
    let stream = imago(&place, "images -", web(""), 0);
    assert!(stream.stdout.contains("unpinned"), "{stream:?}");
}
