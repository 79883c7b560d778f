module tilecache

go 1.24
