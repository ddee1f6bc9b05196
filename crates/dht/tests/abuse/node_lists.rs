//! Lists of nodes that are none: nothing is sent to addresses that cannot be nodes, and invented nodes hold up a search little.

use std::{net::SocketAddr, sync::Arc};

use ipv8_core::{Community, Context, OverlayConfig, Peer, Routes};
use ipv8_dht::{
    DHT_COMMUNITY, DhtConfig, Sign, TraceEvent,
    family::may_be_node,
    messages::{FindRequest, FindResponse, Node, PingRequest, PingResponse},
    routing::DhtNode,
};
use ipv8_sim::{Link, NodeOptions};

use crate::{
    common::{self, dht, mid, run, secs, world},
    helpers::{key, many},
};

/// Answers every question with nodes that are none.
struct Poisoner {
    nodes: Arc<Vec<Node>>,
}

impl Community for Poisoner {
    const ID: ipv8_core::wire::CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_find);
    }
}

impl Poisoner {
    fn on_find(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let nodes = self.nodes.to_vec();
        cx.send(from, FindResponse { identifier: request.identifier, token: [0; 20], values: Vec::new(), nodes });
    }
}

#[test]
fn addresses_that_cannot_be_nodes_are_never_asked() {
    let mut world = world(21, Link::default());
    let victim = world.add_node(common::options(&DhtConfig::default()));
    world.run_for(secs(1));
    let own = world.address(victim);
    let bad: Vec<SocketAddr> =
        ["10.0.0.9:0", "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "127.0.0.1:80", "[::1]:80"]
            .iter()
            .map(|text| text.parse().unwrap())
            .chain([own])
            .collect();
    let mut nodes: Vec<Node> = bad
        .iter()
        .zip(1..)
        .map(|(address, seed)| Node { address: *address, key: key(seed).public().clone() })
        .collect();
    // And the victim itself, elsewhere.
    nodes.push(Node { address: "10.1.2.3:4".parse().unwrap(), key: world.node(victim).key().clone() });
    let nodes = Arc::new(nodes);
    let poisoner = {
        let nodes = nodes.clone();
        world.add_node(NodeOptions::default().setup(move |node| {
            node.load(OverlayConfig::new(Poisoner { nodes: nodes.clone() })).unwrap();
        }))
    };
    world.run_for(secs(1));
    let evil = Peer::new(world.node(poisoner).key().clone(), world.address(poisoner));
    dht(&world, victim).handle().with(|dht, cx| assert!(dht.add_node(cx, DhtNode::new(evil)).is_some())).unwrap();
    let (found, trace) = run(&mut world, victim, |dht| async move { dht.trace_nodes([5; 20]).await.unwrap() });
    assert_eq!(found.iter().map(Peer::mid).collect::<Vec<_>>(), [mid(&world, poisoner)]);
    let asked: Vec<_> =
        trace.iter().filter(|step| step.event == TraceEvent::Asked).map(|step| step.node.mid()).collect();
    assert_eq!(asked, [mid(&world, poisoner)]);
    assert!(trace.iter().any(|step| step.event == TraceEvent::Nodes { named: 8, refused: 8 }), "{trace:?}");
}

#[test]
fn who_is_elsewhere_names_no_neighbours_of_ours() {
    let at = |text: &str| text.parse().unwrap();
    let (internet, lan, here) = (at("198.51.100.7:1"), at("192.168.1.7:1"), at("127.0.0.1:1"));
    assert!(may_be_node(at("203.0.113.5:7"), internet) && may_be_node(at("203.0.113.5:7"), lan));
    assert!(!may_be_node(at("192.168.1.8:7"), internet) && may_be_node(at("192.168.1.8:7"), lan));
    assert!(!may_be_node(at("127.0.0.1:7"), lan) && may_be_node(at("127.0.0.1:7"), here));
    assert!(!may_be_node(at("[::ffff:1.2.3.4]:7"), internet) && !may_be_node(at("240.0.0.1:7"), internet));
}

#[test]
fn no_node_is_where_no_peer_can_be() {
    let at = |text: &str| text.parse().unwrap();
    let (internet, lan) = (at("198.51.100.7:1"), at("192.168.1.7:1"));
    for nowhere in [
        "0.1.2.3",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1.2.3.4]",
        "[::ffff:1.2.3.4]",
        "[100::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2002:e000:1::1]",
        "[64:ff9b::0.1.2.3]",
    ] {
        let named = at(&format!("{nowhere}:7"));
        assert!(!may_be_node(named, internet) && !may_be_node(named, lan), "{nowhere}");
    }
    // What goes to a LAN in the end, or to the network of a provider.
    for near in
        ["100.64.0.1", "100.127.255.254", "169.254.1.1", "[2002:c0a8:101::1]", "[64:ff9b::10.0.0.1]", "[fd00::1]"]
    {
        let named = at(&format!("{near}:7"));
        assert!(!may_be_node(named, internet) && may_be_node(named, lan), "{near}");
    }
    assert!(!may_be_node(at("[2002:7f00:1::1]:7"), lan) && !may_be_node(at("[64:ff9b::127.0.0.1]:7"), lan));
    for public in
        ["100.63.0.1", "100.128.0.1", "[2002:102:304::1]", "[64:ff9b::1.2.3.4]", "[100:0:0:1::1]", "[2600::1]"]
    {
        assert!(may_be_node(at(&format!("{public}:7")), internet), "{public}");
    }
}

/// Names nodes that do not exist, at addresses that could be, closer to what is looked for than any node.
struct Inventor {
    invented: Arc<Vec<Node>>,
}

impl Community for Inventor {
    const ID: ipv8_core::wire::CommunityId = DHT_COMMUNITY;

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_find).on(Self::on_ping);
    }
}

impl Inventor {
    fn on_ping(&mut self, cx: &mut Context<'_>, from: &Peer, request: PingRequest) {
        cx.send(from, PingResponse { identifier: request.identifier });
    }

    fn on_find(&mut self, cx: &mut Context<'_>, from: &Peer, request: FindRequest) {
        let mut all = self.invented.to_vec();
        all.sort_by_key(|node| ipv8_dht::NodeId::new(node.address.ip(), &node.key.mid()).distance(&request.target));
        all.truncate(8);
        cx.send(from, FindResponse { identifier: request.identifier, token: [0; 20], values: Vec::new(), nodes: all });
    }
}

#[test]
fn invented_nodes_end_no_search_and_hold_it_up_little() {
    let mut world = world(24, Link::default());
    let nodes: Vec<_> = (0..25_u32)
        .map(|number| {
            let address = format!("{}.{}.3.7:8090", 150 + number, number * 7).parse().unwrap();
            world.add_node(common::options(&DhtConfig::default()).address(address))
        })
        .collect();
    let invented = (0..1_000_u32).map(|number| {
        let address =
            format!("{}.{}.{}.{}:7", 11 + number % 4, number % 16, number % 61, number % 251).parse().unwrap();
        Node { address, key: many(number % 50).public().clone() }
    });
    let invented = Arc::new(invented.collect::<Vec<_>>());
    let inventors: Vec<_> = (0..5_u8)
        .map(|number| {
            let invented = invented.clone();
            let address = format!("46.{number}.3.7:8090").parse().unwrap();
            world.add_node(NodeOptions::default().address(address).setup(move |node| {
                node.load(OverlayConfig::new(Inventor { invented: invented.clone() })).unwrap();
            }))
        })
        .collect();
    world.run_for(secs(60));
    for inventor in &inventors {
        let evil = Peer::new(world.node(*inventor).key().clone(), world.address(*inventor));
        for node in &nodes {
            let evil = evil.clone();
            dht(&world, *node).handle().with(|dht, cx| dht.add_node(cx, DhtNode::new(evil)).is_some()).unwrap();
        }
    }
    run(&mut world, nodes[3], |dht| async move { dht.store([0x77; 20], b"value", Sign::Yes).await.unwrap() });
    let started = world.now();
    let found = run(&mut world, nodes[3], |dht| async move { dht.find_values([0x77; 20]).await.unwrap() });
    let took = world.now().since(started);
    assert_eq!(found.len(), 1);
    let (silent, _) = dht(&world, nodes[3]).handle().with(|dht, _| (dht.stats().nodes_silent, ())).unwrap();
    // By the reference's rules, every four of them would take two seconds, and 24 nodes be the end of it.
    assert!(took < secs(3), "{took:?}");
    assert!((1..=40).contains(&silent), "{silent}");
}
