//go:build !gdal

package main

import (
	"fmt"

	"tilecache"
)

func otherProjection(place tilecache.Georef, _, _ int) (*projection, error) {
	return nil, fmt.Errorf("its reference system (EPSG %d) is neither 3857 nor 4326; a server built with -tags gdal knows the others", place.EPSG)
}

func openImage(path string, options ...tilecache.Option) (*tilecache.Provider, error) {
	return tilecache.Open(path, options...)
}
