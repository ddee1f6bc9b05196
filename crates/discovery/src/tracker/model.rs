//! Compares the members of a tracker with a plain list of them, over random requests, answers and times.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use ipv8_core::{Time, messages::NO_ADDRESS};
use ipv8_crypto::Mid;
use ipv8_wire::CommunityId;
use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};

use super::{
    TrackerLimits,
    members::{Members, Outcome, Seen},
};

const LIMITS: TrackerLimits =
    TrackerLimits { peers: 5, communities: 4, peers_in_all: 12, peers_of_host: 6, peers_of_host_in_one: 3 };

#[derive(Clone, Debug)]
enum Step {
    /// A peer asks in a community, from a host of a family, and answers there if it is asked.
    Ask { community: u8, peer: u8, host: u8, v6: bool, answers: bool },
    /// Time passes, and of those that are asked every so many answers.
    Wait { seconds: u64, answers: usize, full: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 0..8_u8, 0..5_u8, any::<bool>(), any::<bool>())
            .prop_map(|(community, peer, host, v6, answers)| Step::Ask { community, peer, host, v6, answers }),
        1 => (1..40_u64, 1..4_usize, any::<bool>())
            .prop_map(|(seconds, answers, full)| Step::Wait { seconds, answers, full }),
    ]
}

fn address(host: u8, peer: u8, v6: bool) -> SocketAddr {
    let port = 1_000 + u16::from(peer);
    if v6 {
        SocketAddr::from(([0x2001, 0xDB8, 0, host.into(), 0, 0, 0, peer.into()], port))
    } else {
        SocketAddr::from(([198, 51, 100, host], port))
    }
}

fn community(number: u8) -> CommunityId {
    CommunityId([number; 20])
}

/// All members, by community, oldest first; checks what must always hold.
fn listed(members: &Members) -> BTreeMap<CommunityId, Vec<(Mid, SocketAddr)>> {
    let mut all = BTreeMap::new();
    for (id, count) in members.communities() {
        let of: Vec<_> = members.of(id).collect();
        assert_eq!(of.len(), count);
        assert!((1..=LIMITS.peers).contains(&count));
        all.insert(id, of);
    }
    assert!(all.len() <= LIMITS.communities);
    let count: usize = all.values().map(Vec::len).sum();
    assert_eq!(members.len(), count);
    assert!(count <= LIMITS.peers_in_all);

    // Pages list the same, each once.
    let (mut pages, mut from) = (BTreeSet::new(), Some(0));
    while let Some(place) = from {
        let (page, next) = members.page(place, 3);
        for member in page {
            assert!(pages.insert((member.community, member.mid, member.address)));
        }
        from = next;
    }
    assert_eq!(pages, all.iter().flat_map(|(id, of)| of.iter().map(|(mid, at)| (*id, *mid, *at))).collect());

    // No host has more places than it may.
    let mut hosts: BTreeMap<_, BTreeMap<CommunityId, usize>> = BTreeMap::new();
    for (id, _, address) in &pages {
        let host = match address {
            SocketAddr::V4(v4) => u16::from(v4.ip().octets()[3]),
            SocketAddr::V6(v6) => 1_000 + v6.ip().segments()[3],
        };
        *hosts.entry(host).or_default().entry(*id).or_default() += 1;
    }
    for places in hosts.values() {
        assert!(places.values().sum::<usize>() <= LIMITS.peers_of_host);
        assert!(places.values().all(|count| *count <= LIMITS.peers_of_host_in_one));
    }
    all
}

/// Whoever is not the asker, and at a family that counts, is drawn at some time, and nobody else.
fn check_choice(members: &Members, all: &BTreeMap<CommunityId, Vec<(Mid, SocketAddr)>>) {
    let mut rng = StdRng::from_seed([3; 32]);
    for (id, of) in all {
        for families in [[true, false], [false, true], [true, true]] {
            let asker = of[0].0;
            let [v4, v6] = families;
            let fits = |at: &SocketAddr| if at.is_ipv4() { v4 } else { v6 };
            let expected: BTreeSet<_> =
                of.iter().filter(|(mid, at)| *mid != asker && fits(at)).map(|(_, at)| *at).collect();
            let drawn: BTreeSet<_> = (0..100)
                .filter_map(|_| members.choose(&mut rng, *id, &asker, families).map(|member| member.address))
                .collect();
            assert_eq!(drawn, expected, "{families:?}");
        }
    }
}

proptest! {
    // Each case is many steps, and after each of them everything is compared.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn members_are_within_limits_and_found(steps in proptest::collection::vec(step(), 1..120)) {
        let mut members = Members::new(LIMITS);
        let mut now = Time::ZERO;
        // When each was heard of last.
        let mut heard: BTreeMap<(CommunityId, Mid, bool), Time> = BTreeMap::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Ask { community: number, peer, host, v6, answers } => {
                    let (id, mid) = (community(number), Mid([peer; 20]));
                    let address = address(host, peer, v6);
                    let seen = Seen { address, lan: NO_ADDRESS, new_style: v6, at: now };
                    let before = listed(&members);
                    let outcome = members.remember(id, mid, seen);
                    let after = listed(&members);
                    let newest = after.get(&id).and_then(|of| of.last().copied());
                    match outcome {
                        Outcome::Member => {
                            prop_assert_eq!(newest, Some((mid, address)), "the newest is the last one");
                            heard.insert((id, mid, v6), now);
                            // Of the others, at most one community or one member went.
                            let gone = before.iter().filter(|(other, _)| !after.contains_key(other)).count();
                            prop_assert!(gone <= 1);
                        }
                        Outcome::HostIsFull => {
                            prop_assert!(!after.get(&id).is_some_and(|of| of.contains(&(mid, address))));
                        }
                        Outcome::Elsewhere(question) => {
                            prop_assert_eq!(&after, &before, "nothing changes before it answered");
                            if let Some(question) = question.filter(|_| answers) {
                                members.challenged(&question, 7);
                                prop_assert!(!members.answered(id, &mid, (address, 8), false, now));
                                prop_assert!(members.answered(id, &mid, (address, 7), false, now));
                                prop_assert!(!members.answered(id, &mid, (address, 7), false, now), "once");
                                let of = listed(&members).remove(&id).unwrap_or_default();
                                let there = of.iter().find(|(other, at)| *other == mid && at.is_ipv6() == v6);
                                // Unless its new host has no place for it.
                                prop_assert!(there.is_none_or(|there| *there == (mid, address)));
                                heard.insert((id, mid, v6), now);
                            }
                        }
                    }
                }
                Step::Wait { seconds, answers, full } => {
                    for _ in 0..seconds {
                        now = now + Duration::from_secs(1);
                        let questions = members.churn(now, 100);
                        for (number, question) in questions.iter().enumerate() {
                            let identifier = u16::try_from(number).unwrap();
                            members.asked(question, identifier);
                            let there = members.of(question.community).find(|(_, at)| *at == question.address);
                            let (mid, _) = there.expect("only members are asked");
                            if number.is_multiple_of(answers) {
                                let wrong = (question.address, identifier + 1);
                                prop_assert!(!members.answered(question.community, &mid, wrong, true, now));
                                let right = (question.address, identifier);
                                prop_assert!(members.answered(question.community, &mid, right, full, now));
                                prop_assert!(!members.answered(question.community, &mid, right, full, now), "once");
                                heard.insert((question.community, mid, question.address.is_ipv6()), now);
                            }
                        }
                        for (id, of) in listed(&members) {
                            for (mid, at) in of {
                                let silent = now.since(heard[&(id, mid, at.is_ipv6())]);
                                prop_assert!(silent < Duration::from_secs(58 + 1), "{silent:?}");
                            }
                        }
                    }
                }
            }
            if number.is_multiple_of(10) {
                check_choice(&members, &listed(&members));
            }
        }
        // In the end all fall silent, and nothing is left.
        for second in 1..=60 {
            members.churn(now + Duration::from_secs(second), 100);
        }
        prop_assert_eq!(members.len(), 0);
        prop_assert!(members.is_clean());
    }
}
