//! What an attacker does to honest nodes by sending ten times what they send: the table in `docs/hardening.md`.
//!
//! `cargo run --release -p ipv8-sim --example flood -- [--slower 10] [--seeds 3] [--only NAME]` runs every attack against every
//! preset of [`Hardening`] and prints what became of honest requests; `--help` lists the rest. `--table` writes Markdown.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

mod attacks;
mod network;

use std::{error::Error, time::Duration};

use clap::Parser;
use ipv8_core::Hardening;

use self::{
    attacks::Attack,
    network::{Seen, Setting, run},
};

/// Measures honest requests while an attacker sends ten times as much as all honest nodes together.
#[derive(Parser)]
struct Arguments {
    /// Honest nodes.
    #[arg(long, default_value_t = 20)]
    nodes: u8,
    /// Requests a second that each honest node makes.
    #[arg(long, default_value_t = 20)]
    rate: u32,
    /// Datagrams of the attacker for each of an honest node.
    #[arg(long, default_value_t = 10)]
    times: u32,
    /// How many times slower the processors are than the one that was measured.
    #[arg(long, default_value_t = 1)]
    slower: u32,
    /// Seconds that the attack lasts.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Runs with so many seeds, and counts their requests together.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Just this attack.
    #[arg(long)]
    only: Option<String>,
    /// Just this preset.
    #[arg(long)]
    preset: Option<String>,
    /// Prints one line an attack, in Markdown.
    #[arg(long)]
    table: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let presets: Vec<_> = Hardening::NAMES
        .into_iter()
        .filter(|name| arguments.preset.as_deref().is_none_or(|only| only == *name))
        .filter_map(|name| Some((name, Hardening::named(name)?)))
        .collect();
    if arguments.table {
        println!("| attack | {} |", presets.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | "));
        println!("|---|{}", "---|".repeat(presets.len()));
    }
    for attack in Attack::ALL {
        if arguments.only.as_deref().is_some_and(|only| only != attack.name()) {
            continue;
        }
        let mut cells = Vec::new();
        for (name, hardening) in &presets {
            let mut seen = Seen::default();
            for seed in 1..=arguments.seeds {
                let setting = Setting {
                    seed,
                    nodes: arguments.nodes,
                    rate: arguments.rate,
                    times: arguments.times,
                    slower: arguments.slower,
                    lasts: Duration::from_secs(arguments.seconds),
                    hardening: hardening.clone(),
                };
                seen.add(run(&setting, attack)?);
            }
            if arguments.table {
                cells.push(seen.cell());
            } else {
                println!("{:<26} {name:<11} {}", attack.name(), seen.line());
            }
        }
        if arguments.table {
            println!("| {} | {} |", attack.title(), cells.join(" | "));
        }
    }
    Ok(())
}
