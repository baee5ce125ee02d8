//! Two instruments for one added latency: the probe's clock and the gateway's own.

use crate::number::us;
use crate::place::Place;
use crate::summary::SummaryCell;
use crate::text;

/// Where the two clocks are read they see different parts of a request: the probe also sees the socket and the switch
/// between processes, which a plugin moves by up to about that much.
const LEAST_NS: f64 = 1_500.0;
/// The same as a share of the added latency.
const SHARE: f64 = 0.15;

/// Whether two figures of one added latency, in nanoseconds, are no further apart than 1.5 us or 15 % of the probe's,
/// whichever is more.
pub(crate) fn agree(probe_ns: f64, gateway_ns: f64) -> bool {
    (probe_ns - gateway_ns).abs() <= f64::max(LEAST_NS, SHARE * probe_ns.abs())
}

/// The mark on a figure of the gateway's that is not the probe's.
pub(crate) const MARK: &str = "≠";

/// The gateway's figure with its mark; none where there is none.
pub(crate) fn figure(cell: &SummaryCell, digits: usize) -> Option<String> {
    let own = us(cell.gateway_added_ns?.p50, digits);
    Some(if cell.instruments_agree == Some(false) { format!("{MARK} {own}") } else { own })
}

/// What is to be said below a place's table of the rows where the two are not one; empty when there are none.
pub(crate) fn note(place: &Place<'_>) -> String {
    let digits = crate::number::decimals(place.largest_ns());
    let cells = place.rows.iter().map(|row| row.cell).chain(place.noise);
    let apart: Vec<String> = cells
        .filter(|cell| cell.instruments_agree == Some(false))
        .filter_map(|cell| {
            let (probe, own) = (us(cell.added_ns?.p50, digits), us(cell.gateway_added_ns?.p50, digits));
            Some(format!("{} {probe} and {own} µs", text::name(&cell.plugin, 24)))
        })
        .collect();
    match apart.is_empty() {
        true => String::new(),
        false => format!(
            "{MARK} Probe and gateway disagree by more than 1.5 µs and 15 %: {}. The gateway's clock stops when its response \
             begins: what a plugin does afterwards (done, log, the end of its context) is in the probe's figure only.",
            apart.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_larger_of_both() {
        for (probe, gateway, expected) in [
            (0.0, 1_500.0, true),
            (0.0, 1_501.0, false),
            (10_000.0, 8_499.0, false),
            (100_000.0, 85_000.0, true),
            (100_000.0, 115_001.0, false),
            (-100_000.0, -85_001.0, true),
        ] {
            assert_eq!(agree(probe, gateway), expected, "{probe} and {gateway}");
        }
    }
}
