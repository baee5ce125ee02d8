//! From values to pixels, and the round numbers along an axis.

/// An axis between two values, linear or logarithmic.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    from_px: f64,
    to_px: f64,
    log: bool,
}

impl Scale {
    pub(super) fn linear(values: (f64, f64), pixels: (i32, i32)) -> Self {
        Self::new(values, pixels, false)
    }

    /// From the lower value to the first round one that is not below the upper.
    pub(super) fn linear_beyond((low, high): (f64, f64), pixels: (i32, i32), count: usize) -> Self {
        let step = Self::linear((low, high), pixels).step(count);
        Self::linear((low, (high / step).ceil() * step), pixels)
    }

    /// Both values must be above zero.
    pub(super) fn log(values: (f64, f64), pixels: (i32, i32)) -> Self {
        Self::new((values.0.log10(), values.1.log10()), pixels, true)
    }

    fn new((low, high): (f64, f64), (from_px, to_px): (i32, i32), log: bool) -> Self {
        let high = if high > low { high } else { low + 1.0 };
        Self { low, high, from_px: f64::from(from_px), to_px: f64::from(to_px), log }
    }

    /// Pixel of a value; what lies outside is put on the edge.
    pub(super) fn px(&self, value: f64) -> i32 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).log10() } else { value };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        (self.from_px + share * (self.to_px - self.from_px)).round() as i32
    }

    /// Length of a difference on a linear axis, not rounded.
    pub(super) fn length_px(&self, difference: f64) -> f64 {
        difference / (self.high - self.low) * (self.to_px - self.from_px)
    }

    /// Round values within the axis: about `count` on a linear axis, 1-2-5 on a logarithmic one unless it is so short that these are fewer than three.
    pub(super) fn ticks(&self, count: usize) -> Vec<f64> {
        if self.log { self.log_ticks(count) } else { self.linear_ticks(count) }
    }

    fn linear_ticks(&self, count: usize) -> Vec<f64> {
        let step = self.step(count);
        let first = (self.low / step).ceil() as i64;
        // A hair more, because an end that is a multiple of the step may miss it by rounding.
        let last = (self.high / step + 1e-9).floor() as i64;
        (first..=last).map(|index| index as f64 * step).collect()
    }

    fn step(&self, count: usize) -> f64 {
        let rough = (self.high - self.low) / count.max(1) as f64;
        let magnitude = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude).into_iter().find(|step| *step >= rough);
        step.unwrap_or(10.0 * magnitude)
    }

    fn log_ticks(&self, count: usize) -> Vec<f64> {
        let decades = self.low.floor() as i32..=self.high.ceil() as i32;
        let within = |value: &f64| (self.low - 1e-9..=self.high + 1e-9).contains(&value.log10());
        let with = |factors: &[f64]| -> Vec<f64> {
            decades
                .clone()
                .flat_map(|decade| factors.iter().map(move |f| f * 10f64.powi(decade)))
                .filter(within)
                .collect()
        };
        let fine = with(&[1.0, 2.0, 5.0]);
        match fine.len() {
            // On a short axis there may be none.
            0..3 => {
                Self { low: 10f64.powf(self.low), high: 10f64.powf(self.high), log: false, ..*self }.linear_ticks(6)
            }
            few if few <= count => fine,
            _ => with(&[1.0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let cases: [(Scale, &[f64]); 4] = [
            (Scale::linear((0.0, 93.0), (0, 100)), &[0.0, 20.0, 40.0, 60.0, 80.0]),
            (Scale::linear((-3.0, 9.0), (0, 100)), &[0.0, 5.0]),
            (Scale::log((3.0, 40.0), (0, 100)), &[5.0, 10.0, 20.0]),
            (Scale::log((17.0, 98.0), (0, 100)), &[20.0, 40.0, 60.0, 80.0]),
        ];
        for (scale, expected) in cases {
            assert_eq!(scale.ticks(5), expected, "{scale:?}");
        }
        assert_eq!(Scale::log((1.0, 1e6), (0, 100)).ticks(8).len(), 7);
    }

    #[test]
    fn the_last_tick_is_not_below_the_largest_value() {
        for high in [0.7, 3.0, 28.6, 50.0, 93.0, 99.9, 1234.0] {
            for low in [0.0, -0.2] {
                let ticks = Scale::linear_beyond((low, high), (0, 100), 5).ticks(5);
                let last = *ticks.last().expect("ticks");
                assert!(last >= high && (3..=8).contains(&ticks.len()), "{low} to {high}: {ticks:?}");
            }
        }
    }

    #[test]
    fn pixels_follow_values() {
        let scale = Scale::linear((0.0, 10.0), (100, 200));
        assert_eq!([-5.0, 0.0, 5.0, 10.0, 99.0].map(|value| scale.px(value)), [100, 100, 150, 200, 200]);
        assert_eq!(Scale::log((1.0, 100.0), (0, 100)).px(10.0), 50);
    }
}
