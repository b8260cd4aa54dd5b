//! Filled with the monitor.
