package xlsxwrite

import (
	"bufio"
	"fmt"
	"strings"
)

// comment is a note at a cell. Columns and rows count from 1.
type comment struct {
	column, row int
	text        string
}

// Comment adds a note to a cell of the last row. Columns count from 1. A cell can have one note.
func (s *Sheet) Comment(column int, text string) {
	s.comments, s.commented = append(s.comments, comment{column, s.row, text}), true
}

// Excel assigns shape numbers of notes in blocks of 1,024. Each block belongs to one sheet (ECMA-376 Part 4
// §19.2.2.14). blocksForSheet blocks are reserved for each sheet.
const (
	shapesInBlock  = 1024
	blocksForSheet = 64
)

// writeComments writes the notes (ECMA-376 Part 1 §18.7) and the shapes in which they are shown (Part 4 §19.4).
func (b *Writer) writeComments(s *Sheet) error {
	part, err := b.zip.Create(fmt.Sprintf("xl/comments%d.xml", s.number))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(part, flushAt) // Flush returns its first error
	fmt.Fprint(w, xmlHead+`<comments xmlns="`+mainNamespace+`"><authors><author>Headway</author></authors><commentList>`)
	var text []byte
	for _, c := range s.comments {
		text = appendString(text[:0], c.text)
		fmt.Fprintf(w, `<comment ref="%s" authorId="0"><text><r><rPr><sz val="9"/><rFont val="Tahoma"/></rPr><t xml:space="preserve">%s</t></r></text></comment>`, CellName(c.column, c.row), text)
	}
	fmt.Fprint(w, `</commentList></comments>`)
	if err := w.Flush(); err != nil {
		return err
	}

	if part, err = b.zip.Create(fmt.Sprintf("xl/drawings/vmlDrawing%d.vml", s.number)); err != nil {
		return err
	}
	w.Reset(part)
	firstBlock := 1 + (s.number-1)*blocksForSheet
	fmt.Fprint(w, `<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:x="urn:schemas-microsoft-com:office:excel">`)
	fmt.Fprintf(w, `<o:shapelayout v:ext="edit"><o:idmap v:ext="edit" data="%s"/></o:shapelayout>`, blockList(firstBlock, len(s.comments)))
	fmt.Fprint(w, `<v:shapetype id="_x0000_t202" coordsize="21600,21600" o:spt="202" path="m,l,21600r21600,l21600,xe"><v:stroke joinstyle="miter"/><v:path gradientshapeok="t" o:connecttype="rect"/></v:shapetype>`)
	for i, c := range s.comments {
		lines := 2 + len(c.text)/38
		fmt.Fprintf(w, `<v:shape id="_x0000_s%d" type="#_x0000_t202" style="position:absolute;width:190pt;height:%dpt;z-index:%d;visibility:hidden" fillcolor="#ffffe1" o:insetmode="auto">`, firstBlock*shapesInBlock+1+i, 14*lines, i+1)
		fmt.Fprint(w, `<v:fill color2="#ffffe1"/><v:path o:connecttype="none"/><v:textbox style="mso-direction-alt:auto"><div style="text-align:left"></div></v:textbox><x:ClientData ObjectType="Note"><x:MoveWithCells/><x:SizeWithCells/>`)
		fmt.Fprintf(w, `<x:Anchor>%d, 15, %d, 4, %d, 15, %d, 4</x:Anchor><x:AutoFill>False</x:AutoFill><x:Row>%d</x:Row><x:Column>%d</x:Column></x:ClientData></v:shape>`,
			c.column, max(0, c.row-2), c.column+3, c.row-1+lines, c.row-1, c.column-1)
	}
	fmt.Fprint(w, `</xml>`)
	return w.Flush()
}

// blockList returns the blocks that this number of shapes needs.
func blockList(first, shapes int) string {
	var list []string
	for n := 0; n <= (shapes+1)/shapesInBlock && n < blocksForSheet; n++ {
		list = append(list, fmt.Sprint(first+n))
	}
	return strings.Join(list, ",")
}
