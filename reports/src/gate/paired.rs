//! How far two groups of arms are apart within one start of a gateway.

/// The median of all differences between an arm and one of the others in the same block, in the unit of the blocks: of four
/// arms and four others that is sixteen a block. Without others it is from control A, to which all blocks are differences
/// already. None when no block has all arms.
///
/// The shift of Hodges and Lehmann, with blocks as strata, because what moves the machine moves all arms of a block. A request
/// that was interrupted is in a quarter of its block's differences, however long it took; an arm in a bad place in memory moves
/// this as it moves a mean of arms while it is within the scatter of blocks, and less beyond. Source: J. L. Hodges and E. L.
/// Lehmann, Annals of Mathematical Statistics 34 (1963) 598.
pub fn shift(arms: &[Vec<f64>], others: &[Vec<f64>]) -> Option<f64> {
    let blocks = arms.iter().chain(others).map(Vec::len).min()?;
    let control = [vec![0.0; blocks]];
    let others = if others.is_empty() { &control } else { others };
    let pairs = arms.iter().flat_map(|arm| others.iter().map(move |other| (arm, other)));
    let differences: Vec<f64> =
        pairs.flat_map(|(arm, other)| arm.iter().zip(other).take(blocks).map(|(arm, other)| arm - other)).collect();
    middle(differences)
}

/// The median of many values, in their own memory.
fn middle(mut values: Vec<f64>) -> Option<f64> {
    let (at, is_even) = (values.len() / 2, values.len().is_multiple_of(2));
    if values.is_empty() {
        return None;
    }
    let (below, &mut upper, _) = values.select_nth_unstable_by(at, f64::total_cmp);
    let lower = if is_even { below.iter().copied().max_by(f64::total_cmp)? } else { upper };
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::median;
    use proptest::prelude::*;

    fn group() -> impl Strategy<Value = Vec<Vec<f64>>> {
        prop::collection::vec(prop::collection::vec(-1e5..1e5f64, 1..12), 1..5)
    }

    proptest! {
        #[test]
        fn the_middle_is_the_median(values in prop::collection::vec(-1e9..1e9f64, 0..50)) {
            prop_assert_eq!(middle(values.clone()), median(&values));
        }

        #[test]
        fn it_moves_with_an_arm_and_changes_its_sign_with_the_sides(arms in group(), others in group(), by in -1e4..1e4f64) {
            let found = shift(&arms, &others).unwrap();
            let moved: Vec<Vec<f64>> = arms.iter().map(|arm| arm.iter().map(|ns| ns + by).collect()).collect();
            prop_assert!((shift(&moved, &others).unwrap() - found - by).abs() < 1e-6);
            prop_assert!((shift(&others, &arms).unwrap() + found).abs() < 1e-6);
            prop_assert_eq!(shift(&arms, &arms).map(f64::abs), Some(0.0));
        }

        #[test]
        fn as_many_differences_lie_above_as_below(arms in group(), others in group()) {
            let found = shift(&arms, &others).unwrap();
            let blocks = arms.iter().chain(&others).map(Vec::len).min().unwrap();
            let (mut above, mut below) = (0, 0);
            for block in 0..blocks {
                for (arm, other) in arms.iter().flat_map(|arm| others.iter().map(move |other| (arm, other))) {
                    above += u32::from(arm[block] - other[block] > found);
                    below += u32::from(arm[block] - other[block] < found);
                }
            }
            prop_assert_eq!(above, below);
        }

        #[test]
        fn one_arm_of_four_moves_it_no_further_than_the_others_reach(off in -1e9..1e9f64, noise in prop::collection::vec(-50.0..50.0f64, 70)) {
            let mut arms: Vec<Vec<f64>> = noise.chunks(10).map(<[f64]>::to_vec).collect();
            let others = arms.split_off(4);
            arms[0].fill(off);
            prop_assert!(shift(&arms, &others).unwrap().abs() <= 100.0);
        }
    }

    #[test]
    fn known_cases() {
        let of = |arms: &[&[f64]]| arms.iter().map(|arm| arm.to_vec()).collect::<Vec<_>>();
        assert_eq!(shift(&of(&[&[5.0, 7.0]]), &of(&[&[1.0, 2.0]])), Some(4.5));
        assert_eq!(shift(&of(&[&[5.0, 7.0, 9.0]]), &[]), Some(7.0), "from control A");
        assert_eq!(shift(&of(&[&[5.0, 900.0]]), &of(&[&[1.0]])), Some(4.0), "a block that all have");
        assert_eq!(shift(&of(&[&[]]), &of(&[&[1.0]])), None);
        assert_eq!(shift(&[], &[]), None);
    }
}
