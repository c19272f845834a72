//! Output in the log of a CI runner: nothing in a manifest may be a command to the runner.

use crate::support::binary::{Finished, Workplace};

/// A manifest with commands in its context lines, names and images, beside a file that cannot be read.
fn place() -> Workplace {
    let place = Workplace::new();
    let manifest = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  template:
    spec:
      containers:
      # the line below is context of a change
      - image: registry.example.test/web:1.4 # ##[error]forged
        name: '::error title=forged::x'
        command:
        - |-
          ::stop-commands::never-to-be-started-again
          ::add-mask::a
      - name: '##[group]forged'
        image: registry.example.test/web:1.5
";
    place.write("deploy/web.yaml", manifest);
    place.write(
        "deploy/::error::x.yaml",
        "apiVersion: apps/v1\nkind: Deployment\n  x: [\n",
    );
    let digest = "1".repeat(64);
    place
        .write("imago.lock", format!("{{\"version\":1,\"images\":{{\"registry.example.test/web:1.4\":\"sha256:{digest}\"}}}}\n"));
    place
}

fn run(place: &Workplace, line: &str) -> Finished {
    place
        .imago(line.split(' '))
        .env("GITHUB_ACTIONS", "true")
        .finish()
}

/// The lines that a runner obeys.
fn obeyed(log: &str) -> Vec<String> {
    let mut stopped: Option<String> = None;
    let mut obeyed = Vec::new();
    for line in log.split(['\n', '\r']) {
        let trimmed = line.trim_start();
        match &stopped {
            Some(word) if *trimmed == format!("::{word}::") => stopped = None,
            Some(_) => {}
            None => match trimmed.strip_prefix("::stop-commands::") {
                Some(word) => stopped = Some(word.to_owned()),
                None if trimmed.starts_with("::") || line.contains("##[") => {
                    obeyed.push(line.to_owned())
                }
                None => {}
            },
        }
    }
    assert_eq!(stopped, None, "it was never started again: {log}");
    obeyed
}

#[test]
fn no_form_of_a_report_and_no_diff_commands_the_runner() {
    let place = place();
    for line in [
        "files --offline deploy",
        "files --offline -vv deploy",
        "files --offline --check deploy",
        "files --offline --diff deploy",
        "files --offline --diff --output json deploy",
        "files --offline --output json deploy",
        "files --offline --output sarif deploy",
        "files --offline --output markdown deploy",
        "files --offline --color always deploy",
        "files --offline --report json=/dev/stdout deploy",
        "files --offline --report markdown=/dev/stdout --report sarif=/dev/fd/2 deploy",
        "files ::error::nowhere",
        "files --track ::error::x",
    ] {
        let finished = run(&place, line);
        for stream in [&finished.stdout, &finished.stderr] {
            assert_eq!(obeyed(stream), [""; 0], "{line}");
        }
    }
    // Its own annotations are meant to be obeyed.
    let finished = run(&place, "files --offline --output github deploy");
    assert!(!obeyed(&finished.stdout).is_empty(), "{}", finished.stdout);
    assert!(
        obeyed(&finished.stdout)
            .iter()
            .all(|line| line.starts_with("::error") || line.starts_with("::warning"))
    );
    assert_eq!(obeyed(&finished.stderr), [""; 0]);
    // Without a runner the output is unchanged.
    let plain = place
        .imago(["files", "--offline", "--diff", "deploy"])
        .finish();
    assert!(
        !plain.stdout.contains("::stop-commands::imago")
            && plain.stdout.contains("##[error]forged"),
        "{}",
        plain.stdout
    );
}

#[test]
fn no_report_and_no_diff_commands_a_runner_of_azure_or_teamcity() {
    let place = Workplace::new();
    let manifest = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: 'web ##teamcity[buildStop]'
spec:
  template:
    spec:
      containers:
      # ###vso[task.setvariable variable=PATH]/tmp
      - image: registry.example.test/web:1.4 # ##VSO[task.complete]
        name: '##vso[task.logissue type=error]forged'
";
    place.write("deploy/##vso[x].yaml", manifest);
    let digest = "1".repeat(64);
    place.write("imago.lock", format!("{{\"version\":1,\"images\":{{\"registry.example.test/web:1.4\":\"sha256:{digest}\"}}}}\n"));
    let run = |line: &str, name: &str, value: &str| {
        let finished = place.imago(line.split(' ')).env(name, value).finish();
        [finished.stdout, finished.stderr].map(|text| text.to_lowercase())
    };
    let commands = ["##vso[", "##teamcity[", "##["];
    for (name, value) in [
        ("TF_BUILD", "True"),
        ("TEAMCITY_VERSION", "2026.1 (build 1)"),
    ] {
        for form in [
            "text",
            "json",
            "sarif",
            "markdown",
            "text --diff",
            "json --diff",
            "text -vv --check",
            "text --report json=/dev/stdout",
            "text --report sarif=/dev/fd/1 --report text=/dev/stderr",
            "text --report markdown=/dev/stdout --report github=/dev/stderr",
        ] {
            let line = format!("files --offline deploy --output {form}");
            for stream in run(&line, name, value) {
                for command in commands {
                    assert!(!stream.contains(command), "{name} {form}: {stream}");
                }
            }
        }
    }
    // No runner reads a file.
    run(
        "files --offline deploy --report json=file",
        "TF_BUILD",
        "True",
    );
    let file = String::from_utf8(place.files()["file"].clone()).unwrap();
    assert!(file.contains("##vso[task.log"), "{file}");
    let plain = run("files --offline deploy --diff", "TF_BUILD", "");
    assert!(plain[0].contains("###vso[task.set"), "{plain:?}");
}

#[test]
fn a_diff_in_a_log_shows_every_character_and_one_in_a_pipe_applies() {
    let place = place();
    let manifest = String::from_utf8(place.files()["deploy/web.yaml"].clone()).unwrap();
    let manifest = manifest.replace("# the line", "# \u{202e}the\u{2066} line");
    place.write("deploy/web.yaml", &manifest);
    let diff = |name: &str| {
        let run = place.imago("files --offline --diff deploy/web.yaml".split(' '));
        run.env(name, "true").finish().stdout
    };
    for name in ["GITHUB_ACTIONS", "TF_BUILD"] {
        let log = diff(name);
        assert!(
            log.contains("# \\u{202e}the\\u{2066} line")
                && !log.contains(|it| it != '\n' && imago::cli::render::steers(it)),
            "{name}: {log}"
        );
    }
    place.write("piped.diff", diff("CI"));
    place.program("git", ["init", "-q", "."]).finish_with(0);
    place.program("git", ["apply", "piped.diff"]).finish_with(0);
    assert_ne!(place.files()["deploy/web.yaml"], manifest.into_bytes());
}

#[test]
fn a_fenced_diff_applies_and_a_file_gets_the_diff_alone() {
    let place = place();
    let fenced = run(&place, "files --offline --diff deploy/web.yaml").stdout;
    assert!(fenced.starts_with("::stop-commands::imago-"), "{fenced}");
    place.write("fenced.diff", &fenced);
    let before = place.files()["deploy/web.yaml"].clone();
    place.program("git", ["init", "-q", "."]).finish_with(0);
    place
        .program("git", ["apply", "fenced.diff"])
        .finish_with(0);
    let after = place.files()["deploy/web.yaml"].clone();
    assert!(
        before != after
            && String::from_utf8(after)
                .unwrap()
                .contains("web:1.4@sha256:1111")
    );
    place.write("deploy/web.yaml", before);
    let binary = env!("CARGO_BIN_EXE_imago");
    let script = format!("{binary} files --offline --diff deploy/web.yaml >alone.diff 2>/dev/null");
    place
        .program("sh", ["-c", &script])
        .env("GITHUB_ACTIONS", "true")
        .finish();
    let alone = String::from_utf8(place.files()["alone.diff"].clone()).unwrap();
    assert!(
        alone.starts_with("diff --git ") && fenced.contains(&alone),
        "{alone}"
    );
    let word = |text: &str| text.lines().next().unwrap().to_owned();
    assert_ne!(
        word(&fenced),
        word(&run(&place, "files --offline --diff deploy/web.yaml").stdout),
        "nobody can foresee it"
    );
}
