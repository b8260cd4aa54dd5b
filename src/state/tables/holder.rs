//! Who holds a lease, as its row shows it.

use crate::model::{Epoch, Holder, InstanceId, Lease, RunId};

/// The lease of another process, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The holder.
    pub holder: Holder,
    /// The run of the holder.
    pub run: RunId,
    /// The fence.
    pub epoch: Epoch,
    /// Grows while the holder lives.
    pub beat: u64,
}

impl From<Lease> for LeaseHolder {
    fn from(lease: Lease) -> Self {
        Self {
            holder: lease.holder,
            run: lease.run,
            epoch: lease.epoch,
            beat: lease.beat,
        }
    }
}

impl LeaseHolder {
    /// A holder that is not known.
    pub(super) fn unknown(epoch: Epoch) -> Self {
        Self {
            holder: Holder {
                instance: InstanceId::new("?"),
                folder: None,
            },
            run: RunId::new("?"),
            epoch,
            beat: 0,
        }
    }
}
