package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"unsafe"
)

// Chain is steps from the samples of an image to a picture, told by a text such as "bands=3,2,1|stretch=2..98%|u8". See
// tc_chain_parse. It never changes.
type Chain struct{ reference }

func (c *Chain) ref() *reference {
	if c == nil {
		return nil
	}
	return &c.reference
}

// Close gives the chain up. Closing twice is closing once; it never fails.
func (c *Chain) Close() error { return c.ref().close() }

func (c *Chain) c() *C.tc_chain {
	if c == nil {
		return nil
	}
	return (*C.tc_chain)(c.object)
}

func releaseChain(object unsafe.Pointer) { C.tc_chain_release((*C.tc_chain)(object)) }

func newChain(object *C.tc_chain) *Chain {
	c := new(Chain)
	hold(c, &c.reference, unsafe.Pointer(object), releaseChain)
	return c
}

func chainOf(call func(made **C.tc_chain, err *C.tc_error) C.tc_status, of ...*reference) (*Chain, error) {
	if err := fits(); err != nil {
		return nil, err
	}
	done, err := acquireAll(of...)
	if err != nil {
		return nil, err
	}
	defer done()
	var object *C.tc_chain
	var cErr C.tc_error
	if err := failure(call(&object, &cErr), &cErr); err != nil {
		return nil, err
	}
	return newChain(object), nil
}

// ParseChain is a chain out of its text.
func ParseChain(text string) (*Chain, error) {
	t, err := cString("text", text)
	if err != nil {
		return nil, err
	}
	defer C.free(unsafe.Pointer(t))
	return chainOf(func(made **C.tc_chain, e *C.tc_error) C.tc_status { return C.tc_chain_parse(t, made, e) })
}

// Resolve puts all constants into a chain that a provider and statistics tell; statistics may be nil where none are
// needed.
func (c *Chain) Resolve(source *Provider, stats *PixelStats) (*Chain, error) {
	return chainOf(func(made **C.tc_chain, e *C.tc_error) C.tc_status {
		return C.tc_chain_resolve(c.c(), source.c(), stats.c(), made, e)
	}, c.ref(), source.ref(), stats.ref())
}

// Compose is this chain, then another over its output.
func (c *Chain) Compose(then *Chain) (*Chain, error) {
	return chainOf(func(made **C.tc_chain, e *C.tc_error) C.tc_status {
		return C.tc_chain_compose(c.c(), then.c(), made, e)
	}, c.ref(), then.ref())
}

// String is the text of the chain in its canonical form, empty after Close.
func (c *Chain) String() string {
	if c == nil || c.acquire() != nil {
		return ""
	}
	defer c.done()
	return C.GoString(C.tc_chain_text(c.c()))
}

// Why tells why a chain of AutoChain is as it is, a line for each decision.
func (c *Chain) Why() string {
	if c == nil || c.acquire() != nil {
		return ""
	}
	defer c.done()
	return C.GoString(C.tc_chain_why(c.c()))
}

// ChainInfo is what a chain takes and gives. See tc_chain_about.
type ChainInfo struct {
	Flags                        ChainFlags
	LeastBands, MostBands, Bands int
	DType                        DType
	Colours                      [4]Colour
}

// Info is what a chain takes and gives, as its text alone tells.
func (c *Chain) Info() (ChainInfo, error) {
	if c == nil {
		return ChainInfo{}, invalid("the chain is nil")
	}
	if err := c.acquire(); err != nil {
		return ChainInfo{}, err
	}
	defer c.done()
	told := C.tc_chain_about{struct_size: C.sizeof_tc_chain_about}
	var cErr C.tc_error
	if err := failure(C.tc_chain_info(c.c(), &told, &cErr), &cErr); err != nil {
		return ChainInfo{}, err
	}
	info := ChainInfo{Flags: ChainFlags(told.flags), LeastBands: int(told.least_bands), MostBands: int(told.most_bands),
		Bands: int(told.bands), DType: DType(told.dtype)}
	for i, colour := range told.colours {
		info.Colours[i] = Colour(colour)
	}
	return info, nil
}

// Apply applies a resolved chain to pixels, without a provider. Samples of a row of `input` and `mask` must lie side by
// side; where the mask, of one band of uint8, is 0, nothing is data; Array{} is none. `out` is as large as `input`.
func (c *Chain) Apply(input, mask, out Array) error {
	arrays := []Array{input, out}
	if mask.data != nil {
		arrays = append(arrays, mask)
	}
	for i, array := range arrays {
		if err := array.check(); err != nil {
			return err
		}
		if i != 1 {
			if err := array.checkRows(); err != nil {
				return err
			}
		}
	}
	if c == nil {
		return invalid("the chain is nil")
	}
	if err := c.acquire(); err != nil {
		return err
	}
	defer c.done()
	var cErr C.tc_error
	return failure(C.tcgo_chain_apply(c.c(), input.begin(), input.toC(), mask.begin(), mask.toC(), out.begin(), out.toC(), &cErr), &cErr)
}

// AutoChain is the chain that shows the image, made from what is known of it and from statistics; Why tells each
// decision. Without options it reads windows at fixed places.
//
// Options: those of PixelStats.
func (p *Provider) AutoChain(ctx context.Context, options ...Option) (*Chain, error) {
	if len(options) == 0 {
		options = []Option{WithFlags(SampleWindows)}
	}
	var object *C.tc_chain
	err := p.sampled(ctx, "AutoChain", options, func(from *C.tc_provider, set *C.tc_sample_options, e *C.tc_error) C.tc_status {
		return C.tc_chain_auto(from, set, &object, e)
	})
	if err != nil {
		return nil, err
	}
	return newChain(object), nil
}
