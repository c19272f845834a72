//! Credentials at a host, as long as nobody knows whether they are any good.
//!
//! A wrong password that is tried for each image locks its account. So credentials that a host has never taken are tried for a
//! few questions, in the order in which these come, and no more when all of those are refused. What counts are refusals of the
//! very same credentials, whichever place they come from: a host may know others, and refuse one repository to somebody whose
//! password is right.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::io::credentials::Credentials;

/// Refusals of the same credentials before they are not tried any more, and so the most questions that try them at once.
pub(super) const MOST_REFUSED: usize = 3;

/// The trials of one host's credentials.
#[derive(Default)]
pub(super) struct Trials(Mutex<Vec<(Credentials, Arc<Trial>)>>);

impl Trials {
    /// That of these credentials.
    pub(super) fn of(&self, credentials: &Credentials) -> Arc<Trial> {
        let mut trials = self.0.lock().expect("no holder of this lock panics");
        if let Some((_, trial)) = trials
            .iter()
            .find(|(known, _)| known.are_the_same_as(credentials))
        {
            return Arc::clone(trial);
        }
        let trial = Arc::new(Trial {
            turns: Arc::new(Semaphore::new(MOST_REFUSED)),
            state: Mutex::default(),
        });
        trials.push((credentials.clone(), Arc::clone(&trial)));
        trial
    }
}

/// What a run knows of some credentials at a host.
pub(super) struct Trial {
    /// One for each refusal that may still come. Closed when there is nothing more to find out.
    turns: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: bool,
    refused: usize,
}

/// The right to try credentials once. One that is dropped has found out nothing: the next one has it.
pub(super) struct Turn {
    trial: Arc<Trial>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Trial {
    /// Waits until these credentials may be tried, or are known to be good. `None`: they were refused too often.
    pub(super) async fn turn(self: &Arc<Self>) -> Option<Turn> {
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        (permit.is_some() || self.state().taken).then(|| Turn {
            trial: Arc::clone(self),
            permit,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}

impl Turn {
    /// They were taken: whoever waits goes on.
    pub(super) fn taken(self) {
        self.trial.state().taken = true;
        self.trial.turns.close();
    }

    /// They were refused. Where the host has taken them before, that is the repository's refusal and not theirs.
    pub(super) fn refused(self) {
        let Some(permit) = self.permit else { return };
        permit.forget();
        let mut state = self.trial.state();
        state.refused += 1;
        if state.refused == MOST_REFUSED {
            self.trial.turns.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::credentials::{Secret, SecretKind, Source};

    fn credentials(secret: &str, file: &str) -> Credentials {
        let source = Source::File(file.into());
        Credentials {
            kind: SecretKind::Password,
            username: "user".to_owned(),
            secret: Secret::new(secret),
            source,
        }
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(work)
    }

    #[test]
    fn the_same_credentials_of_two_places_have_one_trial() {
        let trials = Trials::default();
        let first = trials.of(&credentials("hunter2", "a.json"));
        assert!(Arc::ptr_eq(
            &first,
            &trials.of(&credentials("hunter2", "b.json"))
        ));
        assert!(!Arc::ptr_eq(
            &first,
            &trials.of(&credentials("other", "a.json"))
        ));
    }

    #[test]
    fn credentials_that_were_refused_three_times_are_not_tried_again() {
        block_on(async {
            let trial = Trials::default().of(&credentials("hunter2", "a.json"));
            drop(trial.turn().await.unwrap());
            for _ in 0..MOST_REFUSED {
                trial.turn().await.unwrap().refused();
            }
            assert!(trial.turn().await.is_none());
        });
    }

    #[test]
    fn credentials_that_were_taken_once_are_good_whatever_is_refused_later() {
        block_on(async {
            let trial = Trials::default().of(&credentials("hunter2", "a.json"));
            trial.turn().await.unwrap().refused();
            let (second, third) = (trial.turn().await.unwrap(), trial.turn().await.unwrap());
            third.taken();
            second.refused();
            for _ in 0..MOST_REFUSED {
                trial.turn().await.unwrap().refused();
            }
            assert!(trial.turn().await.is_some());
        });
    }
}
