package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
)

// resident are the bytes in the cache of the levels of a layer's picture.
func (w *world) resident(name string) (bytes uint64) {
	w.Helper()
	l, err := w.own.folder.layer(name)
	if err != nil {
		w.Fatal(err)
	}
	text, err := w.own.cache.StatsJSON()
	if err != nil {
		w.Fatal(err)
	}
	var told struct {
		Providers []struct {
			Key      string
			Resident uint64
		}
	}
	if err := json.Unmarshal(text, &told); err != nil {
		w.Fatal(err)
	}
	for _, provider := range told.Providers {
		if slices.Contains(l.keys, provider.Key) {
			bytes += provider.Resident
		}
	}
	return bytes
}

func TestALayerKeepsItsShare(t *testing.T) {
	w := newWorld(t, nil)
	writeImage(t, filepath.Join(w.folder, "large.tif"), 2500, 2000, 1, mercatorAt(10, 512*256, 400*256))
	if reply, _ := w.get("/tiles/map/10/513/401.png"); reply.StatusCode != 200 {
		t.Fatal(reply.StatusCode)
	}
	before := w.resident("map")
	if before == 0 {
		t.Fatal("nothing of the layer is kept under the keys that have a share")
	}
	if err := w.own.cache.SetBudget(8 << 20); err != nil {
		t.Fatal(err)
	}
	w.own.folder.shared = 4 << 20
	w.get("/layers.json")
	scan := func() {
		for row := range 8 {
			for col := range 10 {
				if reply, body := w.get(fmt.Sprintf("/tiles/large/10/%d/%d.jpg?%d", 512+col, 400+row, row)); reply.StatusCode != 200 {
					t.Fatal(reply.StatusCode, string(body))
				}
			}
		}
	}
	for range 3 { // by frequency of use, it is not the first pass that takes the room
		scan()
		w.own.replies = newReplies(1 << 20)
	}
	shares := uint64(0)
	for key, bytes := range w.own.folder.shares {
		if bytes == 0 {
			t.Errorf("%s has no share", key)
		}
		shares += bytes
	}
	if shares > 4<<20 {
		t.Fatalf("%d bytes are guaranteed", shares)
	}
	share := w.own.folder.shares[w.own.folder.files["map"].layer.keys[0]]
	if now := w.resident("map"); now < min(before, share) || share > 4<<20/4 {
		t.Fatalf("%d bytes of the layer are there, %d before, and %d are guaranteed", now, before, share)
	}
	if large := w.resident("large"); large < 1<<20 {
		t.Fatalf("the other layer has only %d bytes, so nothing had to go", large)
	}
}
