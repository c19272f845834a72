//! Credentials at a host, as long as nobody knows whether they are any good.
//!
//! A wrong password that is tried for each image locks its account. So credentials that a host has never taken are tried for a
//! few questions, in the order in which these come. What counts are refusals of the very same credentials, whichever place they
//! come from. A host may also refuse a few repositories to somebody whose password is right. So the last try signs in and names no
//! repository, as `docker login` does: what the host says to that counts for all its repositories.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::io::credentials::Credentials;

/// Refusals of the same credentials before they are not tried any more.
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
            turns: Arc::new(Semaphore::new(MOST_REFUSED - 1)),
            state: Mutex::default(),
        });
        trials.push((credentials.clone(), Arc::clone(&trial)));
        trial
    }
}

/// What a run knows of some credentials at a host.
pub(super) struct Trial {
    /// One for each refusal that may still come; the last one comes alone. Closed when there is nothing more to find out.
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
    /// Whether nothing but this try is left to find out whether they are good.
    pub(super) fn is_last(&self) -> bool {
        let state = self.trial.state();
        self.permit.is_some() && !state.taken && state.refused == MOST_REFUSED - 1
    }

    /// They were taken: whoever waits goes on.
    pub(super) fn taken(&self) {
        self.trial.state().taken = true;
        self.trial.turns.close();
    }

    /// They were refused. Where the host has taken them before, that is the repository's refusal and not theirs.
    pub(super) fn refused(self) {
        let Some(permit) = self.permit else { return };
        permit.forget();
        let mut state = self.trial.state();
        state.refused += 1;
        match state.refused {
            MOST_REFUSED => self.trial.turns.close(),
            refused if refused == MOST_REFUSED - 1 => self.trial.turns.add_permits(1),
            _ => {}
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
            for number in 1..=MOST_REFUSED {
                let turn = trial.turn().await.unwrap();
                assert_eq!(turn.is_last(), number == MOST_REFUSED);
                turn.refused();
            }
            assert!(trial.turn().await.is_none());
        });
    }

    #[test]
    fn the_last_try_comes_alone() {
        block_on(async {
            let trial = Trials::default().of(&credentials("hunter2", "a.json"));
            let (first, second) = (trial.turn().await.unwrap(), trial.turn().await.unwrap());
            first.refused();
            assert_eq!(trial.turns.available_permits(), 0);
            second.refused();
            let last = trial.turn().await.unwrap();
            assert!(last.is_last() && trial.turns.available_permits() == 0);
            last.taken();
            assert!(!trial.turn().await.unwrap().is_last());
        });
    }

    #[test]
    fn credentials_that_were_taken_once_are_good_whatever_is_refused_later() {
        block_on(async {
            let trial = Trials::default().of(&credentials("hunter2", "a.json"));
            trial.turn().await.unwrap().refused();
            let second = trial.turn().await.unwrap();
            second.taken();
            second.refused();
            for _ in 0..MOST_REFUSED {
                trial.turn().await.unwrap().refused();
            }
            assert!(trial.turn().await.is_some());
        });
    }
}
