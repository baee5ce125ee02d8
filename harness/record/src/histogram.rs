use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Significant decimal digits kept, so that a value read back is wrong by at most 0.1 %.
const DIGITS: u8 = 3;

/// Durations in nanoseconds in HDR buckets (three significant digits). Smallest and largest are kept exactly.
///
/// In the file: `{"min": …, "max": …, "counts": [[highest value of the bucket, count], …]}`, ascending, only buckets
/// that are not empty.
#[derive(Debug, Clone)]
pub struct Histogram {
    inner: hdrhistogram::Histogram<u64>,
    min_ns: u64,
    max_ns: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// An empty histogram that grows with its values.
    pub fn new() -> Self {
        let inner = hdrhistogram::Histogram::new(DIGITS).expect("3 digits are within what the crate allows");
        Self { inner, min_ns: u64::MAX, max_ns: 0 }
    }

    /// Adds one value in nanoseconds.
    pub fn record(&mut self, value_ns: u64) {
        self.record_n(value_ns, 1);
    }

    fn record_n(&mut self, value_ns: u64, count: u64) {
        self.inner.record_n(value_ns, count).expect("the histogram resizes itself to any value");
        self.min_ns = self.min_ns.min(value_ns);
        self.max_ns = self.max_ns.max(value_ns);
    }

    /// How many values it holds.
    pub fn len(&self) -> u64 {
        self.inner.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Smallest value, exactly; none when empty.
    pub fn min_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// Largest value, exactly; none when empty.
    pub fn max_ns(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// Smallest recorded value such that a share `quantile` (0 to 1) of all values is at most it, within 0.1 %.
    /// None when empty.
    pub fn value_at_quantile_ns(&self, quantile: f64) -> Option<u64> {
        (!self.is_empty()).then(|| self.inner.value_at_quantile(quantile).clamp(self.min_ns, self.max_ns))
    }

    /// Adds all values of another histogram.
    pub fn merge(&mut self, other: &Self) {
        self.inner.add(&other.inner).expect("both resize themselves");
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Buckets that are not empty: highest value of the bucket in nanoseconds, and its count; ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.inner.iter_recorded().map(|step| (step.value_iterated_to(), step.count_since_last_iteration()))
    }
}

impl PartialEq for Histogram {
    fn eq(&self, other: &Self) -> bool {
        (self.min_ns, self.max_ns) == (other.min_ns, other.max_ns) && self.buckets().eq(other.buckets())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    min: Option<u64>,
    max: Option<u64>,
    counts: Vec<(u64, u64)>,
}

impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire { min: self.min_ns(), max: self.max_ns(), counts: self.buckets().collect() }.serialize(serializer)
    }
}

/// A day: no request takes longer, and a value near `u64::MAX` would make the histogram take gigabytes of memory.
const LARGEST_NS: u64 = 86_400_000_000_000;

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Wire::deserialize(deserializer)?;
        let mut histogram = Self::new();
        let mut total: u64 = 0;
        for (value, count) in wire.counts {
            total = total.checked_add(count).ok_or_else(|| D::Error::custom("histogram counts overflow"))?;
            if value > LARGEST_NS {
                return Err(D::Error::custom(format!("histogram value {value} ns is longer than a day")));
            }
            histogram.record_n(value, count);
        }
        match (histogram.is_empty(), wire.min, wire.max) {
            (true, None, None) => {}
            (false, Some(min), Some(max)) if min <= max => (histogram.min_ns, histogram.max_ns) = (min, max),
            _ => return Err(D::Error::custom("histogram min and max do not fit its counts")),
        }
        Ok(histogram)
    }
}
