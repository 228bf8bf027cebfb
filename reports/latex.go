package reports

import (
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// latex writes the sheet as a table environment that needs \usepackage{booktabs} and
// nothing else. Each column of numbers is two, which meet at the decimal point, so
// that numbers are aligned there whatever stands behind them.
func (s Sheet) latex(w io.Writer, label string) error {
	var b strings.Builder
	fit := s.fit()
	fmt.Fprintf(&b, "\\begin{%s}[t]\n\\centering\n", fit.environment)
	caption := s.Subject + ". " + s.Legend
	if s.Title != "" {
		caption = numbered.ReplaceAllString(s.Title, "") + ": " + caption
	}
	fmt.Fprintf(&b, "\\caption{%s}\n\\label{tab:%s}\n", escapeLaTeX(caption), label)
	b.WriteString(fit.font)
	fmt.Fprintf(&b, "\\begin{tabular}{%s%s}\n\\toprule\n", strings.Repeat("l", len(s.Labels)), strings.Repeat("r@{}l", len(s.Heads)))
	s.latexHeads(&b)
	b.WriteString("\\midrule\n")
	centred := make([]bool, len(s.Heads))
	for i, line := range s.Lines {
		if line.Rule {
			b.WriteString("\\midrule\n")
		}
		var texts []string
		for j := range line.Labels {
			texts = append(texts, escapeLaTeX(s.label(i, j)))
		}
		for j, c := range line.Cells {
			text := c.latex()
			// TeX gives what a wide heading needs to the second of its columns. About half
			// of it belongs to the first, so that the numbers stand below its middle.
			if extra := utf8.RuneCountInString(s.Heads[j].Name) - len(c.Text+c.Std); extra > 0 && !centred[j] && c.isNumber() {
				text = fmt.Sprintf("\\hspace*{%.2fem}%s", 0.25*float64(extra), text)
				centred[j] = true
			}
			texts = append(texts, text)
		}
		fmt.Fprintf(&b, "%s \\\\\n", strings.Join(texts, " & "))
	}
	b.WriteString("\\bottomrule\n\\end{tabular}\n")
	if len(s.Notes) > 0 {
		b.WriteString("\\par\\smallskip\n\\begin{minipage}{\\linewidth}\\raggedright\\footnotesize\n")
		for i, note := range s.Notes {
			fmt.Fprintf(&b, "\\textsuperscript{%d}~%s\\par\n", i+1, escapeLaTeX(note))
		}
		b.WriteString("\\end{minipage}\n")
	}
	fmt.Fprintf(&b, "\\end{%s}\n", fit.environment)
	_, err := io.WriteString(w, b.String())
	return err
}

// numbered is how titles of another paper's tables begin; here they get numbers anew.
var numbered = regexp.MustCompile(`^(Table|Figure) [0-9]+: `)

// fit is how a table gets on a page.
type fit struct {
	environment string  // table, or table* for both columns of a page
	font        string  // commands that make it smaller
	char, gap   float64 // width of a character, and of the space between columns, in points
	width       float64 // what it must fit in, in points
}

// fits go from the best to what fits everything. The widths are a column of a page with
// two, and a page with one of LaTeX's own article class.
var fits = []fit{
	{"table", "", 5.4, 12, 240},
	{"table", "\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n", 4.5, 6, 240},
	{"table*", "", 5.4, 12, 345},
	{"table*", "\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n", 4.5, 6, 345},
	{"table*", "\\scriptsize\n\\setlength{\\tabcolsep}{2pt}\n", 3.75, 4, math.Inf(1)},
}

// fit estimates, by the lengths of its texts, what the table fits in.
func (s Sheet) fit() fit {
	widths := make([]int, 0, len(s.Labels)+len(s.Heads))
	for j, l := range s.Labels {
		n := utf8.RuneCountInString(l)
		for _, line := range s.Lines {
			n = max(n, utf8.RuneCountInString(line.Labels[j]))
		}
		widths = append(widths, n)
	}
	for j, h := range s.Heads {
		n := utf8.RuneCountInString(h.Name)
		for _, line := range s.Lines {
			c := line.Cells[j]
			n = max(n, len(c.Text+c.Std)+min(len(c.Std), 2)+len(c.Notes))
		}
		widths = append(widths, n)
	}
	for _, f := range fits {
		total := 0.0
		for _, n := range widths {
			total += f.char*float64(n) + f.gap
		}
		if total <= f.width {
			return f
		}
	}
	return fits[len(fits)-1]
}

// latexHeads writes one line of headings, or two if columns share groups.
func (s Sheet) latexHeads(b *strings.Builder) {
	if s.grouped() {
		b.WriteString(strings.Repeat(" & ", len(s.Labels)))
		var spans, rules []string
		for i := 0; i < len(s.Heads); {
			n := 1
			for i+n < len(s.Heads) && s.Heads[i+n].Group == s.Heads[i].Group {
				n++
			}
			spans = append(spans, fmt.Sprintf("\\multicolumn{%d}{c}{%s}", 2*n, escapeLaTeX(s.Heads[i].Group)))
			if s.Heads[i].Group != "" {
				first := len(s.Labels) + 2*i + 1
				rules = append(rules, fmt.Sprintf("\\cmidrule(lr){%d-%d}", first, first+2*n-1))
			}
			i += n
		}
		fmt.Fprintf(b, "%s \\\\\n%s\n", strings.Join(spans, " & "), strings.Join(rules, " "))
	}
	var heads []string
	for _, l := range s.Labels {
		heads = append(heads, escapeLaTeX(l))
	}
	for _, h := range s.Heads {
		heads = append(heads, fmt.Sprintf("\\multicolumn{2}{c}{%s}", escapeLaTeX(h.Name)))
	}
	fmt.Fprintf(b, "%s \\\\\n", strings.Join(heads, " & "))
}

func (c Cell) isNumber() bool {
	return c.Text != "" && strings.IndexByte("0123456789", c.Text[len(c.Text)-1]) >= 0
}

// latex is the number in its two columns.
func (c Cell) latex() string {
	note := ""
	if len(c.Notes) > 0 {
		note = "\\textsuperscript{" + marks(c.Notes) + "}"
	}
	if !c.isNumber() {
		return "\\multicolumn{2}{c}{" + strings.Replace(c.Text, "-", "--", 1) + note + "}"
	}
	whole, fraction := c.Text, ""
	if at := strings.IndexByte(c.Text, '.'); at >= 0 {
		whole, fraction = c.Text[:at], c.Text[at:]
	}
	if sign := whole[0]; sign == '-' || sign == '+' {
		whole = "$" + whole + "$"
	}
	if mark := map[int]string{1: "\\textbf", 2: "\\underline"}[c.Rank]; mark != "" {
		whole = mark + "{" + whole + "}"
		if fraction != "" {
			fraction = mark + "{" + fraction + "}"
		}
	}
	if c.Std != "" {
		fraction += "\\,$\\pm$\\,{\\scriptsize " + c.Std + "}"
	}
	return whole + "&" + fraction + note
}

// symbols are characters that LaTeX needs a name for, without further packages.
var symbols = map[rune]string{
	'\\': `\textbackslash{}`, '~': `\textasciitilde{}`, '^': `\textasciicircum{}`, '&': `\&`, '%': `\%`, '$': `\$`, '#': `\#`, '_': `\_`,
	'{': `\{`, '}': `\}`, '<': `\textless{}`, '>': `\textgreater{}`, '|': `\textbar{}`, '[': `{[}`, ']': `{]}`, '*': `{*}`, '`': "{`}", '\'': `{'}`,
	'±': `$\pm$`, '×': `$\times$`, '✗': `$\times$`, '✓': `$\surd$`, '–': `--`, '—': `---`, '“': "``", '”': `''`, '‘': "`", '’': `'`,
	'…': `\ldots{}`, 'β': `$\beta$`, 'λ': `$\lambda$`, 'µ': `$\mu$`, '→': `$\to$`, '≤': `$\le$`, '≥': `$\ge$`,
}

// subscript is a letter of a formula with an index, as in the s_c of a preset.
var subscript = regexp.MustCompile(`\b[a-zA-Z]_[a-zA-Z]\b`)

// escapeLaTeX writes a text so that LaTeX prints it, an index of a letter as one.
func escapeLaTeX(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var b strings.Builder
	done := 0
	for _, at := range subscript.FindAllStringIndex(text, -1) {
		b.WriteString(escapeSymbols(text[done:at[0]]) + "$" + text[at[0]:at[1]] + "$")
		done = at[1]
	}
	return b.String() + escapeSymbols(text[done:])
}

// escapeSymbols names symbols, and keeps LaTeX from reading an argument in what stands
// at the beginning of a cell, or one character in two.
func escapeSymbols(text string) string {
	var b strings.Builder
	open := false
	var last rune
	for _, r := range text {
		switch {
		case r == '"': // a font that has it is not LaTeX's default
			if open = !open; open {
				b.WriteString("``")
			} else {
				b.WriteString("''")
			}
		case r == '-' && last == '-':
			b.WriteString("{}-")
		case symbols[r] != "":
			b.WriteString(symbols[r])
		case unicode.IsControl(r):
		default:
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// exotic says whether a text has characters beyond those that pdfLaTeX prints without
// further packages.
func exotic(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r > 0xff || strings.ContainsRune("«»ðÐþÞ", r) })
}

// latexLabel makes a label of parts.
func latexLabel(parts ...string) string {
	var words []string
	for _, p := range parts {
		words = append(words, strings.FieldsFunc(strings.ToLower(p), func(r rune) bool {
			return r > 0x7f || !unicode.IsLetter(r) && !unicode.IsDigit(r)
		})...)
	}
	return strings.Join(slices.Compact(words), "-")
}
