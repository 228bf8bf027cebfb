package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ltadbench/ltadbench/framework/fault"
)

// maxPath bounds the text of a path, before and after expansion.
const maxPath = 4096

// path reads the path of a file or directory: variables and a leading ~ are
// expanded, and a relative path is relative to the decoder's directory.
func (v value) path(to *string) {
	s, ok := v.expanded()
	switch {
	case !ok:
	case s == "":
		v.fail("want a path, got an empty text")
	default:
		*to = v.resolve(s)
	}
}

func (d *decoder) resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(d.dir, path)
}

// expanded reads a text in which environment variables are expanded.
func (v value) expanded() (string, bool) {
	s, ok := v.text()
	if !ok {
		return "", false
	}
	if s == "~" || strings.HasPrefix(s, "~/") {
		s = "$HOME" + s[1:]
	}
	out, err := v.expand(s)
	if err == nil && len(out) > maxPath {
		err = errors.New("too long")
	}
	var e *fault.Error
	if errors.As(err, &e) {
		v.fail("%v", e.Err).Hint = e.Hint
	} else if err != nil {
		v.fail("%v", err)
	}
	return out, err == nil
}

var variableForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*`)

// expand replaces $NAME, ${NAME}, ${NAME:-default} and $$ (a dollar sign). As in a
// shell, the default also stands for an empty variable, and may have variables.
// Without a default an empty or missing variable is an error: "$DATA/mvtec" must
// not silently become "/mvtec".
func (d *decoder) expand(s string) (string, error) {
	if len(s) > maxPath {
		return "", errors.New("too long")
	}
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, "$")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		var name, body string
		braced, hasDefault, fallback := false, false, ""
		switch {
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			s = after[1:]
			continue
		case strings.HasPrefix(after, "{"):
			end := closing(after)
			if end < 0 {
				return "", fmt.Errorf("%s has no closing brace", quote("$"+after))
			}
			body, s, braced = after[1:end], after[end+1:], true
			name = variableForm.FindString(body)
			fallback, hasDefault = strings.CutPrefix(body[len(name):], ":-")
		default:
			name = variableForm.FindString(after)
			s = after[len(name):]
		}
		if name == "" || braced && !hasDefault && body != name {
			return "", fault.New(fault.Config, "%s is no variable", quote("$"+after)).
				WithHint("write $NAME, ${NAME}, ${NAME:-default}, or $$ for a dollar sign")
		}
		value := ""
		if d.lookup != nil {
			value, _ = d.lookup(name)
		}
		if value == "" {
			if !hasDefault {
				return "", fault.New(fault.Config, "environment variable %s is not set", name).
					WithHint("set it, or give a default: ${%s:-...}", name)
			}
			var err error
			if value, err = d.expand(fallback); err != nil {
				return "", err
			}
		}
		b.WriteString(value)
	}
}

// closing finds the brace that closes s, which begins with one, or gives -1.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
