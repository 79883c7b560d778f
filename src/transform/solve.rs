//! Solve: linear equations, by elimination with the largest pivot of each column.

/// Solves `matrix` x = `right` for two right sides at once; row by row, `count` of them. `None` if the equations
/// do not tell all unknowns apart.
pub fn solve(mut matrix: Vec<f64>, mut right: Vec<[f64; 2]>) -> Option<Vec<[f64; 2]>> {
    let count = right.len();
    let largest = matrix
        .iter()
        .fold(0.0f64, |most, value| most.max(value.abs()));
    // What is left of a column that follows from others, in parts of the largest number.
    let least = largest * count as f64 * f64::EPSILON;
    for at in 0..count {
        let size = |row: usize| matrix[row * count + at].abs();
        let pivot = (at..count).max_by(|a, b| size(*a).total_cmp(&size(*b)))?;
        let is_usable = size(pivot) > least;
        if !is_usable {
            return None;
        }
        if pivot != at {
            let (above, below) = matrix.split_at_mut(pivot * count);
            above[at * count..(at + 1) * count].swap_with_slice(&mut below[..count]);
            right.swap(at, pivot);
        }
        let (above, below) = matrix.split_at_mut((at + 1) * count);
        let row = &above[at * count + at..];
        for (place, other) in below.chunks_exact_mut(count).enumerate() {
            let factor = other[at] / row[0];
            if factor == 0.0 {
                continue;
            }
            let pairs = other[at..].iter_mut().zip(row);
            pairs.for_each(|(other, own)| *other -= factor * own);
            let [x, y] = right[at];
            let other = &mut right[at + 1 + place];
            *other = [other[0] - factor * x, other[1] - factor * y];
        }
    }
    for at in (0..count).rev() {
        let (own, known) = right[at..].split_first_mut()?;
        let row = &matrix[at * count + at..(at + 1) * count];
        for (factor, [x, y]) in row[1..].iter().zip(known.iter()) {
            *own = [own[0] - factor * x, own[1] - factor * y];
        }
        *own = own.map(|value| value / row[0]);
    }
    Some(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknowns_are_found_whatever_the_order_of_the_equations() {
        let matrix = vec![0.0, 2.0, 1.0, 1.0, 0.0, 1.0, 4.0, 1.0, 0.0];
        let unknowns = [[1.0, -1.0], [2.0, 0.5], [3.0, 8.0]];
        let right = matrix.chunks_exact(3).map(|row| {
            [0, 1].map(|side| (0..3).map(|at| row[at] * unknowns[at][side]).sum::<f64>())
        });
        let right = right.collect();
        let found = solve(matrix, right).expect("a solution");
        for (found, unknown) in found.iter().zip(unknowns) {
            assert!((found[0] - unknown[0]).abs() < 1e-12 && (found[1] - unknown[1]).abs() < 1e-12);
        }
    }

    #[test]
    fn equations_that_say_the_same_are_refused() {
        assert_eq!(solve(vec![1.0, 2.0, 2.0, 4.0], vec![[1.0; 2]; 2]), None);
        assert_eq!(solve(vec![0.0], vec![[1.0; 2]]), None);
        assert_eq!(solve(vec![f64::NAN], vec![[1.0; 2]]), None);
    }
}
