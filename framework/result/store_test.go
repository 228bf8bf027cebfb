package result_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ltadbench/ltadbench/framework/ad"
	"github.com/ltadbench/ltadbench/framework/fault"
	"github.com/ltadbench/ltadbench/framework/metric"
	"github.com/ltadbench/ltadbench/framework/result"
)

func record() *result.Record {
	v := 0.875
	in := result.Inputs{Schema: result.Schema, Dataset: "sha256:aa", Method: "padim", Seed: 3,
		Options: json.RawMessage(`{"d":100,"name":"<&>"}`), Protocol: metric.DefaultProtocol()}
	return &result.Record{
		Schema: result.Schema, Key: in.Key(), Cell: result.Cell{Dataset: "plant", Method: "padim"}, Inputs: in, Status: result.Done,
		Means: map[ad.Group]map[ad.Metric]metric.Mean{ad.All: {ad.ImageAUROC: {Value: &v, Classes: 2, Of: 3}, ad.PixelAUROC: {Of: 3}}},
		Run:   result.Run{Seconds: map[string]float64{"fit": 1.5}},
	}
}

func TestStoreKeepsRecords(t *testing.T) {
	s := result.Open(t.TempDir())
	if r, err := s.Get("sha256:00"); r != nil || err != nil {
		t.Errorf("a record that is not there: %v, %v", r, err)
	}
	unlock, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	want := record()
	if err := s.Put(want); err != nil {
		t.Fatal(err)
	}
	got, err := s.Get(want.Key)
	if err != nil {
		t.Fatal(err)
	}
	want.Inputs.Options, got.Inputs.Options = nil, nil // white space may differ
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record changed in the store:\n%s", diff)
	}
}

// Every input must have a part in the key: a stale number would be served else.
func TestEveryInputChangesTheKey(t *testing.T) {
	base := record().Inputs
	seen := map[ad.Digest]string{base.Key(): "nothing"}
	for name, change := range map[string]func(in *result.Inputs){
		"schema":   func(in *result.Inputs) { in.Schema++ },
		"dataset":  func(in *result.Inputs) { in.Dataset = "sha256:bb" },
		"split":    func(in *result.Inputs) { in.Split = "sha256:bb" },
		"encoder":  func(in *result.Inputs) { in.Encoder = "sha256:bb" },
		"text":     func(in *result.Inputs) { in.Text = "sha256:bb" },
		"features": func(in *result.Inputs) { in.FeatureType = "float16" },
		"method":   func(in *result.Inputs) { in.Method = "other" },
		"version":  func(in *result.Inputs) { in.MethodVersion = "2" },
		"files":    func(in *result.Inputs) { in.MethodFiles = "sha256:bb" },
		"options":  func(in *result.Inputs) { in.Options = json.RawMessage(`{"d":101}`) },
		"engine":   func(in *result.Inputs) { in.Engine = "ort" },
		"seed":     func(in *result.Inputs) { in.Seed++ },
		"protocol": func(in *result.Inputs) { in.Protocol.Size++ },
		"limit":    func(in *result.Inputs) { in.Protocol.AUPROLimit = 0.1 },
	} {
		in := base
		change(&in)
		if other, dup := seen[in.Key()]; dup {
			t.Errorf("changing %s gives the key of changing %s", name, other)
		}
		seen[in.Key()] = name
	}
	// Results of methods without engines and text are older than those inputs.
	if text, err := json.Marshal(base); err != nil || strings.Contains(string(text), `"engine"`) || strings.Contains(string(text), `"text"`) {
		t.Errorf("inputs %s, %v", text, err)
	}
}

// Results of methods without engines keep the keys that they had before there were
// engines: the hash of this text.
func TestKeyWithoutEngine(t *testing.T) {
	text, err := json.Marshal(record().Inputs)
	if err != nil || strings.Contains(string(text), "engine") {
		t.Errorf("%s, %v", text, err)
	}
}

func TestCheckpoints(t *testing.T) {
	s := result.Open(t.TempDir())
	lock := func() (unlock func()) {
		t.Helper()
		unlock, err := s.Lock()
		if err != nil {
			t.Fatal(err)
		}
		return unlock
	}
	make := func(key ad.Digest) string {
		t.Helper()
		dir, err := s.Checkpoint(key)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "weights"), []byte("x"), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return dir
	}
	unlock := lock()
	done, failed := record(), record()
	failed.Inputs.Seed = 9
	failed.Key, failed.Status, failed.Failure = failed.Inputs.Key(), result.Failed, &result.Failure{Kind: fault.Timeout}
	for _, r := range []*result.Record{done, failed} {
		if err := s.Put(r); err != nil {
			t.Fatal(err)
		}
	}
	const pending, old, dropped = ad.Digest("sha256:00"), ad.Digest("sha256:11"), ad.Digest("sha256:22")
	if s.HasCheckpoint(pending) || s.DropCheckpoint(pending) != nil {
		t.Error("a checkpoint that was never made")
	}
	if _, err := s.Checkpoint(pending); err != nil || s.HasCheckpoint(pending) {
		t.Errorf("an empty directory is nothing to go on from: %v", err)
	}
	for _, key := range []ad.Digest{done.Key, failed.Key, pending, dropped, old} {
		make(key)
	}
	month := time.Now().Add(-31 * 24 * time.Hour)
	if err := os.Chtimes(make(old), month, month); err != nil {
		t.Fatal(err)
	}
	if err := s.DropCheckpoint(dropped); err != nil {
		t.Fatal(err)
	}
	unlock()
	defer lock()()
	for key, want := range map[ad.Digest]bool{done.Key: false, failed.Key: true, pending: true, dropped: false, old: false} {
		if s.HasCheckpoint(key) != want {
			t.Errorf("checkpoint of %s: %v, want %v", key, !want, want)
		}
	}
}

func TestDamagedRecords(t *testing.T) {
	dir := t.TempDir()
	s := result.Open(dir)
	unlock, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	r := record()
	if err := s.Put(r); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "cells", strings.TrimPrefix(string(r.Key), "sha256:")+".json")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cut short":     string(whole[:len(whole)/2]),
		"other seed":    strings.Replace(string(whole), `"seed": 3`, `"seed": 4`, 1),
		"other schema":  strings.Replace(string(whole), `"schema": 1`, `"schema": 9`, 1),
		"no status":     strings.Replace(string(whole), `"done"`, `"odd"`, 1),
		"failed, mute":  strings.Replace(string(whole), `"done"`, `"failed"`, 1),
		"unknown field": strings.Replace(string(whole), `"status"`, `"extra": 1, "status"`, 1),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(r.Key); fault.KindOf(err) != fault.Data || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want an error of kind data that names the file", name, err)
		}
	}
}

func TestLockIsExclusiveAndCleans(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]*") // no pattern
	unlock, err := result.Open(dir).Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := result.Open(dir).Lock(); err == nil {
		t.Error("two processes may write at once")
	}
	r := record()
	s := result.Open(dir)
	if err := s.Put(r); err != nil {
		t.Fatal(err)
	}
	kept := s.MapsPath(r.Key)
	leftovers := []string{s.MapsPath("sha256:00ff"), filepath.Join(dir, "scratch", "x", "maps.npy"), filepath.Join(dir, "cells", "a.json.tmp123")}
	for _, path := range append(leftovers, kept) {
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unlock()
	if unlock, err = s.Lock(); err != nil {
		t.Fatal(err)
	}
	defer unlock()
	for _, path := range leftovers {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s of a killed run is still there", path)
		}
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("maps of a finished cell are gone: %v", err)
	}
}

// A configuration's file may have as long a name as the file system takes.
func TestIndexOfLongName(t *testing.T) {
	s := result.Open(t.TempDir())
	unlock, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	config := "../" + strings.Repeat("é", 120) + ".yaml"
	if err := s.PutIndex(result.Index{Config: config}); err != nil {
		t.Fatal(err)
	}
	if ix, err := s.Index(config); err != nil || ix.Config != config {
		t.Errorf("index of %q, error %v", ix.Config, err)
	}
}

func FuzzDecode(f *testing.F) {
	text, err := json.Marshal(record())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := result.Decode(text)
		if err == nil && r.Key != r.Inputs.Key() {
			t.Error("a record with a wrong key was accepted")
		}
	})
}
