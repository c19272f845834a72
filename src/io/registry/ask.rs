//! One question to one repository, signed in as the registry wants it.
//!
//! A host's first question finds out how it wants us to sign in; the others use what was learnt. Whoever is refused is refused
//! after one more try with fresh credentials, never in a circle.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use reqwest::Method;

use super::challenge::{self, Challenge};
use super::destination::Destination;
use super::refusal::{SignedAs, passes, refusal, refused_before, unauthorized};
use super::retry::Asked;
use super::token::{Granted, Realm, Refused};
use super::trace::Way;
use super::transport::{Reply, Request};
use super::trial::Trial;
use super::{Registry, basic};
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::io::credentials::{Freshness, Secret, SecretKind, Source};

/// An answer, and who we were when it was given.
pub(super) struct Answered {
    pub(super) reply: Reply,
    pub(super) signed: SignedAs,
}

/// How we sign in for one request.
struct Pass {
    header: Option<Secret>,
    signed: SignedAs,
    /// The token, where it is one, and which one of its repository.
    token: Option<Granted>,
    /// Where it is the credentials themselves: what is known of them, and where they were found.
    trial: Option<(Arc<Trial>, Source)>,
}

impl Registry {
    /// Asks for a manifest, a blob or tags (`what` is `manifests/1.4`), signed in as needed. The status may still be an error's.
    pub(super) async fn ask<'a>(
        &self,
        to: &'a Destination,
        method: &Method,
        asked: &mut Asked<'a>,
        accept: Option<&'static str>,
        way: &Way<'_>,
    ) -> Result<Answered, Refusal> {
        asked.enter(&to.host).await?;
        let outcome = self.ask_signed_in(to, method, asked, accept, way).await;
        match &outcome {
            Err(refusal) if refusal.code == Code::CredentialsRefused => {}
            Ok(Answered {
                reply,
                signed: SignedAs::Credentials(_),
            }) if reply.status == 401 && reply.direct => {}
            _ => to.host.settle(),
        }
        asked.leave();
        outcome
    }

    async fn ask_signed_in<'a>(
        &self,
        to: &'a Destination,
        method: &Method,
        asked: &mut Asked<'a>,
        accept: Option<&'static str>,
        way: &Way<'_>,
    ) -> Result<Answered, Refusal> {
        let mut url = to
            .base
            .join(&format!("v2/{}/{}", to.target.repository, asked.what()))
            .map_err(|_| {
                refusal(
                    Code::NameNotResolved,
                    format!("`{}` is not a host", to.target.registry),
                    "check the registry's name",
                )
            })?;
        url.set_query(asked.query());
        let mut pass = match to.host.offer() {
            Some(offer) => self.sign_in(to, &offer, None, way).await?,
            None => None,
        };
        let mut renewed = false;
        loop {
            let authorization = pass.as_ref().and_then(|pass| pass.header.as_ref());
            let request = Request {
                method: method.clone(),
                url: url.clone(),
                authorization,
                accept,
                headers: &[],
                body: None,
                most: asked.most().unwrap_or(self.limits.body),
            };
            let turn =
                match pass.as_ref().and_then(|pass| pass.trial.as_ref()) {
                    Some((trial, source)) => Some(trial.turn().await.ok_or_else(|| {
                        refused_before(&to.host.name, &to.target.registry, source)
                    })?),
                    None => None,
                };
            let turn = match (turn, authorization) {
                (Some(turn), Some(header)) if turn.is_last() => {
                    match self.is_signed_in(to, header, way).await {
                        Some(true) => turn.taken(),
                        Some(false) => {
                            turn.refused();
                            let signed = pass.as_ref().map(|pass| &pass.signed);
                            let answered = format!("`{}` answered 401 Unauthorized", to.host.name);
                            return Err(unauthorized(
                                &answered,
                                &to.target.registry,
                                signed.unwrap_or(&SignedAs::Nobody),
                            ));
                        }
                        None => {}
                    }
                    Some(turn)
                }
                (turn, _) => turn,
            };
            let reply = self.until_answered(&to.host, &request, asked, way).await?;
            match (turn, reply.status) {
                (Some(turn), 401) if reply.direct => turn.refused(),
                // A host that is busy, or failing, has not looked at them.
                (Some(turn), status) if !passes(status) => turn.taken(),
                _ => {}
            }
            let refused = matches!(reply.status, 401 | 403) && reply.direct && !renewed;
            let signed = pass
                .as_ref()
                .map_or(SignedAs::Nobody, |pass| pass.signed.clone());
            if let Some(granted) = pass.as_ref().and_then(|pass| pass.token.as_ref())
                && (200..300).contains(&reply.status)
            {
                granted.token.taken.store(true, Relaxed);
            }
            if !refused {
                return Ok(Answered { reply, signed });
            }
            let next = match &pass {
                None => match self.offer(to, method, &reply, way).await? {
                    Some(offer) => {
                        asked.enter(&to.host).await?;
                        self.sign_in(to, &offer, None, way).await?
                    }
                    None => None,
                },
                Some(pass) => {
                    renewed = true;
                    match Self::offer_again(to, &reply) {
                        Some(offer) => {
                            let refused = (pass, reply.status);
                            self.sign_in(to, &offer, Some(refused), way).await?
                        }
                        None => None,
                    }
                }
            };
            let Some(next) = next else {
                return Ok(Answered { reply, signed });
            };
            // Signing in is not another try of the question.
            asked.go_on();
            pass = Some(next);
        }
    }

    /// How a host that refused an unsigned question wants us to sign in. One that says 403 without a word is asked where it must
    /// say; one that says 401 without a word to HEAD may have the word for GET.
    async fn offer(
        &self,
        to: &Destination,
        method: &Method,
        reply: &Reply,
        way: &Way<'_>,
    ) -> Result<Option<Challenge>, Refusal> {
        let mut offer = challenge::offered(&reply.headers);
        if offer.is_none() && reply.status == 403 {
            let reply = self.ask_host(to, None, way).await?;
            offer =
                challenge::offered(&reply.headers).filter(|_| reply.direct && reply.status == 401);
        }
        match &offer {
            Some(offer) => to.host.wants(offer.clone().in_general()),
            None if reply.status == 401 && method != Method::HEAD => {
                let cause = format!(
                    "`{}` answered 401 Unauthorized without a way to sign in that can be used",
                    to.host.name
                );
                return Err(refusal(
                    Code::Challenge,
                    cause,
                    "check the registry's name; Basic and Bearer with a URL as realm can be used",
                ));
            }
            None => {}
        }
        Ok(offer)
    }

    /// Asks a host without naming a repository, as `docker login` does.
    async fn ask_host(
        &self,
        to: &Destination,
        authorization: Option<&Secret>,
        way: &Way<'_>,
    ) -> Result<Reply, Refusal> {
        let url = to.base.join("v2/").expect("a path can be joined to a host");
        let request = Request {
            method: Method::GET,
            url,
            authorization,
            accept: None,
            headers: &[],
            body: None,
            most: self.limits.body,
        };
        let mut asked = Asked::new("v2/".to_owned(), self.limits.tries);
        self.until_answered(&to.host, &request, &mut asked, way)
            .await
    }

    /// Whether a host takes a password, whatever it says of a repository. `None`: it does not tell, such as one that lets everybody in.
    async fn is_signed_in(
        &self,
        to: &Destination,
        authorization: &Secret,
        way: &Way<'_>,
    ) -> Option<bool> {
        if !authorization.expose().starts_with("Basic ") {
            return None;
        }
        let unsigned = self.ask_host(to, None, way).await.ok()?;
        if unsigned.status != 401 || !unsigned.direct {
            return None;
        }
        let signed = self.ask_host(to, Some(authorization), way).await.ok()?;
        match signed.status {
            200..300 if signed.direct => Some(true),
            401 if signed.direct => Some(false),
            _ => None,
        }
    }

    /// The way to sign in after a refusal, for this question alone: what one repository says must not mislead the host's others.
    /// A token server stays, even if the refusal (Harbor's) names Basic alone.
    fn offer_again(to: &Destination, reply: &Reply) -> Option<Challenge> {
        let offered = challenge::offered(&reply.headers);
        offered
            .filter(|offer| matches!(offer, Challenge::Bearer { .. }))
            .or_else(|| to.host.offer())
    }

    /// What to send, by the host's offer. `refused` is what was sent last, with the status of the answer. `None`: there are no
    /// credentials, or none but those that were refused.
    async fn sign_in(
        &self,
        to: &Destination,
        offer: &Challenge,
        refused: Option<(&Pass, u16)>,
        way: &Way<'_>,
    ) -> Result<Option<Pass>, Refusal> {
        let freshness = if refused.is_some() {
            Freshness::Fresh
        } else {
            Freshness::Kept
        };
        let direct = match offer {
            Challenge::Basic => self.credentials(to, freshness, way).await?,
            Challenge::Bearer { .. } => self.registry_token(to, freshness, way).await?,
        };
        if let Some(credentials) = direct {
            let header = match credentials.kind {
                SecretKind::RegistryToken => {
                    Secret::new(format!("Bearer {}", credentials.secret.expose()))
                }
                SecretKind::Password | SecretKind::IdentityToken => {
                    basic(&credentials, &self.known)
                }
            };
            let same = refused.is_some_and(|(pass, _)| pass.header.as_ref() == Some(&header));
            let trial = Some((
                to.host.shared.trials.of(&credentials),
                credentials.source.clone(),
            ));
            let signed = SignedAs::Credentials(credentials.source);
            return Ok((!same).then_some(Pass {
                header: Some(header),
                signed,
                token: None,
                trial,
            }));
        }
        let Challenge::Bearer {
            realm,
            service,
            for_lists,
        } = offer
        else {
            return Ok(None);
        };
        let realm = Realm {
            url: realm,
            service: service.as_deref(),
            for_lists: *for_lists,
        };
        let refused = refused.and_then(|(pass, status)| {
            Some(Refused {
                generation: pass.token.as_ref()?.generation,
                wants_another: status == 401,
            })
        });
        let granted = self.token(to, realm, refused, way).await?;
        Ok(granted.map(|granted| Pass {
            header: Some(granted.token.header.clone()),
            signed: granted.token.signed.clone(),
            token: Some(granted),
            trial: None,
        }))
    }
}
