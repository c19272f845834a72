//! The list of a repository's tags, which is sorted once for each policy.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::newest::Built;
use super::order::Order;
use super::policy::Policy;
use super::rank::{Judge, Ranking};

/// For how many policies the order of the tags is kept.
const MOST_ORDERS: usize = 64;

/// The tags of a repository, each once, sorted by their bytes.
#[derive(Debug, Default)]
pub struct TagList {
    tags: Vec<String>,
    pushed: BTreeMap<String, Built>,
    orders: Mutex<BTreeMap<Policy, Arc<OnceLock<Order>>>>,
}

impl TagList {
    /// The tags, and when each of them was pushed, as far as the registry says so.
    pub fn new(tags: impl IntoIterator<Item = String>, pushed: BTreeMap<String, Built>) -> Self {
        let mut tags: Vec<String> = tags.into_iter().collect();
        tags.sort_unstable();
        tags.dedup();
        Self {
            tags,
            pushed,
            orders: Mutex::default(),
        }
    }

    /// When a tag was pushed, where the registry has said so.
    pub fn pushed(&self, tag: &str) -> Option<Built> {
        self.pushed.get(tag).copied()
    }

    /// As [`rank`](super::rank()), with `most` candidates at the most.
    pub fn rank(&self, now: &str, policy: &Policy, most: usize) -> Ranking<'_> {
        let judge = Judge::new(now, policy);
        let order = self.order(policy).unwrap_or_default();
        let order = order.get_or_init(|| Order::new(&self.tags, &judge));
        order.rank(|place| self.tags[place].as_str(), &judge, most)
    }

    /// Where the order for a policy is kept. `None`: too many are.
    fn order(&self, policy: &Policy) -> Option<Arc<OnceLock<Order>>> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if !orders.contains_key(policy) && orders.len() >= MOST_ORDERS {
            return None;
        }
        Some(Arc::clone(orders.entry(policy.clone()).or_default()))
    }
}

impl Deref for TagList {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.tags
    }
}

#[cfg(test)]
mod tests {
    use super::super::rank::READS;
    use super::*;

    fn reads(work: impl FnOnce()) -> usize {
        READS.set(0);
        work();
        READS.get()
    }

    #[test]
    fn a_list_is_read_once_for_a_policy_however_many_tags_ask() {
        let list = |count: usize| {
            let tags = (0..count).flat_map(|number| {
                let (minor, patch) = (number / 10, number % 10);
                [
                    format!("1.{minor}.{patch}"),
                    format!("2.{minor}.{patch}-rc.1"),
                ]
            });
            TagList::new(tags, BTreeMap::new())
        };
        for words in [
            "minor",
            "patch",
            "major",
            "semver ~1.4",
            "semver *",
            "alphabetical",
        ] {
            let policy = Policy::parse(words).unwrap();
            for now in ["1.4.2", "1.99.0-alpine", "2.7.3-rc.0", "9.9.9", "v1.0.0"] {
                let more = [1_000, 8_000].map(|count| {
                    let list = list(count);
                    let first = reads(|| drop(list.rank("1.0.0", &policy, 10)));
                    assert!(first >= list.len(), "{words}");
                    reads(|| drop(list.rank(now, &policy, 10)))
                });
                assert!(more[1] < 250, "{words} {now}: {more:?}");
                assert!(more[1] <= more[0] + 40, "{words} {now}: {more:?}");
            }
        }
    }

    #[test]
    fn many_pre_releases_of_one_version_cost_no_more_than_few() {
        for (words, most) in [("semver ~1.4", 100_000), ("semver ~1.5", 10_000)] {
            let policy = Policy::parse(words).unwrap();
            let more = [most / 2, most].map(|count| {
                let tags = (0..count).map(|number| format!("1.5.0-rc.{number}"));
                let list = TagList::new(tags, BTreeMap::new());
                let first = reads(|| drop(list.rank("1.4.0", &policy, 10)));
                assert!((count..count + 250).contains(&first), "{words}: {first}");
                ["1.5.0-rc.1", "1.5.0-rc.7777", "1.4.0-rc.1"]
                    .map(|now| reads(|| drop(list.rank(now, &policy, 10))))
            });
            let most = more.as_flattened().iter().max();
            assert!(most < Some(&250), "{words}: {more:?}");
        }
    }

    #[test]
    fn the_first_candidates_are_those_of_the_whole_ranking() {
        let tags = [
            "1.4.2",
            "01.4.2",
            "v1.4.2",
            "1.4.3-rc.1",
            "1.4.3-rc.2",
            "1.5.0",
            "1.5",
            "1.5.1-alpine",
            "2.0.0",
            "3.0.0-rc.1",
            "7",
            "v7",
            "latest",
            "2.0.0-debian-12-r3",
            "2.0.0-debian-12-r10",
        ];
        let list = TagList::new(tags.map(str::to_owned), BTreeMap::new());
        for words in [
            "patch",
            "minor",
            "major",
            "semver ^1",
            "semver >1.4.3-0",
            "alphabetical:desc",
            "numerical",
        ] {
            let policy = Policy::parse(words).unwrap();
            for now in tags {
                let whole = super::super::rank(tags, now, &policy);
                for most in 1..4 {
                    let first = list.rank(now, &policy, most);
                    let wanted: Vec<_> = whole.candidates.iter().copied().take(most).collect();
                    assert_eq!(first.candidates, wanted, "{words} {now} {most}");
                    assert_eq!(
                        (first.best, &first.obstacle, first.counts),
                        (whole.best, &whole.obstacle, whole.counts)
                    );
                }
            }
        }
    }
}
