//! Bootstrappers: where a community finds its first peers.

use std::net::SocketAddr;

use crate::{community::OverlayId, context::Context};

/// A source of first peers.
///
/// It is asked when the community has no peers, and now and then while it has some, to mend a network that fell into
/// parts. It gets a [`Context`] as a handler does. The node performs no I/O: names are resolved by the driver, which a
/// bootstrapper asks for with [`Context::resolve`].
pub trait Bootstrapper: Send {
    /// The name in logs and configurations.
    fn name(&self) -> &'static str;

    /// The community is being loaded.
    fn started(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// The community has no peers: contact somebody. May be called at every step of every strategy.
    fn bootstrap(&mut self, cx: &mut Context<'_>);

    /// Whether [`Bootstrapper::keep_alive`] makes sense yet.
    fn is_initialized(&self) -> bool;

    /// The community has peers, and one in twenty steps comes here to keep contact with the source.
    fn keep_alive(&mut self, cx: &mut Context<'_>);

    /// A [beacon](crate::beacon) of somebody in this community arrived, from this address. It proves nothing: anybody can
    /// send one, with any source.
    fn beacon(&mut self, cx: &mut Context<'_>, from: SocketAddr) {
        let _ = (cx, from);
    }

    /// A time passed that this bootstrapper, or another one of the community, asked for with
    /// [`Context::wake_bootstrappers`].
    fn woken(&mut self, cx: &mut Context<'_>) {
        let _ = cx;
    }

    /// The driver resolved a name that was asked for; no addresses mean that it could not.
    fn resolved(&mut self, cx: &mut Context<'_>, host: &str, port: u16, addresses: &[SocketAddr]) {
        let _ = (cx, host, port, addresses);
    }
}

/// A host name that the driver is asked to resolve; answer with [`Node::resolved`](crate::Node::resolved).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    pub(crate) overlay: OverlayId,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Resolve {
    /// The name.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that goes with it.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}
