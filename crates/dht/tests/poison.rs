//! Names that liars give hide nobody whom others name as well.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_core::{
    Peer,
    crypto::{Curve, PrivateKey, PublicKey},
};
use ipv8_dht::crawl::{Answer, Contact, Crawl};
use rand::{SeedableRng, rngs::StdRng};

fn keys(count: usize) -> Vec<PublicKey> {
    let mut rng = StdRng::from_seed([9; 32]);
    (0..count).map(|_| PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap().public().clone()).collect()
}

fn at(key: &PublicKey, address: &str) -> Contact {
    Contact::new(Peer::new(key.clone(), address.parse().unwrap()))
}

/// A search for what the holder is closest to, in which a liar and an honest node are known.
struct Search {
    crawl: Crawl,
    liars: Vec<Contact>,
    honest: Contact,
}

impl Search {
    fn new(keys: &[PublicKey], target: &Contact, liars: usize) -> Self {
        let liars: Vec<_> = (0..liars).map(|number| at(&keys[number], &format!("80.1.{number}.1:7"))).collect();
        let honest = at(&keys[liars.len()], "80.2.2.1:7");
        let crawl = Crawl::new(target.id.0, liars.iter().cloned().chain([honest.clone()]));
        Self { crawl, liars, honest }
    }

    fn names(&mut self, node: &Contact, named: &[Contact]) {
        self.crawl.take(|todo| todo.node == *node).unwrap();
        self.crawl.answered(node.clone(), Answer::Nodes(named.iter().cloned().map(Some).collect()));
    }

    fn liars_name(&mut self, named: &[Contact]) {
        for liar in self.liars.clone() {
            self.names(&liar, named);
        }
    }

    fn honest_names(&mut self, named: &Contact) {
        self.names(&self.honest.clone(), std::slice::from_ref(named));
    }

    /// Asks all that are left one after the other, those that are believed first. Only some answer.
    fn asked(&mut self, answering: &[&Contact]) -> Vec<Contact> {
        let mut asked = Vec::new();
        loop {
            let believed: Vec<_> = self.crawl.todo().iter().filter(|todo| self.crawl.is_believed(todo)).collect();
            let believed: Vec<_> = believed.into_iter().map(|todo| todo.node.clone()).collect();
            let Some(todo) = self.crawl.take(|todo| believed.is_empty() || believed.contains(&todo.node)) else {
                return asked;
            };
            asked.push(todo.node.clone());
            if answering.contains(&&todo.node) {
                self.crawl.answered(todo.node, Answer::Nodes(Vec::new()));
            } else {
                self.crawl.is_late(&todo.node);
                self.crawl.was_silent();
            }
        }
    }
}

/// Addresses that begin ids alike: what counts of them is the same.
const ALIKE: [&str; 4] = ["1.2.3.4:7", "5.18.67.4:7", "9.34.131.4:7", "13.50.195.4:7"];

#[test]
fn who_is_named_at_a_wrong_address_is_asked_at_its_own() {
    let keys = keys(8);
    let (holder, wrong) = (at(&keys[7], ALIKE[0]), at(&keys[7], ALIKE[1]));
    assert_eq!(holder.id, wrong.id);
    let mut search = Search::new(&keys, &holder, 1);
    search.liars_name(std::slice::from_ref(&wrong));
    search.honest_names(&holder);
    assert!(search.asked(&[&holder]).contains(&holder));
}

#[test]
fn who_was_silent_at_a_wrong_address_is_asked_at_its_own() {
    let keys = keys(8);
    let (holder, wrong) = (at(&keys[7], ALIKE[0]), at(&keys[7], ALIKE[1]));
    let mut search = Search::new(&keys, &holder, 1);
    search.liars_name(std::slice::from_ref(&wrong));
    search.crawl.take(|todo| todo.node == wrong).unwrap();
    search.crawl.is_late(&wrong);
    search.crawl.was_silent();
    search.honest_names(&holder);
    assert_eq!(search.asked(&[&holder]), [holder]);
}

#[test]
fn many_who_name_wrong_addresses_hide_nobody() {
    let keys = keys(8);
    let holder = at(&keys[7], ALIKE[0]);
    let mut search = Search::new(&keys, &holder, 5);
    for (number, liar) in search.liars.clone().into_iter().enumerate() {
        search.names(&liar, &[at(&keys[7], &format!("5.18.67.4:{}", 100 + number))]);
    }
    search.honest_names(&holder);
    assert!(search.asked(&[&holder]).contains(&holder));
}

#[test]
fn one_names_a_key_at_one_address_and_one_key_answers_once() {
    let keys = keys(8);
    let holder = at(&keys[7], ALIKE[0]);
    let mut search = Search::new(&keys, &holder, 1);
    let named: Vec<_> = ALIKE[1..].iter().map(|address| at(&keys[7], address)).collect();
    search.liars_name(&named);
    search.honest_names(&holder);
    assert_eq!(search.crawl.todo().len(), 2);
    search.crawl.take(|todo| todo.node == holder).unwrap();
    search.crawl.take(|todo| todo.node == named[0]).unwrap();
    search.crawl.answered(holder.clone(), Answer::Values(vec![vec![0, 1]]));
    search.crawl.answered(named[0].clone(), Answer::Values(vec![vec![0, 2]]));
    assert_eq!(search.crawl.values(), [[0, 1]]);
    assert_eq!(search.crawl.answering().iter().filter(|node| node.peer == holder.peer).count(), 1);
}

#[test]
fn keys_that_are_invented_at_its_address_hide_nobody() {
    // Of IPv6 what a customer gets is one place.
    for [place, first, second] in
        [["1.2.3.4:7", "1.2.3.4:8", "1.2.3.4:9"], ["[2a::1]:7", "[2a::2]:7", "[2a:0:0:9::1]:7"]]
    {
        let keys = keys(8);
        let holder = at(&keys[7], place);
        let mut search = Search::new(&keys, &holder, 1);
        search.liars_name(&[at(&keys[5], first), at(&keys[6], second)]);
        search.honest_names(&holder);
        assert!(search.asked(&[&holder]).contains(&holder), "{place}");
    }
}

#[test]
fn two_of_one_network_of_ipv6_are_asked_and_no_more_while_they_may_answer() {
    let keys = keys(8);
    let nodes: Vec<_> = (2..8).map(|number| at(&keys[number], &format!("[2a:0:0:{number}::1]:7"))).collect();
    let mut search = Search::new(&keys, &nodes[0], 1);
    search.liars_name(&nodes);
    let taken: Vec<_> = std::iter::from_fn(|| search.crawl.take(|todo| nodes.contains(&todo.node))).collect();
    assert_eq!(taken.len(), 2);
    search.crawl.answered(taken[0].node.clone(), Answer::Nodes(Vec::new()));
    search.crawl.is_late(&taken[1].node);
    assert!(search.crawl.take(|todo| nodes.contains(&todo.node)).is_none());
    // Somebody else has to say that there is one more.
    let other = nodes.iter().find(|node| taken.iter().all(|todo| todo.node != **node)).unwrap();
    search.honest_names(other);
    assert!(search.crawl.take(|todo| nodes.contains(&todo.node)).is_some_and(|todo| todo.node == *other));
}

#[test]
fn invented_nodes_do_not_close_the_queue() {
    let keys = keys(16);
    // Ids that begin as what is looked for does, where nobody is.
    let fakes: Vec<_> = (0..8).map(|number| at(&keys[8 + number], ALIKE[number / 2])).collect();
    let (target, holder) = (at(&keys[6], ALIKE[0]), at(&keys[7], "1.3.3.4:7"));
    for honest_is_first in [false, true] {
        let mut search = Search::new(&keys, &target, 1);
        search.liars_name(&fakes);
        if honest_is_first {
            // It is too far away until nobody believes the liar.
            search.honest_names(&holder);
            assert!(search.crawl.todo().iter().all(|todo| todo.node != holder));
        }
        for _ in 0..2 {
            let todo = search.crawl.take(|todo| fakes.contains(&todo.node)).unwrap();
            search.crawl.is_late(&todo.node);
            search.crawl.was_silent();
        }
        if !honest_is_first {
            search.honest_names(&holder);
        }
        let asked = search.asked(&[&holder]);
        assert_eq!(asked[0], holder, "honest first: {honest_is_first}");
    }
}

#[test]
fn nodes_in_one_network_agree_with_themselves_only() {
    let keys = keys(16);
    for (first, second, networks) in
        [("80.9.9.", ".9:7", 1), ("80.9.", ".9:7", 4), ("192.168.9.", ":7", 4), ("[2a:0:0:", "::1]:7", 1)]
    {
        let second = if first == "80.9.9." { ":7" } else { second };
        let nodes: Vec<_> = (1..5).map(|number| at(&keys[number], &format!("{first}{number}{second}"))).collect();
        let mut crawl = Crawl::new([0; 20], nodes.clone());
        for node in nodes {
            // Those of a crowd are asked one after the other.
            crawl.answered(node, Answer::Values(vec![vec![0, 1]]));
        }
        assert_eq!(crawl.agreement(), Some(networks), "{first}");
    }
}
