//! A node that asks, the peers that it asks, and what ought to become of everything that waits.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as TaskContext, Poll, Wake, Waker},
    time::Duration,
};

use ipv8_core::{
    Cache, Cancelled, Community, Context, DropReason, Handle, Node, NodeConfig, Peer, Promise, Promised, RequestError,
    RequestId, RequestLimit, RequestLimits, Routes, Time,
    crypto::{Curve, PrivateKey},
    promise,
    wire::{CommunityId, Message, community_id},
};
use rand::{SeedableRng, rngs::StdRng};

use crate::events::{Event, Options, PEERS};

/// Requests that one peer may have to answer here.
const PER_PEER: usize = 4;
/// Requests that may wait in all here.
const IN_ALL: usize = 7;

#[derive(Message, Clone, Debug)]
#[message(id = 1, reply = Answer)]
struct Question {
    identifier: u16,
    number: u32,
}

#[derive(Message, Clone, Debug)]
#[message(id = 2)]
struct Answer {
    identifier: u16,
    number: u32,
}

/// The answer to a question of a cache.
#[derive(Message, Clone, Debug)]
#[message(id = 3)]
struct Part {
    identifier: u16,
    number: u32,
}

/// How something ended, as whoever waited was told.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Answered(u32),
    Failed(RequestError),
    /// Of a cache.
    TimedOut,
    /// Of a future of a cache.
    Cancelled,
}

type Ends = Arc<Mutex<BTreeMap<u32, Vec<End>>>>;

fn end(ends: &Ends, number: u32, end: End) {
    ends.lock().unwrap().entry(number).or_default().push(end);
}

struct Waiting {
    number: u32,
    ends: Ends,
    promise: Promise<u32>,
}

impl Cache for Waiting {
    type Community = Asker;
    const PREFIX: &'static str = "waiting";

    fn timeout(&self) -> Duration {
        Duration::from_millis(1_500)
    }

    fn timed_out(self, _: &mut Asker, _: &mut Context<'_>, _: u64) {
        end(&self.ends, self.number, End::TimedOut);
    }
}

struct Asker;

impl Community for Asker {
    const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");

    fn routes(r: &mut Routes<Self>) {
        r.reply::<Answer>().retrieve(Self::on_part);
    }
}

impl Asker {
    fn on_part(&mut self, _: &mut Context<'_>, _: &Peer, part: Part, waiting: Waiting) {
        end(&waiting.ends, waiting.number, End::Answered(part.number));
        waiting.promise.keep(part.number);
    }
}

/// What the world knows of one thing that waits, beside what the node says.
struct Asked {
    number: u32,
    peer: usize,
    identifier: u16,
    /// Of a message 3 instead of a 2.
    part: bool,
    /// When it ends without an answer.
    due: Time,
    error: End,
    /// How it has to end, once that is decided; `None` while it waits.
    expected: Option<Expected>,
    waiter: Waiter,
}

#[derive(Clone, Debug, PartialEq)]
enum Expected {
    Ends(End),
    /// Whoever waited went away before.
    Nothing,
}

enum Waiter {
    Future(Option<Pin<Box<dyn Future<Output = ()>>>>, Arc<Woken>),
    Function(RequestId),
    Task,
    Cache(Option<Promised<u32>>),
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct World {
    node: Node,
    handle: Handle<Asker>,
    now: Time,
    ends: Ends,
    all: Vec<Asked>,
    /// Answers that were ignored, by reason, as they should be counted.
    ignored: [u64; 3],
    loaded_before: usize,
}

/// Keys take long to make.
fn others() -> &'static [(Peer, PrivateKey)] {
    static OTHERS: OnceLock<Vec<(Peer, PrivateKey)>> = OnceLock::new();
    OTHERS.get_or_init(|| {
        let key = |number: u8| PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([number; 32])).unwrap();
        (2..2 + u8::try_from(PEERS).unwrap())
            .map(|number| {
                let key = key(number);
                (Peer::new(key.public().clone(), ([10, 0, 0, number], 8090).into()), key)
            })
            .collect()
    })
}

fn own_key() -> PrivateKey {
    static KEY: OnceLock<PrivateKey> = OnceLock::new();
    KEY.get_or_init(|| PrivateKey::generate(Curve::Curve25519, &mut StdRng::from_seed([1; 32])).unwrap()).clone()
}

impl World {
    pub(crate) fn new(seed: u8) -> Self {
        let requests = RequestLimits { per_peer: PER_PEER, in_all: IN_ALL, caches: 5 };
        let node = Node::new(NodeConfig { requests, ..NodeConfig::new(own_key(), [seed; 32]) });
        let handle = node.load(Asker).unwrap();
        let ends = Ends::default();
        let mut world =
            Self { node, handle, now: Time::ZERO, ends, all: Vec::new(), ignored: [0; 3], loaded_before: 0 };
        world.meet();
        world
    }

    /// Makes all others peers of ours, as introductions would.
    fn meet(&mut self) {
        let now = self.now;
        self.handle
            .with(|_, cx| {
                for (peer, _) in others() {
                    let mut addresses = ipv8_core::network::Addresses::default();
                    addresses.set(peer.address());
                    cx.network_mut().add_verified(&ipv8_core::PeerRecord::new(peer.key().clone(), addresses, now));
                    cx.network_mut().discover_services(&peer.mid(), &[Asker::ID]);
                }
            })
            .unwrap();
    }

    fn waiting(&self) -> impl Iterator<Item = &Asked> {
        self.all.iter().filter(|asked| asked.expected.is_none())
    }

    /// The limit that a request to this peer meets.
    fn limit(&self, peer: usize) -> Option<RequestLimit> {
        let in_all = self.waiting().filter(|asked| !asked.part).count();
        let of_peer = self.waiting().filter(|asked| !asked.part && asked.peer == peer).count();
        if in_all >= IN_ALL {
            Some(RequestLimit::InAll(in_all))
        } else {
            (of_peer >= PER_PEER).then_some(RequestLimit::PerPeer(of_peer))
        }
    }

    /// Takes the identifiers of the questions that were sent, by their numbers.
    fn sent(&mut self) -> BTreeMap<u32, u16> {
        self.turn();
        let mut sent = BTreeMap::new();
        while let Some(transmit) = self.node.poll_transmit() {
            // Prefix, message id, key, then the payload.
            let bytes = &transmit.bytes[22..];
            let key = usize::from(u16::from_be_bytes([bytes[1], bytes[2]]));
            let payload = &bytes[3 + key..];
            let number = u32::from_be_bytes(payload[2..6].try_into().unwrap());
            sent.insert(number, u16::from_be_bytes([payload[0], payload[1]]));
        }
        sent
    }

    fn turn(&mut self) {
        self.node.poll(self.now);
        self.look();
    }

    /// Polls futures that were woken, and notes the ends of those that are due.
    fn look(&mut self) {
        for asked in &mut self.all {
            if let Waiter::Future(slot @ Some(_), woken) = &mut asked.waiter
                && woken.0.swap(false, Ordering::Relaxed)
            {
                let waker = Waker::from(woken.clone());
                if slot.as_mut().unwrap().as_mut().poll(&mut TaskContext::from_waker(&waker)).is_ready() {
                    *slot = None;
                }
            }
        }
    }

    /// What happens to all that is due by now.
    fn expire(&mut self) {
        for asked in &mut self.all {
            if asked.expected.is_none() && asked.due <= self.now {
                asked.expected = Some(Expected::Ends(asked.error.clone()));
            }
        }
    }

    fn ask(&mut self, peer: usize, options: Options, make: impl FnOnce(&Self, u32) -> Result<Waiter, RequestError>) {
        let number = u32::try_from(self.all.len()).unwrap();
        let limit = self.limit(peer);
        match make(self, number) {
            Err(error) => assert_eq!(Some(error), limit.map(RequestError::TooMany)),
            Ok(waiter) => {
                // A task that may not ask is told so when it runs.
                let refused = limit.map(|limit| Expected::Ends(End::Failed(RequestError::TooMany(limit))));
                let patience = options.get().patience();
                self.all.push(Asked {
                    number,
                    peer,
                    identifier: 0,
                    part: false,
                    due: self.now + patience,
                    error: End::Failed(RequestError::TimedOut(patience)),
                    expected: refused,
                    waiter,
                });
                let sent = self.sent();
                assert_eq!(sent.contains_key(&number), limit.is_none());
                if let Some(identifier) = sent.get(&number) {
                    self.all.last_mut().unwrap().identifier = *identifier;
                }
                self.expire();
            }
        }
    }

    fn question(number: u32) -> Question {
        Question { identifier: 0, number }
    }

    fn request(&self, peer: usize, options: Options, number: u32) -> impl Future<Output = ()> + Send + use<> {
        let (handle, ends, peer) = (self.handle.clone(), self.ends.clone(), others()[peer].0.clone());
        async move {
            let result = handle.request_within(options.get(), &peer, Self::question(number)).await;
            end(&ends, number, result.map_or_else(End::Failed, |answer| End::Answered(answer.number)));
        }
    }

    /// One of those that were asked lately.
    fn pick(&self, which: usize) -> Option<usize> {
        let of_now = self.all.len() - self.loaded_before;
        (of_now > 0).then(|| self.all.len() - 1 - which % of_now)
    }

    /// Hands in an answer to this one, and says what should become of it.
    fn answer(&mut self, which: usize, of: usize, change: u16, other_message: bool) {
        let Some(place) = self.pick(which) else { return };
        let asked = &self.all[place];
        let (peer, identifier, number) = (asked.peer, asked.identifier ^ change, asked.number);
        let of = (peer + of) % PEERS;
        let part = asked.part ^ other_message;
        let (sender, key) = &others()[of];
        let packet = self
            .handle
            .with(|_, cx| {
                if part {
                    cx.pack_as(Asker::ID, key, None, &Part { identifier, number })
                } else {
                    cx.pack_as(Asker::ID, key, None, &Answer { identifier, number })
                }
            })
            .unwrap()
            .unwrap();
        // What carries this identifier now, or did within the last minute, in the community that is loaded.
        let matches = |asked: &&mut Asked| asked.part == part && asked.identifier == identifier;
        let found = self.all[self.loaded_before..].iter_mut().filter(|asked| !is_refused(asked)).rfind(matches);
        match found {
            // Nobody else may answer a request; caches here take an answer of anybody.
            Some(asked) if !part && asked.peer != of => self.ignored[1] += 1,
            Some(asked) if asked.expected.is_none() => asked.expected = Some(Expected::Ends(End::Answered(number))),
            Some(_) => self.ignored[0] += 1,
            None => self.ignored[2] += 1,
        }
        self.node.handle(self.now, [(sender.address(), packet.as_slice())]);
        self.look();
    }

    pub(crate) fn step(&mut self, event: &Event) {
        match *event {
            Event::Await(peer, options) => {
                self.ask(peer, options, |world, number| {
                    let (mut future, woken) = (Box::pin(world.request(peer, options, number)), Arc::<Woken>::default());
                    let ready = future.as_mut().poll(&mut TaskContext::from_waker(&Waker::from(woken.clone())));
                    Ok(Waiter::Future(ready.is_pending().then_some(future as _), woken))
                });
            }
            Event::Call(peer, options) => self.ask(peer, options, |world, number| {
                let (ends, to) = (world.ends.clone(), &others()[peer].0);
                let function = move |_: &mut Asker, _: &mut Context<'_>, result: Result<Answer, RequestError>| {
                    end(&ends, number, result.map_or_else(End::Failed, |answer| End::Answered(answer.number)));
                };
                let ask = |cx: &mut Context<'_>| cx.request_within(options.get(), to, Self::question(number), function);
                world.handle.with(|_, cx| ask(cx)).unwrap().map(Waiter::Function)
            }),
            Event::Task(peer, options) => self.ask(peer, options, |world, number| {
                let task = world.request(peer, options, number);
                world.handle.with(|_, cx| cx.spawn(task)).unwrap();
                Ok(Waiter::Task)
            }),
            Event::Store => self.store(),
            Event::Answer(which) => self.answer(which, 0, 0, false),
            Event::AnswerOfAnother(which) => self.answer(which, 1, 0, false),
            Event::WrongIdentifier(which, other) => self.answer(which, 0, other, false),
            Event::WrongMessage(which) => self.answer(which, 0, 0, true),
            Event::Wait(millis) => self.wait(Duration::from_millis(millis.into())),
            Event::Drop(which) => self.drop_waiter(which),
            Event::Remove(peer) => {
                let mid = others()[peer].0.mid();
                self.handle.with(|_, cx| cx.network_mut().remove(&mid)).unwrap();
                for asked in self.all.iter_mut().filter(|asked| !asked.part && asked.peer == peer) {
                    let gone = Expected::Ends(End::Failed(RequestError::PeerGone(mid)));
                    asked.expected.get_or_insert(gone);
                }
                self.turn();
                self.meet();
            }
            Event::Reload => {
                self.node.unload(&self.handle).unwrap();
                for asked in &mut self.all {
                    let unloaded = match asked.waiter {
                        // The futures of tasks go with the community, and so nobody is told.
                        Waiter::Task => Expected::Nothing,
                        _ if asked.part => Expected::Ends(End::Cancelled),
                        _ => Expected::Ends(End::Failed(RequestError::Unloaded)),
                    };
                    asked.expected.get_or_insert(unloaded);
                }
                self.turn();
                self.handle = self.node.load(Asker).unwrap();
                self.loaded_before = self.all.len();
                self.meet();
            }
        }
    }

    fn store(&mut self) {
        let number = u32::try_from(self.all.len()).unwrap();
        let (promise, future) = promise();
        let waiting = Waiting { number, ends: self.ends.clone(), promise };
        let stored = self.waiting().filter(|asked| asked.part).count();
        match self.handle.with(|_, cx| cx.add_cache(waiting)).unwrap() {
            Err(_) => assert_eq!(stored, 5),
            Ok(identifier) => self.all.push(Asked {
                number,
                peer: 0,
                identifier,
                part: true,
                due: self.now + Duration::from_millis(1_500),
                error: End::TimedOut,
                expected: None,
                waiter: Waiter::Cache(Some(future)),
            }),
        }
    }

    fn drop_waiter(&mut self, which: usize) {
        let Some(place) = self.pick(which) else { return };
        let gone = match &mut self.all[place].waiter {
            Waiter::Future(future, _) => future.take().is_some(),
            Waiter::Function(id) => {
                let id = *id;
                self.handle.with(|_, cx| cx.cancel_request(id)).unwrap()
            }
            // A task is not dropped alone here; the future of a cache may go, and the cache stays.
            Waiter::Task => false,
            Waiter::Cache(future) => {
                *future = None;
                false
            }
        };
        if gone {
            let expected = &mut self.all[place].expected;
            assert!(expected.is_none(), "what was told is told no more");
            *expected = Some(Expected::Nothing);
        }
        self.turn();
    }

    pub(crate) fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(next) = self.node.next_deadline().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            self.turn();
            while self.node.poll_transmit().is_some() {}
        }
        self.now = until;
        self.turn();
        self.expire();
    }

    /// Nothing waits any more, and nothing is left of it.
    pub(crate) fn check_that_nothing_is_left(&self) {
        assert!(self.waiting().next().is_none());
        let queues = self.node.report().queues;
        assert_eq!([queues.requests, queues.caches, queues.timers, queues.tasks], [0; 4]);
        assert_eq!(self.node.next_deadline(), None);
        let hanging = self.all.iter().filter(|asked| matches!(asked.waiter, Waiter::Future(Some(_), _)));
        assert_eq!(hanging.count(), 0);
    }

    /// Requests and caches that wait are those that should; what ended did so once, in the way that it should.
    pub(crate) fn check(&mut self) {
        let queues = self.node.report().queues;
        let requests = self.waiting().filter(|asked| !asked.part).count();
        let caches = self.waiting().filter(|asked| asked.part).count();
        assert_eq!((queues.requests, queues.caches), (requests, caches));
        assert_eq!(queues.timers, requests + caches, "one timer each");
        let ends = self.ends.lock().unwrap();
        for asked in &mut self.all {
            let told = ends.get(&asked.number).map(Vec::as_slice).unwrap_or_default();
            match &asked.expected {
                None | Some(Expected::Nothing) => assert_eq!(told, [], "{}", asked.number),
                Some(Expected::Ends(End::Cancelled)) => assert_eq!(told, []),
                Some(Expected::Ends(end)) => assert_eq!(told, std::slice::from_ref(end), "{}", asked.number),
            }
            if let Waiter::Cache(Some(future)) = &mut asked.waiter {
                let polled = Pin::new(future).poll(&mut TaskContext::from_waker(Waker::noop()));
                let expected = match &asked.expected {
                    None => Poll::Pending,
                    Some(Expected::Ends(End::Answered(number))) => Poll::Ready(Ok(*number)),
                    Some(_) => Poll::Ready(Err(Cancelled)),
                };
                assert_eq!(polled, expected);
                if polled.is_ready() {
                    asked.waiter = Waiter::Cache(None);
                }
            }
        }
        let stats = self.node.stats();
        let ignored = [DropReason::Late, DropReason::WrongPeer, DropReason::Unsolicited];
        assert_eq!(ignored.map(|reason| stats.dropped(reason)), self.ignored);
    }
}

/// Whether a request was not even sent.
fn is_refused(asked: &Asked) -> bool {
    matches!(asked.expected, Some(Expected::Ends(End::Failed(RequestError::TooMany(_)))))
}
