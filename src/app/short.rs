//! Images, what changes of them, and counts, short enough for a line that a person reads: `web:1.4` to `sha256:6a92af8a9db2`.

/// How many digits of a digest tell it apart for a person.
const DIGITS: usize = 12;

/// `1 image`, `2 images`, `2 OCIRepositories`.
pub fn counted(count: usize, noun: &str) -> String {
    let stem = noun.strip_suffix('y');
    match (count, stem) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{count} {stem}ies"),
        _ if noun.ends_with('s') => format!("{count} {noun}es"),
        _ => format!("{count} {noun}s"),
    }
}

/// The image with the first digits of its digest. A digest alone is one too.
pub fn image(image: &str) -> String {
    let digest = image.rfind('@').map_or(0, |at| at + 1);
    match image[digest..].split_once(':') {
        Some(("sha256" | "sha512", digits)) if digits.len() > DIGITS && digits.is_ascii() => {
            image[..image.len() - digits.len() + DIGITS].to_owned()
        }
        _ => image.to_owned(),
    }
}

/// A sentence with the digests of the images between its backticks shortened.
pub fn sentence(sentence: &str) -> String {
    let parts = sentence.split('`').enumerate();
    let parts: Vec<String> = parts
        .map(|(at, part)| match at % 2 {
            0 => part.to_owned(),
            _ => image(part),
        })
        .collect();
    parts.join("`")
}

/// The old image, and what differs from it in the new one: the digest alone, where nothing else does. Neither is shortened where they would
/// look alike.
pub fn change(old: &str, new: &str) -> (String, String) {
    let named = old.rfind('@').map_or(old, |at| &old[..at]);
    let rest = new
        .strip_prefix(named)
        .and_then(|rest| rest.strip_prefix('@'));
    let differs = rest.unwrap_or(new);
    let short = (image(old), image(differs));
    let looks_alike = short.0 == image(new);
    if looks_alike {
        (old.to_owned(), differs.to_owned())
    } else {
        short
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_shortened_whatever_its_algorithm() {
        let digits = "a".repeat(128);
        for (whole, short) in [
            (
                format!("a:5000/b:1@sha512:{digits}"),
                "a:5000/b:1@sha512:aaaaaaaaaaaa",
            ),
            (format!("sha256:{}", &digits[..64]), "sha256:aaaaaaaaaaaa"),
            ("a:1".to_owned(), "a:1"),
            ("a@b".to_owned(), "a@b"),
            (
                "a@sha256:öööööööööööööö".to_owned(),
                "a@sha256:öööööööööööööö",
            ),
            (String::new(), ""),
        ] {
            assert_eq!(image(&whole), short);
        }
    }

    #[test]
    fn many_are_named_as_many() {
        for (noun, many) in [
            ("image", "2 images"),
            ("OCIRepository", "2 OCIRepositories"),
            ("Gateway", "2 Gateways"),
            ("Prometheus", "2 Prometheuses"),
        ] {
            assert_eq!(counted(2, noun), many);
            assert_eq!(counted(1, noun), format!("1 {noun}"));
        }
    }

    #[test]
    fn a_sentence_keeps_all_but_digits() {
        let digits = "a".repeat(64);
        let said = format!("`web:1@sha256:{digits}` is not `a`, nor `b");
        assert_eq!(
            sentence(&said),
            "`web:1@sha256:aaaaaaaaaaaa` is not `a`, nor `b"
        );
    }

    #[test]
    fn a_change_shows_what_differs() {
        let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
        let (one, two) = (digest('1'), digest('2'));
        let alike = format!("sha256:{}{}", "1".repeat(63), "2");
        for (old, new, shown) in [
            (
                "web:1".to_owned(),
                format!("web:1@{one}"),
                ("web:1", "sha256:111111111111"),
            ),
            (
                format!("web:1@{one}"),
                format!("web:1@{two}"),
                ("web:1@sha256:111111111111", "sha256:222222222222"),
            ),
            (
                format!("web:1@{one}"),
                format!("web:2@{two}"),
                ("web:1@sha256:111111111111", "web:2@sha256:222222222222"),
            ),
            (
                "web:1".to_owned(),
                format!("web@{one}"),
                ("web:1", "web@sha256:111111111111"),
            ),
            (
                format!("web:1@{one}"),
                "web:1".to_owned(),
                ("web:1@sha256:111111111111", "web:1"),
            ),
            (
                format!("web:1@{one}"),
                format!("web:1@{alike}"),
                (&format!("web:1@{one}"), &alike),
            ),
            (
                String::new(),
                format!("web@{one}"),
                ("", "web@sha256:111111111111"),
            ),
        ] {
            let (from, to) = change(&old, &new);
            assert_eq!((from.as_str(), to.as_str()), shown);
        }
    }
}
