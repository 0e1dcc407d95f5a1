package xlsx

import (
	"context"

	"headway/services/importer/internal/source"
	"headway/services/importer/internal/source/cellvalue"
	"headway/services/importer/internal/source/zipxml"
)

// styles are the cell formats of a workbook. cells[i] is the number format of style i.
type styles struct {
	part  string
	cells []*source.NumberFormat
}

// complete adds the default cell format to a workbook without cell formats.
func (s *styles) complete() {
	if len(s.cells) == 0 {
		s.cells = []*source.NumberFormat{{Code: "General"}}
	}
}

// styleSections are the lists of a styles part. Some writers wrap them, or their items, in unknown elements. Such an
// element must not change the number of a format.
var styleSections = map[string]bool{"numFmts": true, "fonts": true, "fills": true, "borders": true, "cellStyleXfs": true, "cellXfs": true,
	"cellStyles": true, "dxfs": true, "tableStyles": true, "colors": true}

// readStyles reads the number formats of the styles part (ECMA-376 Part 1
// §18.8.39).
func (p *pack) readStyles(ctx context.Context, e *zipxml.Part) (styles, error) {
	s := styles{part: e.Name}
	codes := map[int]string{}
	formats := map[int]*source.NumberFormat{}
	var ids []int
	section := ""
	err := p.Each(ctx, e, func(x *zipxml.Scanner) error {
		switch {
		case x.Depth() == 1 && !x.Is("styleSheet"):
			return x.Refusal(source.Damaged, "its root element is %q, not a style sheet", zipxml.Clip(x.Local))
		case x.Is("extLst"):
			if !x.Skip() {
				return x.Err
			}
		case x.Namespace == zipxml.Spreadsheet && styleSections[string(x.Local)]:
			section = string(x.Local)
		case x.Depth() == 2:
			section = ""
		case section == "numFmts" && x.Is("numFmt"):
			id, ok := cellvalue.ParseInt(x.Attr("numFmtId"), 1<<30)
			if !ok {
				return x.Refusal(source.Damaged, "a number format has the id %q", zipxml.Clip(x.Attr("numFmtId")))
			}
			if len(codes) == p.Limits.MaxStyles {
				return x.Refusal(source.LimitExceeded, "it has more than %d number formats", p.Limits.MaxStyles)
			}
			codes[id] = string(unescape(append([]byte(nil), x.Attr("formatCode")...)))
		case section == "cellXfs" && x.Is("xf"):
			id, ok := 0, true
			if text := x.Attr("numFmtId"); len(text) > 0 {
				id, ok = cellvalue.ParseInt(text, 1<<30)
			}
			if !ok {
				return x.Refusal(source.Damaged, "a cell format has the number format %q", zipxml.Clip(x.Attr("numFmtId")))
			}
			if len(ids) == p.Limits.MaxStyles {
				return x.Refusal(source.LimitExceeded, "it has more than %d cell formats", p.Limits.MaxStyles)
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	s.cells = make([]*source.NumberFormat, len(ids))
	for i, id := range ids {
		f := formats[id]
		if f == nil {
			code, ok := codes[id]
			if !ok {
				if code, ok = builtinFormats[id]; !ok {
					code = "General"
				}
			}
			f = &source.NumberFormat{ID: id, Code: code, Kind: cellvalue.Classify(code)}
			formats[id] = f
		}
		s.cells[i] = f
	}
	return s, nil
}

// builtinFormats are the formats that a file identifies only by number (ECMA-376 Part 1 §18.8.30). 27 to 36 and 50 to
// 58 are dates in every East Asian locale. Their codes here are neutral ones of the same class.
var builtinFormats = map[int]string{
	0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
	5: `"$"#,##0_);("$"#,##0)`, 6: `"$"#,##0_);[Red]("$"#,##0)`,
	7: `"$"#,##0.00_);("$"#,##0.00)`, 8: `"$"#,##0.00_);[Red]("$"#,##0.00)`,
	9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
	14: "mm-dd-yy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy",
	18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 22: "m/d/yy h:mm",
	27: "yyyy/mm/dd", 28: "yyyy/mm/dd", 29: "yyyy/mm/dd", 30: "mm-dd-yy", 31: "yyyy/mm/dd",
	32: "h:mm", 33: "h:mm:ss", 34: "h:mm AM/PM", 35: "h:mm:ss AM/PM", 36: "yyyy/mm/dd",
	37: "#,##0_);(#,##0)", 38: "#,##0_);[Red](#,##0)",
	39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);[Red](#,##0.00)",
	41: `_(* #,##0_);_(* (#,##0);_(* "-"_);_(@_)`, 42: `_("$"* #,##0_);_("$"* (#,##0);_("$"* "-"_);_(@_)`,
	43: `_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)`, 44: `_("$"* #,##0.00_);_("$"* (#,##0.00);_("$"* "-"??_);_(@_)`,
	45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
	50: "yyyy/mm/dd", 51: "yyyy/mm/dd", 52: "yyyy/mm/dd", 53: "yyyy/mm/dd", 54: "yyyy/mm/dd",
	55: "yyyy/mm/dd", 56: "yyyy/mm/dd", 57: "yyyy/mm/dd", 58: "yyyy/mm/dd",
	59: "0", 60: "0.00", 61: "#,##0", 62: "#,##0.00", 67: "0%", 68: "0.00%", 69: "# ?/?", 70: "# ??/??",
	71: "d/m/yyyy", 72: "d-mmm-yy", 73: "d-mmm", 74: "mmm-yy", 75: "h:mm", 76: "h:mm:ss",
	77: "d/m/yyyy h:mm", 78: "mm:ss", 79: "[h]:mm:ss", 80: "mm:ss.0", 81: "d/m/yyyy",
}
