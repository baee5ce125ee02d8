//! What fresh processes say together. The process is the replicate: within one, blocks agree far better than processes do.

use super::binomial::{at_least, first, least_successes};
use crate::estimate::{between_share, median, median_interval_of, variance_of_median};

/// What the processes of one cell measured: an estimate each, and how their blocks spread.
#[derive(Debug, Clone, PartialEq)]
pub struct Replicates {
    /// Median over its blocks, one for each process: logarithm of head's time over base's.
    pub estimates: Vec<f64>,
    /// Variance of a process's estimate as its own blocks tell it, mean over the processes.
    pub within_variance: f64,
}

/// On which side of the margins the processes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Head takes longer, by more than the margin.
    Slower,
    /// Head takes less, by more than the margin.
    Faster,
}

impl Replicates {
    /// From the blocks of each process: nanoseconds of base and of head.
    pub fn of_blocks<'a>(processes: impl Iterator<Item = &'a [[u64; 2]]>) -> Self {
        let (mut estimates, mut variances) = (Vec::new(), Vec::new());
        for blocks in processes {
            let logs: Vec<f64> = blocks.iter().map(|[base, head]| (*head as f64 / *base as f64).ln()).collect();
            let Some(estimate) = median(&logs) else { continue };
            estimates.push(estimate);
            variances.push(variance_of_median(&logs));
        }
        let within_variance = variances.iter().sum::<f64>() / variances.len().max(1) as f64;
        Self { estimates, within_variance }
    }

    /// How many processes there are.
    pub fn len(&self) -> u32 {
        self.estimates.len() as u32
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.estimates.is_empty()
    }

    /// How many say that head takes longer than base by more than this logarithm.
    pub fn above(&self, limit: f64) -> u32 {
        self.estimates.iter().filter(|&&estimate| estimate > limit).count() as u32
    }

    /// How many say that it takes less.
    pub fn below(&self, limit: f64) -> u32 {
        self.estimates.iter().filter(|&&estimate| estimate < limit).count() as u32
    }

    /// The side on which the median lies beyond the margin, with an error of at most `alpha` for each side.
    pub fn flagged(&self, margin: &LogMargin, alpha: f64) -> Option<Side> {
        let least = least_successes(self.len(), alpha)?;
        if self.above(margin.slower) >= least {
            Some(Side::Slower)
        } else if self.below(margin.faster) >= least {
            Some(Side::Faster)
        } else {
            None
        }
    }

    /// Whether the median is below the upper margin, with an error of at most `alpha`.
    pub fn not_slower(&self, margin: &LogMargin, alpha: f64) -> bool {
        least_successes(self.len(), alpha).is_some_and(|least| self.below(margin.slower) >= least)
    }

    /// Whether the median is within both margins, with an error of at most `alpha`: two one-sided tests (Schuirmann,
    /// J. Pharmacokin. Biopharm. 15 (1987) 657), each by its sign.
    pub fn equivalent(&self, margin: &LogMargin, alpha: f64) -> bool {
        let within = least_successes(self.len(), alpha).is_some_and(|least| self.above(margin.faster) >= least);
        within && self.not_slower(margin, alpha)
    }

    /// Median over the processes; none without any.
    pub fn median(&self) -> Option<f64> {
        median(&self.estimates)
    }

    /// Exact interval for the median: `(low, high, confidence)`. The confidence is below `target` where there are too few
    /// processes for more.
    pub fn interval(&self, target: f64) -> Option<(f64, f64, f64)> {
        median_interval_of(&self.estimates, target)
    }

    /// The smallest slowdown, as a logarithm, that processes which spread like these would have flagged at `alpha` and
    /// then, by so many others, confirmed at `confirm_alpha` with a probability of at least `power`. None when no slowdown can be: there
    /// are too few processes.
    ///
    /// The spread of the estimates around their median is taken as it is (no shape is assumed): a slowdown moves it as
    /// a whole, and is found when enough of it lies above the margin.
    pub fn smallest_effect(
        &self,
        margin: &LogMargin,
        alpha: f64,
        (others, confirm_alpha): (u32, f64),
        power: f64,
    ) -> Option<f64> {
        let n = self.len();
        let (flag, confirm) = (least_successes(n, alpha)?, least_successes(others, confirm_alpha)?);
        // The chance that a process lies above the margin must be so large,
        let needed = first(|p| at_least(n, flag, p) * at_least(others, confirm, p) >= power);
        // and is when that many of those seen do.
        let above = ((needed * f64::from(n)).ceil() as usize).clamp(1, n as usize);
        let middle = self.median()?;
        let mut residuals: Vec<f64> = self.estimates.iter().map(|estimate| estimate - middle).collect();
        residuals.sort_by(f64::total_cmp);
        Some((margin.slower - residuals[n as usize - above]).max(margin.slower))
    }

    /// Share, 0 to 1, of the variance of the processes' estimates that their own blocks do not explain: how far
    /// processes differ beyond the noise within them. None for fewer than two.
    pub fn between_share(&self) -> Option<f64> {
        between_share(&self.estimates, self.within_variance)
    }

    /// Processes far out: more than three times the quartiles' distance from the nearer quartile (Tukey). They are
    /// counted, and count like any other.
    pub fn outliers(&self) -> u32 {
        let mut sorted = self.estimates.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return 0 };
        let (lower, upper) = (sorted[last / 4], sorted[last - last / 4]);
        let reach = 3.0 * (upper - lower);
        sorted.iter().filter(|&&value| value < lower - reach || value > upper + reach).count() as u32
    }
}

/// Changes up to this do not matter; as logarithms of a ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogMargin {
    /// Above 0.
    pub slower: f64,
    /// Below 0.
    pub faster: f64,
}

impl LogMargin {
    /// A share of base, both ways.
    pub fn of_share(share: f64) -> Self {
        Self { slower: share.ln_1p(), faster: (-share).ln_1p() }
    }
}
