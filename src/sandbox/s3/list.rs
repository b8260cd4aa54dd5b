//! Listing in key order, in pages, with prefix and delimiter.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::file::Meta;

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Only keys that start with this.
    pub prefix: String,
    /// Keys that go on with this after the prefix are folded into one entry up to it.
    pub delimiter: Option<String>,
    /// Only keys after this one.
    pub after: Option<String>,
    /// Whether all keys that begin with `after` are left out too (it was a folded entry).
    pub after_folded: bool,
    /// Entries at most.
    pub limit: usize,
}

/// One page of a listing.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Objects in key order.
    pub objects: Vec<Arc<Meta>>,
    /// Folded prefixes in order.
    pub folded: Vec<String>,
    /// The last entry and whether it was folded, if there may be more.
    pub next: Option<(String, bool)>,
}

/// Lists `objects`.
pub(super) fn page(objects: &BTreeMap<String, Arc<Meta>>, listing: &Listing) -> Page {
    let mut page = Page::default();
    let mut cursor = listing.after.clone();
    let mut skip = listing.after.clone().filter(|_| listing.after_folded);
    let mut last: Option<(String, bool)> = None;
    loop {
        let from = match &cursor {
            Some(cursor) if cursor.as_str() >= listing.prefix.as_str() => {
                Bound::Excluded(cursor.as_str())
            }
            _ => Bound::Included(listing.prefix.as_str()),
        };
        let mut after = objects.range::<str, _>((from, Bound::Unbounded));
        let Some((key, meta)) =
            after.find(|(key, _)| skip.as_deref().is_none_or(|skip| !key.starts_with(skip)))
        else {
            return page;
        };
        if !key.starts_with(&listing.prefix) {
            return page;
        }
        if page.objects.len() + page.folded.len() >= listing.limit {
            page.next = last;
            return page;
        }
        if let Some(folded) = fold(key, listing) {
            page.folded.push(folded.clone());
            skip = Some(folded.clone());
            last = Some((folded, true));
        } else {
            page.objects.push(Arc::clone(meta));
            last = Some((key.clone(), false));
        }
        cursor = Some(key.clone());
    }
}

/// The part of the key up to the delimiter after the prefix.
fn fold(key: &str, listing: &Listing) -> Option<String> {
    let delimiter = listing
        .delimiter
        .as_deref()
        .filter(|text| !text.is_empty())?;
    let rest = key.strip_prefix(listing.prefix.as_str())?;
    let end = rest.find(delimiter)? + delimiter.len();
    Some(key[..listing.prefix.len() + end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn objects(keys: &[String]) -> BTreeMap<String, Arc<Meta>> {
        keys.iter()
            .map(|key| {
                let meta = Meta {
                    v: 1,
                    key: key.clone(),
                    size: 0,
                    etag: String::new(),
                    modified_ms: 0,
                    sha256: None,
                    content_type: None,
                    metadata: BTreeMap::new(),
                };
                (key.clone(), Arc::new(meta))
            })
            .collect()
    }

    /// Reads all pages and puts objects and folded prefixes in one list.
    fn read(all: &BTreeMap<String, Arc<Meta>>, mut listing: Listing) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            let page = page(all, &listing);
            let mut entries: Vec<_> = page.objects.iter().map(|meta| meta.key.clone()).collect();
            entries.extend(page.folded);
            assert!(entries.len() <= listing.limit);
            entries.sort();
            found.extend(entries);
            let Some((after, folded)) = page.next else {
                return found;
            };
            listing.after = Some(after);
            listing.after_folded = folded;
        }
    }

    proptest! {
        #[test]
        fn pages_hold_each_entry_once_in_order(
            keys in proptest::collection::btree_set("[ab/]{1,5}", 0..30),
            prefix in "[ab/]{0,2}",
            delimited: bool,
            limit in 1usize..5,
        ) {
            let keys: Vec<String> = keys.into_iter().collect();
            let all = objects(&keys);
            let listing = Listing {
                prefix: prefix.clone(),
                delimiter: delimited.then(|| "/".to_owned()),
                limit,
                ..Listing::default()
            };
            let mut expected: Vec<String> = keys
                .iter()
                .filter(|key| key.starts_with(&prefix))
                .map(|key| fold(key, &listing).unwrap_or_else(|| key.clone()))
                .collect();
            expected.sort();
            expected.dedup();
            prop_assert_eq!(read(&all, listing), expected);
        }
    }
}
