package baselines

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// paperSchema is the version of the files' form.
const paperSchema = 1

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

// paperParser takes a table out of YAML nodes.
type paperParser struct{ yamlReader }

// parsePaperTable reads and checks one file. Errors are of kind fault.Data, with line
// and column, one for each mistake.
func parsePaperTable(file string, text []byte) (*PaperTable, error) {
	p := &paperParser{yamlReader{file: file}}
	t := &PaperTable{}
	if root := p.document(text, "table of the paper"); root != nil {
		p.table(t, root)
	}
	if err := errors.Join(p.errs...); err != nil {
		return nil, err
	}
	return t, nil
}

func (p *paperParser) table(t *PaperTable, root *yaml.Node) {
	var rows, notes *yaml.Node // which need the columns
	columns := map[string]int{}
	p.object(root, "", p.scope(&t.Of, yamlKeys{
		"schema": func(n *yaml.Node, key string) {
			if version := p.whole(n, key); version != paperSchema {
				p.fail(n, "schema %d is not known; this program reads %d", version, paperSchema)
			}
		},
		"source": func(n *yaml.Node, key string) {
			p.object(n, key, yamlKeys{
				"paper":   set(&t.Title, p.text),
				"arxiv":   set(&t.ArXiv, p.text),
				"caption": set(&t.Caption, p.text),
				"table":   func(n *yaml.Node, key string) { t.Table, t.pos = p.count(n, key), p.pos(n) },
			})
		},
		"labels?": set(&t.Labels, words[string](&p.yamlReader, nil)),
		"columns": func(n *yaml.Node, key string) {
			p.list(n, key, func(n *yaml.Node) {
				var c PaperColumn
				p.object(n, key, p.scope(&c.Of, yamlKeys{"name": set(&c.Name, p.text)}))
				unique(&p.yamlReader, n, columns, c.Name, fmt.Sprintf("column %q", c.Name))
				t.Columns = append(t.Columns, c)
			})
		},
		"rows":   func(n *yaml.Node, _ string) { rows = n },
		"notes?": func(n *yaml.Node, _ string) { notes = n },
	}))
	if len(p.errs) > 0 {
		return
	}
	names, seen := map[string]int{}, map[PaperScope]int{}
	p.list(rows, "rows", func(n *yaml.Node) { p.row(t, n, names, seen) })
	if len(t.Rows) == 0 || len(t.Columns) == 0 {
		p.fail(root, "a table without numbers")
	}
	if notes != nil {
		p.list(notes, "notes", func(n *yaml.Node) { p.note(t, n) })
	}
}

// scope adds to the keys of a mapping those of the parts of a scope.
func (p *paperParser) scope(of *PaperScope, keys yamlKeys) yamlKeys {
	for _, part := range of.parts() {
		rule := paperForms[part.key]
		keys[part.key+"?"] = func(n *yaml.Node, key string) {
			*part.text = p.text(n, key)
			if *part.text != "" && !rule.form.MatchString(*part.text) {
				p.fail(n, "%s: %q is not %s", key, *part.text, rule.want)
			}
		}
	}
	return keys
}

// row adds a row to t. A row without a name is called by its split and task. names and
// seen have the lines of the rows, and of the numbers with a method, so far.
func (p *paperParser) row(t *PaperTable, n *yaml.Node, names map[string]int, seen map[PaperScope]int) {
	var row PaperRow
	var values *yaml.Node
	before := len(p.errs)
	p.object(n, "rows", p.scope(&row.Of, yamlKeys{
		"name?":   set(&row.Name, p.text),
		"labels?": set(&row.Labels, words[string](&p.yamlReader, nil)),
		"values": func(n *yaml.Node, key string) {
			values = n
			p.list(n, key, func(n *yaml.Node) { row.Values = append(row.Values, p.value(n)) })
		},
	}))
	if row.Name == "" {
		row.Name = strings.TrimSpace(row.Of.Split + " " + string(row.Of.Task))
	}
	t.Rows = append(t.Rows, row)
	if len(p.errs) > before {
		return // the rest needs all of it
	}
	if row.Name == "" {
		p.fail(n, "rows: want a name, or a split and a task")
		return
	}
	unique(&p.yamlReader, n, names, row.Name, fmt.Sprintf("row %q", row.Name))
	if len(row.Labels) != len(t.Labels) {
		p.fail(n, "row %q: %d labels, but the table has %d", row.Name, len(row.Labels), len(t.Labels))
	}
	if len(row.Values) != len(t.Columns) {
		p.fail(values, "row %q: %d values, but the table has %d columns", row.Name, len(row.Values), len(t.Columns))
	}
	for j, column := range t.Columns {
		if len(p.errs) > before {
			return // the other numbers likely have the same mistake
		}
		of, twice := t.scope(len(t.Rows)-1, j)
		where := fmt.Sprintf("row %q, column %q", row.Name, column.Name)
		if twice != "" {
			p.fail(n, "%s: %s is said twice", where, twice).WithHint("say it for the table, the column or the row")
		}
		for _, part := range of.parts() {
			if *part.text == "" && part.key != "method" && part.key != "encoder" {
				p.fail(n, "%s: no %s", where, part.key).WithHint("say it for the table, the column or the row")
			}
		}
		if of.Method == "" {
			continue // another column of the same scope is another method's
		}
		of.Encoder = ""
		unique(&p.yamlReader, values.Content[j], seen, of, fmt.Sprintf("%s: %s of %s %s %s", where, of.Method, of.Split, of.Task, of.Group))
	}
}

func (p *paperParser) value(n *yaml.Node) PaperValue {
	parts := paperNumber.FindStringSubmatch(n.Value)
	switch {
	case isPlain(n, yaml.ScalarNode) && n.Value == "N/A":
		return PaperValue{Text: n.Value}
	case !isPlain(n, yaml.ScalarNode) || parts == nil:
		p.fail(n, "values: want a number as printed, got %s", whatIs(n)).
			WithHint("percent with two decimals, with b if bold or u if underlined; or N/A")
		return PaperValue{}
	}
	if f, err := strconv.ParseFloat(parts[1], 64); err != nil || strings.HasPrefix(n.Value, "-") || f > 100 {
		p.fail(n, "%s is not within 0 to 100", parts[1])
	}
	return PaperValue{Text: parts[1], Best: parts[2] == "b", Second: parts[2] == "u"}
}

// note adds a note to t, whose rows and columns are known.
func (p *paperParser) note(t *PaperTable, n *yaml.Node) {
	var note PaperNote
	var rows, columns []string
	for _, row := range t.Rows {
		rows = append(rows, row.Name)
	}
	for _, c := range t.Columns {
		columns = append(columns, c.Name)
	}
	p.object(n, "notes", yamlKeys{
		"text":     set(&note.Text, p.text),
		"rows?":    set(&note.Rows, words(&p.yamlReader, rows)),
		"columns?": set(&note.Columns, words(&p.yamlReader, columns)),
	})
	t.Notes = append(t.Notes, note)
}
