//! Going on where the existing tool was stopped: its rows, files, buckets and adverts as it leaves them, then the real
//! binary over them.

mod audited;
mod scene;
mod spaces;
mod tool;
mod world;
