//! Sends requests and reads answers: authentication, limits of time and size, and retries.
//!
//! Only passing failures are retried. A change is retried only if it was certainly not made: after 429, or without a connection.
//! Redirects are not followed, because an API server sends none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method};
use http_body_util::BodyExt as _;
use kube::client::Body;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::client::{client, fault};
use super::error::{Permission, Purpose, Why};
use super::identity::{Identity, bearer};
use super::kubeconfig::Target;
use super::plugin::Ticket;
use super::settings::Settings;
use super::status;
use crate::io::credentials::{Known, Secret};
use crate::io::registry::fault::Fault;

/// After this many timeouts a request is given up, because each of them took long.
const SLOW_TRIES: u32 = 2;
/// How many bytes of a refusal's body are read.
const MAX_REFUSAL: usize = 256 * 1024;

pub(super) struct Question {
    pub(super) method: Method,
    /// Path and parameters.
    pub(super) path: String,
    pub(super) accept: &'static str,
    /// The body of a PATCH, with its type.
    pub(super) body: Option<(&'static str, Vec<u8>)>,
    /// What a role has to allow for this request.
    pub(super) permission: Permission,
}

/// A successful answer, or one that the caller handles.
pub(super) enum Answer {
    /// 2xx, with its body.
    Done(Vec<u8>),
    /// 410: the state that the request refers to has expired.
    Gone,
}

/// The connection to one API server.
pub(super) struct Connection {
    target: Target,
    settings: Settings,
    session: Mutex<Arc<Session>>,
    known: Known,
    /// Whether the server has ever answered. One that never did gets no retry.
    answered: AtomicBool,
}

/// The result of authentication.
struct Session {
    client: kube::Client,
    /// The header from a credential plugin.
    authorization: Option<Secret>,
}

/// A response of any status.
struct Reply {
    status: u16,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

impl Connection {
    /// Authenticates if that needs a credential plugin. Does not contact the server yet.
    pub(super) async fn open(target: Target, settings: &Settings) -> Result<Self, Why> {
        let known = Known::default();
        let session = Arc::new(sign_in(&target, settings, &known).await?);
        // Report missing credentials once now, and not for each of many requests.
        target.identity.header()?;
        Ok(Self {
            target,
            settings: settings.clone(),
            session: Mutex::new(session),
            known,
            answered: AtomicBool::new(false),
        })
    }

    /// The namespace of the context or the service account.
    pub(super) fn namespace(&self) -> &str {
        &self.target.namespace
    }

    /// The kubeconfig's context, if there is one, and the server's address.
    pub(super) fn server(&self) -> (Option<&str>, &http::Uri) {
        (self.target.context.as_deref(), &self.target.server)
    }

    /// Sends a request until it gets an answer that a retry would not change, or no tries are left.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Why> {
        let limits = &self.settings.limits;
        let (mut pause, mut renewed) = (limits.first_pause, false);
        let (mut left, mut slow) = (limits.tries.max(1), 0);
        loop {
            left -= 1;
            let session = Arc::clone(&*self.session.lock().await);
            let (wait, outcome) = match self.send(question, &session).await? {
                Ok(reply)
                    if reply.status == 401
                        && !renewed
                        && matches!(self.target.identity, Identity::Plugin { .. }) =>
                {
                    self.renew(&session).await?;
                    (renewed, left) = (true, left.max(1));
                    continue;
                }
                Ok(reply) if (200..300).contains(&reply.status) => {
                    return Ok(Answer::Done(reply.body));
                }
                Ok(reply) if reply.status == 410 => return Ok(Answer::Gone),
                Ok(reply) => {
                    let may_pass = match reply.status {
                        429 => true,
                        500 | 502 | 503 | 504 => question.method == Method::GET,
                        _ => false,
                    };
                    let why = self.refusal(question, &reply);
                    let too_long = reply
                        .retry_after
                        .is_some_and(|wanted| wanted > limits.longest_pause);
                    if !may_pass || too_long {
                        return Err(why);
                    }
                    (reply.retry_after.unwrap_or_default(), why)
                }
                Err(fault) => {
                    let never_sent = fault.is_of_the_host();
                    slow += u32::from(fault.is_slow());
                    let may_pass = fault.passes() && (question.method == Method::GET || never_sent);
                    let worth_it = self.answered.load(Ordering::Relaxed) || !never_sent;
                    let why = Why::Fault {
                        fault,
                        server: self.shown(),
                        purpose: Purpose::of(&question.method),
                    };
                    if !may_pass || !worth_it || slow >= SLOW_TRIES {
                        return Err(why);
                    }
                    (Duration::ZERO, why)
                }
            };
            if left == 0 {
                return Err(outcome);
            }
            sleep(pause.max(wait)).await;
            pause = (pause * 2).min(limits.longest_pause);
        }
    }

    fn refusal(&self, question: &Question, reply: &Reply) -> Why {
        match reply.status {
            401 => Why::Unauthorized {
                credentials: self.target.identity.sent(),
            },
            status => status::why(
                status,
                &reply.body,
                question.permission.clone(),
                &self.known,
            ),
        }
    }

    /// Runs the plugin again, unless another request has done so since `used` was read.
    async fn renew(&self, used: &Arc<Session>) -> Result<(), Why> {
        let mut session = self.session.lock().await;
        if Arc::ptr_eq(&session, used) {
            *session = Arc::new(sign_in(&self.target, &self.settings, &self.known).await?);
        }
        Ok(())
    }

    /// Sends once. The outer error is ours, before anything was sent; the inner one is the connection's.
    async fn send(
        &self,
        question: &Question,
        session: &Session,
    ) -> Result<Result<Reply, Fault>, Why> {
        let body = question
            .body
            .as_ref()
            .map_or_else(Body::empty, |(_, bytes)| Body::from(bytes.clone()));
        let mut request = http::Request::new(body);
        *request.method_mut() = question.method.clone();
        *request.uri_mut() = question.path.parse().map_err(|_| Why::NotAnApiServer {
            reason: "a name or the token of a page in it is too long for a URL".to_owned(),
        })?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(question.accept));
        headers.insert(
            USER_AGENT,
            HeaderValue::from_static(concat!("imago/", env!("CARGO_PKG_VERSION"))),
        );
        if let Some((media_type, _)) = question.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        if let Some(secret) = self
            .target
            .identity
            .header()?
            .or_else(|| session.authorization.clone())
        {
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| Why::Unusable {
                part: "the token".to_owned(),
                reason: "it contains characters that an HTTP header may not have".to_owned(),
                hint: "sign in to the cluster again",
            })?;
            value.set_sensitive(true);
            remember(&self.known, &secret);
            headers.insert(AUTHORIZATION, value);
        }
        let limits = &self.settings.limits;
        let outcome = timeout(limits.answer, self.perform(session.client.clone(), request)).await;
        Ok(outcome.unwrap_or(Err(Fault::AnswerTimeout(limits.answer))))
    }

    async fn perform(
        &self,
        client: kube::Client,
        request: http::Request<Body>,
    ) -> Result<Reply, Fault> {
        let limits = &self.settings.limits;
        let response = client
            .send(request)
            .await
            .map_err(|error| fault(&error, limits, self.target.proxy.as_ref()))?;
        self.answered.store(true, Ordering::Relaxed);
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let retry_after = retry_after.map(Duration::from_secs);
        let fine = (200..300).contains(&status);
        let most = if fine { limits.body } else { MAX_REFUSAL };
        let (mut body, mut bytes) = (response.into_body(), Vec::new());
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => {
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if bytes.len() + data.len() > most {
                        if fine {
                            return Err(Fault::TooLarge(most));
                        }
                        break;
                    }
                    bytes.extend_from_slice(&data);
                }
                // If the body of a refusal breaks off, its status is enough.
                Err(_) if !fine => break,
                Err(error) => return Err(fault(&error, limits, self.target.proxy.as_ref())),
            }
        }
        Ok(Reply {
            status,
            retry_after,
            body: bytes,
        })
    }

    /// The server's address, as it is shown in messages.
    fn shown(&self) -> String {
        self.target
            .server
            .to_string()
            .trim_end_matches('/')
            .to_owned()
    }
}

/// Records the header and the token in it, so that no message repeats them.
fn remember(known: &Known, header: &Secret) {
    known.add(header);
    if let Some((_, token)) = header.expose().split_once(' ') {
        known.add(&Secret::new(token));
    }
}

async fn sign_in(target: &Target, settings: &Settings, known: &Known) -> Result<Session, Why> {
    let ticket = match &target.identity {
        Identity::Plugin { plugin, cluster } => plugin
            .run(
                cluster.as_ref(),
                &settings.environment,
                settings.limits.plugin,
            )
            .await
            .map_err(Why::Plugin)?,
        _ => Ticket::default(),
    };
    let authorization = ticket.token.as_ref().map(bearer);
    if let Some(header) = &authorization {
        remember(known, header);
    }
    let certificate = ticket.certificate.as_ref().or(target.certificate.as_ref());
    Ok(Session {
        client: client(target, settings, certificate)?,
        authorization,
    })
}
