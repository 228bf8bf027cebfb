package protocol

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/protocol/internal/methodpb"
)

// NewClient gives the Service at the other end of conn. Its errors are faults, the
// context's error once the context is done, or have ErrLost in their chain.
func NewClient(conn grpc.ClientConnInterface) Service {
	return &client{methodpb.NewMethodServiceClient(conn)}
}

type client struct{ c methodpb.MethodServiceClient }

func (c *client) Describe(ctx context.Context) (Info, error) {
	pb, err := c.c.Describe(ctx, &methodpb.DescribeRequest{})
	if err != nil {
		return Info{}, fromStatus(ctx, err)
	}
	info, err := infoFromProto(pb)
	if err != nil {
		return Info{}, fault.New(fault.Plugin, "%w", err).WithHint("update ltadbench, or use an older version of the method")
	}
	return info, nil
}

func (c *client) Fit(ctx context.Context, req FitRequest, progress func(Progress) error) error {
	ctx, cancel := context.WithCancel(ctx) // ends the stream when progress fails
	defer cancel()
	stream, err := c.c.Fit(ctx, &methodpb.FitRequest{Session: sessionToProto(req.Session), Train: dataToProto(req.Train)})
	if err != nil {
		return fromStatus(ctx, err)
	}
	for {
		pb, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fromStatus(ctx, err)
		}
		if err := progress(Progress{Done: pb.GetDone(), Total: pb.GetTotal(), Message: pb.GetMessage()}); err != nil {
			return err
		}
	}
}

func (c *client) Predict(ctx context.Context, req PredictRequest, answer func(Answer) error) ([]int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.c.Predict(ctx, &methodpb.PredictRequest{Test: dataToProto(req.Test), OutputDir: req.OutputDir})
	if err != nil {
		return nil, fromStatus(ctx, err)
	}
	var maps []int
	for {
		pb, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return maps, nil
		} else if err != nil {
			return nil, fromStatus(ctx, err)
		}
		if maps != nil {
			return nil, fault.New(fault.Protocol, "an answer came after the message about the maps, which has to be the last")
		}
		for _, a := range pb.GetAnswers() {
			if err := answer(Answer{ID: a.GetId(), Score: a.GetScore()}); err != nil {
				return nil, err
			}
		}
		if m := pb.GetMaps(); m != nil {
			if maps, err = shapeFromProto(m.GetShape()); err != nil {
				return nil, fault.New(fault.Answer, "maps: %w", err)
			}
		}
	}
}

func (c *client) Save(ctx context.Context, dir string) error {
	_, err := c.c.Save(ctx, &methodpb.SaveRequest{Dir: dir})
	return fromStatus(ctx, err)
}

func (c *client) Load(ctx context.Context, s Session, dir string) error {
	_, err := c.c.Load(ctx, &methodpb.LoadRequest{Session: sessionToProto(s), Dir: dir})
	return fromStatus(ctx, err)
}
