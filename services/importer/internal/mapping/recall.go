package mapping

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"

	"headway/internal/messages"
	"headway/services/importer/internal/imports"
	"headway/services/importer/internal/schema"
	"headway/services/importer/internal/source"
)

// Headers returns a digest of a file's headers. Files with the same sheets and headers have the same digest. The names of text
// files, which are those of their sheets, don't count.
func Headers(ctx context.Context, book source.Workbook, s *schema.Schema) (string, error) {
	heads, err := readHeads(ctx, book)
	if err != nil {
		return "", err
	}
	_, text := source.TextFormatOf(book)
	known := newLabels(s, nil)
	var sheets [][]string
	for _, sheet := range book.Sheets() {
		var headers []string
		if !text {
			headers = append(headers, sheet.Name)
		}
		for _, c := range tableOf(book, sheet, heads[sheet.Name], s, known, nil).Columns {
			headers = append(headers, c.Header)
		}
		source.FreeHead(book, heads[sheet.Name])
		sheets = append(sheets, headers)
	}
	encoded, err := json.Marshal(sheets)
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(encoded)
	return hex.EncodeToString(digest[:]), nil
}

// ConfirmRecalled returns an *Error if a mapping that the user has used for such a file finds other columns than those found.
func ConfirmRecalled(ctx context.Context, book source.Workbook, s *schema.Schema, recalled []imports.SheetMapping, found []imports.Sheet, update bool) error {
	find := Find
	if update {
		find = FindForUpdate
	}
	again, err := find(ctx, book, s, recalled)
	var unfit *Error
	if errors.As(err, &unfit) { // the schema has changed
		return nil
	}
	if err != nil {
		return err
	}
	same := slices.EqualFunc(again, found, func(a, b imports.Sheet) bool {
		return a.Name == b.Name && a.WorkbookSheet == b.WorkbookSheet && a.Distinct == b.Distinct && reflect.DeepEqual(a.Columns, b.Columns) && maps.EqualFunc(a.Rules, b.Rules, (*schema.Rules).Equal)
	})
	if !same {
		return problem(MappingUncertain, messages.New("mapping.remembered"))
	}
	return nil
}
