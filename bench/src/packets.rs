//! Requests made ahead, and the check of their replies.

use std::fmt;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};

/// `00 02`, the community id, the message id.
const HEADER: usize = 23;
const KEY_START: &[u8] = b"LibNaCLPK:";
/// The key's length in two bytes, its start, 32 bytes of X25519 and 32 of Ed25519.
const KEY_FIELD: usize = 2 + 10 + 32 + 32;
const SIGNATURE: usize = 64;
/// Two `u32`.
const PAYLOAD: usize = 8;

/// Whether requests and replies are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Message 1, answered by 2.
    Signed,
    /// Message 3, answered by 4.
    Unsigned,
}

impl Mode {
    /// `signed` or `unsigned`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
        }
    }

    fn request(self) -> u8 {
        match self {
            Self::Signed => 1,
            Self::Unsigned => 3,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Signed, Self::Unsigned]
            .into_iter()
            .find(|mode| mode.name() == text)
            .ok_or_else(|| "use signed or unsigned".to_owned())
    }
}

/// A text that is no community id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a community id is 40 hex digits")]
pub struct ParseCommunityError;

/// Reads a community id.
///
/// # Errors
/// Where it is not 40 hex digits.
pub fn community(text: &str) -> Result<[u8; 20], ParseCommunityError> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let bytes: Vec<u8> = digits
        .ok_or(ParseCommunityError)?
        .chunks_exact(2)
        .filter_map(|pair| Some(pair.first()? << 4 | pair.last()?))
        .collect();
    if text.len() != 40 {
        return Err(ParseCommunityError);
    }
    bytes.try_into().map_err(|_| ParseCommunityError)
}

/// Requests, each with its number as its identifier, made ahead so that the load generator is never what limits.
#[derive(Debug)]
pub struct Packets {
    mode: Mode,
    prefix: [u8; HEADER - 1],
    requests: Vec<Vec<u8>>,
    /// The key of the last reply that was verified: there is one server.
    verifier: Option<VerifyingKey>,
}

/// A well-formed reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Of the request that it answers; the number of a request.
    pub identifier: u32,
}

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Not the bytes of a reply to one of these requests.
    #[error("it is not a reply to any request")]
    Malformed,
    /// The value is not the request's plus one.
    #[error("its value is not the value of the request plus one")]
    Value,
    /// The signature does not hold, or the key is none.
    #[error("its signature is wrong")]
    Signature,
}

/// The key of the peer with a number.
fn signing_key(number: u16) -> SigningKey {
    let mut seed = [0; 32];
    for (byte, value) in seed.iter_mut().zip(number.to_be_bytes().into_iter().cycle()) {
        *byte = value;
    }
    SigningKey::from_bytes(&seed)
}

impl Packets {
    /// Makes `count` requests, signed by `keys` keys in turn. Both are the same at every run.
    pub fn new(mode: Mode, community: [u8; 20], count: u32, keys: u16) -> Self {
        let mut prefix = [0; HEADER - 1];
        let start = [0, 2].into_iter().chain(community);
        for (byte, value) in prefix.iter_mut().zip(start) {
            *byte = value;
        }
        let keys: Vec<SigningKey> = (1..=keys.max(1)).map(signing_key).collect();
        let requests =
            (0..count).zip(keys.iter().cycle()).map(|(number, key)| request(mode, &prefix, number, key)).collect();
        Self { mode, prefix, requests, verifier: None }
    }

    /// Whether they are signed.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.requests.len()
    }

    /// The request with this number, which is its identifier too; empty past the end.
    pub fn request(&self, number: usize) -> &[u8] {
        self.requests.get(number).map(Vec::as_slice).unwrap_or_default()
    }

    /// Checks everything of a reply but its signature.
    ///
    /// # Errors
    /// [`ReplyError::Malformed`] or [`ReplyError::Value`].
    pub fn check(&self, datagram: &[u8]) -> Result<Reply, ReplyError> {
        let rest = datagram
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.strip_prefix(&[self.mode.request() + 1]))
            .ok_or(ReplyError::Malformed)?;
        let payload = match self.mode {
            Mode::Signed => rest
                .get(KEY_FIELD..)
                .and_then(|rest| rest.len().checked_sub(SIGNATURE).map(|end| (rest, end)))
                .and_then(|(rest, end)| rest.get(..end)),
            Mode::Unsigned => Some(rest),
        };
        let payload: [u8; PAYLOAD] =
            payload.and_then(|payload| payload.try_into().ok()).ok_or(ReplyError::Malformed)?;
        let both = u64::from_be_bytes(payload);
        let (value, identifier) = halves(both);
        if identifier as usize >= self.requests.len() {
            return Err(ReplyError::Malformed);
        }
        if value != value_of(identifier).wrapping_add(1) {
            return Err(ReplyError::Value);
        }
        Ok(Reply { identifier })
    }

    /// Checks the signature of a reply that [`Packets::check`] found good. Unsigned ones always pass.
    ///
    /// # Errors
    /// [`ReplyError::Signature`].
    pub fn verify(&mut self, datagram: &[u8]) -> Result<(), ReplyError> {
        if self.mode == Mode::Unsigned {
            return Ok(());
        }
        self.verified(datagram).ok_or(ReplyError::Signature)
    }

    fn verified(&mut self, datagram: &[u8]) -> Option<()> {
        let key = datagram.get(HEADER + 2..HEADER + KEY_FIELD)?;
        let key: &[u8; 32] = key.strip_prefix(KEY_START)?.last_chunk()?;
        let verifier = match self.verifier.filter(|known| known.as_bytes() == key) {
            Some(known) => known,
            None => *self.verifier.insert(VerifyingKey::from_bytes(key).ok()?),
        };
        let (signed, signature) = datagram.split_last_chunk::<SIGNATURE>()?;
        verifier.verify(signed, &Signature::from_bytes(signature)).ok()
    }
}

/// The value of a request: any, but not a constant, so that a reply cannot be right by chance.
fn value_of(identifier: u32) -> u32 {
    identifier.wrapping_mul(0x9e37_79b9)
}

fn halves(both: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = both.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

fn request(mode: Mode, prefix: &[u8], number: u32, key: &SigningKey) -> Vec<u8> {
    let mut packet = prefix.to_vec();
    packet.push(mode.request());
    if mode == Mode::Signed {
        packet.extend([0, 74]);
        packet.extend(KEY_START);
        // The X25519 half is never used for signatures: any 32 bytes will do.
        packet.extend(key.verifying_key().as_bytes());
        packet.extend(key.verifying_key().as_bytes());
    }
    packet.extend(value_of(number).to_be_bytes());
    packet.extend(number.to_be_bytes());
    if mode == Mode::Signed {
        let signature = key.sign(&packet);
        packet.extend(signature.to_bytes());
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an honest server makes of a request.
    fn reply(packets: &Packets, number: u32, value: u32, key: &SigningKey) -> Vec<u8> {
        let mut reply = request(packets.mode, &packets.prefix, number, key);
        let end = reply.len()
            - match packets.mode {
                Mode::Signed => SIGNATURE,
                Mode::Unsigned => 0,
            };
        reply.truncate(end);
        reply[HEADER - 1] += 1;
        reply[end - PAYLOAD..end - 4].copy_from_slice(&value.to_be_bytes());
        if packets.mode == Mode::Signed {
            let signature = key.sign(&reply);
            reply.extend(signature.to_bytes());
        }
        reply
    }

    #[test]
    fn honest_replies_pass_and_others_do_not() {
        let key = SigningKey::from_bytes(&[9; 32]);
        for mode in [Mode::Signed, Mode::Unsigned] {
            let mut packets = Packets::new(mode, [7; 20], 10, 3);
            let honest = reply(&packets, 4, value_of(4).wrapping_add(1), &key);
            assert_eq!(packets.check(&honest), Ok(Reply { identifier: 4 }));
            assert_eq!(packets.verify(&honest), Ok(()));

            let wrong = reply(&packets, 4, value_of(4), &key);
            assert_eq!(packets.check(&wrong), Err(ReplyError::Value));
            let unknown = reply(&packets, 10, value_of(10).wrapping_add(1), &key);
            assert_eq!(packets.check(&unknown), Err(ReplyError::Malformed));
            for cut in 0..honest.len() {
                assert_eq!(packets.check(&honest[..cut]), Err(ReplyError::Malformed), "{cut}");
            }
            let request = packets.request(4).to_vec();
            assert_eq!(packets.check(&request), Err(ReplyError::Malformed));
        }
    }

    #[test]
    fn a_broken_signature_is_seen() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let mut packets = Packets::new(Mode::Signed, [7; 20], 1, 1);
        let mut forged = reply(&packets, 0, 1, &key);
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(packets.verify(&forged), Err(ReplyError::Signature));
    }

    #[test]
    fn requests_have_the_sizes_of_the_protocol() {
        assert_eq!(Packets::new(Mode::Signed, [0; 20], 1, 1).request(0).len(), 171);
        assert_eq!(Packets::new(Mode::Unsigned, [0; 20], 1, 1).request(0).len(), 31);
    }

    #[test]
    fn community_ids_are_forty_digits() {
        assert_eq!(community(&"0f".repeat(20)), Ok([0x0f; 20]));
        for wrong in ["", "0f", &"0g".repeat(20), &"0f".repeat(21), &"é".repeat(20)] {
            assert_eq!(community(wrong), Err(ParseCommunityError), "{wrong}");
        }
    }
}
