//! How long a program may take that works for us: `git`, and those that sign.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// Sets another time for all of them, in seconds.
pub const TIMEOUT_VARIABLE: &str = "IMAGO_GIT_TIMEOUT";

/// What a program is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// To look something up, at the remote or here, or to sign.
    Ask,
    /// To fetch or to push, hooks included: a large repository takes minutes.
    Carry,
}

/// The times of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits(Option<Duration>);

impl Limits {
    pub(super) fn of_environment(environment: &BTreeMap<OsString, OsString>) -> Self {
        Self(
            environment
                .get(OsStr::new(TIMEOUT_VARIABLE))
                .and_then(|value| timeout(value)),
        )
    }

    pub(super) fn of(self, act: Act) -> Duration {
        self.0.unwrap_or(Duration::from_secs(match act {
            Act::Ask => 120,
            Act::Carry => 600,
        }))
    }
}

/// Reads the variable's value: whole seconds, at least one.
pub fn timeout(value: &OsStr) -> Option<Duration> {
    let seconds: u32 = value.to_str()?.trim().parse().ok()?;
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_set_is_for_all_and_what_is_no_time_is_for_none() {
        let limits =
            |text: &str| Limits::of_environment(&[(TIMEOUT_VARIABLE.into(), text.into())].into());
        assert_eq!(limits("7").of(Act::Ask), Duration::from_secs(7));
        assert_eq!(limits("7").of(Act::Carry), Duration::from_secs(7));
        for text in ["", "0", "-1", "ten"] {
            assert_eq!(
                limits(text).of(Act::Carry),
                Duration::from_secs(600),
                "{text}"
            );
        }
    }
}
