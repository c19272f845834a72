//! The files that `imago init` offers. Names of folders are those that need no quotes, in YAML, a shell or a regular expression.

use crate::app::short::counted;

/// The configuration of pre-commit.
pub(super) const PRE_COMMIT: &str = ".pre-commit-config.yaml";

/// The pipeline of GitLab.
pub(super) const GITLAB: &str = ".gitlab-ci.yml";

/// Its jobs, where the pipeline is there already.
pub(super) const GITLAB_INCLUDED: &str = ".gitlab/imago.yml";

/// A forge whose workflows are written as GitHub's.
#[derive(Clone, Copy)]
pub(super) struct Forge {
    /// For `--forge`.
    name: &'static str,
    /// A label that its runners usually have.
    runner: &'static str,
    /// The names that the workflow may have.
    pub(super) files: [&'static str; 2],
}

pub(super) const FORGEJO: Forge = Forge {
    name: "forgejo",
    runner: "docker",
    files: [
        ".forgejo/workflows/imago.yaml",
        ".forgejo/workflows/imago.yml",
    ],
};

pub(super) const GITEA: Forge = Forge {
    name: "gitea",
    runner: "ubuntu-latest",
    files: [".gitea/workflows/imago.yaml", ".gitea/workflows/imago.yml"],
};

const REPOSITORY: &str = env!("CARGO_PKG_REPOSITORY");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The project's own name at GitHub: `OWNER/imago`.
fn repository() -> Option<&'static str> {
    REPOSITORY.strip_prefix("https://github.com/")
}

/// The settings of a repository that has `pinned` images as `name:tag@digest`, and no record of them.
pub(super) fn settings(pinned: usize) -> String {
    let verb = if pinned == 1 { "is" } else { "are" };
    let images = counted(pinned, "image");
    let schema = repository()
        .map(|name| format!("# yaml-language-server: $schema=https://raw.githubusercontent.com/{name}/v{VERSION}/schema/imago.schema.json\n"))
        .unwrap_or_default();
    format!(
        "{schema}# {images} {verb} pinned as name:tag@digest. With this line each follows its own tag; without it, they are fixed.\ntrack: tag\n"
    )
}

/// A nightly branch with a request, and a check of each request.
pub(super) fn workflow(folders: &[String]) -> String {
    let name = repository().unwrap_or(REPOSITORY);
    let paths: String = folders
        .iter()
        .map(|folder| format!("            {folder}\n"))
        .collect();
    // `uses` names the tag of a release. Its commit is not known before the release is built.
    format!(
        r#"# A branch with new digests every night, and a check of each pull request. {REPOSITORY}/blob/v{VERSION}/docs/action.md
name: imago
on:
  schedule: [{{cron: "17 3 * * *"}}]
  workflow_dispatch: {{}}
  pull_request: {{}}
permissions: {{contents: read}}
jobs:
  update:
    if: github.event_name != 'pull_request'
    runs-on: ubuntu-latest
    permissions: {{contents: write, pull-requests: write}}
    concurrency: imago
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
      - uses: {name}@v{VERSION}
        with:
          action: update
          paths: |
{paths}          branch: imago/update
          push: true
          pull-request: true

  # Fails where an image has no digest. It asks no registry, so a tag that moves elsewhere fails no request.
  check:
    if: github.event_name == 'pull_request'
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with: {{persist-credentials: false}}
      - uses: {name}@v{VERSION}
        with:
          paths: |
{paths}          arguments: --pinned
"#
    )
}

/// A branch with a merge request from each scheduled pipeline, and a check in every other one.
pub(super) fn job(folders: &[String]) -> String {
    let image = repository().unwrap_or(REPOSITORY).to_ascii_lowercase();
    let folders = folders.join(" ");
    format!(
        r#"# Needs a scheduled pipeline, and IMAGO_GIT_TOKEN: {REPOSITORY}/blob/v{VERSION}/docs/gitlab.md
imago:
  image: {{name: "ghcr.io/{image}:{VERSION}-git", entrypoint: [""]}}
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
  script:
    - git remote set-url origin "$CI_PROJECT_URL.git"
    - >
      imago files --update --push --branch imago/update --pull-request --author "imago <imago@example.com>"
      --forge gitlab --forge-url "$CI_API_V4_URL" --forge-project "$CI_PROJECT_PATH" -- {folders}

imago-check:
  image: {{name: "ghcr.io/{image}:{VERSION}-git", entrypoint: [""]}}
  rules:
    - if: $CI_PIPELINE_SOURCE == "merge_request_event"
  script:
    - imago files --check --pinned -- {folders}
"#
    )
}

/// The same as [`workflow`] where nothing of GitHub's is at hand: no action is used, so no runner needs Node. imago fetches and pushes by
/// itself, and Git brings what a request has.
pub(super) fn workflow_of(forge: Forge, folders: &[String]) -> String {
    let image = repository().unwrap_or(REPOSITORY).to_ascii_lowercase();
    let (folders, Forge { name, runner, .. }) = (folders.join(" "), forge);
    format!(
        r#"# A branch with new digests every night, and a check of each pull request. {REPOSITORY}/blob/v{VERSION}/docs/forgejo.md
name: imago
on:
  schedule: [{{cron: "17 3 * * *"}}]
  workflow_dispatch: {{}}
  pull_request: {{}}
jobs:
  update:
    if: github.event_name != 'pull_request'
    runs-on: {runner}
    container: {{image: "ghcr.io/{image}:{VERSION}-git"}}
    steps:
      - shell: sh
        env: {{IMAGO_GIT_TOKEN: "${{{{ secrets.IMAGO_GIT_TOKEN }}}}"}}
        run: >
          imago files --repository "${{GITHUB_SERVER_URL%/}}/$GITHUB_REPOSITORY.git"
          --update --push --branch imago/update --pull-request --author "imago <imago@example.com>"
          --forge {name} --forge-url "$GITHUB_API_URL" --forge-project "$GITHUB_REPOSITORY" -- {folders}

  # Fails where an image has no digest. It asks no registry, so a tag that moves elsewhere fails no request.
  check:
    if: github.event_name == 'pull_request'
    runs-on: {runner}
    container: {{image: "ghcr.io/{image}:{VERSION}-git"}}
    steps:
      - shell: sh
        env: {{TOKEN: "${{{{ github.token }}}}"}}
        run: |
          cd "$(mktemp -d)"
          git init --quiet
          git -c credential.helper='!f() {{ echo username=imago; echo "password=$TOKEN"; }}; f' \
            fetch --quiet --depth 1 "${{GITHUB_SERVER_URL%/}}/$GITHUB_REPOSITORY.git" "$GITHUB_REF"
          git checkout --quiet FETCH_HEAD
          imago files --check --pinned -- {folders}
"#
    )
}

/// The entry of a hook that fails where an image has no digest.
pub(super) fn hook(folders: &[String]) -> String {
    let below: Vec<String> = (folders.iter())
        .map(|folder| folder.replace('.', r"\."))
        .collect();
    let files = match folders {
        [root] if root == "." => String::new(),
        _ => format!("        files: '^({})/'\n", below.join("|")),
    };
    format!(
        "  - repo: {REPOSITORY}\n    rev: v{VERSION}\n    hooks:\n      - id: imago-check\n        args: [--pinned]\n        language: system     # the imago on your PATH; without this line pre-commit compiles it, for minutes\n{files}"
    )
}
