//! The measurement.

use std::{
    error::Error,
    io::{self, IoSlice, IoSliceMut},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::fd::AsRawFd as _,
    time::Duration,
};

use clap::Parser;
use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, recvmsg, sendmmsg,
        setsockopt, sockopt::UdpGroSegment,
    },
};
use rustix::{
    net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, addr::SocketAddrArg as _},
    time::{ClockId, clock_gettime},
};

/// As many as the driver reads and sends at once.
const BATCH: usize = 64;

/// Room for the largest datagram.
const SLOT: usize = 65_536;

/// Segments of UDP against many datagrams with one system call.
#[derive(Parser)]
struct Arguments {
    /// Bytes of a datagram; an answer with its signature has 171.
    #[arg(long, value_name = "N", default_value_t = 180)]
    size: u16,
    /// Bursts of 64 datagrams in each round.
    #[arg(long, value_name = "N", default_value_t = 500)]
    bursts: u32,
    /// Rounds, in each of which everything is measured in turn.
    #[arg(long, value_name = "N", default_value_t = 15)]
    rounds: usize,
}

/// Whom the datagrams of a burst go to or come from.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    peers: usize,
    /// The peer of a datagram of the burst.
    peer: fn(usize) -> usize,
}

const SHAPES: [Shape; 5] = [
    Shape { name: "1 peer", peers: 1, peer: |_| 0 },
    Shape { name: "4 peers, 16 each in a row", peers: 4, peer: |number| number / 16 },
    Shape { name: "4 peers, in turn", peers: 4, peer: |number| number % 4 },
    Shape { name: "32 to 1 peer, 32 to others", peers: 33, peer: |number| if number < 32 { 0 } else { number - 31 } },
    Shape { name: "64 peers", peers: 64, peer: |number| number },
];

/// How a burst is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// One `sendmmsg` of all, as the driver does.
    Each,
    /// One `sendmmsg`, with those in a row to one peer as segments of one.
    InARow,
    /// The same, after those to one peer were put in a row.
    Gathered,
}

/// How a burst is received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Receiving {
    /// `recvmmsg`, as the driver does.
    Each,
    /// `recvmsg`, which gives segments of one peer together.
    Together,
}

const WAYS: [(Sending, Receiving); 5] = [
    (Sending::Each, Receiving::Each),
    (Sending::InARow, Receiving::Each),
    (Sending::Gathered, Receiving::Each),
    (Sending::Each, Receiving::Together),
    (Sending::Gathered, Receiving::Together),
];

fn name((sending, receiving): (Sending, Receiving)) -> String {
    let sending = match sending {
        Sending::Each => "sendmmsg",
        Sending::InARow => "segments in a row",
        Sending::Gathered => "segments, gathered",
    };
    let receiving = match receiving {
        Receiving::Each => "recvmmsg",
        Receiving::Together => "UDP_GRO",
    };
    format!("{sending}; {receiving}")
}

/// Processor time of this thread.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn open() -> Result<(UdpSocket, SocketAddrV4), Box<dyn Error>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    let SocketAddr::V4(address) = socket.local_addr()? else { return Err("no IPv4 address".into()) };
    Ok((socket, address))
}

/// Sends as the driver does; says how many.
fn send_each(socket: &UdpSocket, burst: &[(SocketAddrV4, &[u8])]) -> io::Result<usize> {
    let to: Vec<SocketAddrAny> = burst.iter().map(|(to, _)| SocketAddr::from(*to).as_any()).collect();
    let bytes: Vec<[IoSlice<'_>; 1]> = burst.iter().map(|(_, bytes)| [IoSlice::new(bytes)]).collect();
    let mut control: Vec<SendAncillaryBuffer<'_, '_, '_>> =
        std::iter::repeat_with(SendAncillaryBuffer::default).take(bytes.len()).collect();
    let parts = to.iter().zip(&bytes).zip(&mut control);
    let mut messages: Vec<MMsgHdr<'_>> =
        parts.map(|((to, bytes), control)| MMsgHdr::new_with_addr(to, bytes, control)).collect();
    Ok(rustix::net::sendmmsg(socket, &mut messages, SendFlags::DONTWAIT)?)
}

/// Sends those in a row to one peer as segments of one datagram. All are of one size.
fn send_segments(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    burst: &[(SocketAddrV4, &[u8])],
    size: u16,
) -> io::Result<usize> {
    let bytes: Vec<IoSlice<'_>> = burst.iter().map(|(_, bytes)| IoSlice::new(bytes)).collect();
    let (mut rest, mut groups, mut to) = (bytes.as_slice(), Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    for group in burst.chunk_by(|(one, _), (other, _)| one == other) {
        let (of_group, others) = rest.split_at(group.len());
        rest = others;
        groups.push(of_group);
        to.push(group.first().map(|(to, _)| SockaddrIn::from(*to)));
    }
    let control = [ControlMessage::UdpGsoSegments(&size)];
    // What it says of each is not for those that were sent.
    let _ = sendmmsg(socket.as_raw_fd(), headers, &groups, &to, control, MsgFlags::MSG_DONTWAIT)?;
    Ok(burst.len())
}

/// What a receiver needs.
struct Buffers {
    bytes: Vec<u8>,
    headers: MultiHeaders<SockaddrIn>,
    control: Vec<u8>,
}

/// Takes what waits; says how many bytes, and in how many datagrams.
fn receive(socket: &UdpSocket, buffers: &mut Buffers, receiving: Receiving) -> nix::Result<(usize, usize)> {
    let (mut bytes, mut count) = (0, 0);
    loop {
        let outcome = match receiving {
            Receiving::Each => {
                let mut slots: Vec<_> =
                    buffers.bytes.chunks_exact_mut(SLOT).map(|slot| [IoSliceMut::new(slot)]).collect();
                let (socket, headers) = (socket.as_raw_fd(), &mut buffers.headers);
                recvmmsg(socket, headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None)
                    .map(|found| found.fold((0, 0), |(bytes, count), one| (bytes + one.bytes, count + 1)))
            }
            Receiving::Together => {
                let mut slot = [IoSliceMut::new(buffers.bytes.get_mut(..SLOT).unwrap_or_default())];
                let (socket, control) = (socket.as_raw_fd(), Some(buffers.control.as_mut_slice()));
                let found = recvmsg::<SockaddrIn>(socket, &mut slot, control, MsgFlags::MSG_DONTWAIT);
                found.and_then(|found| {
                    let of_each = found.cmsgs()?.find_map(|message| match message {
                        ControlMessageOwned::UdpGroSegments(size) => usize::try_from(size).ok(),
                        _ => None,
                    });
                    Ok((found.bytes, of_each.map_or(1, |size| found.bytes.div_ceil(size.max(1)))))
                })
            }
        };
        match outcome {
            Ok(found) => (bytes, count) = (bytes + found.0, count + found.1),
            Err(Errno::EAGAIN) => return Ok((bytes, count)),
            Err(error) => return Err(error),
        }
    }
}

/// Nanoseconds of each side, a datagram.
type Cost = [f64; 2];

/// From a node to its peers: as many bursts as are asked for.
fn to_peers(
    shape: Shape,
    (sending, receiving): (Sending, Receiving),
    arguments: &Arguments,
) -> Result<Cost, Box<dyn Error>> {
    let (node, _) = open()?;
    let peers = (0..shape.peers).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    for (peer, _) in &peers {
        setsockopt(peer, UdpGroSegment, &(receiving == Receiving::Together))?;
    }
    let datagrams: Vec<Vec<u8>> = (0..BATCH).map(|_| vec![7; arguments.size.into()]).collect();
    let address = |number| peers.get((shape.peer)(number)).map(|(_, address)| *address);
    let burst: Vec<(SocketAddrV4, &[u8])> =
        datagrams.iter().enumerate().filter_map(|(number, bytes)| Some((address(number)?, bytes.as_slice()))).collect();
    let mut headers = MultiHeaders::preallocate(BATCH, Some(cmsg_space!(u16)));
    let mut buffers = Buffers::new();
    let (mut sender, mut receiver) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..arguments.bursts {
        let begin = cpu();
        send(&node, &mut headers, &burst, sending, arguments.size)?;
        let sent = cpu();
        let mut arrived = 0;
        for (peer, _) in &peers {
            arrived += receive(peer, &mut buffers, receiving)?.1;
        }
        let end = cpu();
        (sender, receiver) = (sender + (sent - begin), receiver + (end - sent));
        if arrived != BATCH {
            return Err(format!("{arrived} datagrams arrived").into());
        }
    }
    Ok(arguments.of_each(sender, receiver))
}

/// From peers to a node, each with what it sends in a burst.
fn to_node(
    shape: Shape,
    (sending, receiving): (Sending, Receiving),
    arguments: &Arguments,
) -> Result<Cost, Box<dyn Error>> {
    let (node, to) = open()?;
    setsockopt(&node, UdpGroSegment, &(receiving == Receiving::Together))?;
    let peers = (0..shape.peers).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
    let datagram = vec![7; arguments.size.into()];
    let numbers: Vec<usize> = (0..BATCH).map(shape.peer).collect();
    // Peers take turns in the order of the shape, each with as many as it has in a row, or all that it has.
    let mut bursts: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        let own = match sending {
            Sending::Gathered => bursts.iter_mut().find(|(peer, _)| *peer == number),
            _ => bursts.last_mut().filter(|(peer, _)| *peer == number),
        };
        match own {
            Some((_, count)) => *count += 1,
            None => bursts.push((number, 1)),
        }
    }
    let mut headers = MultiHeaders::preallocate(BATCH, Some(cmsg_space!(u16)));
    let mut buffers = Buffers::new();
    let (mut sender, mut receiver) = (Duration::ZERO, Duration::ZERO);
    let burst: Vec<(SocketAddrV4, &[u8])> = vec![(to, datagram.as_slice()); BATCH];
    for _ in 0..arguments.bursts {
        let begin = cpu();
        for (peer, count) in &bursts {
            let Some(((peer, _), burst)) = peers.get(*peer).zip(burst.get(..*count)) else { continue };
            send(peer, &mut headers, burst, sending, arguments.size)?;
        }
        let sent = cpu();
        let (_, arrived) = receive(&node, &mut buffers, receiving)?;
        let end = cpu();
        (sender, receiver) = (sender + (sent - begin), receiver + (end - sent));
        if arrived != BATCH {
            return Err(format!("{arrived} datagrams arrived").into());
        }
    }
    Ok(arguments.of_each(sender, receiver))
}

fn send(
    socket: &UdpSocket,
    headers: &mut MultiHeaders<SockaddrIn>,
    burst: &[(SocketAddrV4, &[u8])],
    sending: Sending,
    size: u16,
) -> Result<(), Box<dyn Error>> {
    let sent = match sending {
        Sending::Each => send_each(socket, burst)?,
        Sending::InARow => send_segments(socket, headers, burst, size)?,
        Sending::Gathered => {
            let mut gathered = burst.to_vec();
            // Stable: those to one peer stay in order.
            gathered.sort_by_key(|(to, _)| *to);
            send_segments(socket, headers, &gathered, size)?
        }
    };
    if sent == burst.len() { Ok(()) } else { Err(format!("{sent} datagrams were sent").into()) }
}

impl Buffers {
    fn new() -> Self {
        Self {
            bytes: vec![0; BATCH * SLOT],
            headers: MultiHeaders::preallocate(BATCH, None),
            control: cmsg_space!(i32),
        }
    }
}

impl Arguments {
    fn of_each(&self, sender: Duration, receiver: Duration) -> Cost {
        let datagrams = f64::from(self.bursts) * BATCH as f64;
        [sender, receiver].map(|time| time.as_secs_f64() * 1e9 / datagrams)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// How datagrams of a shape travel in a way.
type Travel = fn(Shape, (Sending, Receiving), &Arguments) -> Result<Cost, Box<dyn Error>>;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let travels: [(&str, Travel); 2] = [("from a node to", to_peers), ("to a node from", to_node)];
    println!("{:46}{:40}{:>10}{:>10}", "ns of processor time a datagram", "", "sender", "receiver");
    for (direction, travel) in travels {
        for shape in SHAPES {
            let mut costs = vec![(Vec::new(), Vec::new()); WAYS.len()];
            for _ in 0..arguments.rounds {
                for (way, (senders, receivers)) in WAYS.into_iter().zip(&mut costs) {
                    let [sender, receiver] = travel(shape, way, &arguments)?;
                    senders.push(sender);
                    receivers.push(receiver);
                }
            }
            for (way, (senders, receivers)) in WAYS.into_iter().zip(costs) {
                let shape = format!("{direction} {}", shape.name);
                println!("{shape:46}{:40}{:>10.0}{:>10.0}", name(way), median(senders), median(receivers));
            }
        }
    }
    Ok(())
}
