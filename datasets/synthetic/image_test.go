package synthetic

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// TestMaskIsExact compares each defective image with the same image without its
// defect: they are equal outside the mask, and differ visibly in it.
// The ellipse holds the mask, changes nothing else, and is not much wider.
func TestMaskIsExact(t *testing.T) {
	for _, f := range families {
		for n := range 9 {
			o := DefaultOptions()
			o.Size = []int{100, 128, 160}[n%3]
			name := fmt.Sprint("mask ", n)
			normal, none := f.render(o, name, ad.Normal)
			pixels, mask := f.render(o, name, ad.Anomalous)
			if none != nil {
				t.Fatalf("%s: a mask for a normal image", f.name)
			}
			var area, changed, total int
			for i, m := range mask {
				d := int(pixels[i]) - int(normal[i])
				switch {
				case m == 0 && d != 0:
					t.Fatalf("%s %d: pixel %d is changed outside the mask", f.name, n, i)
				case m == 255:
					area++
					total += max(d, -d)
					if d != 0 {
						changed++
					}
				}
			}
			if area < 6 || area > len(mask)/4 || total < 2*area || changed*6 < area {
				t.Errorf("%s %d: %d pixels in the mask, %d changed by %d in all", f.name, n, area, changed, total)
			}
			o.Masks = MasksEllipse
			same, around := f.render(o, name, ad.Anomalous)
			if !slices.Equal(same, pixels) {
				t.Errorf("%s %d: the kind of mask changes the image", f.name, n)
			}
			wide := 0
			for i := range mask {
				if mask[i] > around[i] {
					t.Fatalf("%s %d: the ellipse leaves out pixel %d", f.name, n, i)
				}
				if around[i] != 0 {
					wide++
				}
			}
			if wide > len(mask)/2 {
				t.Errorf("%s %d: the ellipse covers %d pixels for %d", f.name, n, wide, area)
			}
		}
	}
}

// statistics describes a texture: mean, deviation, and the size of the steps
// between pixels 1 and 6 apart, across and down.
func statistics(pixels []byte, size int) []float64 {
	var sum, square float64
	var steps [4]float64
	for y := range size - 6 {
		for x := range size - 6 {
			v := float64(pixels[y*size+x])
			sum += v
			square += v * v
			for k, at := range []int{1, 6, size, 6 * size} {
				steps[k] += math.Abs(v - float64(pixels[y*size+x+at]))
			}
		}
	}
	n := float64((size - 6) * (size - 6))
	s := []float64{sum / n, math.Sqrt(square/n - sum/n*sum/n)}
	for _, v := range steps {
		s = append(s, v/n)
	}
	return s
}

// TestFamiliesDiffer tells the class of test images by the nearest mean of
// training images, from a few statistics.
func TestFamiliesDiffer(t *testing.T) {
	const train, test = 4, 4
	o := DefaultOptions()
	o.Size = 128
	sample := func(f family, part string, n int) []float64 {
		pixels, _ := f.render(o, fmt.Sprint(part, n), ad.Normal)
		return statistics(pixels, o.Size)
	}
	var means [][]float64
	for _, f := range families {
		mean := make([]float64, 6)
		for n := range train {
			for k, v := range sample(f, "train", n) {
				mean[k] += v / train
			}
		}
		means = append(means, mean)
	}
	wrong := 0
	for i, f := range families {
		for n := range test {
			s := sample(f, "test", n)
			distance := func(mean []float64) (d float64) {
				for k, v := range mean {
					d += math.Abs(math.Log((s[k] + 0.5) / (v + 0.5)))
				}
				return d
			}
			best := slices.MinFunc(means, func(a, b []float64) int {
				if distance(a) < distance(b) {
					return -1
				}
				return 1
			})
			if &best[0] != &means[i][0] {
				wrong++
			}
		}
	}
	if wrong > 1 {
		t.Errorf("%d of %d images look like another family", wrong, test*len(families))
	}
}

// TestPicturesStay: an image does not depend on what else is generated.
func TestPicturesStay(t *testing.T) {
	names := func(o Options, class string) map[string]bool {
		found := map[string]bool{}
		for _, p := range plan(o) {
			if o.Classes[p.class] == class {
				found[p.name] = true
			}
		}
		return found
	}
	all := DefaultOptions()
	few := all
	few.Classes, few.Train, few.TestNormal, few.TestDefect = []string{"wood"}, []int{3}, 2, 2
	of := names(all, "wood")
	if len(of) != 20+20+100+5 {
		t.Errorf("%d images of wood", len(of))
	}
	for name := range names(few, "wood") {
		if !of[name] {
			t.Errorf("%s is not among the images of the larger set", name)
		}
	}
}

func TestArithmetic(t *testing.T) {
	for a := int64(-turn); a < 2*turn; a += 7 {
		want := math.Sin(2 * math.Pi * float64(a) / turn)
		if got := float64(sin(a)) / one; math.Abs(got-want) > 0.004 {
			t.Fatalf("sin %d: %v, want %v", a, got, want)
		}
	}
	for _, n := range []int64{0, 1, 2, 3, 4, 99, 100, 1<<40 - 1, 1 << 40, (1<<25+1)*(1<<25+1) - 1} {
		if r := sqrt(n); r*r > n || (r+1)*(r+1) <= n {
			t.Errorf("sqrt %d: %d", n, r)
		}
	}
	for a := int64(-20); a < 20; a++ {
		if q, r := floor(a, 7); q*7+r != a || r < 0 || r > 6 {
			t.Errorf("floor %d / 7: %d, %d", a, q, r)
		}
	}
}
