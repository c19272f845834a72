//! How the `git` program is started: with the environment of the run, our settings and a time limit.

use std::ffi::OsStr;
use std::io::IsTerminal as _;

use super::{Transport, TransportError};
use crate::io::child::{Child, ChildError, Finished as Output, without_secrets};
use crate::io::git::limits::Act;

/// Hooks are for what people do. A push alone asks pre-push.
const NO_HOOKS: [&str; 2] = ["-c", "core.hooksPath=/dev/null"];

impl Transport {
    pub(super) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Output, TransportError> {
        self.call(self.child(&NO_HOOKS, arguments), arguments)
    }

    pub(super) fn run_with_hooks<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
    ) -> Result<Output, TransportError> {
        self.call(self.child(&[], arguments), arguments)
    }

    /// The same, with a text on stdin.
    pub(super) fn run_with(
        &self,
        arguments: &[&str],
        text: String,
    ) -> Result<Output, TransportError> {
        self.call(self.alone(&NO_HOOKS, arguments).input(text), arguments)
    }

    fn child<S: AsRef<OsStr>>(&self, settings: &[&str], arguments: &[S]) -> Child {
        let child = self.alone(settings, arguments);
        // An ssh key's passphrase is asked for at the terminal, where there is one.
        if std::io::stdin().is_terminal() {
            child.may_ask()
        } else {
            child
        }
    }

    /// A `git` that can ask nobody.
    fn alone<S: AsRef<OsStr>>(&self, settings: &[&str], arguments: &[S]) -> Child {
        let act = if ["fetch", "push"].contains(&&*subcommand(arguments)) {
            Act::Carry
        } else {
            Act::Ask
        };
        Child::new(
            "git",
            without_secrets(&self.environment),
            self.limits.of(act),
        )
        .args([OsStr::new("-C"), self.root.as_os_str()])
        .args(settings)
        .args(arguments)
        .envs(&self.credentials.environment)
        .envs([("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0")])
    }

    fn call<S: AsRef<OsStr>>(
        &self,
        child: Child,
        arguments: &[S],
    ) -> Result<Output, TransportError> {
        child.run().map_err(|error| match error {
            ChildError::Start(error) => TransportError::NoProgram(error.to_string()),
            ChildError::Slow(limit) => TransportError::Slow {
                act: subcommand(arguments),
                seconds: limit.as_secs(),
            },
            ChildError::Interrupted => TransportError::CutOff {
                act: subcommand(arguments),
            },
            ChildError::TooMuch(bytes) => TransportError::TooMuch {
                act: subcommand(arguments),
                bytes,
            },
        })
    }

    pub(super) fn succeeded(&self, act: &str, output: Output) -> Result<String, TransportError> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failure(act, &output))
    }
}

/// What `git` is called for: the first word that belongs to no setting before it.
fn subcommand<S: AsRef<OsStr>>(arguments: &[S]) -> String {
    let mut words = arguments.iter().map(|word| word.as_ref().to_string_lossy());
    while let Some(word) = words.next() {
        match &*word {
            "-c" => drop(words.next()),
            _ => return word.into_owned(),
        }
    }
    String::new()
}
