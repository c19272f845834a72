//! Where objects have values for a Helm chart: as a mapping, as a text with YAML in it, or as a list of parameters.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::scalar::{InText, lines_in_text};
use super::unhandled::{BROKEN_VALUES, TEMPLATED_VALUES};
use super::{Found, group_of, values};
use crate::engine::argocd;
use crate::engine::helm::{self, Chart};
use crate::engine::hold::Hold;
use crate::engine::marks::Mark;
use crate::engine::misplaced;
use crate::engine::path::{Path, Step};
use crate::engine::site::{Comments, Parts, Site, Slot, Slots, marks};
use crate::engine::tree::{Scalar, Tree};
use crate::engine::yaml::File;

use super::Kinds;

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Mapping,
    /// YAML in a text.
    Text,
    /// `[{name: image.tag, value: "1.4"}]`
    Parameters,
}

/// What names the chart, from where the values begin to be said: keys of the chart's name and of its version.
type Named = (&'static [&'static str], &'static [&'static str]);

/// A place of values: the group, the kinds, the keys of what has both chart and values, with `*` for the items of a list, then those of the
/// chart, and the values below it.
struct Row {
    group: &'static str,
    kinds: &'static [&'static str],
    keys: &'static [&'static str],
    chart: Named,
    values: &'static [(&'static [&'static str], Form)],
}

const ARGO: Named = (&["chart"], &["targetRevision"]);
const OF_ARGO: &[(&[&str], Form)] = &[
    (&["helm", "valuesObject"], Form::Mapping),
    (&["helm", "values"], Form::Text),
    (&["helm", "parameters"], Form::Parameters),
];

const ROWS: &[Row] = &[
    // https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git
    Row {
        group: argocd::GROUP,
        kinds: &[argocd::SOURCE],
        keys: &[],
        chart: ARGO,
        values: OF_ARGO,
    },
    // https://fluxcd.io/flux/components/helm/helmreleases/
    Row {
        group: "helm.toolkit.fluxcd.io",
        kinds: &["HelmRelease"],
        keys: &["spec"],
        chart: (&["chart", "spec", "chart"], &["chart", "spec", "version"]),
        values: &[(&["values"], Form::Mapping)],
    },
    // https://docs.k3s.io/helm
    Row {
        group: "helm.cattle.io",
        kinds: &["HelmChart", "HelmChartConfig"],
        keys: &["spec"],
        chart: (&["chart"], &["version"]),
        values: &[(&["valuesContent"], Form::Text)],
    },
    // https://kubectl.docs.kubernetes.io/references/kustomize/builtins/#_helmchartinflationgenerator_
    Row {
        group: "kustomize.config.k8s.io",
        kinds: &["Component", "Kustomization"],
        keys: &["helmCharts", "*"],
        chart: (&["name"], &["version"]),
        values: &[(&["valuesInline"], Form::Mapping)],
    },
    // https://argo-cd.readthedocs.io/en/stable/user-guide/helm/
    Row {
        group: "argoproj.io",
        kinds: &["Application"],
        keys: &["spec", "source"],
        chart: ARGO,
        values: OF_ARGO,
    },
    Row {
        group: "argoproj.io",
        kinds: &["Application"],
        keys: &["spec", "sources", "*"],
        chart: ARGO,
        values: OF_ARGO,
    },
    Row {
        group: "argoproj.io",
        kinds: &["ApplicationSet"],
        keys: &["spec", "template", "spec", "source"],
        chart: ARGO,
        values: OF_ARGO,
    },
    Row {
        group: "argoproj.io",
        kinds: &["ApplicationSet"],
        keys: &["spec", "template", "spec", "sources", "*"],
        chart: ARGO,
        values: OF_ARGO,
    },
];

/// Adds the images in the values of an object, and what is seen there and not read.
pub(super) fn sites<'a, T: Tree<'a>>(
    (api_version, kind): (&str, &str),
    object: T,
    at: &Path,
    kinds: &Kinds,
    (sites, found): (&mut Vec<Site>, &mut Found),
) {
    let group = group_of(api_version);
    let rows = ROWS
        .iter()
        .filter(|row| row.group == group && row.kinds.contains(&kind));
    let begins = sites.len();
    let is_patched = group == argocd::GROUP && argocd::has_helm_patch(object);
    if is_patched {
        found.unhandled.push(TEMPLATED_VALUES);
    }
    for row in rows {
        let mut places = Vec::new();
        below(object, row.keys, &mut at.steps().to_vec(), &mut places);
        for (place, at) in places {
            let chart = chart(place, row.chart);
            let chosen = chosen_elsewhere(place);
            for (keys, form) in row.values {
                let Some(node) = leaf(place, keys) else {
                    continue;
                };
                let (first, at) = (sites.len(), at.keys(keys));
                let values = match form {
                    Form::Mapping => {
                        values::sites(node, &at, None, sites);
                        at
                    }
                    Form::Text => {
                        let unread = in_text(node, &at, (&mut *sites, &mut found.misplaced));
                        found.unhandled.extend(unread);
                        at.join(Step::Inside(0))
                    }
                    Form::Parameters => {
                        parameters(node, &at, (chart.as_ref(), kinds), sites);
                        continue;
                    }
                };
                values::settle(&values, chart.as_ref(), &kinds.helm, &mut sites[first..]);
                for site in sites[first..]
                    .iter_mut()
                    .filter(|site| site.has_digest_key())
                {
                    let at = site.at.steps().strip_prefix(values.steps());
                    if at.is_some_and(|at| chosen.contains(&at.iter().cloned().collect::<Path>())) {
                        site.hold
                            .get_or_insert_with(|| Hold::chosen_by("a parameter"));
                    }
                }
            }
        }
    }
    let found_here = sites[begins..].iter_mut();
    for site in found_here.filter(|site| is_patched && site.has_digest_key()) {
        site.hold
            .get_or_insert_with(|| Hold::chosen_by("`templatePatch`"));
    }
}

/// The groups that are known to have a kind of this name.
pub(super) fn groups(kind: &str) -> impl Iterator<Item = &str> {
    let rows = ROWS.iter().filter(move |row| row.kinds.contains(&kind));
    rows.map(|row| row.group)
}

/// Whether the bytes name a kind that has values, or a kustomization's key for them.
pub(super) fn may_hold(bytes: &[u8]) -> bool {
    helm::names_a_chart(bytes) || memmem::find(bytes, b"helmCharts").is_some()
}

/// Where the values of a release stand that says elsewhere which chart they are for.
pub fn release_values(at: &Path) -> Path {
    at.keys(&["spec", "values"])
}

/// The mappings of the values in an object at which the object itself chooses another image, by parameters of Argo CD, a
/// `targetPath` of Flux, or `set` of k3s.
fn chosen_elsewhere<'a, T: Tree<'a>>(place: T) -> BTreeSet<Path> {
    let list = |keys: &[&str]| leaf(place, keys).map(T::items).unwrap_or_default();
    let parameters = list(&["helm", "parameters"]).into_iter();
    let parameters = parameters.chain(list(&["helm", "fileParameters"]));
    let names = parameters.filter_map(|item| item.get("name")?.scalar().text());
    let targets = list(&["valuesFrom"]).into_iter();
    let targets = targets.filter_map(|item| item.get("targetPath")?.scalar().text());
    let set = place.get("set").map(T::entries).unwrap_or_default();
    let set = set.into_iter().map(|(name, _)| name);
    helm::set::chosen(names.chain(targets).chain(set))
}

fn chart<'a, T: Tree<'a>>(place: T, (name, version): Named) -> Option<Chart> {
    let text = |keys| leaf(place, keys).and_then(|node| node.scalar().text());
    let name = text(name).filter(|name| !name.is_empty())?;
    let name = name.trim_end_matches('/').rsplit('/').next()?;
    Some(Chart::named(name, text(version)))
}

fn leaf<'a, T: Tree<'a>>(node: T, keys: &[&str]) -> Option<T> {
    keys.iter().try_fold(node, |node, key| node.get(key))
}

/// The nodes below keys, each with its place.
pub(super) fn below<'a, T: Tree<'a>>(
    node: T,
    keys: &[&'static str],
    steps: &mut Vec<Step>,
    found: &mut Vec<(T, Path)>,
) {
    match keys {
        [] => found.push((node, steps.iter().cloned().collect())),
        ["*", rest @ ..] => {
            for (index, item) in node.items().into_iter().enumerate() {
                steps.push(index.into());
                below(item, rest, steps, found);
                steps.pop();
            }
        }
        [key, rest @ ..] => {
            if let Some(value) = node.get(key) {
                steps.push((*key).into());
                below(value, rest, steps, found);
                steps.pop();
            }
        }
    }
}

/// Adds the images of values in a text, and the lines of the comments that none of them takes. Returns what the text is if it is not read.
fn in_text<'a, T: Tree<'a>>(
    node: T,
    at: &Path,
    (sites, misplaced): (&mut Vec<Site>, &mut Vec<u32>),
) -> Option<&'static str> {
    let text = node.scalar().text().unwrap_or_default();
    if text.contains("{{") {
        return Some(TEMPLATED_VALUES);
    }
    let file = match File::parse(text) {
        Ok(file) if file.refused().is_empty() => file,
        _ => return Some(BROKEN_VALUES),
    };
    if file.is_empty() {
        return None;
    }
    let mut found = Vec::new();
    values::sites(file.document(0), &Path::root(), None, &mut found);
    let document = (!found.is_empty()).then_some(0);
    let inner = misplaced::not_taken(&file, document.into_iter(), found.iter());
    misplaced.extend(lines_in_text(node, text, inner));
    let before = at.join(Step::Inside(0));
    let (is_literal, outside) = (
        node.is_verbatim(),
        InText::of(node, text, Comments::read_in_values),
    );
    for mut site in found {
        if !is_literal {
            site.hold = Some(Hold::not_literal());
        }
        site.at = before.below(site.at.steps());
        outside.tell(&mut site);
        sites.push(site);
    }
    None
}

/// The images of parameters, which stand for values: `image.tag`.
fn parameters<'a, T: Tree<'a>>(
    list: T,
    at: &Path,
    (chart, kinds): (Option<&Chart>, &Kinds),
    sites: &mut Vec<Site>,
) {
    let items = list.items();
    let mut written = Written::default();
    for (index, item) in items.iter().enumerate() {
        let name = item.get("name").and_then(|name| name.scalar().text());
        if let (Some(steps), Some(_)) = (name.and_then(helm::set::steps), item.get("value")) {
            // The last of equal names counts.
            written.put(&steps, (index, *item));
        }
    }
    let written = written.without_gaps();
    let mut found = Vec::new();
    values::sites(&written, &Path::root(), None, &mut found);
    let is_new = |site: &Site| match &site.slots {
        Slots::Parts(parts) => parts
            .digest
            .as_ref()
            .is_some_and(|slot| slot.text.is_none()),
        Slots::Whole(_) | Slots::Behind(_) => false,
    };
    for mut site in found {
        let unsettled = site.clone();
        values::settle(
            &Path::root(),
            chart,
            &kinds.helm,
            std::slice::from_mut(&mut site),
        );
        // A parameter is never added.
        if is_new(&site) && !is_new(&unsettled) {
            site = unsettled;
        }
        let place = |steps: &[Step]| written.place(&site.at.below(steps));
        let value = |slot: Slot| {
            let index = place(&slot.steps)?;
            Some((
                index,
                Slot {
                    steps: vec![index.into(), Step::from("value")],
                    ..slot
                },
            ))
        };
        let (first, slots) = match site.slots.clone() {
            Slots::Whole(steps) => {
                let index = place(&steps);
                (
                    index,
                    Slots::Whole(
                        index
                            .into_iter()
                            .flat_map(|index| [index.into(), Step::from("value")])
                            .collect(),
                    ),
                )
            }
            Slots::Behind(_) => continue,
            Slots::Parts(parts) => {
                let Parts { tag, digest } = *parts;
                let (tag, digest) = (tag.and_then(value), digest.and_then(value));
                let first = tag.as_ref().or(digest.as_ref()).map(|(index, _)| *index);
                let slots = Slots::Parts(Box::new(Parts {
                    tag: tag.map(|(_, slot)| slot),
                    digest: digest.map(|(_, slot)| slot),
                }));
                (first, slots)
            }
        };
        let Some(first) = first else {
            continue;
        };
        if let Some(name) = items[first].get("name") {
            let name = name.scalar().text().unwrap_or_default();
            name.clone_into(&mut site.name);
        }
        site.slots = slots;
        site.at = at.clone();
        sites.push(site);
    }
}

/// Parameters as the values for which they stand.
struct Written<T> {
    /// The parameter that says the value itself, with its place in the list.
    own: Option<(usize, T)>,
    below: BTreeMap<Step, Self>,
}

impl<T> Default for Written<T> {
    fn default() -> Self {
        Self {
            own: None,
            below: BTreeMap::new(),
        }
    }
}

impl<T> Written<T> {
    fn put(&mut self, steps: &[Step], parameter: (usize, T)) {
        match steps.split_first() {
            Some((first, rest)) => self
                .below
                .entry(first.clone())
                .or_default()
                .put(rest, parameter),
            None => self.own = Some(parameter),
        }
    }

    /// The same, in which items of lists follow each other, and what has items has no keys.
    fn without_gaps(self) -> Self {
        let is_item = |step: &Step| !matches!(step, Step::Key(_));
        let is_list = self.below.keys().any(is_item);
        let below = self.below.into_iter();
        let below = below.filter(|(step, _)| !is_list || is_item(step));
        let below = below.enumerate().map(|(index, (step, written))| {
            let step = if is_list { Step::Index(index) } else { step };
            (step, written.without_gaps())
        });
        Self {
            own: self.own,
            below: below.collect(),
        }
    }

    /// The parameter that says the value, where no other says more of it.
    fn leaf(&self) -> Option<&(usize, T)> {
        self.own.as_ref().filter(|_| self.below.is_empty())
    }

    /// The place of the parameter that says the value there.
    fn place(&self, at: &Path) -> Option<usize> {
        let mut steps = at.steps().iter();
        let (index, _) = steps
            .try_fold(self, |written, step| written.below.get(step))?
            .leaf()?;
        Some(*index)
    }
}

impl<'w, 'a: 'w, T: Tree<'a>> Tree<'w> for &'w Written<T> {
    fn get(self, key: &str) -> Option<Self> {
        self.below.get(&Step::Key(key.to_owned().into()))
    }

    fn items(self) -> Vec<Self> {
        let items = self.below.iter();
        let items = items.filter(|(step, _)| matches!(step, Step::Index(_)));
        items.map(|(_, item)| item).collect()
    }

    fn entries(self) -> Vec<(&'w str, Self)> {
        let entry = |(step, value): (&'w Step, Self)| match step {
            Step::Key(key) => Some((&**key, value)),
            Step::Index(_) | Step::Inside(_) => None,
        };
        self.below.iter().filter_map(entry).collect()
    }

    fn scalar(self) -> Scalar<'w> {
        let value = self.leaf().and_then(|(_, item)| item.get("value"));
        match value.map(T::scalar) {
            Some(scalar) => scalar,
            None if self.below.is_empty() => Scalar::Null,
            None => Scalar::Other("a mapping"),
        }
    }

    fn line(self) -> Option<u32> {
        self.leaf()?.1.get("value")?.line()
    }

    fn marks(self) -> Vec<(u32, Mark)> {
        let nodes = self.leaf().into_iter();
        let nodes = nodes.flat_map(|(_, item)| ["value", "name"].map(|key| item.get(key)));
        marks(nodes.flatten(), [])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::shape::{find, find_in};

    fn told(sites: &[Site]) -> Vec<String> {
        let code = |site: &Site| site.hold.as_ref().map_or("", |hold| hold.code.as_str());
        let told = |site: &Site| {
            let image = site.image.text().unwrap_or("none");
            format!("{} {image} {}", site.at, code(site))
                .trim()
                .to_owned()
        };
        sites.iter().map(told).collect()
    }

    #[test]
    fn values_stand_in_objects_of_many_kinds() {
        let image = json!({"repository": "web", "tag": "1"});
        let values = json!({"image": image});
        let text = "# x\nimage:\n  repository: web\n  tag: 1.2.3\n";
        let argo = |kind: &str, spec: Value| json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "spec": spec});
        for (object, expected) in [
            (
                json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "spec": {"values": values}}),
                "spec.values.image web:1 chart-unproven",
            ),
            (
                json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
                    "spec": {"chart": {"spec": {"chart": "app-template"}}, "values": values}}),
                "spec.values.image web:1",
            ),
            (
                json!({"apiVersion": "helm.cattle.io/v1", "kind": "HelmChart", "spec": {"valuesContent": text}}),
                "spec.valuesContent | image web:1.2.3 chart-unproven",
            ),
            (
                argo(
                    "Application",
                    json!({"source": {"helm": {"valuesObject": values}}}),
                ),
                "spec.source.helm.valuesObject.image web:1 chart-unproven",
            ),
            (
                argo(
                    "Application",
                    json!({"sources": [{}, {"chart": "app-template", "helm": {"values": text}}]}),
                ),
                "spec.sources[1].helm.values | image web:1.2.3",
            ),
            (
                argo(
                    "ApplicationSet",
                    json!({"template": {"spec": {"source": {"helm": {"valuesObject": values}}}}}),
                ),
                "spec.template.spec.source.helm.valuesObject.image web:1 chart-unproven",
            ),
            (
                argo(
                    "ApplicationSet",
                    json!({"template": {"spec": {"sources": [{"helm": {"valuesObject": values}}]}}}),
                ),
                "spec.template.spec.sources[0].helm.valuesObject.image web:1 chart-unproven",
            ),
        ] {
            let found = find(&object);
            assert_eq!(told(&found.objects[0].sites), [expected], "{object}");
            assert!(found.unhandled.is_empty());
        }
        let charts = json!({"helmCharts": [{"name": "app-template", "valuesInline": values}]});
        let found = find_in("kustomization.yaml", &charts, &Kinds::default());
        assert_eq!(
            told(&found.objects[0].sites),
            ["helmCharts[0].valuesInline.image web:1"]
        );
        let made = "image: {{ .image }}\n";
        let object = argo("Application", json!({"source": {"helm": {"values": made}}}));
        assert!(find(&object).objects.is_empty());
    }

    #[test]
    fn parameters_stand_for_values() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let read = |chart: &str, parameters: Value| {
            let source = json!({"chart": chart, "helm": {"parameters": parameters}});
            let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": {"source": source}});
            find(&object)
                .objects
                .into_iter()
                .flat_map(|object| object.sites)
                .collect::<Vec<_>>()
        };
        let plain = json!([
            {"name": "image.repository", "value": "web"},
            {"name": "other", "value": "x"},
            {"name": "image.tag", "value": "1", "forceString": true},
        ]);
        let sites = read("shop", plain.clone());
        assert_eq!(
            told(&sites),
            ["spec.source.helm.parameters web:1 chart-unproven"]
        );
        // A digest of its own would be another parameter.
        assert_eq!(told(&read("ingress-nginx", plain.clone())), told(&sites));
        let sites = read("app-template", plain);
        let changes = sites[0].write(&format!("web:1@{digest}"));
        assert_eq!(
            changes[0].at.to_string(),
            "spec.source.helm.parameters[2].value"
        );
        assert_eq!(changes[0].to.as_deref(), Some(&*format!("1@{digest}")));
        let sites = read(
            "shop",
            json!([
                {"name": "a.images[0].name", "value": "web"},
                {"name": "a.images[0].tag", "value": "1"},
                {"name": "a.images[0].digest", "value": digest},
                {"name": r"b\.c.image", "value": "web:2"},
                {"name": "image.tag", "value": "3"},
            ]),
        );
        let at = "spec.source.helm.parameters";
        assert_eq!(
            told(&sites),
            [
                format!("{at} web:1@{digest}"),
                format!("{at} web:2"),
                format!("{at} :3 name-missing"),
            ]
        );
        assert_eq!(sites[1].written_at().to_string(), format!("{at}[3].value"));
        let changes = sites[0].write("web:1@sha256:11");
        assert_eq!(changes[0].at.to_string(), format!("{at}[2].value"));
    }

    #[test]
    fn a_parameter_far_down_a_list_makes_no_long_list() {
        let name = "a[99].".repeat(14) + "image[99].tag";
        let mut written = Written::default();
        let steps = helm::set::steps(&name).unwrap();
        let parameter = json!({"value": "1"});
        written.put(&steps, (0, &parameter));
        let (written, mut depth) = (written.without_gaps(), 0);
        let mut inner = &written;
        while let Some(below) = inner.below.values().next() {
            assert_eq!((inner.below.len(), inner.items().len() <= 1), (1, true));
            (inner, depth) = (below, depth + 1);
        }
        assert_eq!((depth, inner.scalar()), (steps.len(), Scalar::Text("1")));
    }
}
