//! Signals that ask the program to end: SIGINT and SIGTERM.
//!
//! A signal ends the program at once, with exit code 128 plus the signal's number. This also works for the first process of a
//! container, which the system would not end by default. While a [`Held`] exists, signals are only noted, and its holder has to
//! finish soon. No thread waits for signals, unless a folder is to be removed before the end (`remove_on_signal`).

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::pipe;

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
    /// Folders that are removed before the process ends.
    folders: BTreeSet<PathBuf>,
    /// Whether [`listen`] was called, so that this process is ours to end.
    listens: bool,
    /// Whether a thread waits for signals.
    watched: bool,
}

impl Holders {
    /// Whether a signal may end the process as soon as its folders are removed.
    fn is_free(&self) -> bool {
        self.work + self.children == 0
    }

    /// Lets a signal end the process at once, or not.
    fn settle(&self) {
        let at_once = self.is_free() && self.folders.is_empty();
        STATE.at_once.store(at_once, Ordering::SeqCst);
    }

    /// Removes the folders and ends the process.
    fn end(&self, interrupt: Interrupt) -> ! {
        for folder in &self.folders {
            // Another thread may still write to it, for a moment. What cannot be removed stays: the process ends all the same.
            for _ in 0..40 {
                if std::fs::remove_dir_all(folder).is_ok() && !folder.exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        std::process::exit(interrupt.exit_code().into());
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

/// While a value of this type exists, its folder is removed before a signal ends the process.
#[derive(Debug)]
#[must_use = "the folder is removed only while it is held"]
pub(in crate::io) struct Removed(PathBuf);

/// Has a folder removed when a signal ends the process.
pub(in crate::io) fn remove_on_signal(folder: &Path) -> Removed {
    let mut held = holders();
    held.folders.insert(folder.to_owned());
    held.settle();
    if held.listens && !held.watched {
        // Without the thread a signal waits until the folder is gone, as it does for other work.
        held.watched = watch().is_ok();
    }
    Removed(folder.to_owned())
}

impl Drop for Removed {
    fn drop(&mut self) {
        let mut held = holders();
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
            let held = holders();
            if let Some(interrupt) = noted().filter(|_| held.is_free()) {
                held.end(interrupt);
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".to_owned());
    thread.spawn(wait).map(drop)
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

/// The signal that came while a [`Held`] existed.
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
        if let Some(interrupt) = noted().filter(|_| held.is_free()) {
            held.end(interrupt);
        }
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
