//go:build race

package tilecache

func init() { raced = true }
