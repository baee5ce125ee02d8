//! Charts as SVG text, drawn by plotters: text stays text, colours follow the page's theme, and every mark carries
//! its figures as data attributes, so that a test in a browser can read them back.
//!
//! A chart leaves its ink to the page (`currentColor` and CSS variables); [`standalone`] makes a file of it.

mod article;
mod bars;
mod canvas;
mod percentiles;
mod scale;

pub use article::article;
pub use bars::bars;
pub use percentiles::percentiles;

/// The chart as a file of its own, with the colours that a page would have given it.
pub fn standalone(svg: &str) -> String {
    svg.replacen('>', &format!("><style>{}</style>", include_str!("standalone.css")), 1)
}
