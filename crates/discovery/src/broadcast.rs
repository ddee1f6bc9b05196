//! Finding first peers in the LAN.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipv8_core::{Bootstrapper, Context, Time, beacon::beacon};

/// Beacons a second, unless another rate is set: 29 bytes each, 2.9 kB/s, or 5.7 kB/s with the headers of UDP and IP.
const DEFAULT_RATE: u32 = 100;

/// The highest rate that can be set.
const HIGHEST_RATE: u32 = 10_000;

/// How often a second beacons are sent, if the rate allows; as many as fit are then sent together.
const BATCHES: u32 = 50;

/// The port of the reference's default configuration, which takes the next one if it is in use.
const USUAL_PORT: u16 = 8_090;

/// How many ports after the usual one, and on both sides of our own, are likely.
const NEIGHBOURS: u16 = 8;

/// Where systems put sockets that ask for no port, the reference's beacon sockets too; the others come later.
const EPHEMERAL: u16 = 32_768;

/// Below it, ports are for system services, and come last.
const UNPRIVILEGED: u16 = 1_024;

/// How long all ports are left alone when all were tried.
const SWEEP_PAUSE: Duration = Duration::from_secs(3_600);

/// Beacons of others that are answered at once, and how long it takes until one more is.
const MOST_ANSWERS: u32 = 20;
const ANSWER_INTERVAL: Duration = Duration::from_millis(200);

/// Finds first peers in the LAN, without any tracker (the reference's `UDPBroadcastBootstrapper`, `protocol.md` section 5).
///
/// While the community has no peers, it broadcasts a [beacon]: first to the ports where IPv8 nodes usually are, again every
/// 30 seconds, and in between to all others, one after the other. Whoever hears a beacon of a community that it is in
/// walks to where it came from. Nothing is broadcast where the driver knows no broadcast address: over IPv6, on loopback.
///
/// The reference sends to all 65,535 ports at once, every 30 seconds, for which its users measured 3.5 MB/s for each
/// community. This one sends 100 beacons a second at most, 2.9 kB/s, two every 20 milliseconds; it takes eleven minutes to
/// try all ports, and then leaves those that are unlikely alone for an hour. With peers it says nothing, but one in twenty
/// steps of a walk tries the likely ports anew.
#[derive(Clone, Debug)]
pub struct UdpBroadcastBootstrapper {
    timeout: Duration,
    rate: u32,
    /// Which of the likely ports is next; none are while it is beyond them.
    likely: usize,
    /// Which of all ports is next.
    sweep: u16,
    last_round: Option<Time>,
    last_sweep: Option<Time>,
    /// When [`Bootstrapper::woken`] is to go on.
    awake: Option<Time>,
    /// Beacons of others that may be answered, as of a time.
    answers: u32,
    counted: Time,
    initialized: bool,
}

impl Default for UdpBroadcastBootstrapper {
    /// 100 beacons a second, and the likely ports every 30 seconds.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            rate: DEFAULT_RATE,
            likely: usize::MAX,
            sweep: 0,
            last_round: None,
            last_sweep: None,
            awake: None,
            answers: MOST_ANSWERS,
            counted: Time::ZERO,
            initialized: false,
        }
    }
}

impl UdpBroadcastBootstrapper {
    /// The shortest time between two rounds to the likely ports, 30 seconds by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many beacons are sent in a second at most, to all LANs together; 1 to 10,000, by default 100.
    #[must_use]
    pub fn rate(mut self, beacons_per_second: u32) -> Self {
        self.rate = beacons_per_second.clamp(1, HIGHEST_RATE);
        self
    }

    /// Begins a round to the likely ports if it is time.
    fn begin_round(&mut self, now: Time) {
        if self.last_round.is_none_or(|last| now >= last + self.timeout) {
            self.last_round = Some(now);
            self.likely = 0;
        }
    }

    /// Goes on unless that is under way.
    fn go_on(&mut self, cx: &mut Context<'_>) {
        let now = cx.now();
        if !cx.broadcast_addresses().is_empty() && self.awake.is_none_or(|at| at < now) {
            self.send_batch(cx);
        }
    }

    fn send_batch(&mut self, cx: &mut Context<'_>) {
        self.awake = None;
        let lans = cx.broadcast_addresses().to_vec();
        if lans.is_empty() {
            return;
        }
        let bytes = beacon(cx.community_id());
        // In whole ports: a beacon for each LAN.
        let lan_count = u32::try_from(lans.len()).unwrap_or(1).max(1);
        let ports = (self.rate / BATCHES / lan_count).max(1);
        let likely = likely_ports(cx.lan().port());
        let mut sent = 0;
        for _ in 0..ports {
            let Some(port) = self.next_port(cx, &likely) else { break };
            for lan in &lans {
                cx.send_packet(SocketAddr::new(IpAddr::V4(*lan), port), bytes.to_vec());
                sent += 1;
            }
        }
        if sent > 0 {
            let pause = Duration::from_secs(1) * sent / self.rate;
            self.awake = Some(cx.now() + pause);
            cx.wake_bootstrappers(pause);
        }
    }

    fn next_port(&mut self, cx: &Context<'_>, likely: &[u16]) -> Option<u16> {
        if let Some(port) = likely.get(self.likely) {
            self.likely += 1;
            return Some(*port);
        }
        let now = cx.now();
        if cx.peer_count() > 0 || self.last_sweep.is_some_and(|last| now < last + SWEEP_PAUSE) {
            return None;
        }
        let port = nth_port(self.sweep);
        self.sweep += 1;
        if port.is_none() {
            self.sweep = 0;
            self.last_sweep = Some(now);
        }
        port
    }

    /// Takes the right to answer a beacon.
    fn may_answer(&mut self, now: Time) -> bool {
        let (waited, interval) = (now.since(self.counted).as_nanos(), ANSWER_INTERVAL.as_nanos());
        let earned = u32::try_from(waited / interval).unwrap_or(MOST_ANSWERS);
        if earned > 0 {
            self.answers = self.answers.saturating_add(earned).min(MOST_ANSWERS);
            self.counted = now;
        }
        self.answers.checked_sub(1).map(|left| self.answers = left).is_some()
    }
}

/// Our own port, the usual one, and the ports around them.
fn likely_ports(own: u16) -> Vec<u16> {
    // Without a port of our own there is nothing around it.
    let neighbours = if own == 0 { 0 } else { NEIGHBOURS };
    let around = (1..=neighbours).flat_map(|by| [own.checked_add(by), own.checked_sub(by)]).flatten();
    let usual = USUAL_PORT + 1..=USUAL_PORT + NEIGHBOURS;
    let mut ports = Vec::new();
    for port in [own, USUAL_PORT].into_iter().chain(around).chain(usual) {
        if port != 0 && !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// All ports but 0, in the order of how likely they are: ephemeral ones, others, those of system services.
fn nth_port(number: u16) -> Option<u16> {
    let ephemeral = u16::MAX - EPHEMERAL + 1;
    match number {
        _ if number < ephemeral => Some(EPHEMERAL + number),
        // From 1,024 up to the ephemeral ones, then from 1.
        _ => Some(number - ephemeral + UNPRIVILEGED).filter(|port| *port < EPHEMERAL).or_else(|| {
            let port = number - ephemeral - (EPHEMERAL - UNPRIVILEGED) + 1;
            Some(port).filter(|port| *port < UNPRIVILEGED)
        }),
    }
}

impl Bootstrapper for UdpBroadcastBootstrapper {
    fn name(&self) -> &'static str {
        "UDPBroadcastBootstrapper"
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        self.initialized = true;
        self.counted = cx.now();
        self.begin_round(cx.now());
        self.go_on(cx);
    }

    fn bootstrap(&mut self, cx: &mut Context<'_>) {
        self.begin_round(cx.now());
        self.go_on(cx);
    }

    fn is_initialized(&self) -> bool {
        self.initialized
    }

    fn keep_alive(&mut self, cx: &mut Context<'_>) {
        self.begin_round(cx.now());
        self.go_on(cx);
    }

    fn woken(&mut self, cx: &mut Context<'_>) {
        // Another bootstrapper may have asked for it.
        if self.awake.is_some_and(|at| at <= cx.now()) {
            if cx.peer_count() == 0 {
                self.begin_round(cx.now());
            }
            self.send_batch(cx);
        }
    }

    fn beacon(&mut self, cx: &mut Context<'_>, from: SocketAddr) {
        let ours = cx.is_own_address(from.ip()) && from.port() == cx.lan().port();
        let service = cx.community_id();
        let known = cx.network().by_address(from).is_some_and(|record| record.services().contains(&service));
        if !ours && !known && !cx.is_over_peer_limit() && self.may_answer(cx.now()) {
            tracing::debug!(community = cx.name(), %from, "walking to where a beacon came from");
            cx.walk_to(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_sweep_tries_every_port_once() {
        let all: Vec<u16> = (0..=u16::MAX).map_while(nth_port).collect();
        assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (65_535, 65_535));
        assert_eq!((all.first(), all.last()), (Some(&EPHEMERAL), Some(&(UNPRIVILEGED - 1))));
    }

    #[test]
    fn likely_ports_are_our_own_the_usual_one_and_those_around() {
        assert_eq!(likely_ports(8_092)[..4], [8_092, 8_090, 8_093, 8_091]);
        assert!(likely_ports(20_000).contains(&8_098) && likely_ports(20_000).contains(&19_992));
        assert!(!likely_ports(3).contains(&0));
        assert_eq!(likely_ports(0)[..2], [8_090, 8_091]);
        assert!((17..=26).contains(&likely_ports(u16::MAX).len()));
    }
}
