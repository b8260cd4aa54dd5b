//! Names that somebody typed, and the names that there are.

use strsim::levenshtein;

/// The name that a misspelt one most likely means: one with the fewest letters to change, if they are fewer than half.
#[must_use]
pub fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let near = names
        .into_iter()
        .map(|name| (levenshtein(&typed, &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance);
    let (letters, name) = near?;
    (letters * 2 <= name.chars().count()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_close_or_none() {
        let names = ["store-index", "register-index", "location-claims"];
        assert_eq!(nearest("store-indx", names), Some("store-index"));
        assert_eq!(nearest("Location-Claim", names), Some("location-claims"));
        assert_eq!(nearest("x", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
