//! A service stops in order and within its time, and says what did not end: last tasks, and what blocks.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "what fails here fails the test")]

use std::{
    future::pending,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use ipv8::{
    Community, CommunityId, Context, Handle, HandleError, Message, OverlayConfig, Peer, Routes, Service, community_id,
};
use tracing_subscriber::fmt::MakeWriter;

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Farewell)]
struct Goodbye {
    identifier: u16,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Farewell {
    identifier: u16,
}

/// Says goodbye to a friend, and waits for the answer.
#[derive(Default)]
struct Polite {
    friend: Option<Peer>,
    goodbyes: usize,
    farewell: Option<mpsc::Sender<bool>>,
}

impl Community for Polite {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8b2");

    fn routes(r: &mut Routes<Self>) {
        r.on(|this: &mut Self, cx: &mut Context<'_>, from: &Peer, goodbye: Goodbye| {
            this.goodbyes += 1;
            cx.send(from, Farewell { identifier: goodbye.identifier });
        });
        r.reply::<Farewell>();
    }

    fn stopping(&mut self, cx: &mut Context<'_>) {
        let (Some(handle), Some(friend), Some(farewell)) =
            (cx.handle::<Self>(), self.friend.take(), self.farewell.take())
        else {
            return;
        };
        let goodbye = async move {
            let answer = handle.request(&friend, Goodbye { identifier: 0 }).await;
            farewell.send(answer.is_ok()).unwrap();
        };
        cx.at_unload("goodbye", goodbye).unwrap();
    }
}

async fn start() -> (Service, Handle<Polite>) {
    let here: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let polite = OverlayConfig::new(Polite::default()).no_strategies().no_bootstrappers();
    let service = ipv8::builder().listen(here).no_default_bootstrap().overlay(polite).start().await.unwrap();
    let handle = service.handle().unwrap();
    (service, handle)
}

#[tokio::test]
async fn a_community_says_goodbye_and_gets_its_answer() {
    let (a, polite) = start().await;
    let (b, friend) = start().await;
    let (sender, answer) = mpsc::channel();
    let peer = Peer::new(b.key().clone(), b.local_addresses()[0]);
    polite
        .with(|polite, _| {
            polite.friend = Some(peer);
            polite.farewell = Some(sender);
        })
        .unwrap();
    let report = a.stop().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((answer.recv(), friend.with(|friend, _| friend.goodbyes)), (Ok(true), Ok(1)));
    assert_eq!(polite.with(|_, _| ()), Err(HandleError::Unloaded));
    b.stop().await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_named() {
    let (service, polite) = start().await;
    polite.with(|_, cx| cx.at_unload("never done", pending())).unwrap().unwrap();
    let report = service.stop_within(Duration::from_millis(200)).await;
    assert!(report.took >= Duration::from_millis(200) && report.took < Duration::from_secs(2), "{report}");
    assert!(report.stuck.is_none() && !report.is_clean());
    assert!(report.to_string().contains("`never done` of Polite did not end in time"), "{report}");
}

#[tokio::test]
async fn the_limit_of_the_builder_holds() {
    let here: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let polite = OverlayConfig::new(Polite::default()).no_strategies().no_bootstrappers();
    let builder = ipv8::builder().listen(here).no_default_bootstrap().unload_limit(Duration::from_millis(50));
    let service = builder.overlay(polite).start().await.unwrap();
    let polite = service.handle::<Polite>().unwrap();
    polite.with(|_, cx| cx.at_unload("never done", pending())).unwrap().unwrap();
    let report = service.stop().await;
    assert_eq!(report.unloaded.unfinished.len(), 1);
    assert!(report.took < Duration::from_secs(2), "{report}");
}

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[test]
fn a_node_whose_task_blocks_is_noticed_and_left_behind() {
    let log = Log::default();
    tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (release, stuck) = mpsc::channel::<()>();
    runtime.block_on(async {
        let (service, polite) = start().await;
        let address = service.local_addresses()[0];
        let blocks = async move { stuck.recv().is_ok() };
        polite.with(|_, cx| cx.spawn_named("endless", false, blocks)).unwrap().unwrap();
        // Long enough for the watch to see it for a second, which is when it is logged.
        let logged = || String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for _ in 0..1_000 {
            if logged().contains("a node is stuck") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let line = logged();
        assert!(line.contains("a node is stuck") && line.contains("the task `endless` of Polite"), "{line}");
        let report = service.stop_within(Duration::from_millis(100)).await;
        assert!(report.took < Duration::from_millis(1_500), "{report}");
        let busy = report.stuck.clone().unwrap();
        assert_eq!((busy.community, &*busy.what), (Some("Polite"), "the task `endless`"));
        assert!(busy.lasting >= Duration::from_secs(1) && !report.is_clean(), "{report}");
        assert!(report.to_string().contains("stuck in the task `endless` of Polite"), "{report}");

        // When it goes on after all, the rest of the node goes too.
        drop(release);
        for _ in 0..1_000 {
            if std::net::UdpSocket::bind(address).is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the socket is still open");
    });
}
