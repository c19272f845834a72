//! Finds comments for this program that apply to no image, as none has taken them when it was found ([`super::site::marks`]).
//!
//! ```yaml
//! - name: web             # imago: ignore     (misplaced: without a warning it would do nothing)
//!   image: web:1.4        # imago: ignore
//! ```

use std::collections::BTreeSet;

use super::object::Object;
use super::site::Site;
use super::yaml::File;

/// The message for each such comment.
pub const REASON: &str =
    "a comment for imago is not on the line of an image, so it does nothing; move it there";

/// The lines of such comments, in order. `workloads` are those of the file, each with its document. Documents without workloads
/// are not searched.
pub fn lines(file: &File<'_>, workloads: &[(usize, Object)]) -> Vec<u32> {
    let documents = workloads.iter().map(|(index, _)| *index);
    let sites = workloads.iter().flat_map(|(_, workload)| &workload.sites);
    not_taken(file, documents, sites)
}

/// The same in these documents of a file or a text, which have these sites.
pub(super) fn not_taken<'s>(
    file: &File<'_>,
    documents: impl Iterator<Item = usize>,
    sites: impl Iterator<Item = &'s Site>,
) -> Vec<u32> {
    let mut addressed = file.addressed_comments().peekable();
    if addressed.peek().is_none() {
        return Vec::new();
    }
    let documents: BTreeSet<usize> = documents.collect();
    let commented = sites.filter_map(|site| site.commented.as_deref());
    let taken: BTreeSet<u32> = commented.flat_map(|lines| &lines.0).copied().collect();
    let begins = begins(file);
    let mut misplaced: Vec<u32> = addressed
        .filter(|(line, at)| {
            !taken.contains(line) && documents.contains(&document_of(&begins, *at))
        })
        .map(|(line, _)| line)
        .collect();
    misplaced.dedup();
    misplaced
}

/// Where the comments of each document begin: behind its `---`, even before its first node.
fn begins(file: &File<'_>) -> Vec<usize> {
    let mut before = 0;
    let begin = |index| {
        let start = file.document(index).span().start;
        let between = file.text().get(before..start).unwrap_or_default();
        #[cfg(test)]
        super::yaml::steps::add(between.len() as u64);
        let marker = between.rfind("\n---").max(between.rfind("\r---"));
        let begin = before + marker.unwrap_or_default();
        before = start;
        begin
    };
    (0..file.len()).map(begin).collect()
}

/// The document that a comment belongs to.
fn document_of(begins: &[usize], at: usize) -> usize {
    let begun = begins.partition_point(|begin| *begin < at);
    begun.saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shape;

    fn misplaced(text: &str) -> Vec<u32> {
        let file = File::parse(text).unwrap();
        let workloads: Vec<(usize, Object)> = (0..file.len())
            .flat_map(|index| {
                let found = shape::find(file.document(index)).objects;
                found.into_iter().map(move |workload| (index, workload))
            })
            .collect();
        lines(&file, &workloads)
    }

    /// A Deployment whose container has these lines.
    fn with(container: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    spec:\n      containers:\n{container}\n"
        )
    }

    #[test]
    fn a_comment_that_no_image_takes_is_found_wherever_it_stands() {
        for (container, line) in [
            ("      - name: web # imago: ignore\n        image: web:1", 8),
            (
                "      # imago: ignore\n      - name: web\n        image: web:1",
                8,
            ),
            (
                "      - name: web\n        # imago: ignore\n        image: web:1",
                9,
            ),
            (
                "      - name: web\n        image: web:1\n        # imago: ignore",
                10,
            ),
            (
                "      - {name: web, # imago: ignore\n         image: web:1}",
                8,
            ),
            ("      - # imago: ignore\n        image: web:1", 8),
            ("      - image: web:1\n        ports: [] # imago: ingore", 9),
            (
                "      - image: web:1\n        imagePullPolicy: Always # imago: ignore",
                9,
            ),
            ("      - image: web:1\n# IMAGO: ignore", 9),
        ] {
            assert_eq!(misplaced(&with(container)), [line], "{container}");
        }
        let (first, image) = ("# imago: ignore\n", with("      - image: web:1"));
        assert_eq!(misplaced(&[first, &image].concat()), [1]);
        assert_eq!(misplaced(&[first, "---\n", &image].concat()), [1]);
        assert_eq!(misplaced(&["---\n", first, &image].concat()), [2]);
        assert_eq!(misplaced(&[&image, first].concat()), [9]);
        let of_list =
            with("      - image: web:1").replace("containers:", "containers: # imago: ignore");
        assert_eq!(misplaced(&of_list), [7]);
    }

    #[test]
    fn a_comment_that_an_image_takes_is_not_misplaced() {
        for container in [
            "      - image: web:1 # imago: ignore",
            "      - image: web:1 # imago: ingore",
            "      - {name: web, image: web:1} # imago: ignore",
            "      - image: # imago: ignore\n          web:1",
            "      - \"image\": # imago: ignore\n          web:1",
            "      - image: &web # imago: ignore\n          web:1",
            "      - image: >- # imago: ignore\n          web:1",
            "      - image: web:1 # pinned; see imago: ignore",
            "      # see the wiki on imago: ignore\n      - image: web:1",
            "      # imago updates this\n      - image: web:1",
        ] {
            assert_eq!(misplaced(&with(container)), [0; 0], "{container}");
        }
    }

    #[test]
    fn documents_without_a_workload_are_left_alone() {
        let (image, other) = (with("      - image: web:1"), "kind: Pod # imago: ignore\n");
        for text in [
            [&image, "---\n", other].concat(),
            [other, "---\n", &image].concat(),
            [&image, "---\n", "# imago: ignore\n", other].concat(),
            ["# imago: ignore\n", other, "---\n", &image].concat(),
            [&image, "---\n", other, "---\n", &image].concat(),
        ] {
            assert_eq!(misplaced(&text), [0; 0], "{text}");
        }
    }
}
