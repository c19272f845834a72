//! Equal questions are asked once, however many ask them at the same time.
//!
//! The first asker does the work, the others wait for it and get the same answer; an answer stays until it is forgotten. It knows nothing
//! of what is asked.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

/// Answers by question, each made once.
pub(super) struct Once<Question, Answer>(Mutex<BTreeMap<Question, Arc<OnceCell<Answer>>>>);

impl<Question, Answer> Default for Once<Question, Answer> {
    fn default() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }
}

impl<Question: Ord, Answer: Clone> Once<Question, Answer> {
    /// The kept answer, or the one that `work` gives. When the one who does the work is dropped, another takes it over.
    pub(super) async fn ask<Work: Future<Output = Answer>>(&self, question: Question, work: impl FnOnce() -> Work) -> Answer {
        let cell = {
            let mut answers = self.0.lock().expect("no holder of this lock panics");
            Arc::clone(answers.entry(question).or_default())
        };
        cell.get_or_init(work).await.clone()
    }

    /// Forgets the answers to these questions; who waits for one of them still gets it.
    pub(super) fn forget(&self, which: impl Fn(&Question) -> bool) {
        self.0.lock().expect("no holder of this lock panics").retain(|question, _| !which(question));
    }
}
