//! The lists of tags of the registry in the test process, in pages as the specification has them.

use std::collections::{BTreeMap, BTreeSet};

use super::http::{Request, Response};
use super::{State, error};

/// Tags without a manifest, and how many are in a page at most.
#[derive(Default)]
pub(super) struct Lists {
    pub(super) tags: BTreeMap<String, BTreeSet<String>>,
    pub(super) page: Option<usize>,
}

/// The answer to `GET /v2/REPOSITORY/tags/list`.
pub(super) fn list_tags(state: &State, repository: &str, request: &Request) -> Response {
    let lists = state.lists.lock().unwrap();
    let mut tags = lists.tags.get(repository).cloned().unwrap_or_default();
    let is_known = lists.tags.contains_key(repository);
    let manifests = state.manifests.lock().unwrap();
    let pushed = manifests.keys().filter(|(known, _)| known == repository);
    tags.extend(pushed.map(|(_, reference)| reference.clone()));
    tags.retain(|tag| !tag.contains(':'));
    if tags.is_empty() && !is_known {
        return error(404, "NAME_UNKNOWN");
    }
    let field = |name: &str| {
        let mut fields = request.query.split('&');
        fields.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let last = field("last").unwrap_or_default();
    let asked = field("n").map_or(usize::MAX, |count| count.parse().unwrap());
    let size = asked.min(lists.page.unwrap_or(usize::MAX));
    let mut behind = tags.iter().filter(|tag| tag.as_str() > last);
    let page: Vec<&String> = behind.by_ref().take(size).collect();
    let body = serde_json::json!({"name": repository, "tags": page}).to_string();
    let response = Response::new(200)
        .header("content-type", "application/json")
        .body(body);
    match (behind.next(), page.last()) {
        (Some(_), Some(last)) => response.header(
            "link",
            format!(r#"</v2/{repository}/tags/list?last={last}&n={size}>; rel="next""#),
        ),
        _ => response,
    }
}
