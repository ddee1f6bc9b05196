//! Which handler gets which message: typed at registration, erased for dispatch.

use std::{
    any::{Any, TypeId},
    fmt,
    future::Future,
    marker::PhantomData,
    net::SocketAddr,
    time::Duration,
};

use ipv8_wire::{Auth, Identified, Message, Payload, ReadError, Signed, Unsigned};

use crate::{
    community::{Community, short_type_name},
    context::{Context, Received},
    handle::Handle,
    messages::{BASE, DEPRECATED},
    peer::Peer,
    request::Cache,
    schedule::{Body, CallbackFn, Schedule},
    tasks::{BoxFuture, TaskName},
};

/// Who a handler is told that a message comes from: the compiler picks it by how the message is authenticated.
pub trait AuthSender: Auth {
    /// A [`Peer`] for signed messages, a mere address for unsigned ones.
    type Sender;

    /// Looks the sender up, now that its message could be read: from here on its address counts.
    #[doc(hidden)]
    fn sender(cx: &mut Context<'_>, received: &Received<'_>) -> Option<Self::Sender>;

    /// The sender, if it is known who it is.
    #[doc(hidden)]
    fn peer(sender: &Self::Sender) -> Option<&Peer>;
}

impl AuthSender for Signed {
    type Sender = Peer;

    fn sender(cx: &mut Context<'_>, received: &Received<'_>) -> Option<Peer> {
        cx.identify(received)
    }

    fn peer(sender: &Peer) -> Option<&Peer> {
        Some(sender)
    }
}

impl AuthSender for Unsigned {
    type Sender = SocketAddr;

    fn sender(_: &mut Context<'_>, received: &Received<'_>) -> Option<SocketAddr> {
        Some(received.source())
    }

    fn peer(_: &SocketAddr) -> Option<&Peer> {
        None
    }
}

/// What handlers get as the sender of a message `M`: [`Peer`] if it is signed, [`SocketAddr`] if not.
pub type SenderOf<M> = <<M as Message>::Auth as AuthSender>::Sender;

/// What a handler may return: nothing, or a result whose error is logged.
pub trait Outcome {
    #[doc(hidden)]
    fn report(self, handler: &'static str);
}

impl Outcome for () {
    fn report(self, _: &'static str) {}
}

impl<E: fmt::Display> Outcome for Result<(), E> {
    fn report(self, handler: &'static str) {
        if let Err(error) = self {
            tracing::warn!(handler, %error, "a handler failed");
        }
    }
}

/// Reads a message and calls its handler.
type Dispatch = Box<dyn Fn(&mut dyn Any, &mut Context<'_>, &Received<'_>) -> Result<(), ReadError> + Send + Sync>;

pub(crate) struct Route {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) dispatch: Dispatch,
    /// Whether the payload can be read at all; to tell a bad format from a bad signature.
    pub(crate) check: fn(&[u8]) -> Result<(), ReadError>,
    /// It tells nothing but where its sender is: from one that we do not know, or from where we know it to be, its
    /// signature makes no difference.
    pub(crate) only_moves: bool,
    /// The type of the message, if it is an answer that goes to who waits for it.
    pub(crate) answer: Option<TypeId>,
}

/// How much of a message is taken off before its handler sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Message { signed: bool, global_time: bool },
    Raw,
}

/// Why a community cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two handlers for one id.
    #[error(
        "{community}: message id {id} has two handlers, for `{first}` and for `{second}`: give one of them another id \
         (231 to 234, 245, 246, 249 and 250 are the node's own: Routes::replace takes their place)"
    )]
    Duplicate {
        /// The community.
        community: &'static str,
        /// The id.
        id: u8,
        /// The message that was registered first.
        first: &'static str,
        /// The message that was registered second.
        second: &'static str,
    },
    /// An id that earlier generations of the protocol used.
    #[error(
        "{community}: message id {id} of `{name}` was used by earlier generations of the protocol and is always dropped: use one below 231"
    )]
    Deprecated {
        /// The community.
        community: &'static str,
        /// The id.
        id: u8,
        /// The message.
        name: &'static str,
    },
}

/// Collects the handlers of a community.
pub struct Routes<C> {
    pub(crate) table: RouteTable,
    pub(crate) scheduled: Vec<Scheduled>,
    errors: Vec<RouteError>,
    community: PhantomData<fn(C)>,
}

impl<C: Community> Routes<C> {
    pub(crate) fn new() -> Self {
        Self { table: RouteTable::default(), scheduled: Vec::new(), errors: Vec::new(), community: PhantomData }
    }

    /// Calls a method for every message of its last argument's type.
    ///
    /// The method gets a [`Peer`] as the sender if the message is signed (its signature held), or a [`SocketAddr`] if it
    /// is not (anybody could have sent it); a method that asks for the wrong one does not compile. It returns nothing, or
    /// a `Result` whose error is logged. Registering one id twice is an error when the community is loaded, or when it is
    /// compiled if [`handlers!`](crate::handlers) is used.
    pub fn on<M, R, F>(&mut self, handler: F) -> &mut Self
    where
        M: Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
        M::Auth: AuthSender,
        R: Outcome,
        F: Fn(&mut C, &mut Context<'_>, &SenderOf<M>, M) -> R + Send + Sync + 'static,
    {
        self.add::<M>(Box::new(move |community, cx, received| {
            let message = <M as Payload<'_>>::decode(received.payload())?;
            if let (Some(community), Some(from)) = (community.downcast_mut(), M::Auth::sender(cx, received)) {
                handler(community, cx, &from, message).report(<M as Message>::NAME);
            }
            Ok(())
        }))
    }

    /// As [`Routes::on`], for a message that the node itself would answer, an introduction or a puncture: the method takes
    /// the place of what the node does.
    pub fn replace<M, R, F>(&mut self, handler: F) -> &mut Self
    where
        M: Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
        M::Auth: AuthSender,
        R: Outcome,
        F: Fn(&mut C, &mut Context<'_>, &SenderOf<M>, M) -> R + Send + Sync + 'static,
    {
        // A handler of the community's own is none of the node's: two of those stay an error.
        if BASE.contains(&M::ID) {
            self.table.remove(M::ID);
        }
        self.on(handler)
    }

    /// As [`Routes::on`], for a message that borrows from the packet: nothing is copied. Name the message:
    /// `r.on_borrowed::<Blob, _, _>(Self::on_blob)`.
    pub fn on_borrowed<M, R, F>(&mut self, handler: F) -> &mut Self
    where
        M: Message,
        M::Auth: AuthSender,
        R: Outcome,
        F: for<'a> Fn(&mut C, &mut Context<'_>, &SenderOf<M>, M::Of<'a>) -> R + Send + Sync + 'static,
    {
        self.add::<M>(Box::new(move |community, cx, received| {
            let message = M::Of::decode(received.payload())?;
            if let (Some(community), Some(from)) = (community.downcast_mut(), M::Auth::sender(cx, received)) {
                handler(community, cx, &from, message).report(<M as Message>::NAME);
            }
            Ok(())
        }))
    }

    /// Calls a method with the whole datagram of every packet of a message id, as it came: nothing is authenticated.
    pub fn on_raw<R, F>(&mut self, id: u8, handler: F) -> &mut Self
    where
        R: Outcome,
        F: Fn(&mut C, &mut Context<'_>, &SocketAddr, &[u8]) -> R + Send + Sync + 'static,
    {
        self.insert(
            id,
            Route {
                name: "raw",
                kind: Kind::Raw,
                dispatch: Box::new(move |community, cx, received| {
                    if let Some(community) = community.downcast_mut() {
                        handler(community, cx, received.source_ref(), received.datagram()).report("raw");
                    }
                    Ok(())
                }),
                check: |_| Ok(()),
                only_moves: false,
                answer: None,
            },
        )
    }

    /// Lets answers of this type reach the requests that wait for them, see
    /// [`Handle::request`](crate::Handle::request). Answers that nobody waits for are dropped and counted.
    pub fn reply<M>(&mut self) -> &mut Self
    where
        M: Message<Auth = Signed> + Identified + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a> + Send + 'static,
    {
        self.add_answer::<M>(
            Some(TypeId::of::<M>()),
            Box::new(|community, cx, received| {
                let answer = <M as Payload<'_>>::decode(received.payload())?;
                if let Some(peer) = cx.identify(received) {
                    cx.answered(community, M::ID, answer.identifier(), &peer.mid(), Box::new(answer));
                }
                Ok(())
            }),
        )
    }

    /// As [`Routes::on`], for a message whose identifier is the number of a [`Cache`]: the cache is taken out, and the method
    /// gets it as its last argument, whose type says which (the reference's `retrieve_cache`).
    ///
    /// A message without its cache does not reach the method. It is dropped and counted: as
    /// [`DropReason::Late`](crate::DropReason) if the cache was taken out or timed out within the last minute, as `WrongPeer`
    /// if [`Cache::accepts`] refused the sender, else as `Unsolicited`.
    pub fn retrieve<M, K, R, F>(&mut self, handler: F) -> &mut Self
    where
        M: Message + Identified + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
        M::Auth: AuthSender,
        K: Cache<Community = C>,
        R: Outcome,
        F: Fn(&mut C, &mut Context<'_>, &SenderOf<M>, M, K) -> R + Send + Sync + 'static,
    {
        self.add::<M>(Box::new(move |community, cx, received| {
            let message = <M as Payload<'_>>::decode(received.payload())?;
            if let (Some(community), Some(from)) = (community.downcast_mut(), M::Auth::sender(cx, received)) {
                match cx.retrieve_cache(message.identifier(), M::Auth::peer(&from)) {
                    Ok(cache) => handler(community, cx, &from, message, cache).report(<M as Message>::NAME),
                    Err(reason) => cx.count_drop(reason),
                }
            }
            Ok(())
        }))
    }

    /// Calls a method at every interval, for the first time after one; ends with the community.
    pub fn every<R, F>(&mut self, period: Duration, function: F) -> &mut Self
    where
        R: Outcome,
        F: FnMut(&mut C, &mut Context<'_>) -> R + Send + 'static,
    {
        self.schedule(Schedule::every(period), function)
    }

    /// Calls a method as the schedule says; ends with the community. See also [`Context::schedule`].
    pub fn schedule<R, F>(&mut self, schedule: Schedule, function: F) -> &mut Self
    where
        R: Outcome,
        F: FnMut(&mut C, &mut Context<'_>) -> R + Send + 'static,
    {
        let name = TaskName::of::<F>(schedule.name.clone());
        self.scheduled.push(Scheduled { schedule, name, body: Body::Function(erase_callback(function)) });
        self
    }

    /// Runs what a function makes as the schedule says; ends with the community. See [`Context::schedule_async`].
    pub fn schedule_async<Fut, F>(&mut self, schedule: Schedule, make: F) -> &mut Self
    where
        Fut: Future<Output = ()> + Send + 'static,
        F: FnMut(Handle<C>) -> Fut + Send + 'static,
    {
        let name = TaskName::of::<Fut>(schedule.name.clone());
        self.scheduled.push(Scheduled { schedule, name, body: erase_async(make) });
        self
    }

    /// As [`Routes::on`], for the ids that the node itself answers; a community's own handler takes their place.
    pub(crate) fn base<M, F>(&mut self, handler: F) -> &mut Self
    where
        M: Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
        F: Fn(&mut C, &mut Context<'_>, &Received<'_>, M) + Send + Sync + 'static,
    {
        self.add::<M>(Box::new(move |community, cx, received| {
            let message = <M as Payload<'_>>::decode(received.payload())?;
            if let Some(community) = community.downcast_mut() {
                handler(community, cx, received, message);
            }
            Ok(())
        }))
    }

    /// As [`Routes::base`], for a signed message that tells nothing but where its sender is, and that it is there, for those who
    /// expect it.
    pub(crate) fn base_move<M>(&mut self) -> &mut Self
    where
        M: Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
    {
        self.base::<M, _>(|community, cx, from, _| {
            drop(cx.identify(from));
            if let Some(key) = from.key().filter(|key| cx.overlay.expected.contains(&key.mid())) {
                community.punctured(cx, &Peer::new(key.clone(), from.source()));
            }
        });
        if let Some(route) = self.table.get_mut(M::ID) {
            route.only_moves = true;
        }
        self
    }

    fn add<M: Message>(&mut self, dispatch: Dispatch) -> &mut Self {
        self.add_answer::<M>(None, dispatch)
    }

    fn add_answer<M: Message>(&mut self, answer: Option<TypeId>, dispatch: Dispatch) -> &mut Self {
        let kind = Kind::Message { signed: M::Auth::SIGNED, global_time: M::GLOBAL_TIME };
        let check = |payload: &[u8]| M::Of::decode(payload).map(drop);
        let route = Route { name: <M as Message>::NAME, kind, dispatch, check, only_moves: false, answer };
        self.insert(M::ID, route)
    }

    fn insert(&mut self, id: u8, route: Route) -> &mut Self {
        let community = C::name();
        if DEPRECATED.contains(&id) {
            self.errors.push(RouteError::Deprecated { community, id, name: route.name });
        } else if let Some(first) = self.table.get(id) {
            let (first, second) = (first.name, route.name);
            self.errors.push(RouteError::Duplicate { community, id, first, second });
        } else {
            self.table.set(id, route);
        }
        self
    }

    pub(crate) fn finish(self) -> Result<(RouteTable, Vec<Scheduled>), RouteError> {
        match self.errors.into_iter().next() {
            Some(error) => Err(error),
            None => Ok((self.table, self.scheduled)),
        }
    }
}

/// What is to run in a community.
pub(crate) struct Scheduled {
    pub(crate) schedule: Schedule,
    pub(crate) name: TaskName,
    pub(crate) body: Body,
}

/// Forgets the types of a function that makes futures.
pub(crate) fn erase_async<C, Fut, F>(mut make: F) -> Body
where
    C: Community,
    Fut: Future<Output = ()> + Send + 'static,
    F: FnMut(Handle<C>) -> Fut + Send + 'static,
{
    Body::Future(Box::new(move |cx| {
        let future: BoxFuture = Box::pin(make(cx.handle()?));
        Some(future)
    }))
}

/// Forgets the type of a community's scheduled method.
pub(crate) fn erase_callback<C, R, F>(mut function: F) -> CallbackFn
where
    C: Community,
    R: Outcome,
    F: FnMut(&mut C, &mut Context<'_>) -> R + Send + 'static,
{
    Box::new(move |community, cx| {
        if let Some(community) = community.downcast_mut() {
            function(community, cx).report(short_type_name::<F>());
        }
    })
}

/// The handlers of a community by message id.
pub(crate) struct RouteTable {
    index: [u8; 256],
    routes: Vec<Route>,
}

impl Default for RouteTable {
    fn default() -> Self {
        Self { index: [NONE; 256], routes: Vec::new() }
    }
}

/// No handler. There are 239 ids that a community may use, so that an index never gets here.
const NONE: u8 = u8::MAX;

impl RouteTable {
    pub(crate) fn get(&self, id: u8) -> Option<&Route> {
        self.routes.get(usize::from(*self.index.get(usize::from(id))?))
    }

    fn get_mut(&mut self, id: u8) -> Option<&mut Route> {
        self.routes.get_mut(usize::from(*self.index.get(usize::from(id))?))
    }

    fn remove(&mut self, id: u8) {
        if let Some(slot) = self.index.get_mut(usize::from(id)) {
            *slot = NONE;
        }
    }

    fn set(&mut self, id: u8, route: Route) {
        let Some(slot) = self.index.get_mut(usize::from(id)) else {
            return;
        };
        match self.routes.get_mut(usize::from(*slot)) {
            Some(old) => *old = route,
            None => {
                *slot = u8::try_from(self.routes.len()).unwrap_or(NONE);
                self.routes.push(route);
            }
        }
    }
}

/// Registers handlers, and refuses to compile if two of them are for one message id.
///
/// ```compile_fail
/// # use ipv8_core::{Community, Context, Peer, Routes, handlers, wire::{CommunityId, Message, community_id}};
/// # #[derive(Message)] #[message(id = 1)] struct Question { value: u32 }
/// # #[derive(Message)] #[message(id = 1)] struct Answer { value: u32 }
/// # struct Quiz;
/// impl Community for Quiz {
///     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
///
///     fn routes(r: &mut Routes<Self>) {
///         handlers!(r, Self::on_question, Self::on_answer); // both are message 1
///     }
/// }
/// # impl Quiz {
/// #     fn on_question(&mut self, _: &mut Context<'_>, _: &Peer, _: Question) {}
/// #     fn on_answer(&mut self, _: &mut Context<'_>, _: &Peer, _: Answer) {}
/// # }
/// ```
#[macro_export]
macro_rules! handlers {
    ($routes:expr, $($handler:expr),+ $(,)?) => {{
        const { $crate::routes::assert_unique(&[$($crate::routes::id_of::<Self, _, _, _>(&$handler)),+]) };
        $($routes.on($handler);)+
    }};
}

/// The id of the message that a handler is for.
#[doc(hidden)]
pub const fn id_of<C, M, R, F>(_: &F) -> u8
where
    M: Message + for<'a> Message<Of<'a> = M>,
    M::Auth: AuthSender,
    F: Fn(&mut C, &mut Context<'_>, &SenderOf<M>, M) -> R,
{
    M::ID
}

/// Stops compilation if an id stands there twice.
#[doc(hidden)]
#[allow(clippy::indexing_slicing, clippy::panic, reason = "runs in the compiler, where both are compile errors")]
pub const fn assert_unique(ids: &[u8]) {
    let mut i = 0;
    while i < ids.len() {
        let mut j = i + 1;
        while j < ids.len() {
            assert!(
                ids[i] != ids[j],
                "two of these handlers are for one message id: give one of the messages another id with #[message(id = ...)]"
            );
            j += 1;
        }
        i += 1;
    }
}
