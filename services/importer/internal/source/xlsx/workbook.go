// Package xlsx reads the sheets of Excel workbooks (.xlsx, .xlsm; ECMA-376,
// transitional and strict) row by row, in one pass and with bounded memory.
//
// A damaged workbook causes an error that names the part and the position, never
// fewer rows: checksums, XML, and every index are checked, and Rows.Next returns
// false at the end of the sheet's part, not at the end of its rows.
package xlsx

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"headway/internal/messages"
	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// Workbook is an open workbook. Several goroutines can call its methods, and several Rows can be open at a time.
type Workbook struct {
	pack     *pack
	part     string
	sheets   []source.Sheet
	parts    []string // of the sheets. A sheet without a part has an empty one
	date1904 bool
	partial  bool
	styles   styles
	texts    *zipxml.Part // shared strings, nil if there are none

	rels map[string]relationship // of the workbook's part

	loading sync.Mutex
	rich    richValues // nil until a cell needs them
	shared  *arena
	broken  error // the error of loading the shared strings
}

// Open reads a workbook's directory, its list of sheets, and its number formats. size is the length of r in bytes. Rows
// reads the sheets. Shared strings are read when the first cell needs them.
//
// For a file that is not a workbook, or that exceeds a limit, it returns an *Error. Errors of r
// and of ctx are wrapped. r must remain readable until the workbook is closed.
func Open(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits) (*Workbook, error) {
	if err := limits.Validate(); err != nil {
		return nil, fmt.Errorf("xlsx: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open workbook: %w", err)
	}
	p, err := zipxml.Open(r, size, limits.WithDefaults(), identify)
	if err != nil {
		return nil, err
	}
	w := &Workbook{pack: &pack{p}}
	if err := w.describe(ctx); err != nil {
		p.Release()
		return nil, err
	}
	return w, nil
}

// Opener opens Excel workbooks.
type Opener struct{}

// Detect reports whether a file is a zip archive, as all workbooks in xlsx are, and does not begin with a media type, as
// OpenDocument files do.
func (Opener) Detect(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK")) && !bytes.Contains(head[:min(len(head), 64)], []byte("mimetype"))
}

// Open opens a workbook. See the function Open.
func (Opener) Open(ctx context.Context, r io.ReaderAt, size int64, limits source.Limits) (source.Workbook, error) {
	w, err := Open(ctx, r, size, limits)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Sheets returns the sheets in workbook order.
func (w *Workbook) Sheets() []source.Sheet { return append([]source.Sheet(nil), w.sheets...) }

// Date1904 reports whether dates count from 1904 instead of 1900 (ECMA-376
// Part 1 §18.17.4.1).
func (w *Workbook) Date1904() bool { return w.date1904 }

// Civil returns the date and time of a cell, by the workbook's date system. See cellvalue.Civil.
func (w *Workbook) Civil(c *source.Cell) (source.Civil, error) {
	return cellvalue.Civil(c, w.date1904)
}

// Partial reports whether the workbook has the name that marks it as a part of an upload. See source.Partial.
func (w *Workbook) Partial() bool { return w.partial }

// Close releases the memory of the workbook. Rows are closed separately.
func (w *Workbook) Close() error {
	w.loading.Lock()
	defer w.loading.Unlock()
	var err error
	if w.shared != nil {
		err = w.shared.close()
	}
	w.shared, w.broken = nil, errClosed
	w.pack.Release()
	return err
}

// describe reads the parts that describe the workbook.
func (w *Workbook) describe(ctx context.Context) error {
	if err := w.findWorkbook(ctx); err != nil {
		return err
	}
	e, err := w.pack.required(w.part)
	if err != nil {
		return err
	}
	rels, err := w.pack.relationships(ctx, w.part)
	if err != nil {
		return err
	}
	w.rels = rels
	if err := w.readSheets(ctx, e, rels); err != nil {
		return err
	}
	if w.texts, err = w.pack.single(rels, "sharedStrings"); err != nil {
		return err
	}
	if w.texts != nil {
		if err := w.pack.Admit(w.texts, w.pack.Limits.MaxPartBytes); err != nil {
			return err
		}
	}
	styles, err := w.pack.single(rels, "styles")
	if err != nil {
		return err
	}
	if styles != nil {
		if w.styles, err = w.pack.readStyles(ctx, styles); err != nil {
			return err
		}
	}
	w.styles.complete()
	return nil
}

// findWorkbook finds the main part through the package's relationships, and rejects packages of other kinds.
func (w *Workbook) findWorkbook(ctx context.Context) error {
	p := w.pack
	switch {
	case p.Find("mimetype") != nil && p.Find("content.xml") != nil:
		return zipxml.Refuse(source.OpenDocument, "", "")
	case p.Find("Index/Document.iwa") != nil || p.Find("Index.zip") != nil:
		return source.Refuse(source.NotAWorkbook, messages.New("file.apple"))
	case p.Find("[Content_Types].xml") == nil && p.Find("_rels/.rels") == nil:
		return source.Refuse(source.NotAWorkbook, messages.New("file.other_zip"))
	}
	rels, err := p.relationships(ctx, "")
	if err != nil {
		return err
	}
	for _, rel := range rels {
		switch {
		case rel.kind != "officeDocument" || rel.external:
		case w.part != "" && zipxml.Key(w.part) != zipxml.Key(rel.target):
			return zipxml.Refuse(source.Damaged, "_rels/.rels", "it names two main documents")
		default:
			w.part = rel.target
		}
	}
	types, err := p.contentTypes(ctx)
	if err != nil {
		return err
	}
	if w.part == "" {
		return zipxml.Refuse(source.NotAWorkbook, "_rels/.rels", "it names no main document")
	}
	kind := types.of(w.part)
	switch base := strings.ToLower(w.part); {
	case strings.Contains(kind, "sheet.binary") || strings.HasSuffix(base, ".bin"):
		return zipxml.Refuse(source.BinaryWorkbook, "", "")
	case strings.Contains(kind, "wordprocessingml"), kind == "" && strings.HasPrefix(base, "word/"):
		return source.Refuse(source.NotAWorkbook, messages.New("file.word"))
	case strings.Contains(kind, "presentationml"), kind == "" && strings.HasPrefix(base, "ppt/"):
		return source.Refuse(source.NotAWorkbook, messages.New("file.powerpoint"))
	}
	return nil
}

// readSheets reads the workbook part (ECMA-376 Part 1 §18.2.27).
func (w *Workbook) readSheets(ctx context.Context, e *zipxml.Part, rels map[string]relationship) error {
	limits := w.pack.Limits
	seen := map[string]bool{}
	err := w.pack.Each(ctx, e, func(x *zipxml.Scanner) error {
		switch {
		case x.Depth() == 1 && !x.Is("workbook"):
			return x.Refusal(source.Damaged, "its root element is %q, not a workbook", zipxml.Clip(x.Local))
		case x.Is("extLst"):
			if !x.Skip() {
				return x.Err
			}
		case x.Is("workbookPr"):
			w.date1904 = zipxml.Bool(x.Attr("date1904"))
		case x.Is("definedName"):
			w.partial = w.partial || string(x.Attr("name")) == source.PartialName
		case x.Is("sheet"):
			s := source.Sheet{Name: string(unescape(append([]byte(nil), x.Attr("name")...)))}
			switch state := string(x.Attr("state")); state {
			case "", "visible":
			case "hidden":
				s.State = source.Hidden
			case "veryHidden":
				s.State = source.VeryHidden
			default: // some programs write other states; Excel shows such sheets
			}
			switch key := strings.ToLower(s.Name); {
			case s.Name == "":
				return x.Refusal(source.Damaged, "a sheet has no name")
			case seen[key]:
				return x.Refusal(source.Damaged, "two sheets have the name %q", zipxml.Clip([]byte(s.Name)))
			case len(w.sheets) == limits.MaxSheets:
				return x.Refusal(source.LimitExceeded, "it has more than %d sheets", limits.MaxSheets)
			default:
				seen[key] = true
			}
			part := ""
			if rel, ok := rels[string(x.RelID())]; ok && !rel.external {
				if e := w.pack.Find(rel.target); e != nil {
					if err := w.pack.Admit(e, limits.MaxPartBytes); err != nil {
						return err
					}
					part, s.Bytes = e.Name, e.Size
				}
			}
			w.sheets = append(w.sheets, s)
			w.parts = append(w.parts, part)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(w.sheets) == 0 {
		return zipxml.Refuse(source.Damaged, e.Name, "it lists no sheets")
	}
	return nil
}
