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

mod compared;
#[cfg(test)]
mod costs;
mod delivery;
mod entries;
mod entry;
mod fate;
mod field;
mod follow;
mod kustomization;
mod moved;
mod overlays;
mod pattern;
mod place;
mod put;
mod replacement;
mod replacements;
mod shift;
mod skaffold;
mod target;
#[cfg(test)]
mod tests;
mod touched;

pub use delivery::{deliveries, may_deliver};
pub(super) use entry::split;
pub use fate::Fate;
pub use kustomization::{BoxedKustomization, Kustomization, NamedFile};
pub use overlays::Overlays;
pub(super) use pattern::is_pattern;
pub use target::Target;

/// The names under which kustomize finds a kustomization.
pub const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The name under which Skaffold finds what it builds.
pub const SKAFFOLD: &str = "skaffold.yaml";

/// The lists of entries for images, in the order in which kustomize applies them.
pub(super) const ENTRIES: [&str; 2] = ["images", "imageTags"];

/// The lists of patches.
pub(super) const PATCHES: [&str; 3] = ["patches", "patchesJson6902", "patchesStrategicMerge"];

/// An image that meets more kustomizations, entries and replacements than these is not followed.
const MOST_STEPS: usize = 250_000;

/// How many of these all images of a tree meet together, and how many more for each image. Kustomizations that build on each other in
/// circles would cost [`MOST_STEPS`] for each.
const SHARED_STEPS: usize = 4 * MOST_STEPS;
const STEPS_OF_EACH: usize = 1000;

/// Takes steps from those that are left. `None`: there are not as many.
fn spend(left: &mut usize, steps: usize) -> Option<()> {
    *left = left.checked_sub(steps)?;
    #[cfg(test)]
    super::yaml::steps::add(steps as u64);
    Some(())
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
