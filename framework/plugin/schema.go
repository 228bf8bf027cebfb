package plugin

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
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
//	}
//
// Fields are booleans, integers, floats, strings, or slices of those; each is
// exported and has the tags json and doc, and may have min and max (inclusive),
// above (exclusive minimum) and enum (comma-separated); on a slice they bind its
// elements. Decode options into the same struct with DecodeOptions. Schema panics
// if the struct breaks these rules, which is a bug of its author.
func Schema(defaults any) json.RawMessage {
	v := reflect.ValueOf(defaults)
	if v.Kind() != reflect.Struct {
		panic(fmt.Sprintf("plugin.Schema: %T is not a struct", defaults))
	}
	properties := map[string]any{}
	addProperties(properties, v, defaults)
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

func addProperties(properties map[string]any, v reflect.Value, defaults any) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if f.Anonymous {
			addProperties(properties, v.Field(i), defaults)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		doc := f.Tag.Get("doc")
		if !f.IsExported() || name == "" || name == "-" || doc == "" {
			panic(fmt.Sprintf("plugin.Schema: field %s of %T needs to be exported and to have the tags json and doc", f.Name, defaults))
		}
		p, err := property(f)
		if err != nil {
			panic(fmt.Sprintf("plugin.Schema: field %s of %T: %v", f.Name, defaults, err))
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
	if f.Type.Kind() == reflect.Slice {
		items, err := scalar(f.Type.Elem(), f.Tag)
		return map[string]any{"type": "array", "items": items}, err
	}
	return scalar(f.Type, f.Tag)
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
