//! Files of one instance in the state folder: the checkpoint and the journal, and files written whole.

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
