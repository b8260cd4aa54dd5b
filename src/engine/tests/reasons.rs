//! Why items of the test migrations fail for good.

use crate::model::{Reason, ReasonInfo, Reasons};

/// Each is explained by the data.
pub(in crate::engine) const REASONS: Reasons = Reasons::with(&[
    ReasonInfo::of_data(Reason::new("CORRUPT_CAR"), "copy it again").damage(),
    ReasonInfo::of_data(Reason::new("MISSING_BLOB"), "leave it").suspects("CARPARK_PUBLIC_URL"),
    ReasonInfo::of_data(Reason::new("MISSING_DELEGATION"), "ask for one"),
]);
