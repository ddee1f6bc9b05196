"""
Keys as the reference sees them: one JSON request per line in, one JSON answer per line out.

A request names its operation, and its key either as `"file"` or as hex:

{"op":"generate","curve":"medium","file":"PATH"}      makes a key; "file" may be left out
{"op":"load","file":"PATH"}                           or "private": HEX, or "public": HEX
{"op":"pem","private":HEX}                            the key as PEM
{"op":"sign","file":"PATH","message":HEX}             or "private": HEX
{"op":"verify","public":HEX,"message":HEX,"signature":HEX}

Answers carry "curve", "public_key", "mid", "signature_length", and for private keys "private_key"; `sign` adds
"signature", `verify` adds "valid", `pem` adds "pem". A request that fails is answered with {"error"}.
"""
from __future__ import annotations

import argparse
import json
import os
import signal
import sys

from ipv8.keyvault.crypto import _CURVES, default_eccrypto
from ipv8.keyvault.keys import Key

LEVELS = {name: level for level, name in _CURVES.items()}


def load(request: dict) -> Key:
    """The key that a request names: a private one from `file` or `private`, a public one from `public`."""
    if "file" in request:
        with open(request["file"], "rb") as stream:
            content = stream.read()
        # Key files hold a private key, but a public one is worth a try.
        try:
            return default_eccrypto.key_from_private_bin(content)
        except Exception:
            return default_eccrypto.key_from_public_bin(content)
    if "private" in request:
        return default_eccrypto.key_from_private_bin(bytes.fromhex(request["private"]))
    return default_eccrypto.key_from_public_bin(bytes.fromhex(request["public"]))


def describe(key: Key) -> dict:
    """What the reference says about a key."""
    public = key.pub()
    answer = {"curve": LEVELS.get(public.curve_name(), public.curve_name()), "public_key": public.key_to_bin().hex(),
              "mid": public.key_to_hash().hex(), "signature_length": public.get_signature_length()}
    if key.has_secret_key():
        answer["private_key"] = key.key_to_bin().hex()
    return answer


def answer_to(request: dict) -> dict:
    """Do what a request asks."""
    operation = request.get("op")
    if operation == "generate":
        key = default_eccrypto.generate_key(request.get("curve", "curve25519"))
        if "file" in request:
            with open(request["file"], "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
                stream.write(key.key_to_bin())
        return describe(key)
    if operation not in ("load", "pem", "sign", "verify"):
        raise ValueError(f"unknown operation {operation!r}: use generate, load, pem, sign or verify")
    key = load(request)
    answer = describe(key)
    if operation == "pem":
        answer["pem"] = key.key_to_pem().decode()
    elif operation == "sign":
        answer["signature"] = default_eccrypto.create_signature(key, bytes.fromhex(request["message"])).hex()
    elif operation == "verify":
        answer["valid"] = default_eccrypto.is_valid_signature(key, bytes.fromhex(request["message"]),
                                                              bytes.fromhex(request["signature"]))
    return answer


def main() -> None:
    """Answer until the requests end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=120, metavar="S", help="end after this long (default: %(default)s)")
    args = parser.parse_args()
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.alarm(max(1, args.seconds))
    for line in sys.stdin:
        try:
            answer = answer_to(json.loads(line))
        except Exception as error:  # noqa: BLE001 (reported to whoever asked)
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer, separators=(",", ":")), flush=True)


if __name__ == "__main__":
    main()
