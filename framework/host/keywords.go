package host

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ltadbench/ltadbench/framework/plugin"
	"github.com/ltadbench/ltadbench/framework/protocol"
)

// keywords are what the schema of an option says to the host alone; JSON Schema
// ignores them.
type keywords struct {
	ClassNames []string           `json:"x-class-names"`      // values with which the method is told the class names
	Defaults   map[string]float64 `json:"x-dataset-defaults"` // by kind of dataset
}

// readKeywords gives the keywords of each property of an options schema.
func readKeywords(schema json.RawMessage) (map[string]keywords, error) {
	if len(schema) == 0 {
		return nil, nil
	}
	var s struct {
		Properties map[string]keywords `json:"properties"`
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, badSchema(fmt.Errorf("%s, %s: %w", protocol.KeyClassNames, protocol.KeyDatasetDefaults, err))
	}
	return s.Properties, nil
}

// checkKeywords says what is wrong with the keywords of a schema whose properties
// all have defaults.
func checkKeywords(schema json.RawMessage, properties map[string]*jsonschema.Schema) error {
	own, err := readKeywords(schema)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		p, k := properties[name], own[name]
		if k.ClassNames != nil && !isOf(p, "string") {
			return badSchema(fmt.Errorf("property %q has %s and is not of type string", name, protocol.KeyClassNames))
		}
		for _, value := range k.ClassNames {
			if p.Validate(value) != nil {
				return badSchema(fmt.Errorf("property %q: %q of its %s is not one of its values", name, value, protocol.KeyClassNames))
			}
		}
		if k.Defaults != nil && !isOf(p, "number") && !isOf(p, "integer") {
			return badSchema(fmt.Errorf("property %q has %s and is no number", name, protocol.KeyDatasetDefaults))
		}
		for _, kind := range slices.Sorted(maps.Keys(k.Defaults)) {
			if !methodName.MatchString(kind) {
				return badSchema(fmt.Errorf("property %q: %q of its %s is no kind of dataset", name, clean(kind, 80), protocol.KeyDatasetDefaults))
			}
			if _, err := CompleteOptions(plugin.Info{Options: schema}, nil, kind); err != nil {
				return badSchema(fmt.Errorf("its own defaults for datasets of kind %s do not satisfy it: %w", kind, err))
			}
		}
	}
	return nil
}

func isOf(p *jsonschema.Schema, kind string) bool {
	return p.Types != nil && slices.Equal(p.Types.ToStrings(), []string{kind})
}

// ClassNames says whether a method is told the names of the classes: because it
// always is, or because an option has a value that asks for them. The options are
// complete.
func ClassNames(info plugin.Info, options json.RawMessage) bool {
	if info.ClassNames {
		return true
	}
	own, err := readKeywords(info.Options)
	if err != nil {
		return false
	}
	var values map[string]any
	if err := json.Unmarshal(options, &values); err != nil {
		return false
	}
	for name, k := range own {
		if value, ok := values[name].(string); ok && slices.Contains(k.ClassNames, value) {
			return true
		}
	}
	return false
}
