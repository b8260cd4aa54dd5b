//! The generic runner: lease, items, steps, verification, record.
