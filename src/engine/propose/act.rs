//! What a run does with a request and its branch: the whole table.

use super::hash::PlanHash;

/// What was found at the forge and at the remote, and what is planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// What the forge says of requests from the branch.
    pub standing: Standing,
    /// The branch at the remote.
    pub branch: Branch,
    /// What is planned. `None`: nothing is left to change.
    pub plan: Option<PlanHash>,
    /// Whether the run has problems, so that it may not have seen all that there is to change.
    pub troubled: bool,
    /// Whether the plan may be a part of another one: it takes back a change that the branch has, or a person has closed a request whose
    /// plan this one could be without what the run has not seen.
    pub shrinks: bool,
    /// Whether the branch is that of one group of several.
    pub is_group: bool,
    /// Whether the branch has an open request into another base.
    pub is_elsewhere: bool,
}

/// What the forge says of requests from a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It could not be asked.
    Unknown,
    /// None is open, and nobody has closed one with this plan.
    NotOpen,
    /// None is open, and a person has closed this one, which has the same plan.
    Closed(u64),
    /// One is open. Its text names this plan, where it has a marker for this branch.
    Open(Option<PlanHash>),
}

/// The branch at the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branch {
    /// There is none.
    Absent,
    /// It holds nothing but an earlier run's work.
    Ours {
        /// Whether it holds this plan, made from files that are the base's still.
        is_current: bool,
    },
    /// It has a person's commits.
    Foreign,
}

/// What a run does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Nothing, because there is nothing to change and nothing to tidy up.
    Nothing,
    /// Deletes a branch of its own that nobody needs any more.
    DeleteBranch,
    /// Opens a request.
    Create {
        /// Whether the branch is pushed first.
        push: bool,
    },
    /// Leaves a request closed, because a person closed it with this plan.
    StaysClosed(u64),
    /// Leaves a request and its branch as they are: they have this plan.
    Unchanged,
    /// Brings a request's text up to date.
    Update {
        /// Whether the branch is pushed first.
        push: bool,
    },
    /// Comments on a request once: its branch has a person's commits.
    Comment,
    /// Refuses: the branch has a person's commits, and no request to say so on.
    Refuse,
    /// Closes a request, because nothing is left of it.
    Close {
        /// Whether the branch is deleted too.
        delete: bool,
    },
    /// Pushes the branch, and leaves requests to a run that can ask the forge.
    Push,
    /// Leaves everything as it is, because the run has problems.
    Wait,
}

impl Act {
    /// Whether the branch is pushed.
    pub fn pushes(self) -> bool {
        matches!(
            self,
            Self::Create { push: true } | Self::Update { push: true } | Self::Push
        )
    }
}

/// Decides what to do.
pub fn decide(state: &State) -> Act {
    let State {
        standing,
        branch,
        plan,
        troubled,
        shrinks,
        is_group,
        is_elsewhere,
    } = *state;
    if is_elsewhere {
        return Act::Wait;
    }
    let Some(plan) = plan else {
        let is_there =
            matches!(standing, Standing::Open(_)) || matches!(branch, Branch::Ours { .. });
        return match (branch, standing) {
            (Branch::Foreign, Standing::Open(_)) => Act::Comment,
            (Branch::Foreign, _) => Act::Nothing,
            _ if troubled || standing == Standing::Unknown => match is_there {
                true => Act::Wait,
                false => Act::Nothing,
            },
            (Branch::Absent, Standing::Open(_)) => Act::Close { delete: false },
            (Branch::Ours { .. }, Standing::Open(_)) => Act::Close { delete: true },
            (Branch::Ours { .. }, _) => Act::DeleteBranch,
            (Branch::Absent, _) => Act::Nothing,
        };
    };
    let push = branch != Branch::Ours { is_current: true };
    match (branch, standing) {
        (_, Standing::Closed(number)) => Act::StaysClosed(number),
        (Branch::Foreign, Standing::Open(_)) => Act::Comment,
        (Branch::Foreign, Standing::NotOpen) => Act::Refuse,
        (Branch::Foreign, Standing::Unknown) => Act::Wait,
        // Without the forge nobody knows how many requests are open, and which of them a person has closed.
        (Branch::Absent, Standing::Unknown) if is_group => Act::Wait,
        _ if troubled && shrinks && (push || standing == Standing::NotOpen) => Act::Wait,
        (_, Standing::Open(marked)) if marked == Some(plan) && !push => Act::Unchanged,
        (_, Standing::Open(_)) => Act::Update { push },
        (_, Standing::NotOpen) => Act::Create { push },
        (_, Standing::Unknown) if push => Act::Push,
        (_, Standing::Unknown) => Act::Wait,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::propose::Planned;

    fn plan(after: &str) -> PlanHash {
        PlanHash::of(vec![Planned {
            file: "web.yaml".to_owned(),
            place: "Deployment/web app".to_owned(),
            after: after.to_owned(),
        }])
    }

    const CURRENT: Branch = Branch::Ours { is_current: true };
    const OTHER: Branch = Branch::Ours { is_current: false };

    #[test]
    fn every_row_of_the_table() {
        let (one, two) = (plan("1"), plan("2"));
        let (equal, differs) = (Standing::Open(Some(one)), Standing::Open(Some(two)));
        let unmarked = Standing::Open(None);
        let (none, closed) = (Standing::NotOpen, Standing::Closed(12));
        let (some, nothing) = (Some(one), None);
        for (standing, branch, plan, act) in [
            // Nothing is open, and nothing is to be changed.
            (none, Branch::Absent, nothing, Act::Nothing),
            (none, OTHER, nothing, Act::DeleteBranch),
            (closed, OTHER, nothing, Act::DeleteBranch),
            (none, Branch::Foreign, nothing, Act::Nothing),
            // Nothing is open.
            (none, Branch::Absent, some, Act::Create { push: true }),
            (none, OTHER, some, Act::Create { push: true }),
            (none, CURRENT, some, Act::Create { push: false }),
            (none, Branch::Foreign, some, Act::Refuse),
            // A person has closed it.
            (closed, Branch::Absent, some, Act::StaysClosed(12)),
            (closed, CURRENT, some, Act::StaysClosed(12)),
            (closed, OTHER, some, Act::StaysClosed(12)),
            (closed, Branch::Foreign, some, Act::StaysClosed(12)),
            // It is open, and its text names this plan.
            (equal, CURRENT, some, Act::Unchanged),
            (equal, OTHER, some, Act::Update { push: true }),
            (equal, Branch::Absent, some, Act::Update { push: true }),
            // It is open with another plan, or without a marker.
            (differs, OTHER, some, Act::Update { push: true }),
            (differs, CURRENT, some, Act::Update { push: false }),
            (unmarked, OTHER, some, Act::Update { push: true }),
            (unmarked, CURRENT, some, Act::Update { push: false }),
            // A person's commits.
            (equal, Branch::Foreign, some, Act::Comment),
            (differs, Branch::Foreign, some, Act::Comment),
            (equal, Branch::Foreign, nothing, Act::Comment),
            // It is open, and nothing is left of it.
            (equal, CURRENT, nothing, Act::Close { delete: true }),
            (differs, OTHER, nothing, Act::Close { delete: true }),
            (equal, Branch::Absent, nothing, Act::Close { delete: false }),
            // The forge cannot be asked.
            (Standing::Unknown, Branch::Absent, some, Act::Push),
            (Standing::Unknown, OTHER, some, Act::Push),
            (Standing::Unknown, CURRENT, some, Act::Wait),
            (Standing::Unknown, OTHER, nothing, Act::Wait),
            (Standing::Unknown, Branch::Absent, nothing, Act::Nothing),
            (Standing::Unknown, Branch::Foreign, some, Act::Wait),
        ] {
            let state = State {
                standing,
                branch,
                plan,
                troubled: false,
                shrinks: false,
                is_group: false,
                is_elsewhere: false,
            };
            assert_eq!(decide(&state), act, "{state:?}");
        }
    }

    /// Every state that there is.
    fn states() -> Vec<State> {
        let mut states = Vec::new();
        for standing in [
            Standing::Unknown,
            Standing::NotOpen,
            Standing::Closed(1),
            Standing::Open(None),
            Standing::Open(Some(plan("1"))),
            Standing::Open(Some(plan("2"))),
        ] {
            for branch in [Branch::Absent, CURRENT, OTHER, Branch::Foreign] {
                for plan in [None, Some(plan("1"))] {
                    for flags in 0..16 {
                        states.push(State {
                            standing,
                            branch,
                            plan,
                            troubled: flags & 1 != 0,
                            shrinks: flags & 2 != 0,
                            is_group: flags & 4 != 0,
                            is_elsewhere: flags & 8 != 0,
                        });
                    }
                }
            }
        }
        states
    }

    #[test]
    fn what_holds_in_every_state() {
        for state in states() {
            let act = decide(&state);
            let closes = matches!(act, Act::Close { .. } | Act::DeleteBranch);
            let deletes = matches!(act, Act::Close { delete: true } | Act::DeleteBranch);
            let told = || format!("{state:?}: {act:?}");
            if state.troubled {
                assert!(!closes, "{}", told());
                assert!(!(act.pushes() && state.shrinks), "{}", told());
            }
            if state.is_elsewhere {
                assert_eq!(act, Act::Wait);
                continue;
            }
            if state.standing == Standing::Unknown {
                assert!(!closes, "{}", told());
                let is_new = state.branch == Branch::Absent && state.is_group;
                assert!(!(is_new && act.pushes()), "{}", told());
            }
            if state.branch == Branch::Foreign {
                assert!(!act.pushes() && !deletes, "{}", told());
            }
            if state.branch == CURRENT && state.plan.is_some() {
                assert!(!act.pushes(), "{}", told());
            }
            if state.plan.is_none() {
                assert!(
                    !act.pushes() && !matches!(act, Act::Create { .. }),
                    "{}",
                    told()
                );
            } else {
                assert!(!closes, "{}", told());
            }
            if matches!(state.standing, Standing::Closed(_)) && state.plan.is_some() {
                assert_eq!(act, Act::StaysClosed(1));
            }
            // One request at most: a second is made only where none is open.
            if matches!(act, Act::Create { .. }) {
                assert_eq!(state.standing, Standing::NotOpen);
            }
            if matches!(act, Act::Update { .. } | Act::Comment | Act::Close { .. }) {
                assert!(matches!(state.standing, Standing::Open(_)), "{}", told());
            }
        }
    }

    #[test]
    fn a_run_after_another_one_does_nothing() {
        for state in states() {
            let act = decide(&state);
            let branch = match act {
                _ if act.pushes() => CURRENT,
                Act::DeleteBranch | Act::Close { delete: true } => Branch::Absent,
                _ => state.branch,
            };
            let standing = match act {
                Act::Create { .. } | Act::Update { .. } => Standing::Open(state.plan),
                Act::Close { .. } => Standing::NotOpen,
                _ => state.standing,
            };
            let again = decide(&State {
                branch,
                standing,
                ..state
            });
            let is_quiet = matches!(
                again,
                Act::Nothing
                    | Act::Unchanged
                    | Act::StaysClosed(_)
                    | Act::Wait
                    // It is made once.
                    | Act::Comment
                    | Act::Refuse
            );
            assert!(is_quiet, "{state:?}: {act:?}, then {again:?}");
        }
    }
}
