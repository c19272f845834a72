//! What `deploy/` holds: that kubectl takes it, that it grants no more than is needed, and that it runs with no more than it needs.

use std::fs;
use std::path::PathBuf;

use serde_yaml::Value;

use crate::support::apiserver::ApiServer;
use crate::support::apiserver::access::Account;
use crate::support::binary::Workplace;
use crate::support::programs;
use crate::support::registry::TestRegistry;
use crate::support::registry::http::{Request, Response, Server};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// The documents of a file in `deploy/`.
fn documents(name: &str) -> Vec<Value> {
    all(&fs::read_to_string(folder().join(name)).unwrap())
}

fn all(text: &str) -> Vec<Value> {
    use serde::Deserialize as _;
    serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap()).collect()
}

fn manifests() -> Vec<String> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml").collect();
    names.sort();
    names
}

/// As many resources of an API server as kubectl wants to know before it looks at a file.
fn discovery(request: &Request) -> Response {
    let kinds = |kinds: &[(&str, &str, bool)]| -> serde_json::Value {
        let kind = |(name, kind, namespaced): &(&str, &str, bool)| serde_json::json!({"name": name, "kind": kind, "namespaced": namespaced, "singularName": "", "verbs": ["get", "create", "patch"]});
        kinds.iter().map(kind).collect()
    };
    let resources = |group_version: &str, list: serde_json::Value| serde_json::json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list});
    let group = |name: &str| {
        let version = serde_json::json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
        serde_json::json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    let rbac = "rbac.authorization.k8s.io";
    let (status, answer) = match request.path.as_str() {
        "/api" => (200, serde_json::json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})),
        "/apis" => {
            (200, serde_json::json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("batch"), group(rbac)]}))
        }
        "/api/v1" => {
            (200, resources("v1", kinds(&[("namespaces", "Namespace", false), ("serviceaccounts", "ServiceAccount", true)])))
        }
        "/apis/batch/v1" => (200, resources("batch/v1", kinds(&[("cronjobs", "CronJob", true)]))),
        "/apis/rbac.authorization.k8s.io/v1" => {
            let list = [
                ("clusterroles", "ClusterRole", false),
                ("clusterrolebindings", "ClusterRoleBinding", false),
                ("roles", "Role", true),
                ("rolebindings", "RoleBinding", true),
            ];
            (200, resources("rbac.authorization.k8s.io/v1", kinds(&list)))
        }
        _ => (
            404,
            serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}),
        ),
    };
    Response::new(status).header("content-type", "application/json").body(answer.to_string())
}

#[test]
fn kubectl_takes_every_manifest() {
    let Some(kubectl) = programs::find("kubectl") else { return };
    let server = Server::start(None, discovery);
    let place = Workplace::new();
    let address = format!("--server=http://{}", server.address);
    for name in manifests() {
        let file = folder().join(&name);
        let arguments = [&address, "apply", "--dry-run=client", "--validate=false", "-f", file.to_str().unwrap()];
        let said = place.program(&kubectl, arguments).finish_with(0).stdout;
        let made = said.lines().filter(|line| line.ends_with(" created (dry run)")).count();
        assert_eq!(made, documents(&name).len(), "{name}: {said}");
    }
}

#[test]
fn kustomize_builds_it_as_it_is_and_with_everything_that_it_offers() {
    let Some(kubectl) = programs::find("kubectl") else { return };
    let place = Workplace::with_files_of(&folder());
    let build = || all(&place.program(&kubectl, ["kustomize", "."]).finish_with(0).stdout);
    let kinds = |documents: &[Value]| documents.iter().map(|one| one["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(&build()), ["Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "CronJob"]);

    let text = fs::read_to_string(folder().join("kustomization.yaml")).unwrap();
    let is_offer = |line: &&str| line.starts_with("#  ") || line[1..].starts_with(|first: char| first.is_ascii_lowercase());
    let offered = |line| if Some(line).filter(is_offer).is_some_and(|line| line.starts_with('#')) { &line[1..] } else { line };
    place.write("kustomization.yaml", text.lines().map(offered).collect::<Vec<_>>().join("\n"));
    let built = build();
    assert_eq!(built.len(), 7, "{:?}", kinds(&built));
    let pod = &built.iter().find(|one| one["kind"] == "CronJob").unwrap()["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["image"], "registry.example.com/tools/imago:0.1.0");
    assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/var/lib/imago/.docker");
    assert_eq!(pod["volumes"][0]["secret"]["items"][0]["path"], "config.json");
}

/// `verb group/resource` of each rule.
fn granted(name: &str) -> Vec<String> {
    let strings =
        |value: &Value| value.as_sequence().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let mut granted = Vec::new();
    for role in documents(name).iter().filter(|one| one["kind"].as_str().unwrap().ends_with("Role")) {
        for rule in role["rules"].as_sequence().unwrap() {
            for resource in strings(&rule["resources"]) {
                let verbs = strings(&rule["verbs"]).join(",");
                granted.push(format!("{verbs} {}/{resource}", strings(&rule["apiGroups"]).join(",")));
            }
        }
    }
    granted
}

#[test]
fn roles_grant_what_is_needed_and_no_more() {
    let needed = [
        "list,patch apps/deployments",
        "list,patch apps/daemonsets",
        "list,patch apps/statefulsets",
        "list,patch batch/cronjobs",
        "list /pods",
        "list apps/replicasets",
        "list batch/jobs",
    ];
    assert_eq!(granted("clusterrole.yaml"), needed);
    assert_eq!(granted("role.yaml"), needed);
    assert_eq!(granted("secrets.yaml"), ["get /secrets", "get /serviceaccounts"]);
    for name in ["clusterrole.yaml", "role.yaml", "secrets.yaml"] {
        let bound = &documents(name)[1];
        assert_eq!(bound["roleRef"]["name"], documents(name)[0]["metadata"]["name"], "{name}");
        assert_eq!(bound["subjects"][0]["name"], documents("serviceaccount.yaml")[0]["metadata"]["name"]);
        assert_eq!(bound["subjects"][0]["namespace"], documents("serviceaccount.yaml")[0]["metadata"]["namespace"]);
    }
}

#[test]
fn with_either_role_an_update_needs_nothing_that_is_not_granted() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("shop/web", "1.4", "linux/amd64", "a");
    let image = format!("{}/shop/web:1.4", registry.host());
    let job = &documents("cronjob.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let everywhere: Vec<&str> =
        job["containers"][0]["args"].as_sequence().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let in_one = vec!["cluster", "--update", "--namespace=shop"];
    for (file, namespace, arguments) in [("clusterrole.yaml", None, everywhere), ("role.yaml", Some("shop"), in_one)] {
        let labels = serde_json::json!({"app": "web"});
        let pod = serde_json::json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}});
        let web = serde_json::json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": labels}, "template": pod},
        });
        let role = serde_json::to_value(&documents(file)[0]).unwrap();
        let server = ApiServer::start().with(&[web]).account("of-imago", Account::new("imago").role(&role, namespace));
        let kubeconfig = format!("--kubeconfig={}", server.kubeconfig_file_of("of-imago", None).display());
        let place = Workplace::new();
        let run = |more: &[&str]| place.imago(arguments.iter().chain(more).chain([&kubeconfig.as_str()])).finish_with(0);
        let looked = run(&["--check-pods"]);
        assert!(!looked.stderr.contains("403") && !looked.stderr.contains("error"), "{}", looked.stderr);
        run(&[]);
        let now = &server.object("deployments", "shop", "web")["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(*now, format!("{image}@{digest}"), "{file}");
    }
}

#[test]
fn the_cron_job_runs_with_no_privilege() {
    let job = &documents("cronjob.yaml")[0]["spec"];
    assert_eq!(job["concurrencyPolicy"], "Forbid");
    let pod = &job["jobTemplate"]["spec"]["template"]["spec"];
    let (all, one) = (&pod["securityContext"], &pod["containers"][0]["securityContext"]);
    assert_eq!((&all["runAsNonRoot"], &all["runAsUser"]), (&Value::from(true), &Value::from(1000)));
    assert_eq!(all["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!((&one["allowPrivilegeEscalation"], &one["readOnlyRootFilesystem"]), (&Value::from(false), &Value::from(true)));
    assert_eq!(one["capabilities"]["drop"][0], "ALL");
    let limits = &pod["containers"][0]["resources"];
    assert!(limits["limits"]["memory"].is_string() && limits["requests"]["cpu"].is_string());
}

#[test]
fn imago_finds_its_own_image() {
    let place = Workplace::with_files_of(&folder());
    let report = place.imago(["files", "--output=json", "--exclude-image=*", "."]).finish_with(0).json();
    let found: Vec<&str> = report["workloads"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["containers"].as_array().unwrap())
        .map(|container| container["image"].as_str().unwrap())
        .collect();
    let image = documents("cronjob.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(found, [image.as_str().unwrap()]);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn the_image_has_the_home_that_the_deployment_mounts_and_its_user() {
    let dockerfile = fs::read_to_string(folder().join("../Dockerfile")).unwrap();
    let stages: Vec<&str> = dockerfile.split("\nFROM ").skip(1).collect();
    let [build, .., git, last] = &stages[..] else { panic!("{dockerfile}") };
    assert!(last.starts_with("scratch AS imago\n") && git.contains(" AS git\n") && build.contains(" AS build\n"));
    for stage in [git, last] {
        assert!(stage.contains("\nUSER 1000:1000\n") && stage.contains("\nWORKDIR /var/lib/imago\n"), "{stage}");
        assert!(stage.contains("COPY --from=build /imago "), "{stage}");
    }
    assert!(last.contains("ENV HOME=/var/lib/imago ") && last.contains("/etc/ssl/certs/ca-certificates.crt"));
    assert!(git.contains("-h /var/lib/imago "));
}
