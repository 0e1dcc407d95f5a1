package xlsxwrite

import (
	"fmt"
	"strings"
)

// StyleID is the number of a style. 0 is the plain style.
type StyleID uint16

// Style is the appearance of a cell.
type Style struct {
	// Format is the number format's code ("yyyy\-mm\-dd"). It defaults to General.
	Format string
	// Bold makes the text bold. Size is the font size in points, which defaults to 11.
	Bold bool
	Size int
	// Fill is the background color as RRGGBB. It can be empty.
	Fill string
	// Wrap wraps long lines, and aligns them at the cell's top.
	Wrap bool
}

const maxStyles = 60_000

type styles struct {
	list []Style
	ids  map[Style]StyleID
}

func newStyles() styles {
	return styles{list: []Style{{}}, ids: map[Style]StyleID{{}: 0}}
}

func (t *styles) id(s Style) StyleID {
	if s.Format == "General" {
		s.Format = ""
	}
	if id, ok := t.ids[s]; ok {
		return id
	}
	if len(t.list) >= maxStyles {
		return 0
	}
	id := StyleID(len(t.list))
	t.list = append(t.list, s)
	t.ids[s] = id
	return id
}

// xml writes the styles part (ECMA-376 Part 1 §18.8). Styles share their formats, fonts, and fills.
func (t *styles) xml() string {
	const firstCustomFormat = 164
	formats, fonts, fills := newTable(), newTable(), newTable()
	fonts.number(fontXML(Style{}))
	fills.number(`<fill><patternFill patternType="none"/></fill>`)
	fills.number(`<fill><patternFill patternType="gray125"/></fill>`)
	var cells strings.Builder
	for _, s := range t.list {
		format := 0
		switch s.Format {
		case "":
		case "@":
			format = 49
		default:
			format = firstCustomFormat + formats.number(s.Format)
		}
		fill := 0
		if s.Fill != "" {
			fill = fills.number(`<fill><patternFill patternType="solid"><fgColor rgb="FF` + s.Fill + `"/><bgColor indexed="64"/></patternFill></fill>`)
		}
		fmt.Fprintf(&cells, `<xf numFmtId="%d" fontId="%d" fillId="%d" borderId="0" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1"`, format, fonts.number(fontXML(s)), fill)
		if s.Wrap {
			cells.WriteString(` applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf>`)
		} else {
			cells.WriteString(`/>`)
		}
	}
	var b strings.Builder
	b.WriteString(`<styleSheet xmlns="` + mainNamespace + `">`)
	if len(formats.list) > 0 {
		fmt.Fprintf(&b, `<numFmts count="%d">`, len(formats.list))
		for i, code := range formats.list {
			fmt.Fprintf(&b, `<numFmt numFmtId="%d" formatCode="%s"/>`, firstCustomFormat+i, appendEscaped(nil, code))
		}
		b.WriteString(`</numFmts>`)
	}
	fmt.Fprintf(&b, `<fonts count="%d">%s</fonts>`, len(fonts.list), strings.Join(fonts.list, ""))
	fmt.Fprintf(&b, `<fills count="%d">%s</fills>`, len(fills.list), strings.Join(fills.list, ""))
	b.WriteString(`<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>`)
	b.WriteString(`<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>`)
	fmt.Fprintf(&b, `<cellXfs count="%d">%s</cellXfs>`, len(t.list), cells.String())
	b.WriteString(`<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>`)
	return b.String()
}

func fontXML(s Style) string {
	size, bold := 11, ""
	if s.Size > 0 {
		size = s.Size
	}
	if s.Bold {
		bold = "<b/>"
	}
	return fmt.Sprintf(`<font>%s<sz val="%d"/><name val="Calibri"/></font>`, bold, size)
}

// table numbers texts in the order in which they first appear, from 0.
type table struct {
	list    []string
	numbers map[string]int
}

func newTable() *table { return &table{numbers: make(map[string]int)} }

func (t *table) number(s string) int {
	n, ok := t.numbers[s]
	if !ok {
		n = len(t.list)
		t.numbers[s] = n
		t.list = append(t.list, s)
	}
	return n
}
