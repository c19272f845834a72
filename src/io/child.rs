//! Child processes: every program that runs for us is started here.
//!
//! A child gets an environment without our secrets ([`environment`]), a time limit, and a limit on its output. It leads its own
//! process group, so that the time limit also ends everything that it started:
//!
//! ```text
//! Child::new("docker-credential-shop", without_secrets(&environment), limit).arg("get").input(server).run()
//! ```
//!
//! A process group of its own is not the terminal's foreground group, so the system stops a child that asks there. Use
//! [`Child::may_ask`] for such a child.

mod environment;
mod stream;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child as Process, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, test_kill_process_group,
    waitid,
};

pub(in crate::io) use environment::for_signing;
pub(in crate::io) use environment::without_secrets;
use stream::Stream;

use super::interrupt;

/// The output limit of each stream, in bytes, unless the caller sets one.
const MAX_OUTPUT: usize = 64 * 1024 * 1024;
/// The time from SIGTERM, after which a program removes its locks, to SIGKILL.
const TO_CLEAN_UP: Duration = Duration::from_secs(1);
/// How long to wait for the rest of the output after a child has ended. A process that it left behind may keep the pipe open
/// forever.
const TO_DRAIN: Duration = Duration::from_millis(200);
/// How often a running child is checked while its streams are silent.
const STEP: Duration = Duration::from_millis(25);

/// A program to run.
pub(in crate::io) struct Child {
    command: Command,
    limit: Duration,
    most: usize,
    input: Option<Vec<u8>>,
    may_ask: bool,
}

/// The output of a child, and how it ended.
#[derive(Debug)]
pub(in crate::io) struct Finished {
    pub(in crate::io) status: ExitStatus,
    pub(in crate::io) stdout: Vec<u8>,
    /// Empty if stderr was shown or dropped.
    pub(in crate::io) stderr: Vec<u8>,
}

/// Why a child did not finish. No variant contains its output.
#[derive(Debug, thiserror::Error)]
pub(in crate::io) enum ChildError {
    /// It could not be started, or its pipes could not be set up.
    #[error("it cannot be started: {0}")]
    Start(#[source] io::Error),
    /// The time limit ended it, and everything that it had started.
    #[error("it did not end within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// It printed more than the limit, and was ended.
    #[error("it printed more than {0} bytes")]
    TooMuch(usize),
    /// The caller dropped the future, or a signal asks us to end.
    #[error("it was interrupted")]
    Interrupted,
}

impl Child {
    /// A program with only this environment. A bare name is searched in that environment's `PATH`. Stdin is empty; stdout and
    /// stderr are read.
    pub(in crate::io) fn new(
        program: impl AsRef<OsStr>,
        environment: BTreeMap<OsString, OsString>,
        limit: Duration,
    ) -> Self {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            limit,
            most: MAX_OUTPUT,
            input: None,
            may_ask: false,
        }
    }

    /// Adds arguments. Never pass a secret: every user of the machine can read them.
    pub(in crate::io) fn args<S: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds variables, without filtering secrets.
    pub(in crate::io) fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Writes a text to stdin. The child need not read it.
    pub(in crate::io) fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(text.into());
        self
    }

    /// Sets the limit of each output stream, in bytes.
    pub(in crate::io) fn most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Drops stderr.
    pub(in crate::io) fn without_errors(mut self) -> Self {
        self.command.stderr(Stdio::null());
        self
    }

    /// Passes stderr through to the user.
    pub(in crate::io) fn shows_errors(mut self) -> Self {
        self.command.stderr(Stdio::inherit());
        self
    }

    /// Lets it ask at our terminal: it inherits stdin and stays in our process group. The time limit then ends only the program
    /// itself.
    pub(in crate::io) fn may_ask(mut self) -> Self {
        self.command.stdin(Stdio::inherit());
        self.input = None;
        self.may_ask = true;
        self
    }

    /// Runs it to its end on this thread.
    pub(in crate::io) fn run(self) -> Result<Finished, ChildError> {
        self.run_unless(&AtomicBool::new(false))
    }

    /// Runs it to its end on a blocking thread. Dropping the future ends it.
    pub(in crate::io) async fn finish(self) -> Result<Finished, ChildError> {
        let cancelled = Arc::new(AtomicBool::new(false));
        let _guard = CancelOnDrop(Arc::clone(&cancelled));
        let work = tokio::task::spawn_blocking(move || self.run_unless(&cancelled));
        work.await
            .unwrap_or_else(|error| Err(ChildError::Start(io::Error::other(error))))
    }

    fn run_unless(mut self, cancelled: &AtomicBool) -> Result<Finished, ChildError> {
        if !self.may_ask {
            self.command.process_group(0);
        }
        // From now on a signal ends the child first. Children in our own group get it from the terminal.
        let _held = interrupt::hold_for_child();
        let process = self.command.spawn().map_err(ChildError::Start)?;
        let mut running = Running {
            process,
            group: !self.may_ask,
            ended: false,
        };
        running.follow(&mut self, cancelled)
    }
}

struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A child that was started. Dropping it ends the child.
struct Running {
    process: Process,
    group: bool,
    ended: bool,
}

impl Running {
    fn follow(
        &mut self,
        child: &mut Child,
        cancelled: &AtomicBool,
    ) -> Result<Finished, ChildError> {
        let deadline = Instant::now() + child.limit;
        let (closed, closes) = channel();
        if let (Some(text), Some(stdin)) = (child.input.take(), self.process.stdin.take()) {
            stream::write(stdin, text).map_err(ChildError::Start)?;
        }
        let stdout = self
            .process
            .stdout
            .take()
            .map(|pipe| Stream::read(pipe, child.most, closed.clone()));
        let stderr = self
            .process
            .stderr
            .take()
            .map(|pipe| Stream::read(pipe, child.most, closed));
        let stdout = stdout.transpose().map_err(ChildError::Start)?;
        let stderr = stderr.transpose().map_err(ChildError::Start)?;
        let mut open = stdout.iter().chain(&stderr).count();
        // Streams close a moment before the end of their process can be seen.
        let mut pause = Duration::from_micros(100);
        loop {
            if open > 0 {
                open -= usize::from(closes.recv_timeout(STEP).is_ok());
            } else {
                std::thread::sleep(pause);
                pause = (pause * 2).min(STEP);
            }
            if stdout.iter().chain(&stderr).any(Stream::is_too_much) {
                return Err(ChildError::TooMuch(child.most));
            }
            if self.has_ended() {
                break;
            }
            if cancelled.load(Ordering::Relaxed) || interrupt::ends_children() {
                return Err(ChildError::Interrupted);
            }
            if Instant::now() >= deadline {
                return Err(ChildError::Slow(child.limit));
            }
        }
        let drained = Instant::now() + TO_DRAIN;
        while open > 0
            && closes
                .recv_timeout(drained.saturating_duration_since(Instant::now()))
                .is_ok()
        {
            open -= 1;
        }
        self.ended = true;
        let status = self.process.wait().map_err(ChildError::Start)?;
        if stdout.iter().chain(&stderr).any(Stream::is_too_much) {
            return Err(ChildError::TooMuch(child.most));
        }
        let taken = |stream: Option<Stream>| stream.as_ref().map(Stream::take).unwrap_or_default();
        Ok(Finished {
            status,
            stdout: taken(stdout),
            stderr: taken(stderr),
        })
    }

    /// Whether the process has ended. It stays a zombie until `wait`, so that its process id, which is also the group's, is not
    /// reused.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(
            waitid(WaitId::Pid(Pid::from_child(&self.process)), options),
            Ok(Some(_)) | Err(rustix::io::Errno::CHILD)
        )
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        // A process that has already ended needs no signal.
        let _ = if self.group {
            kill_process_group(pid, signal)
        } else {
            kill_process(pid, signal)
        };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.signal(Signal::TERM);
        let end = Instant::now() + TO_CLEAN_UP;
        while !self.has_ended() && Instant::now() < end {
            std::thread::sleep(STEP / 5);
        }
        // Send it even if the program itself has ended: what it started may still run.
        self.signal(Signal::KILL);
        let group = Pid::from_child(&self.process);
        drop(self.process.wait());
        // What it started may write until it is gone. In a container nobody may take note of its end.
        let end = Instant::now() + TO_DRAIN;
        while self.group && test_kill_process_group(group).is_ok() && Instant::now() < end {
            std::thread::sleep(STEP / 5);
        }
    }
}

#[cfg(test)]
mod tests;
