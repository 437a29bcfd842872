//! What both ports do alike: whom they let in, how many, and for how long.
//!
//! - [`accept`] takes connections whatever the system says, `admission` says how many, by the `limits`;
//! - `peer` is whoever is at the other end.

pub(crate) mod accept;
mod admission;
mod limits;
mod peer;

use std::time::Duration;

pub(crate) use admission::{Admission, Place, count_ended, count_refused};
pub use limits::Limits;
pub(crate) use peer::Peer;

/// ± 10 %, so that connections made together do not come again together.
pub(crate) fn jittered(age: Duration) -> Duration {
    age.mul_f64(rand::random_range(0.9..1.1))
}
