//! Images that stand in fields of their own, by kind: those of operators, and those that settings name.
//!
//! ```yaml
//! apiVersion: monitoring.coreos.com/v1
//! kind: Prometheus
//! spec: {image: registry.example.com/prometheus:v3}      # `spec/image`
//! ```
//!
//! They are off until a run names their kinds: what an operator does with a digest is for the user to know.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::LazyLock;

use super::kinds::Kinds;
use super::pattern::Pattern;
use super::scalar::scalar_site;
use super::{families, group_of};
use crate::engine::hold::Hold;
use crate::engine::path::{Path, Step, dotted};
use crate::engine::site::{Comments, Image, Memory, Parts, Role, Site, Slot, Slots, marks};
use crate::engine::tree::{Scalar, Tree};

/// Where the objects of a kind have images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Its API group. `None`: any.
    pub group: Option<Cow<'static, str>>,
    /// Its kind.
    pub kind: Cow<'static, str>,
    /// The paths to images, or with `split` to the mappings that they are written in.
    pub paths: Vec<Pattern>,
    /// How an image is written where its parts have keys of their own.
    pub split: Option<Split>,
}

/// The keys of an image's parts. A key may lead further down: `ref/tag`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The key of the repository. A scheme before it (`oci://`) is none of its name.
    pub name: Vec<Cow<'static, str>>,
    /// The key of the tag.
    pub tag: Vec<Cow<'static, str>>,
    /// The key of the digest, which is added where it is absent. `None`: the digest goes behind the tag.
    pub digest: Option<Vec<Cow<'static, str>>>,
}

/// A row of the table: the group, the kinds, the paths.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// Kinds of operators whose images stand in fields of their own.
const ROWS: &[Row] = &[
    (
        "acid.zalan.do",
        &["OperatorConfiguration"],
        &[
            "configuration/docker_image",
            "configuration/connection_pooler/connection_pooler_image",
            "configuration/logical_backup/logical_backup_docker_image",
        ],
    ),
    (
        "acid.zalan.do",
        &["postgresql"],
        &["spec/dockerImage", "spec/sidecars[]/image"],
    ),
    (
        "actions.summerwind.dev",
        &["Runner"],
        &["spec/image", "spec/dockerImage"],
    ),
    (
        "actions.summerwind.dev",
        &["RunnerDeployment", "RunnerReplicaSet"],
        &["spec/template/spec/image", "spec/template/spec/dockerImage"],
    ),
    (
        "actions.summerwind.dev",
        &["RunnerSet"],
        &["spec/image", "spec/dockerImage"],
    ),
    ("apps.emqx.io", &["EMQX"], &["spec/image"]),
    ("apps.kruise.io", &["ImagePullJob"], &["spec/image"]),
    (
        "ceph.rook.io",
        &["CephCluster"],
        &["spec/cephVersion/image"],
    ),
    ("dragonflydb.io", &["Dragonfly"], &["spec/image"]),
    (
        "gateway.envoyproxy.io",
        &["EnvoyProxy"],
        &[
            "spec/provider/kubernetes/envoyDeployment/container/image",
            "spec/provider/kubernetes/envoyDaemonSet/container/image",
        ],
    ),
    ("k8s.keycloak.org", &["Keycloak"], &["spec/image"]),
    (
        "kafka.strimzi.io",
        &["Kafka"],
        &[
            "spec/kafka/image",
            "spec/zookeeper/image",
            "spec/entityOperator/*/image",
            "spec/cruiseControl/image",
            "spec/kafkaExporter/image",
        ],
    ),
    (
        "kafka.strimzi.io",
        &[
            "KafkaBridge",
            "KafkaConnect",
            "KafkaMirrorMaker",
            "KafkaMirrorMaker2",
        ],
        &["spec/image"],
    ),
    (
        "kubevirt.io",
        &["VirtualMachine", "VirtualMachineInstanceReplicaSet"],
        &["spec/template/spec/volumes[]/containerDisk/image"],
    ),
    (
        "kubevirt.io",
        &["VirtualMachineInstance"],
        &["spec/volumes[]/containerDisk/image"],
    ),
    ("minio.min.io", &["Tenant"], &["spec/image"]),
    (
        "monitoring.coreos.com",
        &[
            "Alertmanager",
            "Prometheus",
            "PrometheusAgent",
            "ThanosRuler",
        ],
        &["spec/image"],
    ),
    (
        "opentelemetry.io",
        &["OpenTelemetryCollector", "TargetAllocator", "OpAMPBridge"],
        &["spec/image", "spec/targetAllocator/image"],
    ),
    ("opentelemetry.io", &["Instrumentation"], &["spec/*/image"]),
    ("operators.coreos.com", &["CatalogSource"], &["spec/image"]),
    (
        "postgresql.cnpg.io",
        &["Cluster"],
        &[
            "spec/imageName",
            "spec/postgresql/extensions[]/image/reference",
        ],
    ),
    (
        "postgresql.cnpg.io",
        &["ClusterImageCatalog", "ImageCatalog"],
        &[
            "spec/images[]/image",
            "spec/images[]/extensions[]/image/reference",
            "spec/componentImages[]/image",
        ],
    ),
    ("postgresql.cnpg.io", &["Pooler"], &["spec/pgbouncer/image"]),
    ("rabbitmq.com", &["RabbitmqCluster"], &["spec/image"]),
    (
        "renovate-operator.mogenius.com",
        &["RenovateJob"],
        &["spec/image", "spec/extraVolumes[]/image/reference"],
    ),
    (
        "sparkoperator.k8s.io",
        &["SparkApplication"],
        &["spec/image", "spec/driver/image", "spec/executor/image"],
    ),
    (
        "sparkoperator.k8s.io",
        &["ScheduledSparkApplication"],
        &[
            "spec/template/image",
            "spec/template/driver/image",
            "spec/template/executor/image",
        ],
    ),
];

/// Kinds of operators whose images stand in mappings with `repository` and `tag`.
const SPLIT_ROWS: &[Row] = &[
    (
        "operator.victoriametrics.com",
        &[
            "VLogs",
            "VLSingle",
            "VMAgent",
            "VMAlert",
            "VMAlertmanager",
            "VMAuth",
            "VMSingle",
            "VTSingle",
        ],
        &["spec/image"],
    ),
    (
        "operator.victoriametrics.com",
        &["VLCluster", "VMCluster", "VTCluster"],
        &["spec/*/image"],
    ),
];

/// The shapes of the tables, and Flux's OCIRepository (<https://fluxcd.io/flux/components/source/ocirepositories/#reference>), where a
/// digest wins over the tag beside it.
static TABLE: LazyLock<Vec<Shape>> = LazyLock::new(|| {
    let split = Split {
        name: vec!["repository".into()],
        tag: vec!["tag".into()],
        digest: None,
    };
    let whole = ROWS.iter().map(|row| (row, None));
    let rows = whole.chain(SPLIT_ROWS.iter().map(|row| (row, Some(&split))));
    let rows = rows.flat_map(|((group, kinds, paths), split)| {
        kinds.iter().map(move |kind| Shape {
            group: Some((*group).into()),
            kind: (*kind).into(),
            paths: paths
                .iter()
                .map(|path| path.parse().expect("a test reads each"))
                .collect(),
            split: split.cloned(),
        })
    });
    let oci = Shape {
        group: Some("source.toolkit.fluxcd.io".into()),
        kind: "OCIRepository".into(),
        paths: vec!["spec".parse().expect("it is a key")],
        split: Some(Split {
            name: vec!["url".into()],
            tag: vec!["ref".into(), "tag".into()],
            digest: Some(vec!["ref".into(), "digest".into()]),
        }),
    };
    rows.chain([oci]).collect()
});

/// Fields to which programs write images, which no run reads: the group, the kind, and the keys to them.
const OUTPUTS: [(&str, &str, &[&str]); 4] = [
    (
        "kafka.strimzi.io",
        "KafkaConnect",
        &["spec", "build", "output"],
    ),
    ("kpack.io", "Image", &["spec", "tag"]),
    ("shipwright.io", "Build", &["spec", "output"]),
    ("shipwright.io", "BuildRun", &["spec", "output"]),
];

impl Shape {
    fn fits(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.group.as_deref().is_none_or(|own| own == group)
    }

    /// Whether none of its images is ever edited.
    pub fn never(&self) -> bool {
        let group = self.group.as_deref().unwrap_or_default();
        families::of(&format!("{group}/v1"), &self.kind).is_none()
    }

    /// Whether one of its paths is that of a site of an object.
    pub fn finds(&self, path: &Pattern, api_version: &str, kind: &str, at: &[Step]) -> bool {
        self.fits(group_of(api_version), kind) && path.leads_to(at)
    }
}

/// The kind of an object whose images are off, if it has any.
pub(super) fn off<'a, T: Tree<'a>>(
    api_version: &str,
    kind: &str,
    object: T,
    kinds: &Kinds,
) -> Option<&'static str> {
    let shape = row(api_version, kind).filter(|_| !kinds.add(api_version, kind))?;
    let mut found = Vec::new();
    add(shape, object, &Path::root(), &mut found);
    let has_image = found.iter().any(|site| site.image.text().is_some());
    has_image.then_some(&*shape.kind)
}

/// Whether a kind of this name is in the table, in some group.
pub(super) fn is_row(kind: &str) -> bool {
    TABLE.iter().any(|shape| shape.kind == kind)
}

/// The name of a kind of the table.
pub(super) fn off_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    Some(&row(api_version, kind)?.kind)
}

/// The groups that are known to have a kind of this name.
pub(super) fn groups<'k>(kind: &'k str, kinds: &'k Kinds) -> impl Iterator<Item = &'k str> {
    let shapes = TABLE.iter().chain(&kinds.declared);
    let of_kind = shapes.filter(move |shape| shape.kind == kind);
    of_kind.filter_map(|shape| shape.group.as_deref())
}

/// Adds the images of an object that may be of any kind of which a run takes the fields.
pub(super) fn of_any_kind<'a, T: Tree<'a>>(
    object: T,
    at: &Path,
    kinds: &Kinds,
    sites: &mut Vec<Site>,
) {
    let is_added = |shape: &&Shape| {
        let group = shape.group.as_deref().unwrap_or_default();
        kinds.add(&format!("{group}/"), &shape.kind)
    };
    let table = TABLE.iter().filter(|_| !kinds.added.is_empty());
    let shapes = kinds.declared.iter().chain(table.filter(is_added));
    shapes.for_each(|shape| add(shape, object, at, sites));
}

fn row(api_version: &str, kind: &str) -> Option<&'static Shape> {
    let group = group_of(api_version);
    TABLE.iter().find(|shape| shape.fits(group, kind))
}

/// Adds the images of an object's fields to those that were found in it otherwise.
pub(super) fn sites<'a, T: Tree<'a>>(
    api_version: &str,
    kind: &str,
    object: T,
    at: &Path,
    kinds: &Kinds,
    sites: &mut Vec<Site>,
) {
    if kinds.named().next().is_none() {
        return;
    }
    let group = group_of(api_version);
    let table = TABLE.iter().filter(|shape| shape.fits(group, kind));
    let added = table.filter(|_| kinds.add(api_version, kind));
    let declared = kinds
        .declared
        .iter()
        .filter(|shape| shape.fits(group, kind));
    let mut shapes = declared.chain(added).peekable();
    if shapes.peek().is_none() || families::of(api_version, kind).is_none() {
        return;
    }
    let first = sites.len();
    for shape in shapes {
        add(shape, object, at, sites);
    }
    let outputs = OUTPUTS
        .iter()
        .filter(|(own, name, _)| (*own, *name) == (group, kind));
    let outputs: Vec<Path> = outputs.map(|(.., keys)| at.keys(keys)).collect();
    let mut known: BTreeSet<Path> = BTreeSet::new();
    let mut index = 0;
    sites.retain(|site| {
        let place = site.written_at();
        let is_output = outputs
            .iter()
            .any(|output| place.steps().starts_with(output.steps()));
        let is_new = known.insert(place);
        let keeps = index < first || !is_output && is_new;
        index += 1;
        keeps
    });
    let hold = managed(group, kind, object);
    for site in sites.iter_mut().skip(first) {
        site.hold = site.hold.take().or_else(|| hold.clone());
    }
}

/// Why something else chooses the image of an object.
fn managed<'a, T: Tree<'a>>(group: &str, kind: &str, object: T) -> Option<Hold> {
    let below = |keys: &[&str]| {
        let node = keys.iter().try_fold(object, |node, key| node.get(key));
        node.is_some_and(|node| !matches!(node.scalar(), Scalar::Null))
    };
    match (group, kind) {
        ("operators.coreos.com", "CatalogSource")
            if below(&["spec", "updateStrategy", "registryPoll"]) =>
        {
            Some(Hold::managed_image(
                "`registryPoll` has the catalog follow its tag",
            ))
        }
        ("source.toolkit.fluxcd.io", "OCIRepository") if below(&["spec", "ref", "semver"]) => {
            Some(Hold::managed_image("`semver` has Flux choose the tag"))
        }
        _ => None,
    }
}

fn add<'a, T: Tree<'a>>(shape: &Shape, object: T, at: &Path, sites: &mut Vec<Site>) {
    for path in &shape.paths {
        path.find(object, |steps, node, around| {
            let found = match &shape.split {
                None => whole(node, around, at, steps),
                Some(split) => parts(split, node, at, steps),
            };
            sites.extend(found);
        });
    }
}

/// An image in one scalar, in a mapping or a sequence around it.
fn whole<'a, T: Tree<'a>>(node: T, around: T, at: &Path, steps: &[Step]) -> Option<Site> {
    let (last, outer) = steps.split_last()?;
    // What is no scalar is no image: a chart's values may have a mapping there.
    if !node.entries().is_empty() || !node.items().is_empty() {
        return None;
    }
    let mut site = Site {
        slots: Slots::Whole(vec![last.clone()].into()),
        ..scalar_site(around, node, Role::Other, at.below(outer), Memory::InPlace)
    };
    if site.name.is_empty() {
        site.name = dotted(steps);
    }
    Some(site)
}

/// An image whose parts have keys of their own.
fn parts<'a, T: Tree<'a>>(split: &Split, node: T, object: &Path, steps: &[Step]) -> Option<Site> {
    let below = |keys: &[Cow<'static, str>]| keys.iter().try_fold(node, |node, key| node.get(key));
    let name = below(&split.name)?
        .scalar()
        .text()
        .filter(|name| !name.is_empty())?;
    let name = name.split_once("://").map_or(name, |(_, name)| name);
    let slot = |keys: &[Cow<'static, str>], text: Option<&str>| Slot {
        steps: keys.iter().cloned().map(Step::Key).collect(),
        text: text.map(str::to_owned),
        unwritten: "",
    };
    let written = below(&split.tag);
    let tag_text = written.and_then(|tag| tag.scalar().text());
    let tag = tag_text
        .filter(|tag| !tag.is_empty())
        .map(|text| slot(&split.tag, Some(text)));
    let digest_node = split.digest.as_deref().and_then(below);
    let digest_text = digest_node.and_then(|digest| digest.scalar().text());
    // A digest that stands behind the tag stays there.
    let is_behind =
        digest_text.is_none_or(str::is_empty) && tag_text.is_some_and(|tag| tag.contains('@'));
    let digest = split
        .digest
        .as_deref()
        .filter(|_| !is_behind)
        .map(|keys| slot(keys, digest_text));
    let is_no_digest = digest.is_some()
        && matches!(
            digest_node.map(T::scalar),
            Some(Scalar::Bool(_) | Scalar::Other(_))
        );
    let no_digest = is_no_digest.then(|| Hold::no_digest("digest"));
    let image = match written.map(T::scalar) {
        Some(Scalar::Bool(_)) => Image::Other("a boolean"),
        Some(Scalar::Other(what)) => Image::Other(what),
        _ if tag.is_none() && digest_text.is_none() => return None,
        _ => Image::Text(Slot::whole(name, tag.as_ref(), digest.as_ref())),
    };
    let shown = written.or(digest_node).unwrap_or(node);
    let keys = [Some(&split.tag), split.digest.as_ref(), Some(&split.name)];
    let keys = || keys.into_iter().flatten();
    let scalars = keys().filter_map(|keys| below(keys));
    let around = keys().flat_map(|keys| {
        (0..keys.len())
            .rev()
            .filter_map(|length| below(&keys[..length]))
    });
    let said = Comments::read(marks(scalars, around));
    Some(Site {
        role: Role::Other,
        name: dotted(steps),
        at: object.below(steps),
        slots: Slots::Parts(Box::new(Parts { tag, digest })),
        image,
        memory: Memory::InPlace,
        pull_policy: None,
        line: shown.line().and_then(NonZeroU32::new),
        commented: said.lines,
        ignored: said.ignored,
        decided_by: None,
        hold: said.hold.or(no_digest),
        policy: said.policy,
        marker: None,
    })
}
