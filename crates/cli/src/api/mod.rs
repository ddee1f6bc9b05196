//! HTTP for this machine: what the APIs of `ipv8 tracker` and `ipv8 run` share, and the routes of the latter.

pub(crate) mod dht;
mod shapes;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::failure::Failure;

/// Connections that are served at once; others wait to be accepted.
const MOST_CONNECTIONS: usize = 64;

/// How long a client may take for the head of its request.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// How long a connection may last, whatever it does: 100,000 peers of a tracker are some eight megabytes.
const LONGEST_CONNECTION: Duration = Duration::from_secs(60);

/// How long to wait after a connection that could not be accepted, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_millis(500);

/// An open port.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Opens a port.
    ///
    /// # Errors
    /// If the system does not allow it: it is an address that the user named.
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, Failure> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => Failure::Failed(format!(
                "--api: {address} is in use: stop what listens there, or name another port (0 picks a free one)"
            )),
            _ => Failure::Failed(format!("--api: cannot listen at {address}: {error}")),
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until it is dropped.
    pub(crate) async fn serve(self, router: Router) {
        let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = tokio::task::JoinSet::new();
        loop {
            // Nobody closes it.
            let Ok(permit) = permits.clone().acquire_owned().await else { return };
            while connections.try_join_next().is_some() {}
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::debug!(%error, "a connection to the API was not accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let service = TowerToHyperService::new(router.clone());
            connections.spawn(async move {
                let mut builder = auto::Builder::new(hyper_util::rt::TokioExecutor::new()).http1_only();
                builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN);
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                match tokio::time::timeout(LONGEST_CONNECTION, connection).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "a connection to the API ended early"),
                    Err(_) => tracing::debug!("a connection to the API lasted too long"),
                }
                drop(permit);
            });
        }
    }
}

/// Refuses what pages in a browser on this machine ask for, whoever wrote them: they could have the node store values under its
/// key, or, since looking for a peer pings it, write to whom they like. Browsers name the page's origin, or say that it is another
/// site; and a page that has a name of its own stand for 127.0.0.1 has that name in `Host`, where an address or `localhost`
/// must be. What is no browser says none of it, and is let in.
async fn not_from_pages(request: Request, next: Next) -> Response {
    match refused(request.headers()) {
        None => next.run(request).await,
        Some(what) => shapes::Refusal::new(StatusCode::FORBIDDEN, what).into_response(),
    }
}

fn refused(headers: &HeaderMap) -> Option<&'static str> {
    let header = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = header(header::HOST).unwrap_or_default();
    let site = header(HeaderName::from_static("sec-fetch-site"));
    if !is_address(host) {
        Some("the Host of the request must be an address, or localhost")
    } else if is_of_other_page(host, header(header::ORIGIN), site) {
        Some("the request must not come from a page of another site")
    } else {
        None
    }
}

/// Whether a browser says that a page of another origin sends this.
fn is_of_other_page(host: &str, origin: Option<&str>, site: Option<&str>) -> bool {
    let here = |origin: &str| origin.strip_prefix("http://").is_some_and(|origin| origin.eq_ignore_ascii_case(host));
    // `none` is what the user asks for, by typing the address for example.
    origin.is_some_and(|origin| !here(origin)) || site.is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

fn is_address(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    name == "localhost" || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok()
}

async fn nowhere() -> Response {
    (StatusCode::NOT_FOUND, "there is no such route\n").into_response()
}

#[cfg(test)]
mod tests {
    use super::{is_address, is_of_other_page};

    #[test]
    fn a_page_of_another_origin_is_known_by_what_its_browser_says() {
        let of_other = |origin, site| is_of_other_page("127.0.0.1:8085", origin, site);
        assert!(!of_other(None, None));
        assert!(!of_other(None, Some("none")) && !of_other(None, Some("same-origin")));
        assert!(!of_other(Some("http://127.0.0.1:8085"), Some("same-origin")));
        assert!(of_other(None, Some("cross-site")) && of_other(None, Some("same-site")));
        for origin in
            ["null", "http://127.0.0.1:8086", "http://127.0.0.1", "https://127.0.0.1:8085", "http://evil.example"]
        {
            assert!(of_other(Some(origin), None), "{origin}");
        }
    }

    #[test]
    fn a_host_is_an_address_or_localhost() {
        for host in ["127.0.0.1", "127.0.0.1:8085", "[::1]:8085", "[::1]", "localhost", "localhost:1"] {
            assert!(is_address(host), "{host}");
        }
        for host in ["", "example.org", "example.org:8085", "localhost.example.org", "127.0.0.1.example.org:1"] {
            assert!(!is_address(host), "{host}");
        }
    }
}
