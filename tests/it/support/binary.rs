//! Runs the built binary isolated from the machine: no variable of the caller except `PATH`, and its own home and working folder.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Seek as _, Write as _};

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use imago::engine::code::{Code, CodeKind};

use super::schema::{faults, schema};
use super::seeds::scale;

/// No run of a test takes this long, unless it hangs, or `IMAGO_SCALE` makes it so many times larger.
const PATIENCE: Duration = Duration::from_secs(60);

/// A working folder and a home folder for a test. Dropping it removes both.
pub(crate) struct Workplace {
    root: TempDir,
}

impl Workplace {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("imago-test-")
            .tempdir()
            .unwrap();
        fs::create_dir(root.path().join("home")).unwrap();
        fs::create_dir(root.path().join("work")).unwrap();
        Self { root }
    }

    /// One with the files of a folder.
    pub(crate) fn with_files_of(folder: &Path) -> Self {
        let place = Self::new();
        for (name, bytes) in files(folder) {
            place.write(&name, bytes);
        }
        place
    }

    /// The working folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.root.path().join("work")
    }

    /// A path beside the working folder, for files that a run needs but must not find there.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Writes a file, and creates its parent folders.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Every file, by its path with `/`, without `.git`.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.path())
    }

    /// The binary, to run here.
    pub(crate) fn imago<I: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = I>) -> Run {
        self.program(env!("CARGO_BIN_EXE_imago"), arguments)
    }

    /// Another program, to run here.
    pub(crate) fn program<I: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = I>,
    ) -> Run {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            // Do not find a repository in a parent folder.
            .env("GIT_CEILING_DIRECTORIES", self.root.path())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Run { command }
    }
}

/// A program that is ready to run.
pub(crate) struct Run {
    command: Command,
}

impl Run {
    /// Sets a variable for it.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it these bytes as standard input.
    pub(crate) fn input(self, bytes: impl AsRef<[u8]>) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes.as_ref()).unwrap();
        self.input_of(file)
    }

    /// The same, from a file: more than memory has.
    pub(crate) fn input_of(mut self, mut file: fs::File) -> Self {
        file.rewind().unwrap();
        self.command.stdin(file);
        self
    }

    /// Lets it run in another folder.
    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Kills it after this time. Returns whether it was still running.
    pub(crate) fn killed_after(mut self, time: Duration) -> bool {
        let mut child = self.command.spawn().unwrap();
        thread::sleep(time);
        let running = child.try_wait().unwrap().is_none();
        // It may have ended between the two.
        drop(child.kill());
        child.wait().unwrap();
        running
    }

    /// Sends it a signal (`INT`, `TERM`) after this time, and waits for its end. The code is -1 if the signal itself ended it.
    pub(crate) fn signalled_after(self, signal: &str, time: Duration) -> Finished {
        self.signalled(signal, time, Duration::ZERO)
    }

    /// As [`Run::signalled_after`], and nobody reads its stdout for the time `unread`.
    pub(crate) fn signalled(mut self, signal: &str, time: Duration, unread: Duration) -> Finished {
        let mut child = self.command.spawn().unwrap();
        let stdout = reader_after(unread, child.stdout.take());
        let stderr = reader(child.stderr.take());
        thread::sleep(time);
        // It may have ended by itself.
        Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let (code, peak) = wait(&mut child);
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        Finished {
            command: format!("{:?}", self.command),
            code: code.unwrap_or(-1),
            stdout,
            stderr,
            peak,
        }
    }

    /// Runs it to its end. If it hangs, panics with its output so far.
    pub(crate) fn finish(mut self) -> Finished {
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", self.command));
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let (code, peak) = wait(&mut child);
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        let command = format!("{:?}", self.command);
        assert!(
            code.is_some(),
            "{command} did not end by itself\nstdout: {stdout}\nstderr: {stderr}"
        );
        Finished {
            command,
            code: code.unwrap_or(-1),
            stdout,
            stderr,
            peak,
        }
    }

    /// Runs it to its end. Panics if the exit code is another one.
    pub(crate) fn finish_with(self, code: i32) -> Finished {
        let finished = self.finish();
        assert_eq!(
            finished.code, code,
            "{}\nstdout: {}\nstderr: {}",
            finished.command, finished.stdout, finished.stderr
        );
        finished
    }
}

/// A finished program: its output and how it ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// Its command line.
    pub(crate) command: String,
    /// Its exit code.
    pub(crate) code: i32,
    /// Its stdout. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) stdout: String,
    /// Its stderr.
    pub(crate) stderr: String,
    /// Its peak memory in KiB; 0 if the system does not report it.
    pub(crate) peak: u64,
}

impl Finished {
    /// Its stdout as JSON. A report must match its schema.
    pub(crate) fn json(&self) -> serde_json::Value {
        let value: serde_json::Value = serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "no JSON ({error}) from {}\nstdout: {}\nstderr: {}",
                self.command, self.stdout, self.stderr
            )
        });
        if value.get("mode").is_some() {
            let form = match value.get("images") {
                Some(_) => "images.schema.json",
                None => "report.schema.json",
            };
            let faults = faults(&schema(form), &value);
            assert!(faults.is_empty(), "{}: {faults:#?}", self.command);
            assert_codes(&value, &self.command);
        }
        value
    }
}

/// Checks that every code of a report is documented, with the kind of its list.
fn assert_codes(report: &serde_json::Value, command: &str) {
    for list in ["problems", "skipped"] {
        for entry in report[list].as_array().unwrap() {
            let code = Code::ALL.iter().find(|code| entry["code"] == code.as_str());
            let kind = code.map(|code| code.kind());
            let expected = match (list, entry["held"].as_bool()) {
                ("problems", _) => CodeKind::Problem,
                (_, Some(true)) => CodeKind::Held,
                _ => CodeKind::Skipped,
            };
            assert_eq!(kind, Some(expected), "{command}: {entry}");
        }
    }
}

fn reader(stream: Option<impl std::io::Read + Send + 'static>) -> thread::JoinHandle<String> {
    reader_after(Duration::ZERO, stream)
}

fn reader_after(
    time: Duration,
    stream: Option<impl std::io::Read + Send + 'static>,
) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        thread::sleep(time);
        let mut bytes = Vec::new();
        stream
            .expect("the stream is piped")
            .read_to_end(&mut bytes)
            .unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Its exit code, and its peak memory in KiB. No code if a signal ended it, or it had to be killed.
fn wait(child: &mut Child) -> (Option<i32>, u64) {
    let start = Instant::now();
    let patience = PATIENCE * u32::try_from(scale()).unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return (status.code(), peak);
        }
        if start.elapsed() > patience {
            child.kill().unwrap();
            child.wait().unwrap();
            return (None, peak);
        }
        let line = fs::read_to_string(&status).ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
            line.trim().strip_suffix(" kB")?.parse().ok()
        });
        peak = line.unwrap_or(peak).max(peak);
        // A short run reaches its peak just before its end.
        let is_young = start.elapsed() < Duration::from_millis(200);
        thread::sleep(Duration::from_micros(if is_young { 200 } else { 2000 }));
    }
}

/// The most peak memory of some runs, in KiB, where others are compared with it. It is looked up every few milliseconds, so a short run may
/// end before its peak was seen: there are more runs until what was seen `is_enough`.
pub(crate) fn most_seen(is_enough: impl Fn(u64) -> bool, peak: impl Fn() -> u64) -> u64 {
    let mut most = 0;
    for _ in 0..10 {
        most = most.max(peak());
        if is_enough(most) {
            break;
        }
    }
    most
}

/// Every file below a folder, by its path with `/`, without `.git`.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in
            fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if name == ".git" {
                continue;
            }
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                walk(&path, &format!("{name}/"), found);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, "", &mut found);
    found
}

#[test]
fn a_run_sees_nothing_of_the_machine() {
    let place = Workplace::new();
    let seen = place
        .program("env", [] as [&str; 0])
        .env("OWN", "1")
        .finish_with(0)
        .stdout;
    let names: Vec<&str> = seen
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    for name in &names {
        assert!(
            matches!(
                *name,
                "PATH" | "HOME" | "GIT_CONFIG_NOSYSTEM" | "GIT_CEILING_DIRECTORIES" | "OWN"
            ),
            "{name}"
        );
    }
    assert!(seen.contains(&format!("HOME={}", place.beside("home").display())));
}
