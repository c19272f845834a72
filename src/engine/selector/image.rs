//! `--include-image` and `--exclude-image`: globs on an image's name as written.
//!
//! A pattern is matched with the name without tag and digest, and not normalised: `nginx` does not match
//! `docker.io/library/nginx`. A pattern with a tag or a digest is an error. It could match no name, and an exclusion that
//! silently excludes nothing is worse than an error.

use globset::Glob;

use super::Watched;

/// The longest pattern, in bytes. The cost of a matcher grows with it, and settings may be a stranger's.
pub const MAX_PATTERN: usize = 1024;

/// Which images a run takes, by name. The default takes all.
#[derive(Clone, Debug, Default)]
pub struct ImageFilter {
    include: Option<Watched>,
    exclude: Watched,
}

impl ImageFilter {
    /// Takes what matches one of `include` (everything, if that is empty) and none of `exclude`. `*` and `?` match `/` too:
    /// `registry.example.test/*` matches everything in this registry.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, GlobError> {
        let include = if include.is_empty() {
            None
        } else {
            Some(glob_set(include)?)
        };
        Ok(Self {
            include,
            exclude: glob_set(exclude)?,
        })
    }

    /// Takes the images of this very name alone.
    pub fn only(name: &str) -> Result<Self, GlobError> {
        let syntax = |error: &globset::Error| GlobError::Syntax {
            pattern: name.to_owned(),
            reason: error.kind().to_string(),
        };
        let glob = Glob::new(&globset::escape(name)).map_err(|error| syntax(&error))?;
        let include = Watched::new([(glob, name.to_owned())]).map_err(|error| syntax(&error))?;
        Ok(Self {
            include: Some(include),
            exclude: Watched::default(),
        })
    }

    /// Whether it takes every image, so that no name need be matched.
    pub fn takes_all(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Whether it takes an image. `name` is without tag and digest.
    pub fn takes(&self, name: &str) -> bool {
        // Match both, so that each records its match.
        let included = self
            .include
            .as_ref()
            .is_none_or(|include| include.is_match(name));
        !self.exclude.is_match(name) && included
    }

    /// The patterns that have matched no name so far, each with whether it is one of `include`.
    pub fn idle(&self) -> impl Iterator<Item = (bool, &str)> {
        let include = self
            .include
            .iter()
            .flat_map(|include| include.idle().map(|pattern| (true, pattern)));
        include.chain(self.exclude.idle().map(|pattern| (false, pattern)))
    }
}

/// What is wrong with a pattern for image names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It has a syntax error.
    #[error("`{pattern}` is not a pattern: {reason}")]
    Syntax {
        /// The pattern as written.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It is longer than [`MAX_PATTERN`].
    #[error("a pattern has {length} bytes, more than the {MAX_PATTERN} that are read")]
    TooLong {
        /// How many bytes it has.
        length: usize,
    },
    /// It has a tag or a digest, which names do not have.
    #[error("the pattern `{pattern}` has a tag or a digest, but patterns match names only")]
    Tagged {
        /// The pattern as written.
        pattern: String,
    },
}

fn glob_set(patterns: &[String]) -> Result<Watched, GlobError> {
    let syntax = |pattern: &str, error: &globset::Error| GlobError::Syntax {
        pattern: pattern.to_owned(),
        reason: error.kind().to_string(),
    };
    let mut globs = Vec::new();
    for pattern in patterns {
        if is_tagged(pattern) {
            return Err(GlobError::Tagged {
                pattern: pattern.clone(),
            });
        }
        if pattern.is_empty() {
            return Err(GlobError::Syntax {
                pattern: String::new(),
                reason: "it names nothing".to_owned(),
            });
        }
        if pattern.len() > MAX_PATTERN {
            return Err(GlobError::TooLong {
                length: pattern.len(),
            });
        }
        globs.push((
            Glob::new(pattern).map_err(|error| syntax(pattern, &error))?,
            pattern.clone(),
        ));
    }
    Watched::new(globs).map_err(|error| syntax(error.glob().unwrap_or_default(), &error))
}

/// In a name, a colon comes before a port (digits up to the next slash) or inside the brackets of an IPv6 address.
fn is_tagged(pattern: &str) -> bool {
    let after_colon = pattern.rsplit_once(':').map(|(_, rest)| rest);
    pattern.contains('@')
        || after_colon.is_some_and(|rest| {
            let digits = rest.trim_start_matches(|character: char| character.is_ascii_digit());
            !digits.starts_with(['/', '*', '?', '[', ']', '{', '}', ','])
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Result<ImageFilter, GlobError> {
        let owned = |patterns: &[&str]| {
            patterns
                .iter()
                .map(|&pattern| pattern.to_owned())
                .collect::<Vec<_>>()
        };
        ImageFilter::new(&owned(include), &owned(exclude))
    }

    #[test]
    fn a_name_takes_itself_alone() {
        for name in ["web", "registry.example.test:5000/a/web", "a[b]*?{c,d}"] {
            let only = ImageFilter::only(name).unwrap();
            assert!(only.takes(name), "{name}");
            for other in ["", "we", "webs", "a/web", "ab"] {
                assert!(!only.takes(other), "{name}: {other}");
            }
        }
    }

    #[test]
    fn without_patterns_every_image_is_taken() {
        assert!(filter(&[], &[]).unwrap().takes("nginx"));
        assert!(ImageFilter::default().takes("nginx"));
    }

    #[test]
    fn a_star_matches_everything_below_a_registry() {
        let filter = filter(&["registry.example.test/*", "reg:5000/*"], &[]).unwrap();
        assert!(filter.takes("registry.example.test/web"));
        assert!(filter.takes("registry.example.test/shop/front/web"));
        assert!(filter.takes("reg:5000/web"));
        assert!(!filter.takes("registry.example.testing/web"));
        assert!(!filter.takes("nginx"));
    }

    #[test]
    fn a_pattern_matches_the_whole_name_as_written() {
        let filter = filter(&[], &["nginx", "*/postgres"]).unwrap();
        assert!(!filter.takes("nginx"));
        assert!(filter.takes("docker.io/library/nginx"));
        assert!(filter.takes("nginx-unprivileged"));
        assert!(!filter.takes("docker.io/library/postgres"));
        assert!(filter.takes("postgres"));
    }

    #[test]
    fn an_exclusion_wins_over_an_inclusion() {
        let filter = filter(&["shop/*"], &["shop/legacy-*"]).unwrap();
        assert!(filter.takes("shop/web"));
        assert!(!filter.takes("shop/legacy-web"));
    }

    #[test]
    fn what_matches_no_name_is_known() {
        let filter = filter(&["shop/*", "pay/*"], &["*-dev", "team-0"]).unwrap();
        for name in ["shop/web-dev", "shop/web", "x"] {
            filter.takes(name);
        }
        assert_eq!(
            filter.idle().collect::<Vec<_>>(),
            [(true, "pay/*"), (false, "team-0")]
        );
    }

    #[test]
    fn a_pattern_that_no_name_can_match_is_refused() {
        for pattern in [
            "nginx:1.25",
            "nginx:1.*",
            "reg:5000/nginx:latest",
            "nginx@sha256:*",
            "nginx:v*",
            "*@*",
            "nginx:",
        ] {
            assert_eq!(
                filter(&[], &[pattern]).unwrap_err(),
                GlobError::Tagged {
                    pattern: pattern.to_owned()
                }
            );
        }
        for pattern in [
            "reg:5000/*",
            "*:5000/web",
            "reg:*/web",
            "reg:50{00,01}/web",
            "{reg:5000,registry}/web",
        ] {
            assert!(filter(&[pattern], &[]).is_ok(), "{pattern}");
        }
    }

    #[test]
    fn a_broken_pattern_is_refused_with_its_reason() {
        let error = filter(&["shop/[web"], &[]).unwrap_err().to_string();
        assert!(
            error.starts_with("`shop/[web` is not a pattern: "),
            "{error}"
        );
        let empty = filter(&[], &[""]).unwrap_err().to_string();
        assert_eq!(empty, "`` is not a pattern: it names nothing");
    }

    #[test]
    fn a_pattern_longer_than_any_name_is_not_read() {
        assert!(ImageFilter::new(&["a".repeat(MAX_PATTERN)], &[]).is_ok());
        let error = ImageFilter::new(&[], &["*".repeat(MAX_PATTERN + 1)]).unwrap_err();
        assert_eq!(
            error,
            GlobError::TooLong {
                length: MAX_PATTERN + 1
            }
        );
    }
}
