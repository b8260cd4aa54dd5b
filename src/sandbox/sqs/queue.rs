//! One queue, as a state that events change: FIFO by group, deduplicated for five minutes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

/// How long a FIFO queue remembers a deduplication id.
const DEDUPLICATION_MS: u64 = 5 * 60 * 1000;

/// One message of a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in the queue, from 1, never used twice.
    pub number: u64,
    /// `MessageId`.
    pub id: String,
    /// The body.
    pub body: String,
    /// `MessageGroupId`, empty in queues that are not FIFO.
    pub group: String,
    /// The deduplication id, given or made of the body; empty in queues that are not FIFO.
    pub deduplication: String,
    /// Unix milliseconds of the send.
    pub sent_ms: u64,
    /// Message attributes as they were given.
    #[serde(default)]
    pub attributes: serde_json::Value,
}

/// One change of a queue; the lines of its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Event {
    /// A message was taken in.
    Sent(Message),
    /// A message was deleted, by number.
    Deleted(u64),
    /// All messages up to this number were deleted.
    Purged(u64),
}

/// A message given to a receiver.
#[derive(Clone, Debug)]
pub(super) struct Receipt {
    pub(super) message: Message,
    pub(super) handle: String,
    pub(super) received: u64,
}

/// What a queue holds.
#[derive(Default)]
pub(super) struct State {
    messages: BTreeMap<u64, Message>,
    last: u64,
    /// Deduplication id to the time and message it was last taken in with.
    seen: HashMap<String, (u64, String, u64)>,
    /// Message number to the time until which it is hidden.
    hidden: HashMap<u64, u64>,
    received: HashMap<u64, u64>,
}

impl State {
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Sent(message) => {
                self.last = self.last.max(message.number);
                if !message.deduplication.is_empty() {
                    let seen = (message.sent_ms, message.id.clone(), message.number);
                    self.seen.insert(message.deduplication.clone(), seen);
                }
                self.messages.insert(message.number, message.clone());
            }
            Event::Deleted(number) => {
                self.messages.remove(number);
                self.hidden.remove(number);
                self.received.remove(number);
            }
            Event::Purged(last) => {
                self.messages.retain(|number, _| number > last);
                self.hidden.retain(|number, _| number > last);
            }
        }
    }

    /// The number that the next message gets.
    pub(super) fn next(&self) -> u64 {
        self.last + 1
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// The message that `deduplication` stands for, if it is not forgotten: id and number.
    pub(super) fn duplicate(&mut self, deduplication: &str, now: u64) -> Option<(String, u64)> {
        self.seen
            .retain(|_, (sent, ..)| sent.saturating_add(DEDUPLICATION_MS) > now);
        let (_, id, number) = self.seen.get(deduplication)?;
        Some((id.clone(), *number))
    }

    /// Takes up to `limit` messages that are visible and hides them. A FIFO group with a hidden
    /// message waits.
    pub(super) fn receive(&mut self, limit: usize, hide_ms: u64, now: u64) -> Vec<Receipt> {
        self.hidden.retain(|_, until| *until > now);
        let busy: HashSet<&str> = self
            .hidden
            .keys()
            .filter_map(|number| self.messages.get(number))
            .map(|message| message.group.as_str())
            .filter(|group| !group.is_empty())
            .collect();
        let taken: Vec<Message> = self
            .messages
            .values()
            .filter(|message| {
                !self.hidden.contains_key(&message.number) && !busy.contains(message.group.as_str())
            })
            .take(limit)
            .cloned()
            .collect();
        taken
            .into_iter()
            .map(|message| {
                self.hidden
                    .insert(message.number, now.saturating_add(hide_ms));
                let received = self.received.entry(message.number).or_default();
                *received += 1;
                Receipt {
                    handle: format!("{}.{}", message.number, received),
                    received: *received,
                    message,
                }
            })
            .collect()
    }

    /// Changes how long a received message stays hidden; whether it is there.
    pub(super) fn hide(&mut self, handle: &str, hide_ms: u64, now: u64) -> bool {
        let Some(number) = number_of(handle) else {
            return false;
        };
        self.hidden.insert(number, now.saturating_add(hide_ms));
        self.messages.contains_key(&number)
    }

    /// All messages in order, hidden or not.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.values()
    }

    /// Messages visible and hidden.
    pub(super) fn counts(&self, now: u64) -> (usize, usize) {
        let hidden = self.hidden.values().filter(|until| **until > now).count();
        (self.messages.len().saturating_sub(hidden), hidden)
    }
}

/// The message number in a receipt handle.
pub(super) fn number_of(handle: &str) -> Option<u64> {
    handle.split_once('.')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, group: &str, deduplication: &str) -> Event {
        Event::Sent(Message {
            number,
            id: format!("id-{number}"),
            body: String::new(),
            group: group.to_owned(),
            deduplication: deduplication.to_owned(),
            sent_ms: 0,
            attributes: serde_json::Value::Null,
        })
    }

    #[test]
    fn a_group_with_a_hidden_message_waits() {
        let mut state = State::default();
        for event in [
            message(1, "a", "1"),
            message(2, "a", "2"),
            message(3, "b", "3"),
        ] {
            state.apply(&event);
        }
        let first = state.receive(1, 1000, 0);
        assert_eq!(first[0].message.number, 1);
        let second: Vec<_> = state.receive(10, 1000, 1).into_iter().collect();
        assert_eq!(second.len(), 1);
        assert_eq!(second[0].message.number, 3);
        state.apply(&Event::Deleted(1));
        assert_eq!(state.receive(10, 1000, 2)[0].message.number, 2);
        assert_eq!(state.receive(10, 1000, 2000).len(), 2);
    }

    #[test]
    fn a_deduplication_id_is_forgotten_after_five_minutes() {
        let mut state = State::default();
        state.apply(&message(1, "a", "same"));
        assert_eq!(state.duplicate("same", DEDUPLICATION_MS - 1).unwrap().1, 1);
        assert_eq!(state.duplicate("same", DEDUPLICATION_MS), None);
    }
}
