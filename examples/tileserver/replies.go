package main

import (
	"container/list"
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// replies keeps encoded tiles within a budget of bytes, and has each made once for all who ask for it at the same time.
// What is made ends when the last of them has left.
type replies struct {
	mutex   sync.Mutex
	budget  int
	bytes   int
	byKey   map[string]*list.Element
	order   *list.List // the last used first
	flights map[string]*flight

	hits, misses, joined, abandoned int64
}

type reply struct {
	key   string
	bytes []byte
	empty bool
}

// replyCost is what a reply takes beside its bytes.
const replyCost = 256

type flight struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiting int
	reply   *reply
	err     error
}

func newReplies(budget int) *replies {
	return &replies{budget: budget, byKey: map[string]*list.Element{}, order: list.New(), flights: map[string]*flight{}}
}

// get is a reply that is kept, or made now.
func (r *replies) get(ctx context.Context, key string, render func(ctx context.Context) ([]byte, bool, error)) (*reply, error) {
	r.mutex.Lock()
	if at := r.byKey[key]; at != nil {
		r.hits++
		r.order.MoveToFront(at)
		r.mutex.Unlock()
		return at.Value.(*reply), nil
	}
	f := r.flights[key]
	if f != nil {
		r.joined++
	} else {
		r.misses++
		under, cancel := context.WithCancel(context.WithoutCancel(ctx))
		f = &flight{done: make(chan struct{}), cancel: cancel}
		r.flights[key] = f
		go r.fly(under, f, key, render)
	}
	f.waiting++
	r.mutex.Unlock()

	select {
	case <-f.done:
		return f.reply, f.err
	case <-ctx.Done():
		r.mutex.Lock()
		defer r.mutex.Unlock()
		if f.waiting--; f.waiting == 0 {
			r.abandoned++
			f.cancel()
			if r.flights[key] == f { // whoever comes now has it made anew
				delete(r.flights, key)
			}
		}
		return nil, ctx.Err()
	}
}

func (r *replies) fly(ctx context.Context, f *flight, key string, render func(ctx context.Context) ([]byte, bool, error)) {
	defer f.cancel()
	bytes, empty, err := guarded(ctx, render)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	f.reply, f.err = &reply{key, bytes, empty}, err
	if r.flights[key] == f {
		delete(r.flights, key)
	}
	if err == nil && r.byKey[key] == nil && len(bytes)+replyCost <= r.budget {
		r.byKey[key] = r.order.PushFront(f.reply)
		for r.bytes += len(bytes) + replyCost; r.bytes > r.budget; {
			last := r.order.Remove(r.order.Back()).(*reply)
			delete(r.byKey, last.key)
			r.bytes -= len(last.bytes) + replyCost
		}
	}
	close(f.done)
}

// guarded makes a panic the failure of one reply.
func guarded(ctx context.Context, render func(ctx context.Context) ([]byte, bool, error)) (bytes []byte, empty bool, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("panic: %v\n%s", value, debug.Stack())
		}
	}()
	return render(ctx)
}
