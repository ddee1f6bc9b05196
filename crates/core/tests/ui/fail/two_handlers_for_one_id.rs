use ipv8_core::{
    Community, Context, Peer, Routes, handlers,
    wire::{CommunityId, Message, community_id},
};

#[derive(Message)]
#[message(id = 1)]
struct Question {
    value: u32,
}

#[derive(Message)]
#[message(id = 1)]
struct Answer {
    value: u32,
}

struct Quiz;

impl Community for Quiz {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        handlers!(r, Self::on_question, Self::on_answer);
    }
}

impl Quiz {
    fn on_question(&mut self, _: &mut Context<'_>, _: &Peer, _: Question) {}
    fn on_answer(&mut self, _: &mut Context<'_>, _: &Peer, _: Answer) {}
}

fn main() {
    let load: fn(&ipv8_core::Node, Quiz) -> bool = |node, quiz| node.load(quiz).is_ok();
    let _ = load;
}
