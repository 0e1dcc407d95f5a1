package xlsx

import (
	"context"
	"errors"

	"headway/services/importer/internal/source"
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
		w.shared = &arena{memory: w.pack.limits.Memory}
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
	*scanner
	arena *arena
	text  []byte
	// visit, if set, receives each string with its number, instead of the arena.
	visit func(i int, s []byte, tooLong bool) error
	n     int
	bytes int64
}

func (p *pack) readStrings(ctx context.Context, e *entry) (*arena, error) {
	x, err := p.scan(ctx, e)
	if err != nil {
		return nil, err
	}
	defer x.feed.stop()
	r := &stringsReader{scanner: x, arena: &arena{chunk: int(min(chunkBytes, e.size)), memory: p.limits.Memory, spillDir: p.limits.SpillDir}}
	if err := r.read(); err != nil {
		return nil, errors.Join(err, r.arena.close())
	}
	return r.arena, nil
}

// visitStrings calls visit for the shared strings in their order until it returns an error, which it returns.
func (p *pack) visitStrings(ctx context.Context, e *entry, visit func(i int, s []byte, tooLong bool) error) error {
	x, err := p.scan(ctx, e)
	if err != nil {
		return err
	}
	defer x.feed.stop()
	return (&stringsReader{scanner: x, visit: visit}).read()
}

func (r *stringsReader) read() error {
	quick := false // items are unprefixed spreadsheet elements
	for {
		if quick && r.depth() == 1 && r.quickItems() {
			continue
		}
		switch r.next() {
		case tokenError, tokenEOF:
			return r.err
		case tokenText:
			if !isBlank(r.scanner.text) {
				return r.refusal(source.Damaged, "there is text outside its strings")
			}
		case tokenEnd:
			quick = false
		case tokenStart:
			switch {
			case r.depth() == 1:
				if !r.is("sst") {
					return r.refusal(source.Damaged, "its root element is %q, not a string table", clip(r.local))
				}
				quick = r.prefix == nil && !r.closing && !r.slow
			case r.depth() == 2 && r.is("si"):
				var err error
				if r.text, err = r.readItem(r.text[:0]); err != nil {
					return err
				}
				if err := r.add(r.text); err != nil {
					return err
				}
			case r.depth() == 2 && r.is("extLst"):
				if !r.skip() {
					return r.err
				}
			default:
				return r.refusal(source.Damaged, "the element %q is not allowed here", clip(r.local))
			}
		}
	}
}

func (r *stringsReader) add(s []byte) error {
	switch {
	case r.n == r.limits.MaxSharedStrings:
		return r.refusal(source.LimitExceeded, "it has more than %d strings", r.limits.MaxSharedStrings)
	case r.bytes+int64(len(s)) > r.limits.MaxSharedStringBytes:
		return r.refusal(source.LimitExceeded, "its strings are longer than %d bytes", r.limits.MaxSharedStringBytes)
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
func (x *scanner) readItem(dst []byte) ([]byte, error) {
	depth, start := x.depth(), len(dst)
	hasText, hasRun := false, false // hasText refers to the current run, if there is one
	for {
		switch x.next() {
		case tokenError, tokenEOF:
			return dst, x.err
		case tokenText:
			if !isBlank(x.text) {
				return dst, x.refusal(source.Damaged, "there is text outside its element")
			}
		case tokenEnd:
			if x.depth() < depth {
				return dst, nil
			}
		case tokenStart:
			run := x.depth() == depth+2
			switch {
			case x.is("t") && !hasText && run == hasRun:
				hasText = true
				var err error
				if dst, err = x.readText(dst); err != nil {
					return dst, err
				}
				if len(dst)-start > x.limits.MaxCellBytes {
					return dst, x.refusal(source.LimitExceeded, "a text is longer than %d bytes", x.limits.MaxCellBytes)
				}
			case x.is("r") && !run:
				hasText, hasRun = false, true
			case x.is("rPr") && run, x.is("rPh"), x.is("phoneticPr"), x.is("extLst"):
				if !x.skip() {
					return dst, x.err
				}
			default:
				return dst, x.refusal(source.Damaged, "the element %q is not allowed in a text", clip(x.local))
			}
		}
	}
}

// readText appends the content of the element whose start tag is the current
// token, with the escapes of ST_Xstring decoded.
func (x *scanner) readText(dst []byte) ([]byte, error) {
	start := len(dst)
	dst, err := x.readChars(dst)
	if err != nil {
		return dst, err
	}
	return dst[:start+len(unescape(dst[start:]))], nil
}

// readChars appends the content of the element whose start tag is the current
// token. The element must not contain elements.
func (x *scanner) readChars(dst []byte) ([]byte, error) {
	start := len(dst)
	for {
		switch x.next() {
		case tokenError, tokenEOF:
			return dst, x.err
		case tokenEnd:
			return dst, nil
		case tokenStart:
			return dst, x.refusal(source.Damaged, "the element %q is inside a text", clip(x.local))
		case tokenText:
			if x.cdata {
				dst = appendCDATA(dst, x.text)
			} else {
				dst, _ = appendText(dst, x.text) // its references have been checked
			}
			if len(dst)-start > x.limits.MaxCellBytes {
				return dst, x.refusal(source.LimitExceeded, "a text is longer than %d bytes", x.limits.MaxCellBytes)
			}
		}
	}
}
