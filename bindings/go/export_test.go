package tilecache

import (
	"context"
	"unsafe"
)

type ctx = context.Context

func nothing(ctx, Place, []Pixels, Pixels) error { return nil }

func tileAddress(t *Tile) uintptr { return uintptr(t.pixels.data) }

func objectOf(p *Provider) unsafe.Pointer { return p.object }
