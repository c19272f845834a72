//! Makes the folders that `benches/side-by-side` measures: `trees plain|real|gitops FILES HOST:PORT` writes FILES manifests into `apps`
//! below the current folder, and `imago.lock` beside it. It prints how many of the files hold workloads.
//!
//! - `plain`: a third are Deployments of the plainest form, the rest ConfigMaps.
//! - `real`: an app is three files: workloads as people write them (quotes, flow lists, block scalars, accents, comments), a ConfigMap
//!   and a kustomization.
//! - `gitops`: of 20 files 12 are overlays of kustomize, 5 HelmReleases and values of charts, 3 raw workloads.

#![expect(
    clippy::print_stdout,
    reason = "the number is what `benches/side-by-side` reads"
)]

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

const IMAGES: usize = 200;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [tree, files, host] = arguments.as_slice() else {
        return Err(io::Error::other(
            "usage: trees plain|real|gitops FILES HOST:PORT",
        ));
    };
    let files: usize = files.parse().map_err(io::Error::other)?;
    let mut random = Random(1);
    let mut workloads = 0;
    for file in 0..files {
        let (name, text, holds_workload) = match tree.as_str() {
            "plain" => plain(file, host),
            "real" => real(file, host, &mut random),
            "gitops" => gitops(file, host, &mut random),
            other => return Err(io::Error::other(format!("`{other}` is no tree"))),
        };
        workloads += usize::from(holds_workload);
        let path = PathBuf::from("apps").join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, text)?;
    }
    let entries: Vec<String> = (0..IMAGES)
        .map(|image| {
            format!(
                "  \"{}\": \"sha256:{:064x}\"",
                name_of(host, image),
                image + 1
            )
        })
        .collect();
    fs::write(
        "imago.lock",
        format!(
            "{{\"version\":1,\"images\":{{\n{}\n}}}}\n",
            entries.join(",\n")
        ),
    )?;
    println!("{workloads}");
    Ok(())
}

/// Numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }

    /// Whether it happens, as often of ten times.
    fn often(&mut self, of_ten: usize) -> bool {
        self.below(10) < of_ten
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

fn name_of(host: &str, image: usize) -> String {
    format!("{host}/team/app{image:03}:1.4")
}

type Made = (String, String, bool);

fn plain(file: usize, host: &str) -> Made {
    let name = format!("{:02}/{file:04}.yaml", file % 60);
    let mut text = String::new();
    if !file.is_multiple_of(3) {
        text += &format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-{file}\ndata:\n"
        );
        for key in 0..42 {
            text += &format!("  key{key}: a value for the setting {key} of file {file}\n");
        }
        return (name, text, false);
    }
    text += &format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{file}\n  labels:\n    app: app-{file}\nspec:\n  template:\n    \
         metadata:\n      labels:\n        app: app-{file}\n    spec:\n      containers:\n        - name: app\n          image: {}\n          env:\n",
        name_of(host, file / 3 % IMAGES)
    );
    for key in 0..26 {
        text += &format!(
            "            - name: SETTING_{key}\n              value: \"the value {key}\"\n"
        );
    }
    text += &format!(
        "        - name: side\n          image: {}\n",
        name_of(host, file / 3 * 7 % IMAGES)
    );
    (name, text, true)
}

fn real(file: usize, host: &str, random: &mut Random) -> Made {
    let app = file / 3;
    let folder = format!("squad-{:02}/app-{app}", app % 37);
    match file % 3 {
        0 => {
            let kind = random.one(&[
                "Deployment",
                "Deployment",
                "Deployment",
                "StatefulSet",
                "DaemonSet",
                "CronJob",
            ]);
            let mut text = format!("# app-{app}: asked after by squad {}\n---\n", app % 37);
            text += &workload(kind, &format!("app-{app}"), host, random);
            if random.often(4) {
                text += &format!(
                    "\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: app-{app}\nspec:\n  selector: {{app: app-{app}}}\n  ports:\n  - port: 80\n    targetPort: 8080\n"
                );
            }
            if random.often(2) {
                text += &format!(
                    "\n---\n{}",
                    workload("CronJob", &format!("app-{app}-sweep"), host, random)
                );
            }
            (format!("{folder}/workloads.yaml"), text, true)
        }
        1 => (
            format!("{folder}/settings.yaml"),
            settings(&format!("app-{app}"), random),
            false,
        ),
        _ => (
            format!("{folder}/kustomization.yaml"),
            resources(&["workloads.yaml", "settings.yaml"]),
            false,
        ),
    }
}

fn gitops(file: usize, host: &str, random: &mut Random) -> Made {
    let app = file / 20;
    let folder = format!("squad-{:02}/app-{app}", app % 37);
    let place = ["dev", "test", "prod"][file % 20 % 3];
    match file % 20 {
        part @ 0..12 => {
            let folder = format!("{folder}/overlays/{place}");
            match part / 3 {
                0 => {
                    let text = format!(
                        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: {place}\nresources:\n- ../../base\npatches:\n- path: replicas.yaml\nimages:\n- name: web # from the base\n  newName: {host}/team/app{:03}\n  newTag: \"1.4\"\n",
                        random.below(IMAGES)
                    );
                    (format!("{folder}/kustomization.yaml"), text, false)
                }
                1 => {
                    let text = format!(
                        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{app}}}\nspec:\n  replicas: {}\n",
                        part + 1
                    );
                    (format!("{folder}/replicas.yaml"), text, false)
                }
                2 => (
                    format!("{folder}/settings.yaml"),
                    settings(&format!("app-{app}"), random),
                    false,
                ),
                _ => {
                    let text = format!(
                        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: app-{app}\nspec:\n  rules:\n  - host: 'app-{app}.{place}.example.com'\n"
                    );
                    (format!("{folder}/ingress.yaml"), text, false)
                }
            }
        }
        part @ 12..15 => {
            let text = format!(
                "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata:\n  name: chart-{app}-{part}\nspec:\n  interval: 10m\n  chart:\n    spec:\n      chart: shop\n      version: '3.x'\n  values:\n    image:\n      repository: {host}/team/app{:03}\n      tag: \"1.4\" # moved by the release\n    replicas: 2\n",
                random.below(IMAGES)
            );
            (format!("{folder}/release-{part}.yaml"), text, false)
        }
        part @ 15..17 => {
            let mut text = format!(
                "# values of the chart\nimage:\n  repository: {host}/team/app{:03}\n  tag: 1.4\nresources: {{}}\nextra:\n",
                random.below(IMAGES)
            );
            for key in 0..20 {
                text += &format!("  key{key}: 'value {key}'\n");
            }
            (format!("{folder}/values-{part}.yaml"), text, false)
        }
        part => (
            format!("{folder}/base/workload-{part}.yaml"),
            workload("Deployment", &format!("app-{app}-{part}"), host, random),
            true,
        ),
    }
}

fn resources(names: &[&str]) -> String {
    let names: String = names.iter().map(|name| format!("- {name}\n")).collect();
    format!("apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{names}")
}

fn settings(name: &str, random: &mut Random) -> String {
    let mut text = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  app.conf: |\n"
    );
    for key in 0..5 + random.below(55) {
        text += &format!("    key{key} = value {}\n", random.below(1_000_000));
    }
    text
}

fn workload(kind: &str, name: &str, host: &str, random: &mut Random) -> String {
    let version = if kind == "CronJob" {
        "batch/v1"
    } else {
        "apps/v1"
    };
    let mut text = format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: ns-{}\n",
        random.below(20)
    );
    if random.often(6) {
        text += &format!(
            "  labels:\n    app.kubernetes.io/name: {name}\n    app.kubernetes.io/part-of: shop   # the storefront\n"
        );
    }
    if random.often(4) {
        text += "  annotations:\n    argocd.argoproj.io/sync-wave: \"2\"\n";
    }
    let depth = if kind == "CronJob" {
        text += "spec:\n  schedule: \"*/5 * * * *\"\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n";
        10
    } else {
        text += "spec:\n";
        if kind == "StatefulSet" {
            text += &format!("  serviceName: {name}\n");
        }
        text += &format!(
            "  selector:\n    matchLabels:\n      app: {name}\n  template:\n    metadata:\n      labels:\n        app: {name}\n    spec:\n"
        );
        6
    };
    let step = random.one(&["", "  "]);
    let indentation = " ".repeat(depth);
    if random.often(3) {
        text += &format!("{indentation}initContainers:\n");
        container(&mut text, 0, &format!("{indentation}{step}"), host, random);
    }
    text += &format!("{indentation}containers:\n");
    for number in 0..random.one(&[1, 1, 1, 2, 2, 3]) {
        container(
            &mut text,
            number,
            &format!("{indentation}{step}"),
            host,
            random,
        );
    }
    text
}

fn container(text: &mut String, number: usize, dash: &str, host: &str, random: &mut Random) {
    let image = name_of(host, random.below(IMAGES));
    let quote = random.one(&["", "\"", "'"]);
    let mut line = |line: std::fmt::Arguments<'_>| {
        writeln!(text, "{dash}{line}").expect("a String takes every text");
    };
    line(format_args!("- name: c{number}"));
    if random.often(3) {
        line(format_args!("  # agreed with those on call"));
    }
    let behind = random.one(&["", "", "  # the one that serves", " "]);
    line(format_args!("  image: {quote}{image}{quote}{behind}"));
    line(format_args!(
        "  args: [\"--port\", \"80{number}0\", '--log=json']"
    ));
    line(format_args!("  env:"));
    line(format_args!("    - name: GREETING"));
    line(format_args!(
        "      value: \"bienvenue, cr\u{e8}me \u{2713} {number}\""
    ));
    line(format_args!("    - {{name: SEES, value: no-image}}"));
    line(format_args!("  resources:"));
    line(format_args!("    limits: {{cpu: 500m, memory: 128Mi}}"));
    line(format_args!("    requests:"));
    line(format_args!("      cpu: \"0.1\""));
    line(format_args!("      memory: 64Mi"));
    if random.often(3) {
        line(format_args!("  command:"));
        line(format_args!("    - sh"));
        line(format_args!("    - -c"));
        line(format_args!("    - |"));
        line(format_args!("      echo \"image: shop/none:1.4\""));
        line(format_args!("      exec serve"));
    }
}
