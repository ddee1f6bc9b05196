//! Keys of the older curves, to forge with. They are fixed because OpenSSL draws keys by its own randomness, and nobody has
//! to sign with them.

use ipv8_crypto::Curve;

/// A public key of one of the older curves, as its bytes in a packet; none for curve25519.
pub(super) fn old_key(curve: Curve) -> Option<Vec<u8>> {
    let hex = match curve {
        Curve::Curve25519 => return None,
        Curve::VeryLow => VERY_LOW,
        Curve::Low => LOW,
        Curve::Medium => MEDIUM,
        Curve::High => HIGH,
    };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

const VERY_LOW: &str = "3040301006072a8648ce3d020106052b81040001032c000400bbcf7206c8e819bade348935c0e81def28a2af2c0761bfdb4\
    f424c5b4dcf39896b74e48c80eef0e33b";

const LOW: &str = "3052301006072a8648ce3d020106052b8104001a033e000401683af42fd61924f99b4a0818c06b1c474ce2487814c5743cbcc2\
    f340360156cbcc9c1e2f06570edec7a6e2c1bf75279b2885ec513262373d0a6dc9";

const MEDIUM: &str = "307e301006072a8648ce3d020106052b81040024036a000401ca0349b4f38691509f3f24fad54e551ce2ec048c2a24cfe20a\
    d4b9892fc6c9687f1b1961c09465e294d01c2b659c95038a404600e42cee52be680f2433aed0a90ed4736fca1035d71af536e144e6fb1e4846c\
    8a0988f9df61b31c37a18f319cea2fd297b9b50ba";

const HIGH: &str = "3081a7301006072a8648ce3d020106052b81040026038192000404257fac8997b13125b6e543ed9a8b59644939e1b74ce83496\
    3c88e9e17d95ecd7394611d64bff9992a91412224786e4e3c2567f75eadf7c89684ad3e2979ae587b3fda6047d64bc0318e1c9d19bbddd04eab\
    726a95b6d59fdf630d2826ec934858a85ee212915a77682228f489806fedd7fe07fa390ed6b33d544af77c15788750d700ddb5f67daefdb0794\
    9db4d5e8";
