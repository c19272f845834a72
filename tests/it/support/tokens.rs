//! The token server that a registry's challenge sends its clients to.

use super::http::{Request, Response};
use super::{State, basic, error};

/// How the token server works, and how the registry announces it.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The `WWW-Authenticate` headers; `{realm}` becomes the token server's address.
    pub challenges: Vec<String>,
    /// The challenge for a token that does not cover this repository.
    pub insufficient: Option<String>,
    /// The required user and password; `None` if none are needed.
    pub account: Option<(String, String)>,
    /// An identity token that is exchanged by POST. Without one, POST gets 405.
    pub identity: Option<String>,
    /// The server answers 401 for repositories that begin so, whatever the password.
    pub forbidden: Option<&'static str>,
    /// The answer; `{token}` becomes the token.
    pub answer: String,
    /// Whether every token is refused from its second use on, as if it were revoked.
    pub once: bool,
}

impl Default for Tokens {
    fn default() -> Self {
        Self {
            challenges: vec![
                r#"Bearer realm="{realm}",service="test",scope="repository:user/image:pull""#
                    .to_owned(),
            ],
            insufficient: None,
            account: None,
            identity: None,
            forbidden: None,
            answer: r#"{"token":"{token}","expires_in":300}"#.to_owned(),
            once: false,
        }
    }
}

/// The answer of the token server.
pub(super) fn give_token(state: &State, tokens: &Tokens, request: &Request) -> Response {
    let fields = if request.method == "POST" {
        &request.body
    } else {
        &request.query
    };
    let field = |name: &str| {
        let found = fields
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found
            .unwrap_or_default()
            .replace("%3A", ":")
            .replace("%2F", "/")
            .replace("%2C", ",")
    };
    if request.method == "POST" {
        match &tokens.identity {
            None => return Response::new(405),
            Some(identity) if field("refresh_token") != *identity => {
                return error(401, "UNAUTHORIZED");
            }
            Some(_) => {}
        }
    } else if let Some((user, password)) = &tokens.account
        && request.header("authorization") != Some(basic(user, password).as_str())
    {
        return error(401, "UNAUTHORIZED");
    }
    let scope = field("scope");
    let scope = scope.strip_prefix("repository:").unwrap_or_default();
    let (repository, name) = match scope.rsplit_once(':') {
        Some((repository, "pull")) => (repository.to_owned(), "secret-token"),
        Some((repository, "pull,metadata_read")) => (repository.to_owned(), "secret-listing"),
        // Somebody signs in.
        None if scope.is_empty() => (String::new(), "secret-nothing"),
        _ => return error(400, "UNSUPPORTED"),
    };
    if (tokens.forbidden).is_some_and(|begin| repository.starts_with(begin)) {
        return error(401, "UNAUTHORIZED");
    }
    let mut given = state.tokens.lock().unwrap();
    let token = format!("{name}-{}", given.len());
    given.insert(token.clone(), repository);
    Response::new(200)
        .header("content-type", "application/json")
        .body(tokens.answer.replace("{token}", &token))
}
