use std::net::UdpSocket as Blocking;

use ipv8_core::{
    NodeConfig,
    crypto::{Curve, PrivateKey},
};
use rand::{SeedableRng as _, rngs::StdRng};

use super::*;

/// A driver with so many sockets, which began long ago.
async fn driver(sockets: usize) -> (Driver, Vec<SocketAddr>) {
    let key = PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap();
    let mut bound = Vec::new();
    for _ in 0..sockets {
        let socket = Blocking::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        bound.push(Udp::new(socket).unwrap());
    }
    let addresses = bound.iter().map(|socket| socket.local_addr().unwrap()).collect();
    let start = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
    (Driver::new(Node::new(NodeConfig::new(key, [1; 32])), bound, start), addresses)
}

fn send(to: SocketAddr, count: usize) {
    let socket = Blocking::bind("127.0.0.1:0").unwrap();
    for _ in 0..count {
        socket.send_to(b"nothing that a node knows", to).unwrap();
    }
}

async fn receive(driver: &mut Driver, index: usize) {
    let readable = std::future::poll_fn(|cx| driver.sockets[index].udp.poll_readable(cx));
    tokio::time::timeout(Duration::from_secs(5), readable).await.unwrap();
    driver.receive(index);
}

fn received(driver: &Driver) -> usize {
    usize::try_from(driver.node.report().totals.received).unwrap()
}

fn crowded_out(node: &Node) -> u64 {
    node.report().driver.crowded_out
}

fn fill(driver: &mut Driver) {
    let source = SocketAddr::from(([198, 51, 100, 1], 4_000));
    while !driver.backlog.is_full_of_one() {
        assert_eq!(driver.backlog.push(source, b"a burst"), 0);
    }
}

#[tokio::test]
async fn little_traffic_on_one_socket_does_not_hide_a_flood_on_the_other() {
    let (mut driver, to) = driver(2).await;
    send(to[0], 200);
    send(to[1], 1);
    for index in [0, 1, 0] {
        receive(&mut driver, index).await;
    }
    assert_eq!(received(&driver) + driver.backlog.len(), 201, "all was read");
}

#[tokio::test]
async fn reading_takes_no_more_time_than_handling() {
    let mut most = 0;
    // A turn that the system interrupts takes long.
    for _ in 0..10 {
        let (mut driver, to) = driver(1).await;
        // What a buffer of the usual size holds.
        send(to[0], 250);
        receive(&mut driver, 0).await;
        receive(&mut driver, 0).await;
        most = most.max(received(&driver));
    }
    assert!(most >= 3 * BATCH, "{most} datagrams, which take little time, were handled");
}

#[tokio::test]
async fn a_burst_waits_in_the_kernel_and_a_flood_does_not() {
    let (mut driver, to) = driver(1).await;
    fill(&mut driver);
    driver.overloaded_since = driver.now();
    send(to[0], 200);
    let before = driver.backlog.len();
    receive(&mut driver, 0).await;
    assert_eq!(received(&driver) + driver.backlog.len(), before, "nothing was read, and nothing lost");
    fill(&mut driver);
    let before = received(&driver) + driver.backlog.len();
    driver.overloaded_since = Time::ZERO;
    receive(&mut driver, 0).await;
    let dropped = usize::try_from(crowded_out(&driver.node)).unwrap();
    assert_eq!(received(&driver) + driver.backlog.len() + dropped, before + 200, "all was read");
}

#[tokio::test]
async fn what_is_left_at_the_end_is_counted() {
    let (mut driver, _) = driver(1).await;
    let node = driver.node.clone();
    fill(&mut driver);
    let left = driver.backlog.len();
    drop(driver);
    assert_eq!(crowded_out(&node), u64::try_from(left).unwrap());
}

#[tokio::test]
async fn a_backlog_is_worked_off_while_the_node_is_woken_all_the_time() {
    let (mut driver, _) = driver(1).await;
    fill(&mut driver);
    let wakeup = driver.wakeup.clone();
    // At once, and again whenever the driver lets others run.
    wakeup.0.notify_one();
    let wake = tokio::spawn(async move {
        loop {
            wakeup.0.notify_one();
            tokio::task::yield_now().await;
        }
    });
    driver.drive(tokio::time::sleep(Duration::from_secs(1))).await;
    wake.abort();
    assert!(driver.backlog.is_empty(), "{} are left", driver.backlog.len());
}

#[tokio::test]
async fn other_tasks_run_between_the_turns_of_an_overloaded_node() {
    let (mut driver, _) = driver(1).await;
    fill(&mut driver);
    let node = driver.node.clone();
    let (done, is_done) = tokio::sync::oneshot::channel();
    let other = tokio::spawn(async move {
        let (mut last, mut most) = (0, 0);
        // After the last of some sixty turns there is nothing to see.
        while last < 50 {
            let turns = node.stats().turns;
            most = most.max(turns - last);
            last = turns;
            tokio::task::yield_now().await;
        }
        done.send(most).unwrap();
    });
    let most = driver.drive(is_done).await.unwrap();
    other.await.unwrap();
    assert!(most <= 2 * u64::try_from(MOST_READS).unwrap(), "{most} turns without a break");
}
