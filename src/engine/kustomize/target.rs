//! The target of a patch: which objects it is for.

use super::pattern::{Limits, Pattern, is_pattern};
use crate::engine::tree::Tree;

/// The group and the kind of a target, each a regular expression, or empty for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    group: String,
    kind: String,
}

impl Target {
    /// Reads the target of an item of a list of patches. What is not said fits everything.
    pub fn read<'a, T: Tree<'a>>(item: T) -> Self {
        let target = item.get("target");
        let text = |key| {
            let text = target.and_then(|target| target.get(key)?.scalar().text());
            text.unwrap_or_default().to_owned()
        };
        Self {
            group: text("group"),
            kind: text("kind"),
        }
    }

    /// The group and the kind, where one kind is named. The group is empty where any may be meant.
    pub fn named(&self) -> Option<(&str, &str)> {
        let is_named = !self.kind.is_empty() && !is_pattern(&self.kind) && !is_pattern(&self.group);
        is_named.then_some((&self.group, &self.kind))
    }

    /// Which of these kinds the target may mean, where it says a kind at all. A pattern that is not read may mean any.
    pub fn first_of<'k>(
        &self,
        mut kinds: impl Iterator<Item = (&'k str, &'k str)>,
    ) -> Option<&'k str> {
        let mut limits = Limits::default();
        let kind_pattern = Pattern::whole(&self.kind, &mut limits);
        let group_pattern = Pattern::whole(&self.group, &mut limits);
        let fits = |pattern: &Pattern, text| pattern.matches(text).unwrap_or(true);
        let found = kinds.find(|(group, kind)| {
            fits(&kind_pattern, kind) && (self.group.is_empty() || fits(&group_pattern, group))
        });
        found.map(|(_, kind)| kind)
    }
}
