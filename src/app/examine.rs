//! What one file is, by its bytes: it is parsed only where an image may be in it.

use std::path::Path;

use super::overlays::{self, Base};
use super::report::STDIN;
use crate::engine::code::Code;
use crate::engine::kustomize::Kustomization;
use crate::engine::look::{self, Look};
use crate::engine::misplaced;
use crate::engine::object::Object;
use crate::engine::plan::Question;
use crate::engine::shape::{self, Kinds};
use crate::engine::yaml::{Fault, File, Unreadable};
use crate::io::files::{FileError, MAX_RULES};
use crate::io::scan::{Found, What};

/// Lists the registry queries for the objects of a file, each with the number of its document.
pub trait Questions: Fn(&[(usize, Object)]) -> Vec<Question> + Sync {}

impl<F: Fn(&[(usize, Object)]) -> Vec<Question> + Sync> Questions for F {}

/// What one file turned out to be.
pub(super) enum Examined {
    /// It holds objects.
    Manifest {
        text: String,
        objects: Vec<(usize, Object)>,
        questions: Vec<Question>,
        unhandled: Vec<&'static str>,
        /// The lines of comments for this program that no image takes.
        misplaced: Vec<u32>,
        refused: Vec<Unread>,
    },
    /// It holds none.
    Nothing { unhandled: Vec<&'static str> },
    /// It is made YAML by a template engine.
    Template { line: Option<u32>, why: String },
    /// It is no YAML, and shows no object either.
    NotYaml { line: u32, why: String },
    /// Rules leave it out, and Git may track it.
    Unknown { cause: String },
    /// It is a folder that cannot be read.
    UnreadableFolder {
        code: Code,
        cause: String,
        hint: Option<String>,
    },
    /// It cannot be read.
    Unreadable(Unread),
    /// Some of its documents cannot be read, and the others hold no object with images.
    UnreadableDocuments {
        refused: Vec<Unread>,
        unhandled: Vec<&'static str>,
    },
}

impl Examined {
    /// Why the file, or a document of it, is not read.
    pub(super) fn unread(&self) -> Option<&str> {
        match self {
            Self::Unreadable(unread) => Some(&unread.cause),
            Self::Manifest { refused, .. } | Self::UnreadableDocuments { refused, .. } => {
                refused.first().map(|unread| &*unread.cause)
            }
            Self::Template { why, .. } | Self::NotYaml { why, .. } => Some(why),
            Self::Unknown { cause } | Self::UnreadableFolder { cause, .. } => Some(cause),
            Self::Nothing { .. } => None,
        }
    }

    /// A file that is passed over by its place in a Helm chart.
    pub(super) fn chart_template() -> Self {
        Self::Template {
            line: None,
            why: "the file is a template of a Helm chart".to_owned(),
        }
    }
}

/// Why a file, or a document of it, is not read.
pub(super) struct Unread {
    pub(super) code: Code,
    pub(super) line: Option<u32>,
    pub(super) cause: String,
    pub(super) hint: Option<String>,
}

/// What a file turned out to be, and the kustomization that it is.
pub(super) fn examine(
    found: &Found<'_>,
    base: &Base,
    kinds: &Kinds,
    questions: &impl Questions,
) -> (Examined, Option<Kustomization>) {
    let examined = match &found.what {
        What::File(bytes) => return examine_bytes(found.path, bytes, base, kinds, questions),
        What::Template => Examined::chart_template(),
        What::Folder(error) => Examined::UnreadableFolder {
            code: error.code(),
            cause: error.to_string(),
            hint: error.hint().map(str::to_owned),
        },
        What::Rules(error) => Examined::UnreadableFolder {
            code: error.code(),
            cause: format!("{error}; nothing was left out by its rules"),
            hint: Some(format!(
                "make it a regular file of at most {} KiB",
                MAX_RULES / 1024
            )),
        },
        What::Unknown(error) => Examined::Unknown {
            cause: error.to_string(),
        },
        What::Problem(error) => {
            let unreadable = Examined::Unreadable(Unread::of_file(error));
            let is_one = overlays::is_kustomization(found.path);
            let unread = is_one.then(|| base.unread(found.path, &error.to_string()));
            return (unreadable, unread);
        }
    };
    (examined, None)
}

/// As [`examine_bytes`], of a stream. There is no other file to go on with, so text that is no YAML is always a problem.
pub(super) fn examine_stream(bytes: &[u8], kinds: &Kinds, questions: &impl Questions) -> Examined {
    let (examined, _) = examine_bytes(Path::new(STDIN), bytes, &Base::default(), kinds, questions);
    let hint = "look at what the program before the pipe prints";
    let of_stream = |unread: Unread| Unread {
        hint: match unread.hint {
            Some(hint) if !hint.contains("--exclude") => Some(hint),
            _ => Some(hint.to_owned()),
        },
        ..unread
    };
    match examined {
        Examined::Template { line, why } => Examined::Unreadable(Unread {
            code: Code::YamlSyntax,
            line,
            cause: why,
            hint: Some("render it first, as with `helm template`".to_owned()),
        }),
        Examined::NotYaml { line, why } => Examined::Unreadable(Unread {
            code: Code::YamlSyntax,
            line: Some(line),
            cause: why,
            hint: Some(hint.to_owned()),
        }),
        // Nothing has parsed it yet: it may be the message of a program that failed.
        Examined::Nothing { unhandled } => match text(bytes).map(File::parse) {
            Ok(Err(error)) => Examined::Unreadable(Unread {
                hint: Some(hint.to_owned()),
                ..Unread::of(&error)
            }),
            _ => Examined::Nothing { unhandled },
        },
        Examined::Unreadable(unread) => Examined::Unreadable(of_stream(unread)),
        Examined::UnreadableDocuments { refused, unhandled } => Examined::UnreadableDocuments {
            refused: refused.into_iter().map(of_stream).collect(),
            unhandled,
        },
        Examined::Manifest {
            text,
            objects,
            questions,
            unhandled,
            misplaced,
            refused,
        } => Examined::Manifest {
            refused: refused.into_iter().map(of_stream).collect(),
            text,
            objects,
            questions,
            unhandled,
            misplaced,
        },
        other => other,
    }
}

pub(super) fn examine_bytes(
    path: &Path,
    bytes: &[u8],
    base: &Base,
    kinds: &Kinds,
    questions: &impl Questions,
) -> (Examined, Option<Kustomization>) {
    let is_kustomization = overlays::is_kustomization(path);
    let text = match text(bytes) {
        Ok(text) => text,
        Err(unread) => {
            let kustomization = is_kustomization.then(|| base.unread(path, &unread.cause));
            return (Examined::Unreadable(unread), kustomization);
        }
    };
    let file_name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    if !is_kustomization && !shape::may_hold(bytes, kinds) {
        let unhandled = match look::look(bytes) {
            Look::Counted(unhandled) => unhandled,
            Look::HasList => File::parse(text)
                .map(|file| listed(&file))
                .unwrap_or_default(),
        };
        return (Examined::Nothing { unhandled }, None);
    }
    let parsed = File::parse(text);
    let kustomization = is_kustomization.then(|| base.kustomization(path, &parsed));
    let examined = examine_parsed(file_name, text, parsed, kinds, questions);
    (examined, kustomization.flatten())
}

fn examine_parsed(
    file_name: &str,
    text: &str,
    parsed: Result<File<'_>, Unreadable>,
    kinds: &Kinds,
    questions: &impl Questions,
) -> Examined {
    let file = match parsed {
        Ok(file) => file,
        Err(error) if matches!(error.fault, Fault::Template(_)) => {
            return Examined::Template {
                line: Some(error.line),
                why: error.to_string(),
            };
        }
        Err(error) if shape::is_meant(file_name, text.as_bytes()) => {
            return Examined::Unreadable(Unread::of(&error));
        }
        Err(error) => {
            return Examined::NotYaml {
                line: error.line,
                why: error.to_string(),
            };
        }
    };
    let refused = file.refused().iter();
    let mut refused: Vec<_> = refused.map(|document| Unread::of(&document.why)).collect();
    let mut objects = Vec::new();
    let mut unhandled = Vec::new();
    for index in 0..file.len() {
        let document = file.document(index);
        let found = shape::find_in(file_name, document, kinds);
        unhandled.extend(found.unhandled);
        match found.objects.first() {
            Some(first) if shape::is_encrypted(document) => {
                refused.push(Unread::encrypted(first.line));
            }
            _ => {
                let numbered = found.objects.into_iter();
                objects.extend(numbered.map(|object| (index, object)));
            }
        }
    }
    if !objects.is_empty() {
        return Examined::Manifest {
            text: text.to_owned(),
            questions: questions(&objects),
            misplaced: misplaced::lines(&file, &objects),
            objects,
            unhandled,
            refused,
        };
    }
    match refused.pop() {
        None => Examined::Nothing { unhandled },
        Some(only) if file.len() == 1 => Examined::Unreadable(only),
        Some(last) => {
            refused.push(last);
            Examined::UnreadableDocuments { refused, unhandled }
        }
    }
}

impl Unread {
    /// The bytes cannot be read.
    pub(super) fn of_file(error: &FileError) -> Self {
        Self {
            code: error.code(),
            line: None,
            cause: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }
    }

    fn of(error: &Unreadable) -> Self {
        Self {
            code: error.fault.code(),
            line: Some(error.line),
            cause: format!("{error} (line {}, column {})", error.line, error.column),
            hint: Some(hint(&error.fault).to_owned()),
        }
    }

    fn encrypted(line: Option<u32>) -> Self {
        Self {
            code: Code::Encrypted,
            line,
            cause: "SOPS has signed all values of the document, so an edit would break it"
                .to_owned(),
            hint: Some(
                "encrypt it with `mac_only_encrypted: true`, or leave it out with `--exclude`"
                    .to_owned(),
            ),
        }
    }
}

/// What is not handled in a file without such objects.
fn listed(file: &File<'_>) -> Vec<&'static str> {
    (0..file.len())
        .flat_map(|index| shape::find(file.document(index)).unhandled)
        .collect()
}

/// The bytes as text. UTF-16 without a mark is told by the zero that its first character has (YAML 1.2.2, section 5.2).
fn text(bytes: &[u8]) -> Result<&str, Unread> {
    let not_utf8 = |line, cause: String| {
        let hint = "save it as UTF-8, or leave it out with `--exclude`";
        Unread {
            code: Code::NotUtf8,
            line,
            cause,
            hint: Some(hint.to_owned()),
        }
    };
    if bytes.starts_with(b"\xff\xfe")
        || bytes.starts_with(b"\xfe\xff")
        || bytes.iter().take(2).any(|byte| *byte == 0)
    {
        return Err(not_utf8(
            None,
            "it is UTF-16 or UTF-32, and only UTF-8 is read".to_owned(),
        ));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
        let cause = format!(
            "the byte 0x{:02X} on line {line} is not UTF-8",
            bytes.get(at).copied().unwrap_or_default()
        );
        not_utf8(u32::try_from(line).ok(), cause)
    })
}

/// One thing to do about a file that is not read.
fn hint(fault: &Fault) -> &'static str {
    match fault {
        Fault::Syntax(_) | Fault::Template(_) => "correct it, or leave it out with `--exclude`",
        Fault::MergeConflict => "resolve the conflict, and remove the markers",
        Fault::DuplicateKey { .. } => "remove one of the two",
        Fault::ComplexKey => "use plain keys",
        Fault::RecursiveAlias | Fault::AliasBomb => "write the aliases out",
        Fault::TooDeep => "leave it out with `--exclude`; no Kubernetes object is nested so deep",
        Fault::AmbiguousLineBreak(_) => {
            "remove the character, or put the text in double quotes with an escape for it"
        }
    }
}
