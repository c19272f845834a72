//! The policies of the settings: which tags the images of which files go to. The first that matches counts.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use globset::{GlobBuilder, GlobMatcher};

use crate::engine::image::ImageRef;
use crate::engine::object::Object;
use crate::engine::selector::globs::Globs;
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
    /// Made of the rules when they are first applied.
    sets: LazySets,
}

/// The globs of all rules together. Two are always equal: they say no more than the rules.
#[derive(Clone, Debug, Default)]
struct LazySets(Arc<OnceLock<Sets>>);

impl PartialEq for LazySets {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for LazySets {}

#[derive(Debug)]
struct Sets {
    /// Those on images, and those on files. `None`: together they are too large, so each is tried alone.
    globs: Option<(Globs, Globs)>,
    /// The rule of each glob on files.
    of_files: Vec<usize>,
    /// The rules for each image that was asked for.
    names: Mutex<HashMap<String, Arc<[usize]>>>,
}

#[cfg(test)]
thread_local! {
    /// How many names and files were held against the globs on this thread.
    static MATCHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Sets {
    fn new(rules: &[PolicyRule]) -> Self {
        let (mut images, mut files, mut of_files) = (Vec::new(), Vec::new(), Vec::new());
        for (at, rule) in rules.iter().enumerate() {
            images.push(rule.image.glob().clone());
            for glob in rule.files.iter().flatten() {
                files.push(glob.glob().clone());
                of_files.push(at);
            }
        }
        Self {
            globs: Globs::new(&images).ok().zip(Globs::new(&files).ok()),
            of_files,
            names: Mutex::default(),
        }
    }

    /// The rules whose `files` match a path.
    fn of_file(&self, rules: &[PolicyRule], path: &Path) -> BTreeSet<usize> {
        #[cfg(test)]
        MATCHED.set(MATCHED.get() + 1);
        match &self.globs {
            Some((_, files)) => {
                let matches = files.matches(path).into_iter();
                matches.map(|glob| self.of_files[glob]).collect()
            }
            None => places(rules, |rule| {
                let mut globs = rule.files.iter().flatten();
                globs.any(|glob| glob.is_match(path))
            }),
        }
    }

    /// The rules whose `image` matches a name, in their order.
    fn of_name(&self, rules: &[PolicyRule], name: &str) -> Arc<[usize]> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Arc::clone(known);
        }
        #[cfg(test)]
        MATCHED.set(MATCHED.get() + 1);
        let found: Arc<[usize]> = match &self.globs {
            Some((images, _)) => images.matches(name).into(),
            None => places(rules, |rule| rule.image.is_match(name)),
        };
        names.insert(name.to_owned(), Arc::clone(&found));
        found
    }
}

/// The places of the rules for which this is so.
fn places<Places: FromIterator<usize>>(
    rules: &[PolicyRule],
    is_so: impl Fn(&PolicyRule) -> bool,
) -> Places {
    let places = rules.iter().enumerate();
    places
        .filter(|(_, rule)| is_so(rule))
        .map(|(at, _)| at)
        .collect()
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
    /// Rules whose globs of files begin at `folder`. Relative paths begin at `current`; both are absolute.
    pub fn new(rules: Vec<PolicyRule>, folder: PathBuf, current: PathBuf) -> Self {
        Self {
            rules,
            folder,
            current,
            sets: LazySets::default(),
        }
    }

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
        let sets = self.sets.0.get_or_init(|| Sets::new(&self.rules));
        let of_file = sets.of_file(&self.rules, &path);
        let sites = objects.iter_mut().flat_map(|(_, object)| &mut object.sites);
        // What Flux writes is chosen by Flux's own policies.
        for site in sites.filter(|site| site.marker.is_none()) {
            let Some(Ok(image)) = site.image.text().map(ImageRef::parse) else {
                continue;
            };
            let lookup = image.lookup();
            let fits = |at: &&usize| of_file.contains(at) || self.rules[**at].files.is_none();
            let of_name = sets.of_name(&self.rules, lookup.name());
            if let Some(at) = of_name.iter().find(fits) {
                let rule = &self.rules[*at];
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
        PolicyRules::new(
            rules.iter().map(read).collect(),
            PathBuf::from("/repo"),
            PathBuf::from("/repo/apps"),
        )
    }

    #[test]
    fn many_rules_and_many_equal_images_are_matched_once_each() {
        let globs: Vec<String> = (0..1000)
            .map(|at| format!("r.example.com/team-{at}/*"))
            .collect();
        let many: Vec<(&str, Option<&str>, &str)> = (globs.iter())
            .map(|glob| (glob.as_str(), Some("apps/prod/**"), "minor"))
            .collect();
        let rules = rules(&many);
        let matched = |count: usize, image: &dyn Fn(usize) -> String| {
            MATCHED.set(0);
            for at in 0..count {
                policy(&rules, "prod/web.yaml", &image(at));
            }
            MATCHED.get()
        };
        assert_eq!(
            matched(100, &|_| "r.example.com/team-7/web:1".to_owned()),
            100 + 1
        );
        assert_eq!(
            matched(200, &|_| "r.example.com/team-7/web:2".to_owned()),
            200
        );
        assert_eq!(
            matched(50, &|at| format!("r.example.com/none/web-{at}:1")),
            50 + 50
        );
        assert_eq!(
            policy(&rules, "prod/web.yaml", "r.example.com/team-9/web:1"),
            "minor"
        );
        assert_eq!(policy(&rules, "web.yaml", "r.example.com/team-9/web:1"), "");
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
