package tilecache

// #include "bridge.h"
import "C"

import "unsafe"

// Transform says where pixels of an output come from. It never changes. Positions are in pixels with edges at whole
// numbers: the centre of the first pixel is (0.5, 0.5).
type Transform struct{ reference }

func (t *Transform) ref() *reference {
	if t == nil {
		return nil
	}
	return &t.reference
}

// Close gives the transformation up; what is warped by it stays. Closing twice is closing once; it never fails.
func (t *Transform) Close() error { return t.ref().close() }

func (t *Transform) c() *C.tc_transform {
	if t == nil {
		return nil
	}
	return (*C.tc_transform)(t.object)
}

func releaseTransform(object unsafe.Pointer) { C.tc_transform_release((*C.tc_transform)(object)) }

func newTransform(call func(made **C.tc_transform, err *C.tc_error) C.tc_status) (*Transform, error) {
	if err := fits(); err != nil {
		return nil, err
	}
	var object *C.tc_transform
	var cErr C.tc_error
	if err := failure(call(&object, &cErr), &cErr); err != nil {
		return nil, err
	}
	t := new(Transform)
	hold(t, &t.reference, unsafe.Pointer(object), releaseTransform)
	return t, nil
}

// AffineTransform maps a pixel (x, y) of the output to column m[0] + m[1] x + m[2] y and row m[3] + m[4] x + m[5] y.
func AffineTransform(m [6]float64) (*Transform, error) {
	return newTransform(func(t **C.tc_transform, e *C.tc_error) C.tc_status {
		return C.tc_transform_affine((*C.double)(&m[0]), t, e)
	})
}

// TiePoint is a point of an output and the one of a source that it comes from.
type TiePoint struct{ X, Y, SourceX, SourceY float64 }

var _ [C.sizeof_tc_tie_point]byte = [unsafe.Sizeof(TiePoint{})]byte{}

func tiePoints(points []TiePoint) (*C.tc_tie_point, C.size_t) {
	return (*C.tc_tie_point)(unsafe.Pointer(unsafe.SliceData(points))), C.size_t(len(points))
}

// PolynomialTransform is the polynomial of order 1 to 3 that fits points best.
func PolynomialTransform(points []TiePoint, order int) (*Transform, error) {
	o, err := narrow("order", order)
	if err != nil {
		return nil, err
	}
	return newTransform(func(t **C.tc_transform, e *C.tc_error) C.tc_status {
		first, n := tiePoints(points)
		return C.tc_transform_polynomial(first, n, o, t, e)
	})
}

// SplineTransform is the thin plate spline through points.
func SplineTransform(points []TiePoint) (*Transform, error) {
	return newTransform(func(t **C.tc_transform, e *C.tc_error) C.tc_status {
		first, n := tiePoints(points)
		return C.tc_transform_spline(first, n, t, e)
	})
}

// RPCTransform leads from a map in degrees, whose pixels `ground` places, to an image that rational polynomials describe,
// all of it at one height.
func RPCTransform(rpc *RPC, ground [6]float64, height float64) (*Transform, error) {
	return newTransform(func(t **C.tc_transform, e *C.tc_error) C.tc_status {
		return C.tc_transform_rpc((*C.tc_rpc)(unsafe.Pointer(rpc)), (*C.double)(&ground[0]), C.double(height), t, e)
	})
}

// RPCHeightsTransform is RPCTransform over ground that is as high as a raster says, whose blocks are kept in `cache` unless
// that is nil. `place` leads from pixels of the raster to longitude and latitude; nil is what the raster says itself.
// Where it has no height, `missing` is taken for it; nil is none, and the place comes from nowhere then.
func RPCHeightsTransform(rpc *RPC, ground [6]float64, heights *Provider, place *[6]float64, missing *float64, band int, scale, offset float64, cache *Cache) (*Transform, error) {
	b, err := narrow("band", band)
	if err != nil {
		return nil, err
	}
	set := C.tc_heights_options{struct_size: C.sizeof_tc_heights_options, band: b, scale: C.double(scale), offset: C.double(offset)}
	if place != nil {
		set.flags |= C.TC_HEIGHTS_HAS_TRANSFORM
		for i, number := range place {
			set.transform[i] = C.double(number)
		}
	}
	if missing != nil {
		set.flags |= C.TC_HEIGHTS_HAS_MISSING
		set.missing = C.double(*missing)
	}
	done, err := acquireAll(heights.ref(), cache.ref())
	if err != nil {
		return nil, err
	}
	defer done()
	return newTransform(func(t **C.tc_transform, e *C.tc_error) C.tc_status {
		return C.tc_transform_rpc_heights((*C.tc_rpc)(unsafe.Pointer(rpc)), (*C.double)(&ground[0]), heights.c(), &set, cache.c(), t, e)
	})
}

// FuncTransform is a function of yours, which replaces points of the output by those of the source, in place, and by NaN
// what comes from nowhere. It must be a pure function of each point. `name` is what it is called in keys: the same name,
// the same function; empty is one that is never used again. One call runs at a time.
//
// Options: WithRelease.
func FuncTransform(name string, f func(x, y []float64) error, options ...Option) (*Transform, error) {
	s, err := gather("FuncTransform", options, nil, "Release")
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, invalid("the function is nil")
	}
	var m scratch
	defer m.done()
	text, err := m.text("name", name)
	if err != nil {
		return nil, err
	}
	user := newUser(&userTransform{f, s.release})
	t, err := newTransform(func(t **C.tc_transform, e *C.tc_error) C.tc_status {
		return C.tc_transform_callback((*[0]byte)(C.tcgo_transform), user, nil, (*[0]byte)(C.tcgo_release), text, t, e)
	})
	if err != nil {
		m.forgotten = append(m.forgotten, user)
	}
	return t, err
}

// Points replaces points of the output by those of the source, NaN where they come from nowhere.
func (t *Transform) Points(x, y []float64) error {
	if t == nil || len(x) != len(y) {
		return invalid("a transformation of %d columns and %d rows", len(x), len(y))
	}
	if len(x) == 0 {
		return nil
	}
	if err := t.acquire(); err != nil {
		return err
	}
	defer t.done()
	var cErr C.tc_error
	return failure(C.tc_transform_points(t.c(), (*C.double)(&x[0]), (*C.double)(&y[0]), C.size_t(len(x)), &cErr), &cErr)
}
