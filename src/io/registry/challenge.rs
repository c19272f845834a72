//! `WWW-Authenticate`: the ways to sign in that a registry offers.
//!
//! Of the challenge's scope one word is used, Azure's `metadata_read`: some registries leave the scope out, others send a placeholder. A realm
//! that is no URL is no offer.

use reqwest::Url;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// One way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password with each request (RFC 7617).
    Basic,
    /// A token from the realm's server (distribution project, "Token Authentication").
    Bearer {
        realm: Url,
        service: Option<String>,
        /// Whether the token has to be one for lists, which Azure's registries tell apart from one for images.
        for_lists: bool,
    },
}

/// What Azure's registries call the right to list tags.
pub(super) const LISTS: &str = "metadata_read";

impl Challenge {
    /// The same for other questions than the one that it was for.
    pub(super) fn in_general(self) -> Self {
        match self {
            Self::Bearer { realm, service, .. } => Self::Bearer {
                realm,
                service,
                for_lists: false,
            },
            Self::Basic => Self::Basic,
        }
    }
}

/// The offer to take up, of all headers and all challenges in each: Bearer before Basic.
pub(super) fn offered(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|header| std::str::from_utf8(header.as_bytes()).ok());
    let mut offers: Vec<Challenge> = texts
        .flat_map(challenges)
        .filter_map(|challenge| offer(&challenge))
        .collect();
    let bearer = offers
        .iter()
        .position(|offer| matches!(offer, Challenge::Bearer { .. }));
    (!offers.is_empty()).then(|| offers.swap_remove(bearer.unwrap_or(0)))
}

/// A challenge as it stands in a header (RFC 9110, section 11.6.1).
struct Written {
    scheme: String,
    parameters: Vec<(String, String)>,
}

fn offer(challenge: &Written) -> Option<Challenge> {
    let parameter = |name: &str| {
        let found = challenge
            .parameters
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| value.clone())
            .filter(|value| !value.is_empty())
    };
    if challenge.scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !challenge.scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let realm = Url::parse(&parameter("realm")?).ok()?;
    let usable = matches!(realm.scheme(), "http" | "https")
        && realm.has_host()
        && realm.username().is_empty()
        && realm.password().is_none();
    usable.then(|| Challenge::Bearer {
        realm,
        service: parameter("service"),
        for_lists: parameter("scope").is_some_and(|scope| {
            let actions = scope.rsplit(':').next().unwrap_or_default();
            actions.split(',').any(|action| action == LISTS)
        }),
    })
}

/// Takes a header apart. Commas stand between challenges and between the parameters of one, so each item tells which it is. What fits
/// nowhere is passed over, and values without quotes may hold what a URL holds: registries write both.
fn challenges(header: &str) -> Vec<Written> {
    let mut found: Vec<Written> = Vec::new();
    for item in items(header) {
        let word = item.split([' ', '\t', '=']).next().unwrap_or_default();
        let rest = item[word.len()..].trim_start();
        let parameter = if rest.starts_with('=') {
            item
        } else if word.is_empty() {
            continue;
        } else {
            found.push(Written {
                scheme: word.to_owned(),
                parameters: Vec::new(),
            });
            rest
        };
        if let (Some(challenge), Some((key, value))) = (found.last_mut(), parameter.split_once('='))
        {
            challenge
                .parameters
                .push((key.trim().to_owned(), unquoted(value.trim())));
        }
    }
    found
}

/// What stands between the commas outside quotes.
fn items(header: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let separates = move |character: char| {
        let was_escaped = escaped;
        escaped = quoted && !was_escaped && character == '\\';
        quoted ^= character == '"' && !was_escaped;
        character == ',' && !quoted
    };
    header
        .split(separates)
        .map(str::trim)
        .filter(|item| !item.is_empty())
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => text.extend(characters.next()),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer_of(headers: &[&str]) -> Option<String> {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(WWW_AUTHENTICATE, header.parse().unwrap());
        }
        offered(&map).map(|offer| match offer {
            Challenge::Basic => "basic".to_owned(),
            Challenge::Bearer { realm, service, .. } => {
                format!("{realm} {}", service.unwrap_or_default())
            }
        })
    }

    #[test]
    fn the_usable_offer_is_found_among_several() {
        for (headers, offer) in [
            (
                vec![
                    r#"Bearer realm="https://auth.test/token",service="registry.test",scope="repository:user/image:pull""#,
                ],
                Some("https://auth.test/token registry.test"),
            ),
            (
                vec![r#"bearer Realm="https://auth.test/token""#],
                Some("https://auth.test/token "),
            ),
            (
                vec![r#"Basic realm="x", Bearer realm="https://auth.test/t",service="s""#],
                Some("https://auth.test/t s"),
            ),
            (vec![r#"Negotiate, Basic realm="a \"b\"""#], Some("basic")),
            (
                vec![
                    r#"Basic realm="x""#,
                    r#"Bearer realm="https://auth.test/t",service="a,b""#,
                ],
                Some("https://auth.test/t a,b"),
            ),
            (
                vec![r#"Bearer realm="Registry Realm""#, r#"Basic realm="x""#],
                Some("basic"),
            ),
            (vec![r#"Bearer realm="Registry Realm""#], None),
            (vec![r#"Bearer realm="file:///etc/passwd""#], None),
            (vec![r#"Bearer realm="https://user:pass@auth.test/""#], None),
            (vec!["Basic"], Some("basic")),
            (vec!["Basic realm=\"x\", =="], Some("basic")),
            (
                vec!["Bearer realm=https://auth.test/t?a=b,service=s"],
                Some("https://auth.test/t?a=b s"),
            ),
            (
                vec!["Bearer  realm = \"https://auth.test/t\" , service = \"s\""],
                Some("https://auth.test/t s"),
            ),
            (
                vec!["Bearer realm=\"https://auth.test/t\",error=\"ungültig\""],
                Some("https://auth.test/t "),
            ),
            (
                vec!["Bearer realm=\"https://auth.test/t"],
                Some("https://auth.test/t "),
            ),
            (vec![",, \"", "Basic"], Some("basic")),
            (vec!["=x, =, ,"], None),
            (vec!["Digest realm=\"x\""], None),
            (vec![""], None),
            (vec![], None),
        ] {
            assert_eq!(offer_of(&headers).as_deref(), offer, "{headers:?}");
        }
    }

    proptest::proptest! {
        /// Whatever a header holds: no panic, and nothing is taken for a token server that is not a plain web address.
        #[test]
        fn any_header_is_read(header in "([Bb]earer|[Bb]asic|realm|service|=|,|\"|\\\\| |https?://|[a-zé./:@]){0,24}") {
            let mut headers = HeaderMap::new();
            headers.insert(WWW_AUTHENTICATE, reqwest::header::HeaderValue::from_bytes(header.as_bytes()).unwrap());
            if let Some(Challenge::Bearer { realm, .. }) = offered(&headers) {
                proptest::prop_assert!(realm.has_host() && realm.username().is_empty() && realm.scheme().starts_with("http"));
            }
        }
    }
}
