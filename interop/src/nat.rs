//! An Internet with homes behind address translation, in a [`Lab`].

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::lab::{Lab, LabError};

/// How a home is joined to the Internet, in the terms of RFC 3489 section 5 (RFC 4787 has finer ones).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nat {
    /// The host has a public address and no router.
    Open,
    /// One outside port for each inside port, and everything that comes to it is let in.
    FullCone,
    /// As before, but only from addresses that the host has sent something to.
    AddressRestricted,
    /// As before, but only from addresses *and ports* that the host has sent something to.
    PortRestricted,
    /// Another outside port for each destination, which alone may answer there.
    Symmetric,
}

impl Nat {
    /// All of them, from the most to the least permissive.
    pub const ALL: [Self; 5] =
        [Self::Open, Self::FullCone, Self::AddressRestricted, Self::PortRestricted, Self::Symmetric];

    /// A short name, for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::FullCone => "full cone",
            Self::AddressRestricted => "address",
            Self::PortRestricted => "port",
            Self::Symmetric => "symmetric",
        }
    }

    /// Whether two hosts behind such routers can open them for each other by punching, when a third one tells each
    /// where it sees the other: all can but a symmetric one with one that looks at ports, which the puncture opens for
    /// another port than the walk comes from.
    #[must_use]
    pub const fn can_meet(self, other: Self) -> bool {
        !matches!(
            (self, other),
            (Self::Symmetric, Self::Symmetric | Self::PortRestricted) | (Self::PortRestricted, Self::Symmetric)
        )
    }

    /// The rules of the router. Whatever is not forwarded is dropped before the kernel makes a flow of it: such a flow
    /// would take the outside port away from the host that answers (a puncture that arrives early would close the hole
    /// that it was sent through).
    fn rules(self, hosts: &[SocketAddrV4]) -> String {
        let (mut sets, mut contacts, mut inward) = (String::new(), String::new(), String::new());
        for host in hosts {
            let (ip, port) = (host.ip(), host.port());
            match self {
                Self::FullCone => {
                    let _ = writeln!(inward, "iifname wan udp dport {port} dnat to {ip}");
                }
                Self::AddressRestricted => {
                    let set = format!("contacted{port}");
                    let _ = writeln!(sets, "set {set} {{ type ipv4_addr; flags dynamic,timeout; timeout 2m; }}");
                    let _ = writeln!(contacts, "iifname lan ip saddr {ip} update @{set} {{ ip daddr }}");
                    let _ = writeln!(inward, "iifname wan udp dport {port} ip saddr @{set} dnat to {ip}");
                }
                Self::Open | Self::PortRestricted | Self::Symmetric => {}
            }
        }
        let how = if self == Self::Symmetric { " fully-random" } else { "" };
        format!(
            "table ip nat {{
                {sets}
                chain contacts {{ type filter hook forward priority 0; {contacts} }}
                chain inward {{ type nat hook prerouting priority -100; {inward} }}
                chain outward {{ type nat hook postrouting priority 100; oifname wan masquerade{how}; }}
                chain own {{ type filter hook input priority 0; iifname wan drop; }}
            }}"
        )
    }
}

/// The port that hosts listen at, as the reference does by default; the second in a home takes the next one.
pub const PORT: u16 = 8090;

/// The namespace in which the Internet's switch is.
const SWITCH: &str = "internet";

/// A plan of an Internet: homes and public hosts, to be built in a lab.
///
/// Public addresses are of 198.18.0.0/16 (RFC 2544), which nothing else uses. Every home is a 192.168.1.0/24 with its first
/// host at .2, as homes are. What is sent to nowhere is lost without a word, as on the Internet.
#[derive(Debug, Default)]
pub struct Internet {
    links: String,
    /// One script for each namespace.
    set_up: String,
    public: u16,
}

impl Internet {
    /// An Internet without hosts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a host with a public address. The name is that of its namespace, at most 12 letters; every name once.
    pub fn host(&mut self, name: &str) -> Ipv4Addr {
        let address = self.next_public();
        let _ = writeln!(self.links, "netns add {name}");
        self.join(name, "lan", name, address);
        address
    }

    /// Adds a home with these hosts, named as in [`Internet::host`]. An [open](Nat::Open) one is just its hosts.
    pub fn home(&mut self, nat: Nat, hosts: &[&str]) {
        if nat == Nat::Open {
            for name in hosts {
                self.host(name);
            }
            return;
        }
        let address = self.next_public();
        let router = format!("nat{}", self.public);
        let _ = writeln!(self.links, "netns add {router}\nlink add lan netns {router} type bridge");
        self.join(&router, "wan", &router, address);
        let inside: Vec<SocketAddrV4> = (2..)
            .zip(PORT..)
            .take(hosts.len())
            .map(|(last, port)| SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, last), port))
            .collect();
        let mut script = "addr add 192.168.1.1/24 dev lan\nlink set lan up\n".to_owned();
        for (index, (name, host)) in hosts.iter().zip(&inside).enumerate() {
            let _ = writeln!(self.links, "netns add {name}");
            let _ = writeln!(self.links, "link add lan netns {name} type veth peer name port{index} netns {router}");
            let _ = writeln!(script, "link set port{index} master lan\nlink set port{index} up");
            self.batch(
                name,
                &format!("addr add {}/24 dev lan\nlink set lan up\nroute add default via 192.168.1.1\n", host.ip()),
            );
        }
        self.batch(&router, &script);
        let _ = writeln!(self.set_up, "on {router} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'");
        let _ = writeln!(self.set_up, "on {router} nft -f - <<'END'\n{}\nEND", nat.rules(&inside));
    }

    /// Makes all of it.
    ///
    /// # Errors
    /// Where a command fails in the lab.
    pub fn build(&self, lab: &Lab) -> Result<(), LabError> {
        let Self { links, set_up, .. } = self;
        // The gateway of everybody forwards nothing.
        lab.run(&format!(
            "ip netns add {SWITCH}
            ip -n {SWITCH} link add switch type bridge
            ip -n {SWITCH} addr add 198.18.255.254/16 dev switch
            ip -n {SWITCH} link set switch up
            on {SWITCH} sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward'
            ip -batch - <<'END'\n{links}\nEND\n{set_up}"
        ))
    }

    fn next_public(&mut self) -> Ipv4Addr {
        self.public += 1;
        let [high, low] = self.public.to_be_bytes();
        Ipv4Addr::new(198, 18, high, low)
    }

    /// Joins a namespace to the switch by an interface with this public address.
    fn join(&mut self, namespace: &str, interface: &str, port: &str, address: Ipv4Addr) {
        let _ =
            writeln!(self.links, "link add {interface} netns {namespace} type veth peer name {port} netns {SWITCH}");
        self.batch(SWITCH, &format!("link set {port} master switch\nlink set {port} up\n"));
        let script = format!(
            "addr add {address}/16 dev {interface}\nlink set {interface} up\nroute add default via 198.18.255.254\n"
        );
        self.batch(namespace, &script);
    }

    fn batch(&mut self, namespace: &str, lines: &str) {
        let _ = writeln!(self.set_up, "ip -n {namespace} -batch - <<'END'\nlink set lo up\n{lines}END");
    }
}
