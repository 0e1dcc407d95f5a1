package source

import "fmt"

// Limits limit the resources that one workbook can use, regardless of the sizes that it declares. Zero fields have
// defaults. A format ignores limits that don't apply to it.
type Limits struct {
	// MaxEntries is the number of files in the package. Default 10,000.
	MaxEntries int
	// MaxPartBytes is the uncompressed size of one sheet or of the shared
	// strings, in bytes. Default 4 GiB.
	MaxPartBytes int64
	// MaxTotalBytes is the total uncompressed size of all parts that a reader opens, in bytes. Default 8 GiB.
	MaxTotalBytes int64
	// MaxRatio is the maximum ratio of uncompressed to compressed bytes. It applies only to parts over 16 MiB, because
	// smaller parts are harmless. Default 250. (Deflate cannot exceed 1,032.)
	MaxRatio int
	// MaxDescriptionBytes is the uncompressed size of each part that describes the workbook (content types,
	// relationships, workbook, styles), in bytes. Default 32 MiB.
	MaxDescriptionBytes int64
	// MaxSheets is the number of sheets. Default 4,096.
	MaxSheets int
	// MaxStyles is the number of cell formats, and of number formats.
	// Default 262,144; Excel's own limit is 65,490.
	MaxStyles int
	// MaxRows is the highest row number. Default 1,048,576, which is Excel's.
	MaxRows int
	// MaxLines is the number of lines of a text file, which can have more than a
	// sheet has rows. Default 16,777,216.
	MaxLines int
	// MaxColumns is the highest column number. Default 16,384, which is
	// Excel's.
	MaxColumns int
	// MaxCellBytes is the size of one cell's text in UTF-8, and of any one
	// tag or run of text as XML, in bytes. Default 1 MiB; Excel's own limit
	// is 32,767 characters.
	MaxCellBytes int
	// MaxRowBytes is the size of one row as XML, in bytes. Default 64 MiB.
	MaxRowBytes int64
	// MaxSharedStrings is the number of shared strings. Default 16,777,216.
	MaxSharedStrings int
	// MaxSharedStringBytes is the text of all shared strings in UTF-8, in
	// bytes. Default 1 GiB.
	MaxSharedStringBytes int64
	// MaxSharedFormulaBytes is the size of the formulas that cells of a sheet share, in bytes, plus 128 bytes for each.
	// Above that, formulas whose ranges end above the current row are dropped, which must free half of the memory.
	// Default 8 MiB.
	MaxSharedFormulaBytes int64
	// MaxDepth is the maximum nesting depth of elements. Default 64.
	MaxDepth int
	// Memory is the workbook's share of a memory budget. It is enlarged before the workbook's memory grows. Default
	// Unlimited.
	Memory Memory
	// SpillDir is the folder for shared strings that Memory has no room for. The default is the system's temporary folder.
	SpillDir string
}

// DefaultLimits returns the defaults of all fields.
func DefaultLimits() Limits {
	return Limits{
		MaxEntries:            10_000,
		MaxPartBytes:          4 << 30,
		MaxTotalBytes:         8 << 30,
		MaxRatio:              250,
		MaxDescriptionBytes:   32 << 20,
		MaxSheets:             4_096,
		MaxStyles:             1 << 18,
		MaxRows:               1_048_576,
		MaxLines:              1 << 24,
		MaxColumns:            16_384,
		MaxCellBytes:          1 << 20,
		MaxRowBytes:           64 << 20,
		MaxSharedStrings:      1 << 24,
		MaxSharedStringBytes:  1 << 30,
		MaxSharedFormulaBytes: 8 << 20,
		MaxDepth:              64,
		Memory:                Unlimited{},
	}
}

// Validate returns an error that names the first limit out of range, and its range.
func (l Limits) Validate() error {
	l = l.WithDefaults()
	for _, f := range []struct {
		name       string
		value, max int64
	}{
		{"MaxEntries", int64(l.MaxEntries), 1 << 24},
		{"MaxPartBytes", l.MaxPartBytes, 1 << 50},
		{"MaxTotalBytes", l.MaxTotalBytes, 1 << 50},
		{"MaxRatio", int64(l.MaxRatio), 1 << 20},
		{"MaxDescriptionBytes", l.MaxDescriptionBytes, 1 << 30},
		{"MaxSheets", int64(l.MaxSheets), 1 << 20},
		{"MaxStyles", int64(l.MaxStyles), 1 << 24},
		{"MaxRows", int64(l.MaxRows), 1_048_576},
		{"MaxLines", int64(l.MaxLines), 1 << 24},
		{"MaxColumns", int64(l.MaxColumns), 16_384},
		{"MaxCellBytes", int64(l.MaxCellBytes), 1 << 20},
		{"MaxRowBytes", l.MaxRowBytes, 1 << 40},
		{"MaxSharedStrings", int64(l.MaxSharedStrings), 1 << 31},
		{"MaxSharedStringBytes", l.MaxSharedStringBytes, 1 << 39},
		{"MaxSharedFormulaBytes", l.MaxSharedFormulaBytes, 1 << 40},
		{"MaxDepth", int64(l.MaxDepth), 10_000},
	} {
		if f.value < 1 || f.value > f.max {
			return fmt.Errorf("limit %s is %d. It must be between 1 and %d", f.name, f.value, f.max)
		}
	}
	return nil
}

// WithDefaults returns the limits with defaults for fields that are zero.
func (l Limits) WithDefaults() Limits {
	d := DefaultLimits()
	setDefault(&l.MaxEntries, d.MaxEntries)
	setDefault(&l.MaxPartBytes, d.MaxPartBytes)
	setDefault(&l.MaxTotalBytes, d.MaxTotalBytes)
	setDefault(&l.MaxRatio, d.MaxRatio)
	setDefault(&l.MaxDescriptionBytes, d.MaxDescriptionBytes)
	setDefault(&l.MaxSheets, d.MaxSheets)
	setDefault(&l.MaxStyles, d.MaxStyles)
	setDefault(&l.MaxRows, d.MaxRows)
	setDefault(&l.MaxLines, d.MaxLines)
	setDefault(&l.MaxColumns, d.MaxColumns)
	setDefault(&l.MaxCellBytes, d.MaxCellBytes)
	setDefault(&l.MaxRowBytes, d.MaxRowBytes)
	setDefault(&l.MaxSharedStrings, d.MaxSharedStrings)
	setDefault(&l.MaxSharedStringBytes, d.MaxSharedStringBytes)
	setDefault(&l.MaxSharedFormulaBytes, d.MaxSharedFormulaBytes)
	setDefault(&l.MaxDepth, d.MaxDepth)
	if l.Memory == nil {
		l.Memory = d.Memory
	}
	return l
}

func setDefault[T int | int64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}
