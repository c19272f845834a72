//! The laws that every edit keeps, on the cases of `fixtures/rewrite` and on generated manifests.
//!
//! 1. Without a wanted change, the bytes are the same.
//! 2. Bytes outside the edits are the same.
//! 3. A second run changes nothing.
//! 4. The result parses, and differs from the input only at the wanted paths.
//! 5. The same object as YAML, as JSON and from the API server gives the same plan.
//! 6. An update and then a restore give the original bytes back, or the same object if the style of an image cannot come back.
//! 7. Reading a site's slots and writing what was read changes nothing; after a write, reading gives what was written.
//! 8. Renaming, moving, reordering and copying containers changes no decision.
//! 9. What kustomize builds before and after an update differs in the intended digests and in `imago-config-spec` alone.
//! 10. What `helm` renders before and after an update differs in the intended digests of images alone.
//!
//! Generated manifests come from a model, so that their content is known without asking the program under test.

mod charts;
mod fixtures;
mod flow;
mod generated;
mod helm;
mod images;
mod json;
mod lists;
mod memory;
mod model;
mod overlays;
pub(crate) mod random;
mod refused;
mod scalars;
mod shapes;
mod tree;
mod workloads;
mod writer;
