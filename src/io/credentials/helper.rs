//! Docker's credential helpers: `docker-credential-NAME get`, which reads a server's name and answers with JSON.
//!
//! A helper may print anything or never end, so it has a time limit and a size limit, and nothing that it printed is ever repeated:
//! it may be a secret.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{CredentialError, Credentials, Kind, Secret, Source};

/// The most that a helper may print, in bytes: a long token is some kilobytes.
const MAX_OUTPUT: u64 = 256 * 1024;

/// Asks `docker-credential-{name}` for a server. `None` when it knows no credentials.
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
    match tokio::time::timeout(limit, run(&path, server, environment)).await {
        Err(_) => Err(CredentialError::HelperSlow { program, seconds: limit.as_secs_f64() }),
        Ok(Err(source)) => Err(CredentialError::HelperStart { program, source: source.into() }),
        Ok(Ok((success, output))) => read(program, success, &output),
    }
}

/// Looks in the folders of `PATH` alone: a name with a folder in it would run what the config file's author likes.
pub(in crate::io) fn find(program: &str, environment: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    if program.contains(['/', '\\', '\0']) {
        return None;
    }
    let path = environment.get(OsStr::new("PATH"))?;
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

async fn run(path: &PathBuf, server: &str, environment: &BTreeMap<OsString, OsString>) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = tokio::process::Command::new(path)
        .arg("get")
        .env_clear()
        .envs(environment)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(server.as_bytes()).await {
            // A helper that answers without reading its input is as good as another.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(error),
            _ => drop(stdin),
        }
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_OUTPUT).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?.success(), output))
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    username: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

fn read(program: String, success: bool, output: &[u8]) -> Result<Option<Credentials>, CredentialError> {
    if !success {
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
    let kind = if answer.username == "<token>" { Kind::IdentityToken } else { Kind::Password };
    let source = Source::Helper(program);
    Ok(Some(Credentials { kind, username: answer.username, secret: Secret::new(answer.secret), source }))
}
