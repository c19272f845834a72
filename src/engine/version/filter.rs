//! Which tags of a repository take part, as Flux's ImageRepositories and ImagePolicies say it.

/// What decides which tags of a repository take part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FluxFilter {
    /// Regular expressions of `exclusionList`; `None`: there is no such list.
    pub exclusions: Option<Vec<String>>,
    /// `filterTags.pattern`
    pub pattern: Option<String>,
    /// `filterTags.extract`
    pub extract: Option<String>,
}
