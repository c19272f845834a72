//! Signatures of commits by the programs that Git's configuration names: OpenPGP by gpg, SSH by ssh-keygen.
//!
//! A configuration that asks for a signature which cannot be made fails; a commit is never left unsigned instead.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::GitError;
use super::limits::{Act, Limits};
use crate::io::child::{Child, for_signing};

/// How a commit is signed.
#[derive(Debug)]
pub(super) enum Signer {
    /// `gpg`, or what `gpg.program` names, with this key.
    OpenPgp { program: String, key: String },
    /// `ssh-keygen`, or what `gpg.ssh.program` names, with this key: a file, or the key itself.
    Ssh { program: String, key: String },
}

impl Signer {
    /// What the configuration asks for; `None` where commits are not signed.
    pub(super) fn of(config: &git2::Config, committer: &str) -> Result<Option<Self>, GitError> {
        let text = |name: &str| {
            config
                .get_string(name)
                .ok()
                .filter(|value| !value.is_empty())
        };
        if !config.get_bool("commit.gpgsign").unwrap_or(false) {
            return Ok(None);
        }
        let key = text("user.signingkey");
        match text("gpg.format").as_deref().unwrap_or("openpgp") {
            "openpgp" => {
                let program = text("gpg.openpgp.program")
                    .or_else(|| text("gpg.program"))
                    .unwrap_or_else(|| "gpg".to_owned());
                Ok(Some(Self::OpenPgp {
                    program,
                    key: key.unwrap_or_else(|| committer.to_owned()),
                }))
            }
            "ssh" => {
                let key = key
                    .ok_or_else(|| GitError::Unsigned("`user.signingKey` is not set".to_owned()))?;
                Ok(Some(Self::Ssh {
                    program: text("gpg.ssh.program").unwrap_or_else(|| "ssh-keygen".to_owned()),
                    key,
                }))
            }
            other => Err(GitError::Unsigned(format!(
                "`gpg.format` is `{other}`, and openpgp and ssh are supported"
            ))),
        }
    }

    /// The signature of a commit's content, armoured. A key's relative path begins at the working tree's root, as for Git.
    pub(super) fn sign(
        &self,
        content: &str,
        root: &Path,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<String, GitError> {
        let child = |program: &str| {
            // It runs beside the terminal, so it asks in a window or not at all.
            let asks = [("SSH_ASKPASS_REQUIRE", "force")]
                .into_iter()
                .filter(|(name, _)| !environment.contains_key(OsStr::new(name)));
            Child::new(
                program,
                for_signing(environment),
                Limits::of_environment(environment).of(Act::Ask),
            )
            .envs(asks)
        };
        match self {
            Self::OpenPgp { program, key } => finish(
                program,
                child(program).args(["--status-fd=2", "-bsau", key]),
                content,
            ),
            Self::Ssh { program, key } => {
                let failed = |error: std::io::Error| GitError::Unsigned(error.to_string());
                let command = child(program).args(["-Y", "sign", "-n", "git", "-f"]);
                // Git takes a key in place of a file that has it; the agent then has the private half.
                let literal = key
                    .strip_prefix("key::")
                    .or_else(|| key.starts_with("ssh-").then_some(key));
                let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
                let command = match literal {
                    Some(literal) => {
                        writeln!(file, "{literal}").map_err(failed)?;
                        command.args([file.path().as_os_str(), OsStr::new("-U")])
                    }
                    None => command.args([root.join(at_home(key))]),
                };
                finish(program, command, content)
            }
        }
    }
}

/// A key's file with `~/` replaced, which Git allows there.
fn at_home(key: &str) -> PathBuf {
    match (key.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => Path::new(key).to_owned(),
    }
}

/// Hands the content over on stdin, and takes the signature from stdout.
fn finish(program: &str, child: Child, content: &str) -> Result<String, GitError> {
    let output = child
        .input(content)
        .run()
        .map_err(|error| GitError::Unsigned(format!("`{program}`: {error}")))?;
    let signature = String::from_utf8_lossy(&output.stdout).into_owned();
    let is_text = signature.starts_with("-----BEGIN ") && !signature.contains('\0');
    if output.status.success() && is_text {
        return Ok(signature);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.starts_with("[GNUPG:]"));
    Err(GitError::Unsigned(format!(
        "`{program}` says: {}",
        line.unwrap_or("nothing")
    )))
}
