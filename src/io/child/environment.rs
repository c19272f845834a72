//! The environment of a child: ours without our secrets, or the few variables that a signing program needs.
//!
//! A program that signs in somewhere (a credential helper, a credential plugin, `git`) may need any variable: `AWS_PROFILE`, a
//! proxy, the session bus of a keychain, or a name unknown to us. A list of allowed variables would break the programs that we
//! forgot. So such a program gets everything except our own variables, and those whose name says that they are a secret: which
//! secrets a CI system or a person gives to the job, nobody can list. Git, and the clouds and stores of secrets whose helpers read
//! variables, keep theirs: `GIT_PASSWORD`, `AWS_SECRET_ACCESS_KEY`, `AZURE_CLIENT_SECRET`. A signing program signs in nowhere, so
//! it gets a list of allowed variables.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

type Variables = BTreeMap<OsString, OsString>;

/// The prefix of our own variables. Some are tokens.
const OURS: &str = "IMAGO_";

/// Words with which the name of a secret ends, or a part of it: `SYSTEM_ACCESSTOKEN` writes two words as one.
const SECRET: [&str; 11] = [
    "TOKEN",
    "PASS",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "CREDENTIAL",
    "ACCESSKEY",
    "APIKEY",
    "PRIVATEKEY",
    "SECRETKEY",
];

/// Words that end like a secret.
const OTHER_WORDS: [&str; 3] = ["ASKPASS", "BYPASS", "COMPASS"];

/// Words that say so alone: `MONKEY`, `OLDPWD` and `XAUTHORITY` are others.
const SECRET_ALONE: [&str; 7] = ["AUTH", "CRED", "JWT", "KEY", "PAT", "PSW", "PWD"];

/// The last word of a variable that says where something is: `AWS_WEB_IDENTITY_TOKEN_FILE`, `REGISTRY_AUTH_FILE`.
const PLACES: [&str; 4] = ["DIR", "FILE", "PATH", "SOCK"];

/// Prefixes of the variables of Git, of `sshpass`, of clouds, and of stores of secrets. Helpers and plugins sign in with them.
const HELPERS: [&str; 27] = [
    "AAD_",
    "ALIBABA_",
    "ALICLOUD_",
    "ARM_",
    "AWS_",
    "AZURE_",
    "BW_",
    "CIVO_",
    "CLOUDSDK_",
    "DIGITALOCEAN_",
    "EXOSCALE_",
    "GCM_",
    "GIT_",
    "GOOGLE_",
    "HUAWEICLOUD_",
    "IBMCLOUD_",
    "LINODE_",
    "MSI_",
    "OCI_",
    "OP_",
    "OS_",
    "PASSWORD_STORE_",
    "SCW_",
    "SSHPASS",
    "TENCENTCLOUD_",
    "VAULT_",
    "YC_",
];

/// A CI system whose prefix is that of a cloud.
const NOT_A_CLOUD: &str = "AZURE_DEVOPS_";

/// Other variables with secrets of the job: an address that contains a token.
const OTHERS: [&str; 2] = ["CI_REPOSITORY_URL", "DRONE_REMOTE_URL"];

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
    let is_of = |families: &[&str]| families.iter().any(|family| name.starts_with(family));
    name.starts_with(OURS)
        || OTHERS.contains(&&*name)
        || is_secret(&name) && (!is_of(&HELPERS) || is_of(&[NOT_A_CLOUD]))
}

/// Whether the name of a variable says that it is a secret. `PWD` by itself is a folder.
fn is_secret(name: &str) -> bool {
    let mut words = name.split(|character: char| !character.is_ascii_alphanumeric());
    let is_place = words
        .clone()
        .next_back()
        .is_some_and(|last| PLACES.contains(&last));
    !is_place
        && name != "PWD"
        && words.any(|word| {
            // `PASSWORD2`, `TOKENS`
            let word = word.trim_end_matches(|last: char| last.is_ascii_digit());
            let one = word.strip_suffix('S').unwrap_or(word);
            let ends_so = |secret: &&str| [word, one].iter().any(|form| form.ends_with(*secret));
            !OTHER_WORDS.contains(&word) && SECRET.iter().any(ends_so)
                || SECRET_ALONE
                    .iter()
                    .any(|secret| [word, one].contains(secret))
        })
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
            "VELA_NETRC_PASSWORD",
            "CIRRUS_OIDC_TOKEN",
            "bamboo_deploy_password",
            "bamboo_deployPassword",
            "TEAMCITY_TOKEN",
            "GH_AUTH",
            "GITHUB_CREDENTIALS",
            "BITRISE_API_TOKENS",
            "SD_TOKEN",
            "CF_API_KEY",
            "DEPLOY_PSW",
            "GPG_PASSPHRASE",
            "SSH_PRIVATE_KEY",
            "DB_PASS",
            "DBPASS",
            "DB_PASS2",
            "DB_CREDS2",
            "DB_PWD2",
            "NPM_TOKEN_2",
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
            "COMPASS",
            "CI",
            "DBUS_SESSION_BUS_ADDRESS",
            "DIGITALOCEAN_ACCESS_TOKEN",
            "GITHUB_ACTIONS",
            "GITHUB_WORKSPACE",
            "GIT_ASKPASS",
            "GIT_CONFIG_COUNT",
            "GIT_CONFIG_KEY_0",
            "GIT_PASSWORD",
            "GOOGLE_APPLICATION_CREDENTIALS",
            "HOME",
            "HTTPS_PROXY",
            "KUBECONFIG",
            "LC_ALL",
            "OLDPWD",
            "OS_PASSWORD",
            "PASSWORD_STORE_DIR",
            "PATH",
            "PWD",
            "REGISTRY_AUTH_FILE",
            "RUNNER_TEMP",
            "SSH_ASKPASS",
            "SSHPASS",
            "SSH_AUTH_SOCK",
            "SSL_CERT_FILE",
            "TMPDIR",
            "VAULT_TOKEN",
            "XAUTHORITY",
            "XDG_RUNTIME_DIR",
            "XDG_SESSION_ID",
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
