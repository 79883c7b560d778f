package tilecache

// #include "bridge.h"
import "C"

import (
	"io"
	"unsafe"
)

// StatsJSON tells of the cache, each key in it and each source beneath, as JSON for programs; in a cache that observes
// (WithFlags(CacheObserve)) with advice. See tc_statistics_json.
func (c *Cache) StatsJSON() ([]byte, error) {
	return sized(func(into *C.char, room C.size_t, bytes *C.size_t) (status C.tc_status, err error) {
		err = c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status {
			status = C.tc_statistics_json(c, into, room, bytes, e)
			return status
		})
		return status, err
	})
}

// StatsJSON is Stats as JSON. See provider_counters_json.
func (p *Provider) StatsJSON() ([]byte, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.done()
	return sized(func(into *C.char, room C.size_t, bytes *C.size_t) (C.tc_status, error) {
		var cErr C.tc_error
		status := C.provider_counters_json(p.c(), into, room, bytes, &cErr)
		return status, failure(status, &cErr)
	})
}

// sized is a text whose size is told with it, and may have grown when it is asked for again.
func sized(text func(into *C.char, room C.size_t, bytes *C.size_t) (C.tc_status, error)) ([]byte, error) {
	var bytes C.size_t
	if _, err := text(nil, 0, &bytes); err != nil {
		return nil, err
	}
	for {
		into := make([]byte, bytes+bytes/8+1)
		status, err := text((*C.char)(unsafe.Pointer(&into[0])), C.size_t(len(into)), &bytes)
		if err == nil {
			return into[:bytes-1], nil // without the byte of 0
		}
		if status != C.TC_E_LIMIT || int(bytes) <= len(into) {
			return nil, err
		}
	}
}

// Report writes a picture of the cache as a page of HTML, in one file without scripts. An error of the writer comes out
// again. See tc_report.
func (c *Cache) Report(to io.Writer) error {
	var m scratch
	defer m.done()
	user := newUser(&userWriter{to})
	m.forgotten = append(m.forgotten, user)
	return c.call(func(c *C.tc_cache, e *C.tc_error) C.tc_status {
		return C.tc_report(c, (*[0]byte)(C.tcgo_write), user, e)
	})
}

// userWriter takes a text part by part.
type userWriter struct{ to io.Writer }

//export tilecacheGoWrite
func tilecacheGoWrite(user C.uintptr_t, text *C.char, bytes C.size_t, err *C.tc_error) C.tc_status {
	w := valueOf[*userWriter](user)
	return guarded(err, func() error {
		_, err := w.to.Write(C.GoBytes(unsafe.Pointer(text), C.int(bytes)))
		return err
	})
}
