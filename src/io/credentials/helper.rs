//! Docker's credential helpers: `docker-credential-NAME get` reads a server name and prints JSON.
//!
//! A helper may print anything or never end, so it has a time limit and a size limit. Its output is never repeated in a message:
//! it may be a secret.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{CredentialError, Credentials, Secret, SecretKind, Source};
use crate::io::child::{Child, ChildError, without_secrets};

/// The most that a helper may print, in bytes. A long token has a few kilobytes.
const MAX_OUTPUT: usize = 256 * 1024;

/// Asks `docker-credential-{name}` for a server. Returns `None` if the helper has no credentials for it.
pub(super) async fn get(
    name: &str,
    server: &str,
    environment: &BTreeMap<OsString, OsString>,
    limit: Duration,
) -> Result<Option<Credentials>, CredentialError> {
    let program = format!("docker-credential-{name}");
    let Some(path) = find(&program, environment) else {
        return Err(CredentialError::HelperMissing { program });
    };
    let child = Child::new(path, without_secrets(environment), limit)
        .args(["get"])
        .input(server);
    match child.most(MAX_OUTPUT).without_errors().finish().await {
        Ok(finished) => read(program, finished.status.success(), &finished.stdout),
        Err(ChildError::Slow(limit)) => Err(CredentialError::HelperSlow {
            program,
            seconds: limit.as_secs_f64(),
        }),
        Err(ChildError::TooMuch(_)) => Err(CredentialError::HelperGarbage { program }),
        Err(ChildError::Start(source)) => Err(CredentialError::HelperStart {
            program,
            source: source.into(),
        }),
        Err(ChildError::Interrupted) => Err(CredentialError::HelperFailed { program }),
    }
}

/// Searches only the folders of `PATH`. A name with a slash would run any program that the author of the config file chose.
pub(in crate::io) fn find(
    program: &str,
    environment: &BTreeMap<OsString, OsString>,
) -> Option<PathBuf> {
    if program.contains(['/', '\\', '\0']) {
        return None;
    }
    let path = environment.get(OsStr::new("PATH"))?;
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

fn read(
    program: String,
    success: bool,
    output: &[u8],
) -> Result<Option<Credentials>, CredentialError> {
    if !success {
        // The helpers' protocol has no exit code for this, only the text `credentials not found in native keychain`.
        let text = String::from_utf8_lossy(output);
        return match text.contains("credentials not found") {
            true => Ok(None),
            false => Err(CredentialError::HelperFailed { program }),
        };
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(output) else {
        return Err(CredentialError::HelperGarbage { program });
    };
    if answer.secret.is_empty() {
        return Ok(None);
    }
    let kind = if answer.username == "<token>" {
        SecretKind::IdentityToken
    } else {
        SecretKind::Password
    };
    let source = Source::Helper(program);
    Ok(Some(Credentials {
        kind,
        username: answer.username,
        secret: Secret::new(answer.secret),
        source,
    }))
}
