package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// DecodeOptions decodes complete options into a struct such as Schema was given.
// An option that the struct lacks is an error.
func DecodeOptions(raw json.RawMessage, options any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	err := d.Decode(options)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		err = errors.New("more than one value")
	}
	return fault.New(fault.Config, "options: %w", err)
}
