package imports

import "time"

// SheetMapping assigns a sheet of the workbook to a sheet of the schema, if their names differ.
type SheetMapping struct {
	// Sheet is the name of the sheet in the schema.
	Sheet string
	// WorkbookSheet is its name in the workbook. If it is empty, the sheet is found by name.
	WorkbookSheet string
	// Columns maps columns of the schema to headers, or to nothing for a column that is left out. Other columns are found by
	// name.
	Columns map[string]string
}

// MaxRememberedMappings is the number of mappings that are remembered for a user and a schema. Those that were used last are kept.
const MaxRememberedMappings = 200

// RememberedMapping is the mapping that a user has last used for files with the same headers.
type RememberedMapping struct {
	Mapping []SheetMapping
	UsedAt  time.Time
}
