package tilecache

import (
	"runtime"
	"sync/atomic"
	"unsafe"
)

// reference is a reference to an object of the library. Calls hold it while they run, so that it is given up when it
// was closed and the last of them has returned.
type reference struct {
	object  unsafe.Pointer // of C
	release func(unsafe.Pointer)
	calls   atomic.Int64 // that run, and isClosed
	net     runtime.Cleanup
}

const isClosed = 1 << 62

// acquire begins a call, which ends with done.
func (r *reference) acquire() error {
	for {
		calls := r.calls.Load()
		if calls&isClosed != 0 {
			return errClosed
		}
		if r.calls.CompareAndSwap(calls, calls+1) {
			return nil
		}
	}
}

func (r *reference) done() {
	if r.calls.Add(-1) == isClosed {
		r.release(r.object)
	}
}

// close gives the object up. Calls that run end as if it were still there, later ones fail with ErrClosed. Closing twice
// is closing once, and closing nil nothing. It never waits for a load, and always returns nil.
func (r *reference) close() error {
	if r == nil {
		return nil
	}
	before := r.calls.Or(isClosed)
	if before&isClosed == 0 {
		r.net.Stop()
		if before == 0 {
			r.release(r.object)
		}
	}
	return nil
}

// hold makes a reference of `owner`, in which `r` lies.
func hold[T any](owner *T, r *reference, object unsafe.Pointer, release func(unsafe.Pointer)) {
	r.object, r.release = object, release
	r.net = runtime.AddCleanup(owner, release, object)
}

// acquireAll begins a call that uses several objects; the function that is returned ends it.
func acquireAll(all ...*reference) (func(), error) {
	for i, r := range all {
		if r == nil {
			continue
		}
		if err := r.acquire(); err != nil {
			doneAll(all[:i])
			return nil, err
		}
	}
	return func() { doneAll(all) }, nil
}

func doneAll(all []*reference) {
	for _, r := range all {
		if r != nil {
			r.done()
		}
	}
}
