//! Envoy's own time of a request, through its access log.

use crate::{OwnTime, ROUND_HEADER};

/// What Envoy writes for a request to an arm: the arm, the round, and the time from the first byte of the request that
/// it read to the first byte of the response that it wrote, on its monotonic clock. Source: Envoy's documentation,
/// "Access logging", `%COMMON_DURATION(START:END:PRECISION)%`.
pub(super) fn format(arm: usize) -> String {
    format!("{arm} %REQ({ROUND_HEADER})% %COMMON_DURATION(DS_RX_BEG:DS_TX_BEG:ns)%\n")
}

/// Reads what Envoy wrote. A line that is not whole yet, or that a plugin has meddled with, tells nothing.
pub(super) fn parse(text: &str) -> Vec<OwnTime> {
    let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    whole.filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<OwnTime> {
    let mut words = line.split(' ');
    let time = OwnTime {
        arm: words.next()?.parse().ok()?,
        round: words.next()?.parse().ok()?,
        ns: words.next()?.parse().ok()?,
    };
    words.next().is_none().then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_whole_lines_only() {
        let text = "0 0000000003 20515\n11 - 99\n1 0000000004 -\n2 5 6 7\n12 0000000003 31007\n1 0000000004 20";
        let time = |arm, ns| OwnTime { arm, round: 3, ns };
        assert_eq!(parse(text), [time(0, 20_515), time(12, 31_007)]);
    }
}
