package ods

import (
	"bytes"
	"strconv"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// styles are the styles that decide what a value is shown as, and which sheets are hidden.
type styles struct {
	formats map[string]*dataStyle
	cells   map[string]cellStyle
	tables  map[string]bool // whether sheets of this style are hidden

	// The style that is being read.
	table   string
	current *dataStyle
}

// cellStyle is a style of cells.
type cellStyle struct {
	data, parent string
	format       *source.NumberFormat
}

// dataStyle is a format of numbers or dates (§16.29).
type dataStyle struct {
	code    []byte
	percent bool
	elapsed bool   // hours can exceed 24
	other   string // the style of numbers that are not negative, if it is another one
}

// maxCode is the maximum length of a format's code. Excel allows 255 characters.
const maxCode = 255

// general is the format of cells without a style.
var general = source.NumberFormat{Code: "General"}

// isStyleSection reports whether the current element is within the styles, by its depth and its namespace.
func isStyleSection(x *zipxml.Scanner) bool {
	return x.Namespace == zipxml.Style || x.Namespace == zipxml.DataStyle
}

// visitStyle reads the start tag of an element of a style.
func (w *Workbook) visitStyle(x *zipxml.Scanner) error {
	s := &w.styles
	switch x.Namespace {
	case zipxml.Style:
		return w.visitCellStyle(x)
	case zipxml.DataStyle:
		if kind, isStyle := strings.CutSuffix(string(x.Local), "-style"); isStyle {
			return w.beginDataStyle(x, kind)
		}
		if s.current != nil && len(s.current.code) < maxCode {
			return s.current.add(x)
		}
	}
	return nil
}

func (w *Workbook) visitCellStyle(x *zipxml.Scanner) error {
	s := &w.styles
	switch string(x.Local) {
	case "style":
		name := string(x.AttrIn(zipxml.Style, "name"))
		s.table, s.current = "", nil
		switch string(x.AttrIn(zipxml.Style, "family")) {
		case "table":
			s.table = name
		case "table-cell":
			if len(s.cells) == w.pack.Limits.MaxStyles {
				return x.Refusal(source.LimitExceeded, "it has more than %d styles", w.pack.Limits.MaxStyles)
			}
			style := cellStyle{data: string(x.AttrIn(zipxml.Style, "data-style-name")), parent: string(x.AttrIn(zipxml.Style, "parent-style-name"))}
			if err := w.pack.Reserve(int64(len(name)+len(style.data)+len(style.parent)) + 192); err != nil {
				return err
			}
			s.cells[name] = style
		}
	case "table-properties":
		if s.table != "" && string(x.AttrIn(zipxml.Table, "display")) == "false" {
			if err := w.pack.Reserve(int64(len(s.table)) + 64); err != nil {
				return err
			}
			s.tables[s.table] = true
		}
	case "map":
		// The style itself is for negative numbers.
		if s.current != nil && strings.HasPrefix(strings.TrimSpace(string(x.AttrIn(zipxml.Style, "condition"))), "value()>") {
			s.current.other = string(x.AttrIn(zipxml.Style, "apply-style-name"))
		}
	}
	return nil
}

func (w *Workbook) beginDataStyle(x *zipxml.Scanner, kind string) error {
	s := &w.styles
	if len(s.formats) == w.pack.Limits.MaxStyles {
		return x.Refusal(source.LimitExceeded, "it has more than %d number formats", w.pack.Limits.MaxStyles)
	}
	name := string(x.AttrIn(zipxml.Style, "name"))
	if err := w.pack.Reserve(int64(len(name)) + maxCode + 192); err != nil {
		return err
	}
	s.current = &dataStyle{percent: kind == "percentage", elapsed: string(x.AttrIn(zipxml.DataStyle, "truncate-on-overflow")) == "false"}
	s.formats[name] = s.current
	return nil
}

// add appends what an element of the style shows to the code.
func (d *dataStyle) add(x *zipxml.Scanner) error {
	long := string(x.AttrIn(zipxml.DataStyle, "style")) == "long"
	pick := func(short, full string) {
		if long {
			short = full
		}
		d.code = append(d.code, short...)
	}
	switch string(x.Local) {
	case "number":
		d.addNumber(x)
	case "scientific-number":
		d.code = append(d.code, "0.00E+00"...)
	case "fraction":
		d.code = append(d.code, "# ?/?"...)
	case "text-content":
		d.code = append(d.code, '@')
	case "boolean":
		d.code = append(d.code, "General"...)
	case "day":
		pick("d", "dd")
	case "day-of-week":
		pick("ddd", "dddd")
	case "month":
		if string(x.AttrIn(zipxml.DataStyle, "textual")) == "true" {
			pick("mmm", "mmmm")
		} else {
			pick("m", "mm")
		}
	case "year", "era":
		pick("yy", "yyyy")
	case "hours":
		if d.elapsed {
			d.code = append(d.code, "[h]"...)
		} else {
			pick("h", "hh")
		}
	case "minutes":
		pick("m", "mm")
	case "seconds":
		pick("s", "ss")
		if n := digits(x, "decimal-places"); n > 0 {
			d.code = append(append(d.code, '.'), bytes.Repeat([]byte("0"), n)...)
		}
	case "am-pm":
		d.code = append(d.code, "AM/PM"...)
	case "text", "currency-symbol", "fill-character":
		return d.addLiteral(x)
	}
	return nil
}

func (d *dataStyle) addNumber(x *zipxml.Scanner) {
	whole, decimals := digits(x, "min-integer-digits"), digits(x, "decimal-places")
	if x.AttrIn(zipxml.DataStyle, "decimal-places") == nil && whole <= 1 {
		d.code = append(d.code, "General"...)
		return
	}
	if string(x.AttrIn(zipxml.DataStyle, "grouping")) == "true" {
		d.code = append(d.code, "#,##"...)
		whole = 1
	}
	d.code = append(d.code, strings.Repeat("0", max(1, whole))...)
	if decimals > 0 {
		d.code = append(append(d.code, '.'), strings.Repeat("0", decimals)...)
	}
}

// digits returns the value of an attribute that is a number of digits.
func digits(x *zipxml.Scanner, name string) int {
	n, _ := strconv.Atoi(string(x.AttrIn(zipxml.DataStyle, name)))
	return min(max(n, 0), 64)
}

// addLiteral appends the text of the current element, in quotation marks.
func (d *dataStyle) addLiteral(x *zipxml.Scanner) error {
	depth := x.Depth()
	var literal []byte
	for x.Depth() >= depth {
		switch x.Next() {
		case zipxml.Failed, zipxml.EOF:
			return x.Err
		case zipxml.Text:
			if len(literal) < maxCode {
				literal = zipxml.AppendChars(literal, x)
			}
		}
	}
	switch {
	case len(literal) == 0:
	case d.percent && string(bytes.TrimSpace(literal)) == "%":
		d.code = append(d.code, '%')
	default:
		d.code = append(append(append(d.code, '"'), bytes.ReplaceAll(literal, []byte(`"`), nil)...), '"')
	}
	return nil
}

// resolve determines the format of each style of cells.
func (s *styles) resolve() {
	formats := map[string]*source.NumberFormat{}
	for name, d := range s.formats {
		if other := s.formats[d.other]; other != nil {
			d = other
		}
		if len(d.code) > 0 && len(d.code) <= maxCode {
			formats[name] = &source.NumberFormat{Code: string(d.code), Kind: cellvalue.Classify(string(d.code))}
		}
	}
	s.formats = nil
	for name, style := range s.cells {
		// A style without a format has that of its parents, which can be a cycle in damaged files.
		for of, depth := style, 0; depth < 32; depth++ {
			if of.data != "" {
				style.format = formats[of.data]
				break
			}
			parent, ok := s.cells[of.parent]
			if !ok {
				break
			}
			of = parent
		}
		if style.format == nil {
			style.format = &general
		}
		s.cells[name] = style
	}
}

// format returns the format of cells of a style.
func (s *styles) format(name []byte) *source.NumberFormat {
	if style, ok := s.cells[string(name)]; ok {
		return style.format
	}
	return &general
}
