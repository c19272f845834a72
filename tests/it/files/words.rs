//! The messages for objects that are not handled, and for generated files.

use crate::support::binary::Workplace;

fn summary(files: &[(&str, &str)]) -> String {
    let place = Workplace::new();
    for (name, text) in files {
        place.write(name, text);
    }
    place.write("imago.lock", r#"{"version":1,"images":{}}"#);
    let finished = place
        .imago(["files", "--check", "--offline"])
        .finish_with(0);
    finished
        .stdout
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn what_holds_images_and_is_not_handled_is_counted() {
    let group = "apiVersion: monitoring.coreos.com/v1";
    let inside = "{apiVersion: monitoring.coreos.com/v1, kind: Prometheus, spec: {image: web}}";
    for (name, text) in [
        ("web.yaml", format!("{group}\nkind: Prometheus # of Deployments\nspec: {{image: web}}\n")),
        ("web.yaml", format!("apiVersion: v1\nkind: List\nitems:\n- {inside}\n")),
        (
            "web.json",
            r#"{"apiVersion":"monitoring.coreos.com/v1","kind":"Prometheus","spec":{"image":"web"}}"#.to_owned(),
        ),
    ] {
        assert_eq!(
            summary(&[(name, &text)]),
            "no image in 1 file; 1 Prometheus not handled",
            "{text}"
        );
    }
    for (name, text) in [
        ("kustomization.yaml", "resources: [web.yaml]\n"),
        (
            "web.yaml",
            "apiVersion: extensions/v1beta1\nkind: Deployment\n",
        ),
        (
            "web.yaml",
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n",
        ),
    ] {
        assert_eq!(summary(&[(name, text)]), "no image in 1 file", "{text}");
    }
    let service = "apiVersion: v1\nkind: Service # of a Deployment\n";
    assert_eq!(
        summary(&[
            ("web.yaml", service),
            ("broken.yaml", "kind: List\nitems: [\n")
        ]),
        "no image in 2 files"
    );
}

#[test]
fn a_template_of_another_engine_is_no_helm_template() {
    let jinja = "{% if web %}\napiVersion: apps/v1\nkind: Deployment\n{% endif %}\n";
    assert_eq!(
        summary(&[("web.yaml", jinja)]),
        "no image in 1 file; 1 template passed over"
    );
    let go = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: {{ .x }}}\n";
    assert_eq!(
        summary(&[("web.yaml", go)]),
        "no image in 1 file; 1 Helm template passed over"
    );
}

#[test]
fn a_strict_check_fails_on_what_a_comment_holds() {
    for comment in ["# imago: ingore", r##"# {"$imagepolicy": "shop:web"}"##] {
        let place = Workplace::new();
        place.write("imago.lock", super::LOCK);
        place.write(
            "web.yaml",
            super::deployment(&format!("registry.example.test/web:1.4 {comment}")),
        );
        place
            .imago(["files", "--check", "--offline"])
            .finish_with(0);
        place
            .imago(["files", "--check", "--strict", "--offline"])
            .finish_with(1);
        // A digest that a person chose is held, too, because what the comment was meant to say is unknown.
        let pinned = format!(
            "registry.example.test/web:1.4@sha256:{} {comment}",
            "2".repeat(64)
        );
        place.write("web.yaml", super::deployment(&pinned));
        place
            .imago(["files", "--check", "--offline"])
            .finish_with(0);
        place
            .imago(["files", "--check", "--strict", "--offline"])
            .finish_with(1);
    }
}

#[test]
fn a_check_that_fails_says_what_to_type_and_that_makes_it_pass() {
    let place = Workplace::new();
    place.write("imago.lock", super::LOCK);
    let image = "registry.example.test/web:1.4";
    place.write("deploy/web.yaml", super::deployment(image));
    let typed = [
        "files",
        "--check",
        "--offline",
        "--track=tag",
        "-v",
        "deploy",
    ];
    let failed = place.imago(typed).finish_with(1);
    let next = failed.stderr.lines().last().unwrap();
    assert_eq!(
        next,
        "next: `imago files --update --track=tag --offline deploy`"
    );
    let line = next
        .trim_start_matches("next: `imago ")
        .trim_end_matches('`');
    place.imago(line.split(' ')).finish_with(0);
    place.imago(typed).finish_with(0);
    // Nobody reads it beside another form, or can write standard input.
    place.write("deploy/web.yaml", super::deployment(image));
    for quiet in ["-q", "-ojson", "-osarif"] {
        let line = ["files", "--check", "--offline", quiet];
        assert_eq!(place.imago(line).finish_with(1).stderr, "");
    }
    let piped = place.imago(["files", "--check", "--offline", "-"]);
    let piped = piped.input(super::deployment(image)).finish_with(1);
    assert_eq!(piped.stderr, "");
}

#[test]
fn an_image_that_was_renamed_and_changed_at_once_does_not_freeze_without_a_word() {
    let pinned = |digit: &str| format!("@sha256:{}", digit.repeat(64));
    let written = |containers: &str| {
        let record = r#"{"containers":[{"name":"app","image":"registry.example.test/web:1"},{"name":"side","image":"registry.example.test/side:1"}],"initContainers":[]}"#;
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    imago-config-spec: '{record}'\nspec:\n  template:\n    spec:\n      containers:\n{containers}"
        )
    };
    let side = format!(
        "      - name: side\n        image: registry.example.test/side:1{}\n",
        pinned("1")
    );
    let renamed = format!(
        "      - name: frontend\n        image: mirror.example.test/web:2{}\n",
        pinned("2")
    );
    let place = Workplace::new();
    let digests = format!(
        "{{\"version\":1,\"images\":{{\"registry.example.test/side:1\":\"sha256:{}\"}}}}\n",
        "1".repeat(64)
    );
    place.write("imago.lock", digests);
    let told = |containers: String| {
        place.write("web.yaml", written(&containers));
        place
            .imago(["files", "--check", "--strict", "--offline"])
            .finish_with(0)
            .stderr
    };
    let said = told(format!("{renamed}{side}"));
    assert!(
        said.contains("warning: unclaimed record: the record of web.yaml Deployment/web has `registry.example.test/web:1`, which no container has now")
            && said.contains("nothing for `frontend`")
            && said.contains("to follow the tag, remove that digest"),
        "{said}"
    );
    // A container that is gone is not a pin.
    assert_eq!(told(side.clone()), "");
    // The record is written for another image, and is put back: both tell of it, and lose nothing.
    let outdated = side.replace(&pinned("1"), &pinned("3"));
    place.write("web.yaml", written(&format!("{renamed}{outdated}")));
    for (line, code) in [
        ("--update", 0),
        ("--check", 0),
        ("--restore", 0),
        ("--check", 1),
    ] {
        let told = place.imago(["files", line, "--offline"]).finish_with(code);
        assert!(told.stderr.contains(&said), "{line}: {}", told.stderr);
        let file = std::fs::read_to_string(place.path().join("web.yaml")).unwrap();
        assert!(
            file.contains(r#"{"name":"app","image":"registry.example.test/web:1"}"#),
            "{line}: {file}"
        );
    }
}

#[test]
fn a_pin_beside_an_image_without_its_digest_is_not_taken_for_it() {
    let place = Workplace::new();
    place.write("imago.lock", super::LOCK);
    place.write(
        "web.yaml",
        super::deployment("registry.example.test/web:1.4"),
    );
    let update = || place.imago(["files", "--update", "--offline"]);
    update().finish_with(0);
    let file = || std::fs::read_to_string(place.path().join("web.yaml")).unwrap();
    let digest = format!("@sha256:{}", "1".repeat(64));
    let pin = digest.replace('1', "9");
    // A person takes the digest off, and puts a container with a pin beside it.
    let text = file().replacen(&digest, "", 1)
        + &format!("        - name: canary\n          image: registry.example.test/web:1.4{pin}\n");
    place.write("web.yaml", &text);
    let said = update().finish_with(3).stderr;
    assert!(
        said.contains("error: cannot tell which images are meant by the annotation `imago-config-spec` of `web`")
            && said.contains("cause: the image of `canary` fits")
            && said.contains("take the digests off the images that follow their tags"),
        "{said}"
    );
    assert_eq!(file(), text);
    // What the hint says ends it.
    let record = text.lines().find(|line| line.contains("imago-config-spec"));
    let without = text.replace(&format!("{}\n", record.unwrap()), "");
    place.write("web.yaml", without.replace("  annotations:\n", ""));
    update().finish_with(0);
    assert!(file().contains(&format!("web:1.4{digest}")) && file().contains(&pin));
    place
        .imago(["files", "--check", "--offline"])
        .finish_with(0);
}

#[test]
fn a_text_on_which_a_parser_fails_is_a_refusal_and_nothing_else() {
    let place = Workplace::new();
    place.write("imago.lock", super::LOCK);
    let text = format!(
        "{}other: [!a, b]\n",
        super::deployment("registry.example.test/web:1.4")
    );
    place.write("web.yaml", &text);
    let finished = place
        .imago(["files", "--offline", "--update", "web.yaml"])
        .finish_with(3);
    assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
    let left = std::fs::read_to_string(place.path().join("web.yaml")).unwrap();
    assert_eq!(left, text);
}

#[test]
fn an_ambiguous_record_names_the_images_and_the_entries_in_question() {
    let place = Workplace::new();
    let record = r#"{"containers":[{"name":"a","image":"registry.example.test/web:1"},{"name":"b","image":"registry.example.test/web:2"},{"name":"log","image":"registry.example.test/log:1"}],"initContainers":[]}"#;
    let container = |name: &str, image: &str, digit: &str| {
        format!(
            "  - name: {name}\n    image: registry.example.test/{image}@sha256:{}\n",
            digit.repeat(64)
        )
    };
    place.write(
        "pod.yaml",
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  annotations:\n    imago-config-spec: '{record}'\nspec:\n  containers:\n{}{}{}",
            container("new", "web", "1"),
            container("more", "web", "2"),
            container("log", "log:1", "3"),
        ),
    );
    let said = place.imago(["files", "--restore"]).finish_with(3).stderr;
    assert!(
        said.contains("images of `new`, `more`; entries `a` (`registry.example.test/web:1`), `b` (`registry.example.test/web:2`)\n"),
        "{said}"
    );
}
