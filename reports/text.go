package reports

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

const (
	bold      = "\x1b[1m"
	underline = "\x1b[4m"
	reset     = "\x1b[0m"
)

// text draws the sheet for a terminal.
func (s Sheet) text(w io.Writer, colour bool) error {
	if s.Title != "" {
		fmt.Fprintln(w, s.Title)
	}
	fmt.Fprintln(w, s.Subject)
	header := slices.Clone(s.Labels)
	align := slices.Repeat(tw.Alignment{tw.AlignLeft}, len(header))
	for _, h := range s.Heads {
		header, align = append(header, h.String()), append(align, tw.AlignRight)
	}
	var lines [][]string
	for i, line := range s.Lines {
		var texts []string
		for j := range line.Labels {
			texts = append(texts, s.label(i, j))
		}
		for _, c := range line.Cells {
			texts = append(texts, c.plain(colour))
		}
		lines = append(lines, texts)
	}
	return writeGrid(w, header, align, lines, s.Notes)
}

// plain is the number with its deviation and the marks of its notes.
func (c Cell) plain(colour bool) string {
	text := c.Text
	if c.Std != "" {
		text += " ±" + c.Std
	}
	if colour && c.Rank == 1 {
		text = bold + text + reset
	}
	if colour && c.Rank == 2 {
		text = underline + text + reset
	}
	for _, n := range c.Notes {
		text += fmt.Sprintf("[%d]", n)
	}
	return text
}

// writeGrid draws a table with lines around it, and its notes below.
func writeGrid(w io.Writer, header []string, align tw.Alignment, lines [][]string, notes []string) error {
	t := tablewriter.NewTable(w,
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Settings: tw.Settings{Separators: tw.Separators{BetweenRows: tw.Off}},
		})),
	)
	t.Configure(func(c *tablewriter.Config) {
		c.Row.Alignment.PerColumn, c.Header.Alignment.PerColumn = align, align
	})
	t.Header(header)
	if err := t.Bulk(lines); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	for i, note := range notes {
		fmt.Fprintf(w, "[%d] %s\n", i+1, note)
	}
	return nil
}

// markdown writes the sheet as GitHub and most others read it: a pipe table, the best
// number bold and the second underlined, notes as superscripts.
func (s Sheet) markdown(w io.Writer) error {
	if s.Title != "" {
		fmt.Fprintf(w, "**%s**\n\n", escapeMarkdown(s.Title))
	}
	fmt.Fprintf(w, "%s\n\n", escapeMarkdown(s.Subject))
	header, rule := slices.Clone(s.Labels), slices.Repeat([]string{"---"}, len(s.Labels))
	for _, h := range s.Heads {
		header, rule = append(header, h.String()), append(rule, "---:")
	}
	for i := range header {
		header[i] = escapeMarkdown(header[i])
	}
	row := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	row(header)
	row(rule)
	for i, line := range s.Lines {
		var texts []string
		for j := range line.Labels {
			texts = append(texts, escapeMarkdown(s.label(i, j)))
		}
		for _, c := range line.Cells {
			texts = append(texts, c.markdown())
		}
		row(texts)
	}
	if len(s.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for i, note := range s.Notes {
		fmt.Fprintf(w, "<sup>%d</sup> %s  \n", i+1, escapeMarkdown(note))
	}
	_, err := io.WriteString(w, "")
	return err
}

func (c Cell) markdown() string {
	text := c.Text
	if c.Std != "" {
		text += " ± " + c.Std
	}
	switch c.Rank {
	case 1:
		text = "**" + text + "**"
	case 2:
		text = "<u>" + text + "</u>"
	}
	if len(c.Notes) > 0 {
		text += "<sup>" + marks(c.Notes) + "</sup>"
	}
	return text
}

// marks lists the numbers of notes.
func marks(notes []int) string {
	var out []string
	for _, n := range notes {
		out = append(out, fmt.Sprint(n))
	}
	return strings.Join(out, ",")
}

// escapeMarkdown keeps a text from being read as markup.
func escapeMarkdown(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	var b strings.Builder
	for _, r := range text {
		if strings.ContainsRune("\\`*_{}[]<>#|~", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
