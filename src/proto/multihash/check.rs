//! Whether data has a hash: data available, or in pieces.

use aws_lc_rs::digest;

use super::codes::SHA2_256;
use super::function::{Function, Running};
use super::value::{Multihash, MultihashError};

impl Multihash {
    /// Whether this hash belongs to `data`.
    ///
    /// # Errors
    /// The data has another hash, or as [`Multihash::checkable`].
    pub fn verify(&self, data: &[u8]) -> Result<(), MultihashError> {
        let (function, wanted) = self.function()?;
        if function.gives(data, wanted) {
            Ok(())
        } else {
            Err(MultihashError::Mismatch(self.clone()))
        }
    }

    /// Whether data can be checked against this hash at all.
    ///
    /// # Errors
    /// No function here computes this hash with a digest of this length.
    pub fn checkable(&self) -> Result<(), MultihashError> {
        self.function().map(|_| ())
    }

    /// A hasher of the function of this multihash, for data that comes in pieces.
    ///
    /// # Errors
    /// As [`Multihash::checkable`].
    pub fn hasher(&self) -> Result<Hasher, MultihashError> {
        Ok(match self.function()? {
            (Function::Identity, wanted) => Hasher::Identity {
                wanted: wanted.into(),
                seen: 0,
                equal: true,
            },
            (Function::Digest(algorithm), _) => Hasher::Digest(digest::Context::new(algorithm)),
            (Function::Table(make), _) => Hasher::Table(make()),
        })
    }

    /// The function, and the digest it should give.
    fn function(&self) -> Result<(Function, &[u8]), MultihashError> {
        let (code, start) = self.numbers();
        let wanted = &self.0[start..];
        let function = Function::of(code, wanted.len())?;
        Ok((function, wanted))
    }
}

/// Checks data that comes in pieces against one multihash; made by [`Multihash::hasher`].
pub enum Hasher {
    /// A cryptographic function.
    Digest(digest::Context),
    /// One of the less common ones.
    Table(Running),
    /// The digest is the data.
    Identity {
        /// The data that must come.
        wanted: Box<[u8]>,
        /// How many bytes came.
        seen: usize,
        /// Whether all of them were as wanted.
        equal: bool,
    },
}

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        match self {
            Self::Digest(context) => context.update(data),
            Self::Table(hasher) => hasher.update(data),
            Self::Identity {
                wanted,
                seen,
                equal,
            } => {
                let end = seen.saturating_add(data.len());
                *equal = *equal && wanted.get(*seen..end) == Some(data);
                *seen = end;
            }
        }
    }

    /// Whether all pieces together have the hash `expected`, which this hasher was made from.
    ///
    /// # Errors
    /// The pieces have another hash.
    pub fn check(self, expected: &Multihash) -> Result<(), MultihashError> {
        let good = match self {
            Self::Digest(context) => context.finish().as_ref() == expected.digest(),
            Self::Table(mut hasher) => hasher.finalize() == expected.digest(),
            Self::Identity {
                wanted,
                seen,
                equal,
            } => equal && seen == wanted.len(),
        };
        if good {
            Ok(())
        } else {
            Err(MultihashError::Mismatch(expected.clone()))
        }
    }
}

/// SHA2-256 of data that comes in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Starts with no data.
    #[must_use]
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Takes the next piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The multihash of all pieces.
    #[must_use]
    pub fn finish(self) -> Multihash {
        Multihash::wrap(SHA2_256, self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}
