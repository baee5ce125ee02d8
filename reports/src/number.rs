//! How durations, sizes and dates are written. Only here, at the very end, is anything rounded.

/// Microseconds with so many decimals, without a sign on zero.
pub(crate) fn us(ns: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", ns / 1_000.0);
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| matches!(c, '0' | '.')) => rest.to_owned(),
        _ => text,
    }
}

/// Decimals that suit a column of microseconds whose largest value is that: a column reads best when its points
/// align, and below 10 us single nanoseconds matter.
pub(crate) fn decimals(largest_ns: f64) -> usize {
    match largest_ns.abs() {
        ns if ns >= 1e6 => 1,
        ns if ns >= 1e4 => 2,
        _ => 3,
    }
}

/// Three significant digits of a number, without an exponent.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    format!("{value:.decimals$}")
}

/// A duration with the unit that suits it and three significant digits.
pub(crate) fn duration(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        size if size >= 1e9 => (ns / 1e9, "s"),
        size if size >= 1e6 => (ns / 1e6, "ms"),
        size if size >= 1e3 => (ns / 1e3, "µs"),
        _ => return format!("{ns:.0} ns"),
    };
    format!("{} {unit}", significant(value))
}

/// A duration in microseconds, with its sign, as in a difference.
pub(crate) fn signed_us(ns: f64) -> String {
    let text = us(ns, if ns.abs() < 1e4 { 3 } else { 1 });
    if text.starts_with('-') { text } else { format!("+{text}") }
}

/// A share in percent with two decimals and its sign, as in a change; without the unit.
pub(crate) fn signed_percent(share: f64) -> String {
    let text = format!("{:+.2}", share * 100.0);
    if text == "-0.00" { "+0.00".to_owned() } else { text }
}

/// A size in bytes with a binary unit.
pub(crate) fn bytes(size: u64) -> String {
    match size {
        0..=1023 => format!("{size} B"),
        1024..=1_048_575 => format!("{} KiB", significant(size as f64 / 1024.0)),
        1_048_576..=1_073_741_823 => format!("{} MiB", significant(size as f64 / 1_048_576.0)),
        _ => format!("{} GiB", significant(size as f64 / 1_073_741_824.0)),
    }
}

/// A whole number with thin groups of three, as people read it.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A probability as percent with one decimal, less when that is zero; with more where it would read as never or always, and is
/// neither.
pub(crate) fn percent(share: f64) -> String {
    let is_certain = |text: &str| text.parse::<f64>().is_ok_and(|value| value == 0.0 || value == 100.0);
    let with = |decimals: usize| format!("{:.decimals$}", share * 100.0);
    let text = match (1..=6).map(with).find(|text| !is_certain(text)) {
        Some(text) if share > 0.0 && share < 1.0 => text,
        _ => with(1),
    };
    format!("{} %", text.strip_suffix(".0").unwrap_or(&text))
}

/// Date and time in UTC. The calendar is worked out from days since 1970 (Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`), which saves a dependency.
pub(crate) fn date(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let cases = [
            (us(-0.4, 3), "0.000"),
            (us(-1_234.0, 2), "-1.23"),
            (duration(12.4), "12 ns"),
            (duration(29_512.0), "29.5 µs"),
            (duration(1_234_000.0), "1.23 ms"),
            (duration(2.5e9), "2.50 s"),
            (signed_us(-20.0), "-0.020"),
            (signed_us(12_340.0), "+12.3"),
            (signed_percent(0.010_23), "+1.02"),
            (signed_percent(-0.000_01), "+0.00"),
            (grouped(1_234_567), "1,234,567"),
            (grouped(12), "12"),
            (percent(0.96875), "96.9 %"),
            (percent(0.5), "50 %"),
            (percent(1.0), "100 %"),
            (percent(0.0), "0 %"),
            (percent(0.000_368), "0.04 %"),
            (percent(0.999_63), "99.96 %"),
            (bytes(2_306_867), "2.20 MiB"),
            (date(951_782_400_000), "2000-02-29 00:00 UTC"),
            (date(1_767_225_599_000), "2025-12-31 23:59 UTC"),
        ];
        for (got, expected) in cases {
            assert_eq!(got, expected);
        }
    }
}
