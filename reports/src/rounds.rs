//! Block medians in the order in which they were measured: whether a run stood still.

use tollgate_record::{Cell, Control, Series};

use crate::estimate::{median, start_added_ns};

/// Points that all starts have together at most on a chart: more would be nearer to each other than the line is wide.
const MOST_POINTS: usize = 96;

/// A cell over the time of its run.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundCourse {
    /// One per start that measured something, in their order.
    pub starts: Vec<StartCourse>,
}

/// What one start measured, block by block, nanoseconds per request: added latency, or of control A its latency.
#[derive(Debug, Clone, PartialEq)]
pub struct StartCourse {
    /// Number of the start.
    pub start: u32,
    /// Its figure: the median of its blocks.
    pub median_ns: f64,
    /// How many blocks it has.
    pub blocks: u64,
    /// Median of the blocks of its second half minus that of the first; none with fewer than four blocks.
    pub drift_ns: Option<f64>,
    /// The blocks in their order; where there are many, as many neighbours are one point that all starts have 96 at most.
    pub points: Vec<CoursePoint>,
}

/// Some blocks that followed each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoursePoint {
    /// Their median, nanoseconds per request.
    pub median_ns: f64,
    /// The one that is farthest from the start's figure.
    pub farthest_ns: f64,
}

/// The course of a cell; none where it failed or has no blocks.
pub fn course(cell: &Cell) -> Option<RoundCourse> {
    let is_control = cell.control == Some(Control::A);
    let most = (MOST_POINTS / cell.series.len().max(1)).max(1);
    let starts: Vec<StartCourse> = match cell.error {
        Some(_) => Vec::new(),
        None => cell.series.iter().filter_map(|series| of_start(series, is_control, most)).collect(),
    };
    (!starts.is_empty()).then_some(RoundCourse { starts })
}

fn of_start(series: &Series, is_control: bool, most: usize) -> Option<StartCourse> {
    let requests = series.requests_per_sample.max(1) as f64;
    let blocks: Vec<f64> = match is_control {
        true => series.sample_blocks_ns.iter().map(|&ns| ns as f64 / requests).collect(),
        false => series.added_blocks_ns.iter().map(|&ns| ns as f64 / requests).collect(),
    };
    let median_ns = if is_control { median(&blocks)? } else { start_added_ns(series)? };
    let (first, second) = blocks.split_at(blocks.len() / 2);
    let drift_ns = median(second).zip(median(first)).map(|(late, early)| late - early).filter(|_| first.len() > 1);
    let point = |blocks: &[f64]| {
        let far = |ns: &f64| (ns - median_ns).abs();
        Some(CoursePoint {
            median_ns: median(blocks)?,
            farthest_ns: blocks.iter().copied().max_by(|a, b| far(a).total_cmp(&far(b)))?,
        })
    };
    let together = blocks.len().div_ceil(most).max(1);
    let points = blocks.chunks(together).filter_map(point).collect();
    Some(StartCourse { start: series.start, median_ns, blocks: blocks.len() as u64, drift_ns, points })
}

impl RoundCourse {
    /// Median over starts of what they moved from their first half to their second, nanoseconds per request.
    pub fn drift_ns(&self) -> Option<f64> {
        median(&self.starts.iter().filter_map(|start| start.drift_ns).collect::<Vec<_>>())
    }

    /// The block that is farthest above or below the figure of the cell: index of its start, index of its point there, and
    /// the block itself, nanoseconds per request. None where no block is on that side.
    pub fn farthest(&self, is_above: bool) -> Option<(usize, usize, f64)> {
        let figure = self.figure_ns()?;
        let starts = self.starts.iter().enumerate();
        let blocks = starts.flat_map(|(number, start)| {
            start.points.iter().enumerate().map(move |(at, point)| (number, at, point.farthest_ns))
        });
        let on_its_side = blocks.filter(|(.., ns)| if is_above { *ns > figure } else { *ns < figure });
        on_its_side.max_by(|(.., a), (.., b)| (a - figure).abs().total_cmp(&(b - figure).abs()))
    }

    /// Median over starts of their figures: that of the cell.
    pub fn figure_ns(&self) -> Option<f64> {
        median(&self.starts.iter().map(|start| start.median_ns).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(blocks: &[i64]) -> Series {
        Series { requests_per_sample: 10, added_blocks_ns: blocks.to_vec(), ..Series::of_values(0, &[]) }
    }

    proptest! {
        #[test]
        fn no_block_is_lost_from_sight(blocks in prop::collection::vec(-100_000i64..100_000, 1..600), most in 1usize..100) {
            let course = of_start(&series(&blocks), false, most).unwrap();
            prop_assert_eq!(course.blocks as usize, blocks.len());
            prop_assert!(course.points.len() <= most);
            let far = |ns: f64| (ns - course.median_ns).abs();
            let farthest = blocks.iter().map(|&ns| far(ns as f64 / 10.0)).fold(0.0, f64::max);
            let shown = course.points.iter().map(|point| far(point.farthest_ns)).fold(0.0, f64::max);
            prop_assert_eq!(shown, farthest);
            for point in &course.points {
                prop_assert!(far(point.median_ns) <= far(point.farthest_ns) + 1e-9);
            }
        }
    }

    #[test]
    fn a_start_that_drifts_says_by_how_much() {
        let rising: Vec<i64> = (0..100).map(|index| 1_000 + if index < 50 { 0 } else { 300 }).collect();
        assert_eq!(of_start(&series(&rising), false, 16).unwrap().drift_ns, Some(30.0));
        assert_eq!(of_start(&series(&[1, 2]), false, 16).unwrap().drift_ns, None);
        assert!(of_start(&series(&[]), false, 16).is_none());
    }
}
