package runner

import (
	"slices"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// checkpoint gives the directory in which the cell's method keeps what it goes on
// from when it was killed; "" for a method that does not. It is empty unless an
// attempt has not ended.
func (a *attempt) checkpoint() (dir string, err error) {
	if !a.method.info.Resumes {
		return "", nil
	}
	if a.fresh {
		if err := a.Store.DropCheckpoint(a.Key); err != nil {
			return "", err
		}
	}
	a.record.Run.Resumed = a.Store.HasCheckpoint(a.Key)
	return a.Store.Checkpoint(a.Key)
}

// dropCheckpoint removes the cell's checkpoint, which has served its purpose or may be
// what is wrong.
func (a *attempt) dropCheckpoint() {
	if err := a.Store.DropCheckpoint(a.Key); err != nil {
		a.Log.Warn("a checkpoint stays behind", "cell", a.Cell, "cause", err)
	}
}

// resumable says whether an attempt that ended with err had nothing wrong with it but
// its end: then the next one goes on from its checkpoint. Any other error may lie in
// the checkpoint (weights that are not finite, say) and would come again for ever.
func resumable(err error) bool {
	return slices.Contains([]fault.Kind{fault.Canceled, fault.Crash, fault.Timeout, fault.System}, fault.KindOf(err))
}
