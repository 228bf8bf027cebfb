// Package result is the record of one cell and the store of records.
//
// A cell is dataset x split x encoder x method x seed under one evaluation
// protocol. Its key is the hash of everything that can change its numbers
// (Inputs), so a finished cell is never computed twice and a changed input never
// meets a stale number. What may differ between two runs of the same cell (times,
// machine) stands apart in Record.Run; everything else in a record is the same
// bytes for the same key on one machine, with any number of workers.
package result

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
)

// Schema is the version of Record's JSON form. It is part of every key.
const Schema = 1

// Cell names a cell for people, by the names in bench.yaml.
type Cell struct {
	Dataset ad.DatasetName `json:"dataset"`
	Split   string         `json:"split"` // configuration, such as "exp100"
	// SplitSeed tells repetitions of one configuration apart, as Seed does for
	// repetitions of the method.
	SplitSeed uint64        `json:"split_seed"`
	Encoder   string        `json:"encoder"`
	Method    ad.MethodName `json:"method"`
	Seed      uint64        `json:"seed"`
}

// String names the cell as `ltadbench run --dry-run` lists it.
func (c Cell) String() string {
	return fmt.Sprintf("%s/%s/%s/%s/seed%d", c.Dataset, c.SplitID(), c.Encoder, c.Method, c.Seed)
}

// SplitID is the split and, unless it is 0, its seed: "exp100-seed3".
func (c Cell) SplitID() string {
	if c.SplitSeed == 0 {
		return c.Split
	}
	return fmt.Sprintf("%s-seed%d", c.Split, c.SplitSeed)
}

// Inputs is everything that can change a cell's numbers.
type Inputs struct {
	Schema  int       `json:"schema"`
	Dataset ad.Digest `json:"dataset"` // fingerprint of its files and labels
	Split   ad.Digest `json:"split"`   // digest of the split's manifest
	Encoder ad.Digest `json:"encoder"` // digest of the pack, without its text side
	// Text is the digest of the pack's text side; "", and no part of the key, for a
	// method that does not need it.
	Text          ad.Digest `json:"text,omitempty"`
	FeatureType   string    `json:"feature_type"`   // element type of the features
	Method        string    `json:"method"`         // the name that the method gives itself
	MethodVersion string    `json:"method_version"` // likewise
	MethodFiles   ad.Digest `json:"method_files"`   // digest of the plugin's executable files
	// Engine is what the method computes with; "", and no part of the key, for a
	// method that has no engines.
	Engine   string          `json:"engine,omitempty"`
	Options  json.RawMessage `json:"options"` // complete, defaults filled in
	Seed     uint64          `json:"seed"`
	Protocol metric.Protocol `json:"protocol"`
}

// Key is the digest of the inputs.
func (in Inputs) Key() ad.Digest { return digest(in) }

func digest(v any) ad.Digest {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only plain data comes here
	}
	sum := sha256.Sum256(text)
	return ad.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// Status says how a cell ended.
type Status string

// The states in which a cell is stored.
const (
	Done   Status = "done"
	Failed Status = "failed"
)

// Record is one cell: what went in, what came out.
type Record struct {
	Schema  int       `json:"schema"`
	Key     ad.Digest `json:"key"`
	Cell    Cell      `json:"cell"`
	Inputs  Inputs    `json:"inputs"`
	Status  Status    `json:"status"`
	Failure *Failure  `json:"failure,omitempty"`
	// Prior: the method was told the names of the classes.
	Prior    bool                                   `json:"prior,omitempty"`
	Classes  []Class                                `json:"classes,omitempty"` // in the split's order, most populated first
	Means    map[ad.Group]map[ad.Metric]metric.Mean `json:"means,omitempty"`
	Warnings []string                               `json:"warnings,omitempty"`
	Maps     *Maps                                  `json:"maps,omitempty"`
	Samples  []Sample                               `json:"samples,omitempty"` // the test images, by ID
	Run      Run                                    `json:"run"`
}

// SamplesOf gives the test images of a class, by ID.
func (r *Record) SamplesOf(class ad.ClassName) (out []Sample) {
	for _, s := range r.Samples {
		if s.Class == class {
			out = append(out, s)
		}
	}
	return out
}

// Class is one class's share of the cell.
type Class struct {
	Name      ad.ClassName               `json:"name"`
	Group     ad.Group                   `json:"group"`
	Train     int                        `json:"train"` // images in the split
	Normal    int                        `json:"test_normal"`
	Anomalous int                        `json:"test_anomalous"`
	Metrics   map[ad.Metric]metric.Value `json:"metrics"`
}

// Sample is one test image's answer.
type Sample struct {
	ID    ad.SampleID  `json:"id"`
	Class ad.ClassName `json:"class"`
	Label ad.Label     `json:"label"`
	Truth ad.Truth     `json:"truth"`
	Mask  string       `json:"mask,omitempty"`
	// Own is the image score that the method gave; nil if it gives none.
	Own *float32 `json:"own,omitempty"`
	// Score is the image score by the protocol's rule.
	Score float32 `json:"score"`
}

// Maps refers to the anomaly maps of the cell: a .npy file of float32
// [len(Samples), H, W] in the order of Samples.
type Maps struct {
	Shape  []int     `json:"shape"`
	Digest ad.Digest `json:"digest"`
	// Kept is false when the file was not stored because of its size; such a cell
	// cannot be scored again.
	Kept bool `json:"kept"`
}

// Failure is why a cell has no numbers.
type Failure struct {
	Kind    fault.Kind   `json:"kind"`
	Source  fault.Source `json:"source"`
	Message string       `json:"message"`
	Hint    string       `json:"hint,omitempty"`
	Log     string       `json:"log,omitempty"` // last lines of the plugin's log
}

// Run is what differs between two runs of the same cell.
type Run struct {
	Started  time.Time          `json:"started"`
	Seconds  map[string]float64 `json:"seconds"` // by phase; "total" is the cell's wall time
	Memory   map[string]int64   `json:"peak_memory_bytes,omitempty"`
	Device   string             `json:"device"`
	Features string             `json:"features,omitempty"` // what computed the features
	Threads  int                `json:"threads"`
	Command  []string           `json:"command"` // how the plugin was started
	Rescored bool               `json:"rescored,omitempty"`
	// Resumed: Fit found a checkpoint of an attempt that did not end; the times are
	// those of the last attempt alone.
	Resumed bool    `json:"resumed,omitempty"`
	Machine Machine `json:"machine"`
}

// Machine says where and with what a cell ran.
type Machine struct {
	Ltadbench   string `json:"ltadbench"` // version and revision
	Go          string `json:"go"`
	Platform    string `json:"platform"`
	CPU         string `json:"cpu"`
	CPUs        int    `json:"cpus"`
	ONNXRuntime string `json:"onnx_runtime"`
}

// Comparable gives the parts of the inputs that two results must share to stand in
// one table: the data, its split and the protocol. Encoder and method may differ;
// comparing those is what tables are for.
func (in Inputs) Comparable() ad.Digest {
	in.Split, in.Encoder, in.Text, in.FeatureType = "", "", "", ""
	in.Method, in.MethodVersion, in.MethodFiles, in.Engine, in.Options, in.Seed = "", "", "", "", nil, 0
	return digest(in)
}
