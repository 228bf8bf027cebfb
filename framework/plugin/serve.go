package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/ltadbench/ltadbench/framework/protocol"
)

// Serve is the whole of a method's main function: it serves m to the host that
// started this process and does not return. Nothing may print to standard output
// before it. Started by hand it says so; with the argument "describe" it prints
// the method's Info as JSON.
func Serve(m Method) {
	if os.Getenv(protocol.CookieKey) != protocol.CookieValue {
		os.Exit(byHand(m))
	}
	stdio, err := takeStdio()
	if err != nil {
		fmt.Fprintln(os.Stderr, "standard output cannot be moved:", err)
		os.Exit(1)
	}
	if err := watchLifeline(); err != nil {
		fmt.Fprintln(os.Stderr, "lifeline:", err)
		os.Exit(1)
	}
	log := hclog.New(&hclog.LoggerOptions{
		Level:      hclog.LevelFromString(os.Getenv(protocol.LogLevelEnv)), // unset: hclog's default, info
		Output:     stdio.stderr,
		JSONFormat: true,
	})
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  protocol.Handshake,
		VersionedPlugins: protocol.Plugins(newServer(m, log)),
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: stdio.stderr, JSONFormat: true}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts,
				grpc.MaxRecvMsgSize(protocol.MaxMessage), grpc.MaxSendMsgSize(protocol.MaxMessage),
				grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
					stdio.settle()
					return h(ctx, req)
				}),
				grpc.StreamInterceptor(func(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, h grpc.StreamHandler) error {
					stdio.settle()
					return h(srv, s)
				}))...)
		},
	})
	os.Exit(0)
}

func byHand(m Method) int {
	if n := len(os.Args); n > 1 && os.Args[n-1] == "describe" {
		out, err := json.MarshalIndent(m.Describe(), "", "  ")
		if err != nil {
			fmt.Fprintln(os.Stderr, "describe:", err)
			return 1
		}
		fmt.Println(string(out))
		return 0
	}
	// A built-in method is several words: ltadbench plugin serve NAME.
	self := strings.Join(append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...), " ")
	fmt.Fprintf(os.Stderr, `This is a method for ltadbench, which starts it by itself.
To use it, name it in bench.yaml; to try it: ltadbench plugin check NAME.
To see what it is: %s describe
`, self)
	return 1
}

// standardIO keeps standard output for the handshake alone. The host reads that
// one line and nothing more, so that a method, or a C library in it, which prints
// can neither break the handshake nor block on a full pipe.
type standardIO struct {
	handshake *os.File // a duplicate of standard output
	stderr    *os.File // the real one
	once      sync.Once
}

// settle runs before the first call is served, when the handshake is written and
// go-plugin has replaced os.Stdout and os.Stderr by pipes of its own, whose last
// lines are lost when the process ends. It undoes that: prints go to the log.
func (s *standardIO) settle() {
	s.once.Do(func() {
		s.handshake.Close()
		os.Stdout, os.Stderr = s.stderr, s.stderr
	})
}
