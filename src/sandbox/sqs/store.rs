//! All queues of a network, each with its file of events.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use multibase::Base::Base16Lower;
use serde_json::Value;

use super::queue::{Event, Message, Receipt, State, number_of};
use crate::runtime::Clock;

/// How long a received message is hidden if the receiver does not say.
pub(super) const HIDDEN_MS: u64 = 30_000;

/// The queues; clones share them.
#[derive(Clone)]
pub struct Queues {
    inner: Arc<Inner>,
}

struct Inner {
    root: PathBuf,
    clock: Clock,
    queues: Mutex<BTreeMap<String, Queue>>,
}

struct Queue {
    file: File,
    state: State,
}

/// What is to be sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Outgoing {
    pub(super) body: String,
    pub(super) group: Option<String>,
    pub(super) deduplication: Option<String>,
    pub(super) attributes: Value,
}

/// What became of a send.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) number: u64,
}

/// Why a queue did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    #[error("The specified queue does not exist.")]
    NoQueue,
    #[error("The request must contain the parameter MessageGroupId.")]
    NoGroup,
    #[error("The input receipt handle is invalid.")]
    BadHandle,
    #[error("{text}")]
    Batch {
        code: &'static str,
        text: &'static str,
    },
    #[error(transparent)]
    File(#[from] io::Error),
}

impl Queues {
    /// Opens the queues whose files are in `root`.
    pub(crate) fn open(root: &Path, clock: Clock) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let mut queues = BTreeMap::new();
        for entry in fs::read_dir(root)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(name) = name.and_then(|name| name.strip_suffix(".ndjson")) {
                queues.insert(name.to_owned(), open(&path)?);
            }
        }
        Ok(Self {
            inner: Arc::new(Inner {
                root: root.to_owned(),
                clock,
                queues: Mutex::new(queues),
            }),
        })
    }

    /// Makes a queue, unless it is there. Names with `.fifo` at the end make FIFO queues, all with
    /// content-based deduplication.
    pub(crate) fn create(&self, name: &str) -> io::Result<()> {
        let mut queues = self.lock();
        if !queues.contains_key(name) {
            let path = self.inner.root.join(format!("{name}.ndjson"));
            queues.insert(name.to_owned(), open(&path)?);
        }
        Ok(())
    }

    /// The names of all queues.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }

    /// All messages of a queue in order, hidden or not; a look that changes nothing.
    #[must_use]
    pub fn messages(&self, name: &str) -> Vec<Message> {
        self.lock()
            .get(name)
            .map(|queue| queue.state.messages().cloned().collect())
            .unwrap_or_default()
    }

    /// The first message whose group is free, hidden for `hide_ms`, with the handle to delete it.
    #[must_use]
    pub fn take(&self, name: &str, hide_ms: u64) -> Option<(Message, String)> {
        let receipt = self.receive(name, 1, hide_ms).ok()?.pop()?;
        Some((receipt.message, receipt.handle))
    }

    /// Deletes a taken message; whether the queue and handle are real.
    #[must_use]
    pub fn done(&self, name: &str, handle: &str) -> bool {
        self.delete(name, handle).is_ok()
    }

    /// Sends messages; they are on disk when this returns.
    pub(super) fn send(
        &self,
        name: &str,
        outgoing: Vec<Outgoing>,
    ) -> Result<Vec<Result<Sent, QueueError>>, QueueError> {
        let now = self.inner.clock.now().0;
        let fifo = is_fifo(name);
        let mut queues = self.lock();
        let queue = queues.get_mut(name).ok_or(QueueError::NoQueue)?;
        let mut lines = Vec::new();
        let results = outgoing
            .into_iter()
            .map(|one| take_in(queue, &mut lines, one, fifo, now))
            .collect();
        append(&mut queue.file, &lines)?;
        Ok(results)
    }

    pub(super) fn receive(
        &self,
        name: &str,
        limit: usize,
        hide_ms: u64,
    ) -> Result<Vec<Receipt>, QueueError> {
        let now = self.inner.clock.now().0;
        let mut queues = self.lock();
        let queue = queues.get_mut(name).ok_or(QueueError::NoQueue)?;
        Ok(queue.state.receive(limit, hide_ms, now))
    }

    pub(super) fn delete(&self, name: &str, handle: &str) -> Result<(), QueueError> {
        let number = number_of(handle).ok_or(QueueError::BadHandle)?;
        self.change(name, |_| Event::Deleted(number))
    }

    pub(super) fn purge(&self, name: &str) -> Result<(), QueueError> {
        self.change(name, |state| Event::Purged(state.last()))
    }

    pub(super) fn hide(&self, name: &str, handle: &str, hide_ms: u64) -> Result<(), QueueError> {
        let now = self.inner.clock.now().0;
        let mut queues = self.lock();
        let queue = queues.get_mut(name).ok_or(QueueError::NoQueue)?;
        if queue.state.hide(handle, hide_ms, now) {
            return Ok(());
        }
        Err(QueueError::BadHandle)
    }

    /// Messages visible and hidden.
    pub(super) fn counts(&self, name: &str) -> Result<(usize, usize), QueueError> {
        let now = self.inner.clock.now().0;
        let queues = self.lock();
        let queue = queues.get(name).ok_or(QueueError::NoQueue)?;
        Ok(queue.state.counts(now))
    }

    fn change(&self, name: &str, event: impl FnOnce(&State) -> Event) -> Result<(), QueueError> {
        let mut queues = self.lock();
        let queue = queues.get_mut(name).ok_or(QueueError::NoQueue)?;
        let event = event(&queue.state);
        append(&mut queue.file, std::slice::from_ref(&event))?;
        queue.state.apply(&event);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Queue>> {
        self.inner
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a queue of this name is FIFO.
pub(super) fn is_fifo(name: &str) -> bool {
    name.strip_suffix(".fifo").is_some()
}

/// Takes one message into the queue's state, unless it is a duplicate.
fn take_in(
    queue: &mut Queue,
    lines: &mut Vec<Event>,
    outgoing: Outgoing,
    fifo: bool,
    now: u64,
) -> Result<Sent, QueueError> {
    let mut deduplication = String::new();
    if fifo {
        if outgoing.group.as_deref().unwrap_or_default().is_empty() {
            return Err(QueueError::NoGroup);
        }
        deduplication = outgoing
            .deduplication
            .unwrap_or_else(|| content_id(&outgoing.body));
        if let Some((id, number)) = queue.state.duplicate(&deduplication, now) {
            return Ok(Sent { id, number });
        }
    }
    let message = Message {
        number: queue.state.next(),
        id: uuid::Uuid::new_v4().to_string(),
        body: outgoing.body,
        group: outgoing.group.filter(|_| fifo).unwrap_or_default(),
        deduplication,
        sent_ms: now,
        attributes: outgoing.attributes,
    };
    let sent = Sent {
        id: message.id.clone(),
        number: message.number,
    };
    let event = Event::Sent(message);
    queue.state.apply(&event);
    lines.push(event);
    Ok(sent)
}

/// The deduplication id that a body stands for.
fn content_id(body: &str) -> String {
    Base16Lower.encode(digest(&SHA256, body.as_bytes()).as_ref())
}

/// Opens a queue's file and repeats its events. A line that a crash cut off is removed.
fn open(path: &Path) -> io::Result<Queue> {
    let mut file = File::options()
        .read(true)
        .append(true)
        .create(true)
        .open(path)?;
    let mut state = State::default();
    let mut whole = 0;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::new(&file);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let Some(text) = line.strip_suffix('\n') else {
            break;
        };
        let event: Event = serde_json::from_str(text)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        state.apply(&event);
        whole += line.len() as u64;
        line.clear();
    }
    drop(reader);
    file.set_len(whole)?;
    file.sync_all()?;
    Ok(Queue { file, state })
}

fn append(file: &mut File, events: &[Event]) -> io::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut text = Vec::new();
    for event in events {
        serde_json::to_writer(&mut text, event)?;
        text.push(b'\n');
    }
    file.write_all(&text)?;
    file.sync_data()
}
