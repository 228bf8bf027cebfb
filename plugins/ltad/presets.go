package ltad

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/ltadbench/ltadbench/framework/plugin"
)

// Titles of the tables that the presets are rows of.
const (
	tableRec     = "Table 6: ablation of anomaly detection by reconstruction"
	tableSem     = "Table 7: ablation of semantic anomaly detection"
	tableNames   = "Table 8: importance of the pseudo class names"
	tablePrompts = "Table 9: ablation of normal and abnormal prompts"
	figureLength = "Figure 6: length of the pseudo class names"
)

// presets are the variants of the paper's Tables 6 to 9 and of its Figure 6. Table 6
// and Figure 6 are without the semantic module, the others without reconstruction.
// The paper's 6.1 and 6.2 are UniAD. Each sets all that its table tells of it, so that
// its row is true whatever options it goes over.
func presets() []plugin.Preset {
	var out []plugin.Preset
	add := func(table, name, summary string, options map[string]any, columns ...string) {
		raw, err := json.Marshal(options)
		if err != nil {
			panic(err) // strings, numbers and booleans
		}
		p := plugin.Preset{Name: name, Summary: summary, Options: raw, Table: table}
		for i := 0; i < len(columns); i += 2 {
			p.Columns = append(p.Columns, plugin.Column{Name: columns[i], Value: columns[i+1]})
		}
		out = append(out, p)
	}

	over := func(base, options map[string]any) map[string]any {
		out := maps.Clone(base)
		maps.Copy(out, options)
		return out
	}
	baseRec := map[string]any{
		"scores": "rec", "augment": "vae", "condition": true, "das": false, "learn_names": true, "name_init": "text", "name_text": "object",
	}
	rec := func(name, summary, vae, das, learned, init string, options map[string]any) {
		options = over(baseRec, options)
		add(tableRec, name, summary, options, "method", "LTAD", "AE or VAE", vae, "DAS", das, "learned s_c", learned, "s_c init.", init)
	}
	rec("6.3", "reconstruction alone; features from an autoencoder that is not told the class", "AE", "no", "no", "N/A",
		map[string]any{"augment": "ae", "condition": false, "learn_names": false})
	rec("6.4", "reconstruction alone; distribution aware sampling: the smaller a class, the more synthetic features", "VAE", "yes", "yes", "object",
		map[string]any{"das": true})
	rec("6.5", "reconstruction alone; the class's own name instead of a learned one", "VAE", "no", "no", "class name",
		map[string]any{"name_init": "class_name", "learn_names": false})
	rec("6.6", "reconstruction alone; learned names begin as the class's own", "VAE", "no", "yes", "class name",
		map[string]any{"name_init": "class_name"})
	rec("6.7", "reconstruction alone; learned names begin at random", "VAE", "no", "yes", "random",
		map[string]any{"name_init": "random"})
	rec("6.8", "reconstruction alone: LTAD without its semantic module", "VAE", "no", "yes", "object", nil)

	baseSem := map[string]any{
		"scores": "sem", "projection": "levels", "pool": "max", "normal_prompts": []string{"a"}, "abnormal_prompts": []string{"a broken"},
		"classifier": "text", "name_assign": "own", "condition": true, "learn_names": true, "name_init": "text", "name_text": "object",
	}
	sem := func(name, summary, layers, pool, prompt string, options map[string]any) {
		options = over(baseSem, options)
		add(tableSem, name, summary, options, "layer aware projection", layers, "pooling", pool, "prompt", prompt)
	}
	sem("7.1", "semantic score alone; one projection of all levels together", "no", "N/A", "single", map[string]any{"projection": "joined"})
	sem("7.2", "semantic score alone; mean over the levels' projections", "yes", "mean", "single", map[string]any{"pool": "mean"})
	sem("7.3", "semantic score alone; several prompts, their text features averaged", "yes", "max", "multiple", map[string]any{
		"normal_prompts": words("a", normalWords), "abnormal_prompts": words("", abnormalWords),
	})
	sem("7.4", "semantic score alone: LTAD without reconstruction", "yes", "max", "single", nil)

	names := func(name, summary, own, text string, options map[string]any) {
		options = over(baseSem, options)
		add(tableNames, name, summary, options, "s_c of class c", own, "text encoder T", text)
	}
	names("8.1", "semantic score alone; in the test each class gets another's pseudo name", "no", "yes", map[string]any{"name_assign": "test"})
	names("8.2", "semantic score alone; vectors of the classifier are learned, without the text encoder", "yes", "no",
		map[string]any{"classifier": "learned"})
	names("8.3", "semantic score alone: LTAD without reconstruction, as 7.4", "yes", "yes", nil)

	for _, n := range append([]string{""}, normalWords...) {
		for _, a := range abnormalWords {
			normal, abnormal := words("a", []string{n})[0], words("", []string{a})[0]
			row := n
			if n == "" {
				row = "a"
			}
			add(tablePrompts, "9."+row+"-"+a[strings.IndexByte(a, ' ')+1:],
				fmt.Sprintf("semantic score alone; prompts %q and %q", normal, abnormal),
				over(baseSem, map[string]any{"normal_prompts": []string{normal}, "abnormal_prompts": []string{abnormal}}),
				"v_n", normal, "v_a", abnormal)
		}
	}
	for length := 1; length <= 5; length++ {
		add(figureLength, fmt.Sprintf("fig6.%d", length), fmt.Sprintf("reconstruction alone; length of pseudo names: %d", length),
			over(baseRec, map[string]any{"name_length": length}), "length", fmt.Sprint(length))
	}
	return out
}

// The words of Table 9: of its rows behind "a", and of its columns.
var (
	normalWords   = []string{"normal", "good", "flawless"}
	abnormalWords = []string{"a broken", "a damaged", "an abnormal", "a defective"}
)

// words are the prompts that begin with an article.
func words(article string, list []string) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = strings.TrimSpace(article + " " + w)
	}
	return out
}
