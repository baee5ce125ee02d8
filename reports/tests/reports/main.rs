//! Whole reports of synthetic records, in one test program.

mod adapters;
mod beside;
mod breakdown;
mod compared;
mod cost;
mod counted;
mod gate;
mod gate_live;
mod html;
mod in_process;
mod lives;
mod load;
mod mutated;
mod proof;
mod response;
mod scale;
mod scenario;
mod schema;
mod snapshots;
mod soak;
mod synthetic;
mod text;
mod trend;
mod words;
