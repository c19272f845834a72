//! The list of a fleet: one entry for each repository, read as strictly as the settings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Error, Location};

use super::explain::{explain, nearest};
use super::values::{Setting, Written, Wrong, glob, image_glob, kind};
use super::{Mistake, spot};
use crate::cli::args::{FEWER_ENTRIES, Files, ForgeName, MOST_ENTRIES, Remote, Track};
use crate::cli::refused::{UsageError, usage};
use crate::cli::settings::{commits, remote};
use crate::io::files::{self, FileError};
use crate::io::git::address::Address;
use crate::io::links;

/// The most bytes of a list that are read.
const LARGEST: usize = 8 * 1024 * 1024;
/// The most aliases in it.
const MOST_ALIASES: usize = 10_000;

/// The hint that [`EXAMPLE`] stands below.
pub const LIKE_THIS: &str = "write it like this:";
/// What a list looks like.
pub const EXAMPLE: &str =
    "      repositories:\n      - repository: https://git.example.com/shop/deploy.git\n";

/// The repositories of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "Fleet of imago"))]
pub(super) struct List {
    /// The repositories, one entry each.
    repositories: Vec<Entry>,
}

/// A repository. Most keys are the flag of the same name of `imago files`, and win over the command line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Entry {
    /// Its address: https, ssh, or a path from the current folder.
    repository: Written<String>,
    /// Its branch; without it the default one.
    #[serde(default)]
    r#ref: Setting<String>,
    /// Folders and files, from the root of the repository; without it all of it.
    #[serde(default)]
    paths: Vec<Written<String>>,
    /// Commit to this branch.
    #[serde(default)]
    branch: Setting<String>,
    /// Read only the files that match one of these globs.
    #[serde(default)]
    include: Vec<Written<String>>,
    /// Leave out the files that match one of these globs.
    #[serde(default)]
    exclude: Vec<Written<String>>,
    /// Take only the images whose name matches one of these globs.
    #[serde(default)]
    include_image: Vec<Written<String>>,
    /// Leave out the images whose name matches one of these globs.
    #[serde(default)]
    exclude_image: Vec<Written<String>>,
    /// Take only the objects of these kinds.
    #[serde(default)]
    kind: Vec<Written<String>>,
    /// Leave out the objects of these kinds.
    #[serde(default)]
    exclude_kind: Vec<Written<String>>,
    /// Take also the objects of these kinds.
    #[serde(default)]
    add_kind: Vec<Written<String>>,
    /// Where the tag is kept.
    #[serde(default)]
    track: Setting<Track>,
    /// Leave the repository as it is when more images than this would change.
    #[serde(default)]
    max_changes: Setting<usize>,
    /// Pass these options to the remote.
    #[serde(default)]
    push_option: Vec<Written<String>>,
    /// The commit's message.
    #[serde(default)]
    message: Setting<String>,
    /// The commit's author: `NAME <MAIL>`.
    #[serde(default)]
    author: Setting<String>,
    /// Add Signed-off-by to the message.
    #[serde(default)]
    signoff: Setting<bool>,
    /// The title of its pull request.
    #[serde(default)]
    pr_title: Setting<String>,
    /// Labels of a new pull request.
    #[serde(default)]
    pr_label: Vec<Written<String>>,
    /// Who is asked to review a new pull request.
    #[serde(default)]
    pr_reviewer: Vec<Written<String>>,
    /// Who a new pull request is assigned to.
    #[serde(default)]
    pr_assignee: Vec<Written<String>>,
    /// The kind of its forge, where the address does not tell it.
    #[serde(default)]
    forge: Setting<ForgeName>,
    /// The address of the forge's API.
    #[serde(default)]
    forge_url: Setting<String>,
    /// The repository's path at the forge.
    #[serde(default)]
    forge_project: Setting<String>,
}

impl Entry {
    /// The repository's address as it is written.
    pub fn address(&self) -> &str {
        self.repository.value()
    }

    /// Its line in the list.
    pub fn line(&self) -> u64 {
        self.repository.place().line()
    }

    /// The branch as it is written.
    pub fn branch(&self) -> Option<String> {
        self.r#ref.value()
    }

    /// The flags of `imago files` for this repository: those of the command line, and what the entry says.
    pub fn fill(&self, flags: Files) -> Files {
        let mut flags = Files {
            remote: Remote {
                repository: Some(self.address().to_owned()),
                reference: self.branch(),
                ..flags.remote
            },
            paths: texts(&self.paths).into_iter().map(PathBuf::from).collect(),
            max_changes: self.max_changes.value().or(flags.max_changes),
            ..flags
        };
        for (flag, own) in [
            (&mut flags.include, &self.include),
            (&mut flags.exclude, &self.exclude),
            (&mut flags.images.include_image, &self.include_image),
            (&mut flags.images.exclude_image, &self.exclude_image),
            (&mut flags.kinds.kind, &self.kind),
            (&mut flags.kinds.exclude_kind, &self.exclude_kind),
            (&mut flags.kinds.add_kind, &self.add_kind),
            (&mut flags.git.push_option, &self.push_option),
        ] {
            if !own.is_empty() {
                *flag = texts(own);
            }
        }
        flags.images.track = self.track.value().or(flags.images.track);
        // What is said of commits is no reason to make one.
        let git = &mut flags.git;
        if git.push {
            git.branch = self.branch.value().or(git.branch.take());
            git.message = self.message.value().or(git.message.take());
            git.author = self.author.value().or(git.author.take());
            git.signoff = self.signoff.value().unwrap_or(git.signoff);
        } else {
            git.push_option.clear();
        }
        let requests = &mut flags.requests;
        if requests.pull_request {
            for (flag, own) in [
                (&mut requests.pr_label, &self.pr_label),
                (&mut requests.pr_reviewer, &self.pr_reviewer),
                (&mut requests.pr_assignee, &self.pr_assignee),
            ] {
                if !own.is_empty() {
                    *flag = texts(own);
                }
            }
            for (flag, own) in [
                (&mut requests.pr_title, &self.pr_title),
                (&mut requests.forge_url, &self.forge_url),
                (&mut requests.forge_project, &self.forge_project),
            ] {
                *flag = own.value().or(flag.take());
            }
            requests.forge = self.forge.value().or(requests.forge);
        }
        flags
    }

    /// Checks what the types do not say, and reads the address.
    fn check(&self, current: &Path) -> Result<Address, Wrong> {
        type Check = fn(&str) -> Result<(), UsageError>;
        let at = |written: &Written<String>| Some(written.place());
        let address = remote::address(self.address(), current)
            .map_err(|error| (error, at(&self.repository)))?;
        let one: [(&Setting<String>, Check); 4] = [
            (&self.r#ref, |text| remote::branch(text).map(drop)),
            (&self.branch, |text| remote::branch(text).map(drop)),
            (&self.message, |text| commits::template(text).map(drop)),
            (&self.author, |text| commits::author(text).map(drop)),
        ];
        for (written, check) in one {
            if let Some(text) = &written.0 {
                check(text.value()).map_err(|error| (error, at(text)))?;
            }
        }
        let many: [(&str, &[Written<String>], Check); 7] = [
            ("include", &self.include, glob),
            ("exclude", &self.exclude, glob),
            ("include-image", &self.include_image, image_glob),
            ("exclude-image", &self.exclude_image, image_glob),
            ("kind", &self.kind, kind),
            ("exclude-kind", &self.exclude_kind, kind),
            ("add-kind", &self.add_kind, kind),
        ];
        for (name, written, check) in many {
            if let Some(text) = written.get(MOST_ENTRIES) {
                let what = format!("`{name}` has more than {MOST_ENTRIES} entries");
                return Err((usage(what, FEWER_ENTRIES), at(text)));
            }
            for text in written {
                check(text.value()).map_err(|error| (error, at(text)))?;
            }
        }
        match self.paths.iter().find(|path| path.value() == "-") {
            Some(path) => Err((
                usage(
                    "`-` is standard input, and a fleet has repositories",
                    "name a folder or a file of the repository",
                ),
                at(path),
            )),
            None => Ok(address),
        }
    }
}

/// Reads the list of a fleet.
pub fn read_fleet(path: &Path, current: &Path) -> Result<Vec<Entry>, Mistake> {
    let name = path.display().to_string();
    let mistake = |what: String, spot, hint: &str| Mistake {
        what,
        file: name.clone(),
        spot,
        hint: hint.to_owned(),
    };
    // What a pod mounts of a ConfigMap is a link.
    let read = links::real(&current.join(path)).and_then(|real| files::read(&real));
    let bytes = read.map_err(|error| {
        let what = match error {
            FileError::Vanished => format!("there is no file `{name}`"),
            error => format!("cannot read the fleet: {error}"),
        };
        mistake(
            what,
            None,
            "name a file with a list of repositories, as docs/fleet.md has one",
        )
    })?;
    if bytes.len() > LARGEST {
        let what = format!("the fleet has more than {LARGEST} bytes");
        return Err(mistake(what, None, "make several of it"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        mistake(
            "the fleet is not UTF-8".to_owned(),
            None,
            "save the file as UTF-8",
        )
    })?;
    parse(&text, current).map_err(|(usage, location)| Mistake {
        what: usage.what,
        file: name.clone(),
        spot: location.map(|location| spot(&text, location)),
        hint: usage.hint,
    })
}

fn parse(text: &str, current: &Path) -> Result<Vec<Entry>, Wrong> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_aliases: MOST_ALIASES },
        merge_keys: MergeKeyPolicy::AsOrdinary,
        no_schema: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let list = serde_saphyr::from_str_with_options(text, options);
    let list: Option<List> = list.map_err(|error| {
        let place = error.location();
        let is_list =
            matches!(&error, Error::Unexpected { expected, .. } if *expected == "sequence start");
        let is_list = is_list && place.is_some_and(|place| is_at_list(text, place));
        match is_list {
            true => (
                usage("a list of repositories is expected here", LIKE_THIS),
                place,
            ),
            false => (explain_entry(&error), place),
        }
    })?;
    let entries = list.map_or_else(Vec::new, |list| list.repositories);
    let mut places: BTreeMap<_, Location> = BTreeMap::new();
    for entry in &entries {
        let address = entry.check(current)?;
        // Two runs would replace each other's commit on the branch.
        let short = |name: String| name.trim_start_matches("refs/heads/").to_owned();
        let branches = [entry.branch(), entry.branch.value()];
        let key = (address.identity(), branches.map(|name| name.map(short)));
        let place = entry.repository.place();
        if let Some(first) = places.insert(key, place) {
            let what = format!("`{}` is listed twice", entry.address());
            let hint = format!(
                "write all its `paths` in the entry of line {}, or give one entry another `branch` or `ref`",
                first.line()
            );
            return Err((usage(what, hint), Some(place)));
        }
    }
    match entries.is_empty() {
        true => Err((usage("the fleet has no repository", LIKE_THIS), None)),
        false => Ok(entries),
    }
}

/// Whether nothing but the key of the list stands before a place, so that something else than a list is there.
fn is_at_list(text: &str, place: Location) -> bool {
    let (line, column) = (place.line() as usize, place.column() as usize);
    let own = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let own: String = own.chars().take(column.saturating_sub(1)).collect();
    let before = text.lines().take(line.saturating_sub(1)).chain([&*own]);
    let mut keys = before.map(|line| line.split(['#', ':']).next().unwrap_or_default().trim());
    keys.all(|key| ["", "---", "repositories"].contains(&key))
}

/// Says what the reader found, in the words of a fleet.
fn explain_entry(error: &Error) -> UsageError {
    match error {
        Error::AliasError { error, .. } => explain_entry(error),
        Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let hint = match nearest(field, expected) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("the keys here are {}", expected.join(", ")),
            };
            usage(format!("`{field}` is not a key of a fleet"), hint)
        }
        Error::Unexpected { expected, .. } if *expected == "mapping start" => {
            usage("a mapping is expected here", LIKE_THIS)
        }
        other => explain(other),
    }
}

fn texts(written: &[Written<String>]) -> Vec<String> {
    written.iter().map(|text| text.value().clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> String {
        let (usage, location) = parse(text, Path::new("/work")).unwrap_err();
        let place = location.map(|at| format!("{}:{}", at.line(), at.column()));
        format!(
            "{} {} | {}",
            place.unwrap_or_default(),
            usage.what,
            usage.hint
        )
    }

    #[test]
    fn a_list_of_an_entry_may_have_many_entries_and_not_without_end() {
        let list = |count: usize| {
            let globs = "a, ".repeat(count);
            format!("repositories:\n- repository: x\n  include-image: [{globs}]\n")
        };
        assert!(parse(&list(1024), Path::new("/work")).is_ok());
        let said = wrong(&list(1025));
        assert!(
            said.contains("`include-image` has more than 1024 entries"),
            "{said}"
        );
    }

    #[test]
    fn an_entry_wins_over_the_command_line() {
        let text = "\
repositories:
- repository: https://git.example.com/shop/deploy.git
- repository: git@git.example.com:shop/other.git
  ref: release
  paths: [prod, base/web.yaml]
  branch: imago/prod
  exclude: ['**/old/**']
  max-changes: 5
  signoff: false
";
        let entries = parse(text, Path::new("/work")).unwrap();
        let flags = || {
            let mut flags = Files {
                max_changes: Some(9),
                ..Files::default()
            };
            flags.git.push = true;
            flags.git.signoff = true;
            flags.git.branch = Some("imago/update".to_owned());
            flags
        };
        let first = entries[0].fill(flags());
        assert_eq!(first.git.branch.as_deref(), Some("imago/update"));
        assert!(first.paths.is_empty() && first.git.signoff && first.max_changes == Some(9));
        let second = entries[1].fill(flags());
        assert_eq!(second.remote.reference.as_deref(), Some("release"));
        assert_eq!(
            second.paths,
            [Path::new("prod"), Path::new("base/web.yaml")]
        );
        assert_eq!(second.git.branch.as_deref(), Some("imago/prod"));
        assert_eq!(second.exclude, ["**/old/**"]);
        assert!(!second.git.signoff && second.max_changes == Some(5));
        // What is said of commits is no reason to make one.
        assert_eq!(entries[1].fill(Files::default()).git.branch, None);
    }

    #[test]
    fn a_mistake_is_said_with_its_place() {
        let entry = "repositories:\n- repository: https://git.example.com/x\n";
        let mut differing = Vec::new();
        for (text, wanted) in [
            ("", "the fleet has no repository | write it like this:"),
            (
                "- repository: x\n",
                "1:1 a mapping is expected here | write it like this:",
            ),
            (
                "repositories: []\n",
                "the fleet has no repository | write it like this:",
            ),
            (
                "---\nrepositories: # none\n",
                "a list of repositories is expected here | write it like this:",
            ),
            (
                "repositories: {}\n",
                "1:15 a list of repositories is expected here | write it like this:",
            ),
            (
                "repositories:\n  repository: x\n",
                "a list of repositories is expected here | write it like this:",
            ),
            ("repositories:\n- paths: [a]\n", "`repository` is missing"),
            ("repositories:\n- x\n", "2:3 a mapping is expected here"),
            (
                &format!("{entry}  pats: [a]\n"),
                "3:3 `pats` is not a key of a fleet | did you mean `paths`?",
            ),
            (
                &format!("{entry}  paths: a\n"),
                "3:10 a list is expected here",
            ),
            (&format!("{entry}  branch:\n"), "3:9 text is expected here"),
            (
                &format!("{entry}  branch: a..b\n"),
                "3:11 `a..b` cannot be the name of a branch",
            ),
            (
                &format!("{entry}  max-changes: many\n"),
                "3:16 a whole number is expected here",
            ),
            (&format!("{entry}  include: ['[']\n"), "3:13 "),
            (
                &format!("{entry}  author: Ada\n"),
                "3:11 `--author Ada` is not NAME <MAIL>",
            ),
            (
                &format!("{entry}  paths: ['-']\n"),
                "3:11 `-` is standard input",
            ),
            (
                &format!("{entry}- repository: https://git.example.com/x\n"),
                "3:15 `https://git.example.com/x` is listed twice | write all its `paths` in the entry of line 2",
            ),
            (
                &format!("{entry}- repository: ssh://git@Git.Example.com/x.git\n"),
                "3:15 `ssh://git@Git.Example.com/x.git` is listed twice | write all its `paths` in the entry of line 2",
            ),
            (
                &format!(
                    "{entry}  ref: main\n- repository: git.example.com:x\n  ref: refs/heads/main\n"
                ),
                "4:15 `git.example.com:x` is listed twice",
            ),
            (
                "repositories:\n- repository: http://git.example.com/x\n",
                "2:15 the address cannot be used: plain `http://` leads to another machine",
            ),
            (
                "repositories:\n- repository: ext::sh\n",
                "2:15 the address cannot be used: `ext::` has Git start",
            ),
            (
                "repositories:\n- repository: https://a:b@h/x\n",
                "2:15 the address cannot be used: it holds a password",
            ),
        ] {
            let said = wrong(text);
            if !said.contains(wanted) {
                differing.push(format!("{text}: {said}"));
            }
        }
        assert_eq!(differing, [""; 0]);
    }

    #[test]
    fn a_long_list_is_read() {
        let entry = |number| {
            format!(
                "- repository: https://git.example.com/shop/team-{number}.git\n  paths: [deploy]\n  branch: imago/update\n"
            )
        };
        let text: String = (0..10_000).map(entry).collect();
        let entries = parse(&format!("repositories:\n{text}"), Path::new("/work"));
        assert_eq!(entries.unwrap().len(), 10_000);
    }
}
