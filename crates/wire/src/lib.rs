//! Bytes of the IPv8 protocol: readers, writers, packing formats and packet headers.
