package host

import (
	"io"
	"os/exec"
	"strconv"
)

// guard is a process that outlives this one: when this process ends without having
// dismissed it, by kill -9 for instance, it kills the plugin's process group and
// removes the directory of its socket. A plugin need not know of it. (Pdeathsig
// reaches the plugin alone and on Linux only, and a plugin that it ends can no
// longer heed its lifeline, for the sake of its children.)
type guard struct {
	cmd *exec.Cmd
	in  io.WriteCloser
}

// guardScript reads one line; the end of its input before that means that the host
// is gone.
const guardScript = `read -r line || { kill -s KILL -- "-$1"; rm -rf -- "$2"; }`

// startGuard guards the process group of pid.
func startGuard(pid int, sockets string) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", guardScript, "ltadbench-guard", strconv.Itoa(pid), sockets)
	cmd.Dir = "/"
	cmd.SysProcAttr = ownGroup()
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &guard{cmd, in}, nil
}

// dismiss ends the guard, when the group is dead.
func (g *guard) dismiss() {
	_, _ = io.WriteString(g.in, "done\n")
	_ = g.in.Close()
	_ = g.cmd.Wait()
}
