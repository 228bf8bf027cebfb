// Package progress is how long work tells a person how far it is, without knowing
// whether that person looks at a terminal, a log file or nothing.
package progress

// Reporter shows tasks. Its methods are safe for concurrent use.
type Reporter interface {
	// Start shows a new task; name says what is done to what.
	Start(name string) Task
}

// Task is one piece of work. Its methods are safe for concurrent use and cheap to
// call often.
type Task interface {
	// Update tells that done of total is finished, in any unit; total 0 means
	// unknown. The note is a few words such as "epoch 3 loss 0.12", or "".
	Update(done, total float64, note string)
	// End takes the task off the display and leaves the summary, unless it is "".
	End(summary string)
}

// None shows nothing.
var None Reporter = none{}

type none struct{}

func (none) Start(string) Task               { return none{} }
func (none) Update(float64, float64, string) {}
func (none) End(string)                      {}
