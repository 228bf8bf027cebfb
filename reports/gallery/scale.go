package gallery

import (
	"encoding/hex"
	"image/color"
	"sort"
)

// Marks are levels to mark on a colour bar, of 10 %, 1 %, 0.1 % and 0.01 %.
var Marks = []struct {
	Rate  float64
	Label string
}{{0.1, "10 %"}, {0.01, "1 %"}, {0.001, "0.1 %"}, {0.0001, "≤ 0.01 %"}}

// rates are the false positive rates of the levels: 10^(-4 L/255). Only products are
// taken, which are rounded alike on every machine.
var rates = func() (r [256]float64) {
	const step = 0.964525525623345821391462830689 // 10^(-4/255)
	r[0] = 1
	for i := 1; i < len(r); i++ {
		r[i] = r[i-1] * step
	}
	r[255] = 1e-4
	return r
}()

// FPR is the false positive rate of a threshold at the level: the pixels of at least
// this level are those of which at most this share of the class's normal test pixels
// scores as much.
func FPR(level uint8) float64 { return rates[level] }

// scale is how a method's scores become levels in one class: a score has at least
// level i+1 if it exceeds scale[i].
type scale []float32

func (s scale) level(score float32) uint8 {
	return uint8(sort.Search(len(s), func(i int) bool { return !(score > s[i]) }))
}

var colours = func() (c [256]color.NRGBA) {
	table, err := hex.DecodeString(inferno)
	if err != nil || len(table) != 3*len(c) {
		panic("gallery: the colour table is damaged")
	}
	for i := range c {
		c[i] = color.NRGBA{table[3*i], table[3*i+1], table[3*i+2], 255}
	}
	return c
}()

// Colour is the colour of a level: dark for what is normal, light for what is not.
func Colour(level uint8) color.NRGBA { return colours[level] }
