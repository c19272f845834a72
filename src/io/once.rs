//! Equal questions are asked once, however many ask them at the same time.
//!
//! The first asker does the work, the others wait for it and get the same answer; an answer stays until it is forgotten. They go on in the
//! order in which they asked: one who asks when the answer is just there does not overtake those who have waited for it. It knows nothing of
//! what is asked.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

/// Answers by question, each made once.
pub(super) struct Once<Question, Answer>(Mutex<BTreeMap<Question, Arc<Cell<Answer>>>>);

/// Where an answer is put. Tokio's lock is given to those who wait for it in their order.
type Cell<Answer> = tokio::sync::Mutex<Option<Answer>>;

impl<Question, Answer> Default for Once<Question, Answer> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<Question: Ord, Answer: Clone> Once<Question, Answer> {
    /// The kept answer, or the one that `work` gives. When the one who does the work is dropped, another takes it over.
    pub(super) async fn ask<Work: Future<Output = Answer>>(
        &self,
        question: Question,
        work: impl FnOnce() -> Work,
    ) -> Answer {
        let place = {
            let mut answers = self.0.lock().expect("no holder of this lock panics");
            Arc::clone(answers.entry(question).or_default())
        };
        let mut answer = place.lock().await;
        if let Some(answer) = &*answer {
            return answer.clone();
        }
        answer.insert(work().await).clone()
    }

    /// Forgets the answers to these questions; who waits for one of them still gets it.
    pub(super) fn forget(&self, which: impl Fn(&Question) -> bool) {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .retain(|question, _| !which(question));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asked_first_goes_on_first() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (once, order) = (
                Arc::new(Once::<(), ()>::default()),
                Arc::new(Mutex::new(Vec::new())),
            );
            let ask = |number| {
                let (once, order) = (Arc::clone(&once), Arc::clone(&order));
                async move {
                    once.ask((), tokio::task::yield_now).await;
                    order.lock().unwrap().push(number);
                }
            };
            let first: Vec<_> = (0..3).map(|number| tokio::spawn(ask(number))).collect();
            // The answer comes when those have been run twice; the others then ask before the ones that waited have been woken.
            tokio::task::yield_now().await;
            let later: Vec<_> = (3..6).map(|number| tokio::spawn(ask(number))).collect();
            for task in first.into_iter().chain(later) {
                task.await.unwrap();
            }
            assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
        });
    }
}
