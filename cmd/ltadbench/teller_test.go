package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ltadbench/ltadbench/framework/plugin"
)

// teller is a third-party method that tells the log what it is given. It scores an
// image by the first number of its embedding.
type teller struct{ plugin.Base }

type tellerOptions struct {
	Epochs int    `json:"epochs" min:"1" doc:"says nothing" kinds:"synthetic=7,dagm=300"`
	Prompt string `json:"prompt" enum:"learned,class_name" doc:"says whether it is told class names" names:"class_name"`
}

func (teller) Describe() plugin.Info {
	return plugin.Info{
		Name: "teller", Version: "1", Summary: "tells what it is given", Needs: []plugin.Input{plugin.Features, plugin.Embeddings, plugin.Text},
		Scores: true, Deterministic: true, Options: plugin.Schema(tellerOptions{Epochs: 500, Prompt: "learned"}),
		Presets: []plugin.Preset{{Name: "named", Summary: "with class names", Options: []byte(`{"prompt": "class_name"}`)}},
	}
}

func (teller) Fit(_ context.Context, s plugin.Session, train plugin.Samples) error {
	var o tellerOptions
	if err := plugin.DecodeOptions(s.Options, &o); err != nil {
		return err
	}
	_, _, channels := train.FeatureShape()
	sum := 0
	for _, n := range s.Levels {
		sum += n
	}
	for _, path := range []string{s.Text.Weights, s.Text.Vocabulary} {
		if _, err := os.Stat(path); err != nil {
			return err
		}
	}
	s.Log.Info(fmt.Sprintf("told: %d epochs, classes %q, %d levels of %d of %d channels, embeddings of %d",
		o.Epochs, s.Classes, len(s.Levels), sum, channels, len(train.Embedding(0, nil))))
	return nil
}

func (teller) Predict(_ context.Context, test plugin.Samples, emit func(int, plugin.Prediction) error) error {
	for i := range test.Len() {
		if err := emit(i, plugin.Prediction{Score: test.Embedding(i, nil)[0]}); err != nil {
			return err
		}
	}
	return nil
}
