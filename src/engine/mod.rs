//! The pure core: finds workloads, decides what happens to an image, plans the changes and turns them into edits.
//!
//! Values in, values out. Nothing here reads a file, a clock or the environment, and nothing prints.

pub mod annotation;
pub mod answer;
pub mod argocd;
pub mod change;
pub mod code;
#[cfg(test)]
mod costs;
pub mod diff;
pub mod flux_policies;
pub mod glob;
pub mod helm;
pub mod hold;
pub mod image;
pub mod import;
pub mod kustomize;
pub mod live;
pub mod look;
pub mod marks;
pub mod memory;
pub mod misplaced;
pub mod object;
pub mod patch;
pub mod path;
pub mod plan;
pub mod policy;
pub mod propose;
pub mod renovate;
pub mod running;
pub mod selector;
pub mod shape;
pub mod shard;
pub mod site;
pub mod source_link;
pub mod splice;
pub mod steering;
pub mod tree;
pub mod version;
pub mod yaml;
