//go:build !unix

package host

import (
	"errors"
	"os/exec"
	"syscall"
)

func startProcess(*exec.Cmd) error {
	return errors.New("plugins run on Unix systems only: ltadbench needs process groups to end them safely")
}

func waitUnreaped(int) bool { return false }

func killGroup(int) {}

func ownGroup() *syscall.SysProcAttr { return nil }
