//! Regular expressions and globs of other tools, as policies have them: for the whole tag, with groups that are called `version`, `text`
//! and `number`.

use crate::engine::version::LONGEST;

/// The groups of `allow` that policies compare.
const GROUPS: [&str; 3] = ["version", "text", "number"];

/// A regular expression that another tool looks for anywhere in a tag, as one for the whole tag. No group of it is compared.
pub(super) fn whole(pattern: &str) -> String {
    anywhere(&with_names(pattern, None), "")
}

/// The same, with its group of this number called `name`, so that the group is compared. 0 is all that the expression matches. `None`: it
/// has no such group.
pub(super) fn comparing(pattern: &str, number: usize, name: &str) -> Option<String> {
    match number.checked_sub(1) {
        None => Some(anywhere(&with_names(pattern, None), &format!("?<{name}>"))),
        Some(index) => {
            groups(pattern).get(index)?;
            Some(anywhere(&with_names(pattern, Some((index, name))), ""))
        }
    }
}

/// The number of the group with this name.
pub(super) fn number_of(pattern: &str, name: &str) -> Option<usize> {
    let index = groups(pattern).iter().position(|group| group.name == name);
    index.map(|index| index + 1)
}

/// The expression for the whole tag, with what it matches itself in a group that begins like this.
fn anywhere(pattern: &str, group: &str) -> String {
    let in_group = |inner: &str, group: &str| match group {
        "" => inner.to_owned(),
        _ => format!("({group}{inner})"),
    };
    let (operators, mut depth) = (operators(pattern), 0usize);
    let is_joined = operators.iter().any(|(at, operator)| {
        match operator {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        *operator == '|' && depth == 0 || *operator == '^' && *at > 0
    });
    if is_joined {
        let group = if group.is_empty() { "?:" } else { group };
        return format!(".*?{}.*", in_group(pattern, group));
    }
    let (start, inner) = match pattern.strip_prefix('^') {
        Some(inner) => ("", inner),
        None if pattern.starts_with(".*") => ("", pattern),
        None => (".*?", pattern),
    };
    let (inner, end) = match without_end(inner, "$") {
        Some(inner) => (inner, ""),
        None if without_end(inner, ".*").is_some() => (inner, ""),
        None => (inner, ".*"),
    };
    format!("{start}{}{end}", in_group(inner, group))
}

/// What stands before this operator at the end of an expression. `None`: it does not end so, or a backslash before the operator escapes it.
pub(super) fn without_end<'p>(pattern: &'p str, end: &str) -> Option<&'p str> {
    let inner = pattern.strip_suffix(end)?;
    let escapes = inner.len() - inner.trim_end_matches('\\').len();
    (escapes % 2 == 0).then_some(inner)
}

/// A group that captures.
struct Group<'p> {
    /// Where it begins.
    at: usize,
    /// What it begins with: `(`, `(?<ts>` or `(?P<ts>`.
    opening: &'p str,
    name: &'p str,
}

/// The groups that capture, in their order.
fn groups(pattern: &str) -> Vec<Group<'_>> {
    let opened = |(at, operator): (usize, char)| {
        let rest = &pattern[at..];
        let named = (rest.strip_prefix("(?P<")).or_else(|| rest.strip_prefix("(?<"));
        let name = named.and_then(|named| Some(named.split_once('>')?.0));
        let length = match name {
            Some(name) => rest.find('<')? + name.len() + 2,
            None => 1,
        };
        let captures = operator == '(' && (name.is_some() || !rest.starts_with("(?"));
        captures.then(|| Group {
            at,
            opening: &rest[..length],
            name: name.unwrap_or_default(),
        })
    };
    operators(pattern).into_iter().filter_map(opened).collect()
}

/// The expression with this name for the group at this index, and for no other one a name that policies compare.
fn with_names(pattern: &str, named: Option<(usize, &str)>) -> String {
    let (mut text, mut rest) = (String::new(), 0);
    for (index, group) in groups(pattern).iter().enumerate() {
        text.push_str(&pattern[rest..group.at]);
        match named.filter(|(place, _)| *place == index) {
            Some((_, name)) => text.push_str(&format!("(?<{name}>")),
            None if GROUPS.contains(&group.name) => text.push('('),
            None => text.push_str(group.opening),
        }
        rest = group.at + group.opening.len();
    }
    text + &pattern[rest..]
}

/// The letters that are neither escaped nor in a class, with their places. Of a pattern that is too long for a policy, none: it is refused
/// whatever is made of it, and to look for the ends of its classes takes the square of its length.
fn operators(pattern: &str) -> Vec<(usize, char)> {
    if pattern.len() > LONGEST {
        return Vec::new();
    }
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(letter) = pattern[at..].chars().next() {
        at += match letter {
            '\\' => escape(&pattern[at..]),
            '[' => class(&pattern[at..]),
            _ => {
                found.push((at, letter));
                letter.len_utf8()
            }
        };
    }
    found
}

/// The length of a backslash with what it escapes.
fn escape(text: &str) -> usize {
    text.chars().take(2).map(char::len_utf8).sum()
}

/// The length of a class: `[^]a[:digit:]]`. A `]` that comes first stands for itself.
fn class(text: &str) -> usize {
    let first = ["[^]", "[]", "[^"]
        .into_iter()
        .find(|first| text.starts_with(first));
    let mut at = first.map_or(1, str::len);
    while let Some(letter) = text[at..].chars().next() {
        at += match letter {
            ']' => return at + 1,
            '\\' => escape(&text[at..]),
            '[' if text[at..].starts_with("[:") => text[at..].find(":]").map_or(1, |end| end + 2),
            letter => letter.len_utf8(),
        };
    }
    at
}

/// A simple regular expression as a glob: `^.*\.sig$` is `*.sig`. `None`: it says more than a glob can.
pub(super) fn glob(pattern: &str) -> Option<String> {
    let (start, inner) = match pattern.strip_prefix('^') {
        Some(inner) => ("", inner),
        None => ("*", pattern),
    };
    let (inner, end) = match inner.strip_suffix('$') {
        Some(inner) => (inner, ""),
        None => (inner, "*"),
    };
    let mut glob = start.to_owned();
    let mut letters = inner.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if matches!(letters.peek(), Some('.' | '/' | '-')) => glob.extend(letters.next()),
            '.' if letters.peek() == Some(&'*') => {
                letters.next();
                glob.push('*');
            }
            '-' | '_' | '/' | ':' => glob.push(letter),
            letter if letter.is_ascii_alphanumeric() => glob.push(letter),
            _ => return None,
        }
    }
    Some((glob + end).replace("**", "*"))
}

/// A glob on tags as a regular expression for the whole tag.
pub(super) fn of_glob(glob: &str) -> String {
    let mut pattern = String::new();
    for letter in glob.chars() {
        match letter {
            '*' => pattern.push_str(".*"),
            '?' => pattern.push('.'),
            letter if letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_') => {
                pattern.push(letter);
            }
            letter => {
                pattern.push('\\');
                pattern.push(letter);
            }
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_no_policy_takes_is_not_taken_apart() {
        let long = |count: usize| format!("[{}a]", "[:".repeat(count));
        assert_eq!(operators(&format!("{}(a|b)", long(200))).len(), 5);
        assert!(operators(&format!("{}(a|b)", long(300))).is_empty());
        assert!(whole(&long(300)).len() > LONGEST);
    }

    #[test]
    fn an_expression_that_is_looked_for_anywhere_is_one_for_the_whole_tag() {
        for (pattern, expected) in [
            ("", ".*?.*"),
            ("rc", ".*?rc.*"),
            ("^v", "v.*"),
            ("^v$", "v"),
            ("^.*-rc.*$", ".*-rc.*"),
            (".*-rc.*", ".*-rc.*"),
            // What is escaped ends nothing.
            (r"^v\$", r"v\$.*"),
            (r"^v\\$", r"v\\"),
            (r"^v\.*", r"v\.*.*"),
            (r"^v\\.*", r"v\\.*"),
            // What is in a class is no operator.
            ("^[^|a]", "[^|a].*"),
            (r"^[]^|(]\|", r"[]^|(]\|.*"),
            ("^[[:alpha:]|]x", "[[:alpha:]|]x.*"),
            ("^(a|b)$", "(a|b)"),
            ("^a$|^b$", ".*?(?:^a$|^b$).*"),
            ("(^a|b)", ".*?(?:(^a|b)).*"),
            ("é^", ".*?(?:é^).*"),
            // No group of another tool is compared by its name.
            (
                "^(?P<version>.*)-(?<text>x)(?P<ts>y)",
                "(.*)-(x)(?P<ts>y).*",
            ),
        ] {
            assert_eq!(whole(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn a_group_is_compared_by_its_number() {
        for (pattern, number, expected) in [
            ("^(.)-(.)$", 1, "(?<text>.)-(.)"),
            ("^(.)-(.)$", 2, "(.)-(?<text>.)"),
            ("(?:x)(y)", 1, ".*?(?:x)(?<text>y).*"),
            (r"\((y)", 1, r".*?\((?<text>y).*"),
            ("[(](y)", 1, ".*?[(](?<text>y).*"),
            ("[](](y)", 1, ".*?[](](?<text>y).*"),
            ("[[:alpha:](](y)", 1, ".*?[[:alpha:](](?<text>y).*"),
            ("(?P<text>x)(?<ts>y)", 2, ".*?(x)(?<text>y).*"),
            // All that matches, without what is around it.
            ("^v(.*)$", 0, "(?<text>v(.*))"),
            ("[0-9.]+", 0, ".*?(?<text>[0-9.]+).*"),
            ("^a|b", 0, ".*?(?<text>^a|b).*"),
        ] {
            let found = comparing(pattern, number, "text");
            assert_eq!(found.as_deref(), Some(expected), "{pattern} {number}");
            let regex = regex::Regex::new(&found.unwrap()).unwrap();
            assert_eq!(regex.capture_names().flatten().count(), 1, "{pattern}");
        }
        for (pattern, number) in [("(x)", 2), ("x", 1), ("(?i:x)", 1), (r"\(x", 1)] {
            assert_eq!(comparing(pattern, number, "text"), None, "{pattern}");
        }
        let number = |name| number_of("(a)(?P<ts>.)(?<b>.)", name);
        assert_eq!(["ts", "b", "c"].map(number), [Some(2), Some(3), None]);
    }
}
