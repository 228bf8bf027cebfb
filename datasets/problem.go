package datasets

import (
	"fmt"
	"slices"

	"github.com/ltadbench/ltadbench/framework/ad"
)

// ProblemKind classifies what can be wrong with a dataset.
type ProblemKind string

// The kinds of problem.
const (
	ClassMissing    ProblemKind = "class-missing"    // expected, and not there
	ClassUnknown    ProblemKind = "class-unknown"    // there, and not of the release
	ClassEmpty      ProblemKind = "class-empty"      // no training or no test images
	Count           ProblemKind = "count"            // not as many images as the release has
	FileMissing     ProblemKind = "file-missing"     // named by a list, and not there
	FileUnlisted    ProblemKind = "file-unlisted"    // there, and not in the list that gives its label
	FileUnsupported ProblemKind = "file-unsupported" // an image of a type that is not read
	FileIgnored     ProblemKind = "file-ignored"     // an image where the layout has none
	Unreadable      ProblemKind = "unreadable"       // cannot be read, or is damaged
	LabelConflict   ProblemKind = "label-conflict"   // two sources disagree about an image
	MaskMissing     ProblemKind = "mask-missing"     // of a defective image
	MaskUnused      ProblemKind = "mask-unused"      // of no image
	MaskSize        ProblemKind = "mask-size"        // not the size of its image
	MaskEmpty       ProblemKind = "mask-empty"       // marks no pixel
	Duplicate       ProblemKind = "duplicate"        // the same bytes in train and test
)

// fatal problems keep a dataset from being opened: they would change what a number
// means without anyone noticing.
func (k ProblemKind) fatal() bool {
	return slices.Contains([]ProblemKind{ClassMissing, ClassEmpty, FileMissing, FileUnlisted, Unreadable, LabelConflict, MaskMissing}, k)
}

// Problem is one thing wrong with a dataset.
type Problem struct {
	Kind  ProblemKind
	Class ad.ClassName // empty if it concerns none
	// Path is the file or directory, slash-separated and relative to the root; empty
	// if it concerns none.
	Path    string
	Message string

	hint string
}

// String gives "path: message".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return fmt.Sprintf("%s: %s", p.Path, p.Message)
}
