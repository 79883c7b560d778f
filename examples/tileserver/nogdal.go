//go:build !gdal

package main

import (
	"fmt"

	"tilecache"
)

func otherProjection(place tilecache.Georef, _, _ int) (*projection, error) {
	system := "its reference system"
	if place.EPSG != 0 {
		system += fmt.Sprintf(" (EPSG %d)", place.EPSG)
	}
	return nil, unshowable("%s is neither EPSG 3857 nor 4326; a server built with -tags gdal knows others", system)
}

func openImage(path string) (*tilecache.Provider, error) { return tilecache.Open(path) }
