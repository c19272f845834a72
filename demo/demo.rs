//! The main job on one machine, without a network: a registry inside this process, a small shop of manifests, `imago files` on it, a tag that
//! moves, `imago files` again, and a restore of the original bytes.
//!
//! Every command runs what the binary runs, `imago::cli::run`. Every printed claim is checked: the demo fails if one is not true.

#![expect(
    clippy::print_stdout,
    reason = "telling its story is what the demo is for"
)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};
use imago::cli::printer::Printer;
use imago::cli::settings::Outside;
use imago::cli::{DONE, OUTDATED};

use registry::TestRegistry;

/// The shop. Each file has something that parsing and printing would destroy, or something that is not an image of a workload.
const SHOP: [(&str, &str); 7] = [
    ("cache.json", include_str!("shop/cache.json")),
    ("chart/Chart.yaml", include_str!("shop/chart/Chart.yaml")),
    (
        "chart/templates/web.yaml",
        include_str!("shop/chart/templates/web.yaml"),
    ),
    ("list.yaml", include_str!("shop/list.yaml")),
    ("notes.yaml", include_str!("shop/notes.yaml")),
    ("report.yaml", include_str!("shop/report.yaml")),
    ("web.yaml", include_str!("shop/web.yaml")),
];

/// What each image is built for.
const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

fn main() -> anyhow::Result<()> {
    let provider = rustls::crypto::ring::default_provider().install_default();
    provider
        .ok()
        .context("something before main installed a TLS provider")?;
    let folder = tempfile::tempdir().context("cannot make a folder for the shop")?;
    std::env::set_current_dir(folder.path()).context("cannot go to the shop's folder")?;
    let registry = TestRegistry::start();
    let first = open_the_shop(&registry)?;
    // Ignore the user's home folder and docker config.
    let outside = Outside {
        environment: BTreeMap::new(),
        seed: 1,
        now: 0,
    };
    let map = format!("--registry-map=registry.example.test={}", registry.host());
    let imago = |arguments: &[&str]| {
        println!("\n$ imago {} {map}", arguments.join(" "));
        let words = ["imago"]
            .iter()
            .chain(arguments)
            .copied()
            .chain([map.as_str()]);
        imago::cli::run(
            words.map(OsString::from),
            &outside,
            &mut Printer::of_the_process(),
        )
    };

    chapter(
        "A registry and a shop of manifests",
        "Seven files: comments, Windows line ends, a List, JSON, a Helm chart, a quoted image.",
    );
    for (name, _) in SHOP {
        println!("  shop/{name}");
    }

    chapter(
        "Which images are not on their tag's digest?",
        "Without an action nothing is written; --diff shows the change.",
    );
    ensure!(imago(&["files", "--diff", "--quiet", "shop"]) == DONE);
    ensure!(shop()? == first, "a look has changed a file");

    chapter(
        "Pin them",
        "Only the images and one annotation change; every other byte stays.",
    );
    ensure!(imago(&["files", "--update", "shop"]) == DONE);
    let pinned = shop()?;
    ensure!(pinned != first, "nothing was pinned");

    chapter(
        "Somebody pushes shop/web:1.4 again",
        "The tag points to another digest now. --check fails (exit code 1), as a CI job wants it.",
    );
    registry.push_index(
        "shop/web",
        "1.4",
        &PLATFORMS,
        "the second build of shop/web",
    );
    ensure!(imago(&["files", "--check", "--quiet", "shop"]) == OUTDATED);
    println!("exit code {OUTDATED}");

    chapter(
        "Follow the tag",
        "One digest moved, so one line of one file changes; the annotation knows the tag already.",
    );
    ensure!(imago(&["files", "--update", "--diff", "--quiet", "shop"]) == DONE);
    let followed = shop()?;
    let moved: Vec<&str> = pinned
        .iter()
        .filter(|(name, text)| followed.get(*name) != Some(text))
        .map(|(name, _)| *name)
        .collect();
    ensure!(
        moved == ["web.yaml"],
        "another file than web.yaml has changed: {moved:?}"
    );

    chapter("Run it again", "Nothing moved: nothing is written.");
    ensure!(imago(&["files", "--update", "shop"]) == DONE);
    ensure!(shop()? == followed, "the third run has changed a file");

    chapter(
        "Change your mind",
        "--restore takes back every digest and the annotation.",
    );
    ensure!(imago(&["files", "--restore", "shop"]) == DONE);
    ensure!(shop()? == first, "a file is not what it was");
    println!("\nEvery file is, byte for byte, what it was at the start.");
    Ok(())
}

fn open_the_shop(registry: &TestRegistry) -> anyhow::Result<BTreeMap<&'static str, String>> {
    for (repository, tag) in [
        ("shop/web", "1.4"),
        ("shop/report", "latest"),
        ("proxy", "2"),
        ("cache", "7"),
    ] {
        registry.push_index(
            repository,
            tag,
            &PLATFORMS,
            &format!("the first build of {repository}"),
        );
    }
    for (name, text) in SHOP {
        let path = Path::new("shop").join(name);
        fs::create_dir_all(path.parent().context("a file has a folder")?)?;
        // Written here, because a checkout of the repository may change line ends.
        let text = if name == "report.yaml" {
            text.replace('\n', "\r\n")
        } else {
            text.to_owned()
        };
        fs::write(path, text)?;
    }
    shop()
}

/// The shop's files as they are now.
fn shop() -> anyhow::Result<BTreeMap<&'static str, String>> {
    SHOP.iter()
        .map(|(name, _)| Ok((*name, fs::read_to_string(Path::new("shop").join(name))?)))
        .collect()
}

fn chapter(title: &str, what: &str) {
    println!("\n== {title}\n   {what}");
}
