//! Which items an audit looks at: all, a slice, a sample.

use crate::model::{ItemId, UnitId};

/// A choice of items by their ids alone: the same on every machine and at every repetition.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Choice {
    /// Slice `.0` (from 1) of `.1`; the slices of one total share no item and leave none out.
    pub slice: Option<(u32, u32)>,
    /// About this share of the items, 0 to 1.
    pub share: Option<f64>,
}

impl Choice {
    /// Whether the item is chosen.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share of about this much")]
    pub fn takes(&self, unit: &UnitId, item: &ItemId) -> bool {
        let hash = hash(unit, item);
        let in_slice = self.slice.is_none_or(|(slice, total)| {
            let total = u64::from(total.max(1));
            hash % total == u64::from(slice).saturating_sub(1) % total
        });
        // Other bits than the slice uses.
        let drawn = (hash.rotate_left(32) >> 11) as f64 / (1_u64 << 53) as f64;
        in_slice && self.share.is_none_or(|share| drawn < share)
    }
}

/// FNV-1a over the ids, with a last mix so that all bits depend on all letters.
fn hash(unit: &UnitId, item: &ItemId) -> u64 {
    let parts = [&*unit.owner, &*unit.name, item.as_str()];
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_slices_hold_each_item_exactly_once() {
        let unit = UnitId::new("owner", "unit");
        for number in 0..1_000 {
            let item = ItemId::new(format!("item-{number}"));
            let takers = (1..=10)
                .filter(|slice| {
                    let choice = Choice {
                        slice: Some((*slice, 10)),
                        share: None,
                    };
                    choice.takes(&unit, &item)
                })
                .count();
            assert_eq!(takers, 1, "{item}");
        }
    }

    #[test]
    fn a_sample_is_about_as_large_as_asked() {
        let unit = UnitId::new("owner", "unit");
        let choice = Choice {
            slice: None,
            share: Some(0.1),
        };
        let taken = (0..10_000)
            .filter(|number| choice.takes(&unit, &ItemId::new(format!("item-{number}"))))
            .count();
        assert!((850..1_150).contains(&taken), "{taken}");
    }
}
