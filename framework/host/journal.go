package host

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Bounds of a plugin's log. What comes after the last of them is still read, so
// that the plugin never blocks, and still reaches the tail.
const (
	maxLine     = 64 << 10 // bytes of a line that are kept
	maxLogFile  = 16 << 20 // bytes of a log file
	tailLines   = 40       // lines that an error shows
	maxTailLine = 500      // bytes of each of these
)

// journal is the log of one plugin's process: a file, and the last lines in
// memory. It takes whatever a process may print.
type journal struct {
	mu      sync.Mutex
	file    *os.File // nil: no file
	written int
	ring    []string // the last lines, oldest first
}

// openJournal makes the log file at path, replacing what is there; "" for none.
func openJournal(path string) (*journal, error) {
	if path == "" {
		return &journal{}, nil
	}
	f, err := os.Create(path)
	return &journal{file: f}, err
}

// read takes lines from r until it ends, each with the prefix before it.
func (j *journal) read(r *bufio.Reader, prefix string) {
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			j.add(prefix + format(line))
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			skipped := 0
			for errors.Is(err, bufio.ErrBufferFull) {
				var more []byte
				more, err = r.ReadSlice('\n')
				skipped += len(more)
			}
			j.add(fmt.Sprintf("%s(the line above goes on for %d bytes)", prefix, skipped))
		}
		if err != nil {
			return
		}
	}
}

// add takes text of one or more lines.
func (j *journal) add(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.SplitSeq(text, "\n") {
		if len(j.ring) == tailLines {
			j.ring = slices.Delete(j.ring, 0, 1)
		}
		j.ring = append(j.ring, clean(line, maxTailLine))
	}
	if j.file == nil || j.written >= maxLogFile {
		return
	}
	n, err := fmt.Fprintln(j.file, text)
	j.written += n
	if err == nil && j.written >= maxLogFile {
		fmt.Fprintf(j.file, "(the log is cut here: it is longer than %d MiB)\n", maxLogFile>>20)
	}
	if err != nil { // a full disk must not end the method; the tail goes on
		j.written = maxLogFile
	}
}

// tail is the last lines, for an error.
func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.ring, "\n")
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file != nil {
		j.file.Close()
		j.file = nil
	}
}

// format writes a line of hclog's JSON form as people read it, and any other line
// as it is, from its last carriage return on (where progress bars redraw).
func format(line []byte) string {
	line = bytes.TrimRight(line, "\r\n")
	if text, ok := formatJSON(line); ok {
		return text
	}
	if i := bytes.LastIndexByte(line, '\r'); i >= 0 {
		line = line[i+1:]
	}
	return clean(string(line), maxLine)
}

func formatJSON(line []byte) (string, bool) {
	if !bytes.HasPrefix(line, []byte("{")) {
		return "", false
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		return "", false
	}
	message, ok := fields["@message"].(string)
	if !ok {
		return "", false
	}
	level, ok := fields["@level"].(string)
	if !ok {
		return "", false
	}
	var b strings.Builder
	if at, ok := fields["@timestamp"].(string); ok {
		fmt.Fprintf(&b, "%s ", clean(at, 40))
	}
	fmt.Fprintf(&b, "[%s] %s", clean(strings.ToUpper(level), 10), clean(message, maxLine))
	var long strings.Builder // values of several lines stand below
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(key, "@") {
			continue
		}
		value := fmt.Sprint(fields[key])
		if !strings.Contains(value, "\n") {
			fmt.Fprintf(&b, " %s=%s", clean(key, 100), clean(value, maxLine))
			continue
		}
		fmt.Fprintf(&long, "\n  %s:", clean(key, 100))
		for part := range strings.SplitSeq(strings.TrimRight(value, "\n"), "\n") {
			fmt.Fprintf(&long, "\n    %s", clean(part, maxLine))
		}
	}
	return b.String() + long.String(), true
}

// clean makes a plugin's text safe for a terminal: valid UTF-8 of at most n bytes
// without control characters, which could move the cursor or change the title.
func clean(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\t' || r == utf8.RuneError {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "..."
}

// newLineReader is a reader whose longest line is maxLine.
func newLineReader(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxLine) }
