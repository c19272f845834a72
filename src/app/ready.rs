//! Which files can be decided on: those whose questions are all answered, while others still wait.

use std::collections::BTreeMap;

use super::resolve::Wanted;
use crate::engine::answer::{Answer, Answers, Refusal};
use crate::engine::image::Lookup;

/// The questions of each file, and what has been answered of them.
pub(super) struct Awaiting {
    files: Vec<Option<File>>,
    askers: BTreeMap<Lookup, Vec<usize>>,
}

struct File {
    awaited: usize,
    answers: Answers,
}

impl Awaiting {
    /// Takes the questions of each file, by its place.
    pub(super) fn new(questions: &[Wanted]) -> Self {
        let mut askers: BTreeMap<Lookup, Vec<usize>> = BTreeMap::new();
        for (file, lookup) in questions.iter().enumerate().flat_map(|(file, wanted)| wanted.keys().map(move |key| (file, key))) {
            match askers.get_mut(lookup) {
                Some(files) => files.push(file),
                None => drop(askers.insert(lookup.clone(), vec![file])),
            }
        }
        let file = |wanted: &Wanted| Some(File { awaited: wanted.len(), answers: Answers::new() });
        Self { files: questions.iter().map(file).collect(), askers }
    }

    /// Notes an answer. Each file that has awaited nothing else is handed to `ready`, with its answers.
    pub(super) fn answered(&mut self, lookup: &Lookup, answer: &Result<Answer, Refusal>, ready: &mut impl FnMut(usize, Answers)) {
        for index in self.askers.remove(lookup).unwrap_or_default() {
            let Some(file) = &mut self.files[index] else { continue };
            file.answers.insert(lookup.clone(), answer.clone());
            file.awaited -= 1;
            if file.awaited == 0
                && let Some(file) = self.files[index].take()
            {
                ready(index, file.answers);
            }
        }
    }

    /// Hands out the other files, those without questions among them, when all there is to know is known.
    pub(super) fn finish(mut self, answers: &Answers, ready: &mut impl FnMut(usize, Answers)) {
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
    use crate::engine::image::{Digest, ImageRef};

    #[test]
    fn a_file_is_ready_with_its_last_answer_and_has_its_own_alone() {
        let lookup = |name: &str| ImageRef::parse(name).unwrap().lookup();
        let answer = Ok(Answer::new(Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap()));
        let wanted = |names: &[&str]| names.iter().map(|name| (lookup(name), [].into())).collect::<Wanted>();
        let mut awaiting = Awaiting::new(&[wanted(&["a", "b"]), wanted(&[]), wanted(&["b"]), wanted(&["c"])]);
        let mut seen = Vec::new();
        let mut ready = |file, answers: Answers| seen.push((file, answers.into_keys().map(|key| key.to_string()).collect()));
        awaiting.answered(&lookup("b"), &answer, &mut ready);
        awaiting.answered(&lookup("a"), &answer, &mut ready);
        awaiting.answered(&lookup("a"), &answer, &mut ready);
        awaiting.finish(&[(lookup("a"), answer.clone()), (lookup("c"), answer)].into(), &mut ready);
        let name = |name: &str| lookup(name).to_string();
        let expected: [(usize, Vec<String>); 4] =
            [(2, vec![name("b")]), (0, vec![name("a"), name("b")]), (3, vec![name("c")]), (1, vec![])];
        assert_eq!(seen, expected);
    }
}
