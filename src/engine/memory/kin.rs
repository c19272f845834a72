//! Names under which one image may stand at two hosts: a mirror keeps the last part of a name, or makes one part of several, as
//! `mirror.example.com/shop-web` of `registry.example.com/shop/web`.

use std::collections::BTreeSet;

/// Whether the last parts of two names may be those of one image.
pub fn are_kin(one: &str, other: &str) -> bool {
    let is_tail = |of: &str, tail: &str| {
        let before = of.strip_suffix(tail);
        before.is_some_and(|before| before.is_empty() || before.ends_with(DIVIDERS))
    };
    is_tail(one, other) || is_tail(other, one)
}

/// The last word of a name's last part: one for all names that are kin.
pub fn last_word(name: &str) -> &str {
    name.rsplit(DIVIDERS).next().unwrap_or(name)
}

/// Of the last parts of names, those that are kin to one on the other side, of both sides. The cost grows with the sum of both.
pub fn shared<'n>(one: &BTreeSet<&'n str>, other: &BTreeSet<&'n str>) -> BTreeSet<&'n str> {
    let mut shared = BTreeSet::new();
    for (names, others) in [(one, other), (other, one)] {
        for name in names {
            for tail in tails(name).filter(|tail| others.contains(tail)) {
                shared.extend([name, tail]);
            }
        }
    }
    shared
}

/// The signs between the words of a name's part.
const DIVIDERS: [char; 3] = ['-', '_', '.'];

/// A name, and what of it follows each divider.
fn tails(name: &str) -> impl Iterator<Item = &str> {
    let after = name.match_indices(DIVIDERS);
    std::iter::once(name).chain(after.map(|(at, _)| &name[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kin_where_one_is_the_last_words_of_the_other() {
        for (one, other, expected) in [
            ("web", "web", true),
            ("web", "shop-web", true),
            ("shop--web", "web", true),
            ("shop_web", "web", true),
            ("registry.example.com.web", "web", true),
            ("web", "web-shop", false),
            ("web", "cobweb", false),
            ("shop-web", "corp-web", false),
            ("web", "db", false),
        ] {
            assert_eq!(are_kin(one, other), expected, "{one} {other}");
            assert_eq!(are_kin(other, one), expected, "{other} {one}");
            let (one, other) = (BTreeSet::from([one]), BTreeSet::from([other]));
            let both: BTreeSet<&str> = one.union(&other).copied().collect();
            let shared = shared(&one, &other);
            assert_eq!(shared == both, expected, "{shared:?}");
            assert!(expected || shared.is_empty(), "{shared:?}");
        }
    }
}
