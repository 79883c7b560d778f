package main

import (
	"fmt"
	"math"

	"tilecache"
)

// Web Mercator (EPSG:3857): the world as a square from -halfWorld to halfWorld metres.
const (
	earthRadius = 6378137.0
	halfWorld   = math.Pi * earthRadius
	tileSize    = 256
	mostZoom    = 24
)

// toGround leads from pixels of a zoom to metres.
func toGround(zoom int, x, y float64) (float64, float64) {
	pixel := 2 * halfWorld / (tileSize * math.Exp2(float64(zoom)))
	return x*pixel - halfWorld, halfWorld - y*pixel
}

func fromGround(zoom int, x, y float64) (float64, float64) {
	pixel := 2 * halfWorld / (tileSize * math.Exp2(float64(zoom)))
	return (x + halfWorld) / pixel, (halfWorld - y) / pixel
}

func toDegrees(x, y float64) (longitude, latitude float64) {
	return x / earthRadius * 180 / math.Pi, (2*math.Atan(math.Exp(y/earthRadius)) - math.Pi/2) * 180 / math.Pi
}

func fromDegrees(longitude, latitude float64) (x, y float64) {
	latitude = math.Max(-89.9, math.Min(89.9, latitude))
	return longitude * math.Pi / 180 * earthRadius, math.Log(math.Tan(math.Pi/4+latitude*math.Pi/360)) * earthRadius
}

// A projection knows where pixels of an image lie in Web Mercator, and the other way round.
type projection struct {
	// toMap leads from pixels of the image to metres.
	toMap func(x, y float64) (float64, float64, bool)
	// warp is the transformation from pixels of a zoom to those of the image.
	warp func(zoom int) (*tilecache.Transform, error)
}

// newProjection is that of an image; nil if it says nothing of its place.
func newProjection(place tilecache.Georef, width, height int) (*projection, error) {
	switch {
	case place.Flags&tilecache.GeorefHasTransform == 0 && len(place.GCPs) == 0:
		return nil, nil
	case place.EPSG == 3857 || place.EPSG == 4326:
		degrees := place.EPSG == 4326
		if place.Flags&tilecache.GeorefHasTransform == 0 {
			return byPoints(place.GCPs, degrees)
		}
		return byTransform(place.Transform, degrees), nil
	}
	return otherProjection(place, width, height)
}

func byTransform(t [6]float64, degrees bool) *projection {
	forward := func(x, y float64) (float64, float64, bool) {
		x, y = t[0]+t[1]*x+t[2]*y, t[3]+t[4]*x+t[5]*y
		if degrees {
			x, y = fromDegrees(x, y)
		}
		return x, y, true
	}
	determinant := t[1]*t[5] - t[2]*t[4]
	back := func(x, y float64) (float64, float64) {
		x, y = x-t[0], y-t[3]
		return (t[5]*x - t[2]*y) / determinant, (t[1]*y - t[4]*x) / determinant
	}
	return &projection{forward, func(zoom int) (*tilecache.Transform, error) {
		if degrees {
			name := fmt.Sprintf("mercator:%d:%v", zoom, t)
			return tilecache.FuncTransform(name, func(x, y []float64) error {
				for i := range x {
					x[i], y[i] = toGround(zoom, x[i], y[i])
					x[i], y[i] = toDegrees(x[i], y[i])
					x[i], y[i] = back(x[i], y[i])
				}
				return nil
			})
		}
		pixel := 2 * halfWorld / (tileSize * math.Exp2(float64(zoom)))
		x0, y0 := back(-halfWorld, halfWorld)
		return tilecache.AffineTransform([6]float64{x0, t[5] * pixel / determinant, t[2] * pixel / determinant,
			y0, -t[4] * pixel / determinant, -t[1] * pixel / determinant})
	}}
}

// byPoints fits a polynomial to ground control points.
func byPoints(points []tilecache.GCP, degrees bool) (*projection, error) {
	order := 1
	if len(points) >= 10 {
		order = 2
	}
	ground := func(p tilecache.GCP) (float64, float64) {
		if degrees {
			return fromDegrees(p.X, p.Y)
		}
		return p.X, p.Y
	}
	var outwards []tilecache.TiePoint
	for _, p := range points {
		x, y := ground(p)
		outwards = append(outwards, tilecache.TiePoint{X: p.Pixel, Y: p.Line, SourceX: x, SourceY: y})
	}
	toMap, err := tilecache.PolynomialTransform(outwards, order)
	if err != nil {
		return nil, err
	}
	return &projection{
		func(x, y float64) (float64, float64, bool) {
			xs, ys := []float64{x}, []float64{y}
			err := toMap.Points(xs, ys)
			return xs[0], ys[0], err == nil
		},
		func(zoom int) (*tilecache.Transform, error) {
			var inwards []tilecache.TiePoint
			for _, p := range points {
				x, y := ground(p)
				x, y = fromGround(zoom, x, y)
				inwards = append(inwards, tilecache.TiePoint{X: x, Y: y, SourceX: p.Pixel, SourceY: p.Line})
			}
			return tilecache.PolynomialTransform(inwards, order)
		},
	}, nil
}

// bounds are those of an image in metres, found along its edges, and the size of its pixels.
func (p *projection) bounds(width, height int) (west, south, east, north, pixel float64, err error) {
	west, south, east, north = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	const steps = 16
	for i := range steps + 1 {
		for _, at := range [][2]float64{{float64(i) / steps, 0}, {float64(i) / steps, 1}, {0, float64(i) / steps}, {1, float64(i) / steps}} {
			x, y, is := p.toMap(at[0]*float64(width), at[1]*float64(height))
			if !is || math.IsNaN(x+y) || math.IsInf(x+y, 0) {
				continue
			}
			west, east = math.Min(west, x), math.Max(east, x)
			south, north = math.Min(south, y), math.Max(north, y)
		}
	}
	west, east = math.Max(west, -halfWorld), math.Min(east, halfWorld)
	south, north = math.Max(south, -halfWorld), math.Min(north, halfWorld)
	if !(west < east && south < north) {
		return 0, 0, 0, 0, 0, unshowable("the image lies nowhere on the map")
	}
	pixel = math.Sqrt((east - west) * (north - south) / (float64(width) * float64(height)))
	return west, south, east, north, pixel, nil
}
