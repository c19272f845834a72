//! Why the program did not do it, read from what it says.

use super::{Output, Transport};
use crate::engine::code::Code;
use crate::io::git::BRANCH_IN_THE_WAY;

/// Why nothing was fetched or pushed. The text is the cause alone.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// There is no `git` to call.
    #[error("there is no `git` program: {0}")]
    NoProgram(String),
    /// The repository has no such remote.
    #[error("there is no remote `{0}`")]
    NoRemote(String),
    /// The remote does not know us, or does not let us.
    #[error("the remote refuses the credentials: {0}")]
    SignIn(String),
    /// The remote wants to know who we are, and nobody has said.
    #[error("the remote asks for credentials, and there are none: {0}")]
    NoCredentials(String),
    /// Nobody has said that this host is the right one.
    #[error("the host's key is not known, or is another: {0}")]
    HostKey(String),
    /// No answer.
    #[error("the remote cannot be reached: {0}")]
    Unreachable(String),
    /// It was ended, with all that it had started.
    #[error("`git {act}` did not end within {seconds} s{}", if act == "push" { ", and the remote may have taken the commit" } else { "" })]
    Slow {
        /// The subcommand.
        act: String,
        /// The time that it had.
        seconds: u64,
    },
    /// It was ended, because nobody would read so much.
    #[error("`git {act}` printed more than {bytes} bytes and was ended{}", if act == "push" { ", and the remote may have taken the commit" } else { "" })]
    TooMuch {
        /// The subcommand.
        act: String,
        /// What it may print.
        bytes: usize,
    },
    /// A signal ended the program, so that nobody knows how far it came.
    #[error("`git {act}` was ended by a signal{}", if act == "push" { ", and the remote may have taken the commit" } else { "" })]
    CutOff {
        /// The subcommand.
        act: String,
    },
    /// A hook or a rule of the remote.
    #[error("the remote refuses the push: {0}")]
    Refused(String),
    /// The client's own hook.
    #[error("the pre-push hook refuses it: {0}")]
    Hook(String),
    /// Local changes are in the way.
    #[error("a file is changed here and there: {0}")]
    InTheWay(String),
    /// The remote's commit has a path such as `.git/config`.
    #[error("Git refuses a path of the remote's commit: {0}")]
    InvalidPath(String),
    /// This branch of the remote makes the name of the new one impossible.
    #[error("the branch `{0}` is in the way: no branch's name goes on where another's ends")]
    BranchInTheWay(String),
    /// Its commits have names that libgit2 does not know.
    #[error("its commits have SHA-256 names")]
    ObjectFormat,
    /// Anything else that the program says.
    #[error("`git {act}` says: {said}")]
    Other {
        /// The subcommand.
        act: String,
        /// Its words.
        said: String,
    },
}

impl TransportError {
    /// A stable word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::NoProgram(_) => Code::GitProgram,
            Self::NoRemote(_) => Code::GitRemote,
            Self::SignIn(_) | Self::NoCredentials(_) => Code::GitSignIn,
            Self::HostKey(_) => Code::GitHostKey,
            Self::Unreachable(_) => Code::GitUnreachable,
            Self::Slow { .. } => Code::GitTimeout,
            Self::CutOff { .. } => Code::GitCutOff,
            Self::Refused(_) | Self::BranchInTheWay(_) => Code::GitRefused,
            Self::Hook(_) => Code::GitHook,
            Self::InTheWay(_) => Code::GitInTheWay,
            Self::ObjectFormat => Code::GitUnsupported,
            Self::TooMuch { .. } | Self::InvalidPath(_) | Self::Other { .. } => Code::Git,
        }
    }

    /// One thing to do about it, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoProgram(_) => Some("install git, or leave out `--push`"),
            Self::NoRemote(_) => Some("name one of those that `git remote` lists: `--remote NAME`"),
            Self::SignIn(_) => Some(
                "give a token that may push by IMAGO_GIT_TOKEN, or set up what `git push` needs",
            ),
            Self::NoCredentials(_) => {
                Some("give a token that may push by IMAGO_GIT_TOKEN, or sign in as for `git push`")
            }
            Self::HostKey(_) => Some(
                "add the host's key to known_hosts, after comparing it with what the host publishes",
            ),
            Self::Unreachable(_) => {
                Some("check the remote's address (`git remote -v`) and the network")
            }
            Self::Slow { .. } => Some(
                "check the network, the remote and the hooks; IMAGO_GIT_TIMEOUT=SECONDS gives it more time",
            ),
            Self::TooMuch { .. } => Some("have the hooks, or those of the remote, print less"),
            Self::CutOff { .. } => Some("run again: it goes on from what the remote has"),
            Self::Refused(_) => {
                Some("let this account push there, or push to another branch with `--branch NAME`")
            }
            Self::Hook(_) => {
                Some("do what the hook asks for, or take it out of the repository's hooks")
            }
            Self::BranchInTheWay(_) => Some(BRANCH_IN_THE_WAY),
            Self::InTheWay(_) => Some("commit, stash or remove it, then run again"),
            Self::InvalidPath(_) => Some("take that path off the remote's branch"),
            Self::ObjectFormat => {
                Some("imago works in repositories with SHA-1 names, Git's default")
            }
            Self::Other { .. } => None,
        }
    }
}

impl Transport {
    /// Sorts what the program said by whose fault it is.
    pub(super) fn failure(&self, act: &str, output: &Output) -> TransportError {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let has = |texts: &[&str]| texts.iter().any(|text| stderr.contains(text));
        let begins = [
            "fatal:",
            "error:",
            "remote:",
            "ERROR:",
            "ssh:",
            "kex_exchange_identification:",
            "Connection ",
        ];
        let said = self.said(output, |line| {
            begins.iter().any(|begin| line.starts_with(begin))
                || line.contains(": Permission denied (")
        });
        match () {
            () if has(&[
                "Host key verification failed",
                "REMOTE HOST IDENTIFICATION HAS CHANGED",
            ]) =>
            {
                TransportError::HostKey(said)
            }
            () if has(&["could not read Username", "could not read Password"]) => {
                TransportError::NoCredentials(said)
            }
            () if has(&[
                "Authentication failed",
                "Permission denied (",
                "returned error: 401",
                "returned error: 403",
            ]) =>
            {
                TransportError::SignIn(said)
            }
            () if has(&[
                "Could not resolve host",
                "Connection refused",
                "Failed to connect",
                "Could not connect",
                "timed out",
                "Connection closed by",
                "Connection reset",
                "No route to host",
                "Network is unreachable",
                "does not appear to be a git repository",
                "repository not found",
                "Repository not found",
                "returned error: 404",
            ]) || stderr.lines().any(|line| {
                line.starts_with("fatal: repository ") && line.contains("not found")
            }) =>
            {
                TransportError::Unreachable(said)
            }
            () => TransportError::Other {
                act: act.to_owned(),
                said,
            },
        }
    }

    /// The lines of stderr that are taken, or the last one where none is; without secrets.
    pub(super) fn said(&self, output: &Output, takes: impl Fn(&str) -> bool) -> String {
        const MOST: usize = 4;
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && *line != "remote:")
            .collect();
        let mut taken: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|line| takes(line))
            .take(MOST)
            .collect();
        if taken.is_empty() {
            taken.extend(lines.last());
        }
        taken
            .iter()
            .map(|line| self.hide(line))
            .collect::<Vec<_>>()
            .join("; ")
    }

    /// What the program said, without secrets.
    pub(super) fn hide(&self, said: &str) -> String {
        without_account(&self.known.hide(said))
    }
}

/// A line without the accounts of addresses in it: a token may stand for a name there.
fn without_account(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after
            .find(|character: char| character.is_whitespace() || "/'\"<>".contains(character))
            .unwrap_or(after.len());
        rest = after[..end].rfind('@').map_or(after, |at| &after[at + 1..]);
    }
    shown + rest
}

/// The branch that keeps another one from being made, by what was said of a push: `'refs/heads/imago' exists; cannot create …`.
pub(super) fn branch_in_the_way(said: &str) -> Option<&str> {
    let (before, _) = said.split_once("' exists; cannot create")?;
    before.rsplit_once("'refs/heads/").map(|(_, branch)| branch)
}

/// Whether a push was refused because the branch is no longer what it was, by the verdict on it and by what was said beside.
pub(super) fn is_moved(verdict: &str, said: &str) -> bool {
    const LOCALLY: [&str; 4] = [
        "(fetch first)",
        "(non-fast-forward)",
        "(stale info)",
        "(remote ref updated since checkout)",
    ];
    const BY_THE_REMOTE: [&str; 5] = [
        "cannot lock ref",
        "failed to update ref",
        "incorrect old value provided",
        "reference already exists",
        "fetch first",
    ];
    let locally =
        verdict.starts_with("[rejected]") && LOCALLY.iter().any(|text| verdict.contains(text));
    // That stays so, however often it is tried.
    let stays = |text: &str| branch_in_the_way(text).is_some();
    locally
        || verdict.starts_with("[remote")
            && !stays(verdict)
            && !stays(said)
            && BY_THE_REMOTE.iter().any(|text| verdict.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_account_of_an_address_is_shown() {
        for (line, shown) in [
            (
                "could not read Password for 'https://token@h.test'",
                "could not read Password for 'https://h.test'",
            ),
            (
                "at https://ada:a@b@h.test/x@y.git and ssh://git@h/z",
                "at https://h.test/x@y.git and ssh://h/z",
            ),
            (
                "https://h.test/x@y and no more @ here",
                "https://h.test/x@y and no more @ here",
            ),
            ("a://", "a://"),
        ] {
            assert_eq!(without_account(line), shown);
        }
    }

    #[test]
    fn a_lost_race_is_told_from_a_refusal() {
        for verdict in [
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[rejected] (stale info)",
            "[remote rejected] (cannot lock ref 'refs/heads/main': is at 1 but expected 2)",
            "[remote rejected] (incorrect old value provided)",
        ] {
            assert!(is_moved(verdict, "remote: busy"), "{verdict}");
        }
        for verdict in [
            "[remote rejected] (pre-receive hook declined)",
            "[remote rejected] (protected branch hook declined)",
            "[rejected] (atomic)",
        ] {
            assert!(!is_moved(verdict, ""), "{verdict}");
        }
        let said = "error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'";
        assert!(
            !is_moved("[remote rejected] (failed to update ref)", said)
                && !is_moved(&format!("[remote rejected] ({said})"), "")
        );
    }
}
