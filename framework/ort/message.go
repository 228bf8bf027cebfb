package ort

import (
	"regexp"
	"strings"
)

var plainer = []struct {
	re *regexp.Regexp
	by string
}{
	// What the binding puts before ONNX Runtime's own words.
	{regexp.MustCompile(`^((Error running network|Error creating C session|Platform-specific initialization failed): )+`), ""},
	// Where in its source ONNX Runtime noticed: file, line, and function with its arguments.
	{regexp.MustCompile(`/\S+\.(cc|h|cpp|cu):\d+ .*?\) `), ""},
	{regexp.MustCompile(`Non-zero status code returned while running (\S+) node\. Name:'([^']*)' Status Message: `), "node $2 ($1): "},
}

// brief is an error of ONNX Runtime or its binding in one line, without source
// positions and stack.
func brief(err error) string {
	s := err.Error()
	for _, p := range plainer {
		s = p.re.ReplaceAllString(s, p.by)
	}
	s = strings.Join(strings.Fields(s), " ")
	const limit = 500
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return s
}
