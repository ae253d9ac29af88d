//! Numbers that are checked once, where they enter, and then cannot be wrong.

use serde::{Deserialize, Serialize};

/// A share of a whole, 0 to 1. Written `0.2`, never `20`: a percentage is refused with the remedy in the message.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Fraction(f64);

impl Fraction {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// The whole.
    pub const ONE: Self = Self(1.0);

    /// The number, 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// How many of `whole` this share is, below 2^53: rounded to the nearest integer, halves up. Most decimal fractions
    /// are no binary ones, so what is a half on paper (0.145 of 100) may fall to either side; always to the same.
    pub fn of(self, whole: u64) -> u64 {
        ((self.0 * whole as f64).round() as u64).min(whole)
    }

    /// For people: "20 %", "12.5 %", "0.0001 %"; four decimals at most, more where these would be none but zeros.
    pub fn percent(self) -> String {
        let percent = self.0 * 100.0;
        let decimals =
            (4..300).find(|&decimals| percent == 0.0 || format!("{percent:.decimals$}").contains(|c| ('1'..='9').contains(&c)));
        let text = format!("{percent:.*}", decimals.unwrap_or(4));
        format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl TryFrom<f64> for Fraction {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else if (1.0..=100.0).contains(&value) {
            Err(format!("{value} is not a fraction from 0 to 1 (write {value} % as {})", value / 100.0))
        } else {
            Err(format!("{value} is not a fraction from 0 to 1"))
        }
    }
}

impl From<Fraction> for f64 {
    fn from(fraction: Fraction) -> f64 {
        fraction.0
    }
}

/// A finite number above zero, such as a learning rate.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Positive(f64);

impl Positive {
    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Positive {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() && value > 0.0 { Ok(Self(value)) } else { Err(format!("{value} is not a number above 0")) }
    }
}

impl From<Positive> for f64 {
    fn from(number: Positive) -> f64 {
        number.0
    }
}

/// A finite number not below zero, such as a weight decay.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct NonNegative(f64);

impl NonNegative {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for NonNegative {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() && value >= 0.0 { Ok(Self(value)) } else { Err(format!("{value} is below 0")) }
    }
}

impl From<NonNegative> for f64 {
    fn from(number: NonNegative) -> f64 {
        number.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_refused_with_the_remedy() {
        assert_eq!(Fraction::try_from(20.0).unwrap_err(), "20 is not a fraction from 0 to 1 (write 20 % as 0.2)");
        assert_eq!(Fraction::try_from(-0.1).unwrap_err(), "-0.1 is not a fraction from 0 to 1");
        assert!(Fraction::try_from(f64::NAN).is_err());
    }

    #[test]
    fn a_share_is_rounded_to_the_nearest_count() {
        let fifth = Fraction::try_from(0.2).unwrap();
        assert_eq!([0, 1, 2, 3, 7, 8, 1728].map(|n| fifth.of(n)), [0, 0, 0, 1, 1, 2, 346]);
        assert_eq!(Fraction::ONE.of(139_570_240), 139_570_240);
    }

    #[test]
    fn percentages_are_as_short_as_they_can_be() {
        let percent = |share| Fraction::try_from(share).unwrap().percent();
        assert_eq!([0.0, 0.07, 0.125, 0.2, 1.0, 1e-6].map(percent), ["0 %", "7 %", "12.5 %", "20 %", "100 %", "0.0001 %"]);
        assert_eq!([2e-9, 9.9e-8].map(percent), ["0.0000002 %", "0.00001 %"], "never 0 unless it is");
    }
}
