package baselines

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// yamlReader takes values out of the YAML nodes of a file and collects all that is
// wrong with them: errors of kind fault.Data with file, line and column. Files are
// plain: aliases and tags are mistakes.
type yamlReader struct {
	file string
	errs []error
}

func (r *yamlReader) pos(n *yaml.Node) fault.Pos {
	return fault.Pos{File: r.file, Line: n.Line, Col: n.Column}
}

func (r *yamlReader) fail(n *yaml.Node, format string, args ...any) *fault.Error {
	e := fault.New(fault.Data, format, args...).At(r.pos(n))
	r.errs = append(r.errs, e)
	return e
}

// document is the top of the one document of the file, which is a what; nil if there
// is none.
func (r *yamlReader) document(text []byte, what string) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		r.fail(&yaml.Node{}, "an empty file is no %s", what)
		return nil
	case err != nil:
		at, message := yaml.Node{}, strings.TrimPrefix(err.Error(), "yaml: ")
		if n, _ := fmt.Sscanf(message, "line %d:", &at.Line); n == 1 {
			_, message, _ = strings.Cut(message, ": ")
		}
		r.fail(&at, "not YAML: %s", message)
		return nil
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.fail(&doc, "more than one YAML document, or text after the first")
		return nil
	}
	return doc.Content[0]
}

// yamlKeys are the keys that a mapping has, and what reads the value of each; one with
// a question mark may be left out.
type yamlKeys map[string]func(n *yaml.Node, key string)

// set reads a value into to.
func set[T any](to *T, read func(n *yaml.Node, key string) T) func(*yaml.Node, string) {
	return func(n *yaml.Node, key string) { *to = read(n, key) }
}

// object reads a mapping; path is where it stands, for messages.
func (r *yamlReader) object(n *yaml.Node, path string, keys yamlKeys) {
	if path != "" {
		path += ": "
	}
	if !isPlain(n, yaml.MappingNode) {
		r.fail(n, "%swant a mapping, got %s", path, whatIs(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		if keys[name] == nil {
			name += "?"
		}
		switch read := keys[name]; {
		case !isPlain(key, yaml.ScalarNode) || read == nil || strings.HasSuffix(key.Value, "?"):
			var known []string
			for k := range keys {
				known = append(known, strings.TrimSuffix(k, "?"))
			}
			slices.Sort(known)
			r.fail(key, "%sunknown key %q", path, key.Value).Hint = fault.Suggest(key.Value, known)
		case seen[name]:
			r.fail(key, "%skey %q is there twice", path, key.Value)
		default:
			seen[name] = true
			read(value, key.Value)
		}
	}
	var missing []string
	for k := range keys {
		if !seen[k] && !strings.HasSuffix(k, "?") {
			missing = append(missing, strconv.Quote(k))
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		r.fail(n, "%sno key %s", path, strings.Join(missing, ", "))
	}
}

// list reads a list, which may be empty.
func (r *yamlReader) list(n *yaml.Node, path string, read func(*yaml.Node)) {
	if !isPlain(n, yaml.SequenceNode) {
		r.fail(n, "%s: want a list, got %s", path, whatIs(n))
		return
	}
	for _, item := range n.Content {
		read(item)
	}
}

// words reads lists of some of the known words (of any, if known is nil), at least one.
func words[T ~string](r *yamlReader, known []T) func(*yaml.Node, string) []T {
	return func(n *yaml.Node, path string) (list []T) {
		r.list(n, path, func(n *yaml.Node) {
			word := T(r.text(n, path))
			if known != nil && word != "" && !slices.Contains(known, word) {
				r.fail(n, "%s: %q is unknown", path, string(word)).Hint = fault.Suggest(word, known)
			}
			list = append(list, word)
		})
		if len(list) == 0 {
			r.fail(n, "%s: an empty list fits nothing: leave the key out for all", path)
		}
		return list
	}
}

// unique fails at n if what was seen before; seen has the line of each.
func unique[K comparable](r *yamlReader, n *yaml.Node, seen map[K]int, key K, what string) {
	if line := seen[key]; line > 0 {
		r.fail(n, "%s is there twice, first in line %d", what, line)
	}
	seen[key] = n.Line
}

func isPlain(n *yaml.Node, kind yaml.Kind) bool {
	return n.Kind == kind && n.Style&yaml.TaggedStyle == 0
}

func whatIs(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		return "an alias (write the value out)"
	case n.Style&yaml.TaggedStyle != 0:
		return "a value with the tag " + n.Tag
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!null":
		return "nothing"
	}
	return strconv.Quote(n.Value)
}

// text reads text that is not empty.
func (r *yamlReader) text(n *yaml.Node, path string) string {
	if !isPlain(n, yaml.ScalarNode) || n.ShortTag() != "!!str" || n.Value == "" {
		r.fail(n, "%s: want text, got %s", path, whatIs(n))
		return ""
	}
	return n.Value
}

var (
	wholeForm  = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

func (r *yamlReader) whole(n *yaml.Node, path string) uint64 {
	x, err := strconv.ParseUint(n.Value, 10, 64)
	if !isPlain(n, yaml.ScalarNode) || n.Style != 0 || !wholeForm.MatchString(n.Value) || err != nil {
		r.fail(n, "%s: want a whole number, got %s", path, whatIs(n))
	}
	return x
}

// count is a whole number that an int holds everywhere.
func (r *yamlReader) count(n *yaml.Node, path string) int {
	x := r.whole(n, path)
	if x > 1<<31-1 {
		r.fail(n, "%s: %d is too large", path, x)
		return 0
	}
	return int(x)
}

// number reads numbers from 0 to most.
func (r *yamlReader) number(most float64, want string) func(*yaml.Node, string) *float64 {
	return func(n *yaml.Node, path string) *float64 {
		x, err := strconv.ParseFloat(n.Value, 64)
		if !isPlain(n, yaml.ScalarNode) || n.Style != 0 || !numberForm.MatchString(n.Value) || err != nil || x < 0 || x > most {
			r.fail(n, "%s: want %s, got %s", path, want, whatIs(n))
		}
		return &x
	}
}
