package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// checkOutput says, before anything is computed for it, whether what a flag
// names can be written: a file, or a directory of files, which it makes. "" is nothing
// to write.
func checkOutput(flag, out string, isDir bool) error {
	if out == "" {
		return nil
	}
	dir := out
	var err error
	if isDir {
		err = os.MkdirAll(dir, 0o777)
	} else {
		dir = filepath.Dir(out)
		if info, statErr := os.Stat(out); statErr == nil && info.IsDir() {
			err = fmt.Errorf("%s is a directory", out)
		}
	}
	if err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(dir, ".ltadbench-*"); err == nil {
			probe.Close()
			err = os.Remove(probe.Name())
		}
	}
	if err != nil {
		return fault.New(fault.System, "--%s %s: cannot write: %w", flag, out, err).WithHint("name a place that you may write to")
	}
	return nil
}
