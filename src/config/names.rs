//! Names that somebody typed, and the names that there are.

/// The name that a misspelt one most likely means: one with the fewest letters to change, if they are fewer than half.
#[must_use]
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let near = names
        .into_iter()
        .map(|name| (distance(&typed, &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance);
    let (letters, name) = near?;
    (letters * 2 <= name.chars().count()).then_some(name)
}

/// The number of letters to add, leave out or change to make `left` into `right`.
pub(super) fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, letter) in left.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, other) in right.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("R2_REGION", "R2_REGION"), 0);
        assert_eq!(distance("R2_REGIO", "R2_REGION"), 1);
        assert_eq!(distance("UPLOAD_SERVICE_URI", "UPLOAD_SERVICE_URL"), 1);
        assert_eq!(distance("UPLOAD_SERVICE_DID", "UPLOAD_SERVICE_URL"), 3);
    }

    #[test]
    fn the_nearest_name_is_close_or_none() {
        let names = ["store-index", "register-index", "location-claims"];
        assert_eq!(nearest("store-indx", names), Some("store-index"));
        assert_eq!(nearest("Location-Claim", names), Some("location-claims"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
