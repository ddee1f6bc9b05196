//! Runs IPv8 nodes on UDP sockets with tokio.
