//! Who received and sent what: the assertions.

use std::fmt::{Debug, Write as _};

use ipv8_core::messages::BASE;
use ipv8_sim::Fabric;
use ipv8_wire::{Message, Outgoing, Payload};

use crate::{
    golden::bytes_of,
    log::Log,
    net::Net,
    packet::{self, Captured},
};

/// Whose messages an assertion is about.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Received,
    Sent,
}

/// How the messages are to be found.
#[doc(hidden)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// These and no others, in this order.
    Exactly,
    /// These and no others, in any order.
    Unordered,
    /// These in this order, others between them.
    Contains,
    /// None of these.
    None,
}

/// Whether a datagram holds the message.
type Matches<'e> = Box<dyn Fn(&[u8]) -> bool + 'e>;

/// A message that is looked for.
#[doc(hidden)]
pub struct Expected<'e> {
    party: Option<usize>,
    text: String,
    matches: Matches<'e>,
    is: fn(&Log, &Captured) -> bool,
    describe: fn(&mut Log),
}

/// One that a pattern describes.
#[doc(hidden)]
pub fn like<'e, M>(party: Option<usize>, text: &str, matches: impl Fn(&M) -> bool + 'e) -> Expected<'e>
where
    M: Debug + Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
{
    Expected {
        party,
        text: text.split_whitespace().collect::<Vec<_>>().join(" "),
        matches: Box::new(move |datagram| packet::read::<M>(datagram).is_some_and(|message| matches(&message))),
        is: |log, packet| log.is::<M>(packet),
        describe: |log| log.describe::<M>(),
    }
}

/// One whose payload is that of a given message.
#[doc(hidden)]
pub fn same<'e, M>(party: Option<usize>, message: &M) -> Expected<'e>
where
    M: Debug + Outgoing + Message + for<'a> Message<Of<'a> = M> + for<'a> Payload<'a>,
{
    let bytes = bytes_of(message);
    like(party, &format!("{message:?}"), move |other: &M| bytes_of(other) == bytes)
}

/// So that no messages are an array of them too.
#[doc(hidden)]
pub const fn items<const N: usize>(items: [Expected<'_>; N]) -> [Expected<'_>; N] {
    items
}

/// Makes sure of what the handlers of a node took, since the net was made or [forgot](crate::Net::forget).
///
/// | form | holds if the node received |
/// |---|---|
/// | `assert_received!(net, 1, [a, b])` | these messages and no others, in this order |
/// | `assert_received!(net, 1, unordered [a, b])` | these and no others, in any order |
/// | `assert_received!(net, 1, contains [a, b])` | these in this order, with others before, between and after |
/// | `assert_received!(net, 1, none [a, b])` | none of these |
///
/// A message is a pattern, `Answer { value: 42, .. }`, maybe with a condition, `Answer { value, .. } if *value > 40`; or a
/// message to equal, `== Answer { identifier, value: 42 }`, which is compared by its bytes. `from 0 =>` before it says which
/// node sent it. As everywhere in Rust, a name in a pattern takes any value: to compare with a variable use `==` or a
/// condition.
///
/// Introductions and punctures are passed over, and what [`Net::ignore`](crate::Net::ignore) names.
///
/// ```
/// # use ipv8_core::{Community, Context, Peer, Routes, wire::{CommunityId, Message, community_id}};
/// # #[derive(Message, Clone, Debug)]
/// # #[message(id = 1)]
/// # struct Hello { number: u32 }
/// # struct Chat;
/// # impl Community for Chat {
/// #     const ID: CommunityId = community_id!("1e8c0f3c5bd0a4e7a1e8ba0d26c5f0a34e11c8a5");
/// #     fn routes(r: &mut Routes<Self>) {
/// #         r.on(|_: &mut Self, _: &mut Context<'_>, _: &Peer, _: Hello| {});
/// #     }
/// # }
/// use ipv8_test::{Net, assert_received};
///
/// let mut net = Net::of(3, |_| Chat);
/// for (from, number) in [(0, 7), (2, 8)] {
///     let to = net.peer(1);
///     net.at(from, |_: &mut Chat, cx| cx.send(&to, Hello { number }));
///     net.deliver();
/// }
/// assert_received!(net, 1, [from 0 => Hello { number: 7 }, from 2 => Hello { number: 8.. }]);
/// assert_received!(net, 1, contains [Hello { number } if number % 2 == 0]);
/// assert_received!(net, 1, none [== Hello { number: 9 }, from 1 => Hello { .. }]);
/// assert_received!(net, 0, []);
/// ```
///
/// # Panics
/// If it does not hold: with what was expected, what there was, and where they differ.
#[macro_export]
macro_rules! assert_received {
    ($net:expr, $node:expr, $($what:tt)+) => {
        $crate::__check!($net, $node, Received, $($what)+)
    };
}

/// Makes sure of what a node sent, whether it arrived or not. As [`assert_received!`], with `to 0 =>` for the receiver.
///
/// # Panics
/// If it does not hold: with what was expected, what there was, and where they differ.
#[macro_export]
macro_rules! assert_sent {
    ($net:expr, $node:expr, $($what:tt)+) => {
        $crate::__check!($net, $node, Sent, $($what)+)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __check {
    ($net:expr, $node:expr, $side:ident, [$($items:tt)*] $(,)?) => {
        $crate::__check!(@ $net, $node, $side, Exactly, $($items)*)
    };
    ($net:expr, $node:expr, $side:ident, unordered [$($items:tt)*] $(,)?) => {
        $crate::__check!(@ $net, $node, $side, Unordered, $($items)*)
    };
    ($net:expr, $node:expr, $side:ident, contains [$($items:tt)*] $(,)?) => {
        $crate::__check!(@ $net, $node, $side, Contains, $($items)*)
    };
    ($net:expr, $node:expr, $side:ident, none [$($items:tt)*] $(,)?) => {
        $crate::__check!(@ $net, $node, $side, None, $($items)*)
    };
    (@ $net:expr, $node:expr, $side:ident, $mode:ident, $($items:tt)*) => {
        $net.check($node, $crate::__private::Side::$side, $crate::__private::Mode::$mode, &$crate::__items!([] $($items)*))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __items {
    ([$($done:expr,)*]) => {
        $crate::__private::items([$($done),*])
    };
    ([$($done:expr,)*] from $party:expr => $($rest:tt)+) => {
        $crate::__items!(@one [$($done,)*] (::core::option::Option::Some($party)) $($rest)+)
    };
    ([$($done:expr,)*] to $party:expr => $($rest:tt)+) => {
        $crate::__items!(@one [$($done,)*] (::core::option::Option::Some($party)) $($rest)+)
    };
    ([$($done:expr,)*] $($rest:tt)+) => {
        $crate::__items!(@one [$($done,)*] (::core::option::Option::None) $($rest)+)
    };
    (@one [$($done:expr,)*] ($party:expr) == $message:expr $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::__private::same($party, &$message),] $($($rest)*)?)
    };
    (@one [$($done:expr,)*] ($party:expr) $message:pat if $condition:expr $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::__private::like(
            $party,
            ::core::concat!(::core::stringify!($message), " if ", ::core::stringify!($condition)),
            |message: &_| {
                #[allow(unreachable_patterns, reason = "the pattern may match everything")]
                match message {
                    $message if $condition => true,
                    _ => false,
                }
            },
        ),] $($($rest)*)?)
    };
    (@one [$($done:expr,)*] ($party:expr) $message:pat $(, $($rest:tt)*)?) => {
        $crate::__items!([$($done,)* $crate::__private::like(
            $party,
            ::core::stringify!($message),
            |message: &_| {
                #[allow(unreachable_patterns, reason = "the pattern may match everything")]
                match message {
                    $message => true,
                    _ => false,
                }
            },
        ),] $($($rest)*)?)
    };
}

impl Side {
    const fn preposition(self) -> &'static str {
        match self {
            Self::Received => "from",
            Self::Sent => "to",
        }
    }

    const fn verb(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }

    /// Whose packet it is, from the node's view.
    fn other(self, packet: &Captured) -> packet::Party {
        match self {
            Self::Received => packet.from,
            Self::Sent => packet.to,
        }
    }
}

/// Where an assertion does not hold.
struct Failure {
    /// The index of the expectation that has no message, or has one that it must not have.
    expected: Option<usize>,
    /// The index of the message that is not expected.
    found: Option<usize>,
}

fn compare(mode: Mode, expected: usize, found: usize, fits: impl Fn(usize, usize) -> bool) -> Result<(), Failure> {
    let fail = |expected, found| Err(Failure { expected, found });
    match mode {
        Mode::Exactly => match (0..expected.min(found)).find(|index| !fits(*index, *index)) {
            Some(index) => fail(Some(index), Some(index)),
            None if expected > found => fail(Some(found), None),
            None if found > expected => fail(None, Some(expected)),
            None => Ok(()),
        },
        Mode::Unordered => {
            // Expectations that fit fewer messages may be taken by others: each looks for a way to make room.
            let mut taken: Vec<Option<usize>> = vec![None; found];
            for index in 0..expected {
                if !assign(index, &mut vec![false; found], &mut taken, &fits) {
                    return fail(Some(index), None);
                }
            }
            taken.iter().position(Option::is_none).map_or(Ok(()), |index| fail(None, Some(index)))
        }
        Mode::Contains => {
            let mut next = 0;
            for index in 0..expected {
                match (next..found).find(|other| fits(index, *other)) {
                    Some(other) => next = other + 1,
                    None => return fail(Some(index), None),
                }
            }
            Ok(())
        }
        Mode::None => {
            let first = (0..found).find_map(|other| Some(((0..expected).find(|index| fits(*index, other))?, other)));
            first.map_or(Ok(()), |(index, other)| fail(Some(index), Some(other)))
        }
    }
}

/// Finds a message for an expectation (Kuhn's matching).
fn assign(index: usize, tried: &mut [bool], taken: &mut [Option<usize>], fits: &impl Fn(usize, usize) -> bool) -> bool {
    for other in 0..taken.len() {
        let is_tried = tried.get(other).copied().unwrap_or(true);
        if is_tried || !fits(index, other) {
            continue;
        }
        if let Some(slot) = tried.get_mut(other) {
            *slot = true;
        }
        let holder = taken.get(other).copied().flatten();
        if holder.is_none_or(|holder| assign(holder, tried, taken, fits)) {
            if let Some(slot) = taken.get_mut(other) {
                *slot = Some(index);
            }
            return true;
        }
    }
    false
}

impl<F: Fabric> Net<F> {
    /// What [`assert_received!`] and [`assert_sent!`] call.
    #[doc(hidden)]
    #[track_caller]
    pub fn check(&self, node: usize, side: Side, mode: Mode, expected: &[Expected<'_>]) {
        self.place(node);
        for expected in expected {
            (expected.describe)(&mut self.log.lock());
        }
        let mut packets = match side {
            Side::Received => self.received_packets(node),
            Side::Sent => self.sent_packets(node),
        };
        let log = self.log.lock();
        packets.retain(|packet| !self.is_passed_over(&log, packet));
        let fits = |expected: &Expected<'_>, packet: &Captured| {
            expected.party.is_none_or(|party| side.other(packet) == party)
                && (expected.is)(&log, packet)
                && (expected.matches)(&packet.bytes)
        };
        let fits_at = |index: usize, other: usize| match (expected.get(index), packets.get(other)) {
            (Some(expected), Some(packet)) => fits(expected, packet),
            _ => false,
        };
        let Err(failure) = compare(mode, expected.len(), packets.len(), fits_at) else { return };

        let how = match mode {
            Mode::Exactly => "exactly these messages in this order",
            Mode::Unordered => "exactly these messages in any order",
            Mode::Contains => "these messages in this order, among others",
            Mode::None => "none of these messages",
        };
        let (name, verb, preposition) = (self.name(node), side.verb(), side.preposition());
        let mut text = format!("{name} should have {verb} {how}:\n");
        for (index, expected) in expected.iter().enumerate() {
            let mark = if failure.expected == Some(index) { '>' } else { ' ' };
            let party = expected.party.map(|party| self.nodes.get(party).map_or("nobody", |place| &place.name));
            let party = party.map_or_else(String::new, |name| format!("{preposition} {name}: "));
            let _ = writeln!(text, "{mark} {}. {party}{}", index + 1, expected.text);
        }
        if expected.is_empty() {
            text.push_str("  nothing\n");
        }
        let _ = writeln!(text, "but it {verb}:");
        for (index, packet) in packets.iter().enumerate() {
            let mark = if failure.found == Some(index) { '>' } else { ' ' };
            let party = self.party_name(side.other(packet));
            let _ = writeln!(text, "{mark} {}. {preposition} {party}: {}", index + 1, log.words(packet));
        }
        if packets.is_empty() {
            text.push_str("  nothing\n");
        }
        if let (Side::Received, Some(missing)) = (side, failure.expected.and_then(|index| expected.get(index)))
            && mode != Mode::None
        {
            self.hint(&log, node, &mut text, |packet| fits(missing, packet));
        }
        drop(log);
        let _ = write!(text, "{}", self.seed_hint());
        panic!("{text}")
    }

    /// Says what became of a message that did not get there.
    fn hint(&self, log: &Log, node: usize, text: &mut String, fits: impl Fn(&Captured) -> bool) {
        let elsewhere = |packet: &&Captured| packet.to == node && !packet.end.is_delivered() && fits(packet);
        if let Some(packet) = log.packets().find(elsewhere) {
            let from = self.party_name(packet.from);
            let _ = writeln!(text, "note: {} from {from} would have been it: {}", log.words(packet), packet.end);
        } else if log.in_flight > 0 {
            let _ = writeln!(text, "note: {} packets are on their way: is a net.deliver() missing?", log.in_flight);
        } else if log.forgotten > 0 {
            let _ = writeln!(text, "note: {} older packets were forgotten", log.forgotten);
        }
    }

    fn is_passed_over(&self, log: &Log, packet: &Captured) -> bool {
        let Some(id) = packet.message_id() else { return true };
        let ignored = |(ignored, name): &(u8, &'static str)| {
            *ignored == id && log.name_of(packet).is_none_or(|known| known == *name)
        };
        BASE.contains(&id) || self.ignored.iter().any(ignored)
    }
}
