//! The form of what makes a release: who can sign, what is pinned, and that names agree.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_yaml::Value;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn workflow(name: &str) -> Value {
    serde_yaml::from_str(&read(&format!(".github/workflows/{name}"))).unwrap()
}

fn jobs(workflow: &Value) -> BTreeMap<String, &Value> {
    let jobs = workflow["jobs"].as_mapping().unwrap();
    jobs.iter()
        .map(|(name, job)| (name.as_str().unwrap().to_owned(), job))
        .collect()
}

fn steps(job: &Value) -> &Vec<Value> {
    job["steps"].as_sequence().unwrap()
}

/// Everything that a job's steps run.
fn scripts(job: &Value) -> String {
    let scripts = steps(job).iter().filter_map(|step| step["run"].as_str());
    scripts.collect::<Vec<_>>().join("\n")
}

fn manifest() -> toml::Table {
    read("Cargo.toml").parse().unwrap()
}

#[test]
fn every_action_is_pinned_to_a_commit_and_says_its_version() {
    let mut seen = 0;
    for name in ["ci.yml", "release.yml"] {
        for line in read(&format!(".github/workflows/{name}")).lines() {
            let Some((_, action)) = line.split_once("uses: ") else {
                continue;
            };
            if action == "./" {
                continue;
            }
            let (commit, version) = action
                .split_once('@')
                .and_then(|(_, pin)| pin.split_once(" # v"))
                .unwrap_or_else(|| panic!("{name}: {line}"));
            assert_eq!(commit.len(), 40, "{name}: {line}");
            assert!(
                commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{line}"
            );
            assert_eq!(version.split('.').count(), 3, "{name}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn only_one_job_can_sign_and_it_runs_no_code_of_the_project() {
    let workflow = workflow("release.yml");
    assert_eq!(workflow["permissions"], Value::Mapping(Default::default()));
    for (name, job) in jobs(&workflow) {
        let may = |what: &str| job["permissions"][what].as_str() == Some("write");
        let signs = name == "sign";
        assert_eq!(may("id-token"), signs, "{name}");
        assert_eq!(may("attestations"), signs, "{name}");
        assert_eq!(may("contents"), name == "publish", "{name}");
        let is_last = signs || name == "publish";
        assert_eq!(
            job["environment"].as_str() == Some("release"),
            is_last,
            "{name}"
        );
        if !signs {
            continue;
        }
        let uses: Vec<&str> = steps(job)
            .iter()
            .filter_map(|step| step["uses"].as_str())
            .collect();
        assert!(
            !uses.iter().any(|action| action.contains("checkout")),
            "{uses:?}"
        );
        let scripts = scripts(job);
        for word in ["cargo", "./", "tar ", "imago man"] {
            assert!(!scripts.contains(word), "{scripts}");
        }
        for signed in ["cosign sign-blob", "\"$NAME@$IMAGO\"", "\"$NAME@$GIT\""] {
            assert!(scripts.contains(signed), "{scripts}");
        }
        let attested = uses.iter().filter(|action| action.contains("/attest-"));
        assert_eq!(attested.count(), 3);
    }
    let publish = jobs(&workflow)["publish"];
    assert_eq!(publish["needs"].as_str(), Some("sign"));
}

#[test]
fn the_archive_has_one_name_wherever_it_is_named() {
    let metadata = &manifest()["package"]["metadata"];
    let url = metadata["binstall"]["pkg-url"].as_str().unwrap();
    let target = "x86_64-unknown-linux-musl";
    let url = url
        .replace("{ repo }", env!("CARGO_PKG_REPOSITORY"))
        .replace("{ version }", "0.1.0")
        .replace("{ target }", target);
    let name = format!("imago-0.1.0-{target}.tar.gz");
    assert_eq!(
        url,
        format!("https://github.com/OWNER/imago/releases/download/v0.1.0/{name}")
    );
    let release = workflow("release.yml");
    let build = scripts(jobs(&release)["build"]);
    assert!(build.contains("name=\"imago-$VERSION-$TARGET\"") && build.contains("$name.tar.gz"));
    assert!(read("action/run").contains("archive=\"imago-$version-$target.tar.gz\""));
    let verify = read("docs/verify.md");
    for file in [
        &name,
        &format!("{name}.sigstore.json"),
        "imago-0.1.0.cdx.json",
    ] {
        assert!(verify.contains(file), "{file}");
    }
    // At the root of the archive.
    assert_eq!(metadata["binstall"]["bin-dir"].as_str(), Some("imago"));
    assert!(build.contains("-C archive imago "));
}

#[test]
fn the_debian_package_is_made_of_what_there_is() {
    let metadata = &manifest()["package"]["metadata"]["deb"];
    let release = workflow("release.yml");
    let build = scripts(jobs(&release)["build"]);
    for asset in metadata["assets"].as_array().unwrap() {
        let source = asset[0].as_str().unwrap();
        let made = match source {
            "target/release/imago" => build.contains("cargo build --profile dist"),
            "target/pages/*.1" => build.contains("target/pages/imago-$page.1"),
            _ if source.starts_with("target/pages/imago.") => {
                build.contains("target/pages/imago.$shell")
                    && build.contains(source.rsplit('.').next().unwrap())
            }
            _ => Path::new(env!("CARGO_MANIFEST_DIR")).join(source).exists(),
        };
        assert!(made, "{source}");
    }
    let pages = build.split("for page in ").nth(1).unwrap();
    let place = crate::support::binary::Workplace::new();
    for page in pages.split(';').next().unwrap().split_whitespace() {
        place.imago(["man", page]).finish_with(0);
    }
}

#[test]
fn compilers_are_named_and_the_oldest_is_built() {
    let release = workflow("release.yml");
    let rust = release["env"]["RUST"].as_str().unwrap();
    let minor = rust.rsplit_once('.').unwrap().0;
    assert!(read("Dockerfile").contains(&format!("/rust:{minor}-alpine")));
    assert!(scripts(jobs(&release)["build"]).contains("rustup default \"$RUST\""));
    let ci = workflow("ci.yml");
    let msrv = scripts(jobs(&ci)["msrv"]);
    assert!(msrv.contains("s/^rust-version = ") && msrv.contains("cargo \"+$oldest\" check"));
    let rows = read("Cargo.toml");
    let oldest = manifest()["package"]["rust-version"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(rows.contains(&format!("\nrust-version = \"{oldest}\"\n")));
    assert!(read("README.md").contains(&format!("Rust {oldest} or newer")));
}

#[test]
fn base_images_have_a_tag_and_a_digest() {
    let dockerfile = read("Dockerfile");
    let bases: Vec<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("FROM "))
        .filter_map(|stage| stage.split(' ').next())
        .filter(|base| *base != "scratch")
        .collect();
    assert_eq!(bases.len(), 3, "{bases:?}");
    for base in bases {
        let image = imago::engine::image::ImageRef::parse(base).unwrap();
        assert!(image.tag().is_some() && image.digest().is_some(), "{base}");
    }
}

#[test]
fn advisories_are_checked_every_week_too() {
    let ci = workflow("ci.yml");
    let checks = scripts(jobs(&ci)["dependencies"]);
    assert!(checks.contains("cargo deny --locked check advisories licenses bans sources"));
    assert!(ci["on"]["schedule"][0]["cron"].as_str().is_some());
    let updates: Value = serde_yaml::from_str(&read(".github/dependabot.yml")).unwrap();
    let kept: Vec<&str> = updates["updates"]
        .as_sequence()
        .unwrap()
        .iter()
        .filter_map(|update| update["package-ecosystem"].as_str())
        .collect();
    assert_eq!(kept, ["cargo", "github-actions", "docker"]);
}

#[test]
fn a_release_needs_a_real_address() {
    let release = workflow("release.yml");
    let check = scripts(jobs(&release)["check"]);
    assert!(
        check.contains("$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"),
        "{check}"
    );
    assert!(read("docs/release.md").contains("git grep -l OWNER"));
}
