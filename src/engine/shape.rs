//! Which objects have images, and where: shapes as data, and the one finder that reads them.
//!
//! A new kind of object is a row of [`pods::KINDS`]. This file has no opinion on images.

mod find;
pub mod pods;
mod unhandled;

use super::object::Object;

pub use find::{find, is_encrypted, is_unnamed_kustomization};
pub use pods::{PodKind, PodOwner, Template};
pub use unhandled::{KUSTOMIZATION, asks_for_group, is_kustomization_file, slip, unhandled};

/// What is in a document.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The objects with images, in order.
    pub objects: Vec<Object>,
    /// What is not handled ([`unhandled`]) or is miswritten ([`slip`]), each as often as it was seen.
    pub unhandled: Vec<&'static str>,
}
