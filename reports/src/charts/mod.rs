//! Charts as SVG text, drawn by plotters: text stays text, colours follow the page's theme, and every mark carries
//! its figures as data attributes, so that a test in a browser can read them back.
//!
//! A chart leaves its ink to the page (`currentColor` and CSS variables); [`standalone`] makes a file of it.

mod article;
mod bars;
mod canvas;
mod chain;
mod cost;
mod distribution;
mod element;
mod failing;
mod lines;
mod lives;
mod load;
mod percentiles;
mod reload;
mod rounds;
mod scale;
mod shapes;
mod shift;
mod stack;
mod trend;

pub use article::article;
pub use bars::bars;
pub(crate) use bars::{cuts_bars, shows_noise};
pub use chain::{chain_latency, chain_memory};
pub use cost::cost;
pub(crate) use distribution::{Ridge, distribution};
pub use failing::failing;
pub(crate) use lives::{life_memory, life_times};
pub(crate) use load::load;
pub use percentiles::percentiles;
pub use reload::{around, reload};
pub(crate) use rounds::{Track, rounds};
pub(crate) use shift::{Shifted, name as quantile_name, shift};
pub(crate) use stack::stack;
pub(crate) use trend::trend;

use crate::place::places;
use crate::summary::Summary;

/// Width of every chart in its own pixels. A page shows it at 360 to 544 pixels, so that one drawing does for a phone
/// and for a desk.
const WIDTH: i32 = 460;

/// Size of all text: at 360 pixels it is still 11 high.
const FONT: f64 = 14.0;

/// The headline's chart as a file of its own; none where nothing was measured.
pub fn headline(summary: &Summary) -> Option<String> {
    places(summary).last().and_then(|place| bars(place, "answer")).as_deref().map(standalone)
}

/// The chart as a file of its own, with the colours that a page would have given it.
pub fn standalone(svg: &str) -> String {
    svg.replacen('>', &format!("><style>{}</style>", include_str!("standalone.css")), 1)
}
