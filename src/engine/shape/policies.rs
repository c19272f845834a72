//! The annotation `imago/policy` of an object: which tags its images go to.
//!
//! ```yaml
//! metadata:
//!   annotations:
//!     imago/policy: "minor"                     # all images
//!     imago/policy: "web=minor; side=digest"    # by the name of the container
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::code::Code;
use crate::engine::hold::Hold;
use crate::engine::object::{Object, POLICY, kept_name};
use crate::engine::path::{Path, Step};
use crate::engine::site::Site;
use crate::engine::tree::{Scalar, Tree};
use crate::engine::version::{Policy, segments};

/// Gives the sites the policies of an annotation, and returns the names in it that no site has.
pub(super) fn apply<'a, T: Tree<'a>>(annotation: T, sites: &mut [Site]) -> Vec<String> {
    let text = match annotation.scalar() {
        Scalar::Text(text) => text,
        Scalar::Null => return Vec::new(),
        Scalar::Bool(_) | Scalar::Other(_) => {
            hold(sites, "it is not a string; put it in quotes");
            return Vec::new();
        }
    };
    match entries(text) {
        Err(why) => {
            hold(sites, &why);
            Vec::new()
        }
        Ok(policies) => {
            let mut idle: BTreeSet<&str> = policies.keys().copied().flatten().collect();
            for site in sites {
                let named = policies.get(&Some(&*site.name));
                let policy = named.or_else(|| policies.get(&None)).cloned();
                if let Some(policy) = policy {
                    site.follow(&policy);
                    idle.remove(&*site.name);
                }
            }
            idle.into_iter().map(kept_name).collect()
        }
    }
}

/// The same for an object in an object. A name that no site has holds those that get no policy.
pub(super) fn apply_nested<'a, T: Tree<'a>>(annotation: T, sites: &mut [Site]) {
    if let Some(idle) = apply(annotation, sites).first() {
        hold(sites, &format!("`{idle}` names none of its images"));
    }
}

/// Holds the images that share one scalar by an anchor, and want different tags there.
pub fn hold_shared<'a, T: Tree<'a>>(document: T, objects: &mut [&mut Object]) {
    let sites = || objects.iter().flat_map(|object| &object.sites);
    if sites().all(|site| site.policy.is_none()) {
        return;
    }
    // Each list is read once, however many images are in it.
    let mut lists: BTreeMap<Path, Vec<T>> = BTreeMap::new();
    let mut anchor_of = |site: &Site| {
        let at = site.written_at();
        let mut steps = at.steps().iter().enumerate();
        let node = steps.try_fold(document, |node, (depth, step)| match step {
            Step::Key(key) => node.get(key),
            Step::Index(index) => {
                let here: Path = at.steps()[..depth].iter().cloned().collect();
                let list = lists.entry(here).or_insert_with(|| node.items());
                list.get(*index).copied()
            }
            Step::Inside(_) => None,
        })?;
        Some(node.anchor()?.0)
    };
    let anchors: Vec<Option<usize>> = sites().map(&mut anchor_of).collect();
    let mut policies: BTreeMap<usize, BTreeSet<Option<Arc<Policy>>>> = BTreeMap::new();
    for (anchor, site) in anchors.iter().zip(sites()) {
        if let Some(anchor) = anchor {
            let chosen = site.policy.clone().filter(|policy| !policy.keeps_tag());
            policies.entry(*anchor).or_default().insert(chosen);
        }
    }
    let mut sites = objects.iter_mut().flat_map(|object| &mut object.sites);
    for (anchor, site) in anchors.iter().zip(&mut sites) {
        if anchor.is_some_and(|anchor| policies[&anchor].len() > 1) {
            let why = "another image that shares it by an anchor has another policy";
            site.hold
                .get_or_insert_with(|| Hold::of(Code::AnchoredTag, why));
        }
    }
}

fn hold(sites: &mut [Site], why: &str) {
    let reason = format!("the annotation `{POLICY}` is not understood: {why}");
    for site in sites {
        // A comment is nearer, and says what is meant.
        if site.policy.is_none() {
            site.hold
                .get_or_insert_with(|| Hold::of(Code::BadComment, &reason));
        }
    }
}

/// Policies, each by the name of the image that it is for; the one without a name is for all.
type Policies<'t> = BTreeMap<Option<&'t str>, Arc<Policy>>;

/// Reads the annotation. `Err`: why it is none.
fn entries(text: &str) -> Result<Policies<'_>, String> {
    let mut entries: Vec<(Option<&str>, String)> = Vec::new();
    for segment in segments(text).filter(|segment| !segment.is_empty()) {
        if segment.starts_with("allow=") {
            let Some((_, policy)) = entries.last_mut() else {
                return Err("`allow` stands before any policy".to_owned());
            };
            policy.push_str("; ");
            policy.push_str(segment);
            continue;
        }
        entries.push(match segment.split_once('=') {
            Some((name, policy)) if is_name(name) => (Some(name), policy.trim().to_owned()),
            _ => (None, segment.to_owned()),
        });
    }
    if entries.is_empty() {
        return Err("it is empty".to_owned());
    }
    if entries.len() > 1 && entries.iter().any(|(name, _)| name.is_none()) {
        return Err(
            "several policies need a name each; write `NAME=POLICY; NAME=POLICY`".to_owned(),
        );
    }
    let mut policies = Policies::new();
    for (name, policy) in entries {
        let policy =
            Policy::parse(&policy).map_err(|error| format!("{}; {}", error.reason, error.hint))?;
        if policies.insert(name, Arc::new(policy)).is_some() {
            let name = name.unwrap_or_default();
            return Err(format!("`{name}` has two policies; leave one of them out"));
        }
    }
    Ok(policies)
}

/// Not the start of a range: `semver >=1.2`, `semver =1.2`.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.contains(char::is_whitespace)
        && !text.ends_with(['<', '>', '!', '~', '^'])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::engine::shape::find;

    /// What is said of the two images of an object with this annotation.
    fn said(annotation: Value) -> (Vec<String>, Vec<String>) {
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "annotations": {"imago/policy": annotation}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "web", "image": "web:1.4.2"}, {"name": "side", "image": "side:1.4.2"},
            ]}}},
        });
        let object = find(&object).objects.remove(0);
        let said = object
            .sites
            .iter()
            .map(|site| match (&site.policy, &site.hold, site.ignored) {
                (_, _, Some(_)) => "ignored".to_owned(),
                (_, Some(hold), _) => format!("{}: {}", hold.code, hold.reason),
                (Some(policy), None, None) => policy.to_string(),
                (None, None, None) => String::new(),
            });
        (said.collect(), object.idle_policies)
    }

    #[test]
    fn one_policy_is_for_all_and_names_choose() {
        for (annotation, web, side) in [
            ("minor", "minor", "minor"),
            (" semver >=1.2 <2 ", "semver >=1.2 <2", "semver >=1.2 <2"),
            ("semver =1.2", "semver =1.2", "semver =1.2"),
            ("web=minor; side=digest", "minor", "digest"),
            ("web = minor", "bad-comment", "bad-comment"),
            ("side=semver >=1.2, <2;", "", "semver >=1.2, <2"),
            (
                "web=patch; allow=/1\\..*/; side=ignore",
                "patch; allow=/1\\..*/",
                "ignored",
            ),
            ("ignore", "ignored", "ignored"),
        ] {
            let (said, idle) = said(json!(annotation));
            let shown: Vec<&str> = said
                .iter()
                .map(|said| said.split(": ").next().unwrap())
                .collect();
            match web {
                "bad-comment" => assert!(said[0].starts_with("bad-comment: "), "{said:?}"),
                _ => assert_eq!(shown.len(), 2),
            }
            if web != "bad-comment" {
                assert_eq!(said, [web, side], "{annotation}");
            }
            assert!(idle.is_empty());
        }
        assert_eq!(said(json!("wbe=minor")).1, ["wbe"]);
    }

    #[test]
    fn a_mistake_holds_the_images_and_says_what_to_write() {
        for (annotation, why) in [
            (
                json!("web=minor; side=major; web=patch"),
                "`web` has two policies; leave one of them out",
            ),
            (
                json!("minro"),
                "the policy `minro` is unknown; write `minor`",
            ),
            (
                json!("web=minro"),
                "the policy `minro` is unknown; write `minor`",
            ),
            (json!(""), "it is empty"),
            (json!(1), "it is not a string; put it in quotes"),
            (
                json!("minor; web=patch"),
                "several policies need a name each; write `NAME=POLICY; NAME=POLICY`",
            ),
            (
                json!("allow=/a/; minor"),
                "`allow` stands before any policy",
            ),
        ] {
            let expected =
                format!("bad-comment: the annotation `imago/policy` is not understood: {why}");
            assert_eq!(said(annotation).0, [expected.clone(), expected]);
        }
    }
}
