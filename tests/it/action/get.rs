//! Where the action gets imago from: a release with the right checksum, or its own checkout.

use std::fs;
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

use super::make_executable;
use super::runner::{Runner, Step};
use crate::support::programs;
use crate::support::registry::http::{Response, Server};

/// A server with one release archive, and the requests that it got.
struct Releases {
    server: Server,
    asked: Arc<Mutex<Vec<String>>>,
    checksum: String,
    archive: String,
}

impl Releases {
    /// Serves `program` as the release 9.8.7 for this machine's system. `None` if `curl` is missing.
    fn start(program: &str) -> Option<Self> {
        programs::find("curl")?;
        let folder = tempfile::tempdir().unwrap();
        let place = crate::support::binary::Workplace::new();
        fs::write(folder.path().join("imago"), program).unwrap();
        make_executable(&folder.path().join("imago"));
        fs::write(folder.path().join("LICENSE"), "a licence\n").unwrap();
        place
            .program("tar", ["-czf", "archive.tar.gz", "imago", "LICENSE"])
            .folder(folder.path())
            .finish_with(0);
        let bytes = fs::read(folder.path().join("archive.tar.gz")).unwrap();
        let checksum = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let system = if cfg!(target_os = "macos") {
            "apple-darwin"
        } else {
            "unknown-linux-musl"
        };
        let archive = format!("imago-9.8.7-{}-{system}.tar.gz", std::env::consts::ARCH);
        let path = format!("/releases/v9.8.7/{archive}");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        let server = Server::start(None, move |request| {
            noted.lock().unwrap().push(format!(
                "{} {:?}",
                request.path,
                request.header("authorization")
            ));
            if request.path == path {
                Response::new(200).body(bytes.clone())
            } else {
                Response::new(404)
            }
        });
        Some(Self {
            server,
            asked,
            checksum,
            archive,
        })
    }

    /// Runs the action with these checksums.
    fn run(&self, checksums: &str, version: &str) -> (Runner, Step) {
        let runner = Runner::new()
            .input("executable", "")
            .input("version", version)
            .input("token", "a-secret-token")
            .input(
                "releases",
                &format!("http://{}/releases/", self.server.address),
            );
        fs::write(runner.checkout().join("action/checksums.txt"), checksums).unwrap();
        let step = runner.run();
        (runner, step)
    }
}

const PROGRAM: &str = "#!/bin/sh\necho \"$1 ran\" >ran\n";

fn ran(runner: &Runner) -> bool {
    runner.place.files().contains_key("ran")
}

#[test]
fn a_release_with_the_right_checksum_is_run() {
    let Some(releases) = Releases::start(PROGRAM) else {
        return;
    };
    let checksums = format!(
        "# a comment\n{}  {}\n{}  imago-1.0.0-other.tar.gz\n",
        releases.checksum,
        releases.archive,
        "0".repeat(64)
    );
    for version in ["9.8.7", "v9.8.7"] {
        let (runner, step) = releases.run(&checksums, version);
        step.ended_with(0);
        assert!(ran(&runner));
    }
    let asked = releases.asked.lock().unwrap().clone();
    assert_eq!(
        asked,
        vec![format!("/releases/v9.8.7/{} None", releases.archive); 2]
    );
}

#[test]
fn a_release_with_another_checksum_is_not_even_unpacked() {
    let Some(releases) = Releases::start(PROGRAM) else {
        return;
    };
    let wrong = "0".repeat(64);
    let (runner, step) = releases.run(&format!("{wrong}  {}\n", releases.archive), "9.8.7");
    let step = step.ended_with(2);
    let says = format!(
        "its SHA-256 is {}, and the action's commit says {wrong}",
        releases.checksum
    );
    assert!(step.told("error")[0].ends_with(&says), "{}", step.log);
    assert!(!ran(&runner));
    assert!(runner.left().is_empty(), "{:?}", runner.left().keys());
}

#[test]
fn a_release_without_a_checksum_is_not_even_asked_for() {
    let Some(releases) = Releases::start(PROGRAM) else {
        return;
    };
    for checksums in [
        "".to_owned(),
        format!("{}  {}.sig\n", releases.checksum, releases.archive),
    ] {
        let (runner, step) = releases.run(&checksums, "9.8.7");
        let step = step.ended_with(2);
        assert!(
            step.told("error")[0].contains("has no checksum for imago 9.8.7 on "),
            "{}",
            step.log
        );
        assert!(!ran(&runner) && releases.asked.lock().unwrap().is_empty());
    }
    let (_, step) = releases.run("", "../../9.8.7");
    assert_eq!(
        step.ended_with(2).told("error"),
        ["the input `version` is not a version: ../../9.8.7"]
    );
}

#[test]
fn a_release_that_is_not_there_is_told_with_its_address() {
    let Some(releases) = Releases::start(PROGRAM) else {
        return;
    };
    let (_, step) = releases.run(
        &format!(
            "{}  {}\n",
            releases.checksum,
            releases.archive.replace("9.8.7", "9.9.9")
        ),
        "9.9.9",
    );
    let step = step.ended_with(2);
    assert!(step.told("error")[0].starts_with(&format!(
        "cannot download http://{}/releases/v9.9.9/",
        releases.server.address
    )));
}

#[test]
fn without_a_checksum_for_its_own_version_the_checkout_is_built() {
    let runner = Runner::new().input("executable", "");
    let cargo = format!(
        "#!/bin/sh\nmkdir -p target/dist && printf '%s' '{PROGRAM}' >target/dist/imago && chmod +x target/dist/imago\n\
         echo \"$@\" >arguments; env >environment\n"
    );
    let programs = runner.place.beside("programs");
    fs::create_dir(&programs).unwrap();
    fs::write(programs.join("cargo"), cargo).unwrap();
    make_executable(&programs.join("cargo"));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let runner = runner
        .env("PATH", &path)
        .env("CARGO_TARGET_DIR", "/elsewhere")
        .input("token", "a-secret-token");
    runner.run().ended_with(0);
    assert!(ran(&runner));
    let read = |name: &str| fs::read_to_string(runner.checkout().join(name)).unwrap();
    assert_eq!(
        read("arguments"),
        "build --profile dist --locked --bin imago\n"
    );
    assert!(
        !read("environment").contains("token"),
        "a build script could read a secret"
    );
    let version = env!("CARGO_PKG_VERSION");
    runner.input("version", version).run().ended_with(0);
}
