package xlsx

import (
	"context"
	"errors"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/zipxml"
)

var errClosed = errors.New("xlsx: the workbook is closed")

// sharedStrings loads the shared strings once. If a context ends, the next caller tries again.
func (w *Workbook) sharedStrings(ctx context.Context) (*arena, error) {
	w.loading.Lock()
	defer w.loading.Unlock()
	if w.shared != nil || w.broken != nil {
		return w.shared, w.broken
	}
	if w.texts == nil {
		w.shared = &arena{memory: w.pack.Limits.Memory}
		return w.shared, nil
	}
	a, err := w.pack.readStrings(ctx, w.texts)
	if err == nil {
		w.shared = a
	} else if ctx.Err() == nil {
		w.broken = err
	}
	return a, err
}

// stringsReader reads the shared string table (ECMA-376 Part 1 §18.4.9).
type stringsReader struct {
	*zipxml.Scanner
	arena *arena
	text  []byte
	// visit, if set, receives each string with its number, instead of the arena.
	visit func(i int, s []byte, tooLong bool) error
	n     int
	bytes int64
}

func (p *pack) readStrings(ctx context.Context, e *zipxml.Part) (*arena, error) {
	x, err := p.Scan(ctx, e)
	if err != nil {
		return nil, err
	}
	defer x.Stop()
	r := &stringsReader{Scanner: x, arena: &arena{chunk: int(min(chunkBytes, e.Size)), memory: p.Limits.Memory, spillDir: p.Limits.SpillDir}}
	if err := r.read(); err != nil {
		return nil, errors.Join(err, r.arena.close())
	}
	return r.arena, nil
}

// visitStrings calls visit for the shared strings in their order until it returns an error, which it returns.
func (p *pack) visitStrings(ctx context.Context, e *zipxml.Part, visit func(i int, s []byte, tooLong bool) error) error {
	x, err := p.Scan(ctx, e)
	if err != nil {
		return err
	}
	defer x.Stop()
	return (&stringsReader{Scanner: x, visit: visit}).read()
}

func (r *stringsReader) read() error {
	quick := false // items are unprefixed spreadsheet elements
	for {
		if quick && r.Depth() == 1 && r.quickItems() {
			continue
		}
		switch r.Next() {
		case zipxml.Failed, zipxml.EOF:
			return r.Err
		case zipxml.Text:
			if !zipxml.IsBlank(r.Text) {
				return r.Refusal(source.Damaged, "there is text outside its strings")
			}
		case zipxml.End:
			quick = false
		case zipxml.Start:
			switch {
			case r.Depth() == 1:
				if !r.Is("sst") {
					return r.Refusal(source.Damaged, "its root element is %q, not a string table", zipxml.Clip(r.Local))
				}
				quick = r.Prefix == nil && !r.Closing && !r.Slow
			case r.Depth() == 2 && r.Is("si"):
				var err error
				if r.text, err = readItem(r.Scanner, r.text[:0]); err != nil {
					return err
				}
				if err := r.add(r.text); err != nil {
					return err
				}
			case r.Depth() == 2 && r.Is("extLst"):
				if !r.Skip() {
					return r.Err
				}
			default:
				return r.Refusal(source.Damaged, "the element %q is not allowed here", zipxml.Clip(r.Local))
			}
		}
	}
}

func (r *stringsReader) add(s []byte) error {
	switch {
	case r.n == r.Limits.MaxSharedStrings:
		return r.Refusal(source.LimitExceeded, "it has more than %d strings", r.Limits.MaxSharedStrings)
	case r.bytes+int64(len(s)) > r.Limits.MaxSharedStringBytes:
		return r.Refusal(source.LimitExceeded, "its strings are longer than %d bytes", r.Limits.MaxSharedStringBytes)
	}
	r.n++
	r.bytes += int64(len(s))
	s, tooLong := source.LimitText(s)
	if r.visit != nil {
		return r.visit(r.n-1, s, tooLong)
	}
	return r.arena.add(s, tooLong)
}

// readItem appends the text of the string item, or inline string, whose start
// tag is the current token (ECMA-376 Part 1 §18.4.8, §18.3.1.53): its own text, or that of its runs other than phonetic
// ones.
func readItem(x *zipxml.Scanner, dst []byte) ([]byte, error) {
	depth, start := x.Depth(), len(dst)
	hasText, hasRun := false, false // hasText refers to the current run, if there is one
	for {
		switch x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return dst, x.Err
		case zipxml.Text:
			if !zipxml.IsBlank(x.Text) {
				return dst, x.Refusal(source.Damaged, "there is text outside its element")
			}
		case zipxml.End:
			if x.Depth() < depth {
				return dst, nil
			}
		case zipxml.Start:
			run := x.Depth() == depth+2
			switch {
			case x.Is("t") && !hasText && run == hasRun:
				hasText = true
				var err error
				if dst, err = readText(x, dst); err != nil {
					return dst, err
				}
				if len(dst)-start > x.Limits.MaxCellBytes {
					return dst, x.Refusal(source.LimitExceeded, "a text is longer than %d bytes", x.Limits.MaxCellBytes)
				}
			case x.Is("r") && !run:
				hasText, hasRun = false, true
			case x.Is("rPr") && run, x.Is("rPh"), x.Is("phoneticPr"), x.Is("extLst"):
				if !x.Skip() {
					return dst, x.Err
				}
			default:
				return dst, x.Refusal(source.Damaged, "the element %q is not allowed in a text", zipxml.Clip(x.Local))
			}
		}
	}
}

// readText appends the content of the element whose start tag is the current
// token, with the escapes of ST_Xstring decoded.
func readText(x *zipxml.Scanner, dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := readChars(x, dst)
	if err != nil {
		return dst, err
	}
	return dst[:start+len(unescape(dst[start:]))], nil
}

// readChars appends the content of the element whose start tag is the current
// token. The element must not contain elements.
func readChars(x *zipxml.Scanner, dst []byte) ([]byte, error) {
	start := len(dst)
	for {
		switch x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return dst, x.Err
		case zipxml.End:
			return dst, nil
		case zipxml.Start:
			return dst, x.Refusal(source.Damaged, "the element %q is inside a text", zipxml.Clip(x.Local))
		case zipxml.Text:
			if x.CDATA {
				dst = zipxml.AppendCDATA(dst, x.Text)
			} else {
				dst, _ = zipxml.AppendText(dst, x.Text) // its references have been checked
			}
			if len(dst)-start > x.Limits.MaxCellBytes {
				return dst, x.Refusal(source.LimitExceeded, "a text is longer than %d bytes", x.Limits.MaxCellBytes)
			}
		}
	}
}
