//! OpenShift's DeploymentConfig: its triggers may put images into its containers.

use super::group_of;
use crate::engine::hold::Hold;
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// Holds the images that an ImageChange trigger writes
/// (<https://docs.openshift.com/container-platform/4.17/applications/deployments/managing-deployment-processes.html>).
pub(super) fn hold<'a, T: Tree<'a>>(api_version: &str, kind: &str, object: T, sites: &mut [Site]) {
    if (group_of(api_version), kind) != ("apps.openshift.io", "DeploymentConfig") {
        return;
    }
    let triggers = object.get("spec").and_then(|spec| spec.get("triggers"));
    let triggers = triggers.map(T::items).unwrap_or_default().into_iter();
    let is_change = |trigger: &T| {
        let word = trigger.get("type").and_then(|word| word.scalar().text());
        word == Some("ImageChange")
    };
    for trigger in triggers.filter(is_change) {
        let names = trigger.get("imageChangeParams");
        let names = names.and_then(|parameters| parameters.get("containerNames"));
        let names = names.map(T::items).unwrap_or_default();
        let is_named = |site: &Site| {
            let mut names = names.iter().filter_map(|name| name.scalar().text());
            names.any(|name| name == site.name)
        };
        for site in sites.iter_mut().filter(|site| is_named(site)) {
            let hold = || Hold::managed_image("an ImageChange trigger has OpenShift write it");
            site.hold = site.hold.take().or_else(|| Some(hold()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::shape::find;
    use serde_json::json;

    #[test]
    fn a_trigger_holds_the_containers_that_it_names() {
        let object = json!({"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "spec": {
            "triggers": [{"type": "ConfigChange"}, {"type": "ImageChange", "imageChangeParams": {"containerNames": ["web"]}}],
            "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "api", "image": "api:1"}]}},
        }});
        let found = find(&object).objects.remove(0);
        let held = found.sites.iter().map(|site| site.hold.is_some());
        assert!(held.eq([true, false]));
    }
}
