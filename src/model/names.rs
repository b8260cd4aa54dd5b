//! Names of fields in logs and metrics, in one place so that they stay.

/// A customer or other owner of units.
pub const OWNER: &str = "owner";
/// A unit.
pub const UNIT: &str = "unit";
/// An item.
pub const ITEM: &str = "item";
/// A step.
pub const STEP: &str = "step";
/// A failure class.
pub const CLASS: &str = "class";
/// A failure reason.
pub const REASON: &str = "reason";
