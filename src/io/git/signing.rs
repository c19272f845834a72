//! Signatures of commits by the programs that Git's configuration names: OpenPGP by gpg, SSH by ssh-keygen.
//!
//! A configuration that asks for a signature which cannot be made fails; a commit is never left unsigned instead.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::GitError;

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
        let text = |name: &str| config.get_string(name).ok().filter(|value| !value.is_empty());
        if !config.get_bool("commit.gpgsign").unwrap_or(false) {
            return Ok(None);
        }
        let key = text("user.signingkey");
        match text("gpg.format").as_deref().unwrap_or("openpgp") {
            "openpgp" => {
                let program = text("gpg.openpgp.program").or_else(|| text("gpg.program")).unwrap_or_else(|| "gpg".to_owned());
                Ok(Some(Self::OpenPgp { program, key: key.unwrap_or_else(|| committer.to_owned()) }))
            }
            "ssh" => {
                let key = key.ok_or_else(|| GitError::Unsigned("`user.signingKey` is not set".to_owned()))?;
                Ok(Some(Self::Ssh { program: text("gpg.ssh.program").unwrap_or_else(|| "ssh-keygen".to_owned()), key }))
            }
            other => Err(GitError::Unsigned(format!("`gpg.format` is `{other}`, and openpgp and ssh are supported"))),
        }
    }

    /// The signature of a commit's content, armoured. A key's relative path begins at the working tree's root, as for Git.
    pub(super) fn sign(&self, content: &str, root: &Path) -> Result<String, GitError> {
        match self {
            Self::OpenPgp { program, key } => {
                let mut command = Command::new(program);
                command.args(["--status-fd=2", "-bsau", key]);
                finish(program, command, content)
            }
            Self::Ssh { program, key } => {
                let failed = |error: std::io::Error| GitError::Unsigned(error.to_string());
                let mut command = Command::new(program);
                command.args(["-Y", "sign", "-n", "git", "-f"]);
                // Git takes a key in place of a file that has it; the agent then has the private half.
                let literal = key.strip_prefix("key::").or_else(|| key.starts_with("ssh-").then_some(key));
                let mut file = tempfile::NamedTempFile::new().map_err(failed)?;
                match literal {
                    Some(literal) => {
                        writeln!(file, "{literal}").map_err(failed)?;
                        command.arg(file.path()).arg("-U");
                    }
                    None => {
                        command.arg(root.join(at_home(key)));
                    }
                }
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
fn finish(program: &str, mut command: Command, content: &str) -> Result<String, GitError> {
    let failed = |error: std::io::Error| GitError::Unsigned(format!("`{program}` cannot be run: {error}"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let mut stdin = child.stdin.take().expect("stdin was asked to be a pipe");
    // A program that refuses at once does not read: what it says tells more than the broken pipe.
    let written = stdin.write_all(content.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(failed)?;
    let signature = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && signature.starts_with("-----BEGIN ") {
        written.map_err(failed)?;
        return Ok(signature);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty() && !line.starts_with("[GNUPG:]"));
    Err(GitError::Unsigned(format!("`{program}` says: {}", line.unwrap_or("nothing"))))
}
