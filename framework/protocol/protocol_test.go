package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/tensors"
)

// service records what it gets and answers as the test says.
type service struct {
	info    Info
	err     error
	fit     FitRequest
	predict PredictRequest
	load    Session
	dir     string
	wait    bool
}

func (s *service) Describe(context.Context) (Info, error) { return s.info, s.err }

func (s *service) Fit(ctx context.Context, req FitRequest, progress func(Progress) error) error {
	s.fit = req
	for i := range 3 {
		if err := progress(Progress{Done: float64(i), Total: 3, Message: fmt.Sprintf("epoch %d \xff", i)}); err != nil {
			return err
		}
	}
	if s.wait {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.err
}

func (s *service) Predict(_ context.Context, req PredictRequest, answer func(Answer) error) ([]int, error) {
	s.predict = req
	for i, sample := range req.Test.Samples {
		if err := answer(Answer{ID: sample.ID, Score: float32(i) / 3}); err != nil {
			return nil, err
		}
	}
	return []int{len(req.Test.Samples), 4, 5}, s.err
}

func (s *service) Save(_ context.Context, dir string) error {
	s.dir = dir
	return s.err
}

func (s *service) Load(_ context.Context, session Session, dir string) error {
	s.load, s.dir = session, dir
	return s.err
}

// connect serves s and gives the other end.
func connect(t *testing.T, s Service) (Service, *grpc.Server) {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	Register(server, s)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	conn, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l.Dial() }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return NewClient(conn), server
}

func TestEverythingCrosses(t *testing.T) {
	t.Parallel()
	session := Session{Options: []byte(`{"k":1}`), Seed: 1<<64 - 1, Device: "cuda:1", Threads: 3, WorkDir: "/w", Classes: []string{"", "screw"},
		Engine: EngineXLA, Checkpoint: "/c", Levels: []int{128, 256}, Text: &TextEncoder{
			Weights: "/t.safetensors", Vocabulary: "/vocab.txt", Prefix: "text_model.", Projection: "text_projection",
			Heads: 12, Eps: 1e-12, Activation: "gelu", Lowercase: true}}
	data := Data{
		Features:   &Tensor{Path: "/f.npy", DType: tensors.Float16, Shape: []int{7, 14, 14, 384}},
		Images:     &Tensor{Path: "/i.npy", DType: tensors.Uint8, Shape: []int{7, 224, 224, 3}},
		Embeddings: &Tensor{Path: "/e.npy", DType: tensors.Float32, Shape: []int{7, 640}},
		Samples:    []Sample{{"s000000", 1, 6}, {"s000001", 0, 2}},
	}
	s := &service{info: Info{
		Name: "padim", Version: "2", Summary: "a", Paper: "b", Needs: []Input{Images, Features, Text, Embeddings}, Maps: true, Scores: true,
		Deterministic: true, SaveLoad: true, ClassNames: true, Options: []byte(`{"type":"object"}`),
		Engines: []string{EngineORT, EngineGo}, Resumes: true,
		Presets: []Preset{
			{Name: "6.3", Summary: "no noise", Options: []byte(`{"noise":0}`), Table: "Table 6", Columns: []Column{{"Noise", "no"}, {"Loss", "L2"}}},
			{Name: "fast", Summary: "few epochs", Options: []byte(`{}`)},
		},
	}}
	// A field that the conversions forget is zero here.
	for _, v := range []any{s.info, s.info.Presets[0], s.info.Presets[0].Columns[0], session, *session.Text, data, *data.Features, data.Samples[0]} {
		for i := range reflect.ValueOf(v).NumField() {
			if reflect.ValueOf(v).Field(i).IsZero() {
				t.Fatalf("the test leaves %s of %T zero", reflect.TypeOf(v).Field(i).Name, v)
			}
		}
	}
	client, _ := connect(t, s)
	ctx := t.Context()

	if got, err := client.Describe(ctx); err != nil || !reflect.DeepEqual(got, s.info) {
		t.Errorf("Describe gives %+v, %v", got, err)
	}
	var progress []Progress
	fit := FitRequest{Session: session, Train: data}
	err := client.Fit(ctx, fit, func(p Progress) error { progress = append(progress, p); return nil })
	if err != nil || !reflect.DeepEqual(s.fit, fit) {
		t.Errorf("Fit got %+v, %v", s.fit, err)
	}
	if want := (Progress{2, 3, "epoch 2 ?"}); len(progress) != 3 || progress[2] != want {
		t.Errorf("progress %+v", progress)
	}
	var answers []Answer
	predict := PredictRequest{Test: Data{Samples: data.Samples}, OutputDir: "/out"}
	shape, err := client.Predict(ctx, predict, func(a Answer) error { answers = append(answers, a); return nil })
	if err != nil || !reflect.DeepEqual(s.predict, predict) || !reflect.DeepEqual(shape, []int{2, 4, 5}) {
		t.Errorf("Predict got %+v and gives %v, %v", s.predict, shape, err)
	}
	if want := []Answer{{"s000000", 0}, {"s000001", 1.0 / 3}}; !reflect.DeepEqual(answers, want) {
		t.Errorf("answers %+v", answers)
	}
	if err := client.Save(ctx, "/save"); err != nil || s.dir != "/save" {
		t.Errorf("Save: %q, %v", s.dir, err)
	}
	if err := client.Load(ctx, session, "/load"); err != nil || s.dir != "/load" || !reflect.DeepEqual(s.load, session) {
		t.Errorf("Load: %q, %+v, %v", s.dir, s.load, err)
	}
	stop := errors.New("enough")
	if _, err := client.Predict(ctx, predict, func(Answer) error { return stop }); err != stop {
		t.Errorf("an error of the callback comes back as %v", err)
	}
	if err := client.Fit(ctx, fit, func(Progress) error { return stop }); err != stop {
		t.Errorf("an error of the callback comes back as %v", err)
	}
}

func TestErrorsCross(t *testing.T) {
	t.Parallel()
	config := fault.New(fault.Config, "option %q", "k").WithHint("do this")
	config.Source, config.Log = fault.Author, strings.Repeat("x", 9000)+"end"
	for _, c := range []struct {
		name string
		sent error
		want fault.Error
	}{
		{"plain", errors.New("too dark\n\xff"), fault.Error{Kind: fault.Method, Source: fault.Author, Err: errors.New("too dark\n?")}},
		{"fault", config, fault.Error{Kind: fault.Config, Source: fault.Author, Hint: "do this", Err: errors.New(`option "k"`)}},
		{"wrapped", fmt.Errorf("reading: %w", fault.New(fault.Data, "bad")), fault.Error{Kind: fault.Data, Source: fault.Dataset, Err: errors.New("reading: bad")}},
		{"lie", fault.New(fault.Canceled, "I was cancelled"), fault.Error{Kind: fault.Method, Source: fault.User, Err: errors.New("I was cancelled")}},
		{"context", context.Canceled, fault.Error{Kind: fault.Method, Source: fault.Author, Err: errors.New("context canceled")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, _ := connect(t, &service{err: c.sent})
			err := client.Fit(t.Context(), FitRequest{}, func(Progress) error { return nil })
			var got *fault.Error
			if !errors.As(err, &got) {
				t.Fatalf("%v is no fault", err)
			}
			if got.Kind != c.want.Kind || got.Source != c.want.Source || got.Hint != c.want.Hint || got.Error() != c.want.Err.Error() {
				t.Errorf("got %q %q %q: %v", got.Kind, got.Source, got.Hint, got)
			}
			if c.name == "fault" && (len(got.Log) != maxLog || !strings.HasSuffix(got.Log, "end")) {
				t.Errorf("log of %d bytes: %.20q", len(got.Log), got.Log)
			}
		})
	}
}

func TestStatusWithoutDetail(t *testing.T) {
	t.Parallel()
	for code, want := range map[codes.Code]fault.Kind{
		codes.Unknown:           fault.Method, // what Python sends for an exception
		codes.InvalidArgument:   fault.Method,
		codes.Unimplemented:     fault.Protocol,
		codes.ResourceExhausted: fault.Protocol,
		codes.Unavailable:       fault.Crash,
		codes.Canceled:          fault.Crash,
		codes.DeadlineExceeded:  fault.Timeout,
	} {
		err := fromStatus(t.Context(), status.Error(code, "text"))
		if got := fault.KindOf(err); got != want {
			t.Errorf("%s becomes %s, want %s", code, got, want)
		}
		if strings.Contains(err.Error(), "rpc error") {
			t.Errorf("%s: %v", code, err)
		}
		if lost := code == codes.Unavailable || code == codes.Canceled; errors.Is(err, ErrLost) != lost {
			t.Errorf("%s: lost is not %v", code, lost)
		}
	}
}

func TestCancelAndLoss(t *testing.T) {
	t.Parallel()
	client, server := connect(t, &service{wait: true})
	ctx, cancel := context.WithCancel(t.Context())
	err := client.Fit(ctx, FitRequest{}, func(p Progress) error {
		if p.Done == 2 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err = client.Fit(ctx, FitRequest{}, func(Progress) error { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	err = client.Fit(t.Context(), FitRequest{}, func(p Progress) error {
		if p.Done == 2 {
			go server.Stop()
		}
		return nil
	})
	if !errors.Is(err, ErrLost) {
		t.Errorf("lost: %v", err)
	}
}

func TestUnknownInput(t *testing.T) {
	t.Parallel()
	client, _ := connect(t, &service{info: Info{Name: "x", Needs: []Input{"sound"}}})
	if _, err := client.Describe(t.Context()); fault.KindOf(err) != fault.Plugin {
		t.Errorf("an input that the protocol lacks: %v", err)
	}
}

// TestConstantsInProto makes sure that what the .proto tells implementers in other
// languages is what the host does.
func TestConstantsInProto(t *testing.T) {
	text, err := os.ReadFile(fmt.Sprintf("ltadbench/method/v%d/method.proto", Version))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("package ltadbench.method.v%d;", Version), CookieKey + " ", CookieValue,
		fmt.Sprintf("%-24s  %d,", LifelineEnv, LifelineFD), ORTLibEnv, LogLevelEnv, MapsFile,
		fmt.Sprintf("%d MiB", MaxMessage>>20), fmt.Sprintf("1|%d|unix|", Version),
		fmt.Sprintf("%q (ONNX", EngineORT), fmt.Sprintf("%q, %q", EngineXLA, EngineGo),
		"//   " + KeyClassNames + " ", "//   " + KeyDatasetDefaults + " ",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("method.proto lacks %q", want)
		}
	}
}
