//! What one file is, by its bytes: it is parsed only where an image may be in it.

use std::path::Path;

use super::clues;
use super::manifest::{Manifest, Texts, Unread};
use super::overlays::{self, Base};
use super::report::STDIN;
use crate::engine::code::Code;
use crate::engine::helm::{self, Chart, Clue};
use crate::engine::kustomize::{self, BoxedKustomization};
use crate::engine::look::{self, Look};
use crate::engine::misplaced;
use crate::engine::object::Object;
use crate::engine::plan::Question;
use crate::engine::shape::{self, Kinds};
use crate::engine::splice;
use crate::engine::yaml::{Fault, File, Unreadable};
use crate::io::files::FileError;
use crate::io::scan::{Found, What};

/// How many images a file may have. Each takes far more memory than it has bytes.
const MOST_IMAGES: usize = 100_000;

/// Lists the registry queries for the objects of a file, each with the number of its document.
pub trait Questions: Fn(&[(usize, Object)]) -> Vec<Question> + Sync {}

impl<F: Fn(&[(usize, Object)]) -> Vec<Question> + Sync> Questions for F {}

/// What one file turned out to be.
///
/// What it has is boxed where few files have it, because a tree has many files.
pub(super) enum Examined {
    /// It holds objects.
    Manifest(Box<Manifest>),
    /// It holds none.
    Nothing {
        unhandled: Box<[&'static str]>,
        /// Whether it has images if it is the values of a chart.
        may_be_values: bool,
    },
    /// It is the values of a chart that is a part of another one.
    Vendored,
    /// It is not read, or not all of it.
    Passed(Box<Passed>),
}

/// Why a file is passed over that holds no object.
pub(super) enum Passed {
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

impl Passed {
    /// What cannot be parsed, and is not meant for an object.
    fn broken(error: &Unreadable) -> Self {
        let (line, why) = (error.line, error.to_string());
        match error.fault {
            Fault::Template(_) => Self::Template {
                line: Some(line),
                why,
            },
            _ => Self::NotYaml { line, why },
        }
    }
}

impl From<Passed> for Examined {
    fn from(passed: Passed) -> Self {
        Self::Passed(Box::new(passed))
    }
}

impl Examined {
    /// Why the file, or a document of it, is not read.
    pub(super) fn unread(&self) -> Option<&str> {
        fn first(refused: &[Unread]) -> Option<&str> {
            refused.first().map(|unread| &*unread.cause)
        }
        match self {
            Self::Manifest(manifest) => first(&manifest.refused),
            Self::Nothing { .. } | Self::Vendored => None,
            Self::Passed(passed) => match &**passed {
                Passed::Unreadable(unread) => Some(&unread.cause),
                Passed::UnreadableDocuments { refused, .. } => first(refused),
                Passed::Template { why, .. } | Passed::NotYaml { why, .. } => Some(why),
                Passed::Unknown { cause } | Passed::UnreadableFolder { cause, .. } => Some(cause),
            },
        }
    }

    /// Whether it is no YAML.
    pub(super) fn is_not_yaml(&self) -> bool {
        matches!(self, Self::Passed(passed) if matches!(**passed, Passed::NotYaml { .. }))
    }

    /// A file without such objects.
    fn nothing(unhandled: Vec<&'static str>, file_name: &str, bytes: &[u8]) -> Self {
        Self::Nothing {
            may_be_values: shape::may_be_values(bytes) && !shape::is_meant(file_name, bytes),
            unhandled: unhandled.into(),
        }
    }

    /// A file that a run does not look at.
    pub(super) fn unseen() -> Self {
        let unhandled = Box::default();
        Self::Nothing {
            unhandled,
            may_be_values: false,
        }
    }

    /// A file that is passed over by its place in a Helm chart.
    pub(super) fn chart_template() -> Self {
        let why = "the file is a template of a Helm chart".to_owned();
        Passed::Template { line: None, why }.into()
    }
}

/// What a file turned out to be, and what it says of others.
pub(super) struct Looked {
    pub(super) examined: Examined,
    /// Boxed, because most files say nothing of others.
    pub(super) evidence: Option<Box<Evidence>>,
}

/// What a file says of others.
pub(super) struct Evidence {
    /// The kustomization that it is, or what of Flux and Argo CD goes on top of one.
    pub(super) kustomizations: Vec<BoxedKustomization>,
    /// What it says of Helm charts.
    pub(super) clues: Vec<Clue>,
}

impl Looked {
    fn new(
        examined: Examined,
        mut kustomizations: Vec<BoxedKustomization>,
        mut clues: Vec<Clue>,
    ) -> Self {
        let is_any = !kustomizations.is_empty() || !clues.is_empty();
        kustomizations.shrink_to_fit();
        clues.shrink_to_fit();
        let evidence = Evidence {
            kustomizations,
            clues,
        };
        Self {
            examined,
            evidence: is_any.then(|| Box::new(evidence)),
        }
    }
}

impl Looked {
    /// What the content of a file says of others that is itself not among those that a run looks at.
    pub(super) fn evidence_of(path: &Path, content: &[u8], base: &Base) -> Self {
        let kustomizations = base.kustomizations(path, content);
        let clues = clues::clues(base, path, content);
        Self::new(Examined::unseen(), kustomizations, clues)
    }

    /// The same of a file that the user named: one without objects is parsed, to say whether it is YAML at all. In a tree, nobody asks.
    pub(super) fn named(mut self, bytes: &[u8]) -> Self {
        if matches!(self.examined, Examined::Nothing { .. })
            && let Ok(Err(error)) = text(bytes).map(File::parse)
        {
            self.examined = Passed::broken(&error).into();
        }
        self
    }
}

impl From<Examined> for Looked {
    fn from(examined: Examined) -> Self {
        Self {
            examined,
            evidence: None,
        }
    }
}

pub(super) fn examine(
    found: &Found<'_>,
    base: &Base,
    sought: (&Kinds, Texts),
    questions: &impl Questions,
) -> Looked {
    let examined = match &found.what {
        What::File(bytes) => return examine_bytes(&found.path, bytes, base, sought, questions),
        What::Template => Examined::chart_template(),
        What::Folder(error) => Examined::from(Passed::UnreadableFolder {
            code: error.code(),
            cause: error.to_string(),
            hint: error.hint().map(str::to_owned),
        }),
        What::Rules(error) => Examined::from(Passed::UnreadableFolder {
            code: error.code(),
            cause: format!("{error}; nothing was left out by its rules"),
            hint: match error {
                FileError::NotRegular(_) => Some("make it a regular file".to_owned()),
                other => other.hint().map(str::to_owned),
            },
        }),
        What::Unknown(error) => Examined::from(Passed::Unknown {
            cause: error.to_string(),
        }),
        What::Problem(error) => {
            let is_one = overlays::is_kustomization(&found.path);
            let unread = is_one.then(|| base.unread(&found.path, &error.to_string()));
            let examined = Examined::from(Passed::Unreadable(Unread::of_file(error)));
            return Looked::new(examined, Vec::from_iter(unread), Vec::new());
        }
    };
    Looked::from(examined)
}

/// As [`examine_bytes`], of a stream. There is no other file to go on with, so text that is no YAML is always a problem.
pub(super) fn examine_stream(bytes: &[u8], kinds: &Kinds, questions: &impl Questions) -> Examined {
    let base = Base::default();
    let examined = examine_bytes(
        Path::new(STDIN),
        bytes,
        &base,
        (kinds, Texts::All),
        questions,
    )
    .examined;
    let hint = "look at what the program before the pipe prints";
    let of_stream = |unread: Unread| Unread {
        hint: match unread.hint {
            Some(hint) if !hint.contains("--exclude") => Some(hint),
            _ => Some(hint.to_owned()),
        },
        ..unread
    };
    let passed = match examined {
        // Nothing has parsed it yet: it may be the message of a program that failed.
        nothing @ Examined::Nothing { .. } => match text(bytes).map(File::parse) {
            Ok(Err(error)) => Passed::Unreadable(Unread {
                hint: Some(hint.to_owned()),
                ..Unread::of(&error)
            }),
            _ => return nothing,
        },
        Examined::Manifest(mut manifest) => {
            let refused = std::mem::take(&mut manifest.refused).into_iter();
            manifest.refused = refused.map(of_stream).collect();
            return Examined::Manifest(manifest);
        }
        Examined::Vendored => return Examined::Vendored,
        Examined::Passed(passed) => match *passed {
            Passed::Template { line, why } => Passed::Unreadable(Unread {
                code: Code::YamlSyntax,
                line,
                cause: why,
                hint: Some("render it first, as with `helm template`".to_owned()),
            }),
            Passed::NotYaml { line, why } => Passed::Unreadable(Unread {
                code: Code::YamlSyntax,
                line: Some(line),
                cause: why,
                hint: Some(hint.to_owned()),
            }),
            Passed::Unreadable(unread) => Passed::Unreadable(of_stream(unread)),
            Passed::UnreadableDocuments { refused, unhandled } => Passed::UnreadableDocuments {
                refused: refused.into_iter().map(of_stream).collect(),
                unhandled,
            },
            other => other,
        },
    };
    passed.into()
}

pub(super) fn examine_bytes(
    path: &Path,
    bytes: &[u8],
    base: &Base,
    sought: (&Kinds, Texts),
    questions: &impl Questions,
) -> Looked {
    let (kinds, _) = sought;
    let is_kustomization = overlays::is_kustomization(path);
    let text = match text(bytes) {
        Ok(text) => text,
        Err(unread) => {
            let kustomization = is_kustomization.then(|| base.unread(path, &unread.cause));
            let examined = Examined::from(Passed::Unreadable(unread));
            return Looked::new(examined, Vec::from_iter(kustomization), Vec::new());
        }
    };
    let file_name = overlays::file_name(path);
    if !shape::is_known_by_name(file_name) && !shape::may_hold(bytes, kinds) {
        let unhandled = match look::look(bytes) {
            Look::Counted(unhandled) => unhandled,
            Look::HasList => File::parse(text)
                .map(|file| listed(&file))
                .unwrap_or_default(),
        };
        return Looked::new(
            Examined::nothing(unhandled, file_name, bytes),
            base.deliveries(path, bytes),
            clues::clues(base, path, bytes),
        );
    }
    let parsed = File::parse(text);
    let telling = match &parsed {
        Ok(file) if shape::is_known_by_name(file_name) || helm::may_tell(file_name, bytes) => {
            Some(file)
        }
        _ => None,
    };
    let clues = clues::clues_of(base, path, telling);
    let kustomizations = match &parsed {
        parsed if is_kustomization => base.kustomization(path, parsed).into_iter().collect(),
        Ok(file) if kustomize::may_deliver(file_name, bytes) => base.deliveries_of(path, file),
        _ => Vec::new(),
    };
    let form = Form::Manifest(file_name);
    let examined = examine_parsed(path, text, parsed, form, sought, questions);
    Looked::new(examined, kustomizations, clues)
}

/// What a file is that is the values of a chart.
pub(super) fn examine_values(
    path: &Path,
    bytes: &[u8],
    chart: Option<&Chart>,
    kinds: &Kinds,
    questions: &impl Questions,
) -> Examined {
    match text(bytes) {
        Ok(text) => examine_parsed(
            path,
            text,
            File::parse(text),
            Form::Values(chart),
            (kinds, Texts::All),
            questions,
        ),
        Err(unread) => Passed::Unreadable(unread).into(),
    }
}

/// What a file is read as.
#[derive(Clone, Copy)]
enum Form<'a> {
    /// Objects, in a file of this name.
    Manifest(&'a str),
    /// The values of a chart.
    Values(Option<&'a Chart>),
}

impl Form<'_> {
    /// Whether a text that is no YAML is meant to be read.
    fn is_meant(self, text: &str) -> bool {
        match self {
            Self::Manifest(file_name) => shape::is_meant(file_name, text.as_bytes()),
            Self::Values(_) => true,
        }
    }
}

fn examine_parsed(
    path: &Path,
    text: &str,
    parsed: Result<File<'_>, Unreadable>,
    form: Form<'_>,
    (kinds, texts): (&Kinds, Texts),
    questions: &impl Questions,
) -> Examined {
    let file = match parsed {
        Ok(file) => file,
        Err(error) if form.is_meant(text) && !matches!(error.fault, Fault::Template(_)) => {
            return Passed::Unreadable(Unread::of(&error)).into();
        }
        Err(error) => return Passed::broken(&error).into(),
    };
    // Those that are easily seen are counted before anything is made of them.
    if text.len() > MOST_IMAGES && file.count("image") > MOST_IMAGES {
        return Passed::Unreadable(Unread::of_many()).into();
    }
    let refused = file.refused().iter();
    let mut refused: Vec<_> = refused.map(|document| Unread::of(&document.why)).collect();
    let (mut objects, mut images) = (Vec::new(), 0);
    let (mut unhandled, mut misplaced) = (Vec::new(), Vec::new());
    for index in 0..file.len() {
        let document = file.document(index);
        let found = match form {
            Form::Manifest(file_name) => shape::find_in(file_name, document, kinds),
            Form::Values(chart) => shape::find_values(document, chart, kinds),
        };
        unhandled.extend(found.unhandled);
        let mut in_document = found.objects;
        if let Some(policies) = &kinds.flux {
            shape::apply_markers(document, policies, &mut in_document);
        }
        images += in_document
            .iter()
            .map(|object| object.sites.len())
            .sum::<usize>();
        if images > MOST_IMAGES {
            return Passed::Unreadable(Unread::of_many()).into();
        }
        match in_document.first() {
            Some(first) if shape::is_encrypted(document) => {
                let sites = in_document.iter().flat_map(|object| &object.sites);
                let mut images = sites.filter_map(|site| site.image.text());
                // Where the images are encrypted as well, nothing was there to edit.
                if images.any(|image| !image.contains(shape::CIPHERTEXT)) {
                    refused.push(Unread::encrypted(first.line));
                }
            }
            _ => {
                misplaced.extend(found.misplaced);
                let numbered = in_document.into_iter();
                objects.extend(numbered.map(|object| (index, object)));
            }
        }
    }
    if !objects.is_empty() {
        // Most files have one object, and most objects have one image, and a tree has many files.
        objects.shrink_to_fit();
        for (_, object) in &mut objects {
            object.sites.shrink_to_fit();
        }
        kinds.policies.apply(path, &mut objects);
        for index in (0..file.len()).filter(|index| file.has_aliases(*index)) {
            hold_shared(&file, index, &mut objects);
        }
        let mut questions = questions(&objects);
        questions.shrink_to_fit();
        let is_certain =
            |(document, object): &(usize, Object)| splice::is_certain(&file, *document, object);
        misplaced.extend(misplaced::lines(&file, &objects));
        misplaced.sort_unstable();
        misplaced.dedup();
        let is_certain = texts == Texts::Doubtful && objects.iter().all(is_certain);
        return Examined::Manifest(Box::new(Manifest {
            text: if is_certain {
                String::new()
            } else {
                text.to_owned()
            },
            is_certain,
            questions,
            misplaced,
            objects,
            unhandled,
            refused,
        }));
    }
    match refused.pop() {
        None => Examined::nothing(unhandled, "", text.as_bytes()),
        Some(only) if file.len() == 1 => Passed::Unreadable(only).into(),
        Some(last) => {
            refused.push(last);
            Passed::UnreadableDocuments { refused, unhandled }.into()
        }
    }
}

/// Holds the images of a document that share a scalar, and want different tags there.
fn hold_shared(file: &File<'_>, document: usize, objects: &mut [(usize, Object)]) {
    let first = objects.partition_point(|(index, _)| *index < document);
    let here = objects[first..].iter_mut();
    let here = here.take_while(|(index, _)| *index == document);
    let mut here: Vec<&mut Object> = here.map(|(_, object)| object).collect();
    shape::hold_shared(file.document(document), &mut here);
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
            cause: format!("{error} (column {})", error.column),
            hint: Some(hint(&error.fault).to_owned()),
        }
    }

    fn of_many() -> Self {
        Self {
            code: Code::TooLarge,
            line: None,
            cause: format!("it has more than the {MOST_IMAGES} images that are taken of a file"),
            hint: Some("split it, or leave it out with `--exclude`".to_owned()),
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
        Fault::LongKeys => "leave it out with `--exclude`; no Kubernetes object has such keys",
        Fault::AmbiguousLineBreak(_) => {
            "remove the character, or put the text in double quotes with an escape for it"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::image::ImageRef;
    use crate::engine::site::Site;

    #[test]
    fn what_is_kept_of_each_file_of_a_tree_is_small() {
        assert!(size_of::<Looked>() <= 32, "{}", size_of::<Looked>());
        assert!(size_of::<Site>() <= 152, "{}", size_of::<Site>());
        assert!(size_of::<Object>() <= 432, "{}", size_of::<Object>());
    }

    #[test]
    fn rules_that_are_not_read_come_with_what_to_do_about_the_cause() {
        for (error, hint) in [
            (FileError::Permission, "run as a user who may"),
            (FileError::NotRegular("a link"), "make it a regular file"),
            (FileError::TooManyRules(70_000), "shorten it: 64 KiB"),
            (FileError::OpenFiles, "raise the limit of open files"),
        ] {
            let found = Found {
                number: 0,
                path: ".gitignore".into(),
                shown: ".gitignore".to_owned(),
                kustomized: false,
                what: What::Rules(error),
            };
            let sought = (&Kinds::default(), Texts::All);
            let looked = examine(&found, &Base::default(), sought, &|_: &_| Vec::new());
            let Examined::Passed(passed) = looked.examined else {
                panic!("its rules are not read");
            };
            let Passed::UnreadableFolder { hint: said, .. } = *passed else {
                panic!("that is a problem");
            };
            assert!(
                said.as_ref().is_some_and(|said| said.starts_with(hint)),
                "{said:?}"
            );
        }
    }

    #[test]
    fn the_lists_of_a_file_have_no_room_to_spare() {
        let text = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - image: web:1\n";
        let questions = |_: &[(usize, Object)]| {
            let mut questions = Vec::with_capacity(4);
            questions.push((ImageRef::parse("web:1").unwrap().lookup(), None));
            questions
        };
        let (path, base) = (Path::new("web.yaml"), Base::default());
        let kinds = Kinds::default();
        let sought = (&kinds, Texts::All);
        let looked = examine_bytes(path, text.as_bytes(), &base, sought, &questions);
        let Examined::Manifest(manifest) = looked.examined else {
            panic!("it has a workload");
        };
        assert_eq!(manifest.objects.capacity(), 1);
        assert_eq!(manifest.objects[0].1.sites.capacity(), 1);
        assert_eq!(manifest.questions.capacity(), 1);
    }
}
