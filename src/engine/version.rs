//! Which tag a repository's list offers, by a policy: `1.4.2` with `minor` goes to `1.5.0`.
//!
//! [`Policy`] is what a person wrote, [`rank`] sorts a list of tags by it. Both are pure: the answer depends on the list, the tag now and the
//! policy alone, and never on the list's order.
//!
//! ```
//! use imago::engine::version::{Policy, rank};
//!
//! let policy = Policy::parse("minor")?;
//! let ranking = rank(["1.4.2", "1.5.0", "1.5.0-alpine", "latest"], "1.4.2", &policy);
//! assert_eq!(ranking.candidates, ["1.5.0", "1.4.2"]);
//! # Ok::<(), imago::engine::version::PolicyError>(())
//! ```

mod filter;
mod flux;
mod idle;
mod newest;
mod order;
mod policy;
mod range;
mod rank;
mod shape;
mod tag_list;
mod template;

pub use filter::FluxFilter;
pub use flux::rank_as_flux;
pub use newest::{Built, MOST_CANDIDATES, OLDER, from_record, newest, recorded};
pub use order::rank;
pub(crate) use policy::{LONGEST, WORDS, next_segment, segments};
pub use policy::{Order, Part, Policy, PolicyError, SemverRange, Strategy, Terms};
pub use rank::{Counts, Obstacle, Ranking, Reason, judge};
pub use tag_list::TagList;
pub(crate) use template::{Piece, pieces};
