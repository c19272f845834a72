//! What is said to a person whose question has no answer.
//!
//! The codes, each with one cause and one thing to do:
//!
//! | code | when |
//! |---|---|
//! | `not-found` | the repository has no such tag |
//! | `name-unknown` | the registry knows no such repository |
//! | `unauthorized` | 401 (or a token refused) and we have no credentials |
//! | `credentials-refused` | 401 (or a token refused) to our credentials, or to a token for them |
//! | `forbidden` | 403 |
//! | `rate-limited` | 429, after waiting or where the wait is too long |
//! | `server-error` | 5xx, several times |
//! | `name-not-resolved` | the host has no address |
//! | `name-lookup` | the host's name cannot be looked up now, several times |
//! | `connection-refused` | nobody listens there, or the way there is closed |
//! | `connection-lost` | the connection broke, several times |
//! | `timeout` | no connection or no whole answer in time, 408, or the run's time is over |
//! | `certificate` | the host's certificate is not trusted |
//! | `plain-http` | the host does not speak TLS |
//! | `tls` | TLS failed in another way |
//! | `proxy` | the proxy cannot be reached, is not to be trusted, or does not connect us |
//! | `not-a-registry` | the answer is none that a registry gives |
//! | `schema-1` | the registry has the tag in an old form, whose digest is of no use |
//! | `digest-mismatch` | the bytes are not those of the digest |
//! | `too-large` | the answer is larger than manifests are |
//! | `redirect` | the registry sends us where we do not go |
//! | `challenge` | the registry asks to sign in, in a way that we cannot or must not use |
//! | `token` | the token server's answer is of no use |
//! | `docker-config` | a docker config cannot be read |
//! | `credential-helper` | a credential helper is missing, fails, hangs or prints something else |
//! | `settings` | a certificate file, a proxy's address or a registry map cannot be used |
//!
//! No text of a registry is repeated but the codes that the specification knows: a registry may echo what we sent.

use super::destination::Destination;
use super::trial::MOST_REFUSED;
use crate::engine::answer::Refusal;
use crate::io::credentials::{CredentialError, Source};

/// What helps somebody whose credentials are good.
const NO_RIGHT: &str = "ask for the right to pull, or check the name";

/// Who we were when we were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignedAs {
    /// Nobody: no credentials for this host.
    Nobody,
    /// Who the credentials of this source say.
    Credentials(Source),
    /// The bearer of a token that was given for the credentials of this source, which are therefore good.
    TokenFor(Source),
}

/// Says why a status is no answer. `body` is looked at for the specification's error codes alone.
pub(super) fn of_status(
    status: u16,
    body: &[u8],
    host: &str,
    registry: &str,
    signed: &SignedAs,
) -> Refusal {
    let code = error_code(body);
    let phrase = reqwest::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let answered = format!(
        "`{host}` answered {}",
        format!("{status} {phrase}").trim_end()
    );
    let answered = code.map_or_else(|| answered.clone(), |code| format!("{answered} ({code})"));
    match (status, code) {
        (404, Some("NAME_UNKNOWN")) => refusal(
            "name-unknown",
            format!("{answered}: it has no such repository"),
            "check the name; a private repository may look so without credentials",
        ),
        (404, _) => refusal(
            "not-found",
            format!("{answered}: it has no such tag, or no such repository"),
            "check the name and the tag",
        ),
        (401, _) => unauthorized(&answered, registry, signed),
        (403, _) => match signed {
            SignedAs::Nobody => refusal(
                "forbidden",
                format!("{answered}, and there are no credentials for it"),
                &login(registry),
            ),
            SignedAs::Credentials(source) | SignedAs::TokenFor(source) => refusal(
                "forbidden",
                format!("{answered} to the credentials from {source}"),
                NO_RIGHT,
            ),
        },
        (408, _) => refusal("timeout", answered, "try again later"),
        (429, _) => refusal(
            "rate-limited",
            answered,
            "try again later; credentials often have a higher limit",
        ),
        (500..=599, _) => refusal("server-error", answered, "try again later"),
        _ => refusal(
            "not-a-registry",
            format!("{answered}, which no registry does here"),
            "check the registry's name and port",
        ),
    }
}

/// Says why a token server gave no token.
pub(super) fn of_token_status(
    status: u16,
    body: &[u8],
    host: &str,
    registry: &str,
    signed: &SignedAs,
) -> Refusal {
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
        SignedAs::Nobody => refusal(
            "unauthorized",
            format!("{answered}, and there are no credentials for it"),
            &login(registry),
        ),
        SignedAs::Credentials(source) => refusal(
            "credentials-refused",
            format!("{answered} to the credentials from {source}"),
            &other_credentials(registry, source),
        ),
        SignedAs::TokenFor(source) => refusal(
            "credentials-refused",
            format!("{answered} to a token for the credentials from {source}"),
            NO_RIGHT,
        ),
    }
}

/// What is said where credentials are not tried, because they were refused often enough.
pub(super) fn refused_before(to: &Destination, source: &Source) -> Refusal {
    let (host, registry) = (&to.host.name, &to.target.registry);
    let cause = format!(
        "the credentials from {source} were refused {MOST_REFUSED} times for `{host}`, and are not tried again"
    );
    refusal(
        "credentials-refused",
        cause,
        &other_credentials(registry, source),
    )
}

/// How credentials come by better ones.
fn other_credentials(registry: &str, source: &Source) -> String {
    match source {
        Source::PullSecret(name) => {
            format!("renew the pull secret `{name}` with `kubectl create secret docker-registry`")
        }
        Source::File(_) | Source::Helper(_) => login(registry),
    }
}

fn login(registry: &str) -> String {
    if registry == "docker.io" {
        "run `docker login`".to_owned()
    } else {
        format!("run `docker login {registry}`")
    }
}

/// A refusal with a hint.
pub(super) fn refusal(code: &'static str, cause: String, hint: &str) -> Refusal {
    Refusal {
        code,
        cause,
        hint: Some(hint.to_owned()),
    }
}

/// What is said when credentials cannot be read.
pub(super) fn of_credentials(error: &CredentialError) -> Refusal {
    use CredentialError as E;
    match error {
        E::File { .. } | E::Syntax { .. } | E::Entry { .. } => refusal(
            "docker-config",
            error.to_string(),
            "correct the file, or name another with `--docker-config FILE`",
        ),
        E::NotAFolder { .. } => refusal(
            "docker-config",
            error.to_string(),
            "name the folder, or give the file with `--docker-config FILE`",
        ),
        E::HelperMissing { .. } => refusal(
            "credential-helper",
            error.to_string(),
            "install the helper, or take it out of the docker config",
        ),
        E::HelperStart { .. }
        | E::HelperSlow { .. }
        | E::HelperFailed { .. }
        | E::HelperGarbage { .. } => refusal(
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
    let code = document
        .get("errors")?
        .get(0)?
        .get("code")?
        .as_str()?
        .to_owned();
    CODES.into_iter().find(|known| *known == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_who_was_refused_and_what_to_do() {
        let nobody = of_status(401, b"", "reg.test", "reg.test", &SignedAs::Nobody);
        assert_eq!(nobody.code, "unauthorized");
        assert_eq!(
            nobody.cause,
            "`reg.test` answered 401 Unauthorized, and there are no credentials for it"
        );
        assert_eq!(nobody.hint.as_deref(), Some("run `docker login reg.test`"));
        let somebody = of_status(
            401,
            b"",
            "registry-1.docker.io",
            "docker.io",
            &SignedAs::Credentials(Source::File("c.json".into())),
        );
        assert_eq!(
            (somebody.code, somebody.hint.as_deref()),
            ("credentials-refused", Some("run `docker login`"))
        );
        assert!(
            somebody
                .cause
                .ends_with("401 Unauthorized to the credentials from `c.json`")
        );
    }

    #[test]
    fn a_registrys_text_is_not_repeated_but_for_known_codes() {
        let body = br#"{"errors":[{"code":"NAME_UNKNOWN","message":"hunter2"}]}"#;
        let unknown = of_status(404, body, "reg.test", "reg.test", &SignedAs::Nobody);
        assert_eq!(unknown.code, "name-unknown");
        assert_eq!(
            unknown.cause,
            "`reg.test` answered 404 Not Found (NAME_UNKNOWN): it has no such repository"
        );
        let echo = of_status(
            404,
            br#"{"errors":[{"code":"hunter2"}]}"#,
            "reg.test",
            "reg.test",
            &SignedAs::Nobody,
        );
        assert_eq!(
            (echo.code, echo.cause.contains("hunter2")),
            ("not-found", false)
        );
    }
}
