//! `imago init`: looks at a repository and says which files would set it up. Nothing is overwritten.

mod templates;

use std::collections::BTreeSet;
use std::path::Path;

use super::images::{self, Listed};
use super::report::{Place, Problem};
use super::request::FilesRequest;
use super::short::counted;
use super::workspace::{Workspace, WorkspaceKind};
use crate::engine::code::Code;
use crate::engine::image::ImageRef;
use crate::engine::plan::{Outcome, State};
use crate::io::files::{self, FileError};
use crate::io::git;
use crate::io::links;
use templates::Forge;

/// More folders than these are named by the one that has them all.
const MOST_FOLDERS: usize = 8;

/// Where Renovate looks for its rules.
const RENOVATE: [&str; 7] = [
    "renovate.json",
    "renovate.json5",
    ".github/renovate.json",
    ".github/renovate.json5",
    ".gitlab/renovate.json",
    ".renovaterc",
    ".renovaterc.json",
];

/// The page on policies of other tools.
const VERSIONS: &str = "docs/versions.md";

/// Where a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A workflow of GitHub.
    Github,
    /// A job of GitLab.
    Gitlab,
    /// A workflow of Forgejo.
    Forgejo,
    /// A workflow of Gitea.
    Gitea,
    /// A hook of pre-commit.
    PreCommit,
}

/// What `imago init` is asked, checked.
#[derive(Clone, Debug)]
pub struct InitRequest {
    /// Which manifests are looked at; its paths are replaced by the repository's root.
    pub files: FilesRequest,
    /// Where a check shall run. Empty: where the repository shows it.
    pub targets: BTreeSet<Target>,
}

/// What sets a repository up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// Files that are not there yet, in the order of their names.
    pub files: Vec<NewFile>,
    /// Texts that belong into files that are there, which only a person changes.
    pub by_hand: Vec<NewFile>,
    /// What a person should know, one sentence each.
    pub notes: Vec<String>,
    /// What a person has to switch on for the new files, one sentence each.
    pub next: Vec<&'static str>,
    /// Whether an image waits for its digest.
    pub has_unpinned: bool,
}

/// A text, and the file that it belongs into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFile {
    /// From the repository's root, with `/`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Looks at the repository. `Err`: there is none, or it cannot be read.
pub fn plan(request: &InitRequest, at: &Workspace) -> anyhow::Result<Setup> {
    if at.kind == WorkspaceKind::Bare || !at.root.join(".git").exists() {
        return Err(Problem {
            code: Code::Usage,
            what: format!("`{}` is not in a Git work tree", at.current.display()),
            place: Place::default(),
            cause: String::new(),
            hint: Some("go to the repository, or run `git init`".to_owned()),
        }
        .into());
    }
    let root = Workspace::at(at.root.clone());
    let files = FilesRequest {
        paths: vec![".".into()],
        ..request.files.clone()
    };
    let inventory = images::in_files(&files, &root)?;
    let of_state = |is: fn(&State) -> bool| {
        let images = inventory.images.iter();
        images.filter(|listed| is(&listed.state)).count()
    };
    let held = of_state(|state| matches!(state, State::Decided(Outcome::Held(_))));
    let unpinned = of_state(|state| matches!(state, State::Unpinned));
    let mut setup = Setup {
        has_unpinned: unpinned > 0,
        notes: inventory.report.warnings,
        ..Setup::default()
    };
    if let Some(first) = inventory.report.problems.first() {
        setup
            .notes
            .push(format!("{}; `imago files` names every problem", first.what));
    }
    if held > 0 {
        setup.notes.push(format!(
            "{} held back: `imago files -v` says why, and what to do",
            counted(held, "image")
        ));
    }
    let other_policies = RENOVATE.into_iter().find(|name| is_there(&root.root, name));
    let has_markers = (inventory.images.iter()).any(|listed| {
        matches!(&listed.state, State::Decided(Outcome::Held(hold)) if hold.code == Code::FluxMarker)
    });
    let other_policies = other_policies.map(|name| format!("`{name}` may have rules for images"));
    let other_policies = other_policies
        .into_iter()
        .chain(has_markers.then(|| "images have markers of Flux's image automation".to_owned()));
    setup.notes.extend(other_policies.map(|what| {
        format!("{what}: `imago import` prints such rules as policies, and {VERSIONS} says what to switch off")
    }));
    let folders = folders(&inventory.images);
    setup.settle(&root.root, &inventory.images);
    let targets = match request.targets.is_empty() {
        true => shown(&root.root),
        false => request.targets.clone(),
    };
    if targets.is_empty() {
        setup.notes.push(
            "no CI found: add a check with `--github`, `--gitlab`, `--forgejo`, `--gitea` or `--pre-commit`".to_owned(),
        );
    }
    for target in targets {
        setup.add(target, &folders, &root.root);
    }
    setup
        .files
        .sort_by(|left, right| left.name.cmp(&right.name));
    Ok(setup)
}

/// Writes the new files. `Err`: one cannot be written; those before it are.
pub fn write(setup: &Setup, at: &Workspace) -> anyhow::Result<()> {
    for file in &setup.files {
        let path = at.root.join(&file.name);
        let written = links::destination(&at.root, &path)
            .and_then(|place| files::create_with_folders(&place, file.text.as_bytes()));
        written.map_err(|error| unwritten(file, &error))?;
    }
    Ok(())
}

fn unwritten(file: &NewFile, error: &FileError) -> Problem {
    Problem {
        code: error.code(),
        what: format!("cannot write `{}`", file.name),
        place: Place::default(),
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}

impl Setup {
    /// Adds the settings that the images call for.
    fn settle(&mut self, root: &Path, images: &[Listed]) {
        let is_pinned = |listed: &&Listed| {
            let has_tag = ImageRef::parse(&listed.image).is_ok_and(|image| image.tag().is_some());
            matches!(listed.state, State::Decided(Outcome::Fixed)) && has_tag
        };
        let pinned = images.iter().filter(is_pinned).count();
        let has_records = images.iter().any(|listed| listed.state == State::Pinned);
        if pinned > 0 && !has_records {
            self.offer(root, &[".imago.yaml"], templates::settings(pinned));
        }
    }

    fn add(&mut self, target: Target, folders: &[String], root: &Path) {
        match target {
            Target::Github => {
                let names = [
                    ".github/workflows/imago.yaml",
                    ".github/workflows/imago.yml",
                ];
                if self.offer(root, &names, templates::workflow(folders)) {
                    self.next.push(
                        "allow Actions to create pull requests (Settings, Actions, General), and name the action by the commit of its release",
                    );
                }
            }
            Target::Gitlab if self.has(root, templates::GITLAB, &["imago:", "imago-check:"]) => {}
            Target::Gitlab => {
                let is_there = is_there(root, templates::GITLAB);
                let name = match is_there {
                    true => templates::GITLAB_INCLUDED,
                    false => templates::GITLAB,
                };
                let is_new = self.offer(root, &[name], templates::job(folders));
                if is_new {
                    self.next.push(
                        "create the variable IMAGO_GIT_TOKEN and a scheduled pipeline (Settings, CI/CD; Build, Pipeline schedules)",
                    );
                }
                let includes = format!("- local: {name}");
                if is_there && !self.has(root, templates::GITLAB, &[&includes]) {
                    self.by_hand.push(NewFile {
                        name: templates::GITLAB.to_owned(),
                        text: format!("include:\n{includes}\n"),
                    });
                }
            }
            Target::Forgejo => self.add_workflow_of(templates::FORGEJO, folders, root),
            Target::Gitea => self.add_workflow_of(templates::GITEA, folders, root),
            Target::PreCommit
                if self.has(
                    root,
                    templates::PRE_COMMIT,
                    &["- id: imago", "- id: imago-check"],
                ) => {}
            Target::PreCommit if is_there(root, templates::PRE_COMMIT) => {
                self.by_hand.push(NewFile {
                    name: templates::PRE_COMMIT.to_owned(),
                    text: templates::hook(folders),
                });
            }
            Target::PreCommit => {
                let text = format!("repos:\n{}", templates::hook(folders));
                self.offer(root, &[templates::PRE_COMMIT], text);
            }
        }
    }

    fn add_workflow_of(&mut self, forge: Forge, folders: &[String], root: &Path) {
        if self.offer(root, &forge.files, templates::workflow_of(forge, folders)) {
            self.next.push(
                "create the secret IMAGO_GIT_TOKEN (Settings, Actions, Secrets), and write a label of your runners at `runs-on`",
            );
        }
    }

    /// Whether a file has one of the lines, which is noted: a person, or an earlier run, has set it up.
    fn has(&mut self, root: &Path, name: &str, lines: &[&str]) -> bool {
        let text = files::read(&root.join(name)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let found = (text.lines().map(str::trim)).find(|line| lines.contains(line));
        if let Some(line) = found {
            self.notes
                .push(format!("`{name}` has `{line}` already, and stays as it is"));
        }
        found.is_some()
    }

    /// Adds a file under the first of its names, unless one is there under any of them: `false`.
    fn offer(&mut self, root: &Path, names: &[&str], text: String) -> bool {
        let there = names.iter().find(|name| is_there(root, name));
        match there {
            Some(name) => self
                .notes
                .push(format!("`{name}` is there already, and stays as it is")),
            None => self.files.push(NewFile {
                name: names[0].to_owned(),
                text,
            }),
        }
        there.is_none()
    }
}

/// The folders at the root that hold images, or the root itself. Where a name would need quotes, it is the root, too.
fn folders(images: &[Listed]) -> Vec<String> {
    let files = images
        .iter()
        .filter_map(|listed| listed.place.file.as_ref());
    let folders: BTreeSet<&str> = files
        .map(|file| file.split_once('/').map_or(".", |(folder, _)| folder))
        .collect();
    let is_plain = |folder: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        folder.starts_with(|first: char| first.is_ascii_alphanumeric()) && folder.bytes().all(plain)
    };
    match (1..=MOST_FOLDERS).contains(&folders.len()) && folders.iter().all(is_plain) {
        true => folders.into_iter().map(str::to_owned).collect(),
        false => vec![".".to_owned()],
    }
}

/// Where the repository shows that a check can run.
fn shown(root: &Path) -> BTreeSet<Target> {
    let host = git::remote_host(root).unwrap_or_default();
    let signs: [(_, _, &[&str]); 5] = [
        (Target::Github, ".github", &["github"]),
        (Target::Gitlab, templates::GITLAB, &["gitlab"]),
        (Target::Forgejo, ".forgejo", &["codeberg", "forgejo"]),
        (Target::Gitea, ".gitea", &["gitea"]),
        (Target::PreCommit, templates::PRE_COMMIT, &[]),
    ];
    let shown = signs.into_iter().filter(|(_, file, names)| {
        is_there(root, file) || names.iter().any(|name| host.contains(name))
    });
    shown.map(|(target, ..)| target).collect()
}

/// Whether anything has the name, a link that leads nowhere too.
fn is_there(root: &Path, name: &str) -> bool {
    root.join(name).symlink_metadata().is_ok()
}
