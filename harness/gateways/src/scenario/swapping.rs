//! Which plugin comes after which, and with which configuration.

use fastrand::Rng;
use tollgate_fixtures::Plugin;
use tollgate_record::SwapKind;

/// Headers that a request carries beside the workload's, and their values: a plugin with N operations takes away those
/// whose numbers are below N, so what is left in the answer says which configuration it had.
pub(super) const MARKS: [(u32, char); 5] = [(20, 'a'), (21, 'b'), (22, 'c'), (23, 'd'), (24, 'e')];
/// Configurations that can be told apart; under none of them all marks are left, as without a plugin.
pub(super) const CONFIGURATIONS: u8 = MARKS.len() as u8 - 1;

/// Operations of the configuration of that number.
pub(super) fn operations(number: u8) -> u32 {
    MARKS[0].0 + 1 + u32::from(number)
}

/// Number of the configuration that left these marks; none when it is none of ours.
pub(super) fn configuration(left: &str) -> Option<u8> {
    let all: String = MARKS.iter().map(|(_, mark)| mark).collect();
    let taken = all.len().checked_sub(left.len())?;
    (!left.is_empty() && taken > 0 && all.ends_with(left)).then(|| taken as u8 - 1)
}

/// What is to be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) kind: SwapKind,
    /// Index of the plugin.
    pub(super) plugin: usize,
}

/// The plugin to begin with, and the swaps: to another plugin, and then to another configuration of it, in turn. Each
/// plugin comes as often as the others, in random order. A single plugin gets other configurations only.
pub(super) fn steps(plugins: &[Plugin], swaps: u32, seed: u64) -> (usize, Vec<Step>) {
    let mut rng = Rng::with_seed(seed);
    let mut waiting: Vec<usize> = Vec::new();
    let mut next = |after: Option<usize>| {
        if waiting.is_empty() {
            waiting = (0..plugins.len()).collect();
            rng.shuffle(&mut waiting);
            if waiting.len() > 1 && waiting.last().copied() == after {
                waiting.rotate_right(1);
            }
        }
        waiting.pop().unwrap_or(0)
    };
    let first = next(None);
    let mut current = first;
    let steps = (0..swaps).map(|swap| {
        let kind = if plugins.len() > 1 && swap % 2 == 0 { SwapKind::Plugin } else { SwapKind::Configuration };
        if kind == SwapKind::Plugin {
            current = next(Some(current));
        }
        Step { kind, plugin: current }
    });
    let steps = steps.collect();
    (first, steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_configuration_leaves_says_which_it_was() {
        for number in 0..CONFIGURATIONS {
            let below = operations(number);
            let left: String = MARKS.iter().filter(|(header, _)| *header >= below).map(|(_, mark)| mark).collect();
            assert_eq!(configuration(&left), Some(number), "{left}");
        }
        for left in ["", "abcde", "a", "de f", "xabcde", "cd"] {
            assert_eq!(configuration(left), None, "{left}");
        }
    }

    #[test]
    fn each_plugin_comes_as_often_and_never_after_itself() {
        let all = tollgate_fixtures::plugins();
        for (count, seed) in [(2, 1), (3, 2), (5, 3), (5, 4)] {
            let (first, steps) = steps(&all[..count], 20 * count as u32, seed);
            let plugins: Vec<usize> =
                steps.iter().filter(|step| step.kind == SwapKind::Plugin).map(|step| step.plugin).collect();
            assert_eq!(plugins.len(), 10 * count);
            let mut before = first;
            for &plugin in &plugins {
                assert_ne!(plugin, before);
                before = plugin;
            }
            for plugin in 0..count {
                let times = plugins.iter().filter(|&&other| other == plugin).count();
                assert!((9..=11).contains(&times), "{plugin} of {count}: {times}");
            }
            assert!(
                steps.chunks(2).all(|pair| pair[1] == Step { kind: SwapKind::Configuration, plugin: pair[0].plugin })
            );
        }
        let (first, steps) = steps(&all[..1], 3, 1);
        assert_eq!((first, steps), (0, vec![Step { kind: SwapKind::Configuration, plugin: 0 }; 3]));
    }
}
