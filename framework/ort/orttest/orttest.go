// Package orttest gets ONNX Runtime ready for tests.
package orttest

import (
	"context"
	"sync"
	"testing"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/ort"
)

var ready = sync.OnceValue(func() error {
	l, err := ort.Ensure(context.Background(), ort.Options{})
	if err != nil {
		return err
	}
	return ort.Init(l)
})

// Init finds or fetches ONNX Runtime and loads it, once per test binary; any
// number of binaries may do so at once. It ends the test if that fails: on a
// fresh machine the tests set up what they need.
func Init(t testing.TB) {
	t.Helper()
	if err := ready(); err != nil {
		t.Fatal(fault.Format(err))
	}
}
