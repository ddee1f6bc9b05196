//! What the kernel knows of our sockets: the datagrams that it dropped, and how many bytes it keeps.
//!
//! A datagram that finds the receive buffer full is dropped without a trace that the program would see. Linux counts them
//! for each socket in `/proc/self/net/udp` and `/proc/self/net/udp6` (which services see that have only
//! `ProcSubset=pid`), where a socket is found by its inode: one reading serves all sockets of the process, and costs
//! nothing where packets are received. (The other way, the socket option `SO_RXQ_OVFL`, needs control messages with every
//! datagram.) Elsewhere nothing is known, and the node says so.

use std::collections::BTreeMap;

use ipv8_core::Node;

/// The number under which the kernel lists a socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Inode(pub(crate) u64);

/// The number of a socket; `None` where the kernel lists none.
#[cfg(target_os = "linux")]
pub(crate) fn inode(socket: &impl std::os::fd::AsFd) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt as _;
    let file = std::fs::File::from(socket.as_fd().try_clone_to_owned().ok()?);
    Some(Inode(file.metadata().ok()?.ino()))
}

/// The number of a socket; `None` where the kernel lists none.
#[cfg(not(target_os = "linux"))]
pub(crate) fn inode<S>(_: &S) -> Option<Inode> {
    None
}

/// The datagrams that the kernel dropped, for each UDP socket of this network namespace; none where it does not tell.
pub(crate) fn drops() -> BTreeMap<Inode, u64> {
    let mut drops = BTreeMap::new();
    if cfg!(target_os = "linux") {
        for table in ["/proc/self/net/udp", "/proc/self/net/udp6"] {
            // Without IPv6 there is no second table.
            let text = std::fs::read_to_string(table).unwrap_or_default();
            drops.extend(text.lines().filter_map(read_line));
        }
    }
    drops
}

/// Reads the inode and, in the last column, the drops of a line of the table. Its heading has neither.
fn read_line(line: &str) -> Option<(Inode, u64)> {
    // sl local remote st tx:rx tr:when retrnsmt uid timeout inode ref pointer drops
    let mut columns = line.split_ascii_whitespace();
    let inode = columns.nth(9)?.parse().ok()?;
    let drops = columns.nth(2)?.parse().ok()?;
    Some((Inode(inode), drops))
}

/// Tells a node what the kernel dropped of its sockets, and the log if it is more than before. What is not in the table
/// stays unknown, or as it was.
pub(crate) fn count(node: &Node, sockets: &[Inode], drops: &BTreeMap<Inode, u64>) {
    let known: Vec<u64> = sockets.iter().filter_map(|socket| drops.get(socket).copied()).collect();
    if known.is_empty() {
        return;
    }
    let dropped = known.iter().sum();
    let before = node.driver_counters().read().kernel_drops.unwrap_or(0);
    if dropped > before {
        tracing::warn!(
            datagrams = dropped - before,
            "the kernel dropped datagrams: they came faster than the node takes them; raise net.core.rmem_max or lessen \
             the load"
        );
    }
    node.driver_counters().set_kernel_drops(dropped);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_kernel_is_read() {
        let table = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 3050: 0100007F:1F9A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 482511 2 0000000000000000 17
 3051: 00000000:1F9B 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 9 2 ffff8881 0";
        let read: Vec<_> = table.lines().filter_map(read_line).collect();
        assert_eq!(read, [(Inode(482_511), 17), (Inode(9), 0)]);
    }

    #[test]
    fn other_lines_are_left_out() {
        for line in ["", "1: 2 3", "sl a b c d e f g h inode ref pointer drops", "1 2 3 4 5 6 7 8 9 -1 2 3 4"] {
            assert_eq!(read_line(line), None, "{line}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_socket_is_found_in_the_table() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(drops().get(&inode(&socket).unwrap()), Some(&0));
    }
}
