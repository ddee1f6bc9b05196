//! Asking: from tasks, which await the answer, and from handlers, which name a function that gets it.

use std::{
    any::{Any, TypeId},
    sync::{Arc, Weak},
};

use ipv8_crypto::Mid;
use ipv8_wire::{Identified, Message, Outgoing, Request};

use super::{
    error::RequestError,
    options::RequestOptions,
    passthrough::{Passthrough, PassthroughGuard},
    promise::Slot,
    table::{Again, Answer, Pending, RequestKey, Then},
};
use crate::{
    community::{Community, short_type_name},
    context::Context,
    handle::{Handle, HandleError},
    node::Shared,
    peer::Peer,
    routes::Outcome,
    timers::Timer,
};

/// Names a request that was made with [`Context::request`], for cancelling it. Never used twice in one node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId {
    key: RequestKey,
    serial: u64,
}

/// Requests, for tasks and for code outside of the node.
impl<C: Community> Handle<C> {
    /// Sends a question to a peer and waits for its answer, at most ten seconds.
    ///
    /// The question's identifier is drawn at random and set here. An answer counts once, and only if it carries the
    /// identifier and was signed by the peer that was asked; all others are dropped and counted. Dropping the future gives the
    /// identifier free. The answer's type must be registered with [`Routes::reply`](crate::Routes::reply).
    ///
    /// # Errors
    /// If no answer came in time, the question could not be sent, too many requests wait
    /// ([`RequestLimits`](super::RequestLimits)), the peer was removed meanwhile, or the community was unloaded.
    pub async fn request<Q>(&self, peer: &Peer, question: Q) -> Result<Q::Reply, RequestError>
    where
        Q: Request + Outgoing,
        Q::Reply: Message + Identified + Send + 'static,
    {
        self.request_within(RequestOptions::default(), peer, question).await
    }

    /// [`Handle::request`] with a time limit of the caller's, or with [`RequestOptions`].
    ///
    /// # Errors
    /// As [`Handle::request`].
    pub async fn request_within<Q>(
        &self,
        options: impl Into<RequestOptions>,
        peer: &Peer,
        question: Q,
    ) -> Result<Q::Reply, RequestError>
    where
        Q: Request + Outgoing,
        Q::Reply: Message + Identified + Send + 'static,
    {
        let options = options.into();
        let slot = Arc::new(Slot::default());
        let asked = self.with(|_, cx| cx.ask(options, peer, question, Then::Fill(slot.clone())));
        let id = match asked {
            Ok(id) => id?,
            Err(HandleError::Unloaded) => return Err(RequestError::Unloaded),
            Err(HandleError::Reentrant) => return Err(RequestError::Reentrant),
        };
        let _free_on_drop = Outstanding { shared: self.shared().clone(), id };
        let answer = std::future::poll_fn(|cx| slot.poll(cx.waker())).await?;
        downcast(answer)
    }

    /// Overrides timeouts while the guard lives, for tests (the reference's `passthrough`): those of the caches and requests
    /// that this community adds meanwhile. Those that are there keep theirs.
    ///
    /// Let the guard end outside of handlers: inside of one it changes nothing.
    ///
    /// # Errors
    /// If the community is not loaded, or a handler of the node is running on this thread.
    pub fn passthrough(&self, passthrough: Passthrough) -> Result<PassthroughGuard, HandleError> {
        PassthroughGuard::begin(self.shared().clone(), self.overlay_id(), passthrough)
    }
}

/// Requests, for handlers.
impl Context<'_> {
    /// Sends a question to a peer and calls a function once it is over: with the answer, or with the reason why there is
    /// none. The function may be a method of the community, or a closure that remembers something:
    ///
    /// ```
    /// # use ipv8_core::{Community, Context, Peer, RequestError, Routes, wire::{CommunityId, Message, community_id}};
    /// # #[derive(Message)] #[message(id = 1, reply = Answer)] struct Question { identifier: u32, value: u32 }
    /// # #[derive(Message)] #[message(id = 2)] struct Answer { identifier: u32, value: u32 }
    /// # struct Counter { sum: u32 }
    /// # impl Community for Counter {
    /// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
    /// #     fn routes(r: &mut Routes<Self>) { r.reply::<Answer>(); }
    /// # }
    /// impl Counter {
    ///     fn ask(&mut self, cx: &mut Context<'_>, peer: &Peer) -> Result<(), RequestError> {
    ///         let question = Question { identifier: 0, value: self.sum };
    ///         cx.request(peer, question, |counter: &mut Counter, _, answer| match answer {
    ///             Ok(answer) => counter.sum += answer.value,
    ///             Err(error) => tracing::info!(%error, "not counted"),
    ///         })?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// It is called exactly once if `Ok` is returned, as late as when the community is unloaded, unless the request is
    /// cancelled or the node itself is dropped. In all else this is [`Handle::request`].
    ///
    /// # Errors
    /// If the question could not be sent, or too many requests wait. The function is not called then.
    pub fn request<C, Q, R, F>(&mut self, peer: &Peer, question: Q, then: F) -> Result<RequestId, RequestError>
    where
        C: Community,
        Q: Request + Outgoing,
        Q::Reply: Message + Identified + Send + 'static,
        R: Outcome,
        F: FnOnce(&mut C, &mut Context<'_>, Result<Q::Reply, RequestError>) -> R + Send + 'static,
    {
        self.request_within(RequestOptions::default(), peer, question, then)
    }

    /// [`Context::request`] with a time limit of the caller's, or with [`RequestOptions`].
    ///
    /// # Errors
    /// As [`Context::request`].
    pub fn request_within<C, Q, R, F>(
        &mut self,
        options: impl Into<RequestOptions>,
        peer: &Peer,
        question: Q,
        then: F,
    ) -> Result<RequestId, RequestError>
    where
        C: Community,
        Q: Request + Outgoing,
        Q::Reply: Message + Identified + Send + 'static,
        R: Outcome,
        F: FnOnce(&mut C, &mut Context<'_>, Result<Q::Reply, RequestError>) -> R + Send + 'static,
    {
        if self.overlay.type_id != TypeId::of::<C>() {
            return Err(RequestError::OtherCommunity(self.overlay.name));
        }
        let then = move |community: &mut dyn Any, cx: &mut Context<'_>, result: Result<Answer, _>| {
            if let Some(community) = community.downcast_mut() {
                then(community, cx, result.and_then(downcast)).report(short_type_name::<F>());
            }
        };
        self.ask(options.into(), peer, question, Then::Call(Box::new(then)))
    }

    /// Gives a request up; false if it is over. Its function is not called any more.
    pub fn cancel_request(&mut self, id: RequestId) -> bool {
        self.state.give_up(id)
    }

    /// Whether a request still waits for its answer.
    #[must_use]
    pub fn is_waiting(&self, id: RequestId) -> bool {
        self.state.requests.is_waiting(&id.key, id.serial)
    }

    /// An answer came: it goes to who waits for it, or is dropped.
    pub(crate) fn answered(&mut self, community: &mut dyn Any, reply: u8, identifier: u64, peer: &Mid, answer: Answer) {
        let key = RequestKey { overlay: self.overlay.id, reply, identifier };
        match self.state.requests.answered(&key, peer, self.state.now) {
            Ok(pending) => {
                self.state.timers.cancel(pending.timer);
                match pending.then {
                    Then::Fill(slot) => slot.fill(Ok(answer)),
                    Then::Call(function) => function(community, self, Ok(answer)),
                }
            }
            Err(reason) => self.count_drop(reason),
        }
    }

    /// Sends a question and has the end told.
    fn ask<Q>(
        &mut self,
        options: RequestOptions,
        peer: &Peer,
        mut question: Q,
        then: Then,
    ) -> Result<RequestId, RequestError>
    where
        Q: Request + Outgoing,
        Q::Reply: Message + Identified + 'static,
    {
        if self.overlay.over {
            return Err(RequestError::Unloaded);
        }
        let reply = <Q::Reply as Message>::ID;
        let registered = self.overlay.routes.get(reply).and_then(|route| route.answer);
        if registered != Some(TypeId::of::<Q::Reply>()) {
            return Err(RequestError::NotRegistered(reply, <Q::Reply as Message>::NAME));
        }
        let (overlay, mid, now) = (self.overlay.id, peer.mid(), self.state.now);
        let largest = Q::IDENTIFIER_MAX.min(<Q::Reply as Identified>::IDENTIFIER_MAX);
        let key = self.state.requests.draw((overlay, reply), &mid, largest, now, &mut self.state.rng)?;
        question.set_identifier(key.identifier);
        let to = options.at.unwrap_or_else(|| self.address_of(peer));
        let packet = self.write(&question)?;
        let again = (options.retry.times > 0).then(|| {
            let (left, factor) = (options.retry.times, options.retry.factor);
            Box::new(Again { left, factor, to, fixed: options.at.is_some(), packet: packet.clone(), signed: Q::SIGNED })
        });
        self.post_written::<Q>(to, packet)?;
        let passthrough = self.overlay.passthrough.as_ref();
        let wait = passthrough.and_then(|other| other.timeout_of::<Q::Reply>()).unwrap_or(options.timeout);
        let timer = self.state.timers.set(now + wait, Timer::RequestTimeout(key));
        let serial = self.state.requests.next_serial();
        self.state.requests.insert(key, Pending { serial, peer: mid, timer, wait, waited: wait, again, then });
        Ok(RequestId { key, serial })
    }
}

/// Whoever takes an answer in was registered for its type, which was compared when the question was asked.
fn downcast<M: 'static>(answer: Answer) -> Result<M, RequestError> {
    answer.downcast().map(|answer| *answer).map_err(|_| RequestError::Unloaded)
}

impl RequestId {
    pub(super) const fn parts(self) -> (RequestKey, u64) {
        (self.key, self.serial)
    }
}

/// Gives a request's identifier free when its caller goes away.
struct Outstanding {
    shared: Weak<Shared>,
    id: RequestId,
}

impl Drop for Outstanding {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            let id = self.id;
            // Answered already, the identifier may be another request's by now: the serial number tells.
            shared.with_or_later(move |state| {
                state.give_up(id);
            });
        }
    }
}
