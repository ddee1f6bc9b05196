//! The routing table: nodes that are known, many near our own id and few far from it (`protocol.md` section 6, "Routing").

mod bucket;
mod node;
mod table;

pub use bucket::{BUCKET_SIZE, Bucket};
pub use node::{DhtNode, NodeStatus, QUERY_INTERVAL, QUERY_LIMIT};
pub use table::RoutingTable;
