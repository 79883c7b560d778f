package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tilecache"
)

// redisServer is the URL of one that ends with the test. Debian's package of tools has the server as redis-check-rdb.
func redisServer(t *testing.T) string {
	t.Helper()
	program := os.Getenv("REDIS_SERVER")
	if program == "" {
		program = "redis-check-rdb"
	}
	found, err := exec.LookPath(program)
	if err != nil {
		t.Skip("there is no Redis: " + err.Error())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	_ = listener.Close()
	server := &exec.Cmd{Path: found, Dir: t.TempDir(),
		Args: []string{"redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"}}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for range 500 {
		if connection, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = connection.Close()
			return "redis://127.0.0.1:" + port
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("Redis does not start")
	return ""
}

// askedOnce starts a server over a store, asks it for a path, and says what it and its metrics answer, and what the store did.
// The server ends as one that is told to.
func askedOnce(t *testing.T, folder, url, path string, whenEvicted bool) ([]byte, string, tilecache.TierStats) {
	t.Helper()
	cache, err := tilecache.NewCache(64 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	if err := useStore(cache, url, whenEvicted); err != nil {
		if os.Getenv("TILESERVER_STORE") == "" && strings.Contains(err.Error(), storeLibrary) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	files, err := openFolder(folder, "", cache, 32<<20)
	if err != nil {
		t.Fatal(err)
	}
	files.hasStore = true
	defer files.close()
	own := newServer(files, cache, 8<<20, "tile", limits{rendering: 4, perClient: 64, requests: 256, renderTime: 20 * time.Second})
	web := httptest.NewServer(own.handler())
	defer web.Close()
	get := func(path string) []byte {
		reply, err := http.Get(web.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer reply.Body.Close()
		body, err := io.ReadAll(reply.Body)
		if err != nil || reply.StatusCode != http.StatusOK {
			t.Fatal(reply.Status, err, string(body))
		}
		return body
	}
	tile := get(path)
	if stats, err := cache.TierStats(); err != nil || whenEvicted && stats.LeasesWon != 0 {
		t.Fatal(stats, err)
	}
	if err := cache.FlushTier(20 * time.Second); err != nil {
		t.Fatal("what was decoded is not stored: ", err)
	}
	stats, err := cache.TierStats()
	if err != nil || stats.Queued+stats.Owed != 0 {
		t.Fatal(stats, err)
	}
	return tile, string(get("/metrics")), stats
}

func TestServersShareWhatTheyDecode(t *testing.T) {
	t.Run("when it was decoded", func(t *testing.T) { serversShare(t, false) })
	t.Run("when it leaves the memory", func(t *testing.T) { serversShare(t, true) })
}

func serversShare(t *testing.T, whenEvicted bool) {
	t.Helper()
	url, folder := redisServer(t), t.TempDir()
	path := filepath.Join(folder, "map.tif")
	write := func(seed int) { writeImage(t, path, 600, 500, seed, mercatorAt(10, 512*256+100, 400*256+50)) }
	write(0)
	const wanted = "/tiles/map/10/513/401.png"
	first, _, stats := askedOnce(t, folder, url, wanted, whenEvicted)
	if stats.Hits != 0 || stats.Puts == 0 || stats.Unnamed != 0 {
		t.Fatalf("%+v", stats)
	}
	again, metrics, stats := askedOnce(t, folder, url, wanted, whenEvicted)
	if stats.Hits == 0 || stats.Garbage+stats.Unreachable != 0 {
		t.Fatalf("%+v", stats)
	}
	if !bytes.Equal(first, again) {
		t.Fatal("another tile")
	}
	if told := fmt.Sprintf("\ntileserver_store_hits_total %d\n", stats.Hits); !strings.Contains(metrics, told) {
		t.Fatal(metrics)
	}
	// Written anew it is another file, of which the store has nothing.
	write(99)
	changed, _, stats := askedOnce(t, folder, url, wanted, whenEvicted)
	if stats.Hits != 0 || bytes.Equal(changed, first) {
		t.Fatalf("%+v", stats)
	}
	// A file has one name, by whatever path it is opened; the same pixels at another time have another one.
	link := filepath.Join(folder, "link.tif")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	one, _ := storeName(path)
	other, err := storeName(link)
	if err != nil || one != other {
		t.Fatal(one, other, err)
	}
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if touched, _ := storeName(path); touched == one {
		t.Fatal(touched)
	}
}

func TestAStoreThatCannotBeIsSaidAtTheStart(t *testing.T) {
	cache, err := tilecache.NewCache(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer cache.Close()
	if err := useStore(cache, "http://host", false); err == nil || !strings.Contains(err.Error(), "-store: ") {
		t.Fatal(err)
	}
}
