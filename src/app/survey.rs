//! What is in the files of a run: each is read once, looked at, and parsed only where an image may be in it.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Component, Path, PathBuf};

use super::clues;
use super::examine::{
    Evidence, Examined, Looked, Passed, Questions, examine, examine_bytes, examine_stream,
};
use super::manifest::{ManifestFile, Texts, Unread};
use super::overlays::{self, Base, KnownOverlays};
use super::replaced::Replaced;
use super::report::{Place, Problem, STDIN, Skipped};
use super::values::{self, KnownCharts, Seen};
use crate::engine::code::Code;
use crate::engine::helm::Clue;
use crate::engine::kustomize::BoxedKustomization;
use crate::engine::misplaced;
use crate::engine::object::Object;
use crate::engine::plan::Question;
use crate::engine::shape::{self, Kinds};
use crate::io::files::FileError;
use crate::io::scan::{self, IdleGlob, What};
use crate::io::stdin;

/// Everything that was found, files by path.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many files were found.
    pub files: usize,
    /// The files with objects.
    pub manifests: Vec<ManifestFile>,
    /// The other files, as named to the user.
    pub without_objects: Vec<String>,
    /// What was seen and is not handled, each as often as it was seen.
    pub unhandled: Vec<&'static str>,
    /// Templates.
    pub skipped: Vec<Skipped>,
    /// Files that cannot be read, or not be read safely.
    pub problems: Vec<Problem>,
    /// Which objects are taken.
    kinds: Kinds,
    /// What kustomizations make of the images.
    pub(super) overlays: KnownOverlays,
    /// Which files are values of charts.
    charts: KnownCharts,
    /// What a person should know, one sentence each.
    pub warnings: Vec<String>,
    /// Notes: nothing has to be done about them.
    pub notes: Vec<String>,
    /// The globs on paths that matched nothing.
    pub idle_globs: Vec<IdleGlob>,
}

/// Which objects and files are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// Which objects are taken.
    pub kinds: &'a Kinds,
    /// Which files are values of charts, by the settings.
    pub values: &'a scan::Globs,
    /// Which texts are kept.
    pub texts: Texts,
}

/// Finds, reads and parses. On the thread that read a file, `questions` lists its registry queries, and `ask_ahead` gets them at once with
/// the file's number among all that are found. `Err`: a path or a glob that was typed is wrong, so nothing can be looked at.
pub fn survey(
    request: scan::Scope<'_>,
    sought: Sought<'_>,
    questions: impl Questions,
    ask_ahead: impl Fn(usize, &[Question]) + Sync,
) -> Result<Survey, scan::ScanError> {
    let base = Base::of(&request);
    let kinds = sought.kinds;
    let named = named(&request);
    let (found, idle_globs) = scan::scan(request, |found| {
        let mut looked = examine(&found, &base, (kinds, sought.texts), &questions);
        if let (true, What::File(bytes)) = (named.contains(&found.shown), &found.what) {
            looked = looked.named(bytes);
        }
        match &looked.examined {
            // What a kustomization above decides, renames or applies as a patch is asked once all are known.
            Examined::Manifest(manifest)
                if !found.kustomized && !overlays::has_json_patch(&manifest.objects) =>
            {
                ask_ahead(found.number, &manifest.questions);
            }
            _ => ask_ahead(found.number, &[]),
        }
        let seen = Seen {
            path: found.path,
            name: found.shown,
            examined: looked.examined,
        };
        Some((seen, looked.evidence))
    })?;
    let mut all = Everything::default();
    all.reserve(found.iter().filter_map(|(_, evidence)| evidence.as_deref()));
    let seen = found.into_iter().map(|(seen, evidence)| {
        all.note(evidence);
        seen
    });
    // The list stays in its place.
    all.seen = seen.collect();
    let scanned = base.is_scanned_by(&request);
    if !scanned {
        let is_manifest = |seen: &Seen| matches!(seen.examined, Examined::Manifest(_));
        let has_manifests = all.seen.iter().any(is_manifest);
        let wants_clues = values::is_wanted(&all.seen, &all.clues);
        if has_manifests || wants_clues {
            let clues = |path: &Path, bytes: &[u8]| match wants_clues {
                true => clues::clues(&base, path, bytes),
                false => Vec::new(),
            };
            let (kustomizations, clues) = base.evidence(&request, clues)?;
            all.kustomizations = kustomizations;
            if wants_clues {
                all.clues = clues;
            }
        }
    }
    let read = |names: &[String]| Ok(base.read(names));
    let unread = |names: &[String]| match scanned {
        true => Ok(Vec::new()),
        false => base.read_below(&request, names),
    };
    let survey = Survey {
        idle_globs,
        kinds: sought.kinds.clone(),
        ..Survey::default()
    };
    let link = |place: &str| Ok(base.link(place));
    let survey = survey.complete(all, &base, sought, &questions, (read, unread, link));
    survey.map(|survey| survey.telling(&named))
}

/// As [`survey`], of standard input. No kustomization has to do with it: what a build prints is built.
pub fn survey_stdin(
    kinds: &Kinds,
    questions: impl Questions,
    ask_ahead: impl Fn(usize, &[Question]),
) -> Survey {
    let examined = match stdin::read() {
        Ok(bytes) => examine_stream(&bytes, kinds, &questions),
        Err(error) => Passed::Unreadable(Unread::of_file(&error)).into(),
    };
    if let Examined::Manifest(manifest) = &examined {
        ask_ahead(0, &manifest.questions);
    }
    let mut survey = Survey {
        kinds: kinds.clone(),
        ..Survey::default()
    };
    survey.take(PathBuf::from(STDIN), STDIN.to_owned(), examined);
    let overlays = KnownOverlays::default();
    let Ok(survey) = survey.follow(overlays, &questions, |_| Ok::<_, Infallible>(Vec::new()));
    survey
}

/// How the files of a commit are read.
pub trait Contents<E> {
    /// Calls `visit` with the place in the list and the content of each of these files, on several threads.
    fn visit<R: Send>(
        &self,
        chosen: &[usize],
        visit: impl Fn(usize, Result<&[u8], FileError>) -> R + Sync,
    ) -> Result<Vec<R>, E>;

    /// Where a link of the commit leads, by its path from the root.
    fn link(&self, place: &str) -> Result<Option<String>, E>;
}

/// As [`survey`], among the files of a commit by their paths from the request's root.
pub fn survey_commit<E>(
    request: scan::Scope<'_>,
    listed: &[impl AsRef<Path> + Sync],
    contents: &impl Contents<E>,
    sought: Sought<'_>,
    questions: impl Questions,
) -> Result<Result<Survey, E>, scan::ScanError> {
    let (chosen, idle_globs) = scan::listed::choose(request, listed)?;
    let survey = Survey {
        idle_globs,
        kinds: sought.kinds.clone(),
        ..Survey::default()
    };
    let base = Base::of(&request);
    let named = named(&request);
    let path_of = |index: usize| listed[index].as_ref();
    let place = |index: usize| request.root.join(path_of(index));
    let survey = || {
        let whole = chosen.iter().filter(|file| !file.is_template);
        let whole: Vec<usize> = whole.map(|file| file.index).collect();
        let is_chosen: BTreeSet<usize> = chosen.iter().map(|file| file.index).collect();
        let unseen = (0..listed.len()).filter(|index| scan::is_manifest(path_of(*index)));
        let unseen: Vec<usize> = unseen.filter(|index| !is_chosen.contains(index)).collect();
        let indices = [&whole[..], &unseen[..]].concat();
        let looked = contents.visit(&indices, |number, content| {
            let path = place(indices[number]);
            match (number < whole.len(), content) {
                (true, Ok(content)) => {
                    let sought = (sought.kinds, sought.texts);
                    let looked = examine_bytes(&path, content, &base, sought, &questions);
                    match named.contains(&chosen[number].shown) {
                        true => looked.named(content),
                        false => looked,
                    }
                }
                (true, Err(error)) => {
                    Looked::from(Examined::from(Passed::Unreadable(Unread::of_file(&error))))
                }
                (false, Ok(content)) => Looked::evidence_of(&path, content, &base),
                // As in a work tree, what cannot be read is no evidence unless a kustomization names it.
                (false, Err(_)) => Looked::from(Examined::unseen()),
            }
        })?;
        let mut looked = looked.into_iter();
        let mut all = Everything::default();
        for file in &chosen {
            let looked = match file.is_template {
                true => Looked::from(Examined::chart_template()),
                false => looked.next().expect("each file was looked at"),
            };
            all.take(place(file.index), file.shown.clone(), looked);
        }
        let wants_clues = values::is_wanted(&all.seen, &all.clues);
        for mut evidence in looked.filter_map(|looked| looked.evidence) {
            if !wants_clues {
                evidence.clues.clear();
            }
            all.note(Some(evidence));
        }
        let read_evidence = |names: &[String]| {
            let (folders, files): (Vec<&str>, Vec<&str>) = names
                .iter()
                .map(String::as_str)
                .partition(|name| name.ends_with('/'));
            let named: BTreeSet<&Path> = files.into_iter().map(Path::new).collect();
            // What was chosen has been looked at.
            let is_below = |index: usize| {
                let mut folders = folders.iter();
                folders.any(|folder| path_of(index).starts_with(folder))
                    && !is_chosen.contains(&index)
                    && scan::is_manifest(path_of(index))
            };
            let is_meant = |index: &usize| named.contains(path_of(*index)) || is_below(*index);
            let places = (0..listed.len()).filter(is_meant);
            let places: Vec<usize> = places.collect();
            let read = contents.visit(&places, |_, content| match content {
                Ok(content) => Ok(content.to_vec()),
                Err(error) => Err(error.to_string()),
            })?;
            let names = places
                .iter()
                .map(|index| path_of(*index).display().to_string());
            Ok(names.zip(read).collect())
        };
        let link = |place: &str| contents.link(place);
        survey
            .complete(
                all,
                &base,
                sought,
                &questions,
                (read_evidence, read_evidence, link),
            )
            .map(|survey: Survey| survey.telling(&named))
    };
    Ok(survey())
}

/// What was named, as the user is shown files: without `./` and doubled slashes.
fn named(request: &scan::Scope<'_>) -> BTreeSet<String> {
    let paths = request.paths.iter();
    let paths = paths.map(|path| {
        let parts = path.components();
        parts.filter(|part| *part != Component::CurDir).collect()
    });
    paths
        .map(|path: PathBuf| path.to_string_lossy().into_owned())
        .collect()
}

/// What was read, before evidence decides what it is.
#[derive(Default)]
struct Everything {
    seen: Vec<Seen>,
    kustomizations: Vec<BoxedKustomization>,
    clues: Vec<Clue>,
}

impl Everything {
    /// Makes room for what is noted, and no more.
    fn reserve<'e>(&mut self, all: impl Iterator<Item = &'e Evidence>) {
        let (mut kustomizations, mut clues) = (0, 0);
        for evidence in all {
            kustomizations += evidence.kustomizations.len();
            clues += evidence.clues.len();
        }
        self.kustomizations.reserve_exact(kustomizations);
        self.clues.reserve_exact(clues);
    }

    fn note(&mut self, evidence: Option<Box<Evidence>>) {
        if let Some(evidence) = evidence {
            self.kustomizations.extend(evidence.kustomizations);
            self.clues.extend(evidence.clues);
        }
    }

    fn take(&mut self, path: PathBuf, name: String, looked: Looked) {
        self.note(looked.evidence);
        self.seen.push(Seen {
            path,
            name,
            examined: looked.examined,
        });
    }
}

/// A mistake in what was typed, as what ends the run.
pub(super) fn wrong_paths(error: &scan::ScanError) -> Problem {
    Problem {
        code: Code::Usage,
        what: error.to_string(),
        place: Place::default(),
        cause: String::new(),
        hint: Some(meant_flag(error).unwrap_or_else(|| error.hint())),
    }
}

/// The hint for an action that was typed as a path.
fn meant_flag(error: &scan::ScanError) -> Option<String> {
    let scan::ScanError::Missing { path, .. } = error else {
        return None;
    };
    ["update", "restore", "check", "diff"]
        .contains(&path.as_str())
        .then(|| format!("did you mean `--{path}`?"))
}

/// What a content of a file is, if nothing is asked about it.
fn unasked(path: &Path, content: &[u8], kinds: &Kinds) -> Examined {
    let base = Base::default();
    let sought = (kinds, Texts::All);
    examine_bytes(path, content, &base, sought, &|_: &[_]| Vec::new()).examined
}

impl Survey {
    /// All objects, file by file.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        let objects = self.manifests.iter().flat_map(|file| &file.objects);
        objects.map(|(_, object)| object)
    }

    /// Whether a file, by its absolute path without links, is one of the manifests.
    pub fn has(&self, path: &Path) -> bool {
        let same_name = self
            .manifests
            .iter()
            .filter(|manifest| manifest.path.file_name() == path.file_name());
        same_name
            .filter_map(|manifest| manifest.path.canonicalize().ok())
            .any(|real| real == path)
    }

    /// Takes everything, once evidence says what it is. The first function reads any file of the tree, the second one those that may not
    /// have been found, the third one says where a link leads.
    fn complete<E>(
        mut self,
        mut all: Everything,
        base: &Base,
        sought: Sought<'_>,
        questions: &impl Questions,
        (read, unread, link): (
            impl overlays::ReadEvidence<E>,
            impl overlays::ReadEvidence<E>,
            impl FnMut(&str) -> Result<Option<String>, E>,
        ),
    ) -> Result<Self, E> {
        self.charts = KnownCharts::follow(
            base.clone(),
            all.clues,
            sought.values,
            &mut all.seen,
            sought.kinds,
            questions,
            &read,
        )?;
        let is_manifest = |seen: &&Seen| matches!(seen.examined, Examined::Manifest(_));
        let manifests = all.seen.iter().filter(is_manifest).count();
        self.manifests.reserve_exact(manifests);
        self.without_objects
            .reserve_exact(all.seen.len() - manifests);
        for seen in all.seen {
            self.take(seen.path, seen.name, seen.examined);
        }
        for manifest in &mut self.manifests {
            if self.charts.settle(manifest, sought.kinds) {
                manifest.questions = questions(&manifest.objects);
            }
        }
        let overlays = KnownOverlays::new(base.clone(), all.kustomizations, read, link)?;
        self.follow(overlays, questions, unread)
    }

    /// Takes note of what kustomizations make of the images. `read` reads files that were not found by what was named.
    fn follow<E>(
        mut self,
        mut overlays: KnownOverlays,
        questions: &impl Questions,
        read: impl overlays::ReadEvidence<E>,
    ) -> Result<Self, E> {
        for manifest in &mut self.manifests {
            if overlays.settle_patches(manifest, &self.kinds) {
                manifest.questions = questions(&manifest.objects);
                self.unhandled.append(&mut manifest.unhandled);
            }
        }
        let without = self
            .manifests
            .extract_if(.., |manifest| manifest.objects.is_empty());
        self.without_objects
            .extend(without.map(|manifest| manifest.name));
        let unread = overlays.unread_evidence(&self.manifests);
        let own: BTreeSet<String> = match unread.iter().any(|name| name.ends_with('/')) {
            true => overlays.names(&self.manifests),
            false => BTreeSet::new(),
        };
        let unread = read(&Vec::from_iter(unread))?.into_iter();
        let unread = unread.filter(|(name, _)| !own.contains(name));
        let unread: Vec<ManifestFile> = unread
            .filter_map(|(name, content)| self.evidence(&mut overlays, name, content))
            .collect();
        for manifest in self.manifests.iter().chain(&unread) {
            overlays.take_patch(manifest);
        }
        let fates = overlays.bind_manifests(&self.manifests);
        overlays.bind_manifests(&unread);
        let mut replaced = Replaced::default();
        for (manifest, fates) in self.manifests.iter_mut().zip(fates) {
            let is_marked = overlays.mark(manifest, fates, &mut replaced);
            if self.charts.hold_patched(manifest, &overlays) || is_marked {
                manifest.questions = questions(&manifest.objects);
            }
        }
        self.warnings.extend(replaced.warning());
        self.warnings.extend(overlays.doubts(&self.manifests));
        self.overlays = overlays;
        Ok(self)
    }

    /// A file that was not found by what was named.
    fn evidence(
        &self,
        overlays: &mut KnownOverlays,
        name: String,
        content: Result<Vec<u8>, String>,
    ) -> Option<ManifestFile> {
        let path = overlays.place(&name);
        let examined = content.map(|content| unasked(&path, &content, &self.kinds));
        let why = examined
            .as_ref()
            .map_or_else(|why| Some(&**why), Examined::unread);
        if let Some(why) = why {
            overlays.doubt(&name, why);
        }
        let Ok(Examined::Manifest(manifest)) = examined else {
            return None;
        };
        let mut manifest = ManifestFile {
            path,
            name,
            content: manifest,
        };
        overlays.settle_patches(&mut manifest, &self.kinds);
        Some(manifest)
    }

    /// Another content of a file that is known; `None` where it cannot be read, or holds no object with images.
    pub(super) fn another(&self, known: &ManifestFile, content: &[u8]) -> Option<ManifestFile> {
        let unasked_values = |_: &[_]| Vec::new();
        let as_values =
            (self.charts).examine_at(&known.path, content, &self.kinds, &unasked_values);
        let examined = as_values.unwrap_or_else(|| unasked(&known.path, content, &self.kinds));
        let Examined::Manifest(manifest) = examined else {
            return None;
        };
        let mut other = ManifestFile {
            path: known.path.clone(),
            name: known.name.clone(),
            content: manifest,
        };
        self.charts.settle(&mut other, &self.kinds);
        self.overlays.settle_patches(&mut other, &self.kinds);
        (self.overlays).mark(&mut other, Vec::new(), &mut Replaced::default());
        self.charts.hold_patched(&mut other, &self.overlays);
        Some(other)
    }

    /// Says of each file that was named why nothing is looked at there.
    fn telling(mut self, named: &BTreeSet<String>) -> Self {
        let passed = self.skipped.iter();
        let passed = passed.filter(|skipped| skipped.code == Code::NotYaml);
        let broken = passed.filter_map(|skipped| {
            let (file, line) = (skipped.place.file.as_ref()?, skipped.place.line?);
            named.contains(file).then(|| {
                format!(
                    "nothing was checked in `{file}`, which is not YAML: line {line}: {}",
                    skipped.message
                )
            })
        });
        self.warnings.extend(broken);
        let empty = self.without_objects.iter();
        let mut empty = empty.filter(|file| named.contains(*file));
        if let Some(first) = empty.next() {
            let more = match empty.count() {
                0 => String::new(),
                more => format!(" and {more} more of the named files"),
            };
            let note = format!("no object with images is in `{first}`{more}");
            self.notes
                .extend((!self.manifests.is_empty()).then_some(note));
        }
        self
    }

    /// Counts what is not handled in a file, and says of each slip once what to write.
    fn note(&mut self, name: &str, unhandled: Vec<&'static str>) {
        let mut told = BTreeSet::new();
        let slips = unhandled
            .iter()
            .filter_map(|counted| Some((*counted, shape::slip(counted)?)));
        let slips = slips.filter(|(counted, _)| told.insert(*counted));
        self.warnings
            .extend(slips.map(|(_, slip)| format!("`{name}` {slip}")));
        let read = |counted: &&str| !shape::is_miswritten(counted);
        self.unhandled.extend(unhandled.into_iter().filter(read));
    }

    fn take(&mut self, path: PathBuf, name: String, examined: Examined) {
        let place = |line| Place {
            file: Some(name.clone()),
            line,
            ..Place::default()
        };
        let problem = |what, unread: Unread| Problem {
            code: unread.code,
            what,
            place: place(unread.line),
            cause: unread.cause,
            hint: unread.hint,
        };
        let shown = match name.as_str() {
            STDIN => "standard input".to_owned(),
            name => format!("`{name}`"),
        };
        let of_file = |unread| problem(format!("cannot read {shown}"), unread);
        let of_document = |unread| problem(format!("cannot read a document of {shown}"), unread);
        self.files += 1;
        match examined {
            Examined::Manifest(mut manifest) => {
                self.note(&name, std::mem::take(&mut manifest.unhandled));
                self.skipped
                    .extend(manifest.misplaced.iter().map(|line| Skipped {
                        code: Code::BadComment,
                        place: place(Some(*line)),
                        message: misplaced::REASON.to_owned(),
                    }));
                let refused = std::mem::take(&mut manifest.refused).into_iter();
                self.problems.extend(refused.map(of_document));
                self.manifests.push(ManifestFile {
                    path,
                    name,
                    content: manifest,
                });
            }
            Examined::Vendored => self.skipped.push(Skipped {
                code: Code::VendoredChart,
                place: place(None),
                message: "these values belong to a chart that is a part of another one".to_owned(),
            }),
            Examined::Nothing { unhandled, .. } => {
                self.note(&name, unhandled.into_vec());
                self.without_objects.push(name);
            }
            Examined::Passed(passed) => match *passed {
                Passed::NotYaml { line, why } => {
                    self.skipped.push(Skipped {
                        code: Code::NotYaml,
                        place: place(Some(line)),
                        message: why,
                    });
                }
                Passed::Template { line, why } => {
                    self.skipped.push(Skipped {
                        code: Code::Template,
                        place: place(line),
                        message: why,
                    });
                }
                Passed::Unknown { cause } => {
                    self.files -= 1;
                    self.problems.push(Problem {
                        code: Code::GitIndex,
                        what: format!("cannot tell which files Git tracks of what `.gitignore` leaves out: `{name}`, and perhaps more"),
                        place: place(None),
                        cause,
                        hint: Some("make `git ls-files` work there, or leave it out with `--exclude`".to_owned()),
                    });
                }
                Passed::UnreadableFolder { code, cause, hint } => {
                    self.files -= 1;
                    self.problems.push(of_file(Unread {
                        code,
                        line: None,
                        cause,
                        hint,
                    }));
                }
                Passed::Unreadable(unread) => self.problems.push(of_file(unread)),
                Passed::UnreadableDocuments { refused, unhandled } => {
                    self.note(&name, unhandled);
                    self.problems.extend(refused.into_iter().map(of_document));
                }
            },
        }
    }
}
