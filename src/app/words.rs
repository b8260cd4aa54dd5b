//! The words of the migration that a command is about, for those who show what it did.

use crate::migrations::uploads;
use crate::model::Vocabulary;

/// What things are called.
#[must_use]
pub fn vocabulary() -> &'static Vocabulary {
    &uploads::VOCABULARY
}
