//go:build gdal

package main

import (
	"context"
	"fmt"
	"image/color"
	"os/exec"
	"path/filepath"
	"testing"

	"tilecache"
)

// A file in UTM is where gdalwarp has it, in its colours.
func TestOtherProjectionsAreThoseOfGDAL(t *testing.T) {
	w := newWorld(t, nil)
	path := filepath.Join(w.folder, "utm.tif")
	writeImage(t, path, 700, 600, 0, &tilecache.Georef{Flags: tilecache.GeorefHasTransform, EPSG: 32632,
		Transform: [6]float64{500000, 30, 0, 5300000, 0, -30}})
	const zoom = 13 // whose pixels are smaller than those of the file, so that both interpolate between the same four
	l, err := w.own.folder.layer("utm")
	if err != nil {
		t.Fatal(err)
	}
	west, north := fromDegrees(l.West, l.North)
	x, y := fromGround(zoom, west, north)
	col, row := int(x)/tileSize+3, int(y)/tileSize+3
	west, north = toGround(zoom, float64(col*tileSize), float64(row*tileSize))
	east, south := toGround(zoom, float64((col+1)*tileSize), float64((row+1)*tileSize))
	warped := filepath.Join(t.TempDir(), "warped.tif")
	said, err := exec.Command("gdalwarp", "-q", "-t_srs", "EPSG:3857", "-et", "0", "-r", "bilinear", "-ts", "256", "256",
		"-te", fmt.Sprint(west), fmt.Sprint(south), fmt.Sprint(east), fmt.Sprint(north), path, warped).CombinedOutput()
	if err != nil {
		t.Fatal(string(said), err)
	}
	other, err := tilecache.Open(warped)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	theirs, err := other.ReadImage(context.Background(), 0, 0, 256, 256, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours := w.picture(fmt.Sprintf("/tiles/utm/%d/%d/%d.png", zoom, col, row))
	near, sum := 0, 0.0
	for y := range 256 {
		for x := range 256 {
			a, b := color.NRGBAModel.Convert(ours.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(theirs.At(x, y)).(color.NRGBA)
			difference := max(int(a.R), int(b.R)) - min(int(a.R), int(b.R))
			if sum += float64(difference); difference <= 2 {
				near++
			}
		}
	}
	if mean := sum / 65536; near < 65536*97/100 || mean > 1 {
		t.Fatalf("%d of 65536 pixels are near, %.2f off in the mean", near, mean)
	} else {
		t.Logf("%d of 65536 pixels are near, %.2f off in the mean", near, mean)
	}
}
