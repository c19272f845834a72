//! Regular expressions and globs of other tools, as policies have them: for the whole tag, with groups that are called `version`, `text`
//! and `number`.

/// A regular expression that another tool looks for anywhere in a tag, as one for the whole tag.
pub(super) fn whole(pattern: &str) -> String {
    let ends = pattern.ends_with('$') && !pattern.ends_with("\\$");
    if has_alternatives(pattern) || pattern[1.min(pattern.len())..].contains('^') {
        return format!(".*?(?:{pattern}).*");
    }
    let (start, inner) = match pattern.strip_prefix('^') {
        Some(inner) => ("", inner),
        None if pattern.starts_with(".*") => ("", pattern),
        None => (".*?", pattern),
    };
    let (inner, end) = match inner.strip_suffix('$') {
        Some(inner) if ends => (inner, ""),
        _ if inner.ends_with(".*") => (inner, ""),
        _ => (inner, ".*"),
    };
    format!("{start}{inner}{end}")
}

/// Whether there is a `|` outside of all brackets, or a `^` that is no negation.
fn has_alternatives(pattern: &str) -> bool {
    let (mut depth, mut in_class, mut escaped) = (0usize, false, false);
    for letter in pattern.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth = depth.saturating_sub(1),
            '|' if !in_class && depth == 0 => return true,
            _ => {}
        }
    }
    false
}

/// The pattern with the group that `extract` names (`$ts`, `${ts}`, `$1`) called `name`. `None`: it does not name one group alone.
pub(super) fn with_group(pattern: &str, extract: &str, name: &str) -> Option<String> {
    let group = extract.strip_prefix('$')?;
    let group = group
        .strip_prefix('{')
        .and_then(|group| group.strip_suffix('}'))
        .unwrap_or(group);
    if group.is_empty()
        || !group
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    {
        return None;
    }
    if let Ok(number) = group.parse::<usize>() {
        return numbered(pattern, number, name);
    }
    let named = |start: &str| {
        let group = format!("(?{start}<{group}>");
        pattern
            .contains(&group)
            .then(|| pattern.replacen(&group, &format!("(?<{name}>"), 1))
    };
    named("P").or_else(|| named(""))
}

fn numbered(pattern: &str, number: usize, name: &str) -> Option<String> {
    let (mut seen, mut in_class, mut escaped) = (0, false, false);
    for (at, letter) in pattern.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                let rest = &pattern[at + 1..];
                let is_named = rest.starts_with("?P<") || rest.starts_with("?<");
                if rest.starts_with('?') && !is_named {
                    continue;
                }
                seen += 1;
                if seen == number {
                    let inner = match is_named {
                        true => rest.split_once('>')?.1,
                        false => rest,
                    };
                    return Some(format!("{}(?<{name}>{inner}", &pattern[..at]));
                }
            }
            _ => {}
        }
    }
    None
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
