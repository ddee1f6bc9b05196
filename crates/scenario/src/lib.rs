//! Scenarios: what happens in a simulated network, what of it is measured, and what came out.
//!
//! A [`Scenario`] is plain data: [`Scenario::from_toml`] makes one of a file, [`builtin()`] has ready ones, and Rust code
//! fills in the same types. [`Simulation`] runs it, to an [`Outcome`].
//!
//! ```
//! use ipv8_scenario::{Ended, Scenario, Simulation};
//!
//! let text = "
//!     name = 'two-minutes'
//!     nodes = 10
//!
//!     [stop]
//!     after = 120
//!     goal = { share = 1.0, peers = 5 }
//! ";
//! let scenario = Scenario::from_toml("two-minutes.toml", text)?;
//! let outcome = Simulation::new(&scenario)?.run();
//! assert_eq!(outcome.ended, Ended::Goal);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The same scenario and seed give the same outcome, to the last bit, on every machine: `scenarios/HASHES` has those of the
//! built-in ones. `docs/simulation.md` explains files, metrics and how to reproduce a run.
//!
//! | module | holds |
//! |---|---|
//! | [`scenario`] | what a scenario says |
//! | [`read`] | files, and the list of all keys |
//! | [`builtin`](mod@builtin) | the built-in scenarios |
//! | [`run`] | the run |
//! | [`outcome`] | what came out |
//! | [`report`] | it as a table, as JSON and as pictures |

pub mod builtin;
pub mod outcome;
pub mod read;
pub mod report;
pub mod run;
pub mod scenario;

pub use self::{
    builtin::{BUILTINS, Builtin, builtin},
    outcome::{Ended, Fact, Graph, GraphNode, Histogram, Mark, Outcome, Point, Series, Totals, Unit},
    read::{Place, Problem, ScenarioError},
    run::{Options, Progress, Simulation, StartError, available_memory, needed_memory},
    scenario::{
        Attack, AttackKind, Clocks, Count, Cpu, Dht, Event, Goal, Happening, HardeningLevel, Join, Length, LinkModel,
        Malice, Measure, Metric, NatKind, NatMix, Overlay, OverlayKind, Parts, Region, RegionMap, Requests, Scenario,
        Sessions, Stop, Trackers, Walker,
    },
};
