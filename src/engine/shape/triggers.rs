//! OpenShift's DeploymentConfig: its triggers may put images into its containers.

use std::collections::HashSet;

use super::group_of;
use crate::engine::hold::Hold;
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// Holds the images that an ImageChange trigger writes
/// (<https://docs.openshift.com/container-platform/4.17/applications/deployments/managing-deployment-processes.html>).
pub(super) fn hold<'a, T: Tree<'a>>(api_version: &str, kind: &str, object: T, sites: &mut [Site]) {
    // The old versions of OpenShift have it in the core group.
    if !matches!(group_of(api_version), "" | "apps.openshift.io") || kind != "DeploymentConfig" {
        return;
    }
    let triggers = object.get("spec").and_then(|spec| spec.get("triggers"));
    let triggers = triggers.map(T::items).unwrap_or_default().into_iter();
    let is_change = |trigger: &T| {
        let word = trigger.get("type").and_then(|word| word.scalar().text());
        word == Some("ImageChange")
    };
    let lists = triggers.filter(is_change).filter_map(|trigger| {
        let parameters = trigger.get("imageChangeParams")?;
        parameters.get("containerNames")
    });
    let names = lists.flat_map(T::items);
    let names: HashSet<&str> = names.filter_map(|name| name.scalar().text()).collect();
    for site in sites {
        if names.contains(&*site.name) {
            let hold = || Hold::managed_image("an ImageChange trigger has OpenShift write it");
            site.hold = site.hold.take().or_else(|| Some(hold()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::shape::find;
    use serde_json::{Value, json};

    #[test]
    fn a_trigger_holds_the_containers_that_it_names() {
        let config = |version: &str| {
            json!({"apiVersion": version, "kind": "DeploymentConfig", "spec": {
                "triggers": [{"type": "ConfigChange"}, {"type": "ImageChange", "imageChangeParams": {"containerNames": ["web"]}}],
                "template": {"spec": {"containers": [{"name": "web", "image": "web:1"}, {"name": "api", "image": "api:1"}]}},
            }})
        };
        let held = |object: &Value| {
            let found = find(object).objects.remove(0);
            let held = found.sites.iter().map(|site| site.hold.is_some());
            held.collect::<Vec<_>>()
        };
        assert_eq!(held(&config("apps.openshift.io/v1")), [true, false]);
        assert_eq!(held(&config("v1")), [true, false]);
        assert_eq!(held(&config("example.com/v1")), [false, false]);
        let template = json!({"apiVersion": "v1", "kind": "Template", "objects": [config("v1")]});
        assert_eq!(held(&template), [true, false]);
    }
}
