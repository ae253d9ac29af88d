use super::{assert_close, assert_same_on_all_threads, available, cases, numbers};
use crate::call::{Backward, Forward};
use crate::convolution::{Algorithm, convolve_back_by, convolve_by};
use crate::{Convolution, ConvolutionGradients, Finish, Maps, Simd, convolve, convolve_back};
use proptest::prelude::*;

/// Goes through all pairs of an output and an input that a weight connects: places of output, input and weight.
fn each_connection(at: Maps, shape: &Convolution, mut visit: impl FnMut(usize, usize, usize)) {
    let Convolution { inputs, outputs, kernel: [height, width], stride, padding } = *shape;
    let to = shape.output(at);
    for (image, row, column) in (0..to.pixels()).map(|i| (i / to.width / to.height, i / to.width % to.height, i % to.width)) {
        for (i, j) in (0..height * width).map(|tap| (tap / width, tap % width)) {
            let (y, x) = (row * stride[0] + i, column * stride[1] + j);
            if y < padding[0] || y >= padding[0] + at.height || x < padding[1] || x >= padding[1] + at.width {
                continue;
            }
            let from = (image * at.height + y - padding[0]) * at.width + x - padding[1];
            let into = (image * to.height + row) * to.width + column;
            for output in 0..outputs {
                for input in 0..inputs {
                    let weight = ((output * inputs + input) * height + i) * width + j;
                    visit(into * outputs + output, from * inputs + input, weight);
                }
            }
        }
    }
}

/// The definition, in double precision.
fn reference(call: &Forward) -> Vec<f64> {
    let outputs = call.shape.outputs;
    let of_channel = |numbers: Option<&[f32]>, i: usize, or: f64| numbers.map_or(or, |numbers| f64::from(numbers[i % outputs]));
    let mut y = vec![0.0; call.output_len()];
    each_connection(call.at, &call.shape, |to, from, w| y[to] += f64::from(call.x[from]) * f64::from(call.weight[w]));
    y.iter_mut()
        .enumerate()
        .for_each(|(i, y)| *y = *y * of_channel(call.finish.scale, i, 1.0) + of_channel(call.finish.bias, i, 0.0));
    if call.finish.relu {
        y.iter_mut().for_each(|y| *y = y.max(0.0));
    }
    y
}

/// The gradients by definition, in double precision: dX, dW, db.
fn reference_back(call: &Backward) -> [Vec<f64>; 3] {
    let outputs = call.shape.outputs;
    let passes = |i: usize| call.y.is_none_or(|y| y[i] > 0.0);
    let dy: Vec<f64> = call.dy.iter().enumerate().map(|(i, &dy)| if passes(i) { f64::from(dy) } else { 0.0 }).collect();
    let (mut dx, mut dw, mut db) = (vec![0.0; call.x.len()], vec![0.0; call.weight.len()], vec![0.0; outputs]);
    each_connection(call.at, &call.shape, |to, from, w| {
        dx[from] += dy[to] * f64::from(call.weight[w]);
        dw[w] += dy[to] * f64::from(call.x[from]);
    });
    dy.iter().enumerate().for_each(|(i, dy)| db[i % outputs] += dy);
    [dx, dw, db]
}

/// A convolution with numbers to convolve.
#[derive(Debug, Clone)]
struct Case {
    at: Maps,
    shape: Convolution,
    seed: u64,
    relu: bool,
    bias: bool,
    scale: bool,
    want_dx: bool,
}

impl Case {
    fn of(at: (usize, usize, usize), shape: Convolution) -> Case {
        let at = Maps { images: at.0, height: at.1, width: at.2 };
        Case { at, shape, seed: 1, relu: true, bias: true, scale: true, want_dx: true }
    }

    fn x(&self) -> Vec<f32> {
        numbers(self.seed, self.at.pixels() * self.shape.inputs)
    }

    fn weight(&self) -> Vec<f32> {
        numbers(self.seed + 1, self.shape.weights())
    }

    fn dy(&self) -> Vec<f32> {
        numbers(self.seed + 3, self.shape.output(self.at).pixels() * self.shape.outputs)
    }

    /// One algorithm on one instruction set, forward and backward, against the definition.
    fn check(&self, algorithm: Algorithm, simd: Simd) {
        let what = format!("{algorithm:?}, {simd:?}, {self:?}");
        let (x, weight, dy, bias) = (self.x(), self.weight(), self.dy(), numbers(self.seed + 2, self.shape.outputs));
        let bias = self.bias.then_some(bias.as_slice());
        let forward = Forward {
            simd,
            x: &x,
            at: self.at,
            shape: self.shape,
            weight: &weight,
            finish: Finish { bias, relu: self.relu, ..Finish::default() },
        };
        let y = convolve_by(algorithm, &forward);
        let tolerance = if matches!(algorithm, Algorithm::Large | Algorithm::Small) { 3e-4 } else { 3e-5 };
        assert_close(&format!("y: {what}"), &y, &reference(&forward), tolerance);

        if self.scale {
            let scale = numbers(self.seed + 4, self.shape.outputs);
            let forward = Forward { finish: Finish { scale: Some(&scale), ..forward.finish }, ..forward };
            let y = convolve_by(algorithm, &forward);
            assert_close(&format!("scaled y: {what}"), &y, &reference(&forward), tolerance);
        }

        let pooled = convolve_by(algorithm, &Forward { finish: Finish { pool: true, ..forward.finish }, ..forward });
        assert!(pooled == crate::pool(&y, self.shape.output(self.at), self.shape.outputs), "pooled y: {what}");

        let y = self.relu.then_some(y.as_slice());
        let backward =
            Backward { simd, x: &x, at: self.at, shape: self.shape, weight: &weight, y, dy: &dy, want_dx: self.want_dx };
        let ConvolutionGradients { dx, dweight, dbias } = convolve_back_by(algorithm, &backward);
        let [expected_dx, expected_dw, expected_db] = reference_back(&backward);
        assert_eq!(dx.is_some(), self.want_dx);
        if let Some(dx) = dx {
            assert_close(&format!("dx: {what}"), &dx, &expected_dx, tolerance);
        }
        assert_close(&format!("dw: {what}"), &dweight, &expected_dw, tolerance);
        assert_close(&format!("db: {what}"), &dbias, &expected_db, 3e-5);
    }

    fn check_all(&self, algorithms: &[Algorithm]) {
        for simd in available() {
            for &algorithm in algorithms {
                self.check(algorithm, simd);
            }
        }
    }
}

fn maps() -> impl Strategy<Value = (usize, usize, usize)> {
    let (images, side) = if cfg!(miri) { (1usize..3, 1usize..6) } else { (1..4, 1..10) };
    (images, side.clone(), side)
}

fn channels() -> impl Strategy<Value = usize> {
    let most = if cfg!(miri) { 17 } else { 48 };
    prop_oneof![1usize..5, 1usize..40, Just(16), Just(32), Just(48)].prop_map(move |channels| channels.min(most))
}

prop_compose! {
    fn case_at(sizes: impl Strategy<Value = (usize, usize, usize)>)(
        at in sizes, inputs in channels(), outputs in channels(), seed in 0u64..1000, flags in 0u8..16,
    ) -> Case {
        let shape = Convolution::three_by_three(inputs, outputs);
        let (relu, bias, want_dx, scale) = (flags & 1 == 0, flags & 2 == 0, flags & 4 == 0, flags & 8 == 0);
        Case { seed, relu, bias, scale, want_dx, ..Case::of(at, shape) }
    }
}

prop_compose! {
    fn any_kernel()(
        case in case_at(maps()), kernel in (1usize..6, 1usize..6), stride in (1usize..4, 1usize..4), padding in (0usize..4, 0usize..4),
    ) -> Case {
        let fit = |length: usize, kernel: usize, padding: usize| kernel.min(length + 2 * padding);
        let kernel = [fit(case.at.height, kernel.0, padding.0), fit(case.at.width, kernel.1, padding.1)];
        let shape = Convolution { kernel, stride: [stride.0, stride.1], padding: [padding.0, padding.1], ..case.shape };
        Case { shape, ..case }
    }
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn three_by_three_on_any_maps(case in case_at(maps())) {
        case.check_all(&[Algorithm::Large, Algorithm::Small, Algorithm::Columns]);
    }

    #[test]
    fn three_by_three_on_two_by_two(case in case_at((1usize..9).prop_map(|images| (images, 2, 2)))) {
        case.check_all(&[Algorithm::Toeplitz]);
    }

    #[test]
    fn three_by_three_on_one_pixel(case in case_at((1usize..9).prop_map(|images| (images, 1, 1)))) {
        case.check_all(&[Algorithm::Centre]);
    }

    #[test]
    fn any_kernel_on_any_maps(case in any_kernel()) {
        case.check_all(&[Algorithm::Columns]);
    }
}

/// Many channels (more than the depth of a product), many tiles (more than a chunk), many images (more than parts).
#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn shapes_that_go_beyond_one_chunk() {
    let three = Convolution::three_by_three;
    Case::of((1, 3, 5), three(530, 20)).check_all(&[Algorithm::Large, Algorithm::Small, Algorithm::Columns]);
    Case::of((1, 3, 5), three(20, 530)).check_all(&[Algorithm::Large, Algorithm::Small, Algorithm::Columns]);
    Case::of((1, 34, 43), three(16, 18)).check_all(&[Algorithm::Large, Algorithm::Small, Algorithm::Columns]);
    Case::of((19, 9, 9), three(16, 8)).check_all(&[Algorithm::Large, Algorithm::Small, Algorithm::Columns]);
    Case::of((170, 2, 2), three(20, 70)).check_all(&[Algorithm::Toeplitz]);
    Case::of((170, 1, 1), three(70, 20)).check_all(&[Algorithm::Centre]);
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn the_chosen_algorithms_are_right() {
    for (at, shape) in [
        ((3, 32, 32), Convolution::three_by_three(3, 16)),
        ((3, 16, 16), Convolution::three_by_three(16, 16)),
        ((2, 4, 4), Convolution::three_by_three(32, 32)),
        ((2, 2, 2), Convolution::three_by_three(32, 32)),
        ((2, 1, 1), Convolution::three_by_three(32, 32)),
        ((2, 9, 9), Convolution { inputs: 8, outputs: 12, kernel: [1, 1], stride: [2, 2], padding: [0, 0] }),
    ] {
        let case = Case::of(at, shape);
        case.check_all(&[Algorithm::forward(&shape, case.at), Algorithm::backward(&shape, case.at)]);
    }
}

/// The error that the documentation states, on a layer of VGG19.
#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn winograd_convolutions_are_as_exact_as_promised() {
    let case = Case::of((2, 8, 8), Convolution::three_by_three(256, 64));
    let (x, weight) = (case.x(), case.weight());
    let call =
        Forward { simd: Simd::current(), x: &x, at: case.at, shape: case.shape, weight: &weight, finish: Finish::default() };
    let expected = reference(&call);
    let square = |numbers: &[f64]| (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt();
    for (algorithm, error) in [(Algorithm::Large, 5e-6), (Algorithm::Small, 5e-6), (Algorithm::Columns, 1e-6)] {
        let y = convolve_by(algorithm, &call);
        let differences: Vec<f64> = y.iter().zip(&expected).map(|(&y, e)| f64::from(y) - e).collect();
        let relative = square(&differences) / square(&expected);
        assert!(relative < error, "{algorithm:?}: {relative}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn results_do_not_depend_on_the_number_of_threads() {
    for (at, shape) in [
        ((11, 9, 17), Convolution::three_by_three(24, 40)),
        ((11, 16, 16), Convolution::three_by_three(3, 32)),
        ((9, 4, 4), Convolution::three_by_three(64, 80)),
        ((9, 2, 2), Convolution::three_by_three(64, 80)),
        ((50, 1, 1), Convolution::three_by_three(64, 80)),
    ] {
        let case = Case::of(at, shape);
        let (x, weight, dy) = (case.x(), case.weight(), case.dy());
        assert_same_on_all_threads(|| {
            let y = convolve(&x, case.at, &case.shape, &weight, None, true);
            let gradients = convolve_back(&x, case.at, &case.shape, &weight, Some(&y), &dy, true);
            (y, gradients)
        });
    }
}

/// An image's outputs do not depend on what else is in the batch: probe images may come in batches of any size.
#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn outputs_do_not_depend_on_the_batch() {
    for (size, inputs) in [(8, 20), (2, 20), (1, 20), (8, 3)] {
        let case = Case::of((40, size, size), Convolution::three_by_three(inputs, 24));
        let (x, weight) = (case.x(), case.weight());
        let all = convolve(&x, case.at, &case.shape, &weight, None, false);
        let first = convolve(&x[..x.len() / 40], Maps { images: 1, ..case.at }, &case.shape, &weight, None, false);
        assert!(all[..first.len()] == first[..]);
    }
}

#[test]
fn what_is_not_a_number_is_not_hidden() {
    let case = Case::of((1, 8, 8), Convolution::three_by_three(8, 8));
    let (mut x, weight) = (case.x(), case.weight());
    x[0] = f32::NAN;
    let y = convolve(&x, case.at, &case.shape, &weight, None, true);
    assert!(y[0].is_nan(), "a ReLU must not turn NaN into 0");
}

#[test]
fn nothing_to_convolve() {
    let shape = Convolution::three_by_three(3, 2);
    let none = Maps { images: 0, height: 4, width: 4 };
    let weight = [1.0; 54];
    assert!(convolve(&[], none, &shape, &weight, None, true).is_empty());
    let gradients = convolve_back(&[], none, &shape, &weight, None, &[], true);
    assert_eq!(gradients, ConvolutionGradients { dx: Some(vec![]), dweight: vec![0.0; 54], dbias: vec![0.0; 2] });
}

/// Without inputs the outputs are the bias, so its gradient is what of `dy` passes the ReLU.
#[test]
fn no_inputs_leave_the_bias() {
    let (shape, at) = (Convolution::three_by_three(0, 2), Maps { images: 1, height: 1, width: 2 });
    assert_eq!(convolve(&[], at, &shape, &[], Some(&[0.5, -0.5]), true), [0.5, 0.0, 0.5, 0.0]);
    let gradients = convolve_back(&[], at, &shape, &[], Some(&[0.5, 0.0, 0.5, 0.0]), &[1.0, 2.0, 3.0, 4.0], false);
    assert_eq!(gradients.dbias, [4.0, 0.0]);
}

#[test]
#[should_panic(expected = "as memory can hold")]
fn sizes_that_wrap_around_are_refused() {
    let _ = crate::pool(&[], Maps { images: 1 << 62, height: 2, width: 2 }, 4);
}

#[test]
#[should_panic(expected = "weights of")]
fn a_slice_of_the_wrong_length_is_refused() {
    let at = Maps { images: 1, height: 4, width: 4 };
    let _ = convolve(&[0.0; 48], at, &Convolution::three_by_three(3, 2), &[0.0; 53], None, false);
}
