package xlsx

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// Rich values (MS-XLSX §2.3.10 and §2.3.11) are pictures, linked data types, and newer Excel errors. A cell with the
// attribute vm has a rich value. For programs that don't support them, its plain value is an error.

// richValue is a rich value: the text that the cell shows, or the name of the object.
type richValue struct {
	kind source.Kind
	text string
}

// richValues are the rich values of a workbook, by the numbers that cells have in vm, from 1.
type richValues []richValue

// maxRichText is approximately the memory of a rich value, and the number of bytes of its text that are read.
const maxRichText = 1024

// richValues returns the rich values. A missing or damaged part has none.
func (w *Workbook) richValues(ctx context.Context) (richValues, error) {
	w.loading.Lock()
	defer w.loading.Unlock()
	if w.rich != nil {
		return w.rich, nil
	}
	values, err := w.readRichValues(ctx)
	if unlessDamaged(err) != nil {
		return nil, err
	}
	w.rich = append(richValues{}, values...)
	return w.rich, nil
}

func (w *Workbook) readRichValues(ctx context.Context) (richValues, error) {
	structures, err := w.readRichStructures(ctx)
	if err != nil {
		return nil, err
	}
	values, err := w.readRichData(ctx, structures)
	if err != nil {
		return nil, err
	}
	return w.readMetadata(ctx, values)
}

// partNamed returns the part of the workbook whose name ends in this lowercase text, or nil.
func (w *Workbook) partNamed(suffix string) *zipxml.Part {
	for _, id := range slices.Sorted(maps.Keys(w.rels)) {
		rel := w.rels[id]
		if !rel.external && strings.HasSuffix(strings.ToLower(rel.target), suffix) {
			return w.pack.Find(rel.target)
		}
	}
	return nil
}

// richStructure lists the values that a rich value has.
type richStructure struct {
	kind string
	keys []string
}

func (w *Workbook) readRichStructures(ctx context.Context) (list []richStructure, err error) {
	e := w.partNamed("/rdrichvaluestructure.xml")
	if e == nil {
		return nil, nil
	}
	keys := 0
	err = w.pack.Each(ctx, e, func(x *zipxml.Scanner) error {
		switch {
		case x.Depth() == 2 && string(x.Local) == "s":
			list = append(list, richStructure{kind: string(x.Attr("t"))})
		case x.Depth() == 3 && string(x.Local) == "k" && len(list) > 0:
			last := &list[len(list)-1]
			last.keys = append(last.keys, string(x.Attr("n")))
			keys++
		}
		if len(list)+keys > w.pack.Limits.MaxStyles {
			return x.Refusal(source.LimitExceeded, "it has more than %d structures", w.pack.Limits.MaxStyles)
		}
		return nil
	})
	return list, err
}

// newErrors are the errors of rich values, by their number (MS-XLSX §2.6.216, errorType).
var newErrors = map[string]string{"1": "#NULL!", "2": "#DIV/0!", "3": "#VALUE!", "4": "#REF!", "5": "#NAME?", "6": "#NUM!", "7": "#N/A",
	"8": "#GETTING_DATA", "9": "#SPILL!", "10": "#CONNECT!", "11": "#BLOCKED!", "12": "#UNKNOWN!", "13": "#FIELD!", "14": "#CALC!",
	"16": "#BUSY!", "17": "#PYTHON!", "19": "#TIMEOUT!"}

func (w *Workbook) readRichData(ctx context.Context, structures []richStructure) (values richValues, err error) {
	e := w.partNamed("/rdrichvalue.xml")
	if e == nil {
		return nil, nil
	}
	var of *richStructure
	index := 0
	var text []byte
	err = w.pack.Each(ctx, e, func(x *zipxml.Scanner) error {
		switch {
		case x.Depth() == 2 && string(x.Local) == "rv":
			if len(values) >= w.pack.Limits.MaxStyles {
				return x.Refusal(source.LimitExceeded, "it has more than %d rich values", w.pack.Limits.MaxStyles)
			}
			if err := w.pack.Reserve(maxRichText); err != nil {
				return err
			}
			of, index = nil, -1
			if s, ok := cellvalue.ParseInt(x.Attr("s"), len(structures)-1); ok {
				of = &structures[s]
			}
			values = append(values, richValueOf(of))
		case x.Depth() == 3 && string(x.Local) == "v" && of != nil:
			index++
			if index >= len(of.keys) {
				return nil
			}
			var err error
			if text, err = readText(x, text[:0]); err != nil {
				return err
			}
			values[len(values)-1].take(of, of.keys[index], text)
		}
		return nil
	})
	return values, err
}

const picture = "a picture"

// richValueOf returns a rich value with a structure, without values.
func richValueOf(of *richStructure) richValue {
	switch {
	case of == nil:
		return richValue{kind: source.ErrorValue}
	case of.kind == "_localImage" || of.kind == "_webimage" || of.kind == "_imageurl":
		return richValue{source.Object, picture}
	case of.kind == "_error":
		return richValue{kind: source.ErrorValue}
	}
	return richValue{source.Object, "a linked data type"}
}

// take sets a value of a rich value.
func (v *richValue) take(of *richStructure, key string, text []byte) {
	switch {
	case of.kind == "_error" && key == "errorType":
		v.text = newErrors[string(text)]
	case v.kind == source.Object && v.text != picture && key == "_DisplayString" && len(bytes.TrimSpace(text)) > 0:
		v.kind, v.text = source.Text, string(text[:min(len(text), maxRichText)])
	}
}

// readMetadata orders rich values by the numbers that cells have (ECMA-376 Part 1 §18.9).
func (w *Workbook) readMetadata(ctx context.Context, values richValues) (byCell richValues, err error) {
	e := w.partNamed("/metadata.xml")
	if e == nil || len(values) == 0 {
		return nil, nil
	}
	types, richType := 0, -1
	var blocks []int // in the future metadata of rich values: indexes of values
	inFuture, inValues := false, false
	err = w.pack.Each(ctx, e, func(x *zipxml.Scanner) error {
		if x.Depth() == 2 {
			inFuture = string(x.Local) == "futureMetadata" && string(x.Attr("name")) == "XLRICHVALUE"
			inValues = string(x.Local) == "valueMetadata"
		}
		switch {
		case string(x.Local) == "metadataType" && x.Depth() == 3:
			if types++; string(x.Attr("name")) == "XLRICHVALUE" {
				richType = types
			}
		case inFuture && x.Depth() == 3 && string(x.Local) == "bk":
			blocks = append(blocks, -1)
		case inFuture && string(x.Local) == "rvb" && len(blocks) > 0:
			if i, ok := cellvalue.ParseInt(x.Attr("i"), len(values)-1); ok {
				blocks[len(blocks)-1] = i
			}
		case inValues && x.Depth() == 3 && string(x.Local) == "bk":
			byCell = append(byCell, richValue{kind: source.ErrorValue})
		case inValues && string(x.Local) == "rc" && len(byCell) > 0:
			t, _ := cellvalue.ParseInt(x.Attr("t"), 1<<20)
			if i, ok := cellvalue.ParseInt(x.Attr("v"), len(blocks)-1); ok && t == richType && blocks[i] >= 0 {
				byCell[len(byCell)-1] = values[blocks[i]]
			}
		}
		if len(blocks)+len(byCell) > 2*w.pack.Limits.MaxStyles {
			return x.Refusal(source.LimitExceeded, "it has more than %d rich values", w.pack.Limits.MaxStyles)
		}
		return nil
	})
	return byCell, err
}

// setRich replaces an error in a cell with its rich value.
func (r *Rows) setRich(c *source.Cell, vm []byte) error {
	values, err := r.w.richValues(r.ctx)
	if err != nil {
		return err
	}
	i, ok := cellvalue.ParseInt(vm, len(values))
	if !ok || i == 0 {
		return nil
	}
	v := values[i-1]
	c.Kind = v.kind
	if v.text != "" {
		c.Text = r.text.Keep([]byte(v.text))
	}
	return nil
}

// pictureFormulas are the beginnings of the texts that WPS and other programs store in a cell with a picture.
var pictureFormulas = [][]byte{[]byte("=DISPIMG("), []byte("=_xlfn.DISPIMG("), []byte("=_xlfn.IMAGE("), []byte("=IMAGE(")}

// isPicture reports whether a text is the formula of a picture in its cell.
func isPicture(text []byte) bool {
	for _, formula := range pictureFormulas {
		if len(text) > len(formula) && bytes.EqualFold(text[:len(formula)], formula) {
			return true
		}
	}
	return false
}
