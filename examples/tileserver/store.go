package main

/*
#cgo pkg-config: tilecache
#cgo CFLAGS: -I${SRCDIR}/../../tiers/redis/include
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <tilecache_redis.h>

extern void storeSays(void *user, char *message);

static void says(void *user, const char *message) { storeSays(user, (char *)message); }

// The table of a store; the library that makes it is loaded when a store is asked for, so that a server without one does
// not need it.
static tc_status store(const char *library, const char *url, uint32_t flags, tc_tier *tier, tc_error *err)
{
  const tc_tier_redis_options options = {.struct_size = sizeof options, .flags = flags, .log = says};
  void *loaded = dlopen(library, RTLD_NOW);
  tc_status (*make)(const char *, const tc_tier_redis_options *, tc_tier *, tc_error *) = NULL;
  if (loaded != NULL)
    *(void **)&make = dlsym(loaded, "tc_tier_redis");
  if (make == NULL) {
    err->code = TC_E_UNSUPPORTED;
    snprintf(err->message, sizeof err->message, "%s", dlerror());
    return err->code;
  }
  return make(url, &options, tier, err);
}

static void give_back(tc_tier *tier) { tier->release(tier->user); }
*/
import "C"

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"unsafe"

	"tilecache"
)

const storeLibrary = "libtilecache_redis.so.0"

// useStore gives a new cache a Redis or Valkey behind its memory, see docs/fleet.md; it gets blocks when they were decoded, or when
// they leave the memory.
func useStore(cache *tilecache.Cache, url string, whenEvicted bool) error {
	library, at := C.CString(storeLibrary), C.CString(url)
	defer C.free(unsafe.Pointer(library))
	defer C.free(unsafe.Pointer(at))
	var flags C.uint32_t
	if whenEvicted {
		flags = C.TC_TIER_REDIS_PUT_EVICTED
	}
	var tier C.tc_tier
	var told C.tc_error
	if C.store(library, at, flags, &tier, &told) != C.TC_OK {
		return errors.New("-store: " + C.GoString(&told.message[0]))
	}
	if err := cache.SetTier(unsafe.Pointer(&tier)); err != nil {
		C.give_back(&tier)
		return err
	}
	return nil
}

//export storeSays
func storeSays(_ unsafe.Pointer, message *C.char) { slog.Warn("store", "message", C.GoString(message)) }

// storeName is what a file is called in a store: its size, time and ends say so, and not where it lies. Servers that have it
// with the same time share its blocks, and a file that is written anew has another name, so nothing needs to be purged.
func storeName(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	const end = 64 << 10
	sum := sha256.New()
	for _, from := range []int64{0, max(0, info.Size()-end)} {
		if _, err := io.Copy(sum, io.NewSectionReader(file, from, end)); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("tileserver:%d:%d:%s", info.Size(), info.ModTime().UnixNano(), hex.EncodeToString(sum.Sum(nil))), nil
}
