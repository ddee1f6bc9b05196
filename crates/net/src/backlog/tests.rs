use proptest::prelude::*;

use super::*;

fn host(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, 100, number], 4_000))
}

/// A host of a network of its own.
fn elsewhere(number: u16) -> SocketAddr {
    let [high, low] = number.to_be_bytes();
    SocketAddr::from(([20, high, low, 1], 4_000))
}

fn take(backlog: &mut Backlog, most: usize) -> Vec<Datagram> {
    let mut taken = Vec::new();
    backlog.take(most, &mut taken);
    taken
}

fn count_of(backlog: &Backlog, source: SocketAddr) -> usize {
    backlog.queues.get(&Sender::of(source)).map_or(0, |queue| queue.datagrams.len())
}

#[test]
fn everybody_is_served_in_turn_and_in_order() {
    let mut backlog = Backlog::default();
    for (who, what) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (2, 21)] {
        assert_eq!(backlog.push(host(who), &[what]), 0);
    }
    let order: Vec<_> = take(&mut backlog, 5).into_iter().map(|(_, bytes)| bytes[0]).collect();
    assert_eq!(order, [10, 20, 30, 11, 21]);
    assert_eq!(take(&mut backlog, 5).len(), 1);
    assert!(backlog.is_empty());
}

#[test]
fn a_flood_takes_room_from_itself_only() {
    let mut backlog = Backlog::default();
    let mut dropped = 0;
    for number in 0..10_000_u32 {
        dropped += backlog.push(host(1), &number.to_be_bytes());
        if number % 1_000 == 0 {
            dropped += backlog.push(host(2), b"honest");
        }
    }
    assert_eq!(backlog.len(), MOST);
    assert_eq!(dropped + backlog.len(), 10_000 + 10);
    let honest = take(&mut backlog, 20).iter().filter(|(source, _)| *source == host(2)).count();
    assert_eq!(honest, 10, "every second one, until there are no more");
}

#[test]
fn large_datagrams_take_no_room_from_many_small_ones() {
    let mut backlog = Backlog::default();
    for number in 0..1_000_u32 {
        assert_eq!(backlog.push(host(1), &number.to_be_bytes()), 0);
    }
    for _ in 0..200 {
        backlog.push(elsewhere(1), &[0; 65_000]);
    }
    assert_eq!(count_of(&backlog, host(1)), 1_000);
    // Nor in a network of both.
    for _ in 0..200 {
        backlog.push(host(2), &[0; 65_000]);
    }
    assert_eq!(count_of(&backlog, host(1)), 1_000);
}

#[test]
fn many_hosts_of_one_network_do_not_keep_others_out() {
    let mut backlog = Backlog::default();
    let flood = |number: u32| {
        let [_, _, high, low] = number.to_be_bytes();
        SocketAddr::from(([0x2001, 0xdb8, 1, u16::from(high) << 8 | u16::from(low), 0, 0, 0, 1], 4_000))
    };
    for number in 0..5_000 {
        backlog.push(flood(number), b"flood");
    }
    assert_eq!(backlog.len(), MOST);
    for number in 0..100 {
        assert_eq!(backlog.push(elsewhere(number), b"honest"), 1);
        assert_eq!(count_of(&backlog, elsewhere(number)), 1);
    }
}

#[test]
fn among_more_networks_than_places_newcomers_have_their_share() {
    let mut backlog = Backlog::default();
    let networks = u16::try_from(2 * MOST).unwrap();
    for number in 0..networks {
        backlog.push(elsewhere(number), b"x");
    }
    assert_eq!(backlog.len(), MOST);
    let late = (networks - networks / 4..networks).filter(|number| count_of(&backlog, elsewhere(*number)) == 1).count();
    // Half of them, give or take ten standard deviations.
    let (expected, margin) = (MOST / 4, 230);
    assert!(late.abs_diff(expected) < margin, "{late} of the last {} are left", networks / 4);
}

#[test]
fn it_is_full_of_one_before_that_one_loses_anything() {
    for size in [100, 65_000] {
        let mut backlog = Backlog::default();
        while !backlog.is_full_of_one() {
            assert_eq!(backlog.push(host(1), &vec![0; size]), 0);
        }
        backlog.push(host(2), b"another");
        assert!(!backlog.is_full_of_one());
    }
}

#[test]
fn ports_of_a_host_share_a_queue_and_sockets_of_one_machine_do_not() {
    let of = |text: &str| Sender::of(text.parse().unwrap());
    assert_eq!(of("198.51.100.1:1"), of("198.51.100.1:2"));
    assert_eq!(of("[2001:db8::1]:1"), of("[2001:db8::2]:2"));
    assert_ne!(of("[2001:db8:0:1::1]:1"), of("[2001:db8:0:2::1]:1"));
    assert_ne!(of("127.0.0.1:1"), of("127.0.0.1:2"));
    assert_ne!(of("192.168.1.1:1"), of("192.168.1.1:2"));
    let network = |text: &str| of(text).network();
    assert_eq!(network("198.51.100.1:1"), network("198.51.100.2:1"));
    assert_ne!(network("198.51.100.1:1"), network("198.51.101.1:1"));
    assert_eq!(network("[2001:db8:0:1::1]:1"), network("[2001:db8:0:2::1]:1"));
    assert_ne!(network("[2001:db8:1::1]:1"), network("[2001:db8:2::1]:1"));
    assert_ne!(network("192.168.1.1:1"), network("192.168.1.1:2"));
}

/// Six hosts in three networks.
fn somebody(number: u8) -> SocketAddr {
    SocketAddr::from(([198, 51, number % 3, number], 4_000))
}

fn loads(backlog: &Backlog) -> BTreeMap<Sender, Load> {
    backlog.queues.iter().map(|(sender, queue)| (*sender, queue.load)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nothing_is_lost_or_made_up(steps in prop::collection::vec((0..6_u8, 0..3_000_usize, 0..8_u8), 0..6_000)) {
        let (mut backlog, mut pushed, mut gone) = (Backlog::default(), 0, 0);
        let mut taken = Vec::new();
        for (who, size, what) in steps {
            if what == 0 {
                backlog.take(3, &mut taken);
                gone += taken.len();
                backlog.take_back(&mut taken);
            } else {
                pushed += 1;
                gone += backlog.push(somebody(who), &vec![0; size]);
            }
            prop_assert_eq!(backlog.len(), pushed - gone);
            prop_assert!(backlog.len() <= MOST && backlog.load.bytes <= MOST_BYTES);
        }
        let queues = backlog.queues.values();
        prop_assert_eq!(queues.map(|queue| queue.datagrams.len()).sum::<usize>(), backlog.len());
        prop_assert_eq!(backlog.queues.len(), backlog.turns.len());
        prop_assert_eq!(backlog.networks.len(), backlog.ranking.len());
        prop_assert_eq!(backlog.networks.values().map(|network| network.senders.len()).sum::<usize>(), backlog.queues.len());
        let bytes = |queue: &Queue| queue.datagrams.iter().map(|(_, bytes)| bytes.len()).sum::<usize>();
        prop_assert!(backlog.queues.values().all(|queue| bytes(queue) == queue.load.bytes));
    }

    /// Either the newcomer goes and nobody else, or one who has at least as much: the first in a network that has at least
    /// as much as the newcomer's.
    #[test]
    fn who_has_most_loses(
        common in prop_oneof![0..20_usize, 1_000..3_000_usize, 30_000..65_000_usize],
        steps in prop::collection::vec((0..6_u8, prop::option::of(0..65_000_usize)), 1..200),
    ) {
        let mut backlog = Backlog::default();
        // Full of one kind, of one byte or of many.
        for number in 0..u8::MAX {
            for _ in 0..17 {
                backlog.push(somebody(number % 5), &vec![0; common]);
            }
        }
        for (who, size) in steps {
            let bytes = vec![0; size.unwrap_or(common)];
            let sender = Sender::of(somebody(who));
            let (before, total) = (loads(&backlog), backlog.load);
            let measure = |load: Load| if total.bytes + bytes.len() > MOST_BYTES { load.bytes } else { load.datagrams };
            let of_network = |of: Sender| {
                let same = before.iter().filter(|(sender, _)| sender.network() == of.network());
                same.fold(Load::default(), |sum, (_, load)| sum + *load)
            };
            let more = Load { datagrams: 1, bytes: bytes.len() };
            let dropped = backlog.push(somebody(who), &bytes);
            let after = loads(&backlog);
            if after == before {
                prop_assert_eq!(dropped, 1);
                let own = before.get(&sender).copied().unwrap_or_default() + more;
                for other in before.keys().filter(|other| **other != sender) {
                    if other.network() == sender.network() {
                        prop_assert!(measure(before[other]) <= measure(own), "{other:?} has more");
                    }
                    prop_assert!(measure(of_network(*other)) <= measure(of_network(sender) + more));
                }
            } else {
                let has = |of: &Sender| after.get(of).copied().unwrap_or_default();
                let losers: Vec<_> = before.iter().filter(|(of, load)| **of != sender && has(of) != **load).collect();
                prop_assert_eq!(losers.is_empty(), dropped == 0);
                prop_assert_eq!(has(&sender), before.get(&sender).copied().unwrap_or_default() + more);
                for (loser, _) in losers {
                    prop_assert!(
                        measure(of_network(*loser)) >= measure(of_network(sender)) + usize::from(loser.network() != sender.network()) * measure(more)
                    );
                }
            }
        }
    }
}
