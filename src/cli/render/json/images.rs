//! A list of images for programs: version 1 of its format, under the rules of the report's.

use serde::Serialize;

use super::escaped;
use super::problem::{ProblemV1, SkippedV1};
use crate::app::images::{Inventory, Listed};
use crate::app::report::Mode;
use crate::engine::code::Code;
use crate::engine::image::ImageRef;

/// The list as one JSON object, indented, with a newline at its end.
pub fn images(inventory: &Inventory) -> String {
    escaped(
        &serde_json::to_string_pretty(&ImagesV1::of(inventory))
            .expect("plain structures with string keys always serialize"),
    )
}

/// One list.
#[derive(Debug, Serialize)]
struct ImagesV1<'a> {
    /// The version of this format: 1.
    version: u8,
    /// Where the images are: `files` or `cluster`.
    mode: &'static str,
    /// Every image, by file and line; in a cluster by namespace.
    images: Vec<ListedV1<'a>>,
    /// What of the files was passed over on purpose.
    skipped: Vec<SkippedV1<'a>>,
    /// What went wrong with one file, object or image.
    problems: Vec<ProblemV1<'a>>,
    /// What a person should know although it went on, one sentence each.
    warnings: &'a [String],
}

/// One image.
#[derive(Debug, Serialize)]
pub(in crate::cli::render) struct ListedV1<'a> {
    pub(in crate::cli::render) file: Option<&'a str>,
    pub(in crate::cli::render) line: Option<u32>,
    pub(in crate::cli::render) shape: &'a str,
    pub(in crate::cli::render) kind: &'a str,
    pub(in crate::cli::render) namespace: Option<&'a str>,
    pub(in crate::cli::render) object: Option<&'a str>,
    pub(in crate::cli::render) name: &'a str,
    pub(in crate::cli::render) path: &'a str,
    pub(in crate::cli::render) image: &'a str,
    pub(in crate::cli::render) tag: Option<&'a str>,
    pub(in crate::cli::render) digest: Option<String>,
    pub(in crate::cli::render) state: &'static str,
    pub(in crate::cli::render) code: Option<&'static str>,
    pub(in crate::cli::render) reason: Option<&'a str>,
}

impl<'a> ImagesV1<'a> {
    fn of(Inventory { images, report }: &'a Inventory) -> Self {
        Self {
            version: 1,
            mode: match report.mode {
                Mode::Files | Mode::Stdin => "files",
                Mode::Cluster => "cluster",
            },
            images: images.iter().map(ListedV1::of).collect(),
            skipped: report.skipped.iter().map(SkippedV1::of).collect(),
            problems: report.problems.iter().map(ProblemV1::of).collect(),
            warnings: &report.warnings,
        }
    }
}

impl<'a> ListedV1<'a> {
    pub(in crate::cli::render) fn of(listed: &'a Listed) -> Self {
        let place = &listed.place;
        let site = place.site.as_ref();
        let image = ImageRef::parse(&listed.image).ok();
        let digest = image.as_ref().and_then(ImageRef::digest);
        Self {
            file: place.file.as_deref(),
            line: place.line,
            shape: &listed.shape,
            kind: &listed.kind,
            namespace: listed.namespace.as_deref(),
            object: place.object.as_deref(),
            name: site.map_or("", |site| &site.name),
            path: site.map_or("", |site| &site.path),
            image: &listed.image,
            tag: image.as_ref().and_then(ImageRef::tag),
            digest: digest.map(|digest| digest.as_str().to_owned()),
            state: listed.state.as_str(),
            code: listed.code().map(Code::as_str),
            reason: listed.reason(),
        }
    }
}
