//! Bodies of the fuzz targets. Each takes any bytes, and panics when Tollgate does something that it must not.

pub mod baselines;
mod bytes;
pub mod calls;
pub mod gates;
pub mod headers;
mod live;
pub mod modules;
pub mod programs;
pub mod proofs;
pub mod records;
pub mod requests;
mod shape;

/// A target, and what it is seeded with.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    pub seeds: fn() -> Vec<Vec<u8>>,
}

pub const TARGETS: &[Target] = &[
    Target { name: "modules", run: modules::run, seeds: modules::seeds },
    Target { name: "programs", run: programs::run, seeds: programs::seeds },
    Target { name: "calls", run: calls::run, seeds: calls::seeds },
    Target { name: "records", run: records::run, seeds: records::seeds },
    Target { name: "baselines", run: baselines::run, seeds: baselines::seeds },
    Target { name: "gates", run: gates::run, seeds: gates::seeds },
    Target { name: "proofs", run: proofs::run, seeds: proofs::seeds },
    Target { name: "requests", run: requests::run, seeds: requests::seeds },
    Target { name: "headers", run: headers::run, seeds: headers::seeds },
];

#[cfg(test)]
mod tests {
    #[test]
    fn seeds_run() {
        for target in super::TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{} has no seeds", target.name);
            seeds.iter().for_each(|seed| (target.run)(seed));
        }
    }
}
