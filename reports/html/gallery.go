package html

import (
	"image/color"
	"slices"
	"strconv"
	"strings"
)

// sheetView is a gallery sheet, laid out for the page.
type sheetView struct {
	ID, Title string
	Dataset   int
	Rows      []rowView
	Notes     []string
}

type rowView struct {
	Row
	Class, Rule   int // indices
	ClassName     string
	Width, Height int
	ImagePath     string
	MaskPath      string
	Tiles         []tile
}

// tile is a method's map of an image.
type tile struct {
	Map
	Name   string
	Method int
	Path   string // of the map, or ""
}

// sheet lays out a sheet of the gallery.
func (v *view) sheet(i int, s Sheet) sheetView {
	out := sheetView{ID: "sheet" + strconv.Itoa(i+1), Title: s.Title, Dataset: v.dataset(s.Dataset), Notes: s.Notes}
	for j, row := range s.Rows {
		base := picturePath(i, j)
		size := row.Image.Bounds().Size()
		if !slices.Contains(v.Rules, row.Rule) {
			v.Rules = append(v.Rules, row.Rule)
		}
		r := rowView{Row: row, Class: v.class(row.Class), ClassName: string(row.Class), Rule: slices.Index(v.Rules, row.Rule),
			Width: size.X, Height: size.Y, ImagePath: base + "image.png"}
		if row.Mask != nil {
			r.MaskPath = base + "mask.png"
		}
		for k, m := range row.Maps {
			t := tile{Map: m, Name: s.Columns[k].Name, Method: v.method(s.Columns[k].Method)}
			if m.Level != nil {
				t.Path = mapPath(base, k)
			}
			r.Tiles = append(r.Tiles, t)
		}
		out.Rows = append(out.Rows, r)
	}
	return out
}

// scale is the shared scale of the maps: what the filters of the page hold.
type scale struct {
	Colours [256]color.NRGBA
	Rates   []string // by level, as texts such as "0.13 %"
	First   int      // the level that the slider begins at
	Level   int      // that it stands at
	// Red, Green, Blue and Alpha are the values of feComponentTransfer tables.
	Red, Green, Blue, Alpha string
}

// The false positive rates at which the slider begins and stands. Levels are those of
// at least these rates.
const (
	firstRate    = 0.10
	standardRate = 0.01
)

func newScale(g Gallery) scale {
	s := scale{Colours: g.Colours}
	var red, green, blue, alpha []string
	unit := func(x uint8) string { return strconv.FormatFloat(float64(x)/255, 'f', 4, 64) }
	for i, rate := range g.Rates {
		c := g.Colours[i]
		red, green, blue = append(red, unit(c.R)), append(green, unit(c.G)), append(blue, unit(c.B))
		s.Rates = append(s.Rates, percent(rate))
		if rate >= firstRate {
			s.First = i
		}
		if rate >= standardRate {
			s.Level = i
		}
	}
	for i := range g.Rates {
		alpha = append(alpha, strconv.Itoa(map[bool]int{false: 0, true: 1}[i >= s.Level]))
	}
	s.Red, s.Green, s.Blue, s.Alpha = strings.Join(red, " "), strings.Join(green, " "), strings.Join(blue, " "), strings.Join(alpha, " ")
	return s
}

// Rate is the false positive rate at which the slider stands.
func (s scale) Rate() string { return s.Rates[s.Level] }

// percent gives a rate in percent with two digits.
func percent(rate float64) string {
	if rate >= 0.995 {
		return "100 %"
	}
	return strconv.FormatFloat(100*rate, 'g', 2, 64) + " %"
}
