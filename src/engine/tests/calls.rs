//! What the calls of the second migration meet: latency and faults; and how often each was made.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crate::model::{Failure, UnixMillis};

pub(super) type Fault = Box<dyn Fn(&str, &str, u32) -> Option<Failure> + Send + Sync>;

/// Where a file will be that is known once the world is there.
pub(super) type Later = Arc<OnceLock<PathBuf>>;

/// Hides a file from these looks at its key, however often it is written.
pub(super) fn hides(key: &'static str, looks: Range<u32>, file: &Later) -> Fault {
    let file = Arc::clone(file);
    Box::new(move |operation, looked_at, before| {
        if operation == "probe" && looked_at == key {
            let shown = file.get().unwrap();
            let hidden = shown.parent().unwrap().with_extension("hidden");
            if looks.contains(&before) {
                let _ = std::fs::rename(shown, hidden);
            } else if hidden.exists() {
                std::fs::rename(hidden, shown).unwrap();
            }
        }
        None
    })
}

pub(super) struct Calls {
    pub(super) latency: Duration,
    /// Asked with operation, key and how often it was asked for before.
    pub(super) fault: Fault,
    /// How often each operation met each key.
    pub(super) made: Mutex<BTreeMap<(String, String), u32>>,
    /// When keys came into the source.
    pub(super) added_at: Mutex<BTreeMap<String, UnixMillis>>,
}

impl Calls {
    pub(super) fn new(latency: Duration, fault: Fault) -> Self {
        Self {
            latency,
            fault,
            made: Mutex::default(),
            added_at: Mutex::default(),
        }
    }

    /// The fault of a call that takes no time and is not counted.
    pub(super) fn fault(&self, operation: &str, key: &str) -> Option<Failure> {
        (self.fault)(operation, key, 0)
    }

    pub(super) async fn call(&self, operation: &str, key: &str) -> Result<(), Failure> {
        let before = {
            let mut made = self.made.lock().unwrap();
            let count = made.entry((operation.into(), key.into())).or_default();
            *count += 1;
            *count - 1
        };
        tokio::time::sleep(self.latency).await;
        (self.fault)(operation, key, before).map_or(Ok(()), Err)
    }
}
