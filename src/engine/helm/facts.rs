//! How well-known charts take digests, each with the source that shows it. All were seen by rendering the chart with and without the digest.
//!
//! A new fact is a row of [`FACTS`]. A chart that takes a digest behind the tag as well as in a key of its own is here with the first, which
//! needs no new key: the schema of many charts refuses a key that it does not know.

use super::{Chart, Takes, ValuesPath};
use crate::engine::path::Step;

/// A fact of a chart.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The chart's name.
    pub chart: &'static str,
    /// Where in its values.
    pub paths: &'static [&'static str],
    /// How it takes a digest there.
    pub takes: Takes,
    /// The first version of which it is known.
    pub since: Option<&'static str>,
    /// Where it is written.
    pub source: &'static str,
}

/// Several rows may fit: a chart may take a digest in two ways.
pub const FACTS: &[Row] = &[
    Row {
        chart: "alertmanager",
        paths: &["image", "configmapReload.image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/alertmanager/templates/statefulset.yaml#L103",
    },
    Row {
        chart: "app-template",
        paths: &["**"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/bjw-s-labs/helm-charts/blob/dfaf83d1/charts/library/common/templates/lib/container/fields/_image.tpl#L9-L14",
    },
    Row {
        chart: "argo-cd",
        paths: &[
            "server.image",
            "repoServer.image",
            "controller.image",
            "applicationSet.image",
            "notifications.image",
            "commitServer.image",
            "dex.image",
            "redis.image",
            "redis.exporter.image",
        ],
        takes: Takes::InTag,
        since: Some("5.4.0"),
        source: "https://github.com/argoproj/argo-helm/blob/af0a9310/charts/argo-cd/templates/_common.tpl#L35-L56",
    },
    Row {
        chart: "argo-rollouts",
        paths: &["controller.image", "dashboard.image"],
        takes: Takes::InTag,
        since: Some("2.21.3"),
        source: "https://github.com/argoproj/argo-helm/blob/af0a9310/charts/argo-rollouts/templates/_helpers.tpl#L45",
    },
    Row {
        chart: "argo-workflows",
        paths: &["server.image"],
        takes: Takes::InTag,
        since: Some("0.22.3"),
        source: "https://github.com/argoproj/argo-helm/blob/af0a9310/charts/argo-workflows/templates/server/server-deployment.yaml",
    },
    // Before, the tag was in a label of the controller's Service.
    Row {
        chart: "argo-workflows",
        paths: &["controller.image"],
        takes: Takes::InTag,
        since: Some("0.39.2"),
        source: "https://github.com/argoproj/argo-helm/blob/af0a9310/charts/argo-workflows/templates/controller/workflow-controller-deployment.yaml#L47",
    },
    Row {
        chart: "cert-manager",
        paths: &[
            "image",
            "webhook.image",
            "cainjector.image",
            "acmesolver.image",
            "startupapicheck.image",
        ],
        takes: Takes::InTag,
        since: Some("1.0.2"),
        source: "https://github.com/cert-manager/cert-manager/blob/2d0d7f7f74241a9cbf79f0e2a7bb247238ee09fd/deploy/charts/cert-manager/templates/_helpers.tpl#L233-L239",
    },
    Row {
        chart: "cilium",
        paths: &["**.image"],
        takes: Takes::Digest,
        since: Some("1.12.0"),
        source: "https://github.com/cilium/charts/blob/master/cilium-1.18.0.tgz",
    },
    Row {
        chart: "cloudnative-pg",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/cloudnative-pg/charts/blob/b21ad2d/charts/cloudnative-pg/templates/deployment.yaml#L85",
    },
    Row {
        chart: "cluster-autoscaler",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("9.51.0"),
        source: "https://github.com/kubernetes/autoscaler/blob/55c37cd5/cluster-autoscaler/charts/cluster-autoscaler/templates/deployment.yaml#L63",
    },
    Row {
        chart: "descheduler",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/kubernetes-sigs/descheduler/blob/7d2b28bf2/charts/descheduler/templates/deployment.yaml#L58",
    },
    Row {
        chart: "external-dns",
        paths: &["image", "provider.webhook.image"],
        takes: Takes::InTag,
        since: Some("1.2.0"),
        source: "https://github.com/kubernetes-sigs/external-dns/blob/2bf1bf8af2b70f23579f9147c1f7e9394f7f83d5/charts/external-dns/templates/_helpers.tpl#L80-L82",
    },
    Row {
        chart: "external-secrets",
        paths: &["image", "webhook.image", "certController.image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/external-secrets/external-secrets/blob/cc5bfbc2234ace9cb0caff4ea89c435cf517b27b/deploy/charts/external-secrets/templates/_helpers.tpl#L197-L199",
    },
    Row {
        chart: "fluent-bit",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/fluent/helm-charts/blob/5b81bf7a/charts/fluent-bit/templates/_helpers.tpl#L69-L71",
    },
    Row {
        chart: "grafana",
        paths: &[
            "image",
            "sidecar.image",
            "initChownData.image",
            "downloadDashboardsImage",
        ],
        takes: Takes::ShaDigits,
        since: Some("6.45.1"),
        source: "https://github.com/grafana-community/helm-charts/blob/3386a1156177c6bcd7fdb1ad4c6b1dda094296e0/charts/grafana/templates/_pod.tpl#L1247-L1250",
    },
    Row {
        chart: "grafana",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("6.51.1"),
        source: "https://github.com/grafana-community/helm-charts/blob/3386a1156177c6bcd7fdb1ad4c6b1dda094296e0/charts/grafana/templates/_helpers.tpl#L71",
    },
    Row {
        chart: "grafana",
        paths: &[
            "sidecar.image",
            "initChownData.image",
            "downloadDashboardsImage",
        ],
        takes: Takes::InTag,
        since: Some("6.45.1"),
        source: "https://github.com/grafana-community/helm-charts/blob/3386a1156177c6bcd7fdb1ad4c6b1dda094296e0/charts/grafana/templates/_pod.tpl#L43-L46",
    },
    Row {
        chart: "ingress-nginx",
        paths: &[
            "controller.image",
            "controller.admissionWebhooks.patch.image",
        ],
        takes: Takes::Digest,
        since: Some("2.11.1"),
        source: "https://github.com/kubernetes/ingress-nginx/blob/dbb11b92d/charts/ingress-nginx/templates/_helpers.tpl#L70-L95",
    },
    Row {
        chart: "ingress-nginx",
        paths: &["defaultBackend.image"],
        takes: Takes::InTag,
        since: Some("2.11.1"),
        source: "https://github.com/kubernetes/ingress-nginx/blob/dbb11b92d/charts/ingress-nginx/templates/default-backend-deployment.yaml",
    },
    Row {
        chart: "keda",
        paths: &["image.keda", "image.metricsApiServer", "image.webhooks"],
        takes: Takes::InTag,
        since: Some("2.20.2"),
        source: "https://github.com/kedacore/charts/blob/1444d00/keda/templates/manager/deployment.yaml#L74",
    },
    Row {
        chart: "kube-prometheus-stack",
        paths: &["prometheus.prometheusSpec.image"],
        takes: Takes::ShaDigits,
        since: Some("18.1.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-prometheus-stack/templates/prometheus/prometheus.yaml#L54-L58",
    },
    Row {
        chart: "kube-prometheus-stack",
        paths: &["alertmanager.alertmanagerSpec.image"],
        takes: Takes::ShaDigits,
        since: Some("28.1.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-prometheus-stack/templates/alertmanager/alertmanager.yaml#L20-L32",
    },
    Row {
        chart: "kube-prometheus-stack",
        paths: &["thanosRuler.thanosRulerSpec.image"],
        takes: Takes::ShaDigits,
        since: Some("40.0.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-prometheus-stack/templates/thanos-ruler/ruler.yaml#L17-L27",
    },
    Row {
        chart: "kube-prometheus-stack",
        paths: &[
            "prometheusOperator.image",
            "prometheusOperator.prometheusConfigReloader.image",
            "prometheusOperator.thanosImage",
            "prometheusOperator.admissionWebhooks.deployment.image",
            "prometheusOperator.admissionWebhooks.patch.image",
        ],
        takes: Takes::ShaDigits,
        since: Some("40.0.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-prometheus-stack/templates/prometheus-operator/deployment.yaml#L53-L56",
    },
    Row {
        chart: "kube-prometheus-stack",
        paths: &["prometheus-node-exporter.image"],
        takes: Takes::Nothing,
        since: Some("85.0.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-prometheus-stack/values.yaml",
    },
    Row {
        chart: "kube-state-metrics",
        paths: &["image", "kubeRBACProxy.image"],
        takes: Takes::Sha,
        since: Some("5.0.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-state-metrics/templates/_helpers.tpl#L142-L156",
    },
    Row {
        chart: "kube-state-metrics",
        paths: &["image", "kubeRBACProxy.image"],
        takes: Takes::InTag,
        since: Some("0.2.4"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/kube-state-metrics/templates/_helpers.tpl#L187-L195",
    },
    Row {
        chart: "kured",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("4.0.0"),
        source: "https://github.com/kubereboot/charts/blob/8927217/charts/kured/templates/daemonset.yaml#L58",
    },
    Row {
        chart: "loki",
        paths: &["loki.image"],
        takes: Takes::Digest,
        since: Some("5.5.1"),
        source: "https://github.com/grafana/loki/blob/65e30f8488e8a5ea2013c6881675f8103a8f6bc7/production/helm/loki/templates/_helpers.tpl#L139",
    },
    Row {
        chart: "loki",
        paths: &[
            "gateway.image",
            "lokiCanary.image",
            "memcached.image",
            "memcachedExporter.image",
        ],
        takes: Takes::InTag,
        since: Some("7.3.0"),
        source: "https://github.com/grafana/loki/blob/65e30f8488e8a5ea2013c6881675f8103a8f6bc7/production/helm/loki/templates/_helpers.tpl#L176-L178",
    },
    Row {
        chart: "metrics-server",
        paths: &["image", "addonResizer.image"],
        takes: Takes::InTag,
        since: Some("3.5.0"),
        source: "https://github.com/kubernetes-sigs/metrics-server/blob/5ed5d3a2cf940a8c7541cfbac19af822f4c97844/charts/metrics-server/templates/_helpers.tpl#L78",
    },
    Row {
        chart: "nextcloud",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("2.0.0"),
        source: "https://github.com/nextcloud/helm/blob/c968d8b/charts/nextcloud/templates/_helpers.tpl#L45",
    },
    Row {
        chart: "node-feature-discovery",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("0.11.3"),
        source: "https://github.com/kubernetes-sigs/node-feature-discovery/blob/76e6cc8cc/deployment/helm/node-feature-discovery/templates/master.yaml#L60",
    },
    Row {
        chart: "opentelemetry-collector",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/open-telemetry/opentelemetry-helm-charts/blob/dd5665c0/charts/opentelemetry-collector/templates/_pod.tpl#L53-L56",
    },
    Row {
        chart: "prometheus",
        paths: &["server.image", "configmapReload.prometheus.image"],
        takes: Takes::InTag,
        since: Some("29.27.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus/templates/deploy.yaml#L105-L108",
    },
    Row {
        chart: "prometheus-adapter",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-adapter/templates/deployment.yaml#L55",
    },
    Row {
        chart: "prometheus-blackbox-exporter",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-blackbox-exporter/templates/_helpers.tpl#L83-L84",
    },
    Row {
        chart: "prometheus-node-exporter",
        paths: &["image"],
        takes: Takes::Digest,
        since: Some("4.16.0"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-node-exporter/templates/_helpers.tpl#L77-L92",
    },
    Row {
        chart: "prometheus-node-exporter",
        paths: &["kubeRBACProxy.image"],
        takes: Takes::ShaDigits,
        since: Some("4.56.1"),
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-node-exporter/templates/daemonset.yaml#L266-L270",
    },
    Row {
        chart: "prometheus-pushgateway",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-pushgateway/templates/_helpers.tpl#L138",
    },
    Row {
        chart: "prometheus-smartctl-exporter",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-smartctl-exporter/templates/daemonset.yaml#L47",
    },
    Row {
        chart: "prometheus-snmp-exporter",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/prometheus-community/helm-charts/blob/cf408a290aec489277a94450bb3511432477a53a/charts/prometheus-snmp-exporter/templates/deployment.yaml#L53",
    },
    Row {
        chart: "promtail",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/grafana/helm-charts/tree/7a0ab9689/charts/promtail",
    },
    Row {
        chart: "reloader",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("2.2.16"),
        source: "https://github.com/stakater/Reloader/blob/655a2b38/deployments/kubernetes/chart/reloader/templates/deployment.yaml#L88-L94",
    },
    Row {
        chart: "rook-ceph",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("1.8.1"),
        source: "https://github.com/rook/rook/blob/d0c3b9ce6/deploy/charts/rook-ceph/templates/deployment.yaml#L45",
    },
    Row {
        chart: "snapshot-controller",
        paths: &["controller.image"],
        takes: Takes::InTag,
        since: Some("2.1.1"),
        source: "https://github.com/piraeusdatastore/helm-charts/blob/5d733d8/charts/snapshot-controller/templates/deployment_controller.yaml#L38",
    },
    Row {
        chart: "spegel",
        paths: &["image"],
        takes: Takes::InTag,
        since: None,
        source: "https://github.com/spegel-org/spegel/blob/b8c715acc/charts/spegel/templates/_helpers.tpl#L84-L88",
    },
    Row {
        chart: "tempo",
        paths: &["tempo"],
        takes: Takes::InTag,
        since: Some("1.7.1"),
        source: "https://github.com/grafana-community/helm-charts/blob/3386a115/charts/tempo/templates/_helpers.tpl#L52",
    },
    // Before, templates for ingress classes, gateways and ports compared the whole tag with versions.
    Row {
        chart: "traefik",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("29.0.1"),
        source: "https://github.com/traefik/traefik-helm-chart/blob/a8a66d0098703627b2cf352c66b1725c196a734a/traefik/templates/_helpers.tpl#L62-L65",
    },
    Row {
        chart: "vault",
        paths: &["server.image", "injector.image"],
        takes: Takes::InTag,
        since: Some("0.3.2"),
        source: "https://github.com/hashicorp/vault-helm/blob/aa1c92e4/templates/server-statefulset.yaml#L79",
    },
    Row {
        chart: "velero",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("4.1.1"),
        source: "https://github.com/vmware-tanzu/helm-charts/blob/73466ca/charts/velero/templates/deployment.yaml",
    },
    Row {
        chart: "volsync",
        paths: &["image"],
        takes: Takes::InTag,
        since: Some("0.4.0"),
        source: "https://github.com/backube/volsync/blob/5ca54dab/helm/volsync/templates/_helpers.tpl#L75",
    },
];

/// Images of which a chart compares the whole tag with versions, so that what is known of the chart is not true of them. Each is the chart
/// and the last part of the image's name.
const OTHERS: &[(&str, &str)] = &[("traefik", "traefik-hub")];

/// The charts that a chart brings, each with the key of its values.
const PARTS: &[(&str, &[&str])] = &[
    (
        "kube-prometheus-stack",
        &["grafana", "kube-state-metrics", "prometheus-node-exporter"],
    ),
    (
        "prometheus",
        &[
            "alertmanager",
            "kube-state-metrics",
            "prometheus-node-exporter",
            "prometheus-pushgateway",
        ],
    ),
];

/// The ways in which a chart takes the digest of the image of this name at a place of its values.
pub(super) fn of(chart: &Chart, at: &[Step], image: &str) -> Vec<Takes> {
    let last = image.rsplit('/').next().unwrap_or(image);
    if OTHERS.contains(&(&*chart.name, last)) {
        return Vec::new();
    }
    let fits = |row: &&Row| {
        let mut paths = row
            .paths
            .iter()
            .filter_map(|path| path.parse::<ValuesPath>().ok());
        row.chart == chart.name
            && chart.is_since(row.since)
            && paths.any(|path| path.leads_to(at))
            && chart.is_from(row.source)
    };
    let own: Vec<Takes> = FACTS.iter().filter(fits).map(|row| row.takes).collect();
    let part = || {
        // What a chart of the tree brings, it says itself.
        if chart.origins.is_some() {
            return None;
        }
        let (Step::Key(first), below) = at.split_first()? else {
            return None;
        };
        let parts = PARTS.iter().filter(|(name, _)| *name == chart.name);
        let mut parts = parts.flat_map(|(_, parts)| *parts);
        let part = parts.find(|part| *part == first)?;
        Some(of(&Chart::named(part, None), below, image))
    };
    match own.is_empty() {
        true => part().unwrap_or_default(),
        false => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_is_found_by_its_chart_and_its_path() {
        for row in FACTS {
            assert!(row.source.starts_with("https://"));
            for path in row.paths {
                assert_eq!(path.parse::<ValuesPath>().unwrap().to_string(), *path);
                let keys = path
                    .split('.')
                    .map(|key| if key.starts_with('*') { "x" } else { key });
                let steps: Vec<Step> = keys.map(|key| Step::Key(key.to_owned().into())).collect();
                let known = |version| of(&Chart::named(row.chart, version), &steps, "web");
                assert!(known(None).contains(&row.takes), "{} {path}", row.chart);
                if row.since.is_some() {
                    assert!(known(row.since).contains(&row.takes));
                    assert!(!known(Some("0.0.1")).contains(&row.takes));
                }
                assert!(of(&Chart::named("other", None), &steps, "web").is_empty());
            }
        }
        assert!(FACTS.is_sorted_by_key(|row| row.chart));
    }

    #[test]
    fn a_chart_that_another_one_brings_has_its_own_facts() {
        let stack = |version| Chart::named("kube-prometheus-stack", Some(version));
        let of = |version, keys: &[&'static str]| {
            let steps: Vec<Step> = keys.iter().map(|key| Step::from(*key)).collect();
            super::of(&stack(version), &steps, "web")
        };
        assert_eq!(
            of("80.0.0", &["prometheusOperator", "image"]),
            [Takes::ShaDigits]
        );
        assert_eq!(
            of("80.0.0", &["kube-state-metrics", "image"]),
            [Takes::Sha, Takes::InTag]
        );
        assert_eq!(
            of("80.0.0", &["grafana", "image"]),
            [Takes::ShaDigits, Takes::InTag]
        );
        // Its own values say `distroless` from this version on.
        let node_exporter = ["prometheus-node-exporter", "image"];
        assert_eq!(of("84.0.0", &node_exporter), [Takes::Digest]);
        assert_eq!(of("85.0.0", &node_exporter), [Takes::Nothing]);
        assert!(of("80.0.0", &["other", "image"]).is_empty());
    }

    #[test]
    fn a_chart_that_compares_the_tag_of_an_image_with_versions_is_not_known_to_take_its_digest() {
        let proxy =
            |version, image| of(&Chart::named("traefik", version), &["image".into()], image);
        assert_eq!(proxy(Some("39.0.0"), "docker.io/traefik"), [Takes::InTag]);
        assert!(proxy(Some("39.0.0"), "ghcr.io/traefik/traefik-hub").is_empty());
        // Its template for ingress classes compared the tag with `>=2.3.0`, digest and all.
        assert!(proxy(Some("12.0.3"), "traefik").is_empty());
    }

    #[test]
    fn a_chart_of_the_tree_is_known_by_its_name_and_by_where_it_comes_from() {
        let chart = |origins: &[&str]| Chart {
            origins: Some(origins.iter().map(|origin| (*origin).to_owned()).collect()),
            ..Chart::named("vault", Some("0.30.0"))
        };
        let at = [Step::from("server"), "image".into()];
        let of = |origins| of(&chart(origins), &at, "vault");
        assert_eq!(
            of(&["hashicorp/vault", "hashicorp/vault-helm"]),
            [Takes::InTag]
        );
        assert!(of(&["hashicorp/vault"]).is_empty());
        assert!(of(&[]).is_empty());
    }
}
