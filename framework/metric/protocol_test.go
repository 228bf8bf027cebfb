package metric

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
)

// The JSON form is hashed into keys: a change here makes every stored result stale.
func TestProtocolJSONIsPinned(t *testing.T) {
	got, err := json.Marshal(DefaultProtocol())
	want := `{"version":"metric/1","size":224,"map_resize":"bilinear_align_corners","mask_resize":"nearest",` +
		`"mask_threshold":0,"image_score":"max_avgpool16","aupro_limit":0.3,"connectivity":8}`
	if err != nil || string(got) != want {
		t.Errorf("got  %s\nwant %s (%v)", got, want, err)
	}
}

func TestValidateNamesTheSetting(t *testing.T) {
	if err := DefaultProtocol().Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		change func(*Protocol)
		want   string
	}{
		{func(p *Protocol) { p.Version = "metric/0" }, `version is "metric/0"`},
		{func(p *Protocol) { p.Size = 15 }, `size is 15`},
		{func(p *Protocol) { p.Size = 5000 }, `size is 5000`},
		{func(p *Protocol) { p.MapResize = "bicubic" }, `map_resize is "bicubic"`},
		{func(p *Protocol) { p.MaskResize = "bilinear" }, `mask_resize is "bilinear"`},
		{func(p *Protocol) { p.MaskThreshold = 255 }, `mask_threshold is 255`},
		{func(p *Protocol) { p.MaskThreshold = -1 }, `mask_threshold is -1`},
		{func(p *Protocol) { p.ImageScore = "median" }, `image_score is "median"`},
		{func(p *Protocol) { p.AUPROLimit = 0 }, `aupro_limit is 0`},
		{func(p *Protocol) { p.AUPROLimit = 1.01 }, `aupro_limit is 1.01`},
		{func(p *Protocol) { p.AUPROLimit = math.NaN() }, `aupro_limit is NaN`},
		{func(p *Protocol) { p.Connectivity = 6 }, `connectivity is 6`},
	} {
		p := DefaultProtocol()
		c.change(&p)
		err := p.Validate()
		var f *fault.Error
		if !errors.As(err, &f) || !strings.Contains(f.Error(), c.want) || f.Hint == "" {
			t.Errorf("error = %v, want %s and a hint", err, c.want)
		}
	}
}

func TestThresholdIsStrict(t *testing.T) {
	truth := make([]uint8, 4)
	for limit, want := range map[int][]uint8{0: {0, 1, 1, 1}, 1: {0, 0, 1, 1}, 127: {0, 0, 0, 1}} {
		Protocol{MaskThreshold: limit}.Threshold(truth, []uint8{0, 1, 127, 255})
		if !slices.Equal(truth, want) {
			t.Errorf("threshold %d: %v, want %v", limit, truth, want)
		}
	}
}

func TestMeansCountTheUndefined(t *testing.T) {
	order := []ad.ClassName{"a", "b", "c", "d", "e"}
	p := Halve(order)
	if !slices.Equal(p.High, order[:2]) || !slices.Equal(p.Low, order[2:]) {
		t.Fatalf("halves of 5: %v", p)
	}
	if p := Halve(make([]ad.ClassName, 15)); len(p.High) != 7 || len(p.Low) != 8 {
		t.Errorf("halves of 15: %d and %d", len(p.High), len(p.Low))
	}
	v := func(x float64) map[ad.Metric]Value { return map[ad.Metric]Value{ad.ImageAUROC: &x} }
	byClass := map[ad.ClassName]map[ad.Metric]Value{
		"a": v(0.25), "b": v(0.5), "c": {ad.ImageAUROC: nil}, "d": v(0.75), // e has no entry
	}
	means, err := Means(byClass, p)
	if err != nil {
		t.Fatal(err)
	}
	for group, want := range map[ad.Group]Mean{
		ad.All:  {Classes: 3, Of: 5, Value: v(0.5)[ad.ImageAUROC]},
		ad.High: {Classes: 2, Of: 2, Value: v(0.375)[ad.ImageAUROC]},
		ad.Low:  {Classes: 1, Of: 3, Value: v(0.75)[ad.ImageAUROC]},
	} {
		got := means[group][ad.ImageAUROC]
		if got.Classes != want.Classes || got.Of != want.Of {
			t.Errorf("%s: mean over %d of %d classes, want %d of %d", group, got.Classes, got.Of, want.Classes, want.Of)
		}
		near(t, string(group), got.Value, *want.Value, 0)
	}
	text, _ := json.Marshal(means[ad.Low])
	if want := `{"image_auroc":{"value":0.75,"classes":1,"of":3}}`; string(text) != want {
		t.Errorf("JSON %s, want %s", text, want)
	}

	// In float64, 0.1 + 0.2 + 0.3 depends on the order.
	first, _ := Means(map[ad.ClassName]map[ad.Metric]Value{"a": v(0.1), "b": v(0.2), "c": v(0.3)}, p)
	second, _ := Means(map[ad.ClassName]map[ad.Metric]Value{"a": v(0.3), "b": v(0.2), "c": v(0.1)}, p)
	near(t, "mean in another order", first[ad.All][ad.ImageAUROC].Value, *second[ad.All][ad.ImageAUROC].Value, 0)

	means, err = Means(map[ad.ClassName]map[ad.Metric]Value{"c": {ad.ImageAUROC: nil}}, p)
	if m := means[ad.All][ad.ImageAUROC]; err != nil || m.Value != nil || m.Of != 5 {
		t.Errorf("no class defines the metric: %+v, %v", m, err)
	}
	if _, err := Means(map[ad.ClassName]map[ad.Metric]Value{"x": v(1)}, p); err == nil {
		t.Error("a class outside the partition is accepted")
	}
	if _, err := Means(byClass, Partition{High: order, Low: order[:1]}); err == nil {
		t.Error("a class in both halves is accepted")
	}
}
