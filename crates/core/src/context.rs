//! What a handler can do: the node as seen from inside one community.

use std::{any::Any, future::Future, net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use ipv8_crypto::{Mid, PrivateKey, PublicKey};
use ipv8_wire::{CommunityId, Outgoing, Prefix};
use rand::rngs::StdRng;

use crate::{
    bootstrap::{Bootstrapper, Resolve},
    community::{Community, OverlayId},
    handle::Handle,
    inbound::{Accepted, SenderKey},
    network::{Network, PeerRecord},
    outbox::{self, SendError},
    peer::Peer,
    request::RequestKey,
    routes::{Outcome, erase_callback},
    schedule::{Callback, CallbackId, Schedule, TaskError, TaskKind, TaskRef},
    state::{OverlayState, State},
    stats::DropReason,
    strategy::{Strategy, Target},
    time::Time,
    timers::Timer,
};

/// A message on its way to a handler.
pub struct Received<'a> {
    pub(crate) packet: &'a Accepted<'a>,
}

impl Received<'_> {
    /// Where the datagram came from. Unlike a peer's key, an address proves nothing.
    #[must_use]
    pub const fn source(&self) -> SocketAddr {
        self.packet.source
    }

    pub(crate) const fn source_ref(&self) -> &SocketAddr {
        &self.packet.source
    }

    /// The whole datagram.
    #[must_use]
    pub const fn datagram(&self) -> &[u8] {
        self.packet.datagram
    }

    /// The message without header, key, global time and signature.
    #[must_use]
    pub const fn payload(&self) -> &[u8] {
        self.packet.payload
    }

    /// The community that the packet names: the handler's own, unless it was loaded for any
    /// ([`OverlayConfig::any_prefix`](crate::OverlayConfig::any_prefix)).
    #[must_use]
    pub fn community_id(&self) -> Option<CommunityId> {
        self.packet.datagram.get(2..22)?.try_into().ok().map(CommunityId)
    }

    /// The message id.
    #[must_use]
    pub const fn message_id(&self) -> u8 {
        self.packet.id
    }

    /// The sender's global time, if the message carries one.
    #[must_use]
    pub const fn global_time(&self) -> Option<u64> {
        self.packet.global_time
    }

    /// The key that signed the message, if it is signed.
    #[must_use]
    pub fn key(&self) -> Option<&PublicKey> {
        self.sender_key().map(|sender| &sender.key)
    }

    pub(crate) const fn sender_key(&self) -> Option<&SenderKey> {
        self.packet.sender.as_ref()
    }
}

/// The node as one community sees it while one of its handlers runs.
///
/// Sending queues: datagrams leave when the turn ends. Nothing here blocks.
pub struct Context<'a> {
    pub(crate) state: &'a mut State,
    pub(crate) overlay: &'a mut OverlayState,
    pub(crate) received: Option<&'a Received<'a>>,
}

/// Time, randomness, identity.
impl Context<'_> {
    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Time {
        self.state.now
    }

    /// Seconds and nanoseconds since 1970, as far as the driver knows them: for values that others read. Use
    /// [`Context::now`] to measure.
    #[must_use]
    pub fn unix_time(&self) -> Duration {
        self.state.unix_origin + self.state.now.since_origin()
    }

    /// The node's randomness, repeatable from the seed that the driver gave; with a secret seed it is fit for secrets.
    pub fn rng(&mut self) -> &mut StdRng {
        &mut self.state.rng
    }

    /// The key that signs this community's messages.
    #[must_use]
    pub fn my_key(&self) -> &PublicKey {
        self.overlay.key.public()
    }

    /// Our own member id in this community.
    #[must_use]
    pub fn my_mid(&self) -> Mid {
        self.overlay.key.mid()
    }

    /// This community's id.
    #[must_use]
    pub fn community_id(&self) -> CommunityId {
        self.overlay.community_id
    }

    /// This community's name, as in logs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.overlay.name
    }

    /// This overlay's id in the node.
    #[must_use]
    pub fn overlay_id(&self) -> OverlayId {
        self.overlay.id
    }

    /// Our address in the LAN, estimated; 0.0.0.0:0 while the driver has not told it.
    #[must_use]
    pub fn lan(&self) -> SocketAddr {
        self.state.own.lan()
    }

    /// Our address on the Internet: what peers say, or else the LAN address.
    #[must_use]
    pub fn wan(&self) -> SocketAddr {
        self.state.own.wan
    }

    /// Whether this machine has this address, as far as the driver told.
    #[must_use]
    pub fn is_own_address(&self, ip: std::net::IpAddr) -> bool {
        self.state.own.is_ours(ip)
    }

    /// The message that is being handled; `None` in tasks, strategies and hooks.
    #[must_use]
    pub fn received(&self) -> Option<&Received<'_>> {
        self.received
    }

    /// The Lamport time of the key that this community uses. Received times are never merged into it, as in the
    /// reference.
    #[must_use]
    pub fn global_time(&self) -> u64 {
        self.state.clocks.get(&self.my_mid()).copied().unwrap_or(0)
    }

    /// Sets the Lamport time, for a node that goes on where it was.
    pub fn set_global_time(&mut self, time: u64) {
        self.state.clocks.insert(self.overlay.key.mid(), time);
    }

    /// The private key of this community.
    #[must_use]
    pub fn private_key(&self) -> &PrivateKey {
        &self.overlay.key
    }

    /// Sets what is taken for our address on the Internet, until a peer tells otherwise.
    pub fn set_wan(&mut self, wan: SocketAddr) {
        self.state.own.wan = wan;
    }

    /// Advances the Lamport time by one and returns it.
    pub fn claim_global_time(&mut self) -> u64 {
        let clock = self.state.clocks.entry(self.overlay.key.mid()).or_insert(0);
        *clock = clock.saturating_add(1);
        *clock
    }

    /// The communities that are loaded in this node, with the key that each uses.
    pub fn communities(&self) -> impl Iterator<Item = (CommunityId, &PrivateKey)> {
        self.state.directory.values().map(|entry| (entry.0, &entry.1))
    }
}

/// Peers.
impl Context<'_> {
    /// The verified peers of this community.
    #[must_use]
    pub fn peers(&self) -> Vec<Peer> {
        self.network().serving(self.overlay.community_id).filter_map(PeerRecord::peer).collect()
    }

    /// How many verified peers this community has.
    #[must_use]
    pub fn peer_count(&self) -> usize {
        self.network().count_serving(self.overlay.community_id)
    }

    /// A random verified peer of this community.
    pub fn random_peer(&mut self) -> Option<Peer> {
        let service = self.overlay.community_id;
        let (network, rng) = self.network_and_rng();
        network.random_serving(service, rng)?.peer()
    }

    /// The verified peer of this id, whatever community it was met in.
    #[must_use]
    pub fn peer(&self, mid: &Mid) -> Option<Peer> {
        self.network().get(mid)?.peer()
    }

    /// The addresses that this community could walk to.
    #[must_use]
    pub fn walkable(&self) -> Vec<SocketAddr> {
        self.network().walkable(self.overlay.community_id).collect()
    }

    /// The peer that signed a message: a known one, which is from now on at the address where the message came from, or
    /// one made for the occasion.
    pub(crate) fn identify(&mut self, received: &Received<'_>) -> Option<Peer> {
        let sender = received.sender_key()?;
        let source = received.source();
        let known = if sender.canonical { self.network_mut().seen_at(&sender.key.mid(), source) } else { None };
        match known {
            Some(record) => record.peer(),
            None => Some(Peer::new(sender.key.clone(), source)),
        }
    }

    /// The graph of peers and addresses.
    #[must_use]
    pub fn network(&self) -> &Network {
        self.overlay.own_network.as_ref().unwrap_or(&self.state.network)
    }

    /// The graph, to change it.
    pub fn network_mut(&mut self) -> &mut Network {
        self.overlay.own_network.as_mut().unwrap_or(&mut self.state.network)
    }

    pub(crate) fn network_and_rng(&mut self) -> (&mut Network, &mut StdRng) {
        (self.overlay.own_network.as_mut().unwrap_or(&mut self.state.network), &mut self.state.rng)
    }
}

/// Sending.
impl Context<'_> {
    /// Sends a message to a peer: signed unless the message says otherwise. A message that cannot be sent is dropped,
    /// counted and logged; use [`Context::try_send`] to learn of it.
    pub fn send<M: Outgoing>(&mut self, to: &Peer, message: M) {
        if let Err(error) = self.try_send(to, message) {
            self.refuse(&error);
        }
    }

    /// Sends a message to a peer, at the address where it is now.
    ///
    /// # Errors
    /// If the message cannot be written, is too large, or the queue to the driver is full.
    pub fn try_send<M: Outgoing>(&mut self, to: &Peer, message: M) -> Result<(), SendError> {
        let known = self.network().get(&to.mid()).and_then(|record| record.addresses().preferred());
        self.try_send_to(known.unwrap_or_else(|| to.address()), message)
    }

    /// Sends a message to an address. As [`Context::send`] otherwise.
    pub fn send_to<M: Outgoing>(&mut self, to: SocketAddr, message: M) {
        if let Err(error) = self.try_send_to(to, message) {
            self.refuse(&error);
        }
    }

    /// Sends a message to an address.
    ///
    /// # Errors
    /// As [`Context::try_send`].
    pub fn try_send_to<M: Outgoing>(&mut self, to: SocketAddr, message: M) -> Result<(), SendError> {
        let global_time = M::GLOBAL_TIME.then(|| self.claim_global_time());
        self.post(to, global_time, &message)
    }

    /// Makes a complete packet without sending it.
    ///
    /// # Errors
    /// If the message cannot be written or signed, or is too large.
    pub fn pack<M: Outgoing>(&mut self, message: M) -> Result<Vec<u8>, SendError> {
        let global_time = M::GLOBAL_TIME.then(|| self.claim_global_time());
        self.pack_at(global_time, &message)
    }

    /// Makes a complete packet in the name of another community, with another key or another global time, without
    /// sending it; for those who know why.
    ///
    /// # Errors
    /// As [`Context::pack`].
    pub fn pack_as<M: Outgoing>(
        &self,
        community: CommunityId,
        key: &PrivateKey,
        global_time: Option<u64>,
        message: &M,
    ) -> Result<Vec<u8>, SendError> {
        finish(key, outbox::write_packet(Prefix::new(community).as_bytes(), key, global_time, message)?, M::SIGNED)
    }

    /// Sends bytes as they are. As [`Context::send`] otherwise.
    pub fn send_packet(&mut self, to: SocketAddr, packet: Vec<u8>) {
        if let Err(error) = self.state.outbox.push(to, packet, None) {
            self.refuse(&error);
        }
    }

    /// What this community adds to its introduction requests and responses.
    pub fn set_introduction_extra(&mut self, request: Vec<u8>, response: Vec<u8>) {
        self.overlay.request_extra = request;
        self.overlay.response_extra = response;
    }

    pub(crate) fn pack_at<M: Outgoing>(&self, global_time: Option<u64>, message: &M) -> Result<Vec<u8>, SendError> {
        self.pack_as(self.overlay.community_id, &self.overlay.key, global_time, message)
    }

    /// Queues a message; it is signed when the turn ends.
    pub(crate) fn post<M: Outgoing>(
        &mut self,
        to: SocketAddr,
        global_time: Option<u64>,
        message: &M,
    ) -> Result<(), SendError> {
        let key = &self.overlay.key;
        let bytes = outbox::write_packet(self.overlay.prefix.as_bytes(), key, global_time, message)?;
        self.state.outbox.push(to, bytes, M::SIGNED.then(|| key.clone()))
    }

    pub(crate) fn refuse(&mut self, error: &SendError) {
        self.state.stats.drop(error.reason());
        tracing::debug!(community = self.overlay.name, %error, "message not sent");
    }

    /// Counts and logs that the message being handled was dropped, for handlers that drop by rules of their own.
    pub fn count_drop(&mut self, reason: DropReason) {
        self.state.stats.drop(reason);
        if let Some(received) = self.received {
            tracing::debug!(
                community = self.overlay.name,
                source = %received.source(),
                message = received.message_id(),
                reason = reason.as_str(),
                "dropped"
            );
        }
    }
}

fn finish(key: &PrivateKey, mut bytes: Vec<u8>, signed: bool) -> Result<Vec<u8>, SendError> {
    if signed {
        outbox::sign(key, &mut bytes)?;
    }
    Ok(bytes)
}

/// Tasks. All of them end when the community is unloaded.
impl Context<'_> {
    /// Runs a future as a task of this community, in the node's own turns: no runtime is needed, and in the simulator it
    /// runs under virtual time. Inside, the community is reached through a [`Handle`], see [`Context::handle`].
    pub fn spawn(&mut self, future: impl Future<Output = ()> + Send + 'static) -> TaskRef {
        TaskRef(TaskKind::Future(self.state.tasks.spawn(self.overlay.id, None, Box::pin(future))))
    }

    /// The same under a name.
    ///
    /// # Errors
    /// If a task of this name is there, unless `replace` is set: then that one is cancelled.
    pub fn spawn_named(
        &mut self,
        name: impl Into<Arc<str>>,
        replace: bool,
        future: impl Future<Output = ()> + Send + 'static,
    ) -> Result<TaskRef, TaskError> {
        let name = name.into();
        self.claim_name(&name, replace)?;
        let task =
            TaskRef(TaskKind::Future(self.state.tasks.spawn(self.overlay.id, Some(name.clone()), Box::pin(future))));
        self.overlay.names.insert(name, task);
        Ok(task)
    }

    /// Calls a method of the community as the schedule says.
    ///
    /// # Errors
    /// If the schedule has a name that is taken, unless it says [`Schedule::replacing`].
    pub fn schedule<C, R, F>(&mut self, schedule: Schedule, function: F) -> Result<TaskRef, TaskError>
    where
        C: Community,
        R: Outcome,
        F: FnMut(&mut C, &mut Context<'_>) -> R + Send + 'static,
    {
        self.schedule_erased(schedule, erase_callback(function))
    }

    pub(crate) fn schedule_erased(
        &mut self,
        schedule: Schedule,
        function: crate::schedule::CallbackFn,
    ) -> Result<TaskRef, TaskError> {
        if let Some(name) = &schedule.name {
            self.claim_name(name, schedule.replace)?;
        }
        let id = CallbackId(self.overlay.next_callback);
        self.overlay.next_callback += 1;
        let due = self.state.now + schedule.first_delay();
        let timer = self.state.timers.set(due, Timer::Callback(self.overlay.id, id));
        let task = TaskRef(TaskKind::Callback(id));
        if let Some(name) = &schedule.name {
            self.overlay.names.insert(name.clone(), task);
        }
        self.overlay.callbacks.insert(
            id,
            Callback {
                name: schedule.name,
                period: schedule.period,
                function: Some(function),
                due,
                timer: Some(timer),
            },
        );
        Ok(task)
    }

    /// The live task of this name.
    #[must_use]
    pub fn task(&self, name: &str) -> Option<TaskRef> {
        self.overlay.names.get(name).copied().filter(|task| self.is_alive(*task))
    }

    /// Whether a task has not ended yet.
    #[must_use]
    pub fn is_alive(&self, task: TaskRef) -> bool {
        match task.0 {
            TaskKind::Callback(id) => self.overlay.callbacks.contains_key(&id),
            TaskKind::Future(id) => self.state.tasks.is_alive(id),
        }
    }

    /// Ends a task; false if it had ended.
    pub fn cancel(&mut self, task: TaskRef) -> bool {
        match task.0 {
            TaskKind::Callback(id) => {
                let Some(callback) = self.overlay.callbacks.remove(&id) else {
                    return false;
                };
                if let Some(timer) = callback.timer {
                    self.state.timers.cancel(timer);
                }
                self.forget_name(callback.name.as_deref(), task);
                true
            }
            TaskKind::Future(id) => {
                // One that is cancelled before its end is never reported as ended.
                self.overlay.names.retain(|_, named| *named != task);
                self.state.tasks.cancel(id)
            }
        }
    }

    /// Ends the task of this name; false if there is none.
    pub fn cancel_named(&mut self, name: &str) -> bool {
        self.overlay.names.remove(name).is_some_and(|task| self.cancel(task))
    }

    fn claim_name(&mut self, name: &Arc<str>, replace: bool) -> Result<(), TaskError> {
        match self.task(name) {
            Some(_) if !replace => Err(TaskError::NameTaken(name.clone())),
            Some(_) => {
                self.cancel_named(name);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(crate) fn forget_name(&mut self, name: Option<&str>, task: TaskRef) {
        if let Some(name) = name
            && self.overlay.names.get(name) == Some(&task)
        {
            self.overlay.names.remove(name);
        }
    }

    /// A handle to this community for tasks; `None` if `C` is not its type.
    #[must_use]
    pub fn handle<C: Community>(&self) -> Option<Handle<C>> {
        (self.overlay.type_id == std::any::TypeId::of::<C>())
            .then(|| Handle::new(self.state.shared.clone(), self.overlay.id))
    }

    pub(crate) fn complete_request(&mut self, reply: u8, identifier: u64, peer: &Mid, answer: Box<dyn Any + Send>) {
        let key = RequestKey { overlay: self.overlay.id, reply, identifier };
        match self.state.requests.answered(&key, peer) {
            Some(pending) => {
                self.state.timers.cancel(pending.timer);
                pending.slot.fill(Ok(answer));
            }
            None => self.count_drop(DropReason::Unsolicited),
        }
    }
}

/// Strategies and bootstrappers.
impl Context<'_> {
    /// Adds a strategy to this community while it runs.
    pub fn add_strategy(&mut self, strategy: impl Strategy + 'static, target: Target) {
        self.state.walkers.add(self.overlay.id, Box::new(strategy), target);
        self.state.arm_walk();
    }

    /// Adds a source of first peers to this community while it runs.
    pub fn add_bootstrapper(&mut self, mut bootstrapper: impl Bootstrapper + 'static) {
        bootstrapper.started(self);
        self.overlay.bootstrappers.push(Box::new(bootstrapper));
    }

    /// Asks the driver to resolve a host name; the answer comes to [`Bootstrapper::resolved`].
    pub fn resolve(&mut self, host: impl Into<String>, port: u16) {
        self.state.ask_to_resolve(Resolve { overlay: self.overlay.id, host: host.into(), port });
    }

    /// Calls all bootstrappers of this community, one after the other.
    pub(crate) fn with_bootstrappers(&mut self, mut call: impl FnMut(&mut dyn Bootstrapper, &mut Context<'_>)) {
        let mut all = std::mem::take(&mut self.overlay.bootstrappers);
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| {
            for bootstrapper in &mut all {
                call(bootstrapper.as_mut(), self);
            }
        }));
        // One of them may have added another.
        all.append(&mut self.overlay.bootstrappers);
        self.overlay.bootstrappers = all;
        // One that panicked is kept, and so are the others; the panic is counted where all are.
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }
}
