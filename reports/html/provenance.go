package html

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
)

// cellID tells cells apart: two of the same name may come from different inputs.
type cellID struct {
	cell result.Cell
	key  ad.Digest
}

// cellData is a cell as the dialog shows it: texts, in the order to show them.
type cellData struct {
	Name     string      `json:"name"`
	Seeds    string      `json:"seeds"` // what tells it from the other seeds
	Status   string      `json:"status"`
	Key      string      `json:"key"`
	Inputs   []fact      `json:"inputs"`
	Options  string      `json:"options"`
	Protocol []fact      `json:"protocol"`
	Run      []fact      `json:"run"`
	Classes  *classTable `json:"classes"`
	Warnings []string    `json:"warnings"`
	Failure  *failure    `json:"failure"`
	Problem  string      `json:"problem"`
	Command  string      `json:"command"`
}

// MarshalJSON makes a fact a pair.
func (f fact) MarshalJSON() ([]byte, error) { return json.Marshal([2]string{f.Name, f.Value}) }

type failure struct {
	Kind    fault.Kind   `json:"kind"`
	Source  fault.Source `json:"source"`
	Message string       `json:"message"`
	Hint    string       `json:"hint"`
	Log     string       `json:"log"`
}

// classTable is the metrics of each class of a cell.
type classTable struct {
	Metrics []string   `json:"metrics"` // labels
	IDs     []string   `json:"ids"`
	Rows    []classRow `json:"rows"`
}

type classRow struct {
	Name   string   `json:"name"`
	Group  string   `json:"group"`
	Train  int      `json:"train"`
	Test   string   `json:"test"`
	Values []string `json:"values"` // in percent
	Exact  []string `json:"exact"`  // all digits
}

// number is a number of a table as the dialog shows it.
type number struct {
	Title     string       `json:"title"`
	Where     string       `json:"where"`
	Text      string       `json:"text"`
	Std       string       `json:"std"`
	Mean      string       `json:"mean"` // all digits
	Spread    string       `json:"spread"`
	Of        string       `json:"of"` // what it is the mean of
	State     string       `json:"state"`
	Metric    string       `json:"metric"`
	Group     string       `json:"group"`
	Class     string       `json:"class"`
	Cells     []numberCell `json:"cells"`
	Published *published   `json:"published"`
}

type numberCell struct {
	Cell  int    `json:"cell"`
	Value string `json:"value"` // all digits, or ""
}

type published struct {
	Value   string   `json:"value"`
	Source  string   `json:"source"`
	Remarks []string `json:"remarks"`
}

// data is the script that holds what the dialog shows. json.Marshal escapes what could
// end a script.
func (v *view) data() ([]byte, error) {
	type names []string
	list := func(c choice) (out names) {
		out = names{}
		for _, one := range c.Items {
			out = append(out, one.Name)
		}
		return out
	}
	var colours []string
	for _, c := range v.Scale.Colours {
		colours = append(colours, fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B))
	}
	text, err := json.Marshal(struct {
		Dataset names             `json:"dataset"`
		Class   names             `json:"class"`
		Method  names             `json:"method"`
		Numbers map[string]number `json:"numbers"`
		Cells   []cellData        `json:"cells"`
		Colours []string          `json:"colours"`
		Rates   []string          `json:"rates"`
	}{list(v.Datasets), list(v.Classes), list(v.Methods), v.numbers, v.cells, colours, v.Scale.Rates})
	if err != nil {
		return nil, fault.New(fault.Internal, "the report's data: %w", err)
	}
	return slices.Concat([]byte("window.ltadbench = "), text, []byte(";\n")), nil
}

// number keeps the provenance of a cell's number and gives its ID, which depends on what
// the number is of alone: not on the table it stands in, nor on its value.
func (v *view) number(t reports.Table, c reports.Cell) string {
	value := c.Value
	subject, err := json.Marshal([]any{t.Dataset, t.Digest, t.Protocol, value.Split, value.Encoder, value.Method, value.Metric, value.Group, value.Class})
	if err != nil {
		panic(err) // only plain data comes here
	}
	sum := sha256.Sum256(subject)
	id := hex.EncodeToString(sum[:6])
	n, known := v.numbers[id]
	if known && (n.Published != nil || value.Published == nil) {
		return id
	}
	method := string(value.Method)
	if name, ok := v.Names[value.Method]; ok {
		method = name
	}
	n = number{
		Text: c.Text, Std: c.Std, State: value.State, Metric: string(value.Metric), Group: string(value.Group), Class: string(value.Class),
		Where: strings.Join([]string{string(t.Dataset), value.Split, value.Encoder}, " · "),
	}
	what := "class " + string(value.Class)
	if value.Class == "" {
		what = map[ad.Group]string{ad.All: "all classes", ad.High: "majority (High) classes", ad.Low: "minority (Low) classes"}[value.Group]
	}
	n.Title = strings.Join([]string{method, reports.MetricName(value.Metric), what}, " · ")
	if value.Mean != nil {
		n.Mean = digits(*value.Mean)
	}
	if value.Std != nil {
		n.Spread = digits(*value.Std)
	}
	for _, e := range value.Entries() {
		one := numberCell{Cell: v.entry(e)}
		for _, run := range value.Runs {
			if e.Record != nil && run.Key == e.Record.Key && run.Seed == e.Cell.Seed && run.SplitSeed == e.Cell.SplitSeed {
				one.Value = digits(run.Value)
			}
		}
		n.Cells = append(n.Cells, one)
	}
	n.Of = meanOf(value)
	if p := value.Published; p != nil {
		n.Published = &published{digits(p.Value), p.Source, p.Remarks}
	}
	v.numbers[id] = n
	return id
}

// meanOf says what a number is the mean of.
func meanOf(value *reports.Value) string {
	var parts []string
	if value.Class == "" {
		for _, e := range value.Entries() {
			if e.Record == nil {
				continue
			}
			if m := e.Record.Means[value.Group][value.Metric]; m.Of > 0 {
				classes := "1 class"
				if m.Classes != 1 {
					classes = fmt.Sprintf("%d classes", m.Classes)
				}
				parts = append(parts, "the unweighted mean over "+classes)
				break
			}
		}
	}
	if len(value.Runs) > 1 {
		parts = append(parts, fmt.Sprintf("the mean over %d seeds, ± their sample standard deviation", len(value.Runs)))
	}
	return strings.Join(parts, "; ")
}

// entry keeps a cell and gives its index.
func (v *view) entry(e reports.Entry) int {
	id := cellID{cell: e.Cell}
	if e.Record != nil {
		id.key = e.Record.Key
	}
	if at, ok := v.cellAt[id]; ok {
		return at
	}
	v.dataset(e.Cell.Dataset)
	v.method(e.Cell.Method)
	c := v.cellData(e)
	at := len(v.cells)
	v.cellAt[id] = at
	v.cells = append(v.cells, c)
	v.failed(e, c)
	return at
}

func (v *view) cellData(e reports.Entry) cellData {
	c := cellData{Name: e.Cell.String(), Status: "missing", Problem: e.Problem, Seeds: fmt.Sprintf("seed %d", e.Cell.Seed)}
	if e.Cell.SplitSeed != 0 {
		c.Seeds += fmt.Sprintf(", split seed %d", e.Cell.SplitSeed)
	}
	if v.Command != nil {
		c.Command = v.Command(e)
	}
	r := e.Record
	if r == nil {
		return c
	}
	c.Status, c.Key, c.Warnings = string(r.Status), string(r.Key), r.Warnings
	if f := r.Failure; f != nil {
		c.Failure = &failure{f.Kind, f.Source, f.Message, f.Hint, f.Log}
	}
	in := r.Inputs
	c.Inputs = facts(
		"Dataset", string(in.Dataset), "Split", string(in.Split), "Encoder", string(in.Encoder), "Text side", string(in.Text),
		"Features", in.FeatureType, "Method", in.Method+", version "+in.MethodVersion, "Its files", string(in.MethodFiles), "Engine", in.Engine,
		"Seed", strconv.FormatUint(in.Seed, 10), "Record schema", strconv.Itoa(in.Schema))
	if r.Prior {
		c.Inputs = append(c.Inputs, fact{"Prior", "the method is told the names of the classes"})
	}
	if r.Maps != nil {
		kept := ""
		if !r.Maps.Kept {
			kept = " (not kept)"
		}
		c.Inputs = append(c.Inputs, fact{"Anomaly maps", string(r.Maps.Digest) + kept})
	}
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, in.Options, "", "  "); err == nil {
		c.Options = pretty.String()
	}
	c.Protocol = protocolFacts(in.Protocol)
	c.Run = runFacts(r.Run)
	c.Classes = v.classTable(r)
	return c
}

// facts pairs names and values, and leaves out the empty ones.
func facts(pairs ...string) (out []fact) {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) != "" {
			out = append(out, fact{pairs[i], pairs[i+1]})
		}
	}
	return out
}

func protocolFacts(p metric.Protocol) []fact {
	return facts("Algorithms", p.Version, "Evaluated at", fmt.Sprintf("%d × %d pixels", p.Size, p.Size), "Maps resized", string(p.MapResize),
		"Masks resized", string(p.MaskResize), "Mask threshold", fmt.Sprintf("above %d of 255", p.MaskThreshold),
		"Image score", string(p.ImageScore), "AUPRO up to", digits(p.AUPROLimit), "Connectivity", strconv.Itoa(p.Connectivity))
}

func runFacts(r result.Run) []fact {
	seconds := func(phase string) string { return strconv.FormatFloat(r.Seconds[phase], 'f', 2, 64) + " s" }
	var times []string
	for _, phase := range slices.Sorted(maps.Keys(r.Seconds)) {
		if phase != "total" {
			times = append(times, phase+" "+seconds(phase))
		}
	}
	total := ""
	if _, ok := r.Seconds["total"]; ok {
		total = seconds("total")
	}
	var memory []string
	for _, process := range slices.Sorted(maps.Keys(r.Memory)) {
		memory = append(memory, fmt.Sprintf("%s %.1f MiB", process, float64(r.Memory[process])/(1<<20)))
	}
	started := ""
	if !r.Started.IsZero() {
		started = r.Started.UTC().Format(time.RFC3339)
	}
	var more []string
	if r.Rescored {
		more = append(more, "scored again from stored maps")
	}
	if r.Resumed {
		more = append(more, "resumed from a checkpoint: the times are those of the last attempt")
	}
	threads := ""
	if r.Threads > 0 {
		threads = strconv.Itoa(r.Threads)
	}
	m := r.Machine
	return facts("Started", started, "Total time", total, "Phases", strings.Join(times, ", "), "Device", r.Device, "Features by", r.Features,
		"Threads", threads, "Peak memory", strings.Join(memory, ", "), "Remarks", strings.Join(more, "; "), "Plugin", strings.Join(r.Command, " "),
		"Machine", machineText(m), "ltadbench", m.Ltadbench, "Go", m.Go, "ONNX Runtime", m.ONNXRuntime)
}

// classTable is the metrics of each class that any class of the record has.
func (v *view) classTable(r *result.Record) *classTable {
	if len(r.Classes) == 0 {
		return nil
	}
	var t classTable
	var shown []ad.Metric
	for _, m := range ad.Metrics {
		if slices.ContainsFunc(r.Classes, func(c result.Class) bool { _, ok := c.Metrics[m]; return ok }) {
			shown = append(shown, m)
			t.Metrics, t.IDs = append(t.Metrics, reports.MetricLabel(m)), append(t.IDs, string(m))
		}
	}
	for _, c := range r.Classes {
		v.class(c.Name)
		row := classRow{Name: string(c.Name), Group: string(c.Group), Train: c.Train, Test: fmt.Sprintf("%d + %d", c.Normal, c.Anomalous)}
		for _, m := range shown {
			text, exact := "n/a", ""
			if x := c.Metrics[m]; x != nil {
				text, exact = strconv.FormatFloat(100**x, 'f', v.Decimals, 64), digits(*x)
			}
			row.Values, row.Exact = append(row.Values, text), append(row.Exact, exact)
		}
		t.Rows = append(t.Rows, row)
	}
	return &t
}
