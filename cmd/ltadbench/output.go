package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/result"
)

// checkOutput says, before anything is computed for it, whether what a flag names can
// be written: a file, or a directory of files, which it makes. "" is nothing to write.
func checkOutput(flag, out string, isDir bool) error {
	if out == "" {
		return nil
	}
	dir := out
	var err error
	if isDir {
		err = os.MkdirAll(dir, 0o777)
	} else {
		var file string
		var info fs.FileInfo
		file, info, err = target(out)
		dir = filepath.Dir(file)
		switch {
		case err != nil || info == nil:
		case info.IsDir():
			err = fmt.Errorf("%s is a directory", file)
		case !info.Mode().IsRegular():
			return nil // opening a device or pipe may do something already
		default:
			var f *os.File
			if f, err = os.OpenFile(file, os.O_WRONLY, 0); err == nil {
				err = f.Close()
			}
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
		var path *fs.PathError
		if errors.As(err, &path) {
			err = fmt.Errorf("%s: %w", dir, path.Err) // a probe's name says nothing
		}
		return fault.New(fault.System, "--%s %s: cannot write: %w", flag, out, err).WithHint("name a place that you may write to")
	}
	return nil
}

// target gives the file that a path leads to, which need not be there (info is nil
// then): links are followed, and stay.
func target(path string) (file string, info fs.FileInfo, err error) {
	if file, err = filepath.EvalSymlinks(path); errors.Is(err, fs.ErrNotExist) {
		return path, nil, nil
	}
	if err == nil {
		info, err = os.Stat(file)
	}
	return file, info, err
}

// writeOutput writes a file that the user named: whole or not at all, unless it is a
// device or a pipe, which gets the bytes and stays what it is. A file that is there
// keeps its permissions.
func writeOutput(path string, data []byte) error {
	file, info, err := target(path)
	if err == nil && info != nil && !info.Mode().IsRegular() && !info.IsDir() {
		var f *os.File
		if f, err = os.OpenFile(file, os.O_WRONLY, 0); err == nil {
			_, err = f.Write(data)
			err = errors.Join(err, f.Close())
		}
		if err == nil {
			return nil
		}
	}
	if err != nil {
		return fault.New(fault.System, "%s: cannot write: %w", path, err).WithHint("name a place that you may write to")
	}
	if err := result.WriteFile(file, data); err != nil || info == nil {
		return err
	}
	if err := os.Chmod(file, info.Mode().Perm()); err != nil {
		return fault.New(fault.System, "%w", err)
	}
	return nil
}
