package main

import (
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/framework/result"
	"github.com/ltadbench/ltadbench/reports"
)

// Numbers of the paper stand beside cells that ask what it asked, by what a
// configuration means and not by what it calls things.
func TestPublished(t *testing.T) {
	b, err := config.Load("b.yaml", []byte(`version: 1
datasets:
  boards: {kind: visa, root: .}
  few: {kind: mvtec, root: ., options: {classes: [bottle, cable]}}
  mine: {kind: folder, root: .}
splits:
  - {type: exp, factor: 200, order: name, seeds: [0, 1]}
  - {type: exp, factor: 200, order: name, reverse: true}
  - {type: full}
encoders: {texturebank: , align-base: {pack: ./align}}
methods: {ours: {method: ltad}, small: {method: ltad, options: {grid: 7}}, rm: {method: ltad/6.8}, padim: }
`), config.Host{Dir: t.TempDir(), Kinds: []string{"visa", "mvtec", "folder"}, Methods: []string{"ltad", "padim"}, Encoders: []string{"texturebank"}})
	if err != nil {
		t.Fatal(err)
	}
	find, err := published(b)
	if err != nil {
		t.Fatal(err)
	}
	plain, reversed := b.Splits[0].Name(), b.Splits[2].Name()
	for _, c := range []struct {
		dataset ad.DatasetName
		split   string
		encoder string
		method  ad.MethodName
		classes int
		metric  ad.Metric
		want    float64 // Table 4, exp200; 0: nothing
		remark  string
	}{
		{"boards", plain, "align-base", "ours", 12, ad.ImageAUROC, 0.8021, ""},
		{"boards", plain, "texturebank", "ours", 0, ad.PixelAUROC, 0.9536, "its encoder was align-base"},
		{"boards", plain, "align-base", "small", 12, ad.ImageAUROC, 0.8021, "small has other options here"},
		{"boards", plain, "align-base", "rm", 12, ad.PixelAUROC, 0.9451, ""},
		{"boards", plain, "align-base", "padim", 12, ad.ImageAUROC, 0, ""},
		{"boards", plain, "align-base", "ours", 12, ad.PixelAUPRO, 0, ""},
		{"boards", reversed, "align-base", "ours", 12, ad.ImageAUROC, 0, ""},
		{"boards", "full", "align-base", "ours", 12, ad.ImageAUROC, 0, ""},
		{"few", plain, "align-base", "ours", 2, ad.ImageAUROC, 0, ""},
		{"mine", plain, "align-base", "ours", 15, ad.ImageAUROC, 0, ""},
		{"boards", "gone", "align-base", "ours", 12, ad.ImageAUROC, 0, ""},
	} {
		e := reports.Entry{Cell: result.Cell{Dataset: c.dataset, Split: c.split, Encoder: c.encoder, Method: c.method},
			Record: &result.Record{Classes: make([]result.Class, c.classes)}}
		p, ok := find(e, c.metric, ad.All)
		if ok != (c.want != 0) || p.Value != c.want {
			t.Errorf("%s %s: published %v, %v, want %v", e.Cell, c.metric, p.Value, ok, c.want)
			continue
		}
		remarks := strings.Join(p.Remarks, "; ")
		if ok && (!strings.Contains(remarks, "Table 4") || !strings.Contains(remarks, c.remark) || c.remark == "" && strings.Contains(remarks, "here")) {
			t.Errorf("%s %s: remarks %q, want %q in them", e.Cell, c.metric, remarks, c.remark)
		}
	}
}
