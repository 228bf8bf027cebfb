//go:build unix

package plugin

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"

	"github.com/ltadbench/ltadbench/framework/protocol"
)

// takeStdio makes file descriptor 1 a copy of standard error, for everything that
// prints, C libraries too, and gives os.Stdout, which go-plugin writes the
// handshake to, a duplicate of the former standard output.
func takeStdio() (*standardIO, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 10)
	if err != nil {
		return nil, err
	}
	if err := unix.Dup2(2, 1); err != nil {
		return nil, err
	}
	s := &standardIO{handshake: os.NewFile(uintptr(fd), "handshake"), stderr: os.Stderr}
	os.Stdout = s.handshake
	return s, nil
}

// watchLifeline ends this process and its children when the host is gone, which
// the end of the lifeline says, or on Linux SIGTERM. The host that gives a
// lifeline has also made this process the leader of its own group.
func watchLifeline() error {
	text := os.Getenv(protocol.LifelineEnv)
	if text == "" {
		return nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s=%q is no file descriptor", protocol.LifelineEnv, text)
	}
	os.Unsetenv(protocol.LifelineEnv) // children do not have it
	unix.CloseOnExec(fd)
	lifeline := os.NewFile(uintptr(fd), "lifeline")
	if _, err := lifeline.Stat(); err != nil {
		return err
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	go func() {
		<-terminate
		endGroup()
	}()
	go func() {
		if _, err := io.Copy(io.Discard, lifeline); err == nil {
			endGroup()
		}
	}()
	return nil
}

// endGroup kills this process and all others of its group, and removes the socket
// that the host can no longer remove, with its two directories if they are empty
// then.
func endGroup() {
	if dir := os.Getenv(goplugin.EnvUnixSocketDir); dir != "" {
		files, _ := filepath.Glob(filepath.Join(dir, "plugin*"))
		for _, f := range append(files, dir, filepath.Dir(dir)) {
			_ = os.Remove(f)
		}
	}
	_ = syscall.Kill(0, syscall.SIGKILL)
	os.Exit(1)
}
