// Package ods reads the sheets of OpenDocument spreadsheets (.ods; OpenDocument 1.3 Part 3), as LibreOffice, Excel, and
// Google Sheets write them, row by row, in one pass and with bounded memory.
package ods

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// The names of parts (OpenDocument 1.3 Part 2 §3).
const (
	mimeType     = "mimetype"
	contentPart  = "content.xml"
	stylesPart   = "styles.xml"
	manifestPart = "META-INF/manifest.xml"
)

// documents is how the media types of OpenDocument begin. "spreadsheet" follows in those of spreadsheets and their templates.
const documents = "application/vnd.oasis.opendocument."

// Opener opens OpenDocument spreadsheets.
type Opener struct{}

// Detect reports whether a file is a zip archive that begins with the media type of spreadsheets, or of another document of
// OpenDocument, which Open refuses.
func (Opener) Detect(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) && bytes.Contains(head, []byte(mimeType+documents))
}

// Open reads the styles and finds the sheets. All sheets are in one part, so it reads that part once, and checks it.
func (Opener) Open(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits) (source.Workbook, error) {
	if err := limits.Validate(); err != nil {
		return nil, fmt.Errorf("ods: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open spreadsheet: %w", err)
	}
	p, err := zipxml.Open(r, size, limits.WithDefaults(), notAPackage)
	if err != nil {
		return nil, err
	}
	w := &Workbook{pack: p, styles: styles{formats: map[string]*dataStyle{}, cells: map[string]cellStyle{}, tables: map[string]bool{}}}
	if err := w.describe(ctx); err != nil {
		p.Release()
		return nil, err
	}
	return w, nil
}

// notAPackage returns the error of a file that begins like a zip archive, but isn't one, because of cause.
func notAPackage(_ io.ReaderAt, _ int64, cause error) error {
	e := source.Refuse(source.Damaged, messages.New("file.cut_off"))
	e.Err = cause
	return e
}

// Workbook is an open spreadsheet. Several goroutines can call its methods, and several Rows can be open at a time.
type Workbook struct {
	pack    *zipxml.Package
	content *zipxml.Part
	styles  styles
	sheets  []source.Sheet
	starts  []int64 // of the sheets in the content part, in bytes
}

// Sheets returns the sheets in the order of the file.
func (w *Workbook) Sheets() []source.Sheet { return append([]source.Sheet(nil), w.sheets...) }

// Civil returns the date and time of a cell. See cellvalue.Civil. Dates are text, so the date system doesn't matter.
func (w *Workbook) Civil(c *source.Cell) (source.Civil, error) { return cellvalue.Civil(c, false) }

// Reserve implements source.Reserver.
func (w *Workbook) Reserve(bytes int64) error { return w.pack.Reserve(bytes) }

// Unreserve implements source.Reserver.
func (w *Workbook) Unreserve(bytes int64) { w.pack.Unreserve(bytes) }

// Close releases the memory of the spreadsheet. Rows are closed separately.
func (w *Workbook) Close() error {
	w.pack.Release()
	return nil
}

// scanBytes is the memory for reading a part: the blocks of its feed, and the scanner's buffer.
const scanBytes = 2 << 20

// describe reads everything but the rows.
func (w *Workbook) describe(ctx context.Context) error {
	if err := w.checkType(ctx); err != nil {
		return err
	}
	if part := w.pack.Find(stylesPart); part != nil {
		if err := w.pack.Each(ctx, part, w.visitStyle); err != nil {
			return err
		}
	}
	if w.content = w.pack.Find(contentPart); w.content == nil {
		return zipxml.Refuse(source.Damaged, contentPart, "the part is missing")
	}
	if err := w.pack.Admit(w.content, w.pack.Limits.MaxPartBytes); err != nil {
		return err
	}
	return w.findSheets(ctx)
}

// checkType refuses other documents, and documents with a password.
func (w *Workbook) checkType(ctx context.Context) error {
	media, err := w.pack.ReadAll(mimeType, 256)
	if err != nil {
		return err
	}
	kind, isDocument := strings.CutPrefix(strings.TrimSpace(string(media)), documents)
	switch {
	case isDocument && !strings.HasPrefix(kind, "spreadsheet"):
		return zipxml.Refuse(source.NotAWorkbook, mimeType, "it is an OpenDocument document of another kind (%s)", zipxml.Clip([]byte(kind)))
	case !isDocument:
		return source.Refuse(source.NotAWorkbook, messages.New("file.no_opendocument"))
	case w.pack.Find("encrypted-package") != nil:
		return zipxml.Refuse(source.Encrypted, "", "")
	}
	manifest, err := w.pack.ReadAll(manifestPart, 1<<20)
	if err != nil {
		return err
	}
	if bytes.Contains(manifest, []byte("encryption-data")) {
		return zipxml.Refuse(source.Encrypted, "", "")
	}
	return ctx.Err()
}

// findSheets reads the content part: the styles, and the name, size, and visibility of each sheet (§9.1.2).
func (w *Workbook) findSheets(ctx context.Context) error {
	if err := w.pack.Limits.Memory.Grow(scanBytes); err != nil {
		return fmt.Errorf("open the spreadsheet: %w", err)
	}
	defer w.pack.Limits.Memory.Shrink(scanBytes)
	x, err := w.pack.Scan(ctx, w.content)
	if err != nil {
		return err
	}
	defer x.Stop()
	seen := map[string]bool{}
	for {
		start := x.Base + int64(x.Pos)
		switch x.Next() {
		case zipxml.Failed:
			return x.Err
		case zipxml.EOF:
			if len(w.sheets) == 0 {
				return zipxml.Refuse(source.Damaged, contentPart, "it has no sheets")
			}
			w.styles.resolve()
			return nil
		case zipxml.Start:
			switch {
			case x.Depth() == 1 && !x.IsIn(zipxml.Office, "document-content"):
				return x.Refusal(source.Damaged, "its root element is %q, not the content of a document", zipxml.Clip(x.Local))
			case isSheet(x):
				if err := w.addSheet(x, start, seen); err != nil {
					return err
				}
			case isBody(x):
				// Its elements are the sheets, and other elements that contain no sheets.
			case x.Depth() == 4 && !isStyleSection(x):
				if !x.Skip() {
					return x.Err
				}
			default:
				if err := w.visitStyle(x); err != nil {
					return err
				}
			}
		}
	}
}

// isBody reports whether the current element contains the sheets.
func isBody(x *zipxml.Scanner) bool {
	return x.Depth() == 2 && x.IsIn(zipxml.Office, "body") || x.Depth() == 3 && x.IsIn(zipxml.Office, "spreadsheet")
}

// isSheet reports whether the current element is a sheet. Tables at other depths are within cells, or copies of other files.
func isSheet(x *zipxml.Scanner) bool { return x.Depth() == 4 && x.IsIn(zipxml.Table, "table") }

func (w *Workbook) addSheet(x *zipxml.Scanner, start int64, seen map[string]bool) error {
	name := string(x.AttrIn(zipxml.Table, "name"))
	switch {
	case name == "":
		return x.Refusal(source.Damaged, "a sheet has no name")
	case seen[name]:
		return x.Refusal(source.Damaged, "two sheets are named %q", zipxml.Clip([]byte(name)))
	case len(w.sheets) == w.pack.Limits.MaxSheets:
		return x.Refusal(source.LimitExceeded, "it has more than %d sheets", w.pack.Limits.MaxSheets)
	}
	if err := w.pack.Reserve(int64(2*len(name)) + 128); err != nil {
		return err
	}
	seen[name] = true
	sheet := source.Sheet{Name: name}
	if w.styles.tables[string(x.AttrIn(zipxml.Table, "style-name"))] {
		sheet.State = source.Hidden
	}
	if !x.Skip() {
		return x.Err
	}
	sheet.Bytes = x.Base + int64(x.Pos) - start
	w.sheets, w.starts = append(w.sheets, sheet), append(w.starts, start)
	return nil
}

// Rows opens a sheet by its exact name. ctx applies to the whole iteration. The caller must close the Rows.
func (w *Workbook) Rows(ctx context.Context, sheet string) (source.Rows, error) {
	for i, s := range w.sheets {
		if s.Name != sheet {
			continue
		}
		if err := w.pack.Limits.Memory.Grow(scanBytes); err != nil {
			return nil, fmt.Errorf("read the sheet %q: %w", sheet, err)
		}
		x, err := w.pack.Scan(ctx, w.content)
		if err != nil {
			w.pack.Limits.Memory.Shrink(scanBytes)
			return nil, err
		}
		r := &Rows{x: x, styles: &w.styles, limits: w.pack.Limits, reserved: scanBytes, sheet: s.Name, index: i, start: w.starts[i], total: s.Bytes}
		r.text.Memory = r.limits.Memory
		x.Where, x.Vacate = r.position, nil
		return r, nil
	}
	return nil, zipxml.Refuse(source.SheetNotFound, contentPart, "%q is not one of its %d sheets", sheet, len(w.sheets))
}

var errRowsClosed = errors.New("ods: the rows are closed")
