use std::time::Duration;
use ipv8::{Community, CommunityId, Context, Message, Peer, Routes, Schedule, community_id};

#[derive(Message, Clone, Debug)]
#[message(id = 1)]
struct Clock {
    clock: u32,
}

#[derive(Default)]
struct MyCommunity {
    clock: u32,
}

impl Community for MyCommunity {
    const ID: CommunityId = community_id!("9d6a3a6b0d3a4c8f1e51d18c5a5cf3a0c8f6b8f1");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_clock);
        let start = Schedule::every(Duration::from_secs(5)).after(Duration::ZERO).named("start");
        r.schedule(start, Self::start_communication);
    }
}

impl MyCommunity {
    fn start_communication(&mut self, cx: &mut Context<'_>) {
        if self.clock == 0 {
            for peer in cx.peers() {
                cx.send(&peer, Clock { clock: self.clock });
            }
        } else {
            cx.cancel_named("start");
        }
    }

    fn on_clock(&mut self, cx: &mut Context<'_>, from: &Peer, message: Clock) {
        self.clock = self.clock.max(message.clock).saturating_add(1);
        cx.send(from, Clock { clock: self.clock });
    }
}
