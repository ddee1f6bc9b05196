//! Our node of the DHT for live tests: the twin of `interop/peers/dht.py`, as far as finding peers goes. Each request is a line of
//! JSON on standard input, and so is each answer on standard output.
//!
//! Tests start it as `env!("CARGO_BIN_EXE_test-dht-peer")`.
#![allow(clippy::print_stdout, reason = "its answers are lines on standard output")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use ipv8::dht::{Dht, DhtCommunity, PingChurn, TraceEvent};
use ipv8::{Curve, MaxPeers, Mid, RandomWalk, Target};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Parser)]
#[command(about = "A node of the DHT that finds peers, for live tests")]
struct Flags {
    /// Where to listen
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Nodes to walk to while there are no peers
    #[arg(long, value_name = "IP:PORT", num_args = 1..)]
    contact: Vec<SocketAddr>,
    /// Peers to look for
    #[arg(long, value_name = "N", default_value_t = 20)]
    target: usize,
    /// End after this long
    #[arg(long, value_name = "S", default_value_t = 300.0)]
    seconds: f64,
}

/// What was asked for on one line.
async fn answer(dht: &Dht, request: &Value) -> anyhow::Result<Value> {
    match request.get("do").and_then(Value::as_str) {
        Some("store-peer") => Ok(json!({"nodes": [dht.handle().with(|dht, _| dht.keepers().len())?]})),
        Some("connect") => {
            let mid = mid(request.get("key").and_then(Value::as_str).context("no key")?)?;
            let known = dht.handle().with(|_, cx| cx.peer(&mid).is_some())?;
            let (found, trace) = dht.trace_peer(mid, None).await;
            let punctured = trace.iter().any(|step| step.event == TraceEvent::Punctured);
            let peers = match found {
                Ok(found) => found,
                Err(error) => return Ok(json!({"error": error.to_string()})),
            };
            let show =
                |peer: &ipv8::Peer| json!({"mid": peer.mid().to_string(), "address": peer.address().to_string()});
            let peers: Vec<Value> = peers.iter().map(show).collect();
            Ok(json!({"peers": peers, "known": known, "punctured": punctured}))
        }
        other => anyhow::bail!("no request {other:?}"),
    }
}

fn mid(hex: &str) -> anyhow::Result<Mid> {
    let byte = |place: usize| hex.get(2 * place..2 * place + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..20).map(byte).collect();
    let bytes: Option<[u8; 20]> = bytes.and_then(|bytes| bytes.try_into().ok());
    Ok(Mid(bytes.context("a key is 40 hex digits")?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let overlay = DhtCommunity::default()
        .overlay()
        .max_peers(MaxPeers::Unlimited)
        .strategy(RandomWalk::default(), Target::Peers(flags.target))
        .strategy(PingChurn::default(), Target::Always)
        .no_bootstrappers();
    let builder = ipv8::builder().no_default_bootstrap().fresh_key(Curve::Curve25519);
    let service = builder.listen(flags.listen).overlay(overlay).start().await?;
    let listen: Vec<String> = service.local_addresses().iter().map(ToString::to_string).collect();
    println!("{}", json!({"event": "started", "listen": listen, "mid": service.mid().to_string()}));
    let dht = Dht::new(service.handle::<DhtCommunity>().context("the community is loaded")?);
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut look = tokio::time::interval(Duration::from_secs(1));
    let end = tokio::time::sleep(Duration::try_from_secs_f64(flags.seconds)?);
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            result = tokio::signal::ctrl_c() => { result?; break }
            _ = terminated.recv() => break,
            _ = look.tick() => dht.handle().with(|_, cx| {
                if cx.peer_count() == 0 {
                    flags.contact.iter().for_each(|contact| cx.walk_to(*contact));
                }
            })?,
            line = lines.next_line() => {
                let Some(line) = line? else { break };
                let mut result = answer(&dht, &serde_json::from_str(&line)?).await?;
                if let Some(result) = result.as_object_mut() {
                    result.insert("event".to_owned(), "answer".into());
                }
                println!("{result}");
            }
        }
    }
    service.stop().await;
    Ok(())
}
