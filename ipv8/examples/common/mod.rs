//! What all examples share: their flags, and how they tell what happens.
#![allow(dead_code, clippy::print_stdout, reason = "each example uses a part of it, and printing is what examples do")]

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use ipv8::{Builder, CommunityId, Curve, Peer, Service};
use serde_json::json;

/// The flags of every example.
#[derive(Args, Clone)]
pub(crate) struct Common {
    /// Where to listen; port 0 picks a free one
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// A tracker or another peer to start from; may be given again
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap: Vec<String>,
    /// The community to join instead of the example's own
    #[arg(long, value_name = "HEX40")]
    pub(crate) community: Option<CommunityId>,
    /// The key file to use, made if it is not there; without it, a fresh key
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Stop after so many seconds instead of at Ctrl-C
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl Common {
    /// A node with these flags and a key of this curve.
    pub(crate) fn builder(&self, curve: Curve) -> Builder {
        let builder = ipv8::builder().listen(self.listen).no_default_bootstrap();
        let builder = match &self.key {
            Some(path) => builder.key_file(path, curve),
            None => builder.fresh_key(curve),
        };
        self.bootstrap.iter().fold(builder, |builder, tracker| builder.bootstrap(tracker))
    }

    /// Says that the node runs.
    pub(crate) fn print_started(&self, service: &Service) {
        let listen = service.local_addresses().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        if self.json {
            println!("{}", json!({"event": "started", "listen": listen, "mid": service.mid().to_string()}));
        } else {
            println!("listening on {listen} as {}", service.mid());
        }
    }

    /// Waits for the end: the given time, Ctrl-C or SIGTERM.
    pub(crate) async fn until_stopped(&self) -> std::io::Result<Stopped> {
        let time = async {
            match self.seconds {
                Some(seconds) => {
                    tokio::time::sleep(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)).await
                }
                None => std::future::pending().await,
            }
        };
        let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            () = time => Ok(Stopped::TimeIsUp),
            result = tokio::signal::ctrl_c() => result.map(|()| Stopped::Asked),
            _ = terminated.recv() => Ok(Stopped::Asked),
        }
    }
}

/// Why an example ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stopped {
    /// The time of `--seconds` is over.
    TimeIsUp,
    /// Ctrl-C or SIGTERM.
    Asked,
}

/// Says that a peer was found.
pub(crate) fn print_peer(json: bool, peer: &Peer) {
    if json {
        let address = peer.address().to_string();
        println!("{}", json!({"event": "peer", "mid": peer.mid().to_string(), "address": address}));
    } else {
        println!("found {peer}");
    }
}

/// Logs go to standard error: warnings, unless `IPV8_LOG` says otherwise.
pub(crate) fn log_to_stderr() {
    let level = std::env::var("IPV8_LOG").ok().and_then(|level| level.parse().ok());
    tracing_subscriber::fmt()
        .with_max_level(level.unwrap_or(tracing_subscriber::filter::LevelFilter::WARN))
        .with_writer(std::io::stderr)
        .init();
}
