//go:build gdal

package main

import (
	"math"
	"path/filepath"
	"testing"

	"tilecache"
)

// utm is a place in UTM, of pixels of 30 metres.
var utm = tilecache.Georef{Flags: tilecache.GeorefHasTransform, EPSG: 32632, Transform: [6]float64{500000, 30, 0, 5300000, 0, -30}}

// A file in UTM is where gdalwarp has it, in its colours.
func TestOtherProjectionsAreThoseOfGDAL(t *testing.T) {
	w := newWorld(t, nil)
	writeImage(t, filepath.Join(w.folder, "utm.tif"), 700, 600, 0, &utm)
	w.asGdalwarp("utm", 13) // whose pixels are smaller than those of the file, so that both interpolate between the same four
}

// Control points in UTM put a file where its transform does.
func TestControlPointsLieWhereGDALSays(t *testing.T) {
	w := newWorld(t, nil)
	points := tilecache.Georef{EPSG: utm.EPSG}
	for _, at := range [][2]float64{{0, 0}, {350, 0}, {700, 0}, {0, 300}, {350, 300}, {700, 300}, {0, 600}, {350, 600}, {700, 600}, {175, 150}} {
		points.GCPs = append(points.GCPs, tilecache.GCP{Pixel: at[0], Line: at[1], X: 500000 + 30*at[0], Y: 5300000 - 30*at[1]})
	}
	writeImage(t, filepath.Join(w.folder, "points.tif"), 700, 600, 0, &points)
	writeImage(t, filepath.Join(w.folder, "utm.tif"), 700, 600, 0, &utm)
	a, err := w.own.folder.layer("points")
	if err != nil {
		t.Fatal(err)
	}
	b, err := w.own.folder.layer("utm")
	if err != nil {
		t.Fatal(err)
	}
	const pixel = 30.0 / 111_000 // about
	for i, pair := range [][2]float64{{a.West, b.West}, {a.South, b.South}, {a.East, b.East}, {a.North, b.North}} {
		if math.Abs(pair[0]-pair[1]) > pixel {
			t.Errorf("side %d is at %v, not %v", i, pair[0], pair[1])
		}
	}
}
