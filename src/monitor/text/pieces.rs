//! What several views as text are made of.

use std::collections::BTreeMap;

use crate::model::{Counts, Reason, Vocabulary};
use crate::monitor::paint::Paint;
use crate::monitor::table::{Cell, bar, grouped, percent, table};
use crate::runtime::printable;

const BAR: usize = 24;

pub(super) fn title(text: &str, at: &str, paint: Paint) -> String {
    format!("{}  {}\n\n", paint.strong(text), paint.faint(at))
}

pub(super) fn heading(text: &str, paint: Paint) -> String {
    format!("\n{}\n", paint.strong(text))
}

/// A word as it begins a line.
pub(super) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

pub(super) fn progress(name: &str, part: u64, whole: u64, more: &str) -> String {
    format!(
        "{name:<10} {} {:>7}  {} of {}{more}\n",
        bar(part, whole, BAR),
        percent(part, whole),
        grouped(part),
        grouped(whole)
    )
}

pub(super) fn of_counts(counts: &Counts, paint: Paint) -> String {
    if !counts.add_up() {
        return paint.bad(" settled: it does not add up");
    }
    let bad = counts.bad();
    let bad = if bad > 0 {
        let need = if bad == 1 { "needs" } else { "need" };
        let text = format!("{} {need} attention", grouped(bad));
        format!(", {}", paint.bad(&text))
    } else {
        String::new()
    };
    format!(" settled{bad}, {} left", grouped(counts.left()))
}

pub(super) fn labelled(label: &str, text: &str) -> String {
    format!("{label:<10} {}\n", printable(text))
}

pub(super) fn reasons(counted: &BTreeMap<Reason, u64>, paint: Paint, words: &Vocabulary) -> String {
    if counted.is_empty() {
        return String::new();
    }
    let mut counted: Vec<_> = counted.iter().collect();
    counted.sort_by_key(|(reason, number)| (std::cmp::Reverse(**number), **reason));
    let row = |(reason, number): &(&Reason, &u64)| {
        vec![
            Cell::left(reason.as_str()),
            Cell::right(grouped(**number)),
            Cell::left(words.reasons.advice(**reason)),
        ]
    };
    table(
        paint,
        &["reason", words.item.many, "what to do"],
        &counted.iter().map(row).collect::<Vec<_>>(),
    )
}
