//! How the kubeconfig's user authenticates, in all the ways that a user can be written.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Cluster};
use serde::Deserialize;
use serde_json::{Value, json};

use super::data_or_file;
use crate::io::cluster::error::Why;
use crate::io::cluster::identity::Identity;
use crate::io::cluster::plugin::Plugin;
use crate::io::credentials::Secret;

/// The fields of a kubeconfig's user that kube's type does not give us, because it keeps its secrets to itself.
#[derive(Deserialize)]
struct User {
    username: Option<String>,
    password: Option<String>,
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    #[serde(rename = "client-certificate")]
    certificate: Option<String>,
    #[serde(rename = "client-certificate-data")]
    certificate_data: Option<String>,
    #[serde(rename = "client-key")]
    key: Option<String>,
    #[serde(rename = "client-key-data")]
    key_data: Option<String>,
    exec: Option<Plugin>,
    #[serde(rename = "auth-provider")]
    provider: Option<Value>,
}

/// How a user authenticates. The order is kubectl's: token file, token, name and password, plugin. A certificate may be added.
pub(super) fn identity(
    user: &AuthInfo,
    cluster: &Cluster,
    authorities: Option<&[u8]>,
) -> Result<(Identity, Option<(String, Secret)>), Why> {
    let unusable = |reason: &str, hint| Why::Unusable {
        part: "the kubeconfig's user".to_owned(),
        reason: reason.to_owned(),
        hint,
    };
    let user: User = serde_json::to_value(user)
        .and_then(serde_json::from_value)
        .map_err(|_| {
            unusable(
                "some of its fields have an unexpected type",
                "correct the kubeconfig",
            )
        })?;
    let certificate = match (
        data_or_file(
            user.certificate_data.as_deref(),
            user.certificate.as_deref(),
            "client-certificate",
        )?,
        data_or_file(user.key_data.as_deref(), user.key.as_deref(), "client-key")?,
    ) {
        (None, None) => None,
        (Some(certificate), Some(key)) => {
            match (String::from_utf8(certificate), String::from_utf8(key)) {
                (Ok(certificate), Ok(key)) => Some((certificate, Secret::new(key))),
                _ => {
                    return Err(unusable(
                        "its client certificate or key is not PEM",
                        "correct the kubeconfig",
                    ));
                }
            }
        }
        _ => {
            return Err(unusable(
                "it has a client certificate without a key, or a key without one",
                "add what is missing",
            ));
        }
    };
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Secret::new);
    let token = filled(user.token);
    let identity = match (
        user.token_file,
        token,
        user.username.filter(|name| !name.is_empty()),
        user.exec,
    ) {
        (Some(path), token, ..) => Identity::token_file(path, token),
        (None, Some(token), ..) => Identity::token(&token),
        (None, None, Some(name), _) => {
            Identity::password(&name, &Secret::new(user.password.unwrap_or_default()))
        }
        (None, None, None, Some(plugin)) => {
            let info = plugin
                .wants_cluster()
                .then(|| cluster_info(cluster, authorities));
            Identity::plugin(plugin, info)
        }
        (None, None, None, None) if user.provider.is_some() && certificate.is_none() => {
            let reason = "its `auth-provider` is a sign-in method that Kubernetes has removed";
            return Err(unusable(
                reason,
                "create the kubeconfig again with the provider's credential plugin (`exec`)",
            ));
        }
        (None, None, None, None) if certificate.is_some() => Identity::Certificate,
        (None, None, None, None) => Identity::Nobody,
    };
    Ok((identity, certificate))
}

/// What a plugin gets to know of the cluster (`ExecCredential.spec.cluster`).
fn cluster_info(cluster: &Cluster, authorities: Option<&[u8]>) -> Value {
    let mut info = json!({"server": cluster.server});
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            info[key] = value;
        }
    };
    put(
        "tls-server-name",
        cluster.tls_server_name.clone().map(Value::from),
    );
    put(
        "insecure-skip-tls-verify",
        cluster.insecure_skip_tls_verify.map(Value::from),
    );
    put(
        "certificate-authority-data",
        authorities.map(|pem| STANDARD.encode(pem).into()),
    );
    put("proxy-url", cluster.proxy_url.clone().map(Value::from));
    let extension = cluster
        .extensions
        .iter()
        .flatten()
        .find(|extension| extension.name == "client.authentication.k8s.io/exec");
    put(
        "config",
        extension.map(|extension| extension.extension.clone()),
    );
    info
}
