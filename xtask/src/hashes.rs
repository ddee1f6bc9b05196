//! `hashes`: what the built-in scenarios come to.

use crate::shell::{Failure, cargo, run as run_command};

/// Compares the file of hashes with what comes out, or writes it.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let update = match arguments {
        [] => false,
        [word] if word == "--update" => true,
        [word, ..] => return Err(Failure::Usage(format!("unexpected argument {word:?}"))),
    };
    let mut command = cargo(["test", "--quiet", "--package", "ipv8-scenario", "--test", "hashes"]);
    if update {
        command.env("UPDATE_HASHES", "1");
    }
    run_command(&mut command)
}
