//! Overwrites what libraries leave on the stack.

use zeroize::zeroize_stack;

/// More than the deepest of these computations uses.
const DEPTH_BYTES: usize = 64 * 1024;

/// Does work that handles secrets, and overwrites the stack that it used.
///
/// The types of this module overwrite themselves, but not all that their libraries put on the stack on the way: the hash
/// states of `bitcoin`, the key schedule of AES, the copies that a move makes. The work must borrow its secrets and
/// answer with nothing secret but what is on the heap.
#[inline(never)]
pub(super) fn wiped<T>(work: impl FnOnce() -> T) -> T {
    let result = apart(work);
    zeroize_stack::<DEPTH_BYTES>();
    result
}

/// Keeps the work out of the frame of [`wiped`], which is not overwritten.
#[inline(never)]
fn apart<T>(work: impl FnOnce() -> T) -> T {
    work()
}
