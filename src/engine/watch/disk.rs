//! Free space for the local state.

use std::path::Path;

use crate::model::{Level, Warning};

/// Below this free space the operator is warned, in bytes.
const LOW: u64 = 1_000_000_000;

/// Below this free space the run stops while it can still save its state, in bytes.
const TOO_LOW: u64 = 100_000_000;

/// A warning if little free space is left for `folder`; `None` if it is enough or unknown. Blocks.
pub(crate) fn check(folder: &Path) -> Option<Warning> {
    let found = rustix::fs::statvfs(folder).ok()?;
    judge(found.f_bavail.saturating_mul(found.f_frsize), folder)
}

fn judge(free: u64, folder: &Path) -> Option<Warning> {
    let level = match free {
        0..TOO_LOW => Level::Critical,
        TOO_LOW..LOW => Level::Warning,
        LOW.. => return None,
    };
    Some(Warning {
        level,
        // In steps, so that each is published once.
        what: format!(
            "less than {} MB are free for {}",
            (free / TOO_LOW + 1) * TOO_LOW / 1_000_000,
            folder.display()
        ),
        action: "delete files there, or move --state-dir to a larger disk and start again"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_space_is_a_warning_and_very_low_space_ends_the_run() {
        let folder = Path::new("state");
        assert_eq!(judge(LOW, folder), None);
        let low = judge(450_000_000, folder).unwrap();
        assert_eq!(low.level, Level::Warning);
        assert_eq!(low.what, "less than 500 MB are free for state");
        assert_eq!(judge(99_999_999, folder).unwrap().level, Level::Critical);
    }

    #[test]
    fn the_space_of_a_real_folder_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let found = rustix::fs::statvfs(folder.path()).unwrap();
        assert!(found.f_frsize > 0 && found.f_blocks > 0);
        assert_eq!(check(Path::new("/no/such/folder")), None);
    }
}
