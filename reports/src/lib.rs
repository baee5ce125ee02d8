//! What the figures of a record *mean*: estimate, summary, table, charts and one HTML file.
//!
//! Pure functions of records: no runtime, no socket, no clock and no file is touched here, so an old record can be
//! read again by a better report. Start with [`summarize`]; every renderer but [`html`] takes its [`Summary`].
#![deny(missing_docs)]

mod adapters;
mod article;
mod breakdown;
pub mod charts;
mod cost_line;
mod cost_table;
mod csv;
mod csv_scenario;
mod curve;
mod distribution;
mod estimate;
mod facts;
mod failures;
pub mod gate;
mod grid;
mod headline;
mod html;
mod instruments;
mod json;
mod language;
mod life_table;
mod lifecycle;
mod line;
mod load;
mod load_table;
mod markdown;
mod number;
#[cfg(test)]
mod of_starts;
mod place;
mod rounds;
mod scale_table;
mod scaling;
mod scenario;
mod scenario_table;
mod shift;
mod soak;
mod summary;
mod table;
mod text;
mod trend;
mod workload;

pub use adapters::{bencher, github_action_benchmark};
pub use article::{ARTICLE_URL, Agreement, Article, ArticleRow, Measured, PUBLISHED, Published, article};
pub use breakdown::{Bound, Breakdown, Part, bound, breakdowns};
pub use cost_line::{CostLine, CostPoint};
pub use csv::csv;
pub use curve::CurvePoint;
pub use distribution::{Distribution, Distributions, distributions};
pub use estimate::{Estimate, median, median_interval};
pub use headline::{Headline, PlaceWords, headline};
pub use html::html;
pub use json::json;
pub use lifecycle::Lifecycle;
pub use load::{LoadArm, LoadFigures, capacity_in_turn};
pub use markdown::{front_page, markdown};
pub use place::{Place, Row, places};
pub use rounds::{CoursePoint, RoundCourse, StartCourse, course};
pub use scaling::{ScaleFigures, ScaleLine, ScalePoint};
pub use scenario::{Course, EventFigures, FailingFigures, Latency, ReloadFigures, ScenarioFigures, SwapFigures};
pub use shift::{ShiftPoint, shift};
pub use soak::{SoakFigures, SoakVerdict, judge};
pub use summary::{Absolute, RunEnvironment, SUMMARY_SCHEMA, StartEstimate, Summary, SummaryCell, summarize};
pub use table::{TableOptions, table};
pub use text::wrap_around_commands;
pub use trend::{Trend, TrendPoint, trends};
