package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"unsafe"
)

// Error tells these statuses as errors, so that errors.Is(err, tilecache.ErrNotFound) holds of an error with that
// status.
func (s Status) Error() string { return s.String() }

// String is the name that the header gives the status, such as TC_E_RANGE.
func (s Status) String() string { return C.GoString(C.tc_status_name(C.tc_status(s))) }

// Is relates statuses to errors of the standard library: fs.ErrNotExist, errors.ErrUnsupported, context.Canceled.
func (s Status) Is(target error) bool {
	switch s {
	case ErrNotFound:
		return target == fs.ErrNotExist
	case ErrUnsupported:
		return target == errors.ErrUnsupported
	case ErrCancelled:
		return target == context.Canceled
	}
	return false
}

// Error is what a call failed with.
type Error struct {
	Status Status
	// SourceCode is, with ErrSource, the number that a callback of C returned; of Go it only tells errors apart.
	SourceCode int32
	// Message says what was wrong, with the value.
	Message string
	cause   []error
}

func (e *Error) Error() string { return e.Status.String() + ": " + e.Message }

// Unwrap gives the status, and what a function of yours returned or panicked with, if one failed.
func (e *Error) Unwrap() []error { return append([]error{e.Status}, e.cause...) }

// ErrClosed is what calls fail with after Close.
var ErrClosed = errors.New("used after Close")

var errClosed = &Error{Status: ErrArgument, Message: "used after Close", cause: []error{ErrClosed, fs.ErrClosed}}

// PanicError is the panic of a function of yours that the library has called. It comes out of the call that needed
// that function, wrapped in an Error, also on other goroutines.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives the value, where that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func invalid(format string, values ...any) error {
	return &Error{Status: ErrArgument, Message: fmt.Sprintf(format, values...)}
}

func outside(format string, values ...any) error {
	return &Error{Status: ErrRange, Message: fmt.Sprintf(format, values...)}
}

// failure makes an error of what the library says.
func failure(status C.tc_status, err *C.tc_error) error {
	if status == C.TC_OK {
		return nil
	}
	e := &Error{Status: Status(status), SourceCode: int32(err.source_code), Message: C.GoString(&err.message[0])}
	// Transformations fail with negative numbers only.
	if cause := kept.find(max(e.SourceCode, -e.SourceCode)); cause != nil && e.Status == ErrSource {
		e.cause = []error{cause}
		if e.SourceCode < 0 {
			e.Message += ": " + cause.Error() // they have no text either
		}
	}
	return e
}

// ended is the error of a call whose context has ended.
func ended(ctx context.Context) error {
	return &Error{Status: ErrCancelled, Message: context.Cause(ctx).Error(), cause: []error{ctx.Err(), context.Cause(ctx)}}
}

// handsOn are the failures of the library that a callback may hand on as they are.
var handsOn = map[Status]bool{ErrCancelled: true, ErrReentrant: true, ErrNoMemory: true, ErrLimit: true, ErrIO: true,
	ErrCorrupt: true, ErrUnsupported: true, ErrChanged: true, ErrInternal: true}

// guarded calls a function of yours for the library, and tells that of its error or panic.
func guarded(into *C.tc_error, call func() error) (status C.tc_status) {
	defer func() {
		if value := recover(); value != nil {
			status = tell(into, &PanicError{Value: value, Stack: debug.Stack()})
		}
	}()
	return tell(into, call())
}

func tell(into *C.tc_error, err error) C.tc_status {
	if err == nil {
		return C.TC_OK
	}
	status, code, text := C.tc_status(C.TC_E_SOURCE), int32(0), err.Error()
	var own *Error
	if errors.As(err, &own) && handsOn[own.Status] && len(own.cause) == 0 {
		status, text = C.tc_status(own.Status), own.Message
	} else {
		code = kept.keep(err)
	}
	if into != nil {
		into.code, into.source_code = status, C.int32_t(code)
		message := unsafe.Slice((*byte)(unsafe.Pointer(&into.message[0])), len(into.message))
		message[copy(message[:len(message)-1], text)] = 0
	}
	return status
}

// narrow is a number as the library takes it.
func narrow(what string, value int) (C.int32_t, error) {
	if value != int(int32(value)) {
		return 0, outside("%s is %d", what, value)
	}
	return C.int32_t(value), nil
}
