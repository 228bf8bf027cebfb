package protocol

import (
	"context"
	"sync"

	"google.golang.org/grpc"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/protocol/internal/methodpb"
)

// Register serves s on r.
func Register(r grpc.ServiceRegistrar, s Service) {
	methodpb.RegisterMethodServiceServer(r, &server{s: s})
}

type server struct {
	methodpb.UnimplementedMethodServiceServer
	s Service
}

func (v *server) Describe(ctx context.Context, _ *methodpb.DescribeRequest) (*methodpb.DescribeResponse, error) {
	info, err := v.s.Describe(ctx)
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	pb, err := infoToProto(info)
	if err != nil {
		return nil, toStatus(ctx, fault.New(fault.Plugin, "%w", err))
	}
	return pb, nil
}

func (v *server) Fit(pb *methodpb.FitRequest, out grpc.ServerStreamingServer[methodpb.FitResponse]) error {
	ctx := out.Context()
	train, err := dataFromProto(pb.GetTrain())
	if err != nil {
		return toStatus(ctx, fault.New(fault.Protocol, "fit: %w", err))
	}
	req := FitRequest{Session: sessionFromProto(pb.GetSession()), Train: train}
	var mu sync.Mutex // a stream takes one message at a time
	return toStatus(ctx, v.s.Fit(ctx, req, func(p Progress) error {
		mu.Lock()
		defer mu.Unlock()
		return out.Send(&methodpb.FitResponse{Done: p.Done, Total: p.Total, Message: head(p.Message, maxText)})
	}))
}

func (v *server) Predict(pb *methodpb.PredictRequest, out grpc.ServerStreamingServer[methodpb.PredictResponse]) error {
	ctx := out.Context()
	test, err := dataFromProto(pb.GetTest())
	if err != nil {
		return toStatus(ctx, fault.New(fault.Protocol, "predict: %w", err))
	}
	var mu sync.Mutex
	maps, err := v.s.Predict(ctx, PredictRequest{Test: test, OutputDir: pb.GetOutputDir()}, func(a Answer) error {
		mu.Lock()
		defer mu.Unlock()
		return out.Send(&methodpb.PredictResponse{Answers: []*methodpb.Answer{{Id: a.ID, Score: a.Score}}})
	})
	if err == nil && maps != nil {
		err = out.Send(&methodpb.PredictResponse{Maps: &methodpb.Maps{Shape: shapeToProto(maps)}})
	}
	return toStatus(ctx, err)
}

func (v *server) Save(ctx context.Context, pb *methodpb.SaveRequest) (*methodpb.SaveResponse, error) {
	if err := v.s.Save(ctx, pb.GetDir()); err != nil {
		return nil, toStatus(ctx, err)
	}
	return &methodpb.SaveResponse{}, nil
}

func (v *server) Load(ctx context.Context, pb *methodpb.LoadRequest) (*methodpb.LoadResponse, error) {
	if err := v.s.Load(ctx, sessionFromProto(pb.GetSession()), pb.GetDir()); err != nil {
		return nil, toStatus(ctx, err)
	}
	return &methodpb.LoadResponse{}, nil
}
