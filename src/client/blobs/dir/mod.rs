//! Blobs as files below one folder: the key is the path.
//!
//! | file | what |
//! |---|---|
//! | `backend` | the trait over the rest |
//! | `off_thread` | work that may block |
//! | `root` | opening and naming files below the root without following links |
//! | `key` | which keys are paths |
//! | `writer` | a temporary file, made durable, then shown in one step |
//! | `walk` | every file in the byte order of its key |

mod backend;
mod key;
mod off_thread;
mod root;
mod walk;
mod writer;

pub(super) use backend::Dir;
