//! What operators of this migration call things.

use super::reasons::REASONS;
use crate::model::{Noun, Vocabulary};

/// A blob of a prefix of a job.
pub const VOCABULARY: Vocabulary = Vocabulary {
    item: Noun::new("blob", "blobs"),
    unit: Noun::new("prefix", "prefixes"),
    owner: Noun::new("job", "jobs"),
    reasons: REASONS,
};
