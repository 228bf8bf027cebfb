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

// paperSchema is the version of the files' form.
const paperSchema = "1"

// The forms of the parts of a scope. The names of columns and rows are free text.
var paperForms = map[string]struct {
	form *regexp.Regexp
	want string
}{
	"kind":    {regexp.MustCompile(`^(mvtec|visa|dagm)$`), "mvtec, visa or dagm"},
	"split":   {regexp.MustCompile(`^(exp|step)[1-9][0-9]*$`), "a split such as exp100 or step100"},
	"task":    {regexp.MustCompile(`^(Det|Seg)\.$`), "Det. or Seg."},
	"group":   {regexp.MustCompile(`^(All|High|Low)$`), "All, High or Low"},
	"method":  {regexp.MustCompile(`^[a-z0-9-]+(/[A-Za-z0-9.-]+)?$`), "a method such as ltad, or a preset such as ltad/6.8"},
	"encoder": {regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*$`), "the name of an encoder pack"},
}

// paperNumber is a number as printed, and its mark: b bold, u underlined.
var paperNumber = regexp.MustCompile(`^(-?(?:0|[1-9][0-9]*)\.[0-9]{2})([bu]?)$`)

// paperReader takes a table out of YAML nodes and keeps the first mistake.
type paperReader struct {
	file string
	err  *fault.Error
}

// parsePaperTable reads and checks one file. Errors are of kind fault.Data, with line
// and column.
func parsePaperTable(file string, text []byte) (*PaperTable, error) {
	r := &paperReader{file: file}
	t := r.table(r.document(text))
	if r.err != nil {
		return nil, r.err
	}
	return t, nil
}

func (r *paperReader) at(n *yaml.Node) fault.Pos {
	if n == nil {
		return fault.Pos{File: r.file}
	}
	return fault.Pos{File: r.file, Line: n.Line, Col: n.Column}
}

func (r *paperReader) fail(n *yaml.Node, format string, args ...any) *fault.Error {
	e := fault.New(fault.Data, format, args...).At(r.at(n))
	if r.err == nil {
		r.err = e
	}
	return e
}

// document is the root of the one document of a file; nil after a mistake.
func (r *paperReader) document(text []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		r.fail(nil, "empty file")
		return nil
	} else if err != nil {
		message, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
		if n, _ := fmt.Sscanf(message, "line %d:", &line); n == 1 {
			_, message, _ = strings.Cut(message, ": ")
		}
		r.fail(nil, "not YAML: %s", message).Pos.Line = line
		return nil
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		r.fail(nil, "more than one YAML document, or text after the first")
		return nil
	}
	return doc.Content[0]
}

// mapping gives the values of a mapping by key, all of which are known.
func (r *paperReader) mapping(n *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	values := map[string]*yaml.Node{}
	if n == nil {
		return values
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s: want a mapping with keys such as %q", what, known[0])
		return values
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode || !slices.Contains(known, k.Value):
			r.fail(k, "%s: unknown key %q", what, k.Value).Hint = fault.Suggest(k.Value, known)
		case values[k.Value] != nil:
			r.fail(k, "%s: key %q is there twice", what, k.Value)
		}
		values[k.Value] = n.Content[i+1]
	}
	return values
}

// list gives the items of a list that is not empty; none if n is nil.
func (r *paperReader) list(n *yaml.Node, what string) []*yaml.Node {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.fail(n, "%s: want a list that is not empty", what)
		return nil
	}
	return n.Content
}

// text is a plain value as it is written; "" if n is nil.
func (r *paperReader) text(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" || strings.TrimSpace(n.Value) == "" {
		r.fail(n, "%s: want text", what)
		return ""
	}
	return n.Value
}

func (r *paperReader) texts(n *yaml.Node, what string) []string {
	var list []string
	for _, item := range r.list(n, what) {
		list = append(list, r.text(item, what))
	}
	return list
}

// need is text that must be there, in the mapping n with the values.
func (r *paperReader) need(n *yaml.Node, values map[string]*yaml.Node, what, key string) string {
	if values[key] == nil {
		r.fail(n, "%s: key %q is missing", what, key)
	}
	return r.text(values[key], key)
}

// scope reads the parts of a scope that a mapping has.
func (r *paperReader) scope(values map[string]*yaml.Node) PaperScope {
	var of PaperScope
	for _, part := range of.parts() {
		n := values[part.key]
		*part.text = r.text(n, part.key)
		if rule := paperForms[part.key]; n != nil && !rule.form.MatchString(*part.text) {
			r.fail(n, "%s: %q is not %s", part.key, *part.text, rule.want)
		}
	}
	return of
}

func (r *paperReader) table(root *yaml.Node) *PaperTable {
	t := &PaperTable{}
	top := r.mapping(root, "the file", "schema", "source", "kind", "split", "encoder", "labels", "columns", "rows", "notes")
	if s := r.need(root, top, "the file", "schema"); s != paperSchema {
		r.fail(top["schema"], "schema: %q is not known; this program reads %s", s, paperSchema)
	}
	for _, key := range []string{"source", "kind", "columns", "rows"} {
		if top[key] == nil {
			r.fail(root, "the file: key %q is missing", key)
		}
	}
	source := r.mapping(top["source"], "source", "paper", "arxiv", "table", "caption")
	t.Title = r.need(top["source"], source, "source", "paper")
	t.ArXiv = r.need(top["source"], source, "source", "arxiv")
	t.Caption = r.need(top["source"], source, "source", "caption")
	number, err := strconv.Atoi(r.need(top["source"], source, "source", "table"))
	if err != nil || number < 1 {
		r.fail(source["table"], "table: want its number in the paper")
	}
	t.Table, t.pos = number, r.at(source["table"])
	t.Of = r.scope(top)
	t.Labels = r.texts(top["labels"], "labels")

	named := paperNames{}
	for _, n := range r.list(top["columns"], "columns") {
		values := r.mapping(n, "a column", "name", "task", "group", "method", "encoder")
		c := PaperColumn{Name: r.need(n, values, "a column", "name"), Of: r.scope(values)}
		r.unique(named, n, "column", c.Name)
		t.Columns = append(t.Columns, c)
	}
	named = paperNames{}
	seen := map[PaperScope]*yaml.Node{}
	for _, n := range r.list(top["rows"], "rows") {
		r.row(t, n, named, seen)
	}
	for _, n := range r.list(top["notes"], "notes") {
		r.note(t, n)
	}
	return t
}

// paperNames are the columns or rows so far.
type paperNames map[string]*yaml.Node

func (r *paperReader) unique(named paperNames, n *yaml.Node, what, name string) {
	if old := named[name]; old != nil {
		r.fail(n, "%s %q is there twice, first in line %d", what, name, old.Line)
	}
	named[name] = n
}

// row adds a row to t. A row without a name is called by its split and task. seen has
// the scopes, with a method, of the table's numbers so far.
func (r *paperReader) row(t *PaperTable, n *yaml.Node, named paperNames, seen map[PaperScope]*yaml.Node) {
	values := r.mapping(n, "a row", "name", "split", "task", "group", "method", "encoder", "labels", "values")
	row := PaperRow{Name: r.text(values["name"], "name"), Of: r.scope(values), Labels: r.texts(values["labels"], "labels")}
	if values["name"] == nil {
		row.Name = strings.TrimSpace(row.Of.Split + " " + string(row.Of.Task))
	}
	if row.Name == "" {
		r.fail(n, "a row: want a name, or a split and a task")
	}
	r.unique(named, n, "row", row.Name)
	if len(row.Labels) != len(t.Labels) {
		r.fail(n, "row %q: %d labels, but the table has %d", row.Name, len(row.Labels), len(t.Labels))
	}
	numbers := r.list(values["values"], "values")
	if len(numbers) != len(t.Columns) {
		at := values["values"]
		if at == nil {
			at = n
		}
		r.fail(at, "row %q: %d values, but the table has %d columns", row.Name, len(numbers), len(t.Columns))
	}
	for _, v := range numbers {
		row.Values = append(row.Values, r.value(v))
	}
	t.Rows = append(t.Rows, row)
	if r.err != nil {
		return // the scopes below need all of it
	}
	for j, column := range t.Columns {
		of, twice := t.scope(len(t.Rows)-1, j)
		where := fmt.Sprintf("row %q, column %q", row.Name, column.Name)
		if twice != "" {
			r.fail(n, "%s: %s is said twice", where, twice).WithHint("say it for the table, the column or the row")
		}
		for _, part := range of.parts() {
			if *part.text == "" && part.key != "method" && part.key != "encoder" {
				r.fail(n, "%s: no %s", where, part.key).WithHint("say it for the table, the column or the row")
			}
		}
		if of.Method == "" {
			continue // another column of the same scope is another method's
		}
		of.Encoder = ""
		if old := seen[of]; old != nil {
			r.fail(numbers[j], "%s: %s has a number for %s %s %s already, in line %d", where, of.Method, of.Split, of.Task, of.Group, old.Line)
		}
		seen[of] = numbers[j]
	}
}

func (r *paperReader) value(n *yaml.Node) PaperValue {
	text := r.text(n, "values")
	if text == "N/A" {
		return PaperValue{Text: text}
	}
	parts := paperNumber.FindStringSubmatch(text)
	if parts == nil {
		r.fail(n, "%q is not a number as printed", text).WithHint("percent with two decimals, with b if bold or u if underlined; or N/A")
		return PaperValue{}
	}
	if f, err := strconv.ParseFloat(parts[1], 64); err != nil || strings.HasPrefix(text, "-") || f > 100 {
		r.fail(n, "%s is not within 0 to 100", parts[1])
	}
	return PaperValue{Text: parts[1], Best: parts[2] == "b", Second: parts[2] == "u"}
}

// note adds a note to t, whose rows and columns are known.
func (r *paperReader) note(t *PaperTable, n *yaml.Node) {
	values := r.mapping(n, "a note", "rows", "columns", "text")
	note := PaperNote{Text: r.need(n, values, "a note", "text")}
	var rows, columns []string
	for _, row := range t.Rows {
		rows = append(rows, row.Name)
	}
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	pick := func(key string, known []string) []string {
		list := r.texts(values[key], key)
		for i, name := range list {
			if !slices.Contains(known, name) {
				r.fail(values[key].Content[i], "a note: the table has no %s %q", strings.TrimSuffix(key, "s"), name).Hint = fault.Suggest(name, known)
			}
		}
		return list
	}
	note.Rows, note.Columns = pick("rows", rows), pick("columns", columns)
	t.Notes = append(t.Notes, note)
}
