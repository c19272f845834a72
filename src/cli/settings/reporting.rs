//! `--output` and `--report`: the forms of a run's report, and where each goes.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use clap::ValueEnum;

use super::{UsageError, usage};
use crate::cli::args::{self, Format};
use crate::cli::verbosity::Detail;

/// The forms of a report, and where each goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reporting {
    /// The form on stdout.
    pub output: Format,
    /// The files beside it, in the order in which they were named.
    pub files: Vec<ReportFile>,
    /// Whether names of files begin at the root of the repository, and not at the current folder.
    pub from_root: bool,
}

impl Reporting {
    /// Whether one of the forms names the sources of what is updated.
    pub fn names_sources(&self, detail: Detail) -> bool {
        let names = |format| match format {
            Format::Text => detail >= Detail::More,
            Format::Json | Format::Markdown => true,
            Format::Github | Format::Sarif => false,
        };
        names(self.output) || self.files.iter().any(|file| names(file.format))
    }
}

/// A file that the report is written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportFile {
    /// The form.
    pub format: Format,
    /// Where it is written, as typed.
    pub path: PathBuf,
}

/// Checks what was typed.
pub(super) fn reporting(typed: args::Reporting) -> Result<Reporting, UsageError> {
    let files = typed
        .report
        .into_iter()
        .map(report_file)
        .collect::<Result<Vec<_>, _>>()?;
    let mut named = BTreeSet::new();
    match files.iter().find(|file| !named.insert(&file.path)) {
        Some(twice) => {
            let what = format!("two reports go to `{}`", twice.path.display());
            Err(usage(what, "name another file for one of them"))
        }
        None => Ok(Reporting {
            output: typed.output.unwrap_or_default(),
            files,
            from_root: false,
        }),
    }
}

fn report_file(text: OsString) -> Result<ReportFile, UsageError> {
    let what = |reason: &str| format!("`--report {}` {reason}", text.display());
    let hint = "write it like `--report json=imago.json`";
    let bytes = text.as_bytes();
    let Some(at) = bytes.iter().position(|byte| *byte == b'=') else {
        return Err(usage(what("is not FORMAT=FILE"), hint));
    };
    let (name, path) = (String::from_utf8_lossy(&bytes[..at]), &bytes[at + 1..]);
    let names: Vec<_> = Format::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .collect();
    let Ok(format) = Format::from_str(&name, false) else {
        let names: Vec<_> = names
            .iter()
            .map(|known| format!("`{}`", known.get_name()))
            .collect();
        return Err(usage(
            what(&format!("names no form: there is no `{name}`")),
            format!("the forms are {}", names.join(", ")),
        ));
    };
    match path {
        b"" => Err(usage(what("names no file"), hint)),
        path if path
            .rsplit(|byte| *byte == b'/')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(b".imago.yaml")) =>
        {
            Err(usage(what("would replace the settings"), hint))
        }
        b"-" => Err(usage(
            what("names no file"),
            format!("what goes to stdout is `--output {name}`"),
        )),
        path => Ok(ReportFile {
            format,
            path: PathBuf::from(OsString::from_vec(path.to_vec())),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(reports: &[&str]) -> Result<Reporting, UsageError> {
        reporting(args::Reporting {
            output: None,
            report: reports.iter().map(OsString::from).collect(),
        })
    }

    #[test]
    fn a_report_names_its_form_and_its_file() {
        let reporting = checked(&["json=a=b.json", "markdown=out/summary.md"]).unwrap();
        let file = |format, path: &str| ReportFile {
            format,
            path: path.into(),
        };
        assert_eq!(
            reporting.files,
            [
                file(Format::Json, "a=b.json"),
                file(Format::Markdown, "out/summary.md")
            ]
        );
        assert_eq!(reporting.output, Format::Text);
    }

    #[test]
    fn a_report_that_goes_nowhere_is_refused_with_a_hint() {
        for (reports, what) in [
            (&["json"][..], "`--report json` is not FORMAT=FILE"),
            (
                &["jsno=a"],
                "`--report jsno=a` names no form: there is no `jsno`",
            ),
            (&["=a"], "`--report =a` names no form: there is no ``"),
            (&["sarif="], "`--report sarif=` names no file"),
            (
                &["sarif=a/.imago.yaml"],
                "`--report sarif=a/.imago.yaml` would replace the settings",
            ),
            (&["sarif=-"], "`--report sarif=-` names no file"),
            (&["json=a", "text=a"], "two reports go to `a`"),
        ] {
            let error = checked(reports).unwrap_err();
            assert_eq!(error.what, what);
            assert!(!error.hint.is_empty());
        }
    }
}
