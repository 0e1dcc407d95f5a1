package ods

import (
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// readContent reads to the end of the current cell, and returns its paragraphs as lines.
func (r *Rows) readContent() (shown cellContent, err error) {
	x := r.x
	depth, paragraphs := x.Depth(), 0
	r.scratch = r.scratch[:0]
	for x.Depth() >= depth {
		switch x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return shown, x.Err
		case zipxml.Text:
			if !zipxml.IsBlank(x.Text) {
				return shown, x.Refusal(source.Damaged, "there is text outside its paragraph")
			}
		case zipxml.Start:
			switch {
			case x.IsIn(zipxml.Paragraph, "p"), x.IsIn(zipxml.Paragraph, "h"):
				if paragraphs++; paragraphs > 1 {
					r.scratch = append(r.scratch, '\n')
				}
				if err := r.readParagraph(&shown); err != nil {
					return shown, err
				}
			case x.IsIn(zipxml.Paragraph, "list"), x.IsIn(zipxml.Paragraph, "list-item"):
				// Its paragraphs are those of the cell.
			default:
				if err := r.skipObject(&shown); err != nil {
					return shown, err
				}
			}
		}
	}
	text, tooLong := source.LimitText(r.scratch)
	shown.text, shown.tooLong = r.text.Keep(text), tooLong
	return shown, nil
}

// skipObject skips an element that is not text, and records what it is. Pictures are over cells, not in them, as most are in Excel.
func (r *Rows) skipObject(shown *cellContent) error {
	if r.x.IsIn(zipxml.Table, "table") {
		shown.object = "a table"
	}
	if !r.x.Skip() {
		return r.x.Err
	}
	return nil
}

// readParagraph appends a paragraph to r.scratch. White space is collapsed (§6.1.2): several spaces are elements.
func (r *Rows) readParagraph(shown *cellContent) error {
	x := r.x
	depth, start := x.Depth(), len(r.scratch)
	collapsed := true // blanks that follow are not text
	var raw []byte
	for x.Depth() >= depth {
		switch x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return x.Err
		case zipxml.Text:
			raw = zipxml.AppendChars(raw[:0], x)
			for _, c := range raw {
				if !zipxml.IsSpace(c) {
					r.scratch, collapsed = append(r.scratch, c), false
				} else if !collapsed {
					r.scratch, collapsed = append(r.scratch, ' '), true
				}
			}
		case zipxml.Start:
			switch {
			case x.Namespace != zipxml.Paragraph:
				if err := r.skipObject(shown); err != nil {
					return err
				}
			case x.IsIn(zipxml.Paragraph, "s"):
				n := 1
				if count := x.AttrIn(zipxml.Paragraph, "c"); count != nil {
					var ok bool
					if n, ok = cellvalue.ParseInt(count, 1<<40); !ok {
						return x.Refusal(source.Damaged, "a number of blanks is %q", zipxml.Clip(count))
					}
				}
				for range min(n, source.MaxTextLength+1) {
					r.scratch = append(r.scratch, ' ')
				}
				collapsed = false
			case x.IsIn(zipxml.Paragraph, "tab"):
				r.scratch, collapsed = append(r.scratch, '\t'), false
			case x.IsIn(zipxml.Paragraph, "line-break"):
				r.scratch, collapsed = append(r.scratch, '\n'), false
			case x.IsIn(zipxml.Paragraph, "note"), x.IsIn(zipxml.Paragraph, "ruby-text"):
				if !x.Skip() {
					return x.Err
				}
			}
		}
		if len(r.scratch) > r.limits.MaxCellBytes {
			return x.Refusal(source.LimitExceeded, "a text is longer than %d bytes", r.limits.MaxCellBytes)
		}
	}
	if collapsed && len(r.scratch) > start {
		r.scratch = r.scratch[:len(r.scratch)-1] // blanks at the end are not text
	}
	return nil
}
