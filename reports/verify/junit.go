package verify

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of a JUnit report, of which there is no standard: those, and in that
// order, that Jenkins, GitLab and GitHub's actions all read. There are no times in it.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		ClassName string        `xml:"classname,attr"`
		Name      string        `xml:"name,attr"`
		Skipped   *junitMessage `xml:"skipped"`
		Error     *junitMessage `xml:"error"`
		Failure   *junitMessage `xml:"failure"`
		Out       string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes a test case for each cell, of a class named by the dataset, the split
// and the encoder. A cell that regressed or failed is a failure, and one that could
// not be compared, or is missing, an error: it must not look as if it had passed. A cell
// that the baseline lacks is skipped.
func (r *Result) WriteJUnit(w io.Writer) error {
	suite := junitSuite{Name: r.Baseline, Tests: len(r.Cells)}
	for _, c := range r.Cells {
		class, name := c.place()
		test := junitCase{ClassName: class, Name: name}
		texts := c.texts()
		text := strings.Join(texts, "\n")
		message := &junitMessage{Type: string(c.Verdict), Message: string(c.Verdict), Text: text}
		if len(texts) > 0 {
			message.Message += ": " + texts[0]
		}
		switch {
		case r.bad(c):
			test.Failure = message
			suite.Failures++
		case c.Verdict == NotComparable, c.Verdict == Missing:
			test.Error = message
			suite.Errors++
		case c.Verdict == Extra:
			message.Type, message.Text = "", "" // of a skipped case the schemas have a message only
			test.Skipped = message
			suite.Skipped++
		default:
			test.Out = text
		}
		suite.Cases = append(suite.Cases, test)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(junitSuites{
		Name: "ltadbench verify", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Suites: []junitSuite{suite},
	}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// place is the cell in two parts: "synthetic/exp100/texturebank" and "padim/seed0".
func (c Cell) place() (class, name string) {
	text := c.Cell.String()
	name = fmt.Sprintf("%s/seed%d", c.Cell.Method, c.Cell.Seed)
	return strings.TrimSuffix(strings.TrimSuffix(text, name), "/"), name
}
