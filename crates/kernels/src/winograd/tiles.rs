//! From maps to points and back: the transforms of patches and of outputs, and their adjoints.
//!
//! The border and clipped tiles take no branches: for each tile a table of addresses is made, in which a pixel outside of the
//! map is the address of zeros, when it is read, or of a place that nobody reads, when it is written. Channels that do not
//! fill a block of sixteen pass through a small copy.

use super::Layout;
use super::transform::{SIDE, Square, Transform, both_ways};
use crate::call::Finish;
use crate::maps::Maps;
use crate::pool::half;
use crate::scratch::Target;
use crate::simd::{BLOCK, Lanes};
use std::marker::PhantomData;
use std::ops::Range;

/// The tiles that cover the maps, in raster order, map after map.
pub(super) struct Grid<X> {
    pub(super) at: Maps,
    pub(super) channels: usize,
    rows: usize,
    columns: usize,
    /// Pixels from one tile to the next.
    step: usize,
    transform: PhantomData<X>,
}

impl<X> Clone for Grid<X> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<X> Copy for Grid<X> {}

impl<X: Transform> Grid<X> {
    pub(super) fn new(at: Maps, channels: usize) -> Self {
        let (rows, columns) = (at.height.div_ceil(X::TILE), at.width.div_ceil(X::TILE));
        Grid { at, channels, rows, columns, step: X::TILE, transform: PhantomData }
    }

    /// The same tiles on the pooled maps, where each is half as large.
    fn half(&self) -> Self {
        Grid { at: half(self.at), step: self.step / 2, ..*self }
    }

    /// The number of tiles of one map.
    pub(super) fn per_map(&self) -> usize {
        self.rows * self.columns
    }

    /// The number of tiles of all maps.
    pub(super) fn tiles(&self) -> usize {
        self.at.images * self.per_map()
    }

    /// The number of blocks of channels.
    pub(super) fn blocks(&self) -> usize {
        self.channels.div_ceil(BLOCK)
    }

    /// The numbers of the maps.
    fn len(&self) -> usize {
        self.at.pixels() * self.channels
    }

    /// Where in the maps the lines of pixels are that these tiles stand on, more or less.
    pub(super) fn span(&self, tiles: Range<usize>) -> Range<usize> {
        let line = |tile: usize| {
            let place = self.place(tile);
            (place.map * self.at.height + (place.row * self.step).min(self.at.height)) * self.at.width * self.channels
        };
        line(tiles.start)..line(tiles.end + self.columns)
    }

    fn place(&self, tile: usize) -> Place {
        let (map, within) = (tile / self.per_map(), tile % self.per_map());
        Place { map, row: within / self.columns, column: within % self.columns }
    }

    /// The addresses, at channel 0, of a square of `side` pixels that begins `before` pixels above and left of a tile.
    #[inline(always)]
    fn addresses<T>(&self, place: &Place, side: usize, before: usize, map: *mut T, outside: *mut T) -> Table<T> {
        let (top, left) = (place.row * self.step, place.column * self.step);
        // Numbers below zero wrap around to huge ones, which are outside as well.
        let pixel = |first: usize, i: usize| (first + i).wrapping_sub(before);
        let first = place.map * self.at.height * self.at.width;
        let mut table = [[outside; SIDE]; SIDE];
        for i in 0..side {
            let y = pixel(top, i);
            let row = first.wrapping_add(y.wrapping_mul(self.at.width));
            for j in 0..side {
                let x = pixel(left, j);
                let address = map.wrapping_add(row.wrapping_add(x).wrapping_mul(self.channels));
                table[i][j] = if y < self.at.height && x < self.at.width { address } else { outside };
            }
        }
        table
    }

    /// How many channels of a block there are.
    #[inline(always)]
    fn filled(&self, block: usize) -> usize {
        (self.channels - block * BLOCK).min(BLOCK)
    }
}

/// Where a tile is.
struct Place {
    map: usize,
    row: usize,
    column: usize,
}

type Table<T> = [[*mut T; SIDE]; SIDE];

/// A square of pixels, sixteen channels each, in memory of its own.
struct Copied([[[f32; BLOCK]; SIDE]; SIDE]);

impl Copied {
    #[inline(always)]
    fn new() -> Copied {
        Copied([[[0.0; BLOCK]; SIDE]; SIDE])
    }

    /// Reads the first `count` of the sixteen channels; the others stay zero.
    ///
    /// # Safety
    /// `count` numbers can be read from each address, `offset` numbers on.
    unsafe fn read(&mut self, side: usize, from: &Table<f32>, offset: usize, count: usize) {
        for i in 0..side {
            for j in 0..side {
                // SAFETY: what the caller promises; at most sixteen.
                unsafe { self.0[i][j].as_mut_ptr().copy_from_nonoverlapping(from[i][j].add(offset), count) };
            }
        }
    }

    /// Writes the first `count` of the sixteen channels.
    ///
    /// # Safety
    /// `count` numbers can be written to each address, `offset` numbers on.
    unsafe fn write(&self, side: usize, to: &Table<f32>, offset: usize, count: usize) {
        for i in 0..side {
            for j in 0..side {
                // SAFETY: what the caller promises; at most sixteen.
                unsafe { to[i][j].add(offset).copy_from_nonoverlapping(self.0[i][j].as_ptr(), count) };
            }
        }
    }

    fn table(&mut self) -> Table<f32> {
        let mut table = [[std::ptr::null_mut(); SIDE]; SIDE];
        for i in 0..SIDE {
            for j in 0..SIDE {
                table[i][j] = self.0[i][j].as_mut_ptr();
            }
        }
        table
    }
}

/// # Safety
/// Sixteen numbers can be read from each of the addresses, `offset` numbers on.
#[inline(always)]
unsafe fn load<L: Lanes>(side: usize, from: &Table<f32>, offset: usize, ahead: usize) -> Square<L> {
    let mut square = [[L::splat(0.0); SIDE]; SIDE];
    for i in 0..side {
        for j in 0..side {
            // SAFETY: what the caller promises.
            square[i][j] = unsafe { L::load(from[i][j].add(offset)) };
            L::prefetch(from[i][j].wrapping_add(offset + ahead));
        }
    }
    square
}

/// # Safety
/// Sixteen numbers can be written to each of the addresses, `offset` numbers on.
#[inline(always)]
unsafe fn store<L: Lanes>(side: usize, square: &Square<L>, to: &Table<f32>, offset: usize) {
    for i in 0..side {
        for j in 0..side {
            // SAFETY: what the caller promises.
            unsafe { square[i][j].store(to[i][j].add(offset)) };
        }
    }
}

/// The largest of each 2×2, for `side`×`side` of them.
#[inline(always)]
fn pooled<L: Lanes>(square: &Square<L>, side: usize) -> Square<L> {
    let mut result = [[L::splat(0.0); SIDE]; SIDE];
    for i in 0..side {
        for j in 0..side {
            let (above, below) = (&square[2 * i], &square[2 * i + 1]);
            result[i][j] = above[2 * j].larger(above[2 * j + 1]).larger(below[2 * j].larger(below[2 * j + 1]));
        }
    }
    result
}

/// Writes to one address the sum with what is at the other.
///
/// # Safety
/// Sixteen numbers can be read or written at each of the addresses, `offset` numbers on.
#[inline(always)]
unsafe fn add<L: Lanes>(side: usize, square: &Square<L>, from: &Table<f32>, to: &Table<f32>, offset: usize) {
    for i in 0..side {
        for j in 0..side {
            // SAFETY: what the caller promises.
            unsafe { (square[i][j] + L::load(from[i][j].add(offset))).store(to[i][j].add(offset)) };
        }
    }
}

/// Matrices of all points, and which tiles and blocks of channels their rows and blocks are.
#[derive(Clone)]
pub(super) struct Domain<'a> {
    pub(super) memory: Target<'a>,
    pub(super) layout: Layout,
    /// The tile of the first row.
    pub(super) first_tile: usize,
    /// The block of channels of the first block.
    pub(super) first_block: usize,
}

impl Domain<'_> {
    /// # Safety
    /// Tile and block are inside.
    #[inline(always)]
    unsafe fn at(&self, tile: usize, block: usize) -> *mut f32 {
        let row = tile - self.first_tile;
        debug_assert!(row < self.layout.rows && block - self.first_block < self.layout.blocks);
        // SAFETY: what the caller promises.
        unsafe { self.memory.at(self.layout.at(0, block - self.first_block) + row * BLOCK) }
    }

    /// # Safety
    /// Tile and block are inside, and nobody else uses them now.
    #[inline(always)]
    unsafe fn write<L: Lanes>(&self, points: usize, square: &Square<L>, tile: usize, block: usize) {
        // SAFETY: the memory has all points of all tiles and blocks, see `Layout`.
        unsafe {
            let to = self.at(tile, block);
            for i in 0..points {
                for j in 0..points {
                    square[i][j].store(to.add((i * points + j) * self.layout.point()));
                }
            }
        }
    }

    /// # Safety
    /// Tile and block are inside and were written.
    #[inline(always)]
    unsafe fn read<L: Lanes>(&self, points: usize, tile: usize, block: usize) -> Square<L> {
        let mut square = [[L::splat(0.0); SIDE]; SIDE];
        // SAFETY: the memory has all points of all tiles and blocks, see `Layout`.
        unsafe {
            let from = self.at(tile, block);
            for i in 0..points {
                for j in 0..points {
                    square[i][j] = L::load(from.add((i * points + j) * self.layout.point()));
                }
            }
        }
        square
    }

    /// That every tile and block of a job is inside; the unsafe code below stands on it.
    fn assert_holds(&self, points: usize, tiles: &Range<usize>, blocks: &Range<usize>) {
        assert!(self.first_tile <= tiles.start && tiles.end <= self.first_tile + self.layout.rows);
        assert!(self.first_block <= blocks.start && blocks.end <= self.first_block + self.layout.blocks);
        assert!(self.memory.len() >= self.layout.len(points));
    }
}

/// Some tiles and some blocks of channels.
pub(super) struct Job<X> {
    pub(super) grid: Grid<X>,
    pub(super) tiles: Range<usize>,
    pub(super) blocks: Range<usize>,
}

impl<X: Transform> Job<X> {
    const ALL: usize = X::POINTS * X::POINTS;

    fn assert_inside(&self, domain: &Domain, zeros: &[f32]) {
        domain.assert_holds(Self::ALL, &self.tiles, &self.blocks);
        assert!(self.tiles.end <= self.grid.tiles() && self.blocks.end <= self.grid.blocks());
        assert!(zeros.len() >= self.grid.blocks() * BLOCK);
    }

    /// `V = Bᵀ X B`. `zeros` are as many zeros as there are channels in all blocks.
    ///
    /// # Safety
    /// Nobody else uses these tiles and blocks of `v` now.
    #[inline(always)]
    pub(super) unsafe fn patches<L: Lanes>(&self, x: &[f32], zeros: &[f32], v: &Domain) {
        self.assert_inside(v, zeros);
        assert!(x.len() == self.grid.len());
        for tile in self.tiles.clone() {
            let place = self.grid.place(tile);
            // Read only, in spite of the types.
            let (map, zeros) = (x.as_ptr().cast_mut(), zeros.as_ptr().cast_mut());
            let table = self.grid.addresses(&place, X::PATCH, X::BEFORE, map, zeros);
            for block in self.blocks.clone() {
                let (offset, filled) = (block * BLOCK, self.grid.filled(block));
                // SAFETY: the table's addresses are pixels of `x`, with `filled` channels from `offset` on, or zeros.
                unsafe {
                    let square = if filled == BLOCK {
                        load::<L>(X::PATCH, &table, offset, X::TILE * self.grid.channels)
                    } else {
                        let mut copied = Copied::new();
                        copied.read(X::PATCH, &table, offset, filled);
                        load::<L>(X::PATCH, &copied.table(), 0, 0)
                    };
                    v.write(X::POINTS, &both_ways::<L, X::Patch>(&square), tile, block);
                }
            }
        }
    }

    /// `Y = Aᵀ M A`, finished, and pooled if so wanted. `spill` is room for as many numbers as there are channels in all blocks.
    ///
    /// # Safety
    /// `m` was written. Nobody else uses the pixels and channels of these tiles and blocks in `y` now.
    #[inline(always)]
    pub(super) unsafe fn outputs<L: Lanes>(&self, m: &Domain, finish: Finish, spill: &mut [f32], y: Target) {
        self.assert_inside(m, spill);
        let to = if finish.pool { self.grid.half() } else { self.grid };
        assert!(y.len() == to.len());
        for tile in self.tiles.clone() {
            // SAFETY: the start of the memory.
            let map = unsafe { y.at(0) };
            let table = to.addresses(&to.place(tile), to.step, 0, map, spill.as_mut_ptr());
            for block in self.blocks.clone() {
                let (offset, filled) = (block * BLOCK, self.grid.filled(block));
                let finish_channels = finish.of::<L>(offset, filled);
                // SAFETY: the table's addresses are pixels of `y`, with `filled` channels from `offset` on, or `spill`.
                unsafe {
                    let mut square = both_ways::<L, X::Output>(&m.read::<L>(X::POINTS, tile, block));
                    for row in &mut square[..X::TILE] {
                        for value in &mut row[..X::TILE] {
                            *value = finish_channels.apply(*value);
                        }
                    }
                    if finish.pool {
                        square = pooled(&square, to.step);
                    }
                    if filled == BLOCK {
                        store(to.step, &square, &table, offset);
                    } else {
                        let mut copied = Copied::new();
                        store(to.step, &square, &copied.table(), 0);
                        copied.write(to.step, &table, offset, filled);
                    }
                }
            }
        }
    }

    /// `dM = A dY Aᵀ`, where dY is what passes the ReLU whose output is `y`, if there is one; adds its sum over these tiles to
    /// `dbias`, which has as many numbers as there are channels in all blocks.
    ///
    /// # Safety
    /// Nobody else uses these tiles and blocks of `dm` now.
    #[inline(always)]
    pub(super) unsafe fn output_gradients<L: Lanes>(
        &self,
        dy: &[f32],
        y: Option<&[f32]>,
        zeros: &[f32],
        dm: &Domain,
        dbias: &mut [f32],
    ) {
        self.assert_inside(dm, zeros);
        assert!(
            dy.len() == self.grid.len() && y.is_none_or(|y| y.len() == dy.len()) && dbias.len() >= self.grid.blocks() * BLOCK
        );
        for tile in self.tiles.clone() {
            let place = self.grid.place(tile);
            let zeros = zeros.as_ptr().cast_mut();
            // Read only, in spite of the types.
            let table = self.grid.addresses(&place, X::TILE, 0, dy.as_ptr().cast_mut(), zeros);
            let outputs = match y {
                Some(y) => self.grid.addresses(&place, X::TILE, 0, y.as_ptr().cast_mut(), zeros),
                None => table,
            };
            for block in self.blocks.clone() {
                let (offset, filled) = (block * BLOCK, self.grid.filled(block));
                // SAFETY: the tables' addresses are pixels of `dy` or `y`, with `filled` channels from `offset` on, or zeros;
                // `dbias` has all blocks.
                unsafe {
                    let mut square = read_tile::<L, X>(&table, offset, filled, X::TILE * self.grid.channels);
                    if y.is_some() {
                        let outputs = read_tile::<L, X>(&outputs, offset, filled, X::TILE * self.grid.channels);
                        for i in 0..X::TILE {
                            for j in 0..X::TILE {
                                square[i][j] = square[i][j].through_relu(outputs[i][j]);
                            }
                        }
                    }
                    let points = both_ways::<L, X::OutputBack>(&square);
                    dm.write(X::POINTS, &points, tile, block);
                    let sum = dbias.as_mut_ptr().add(offset);
                    (L::load(sum) + points[X::SUM / X::POINTS][X::SUM % X::POINTS]).store(sum);
                }
            }
        }
    }

    /// `dX = B dV Bᵀ`, overlapping patches added up. Tiles go in raster order, so the pixels that an earlier tile has touched are
    /// known: the first rows of the patch, unless the tile is in the first row, and the first columns alike. All others
    /// are overwritten, and `dx` needs no zeros to begin with.
    ///
    /// # Safety
    /// `dv` was written. These are all tiles of some maps, or go on where the same thread ended. Nobody else uses these maps'
    /// channels of these blocks in `dx` now.
    #[inline(always)]
    pub(super) unsafe fn patch_gradients<L: Lanes>(&self, dv: &Domain, zeros: &[f32], spill: &mut [f32], dx: Target) {
        self.assert_inside(dv, zeros);
        assert!(dx.len() == self.grid.len() && spill.len() >= self.grid.blocks() * BLOCK);
        let overlap = X::PATCH - X::TILE;
        for tile in self.tiles.clone() {
            let place = self.grid.place(tile);
            // SAFETY: the start of the memory.
            let map = unsafe { dx.at(0) };
            let table = self.grid.addresses(&place, X::PATCH, X::BEFORE, map, spill.as_mut_ptr());
            // What is there already: read only, in spite of the types.
            let mut before = [[zeros.as_ptr().cast_mut(); SIDE]; SIDE];
            for i in 0..X::PATCH {
                for j in 0..X::PATCH {
                    let touched = (i < overlap && place.row > 0) || (j < overlap && place.column > 0);
                    if touched && table[i][j] != spill.as_mut_ptr() {
                        before[i][j] = table[i][j];
                    }
                }
            }
            for block in self.blocks.clone() {
                let (offset, filled) = (block * BLOCK, self.grid.filled(block));
                // SAFETY: the tables' addresses are pixels of `dx`, with `filled` channels from `offset` on, `spill`, or zeros.
                unsafe {
                    let square = both_ways::<L, X::PatchBack>(&dv.read::<L>(X::POINTS, tile, block));
                    if filled == BLOCK {
                        add(X::PATCH, &square, &before, &table, offset);
                    } else {
                        let mut copied = Copied::new();
                        copied.read(X::PATCH, &before, offset, filled);
                        let copies = copied.table();
                        add(X::PATCH, &square, &copies, &copies, 0);
                        copied.write(X::PATCH, &table, offset, filled);
                    }
                }
            }
        }
    }
}

/// # Safety
/// `filled` numbers can be read from each address of the tile, `offset` numbers on.
#[inline(always)]
unsafe fn read_tile<L: Lanes, X: Transform>(table: &Table<f32>, offset: usize, filled: usize, ahead: usize) -> Square<L> {
    // SAFETY: what the caller promises.
    unsafe {
        if filled == BLOCK {
            load::<L>(X::TILE, table, offset, ahead)
        } else {
            let mut copied = Copied::new();
            copied.read(X::TILE, table, offset, filled);
            load::<L>(X::TILE, &copied.table(), 0, 0)
        }
    }
}
