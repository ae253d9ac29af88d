//! Statistics over seeds: the network is the sample.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean over seeds, with a 95 % confidence interval of the mean where there are at least two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Number of values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Half the width of the interval: Student's t x standard error (Student 1908).
    pub half_width: Option<f64>,
}

impl Estimate {
    /// The estimate from these values; none if there are none. A single value has no interval.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let half_width = (n > 1).then(|| {
            let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
            t_quantile(n - 1) * (variance / n as f64).sqrt()
        });
        Some(Self { n, mean, half_width })
    }

    /// Mean of the differences `a - b`, pair by pair, with its interval.
    pub fn of_differences(a: &[f64], b: &[f64]) -> Option<Self> {
        assert_eq!(a.len(), b.len(), "paired values");
        Self::of(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
    }

    /// Lower and upper end of the interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        self.half_width.map(|h| (self.mean - h, self.mean + h))
    }
}

/// The 97.5 % quantile of Student's t distribution.
fn t_quantile(degrees_of_freedom: usize) -> f64 {
    StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).expect("degrees of freedom above 0").inverse_cdf(0.975)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Recipe: from scipy import stats; import numpy as np
    /// x = np.array([.91, .88, .93, .90, .89]); stats.t.interval(.95, 4, x.mean(), stats.sem(x))
    /// -> (0.8781161161190001, 0.9258838838809997)
    #[test]
    fn interval_is_scipys() {
        let estimate = Estimate::of(&[0.91, 0.88, 0.93, 0.90, 0.89]).unwrap();
        let (low, high) = estimate.interval().unwrap();
        assert!((estimate.mean - 0.902).abs() < 1e-12);
        assert!((low - 0.878_116_116_119).abs() < 1e-9 && (high - 0.925_883_883_881).abs() < 1e-9, "{low} {high}");
    }

    /// Recipe: scipy.stats.t.ppf(.975, [1, 2, 4, 9, 29, 99]), as in every printed table.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let table = [
            (1, 12.706_204_736),
            (2, 4.302_652_730),
            (4, 2.776_445_105),
            (9, 2.262_157_163),
            (29, 2.045_229_642),
            (99, 1.984_216_952),
        ];
        for (degrees, quantile) in table {
            assert!((t_quantile(degrees) - quantile).abs() < 1e-8, "{degrees}: {}", t_quantile(degrees));
        }
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_mean() {
        assert_eq!(Estimate::of(&[0.5]), Some(Estimate { n: 1, mean: 0.5, half_width: None }));
        assert_eq!(Estimate::of(&[]), None);
        assert_eq!(Estimate::of_differences(&[3.0, 5.0], &[1.0, 3.0]).unwrap().mean, 2.0);
    }
}
