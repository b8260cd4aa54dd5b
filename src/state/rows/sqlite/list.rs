//! Lists of rows, by their keys or by an index, page by page.

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, Row as Found, Transaction, params, params_from_iter};

use super::error::Fault;
use crate::state::define::SORTED_BY;
use crate::state::rows::{Bound, Key, Page, Row, Select};

/// Rows of a page where none is asked for.
const PAGE: u32 = 1_000;

/// The secondary indexes of a table: name and partition attribute of each.
pub(super) type Indexes = Vec<(String, String)>;

/// Enters a row into the indexes of its table.
pub(super) fn enter(
    transaction: &Transaction<'_>,
    (table, key): (&str, &Key),
    row: &Row,
    indexes: &Indexes,
) -> Result<(), Fault> {
    let insert = "INSERT INTO entries (tbl, idx, value, updated, part, sort) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    each(transaction, insert, (table, key), row, indexes)
}

/// Removes the old entries of a row from the indexes of its table.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    (table, key): (&str, &Key),
    row: &Row,
    indexes: &Indexes,
) -> Result<(), Fault> {
    let delete = "DELETE FROM entries WHERE tbl = ?1 AND idx = ?2 AND value = ?3 AND updated = ?4 AND part = ?5 AND sort = ?6";
    each(transaction, delete, (table, key), row, indexes)
}

fn each(
    transaction: &Transaction<'_>,
    statement: &str,
    (table, key): (&str, &Key),
    row: &Row,
    indexes: &Indexes,
) -> Result<(), Fault> {
    let mut statement = transaction.prepare_cached(statement)?;
    for (index, partition) in indexes {
        if let Some((value, updated)) = entry(row, partition) {
            let part = &key.partition.1;
            statement.execute(params![table, index, value, updated, part, sort(key)])?;
        }
    }
    Ok(())
}

/// A query that is being built.
struct Query {
    text: String,
    values: Vec<Sql>,
    /// The order: columns, and their names in a place.
    order: &'static [(&'static str, &'static str)],
}

/// The order of a table.
const KEYS: [(&str, &str); 2] = [("r.part", "partition"), ("r.sort", "sort")];
/// The order of an index.
const ENTRY: [(&str, &str); 3] = [
    ("e.updated", "by"),
    ("e.part", "partition"),
    ("e.sort", "sort"),
];

impl Query {
    fn by_key(table: &str, select: &Select) -> Self {
        let mut query = Self {
            text: "SELECT '', r.part, r.sort, r.row FROM rows r WHERE r.tbl = ?".to_owned(),
            values: vec![Sql::Text(table.to_owned())],
            order: &KEYS,
        };
        if let Some((_, value)) = &select.partition {
            query.and("r.part = ?", &[value]);
        }
        if let Some((_, bound)) = &select.sort {
            query.bound("r.sort", bound);
        }
        query
    }

    fn by_index(table: &str, index: &str, select: &Select) -> Self {
        let mut query = Self {
            text: "SELECT e.updated, e.part, e.sort, r.row FROM entries e \
                   JOIN rows r ON r.tbl = e.tbl AND r.part = e.part AND r.sort = e.sort \
                   WHERE e.tbl = ?"
                .to_owned(),
            values: vec![Sql::Text(table.to_owned())],
            order: &ENTRY,
        };
        query.and("e.idx = ?", &[index]);
        if let Some((_, value)) = &select.partition {
            query.and("e.value = ?", &[value]);
        }
        if let Some((_, bound)) = &select.sort {
            query.bound("e.updated", bound);
        }
        query
    }

    /// Adds a clause with one of `values` for each `?`.
    fn and(&mut self, clause: &str, values: &[&str]) {
        self.text.push_str(" AND ");
        self.text.push_str(clause);
        let texts = values.iter().map(|value| Sql::Text((*value).to_owned()));
        self.values.extend(texts);
    }

    fn bound(&mut self, column: &str, bound: &Bound) {
        match bound {
            Bound::Below(value) => self.and(&format!("{column} < ?"), &[value]),
            Bound::From(value) => self.and(&format!("{column} >= ?"), &[value]),
            Bound::Prefix(value) => {
                self.and(&format!("{column} >= ?"), &[value]);
                let begins = format!("substr({column}, 1, length(?)) = ?");
                self.and(&begins, &[value, value]);
            }
        }
    }

    /// Orders the rows, starts after a place, and limits their number.
    fn cut(&mut self, newest_first: bool, after: Option<&Row>, most: u32) {
        let (beyond, order) = if newest_first {
            ("<", " DESC")
        } else {
            (">", "")
        };
        if let Some(after) = after {
            let columns: Vec<&str> = self.order.iter().map(|(column, _)| *column).collect();
            let marks = vec!["?"; columns.len()].join(", ");
            let clause = format!("({}) {beyond} ({marks})", columns.join(", "));
            let names = self.order.iter();
            let place: Vec<&str> = names
                .map(|(_, name)| after.text(name).unwrap_or_default())
                .collect();
            self.and(&clause, &place);
        }
        let columns = self.order.iter();
        let columns: Vec<String> = columns
            .map(|(column, _)| format!("{column}{order}"))
            .collect();
        let end = format!(" ORDER BY {} LIMIT ?", columns.join(", "));
        self.text.push_str(&end);
        self.values.push(Sql::Integer(most.into()));
    }
}

/// One page, cut before the filter applies.
pub(super) fn page(
    connection: &Connection,
    table: &str,
    select: &Select,
    after: Option<&Row>,
) -> Result<Page, Fault> {
    let most = select.page.unwrap_or(PAGE).clamp(1, PAGE);
    let mut query = match select.index {
        Some(index) => Query::by_index(table, index, select),
        None => Query::by_key(table, select),
    };
    // One row more than needed shows whether more follow.
    query.cut(select.newest_first, after, most + 1);
    let mut statement = connection.prepare_cached(&query.text)?;
    let found = statement.query_map(params_from_iter(query.values), placed)?;
    let mut found: Vec<(Row, String)> = found.collect::<Result<_, _>>()?;
    let more = found.len() > most as usize;
    found.truncate(most as usize);
    let next = found.last().filter(|_| more);
    let next = next.map(|(place, _)| place.clone());
    let rows = found.iter().map(|(_, text)| read(text));
    let mut rows: Vec<Row> = rows.collect::<Result<_, _>>()?;
    if let Some(filter) = &select.filter {
        rows.retain(|row| filter.holds(row));
    }
    Ok(Page { rows, next })
}

fn placed(found: &Found<'_>) -> rusqlite::Result<(Row, String)> {
    let place = Row::new()
        .with("by", found.get::<_, String>(0)?)
        .with("partition", found.get::<_, String>(1)?)
        .with("sort", found.get::<_, String>(2)?);
    Ok((place, found.get(3)?))
}

/// A row from its text in the file.
pub(super) fn read(text: &str) -> Result<Row, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::Shape(error.to_string()))
}

/// The sort value of a key; empty where the table has none.
pub(super) fn sort(key: &Key) -> &str {
    key.sort.as_ref().map_or("", |(_, value)| value)
}

/// The entry of a row in an index: its partition attribute and `updatedAt`; `None` if one is missing.
fn entry<'a>(row: &'a Row, partition: &str) -> Option<(&'a str, &'a str)> {
    Some((row.text(partition)?, row.text(SORTED_BY)?))
}
