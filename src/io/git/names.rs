//! When Git takes two names of files for one: without their case where `core.ignoreCase` is set, and where `core.precomposeUnicode` is, as
//! macOS sets it, however their characters are put together (`é`, or `e` and an accent).

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// How one repository compares names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names {
    ignores_case: bool,
    composes: bool,
}

impl Names {
    pub(super) fn new(ignores_case: bool, composes: bool) -> Self {
        Self {
            ignores_case,
            composes,
        }
    }

    /// As the configuration of the repository says.
    pub(super) fn of(config: &git2::Config) -> Self {
        let is_set = |name| config.get_bool(name).unwrap_or(false);
        Self::new(is_set("core.ignorecase"), is_set("core.precomposeunicode"))
    }

    pub(super) fn ignores_case(self) -> bool {
        self.ignores_case
    }

    /// What is equal for equal names. What is not UTF-8 stays as it is, as it does in Git.
    pub(super) fn compared(self, path: &[u8]) -> Cow<'_, [u8]> {
        let mut compared = Cow::Borrowed(path);
        if self.composes
            && !path.is_ascii()
            && let Ok(text) = std::str::from_utf8(path)
        {
            compared = match composed(text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            };
        }
        if self.ignores_case {
            compared.to_mut().make_ascii_lowercase();
        }
        compared
    }
}

/// A name with its characters put together: `é` for `e` and an accent.
pub(in crate::io) fn composed(name: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfc().normalize(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_as_the_repository_says() {
        let names = Names::new;
        let are_equal = |names: Names, one: &str, other: &str| {
            names.compared(one.as_bytes()) == names.compared(other.as_bytes())
        };
        let (composed, apart) = ("caf\u{e9}.yaml", "cafe\u{301}.yaml");
        assert!(are_equal(names(false, true), composed, apart));
        assert!(!are_equal(names(true, false), composed, apart));
        assert!(are_equal(
            names(true, true),
            &composed.replace('c', "C"),
            apart
        ));
        assert!(!are_equal(names(false, true), "A.yaml", "a.yaml"));
        assert_eq!(
            names(false, true).compared(b"\xff\x65\xcc\x81"),
            &b"\xff\x65\xcc\x81"[..]
        );
    }
}
