//! Snapshot and its faces; read only.
