//! The API server of a cluster: lists by pages, JSON Patches, pull secrets.
//!
//! It finds the cluster as kubectl does, and needs no more than the roles in `deploy/` allow: `list` and `patch` on workloads,
//! `list` on what runs, and `get` on pull secrets if wanted. Objects stay JSON values, so that fields which this version does not
//! know are never lost. It decides nothing: changes are planned elsewhere.
//!
//! The parts: `kubeconfig` finds the cluster, `identity` and `plugin` authenticate, `proxy` and `client` connect, `connection`
//! sends and retries, `discovery` asks which kinds there are, `resource` has names and paths, `page` reads lists, `status` reads refusals, `error` describes failures.

mod client;
mod connection;
mod discovery;
mod error;
mod identity;
mod kubeconfig;
mod page;
mod plugin;
mod proxy;
mod resource;
mod secrets;
mod settings;
mod status;

use http::Method;
use serde_json::Value;

use connection::{Answer, Connection, Question};
use error::{Permission, Why};
use resource::{Names, query};

pub use discovery::Served;
pub use error::ClusterError;
pub use resource::{Query, Resource};
pub use secrets::Pulled;
pub use settings::{Limits, Settings};

use super::registry::fault::Fault;
use crate::engine::shape::PodKind;

/// How often a list may expire before the run gives up.
const MAX_EXPIRED: u32 = 3;
/// The name that `metadata.managedFields` records for changes.
const FIELD_MANAGER: &str = "imago";

/// Whether the server keeps a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Send {
    /// The server keeps it.
    ForReal,
    /// The server does everything except keep it (`dryRun=All`).
    DryRun,
}

/// A cluster. Requests may run concurrently.
pub struct Cluster {
    connection: Connection,
    limits: Limits,
}

impl Cluster {
    /// Finds the cluster and reads what its kubeconfig refers to. Runs a credential plugin, but does not contact the server.
    pub async fn connect(settings: &Settings) -> Result<Self, ClusterError> {
        let failed = |why| ClusterError::new("find the cluster", why);
        let target = kubeconfig::find(settings).map_err(failed)?;
        let connection = Connection::open(target, settings).await.map_err(failed)?;
        Ok(Self {
            connection,
            limits: settings.limits,
        })
    }

    /// The namespace of the context or of the service account; otherwise `default`.
    pub fn namespace(&self) -> &str {
        self.connection.namespace()
    }

    /// The cluster's name in messages: ``context `prod` (https://10.0.0.1:6443)``.
    pub fn name(&self) -> String {
        let (context, server) = self.connection.server();
        let server = server.to_string();
        let server = server.trim_end_matches('/');
        match context {
            Some(context) => format!("context `{context}` ({server})"),
            None => format!("the cluster of this pod ({server})"),
        }
    }

    /// Lists a resource in one namespace, or in all, and returns what `keep` returns for each object, in the server's order.
    ///
    /// Each object has its `kind` and `apiVersion`, and no `managedFields`. If the list expires while it is read, it starts over:
    /// earlier results are dropped, and `keep` sees the objects again.
    pub async fn list<T>(
        &self,
        resource: Resource<'_>,
        namespace: Option<&str>,
        query: &Query,
        mut keep: impl FnMut(Value) -> Option<T>,
    ) -> Result<Vec<T>, ClusterError> {
        let names = resource.names();
        let place = namespace.map_or_else(
            || "in all namespaces".to_owned(),
            |namespace| format!("in the namespace `{namespace}`"),
        );
        let failed = |why| ClusterError::new(format!("list `{}` {place}", names.plural), why);
        for _ in 0..MAX_EXPIRED {
            let mut kept = Vec::new();
            let whole = self
                .pages(resource, namespace, query, &mut |object| {
                    kept.extend(keep(object))
                })
                .await
                .map_err(failed)?;
            if whole {
                return Ok(kept);
            }
        }
        Err(failed(Why::ListExpired { times: MAX_EXPIRED }))
    }

    /// Reads a list page by page. Returns `false` if it expired before its end.
    async fn pages(
        &self,
        resource: Resource<'_>,
        namespace: Option<&str>,
        wanted: &Query,
        take: &mut dyn FnMut(Value),
    ) -> Result<bool, Why> {
        let names = resource.names();
        let (mut size, mut next) = (self.limits.page.max(1), String::new());
        // A server may send more in a page than it was asked for.
        let (mut objects, most) = (0, size as usize * self.limits.pages);
        for _ in 0..self.limits.pages {
            let parameters = query(&[
                ("limit", &size.to_string()),
                ("labelSelector", &wanted.labels),
                ("fieldSelector", &wanted.fields),
                ("continue", &next),
            ]);
            let question = Question {
                method: Method::GET,
                path: names.path(namespace) + &parameters,
                accept: resource.accept(),
                body: None,
                permission: permission("list", names, namespace),
            };
            let bytes = match self.connection.ask(&question).await {
                Ok(Answer::Done(bytes)) => bytes,
                Ok(Answer::Gone) => return Ok(false),
                Err(Why::Fault {
                    fault: Fault::TooLarge(_),
                    ..
                }) if size > 1 => {
                    size /= 2;
                    continue;
                }
                Err(why) => return Err(why),
            };
            let before = std::mem::replace(
                &mut next,
                page::read(&bytes, names, &mut |object| {
                    objects += 1;
                    take(object);
                })
                .map_err(|error| not_an_api_server(&error))?,
            );
            if objects > most {
                break;
            }
            if next.is_empty() {
                return Ok(true);
            }
            if next == before {
                return Err(Why::NotAnApiServer {
                    reason: "a list whose next page is the page itself".to_owned(),
                });
            }
        }
        Err(Why::ListTooLong {
            pages: self.limits.pages,
        })
    }

    /// Sends a JSON Patch and returns the object after it. Retries only if the patch was certainly not carried out.
    pub async fn patch(
        &self,
        kind: &PodKind,
        namespace: &str,
        name: &str,
        patch: &[Value],
        send: Send,
    ) -> Result<Value, ClusterError> {
        let names = Resource::Workloads(kind).names();
        let failed =
            |why| ClusterError::new(format!("change {namespace}/{}/{name}", names.kind), why);
        let dry_run = match send {
            Send::ForReal => "",
            Send::DryRun => "All",
        };
        let body = serde_json::to_vec(patch).expect("values have text keys alone");
        let question = Question {
            method: Method::PATCH,
            path: names.object(namespace, name)
                + &query(&[("fieldManager", FIELD_MANAGER), ("dryRun", dry_run)]),
            accept: "application/json",
            body: Some(("application/json-patch+json", body)),
            permission: permission("patch", names, Some(namespace)),
        };
        let bytes = self.done(&question).await.map_err(failed)?;
        page::object(&bytes, names).map_err(|error| failed(not_an_api_server(&error)))
    }

    /// The body of the answer to a request that cannot answer 410.
    async fn done(&self, question: &Question) -> Result<Vec<u8>, Why> {
        match self.connection.ask(question).await? {
            Answer::Done(bytes) => Ok(bytes),
            Answer::Gone => Err(Why::NotFound {
                text: "it is gone".to_owned(),
            }),
        }
    }
}

fn permission(verb: &'static str, names: Names<'_>, namespace: Option<&str>) -> Permission {
    Permission {
        verb,
        group: names.group.into(),
        resource: names.plural.into(),
        namespace: namespace.map(str::to_owned),
    }
}

/// The answer is not quoted, because it may be anything.
fn not_an_api_server(error: &serde_json::Error) -> Why {
    Why::NotAnApiServer {
        reason: format!(
            "it is not the JSON of an object, from line {}, column {}",
            error.line(),
            error.column()
        ),
    }
}
