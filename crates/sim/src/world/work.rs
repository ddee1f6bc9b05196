//! Nodes whose work takes time: what waits for them, and what they do one after the other.

use std::collections::VecDeque;

use ipv8_core::{DropReason, Transmit};
use smallvec::SmallVec;

use super::{
    NodeId,
    shard::{Arrival, Event, Net, Shard, length},
};
use crate::{
    capture::Fate,
    cpu::{BATCH, CpuModel, Meter, Work, room_for},
    link::Fabric,
    metrics::Loss,
};

/// The processor of a node.
pub(super) struct Cpu {
    model: CpuModel,
    pub(super) meter: Meter,
    busy: bool,
    /// In the buffer of the socket.
    waiting: VecDeque<Arrival>,
    /// What that takes of it.
    room_taken: usize,
    /// Answers that are not made yet.
    held: Vec<Transmit>,
    /// What the node had counted at the end of its last turn.
    signed: u64,
    bad_keys: u64,
}

impl Cpu {
    pub(super) fn new(model: CpuModel) -> Self {
        Self {
            model,
            meter: Meter::default(),
            busy: false,
            waiting: VecDeque::new(),
            room_taken: 0,
            held: Vec::new(),
            signed: 0,
            bad_keys: 0,
        }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.busy
    }

    /// What was not taken in any more.
    pub(super) fn into_waiting(self) -> VecDeque<Arrival> {
        self.waiting
    }

    fn take_batch(&mut self) -> Vec<Arrival> {
        let batch: Vec<_> = self.waiting.drain(..self.waiting.len().min(BATCH)).collect();
        self.room_taken -= batch.iter().map(|arrival| room_for(arrival.bytes.len())).sum::<usize>();
        batch
    }
}

impl Shard {
    /// A datagram reaches the socket of a node whose work takes time.
    pub(super) fn queue_up<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId, arrival: Arrival) {
        let Some(cpu) = &mut self.place_mut(id).cpu else { return };
        if !cpu.model.has_room(cpu.room_taken, arrival.bytes.len()) {
            return self.lose(Loss::Socket, &arrival);
        }
        cpu.room_taken += room_for(arrival.bytes.len());
        cpu.waiting.push_back(arrival);
        if !cpu.busy {
            self.work(net, id);
        }
    }

    /// Takes what waits into one turn.
    fn work<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId) {
        let Some(cpu) = &mut self.place_mut(id).cpu else { return };
        let batch = cpu.take_batch();
        for arrival in &batch {
            self.count_delivery(arrival);
        }
        let datagrams: SmallVec<[_; 2]> =
            batch.iter().map(|arrival| (arrival.delivery.source, arrival.bytes.as_slice())).collect();
        self.turn(net, id, &datagrams);
    }

    /// A turn is over as far as the node knows, and takes some time yet: what it sends, it sends then.
    pub(super) fn keep_busy(&mut self, id: NodeId, received: usize, transmits: &mut Vec<Transmit>) {
        let now = self.now;
        let place = self.place_mut(id);
        let (life, signer, stats) = (place.life, place.about.key.public().curve(), place.node.stats());
        let Some(cpu) = &mut place.cpu else { return };
        let bad_keys = stats.dropped(DropReason::PublicKey);
        let work = Work {
            received,
            sent: transmits.len(),
            verified: cpu.meter.take(),
            signed: stats.signed - cpu.signed,
            signer,
            bad_keys: bad_keys - cpu.bad_keys,
        };
        (cpu.signed, cpu.bad_keys) = (stats.signed, bad_keys);
        cpu.held.append(transmits);
        cpu.busy = true;
        let done = now + cpu.model.cost(&work);
        self.cause(id, done, Event::Done { node: id, life });
    }

    /// The time that a turn takes is over.
    pub(super) fn done<F: Fabric>(&mut self, net: &Net<'_, F>, id: NodeId, life: u32) {
        let place = self.place_mut(id);
        let (addresses, same) = (place.addresses, place.life == life);
        let Some(cpu) = place.cpu.as_mut().filter(|_| same) else { return };
        cpu.busy = false;
        let waits = !cpu.waiting.is_empty();
        for transmit in std::mem::take(&mut cpu.held) {
            self.send(net, id, addresses, transmit);
        }
        if waits {
            self.work(net, id);
        } else {
            self.arm_next(id);
        }
    }

    /// Counts a datagram that a node takes in.
    pub(super) fn count_delivery(&mut self, arrival: &Arrival) {
        let Arrival { delivery, bytes, hostile } = arrival;
        let metrics = &mut self.metrics;
        let (count, size) = if *hostile {
            (&mut metrics.hostile.delivered, &mut metrics.hostile.delivered_bytes)
        } else {
            (&mut metrics.delivered, &mut metrics.delivered_bytes)
        };
        *count += 1;
        *size += length(bytes);
        self.log.packet(self.now, delivery.source, delivery.to, Fate::Delivered, bytes);
    }
}
