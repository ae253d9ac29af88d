//! A colour scale of dissimilarities: its ends, the round numbers along it, and how they are written.

use super::text;

/// Where the colours begin and end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The dissimilarities in pictures of `images` images, row-major and square: without what is not defined, and without pixels of one
/// image with itself, which measure nothing.
pub(super) fn data<'a>(picture: &'a [f32], images: usize) -> impl Iterator<Item = f64> + Clone + 'a {
    let side = picture.len().isqrt();
    let values = picture.iter().enumerate();
    values.filter(move |(i, value)| !value.is_nan() && !is_itself(i / side, i % side, side, images)).map(|(_, &v)| f64::from(v))
}

/// Whether a pixel is one image with itself; where there are more images than pixels, a pixel of the diagonal has pairs of images in it.
pub(super) fn is_itself(row: usize, column: usize, side: usize, images: usize) -> bool {
    row == column && (row + 1) * images / side - row * images / side <= 1
}

impl Scale {
    /// From the least to the largest value, or from 0 if all are above and the least is less than a tenth of the largest: that costs few
    /// colours, and 0 is what a dissimilarity is counted from. Without values it is 0 to 1.
    pub(super) fn of(values: impl Iterator<Item = f64>) -> Self {
        let widest = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
        let (low, high) = values.filter(|value| value.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), widest);
        match (low, high) {
            _ if low > high => Self { low: 0.0, high: 1.0 },
            _ if low > 0.0 && low < high / 10.0 => Self { low: 0.0, high },
            _ => Self { low, high },
        }
    }

    /// Whether there is one value alone, as far as numbers can tell.
    pub(super) fn is_flat(self) -> bool {
        self.high - self.low <= (1e-12 * self.most()).max(1e-300)
    }

    /// Whether all of the scale is above a value. Ends that were chosen are compared as singles, which the values are: 0.1 does not lie
    /// beyond 0.1.
    pub(super) fn is_above(self, value: f64) -> bool {
        value < f64::from(self.low as f32)
    }

    /// Whether all of the scale is below a value.
    pub(super) fn is_below(self, value: f64) -> bool {
        value > f64::from(self.high as f32)
    }

    /// Whether there are pixels of one image with itself whose value has no place on the scale.
    pub(super) fn hides_itself(self, picture: &[f32], images: usize) -> bool {
        let side = picture.len().isqrt();
        let itself = (0..side).filter(|&i| is_itself(i, i, side, images)).map(|i| f64::from(picture[i * side + i]));
        itself.into_iter().any(|value| self.is_above(value) || self.is_below(value))
    }

    /// Place of a value on the scale: 0 to 1, or beyond; one half if the scale has this value alone.
    pub(super) fn share(self, value: f64) -> f64 {
        if self.is_flat() && value >= self.low && value <= self.high {
            return 0.5;
        }
        (value - self.low) / (self.high - self.low)
    }

    /// Three to five round numbers along a bar of this length, as shares of it with what is written there in this size; two if more
    /// would run into each other. None reaches further than `overhang` beyond the bar.
    pub(super) fn marks(self, length: f64, size: f64, overhang: f64) -> Vec<(f64, String)> {
        if self.is_flat() {
            return vec![(0.5, self.told()[0].clone())];
        }
        let fits = |marks: &Vec<(f64, String)>| {
            let half = |label: &str| text::width(label, size) / 2.0;
            let apart =
                |pair: &[(f64, String)]| (pair[1].0 - pair[0].0) * length >= half(&pair[0].1) + half(&pair[1].1) + size * 0.4;
            marks.windows(2).all(apart)
        };
        let inside = |(share, label): &(f64, String)| {
            let half = text::width(label, size) / 2.0;
            share * length - half >= -overhang && share * length + half <= length + overhang
        };
        let marks_every = |factor: f64, power: i32| {
            let step = factor * 10f64.powi(power);
            let (first, last) = ((self.low / step - 1e-9).ceil() as i64, (self.high / step + 1e-9).floor() as i64);
            let to = if factor.fract() == 0.0 { power } else { power - 1 };
            let mark = |i: i64| (self.share(i as f64 * step).clamp(0.0, 1.0), written(i as f64 * step, to, self.most()));
            (first..=last).map(mark).filter(inside).collect::<Vec<_>>()
        };
        // four are best; of steps that are as good the longest has the shortest numbers
        let worth = |factor: f64, marks: &[(f64, String)]| match marks.len() {
            few @ 0..3 => 20 - few,
            enough => 2 * enough.abs_diff(4) + usize::from(factor.fract() > 0.0),
        };
        let power = power(self.high - self.low);
        let steps = [power, power - 1].into_iter().flat_map(|power| [5.0, 2.5, 2.0, 1.0].map(|factor| (factor, power)));
        let all = steps.map(|(factor, power)| (factor, marks_every(factor, power))).filter(|(_, marks)| fits(marks));
        all.min_by_key(|(factor, marks)| worth(*factor, marks)).map(|(_, marks)| marks).unwrap_or_default()
    }

    /// Both ends in words, as fine as tells them apart.
    pub(super) fn told(self) -> [String; 2] {
        [self.low, self.high].map(|value| self.written(value))
    }

    /// A value in words, without zeros at its end: to a thousandth of the scale or finer, and as fine as tells it from the ends.
    pub(super) fn written(self, value: f64) -> String {
        let span = if self.is_flat() { self.most() / 10.0 } else { self.high - self.low };
        let most = self.most().max(value.abs());
        let from_ends = [self.low, self.high].map(|end| (value - end).abs()).into_iter().filter(|apart| *apart > 0.0);
        let fine = from_ends.map(power).fold(power(span) - 3, i32::min);
        // single precision has no more than eight digits
        let text = written(value, fine.max(power(most) - 8), most);
        if text.contains('e') { text } else { without_zeros(&text).to_owned() }
    }

    fn most(self) -> f64 {
        self.low.abs().max(self.high.abs())
    }
}

/// The power of ten that begins a number; 0 of 0.
fn power(value: f64) -> i32 {
    // so that 1 is told from 0.9999999999999999, which products of steps come to
    let text = format!("{value:.12e}");
    text.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0)
}

/// A number to a power of ten, in the form that suits numbers up to `most`: "0.05", "1,500", "2.5e−12".
fn written(value: f64, to: i32, most: f64) -> String {
    let text = if value == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e6).contains(&most) {
        let decimals = usize::try_from(-to).unwrap_or(0);
        let text = format!("{value:.decimals$}");
        let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
        if zero { "0".to_owned() } else { thousands(&text) }
    } else {
        let digits = usize::try_from(power(value) - to).unwrap_or(0);
        let text = format!("{value:.digits$e}");
        text.split_once('e').map_or(text.clone(), |(digits, power)| format!("{}e{power}", without_zeros(digits)))
    };
    text.replace('-', "−")
}

/// Without zeros at the end of decimals.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// With commas between thousands, as all counts of the report have them.
fn thousands(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let (whole, rest) = digits.split_at(digits.find('.').unwrap_or(digits.len()));
    match whole.parse() {
        Ok(whole) => format!("{sign}{}{rest}", crate::words::count(whole)),
        Err(_) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(low: f64, high: f64, length: f64) -> Vec<String> {
        let marks = Scale { low, high }.marks(length, 13.0, 40.0);
        assert!(marks.iter().all(|(share, _)| (0.0..=1.0).contains(share)), "{marks:?}");
        marks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn marks_are_three_to_five_round_numbers() {
        assert_eq!(labels(0.0, 1.0, 300.0), ["0", "0.5", "1.0"]);
        assert_eq!(labels(0.0, 1.93, 300.0), ["0", "0.5", "1.0", "1.5"]);
        assert_eq!(labels(0.87, 1.131, 300.0), ["0.9", "1.0", "1.1"]);
        assert_eq!(labels(-0.21, 0.48, 300.0), ["−0.2", "0", "0.2", "0.4"]);
        assert_eq!(labels(0.0, 1523.0, 300.0), ["0", "500", "1,000", "1,500"]);
        assert_eq!(labels(0.0, 1.7e-12, 300.0), ["0", "5e−13", "1e−12", "1.5e−12"]);
        assert_eq!(labels(-3e30, 1e30, 300.0), ["−3e30", "−2e30", "−1e30", "0", "1e30"]);
        assert_eq!(labels(1.000_000_1, 1.000_000_5, 324.0), ["1.0000001", "1.0000002", "1.0000003", "1.0000004", "1.0000005"]);
    }

    #[test]
    fn marks_are_never_many_nor_over_each_other() {
        for k in 1..400 {
            let high = 1.07f64.powi(k);
            for low in [-high, -0.3 * high, 0.0, 0.5 * high, 0.97 * high] {
                for factor in [1e-30, 1.0, 1e20] {
                    let marks = Scale { low: low * factor, high: high * factor }.marks(300.0, 13.0, 40.0);
                    let least =
                        if marks.iter().any(|(_, label)| label.contains('e') || label.chars().count() > 6) { 2 } else { 3 };
                    assert!((least..=5).contains(&marks.len()), "{low} {high} {factor}: {marks:?}");
                }
            }
        }
        assert_eq!(labels(0.0, 1e-310, 300.0).len(), 1);
        for (low, high) in [(0.0, 1e-45), (0.0, 3.4e38), (-3.4e38, 3.4e38), (1e30, 1.000_000_1e30)] {
            assert!((1..=5).contains(&labels(low, high, 300.0).len()), "{low} {high}");
        }
        for wide in [(0.0, 1.7e-12), (99_999.91, 99_999.98), (0.1, 0.1 + 1e-9)] {
            let labels = labels(wide.0, wide.1, 60.0);
            assert!((1..=3).contains(&labels.len()), "{labels:?}");
        }
    }

    #[test]
    fn ends_are_told_as_fine_as_they_differ() {
        let told = |low, high| Scale { low, high }.told();
        assert_eq!(told(0.0, 1.0), ["0", "1"]);
        assert_eq!(told(0.873_44, 1.131), ["0.8734", "1.131"]);
        assert_eq!(told(1.000_000_1, 1.000_000_5), ["1.0000001", "1.0000005"]);
        assert_eq!(told(0.0, 2.5e30), ["0", "2.5e30"]);
        assert_eq!(told(-4e-12, 1e-12), ["−4e−12", "1e−12"]);
        assert_eq!(told(0.5, 0.5), ["0.5", "0.5"]);
        assert_eq!(told(1200.0, 1200.0), ["1,200", "1,200"]);
        assert_eq!(told(0.0, 0.0), ["0", "0"]);
        let beyond = |value| Scale { low: 0.0, high: 1.0 }.written(value);
        assert_eq!([1.93, 1.000_002, -0.000_5, 12.0, 3e7].map(beyond), ["1.93", "1.000002", "−0.0005", "12", "3e7"]);
    }

    #[test]
    fn the_scale_holds_the_data_and_no_image_with_itself() {
        let of = |values: &[f32], images: usize| Scale::of(data(values, images));
        let nan = f32::NAN;
        assert_eq!(of(&[0.0, 0.75, 0.75, 0.0], 2), Scale { low: 0.75, high: 0.75 }, "the diagonal measures nothing");
        assert_eq!(of(&[0.5, 0.75, 0.75, 1.0], 4), Scale { low: 0.5, high: 1.0 }, "but where a pixel has pairs in it");
        assert_eq!(
            of(&[0.5, 0.75, 0.75, 1.0], 3),
            Scale { low: 0.75, high: 1.0 },
            "the first pixel has one image, the second two"
        );
        assert_eq!(of(&[0.0625, 0.75, 2.0, 1.0], 4), Scale { low: 0.0, high: 2.0 }, "near 0 it begins there");
        assert_eq!(of(&[-0.25, 0.75, nan, 1.0], 4), Scale { low: -0.25, high: 1.0 });
        assert_eq!(of(&[-3.0, -1.0, -1.0, -2.0], 4), Scale { low: -3.0, high: -1.0 });
        assert_eq!(of(&[nan; 4], 4), Scale { low: 0.0, high: 1.0 });
        assert_eq!(of(&[0.0], 1), Scale { low: 0.0, high: 1.0 });
        assert_eq!(of(&[], 0), Scale { low: 0.0, high: 1.0 });
    }

    #[test]
    fn values_have_their_place() {
        let scale = Scale { low: -1.0, high: 3.0 };
        assert_eq!([-1.0, 0.0, 3.0, 5.0].map(|value| scale.share(value)), [0.0, 0.25, 1.0, 1.5]);
        let flat = Scale { low: 2.0, high: 2.0 };
        assert_eq!([1.0, 2.0, 3.0].map(|value| flat.share(value)), [f64::NEG_INFINITY, 0.5, f64::INFINITY]);
        assert!(scale.share(f64::NAN).is_nan() && flat.share(f64::NAN).is_nan());
    }
}
