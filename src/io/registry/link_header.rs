//! The `Link` header of a list (RFC 8288): where its next page is.
//!
//! ```text
//! Link: </v2/shop/web/tags/list?n=1000&last=1.4>; rel="next"
//! ```

use reqwest::header::{HeaderMap, LINK};

/// What the headers say of a next page.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::io) enum Next<'h> {
    /// There is none.
    Last,
    /// It is at this URI reference, which may be relative.
    At(&'h str),
    /// There is a `Link` header that cannot be read, so there may be one.
    Unreadable,
}

/// Finds the first link whose relation is `next`.
pub(in crate::io) fn next(headers: &HeaderMap) -> Next<'_> {
    let mut unreadable = false;
    for value in headers.get_all(LINK) {
        let mut rest = value.to_str().unwrap_or("?").trim();
        while !rest.is_empty() {
            let Some((link, after)) = link(rest) else {
                unreadable = true;
                break;
            };
            if link.is_next {
                return Next::At(link.target);
            }
            rest = after;
        }
    }
    match unreadable {
        true => Next::Unreadable,
        false => Next::Last,
    }
}

struct Link<'h> {
    target: &'h str,
    is_next: bool,
}

/// Reads the first link, and returns what is behind its comma.
fn link(text: &str) -> Option<(Link<'_>, &str)> {
    let (target, mut rest) = text.strip_prefix('<')?.split_once('>')?;
    let (mut relation, mut is_of_another) = (None, false);
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start_matches([',', ' ', '\t']);
            break;
        }
        if rest.is_empty() {
            break;
        }
        rest = rest.strip_prefix(';')?.trim_start();
        let end = rest.find(['=', ';', ',']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        rest = &rest[end..];
        let Some(after) = rest.strip_prefix('=') else {
            continue;
        };
        let (value, after) = value(after.trim_start())?;
        rest = after;
        // The first `rel` counts. With an `anchor`, the link is one of another page.
        if name.eq_ignore_ascii_case("rel") {
            relation.get_or_insert(value);
        } else if name.eq_ignore_ascii_case("anchor") {
            is_of_another = true;
        }
    }
    let mut relations = relation.unwrap_or_default().split_ascii_whitespace();
    let is_next = !is_of_another && relations.any(|relation| relation.eq_ignore_ascii_case("next"));
    Some((Link { target, is_next }, rest))
}

/// A quoted string, without its quotes and with its escapes, or a token.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        return Some((text[..end].trim(), &text[end..]));
    };
    let mut escaped = false;
    let end = quoted.find(|letter| {
        let is_end = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        is_end
    })?;
    Some((&quoted[..end], &quoted[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        for values in [
            &[r#"</a?last=1>; rel="next""#][..],
            &["</a?last=1>;rel=next"],
            &[r#"  </a?last=1> ; REL = "Next" "#],
            &[r#"</a?last=1>; title="a, b; \"c\""; rel="last next"; rel=prev"#],
            &[r#"</z>; rel=prev, , </a?last=1>; rel="next", </b>; rel=next"#],
            &["</z>; rel=prev", "</a?last=1>; crossorigin; rel=next"],
            &["nonsense", "</a?last=1>; rel=next"],
        ] {
            assert_eq!(next(&headers(values)), Next::At("/a?last=1"), "{values:?}");
        }
    }

    #[test]
    fn a_list_without_a_next_page_is_told_from_a_header_that_cannot_be_read() {
        for values in [
            &[][..],
            &[""],
            &["</a>; rel=prev"],
            &[r#"</a>; rel="prefetch nextish""#],
            &[r#"</a>; rel=next; anchor="/b""#],
            &["</a>"],
        ] {
            assert_eq!(next(&headers(values)), Next::Last, "{values:?}");
        }
        for values in [
            &["/a?last=1; rel=next"][..],
            &["</a?last=1"],
            &[r#"</a>; rel="next"#],
            &["</a> rel=next"],
        ] {
            assert_eq!(next(&headers(values)), Next::Unreadable, "{values:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_header_is_read(text in "[</a>;,=\" \\\\relnxtanchor?é]{0,40}") {
            if let Ok(value) = HeaderValue::from_str(&text) {
                let mut headers = HeaderMap::new();
                headers.append(LINK, value);
                next(&headers);
            }
        }
    }
}
