//! Kinds of trouble with AWS.

/// Kinds of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The object, message or row that was named is not there, and the service said so.
    Absent,
    /// The table, bucket, queue or encryption key does not exist or cannot be used.
    NoResource,
    /// The condition of a write did not hold.
    Condition,
    /// Too many requests.
    Throttled,
    /// The service is in trouble, or in the middle of something: it may do better a moment later.
    Passing,
    /// Sent, but no answer came in time: a write may have happened.
    Late,
    /// Sent, but no whole answer came that can be read: a write may have happened.
    Unanswered,
    /// Nobody was reached: nothing happened.
    Unreachable,
    /// Credentials do not suffice.
    Credentials(Lack),
    /// Something around this program is wrong.
    Setting(Setting),
    /// The service refuses this request for a reason that it names, and will refuse it again.
    Refused,
    /// The answer says nothing that is known: it may pass or not.
    Unclear,
}

/// What is the matter with credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// There are none.
    Absent,
    /// They have ended.
    Expired,
    /// They are refused, or lack a permission.
    Refused,
}

/// What is wrong around this program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// The clock of this machine: signatures seem too old or too new.
    Clock,
    /// The region or the endpoint: it is somewhere else.
    Region,
}
