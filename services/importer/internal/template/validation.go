package template

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/xuri/excelize/v2"

	"headway/internal/messages"
	"headway/services/importer/internal/schema"
)

// The maximum lengths of the texts of a data validation in Excel, in UTF-16 units.
const (
	maxListText   = 255
	maxErrorText  = 225
	maxPromptHead = 32
	maxPromptText = 255
)

// validate adds a column's data validation. Excel then rejects values that the schema rejects, and offers the allowed
// values. A reference is offered but not enforced, because the row might have been imported before. Neither is a column with
// value rules. Every cell shows the rules and an example when it is selected.
func (b *book) validate(s *schema.Sheet, c *schema.Column, letters string) error {
	dv := excelize.NewDataValidation(!c.Required)
	dv.Sqref = fmt.Sprintf("%s2:%s%d", letters, letters, excelize.TotalRows)
	style := excelize.DataValidationErrorStyleStop
	switch {
	case c.References != nil:
		dv.Type, dv.Formula1 = "list", markup.Replace(b.referenceList(c.References))
		style = excelize.DataValidationErrorStyleInformation
	case len(c.Allowed) > 0:
		source, err := b.valueList(c.Allowed)
		if err != nil {
			return err
		}
		dv.Type, dv.Formula1 = "list", markup.Replace(source)
	case c.Type == schema.Boolean:
		dv.Type, dv.Formula1 = "list", `"TRUE,FALSE"`
	case c.MinLength > 0 || c.MaxLength > 0:
		high := c.MaxLength
		if high == 0 {
			high = excelize.TotalCellChars
		}
		dv.Type, dv.Operator = "textLength", "between"
		dv.Formula1, dv.Formula2 = strconv.Itoa(c.MinLength), strconv.Itoa(high)
	default:
		limits, ok := rangeLimits[c.Type]
		if !ok {
			break // only the hint
		}
		dv.Type, dv.Operator = limits.kind, "between"
		dv.Formula1, dv.Formula2 = limits.low, limits.high
		if c.Min != "" {
			dv.Formula1 = limits.formula(c.Min)
		}
		if c.Max != "" {
			dv.Formula2 = limits.formula(c.Max)
		}
	}
	if !c.Rules.IsZero() {
		style = excelize.DataValidationErrorStyleInformation // other texts can become valid values
	}
	rules := strings.Join(Rules(b.schema, s, c, b.language), " ")
	if dv.Type != "" {
		dv.SetError(style, b.in(messages.New("template.check")), clip(c.Title+": "+rules, maxErrorText))
	}
	dv.SetInput(clip(c.Title, maxPromptHead), clip(b.hint(rules, Example(c)), maxPromptText))
	return b.file.AddDataValidation(s.Title, dv)
}

// hint returns the text that Excel shows next to a selected cell.
func (b *book) hint(rules, example string) string {
	if example == "" {
		return rules
	}
	return b.in(messages.New("template.hint", messages.Text("rules", rules), messages.Text("example", example)))
}

// rangeLimits are the validations of the types that have a range, with the widest range that Excel supports.
var rangeLimits = map[schema.Type]struct {
	kind, low, high string
	formula         func(bound string) string
}{
	schema.Integer:  {"whole", "-999999999999999", "999999999999999", asWritten},
	schema.Decimal:  {"decimal", "-999999999999999", "999999999999999", asWritten},
	schema.Date:     {"date", "1", "2958465", serial("2006-01-02")},
	schema.DateTime: {"date", "1", "2958465.99999", serial("2006-01-02T15:04:05")},
	schema.Time:     {"time", "0", "0.999999", serial("15:04:05")},
}

func asWritten(bound string) string { return bound }

// serial converts a bound to Excel's count of days since 1899-12-30, which is correct from 1900-03-01.
func serial(layout string) func(string) string {
	return func(bound string) string {
		t, err := time.Parse(layout, bound)
		if err != nil {
			return bound
		}
		epoch := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
		if !strings.HasPrefix(layout, "2006") {
			epoch = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		const day = 24 * 60 * 60
		seconds := t.Unix() - epoch.Unix()
		if seconds%day == 0 {
			return strconv.FormatInt(max(0, seconds/day), 10)
		}
		return strconv.FormatFloat(max(0, float64(seconds)/day), 'f', 9, 64)
	}
}

// referenceList returns a formula for the filled part of the column that is referred to.
func (b *book) referenceList(r *schema.Reference) string {
	parent := b.schema.Sheet(r.Sheet)
	_, i := parent.Column(r.Column)
	letters, _ := excelize.ColumnNumberToName(i + 1)
	sheet := quoteSheet(parent.Title)
	return fmt.Sprintf("OFFSET(%s!$%s$2,0,0,MAX(1,COUNTA(%s!$%s:$%s)-1),1)", sheet, letters, sheet, letters, letters)
}

// valueList returns a formula for fixed values: the values themselves if they fit into a validation, or else cells of a
// hidden sheet.
func (b *book) valueList(values []string) (string, error) {
	text := strings.Join(values, ",")
	if len(utf16.Encode([]rune(text))) <= maxListText && !strings.ContainsAny(strings.Join(values, ""), `,"`) && !strings.HasPrefix(text, "=") {
		return `"` + text + `"`, nil
	}
	if b.lists == "" {
		b.lists = b.schema.FreeSheetName(b.in(messages.New("template.lists")), b.in(messages.New("template.lists_values")))
		if _, err := b.file.NewSheet(b.lists); err != nil {
			return "", err
		}
		if err := b.file.SetSheetVisible(b.lists, false); err != nil {
			return "", err
		}
	}
	b.listed++
	letters, err := excelize.ColumnNumberToName(b.listed)
	if err != nil {
		return "", err
	}
	for i, v := range values {
		if err := b.file.SetCellStr(b.lists, letters+strconv.Itoa(i+1), v); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s!$%s$1:$%s$%d", quoteSheet(b.lists), letters, letters, len(values)), nil
}

// quoteSheet returns a sheet's name as it is written in a formula.
func quoteSheet(title string) string { return "'" + strings.ReplaceAll(title, "'", "''") + "'" }

// markup escapes a formula as character data. The writer expects formulas of validations to be XML already.
var markup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// clip shortens a text to a number of UTF-16 units.
func clip(text string, units int) string {
	n := 0
	for i, r := range text {
		if n += utf16.RuneLen(r); n > units {
			return text[:i]
		}
	}
	return text
}
