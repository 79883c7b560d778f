package tilecache

// #include "bridge.h"
import "C"

import "unsafe"

// GCP is a ground control point. See tc_gcp.
type GCP struct {
	Pixel, Line, X, Y, Z float64
	ID, Info             string
}

// RPC are rational polynomials that tell where a point of the ground appears in the image. See tc_rpc.
type RPC struct {
	ErrBias, ErrRand                                       float64
	LineOff, SampOff, LatOff, LongOff, HeightOff           float64
	LineScale, SampScale, LatScale, LongScale, HeightScale float64
	LineNum, LineDen, SampNum, SampDen                     [20]float64
}

// Georef tells where an image lies on the ground, as far as that is known.
type Georef struct {
	Flags GeorefFlags
	// Transform is, with GeorefHasTransform, in GDAL's order: x = t[0] + t[1] column + t[2] row, y likewise from t[3] on.
	Transform [6]float64
	// WKT is the reference system, empty if it is not known.
	WKT                string
	EPSG, VerticalEPSG int
	VerticalUnit       string
	GCPs               []GCP
	RPC                *RPC
}

// Georef tells where a level lies.
func (p *Provider) Georef(level int) (Georef, error) {
	l, err := narrow("level", level)
	if err != nil {
		return Georef{}, err
	}
	if err := p.enter(); err != nil {
		return Georef{}, err
	}
	defer p.done()
	told := C.tc_georef{struct_size: C.sizeof_tc_georef}
	var cErr C.tc_error
	if err := failure(C.provider_georef(p.c(), l, &told, &cErr), &cErr); err != nil {
		return Georef{}, err
	}
	g := Georef{Flags: GeorefFlags(told.flags), WKT: C.GoString(told.wkt), EPSG: int(told.epsg),
		VerticalEPSG: int(told.vertical_epsg), VerticalUnit: C.GoString(told.vertical_unit),
		Transform: *(*[6]float64)(unsafe.Pointer(&told.transform))}
	for _, point := range unsafe.Slice(told.gcps, told.n_gcps) {
		g.GCPs = append(g.GCPs, GCP{float64(point.pixel), float64(point.line), float64(point.x), float64(point.y),
			float64(point.z), C.GoString(point.id), C.GoString(point.info)})
	}
	if told.rpc != nil {
		rpc := *(*RPC)(unsafe.Pointer(told.rpc))
		g.RPC = &rpc
	}
	return g, nil
}

// RPC has the members of tc_rpc, all of them doubles.
var _ [C.sizeof_tc_rpc]byte = [unsafe.Sizeof(RPC{})]byte{}

func (g *Georef) toC(m *scratch) (*C.tc_georef, error) {
	if g == nil {
		return nil, nil
	}
	given := &C.tc_georef{struct_size: C.sizeof_tc_georef, flags: C.uint32_t(g.Flags),
		transform: *(*[6]C.double)(unsafe.Pointer(&g.Transform))}
	var err error
	if given.wkt, err = m.text("WKT", g.WKT); err != nil {
		return nil, err
	}
	if given.vertical_unit, err = m.text("VerticalUnit", g.VerticalUnit); err != nil {
		return nil, err
	}
	if given.epsg, err = narrow("EPSG", g.EPSG); err != nil {
		return nil, err
	}
	if given.vertical_epsg, err = narrow("VerticalEPSG", g.VerticalEPSG); err != nil {
		return nil, err
	}
	points := make([]C.tc_gcp, len(g.GCPs))
	for i, point := range g.GCPs {
		points[i] = C.tc_gcp{pixel: C.double(point.Pixel), line: C.double(point.Line), x: C.double(point.X),
			y: C.double(point.Y), z: C.double(point.Z)}
		if points[i].id, err = m.text("ID", point.ID); err != nil {
			return nil, err
		}
		if points[i].info, err = m.text("Info", point.Info); err != nil {
			return nil, err
		}
	}
	given.gcps, given.n_gcps = pinned(m, points)
	if g.RPC != nil {
		rpc := *(*C.tc_rpc)(unsafe.Pointer(g.RPC))
		m.pins.Pin(&rpc)
		given.rpc = &rpc
	}
	m.pins.Pin(given)
	return given, nil
}

// WithGeoref is the same image, which lies where you say; nil: nothing is known of that.
func (p *Provider) WithGeoref(g *Georef) (*Provider, error) {
	var m scratch
	defer m.done()
	given, err := g.toC(&m)
	if err != nil {
		return nil, err
	}
	return made(func(made **C.tc_provider, e *C.tc_error) C.tc_status {
		return C.provider_with_georef(p.c(), given, made, e)
	}, p.ref())
}

// PlaceOf tells the coordinates of points of a level, each a column and a row, in place.
func (p *Provider) PlaceOf(level int, points [][2]float64) error {
	return p.convertPoints(level, points, true)
}

// PixelOf tells the columns and rows of a level at coordinates, in place.
func (p *Provider) PixelOf(level int, points [][2]float64) error {
	return p.convertPoints(level, points, false)
}

func (p *Provider) convertPoints(level int, points [][2]float64, toPlace bool) error {
	l, err := narrow("level", level)
	if err != nil || len(points) == 0 {
		return err
	}
	if err := p.enter(); err != nil {
		return err
	}
	defer p.done()
	at, n := (*C.double)(&points[0][0]), C.size_t(len(points))
	var cErr C.tc_error
	if toPlace {
		return failure(C.provider_place_of(p.c(), l, at, n, at, &cErr), &cErr)
	}
	return failure(C.provider_pixel_of(p.c(), l, at, n, at, &cErr), &cErr)
}
