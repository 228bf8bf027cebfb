package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// decoder collects what is wrong with one file, and where everything stands.
type decoder struct {
	file   string
	dir    string // of relative paths
	lookup func(string) (string, bool)
	errs   []*fault.Error
	pos    map[string]fault.Pos // by JSON pointer
}

// value is a YAML node at a place in the file.
type value struct {
	*decoder
	node    *yaml.Node
	pointer string // JSON pointer (RFC 6901)
}

func (d *decoder) posOf(n *yaml.Node) fault.Pos {
	return fault.Pos{File: d.file, Line: n.Line, Col: n.Column}
}

func (d *decoder) failAt(p fault.Pos, format string, args ...any) *fault.Error {
	e := fault.New(fault.Config, format, args...).At(p)
	d.errs = append(d.errs, e)
	return e
}

// fail reports a problem of v: "datasets.mvtec.root: ...".
func (v value) fail(format string, args ...any) *fault.Error {
	text := fmt.Sprintf(format, args...)
	if v.pointer != "" {
		text = dotted(v.pointer) + ": " + text
	}
	return v.failAt(v.pos[v.pointer], "%s", text)
}

// child is a value below v; key is the node of its key, nil in a list.
func (v value) child(name string, key, node *yaml.Node) value {
	c := value{v.decoder, node, v.pointer + "/" + pointerEscape.Replace(name)}
	at := v.posOf(node)
	if key != nil && (node.Kind != yaml.ScalarNode || c.null()) {
		at = v.posOf(key) // a mapping or list may begin lines below its key
	}
	v.pos[c.pointer] = at
	return c
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")
var pointerUnescape = strings.NewReplacer("~1", "/", "~0", "~")

// dotted writes a pointer as people do: /splits/0/factor as splits[0].factor.
func dotted(pointer string) string {
	var b strings.Builder
	for i, part := range strings.Split(strings.TrimPrefix(pointer, "/"), "/") {
		part = pointerUnescape.Replace(part)
		switch _, err := strconv.Atoi(part); {
		case err == nil && i > 0:
			b.WriteString("[" + part + "]")
		case i > 0:
			b.WriteString("." + part)
		default:
			b.WriteString(part)
		}
	}
	return b.String()
}

// wrong reports that v is not what was wanted.
func (v value) wrong(want string) { v.fail("want %s, got %s", want, v.describe()) }

func (v value) describe() string {
	n := v.node
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Sprintf("the alias *%s (write the value out)", n.Value)
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Sprintf("a value with the tag %s", n.Tag)
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!str":
		return "the text " + quote(n.Value)
	case "!!merge":
		return "the merge key << (write the keys out)"
	}
	return n.Value
}

func (v value) plain(kind yaml.Kind) bool {
	return v.node.Kind == kind && v.node.Style&yaml.TaggedStyle == 0
}

func (v value) scalar(tags ...string) bool {
	return v.plain(yaml.ScalarNode) && slices.Contains(tags, v.node.ShortTag())
}

func (v value) null() bool { return v.scalar("!!null") }

// pairs calls f for each key of a mapping; nothing counts as an empty one.
func (v value) pairs(f func(name string, c value)) {
	if v.null() {
		return
	}
	if !v.plain(yaml.MappingNode) {
		v.wrong("a mapping (key: value)")
		return
	}
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		key, node := v.node.Content[i], v.node.Content[i+1]
		k := value{v.decoder, key, ""}
		if !k.scalar("!!str") {
			v.failAt(v.posOf(key), "want text as a key, got %s", k.describe())
			continue
		}
		name := key.Value
		if old := first[name]; old != nil {
			v.failAt(v.posOf(key), "key %s is there twice, first in line %d", quote(name), old.Line)
			continue
		}
		first[name] = key
		f(name, v.child(name, key, node))
	}
}

// items calls f for each item of a list; nothing counts as an empty one.
func (v value) items(f func(c value)) {
	if v.null() {
		return
	}
	if !v.plain(yaml.SequenceNode) {
		v.wrong("a list")
		return
	}
	for i, n := range v.node.Content {
		f(v.child(strconv.Itoa(i), nil, n))
	}
}

// removed says, for keys that the format once had, what to write instead. The
// keys are as dotted prints them, with * for a name or an index.
var removed = map[string]string{}

// fields are the keys that a mapping may have, and what takes their values.
type fields map[string]func(v value)

// object reads a mapping with known keys and gives those that it has.
func (v value) object(known fields) map[string]value {
	seen := map[string]value{}
	v.pairs(func(name string, c value) {
		if take := known[name]; take != nil {
			seen[name] = c
			take(c)
			return
		}
		key := v.keyPos(name)
		for pattern, instead := range removed {
			if matches(pattern, c.pointer) {
				v.failAt(key, "%s is no longer a key", dotted(c.pointer)).WithHint("%s", instead)
				return
			}
		}
		where := ""
		if v.pointer != "" {
			where = dotted(v.pointer) + ": "
		}
		v.failAt(key, "%sunknown key %s", where, quote(name)).Hint = fault.Suggest(name, sortedKeys(known))
	})
	return seen
}

func (v value) keyPos(name string) fault.Pos {
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		if v.node.Content[i].Value == name {
			return v.posOf(v.node.Content[i])
		}
	}
	return v.posOf(v.node)
}

func matches(pattern, pointer string) bool {
	want, got := strings.Split(pattern, "."), strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	return slices.EqualFunc(want, got, func(w, g string) bool { return w == "*" || w == pointerUnescape.Replace(g) })
}

// text reads a string; a number or a truth value is not taken for one.
func (v value) text() (string, bool) {
	if v.scalar("!!str", "!!timestamp") {
		return v.node.Value, true
	}
	if v.scalar("!!int", "!!float", "!!bool") {
		v.fail("want text, got %s", v.node.Value).WithHint("quote it: %q", v.node.Value)
		return "", false
	}
	v.wrong("text")
	return "", false
}

func (v value) boolean(to *bool) {
	if !v.scalar("!!bool") {
		v.wrong("true or false")
		return
	}
	*to = strings.EqualFold(v.node.Value, "true")
}

var (
	wholeForm  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	numberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

// unsigned reads a whole number from least to most.
func (v value) unsigned(least, most uint64) (uint64, bool) {
	if v.scalar("!!int", "!!float") && wholeForm.MatchString(v.node.Value) {
		if n, err := strconv.ParseUint(v.node.Value, 10, 64); err == nil && n >= least && n <= most {
			return n, true
		}
	}
	v.wrong(fmt.Sprintf("a whole number from %d to %d", least, most))
	return 0, false
}

func (v value) integer(to *int, least, most uint64) {
	if n, ok := v.unsigned(least, most); ok {
		*to = int(n)
	}
}

// number reads a finite number.
func (v value) number(want string) (float64, bool) {
	if v.scalar("!!int", "!!float") && numberForm.MatchString(v.node.Value) {
		if f, err := strconv.ParseFloat(v.node.Value, 64); err == nil {
			return f, true
		}
	}
	v.wrong(want)
	return 0, false
}

// oneOf reads one of a few words.
func (v value) oneOf(to *string, words ...string) {
	s, ok := v.text()
	if ok && !slices.Contains(words, s) {
		v.fail("%s is not one of %s", quote(s), strings.Join(words, ", ")).Hint = nearest(s, words)
		ok = false
	}
	if ok {
		*to = s
	}
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$`)

// checkName: names become parts of cell and file names, and of --only.
func (v value) checkName(name string) bool {
	if nameForm.MatchString(name) {
		return true
	}
	v.fail("%s cannot be a name", quote(name)).
		WithHint("names begin with a letter or digit and have at most 64 letters, digits and . _ + -")
	return false
}

func (v value) name(to *string) {
	if s, ok := v.text(); ok && v.checkName(s) {
		*to = s
	}
}

// names reads a list of names out of known, without repetition.
func (v value) names(what string, known []string) []string {
	var list []string
	before := len(v.errs)
	v.items(func(c value) {
		s, ok := c.text()
		switch {
		case !ok:
		case !slices.Contains(known, s):
			c.fail("no %s %s", what, quote(s)).Hint = fault.Suggest(s, known)
		case slices.Contains(list, s):
			c.fail("%s is there twice", quote(s))
		default:
			list = append(list, s)
		}
	})
	if len(list) == 0 && len(v.errs) == before {
		v.fail("an empty list leaves nothing: leave the key out for all")
	}
	return list
}

// jsonObject reads a mapping of any shape as JSON with sorted keys.
func (v value) jsonObject() json.RawMessage {
	if v.null() {
		return json.RawMessage("{}")
	}
	if !v.plain(yaml.MappingNode) {
		v.wrong("a mapping (key: value)")
		return json.RawMessage("{}")
	}
	return toJSON(v.json())
}

// toJSON writes plain data, without the escapes that only HTML needs.
func toJSON(data any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(data); err != nil {
		panic(err) // json makes only what can be encoded
	}
	return bytes.TrimSpace(b.Bytes())
}

func (v value) json() any {
	switch {
	case v.null():
		return nil
	case v.plain(yaml.MappingNode):
		m := map[string]any{}
		v.pairs(func(name string, c value) { m[name] = c.json() })
		return m
	case v.plain(yaml.SequenceNode):
		list := []any{}
		v.items(func(c value) { list = append(list, c.json()) })
		return list
	case v.scalar("!!str", "!!timestamp"):
		return v.node.Value
	case v.scalar("!!bool"):
		return strings.EqualFold(v.node.Value, "true")
	case v.scalar("!!int", "!!float"):
		if f, err := strconv.ParseFloat(v.node.Value, 64); err == nil && !math.IsInf(f, 0) && numberForm.MatchString(v.node.Value) {
			return json.Number(v.node.Value)
		}
		v.fail("want a finite number in decimal digits, got %s", v.node.Value).WithHint("or quote it, if it is text")
		return nil
	}
	v.wrong("a value")
	return nil
}
