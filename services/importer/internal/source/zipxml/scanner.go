package zipxml

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"headway/services/importer/internal/source"
)

// Length: it is one state machine, whose functions share the scanner's block and position.

// Scanner scans a part's XML (XML 1.0 and Namespaces in XML 1.0), from "<" to ">", and checks that it is well-formed.
// It holds one block and the unfinished end of the previous block, which is never longer than one token. Document types
// are rejected, so the only entities are the five of XML.
type Scanner struct {
	feed   *feed
	Part   string // the name of the part
	Limits source.Limits
	Slow   bool          // don't use the shortcuts for the usual forms, for tests
	Where  func() string // returns the cell or row that is being read; can be nil

	// Buf[pos:] is the unread rest of the blocks. Bytes before Pos belong to the current token and to cells of the
	// current row.
	Buf   []byte
	Pos   int
	Base  int64 // offset of Buf[0] in the part's text
	block *block
	raw   int64
	Ended bool // Buf ends at the end of the part
	Err   error

	// Vacate is called before the bytes of Buf[:keep] are overwritten.
	Vacate func(keep int)

	// The current token. Slices are valid until the next call of next.
	Prefix, Local []byte    // of a start or end tag
	Namespace     Namespace // of the element
	attrs         []attr
	Text          []byte // raw, of a text token
	CDATA         bool   // text is used as it is
	Closing       bool   // the start tag was an empty-element tag, so its end is next
	scratch       []byte // attribute values with references replaced

	open     []byte // raw names of the open elements, one after the other
	openAt   []int  // the offset of each name in open
	bindings []binding
	rooted   bool
	// alternatives are the open elements of alternate content.
	alternatives []alternative
}

type attr struct {
	name  []byte // with its prefix
	value []byte
}

// binding binds a prefix to a namespace for the elements deeper than depth.
type binding struct {
	prefix string
	space  Namespace
	depth  int
}

// Namespace is the XML namespace of an element or attribute.
type Namespace uint8

// The namespaces that formats distinguish.
const (
	Other          Namespace = iota
	Spreadsheet              // SpreadsheetML, transitional or strict
	Relationships            // relationships, transitional or strict
	Compatibility            // alternate content (ECMA-376 Part 3)
	ExcelExtension           // one of Excel's own extensions
	Office                   // OpenDocument: documents and their values
	Table                    // OpenDocument: tables
	Paragraph                // OpenDocument: text
	Style                    // OpenDocument: styles
	DataStyle                // OpenDocument: formats of numbers and dates
	Drawing                  // OpenDocument: shapes and pictures
	CalcExtension            // LibreOffice's own extension
)

var namespaces = map[string]Namespace{
	"http://schemas.openxmlformats.org/spreadsheetml/2006/main":            Spreadsheet,
	"http://purl.oclc.org/ooxml/spreadsheetml/main":                        Spreadsheet,
	"http://schemas.openxmlformats.org/officeDocument/2006/relationships":  Relationships,
	"http://purl.oclc.org/ooxml/officeDocument/relationships":              Relationships,
	"http://schemas.openxmlformats.org/markup-compatibility/2006":          Compatibility,
	"urn:oasis:names:tc:opendocument:xmlns:office:1.0":                     Office,
	"urn:oasis:names:tc:opendocument:xmlns:table:1.0":                      Table,
	"urn:oasis:names:tc:opendocument:xmlns:text:1.0":                       Paragraph,
	"urn:oasis:names:tc:opendocument:xmlns:style:1.0":                      Style,
	"urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0":                  DataStyle,
	"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0":                    Drawing,
	"urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0": CalcExtension,
}

// maxAttrs limits the attributes of one element, and maxBindings the namespaces that are in scope, because both are
// searched linearly.
const maxAttrs, maxBindings = 128, 128

// Token is the kind of a token of XML.
type Token uint8

// The tokens.
const (
	Failed Token = iota // Err has the reason
	EOF                 // the part ended regularly; Err is nil
	Start               // a start tag
	End                 // an end tag
	Text                // text between tags
)

// Depth is the number of open elements, without those of alternate content.
func (x *Scanner) Depth() int { return len(x.openAt) - len(x.alternatives) }

// Next reads the next token. It skips comments, processing instructions, and the tags of alternate content.
func (x *Scanner) Next() Token {
	for {
		t := x.nextTag()
		if t > EOF && x.alternate(t) {
			continue
		}
		if x.Err != nil {
			return Failed
		}
		return t
	}
}

// Stop ends the reading of the part.
func (x *Scanner) Stop() { x.feed.stop() }

// Read returns the number of the part's bytes that have been read. It can be called from any goroutine.
func (x *Scanner) Read() int64 { return x.feed.read.Load() }

func (x *Scanner) nextTag() Token {
	if x.Err != nil {
		return Failed
	}
	if x.Closing {
		x.Closing = false
		x.Pop()
		return End
	}
	for {
		if !x.need(1) {
			return x.end()
		}
		if x.Buf[x.Pos] != '<' {
			return x.scanText()
		}
		if !x.need(2) {
			return x.cutOff()
		}
		switch x.Buf[x.Pos+1] {
		case '?':
			if !x.skipInstruction() {
				return Failed
			}
		case '!':
			if !x.need(4) {
				return x.cutOff()
			}
			if string(x.Buf[x.Pos:x.Pos+4]) != "<!--" {
				return x.scanCDATA()
			}
			if !x.skipComment() {
				return Failed
			}
		case '/':
			return x.scanEndTag()
		default:
			return x.scanStartTag()
		}
	}
}

// need reads until n bytes of the current token are in the buffer.
func (x *Scanner) need(n int) bool {
	for len(x.Buf)-x.Pos < n {
		if !x.More(x.Pos) {
			return false
		}
	}
	return true
}

// find returns the offset of sep from pos, at or after from. It returns -1 if the part ends or fails before.
func (x *Scanner) find(sep string, from int) int {
	for {
		if at := x.Pos + from; at <= len(x.Buf) {
			if i := bytes.Index(x.Buf[at:], []byte(sep)); i >= 0 {
				return from + i
			}
		}
		if !x.More(x.Pos) {
			return -1
		}
	}
}

// More moves the bytes of the buffer from keep on to the front, and appends the next block. It returns false at the
// part's end and after an error.
func (x *Scanner) More(keep int) bool {
	if x.Ended || x.Err != nil {
		return false
	}
	tail := x.Buf[keep:]
	if len(tail) > x.Limits.MaxCellBytes {
		x.fail(source.LimitExceeded, "a tag, text, or cell is longer than %d bytes", x.Limits.MaxCellBytes)
		return false
	}
	b, err := x.feed.next()
	if err != nil {
		x.Err = fmt.Errorf("read %s: %w", x.Part, err)
		return false
	}
	if b.err != nil {
		x.Ended = true
		if !errors.Is(b.err, io.EOF) {
			x.Err = b.err
			return false
		}
	}
	if x.Vacate != nil {
		x.Vacate(keep)
	}
	last := x.block
	if len(tail) <= Headroom {
		start := Headroom - len(tail)
		copy(b.mem[start:], tail)
		x.Buf, x.block = b.mem[start:Headroom+b.n], b
	} else {
		buf := make([]byte, 0, len(tail)+b.n)
		x.Buf, x.block = append(append(buf, tail...), b.mem[Headroom:Headroom+b.n]...), nil
	}
	x.feed.read.Store(x.raw)
	x.raw = b.raw
	if x.block == nil {
		x.feed.recycle(b)
	}
	if last != nil {
		x.feed.recycle(last)
	}
	x.Base += int64(keep)
	x.Pos -= keep
	return true
}

func (x *Scanner) end() Token {
	switch {
	case x.Err != nil:
		return Failed
	case len(x.openAt) > 0:
		return x.cutOff()
	case !x.rooted:
		return x.fail(source.Damaged, "it has no XML element")
	}
	x.feed.read.Store(x.raw)
	return EOF
}

func (x *Scanner) cutOff() Token {
	if len(x.openAt) > 0 {
		return x.fail(source.Damaged, "it ends before its element %q does", x.openName())
	}
	return x.fail(source.Damaged, "it ends in the middle of a tag")
}

// fail ends the scan with an error at the current position, unless it has already failed.
func (x *Scanner) fail(reason source.Reason, format string, args ...any) Token {
	if x.Err == nil {
		x.Err = x.Refusal(reason, format, args...)
	}
	return Failed
}

// Refusal returns an *source.Error about the current position.
func (x *Scanner) Refusal(reason source.Reason, format string, args ...any) error {
	where := x.Part
	if x.Where != nil {
		if position := x.Where(); position != "" {
			where += ", " + position
		}
	}
	return Refuse(reason, fmt.Sprintf("%s, byte %d", where, x.Base+int64(x.Pos)), format, args...)
}

func (x *Scanner) scanText() Token {
	end := x.find("<", 0)
	if x.Err != nil {
		return Failed
	}
	if end < 0 {
		end = len(x.Buf) - x.Pos
	}
	x.Text, x.CDATA = x.Buf[x.Pos:x.Pos+end], false
	if len(x.openAt) == 0 && !IsBlank(x.Text) {
		return x.fail(source.Damaged, "there is text outside its root element")
	}
	if bytes.Contains(x.Text, []byte("]]>")) || !ValidChars(x.Text) || !validReferences(x.Text) {
		return x.fail(source.Damaged, "its text holds what XML does not allow")
	}
	x.Pos += end
	return Text
}

func (x *Scanner) scanCDATA() Token {
	const begin, end = "<![CDATA[", "]]>"
	x.need(len(begin))
	if x.Err != nil {
		return Failed
	}
	if head := x.Buf[x.Pos:]; !bytes.HasPrefix(head, []byte(begin)) {
		if bytes.HasPrefix(head, []byte("<!DOCTYPE")) {
			return x.fail(source.UnsupportedXML, "it declares a document type")
		}
		return x.fail(source.Damaged, "a tag is malformed")
	}
	i := x.find(end, len(begin))
	switch {
	case x.Err != nil:
		return Failed
	case i < 0:
		return x.cutOff()
	case len(x.openAt) == 0:
		return x.fail(source.Damaged, "there is text outside its root element")
	}
	x.Text, x.CDATA = x.Buf[x.Pos+len(begin):x.Pos+i], true
	if !ValidChars(x.Text) {
		return x.fail(source.Damaged, "its text holds what XML does not allow")
	}
	x.Pos += i + len(end)
	return Text
}

func (x *Scanner) skipComment() bool {
	i := x.find("--", len("<!--"))
	switch {
	case x.Err != nil:
		return false
	case i < 0 || !x.need(i+3):
		x.cutOff()
		return false
	case x.Buf[x.Pos+i+2] != '>' || !ValidChars(x.Buf[x.Pos:x.Pos+i]):
		x.fail(source.Damaged, "a comment is malformed")
		return false
	}
	x.Pos += i + 3
	return true
}

func (x *Scanner) skipInstruction() bool {
	i := x.find("?>", 2)
	switch {
	case x.Err != nil:
		return false
	case i < 0:
		x.cutOff()
		return false
	}
	body := x.Buf[x.Pos+2 : x.Pos+i]
	name := body[:NameLength(body)]
	rest := body[len(name):]
	if len(name) == 0 || !ValidChars(body) || len(rest) > 0 && !IsSpace(rest[0]) {
		x.fail(source.Damaged, "a processing instruction is malformed")
		return false
	}
	if bytes.EqualFold(name, []byte("xml")) {
		if x.Base != 0 || x.Pos != 0 || string(name) != "xml" {
			x.fail(source.Damaged, "its XML declaration is not at the beginning")
			return false
		}
		if !x.readDeclaration(rest) {
			return false
		}
	}
	x.Pos += i + 2
	return true
}

// readDeclaration checks the version and the encoding of an XML declaration.
func (x *Scanner) readDeclaration(rest []byte) bool {
	if x.parseAttrs(rest) != nil {
		x.fail(source.Damaged, "its XML declaration is malformed")
		return false
	}
	if v := x.Attr("version"); string(v) != "1.0" {
		x.fail(source.UnsupportedXML, "it is XML of version %q", v)
		return false
	}
	switch e := bytes.ToLower(x.Attr("encoding")); string(e) {
	case "", "utf-8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be":
		return true
	default:
		x.fail(source.UnsupportedXML, "its encoding is %q, which is not supported", e)
		return false
	}
}

func (x *Scanner) scanEndTag() Token {
	i := x.find(">", 2)
	switch {
	case x.Err != nil:
		return Failed
	case i < 0:
		return x.cutOff()
	}
	name := TrimRight(x.Buf[x.Pos+2 : x.Pos+i])
	if len(x.openAt) == 0 || string(name) != string(x.openName()) {
		return x.fail(source.Damaged, "the end tag %q does not match", Clip(name))
	}
	x.setName(name)
	x.Pos += i + 1
	x.Pop()
	return End
}

func (x *Scanner) scanStartTag() Token {
	var end int
	for {
		if end = tagEnd(x.Buf[x.Pos:]); end >= 0 {
			break
		}
		if !x.More(x.Pos) {
			if x.Err != nil {
				return Failed
			}
			return x.cutOff()
		}
	}
	tag := x.Buf[x.Pos+1 : x.Pos+end]
	if len(tag) > x.Limits.MaxCellBytes {
		return x.fail(source.LimitExceeded, "a tag is longer than %d bytes", x.Limits.MaxCellBytes)
	}
	x.Closing = len(tag) > 0 && tag[len(tag)-1] == '/'
	if x.Closing {
		tag = tag[:len(tag)-1]
	}
	name := tag[:NameLength(tag)]
	rest := tag[len(name):]
	if len(name) == 0 || len(rest) > 0 && !IsSpace(rest[0]) {
		return x.fail(source.Damaged, "a tag is malformed")
	}
	if len(x.openAt) == 0 {
		if x.rooted {
			return x.fail(source.Damaged, "it has a second root element")
		}
		x.rooted = true
	}
	if len(x.openAt) >= x.Limits.MaxDepth {
		return x.fail(source.LimitExceeded, "its elements nest deeper than %d", x.Limits.MaxDepth)
	}
	if err := x.parseAttrs(rest); err != nil {
		return x.fail(source.Damaged, "the tag %q is malformed: %v", Clip(name), err)
	}
	x.Push(name)
	for _, a := range x.attrs {
		if prefix, ok := declaredPrefix(a.name); ok {
			if len(x.bindings) == maxBindings {
				return x.fail(source.LimitExceeded, "it declares more than %d namespaces", maxBindings)
			}
			x.bindings = append(x.bindings, binding{string(prefix), spaceOf(string(a.value)), len(x.openAt)})
		}
	}
	if !x.setName(name) {
		return x.fail(source.Damaged, "the prefix of the tag %q is not declared", Clip(name))
	}
	x.Pos += end + 1
	return Start
}

// setName splits a raw name and looks up its namespace.
func (x *Scanner) setName(name []byte) bool {
	x.Prefix, x.Local = nil, name
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		x.Prefix, x.Local = name[:i], name[i+1:]
	}
	space, ok := x.Space(x.Prefix)
	x.Namespace = space
	return ok && (x.Prefix == nil || len(x.Prefix) > 0 && len(x.Local) > 0 && bytes.IndexByte(x.Local, ':') < 0)
}

// Space returns the namespace of a prefix. Without a default namespace, elements without a prefix are in the
// spreadsheet namespace: some programs omit the declaration, and no other namespace is possible.
func (x *Scanner) Space(prefix []byte) (Namespace, bool) {
	for i := len(x.bindings) - 1; i >= 0; i-- {
		if x.bindings[i].prefix == string(prefix) {
			return x.bindings[i].space, true
		}
	}
	if len(prefix) == 0 {
		return Spreadsheet, true
	}
	return Other, string(prefix) == "xml"
}

// Push opens an element whose start tag the caller has read.
func (x *Scanner) Push(name []byte) {
	x.openAt = append(x.openAt, len(x.open))
	x.open = append(x.open, name...)
}

// Pop closes the innermost open element, whose end tag the caller has read.
func (x *Scanner) Pop() {
	last := len(x.openAt) - 1
	for n := len(x.bindings); n > 0 && x.bindings[n-1].depth > last; n-- {
		x.bindings = x.bindings[:n-1]
	}
	x.open = x.open[:x.openAt[last]]
	x.openAt = x.openAt[:last]
}

func (x *Scanner) openName() []byte { return x.open[x.openAt[len(x.openAt)-1]:] }

// Skip skips the rest of the element whose start tag is the current token.
func (x *Scanner) Skip() bool {
	for depth := len(x.openAt); len(x.openAt) >= depth; {
		if x.nextTag() <= EOF {
			return false
		}
	}
	return true
}

// Is reports whether the current tag is the SpreadsheetML element of this name.
func (x *Scanner) Is(local string) bool { return x.IsIn(Spreadsheet, local) }

// IsIn reports whether the current tag is the element of this name in a namespace.
func (x *Scanner) IsIn(space Namespace, local string) bool {
	return x.Namespace == space && string(x.Local) == local
}
