//! PEM frames (RFC 7468), read here and not by OpenSSL, which would ask for passphrases on the terminal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::error::KeyError;

/// Characters in a line of base64.
const LINE: usize = 64;

/// Bytes that begin as PEM does, as text.
pub(crate) fn as_text(bytes: &[u8]) -> Result<&str, KeyError> {
    if !bytes.starts_with(b"-----BEGIN ") {
        return Err(KeyError::Unrecognised);
    }
    // Whatever follows the block is dropped, so it need not be text.
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).map_err(|_| KeyError::BadPem("it is not text"))
        }
    }
}

/// The first block with a wanted label, and that label; other blocks are passed over.
pub(crate) fn decode<'a>(text: &'a str, wanted: &[&str]) -> Result<(&'a str, Zeroizing<Vec<u8>>), KeyError> {
    let mut rest = text;
    let mut passed_over = None;
    while let Some((_, begun)) = rest.split_once("-----BEGIN ") {
        let Some((label, body)) = begun.split_once("-----") else {
            return Err(KeyError::BadPem("its first line does not end in -----"));
        };
        rest = body;
        if label == "ENCRYPTED PRIVATE KEY" {
            return Err(KeyError::Encrypted);
        }
        if !wanted.contains(&label) {
            passed_over.get_or_insert(label);
            continue;
        }
        let Some((body, _)) = body.split_once("-----END ") else {
            return Err(KeyError::BadPem("its END line is missing"));
        };
        if body.contains("ENCRYPTED") && body.contains(':') {
            return Err(KeyError::Encrypted);
        }
        let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
        base64.extend(body.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        // With room from the start no copy of a secret is left behind by growing.
        let mut der = Zeroizing::new(Vec::with_capacity(base64.len()));
        STANDARD.decode_vec(base64.as_slice(), &mut der).map_err(|_| KeyError::BadPem("its base64 is broken"))?;
        return Ok((label, der));
    }
    Err(match passed_over {
        Some("PUBLIC KEY") => KeyError::PublicGiven,
        Some(label) if label.ends_with("PRIVATE KEY") => KeyError::PrivateGiven,
        _ => KeyError::BadPem("there is no BEGIN line of a key"),
    })
}

/// One block, in lines of 64 characters.
pub(crate) fn encode(label: &str, der: &[u8]) -> Zeroizing<String> {
    let characters = der.len().div_ceil(3) * 4;
    let mut base64 = Zeroizing::new(String::with_capacity(characters));
    STANDARD.encode_string(der, &mut base64);
    let room = characters + characters.div_ceil(LINE) + 2 * label.len() + 32;
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut left = base64.as_str();
    while let Some((line, more)) = left.split_at_checked(LINE) {
        text.push_str(line);
        text.push('\n');
        left = more;
    }
    if !left.is_empty() {
        text.push_str(left);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}
