//! Requests: what is proposed, how its text says so, and what a run does with the request and its branch.
//!
//! A request is a pull or merge request. Nothing about requests is stored on our side. A plan has a hash; the request's text has it in a
//! [`Marker`], and the branch's commit has it in a trailer. [`decide`] is the whole table of what a run does.

mod act;
mod group;
mod hash;
mod marker;

pub use act::{Act, Branch, Standing, State, decide};
pub use group::{GroupBy, branch_of_group};
pub use hash::{PlanHash, Planned, Scope};
pub use marker::{Marker, Merge, marker, with_section};
