//! What operators of this migration call things.

use super::reasons::REASONS;
use super::steps::{COPY, VERIFY};
use crate::model::{Noun, StepDone, StepInfo, Vocabulary};

/// The steps in the order in which they are made.
const STEPS: &[StepInfo] = &[
    StepInfo {
        name: COPY,
        verb: "copy",
        past: "copied",
        makes: Noun::new("blob", "blobs"),
        done: StepDone::OncePerItem,
    },
    StepInfo {
        name: VERIFY,
        verb: "read back",
        past: "read back",
        makes: Noun::new("blob", "blobs"),
        done: StepDone::OncePerItem,
    },
];

/// A blob of a prefix of a job.
pub const VOCABULARY: Vocabulary = Vocabulary {
    item: Noun::new("blob", "blobs"),
    unit: Noun::new("prefix", "prefixes"),
    owner: Noun::new("job", "jobs"),
    reasons: REASONS,
    steps: STEPS,
    step_groups: &[],
};
