//! The shortest list of faults that still breaks a rule. Pure: it is handed the way to try one.

/// Drops faults one after another as long as what is left still fails. The result fails, and without any single one
/// of its faults it does not.
pub fn shrink(faults: &[usize], fails: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let mut left = faults.to_vec();
    if fails(&[]) {
        return Vec::new();
    }
    let mut size = left.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < left.len() {
            let mut without = left.clone();
            without.drain(from..(from + size).min(left.len()));
            if fails(&without) {
                left = without;
            } else {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_faults_that_are_needed_together_are_left() {
        let faults: Vec<usize> = (1..=9).collect();
        let fails = |list: &[usize]| list.contains(&3) && list.contains(&8);
        assert_eq!(shrink(&faults, fails), [3, 8]);
    }

    #[test]
    fn what_fails_without_any_fault_needs_none() {
        assert_eq!(shrink(&[1, 2], |_| true), Vec::<usize>::new());
    }
}
