//! The pin holds for the whole process, so this test has a process of its own.

use kernels::{Simd, SimdError};

#[test]
fn a_pin_holds_on_every_thread_and_once() {
    for (simd, name) in [(Simd::Avx512, "avx512"), (Simd::Avx2, "avx2"), (Simd::Portable, "portable")] {
        assert_eq!(name.parse(), Ok(simd));
        assert_eq!(simd.to_string().parse(), Ok(simd));
    }
    let unknown = "sse9".parse::<Simd>().expect_err("there is none");
    assert_eq!(unknown.to_string(), "there is no instruction set \"sse9\"; choose avx512, avx2 or portable");

    let best = Simd::current();
    if let Some(lacking) = Simd::ALL.into_iter().find(|simd| !simd.is_available()) {
        assert_eq!(lacking.pin(), Err(SimdError::Lacking(lacking)));
        assert_eq!(Simd::current(), best, "what is refused changes nothing");
    }

    assert_eq!(Simd::Portable.pin(), Ok(()));
    assert_eq!(Simd::Portable.pin(), Ok(()), "the same once more is no change");
    let elsewhere = std::thread::spawn(Simd::current).join().expect("the thread ends well");
    assert_eq!([Simd::current(), elsewhere], [Simd::Portable; 2]);
    if best != Simd::Portable {
        assert_eq!(best.pin(), Err(SimdError::Pinned { before: Simd::Portable, now: best }));
        best.force(|| assert_eq!(Simd::current(), best, "tests may still force another"));
    }
}
