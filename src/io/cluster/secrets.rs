//! Pull secrets of a workload and its service account, read as the kubelet reads them.
//!
//! Only secrets of the two types for registries are used, and only their docker config is kept.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;

use super::connection::Question;
use super::error::{ClusterError, Why};
use super::resource::{Names, SECRETS, SERVICE_ACCOUNTS};
use super::{Cluster, not_an_api_server, permission};
use crate::io::credentials::{PullSecret, Secret};

/// The pull secrets that were found, and the problems with others. To the kubelet, too, a missing secret is only a warning.
#[derive(Debug, Default)]
pub struct Pulled {
    /// Each once: first in the workload's order, then in the service account's.
    pub secrets: Vec<PullSecret>,
    /// One problem for each secret that could not be used.
    pub problems: Vec<ClusterError>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccount {
    #[serde(default)]
    image_pull_secrets: Option<Vec<Reference>>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Object {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = ".dockerconfigjson")]
    config: Option<String>,
    #[serde(rename = ".dockercfg")]
    old: Option<String>,
}

impl Cluster {
    /// Reads the named secrets of a namespace, and those of a service account. An empty account name means `default`.
    pub async fn pull_secrets(
        &self,
        namespace: &str,
        service_account: &str,
        names: &[String],
    ) -> Pulled {
        let mut pulled = Pulled::default();
        let mut wanted: Vec<String> = names.to_vec();
        let account = if service_account.is_empty() {
            "default"
        } else {
            service_account
        };
        let act = || format!("read the service account `{namespace}/{account}`");
        match self
            .get::<ServiceAccount>(SERVICE_ACCOUNTS, namespace, account)
            .await
        {
            Ok(found) => wanted.extend(
                found
                    .image_pull_secrets
                    .into_iter()
                    .flatten()
                    .map(|reference| reference.name),
            ),
            Err(why) => pulled.problems.push(ClusterError::new(act(), why)),
        }
        let mut seen = Vec::new();
        for name in wanted {
            if name.is_empty() || seen.contains(&name) {
                continue;
            }
            match self.pull_secret(namespace, &name).await {
                Ok(secret) => pulled.secrets.push(secret),
                Err(why) => pulled.problems.push(ClusterError::new(
                    format!("read the pull secret `{namespace}/{name}`"),
                    why,
                )),
            }
            seen.push(name);
        }
        pulled
    }

    async fn pull_secret(&self, namespace: &str, name: &str) -> Result<PullSecret, Why> {
        let object: Object = self.get(SECRETS, namespace, name).await?;
        let unusable = |reason: &str| Why::PullSecret {
            reason: reason.to_owned(),
        };
        let (config, old) = object
            .data
            .map(|data| (data.config, data.old))
            .unwrap_or_default();
        let is_old = match object.kind.as_str() {
            "kubernetes.io/dockerconfigjson" => false,
            "kubernetes.io/dockercfg" => true,
            _ => {
                return Err(unusable("its type is not one for registries"));
            }
        };
        let data = if is_old { old } else { config };
        let data = data.ok_or_else(|| unusable("it has no data of its type"))?;
        let bytes = STANDARD
            .decode(data)
            .map_err(|_| unusable("its data is not base64"))?;
        let text = String::from_utf8(bytes).map_err(|_| unusable("its data is not UTF-8"))?;
        let (name, text) = (format!("{namespace}/{name}"), Secret::new(text));
        let read = if is_old {
            PullSecret::dockercfg(&name, &text)
        } else {
            PullSecret::docker_config(&name, &text)
        };
        read.map_err(|error| unusable(&error.to_string()))
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        &self,
        names: Names<'_>,
        namespace: &str,
        name: &str,
    ) -> Result<T, Why> {
        let question = Question {
            method: Method::GET,
            path: names.object(namespace, name),
            accept: "application/json",
            body: None,
            permission: permission("get", names, Some(namespace)),
        };
        let bytes = self.done(&question).await?;
        serde_json::from_slice(&bytes).map_err(|error| not_an_api_server(&error))
    }
}
