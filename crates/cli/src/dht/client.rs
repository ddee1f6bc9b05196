//! A running node that is asked through its API.

use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use ipv8_crypto::Mid;
use ipv8_dht::Key;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;

use super::trace::Step;
use super::{Found, FoundPeer, FoundPeers, FoundValue, Put};
use crate::failure::Failure;

/// Bytes of an answer that are read.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// A node's API.
pub(crate) struct Client {
    api: SocketAddr,
}

#[derive(Deserialize)]
struct Stored {
    stored_on: usize,
    republished_every: Option<u64>,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<OneValue>,
    #[serde(default)]
    trace: Vec<Step>,
}

#[derive(Deserialize)]
struct OneValue {
    public_key: Option<String>,
    value: String,
}

#[derive(Deserialize)]
struct Peers {
    peers: Vec<OnePeer>,
    #[serde(default)]
    trace: Vec<Step>,
}

#[derive(Deserialize)]
struct OnePeer {
    public_key: String,
    address: (String, u16),
}

#[derive(Deserialize)]
struct Forgotten {
    forgotten: usize,
}

impl Client {
    pub(crate) const fn new(api: SocketAddr) -> Self {
        Self { api }
    }

    pub(crate) async fn put(&self, key: &Key, value: &[u8], sign: bool) -> Result<Put, Failure> {
        let body = json!({"value": hex::encode(value), "sign": sign});
        let stored: Stored = self.ask(Method::PUT, &format!("/dht/values/{}", hex::encode(key)), &body).await?;
        let republished = stored.republished_every.map(Duration::from_secs);
        Ok(Put { stored_on: stored.stored_on, republished })
    }

    pub(crate) async fn get(&self, key: &Key) -> Result<Found, Failure> {
        let path = format!("/dht/values/{}?trace=1", hex::encode(key));
        let Values { values, trace } = self.ask(Method::GET, &path, &Json::Null).await?;
        let values = values.into_iter().map(|value| {
            let data = hex::decode(&value.value).map_err(|_| self.strange())?;
            let public_key = value.public_key.map(|key| STANDARD.decode(key)).transpose();
            Ok(FoundValue { data, public_key: public_key.map_err(|_| self.strange())? })
        });
        Ok(Found { values: values.collect::<Result<_, Failure>>()?, trace })
    }

    pub(crate) async fn find_peer(&self, mid: &Mid) -> Result<FoundPeers, Failure> {
        let path = format!("/dht/peers/{mid}?trace=1");
        let Peers { peers, trace } = self.ask(Method::GET, &path, &Json::Null).await?;
        let peers = peers.into_iter().map(|peer| {
            let public_key = STANDARD.decode(peer.public_key).map_err(|_| self.strange())?;
            let ip = peer.address.0.parse().map_err(|_| self.strange())?;
            Ok(FoundPeer { public_key, address: SocketAddr::new(ip, peer.address.1) })
        });
        Ok(FoundPeers { peers: peers.collect::<Result<_, Failure>>()?, trace })
    }

    pub(crate) async fn forget(&self, key: &Key) -> Result<usize, Failure> {
        let path = format!("/dht/values/{}", hex::encode(key));
        let Forgotten { forgotten } = self.ask(Method::DELETE, &path, &Json::Null).await?;
        Ok(forgotten)
    }

    fn strange(&self) -> Failure {
        Failure::Failed(format!("what answers at {} is no API of an IPv8 node: look at --api", self.api))
    }

    /// One request and its answer.
    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: &Json) -> Result<T, Failure> {
        let api = self.api;
        let no_answer = |error: &dyn std::fmt::Display| {
            Failure::Failed(format!(
                "nothing answers at {api} ({error}): look at --api, and whether the node runs with it"
            ))
        };
        let stream = TcpStream::connect(api).await.map_err(|error| no_answer(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| no_answer(&error))?;
        // It ends with the sender.
        let connection = tokio::spawn(connection);
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", api.to_string())
            .header("Content-Type", "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| no_answer(&error))?;
        let response = sender.send_request(request).await.map_err(|error| no_answer(&error))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES).collect().await.map_err(|error| no_answer(&error))?;
        connection.abort();
        let body = body.to_bytes();
        match serde_json::from_slice(&body) {
            Ok(answer) if status == StatusCode::OK => Ok(answer),
            _ => Err(reason(&body).map_or_else(|| self.strange(), Failure::Failed)),
        }
    }
}

/// Why the node did not do it: the reference has texts for refusals, and objects for what went wrong.
fn reason(body: &[u8]) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let text = error.as_str().or_else(|| error.get("message")?.as_str())?;
    Some(text.to_owned())
}
