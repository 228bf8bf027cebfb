// Package framework_test checks the architecture: which package may import which.
package framework_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ltadbench/ltadbench/"

// layers lists, for each package that others build on, the packages of this module
// that it may import (directly); tests are free. Packages come after all they
// import, so there are no cycles by construction.
var layers = []struct {
	pkg     string
	imports string
}{
	{"framework/ad", ""},
	{"framework/progress", ""},
	{"framework/fault", ""},
	{"framework/stream", ""},
	{"framework/home", "fault"},
	{"framework/pixels", "fault"},
	{"framework/tensors", "ad fault"},
	{"framework/tensors/safetensors", "fault"},
	{"framework/config", "ad fault"},
	{"framework/onnx", "fault"},
	{"framework/ort", "fault home onnx"},
	{"framework/ortbackend", "fault onnx ort"},
	{"framework/encoder", "ad fault home onnx ort pixels stream tensors framework/tensors/safetensors"},
	{"framework/metric", "ad fault tensors"},
	{"framework/protocol", "ad fault tensors"},
	{"framework/plugin", "ad fault protocol tensors"},
	{"framework/host", "ad fault home plugin protocol tensors"},
	{"framework/plugintest", "ad encoder fault host plugin protocol stream tensors"},
	{"framework/result", "ad fault metric tensors"},
	{"baselines", "ad fault metric result"},
	{"framework/compare", "ad fault metric stream result"},
	{"framework/runner", "*"},
	{"datasets", "ad fault home pixels stream tensors datasets/synthetic"},
	{"datasets/synthetic", "ad fault home stream tensors"},
	{"splits", "ad fault stream tensors"},
	{"reports", "ad baselines compare fault metric pixels progress result stream tensors"},
}

// homes gives each third-party library the packages that may import it; tests are free.
var homes = map[string]string{
	"gorgonia.org/":                          "framework/tensors",
	"github.com/edsrzf/mmap-go":              "framework/tensors",
	"github.com/x448/float16":                "framework/tensors framework/ortbackend",
	"github.com/gomlx/":                      "framework/ortbackend plugins",
	"gopkg.in/yaml.v3":                       "framework/config framework/encoder baselines",
	"github.com/yalue/onnxruntime_go":        "framework/ort",
	"github.com/hashicorp/go-plugin":         "framework/plugin framework/host framework/protocol",
	"google.golang.org/grpc":                 "framework/plugin framework/host framework/protocol",
	"google.golang.org/protobuf":             "framework/protocol framework/onnx",
	"github.com/olekukonko/tablewriter":      "reports",
	"golang.org/x/image":                     "framework/pixels reports",
	"github.com/spf13/cobra":                 "cmd/ltadbench",
	"github.com/vbauerster/mpb":              "cmd/ltadbench",
	"github.com/santhosh-tekuri/jsonschema/": "framework/host",
	"github.com/agnivade/levenshtein":        "framework/fault",
	"gonum.org/v1/gonum":                     "plugins",
	"gonum.org/v1/plot":                      "reports",
	"codeberg.org/go-pdf/fpdf":               "reports",
	module + "internal/":                     "internal", // helpers of tests, which no program has
}

func TestImportsGoDownward(t *testing.T) {
	allowed := map[string][]string{}
	for _, l := range layers {
		var list []string
		for name := range strings.FieldsSeq(l.imports) {
			if _, top := allowed[name]; !top && !strings.Contains(name, "/") && name != "*" {
				name = "framework/" + name
			}
			if _, below := allowed[name]; !below && name != "*" && !strings.HasPrefix(name, "datasets/") {
				t.Errorf("table: %s imports %s, which does not stand before it", l.pkg, name)
			}
			list = append(list, name)
		}
		allowed[l.pkg] = list
	}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		// A package's internal parts and test helpers keep its rules.
		rule := path
		for _, l := range layers {
			if strings.HasPrefix(path, l.pkg+"/") && l.pkg != "datasets" {
				rule = l.pkg
			}
		}
		list, ruled := allowed[rule]
		for _, imp := range p.Imports {
			if own, ok := strings.CutPrefix(imp, module); ok && ruled && !strings.HasPrefix(own, rule+"/") && own != rule &&
				!slices.Contains(list, "*") && !slices.Contains(list, own) {
				t.Errorf("%s imports %s, which the layers do not allow", path, own)
			}
			for prefix, home := range homes {
				if strings.HasPrefix(imp, prefix) && !slices.ContainsFunc(strings.Fields(home), func(h string) bool {
					return path == h || strings.HasPrefix(path, h+"/")
				}) {
					t.Errorf("%s imports %s, whose home is %s", path, imp, home)
				}
			}
		}
	}
}

type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
