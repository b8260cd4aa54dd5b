//! One short file per command: arguments, run, exit code.
