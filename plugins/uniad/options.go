package uniad

import (
	"errors"

	"github.com/ltadbench/ltadbench/plugins/internal/reconstruct"
	"github.com/ltadbench/ltadbench/plugins/internal/train"
)

// Options are UniAD's options: those of its transformer, and of its training.
type Options struct {
	Transformer
	Training
}

// Two embedded types have to have two names.
type (
	Transformer = reconstruct.Options
	Training    = train.Options
)

func defaults() Options { return Options{reconstruct.Defaults(), train.Defaults(1000)} }

// check finds what the schema cannot say.
func (o Options) check() error { return errors.Join(o.Transformer.Check(), o.Training.Check()) }
