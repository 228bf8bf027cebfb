package splits

import (
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// Type says how the sizes of the classes fall with their rank.
type Type string

// The types. External splits come from elsewhere: see Import.
const (
	Exp      Type = "exp"
	Step     Type = "step"
	Full     Type = "full"
	External Type = "external"
)

// By says what ranks the classes.
type By string

// The rules that rank classes, largest first.
const (
	BySize    By = "size"    // number of training images, descending; ties by name
	ByName    By = "name"    // name, by bytes
	ByRelease By = "release" // the order of Dataset.Classes
	ByList    By = "list"    // the order of Order.List
)

// Order ranks the classes of a dataset. The zero value is by size.
type Order struct {
	By      By
	List    []ad.ClassName // every class once; for ByList only
	Reverse bool
}

// Spec describes a split that Make can draw.
type Spec struct {
	Type   Type
	Factor float64 // size of the largest class over the smallest, >= 1; 0 for Full
	Seed   uint64  // of the draw; no part of Full
	Order  Order
}

// Name is the name that tables use: "exp100", "step20-reverse", "exp2.5-name",
// "full". The seed is no part of it: splits that differ in their seed alone are
// repetitions of one configuration.
func (s Spec) Name() string {
	name := string(s.Type)
	if s.Factor != 0 {
		name += factorText(s.Factor)
	}
	if by := s.Order.By; by != "" && by != BySize {
		name += "-" + string(by)
	}
	if s.Order.Reverse {
		name += "-reverse"
	}
	return name
}

// Check says whether s describes a split that some dataset could have.
func (s Spec) Check() error {
	switch s.Type {
	case Exp, Step:
		if !(s.Factor >= 1) || math.IsInf(s.Factor, 0) {
			return fault.New(fault.Usage, "split %s: factor %v: want a number of at least 1", s.Type, s.Factor).
				WithHint("the factor is the size of the largest class over that of the smallest, such as 100")
		}
	case Full:
		if s.Factor != 0 {
			return fault.New(fault.Usage, "split full: factor %v: a full split keeps every image and takes no factor", s.Factor)
		}
	default:
		return fault.New(fault.Usage, "split type %q: want exp, step or full", s.Type)
	}
	return s.Order.check()
}

func (o Order) check() error {
	switch o.By {
	case "", BySize, ByName, ByRelease:
		if len(o.List) > 0 {
			return fault.New(fault.Usage, "class order %q takes no list of classes", o.By)
		}
	case ByList:
		if len(o.List) == 0 {
			return fault.New(fault.Usage, "class order %q: no classes given", o.By)
		}
	default:
		return fault.New(fault.Usage, "class order %q: want size, name, release or a list of classes", o.By)
	}
	return nil
}

// arrange gives the classes in order; larger compares two by size, descending.
func (o Order) arrange(classes []ad.ClassName, larger func(a, b ad.ClassName) int) ([]ad.ClassName, error) {
	ranked := slices.Clone(classes)
	switch o.By {
	case ByName:
		slices.Sort(ranked)
	case ByRelease:
	case ByList:
		if err := sameClasses(o.List, classes); err != nil {
			return nil, err
		}
		ranked = slices.Clone(o.List)
	default:
		slices.SortFunc(ranked, func(a, b ad.ClassName) int {
			if c := larger(a, b); c != 0 {
				return c
			}
			return strings.Compare(string(a), string(b))
		})
	}
	if o.Reverse {
		slices.Reverse(ranked)
	}
	return ranked, nil
}

func sameClasses(list, classes []ad.ClassName) error {
	seen := map[ad.ClassName]bool{}
	for _, c := range list {
		switch {
		case seen[c]:
			return fault.New(fault.Config, "class order: class %q is listed twice", c)
		case !slices.Contains(classes, c):
			return fault.New(fault.Config, "class order: the dataset has no class %q", c).
				WithHint("%s", suggest(string(c), classes))
		}
		seen[c] = true
	}
	for _, c := range classes {
		if !seen[c] {
			return fault.New(fault.Config, "class order: class %q of the dataset is not listed", c)
		}
	}
	return nil
}

// majority is the number of majority classes among n: a proven 7 of the 15
// classes of MVTec in the paper's own averages.
func majority(n int) int { return n / 2 }

func group(rank, classes int) ad.Group {
	if rank < majority(classes) {
		return ad.High
	}
	return ad.Low
}

// target gives the size that class rank of n should have if the largest class of
// the dataset has size largest. For Full there is none.
func (s Spec) target(largest, rank, n int) int {
	switch {
	case rank == 0 && s.Type == Exp, s.Type == Step && rank < majority(n):
		return largest
	case s.Type == Step:
		return scale(largest, s.Factor, 1, 1)
	}
	return scale(largest, s.Factor, rank, n-1)
}

// scale is floor(m * factor^(-i/k)), exactly: float64 decides unless the number is
// an integer to within its rounding, where integers do. m is at most maxCount.
func scale(m int, factor float64, i, k int) int {
	x := float64(m) * math.Pow(factor, -float64(i)/float64(k))
	below, above := int(x*(1-1e-9)), int(x*(1+1e-9))
	if below == above {
		return below
	}
	// above is reached if above^k * factor^i <= m^k, where factor = num/denom.
	f, _ := new(big.Rat).SetString(factorText(factor))
	left := new(big.Int).Mul(power(big.NewInt(int64(above)), k), power(f.Num(), i))
	right := new(big.Int).Mul(power(big.NewInt(int64(m)), k), power(f.Denom(), i))
	if left.Cmp(right) <= 0 {
		return above
	}
	return below
}

func power(x *big.Int, n int) *big.Int { return new(big.Int).Exp(x, big.NewInt(int64(n)), nil) }

// factorText is the shortest decimal number that reads back as f.
func factorText(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
