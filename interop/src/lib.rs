//! Golden vectors and live tests against py-ipv8.
