// The protocol between ltadbench and an anomaly detection method, major version 1.
//
// COPY ME: a method in another language copies this file and generates its own
// code from it. Within version 1 fields are only ever added; a number is never
// used again. The version that go-plugin's handshake negotiates is the "v1" of
// this package.
//
// How a method is started
//
// The host starts one process for each cell and speaks gRPC with it over
// HashiCorp's go-plugin, as docs/guide-plugin-write-non-go.md of that project
// describes. All that a method needs of it is said here. Standard input is empty;
// few of the user's environment variables are passed on; these are set:
//
//   LTADBENCH_PLUGIN          b6e5a7f0-9d0c-4f0e-8f51-3c6f2a5f7c11; otherwise a
//                             person has started the program by hand
//   PLUGIN_PROTOCOL_VERSIONS  versions of this protocol that the host speaks,
//                             separated by commas, in no order; take the highest
//                             that both know
//   PLUGIN_UNIX_SOCKET_DIR    a private directory for the method's socket
//   PLUGIN_CLIENT_CERT        the host's certificate, PEM, of an ECDSA P-256 key
//   LTADBENCH_LIFELINE_FD     3, see below
//   LTADBENCH_LOG_LEVEL       trace, debug, info, warn or error, if the user chose
//   LTADBENCH_ORT_LIB         path of the ONNX Runtime library, if one was found
//   OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS: Session.threads
//
// The method makes a key (ECDSA P-256 is understood everywhere) and a self-signed
// X.509 certificate for the DNS name localhost (a subject alternative name; a
// common name alone will not do), serves gRPC over TLS on a Unix socket in that
// directory (the path of a socket has 103 bytes at most), demands a certificate of
// its client and trusts PLUGIN_CLIENT_CERT alone. Then it writes one line to
// standard output,
//
//   1|1|unix|PATH|grpc|CERTIFICATE
//
// which is go-plugin's version, the version of this protocol, the address, and its
// own certificate in DER form, base64 without padding ("="). Standard output
// carries this line and nothing else: move it away (dup2 of standard error over it,
// keeping a duplicate) before importing anything that prints.
//
// Beside the service below the server has two small ones; all others, such as
// go-plugin's GRPCBroker and GRPCStdio, may be left unimplemented:
//
//   grpc.health.v1.Health/Check       for the service "plugin": SERVING, which is
//                                     the bytes 08 01
//   plugin.GRPCController/Shutdown    of an empty message to an empty message: end
//                                     the process; after 2 seconds it is killed
//
// How a method is run
//
// Calls come one after the other:
//
//   Describe, then Fit or Load, then any number of Predict and Save.
//
// A method serves one of them at a time. When a call is cancelled (by the host, or
// by its deadline; in Python context.is_active() tells) it stops soon, and a call
// that comes in the meantime waits for that. Predict and Save before Fit or Load
// are errors. The process lives in a process group of its own, which is killed in
// the end.
//
// File descriptor LTADBENCH_LIFELINE_FD is a pipe that nobody writes to: when it
// ends, the host is gone. The host's own guard then kills the process group, where
// there is a /bin/sh; a method that starts processes outside of the group, or that
// waits for a GPU to be released, reads the pipe and ends them and itself. On Linux
// it gets SIGTERM too.
//
// Standard error is the log, one line per entry. A line that is a JSON object with
// the strings @level (trace ... error), @message and @timestamp keeps its level;
// its other members are shown as name=value.
//
// Checkpoints
//
// A process may be killed at any time: by Ctrl-C (half a second after a call was
// cancelled), a timeout, a lack of memory, the end of the machine. A method that
// trains for long says DescribeResponse.resumes and writes, every minute or so, all
// that Fit needs to go on (weights, the optimiser's state, the place in the
// schedule and in the streams of random numbers) into Session.checkpoint: under
// another name first, then renamed, so that what stands there is always whole. Fit
// looks there before it begins. If there is a checkpoint it goes on from it, says so
// in its first message ("resumed at epoch 12"), and ends with the same state as a
// Fit that nobody has interrupted, where DescribeResponse.deterministic. One that
// cannot be read is no error: Fit begins anew.
//
// The directory belongs to everything that may change the method's numbers: its
// options, seed, engine, version and program, and the data. Only the device, the
// number of threads and the machine may be others than before. The host keeps it
// when the process was interrupted, died or ran out of time, and after errors of the
// kind "system"; it deletes it when the cell is done, and after any other error.
//
// Data
//
// Tensors are NumPy .npy files (little-endian, C order, format 1 to 3), which the
// host owns, and which a method maps into memory read-only, as
// numpy.load(path, mmap_mode="r") does. Anomaly maps come back the same way. No
// message carries a tensor. No message exceeds 64 MiB; methods must raise gRPC's
// usual limit of 4 MiB for what they receive.
//
// Errors
//
// A method reports an error as a gRPC status with any code but UNAVAILABLE,
// CANCELLED and DEADLINE_EXCEEDED, which look like a lost connection; its message
// reaches the user. Keep it below some KiB. An ErrorDetail says more: it travels as
// gRPC's usual error details, a google.rpc.Status in the trailing metadata
// grpc-status-details-bin, whose code and message are the call's and whose details
// hold the type URL type.googleapis.com/ltadbench.method.v1.ErrorDetail. Where a
// library turns exceptions into statuses, see that the stack reaches standard error
// (grpcio logs it, once Python's logging is configured).

// Code generated by protoc-gen-go-grpc. DO NOT EDIT.
// versions:
// - protoc-gen-go-grpc v1.6.2
// - protoc             v3.21.12
// source: ltadbench/method/v1/method.proto

package methodpb

import (
	context "context"
	grpc "google.golang.org/grpc"
	codes "google.golang.org/grpc/codes"
	status "google.golang.org/grpc/status"
)

// This is a compile-time assertion to ensure that this generated file
// is compatible with the grpc package it is being compiled against.
// Requires gRPC-Go v1.64.0 or later.
const _ = grpc.SupportPackageIsVersion9

const (
	MethodService_Describe_FullMethodName = "/ltadbench.method.v1.MethodService/Describe"
	MethodService_Fit_FullMethodName      = "/ltadbench.method.v1.MethodService/Fit"
	MethodService_Predict_FullMethodName  = "/ltadbench.method.v1.MethodService/Predict"
	MethodService_Save_FullMethodName     = "/ltadbench.method.v1.MethodService/Save"
	MethodService_Load_FullMethodName     = "/ltadbench.method.v1.MethodService/Load"
)

// MethodServiceClient is the client API for MethodService service.
//
// For semantics around ctx use and closing/ending streaming RPCs, please refer to https://pkg.go.dev/google.golang.org/grpc/?tab=doc#ClientConn.NewStream.
type MethodServiceClient interface {
	// Describe says what the method is. It must be cheap: no weights, no GPU.
	Describe(ctx context.Context, in *DescribeRequest, opts ...grpc.CallOption) (*DescribeResponse, error)
	// Fit trains on normal images; the stream tells how far it is, in any number of
	// messages, and ends with OK when the method is fitted.
	Fit(ctx context.Context, in *FitRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[FitResponse], error)
	// Predict answers for each sample exactly once, in any order.
	Predict(ctx context.Context, in *PredictRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[PredictResponse], error)
	// Save writes the fitted state into an empty directory.
	Save(ctx context.Context, in *SaveRequest, opts ...grpc.CallOption) (*SaveResponse, error)
	// Load takes the place of Fit: it restores what Save wrote.
	Load(ctx context.Context, in *LoadRequest, opts ...grpc.CallOption) (*LoadResponse, error)
}

type methodServiceClient struct {
	cc grpc.ClientConnInterface
}

func NewMethodServiceClient(cc grpc.ClientConnInterface) MethodServiceClient {
	return &methodServiceClient{cc}
}

func (c *methodServiceClient) Describe(ctx context.Context, in *DescribeRequest, opts ...grpc.CallOption) (*DescribeResponse, error) {
	cOpts := append([]grpc.CallOption{grpc.StaticMethod()}, opts...)
	out := new(DescribeResponse)
	err := c.cc.Invoke(ctx, MethodService_Describe_FullMethodName, in, out, cOpts...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (c *methodServiceClient) Fit(ctx context.Context, in *FitRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[FitResponse], error) {
	cOpts := append([]grpc.CallOption{grpc.StaticMethod()}, opts...)
	stream, err := c.cc.NewStream(ctx, &MethodService_ServiceDesc.Streams[0], MethodService_Fit_FullMethodName, cOpts...)
	if err != nil {
		return nil, err
	}
	x := &grpc.GenericClientStream[FitRequest, FitResponse]{ClientStream: stream}
	if err := x.ClientStream.SendMsg(in); err != nil {
		return nil, err
	}
	if err := x.ClientStream.CloseSend(); err != nil {
		return nil, err
	}
	return x, nil
}

// This type alias is provided for backwards compatibility with existing code that references the prior non-generic stream type by name.
type MethodService_FitClient = grpc.ServerStreamingClient[FitResponse]

func (c *methodServiceClient) Predict(ctx context.Context, in *PredictRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[PredictResponse], error) {
	cOpts := append([]grpc.CallOption{grpc.StaticMethod()}, opts...)
	stream, err := c.cc.NewStream(ctx, &MethodService_ServiceDesc.Streams[1], MethodService_Predict_FullMethodName, cOpts...)
	if err != nil {
		return nil, err
	}
	x := &grpc.GenericClientStream[PredictRequest, PredictResponse]{ClientStream: stream}
	if err := x.ClientStream.SendMsg(in); err != nil {
		return nil, err
	}
	if err := x.ClientStream.CloseSend(); err != nil {
		return nil, err
	}
	return x, nil
}

// This type alias is provided for backwards compatibility with existing code that references the prior non-generic stream type by name.
type MethodService_PredictClient = grpc.ServerStreamingClient[PredictResponse]

func (c *methodServiceClient) Save(ctx context.Context, in *SaveRequest, opts ...grpc.CallOption) (*SaveResponse, error) {
	cOpts := append([]grpc.CallOption{grpc.StaticMethod()}, opts...)
	out := new(SaveResponse)
	err := c.cc.Invoke(ctx, MethodService_Save_FullMethodName, in, out, cOpts...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (c *methodServiceClient) Load(ctx context.Context, in *LoadRequest, opts ...grpc.CallOption) (*LoadResponse, error) {
	cOpts := append([]grpc.CallOption{grpc.StaticMethod()}, opts...)
	out := new(LoadResponse)
	err := c.cc.Invoke(ctx, MethodService_Load_FullMethodName, in, out, cOpts...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// MethodServiceServer is the server API for MethodService service.
// All implementations must embed UnimplementedMethodServiceServer
// for forward compatibility.
type MethodServiceServer interface {
	// Describe says what the method is. It must be cheap: no weights, no GPU.
	Describe(context.Context, *DescribeRequest) (*DescribeResponse, error)
	// Fit trains on normal images; the stream tells how far it is, in any number of
	// messages, and ends with OK when the method is fitted.
	Fit(*FitRequest, grpc.ServerStreamingServer[FitResponse]) error
	// Predict answers for each sample exactly once, in any order.
	Predict(*PredictRequest, grpc.ServerStreamingServer[PredictResponse]) error
	// Save writes the fitted state into an empty directory.
	Save(context.Context, *SaveRequest) (*SaveResponse, error)
	// Load takes the place of Fit: it restores what Save wrote.
	Load(context.Context, *LoadRequest) (*LoadResponse, error)
	mustEmbedUnimplementedMethodServiceServer()
}

// UnimplementedMethodServiceServer must be embedded to have
// forward compatible implementations.
//
// NOTE: this should be embedded by value instead of pointer to avoid a nil
// pointer dereference when methods are called.
type UnimplementedMethodServiceServer struct{}

func (UnimplementedMethodServiceServer) Describe(context.Context, *DescribeRequest) (*DescribeResponse, error) {
	return nil, status.Error(codes.Unimplemented, "method Describe not implemented")
}
func (UnimplementedMethodServiceServer) Fit(*FitRequest, grpc.ServerStreamingServer[FitResponse]) error {
	return status.Error(codes.Unimplemented, "method Fit not implemented")
}
func (UnimplementedMethodServiceServer) Predict(*PredictRequest, grpc.ServerStreamingServer[PredictResponse]) error {
	return status.Error(codes.Unimplemented, "method Predict not implemented")
}
func (UnimplementedMethodServiceServer) Save(context.Context, *SaveRequest) (*SaveResponse, error) {
	return nil, status.Error(codes.Unimplemented, "method Save not implemented")
}
func (UnimplementedMethodServiceServer) Load(context.Context, *LoadRequest) (*LoadResponse, error) {
	return nil, status.Error(codes.Unimplemented, "method Load not implemented")
}
func (UnimplementedMethodServiceServer) mustEmbedUnimplementedMethodServiceServer() {}
func (UnimplementedMethodServiceServer) testEmbeddedByValue()                       {}

// UnsafeMethodServiceServer may be embedded to opt out of forward compatibility for this service.
// Use of this interface is not recommended, as added methods to MethodServiceServer will
// result in compilation errors.
type UnsafeMethodServiceServer interface {
	mustEmbedUnimplementedMethodServiceServer()
}

func RegisterMethodServiceServer(s grpc.ServiceRegistrar, srv MethodServiceServer) {
	// If the following call panics, it indicates UnimplementedMethodServiceServer was
	// embedded by pointer and is nil.  This will cause panics if an
	// unimplemented method is ever invoked, so we test this at initialization
	// time to prevent it from happening at runtime later due to I/O.
	if t, ok := srv.(interface{ testEmbeddedByValue() }); ok {
		t.testEmbeddedByValue()
	}
	s.RegisterService(&MethodService_ServiceDesc, srv)
}

func _MethodService_Describe_Handler(srv interface{}, ctx context.Context, dec func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(DescribeRequest)
	if err := dec(in); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return srv.(MethodServiceServer).Describe(ctx, in)
	}
	info := &grpc.UnaryServerInfo{
		Server:     srv,
		FullMethod: MethodService_Describe_FullMethodName,
	}
	handler := func(ctx context.Context, req interface{}) (interface{}, error) {
		return srv.(MethodServiceServer).Describe(ctx, req.(*DescribeRequest))
	}
	return interceptor(ctx, in, info, handler)
}

func _MethodService_Fit_Handler(srv interface{}, stream grpc.ServerStream) error {
	m := new(FitRequest)
	if err := stream.RecvMsg(m); err != nil {
		return err
	}
	return srv.(MethodServiceServer).Fit(m, &grpc.GenericServerStream[FitRequest, FitResponse]{ServerStream: stream})
}

// This type alias is provided for backwards compatibility with existing code that references the prior non-generic stream type by name.
type MethodService_FitServer = grpc.ServerStreamingServer[FitResponse]

func _MethodService_Predict_Handler(srv interface{}, stream grpc.ServerStream) error {
	m := new(PredictRequest)
	if err := stream.RecvMsg(m); err != nil {
		return err
	}
	return srv.(MethodServiceServer).Predict(m, &grpc.GenericServerStream[PredictRequest, PredictResponse]{ServerStream: stream})
}

// This type alias is provided for backwards compatibility with existing code that references the prior non-generic stream type by name.
type MethodService_PredictServer = grpc.ServerStreamingServer[PredictResponse]

func _MethodService_Save_Handler(srv interface{}, ctx context.Context, dec func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(SaveRequest)
	if err := dec(in); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return srv.(MethodServiceServer).Save(ctx, in)
	}
	info := &grpc.UnaryServerInfo{
		Server:     srv,
		FullMethod: MethodService_Save_FullMethodName,
	}
	handler := func(ctx context.Context, req interface{}) (interface{}, error) {
		return srv.(MethodServiceServer).Save(ctx, req.(*SaveRequest))
	}
	return interceptor(ctx, in, info, handler)
}

func _MethodService_Load_Handler(srv interface{}, ctx context.Context, dec func(interface{}) error, interceptor grpc.UnaryServerInterceptor) (interface{}, error) {
	in := new(LoadRequest)
	if err := dec(in); err != nil {
		return nil, err
	}
	if interceptor == nil {
		return srv.(MethodServiceServer).Load(ctx, in)
	}
	info := &grpc.UnaryServerInfo{
		Server:     srv,
		FullMethod: MethodService_Load_FullMethodName,
	}
	handler := func(ctx context.Context, req interface{}) (interface{}, error) {
		return srv.(MethodServiceServer).Load(ctx, req.(*LoadRequest))
	}
	return interceptor(ctx, in, info, handler)
}

// MethodService_ServiceDesc is the grpc.ServiceDesc for MethodService service.
// It's only intended for direct use with grpc.RegisterService,
// and not to be introspected or modified (even as a copy)
var MethodService_ServiceDesc = grpc.ServiceDesc{
	ServiceName: "ltadbench.method.v1.MethodService",
	HandlerType: (*MethodServiceServer)(nil),
	Methods: []grpc.MethodDesc{
		{
			MethodName: "Describe",
			Handler:    _MethodService_Describe_Handler,
		},
		{
			MethodName: "Save",
			Handler:    _MethodService_Save_Handler,
		},
		{
			MethodName: "Load",
			Handler:    _MethodService_Load_Handler,
		},
	},
	Streams: []grpc.StreamDesc{
		{
			StreamName:    "Fit",
			Handler:       _MethodService_Fit_Handler,
			ServerStreams: true,
		},
		{
			StreamName:    "Predict",
			Handler:       _MethodService_Predict_Handler,
			ServerStreams: true,
		},
	},
	Metadata: "ltadbench/method/v1/method.proto",
}
