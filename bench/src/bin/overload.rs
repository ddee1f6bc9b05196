//! Our echo node under more than it can do: `cargo xtask bench overload`.
//!
//! First it is measured what the node does when it is asked as fast as it answers. Then questions come at a rate of their own,
//! whatever is answered: ten honest peers who send a hundredth of that each, and one peer who sends the rest, up to three times
//! what the node can do; at last half of it again. All are signed, by keys that the node meets in the first seconds.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods, reason = "a program that measures")]

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use ipv8_bench::{
    Better, Figures, Keep, Latencies, Load, Mode, Packets, Poll, Row, What, community, cpu_seconds, exit_code,
    resident_bytes,
};
use ipv8_interop::{Process, example};
use plotters::prelude::{
    BLUE, ChartBuilder, Circle, Color as _, IntoDrawingArea as _, LineSeries, RED, SVGBackend, WHITE,
};
use serde_json::json;

const COMMUNITY: &str = "6563686f2d62656e63686d61726b2d6e6f646573";
const HONEST_PEERS: u16 = 10;
/// Of what the node can do, the part that all honest peers ask for together.
const HONEST_PART: f64 = 0.1;
/// What is offered in turn, in parts of what the node can do. The last one shows how it recovers.
const OFFERED: [f64; 7] = [0.5, 0.9, 1.0, 1.5, 2.0, 3.0, 0.5];
const REQUESTS: u32 = 20_000;
/// At most so many questions are sent before answers are looked for.
const BURST: u64 = 32;
const START_WITHIN: Duration = Duration::from_secs(30);
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// Our echo node under more than it can do.
#[derive(Parser)]
#[command(name = "cargo xtask bench overload")]
struct Arguments {
    /// Seconds of each rate.
    #[arg(long, value_name = "S", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    secs: u64,
    /// Draw a plot.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Print one JSON object for each rate, and no table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keep: Keep,
}

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    exit_code(run(&Arguments::parse()))
}

/// What came of one rate.
struct Outcome {
    /// In parts of what the node can do.
    offered: f64,
    /// Questions that were sent, a second.
    asked: f64,
    /// Answers a second, to everybody.
    answered: f64,
    /// The part of the honest peers' questions that was answered.
    honest: f64,
    honest_median_us: f64,
    honest_p99_us: f64,
    cpu: f64,
    resident: u64,
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut command = example("echo").ok_or("the release example echo is missing: use cargo xtask bench overload")?;
    command.args(["--json", "--listen", "127.0.0.1:0", "--community", COMMUNITY, "--seconds", "600"]);
    let mut process = Process::spawn("echo", command)?;
    let target = process.started(START_WITHIN)?.listen;
    let community = community(COMMUNITY)?;
    let mut flood = Packets::new(Mode::Signed, community, REQUESTS, 64);
    let load = Load {
        target,
        window: 64,
        duration: Duration::from_secs(arguments.secs),
        warm_up: Duration::from_secs(1),
        poll: Poll::Spin,
        pid: Some(process.id()),
    };
    let most = load.run(&mut flood)?.replies_per_second();
    if !arguments.json {
        println!("asked as fast as it answers: {most:.0} replies/s\n");
        println!(
            "{:>8}{:>10}{:>12}{:>10}{:>14}{:>14}{:>12}{:>12}{:>16}",
            "offered",
            "asked/s",
            "answered/s",
            "of most",
            "honest, %",
            "median µs",
            "99 % µs",
            "CPU, %",
            "resident, KiB"
        );
    }
    let honest = Packets::new(Mode::Signed, community, REQUESTS, HONEST_PEERS);
    let mut outcomes = Vec::new();
    for offered in OFFERED {
        let outcome = one_rate(target, process.id(), (&flood, &honest), offered, most, arguments.secs)?;
        print(&outcome, most, arguments.json);
        outcomes.push(outcome);
    }
    process.terminate(STOP_WITHIN)?;
    arguments.keep.apply(&figures(most, &outcomes))?;
    arguments.plot.as_ref().map_or(Ok(()), |path| plot(path, &outcomes, most))
}

/// What is worth keeping: the most, and what is left of it under three times as much.
fn figures(most: f64, outcomes: &[Outcome]) -> Figures {
    let row = |(name, unit, better), value| {
        Row::new(What { name, unit, digits: 0, better: Some(better) }, &[vec![value]], |value| Some(*value))
    };
    let mut figures = Figures::default();
    let asked = [row(("signed answers/s, asked as fast as it answers", "/s", Better::More), most)];
    figures.add("overload", &["ours"], &asked);
    if let Some(worst) = outcomes.iter().max_by(|a, b| a.offered.total_cmp(&b.offered)) {
        let of_most = ("answers, % of that", "%", Better::More);
        let honest = ("honest questions answered, %", "%", Better::More);
        let median = ("honest round trip, median µs", "µs", Better::Less);
        let resident = ("resident, KiB", "KiB", Better::Less);
        let rows = [
            row(of_most, worst.answered / most * 100.0),
            row(honest, worst.honest * 100.0),
            row(median, worst.honest_median_us),
            row(resident, (worst.resident / 1_024) as f64),
        ];
        figures.add(&format!("overload, {} times as many questions", worst.offered), &["ours"], &rows);
    }
    figures
}

/// The honest peers' questions, and what became of them.
struct Honest<'a> {
    packets: &'a Packets,
    sockets: Vec<UdpSocket>,
    /// When each question was sent, while it is not answered.
    sent: Vec<Option<Instant>>,
    asked: u64,
    answered: u64,
    latencies: Latencies,
}

impl Honest<'_> {
    fn ask(&mut self) -> io::Result<()> {
        let number = usize::try_from(self.asked).unwrap_or_default() % self.packets.count();
        let Some(socket) = self.sockets.get(number % self.sockets.len().max(1)) else { return Ok(()) };
        send(socket, self.packets.request(number))?;
        if let Some(sent) = self.sent.get_mut(number) {
            *sent = Some(Instant::now());
        }
        self.asked += 1;
        Ok(())
    }

    fn listen(&mut self) -> io::Result<()> {
        let mut buffer = [0; 2_048];
        for socket in &self.sockets {
            while let Some(length) = receive(socket, &mut buffer)? {
                let reply = self.packets.check(buffer.get(..length).unwrap_or_default());
                let Ok(reply) = reply else { continue };
                let sent = usize::try_from(reply.identifier).ok().and_then(|number| self.sent.get_mut(number)?.take());
                if let Some(sent) = sent {
                    self.answered += 1;
                    self.latencies.add(sent.elapsed());
                }
            }
        }
        Ok(())
    }
}

/// Offers questions at one rate for a while.
fn one_rate(
    target: SocketAddr,
    pid: u32,
    (flood, honest): (&Packets, &Packets),
    offered: f64,
    most: f64,
    secs: u64,
) -> Result<Outcome, Failure> {
    let flooding = socket(target)?;
    let mut honest = Honest {
        packets: honest,
        sockets: (0..HONEST_PEERS).map(|_| socket(target)).collect::<Result<_, _>>()?,
        sent: vec![None; honest.count()],
        asked: 0,
        answered: 0,
        latencies: Latencies::default(),
    };
    let (honest_rate, flood_rate) = (most * HONEST_PART, most * (offered - HONEST_PART));
    let (mut sent, mut answered) = (0_u64, 0_u64);
    let cpu = cpu_seconds(pid)?;
    let begin = Instant::now();
    let mut buffer = [0; 2_048];
    let asking = Duration::from_secs(secs);
    // Answers that came while questions did: what was left in queues comes after.
    let mut in_time = None;
    // The last answers are waited for.
    while begin.elapsed() < asking + Duration::from_millis(300) {
        if in_time.is_none() && begin.elapsed() >= asking {
            in_time = Some(answered + honest.answered);
        }
        let elapsed = begin.elapsed().min(asking);
        let due = |rate: f64, sent: u64| elapsed.mul_f64(rate).as_secs().saturating_sub(sent).min(BURST);
        for _ in 0..due(honest_rate, honest.asked) {
            honest.ask()?;
        }
        for _ in 0..due(flood_rate, sent) {
            let number = usize::try_from(sent).unwrap_or_default() % flood.count();
            send(&flooding, flood.request(number))?;
            sent += 1;
        }
        honest.listen()?;
        for _ in 0..BURST {
            let Some(length) = receive(&flooding, &mut buffer)? else { break };
            answered += u64::from(flood.check(buffer.get(..length).unwrap_or_default()).is_ok());
        }
    }
    Ok(Outcome {
        offered,
        asked: (sent + honest.asked) as f64 / secs as f64,
        answered: in_time.unwrap_or(answered + honest.answered) as f64 / secs as f64,
        honest: honest.answered as f64 / honest.asked.max(1) as f64,
        honest_median_us: honest.latencies.percentile_us(50).unwrap_or_default(),
        honest_p99_us: honest.latencies.percentile_us(99).unwrap_or_default(),
        cpu: (cpu_seconds(pid)? - cpu) / secs as f64,
        resident: resident_bytes(pid)?,
    })
}

fn socket(target: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(target)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn send(socket: &UdpSocket, packet: &[u8]) -> io::Result<()> {
    match socket.send(packet) {
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(()),
    }
}

fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<usize>> {
    match socket.recv(buffer) {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn print(outcome: &Outcome, most: f64, as_json: bool) {
    let Outcome { offered, asked, answered, honest, honest_median_us, honest_p99_us, cpu, resident } = *outcome;
    if as_json {
        let line = json!({
            "offered": offered, "asked_per_second": asked, "answered_per_second": answered, "of_most": answered / most,
            "honest_answered": honest, "honest_median_us": honest_median_us, "honest_p99_us": honest_p99_us,
            "server_cpu": cpu, "resident_bytes": resident,
        });
        println!("{line}");
        return;
    }
    println!(
        "{offered:>8}{asked:>10.0}{answered:>12.0}{:>10.2}{:>14.1}{honest_median_us:>14.0}{honest_p99_us:>12.0}{:>12.0}{:>16}",
        answered / most,
        honest * 100.0,
        cpu * 100.0,
        resident / 1_024
    );
}

fn plot(path: &Path, outcomes: &[Outcome], most: f64) -> Result<(), Failure> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (720, 400)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(12)
            .x_label_area_size(40)
            .y_label_area_size(50)
            .caption("Overload: answers, and what honest peers get", ("sans-serif", 16))
            .build_cartesian_2d(0.0..3.1, 0.0..1.2)?;
        chart
            .configure_mesh()
            .x_desc("questions offered, in parts of what the node can do")
            .y_desc("part")
            .disable_mesh()
            .draw()?;
        // The last one is a rate that was there before.
        let rising = || outcomes.iter().take(OFFERED.len() - 1);
        let answered: Vec<_> = rising().map(|outcome| (outcome.offered, outcome.answered / most)).collect();
        let honest: Vec<_> = rising().map(|outcome| (outcome.offered, outcome.honest)).collect();
        for (points, colour, name) in [
            (answered, BLUE, "answers, in parts of what the node can do"),
            (honest, RED, "honest peers' questions that were answered"),
        ] {
            chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?.label(name).legend(
                move |(x, y)| plotters::prelude::PathElement::new(vec![(x, y), (x + 16, y)], colour.stroke_width(2)),
            );
            chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        }
        chart.configure_series_labels().background_style(WHITE).draw()?;
        root.present()?;
    }
    std::fs::write(path, svg)?;
    Ok(())
}
