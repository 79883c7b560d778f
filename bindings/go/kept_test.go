package tilecache

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// Whatever else fails meanwhile, an error comes out, and comes out again for others who waited.
func TestAnErrorIsKeptUntilItHasComeOut(t *testing.T) {
	defer func(out time.Duration) { keptOutTime = out }(keptOutTime)
	keptOutTime = time.Hour
	var k keptErrors
	first := errors.New("the first")
	code := k.keep(first)
	var codes []int32
	for i := range 50_000 {
		codes = append(codes, k.keep(fmt.Errorf("number %d", i)))
	}
	if err := k.find(code); err != first {
		t.Fatalf("%v came out", err)
	}
	for i, other := range codes {
		if err := k.find(other); err == nil || err.Error() != fmt.Sprintf("number %d", i) {
			t.Fatalf("of number %d came %v", i, err)
		}
	}
	if err := k.find(code); err != first {
		t.Fatalf("%v came out the second time", err)
	}
	if k.find(7) != nil || k.find(code-1) != nil {
		t.Fatal("a number that nobody gave has an error")
	}
}

func TestErrorsAreNotKeptForEver(t *testing.T) {
	defer func(n int, out, waiting time.Duration) { keptOut, keptOutTime, keptWaitingTime = n, out, waiting }(
		keptOut, keptOutTime, keptWaitingTime)
	keptOut, keptOutTime, keptWaitingTime = 10, 0, time.Hour
	var k keptErrors
	var codes []int32
	for i := range 100 {
		codes = append(codes, k.keep(fmt.Errorf("number %d", i)))
		time.Sleep(time.Microsecond)
		if k.find(codes[i]) == nil {
			t.Fatalf("number %d is not there", i)
		}
	}
	if len(k.found) != 10 || k.out.Len() != 10 || k.waiting.Len() != 0 {
		t.Fatalf("%d are kept, %d and %d", len(k.found), k.out.Len(), k.waiting.Len())
	}
	keptWaitingTime = 0
	abandoned := k.keep(errors.New("nobody waits"))
	time.Sleep(time.Millisecond)
	k.keep(errors.New("another"))
	if k.find(abandoned) != nil || k.waiting.Len() != 1 {
		t.Fatal("what nobody waits for is kept")
	}
}

func TestErrorsAreKeptForAllThreads(t *testing.T) {
	var k keptErrors
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 2000 {
				err := errors.New("mine")
				if k.find(k.keep(err)) != err {
					t.Error("another one came out")
				}
			}
		}()
	}
	all.Wait()
}
