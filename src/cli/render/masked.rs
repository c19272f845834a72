//! Lines of files and other texts without the secrets that people write into them by mistake: accounts of addresses and tokens.

use crate::app::report::{Problem, Report};

/// How the tokens of forges begin.
const TOKENS: [&str; 8] = [
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glcbt-",
];
/// What the name of a key has, if its value is a secret.
const SECRETS: [&str; 4] = ["token", "password", "passwd", "secret"];
/// What stands between the words of a line of YAML.
const BETWEEN: &str = " \t\"'`<>";

/// A line of a file with stars in place of secrets. Each character stays where it is, so that marks below the line still fit.
pub(super) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut is_secret = false;
    for word in text.split_inclusive(|character| BETWEEN.contains(character)) {
        let end = word.trim_end_matches(|character| BETWEEN.contains(character));
        let masked = match end.strip_suffix(':') {
            Some(key) => {
                let key = key.to_ascii_lowercase();
                is_secret = SECRETS.iter().any(|name| key.contains(name));
                end.to_owned()
            }
            None if is_secret && end.contains(char::is_alphanumeric) => stars(end),
            None => masked(end),
        };
        shown.push_str(&masked);
        shown.push_str(&word[end.len()..]);
    }
    shown
}

/// Puts stars into all that a report says in sentences, whichever form it is printed in.
pub(in crate::cli) fn report(report: &mut Report) {
    report.problems.iter_mut().for_each(problem);
    let sentences = [&mut report.detours, &mut report.warnings, &mut report.notes];
    for said in sentences.into_iter().flatten() {
        *said = sentence(said);
    }
}

/// The same for one problem.
pub(in crate::cli) fn problem(problem: &mut Problem) {
    let hint = problem.hint.iter_mut();
    for said in [&mut problem.what, &mut problem.cause]
        .into_iter()
        .chain(hint)
    {
        *said = sentence(said);
    }
}

/// A sentence with stars in place of the accounts of web addresses, and of passwords before a host.
pub(in crate::cli) fn sentence(text: &str) -> String {
    let words = text.split_inclusive(|character| BETWEEN.contains(character));
    let masked = |word: &str| {
        let (scheme, rest) = with_scheme(word);
        let (account, rest) = rest.split_at(account(rest, scheme.contains("http")));
        // With a slash it may as well be a path, and without a scheme an image with a miswritten digest: `web:1.4@latest`.
        let is_account = match account.split_once('/') {
            Some((start, _)) => start.contains(':') && is_host(rest),
            None => !scheme.is_empty() || is_host(rest),
        };
        match is_account {
            true => [scheme, &stars(account), rest].concat(),
            false => word.to_owned(),
        }
    };
    words.map(masked).collect()
}

/// A word up to and with its `://`, and the rest of it.
fn with_scheme(word: &str) -> (&str, &str) {
    word.split_at(word.find("://").map_or(0, |at| at + 3))
}

/// Whether what stands behind an account begins with a host.
fn is_host(text: &str) -> bool {
    let text = text.trim_start_matches('@');
    let name = text.split(['/', ':']).next().unwrap_or_default();
    let port = text
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(':'));
    let is_port = |port: &str| port.starts_with(|digit: char| digit.is_ascii_digit());
    name.contains('.') || name == "localhost" || text.starts_with('[') || port.is_some_and(is_port)
}

/// Where the account ends before a host: a name with a password, or where the host has a scheme also a name alone.
fn account(text: &str, has_scheme: bool) -> usize {
    let end = text.find('/').unwrap_or(text.len());
    // A password may have a slash in it. An image's digest stands behind an `@`, too.
    let at = text[..end].rfind('@').or_else(|| text.rfind('@'));
    let is_digest = |at: usize| text[at..].starts_with("@sha");
    match at {
        Some(at) if !is_digest(at) && (has_scheme || text[..at].contains(':')) => at,
        _ => 0,
    }
}

fn masked(word: &str) -> String {
    if TOKENS.iter().any(|token| word.contains(token)) {
        return stars(word);
    }
    let (scheme, rest) = with_scheme(word);
    let (account, rest) = rest.split_at(account(rest, !scheme.is_empty()));
    let (rest, query) = match (scheme.is_empty(), rest.find('?')) {
        (false, Some(at)) => rest.split_at(at + 1),
        _ => (rest, ""),
    };
    [scheme, &stars(account), rest, &stars(query)].concat()
}

fn stars(text: &str) -> String {
    text.chars().map(|_| '*').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_stars_for_accounts_and_tokens_and_all_else_stays() {
        for (text, shown) in [
            (
                "- repository: https://bot:abc@git.example.com/x  # b:c",
                "- repository: https://*******@git.example.com/x  # b:c",
            ),
            (
                "- {repository: 'https://a,b@git.example.com/x', ref: main}",
                "- {repository: 'https://***@git.example.com/x', ref: main}",
            ),
            (
                "- repository: ada:p/w@git.example.com/x",
                "- repository: *******@git.example.com/x",
            ),
            (
                "  url: https://h.test/x?token=abc",
                "  url: https://h.test/x?*********",
            ),
            (
                "registry-map: ['a.test=https://u:p@b.test']",
                "registry-map: ['a.test=https://***@b.test']",
            ),
            ("git-token: abc def", "git-token: *** ***"),
            (
                "{password: \"abc\", ref: main}",
                "{password: \"***\", ref: main}",
            ),
            ("- glpat-abc", "- *********"),
            (
                "author: Ada <ada@example.com>",
                "author: Ada <ada@example.com>",
            ),
            ("- web:1.4@sha256:abc", "- web:1.4@sha256:abc"),
            (
                "- repository: git@git.example.com:shop/x.git",
                "- repository: git@git.example.com:shop/x.git",
            ),
        ] {
            assert_eq!(line(text), shown);
            assert_eq!(line(text).chars().count(), text.chars().count());
        }
    }

    #[test]
    fn a_sentence_has_stars_for_the_accounts_of_web_addresses() {
        for (text, shown) in [
            (
                "`--registry-map a=https://u:p@b.test` is not FROM=TO",
                "`--registry-map a=https://***@b.test` is not FROM=TO",
            ),
            (
                "`registry-map a.test=u:p@b.test` cannot be used: `u:p/q@b.test` is not a registry",
                "`registry-map **********@b.test` cannot be used: `*****@b.test` is not a registry",
            ),
            (
                "`a.test=u:p@mirror:5000` and `oci://u:p@b.test` with `u:p@[::1]:5000`",
                "`**********@mirror:5000` and `oci://***@b.test` with `***@[::1]:5000`",
            ),
            (
                "`https://bob:hun/ter2@h.test/x` and `https://h.test/go/x@v1.2`",
                "`https://************@h.test/x` and `https://h.test/go/x@v1.2`",
            ),
            (
                "cannot use `web:1.4@latest` or `h.test:5000/web:1@md5:abc` as an image",
                "cannot use `web:1.4@latest` or `h.test:5000/web:1@md5:abc` as an image",
            ),
            (
                "cannot clone `ssh://git@h.test/x` or `git@h.test:x`",
                "cannot clone `ssh://git@h.test/x` or `git@h.test:x`",
            ),
            (
                "resolve `web:1.4@sha256:abc` for ada@example.com",
                "resolve `web:1.4@sha256:abc` for ada@example.com",
            ),
        ] {
            assert_eq!(sentence(text), shown);
        }
    }
}
