//! The policies of the settings: which tags the images of which files go to. The first that matches counts.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::{GlobBuilder, GlobMatcher};

use crate::engine::image::ImageRef;
use crate::engine::object::Object;
use crate::engine::version::Policy;

/// The policies of the settings, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyRules {
    /// The rules.
    pub rules: Vec<PolicyRule>,
    /// The folder that globs of files begin at, absolute.
    pub folder: PathBuf,
    /// The folder that relative paths of files begin at, absolute.
    pub current: PathBuf,
}

/// A policy for the images with some names, in some files.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    image: GlobMatcher,
    files: Option<[GlobMatcher; 2]>,
    policy: Arc<Policy>,
    /// Whether it has chosen for an image; shared by all copies.
    is_used: Arc<AtomicBool>,
}

impl PolicyRule {
    /// Reads the globs. `image` is compared with the whole name, `docker.io/library/nginx`; `files` with the path from the settings' folder,
    /// and a folder is all that is below it. `Err`: what is wrong with a glob.
    pub fn new(image: &str, files: Option<&str>, policy: Policy) -> Result<Self, globset::Error> {
        let glob = |pattern: &str| {
            let glob = GlobBuilder::new(pattern).literal_separator(true).build()?;
            Ok::<_, globset::Error>(glob.compile_matcher())
        };
        let files = files.map(|files| {
            let files = files.trim_end_matches('/');
            let files = match files.strip_prefix('/') {
                Some(files) => files.to_owned(),
                // As in `.gitignore`: a pattern without a slash fits at any depth.
                None if !files.contains('/') => format!("**/{files}"),
                None => files.to_owned(),
            };
            Ok::<_, globset::Error>([glob(&files)?, glob(&format!("{files}/**"))?])
        });
        Ok(Self {
            image: glob(image)?,
            files: files.transpose()?,
            policy: Arc::new(policy),
            is_used: Arc::default(),
        })
    }

    fn globs(&self) -> impl Iterator<Item = &str> {
        let files = self.files.iter().flatten();
        std::iter::once(&self.image)
            .chain(files)
            .map(|matcher| matcher.glob().glob())
    }
}

impl PartialEq for PolicyRule {
    fn eq(&self, other: &Self) -> bool {
        self.globs().eq(other.globs()) && self.policy == other.policy
    }
}

impl Eq for PolicyRule {}

impl PolicyRules {
    /// The globs for images of those that have chosen for no image so far.
    pub fn idle(&self) -> impl Iterator<Item = &str> {
        let idle = (self.rules.iter()).filter(|rule| !rule.is_used.load(Ordering::Relaxed));
        idle.map(|rule| rule.image.glob().glob())
    }

    /// The policy for an image of this name, in whatever file it stands.
    pub fn of_image(&self, name: &str) -> Option<&Arc<Policy>> {
        let rule = self.rules.iter().find(|rule| rule.image.is_match(name));
        rule.map(|rule| &rule.policy)
    }

    /// Gives the images of a file the policies that match.
    pub fn apply(&self, file: &Path, objects: &mut [(usize, Object)]) {
        if self.rules.is_empty() {
            return;
        }
        let path = self.current.join(file);
        let path = path
            .strip_prefix(&self.folder)
            .map(plain)
            .unwrap_or_default();
        let fits = |rule: &&PolicyRule| match &rule.files {
            None => true,
            Some(globs) => globs.iter().any(|glob| glob.is_match(&path)),
        };
        let rules: Vec<&PolicyRule> = self.rules.iter().filter(fits).collect();
        let sites = objects.iter_mut().flat_map(|(_, object)| &mut object.sites);
        // What Flux writes is chosen by Flux's own policies.
        for site in sites.filter(|site| !rules.is_empty() && site.marker.is_none()) {
            let Some(Ok(image)) = site.image.text().map(ImageRef::parse) else {
                continue;
            };
            let lookup = image.lookup();
            if let Some(rule) = rules.iter().find(|rule| rule.image.is_match(lookup.name())) {
                rule.is_used.store(true, Ordering::Relaxed);
                site.follow(&rule.policy);
            }
        }
    }
}

/// The path without `.`.
fn plain(path: &Path) -> PathBuf {
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shape::find;
    use serde_json::json;

    fn rules(rules: &[(&str, Option<&str>, &str)]) -> PolicyRules {
        let read = |(image, files, policy): &(&str, Option<&str>, &str)| {
            PolicyRule::new(image, *files, Policy::parse(policy).unwrap()).unwrap()
        };
        PolicyRules {
            rules: rules.iter().map(read).collect(),
            folder: PathBuf::from("/repo"),
            current: PathBuf::from("/repo/apps"),
        }
    }

    fn policy(rules: &PolicyRules, file: &str, image: &str) -> String {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "image": image}]}});
        let mut objects: Vec<(usize, Object)> = find(&pod)
            .objects
            .into_iter()
            .map(|object| (0, object))
            .collect();
        rules.apply(Path::new(file), &mut objects);
        let site = &objects[0].1.sites[0];
        match (&site.policy, site.ignored) {
            (Some(_), Some(_)) => "ignored".to_owned(),
            (Some(policy), None) => policy.to_string(),
            (None, _) => String::new(),
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rules = rules(&[
            ("docker.io/library/*", Some("apps/prod/**"), "patch"),
            ("docker.io/library/nginx", None, "minor"),
            ("r.example.com/*", Some("/apps/stage/"), "ignore"),
            ("r.example.com/**", Some("values*.yaml"), "major"),
        ]);
        for (file, image, expected) in [
            ("prod/web.yaml", "nginx:1.25", "patch"),
            ("./prod/sub/web.yaml", "redis:7", "patch"),
            ("/repo/apps/prod/web.yaml", "nginx:1.25", "patch"),
            ("stage/web.yaml", "nginx:1.25", "minor"),
            ("stage/web.yaml", "redis:7", ""),
            ("<stdin>", "nginx:1.25", "minor"),
            ("/elsewhere/apps/prod/web.yaml", "redis:7", ""),
            ("stage/web.yaml", "r.example.com/web:1", "ignored"),
            ("stage/web.yaml", "r.example.com/shop/web:1", ""),
            (
                "stage/values-prod.yaml",
                "r.example.com/shop/web:1",
                "major",
            ),
            ("stage/web.yaml", "${IMAGE}", ""),
        ] {
            assert_eq!(policy(&rules, file, image), expected, "{file} {image}");
        }
    }
}
