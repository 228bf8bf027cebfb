package datasets

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// expected gives the counts of the published datasets: for MVTec AD as its file
// lists have them, for VisA as split_csv/1cls.csv has them, for DAGM 2007 (ten
// classes) as its Labels.txt files have them, training defects left out.
var expected = map[string]map[ad.ClassName]Counts{
	kindMVTec: {
		"bottle":     {209, 20, 63},
		"cable":      {224, 58, 92},
		"capsule":    {219, 23, 109},
		"carpet":     {280, 28, 89},
		"grid":       {264, 21, 57},
		"hazelnut":   {391, 40, 70},
		"leather":    {245, 32, 92},
		"metal_nut":  {220, 22, 93},
		"pill":       {267, 26, 141},
		"screw":      {320, 41, 119},
		"tile":       {230, 33, 84},
		"toothbrush": {60, 12, 30},
		"transistor": {213, 60, 40},
		"wood":       {247, 19, 60},
		"zipper":     {240, 32, 119},
	},
	kindVisA: {
		"candle":     {900, 100, 100},
		"capsules":   {542, 60, 100},
		"cashew":     {450, 50, 100},
		"chewinggum": {453, 50, 100},
		"fryum":      {450, 50, 100},
		"macaroni1":  {900, 100, 100},
		"macaroni2":  {900, 100, 100},
		"pcb1":       {904, 100, 100},
		"pcb2":       {901, 100, 100},
		"pcb3":       {905, 101, 100},
		"pcb4":       {904, 101, 100},
		"pipe_fryum": {450, 50, 100},
	},
	kindDAGM: {
		"Class1":  {496, 504, 71},
		"Class2":  {509, 491, 84},
		"Class3":  {509, 491, 84},
		"Class4":  {493, 507, 68},
		"Class5":  {505, 495, 80},
		"Class6":  {492, 508, 67},
		"Class7":  {1000, 1000, 150},
		"Class8":  {1000, 1000, 150},
		"Class9":  {1000, 1000, 150},
		"Class10": {1000, 1000, 150},
	},
}

// layout says how the directories of a kind are read.
type layout struct {
	title string
	// classes are the classes of the release in its order; nil where any are allowed.
	classes []ad.ClassName
	// signs are directories within a class, one of which shows that it is one.
	signs []string
	// read adds the samples of one class.
	read func(*scan, ad.ClassName)
	// lists, if not nil, reads what stands beside the classes.
	lists func(*scan) error
}

var layouts = map[string]layout{
	kindMVTec: {"MVTec AD", slices.Sorted(maps.Keys(expected[kindMVTec])), []string{"train/good"}, (*scan).mvtecClass, nil},
	kindVisA: {"VisA", slices.Sorted(maps.Keys(expected[kindVisA])), []string{"Data/Images", "train/good"},
		(*scan).visaClass, (*scan).visaList},
	kindDAGM:      {"DAGM 2007", dagmClasses(10), []string{"Train", "Test"}, (*scan).dagmClass, nil},
	kindFolder:    {"a dataset in MVTec's layout", nil, []string{"train", "test"}, (*scan).folderClass, nil},
	kindSynthetic: {"a synthetic dataset", nil, []string{"Train", "Test"}, (*scan).dagmClass, nil},
}

func dagmClasses(n int) []ad.ClassName {
	classes := make([]ad.ClassName, n)
	for i := range classes {
		classes[i] = ad.ClassName(fmt.Sprintf("Class%d", i+1))
	}
	return classes
}
