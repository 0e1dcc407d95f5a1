package ods

import (
	"bytes"
	"strconv"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// cellContent is the content that the elements of a cell show.
type cellContent struct {
	text    []byte
	tooLong bool
	object  string // what the cell holds that is not a value
}

// readCell reads a cell in a column, and returns the column after it. The cell's start tag is the current token (§9.1.4, §9.1.5,
// §19.385).
func (r *Rows) readCell(col int) (next int, err error) {
	r.col = col
	x := r.x
	n, err := r.repeated("number-columns-repeated", source.DefaultLimits().MaxColumns+1)
	if err != nil {
		return 0, err
	}
	c := source.Cell{Col: col, HasFormula: x.AttrIn(zipxml.Table, "formula") != nil}
	style := x.AttrIn(zipxml.Table, "style-name")
	if style == nil {
		style = r.style
	}
	if len(style) == 0 {
		style = r.columnStyle(col)
	}
	c.Format = r.styles.format(style)
	if err := r.addMerge(col); err != nil {
		return 0, err
	}
	kind := r.text.Keep(x.AttrIn(zipxml.Office, "value-type"))
	isError := string(x.AttrIn(zipxml.CalcExtension, "value-type")) == "error"
	value, hasValue := r.attrValue(string(kind))
	shown, err := r.readContent()
	if err != nil {
		return 0, err
	}
	if c.HasFormula && !isError {
		isError = isErrorCode(shown.text) && (string(kind) != "string" || len(value) == 0)
	}
	switch {
	case isError && len(shown.text) > 0:
		c.Kind, c.Text = source.ErrorValue, shown.text
	default:
		r.setValue(&c, string(kind), value, hasValue, shown)
	}
	if c.Kind == source.Empty && c.HasFormula && len(kind) == 0 {
		c.Kind = source.FormulaWithoutValue
	}
	if c.Kind == source.Text && !c.TooLong {
		c.Text, c.TooLong = source.LimitText(c.Text)
	}
	r.texts += int64(len(c.Text))
	return col + n, r.add(c, n)
}

// add appends a cell n times.
func (r *Rows) add(c source.Cell, n int) error {
	if c.Kind == source.Empty && !c.HasFormula {
		return nil
	}
	if last := c.Col + n - 1; last > r.limits.MaxColumns {
		return r.x.Refusal(source.LimitExceeded, "it has a column %d. The maximum is %d", last, r.limits.MaxColumns)
	}
	r.content = r.content || c.Kind != source.Empty
	for range n {
		r.cells = append(r.cells, c)
		c.Col++
	}
	return r.countAdded(n - 1)
}

// attrValue returns the attribute that has the value of the current cell.
func (r *Rows) attrValue(kind string) (value []byte, ok bool) {
	name := "value"
	switch kind {
	case "date", "time", "boolean", "string":
		name = kind + "-value"
	}
	raw := r.x.AttrIn(zipxml.Office, name)
	return r.text.Keep(raw), raw != nil
}

// setValue sets a cell's kind and text.
func (r *Rows) setValue(c *source.Cell, kind string, value []byte, hasValue bool, shown cellContent) {
	switch kind {
	case "float", "percentage", "currency":
		r.setNumber(c, kind, value)
	case "date":
		r.setDate(c, value)
	case "time":
		r.setTime(c, value)
	case "boolean":
		c.Kind = source.Bool
		switch string(value) {
		case "true", "1":
			c.Text = []byte("TRUE")
		case "false", "0":
			c.Text = []byte("FALSE")
		default:
			c.Kind, c.Text = source.Text, value // the caller decides what it means
		}
	default:
		if !hasValue {
			value, c.TooLong = shown.text, shown.tooLong
		}
		switch {
		case len(value) > 0:
			c.Kind, c.Text = source.Text, value
		case shown.object != "":
			c.Kind, c.Text = source.Object, []byte(shown.object)
		}
	}
}

var (
	percentFormat  = source.NumberFormat{Code: "0.00%"}
	dateFormat     = source.NumberFormat{Code: "yyyy-mm-dd", Kind: source.DateOnly}
	dateTimeFormat = source.NumberFormat{Code: "yyyy-mm-dd hh:mm:ss", Kind: source.DateTime}
	timeFormat     = source.NumberFormat{Code: "hh:mm:ss", Kind: source.TimeOnly}
	elapsedFormat  = source.NumberFormat{Code: "[h]:mm:ss", Kind: source.Elapsed}
)

func (r *Rows) setNumber(c *source.Cell, kind string, value []byte) {
	if len(value) == 0 {
		return
	}
	c.Kind, c.Text = source.Number, value
	if c.Format.Kind != source.Plain || strings.Contains(c.Format.Code, "@") {
		c.Format = &general
	}
	if kind == "percentage" && !strings.Contains(c.Format.Code, "%") {
		c.Format = &percentFormat
	}
	if cellvalue.IsCanonical(value) {
		return
	}
	var ok bool
	if r.scratch, ok = cellvalue.AppendNumber(r.scratch[:0], value); !ok {
		c.Kind = source.Text // such as "NaN". The caller decides what it means
		return
	}
	c.Text = r.text.Keep(r.scratch)
}

// setDate sets a date, which is text of ISO 8601 (§18.3.6).
func (r *Rows) setDate(c *source.Cell, value []byte) {
	if len(value) == 0 {
		return
	}
	c.Kind, c.Text, c.ISO = source.Date, value, true
	if kind := c.Format.Kind; kind == source.Plain || kind == source.Elapsed {
		c.Format = &dateFormat
		if bytes.IndexByte(value, 'T') >= 0 {
			c.Format = &dateTimeFormat
		}
	}
}

// setTime sets a time of day or a duration, which is text such as PT08H30M00S (§18.3.10), as the number of days.
func (r *Rows) setTime(c *source.Cell, value []byte) {
	if len(value) == 0 {
		return
	}
	days, ok := parseDuration(string(value))
	if !ok {
		c.Kind, c.Text = source.Text, value
		return
	}
	r.scratch, _ = cellvalue.AppendNumber(r.scratch[:0], strconv.AppendFloat(nil, days, 'f', 15, 64))
	c.Kind, c.Text = source.Date, r.text.Keep(r.scratch)
	switch kind := c.Format.Kind; {
	case kind == source.TimeOnly || kind == source.Elapsed:
	case days < 0 || days >= 1:
		c.Format = &elapsedFormat
	default:
		c.Format = &timeFormat
	}
}

// parseDuration returns the days of a duration of hours, minutes, and seconds (XML Schema Part 2 §3.2.6). Spreadsheets don't
// have longer units, except days.
func parseDuration(s string) (days float64, ok bool) {
	s, negative := strings.CutPrefix(s, "-")
	s, ok = strings.CutPrefix(s, "P")
	date, clock, hasClock := strings.Cut(s, "T")
	if !ok || hasClock && clock == "" || date+clock == "" {
		return 0, false
	}
	seconds := 0.0
	for _, part := range []struct {
		text, units string
		seconds     []float64
	}{{date, "D", []float64{86_400}}, {clock, "HMS", []float64{3600, 60, 1}}} {
		for i := 0; part.text != ""; i++ {
			end := strings.IndexAny(part.text, part.units)
			if end < 1 {
				return 0, false
			}
			unit := strings.IndexByte(part.units, part.text[end])
			n, err := strconv.ParseFloat(part.text[:end], 64)
			if err != nil || strings.Trim(part.text[:end], "0123456789.") != "" {
				return 0, false
			}
			seconds += n * part.seconds[unit]
			part.units, part.seconds, part.text = part.units[unit+1:], part.seconds[unit+1:], part.text[end+1:]
			if part.units == "" && part.text != "" {
				return 0, false
			}
		}
	}
	if negative {
		seconds = -seconds
	}
	return seconds / 86_400, seconds < 1e12 && seconds > -1e12
}

// isErrorCode reports whether a formula's text is the code of an error.
func isErrorCode(s []byte) bool {
	switch string(s) {
	case "#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#SPILL!", "#CALC!":
		return true
	}
	digits, isOwn := bytes.CutPrefix(s, []byte("Err:"))
	return isOwn && len(digits) == 3
}

// addMerge records the range that the current cell begins.
func (r *Rows) addMerge(col int) error {
	if r.wantsMerge == nil {
		return nil
	}
	across, err := r.repeated("number-columns-spanned", r.limits.MaxColumns-min(col, r.limits.MaxColumns)+1)
	if err != nil {
		return err
	}
	down, err := r.repeated("number-rows-spanned", source.DefaultLimits().MaxRows)
	if err != nil {
		return err
	}
	merged := source.Range{FirstRow: int32(r.number), LastRow: int32(r.number + down - 1), FirstCol: int32(col), LastCol: int32(col + across - 1)}
	if across*down == 1 || !r.wantsMerge(merged) {
		return nil
	}
	if err := r.reserve(2 * source.RangeBytes); err != nil {
		return err
	}
	r.merges = append(r.merges, merged)
	return nil
}
