//! The token for a forge: which one, where it is from, and how it is sent.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use super::error::ForgeError;
use super::location::{ForgeKind, Location};
use super::source::Source;
use crate::engine::code::Code;
use crate::io::credentials::{Known, Secret};

/// The first that there is of IMAGO_FORGE_TOKEN, IMAGO_GIT_TOKEN, and the GITHUB_TOKEN of a runner of this very forge, as an
/// `Authorization` header.
pub(super) fn of_environment(
    location: &Location,
    environment: &BTreeMap<OsString, OsString>,
    known: &Known,
) -> Result<(Secret, Source), ForgeError> {
    let text = |name: &str| {
        let value = environment.get(OsStr::new(name))?.to_str()?.trim();
        (!value.is_empty()).then_some(value)
    };
    let runner = text("GITHUB_TOKEN").filter(|_| {
        text("GITHUB_ACTIONS") == Some("true")
            && text("GITHUB_SERVER_URL").is_some_and(|url| is_host_of(url, location))
    });
    let (token, source) = [
        (text("IMAGO_FORGE_TOKEN"), Source::Forge),
        (text("IMAGO_GIT_TOKEN"), Source::Git),
        (runner, Source::Runner),
    ]
    .into_iter()
    .find_map(|(token, source)| Some((token?, source)))
    .ok_or_else(|| none(location, text("CI_JOB_TOKEN").is_some()))?;
    known.add(&Secret::new(token));
    let basic = |user: &str| {
        let encoded = STANDARD.encode(format!("{user}:{token}"));
        known.add(&Secret::new(&*encoded));
        format!("Basic {encoded}")
    };
    let header = match location.kind {
        ForgeKind::Gitea => format!("token {token}"),
        // Azure takes any user, and documents none.
        ForgeKind::Azure => basic(""),
        ForgeKind::BitbucketCloud => match text("IMAGO_GIT_USERNAME") {
            Some(user) if user != "x-token-auth" => basic(user),
            _ => format!("Bearer {token}"),
        },
        ForgeKind::GitHub | ForgeKind::GitLab | ForgeKind::BitbucketServer => {
            format!("Bearer {token}")
        }
    };
    Ok((Secret::new(header), source))
}

fn is_host_of(url: &str, location: &Location) -> bool {
    let shown = Url::parse(url).ok().and_then(|url| {
        let host = url.host_str()?.to_ascii_lowercase();
        Some(
            url.port()
                .map_or_else(|| host.clone(), |port| format!("{host}:{port}")),
        )
    });
    shown.as_ref() == Some(&location.host)
}

fn none(location: &Location, is_job_of_gitlab: bool) -> ForgeError {
    let act = format!("sign in to `{}`", location.host);
    let hint = match location.kind {
        ForgeKind::GitLab if is_job_of_gitlab => {
            "give a project access token with the scope `api` in IMAGO_FORGE_TOKEN: GitLab's job token cannot open merge requests"
        }
        ForgeKind::GitHub => {
            "give a token in IMAGO_FORGE_TOKEN, the job's own in GITHUB_TOKEN, or a GitHub App with `--github-app-id` and `--github-app-key`"
        }
        _ => "give a token in IMAGO_FORGE_TOKEN",
    };
    ForgeError::new(
        Code::ForgeToken,
        &act,
        format!("there is no token for {}", location.kind.name()),
        hint,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::forge::location::locate;

    fn sent(remote: &str, environment: &[(&str, &str)]) -> Result<String, String> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let location = locate(remote, None, None, None).unwrap();
        of_environment(&location, &environment, &Known::default())
            .map(|(header, source)| format!("{source}: {}", header.expose()))
            .map_err(|error| error.hint().to_owned())
    }

    #[test]
    fn the_first_token_is_sent_as_the_forge_takes_it() {
        let all = [
            ("IMAGO_FORGE_TOKEN", "one"),
            ("IMAGO_GIT_TOKEN", "two"),
            ("GITHUB_TOKEN", "three"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
        ];
        let github = "https://github.com/shop/deploy";
        for (remote, environment, expected) in [
            (github, &all[..], "IMAGO_FORGE_TOKEN: Bearer one"),
            (github, &all[1..], "IMAGO_GIT_TOKEN: Bearer two"),
            (github, &all[2..], "GITHUB_TOKEN: Bearer three"),
            (
                "https://gitlab.com/a/b",
                &all[..],
                "IMAGO_FORGE_TOKEN: Bearer one",
            ),
            (
                "https://codeberg.org/a/b",
                &all[..],
                "IMAGO_FORGE_TOKEN: token one",
            ),
            (
                "https://dev.azure.com/a/b/_git/c",
                &all[..],
                "IMAGO_FORGE_TOKEN: Basic Om9uZQ==",
            ),
            (
                "https://bitbucket.org/a/b",
                &[("IMAGO_FORGE_TOKEN", "one"), ("IMAGO_GIT_USERNAME", "ada")][..],
                "IMAGO_FORGE_TOKEN: Basic YWRhOm9uZQ==",
            ),
        ] {
            assert_eq!(
                sent(remote, environment),
                Ok(expected.to_owned()),
                "{remote}"
            );
        }
    }

    #[test]
    fn a_runners_token_is_for_its_own_forge_and_gitlabs_opens_nothing() {
        let runner = [
            ("GITHUB_TOKEN", "three"),
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.com"),
        ];
        for remote in ["https://github.example.com/a/b", "https://codeberg.org/a/b"] {
            assert!(sent(remote, &runner).is_err(), "{remote}");
        }
        assert!(sent("https://github.com/a/b", &runner[..2]).is_err());
        let hint = sent("https://gitlab.com/a/b", &[("CI_JOB_TOKEN", "four")]).unwrap_err();
        assert!(
            hint.contains("job token cannot open merge requests"),
            "{hint}"
        );
    }
}
