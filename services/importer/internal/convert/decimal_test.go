package convert_test

import (
	"strings"
	"testing"

	"headway/services/importer/internal/convert"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// TestProposedNumberIsWholeNumber checks that a message proposes the number next to a unit only if the unit doesn't change it.
func TestProposedNumberIsWholeNumber(t *testing.T) {
	column, err := convert.Compile(&schema.Column{Name: "price", Title: "Price", Type: schema.Decimal})
	if err != nil {
		t.Fatal(err)
	}
	for cell, want := range map[string]string{
		"5 kg": "Enter 5.", "1.250,50 €": "Enter 1250.5.", "5k": "Enter all digits of the number.", "1.5M": "Enter all digits of the number.",
		"3 Mio.": "Enter all digits of the number.", "5万": "Enter all digits of the number.", "2 lakh": "Enter all digits of the number.",
	} {
		_, _, f := column.Convert(&source.Cell{Kind: source.Text, Text: []byte(cell)}, nil, nil)
		if f == nil || !strings.HasSuffix(f.Message(), want) {
			t.Errorf("%s: got %+v", cell, f)
		}
	}
}
