//! Evens out shares by moving and swapping pieces between the heaviest and the lightest.

use super::piece::Piece;

/// Rounds at most; each makes the distance between two shares smaller.
const ROUNDS: usize = 2_000;

/// What brings two shares closest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exchange {
    /// A piece of the heavy share goes over.
    Move(usize),
    /// A piece of the heavy share for one of the light share.
    Swap(usize, usize),
}

/// Moves and swaps until nothing helps any more.
pub(super) fn improve(bins: &mut [Vec<Piece>]) {
    for bin in bins.iter_mut() {
        bin.sort_by_key(|piece| piece.weight);
    }
    let mut weights: Vec<u64> = bins
        .iter()
        .map(|bin| bin.iter().map(|piece| piece.weight).sum())
        .collect();
    for _ in 0..ROUNDS {
        let Some((heavy, light)) = extremes(&weights) else {
            return;
        };
        let gap = weights[heavy] - weights[light];
        let Some((exchange, moved)) = best(&bins[heavy], &bins[light], gap) else {
            return;
        };
        weights[heavy] -= moved;
        weights[light] += moved;
        exchange.carry_out(bins, heavy, light);
    }
}

/// The heaviest and the lightest share; `None` when they are the same.
fn extremes(weights: &[u64]) -> Option<(usize, usize)> {
    let heavy = (0..weights.len()).max_by_key(|at| weights[*at])?;
    let light = (0..weights.len()).min_by_key(|at| weights[*at])?;
    (weights[heavy] > weights[light] + 1).then_some((heavy, light))
}

/// The exchange whose weight is nearest to half the gap, and that weight. Both lists are sorted by weight.
fn best(heavy: &[Piece], light: &[Piece], gap: u64) -> Option<(Exchange, u64)> {
    let goal = gap / 2;
    let mut found: Option<(Exchange, u64)> = None;
    let mut offer = |exchange, moved: u64| {
        let better = found.is_none_or(|(_, held)| moved.abs_diff(goal) < held.abs_diff(goal));
        // More than the gap would only turn the two shares round.
        if moved > 0 && moved < gap && better {
            found = Some((exchange, moved));
        }
    };
    let near = heavy.partition_point(|piece| piece.weight <= goal);
    for (at, piece) in heavy
        .iter()
        .enumerate()
        .skip(near.saturating_sub(1))
        .take(2)
    {
        offer(Exchange::Move(at), piece.weight);
    }
    let mut other = 0;
    for (at, piece) in heavy.iter().enumerate() {
        // Along the heavy list the fitting partner only grows.
        while other + 1 < light.len() && light[other + 1].weight + goal <= piece.weight {
            other += 1;
        }
        for partner in light.iter().enumerate().skip(other).take(2) {
            offer(
                Exchange::Swap(at, partner.0),
                piece.weight.saturating_sub(partner.1.weight),
            );
        }
    }
    found
}

impl Exchange {
    fn carry_out(self, bins: &mut [Vec<Piece>], heavy: usize, light: usize) {
        match self {
            Self::Move(at) => {
                let piece = bins[heavy].remove(at);
                insert(&mut bins[light], piece);
            }
            Self::Swap(at, other) => {
                let (piece, partner) = (bins[heavy].remove(at), bins[light].remove(other));
                insert(&mut bins[light], piece);
                insert(&mut bins[heavy], partner);
            }
        }
    }
}

fn insert(bin: &mut Vec<Piece>, piece: Piece) {
    let at = bin.partition_point(|held| held.weight <= piece.weight);
    bin.insert(at, piece);
}
