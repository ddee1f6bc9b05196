//! Requests and caches time out when a test says so, in their order, and nothing else happens meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "what fails here fails the test")]

mod common;

use std::time::Duration;

use common::{Answer, Doubler, Question};
use ipv8_core::{
    Cache, Community, Context, RequestError, RequestOptions, Retry, Routes,
    wire::{CommunityId, community_id},
};
use ipv8_test::{Fate, Net, assert_sent};

const QUESTION: Question = Question { identifier: 0, value: 21 };

/// Remembers what timed out, and how many seconds passed.
#[derive(Default)]
struct Shop {
    spoiled: Vec<u64>,
    seconds: u32,
}

impl Community for Shop {
    const ID: CommunityId = community_id!("0f5e1d8a6c2f9b3d7e40a1c8b95d6e2f7a3c4b60");

    fn routes(r: &mut Routes<Self>) {
        r.every(Duration::from_secs(1), |shop: &mut Self, _: &mut Context<'_>| shop.seconds += 1);
    }
}

/// Keeps for so many seconds.
struct Milk(u64);

impl Cache for Milk {
    type Community = Shop;

    const PREFIX: &'static str = "milk";

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.0)
    }

    fn timed_out(self, shop: &mut Shop, _: &mut Context<'_>, number: u64) {
        shop.spoiled.push(number);
    }
}

#[test]
fn caches_time_out_in_the_order_of_their_times() {
    let mut net = Net::of(1, |_| Shop::default());
    net.at(0, |_: &mut Shop, cx| {
        for (number, seconds) in [(1_u64, 30), (2, 10), (3, 20)] {
            cx.add_cache_at(number, Milk(seconds)).unwrap();
        }
    });
    net.advance(Duration::from_secs(15));
    assert_eq!(net.expire_requests(), 2);
    net.at(0, |shop: &mut Shop, cx| {
        assert_eq!(shop.spoiled, [2, 3, 1]);
        assert_eq!((shop.seconds, cx.cache_count()), (15, 0));
    });
    assert_eq!(net.expire_requests(), 0);
}

#[test]
fn a_request_that_is_to_be_asked_again_is_asked_again() {
    let mut net = Net::of(2, |_| Doubler::default());
    net.intercept(|packet| if packet.is::<Answer>() { Fate::Drop } else { Fate::Deliver });
    let (asker, other) = (net.handle::<Doubler>(0), net.peer(1));
    let options = RequestOptions::default().retry(Retry::times(2));
    net.at(0, |_: &mut Doubler, cx| {
        cx.spawn(async move {
            let result = asker.request_within(options, &other, QUESTION).await;
            assert!(matches!(result, Err(RequestError::TimedOut(_))), "{result:?}");
        });
    });
    net.deliver();
    for _ in 0..2 {
        assert_eq!(net.pending(0).1, 1);
        assert_eq!(net.expire_requests(), 1);
    }
    assert_sent!(net, 0, [Question { .. }, Question { .. }, Question { .. }]);
    assert_eq!(net.expire_requests(), 1);
    assert_eq!(net.pending(0), (0, 0));
}
