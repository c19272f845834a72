//! Signals that ask the program to end: SIGINT and SIGTERM.
//!
//! A signal ends the program at once, with exit code 128 plus the signal's number. This also works for the first process of a
//! container, which the system would not end by default. While a [`Held`] exists, signals are only noted, and its holder has to
//! finish soon. While a [`Closing`] exists, its holder ends what it prints, and dropping it ends the process. No thread waits for
//! signals, unless a folder is to be removed before the end (`removed_at_end`), or a run has to be told ([`closing_run`]).

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;
use tokio::sync::Semaphore;

use super::removal::remove_folder;

/// How often it is looked at whether something is over.
const STEP: Duration = Duration::from_millis(5);
/// What is over by now may need so long to say so.
const TO_SAY_SO: Duration = Duration::from_millis(100);
/// Who has not ended its output then has a reader that does not read.
const TO_CLOSE: Duration = Duration::from_secs(10);
/// How often a folder is tried to be removed: 200 ms with the steps.
const TRIES: u32 = 40;

/// Closed when a run has to end.
static ENDING: Semaphore = Semaphore::const_new(0);

/// A process has one set of signal handlers, so there is one state.
static STATE: LazyLock<State> = LazyLock::new(|| State {
    at_once: Arc::new(AtomicBool::new(true)),
    noted: Arc::new(AtomicUsize::new(0)),
    held: Mutex::new(Holders::default()),
});

struct State {
    at_once: Arc<AtomicBool>,
    /// The last noted signal; 0 means none.
    noted: Arc<AtomicUsize>,
    /// The number of holders.
    held: Mutex<Holders>,
}

#[derive(Default)]
struct Holders {
    /// Holders that finish by themselves.
    work: usize,
    /// Running children. They are ended before the process ends.
    children: usize,
    /// Holders that end what they print.
    closing: usize,
    /// Folders that are removed before the process ends.
    folders: BTreeSet<PathBuf>,
    /// Whether [`listen`] was called, so that this process is ours to end.
    listens: bool,
    /// Whether a thread waits for signals.
    watched: bool,
}

impl Holders {
    /// Whether nothing is half done.
    fn is_done(&self) -> bool {
        self.work + self.children == 0
    }

    /// Whether a signal may end the process as soon as its folders are removed.
    fn is_free(&self) -> bool {
        self.is_done() && self.closing == 0
    }

    /// Lets a signal end the process at once, or not.
    fn settle(&self) {
        let at_once = self.is_free() && self.folders.is_empty();
        STATE.at_once.store(at_once, Ordering::SeqCst);
    }

    /// Has a thread wait for signals, if this process is ours to end. `false`: there is none.
    fn watch(&mut self) -> bool {
        self.watched = self.watched || self.listens && watch().is_ok();
        self.watched
    }

    /// Ends the process if a signal was noted and nothing delays that.
    fn end_if_noted(&self) {
        if let Some(interrupt) = noted().filter(|_| self.is_free()) {
            self.end(interrupt);
        }
    }

    /// Removes the folders and ends the process. Who holds the lock meanwhile starts no child.
    fn end(&self, interrupt: Interrupt) -> ! {
        self.folders.iter().for_each(|folder| remove(folder));
        std::process::exit(interrupt.exit_code().into());
    }
}

/// Removes a folder that another thread may still write to.
fn remove(folder: &Path) {
    // Who writes by its path finds nothing there from now on.
    let gone = folder.with_extension("gone");
    let folder = match fs::rename(folder, &gone) {
        Ok(()) => &gone,
        Err(_) => folder,
    };
    // Who stands in it may go on for a moment. What cannot be removed stays.
    for _ in 0..TRIES {
        match remove_folder(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(STEP),
            _ => break,
        }
    }
}

/// Installs the signal handlers. Call it once, from `main`.
pub fn listen() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // The order matters: a signal that ends the process is not noted.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&STATE.at_once))?;
        flag::register_usize(
            signal,
            Arc::clone(&STATE.noted),
            signal.unsigned_abs() as usize,
        )?;
    }
    holders().listens = true;
    Ok(())
}

/// A folder. It is removed when the value is dropped, and before a signal ends the process.
#[derive(Debug)]
#[must_use = "the folder is removed with it"]
pub(in crate::io) struct Removed(PathBuf);

/// Makes a folder that is removed in the end, whatever ends the process. No signal comes between.
pub(in crate::io) fn removed_at_end(
    make: impl FnOnce() -> io::Result<PathBuf>,
) -> io::Result<Removed> {
    let mut held = holders();
    STATE.at_once.store(false, Ordering::SeqCst);
    let made = make();
    held.folders.extend(made.as_ref().ok().cloned());
    held.settle();
    // Without the thread a signal waits until the folder is gone, as it does for other work.
    held.watch();
    held.end_if_noted();
    made.map(Removed)
}

impl Removed {
    pub(in crate::io) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let mut held = holders();
        remove(&self.0);
        held.folders.remove(&self.0);
        held.settle();
    }
}

/// Starts the thread that ends the process after a signal, if neither work nor a child delays that. Children end by themselves then, and
/// the last one ends the process.
fn watch() -> io::Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        pipe::register(signal, writer.try_clone()?)?;
    }
    let wait = move || {
        let mut byte = [0; 1];
        while reader.read_exact(&mut byte).is_ok() {
            end_closing();
            holders().end_if_noted();
        }
    };
    let thread = thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop)
}

/// Waits, after a signal, for those that end what they print, and tells them when nothing is half done any more.
fn end_closing() {
    let mut told = None;
    loop {
        let held = holders();
        let (Some(interrupt), true) = (noted(), held.closing > 0) else {
            return;
        };
        let is_done = held.is_done();
        match told {
            Some(since) if is_done && Instant::now() > since + TO_CLOSE => held.end(interrupt),
            None if is_done => {
                drop(held);
                thread::sleep(TO_SAY_SO);
                ENDING.close();
                told = Some(Instant::now());
            }
            _ => {
                drop(held);
                thread::sleep(STEP);
            }
        }
    }
}

/// A signal that was noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt(u8);

impl Interrupt {
    /// The exit code of a program that ends because of this signal.
    pub fn exit_code(self) -> u8 {
        128 + self.0
    }
}

impl std::fmt::Display for Interrupt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(if i32::from(self.0) == SIGINT {
            "SIGINT"
        } else {
            "SIGTERM"
        })
    }
}

/// The signal that came while a [`Held`] or a [`Closing`] existed.
pub fn noted() -> Option<Interrupt> {
    let signal = u8::try_from(STATE.noted.load(Ordering::Relaxed)).ok()?;
    (signal != 0).then_some(Interrupt(signal))
}

/// While a value of this type exists, signals are noted and do not end the program.
#[derive(Debug)]
#[must_use = "signals are noted only while it is held"]
pub struct Held(());

/// Notes signals until the returned value is dropped.
pub fn hold() -> Held {
    let mut held = holders();
    held.work += 1;
    STATE.at_once.store(false, Ordering::SeqCst);
    Held(())
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = holders();
        held.work -= 1;
        held.settle();
    }
}

/// While a value of this type exists, a signal lets its holder end what it prints. Dropping it then ends the process.
#[derive(Debug)]
#[must_use = "a signal breaks output off unless it is held"]
pub struct Closing(());

/// For output that a program reads: it is whole, or absent.
pub fn closing() -> Closing {
    let mut held = holders();
    held.closing += 1;
    STATE.at_once.store(false, Ordering::SeqCst);
    Closing(())
}

/// For a run that has more to print when a signal comes: [`ending`] tells it. `None`: no thread can wait for signals, which end the
/// process at once.
pub fn closing_run() -> Option<Closing> {
    let is_watched = holders().watch();
    is_watched.then(closing)
}

/// Waits for a signal that comes while a run is [`closing_run`], and then until its children are ended and nothing is half done.
pub async fn ending() {
    // Nobody opens it, so it is closed or waits.
    drop(ENDING.acquire().await);
}

impl Drop for Closing {
    fn drop(&mut self) {
        let mut held = holders();
        held.closing -= 1;
        held.settle();
        held.end_if_noted();
    }
}

/// While a value of this type exists, a child runs.
#[derive(Debug)]
#[must_use = "signals are noted only while it is held"]
pub(in crate::io) struct HeldForChild(());

/// Call it before starting a child in another process group, which the terminal's signals do not reach. Until the returned value
/// is dropped, signals are noted, for [`ends_children`]. Then the process ends, unless there are other holders.
pub(in crate::io) fn hold_for_child() -> HeldForChild {
    let mut held = holders();
    held.children += 1;
    STATE.at_once.store(false, Ordering::SeqCst);
    HeldForChild(())
}

/// Whether a signal was noted and only children delay the end.
pub(in crate::io) fn ends_children() -> bool {
    noted().is_some() && holders().work == 0
}

impl Drop for HeldForChild {
    fn drop(&mut self) {
        let mut held = holders();
        held.children -= 1;
        held.settle();
        held.end_if_noted();
    }
}

fn holders() -> MutexGuard<'static, Holders> {
    STATE.held.lock().expect("no holder of this lock panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_held_as_long_as_anybody_holds() {
        let first = hold();
        let second = hold();
        drop(first);
        assert!(!STATE.at_once.load(Ordering::SeqCst));
        drop(second);
    }

    #[test]
    fn an_interrupt_has_the_exit_code_that_shells_give_it() {
        let told = |signal| (Interrupt(signal).exit_code(), Interrupt(signal).to_string());
        assert_eq!(
            [told(2), told(15)],
            [(130, "SIGINT".to_owned()), (143, "SIGTERM".to_owned())]
        );
    }
}
