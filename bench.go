// Package ltadbench holds the default benchmark, which is also the manual of the
// configuration format. The command is in cmd/ltadbench.
package ltadbench

import _ "embed"

// DefaultConfig is bench.yaml, the benchmark that runs where no other is given.
//
//go:embed bench.yaml
var DefaultConfig []byte
