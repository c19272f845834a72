//! Why a question has no answer: what happened on the way (`Fault`), and what is said to a person (`Refusal`).
//!
//! The codes, each with one cause and one thing to do:
//!
//! | code | when |
//! |---|---|
//! | `not-found` | the repository has no such tag |
//! | `name-unknown` | the registry knows no such repository |
//! | `unauthorized` | 401 (or a token refused) and we have no credentials |
//! | `credentials-refused` | 401 (or a token refused) to our credentials |
//! | `forbidden` | 403 |
//! | `rate-limited` | 429, after waiting or where the wait is too long |
//! | `server-error` | 5xx, several times |
//! | `name-not-resolved` | the host has no address |
//! | `connection-refused` | nobody listens there, or the way there is closed |
//! | `connection-lost` | the connection broke, several times |
//! | `timeout` | no connection or no whole answer in time, or the run's time is over |
//! | `certificate` | the host's certificate is not trusted |
//! | `plain-http` | the host does not speak TLS |
//! | `tls` | TLS failed in another way |
//! | `proxy` | the proxy refused to connect us |
//! | `not-a-registry` | the answer is none that a registry gives |
//! | `schema-1` | the registry has the tag in an old form, whose digest is of no use |
//! | `digest-mismatch` | the bytes are not those of the digest |
//! | `too-large` | the answer is larger than manifests are |
//! | `redirect` | the registry sends us where we do not go |
//! | `challenge` | the registry asks to sign in, in a way that we cannot or must not use |
//! | `token` | the token server's answer is of no use |
//! | `docker-config` | a docker config cannot be read |
//! | `credential-helper` | a credential helper is missing, fails, hangs or prints something else |
//! | `settings` | a certificate file or a proxy's address cannot be used |
//!
//! No text of a registry is repeated but the codes that the specification knows: a registry may echo what we sent.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use crate::engine::answer::Refusal;
use crate::io::credentials::CredentialError;

/// What went wrong between us and a host, before there was an answer to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The name has no address.
    Name,
    /// Refused, or no way there.
    Refused,
    /// The connection could not be made in time.
    ConnectTimeout(Duration),
    /// The answer did not come, or not to its end, in time.
    AnswerTimeout(Duration),
    /// The connection broke.
    Lost,
    /// The certificate is not trusted, with the reason.
    Certificate(&'static str),
    /// The host does not speak TLS.
    PlainHttp,
    /// TLS failed otherwise.
    Tls,
    /// The proxy refused.
    Proxy,
    /// What came is not HTTP.
    NotHttp,
    /// More bytes than this.
    TooLarge(usize),
    /// A redirect that we do not follow, with the reason.
    Redirect(String),
    /// A setting of ours cannot be used, with the reason.
    Settings(String),
    /// What went wrong at a host that a redirect named, with that host: it says nothing of the host that was asked.
    Beyond(Box<Fault>, String),
}

impl Fault {
    /// Whether another try may end otherwise.
    pub(super) fn passes(&self) -> bool {
        if let Self::Beyond(fault, _) = self {
            return fault.passes();
        }
        matches!(self, Self::Name | Self::Refused | Self::ConnectTimeout(_) | Self::AnswerTimeout(_) | Self::Lost)
    }

    /// Whether it says that the host cannot be reached at all, whatever is asked of it.
    pub(super) fn is_of_the_host(&self) -> bool {
        matches!(
            self,
            Self::Name
                | Self::Refused
                | Self::ConnectTimeout(_)
                | Self::Certificate(_)
                | Self::PlainHttp
                | Self::Tls
                | Self::Proxy
        )
    }

    /// Sorts an error of the HTTP client by what happened.
    pub(super) fn of(error: &reqwest::Error, connect: Duration, answer: Duration) -> Self {
        if let Some(fault) = causes(error).find_map(of_cause) {
            return fault;
        }
        if error.is_timeout() {
            return if error.is_connect() { Self::ConnectTimeout(connect) } else { Self::AnswerTimeout(answer) };
        }
        if error.is_dns() {
            return Self::Name;
        }
        if causes(error).any(|cause| cause.to_string().contains("tunnel")) {
            return Self::Proxy;
        }
        if causes(error).any(|cause| cause.to_string().contains("invalid HTTP")) {
            return Self::NotHttp;
        }
        if error.is_connect() { Self::Refused } else { Self::Lost }
    }

    /// What is said of it, and what may help.
    pub(super) fn refusal(&self, host: &str) -> Refusal {
        let seconds = |limit: &Duration| limit.as_secs_f64();
        match self {
            Self::Name => refusal(
                "name-not-resolved",
                format!("the name `{host}` has no address"),
                "check the registry's name, and the DNS of this machine",
            ),
            Self::Refused => refusal(
                "connection-refused",
                format!("no connection to `{host}`: it is refused or has no route"),
                "check that the registry is running, and the port",
            ),
            Self::ConnectTimeout(limit) => refusal(
                "timeout",
                format!("no connection to `{host}` within {} s", seconds(limit)),
                "check that the registry can be reached from here; a proxy is set with HTTPS_PROXY",
            ),
            Self::AnswerTimeout(limit) => {
                refusal("timeout", format!("`{host}` gave no whole answer within {} s", seconds(limit)), "try again later")
            }
            Self::Lost => refusal("connection-lost", format!("`{host}` broke the connection off"), "try again later"),
            Self::Certificate(reason) => refusal(
                "certificate",
                format!("the certificate of `{host}` is not trusted: {reason}"),
                "name its authority's certificate with `--registry-ca FILE`",
            ),
            Self::PlainHttp => refusal(
                "plain-http",
                format!("`{host}` does not speak TLS"),
                &format!("if it is meant to be asked over plain http, add `--insecure-registry {host}`"),
            ),
            Self::Tls => refusal("tls", format!("the TLS handshake with `{host}` failed"), "check the registry's TLS settings"),
            Self::Proxy => refusal(
                "proxy",
                format!("the proxy does not connect to `{host}`"),
                "check HTTPS_PROXY, or name the host in NO_PROXY",
            ),
            Self::NotHttp => refusal(
                "not-a-registry",
                format!("`{host}` answered with something that is not HTTP"),
                "check the registry's name and port",
            ),
            Self::TooLarge(limit) => refusal(
                "too-large",
                format!("`{host}` answered with more than {limit} bytes"),
                "check that the name is that of a registry",
            ),
            Self::Redirect(reason) => refusal("redirect", format!("`{host}` {reason}"), "check the registry's name"),
            Self::Beyond(fault, elsewhere) => {
                let beyond = fault.refusal(elsewhere);
                Refusal { cause: format!("`{host}` redirects to another host: {}", beyond.cause), ..beyond }
            }
            Self::Settings(reason) => refusal("settings", reason.clone(), "correct the setting"),
        }
    }
}

/// The error and its causes, through the wrapping of `io::Error`, whose `source` leaves its own content out.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Some(match error {
            rustls::Error::InvalidCertificate(reason) => Fault::Certificate(certificate(reason)),
            rustls::Error::InvalidMessage(_) => Fault::PlainHttp,
            _ => Fault::Tls,
        });
    }
    let error = cause.downcast_ref::<std::io::Error>()?;
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Some(Fault::Refused),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => {
            Some(Fault::Lost)
        }
        _ => None,
    }
}

fn certificate(reason: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as E;
    match reason {
        E::Expired | E::ExpiredContext { .. } => "it has expired",
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet",
        E::NotValidForName | E::NotValidForNameContext { .. } => "it is for another name",
        // The second is that of an authority with the name of one that is trusted.
        E::UnknownIssuer | E::BadSignature => "it is signed by an unknown authority",
        E::Revoked => "it is revoked",
        E::BadEncoding => "it is malformed",
        _ => "it does not pass the checks",
    }
}

/// Who we were when we were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignedAs {
    /// Nobody: no credentials for this host.
    Nobody,
    /// The credentials of this source, by name.
    Source(String),
}

/// Says why a status is no answer. `body` is looked at for the specification's error codes alone.
pub(super) fn of_status(status: u16, body: &[u8], host: &str, registry: &str, signed: &SignedAs) -> Refusal {
    let code = error_code(body);
    let phrase = reqwest::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    let answered = format!("`{host}` answered {}", format!("{status} {phrase}").trim_end());
    let answered = code.map_or_else(|| answered.clone(), |code| format!("{answered} ({code})"));
    match (status, code) {
        (404, Some("NAME_UNKNOWN")) => refusal(
            "name-unknown",
            format!("{answered}: it has no such repository"),
            "check the name; a private repository may look so without credentials",
        ),
        (404, _) => {
            refusal("not-found", format!("{answered}: it has no such tag, or no such repository"), "check the name and the tag")
        }
        (401, _) => unauthorized(&answered, registry, signed),
        (403, _) => match signed {
            SignedAs::Nobody => {
                refusal("forbidden", format!("{answered}, and there are no credentials for it"), &login(registry))
            }
            SignedAs::Source(source) => refusal(
                "forbidden",
                format!("{answered} to the credentials from {source}"),
                "ask for the right to pull, or check the name",
            ),
        },
        (429, _) => refusal("rate-limited", answered, "try again later; credentials often have a higher limit"),
        (500..=599, _) => refusal("server-error", answered, "try again later"),
        _ => refusal("not-a-registry", format!("{answered}, which no registry does here"), "check the registry's name and port"),
    }
}

/// Says why a token server gave no token.
pub(super) fn of_token_status(status: u16, body: &[u8], host: &str, registry: &str, signed: &SignedAs) -> Refusal {
    match status {
        404 | 405 => refusal(
            "token",
            format!("the token server `{host}` answered {status}"),
            "check the registry's name; its token server is set up wrongly, or is none",
        ),
        _ => of_status(status, body, host, registry, signed),
    }
}

/// 401, or a token server that gives no token.
pub(super) fn unauthorized(answered: &str, registry: &str, signed: &SignedAs) -> Refusal {
    match signed {
        SignedAs::Nobody => refusal("unauthorized", format!("{answered}, and there are no credentials for it"), &login(registry)),
        SignedAs::Source(source) => {
            refusal("credentials-refused", format!("{answered} to the credentials from {source}"), &login(registry))
        }
    }
}

fn login(registry: &str) -> String {
    if registry == "docker.io" { "run `docker login`".to_owned() } else { format!("run `docker login {registry}`") }
}

/// A refusal with a hint.
pub(super) fn refusal(code: &'static str, cause: String, hint: &str) -> Refusal {
    Refusal { code, cause, hint: Some(hint.to_owned()) }
}

/// What is said when credentials cannot be read.
pub(super) fn of_credentials(error: &CredentialError) -> Refusal {
    use CredentialError as E;
    match error {
        E::File { .. } | E::Syntax { .. } | E::Entry { .. } => {
            refusal("docker-config", error.to_string(), "correct the file, or name another with `--docker-config FILE`")
        }
        E::HelperMissing { .. } => {
            refusal("credential-helper", error.to_string(), "install the helper, or take it out of the docker config")
        }
        E::HelperStart { .. } | E::HelperSlow { .. } | E::HelperFailed { .. } | E::HelperGarbage { .. } => refusal(
            "credential-helper",
            error.to_string(),
            "see what `docker pull` of the image says, which asks the same helper",
        ),
    }
}

/// The first error's code, where the specification knows it.
fn error_code(body: &[u8]) -> Option<&'static str> {
    const CODES: [&str; 9] = [
        "MANIFEST_UNKNOWN",
        "NAME_UNKNOWN",
        "NAME_INVALID",
        "BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "UNAUTHORIZED",
        "DENIED",
        "UNSUPPORTED",
        "TOOMANYREQUESTS",
    ];
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    let code = document.get("errors")?.get(0)?.get("code")?.as_str()?.to_owned();
    CODES.into_iter().find(|known| *known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_who_was_refused_and_what_to_do() {
        let nobody = of_status(401, b"", "reg.test", "reg.test", &SignedAs::Nobody);
        assert_eq!(nobody.code, "unauthorized");
        assert_eq!(nobody.cause, "`reg.test` answered 401 Unauthorized, and there are no credentials for it");
        assert_eq!(nobody.hint.as_deref(), Some("run `docker login reg.test`"));
        let somebody = of_status(401, b"", "registry-1.docker.io", "docker.io", &SignedAs::Source("`c.json`".to_owned()));
        assert_eq!((somebody.code, somebody.hint.as_deref()), ("credentials-refused", Some("run `docker login`")));
        assert!(somebody.cause.ends_with("401 Unauthorized to the credentials from `c.json`"));
    }

    #[test]
    fn a_registrys_text_is_not_repeated_but_for_known_codes() {
        let body = br#"{"errors":[{"code":"NAME_UNKNOWN","message":"hunter2"}]}"#;
        let unknown = of_status(404, body, "reg.test", "reg.test", &SignedAs::Nobody);
        assert_eq!(unknown.code, "name-unknown");
        assert_eq!(unknown.cause, "`reg.test` answered 404 Not Found (NAME_UNKNOWN): it has no such repository");
        let echo = of_status(404, br#"{"errors":[{"code":"hunter2"}]}"#, "reg.test", "reg.test", &SignedAs::Nobody);
        assert_eq!((echo.code, echo.cause.contains("hunter2")), ("not-found", false));
    }
}
