use super::{assert_same_on_all_threads, available, cases, numbers};
use crate::{Maps, pool, pool_back};
use proptest::prelude::*;

/// The four places of each output, in order.
fn each_four(at: Maps, channels: usize, mut visit: impl FnMut(usize, [usize; 4])) {
    let (height, width) = (at.height / 2, at.width / 2);
    for i in 0..at.images * height * width * channels {
        let (channel, pixel) = (i % channels, i / channels);
        let (column, row, image) = (pixel % width, pixel / width % height, pixel / width / height);
        let place = |y: usize, x: usize| ((image * at.height + 2 * row + y) * at.width + 2 * column + x) * channels + channel;
        visit(i, [place(0, 0), place(0, 1), place(1, 0), place(1, 1)]);
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn pools_any_maps(images in 0usize..4, height in 1usize..8, width in 1usize..8, channels in 1usize..40, seed in 0u64..1000) {
        let at = Maps { images, height, width };
        // Rounded, so that there are many ties.
        let x: Vec<f32> = numbers(seed, at.pixels() * channels).iter().map(|x| (x * 3.0).round()).collect();
        let dy = numbers(seed + 1, images * (height / 2) * (width / 2) * channels);
        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        each_four(at, channels, |i, four| {
            y[i] = four.iter().map(|&place| x[place]).fold(f32::NEG_INFINITY, f32::max);
            dx[*four.iter().find(|&&place| x[place] == y[i]).unwrap()] = dy[i];
        });
        for simd in available() {
            let pooled = simd.force(|| pool(&x, at, channels));
            prop_assert_eq!(&pooled, &y, "{:?}", simd);
            prop_assert_eq!(&simd.force(|| pool_back(&x, at, channels, &pooled, &dy)), &dx, "{:?}", simd);
        }
    }
}

#[test]
fn what_is_not_a_number_is_the_largest() {
    let at = Maps { images: 1, height: 2, width: 2 };
    for i in 0..4 {
        let mut x = [1.0, 2.0, 3.0, 4.0];
        x[i] = f32::NAN;
        for simd in available() {
            assert!(simd.force(|| pool(&x, at, 1))[0].is_nan(), "{simd:?}, pixel {i}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many numbers for Miri")]
fn results_do_not_depend_on_the_number_of_threads() {
    let at = Maps { images: 8, height: 33, width: 35 };
    let x = numbers(1, at.pixels() * 48);
    let dy = numbers(2, 8 * 16 * 17 * 48);
    assert_same_on_all_threads(|| {
        let y = pool(&x, at, 48);
        let dx = pool_back(&x, at, 48, &y, &dy);
        (y, dx)
    });
}
