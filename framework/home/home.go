// Package home says where ltadbench keeps what it can make or fetch again: the
// ONNX Runtime library, features, fingerprints.
package home

import (
	"os"
	"path/filepath"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// CacheEnv is the environment variable that moves the cache directory.
const CacheEnv = "LTADBENCH_CACHE"

// CacheDir is the absolute path of the cache directory: the value of
// LTADBENCH_CACHE, or else ltadbench in the user's cache directory. It need not
// exist; everything below it may be deleted while no ltadbench runs.
func CacheDir() (string, error) {
	dir := os.Getenv(CacheEnv)
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fault.New(fault.System, "no cache directory: %w", err).WithHint("set %s to a directory", CacheEnv)
		}
		return filepath.Join(base, "ltadbench"), nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fault.New(fault.System, "%s=%q: %w", CacheEnv, dir, err)
	}
	return abs, nil
}
