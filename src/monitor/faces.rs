//! All faces. A new one is a file in this folder with one `FACE`, and its line in [`FACES`].

mod json;
mod ndjson;
mod table;

use super::face::Face;

/// All faces, by which the command line has the names of `--output`; the first is the one that nobody has to ask for.
pub const FACES: &[Face] = &[table::FACE, json::FACE, ndjson::FACE];
