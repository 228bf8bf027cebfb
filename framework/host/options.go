package host

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/plugin"
)

// OptionError says what is wrong with one option. Pointer is the place in the
// options as a JSON pointer (RFC 6901), such as "/coreset_ratio" or "/layers/2";
// a reader of configuration files turns it into a line.
type OptionError struct {
	Pointer string
	Problem string
}

func (e *OptionError) Error() string {
	return fmt.Sprintf("option %q: %s", strings.TrimPrefix(e.Pointer, "/"), e.Problem)
}

// CompleteOptions fills the defaults of the method's schema into the given options
// (an object, or nothing) and validates the outcome. The result is canonical: equal
// options give equal bytes, however they were written. Defaults are filled in for
// the properties of the options object itself, not inside of its values; where the
// schema has one for the kind of the dataset ("" if that is unknown), it counts.
//
// Wrong options give joined faults of kind Config, each with an OptionError in its
// chain and sorted by pointer; a wrong schema gives a fault of kind Plugin.
func CompleteOptions(info plugin.Info, given json.RawMessage, kind string) (json.RawMessage, error) {
	properties, compiled, err := compileOptions(info.Options)
	if err != nil {
		return nil, err
	}
	own, err := readKeywords(info.Options)
	if err != nil {
		return nil, err
	}
	options := map[string]any{}
	if len(bytes.TrimSpace(given)) > 0 {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(given))
		if err != nil {
			return nil, fault.New(fault.Config, "options are not JSON: %w", err)
		}
		var ok bool
		if options, ok = v.(map[string]any); v != nil && !ok {
			return nil, fault.New(fault.Config, "options must be an object of names and values, not %s", given)
		} else if v == nil {
			options = map[string]any{}
		}
	}
	var wrong []*OptionError
	for name, value := range options {
		if _, ok := properties[name]; !ok {
			wrong = append(wrong, &OptionError{pointer(name), unknownOption(name, properties)})
			delete(options, name)
			continue
		}
		value, err := canonical(value)
		if err != nil {
			wrong = append(wrong, &OptionError{pointer(name), err.Error()})
			delete(options, name)
			continue
		}
		options[name] = value
	}
	for name, p := range properties {
		if _, ok := options[name]; ok {
			continue
		}
		if value, ok := own[name].Defaults[kind]; ok {
			options[name] = value // a float64, which JSON writes as canonical does
		} else if p.Default != nil {
			if options[name], err = canonical(*p.Default); err != nil {
				return nil, badSchema(fmt.Errorf("default of %q: %w", name, err))
			}
		}
	}
	out, err := json.Marshal(options)
	if err != nil {
		return nil, fault.New(fault.Internal, "options: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(out))
	if err != nil {
		return nil, fault.New(fault.Internal, "options: %w", err)
	}
	var invalid *jsonschema.ValidationError
	if err := compiled.Validate(value); errors.As(err, &invalid) {
		wrong = append(wrong, leaves(invalid)...)
	} else if err != nil {
		return nil, fault.New(fault.Internal, "options: %w", err)
	}
	if len(wrong) == 0 {
		return out, nil
	}
	slices.SortFunc(wrong, func(a, b *OptionError) int {
		return cmp.Or(cmp.Compare(a.Pointer, b.Pointer), cmp.Compare(a.Problem, b.Problem))
	})
	errs := make([]error, len(wrong))
	for i, w := range wrong {
		errs[i] = fault.New(fault.Config, "%w", w)
	}
	return nil, errors.Join(errs...)
}

// checkSchema says what is wrong with the options schema of a method, which has
// to describe an object, give every property a default, and accept the defaults;
// what it says to the host has to make sense.
func checkSchema(schema json.RawMessage) error {
	properties, _, err := compileOptions(schema)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if properties[name].Default == nil {
			return badSchema(fmt.Errorf("property %q has no default", name))
		}
	}
	if _, err := CompleteOptions(plugin.Info{Options: schema}, nil, ""); err != nil {
		return badSchema(fmt.Errorf("its own defaults do not satisfy it: %w", err))
	}
	return checkKeywords(schema, properties)
}

func badSchema(err error) error {
	return fault.New(fault.Plugin, "schema of the method's options: %w", err).
		WithHint("the method's Describe must give a JSON schema (draft 2020-12) of an object whose properties all have defaults")
}

// noFiles refuses every reference out of a schema: a plugin's schema must not
// make the host read files or the network.
type noFiles struct{}

func (noFiles) Load(url string) (any, error) {
	return nil, fmt.Errorf("refers to %q outside of itself", url)
}

func compileOptions(schema json.RawMessage) (map[string]*jsonschema.Schema, *jsonschema.Schema, error) {
	if len(schema) == 0 { // a method without options
		schema = json.RawMessage(`{"type": "object", "additionalProperties": false}`)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, nil, badSchema(fmt.Errorf("not JSON: %w", err))
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noFiles{})
	const url = "options.json"
	if err := c.AddResource(url, v); err != nil {
		return nil, nil, badSchema(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		return nil, nil, badSchema(err)
	}
	if s.Types == nil || !slices.Equal(s.Types.ToStrings(), []string{"object"}) {
		return nil, nil, badSchema(errors.New(`its type is not "object"`))
	}
	return s.Properties, s, nil
}

// canonical rewrites the numbers in a decoded JSON value so that 1000, 1e3 and
// 1000.0 are one number, and a whole number is an integer to Go's decoder.
func canonical(v any) (any, error) {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i, nil
		}
		f, err := strconv.ParseFloat(v.String(), 64)
		if err != nil {
			return nil, fmt.Errorf("%s is out of the range of numbers", v)
		}
		if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			return int64(f), nil
		}
		return f, nil
	case []any:
		out := make([]any, len(v))
		for i := range v {
			var err error
			if out[i], err = canonical(v[i]); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			var err error
			if out[k], err = canonical(v[k]); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return v, nil
}

// leaves flattens a validation error into its causes.
func leaves(e *jsonschema.ValidationError) []*OptionError {
	if len(e.Causes) > 0 {
		var all []*OptionError
		for _, c := range e.Causes {
			all = append(all, leaves(c)...)
		}
		return all
	}
	return []*OptionError{{pointer(e.InstanceLocation...), problem(e.ErrorKind)}}
}

func problem(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be of type %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		want := make([]string, len(k.Want))
		for i, w := range k.Want {
			want[i] = fmt.Sprintf("%q", fmt.Sprint(w))
		}
		got := fmt.Sprint(k.Got)
		return fmt.Sprintf("%q is not one of %s", got, strings.Join(want, ", "))
	case *kind.Minimum:
		return fmt.Sprintf("%s is below the minimum %s", decimal(k.Got), decimal(k.Want))
	case *kind.Maximum:
		return fmt.Sprintf("%s is above the maximum %s", decimal(k.Got), decimal(k.Want))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("%s is not above %s", decimal(k.Got), decimal(k.Want))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("%s is not below %s", decimal(k.Got), decimal(k.Want))
	}
	return k.LocalizedString(printer)
}

var printer = message.NewPrinter(language.English)

// decimal writes a bound as people write numbers; options are float64 at most.
func decimal(r *big.Rat) string {
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// pointer is the JSON pointer (RFC 6901) of a path.
func pointer(path ...string) string {
	var b strings.Builder
	for _, p := range path {
		b.WriteString("/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(p))
	}
	return b.String()
}

func unknownOption(name string, properties map[string]*jsonschema.Schema) string {
	names := slices.Sorted(maps.Keys(properties))
	if len(names) == 0 {
		return "unknown; the method has no options"
	}
	if near := fault.Nearest(name, names); near != "" {
		return fmt.Sprintf("unknown; did you mean %q?", near)
	}
	return "unknown; the method's options are " + strings.Join(names, ", ")
}
