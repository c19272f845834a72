//! Finds the files that can be planned: those whose questions are all answered, while others still wait.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::resolve::Wanted;
use crate::engine::answer::{Answer, Answers, Refusal};
use crate::engine::image::{Digest, Lookup};
use crate::engine::plan::Question;

/// The questions of each file, and the answers so far.
pub(super) struct Awaiting {
    files: Vec<Option<File>>,
    askers: HashMap<Lookup, Vec<usize>>,
}

/// The answers to the questions of one file. Files share them, because many may wait to be planned.
#[derive(Default)]
pub(super) struct OwnAnswers(Vec<Arc<(Lookup, Result<Answer, Refusal>)>>);

impl From<OwnAnswers> for Answers {
    fn from(own: OwnAnswers) -> Self {
        let known = own.0.iter();
        known.map(|known| Clone::clone(&**known)).collect()
    }
}

#[derive(Default)]
struct File {
    awaited: usize,
    answers: OwnAnswers,
}

impl Awaiting {
    /// Takes the questions of each file, by its index. Also returns all of them, each once.
    pub(super) fn new(questions: Vec<Vec<Question>>) -> (Self, Wanted) {
        let mut files: Vec<File> = questions.iter().map(|_| File::default()).collect();
        let mut all: HashMap<Lookup, (Vec<usize>, BTreeSet<Digest>)> = HashMap::new();
        for (index, questions) in questions.into_iter().enumerate() {
            for (lookup, digest) in questions {
                let (askers, digests) = all.entry(lookup).or_default();
                if askers.last() != Some(&index) {
                    askers.push(index);
                    files[index].awaited += 1;
                }
                digests.extend(digest);
            }
        }
        let wanted = all
            .iter_mut()
            .map(|(lookup, (_, digests))| (lookup.clone(), std::mem::take(digests)))
            .collect();
        let askers = all
            .into_iter()
            .map(|(lookup, (askers, _))| (lookup, askers))
            .collect();
        (
            Self {
                files: files.into_iter().map(Some).collect(),
                askers,
            },
            wanted,
        )
    }

    /// Records an answer. Each file that was waiting only for this one is passed to `ready`, with its answers.
    pub(super) fn answered(
        &mut self,
        lookup: &Lookup,
        answer: &Result<Answer, Refusal>,
        ready: &mut impl FnMut(usize, OwnAnswers),
    ) {
        let askers = self.askers.remove(lookup).unwrap_or_default();
        let known = Arc::new((lookup.clone(), answer.clone()));
        for index in askers {
            let Some(file) = &mut self.files[index] else {
                continue;
            };
            file.answers.0.reserve_exact(file.awaited);
            file.answers.0.push(Arc::clone(&known));
            file.awaited -= 1;
            if file.awaited == 0
                && let Some(file) = self.files[index].take()
            {
                ready(index, file.answers);
            }
        }
    }

    /// Passes the remaining files to `ready`, including those without questions. Call it when no more answers will come.
    pub(super) fn finish(mut self, answers: &Answers, ready: &mut impl FnMut(usize, OwnAnswers)) {
        for (lookup, answer) in answers {
            self.answered(lookup, answer, ready);
        }
        for (index, file) in self.files.into_iter().enumerate() {
            if let Some(file) = file {
                ready(index, file.answers);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::image::ImageRef;

    #[test]
    fn a_file_is_ready_with_its_last_answer_and_has_its_own_alone() {
        let lookup = |name: &str| ImageRef::parse(name).unwrap().lookup();
        let answer = Ok(Answer::new(
            Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap(),
        ));
        let digest = |digit: &str| Digest::parse(&format!("sha256:{}", digit.repeat(64))).unwrap();
        let questions = vec![
            vec![
                (lookup("b"), None),
                (lookup("a"), Some(digest("2"))),
                (lookup("b"), Some(digest("3"))),
            ],
            vec![],
            vec![(lookup("b"), Some(digest("2")))],
            vec![(lookup("c"), None)],
        ];
        let (mut awaiting, all) = Awaiting::new(questions);
        let recorded = [("a", vec!["2"]), ("b", vec!["2", "3"]), ("c", vec![])];
        let recorded =
            recorded.map(|(name, digits)| (lookup(name), digits.into_iter().map(digest).collect()));
        assert_eq!(all, Wanted::from(recorded));
        let mut seen = Vec::new();
        let mut ready = |file, answers: OwnAnswers| {
            let answers = Answers::from(answers);
            seen.push((
                file,
                answers.into_keys().map(|key| key.to_string()).collect(),
            ))
        };
        awaiting.answered(&lookup("b"), &answer, &mut ready);
        awaiting.answered(&lookup("a"), &answer, &mut ready);
        awaiting.answered(&lookup("a"), &answer, &mut ready);
        awaiting.finish(
            &[(lookup("a"), answer.clone()), (lookup("c"), answer)].into(),
            &mut ready,
        );
        let name = |name: &str| lookup(name).to_string();
        let expected: [(usize, Vec<String>); 4] = [
            (2, vec![name("b")]),
            (0, vec![name("a"), name("b")]),
            (3, vec![name("c")]),
            (1, vec![]),
        ];
        assert_eq!(seen, expected);
    }
}
