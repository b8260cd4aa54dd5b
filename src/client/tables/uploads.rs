//! Rows of the upload table.

use aws_sdk_dynamodb::types::ReturnConsumedCapacity;

use super::item::{key, text, texts};
use super::table::{NetworkTables, Row, Source, malformed, required};
use crate::client::{ClientError, Dependency};
use crate::proto::did::Did;
use crate::time::UnixMillis;

const PAGE: &str = "list the uploads of a space";
const ONE: &str = "read an upload";
const WHERE: &str = "find the spaces of an upload";

/// An upload as its row has it; the texts of CIDs are the row's own spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// The space.
    pub space: Did,
    /// Text of the content root; with the space it is the key of the row.
    pub root: String,
    /// Texts of the CAR CIDs, sorted; empty if there are none or [`UploadRow::shards_ref`] names them.
    pub shards: Vec<String>,
    /// Key of the object that lists the shards of a very large upload.
    pub shards_ref: Option<String>,
    /// When it was added, if the row says it.
    pub inserted_at: Option<UnixMillis>,
}

/// A page of uploads in the order of their root texts.
#[derive(Clone, Debug)]
pub struct UploadPage {
    /// The rows, which may be none.
    pub rows: Vec<UploadRow>,
    /// Root text to go on after; `None` ends the list.
    pub next: Option<String>,
}

impl NetworkTables {
    /// One page of a space's uploads after a root text, which need not exist any more, up to and with another.
    ///
    /// # Errors
    /// A row has no root or no valid space; or DynamoDB refuses, or no try gets a valid answer.
    pub async fn uploads(
        &self,
        space: &Did,
        after: Option<&str>,
        until: Option<&str>,
    ) -> Result<UploadPage, ClientError> {
        let source = Source {
            table: &self.names.upload,
            index: None,
            key: ("space", space.as_str()),
            until: until.map(|last| ("root", last)),
        };
        // A key outside of the range that is asked for is no place to begin.
        if after.is_some_and(|after| until.is_some_and(|until| after >= until)) {
            return Ok(UploadPage {
                rows: Vec::new(),
                next: None,
            });
        }
        let start = after.map(|root| key(("space", space.as_str()), ("root", root)));
        let page = self.page(PAGE, source, start.as_ref()).await?;
        let rows = page
            .rows
            .iter()
            .map(|row| read(PAGE, row))
            .collect::<Result<_, _>>()?;
        let next = page
            .next
            .as_ref()
            .and_then(|row| text(row, "root"))
            .map(str::to_owned);
        Ok(UploadPage { rows, next })
    }

    /// One upload by its primary key; `None` if there is no such row.
    ///
    /// # Errors
    /// As [`NetworkTables::uploads`].
    pub async fn upload(&self, space: &Did, root: &str) -> Result<Option<UploadRow>, ClientError> {
        let attempt = || async {
            let answer = self
                .dynamodb
                .get_item()
                .table_name(&self.names.upload)
                .set_key(Some(key(("space", space.as_str()), ("root", root))))
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await
                .map_err(crate::client::aws::cause)?;
            required(answer.consumed_capacity.as_ref())?;
            Ok(answer.item)
        };
        let row = self.calls.run(Dependency::DynamoDb, ONE, attempt).await?;
        row.map(|row| read(ONE, &row)).transpose()
    }

    /// The spaces that hold an upload with this root text.
    ///
    /// # Errors
    /// A row has no valid space; or DynamoDB refuses, or no try gets a valid answer.
    pub async fn spaces_of_root(&self, root: &str) -> Result<Vec<Did>, ClientError> {
        let source = Source {
            table: &self.names.upload,
            index: Some("cid"),
            key: ("root", root),
            until: None,
        };
        let rows = self.all(WHERE, source).await?;
        let mut spaces = rows
            .iter()
            .map(|row| space_of(WHERE, row))
            .collect::<Result<Vec<_>, _>>()?;
        spaces.sort_unstable();
        spaces.dedup();
        Ok(spaces)
    }
}

fn read(what: &'static str, row: &Row) -> Result<UploadRow, ClientError> {
    Ok(UploadRow {
        space: space_of(what, row)?,
        root: text(row, "root")
            .ok_or_else(|| malformed(what, "row without root".to_owned()))?
            .to_owned(),
        shards: texts(row, "shards"),
        shards_ref: text(row, "shardsRef")
            .filter(|key| !key.is_empty())
            .map(str::to_owned),
        inserted_at: text(row, "insertedAt").and_then(UnixMillis::parse),
    })
}

fn space_of(what: &'static str, row: &Row) -> Result<Did, ClientError> {
    let space =
        text(row, "space").ok_or_else(|| malformed(what, "row without space".to_owned()))?;
    Did::parse(space).map_err(|error| malformed(what, error.to_string()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;

    #[test]
    fn a_row_may_have_a_set_a_reference_or_nothing() {
        let space = "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX";
        let mut row = key(("space", space), ("root", "bafy"));
        assert_eq!(read(ONE, &row).unwrap().shards, Vec::<String>::new());
        let set = ["b", "a", "b"].map(str::to_owned).to_vec();
        row.insert("shards".to_owned(), AttributeValue::Ss(set));
        assert_eq!(read(ONE, &row).unwrap().shards, ["a", "b"]);
        row.remove("shards");
        row.insert(
            "shardsRef".to_owned(),
            AttributeValue::S("space/cid".to_owned()),
        );
        assert_eq!(
            read(ONE, &row).unwrap().shards_ref.as_deref(),
            Some("space/cid")
        );
        row.remove("root");
        assert!(read(ONE, &row).is_err());
    }
}
