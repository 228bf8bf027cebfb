// Package figure draws figures of stored results, as they stand in papers: SVG, PDF
// and PNG, 3.3 or 6.9 inches wide (a column, the full text), in the palette of Okabe
// and Ito for colour-blind readers. Nothing is told by colour alone: lines also
// differ in their dashes and markers, areas in lightness and hatching, so that a grey
// print can be read.
//
// It draws what is in the records and computes no metric. What it does compute are
// curves and counts: ROC and precision-recall points of image scores as
// framework/metric defines the areas under them, and histograms.
//
// # Several seeds
//
// Numbers (AUROC per class, by factor, by preset) are means over the seeds, with bars
// of the sample standard deviation. Curves and histograms are of one training, the
// first seed's: scores of different trainings share no scale, so pooling them would
// draw a curve that no detector has, with an area that no table prints. The caption
// says so.
package figure

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/reports"
)

// The kinds of figures.
const (
	// Distribution is, for each dataset and split, the training images of each class
	// before and after sampling, with the methods' metrics of each class beneath, as
	// in the paper's Fig. 2.
	Distribution = "distribution"
	// Imbalance is a metric against the imbalance factor, as in the paper's Fig. 8.
	Imbalance = "imbalance"
	// Ablation is a bar for each preset of an ablation table, as in the paper's Fig. 6.
	Ablation = "ablation"
	// ROC is the image-level curves of each class, a line per method.
	ROC = "roc"
	// PR is likewise precision against recall.
	PR = "pr"
	// Scores is, for each method, the histograms of image scores of each class.
	Scores = "scores"
)

// Kinds lists all kinds, in the order in which Draw draws them.
var Kinds = []string{Distribution, Imbalance, Ablation, ROC, PR, Scores}

// Input is what figures are drawn from.
type Input struct {
	Entries []reports.Entry
	Names   map[ad.MethodName]string // to show; the name itself if there is none
	Methods []ad.MethodName          // which, and their order; nil: all, as they appear in Entries
	Splits  map[string]Split         // by Cell.Split, for Imbalance
	// Available is the number of training images before sampling, by the digest of the
	// split, for Distribution.
	Available map[ad.Digest]map[ad.ClassName]int
	Presets   []reports.Preset // for Ablation
	Metrics   []ad.Metric      // default: image and pixel AUROC
}

// Split is what a split's name stands for.
type Split struct {
	Type    string  // exp, step, full or manifest
	Factor  float64 // of exp and step
	Order   string  // what ranks the classes: size, name, ...
	Reverse bool    // the order is the other way round
}

// Figure is one figure. Its methods are safe for concurrent use.
type Figure struct {
	kind, name, title, alt, caption string

	width, height vg.Length
	paint         func(*sheet)
}

// Kind is one of Kinds.
func (f *Figure) Kind() string { return f.kind }

// Name is a file name without its ending; figures of one Draw have different ones.
func (f *Figure) Name() string { return f.name }

// Title says in a few words what the figure shows.
func (f *Figure) Title() string { return f.title }

// Alt says in a sentence what is to be seen, for readers who cannot see it.
func (f *Figure) Alt() string { return f.alt }

// Caption explains the figure, for a paper: what is drawn how, what is left out.
func (f *Figure) Caption() string { return f.caption }

// Size gives width and height in inches.
func (f *Figure) Size() (width, height float64) {
	return float64(f.width / vg.Inch), float64(f.height / vg.Inch)
}

// draw paints the figure on a canvas of its size.
func (f *Figure) draw(c vg.Canvas) {
	f.paint(&sheet{draw.NewCanvas(c, f.width, f.height)})
}

// Draw makes the figures of the kinds, nil for all that there is something to draw
// of, in the order of Kinds and of first appearance in the entries. What is left out,
// and why, is in skipped, a line each. Unknown kinds, methods and metrics are errors
// of kind fault.Usage.
func Draw(ctx context.Context, in Input, kinds []string) (figs []*Figure, skipped []string, err error) {
	for _, k := range kinds {
		if !slices.Contains(Kinds, k) {
			return nil, nil, unknown("kind of figure", k, Kinds)
		}
	}
	if kinds == nil {
		kinds = slices.DeleteFunc(slices.Clone(Kinds), func(k string) bool { return k == Ablation && len(in.Presets) == 0 })
	}
	d, err := newDrawing(in)
	if err != nil {
		return nil, nil, err
	}
	d.reportLost()
	for _, kind := range Kinds {
		if !slices.Contains(kinds, kind) {
			continue
		}
		d.kind = kind
		switch kind {
		case Distribution:
			err = d.each(ctx, d.distribution)
		case Imbalance:
			d.imbalance()
		case Ablation:
			d.ablation()
		case ROC, PR:
			err = d.each(ctx, d.curves)
		case Scores:
			err = d.each(ctx, d.scores)
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, err
		}
	}
	return d.figs, d.skipped, nil
}

// each calls f for each dataset, split and encoder.
func (d *drawing) each(ctx context.Context, f func(*config)) error {
	for _, c := range d.configs {
		if err := ctx.Err(); err != nil {
			return err
		}
		f(c)
	}
	return nil
}

// add takes a figure, with a name of its own made of the parts.
func (d *drawing) add(f *Figure, parts ...string) {
	f.kind = d.kind
	base := slug(strings.Join(append([]string{d.kind}, parts...), "-"))
	f.name = base
	for i := 2; slices.ContainsFunc(d.figs, func(other *Figure) bool { return strings.EqualFold(other.name, f.name) }); i++ {
		f.name = fmt.Sprintf("%s-%d", base, i)
	}
	d.figs = append(d.figs, f)
}

// skip says why something is not drawn.
func (d *drawing) skip(format string, args ...any) {
	line := d.kind + ": " + fmt.Sprintf(format, args...)
	if !slices.Contains(d.skipped, line) {
		d.skipped = append(d.skipped, line)
	}
}

// slug makes a file name of a text.
func slug(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || strings.ContainsRune("._+-", r)) {
			return r
		}
		return '-'
	}, s)
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	return strings.Trim(s[:min(len(s), 150)], "-")
}

func unknown[S ~string](what string, word S, known []S) error {
	list := make([]string, len(known))
	for i, k := range known {
		list[i] = string(k)
	}
	return fault.New(fault.Usage, "no %s %q", what, word).WithHint("there are: %s", strings.Join(list, ", "))
}
