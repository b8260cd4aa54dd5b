//! An upload as the engine carries it.

use cid::Cid;

use crate::client::UploadRow;
use crate::model::{Failure, ItemId, Reason};

/// An upload: its row, read no further than listing needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// The row.
    pub row: UploadRow,
}

impl Upload {
    /// The item's name: the root as the row spells it, which is also the order of the list.
    #[must_use]
    pub fn id(&self) -> ItemId {
        ItemId::new(self.row.root.as_str())
    }

    /// The content root.
    ///
    /// # Errors
    /// The text in the row is no CID.
    pub fn root(&self) -> Result<Cid, Failure> {
        parse("root", &self.row.root)
    }

    /// The shards that the row itself lists.
    ///
    /// # Errors
    /// The text of one is no CID.
    pub fn listed_shards(&self) -> Result<Vec<Cid>, Failure> {
        self.row
            .shards
            .iter()
            .map(|text| parse("shard", text))
            .collect()
    }
}

fn parse(what: &str, text: &str) -> Result<Cid, Failure> {
    Cid::try_from(text).map_err(|error| {
        Failure::permanent(
            Reason::BAD_RECORD,
            format!("{what} `{text}` is not a CID: {error}"),
        )
    })
}
