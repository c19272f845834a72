//! Which workloads and images a run takes: namespaces, label and field selectors, image globs.
//!
//! A [`Selection`] means the same for files and clusters. It never guesses a namespace: files have no current one, so a workload
//! without `metadata.namespace` is in none.

pub mod field;
pub mod globs;
pub mod image;
pub mod label;
pub mod watched;

use std::collections::BTreeSet;

pub use field::{FieldError, FieldSelector};
pub use image::{GlobError, ImageFilter};
pub use label::{LabelError, LabelSelector};
pub use watched::Watched;

/// The workloads that a run takes: those that all three parts accept. The default accepts everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `-n`, `-A`, `-x`.
    pub namespaces: Namespaces,
    /// `-l`.
    pub labels: LabelSelector,
    /// `-f`.
    pub fields: FieldSelector,
}

/// The namespaces that a run takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespaces {
    /// Every namespace, and workloads without one.
    #[default]
    All,
    /// Only these. Workloads without a namespace are not taken.
    Only(BTreeSet<String>),
    /// All except these. Workloads without a namespace are taken.
    AllBut(BTreeSet<String>),
}

/// The result for one workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The selection accepts it.
    Taken,
    /// Only its namespace is missing, while the selection names namespaces. It is counted apart, because the user may have
    /// expected it.
    WithoutNamespace,
    /// The selection does not accept it.
    NotSelected,
}

impl Selection {
    /// Checks a workload's namespace, name and labels. An empty namespace means none, as in the API.
    pub fn takes(
        &self,
        namespace: Option<&str>,
        name: &str,
        labels: &[(String, String)],
    ) -> Verdict {
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        if !self.fields.matches(namespace, name) || !self.labels.matches(labels) {
            return Verdict::NotSelected;
        }
        match (&self.namespaces, namespace) {
            (Namespaces::Only(_), None) => Verdict::WithoutNamespace,
            (Namespaces::Only(taken), Some(namespace)) if !taken.contains(namespace) => {
                Verdict::NotSelected
            }
            (Namespaces::AllBut(left_out), Some(namespace)) if left_out.contains(namespace) => {
                Verdict::NotSelected
            }
            _ => Verdict::Taken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(selection: &Selection, namespace: Option<&str>) -> Verdict {
        selection.takes(namespace, "web", &[("app".to_owned(), "web".to_owned())])
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn the_default_takes_everything() {
        assert_eq!(takes(&Selection::default(), None), Verdict::Taken);
        assert_eq!(takes(&Selection::default(), Some("shop")), Verdict::Taken);
    }

    #[test]
    fn named_namespaces_do_not_take_what_is_in_none() {
        let selection = Selection {
            namespaces: Namespaces::Only(names(&["shop", "pay"])),
            ..Selection::default()
        };
        assert_eq!(takes(&selection, Some("pay")), Verdict::Taken);
        assert_eq!(takes(&selection, Some("shopping")), Verdict::NotSelected);
        assert_eq!(takes(&selection, None), Verdict::WithoutNamespace);
        assert_eq!(takes(&selection, Some("")), Verdict::WithoutNamespace);
    }

    #[test]
    fn an_excluded_namespace_leaves_out_itself_alone() {
        let selection = Selection {
            namespaces: Namespaces::AllBut(names(&["shop"])),
            ..Selection::default()
        };
        assert_eq!(takes(&selection, Some("shop")), Verdict::NotSelected);
        assert_eq!(takes(&selection, Some("pay")), Verdict::Taken);
        assert_eq!(takes(&selection, None), Verdict::Taken);
    }

    #[test]
    fn what_the_selectors_leave_out_is_not_counted_as_without_namespace() {
        let mut selection = Selection {
            namespaces: Namespaces::Only(names(&["shop"])),
            ..Selection::default()
        };
        selection.labels = LabelSelector::parse("app=api").unwrap();
        assert_eq!(takes(&selection, None), Verdict::NotSelected);
        selection.labels = LabelSelector::parse("app=web").unwrap();
        assert_eq!(takes(&selection, None), Verdict::WithoutNamespace);
        selection.fields = FieldSelector::parse("metadata.name!=web").unwrap();
        assert_eq!(takes(&selection, None), Verdict::NotSelected);
    }

    #[test]
    fn a_field_selector_against_a_namespace_takes_what_is_in_none() {
        let selection = Selection {
            fields: FieldSelector::parse("metadata.namespace!=shop").unwrap(),
            ..Selection::default()
        };
        assert_eq!(takes(&selection, None), Verdict::Taken);
        assert_eq!(takes(&selection, Some("shop")), Verdict::NotSelected);
    }
}
