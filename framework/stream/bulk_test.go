package stream

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/bits"
	"os"
	"slices"
	"strconv"
	"testing"
)

// oracle is what testdata/draws.py made with NumPy and SciPy.
type oracle struct {
	State     [3]string
	Quantiles [][2]string // word, normal number
	Normals   []float64
	Bits      map[string]string // probability -> bits in hexadecimal
	Tails     [][2]float64      // t, P(|N| > t)
	Edges     []float64         // of cells of equal probability
}

func loadOracle(t *testing.T) (o oracle, start words) {
	raw, err := os.ReadFile("testdata/draws.json")
	if err == nil {
		err = json.Unmarshal(raw, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o, words{word(t, o.State[0]), word(t, o.State[1]), word(t, o.State[2]), 1}
}

func word(t *testing.T, s string) uint64 {
	w, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// near says whether a draw is the true value but for its rounding.
func near(got float32, want float64) bool {
	nearest := math.Abs(float64(float32(want)))
	ulp := float64(math.Nextafter32(float32(nearest), math.MaxFloat32)) - nearest
	return math.Abs(float64(got)-want) <= 0.51*ulp+3e-16
}

func TestNormalsAreSciPysQuantiles(t *testing.T) {
	o, start := loadOracle(t)
	for _, q := range o.Quantiles {
		want, err := strconv.ParseFloat(q[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := normal(word(t, q[0])); !near(got, want) {
			t.Errorf("normal(%s) = %.9g, want %.9g", q[0], got, want)
		}
	}
	got := make([]float32, len(o.Normals))
	start.norms(got)
	for i, want := range o.Normals {
		if !near(got[i], want) {
			t.Errorf("normal %d of NumPy's SFC64 is %.9g, want %.9g", i, got[i], want)
		}
	}
}

// The quantile must fall from one probability to the next also where the
// polynomials meet.
func TestNormalIsMonotone(t *testing.T) {
	last := float32(0)
	for octave := range 55 {
		for i := uint64(255); i < 256; i-- {
			z := normal(1<<62>>octave | i<<54>>octave)
			if z <= last {
				t.Fatalf("octave %d, part %d: %v after %v", octave, i, z, last)
			}
			last = z
		}
	}
}

func TestBitsAreThoseOfTheDefinition(t *testing.T) {
	o, start := loadOracle(t)
	if len(o.Bits) < 10 {
		t.Fatalf("%d probabilities", len(o.Bits))
	}
	for text, want := range o.Bits {
		q, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want)/2)
		start.bernoulli(got, q)
		if hex.EncodeToString(got) != want {
			t.Errorf("bits of probability %s\n%x, want\n%s", text, got, want)
		}
	}
}

// A changed draw would silently change every model ever trained; a change here
// needs a new Version.
func TestBulkDrawsArePinned(t *testing.T) {
	s := New(7, "noise")
	first := make([]float32, 4)
	s.Norms(first)
	if want := []float32{0.07743568, 0.049498033, -0.99413764, 2.1591802}; !slices.Equal(first, want) {
		t.Errorf("first normals %v, want %v", first, want)
	}
	keep := make([]byte, 11)
	s.Bernoulli(keep, 0.9)
	if got, want := hex.EncodeToString(keep), "fffffd7ffffffff7bfbfbf"; got != want {
		t.Errorf("first bits %s, want %s", got, want)
	}
	h := sha256.New()
	many := make([]float32, 1<<20)
	s.Norms(many)
	for _, v := range many {
		h.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	more := make([]byte, 1<<17)
	s.Bernoulli(more, 0.9)
	h.Write(more)
	if got, want := hex.EncodeToString(h.Sum(nil)), "20b5a06bcf36db80f9c70147ad8172347b135c2b961ee098a49b2a2b95d1559c"; got != want {
		t.Errorf("2^20 normals and bits have SHA-256 %s, want %s", got, want)
	}
	if got, want := s.IntN(1000), 435; got != want {
		t.Errorf("the next draw is %d, want %d", got, want)
	}
}

// Tail quantiles, moments, a chi-squared test over cells of equal probability and
// correlations of 4 million draws. Bounds are 5 standard deviations, and the
// 1 - 1e-6 quantile of chi-squared.
func TestNormsAreNormalAndIndependent(t *testing.T) {
	o, _ := loadOracle(t)
	const n = 1 << 22
	z := make([]float32, n)
	New(3, "normal").Norms(z)

	cells := make([]float64, len(o.Edges)+1)
	var m [5]float64
	for _, v := range z {
		x := float64(v)
		i, _ := slices.BinarySearch(o.Edges, x)
		cells[i]++
		for k, p := 1, x; k < 5; k, p = k+1, p*x {
			m[k] += p / n
		}
	}
	chi, expected := 0.0, n/float64(len(cells))
	for _, c := range cells {
		chi += (c - expected) * (c - expected) / expected
	}
	if chi > 180.8 {
		t.Errorf("chi-squared with 99 degrees of freedom is %.1f", chi)
	}
	within(t, "mean", m[1], 0, 1/math.Sqrt(n))
	within(t, "mean square", m[2], 1, math.Sqrt(2./n))
	within(t, "mean cube", m[3], 0, math.Sqrt(15./n))
	within(t, "mean fourth power", m[4], 3, math.Sqrt(96./n))
	for _, tail := range o.Tails {
		out := 0.0
		for _, v := range z {
			if math.Abs(float64(v)) > tail[0] {
				out++
			}
		}
		within(t, "fraction beyond "+strconv.FormatFloat(tail[0], 'g', -1, 64), out/n, tail[1], math.Sqrt(tail[1]*(1-tail[1])/n))
	}
	for lag := 1; lag <= 8; lag++ {
		var one, two float64
		for i := range n - lag {
			a, b := float64(z[i]), float64(z[i+lag])
			one += a * b / n
			two += (a*a - 1) * (b*b - 1) / n
		}
		within(t, "correlation at lag "+strconv.Itoa(lag), one, 0, 1/math.Sqrt(n))
		within(t, "correlation of squares at lag "+strconv.Itoa(lag), two, 0, 2/math.Sqrt(n))
	}
}

func within(t *testing.T, what string, got, want, deviation float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 5*deviation) {
		t.Errorf("%s is %g, want %g, %.1f standard deviations away", what, got, want, (got-want)/deviation)
	}
}

// The share of ones; whole bytes against the product of their bits' probabilities
// (chi-squared, 1 - 1e-6 quantile); correlations between neighbours, between the
// lanes of neighbouring words, and over longer distances.
func TestBitsAreIndependent(t *testing.T) {
	for _, q := range []float64{0.9, 0.5, 0.3, 1. / 1024} {
		const n = 1 << 23
		bit := make([]byte, n/8)
		New(5, "keep").Bernoulli(bit, q)
		var seen [256]float64
		ones := 0.0
		for _, b := range bit {
			seen[b]++
			ones += float64(bits.OnesCount8(b))
		}
		name := strconv.FormatFloat(q, 'g', 4, 64)
		within(t, "share of ones for "+name, ones/n, q, math.Sqrt(q*(1-q)/n))
		if q > 0.1 { // else most cells are too rare
			chi := 0.0
			for b, got := range seen {
				k := float64(bits.OnesCount8(uint8(b)))
				want := n / 8 * math.Pow(q, k) * math.Pow(1-q, 8-k)
				chi += (got - want) * (got - want) / want
			}
			if chi > 377.1 {
				t.Errorf("%s: chi-squared with 255 degrees of freedom is %.1f", name, chi)
			}
		}
		for _, lag := range []int{1, 2, 3, 7, 8, 63, 64, 65, 128, 4096} {
			both := 0.0
			for i := range n - lag {
				both += float64((bit[i/8] >> (i % 8)) & (bit[(i+lag)/8] >> ((i + lag) % 8)) & 1)
			}
			m := float64(n - lag)
			correlation := (both/m - ones/n*ones/n) / (q * (1 - q))
			within(t, name+": correlation at lag "+strconv.Itoa(lag), correlation, 0, 1/math.Sqrt(m))
		}
	}
}

func TestBernoulliRefuses(t *testing.T) {
	for _, q := range []float64{-0.1, 1.1, math.NaN()} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("probability %v is taken", q)
				}
			}()
			New(1).Bernoulli(make([]byte, 1), q)
		}()
	}
}
