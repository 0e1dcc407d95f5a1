package zipxml

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"headway/services/importer/internal/source"
)

// NewDecoder converts a part to UTF-8. Parts are UTF-8 or UTF-16 (ECMA-376 Part 2 §8.1.1). The encoding is detected by
// a byte order mark or, without one, by the bytes of the first character, which is "<" (XML 1.0 appendix F).
func NewDecoder(src *partReader) io.Reader {
	d := &decoder{src: src}
	return d
}

// decoder detects the encoding on the first Read.
type decoder struct {
	src  *partReader
	text io.Reader // nil before the first Read
}

func (d *decoder) Read(buf []byte) (int, error) {
	if d.text == nil {
		var head [4]byte
		n, err := readFull(d.src, head[:])
		d.text = d.choose(head[:n], err)
	}
	return d.text.Read(buf)
}

func (d *decoder) choose(head []byte, err error) io.Reader {
	rest := func(skip int) io.Reader {
		return &prefixed{head: append([]byte(nil), head[skip:]...), src: d.src, err: err}
	}
	switch {
	case len(head) >= 3 && head[0] == 0xEF && head[1] == 0xBB && head[2] == 0xBF:
		return rest(3)
	case len(head) >= 2 && head[0] == 0xFF && head[1] == 0xFE:
		return newUTF16Reader(d.src.part, rest(2), binary.LittleEndian)
	case len(head) >= 2 && head[0] == 0xFE && head[1] == 0xFF:
		return newUTF16Reader(d.src.part, rest(2), binary.BigEndian)
	case len(head) >= 2 && head[0] == '<' && head[1] == 0:
		return newUTF16Reader(d.src.part, rest(0), binary.LittleEndian)
	case len(head) >= 2 && head[0] == 0 && head[1] == '<':
		return newUTF16Reader(d.src.part, rest(0), binary.BigEndian)
	}
	return rest(0)
}

// prefixed returns head, then err if there is one, and then src.
type prefixed struct {
	head []byte
	src  io.Reader
	err  error
}

func (p *prefixed) Read(buf []byte) (int, error) {
	if len(p.head) > 0 {
		n := copy(buf, p.head)
		p.head = p.head[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return p.src.Read(buf)
}

// utf16Reader converts UTF-16 to UTF-8. Such parts are rare, so it is not optimized.
type utf16Reader struct {
	part  string
	src   *bufio.Reader
	order binary.ByteOrder
	at    int64
	char  [utf8.UTFMax]byte
	rest  []byte // the part of char that has not been read yet
}

func newUTF16Reader(part string, src io.Reader, order binary.ByteOrder) *utf16Reader {
	return &utf16Reader{part: part, src: bufio.NewReaderSize(src, 32<<10), order: order}
}

func (u *utf16Reader) Read(buf []byte) (n int, err error) {
	for n < len(buf) {
		if len(u.rest) > 0 {
			m := copy(buf[n:], u.rest)
			u.rest = u.rest[m:]
			n += m
			continue
		}
		var unit uint16
		if unit, err = u.unit(); err != nil {
			return n, err
		}
		r := rune(unit)
		if utf16.IsSurrogate(r) {
			var low uint16
			if low, err = u.unit(); err != nil && !errors.Is(err, io.EOF) {
				return n, err
			}
			if r = utf16.DecodeRune(r, rune(low)); r == utf8.RuneError {
				return n, u.damaged()
			}
		}
		u.rest = utf8.AppendRune(u.char[:0], r)
	}
	return n, nil
}

func (u *utf16Reader) unit() (uint16, error) {
	var two [2]byte
	n, err := io.ReadFull(u.src, two[:])
	u.at += int64(n)
	if errors.Is(err, io.ErrUnexpectedEOF) && n == 1 {
		return 0, u.damaged()
	}
	if err != nil {
		return 0, err
	}
	return u.order.Uint16(two[:]), nil
}

func (u *utf16Reader) damaged() error {
	return Refuse(source.Damaged, fmt.Sprintf("%s, byte %d", u.part, u.at), "its UTF-16 text is broken")
}
