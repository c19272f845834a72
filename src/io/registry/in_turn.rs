//! The questions of a run, each asked with one pull secret after the other where a workload has several for one host.
//!
//! The kubelet does so: two secrets for a host are as often two accounts with a repository each as an old password and a new one.
//! What a docker config has is tried as Docker does it, the closest entry alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, timeout_at};

use super::destination::Destination;
use super::manifest::{self, Malformed};
use super::refusal::{of_credentials, refusal};
use super::settings::NewDigests;
use super::shared::Shared;
use super::trace::Way;
use super::{Registry, map, not_a_manifest, schema_1};
use crate::engine::answer::{Details, Manifest, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::engine::version::{Built, TagList};
use crate::io::resolver::Resolver;

/// So many questions have begun at once: each takes some kilobytes, and a run may have 100 000.
const MOST_BEGUN: usize = 1024;
/// So many of one host, so that a slow one leaves room for others. It is more than have a request under way; one that pauses before another
/// try is among them.
const MOST_BEGUN_OF_HOST: usize = 64;

impl Resolver for Registry {
    async fn resolve(&self, lookup: &Lookup) -> Result<Digest, Refusal> {
        let work = || {
            self.in_turn(lookup, |to, way| {
                Box::pin(way.registry.digest(to, way.lookup, way))
            })
        };
        self.digests.ask(lookup.clone(), work).await
    }

    async fn details(
        &self,
        lookup: &Lookup,
        digest: &Digest,
        is_enough: fn(&Details) -> bool,
    ) -> Result<Option<Details>, Refusal> {
        let (mut details, mut at) = (Details::default(), digest.clone());
        // The images of an index that stands in an index are those of the outer one.
        for _ in 0..2 {
            let Some(manifest) = self.manifest(lookup, &at).await? else {
                return Ok(None);
            };
            details.or(self.noted(lookup, &at));
            match manifest {
                Manifest::Other(_) => return Ok(None),
                Manifest::Image(_) => break,
                Manifest::Index(_) if is_enough(&details) => break,
                Manifest::Index(index) => match index.usual() {
                    Some(image) => at = image.clone(),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(details))
    }

    async fn tags(&self, lookup: &Lookup) -> Result<Arc<TagList>, Refusal> {
        let work = || self.in_turn(lookup, |to, way| Box::pin(way.registry.read_tags(to, way)));
        let repository = map::target(&self.maps, lookup).0;
        self.tags.ask(repository, work).await
    }

    async fn pushed(
        &self,
        lookup: &Lookup,
        tags: &[&str],
    ) -> Result<Option<BTreeMap<String, Built>>, Refusal> {
        let work = async {
            let way = Way {
                registry: self,
                lookup,
            };
            let to = self.destination(lookup, &way).await?;
            self.read_pushes(&to, tags, &way).await
        };
        self.within_run(work).await
    }

    async fn manifest(
        &self,
        lookup: &Lookup,
        digest: &Digest,
    ) -> Result<Option<Manifest>, Refusal> {
        let question = (map::target(&self.maps, lookup).0, digest.clone());
        let work = || {
            self.within_run(async {
                let way = Way {
                    registry: self,
                    lookup,
                };
                let to = self.known_destination(&way).await?;
                let read = self.read(&to, digest, 0, &way).await;
                read.map_err(|refusal| self.as_passed_on(&to, refusal))
            })
        };
        self.manifests.ask(question, work).await
    }

    async fn verify(&self, lookup: &Lookup, digest: &Digest) -> Result<bool, Refusal> {
        if self.new_digests == NewDigests::Trust {
            return Ok(true);
        }
        self.within_run(async {
            let way = Way {
                registry: self,
                lookup,
            };
            let to = self.known_destination(&way).await?;
            let bytes = self
                .bytes(
                    &to,
                    &format!("manifests/{digest}"),
                    digest,
                    Some(manifest::ACCEPT),
                    &way,
                )
                .await
                .map_err(|refusal| self.as_passed_on(&to, refusal))?;
            match bytes.as_deref().map(manifest::parse) {
                None => Ok(false),
                Some(Ok(_)) => Ok(true),
                // Its bytes were not held against the digest.
                Some(Err(Malformed::Schema1)) => Err(schema_1(&to)),
                Some(Err(Malformed::NotAManifest)) => Err(not_a_manifest(&to)),
            }
        })
        .await
    }
}

/// A question to a registry.
type Ask<T> = for<'a> fn(&'a Destination, &'a Way<'a>) -> BoxFuture<'a, Result<T, Refusal>>;

/// How many questions have begun, of all hosts and of each: at least as many as may have a request under way.
pub(super) fn begun(concurrency: usize, per_host: usize) -> Shared {
    Shared::new(
        MOST_BEGUN.max(concurrency),
        MOST_BEGUN_OF_HOST.max(per_host),
    )
}

impl Registry {
    /// Asks when there is room for a question, with one pull secret after the other.
    async fn in_turn<T>(&self, lookup: &Lookup, ask: Ask<T>) -> Result<T, Refusal> {
        let host = self.questions.of(lookup.registry());
        let _of_host = host.slots.acquire().await.expect("it is never closed");
        let _of_all = (self.questions.slots.acquire().await).expect("it is never closed");
        self.within_run(async {
            let way = Way {
                registry: self,
                lookup,
            };
            let (mut to, mut first) = (self.destination(lookup, &way).await?, None);
            loop {
                match ask(&to, &way).await {
                    Ok(answer) => return Ok(self.with_this_secret(to, answer)),
                    Err(refusal) => self.next_secret(&mut to, &mut first, refusal)?,
                }
            }
        })
        .await
    }

    /// Ends a question when the run's time is over.
    ///
    /// It is boxed before it is part of any other future: each layer of futures around it would take its size once more.
    fn within_run<T>(
        &self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> impl Future<Output = Result<T, Refusal>> {
        let work = Box::pin(work);
        async {
            let deadline = *self
                .deadline
                .get_or_init(|| Instant::now() + self.limits.run);
            timeout_at(deadline, work).await.unwrap_or_else(|_| {
                let cause = format!(
                    "all registries together took more than {} s",
                    self.limits.run.as_secs_f64()
                );
                Err(refusal(Code::Timeout, cause, "try again later"))
            })
        }
    }

    /// The destination with the pull secret that was of use.
    async fn known_destination(&self, way: &Way<'_>) -> Result<Destination, Refusal> {
        let mut to = self.destination(way.lookup, way).await?;
        let secrets = &self.secrets;
        let known = (secrets.lock().expect("no holder of this lock panics"))
            .get(&to.target)
            .copied();
        to.secret = known.unwrap_or_default();
        Ok(to)
    }

    /// A refusal names the proxy that may have caused it itself: a portal's redirect or a 403 of its rules look like the registry's.
    fn as_passed_on(&self, to: &Destination, mut refusal: Refusal) -> Refusal {
        if refusal.code != Code::Proxy
            && let Some(proxy) = self.transport.spokesman(&to.base, refusal.code)
        {
            refusal.cause +=
                &format!(" (asked through the proxy `{proxy}`, which may have said so itself)");
            if matches!(refusal.code, Code::Forbidden | Code::Unauthorized) {
                let hint = "look at the rules of the proxy before you change credentials";
                refusal.hint = Some(hint.to_owned());
            }
        }
        refusal
    }

    /// Remembers which pull secret was of use.
    fn with_this_secret<T>(&self, to: Destination, answer: T) -> T {
        self.secrets
            .lock()
            .expect("no holder of this lock panics")
            .insert(to.target, to.secret);
        answer
    }

    /// Goes on to the next pull secret, or gives up with the first one's refusal: that is the one that a person expects to count.
    fn next_secret(
        &self,
        to: &mut Destination,
        first: &mut Option<Refusal>,
        refusal: Refusal,
    ) -> Result<(), Refusal> {
        let has_another = self.has_another(to, &refusal)?;
        let first = first.get_or_insert(refusal);
        if !has_another {
            return Err(self.as_passed_on(to, first.clone()));
        }
        to.secret += 1;
        Ok(())
    }

    /// Whether the refusal is one of who we were, and there is another pull secret that may fare better.
    fn has_another(&self, to: &Destination, refusal: &Refusal) -> Result<bool, Refusal> {
        // Some registries say that what somebody may not see is not there.
        let of_who_we_were = matches!(
            refusal.code,
            Code::CredentialsRefused | Code::Forbidden | Code::NotFound | Code::NameUnknown
        );
        if !of_who_we_were || to.host.offer().is_none() || self.asks_as_nobody(&to.target) {
            return Ok(false);
        }
        let count = self
            .store
            .count_pull_secrets(&to.target.registry, &to.target.repository);
        Ok(to.secret + 1 < count.map_err(|error| of_credentials(&error))?)
    }
}
