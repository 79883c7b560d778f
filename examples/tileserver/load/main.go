//go:build gdal

// Load is what the tile server is compared with: the same tiles in the same encoding, by gdal.Warp with a dataset for each
// worker and nothing that is kept but what GDAL keeps by itself. load/run starts both, and titiler.
package main

/*
#cgo pkg-config: gdal
#include <gdal.h>
#include <gdal_utils.h>
#include <cpl_string.h>

// Red, green, blue and alpha of a tile, side by side, by what gdalwarp does.
static int warp(GDALDatasetH from, double west, double south, double east, double north, int side, void *rgba)
{
  char **words = NULL;
  GDALWarpAppOptions *options;
  GDALDatasetH made;
  int wrong = 0;
  words = CSLAddString(words, "-of"), words = CSLAddString(words, "MEM");
  words = CSLAddString(words, "-t_srs"), words = CSLAddString(words, "EPSG:3857");
  words = CSLAddString(words, "-r"), words = CSLAddString(words, "bilinear");
  words = CSLAddString(words, "-dstalpha"), words = CSLAddString(words, "-te");
  words = CSLAddString(words, CPLSPrintf("%.10f", west)), words = CSLAddString(words, CPLSPrintf("%.10f", south));
  words = CSLAddString(words, CPLSPrintf("%.10f", east)), words = CSLAddString(words, CPLSPrintf("%.10f", north));
  words = CSLAddString(words, "-ts"), words = CSLAddString(words, CPLSPrintf("%d", side));
  words = CSLAddString(words, CPLSPrintf("%d", side));
  options = GDALWarpAppOptionsNew(words, NULL);
  made = GDALWarp("", NULL, 1, &from, options, &wrong);
  GDALWarpAppOptionsFree(options);
  CSLDestroy(words);
  if (made == NULL)
    return 0;
  wrong = GDALDatasetRasterIO(made, GF_Read, 0, 0, side, side, rgba, side, side, GDT_Byte, 4, NULL, 4, 4 * side, 1) != CE_None;
  GDALClose(made);
  return !wrong;
}
*/
import "C"

import (
	"flag"
	"log"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	"tileserver/encode"
)

const side = 256

func main() {
	address := flag.String("listen", "127.0.0.1:8081", "address and port")
	flag.Parse()
	C.GDALAllRegister()
	path := C.CString(flag.Arg(0))
	workers := make(chan C.GDALDatasetH, runtime.GOMAXPROCS(0))
	for range cap(workers) {
		opened := C.GDALOpen(path, C.GA_ReadOnly)
		if opened == nil {
			log.Fatal("GDAL cannot open ", flag.Arg(0))
		}
		workers <- opened
	}
	http.HandleFunc("GET /tiles/{layer}/{z}/{x}/{file}", func(w http.ResponseWriter, r *http.Request) {
		row, extension, _ := strings.Cut(r.PathValue("file"), ".")
		z, _ := strconv.Atoi(r.PathValue("z"))
		x, _ := strconv.Atoi(r.PathValue("x"))
		y, _ := strconv.Atoi(row)
		format := encode.Formats[extension]
		if format == nil {
			http.NotFound(w, r)
			return
		}
		half := math.Pi * 6378137.0
		size := 2 * half / math.Exp2(float64(z))
		rgba := make([]byte, 4*side*side)
		worker := <-workers
		good := C.warp(worker, C.double(float64(x)*size-half), C.double(half-float64(y+1)*size), C.double(float64(x+1)*size-half),
			C.double(half-float64(y)*size), side, unsafe.Pointer(&rgba[0]))
		workers <- worker
		if good == 0 {
			http.Error(w, "no tile", http.StatusInternalServerError)
			return
		}
		encoded, err := format.Encode(rgba, side, side)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", format.MediaType)
		_, _ = w.Write(encoded)
	})
	log.Fatal(http.ListenAndServe(*address, nil))
}
