//! Globs of names: `web-*`.

/// Whether a text fits a glob in which `*` is any text and `?` one character. Takes as long as both lengths multiplied, at most.
pub fn matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut at, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at, in_text));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[in_text] => {
                at += 1;
                in_text += 1;
            }
            _ => match star {
                Some((begin, taken)) => {
                    star = Some((begin, taken + 1));
                    at = begin + 1;
                    in_text = taken + 1;
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_glob_takes_time_in_proportion() {
        assert!(!matches(&"*a".repeat(200), &"a".repeat(199)));
        assert!(matches("", "") && matches("*", "") && !matches("?", ""));
    }
}
