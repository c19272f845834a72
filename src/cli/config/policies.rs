//! The setting `policies`: which tags images go to.

use serde::Deserialize;

use super::written::{Setting, Written, Wrong};
use crate::cli::refused::usage;
use crate::engine::shape::PolicyRule;
use crate::engine::version::{Part, Policy, PolicyError, Terms};

/// Which tag the images with a name go to. The first policy that matches an image counts.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct TagPolicy {
    /// A glob on the whole name, as in `docker.io/library/nginx`. `**` crosses a slash.
    pub(super) image: Written<String>,
    /// Only the images in files that match this glob, which begins at this file's folder.
    #[serde(default)]
    pub(super) files: Setting<String>,
    /// digest, patch, minor, major, semver RANGE, alphabetical, numerical (both with :asc or :desc), newest, or ignore.
    pub(super) policy: Written<String>,
    /// A regular expression that the whole tag must match. Its groups version, text and number say what is compared.
    #[serde(default)]
    pub(super) allow: Setting<String>,
    /// Globs of tags that are left out.
    #[serde(default)]
    pub(super) ignore: Vec<Written<String>>,
    /// With semver, alphabetical and numerical: also take a lower tag, and leave a tag that cannot be compared.
    #[serde(default)]
    pub(super) allow_downgrade: bool,
}

impl TagPolicy {
    /// What it says as data. `Err`: what is wrong, and where.
    pub(super) fn rule(&self) -> Result<PolicyRule, Wrong> {
        let policy = self.policy().map_err(|error| {
            let place = match error.part {
                Part::Words | Part::AllowDowngrade => None,
                Part::Allow => self.allow.place(),
                Part::Ignore(at) => self.ignore.get(at).map(Written::place),
            };
            let place = place.unwrap_or_else(|| self.policy.place());
            (usage(error.reason, error.hint), Some(place))
        })?;
        let image = self.image.value();
        if !may_match(image) {
            let name = match image.contains('/') {
                true => format!("docker.io/{image}"),
                false => format!("docker.io/library/{image}"),
            };
            let what = format!("`{image}` matches no image: a whole name begins with a registry");
            return Err((
                usage(what, format!("write `{name}`")),
                Some(self.image.place()),
            ));
        }
        let files = self.files.value();
        PolicyRule::new(self.image.value(), files.as_deref(), policy).map_err(|error| {
            let of_image = error.glob() == Some(self.image.value());
            let (text, place) = match (files, self.files.place()) {
                (Some(files), Some(place)) if !of_image => (files, place),
                _ => (self.image.value().clone(), self.image.place()),
            };
            let what = format!("`{text}` is not a glob: {}", error.kind());
            let hint = "write it like `ghcr.io/shop/*`, and for files like `apps/prod/**`";
            (usage(what, hint), Some(place))
        })
    }

    fn policy(&self) -> Result<Policy, PolicyError> {
        let ignore: Vec<String> = self
            .ignore
            .iter()
            .map(|glob| glob.value().clone())
            .collect();
        Policy::new(Terms {
            words: self.policy.value(),
            allow: self.allow.value().as_deref(),
            ignore: &ignore,
            allow_downgrade: self.allow_downgrade,
        })
    }
}

/// Whether a glob can match a whole name: the part before its first slash is a registry, or a pattern for one.
fn may_match(glob: &str) -> bool {
    let registry = glob.split('/').next().unwrap_or_default();
    registry == "localhost" || registry.contains(['.', ':', '*', '?', '[', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_that_can_match_no_name_is_refused_with_the_whole_name() {
        for (glob, hint) in [
            ("nginx", Some("write `docker.io/library/nginx`")),
            ("bitnami/*", Some("write `docker.io/bitnami/*`")),
            ("docker.io/bitnami/*", None),
            ("**", None),
            ("*/shop/web", None),
            ("registry:5000/**", None),
            ("localhost/web", None),
        ] {
            let text = format!("{{image: '{glob}', policy: minor}}");
            let policy: TagPolicy = serde_saphyr::from_str(&text).unwrap();
            let found = policy.rule().err().map(|(usage, _)| usage.hint);
            assert_eq!(found.as_deref(), hint, "{glob}");
        }
    }
}
