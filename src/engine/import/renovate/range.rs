//! `allowedVersions`: a range as a regular expression for tags.

/// A range as a regular expression for the tags that are below its end, with any suffix; none where it has no end. Where it starts says
/// nothing more, as nothing goes down. `None`: its end is not at a first or second number.
pub(super) fn below(range: &str) -> Option<Option<String>> {
    let mut end: Option<(u32, u32)> = None;
    let comparisons = range.split([',', ' ']).filter(|text| !text.is_empty());
    for comparison in comparisons {
        let numbers = comparison.trim_start_matches(['<', '>', '=', '~', '^', 'v']);
        let operator = comparison[..comparison.len() - numbers.len()].trim_end_matches('v');
        let mut parts = [None; 3];
        for (index, text) in numbers.split('.').enumerate() {
            let number = match text {
                "x" | "X" | "*" => None,
                _ => Some(text.parse::<u32>().ok()?),
            };
            *parts.get_mut(index)? = number;
        }
        let this = match (operator, parts) {
            (">" | ">=", _) | ("" | "=", [None, ..]) => continue,
            ("<", [Some(major), minor, None | Some(0)]) => (major, minor.unwrap_or(0)),
            ("<=" | "" | "=" | "~", [Some(major), None, None]) => (major.checked_add(1)?, 0),
            ("^", [Some(major), ..]) if major > 0 => (major.checked_add(1)?, 0),
            ("<=" | "" | "=", [Some(major), Some(minor), None])
            | ("~", [Some(major), Some(minor), _]) => (major, minor.checked_add(1)?),
            _ => return None,
        };
        end = Some(end.map_or(this, |end| end.min(this)));
    }
    let Some((major, minor)) = end else {
        return Some(None);
    };
    let lower = major.checked_sub(1).map(up_to);
    let same = minor.checked_sub(1).map(up_to);
    let numbers = match (lower, same) {
        (None, None) => return None,
        (Some(lower), None) => lower?,
        (None, Some(same)) => format!("{major}\\.{}", same?),
        (Some(lower), Some(same)) => format!("(?:{}|{major}\\.{})", lower?, same?),
    };
    Some(Some(format!("v?{numbers}(?:[^0-9].*)?")))
}

/// A regular expression for the numbers from 0 to this one. `None`: it has more than two digits.
fn up_to(most: u32) -> Option<String> {
    match (most / 10, most % 10) {
        (0, 0) => Some("0".to_owned()),
        (0, ones) => Some(format!("[0-{ones}]")),
        (tens @ 1..=9, ones) => {
            let below = match tens - 1 {
                0 => String::new(),
                1 => "1[0-9]|".to_owned(),
                below => format!("[1-{below}][0-9]|"),
            };
            let last = match ones {
                0 => format!("{tens}0"),
                _ => format!("{tens}[0-{ones}]"),
            };
            Some(format!("(?:[0-9]|{below}{last})"))
        }
        _ => None,
    }
}
