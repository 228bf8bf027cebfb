package plugin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/protocol"
)

// Schema gives the JSON Schema of a method's options, for Info.Options, from a
// struct that holds the default values:
//
//	plugin.Schema(Options{Neighbours: 9, Ratio: 0.1, Pool: "mean"})
//
//	type Options struct {
//		Neighbours int     `json:"num_nn" doc:"neighbours that re-weight the score" min:"1"`
//		Ratio      float64 `json:"coreset_ratio" doc:"share of patches kept" above:"0" max:"1"`
//		Pool       string  `json:"pool" doc:"how patches are pooled" enum:"mean,max"`
//		Epochs     int     `json:"epochs" doc:"passes" min:"1" kinds:"visa=400,dagm=300"`
//		Prompt     string  `json:"prompt" doc:"text of a class" enum:"none,class_name" names:"class_name"`
//	}
//
// Fields are booleans, integers, floats, strings, or slices of those; each is
// exported and has the tags json and doc, and may have min and max (inclusive),
// above (exclusive minimum) and enum (comma-separated); on a slice they bind its
// elements. A number may have kinds: defaults that hold on some kinds of data set.
// A string with enum may have names: those of its values with which the method is
// told the names of the classes. The fields of an embedded struct count as those of
// the struct that it is in, so that methods can share options. Decode options into
// the same struct with DecodeOptions. Schema panics if the struct breaks these
// rules, which is a bug of its author.
func Schema(defaults any) json.RawMessage {
	v := reflect.ValueOf(defaults)
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("plugin.Schema: %T is not a struct", defaults))
	}
	properties := map[string]any{}
	addFields(properties, v)
	out, err := json.Marshal(map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"type":                 "object",
		"properties":           properties,
		"additionalProperties": false,
	})
	if err != nil {
		panic(fmt.Sprintf("plugin.Schema: %T: %v", defaults, err))
	}
	return out
}

// addFields adds the schemas of a struct's fields.
func addFields(properties map[string]any, v reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct { // as encoding/json
			addFields(properties, v.Field(i))
			continue
		}
		doc := f.Tag.Get("doc")
		if !f.IsExported() || name == "" || name == "-" || doc == "" {
			panic(fmt.Sprintf("plugin.Schema: field %s of %s needs to be exported and to have the tags json and doc", f.Name, v.Type()))
		}
		if properties[name] != nil {
			panic(fmt.Sprintf("plugin.Schema: field %s of %s is option %q once more", f.Name, v.Type(), name))
		}
		p, err := property(f)
		if err != nil {
			panic(fmt.Sprintf("plugin.Schema: field %s of %s: %v", f.Name, v.Type(), err))
		}
		p["description"] = doc
		if value := v.Field(i); value.Kind() == reflect.Slice && value.IsNil() {
			p["default"] = []any{} // not null, which is no array
		} else {
			p["default"] = value.Interface()
		}
		properties[name] = p
	}
}

// property is the schema of one field, without its description and default.
func property(f reflect.StructField) (map[string]any, error) {
	var p map[string]any
	var err error
	if f.Type.Kind() == reflect.Slice {
		p = map[string]any{"type": "array"}
		p["items"], err = scalar(f.Type.Elem(), f.Tag)
	} else {
		p, err = scalar(f.Type, f.Tag)
	}
	if err != nil {
		return nil, err
	}
	if list, ok := f.Tag.Lookup("kinds"); ok {
		if p[protocol.KeyDatasetDefaults], err = numbers(p["type"], list); err != nil {
			return nil, fmt.Errorf("tag kinds: %w", err)
		}
	}
	if list, ok := f.Tag.Lookup("names"); ok {
		names := strings.Split(list, ",")
		enum, _ := p["enum"].([]string)
		for _, n := range names {
			if !slices.Contains(enum, n) {
				return nil, fmt.Errorf("tag names: %q is not in enum", n)
			}
		}
		p[protocol.KeyClassNames] = names
	}
	return p, nil
}

// numbers reads the defaults of an option of the type by kinds of data set.
func numbers(kind any, list string) (map[string]json.Number, error) {
	if kind != "number" && kind != "integer" {
		return nil, fmt.Errorf("it is for numbers, not of type %s", kind)
	}
	out := map[string]json.Number{}
	for one := range strings.SplitSeq(list, ",") {
		name, text, _ := strings.Cut(one, "=")
		if _, err := strconv.ParseFloat(text, 64); err != nil || name == "" {
			return nil, fmt.Errorf("%q is not a kind of data set and a number, such as visa=400", one)
		}
		out[name] = json.Number(text)
	}
	return out, nil
}

func scalar(t reflect.Type, tag reflect.StructTag) (map[string]any, error) {
	p := map[string]any{}
	switch t.Kind() {
	case reflect.Bool:
		p["type"] = "boolean"
	case reflect.String:
		p["type"] = "string"
	case reflect.Float32, reflect.Float64:
		p["type"] = "number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p["type"] = "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		p["type"], p["minimum"] = "integer", 0
	default:
		return nil, fmt.Errorf("options of type %s are not supported", t)
	}
	for key, keyword := range map[string]string{"min": "minimum", "max": "maximum", "above": "exclusiveMinimum"} {
		text, ok := tag.Lookup(key)
		if !ok {
			continue
		}
		if _, err := strconv.ParseFloat(text, 64); err != nil {
			return nil, fmt.Errorf("tag %s: %q is not a number", key, text)
		}
		p[keyword] = json.Number(text)
	}
	if list, ok := tag.Lookup("enum"); ok {
		if t.Kind() != reflect.String {
			return nil, fmt.Errorf("tag enum is for strings, not %s", t)
		}
		p["enum"] = strings.Split(list, ",")
	}
	return p, nil
}
