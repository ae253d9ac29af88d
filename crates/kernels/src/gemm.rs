//! The two products that everything is made of, on *blocked* matrices.
//!
//! A blocked matrix holds its columns sixteen by sixteen: element (row, column) lies at
//! `(column / 16) * block + row * 16 + column % 16`, where `block` is the distance between two blocks, `rows * 16` if nothing
//! lies between them. Columns that do not fill the last block are zeros. All operands and results below have this form, and
//! whoever makes an operand writes it so; nothing is ever packed for a product.
//!
//! - [`Product`]: `C (+)= A·B` for one block of columns of B and C. Some rows of sixteen sums stay in registers, while the
//!   numbers of A pass by one at a time and those of B sixteen at a time.
//! - [`Outer`]: `C (+)= Aᵀ·B` for one block of columns of each, which makes sixteen rows of sixteen sums. This is a weight
//!   gradient: a sum over images and places of input times output gradient. What C holds is added last, so that a long sum can be
//!   made of short ones, which loses less to rounding.

use crate::simd::{BLOCK, Lanes, Simd, Work};

/// So much depth of B is used at a time: 256 × 16 numbers are half of a first-level cache of 32 KiB.
const DEPTH: usize = 256;

/// `C (+)= A·B` for one block of columns.
pub(crate) struct Product<'a> {
    /// `rows × depth`, blocked.
    pub(crate) a: &'a [f32],
    /// The distance between two blocks of `a`.
    pub(crate) a_block: usize,
    /// `depth × 16`.
    pub(crate) b: &'a [f32],
    /// `rows × 16`.
    pub(crate) c: &'a mut [f32],
    pub(crate) rows: usize,
    /// A multiple of 16.
    pub(crate) depth: usize,
    /// Adds to what `c` holds; otherwise overwrites it.
    pub(crate) add: bool,
    /// What will be read after this product.
    pub(crate) soon: Option<Soon>,
}

/// Lines of memory that are brought into the second-level cache during a product, one at each step of the depth: a product in the caches
/// leaves memory nothing to do.
#[derive(Clone, Copy)]
pub(crate) struct Soon {
    /// The line of the first step; any address will do.
    pub(crate) at: *const f32,
    /// The distance from a step's line to the next.
    pub(crate) by_step: usize,
    /// The distance from a step's line to that of sixteen steps later.
    pub(crate) by_block: usize,
}

impl Work for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Product { a, a_block, b, c, rows, depth, add, soon } = self;
        assert!(depth > 0 && depth.is_multiple_of(BLOCK));
        assert!(a.len() >= (depth / BLOCK - 1) * a_block + rows * BLOCK && b.len() >= depth * BLOCK && c.len() >= rows * BLOCK);
        for from in (0..depth).step_by(DEPTH) {
            let steps = DEPTH.min(depth - from);
            // SAFETY: `from` is a multiple of 16 below `depth`, so both are inside, by the assertions above.
            let (a, b) = unsafe { (a.as_ptr().add(from / BLOCK * a_block), b.as_ptr().add(from * BLOCK)) };
            let groups = rows.div_ceil(L::ROWS);
            for group in 0..groups {
                let (row, next) = (rows * group / groups, rows * (group + 1) / groups);
                let soon = match soon {
                    Some(soon) if group == 0 => Soon { at: soon.at.wrapping_add(from / BLOCK * soon.by_block), ..soon },
                    // A line that is at hand anyway costs nothing, and the loop needs no branch.
                    _ => Soon { at: a, by_step: 0, by_block: 0 },
                };
                // SAFETY: rows `row..next` of A and C are inside, and so are `steps` of A and B, by the assertions above.
                unsafe {
                    let strip = Strip { a: a.add(row * BLOCK), a_block, b, c: c.as_mut_ptr().add(row * BLOCK), steps, soon };
                    strip.multiply::<L>(next - row, add || from > 0);
                }
            }
        }
    }
}

/// A few rows of a [`Product`].
struct Strip {
    a: *const f32,
    a_block: usize,
    b: *const f32,
    c: *mut f32,
    steps: usize,
    soon: Soon,
}

/// Calls a method for a number of rows that the compiler knows, so that the sums can be registers.
macro_rules! for_rows {
    ($rows:expr, $self:ident.$method:ident($argument:expr), $($n:literal)*) => {
        match $rows {
            $($n if $n <= L::ROWS => $self.$method::<L, $n>($argument),)*
            rows => unreachable!("{rows} rows at a time"),
        }
    };
}

impl Strip {
    /// # Safety
    /// `rows` rows of A and C and `steps` of A and B can be accessed; `rows` is at most `L::ROWS`.
    #[inline(always)]
    unsafe fn multiply<L: Lanes>(self, rows: usize, add: bool) {
        // SAFETY: what the caller promises.
        unsafe { for_rows!(rows, self.multiply_rows(add), 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16) }
    }

    /// # Safety
    /// `R` rows of A and C and `steps` of A and B can be accessed.
    #[inline(always)]
    unsafe fn multiply_rows<L: Lanes, const R: usize>(&self, add: bool) {
        let mut sums = [L::splat(0.0); R];
        // SAFETY: what the caller promises.
        unsafe {
            if add {
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = L::load(self.c.add(r * BLOCK));
                }
            }
            for block in 0..self.steps / BLOCK {
                let (a, b) = (self.a.add(block * self.a_block), self.b.add(block * BLOCK * BLOCK));
                let soon = self.soon.at.wrapping_add(block * self.soon.by_block);
                for k in 0..BLOCK {
                    L::prefetch_second_level(soon.wrapping_add(k * self.soon.by_step));
                    let b = L::load(b.add(k * BLOCK));
                    for (r, sum) in sums.iter_mut().enumerate() {
                        *sum = L::splat(*a.add(r * BLOCK + k)).times_plus(b, *sum);
                    }
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                sum.store(self.c.add(r * BLOCK));
            }
        }
    }
}

/// `C (+)= Aᵀ·B` for one block of columns of A and of B.
pub(crate) struct Outer<'a> {
    /// `rows × 16`.
    pub(crate) a: &'a [f32],
    /// `rows × 16`.
    pub(crate) b: &'a [f32],
    /// 16 rows of 16 sums.
    pub(crate) c: &'a mut [f32],
    /// The distance between two rows of `c`.
    pub(crate) c_row: usize,
    pub(crate) rows: usize,
    /// Adds to what `c` holds; otherwise overwrites it.
    pub(crate) add: bool,
}

impl Work for Outer<'_> {
    type Output = ();
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Outer { a, b, c, c_row, rows, add } = self;
        assert!(a.len() >= rows * BLOCK && b.len() >= rows * BLOCK && c.len() >= (BLOCK - 1) * c_row + BLOCK);
        let groups = BLOCK.div_ceil(L::ROWS);
        for group in 0..groups {
            let (row, next) = (BLOCK * group / groups, BLOCK * (group + 1) / groups);
            // SAFETY: columns `row..next` of A, B, and as many rows of C are inside, by the assertion above.
            unsafe {
                let column =
                    Column { a: a.as_ptr().add(row), b: b.as_ptr(), c: c.as_mut_ptr().add(row * c_row), c_row, steps: rows };
                column.multiply::<L>(next - row, add);
            }
        }
    }
}

/// A few columns of A of an [`Outer`] product.
struct Column {
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    c_row: usize,
    steps: usize,
}

impl Column {
    /// # Safety
    /// `columns` columns of A, as many rows of C, and `steps` rows of A and B can be accessed; `columns` is at most `L::ROWS`.
    #[inline(always)]
    unsafe fn multiply<L: Lanes>(self, columns: usize, add: bool) {
        // SAFETY: what the caller promises. Sixteen columns are shared out as 16, 6 + 5 + 5, or eight times 2.
        unsafe { for_rows!(columns, self.multiply_columns(add), 2 5 6 16) }
    }

    /// # Safety
    /// `R` columns of A, as many rows of C, and `steps` rows of A and B can be accessed.
    #[inline(always)]
    unsafe fn multiply_columns<L: Lanes, const R: usize>(&self, add: bool) {
        let mut sums = [L::splat(0.0); R];
        // SAFETY: what the caller promises.
        unsafe {
            for k in 0..self.steps {
                let (a, b) = (self.a.add(k * BLOCK), L::load(self.b.add(k * BLOCK)));
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = L::splat(*a.add(r)).times_plus(b, *sum);
                }
            }
            for (r, sum) in sums.iter().enumerate() {
                let c = self.c.add(r * self.c_row);
                (if add { *sum + L::load(c) } else { *sum }).store(c);
            }
        }
    }
}

/// Multiplies small matrices again and again, on the calling thread, without leaving the caches: what the processor can do at
/// best. Gives the number of floating point operations. For measurements.
#[doc(hidden)]
#[must_use]
pub fn multiply_in_cache(rows: usize, depth: usize, times: usize) -> usize {
    let depth = depth.next_multiple_of(BLOCK);
    let (a, b) = (vec![1.0; rows * depth], vec![1.0; depth * BLOCK]);
    let mut c = vec![0.0; rows * BLOCK];
    for _ in 0..times {
        let (a, b, c) = (&a, &b, std::hint::black_box(&mut c));
        Simd::current().run(Product { a, a_block: rows * BLOCK, b, c, rows, depth, add: false, soon: None });
    }
    2 * rows * depth * BLOCK * times
}

/// The same for the other product.
#[doc(hidden)]
#[must_use]
pub fn multiply_transposed_in_cache(rows: usize, times: usize) -> usize {
    let (a, b) = (vec![1.0; rows * BLOCK], vec![1.0; rows * BLOCK]);
    let mut c = vec![0.0; BLOCK * BLOCK];
    for _ in 0..times {
        let (a, b, c) = (&a, &b, std::hint::black_box(&mut c));
        Simd::current().run(Outer { a, b, c, c_row: BLOCK, rows, add: true });
    }
    2 * rows * BLOCK * BLOCK * times
}
