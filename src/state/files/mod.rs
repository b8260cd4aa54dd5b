//! Files in the state folder: checkpoint, journal, and files that are written atomically.

mod atomic;
mod disk;
mod folder;
mod journal;
mod sealed;
mod sorted;
#[cfg(test)]
mod tests;

pub use atomic::write_atomic;
pub use disk::{Disk, Local};
pub use folder::{Identified, identify};
pub use journal::{
    Journal, Rotation, damaged, journal_files, journals_in, read_journal, scan_lines,
};
pub use sealed::{Generation, Sealed, Unreadable};
pub use sorted::{Scratch, Sortable, Sorted, Sorter};
