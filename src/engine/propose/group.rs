//! The branches of groups.

use super::hash::short;

/// How many characters of a key a branch's name shows.
const SLUG: usize = 40;

/// How the changes of a run are split into requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupBy {
    /// By the folder that a file is in.
    Folder,
    /// By the image's name, without tag and digest.
    Image,
}

impl GroupBy {
    /// The word on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Image => "image",
        }
    }
}

/// The branch of a group: `NAME-slug-6hex`. The slug is for people, the digits tell two keys apart.
pub fn branch_of_group(name: &str, key: &str) -> String {
    let mut slug = String::new();
    for character in key.chars() {
        if slug.len() >= SLUG {
            break;
        }
        match character.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug = match slug.trim_end_matches('-') {
        "" => "root",
        slug => slug,
    };
    format!("{name}-{slug}-{}", short(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_a_name_for_people_and_for_git() {
        let branch = |key| branch_of_group("imago/update", key);
        assert_eq!(branch("deploy/shop"), "imago/update-deploy-shop-f0e17b");
        assert_ne!(branch("deploy/shop"), branch("deploy-shop"));
        assert!(branch("").starts_with("imago/update-root-"));
        assert!(branch("../..//~^:?*[\\ @{.lock").starts_with("imago/update-lock-"));
        assert!(branch("é\n\u{202e}").starts_with("imago/update-root-"));
        assert!(branch(&"a/".repeat(5_000)).len() < 70);
    }
}
