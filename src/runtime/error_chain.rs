//! The text of an error with its causes, on one line.

use std::error::Error;

/// The texts of an error and of its causes, outermost first. Equal texts in a row appear once.
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts.dedup();
    texts.join(": ")
}

/// The text of the innermost cause, which is what an operator can act on.
#[must_use]
pub fn root_cause(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Broken {
        #[error("write the file")]
        Outer(#[source] Box<Broken>),
        #[error("write the file")]
        Same(#[source] std::io::Error),
    }

    #[test]
    fn every_cause_is_said_and_none_twice_in_a_row() {
        let full = std::io::Error::other("disk is full");
        let error = Broken::Outer(Box::new(Broken::Same(full)));
        assert_eq!(error_chain(&error), "write the file: disk is full");
        assert_eq!(root_cause(&error), "disk is full");
    }
}
