//! What `ipv8 dht` is asked for.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use ipv8_crypto::Mid;
use ipv8_dht::{Key, key_of};
use ipv8_wire::Address;

/// How long a command may take unless it is told otherwise.
const PATIENCE: &str = "30";

#[derive(Subcommand, Debug)]
pub(crate) enum DhtCommand {
    /// Store a value under a key
    Put {
        #[command(flatten)]
        common: Common,
        /// Sign the value, so that whoever finds it knows whose it is: 23 bytes at most with a key of curve25519, instead of 169
        #[arg(long)]
        sign: bool,
        /// The value is given in hex
        #[arg(long)]
        hex: bool,
        /// 40 hex digits are the key itself; of anything else it is the SHA-1
        key: String,
        /// What to store: text, or bytes with --hex
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Find the values of a key
    Get {
        #[command(flatten)]
        common: Common,
        /// Tell which nodes were asked, and what they said
        #[arg(long)]
        trace: bool,
        /// 40 hex digits are the key itself; of anything else it is the SHA-1
        key: String,
    },
    /// Find a peer by the SHA-1 of its public key, wherever it is
    FindPeer {
        #[command(flatten)]
        common: Common,
        /// Tell which nodes were asked, and what they said
        #[arg(long)]
        trace: bool,
        /// 40 hex digits: the mid that `ipv8 key show` prints
        #[arg(value_parser = mid)]
        mid: Mid,
    },
    /// Have a running node stop storing again what it stored under a key; other nodes forget it within an hour or two
    Forget {
        /// The API of the running node
        #[arg(long, value_name = "IP:PORT", value_parser = crate::args::socket_address)]
        api: SocketAddr,
        /// Give up after so many seconds
        #[arg(long, value_name = "SECONDS", default_value = PATIENCE, value_parser = crate::args::seconds)]
        timeout: Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
        /// 40 hex digits are the key itself; of anything else it is the SHA-1
        key: String,
    },
}

/// What all of them take.
#[derive(clap::Args, Debug)]
pub(crate) struct Common {
    /// A tracker, or a node of the DHT, to start from; may be given again
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    pub(crate) bootstrap: Vec<Address>,
    /// Start from the public trackers, too
    #[arg(long)]
    pub(crate) default_bootstrap: bool,
    /// Have a node that runs do it, through its API, instead of one that lives as long as the command
    #[arg(long, value_name = "IP:PORT", value_parser = crate::args::socket_address,
        conflicts_with_all = ["bootstrap", "default_bootstrap", "key_file"])]
    pub(crate) api: Option<SocketAddr>,
    /// File with the private key to be and to sign with, made if it is not there; without it, a fresh key
    #[arg(long = "key", id = "key_file", value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = PATIENCE, value_parser = crate::args::seconds)]
    pub(crate) timeout: Duration,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

fn address(text: &str) -> Result<Address, String> {
    let address: Option<Address> = text.parse().ok();
    address.filter(|address| address.port() != 0).ok_or_else(|| "write HOST:PORT, IP:PORT or [IPv6]:PORT".to_owned())
}

fn mid(text: &str) -> Result<Mid, String> {
    twenty(text).map(Mid).ok_or_else(|| "write 40 hex digits, as `ipv8 key show` prints them".to_owned())
}

fn twenty(text: &str) -> Option<[u8; 20]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// The key that is meant.
pub(crate) fn key(text: &str) -> Key {
    twenty(text).unwrap_or_else(|| key_of(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forty_hex_digits_are_a_key_and_all_else_is_hashed() {
        assert_eq!(key(&"aB".repeat(20)), [0xab; 20]);
        assert_eq!(hex::encode(key("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(key(&"g".repeat(40)), key_of("g".repeat(40)));
        assert_eq!(key(&"ab".repeat(19)), key_of("ab".repeat(19)));
    }
}
