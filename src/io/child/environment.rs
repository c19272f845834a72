//! The environment of a child: ours without our secrets, or the few variables that a signing program needs.
//!
//! A program that signs in somewhere (a credential helper, a credential plugin, `git`) may need any variable: `AWS_PROFILE`,
//! `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_CLIENT_SECRET`, a proxy, the session bus of a keychain, or a name unknown to us. A
//! list of allowed variables would break the programs that we forgot. So such a program gets everything except the secrets that
//! are meant for us, and those that a forge or a CI system gives to the job. A signing program signs in nowhere, so it gets a
//! list of allowed variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

type Variables = BTreeMap<OsString, OsString>;

/// The prefix of our own variables. Some are tokens.
const OURS: &str = "IMAGO_";

/// Prefixes of the variables with which forges and CI systems give a job its tokens.
const JOBS: [&str; 24] = [
    "ACTIONS_",
    "APPVEYOR_",
    "AZURE_DEVOPS_",
    "BITBUCKET_",
    "BUILDKITE_",
    "CI_",
    "CIRCLE_",
    "CODEBERG_",
    "CODEBUILD_",
    "DRONE_",
    "FORGEJO_",
    "GH_",
    "GITEA_",
    "GITHUB_",
    "GITLAB_",
    "GL_",
    "INPUT_",
    "JENKINS_",
    "RENOVATE_",
    "RUNNER_",
    "SEMAPHORE_",
    "SYSTEM_",
    "TRAVIS_",
    "WOODPECKER_",
];

/// Words that make a variable with such a prefix a secret.
const SECRET: [&str; 8] = [
    "TOKEN",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "JWT",
    "PAT",
    "KEY",
];

/// Other variables with secrets of the job: an address that contains a token, GitLab's credentials of registries, and the
/// variable in which our own action passes the token.
const OTHERS: [&str; 4] = [
    "CI_REPOSITORY_URL",
    "DOCKER_AUTH_CONFIG",
    "DRONE_REMOTE_URL",
    "JOB_TOKEN",
];

/// What a signing program needs: its user, its keys, an agent, and a way to ask for a passphrase.
const SIGNING: [&str; 22] = [
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "GNUPGHOME",
    "GPG_AGENT_INFO",
    "GPG_TTY",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LOGNAME",
    "PATH",
    "PINENTRY_USER_DATA",
    "SHELL",
    "SSH_AGENT_PID",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_AUTH_SOCK",
    "TERM",
    "TMPDIR",
    "TZ",
    "USER",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
];

/// Prefixes of more such variables.
const SIGNING_FAMILIES: [&str; 3] = ["LC_", "SSH_SK_", "XDG_"];

/// The environment of a program that signs in somewhere: everything except our secrets and those of the job.
pub(in crate::io) fn without_secrets(environment: &Variables) -> Variables {
    keep(environment, |name| !is_ours(name))
}

/// The environment of a program that makes a signature.
pub(in crate::io) fn for_signing(environment: &Variables) -> Variables {
    keep(environment, |name| {
        SIGNING.contains(&name)
            || SIGNING_FAMILIES
                .iter()
                .any(|family| name.starts_with(family))
    })
}

fn keep(environment: &Variables, wanted: impl Fn(&str) -> bool) -> Variables {
    let wanted = |name: &OsStr| wanted(&name.to_string_lossy());
    environment
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn is_ours(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // `SYSTEM_ACCESSTOKEN` writes two words as one.
    let is_secret = || {
        name.split('_')
            .any(|word| SECRET.contains(&word) || word.ends_with("TOKEN"))
    };
    name.starts_with(OURS)
        || OTHERS.contains(&name.as_str())
        || JOBS.iter().any(|job| name.starts_with(job)) && is_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(kept: &Variables) -> Vec<&str> {
        kept.keys().map(|name| name.to_str().unwrap()).collect()
    }

    fn of(names: &[&str]) -> Variables {
        names
            .iter()
            .map(|name| (OsString::from(name), OsString::from("value")))
            .collect()
    }

    #[test]
    fn the_secrets_of_ours_and_of_the_job_stay_here() {
        let secrets = of(&[
            "IMAGO_GIT_TOKEN",
            "IMAGO_GIT_USERNAME",
            "IMAGO_FORGE_TOKEN",
            "imago_git_token",
            "GITHUB_TOKEN",
            "GH_TOKEN",
            "GH_ENTERPRISE_TOKEN",
            "GITHUB_APP_PRIVATE_KEY",
            "ACTIONS_RUNTIME_TOKEN",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "INPUT_TOKEN",
            "JOB_TOKEN",
            "CI_JOB_TOKEN",
            "CI_JOB_JWT_V2",
            "CI_REGISTRY_PASSWORD",
            "CI_DEPLOY_PASSWORD",
            "CI_REPOSITORY_URL",
            "GITLAB_TOKEN",
            "AZURE_DEVOPS_EXT_PAT",
            "SEMAPHORE_OIDC_TOKEN",
            "APPVEYOR_API_TOKEN",
            "CODEBUILD_AUTH_TOKEN",
            "DOCKER_AUTH_CONFIG",
            "GITEA_TOKEN",
            "FORGEJO_TOKEN",
            "BITBUCKET_STEP_OIDC_TOKEN",
            "SYSTEM_ACCESSTOKEN",
            "BUILDKITE_AGENT_ACCESS_TOKEN",
        ]);
        assert_eq!(names(&without_secrets(&secrets)), [""; 0]);
        assert_eq!(names(&for_signing(&secrets)), [""; 0]);
    }

    #[test]
    fn what_helpers_of_clouds_and_keychains_need_is_passed_on() {
        let needed = of(&[
            "AWS_PROFILE",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AZURE_CLIENT_SECRET",
            "CLOUDSDK_CONFIG",
            "CI",
            "DBUS_SESSION_BUS_ADDRESS",
            "DIGITALOCEAN_ACCESS_TOKEN",
            "GITHUB_ACTIONS",
            "GITHUB_WORKSPACE",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG_KEY_0",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "HOME",
            "HTTPS_PROXY",
            "KUBECONFIG",
            "LC_ALL",
            "PATH",
            "RUNNER_TEMP",
            "SSH_AUTH_SOCK",
            "SSL_CERT_FILE",
            "TMPDIR",
            "VAULT_TOKEN",
            "XDG_RUNTIME_DIR",
            "https_proxy",
        ]);
        assert_eq!(without_secrets(&needed), needed);
    }

    #[test]
    fn a_signing_program_gets_its_keys_and_no_clouds() {
        let some = of(&[
            "AWS_SECRET_ACCESS_KEY",
            "GNUPGHOME",
            "HOME",
            "LC_ALL",
            "OTHER",
            "PATH",
            "SSH_AUTH_SOCK",
            "VAULT_TOKEN",
        ]);
        assert_eq!(
            names(&for_signing(&some)),
            ["GNUPGHOME", "HOME", "LC_ALL", "PATH", "SSH_AUTH_SOCK"]
        );
    }
}
