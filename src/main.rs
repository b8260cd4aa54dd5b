//! The `sterna` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    sterna::cli::main(std::env::args_os())
}
