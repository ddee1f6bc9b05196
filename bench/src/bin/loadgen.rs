//! Puts a measured load on one server.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use ipv8_bench::{Load, LoadError, Mode, Packets, Poll, community, exit_code};

/// Puts a measured load on one server.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Requests to an echo node, each answered with its value plus one.
    Echo(Echo),
}

#[derive(Args)]
struct Echo {
    /// Where the node listens.
    #[arg(long, value_name = "IP:PORT")]
    target: SocketAddr,
    /// Its community.
    #[arg(long, value_name = "HEX40", value_parser = community)]
    community: [u8; 20],
    /// Kind of requests: signed or unsigned.
    #[arg(long, default_value_t = Mode::Signed)]
    mode: Mode,
    /// Requests in flight.
    #[arg(long, value_name = "N", default_value_t = 64)]
    window: usize,
    /// Seconds to measure.
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    secs: Duration,
    /// Seconds of load before that.
    #[arg(long, value_name = "S", default_value = "0.5", value_parser = seconds)]
    warm_up: Duration,
    /// Keys that sign, in turn.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    keys: u16,
    /// Requests made ahead; when all were sent, they are sent again.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    packets: u32,
    /// How to wait for replies: spin never sleeps; block does, and the server pays for waking it up.
    #[arg(long, default_value = "spin", value_parser = poll)]
    poll: Poll,
    /// The server's process, for replies per second of its processor time.
    #[arg(long)]
    pid: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let Command::Echo(echo) = Arguments::parse().command;
    exit_code(run(&echo))
}

fn run(echo: &Echo) -> Result<(), LoadError> {
    let mut packets = Packets::new(echo.mode, echo.community, echo.packets, echo.keys);
    let load = Load {
        target: echo.target,
        window: echo.window,
        duration: echo.secs,
        warm_up: echo.warm_up,
        poll: echo.poll,
        pid: echo.pid,
    };
    let measured = load.run(&mut packets)?;
    if echo.json {
        println!("{}", measured.to_json());
        return Ok(());
    }
    println!(
        "{:.0} {} replies/s ({} in {:.2} s), window {}",
        measured.replies_per_second(),
        echo.mode,
        measured.replies,
        measured.seconds,
        echo.window
    );
    match measured.replies_per_cpu_second() {
        Some(rate) => println!("{rate:.0} replies per second of the server's processor time"),
        None => println!("processor time of the server unknown: give --pid"),
    }
    println!("round trip: median {:.1} µs, 99 % within {:.1} µs", measured.rtt_median_us, measured.rtt_p99_us);
    println!("{} lost, {} bad, {} signatures verified", measured.lost, measured.bad, measured.verified);
    Ok(())
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "not a number of seconds".to_owned())
}

fn poll(text: &str) -> Result<Poll, String> {
    match text {
        "spin" => Ok(Poll::Spin),
        "block" => Ok(Poll::Block),
        _ => Err("use spin or block".to_owned()),
    }
}
