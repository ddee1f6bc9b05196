//! What is believed, and what is done for strangers.
//!
//! | Module | Guards |
//! |---|---|
//! | [`hardening`] | nothing by itself: the user's choice of how much is trusted |
//! | `asked` | whether a response was asked for, and whether a peer really moved |
//! | `votes` | our own addresses against what few say of them |
//! | `limits` | how many packets others may have us send, and to whom |
//! | `admission` | the time that signatures of strangers take |

pub(crate) mod admission;
pub(crate) mod asked;
pub mod hardening;
pub(crate) mod limits;
pub(crate) mod votes;
