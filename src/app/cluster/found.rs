//! Reads the cluster: workloads by namespace, their pods, and their pull secrets.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use super::{AT_ONCE, ClusterRequest, kinds, refused};
use crate::app::report::Problem;
use crate::engine::live::Live;
use crate::engine::running::{self, Pod};
use crate::engine::selector::Namespaces;
use crate::engine::shape::PodOwner;
use crate::io::cluster::{Cluster, ClusterError, Query, Resource};
use crate::io::credentials::PullSecret;

pub(in crate::app) struct Workloads {
    /// Sorted by namespace, kind and name.
    pub(in crate::app) lives: Vec<Live>,
    /// The lists that failed.
    pub(in crate::app) problems: Vec<Problem>,
    /// A sentence for each namespace without workloads, whose name is most often misspelt, and for kinds that may be missing.
    pub(in crate::app) empty: Vec<String>,
}

/// Lists the kinds in each namespace of the request. Fails, with a [`Problem`], if no list could be read.
pub(super) async fn workloads(
    cluster: &Cluster,
    request: &ClusterRequest,
) -> anyhow::Result<Workloads> {
    let (kinds, incomplete) = kinds::of_run(cluster, request).await?;
    let scopes = scopes(cluster, request);
    let asked = scopes
        .iter()
        .flat_map(|scope| kinds.iter().map(|kind| (scope.as_deref(), kind)));
    let lists = asked.clone().map(|(scope, kind)| {
        cluster.list(Resource::Workloads(kind), scope, &request.query, |object| {
            Some(Live::read_as(&object, kind))
        })
    });
    let listed: Vec<_> = stream::iter(lists).buffered(AT_ONCE).collect().await;
    let mut lives = Vec::new();
    let mut problems = Vec::new();
    let mut one_was_read = false;
    let mut not_empty: BTreeSet<Option<&str>> = BTreeSet::new();
    // Of a kind that was added: how many objects there are, and whether one of them is taken.
    let mut of_added: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for ((scope, kind), list) in asked.zip(listed) {
        match list {
            Ok(list) => {
                one_was_read = true;
                let count = list.len();
                let list: Vec<Live> = list.into_iter().flatten().collect();
                if kind.template.owner == PodOwner::Unknown {
                    let name = format!("{}.{}", kind.kind, kind.group());
                    let (sum, is_taken) = of_added.entry(name).or_default();
                    *sum += count;
                    *is_taken |= !list.is_empty();
                }
                if list.iter().any(|live| !is_left_out(request, live)) {
                    not_empty.insert(scope);
                }
                lives.extend(list);
            }
            Err(error) => {
                not_empty.insert(scope);
                problems.push(refused(&error));
            }
        }
    }
    let empty = scopes
        .iter()
        .map(Option::as_deref)
        .filter(|scope| !not_empty.contains(scope));
    let without = of_added
        .iter()
        .filter(|(_, (count, is_taken))| *count > 0 && !is_taken)
        .map(|(name, _)| {
            format!("no {name} has its only containers in a pod template at `spec.template`, so none is taken")
        });
    let empty = empty
        .map(|scope| nothing_in(cluster, request, scope))
        .chain(without)
        .chain(incomplete)
        .collect();
    if let (false, Some(first)) = (one_was_read, problems.first()) {
        return Err(first.clone().into());
    }
    lives.retain(|live| !is_left_out(request, live));
    lives.sort_by(|left, right| {
        let key = |live: &Live| {
            (
                live.namespace.clone(),
                live.kind.rank().0,
                live.kind.kind.clone(),
                live.workload.name.clone(),
            )
        };
        key(left).cmp(&key(right))
    });
    Ok(Workloads {
        lives,
        problems,
        empty,
    })
}

fn is_left_out(request: &ClusterRequest, live: &Live) -> bool {
    matches!(&request.namespaces, Some(Namespaces::AllBut(left_out)) if left_out.contains(&live.namespace))
}

/// The namespaces of the request, for messages: ``namespace `shop` ``.
pub(super) fn named(cluster: &Cluster, request: &ClusterRequest) -> String {
    let listed = |names: &BTreeSet<String>| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        format!(
            "{} {}",
            if names.len() == 1 {
                "namespace"
            } else {
                "namespaces"
            },
            names.join(", ")
        )
    };
    match &request.namespaces {
        None => format!("namespace `{}`", cluster.namespace()),
        Some(Namespaces::All) => "all namespaces".to_owned(),
        Some(Namespaces::AllBut(names)) => format!("all namespaces but {}", listed(names)),
        Some(Namespaces::Only(names)) => listed(names),
    }
}

fn nothing_in(cluster: &Cluster, request: &ClusterRequest, scope: Option<&str>) -> String {
    let place = scope.map_or_else(
        || named(cluster, request),
        |scope| format!("namespace `{scope}`"),
    );
    let (what, look) = match (request.query == Query::default(), scope) {
        (false, _) => (
            "no workload matches the selectors",
            "check them with `kubectl get -l SELECTOR`",
        ),
        (true, Some(_)) => (
            "no workload was found",
            "check the name with `kubectl get namespaces`",
        ),
        (true, None) => (
            "no workload was found",
            "check that this is the cluster you mean",
        ),
    };
    format!("{what} in {place}, {}: {look}", cluster.name())
}

/// The namespaces to list. `None` lists all at once.
fn scopes(cluster: &Cluster, request: &ClusterRequest) -> Vec<Option<String>> {
    match &request.namespaces {
        None => vec![Some(cluster.namespace().to_owned())],
        Some(Namespaces::All | Namespaces::AllBut(_)) => vec![None],
        Some(Namespaces::Only(names)) => names.iter().cloned().map(Some).collect(),
    }
}

pub(super) struct PodTable {
    /// The workloads that own a ReplicaSet or a Job.
    owners: BTreeSet<Owner>,
    /// The pods, by namespace and uid of their workload.
    pods: BTreeMap<Owner, Vec<Pod>>,
    /// The lists that failed, by resource and namespace.
    unread: Vec<(Resource<'static>, Option<String>)>,
    /// The problem of each such list.
    pub(super) problems: Vec<Problem>,
}

/// A namespace, and the uid of an object in it.
type Owner = (String, String);

/// Lists pods and the objects between them and their workloads, once for each namespace.
pub(super) async fn pods(cluster: &Cluster, request: &ClusterRequest, lives: &[Live]) -> PodTable {
    let mut table = PodTable {
        owners: BTreeSet::new(),
        pods: BTreeMap::new(),
        unread: Vec::new(),
        problems: Vec::new(),
    };
    let has = |scope: &Option<String>, owner: Option<PodOwner>| {
        let may_own = |live: &Live, owner| {
            let own = live.kind.template.owner;
            own == owner || own == PodOwner::Unknown
        };
        let is_owned = |live: &&Live| owner.is_none_or(|owner| may_own(live, owner));
        lives
            .iter()
            .filter(is_owned)
            .any(|live| scope.as_ref().is_none_or(|scope| *scope == live.namespace))
    };
    let everything = Query::default();
    let scopes: Vec<_> = scopes(cluster, request);
    let owners = scopes.iter().flat_map(|scope| {
        let between = [
            (Resource::ReplicaSets, PodOwner::ReplicaSets),
            (Resource::Jobs, PodOwner::Jobs),
        ];
        between
            .into_iter()
            .filter(|(_, owner)| has(scope, Some(*owner)))
            .map(move |(resource, _)| (resource, scope))
    });
    let everything = &everything;
    let owners = owners.map(|(resource, scope)| async move {
        (
            resource,
            scope,
            cluster
                .list(resource, scope.as_deref(), everything, |object| {
                    owned(&object)
                })
                .await,
        )
    });
    let owners: Vec<_> = stream::iter(owners).buffered(AT_ONCE).collect().await;
    let mut owner_of: BTreeMap<Owner, String> = BTreeMap::new();
    for (resource, scope, list) in owners {
        match list {
            Ok(list) => owner_of.extend(list),
            Err(error) => table.missed(resource, scope, &error),
        }
    }
    let wanted: BTreeSet<Owner> = lives
        .iter()
        .map(|live| (live.namespace.clone(), live.uid.clone()))
        .collect();
    let owners = owner_of
        .iter()
        .map(|((namespace, _), uid)| (namespace.clone(), uid.clone()));
    table.owners = owners.filter(|owner| wanted.contains(owner)).collect();
    let (owner_of, wanted) = (&owner_of, &wanted);
    // Drop other pods at once: there may be many.
    let read = |object: Value| {
        let pod = Pod::read(&object)?;
        let between = (pod.namespace.clone(), pod.controller.clone());
        let uid = owner_of.get(&between).cloned().unwrap_or(between.1);
        let owner = (between.0, uid);
        wanted.contains(&owner).then_some((owner, pod))
    };
    let pods = scopes
        .iter()
        .filter(|scope| has(scope, None))
        .map(|scope| async move {
            (
                scope,
                cluster
                    .list(Resource::Pods, scope.as_deref(), everything, read)
                    .await,
            )
        });
    let pods: Vec<_> = stream::iter(pods).buffered(AT_ONCE).collect().await;
    for (scope, list) in pods {
        match list {
            Ok(list) => list
                .into_iter()
                .for_each(|(owner, pod)| table.pods.entry(owner).or_default().push(pod)),
            Err(error) => table.missed(Resource::Pods, scope, &error),
        }
    }
    table
}

/// An object, and the uid of its controller.
fn owned(object: &Value) -> Option<(Owner, String)> {
    let metadata = object.get("metadata")?;
    let text = |key| Some(metadata.get(key)?.as_str()?.to_owned());
    Some((
        (text("namespace")?, text("uid")?),
        running::controller(metadata)?.to_owned(),
    ))
}

impl PodTable {
    /// The pods of a workload. Fails if the pods, or the objects between, could not be read.
    pub(super) fn of(&self, live: &Live) -> Result<&[Pod], &'static str> {
        let owner = live.kind.template.owner;
        let between: &[Resource<'_>] = match owner {
            PodOwner::ReplicaSets => &[Resource::ReplicaSets],
            PodOwner::Jobs => &[Resource::Jobs],
            PodOwner::Itself => &[],
            PodOwner::Unknown => &[Resource::ReplicaSets, Resource::Jobs],
        };
        let needed =
            |resource: &Resource<'_>| *resource == Resource::Pods || between.contains(resource);
        let own = (live.namespace.clone(), live.uid.clone());
        let here =
            |scope: &Option<String>| scope.as_ref().is_none_or(|scope| *scope == live.namespace);
        match self
            .unread
            .iter()
            .any(|(resource, scope)| needed(resource) && here(scope))
        {
            true => Err("its pods could not be read"),
            false if owner == PodOwner::Unknown && !self.owners.contains(&own) => {
                Err("its pods are unknown: no ReplicaSet and no Job is its own")
            }
            false => Ok(self.pods.get(&own).map(Vec::as_slice).unwrap_or_default()),
        }
    }

    fn missed(
        &mut self,
        resource: Resource<'static>,
        scope: &Option<String>,
        error: &ClusterError,
    ) {
        self.unread.push((resource, scope.clone()));
        self.problems.push(refused(error));
    }
}

/// Groups the workloads by the pull secrets that apply to them. Each problem of a secret becomes one warning.
pub(super) async fn by_pull_secrets<'l>(
    cluster: &Cluster,
    lives: &'l [Live],
    warnings: &mut Vec<String>,
) -> Vec<(Vec<PullSecret>, Vec<&'l Live>)> {
    let mut places: BTreeMap<(&str, &str, &[String]), Vec<&Live>> = BTreeMap::new();
    for live in lives {
        places
            .entry((&live.namespace, &live.service_account, &live.pull_secrets))
            .or_default()
            .push(live);
    }
    let asked = places
        .into_iter()
        .map(|((namespace, account, names), lives)| async move {
            (cluster.pull_secrets(namespace, account, names).await, lives)
        });
    let answered: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
    // Workloads without pull secrets form one group, because equal queries are sent once.
    let mut groups: Vec<(Vec<PullSecret>, Vec<&Live>)> = vec![(Vec::new(), Vec::new())];
    for (pulled, lives) in answered {
        warnings.extend(
            pulled
                .problems
                .iter()
                .map(|error| format!("{error}: {}", error.cause())),
        );
        match pulled.secrets.is_empty() {
            true => groups[0].1.extend(lives),
            false => groups.push((pulled.secrets, lives)),
        }
    }
    warnings.dedup();
    groups
}
