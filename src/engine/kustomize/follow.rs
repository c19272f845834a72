//! An image on its way up: what each kustomization makes of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::compared::Patch;
use super::entry::{self, Effect, Entry};
use super::fate::{EntryId, Fate, TOO_FAR};
use super::field::Field;
use super::kustomization::Kustomization;
use super::moved::Moved;
use super::overlays::Overlays;
use super::replacement::{Image, Meaning};
use super::shift::Position;
use super::{MOST_STEPS, STEPS_OF_EACH, Target, spend, touched};
use crate::engine::hold::Hold;
use crate::engine::object::Object;
use crate::engine::path::Step;
use crate::engine::shape::JSON_PATCH;
use crate::engine::site::{Site, Slots};

/// An image on its way up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Passing {
    image: String,
    renamed_by: Option<usize>,
    set_by: Option<Setter>,
    /// Whether its object may have another name or namespace by now.
    is_moved: bool,
    /// The names that it has got, as far as they are followed.
    moved: Option<Arc<Moved>>,
    /// Where it is by now.
    position: Position,
}

/// What set a tag and a digest anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Setter {
    Entry(EntryId),
    /// A kustomization, and an image that its patches put in.
    Patch((usize, usize)),
    Suffix(usize),
    Replacement(usize),
    /// A kustomization with a replacement whose text is not followed.
    Text(usize),
}

/// Whose image passes: what kustomizations select it by.
#[derive(Clone, Copy)]
struct Subject<'s> {
    written: Written<'s>,
    /// The steps to it in its object.
    steps: &'s [Step],
    site: &'s Site,
    /// Whether kustomize knows its field as an image. `None`: that depends on its version.
    is_known: Option<bool>,
    /// The patch that puts it in.
    patch: Option<&'s Patch>,
    /// The targets of that patch.
    targets: &'s [&'s Target],
}

/// Where an image is written.
#[derive(Clone, Copy)]
enum Written<'s> {
    Object(&'s Object),
    /// In a JSON Patch, or in a patch that stands as a text: for an object that is not known.
    Text,
    /// In an entry: it may be in any object.
    Entry,
}

impl Subject<'_> {
    /// The objects that have its image in a build.
    fn objects(&self) -> Vec<Target> {
        let own = match self.written {
            Written::Object(object) => Some(Target::of(object)),
            Written::Text => Some(Target::default()),
            Written::Entry => None,
        };
        let named = self.targets.iter().filter(|target| !target.is_any());
        let named: Vec<Target> = named.map(|target| (*target).clone()).collect();
        match named.is_empty() {
            true => own.into_iter().collect(),
            false => named,
        }
    }
}

impl Overlays {
    /// What becomes of an image that is written in a manifest.
    pub fn fate(&self, manifest: &str, object: &Object, site: &Site) -> Fate {
        let below = site.at.steps().get(object.at.steps().len()..);
        let steps = below.unwrap_or_default();
        let patched = self.patches.get(manifest);
        let patch = patched.map(|_| Patch::File(manifest.to_owned()));
        let targets = patched.into_iter().flatten().map(|(_, target)| target);
        let subject = Subject {
            written: match &*object.kind {
                JSON_PATCH => Written::Text,
                _ => Written::Object(object),
            },
            steps,
            site,
            is_known: is_known(steps, site),
            patch: patch.as_ref(),
            targets: &Vec::from_iter(targets),
        };
        let image = site.image.text().unwrap_or_default();
        let mut fate = self.follow(&self.takers(manifest), image, subject);
        if fate.kept {
            let by = self.built.by(manifest, entry::split(image).0);
            fate.built_by = by.map(str::to_owned);
        }
        fate
    }

    /// What becomes of an image that is written in a kustomization, in an entry or in a patch, and what holds the entry because of what
    /// it reaches. `None`: it is no such image.
    pub fn fate_in_kustomization(&self, index: usize, site: &Site) -> Option<(Fate, Option<Hold>)> {
        let one = &self.all[index];
        let image = site.image.text()?;
        let steps = site.at.steps();
        let is_inside = |step: &Step| matches!(step, Step::Inside(_));
        if let Some(inside) = steps.iter().position(is_inside) {
            let (text, steps) = (&steps[..inside], &steps[inside + 1..]);
            let subject = Subject {
                written: Written::Text,
                steps,
                site,
                is_known: is_known(steps, site),
                patch: Some(&Patch::Text(one.file.clone(), text.to_vec())),
                targets: &Vec::from_iter(one.texts.get(text)),
            };
            let patched = [(index, one.patched())];
            return Some((self.follow(&patched, image, subject), None));
        }
        let entry = one.entry_at(steps)?;
        let subject = Subject {
            written: Written::Entry,
            steps,
            site,
            is_known: Some(true),
            patch: None,
            targets: &[],
        };
        let next = [(index, one.patched() + entry + 1)];
        let fate = self.follow(&next, image, subject);
        Some((fate, self.hold_of((index, entry))))
    }

    /// What becomes of an image in a file of values where patches change what gets these values: the HelmRelease of a name in a file, or
    /// else the sources of Argo CD in it.
    pub fn fate_of_values(&self, (file, release): (&str, Option<&str>), site: &Site) -> Fate {
        let mut fate = Fate::default();
        let starts = self.takers(file);
        if !touched::is_split(site) || starts.is_empty() {
            return fate;
        }
        let targets = match release {
            Some(name) => vec![Target::release(name)],
            None => Target::sources_of_argocd(),
        };
        let targets = Vec::from_iter(&targets);
        for values in touched::values(release.is_some()) {
            let steps = [&values, site.at.steps()].concat();
            let subject = Subject {
                written: Written::Text,
                steps: &steps,
                site,
                is_known: Some(false),
                patch: None,
                targets: &targets,
            };
            fate.add(self.follow(&starts, site.image.text().unwrap_or_default(), subject));
        }
        fate
    }

    /// Follows an image that enters kustomizations at these steps, up to all that nothing builds on.
    fn follow(&self, starts: &[(usize, usize)], image: &str, subject: Subject<'_>) -> Fate {
        if subject.is_known.is_none() {
            let as_image = |is_known| Subject {
                is_known: Some(is_known),
                ..subject
            };
            let mut fate = self.follow(starts, image, as_image(true));
            fate.add(self.follow(starts, image, as_image(false)));
            return fate;
        }
        let shared = self.steps_left.load(Ordering::Relaxed) + STEPS_OF_EACH;
        let most = shared.min(MOST_STEPS);
        let mut left = most;
        let too_far = || Fate {
            unfollowed: Some(TOO_FAR.to_owned()),
            ..Fate::default()
        };
        let fate = self.follow_within(starts, image, subject, &mut left);
        self.steps_left
            .store(shared - (most - left), Ordering::Relaxed);
        fate.unwrap_or_else(too_far)
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
            is_moved: false,
            moved: None,
            position: Position::Exact,
        };
        // Somebody may apply a file without what Flux makes of its folder.
        let is_delivery = |(index, _): &(usize, usize)| self.all[*index].delivery.is_some();
        fate.kept = starts.iter().all(is_delivery);
        spend(left, starts.len())?;
        let starts = starts.iter().map(|start| (*start, written.clone()));
        let mut due: Vec<((usize, usize), Passing)> = starts.collect();
        let mut seen: BTreeSet<_> = due.iter().cloned().collect();
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
            // What a patch puts in comes in behind the others.
            if next <= one.patched() && !one.compared.is_empty() {
                let objects = subject.objects();
                let (steps, site) = (subject.steps, subject.site);
                let all = one.compared.steps(&objects, passing.is_moved, site);
                spend(left, all * objects.len())?;
                let objects = (&*objects, passing.is_moved);
                if (one.compared).meet(objects, subject.patch, steps, site) {
                    self.compare(at, passing, fate);
                }
                if touched::is_split(site)
                    && (one.compared).touch(objects, subject.patch, steps, site)
                {
                    let why = || format!("a patch of `{}` may change a part of it", one.file);
                    fate.unfollowed.get_or_insert_with(why);
                }
            }
            if next <= one.patched()
                && !one.shifts.is_empty()
                && let Written::Object(object) = subject.written
            {
                let objects = subject.objects();
                let edits = one.shifts.steps(&objects, passing.is_moved);
                spend(left, edits * objects.len() + object.sites.len())?;
                let objects = (&*objects, passing.is_moved);
                let before = passing.position;
                passing.position = one.shifts.after(before, objects, object, subject.site);
            }
            if next < one.patched()
                && !one.puts.is_empty()
                && let Written::Object(object) = subject.written
            {
                let moved = passing.moved.as_deref();
                let site = (subject.site, passing.position);
                let puts = one.puts.named_for(object, moved, site);
                spend(left, (1 + puts.len()) * (1 + Moved::count(moved)))?;
                if let Some(put) = puts.last() {
                    passing.put(one, (at, put));
                } else if passing.set_by.is_none() && puts.are_unclear() {
                    let why = || {
                        format!(
                            "a patch of `{}` may replace it: it looks for a place that other patches move",
                            one.file
                        )
                    };
                    fate.unfollowed.get_or_insert_with(why);
                }
            }
            spend(left, Moved::count(passing.moved.as_deref()))?;
            if one.moves.any() {
                passing.is_moved = true;
                if let Written::Object(object) = subject.written
                    && self.has_puts
                {
                    passing.moved = one.moves.carry(object, passing.moved.take());
                }
            }
            let passed = next.saturating_sub(one.patched());
            let mut is_image = subject.is_known == Some(true);
            let mut takers = open.iter().map(|(outer, _)| *outer).chain([at]);
            while !is_image && let Some(taker) = takers.next_back() {
                is_image = self.takes_for_image(taker, subject, left)?;
            }
            if is_image {
                self.pass_entries((at, passed), passing, left)?;
            }
            for replacements in &one.replacements {
                spend(left, 1)?;
                let meanings = match subject.written {
                    Written::Object(object) => {
                        let object = (object, passing.is_moved);
                        let parts = replacements.parts_for(object);
                        if parts.is_empty() {
                            continue;
                        }
                        let mut image = Image::new(object, subject.site, passing.position);
                        spend(left, replacements.steps(&parts, &image))?;
                        image.position = replacements.after(&image, &parts);
                        passing.position = image.position;
                        replacements.meanings(&image, &parts)
                    }
                    Written::Text => {
                        let is_apart = replacements.take_images_apart;
                        let mut meanings = Vec::from_iter(is_apart.then_some(Meaning::TakenApart));
                        if touched::is_split(subject.site) {
                            spend(left, replacements.all_steps())?;
                            let is_touched = replacements.touch(subject.steps, subject.site);
                            meanings.extend(is_touched.then_some(Meaning::MayBeReplaced));
                        }
                        meanings
                    }
                    Written::Entry => Vec::new(),
                };
                for meaning in meanings {
                    self.replace(meaning, at, passing, fate);
                }
            }
            if one.has_transformers {
                passing.position = passing.position.max(Position::Shifted);
            }
        }
        Some(())
    }

    /// Applies the entries of a kustomization from one on.
    fn pass_entries(
        &self,
        (at, mut next): EntryId,
        passing: &mut Passing,
        left: &mut usize,
    ) -> Option<()> {
        let entries = &self.all[at].entries;
        if entries.is_empty() {
            return Some(());
        }
        loop {
            spend(left, entries.steps())?;
            let Some(number) = entries.next(next, &passing.image) else {
                return Some(());
            };
            if let Some(entry) = entries.get(number) {
                passing.pass(entry, (at, number));
            }
            next = number + 1;
        }
    }

    /// Notes that a patch of a kustomization compares an image, which may not change.
    fn compare(&self, at: usize, passing: &Passing, fate: &mut Fate) {
        let why = || {
            format!(
                "a `test` of a JSON Patch in `{}` compares what is around it, so the build would fail",
                self.all[at].file
            )
        };
        match passing.set_by {
            None => drop(fate.unfollowed.get_or_insert_with(why)),
            Some(Setter::Entry(entry)) => {
                let hold = || Hold::unfollowed(&why());
                fate.held.entry(entry).or_insert_with(hold);
            }
            // What a patch puts in is held itself, and the others leave no digest.
            Some(
                Setter::Patch(_) | Setter::Suffix(_) | Setter::Replacement(_) | Setter::Text(_),
            ) => {}
        }
    }

    /// Whether a kustomization takes the field of an image for one by its configuration, or by that of one which it builds on. `None`:
    /// there are more fields than `left`.
    fn takes_for_image(&self, at: usize, subject: Subject<'_>, left: &mut usize) -> Option<bool> {
        let object = match subject.written {
            Written::Object(object) => Some(object),
            Written::Text | Written::Entry => None,
        };
        spend(left, 1)?;
        for fields in self.fields.get(&at).into_iter().flatten() {
            spend(left, fields.len())?;
            let is_of = |field: &Field| field.is_of(object, subject.steps, subject.site);
            if fields.iter().any(is_of) {
                return Some(true);
            }
        }
        Some(false)
    }

    fn replace(&self, meaning: Meaning, at: usize, passing: &mut Passing, fate: &mut Fate) {
        let file = || self.all[at].file.clone();
        match (meaning, passing.set_by) {
            (Meaning::Replaced | Meaning::Overwritten, _) => {
                passing.image.clear();
                passing.set_by = Some(match meaning {
                    Meaning::Overwritten => Setter::Text(at),
                    _ => Setter::Replacement(at),
                });
            }
            (Meaning::TakenApart, None) => drop(fate.taken_apart.get_or_insert_with(file)),
            (Meaning::TakenApart, Some(Setter::Entry(entry))) => {
                let hold = || Hold::taken_apart(&self.all[at].file);
                fate.held.entry(entry).or_insert_with(hold);
            }
            (Meaning::TakenApart, Some(_)) | (Meaning::MayBeReplaced, Some(_)) => {}
            (Meaning::MayBeReplaced, None) => {
                let why = || {
                    format!(
                        "a replacement of `{}` may replace it, by a selector or a place that imago does not follow",
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
            Some(Setter::Text(by)) => {
                let why = || {
                    format!(
                        "a replacement of `{}` takes it from a place that is no container, so imago does not pin it there",
                        file(by)
                    )
                };
                fate.unfollowed.get_or_insert_with(why);
            }
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

/// Whether kustomize takes the site's field for an image: that of a container at any depth. It is `None` for image volumes: kustomize takes
/// some of them since 5.7, and nobody knows which one builds. `steps` lead to the site in its object. An operation of a JSON Patch, which
/// stands in a list, has its path for its name.
fn is_known(steps: &[Step], site: &Site) -> Option<bool> {
    let of_list = |key: &str| match key {
        "containers" | "initContainers" => Some(true),
        "volumes" => None,
        _ => Some(false),
    };
    match (&site.slots, steps) {
        (Slots::Parts(_) | Slots::Behind(_), _) => Some(false),
        (Slots::Whole(_), [Step::Index(_), ..]) => {
            let mut lists = site.name.split('/').map(of_list);
            lists
                .find(|known| *known != Some(false))
                .unwrap_or(Some(false))
        }
        (Slots::Whole(_), [.., Step::Key(list), Step::Index(_)]) => of_list(list),
        (Slots::Whole(_), _) => Some(false),
    }
}
