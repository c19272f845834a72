//! What kustomizations make of the images of the manifests below them.
//!
//! An overlay may give an image of its base another tag or another name when it is built:
//!
//! ```yaml
//! resources: [../base]
//! images: [{name: web, newName: mirror/web}]      # `web:1.4@sha256:…` of the base becomes `mirror/web:1.4@sha256:…`
//! ```
//!
//! [`Overlays::fate`] follows an image from its manifest through every kustomization above it, in kustomize's order: inner ones first;
//! in each its components, its patches, its entries of `images` one after the other, its replacements. A component's entries apply to
//! all that the kustomization which includes it has gathered before. Only files of the same tree are followed.

mod delivery;
mod entry;
mod field;
mod pattern;
mod put;
mod replacement;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::hold::Hold;
use super::image::{ImageRef, Lookup};
use super::object::Object;
use super::path::Step;
use super::shape;
use super::site::{Decider, Site, Slots};
use super::tree::Tree;
use super::yaml::File;
use entry::{Effect, Entry};
use field::Field;
use pattern::Limits;
use put::Puts;
use replacement::{Meaning, Replacement};

pub use delivery::{deliveries, may_deliver};
pub(super) use entry::split;
pub(super) use pattern::is_pattern;
pub use target::Target;

/// The names under which kustomize finds a kustomization.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The lists of entries for images, in the order in which kustomize applies them.
pub(super) const ENTRIES: [&str; 2] = ["images", "imageTags"];

/// The lists of patches.
pub(super) const PATCHES: [&str; 3] = ["patches", "patchesJson6902", "patchesStrategicMerge"];

/// An image that meets more kustomizations, entries and replacements than these is not followed.
const MOST_STEPS: usize = 250_000;

/// Why an image is not followed that meets more.
const TOO_FAR: &str = "the kustomizations above it have more entries than imago follows";

/// One kustomization, as far as images are concerned. All paths begin at one folder.
#[derive(Clone, Debug)]
pub struct Kustomization {
    /// Its file.
    file: String,
    /// The files and folders of `resources` and `bases`.
    resources: Vec<String>,
    /// The folders of its components, in order.
    components: Vec<String>,
    /// The files of its patches, each with its target.
    patches: Vec<(String, Target)>,
    /// Its entries of `images`, in order.
    entries: Vec<Entry>,
    /// Its own replacements, and those of each file that it names.
    replacements: Vec<Arc<[Replacement]>>,
    /// Whether it has patches as texts.
    has_texts: bool,
    /// The images that its patches put in, as far as they are known.
    puts: Puts,
    /// The files with more replacements.
    replacement_files: BTreeSet<String>,
    /// The files of `configurations`.
    configurations: BTreeSet<String>,
    /// The fields that these name as images, file by file.
    fields: Vec<Arc<[Field]>>,
    /// What of it is not followed, each for a sentence: ``it has `transformers` ``.
    doubts: Vec<String>,
    /// Where it stands in its file, if it is no kustomization of its own, but what Flux or Argo CD puts on top of one.
    delivery: Option<delivery::Place>,
}

impl Kustomization {
    /// Reads the document of the file at `file`, a path with `/` and without `.` and `..`.
    pub fn read<'a, T: Tree<'a>>(document: T, file: &str) -> Self {
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
        let replacements = items("replacements").into_iter();
        let replacements = replacements.map(|item| Replacement::read(item, &mut limits));
        let replacements: Arc<[Replacement]> = replacements.collect();
        let has_lines = |item: T| item.scalar().text().is_some_and(|text| text.contains('\n'));
        let is_text = |item: T| has_lines(item) || item.get("patch").is_some();
        let merges = items("patchesStrategicMerge").into_iter();
        let merges = merges.filter(|item| !has_lines(*item)).filter_map(path);
        let has_transformers = !items("transformers").is_empty();
        let doubt = has_transformers.then(|| "its `transformers` may change images".to_owned());
        Self {
            file: file.to_owned(),
            resources: paths("resources").chain(paths("bases")).collect(),
            components: paths("components").collect(),
            patches: merges
                .map(|path| (path, Target::default()))
                .chain(paths_of("patches"))
                .chain(paths_of("patchesJson6902"))
                .collect(),
            entries,
            replacements: vec![replacements],
            has_texts: PATCHES.into_iter().flat_map(items).any(is_text),
            puts: puts(document, file),
            replacement_files: paths_of("replacements").map(|(path, _)| path).collect(),
            configurations: paths("configurations").collect(),
            fields: Vec::new(),
            doubts: doubt.into_iter().chain(limits.doubt).collect(),
            delivery: None,
        }
    }

    /// One that cannot be read, for this reason: what it builds on is not known.
    pub fn unread(file: &str, why: &str) -> Self {
        Self {
            doubts: vec![format!("it cannot be read ({why})")],
            ..Self::blank(file)
        }
    }

    /// One that says nothing.
    fn blank(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            resources: Vec::new(),
            components: Vec::new(),
            patches: Vec::new(),
            entries: Vec::new(),
            replacements: Vec::new(),
            has_texts: false,
            puts: Puts::default(),
            replacement_files: BTreeSet::new(),
            configurations: BTreeSet::new(),
            fields: Vec::new(),
            doubts: Vec::new(),
            delivery: None,
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
        Ok(())
    }

    /// The files in which more of it stands, to be given to [`Kustomization::take`].
    pub fn named_files(&self) -> impl Iterator<Item = &str> {
        let named = self.replacement_files.iter().chain(&self.configurations);
        named.map(String::as_str)
    }

    /// Takes what stands in one of [`Kustomization::named_files`].
    pub fn take(&mut self, file: &str, read: &NamedFile) {
        if self.replacement_files.contains(file) {
            self.replacements.push(Arc::clone(&read.replacements));
        }
        if self.configurations.contains(file) && !read.fields.is_empty() {
            self.fields.push(Arc::clone(&read.fields));
        }
        self.doubts
            .extend(read.doubt.iter().map(|why| unread(file, why)));
    }

    /// The number of the entry to which these steps lead.
    fn entry_at(&self, steps: &[Step]) -> Option<usize> {
        let [Step::Key(list), Step::Index(at)] = steps else {
            return None;
        };
        let list = ENTRIES.iter().position(|known| known == list)?;
        let entries = &self.entries;
        entries
            .binary_search_by_key(&(list, *at), |entry| entry.at)
            .ok()
    }

    /// The step behind its patches: they and its components come before, its entries after.
    fn patched(&self) -> usize {
        self.components.len() + 1
    }
}

/// The images that the patches put in which stand as texts in a kustomization.
fn puts<'a, T: Tree<'a>>(document: T, file: &str) -> Puts {
    let mut puts = Puts::default();
    let items = PATCHES.into_iter().filter_map(|list| document.get(list));
    for item in items.flat_map(T::items) {
        let text = item.get("patch").unwrap_or(item).scalar().text();
        let text = text.filter(|text| text.contains("image"));
        let Some(Ok(parsed)) = text.map(File::parse) else {
            continue;
        };
        let target = Target::read(item);
        for index in (0..parsed.len()).filter(|index| !parsed.is_refused(*index)) {
            let found = shape::find(parsed.document(index));
            for object in &found.objects {
                puts.take(file, &target, object);
            }
        }
    }
    puts
}

/// What stands in a file that kustomizations name: replacements, or a configuration.
#[derive(Clone, Debug)]
pub struct NamedFile {
    replacements: Arc<[Replacement]>,
    fields: Arc<[Field]>,
    /// Why not all of it is known.
    doubt: Option<String>,
}

impl NamedFile {
    /// Reads documents that each are a replacement, a list of them or a configuration. `doubt` says why others are not there.
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
        let replacements = all
            .map(|item| Replacement::read(item, &mut limits))
            .collect();
        let fields = documents.iter().filter_map(|one| one.get("images"));
        let fields = fields.flat_map(T::items).filter_map(Field::read);
        Self {
            replacements,
            fields: fields.collect(),
            doubt: doubt.or(limits.doubt),
        }
    }

    /// A file that cannot be read, for this reason.
    pub fn unread(why: String) -> Self {
        Self {
            replacements: Arc::new([]),
            fields: Arc::new([]),
            doubt: Some(why),
        }
    }
}

fn unread(file: &str, why: &str) -> String {
    format!("`{file}` cannot be read ({why})")
}

/// What becomes of an image in the builds that it reaches, each the build of a kustomization that no other one builds on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Whether a build has it as it is written.
    pub kept: bool,
    /// The other names under which builds have its tag and digest, each with a file that renames it.
    pub renamed: BTreeMap<String, String>,
    /// The files that set its tag and digest anew in a build.
    pub replaced: BTreeSet<String>,
    /// Those of them after which it has no digest in a build.
    unpinned: BTreeSet<String>,
    /// A file that puts a suffix on its tag in a build.
    pub suffixed: Option<String>,
    /// A file with a replacement that takes it apart.
    pub taken_apart: Option<String>,
    /// Why it is not known what builds make of it.
    pub unfollowed: Option<String>,
    /// The entries that decide it in a build.
    deciding: BTreeSet<EntryId>,
    /// The entries whose image is taken apart where it reaches this one, and the file that does so.
    apart: BTreeMap<EntryId, String>,
}

/// A kustomization, and an entry of it.
type EntryId = (usize, usize);

/// The kustomizations of a tree.
#[derive(Clone, Debug, Default)]
pub struct Overlays {
    all: Vec<Kustomization>,
    /// By folder: the kustomization in it.
    folders: BTreeMap<String, usize>,
    /// By file: the kustomization that it is.
    files: BTreeMap<String, usize>,
    /// By file: what of Flux and Argo CD stands in it.
    deliveries: BTreeMap<String, Vec<usize>>,
    /// By file or folder: the kustomizations that build on it, and the step at which they take it in.
    above: BTreeMap<String, Vec<(usize, usize)>>,
    /// The files that are patches, each with the kustomizations that apply it, and its target there.
    patches: BTreeMap<String, Vec<(usize, Target)>>,
    /// What holds an entry because of what it reaches.
    bound: BTreeMap<EntryId, Hold>,
    /// Those that build on a file which cannot be read, and which the images of the run have to do with.
    doubted: BTreeSet<usize>,
    /// By kustomization: the fields that it and those which it builds on name as images.
    fields: BTreeMap<usize, Vec<Arc<[Field]>>>,
}

/// An image on its way up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Passing {
    image: String,
    renamed_by: Option<usize>,
    set_by: Option<Setter>,
}

/// What set a tag and a digest anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Setter {
    Entry(EntryId),
    /// A kustomization, and an image that its patches put in.
    Patch((usize, usize)),
    Suffix(usize),
    Replacement(usize),
}

/// Whose image passes: what kustomizations select it by.
#[derive(Clone, Copy)]
struct Subject<'s> {
    written: Written<'s>,
    /// The steps to it in its object.
    steps: &'s [Step],
    site: &'s Site,
    /// Whether kustomize knows its field as an image.
    is_known: bool,
}

/// Where an image is written.
#[derive(Clone, Copy)]
enum Written<'s> {
    Object(&'s Object),
    /// In a patch that stands as a text, for an object that is not known.
    Text,
    /// In an entry: it may be in any object.
    Entry,
}

impl Overlays {
    /// Links the kustomizations of a tree.
    pub fn new(all: Vec<Kustomization>) -> Self {
        let mut above: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        let mut patches: BTreeMap<String, Vec<(usize, Target)>> = BTreeMap::new();
        for (index, kustomization) in all.iter().enumerate() {
            let mut note = |path: &String, step| {
                let above = above.entry(path.clone()).or_default();
                if above.last().is_none_or(|(other, _)| *other != index) {
                    above.push((index, step));
                }
            };
            kustomization
                .resources
                .iter()
                .for_each(|path| note(path, 0));
            for (at, path) in kustomization.components.iter().enumerate() {
                note(path, at + 1);
            }
            for (path, target) in &kustomization.patches {
                note(path, kustomization.patched());
                patches
                    .entry(path.clone())
                    .or_default()
                    .push((index, target.clone()));
            }
        }
        let numbered = || all.iter().enumerate();
        let numbered = || numbered().filter(|(_, one)| one.delivery.is_none());
        let folders = numbered().map(|(index, one)| (parent(&one.file).to_owned(), index));
        let files = numbered().map(|(index, one)| (one.file.clone(), index));
        let mut deliveries: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, one) in all.iter().enumerate() {
            if one.delivery.is_some() {
                deliveries.entry(one.file.clone()).or_default().push(index);
            }
        }
        let mut tree = Self {
            deliveries,
            folders: folders.collect(),
            files: files.collect(),
            above,
            patches,
            all,
            ..Self::default()
        };
        tree.hand_up_fields();
        tree
    }

    /// What a kustomization configures holds in all that build on it.
    fn hand_up_fields(&mut self) {
        let mut left = MOST_STEPS;
        for index in 0..self.all.len() {
            if self.all[index].fields.is_empty() {
                continue;
            }
            let fields = self.all[index].fields.clone();
            let mut met = BTreeSet::from([index]);
            self.add_above(parent(&self.all[index].file), &mut met);
            if spend(&mut left, met.len() * fields.len()).is_none() {
                let why = "its `configurations` reach more kustomizations than imago follows";
                self.all[index].doubts.push(why.to_owned());
                continue;
            }
            for one in met {
                (self.fields.entry(one).or_default()).extend(fields.iter().cloned());
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether any file is a patch.
    pub fn has_patches(&self) -> bool {
        !self.patches.is_empty()
    }

    /// Whether a kustomization takes the manifest for a patch.
    pub fn is_patch(&self, manifest: &str) -> bool {
        self.patches.contains_key(manifest)
    }

    /// The targets of a manifest that kustomizations take for a patch.
    pub fn targets(&self, manifest: &str) -> impl Iterator<Item = &Target> + Clone {
        let patches = self.patches.get(manifest).into_iter().flatten();
        patches.map(|(_, target)| target)
    }

    /// The files of patches that may put an image into these manifests.
    pub fn patches_above<'m>(
        &self,
        manifests: impl IntoIterator<Item = &'m str>,
    ) -> BTreeSet<&str> {
        let mut met = BTreeSet::new();
        manifests
            .into_iter()
            .for_each(|manifest| self.add_met(manifest, &mut met));
        let patches = met.iter().flat_map(|index| &self.all[*index].patches);
        patches.map(|(path, _)| path.as_str()).collect()
    }

    /// Takes note of what a file puts in that is a patch.
    pub fn take_patch<'o>(
        &mut self,
        file: &str,
        objects: impl Iterator<Item = &'o Object> + Clone,
    ) {
        for (index, target) in self.patches.get(file).into_iter().flatten() {
            for object in objects.clone() {
                self.all[*index].puts.take(file, target, object);
            }
        }
    }

    /// Takes note that a file cannot be read which kustomizations build on, and whose images the entries of the run may meet.
    pub fn doubt(&mut self, file: &str, why: &str) {
        for (index, _) in self.above.get(file).into_iter().flatten() {
            self.all[*index].doubts.push(unread(file, why));
            self.doubted.insert(*index);
        }
    }

    /// Whether a kustomization builds on the manifest.
    pub fn reach(&self, manifest: &str) -> bool {
        self.above.contains_key(manifest)
    }

    /// The files whose images the entries in these files may meet.
    pub fn files_met<'f>(&self, files: impl IntoIterator<Item = &'f str>) -> BTreeSet<&str> {
        let mut due: Vec<usize> = Vec::new();
        for file in files {
            due.extend(self.files.get(file));
            due.extend(self.deliveries.get(file).into_iter().flatten());
        }
        let mut seen: BTreeSet<usize> = due.iter().copied().collect();
        // The entries of a component apply to all that those have gathered which include it.
        let mut components = due.clone();
        while let Some(index) = components.pop() {
            let above = self.above_one(index);
            let included = above.iter().filter(|(_, step)| *step > 0);
            for (includer, _) in included {
                if seen.insert(*includer) {
                    components.push(*includer);
                    due.push(*includer);
                }
            }
        }
        let mut below = BTreeSet::new();
        while let Some(index) = due.pop() {
            let one = &self.all[index];
            let patches = one.patches.iter().map(|(path, _)| path);
            if one.has_texts {
                below.insert(one.file.as_str());
            }
            for path in one.resources.iter().chain(&one.components).chain(patches) {
                match self.folders.get(path) {
                    Some(folder) if seen.insert(*folder) => due.push(*folder),
                    Some(_) => {}
                    None => drop(below.insert(path.as_str())),
                }
            }
        }
        below
    }

    /// What becomes of an image that is written in a manifest.
    pub fn fate(&self, manifest: &str, object: &Object, site: &Site) -> Fate {
        let below = site.at.steps().get(object.at.steps().len()..);
        let steps = below.unwrap_or_default();
        let subject = Subject {
            written: Written::Object(object),
            steps,
            site,
            is_known: is_known(steps, site),
        };
        let starts = self.above.get(manifest).map_or(&[][..], Vec::as_slice);
        self.follow(starts, site.image.text().unwrap_or_default(), subject)
    }

    /// The kustomization that a file is.
    pub fn kustomization(&self, file: &str) -> Option<usize> {
        self.files.get(file).copied()
    }

    /// Whether something of Flux or Argo CD stands in a file that puts entries on top of a kustomization.
    pub fn delivers(&self, file: &str) -> bool {
        self.deliveries.contains_key(file)
    }

    /// What holds an entry of Flux or Argo CD in a document of a file because of what it reaches.
    pub fn hold_in_delivery(&self, file: &str, document: usize, site: &Site) -> Option<&Hold> {
        self.deliveries.get(file)?.iter().find_map(|index| {
            let one = &self.all[*index];
            let place = one.delivery.as_ref()?;
            let entry = one.entry_at(place.below(document, &site.at)?)?;
            self.bound.get(&(*index, entry))
        })
    }

    /// What becomes of an image that is written in a kustomization, in an entry or in a patch, and what holds the entry because of what
    /// it reaches. `None`: it is no such image.
    pub fn fate_in_kustomization(
        &self,
        index: usize,
        site: &Site,
    ) -> Option<(Fate, Option<&Hold>)> {
        let one = &self.all[index];
        let image = site.image.text()?;
        let steps = site.at.steps();
        let is_inside = |step: &Step| matches!(step, Step::Inside(_));
        if let Some(inside) = steps.iter().position(is_inside) {
            let steps = &steps[inside + 1..];
            let subject = Subject {
                written: Written::Text,
                steps,
                site,
                is_known: is_known(steps, site),
            };
            let patched = [(index, one.patched())];
            return Some((self.follow(&patched, image, subject), None));
        }
        let entry = one.entry_at(steps)?;
        let subject = Subject {
            written: Written::Entry,
            steps,
            site,
            is_known: true,
        };
        let next = [(index, one.patched() + entry + 1)];
        let fate = self.follow(&next, image, subject);
        Some((fate, self.bound.get(&(index, entry))))
    }

    /// Holds the entries that decide an image, or put in what is taken apart further up. `hold` is what holds the image itself.
    pub fn bind(&mut self, fate: &Fate, hold: Option<&Hold>) {
        for entry in &fate.deciding {
            if let Some(hold) = hold {
                self.bound.entry(*entry).or_insert_with(|| hold.clone());
            }
        }
        for (entry, file) in &fate.apart {
            let hold = || Hold::taken_apart(file);
            self.bound.entry(*entry).or_insert_with(hold);
        }
    }
}

impl Overlays {
    /// Follows an image that enters kustomizations at these steps, up to all that nothing builds on.
    fn follow(&self, starts: &[(usize, usize)], image: &str, subject: Subject<'_>) -> Fate {
        let mut left = MOST_STEPS;
        let too_far = || Fate {
            unfollowed: Some(TOO_FAR.to_owned()),
            ..Fate::default()
        };
        (self.follow_within(starts, image, subject, &mut left)).unwrap_or_else(too_far)
    }

    /// `None`: there are more steps than `left`.
    fn follow_within(
        &self,
        starts: &[(usize, usize)],
        image: &str,
        subject: Subject<'_>,
        left: &mut usize,
    ) -> Option<Fate> {
        let mut fate = Fate::default();
        let written = Passing {
            image: image.to_owned(),
            renamed_by: None,
            set_by: None,
        };
        let starts = starts.iter().map(|start| (*start, written.clone()));
        let mut due: Vec<((usize, usize), Passing)> = starts.collect();
        let mut seen: BTreeSet<_> = due.iter().cloned().collect();
        fate.kept = due.is_empty();
        while let Some(((index, step), mut passing)) = due.pop() {
            self.build(index, step, &mut passing, subject, &mut fate, left)?;
            let further = self.above_one(index);
            spend(left, further.len())?;
            let next = further.iter().map(|next| (*next, passing.clone()));
            due.extend(next.filter(|next| seen.insert(next.clone())));
            // Somebody may build it without what Flux or Argo CD puts on top.
            if further
                .iter()
                .all(|(index, _)| self.all[*index].delivery.is_some())
            {
                self.end(passing, image, &mut fate);
            }
        }
        Some(fate)
    }

    /// What a kustomization makes of an image from a step on: its components in their order, each once, then its own entries and
    /// replacements. Without recursion, because a repository may chain as many as it likes.
    fn build(
        &self,
        index: usize,
        step: usize,
        passing: &mut Passing,
        subject: Subject<'_>,
        fate: &mut Fate,
        left: &mut usize,
    ) -> Option<()> {
        let mut built = BTreeSet::from([index]);
        let mut open = vec![(index, step)];
        while let Some((at, next)) = open.last_mut() {
            spend(left, 1)?;
            let one = &self.all[*at];
            if let Some(folder) = one.components.get(*next) {
                *next += 1;
                let component = self.folders.get(folder).copied();
                let component = component.filter(|component| built.insert(*component));
                open.extend(component.map(|component| (component, 0)));
                continue;
            }
            let (at, next) = (*at, *next);
            open.pop();
            if next < one.patched()
                && let Written::Object(object) = subject.written
                && let Some(put) = one.puts.last_for(object, subject.site)
            {
                passing.put(one, (at, put));
            }
            let passed = next.saturating_sub(one.patched());
            let takes = |at| self.takes_for_image(at, subject);
            if subject.is_known || takes(at) || open.iter().any(|(outer, _)| takes(*outer)) {
                spend(left, one.entries.len().saturating_sub(passed))?;
                for (number, entry) in one.entries.iter().enumerate().skip(passed) {
                    passing.pass(entry, (at, number));
                }
            }
            for replacements in &one.replacements {
                spend(left, replacements.len())?;
                let meanings = replacements.iter().filter_map(|one| match subject.written {
                    Written::Object(object) => one.meaning(object, subject.site),
                    Written::Text => one.takes_images_apart().then_some(Meaning::TakenApart),
                    Written::Entry => None,
                });
                for meaning in meanings {
                    self.replace(meaning, at, passing, fate);
                }
            }
        }
        Some(())
    }

    /// Whether a kustomization takes the field of an image for one by its configuration, or by that of one which it builds on.
    fn takes_for_image(&self, at: usize, subject: Subject<'_>) -> bool {
        let fields = self.fields.get(&at).into_iter().flatten();
        let object = match subject.written {
            Written::Object(object) => Some(object),
            Written::Text | Written::Entry => None,
        };
        let mut fields = fields.flat_map(|fields| fields.iter());
        fields.any(|field| field.is_of(object, subject.steps, subject.site))
    }

    fn replace(&self, meaning: Meaning, at: usize, passing: &mut Passing, fate: &mut Fate) {
        let file = || self.all[at].file.clone();
        match (meaning, passing.set_by) {
            (Meaning::Replaced, _) => {
                passing.image.clear();
                passing.set_by = Some(Setter::Replacement(at));
            }
            (Meaning::TakenApart, None) => drop(fate.taken_apart.get_or_insert_with(file)),
            (Meaning::TakenApart, Some(Setter::Entry(entry))) => {
                fate.apart.entry(entry).or_insert_with(file);
            }
            (Meaning::TakenApart, Some(_)) | (Meaning::MayBeReplaced, Some(_)) => {}
            (Meaning::MayBeReplaced, None) => {
                let why = || {
                    format!(
                        "a replacement of `{}` may replace it, by a selector that imago does not follow",
                        self.all[at].file
                    )
                };
                fate.unfollowed.get_or_insert_with(why);
            }
        }
    }

    /// Notes what an image is where nothing builds on it any more.
    fn end(&self, passing: Passing, written: &str, fate: &mut Fate) {
        let file = |index: usize| self.all[index].file.clone();
        match passing.set_by {
            Some(Setter::Entry(entry)) => {
                fate.replaced.insert(file(entry.0));
                if !passing.image.contains('@') {
                    fate.unpinned.insert(file(entry.0));
                }
                fate.deciding.insert(entry);
            }
            Some(Setter::Patch((by, put))) => {
                if let Some(put) = self.all[by].puts.get(put) {
                    fate.replaced.insert(put.file.clone());
                    if !passing.image.contains('@') {
                        fate.unpinned.insert(put.file.clone());
                    }
                }
            }
            Some(Setter::Replacement(by)) => drop(fate.replaced.insert(file(by))),
            Some(Setter::Suffix(by)) => fate.suffixed = Some(file(by)),
            None => {
                let (name, tag, _) = entry::split(&passing.image);
                match passing.renamed_by {
                    Some(by) if name != entry::split(written).0 => {
                        let tag = tag.map(|tag| format!(":{tag}")).unwrap_or_default();
                        let renamed = [name, tag.as_str()].concat();
                        fate.renamed.entry(renamed).or_insert_with(|| file(by));
                    }
                    _ => fate.kept = true,
                }
            }
        }
    }

    /// Adds the kustomizations above a manifest, or the manifest itself and those above, to those that are known to be met.
    pub fn add_met(&self, manifest: &str, met: &mut BTreeSet<usize>) {
        if let Some(index) = self.kustomization(manifest)
            && met.insert(index)
        {
            self.add_above(parent(manifest), met);
        }
        self.add_above(manifest, met);
    }

    /// Adds the kustomizations above a file or a folder.
    fn add_above(&self, path: &str, met: &mut BTreeSet<usize>) {
        let mut due: Vec<&[(usize, usize)]> = self
            .above
            .get(path)
            .map(Vec::as_slice)
            .into_iter()
            .collect();
        while let Some(above) = due.pop() {
            for (index, _) in above {
                if met.insert(*index) {
                    due.push(self.above_one(*index));
                }
            }
        }
    }

    /// The kustomizations that build on one, and the step at which they take it in.
    fn above_one(&self, index: usize) -> &[(usize, usize)] {
        let one = &self.all[index];
        let above = self.above.get(parent(&one.file));
        match one.delivery {
            None => above.map_or(&[], Vec::as_slice),
            Some(_) => &[],
        }
    }

    /// Whether something of any kustomization is not followed.
    pub fn has_doubts(&self) -> bool {
        self.all.iter().any(|one| !one.doubts.is_empty())
    }

    /// One sentence for each of these kustomizations that is not followed, and for each other such one that builds on nothing that is
    /// known, or on what cannot be read.
    pub fn doubts(&self, met: &BTreeSet<usize>) -> Vec<String> {
        let builds_on_nothing = |one: &Kustomization| {
            one.resources.is_empty() && one.components.is_empty() && one.patches.is_empty()
        };
        let doubted = self.all.iter().enumerate().filter(|(index, one)| {
            let is_meant = met.contains(index) || self.doubted.contains(index);
            !one.doubts.is_empty() && (is_meant || builds_on_nothing(one))
        });
        let said = |(_, one): (usize, &Kustomization)| {
            format!(
                "what `{}` makes of images is not known: {}",
                one.file,
                one.doubts.join(", and ")
            )
        };
        doubted.map(said).collect()
    }
}

impl Fate {
    /// What holds the image. `image` is as it is written.
    pub fn hold(&self, image: &str) -> Option<Hold> {
        if let Some(by) = &self.taken_apart {
            return Some(Hold::taken_apart(by));
        }
        if let Some(why) = &self.unfollowed {
            return Some(Hold::unfollowed(why));
        }
        if let Some((to, by)) = self.renamed.first_key_value() {
            let renamed = Hold::renamed_by(by, entry::split(to).0);
            // A name without a registry that no build keeps is a placeholder: a stranger may have it on Docker Hub.
            let is_placeholder = !self.kept && !has_registry(image);
            let others = self
                .renamed
                .keys()
                .map(|to| Some(ImageRef::parse(to).ok()?.lookup()));
            let others: Option<Vec<Lookup>> = others.collect();
            return Some(Hold {
                unless: others.filter(|_| !is_placeholder).unwrap_or_default(),
                ..renamed
            });
        }
        let suffixed = self.suffixed.as_ref();
        suffixed.map(|by| Hold::suffixed_by(by))
    }

    /// The file that decides the image, where no build has its tag or its digest. One that gives it no digest comes first.
    pub fn decided_by(&self) -> Option<Decider> {
        let stands = self.kept
            || !self.renamed.is_empty()
            || self.suffixed.is_some()
            || self.unfollowed.is_some();
        let unpinned = self.unpinned.first();
        let by = unpinned.or(self.replaced.first()).filter(|_| !stands)?;
        Some(Decider {
            file: by.clone(),
            has_digest: unpinned.is_none(),
        })
    }
}

impl Passing {
    /// Takes the image that a patch of a kustomization puts in.
    fn put(&mut self, by: &Kustomization, id: (usize, usize)) {
        if let Some(put) = by.puts.get(id.1) {
            self.image.clone_from(&put.image);
            self.set_by = Some(Setter::Patch(id));
        }
    }

    /// Applies an entry of a kustomization.
    fn pass(&mut self, entry: &Entry, id: EntryId) {
        let Some((image, effect)) = entry.apply(&self.image) else {
            return;
        };
        if entry::split(&image).0 != entry::split(&self.image).0 {
            self.renamed_by = Some(id.0);
        }
        self.image = image;
        match effect {
            Effect::Renames => {}
            Effect::Sets => self.set_by = Some(Setter::Entry(id)),
            Effect::AddsSuffix => {
                self.set_by.get_or_insert(Setter::Suffix(id.0));
            }
        }
    }
}

/// Whether kustomize takes the site's field for an image: those of containers at any depth, and those of image volumes (since 5.7).
/// `steps` lead to the site in its object. An operation of a JSON Patch, which stands in a list, has its path for its name.
fn is_known(steps: &[Step], site: &Site) -> bool {
    let is_list = |key: &str| matches!(key, "containers" | "initContainers" | "volumes");
    match (&site.slots, steps) {
        (Slots::Parts(_) | Slots::Behind(_), _) => false,
        (Slots::Whole(_), [Step::Index(_), ..]) => site.name.split('/').any(is_list),
        (Slots::Whole(_), [.., Step::Key(list), Step::Index(_)]) => is_list(list),
        (Slots::Whole(_), _) => false,
    }
}

/// Takes steps from those that are left. `None`: there are not as many.
fn spend(left: &mut usize, steps: usize) -> Option<()> {
    *left = left.checked_sub(steps)?;
    Some(())
}

/// Whether an image names its registry: the first part of its name is a host.
fn has_registry(image: &str) -> bool {
    let host = image.split_once('/').map(|(host, _)| host);
    host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost")
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path as seen from a folder; `None` where it leads out of the tree or is an address.
fn join(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains("://") {
        return None;
    }
    let mut joined: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(joined.pop()?),
            part => joined.push(part),
        }
    }
    Some(joined.join("/"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn overlays(files: &[(&str, Value)]) -> Overlays {
        let read = |(file, document): &(&str, Value)| Kustomization::read(document, file);
        Overlays::new(files.iter().map(read).collect())
    }

    fn base() -> (&'static str, Value) {
        (
            "base/kustomization.yaml",
            json!({"resources": ["web.yaml"]}),
        )
    }

    fn with(entries: Value) -> Value {
        json!({"resources": ["../base"], "images": entries})
    }

    fn deployment(image: &str) -> Object {
        let pod = json!({"containers": [{"name": "web", "image": image}]});
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}});
        shape::find(&object).objects.remove(0)
    }

    /// What becomes of the image of a Deployment in this file.
    fn told(tree: &Overlays, manifest: &str, image: &str) -> String {
        let object = deployment(image);
        say(&tree.fate(manifest, &object, &object.sites[0]))
    }

    fn say(fate: &Fate) -> String {
        let short = |file: &str| parent(file).to_owned();
        let kept = fate.kept.then(|| "kept".to_owned());
        let renamed = fate.renamed.iter();
        let renamed = renamed.map(|(to, by)| format!("{to} by {}", short(by)));
        let replaced = fate.replaced.iter();
        let replaced = replaced.map(|by| format!("set by {}", short(by)));
        let suffixed = fate.suffixed.iter();
        let suffixed = suffixed.map(|by| format!("suffixed by {}", short(by)));
        let apart = fate.taken_apart.iter();
        let apart = apart.map(|by| format!("apart by {}", short(by)));
        let unfollowed = fate.unfollowed.iter().map(|_| "unfollowed".to_owned());
        let all = kept
            .into_iter()
            .chain(renamed)
            .chain(replaced)
            .chain(suffixed)
            .chain(apart)
            .chain(unfollowed);
        Vec::from_iter(all).join(", ")
    }

    /// The same below one overlay.
    fn below(overlay: Value, image: &str) -> String {
        let tree = overlays(&[base(), ("over/kustomization.yml", overlay)]);
        told(&tree, "base/web.yaml", image)
    }

    #[test]
    fn a_name_alone_takes_the_digest_to_another_repository() {
        let rename = with(json!([{"name": "shop/web", "newName": "hardened/web"}]));
        for (image, expected) in [
            ("shop/web", "hardened/web by over"),
            ("shop/web:1.4", "hardened/web:1.4 by over"),
            ("shop/web:1.4@sha256:11", "hardened/web:1.4 by over"),
            ("web:1.4", "kept"),
        ] {
            assert_eq!(below(rename.clone(), image), expected);
        }
        let empty = json!([{"name": "web", "newName": "x"}, {"name": "shop/web", "newName": ""}]);
        assert_eq!(below(with(empty), "shop/web"), "kept");
        let same = json!([{"name": "web", "newName": "web"}]);
        assert_eq!(below(with(same), "web:1"), "kept");
    }

    #[test]
    fn entries_and_kustomizations_apply_one_after_the_other() {
        let there_and_back =
            json!([{"name": "web", "newName": "x"}, {"name": "x", "newName": "web"}]);
        assert_eq!(below(with(there_and_back), "web:1"), "kept");
        let chain = json!([{"name": "web", "newName": "x"}, {"name": "x", "newTag": "3"}]);
        assert_eq!(below(with(chain), "web:1"), "set by over");
        let too_late = json!([{"name": "x", "newTag": "3"}, {"name": "web", "newName": "x"}]);
        assert_eq!(below(with(too_late), "web:1"), "x:1 by over");
        let rename = with(json!([{"name": "web", "newName": "mirror/web"}]));
        let top =
            json!({"bases": ["../middle/"], "images": [{"name": "mirror/web", "newTag": "2"}]});
        let tree = overlays(&[
            base(),
            ("middle/kustomization.yaml", rename),
            ("top/Kustomization", top),
        ]);
        assert_eq!(told(&tree, "base/web.yaml", "web:1"), "set by top");
    }

    #[test]
    fn a_digest_that_one_build_keeps_is_not_dropped_everywhere() {
        for (key, word) in [
            ("newTag", "set"),
            ("digest", "set"),
            ("tagSuffix", "suffixed"),
        ] {
            let over = (
                "over/kustomization.yaml",
                with(json!([{"name": "web", key: "x"}])),
            );
            let told_in = |files: &[_]| told(&overlays(files), "base/web.yaml", "web:1");
            let expected = format!("{word} by over");
            assert_eq!(told_in(&[base(), over.clone()]), expected);
            let dev = ("dev/kustomization.yaml", with(json!([])));
            assert_eq!(told_in(&[base(), over, dev]), format!("kept, {expected}"));
        }
    }

    #[test]
    fn what_holds_an_image_and_what_decides_it() {
        let held = |entries: Value, image: &str| {
            let tree = overlays(&[base(), ("over/kustomization.yaml", with(entries))]);
            let object = deployment(image);
            let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
            let hold = fate.hold(image);
            let unless = hold.iter().flat_map(|hold| &hold.unless);
            let unless: Vec<String> = unless.map(Lookup::to_string).collect();
            let code = hold.as_ref().map_or("", |hold| hold.code.as_str());
            let by = fate.decided_by().map(|by| by.file).unwrap_or_default();
            [code, &unless.join(" "), &by].join("|")
        };
        let rename = json!([{"name": ".*/?web", "newName": "mirror.example.com/web"}]);
        // Nobody asks Docker Hub for a name that is none anywhere.
        assert_eq!(held(rename.clone(), "web:1"), "renamed-by||");
        let mirror = "renamed-by|mirror.example.com/web:1|";
        assert_eq!(held(rename, "r.example.com/web:1"), mirror);
        let named = json!([{"name": "web", "newName": "r.example.com/web", "newTag": "1"}]);
        assert_eq!(held(named, "web:1"), "||over/kustomization.yaml");
        let suffix = json!([{"name": "web", "tagSuffix": "-x"}]);
        assert_eq!(held(suffix, "web:1"), "tag-suffix||");
        assert_eq!(held(json!([]), "web:1"), "||");
    }

    #[test]
    fn an_entry_passes_through_those_after_it() {
        let entries = json!([
            {"name": "controller", "newTag": "1"},
            {"name": "controller", "newName": "r.example.com/shop"},
            {"name": "other", "newTag": "1"},
        ]);
        let over = json!({"resources": ["../base"], "images": entries});
        let tree = overlays(&[base(), ("over/kustomization.yaml", over.clone())]);
        let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
        let over = tree.kustomization("over/kustomization.yaml").unwrap();
        let said = |site| say(&tree.fate_in_kustomization(over, site).unwrap().0);
        let sites = &found.objects[0].sites;
        assert_eq!(said(&sites[0]), "r.example.com/shop:1 by over");
        assert_eq!(said(&sites[1]), "kept");
        let base = tree.kustomization("base/kustomization.yaml").unwrap();
        assert!(tree.fate_in_kustomization(base, &sites[0]).is_none());
        assert!(tree.kustomization("web.yaml").is_none());
    }

    #[test]
    fn an_entry_is_held_where_it_decides_what_may_not_change() {
        let entries = |tag: &str| json!([{"name": "web", "newTag": tag}]);
        let mut tree = overlays(&[
            (
                "base/kustomization.yaml",
                json!({"resources": ["web.yaml"], "images": entries("1")}),
            ),
            ("over/kustomization.yaml", with(entries("2"))),
        ]);
        let object = deployment("web:0");
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        tree.bind(&fate, Some(&Hold::reaches_job("Job/web", "base/web.yaml")));
        let held = |file: &str| {
            let document = json!({"images": entries("2")});
            let kinds = shape::Kinds::default();
            let found = shape::find_in("kustomization.yaml", &document, &kinds);
            let index = tree.kustomization(file).unwrap();
            let site = &found.objects[0].sites[0];
            let (_, hold) = tree.fate_in_kustomization(index, site).unwrap();
            hold.is_some()
        };
        assert!(held("over/kustomization.yaml") && !held("base/kustomization.yaml"));
    }

    #[test]
    fn a_replacement_takes_apart_what_it_finds_at_its_turn() {
        let path = "spec.template.spec.containers.0.image";
        let source =
            json!({"kind": "Deployment", "fieldPath": path, "options": {"delimiter": ":"}});
        let replacements = json!([{"source": source}]);
        let over = json!({"resources": ["../base"], "replacements": replacements});
        assert_eq!(below(over.clone(), "web:1"), "kept, apart by over");
        // What an entry puts in is taken apart, not what stood there before.
        let mut with_entry = over;
        with_entry["images"] = json!([{"name": "web", "newTag": "2"}]);
        let mut tree = overlays(&[base(), ("over/kustomization.yaml", with_entry.clone())]);
        assert_eq!(told(&tree, "base/web.yaml", "web:1"), "set by over");
        let object = deployment("web:1");
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        tree.bind(&fate, None);
        let kinds = shape::Kinds::default();
        let found = shape::find_in("kustomization.yaml", &with_entry, &kinds);
        let site = &found.objects[0].sites[0];
        let over = tree.kustomization("over/kustomization.yaml").unwrap();
        let (_, hold) = tree.fate_in_kustomization(over, site).unwrap();
        assert_eq!(hold.unwrap().code.as_str(), "taken-apart");
        let whole = json!({"select": {"kind": "Deployment"}, "fieldPaths": [path]});
        let over = json!({"resources": ["../base"], "replacements": [{"targets": [whole]}]});
        assert_eq!(below(over, "web:1"), "set by over");
    }

    #[test]
    fn what_is_not_followed_is_told_where_it_stands_above_the_manifest() {
        let document = json!({"resources": ["../base"], "transformers": ["t.yaml"]});
        let top = json!({"resources": ["../over"]});
        let elsewhere = json!({"resources": ["x.yaml"], "transformers": ["t.yaml"]});
        let tree = overlays(&[
            base(),
            ("over/kustomization.yaml", document),
            ("top/kustomization.yaml", top),
            ("elsewhere/kustomization.yaml", elsewhere),
        ]);
        let mut found = BTreeSet::new();
        tree.add_met("base/web.yaml", &mut found);
        assert_eq!(
            tree.doubts(&found),
            [
                "what `over/kustomization.yaml` makes of images is not known: its `transformers` may change images"
            ]
        );
        let plain = with(json!([{"name": "registry.example.com/web", "newTag": "2"}]));
        assert!(!overlays(&[base(), ("over/kustomization.yaml", plain)]).has_doubts());
    }

    #[test]
    fn circles_and_what_is_outside_end_the_way() {
        let tree = overlays(&[
            (
                "a/kustomization.yaml",
                json!({"resources": ["../b", "web.yaml", "https://example.com/x", "../../y", "/z", "."]}),
            ),
            (
                "b/kustomization.yaml",
                json!({"resources": ["../a"], "images": [{"name": "web", "tagSuffix": "x"}]}),
            ),
        ]);
        assert_eq!(told(&tree, "a/web.yaml", "web:1"), "");
        assert_eq!(told(&tree, "c/web.yaml", "web:1"), "kept");
        assert!(tree.reach("a/web.yaml") && !tree.reach("c/web.yaml"));
        let itself = json!({"components": ["."], "resources": ["."]});
        let tree = overlays(&[("kustomization.yaml", itself)]);
        assert_eq!(told(&tree, "", "web:1"), "");
    }

    #[test]
    fn a_component_applies_to_all_that_includes_it() {
        let rename = json!([{"name": "web", "newName": "mirror/web"}]);
        let component = (
            "comp/kustomization.yaml",
            json!({"kind": "Component", "images": rename, "resources": ["own.yaml"]}),
        );
        let outer = (
            "outer/kustomization.yaml",
            json!({"kind": "Component", "components": ["../comp"]}),
        );
        let over = |document: Value| ("over/kustomization.yaml", document);
        let base_with = json!({"resources": ["web.yaml"], "components": ["../comp"]});
        for (overlay, base) in [
            (
                json!({"resources": ["../base"], "components": ["../comp"]}),
                base(),
            ),
            (
                json!({"resources": ["../base"], "components": ["../outer"]}),
                base(),
            ),
            (
                json!({"resources": ["../base"]}),
                ("base/kustomization.yaml", base_with),
            ),
        ] {
            let tree = overlays(&[base, over(overlay), component.clone(), outer.clone()]);
            assert_eq!(
                told(&tree, "base/web.yaml", "web:1"),
                "mirror/web:1 by comp"
            );
        }
        let own = json!({"resources": ["../base"], "components": ["../comp"], "images": [{"name": "mirror/web", "newTag": "2"}]});
        let tree = overlays(&[base(), over(own), component.clone()]);
        assert_eq!(told(&tree, "base/web.yaml", "web:1"), "set by over");
        // A component before it does not see what it brings; one after it does.
        let last = (
            "last/kustomization.yaml",
            json!({"images": [{"name": "web", "newTag": "3"}]}),
        );
        let first = (
            "first/kustomization.yaml",
            json!({"images": [{"name": "mirror/web", "newTag": "3"}]}),
        );
        let both = json!({"components": ["../first", "../comp", "../last"]});
        let tree = overlays(&[over(both), component, first, last]);
        assert_eq!(
            told(&tree, "comp/own.yaml", "web:1"),
            "mirror/web:1 by comp"
        );
        let met = json!({"resources": ["a.yaml"], "components": ["../outer"]});
        let tree = overlays(&[
            over(met),
            (
                "outer/kustomization.yaml",
                json!({"components": ["../comp"]}),
            ),
            (
                "comp/kustomization.yaml",
                json!({"resources": ["own.yaml"]}),
            ),
        ]);
        let files = tree.files_met(["comp/kustomization.yaml"]);
        assert_eq!(files, BTreeSet::from(["comp/own.yaml", "over/a.yaml"]));
    }

    #[test]
    fn a_patch_is_there_for_the_entries_beside_it_and_not_for_components() {
        let comp = (
            "comp/kustomization.yaml",
            json!({"images": [{"name": "web", "newTag": "2"}]}),
        );
        let over = json!({"components": ["../comp"], "patches": [{"path": "patch.yaml"}]});
        let tree = overlays(&[comp, ("over/kustomization.yaml", over.clone())]);
        assert_eq!(told(&tree, "over/patch.yaml", "web:1"), "kept");
        assert!(tree.is_patch("over/patch.yaml"));
        let mut with_entries = over;
        with_entries["images"] = json!([{"name": "web", "newTag": "3"}]);
        let tree = overlays(&[("over/kustomization.yaml", with_entries)]);
        assert_eq!(told(&tree, "over/patch.yaml", "web:1"), "set by over");
    }

    #[test]
    fn a_tree_of_many_ways_is_walked_once() {
        // Each level is reached twice from the one above it: 2^40 ways, and no more states than levels.
        let level = |at: usize| {
            let below = if at == 0 {
                json!(["web.yaml"])
            } else {
                json!([format!("../l{}a", at - 1), format!("../l{}b", at - 1)])
            };
            [("a", below.clone()), ("b", below)].map(|(side, below)| {
                let document =
                    json!({"resources": below, "images": [{"name": "other", "newTag": "1"}]});
                Kustomization::read(&document, &format!("l{at}{side}/kustomization.yaml"))
            })
        };
        let tree = Overlays::new((0..40).flat_map(level).collect());
        assert_eq!(told(&tree, "l0a/web.yaml", "web:1"), "kept");
        let files = tree.files_met(["l39a/kustomization.yaml"]);
        assert_eq!(files, BTreeSet::from(["l0a/web.yaml", "l0b/web.yaml"]));
    }

    #[test]
    fn an_image_that_meets_too_much_is_held() {
        // Each entry changes the image, and each kustomization passes it on to all others.
        let file = |at: usize| {
            let others: Vec<String> = (0..60).map(|other| format!("../k{other}")).collect();
            let entries: Vec<Value> = (0..60)
                .map(|tag| json!({"name": "web", "newTag": format!("{at}-{tag}")}))
                .collect();
            let resources = [others, vec!["web.yaml".to_owned()]].concat();
            let document = json!({"resources": resources, "images": entries});
            Kustomization::read(&document, &format!("k{at}/kustomization.yaml"))
        };
        let tree = Overlays::new((0..60).map(file).collect());
        let object = deployment("web:1");
        let fate = tree.fate("k0/web.yaml", &object, &object.sites[0]);
        assert_eq!(say(&fate), "unfollowed");
        let hold = fate.hold("web:1").unwrap();
        assert_eq!(
            (hold.code.as_str(), fate.decided_by()),
            ("unfollowed", None)
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_doubt() {
        let told = |overlay: Value| {
            let tree = overlays(&[base(), ("over/kustomization.yaml", overlay)]);
            let mut met = BTreeSet::new();
            tree.add_met("base/web.yaml", &mut met);
            tree.doubts(&met).concat()
        };
        let entry = |key: &str, text: &str| {
            let mut entry = json!({"name": "web", "newTag": "2"});
            entry[key] = text.into();
            with(json!([entry]))
        };
        let said = told(entry("name", "web("));
        assert!(
            said.ends_with("not known: its pattern `web(` cannot be read"),
            "{said}"
        );
        assert!(told(entry("newName", &"a".repeat(600))).contains("its newName `aaa"));
        assert_eq!(told(entry("name", "web.*")), "");
        let select = json!({"select": {"kind": "["}, "fieldPaths": ["spec.image"]});
        let over = json!({"resources": ["../base"], "replacements": [{"targets": [select]}]});
        assert!(told(over).contains("its pattern `[` cannot be read"));
    }

    #[test]
    fn a_merge_patch_as_a_text_is_no_path() {
        let text = "apiVersion: apps/v1\nkind: Deployment\n";
        let one = json!({"patchesStrategicMerge": [text, "web.yaml"]});
        let one = Kustomization::read(&one, "kustomization.yaml");
        let paths: Vec<_> = one.patches.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["web.yaml"]);
        assert!(one.has_texts);
    }

    #[test]
    fn an_image_of_a_patch_that_stands_as_a_text_is_taken_apart() {
        let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, image: web:2}]}}}\n";
        let fate = |path: &str, delimiter: &str| {
            let options = json!({"delimiter": delimiter});
            let source = json!({"kind": "Deployment", "fieldPath": path, "options": options});
            let over = json!({"resources": ["../base"], "patches": [{"patch": patch}], "replacements": [{"source": source}]});
            let tree = overlays(&[base(), ("over/kustomization.yaml", over.clone())]);
            let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
            let index = tree.kustomization("over/kustomization.yaml").unwrap();
            let site = &found.objects[0].sites[0];
            say(&tree.fate_in_kustomization(index, site).unwrap().0)
        };
        let image = "spec.template.spec.containers.[name=web].image";
        assert_eq!(fate(image, ":"), "kept, apart by over");
        assert_eq!(fate(image, ""), "kept");
        assert_eq!(fate("metadata.name", ":"), "kept");
    }

    #[test]
    fn a_container_may_be_named_like_a_path() {
        let mut object = deployment("web:1");
        object.sites[0].name = "/web".to_owned();
        let over = with(json!([{"name": "web", "newTag": "2"}]));
        let tree = overlays(&[base(), ("over/kustomization.yaml", over)]);
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        assert_eq!(say(&fate), "set by over");
    }

    #[test]
    fn a_patch_sets_the_image_of_the_object_that_it_is_for() {
        let patch = |kind: &str, name: &str, container: &str| {
            let pod = json!({"containers": [{"name": container, "image": "web:2"}]});
            json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {"template": {"spec": pod}}})
        };
        let operation = |path: &str| json!([{"op": "replace", "path": path, "value": "web:2"}]);
        let image = "/spec/template/spec/containers/0/image";
        let own = patch("Deployment", "web", "web");
        for (document, target, expected) in [
            (own.clone(), json!(null), "set by over"),
            (patch("StatefulSet", "web", "web"), json!(null), "kept"),
            (patch("Deployment", "app", "web"), json!(null), "kept"),
            (patch("Deployment", "web", "app"), json!(null), "kept"),
            (
                patch("Deployment", "any", "web"),
                json!({"kind": "Deployment"}),
                "set by over",
            ),
            (
                own.clone(),
                json!({"group": "apps", "version": "v1", "kind": "Deployment", "name": "web"}),
                "set by over",
            ),
            (own.clone(), json!({"version": "v2", "name": "web"}), "kept"),
            (own.clone(), json!({"name": "app"}), "kept"),
            (own.clone(), json!({"labelSelector": "app=web"}), "kept"),
            (own.clone(), json!({"name": "w.*"}), "kept"),
            (
                operation(image),
                json!({"kind": "Deployment", "name": "web"}),
                "set by over",
            ),
            (
                operation(image),
                json!({"kind": "Deployment", "name": "app"}),
                "kept",
            ),
            (operation(image), json!(null), "kept"),
            (
                operation("/spec/template/spec/containers/1/image"),
                json!({"name": "web"}),
                "kept",
            ),
        ] {
            let by_text = json!({"patch": document.to_string(), "target": target});
            let over = |patch: Value| json!({"resources": ["../base"], "patches": [patch]});
            let said = below(over(by_text), "web:1");
            assert_eq!(said, expected, "{document} {target}");
            let by_path = json!({"path": "patch.yaml", "target": target});
            let mut tree = overlays(&[base(), ("over/kustomization.yaml", over(by_path))]);
            let objects = shape::find(&document).objects;
            tree.take_patch("over/patch.yaml", objects.iter());
            assert_eq!(
                told(&tree, "base/web.yaml", "web:1"),
                expected,
                "{document}"
            );
            // It sets none in itself.
            let site = &objects[0].sites[0];
            let fate = tree.fate("over/patch.yaml", &objects[0], site);
            assert_eq!(say(&fate), "kept", "{document}");
        }
    }

    #[test]
    fn an_entry_beside_a_patch_finds_what_the_patch_sets() {
        let pod = json!({"containers": [{"name": "web", "image": "shop:2"}]});
        let patch = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}});
        let over = |entry: Value| json!({"resources": ["../base"], "images": [entry], "patches": [{"patch": patch.to_string()}]});
        let set = |name: &str| over(json!({"name": name, "newTag": "3"}));
        let tree = overlays(&[base(), ("over/kustomization.yaml", set("shop"))]);
        let object = deployment("web:1");
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        assert_eq!(fate.deciding.len(), 1);
        assert_eq!(below(set("web"), "web:1"), "set by over");
        let tree = overlays(&[base(), ("over/kustomization.yaml", set("web"))]);
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        assert!(fate.deciding.is_empty());
    }

    #[test]
    fn what_kustomize_takes_for_no_image_is_left_as_it_is() {
        let task = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"image": "web:1"}]}});
        let object = shape::find(&task).objects.remove(0);
        let fate = |configurations: Value, written: Value| {
            let base = json!({"resources": ["task.yaml"], "configurations": configurations});
            let over =
                json!({"resources": ["../base"], "images": [{"name": "web", "newTag": "2"}]});
            let mut base = Kustomization::read(&base, "base/kustomization.yaml");
            let named: Vec<String> = base.named_files().map(str::to_owned).collect();
            for file in named {
                base.take(&file, &NamedFile::read([&written].into_iter(), None));
            }
            let over = Kustomization::read(&over, "over/kustomization.yaml");
            let tree = Overlays::new(vec![base, over]);
            say(&tree.fate("base/task.yaml", &object, &object.sites[0]))
        };
        let steps = |kind: &str| json!({"images": [{"path": "spec/steps[]/image", "kind": kind}]});
        let names = json!({"nameReference": [{"kind": "Secret", "fieldSpecs": [{"path": "spec/steps/image"}]}]});
        let file = json!(["fields.yaml"]);
        assert_eq!(fate(json!(null), steps("Task")), "kept");
        assert_eq!(fate(file.clone(), names), "kept");
        assert_eq!(fate(file.clone(), steps("Pipeline")), "kept");
        // What a base configures holds above it, too.
        assert_eq!(fate(file, steps("Task")), "set by over");
    }
}
