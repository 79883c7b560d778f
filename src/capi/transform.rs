//! Transformations in the hands of callers, and those that callers make.

use super::args::{self, natural};
use super::array::Owner;
use super::georef::tc_rpc;
use super::georef_given;
use super::guard::guard;
use super::handle::{self, Object};
use super::status::{tc_error, tc_status};
use super::types::tc_release_fn;
use crate::cache::name_or_number;
use crate::error::{Error, Result};
use crate::georef::Affine;
use crate::load::{Sessions, nesting};
use crate::provider::Request;
use crate::transform::{self, Pair, Point, Transform};
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Arc;

/// From the pixels of an output to those of a source: see provider_warp. A transformation never changes.
///
/// Reference-counted: tc_transform_retain, tc_transform_release. All functions may be called from any number of threads
/// at once.
pub struct tc_transform {
    transform: Arc<dyn Transform>,
}

impl Object for tc_transform {}

impl tc_transform {
    /// The transformation.
    pub fn transform(&self) -> &Arc<dyn Transform> {
        &self.transform
    }
}

/// A point of an output and the one of a source that it comes from, in pixels with edges at whole numbers: the centre
/// of the first pixel is (0.5, 0.5). Frozen.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct tc_tie_point {
    /// Column of the output.
    pub x: f64,
    /// Row of the output.
    pub y: f64,
    /// Column of the source.
    pub source_x: f64,
    /// Row of the source.
    pub source_y: f64,
}

const _: () = assert!(size_of::<tc_tie_point>() == 32);

/// Tells where points of an output come from; GDAL's GDALTransformerFunc, so that transformers of GDAL can be given as
/// they are (tilecache_gdal.h has tc_gdal_transform for that).
///
/// - user: as given with the function, or a clone of it.
/// - to_source: always 1.
/// - n: how many points, at least 1.
/// - x, y: in: columns and rows of the output, in pixels of its level 0; out: those of level 0 of the source.
/// - z: zeros, and what becomes of them counts for nothing.
/// - ok: out, 0 for each point that comes from nowhere, which is then no data; so are points that are not finite. Zeros on
///   entry.
///
/// Returns a negative number of its own if it failed, which is source_code of the error of the tile that needed it;
/// anything else is no failure, for GDAL's functions return 0 where one of the points comes from nowhere.
///
/// It must be a pure function of each point: the same point gives the same bits whatever points come with it, else
/// tiles have seams. GDAL's approximating transformer is none, for it interpolates between those of a call; warps
/// interpolate themselves. Called on threads inside of a library call, with no lock held; it may read other providers,
/// but none that is made by it. It must not throw, unwind or longjmp.
pub type tc_transform_fn = Option<
    unsafe extern "C" fn(
        user: *mut c_void,
        to_source: c_int,
        n: c_int,
        x: *mut f64,
        y: *mut f64,
        z: *mut f64,
        ok: *mut c_int,
    ) -> c_int,
>;

/// Makes another one of what a tc_transform_fn is called with, so that several threads may transform at once.
///
/// - user: as given to tc_transform_callback, which is never transformed with then.
///
/// Returns the clone, which goes to the release function when it is not needed any more; NULL if there is none, which
/// fails the tile. Called by one thread at a time.
pub type tc_clone_fn = Option<unsafe extern "C" fn(user: *mut c_void) -> *mut c_void>;

/// Takes what a constructor made to the place where the caller wants it.
///
/// # Safety
/// `to` must be NULL or writable.
pub unsafe fn deliver(
    to: *mut *mut tc_transform,
    make: impl FnOnce() -> Result<Arc<dyn Transform>>,
) -> Result<()> {
    // SAFETY: promised by the caller.
    let to = unsafe { args::output(to, null_mut(), "transform")? };
    let transform = make()?;
    to.set(handle::new(tc_transform { transform }));
    Ok(())
}

/// Numbers of a caller.
///
/// # Safety
/// `from` must be NULL or point to six numbers.
pub unsafe fn affine_of(from: *const f64, name: &str) -> Result<Affine> {
    // SAFETY: promised by the caller.
    Ok(Affine(*unsafe {
        handle::given(from.cast::<[f64; 6]>(), name)?
    }))
}

/// The pairs of a caller.
///
/// # Safety
/// `points` must be NULL or point to `n` structs.
unsafe fn pairs(points: *const tc_tie_point, n: usize) -> Result<Vec<Pair>> {
    if points.is_null() {
        return Err(Error::argument(format!("points is NULL, and n_points {n}")));
    }
    if n > isize::MAX as usize / size_of::<tc_tie_point>() {
        return Err(Error::range(format!("n_points is {n}")));
    }
    // SAFETY: promised by the caller; the size fits.
    let points = unsafe { std::slice::from_raw_parts(points, n) };
    let pair = |point: &tc_tie_point| Pair {
        output: Point::new(point.x, point.y),
        source: Point::new(point.source_x, point.source_y),
    };
    Ok(points.iter().map(pair).collect())
}

/// ======== TRANSFORMATIONS ========
///
/// An affine transformation, in GDAL's order: a pixel of the output at (x, y) comes from column m[0] + m[1] x + m[2] y and
/// row m[3] + m[4] x + m[5] y of the source.
///
/// Positions are in pixels with edges at whole numbers, here as in all transformations.
///
/// - m: required, six finite numbers.
/// - transform: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE, TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_affine(
    m: *const f64,
    transform: *mut *mut tc_transform,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(transform, || transform::affine(affine_of(m, "m")?))
        })
    }
}

/// The polynomial for which the sum of squared distances from given points is least.
///
/// Of order 1 it has 3 terms for columns and for rows, of order 2 it has 6, of order 3 it has 10. It is found about the
/// middle of the points, by orthogonal columns, so that coordinates of maps are no harm.
///
/// - points, n_points: required, at least as many as there are terms, finite. They are copied.
/// - order: 1 to 3.
/// - transform: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for numbers and for too few points, TC_E_ARGUMENT where points lie so that no polynomial of the
/// order follows, such as on a line. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_polynomial(
    points: *const tc_tie_point,
    n_points: usize,
    order: i32,
    transform: *mut *mut tc_transform,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(transform, || {
                let order = natural(order, "order")? as u32;
                transform::polynomial(&pairs(points, n_points)?, order)
            })
        })
    }
}

/// The thin plate spline through given points: r^2 log r (Duchon, 1977; Bookstein, 1989), what GDAL calls GCP_TPS.
///
/// The time to make it grows with the cube of the number of points, that to transform a point with the number itself.
///
/// - points, n_points: required, 3 to 4,096, finite, no two the same in the output. They are copied.
/// - transform: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for numbers, TC_E_ARGUMENT for points that are one, naming both, or that all lie on a line.
/// Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_spline(
    points: *const tc_tie_point,
    n_points: usize,
    transform: *mut *mut tc_transform,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(transform, || transform::spline(&pairs(points, n_points)?))
        })
    }
}

/// From a map in degrees to an image that rational polynomials describe (RPC00B: STDI-0002, appendix E), all of it at one
/// height.
///
/// - rpc: required; those of level 0 of the source, as provider_georef tells them.
/// - ground: required, six finite numbers; from pixels of the output to longitude and latitude, in degrees, in GDAL's order: longitude is
///   ground[0] + ground[1] x + ground[2] y. Longitudes may be told once more around the world.
/// - height: metres above the ellipsoid; for ground that is not level see tc_transform_rpc_heights.
/// - transform: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_RANGE for numbers, TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_rpc(
    rpc: *const tc_rpc,
    ground: *const f64,
    height: f64,
    transform: *mut *mut tc_transform,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            deliver(transform, || {
                let rpc = georef_given::rpc(handle::given(rpc, "rpc")?)?;
                transform::rpc(rpc, affine_of(ground, "ground")?, height)
            })
        })
    }
}

/// A transformation of your own.
///
/// - function: required; see tc_transform_fn.
/// - user: passed to it; one call at a time, if there is no `clone`.
/// - clone: NULL, or makes a `user` for each thread; then the function is called with clones only, by as many threads at
///   once as there are processors, each with another one.
/// - release: called once with each clone, and at last once with `user`, when the transformation and all that is warped by
///   it are released. On failure it is not called. NULL: nothing to release.
/// - name: what it is called in keys, UTF-8: two of the same name are the same function with the same parameters. NULL:
///   a number that is never used again.
/// - transform: receives a reference that you own; NULL on failure.
/// - err: may be NULL.
///
/// Errors: TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_callback(
    function: tc_transform_fn,
    user: *mut c_void,
    clone: tc_clone_fn,
    release: tc_release_fn,
    name: *const c_char,
    transform: *mut *mut tc_transform,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let owner = Owner::new(release, user);
            deliver(transform, || {
                let given = args::optional_text(name, "name")?;
                let function = function.ok_or_else(|| Error::argument("function is NULL"))?;
                owner.take();
                Ok(Arc::new(Callback {
                    turns: match clone {
                        None => Turns::One(Sessions::new(1)),
                        Some(clone) => Turns::Clones {
                            clones: Sessions::new(processors()),
                            cloning: Sessions::new(1),
                            clone,
                        },
                    },
                    function,
                    user,
                    release,
                    key: format!("callback:{}", name_or_number(given)),
                    _owner: owner.clone(),
                }))
            })
        })
    }
}

/// Where points of an output come from.
///
/// - transform: required.
/// - x, y: required, `n` numbers each. In: columns and rows of the output; out: those of the source, NaN both for a point
///   that comes from nowhere. Undefined after a failure.
/// - n: how many points; 0 does nothing.
/// - err: may be NULL.
///
/// Errors: what a callback returned, as TC_E_SOURCE, or what a raster of heights failed with; TC_E_ARGUMENT. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_points(
    transform: *const tc_transform,
    x: *mut f64,
    y: *mut f64,
    n: usize,
    err: *mut tc_error,
) -> tc_status {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe {
        guard(err, || {
            let transform = handle::borrow(transform, "transform")?;
            handle::given(x, "x")?;
            handle::given(y, "y")?;
            if n > isize::MAX as usize / size_of::<Point>() {
                return Err(Error::range(format!("n is {n}")));
            }
            let from = (0..n).map(|at| Point::new(*x.add(at), *y.add(at)));
            let mut points: Vec<Point> = from.collect();
            if n > 0 {
                let transform = &transform.transform;
                let heights = transform.sources().iter().map(|source| source.height());
                nesting::enter(heights.max().unwrap_or(0), || {
                    transform.to_source(&mut points, &Request::new())
                })?;
            }
            for (at, point) in points.into_iter().enumerate() {
                let point = if point.is_some() { point } else { Point::NONE };
                *x.add(at) = point.x;
                *y.add(at) = point.y;
            }
            Ok(())
        })
    }
}

/// One more reference to a transformation. Returns `transform`; NULL gives NULL.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_retain(transform: *mut tc_transform) -> *mut tc_transform {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::retain(transform) }
}

/// Gives up a reference to a transformation. What is warped by it stays. NULL does nothing.
///
/// Cannot fail. Thread-safe.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tc_transform_release(transform: *mut tc_transform) {
    // SAFETY: the caller keeps what the header says of every pointer.
    unsafe { handle::release(transform) }
}

type Function = unsafe extern "C" fn(
    *mut c_void,
    c_int,
    c_int,
    *mut f64,
    *mut f64,
    *mut f64,
    *mut c_int,
) -> c_int;

/// The most points of one call.
const MOST_POINTS: usize = 1 << 16;

/// A caller's function.
struct Callback {
    /// Clones are released before what they are clones of.
    turns: Turns,
    function: Function,
    user: *mut c_void,
    release: tc_release_fn,
    key: String,
    /// Releases `user`; goes last.
    _owner: Arc<Owner>,
}

// SAFETY: the header demands that the function may be called as `turns` says, on any thread.
unsafe impl Send for Callback {}
// SAFETY: as above.
unsafe impl Sync for Callback {}

/// With what the function is called, and by whom.
enum Turns {
    /// One thread at a time, whose turn is a session without content.
    One(Sessions<()>),
    Clones {
        clones: Sessions<Clone>,
        cloning: Sessions<()>,
        clone: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    },
}

/// A clone of what a caller's function is called with, released when dropped.
struct Clone {
    user: *mut c_void,
    release: tc_release_fn,
}

// SAFETY: the header says that a clone is used on any thread, by one call at a time.
unsafe impl Send for Clone {}

impl Drop for Clone {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            // SAFETY: this is the one call for this clone that the header promises.
            unsafe { release(self.user) };
        }
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, |count| count.get())
}

impl Callback {
    fn new_clone(
        &self,
        cloning: &Sessions<()>,
        clone: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    ) -> Result<Clone> {
        cloning.with(
            || Ok(()),
            |()| {
                // SAFETY: the header says what the callback does with this argument.
                let user = unsafe { clone(self.user) };
                match user.is_null() {
                    true => Err(Error::from_source(0, "clone of a transformation gave NULL")),
                    false => Ok(Clone {
                        user,
                        release: self.release,
                    }),
                }
            },
        )
    }

    fn call(&self, user: *mut c_void, points: &mut [Point]) -> Result<()> {
        let side = |of: fn(&Point) -> f64| points.iter().map(of).collect::<Vec<f64>>();
        let (mut x, mut y) = (side(|point| point.x), side(|point| point.y));
        let (mut z, mut ok) = (vec![0.0; points.len()], vec![0; points.len()]);
        // At most MOST_POINTS.
        let n = points.len() as c_int;
        // SAFETY: the header says what the callback does with these arguments, all of which have `n` numbers.
        let code = unsafe {
            (self.function)(
                user,
                1,
                n,
                x.as_mut_ptr(),
                y.as_mut_ptr(),
                z.as_mut_ptr(),
                ok.as_mut_ptr(),
            )
        };
        if code < 0 {
            return Err(Error::from_source(
                code,
                format!("the transformation returned {code}"),
            ));
        }
        for (at, point) in points.iter_mut().enumerate() {
            *point = match ok[at] {
                0 => Point::NONE,
                _ => Point::new(x[at], y[at]),
            };
        }
        Ok(())
    }

    fn in_turn(&self, points: &mut [Point]) -> Result<()> {
        match &self.turns {
            Turns::One(turn) => turn.with(|| Ok(()), |()| self.call(self.user, points)),
            Turns::Clones {
                clones,
                cloning,
                clone,
            } => clones.with(
                || self.new_clone(cloning, *clone),
                |clone| self.call(clone.user, points),
            ),
        }
    }
}

impl Transform for Callback {
    fn key(&self) -> &str {
        &self.key
    }

    fn to_source(&self, points: &mut [Point], _: &Request<'_>) -> Result<()> {
        points
            .chunks_mut(MOST_POINTS)
            .try_for_each(|points| self.in_turn(points))
    }
}
