//! What is said to a person whose question has no answer.
//!
//! No text of a registry is repeated but the codes that the specification knows: a registry may echo what we sent.

use super::trial::MOST_REFUSED;
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
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
    // The answer to HEAD has no body: where that is the last word, the answers of one cause would differ by their codes.
    let code = error_code(body).filter(|_| !passes(status));
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
            Code::NameUnknown,
            format!("{answered}: it has no such repository"),
            "check the name; a private repository may look so without credentials",
        ),
        (404, _) => refusal(
            Code::NotFound,
            format!("{answered}: it has no such tag, or no such repository"),
            "check the name and the tag",
        ),
        (401, _) => unauthorized(&answered, registry, signed),
        (403, _) => match signed {
            SignedAs::Nobody => refusal(
                Code::Forbidden,
                format!("{answered}, and there are no credentials for it"),
                &login(registry),
            ),
            SignedAs::Credentials(source) | SignedAs::TokenFor(source) => refusal(
                Code::Forbidden,
                format!("{answered} to the credentials from {source}"),
                NO_RIGHT,
            ),
        },
        (408, _) => refusal(Code::Timeout, answered, "try again later"),
        (429, _) => refusal(
            Code::RateLimited,
            answered,
            "try again later; credentials often have a higher limit",
        ),
        (500..=599, _) => refusal(Code::ServerError, answered, "try again later"),
        _ => refusal(
            Code::NotARegistry,
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
            Code::Token,
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
            Code::Unauthorized,
            format!("{answered}, and there are no credentials for it"),
            &login(registry),
        ),
        SignedAs::Credentials(source) => refusal(
            Code::CredentialsRefused,
            format!("{answered} to the credentials from {source}"),
            &other_credentials(registry, source),
        ),
        SignedAs::TokenFor(source) => refusal(
            Code::CredentialsRefused,
            format!("{answered} to a token for the credentials from {source}"),
            NO_RIGHT,
        ),
    }
}

/// What is said where credentials are not tried, because they were refused often enough.
pub(super) fn refused_before(host: &str, registry: &str, source: &Source) -> Refusal {
    let cause = format!(
        "the credentials from {source} were refused {MOST_REFUSED} times for `{host}`, and are not tried again"
    );
    refusal(
        Code::CredentialsRefused,
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

/// Whether another try may be answered otherwise.
pub(super) fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// A refusal with a hint.
pub(super) fn refusal(code: Code, cause: String, hint: &str) -> Refusal {
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
            Code::DockerConfig,
            error.to_string(),
            "correct it, or name a docker config with `--docker-config FILE`",
        ),
        E::NotAFolder { .. } => refusal(
            Code::DockerConfig,
            error.to_string(),
            "name the folder, or give the file with `--docker-config FILE`",
        ),
        E::HelperMissing { .. } => refusal(
            Code::CredentialHelper,
            error.to_string(),
            "install the helper, or take it out of the docker config",
        ),
        E::HelperStart { .. }
        | E::HelperSlow { .. }
        | E::HelperFailed { .. }
        | E::HelperGarbage { .. } => refusal(
            Code::CredentialHelper,
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
        assert_eq!(nobody.code.as_str(), "unauthorized");
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
            (somebody.code.as_str(), somebody.hint.as_deref()),
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
        assert_eq!(unknown.code.as_str(), "name-unknown");
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
            (echo.code.as_str(), echo.cause.contains("hunter2")),
            ("not-found", false)
        );
    }
}
