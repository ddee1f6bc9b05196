//! Keys and signatures of the IPv8 protocol.
