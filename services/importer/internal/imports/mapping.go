package imports

import (
	"errors"
	"slices"
	"time"

	"headway/services/importer/internal/schema"
)

// SheetMapping assigns a sheet of the workbook to a sheet of the schema, if their names differ.
type SheetMapping struct {
	// Sheet is the name of the sheet in the schema.
	Sheet string
	// WorkbookSheet is its name in the workbook. If it is empty, the sheet is found by name.
	WorkbookSheet string
	// Columns maps columns of the schema to headers, or to nothing for a column that is left out. Other columns are found by
	// name.
	Columns map[string]string
	// Constants maps columns of the schema to the text of a cell that all rows have. Such a column has no header.
	Constants map[string]string `json:",omitempty"`
	// Rules are value rules by the schema's names of columns. They replace the same rules of the schema.
	Rules map[string]*schema.Rules `json:",omitempty"`
	// Distinct means that equal rows are imported once. Other entries can have the same WorkbookSheet.
	Distinct bool `json:",omitempty"`
	// Splits and Joins are columns that are made from the texts of other cells.
	Splits []ColumnSplit `json:",omitempty"`
	Joins  []ColumnJoin  `json:",omitempty"`
	// Absent means that the file does not have the sheet, even if one has its name. Nothing is imported for it.
	Absent bool `json:",omitempty"`
}

// LeavesOut reports whether a mapping declares that the file does not have a sheet.
func LeavesOut(mapping []SheetMapping) bool {
	return slices.ContainsFunc(mapping, func(m SheetMapping) bool { return m.Absent })
}

// ColumnSplit splits the texts below a header into parts, one for each column.
type ColumnSplit struct {
	Header, Separator string
	// Columns are the schema's names of columns, in the order of the parts. Parts without a name are left out. The last column
	// has the rest of the text.
	Columns []string
	// FromEnd splits at the last separators. The first column has the rest of the text.
	FromEnd bool `json:",omitempty"`
}

// ColumnJoin joins the texts below several headers.
type ColumnJoin struct {
	// Column is the schema's name of the column.
	Column  string
	Headers []string
	// Separator is between the texts of cells that are not empty.
	Separator string
	// Negated are those of the headers whose numbers are subtracted. In each row, one of the cells has a number.
	Negated []string `json:",omitempty"`
}

// MaxRememberedMappings is the number of mappings that are remembered for a user and a schema. Those that were used last are kept.
const MaxRememberedMappings = 200

// RememberedMapping is the mapping that a user has last used for files with the same headers.
type RememberedMapping struct {
	Mapping []SheetMapping
	UsedAt  time.Time
}

// MaxMappingBytes is the size of the largest mapping that is saved or remembered, as JSON.
const MaxMappingBytes = 32 << 10

// MaxSavedMappings is the number of mappings that a user can save for a schema. MaxListedMappings is the number that a list has: it
// fits into a message.
const (
	MaxSavedMappings  = 50
	MaxListedMappings = 100
)

// ErrMappingTooLarge means that a mapping has more than MaxMappingBytes.
var ErrMappingTooLarge = errors.New("the mapping is too large")

// ErrTooManyMappings means that a user has MaxSavedMappings for a schema.
var ErrTooManyMappings = errors.New("the user has saved too many mappings")

// SavedMapping is a mapping that a user has saved under a name.
type SavedMapping struct {
	// Name is unique for Owner and Schema.
	Name, Owner, Schema string
	// Shared means that all users of the schema see it.
	Shared  bool
	Mapping []SheetMapping
	SavedAt time.Time
}
