package datasets

import (
	"io/fs"
	"syscall"
)

// changeTime is when the file's content, name or attributes last changed, in
// nanoseconds. Unlike the modification time it cannot be set.
func changeTime(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Ctim.Nano()
	}
	return 0
}
