package main

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ltadbench/ltadbench/baselines"
	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/config"
	"github.com/ltadbench/ltadbench/reports"
)

// paperClasses is how many classes the paper's datasets have; a part of one is another
// task.
var paperClasses = map[string]int{"mvtec": 15, "visa": 12, "dagm": 10}

// published finds numbers of LTAD's paper for cells of the configuration: of the same
// dataset, type and factor of imbalance, and method. With them go what a reader must
// know to compare.
func published(b *config.Bench) (func(reports.Entry, ad.Metric, ad.Group) (reports.Published, bool), error) {
	paper, err := baselines.LoadPaper()
	if err != nil {
		return nil, err
	}
	return func(e reports.Entry, m ad.Metric, g ad.Group) (reports.Published, bool) {
		kind, split, method := namedBy(b, e)
		if kind == nil || split == nil || method == nil || split.Reverse || split.Type != "exp" && split.Type != "step" {
			return reports.Published{}, false
		}
		if e.Record != nil && len(e.Record.Classes) > 0 && len(e.Record.Classes) != paperClasses[kind.Kind] {
			return reports.Published{}, false
		}
		use := method.Use
		if method.Preset != "" {
			use += "/" + method.Preset
		}
		found, ok := paper.Find(baselines.Query{
			Kind: kind.Kind, Split: split.Type + strconv.FormatFloat(split.Factor, 'f', -1, 64), Method: use, Metric: m, Group: g,
		})
		if !ok {
			return reports.Published{}, false
		}
		p := reports.Published{Value: found.Value, Source: found.Source()}
		remark := fmt.Sprintf("published: LTAD paper, Table %d; its class order and sampled images are not known", found.Table)
		if found.Encoder != "" && found.Encoder != e.Cell.Encoder {
			remark += "; its encoder was " + found.Encoder
		}
		if len(method.Options) > len("{}") || len(method.DatasetOptions[kind.Name]) > len("{}") {
			remark += fmt.Sprintf("; %s has other options here than its defaults, which are the paper's", e.Cell.Method)
		}
		p.Remarks = append([]string{remark}, found.Notes...)
		return p, true
	}, nil
}

// namedBy gives the entries of the configuration that a cell is of, nil for those that
// are no longer there.
func namedBy(b *config.Bench, e reports.Entry) (dataset *config.Dataset, split *config.Split, method *config.Method) {
	if i := slices.IndexFunc(b.Datasets, func(d config.Dataset) bool { return d.Name == e.Cell.Dataset }); i >= 0 {
		dataset = &b.Datasets[i]
	}
	if i := slices.IndexFunc(b.Splits, func(s config.Split) bool { return s.Name() == e.Cell.Split }); i >= 0 {
		split = &b.Splits[i]
	}
	if i := slices.IndexFunc(b.Methods, func(m config.Method) bool { return m.Name == e.Cell.Method }); i >= 0 {
		method = &b.Methods[i]
	}
	return dataset, split, method
}
