// The tour in Go: docs/bindings.md has it beside those in other languages.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"tilecache"
)

// Three windows.
// sumOf is the sum of the samples of a window of bytes.
func sumOf(image *tilecache.Provider, x, y, level int) (sum int) {
	samples := make([]uint8, 64*48*3)
	must(image.ReadWindow(ctx, tilecache.ArrayOf(samples, 64, 48, 3), x, y, level))
	for _, sample := range samples {
		sum += int(sample)
	}
	return sum
}

// End.

var ctx = context.Background()

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func made[T any](value T, err error) T {
	must(err)
	return value
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: tour scene.tif")
	}

	// Open.
	cache := made(tilecache.NewCache(64 << 20))
	defer cache.Close()
	file := made(tilecache.Open(os.Args[1]))
	defer file.Close()
	info := made(file.Info())
	fmt.Printf("open: %s, %d x %d, %d bands\n", file.Format(), info.Width, info.Height, info.Bands)

	// Pyramid.
	pyramid := made(file.Pyramid(cache, tilecache.WithFilter(tilecache.FilterAverage), tilecache.WithLevels(3),
		tilecache.WithTileSize(128, 128)))
	defer pyramid.Close()
	fmt.Printf("pyramid: %d levels\n", made(pyramid.Info()).Levels)

	// Display.
	chain := made(tilecache.ParseChain("bands=2,1,0|stretch=0..1000|u8"))
	defer chain.Close()
	resolved := made(chain.Resolve(pyramid, nil))
	defer resolved.Close()
	picture := made(pyramid.Display(ctx, resolved, cache))
	defer picture.Close()
	fmt.Printf("display: %v\n", resolved)

	// Three windows.
	for level := range 3 {
		fmt.Printf("window at level %d: %d\n", level, sumOf(picture, 80>>level, 40>>level, level))
	}

	// A provider of one's own.
	// Sample (x, y) is (x + 2 y) mod 251. In block (1, 1) it cancels the call, if it can be cancelled.
	var cancel context.CancelFunc
	own := made(tilecache.NewSource(tilecache.Source{
		Image: tilecache.ImageInfo{DType: tilecache.U8, Width: 1000, Height: 600, BlockWidth: 256, BlockHeight: 256},
		ReadBlock: func(ctx context.Context, block tilecache.Block, into tilecache.Pixels) error {
			for y := range into.Height {
				for x, row := 0, tilecache.Row[uint8](into, y, 0); x < len(row); x++ {
					row[x] = uint8((block.Col*256 + x + 2*(block.Row*256+y)) % 251)
				}
			}
			if block.Row == 1 && block.Col == 1 && cancel != nil {
				cancel()
				<-ctx.Done()
				fmt.Println("wanted after the cancel: no")
				return ctx.Err()
			}
			return nil
		},
	}))
	defer own.Close()
	six := make([]uint8, 6)
	must(own.ReadWindow(ctx, tilecache.ArrayOf(six, 3, 2, 1), 254, 255, 0))
	fmt.Println("own:", six[0], six[1], six[2], six[3], six[4], six[5])

	// An error.
	err := own.ReadWindow(ctx, tilecache.ArrayOf(six, 3, 2, 1), 0, 0, 9)
	fmt.Println("error:", err)

	// A cancel.
	ends, end := context.WithCancel(ctx)
	cancel = end
	err = own.ReadWindow(ends, tilecache.ArrayOf(six, 3, 2, 1), 300, 300, 0)
	if failed := new(tilecache.Error); errors.As(err, &failed) {
		fmt.Println("cancel:", failed.Status)
	}

	// End.
}
