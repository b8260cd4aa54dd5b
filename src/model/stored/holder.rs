//! Who holds a lease.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::{FolderId, InstanceId};

/// A lease holder: the number of an instance and its state folder.
///
/// The number is for operators, who may use it on two machines by mistake. The folder, whose lock one process has at a
/// time, distinguishes an earlier process of this instance from a live one elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Holder {
    /// The instance.
    pub instance: InstanceId,
    /// Its state folder; `None` in rows that were written before folders had ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderId>,
}

impl Holder {
    /// An instance that works in a state folder.
    #[must_use]
    pub fn new(instance: InstanceId, folder: FolderId) -> Self {
        Self {
            instance,
            folder: Some(folder),
        }
    }

    /// Whether both are the same instance in the same folder. A holder without a folder equals no other.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.folder.is_some() && self == other
    }

    /// Whether both have the same number but are different holders.
    #[must_use]
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.instance == other.instance && !self.is_same(other)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "instance {}", self.instance)?;
        match &self.folder {
            Some(folder) => write!(f, " (state folder {})", folder.short()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_number_is_the_same_holder_only_in_the_same_folder() {
        let one = InstanceId::number(1);
        let here = Holder::new(one.clone(), FolderId::new("here"));
        let there = Holder::new(one.clone(), FolderId::new("there"));
        let older = Holder {
            instance: one,
            folder: None,
        };
        assert!(here.is_same(&here.clone()) && !here.is_twin_of(&here.clone()));
        for other in [&there, &older] {
            assert!(!here.is_same(other) && here.is_twin_of(other), "{other}");
        }
        assert!(!older.is_same(&older.clone()), "nobody knows");
        let second = Holder::new(InstanceId::number(2), FolderId::new("here"));
        assert!(!here.is_same(&second) && !here.is_twin_of(&second));
    }
}
