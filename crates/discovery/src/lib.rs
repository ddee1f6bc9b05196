//! Peer discovery for IPv8: walking strategies, bootstrappers, the DiscoveryCommunity, the tracker.
