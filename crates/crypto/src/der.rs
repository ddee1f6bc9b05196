//! Just enough DER to know a key on a named curve when it arrives.

/// OBJECT IDENTIFIER of elliptic curve keys (RFC 5480, section 2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// What is in a SubjectPublicKeyInfo of an uncompressed point on a named curve.
pub(crate) struct NamedPoint<'a> {
    /// The encoding without what follows it. As DER is unique, this is what OpenSSL would write.
    pub(crate) der: &'a [u8],
    /// Contents of the curve's OBJECT IDENTIFIER.
    pub(crate) curve: &'a [u8],
    /// 0x04, x and y. Neither their length nor their being on the curve is checked.
    pub(crate) point: &'a [u8],
}

impl<'a> NamedPoint<'a> {
    /// `None` for all else, malformed or merely unusual.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (key, trailing) = element(0x30, bytes)?;
        let (algorithm, key) = element(0x30, key)?;
        let (kind, algorithm) = element(0x06, algorithm)?;
        let (curve, nothing) = element(0x06, algorithm)?;
        let (bits, nothing_either) = element(0x03, key)?;
        // The first byte of a BIT STRING counts the bits unused in the last one.
        let point = bits.strip_prefix(&[0])?;
        let whole = kind == EC_PUBLIC_KEY && nothing.is_empty() && nothing_either.is_empty();
        (whole && point.first() == Some(&0x04)).then_some(Self {
            der: bytes.get(..bytes.len() - trailing.len())?,
            curve,
            point,
        })
    }
}

/// Contents of an element with that tag, and what follows it. Lengths up to 255, in their shortest form.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match bytes.strip_prefix(&[tag])? {
        [len @ 0..=0x7f, rest @ ..] | [0x81, len @ 0x80..=0xff, rest @ ..] => (len, rest),
        _ => return None,
    };
    rest.split_at_checked(usize::from(*len))
}
