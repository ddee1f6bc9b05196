//! Reading and sending datagrams: many with one system call where the kernel has that, one by one elsewhere.

#[cfg_attr(not(target_os = "linux"), path = "no_segments.rs")]
mod segments;
#[cfg_attr(not(unix), path = "udp_elsewhere.rs")]
mod udp;

mod one_by_one;
#[cfg(target_os = "linux")]
mod together;
#[cfg(not(target_os = "linux"))]
use one_by_one as together;

use std::{
    cell::RefCell,
    io,
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use ipv8_core::Transmit;

pub(crate) use udp::Udp;

/// Datagrams that are read before the node takes a turn, and sent at once: enough to share the cost of a turn and of a system
/// call, few enough to answer soon.
pub(crate) const BATCH: usize = 64;

/// Room for the largest datagram that UDP carries. Pages that no datagram reaches take no memory.
const SLOT: usize = 65_536;

thread_local! {
    /// Reading and handling happen without an await in between, so that all nodes of a thread share one buffer.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; BATCH * SLOT]);
}

/// Where a datagram came from, and its length.
pub(crate) type Received = (SocketAddr, usize);

const NOTHING: Received = (SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0), 0);

/// Reads what waits, up to a batch, and hands it over with its number, which it returns.
pub(crate) fn receive(
    socket: &Udp,
    take: impl for<'b> FnOnce(usize, &mut dyn Iterator<Item = (SocketAddr, &'b [u8])>),
) -> usize {
    BUFFER.with_borrow_mut(|buffer| {
        let mut received = [NOTHING; BATCH];
        let outcome = together::receive(socket, buffer, &mut received);
        let outcome = unless_refused(outcome, || one_by_one::receive(socket, buffer, &mut received));
        let count = outcome.unwrap_or_else(|error| {
            // An earlier datagram of ours did not arrive, which says nothing about this socket.
            tracing::debug!(%error, "receiving failed");
            0
        });
        let slots = buffer.chunks_exact(SLOT);
        let datagrams = received.iter().take(count).zip(slots);
        take(count, &mut datagrams.filter_map(|((from, len), slot)| Some((*from, slot.get(..*len)?))));
        count
    })
}

/// What became of the first of some datagrams.
pub(crate) enum Sent {
    /// So many were sent, at least one.
    Some(usize),
    /// The socket takes none now.
    Blocked,
    /// The first cannot be sent; the others may be.
    Failed(io::Error),
}

/// With fewer to one peer in a row, a system call of their own saves little.
const LEAST_SEGMENTS: usize = 4;

/// After segments were refused where single datagrams were not, so many calls go without them: a path may have been the reason,
/// or the system.
const PAUSE: u32 = 1_024;

/// Whether a socket takes datagrams to one peer as segments of one: where the kernel knows them, and did not just refuse them.
pub(crate) struct Segments {
    known: bool,
    pause: AtomicU32,
}

impl Segments {
    pub(crate) fn of(socket: &Udp) -> Self {
        Self { known: segments::are_known(socket), pause: AtomicU32::new(0) }
    }

    pub(crate) fn are_taken(&self) -> bool {
        self.known && self.pause.load(Relaxed) == 0
    }

    /// The same for a call that is made now.
    fn are_taken_now(&self) -> bool {
        let pause = self.pause.load(Relaxed);
        if pause > 0 {
            self.pause.store(pause - 1, Relaxed);
        }
        self.known && pause == 0
    }
}

/// Puts datagrams to one peer in a row, in their order, within batches in which that makes rows. Peers stay in the order in which
/// they come first.
pub(crate) fn gather(transmits: &mut [Transmit]) {
    for batch in transmits.chunks_mut(BATCH) {
        if batch.len() < LEAST_SEGMENTS || least_peers(batch) > batch.len() / 2 {
            continue;
        }
        let mut begin = 0;
        while let Some(to) = batch.get(begin).map(|first| first.to) {
            let mut end = begin + 1;
            for at in begin + 1..batch.len() {
                if batch.get(at).is_some_and(|transmit| transmit.to == to) {
                    if let Some(between) = batch.get_mut(end..=at) {
                        between.rotate_right(1);
                    }
                    end += 1;
                }
            }
            begin = end;
        }
    }
}

/// At most the number of peers that these go to, and seldom much less: bits that their addresses are hashed to.
fn least_peers(transmits: &[Transmit]) -> usize {
    let mut bits = 0_u64;
    for Transmit { to, .. } in transmits {
        let ip = match to.ip() {
            IpAddr::V4(ip) => u128::from(ip.to_bits()),
            IpAddr::V6(ip) => ip.to_bits(),
        };
        let mixed = (ip ^ u128::from(to.port())).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        bits |= 1 << (mixed >> 122);
    }
    bits.count_ones() as usize
}

/// Sends some datagrams of one address family, in order, as many as the socket takes at once.
pub(crate) fn send(socket: &Udp, taken: &Segments, transmits: &[Transmit]) -> Sent {
    let (mut transmits, mut refused) = (transmits, None);
    if taken.are_taken_now() {
        match split_row(transmits) {
            ([], row) => match segments::send(socket, row) {
                Ok(count) => return Sent::Some(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Sent::Blocked,
                // What follows tells the error, if it concerns the first of them and not all together.
                Err(error) => refused = Some(error),
            },
            (before, _) => transmits = before,
        }
    }
    let sent = match transmits {
        [Transmit { to, bytes }] => socket.try_send_to(bytes, *to).map(|_| 1),
        many => unless_refused(together::send(socket, many), || one_by_one::send(socket, many)),
    };
    match sent {
        Ok(count) => {
            if let Some(error) = refused.filter(segments::may_be_refused) {
                tracing::debug!(%error, "no segments for a while");
                taken.pause.store(PAUSE, Relaxed);
            }
            Sent::Some(count)
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Blocked,
        Err(error) => Sent::Failed(error),
    }
}

/// Those before the first row that is worth it, and that row; all and nothing if there is none.
fn split_row(transmits: &[Transmit]) -> (&[Transmit], &[Transmit]) {
    let mut begin = 0;
    while let Some(rest) = transmits.get(begin..).filter(|rest| !rest.is_empty()) {
        let count = segments::in_a_row(rest);
        if count >= LEAST_SEGMENTS {
            return (transmits.get(..begin).unwrap_or_default(), rest.get(..count).unwrap_or_default());
        }
        begin += count.max(1);
    }
    (transmits, &[])
}

/// The outcome of a system call for many datagrams; that of `one_by_one` where the kernel lacks the call, or a filter of
/// system calls (seccomp) forbids it. A firewall that forbids to send says the same, and then says it again.
fn unless_refused<T>(outcome: io::Result<T>, one_by_one: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    match outcome {
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            one_by_one()
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest datagram that the system sends unasked.
    const LARGEST: usize = if cfg!(target_vendor = "apple") { 9_216 } else { 65_507 };

    fn bind(host: &str) -> Udp {
        let socket = std::net::UdpSocket::bind((host, 0)).unwrap();
        socket.set_nonblocking(true).unwrap();
        Udp::new(socket).unwrap()
    }

    async fn readable(socket: &Udp) {
        std::future::poll_fn(|cx| socket.poll_readable(cx)).await;
    }

    fn pair(host: &str) -> (Udp, Udp, SocketAddr) {
        let (a, b) = (bind(host), bind(host));
        let to = b.local_addr().unwrap();
        (a, b, to)
    }

    async fn receive_all(socket: &Udp, expected: usize) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut found = Vec::new();
        while found.len() < expected {
            tokio::time::timeout(std::time::Duration::from_secs(5), readable(socket)).await.unwrap();
            receive(socket, |_, datagrams| found.extend(datagrams.map(|(from, bytes)| (from, bytes.to_vec()))));
        }
        found
    }

    fn transmits(to: SocketAddr, sizes: impl IntoIterator<Item = usize>) -> Vec<Transmit> {
        let numbered = sizes.into_iter().enumerate();
        let bytes = |(number, size)| vec![u8::try_from(number % 251).unwrap(); size];
        numbered.map(bytes).map(|bytes| Transmit { to, bytes }).collect()
    }

    fn send_all(socket: &Udp, mut transmits: &[Transmit]) {
        let segments = Segments::of(socket);
        while !transmits.is_empty() {
            let Sent::Some(count) = send(socket, &segments, transmits) else { panic!("{} are left", transmits.len()) };
            assert!(count > 0);
            transmits = &transmits[count..];
        }
    }

    #[tokio::test]
    async fn all_arrive_in_order_and_whole() {
        for host in ["127.0.0.1", "::1"] {
            let (a, b, to) = pair(host);
            // Without bytes, of usual sizes, and the largest there is: what a usual receive buffer holds.
            let sizes = (0..70).map(|number| if number == 50 { LARGEST } else { number * 3 });
            let sent = transmits(to, sizes);
            send_all(&a, &sent);
            let found = receive_all(&b, sent.len()).await;
            let from = a.local_addr().unwrap();
            assert_eq!(found.len(), sent.len());
            for ((source, bytes), sent) in found.iter().zip(&sent) {
                assert_eq!((*source, bytes.len()), (from, sent.bytes.len()));
                assert_eq!(bytes, &sent.bytes);
            }
        }
    }

    /// One thread reads sockets of both families in turn.
    #[tokio::test]
    async fn addresses_of_both_families_are_whole() {
        let (a, b, to_b) = pair("127.0.0.1");
        let (c, d, to_d) = pair("::1");
        for _ in 0..3 {
            send_all(&a, &transmits(to_b, [10; 5]));
            send_all(&c, &transmits(to_d, [10; 5]));
            for (socket, from) in [(&b, &a), (&d, &c)] {
                let from = from.local_addr().unwrap();
                assert!(receive_all(socket, 5).await.iter().all(|(source, _)| *source == from));
            }
        }
    }

    /// The runtime is asked about room only while something waits for it.
    #[tokio::test]
    async fn a_socket_that_takes_no_more_tells_when_it_does() {
        let (mut a, b, to) = pair("127.0.0.1");
        for waits in [true, true, false, false, true] {
            a.wait_to_write(waits);
            tokio::time::timeout(std::time::Duration::from_secs(5), std::future::poll_fn(|cx| a.poll_writable(cx)))
                .await
                .unwrap();
            // What comes meanwhile is told all the same.
            send_all(&b, &transmits(a.local_addr().unwrap(), [3; 5]));
            a.wait_to_write(!waits);
            a.wait_to_write(waits);
            assert_eq!(receive_all(&a, 5).await.len(), 5);
            send_all(&a, &transmits(to, [9; 70]));
            assert_eq!(receive_all(&b, 70).await.len(), 70);
        }
    }

    /// The kernel tells of room after each datagram that left, which is nobody's business while nothing waits.
    #[cfg(unix)]
    #[tokio::test]
    async fn sending_wakes_nobody() {
        #[derive(Default)]
        struct Woken(std::sync::atomic::AtomicUsize);
        impl std::task::Wake for Woken {
            fn wake(self: std::sync::Arc<Self>) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        let (a, b, to) = pair("127.0.0.1");
        let woken = std::sync::Arc::new(Woken::default());
        let waker = std::task::Waker::from(woken.clone());
        for expected in [0, 1] {
            assert!(a.poll_readable(&mut std::task::Context::from_waker(&waker)).is_pending());
            send_all(&a, &transmits(to, [3; 5]));
            assert_eq!(receive_all(&b, 5).await.len(), 5);
            if expected == 1 {
                send_all(&b, &transmits(a.local_addr().unwrap(), [3]));
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            assert_eq!(woken.0.load(Relaxed), expected);
        }
    }

    /// What cannot be sent does not keep back what can.
    #[tokio::test]
    async fn one_that_fails_is_told_and_the_rest_goes() {
        let (a, b, to) = pair("127.0.0.1");
        let mut all = transmits(to, [5; 4]);
        // Larger than UDP carries.
        all[2].bytes = vec![0; 70_000];
        // Together or one by one.
        let (segments, mut sent) = (Segments::of(&a), 0);
        while let Sent::Some(count) = send(&a, &segments, &all[sent..]) {
            sent += count;
        }
        assert_eq!(sent, 2);
        assert!(matches!(send(&a, &segments, &all[2..]), Sent::Failed(_)));
        assert!(matches!(send(&a, &segments, &all[3..]), Sent::Some(1)));
        assert_eq!(receive_all(&b, 3).await.len(), 3);
    }

    /// Reading fewer than a batch must not lose the news of more.
    #[tokio::test]
    async fn what_comes_later_is_told() {
        let (a, b, to) = pair("127.0.0.1");
        for count in [1, BATCH - 1, BATCH, BATCH + 1, 1] {
            send_all(&a, &transmits(to, vec![9; count]));
            assert_eq!(receive_all(&b, count).await.len(), count);
        }
    }

    /// With segments and without, to few peers and to many, of one size and of others.
    #[tokio::test]
    async fn each_peer_gets_its_own_in_order() {
        for host in ["127.0.0.1", "::1"] {
            let (a, first, to) = pair(host);
            let mut peers = vec![(first, to)];
            for _ in 0..30 {
                let (_, peer, to) = pair(host);
                peers.push((peer, to));
            }
            for (count, known) in [(1, true), (1, false), (3, true), (3, false), (31, true), (31, false)] {
                let sizes =
                    [180, 180, 180, 7, 180, 180, 180, 180, 180, 180, 180, 180, 0, 1_400, 1_400, 1_400, 1_400, 1_400];
                let mut sent: Vec<Transmit> = (0..150)
                    .map(|number| Transmit {
                        to: peers[number % count].1,
                        bytes: vec![u8::try_from(number).unwrap(); sizes[number / count % sizes.len()]],
                    })
                    .collect();
                let expected = sent.clone();
                let segments = Segments { known: known && segments::are_known(&a), pause: AtomicU32::new(0) };
                if known {
                    gather(&mut sent);
                }
                let mut rest = sent.as_slice();
                while !rest.is_empty() {
                    let Sent::Some(count) = send(&a, &segments, rest) else { panic!("{} are left", rest.len()) };
                    rest = &rest[count..];
                }
                assert_eq!(segments.pause.load(Relaxed), 0, "nothing was refused");
                for (peer, to) in &peers[..count] {
                    let own: Vec<&[u8]> =
                        expected.iter().filter(|sent| sent.to == *to).map(|sent| sent.bytes.as_slice()).collect();
                    let found = receive_all(peer, own.len()).await;
                    assert_eq!(found.iter().map(|(_, bytes)| bytes.as_slice()).collect::<Vec<_>>(), own);
                }
            }
        }
    }

    #[test]
    fn rows_are_what_one_system_call_takes_as_segments() {
        let [one, other] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let row = |sizes: &[usize]| split_row(&transmits(one, sizes.iter().copied())).1.len();
        if cfg!(target_os = "linux") {
            assert_eq!(row(&[5, 5, 5, 5]), 4);
            assert_eq!(row(&[5, 5, 5, 4, 5]), 4, "the last may be shorter");
            assert_eq!(row(&[5; 70]), BATCH);
            assert_eq!(row(&[1_232; 64]), 52, "as many as a datagram holds");
            let mut mixed = transmits(one, [5; 9]);
            mixed[1].to = other;
            let (before, row) = split_row(&mixed);
            assert_eq!((before.len(), row.len()), (2, 7));
        }
        for none in [&[][..], &[5, 5, 5], &[5, 5, 4, 4, 4], &[5, 5, 6, 6, 6], &[0, 0, 0, 0], &[5, 5, 5, 0], &[1_233; 9]]
        {
            assert_eq!(row(none), 0, "{none:?}");
        }
    }

    #[test]
    fn few_peers_are_told_from_many() {
        let to = |peers: u16| -> Vec<Transmit> {
            let peer = |number| SocketAddr::from(([10, 0, 0, 1], 8_000 + number % peers));
            (0..64).map(|number| Transmit { to: peer(number), bytes: vec![1] }).collect()
        };
        for peers in [1, 2, 4, 16, 32] {
            assert!(least_peers(&to(peers)) <= usize::from(peers));
        }
        assert!(least_peers(&to(64)) > 32);
        // Nothing is put elsewhere without need.
        let mut many = to(64);
        many.reverse();
        let before: Vec<_> = many.iter().map(|transmit| transmit.to).collect();
        gather(&mut many);
        assert_eq!(many.iter().map(|transmit| transmit.to).collect::<Vec<_>>(), before);
    }

    #[test]
    fn peers_stay_in_the_order_in_which_they_come_first() {
        let numbered = [2, 1, 2, 3, 1, 2, 1, 1_u16];
        let mut sent: Vec<Transmit> = (0_u8..)
            .zip(numbered)
            .map(|(number, port)| Transmit { to: SocketAddr::from(([127, 0, 0, 1], port)), bytes: vec![number] })
            .collect();
        gather(&mut sent);
        let order: Vec<_> = sent.iter().map(|transmit| (transmit.to.port(), transmit.bytes[0])).collect();
        assert_eq!(order, [(2, 0), (2, 2), (2, 5), (1, 1), (1, 4), (1, 6), (1, 7), (3, 3)]);
    }

    /// A bound socket that may not send to an address at all says the same of segments as of single datagrams.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn only_what_single_datagrams_do_not_meet_refuses_segments() {
        use rustix::io::Errno;
        let may_be = |errno: Errno| segments::may_be_refused(&errno.into());
        assert!([Errno::IO, Errno::INVAL, Errno::MSGSIZE].into_iter().all(may_be));
        assert!(![Errno::AGAIN, Errno::PERM].into_iter().any(may_be));
        let (a, b, to) = pair("127.0.0.1");
        let segments = Segments::of(&a);
        // No address to send to, whether as segments or alone.
        let nowhere = transmits(SocketAddr::from(([127, 0, 0, 1], 0)), [5; 8]);
        assert!(matches!(send(&a, &segments, &nowhere), Sent::Failed(_)));
        assert_eq!(segments.are_taken(), segments::are_known(&a));
        // After a refusal, they rest for a while.
        segments.pause.store(2, Relaxed);
        for _ in 0..3 {
            assert!(matches!(send(&a, &segments, &transmits(to, [5; 8])), Sent::Some(8)));
        }
        assert_eq!(segments.are_taken(), segments::are_known(&a));
        assert_eq!(receive_all(&b, 24).await.len(), 24);
    }

    #[test]
    fn what_is_refused_together_is_done_one_by_one() {
        use io::ErrorKind;
        for (kind, expected) in [
            (ErrorKind::PermissionDenied, true),
            (ErrorKind::Unsupported, true),
            (ErrorKind::WouldBlock, false),
            (ErrorKind::ConnectionRefused, false),
        ] {
            assert_eq!(unless_refused(Err(kind.into()), || Ok(7)).is_ok(), expected, "{kind}");
        }
        #[cfg(target_os = "linux")]
        for number in [rustix::io::Errno::PERM, rustix::io::Errno::NOSYS] {
            assert_eq!(unless_refused(Err(number.into()), || Ok(7)).unwrap(), 7, "{number}");
        }
        assert_eq!(unless_refused(Ok(3), || Ok(7)).unwrap(), 3);
    }

    /// As they fall back to it, it has to work beside the other one.
    #[tokio::test]
    async fn one_by_one_does_the_same() {
        let (a, b, to) = pair("127.0.0.1");
        for transmit in transmits(to, [4; BATCH + 1]) {
            assert_eq!(one_by_one::send(&a, &[transmit]).unwrap(), 1);
        }
        let (mut buffer, mut received) = (vec![0; BATCH * SLOT], [NOTHING; BATCH]);
        readable(&b).await;
        assert_eq!(one_by_one::receive(&b, &mut buffer, &mut received).unwrap(), BATCH);
        assert_eq!(one_by_one::receive(&b, &mut buffer, &mut received).unwrap(), 1);
        assert_eq!(received[0], (a.local_addr().unwrap(), 4));
        assert_eq!(receive_none(&b).await, 0);
    }

    async fn receive_none(socket: &Udp) -> usize {
        let ready = tokio::time::timeout(std::time::Duration::from_millis(20), readable(socket)).await;
        ready.map_or(0, |_| receive(socket, |_, _| ()))
    }
}
