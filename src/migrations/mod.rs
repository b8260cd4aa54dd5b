//! The migrations: items, needs and steps of each.
