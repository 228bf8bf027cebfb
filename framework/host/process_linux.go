package host

import (
	"errors"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// startProcess starts cmd as the leader of a process group of its own, so that it
// and its children can be killed together and Ctrl-C does not reach them. Should
// this process die, the kernel sends SIGTERM: the SDKs answer it by killing their
// group, and a program without an SDK ends.
func startProcess(cmd *exec.Cmd) error {
	cmd.SysProcAttr = ownGroup()
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	result := make(chan error)
	starter().do <- func() { result <- cmd.Start() }
	return <-result
}

// starter runs functions on one thread that lives as long as this process. The
// kernel sends Pdeathsig when the thread that started the child ends (golang/go
// issue 27505), and Go ends threads as it likes.
var starter = sync.OnceValue(func() thread {
	t := thread{make(chan func())}
	go func() {
		runtime.LockOSThread()
		for f := range t.do {
			f()
		}
	}()
	return t
})

type thread struct{ do chan func() }

// waitUnreaped returns when process pid has ended, and leaves it a zombie; false
// if it could not wait.
func waitUnreaped(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return err == nil
		}
	}
}

func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
