package synthetic

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// The values of Options.Masks.
const (
	MasksExact   = "exact"
	MasksEllipse = "ellipse"
)

// The limits of Options.
const (
	MinSize  = 64
	MaxSize  = 1024
	MaxCount = 2400 // images of one class, part and label; four such still have the four digits of DAGM's file names
)

// Options says what is generated. The zero value is not valid: start from
// DefaultOptions or ParseOptions.
type Options struct {
	// Classes are the texture families, in the order of the directories Class1,
	// Class2, ...; Families lists them. In JSON also a number n: the first n.
	// Default: all.
	Classes []string `json:"classes"`
	// Size is the width and height of an image in pixels, from MinSize to MaxSize.
	// The picture is the same at every size, sampled more or less finely; the
	// textures are drawn for 256, and alias below. Default: 256.
	Size int `json:"size"`
	// Train is the number of normal training images of each class. In JSON also one
	// number for all classes. Default: from 36 to 100, by family, in no order of
	// names; the largest is 100 so that a long tail of factor 100 is possible.
	Train []int `json:"train"`
	// TestNormal is the number of normal test images of a class. Default: 20.
	TestNormal int `json:"test_normal"`
	// TestDefect is the number of defective test images of a class. Default: 20.
	TestDefect int `json:"test_defect"`
	// TrainDefects is the number of defective training images, as a fraction of
	// Train from 0 to 1, rounded to the nearest whole number but at least one image
	// if it is not 0. DAGM has such images, and its loaders drop them. Default: 0.05.
	TrainDefects float64 `json:"train_defects"`
	// Masks is "exact", the pixels that the defect touches, or "ellipse", an ellipse
	// around them as DAGM's annotators drew it. Default: exact, because an ellipse
	// counts normal texture as anomalous, and then no method, however good, can reach
	// a pixel AUROC of 1, and methods are ranked in part by how they treat a rim that
	// is not there.
	Masks string `json:"masks"`
	// Seed selects the images; another seed gives other images of the same classes.
	// Default: 1.
	Seed uint64 `json:"seed"`
}

// Families lists the texture families in their default order.
func Families() []string {
	names := make([]string, len(families))
	for i, f := range families {
		names[i] = f.name
	}
	return names
}

// DefaultOptions gives the options of the default set.
func DefaultOptions() Options {
	o := Options{
		Classes: Families(), Size: 256,
		TestNormal: 20, TestDefect: 20, TrainDefects: 0.05,
		Masks: MasksExact, Seed: 1,
	}
	o.Train = defaultTrain(o.Classes)
	return o
}

// defaultTrain gives each class the default count of its family; a class that is
// no family gets 0 and is refused by validate.
func defaultTrain(classes []string) []int {
	counts := make([]int, len(classes))
	for i, name := range classes {
		if slices.Contains(Families(), name) {
			counts[i] = familyOf(name).train
		}
	}
	return counts
}

// ParseOptions reads options from a JSON object; what it leaves out or sets to
// null, and an empty message, is as in DefaultOptions. Errors are of kind
// fault.Config and name the option.
func ParseOptions(raw json.RawMessage) (Options, error) {
	o := DefaultOptions()
	if len(raw) == 0 {
		return o, nil
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return Options{}, fault.New(fault.Config, "synthetic: options are not a JSON object: %w", err)
	}
	// Train comes after Classes, on which its default and length depend.
	fields := []struct {
		key, want string
		set       func(value []byte) bool
	}{
		{"classes", fmt.Sprintf("a number from 1 to %d or a list of names", len(families)), o.setClasses},
		{"size", "a whole number of pixels", into(&o.Size)},
		{"train", "a whole number of images or a list, one for each class", o.setTrain},
		{"test_normal", "a whole number of images", into(&o.TestNormal)},
		{"test_defect", "a whole number of images", into(&o.TestDefect)},
		{"train_defects", "a fraction from 0 to 1", into(&o.TrainDefects)},
		{"masks", fmt.Sprintf("%q or %q", MasksExact, MasksEllipse), into(&o.Masks)},
		{"seed", "a whole number from 0 on", into(&o.Seed)},
	}
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
		value, ok := given[f.key]
		if ok && string(value) != "null" && !f.set(value) {
			return Options{}, fault.New(fault.Config, "synthetic: option %q: want %s, got %s", f.key, f.want, value)
		}
		delete(given, f.key)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		return Options{}, fault.New(fault.Config, "synthetic: unknown option %q", key).
			WithHint("%s", fault.Suggest(key, keys))
	}
	if err := o.validate(); err != nil {
		return Options{}, err
	}
	return o, nil
}

// into gives a function that reads JSON into a field and reports whether it fits.
func into(field any) func(value []byte) bool {
	return func(value []byte) bool { return json.Unmarshal(value, field) == nil }
}

// setClasses reads a number of families or a list of names.
func (o *Options) setClasses(value []byte) bool {
	var n int
	if into(&n)(value) {
		if n < 1 || n > len(families) {
			return false
		}
		o.Classes = Families()[:n]
	} else {
		o.Classes = nil
		if !into(&o.Classes)(value) {
			return false
		}
	}
	o.Train = defaultTrain(o.Classes)
	return true
}

// setTrain reads one count for all classes, or a list.
func (o *Options) setTrain(value []byte) bool {
	var n int
	if into(&n)(value) {
		o.Train = slices.Repeat([]int{n}, len(o.Classes))
		return true
	}
	o.Train = nil
	return into(&o.Train)(value)
}

// validate reports the first option that is out of range.
func (o Options) validate() error {
	bad := func(option, format string, args ...any) error {
		return fault.New(fault.Config, "synthetic: option %q: %w", option, fmt.Errorf(format, args...))
	}
	if len(o.Classes) == 0 {
		return bad("classes", "names no class")
	}
	for i, name := range o.Classes {
		if !slices.Contains(Families(), name) {
			return fault.New(fault.Config, "synthetic: option \"classes\": unknown class %q", name).
				WithHint("%s", fault.Suggest(name, Families()))
		}
		if slices.Contains(o.Classes[:i], name) {
			return bad("classes", "%q is there twice", name)
		}
	}
	if o.Size < MinSize || o.Size > MaxSize {
		return bad("size", "%d is not from %d to %d pixels", o.Size, MinSize, MaxSize)
	}
	if len(o.Train) != len(o.Classes) {
		return bad("train", "%d counts for %d classes", len(o.Train), len(o.Classes))
	}
	for i, n := range o.Train {
		if n < 1 || n > MaxCount {
			return bad("train", "%d for class %q is not from 1 to %d images", n, o.Classes[i], MaxCount)
		}
	}
	if o.TestNormal < 1 || o.TestNormal > MaxCount {
		return bad("test_normal", "%d is not from 1 to %d images", o.TestNormal, MaxCount)
	}
	if o.TestDefect < 1 || o.TestDefect > MaxCount {
		return bad("test_defect", "%d is not from 1 to %d images", o.TestDefect, MaxCount)
	}
	if !(o.TrainDefects >= 0 && o.TrainDefects <= 1) {
		return bad("train_defects", "%v is not a fraction from 0 to 1", o.TrainDefects)
	}
	if o.Masks != MasksExact && o.Masks != MasksEllipse {
		return bad("masks", "%q is neither %q nor %q", o.Masks, MasksExact, MasksEllipse)
	}
	return nil
}

// trainDefects is the number of defective training images of class i.
func (o Options) trainDefects(i int) int {
	if o.TrainDefects == 0 {
		return 0
	}
	return max(1, int(math.Round(o.TrainDefects*float64(o.Train[i]))))
}
