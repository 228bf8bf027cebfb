//go:build unix && !linux

package host

import (
	"os/exec"
	"syscall"
)

// startProcess starts cmd as the leader of a process group of its own, so that it
// and its children can be killed together and Ctrl-C does not reach them.
func startProcess(cmd *exec.Cmd) error {
	cmd.SysProcAttr = ownGroup()
	return cmd.Start()
}

// waitUnreaped cannot be had portably: false.
func waitUnreaped(int) bool { return false }

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
