module tileserver

go 1.24

require tilecache v0.1.0

replace tilecache => ../../bindings/go
