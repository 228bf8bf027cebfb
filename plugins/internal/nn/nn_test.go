package nn

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/ltadbench/ltadbench/framework/ort/orttest"
	"github.com/ltadbench/ltadbench/framework/stream"
)

var quiet = func(int) {}

// cloud draws n points of dim dimensions of one kind.
func cloud(kind string, n, dim int) []float32 {
	s := stream.New(1, "cloud", kind)
	out := make([]float32, n*dim)
	for i := range n {
		p := out[i*dim:][:dim]
		for j := range p {
			p[j] = s.Float32() - 0.5
		}
		switch kind {
		case "offset": // far from the origin, where products cancel
			for j := range p {
				p[j] += 1000
			}
		case "clusters": // of very different size and width
			c := min(i*i*20/(n*n), 19)
			for j := range p {
				p[j] = p[j]*float32(c) + float32((c*(j+3)*7)%23)*10
			}
		case "outliers":
			if i%500 == 0 {
				for j := range p {
					p[j] *= 100
				}
			}
		case "copies":
			copy(p, out[(i%37)*dim:][:dim])
		}
	}
	return out
}

// The plain algorithm in float64, on points as they were before centring. Where
// it disagrees, the choice must be as good but for float32's rounding.
func TestCoresetIsGreedy(t *testing.T) {
	orttest.Init(t)
	const n, dim, want = 4000, 6, 200
	for _, kind := range []string{"uniform", "offset", "clusters", "outliers", "copies"} {
		for _, starts := range [][]int{{7}, {3, 1000, 3999}} {
			points := cloud(kind, n, dim)
			at := func(i int) []float32 { return points[i*dim:][:dim] }
			chosen, err := Coreset(context.Background(), slices.Clone(points), dim, want, starts, 2, quiet)
			if err != nil {
				t.Fatal(err)
			}
			least := make([]float64, n)
			for i := range least {
				for _, s := range starts {
					least[i] += float64(Distance(at(i), at(s))) / float64(len(starts))
				}
			}
			first := slices.Max(least)
			differ := 0
			for k, p := range chosen {
				if k == 0 && len(starts) == 1 {
					least[starts[0]] = math.Inf(1) // a single start comes first
				}
				best := slices.Max(least)
				if least[p] < best-1e-3*first-1e-3*best {
					t.Fatalf("%s, starts %v: choice %d is at %g, another point at %g", kind, starts, k, least[p], best)
				}
				if least[p] < best*(1-1e-6) {
					differ++
				}
				for i := range least {
					least[i] = min(least[i], float64(Distance(at(i), at(p))))
				}
			}
			if kind == "copies" {
				if len(chosen) != 37 {
					t.Errorf("%d of 37 different points are chosen", len(chosen))
				}
				continue
			}
			sorted := slices.Clone(chosen)
			slices.Sort(sorted)
			if len(slices.Compact(sorted)) != want {
				t.Errorf("%s: %d of %d choices are different", kind, len(sorted), want)
			}
			if differ > want/20 && kind != "offset" {
				t.Errorf("%s: %d of %d choices differ from those in float64", kind, differ, want)
			}
		}
	}
}

// Where the starts lie, points are chosen as well: otherwise the patches of a plain
// background would be missing from a memory bank, or all of it.
func TestCoresetHasItsStart(t *testing.T) {
	orttest.Init(t)
	two := make([]float32, 10*3) // ten points in two places
	for i := 15; i < len(two); i++ {
		two[i] = 1
	}
	for _, one := range []struct {
		points []float32
		starts []int
		n      int
		want   []int
	}{
		{make([]float32, 10*3), []int{4}, 5, []int{4}},
		{make([]float32, 10*3), []int{4, 2, 9}, 5, []int{4}},
		{two, []int{7}, 5, []int{7, 0}},
		{two, []int{7, 5}, 5, []int{7, 0}},
		{two, []int{7}, 1, []int{7}},
		{two, []int{7, 0}, 5, []int{0, 5}}, // all equally far on average
	} {
		got, err := Coreset(context.Background(), slices.Clone(one.points), 3, one.n, one.starts, 2, quiet)
		if err != nil || !slices.Equal(got, one.want) {
			t.Errorf("starts %v: %v, %v; want %v", one.starts, got, err, one.want)
		}
	}
}

func TestCoresetDoesNotDependOnThreads(t *testing.T) {
	orttest.Init(t)
	points := cloud("clusters", 5000, 12)
	one, err := Coreset(context.Background(), slices.Clone(points), 12, 300, []int{1, 2}, 1, quiet)
	if err != nil {
		t.Fatal(err)
	}
	four, err := Coreset(context.Background(), slices.Clone(points), 12, 300, []int{1, 2}, 4, quiet)
	if err != nil || !slices.Equal(one, four) {
		t.Errorf("four threads choose otherwise than one (%v)", err)
	}
}

func TestNearest(t *testing.T) {
	orttest.Init(t)
	for _, size := range []int{1, 5, bankBlock, bankBlock + 1, 3000} {
		for _, kind := range []string{"uniform", "offset", "clusters"} {
			const dim, queries = 20, 60
			rows, q := cloud(kind, size, dim), cloud(kind, queries, dim)
			for i := range dim { // one query is a row of the bank
				q[i] = rows[(size-1)*dim+i]
			}
			b, err := NewBank(rows, dim, "cpu")
			if err != nil {
				t.Fatal(err)
			}
			k := min(7, size)
			// What float32 products of such lengths can tell apart, squared.
			centred, lengths := slices.Clone(rows), make([]float32, size)
			center(centred, dim)
			norms(lengths, centred, dim)
			resolution := 4e-7 * float64(slices.Max(lengths))
			index, got := make([]int64, queries*k), make([]float32, queries*k)
			if err := b.Nearest(context.Background(), q, k, index, got); err != nil {
				t.Fatal(err)
			}
			for i := range queries {
				all := make([]float32, size)
				for j := range all {
					all[j] = Distance(q[i*dim:][:dim], rows[j*dim:][:dim])
				}
				name := fmt.Sprintf("%s, %d rows, query %d", kind, size, i)
				seen := map[int64]bool{}
				for j, x := range index[i*k:][:k] {
					if seen[x] || got[i*k+j] != all[x] {
						t.Fatalf("%s: neighbour %d is row %d at %g, really %g", name, j, x, got[i*k+j], all[x])
					}
					seen[x] = true
				}
				slices.Sort(all)
				for j, d := range got[i*k:][:k] {
					if math.Abs(float64(d)*float64(d)-float64(all[j])*float64(all[j])) > resolution {
						t.Errorf("%s: neighbour %d is at %g, the true one at %g", name, j, d, all[j])
					}
				}
			}
			if got[0] != 0 {
				t.Errorf("%s, %d rows: a row of the bank is %g from itself", kind, size, got[0])
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Ties go to the lower index, in one block and between blocks.
func TestNearestTies(t *testing.T) {
	orttest.Init(t)
	const dim, n = 3, 2*bankBlock + 5
	rows := make([]float32, n*dim)
	for i := range n {
		rows[i*dim] = 1
	}
	b, err := NewBank(rows, dim, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	index, d := make([]int64, 4), make([]float32, 4)
	if err := b.Nearest(context.Background(), []float32{5, 0, 0}, 4, index, d); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(index, []int64{0, 1, 2, 3}) || d[3] != 4 {
		t.Errorf("neighbours %v at %v", index, d)
	}
}

// Distances under the projection are right on average (Johnson-Lindenstrauss).
func TestProjection(t *testing.T) {
	orttest.Init(t)
	const from, to, n = 300, 64, 40
	rows := cloud("uniform", n, from)
	out := make([]float32, n*to)
	if err := NewProjection(stream.New(1, "projection"), from, to).Apply(context.Background(), out, rows); err != nil {
		t.Fatal(err)
	}
	mean, worst := 0.0, 0.0
	for i := range n - 1 {
		r := float64(Distance(out[i*to:][:to], out[(i+1)*to:][:to]) / Distance(rows[i*from:][:from], rows[(i+1)*from:][:from]))
		mean += r * r / (n - 1)
		worst = max(worst, math.Abs(r-1))
	}
	if math.Abs(mean-1) > 0.1 || worst > 0.4 {
		t.Errorf("squared distances are %.3f times the true ones on average, the worst is off by %.0f %%", mean, 100*worst)
	}
}

func TestWrongArguments(t *testing.T) {
	orttest.Init(t)
	ctx := context.Background()
	if _, err := NewBank(nil, 3, "cpu"); err == nil {
		t.Error("an empty bank is made")
	}
	if _, err := Coreset(ctx, make([]float32, 6), 3, 1, []int{2}, 1, quiet); err == nil {
		t.Error("a start outside the points is taken")
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), 1e30} {
		if _, err := Coreset(ctx, []float32{1, 2, float32(v)}, 1, 2, []int{0}, 1, quiet); err == nil {
			t.Errorf("a coreset of points with %g is found", v)
		}
	}
	b, err := NewBank(make([]float32, 6), 3, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Nearest(ctx, make([]float32, 3), 3, make([]int64, 3), make([]float32, 3)); err == nil {
		t.Error("three neighbours of two are found")
	}
}

// BenchmarkNearest: 784 patches of 200 channels against 8192; two products at a
// time on two cores.
func BenchmarkNearest(b *testing.B) {
	orttest.Init(b)
	const q, n, dim = 784, 8192, 200
	bank, err := NewBank(cloud("uniform", n, dim), dim, "cpu")
	if err != nil {
		b.Fatal(err)
	}
	defer bank.Close()
	queries := cloud("clusters", q, dim)
	b.RunParallel(func(pb *testing.PB) {
		index, d := make([]int64, q), make([]float32, q)
		for pb.Next() {
			if err := bank.Nearest(context.Background(), queries, 1, index, d); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(2*q*n*dim*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkGonum: the same product in gonum's BLAS, which uses all cores, without
// looking for the nearest.
func BenchmarkGonum(b *testing.B) {
	const q, n, dim = 784, 8192, 200
	x, y := cloud("clusters", q, dim), cloud("uniform", n, dim)
	out := make([]float32, q*n)
	for b.Loop() {
		blas32.Gemm(blas.NoTrans, blas.Trans, 1,
			blas32.General{Rows: q, Cols: dim, Stride: dim, Data: x},
			blas32.General{Rows: n, Cols: dim, Stride: dim, Data: y},
			0, blas32.General{Rows: q, Cols: n, Stride: n, Data: out})
	}
	b.ReportMetric(2*q*n*dim*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}

// BenchmarkCoreset: 1 % of 100,000 points in 128 dimensions. The plain algorithm's
// work, by which the rate is measured, is one pass over the points for each choice.
func BenchmarkCoreset(b *testing.B) {
	orttest.Init(b)
	const n, dim, inner, keep = 100_000, 128, 24, 1000
	latent, mix := cloud("uniform", n, inner), cloud("uniform", inner, dim)
	points := make([]float32, n*dim)
	zero := make([]float32, dim)
	turned := make([]float32, dim*inner)
	for i := range inner {
		for j := range dim {
			turned[j*inner+i] = mix[i*dim+j]
		}
	}
	if err := product(context.Background(), points, latent, turned, zero, inner); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Coreset(context.Background(), points, dim, keep, []int{0}, 2, quiet); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*n*keep*dim*float64(b.N)/b.Elapsed().Seconds()/1e9, "effective-GFLOP/s")
}
