//! What was captured, and how messages are called.

use ipv8_core::{DropReason, messages};
use ipv8_discovery::messages as discovery;
use ipv8_sim::Fabric;
use ipv8_wire::{Message, Payload};

use crate::{
    net::Net,
    packet::{Captured, End, Party},
};

/// What was captured.
impl<F: Fabric> Net<F> {
    /// The messages of a type that a node's handlers took, in the order in which they arrived.
    ///
    /// # Panics
    /// If it is no node.
    #[must_use]
    #[track_caller]
    pub fn received<M>(&self, node: usize) -> Vec<M>
    where
        M: Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
    {
        let packets = self.received_packets(node);
        let log = self.log.lock();
        packets.iter().filter(|packet| log.is::<M>(packet)).filter_map(Captured::read::<M>).collect()
    }

    /// The messages of a type that a node sent, whether they arrived or not, in order.
    ///
    /// # Panics
    /// If it is no node.
    #[must_use]
    #[track_caller]
    pub fn sent<M>(&self, node: usize) -> Vec<M>
    where
        M: Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
    {
        let packets = self.sent_packets(node);
        let log = self.log.lock();
        packets.iter().filter(|packet| log.is::<M>(packet)).filter_map(Captured::read::<M>).collect()
    }

    /// All packets, in the order in which they were sent.
    #[must_use]
    pub fn packets(&self) -> Vec<Captured> {
        self.learn_names();
        self.settle();
        let log = self.log.lock();
        log.packets().cloned().collect()
    }

    /// The packets that a node's handlers took, in the order in which they arrived.
    ///
    /// # Panics
    /// If it is no node.
    #[must_use]
    #[track_caller]
    pub fn received_packets(&self, node: usize) -> Vec<Captured> {
        self.place(node);
        let mut packets = self.packets();
        packets.retain(|packet| packet.to == node && packet.end.is_delivered());
        packets.sort_by_key(|packet| packet.arrival);
        packets
    }

    /// The packets that a node sent, in order, without the copies that links made.
    ///
    /// # Panics
    /// If it is no node.
    #[must_use]
    #[track_caller]
    pub fn sent_packets(&self, node: usize) -> Vec<Captured> {
        self.place(node);
        let mut packets = self.packets();
        packets.retain(|packet| packet.from == node && !packet.copy && !packet.injected);
        packets
    }

    /// The packets that a node dropped, or that were lost on the way to it, in the order in which they were sent;
    /// [`Captured::end`] says why.
    ///
    /// # Panics
    /// If it is no node.
    #[must_use]
    #[track_caller]
    pub fn dropped_packets(&self, node: usize) -> Vec<Captured> {
        self.place(node);
        let mut packets = self.packets();
        packets.retain(|packet| packet.to == node && !matches!(packet.end, End::UnderWay | End::Delivered));
        packets
    }

    /// Why a node dropped packets, in the order in which they were sent.
    ///
    /// # Panics
    /// If it is no node.
    #[must_use]
    #[track_caller]
    pub fn drops(&self, node: usize) -> Vec<DropReason> {
        let packets = self.dropped_packets(node);
        let reason = |packet: &Captured| match packet.end {
            End::Dropped(reason) => Some(reason),
            _ => None,
        };
        packets.iter().filter_map(reason).collect()
    }

    /// Forgets what was captured so far, so that assertions are about what comes next. Traces begin there too.
    pub fn forget(&mut self) {
        self.log.lock().clear();
    }

    /// Names a message's type, so that traces show its fields. Those that an assertion names are known from then on.
    pub fn describe<M>(&self)
    where
        M: Message,
        for<'a> M::Of<'a>: std::fmt::Debug,
    {
        self.log.lock().describe::<M>();
    }

    /// Lets assertions pass over a message: pings, for example. Introductions and punctures are passed over always.
    pub fn ignore<M: Message>(&mut self) {
        self.ignored.push((M::ID, M::NAME));
    }

    /// What every node speaks.
    pub(crate) fn with_known_messages(self) -> Self {
        self.describe::<messages::IntroductionRequest>();
        self.describe::<messages::IntroductionResponse>();
        self.describe::<messages::NewIntroductionRequest>();
        self.describe::<messages::NewIntroductionResponse>();
        self.describe::<messages::PunctureRequest>();
        self.describe::<messages::Puncture>();
        self.describe::<messages::NewPunctureRequest>();
        self.describe::<messages::NewPuncture>();
        self.describe::<discovery::DiscoveryIntroductionRequest>();
        self.describe::<discovery::SimilarityRequest>();
        self.describe::<discovery::SimilarityResponse>();
        self.describe::<discovery::Ping>();
        self.describe::<discovery::Pong>();
        self
    }

    /// Marks what arrived at nodes that are down.
    pub(crate) fn settle(&self) {
        let mut log = self.log.lock();
        if log.is_waited_for() {
            log.settle(|node| self.nodes.get(node).is_some_and(|place| self.world.is_up(place.id)));
        }
    }

    /// Asks all nodes what the messages are called that they sent.
    pub(crate) fn learn_names(&self) {
        let reports: Vec<_> = (0..self.nodes.len()).map(|node| self.report(node)).collect();
        let mut log = self.log.lock();
        for overlay in reports.iter().flat_map(|report| &report.overlays) {
            for message in &overlay.messages {
                if let (Some(id), Some(name)) = (message.id, message.name) {
                    log.name(overlay.community_id, id, name);
                }
            }
        }
    }

    /// How an end of a packet's way is called.
    pub(crate) fn party_name(&self, party: Party) -> String {
        match party.node.and_then(|node| self.nodes.get(node)) {
            Some(place) => place.name.clone(),
            None => party.address.to_string(),
        }
    }
}
