//! A community to test: it doubles numbers.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use ipv8_core::{
    Community, Context, Peer, Routes,
    wire::{CommunityId, Message, community_id},
};

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 1, reply = Answer)]
pub(crate) struct Question {
    pub(crate) identifier: u32,
    pub(crate) value: u32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 2)]
pub(crate) struct Answer {
    pub(crate) identifier: u32,
    pub(crate) value: u32,
}

#[derive(Message, Clone, Debug, PartialEq)]
#[message(id = 3, unsigned)]
pub(crate) struct Shout {
    pub(crate) number: u16,
}

#[derive(Default)]
pub(crate) struct Doubler {
    pub(crate) heard: Vec<u16>,
    /// Sends every shout back, forever.
    pub(crate) echoes: bool,
}

impl Community for Doubler {
    const ID: CommunityId = community_id!("0f5e1d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b5d");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question).reply::<Answer>().on(Self::on_shout);
    }
}

impl Doubler {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, question: Question) {
        assert!(question.value < 1_000, "{} is too much", question.value);
        cx.send(from, Answer { identifier: question.identifier, value: question.value * 2 });
    }

    fn on_shout(&mut self, cx: &mut Context<'_>, from: &std::net::SocketAddr, shout: Shout) {
        self.heard.push(shout.number);
        if self.echoes {
            cx.send_to(*from, Shout { number: shout.number.wrapping_add(1) });
        }
    }
}

/// What a failing piece of a test says.
pub(crate) fn failure(run: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(()) => "it did not fail".to_owned(),
        Err(panic) => panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "another panic".to_owned()),
    }
}
