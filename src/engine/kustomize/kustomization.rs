//! One kustomization, and the files that it names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::compared::{Comparisons, Patch, Places, Text};
use super::delivery;
use super::entries::Entries;
use super::entry::Entry;
use super::field::Field;
use super::moved::Moves;
use super::pattern::Limits;
use super::put::{Directives, Puts};
use super::replacements::Replacements;
use super::shift::{Shifts, depends_on_places};
use super::target::by_file;
use super::{ENTRIES, Target, join, parent};
use crate::engine::path::Step;
use crate::engine::shape;
use crate::engine::tree::Tree;

/// One kustomization, as far as images are concerned. All paths begin at one folder.
#[derive(Clone, Debug)]
pub struct Kustomization {
    /// Its file.
    pub(super) file: String,
    /// The files and folders of `resources` and `bases`.
    pub(super) resources: Vec<String>,
    /// The folders of its components, in order.
    pub(super) components: Vec<String>,
    /// The files of its patches, each with its target.
    pub(super) patches: Vec<(String, Target)>,
    /// Its entries of `images`, in order.
    pub(super) entries: Entries,
    /// Its own replacements, and those of each file that it names.
    pub(super) replacements: Vec<Arc<Replacements>>,
    /// The targets of its patches as texts, by the steps to the text.
    pub(super) texts: BTreeMap<Vec<Step>, Target>,
    /// Those of its patches in files, where there are any.
    pub(super) directives: BTreeMap<String, Directives>,
    /// The images that its patches put in, as far as they are known.
    pub(super) puts: Puts,
    /// Whether it finds images by their places in lists, or moves or renames what another patch may find.
    pub(super) depends_on_places: bool,
    /// What its patches do to lists, once [`super::Overlays::take_shifts`] has seen them.
    pub(super) shifts: Shifts,
    /// What its patches compare.
    pub(super) compared: Comparisons,
    /// The files of its patches by their paths, each with its targets.
    pub(super) patch_files: BTreeMap<String, Vec<Target>>,
    /// The files with more replacements.
    pub(super) replacement_files: BTreeSet<String>,
    /// The files of `configurations`.
    pub(super) configurations: BTreeSet<String>,
    /// The fields that these name as images, file by file.
    pub(super) fields: Vec<Arc<[Field]>>,
    /// Whether it has `transformers`, which may do anything to lists.
    pub(super) has_transformers: bool,
    /// The names and the namespace that it gives to its objects.
    pub(super) moves: Moves,
    /// What of it is not followed, each for a sentence: ``it has `transformers` ``.
    pub(super) doubts: Vec<String>,
    /// The images that it builds, if it is the file of Skaffold.
    pub(super) builds: Vec<String>,
    /// Where it stands in its file, if it is no kustomization of its own, but what Flux or Argo CD puts on top of one.
    pub(super) delivery: Option<delivery::Place>,
    /// Whether Flux makes a kustomization of the folder if there is none.
    pub(super) generates: bool,
}

/// One that stays where it is: it is large, and a tree has many.
pub type BoxedKustomization = Box<Kustomization>;

impl Kustomization {
    /// Reads the document of the file at `file`, a path with `/` and without `.` and `..`.
    pub fn read<'a, T: Tree<'a>>(document: T, file: &str) -> BoxedKustomization {
        let folder = parent(file);
        let items = |key| document.get(key).map(T::items).unwrap_or_default();
        let path = |item: T| join(folder, item.scalar().text()?);
        let paths = |key| items(key).into_iter().filter_map(path);
        let paths_of = |key| {
            let of_item =
                move |item: T| Some((item.get("path").and_then(path)?, Target::read(item)));
            items(key).into_iter().filter_map(of_item)
        };
        let mut limits = Limits::default();
        let mut entries = Vec::new();
        for (number, list) in ENTRIES.into_iter().enumerate() {
            let items = items(list).into_iter().enumerate();
            entries.extend(
                items.filter_map(|(index, item)| Entry::read(item, (number, index), &mut limits)),
            );
        }
        let replacements = Replacements::read(items("replacements").into_iter(), &mut limits);
        let has_lines = |item: T| item.scalar().text().is_some_and(|text| text.contains('\n'));
        let merges = items("patchesStrategicMerge").into_iter();
        let merges = merges.filter(|item| !has_lines(*item)).filter_map(path);
        let has_transformers = !items("transformers").is_empty();
        let doubt = has_transformers.then(|| "its `transformers` may change images".to_owned());
        let read = Text::all(document);
        let patches = merges
            .map(|path| (path, Target::default()))
            .chain(paths_of("patches"))
            .chain(paths_of("patchesJson6902"));
        let patches = fitted(patches);
        Box::new(Self {
            file: file.to_owned(),
            resources: fitted(paths("resources").chain(paths("bases"))),
            components: fitted(paths("components")),
            patch_files: by_file(&patches),
            patches,
            entries: Entries::new(entries),
            replacements: fitted(Some(Arc::new(replacements)).filter(|own| !own.is_empty())),
            depends_on_places: read.iter().any(Text::depends_on_places),
            texts: (read
                .iter()
                .map(|text| (text.steps.clone(), text.target.clone())))
            .collect(),
            shifts: Shifts::default(),
            directives: BTreeMap::new(),
            puts: puts(&read, file),
            compared: Comparisons::read(document, &read, file, folder),
            replacement_files: paths_of("replacements").map(|(path, _)| path).collect(),
            configurations: paths("configurations").collect(),
            fields: Vec::new(),
            has_transformers,
            moves: Moves::read(document),
            doubts: doubt.into_iter().chain(limits.doubt).collect(),
            builds: Vec::new(),
            delivery: None,
            generates: false,
        })
    }

    /// One that cannot be read, for this reason: what it builds on is not known.
    pub fn unread(file: &str, why: &str) -> BoxedKustomization {
        Box::new(Self {
            doubts: vec![format!("it cannot be read ({why})")],
            ..Self::blank(file)
        })
    }

    /// One that says nothing.
    pub(super) fn blank(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            resources: Vec::new(),
            components: Vec::new(),
            patches: Vec::new(),
            entries: Entries::default(),
            replacements: Vec::new(),
            texts: BTreeMap::new(),
            directives: BTreeMap::new(),
            puts: Puts::default(),
            depends_on_places: false,
            shifts: Shifts::default(),
            compared: Comparisons::default(),
            patch_files: BTreeMap::new(),
            replacement_files: BTreeSet::new(),
            configurations: BTreeSet::new(),
            fields: Vec::new(),
            has_transformers: false,
            moves: Moves::default(),
            doubts: Vec::new(),
            builds: Vec::new(),
            delivery: None,
            generates: false,
        }
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &str {
        parent(&self.file)
    }

    /// Gives the files and folders that it names other places, where `place` has one.
    pub fn move_paths<E>(
        &mut self,
        mut place: impl FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        let named = self.resources.iter_mut().chain(&mut self.components);
        let patches = self.patches.iter_mut().map(|(path, _)| path);
        for path in named.chain(patches) {
            if let Some(other) = place(path)? {
                *path = other;
            }
        }
        for files in [&mut self.replacement_files, &mut self.configurations] {
            let mut moved = BTreeSet::new();
            for path in std::mem::take(files) {
                moved.insert(place(&path)?.unwrap_or(path));
            }
            *files = moved;
        }
        let mut moved: BTreeMap<String, Vec<Target>> = BTreeMap::new();
        for (path, targets) in std::mem::take(&mut self.patch_files) {
            let place = place(&path)?.unwrap_or(path);
            moved.entry(place).or_default().extend(targets);
        }
        self.patch_files = moved;
        Ok(())
    }

    /// The files in which more of it stands, to be given to [`Kustomization::take`].
    pub fn named_files(&self) -> impl Iterator<Item = &str> {
        let named = self.replacement_files.iter().chain(&self.configurations);
        let named = named.chain(self.patch_files.keys());
        named.map(String::as_str)
    }

    /// Takes what stands in one of [`Kustomization::named_files`].
    pub fn take(&mut self, file: &str, read: &NamedFile) {
        for target in self.patch_files.get(file).into_iter().flatten() {
            self.depends_on_places |= read.depends_on_places;
            let patch = Patch::File(file.to_owned());
            self.compared.take(patch, target, &read.places);
            if !read.directives.is_empty() {
                let directives = read.directives.clone();
                self.directives.insert(file.to_owned(), directives);
            }
        }
        let has_replacements = self.replacement_files.contains(file);
        let is_configuration = self.configurations.contains(file);
        if has_replacements {
            self.replacements.push(Arc::clone(&read.replacements));
        }
        if is_configuration && !read.fields.is_empty() {
            self.fields.push(Arc::clone(&read.fields));
        }
        if has_replacements || is_configuration {
            self.doubts
                .extend(read.doubt.iter().map(|why| unread(file, why)));
        }
    }

    /// The number of the entry to which these steps lead.
    pub(super) fn entry_at(&self, steps: &[Step]) -> Option<usize> {
        let [Step::Key(list), Step::Index(at)] = steps else {
            return None;
        };
        let list = ENTRIES.iter().position(|known| known == list)?;
        self.entries.at((list, *at))
    }

    /// Whether what its patches, and those of all below it, do to lists matters to what it finds.
    pub(super) fn is_about_places(&self) -> bool {
        let replacements = || self.replacements.iter().any(|all| all.depend_on_places);
        self.depends_on_places || self.puts.depend_on_places || replacements()
    }

    /// The step behind its patches: they and its components come before, its entries after.
    pub(super) fn patched(&self) -> usize {
        self.components.len() + 1
    }
}

/// A list without room to spare, because a tree has many kustomizations.
fn fitted<T>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut list = Vec::from_iter(items);
    list.shrink_to_fit();
    list
}

/// The images that the patches put in which stand as texts in a kustomization.
fn puts(texts: &[Text<'_>], file: &str) -> Puts {
    let mut puts = Puts::default();
    for text in texts {
        let directives = Directives::read(text.documents());
        for document in text.documents() {
            for object in &shape::find(document).objects {
                puts.take(file, &text.target, object, &directives);
            }
        }
    }
    puts
}

/// What stands in a file that kustomizations name: replacements, a configuration, or a patch.
#[derive(Clone, Debug)]
pub struct NamedFile {
    replacements: Arc<Replacements>,
    /// What it compares and changes as a patch.
    places: Vec<(Target, Places)>,
    directives: Directives,
    depends_on_places: bool,
    fields: Arc<[Field]>,
    /// Why not all of it is known.
    doubt: Option<String>,
}

impl NamedFile {
    /// Reads documents that each are a replacement, a list of them, a configuration or a patch. `doubt` says why others are not there.
    pub fn read<'a, T: Tree<'a>>(
        documents: impl Iterator<Item = T>,
        doubt: Option<String>,
    ) -> Self {
        let mut limits = Limits::default();
        let documents: Vec<T> = documents.collect();
        let all = documents
            .iter()
            .flat_map(|document| match document.items() {
                items if items.is_empty() => vec![*document],
                items => items,
            });
        let replacements = Replacements::read(all, &mut limits);
        let fields = documents.iter().filter_map(|one| one.get("images"));
        let fields = fields.flat_map(T::items).filter_map(Field::read);
        Self {
            replacements: Arc::new(replacements),
            places: match doubt {
                Some(_) => Places::unread(),
                None => Places::read(documents.iter().copied()),
            },
            directives: Directives::read(documents.iter().copied()),
            depends_on_places: documents.iter().copied().any(depends_on_places),
            fields: fields.collect(),
            doubt: doubt.or(limits.doubt),
        }
    }

    /// A file that cannot be read, for this reason.
    pub fn unread(why: String) -> Self {
        Self {
            replacements: Arc::default(),
            places: Places::unread(),
            directives: Directives::default(),
            depends_on_places: false,
            fields: Arc::new([]),
            doubt: Some(why),
        }
    }
}

pub(super) fn unread(file: &str, why: &str) -> String {
    format!("`{file}` cannot be read ({why})")
}
