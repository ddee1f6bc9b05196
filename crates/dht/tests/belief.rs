//! Whom a search believes, and how many it asks.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

use ipv8_core::{
    Peer,
    crypto::{Curve, PrivateKey},
};
use ipv8_dht::crawl::{Answer, Contact, Crawl, MOST_ASKED};
use rand::{SeedableRng, rngs::StdRng};

/// Nodes at addresses of their own, or all at one.
fn contacts(count: u8, address: impl Fn(u8) -> String) -> Vec<Contact> {
    let mut rng = StdRng::from_seed([9; 32]);
    (0..count)
        .map(|number| {
            let key = PrivateKey::generate(Curve::Curve25519, &mut rng).unwrap();
            Contact::new(Peer::new(key.public().clone(), address(number).parse().unwrap()))
        })
        .collect()
}

fn apart(number: u8) -> String {
    format!("80.{number}.{number}.1:7")
}

fn believed(crawl: &Crawl, node: &Contact) -> bool {
    crawl.is_believed(crawl.todo().iter().find(|todo| todo.node == *node).unwrap())
}

/// A search that begins with two nodes, of which the first named the others, as it was asked.
fn told(nodes: &[Contact]) -> Crawl {
    let mut crawl = Crawl::new([0; 20], nodes[..2].iter().cloned());
    crawl.take(|todo| todo.node == nodes[0]).unwrap();
    crawl.answered(nodes[0].clone(), Answer::Nodes(nodes[2..].iter().cloned().map(Some).collect()));
    crawl
}

#[test]
fn who_names_silent_nodes_is_not_believed_until_they_answer() {
    let nodes = contacts(6, apart);
    let mut crawl = told(&nodes);
    let asked = [&nodes[2], &nodes[3]];
    for node in asked {
        assert!(believed(&crawl, &nodes[5]));
        crawl.take(|todo| todo.node == *node).unwrap();
        crawl.is_late(node);
    }
    assert!(!believed(&crawl, &nodes[5]));
    assert!(believed(&crawl, &nodes[1]), "it is of our own table");
    for node in asked {
        crawl.was_late(node);
        crawl.answered(node.clone(), Answer::Nodes(Vec::new()));
    }
    assert!(believed(&crawl, &nodes[5]));
}

#[test]
fn a_node_that_somebody_else_names_too_is_believed() {
    let nodes = contacts(6, apart);
    let mut crawl = told(&nodes);
    for node in &nodes[2..4] {
        crawl.take(|todo| todo.node == *node).unwrap();
        crawl.is_late(node);
    }
    crawl.take(|todo| todo.node == nodes[1]).unwrap();
    crawl.answered(nodes[1].clone(), Answer::Nodes(vec![Some(nodes[5].clone())]));
    assert!(believed(&crawl, &nodes[5]) && !believed(&crawl, &nodes[4]));
}

#[test]
fn silent_nodes_are_not_counted_as_asked_up_to_a_limit() {
    let nodes = contacts(120, apart);
    for (silent, most) in [(false, MOST_ASKED), (true, 2 * MOST_ASKED)] {
        let mut crawl = Crawl::new([0; 20], nodes[..8].iter().cloned());
        let mut asked = 0;
        let mut rest = nodes[8..].iter().cloned();
        while let Some(todo) = crawl.take(|_| true) {
            asked += 1;
            if silent {
                crawl.was_silent();
            } else {
                crawl.answered(todo.node, Answer::Nodes(Vec::new()));
            }
            // More of them than a search could ask.
            if crawl.todo().len() < 3 {
                let more = rest.by_ref().take(8).map(Some).collect();
                crawl.answered(nodes[0].clone(), Answer::Nodes(more));
            }
        }
        assert_eq!(asked, most, "silent: {silent}");
    }
}

#[test]
fn of_one_public_address_two_nodes_are_taken_and_of_a_private_one_all() {
    for (ip, most) in [("198.51.100.7", 2), ("192.168.1.7", 8)] {
        let nodes = contacts(8, |number| format!("{ip}:{}", 1_000 + u16::from(number)));
        let starts = contacts(1, apart);
        let mut crawl = Crawl::new([0; 20], starts.iter().cloned());
        crawl.take(|_| true).unwrap();
        crawl.answered(starts[0].clone(), Answer::Nodes(nodes.iter().rev().cloned().map(Some).collect()));
        // Of eight, those are taken that are no farther than the fourth.
        let asked: Vec<_> = std::iter::from_fn(|| crawl.take(|_| true)).collect();
        assert!(asked.len() <= most && asked.len() >= most.min(4), "{ip}: {}", asked.len());
    }
}
