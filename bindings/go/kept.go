package tilecache

import (
	"container/list"
	"math"
	"sync"
	"time"
)

// keptErrors are errors of functions of yours on their way through the library, which sees numbers. Each is kept until it
// has come out of a call, whatever else fails meanwhile; then a while longer, for calls that waited for the same tile.
type keptErrors struct {
	mutex sync.Mutex
	next  int32
	found map[int32]*list.Element // of a keptError, in one of the lists

	waiting, out list.List // the oldest in front
}

type keptError struct {
	code  int32
	err   error
	since time.Time // kept, or come out
	isOut bool
}

const firstKept = 1 << 30

var (
	kept keptErrors

	// Of those that have come out so many are kept, and all that did within the time.
	keptOut     = 1024
	keptOutTime = time.Second
	// What has not come out by then never will: whoever asked has been cancelled.
	keptWaitingTime = 10 * time.Minute
)

func (k *keptErrors) keep(err error) int32 {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	now := time.Now()
	for first := k.waiting.Front(); first != nil && now.Sub(first.Value.(*keptError).since) > keptWaitingTime; first = k.waiting.Front() {
		k.forget(&k.waiting, first)
	}
	if k.found == nil {
		k.found = map[int32]*list.Element{}
	}
	code := firstKept + k.next
	k.next = (k.next + 1) % (math.MaxInt32 - firstKept)
	k.found[code] = k.waiting.PushBack(&keptError{code: code, err: err, since: now})
	return code
}

func (k *keptErrors) find(code int32) error {
	if code < firstKept {
		return nil
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	element := k.found[code]
	if element == nil {
		return nil
	}
	e := element.Value.(*keptError)
	if !e.isOut {
		e.isOut, e.since = true, time.Now()
		k.waiting.Remove(element)
		k.found[code] = k.out.PushBack(e)
		for first := k.out.Front(); k.out.Len() > keptOut && e.since.Sub(first.Value.(*keptError).since) > keptOutTime; first = k.out.Front() {
			k.forget(&k.out, first)
		}
	}
	return e.err
}

func (k *keptErrors) forget(from *list.List, element *list.Element) {
	delete(k.found, from.Remove(element).(*keptError).code)
}
