package tilecache

// #include "bridge.h"
import "C"

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// String is what a message of a log is about, in lower case: "damage", "slow", "evicted".
func (e LogEvent) String() string {
	names := [...]string{LogDamage: "damage", LogGeoreference: "georeference", LogSlow: "slow", LogFailed: "failed",
		LogChanged: "changed", LogEvicted: "evicted", LogRejected: "rejected", LogOverdue: "overdue"}
	if e < LogEvent(len(names)) && names[e] != "" {
		return names[e]
	}
	return "event of a later version"
}

// WithLog has a cache or an opening tell a logger what happens, with the attributes "event" and "subject", as far as its
// handler is enabled for it when the option is used. Loads that take `slow` or longer are told of; 0 is a second. The
// handler is called inside calls of the library, on several goroutines at once.
func WithLog(logger *slog.Logger, slow time.Duration) Option {
	return Option{"Log", func(s *settings) { s.log, s.slow = logger, slow }}
}

// userLog is a logger that hears of what happens.
type userLog struct {
	logger *slog.Logger
	gone   atomic.Bool // the library needs it no more
}

var levels = [...]slog.Level{C.TC_LOG_ERROR: slog.LevelError, C.TC_LOG_WARNING: slog.LevelWarn,
	C.TC_LOG_INFO: slog.LevelInfo, C.TC_LOG_DEBUG: slog.LevelDebug}

// logOf is what the options say of a log; `failed` is to be called with the error of the call, or nil.
func (s *settings) logOf(m *scratch) (log *C.tc_log, failed func(error)) {
	level := C.TC_LOG_DEBUG
	for s.log != nil && level > 0 && !s.log.Enabled(context.Background(), levels[level]) {
		level--
	}
	if s.log == nil || level == 0 {
		return nil, func(error) {}
	}
	own := &userLog{logger: s.log}
	user := newUser(own)
	log = &C.tc_log{struct_size: C.sizeof_tc_log, level: C.uint32_t(level), slow_ms: C.uint32_t(unsigned(int(s.slow.Milliseconds()))),
		write: (*[0]byte)(C.tcgo_log), user: user, release: (*[0]byte)(C.tcgo_release)}
	m.pins.Pin(log)
	return log, func(err error) {
		// It is not released where arguments were refused.
		if err != nil && !own.gone.Load() {
			m.forgotten = append(m.forgotten, user)
		}
	}
}

//export tilecacheGoLog
func tilecacheGoLog(user C.uintptr_t, level, event C.int32_t, subject, text *C.char) {
	logger := valueOf[*userLog](user).logger
	at := levels[min(max(int(level), C.TC_LOG_ERROR), C.TC_LOG_DEBUG)]
	_ = guarded(nil, func() error {
		logger.LogAttrs(context.Background(), at, C.GoString(text),
			slog.String("event", LogEvent(event).String()), slog.String("subject", C.GoString(subject)))
		return nil
	})
}
