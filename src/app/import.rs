//! Runs `imago import`: reads what other tools say of the tags of images, as policies for the settings. Nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::report::{Place, Problem};
use super::request::FilesRequest;
use super::survey;
use super::workspace::Workspace;
use crate::engine::code::Code;
use crate::engine::import::{Imported, Importer, to_json};
use crate::engine::yaml::File;
use crate::io::files;
use crate::io::scan::{self, What};

/// The result of `imago import`.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// The policies, and what could not be brought over.
    pub imported: Imported,
    /// How many files were read.
    pub files: usize,
    /// Files that cannot be read.
    pub problems: Vec<Problem>,
}

/// Where Renovate looks for its settings.
const OF_RENOVATE: [&str; 12] = [
    "renovate.json",
    "renovate.jsonc",
    ".github/renovate.jsonc",
    ".github/renovate.json",
    ".github/renovate.json5",
    ".gitlab/renovate.json",
    ".gitlab/renovate.json5",
    ".renovaterc.json",
    ".renovaterc.json5",
    ".renovaterc.jsonc",
    ".renovaterc",
    "renovate.json5",
];

/// A file, and what of it is read.
struct Read {
    name: String,
    bytes: Vec<u8>,
    is_renovate: bool,
    /// Whether nothing of it is read.
    is_silent: bool,
}

/// Texts of which one stands in every file that says something.
const TELLING: [&[u8]; 6] = [
    b"image.toolkit.fluxcd.io",
    b"$imagepolicy",
    b"argocd-image-updater.argoproj.io",
    b"kargo.akuity.io",
    b"keel.sh/",
    b"keel:",
];

/// Reads the files of the request. `Err`: nothing could be looked at.
pub fn run(request: &FilesRequest, at: &Workspace) -> anyhow::Result<ImportReport> {
    let of_renovate = settings_of_renovate(request, at);
    let scanned = scan::scan(request.scope(at), |found| {
        let name = found.shown;
        if of_renovate.contains_key(&name) {
            return None;
        }
        match found.what {
            What::File(bytes) => {
                let is_silent = !may_tell(bytes);
                Some(Ok(Read {
                    name,
                    bytes: if is_silent {
                        Vec::new()
                    } else {
                        std::mem::take(bytes)
                    },
                    is_renovate: false,
                    is_silent,
                }))
            }
            What::Problem(error) | What::Folder(error) => Some(Err(unread(&name, &error))),
            _ => None,
        }
    });
    let (mut found, _) = scanned.map_err(|error| survey::wrong_paths(&error))?;
    found.extend(
        of_renovate
            .into_iter()
            .map(|(name, path)| match files::read(&path) {
                Ok(bytes) => Ok(Read {
                    name,
                    bytes,
                    is_renovate: true,
                    is_silent: false,
                }),
                Err(error) => Err(unread(&name, &error)),
            }),
    );
    let mut report = ImportReport::default();
    let mut importer = Importer::default();
    for file in found {
        let problem = match file {
            Ok(file) => {
                importer.see(&file.name);
                if file.is_silent {
                    continue;
                }
                report.files += 1;
                take(&file, &mut importer)
            }
            Err(problem) => Err(problem),
        };
        report
            .problems
            .extend(problem.err().map(|problem| *problem));
    }
    report.imported = importer.finish();
    if has_policies(&at.root) && !report.imported.rules.is_empty() {
        let note = "the settings have `policies` already; add these to that list, without the line `policies:`";
        report.imported.notes.push(note.to_owned());
    }
    Ok(report)
}

/// The settings of Renovate that are named, or stand where Renovate looks in the named folders: each by its name as it is shown, with the path
/// that opens it. A link that leads out of its folder is not followed.
fn settings_of_renovate(request: &FilesRequest, at: &Workspace) -> BTreeMap<String, PathBuf> {
    let named = match request.paths.as_slice() {
        [] => vec![PathBuf::new()],
        paths => paths.to_vec(),
    };
    let mut places = BTreeMap::new();
    for path in named {
        let shown = path.strip_prefix(".").unwrap_or(&path);
        let Ok(base) = at.reach(&path).canonicalize() else {
            continue;
        };
        let is_one = |name: &str| base.file_name() == Path::new(name).file_name();
        if base.is_file() && OF_RENOVATE.iter().any(|name| is_one(name)) {
            places.insert(shown.display().to_string(), base);
            continue;
        }
        for name in OF_RENOVATE {
            if let Ok(path) = base.join(name).canonicalize()
                && path.starts_with(&base)
                && path.is_file()
            {
                places.insert(shown.join(name).display().to_string(), path);
            }
        }
    }
    places
}

/// Whether the repository's settings have policies already.
fn has_policies(root: &Path) -> bool {
    let settings = files::read(&root.join(".imago.yaml")).unwrap_or_default();
    let mut lines = settings.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"policies:"))
}

fn may_tell(bytes: &[u8]) -> bool {
    TELLING
        .iter()
        .any(|text| memchr::memmem::find(bytes, text).is_some())
}

fn take(file: &Read, importer: &mut Importer) -> Result<(), Box<Problem>> {
    let fault = |cause: String| {
        problem(
            &file.name,
            Code::YamlSyntax,
            cause,
            match file.is_renovate {
                true => "correct it; it is read as JSON and as JSON5",
                false => "correct it, or leave it out with `--exclude`",
            },
        )
    };
    let text = std::str::from_utf8(&file.bytes).map_err(|_| {
        problem(
            &file.name,
            Code::NotUtf8,
            "it is not UTF-8".to_owned(),
            "save it as UTF-8",
        )
    })?;
    if file.is_renovate {
        // A reader of YAML takes much of JSON5 for something else than Renovate does.
        let json = to_json(text);
        let value: serde_json::Value =
            serde_json::from_str(&json).map_err(|error| fault(error.to_string()))?;
        // The nodes know their lines, but JSON that is indented with tabs is no YAML.
        match File::parse(&json) {
            Ok(parsed) => importer.read_renovate(parsed.document(0), &file.name),
            Err(_) => importer.read_renovate(&value, &file.name),
        }
        return Ok(());
    }
    let parsed = File::parse(text).map_err(|unreadable| fault(unreadable.to_string()))?;
    for index in (0..parsed.len()).filter(|index| !parsed.is_refused(*index)) {
        importer.read(parsed.document(index), &file.name);
    }
    importer.read_markers(text, &file.name);
    Ok(())
}

fn unread(name: &str, error: &files::FileError) -> Box<Problem> {
    problem(
        name,
        error.code(),
        error.to_string(),
        error.hint().unwrap_or("check the file"),
    )
}

fn problem(name: &str, code: Code, cause: String, hint: &str) -> Box<Problem> {
    Box::new(Problem {
        code,
        what: format!("cannot read `{name}`"),
        place: Place {
            file: Some(name.to_owned()),
            ..Place::default()
        },
        cause,
        hint: Some(hint.to_owned()),
    })
}
