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
        let remotes = transport.run(&["remote"])?;
        if !transport
            .succeeded("remote", remotes)?
            .lines()
            .any(|name| name == remote)
        {
            return Err(TransportError::NoRemote(remote.to_owned()));
        }
        let mut urls = Vec::new();
        for arguments in [
            &["remote", "get-url", "--", remote][..],
            &["remote", "get-url", "--push", "--all", "--", remote],
        ] {
            let output = transport.run(arguments)?;
            urls.push(
                transport
                    .succeeded("remote", output)?
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>(),
            );
        }
        let [fetched, pushed] = &urls[..] else {
            unreachable!("both sides were asked for")
        };
        let fetched = fetched.first().cloned().unwrap_or_default();
        let mut places: Vec<&String> = Vec::new();
        for url in pushed {
            if !places.contains(&url) {
                places.push(url);
            }
        }
        let all: Vec<String> = BTreeSet::from_iter([&fetched].into_iter().chain(pushed))
            .into_iter()
            .cloned()
            .collect();
        if let Some(url) = places.first() {
            transport.address = without_account(url).unwrap_or_else(|| (*url).clone());
        }
        let mut settings = Vec::new();
        let has_account = all.iter().any(|url| without_account(url).is_some());
        if has_account {
            transport.name = format!("imago-{remote}");
            let name = transport.name.clone();
            settings.extend(transport.alias(&name, &fetched, &places)?);
        }
        match places[..] {
            [] => {}
            [url] if *url == fetched => transport.places.push(PushTarget {
                asked: transport.name.clone(),
                pushed: transport.name.clone(),
            }),
            [url] => {
                let asked = format!("imago-{remote}-push");
                settings.extend(transport.alias(&asked, url, &[])?);
                transport.places.push(PushTarget {
                    asked,
                    pushed: transport.name.clone(),
                });
            }
            _ => {
                for (number, url) in places.iter().enumerate() {
                    let name = format!("imago-{remote}-push-{number}");
                    settings.extend(transport.alias(&name, url, &[])?);
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

    /// A remote that is this one in all but its name and the accounts of its addresses, as configuration for this run.
    ///
    /// Its addresses are already what `url.….insteadOf` makes of them, which might put an account into them again. So each stands behind a
    /// word that no such rule has: Git rewrites an address once.
    fn alias(
        &self,
        name: &str,
        fetched: &str,
        pushed: &[&String],
    ) -> Result<Vec<(String, String)>, TransportError> {
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
        for name in ["fetch", "promisor", "partialclonefilter"] {
            // It fails where there is none.
            let output = self.run(&[
                "config",
                "--get-all",
                &format!("remote.{}.{name}", self.remote),
            ])?;
            settings.extend(
                String::from_utf8_lossy(&output.stdout)
                    .lines()
                    .map(|value| (key(name), value.to_owned())),
            );
        }
        Ok(settings)
    }
}
