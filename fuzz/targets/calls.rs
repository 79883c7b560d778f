//! Any bytes as a sequence of calls of the C functions: random objects, random arguments, also
//! missing and senseless ones, checked against a model of what every pixel and every status must be.
//!
//! The model knows of each image which value every pixel has, of each tile its bytes, and of each
//! thing that was lent whether it was given back; of a cache only what is promised of its sizes. The
//! harness passes handles that it owns and nothing else.

use super::input::Input;
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_void};
use std::ptr::{null, null_mut};
use std::rc::Rc;
use std::slice;
use tilecache::capi::*;

const OK: i32 = tc_status_code::TC_OK as i32;
const ARGUMENT: i32 = tc_status_code::TC_E_ARGUMENT as i32;
const RANGE: i32 = tc_status_code::TC_E_RANGE as i32;
const NOT_RESIDENT: i32 = tc_status_code::TC_E_NOT_RESIDENT as i32;
const SOURCE: i32 = tc_status_code::TC_E_SOURCE as i32;
const INTERNAL: i32 = tc_status_code::TC_E_INTERNAL as i32;

const U8: i32 = tc_dtype_code::TC_U8 as i32;
const U16: i32 = tc_dtype_code::TC_U16 as i32;
const F64: i32 = tc_dtype_code::TC_F64 as i32;

/// What a failing source gives for its code.
const FAILURE: i32 = 77;

/// Calls of one input.
const MOST_CALLS: usize = 200;

/// Objects of a kind at a time.
const MOST_OBJECTS: usize = 12;

/// The pixels of an image of callbacks or of memory.
struct Content {
    seed: u32,
    /// Changes all pixels.
    version: u32,
    bytes: usize,
    width: i64,
    height: i64,
    block: (i64, i64),
    bands: i32,
    levels: i32,
    /// Each level has blocks of its own.
    own_grids: bool,
    pad: u16,
    /// Some blocks are not stored.
    holes: bool,
    fails: bool,
    released: u32,
    /// The array of an image in memory.
    array: Vec<u8>,
}

impl Content {
    fn value(&self, level: i32, x: i64, y: i64, band: i32) -> u16 {
        if self.holes {
            let (block, times) = self.grid(level);
            let cell = |at: i64, block: i64| (at << times) / block;
            if self.is_hole(cell(y, block.1), cell(x, block.0)) {
                return self.pad;
            }
        }
        let mut mixed = self.seed ^ self.version.wrapping_mul(0x9e37);
        for part in [level as u32, x as u32, y as u32, band as u32] {
            mixed = (mixed ^ part).wrapping_mul(0x0100_0193);
        }
        let value = (mixed >> 9) as u16;
        if self.bytes == 1 { value & 0xff } else { value }
    }

    /// The blocks in which a level is read, and how often they are halved there.
    fn grid(&self, level: i32) -> ((i64, i64), i32) {
        let more = i64::from(level);
        match self.own_grids {
            true => ((self.block.0 + 2 * more, self.block.1 + 3 * more), 0),
            false => (self.block, level),
        }
    }

    fn is_hole(&self, row: i64, col: i64) -> bool {
        self.holes && (row * 3 + col * 5 + i64::from(self.seed)) % 4 == 0
    }

    fn size(&self, level: i32) -> (i64, i64) {
        let half = |side: i64| (side + (1 << level) - 1) >> level;
        (half(self.width), half(self.height))
    }
}

/// What a provider shows of its content.
#[derive(Clone)]
struct Picture {
    content: *mut Content,
    /// Level 0 is this one of the content.
    level: i32,
    /// The bands of the content that it shows.
    bands: Vec<i32>,
    bytes: usize,
    /// What maps have added to every sample.
    added: u16,
    /// All samples are 255, and those beyond the edge 0.
    mask: bool,
    /// Samples beyond the edge went through a map.
    changed_pad: bool,
    info: tc_image_info,
}

impl Picture {
    fn content(&self) -> &Content {
        // SAFETY: the world keeps all contents until it ends.
        unsafe { &*self.content }
    }

    fn dtype(&self) -> i32 {
        if self.bytes == 1 { U8 } else { U16 }
    }

    fn size(&self, level: i32) -> (i64, i64) {
        self.content().size(self.level + level)
    }

    /// A sample, where it is known.
    fn value(&self, level: i32, x: i64, y: i64, band: usize) -> Option<u16> {
        let (width, height) = self.size(level);
        if x < 0 || y < 0 || x >= width || y >= height {
            if self.mask {
                return Some(0);
            }
            let pad = u16::from_ne_bytes([self.info.pad[0], self.info.pad[1]]);
            let pad = if self.bytes == 1 { pad & 0xff } else { pad };
            return (!self.changed_pad).then_some(pad);
        }
        if self.mask {
            return Some(255);
        }
        let content = self.content();
        let value = content.value(self.level + level, x, y, self.bands[band]);
        Some(changed(value, self.added, self.bytes))
    }

    /// The corner and the size of a block, or `None` where there is none.
    fn block(&self, row: i64, col: i64, level: i32) -> Option<(i64, i64, i64, i64)> {
        let info = &self.info;
        if level >= info.levels || row >= info.grid_rows || col >= info.grid_cols {
            return None;
        }
        let size = self.size(level);
        let start = |at: i64, block: i64| {
            let at = i128::from(at) * i128::from(block);
            ((at + (1 << level) - 1) >> level) as i64
        };
        let (x, y) = (start(col, info.block_width), start(row, info.block_height));
        let (mut right, mut bottom) = (
            start(col + 1, info.block_width),
            start(row + 1, info.block_height),
        );
        if x >= size.0.min(right) || y >= size.1.min(bottom) {
            return None;
        }
        if info.flags & tc_image_flags::TC_IMAGE_PADDED as u32 == 0 {
            (right, bottom) = (right.min(size.0), bottom.min(size.1));
        }
        Some((x, y, right - x, bottom - y))
    }
}

fn changed(value: u16, added: u16, bytes: usize) -> u16 {
    let value = value.wrapping_add(added);
    if bytes == 1 { value & 0xff } else { value }
}

struct Provider {
    handle: *mut tc_provider,
    references: u32,
    picture: Picture,
    key: CString,
}

struct Cache {
    handle: *mut tc_cache,
    references: u32,
    budget: u64,
    last: Option<tc_cache_stats>,
    /// What is put under keys of our own.
    put: HashMap<(usize, i64, i64), Known>,
}

/// Pixels, packed band by band, where each is known.
#[derive(Clone, PartialEq)]
struct Known {
    size: (i64, i64, i32),
    bytes: usize,
    samples: Rc<Vec<Option<u16>>>,
}

struct Tile {
    handle: *mut tc_tile,
    references: u32,
    known: Known,
}

/// Something lent with a release function.
struct Lent {
    pixels: Vec<u16>,
    released: u32,
}

struct World {
    caches: Vec<Cache>,
    providers: Vec<Provider>,
    tiles: Vec<Tile>,
    contents: Vec<*mut Content>,
    lent: Vec<(*mut Lent, bool)>,
    maps: Vec<(*mut Map, bool)>,
}

struct Map {
    added: u16,
    bytes: usize,
    released: u32,
}

unsafe extern "C" fn read_block(
    user: *mut c_void,
    _session: *mut c_void,
    row: i64,
    col: i64,
    level: i32,
    bands: *const i32,
    into: *const tc_target,
    err: *mut tc_error,
) -> i32 {
    // SAFETY: the library passes what the header says.
    let (content, into) = unsafe { (&*user.cast::<Content>(), &*into) };
    let (block, times) = content.grid(level);
    let start = |at: i64, block: i64| (at * block + (1 << times) - 1) >> times;
    let (x, y) = (start(col, block.0), start(row, block.1));
    assert!(!content.is_hole(row, col), "an absent block is asked for");
    fill(content, (level, x, y), bands, into, err)
}

unsafe extern "C" fn read_window(
    user: *mut c_void,
    _session: *mut c_void,
    x: i64,
    y: i64,
    level: i32,
    bands: *const i32,
    into: *const tc_target,
    err: *mut tc_error,
) -> i32 {
    // SAFETY: the library passes what the header says.
    let (content, into) = unsafe { (&*user.cast::<Content>(), &*into) };
    fill(content, (level, x, y), bands, into, err)
}

fn fill(
    content: &Content,
    (level, x, y): (i32, i64, i64),
    bands: *const i32,
    into: &tc_target,
    err: *mut tc_error,
) -> i32 {
    assert_eq!(content.released, 0, "asked for a block after its release");
    let (width, height) = content.size(level);
    assert!(x + into.width <= width && y + into.height <= height);
    if content.fails {
        // SAFETY: the library never passes NULL.
        unsafe { (*err).source_code = FAILURE };
        return 3;
    }
    for band in 0..into.bands {
        // SAFETY: `bands` has as many numbers as `into` has bands.
        let source = if bands.is_null() {
            band
        } else {
            unsafe { *bands.add(band as usize) }
        };
        for (line, column) in points(into.width, into.height) {
            let value = content.value(level, x + column, y + line, source);
            let at = i64::from(band) * into.band_stride
                + line * into.row_stride
                + column * into.pixel_stride;
            // SAFETY: the sample lies in the memory that the library lends.
            unsafe {
                write(
                    into.data.cast::<u8>().offset(at as isize),
                    content.bytes,
                    value,
                )
            };
        }
    }
    OK
}

fn points(width: i64, height: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

/// # Safety
/// So many bytes must be writable.
unsafe fn write(to: *mut u8, bytes: usize, value: u16) {
    // SAFETY: promised by the caller.
    unsafe { to.copy_from_nonoverlapping(value.to_ne_bytes().as_ptr(), bytes) };
}

/// # Safety
/// So many bytes must be readable.
unsafe fn read(from: *const u8, bytes: usize) -> u16 {
    let mut value = [0; 2];
    // SAFETY: promised by the caller.
    unsafe { from.copy_to_nonoverlapping(value.as_mut_ptr(), bytes) };
    u16::from_ne_bytes(value)
}

unsafe extern "C" fn has_block(
    user: *mut c_void,
    row: i64,
    col: i64,
    _level: i32,
    has: *mut i32,
    _err: *mut tc_error,
) -> i32 {
    // SAFETY: the library passes what the header says.
    unsafe { *has = i32::from(!(*user.cast::<Content>()).is_hole(row, col)) };
    OK
}

unsafe extern "C" fn release_content(user: *mut c_void) {
    // SAFETY: the library passes what it was given.
    unsafe { (*user.cast::<Content>()).released += 1 };
}

unsafe extern "C" fn release_lent(user: *mut c_void) {
    // SAFETY: the library passes what it was given.
    let lent = unsafe { &mut *user.cast::<Lent>() };
    lent.released += 1;
    // Whoever still reads it is caught by an address sanitizer.
    lent.pixels = Vec::new();
}

unsafe extern "C" fn map(
    user: *mut c_void,
    _row: i64,
    _col: i64,
    _level: i32,
    from: *const tc_pixels,
    to: *const tc_target,
    _err: *mut tc_error,
) -> i32 {
    // SAFETY: the library passes what the header says.
    let (map, from, to) = unsafe { (&*user.cast::<Map>(), &*from, &*to) };
    assert_eq!(map.released, 0, "mapped after its release");
    assert_eq!(
        (from.width, from.height, from.bands),
        (to.width, to.height, to.bands)
    );
    for band in 0..i64::from(to.bands) {
        for (y, x) in points(to.width, to.height) {
            let bytes = map.bytes;
            let at = band * from.band_stride + y * from.row_stride + x * bytes as i64;
            let out = band * to.band_stride + y * to.row_stride + x * to.pixel_stride;
            // SAFETY: both samples exist.
            unsafe {
                let value = read(from.data.cast::<u8>().offset(at as isize), bytes);
                let value = changed(value, map.added, bytes);
                write(to.data.cast::<u8>().offset(out as isize), bytes, value);
            }
        }
    }
    OK
}

unsafe extern "C" fn release_map(user: *mut c_void) {
    // SAFETY: the library passes what it was given.
    unsafe { (*user.cast::<Map>()).released += 1 };
}

/// A struct of plain numbers and pointers, all 0 but its size.
fn sized<T>() -> T {
    // SAFETY: the structs of the header are valid when all bytes are 0, and begin with their size.
    unsafe {
        let mut value: T = std::mem::zeroed();
        (&raw mut value).cast::<u32>().write(size_of::<T>() as u32);
        value
    }
}

/// Runs a call with room for its error, and checks that both tell the same.
fn call(work: impl FnOnce(*mut tc_error) -> i32) -> i32 {
    // SAFETY: plain numbers.
    let mut err: tc_error = unsafe { std::mem::zeroed() };
    err.code = -1;
    let status = work(&mut err);
    assert_eq!(err.code, status, "the error tells another status");
    // SAFETY: the library ends the message.
    let message = unsafe { CStr::from_ptr(err.message.as_ptr()) };
    let message = message.to_str().expect("a message in UTF-8");
    assert_eq!(message.is_empty(), status == OK, "{status}: {message:?}");
    assert_ne!(status, INTERNAL, "{message}");
    if status == SOURCE {
        assert_eq!(err.source_code, FAILURE, "{message}");
    }
    status
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World {
        caches: Vec::new(),
        providers: Vec::new(),
        tiles: Vec::new(),
        contents: Vec::new(),
        lent: Vec::new(),
        maps: Vec::new(),
    };
    for _ in 0..MOST_CALLS {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
        world.check();
    }
    world.end(&mut input);
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.below(32) {
            0 => self.create_cache(input),
            1 | 2 => self.create_source(input),
            3 => self.create_memory(input),
            4..=7 => self.create_operator(input),
            8..=13 => self.get_block(input),
            14 | 15 => self.read_window(input),
            16 | 17 => self.find(input),
            18 | 19 => self.put(input),
            20 => self.put_to_provider(input),
            21 => self.remove(input),
            22 => self.clear_or_resize(input),
            23 => self.change(input),
            24 => self.toggle_failures(input),
            25 | 26 => self.release(input),
            27 => self.retain(input),
            28 => self.copy_tile(input),
            29 => self.describe(input),
            30 => self.missing_arguments(input),
            _ => self.open_bytes(input),
        }
    }

    /// The place of a random cache, or `None` for no cache.
    fn cache(&self, input: &mut Input<'_>) -> Option<usize> {
        let at = input.below(self.caches.len() + 1);
        (at < self.caches.len()).then_some(at)
    }

    fn cache_handle(&self, at: Option<usize>) -> *mut tc_cache {
        at.map_or(null_mut(), |at| self.caches[at].handle)
    }

    fn create_cache(&mut self, input: &mut Input<'_>) {
        if self.caches.len() >= MOST_OBJECTS {
            return;
        }
        let budgets = [1 << 16, 0, 1, 3000, 20_000, 1 << 20, u64::MAX];
        let budget = input.pick(&budgets);
        let mut options: tc_cache_options = sized();
        options.unread_percent = input.pick(&[0, 1, 50, 100, 101, u32::MAX]);
        options.view_limit = input.pick(&[0, 1, 4096, u64::MAX]);
        // Along with these, so that inputs from before go on to mean the same.
        options.max_in_flight = u64::from(options.view_limit == 1);
        options.flags = u32::from(options.view_limit == 4096);
        let mut expected = if options.unread_percent > 100 {
            RANGE
        } else {
            OK
        };
        if input.one_in(8) {
            options.struct_size = input.pick(&[0, 3, 5000, u32::MAX]);
            expected = ARGUMENT;
        }
        let mut handle = null_mut();
        // SAFETY: all pointers are to our own.
        let status = call(|err| unsafe { tc_create(budget, &options, &mut handle, err) });
        assert_eq!(status, expected);
        assert_eq!(handle.is_null(), status != OK);
        if status == OK {
            self.caches.push(Cache {
                handle,
                references: 1,
                budget,
                last: None,
                put: HashMap::new(),
            });
        }
    }

    fn content(input: &mut Input<'_>) -> Content {
        let side = |input: &mut Input<'_>| input.below(40) as i64 + 1;
        let seed = input.below(65536) as u32;
        Content {
            seed,
            own_grids: seed.is_multiple_of(3),
            version: 0,
            bytes: input.below(2) + 1,
            width: side(input),
            height: side(input),
            block: (side(input), side(input)),
            bands: input.below(4) as i32 + 1,
            levels: input.below(4) as i32 + 1,
            pad: input.below(256) as u16,
            holes: input.one_in(4),
            fails: false,
            released: 0,
            array: Vec::new(),
        }
    }

    fn image_info(content: &Content) -> tc_image_info {
        let mut info: tc_image_info = sized();
        info.dtype = if content.bytes == 1 { U8 } else { U16 };
        (info.width, info.height) = (content.width, content.height);
        (info.block_width, info.block_height) = content.block;
        (info.bands, info.levels) = (content.bands, content.levels);
        info.pad[..2].copy_from_slice(&content.pad.to_ne_bytes());
        info
    }

    fn create_source(&mut self, input: &mut Input<'_>) {
        if self.providers.len() >= MOST_OBJECTS {
            return;
        }
        let content = Box::into_raw(Box::new(Self::content(input)));
        self.contents.push(content);
        // SAFETY: it was just made.
        let said = unsafe { &mut *content };
        let mut info = Self::image_info(said);
        let mut source: tc_source = sized();
        source.threading = input.pick(&[1, 2]);
        source.user = content.cast();
        source.read_block = Some(read_block);
        source.release = Some(release_content);
        if said.holes {
            source.has_block = Some(has_block);
        } else if input.one_in(3) {
            source.read_window = Some(read_window);
        }
        source.flags = input.pick(&[0, tc_source_flags::TC_SOURCE_BANDS as u32]);
        let levels = (0..said.levels).map(|level| {
            let ((block_width, block_height), _) = said.grid(level);
            let (width, height) = said.size(level);
            tc_level {
                width,
                height,
                block_width,
                block_height,
            }
        });
        let levels: Vec<_> = levels.collect();
        if said.own_grids {
            source.levels = levels.as_ptr();
        }
        let name = CString::new(format!("{}#{}", input.text(9), self.contents.len()));
        let name = name.expect("a name without NUL");
        if input.one_in(2) {
            source.key = name.as_ptr();
        }
        let expected = match input.below(32) {
            20 => {
                info.width = input.pick(&[0, -1, i64::MIN, i64::MAX]);
                RANGE
            }
            21 => {
                info.block_height = input.pick(&[-1, i64::MIN, i64::MAX]);
                RANGE
            }
            22 => {
                info.bands = input.pick(&[-1, 65537, i32::MAX, i32::MIN]);
                RANGE
            }
            23 => {
                info.levels = input.pick(&[-1, 33, i32::MAX, i32::MIN]);
                RANGE
            }
            24 => {
                info.dtype = input.pick(&[0, 9, -1, i32::MAX]);
                ARGUMENT
            }
            25 => {
                source.threading = input.pick(&[0, 4, u32::MAX]);
                ARGUMENT
            }
            26 => {
                source.read_block = None;
                ARGUMENT
            }
            27 => {
                source.flags = 0x8000_0000;
                ARGUMENT
            }
            28 => {
                source.struct_size = input.pick(&[0, 3, 4097]);
                ARGUMENT
            }
            29 => {
                // Neither sessions nor who opens them.
                source.threading = 3;
                ARGUMENT
            }
            30 => {
                source.n_texts = 1;
                ARGUMENT
            }
            _ => OK,
        };
        if expected != ARGUMENT || source.struct_size > 0 {
            source.image = &info;
        }
        let mut handle = null_mut();
        // SAFETY: all pointers are to our own.
        let status = call(|err| unsafe { provider_from_source(&source, &mut handle, err) });
        assert_eq!(status, expected);
        self.created(status, handle, content);
    }

    /// Takes a new provider that shows a content as it is.
    fn created(&mut self, status: i32, handle: *mut tc_provider, content: *mut Content) {
        // SAFETY: the world keeps it.
        let said = unsafe { &mut *content };
        assert_eq!(handle.is_null(), status != OK);
        assert_eq!(said.released, 0, "released after a failure, or too early");
        if status != OK {
            // Nobody has it, as if it had been released.
            said.released = 1;
            return;
        }
        let picture = Picture {
            content,
            level: 0,
            bands: (0..said.bands).collect(),
            bytes: said.bytes,
            added: 0,
            mask: false,
            changed_pad: false,
            info: sized(),
        };
        self.add_provider(handle, picture);
    }

    fn add_provider(&mut self, handle: *mut tc_provider, mut picture: Picture) {
        picture.info = sized();
        // SAFETY: the handle is ours.
        let status = call(|err| unsafe { provider_info(handle, &mut picture.info, err) });
        assert_eq!(status, OK);
        let info = &picture.info;
        assert_eq!((info.width, info.height), picture.size(0));
        assert_eq!(info.levels, picture.content().levels - picture.level);
        assert_eq!(info.dtype, picture.dtype());
        assert_eq!(info.bands as usize, picture.bands.len());
        assert_eq!(
            info.grid_cols,
            (info.width + info.block_width - 1) / info.block_width
        );
        // SAFETY: the handle is ours and gives text.
        let key = unsafe { CStr::from_ptr(provider_key(handle)) }.to_owned();
        self.providers.push(Provider {
            handle,
            references: 1,
            picture,
            key,
        });
    }

    fn create_memory(&mut self, input: &mut Input<'_>) {
        if self.providers.len() >= MOST_OBJECTS {
            return;
        }
        let mut content = Self::content(input);
        content.levels = 1;
        content.own_grids = false;
        content.holes = false;
        let content = Box::into_raw(Box::new(content));
        self.contents.push(content);
        // SAFETY: it was just made.
        let said = unsafe { &mut *content };
        let (size, bands) = (said.bytes as i64, i64::from(said.bands));
        let mut array: tc_target = unsafe { std::mem::zeroed() };
        (array.width, array.height, array.bands) = (said.width, said.height, said.bands);
        array.dtype = if said.bytes == 1 { U8 } else { U16 };
        // Band by band, or pixel by pixel.
        let strides = match input.below(3) {
            0 => [size, size * said.width, size * said.width * said.height],
            1 => [size * bands, size * bands * said.width, size],
            _ => [size, size * said.width * bands, size * said.width],
        };
        [array.pixel_stride, array.row_stride, array.band_stride] = strides;
        let mut memory = vec![0; (said.width * said.height * bands) as usize * said.bytes];
        for band in 0..bands {
            for (y, x) in points(said.width, said.height) {
                let at = x * strides[0] + y * strides[1] + band * strides[2];
                let value = said.value(0, x, y, band as i32).to_ne_bytes();
                memory[at as usize..][..said.bytes].copy_from_slice(&value[..said.bytes]);
            }
        }
        said.array = memory;
        array.data = said.array.as_mut_ptr().cast();
        let info = Self::image_info(said);
        let mut expected = OK;
        match input.below(16) {
            12 => {
                array.data = null_mut();
                expected = ARGUMENT;
            }
            13 => {
                array.height = input.pick(&[0, -1, i64::MAX]);
                // A number that no array can have, or one that is not the image's.
                expected = -1;
            }
            14 => {
                array.row_stride = input.pick(&[i64::MAX, i64::MIN]);
                expected = -2;
            }
            _ => (),
        }
        let mut handle = null_mut();
        // SAFETY: all pointers are to our own, and the array lies there.
        let status = call(|err| unsafe {
            let user = content.cast();
            let release: tc_release_fn = Some(release_content);
            provider_from_memory(&array, &info, null(), release, user, &mut handle, err)
        });
        match expected {
            -1 => assert_ne!(status, OK),
            // Nobody needs the stride of a single row.
            -2 => assert!(status != OK || said.height == 1),
            expected => assert_eq!(status, expected),
        }
        self.created(status, handle, content);
    }

    fn create_operator(&mut self, input: &mut Input<'_>) {
        if self.providers.is_empty() || self.providers.len() >= MOST_OBJECTS {
            return;
        }
        let at = input.below(self.providers.len());
        let mut picture = self.providers[at].picture.clone();
        let source = self.providers[at].handle;
        let cache = self.cache(input);
        let cache = self.cache_handle(cache);
        let mut handle = null_mut();
        match input.below(8) {
            0 => {
                let expected = if cache.is_null() { ARGUMENT } else { OK };
                // SAFETY: the handles are ours.
                let status =
                    call(|err| unsafe { provider_cached(source, cache, &mut handle, err) });
                assert_eq!(status, expected);
            }
            1..=4 => {
                let mut options: tc_retile_options = sized();
                let side = |input: &mut Input<'_>| match input.below(24) {
                    23 => -1,
                    22 => 0,
                    n => n as i64,
                };
                options.tile_width = side(input);
                options.tile_height = side(input);
                options.pad_edges = input.pick(&[0, 0, 0, 1, 0, 0, 1, 2]);
                let negative = options.tile_width < 0 || options.tile_height < 0;
                // SAFETY: the handles are ours.
                let status = call(|err| unsafe {
                    provider_retile(source, &options, cache, &mut handle, err)
                });
                let expected = match (negative, options.pad_edges) {
                    (true, _) => RANGE,
                    (_, 2) => ARGUMENT,
                    _ => OK,
                };
                assert_eq!(status, expected);
            }
            5 => {
                let level = input.pick(&[1, 0, 2, 3, -1, i32::MAX]);
                let expected = if (0..picture.info.levels).contains(&level) {
                    OK
                } else {
                    RANGE
                };
                // SAFETY: the handles are ours.
                let status = call(|err| unsafe { provider_level(source, level, &mut handle, err) });
                assert_eq!(status, expected);
                picture.level += level.clamp(0, 32);
            }
            6 => {
                // SAFETY: the handles are ours.
                let status = call(|err| unsafe { provider_mask(source, &mut handle, err) });
                assert_eq!(status, OK);
                picture.mask = true;
                picture.bytes = 1;
                picture.bands = vec![0];
                picture.changed_pad = true;
            }
            _ => {
                let map = Box::into_raw(Box::new(Map {
                    added: input.below(300) as u16,
                    bytes: picture.bytes,
                    released: 0,
                }));
                let mut options: tc_map_options = sized();
                options.map = Some(self::map);
                options.user = map.cast();
                options.release = Some(release_map);
                let list = self.bands(input, &picture);
                let mut expected = OK;
                if let Some(list) = &list {
                    options.source_bands = list.as_ptr();
                    options.n_source_bands = list.len();
                    if list
                        .iter()
                        .any(|band| !(0..picture.info.bands).contains(band))
                    {
                        expected = RANGE;
                    }
                }
                // SAFETY: the handles are ours, and so is what the options point to.
                let status =
                    call(|err| unsafe { provider_map(source, &options, cache, &mut handle, err) });
                assert_eq!(status, expected);
                self.maps.push((map, status == OK));
                if let (Some(list), OK) = (list, status) {
                    picture.bands = list.iter().map(|at| picture.bands[*at as usize]).collect();
                }
                // SAFETY: the world keeps it.
                let added = unsafe { (*map).added };
                if !picture.mask {
                    picture.added = changed(picture.added, added, 2);
                } else if status == OK && added % 256 != 0 {
                    // A mask that was mapped is no mask any more; nothing is lost by not knowing it.
                    // SAFETY: the handle is ours.
                    unsafe { provider_release(handle) };
                    return;
                }
                picture.changed_pad = true;
            }
        }
        if handle.is_null() {
            return;
        }
        self.add_provider(handle, picture);
    }

    /// A list of bands, one in a while with one that does not exist; `None` for all.
    fn bands(&self, input: &mut Input<'_>, picture: &Picture) -> Option<Vec<i32>> {
        if !input.one_in(3) {
            return None;
        }
        let all = picture.bands.len();
        let mut list: Vec<i32> = (0..input.below(4) + 1)
            .map(|_| input.below(all) as i32)
            .collect();
        if input.one_in(16) {
            list[0] = input.pick(&[all as i32, -1, i32::MAX, i32::MIN]);
        }
        Some(list)
    }

    /// A row or a column, mostly one that exists.
    fn place(input: &mut Input<'_>, end: i64) -> i64 {
        match input.below(32) {
            31 => input.pick(&[-1, i64::MIN]),
            30 => input.pick(&[end, i64::MAX]),
            n => n as i64 % end,
        }
    }

    fn known(
        picture: &Picture,
        bands: Option<&[i32]>,
        (level, x, y): (i32, i64, i64),
        size: (i64, i64),
    ) -> Known {
        let all: Vec<i32> = (0..picture.bands.len() as i32).collect();
        let bands = bands.unwrap_or(&all);
        let sample = |band: &i32| {
            let band = *band as usize;
            points(size.0, size.1)
                .map(|(line, column)| picture.value(level, x + column, y + line, band))
                .collect::<Vec<_>>()
        };
        Known {
            size: (size.0, size.1, bands.len() as i32),
            bytes: picture.bytes,
            samples: Rc::new(bands.iter().flat_map(sample).collect()),
        }
    }

    fn get_block(&mut self, input: &mut Input<'_>) {
        if self.providers.is_empty() || self.tiles.len() >= MOST_OBJECTS {
            return;
        }
        let at = input.below(self.providers.len());
        let Provider {
            handle, picture, ..
        } = &self.providers[at];
        let (row, col) = (
            Self::place(input, picture.info.grid_rows),
            Self::place(input, picture.info.grid_cols),
        );
        let level = match input.below(16) {
            15 => input.pick(&[-1, picture.info.levels, i32::MAX]),
            n => n as i32 % picture.info.levels,
        };
        let bands = self.bands(input, picture);
        let wrong_band = bands.as_ref().is_some_and(|list| {
            list.iter()
                .any(|band| !(0..picture.info.bands).contains(band))
        });
        let negative = row < 0 || col < 0 || level < 0;
        let block = if negative {
            None
        } else {
            picture.block(row, col, level)
        };
        let (list, count) = parts(&bands);
        let peeks = input.one_in(4);
        let mut tile = null_mut();
        // SAFETY: the handle is ours, the list as long as is said.
        let status = call(|err| unsafe {
            let get = if peeks {
                provider_peek_block
            } else {
                provider_get_block
            };
            get(*handle, row, col, level, list, count, &mut tile, err)
        });
        assert_eq!(tile.is_null(), status != OK);
        let Some((x, y, width, height)) = block.filter(|_| !wrong_band) else {
            assert_eq!(status, RANGE, "block ({row}, {col}) at level {level}");
            return;
        };
        match status {
            OK => {
                let known = Self::known(picture, bands.as_deref(), (level, x, y), (width, height));
                self.add_tile(tile, known);
            }
            NOT_RESIDENT => assert!(peeks),
            SOURCE => assert!(!peeks && picture.content().fails),
            other => panic!("status {other} for a block"),
        }
    }

    fn add_tile(&mut self, handle: *mut tc_tile, known: Known) {
        let tile = Tile {
            handle,
            references: 1,
            known,
        };
        Self::check_tile(&tile);
        self.tiles.push(tile);
    }

    fn check_tile(tile: &Tile) {
        // SAFETY: plain numbers.
        let mut at: tc_pixels = unsafe { std::mem::zeroed() };
        // SAFETY: the handle is ours.
        unsafe { tc_tile_pixels(tile.handle, &mut at) };
        let Known {
            size,
            bytes,
            samples,
        } = &tile.known;
        assert_eq!((at.width, at.height, at.bands), *size);
        assert_eq!(at.dtype, if *bytes == 1 { U8 } else { U16 });
        assert!(at.row_stride >= at.width * *bytes as i64);
        let mut expected = samples.iter();
        for band in 0..i64::from(at.bands) {
            for (y, x) in points(at.width, at.height) {
                let place = band * at.band_stride + y * at.row_stride + x * *bytes as i64;
                // SAFETY: the library says that the sample is there.
                let value = unsafe { read(at.data.cast::<u8>().offset(place as isize), *bytes) };
                let expected = expected.next().expect("as many samples");
                assert!(
                    expected.is_none_or(|expected| expected == value),
                    "pixel ({x}, {y}) of band {band} is {value} and not {expected:?}"
                );
            }
        }
    }

    fn read_window(&mut self, input: &mut Input<'_>) {
        if self.providers.is_empty() {
            return;
        }
        let at = input.below(self.providers.len());
        let Provider {
            handle, picture, ..
        } = &self.providers[at];
        let level = input.below(picture.info.levels as usize) as i32;
        let (width, height) = picture.size(level);
        let (x, y) = (
            input.below(width as usize + 12) as i64 - 6,
            input.below(height as usize + 12) as i64 - 6,
        );
        let size = (input.below(30) as i64 + 1, input.below(30) as i64 + 1);
        let bands = self.bands(input, picture);
        let count = bands.as_ref().map_or(picture.bands.len(), Vec::len);
        let wrong_band = bands.as_ref().is_some_and(|list| {
            list.iter()
                .any(|band| !(-1..picture.info.bands).contains(band))
        });
        let mut into = Into::new(input, size, count as i32, picture.bytes);
        let (list, n_bands) = parts(&bands);
        // SAFETY: the handle is ours, the list as long as is said, the memory writable.
        let status = call(|err| unsafe {
            provider_read_window(*handle, x, y, level, list, n_bands, &into.target(), err)
        });
        if wrong_band {
            assert_eq!(status, RANGE);
            return;
        }
        match status {
            OK => {
                let opaque = if picture.bytes == 1 { 255 } else { 65535 };
                let bands = bands.unwrap_or_else(|| (0..count as i32).collect());
                into.check(|band, line, column| match bands[band] {
                    -1 => Some(opaque),
                    band => picture.value(level, x + column, y + line, band as usize),
                });
            }
            SOURCE => assert!(picture.content().fails),
            other => panic!("status {other} for a window"),
        }
    }

    /// A key under which something may be, and what is known of it.
    fn find(&mut self, input: &mut Input<'_>) {
        let Some(cache) = self.cache(input) else {
            return;
        };
        if self.tiles.len() >= MOST_OBJECTS {
            return;
        }
        let handle = self.caches[cache].handle;
        let find = if input.one_in(2) { tc_get } else { tc_peek };
        let mut tile = null_mut();
        if input.one_in(2) || self.providers.is_empty() {
            let (name, row, col) = (input.below(3), input.below(3) as i64, input.below(3) as i64);
            let key = own_key(name);
            // SAFETY: the handle is ours.
            let status = call(|err| unsafe {
                find(handle, key.as_ptr(), row, col, 0, null(), 0, &mut tile, err)
            });
            if status == OK {
                let known = self.caches[cache].put.get(&(name, row, col));
                let known = known.expect("a tile that was put").clone();
                self.add_tile(tile, known);
            } else {
                assert_eq!(status, NOT_RESIDENT);
            }
            return;
        }
        let at = input.below(self.providers.len());
        let Provider { picture, key, .. } = &self.providers[at];
        let level = input.below(picture.info.levels as usize) as i32;
        let (row, col) = (
            Self::place(input, picture.info.grid_rows),
            Self::place(input, picture.info.grid_cols),
        );
        // SAFETY: the handle is ours.
        let status = call(|err| unsafe {
            find(
                handle,
                key.as_ptr(),
                row,
                col,
                level,
                null(),
                0,
                &mut tile,
                err,
            )
        });
        match status {
            OK => {
                let (x, y, width, height) = picture.block(row, col, level).expect("a block");
                let known = Self::known(picture, None, (level, x, y), (width, height));
                self.add_tile(tile, known);
            }
            RANGE => assert!(row < 0 || col < 0),
            other => assert_eq!(other, NOT_RESIDENT),
        }
    }

    fn put(&mut self, input: &mut Input<'_>) {
        let Some(cache) = self.cache(input) else {
            return;
        };
        let (name, row, col) = (input.below(3), input.below(3) as i64, input.below(3) as i64);
        let size = input.pick(&[(9, 7, 1), (4, 30, 2)]);
        let start = input.below(65536) as u16;
        let count = (size.0 * size.1 * i64::from(size.2)) as u16;
        let known = Known {
            size,
            bytes: 2,
            samples: Rc::new(
                (0..count)
                    .map(|i| Some(start.wrapping_add(i * 7)))
                    .collect(),
            ),
        };
        let key = own_key(name);
        let before = self.caches[cache].put.get(&(name, row, col));
        let same = before.is_none_or(|before| before.size == size);
        let status = self.put_known(input, cache, &key, (row, col, 0), &known);
        if status == OK {
            self.caches[cache].put.insert((name, row, col), known);
        } else {
            assert!(status == ARGUMENT && !same, "status {status} for a put");
        }
    }

    fn put_to_provider(&mut self, input: &mut Input<'_>) {
        let Some(cache) = self.cache(input) else {
            return;
        };
        if self.providers.is_empty() {
            return;
        }
        let at = input.below(self.providers.len());
        let Provider { picture, key, .. } = &self.providers[at];
        let level = input.below(picture.info.levels as usize) as i32;
        let (row, col) = (
            input.below(picture.info.grid_rows as usize) as i64,
            input.below(picture.info.grid_cols as usize) as i64,
        );
        let Some((x, y, width, height)) = picture.block(row, col, level) else {
            return;
        };
        if picture.content().own_grids && level > 0 {
            // What is there may have a key of its own.
            return;
        }
        let known = Self::known(picture, None, (level, x, y), (width, height));
        if known.samples.contains(&None) {
            return;
        }
        let key = key.clone();
        let status = self.put_known(input, cache, &key, (row, col, level), &known);
        assert_eq!(status, OK, "a put under the key of a provider");
    }

    /// Puts pixels, copied or lent.
    fn put_known(
        &mut self,
        input: &mut Input<'_>,
        cache: usize,
        key: &CStr,
        (row, col, level): (i64, i64, i32),
        known: &Known,
    ) -> i32 {
        let mut pixels = vec![0u16; known.samples.len()];
        // SAFETY: the samples fit, whatever their size.
        let bytes = unsafe {
            slice::from_raw_parts_mut(pixels.as_mut_ptr().cast::<u8>(), pixels.len() * 2)
        };
        for (to, sample) in bytes
            .chunks_exact_mut(known.bytes)
            .zip(known.samples.iter())
        {
            let sample = sample.unwrap_or_default().to_ne_bytes();
            to.copy_from_slice(&sample[..known.bytes]);
        }
        let lent = Box::into_raw(Box::new(Lent {
            pixels,
            released: 0,
        }));
        // SAFETY: plain numbers, and what was just made.
        let mut at: tc_pixels = unsafe { std::mem::zeroed() };
        at.data = unsafe { (*lent).pixels.as_ptr() }.cast();
        (at.width, at.height, at.bands) = known.size;
        at.dtype = if known.bytes == 1 { U8 } else { U16 };
        let lends = input.one_in(2);
        let release: tc_release_fn = if lends { Some(release_lent) } else { None };
        let handle = self.caches[cache].handle;
        // SAFETY: the handle is ours, the pixels stay until they are released.
        let status = call(|err| unsafe {
            let key = key.as_ptr();
            tc_put(
                handle,
                key,
                row,
                col,
                level,
                null(),
                0,
                &at,
                release,
                lent.cast(),
                err,
            )
        });
        let taken = lends && status == OK;
        // SAFETY: the world keeps it.
        assert!(
            taken || unsafe { (*lent).released } == 0,
            "released what it did not take"
        );
        self.lent.push((lent, taken));
        status
    }

    fn remove(&mut self, input: &mut Input<'_>) {
        let Some(cache) = self.cache(input) else {
            return;
        };
        let (name, row, col) = (input.below(3), input.below(3) as i64, input.below(3) as i64);
        let key = own_key(name);
        let cache = &mut self.caches[cache];
        // SAFETY: the handle is ours.
        let status = call(|err| unsafe {
            tc_remove(cache.handle, key.as_ptr(), row, col, 0, null(), 0, err)
        });
        let known = cache.put.remove(&(name, row, col));
        match status {
            OK => assert!(known.is_some(), "removed what was not put"),
            other => assert_eq!(other, NOT_RESIDENT),
        }
    }

    fn clear_or_resize(&mut self, input: &mut Input<'_>) {
        let Some(cache) = self.cache(input) else {
            return;
        };
        let cache = &mut self.caches[cache];
        if input.one_in(2) {
            // SAFETY: the handle is ours.
            assert_eq!(call(|err| unsafe { tc_clear(cache.handle, err) }), OK);
            cache.put.clear();
            let now = statistics(cache.handle);
            assert_eq!(
                (now.idle, now.reusable, now.entries),
                (0, 0, 0),
                "after a clear"
            );
        } else {
            let budget = input.pick(&[0, 2000, 10_000, 1 << 18, u64::MAX]);
            // SAFETY: the handle is ours.
            let status = call(|err| unsafe { tc_set_budget(cache.handle, budget, err) });
            assert_eq!(status, OK);
            cache.budget = budget;
            let before = statistics(cache.handle);
            let (bytes, mut given_back) = (before.resident / 2, u64::MAX);
            // SAFETY: the handle is ours.
            let status = call(|err| unsafe { tc_trim(cache.handle, bytes, &mut given_back, err) });
            assert_eq!(status, OK);
            let now = statistics(cache.handle);
            assert_eq!(
                (given_back, now.budget),
                (before.resident - now.resident, budget)
            );
            assert!(given_back >= bytes || before.held > 0, "after a trim");
        }
    }

    /// Changes the pixels of a source, or says only that they have changed.
    fn change(&mut self, input: &mut Input<'_>) {
        if self.providers.is_empty() {
            return;
        }
        let at = input.below(self.providers.len());
        let Provider {
            handle, picture, ..
        } = &self.providers[at];
        // SAFETY: the world keeps it; nobody else refers to it now.
        let content = unsafe { &mut *picture.content };
        if content.array.is_empty() && input.one_in(2) {
            content.version += 1;
        }
        // SAFETY: the handle is ours.
        assert_eq!(call(|err| unsafe { provider_invalidate(*handle, err) }), OK);
    }

    fn toggle_failures(&mut self, input: &mut Input<'_>) {
        if self.contents.is_empty() {
            return;
        }
        let at = input.below(self.contents.len());
        // SAFETY: the world keeps it; nobody else refers to it now.
        let content = unsafe { &mut *self.contents[at] };
        content.fails ^= true;
    }

    fn release(&mut self, input: &mut Input<'_>) {
        match input.below(4) {
            0 if !self.caches.is_empty() => {
                let at = input.below(self.caches.len());
                let cache = &mut self.caches[at];
                cache.references -= 1;
                // SAFETY: a reference of ours.
                unsafe { tc_release(cache.handle) };
                if cache.references == 0 {
                    self.caches.swap_remove(at);
                }
            }
            1 if !self.providers.is_empty() => {
                let at = input.below(self.providers.len());
                let provider = &mut self.providers[at];
                provider.references -= 1;
                // SAFETY: a reference of ours.
                unsafe { provider_release(provider.handle) };
                if provider.references == 0 {
                    self.providers.swap_remove(at);
                }
            }
            2 | 3 if !self.tiles.is_empty() => {
                let at = input.below(self.tiles.len());
                let tile = &mut self.tiles[at];
                Self::check_tile(tile);
                tile.references -= 1;
                // SAFETY: a reference of ours.
                unsafe { tc_tile_release(tile.handle) };
                if tile.references == 0 {
                    self.tiles.swap_remove(at);
                }
            }
            // SAFETY: NULL is allowed.
            _ => unsafe {
                tc_release(null_mut());
                provider_release(null_mut());
                tc_tile_release(null_mut());
            },
        }
    }

    fn retain(&mut self, input: &mut Input<'_>) {
        let at = input.below(1 << 8);
        // SAFETY: the handles are ours.
        unsafe {
            match input.below(3) {
                0 if !self.caches.is_empty() => {
                    let count = self.caches.len();
                    let cache = &mut self.caches[at % count];
                    assert_eq!(tc_retain(cache.handle), cache.handle);
                    cache.references += 1;
                }
                1 if !self.providers.is_empty() => {
                    let count = self.providers.len();
                    let provider = &mut self.providers[at % count];
                    assert_eq!(provider_retain(provider.handle), provider.handle);
                    provider.references += 1;
                }
                2 if !self.tiles.is_empty() => {
                    let count = self.tiles.len();
                    let tile = &mut self.tiles[at % count];
                    assert_eq!(tc_tile_retain(tile.handle), tile.handle);
                    tile.references += 1;
                }
                _ => assert!(tc_retain(null_mut()).is_null()),
            }
        }
    }

    fn copy_tile(&mut self, input: &mut Input<'_>) {
        if self.tiles.is_empty() {
            return;
        }
        let tile = &self.tiles[input.below(self.tiles.len())];
        let (width, height, bands) = tile.known.size;
        let (x, y) = (
            input.below(width as usize) as i64,
            input.below(height as usize) as i64,
        );
        let beyond = i64::from(input.one_in(8));
        let size = (
            input.below((width - x) as usize) as i64 + 1 + beyond * width,
            input.below((height - y) as usize) as i64 + 1,
        );
        let band = input.below(bands as usize) as i32;
        let list = [band, -1];
        let mut into = Into::new(input, size, 2, tile.known.bytes);
        // SAFETY: the handle is ours, the list as long as is said, the memory writable.
        let status = call(|err| unsafe {
            tc_tile_copy(tile.handle, x, y, list.as_ptr(), 2, &into.target(), err)
        });
        if beyond != 0 {
            assert_eq!(status, RANGE);
            into.check_untouched();
            return;
        }
        assert_eq!(status, OK);
        let opaque = if tile.known.bytes == 1 { 255 } else { 65535 };
        into.check(|to, line, column| match to {
            1 => Some(opaque),
            _ => {
                let row = i64::from(band) * height + y + line;
                tile.known.samples[(row * width + x + column) as usize]
            }
        });
    }

    /// What never changes is the same each time; sizes that are too small or stale are respected.
    fn describe(&mut self, input: &mut Input<'_>) {
        if self.providers.is_empty() {
            return;
        }
        let Provider {
            handle,
            picture,
            key,
            ..
        } = &self.providers[input.below(self.providers.len())];
        // SAFETY: the handle is ours, and text and structs are as the header says.
        unsafe {
            assert_eq!(CStr::from_ptr(provider_key(*handle)), key.as_c_str());
            let mut room = [0xa5u8; 4200];
            let offset = room.as_ptr().align_offset(8);
            let own = size_of::<tc_image_info>() as u32;
            let size = input.pick(&[own, 8, 4, 60, 200, 4096, own - 8, own + 4, 4097, u32::MAX]);
            let info = room.as_mut_ptr().add(offset);
            info.cast::<u32>().write(size);
            let status = call(|err| provider_info(*handle, info.cast(), err));
            let is_taken = (own..=4096).contains(&size) && size.is_multiple_of(8);
            assert_eq!(status, if is_taken { OK } else { ARGUMENT });
            let written = if status == OK { size as usize } else { 4 };
            assert!(room[offset + written..].iter().all(|byte| *byte == 0xa5));
            if status == OK {
                let known = slice::from_raw_parts((&raw const picture.info).cast::<u8>(), 104);
                let both = written.min(known.len());
                assert_eq!(room[offset + 4..][..both - 4], known[4..both]);
            }
            let band = input.pick(&[0, picture.info.bands - 1, picture.info.bands, -1, i32::MIN]);
            let mut info: tc_band_info = sized();
            let status = call(|err| provider_band_info(*handle, band, &mut info, err));
            let exists = (0..picture.info.bands).contains(&band);
            assert_eq!(status, if exists { OK } else { RANGE });
            assert_eq!(provider_metadata_count(*handle, band), 0);
            assert!(provider_metadata_name(*handle, band, 0).is_null());
            assert!(provider_metadata(*handle, band, key.as_ptr()).is_null());
            let mut stats: tc_cache_stats = sized();
            let mut amplification = -1.0;
            let status =
                call(|err| provider_counters(*handle, &mut stats, &mut amplification, err));
            assert_eq!(status, OK);
            // What was read in windows counts as a part of its block.
            assert!(amplification.is_finite() && amplification >= 0.0);
            assert_eq!(stats.resident, stats.idle + stats.held);
            assert!(stats.orphaned <= stats.over_budget && stats.in_flight == 0);
            let (row, col) = (
                Self::place(input, picture.info.grid_rows),
                Self::place(input, picture.info.grid_cols),
            );
            let mut has = 7;
            let status = call(|err| provider_has_block(*handle, row, col, 0, &mut has, err));
            if row < 0 || col < 0 {
                assert_eq!((status, has), (RANGE, 0));
            } else {
                let exists = picture.block(row, col, 0).is_some();
                assert_eq!(status, OK);
                assert!(has == 0 || has == 1 && exists);
                assert!(has == 1 || !exists || picture.content().holes);
            }
            Self::pixel_stats(*handle, picture);
        }
    }

    /// Statistics of a level are those of its pixels. Which, and how, follows from the image, so that inputs keep their
    /// meaning.
    ///
    /// # Safety
    /// The handle must be alive.
    unsafe fn pixel_stats(handle: *mut tc_provider, picture: &Picture) {
        let info = &picture.info;
        let level = ((info.width + info.grid_rows) % i64::from(info.levels)) as i32;
        let (width, height) = picture.size(level);
        let mut options: tc_sample_options = sized();
        (options.level, options.threads) = (level, (info.height % 3) as u32);
        let flags = [0, tc_sample_flags::TC_SAMPLE_WINDOWS as u32];
        options.flags = flags[(info.width % 2) as usize];
        let mut stats = null_mut();
        // SAFETY: the handle is alive, and the options are as the header says.
        let status = call(|err| unsafe { provider_pixel_stats(handle, &options, &mut stats, err) });
        if status == SOURCE {
            assert!(picture.content().fails && stats.is_null());
            return;
        }
        assert_eq!(status, OK);
        for band in 0..info.bands {
            // SAFETY: plain numbers.
            let mut found: tc_band_stats = unsafe { std::mem::zeroed() };
            // SAFETY: the statistics are ours.
            let status = call(|err| unsafe { tc_pixel_stats_band(stats, band, &mut found, err) });
            assert_eq!(status, OK);
            // Windows have all pixels of an image that is no larger than they are together.
            let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let values = pixels.filter_map(|(x, y)| picture.value(level, x, y, band as usize));
            let values: Vec<u16> = values.collect();
            let sum: u64 = values.iter().map(|value| u64::from(*value)).sum();
            assert_eq!([found.count, found.valid], [values.len() as i64; 2]);
            assert_eq!(
                found.minimum,
                values.iter().min().map_or(f64::NAN, |of| f64::from(*of))
            );
            assert_eq!(
                found.maximum,
                values.iter().max().map_or(f64::NAN, |of| f64::from(*of))
            );
            assert_eq!(found.mean, sum as f64 / values.len() as f64);
        }
        // SAFETY: the statistics are ours, and not used any more.
        unsafe { tc_pixel_stats_release(stats) };
    }

    /// Every pointer that must not be NULL is refused where it is, and outputs are emptied.
    fn missing_arguments(&mut self, input: &mut Input<'_>) {
        let (cache, provider, tile) = (
            self.caches.first().map_or(null_mut(), |cache| cache.handle),
            self.providers
                .first()
                .map_or(null_mut(), |provider| provider.handle),
            self.tiles.first().map_or(null_mut(), |tile| tile.handle),
        );
        let key = own_key(0);
        let mut made = null_mut::<tc_provider>().wrapping_byte_add(8);
        let mut found = null_mut::<tc_tile>().wrapping_byte_add(8);
        let (number, mut has) = (-1i32, 9);
        // SAFETY: NULL is refused, and all else is ours.
        let (status, emptied) = call_with(|err| unsafe {
            match input.below(20) {
                0 => (tc_create(0, null(), null_mut(), err), true),
                1 => (tc_set_budget(null_mut(), 0, err), true),
                2 => (tc_clear(null_mut(), err), true),
                3 => (tc_statistics(cache, null_mut(), err), true),
                4 => (
                    tc_get(
                        null_mut(),
                        key.as_ptr(),
                        0,
                        0,
                        0,
                        null(),
                        0,
                        &mut found,
                        err,
                    ),
                    found.is_null(),
                ),
                5 => (
                    tc_get(cache, null(), 0, 0, 0, null(), 0, &mut found, err),
                    found.is_null(),
                ),
                6 => (
                    tc_peek(cache, key.as_ptr(), 0, 0, 0, null(), 0, null_mut(), err),
                    true,
                ),
                7 => (
                    tc_put(
                        cache,
                        key.as_ptr(),
                        0,
                        0,
                        0,
                        null(),
                        0,
                        null(),
                        None,
                        null_mut(),
                        err,
                    ),
                    true,
                ),
                8 => (
                    tc_remove(cache, key.as_ptr(), 0, 0, 0, null(), 3, err),
                    true,
                ),
                9 => (
                    provider_open(null(), null(), &mut made, err),
                    made.is_null(),
                ),
                10 => (
                    provider_open_io(null(), null(), &mut made, err),
                    made.is_null(),
                ),
                11 => (provider_from_source(null(), &mut made, err), made.is_null()),
                12 => (
                    provider_retile(null_mut(), null(), cache, &mut made, err),
                    made.is_null(),
                ),
                13 => (
                    provider_map(provider, null(), cache, &mut made, err),
                    made.is_null(),
                ),
                14 => (provider_mask(provider, null_mut(), err), true),
                15 => (
                    provider_get_block(null_mut(), 0, 0, 0, null(), 0, &mut found, err),
                    found.is_null(),
                ),
                16 => (
                    provider_get_block(provider, 0, 0, 0, &number, 0, &mut found, err),
                    found.is_null(),
                ),
                17 => (
                    provider_read_window(provider, 0, 0, 0, null(), 0, null(), err),
                    true,
                ),
                18 => (tc_tile_copy(tile, 0, 0, null(), 0, null(), err), true),
                _ => (
                    provider_has_block(null_mut(), 0, 0, 0, &mut has, err),
                    has == 0,
                ),
            }
        });
        assert_eq!(status, ARGUMENT);
        assert!(emptied, "an output of a failed call");
    }

    /// The rest of the input as a file.
    fn open_bytes(&mut self, input: &mut Input<'_>) {
        let mut file: Vec<u8> = (0..input.below(64)).map(|_| input.byte()).collect();
        if let (true, Some(first)) = (input.one_in(2), file.get_mut(..4)) {
            first.copy_from_slice(b"II\x2a\0");
        }
        unsafe extern "C" fn read_at(
            user: *mut c_void,
            offset: i64,
            into: *mut c_void,
            bytes: usize,
            _err: *mut tc_error,
        ) -> i32 {
            // SAFETY: the library passes what the header says.
            unsafe {
                let file = &*user.cast::<Vec<u8>>();
                let wanted = &file[offset as usize..offset as usize + bytes];
                into.cast::<u8>()
                    .copy_from_nonoverlapping(wanted.as_ptr(), bytes);
            }
            OK
        }
        let mut io: tc_io = sized();
        io.user = (&raw mut file).cast();
        io.size = file.len() as i64;
        io.read_at = Some(read_at);
        if input.one_in(8) {
            io.size = -1;
        }
        let mut count = -1;
        // SAFETY: the file outlives the calls, and no provider is kept.
        unsafe {
            let status = call(|err| provider_image_count_io(&io, &mut count, err));
            assert_eq!(count > 0, status == OK);
            let mut handle = null_mut();
            let status = call(|err| provider_open_io(&io, null(), &mut handle, err));
            assert_eq!(handle.is_null(), status != OK);
            provider_release(handle);
        }
    }

    /// What holds between any two calls.
    fn check(&mut self) {
        for cache in &mut self.caches {
            let now = statistics(cache.handle);
            assert_eq!(now.budget, cache.budget);
            assert_eq!(now.resident, now.idle + now.held + now.reusable);
            assert!(
                now.resident <= now.budget,
                "{} of {}",
                now.resident,
                now.budget
            );
            assert_eq!(now.in_flight, 0, "no call is running");
            assert!(now.orphaned <= now.over_budget);
            assert!(now.peak >= now.resident + now.over_budget);
            if self.tiles.is_empty() {
                assert_eq!((now.held, now.over_budget), (0, 0), "nobody holds a tile");
            }
            let counters = |of: &tc_cache_stats| {
                [of.hits, of.misses, of.waits, of.loads, of.load_errors]
                    .into_iter()
                    .chain([of.evictions, of.rejected, of.siblings, of.peak])
                    .collect::<Vec<_>>()
            };
            if let Some(before) = &cache.last {
                let (before, now) = (counters(before), counters(&now));
                assert!(before.iter().zip(&now).all(|(before, now)| before <= now));
            }
            cache.last = Some(now);
        }
    }

    /// Gives everything back, in any order, and sees that all that was lent has come back, once.
    fn end(mut self, input: &mut Input<'_>) {
        while !(self.caches.is_empty() && self.providers.is_empty() && self.tiles.is_empty()) {
            self.check();
            let kinds = [self.caches.len(), self.providers.len(), self.tiles.len()];
            let first = input.below(3);
            let kind = (first..first + 3).find(|kind| kinds[kind % 3] > 0);
            match kind.map(|kind| kind % 3) {
                Some(0) => {
                    let cache = self.caches.pop().expect("a cache");
                    for _ in 0..cache.references {
                        // SAFETY: references of ours.
                        unsafe { tc_release(cache.handle) };
                    }
                }
                Some(1) => {
                    let provider = self.providers.pop().expect("a provider");
                    for _ in 0..provider.references {
                        // SAFETY: references of ours.
                        unsafe { provider_release(provider.handle) };
                    }
                }
                _ => {
                    let tile = self.tiles.pop().expect("a tile");
                    Self::check_tile(&tile);
                    for _ in 0..tile.references {
                        // SAFETY: references of ours.
                        unsafe { tc_tile_release(tile.handle) };
                    }
                }
            }
        }
        for content in self.contents {
            // SAFETY: the library has given it back, which is seen here.
            let content = unsafe { Box::from_raw(content) };
            assert_eq!(content.released, 1, "releases of a source");
        }
        for (lent, taken) in self.lent {
            // SAFETY: as above.
            let lent = unsafe { Box::from_raw(lent) };
            assert_eq!(lent.released, u32::from(taken), "releases of pixels");
        }
        for (map, taken) in self.maps {
            // SAFETY: as above.
            let map = unsafe { Box::from_raw(map) };
            assert_eq!(map.released, u32::from(taken), "releases of a map");
        }
    }
}

/// [`call`] for a call that gives something beside its status.
fn call_with<R>(work: impl FnOnce(*mut tc_error) -> (i32, R)) -> (i32, R) {
    let mut beside = None;
    let status = call(|err| {
        let (status, result) = work(err);
        beside = Some(result);
        status
    });
    (status, beside.expect("the call has run"))
}

fn statistics(cache: *mut tc_cache) -> tc_cache_stats {
    let mut stats: tc_cache_stats = sized();
    // SAFETY: the handle is the harness's.
    let status = call(|err| unsafe { tc_statistics(cache, &mut stats, err) });
    assert_eq!(status, OK);
    stats
}

fn own_key(number: usize) -> CString {
    CString::new(format!("own%{number}")).expect("a key without NUL")
}

/// A list as C takes it.
fn parts(bands: &Option<Vec<i32>>) -> (*const i32, usize) {
    bands
        .as_ref()
        .map_or((null(), 0), |list| (list.as_ptr(), list.len()))
}

/// Memory to be written to by strides of any kind, with bytes around it that nobody may touch.
struct Into {
    memory: Vec<u8>,
    start: i64,
    strides: [i64; 3],
    size: (i64, i64, i32),
    bytes: usize,
    /// The type of the samples written: that of the image, or double.
    double: bool,
}

const GUARD: i64 = 64;
const UNTOUCHED: u8 = 0xa5;

impl Into {
    fn new(input: &mut Input<'_>, (width, height): (i64, i64), bands: i32, bytes: usize) -> Self {
        let double = input.one_in(4);
        let sample = if double { 8 } else { bytes as i64 };
        let gap = input.below(3) as i64 * sample;
        let (wide, planes) = (width * sample + gap, i64::from(bands));
        let mut strides = match input.below(4) {
            0 => [sample, wide, wide * height],
            1 => [sample * planes, wide * planes, sample],
            2 => [sample, wide * planes, wide],
            // Transposed.
            _ => [sample * height, sample, sample * height * (width + 1)],
        };
        let mut start = GUARD;
        let last = [width - 1, height - 1, planes - 1];
        let extent: i64 = strides
            .iter()
            .zip(last)
            .map(|(stride, last)| stride * last)
            .sum();
        if input.one_in(3) {
            // Bottom-up.
            start += strides[1] * last[1];
            strides[1] = -strides[1];
        }
        Self {
            memory: vec![UNTOUCHED; (extent + sample + 2 * GUARD) as usize],
            start,
            strides,
            size: (width, height, bands),
            bytes,
            double,
        }
    }

    fn target(&mut self) -> tc_target {
        // SAFETY: plain numbers.
        let mut target: tc_target = unsafe { std::mem::zeroed() };
        // Not of a part: rows may lie before the first.
        let memory = self.memory.as_mut_ptr();
        target.data = memory.wrapping_add(self.start as usize).cast();
        [target.pixel_stride, target.row_stride, target.band_stride] = self.strides;
        (target.width, target.height, target.bands) = self.size;
        target.dtype = if self.double { F64 } else { 0 };
        target
    }

    fn check_untouched(&self) {
        assert!(self.memory.iter().all(|byte| *byte == UNTOUCHED));
    }

    /// Every sample has its value, and no other byte was touched.
    fn check(&mut self, value: impl Fn(usize, i64, i64) -> Option<u16>) {
        let sample = if self.double { 8 } else { self.bytes };
        for band in 0..self.size.2 as usize {
            for (y, x) in points(self.size.0, self.size.1) {
                let [pixel, row, plane] = self.strides;
                let at = self.start + x * pixel + y * row + band as i64 * plane;
                let bytes = &mut self.memory[at as usize..][..sample];
                let expected = value(band, y, x);
                let found = match self.double {
                    true => f64::from_ne_bytes(bytes.try_into().expect("eight bytes")),
                    // SAFETY: the bytes are there.
                    false => f64::from(unsafe { read(bytes.as_ptr(), sample) }),
                };
                // Opaque alpha in a floating type is 1.
                let right = expected.is_none_or(|expected| {
                    f64::from(expected) == found || self.double && expected >= 255 && found == 1.0
                });
                assert!(
                    right,
                    "({x}, {y}) of band {band} is {found} and not {expected:?}"
                );
                bytes.fill(UNTOUCHED);
            }
        }
        self.check_untouched();
    }
}
