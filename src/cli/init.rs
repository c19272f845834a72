//! `imago init`, as a person sees it: every text before anything is written, one question, and what was done.

use super::printer::{Printer, To};
use super::render::{Printable, Styles, counted, masked};
use super::settings::Consent;
use super::verbosity::{Detail, Verbosity};
use crate::app::init::{self, InitRequest, NewFile, Setup};
use crate::app::report::{Place, Problem};
use crate::app::workspace::Workspace;
use crate::engine::code::Code;
use crate::io::stdin;

/// Shows what would be written, and writes it where a person agrees. `Err`: nobody could be asked, or something cannot be written.
pub(super) fn run(
    request: &InitRequest,
    at: &Workspace,
    consent: Consent,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let setup = init::plan(request, at)?;
    let styles = printer.styles(To::Stdout);
    if verbosity.detail != Detail::Quiet {
        printer.print(To::Stdout, &shown(&setup, &styles));
    }
    for note in &setup.notes {
        printer.print(
            To::Stderr,
            &format!("note: {}\n", Printable(&masked::sentence(note))),
        );
    }
    if setup.files.is_empty() {
        printer.print(To::Stderr, "nothing to write\n");
        return Ok(());
    }
    let files = counted(setup.files.len(), "file");
    if consent == Consent::Asked {
        if !stdin::is_terminal() {
            return Err(nobody_to_ask(&files).into());
        }
        printer.print(To::Stderr, &format!("write {files}? [y/N] "));
        let answer = stdin::line()?;
        if !["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
            printer.print(To::Stderr, "nothing was written\n");
            return Ok(());
        }
    }
    init::write(&setup, at)?;
    let names: Vec<&str> = setup.files.iter().map(|file| file.name.as_str()).collect();
    let next = match setup.has_unpinned {
        true => "; now pin the images: `imago files --update`",
        false => "",
    };
    printer.print(To::Stderr, &format!("wrote {}{next}\n", names.join(", ")));
    for next in &setup.next {
        printer.print(To::Stderr, &format!("next: {next}\n"));
    }
    Ok(())
}

fn nobody_to_ask(files: &str) -> Problem {
    Problem {
        code: Code::Usage,
        what: format!("{files} not written: no terminal is there to ask"),
        place: Place::default(),
        cause: String::new(),
        hint: Some("add `--yes` to write without a question".to_owned()),
    }
}

/// Every text, below the name of its file.
fn shown(setup: &Setup, styles: &Styles) -> String {
    let strong = styles.strong;
    let one = |title: String, file: &NewFile| {
        let lines = file.text.lines();
        let text: String = lines
            .map(|line| format!("  {}\n", Printable(line)))
            .collect();
        let text = text.replace("  \n", "\n");
        format!("{strong}{title}{strong:#}\n{text}\n")
    };
    let new = setup
        .files
        .iter()
        .map(|file| one(format!("{} (new):", file.name), file));
    let by_hand = setup.by_hand.iter();
    let by_hand = by_hand.map(|file| one(format!("{} (add this by hand):", file.name), file));
    new.chain(by_hand).collect()
}
