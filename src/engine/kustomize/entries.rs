//! The entries of a kustomization, found by the images that they match: an image is held against few, however many there are.

use std::collections::BTreeMap;

use super::entry::Entry;

/// So few are tried one after the other.
const FEW: usize = 8;

/// Entries of `images`, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    all: Vec<Entry>,
    /// The numbers of those whose name is plain, by the places of its dots, which stand for any character, and by the name.
    plain: BTreeMap<Vec<usize>, BTreeMap<String, Vec<usize>>>,
    /// The numbers of those whose name is a pattern. A kustomization has few.
    patterns: Vec<usize>,
}

impl Entries {
    pub(super) fn new(mut all: Vec<Entry>) -> Self {
        all.shrink_to_fit();
        let mut entries = Self::default();
        for (number, entry) in all.iter().enumerate().filter(|_| all.len() > FEW) {
            match entry.plain_name() {
                None => entries.patterns.push(number),
                Some(name) => {
                    let dots = name.chars().enumerate().filter(|(_, sign)| *sign == '.');
                    let dots = dots.map(|(place, _)| place).collect();
                    let of_dots = entries.plain.entry(dots).or_default();
                    of_dots.entry(name.to_owned()).or_default().push(number);
                }
            }
        }
        Self { all, ..entries }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn get(&self, number: usize) -> Option<&Entry> {
        self.all.get(number)
    }

    /// The number of the entry at a place of its list.
    pub(super) fn at(&self, at: (usize, usize)) -> Option<usize> {
        self.all.binary_search_by_key(&at, |entry| entry.at).ok()
    }

    /// How many names and patterns an image is held against for the next entry.
    pub(super) fn steps(&self) -> usize {
        match self.all.len() > FEW {
            true => 4 * self.plain.len() + self.patterns.len(),
            false => self.all.len(),
        }
    }

    /// The number of the first entry from one on that matches an image.
    pub(super) fn next(&self, from: usize, image: &str) -> Option<usize> {
        let matches = |number: &usize| self.all[*number].matches(image);
        if self.all.len() <= FEW {
            return (from..self.all.len()).find(matches);
        }
        let patterns = self.patterns.iter().copied();
        let pattern = patterns.filter(|number| *number >= from).find(matches);
        // A tag and a digest have three of these signs.
        let ends = image.rmatch_indices([':', '@']).take(3);
        let ends = ends.map(|(end, _)| end).chain([image.len()]);
        let names = ends.map(|end| &image[..end]);
        let plain = names.flat_map(|name| {
            let of_name = self
                .plain
                .iter()
                .filter_map(|(dots, names)| names.get(&dotted(name, dots)?));
            of_name.filter_map(|numbers| {
                let first = numbers.partition_point(|number| *number < from);
                numbers.get(first).copied().filter(matches)
            })
        });
        plain.chain(pattern).min()
    }
}

/// A name with dots at these places. `None`: it is too short.
fn dotted(name: &str, dots: &[usize]) -> Option<String> {
    let mut due = dots.iter().copied().peekable();
    let signs = name.chars().enumerate();
    let signs = signs.map(|(place, sign)| due.next_if_eq(&place).map_or(sign, |_| '.'));
    let dotted = signs.collect();
    due.next().is_none().then_some(dotted)
}
