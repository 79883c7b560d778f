// Tileserver serves the images of a folder as map tiles: see README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"tilecache"
	"tileserver/encode"
)

func main() {
	if err := run(); err != nil {
		slog.Error("tileserver", "error", err)
		os.Exit(1)
	}
}

func run() error {
	address := flag.String("listen", "127.0.0.1:8080", "address and port")
	budget := flag.Uint64("cache-mib", tilecache.DefaultBudget()>>20, "MiB of the tile cache")
	replyBudget := flag.Int("replies-mib", 64, "MiB of encoded tiles")
	mosaic := flag.String("mosaic", "", "the name of one more layer: all files together")
	empty := flag.String("empty", "tile", "what is answered where nothing is seen: tile, 204 or 404")
	perClient := flag.Int("per-client", 64, "requests of one address at a time")
	requests := flag.Int("requests", 1024, "requests at a time")
	observe := flag.Bool("observe", false, "note what is asked of the cache, so that /cache can advise")
	connections := flag.Int("connections", 4096, "connections at a time")
	store := flag.String("store", "", "the URL of a Redis or Valkey in which servers share what they decode")
	whenEvicted := flag.Bool("store-evicted", false, "decoded blocks go to -store when they leave the memory, and at the end")
	renderTime := flag.Duration("render-time", 30*time.Second, "the longest that a tile may take")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: tileserver [options] FOLDER or FILE")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 || *empty != "tile" && *empty != "204" && *empty != "404" {
		flag.Usage()
		os.Exit(2)
	}
	go func() {
		for range time.Tick(time.Minute) {
			encode.GiveBack()
		}
	}()
	debug.SetGCPercent(50) // what is kept is most of the heap, and not to be there twice
	flags := tilecache.CacheFrequency
	if *observe {
		flags |= tilecache.CacheObserve
	}
	cache, err := tilecache.NewCache(*budget<<20, tilecache.WithFlags(flags))
	if err != nil {
		return err
	}
	defer cache.Close()
	if *store != "" {
		if err := useStore(cache, *store, *whenEvicted); err != nil {
			return err
		}
	}
	folder, err := openFolder(flag.Arg(0), *mosaic, cache, *budget<<20/2)
	if err != nil {
		return err
	}
	defer folder.close()
	folder.hasStore = *store != ""
	if _, err := folder.names(); err != nil {
		return err
	}
	own := newServer(folder, cache, *replyBudget<<20, *empty, limits{rendering: 2 * runtime.GOMAXPROCS(0), perClient: *perClient,
		requests: *requests, renderTime: *renderTime})
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	web := newHTTP(own.handler())
	stop, stopped := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stopped()
	ended := make(chan error, 1)
	go func() { ended <- web.Serve(&limited{listener, make(chan struct{}, *connections)}) }()
	slog.Info("serving", "address", "http://"+listener.Addr().String(), "folder", flag.Arg(0))
	select {
	case err := <-ended:
		return err
	case <-stop.Done():
	}
	// Requests that run are answered; a second signal ends the process.
	stopped()
	within, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := web.Shutdown(within); err != nil {
		return err
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if *store != "" {
		if err := cache.FlushTier(10 * time.Second); err != nil {
			slog.Warn("store", "message", err)
		}
	}
	return nil
}

// newHTTP gives up on clients that say nothing, or not enough.
func newHTTP(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 8 << 10}
}

// limited is a listener that has only so many connections open.
type limited struct {
	net.Listener
	open chan struct{}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		connection, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.open <- struct{}{}:
			return &counted{Conn: connection, open: l.open}, nil
		default:
			_ = connection.Close()
		}
	}
}

type counted struct {
	net.Conn
	open  chan struct{}
	close sync.Once
}

func (c *counted) Close() error {
	c.close.Do(func() { <-c.open })
	return c.Conn.Close()
}
