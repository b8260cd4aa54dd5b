//! Folds repeated warnings: the first few of a kind are shown, then one line an interval says how many more came.
//!
//! A kind is the place in the program together with the words that tell one cause from another (reason, class, step,
//! dependency). Ids and messages are no part of it: they differ from line to line. Nothing is lost by folding: what
//! became of each upload is in the results, what was changed in the journal.

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Filter};

/// Where the lines come from that tell of folded ones.
const TARGET: &str = "sterna::repeated";
/// Lines of a kind that are shown before it is folded.
const FIRST: u64 = 5;
/// Time between two lines about a kind; after so long without one, the next are shown again.
const EVERY: Duration = Duration::from_mins(1);
/// How often it is looked for what is due.
const LOOK: Duration = Duration::from_secs(1);
/// Kinds that are told apart; beyond them, only places in the program are.
const KINDS: usize = 1_000;
/// The fields that tell kinds apart. Their values are few.
const WORDS: [&str; 8] = [
    "reason",
    "class",
    "step",
    "dependency",
    "effect",
    "queue",
    "level",
    "action",
];
/// The fields of an example that are told.
const EXAMPLE: [&str; 5] = ["unit", "item", "owner", "instance", "error"];

/// What makes lines equal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Kind {
    place: Identifier,
    words: Fields,
}

/// Values of some fields by their names, in the order of the event.
type Fields = Vec<(&'static str, String)>;

/// A line of a kind, for the reader to begin with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Example {
    message: String,
    fields: Fields,
}

#[derive(Debug)]
struct DedupCount {
    from: &'static str,
    in_all: u64,
    folded: u64,
    shown: u64,
    last: Instant,
    /// Lines since the last one that told of them.
    more: u64,
    since: Instant,
    example: Example,
}

/// A line about lines that were not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DedupLine {
    from: &'static str,
    words: Fields,
    example: Example,
    in_all: u64,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// So many since the last line about them, over so many seconds.
    More { more: u64, seconds: u64 },
    /// So many over the whole time.
    Last { folded: u64 },
}

/// Every kind that was seen.
#[derive(Debug, Default)]
struct Kinds {
    all: HashMap<Kind, DedupCount>,
}

impl Kinds {
    /// Whether a line is to be shown; it is counted.
    fn admit(
        &mut self,
        mut kind: Kind,
        from: &'static str,
        now: Instant,
        example: impl FnOnce() -> Example,
    ) -> bool {
        if self.all.len() >= KINDS && !self.all.contains_key(&kind) {
            kind.words.clear();
        }
        let seen = self.all.entry(kind).or_insert_with(|| DedupCount {
            from,
            in_all: 0,
            folded: 0,
            shown: 0,
            last: now,
            more: 0,
            since: now,
            example: Example::default(),
        });
        if seen.more == 0 && now.duration_since(seen.last) >= EVERY {
            seen.shown = 0;
        }
        seen.last = now;
        seen.in_all += 1;
        if seen.shown < FIRST {
            seen.shown += 1;
            return true;
        }
        if seen.more == 0 {
            seen.since = now;
            seen.example = example();
        }
        seen.more += 1;
        seen.folded += 1;
        false
    }

    /// What is to be said now of lines that were not shown.
    fn due(&mut self, now: Instant) -> Vec<DedupLine> {
        let mut due = Vec::new();
        for (kind, seen) in &mut self.all {
            let over = now.duration_since(seen.since);
            if seen.more == 0 || over < EVERY {
                continue;
            }
            let more = std::mem::take(&mut seen.more);
            let seconds = over.as_secs();
            due.push(seen.line(kind, What::More { more, seconds }));
        }
        due
    }

    /// What is to be said at the end: one line for each kind that was folded, the largest first.
    fn last(&mut self) -> Vec<DedupLine> {
        let folded = self.all.drain().filter(|(_, seen)| seen.folded > 0);
        let told = folded.map(|(kind, seen)| {
            let folded = seen.folded;
            seen.line(&kind, What::Last { folded })
        });
        let mut told: Vec<DedupLine> = told.collect();
        told.sort_by_key(|one| std::cmp::Reverse(one.in_all));
        told
    }
}

impl DedupCount {
    fn line(&self, kind: &Kind, what: What) -> DedupLine {
        DedupLine {
            from: self.from,
            words: kind.words.clone(),
            example: self.example.clone(),
            in_all: self.in_all,
            what,
        }
    }
}

impl DedupLine {
    fn word(&self, name: &str) -> Option<&str> {
        let mut fields = self.words.iter().chain(&self.example.fields);
        fields
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value.as_str())
    }

    /// Writes it as a line of its own, never folded.
    fn write(&self) {
        let said = match self.what {
            What::More { more, seconds } => {
                format!("{more} more of this kind in {seconds} s")
            }
            What::Last { folded } => format!("{folded} more of this kind not shown"),
        };
        tracing::warn!(
            target: TARGET,
            in_all = self.in_all,
            from = self.from,
            reason = self.word("reason"),
            class = self.word("class"),
            step = self.word("step"),
            dependency = self.word("dependency"),
            effect = self.word("effect"),
            unit = self.word("unit"),
            item = self.word("item"),
            owner = self.word("owner"),
            error = self.word("error"),
            "{said}: {}",
            self.example.message
        );
    }
}

/// Reads some fields of an event.
struct Reader<'a> {
    wanted: &'a [&'static str],
    fields: Fields,
    message: String,
}

impl<'a> Reader<'a> {
    fn read(event: &Event<'_>, wanted: &'a [&'static str]) -> Self {
        let mut reader = Self {
            wanted,
            fields: Fields::new(),
            message: String::new(),
        };
        event.record(&mut reader);
        reader
    }
}

impl Visit for Reader<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if let Some(name) = self.wanted.iter().find(|name| **name == field.name()) {
            self.fields.push((name, format!("{value:?}")));
        } else if field.name() == "message" && !self.wanted.contains(&WORDS[0]) {
            self.message = format!("{value:?}");
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

/// Passes lines of these levels, and no warning or error over and over again.
pub(super) struct DedupLayer {
    levels: Targets,
    kinds: Arc<Mutex<Kinds>>,
}

/// Tells of folded lines in time; of all of them once more when it is dropped.
pub(crate) struct DedupReporter {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl DedupLayer {
    pub(super) fn new(levels: Targets) -> Self {
        Self {
            levels,
            kinds: Arc::default(),
        }
    }

    /// Starts to tell of what is folded.
    pub(super) fn reporter(&self) -> DedupReporter {
        let (stop, stopped) = mpsc::channel();
        let kinds = Arc::clone(&self.kinds);
        let thread = std::thread::Builder::new().name("log".into());
        let thread = thread.spawn(move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let due = lock(&kinds).due(Instant::now());
                due.iter().for_each(DedupLine::write);
            }
            let last = lock(&kinds).last();
            last.iter().for_each(DedupLine::write);
        });
        DedupReporter {
            stop: Some(stop),
            thread: thread.ok(),
        }
    }

    fn admits(&self, event: &Event<'_>, now: Instant) -> bool {
        let about = event.metadata();
        if *about.level() > Level::WARN || about.target() == TARGET {
            return true;
        }
        let kind = Kind {
            place: about.callsite(),
            words: Reader::read(event, &WORDS).fields,
        };
        lock(&self.kinds).admit(kind, about.target(), now, || {
            let read = Reader::read(event, &EXAMPLE);
            Example {
                message: read.message,
                fields: read.fields,
            }
        })
    }
}

fn lock(kinds: &Mutex<Kinds>) -> MutexGuard<'_, Kinds> {
    kinds.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for DedupReporter {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<S: Subscriber> Filter<S> for DedupLayer {
    fn enabled(&self, about: &Metadata<'_>, context: &Context<'_, S>) -> bool {
        about.target() == TARGET || Filter::<S>::enabled(&self.levels, about, context)
    }

    fn callsite_enabled(&self, about: &'static Metadata<'static>) -> Interest {
        let by_level = Filter::<S>::callsite_enabled(&self.levels, about);
        if by_level.is_never() && about.target() != TARGET {
            return by_level;
        }
        // Asked every time: a line that was folded must not stand for the next one of another place.
        Interest::sometimes()
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.admits(event, Instant::now())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let levels = Filter::<S>::max_level_hint(&self.levels);
        levels.map(|level| level.max(LevelFilter::WARN))
    }
}

#[cfg(test)]
mod tests;
