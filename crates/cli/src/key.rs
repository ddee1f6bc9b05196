//! `ipv8 key`.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use ipv8_crypto::keyfile::{self, KeyFileError, KeyMaterial};
use ipv8_crypto::{Curve, PrivateKey, PublicKey};
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::args::KeyCommand;
use crate::failure::Failure;
use crate::output;

/// Longest message that is signed or verified, in bytes: it is held in memory as a whole.
const MAX_MESSAGE_LEN: u64 = 256 << 20;

pub(crate) fn run(command: KeyCommand) -> Result<(), Failure> {
    match command {
        KeyCommand::Generate { curve, out, force, json } => generate(curve, &out, force, json),
        KeyCommand::Show { file, json } => show(&file, json),
        KeyCommand::Sign { key } => sign(&key),
        KeyCommand::Verify { public, signature } => verify(&public.0, &signature.0),
    }
}

/// A generator for keys, seeded by the operating system.
///
/// # Errors
/// If the system has no randomness to give.
pub(crate) fn system_rng() -> Result<StdRng, Failure> {
    let mut seed = Zeroizing::new([0; 32]);
    #[allow(clippy::disallowed_methods, reason = "the program is what hands randomness in")]
    getrandom::fill(seed.as_mut_slice())
        .map_err(|error| Failure::Failed(format!("the operating system gives no random numbers: {error}")))?;
    Ok(StdRng::from_seed(*seed))
}

/// The reference's name of the key's curve, or OpenSSL's where the reference has none.
pub(crate) fn curve_name(key: &PublicKey) -> String {
    match key.curve() {
        Some(curve) => curve.name().to_owned(),
        None => key.curve_name().to_owned(),
    }
}

/// What is shown of a key.
#[derive(Serialize)]
struct Shown {
    curve: String,
    public_key: String,
    mid: String,
    signature_length: usize,
}

impl Shown {
    fn of(key: &PublicKey) -> Self {
        Self {
            curve: curve_name(key),
            public_key: hex::encode(key.as_bytes()),
            mid: key.mid().to_string(),
            signature_length: key.signature_len(),
        }
    }

    fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        if json {
            output::json(&mut out, self)?;
        } else {
            output::line(&mut out, &format!("curve             {}", self.curve))?;
            output::line(&mut out, &format!("public key        {}", self.public_key))?;
            output::line(&mut out, &format!("mid               {}", self.mid))?;
            output::line(&mut out, &format!("signature length  {} bytes", self.signature_length))?;
        }
        output::flush(&mut out)
    }
}

fn generate(curve: Curve, out: &Path, force: bool, json: bool) -> Result<(), Failure> {
    let key = PrivateKey::generate(curve, &mut system_rng()?).map_err(Failure::failed)?;
    keyfile::save(out, &key, force).map_err(|error| match error {
        KeyFileError::Exists(path) => Failure::Failed(format!(
            "{} exists already: give another --out, or --force if the key in it is no longer needed",
            path.display()
        )),
        error => Failure::failed(error),
    })?;
    Shown::of(key.public()).print(json)
}

fn show(file: &Path, json: bool) -> Result<(), Failure> {
    let material = keyfile::load_any(file).map_err(Failure::failed)?;
    let key = material.public();
    if key.curve() == Some(Curve::Curve25519) && !is_binary(file) {
        let note = match material {
            KeyMaterial::Private(_) => {
                "the other half was drawn just now, so that public key and mid change at each load"
            }
            KeyMaterial::Public(_) => "the mid is not that of the whole key",
        };
        let _ = writeln!(io::stderr(), "ipv8: note: the file holds only the signing half of a key: {note}");
    }
    Shown::of(key).print(json)
}

/// Whether a curve25519 key is in the file as a whole, not as PEM or PKCS#8.
fn is_binary(file: &Path) -> bool {
    let mut start = [0; 7];
    let read = std::fs::File::open(file).and_then(|mut file| file.read_exact(&mut start));
    read.is_err() || start == *b"LibNaCL"
}

fn sign(file: &Path) -> Result<(), Failure> {
    let key = keyfile::load(file).map_err(Failure::failed)?;
    let signature = key.sign(&message()?).map_err(Failure::failed)?;
    let mut out = io::stdout().lock();
    output::line(&mut out, &hex::encode(signature))?;
    output::flush(&mut out)
}

fn verify(public: &[u8], signature: &[u8]) -> Result<(), Failure> {
    let key = PublicKey::from_bytes(public).map_err(|error| Failure::Failed(format!("--public: {error}")))?;
    if key.verify(&message()?, signature) {
        let mut out = io::stdout().lock();
        output::line(&mut out, "valid")?;
        output::flush(&mut out)
    } else {
        Err(Failure::Failed("the signature is not valid for this key and message".to_owned()))
    }
}

/// All of standard input.
fn message() -> Result<Vec<u8>, Failure> {
    let mut message = Vec::new();
    io::stdin()
        .lock()
        .take(MAX_MESSAGE_LEN + 1)
        .read_to_end(&mut message)
        .map_err(|error| Failure::Failed(format!("cannot read standard input: {error}")))?;
    if u64::try_from(message.len()).is_ok_and(|len| len > MAX_MESSAGE_LEN) {
        return Err(Failure::Failed(format!(
            "standard input has more than {} MiB: sign a hash of it instead",
            MAX_MESSAGE_LEN >> 20
        )));
    }
    Ok(message)
}
