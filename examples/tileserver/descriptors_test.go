package main

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// descriptors are the open files of this process, sockets too, once there are no more than `most`, or after a while.
func descriptors(t *testing.T, most int) int {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		open, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("open files are not told here: ", err)
		}
		if len(open) <= most || time.Now().After(end) {
			return len(open)
		}
	}
}

func TestFilesThatComeAndGoAreClosed(t *testing.T) {
	w := newWorld(t, nil)
	path := filepath.Join(w.folder, "comes and goes.tif")
	turn := func(seed int) {
		t.Helper()
		writeImage(t, path, 300, 200, seed, mercatorAt(10, 512*256, 400*256))
		for _, layer := range []string{"comes%20and%20goes", "all"} {
			if reply, body := w.get("/tiles/" + layer + "/10/512/400.png"); reply.StatusCode != 200 {
				t.Fatal(reply.StatusCode, string(body))
			}
		}
		if seed%2 == 1 {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			if reply, _ := w.get("/tiles/comes%20and%20goes/10/512/400.png"); reply.StatusCode != 404 {
				t.Fatal(reply.StatusCode)
			}
		}
	}
	turn(0)
	before := descriptors(t, math.MaxInt)
	for seed := range 30 {
		turn(seed + 1)
	}
	if now := descriptors(t, before); now > before {
		t.Fatalf("%d files are open, %d before", now, before)
	}
	// What the layers that are gone were guaranteed is free again: all but the shares of those that are there.
	rest := uint64(64 << 20)
	for _, bytes := range w.own.folder.shares {
		rest -= bytes
	}
	if err := w.own.cache.SetShare("probe", 0, rest); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCouldNotBeOpenedIsTriedAgain(t *testing.T) {
	w := newWorld(t, nil)
	path := filepath.Join(w.folder, "late.tif")
	writeImage(t, path, 300, 200, 0, nil)
	known := &file{name: "late.tif"}
	if _, err := w.own.folder.names(); err != nil {
		t.Fatal(err)
	}
	known.generation = w.own.folder.files["late"].generation
	known.once.Do(func() { known.err = fmt.Errorf("there were too many files open: %w", context.DeadlineExceeded) })
	known.failed.Store(time.Now().UnixNano())
	w.own.folder.files["late"] = known
	if reply, _ := w.get("/tiles/late/0/0/0.png"); reply.StatusCode != 504 {
		t.Fatal(reply.StatusCode)
	}
	w.own.folder.retry = 0
	if reply, _ := w.get("/tiles/late/0/0/0.png"); reply.StatusCode != 200 {
		t.Fatal(reply.StatusCode)
	}
}
