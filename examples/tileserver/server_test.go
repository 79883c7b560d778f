package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tilecache"
	"tileserver/encode"
)

// The tests start the server itself, too.
func TestMain(m *testing.M) {
	if os.Getenv("TILESERVER_RUN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func sampleAt(x, y, band, seed int) uint8 { return uint8((x*3 + y*5 + band*71 + seed) % 251) }

// writeImage writes a file of three bands whose pixels follow from their place.
func writeImage(t *testing.T, path string, width, height, seed int, place *tilecache.Georef) {
	t.Helper()
	source, err := tilecache.NewSource(tilecache.Source{
		Image: tilecache.ImageInfo{DType: tilecache.U8, Width: width, Height: height, BlockWidth: 128, BlockHeight: 128, Bands: 3},
		ReadBlock: func(_ context.Context, b tilecache.Block, into tilecache.Pixels) error {
			for band := range into.Bands {
				for y := range into.Height {
					for x, row := 0, tilecache.Row[uint8](into, y, band); x < len(row); x++ {
						row[x] = sampleAt(b.Col*128+x, b.Row*128+y, band, seed)
					}
				}
			}
			return nil
		},
		BandInfos: []tilecache.BandInfo{{Colour: tilecache.ColourRed}, {Colour: tilecache.ColourGreen}, {Colour: tilecache.ColourBlue}},
		Georef:    place,
	})
	if err == nil {
		defer source.Close()
		err = source.BuildPyramid(context.Background(), path, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// mercatorAt places a file on the pixels of a zoom, from a pixel on.
func mercatorAt(zoom int, x, y float64) *tilecache.Georef {
	pixel := 2 * halfWorld / (tileSize * math.Exp2(float64(zoom)))
	west, north := toGround(zoom, x, y)
	return &tilecache.Georef{Flags: tilecache.GeorefHasTransform, EPSG: 3857, Transform: [6]float64{west, pixel, 0, north, 0, -pixel}}
}

type world struct {
	*testing.T
	folder string
	own    *server
	http   *httptest.Server
}

func newWorld(t *testing.T, change func(*server)) *world {
	w := &world{T: t, folder: t.TempDir()}
	cache, err := tilecache.NewCache(64<<20, tilecache.WithFlags(tilecache.CacheFrequency))
	if err != nil {
		t.Fatal(err)
	}
	writeImage(t, filepath.Join(w.folder, "map.tif"), 600, 500, 0, mercatorAt(10, 512*256+100, 400*256+50))
	writeImage(t, filepath.Join(w.folder, "plain image.tif"), 700, 300, 7, nil)
	writeImage(t, filepath.Join(w.folder, "degrees.tif"), 360, 170, 3, &tilecache.Georef{Flags: tilecache.GeorefHasTransform,
		EPSG: 4326, Transform: [6]float64{-180, 1, 0, 85, 0, -1}})
	folder, err := openFolder(w.folder, "all", cache, 32<<20)
	if err != nil {
		t.Fatal(err)
	}
	folder.settle = 0
	w.own = newServer(folder, cache, 8<<20, "tile", limits{rendering: 4, perClient: 64, requests: 256, renderTime: 20 * time.Second})
	if change != nil {
		change(w.own)
	}
	w.http = httptest.NewServer(w.own.handler())
	t.Cleanup(func() {
		w.http.Close()
		folder.close()
		_ = cache.Close()
	})
	return w
}

func (w *world) get(path string, headers ...string) (*http.Response, []byte) {
	w.Helper()
	request, err := http.NewRequest("GET", w.http.URL, nil)
	if err != nil {
		w.Fatal(err)
	}
	request.URL.Opaque = "//" + request.URL.Host + path // as it is, without being cleaned
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	reply, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		w.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		w.Fatal(err)
	}
	return reply, body
}

func (w *world) picture(path string) image.Image {
	w.Helper()
	reply, body := w.get(path)
	if reply.StatusCode != 200 {
		w.Fatalf("%s: %d %s", path, reply.StatusCode, body)
	}
	picture, _, err := image.Decode(bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	return picture
}

func TestTilesShowThePixelsOfTheFile(t *testing.T) {
	w := newWorld(t, nil)
	wrong := 0
	for ty := range 3 {
		for tx := range 4 {
			picture := w.picture(fmt.Sprintf("/tiles/map/10/%d/%d.png", 512+tx, 400+ty))
			for y := range tileSize {
				for x := range tileSize {
					col, row := tx*tileSize+x-100, ty*tileSize+y-50
					want := color.NRGBA{}
					if col >= 0 && row >= 0 && col < 600 && row < 500 {
						want = color.NRGBA{sampleAt(col, row, 0, 0), sampleAt(col, row, 1, 0), sampleAt(col, row, 2, 0), 255}
					}
					got := color.NRGBAModel.Convert(picture.At(x, y)).(color.NRGBA)
					if got.A == 0 && want.A == 0 {
						continue
					}
					if got != want {
						wrong++
					}
				}
			}
		}
	}
	if wrong > 0 {
		t.Fatalf("%d pixels are others", wrong)
	}
	plain := w.picture("/tiles/plain%20image/2/2/1.png")
	for y := range 256 {
		for x := range 256 {
			want := color.NRGBA{}
			if 512+x < 700 && 256+y < 300 {
				want = color.NRGBA{sampleAt(512+x, 256+y, 0, 7), sampleAt(512+x, 256+y, 1, 7), sampleAt(512+x, 256+y, 2, 7), 255}
			}
			if got := color.NRGBAModel.Convert(plain.At(x, y)); got != want {
				t.Fatalf("(%d, %d) of the plain image is %v, not %v", x, y, got, want)
			}
		}
	}
}

func TestATileOfTwiceTheSizeIsFourOfTheNextZoom(t *testing.T) {
	w := newWorld(t, nil)
	for _, path := range []struct{ one, four string }{
		{"/tiles/map/9/256/200@2x.png", "/tiles/map/10/%d/%d.png"},
		{"/tiles/plain%20image/0/0/0@2x.png", "/tiles/plain%%20image/1/%d/%d.png"},
	} {
		large := w.picture(path.one)
		if large.Bounds() != image.Rect(0, 0, 512, 512) {
			t.Fatal(large.Bounds())
		}
		x0, y0 := 512, 400
		if strings.Contains(path.one, "plain") {
			x0, y0 = 0, 0
		}
		for i := range 4 {
			if reply, _ := w.get(fmt.Sprintf(path.four, x0+i%2, y0+i/2)); reply.StatusCode == 404 && x0 == 0 {
				continue // beyond the flat image
			}
			small := w.picture(fmt.Sprintf(path.four, x0+i%2, y0+i/2))
			for y := range 256 {
				for x := range 256 {
					a, b := color.NRGBAModel.Convert(large.At(i%2*256+x, i/2*256+y)), color.NRGBAModel.Convert(small.At(x, y))
					if a != b {
						t.Fatalf("(%d, %d) of part %d is %v and %v", x, y, i, a, b)
					}
				}
			}
		}
	}
}

func TestTheFinestZoomIsDoubledByItsPixels(t *testing.T) {
	w := newWorld(t, nil)
	small, large := w.picture("/tiles/map/12/2054/1604.png"), w.picture("/tiles/map/12/2054/1604@2x.png")
	for y := range 512 {
		for x := range 512 {
			if a, b := color.NRGBAModel.Convert(small.At(x/2, y/2)), color.NRGBAModel.Convert(large.At(x, y)); a != b {
				t.Fatalf("(%d, %d) is %v, not %v", x, y, b, a)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	w := newWorld(t, nil)
	want := w.picture("/tiles/degrees/1/1/0.png")
	reply, body := w.get("/tiles/degrees/1/1/0.jpg")
	lossy, err := jpeg.Decode(bytes.NewReader(body))
	if err != nil || reply.Header.Get("Content-Type") != "image/jpeg" || lossy.Bounds() != want.Bounds() {
		t.Fatal(err, reply.Header)
	}
	sum := 0.0
	for y := range 256 {
		for x := range 256 {
			a, b := color.NRGBAModel.Convert(lossy.At(x, y)).(color.NRGBA), color.NRGBAModel.Convert(want.At(x, y)).(color.NRGBA)
			sum += math.Abs(float64(a.G) - float64(b.G))
		}
	}
	if mean := sum / 65536; mean > 20 {
		t.Errorf("JPEG is %f off in the mean", mean)
	}
	reply, body = w.get("/tiles/degrees/1/1/0.webp")
	if reply.Header.Get("Content-Type") != "image/webp" || !bytes.HasPrefix(body, []byte("RIFF")) || string(body[8:12]) != "WEBP" ||
		int(body[4])|int(body[5])<<8|int(body[6])<<16 != len(body)-8 {
		t.Fatal(reply.Header, len(body))
	}
	for _, opaque := range []bool{true, false} {
		rgba := make([]byte, 4*31*17)
		for i := range rgba {
			rgba[i] = byte(i * i)
			if opaque && i%4 == 3 {
				rgba[i] = 255
			}
		}
		encoded, err := encode.Formats["png"].Encode(rgba, 31, 17)
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := png.Decode(bytes.NewReader(encoded))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 31 * 17 {
			want := color.NRGBA{rgba[4*i], rgba[4*i+1], rgba[4*i+2], rgba[4*i+3]}
			if got := color.NRGBAModel.Convert(decoded.At(i%31, i/31)); got != want {
				t.Fatalf("pixel %d is %v, not %v", i, got, want)
			}
		}
	}
	if _, err := encode.Formats["png"].Encode(make([]byte, 3), 1, 1); err == nil {
		t.Error("3 bytes of a pixel")
	}
}

func TestWhatABrowserAsksFor(t *testing.T) {
	w := newWorld(t, nil)
	_, body := w.get("/layers.json")
	if string(body) != `["all","degrees","map","plain image"]`+"\n" {
		t.Errorf("layers are %s", body)
	}
	_, body = w.get("/tiles/map.json")
	var told struct {
		TileJSON string
		Tiles    []string
		Bounds   [4]float64
		MaxZoom  int
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	west, south := toDegrees(toGround(10, 512*256+100, 400*256+550))
	if told.TileJSON != "3.0.0" || told.MaxZoom != 12 || math.Abs(told.Bounds[0]-west) > 1e-9 || math.Abs(told.Bounds[1]-south) > 1e-9 {
		t.Errorf("%+v, not from %v, %v", told, west, south)
	}
	if _, world := w.get("/tiles/degrees.json"); !strings.Contains(string(world), `"bounds":[-180,`) || strings.Contains(string(world), "180.0") {
		t.Errorf("the world is %s", world)
	}
	path := strings.NewReplacer("{z}", "10", "{x}", "512", "{y}", "400").Replace(strings.TrimPrefix(told.Tiles[0], w.http.URL))
	reply, _ := w.get(path)
	tag := reply.Header.Get("ETag")
	if reply.StatusCode != 200 || tag == "" || !strings.Contains(reply.Header.Get("Cache-Control"), "immutable") ||
		reply.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatal(reply.StatusCode, reply.Header)
	}
	for _, given := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		if reply, body := w.get(path, "If-None-Match", given); reply.StatusCode != 304 || len(body) > 0 || reply.Header.Get("ETag") != tag {
			t.Errorf("If-None-Match: %s gives %d", given, reply.StatusCode)
		}
	}
	if reply, _ := w.get(path, "If-None-Match", `"x"`); reply.StatusCode != 200 {
		t.Error(reply.StatusCode)
	}
	request, _ := http.NewRequest("OPTIONS", w.http.URL+"/tiles/map.json", nil)
	if reply, err := http.DefaultClient.Do(request); err != nil || reply.StatusCode != 204 || reply.Header.Get("Access-Control-Allow-Methods") == "" {
		t.Error(reply, err)
	}
	for _, path := range []string{"/", "/page/leaflet.js", "/page/map.js", "/page/leaflet.css", "/page/LICENSE.leaflet", "/healthz", "/cache"} {
		if reply, body := w.get(path); reply.StatusCode != 200 || len(body) == 0 {
			t.Errorf("%s: %d", path, reply.StatusCode)
		}
	}
	_, body = w.get("/metrics")
	for _, line := range []string{`tileserver_requests_total{code="200"} 5`, `tileserver_requests_total{code="304"} 4`, "tileserver_rendered_total 1",
		"tileserver_cache_budget_bytes 67108864", `tileserver_request_seconds_bucket{le="+Inf"} 9`} {
		if !strings.Contains(string(body), line+"\n") {
			t.Errorf("metrics do not have %s", line)
		}
	}
}

func TestPathsThatLeadNowhere(t *testing.T) {
	w := newWorld(t, nil)
	outside := filepath.Join(t.TempDir(), "secret.tif")
	writeImage(t, outside, 10, 10, 0, nil)
	if err := errors.Join(os.Symlink(outside, filepath.Join(w.folder, "linked.tif")), os.Symlink("map.tif", filepath.Join(w.folder, "inner.tif")),
		os.Mkdir(filepath.Join(w.folder, "folder.tif"), 0o755), os.WriteFile(filepath.Join(w.folder, "damaged.tif"), []byte("II*\000damaged"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/tiles/inner/0/0/0.png":                                         200,
		"/tiles/linked/0/0/0.png":                                        404,
		"/tiles/folder/0/0/0.png":                                        404,
		"/tiles/damaged/0/0/0.png":                                       500,
		"/tiles/secret/0/0/0.png":                                        404,
		"/tiles/%2e%2e%2fsecret/0/0/0.png":                               404,
		"/tiles/" + strings.Repeat("%2e%2e%2f", 9) + "etc%2fpasswd.json": 404,
		"/tiles/map%00/0/0/0.png":                                        404,
		"/tiles/map/99/0/0.png":                                          404,
		"/tiles/map/13/0/0.png":                                          404,
		"/tiles/map/-1/0/0.png":                                          404,
		"/tiles/map/1/2/0.png":                                           404,
		"/tiles/map/1/0/2.png":                                           404,
		"/tiles/map/01/0/0.png":                                          404,
		"/tiles/map/1/+1/0.png":                                          404,
		"/tiles/map/1/0/0.tiff":                                          404,
		"/tiles/map/1/0/0":                                               404,
		"/tiles/map/1/0/0@3x.png":                                        404,
		"/tiles/map/1/0/0@2x@2x.png":                                     404,
		"/tiles/map/1/0/99999999999999999999.png":                        404,
		"/tiles/map/1/0/4294967296.png":                                  404,
		"/tiles/map/1e0/0/0.png":                                         404,
		"/tiles/plain%20image/1/3/0.png":                                 404,
		"/tiles/plain%20image/9/0/0.png":                                 404,
		"/tiles/nothing.json":                                            404,
		"/tiles/map":                                                     404,
		"/wmts/1.0.0/../../server.go":                                    307,
		"/page/../server.go":                                             307,
		"/page/%2e%2e/server.go":                                         404,
		"/server.go":                                                     404,
		"/tiles/map/12/2050/1602.png":                                    200,
		"/tiles/map/12/0/0.png":                                          200,
	} {
		if reply, body := w.get(path); reply.StatusCode != want || strings.Contains(string(body), w.folder) {
			t.Errorf("%s: %d, not %d: %s", path, reply.StatusCode, want, body)
		}
	}
}

func TestWhatCannotBeShownIsSaidWithTheReason(t *testing.T) {
	w := newWorld(t, nil)
	writeImage(t, filepath.Join(w.folder, "nowhere.tif"), 64, 64, 0, &tilecache.Georef{Flags: tilecache.GeorefHasTransform,
		EPSG: 3857, Transform: [6]float64{9e7, 1, 0, 0, 0, -1}})
	if err := errors.Join(os.WriteFile(filepath.Join(w.folder, "text.png"), []byte("no image"), 0o600),
		os.WriteFile(filepath.Join(w.folder, "damaged.tif"), []byte("II*\000damaged"), 0o600)); err != nil {
		t.Fatal(err)
	}
	metric := func(name string) string {
		_, body := w.get("/metrics")
		_, after, _ := strings.Cut(string(body), "\n"+name+" ")
		value, _, _ := strings.Cut(after, "\n")
		return value
	}
	// Nobody asked for one yet: what the files say of themselves.
	_, body := w.get("/unshown.json")
	var reasons map[string]string
	if err := json.Unmarshal(body, &reasons); err != nil || len(reasons) != 3 {
		t.Fatal(string(body), err)
	}
	if all, not := metric("tileserver_layers"), metric("tileserver_layers_unshown"); all != "7" || not != "3" {
		t.Errorf("%s of %s layers are not shown", not, all)
	}
	for name, want := range map[string]struct {
		code   int
		reason string
	}{"nowhere": {422, "lies nowhere on the map"}, "text": {422, "text.png"}, "damaged": {500, "damaged.tif"}} {
		if !strings.Contains(reasons[name], want.reason) {
			t.Errorf("%s: %q is said", name, reasons[name])
		}
		for _, path := range []string{"/tiles/" + name + ".json", "/tiles/" + name + "/0/0/0.png"} {
			if reply, body := w.get(path); reply.StatusCode != want.code || !strings.Contains(string(body), want.reason) ||
				strings.Contains(string(body), w.folder) {
				t.Errorf("%s: %d %s", path, reply.StatusCode, body)
			}
		}
	}
	if count := metric(`tileserver_requests_total{code="422"}`); count != "4" {
		t.Errorf("%s replies are 422", count)
	}
	// Those that are left out of the mosaic are named, and it begins where all of the others are seen.
	_, body = w.get("/tiles/all.json")
	var told struct {
		Bounds  [4]float64
		Center  [3]float64
		LeftOut map[string]string `json:"left_out"`
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	if len(told.LeftOut) != 4 || told.LeftOut["plain image"] != "it does not say where it lies" || told.LeftOut["nowhere"] == "" {
		t.Errorf("left out are %v", told.LeftOut)
	}
	if told.Bounds[0] != -180 || math.Abs(told.Bounds[3]-85) > 1e-9 || told.Center[2] != 2 || math.Abs(told.Center[0]) > 1e-9 {
		t.Errorf("bounds %v, centre %v", told.Bounds, told.Center)
	}
	// What is mended is shown, whatever was said of it.
	writeImage(t, filepath.Join(w.folder, "damaged.tif"), 64, 64, 0, nil)
	if reply, body := w.get("/tiles/damaged/0/0/0.png"); reply.StatusCode != 200 {
		t.Errorf("%d %s", reply.StatusCode, body)
	}
	if _, body := w.get("/unshown.json"); strings.Contains(string(body), "damaged") {
		t.Error(string(body))
	}
}

func TestAMapIsFirstSeenAsAWhole(t *testing.T) {
	w := newWorld(t, nil)
	_, body := w.get("/tiles/map.json")
	var told struct {
		Bounds [4]float64
		Center [3]float64
	}
	if err := json.Unmarshal(body, &told); err != nil {
		t.Fatal(err)
	}
	// 600 x 500 pixels of zoom 10.
	if zoom := told.Center[2]; zoom != 10 {
		t.Errorf("zoom %v", zoom)
	}
	west, north := fromDegrees(told.Bounds[0], told.Bounds[3])
	x, y := fromDegrees(told.Center[0], told.Center[1])
	pixel := 2 * halfWorld / (tileSize * math.Exp2(10))
	if math.Abs((x-west)/pixel-300) > 0.01 || math.Abs((north-y)/pixel-250) > 0.01 {
		t.Errorf("the centre is at pixel %v, %v", (x-west)/pixel, (north-y)/pixel)
	}
}

func TestWhereNothingIsSeen(t *testing.T) {
	for empty, want := range map[string]int{"tile": 200, "204": 204, "404": 404} {
		w := newWorld(t, func(s *server) { s.empty = empty })
		for _, path := range []string{"/tiles/map/12/0/0.png", "/tiles/map/12/0/0@2x.jpg"} {
			if reply, _ := w.get(path); reply.StatusCode != want {
				t.Errorf("%s: %d, not %d", path, reply.StatusCode, want)
			}
		}
	}
}

func TestFilesChangeAndVanish(t *testing.T) {
	w := newWorld(t, nil)
	path := filepath.Join(w.folder, "map.tif")
	first, before := w.get("/tiles/map/10/513/401.png")
	mosaic, _ := w.get("/tiles/all/10/513/401.png")
	writeImage(t, path, 600, 500, 100, mercatorAt(10, 512*256+100, 400*256+50))
	second, after := w.get("/tiles/map/10/513/401.png", "If-None-Match", first.Header.Get("ETag"))
	if second.StatusCode != 200 || bytes.Equal(before, after) || first.Header.Get("ETag") == second.Header.Get("ETag") {
		t.Fatal(second.StatusCode)
	}
	if changed, _ := w.get("/tiles/all/10/513/401.png"); changed.StatusCode != 200 || changed.Header.Get("ETag") == mosaic.Header.Get("ETag") {
		t.Fatal(changed.StatusCode)
	}
	// In place and to half its size, while the layer is open.
	if reply, _ := w.get("/tiles/degrees/0/0/0.png"); reply.StatusCode != 200 {
		t.Fatal(reply.StatusCode)
	}
	w.own.folder.settle = time.Hour // so that only reading notices
	if err := os.Truncate(filepath.Join(w.folder, "degrees.tif"), 1000); err != nil {
		t.Fatal(err)
	}
	if reply, body := w.get("/tiles/degrees/2/2/2.png"); reply.StatusCode < 500 && reply.StatusCode != 200 {
		t.Fatal(reply.StatusCode, string(body))
	}
	w.own.folder.settle = 0
	if reply, _ := w.get("/tiles/degrees/2/3/2.png"); reply.StatusCode != 500 {
		t.Fatal("a damaged file gives ", reply.StatusCode)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if reply, _ := w.get("/tiles/map/10/513/401.png"); reply.StatusCode != 404 {
		t.Fatal(reply.StatusCode)
	}
	if reply, _ := w.get("/tiles/map.json"); reply.StatusCode != 404 {
		t.Fatal(reply.StatusCode)
	}
	if reply, body := w.get("/layers.json"); reply.StatusCode != 200 || strings.Contains(string(body), "map") {
		t.Fatal(string(body))
	}
}

func TestATileIsMadeOnceForAll(t *testing.T) {
	w := newWorld(t, nil)
	w.get("/tiles/map.json")
	var all sync.WaitGroup
	for range 50 {
		all.Add(1)
		go func() {
			defer all.Done()
			if reply, _ := w.get("/tiles/map/10/513/401.png"); reply.StatusCode != 200 {
				t.Error(reply.StatusCode)
			}
		}()
	}
	all.Wait()
	if n := w.own.metrics.rendered.Load(); n != 1 {
		t.Fatalf("rendered %d times", n)
	}
}

func TestTheMosaicShowsAllFiles(t *testing.T) {
	w := newWorld(t, nil)
	one, both := w.picture("/tiles/map/10/513/401.png"), w.picture("/tiles/all/10/513/401.png")
	for y := 10; y < 250; y++ {
		for x := 10; x < 250; x++ {
			if a, b := one.At(x, y), both.At(x, y); a != b {
				t.Fatalf("(%d, %d) is %v and %v", x, y, a, b)
			}
		}
	}
	other, both := w.picture("/tiles/degrees/2/1/2.png"), w.picture("/tiles/all/2/1/2.png")
	if other.At(5, 5) != both.At(5, 5) {
		t.Fatal("the other file is not seen")
	}
}

func TestABrowserThatLeavesEndsTheDecode(t *testing.T) {
	w := newWorld(t, nil)
	begun, ended := make(chan struct{}), make(chan struct{})
	slow, err := tilecache.NewSource(tilecache.Source{
		Image: tilecache.ImageInfo{DType: tilecache.U8, Width: 256, Height: 256, Bands: 3},
		ReadBlock: func(ctx context.Context, _ tilecache.Block, _ tilecache.Pixels) error {
			close(begun)
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLayer(context.Background(), "slow", "1", slow, w.own.cache)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.own.folder.names(); err != nil {
		t.Fatal(err)
	}
	w.own.folder.settle = time.Hour // which is not in the folder
	known := &file{layer: l}
	known.once.Do(func() {})
	w.own.folder.files["slow"] = known
	ctx, leave := context.WithCancel(context.Background())
	request, err := http.NewRequestWithContext(ctx, "GET", w.http.URL+"/tiles/slow/0/0/0.png", nil)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() { _, err := http.DefaultClient.Do(request); failed <- err }()
	<-begun
	leave()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("it is still decoded")
	}
}

func TestRepliesEndWithTheLastWhoWaits(t *testing.T) {
	r := newReplies(1 << 20)
	begun, ended := make(chan struct{}), make(chan struct{})
	render := func(ctx context.Context) ([]byte, bool, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, false, ctx.Err()
	}
	first, leave := context.WithCancel(context.Background())
	second, leaveToo := context.WithCancel(context.Background())
	errs := make(chan error)
	get := func(ctx context.Context) { _, err := r.get(ctx, "key", render); errs <- err }
	go get(first)
	<-begun
	go get(second)
	for joined := int64(0); joined == 0; {
		r.mutex.Lock()
		joined = r.joined
		r.mutex.Unlock()
	}
	leave()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	select {
	case <-ended:
		t.Fatal("it ended with the first")
	case <-time.After(20 * time.Millisecond):
	}
	leaveToo()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	<-ended
	made, err := r.get(context.Background(), "key", func(context.Context) ([]byte, bool, error) { return []byte("new"), false, nil })
	if err != nil || string(made.bytes) != "new" {
		t.Fatal(made, err)
	}
	if _, err := r.get(context.Background(), "panics", func(context.Context) ([]byte, bool, error) { panic("at the disco") }); err == nil {
		t.Fatal("no error")
	}
}

func TestRepliesKeepWithinTheirBudget(t *testing.T) {
	r := newReplies(10_000)
	var made atomic.Int64
	ask := func(i int) {
		_, err := r.get(context.Background(), fmt.Sprint(i), func(context.Context) ([]byte, bool, error) {
			made.Add(1)
			return make([]byte, 744), false, nil
		})
		if err != nil || r.bytes > r.budget || r.bytes != 1000*len(r.byKey) {
			t.Fatalf("%d bytes of %d replies: %v", r.bytes, len(r.byKey), err)
		}
	}
	for i := range 100 {
		ask(i)
		ask(0)
	}
	if made.Load() != 100 {
		t.Fatalf("made %d", made.Load())
	}
	_, _ = r.get(context.Background(), "large", func(context.Context) ([]byte, bool, error) { return make([]byte, 20_000), false, nil })
	if len(r.byKey) != 10 {
		t.Fatal("too large a reply took the room of others")
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, func(s *server) { s.limits.perClient = 2 })
	w.own.clients["127.0.0.1"] = 2
	if reply, _ := w.get("/tiles/map/10/513/401.png"); reply.StatusCode != 429 || reply.Header.Get("Retry-After") == "" {
		t.Fatal(reply.StatusCode)
	}
	delete(w.own.clients, "127.0.0.1")
	for range cap(w.own.running) {
		w.own.running <- struct{}{}
	}
	if reply, _ := w.get("/tiles/map/10/513/401.png"); reply.StatusCode != 503 {
		t.Fatal(reply.StatusCode)
	}
	<-w.own.running
	if reply, _ := w.get("/tiles/map/10/513/401.png"); reply.StatusCode != 200 {
		t.Fatal(reply.StatusCode)
	}
	if reply, _ := w.get("/tiles/map/10/513/401.png", "X-Large", strings.Repeat("x", 2<<20)); reply.StatusCode != 431 {
		t.Fatal(reply.StatusCode)
	}
	w.own.limits.renderTime = time.Nanosecond
	if reply, _ := w.get("/tiles/map/10/512/401.png"); reply.StatusCode != 504 || reply.Header.Get("ETag") != "" {
		t.Fatal(reply.StatusCode)
	}
	if len(w.own.clients) != 0 || len(w.own.running) != cap(w.own.running)-1 {
		t.Fatal("a request is still counted")
	}
}

func TestAThousandHalfOpenConnections(t *testing.T) {
	w := newWorld(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web := newHTTP(w.own.handler())
	web.ReadHeaderTimeout = 500 * time.Millisecond
	counting := &limited{listener, make(chan struct{}, 1010)}
	go func() { _ = web.Serve(counting) }()
	defer web.Close()
	before, filesBefore := runtime.NumGoroutine(), descriptors(t, math.MaxInt)
	var open []net.Conn
	for range 1000 {
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		_, _ = connection.Write([]byte("GET /tiles/map/10/513/401.png HTTP/1.1\r\nHost: x\r\n"))
		open = append(open, connection)
	}
	url := "http://" + listener.Addr().String() + "/tiles/map/10/513/401.png"
	reply, err := http.Get(url)
	if err != nil || reply.StatusCode != 200 {
		t.Fatal(reply, err)
	}
	_ = reply.Body.Close()
	for range 20 { // beyond what may be open: closed at once
		connection, err := net.Dial("tcp", listener.Addr().String())
		if err == nil {
			open = append(open, connection)
		}
	}
	for _, connection := range open {
		_ = connection.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.ReadAll(connection); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal("the server waits for the rest for ever")
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before+20 || len(counting.open) > 20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d goroutines, %d before; %d connections", runtime.NumGoroutine(), before, len(counting.open))
		}
	}
	for _, connection := range open {
		_ = connection.Close()
	}
	if now := descriptors(t, filesBefore+5); now > filesBefore+5 {
		t.Fatalf("%d files are open, %d before", now, filesBefore)
	}
}

func TestTheProgramStopsWhenItIsAskedTo(t *testing.T) {
	w := newWorld(t, nil)
	program := exec.Command(os.Args[0], "-listen", "127.0.0.1:0", "-cache-mib", "64", w.folder)
	program.Env = append(os.Environ(), "TILESERVER_RUN=1")
	said, err := program.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Process.Kill() }()
	line := make([]byte, 1000)
	n, _ := said.Read(line)
	_, address, _ := strings.Cut(string(line[:n]), "address=")
	address, _, _ = strings.Cut(address, " ")
	reply, err := http.Get(address + "/tiles/map/10/513/401.png")
	if err != nil || reply.StatusCode != 200 {
		t.Fatal(string(line[:n]), err)
	}
	_, _ = io.Copy(io.Discard, reply.Body)
	_ = reply.Body.Close()
	_ = program.Process.Signal(syscall.SIGTERM)
	if err := program.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{{}, {"-empty", "x", w.folder}, {"/nowhere"}} {
		program := exec.Command(os.Args[0], arguments...)
		program.Env = append(os.Environ(), "TILESERVER_RUN=1")
		if err := program.Run(); err == nil {
			t.Errorf("%v is accepted", arguments)
		}
	}
}
