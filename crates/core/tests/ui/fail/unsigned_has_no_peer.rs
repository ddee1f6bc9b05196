use ipv8_core::{
    Community, Context, Peer, Routes,
    wire::{CommunityId, Message, community_id},
};

#[derive(Message)]
#[message(id = 1, unsigned)]
struct Shout {
    value: u32,
}

struct Quiz;

impl Community for Quiz {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_shout);
    }
}

impl Quiz {
    fn on_shout(&mut self, _: &mut Context<'_>, _: &Peer, _: Shout) {}
}

fn main() {}
