//! The `ipv8` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipv8_cli::main(std::env::args_os())
}
