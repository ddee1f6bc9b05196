//! How a demo is told: as JSON, as lines of text, or on a terminal.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use ipv8_crypto::Mid;
use std::net::SocketAddr;

use super::events::{DhtEvent, Event, Summary};
use crate::failure::Failure;
use crate::output;

/// How often clocks are printed as lines of text: people want to see them rise, not each step.
const CLOCK_LINES: Duration = Duration::from_millis(500);

/// Tells people or programs what happens.
pub(crate) trait Report {
    /// Something happened, `at` after the start.
    fn event(&mut self, at: Duration, event: &Event) -> Result<(), Failure>;
}

/// The form that standard output is for.
pub(crate) fn report(json: bool) -> Box<dyn Report> {
    let stdout = io::stdout();
    if json {
        Box::new(Json { out: stdout })
    } else if stdout.is_terminal() && io::stderr().is_terminal() {
        Box::new(Terminal::new(stdout))
    } else {
        Box::new(Plain { out: stdout, table: Table::default(), last_clocks: Duration::ZERO })
    }
}

/// One object a line.
struct Json<W> {
    out: W,
}

impl<W: Write> Report for Json<W> {
    fn event(&mut self, _: Duration, event: &Event) -> Result<(), Failure> {
        output::json(&mut self.out, event)?;
        output::flush(&mut self.out)
    }
}

/// One line of text for each event, and a table in the end.
struct Plain<W> {
    out: W,
    table: Table,
    last_clocks: Duration,
}

impl<W: Write> Report for Plain<W> {
    fn event(&mut self, at: Duration, event: &Event) -> Result<(), Failure> {
        self.table.add(event);
        let at_seconds = at.as_secs_f64();
        match event {
            Event::Tracker { listen, mid } => {
                output::line(&mut self.out, &format!("the tracker listens at {listen} as {mid}"))?;
            }
            Event::Started { node, listen, mid } => {
                output::line(&mut self.out, &format!("peer {node} listens at {listen} as {mid}"))?;
            }
            Event::Peer { node, found, address, .. } => {
                let text = format!("{at_seconds:6.2} s  peer {node} found peer {found} at {address}");
                output::line(&mut self.out, &text)?;
            }
            Event::Clock { .. } => {
                if at >= self.last_clocks + CLOCK_LINES {
                    self.last_clocks = at;
                    output::line(&mut self.out, &format!("{at_seconds:6.2} s  {}", self.table.clocks()))?;
                }
            }
            Event::Dht(event) => {
                output::line(&mut self.out, &format!("{at_seconds:6.2} s  {}", dht_text(event)))?;
            }
            Event::Summary(summary) => {
                output::line(&mut self.out, &self.table.text())?;
                output::line(&mut self.out, &closing(summary))?;
            }
        }
        output::flush(&mut self.out)
    }
}

/// A line that changes while peers find each other and the clock rises, and a table in the end.
struct Terminal<W> {
    out: W,
    table: Table,
    progress: ProgressBar,
    found: u64,
}

impl<W: Write> Terminal<W> {
    fn new(out: W) -> Self {
        let progress = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template("{spinner} peers found {bar:30} {pos}/{len}  {wide_msg}") {
            progress.set_style(style);
        }
        Self { out, table: Table::default(), progress, found: 0 }
    }
}

impl<W: Write> Report for Terminal<W> {
    fn event(&mut self, _: Duration, event: &Event) -> Result<(), Failure> {
        self.table.add(event);
        match event {
            Event::Tracker { listen, .. } => {
                output::line(&mut self.out, &format!("the tracker listens at {listen}"))?;
            }
            Event::Started { node, .. } => {
                self.progress.set_length(self.table.pairs());
                // There is nobody to be found by the first one alone.
                if *node == 2 {
                    self.progress.set_draw_target(ProgressDrawTarget::stderr());
                }
            }
            Event::Peer { .. } => {
                self.found += 1;
                self.progress.set_position(self.found);
            }
            Event::Clock { .. } => {
                self.progress.set_message(self.table.clocks());
                self.progress.tick();
            }
            Event::Dht(event) => self.progress.suspend(|| output::line(&mut self.out, &dht_text(event)))?,
            Event::Summary(summary) => {
                self.progress.finish_and_clear();
                output::line(&mut self.out, &self.table.text())?;
                output::line(&mut self.out, &closing(summary))?;
            }
        }
        output::flush(&mut self.out)
    }
}

impl<W> Drop for Terminal<W> {
    fn drop(&mut self) {
        self.progress.finish_and_clear();
    }
}

fn dht_text(event: &DhtEvent) -> String {
    match event {
        DhtEvent::Stored { node, key, stored_on } => {
            let nodes = if *stored_on == 1 { "1 node".to_owned() } else { format!("{stored_on} nodes") };
            format!("peer {node} stored a signed value on {nodes} under {key}")
        }
        DhtEvent::Found { node, value, signer, .. } => {
            format!("peer {node} found the value \"{}\", signed by {signer}", String::from_utf8_lossy(value))
        }
        DhtEvent::Connected { node, address, found, .. } => {
            format!("peer {node} looked for who signed it, and reached peer {found} at {address}")
        }
    }
}

fn closing(summary: &Summary) -> String {
    let Summary { peers, pairs_found, pairs, clock, seconds, .. } = summary;
    let seconds = seconds.as_secs_f64();
    if pairs_found == pairs {
        let dht = if summary.dht { "their DHT works" } else { "their DHT was not done" };
        format!("all {peers} peers found each other, their clock is at {clock}, and {dht}, after {seconds:.1} s")
    } else {
        format!("{pairs_found} of {pairs} times a peer found another, the clock is at {clock}, after {seconds:.1} s")
    }
}

/// What is known of each peer.
#[derive(Default)]
struct Table(Vec<Row>);

struct Row {
    listen: SocketAddr,
    mid: Mid,
    found: usize,
    clock: u32,
}

impl Table {
    fn add(&mut self, event: &Event) {
        match event {
            Event::Started { listen, mid, .. } => {
                self.0.push(Row { listen: *listen, mid: *mid, found: 0, clock: 0 });
            }
            Event::Peer { node, .. } => {
                if let Some(row) = node.checked_sub(1).and_then(|index| self.0.get_mut(index)) {
                    row.found += 1;
                }
            }
            Event::Clock { node, clock } => {
                if let Some(row) = node.checked_sub(1).and_then(|index| self.0.get_mut(index)) {
                    row.clock = *clock;
                }
            }
            Event::Tracker { .. } | Event::Dht(_) | Event::Summary(_) => {}
        }
    }

    /// How many times there is somebody to be found.
    fn pairs(&self) -> u64 {
        u64::try_from(self.0.len() * self.0.len().saturating_sub(1)).unwrap_or(u64::MAX)
    }

    /// The clocks of the first peers.
    fn clocks(&self) -> String {
        let clocks: Vec<String> = self.0.iter().take(10).map(|row| row.clock.to_string()).collect();
        let more = if self.0.len() > clocks.len() { " …" } else { "" };
        format!("clocks {}{more}", clocks.join(" "))
    }

    fn text(&self) -> String {
        let mut text = format!("\n{:>4}  {:21}  {:40}  {:>5}  {:>6}", "peer", "listens at", "mid", "found", "clock");
        for (index, row) in self.0.iter().enumerate() {
            let Row { listen, mid, found, clock } = row;
            let (listen, mid) = (listen.to_string(), mid.to_string());
            text += &format!("\n{:>4}  {listen:21}  {mid:40}  {found:>5}  {clock:>6}", index + 1);
        }
        text + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let listen: SocketAddr = "127.0.0.1:8090".parse().unwrap();
        let mid = Mid([0xab; 20]);
        vec![
            Event::Tracker { listen, mid },
            Event::Started { node: 1, listen, mid },
            Event::Started { node: 2, listen, mid },
            Event::Peer { node: 2, mid, address: listen, found: 1 },
            Event::Clock { node: 2, clock: 7 },
            Event::Dht(DhtEvent::Stored { node: 1, key: "cd".repeat(20), stored_on: 1 }),
            Event::Dht(DhtEvent::Found { node: 2, key: "cd".repeat(20), value: b"v".to_vec(), signer: mid }),
            Event::Dht(DhtEvent::Connected { node: 2, mid, address: listen, found: 1 }),
            Event::Summary(Summary {
                peers: 2,
                pairs_found: 1,
                pairs: 2,
                clock: 7,
                dht: false,
                seconds: Duration::from_micros(1_500_499),
                all_clocks_moved: false,
            }),
        ]
    }

    #[test]
    fn events_are_json_lines() {
        let mut report = Json { out: Vec::new() };
        for event in &events() {
            report.event(Duration::ZERO, event).unwrap();
        }
        let (mid, key) = ("ab".repeat(20), "cd".repeat(20));
        let expected = format!(
            r#"{{"event":"tracker","listen":"127.0.0.1:8090","mid":"{mid}"}}
{{"event":"started","node":1,"listen":"127.0.0.1:8090","mid":"{mid}"}}
{{"event":"started","node":2,"listen":"127.0.0.1:8090","mid":"{mid}"}}
{{"event":"peer","node":2,"mid":"{mid}","address":"127.0.0.1:8090"}}
{{"event":"clock","node":2,"clock":7}}
{{"event":"dht","what":"stored","node":1,"key":"{key}","stored_on":1}}
{{"event":"dht","what":"found","node":2,"key":"{key}","value":"76","signer":"{mid}"}}
{{"event":"dht","what":"connected","node":2,"mid":"{mid}","address":"127.0.0.1:8090"}}
{{"event":"summary","peers":2,"pairs_found":1,"pairs":2,"clock":7,"dht":false,"seconds":1.5}}
"#
        );
        assert_eq!(String::from_utf8(report.out).unwrap(), expected);
    }

    #[test]
    fn lines_of_text_end_in_a_table_and_a_summary() {
        let mut report = Plain { out: Vec::new(), table: Table::default(), last_clocks: Duration::ZERO };
        for event in &events() {
            report.event(Duration::from_millis(1_250), event).unwrap();
        }
        let text = String::from_utf8(report.out).unwrap();
        assert!(text.contains("\n  1.25 s  peer 2 found peer 1 at 127.0.0.1:8090\n"), "{text}");
        assert!(text.contains("\n  1.25 s  clocks 0 7\n"), "{text}");
        assert!(text.contains("\n  1.25 s  peer 2 found the value \"v\", signed by abab"), "{text}");
        let row = format!("\n   2  127.0.0.1:8090         {}      1       7\n", "ab".repeat(20));
        assert!(text.contains(&row), "{text}");
        assert!(text.ends_with("1 of 2 times a peer found another, the clock is at 7, after 1.5 s\n"), "{text}");
    }
}
