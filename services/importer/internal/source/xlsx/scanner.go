package xlsx

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"headway/services/importer/internal/source"
)

// Length: it is one state machine, whose functions share the scanner's block and position.

// scanner scans a part's XML (XML 1.0 and Namespaces in XML 1.0), from "<" to ">", and checks that it is well-formed.
// It holds one block and the unfinished end of the previous block, which is never longer than one token. Document types
// are rejected, so the only entities are the five of XML.
type scanner struct {
	feed   *feed
	part   string
	limits source.Limits
	slow   bool          // don't use the shortcuts for the usual forms, for tests
	where  func() string // returns the cell or row that is being read; can be nil

	// buf[pos:] is the unread rest of the blocks. Bytes before pos belong to the current token and to cells of the
	// current row.
	buf   []byte
	pos   int
	base  int64 // offset of buf[0] in the part's text
	block *block
	raw   int64
	ended bool // buf ends at the end of the part
	err   error

	// vacate is called before the bytes of buf[:keep] are overwritten.
	vacate func(keep int)

	// The current token. Slices are valid until the next call of next.
	prefix, local []byte // of a start or end tag
	main          bool   // the element is in the spreadsheet namespace
	attrs         []attr
	text          []byte // raw, of a text token
	cdata         bool   // text is used as it is
	closing       bool   // the start tag was an empty-element tag, so its end is next
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
	space  namespace
	depth  int
}

type namespace uint8

const (
	spaceOther         namespace = iota
	spaceMain                    // SpreadsheetML, transitional or strict
	spaceRels                    // relationships, transitional or strict
	spaceCompatibility           // alternate content (ECMA-376 Part 3)
	spaceOffice                  // one of Excel's own extensions
)

var namespaces = map[string]namespace{
	"http://schemas.openxmlformats.org/spreadsheetml/2006/main":           spaceMain,
	"http://purl.oclc.org/ooxml/spreadsheetml/main":                       spaceMain,
	"http://schemas.openxmlformats.org/officeDocument/2006/relationships": spaceRels,
	"http://purl.oclc.org/ooxml/officeDocument/relationships":             spaceRels,
	"http://schemas.openxmlformats.org/markup-compatibility/2006":         spaceCompatibility,
}

// maxAttrs limits the attributes of one element, and maxBindings the namespaces that are in scope, because both are
// searched linearly.
const maxAttrs, maxBindings = 128, 128

type token uint8

const (
	tokenError token = iota // x.err says why
	tokenEOF                // the part ended regularly; x.err is nil
	tokenStart
	tokenEnd
	tokenText
)

// depth is the number of open elements, without those of alternate content.
func (x *scanner) depth() int { return len(x.openAt) - len(x.alternatives) }

// next reads the next token. It skips comments, processing instructions, and the tags of alternate content.
func (x *scanner) next() token {
	for {
		t := x.nextTag()
		if t > tokenEOF && x.alternate(t) {
			continue
		}
		if x.err != nil {
			return tokenError
		}
		return t
	}
}

func (x *scanner) nextTag() token {
	if x.err != nil {
		return tokenError
	}
	if x.closing {
		x.closing = false
		x.pop()
		return tokenEnd
	}
	for {
		if !x.need(1) {
			return x.end()
		}
		if x.buf[x.pos] != '<' {
			return x.scanText()
		}
		if !x.need(2) {
			return x.cutOff()
		}
		switch x.buf[x.pos+1] {
		case '?':
			if !x.skipInstruction() {
				return tokenError
			}
		case '!':
			if !x.need(4) {
				return x.cutOff()
			}
			if string(x.buf[x.pos:x.pos+4]) != "<!--" {
				return x.scanCDATA()
			}
			if !x.skipComment() {
				return tokenError
			}
		case '/':
			return x.scanEndTag()
		default:
			return x.scanStartTag()
		}
	}
}

// need reads until n bytes of the current token are in the buffer.
func (x *scanner) need(n int) bool {
	for len(x.buf)-x.pos < n {
		if !x.more(x.pos) {
			return false
		}
	}
	return true
}

// find returns the offset of sep from pos, at or after from. It returns -1 if the part ends or fails before.
func (x *scanner) find(sep string, from int) int {
	for {
		if at := x.pos + from; at <= len(x.buf) {
			if i := bytes.Index(x.buf[at:], []byte(sep)); i >= 0 {
				return from + i
			}
		}
		if !x.more(x.pos) {
			return -1
		}
	}
}

// more moves the bytes of the buffer from keep on to the front, and appends the next block. It returns false at the
// part's end and after an error.
func (x *scanner) more(keep int) bool {
	if x.ended || x.err != nil {
		return false
	}
	tail := x.buf[keep:]
	if len(tail) > x.limits.MaxCellBytes {
		x.fail(source.LimitExceeded, "a tag, text, or cell is longer than %d bytes", x.limits.MaxCellBytes)
		return false
	}
	b, err := x.feed.next()
	if err != nil {
		x.err = fmt.Errorf("read %s: %w", x.part, err)
		return false
	}
	if b.err != nil {
		x.ended = true
		if !errors.Is(b.err, io.EOF) {
			x.err = b.err
			return false
		}
	}
	if x.vacate != nil {
		x.vacate(keep)
	}
	last := x.block
	if len(tail) <= headroom {
		start := headroom - len(tail)
		copy(b.mem[start:], tail)
		x.buf, x.block = b.mem[start:headroom+b.n], b
	} else {
		buf := make([]byte, 0, len(tail)+b.n)
		x.buf, x.block = append(append(buf, tail...), b.mem[headroom:headroom+b.n]...), nil
	}
	x.feed.read.Store(x.raw)
	x.raw = b.raw
	if x.block == nil {
		x.feed.recycle(b)
	}
	if last != nil {
		x.feed.recycle(last)
	}
	x.base += int64(keep)
	x.pos -= keep
	return true
}

func (x *scanner) end() token {
	switch {
	case x.err != nil:
		return tokenError
	case len(x.openAt) > 0:
		return x.cutOff()
	case !x.rooted:
		return x.fail(source.Damaged, "it has no XML element")
	}
	x.feed.read.Store(x.raw)
	return tokenEOF
}

func (x *scanner) cutOff() token {
	if len(x.openAt) > 0 {
		return x.fail(source.Damaged, "it ends before its element %q does", x.openName())
	}
	return x.fail(source.Damaged, "it ends in the middle of a tag")
}

// fail ends the scan with an error at the current position, unless it has already failed.
func (x *scanner) fail(reason source.Reason, format string, args ...any) token {
	if x.err == nil {
		x.err = x.refusal(reason, format, args...)
	}
	return tokenError
}

func (x *scanner) refusal(reason source.Reason, format string, args ...any) error {
	where := x.part
	if x.where != nil {
		if position := x.where(); position != "" {
			where += ", " + position
		}
	}
	return refuse(reason, fmt.Sprintf("%s, byte %d", where, x.base+int64(x.pos)), format, args...)
}

func (x *scanner) scanText() token {
	end := x.find("<", 0)
	if x.err != nil {
		return tokenError
	}
	if end < 0 {
		end = len(x.buf) - x.pos
	}
	x.text, x.cdata = x.buf[x.pos:x.pos+end], false
	if len(x.openAt) == 0 && !isBlank(x.text) {
		return x.fail(source.Damaged, "there is text outside of its root element")
	}
	if bytes.Contains(x.text, []byte("]]>")) || !validChars(x.text) || !validReferences(x.text) {
		return x.fail(source.Damaged, "its text holds what XML does not allow")
	}
	x.pos += end
	return tokenText
}

func (x *scanner) scanCDATA() token {
	const begin, end = "<![CDATA[", "]]>"
	x.need(len(begin))
	if x.err != nil {
		return tokenError
	}
	if head := x.buf[x.pos:]; !bytes.HasPrefix(head, []byte(begin)) {
		if bytes.HasPrefix(head, []byte("<!DOCTYPE")) {
			return x.fail(source.UnsupportedXML, "it declares a document type")
		}
		return x.fail(source.Damaged, "a tag is malformed")
	}
	i := x.find(end, len(begin))
	switch {
	case x.err != nil:
		return tokenError
	case i < 0:
		return x.cutOff()
	case len(x.openAt) == 0:
		return x.fail(source.Damaged, "there is text outside of its root element")
	}
	x.text, x.cdata = x.buf[x.pos+len(begin):x.pos+i], true
	if !validChars(x.text) {
		return x.fail(source.Damaged, "its text holds what XML does not allow")
	}
	x.pos += i + len(end)
	return tokenText
}

func (x *scanner) skipComment() bool {
	i := x.find("--", len("<!--"))
	switch {
	case x.err != nil:
		return false
	case i < 0 || !x.need(i+3):
		x.cutOff()
		return false
	case x.buf[x.pos+i+2] != '>' || !validChars(x.buf[x.pos:x.pos+i]):
		x.fail(source.Damaged, "a comment is malformed")
		return false
	}
	x.pos += i + 3
	return true
}

func (x *scanner) skipInstruction() bool {
	i := x.find("?>", 2)
	switch {
	case x.err != nil:
		return false
	case i < 0:
		x.cutOff()
		return false
	}
	body := x.buf[x.pos+2 : x.pos+i]
	name := body[:nameLength(body)]
	rest := body[len(name):]
	if len(name) == 0 || !validChars(body) || len(rest) > 0 && !isSpace(rest[0]) {
		x.fail(source.Damaged, "a processing instruction is malformed")
		return false
	}
	if bytes.EqualFold(name, []byte("xml")) {
		if x.base != 0 || x.pos != 0 || string(name) != "xml" {
			x.fail(source.Damaged, "its XML declaration is not at the beginning")
			return false
		}
		if !x.readDeclaration(rest) {
			return false
		}
	}
	x.pos += i + 2
	return true
}

// readDeclaration checks the version and the encoding of an XML declaration.
func (x *scanner) readDeclaration(rest []byte) bool {
	if x.parseAttrs(rest) != nil {
		x.fail(source.Damaged, "its XML declaration is malformed")
		return false
	}
	if v := x.attr("version"); string(v) != "1.0" {
		x.fail(source.UnsupportedXML, "it is XML of version %q", v)
		return false
	}
	switch e := bytes.ToLower(x.attr("encoding")); string(e) {
	case "", "utf-8", "us-ascii", "ascii", "utf-16", "utf-16le", "utf-16be":
		return true
	default:
		x.fail(source.UnsupportedXML, "its encoding is %q, which is not supported", e)
		return false
	}
}

func (x *scanner) scanEndTag() token {
	i := x.find(">", 2)
	switch {
	case x.err != nil:
		return tokenError
	case i < 0:
		return x.cutOff()
	}
	name := trimRight(x.buf[x.pos+2 : x.pos+i])
	if len(x.openAt) == 0 || string(name) != string(x.openName()) {
		return x.fail(source.Damaged, "the end tag %q does not match", clip(name))
	}
	x.setName(name)
	x.pos += i + 1
	x.pop()
	return tokenEnd
}

func (x *scanner) scanStartTag() token {
	var end int
	for {
		if end = tagEnd(x.buf[x.pos:]); end >= 0 {
			break
		}
		if !x.more(x.pos) {
			if x.err != nil {
				return tokenError
			}
			return x.cutOff()
		}
	}
	tag := x.buf[x.pos+1 : x.pos+end]
	if len(tag) > x.limits.MaxCellBytes {
		return x.fail(source.LimitExceeded, "a tag is longer than %d bytes", x.limits.MaxCellBytes)
	}
	x.closing = len(tag) > 0 && tag[len(tag)-1] == '/'
	if x.closing {
		tag = tag[:len(tag)-1]
	}
	name := tag[:nameLength(tag)]
	rest := tag[len(name):]
	if len(name) == 0 || len(rest) > 0 && !isSpace(rest[0]) {
		return x.fail(source.Damaged, "a tag is malformed")
	}
	if len(x.openAt) == 0 {
		if x.rooted {
			return x.fail(source.Damaged, "it has a second root element")
		}
		x.rooted = true
	}
	if len(x.openAt) >= x.limits.MaxDepth {
		return x.fail(source.LimitExceeded, "its elements nest deeper than %d", x.limits.MaxDepth)
	}
	if err := x.parseAttrs(rest); err != nil {
		return x.fail(source.Damaged, "the tag %q is malformed: %v", clip(name), err)
	}
	x.push(name)
	for _, a := range x.attrs {
		if prefix, ok := declaredPrefix(a.name); ok {
			if len(x.bindings) == maxBindings {
				return x.fail(source.LimitExceeded, "it declares more than %d namespaces", maxBindings)
			}
			x.bindings = append(x.bindings, binding{string(prefix), spaceOf(string(a.value)), len(x.openAt)})
		}
	}
	if !x.setName(name) {
		return x.fail(source.Damaged, "the prefix of the tag %q is not declared", clip(name))
	}
	x.pos += end + 1
	return tokenStart
}

// setName splits a raw name and looks up its namespace.
func (x *scanner) setName(name []byte) bool {
	x.prefix, x.local = nil, name
	if i := bytes.IndexByte(name, ':'); i >= 0 {
		x.prefix, x.local = name[:i], name[i+1:]
	}
	space, ok := x.space(x.prefix)
	x.main = space == spaceMain
	return ok && (x.prefix == nil || len(x.prefix) > 0 && len(x.local) > 0 && bytes.IndexByte(x.local, ':') < 0)
}

// space returns the namespace of a prefix. Without a default namespace, elements without a prefix are in the
// spreadsheet namespace: some programs omit the declaration, and no other namespace is possible.
func (x *scanner) space(prefix []byte) (namespace, bool) {
	for i := len(x.bindings) - 1; i >= 0; i-- {
		if x.bindings[i].prefix == string(prefix) {
			return x.bindings[i].space, true
		}
	}
	if len(prefix) == 0 {
		return spaceMain, true
	}
	return spaceOther, string(prefix) == "xml"
}

func (x *scanner) push(name []byte) {
	x.openAt = append(x.openAt, len(x.open))
	x.open = append(x.open, name...)
}

func (x *scanner) pop() {
	last := len(x.openAt) - 1
	for n := len(x.bindings); n > 0 && x.bindings[n-1].depth > last; n-- {
		x.bindings = x.bindings[:n-1]
	}
	x.open = x.open[:x.openAt[last]]
	x.openAt = x.openAt[:last]
}

func (x *scanner) openName() []byte { return x.open[x.openAt[len(x.openAt)-1]:] }

// skip skips the rest of the element whose start tag is the current token.
func (x *scanner) skip() bool {
	for depth := len(x.openAt); len(x.openAt) >= depth; {
		if x.nextTag() <= tokenEOF {
			return false
		}
	}
	return true
}

// is reports whether the current tag is the spreadsheet element of this name.
func (x *scanner) is(local string) bool { return x.main && string(x.local) == local }
