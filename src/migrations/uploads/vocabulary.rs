//! What operators of this migration call things.

use super::reasons::REASONS;
use super::steps::{STEP_GROUPS, STEPS};
use crate::model::{Noun, Vocabulary};

/// An upload of a space of a customer.
pub const VOCABULARY: Vocabulary = Vocabulary {
    item: Noun::new("upload", "uploads"),
    unit: Noun::new("space", "spaces"),
    owner: Noun::new("customer", "customers"),
    reasons: REASONS,
    steps: STEPS,
    step_groups: STEP_GROUPS,
};
