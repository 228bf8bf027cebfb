// Package host runs methods: it finds plugins, starts each in a process of its
// own, speaks the protocol with it, checks its answers, and makes sure that it
// ends.
//
// A Process is one cell's method. Start gives it, or says in plain words why not;
// then come Fit or Load, Predict and Save, one at a time; and Close, always. Each
// error is a fault that says whose doing it is and carries the last lines of the
// plugin's log:
//
//	plugin    it could not be started, or is for another version
//	protocol  it broke the protocol
//	method    it reported an error, or a panic
//	answer    an answer is missing, doubled, not finite, or of the wrong shape
//	crash     its process died
//	timeout   it did not end in time
//	canceled  the context was cancelled
//
// What a plugin can do to its host is bounded. It gets an environment by
// allow-list and a process group of its own, which is killed as a whole; its
// connection is authenticated (go-plugin's AutoMTLS over a socket in a private
// directory; see mutualTLS) and its messages limited; its output is read by this
// package, never by go-plugin, whose own reader can be crashed by one odd line; each
// call has a deadline. When the host dies, even by kill -9, its guard, a small shell
// that waits for this, kills the plugin's group and removes its socket; the SDKs
// watch a pipe to the same end, and on Linux the kernel sends SIGTERM. What remains
// possible, since plugins are programs that the user chose to run, not sandboxed
// ones: a child that leaves the group (setsid) outlives all this.
//
// A plugin never learns a label: samples get ids here that carry nothing but their
// position, class names are withheld unless the method declares that it uses them,
// for all or some values of its options, and inputs that it does not need are
// withheld too. The caller chooses the order of samples and of rows in files, and the
// files' names, and must choose them so that they say nothing either.
package host
