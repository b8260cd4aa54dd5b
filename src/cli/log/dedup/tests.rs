//! Floods of warnings, as a terminal and a log file get them.

use std::io::Write;

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};

use super::*;

/// Keeps what is written.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    /// The lines so far, which are forgotten.
    fn lines(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Kept {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn folding(levels: &str) -> DedupLayer {
    DedupLayer::new(levels.parse().unwrap())
}

/// Runs `work` under a log of text or of JSON; what it wrote can be looked at while it runs.
fn logged(json: bool, fold: DedupLayer, work: impl FnOnce(&Kept)) {
    let kept = Kept::default();
    let lines = tracing_subscriber::fmt::layer().with_writer(kept.clone());
    let lines = if json {
        lines.json().flatten_event(true).with_filter(fold).boxed()
    } else {
        lines.with_ansi(false).with_filter(fold).boxed()
    };
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::with_default(subscriber, || work(&kept));
}

fn fails(item: u32, reason: &str) {
    tracing::warn!(item, reason, "block {item} fails its check");
}

#[test]
fn a_flood_is_a_few_lines_then_one_per_interval_then_one_at_the_end() {
    let fold = folding("warn");
    let kinds = Arc::clone(&fold.kinds);
    logged(false, fold, |kept| {
        for item in 0..4_000 {
            fails(item, "CORRUPT");
        }
        for item in 0..3 {
            fails(item, "TIMEOUT");
        }
        let shown = kept.lines();
        assert_eq!(shown.len(), 5 + 3);
        assert!(shown[4].contains("item=4") && shown[5].contains("TIMEOUT"));

        let now = Instant::now();
        assert_eq!(lock(&kinds).due(now), [], "not before its time");
        let due = lock(&kinds).due(now + EVERY);
        due.iter().for_each(DedupLine::write);
        assert_eq!(lock(&kinds).due(now + EVERY * 2), [], "told once");
        let told = kept.lines();
        assert_eq!(told.len(), 1);
        for word in [
            "3995 more of this kind in 60 s: block 5 fails its check",
            "in_all=4000",
            "reason=\"CORRUPT\"",
            "item=\"5\"",
            "from=\"sterna::cli::log::dedup::tests\"",
        ] {
            assert!(told[0].contains(word), "no {word} in {}", told[0]);
        }

        fails(9, "CORRUPT");
        assert_eq!(kept.lines().len(), 0, "the flood has not ended");
        let last = lock(&kinds).last();
        last.iter().for_each(DedupLine::write);
        let last = kept.lines();
        assert_eq!(last.len(), 1, "what was shown whole is not told again");
        assert!(last[0].contains("3996 more of this kind not shown"));
        assert!(last[0].contains("in_all=4001"));
    });
}

#[test]
fn json_lines_carry_counts_and_the_example_in_fields() {
    let fold = folding("warn");
    let kinds = Arc::clone(&fold.kinds);
    logged(true, fold, |kept| {
        for item in 0..20 {
            fails(item, "CORRUPT");
        }
        let last = lock(&kinds).last();
        last.iter().for_each(DedupLine::write);
        let lines = kept.lines();
        assert_eq!(lines.len(), 6);
        let told: Value = serde_json::from_str(&lines[5]).unwrap();
        assert_eq!(told["level"], "WARN");
        assert_eq!(told["in_all"], 20);
        assert_eq!(told["reason"], "CORRUPT");
        assert_eq!(told["item"], "5");
        assert_eq!(told["target"], TARGET);
        assert!(told.get("step").is_none());
    });
}

#[test]
fn a_kind_that_was_quiet_is_shown_again() {
    let start = Instant::now();
    let place = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&place);
    let by_place = tracing_subscriber::filter::filter_fn(move |about| {
        *seen.lock().unwrap() = Some(about.callsite());
        true
    });
    let all = tracing_subscriber::registry().with(by_place);
    tracing::subscriber::with_default(all, || fails(1, "CORRUPT"));
    let place = place.lock().unwrap().clone().unwrap();
    let kind = Kind {
        place,
        words: Fields::new(),
    };
    let mut kinds = Kinds::default();
    let admit = |kinds: &mut Kinds, after| {
        let now = start + Duration::from_secs(after);
        kinds.admit(kind.clone(), "here", now, Example::default)
    };
    let first: Vec<bool> = (0..7).map(|_| admit(&mut kinds, 0)).collect();
    assert_eq!(first, [true, true, true, true, true, false, false]);
    assert!(!admit(&mut kinds, 200), "what was not told yet goes on");
    assert_eq!(kinds.due(start + Duration::from_secs(201)).len(), 1);
    assert!(!admit(&mut kinds, 202), "nor is it over so soon");
    assert_eq!(kinds.due(start + Duration::from_mins(5)).len(), 1);
    assert!(admit(&mut kinds, 400));
    assert_eq!(kinds.last()[0].what, What::Last { folded: 4 });
}

#[test]
fn what_is_asked_for_in_detail_is_not_folded_and_levels_hold() {
    logged(false, folding("off,sterna=info"), |kept| {
        for number in 0..50 {
            fails(number, "CORRUPT");
            tracing::info!(number, "a detail");
            tracing::debug!(number, "more than asked for");
            tracing::warn!(target: "hyper", number, "another's warning");
        }
        assert_eq!(kept.lines().len(), 5 + 50);
    });
}

#[test]
fn kinds_take_no_memory_without_bound() {
    let fold = folding("warn");
    let kinds = Arc::clone(&fold.kinds);
    logged(false, fold, |_| {
        for number in 0..3_000 {
            fails(1, &format!("REASON-{number}"));
        }
    });
    assert_eq!(lock(&kinds).all.len(), KINDS + 1);
}
