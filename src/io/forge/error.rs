//! What a forge refused or could not do: the act, the cause, and one thing to do about it.
//!
//! What the forge itself says is repeated, because it names the rule or the right: shortened, on one line, and without our secrets.

use serde_json::Value;

use super::location::ForgeKind;
use super::source::Source;
use crate::engine::code::Code;
use crate::io::registry::fault::Fault;
use crate::io::registry::transport::Reply;

/// Why something about a request was not done. It shows no secret.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{what}: {cause}")]
pub struct ForgeError {
    code: Code,
    what: String,
    cause: String,
    hint: String,
    /// The forge may have done it all the same.
    pub(super) is_uncertain: bool,
}

impl ForgeError {
    /// `act` goes after `cannot`: ``open a pull request in `shop/deploy` ``.
    pub(super) fn new(
        code: Code,
        act: &str,
        cause: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            what: format!("cannot {act}"),
            cause: cause.into(),
            hint: hint.into(),
            is_uncertain: false,
        }
    }

    /// A stable word for programs.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What failed: ``cannot open a pull request in `shop/deploy` ``.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Why: the host answered 401 Unauthorized.
    pub fn cause(&self) -> &str {
        &self.cause
    }

    /// One thing to do.
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// What went wrong before there was an answer.
    pub(super) fn of_fault(fault: &Fault, act: &str, host: &str) -> Self {
        let refusal = fault.refusal(host);
        let (code, hint) = match fault {
            Fault::Name => (
                refusal.code,
                "check the remote's address or `--forge-url`, and the DNS of this machine",
            ),
            Fault::Refused => (
                refusal.code,
                "check that the forge is running; `--forge-url` names another address of its API",
            ),
            Fault::PlainHttp => (
                refusal.code,
                "name the address of its https API with `--forge-url`",
            ),
            Fault::Tls => (refusal.code, "check the TLS settings of the forge"),
            Fault::NotHttp | Fault::TooLarge(_) | Fault::Redirect(_) => {
                (Code::ForgeAnswer, "check `--forge` and `--forge-url`")
            }
            _ => (
                refusal.code,
                refusal.hint.as_deref().unwrap_or("try again later"),
            ),
        };
        Self::new(code, act, refusal.cause.clone(), hint)
    }

    /// A status that is no success. `said` is what the forge says of it, fit to print.
    pub(super) fn of_status(
        kind: ForgeKind,
        act: &str,
        host: &str,
        reply: &Reply,
        said: Option<&str>,
        source: &Source,
        is_change: bool,
    ) -> Self {
        let status = reply.status;
        let phrase = reqwest::StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        let mut cause = format!(
            "`{host}` answered {}",
            format!("{status} {phrase}").trim_end()
        );
        if let Some(said) = said {
            cause = format!("{cause}: {said}");
        }
        let said = said.unwrap_or_default();
        let (code, hint) = match status {
            // Azure shows its sign-in page with 203, and redirects to it with 302.
            203 | 302 if kind == ForgeKind::Azure => (Code::ForgeSignIn, sign_in(kind, source)),
            300..=399 => (
                Code::ForgeAnswer,
                "set the remote to the repository's new address, or name the API with `--forge-url`: a token does not follow a redirect"
                    .to_owned(),
            ),
            401 => (Code::ForgeSignIn, sign_in(kind, source)),
            403 => (Code::ForgeRight, right(kind, reply, said, source)),
            404 if is_change => (
                Code::ForgeAbsent,
                format!(
                    "check the repository's address, and {}: a forge may say this where a right is missing",
                    right(kind, reply, said, source)
                ),
            ),
            404 | 410 => (
                Code::ForgeAbsent,
                format!("check the repository's address, and that the token from {source} may read it: a private repository looks absent to others"),
            ),
            429 => (Code::RateLimited, "try again later".to_owned()),
            408 => (Code::Timeout, "try again later".to_owned()),
            500..=599 => (Code::ServerError, "try again later".to_owned()),
            400..=499 => (Code::ForgeRefused, refused(said).to_owned()),
            _ => (
                Code::ForgeAnswer,
                "check `--forge` and `--forge-url`".to_owned(),
            ),
        };
        Self {
            is_uncertain: matches!(status, 408 | 500..=599),
            ..Self::new(code, act, cause, hint)
        }
    }

    /// The same for a thing that the request can do without; with the hint where a right is missing.
    pub(super) fn warning(&self) -> String {
        match self.code {
            Code::ForgeRight => format!("{self}; {}", self.hint),
            _ => self.to_string(),
        }
    }

    /// It may have been done all the same.
    pub(super) fn uncertain(self) -> Self {
        Self {
            is_uncertain: true,
            ..self
        }
    }
}

fn sign_in(kind: ForgeKind, source: &Source) -> String {
    match (kind, source) {
        (_, Source::App(_)) => {
            "check the app's id and its key, and that the app is not suspended".to_owned()
        }
        (ForgeKind::BitbucketCloud, _) => format!(
            "{source} has expired or is another host's; an API token also needs the account's e-mail address in IMAGO_GIT_USERNAME"
        ),
        _ => format!(
            "{source} has expired or is another host's: give a valid token in IMAGO_FORGE_TOKEN"
        ),
    }
}

/// Which right is missing, as far as the forge tells.
fn right(kind: ForgeKind, reply: &Reply, said: &str, source: &Source) -> String {
    let holder = match source {
        Source::App(_) => "the app".to_owned(),
        source => format!("the token from {source}"),
    };
    let says = |text: &str| said.to_ascii_lowercase().contains(text);
    match kind {
        ForgeKind::GitHub if says("not permitted to create or approve pull requests") => {
            "in the repository's settings, under Actions, General, turn on `Allow GitHub Actions to create and approve pull requests`".to_owned()
        }
        ForgeKind::GitHub if says("saml") || reply.header("x-github-sso").is_some() => {
            format!("authorize {holder} for the organization's single sign-on")
        }
        ForgeKind::GitHub => {
            let accepted = reply
                .header("x-accepted-github-permissions")
                .filter(|text| text.len() <= 200 && text.chars().all(|it| it.is_ascii_graphic() || it == ' '));
            match (accepted, source) {
                (None, Source::Runner) => {
                    "give the job `permissions: { contents: write, pull-requests: write }`".to_owned()
                }
                (Some(accepted), _) => format!("give {holder} the permission `{accepted}`"),
                (None, _) => format!(
                    "give {holder} the permissions `contents: write` and `pull_requests: write`, or a classic token the scope `repo`"
                ),
            }
        }
        ForgeKind::GitLab => format!(
            "give {holder} the scope `api` and the role Developer or higher in the project"
        ),
        ForgeKind::Gitea => format!(
            "give {holder} the scopes `write:repository` and `write:issue`, and its account the right to write in the repository"
        ),
        ForgeKind::BitbucketCloud => format!(
            "give {holder} the scopes `pullrequest:write` and `repository:write`"
        ),
        ForgeKind::BitbucketServer => format!("give {holder} the permission to write in the repository"),
        ForgeKind::Azure => format!(
            "give {holder} the scope `Code (read and write)`, and its account `Contribute to pull requests`"
        ),
    }
}

/// What helps against a refusal whose cause the forge has put into words.
fn refused(said: &str) -> &'static str {
    match said.to_ascii_lowercase() {
        said if said.contains("draft") && said.contains("not supported") => {
            "leave out `--pr-draft`: this repository has no drafts"
        }
        said if said.contains("archived") => "take the repository out of the archive",
        _ => "change what the forge names",
    }
}

/// What an error's body says, in one line: the messages of the forms that forges use.
pub(super) fn said(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let mut parts = Vec::new();
    collect(&value, 0, &mut parts);
    let mut line = String::new();
    for part in &parts {
        // `Validation Failed` and then the reason; the same words twice help nobody.
        if line.contains(part.as_str()) {
            continue;
        }
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(part);
    }
    (!line.is_empty()).then_some(line)
}

fn collect(value: &Value, depth: usize, parts: &mut Vec<String>) {
    const KEYS: [&str; 8] = [
        "message",
        "error",
        "error_description",
        "errors",
        "detail",
        "fields",
        "required",
        "base",
    ];
    if depth > 4 || parts.len() > 8 {
        return;
    }
    match value {
        Value::String(text) => {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if !line.is_empty() {
                parts.push(line);
            }
        }
        Value::Array(values) => {
            for value in values {
                collect(value, depth + 1, parts);
            }
        }
        Value::Object(map) => {
            // GitHub's errors may have a field and a code and no message.
            if let (None, Some(field), Some(code)) = (
                map.get("message"),
                map.get("field").and_then(Value::as_str),
                map.get("code").and_then(Value::as_str),
            ) {
                parts.push(format!("`{field}`: {code}"));
                return;
            }
            let mut known = KEYS.iter().filter_map(|key| map.get(*key)).peekable();
            // What is wrong with each field: `{"title": ["is too long"]}`.
            if known.peek().is_none() && depth > 0 {
                for (field, value) in map {
                    let begin = parts.len();
                    collect(value, depth + 1, parts);
                    for part in &mut parts[begin..] {
                        *part = format!("`{field}`: {part}");
                    }
                }
            }
            for value in known {
                collect(value, depth + 1, parts);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_forge_says_is_one_line() {
        for (body, expected) in [
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","code":"custom","message":"A pull request already exists for shop:imago."}],"documentation_url":"https://x"}"#,
                Some("Validation Failed; A pull request already exists for shop:imago."),
            ),
            (
                r#"{"message":"Validation Failed","errors":[{"resource":"PullRequest","field":"base","code":"invalid"}]}"#,
                Some("Validation Failed; `base`: invalid"),
            ),
            (
                r#"{"message":["Another open merge request already exists for this source branch: !3"]}"#,
                Some("Another open merge request already exists for this source branch: !3"),
            ),
            (
                r#"{"error":"insufficient_scope","error_description":"The request requires higher privileges","scope":"api"}"#,
                Some("insufficient_scope; The request requires higher privileges"),
            ),
            (
                r#"{"type":"error","error":{"message":"Your credentials lack one or more required privilege scopes.","detail":{"required":["pullrequest:write"],"granted":["x"]}}}"#,
                Some(
                    "Your credentials lack one or more required privilege scopes.; pullrequest:write",
                ),
            ),
            (
                r#"{"errors":[{"context":null,"message":"Only one pull request may be open","exceptionName":"com.atlassian.bitbucket.pull.DuplicatePullRequestException"}]}"#,
                Some("Only one pull request may be open"),
            ),
            (
                r#"{"message":{"title":["is too long","can't be blank"]}}"#,
                Some("`title`: is too long; `title`: can't be blank"),
            ),
            (
                r#"{"type":"error","error":{"message":"Bad request","fields":{"source":["branch not found"]}}}"#,
                Some("Bad request; `source`: branch not found"),
            ),
            (r#"{"id":1,"name":"x"}"#, None),
            ("{}", None),
            ("<html>", None),
            (r#"{"message":"a\n b"}"#, Some("a b")),
        ] {
            assert_eq!(said(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
