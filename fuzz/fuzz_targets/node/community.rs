//! A community with a handler of every kind, and what its handlers may rely on.

use std::net::SocketAddr;
use std::time::Duration;

use ipv8_core::messages::{Introduced, Introduction};
use ipv8_core::{Community, Context, Peer, Routes};
use ipv8_wire::{CommunityId, Message, community_id};

use crate::datagrams::is_one_of_ours;

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
pub(crate) struct Question {
    pub(crate) value: u32,
    pub(crate) identifier: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
pub(crate) struct Answer {
    pub(crate) value: u32,
    pub(crate) identifier: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 3, unsigned)]
pub(crate) struct Shout {
    pub(crate) text: String,
}

#[derive(Message, Clone, Debug)]
#[message(id = 4)]
pub(crate) struct Blob<'a> {
    pub(crate) parts: Vec<u16>,
    #[wire(raw)]
    pub(crate) bytes: &'a [u8],
}

#[derive(Message, Clone, Debug)]
#[message(id = 5, global_time)]
pub(crate) struct Dated {
    pub(crate) address: SocketAddr,
}

#[derive(Message, Clone, Debug)]
#[message(id = 6, unsigned, global_time)]
pub(crate) struct DatedShout {
    pub(crate) flag: bool,
}

/// The id of the handler that gets whole datagrams.
pub(crate) const RAW: u8 = 7;

#[derive(Default)]
pub(crate) struct User {
    /// Peers that came, or were there when it was loaded, and did not go again.
    pub(crate) joined: usize,
}

impl Community for User {
    const ID: CommunityId = community_id!("f022000000000000000000000000000000000001");

    fn routes(r: &mut Routes<Self>) {
        r.on(Self::on_question);
        r.reply::<Answer>();
        r.on(Self::on_shout);
        r.on_borrowed::<Blob, _, _>(Self::on_blob);
        r.on(Self::on_dated);
        r.on(Self::on_dated_shout);
        r.on_raw(RAW, Self::on_raw);
        r.every(Duration::from_secs(3), Self::greet);
    }

    fn peer_added(&mut self, cx: &mut Context<'_>, peer: &Peer) {
        self.joined += 1;
        cx.send(peer, Answer { value: 0, identifier: 0 });
    }

    fn peer_removed(&mut self, _: &mut Context<'_>, _: &Peer) {
        self.joined -= 1;
    }

    fn introduction_requested(&mut self, _: &mut Context<'_>, from: &Peer, _: &Introduction) {
        assert!(is_one_of_ours(from.key()));
    }

    fn introduced(&mut self, _: &mut Context<'_>, from: &Peer, _: &Introduced) {
        assert!(is_one_of_ours(from.key()));
    }
}

impl User {
    fn on_question(&mut self, cx: &mut Context<'_>, from: &Peer, asked: Question) {
        // Nobody else can have signed it: a fuzzer guesses no signatures.
        assert!(is_one_of_ours(from.key()));
        cx.send(from, Answer { value: asked.value.wrapping_add(1), identifier: asked.identifier });
    }

    fn on_shout(&mut self, cx: &mut Context<'_>, from: &SocketAddr, shout: Shout) {
        cx.send_to(*from, shout);
    }

    fn on_blob(&mut self, cx: &mut Context<'_>, from: &Peer, blob: Blob<'_>) -> Result<(), String> {
        assert!(is_one_of_ours(from.key()));
        // May be too large to be written: counted, not sent.
        cx.send(from, blob.clone());
        if blob.parts.is_empty() { Err("no parts".to_owned()) } else { Ok(()) }
    }

    fn on_dated(&mut self, cx: &mut Context<'_>, from: &Peer, dated: Dated) {
        assert!(is_one_of_ours(from.key()));
        assert!(cx.received().is_some_and(|received| received.global_time().is_some()));
        let message = Dated { address: from.address() };
        cx.send_to(dated.address, message);
    }

    fn on_dated_shout(&mut self, cx: &mut Context<'_>, from: &SocketAddr, shout: DatedShout) {
        if let Some(handle) = cx.handle::<Self>().filter(|_| shout.flag) {
            // Using a handle inside a handler is an error, never a deadlock.
            assert!(handle.with(|_, _| ()).is_err());
        }
        cx.send_to(*from, shout);
    }

    fn on_raw(&mut self, cx: &mut Context<'_>, from: &SocketAddr, datagram: &[u8]) {
        assert_eq!(datagram[22], RAW);
        cx.send_packet(*from, datagram.to_vec());
    }

    pub(crate) fn again(&mut self, cx: &mut Context<'_>) {
        cx.new_introduction();
    }

    fn greet(&mut self, cx: &mut Context<'_>) {
        for peer in cx.peers() {
            cx.send(&peer, Question { value: 1, identifier: 1 });
        }
    }
}
