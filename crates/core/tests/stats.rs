//! What is counted: for each overlay and message, and in all.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ipv8_core::{
    Community, Context, DropReason, Handle, Interfaces, Node, NodeConfig, OverlayConfig, Peer, Routes, StatsReport,
    Time,
    crypto::{Curve, PrivateKey, PublicKey, Verifier},
    stats::{Counts, MessageStats, OverlayStats},
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    value: u32,
    identifier: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    value: u32,
    identifier: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 3, unsigned)]
struct Shout {
    value: u32,
}

/// Answers questions, but panics when it is asked for 13.
#[derive(Default)]
struct Quiz;

impl Community for Quiz {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, cx: &mut Context<'_>, from: &Peer, m: Question| {
            assert_ne!(m.value, 13, "on purpose");
            cx.send(from, Answer { value: m.value, identifier: m.identifier });
        });
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &SocketAddr, _: Shout| ());
        r.reply::<Answer>();
    }
}

#[derive(Default)]
struct Other;

impl Community for Other {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a6");

    fn routes(r: &mut Routes<Self>) {
        r.on(|_: &mut Self, _: &mut Context<'_>, _: &SocketAddr, _: Shout| ());
    }
}

fn key(number: u8) -> PrivateKey {
    PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap()
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, number], 8090))
}

fn seconds(seconds: u64) -> Time {
    Time::from_duration(Duration::from_secs(seconds))
}

fn node_of(number: u8, config: NodeConfig) -> (Node, Handle<Quiz>) {
    let node = Node::new(config);
    let SocketAddr::V4(v4) = address(number) else { panic!("made as IPv4") };
    node.set_interfaces(Interfaces { lan: Some(v4.into()), v4: Some(v4), v6: None, machine: vec![(*v4.ip()).into()] });
    let quiz = node.load(Quiz).unwrap();
    (node, quiz)
}

fn node(number: u8) -> (Node, Handle<Quiz>) {
    node_of(number, NodeConfig::new(key(number), [number; 32]))
}

/// A packet that node 2 makes.
fn packet(make: impl FnOnce(&mut Context<'_>) -> Vec<u8>) -> Vec<u8> {
    node(2).1.with(|_, cx| make(cx)).unwrap()
}

fn question(value: u32) -> Vec<u8> {
    packet(|cx| cx.pack(Question { value, identifier: 7 }).unwrap())
}

fn shout(of: CommunityId) -> Vec<u8> {
    packet(|cx| cx.pack_as(of, &key(2), None, &Shout { value: 1 }).unwrap())
}

fn hand_in(node: &Node, now: u64, packets: &[&[u8]]) -> Vec<Vec<u8>> {
    node.handle(seconds(now), packets.iter().map(|packet| (address(2), *packet)));
    std::iter::from_fn(|| node.poll_transmit()).map(|sent| sent.bytes).collect()
}

fn quiz_of(report: &StatsReport) -> &OverlayStats {
    report.overlay(Quiz::ID).unwrap()
}

fn drops(message: &MessageStats) -> Vec<(DropReason, u64)> {
    message.drops().collect()
}

fn packets_and_bytes(counts: Counts) -> (u64, u64) {
    (counts.packets, counts.bytes)
}

/// Whatever happened, totals are the sums of what they are totals of.
fn adds_up(node: &Node) {
    let report = node.report();
    let mut sum = report.unloaded.clone();
    for overlay in &report.overlays {
        sum += &overlay.total();
    }
    let totals = &report.totals;
    assert_eq!(totals.received, totals.delivered + totals.discarded);
    assert_eq!(totals.received, sum.received.packets + totals.dropped(DropReason::Prefix));
    assert_eq!(totals.received_bytes, sum.received.bytes + totals.unknown_bytes);
    assert_eq!((totals.sent, totals.sent_bytes), packets_and_bytes(sum.sent));
    assert_eq!((totals.delivered, totals.verified, totals.panics), (sum.delivered, sum.verified, sum.panics));
    for reason in DropReason::ALL.into_iter().filter(|reason| *reason != DropReason::Prefix) {
        assert_eq!(totals.dropped(reason), sum.dropped(reason), "{reason:?}");
    }
}

#[test]
fn packets_and_bytes_are_counted_for_each_message() {
    let (node, _) = node(1);
    let (question, shout) = (question(1), shout(Quiz::ID));
    let answers = hand_in(&node, 3, &[&question, &question, &shout]);
    assert_eq!(answers.len(), 2);
    hand_in(&node, 5, &[&question]);
    let report = node.report();
    let quiz = quiz_of(&report);
    let ids: Vec<_> = quiz.messages.iter().map(|message| (message.id, message.name)).collect();
    assert_eq!(ids, [(Some(1), Some("Question")), (Some(2), Some("Answer")), (Some(3), Some("Shout"))]);

    let asked = quiz.message(1).unwrap();
    let bytes = u64::try_from(question.len()).unwrap();
    assert_eq!(packets_and_bytes(asked.received), (3, 3 * bytes));
    assert_eq!((asked.received.first(), asked.received.last()), (Some(seconds(3)), Some(seconds(5))));
    assert_eq!((asked.delivered, asked.verified, asked.sent.first()), (3, 3, None));

    let answered = quiz.message(2).unwrap();
    assert_eq!(packets_and_bytes(answered.sent), (3, 3 * u64::try_from(answers[0].len()).unwrap()));
    assert_eq!((answered.sent.first(), answered.sent.last()), (Some(seconds(3)), Some(seconds(5))));
    assert_eq!(quiz.message(3).unwrap().verified, 0, "it is not signed");
    adds_up(&node);
}

#[test]
fn an_overlay_counts_its_own_messages_only() {
    let (node, _) = node(1);
    node.load(Other).unwrap();
    hand_in(&node, 0, &[&shout(Other::ID), &shout(Other::ID), &shout(Quiz::ID)]);
    let report = node.report();
    assert_eq!(report.overlay(Other::ID).unwrap().message(3).unwrap().received.packets, 2);
    assert_eq!(quiz_of(&report).message(3).unwrap().received.packets, 1);
    adds_up(&node);
}

#[test]
fn what_is_of_no_community_is_counted_on_the_node() {
    let (node, _) = node(1);
    hand_in(&node, 0, &[&shout(Other::ID), &[1, 2, 3]]);
    let totals = node.report().totals;
    assert_eq!(totals.dropped(DropReason::Prefix), 2);
    assert_eq!(totals.unknown_bytes, u64::try_from(shout(Other::ID).len()).unwrap() + 3);
    adds_up(&node);
}

#[test]
fn packets_that_come_raw_are_counted_by_their_id() {
    let (node, quiz) = node(1);
    let raw = [shout(Quiz::ID)[..22].to_vec(), vec![77, 1, 2]].concat();
    quiz.with(|_, cx| cx.send_packet(address(2), raw.clone())).unwrap();
    hand_in(&node, 0, &[&raw, &raw[..22]]);
    let report = node.report();
    let unknown = quiz_of(&report).message(77).unwrap();
    assert_eq!((unknown.name, packets_and_bytes(unknown.sent)), (None, (1, 25)));
    assert_eq!(drops(unknown), [(DropReason::UnknownMessage, 1)]);
    let without_id = &quiz_of(&report).messages[0];
    assert_eq!((without_id.id, drops(without_id)), (None, vec![(DropReason::NoMessageId, 1)]));
    adds_up(&node);
}

#[test]
fn drops_are_counted_for_the_message_that_was_dropped() {
    let (node, _) = node(1);
    let mut forged = question(1);
    *forged.last_mut().unwrap() ^= 1;
    let late = packet(|cx| cx.pack(Answer { value: 1, identifier: 9 }).unwrap());
    hand_in(&node, 0, &[&forged, &question(1)[..40], &late, &shout(Quiz::ID)[..24]]);
    let report = node.report();
    let quiz = quiz_of(&report);
    assert_eq!(drops(quiz.message(1).unwrap()), [(DropReason::Format, 1), (DropReason::Signature, 1)]);
    assert_eq!(drops(quiz.message(2).unwrap()), [(DropReason::Unsolicited, 1)]);
    assert_eq!(drops(quiz.message(3).unwrap()), [(DropReason::Format, 1)]);
    assert_eq!((report.totals.delivered, report.totals.discarded), (0, 4), "what a handler drops is not delivered");
    adds_up(&node);
}

#[test]
fn requests_over_the_peer_limit_are_not_delivered() {
    let node = Node::new(NodeConfig::new(key(1), [1; 32]));
    let _quiz = node.load(OverlayConfig::new(Quiz).max_peers(ipv8_core::MaxPeers::Limit(1))).unwrap();
    for number in 2..5 {
        let (walker, quiz) = self::node(number);
        quiz.with(|_, cx| cx.walk_to(address(1))).unwrap();
        walker.poll(Time::ZERO);
        let request = walker.poll_transmit().unwrap().bytes;
        node.handle(Time::ZERO, [(address(number), request.as_slice())]);
    }
    while node.poll_transmit().is_some() {}
    let report = node.report();
    let request = quiz_of(&report).message(246).unwrap();
    assert_eq!((request.received.packets, request.delivered), (3, 2));
    assert_eq!(drops(request), [(DropReason::PeerLimit, 1)]);
    adds_up(&node);
}

#[test]
fn a_message_that_cannot_be_sent_is_counted_for_its_overlay() {
    let (node, quiz) = node(1);
    let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
    quiz.with(|_, cx| cx.send_to(nowhere, Shout { value: 1 })).unwrap();
    hand_in(&node, 0, &[]);
    let report = node.report();
    let shout = quiz_of(&report).message(3).unwrap();
    assert_eq!((drops(shout), shout.sent.packets), (vec![(DropReason::NoAddress, 1)], 0));
    adds_up(&node);
}

#[test]
fn panics_are_counted_where_they_happen() {
    let (node, quiz) = node(1);
    hand_in(&node, 0, &[&question(13), &question(1)]);
    quiz.with(|_, cx| cx.spawn(async { panic!("on purpose") })).unwrap();
    hand_in(&node, 0, &[]);
    let report = node.report();
    let quiz = quiz_of(&report);
    assert_eq!((quiz.message(1).unwrap().panics, quiz.total().panics, report.totals.panics), (1, 2, 2));
    adds_up(&node);
}

#[test]
fn what_an_unloaded_overlay_counted_is_kept_as_a_sum() {
    let (node, quiz) = node(1);
    node.load(Other).unwrap();
    hand_in(&node, 0, &[&question(1), &shout(Other::ID)]);
    node.unload(&quiz).unwrap();
    hand_in(&node, 0, &[&question(1)]);
    let report = node.report();
    assert!(report.overlay(Quiz::ID).is_none());
    assert_eq!((report.unloaded.received.packets, report.unloaded.sent.packets), (1, 1));
    assert_eq!(report.totals.dropped(DropReason::Prefix), 1, "it is not there any more");
    adds_up(&node);
}

#[test]
fn all_message_ids_at_once_are_counted_and_no_more() {
    let (node, _) = node(1);
    let start = shout(Quiz::ID)[..22].to_vec();
    for _ in 0..3 {
        for id in 0..=255 {
            hand_in(&node, 0, &[&[start.as_slice(), &[id]].concat()]);
        }
        hand_in(&node, 0, &[&start]);
    }
    let report = node.report();
    assert_eq!(quiz_of(&report).messages.len(), 257);
    assert!(quiz_of(&report).messages.iter().all(|message| message.received.packets == 3));
    adds_up(&node);
}

/// Takes a millisecond for each signature, by a clock that a test can see.
struct Slow(Arc<AtomicU64>);

impl Verifier for Slow {
    fn verify(&mut self, jobs: &[ipv8_core::crypto::Job<'_>], verdicts: &mut Vec<bool>) {
        self.0.fetch_add(1_000_000 * u64::try_from(jobs.len()).unwrap(), Ordering::SeqCst);
        verdicts.clear();
        verdicts.extend(jobs.iter().map(|job| PublicKey::verify(job.key, job.message, job.signature)));
    }
}

#[test]
fn the_time_of_a_batch_is_shared_among_its_signatures() {
    let clock = Arc::new(AtomicU64::new(0));
    let mut config = NodeConfig::new(key(1), [1; 32]);
    config.verifier = Box::new(Slow(clock.clone()));
    config.clock = Some(Arc::new(move || Time::from_nanos(clock.load(Ordering::SeqCst))));
    let (node, _) = node_of(1, config);
    let answer = packet(|cx| cx.pack(Answer { value: 1, identifier: 9 }).unwrap());
    hand_in(&node, 0, &[&question(1), &shout(Quiz::ID), &answer, &question(2)]);
    let report = node.report();
    let times: Vec<_> = quiz_of(&report).messages.iter().map(MessageStats::verify_time).collect();
    assert_eq!(times, [Duration::from_millis(2), Duration::from_millis(1), Duration::ZERO]);
    assert_eq!(report.totals.verify_time, Duration::from_millis(3));
    adds_up(&node);
}

#[test]
fn queues_are_told_with_the_most_that_they_held() {
    let (node, quiz) = node(1);
    quiz.with(|_, cx| (0..5).for_each(|value| cx.send_to(address(2), Shout { value }))).unwrap();
    node.poll(Time::ZERO);
    let queues = node.report().queues;
    assert_eq!((queues.outbox, queues.outbox_peak), (5, 5));
    hand_in(&node, 0, &[]);
    quiz.with(|_, cx| cx.spawn(std::future::pending::<()>())).unwrap();
    let queues = node.report().queues;
    assert_eq!((queues.outbox, queues.outbox_peak, queues.tasks), (0, 5, 1));
}

#[test]
fn what_the_driver_counts_is_reported() {
    let (node, _) = node(1);
    let counters = node.driver_counters();
    assert_eq!(node.report().driver.kernel_drops, None, "nobody said that there were none");
    counters.set_kernel_drops(4);
    counters.set_waiting(9);
    counters.set_waiting(2);
    counters.count_not_sent();
    let driver = node.report().driver;
    assert_eq!((driver.kernel_drops, driver.waiting, driver.waiting_peak, driver.not_sent), (Some(4), 2, 9, 1));
}

#[test]
fn the_report_is_a_table_with_a_line_for_each_message() {
    let (node, _) = node(1);
    let mut forged = question(1);
    *forged.last_mut().unwrap() ^= 1;
    hand_in(&node, 61, &[&question(1), &forged, &[0; 30]]);
    let table = node.report().to_string();
    let expected = format!(
        "\
node       up 61 s, 1 turns, 0 panics, 0 timeouts, 0 retries
received   3 ({0} bytes, 30 of them of no community here): 1 delivered, 2 dropped, unknown by the kernel, 0 crowded out
sent       1 ({1} bytes), 0 refused by the system
signatures 2 checked in 0.000 ms, 1 made
dropped    prefix 1, signature 1
queues     to send 0 (most 1), at the sockets 0 (most 0), tasks 0, requests 0, caches 0, timers 0, names 0

Quiz (0 peers)              received        bytes      sent        bytes   checked         ms  dropped
    1 Question                     2          {2}         0            0         2      0.000  signature 1
    2 Answer                       0            0         1          {1}         0      0.000
  all                              2          {2}         1          {1}         2      0.000  signature 1
",
        question(1).len() * 2 + 30,
        question(1).len(),
        question(1).len() * 2,
    );
    assert_eq!(table, expected);
}
