package main

import (
	"bytes"
	_ "embed"
	"encoding/xml"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"tileserver/encode"
)

// The Web Map Tile Service of the Open Geospatial Consortium (OGC 07-057r7), version 1.0.0, of the layers that are on the
// map: its description and its tiles by parameters (KVP), and its description at a path, in which the URLs of tiles are
// those that everybody else asks for (REST). Those that are not on the map have no reference system that it could name.

//go:embed wmts.xml
var capabilitiesText string

var capabilities = template.Must(template.New("wmts").Funcs(template.FuncMap{"xml": xmlText}).Parse(capabilitiesText))

func xmlText(text string) (string, error) {
	var escaped strings.Builder
	err := xml.EscapeText(&escaped, []byte(text))
	return escaped.String(), err
}

// matrixSet is the name of the tiles of Web Mercator in OGC 17-083r2.
const matrixSet = "WebMercatorQuad"

// A zoom of Web Mercator as WMTS tells it: its scale is that of pixels of 0.28 mm.
type matrix struct {
	Zoom, TileSize, Side int
	Scale, Left, Top     string
}

// Which tiles of a zoom show something of a layer.
type matrixLimits struct {
	Zoom, MinRow, MaxRow, MinCol, MaxCol int
}

func (s *server) describeAll(w http.ResponseWriter, r *http.Request) {
	names, err := s.folder.names()
	if err != nil {
		http.Error(w, "the folder cannot be read", http.StatusServiceUnavailable)
		return
	}
	type shown struct {
		*layer
		Path   string
		Limits []matrixLimits
	}
	told := struct {
		Base, Set  string
		Operations []string
		Formats    []*encode.Format
		Layers     []shown
		Zooms      []matrix
	}{Base: base(r), Set: matrixSet, Operations: []string{"GetCapabilities", "GetTile"},
		Formats: []*encode.Format{encode.Formats["png"], encode.Formats["jpg"], encode.Formats["webp"]}}
	finest := 0
	for _, name := range names {
		l, err := s.folder.layer(name)
		if err != nil || l.Flat {
			continue // of files that cannot be shown the log tells
		}
		finest = max(finest, l.MaxZoom)
		told.Layers = append(told.Layers, shown{l, url.PathEscape(name), l.matrixLimits()})
	}
	for zoom := range finest + 1 {
		pixel := 2 * halfWorld / (tileSize * math.Exp2(float64(zoom)))
		told.Zooms = append(told.Zooms, matrix{zoom, tileSize, 1 << zoom, strconv.FormatFloat(pixel/0.00028, 'f', -1, 64),
			strconv.FormatFloat(-halfWorld, 'f', -1, 64), strconv.FormatFloat(halfWorld, 'f', -1, 64)})
	}
	var page bytes.Buffer
	if err := capabilities.Execute(&page, told); err != nil {
		s.refuse(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(page.Bytes())
}

func (l *layer) matrixLimits() []matrixLimits {
	west, south := fromDegrees(l.West, l.South)
	east, north := fromDegrees(l.East, l.North)
	var all []matrixLimits
	for zoom := range l.MaxZoom + 1 {
		x0, y0 := fromGround(zoom, west, north)
		x1, y1 := fromGround(zoom, east, south)
		tile := func(pixel float64) int { return min(max(int(pixel/tileSize), 0), 1<<zoom-1) }
		all = append(all, matrixLimits{zoom, tile(y0), tile(y1), tile(x0), tile(x1)})
	}
	return all
}

// A complaint of a parameter, by the codes of OWS Common (OGC 06-121r9) and WMTS.
type complaint struct {
	status              int
	code, locator, text string
}

// wmts answers what is asked for by parameters, of which the names have no case.
func (s *server) wmts(w http.ResponseWriter, r *http.Request) {
	given := map[string]string{}
	for name, values := range r.URL.Query() {
		given[strings.ToUpper(name)] = values[0]
	}
	wanted, complaint := s.asked(given)
	switch {
	case complaint != nil:
		complaint.write(w)
	case wanted == nil:
		s.describeAll(w, r)
	default:
		s.sendTile(w, r, *wanted)
	}
}

// asked is the tile that is asked for; nil if it is the description.
func (s *server) asked(given map[string]string) (*tileAsked, *complaint) {
	for _, name := range []string{"SERVICE", "REQUEST"} {
		if given[name] == "" {
			return nil, &complaint{400, "MissingParameterValue", name, name + " is missing"}
		}
	}
	if !strings.EqualFold(given["SERVICE"], "WMTS") {
		return nil, invalid("SERVICE", given, "WMTS")
	}
	switch given["REQUEST"] {
	case "GetCapabilities":
		if versions := given["ACCEPTVERSIONS"]; versions != "" && !slices.Contains(strings.Split(versions, ","), "1.0.0") {
			return nil, &complaint{400, "VersionNegotiationFailed", "", "there is version 1.0.0 alone, not " + versions}
		}
		return nil, nil
	case "GetTile":
	default:
		return nil, &complaint{501, "OperationNotSupported", given["REQUEST"], "there are GetCapabilities and GetTile, not " + given["REQUEST"]}
	}
	for _, name := range []string{"VERSION", "LAYER", "FORMAT", "TILEMATRIXSET", "TILEMATRIX", "TILEROW", "TILECOL"} {
		if given[name] == "" {
			return nil, &complaint{400, "MissingParameterValue", name, name + " is missing"}
		}
	}
	if given["STYLE"] == "" { // some clients leave it out
		given["STYLE"] = "default"
	}
	for _, only := range [][2]string{{"VERSION", "1.0.0"}, {"TILEMATRIXSET", matrixSet}, {"STYLE", "default"}} {
		if given[only[0]] != only[1] {
			return nil, invalid(only[0], given, only[1])
		}
	}
	wanted := &tileAsked{name: given["LAYER"], scale: 1}
	for _, format := range encode.Formats {
		if format.MediaType == given["FORMAT"] {
			wanted.format = format
		}
	}
	if wanted.format == nil {
		return nil, invalid("FORMAT", given, "image/png, image/jpeg or image/webp")
	}
	numbers := [3]int{}
	for i, name := range []string{"TILEMATRIX", "TILEROW", "TILECOL"} {
		var good bool
		if numbers[i], good = whole(given[name]); !good {
			return nil, invalid(name, given, "a number from 0 on")
		}
	}
	wanted.zoom, wanted.y, wanted.x = numbers[0], numbers[1], numbers[2]
	l, err := s.folder.layer(wanted.name)
	if errors.Is(err, errNoLayer) || err == nil && l.Flat {
		return nil, invalid("LAYER", given, "one of those of GetCapabilities")
	}
	if err == nil {
		if wanted.zoom > l.MaxZoom {
			return nil, invalid("TILEMATRIX", given, fmt.Sprint("a zoom from 0 to ", l.MaxZoom))
		}
		for i, name := range []string{"TILEROW", "TILECOL"} {
			if last := 1<<wanted.zoom - 1; numbers[1+i] > last {
				return nil, &complaint{400, "TileOutOfRange", name, fmt.Sprintf("%s goes from 0 to %d, not to %d", name, last, numbers[1+i])}
			}
		}
	}
	return wanted, nil
}

func invalid(name string, given map[string]string, wanted string) *complaint {
	return &complaint{400, "InvalidParameterValue", name, fmt.Sprintf("%s is %q, not %s", name, given[name], wanted)}
}

func (c *complaint) write(w http.ResponseWriter) {
	type exception struct {
		Code    string `xml:"exceptionCode,attr"`
		Locator string `xml:"locator,attr,omitempty"`
		Text    string `xml:"ExceptionText"`
	}
	body, err := xml.MarshalIndent(struct {
		XMLName   xml.Name  `xml:"http://www.opengis.net/ows/1.1 ExceptionReport"`
		Version   string    `xml:"version,attr"`
		Exception exception `xml:"Exception"`
	}{Version: "1.1.0", Exception: exception{c.code, strings.ToLower(c.locator), c.text}}, "", "  ")
	if err != nil {
		http.Error(w, c.text, c.status)
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(c.status)
	_, _ = w.Write(append([]byte(xml.Header), body...))
}
