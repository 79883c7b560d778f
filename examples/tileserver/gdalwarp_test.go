package main

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tilecache"
)

// ran is a program of GDAL's that goes well.
func ran(t *testing.T, program string, arguments ...string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("there is no ", program)
	}
	command := exec.Command(program, arguments...)
	command.Env = append(os.Environ(), "GDAL_DEFAULT_WMS_CACHE_PATH="+t.TempDir(), "no_proxy=127.0.0.1")
	if said, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", program, arguments, err, said)
	}
}

// read is all of a file.
func read(t *testing.T, path string, width, height int) image.Image {
	t.Helper()
	file, err := tilecache.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := file.ReadImage(context.Background(), 0, 0, width, height, 0)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

func channels(c color.Color) [4]int {
	n := color.NRGBAModel.Convert(c).(color.NRGBA)
	return [4]int{int(n.R), int(n.G), int(n.B), int(n.A)}
}

// asGdalwarp compares a tile in the midst of a layer, all colours of it, with what gdalwarp makes of the file.
func (w *world) asGdalwarp(name string, zoom int) {
	w.Helper()
	l, err := w.own.folder.layer(name)
	if err != nil {
		w.Fatal(err)
	}
	west, north := fromDegrees(l.West+(l.East-l.West)*0.45, l.South+(l.North-l.South)*0.55)
	x, y := fromGround(zoom, west, north)
	col, row := int(x)/tileSize, int(y)/tileSize
	west, north = toGround(zoom, float64(col*tileSize), float64(row*tileSize))
	east, south := toGround(zoom, float64((col+1)*tileSize), float64((row+1)*tileSize))
	warped := filepath.Join(w.TempDir(), "warped.tif")
	ran(w.T, "gdalwarp", "-q", "-t_srs", "EPSG:3857", "-et", "0", "-r", "bilinear", "-dstalpha", "-ts", "256", "256", "-te", fmt.Sprint(west),
		fmt.Sprint(south), fmt.Sprint(east), fmt.Sprint(north), filepath.Join(w.folder, name+".tif"), warped)
	theirs := read(w.T, warped, 256, 256)
	ours := w.picture(fmt.Sprintf("/tiles/%s/%d/%d/%d.png", name, zoom, col, row))
	near, sum, seen := 0, 0, 0
	for y := range 256 {
		for x := range 256 {
			a, b := channels(ours.At(x, y)), channels(theirs.At(x, y))
			if b[3] != 0 {
				seen++
			}
			worst := 0
			for i := range a {
				worst = max(worst, max(a[i], b[i])-min(a[i], b[i]))
			}
			if sum += worst; worst <= 2 {
				near++
			}
		}
	}
	mean := float64(sum) / 65536
	if seen < 65536/2 || near < 65536*94/100 || mean > 1 {
		w.Fatalf("%d of 65536 pixels are near, %.2f off in the mean; %d are seen", near, mean, seen)
	}
	w.Logf("%s: %d of 65536 pixels are near, %.2f off in the mean", name, near, mean)
}

func TestTilesAreThoseOfGdalwarp(t *testing.T) {
	w := newWorld(t, nil)
	w.asGdalwarp("map", 11)
	w.asGdalwarp("degrees", 2)
}

// A client of WMTS, GDAL's, finds the layers and reads the pixels of a file through them.
func TestGDALReadsTheServiceOfTiles(t *testing.T) {
	w := newWorld(t, nil)
	// A name that has to be escaped, in XML and in URLs.
	if err := os.Rename(filepath.Join(w.folder, "map.tif"), filepath.Join(w.folder, "a & b <c>.tif")); err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"/wmts/1.0.0/WMTSCapabilities.xml", "/wmts?SERVICE=WMTS&REQUEST=GetCapabilities"} {
		got := filepath.Join(t.TempDir(), "got.tif")
		west, north := toGround(10, 512*256+100, 400*256+50)
		east, south := toGround(10, 512*256+700, 400*256+550)
		ran(t, "gdal_translate", "-q", "-projwin", fmt.Sprint(west), fmt.Sprint(north), fmt.Sprint(east), fmt.Sprint(south),
			"WMTS:"+w.http.URL+url+",layer=a & b <c>,zoom_level=10", got)
		picture := read(t, got, 600, 500)
		wrong := 0
		for y := range 500 {
			for x := range 600 {
				if channels(picture.At(x, y)) != [4]int{int(sampleAt(x, y, 0, 0)), int(sampleAt(x, y, 1, 0)), int(sampleAt(x, y, 2, 0)), 255} {
					wrong++
				}
			}
		}
		if wrong > 0 {
			t.Fatalf("%s: %d pixels are others", url, wrong)
		}
	}
	_, body := w.get("/wmts/1.0.0/WMTSCapabilities.xml")
	if strings.Contains(string(body), "plain image") || !strings.Contains(string(body), "<ows:Identifier>degrees</ows:Identifier>") {
		t.Fatal(string(body))
	}
}
