package metric

import (
	"math/big"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Value is a metric as a fraction of 1, or nil where the metric is undefined: its
// images or pixels have one label only. It is never 0 or 0.5 instead. In JSON,
// nil is null, and a number keeps all its bits.
type Value = *float64

// Mean is the unweighted mean of a metric over a group's classes.
type Mean struct {
	Value   Value `json:"value"`   // nil if no class of the group defines the metric
	Classes int   `json:"classes"` // classes that the mean is over
	Of      int   `json:"of"`      // classes in the group; more than Classes: say so beside the number
}

// Partition is the classes of a split in two halves: the majority and the
// minority of the paper's tables (section 3).
type Partition struct {
	High []ad.ClassName `json:"high"`
	Low  []ad.ClassName `json:"low"`
}

// Halve partitions the classes of a split, most populated first: the majority is
// the first half, rounded down (7 of 15, as the paper's tables imply), and the
// minority the rest.
func Halve(order []ad.ClassName) Partition {
	half := len(order) / 2
	return Partition{High: slices.Clone(order[:half]), Low: slices.Clone(order[half:])}
}

// Means averages each metric over the classes of each group. A class without a
// value counts in Mean.Of and not in Mean.Classes. The means are correctly
// rounded, so they do not depend on the order of the classes. A class of byClass
// that the partition lacks, or one that it has twice, is an error.
func Means(byClass map[ad.ClassName]map[ad.Metric]Value, p Partition) (map[ad.Group]map[ad.Metric]Mean, error) {
	all := slices.Concat(p.High, p.Low)
	if sorted := slices.Sorted(slices.Values(all)); len(slices.Compact(sorted)) < len(all) {
		return nil, fault.New(fault.Internal, "a class stands twice in the partition %q", all)
	}
	var metrics []ad.Metric
	for class, values := range byClass {
		if !slices.Contains(all, class) {
			return nil, fault.New(fault.Internal, "class %q is in neither half of the partition", class)
		}
		for m := range values {
			metrics = append(metrics, m)
		}
	}
	slices.Sort(metrics)
	metrics = slices.Compact(metrics)
	means := map[ad.Group]map[ad.Metric]Mean{}
	for group, classes := range map[ad.Group][]ad.ClassName{ad.All: all, ad.High: p.High, ad.Low: p.Low} {
		means[group] = map[ad.Metric]Mean{}
		for _, m := range metrics {
			mean := Mean{Of: len(classes)}
			sum := new(big.Rat)
			for _, class := range classes {
				if v := byClass[class][m]; v != nil {
					term := new(big.Rat).SetFloat64(*v)
					if term == nil {
						return nil, fault.New(fault.Internal, "class %q: %s is %v", class, m, *v)
					}
					sum.Add(sum, term)
					mean.Classes++
				}
			}
			if mean.Classes > 0 {
				mean.Value = ratio(sum, big.NewRat(int64(mean.Classes), 1))
			}
			means[group][m] = mean
		}
	}
	return means, nil
}

// ratio is a/b, correctly rounded.
func ratio(a, b *big.Rat) Value {
	f, _ := new(big.Rat).Quo(a, b).Float64()
	return &f
}
