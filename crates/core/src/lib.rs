//! The sans-I/O IPv8 node: communities, peers, tasks, introductions.
