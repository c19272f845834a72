//! The only printing: stdout, stderr, and the progress bar between them.
//!
//! It is handed finished text and adds nothing. Whoever reads may go away (`imago files | head`): that is no error, and nothing more is
//! written to that stream. Where a GitHub runner reads the log, nothing that came from a manifest is a command to it.

mod runner;

pub use runner::Runner;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};

use anstream::AutoStream;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::render::Styles;
use super::verbosity::Colour;
use crate::app::observer::Event;
use crate::io::interrupt;

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// The result.
    Stdout,
    /// The rest.
    Stderr,
}

/// What a text is, and so how it may be changed where a runner would take a line of it for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Words for people.
    Text,
    /// JSON for programs.
    Json,
    /// A unified diff for programs.
    Diff,
    /// Our own words, or commands that are meant.
    Own,
}

/// The two streams of the process, or what stands for them.
pub struct Printer {
    stdout: Stream,
    stderr: Stream,
    colour: Colour,
    runner: Option<Runner>,
    failure: Option<io::Error>,
}

impl Printer {
    /// Prints to the process's own streams.
    pub fn of_the_process() -> Self {
        // `always_ansi` passes every byte through; it is there for consoles that have to be told that escapes will come.
        Self::new(
            Stream {
                terminal: io::stdout().is_terminal(),
                file: is_file(io::stdout().as_fd()),
                writer: Box::new(AutoStream::always_ansi(io::stdout())),
                open: true,
            },
            Stream {
                terminal: io::stderr().is_terminal(),
                file: is_file(io::stderr().as_fd()),
                writer: Box::new(AutoStream::always_ansi(io::stderr())),
                open: true,
            },
        )
    }

    /// Prints to these writers, neither of which is a terminal.
    #[cfg(test)]
    pub(in crate::cli) fn to_writers(
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
    ) -> Self {
        Self::new(
            Stream {
                writer: Box::new(stdout),
                terminal: false,
                file: false,
                open: true,
            },
            Stream {
                writer: Box::new(stderr),
                terminal: false,
                file: false,
                open: true,
            },
        )
    }

    fn new(stdout: Stream, stderr: Stream) -> Self {
        Self {
            stdout,
            stderr,
            colour: Colour::default(),
            runner: None,
            failure: None,
        }
    }

    /// From now on nothing from a manifest is a command to the runner that reads the log.
    pub fn guard_from(&mut self, runner: Runner) {
        self.runner = Some(runner);
    }

    /// Uses colour as the settings say, from now on.
    pub fn set_colour(&mut self, colour: Colour) {
        self.colour = colour;
    }

    /// The styles that suit a stream.
    pub fn styles(&self, to: To) -> Styles {
        match self.colour {
            Colour::Always => Styles::coloured(),
            Colour::OnTerminals if self.is_terminal(to) => Styles::coloured(),
            Colour::OnTerminals | Colour::Never => Styles::plain(),
        }
    }

    /// Whether a person sees this stream directly.
    pub fn is_terminal(&self, to: To) -> bool {
        match to {
            To::Stdout => self.stdout.terminal,
            To::Stderr => self.stderr.terminal,
        }
    }

    /// Writes words for people at once.
    pub fn print(&mut self, to: To, text: &str) {
        self.print_as(to, text, Form::Text);
    }

    /// Writes a text at once: as it is, unless a runner reads the stream and would obey it. A regular file is read by no runner.
    pub fn print_as(&mut self, to: To, text: &str, form: Form) {
        let stream = match to {
            To::Stdout => &mut self.stdout,
            To::Stderr => &mut self.stderr,
        };
        let text = guarded(self.runner.as_ref().filter(|_| !stream.file), text, form);
        // A program reads what no person sees: a signal does not break it off.
        let _closing = (!stream.terminal).then(interrupt::closing);
        if let Err(error) = stream.write(&text) {
            self.failure.get_or_insert(error);
        }
    }

    /// The text as it may go to a pipe or a device, which a runner may read.
    pub fn guarded<'t>(&self, text: &'t str, form: Form) -> Cow<'t, str> {
        guarded(self.runner.as_ref(), text, form)
    }

    /// The first write that failed for another reason than a reader who went away.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// A bar on stderr, where a person looks at it; elsewhere nothing.
    pub fn progress(&self) -> Progress {
        let target = if self.stderr.terminal {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Progress::on(target)
    }
}

fn guarded<'t>(runner: Option<&Runner>, text: &'t str, form: Form) -> Cow<'t, str> {
    match (runner, form) {
        (None, _) | (Some(Runner::Github(_)), Form::Own) => Cow::Borrowed(text),
        (Some(Runner::OfHashes), Form::Own) => Runner::OfHashes.guarded(text),
        (Some(_), Form::Text) => runner::defused(text),
        (Some(_), Form::Json) => runner::defused_json(text),
        (Some(runner), Form::Diff) => runner.guarded(text),
    }
}

fn is_file(stream: BorrowedFd<'_>) -> bool {
    stream
        .try_clone_to_owned()
        .and_then(|stream| File::from(stream).metadata())
        .is_ok_and(|metadata| metadata.is_file())
}

struct Stream {
    writer: Box<dyn Write + Send>,
    terminal: bool,
    /// Whether it is a regular file.
    file: bool,
    open: bool,
}

impl Stream {
    fn write(&mut self, text: &str) -> io::Result<()> {
        if !self.open || text.is_empty() {
            return Ok(());
        }
        let written = self
            .writer
            .write_all(text.as_bytes())
            .and_then(|()| self.writer.flush());
        self.open = written.is_ok();
        written.or_else(|error| {
            if error.kind() == io::ErrorKind::BrokenPipe {
                Ok(())
            } else {
                Err(error)
            }
        })
    }
}

/// The bar while digests are looked up. It is cleared when it is dropped.
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A bar that is not drawn.
    pub fn hidden() -> Self {
        Self::on(ProgressDrawTarget::hidden())
    }

    fn on(target: ProgressDrawTarget) -> Self {
        let style = ProgressStyle::with_template("resolving {bar:30} {pos}/{len} tags")
            .expect("the template has no mistake");
        Self {
            bar: ProgressBar::with_draw_target(Some(0), target).with_style(style),
        }
    }

    /// Shows a step.
    pub fn show(&self, event: Event) {
        match event {
            Event::Connected { .. } => {}
            Event::Started { total } => self.bar.set_length(total as u64),
            Event::Answered { done, .. } => self.bar.set_position(done as u64),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A stream that keeps what it gets, for tests.
#[cfg(test)]
pub(super) mod kept {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    /// What was written, shared with its clones.
    #[derive(Clone, Default)]
    pub(in crate::cli) struct Kept {
        got: Arc<Mutex<Vec<u8>>>,
        fails_with: Option<io::ErrorKind>,
    }

    impl Kept {
        /// One whose every write fails.
        pub(in crate::cli) fn failing(kind: io::ErrorKind) -> Self {
            Self {
                fails_with: Some(kind),
                ..Self::default()
            }
        }

        /// All that was written.
        pub(in crate::cli) fn text(&self) -> String {
            String::from_utf8(self.got.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.fails_with {
                Some(kind) => Err(kind.into()),
                None => self.got.lock().unwrap().write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::kept::Kept;
    use super::*;

    #[test]
    fn a_reader_who_goes_away_is_no_error_and_stops_nothing() {
        let gone = Kept::failing(io::ErrorKind::BrokenPipe);
        let stays = Kept::default();
        let mut printer = Printer::to_writers(gone, stays.clone());
        printer.print(To::Stdout, "a\n");
        printer.print(To::Stderr, "b\n");
        printer.print(To::Stdout, "c\n");
        assert!(printer.take_failure().is_none());
        assert_eq!(stays.text(), "b\n");
    }

    #[test]
    fn a_full_disk_is_kept_for_the_exit_code() {
        let full = Kept::failing(io::ErrorKind::StorageFull);
        let mut printer = Printer::to_writers(full, Kept::default());
        printer.print(To::Stdout, "a\n");
        assert_eq!(
            printer.take_failure().map(|error| error.kind()),
            Some(io::ErrorKind::StorageFull)
        );
    }

    #[test]
    fn a_runner_is_told_nothing_by_a_text_and_reads_no_file() {
        let text = "::error::x\n ##[group]y\n";
        let printed = |file, word: Option<&str>, form| {
            let kept = Kept::default();
            let stream = |writer: Kept| Stream {
                writer: Box::new(writer),
                terminal: false,
                file,
                open: true,
            };
            let mut printer = Printer::new(stream(kept.clone()), stream(Kept::default()));
            word.into_iter()
                .for_each(|word| printer.guard_from(Runner::Github(word.to_owned())));
            printer.print_as(To::Stdout, text, form);
            kept.text()
        };
        assert_eq!(
            printed(false, Some("w"), Form::Text),
            "\\u{3a}:error::x\n #\\u{23}[group]y\n"
        );
        assert_eq!(
            printed(false, Some("w"), Form::Diff),
            format!("::stop-commands::w\n{text}::w::\n")
        );
        assert_eq!(
            printed(false, Some("w"), Form::Json),
            text.replace("##[", "#\\u0023[")
        );
        assert_eq!(printed(false, Some("w"), Form::Own), text);
        for form in [Form::Text, Form::Diff, Form::Json] {
            assert_eq!(
                (printed(true, Some("w"), form), printed(false, None, form)),
                (text.to_owned(), text.to_owned())
            );
        }
    }

    #[test]
    fn colour_is_for_terminals_unless_it_is_forced() {
        let mut printer = Printer::to_writers(Kept::default(), Kept::default());
        assert_eq!(printer.styles(To::Stdout), Styles::plain());
        printer.set_colour(Colour::Always);
        assert_eq!(printer.styles(To::Stderr), Styles::coloured());
        let terminal = || Stream {
            writer: Box::new(Kept::default()),
            terminal: true,
            file: false,
            open: true,
        };
        let mut printer = Printer::new(terminal(), terminal());
        assert_eq!(printer.styles(To::Stdout), Styles::coloured());
        printer.set_colour(Colour::Never);
        assert_eq!(printer.styles(To::Stdout), Styles::plain());
    }
}
