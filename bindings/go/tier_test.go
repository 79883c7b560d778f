package tilecache

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tilecache/internal/tier"
)

func newCacheWithTier(t *testing.T) *Cache {
	t.Helper()
	cache := newCache(t, 64<<20)
	fails(t, cache.SetTier(tier.Table()))
	return cache
}

func TestAnotherTierHasWhatWasDecoded(t *testing.T) {
	var reads atomic.Int64
	source := scene(100, 100, 50, 1, &reads)
	source.FleetID = "scene of Go, version 1"
	var caches []*Cache
	var images []*Provider
	for range 2 {
		cache := newCacheWithTier(t)
		image := closing(t, must[*Provider](t)(NewSource(source)))
		image = closing(t, must[*Provider](t)(image.Cached(cache)))
		caches, images = append(caches, cache), append(images, image)
		sample := make([]uint8, 1)
		fails(t, image.ReadWindow(background, ArrayOf(sample, 1, 1, 1), 60, 70, 0))
		if int(sample[0]) != sampleAt(60, 70, 0, 0) {
			t.Fatalf("the sample is %d", sample[0])
		}
	}
	if reads.Load() != 1 {
		t.Fatalf("%d blocks were decoded", reads.Load())
	}
	if stats := must[TierStats](t)(caches[1].TierStats()); stats.Gets != 1 || stats.Hits != 1 || stats.HitBytes != 2500 || stats.State != TierClosed {
		t.Fatalf("%+v", stats)
	}
	fails(t, caches[0].FlushTier(time.Minute))
	tier.Away(true)
	err := images[0].InvalidateFleet()
	away := must[TierStats](t)(caches[0].TierStats())
	tier.Away(false)
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "the store is away") {
		t.Fatal(err)
	}
	if away.Puts != 1 || away.PurgesFailed != 1 || away.State != TierOpen || away.Unreachable == 0 {
		t.Fatalf("%+v", away)
	}
	fails(t, images[0].InvalidateFleet())
	sample := make([]uint8, 1)
	fails(t, images[0].ReadWindow(background, ArrayOf(sample, 1, 1, 1), 60, 70, 0))
	if stats := must[TierStats](t)(caches[0].TierStats()); stats.Purges != 1 || reads.Load() != 2 {
		t.Fatalf("%+v, and %d blocks were decoded", stats, reads.Load())
	}
}

func TestAFileIsKnownToTiersByItsName(t *testing.T) {
	for i := range 2 {
		cache := newCacheWithTier(t)
		file := closing(t, must[*Provider](t)(Open("../tour/scene.tif", WithFleetID("scene, version 1"))))
		tiles := closing(t, must[*Provider](t)(file.Retile(cache)))
		fails(t, tiles.UseBlock(background, 0, 0, 0, func(Pixels) error { return nil }))
		counted, _, err := file.Stats()
		fails(t, err)
		if (counted.Loads > 0) != (i == 0) {
			t.Fatalf("time %d decodes %d blocks", i, counted.Loads)
		}
	}
}

func TestTiersThatCannotBeAreRefused(t *testing.T) {
	cache := newCache(t, 1<<20)
	if err := cache.SetTier(nil); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	if _, err := cache.TierStats(); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if err := cache.FlushTier(-1); !errors.Is(err, ErrNotFound) {
		t.Fatal(err)
	}
	if err := newScene(t, 10, 10, 10, 1).InvalidateFleet(); !errors.Is(err, ErrUnsupported) {
		t.Fatal(err)
	}
	if _, err := Open("../tour/scene.tif", WithFleetID("a\x00b")); !errors.Is(err, ErrArgument) {
		t.Fatal(err)
	}
	fails(t, cache.SetTier(tier.Table()))
	if err := cache.SetTier(tier.Table()); !errors.Is(err, ErrArgument) || !strings.Contains(err.Error(), "tier") {
		t.Fatal(err)
	}
}
