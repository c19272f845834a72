//! Renovate's comments above a tag, as its regular expressions are usually written for values of charts:
//!
//! ```yaml
//! # renovate: datasource=docker depName=registry.example.com/shop/web
//! tag: "1.4"
//! # renovate: image=registry.example.com/shop/web
//! tag: "1.4"
//! ```
//!
//! They say which repository a tag is of (<https://docs.renovatebot.com/modules/manager/regex/>).

use memchr::memmem;

use super::image::ImageRef;

/// The word that such a comment starts with.
const NAME: &str = "renovate:";

/// Whether a text may contain such a comment.
pub fn may_be_in(text: &[u8]) -> bool {
    memmem::find(text, NAME.as_bytes()).is_some()
}

/// The repository that a comment names, with its registry. `None`: it is of something else than images.
pub fn repository(comment: &str) -> Option<String> {
    let words = comment.trim_start_matches('#').trim_start();
    let words = words.strip_prefix(NAME)?;
    let value = |key: &str| {
        let mut words = words.split_ascii_whitespace();
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    };
    let name = match (value("datasource"), value("image")) {
        (None | Some("docker"), Some(image)) => image,
        (Some("docker"), None) => value("packageName").or_else(|| value("depName"))?,
        _ => return None,
    };
    let whole = match value("registryUrl") {
        Some(url) => {
            let host = url.strip_prefix("https://")?.trim_end_matches('/');
            format!("{host}/{name}")
        }
        None => name.to_owned(),
    };
    let is_name =
        |image: ImageRef<'_>| image.tag().is_none() && !image.has_digest() && image.name() == whole;
    ImageRef::parse(&whole).is_ok_and(is_name).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_the_repository_of_an_image_alone() {
        for (comment, expected) in [
            (
                "# renovate: datasource=docker depName=r.example.com/shop/web",
                Some("r.example.com/shop/web"),
            ),
            (
                "#renovate: depName=web versioning=semver datasource=docker",
                Some("web"),
            ),
            (
                "# renovate: datasource=docker depName=web packageName=r.example.com/web",
                Some("r.example.com/web"),
            ),
            (
                "# renovate: datasource=docker depName=shop/web registryUrl=https://r.example.com/",
                Some("r.example.com/shop/web"),
            ),
            (
                "# renovate: image=r.example.com/web",
                Some("r.example.com/web"),
            ),
            ("# renovate: datasource=docker depName=web:1", None),
            ("# renovate: datasource=docker depName=", None),
            ("# renovate: datasource=docker depName={{name}}", None),
            (
                "# renovate: datasource=docker depName=web registryUrl=http://r.example.com",
                None,
            ),
            (
                "# renovate: datasource=github-releases depName=shop/web",
                None,
            ),
            ("# renovate: datasource=helm image=web", None),
            ("# renovate: depName=shop/web", None),
            ("# see renovate: image=web", None),
        ] {
            assert_eq!(repository(comment).as_deref(), expected, "{comment}");
        }
    }
}
