//! Which kinds the server has (<https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api>).

use futures_util::StreamExt as _;
use futures_util::stream;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::connection::Question;
use super::error::{Permission, Why};
use super::{Cluster, ClusterError, not_an_api_server};

/// How many groups are asked at once.
const AT_ONCE: usize = 4;

/// A kind that the server has, whose objects stand in namespaces and can be listed and patched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// `Rollout`
    pub kind: String,
    /// `argoproj.io/v1alpha1`
    pub version: String,
    /// `rollouts`
    pub plural: String,
}

#[derive(Deserialize)]
struct Groups {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    name: String,
    #[serde(rename = "preferredVersion")]
    preferred: Version,
}

#[derive(Deserialize)]
struct Version {
    #[serde(rename = "groupVersion")]
    name: String,
}

#[derive(Deserialize)]
struct Resources {
    resources: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    kind: String,
    namespaced: bool,
    #[serde(default)]
    verbs: Vec<String>,
}

impl Cluster {
    /// The kinds of the groups that `wants` names, each in the version that the server prefers. A group that does not answer has
    /// none: its error is the second value, the first of them if there are several.
    pub async fn served(
        &self,
        wants: impl Fn(&str) -> bool,
    ) -> Result<(Vec<Served>, Option<ClusterError>), ClusterError> {
        let failed = |why| ClusterError::new("list the kinds of the server", why);
        let mut versions = Vec::new();
        if wants("") {
            versions.push("/api/v1".to_owned());
        }
        let groups: Groups = self.discover("/apis").await.map_err(failed)?;
        let groups = groups.groups.into_iter().filter(|group| wants(&group.name));
        versions.extend(groups.map(|group| format!("/apis/{}", group.preferred.name)));
        let asked = versions
            .iter()
            .map(|path| async move { (path, self.discover::<Resources>(path).await) });
        let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
        let (mut served, mut unknown) = (Vec::new(), None);
        for (path, answer) in answers {
            let version = path
                .trim_start_matches("/apis/")
                .trim_start_matches("/api/");
            match answer {
                Ok(answer) => served.extend(answer.resources.into_iter().filter_map(|one| {
                    let can = |verb: &str| one.verbs.iter().any(|own| own == verb);
                    // `rollouts/status` is a part of an object.
                    let is_whole = !one.name.contains('/') && one.namespaced;
                    (is_whole && can("list") && can("patch")).then(|| Served {
                        kind: one.kind,
                        version: version.to_owned(),
                        plural: one.name,
                    })
                })),
                Err(why) => {
                    let act = format!("list the kinds of `{version}`");
                    unknown = unknown.or_else(|| Some(ClusterError::new(act, why)));
                }
            }
        }
        Ok((served, unknown))
    }

    async fn discover<T: DeserializeOwned>(&self, path: &str) -> Result<T, Why> {
        let question = Question {
            method: Method::GET,
            path: path.to_owned(),
            accept: "application/json",
            body: None,
            permission: Permission {
                verb: "get",
                group: "".into(),
                resource: path.into(),
                namespace: None,
            },
        };
        let bytes = self.done(&question).await?;
        serde_json::from_slice(&bytes).map_err(|error| not_an_api_server(&error))
    }
}
