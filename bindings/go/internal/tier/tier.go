// Package tier is the tier of memory that the tests give to their caches, as a library of tiers would.
package tier

// #cgo pkg-config: tilecache
// #include "../../../tier/memory.c"
import "C"

import "unsafe"

// Table is the address of a tc_tier for one cache.
func Table() unsafe.Pointer { return unsafe.Pointer(C.memory_tier()) }

// Away says whether the store is away.
func Away(away bool) {
	n := C.int32_t(0)
	if away {
		n = 1
	}
	C.memory_tier_away(n)
}
