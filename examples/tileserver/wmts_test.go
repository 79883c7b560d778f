package main

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"testing"
)

func TestTilesAreAskedForByParameters(t *testing.T) {
	w := newWorld(t, nil)
	const tile = "/wmts?SERVICE=WMTS&VERSION=1.0.0&REQUEST=GetTile&LAYER=map&STYLE=default&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=10&TILEROW=401&TILECOL=513"
	for format, extension := range map[string]string{"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"} {
		reply, byParameters := w.get(tile + "&FORMAT=" + format)
		_, byPath := w.get("/tiles/map/10/513/401." + extension)
		if reply.StatusCode != 200 || reply.Header.Get("Content-Type") != format || !bytes.Equal(byParameters, byPath) {
			t.Errorf("%s: %d, %d bytes, not %d", format, reply.StatusCode, len(byParameters), len(byPath))
		}
		if again, _ := w.get(tile+"&format="+format, "If-None-Match", reply.Header.Get("ETag")); again.StatusCode != 304 {
			t.Errorf("%s: %d", format, again.StatusCode)
		}
	}
	if n := w.own.metrics.rendered.Load(); n != 3 {
		t.Errorf("rendered %d times, not once for each format", n)
	}
}

func TestWhatTheServiceOfTilesComplainsOf(t *testing.T) {
	w := newWorld(t, nil)
	if err := os.WriteFile(filepath.Join(w.folder, "damaged.tif"), []byte("II*\000damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	const rest = "&STYLE=default&FORMAT=image/png&TILEMATRIXSET=WebMercatorQuad"
	tile := func(more string) string { return "/wmts?service=WMTS&version=1.0.0&request=GetTile" + more }
	for path, want := range map[string]struct {
		status        int
		code, locator string
	}{
		"/wmts":              {400, "MissingParameterValue", "service"},
		"/wmts?SERVICE=WMTS": {400, "MissingParameterValue", "request"},
		"/wmts?SERVICE=WMS&REQUEST=GetCapabilities":                       {400, "InvalidParameterValue", "service"},
		"/wmts?SERVICE=WMTS&REQUEST=GetCapabilities&ACCEPTVERSIONS=2.0.0": {400, "VersionNegotiationFailed", ""},
		"/wmts?SERVICE=WMTS&REQUEST=GetFeatureInfo":                       {501, "OperationNotSupported", "getfeatureinfo"},
		tile(""): {400, "MissingParameterValue", "layer"},
		tile("&LAYER=map&FORMAT=image/tiff&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=0&TILEROW=0&TILECOL=0"):          {400, "InvalidParameterValue", "format"},
		tile("&LAYER=map&STYLE=red&FORMAT=image/png&TILEMATRIXSET=WebMercatorQuad&TILEMATRIX=0&TILEROW=0&TILECOL=0"): {400, "InvalidParameterValue", "style"},
		tile("&LAYER=map&FORMAT=image/png&TILEMATRIXSET=UTM&TILEMATRIX=0&TILEROW=0&TILECOL=0"):                       {400, "InvalidParameterValue", "tilematrixset"},
		tile(rest + "&LAYER=nothing&TILEMATRIX=0&TILEROW=0&TILECOL=0"):                                               {400, "InvalidParameterValue", "layer"},
		tile(rest + "&LAYER=..%2f..%2fmap&TILEMATRIX=0&TILEROW=0&TILECOL=0"):                                         {400, "InvalidParameterValue", "layer"},
		tile(rest + "&LAYER=plain%20image&TILEMATRIX=0&TILEROW=0&TILECOL=0"):                                         {400, "InvalidParameterValue", "layer"},
		tile(rest + "&LAYER=map&TILEMATRIX=13&TILEROW=0&TILECOL=0"):                                                  {400, "InvalidParameterValue", "tilematrix"},
		tile(rest + "&LAYER=map&TILEMATRIX=99999999999999999999&TILEROW=0&TILECOL=0"):                                {400, "InvalidParameterValue", "tilematrix"},
		tile(rest + "&LAYER=map&TILEMATRIX=1&TILEROW=2&TILECOL=0"):                                                   {400, "TileOutOfRange", "tilerow"},
		tile(rest + "&LAYER=map&TILEMATRIX=1&TILEROW=0&TILECOL=2"):                                                   {400, "TileOutOfRange", "tilecol"},
		tile(rest + "&LAYER=map&TILEMATRIX=1&TILEROW=-1&TILECOL=0"):                                                  {400, "InvalidParameterValue", "tilerow"},
	} {
		reply, body := w.get(path)
		var told struct {
			XMLName   xml.Name `xml:"http://www.opengis.net/ows/1.1 ExceptionReport"`
			Exception struct {
				Code    string `xml:"exceptionCode,attr"`
				Locator string `xml:"locator,attr"`
				Text    string `xml:"ExceptionText"`
			}
		}
		if err := xml.Unmarshal(body, &told); err != nil {
			t.Fatalf("%s: %v: %s", path, err, body)
		}
		if reply.StatusCode != want.status || told.Exception.Code != want.code || told.Exception.Locator != want.locator || told.Exception.Text == "" {
			t.Errorf("%s: %d %+v, not %v", path, reply.StatusCode, told.Exception, want)
		}
	}
	if reply, _ := w.get(tile(rest + "&LAYER=damaged&TILEMATRIX=0&TILEROW=0&TILECOL=0")); reply.StatusCode != 500 {
		t.Error(reply.StatusCode)
	}
}
