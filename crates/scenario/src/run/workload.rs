//! The communities of a scenario: a plain one, and one whose nodes ask each other questions.

use std::time::Duration;

use ipv8_core::{
    Community, Context, Handle, Peer, Routes,
    wire::{CommunityId, Message, community_id},
};

use ipv8_sim::link::exponential;

use super::tally::SharedTally;
use crate::scenario::Requests;

/// A community without messages of its own.
#[derive(Debug, Default)]
pub(crate) struct Plain;

/// Scenarios' own: no network on the Internet has it.
pub(crate) const PLAIN: CommunityId = community_id!("9f1d6a20c7e84b53a1f0d2c3b4958677e8d9caab");

impl Community for Plain {
    const ID: CommunityId = PLAIN;

    fn routes(_: &mut Routes<Self>) {}
}

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
pub(crate) struct Question {
    identifier: u64,
    body: Vec<u8>,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
pub(crate) struct Answer {
    identifier: u64,
    body: Vec<u8>,
}

/// Asks random peers of an overlay of the same node, and answers at once with as many bytes.
///
/// It looks for no peers itself: whom it asks are the peers that the overlay found, all of which answer, since every node of
/// a scenario runs both.
#[derive(Debug)]
pub(crate) struct Workload {
    requests: Requests,
    overlay: CommunityId,
    tally: SharedTally,
}

impl Workload {
    pub(crate) const fn new(requests: Requests, overlay: CommunityId, tally: SharedTally) -> Self {
        Self { requests, overlay, tally }
    }

    fn answer(&mut self, cx: &mut Context<'_>, from: &Peer, question: Question) {
        cx.send(from, Answer { identifier: question.identifier, body: question.body });
    }

    /// Chooses whom to ask, and asks in a task of its own, so that a silent peer holds up nobody.
    fn ask(&mut self, cx: &mut Context<'_>) {
        use rand::RngExt as _;
        let peers = cx.network().count_serving(self.overlay);
        if peers == 0 {
            self.tally.lock().nobody += 1;
            return;
        }
        let chosen = cx.rng().random_range(0..peers);
        let overlay = self.overlay;
        let peer = cx.network().serving(overlay).nth(chosen).and_then(ipv8_core::PeerRecord::peer);
        let (Some(peer), Some(handle)) = (peer, cx.handle::<Self>()) else { return };
        let (requests, tally, sent) = (self.requests, self.tally.clone(), cx.now());
        tally.lock().asked += 1;
        cx.spawn(async move {
            let question = Question { identifier: 0, body: vec![0; requests.size] };
            let answer = handle.request_within(requests.timeout, &peer, question).await;
            match (answer, handle.with(|_, cx| cx.now())) {
                (Ok(_), Ok(now)) => tally.lock().answered(now - sent),
                (Err(_), _) => tally.lock().fail(),
                // Its node went down in between.
                (Ok(_), Err(_)) => {}
            }
        });
    }
}

impl Community for Workload {
    const ID: CommunityId = community_id!("5c0e83f1b7d24a6981be3f07d4c65a129b8e7f30");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::answer).reply::<Answer>();
    }

    fn started(&mut self, cx: &mut Context<'_>) {
        let Some(handle) = cx.handle::<Self>() else { return };
        let gap = Duration::from_secs(1).div_f64(self.requests.rate);
        cx.spawn(ask_on(handle, gap));
    }
}

/// Asks again and again, with exponential gaps, as long as the community is loaded.
async fn ask_on(handle: Handle<Workload>, gap: Duration) {
    while let Ok(pause) = handle.with(|_, cx| exponential(gap, cx.rng())) {
        handle.sleep(pause).await;
        if handle.with(Workload::ask).is_err() {
            break;
        }
    }
}
