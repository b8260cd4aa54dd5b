//! Time and tasks, without a domain word.
