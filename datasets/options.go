package datasets

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/datasets/synthetic"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

const (
	kindMVTec     = "mvtec"
	kindVisA      = "visa"
	kindDAGM      = "dagm"
	kindFolder    = "folder"
	kindSynthetic = "synthetic"
)

// Kinds lists the kinds of dataset.
func Kinds() []string { return []string{kindMVTec, kindVisA, kindDAGM, kindFolder, kindSynthetic} }

// options are the options of all kinds but synthetic, which has its own.
type options struct {
	classes             []ad.ClassName
	trainList, testList string
}

// ValidateOptions checks the options of a kind of dataset, a JSON object or empty,
// without looking at any file. Errors are of kind fault.Config, name the option,
// and hint at the nearest valid name. The options are, for synthetic, those of
// synthetic.Options, and for the other kinds:
//
//	classes     list of class names: these classes only, in this order
//
// and for folder also, always both:
//
//	train_list  UniAD-style JSON lines of the training images; paths in it are
//	            relative to the root, and so is its own path unless it is absolute
//	test_list   the same of the test images
func ValidateOptions(kind string, raw json.RawMessage) error {
	_, err := parseOptions(kind, raw)
	return err
}

func parseOptions(kind string, raw json.RawMessage) (options, error) {
	var o options
	if !slices.Contains(Kinds(), kind) {
		return o, fault.New(fault.Config, "unknown kind of dataset %q", kind).
			WithHint("%s", fault.Suggest(kind, Kinds()))
	}
	if kind == kindSynthetic {
		_, err := synthetic.ParseOptions(raw)
		return o, err
	}
	if len(raw) == 0 {
		return o, nil
	}
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return o, fault.New(fault.Config, "%s: options are not a JSON object: %w", kind, err)
	}
	fields := map[string]any{"classes": &o.classes}
	if kind == kindFolder {
		fields["train_list"], fields["test_list"] = &o.trainList, &o.testList
	}
	names := slices.Sorted(maps.Keys(fields))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		to, ok := fields[key]
		if !ok {
			return o, fault.New(fault.Config, "%s: unknown option %q", kind, key).
				WithHint("%s", fault.Suggest(key, names))
		}
		if err := json.Unmarshal(given[key], to); err != nil {
			want := "a file name"
			if key == "classes" {
				want = "a list of class names"
			}
			return o, fault.New(fault.Config, "%s: option %q: want %s, got %s", kind, key, want, given[key])
		}
	}
	if (o.trainList == "") != (o.testList == "") {
		return o, fault.New(fault.Config, `%s: options "train_list" and "test_list" go together`, kind).WithHint("give both or neither")
	}
	return o, checkWanted(kind, o.classes)
}

// checkWanted checks the option "classes" as far as the kind allows.
func checkWanted(kind string, classes []ad.ClassName) error {
	known := layouts[kind].classes
	for i, c := range classes {
		switch {
		case c == "":
			return fault.New(fault.Config, `%s: option "classes": an empty name`, kind)
		case slices.Contains(classes[:i], c):
			return fault.New(fault.Config, `%s: option "classes": %q is there twice`, kind, c)
		case known != nil && !slices.Contains(known, c):
			return fault.New(fault.Config, `%s: option "classes": unknown class %q`, kind, c).
				WithHint("%s", fault.Suggest(c, known))
		}
	}
	return nil
}

// ensureSynthetic generates the dataset unless it is in the cache.
func ensureSynthetic(ctx context.Context, spec Spec, env Env) (root string, classes []ad.ClassName, err error) {
	if spec.Root != "" {
		return "", nil, fault.New(fault.Config, "dataset %q: synthetic datasets have no root, got %q", spec.Name, spec.Root).
			WithHint("remove root (the data is generated in the cache), or read a directory written by `ltadbench dataset synth` with kind: dagm and its classes")
	}
	if env.CacheDir == "" {
		return "", nil, fault.New(fault.Internal, "dataset %q: a synthetic dataset needs a cache directory", spec.Name)
	}
	o, err := synthetic.ParseOptions(spec.Options)
	if err != nil {
		return "", nil, err
	}
	var report func(done, total int)
	if env.Report != nil {
		what := "generating " + string(spec.Name)
		report = func(done, total int) { env.Report(done, total, what) }
	}
	root, err = synthetic.Ensure(ctx, env.CacheDir, o, report)
	return root, dagmClasses(len(o.Classes)), err
}

func decimal(n int) string { return strconv.Itoa(n) }

func join(names []ad.ClassName) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = string(n)
	}
	return strings.Join(parts, ", ")
}
