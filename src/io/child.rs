//! Child processes: every program that runs for us is started here.
//!
//! A child gets an environment without our secrets ([`environment`]), a time limit, and a limit on what it may print. It leads a process
//! group of its own, so that the limit ends what it has started too:
//!
//! ```text
//! Child::new("docker-credential-shop", without_secrets(&environment), limit).arg("get").input(server).run()
//! ```
//!
//! A group of its own is not the terminal's: a child that asks a person there is stopped by the system. [`Child::may_ask`] is for those.

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
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

pub(in crate::io) use environment::for_signing;
pub(in crate::io) use environment::without_secrets;
use stream::Stream;

use super::interrupt;

/// The most that a child may print on one stream, where the caller names no limit.
const MAX_OUTPUT: usize = 64 * 1024 * 1024;
/// The time between SIGTERM, on which a program removes its locks, and SIGKILL.
const TO_CLEAN_UP: Duration = Duration::from_secs(1);
/// The time in which output arrives that a child wrote before it ended. A process that it left behind may keep the pipe open for ever.
const TO_DRAIN: Duration = Duration::from_millis(200);
/// How often a running child is looked at, when its streams say nothing.
const STEP: Duration = Duration::from_millis(25);

/// A program that is to be run.
pub(in crate::io) struct Child {
    command: Command,
    limit: Duration,
    most: usize,
    input: Option<Vec<u8>>,
    may_ask: bool,
}

/// What a child printed, and how it ended.
#[derive(Debug)]
pub(in crate::io) struct Finished {
    /// Its exit code, or the signal that ended it.
    pub(in crate::io) status: ExitStatus,
    /// What it printed on stdout.
    pub(in crate::io) stdout: Vec<u8>,
    /// What it printed on stderr; empty where that was shown or dropped.
    pub(in crate::io) stderr: Vec<u8>,
}

/// Why a child did not come to its end. Nothing that it printed is in here.
#[derive(Debug, thiserror::Error)]
pub(in crate::io) enum ChildError {
    /// It cannot be started, or not be talked to.
    #[error("it cannot be started: {0}")]
    Start(#[source] io::Error),
    /// It was ended, with what it had started.
    #[error("it did not end within {} s", .0.as_secs_f64())]
    Slow(Duration),
    /// It printed more than it may, and was ended.
    #[error("it printed more than {0} bytes")]
    TooMuch(usize),
    /// Nobody waits for it any more, or a signal asks us to end.
    #[error("it was interrupted")]
    Interrupted,
}

impl Child {
    /// A program with this environment and no other. A bare name is looked up on the `PATH` of that environment. Stdin is empty, stdout
    /// and stderr are read.
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

    /// Adds arguments. A secret is never one: every user of the machine can read them.
    pub(in crate::io) fn args<S: AsRef<OsStr>>(
        mut self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        self.command.args(arguments);
        self
    }

    /// Adds variables on purpose, whatever they are called.
    pub(in crate::io) fn envs<K: AsRef<OsStr>, V: AsRef<OsStr>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        self.command.envs(variables);
        self
    }

    /// Gives it a text on stdin. It need not read it.
    pub(in crate::io) fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(text.into());
        self
    }

    /// Limits what it may print on each stream, in bytes.
    pub(in crate::io) fn most(mut self, bytes: usize) -> Self {
        self.most = bytes;
        self
    }

    /// Drops what it prints on stderr.
    pub(in crate::io) fn without_errors(mut self) -> Self {
        self.command.stderr(Stdio::null());
        self
    }

    /// Shows what it prints on stderr to the person who runs us.
    pub(in crate::io) fn shows_errors(mut self) -> Self {
        self.command.stderr(Stdio::inherit());
        self
    }

    /// Lets it ask at our terminal: stdin is ours, and it stays in our process group. The limit then ends the program alone.
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

    /// Runs it to its end on a thread that may wait. It is ended when the future is dropped.
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
        // A signal that comes from now on ends the child first. Children of our own group get it from the terminal.
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

/// A child that was started. Dropped before its end, it is ended.
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
        // Streams close a moment before their process is seen to have ended.
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

    /// Whether the process has ended. It stays a zombie: its number, which is the group's, is not given to another until `wait`.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(
            waitid(WaitId::Pid(Pid::from_child(&self.process)), options),
            Ok(Some(_)) | Err(rustix::io::Errno::CHILD)
        )
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process);
        // Whoever is gone cannot be told, and need not.
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
        // Also where the program itself has ended: what it started may not have.
        self.signal(Signal::KILL);
        drop(self.process.wait());
    }
}

#[cfg(test)]
mod tests;
