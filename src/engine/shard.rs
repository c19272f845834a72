//! Shards: parts of a fleet, each of which one process works on.

use sha2::{Digest as _, Sha256};

/// One of several shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    index: u64,
    count: u64,
}

impl Shard {
    /// The shard `index`, counted from 0, of `count`. `None`: there is no such shard.
    pub fn new(index: u64, count: u64) -> Option<Self> {
        (index < count).then_some(Self { index, count })
    }

    /// Whether the repository at this address belongs to it. Each address belongs to one shard of a count.
    ///
    /// The first 8 bytes of the address's SHA-256, as a big-endian number, modulo the count, are the index. This stays so: shards of
    /// different versions must not both take a repository.
    pub fn takes(self, address: &str) -> bool {
        let hash = Sha256::digest(address.as_bytes());
        let number = hash[..8]
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte));
        number % self.count == self.index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shards_are_a_partition_for_any_count(
            addresses in prop::collection::vec("\\PC{0,40}", 0..40),
            count in 1_u64..300,
        ) {
            for address in &addresses {
                let takers = (0..count)
                    .filter(|index| Shard::new(*index, count).unwrap().takes(address));
                prop_assert_eq!(takers.count(), 1);
            }
            prop_assert_eq!(Shard::new(count, count), None);
        }
    }

    #[test]
    fn the_hash_is_the_one_that_is_documented() {
        // printf %s https://git.example.com/shop/deploy.git | sha256sum | head -c 16
        let address = "https://git.example.com/shop/deploy.git";
        let hash = Sha256::digest(address.as_bytes());
        let digits: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let number = u64::from_str_radix(&digits, 16).unwrap();
        for count in [1, 2, 3, 7, 100] {
            assert!(Shard::new(number % count, count).unwrap().takes(address));
        }
    }

    #[test]
    fn shards_are_about_equal() {
        let address = |number: usize| format!("https://git.example.com/shop/team-{number}.git");
        for index in 0..4 {
            let shard = Shard::new(index, 4).unwrap();
            let taken = (0..1000).filter(|number| shard.takes(&address(*number)));
            let taken = taken.count();
            assert!((200..300).contains(&taken), "{taken}");
        }
    }
}
