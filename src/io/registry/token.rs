//! Tokens: one for each repository, got once, reused while it lasts, renewed once when a registry refuses it.
//!
//! Follows the distribution project's "Token Authentication" and its OAuth2 form. The scope is always our own. Credentials go to
//! the realm that the registry named, and only if it may be trusted with them: not over plain http unless the registry is, and
//! not to a private address that the registry could not be on.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::challenge::LISTS;
use super::destination::Destination;
use super::host::{Kept, Token};
use super::refusal::{self, SignedAs, of_credentials, refusal, refused_before};
use super::retry::Asked;
use super::trace::{Step, Way};
use super::transport::{Reply, Request, authority};
use super::{Registry, basic};
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::io::credentials::{Credentials, Freshness, Secret, SecretKind};

/// How long a token lasts that does not say so, by the specification.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// A token is not used in its last seconds: it must still be good when it arrives.
const MARGIN: Duration = Duration::from_secs(5);
/// The media type of what a token server is asked with.
const FORM: &str = "application/x-www-form-urlencoded";

/// A token to send, and which one of its repository it is.
pub(super) struct Granted {
    pub(super) token: Token,
    pub(super) generation: u32,
}

/// A token that the registry has just refused.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub(super) generation: u32,
    /// Whether the registry wants another one (401), instead of saying that this one may not (403).
    pub(super) wants_another: bool,
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

/// What a token is for.
#[derive(Clone, Copy)]
enum Purpose {
    /// To read the repository.
    Repository,
    /// To find out whether credentials are good: it names no repository.
    SignIn,
}

/// Who gives tokens, and for what.
#[derive(Clone, Copy)]
pub(super) struct Realm<'o> {
    pub(super) url: &'o Url,
    pub(super) service: Option<&'o str>,
    pub(super) for_lists: bool,
}

impl Registry {
    /// The repository's token: the kept one, or a new one where there is none, where it is over, or where it is the refused one.
    /// `None`: the refused one was a second one already, and a third would be no better. It is where the registry took the second one
    /// for a while and now wants another: then it ran out before its time.
    pub(super) async fn token(
        &self,
        to: &Destination,
        realm: Realm<'_>,
        refused: Option<Refused>,
        way: &Way<'_>,
    ) -> Result<Option<Granted>, Refusal> {
        let place = to.host.token(&to.target.repository, to.secret);
        let mut kept = place.lock().await;
        let mut generation = 0;
        if let Some(kept) = kept.as_ref() {
            generation = kept.generation + 1;
            let refused = refused.filter(|refused| refused.generation == kept.generation);
            match &kept.outcome {
                Err(refusal) => return Err(refusal.clone()),
                Ok(token) if refused.is_none() && Instant::now() < token.until => {
                    return Ok(Some(Granted {
                        token: token.clone(),
                        generation: kept.generation,
                    }));
                }
                Ok(token) => {
                    let ran_out =
                        |refused: Refused| refused.wants_another && token.taken.load(Relaxed);
                    if kept.renewed && refused.is_some_and(|refused| !ran_out(refused)) {
                        return Ok(None);
                    }
                }
            }
        }
        let outcome = self.fetch(to, realm, refused.is_some(), way).await;
        *kept = Some(Kept {
            generation,
            renewed: refused.is_some(),
            outcome: outcome.clone(),
        });
        Ok(Some(Granted {
            token: outcome?,
            generation,
        }))
    }

    async fn fetch(
        &self,
        to: &Destination,
        realm: Realm<'_>,
        renew: bool,
        way: &Way<'_>,
    ) -> Result<Token, Refusal> {
        self.check_realm(to, realm.url).await?;
        let freshness = if renew {
            Freshness::Fresh
        } else {
            Freshness::Kept
        };
        let credentials = self.credentials(to, freshness, way).await?;
        match self
            .exchange_in_turn(to, realm, credentials.as_ref(), way)
            .await
        {
            Err(refusal) if refusal.code == Code::CredentialsRefused && !renew => {
                let fresh = self.credentials(to, Freshness::Fresh, way).await?;
                if fresh == credentials {
                    return Err(refusal);
                }
                self.exchange_in_turn(to, realm, fresh.as_ref(), way).await
            }
            outcome => outcome,
        }
    }

    async fn check_realm(&self, to: &Destination, realm: &Url) -> Result<(), Refusal> {
        let shown = self.known.hide(&authority(realm));
        let refused = |reason: &str| {
            let cause = format!(
                "`{}` names the token server `{shown}`, {reason}",
                to.host.name
            );
            refusal(
                Code::Challenge,
                cause,
                "tell the registry's administrator; credentials are not sent there",
            )
        };
        if realm.scheme() != "https" && to.base.scheme() == "https" {
            return Err(refused("which is asked over plain http"));
        }
        match self.transport.may_lead(&to.base, realm).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused("which is at a private address")),
            Err(fault) => Err(fault.refusal(&shown)),
        }
    }

    /// The credentials for a repository, noted on its way. The registry that is asked as nobody gets none of any kind.
    pub(super) async fn credentials(
        &self,
        to: &Destination,
        freshness: Freshness,
        way: &Way<'_>,
    ) -> Result<Option<Credentials>, Refusal> {
        let found = self.found(to, freshness).await?;
        way.note(match &found {
            Some(credentials) => Step::SignedIn {
                source: credentials.source.to_string(),
            },
            None if self.asks_as_nobody(&to.target) => Step::Nobody,
            None => Step::Anonymous,
        });
        Ok(found)
    }

    /// The credentials that are a token already, which no token server is asked for.
    pub(super) async fn registry_token(
        &self,
        to: &Destination,
        freshness: Freshness,
        way: &Way<'_>,
    ) -> Result<Option<Credentials>, Refusal> {
        let found = self
            .found(to, freshness)
            .await?
            .filter(|credentials| credentials.kind == SecretKind::RegistryToken);
        if let Some(credentials) = &found {
            way.note(Step::SignedIn {
                source: credentials.source.to_string(),
            });
        }
        Ok(found)
    }

    /// The one way to a registry's secrets: whoever may not be sent any has none.
    async fn found(
        &self,
        to: &Destination,
        freshness: Freshness,
    ) -> Result<Option<Credentials>, Refusal> {
        if self.asks_as_nobody(&to.target) {
            return Ok(None);
        }
        let found = self
            .store
            .find(
                &to.target.registry,
                &to.target.repository,
                to.secret,
                freshness,
            )
            .await;
        let found = found.map_err(|error| of_credentials(&error))?;
        if let Some(credentials) = &found {
            self.known.add(&credentials.secret);
        }
        Ok(found)
    }

    /// Asks the token server when it is the credentials' turn. A token for them shows that they are good, whatever the registry
    /// says to it. The last try is one to sign in.
    async fn exchange_in_turn(
        &self,
        to: &Destination,
        realm: Realm<'_>,
        credentials: Option<&Credentials>,
        way: &Way<'_>,
    ) -> Result<Token, Refusal> {
        let Some(credentials) = credentials else {
            return self
                .exchange(to, realm, Purpose::Repository, None, way)
                .await;
        };
        let turn = to.host.shared.trials.of(credentials).turn().await;
        let turn = turn.ok_or_else(|| {
            refused_before(&to.host.name, &to.target.registry, &credentials.source)
        })?;
        let ask = async |purpose| {
            let outcome = self
                .exchange(to, realm, purpose, Some(credentials), way)
                .await;
            if outcome.is_ok() {
                turn.taken();
            }
            outcome
        };
        let outcome = match turn.is_last() {
            true => match ask(Purpose::SignIn).await {
                Err(refusal) if refusal.code == Code::CredentialsRefused => Err(refusal),
                // A server that gives no token without a repository says nothing of the credentials.
                _ => ask(Purpose::Repository).await,
            },
            false => ask(Purpose::Repository).await,
        };
        if let Err(refusal) = &outcome
            && refusal.code == Code::CredentialsRefused
        {
            turn.refused();
        }
        outcome
    }

    /// Asks the token server, in the way that the credentials need.
    async fn exchange(
        &self,
        to: &Destination,
        realm: Realm<'_>,
        purpose: Purpose,
        credentials: Option<&Credentials>,
        way: &Way<'_>,
    ) -> Result<Token, Refusal> {
        let Realm {
            url: realm,
            service,
            for_lists,
        } = realm;
        let lists = if for_lists {
            [",", LISTS].concat()
        } else {
            String::new()
        };
        let scope = match purpose {
            Purpose::Repository => Some(format!("repository:{}:pull{lists}", to.target.repository)),
            Purpose::SignIn => None,
        };
        let signed = credentials.map_or(SignedAs::Nobody, |credentials| {
            SignedAs::Credentials(credentials.source.clone())
        });
        if let Some(credentials) =
            credentials.filter(|credentials| credentials.kind == SecretKind::IdentityToken)
        {
            let mut form = vec![("grant_type", "refresh_token"), ("client_id", "imago")];
            form.extend(scope.as_deref().map(|scope| ("scope", scope)));
            form.extend(service.map(|service| ("service", service)));
            form.push(("refresh_token", credentials.secret.expose()));
            self.known.add(&Secret::new(
                form_encode(&[("", credentials.secret.expose())]).trim_start_matches('='),
            ));
            let form = Secret::new(form_encode(&form));
            let request = Request {
                method: Method::POST,
                url: realm.clone(),
                authorization: None,
                accept: None,
                headers: &[],
                body: Some((FORM, &form)),
                most: self.limits.body,
            };
            let reply = self.ask_token(realm, &request, way).await?;
            // A server without the OAuth2 form: the older one takes the same token as a password.
            if !matches!(reply.status, 404 | 405) {
                return self.read_token(&reply, realm, &to.target.registry, signed);
            }
        }
        let mut url = realm.clone();
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        if let Some(scope) = &scope {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        let header = credentials.map(|credentials| basic(credentials, &self.known));
        let request = Request {
            method: Method::GET,
            url,
            authorization: header.as_ref(),
            accept: None,
            headers: &[],
            body: None,
            most: self.limits.body,
        };
        let reply = self.ask_token(realm, &request, way).await?;
        self.read_token(&reply, realm, &to.target.registry, signed)
    }

    async fn ask_token(
        &self,
        realm: &Url,
        request: &Request<'_>,
        way: &Way<'_>,
    ) -> Result<Reply, Refusal> {
        let host = self
            .transport
            .host(realm, self.known.hide(&authority(realm)));
        let mut asked = Asked::new("token".to_owned(), self.limits.tries);
        self.until_answered(&host, request, &mut asked, way).await
    }

    fn read_token(
        &self,
        reply: &Reply,
        realm: &Url,
        registry: &str,
        signed: SignedAs,
    ) -> Result<Token, Refusal> {
        let host = self.known.hide(&authority(realm));
        if reply.status != 200 {
            return Err(match reply.status {
                // The OAuth2 form says 400 to a token that it does not know.
                400 | 401 if signed != SignedAs::Nobody => refusal::unauthorized(
                    &format!("the token server `{host}` answered {}", reply.status),
                    registry,
                    &signed,
                ),
                status => refusal::of_token_status(status, &reply.body, &host, registry, &signed),
            });
        }
        let unusable = |what: &str| {
            refusal(
                Code::Token,
                format!("the token server `{host}` {what}"),
                "tell the registry's administrator",
            )
        };
        let answer: Answer = serde_json::from_slice(&reply.body)
            .map_err(|_| unusable("did not answer with the expected JSON"))?;
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let Some(token) = filled(answer.token).or_else(|| filled(answer.access_token)) else {
            return Err(unusable("answered without a token"));
        };
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable("answered with a token that no header may hold"));
        }
        let seconds = answer
            .expires_in
            .filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        let life = seconds.map_or(DEFAULT_LIFE, |seconds| {
            Duration::from_secs_f64(seconds.min(86_400.0))
        });
        let until = Instant::now() + life.saturating_sub(MARGIN).max(life / 2);
        self.known.add(&Secret::new(token.clone()));
        let signed = match signed {
            SignedAs::Credentials(source) => SignedAs::TokenFor(source),
            other => other,
        };
        Ok(Token {
            header: Secret::new(format!("Bearer {token}")),
            until,
            signed,
            taken: Arc::default(),
        })
    }
}

fn form_encode(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form.invalid/").expect("it is a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_its_values_whole() {
        assert_eq!(
            form_encode(&[("a", "x=&+ é"), ("b", "")]),
            "a=x%3D%26%2B+%C3%A9&b="
        );
    }
}
