//! Checks `deploy/`: kubectl accepts it, it grants no more rights than needed, and it runs with no more than it needs.

use std::fs;
use std::path::PathBuf;

use serde_yaml::Value;

use crate::support::apiserver::ApiServer;
use crate::support::apiserver::access::Account;
use crate::support::binary::{Workplace, files};
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
    serde_yaml::Deserializer::from_str(text)
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn manifests() -> Vec<String> {
    let names = files(&folder()).into_keys();
    names
        .filter(|name| name.ends_with(".yaml") && !name.ends_with("kustomization.yaml"))
        // A list of repositories, for imago alone.
        .filter(|name| name != "fleet/fleet.yaml")
        .collect()
}

/// The discovery answers that kubectl needs before it reads a file.
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
        "/api" => (
            200,
            serde_json::json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ),
        "/apis" => (
            200,
            serde_json::json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("batch"), group(rbac), group("admissionregistration.k8s.io")]}),
        ),
        "/api/v1" => (
            200,
            resources(
                "v1",
                kinds(&[
                    ("namespaces", "Namespace", false),
                    ("serviceaccounts", "ServiceAccount", true),
                ]),
            ),
        ),
        "/apis/admissionregistration.k8s.io/v1" => {
            let list = [
                (
                    "validatingadmissionpolicies",
                    "ValidatingAdmissionPolicy",
                    false,
                ),
                (
                    "validatingadmissionpolicybindings",
                    "ValidatingAdmissionPolicyBinding",
                    false,
                ),
            ];
            (
                200,
                resources("admissionregistration.k8s.io/v1", kinds(&list)),
            )
        }
        "/apis/batch/v1" => (
            200,
            resources("batch/v1", kinds(&[("cronjobs", "CronJob", true)])),
        ),
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
    Response::new(status)
        .header("content-type", "application/json")
        .body(answer.to_string())
}

#[test]
fn kubectl_takes_every_manifest() {
    let Some(kubectl) = programs::find("kubectl") else {
        return;
    };
    let server = Server::start(None, discovery);
    let place = Workplace::new();
    let address = format!("--server=http://{}", server.address);
    for name in manifests() {
        let file = folder().join(&name);
        let arguments = [
            &address,
            "apply",
            "--dry-run=client",
            "--validate=false",
            "-f",
            file.to_str().unwrap(),
        ];
        let said = place.program(&kubectl, arguments).finish_with(0).stdout;
        let made = said
            .lines()
            .filter(|line| line.ends_with(" created (dry run)"))
            .count();
        assert_eq!(made, documents(&name).len(), "{name}: {said}");
    }
}

/// A folder of `deploy/` as kubectl builds it.
fn built(kubectl: &std::path::Path, place: &Workplace, name: &str) -> Vec<Value> {
    all(&place
        .program(kubectl, ["kustomize", name])
        .finish_with(0)
        .stdout)
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> &'d Value {
    documents
        .iter()
        .find(|one| one["kind"] == kind)
        .unwrap_or_else(|| panic!("there is no {kind}"))
}

#[test]
fn kustomize_builds_it_as_it_is_and_with_everything_that_it_offers() {
    let Some(kubectl) = programs::find("kubectl") else {
        return;
    };
    let place = Workplace::with_files_of(&folder());
    let kinds = |documents: &[Value]| {
        let mut kinds: Vec<String> = documents
            .iter()
            .map(|one| one["kind"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds.join(" ")
    };
    let policy = "ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding";
    let plain = built(&kubectl, &place, ".");
    assert_eq!(
        kinds(&plain),
        format!("ClusterRole ClusterRoleBinding CronJob Namespace ServiceAccount {policy}")
    );
    for one in &plain {
        let is_namespaced = matches!(one["kind"].as_str(), Some("CronJob" | "ServiceAccount"));
        assert_eq!(
            one["metadata"]["namespace"].as_str(),
            is_namespaced.then_some("imago"),
            "{one:?}"
        );
    }
    for name in ["kustomization.yaml", "base/kustomization.yaml"] {
        let text = fs::read_to_string(folder().join(name)).unwrap();
        let is_offer = |line: &&str| {
            line.starts_with("#  ")
                || line[1..].starts_with(|first: char| first.is_ascii_lowercase())
        };
        let offered = |line| {
            if Some(line)
                .filter(is_offer)
                .is_some_and(|line| line.starts_with('#'))
            {
                &line[1..]
            } else {
                line
            }
        };
        place.write(
            name,
            text.lines().map(offered).collect::<Vec<_>>().join("\n"),
        );
    }
    let full = built(&kubectl, &place, ".");
    assert_eq!(full.len(), plain.len() + 2, "{}", kinds(&full));
    let pod = &of_kind(&full, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let image = pod["containers"][0]["image"].as_str().unwrap();
    assert!(
        image.starts_with("ghcr.io/owner/imago") && image.contains("@sha256:"),
        "a digest: {image}"
    );
    assert_eq!(
        pod["containers"][0]["volumeMounts"][0]["mountPath"],
        "/var/lib/imago/.docker"
    );
    assert_eq!(
        pod["volumes"][0]["secret"]["items"][0]["path"],
        "config.json"
    );
}

#[test]
fn the_overlay_for_one_namespace_keeps_its_role_there_and_grants_nothing_elsewhere() {
    let Some(kubectl) = programs::find("kubectl") else {
        return;
    };
    let place = Workplace::with_files_of(&folder());
    let documents = built(&kubectl, &place, "one-namespace");
    for kind in ["Role", "RoleBinding"] {
        assert_eq!(of_kind(&documents, kind)["metadata"]["namespace"], "shop");
    }
    assert_eq!(
        of_kind(&documents, "RoleBinding")["subjects"][0]["namespace"],
        "imago"
    );
    assert!(
        documents
            .iter()
            .all(|one| one["kind"] != "ClusterRole" && one["kind"] != "ClusterRoleBinding")
    );
    let job = of_kind(&documents, "CronJob");
    assert_eq!(job["metadata"]["namespace"], "imago");
    let arguments =
        &job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(
        arguments,
        &serde_yaml::from_str::<Value>("[cluster, --update, --namespace=shop]").unwrap()
    );
    of_kind(&documents, "ValidatingAdmissionPolicy");
}

#[test]
fn each_role_is_bound_to_the_account_in_whichever_namespace_it_is() {
    let Some(kubectl) = programs::find("kubectl") else {
        return;
    };
    let place = Workplace::with_files_of(&folder());
    let base = fs::read_to_string(folder().join("base/kustomization.yaml")).unwrap();
    let base = base.replace("\nnamespace: imago\n", "\nnamespace: ops\n");
    place.write("base/kustomization.yaml", base);
    let whole = fs::read_to_string(folder().join("kustomization.yaml")).unwrap();
    place.write(
        "kustomization.yaml",
        whole.replace("#  - secrets", "  - secrets"),
    );
    for (name, bindings) in [(".", 2), ("one-namespace", 1)] {
        let documents = built(&kubectl, &place, name);
        let account = &of_kind(&documents, "ServiceAccount")["metadata"];
        assert_eq!(account["namespace"], "ops", "{name}");
        let bound = documents.iter().filter(|one| one.get("subjects").is_some());
        let bound: Vec<&Value> = bound.map(|one| &one["subjects"][0]["namespace"]).collect();
        assert_eq!(bound, vec!["ops"; bindings], "{name}");
    }
}

#[test]
fn imago_does_not_follow_its_own_tag() {
    let place = Workplace::with_files_of(&folder());
    place.write("imago.lock", "{\"version\":1,\"images\":{}}\n");
    let report = place
        .imago(["files", "--offline", "--update", "--output=json", "."])
        .finish_with(0)
        .json();
    let outcome = &report["objects"][0]["images"][0]["outcome"];
    assert_eq!(
        (outcome.as_str(), &report["files_changed"]),
        (Some("ignored"), &serde_json::json!([]))
    );
}

/// What limits the account beyond its role: each expression stands for one thing that a patch may not change.
#[test]
fn the_policy_holds_the_account_to_images_and_its_two_annotations() {
    let documents = documents("policy/policy.yaml");
    let (policy, binding) = (&documents[0]["spec"], &documents[1]["spec"]);
    assert_eq!(
        documents[0]["apiVersion"],
        "admissionregistration.k8s.io/v1"
    );
    assert_eq!(
        (&policy["failurePolicy"], &binding["validationActions"][0]),
        (&Value::from("Fail"), &Value::from("Deny"))
    );
    assert_eq!(binding["policyName"], documents[0]["metadata"]["name"]);
    // It applies to everything that the roles let the account patch.
    let strings = |value: &Value| -> Vec<String> {
        value
            .as_sequence()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect()
    };
    let mut held = Vec::new();
    for rule in policy["matchConstraints"]["resourceRules"]
        .as_sequence()
        .unwrap()
    {
        assert_eq!(strings(&rule["operations"]), ["CREATE", "UPDATE"]);
        assert_eq!(strings(&rule["apiVersions"]), ["*"]);
        held.extend(
            strings(&rule["resources"])
                .iter()
                .map(|one| format!("list,patch {}/{one}", strings(&rule["apiGroups"])[0])),
        );
    }
    for name in ["clusterrole.yaml", "one-namespace/role.yaml"] {
        let patched: Vec<String> = granted(name)
            .into_iter()
            .filter(|one| one.contains("patch"))
            .collect();
        assert_eq!(held, patched, "{name}");
    }
    let account = &self::documents("base/serviceaccount.yaml")[0]["metadata"]["name"];
    let who = policy["matchConditions"][0]["expression"].as_str().unwrap();
    assert_eq!(policy["matchConditions"].as_sequence().unwrap().len(), 1);
    assert!(
        who.ends_with(&format!("[^:]+:{}$')", account.as_str().unwrap())),
        "{who}"
    );
    // What each level leaves free is exactly what patches change.
    let expressions: Vec<&str> = policy["validations"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|one| {
            assert!(one["message"].as_str().unwrap().starts_with("imago may "));
            one["expression"].as_str().unwrap()
        })
        .collect();
    let all = expressions.join("\n");
    let free: std::collections::BTreeSet<&str> = all
        .match_indices("k in [")
        .map(|(at, _)| &all[at + 5..at + all[at..].find(']').unwrap() + 1])
        .collect();
    let expected = [
        "['annotations', 'generation', 'managedFields', 'resourceVersion']",
        "['annotations']",
        "['containers', 'initContainers', 'volumes']",
        "['imago-config-spec']",
        "['imago/restartedAt']",
        "['metadata', 'spec']",
        "['spec']",
        "['template', 'jobTemplate']",
        "['template']",
    ];
    assert_eq!(free.into_iter().collect::<Vec<_>>(), expected);
    assert!(
        all.contains("k == 'image' ||") && all.contains("c.image.find("),
        "{all}"
    );
    // Of a volume: the reference of its image.
    assert!(
        all.contains("k == 'reference' ||")
            && all.contains("v.image.reference.find(")
            && all.contains("has(v.image) == has(o.image)")
            && all.contains("o.image.all(k, k in v.image)"),
        "{all}"
    );
    assert!(!all.contains("true ||") && expressions.len() == 14);
    for text in &expressions {
        let count = |wanted: char| text.matches(wanted).count();
        assert_eq!((count('('), count('[')), (count(')'), count(']')), "{text}");
    }
}

/// `verb group/resource` of each rule.
fn granted(name: &str) -> Vec<String> {
    let strings = |value: &Value| {
        value
            .as_sequence()
            .unwrap()
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let mut granted = Vec::new();
    for role in documents(name)
        .iter()
        .filter(|one| one["kind"].as_str().unwrap().ends_with("Role"))
    {
        for rule in role["rules"].as_sequence().unwrap() {
            for resource in strings(&rule["resources"]) {
                let verbs = strings(&rule["verbs"]).join(",");
                granted.push(format!(
                    "{verbs} {}/{resource}",
                    strings(&rule["apiGroups"]).join(",")
                ));
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
    assert_eq!(granted("one-namespace/role.yaml"), needed);
    assert_eq!(
        granted("secrets.yaml"),
        ["get /secrets", "get /serviceaccounts"]
    );
    for name in [
        "clusterrole.yaml",
        "one-namespace/role.yaml",
        "secrets.yaml",
    ] {
        let bound = &documents(name)[1];
        assert_eq!(
            bound["roleRef"]["name"],
            documents(name)[0]["metadata"]["name"],
            "{name}"
        );
        assert_eq!(
            bound["subjects"][0]["name"],
            documents("base/serviceaccount.yaml")[0]["metadata"]["name"]
        );
        assert_eq!(
            bound["subjects"][0]["namespace"],
            documents("base/serviceaccount.yaml")[0]["metadata"]["namespace"]
        );
    }
}

#[test]
fn with_either_role_an_update_needs_nothing_that_is_not_granted() {
    let registry = TestRegistry::start();
    let digest = registry.push_image("shop/web", "1.4", "linux/amd64", "a");
    let image = format!("{}/shop/web:1.4", registry.host());
    let job = &documents("base/cronjob.yaml")[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let everywhere: Vec<&str> = job["containers"][0]["args"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect();
    let in_one = vec!["cluster", "--update", "--namespace=shop"];
    for (file, namespace, arguments) in [
        ("clusterrole.yaml", None, everywhere),
        ("one-namespace/role.yaml", Some("shop"), in_one),
    ] {
        let labels = serde_json::json!({"app": "web"});
        let pod = serde_json::json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}});
        let web = serde_json::json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"selector": {"matchLabels": labels}, "template": pod},
        });
        let role = serde_json::to_value(&documents(file)[0]).unwrap();
        let server = ApiServer::start()
            .with(&[web])
            .account("of-imago", Account::new("imago").role(&role, namespace));
        let kubeconfig = format!(
            "--kubeconfig={}",
            server.kubeconfig_file_of("of-imago", None).display()
        );
        let place = Workplace::new();
        let run = |more: &[&str]| {
            place
                .imago(arguments.iter().chain(more).chain([&kubeconfig.as_str()]))
                .finish_with(0)
        };
        let looked = run(&["--check-pods"]);
        assert!(
            !looked.stderr.contains("403") && !looked.stderr.contains("error"),
            "{}",
            looked.stderr
        );
        run(&[]);
        let now = &server.object("deployments", "shop", "web")["spec"]["template"]["spec"]["containers"]
            [0]["image"];
        assert_eq!(*now, format!("{image}@{digest}"), "{file}");
    }
}

#[test]
fn the_cron_job_runs_with_no_privilege() {
    for name in ["base/cronjob.yaml", "fleet/cronjob.yaml"] {
        runs_with_no_privilege(&documents(name)[0]["spec"]);
    }
}

fn runs_with_no_privilege(job: &Value) {
    assert_eq!(job["concurrencyPolicy"], "Forbid");
    let pod = &job["jobTemplate"]["spec"]["template"]["spec"];
    let (all, one) = (
        &pod["securityContext"],
        &pod["containers"][0]["securityContext"],
    );
    assert_eq!(
        (&all["runAsNonRoot"], &all["runAsUser"]),
        (&Value::from(true), &Value::from(1000))
    );
    assert_eq!(all["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(
        (
            &one["allowPrivilegeEscalation"],
            &one["readOnlyRootFilesystem"]
        ),
        (&Value::from(false), &Value::from(true))
    );
    assert_eq!(one["capabilities"]["drop"][0], "ALL");
    let limits = &pod["containers"][0]["resources"];
    assert!(limits["limits"]["memory"].is_string() && limits["requests"]["cpu"].is_string());
}

/// What one number has to be in three places: a part of the fleet without a pod would never be worked on.
#[test]
fn the_fleet_has_a_pod_for_each_part_and_no_rights_in_the_cluster() {
    let names = files(&folder().join("fleet")).into_keys();
    let names = names.filter(|name| name != "fleet.yaml" && name != "kustomization.yaml");
    let all: Vec<Value> = names
        .flat_map(|name| documents(&format!("fleet/{name}")))
        .collect();
    let kinds: Vec<&str> = all
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["CronJob", "Namespace", "ServiceAccount"]);
    let job = &of_kind(&all, "CronJob")["spec"]["jobTemplate"]["spec"];
    let pod = &job["template"]["spec"];
    let variables = pod["containers"][0]["env"].as_sequence().unwrap();
    let variable = |name: &str| variables.iter().find(|one| one["name"] == name).unwrap();
    let shards = variable("IMAGO_SHARDS")["value"].as_str().unwrap();
    for key in ["completions", "parallelism"] {
        assert_eq!(job[key].as_u64(), shards.parse().ok(), "{key}");
    }
    assert_eq!(job["completionMode"], "Indexed");
    // One pod that fails must not end the others.
    assert_eq!(job["backoffLimitPerIndex"], 0);
    assert!(job["backoffLimit"].is_null());
    // A pod that its node lost is no failure, which the limit would not let start again.
    let rule = &job["podFailurePolicy"]["rules"][0];
    assert_eq!(
        (&rule["action"], &pod["restartPolicy"]),
        (&"Ignore".into(), &"Never".into())
    );
    assert_eq!(rule["onPodConditions"][0]["type"], "DisruptionTarget");
    for key in ["activeDeadlineSeconds", "ttlSecondsAfterFinished"] {
        assert!(job[key].as_u64().is_some(), "{key}");
    }
    assert_eq!(
        variable("IMAGO_GIT_TOKEN")["valueFrom"]["secretKeyRef"]["key"],
        "git-token"
    );
    let account = of_kind(&all, "ServiceAccount");
    assert_eq!(pod["serviceAccountName"], account["metadata"]["name"]);
    for one in [pod, account] {
        assert_eq!(one["automountServiceAccountToken"], false);
    }
    let mounts = pod["containers"][0]["volumeMounts"].as_sequence().unwrap();
    let writable: Vec<&Value> = mounts
        .iter()
        .filter(|one| one["readOnly"].is_null())
        .collect();
    assert_eq!(writable.len(), 1);
    assert_eq!(writable[0]["mountPath"], "/tmp");
}

#[test]
fn the_list_and_the_arguments_of_the_fleet_are_those_that_imago_takes() {
    let documents = documents("fleet/cronjob.yaml");
    let container =
        &documents[0]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0];
    let list = folder().join("fleet/fleet.yaml");
    let words = container["args"].as_sequence().unwrap().iter();
    let words = words.map(|word| match word.as_str().unwrap() {
        "/etc/imago/fleet.yaml" => list.to_str().unwrap(),
        word => word,
    });
    let words: Vec<&str> = words.collect();
    let place = Workplace::new();
    let mut seen = 0;
    for index in 0..4 {
        // Without a `git` nothing is reached; all else is checked before.
        let run = place.imago(words.iter().chain(&["--output=json"]));
        let run = run.env("PATH", "/nowhere").env("IMAGO_SHARDS", "4");
        let run = run.env("JOB_COMPLETION_INDEX", index.to_string());
        let finished = run.finish();
        let json: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
        for one in json["repositories"].as_array().unwrap() {
            assert_eq!(one["error"]["code"], "git-program", "{one}");
            seen += 1;
        }
    }
    assert_eq!(seen, 2);
}

#[test]
fn kustomize_builds_the_fleet_with_its_list() {
    let Some(kubectl) = programs::find("kubectl") else {
        return;
    };
    let place = Workplace::with_files_of(&folder());
    let documents = built(&kubectl, &place, "fleet");
    let list = of_kind(&documents, "ConfigMap");
    let text = list["data"]["fleet.yaml"].as_str().unwrap();
    assert!(text.contains("repositories:"), "{text}");
    let job = &of_kind(&documents, "CronJob")["spec"]["jobTemplate"]["spec"];
    let volumes = &job["template"]["spec"]["volumes"];
    // A changed list has another name, and the next run takes it.
    assert_eq!(volumes[0]["configMap"]["name"], list["metadata"]["name"]);
    assert_ne!(list["metadata"]["name"], "imago-fleet");
}

#[test]
fn imago_finds_its_own_image() {
    let place = Workplace::with_files_of(&folder());
    let report = place
        .imago(["files", "--output=json", "--exclude-image=*", "."])
        .finish_with(0)
        .json();
    let found: Vec<&str> = report["objects"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|one| one["images"].as_array().unwrap())
        .map(|container| container["image"].as_str().unwrap())
        .collect();
    let image = |name: &str| {
        let job = &documents(name)[0]["spec"]["jobTemplate"]["spec"];
        job["template"]["spec"]["containers"][0]["image"].clone()
    };
    let images = ["base/cronjob.yaml", "fleet/cronjob.yaml"].map(image);
    let images = images.each_ref().map(|image| image.as_str().unwrap());
    assert_eq!(found, images);
    assert_eq!(report["problems"].as_array().unwrap().len(), 0);
}

#[test]
fn the_image_has_the_home_that_the_deployment_mounts_and_its_user() {
    let dockerfile = fs::read_to_string(folder().join("../Dockerfile")).unwrap();
    let stages: Vec<&str> = dockerfile.split("\nFROM ").skip(1).collect();
    let [build, .., git, last] = &stages[..] else {
        panic!("{dockerfile}")
    };
    assert!(
        last.starts_with("scratch AS imago\n")
            && git.contains(" AS git\n")
            && build.contains(" AS build\n")
    );
    for stage in [git, last] {
        assert!(
            stage.contains("\nUSER 1000:1000\n") && stage.contains("\nWORKDIR /var/lib/imago\n"),
            "{stage}"
        );
        assert!(stage.contains("COPY --from=build /imago "), "{stage}");
    }
    assert!(
        last.contains("ENV HOME=/var/lib/imago ")
            && last.contains("/etc/ssl/certs/ca-certificates.crt")
    );
    assert!(git.contains("-h /var/lib/imago "));
}
