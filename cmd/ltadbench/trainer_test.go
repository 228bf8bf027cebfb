package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ltadbench/ltadbench/framework/plugin"
)

// trainer is a third-party method that trains for a while: it counts epochs, writes
// a checkpoint after each, and can meet with trouble on the way. With a STALL in its
// environment it gets no further than epoch 10. Its answers depend on its engine and
// on all epochs.
type trainer struct{ plugin.Base }

type trainerOptions struct {
	Epochs  int    `json:"epochs" min:"1" doc:"how often it counts"`
	Pause   int    `json:"pause" min:"0" doc:"milliseconds of each epoch"`
	Trouble string `json:"trouble" enum:"none,crash,error" doc:"what happens after epoch 10: of a crash it recovers when it is started again"`
}

func (trainer) Describe() plugin.Info {
	return plugin.Info{
		Name: "trainer", Version: "1", Summary: "trains for a while", Needs: []plugin.Input{plugin.Features}, Maps: true,
		Deterministic: true, Engines: []string{plugin.EngineORT, plugin.EngineGo}, Resumes: true,
		Options: plugin.Schema(trainerOptions{Epochs: 30, Pause: 20, Trouble: "none"}), Presets: trainerPresets(),
	}
}

// trainerPresets are rows of two tables, one of them in both, and a preset of none.
func trainerPresets() []plugin.Preset {
	row := func(name, table, options string, columns ...plugin.Column) plugin.Preset {
		return plugin.Preset{Name: name, Summary: "trains with " + options, Options: json.RawMessage(options), Table: table, Columns: columns}
	}
	const six, seven = "Table 6: how long", "Table 7: what goes wrong"
	return []plugin.Preset{
		row("quick", "", `{"epochs": 1}`),
		row("6.1", six, `{"epochs": 2}`, plugin.Column{Name: "epochs", Value: "two"}),
		row("6.2", six, `{"epochs": 11}`, plugin.Column{Name: "epochs", Value: "eleven"}, plugin.Column{Name: "best", Value: "yes"}),
		row("7.1", seven, `{"epochs": 11, "trouble": "error"}`, plugin.Column{Name: "trouble", Value: "an error"}),
		row("7.2", seven, `{"trouble": "none", "epochs": 11}`, plugin.Column{Name: "trouble", Value: "none"}),
		row("61", "", `{"epochs": 3}`),
	}
}

// trained is what trainer learns.
var trained struct {
	Epoch int
	Value float32
}

func (trainer) Fit(ctx context.Context, s plugin.Session, _ plugin.Samples) error {
	var o trainerOptions
	if err := plugin.DecodeOptions(s.Options, &o); err != nil {
		return err
	}
	file := filepath.Join(s.Checkpoint, "state.json")
	from := 0
	if text, err := os.ReadFile(file); err == nil && s.Checkpoint != "" {
		if err := json.Unmarshal(text, &trained); err != nil {
			return err
		}
		from = trained.Epoch
		s.Log.Info(fmt.Sprintf("resumed at epoch %d", from))
		s.Report(float64(from), float64(o.Epochs), fmt.Sprintf("resumed at epoch %d", from))
	}
	for trained.Epoch < o.Epochs {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(o.Pause) * time.Millisecond):
		}
		trained.Epoch++
		trained.Value = trained.Value/2 + float32(trained.Epoch)
		if s.Checkpoint != "" {
			text, err := json.Marshal(trained)
			if err == nil {
				err = os.WriteFile(file+".tmp", text, 0o666)
			}
			if err := errors.Join(err, os.Rename(file+".tmp", file)); err != nil {
				return err
			}
		}
		s.Report(float64(trained.Epoch), float64(o.Epochs), fmt.Sprintf("epoch %d", trained.Epoch))
		switch {
		case trained.Epoch != 10:
		case os.Getenv("STALL") != "":
			<-ctx.Done()
		case o.Trouble == "error":
			return errors.New("loss is NaN")
		case o.Trouble == "crash" && from == 0:
			os.Exit(7)
		}
	}
	if s.Engine == plugin.EngineGo {
		trained.Value++
	}
	return nil
}

func (trainer) Predict(_ context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	for i := range test.Len() {
		value := trained.Value * test.Feature(i, nil)[0]
		if err := emit(i, plugin.Prediction{Map: []float32{value, 1, 2, 3}, H: 2, W: 2}); err != nil {
			return err
		}
	}
	return nil
}
