//go:build gdal

package main

/*
#cgo pkg-config: gdal tilecache
#include <tilecache_gdal.h>

// A transformer from pixels of Web Mercator to those of an image; NULL, and `err` says why.
static void *between(const char *wkt, int32_t epsg, const double *from, const double *to, tc_error *err)
{
  tc_georef place = {.struct_size = sizeof place, .wkt = wkt, .epsg = epsg};
  OGRSpatialReferenceH source = NULL, map = OSRNewSpatialReference(NULL);
  void *made = NULL;
  if (OSRImportFromEPSG(map, 3857) != OGRERR_NONE) {
    tcgdal_fail(err, TC_E_SOURCE, 0, "GDAL does not know EPSG 3857");
  } else if (tc_gdal_srs(&place, &source, err) == TC_OK) {
    made = GDALCreateGenImgProjTransformer4(source, from, map, to, NULL);
    if (made == NULL)
      tcgdal_fail(err, TC_E_SOURCE, CPLGetLastErrorNo(), "%s", CPLGetLastErrorMsg());
  }
  OSRDestroySpatialReference(source);
  OSRDestroySpatialReference(map);
  return made;
}

// Leads points of a reference system to Web Mercator, in place.
static int to_map(const char *wkt, int32_t epsg, double *x, double *y, int n, tc_error *err)
{
  tc_georef place = {.struct_size = sizeof place, .wkt = wkt, .epsg = epsg};
  OGRSpatialReferenceH source = NULL, map = OSRNewSpatialReference(NULL);
  OGRCoordinateTransformationH between = NULL;
  int good = 0;
  if (OSRImportFromEPSG(map, 3857) != OGRERR_NONE) {
    tcgdal_fail(err, TC_E_SOURCE, 0, "GDAL does not know EPSG 3857");
  } else if (tc_gdal_srs(&place, &source, err) == TC_OK) {
    between = OCTNewCoordinateTransformation(source, map);
    good = between != NULL && OCTTransform(between, n, x, y, NULL);
    if (!good)
      tcgdal_fail(err, TC_E_SOURCE, CPLGetLastErrorNo(), "%s", CPLGetLastErrorMsg());
    OCTDestroyCoordinateTransformation(between);
  }
  OSRDestroySpatialReference(source);
  OSRDestroySpatialReference(map);
  return good;
}

static int forwards(void *transformer, double *x, double *y)
{
  double z = 0;
  int good = 0;
  GDALGenImgProjTransform(transformer, 0, 1, x, y, &z, &good);
  return good;
}

static tc_status opened(const char *path, tc_provider **provider, tc_error *err)
{
  return tc_gdal_open(path, NULL, provider, err);
}
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"unsafe"

	"tilecache"
)

func said(err *C.tc_error) error { return errors.New(C.GoString(&err.message[0])) }

// wktOf is to be freed; nil where there is none.
func wktOf(place tilecache.Georef) *C.char {
	if place.WKT == "" {
		return nil
	}
	return C.CString(place.WKT)
}

// transformer is one of GDAL's, from pixels of a zoom to those of an image.
func transformer(place tilecache.Georef, zoom int) (unsafe.Pointer, error) {
	wkt := wktOf(place)
	defer C.free(unsafe.Pointer(wkt))
	pixel := 2 * halfWorld / (tileSize * math.Exp2(float64(zoom)))
	from, to := place.Transform, [6]float64{-halfWorld, pixel, 0, halfWorld, 0, -pixel}
	var err C.tc_error
	made := C.between(wkt, C.int32_t(place.EPSG), (*C.double)(&from[0]), (*C.double)(&to[0]), &err)
	if made == nil {
		return nil, said(&err)
	}
	return made, nil
}

// onMap are ground control points, in metres of Web Mercator.
func onMap(place tilecache.Georef) ([]tilecache.GCP, error) {
	var x, y []float64
	for _, p := range place.GCPs {
		x, y = append(x, p.X), append(y, p.Y)
	}
	wkt := wktOf(place)
	defer C.free(unsafe.Pointer(wkt))
	var err C.tc_error
	if C.to_map(wkt, C.int32_t(place.EPSG), (*C.double)(&x[0]), (*C.double)(&y[0]), C.int(len(x)), &err) == 0 {
		return nil, said(&err)
	}
	points := slices.Clone(place.GCPs)
	for i := range points {
		points[i].X, points[i].Y = x[i], y[i]
	}
	return points, nil
}

func otherProjection(place tilecache.Georef, _, _ int) (*projection, error) {
	if place.Flags&tilecache.GeorefHasTransform == 0 {
		points, err := onMap(place)
		if err != nil {
			return nil, err
		}
		return byPoints(points, false)
	}
	whole, err := transformer(place, 0)
	if err != nil {
		return nil, err
	}
	p := new(projection)
	*p = projection{
		toMap: func(x, y float64) (float64, float64, bool) {
			defer runtime.KeepAlive(p)
			good := C.forwards(whole, (*C.double)(&x), (*C.double)(&y))
			x, y = toGround(0, x, y)
			return x, y, good != 0
		},
		warp: func(zoom int) (*tilecache.Transform, error) {
			made, err := transformer(place, zoom)
			if err != nil {
				return nil, err
			}
			name := C.CString(fmt.Sprintf("mercator:%d:%v:%d:%s", zoom, place.Transform, place.EPSG, place.WKT))
			defer C.free(unsafe.Pointer(name))
			var object *C.tc_transform
			var told C.tc_error
			if C.tc_gdal_transform(made, name, &object, &told) != C.TC_OK {
				C.GDALDestroyTransformer(made)
				return nil, said(&told)
			}
			return tilecache.TransformFromC(unsafe.Pointer(object))
		},
	}
	runtime.AddCleanup(p, func(whole unsafe.Pointer) { C.GDALDestroyTransformer(whole) }, whole)
	return p, nil
}

// openImage opens what the library does not read by GDAL.
func openImage(path string) (*tilecache.Provider, error) {
	image, err := tilecache.Open(path)
	if !errors.Is(err, tilecache.ErrUnsupported) {
		return image, err
	}
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var object *C.tc_provider
	var told C.tc_error
	if C.opened(name, &object, &told) != C.TC_OK {
		return nil, unshowable("%v", said(&told))
	}
	return tilecache.ProviderFromC(unsafe.Pointer(object))
}
