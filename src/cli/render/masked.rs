//! Lines of files and other texts without the secrets that people write into them by mistake: accounts of addresses and tokens.

use std::net::Ipv4Addr;

use crate::app::report::{Problem, Report};

/// How the tokens of forges and registries begin. The last is `x-access-token:` in base64, as in the header that `actions/checkout` leaves.
const TOKENS: [&str; 15] = [
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "glcbt-",
    "glrt-",
    "ATATT3",
    "ATCTT3",
    "ATBB",
    "dckr_pat_",
    "eC1hY2Nlc3MtdG9rZW46",
];
/// Names of accounts whose password is a token, and that no image has.
const ACCOUNTS: [&str; 3] = ["x-access-token:", "x-token-auth:", "gitlab-ci-token:"];
/// What the name of a key has without hyphens and the like, if its value is a secret.
const SECRETS: [&str; 8] = [
    "token",
    "pass",
    "pwd",
    "secret",
    "auth",
    "credential",
    "apikey",
    "privatekey",
];
/// The account in the addresses of our hints.
const EXAMPLE: &str = "USER:PASSWORD";
/// What stands between the words of a line of YAML.
const BETWEEN: &str = " \t\"'`<>";

/// A line of a file with stars in place of secrets. Each character stays where it is, so that marks below the line still fit.
pub(super) fn line(text: &str) -> String {
    let (shown, secret) = text.split_at(secret(text).unwrap_or(text.len()));
    let words = shown.split_inclusive(is_between).map(|word| {
        let (scheme, rest) = with_scheme(word);
        match TOKENS.iter().any(|token| word.contains(token)) {
            true => stars(word),
            false => starred(scheme, rest, account(rest, !scheme.is_empty())),
        }
    });
    words.chain([stars(secret)]).collect()
}

/// Where the value of a key begins that is a secret. It ends with the line: who knows where else?
pub(in crate::cli) fn secret(line: &str) -> Option<usize> {
    let mut ends = line.match_indices([':', '=']);
    ends.find_map(|(at, end)| {
        let (key, value) = (&line[..at], &line[at + 1..]);
        let is_end = end == "="
            || value.is_empty()
            || key.ends_with(is_between)
            || value.starts_with(is_between);
        let is_of_name = |character: char| character.is_alphanumeric() || "-_.".contains(character);
        let name = key
            .trim_end_matches(is_between)
            .rsplit(|it| !is_of_name(it))
            .next()?;
        let name = name.replace(['-', '_', '.'], "").to_ascii_lowercase();
        let is_secret = SECRETS.iter().any(|secret| name.contains(secret)) && name != "author";
        (is_end && is_secret).then_some(at + 1)
    })
}

fn is_between(character: char) -> bool {
    BETWEEN.contains(character)
}

/// Puts stars into all that a report says in sentences, whichever form it is printed in.
pub(in crate::cli) fn report(report: &mut Report) {
    report.problems.iter_mut().for_each(problem);
    for said in [&mut report.detours, &mut report.warnings, &mut report.notes] {
        sentences(said);
    }
    for skipped in &mut report.skipped {
        sentences([&mut skipped.message]);
    }
}

/// The same for one problem.
pub(in crate::cli) fn problem(problem: &mut Problem) {
    sentences([&mut problem.what, &mut problem.cause]);
    sentences(&mut problem.hint);
}

/// Puts stars into sentences.
pub(in crate::cli) fn sentences<'s>(said: impl IntoIterator<Item = &'s mut String>) {
    for said in said {
        // Most have nothing of the kind, and a run has many.
        if said.contains(['@', '?', '#']) || token(said).is_some() {
            *said = sentence(said);
        }
    }
}

/// A sentence with stars in place of secrets: accounts of web addresses, passwords before a host, what stands behind the path of an address,
/// and tokens. A remote may repeat a token that `git` sent and that we never saw.
pub(in crate::cli) fn sentence(text: &str) -> String {
    let words = text.split_inclusive(is_between);
    let masked = |word: &str| {
        let (scheme, rest) = with_scheme(word);
        let (account, host) = rest.split_at(account(rest, scheme.contains("http")));
        // With a slash it may as well be a path, and without a scheme an image with a miswritten digest: `web:1.4@latest`.
        let is_account = match account.split_once('/') {
            Some((start, _)) => start.contains(':') && is_host(host),
            None => !scheme.is_empty() || is_host(host),
        };
        let word = starred(scheme, rest, if is_account { account.len() } else { 0 });
        let (word, token) = word.split_at(token(&word).unwrap_or(word.len()));
        [word, &stars(token)].concat()
    };
    words.map(masked).collect()
}

/// Where a text has its first token.
fn token(text: &str) -> Option<usize> {
    let before = |at: usize| text[..at].chars().next_back();
    let is_begin = |at: &usize| !before(*at).is_some_and(char::is_alphanumeric);
    let tokens = TOKENS.iter().filter_map(|token| {
        let mut places = text.match_indices(token).map(|(at, _)| at);
        places.find(is_begin)
    });
    let accounts = ACCOUNTS.iter().filter_map(|account| {
        let places = text.match_indices(account).map(|(at, _)| at);
        let mut places = places.filter(|at| before(*at).is_none_or(is_between));
        places.find_map(|at| {
            let password = at + account.len();
            (!text[password..].starts_with(is_between)).then_some(password)
        })
    });
    tokens.chain(accounts).min()
}

/// An address with stars for its account, which ends at `account`, and for its query or fragment: people put tokens into either.
fn starred(scheme: &str, rest: &str, account: usize) -> String {
    let (account, rest) = rest.split_at(account);
    let is_query = |at: &usize| !scheme.is_empty() || rest[*at..].contains('=');
    let query = rest.find(['?', '#']).filter(is_query);
    let (rest, query) = rest.split_at(query.map_or(rest.len(), |at| at + 1));
    let account = match account {
        EXAMPLE => EXAMPLE.to_owned(),
        account => stars(account),
    };
    [scheme, &account, rest, &stars(query)].concat()
}

/// A word up to and with its `://`, and the rest of it.
fn with_scheme(word: &str) -> (&str, &str) {
    word.split_at(word.find("://").map_or(0, |at| at + 3))
}

/// Whether what stands behind an account begins with a host.
fn is_host(text: &str) -> bool {
    let text = text.trim_start_matches('@').trim_end_matches(is_between);
    let name = text.split(['/', ':']).next().unwrap_or_default();
    let port = text
        .strip_prefix(name)
        .and_then(|rest| rest.strip_prefix(':'));
    let is_port = |port: &str| port.starts_with(|digit: char| digit.is_ascii_digit());
    // No domain ends with a number, but versions do: `web@1.25`.
    let is_number =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    let is_domain = name.rsplit_once('.').is_some_and(|it| !is_number(it.1));
    is_domain
        || name.parse::<Ipv4Addr>().is_ok()
        || name == "localhost"
        || text.starts_with('[')
        || port.is_some_and(is_port)
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

pub(in crate::cli) fn stars(text: &str) -> String {
    let star = |character| match is_between(character) {
        true => character,
        false => '*',
    };
    text.chars().map(star).collect()
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
                "{password: \"***\"* **** *****",
            ),
            ("password: a b: c # d", "password: * ** * * *"),
            ("  pass: abc", "  pass: ***"),
            ("apiKey: 'a b'", "apiKey: '* *'"),
            ("api-key : abc", "api-key : ***"),
            ("- auth: [abc]", "- auth: *****"),
            ("- {\"token\":\"abc\"}", "- {\"token\":\"***\"*"),
            ("args: [--git-token=abc]", "args: [--git-token=****"),
            ("- shop/token:1.4", "- shop/token:1.4"),
            ("url: https://h.test/x#abc", "url: https://h.test/x#***"),
            ("url: h.test/x?a=abc", "url: h.test/x?*****"),
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
                "as in `http://USER:PASSWORD@HOST:PORT`",
                "as in `http://USER:PASSWORD@HOST:PORT`",
            ),
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
                "'https://u:p@h.test/x?token=abc': no, and `ssh://git@h.test/x#abc` or `git@h.test:x?a=b`",
                "'https://***@h.test/x?*********': no, and `ssh://git@h.test/x#***` or `git@h.test:x?***`",
            ),
            (
                "`https://h.test/x?mail=a@b.c` of #12, is it `web-?`?",
                "`https://h.test/x?**********` of #12, is it `web-?`?",
            ),
            (
                "cannot use `web:1.4@latest` or `h.test:5000/web:1@md5:abc` as an image",
                "cannot use `web:1.4@latest` or `h.test:5000/web:1@md5:abc` as an image",
            ),
            (
                "cannot use `h:5000/web@1.25` or `https://h:8443/x@v1.2`, nor `u:p@10.0.0.1/x`",
                "cannot use `h:5000/web@1.25` or `https://h:8443/x@v1.2`, nor `***@10.0.0.1/x`",
            ),
            (
                "denied for ada:hunter2@h.test. or https://u:p/w@h.test./x",
                "denied for ***********@h.test. or https://*****@h.test./x",
            ),
            (
                "use x-access-token: as the name; sent x-access-token:abc@h",
                "use x-access-token: as the name; sent x-access-token:*****",
            ),
            (
                "cannot clone `ssh://git@h.test/x` or `git@h.test:x`",
                "cannot clone `ssh://git@h.test/x` or `git@h.test:x`",
            ),
            (
                "resolve `web:1.4@sha256:abc` for ada@example.com",
                "resolve `web:1.4@sha256:abc` for ada@example.com",
            ),
            (
                "`git ls-remote` says: fatal: denied for x-access-token:ghs_abc, token=glpat-abc",
                "`git ls-remote` says: fatal: denied for x-access-token:******** token=*********",
            ),
            (
                "remote: 'gitlab-ci-token:abc' and (dckr_pat_abc) with basic eC1hY2Nlc3MtdG9rZW46YQ==",
                "remote: 'gitlab-ci-token:***' and (************* with basic ************************",
            ),
            (
                "`https://x-token-auth:abc@h.test/x` with x-access-token: and shop/x-token-auth:1.4 or highs_x",
                "`https://****************@h.test/x` with x-access-token: and shop/x-token-auth:1.4 or highs_x",
            ),
        ] {
            let mut said = text.to_owned();
            sentences([&mut said]);
            assert_eq!((&*said, &*sentence(text)), (shown, shown));
        }
    }
}
