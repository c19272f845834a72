//! Placeholders: texts in the place of an image that a later step replaces with an image.
//!
//! A text is a placeholder in one of three ways:
//!
//! 1. No container runtime accepts it, and it has the syntax of a tool that fills it in. The table [`PAIRS`] has the brackets,
//!    [`MARKS`] the characters on both sides of a word (`@@IMAGE@@`). [`SCHEMES`], and any scheme but [`OF_IMAGES`], start the
//!    address of a tool (`ko://…`, `op://…`). `$` starts a variable, and [`ELLIPSES`] stand for omitted text.
//! 2. No runtime accepts it, and its name has an upper-case letter, which no repository may have: `IMAGE`,
//!    `gcr.io/PROJECT/web:1`, `YOUR_REGISTRY/web`. The same holds for a digest with a letter beyond `f`: `web@sha256:DIGEST`.
//! 3. A runtime would accept it, but it is a known word: Istio's `auto`, a tag `__TAG__`, or a tag with one of [`TELLING_WORDS`].
//!
//! Everything else that no runtime accepts is a mistake: `nginx:`, `http://…`, a digest with too few digits.

use memchr::memmem;

use super::ImageRef;
use super::grammar::is_registry;

/// Istio's injector replaces this word with the image of its proxy.
const INJECTED: &str = "auto";

/// What opens and closes an expression, and what must be inside. A bare `[` is not enough: `[::1]:5000` is an address.
const PAIRS: [(&str, &str, Inner); 8] = [
    ("{", "}", Inner::Anything),
    ("«", "»", Inner::Anything),
    ("<", ">", Inner::Anything),
    ("((", "))", Inner::Anything),
    ("(@", "@)", Inner::Anything),
    ("[[", "]]", Inner::Anything),
    ("[", "]", Inner::Word),
    ("(", ")", Inner::Word),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inner {
    Anything,
    Word,
}

/// Characters that may stand on both sides of a word.
const MARKS: [char; 9] = ['@', '#', '%', '~', '!', '|', '^', '&', '='];

/// Prefixes of addresses that a tool replaces with an image: Bazel's labels (it builds the image), and vals' references to
/// secrets.
const SCHEMES: [&str; 2] = ["//", "ref+"];

/// Schemes that people write before an image by mistake. Any other scheme (`ko://`, `op://`, `vault://`) belongs to a tool.
const OF_IMAGES: [&str; 6] = [
    "http",
    "https",
    "docker",
    "oci",
    "docker-daemon",
    "containers-storage",
];

/// Signs for omitted text: `registry.example.com/…`, `web:...`.
const ELLIPSES: [&str; 2] = ["…", "..."];

/// Upper-case words that mark a placeholder even in a tag.
const TELLING_WORDS: [&str; 5] = [
    "PLACEHOLDER",
    "REPLACE_ME",
    "REPLACEME",
    "CHANGE_ME",
    "CHANGEME",
];

impl ImageRef<'_> {
    /// Whether it is a placeholder although it follows the grammar. With a digest it is an image, whatever its tag says.
    pub fn is_placeholder(&self) -> bool {
        !self.has_digest() && (self.written == INJECTED || self.tag().is_some_and(is_telling))
    }
}

/// Whether a text that is not an image reference is a placeholder.
pub fn is_placeholder(text: &str) -> bool {
    text.contains('$')
        || text.contains("{{")
        || (!text.is_empty() && text.trim().is_empty())
        || SCHEMES.iter().any(|scheme| text.starts_with(scheme))
        || text.starts_with('@') && text.contains("//")
        || has_scheme_of_a_tool(text)
        || ELLIPSES.iter().any(|dots| text.contains(dots))
        || PAIRS
            .iter()
            .any(|(open, close, inner)| has_pair(text, open, close, *inner))
        || MARKS.iter().any(|mark| has_marked_word(text, *mark))
        || text.split(['/', ':', '@']).any(is_telling)
        || has_letters_of_none(text)
}

/// `op://shop/web/image`, and Bank-Vaults' `vault:secret/data/web#image`.
fn has_scheme_of_a_tool(text: &str) -> bool {
    let is_vault = |rest: &str| {
        rest.split_once('#')
            .is_some_and(|(path, key)| path.contains('/') && is_word(key))
    };
    text.strip_prefix("vault:").is_some_and(is_vault)
        || text.split_once("://").is_some_and(|(scheme, rest)| {
            !rest.is_empty()
                && is_word(scheme)
                && !OF_IMAGES
                    .iter()
                    .any(|known| scheme.eq_ignore_ascii_case(known))
        })
}

/// Whether a name has an upper-case letter, or a digest a letter that is not a hex digit. The host of a registry may have
/// upper-case letters. A web address is always a mistake.
fn has_letters_of_none(text: &str) -> bool {
    let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
    let last_component = rest.rfind('/').map_or(0, |slash| slash + 1);
    let name_end = rest[last_component..]
        .find(':')
        .map_or(rest.len(), |colon| last_component + colon);
    let name = match rest[..name_end].split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) && is_registry(first) => path,
        _ => &rest[..name_end],
    };
    let has = |text: &str, letters: std::ops::RangeInclusive<u8>| {
        text.bytes().any(|byte| letters.contains(&byte))
    };
    !text.contains("://") && (has(name, b'A'..=b'Z') || has(digest, b'G'..=b'Z'))
}

fn has_pair(text: &str, open: &str, close: &str, inner: Inner) -> bool {
    let Some(start) = text.find(open) else {
        return false;
    };
    let rest = &text[start + open.len()..];
    match inner {
        Inner::Anything => rest.rfind(close).is_some_and(|end| end > 0),
        Inner::Word => text.match_indices(open).any(|(start, _)| {
            let rest = &text[start + open.len()..];
            rest.find(close).is_some_and(|end| is_word(&rest[..end]))
        }),
    }
}

/// `@WORD@`, `@@WORD@@`
fn has_marked_word(text: &str, mark: char) -> bool {
    let mut parts = text.split(mark);
    // The text before the first sign and after the last is not between two signs.
    parts.next();
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() && is_word(part) {
            return true;
        }
    }
    false
}

/// A word starts with a letter or `_`, and goes on like the name of a variable.
fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' '))
}

/// Whether a tag, or a part of a text that is not an image, contains a telling word, or `__WORD__` between separators.
fn is_telling(part: &str) -> bool {
    // Nearly all tags are in lower case, and need no search.
    if !part
        .bytes()
        .any(|byte| byte.is_ascii_uppercase() || byte == b'_')
    {
        return false;
    }
    TELLING_WORDS
        .iter()
        .any(|word| memmem::find(part.as_bytes(), word.as_bytes()).is_some())
        || has_dunder_word(part)
}

/// `__TAG__`, alone or next to `.` and `-`: `1.4-__BUILD__`.
fn has_dunder_word(part: &str) -> bool {
    let inner = |piece: &str| {
        let inner = piece.strip_prefix("__")?.strip_suffix("__")?;
        inner
            .bytes()
            .any(|byte| byte.is_ascii_alphanumeric())
            .then_some(())
    };
    inner(part).is_some() || part.split(['.', '-']).any(|piece| inner(piece).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stands_in(text: &str) -> bool {
        ImageRef::parse(text).map_or_else(|_| is_placeholder(text), |image| image.is_placeholder())
    }

    #[test]
    fn what_a_later_step_fills_in_is_a_placeholder() {
        for text in [
            "ko://registry.example.com/cmd/web",
            "//cmd/web:image",
            "@shop//cmd/web:image",
            "@@shop//cmd/web:image",
            "@//cmd/web:image",
            "ref+vault://shop/web#/image",
            "op://shop/web/image",
            "vault://secret/web",
            "vault:secret/data/web#image",
            "«image»",
            "web:«tag»",
            "registry.example.com/…/web:1.4",
            "web:…",
            "web:...",
            "$IMAGE",
            "${REGISTRY}/web:1.4",
            "registry.example.com/web:$(TAG)",
            "$(params.image)",
            "{{ .Values.image }}",
            "{{x",
            "web:{{tag}}",
            "#{web.image}#",
            "#{Octopus.Action.Package[web].Image}",
            "#{{ TAG }}",
            "{image}",
            "web:{tag}",
            "{% raw %}x{% endraw %}",
            "{# later #}",
            "<registry>/web:<tag>",
            "web:<your tag here>",
            "<%= image %>",
            "<<image>>",
            "<path:shop/data/web#image>",
            "((web_image))",
            "((web/image.tag))",
            "(( grab meta.image ))",
            "(@= data.values.image @)",
            "[[image]]",
            "[[ .Env.IMAGE ]]",
            "[registry]/web:[tag]",
            "(image)",
            "@@IMAGE@@",
            "@image.version@",
            "web:@VERSION@",
            "%IMAGE%",
            "web:%%TAG%%",
            "##TAG##",
            "~image~",
            "web:!TAG!",
            "|IMAGE|",
            "^TAG^",
            "IMAGE_PLACEHOLDER",
            "IMAGE_NAME:IMAGE_TAG",
            "registry.example.com/PROJECT_ID/web:1.4",
            "IMAGE",
            "REGISTRY/IMAGE:TAG",
            "REGISTRY/web:1",
            "YOUR_REGISTRY/web:1",
            "YOUR-REGISTRY.example.com/shop/WEB",
            "MyRegistry/web",
            "gcr.io/PROJECT/web:1",
            "gcr.io/my-PROJECT/web:1",
            "gcr.io/myProject/web:1",
            "registry.example.com:PORT/web:1",
            "REGISTRY_HOST:5000/web",
            "AUTO",
            "Auto",
            "PROJECT_ID",
            "NGINX:1.25",
            "web@DIGEST",
            "web@sha256:DIGEST",
            "web:1@sha256:XXXX",
            "TODO",
            "__IMAGE__",
            "registry.example.com/__NAME__:1.4",
            "registry.example.com/shop/web:__TAG__",
            "registry.example.com/shop/web:1.4-__BUILD__",
            "registry.example.com/shop/web:__image.tag__",
            "registry.example.com/shop/web:TAG_PLACEHOLDER",
            "registry.example.com/shop/web:REPLACE_ME",
            "auto",
            " ",
            "  ",
        ] {
            assert!(stands_in(text), "{text}");
        }
    }

    #[test]
    fn a_slip_of_the_pen_stays_a_mistake() {
        let short = "nginx@sha256:1234";
        let twice = format!("nginx@sha256:{0}@sha256:{0}", "1".repeat(64));
        for text in [
            "",
            "nginx:",
            "nginx:1.25 ",
            " nginx:1.25",
            "nginx :1.25",
            "nginx:1 25",
            "http://registry.example.com/web:1.4",
            "http://registry.example.com/PROJECT/web:1.4",
            "nginx:1.25 # OLD",
            "Registry.Example.Com/web:1.4:x",
            "https://registry.example.com/web",
            "docker://nginx",
            "HTTPS://registry.example.com/web",
            "oci://registry.example.com/web",
            "vault:1.15#image",
            "ko://",
            "nginx:1.25#old",
            "nginx:1.25)",
            "nginx:[1.25]",
            "(nginx:1.25)",
            "nginx:1.25>",
            "nginx:<1.25",
            "nginx:%1.25",
            "nginx:>=1.25",
            "nginx:~1.25",
            "nginx:*",
            "nginx:1.25,",
            "nginx@",
            "nginx@@",
            "@nginx",
            "a//b",
            "a__b__",
            "[::1/web:1",
            "[::1]/",
            "web:1:2",
            "web{}",
            "web<>",
            short,
            &twice,
        ] {
            assert!(!stands_in(text), "{text}");
        }
    }

    #[test]
    fn what_is_an_image_is_no_placeholder() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let [with_word, injected] = [format!("web:__TAG__@{digest}"), format!("auto@{digest}")];
        for text in [
            "nginx",
            "auto:1.4",
            "shop/auto",
            "registry.example.com/auto",
            "web:auto",
            "placeholder",
            "registry.example.com/placeholder:1",
            "web:RELEASE_2",
            "web:LATEST",
            "web:__x",
            "web:x__",
            "web:____",
            "a__b/c__d:1__2__3",
            "REGISTRY:5000/web:1",
            "Registry.Example.Com/web:1.4",
            "registry.example.com/web:TAG",
            "your-registry/web:1",
            "example/web:1",
            "[::1]:5000/web:1",
            &with_word,
            &injected,
        ] {
            assert!(!stands_in(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_follows_the_grammar_is_an_image_unless_it_says_otherwise(
            text in "(auto|web|a__b|1[.]4|[a-zA-Z_:/.@-]|__[A-Z]{1,3}__|PLACEHOLDER|REPLACEME|\\[::1\\]:5000/){1,5}"
        ) {
            if let Ok(image) = ImageRef::parse(&text) {
                let tag = image.tag().unwrap_or_default();
                let may_be = text == "auto" || tag.contains("__") || TELLING_WORDS.iter().any(|word| tag.contains(word));
                prop_assert!(!image.is_placeholder() || may_be, "{}", text);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "[\\PC]{0,12}|([{<(\\[@#%_ö)\\]>}]|word){0,12}") {
            is_placeholder(&text);
        }
    }
}
