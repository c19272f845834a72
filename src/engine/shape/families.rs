//! Objects whose images are found by the keys around them, wherever in the object those stand.
//!
//! The first family is kustomize's own rule: whatever has a list of named containers has pods. So Pods, Rollouts, Knative Services,
//! ScaledJobs, old versions of the four kinds and kinds that do not exist yet need no row.

use memchr::memmem;

use super::{group_of, releases};
use crate::engine::argocd;
use crate::engine::site::{Memory, Role};

/// A family of objects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// Its API group; `None`: any.
    group: Option<&'static str>,
    /// Keys of sequences whose items have a `name` and an `image`, and what these images are for.
    pub(super) lists: &'static [(&'static str, Role)],
    /// Keys of mappings that have an `image`.
    pub(super) maps: &'static [&'static str],
    /// Whether an item of a list counts only with a name.
    pub(super) named: bool,
    /// Where the tags of its images are kept.
    pub(super) memory: Memory,
}

/// Every object with `apiVersion` and `kind`.
static PODS: Family = Family {
    group: None,
    lists: &[
        ("containers", Role::Container),
        ("initContainers", Role::InitContainer),
    ],
    maps: &[],
    named: true,
    memory: Memory::Annotation,
};

/// Families of one group, which go before [`PODS`].
static OF_GROUP: [Family; 3] = [
    // https://argo-workflows.readthedocs.io/en/latest/fields/#template
    Family {
        group: Some("argoproj.io"),
        lists: &[
            ("containers", Role::Other),
            ("initContainers", Role::Other),
            ("sidecars", Role::Other),
        ],
        maps: &["container", "script"],
        named: false,
        memory: Memory::InPlace,
    },
    // https://tekton.dev/docs/pipelines/tasks/#configuring-a-task
    Family {
        group: Some("tekton.dev"),
        lists: &[("steps", Role::Other), ("sidecars", Role::Other)],
        // The image of a StepAction stands in its `spec`.
        maps: &["spec", "stepTemplate"],
        named: false,
        memory: Memory::InPlace,
    },
    // The one container of a Service needs no name: https://knative.dev/docs/serving/services/creating-services/
    Family {
        group: Some("serving.knative.dev"),
        named: false,
        ..PODS
    },
];

/// The kinds of `argoproj.io` that are workflows; the others of the group have pods as everything has.
const WORKFLOWS: [&str; 4] = [
    "ClusterWorkflowTemplate",
    "CronWorkflow",
    "Workflow",
    "WorkflowTemplate",
];

/// Keys below which no image of the object stands: what a server writes, what people say of it, other files, and schemas.
pub(super) const NEVER_BELOW: [&str; 6] = [
    "binaryData",
    "data",
    "metadata",
    "openAPIV3Schema",
    "status",
    "stringData",
];

/// The key of every image, or a part of it: `initImage`.
const IMAGE: &[u8] = b"mage";
/// The texts of which one stands in every file with such an object, unless an escape spells it: the keys of containers and of entries,
/// the groups where images stand in other mappings, and what the path of an operation of a JSON Patch begins or ends with.
const BESIDE: [&[u8]; 8] = [
    b"ontainer",
    b"newTag",
    b"digest",
    b"tagSuffix",
    b"argoproj.io",
    b"tekton.dev",
    b"/image",
    b"/spec",
];

/// Whether an image of a family, an entry of `images` or an operation on an image may be in the bytes.
pub(super) fn may_hold(bytes: &[u8]) -> bool {
    let has = |text: &[u8]| memmem::find(bytes, text).is_some();
    let has_image = has(IMAGE);
    has_image && BESIDE.into_iter().any(has)
        || (has_image || has(b"tag")) && releases::may_hold(bytes)
}

/// Groups whose objects name images as patterns, rules, tests or results, and run none. With them go the groups below them, such as
/// `policies.kyverno.io`. Then come kinds of theirs: a patch that names no group may mean them.
const NEVER: [(&str, &[&str]); 15] = [
    (
        "admissionregistration.k8s.io",
        &["MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"],
    ),
    ("apiextensions.k8s.io", &["CustomResourceDefinition"]),
    (argocd::UPDATER_GROUP, &["ImageUpdater"]),
    (
        "gatekeeper.sh",
        &["Assign", "AssignImage", "ConstraintTemplate", "ModifySet"],
    ),
    (
        "image.toolkit.fluxcd.io",
        &["ImagePolicy", "ImageRepository", "ImageUpdateAutomation"],
    ),
    (
        "kargo.akuity.io",
        &[
            "ClusterPromotionTask",
            "PromotionTask",
            "Stage",
            "Warehouse",
        ],
    ),
    ("kbld.k14s.io", &["ImageOverrides", "ImagesLock"]),
    (
        "kubewarden.io",
        &[
            "AdmissionPolicy",
            "AdmissionPolicyGroup",
            "ClusterAdmissionPolicy",
            "ClusterAdmissionPolicyGroup",
            "PolicyServer",
        ],
    ),
    ("kudo.dev", &["OperatorVersion"]),
    ("kuttl.dev", &["TestAssert", "TestStep", "TestSuite"]),
    (
        "kyverno.io",
        &[
            "CleanupPolicy",
            "ClusterCleanupPolicy",
            "ClusterPolicy",
            "DeletingPolicy",
            "GeneratingPolicy",
            "ImageValidatingPolicy",
            "ImageVerificationPolicy",
            "MutatingPolicy",
            "NamespacedDeletingPolicy",
            "NamespacedImageValidatingPolicy",
            "NamespacedValidatingPolicy",
            "Policy",
            "PolicyException",
            "ValidatingPolicy",
        ],
    ),
    ("jspolicy.com", &["JsPolicy", "JsPolicyBundle"]),
    (
        "policy.open-cluster-management.io",
        &["ConfigurationPolicy", "OperatorPolicy", "PolicyGenerator"],
    ),
    ("policy.sigstore.dev", &["ClusterImagePolicy"]),
    ("wgpolicyk8s.io", &["ClusterPolicyReport", "PolicyReport"]),
];

/// Kinds whose images do not stand where every object has some, by their groups.
const OF_OWN: [(&str, &[&str]); 3] = [
    ("argoproj.io", &WORKFLOWS),
    ("core.strimzi.io", &["StrimziPodSet"]),
    (
        "tekton.dev",
        &[
            "ClusterTask",
            "Pipeline",
            "PipelineRun",
            "StepAction",
            "Task",
            "TaskRun",
        ],
    ),
];

/// The groups that are known to have a kind of this name.
pub(super) fn groups(kind: &str) -> impl Iterator<Item = &str> {
    let rows = NEVER.into_iter().chain(OF_OWN);
    rows.filter(move |(_, kinds)| kinds.contains(&kind))
        .map(|(group, _)| group)
}

/// The family of an object. `None`: its images are never edited.
pub(super) fn of(api_version: &str, kind: &str) -> Option<&'static Family> {
    let group = group_of(api_version);
    match (group, kind) {
        (_, "CustomResourceDefinition") => return None,
        (group, _) if NEVER.iter().any(|(never, _)| is_within(group, never)) => return None,
        // Its pods are made by the operator, and a person who edits them is not heard.
        ("core.strimzi.io", "StrimziPodSet") => return None,
        ("argoproj.io", kind) if !WORKFLOWS.contains(&kind) => return Some(&PODS),
        _ => {}
    }
    let own = OF_GROUP
        .iter()
        .find(|family| family.group.is_some_and(|own| own == group));
    Some(own.unwrap_or(&PODS))
}

/// Whether a group is the other one, or stands below it.
fn is_within(group: &str, other: &str) -> bool {
    group
        .strip_suffix(other)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
