package tilecache

// #include "bridge.h"
import "C"

import "unsafe"

// ProviderFromC takes over a reference to a tc_provider that code in C has made, such as tc_gdal_open.
func ProviderFromC(object unsafe.Pointer) (*Provider, error) {
	if object == nil {
		return nil, invalid("the provider is NULL")
	}
	return newProvider((*C.tc_provider)(object)), nil
}

// TransformFromC takes over a reference to a tc_transform that code in C has made, such as tc_gdal_transform.
func TransformFromC(object unsafe.Pointer) (*Transform, error) {
	if object == nil {
		return nil, invalid("the transformation is NULL")
	}
	return newTransform(func(t **C.tc_transform, _ *C.tc_error) C.tc_status {
		*t = (*C.tc_transform)(object)
		return C.TC_OK
	})
}

// UseC calls a function with the tc_provider, for calls of code in C; it is valid during the call.
func (p *Provider) UseC(f func(object unsafe.Pointer) error) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.done()
	return f(p.object)
}
