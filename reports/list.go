package reports

import (
	"io"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// List prints a plain table: columns aligned, no lines, for commands that list
// things. Columns named in right are aligned to the right.
func List(w io.Writer, header []string, rows [][]string, right ...string) error {
	align := make(tw.Alignment, len(header))
	for i, h := range header {
		align[i] = tw.AlignLeft
		for _, r := range right {
			if r == h {
				align[i] = tw.AlignRight
			}
		}
	}
	t := tablewriter.NewTable(w,
		tablewriter.WithHeaderAutoFormat(tw.Off), tablewriter.WithHeaderAutoWrap(tw.WrapNone), tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithPadding(tw.Padding{Right: "  ", Overwrite: true}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.BorderNone,
			Settings: tw.Settings{
				Separators: tw.SeparatorsNone,
				Lines:      tw.LinesNone,
			},
		})),
	)
	t.Configure(func(c *tablewriter.Config) {
		c.Row.Alignment.PerColumn, c.Header.Alignment.PerColumn = align, align
	})
	t.Header(header)
	if err := t.Bulk(rows); err != nil {
		return err
	}
	return t.Render()
}
