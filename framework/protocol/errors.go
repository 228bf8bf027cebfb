package protocol

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/protocol/internal/methodpb"
)

// ErrLost is in the chain of a client's error when the connection broke: usually,
// the process died.
var ErrLost = errors.New("connection to the method's process lost")

// Bounds of what an error carries: gRPC sends it in HTTP/2 headers.
const (
	maxText = 4 << 10
	maxLog  = 4 << 10
)

// speakable are the kinds that a method's process may report. The others are for
// the host to find: a method cannot say that it was cancelled, or crashed.
var speakable = map[fault.Kind]bool{
	fault.Internal: true, fault.Config: true, fault.Data: true, fault.System: true, fault.Plugin: true,
	fault.Protocol: true, fault.Method: true, fault.Answer: true,
}

var sources = map[fault.Source]bool{
	fault.User: true, fault.Dataset: true, fault.Host: true, fault.Vendor: true, fault.Author: true,
}

// toStatus turns the error of a registered Service into what gRPC sends. An error
// that is no fault is the method's.
func toStatus(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err() // nobody is listening
	}
	var f *fault.Error
	if !errors.As(err, &f) {
		f = fault.New(fault.Method, "%w", err)
	}
	st := status.New(codes.Unknown, head(err.Error(), maxText))
	detailed, derr := st.WithDetails(&methodpb.ErrorDetail{
		Kind: string(f.Kind), Source: string(f.Source), Hint: head(f.Hint, maxText), Log: tail(f.Log, maxLog),
	})
	if derr != nil {
		return st.Err()
	}
	return detailed.Err()
}

// fromStatus turns an error of a generated client into the context's error, a
// fault, or one with ErrLost in its chain.
func fromStatus(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	st, ok := status.FromError(err)
	if !ok {
		return fault.New(fault.Internal, "%w", err)
	}
	for _, d := range st.Details() {
		if d, ok := d.(*methodpb.ErrorDetail); ok {
			kind := fault.Kind(d.GetKind())
			if !speakable[kind] {
				kind = fault.Method
			}
			f := fault.New(kind, "%s", st.Message())
			if s := fault.Source(d.GetSource()); sources[s] {
				f.Source = s
			}
			f.Hint, f.Log = d.GetHint(), d.GetLog()
			return f
		}
	}
	switch st.Code() {
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded // the server's clock was a little ahead of ours
	case codes.Unavailable, codes.Canceled:
		return fault.New(fault.Crash, "%w: %s", ErrLost, st.Message())
	case codes.Unimplemented:
		return fault.New(fault.Protocol, "the method does not serve this call: %s", st.Message()).
			WithHint("it has to serve all of ltadbench.method.v1.MethodService; update its SDK")
	case codes.ResourceExhausted:
		return fault.New(fault.Protocol, "%s", st.Message()).
			WithHint("messages are limited to %d MiB in both directions; tensors belong in .npy files", MaxMessage>>20)
	}
	return fault.New(fault.Method, "%s", st.Message())
}

// head and tail cut long text; protobuf strings must be valid UTF-8.
func head(s string, n int) string {
	if len(s) > n {
		s = s[:n-3] + "..."
	}
	return strings.ToValidUTF8(s, "?")
}

func tail(s string, n int) string {
	if len(s) > n {
		s = "..." + s[len(s)-n+3:]
	}
	return strings.ToValidUTF8(s, "?")
}
