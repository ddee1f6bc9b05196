//! The messages of the [`DiscoveryCommunity`](crate::DiscoveryCommunity), with the layouts of `protocol.md` section 4.

use std::net::SocketAddrV4;

use ipv8_core::messages::{Flags, IntroductionRequest};
use ipv8_wire::{
    CommunityId, Format, Message, Outgoing, Payload, ReadError, ReadErrorKind, Reader, Signed, VarlenHx20, Wire,
    WriteError, Writer,
};

/// 1: tells a peer which communities we are in, and asks for its own.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 1, global_time)]
pub struct SimilarityRequest {
    /// Comes back in the answer; the global time modulo 65,536 in ours.
    pub identifier: u16,
    /// The sender's own address in its LAN.
    pub lan_address: SocketAddrV4,
    /// The sender's own address on the Internet, as far as it knows.
    pub wan_address: SocketAddrV4,
    /// The connection type in the two highest bits; none is set by ours, and none is consulted.
    pub flags: Flags,
    /// The communities of the key that signed the message.
    #[wire(as = Ids)]
    pub preference_list: Vec<CommunityId>,
}

/// 2: answers a [`SimilarityRequest`].
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 2, global_time)]
pub struct SimilarityResponse {
    /// The request's.
    pub identifier: u16,
    /// The communities of the key that signed the message.
    #[wire(as = CountedIds)]
    pub preference_list: Vec<CommunityId>,
    /// Communities with a number, of a use that is forgotten; always empty in ours.
    #[wire(as = Overlaps)]
    pub tb_overlap: Vec<(CommunityId, u32)>,
}

/// 3: asks for a [`Pong`]. Unsigned: it proves nothing but that somebody is at an address.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 3, unsigned, global_time)]
pub struct Ping {
    /// Comes back in the answer.
    pub identifier: u16,
}

/// 4: answers a [`Ping`]. Unsigned.
#[derive(Message, Clone, PartialEq, Eq, Debug)]
#[message(id = 4, unsigned, global_time)]
pub struct Pong {
    /// The ping's.
    pub identifier: u16,
}

/// 246 as this community reads it: the introduction request that every community has, or the one of 2014, which starts
/// with the member id of the peer to be introduced to.
///
/// The old form is tried first, and its marker is not looked at. As in the reference, a plain request with 21 extra bytes
/// or more is thus misread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiscoveryIntroductionRequest {
    /// Whom the sender wants to be introduced to, in the old form.
    pub introduce_to: Option<[u8; 20]>,
    /// The request.
    pub request: IntroductionRequest,
}

/// The first byte of the old form.
const INTRODUCE_TO: u8 = b'Y';

impl DiscoveryIntroductionRequest {
    fn read_old_form(r: &mut Reader<'_>) -> Result<Self, ReadError> {
        r.take(1)?;
        let introduce_to = Some(r.take_array()?);
        Ok(Self { introduce_to, request: IntroductionRequest::read_fields(r)? })
    }
}

impl<'a> Payload<'a> for DiscoveryIntroductionRequest {
    const NAME: &'static str = "DiscoveryIntroductionRequest";

    fn read_fields(r: &mut Reader<'a>) -> Result<Self, ReadError> {
        let mut old = r.clone();
        match Self::read_old_form(&mut old) {
            Ok(request) => {
                *r = old;
                Ok(request)
            }
            Err(_) => Ok(Self { introduce_to: None, request: IntroductionRequest::read_fields(r)? }),
        }
    }

    fn write_fields(&self, w: &mut Writer) -> Result<(), WriteError> {
        if let Some(mid) = &self.introduce_to {
            w.u8(INTRODUCE_TO);
            w.put(mid);
        }
        Payload::write_fields(&self.request, w)
    }
}

impl Message for DiscoveryIntroductionRequest {
    const ID: u8 = <IntroductionRequest as Message>::ID;
    const NAME: &'static str = <Self as Payload<'_>>::NAME;
    type Auth = Signed;
    const GLOBAL_TIME: bool = true;
    type Of<'a> = Self;
}

impl Outgoing for DiscoveryIntroductionRequest {
    const ID: u8 = <Self as Message>::ID;
    const NAME: &'static str = <Self as Message>::NAME;
    const GLOBAL_TIME: bool = true;
    const SIGNED: bool = true;

    fn write_fields(&self, w: &mut Writer) -> Result<(), WriteError> {
        Payload::write_fields(self, w)
    }
}

/// Community ids up to the end of the message. Of a last one that is cut short nothing is read; the reference takes the
/// stump for an id of its own.
enum Ids {}

impl<'a> Format<'a, Vec<CommunityId>> for Ids {
    fn read(r: &mut Reader<'a>) -> Result<Vec<CommunityId>, ReadError> {
        Ok(r.take_rest().as_chunks().0.iter().map(|id| CommunityId(*id)).collect())
    }

    fn write(value: &Vec<CommunityId>, w: &mut Writer) -> Result<(), WriteError> {
        for id in value {
            w.put(&id.0);
        }
        Ok(())
    }
}

/// A `u16` count and community ids: [`VarlenHx20`].
enum CountedIds {}

impl<'a> Format<'a, Vec<CommunityId>> for CountedIds {
    fn read(r: &mut Reader<'a>) -> Result<Vec<CommunityId>, ReadError> {
        let ids: Vec<[u8; 20]> = <VarlenHx20 as Format<'a, _>>::read(r)?;
        Ok(ids.into_iter().map(CommunityId).collect())
    }

    fn write(value: &Vec<CommunityId>, w: &mut Writer) -> Result<(), WriteError> {
        let ids: Vec<[u8; 20]> = value.iter().map(|id| id.0).collect();
        <VarlenHx20 as Format<'a, _>>::write(&ids, w)
    }
}

/// Community ids with a `u32` each, up to the end of the message; one that is cut short is an error.
enum Overlaps {}

impl<'a> Format<'a, Vec<(CommunityId, u32)>> for Overlaps {
    fn read(r: &mut Reader<'a>) -> Result<Vec<(CommunityId, u32)>, ReadError> {
        let start = r.clone();
        let (whole, stump) = r.take_rest().as_chunks::<24>();
        if !stump.is_empty() {
            return Err(start.error(ReadErrorKind::PartialItem(24)));
        }
        whole
            .iter()
            .map(|item| {
                let mut item = Reader::new(item);
                Ok((CommunityId(item.take_array()?), item.u32()?))
            })
            .collect()
    }

    fn write(value: &Vec<(CommunityId, u32)>, w: &mut Writer) -> Result<(), WriteError> {
        value.iter().try_for_each(|(id, number)| {
            w.put(&id.0);
            number.write(w)
        })
    }
}
