//! What kustomizations make of the images of the manifests below them.
//!
//! An overlay may give an image of its base another tag or another name when it is built:
//!
//! ```yaml
//! resources: [../base]
//! images: [{name: web, newName: mirror/web}]      # `web:1.4@sha256:…` of the base becomes `mirror/web:1.4@sha256:…`
//! ```
//!
//! [`Overlays::fate`] follows an image from its manifest through every kustomization above it, as kustomize applies them:
//! inner ones first, the entries of each in their order. A component's entries apply to all that the kustomization which includes it
//! gathers, before its own. Names are compared as written; kustomize normalises none. Only files of the same tree are followed.

use std::collections::{BTreeMap, BTreeSet};

use super::tree::Tree;

/// The names under which kustomize finds a kustomization.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The lists of a kustomization that name files and folders.
const LISTS: [&str; 3] = ["resources", "bases", "components"];

/// One kustomization, as far as images are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kustomization {
    /// Its file.
    file: String,
    /// The files and folders that it builds on.
    below: Vec<String>,
    /// The files of its patches.
    patches: BTreeSet<String>,
    /// The folders of its components, in order.
    components: Vec<String>,
    /// Its entries of `images`, in order.
    entries: Vec<Entry>,
    /// What of it is not followed, each for a sentence: ``it has `transformers` ``.
    doubts: Vec<String>,
}

/// An entry of `images`: what becomes of an image of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    new_name: Option<String>,
    /// Whether it sets what stands behind the name, so that a digest of the manifest is dropped.
    drops_digest: bool,
    new_tag: Option<String>,
}

impl Kustomization {
    /// Reads the document of the file at `file`, a path with `/` and without `.` and `..`. All paths of a tree begin at one folder.
    pub fn read<'a, T: Tree<'a>>(document: T, file: &str) -> Self {
        let folder = parent(file);
        let items = |key| document.get(key).map(T::items).unwrap_or_default();
        let listed = LISTS
            .into_iter()
            .flat_map(items)
            .filter_map(|item| item.scalar().text());
        let merged = items("patchesStrategicMerge");
        let merged = merged.into_iter().filter_map(|patch| patch.scalar().text());
        let targeted = items("patches");
        let targeted = targeted
            .into_iter()
            .filter_map(|patch| patch.get("path")?.scalar().text());
        let patches: BTreeSet<String> = merged
            .chain(targeted)
            .filter_map(|path| join(folder, path))
            .collect();
        let components = items("components")
            .into_iter()
            .filter_map(|item| join(folder, item.scalar().text()?))
            .collect();
        let below = listed
            .filter_map(|path| join(folder, path))
            .chain(patches.iter().cloned())
            .collect();
        let entries: Vec<Entry> = ["images", "imageTags"]
            .into_iter()
            .flat_map(items)
            .filter_map(entry)
            .collect();
        let has_transformers = !items("transformers").is_empty();
        let patterns = entries.iter().filter(|entry| is_pattern(&entry.name));
        let doubts = has_transformers
            .then(|| "its `transformers` may change images".to_owned())
            .into_iter()
            .chain(
                patterns
                    .map(|entry| format!("the name `{}` of its images is a pattern", entry.name)),
            )
            .collect();
        Self {
            file: file.to_owned(),
            below,
            patches,
            components,
            entries,
            doubts,
        }
    }

    /// One that cannot be read, for this reason: what it builds on is not known.
    pub fn unread(file: &str, why: &str) -> Self {
        Self {
            file: file.to_owned(),
            below: Vec::new(),
            patches: BTreeSet::new(),
            components: Vec::new(),
            entries: Vec::new(),
            doubts: vec![format!("it cannot be read ({why})")],
        }
    }
}

/// kustomize takes a name for a regular expression. A dot, which nearly every registry has, is one that means any character.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains([
        '\\', '^', '$', '|', '?', '*', '+', '(', ')', '[', ']', '{', '}',
    ])
}

/// Whether a name in which dots mean any character is this text.
fn matches(name: &str, text: &str) -> bool {
    let (mut name, mut text) = (name.chars(), text.chars());
    loop {
        match (name.next(), text.next()) {
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '.' || wanted == found => {}
            _ => return false,
        }
    }
}

fn entry<'a, T: Tree<'a>>(entry: T) -> Option<Entry> {
    let text = |key| {
        entry
            .get(key)
            .and_then(|value| value.scalar().text())
            .filter(|text| !text.is_empty())
    };
    let drops_digest = ["newTag", "digest", "tagSuffix"]
        .into_iter()
        .any(|key| text(key).is_some());
    let owned = |key| text(key).map(str::to_owned);
    Some(Entry {
        name: owned("name")?,
        new_name: owned("newName"),
        drops_digest,
        new_tag: owned("newTag"),
    })
}

/// What becomes of an image where a kustomization builds its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays as it is written in the manifest.
    Kept,
    /// It gets another name and keeps its tag and digest: the digest of one repository under the name of another.
    Renamed {
        /// The kustomization.
        by: String,
        /// The other name.
        to: String,
    },
    /// What stands behind its name is replaced, so that its digest is dropped.
    Replaced {
        /// The kustomizations.
        by: BTreeSet<String>,
        /// Whether no build keeps the digest.
        everywhere: bool,
    },
}

/// The kustomizations of a tree.
#[derive(Clone, Debug, Default)]
pub struct Overlays {
    all: Vec<Kustomization>,
    /// By folder: the kustomization in it.
    folders: BTreeMap<String, usize>,
    /// By file or folder: the kustomizations that build on it.
    above: BTreeMap<String, Vec<usize>>,
}

/// An image on its way up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Passing {
    name: String,
    tag: Option<String>,
    renamed_by: Option<usize>,
    replaced_by: Option<usize>,
}

impl Overlays {
    /// Links the kustomizations of a tree.
    pub fn new(all: Vec<Kustomization>) -> Self {
        let mut above: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, kustomization) in all.iter().enumerate() {
            for below in &kustomization.below {
                above.entry(below.clone()).or_default().push(index);
            }
        }
        let folders = all
            .iter()
            .enumerate()
            .map(|(index, kustomization)| (parent(&kustomization.file).to_owned(), index));
        Self {
            folders: folders.collect(),
            all,
            above,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether a kustomization takes the manifest for a patch.
    pub fn is_patch(&self, manifest: &str) -> bool {
        let mut above = self.above.get(manifest).into_iter().flatten();
        above.any(|index| self.all[*index].patches.contains(manifest))
    }

    /// Whether a kustomization builds on the manifest.
    pub fn reach(&self, manifest: &str) -> bool {
        self.above.contains_key(manifest)
    }

    /// Adds the kustomizations above a manifest that have something that is not followed.
    pub fn doubted_above(&self, manifest: &str, found: &mut BTreeSet<usize>) {
        let mut seen = BTreeSet::new();
        let mut due = vec![manifest];
        while let Some(path) = due.pop() {
            for index in self.above.get(path).into_iter().flatten() {
                if seen.insert(*index) {
                    found.extend((!self.all[*index].doubts.is_empty()).then_some(*index));
                    due.push(parent(&self.all[*index].file));
                }
            }
        }
    }

    /// Whether something of any kustomization is not followed.
    pub fn has_doubts(&self) -> bool {
        self.all.iter().any(|one| !one.doubts.is_empty())
    }

    /// One sentence for each of these kustomizations, and for each that builds on nothing that is known.
    pub fn doubts(&self, found: &BTreeSet<usize>) -> Vec<String> {
        let doubted = self.all.iter().enumerate().filter(|(index, one)| {
            found.contains(index) || (!one.doubts.is_empty() && one.below.is_empty())
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

    /// What becomes of an image that is written in a manifest.
    pub fn fate(&self, manifest: &str, image: &str) -> Fate {
        let (name, tag) = name_and_tag(image);
        let written = Passing {
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            renamed_by: None,
            replaced_by: None,
        };
        let above = |path: &str| self.above.get(path).map(Vec::as_slice).unwrap_or_default();
        let mut due: Vec<(usize, Passing)> = above(manifest)
            .iter()
            .map(|index| (*index, written.clone()))
            .collect();
        let mut seen: BTreeSet<(usize, Passing)> = due.iter().cloned().collect();
        let (mut replaced, mut kept) = (BTreeSet::new(), false);
        while let Some((index, mut passing)) = due.pop() {
            self.build(index, &mut passing);
            let further = above(parent(&self.all[index].file));
            if !further.is_empty() {
                let further = further.iter().map(|above| (*above, passing.clone()));
                due.extend(further.filter(|next| seen.insert(next.clone())));
                continue;
            }
            match (passing.replaced_by, passing.renamed_by) {
                (Some(by), _) => drop(replaced.insert(self.all[by].file.clone())),
                (None, Some(by)) if passing.name != name => {
                    return Fate::Renamed {
                        by: self.all[by].file.clone(),
                        to: passing.name,
                    };
                }
                (None, _) => kept = true,
            }
        }
        if replaced.is_empty() {
            Fate::Kept
        } else {
            Fate::Replaced {
                by: replaced,
                everywhere: !kept,
            }
        }
    }
}

impl Overlays {
    /// What a kustomization makes of an image: its components in their order, each once, then its own entries. Without recursion,
    /// because a repository may chain as many as it likes.
    fn build(&self, index: usize, passing: &mut Passing) {
        let mut built = BTreeSet::from([index]);
        let mut open = vec![(index, 0)];
        while let Some((at, next)) = open.last_mut() {
            let kustomization = &self.all[*at];
            if let Some(folder) = kustomization.components.get(*next) {
                *next += 1;
                open.extend(
                    self.folders
                        .get(folder)
                        .filter(|component| built.insert(**component))
                        .map(|component| (*component, 0)),
                );
                continue;
            }
            let at = *at;
            kustomization
                .entries
                .iter()
                .for_each(|entry| passing.pass(entry, at));
            open.pop();
        }
    }
}

impl Passing {
    /// Applies an entry of a kustomization.
    fn pass(&mut self, entry: &Entry, kustomization: usize) {
        let with_tag = || {
            self.tag
                .as_deref()
                .and_then(|tag| entry.name.strip_suffix(tag)?.strip_suffix(':'))
                .is_some_and(|name| matches(name, &self.name))
        };
        if !matches(&entry.name, &self.name) && !with_tag() {
            return;
        }
        if entry.drops_digest {
            self.replaced_by = Some(kustomization);
            self.tag.clone_from(&entry.new_tag);
        }
        if let Some(new_name) = &entry.new_name {
            self.name.clone_from(new_name);
            self.renamed_by = Some(kustomization);
        }
    }
}

/// The name and the tag of an image as it is written.
fn name_and_tag(image: &str) -> (&str, Option<&str>) {
    let image = image.split_once('@').map_or(image, |(image, _)| image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
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
        Overlays::new(
            files
                .iter()
                .map(|(file, document)| Kustomization::read(document, file))
                .collect(),
        )
    }

    fn base() -> (&'static str, Value) {
        (
            "base/kustomization.yaml",
            json!({"resources": ["web.yaml"]}),
        )
    }

    fn fate(overlay: Value, image: &str) -> Fate {
        overlays(&[base(), ("overlay/kustomization.yml", overlay)]).fate("base/web.yaml", image)
    }

    fn with(entries: Value) -> Value {
        json!({"resources": ["../base"], "images": entries})
    }

    #[test]
    fn a_name_alone_takes_the_digest_to_another_repository() {
        let renamed = Fate::Renamed {
            by: "overlay/kustomization.yml".to_owned(),
            to: "hardened/web".to_owned(),
        };
        for image in ["shop/web", "shop/web:1.4", "shop/web:1.4@sha256:11"] {
            assert_eq!(
                fate(
                    with(json!([{"name": "shop/web", "newName": "hardened/web"}])),
                    image
                ),
                renamed
            );
        }
        let tagged = with(json!([{"name": "shop/web:1.4", "newName": "hardened/web"}]));
        assert_eq!(fate(tagged.clone(), "shop/web:1.4"), renamed);
        assert_eq!(fate(tagged, "shop/web:1.5"), Fate::Kept);
        assert_eq!(
            fate(
                with(json!([{"name": "web", "newName": "x"}, {"name": "shop/web", "newName": ""}])),
                "shop/web"
            ),
            Fate::Kept
        );
        assert_eq!(
            fate(with(json!([{"name": "web", "newName": "web"}])), "web:1"),
            Fate::Kept
        );
    }

    #[test]
    fn entries_and_kustomizations_apply_one_after_the_other() {
        let there_and_back =
            json!([{"name": "web", "newName": "x"}, {"name": "x", "newName": "web"}]);
        assert_eq!(fate(with(there_and_back), "web:1"), Fate::Kept);
        let tree = overlays(&[
            base(),
            (
                "middle/kustomization.yaml",
                with(json!([{"name": "web", "newName": "mirror/web"}])),
            ),
            (
                "top/Kustomization",
                json!({"bases": ["../middle/"], "images": [{"name": "mirror/web", "newTag": "2"}]}),
            ),
        ]);
        let by = BTreeSet::from(["top/Kustomization".to_owned()]);
        assert_eq!(
            tree.fate("base/web.yaml", "web:1"),
            Fate::Replaced {
                by,
                everywhere: true
            }
        );
    }

    #[test]
    fn a_digest_that_one_build_keeps_is_not_dropped_everywhere() {
        for key in ["newTag", "digest", "tagSuffix"] {
            let prod = with(json!([{"name": "web", key: "x"}]));
            let by = BTreeSet::from(["prod/kustomization.yaml".to_owned()]);
            let one = overlays(&[base(), ("prod/kustomization.yaml", prod.clone())]);
            assert_eq!(
                one.fate("base/web.yaml", "web:1"),
                Fate::Replaced {
                    by: by.clone(),
                    everywhere: true
                }
            );
            let two = overlays(&[
                base(),
                ("prod/kustomization.yaml", prod),
                ("dev/kustomization.yaml", with(json!([]))),
            ]);
            assert_eq!(
                two.fate("base/web.yaml", "web:1"),
                Fate::Replaced {
                    by,
                    everywhere: false
                }
            );
        }
    }

    #[test]
    fn a_dot_of_a_name_means_any_character() {
        let renamed = |image| {
            let entries = json!([{"name": "n.inx", "newName": "x"}]);
            fate(with(entries), image) != Fate::Kept
        };
        assert!(renamed("nginx:1") && renamed("n.inx:1"));
        assert!(!renamed("nginxx:1") && !renamed("ninx:1"));
    }

    #[test]
    fn what_is_not_followed_is_told_where_it_stands_above_the_manifest() {
        for (document, told) in [
            (
                json!({"resources": ["../base"], "transformers": ["t.yaml"]}),
                "its `transformers` may change images",
            ),
            (
                with(json!([{"name": "shop/.*", "newName": "x"}])),
                "the name `shop/.*` of its images is a pattern",
            ),
        ] {
            let tree = overlays(&[
                base(),
                ("overlay/kustomization.yaml", document.clone()),
                (
                    "top/kustomization.yaml",
                    json!({"resources": ["../overlay"]}),
                ),
                (
                    "elsewhere/kustomization.yaml",
                    json!({"resources": ["x.yaml"], "transformers": ["t.yaml"]}),
                ),
            ]);
            let mut found = BTreeSet::new();
            tree.doubted_above("base/web.yaml", &mut found);
            assert_eq!(
                tree.doubts(&found),
                [format!(
                    "what `overlay/kustomization.yaml` makes of images is not known: {told}"
                )]
            );
        }
        let plain = overlays(&[
            base(),
            (
                "overlay/kustomization.yaml",
                with(json!([{"name": "registry.example.com/web", "newTag": "2"}])),
            ),
        ]);
        assert!(!plain.has_doubts());
    }

    #[test]
    fn circles_and_what_is_outside_end_the_way() {
        let tree = overlays(&[
            (
                "a/kustomization.yaml",
                json!({"resources": ["../b", "web.yaml", "https://example.com/x", "../../y", "/z"]}),
            ),
            (
                "b/kustomization.yaml",
                json!({"components": ["../a"], "images": [{"name": "web", "newName": "x"}]}),
            ),
        ]);
        assert_eq!(tree.fate("a/web.yaml", "web:1"), Fate::Kept);
        assert_eq!(tree.fate("c/web.yaml", "web:1"), Fate::Kept);
        assert!(tree.reach("a/web.yaml") && !tree.reach("c/web.yaml"));
    }

    #[test]
    fn a_component_applies_to_all_that_includes_it() {
        let rename = json!([{"name": "web", "newName": "mirror/web"}]);
        let component = (
            "comp/kustomization.yaml",
            json!({"kind": "Component", "images": rename}),
        );
        let outer = (
            "outer/kustomization.yaml",
            json!({"kind": "Component", "components": ["../comp"]}),
        );
        let over = |document: Value| ("over/kustomization.yaml", document);
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
                (
                    "base/kustomization.yaml",
                    json!({"resources": ["web.yaml"], "components": ["../comp"]}),
                ),
            ),
        ] {
            let tree = overlays(&[base, over(overlay), component.clone(), outer.clone()]);
            let renamed = Fate::Renamed {
                by: "comp/kustomization.yaml".to_owned(),
                to: "mirror/web".to_owned(),
            };
            assert_eq!(tree.fate("base/web.yaml", "web:1"), renamed);
        }
        let own = json!({"resources": ["../base"], "components": ["../comp"], "images": [{"name": "mirror/web", "newTag": "2"}]});
        let by = BTreeSet::from(["over/kustomization.yaml".to_owned()]);
        let tree = overlays(&[base(), over(own), component]);
        assert_eq!(
            tree.fate("base/web.yaml", "web:1"),
            Fate::Replaced {
                by,
                everywhere: true
            }
        );
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
        assert_eq!(tree.fate("l0a/web.yaml", "web:1"), Fate::Kept);
    }

    #[test]
    fn a_host_with_a_port_is_part_of_the_name() {
        assert_eq!(name_and_tag("reg:5000/web"), ("reg:5000/web", None));
        assert_eq!(
            name_and_tag("reg:5000/web:1@sha256:22"),
            ("reg:5000/web", Some("1"))
        );
    }
}
