//! Why a key could not be had, where it is not the caller's words that are wrong.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::Scheme;

/// Why a key could not be had. It holds nothing secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The master key file is not as it must be.
    #[error("master key file {}: {problem}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, by the number of the line and never its content.
        problem: Cow<'static, str>,
    },
    /// The master key file could not be read or written.
    #[error("master key file {} could not be {what}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The secret was sealed under a key that the master key file does not hold.
    #[error("the master key file holds no version {0}, under which this secret is sealed")]
    UnknownVersion(u32),
    /// What is sealed was changed, was moved from its place, or was sealed under another master key.
    #[error("a sealed secret does not open in its place under version {0} of the master key")]
    DoesNotOpen(u32),
    /// What was opened has not the form of a seed.
    #[error("a secret that was opened is not a seed")]
    NotASeed,
    /// No key is at this index, since it is 2^31 or above or, once in 2^127, for no reason but chance.
    #[error("there is no key at this index")]
    NoKey,
    /// Keys of this scheme do not come from this source.
    #[error("this source has no keys for the scheme {0}")]
    WrongSource(Scheme),
    /// Two libraries came to different results: a fault of this machine or of one of them.
    #[error("two independent derivations of a key differ: this machine does not compute rightly")]
    DerivationsDiffer,
    /// The operating system has no randomness to give.
    #[error("the operating system gave no randomness")]
    Randomness(#[source] rand::rand_core::OsError),
    /// A library refused what is always right to ask of it.
    #[error("{0} refused what it must accept")]
    Refused(&'static str),
}

impl KeyError {
    pub(super) fn file(path: &Path, problem: impl Into<Cow<'static, str>>) -> Self {
        Self::File { path: path.to_owned(), problem: problem.into() }
    }

    /// To be used with `map_err`.
    pub(super) fn io(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), what, source }
    }
}
