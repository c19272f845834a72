//! The addresses of a remote, and the names by which `git` is told them, which hold no account.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::{PushTarget, Transport, TransportError};
use crate::io::credentials::Known;
use crate::io::git;
use crate::io::git::credentials::{Credentials, without_account};
use crate::io::git::limits::Limits;

/// What would lead the program to another repository than the one at hand, or make it print more than it is asked for.
const NOT_PASSED_ON: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

impl Transport {
    /// Checks that there is a program and a remote. Nothing is asked yet.
    pub fn open(
        root: &Path,
        remote: &str,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, TransportError> {
        let passed_on = |name: &OsStr| {
            let name = name.to_string_lossy();
            !NOT_PASSED_ON.contains(&&*name)
                && !name.starts_with("GIT_TRACE")
                && name != "GIT_CURL_VERBOSE"
        };
        let kept: BTreeMap<OsString, OsString> = environment
            .iter()
            .filter(|(name, _)| passed_on(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut transport = Self {
            root: root.to_owned(),
            is_bare: git::is_bare(root),
            remote: remote.to_owned(),
            name: remote.to_owned(),
            places: Vec::new(),
            address: String::new(),
            environment: kept,
            credentials: Credentials::default(),
            limits: Limits::of_environment(environment),
            known: Known::default(),
        };
        let listed = transport.run(&["remote", "-v"])?;
        let listed = transport.succeeded("remote", listed)?;
        let Some((fetched, pushed)) = addresses(&listed, remote) else {
            return Err(TransportError::NoRemote(remote.to_owned()));
        };
        let fetched = fetched.first().cloned().unwrap_or_default();
        let mut places: Vec<&String> = Vec::new();
        for url in &pushed {
            if !places.contains(&url) {
                places.push(url);
            }
        }
        let all: Vec<String> = BTreeSet::from_iter([&fetched].into_iter().chain(&pushed))
            .into_iter()
            .cloned()
            .collect();
        if let Some(url) = places.first() {
            transport.address = without_account(url).unwrap_or_else(|| (*url).clone());
        }
        let configured = transport.configured()?;
        let alias = |name: &str, fetched, pushed: &[_]| alias(name, &configured, fetched, pushed);
        let mut settings = Vec::new();
        let has_account = all.iter().any(|url| without_account(url).is_some());
        if has_account || configured.iter().any(moves_branches) {
            transport.name = format!("imago-{remote}");
            settings.extend(alias(&transport.name, &fetched, &places));
        }
        match places[..] {
            [] => {}
            [url] if *url == fetched => transport.places.push(PushTarget {
                asked: transport.name.clone(),
                pushed: transport.name.clone(),
            }),
            [url] => {
                let asked = format!("imago-{remote}-push");
                settings.extend(alias(&asked, url, &[]));
                transport.places.push(PushTarget {
                    asked,
                    pushed: transport.name.clone(),
                });
            }
            _ => {
                for (number, url) in places.iter().enumerate() {
                    let name = format!("imago-{remote}-push-{number}");
                    settings.extend(alias(&name, url, &[]));
                    transport.places.push(PushTarget {
                        asked: if **url == fetched {
                            transport.name.clone()
                        } else {
                            name.clone()
                        },
                        pushed: name,
                    });
                }
            }
        }
        let start = |error| {
            TransportError::NoProgram(format!("the credentials cannot be handed to it: {error}"))
        };
        transport.credentials = Credentials::of(&all, settings, environment).map_err(start)?;
        transport
            .credentials
            .secrets
            .iter()
            .for_each(|secret| transport.known.add(secret));
        Ok(transport)
    }

    /// What the configuration says of this remote.
    fn configured(&self) -> Result<Vec<(String, String)>, TransportError> {
        // It fails where there is nothing.
        let output = self.run(&["config", "--null", "--get-regexp", r"^remote\."])?;
        let begin = format!("remote.{}.", self.remote);
        let said = String::from_utf8_lossy(&output.stdout);
        let entries = said.split('\0').filter_map(|entry| {
            let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
            let key = key.strip_prefix(&begin).filter(|key| !key.contains('.'))?;
            Some((key.to_owned(), value.to_owned()))
        });
        Ok(entries.collect())
    }
}

/// Whether a setting of a remote has Git move branches of this repository when it fetches or pushes others: `+refs/heads/*:refs/heads/*`, as
/// a mirror has it.
fn moves_branches((key, value): &(String, String)) -> bool {
    const BRANCHES: &str = "refs/heads/";
    let to = value.split_once(':').map(|(_, to)| to);
    key == "fetch"
        && to.is_some_and(|to| {
            let begin = to.split('*').next().unwrap_or(to);
            // A name that is not written in full is a branch's.
            !to.starts_with("refs/") || BRANCHES.starts_with(begin) || begin.starts_with(BRANCHES)
        })
}

/// A remote that is like the one that is `configured`, but for its name and the accounts of its addresses, and moves no branch of this
/// repository, as configuration for this run.
///
/// Its addresses are already what `url.….insteadOf` makes of them, which might put an account into them again. So each stands behind a
/// word that no such rule has: Git rewrites an address once.
fn alias(
    name: &str,
    configured: &[(String, String)],
    fetched: &str,
    pushed: &[&String],
) -> Vec<(String, String)> {
    let key = |key: &str| format!("remote.{name}.{key}");
    let mut settings = Vec::new();
    let urls = [("url", fetched)]
        .into_iter()
        .chain(pushed.iter().map(|url| ("pushurl", url.as_str())));
    for (number, (which, url)) in urls.enumerate() {
        let word = format!("{name}-{number}:");
        let url = without_account(url).unwrap_or_else(|| url.to_owned());
        settings.push((format!("url.{url}.insteadOf"), word.clone()));
        settings.push((key(which), word));
    }
    let kept = configured.iter().filter(|setting| {
        let (key, value) = setting;
        !["url", "pushurl", "mirror"].contains(&&**key)
            && !moves_branches(setting)
            // That of a proxy would be seen in the environment.
            && (key != "proxy" || !value.contains('@'))
            && without_account(value).is_none()
    });
    settings.extend(kept.map(|(name, value)| (key(name), value.clone())));
    settings
}

/// The addresses that a remote is fetched from and pushed to, from the list of `git remote -v`. `None`: there is no such remote.
fn addresses(listed: &str, remote: &str) -> Option<(Vec<String>, Vec<String>)> {
    let lines = listed.lines().filter_map(|line| {
        let (name, rest) = line.split_once('\t').unwrap_or((line, ""));
        (name == remote).then_some(rest)
    });
    let (mut fetched, mut pushed, mut is_there) = (Vec::new(), Vec::new(), false);
    for line in lines {
        is_there = true;
        // The filter of a partial clone stands behind.
        if let Some((url, _)) = line.rsplit_once(" (fetch)") {
            fetched.push(url.to_owned());
        } else if let Some(url) = line.strip_suffix(" (push)") {
            pushed.push(url.to_owned());
        }
    }
    is_there.then_some((fetched, pushed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_moves_branches_and_what_notes_those_of_the_remote_elsewhere_does_not() {
        let moves = |to: &str| moves_branches(&("fetch".to_owned(), to.to_owned()));
        for to in [
            "+refs/heads/*:refs/heads/*",
            "+refs/*:refs/*",
            "refs/heads/main:main",
            "+refs/heads/*:refs/h*",
            "+refs/heads/*:refs/heads/theirs/*",
        ] {
            assert!(moves(to), "{to}");
        }
        for to in [
            "+refs/heads/*:refs/remotes/origin/*",
            "+refs/pull/*/head:refs/remotes/origin/pr/*",
            "+refs/tags/*:refs/tags/*",
            "refs/heads/main",
            "^refs/heads/x",
        ] {
            assert!(!moves(to), "{to}");
        }
    }

    #[test]
    fn the_addresses_of_a_remote_are_read_from_the_list_of_all() {
        let listed = "\
bare
origin\thttps://git.example.test/a b.git (fetch) [blob:none]
origin\thttps://git.example.test/a b.git (push)
origin2\t/x (fetch)
origin2\t/x (push)
two\t/fetched (fetch)
two\t/first (push)
two\t/second (push)
";
        let url = || vec!["https://git.example.test/a b.git".to_owned()];
        assert_eq!(addresses(listed, "origin"), Some((url(), url())));
        let pushed = ["/first", "/second"].map(str::to_owned).to_vec();
        let fetched = vec!["/fetched".to_owned()];
        assert_eq!(addresses(listed, "two"), Some((fetched, pushed)));
        assert_eq!(addresses(listed, "bare"), Some((Vec::new(), Vec::new())));
        assert_eq!(addresses(listed, "orig"), None);
    }
}
