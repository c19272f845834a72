//! What a user sees of the binary: its messages, streams and exit codes. Digests come from a lock, so that no registry is asked.

use crate::support::binary::{Finished, Workplace};
use crate::support::programs;
use crate::support::registry::TestRegistry;

const WEB: &str = "\
# the front door
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  annotations:
    owner: ada
spec:
  template:
    spec:
      containers:
      - name: app
        image: registry.example.test/web:1.4   # keep me
      - name: proxy
        image: registry.example.test/proxy@sha256:2222222222222222222222222222222222222222222222222222222222222222
";

fn new_image() -> String {
    format!("registry.example.test/web:1.4@sha256:{}", "1".repeat(64))
}

/// A folder with one workload among two files, and a lock that knows its image.
fn shop() -> Workplace {
    let place = Workplace::new();
    place.write("deploy/web.yaml", WEB);
    place.write(
        "deploy/names.yaml",
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
    );
    place.write(
        "imago.lock",
        format!("{{\"version\":1,\"images\":{{\n\"registry.example.test/web:1.4\":\"sha256:{}\"\n}}}}\n", "1".repeat(64)),
    );
    place
}

fn imago(place: &Workplace, line: &str, code: i32) -> Finished {
    place.imago(line.split(' ')).finish_with(code)
}

#[test]
fn a_mistake_on_the_command_line_is_exit_2_and_changes_nothing() {
    let place = shop();
    for (line, first) in [
        (
            "deploy",
            "error: `deploy` is not a command\n  hint: run `imago files deploy`",
        ),
        ("--update", "error: cannot find the cluster\n  cause: "),
        (
            "--diff",
            "error: `--diff` is a flag for files, and without a command the cluster is meant\n  hint: run `imago files --diff`",
        ),
        (
            "files --update --restore",
            "error: `--update` and `--restore` exclude each other\n  hint: ",
        ),
        (
            "files --dry-run",
            "error: `--dry-run` needs an action\n  hint: ",
        ),
        (
            "files --concurrency 0",
            "error: `--concurrency <N>` cannot be `0`\n  hint: it takes a whole number from 1 to 1024\n",
        ),
        (
            "files --output",
            "error: `--output <FORMAT>` needs a value\n  hint: it is one of `text`",
        ),
        (
            "files --check --check",
            "error: `--check` is given twice\n  hint: give it once\n",
        ),
        (
            "files --no-config --config x",
            "error: `--no-config` and `--config <FILE>` exclude each other\n  hint: leave one of them out\n",
        ),
        (
            "files --update=yes",
            "error: `--update` takes no value\n  hint: write `--update` alone\n",
        ),
        (
            "completions",
            "error: `imago completions` needs `<SHELL>`\n  hint: `imago completions --help` has",
        ),
        (
            "flies",
            "error: `flies` is not a command\n  hint: did you mean `files`? `imago --help` has all commands\n",
        ),
        (
            "files --updte",
            "error: `--updte` is not a flag of `imago files`\n  hint: did you mean `--update`? `imago files --help` has all of its flags\n",
        ),
        (
            "files --output yml",
            "error: `--output <FORMAT>` cannot be `yml`\n  hint: it is one of `text`, `json`, `github`, `sarif`, `markdown`\n",
        ),
        (
            "files -n a -x b",
            "error: `--namespace` and `--exclude-namespace` exclude each other\n  hint: ",
        ),
        ("files -l a=(", "error: `--selector a=(` cannot be read: "),
        (
            "files nowhere",
            "error: there is no file or folder `nowhere`\n  hint: check the spelling",
        ),
        (
            "files update deploy",
            "error: there is no file or folder `update`\n  hint: did you mean `--update`?\n",
        ),
        (
            "files depoly",
            "error: there is no file or folder `depoly`\n  hint: did you mean `deploy`?\n",
        ),
        (
            "digest",
            "error: `imago digest` needs `<IMAGE>...`\n  hint: `imago digest --help` has all of its flags\n",
        ),
    ] {
        let finished = imago(&place, line, 2);
        assert!(
            finished.stderr.starts_with(first),
            "{line}: {}",
            finished.stderr
        );
        assert_eq!(finished.stdout, "", "{line}");
    }
    assert_eq!(place.files(), shop().files());
}

#[test]
fn a_second_restore_counts_the_images_that_stay_as_the_first_did() {
    let place = shop();
    let update = || imago(&place, "files --offline --update deploy", 0);
    update();
    let file = || String::from_utf8(place.files()["deploy/web.yaml"].clone()).unwrap();
    // By hand: another tag beside the digest, a container that was never recorded, and the digest that is written in an overlay.
    let moved = file().replace(
        "image: registry.example.test/web:1.4@",
        "image: registry.example.test/web:1.5@",
    );
    let added = "      - name: new\n        image: registry.example.test/new:1\n";
    place.write("deploy/web.yaml", moved + added);
    place.write(
        "deploy/kustomization.yaml",
        format!(
            "resources: [web.yaml]\nimages: [{{name: a, newTag: \"1@sha256:{}\"}}]\n",
            "3".repeat(64)
        ),
    );
    let stays = "; 3 images left with a digest (`-v` says why)\n";
    for first in [
        "restored no image, and removed the record in 1 of 3 files",
        "nothing to restore in 3 files",
    ] {
        let said = imago(&place, "files --restore deploy", 0).stdout;
        assert!(said.ends_with(&format!("{first}{stays}")), "{said}");
    }
}

#[test]
fn without_a_command_the_cluster_is_meant_and_the_help_is_a_result() {
    let place = Workplace::new();
    let finished = place.imago([] as [&str; 0]).finish_with(2);
    assert!(
        finished.stderr.contains("`imago files`") && finished.stdout.is_empty(),
        "{finished:?}"
    );
    assert!(imago(&place, "--help", 0).stdout.contains("Usage: imago"));
    assert_eq!(
        imago(&place, "--version", 0).stdout,
        format!("imago {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_look_says_what_has_to_be_updated_and_writes_nothing() {
    let place = shop();
    let expected = "\
deploy/web.yaml:13  app  registry.example.test/web:1.4 -> sha256:111111111111
1 image in 1 of 2 files has to be updated; 1 image with a fixed digest
";
    for (line, code, next) in [
        ("files --offline deploy", 0, ""),
        (
            "files --offline --check deploy",
            1,
            "next: `imago files --update --offline deploy`\n",
        ),
    ] {
        let finished = imago(&place, line, code);
        assert_eq!(
            (finished.stdout.as_str(), finished.stderr.as_str()),
            (expected, next),
            "{line}"
        );
    }
    let told = imago(&place, "files --offline -v deploy", 0).stdout;
    for line in [
        "checking deploy/web.yaml Deployment/web:\n".to_owned(),
        format!(
            "\n  app has to be updated from registry.example.test/web:1.4 to {}\n",
            new_image()
        ),
        "\n  proxy ok (fixed digest)\n".to_owned(),
        "\ndeploy/names.yaml holds no object with images\n".to_owned(),
    ] {
        assert!(told.contains(&line), "{line}: {told}");
    }
    assert_eq!(place.files(), shop().files());
}

#[test]
fn an_update_writes_says_so_and_has_nothing_to_do_the_second_time() {
    let place = shop();
    let rehearsed = imago(&place, "files --offline --update --dry-run deploy", 0).stdout;
    assert!(
        rehearsed
            .ends_with("\nwould update 1 image in 1 of 2 files; 1 image with a fixed digest\n"),
        "{rehearsed}"
    );
    assert_eq!(place.files(), shop().files());
    let told = imago(&place, "files --offline --update deploy", 0).stdout;
    assert!(
        told.ends_with("\nupdated 1 image in 1 of 2 files; 1 image with a fixed digest\n"),
        "{told}"
    );
    let written = String::from_utf8(place.files()["deploy/web.yaml"].clone()).unwrap();
    assert!(
        written.contains(&format!("        image: {}   # keep me\n", new_image())),
        "{written}"
    );
    let again = imago(&place, "files --offline --update deploy", 0).stdout;
    assert!(
        again.ends_with("1 of 2 images in 2 files is up to date; 1 image with a fixed digest\n"),
        "{again}"
    );
    imago(&place, "files --offline --check deploy", 0);
    let restored = imago(&place, "files --restore deploy", 0).stdout;
    assert!(
        restored
            .ends_with(" -> registry.example.test/web:1.4\nrestored 1 image in 1 of 2 files; 1 image left with a digest (`-v` says why)\n"),
        "{restored}"
    );
    assert_eq!(place.files(), shop().files());
}

#[test]
fn a_diff_has_stdout_for_itself_and_is_taken_by_git() {
    let place = shop();
    let finished = imago(&place, "files --offline --diff deploy", 0);
    assert!(
        finished.stdout.starts_with("diff --git ") || finished.stdout.starts_with("--- "),
        "{}",
        finished.stdout
    );
    assert!(
        finished
            .stderr
            .ends_with("1 image in 1 of 2 files has to be updated; 1 image with a fixed digest\n"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        imago(&place, "files --offline --diff --check --quiet deploy", 1).stdout,
        finished.stdout
    );
    assert_eq!(
        imago(&place, "files --offline --diff --quiet deploy", 0).stderr,
        ""
    );
    let json = imago(&place, "files --offline --diff --output json deploy", 0);
    assert_eq!(json.stdout, finished.stdout);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.stderr).unwrap()["summary"]["outdated"],
        1
    );
    let Some(git) = programs::find("git") else {
        return;
    };
    place.write("change.patch", &finished.stdout);
    place.program(git, ["apply", "change.patch"]).finish_with(0);
    assert!(
        imago(&place, "files --offline --update deploy", 0)
            .stdout
            .ends_with("is up to date; 1 image with a fixed digest\n")
    );
}

#[test]
fn a_problem_has_its_place_and_the_rest_goes_on() {
    let place = shop();
    place.write(
        "deploy/api.yaml",
        WEB.replace("name: web", "name: api")
            .replace("web:1.4", "api:2"),
    );
    place.write(
        "deploy/broken.yaml",
        "apiVersion: apps/v1\nkind: Deployment\n  name: x\n",
    );
    let finished = imago(&place, "files --offline --update deploy", 3);
    assert!(
        finished.stdout.ends_with(
            "updated 1 image in 1 of 4 files; 2 images with a fixed digest; 2 problems\n"
        ),
        "{}",
        finished.stdout
    );
    let place_of = "error: cannot resolve `registry.example.test/api:2`\n  in deploy/api.yaml:13, Deployment/api, container `app`\n  cause: ";
    assert!(finished.stderr.contains(place_of), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("\n  in deploy/broken.yaml:3\n"),
        "{}",
        finished.stderr
    );
    let json = place
        .imago("files --offline --output json deploy".split(' '))
        .finish_with(3)
        .json();
    assert_eq!(json["summary"]["problems"], 2);
    assert_eq!(json["problems"][0]["file"], "deploy/api.yaml");
    assert_eq!(json["problems"][1]["code"], "yaml-syntax");
    assert_eq!(imago(&place, "files --offline --check deploy", 3).code, 3);
}

#[test]
fn without_a_lock_there_is_nothing_to_go_by_offline() {
    let place = shop();
    let finished = imago(&place, "files --offline --lock other.lock deploy", 2);
    assert!(
        finished.stderr.contains("other.lock") && finished.stderr.contains("\n  hint: "),
        "{}",
        finished.stderr
    );
    assert_eq!(finished.stdout, "");
    let digest = format!("sha256:{}\n", "1".repeat(64));
    let image = "registry.example.test/web:1.4";
    assert_eq!(
        imago(&place, &format!("digest --offline {image}"), 0).stdout,
        digest
    );
    let beside = format!("{}  {image}\n", digest.trim_end());
    assert_eq!(
        imago(&place, &format!("digest --offline {image} {image}"), 0).stdout,
        beside.repeat(2)
    );
    let finished = imago(
        &place,
        &format!("digest --offline registry.example.test/api:2 {image}"),
        3,
    );
    assert_eq!(finished.stdout, beside);
    assert!(
        finished
            .stderr
            .starts_with("error: cannot resolve `registry.example.test/api:2`\n  cause: "),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_digest_comes_with_the_way_to_it_where_more_is_asked_for() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    let gone = format!("{}/shop/gone:1", registry.host());
    let place = Workplace::new();
    let finished = imago(&place, &format!("digest {image} {gone} {image}"), 3);
    assert_eq!(
        finished.stdout,
        format!("{digest}  {image}\n{digest}  {image}\n")
    );
    assert!(
        finished
            .stderr
            .starts_with(&format!("error: cannot resolve `{gone}`\n  cause: ")),
        "{}",
        finished.stderr
    );
    let asked = registry.asked().len();
    let finished = imago(&place, &format!("digest -v {image}"), 0);
    assert_eq!(finished.stdout, format!("{digest}\n"));
    let way = format!(
        "asking for {image}:\n  HEAD manifests/1.4 at {}: 200\n",
        registry.host()
    );
    assert_eq!(finished.stderr, way);
    assert_eq!(registry.asked().len(), asked + 1);
    place.write(
        "web.yaml",
        WEB.replace("registry.example.test/web:1.4", &image),
    );
    let finished = imago(&place, "files -vv", 0);
    assert_eq!(finished.stderr, way);
}

#[test]
fn more_changes_than_allowed_are_shown_and_not_made() {
    let place = shop();
    let finished = imago(&place, "files --offline --update --max-changes 0 deploy", 2);
    assert!(
        finished
            .stdout
            .contains("  app  registry.example.test/web:1.4 -> "),
        "{}",
        finished.stdout
    );
    assert!(
        finished
            .stderr
            .starts_with("error: the plan has more changes than `--max-changes 0` allows\n"),
        "{}",
        finished.stderr
    );
    assert_eq!(place.files(), shop().files());
    imago(&place, "files --offline --update --max-changes 1 deploy", 0);
}

#[test]
fn names_cannot_steer_the_terminal_and_a_pipe_gets_no_colour() {
    let place = shop();
    place.write(
        "deploy/a\u{1b}[2J\nb.yaml",
        WEB.replace("name: app", "name: \"app\\e[31m\""),
    );
    for line in [
        "files --offline deploy",
        "files --offline -vv deploy",
        "files --offline --output json deploy",
    ] {
        let finished = place.imago(line.split(' ')).finish();
        for text in [&finished.stdout, &finished.stderr] {
            assert!(!text.contains('\u{1b}'), "{line}: {text:?}");
        }
    }
    let coloured = imago(&place, "files --offline --color always deploy", 0).stdout;
    assert!(
        coloured.contains("\u{1b}[") && !coloured.contains("\u{1b}[2J"),
        "{coloured:?}"
    );
}

#[test]
fn a_reader_who_goes_away_is_no_failure_and_a_full_disk_is() {
    let place = shop();
    let script = r#"{ "$0" files --offline deploy; echo "$?" >&2; } | true"#;
    assert_eq!(
        place
            .program("sh", ["-c", script, env!("CARGO_BIN_EXE_imago")])
            .finish_with(0)
            .stderr,
        "0\n"
    );
    if cfg!(target_os = "linux") {
        let script = r#""$0" files --offline deploy >/dev/full"#;
        let finished = place
            .program("sh", ["-c", script, env!("CARGO_BIN_EXE_imago")])
            .finish_with(2);
        assert!(
            finished
                .stderr
                .starts_with("error: cannot write the output\n  cause: "),
            "{}",
            finished.stderr
        );
    }
}
